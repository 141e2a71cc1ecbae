"""A table, a schema and a format as one generated function over a batch of rows.

The function writes what ``pipeline`` would write, byte for byte, for every row with nothing odd about
it, and stops at any other row: an open quote, another width, a header line, a value longer than its
field. That row then goes the long way, and the function goes on behind it. What a table says is asked
of ``mapping.CompiledMapping`` itself: while the code is generated for what never changes, and once for
each distinct text of a column where a value depends on that column alone (addresses, events, builds).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import pairwise
from typing import Any

from exnorm.convert import (
    addresses,
    count,
    cut_utf8,
    integer,
    ip,
    ipv4,
    ipv6,
    mailbox,
    size_bytes,
    text,
    utc_ms,
)
from exnorm.mapping import CompiledMapping, CompiledRow
from exnorm.model import ByEvent, Constant, Frame, Layout, Notes, Record, Source, Value, Wire
from exnorm.native import (
    FRACTION,
    SECOND,
    Assembly,
    Find,
    Fits,
    ForIPv4,
    IsNot,
    LookUp,
    Machine,
    Optional,
    Premise,
    load_kernel,
)
from exnorm.patterns import compile_later
from exnorm.rows import clothe, exceeds, split_quoted, unclothe

CACHED = 8192
"""Distinct texts of one column that are remembered; past it, all are forgotten."""

OFTEN = 0.95
"""The share of rows in which a column must be filled, or empty, for the function to expect it."""

STEADY = 0.9
"""The share of rows in which a column must be as in the row before for the function to look there first."""

_NUMBERS = (integer, size_bytes, count)
_INLINE = (text, addresses, mailbox, utc_ms, *_NUMBERS)
_BY_FORM = (ipv4, ipv6, ip)  # an IPv4 address is for them the same value, or none, whichever it is
_EXAMPLES = "192.0.2.1", "198.151.100.254"
_LARGEST = 999_999_999  # what every format takes as an integer
_OFTEN_SAFE = 1000  # bytes; most rows are shorter, and so is then each of their cells
_IPV4 = compile_later(r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}", re.ASCII)
_ANY_TIME = "2000-01-01T00:00:00.000Z"

Run = Callable[..., int]
"""Rows, the same lines as bytes (needless where ``needs_lines`` is false), where to begin, where to put
payloads, what begins a payload, what begins an identity; where there is a frame, also what stands before and
after the row's time in it; where a host has pairs of its own, also what begins each payload and what stands
behind its time. Gives the number of the first row that was left alone. All text is clothed."""


@dataclass(frozen=True)
class _Surroundings:
    """What a host has the function write beside a payload, as code, and what the function is given for it."""

    given: tuple[str, ...] = ()
    start: str = "{start}"
    has_moment: bool = False
    pairs: str = ""  # behind the pair of the row's time
    end: str = ""  # as text of an f-string
    write: tuple[str, ...] = ("write(payload)",)


_NONE = _Surroundings()
_FRAMED = _Surroundings(
    given=("before", "after"),
    has_moment=True,
    write=(
        "head = heads(len(payload)) or find_head(len(payload))",
        'write(f"{before}{moment}{part}{after}{head}{payload}")',
    ),
)
_BESIDE = _Surroundings(("starts", "pairs"), start="{starts[at]}", pairs="{pairs[at]}", end=r"\n")


class Program:
    """The code for rows of one layout, and the columns that the table does not know.

    ``sampled`` says that it was made for rows like those in a sample. ``machine`` is the same for the kernel,
    where there is one; the Python is then made only when a row needs it.
    """

    def __init__(self, writer: _Writer) -> None:
        self._writer = writer
        self.columns = writer.columns
        self.unknown_columns = writer.find_unknown()
        self.sampled = writer.sampled
        self.needs_lines = bool(writer.wire.identity[0])
        self._framed: tuple[Frame, Run] | None = None
        self.machine: Machine | None = writer.bind_native()

    @cached_property
    def source_text(self) -> str:
        """The generated Python."""
        return "\n".join(self._writer.assemble()) + "\n"

    @cached_property
    def run(self) -> Run:
        """The generated function."""
        return self._writer.bind(self.source_text)

    def run_framed(self, frame: Frame) -> Run:
        """The same with a host's frame around each payload."""
        if self._framed is None or self._framed[0] is not frame:
            text = "\n".join(self._writer.assemble(_FRAMED)) + "\n"
            self._framed = frame, self._writer.bind(text, frame)
        return self._framed[1]

    @cached_property
    def run_beside(self) -> Run:
        """The same with a host's own pairs around the row's time, which the format must have, ended by LF."""
        return self._writer.bind("\n".join(self._writer.assemble(_BESIDE)) + "\n")

    @property
    def wants_sample(self) -> bool:
        """Whether it would be shorter if it was made for rows like those in a sample."""
        return not self.sampled and self.machine is None


def generate(
    mapping: CompiledMapping,
    keeps: Callable[[Record], bool] | None,
    layout: Layout,
    wire: Wire,
    notes: Notes,
    sample: Sequence[str] = (),
    longest: int = 4 * 1024 * 1024,
) -> Program | None:
    """A program, or ``None`` where the table, the schema or the format asks for what has no code here.

    ``keeps`` may look at a record's event only. Of the rows in ``sample`` it is learnt which columns are
    nearly always filled or empty: one test for all of them then leads to shorter code. A row of more than
    ``longest`` bytes is left alone.
    """
    if mapping.source.event_column not in layout.schema.columns:
        return None
    try:
        writer = _Writer(mapping, keeps, layout, wire, notes, sample, longest)
        writer.write()
    except _Unfit:
        return None
    return Program(writer)


