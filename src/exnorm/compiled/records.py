"""A table, the columns of records and a format as one function from a record to its payload.

For what a reader must read: logs whose rows are more than cells, rows of one log that depend on each other,
records that a plugin's processor has changed. The function gives nothing for a record with anything odd about
it, which then goes the long way; what it gives is what ``pipeline`` would write, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial

from exnorm.compiled.look_ups import Key, remember
from exnorm.compiled.parts import Unfit, is_fit, take_given
from exnorm.compiled.writer import Writer, name_derived
from exnorm.convert import iso_utc
from exnorm.mapping import CompiledMapping
from exnorm.model import Notes, Record, Schema, Wire
from exnorm.rows import clothe, join_cells

Encode = Callable[[Record, str], "str | None"]
"""A record and what begins its payload; gives the payload, ``None`` of an odd record. All text is clothed."""

Identify = Callable[[Record], str]

_WRITE = ("return payload",)
_NAMES_LONGEST = 16 * 1024  # characters of all names; rows of JSON may bring any

MOST_COLUMNS = 128
"""Columns of what code is generated for; a program takes memory by the column."""


def may_have_code(columns: Collection[str]) -> bool:
    """Whether there are few enough columns for code, with names that are not too long to be kept."""
    return len(columns) <= MOST_COLUMNS and sum(map(len, columns)) <= _NAMES_LONGEST


class RecordProgram:
    """The code for records of one table whose values stand under the same columns in the same order.

    ``source_text`` is the generated Python, ``encode`` the function.
    """

    def __init__(self, writer: _RecordWriter) -> None:
        self.source_text = "\n".join(writer.assemble()) + "\n"
        self.encode: Encode = writer.bind(self.source_text)


def generate_for_records(
    mapping: CompiledMapping,
    schema: Schema,
    columns: tuple[str, ...],
    wire: Wire,
    notes: Notes,
    identify: Identify,
) -> RecordProgram | None:
    """A program, or ``None`` where the table, the columns or the format ask for what has no code here."""
    try:
        writer = _RecordWriter(mapping, schema, columns, wire, notes, identify)
        writer.write()
    except Unfit:
        return None
    return RecordProgram(writer)


class _RecordWriter(Writer):
    """Cells are a record's values in order, and behind them the derived values that the table reads."""

    leave = "return None"

    def __init__(
        self,
        mapping: CompiledMapping,
        schema: Schema,
        columns: tuple[str, ...],
        wire: Wire,
        notes: Notes,
        identify: Identify,
    ) -> None:
        derived = name_derived(mapping)
        super().__init__(mapping, columns, derived, wire, notes)
        self.schema, self.identify = schema, identify
        self.derived = derived
        self.time_cell = ""
        if len(columns) < 2 or not mapping.source.derived.keys().isdisjoint(columns):
            raise Unfit

    def _column(self, origin: str) -> str:
        return origin if origin in self.cell else ""

    def _make_record(self, texts: dict[str, str]) -> Record | None:
        values = {name: text for name, text in texts.items() if name in self.columns}
        derived = {name: text for name, text in texts.items() if name not in values}
        return Record(self.source, self.schema, values, derived=derived)

    def _write_stamp(self) -> str:
        return "{stamp}"

    def _read_time(self, cell: str) -> None:
        if self.time_cell not in ("", cell):
            raise Unfit
        self.time_cell = cell

    def assemble(self) -> Iterator[str]:
        """The lines of the generated function."""
        yield "def encode(record, start):"
        for line in (*self._read_cells(), *self._check_limits(), *self.checks, *self._write_identity()):
            yield f"    {line}"
        for line in self._write_long(_WRITE):
            yield f"    {line}"
        for line in self.payload.write(partial(take_given, is_fit), _WRITE):
            yield f"    {line}"

    def _read_cells(self) -> Iterator[str]:
        if self.wire.every_column:
            yield f"if record.envelope is not None: {self.leave}"
        yield "derived = record.derived"
        yield f"if not is_known(derived): {self.leave}"
        texts = "".join(f", derived.get({name!r}, '')" for name in self.derived)
        yield f"row = join((*record.values.values(){texts}))"
        yield 'cells = row.split("\\n")'
        yield f"if len(cells) != {len(self.cell)}: {self.leave}"
        yield f"{', '.join(self.cell.values())} = cells"
        yield from self._read_times()
        for cache in self.caches.values():
            if cache.slots:
                yield from self._read_slots(cache)
        yield from self.choices
        if not self.wire.every_column:
            yield 'marks = ""'
            yield "if record.marks:"
            yield "    marks = show_marks(record.marks)"
            yield f"    if not marks: {self.leave}"
        if self.list_cells:
            yield 'apostrophe = "\'" in row'

    def _write_leftover(self) -> None:
        super()._write_leftover()
        self.payload.add_rest("{marks}")

    def _read_times(self) -> Iterator[str]:
        """Code: the time in the cell that a row of the table reads, and the record's own."""
        if self.time_cell:
            yield from self._look_up("second", "seconds", "find_second", f"{self.time_cell}[:19]")
            yield from self._look_up("fraction", "fractions", "find_fraction", f"{self.time_cell}[19:]")
        if self.wire.timestamp[0] and not self.wire.every_column:
            yield "stamp = show_time(record.time)"
            yield f"if stamp is None: {self.leave}"

    def _write_identity(self) -> Iterator[str]:
        if self.wire.original[0]:
            yield "original = write_original(record.raw)"
            yield f"if original is None: {self.leave}"
        if self.wire.identity[0]:
            yield "identity = identify(record)"

    def _remember_marks(self) -> Callable[[Mapping[str, str]], str]:
        """Shows what processors say of a record, behind its columns; empty where it has no place there."""
        known: dict[Key, list[tuple[str, str]]] = {}
        wire, columns = self.wire, self.columns

        def find_keys(names: tuple[str, ...]) -> list[tuple[str, str]] | None:
            keys = wire.keys((*columns, *names)) if set(names).isdisjoint(columns) else None
            return None if keys is None else keys[len(columns) :]

        find = remember(known, find_keys)

        def show_marks(marks: Mapping[str, str]) -> str:
            names = tuple(marks)
            keys = known.get(names) or find(names)
            words = join_cells(wire, (*marks.values(), "")).split("\n")[:-1]
            if keys is None or len(words) != len(names):
                return ""
            pairs = zip(keys, words)
            return "".join(f"{wire.separator}{before}{word}{after}" for (before, after), word in pairs)

        return show_marks

    def bind(self, source_text: str) -> Encode:
        """The generated function, ready to be called."""
        scope = self._scope()
        scope.update(
            join=partial(join_cells, self.wire),
            is_known=frozenset(self.source.derived).issuperset,
            write_original=partial(_write_original, self.wire),
            identify=self.identify,
            show_time=_show_time,
            show_marks=self._remember_marks(),
        )
        exec(compile(source_text, f"<exnorm {self.mapping.mapping.name}>", "exec"), scope)
        encode: Encode = scope["encode"]
        return encode


def _write_original(wire: Wire, raw: str) -> str | None:
    """A raw row, clothed; ``None`` where it holds half of a surrogate pair."""
    try:
        return clothe(wire.write_original(raw))
    except UnicodeEncodeError:
        return None


def _show_time(time: int | None) -> str | None:
    """A record's time; ``None`` where it has none, or one beyond the year 9999."""
    try:
        return iso_utc(time) if type(time) is int else None
    except OverflowError:
        return None


def _not_known(record: Record, start: str) -> str | None:
    """Stands for a function that nobody has asked for yet."""
    raise NotImplementedError


class RecordPrograms:
    """The programs of a pipeline for records, each made when there were ``worth`` records of its kind.

    ``generate`` makes one for a record. There is none of more kinds than ``most``, nor where
    ``may_have_code`` says so: a log may bring any number of kinds and columns.
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
        """The function for a record like this; ``None`` where there is none, or none yet."""
        key = (record.source.name, record.schema.name, *record.values)
        known = self._known.get(key, _not_known)
        return self._wait(key, record) if known is _not_known else known

    def _wait(self, key: tuple[str, ...], record: Record) -> Encode | None:
        """Count a record; the last that it takes makes the program."""
        if len(self._known) >= self._most or not may_have_code(record.values):
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
