"""Plan the encoding of records of one kind, for logs that only their reader can read.

These are logs whose rows are more than cells, logs whose rows depend on each other, and records that a
plugin's processor has changed. The cells of such a plan are a record's values, then its derived values; it
begins after the record processors.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Any

from exnorm.convert import iso_utc
from exnorm.engine.emit_python import Emitter, remember
from exnorm.engine.plan import Part, Plan, Unfit, Value, Whole
from exnorm.engine.planner import Planner, name_derived
from exnorm.engine.rows import as_latin1, join_cells
from exnorm.model import Record, Schema, Wire
from exnorm.tables.mapping import CompiledMapping

Encode = Callable[[Record, str], "str | None"]
"""Takes a record and the start of its payload; gives the payload, ``None`` for an odd record.

Text is UTF-8 read as Latin-1.
"""

MOST_COLUMNS = 128
"""Columns that a plan is made for; it takes memory by the column."""

_NAMES_LONGEST = 16 * 1024  # characters of all names; rows of JSON may bring any


def may_have_plan(columns: Collection[str]) -> bool:
    """Return whether columns are few enough for a plan, and their names short enough to be kept."""
    return len(columns) <= MOST_COLUMNS and sum(map(len, columns)) <= _NAMES_LONGEST


class RecordProgram:
    """A plan for records, compiled to a function; ``source_text`` is its Python."""

    def __init__(self, plan: Plan, planner: RecordPlanner, identify: Callable[[Record], str]) -> None:
        emitter = Emitter(plan, "return None")
        self.source_text = "\n".join(_emit_encode(emitter, planner)) + "\n"
        more: dict[str, Any] = {
            "join": partial(join_cells, plan.wire),
            "is_known": frozenset(planner.source.derived).issuperset,
            "write_original": partial(_write_original, plan.wire),
            "identify": identify,
            "show_time": _show_time,
            "show_marks": _remember_marks(plan),
        }
        self.encode: Encode = emitter.bind(self.source_text, "encode", **more)


def plan_records(
    mapping: CompiledMapping,
    schema: Schema,
    columns: tuple[str, ...],
    wire: Wire,
    *,
    count: Callable[[str, str], object],
    identify: Callable[[Record], str],
) -> RecordProgram | None:
    """Return a program, or ``None`` where the table, the columns or the format need what a plan cannot
    express.
    """
    try:
        planner = RecordPlanner(mapping, schema, columns, wire)
        return RecordProgram(planner.plan(0, count), planner, identify)
    except Unfit:
        return None


class RecordPlanner(Planner):
    """Plans records: cells are a record's values in order, then the derived values the table reads."""

    def __init__(
        self, mapping: CompiledMapping, schema: Schema, columns: tuple[str, ...], wire: Wire
    ) -> None:
        super().__init__(mapping, columns, wire)
        self.schema = schema
        self.derived = name_derived(mapping)
        self.time_cell = -1
        if len(columns) < 2 or not mapping.source.derived.keys().isdisjoint(columns):
            raise Unfit
        for name in self.derived:
            self.cell[name] = self._new_cell()

    def _column(self, origin: str) -> str:
        return origin if origin in self.cell else ""

    def _make_record(self, texts: dict[str, str]) -> Record | None:
        values = {name: text for name, text in texts.items() if name in self.columns}
        derived = {name: text for name, text in texts.items() if name not in values}
        return Record(self.source, self.schema, values, derived=derived)

    def _stamp(self) -> tuple[tuple[tuple[str, Value], ...], str]:
        return (("", Whole.STAMP),), ""

    def _read_time(self, cell: int) -> None:
        if self.time_cell not in (-1, cell):
            raise Unfit
        self.time_cell = cell

    def _judge(self) -> None:
        """Do nothing: whether a record is kept was decided before."""

    def _write_leftover(self) -> None:
        super()._write_leftover()
        self.rest.append(Part((("", Whole.MARKS),)))