# --- what is looked up ---------------------------------------------------------------------------


@dataclass
class _Found:
    """What the table makes of one text of one column."""

    record: Record
    fields: dict[str, Value]
    leftover: str


Make = Callable[[_Found], "str | None"]
"""One part of the code's input from what was found; ``None`` where a row with it goes the long way."""


@dataclass
class _Cache:
    """A column whose texts are looked up, the rows that depend on it alone, and what the code needs."""

    column: str
    rows: list[CompiledRow] = field(default_factory=list)
    slots: dict[str, Make] = field(default_factory=dict)


def _remember(known: dict[Any, Any], find: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """``find`` for what is not known yet; what it finds is known from then on, in bounded memory."""

    def found(key: Any) -> Any:
        value = find(key)
        if value is not None and (type(key) is int or len(key) <= 256):
            if len(known) >= CACHED:
                known.clear()
            known[key] = value
        return value

    return found


def _read_second(start: str) -> str | None:
    milliseconds = utc_ms(f"{start}Z")
    return None if milliseconds is None or milliseconds <= 0 else str(milliseconds // 1000)


def _read_fraction(end: str) -> str | None:
    milliseconds = utc_ms(f"2000-01-01T00:00:00{end}")
    return None if milliseconds is None else f"{milliseconds % 1000:03}"


class _Silent:
    def note(self, what: str, name: str) -> None:
        """Say nothing: a row that has something to count goes the long way, which counts it."""


# --- writing the code ----------------------------------------------------------------------------


class _Unfit(Exception):
    """The table asks for something that there is no code for; raised and caught while generating only."""


@dataclass(frozen=True)
class _Piece:
    """A part of the payload that may be missing: there where ``cell`` is filled and ``also`` holds.

    None of the groups in ``none_of`` may hold. The cell is cut to ``limit`` bytes, where that is not 0, and
    the cut of ``field`` is counted; without any text it is only counted.
    """

    name: str
    text: str
    cell: str
    also: tuple[Premise, ...] = ()
    none_of: tuple[tuple[Premise, ...], ...] = ()
    limit: int = 0
    field: str = ""

    @property
    def condition(self) -> str:
        """Code: when it is there, beside its cell being filled."""
        groups = " or ".join(" and ".join(map(_write_premise, group)) for group in self.none_of)
        return " and ".join((*map(_write_premise, self.also), *([f"not ({groups})"] if groups else [])))

    def given(self, holds: Callable[[Premise], bool]) -> _Piece | None:
        """As it stands in rows in which conditions hold; ``None`` where in none of them."""
        also, *groups = (
            tuple(one for one in group if not holds(one)) for group in (self.also, *self.none_of)
        )
        return replace(self, also=also, none_of=tuple(groups)) if self.text and all(groups) else None

    def for_long(self) -> _Piece:
        """As it stands in any row: with its value cut."""
        if not self.limit:
            return self
        value = re.compile(rf"\{{((?:list_)?{self.cell})\}}")
        return replace(self, text=value.sub(rf"{{cut_{self.name}(\1)}}", self.text))


class _Writer:
    """Writes one program. ``before`` and ``after`` are the payload's parts around the first fixed pair.

    A part is text of an f-string or a ``_Piece``. Pairs before the fixed one bring the separator at their
    end, those after it at their beginning, so that it stands between pairs whichever of them are there.
    """

    def __init__(
        self,
        mapping: CompiledMapping,
        keeps: Callable[[Record], bool] | None,
        layout: Layout,
        wire: Wire,
        notes: Notes,
        sample: Sequence[str],
        longest: int,
    ) -> None:
        self.mapping, self.keeps, self.layout, self.wire, self.notes = mapping, keeps, layout, wire, notes
        self.source: Source = mapping.source
        self.columns = layout.schema.columns
        self.cell = {column: f"c{number}" for number, column in enumerate(self.columns)}
        self.rows = [_bare(row) for row in mapping.rows if row.field is not None]
        self.unescape = _unescaper(wire)
        self.separator = _literal(wire.separator)
        self.caches: dict[str, _Cache] = {}
        self.header: dict[str, str] = {}
        self.before: list[str | _Piece] = []
        self.after: list[str | _Piece] = []
        self.rest: list[str | _Piece] = []  # additional data where it is enclosed
        self.fixed = False
        self.checks: list[str] = []
        self.last: list[str] = []  # done when nothing can stop the row any more
        self.limits: dict[str, int] = {}
        self.uncut: set[str] = set()  # of those, the cells that are not cut here
        self.cuts: list[str | _Piece] = []  # to be counted, where the cell is written whole
        self.used: dict[str, list[tuple[Premise, ...]]] = {}  # when a column is, beside being filled
        self.longest = longest
        self.number_cells: dict[str, None] = {}
        self.list_cells: dict[str, None] = {}
        self.number = 0
        split = [self._split(row) for row in sample]
        self.sampled = bool(sample)
        self.seen = [
            dict(zip(self.cell.values(), cells)) for cells in split if len(cells) == len(self.columns)
        ]

    def write(self) -> None:
        """Write the parts of the program; raises ``_Unfit``."""
        self._check_names()
        self._find_caches()
        self._judge_event()
        if self.wire.every_column:
            self._limit_all()
            self._write_columns()
        else:
            if self.wire.timestamp[0]:
                self._add_fixed(_pair(self.wire.timestamp, "{c0[:19]}.{fraction}Z"))
            self._write_rows()
            self._write_leftover()
        if not self.fixed:
            raise _Unfit

    def find_unknown(self) -> tuple[str, ...]:
        """The columns that the table does not know."""
        return tuple(column for column in self.columns if column not in self.mapping.known_columns)

    # --- what the rows depend on ---

    def _check_names(self) -> None:
        """No label may be a field that a row writes: the later would take the earlier's place."""
        names = {row.field.name for row in self.rows if row.field}
        if any(row.label_field and row.label_field.name in names for row in self.rows):
            raise _Unfit
        if any(row.row.partial for row in self.rows):  # its column is written whole as well
            raise _Unfit

    def _column(self, origin: str) -> str:
        """The column behind an origin; empty where the schema has none."""
        if origin in self.source.derived:
            if origin not in self.layout.derived:
                raise _Unfit
            origin = self.layout.derived[origin]
        return origin if origin in self.cell else ""

    def _condition(self, row: CompiledRow) -> str:
        """The column that decides whether a row holds; empty where none does."""
        when = row.row.when
        if when is None or row.holds is None:
            return ""
        return self.source.event_column if when.subject == "event" else self._column(when.name)

    def _inputs(self, row: CompiledRow) -> set[str]:
        """The columns that a row depends on."""
        origins = {self._column(o) for o in row.row.origins if not isinstance(o, Constant)}
        return (origins | {self._condition(row)}) - {""}

    def _cache_of(self, row: CompiledRow) -> _Cache | None:
        """The cache that holds all of what a row gives."""
        inputs = self._inputs(row)
        return self.caches.get(next(iter(inputs))) if len(inputs) == 1 else None

    def _find_caches(self) -> None:
        """A column is looked up where it decides something, stands in the header, or is hard to read."""
        looked_up = {self.source.event_column, *self.layout.derived.values()}
        for row in self.rows:
            looked_up.add(self._condition(row))
            assert row.field is not None
            if row.field.name in self.wire.header or row.read not in _INLINE:
                looked_up |= self._inputs(row)
        if self.columns[0] in looked_up:
            raise _Unfit
        self.caches = {column: _Cache(column) for column in self.columns if column in looked_up}
        for row in self.rows:
            cache = self._cache_of(row)
            if cache is not None:
                cache.rows.append(row)

    def _judge_event(self) -> None:
        """What is decided by the event alone: whether the row is kept, and whether the table knows it."""
        cache = self.caches[self.source.event_column]
        cell, known, keeps = self.cell[cache.column], self.mapping.known_events, self.keeps
        if known:
            cache.slots["unknown"] = lambda found: "" if found.record.event_id in known else "unknown"
            self.last.append(f"if unknown: count_unknown({cell})")
        if keeps is not None:
            cache.slots["dropped"] = lambda found: "" if keeps(found.record) else "dropped"
            self.checks.append("if dropped:")
            self.checks += [f"    {line}" for line in (*self.last, f"count_dropped({cell})", "continue")]

    # --- the table's rows ---

    def _write_rows(self) -> None:
        waiting = list(self.rows)
        while waiting:
            row = waiting.pop(0)
            assert row.field is not None
            cache = self._cache_of(row)
            if row.field.name in self.wire.header:
                self._write_header(row, cache)
            elif not self._inputs(row):
                self._write_constant(row)
            elif cache is not None:
                self._write_looked_up(row, cache)
            elif row.read is utc_ms:
                self._write_time(row)
            else:
                group = [row, *self._alternatives(row, waiting)]
                del waiting[: len(group) - 1]
                self._write_column(group)
        for name in self.wire.header:
            if name not in self.header:
                self.header[name] = self._show(name, None)

    def _show(self, name: str, value: Value | None) -> str:
        shown = self.wire.show(name, value)
        if shown is None:
            raise _Unfit
        return _literal(shown)

    def _write_header(self, row: CompiledRow, cache: _Cache | None) -> None:
        assert row.field is not None
        name, show = row.field.name, self.wire.show
        if name in self.header or (cache is None and self._inputs(row)):
            raise _Unfit
        if cache is None:
            self.header[name] = self._show(name, self._constant(row))
        else:
            slot = self._name("h")
            cache.slots[slot] = lambda found: show(name, found.fields.get(name))
            self.header[name] = f"{{{slot}}}"

    def _constant(self, row: CompiledRow) -> Value | None:
        """What a row gives that no column of this schema takes part in."""
        record = Record(self.source, self.layout.schema, {self.columns[0]: _ANY_TIME})
        refusal = self.layout.finish(record)
        event = replace(self.mapping, rows=(row,)).normalize(record, _Silent())
        if refusal is not None or record.schema.name != self.layout.schema.name or event.cut:
            raise _Unfit
        assert row.field is not None
        return event.fields.get(row.field.name)

    def _write_constant(self, row: CompiledRow) -> None:
        value = self._constant(row)
        if value is not None:
            shown = self.wire.escape(value) if isinstance(value, str) else str(value)
            self._add_fixed(self._labelled(row, _literal(shown), isinstance(value, str)))

    def _write_looked_up(self, row: CompiledRow, cache: _Cache) -> None:
        assert row.field is not None
        slot, name, wire, at_end = self._name("v"), row.field.name, self.wire, not self.fixed

        def make(found: _Found) -> str | None:
            value = found.fields.get(name)
            if value is None or (row.holds is not None and not row.holds(found.record)):
                return ""
            if isinstance(value, int) and value > _LARGEST:
                return None
            shown = wire.escape(value) if isinstance(value, str) else str(value)
            before, after = wire.pair(name, isinstance(value, str))
            pair = f"{_label(row, wire)}{before}{shown}{after}"
            return f"{pair}{wire.separator}" if at_end else f"{wire.separator}{pair}"

        cache.slots[slot] = make
        self._parts().append(f"{{{slot}}}")

    def _write_time(self, row: CompiledRow) -> None:
        if row.row.origins != (self.columns[0],) or row.holds is not None or row.row.partial:
            raise _Unfit
        self.used.setdefault(self.columns[0], []).append(())
        self._add_fixed(self._labelled(row, "{second}{fraction}", is_text=False))

    def _alternatives(self, first: CompiledRow, following: Iterable[CompiledRow]) -> Iterator[CompiledRow]:
        """The rows that follow and read the same column the same way under other conditions."""
        for row in following:
            same = row.row.origins == first.row.origins and row.read is first.read
            same = same and row.row.partial == first.row.partial
            conditional = first.holds is not None and row.holds is not None
            if not same or not conditional or self._condition(row) != self._condition(first):
                return
            assert row.field is not None
            if row.field.name in self.wire.header:
                return
            yield row

    def _write_column(self, group: list[CompiledRow]) -> None:
        """Rows that read one column, under conditions of which at most one holds."""
        row = group[0]
        column = row.row.origins[0]
        if len(row.row.origins) != 1 or isinstance(column, Constant):
            raise _Unfit
        if column not in self.cell or column in self.caches or column == self.columns[0]:
            raise _Unfit
        cell = self.cell[column]
        is_text, value, also = self._read(row, cell)
        limit, name = 0, ""
        for member in group:
            limit = self._limit(member, cell)
        if row.holds is None:
            assert row.field is not None
            pair, name = self._labelled(row, value, is_text), row.field.name
        else:
            limit = self._leave_uncut(cell, limit)
            key = self._choose(group, is_text)
            assert row.field is not None
            pair = f"{{{key}}}{value}{_literal(self.wire.pair(row.field.name, is_text)[1])}"
            also = also if _covers(group) else (*also, key)
        if not row.row.partial:
            fits = (Fits(cell, limit),) if limit else ()
            self.used.setdefault(column, []).append((*also, *fits))
        pair = f"{self.separator}{pair}" if self.fixed else f"{pair}{self.separator}"
        self._parts().append(_Piece(self._name("p"), pair, cell, also, (), limit, name))

    def _read(self, row: CompiledRow, cell: str) -> tuple[bool, str, tuple[Premise, ...]]:
        """How a cell is read: as text or number, the code of its value, when beside its being filled."""
        if row.read in _NUMBERS:
            self.number_cells.setdefault(cell)
            check = f"if {cell} and not ({_is_number(cell)}): return at"
            if check not in self.checks:
                self.checks.append(check)
            return False, f"{{{cell}}}", ()
        if row.read is text:
            return True, f"{{{cell}}}", ()
        self.list_cells.setdefault(cell)
        code = f"list_{cell} = addresses({cell}) if apostrophe and {cell} else {cell}"
        if code not in self.checks:
            self.checks.append(code)
        return True, f"{{list_{cell}}}", (IsNot(cell, "<>"),) if row.read is mailbox else ()

    def _choose(self, group: list[CompiledRow], is_text: bool) -> str:
        """The slot with what stands before the value: that of the row that holds; empty where none does."""
        wire = self.wire

        def make(found: _Found) -> str | None:
            for row in group:
                assert row.field is not None
                assert row.holds is not None
                if row.holds(found.record):
                    return f"{_label(row, wire)}{wire.pair(row.field.name, is_text)[0]}"
            return ""

        slot = self._name("k")
        self.caches[self._condition(group[0])].slots[slot] = make
        return slot

    def _labelled(self, row: CompiledRow, value: str, is_text: bool) -> str:
        """A pair as text of an f-string, the pair of its label before it."""
        assert row.field is not None
        return f"{_literal(_label(row, self.wire))}{_pair(self.wire.pair(row.field.name, is_text), value)}"

    # --- limits ---

    def _limit(self, row: CompiledRow, cell: str) -> int:
        """Note how long the cell may be for a row; 0 where it may have any length."""
        if row.field is None or not row.field.max_bytes or row.read in _NUMBERS:
            return 0
        self.limits[cell] = min(self.limits.get(cell, row.field.max_bytes), row.field.max_bytes)
        return row.field.max_bytes

    def _leave_uncut(self, cell: str, limit: int) -> int:
        """Leave a row alone in which the cell is too long; the limit to cut it to: none."""
        if limit:
            self.uncut.add(cell)
        return 0

    def _limit_all(self) -> None:
        """A format that writes columns has no fields, but one that would be cut is counted all the same."""
        for row in self.rows:
            for column in self._inputs(row) - self.caches.keys() - {self.columns[0]}:
                cell = self.cell[column]
                limit = self._limit(row, cell)
                if limit and not self._count_cut(row, cell, limit):
                    self._leave_uncut(cell, limit)

    def _count_cut(self, row: CompiledRow, cell: str, limit: int) -> bool:
        """Have the rows counted in which the field would be cut; whether they can be told."""
        if row.holds is not None or len(row.row.origins) > 1 or row.read not in (text, addresses, mailbox):
            return False
        assert row.field is not None
        if row.read is not text:
            self.list_cells.setdefault(cell)
        also = (IsNot(cell, "<>"),) if row.read is mailbox else ()
        self.cuts.append(_Piece(self._name("n"), "", cell, also, (), limit, row.field.name))
        return True

    def _check_limits(self) -> Iterator[str]:
        """Find values that are longer than their fields; stop at one that the long way must cut."""
        if self._cuts:
            yield "is_long = False"
        for cell, limit in self.limits.items():
            if limit < _OFTEN_SAFE:
                yield from self._check_limit(cell, limit)
        if any(limit >= _OFTEN_SAFE for limit in self.limits.values()):
            yield f"if len(row) > {_OFTEN_SAFE}:"
        for cell, limit in self.limits.items():
            if limit >= _OFTEN_SAFE:
                yield from (f"    {line}" for line in self._check_limit(cell, limit))

    def _check_limit(self, cell: str, limit: int) -> Iterator[str]:
        yield f"if len({cell}) > {limit} and exceeds({cell}, {limit}, unescape):"
        if cell in self.uncut:
            yield "    return at"
            return
        if cell in self.list_cells:
            yield "    if apostrophe: return at"  # its members are read first
        yield "    is_long = True"

    @property
    def _cuts(self) -> bool:
        """Whether there is a value that can be cut here."""
        return not self.limits.keys() <= self.uncut

    # --- columns themselves, and what no row used ---

    def _keys(self) -> list[tuple[str, str]]:
        keys = self.wire.keys(self.columns)
        if keys is None:
            raise _Unfit
        return keys

    def _write_columns(self) -> None:
        self.fixed = True  # what begins the payload is a pair already
        for column, around in zip(self.columns, self._keys()):
            self._add_fixed(_pair(around, f"{{{self.cell[column]}}}"))

    def _write_leftover(self) -> None:
        if not self.mapping.keep_additional:
            return
        if self.columns[0] not in self.used:
            raise _Unfit
        parts = self.rest if self.wire.nested[0] else self.after
        for column, around in list(zip(self.columns, self._keys()))[1:]:
            cell = self.cell[column]
            name = f"x{cell[1:]}"
            if column in self.caches:
                self.caches[column].slots[name] = self._make_leftover(around)
                parts.append(f"{{{name}}}")
            else:
                pair = f"{self.separator}{_pair(around, f'{{{cell}}}')}"
                used = tuple(self.used.get(column, ()))
                if () not in used:
                    parts.append(_Piece(name, pair, cell, (), used))

    def _make_leftover(self, around: tuple[str, str]) -> Make:
        wire = self.wire

        def make(found: _Found) -> str | None:
            shown = wire.escape(found.leftover)
            return f"{wire.separator}{around[0]}{shown}{around[1]}" if shown else ""

        return make

    # --- parts ---

    def _name(self, letter: str) -> str:
        self.number += 1
        return f"{letter}{self.number}"

    def _parts(self) -> list[str | _Piece]:
        return self.after if self.fixed else self.before

    def _add_fixed(self, pair: str) -> None:
        """A pair that is always there: the first of them is what the others lean on."""
        if self.fixed:
            self.after.append(f"{self.separator}{pair}")
        else:
            self.before.append(pair)
            self.fixed = True

    # --- what is expected ---

    def _share(self, holds: Callable[[dict[str, str]], bool]) -> float:
        """The share of the sample in which something holds of the row's cells."""
        return sum(map(holds, self.seen)) / len(self.seen) if self.seen else 0.0

    def _often_holds(self, premise: Premise) -> bool:
        """Whether a condition about a cell's text holds in nearly all rows of the sample."""
        if not isinstance(premise, IsNot):
            return False
        return self._share(lambda cells: cells[premise.cell] != premise.text) >= OFTEN

    def _is_steady(self, cell: str) -> bool:
        """Whether a cell of the sample is nearly always as in the row before."""
        same = sum(one[cell] == other[cell] for one, other in pairwise(self.seen))
        return len(self.seen) > 1 and same / (len(self.seen) - 1) >= STEADY

    def _split(self, row: str) -> list[str]:
        return split_quoted(row, self.wire.quote) if '"' in row else row.split(",")

    def _holds_text(self, cell: str) -> Callable[[dict[str, str]], bool]:
        return lambda cells: cells[cell] not in {"", self.source.absent}

    def _filled(self, cell: str) -> str:
        """Code: whether a cell holds anything."""
        absent = self.source.absent
        return f"{cell} and {cell} != {clothe(self.wire.escape(absent))!r}" if absent else cell

    # --- the function ---

    def assemble(self, around: _Surroundings = _NONE) -> Iterator[str]:
        """The lines of the generated function."""
        given = ("rows", "lines", "begin", "payloads", "start", "seed", *around.given)
        yield f"def run({', '.join(given)}):"
        yield "    write = payloads.append"
        yield "    at = begin - 1"
        yield f"    {' = '.join(('last_start', *(f'last_{cell}' for cell in self._steady)))} = None"
        if self.wire.identity[0]:
            yield "    begin_identity = blake2b(seed, digest_size=16).copy"
        yield "    for at, row in enumerate(rows[begin:] if begin else rows, begin):"
        for line in self._read_cells(around.has_moment):
            yield f"        {line}"
        for line in (*self._check_limits(), *self.checks, *self.last, *self._write_identity()):
            yield f"        {line}"
        for line in (*self._write_long(around), *self._write_expected(around)):
            yield f"        {line}"
        for line in self._write_payload(partial(_given, _is_fit), around):
            yield f"        {line}"
        yield "    return at + 1"

    def _read_cells(self, has_moment: bool) -> Iterator[str]:
        split = "split(row)" if self.wire.quote == '"' else "split(row, quote)"
        yield f'cells = row.split(",") if \'"\' not in row else {split}'
        yield f"if len(cells) != {len(self.columns)}: return at"
        yield f"{', '.join(self.cell.values())} = cells"
        yield "start_of_time, rest_of_time = c0[:19], c0[19:]"
        yield "if start_of_time != last_start:"
        for name in ("second", "moment") if has_moment else ("second",):
            yield from (f"    {line}" for line in _look_up(name, f"{name}s", f"find_{name}", "start_of_time"))
        yield "    last_start = start_of_time"
        for name in ("fraction", "part") if has_moment else ("fraction",):
            yield from _look_up(name, f"{name}s", f"find_{name}", "rest_of_time")
        for column, cache in self.caches.items():
            if cache.slots:
                yield from self._read_slots(self.cell[column], cache)
        if self.list_cells:
            yield 'apostrophe = "\'" in row'

    @cached_property
    def _steady(self) -> list[str]:
        """The cells that are looked up and nearly always as in the row before."""
        cells = [self.cell[column] for column, cache in self.caches.items() if cache.slots]
        return [cell for cell in cells if self._is_steady(cell)]

    def _read_slots(self, cell: str, cache: _Cache) -> Iterator[str]:
        found = list(_look_up("found", f"known_{cell}", f"find_{cell}", cell))
        found.append(f"{', '.join(cache.slots)}, = found")
        if cell not in self._steady:
            yield from found
            return
        yield f"if {cell} != last_{cell}:"
        yield from (f"    {line}" for line in (*found, f"last_{cell} = {cell}"))

    def _write_identity(self) -> Iterator[str]:
        if self.wire.original[0]:
            yield "original = row.replace('\"', quote)"
        if self.wire.identity[0]:
            yield "line = lines[at]"
            yield 'if line[-1:] == b"\\r": line = line[:-1]'
            yield "identity = begin_identity()"
            yield "identity.update(line)"
            yield "identity = identity.hexdigest()"

    def _write_expected(self, around: _Surroundings) -> Iterator[str]:
        """The short code for rows in which all is as expected."""
        parts = _given(_is_fit, (*self.before, *self.after, *self.rest))
        pieces = [part for part in parts if isinstance(part, _Piece)]
        cells = [cell for cell in self.cell.values() if any(piece.cell == cell for piece in pieces)]
        shares = {cell: self._share(self._holds_text(cell)) for cell in cells}
        filled = [cell for cell, share in shares.items() if share >= OFTEN]
        empty = [cell for cell, share in shares.items() if share <= 1 - OFTEN]
        if not self.seen or not (filled or empty):
            return
        asked = [one for piece in pieces for group in (piece.also, *piece.none_of) for one in group]
        held = [one for one in dict.fromkeys(asked) if self._often_holds(one)]
        tests = [*map(self._filled, filled), *map(_write_premise, held)]
        tests += [f"not ({' or '.join(map(self._filled, empty))})"] if empty else []
        choose = partial(_given, lambda one: _is_fit(one) or one in held)
        yield f"if {' and '.join(tests)}:"
        for line in (*self._write_payload(choose, around, filled, empty), "continue"):
            yield f"    {line}"

    def _write_long(self, around: _Surroundings) -> Iterator[str]:
        """The code for rows with a value that is longer than its field."""
        if not self._cuts:
            return
        yield "if is_long:"
        for part in self.cuts:
            assert isinstance(part, _Piece)
            condition = " and ".join(filter(None, (self._filled(part.cell), part.condition)))
            yield f"    if {condition}: cut_{part.name}({part.cell})"
        for line in (*self._write_payload(_for_long, around), "continue"):
            yield f"    {line}"

    def _write_payload(
        self,
        choose: Callable[[Iterable[str | _Piece]], list[str | _Piece]],
        around: _Surroundings,
        filled: Sequence[str] = (),
        empty: Sequence[str] = (),
    ) -> Iterator[str]:
        wire, body = self.wire, ""
        for part in choose((*self.before, around.pairs, *self.after)):
            yield from self._define(part, filled, empty)
            body += self._place(part, filled, empty)
        if self.rest:
            rest = choose(self.rest)
            for part in rest:
                yield from self._define(part, filled, empty)
            code, nest = self._nest(rest, filled, empty)
            yield from code
            body += nest
        body += self._write_end()
        header = "".join(f"{self.header[name]}|" for name in wire.header)
        payload = f"{around.start}{header}{_literal(wire.after_header)}{body}{_literal(wire.end)}{around.end}"
        yield f'payload = f"{payload}"'
        yield from around.write

    def _nest(
        self, parts: Sequence[str | _Piece], filled: Sequence[str], empty: Sequence[str]
    ) -> tuple[tuple[str, str], str]:
        """The code for additional data, whose first pair has no separator, and its text of an f-string."""
        before, after = map(_literal, self.wire.nested)
        texts = [self._place(part, filled, empty) for part in parts]
        rest = f"{{rest[{len(self.wire.separator)}:]}}"
        sure = [isinstance(part, _Piece) and part.cell in filled and not part.condition for part in parts]
        if True not in sure:
            code = f'rest = f"{"".join(texts)}"', f'if rest: rest = f"{self.separator}{before}{rest}{after}"'
            return code, "{rest}"
        first = sure.index(True)  # what may stand before it gives its separator to it
        code = f'rest = f"{"".join(texts[:first])}"', f'if rest: rest = f"{rest}{self.separator}"'
        inside = "".join(texts[first:]).removeprefix(self.separator)
        return code, f"{self.separator}{before}{{rest}}{inside}{after}"

    def _write_end(self) -> str:
        """The pairs that say which row it was, as text of an f-string."""
        names = {"{original}": self.wire.original, "{identity}": self.wire.identity}
        return "".join(
            f"{self.separator}{_pair(around, name)}" for name, around in names.items() if around[0]
        )

    def _define(self, part: str | _Piece, filled: Sequence[str], empty: Sequence[str]) -> Iterator[str]:
        """The code of a piece whose place in the payload takes more than its text."""
        if isinstance(part, str) or part.cell in empty or (part.cell in filled and not part.condition):
            return
        present = "" if part.cell in filled else self._filled(part.cell)
        condition = " and ".join(filter(None, (present, part.condition)))
        yield f'{part.name} = f"{part.text}" if {condition} else ""'

    @staticmethod
    def _place(part: str | _Piece, filled: Sequence[str], empty: Sequence[str]) -> str:
        if isinstance(part, str):
            return part
        if part.cell in empty:
            return ""
        return part.text if part.cell in filled and not part.condition else f"{{{part.name}}}"

    # --- what the code calls ---

    def bind(self, source_text: str, frame: Frame | None = None) -> Run:
        """The generated function, ready to be called."""
        seconds: dict[str, str] = {}
        fractions: dict[str, str] = {}
        scope: dict[str, Any] = {
            "split": split_quoted,
            "quote": self.wire.quote,
            "exceeds": exceeds,
            "unescape": self.unescape,
            "addresses": addresses,
            **(_load_hash() if self.wire.identity[0] else {}),
            "seconds": seconds.get,
            "find_second": _remember(seconds, _read_second),
            "fractions": fractions.get,
            "find_fraction": _remember(fractions, _read_fraction),
            "count_dropped": lambda cell: self._count("dropped", cell),
            "count_unknown": lambda cell: self._count("unknown_events", cell),
            "fits": lambda cell, limit: not exceeds(cell, limit, self.unescape),
        }
        if frame is not None:
            for name, write in ("moment", frame.second), ("part", frame.fraction), ("head", frame.head):
                texts: dict[Any, str] = {}
                scope[f"{name}s"], scope[f"find_{name}"] = texts.get, _remember(texts, write)
        for part in (*self.before, *self.after, *self.rest, *self.cuts):
            if isinstance(part, _Piece) and part.limit:
                scope[f"cut_{part.name}"] = partial(self._cut, part.limit, part.field)
        for column, cache in self.caches.items():
            known: dict[str, tuple[str, ...]] = {}
            find = self._finder(cache)
            scope[f"known_{self.cell[column]}"] = known.get
            scope[f"find_{self.cell[column]}"] = _remember(
                known, _with_ipv4(find, self._find_ipv4(cache, find))
            )
        exec(compile(source_text, f"<exnorm {self.mapping.mapping.name}>", "exec"), scope)
        run: Run = scope["run"]
        return run

    def bind_native(self) -> Machine | None:
        """The same parts as a program of the kernel."""
        machine = load_kernel()
        if machine is None:
            return None
        cells = {name: number for number, name in enumerate(self.cell.values())}
        look_ups = [
            LookUp(0, lambda start: _as_slots(_read_second(start)), ("second",), 0, 19, form=SECOND),
            LookUp(0, lambda end: _as_slots(_read_fraction(end)), ("fraction",), 19, form=FRACTION),
        ]
        for column, cache in self.caches.items():
            if cache.slots:
                find, names = self._finder(cache), tuple(cache.slots)
                for_ipv4 = self._find_ipv4(cache, find)
                look_ups.append(LookUp(cells[self.cell[column]], find, names, for_ipv4=for_ipv4))
        event = next(iter(self.caches[self.source.event_column].slots), "")
        if not event:
            return None
        assembly = Assembly(len(self.columns), self.wire, look_ups)
        header = "".join(f"{self.header[name]}|" for name in self.wire.header)
        assembly.add(f"{{start}}{header}{_literal(self.wire.after_header)}")
        for part in (*self.before, *self.after, *self.cuts):
            assembly.add(self._for_kernel(part, cells))
        if self.rest:
            assembly.add_nest([self._for_kernel(part, cells) for part in self.rest], *self.wire.nested)
        assembly.add(f"{self._write_end()}{_literal(self.wire.end)}")
        return assembly.build(
            machine,
            limits={cells[cell]: limit for cell, limit in self.limits.items() if cell in self.uncut},
            numbers=[cells[cell] for cell in self.number_cells],
            lists=[cells[cell] for cell in self.list_cells],
            absent=self.source.absent,
            longest=self.longest,
            events=event,
            count=self._count_for_kernel,
        )

    @staticmethod
    def _for_kernel(part: str | _Piece, cells: dict[str, int]) -> str | Optional:
        if isinstance(part, str):
            return part
        return Optional(part.text, cells[part.cell], part.also, part.none_of, part.limit, part.field)

    def _count_for_kernel(self, what: str, of: bytes | str) -> None:
        """Count the event that a cell of the log names, or a field."""
        if isinstance(of, str):
            self.notes.note(what, of)
        else:
            self._count(what, self.wire.escape(of.decode("latin-1")))

    def _find_ipv4(self, cache: _Cache, find: Find) -> ForIPv4 | None:
        """What is found for any IPv4 address: what stands before it and, where it is there, after it."""
        decides = cache.column in self.layout.derived.values()
        if decides or any(row.read not in _BY_FORM or row.holds is not None for row in cache.rows):
            return None
        first, second = (find(example) for example in _EXAMPLES)
        if first is None or second is None:
            return None
        before: list[str] = []
        after: list[str | None] = []
        for one, other in zip(first, second):
            begin, found, end = one.partition(_EXAMPLES[0])
            before.append(begin)
            after.append(end if found else None)
            if other != (f"{begin}{_EXAMPLES[1]}{end}" if found else one) or _EXAMPLES[0] in end:
                return None
        return tuple(before), tuple(after)

    def _count(self, what: str, cell: str) -> None:
        """Count the event that a cell names."""
        values = {self.source.event_column: unclothe(self.unescape(cell))}
        self.notes.note(what, Record(self.source, self.layout.schema, values).event_id)

    def _cut(self, limit: int, name: str, cell: str) -> str:
        """A cell cut to so many bytes, which is counted; as it is where it has no more."""
        plain = self.unescape(cell)
        if len(plain) <= limit:
            return cell
        self.notes.note("cut", name)
        return clothe(self.wire.escape(cut_utf8(unclothe(plain), limit)))

    def _finder(self, cache: _Cache) -> Find:
        """Asks the table what it makes of one text of a column; ``None`` where a row with it is odd."""
        column, layout = cache.column, self.layout
        table = replace(self.mapping, rows=tuple(cache.rows))
        decides = column in layout.derived.values()

        def find(cell: str) -> tuple[str, ...] | None:
            values = {self.columns[0]: _ANY_TIME, column: unclothe(self.unescape(cell))}
            record = Record(self.source, layout.schema, values)
            if decides and (layout.finish(record) is not None or record.schema.name != layout.schema.name):
                return None
            event = table.normalize(record, _Silent())
            found = _Found(record, event.fields, event.additional.get(column, ""))
            made = tuple(clothe(part) for make in cache.slots.values() if (part := make(found)) is not None)
            return made if len(made) == len(cache.slots) and not event.cut else None

        return find


def _load_hash() -> dict[str, Any]:
    from hashlib import blake2b  # loads OpenSSL, which most formats do without

    return {"blake2b": blake2b}


def _given(holds: Callable[[Premise], bool], parts: Iterable[str | _Piece]) -> list[str | _Piece]:
    """The parts as they stand in rows in which conditions hold."""
    made = [part if isinstance(part, str) else part.given(holds) for part in parts]
    return [part for part in made if part is not None]


def _for_long(parts: Iterable[str | _Piece]) -> list[str | _Piece]:
    """The parts as they stand in any row."""
    return [part if isinstance(part, str) else part.for_long() for part in parts]


def _is_fit(premise: Premise) -> bool:
    return isinstance(premise, Fits)


def _write_premise(premise: Premise) -> str:
    """Code: whether it holds."""
    if isinstance(premise, IsNot):
        return f'{premise.cell} != "{premise.text}"'
    return f"fits({premise.cell}, {premise.limit})" if isinstance(premise, Fits) else premise


def _with_ipv4(find: Find, for_ipv4: ForIPv4 | None) -> Find:
    """``find``, with what is known of every IPv4 address instead of asking the table."""
    if for_ipv4 is None:
        return find
    around = tuple(zip(*for_ipv4))

    def found(cell: str) -> tuple[str, ...] | None:
        if not _IPV4.fullmatch(cell):
            return find(cell)
        return tuple([before if after is None else f"{before}{cell}{after}" for before, after in around])

    return found


def _as_slots(found: str | None) -> tuple[str, ...] | None:
    return None if found is None else (found,)


def _bare(row: CompiledRow) -> CompiledRow:
    """The row with its own reading function where it is one of ours, which cannot fail.

    A plugin's is called with care and its failures are counted, so it must be called for each row.
    """
    if row.read is row.row.read or isinstance(row.row.read, ByEvent):
        return row
    if row.row.read not in _INLINE:
        raise _Unfit
    return replace(row, read=row.row.read)


def _covers(group: list[CompiledRow]) -> bool:
    """Whether one of the group's conditions always holds."""
    conditions = [row.row.when for row in group if row.row.when is not None]
    excepted = [condition.values for condition in conditions if condition.negated]
    return any(not condition.negated and condition.values in excepted for condition in conditions)


def _is_number(cell: str) -> str:
    """Code: a number of up to nine digits as it is written out again; clothed text has no other digits."""
    return f'{cell}.isdecimal() and len({cell}) < 10 and ({cell}[0] != "0" or {cell} == "0")'


def _look_up(name: str, known: str, find: str, text: str) -> Iterator[str]:
    """Code: what is known of a text, or found out about it; the row is odd where that is nothing."""
    yield f"{name} = {known}({text}) or {find}({text})"
    yield f"if not {name}: return at"


def _label(row: CompiledRow, wire: Wire) -> str:
    """The pair of a row's label with the separator behind it, or nothing."""
    if row.label_field is None:
        return ""
    before, after = wire.pair(row.label_field.name, True)
    return f"{before}{wire.escape(row.row.label)}{after}{wire.separator}"


def _pair(around: tuple[str, str], value: str) -> str:
    """A pair as text of an f-string; ``value`` is such text already."""
    return f"{_literal(around[0])}{value}{_literal(around[1])}"


def _literal(constant: str) -> str:
    """A constant as it stands, clothed, inside an f-string."""
    plain = clothe(constant).encode("unicode_escape").decode("ascii")
    return plain.replace('"', '\\"').replace("{", "{{").replace("}", "}}")


def _unescaper(wire: Wire) -> Callable[[str], str]:
    """The inverse of ``wire.escape``."""
    table = {escaped: plain for plain, escaped in (*wire.escapes, ('"', wire.quote)) if escaped != plain}
    if not table:
        return lambda cell: cell
    pattern = re.compile("|".join(map(re.escape, table)))
    return lambda cell: pattern.sub(lambda found: table[found.group()], cell)
