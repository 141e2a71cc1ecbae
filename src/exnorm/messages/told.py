"""Rows of any logs in, one event for each message out, behind what carries no message."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Union

from exnorm.errors import SettingsError
from exnorm.journey.columns import as_columns
from exnorm.journey.joining import find_key
from exnorm.journey.steps import is_tracking, read_step
from exnorm.journey.story import tell
from exnorm.messages.rows import MOST_ROWS, RowStore
from exnorm.model import Record, Unparsed
from exnorm.pipeline.normalizer import Normalizer
from exnorm.settings import Settings
from exnorm.sources.message import HEADER, MESSAGE, NAME
from exnorm.text.lines import join_csv

Write = Callable[[Union[bytes, memoryview]], object]
_BLOCK_BYTES = 256 * 1024
_PART = "it has more rows than are told together"


def make_teller(settings: Settings, normalizer: Normalizer) -> Normalizer:
    """The normalizer that makes events of messages, with the settings of the one that reads their rows.

    Raises ``SettingsError`` where the taxonomy has no table for messages, or the settings split by recipient.
    """
    if settings.per_recipient:
        raise SettingsError("per_message and per_recipient: a message is one event or one for each recipient")
    if not any(mapping.source == MESSAGE.name for mapping in normalizer.plugins.registry.mappings.values()
               if mapping.taxonomy == normalizer.taxonomy.name):  # fmt: skip
        raise SettingsError(f"taxonomy {normalizer.taxonomy.name} has no table for {MESSAGE.name}")
    pinned = normalizer.plugins.registry.mappings.get(settings.mapping)
    is_ours = pinned is not None and pinned.source == MESSAGE.name
    return Normalizer.from_settings(
        replace(
            settings,
            source=MESSAGE.name,
            schema="",
            mapping=settings.mapping if is_ours else "auto",
            encoding="",
            strip_syslog=False,
        )
    )


class Messages:
    """Takes records and gives what is no message's row back; when all are there, tells the messages."""

    def __init__(self, normalizer: Normalizer, teller: Normalizer, store: RowStore) -> None:
        self._normalizer = normalizer
        self._teller = teller
        self._store = store
        self.told = 0

    def take(self, item: Record | Unparsed) -> Record | Unparsed | None:
        """Put a message's row down; anything else is given back, to be an event of its own."""
        if not isinstance(item, Record) or not is_tracking(item) or item.time is None:
            return item
        # What plugins do to rows, to hide names above all, is done before anything is kept of them.
        record = self._normalizer.process_record(item)
        if record is None:
            return None
        step = read_step(record)
        key = find_key(step)
        if not key:
            return item
        self._store.add(step, key)
        return None

    def tell(self, write: Write, report: Callable[[Unparsed], object]) -> Iterator[int]:
        """Write the event of each message, in order of their first rows; gives how many rows that were."""
        block = _Block(self._teller, write, report)
        before, part = "", 0
        for steps, notices in self._store.messages():
            story = tell(steps, notices)
            part = part + 1 if story.key == before else 0
            before = story.key
            block.add(as_columns(story, part, _PART if part or len(steps) >= MOST_ROWS else ""))
            self.told += 1
            yield len(steps)
        block.flush()


class _Block:
    """Rows of messages on their way through the teller, many at a time."""

    def __init__(self, teller: Normalizer, write: Write, report: Callable[[Unparsed], object]) -> None:
        self._teller, self._write, self._report = teller, write, report
        self._stream = teller.stream(NAME)
        self._lines = [HEADER]
        self._size = 0

    def add(self, columns: Mapping[str, str]) -> None:
        """Take a row; one that a line break of its own would cut goes by itself."""
        line = join_csv(columns.values())
        if "\n" in line or "\r" in line or "\0" in line:
            self.flush()
            item = self._teller.parse_fields(columns, self._teller.stream(NAME))
            payloads = self._teller.encode_records([item] if item is not None else [], self._report)
            self._write(b"".join(payload + b"\n" for payload in payloads))
            return
        self._lines.append(line + "\n")
        self._size += len(line)
        if self._size >= _BLOCK_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what was taken."""
        block = "".join(self._lines).encode("utf-8", "surrogatepass")
        self._lines.clear()
        self._size = 0
        self._teller.encode_block(block, self._stream, self._write, self._report)
