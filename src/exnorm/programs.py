"""The generated code of a pipeline: made when there are rows or records enough, kept in a bounded number."""

from __future__ import annotations

from dataclasses import dataclass

from exnorm.compiled import (
    MOST_COLUMNS,
    Program,
    RecordProgram,
    RecordPrograms,
    generate,
    generate_for_records,
    may_have_code,
)
from exnorm.counts import Counts
from exnorm.identity import exnorm_id, identity_seed
from exnorm.model import Layout, Record, Schema, Source, Wire
from exnorm.routes import Route, Routes
from exnorm.rows import Batch, clothe
from exnorm.settings import Settings
from exnorm.stream import Stream

Kind = tuple[str, Schema, str]
"""What rows of one kind have in common: the source's name, the schema, the layout's edition."""

_FEW_LINES = 8  # fewer rows are not worth a generated function
_FEW_RECORDS = 64
_KEPT = 64  # a log may bring any number of headers


@dataclass(frozen=True)
class Begin:
    """What the payloads of a log begin with, as both kinds of program take it, and so their identity."""

    name: str
    source: Source
    start: bytes
    clothed: str
    seed: bytes


class Programs:
    """The code for rows and for records of the routes of a pipeline.

    ``wire`` is its format as data, ``None`` where no payload can be written by code.
    """

    def __init__(self, wire: Wire | None, routes: Routes, settings: Settings, counts: Counts) -> None:
        self.wire = wire
        self._routes, self._settings, self._counts = routes, settings, counts
        self._of_rows: dict[Kind, Program | None] = {}
        self._of_records = RecordPrograms(self._generate_for_record, worth=_FEW_RECORDS, most=_KEPT)
        self._few: dict[Kind, int] = {}  # rows of layouts that have no program yet
        self._last_begin: Begin | None = None

    def begin(self, name: str, source: Source) -> Begin:
        """What the payloads of a log begin with; an empty ``start`` says that its rows have no code."""
        known = self._last_begin
        if known is None or known.name != name or known.source is not source:
            assert self.wire is not None  # nobody asks otherwise
            start = _without_surrogates(self.wire.start(name, source))
            known = self._last_begin = Begin(
                name, source, start.encode("utf-8"), clothe(start), identity_seed(name)
            )
        return known

    # --- rows ------------------------------------------------------------------------------------------

    def for_rows(self, stream: Stream, batch: Batch | None) -> Program | None:
        """The program for the next lines; made at their layout's first row.

        Without a batch there may be any number of lines.
        """
        layout = stream.layout
        if layout is None or stream.source is None or self.wire is None:
            return None
        if batch is not None and batch.is_crowded:
            return None
        key = stream.source.name, layout.schema, layout.edition
        known = self._of_rows.get(key)
        if key not in self._of_rows and len(self._of_rows) < _KEPT:
            if batch is not None and not self._are_many(key, batch):
                return None
            known = self._of_rows[key] = self.generate(stream.source, layout)
        return known if self.begin(stream.name, stream.source).start else None

    def generate(self, source: Source, layout: Layout) -> Program | None:
        """The function for rows of a layout; ``None`` where they go the long way, one by one."""
        if self.wire is None or source.name not in self._routes.mapped:
            return None
        if len(layout.schema.columns) > MOST_COLUMNS:
            return None
        longest = self._settings.max_line_bytes
        route = self._routes.find(source, layout.schema.name)
        if route.record_processors or route.event_processors or route.find_rule is not None:
            return None
        return generate(route.mapping, route.keeps, layout, self.wire, self._counts, longest)

    def _are_many(self, key: Kind, batch: Batch) -> bool:
        """Whether there were so many rows of a layout that a program for it is worth its making."""
        seen = self._few.pop(key, 0) + batch.count_lines()
        if seen < _FEW_LINES and len(self._few) < _KEPT:
            self._few[key] = seen
        return seen >= _FEW_LINES

    # --- records ---------------------------------------------------------------------------------------

    def encode(self, record: Record, route: Route) -> bytes | None:
        """The payload of a record as its processors left it; ``None`` where it must go the long way."""
        if self.wire is None or route.event_processors:
            return None
        encode = self._of_records.find(record)
        start = "" if encode is None else self.begin(record.path, record.source).clothed
        payload = encode(record, start) if encode is not None and start else None
        return None if payload is None else payload.encode("latin-1")

    def generate_for_record(self, record: Record) -> RecordProgram | None:
        """The function for records like one, as the processors leave it."""
        kept: Record | None = self._routes.process(record, self._routes.of(record).record_processors)
        if kept is None or not may_have_code(kept.values):
            return None
        return self._generate_for_record(kept)

    def _generate_for_record(self, record: Record) -> RecordProgram | None:
        """The function for records like one; ``None`` where they go the long way."""
        route, columns = self._routes.of(record), tuple(record.values)
        if self.wire is None or route.event_processors:
            return None
        return generate_for_records(route.mapping, record.schema, columns, self.wire, self._counts, exnorm_id)


def _without_surrogates(start: str) -> str:
    """The text, or nothing where a path that is no UTF-8 is in it: each of its rows goes by itself."""
    try:
        start.encode("utf-8")
    except UnicodeEncodeError:
        return ""
    return start