def _emit_encode(emitter: Emitter, planner: RecordPlanner) -> Iterator[str]:
    plan = emitter.plan
    yield "def encode(record, start):"
    if plan.wire.every_column:
        yield f"    if record.envelope is not None: {emitter.leave}"
    yield "    derived = record.derived"
    yield f"    if not is_known(derived): {emitter.leave}"
    texts = "".join(f" derived.get({name!r}, '')," for name in planner.derived)
    yield f'    cells = join((*record.values.values(),{texts})).split("\\n")'
    width = len(plan.columns) + len(planner.derived)
    yield f"    if len(cells) != {width}: {emitter.leave}"
    yield f"    {', '.join(f'c{cell}' for cell in range(width))} = cells"
    if planner.time_cell >= 0:
        for name, part in ("second", "[:19]"), ("fraction", "[19:]"):
            for line in emitter.look_up(name, name, f"c{planner.time_cell}{part}"):
                yield f"    {line}"
    if plan.have(Whole.STAMP):
        yield "    stamp = show_time(record.time)"
        yield f"    if stamp is None: {emitter.leave}"
    if not plan.wire.every_column:
        yield '    marks = ""'
        yield "    if record.marks:"
        yield "        marks = show_marks(record.marks)"
        yield f"        if not marks: {emitter.leave}"
    if plan.have(Whole.ROW):
        yield "    original = write_original(record.raw)"
        yield f"    if original is None: {emitter.leave}"
    if plan.have(Whole.IDENTITY):
        yield "    identity = identify(record)"
    for line in emitter.emit(("return payload",)):
        yield f"    {line}"


def _remember_marks(plan: Plan) -> Callable[[Mapping[str, str]], str]:
    """Return a function that writes the marks of processors after the columns; empty where the format has no
    place.
    """
    wire, columns = plan.wire, plan.columns
    scope: dict[str, Any] = {}

    def find_keys(names: tuple[str, ...]) -> list[tuple[str, str]] | None:
        keys = wire.keys((*columns, *names)) if set(names).isdisjoint(columns) else None
        return None if keys is None else keys[len(columns) :]

    remember("marks", find_keys, scope)

    def show_marks(marks: Mapping[str, str]) -> str:
        names = tuple(marks)
        keys = scope["known_marks"](names) or scope["find_marks"](names)
        words = join_cells(wire, (*marks.values(), "")).split("\n")[:-1]
        if keys is None or len(words) != len(names):
            return ""
        pairs = zip(keys, words)
        return "".join(f"{wire.separator}{before}{word}{after}" for (before, after), word in pairs)

    return show_marks


def _write_original(wire: Wire, raw: str) -> str | None:
    """Return a raw row, read as Latin-1; ``None`` where it contains a lone surrogate."""
    try:
        return as_latin1(wire.write_original(raw))
    except UnicodeEncodeError:
        return None


def _show_time(time: int | None) -> str | None:
    """Return a record's time as ISO 8601; ``None`` where it has none or lies after the year 9999."""
    try:
        return iso_utc(time) if type(time) is int else None
    except OverflowError:
        return None


def _not_known(record: Record, start: str) -> str | None:
    """Placeholder in the cache for a function that was not looked up yet."""
    raise NotImplementedError


class RecordPrograms:
    """The programs of a pipeline for records, each made after ``worth`` records of its kind.

    ``generate`` makes the program for a record. At most ``most`` kinds get one, and only where
    ``may_have_plan`` allows it, because a log may bring any number of kinds and columns.
    """

    def __init__(
        self,
        generate: Callable[[Record], RecordProgram | None],
        *,
        worth: int,
        most: int,
        most_waiting: int = 8,
    ) -> None:
        self._generate = generate
        self._worth, self._most, self._most_waiting = worth, most, most_waiting
        self._known: dict[tuple[str, ...], Encode | None] = {}
        self._waiting: dict[tuple[str, ...], int] = {}

    def find(self, record: Record) -> Encode | None:
        """Return the function for a record of this kind; ``None`` where there is none, or none yet."""
        key = (record.source.name, record.schema.name, *record.values)
        known = self._known.get(key, _not_known)
        return self._wait(key, record) if known is _not_known else known

    def _wait(self, key: tuple[str, ...], record: Record) -> Encode | None:
        """Count a record of a kind without a program, and make the program once there were enough."""
        if len(self._known) >= self._most or not may_have_plan(record.values):
            return None
        seen = self._waiting.pop(key, 0) + 1
        if seen < self._worth:
            self._waiting[key] = seen
            if len(self._waiting) > self._most_waiting:
                del self._waiting[next(iter(self._waiting))]
            return None
        program = self._generate(record)
        self._known[key] = None if program is None else program.encode
        return self._known[key]
