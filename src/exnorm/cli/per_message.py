"""``exnorm convert --per-message``: rows into a store beside the output, then an event for each message."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from typing import Union

from exnorm.cli.conversion import Run, Sink, put, read_file
from exnorm.cli.inputs import STDIN, Input, read_blocks
from exnorm.errors import SettingsError, quote
from exnorm.messages.rows import RowStore
from exnorm.messages.told import Messages
from exnorm.model import Record, Unparsed
from exnorm.pipeline.normalizer import Normalizer
from exnorm.pipeline.stream import Stream

Write = Callable[[Union[bytes, memoryview]], object]


def convert_messages(
    normalizer: Normalizer,
    teller: Normalizer,
    inputs: list[Input],
    target: Sink | None,
    run: Run,
    advance: Callable[[int], None],
    output: str | None,
) -> None:
    """Write what carries no message as it comes, and one event for each message behind it."""
    write: Write = _drop if target is None else partial(put, target)
    with _open_store(output) as store:
        messages = Messages(normalizer, teller, store)
        for item in inputs:
            _read_file(normalizer, item, messages, write, run, advance)
        for _ in messages.tell(write, run.refuse):
            pass
    teller.counts.lines = teller.counts.header = 0  # they are in no file
    run.counts.merge(teller.counts)


def _drop(block: bytes | memoryview) -> None:
    """Write nothing."""


def _read_file(
    normalizer: Normalizer,
    item: Input,
    messages: Messages,
    write: Write,
    run: Run,
    advance: Callable[[int], None],
) -> None:
    def pass_on(items: Iterator[Record | Unparsed]) -> None:
        others = [other for one in items if (other := messages.take(one)) is not None]
        payloads = [payload + b"\n" for payload in normalizer.encode_records(others, run.refuse)]
        if payloads:
            write(b"".join(payloads))

    def store(stream: Stream) -> None:
        for block in read_blocks(item):
            pass_on(normalizer.parse(stream.cut(block), stream))
            advance(len(block))
        pass_on(normalizer.parse(stream.finish(), stream))
        pass_on(normalizer.drain(stream))

    read_file(normalizer, item, run, advance, store)


@contextlib.contextmanager
def _open_store(output: str | None) -> Iterator[RowStore]:
    """A store beside the output, in a file of our own that is gone afterwards."""
    is_file = output not in (None, STDIN)
    folder = os.path.dirname(os.path.abspath(output or "")) if is_file else tempfile.gettempdir()
    try:
        number, path = tempfile.mkstemp(prefix=".exnorm-messages-", suffix=".sqlite", dir=folder)
    except OSError as error:
        raise SettingsError(f"--per-message: cannot write into {quote(folder)}: {error.strerror}") from None
    os.close(number)
    store = RowStore(path)
    try:
        yield store
    finally:
        store.close()
        os.unlink(path)
