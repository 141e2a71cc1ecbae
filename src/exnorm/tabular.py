"""Turn lines of a log into rows of a table: the payload of each line and some plain columns beside it."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from exnorm.engine.rows import from_latin1, read_row_time, split_quoted
from exnorm.errors import EncodeError, SettingsError
from exnorm.identity import exnorm_id, identify_rows
from exnorm.model import Event, Layout, Record, Source, Unparsed
from exnorm.pipeline.normalizer import Normalizer, Written
from exnorm.pipeline.stream import Stream
from exnorm.settings import Settings, make_settings

OK, UNPARSED, HEADER, DROPPED = "ok", "unparsed", "header", "dropped"
"""What ``status`` may be: an event, a line that did not parse, a header or blank line, or left out."""


class Row(NamedTuple):
    """The result of one line: ``time`` is the event's own, in epoch milliseconds UTC."""

    time: int | None
    event_id: str | None
    payload: bytes | None
    status: str
    reason: str | None
    exnorm_id: str | None


_HEADER_ROW = Row(None, None, None, HEADER, None, None)
_DROPPED_ROW = Row(None, None, None, DROPPED, None, None)


class Recipe:
    """The arguments of a normalizer, to be sent to other processes, each of which makes its own.

    ``settings`` are those of ``Normalizer`` by name. Where ``plugins`` (their distributions by name) are
    given, a process with other plugins or versions raises an error.
    """

    def __init__(self, settings: Mapping[str, Any], plugins: Mapping[str, str] | None = None) -> None:
        given = dict(settings)
        if "plugin_settings" in given:
            given["plugins"] = given.pop("plugin_settings")
        self.settings: Settings = make_settings(given)
        self.plugins = plugins

    @property
    def normalizer(self) -> Normalizer:
        """The pipeline; one for each process, however often the recipe arrives there."""
        return _assemble(pickle.dumps((self.settings, self.plugins)))

    def pinned(self) -> Recipe:
        """Return a copy for processes with exactly the plugins of this one."""
        pinned = Recipe({})
        pinned.settings, pinned.plugins = self.settings, list_plugins(self.normalizer)
        return pinned


@lru_cache(maxsize=8)  # a worker of an engine serves task after task
def _assemble(recipe: bytes) -> Normalizer:
    settings, plugins = pickle.loads(recipe)
    normalizer = Normalizer.from_settings(settings)
    found = list_plugins(normalizer)
    if plugins is not None and found != plugins:
        raise SettingsError(f"plugins: this process has {_show(found)}; expected {_show(plugins)}")
    return normalizer


def list_plugins(normalizer: Normalizer) -> dict[str, str]:
    """Return the active plugins by name, each with its distribution and version."""
    return {plugin.name: plugin.distribution for plugin in normalizer.plugins.listing()}


def _show(plugins: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({origin})" for name, origin in plugins.items())


# --- lines -> rows -------------------------------------------------------------------------------


def tabulate(lines: Sequence[bytes], stream: Stream, normalizer: Normalizer) -> Iterator[list[Row]]:
    """Yield the rows of each line: one, or several where it contains several records.

    Runs of plain rows go through generated code; the others one by one.
    """
    batch = normalizer.batches.prepare(lines, stream)
    at = 0
    while at < len(lines):
        layout = stream.layout
        cell = -1 if layout is None else _find_event_cell(layout, stream.source)
        if batch is not None and layout is not None and cell >= 0:
            try:
                payloads = normalizer.batches.encode(batch, at, stream)
            except EncodeError:  # of a plugin's format; row by row it will be told which
                batch, payloads = None, []
            yield from _describe_plain(lines[at : at + len(payloads)], payloads, cell, layout, stream.name)
            at += len(payloads)
        if at < len(lines):
            yield _read_line(lines[at], stream, normalizer)
            at += 1


def _find_event_cell(layout: Layout, source: Source | None) -> int:
    """Return the position of the event's name in rows; -1 where it is not a cell."""
    if source is None or source.event_column in source.derived or layout.separator != ",":
        return -1
    columns = layout.schema.columns
    return columns.index(source.event_column) if source.event_column in columns else -1


def _describe_plain(
    lines: Sequence[bytes], payloads: Sequence[bytes | None], cell: int, layout: Layout, path: str
) -> Iterator[list[Row]]:
    rows = [line.removesuffix(b"\n").removesuffix(b"\r") for line in lines]
    for row, payload, identity in zip(rows, payloads, identify_rows(path, rows)):
        if payload is None:
            yield [_DROPPED_ROW]
            continue
        event_id = from_latin1(_read_cell(row, cell).decode("latin-1")).upper()
        yield [Row(read_row_time(row, layout), event_id, payload, OK, None, identity)]


def _read_cell(row: bytes, number: int) -> bytes:
    cells = row.split(b",", number + 1)[: number + 1]
    if b'"' in row and any(b'"' in cell for cell in cells):
        return split_quoted(row.decode("latin-1"))[number].encode("latin-1")
    return cells[number]


def _read_line(line: bytes, stream: Stream, normalizer: Normalizer) -> list[Row]:
    items = list(normalizer.parse([line], stream))
    if not items:
        return [_HEADER_ROW]
    return [row for item in items for row in describe_item(item, normalizer)] or [_DROPPED_ROW]


def describe_item(item: Record | Unparsed, normalizer: Normalizer) -> Iterator[Row]:
    """Yield the rows of a record, or of a line that did not parse."""
    for found in normalizer.write_item(item):
        yield _describe(found, normalizer)


def _describe(found: Event | Written | Unparsed, normalizer: Normalizer) -> Row:
    encoded = normalizer.encode_event(found) if isinstance(found, Event) else found
    if isinstance(encoded, Unparsed) or isinstance(found, Unparsed):
        assert isinstance(encoded, Unparsed)
        return Row(None, None, normalizer.encode_unparsed(encoded), UNPARSED, encoded.reason, None)
    record, payload = found.record, encoded.payload if isinstance(encoded, Written) else encoded
    return Row(record.time, record.event_id, payload, OK, None, exnorm_id(record))
