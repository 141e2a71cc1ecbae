"""The compiled plans of a pipeline: made for layouts and kinds of record that occur often, in a bounded
number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from exnorm.engine.emit_python import bind_run, emit_run
from exnorm.engine.kernel import Machine, load_kernel, pack
from exnorm.engine.plan import Plan, Whole
from exnorm.engine.plan_records import (
    MOST_COLUMNS,
    RecordProgram,
    RecordPrograms,
    may_have_plan,
    plan_records,
)
from exnorm.engine.plan_rows import plan_rows
from exnorm.engine.rows import Batch, as_latin1
from exnorm.identity import exnorm_id, identity_seed
from exnorm.model import ColumnProcessor, Layout, Record, Schema, Source, Wire
from exnorm.pipeline.counts import Counts
from exnorm.pipeline.routes import Route, Routes
from exnorm.pipeline.stream import Stream
from exnorm.settings import Settings

Kind = tuple[str, Schema, str]
"""What rows of one kind have in common: the source's name, the schema, the layout's edition."""

_FEW_LINES = 8  # fewer rows are not worth a generated function
_FEW_RECORDS = 64
_KEPT = 64  # a log may bring any number of headers


@dataclass(frozen=True)
class PayloadStart:
    """The text that begins each payload of a log, for generated code and for the kernel, and the seed of
    identities.
    """

    name: str
    source: Source
    start: bytes
    latin1: str
    seed: bytes


class Program:
    """A compiled plan for rows of one layout, and the columns that the table does not know.

    ``machine`` runs it in the kernel, where that was built; ``run`` is the generated Python.
    """

    def __init__(self, plan: Plan, layout: Layout, unknown_columns: tuple[str, ...]) -> None:
        self.plan, self.layout, self.columns = plan, layout, plan.columns
        self.unknown_columns = unknown_columns
        self.needs_lines = plan.have(Whole.IDENTITY)
        self.may_drop = any(note.drops for note in plan.notes)
        kernel = load_kernel()
        self.machine: Machine | None = None if kernel is None else pack(plan, kernel)

    @cached_property
    def source_text(self) -> str:
        """The generated Python source."""
        return emit_run(self.plan)

    @cached_property
    def run(self) -> Callable[..., int]:
        """The generated function, compiled at its first use."""
        return bind_run(self.plan, self.source_text)


class Programs:
    """The compiled plans for rows and records of all routes of a pipeline.

    ``wire`` describes the format as data; ``None`` where only its encoder can write it.
    """

    def __init__(self, wire: Wire | None, routes: Routes, settings: Settings, counts: Counts) -> None:
        self.wire = wire
        self._routes, self._settings, self._counts = routes, settings, counts
        self._of_rows: dict[Kind, Program | None] = {}
        self._of_records = RecordPrograms(self._generate_for_record, worth=_FEW_RECORDS, most=_KEPT)
        self._few: dict[Kind, int] = {}  # rows of layouts that have no program yet
        self._last_begin: PayloadStart | None = None

    def begin(self, name: str, source: Source) -> PayloadStart:
        """Return the beginning of a log's payloads; where ``start`` is empty, its rows cannot be compiled."""
        known = self._last_begin
        if known is None or known.name != name or known.source is not source:
            assert self.wire is not None  # callers check this first
            start = _without_surrogates(self.wire.start(name, source))
            known = self._last_begin = PayloadStart(
                name, source, start.encode("utf-8"), as_latin1(start), identity_seed(name)
            )
        return known

    # --- rows ------------------------------------------------------------------------------------------

    def for_rows(self, stream: Stream, batch: Batch | None) -> Program | None:
        """Return the program for the next lines, made at the first row of their layout.

        Without a batch the number of lines is not known, and is taken for large.
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
        """Return a program for rows of a layout; ``None`` where the pipeline must take them one by one."""
        if self.wire is None or source.name not in self._routes.mapped:
            return None
        if len(layout.schema.columns) > MOST_COLUMNS:
            return None
        longest = self._settings.max_line_bytes
        route = self._routes.find(source, layout.schema.name)
        processors = [
            (one.plugin, one.process)
            for one in route.record_processors
            if isinstance(one.process, ColumnProcessor)
        ]
        if len(processors) < len(route.record_processors) or route.event_processors:
            return None
        if route.find_rule is not None:
            return None
        plan = plan_rows(
            route.mapping,
            layout,
            self.wire,
            keeps=route.keeps,
            processors=processors,
            count=self._counts.note,
            longest=longest,
        )
        if plan is None:
            return None
        unknown = (column for column in plan.columns if column not in route.mapping.known_columns)
        return Program(plan, layout, tuple(unknown))

    def _are_many(self, key: Kind, batch: Batch) -> bool:
        """Return whether there were enough rows of a layout to make a program worth its cost."""
        seen = self._few.pop(key, 0) + batch.count_lines()
        if seen < _FEW_LINES and len(self._few) < _KEPT:
            self._few[key] = seen
        return seen >= _FEW_LINES

    # --- records ---------------------------------------------------------------------------------------

    def encode(self, record: Record, route: Route) -> bytes | None:
        """Return the payload of a processed record; ``None`` where the pipeline must encode it."""
        if self.wire is None or route.event_processors:
            return None
        encode = self._of_records.find(record)
        start = "" if encode is None else self.begin(record.path, record.source).latin1
        payload = encode(record, start) if encode is not None and start else None
        return None if payload is None else payload.encode("latin-1")

    def generate_for_record(self, record: Record) -> RecordProgram | None:
        """Return a program for records of this kind, as the record processors leave them."""
        kept: Record | None = self._routes.process(record, self._routes.of(record).record_processors)
        if kept is None or not may_have_plan(kept.values):
            return None
        return self._generate_for_record(kept)

    def _generate_for_record(self, record: Record) -> RecordProgram | None:
        """Return a program for records of this kind; ``None`` where the pipeline must encode them."""
        route, columns = self._routes.of(record), tuple(record.values)
        if self.wire is None or route.event_processors:
            return None
        return plan_records(
            route.mapping, record.schema, columns, self.wire, count=self._counts.note, identify=exnorm_id
        )


def _without_surrogates(start: str) -> str:
    """Return the text, or an empty one where a path in it is not UTF-8; such rows are encoded one by one."""
    try:
        start.encode("utf-8")
    except UnicodeEncodeError:
        return ""
    return start
