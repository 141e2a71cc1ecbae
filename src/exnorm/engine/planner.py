"""Turn a table, the columns of a log and a format into a plan.

The meaning of each row is asked of ``mapping.CompiledMapping`` itself: while planning where it never changes,
and once for each text of a column, or of several, where a value depends on those alone. A memo sees the texts
of its keys and nothing else.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from exnorm.convert import addresses, count, integer, ip, ipv4, ipv6, mailbox, size_bytes, text, utc_ms
from exnorm.engine.plan import (
    Cell,
    Check,
    Choose,
    Find,
    Fits,
    ForIPv4,
    IsNot,
    Limit,
    Memo,
    Note,
    Number,
    Part,
    Plan,
    Premise,
    Slot,
    Step,
    Unfit,
    Unwrapped,
    Value as PlanValue,
    Whole,
)
from exnorm.model import ByEvent, Constant, Event, Record, Source, Value, Wire
from exnorm.tables.mapping import CompiledMapping, CompiledRow

_NUMBERS = (integer, size_bytes, count)
_INLINE = (text, addresses, mailbox, utc_ms, *_NUMBERS)
_BY_FORM = (ipv4, ipv6, ip)  # an IPv4 address is for them the same value, or none, whichever it is
_EXAMPLES = "192.0.2.1", "198.151.100.254"
_NARROW, _WIDE = 9, 18  # digits of a number that fits 32 bits, and 64, signed
_ANY_TEXT = "x"
_ODD = re.compile("[\x00-\x1f\x85\u2028\u2029\ud800-\udfff]")


class LookedUp:
    """A record with the texts that were looked up, and the event that the table makes of it."""

    def __init__(self, record: Record, event: Event) -> None:
        self.record, self.event = record, event


Make = Callable[[LookedUp], "str | None"]
"""One finished text from what was found; ``None`` where a row with it is odd."""


class _Silent:
    def note(self, what: str, name: str) -> None:
        """Count nothing: a row with something to count is odd, and the table counts it."""


@dataclass
class Cache:
    """Origins whose texts are looked up together, and the table rows that depend on these alone; becomes a
    memo.
    """

    origins: tuple[str, ...]
    rows: list[CompiledRow] = field(default_factory=list)
    makes: list[Make] = field(default_factory=list)
    carried: set[str] = field(default_factory=set)  # columns of which it is asked whether they were used
    number: int = -1  # among memos, once it has a slot


class Planner(ABC):
    """Translates a table row by row into parts of the payload, and into checks that must hold before."""

    def __init__(self, mapping: CompiledMapping, columns: tuple[str, ...], wire: Wire) -> None:
        self.mapping, self.columns, self.wire = mapping, columns, wire
        self.source: Source = mapping.source
        self.cell = {name: number for number, name in enumerate(columns)}
        self.cells = len(columns)
        self.may_be_absent = set(range(self.cells)) if self.source.absent else set()
        self.rows = [_bare(row) for row in mapping.rows if row.field is not None]
        self.steps: list[Step] = []
        self.memos = 0
        self.caches: dict[tuple[str, ...], Cache] = {}
        self.deciding: set[str] = set()  # origins on which other values than their own depend
        self.looked_up: set[str] = set()
        self.checks: dict[Check, None] = {}
        self.limits: dict[int, int] = {}
        self.uncut: set[int] = set()  # of those, the cells that are not cut here
        self.used: dict[str, list[tuple[Premise, ...]]] = {}  # when a column is, beside being filled
        self.header: dict[str, tuple[str, PlanValue | None]] = {}
        self.before: list[Part] = []
        self.after: list[Part] = []
        self.rest: list[Part] = []
        self.cuts: list[Part] = []
        self.notes: list[Note] = []
        self.fixed = False

    def plan(self, longest: int, noted: Callable[[str, str], object]) -> Plan:
        """Return the plan; ``noted`` is called with what is to be counted. Raises ``Unfit``."""
        self._check_names()
        self._decide_rows()
        self._find_caches()
        self._judge()
        if self.wire.every_column:
            self._limit_all()
            self._write_columns()
        else:
            if self.wire.timestamp[0]:
                values, end = self._stamp()
                before, after = self.wire.timestamp
                self._add_fixed(_behind(before, Part(values, end + after)))
            self._write_rows()
            self._write_leftover()
        if not self.fixed:
            raise Unfit
        opening: list[tuple[str, PlanValue]] = [("", Whole.START)]
        constant = ""
        for name in self.wire.header:
            shown, value = self.header[name]
            if value is not None:
                opening.append((constant, value))
                constant = ""
            constant += f"{shown}|"
        closing = [
            Part(*_pair((f"{self.wire.separator}{around[0]}", around[1]), value))
            for value, around in ((Whole.ROW, self.wire.original), (Whole.IDENTITY, self.wire.identity))
            if around[0]
        ]
        nested = self.rest if self.wire.nested[0] else []
        checks = [Limit(cell, limit) for cell, limit in self.limits.items() if cell in self.uncut]
        return Plan(
            name=self.mapping.mapping.name,
            columns=self.columns,
            separator=",",
            times=0,
            cells=self.cells,
            absent=self.source.absent,
            may_be_absent=frozenset(self.may_be_absent),
            steps=tuple(self._close(step) for step in self.steps),
            checks=(*checks, *self.checks),
            notes=tuple(self.notes),
            parts=(
                Part(tuple(opening), constant + self.wire.after_header),
                *self.before,
                *self.after,
                *([] if nested else self.rest),
                *self.cuts,
            ),
            nested=tuple(nested),
            closing=(*closing, Part(end=self.wire.end)),
            wire=self.wire,
            longest=longest,
            count=noted,
        )

    # --- what a plan is about, and what makes it one ---

    @abstractmethod
    def _column(self, origin: str) -> str:
        """Return the origin with a cell that decides the text of another; empty where there is none."""

    @abstractmethod
    def _make_record(self, texts: dict[str, str]) -> Record | None:
        """Return a record with these texts of origins and no others; ``None`` where such a row is odd."""

    @abstractmethod
    def _stamp(self) -> tuple[tuple[tuple[str, PlanValue], ...], str]:
        """Return the row's time as JSON writes it: values of a part, and its end."""

    @abstractmethod
    def _read_time(self, cell: int) -> None:
        """Read the row's time from a cell; raises ``Unfit``."""

    @abstractmethod
    def _judge(self) -> None:
        """Add the decisions that come before the table is applied."""

    # --- steps ---

    def _new_cell(self, *, may_be_absent: bool = False) -> int:
        number = self.cells
        self.cells += 1
        if may_be_absent:
            self.may_be_absent.add(number)
        return number

    def _add_memo(self, memo: Memo) -> int:
        self.steps.append(memo)
        self.memos += 1
        return self.memos - 1

    def _add_slot(self, cache: Cache, make: Make) -> Slot:
        """Add one more text to a look-up; the first makes the look-up a memo."""
        if cache.number < 0:
            keys = tuple(self.cell[origin] for origin in cache.origins)
            cache.number = self._add_memo(Memo(keys, (), 0, _Finder(self, cache)))
        cache.makes.append(make)
        return Slot(cache.number, len(cache.makes) - 1)

    def _close(self, step: Step) -> Step:
        """Return the step with its final number of slots."""
        if not isinstance(step, Memo) or not isinstance(step.find, _Finder):
            return step
        cache, find = step.find.cache, step.find.find
        return replace(step, slots=len(cache.makes), find=find, for_ipv4=self._find_ipv4(cache, find))

    def _find_ipv4(self, cache: Cache, find: Find) -> ForIPv4 | None:
        """Return the result of a look-up for an IPv4 address alone."""
        if not self.deciding.isdisjoint(cache.origins):
            return None
        if any(row.read not in _BY_FORM for row in cache.rows):
            return None
        return look_for_ipv4(find, len(cache.origins))

    def read_keys(self, keys: Sequence[int], texts: Sequence[str]) -> list[str]:
        """Return the texts of keys, empty where a text is the log's sign for no value."""
        absent, may_be = self.source.absent, self.may_be_absent
        return ["" if text == absent and cell in may_be else text for cell, text in zip(keys, texts)]

    # --- what the rows depend on ---

    def _check_names(self) -> None:
        """Raise ``Unfit`` where a label is a field that a row writes too: the later one would replace the
        earlier.
        """
        names = {row.field.name for row in self.rows if row.field}
        if any(row.label_field and row.label_field.name in names for row in self.rows):
            raise Unfit

    def _decide_rows(self) -> None:
        """Decide the conditions that no cell takes part in: those on columns that this log does not have."""
        record = self._make_record({})
        if record is None:
            raise Unfit
        decided = []
        for row in self.rows:
            if row.holds is None or self._condition(row):
                decided.append(row)
            elif row.holds(record):
                decided.append(replace(row, holds=None))
        self.rows = decided

    def _condition(self, row: CompiledRow) -> str:
        """Return the origin that decides whether a row holds; empty where it always does."""
        name = name_condition(row, self.source)
        return self._column(name) if name else ""

    def _origins(self, row: CompiledRow) -> list[str]:
        """Return the origins with a cell that a row reads, in its order."""
        names = [self._column(origin) for origin in row.row.origins if not isinstance(origin, Constant)]
        return [name for name in dict.fromkeys(names) if name]

    def _inputs(self, row: CompiledRow) -> tuple[str, ...]:
        """Return all origins that a row depends on, in the order of their cells."""
        names = {*self._origins(row), self._condition(row)}
        return tuple(name for name in self.cell if name in names)

    def _is_looked_up(self, row: CompiledRow) -> bool:
        """Return whether the table must be asked for the row's value, because no part can express it."""
        assert row.field is not None
        if row.field.name in self.wire.header or row.read not in _INLINE:
            return True
        if any(map(self._may_be_constant, row.row.origins)):
            return bool(self._inputs(row))
        return len(row.row.origins) > 1 and row.read is not text

    def _may_be_constant(self, origin: Constant | str) -> bool:
        """Return whether an origin may give a value without a cell of its own."""
        return isinstance(origin, Constant) or (origin in self.source.derived and not self._column(origin))

    def _cache_of(self, row: CompiledRow) -> Cache | None:
        """Return the look-up that contains all that a row gives."""
        return self.caches.get(self._inputs(row)) if self._is_in_cache(row) else None

    def _is_in_cache(self, row: CompiledRow) -> bool:
        return self._is_looked_up(row) or bool(self.looked_up.intersection(self._origins(row)))

    def _find_caches(self) -> None:
        """Choose the cells to look up: those that decide a condition, stand in the header or are hard to
        read.
        """
        self.deciding.update(map(self._condition, self.rows))
        self.deciding.discard("")
        singly = [self._inputs(row) for row in self.rows if self._is_looked_up(row)]
        self.looked_up = {*self.deciding, *(inputs[0] for inputs in singly if len(inputs) == 1)}
        self.caches = {(name,): Cache((name,)) for name in self.cell if name in self.looked_up}
        for row in self.rows:
            inputs = self._inputs(row)
            if inputs and self._is_in_cache(row):
                self.caches.setdefault(inputs, Cache(inputs)).rows.append(row)

    # --- parts ---

    def _add(self, part: Part) -> None:
        """Add a part that already includes its separator."""
        (self.after if self.fixed else self.before).append(part)

    def _add_fixed(self, part: Part) -> None:
        """Add a pair that is always written; the first one fixes where the others put their separator."""
        if self.fixed:
            self.after.append(_behind(self.wire.separator, part))
        else:
            self.before.append(part)
            self.fixed = True

    def _add_pair(self, part: Part) -> None:
        """Add a pair that may be missing, with the separator before it, or after it as long as no pair is
        fixed.
        """
        separator = self.wire.separator
        self._add(_behind(separator, part) if self.fixed else replace(part, end=part.end + separator))

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
                self.header[name] = self._show(name, None), None

    def _show(self, name: str, value: Value | None) -> str:
        shown = self.wire.show(name, value)
        if shown is None:
            raise Unfit
        return shown

    def _write_header(self, row: CompiledRow, cache: Cache | None) -> None:
        assert row.field is not None
        name, show = row.field.name, self.wire.show
        if name in self.header:
            raise Unfit
        if cache is None:
            self.header[name] = self._show(name, self._constant(row)), None
        else:
            slot = self._add_slot(cache, lambda found: show(name, found.event.fields.get(name)))
            self.header[name] = "", slot

    def _constant(self, row: CompiledRow) -> Value | None:
        """Return the value of a row that depends on no cell."""
        record = self._make_record({})
        if record is None:
            raise Unfit
        event = replace(self.mapping, rows=(row,)).normalize(record, _Silent())
        if event.cut:
            raise Unfit
        assert row.field is not None
        return event.fields.get(row.field.name)

    def _write_constant(self, row: CompiledRow) -> None:
        value = self._constant(row)
        if value is not None:
            shown = _carry(value, self.wire)
            if shown is None:
                raise Unfit
            before, after = self._pair_of(row, isinstance(value, str))
            self._add_fixed(Part(end=f"{before}{shown}{after}"))

    def _write_looked_up(self, row: CompiledRow, cache: Cache) -> None:
        assert row.field is not None
        name, wire, at_end, is_narrow = row.field.name, self.wire, not self.fixed, _is_narrow(row)
        pairs = {is_text: self._pair_of(row, is_text) for is_text in (True, False)}

        def make(found: LookedUp) -> str | None:
            value = found.event.fields.get(name)
            if value is None or (row.holds is not None and not row.holds(found.record)):
                return ""
            if isinstance(value, int) and is_narrow and value >= 10**_NARROW:
                return None
            shown = _carry(value, wire)
            if shown is None:
                return None
            before, after = pairs[isinstance(value, str)]
            pair = f"{before}{shown}{after}"
            return f"{pair}{wire.separator}" if at_end else f"{wire.separator}{pair}"

        self._add(Part((("", self._add_slot(cache, make)),)))

    def _alternatives(self, first: CompiledRow, following: Iterable[CompiledRow]) -> Iterator[CompiledRow]:
        """Yield the following rows that read the same column the same way under other conditions."""
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

    def _write_time(self, row: CompiledRow) -> None:
        (origin,) = self._origins(row)
        if row.holds is not None:
            raise Unfit
        self._read_time(self.cell[origin])
        for name in () if row.row.partial else row.row.origins:
            for column in () if isinstance(name, Constant) else self.source.columns_of(name):
                self.used.setdefault(column, []).append(())
        self._add_fixed(Part(*_pair(self._pair_of(row, is_text=False), Whole.SECOND, Whole.FRACTION)))

    def _write_column(self, group: list[CompiledRow]) -> None:
        """Add rows that read the same cells, under conditions of which at most one holds."""
        key = None if group[0].holds is None else self._choose(group)
        for origin, cell in self._take_first(group[0]):
            self._write_cell(group, origin, cell, key)

    def _take_first(self, row: CompiledRow) -> Iterator[tuple[str, int]]:
        """Yield the origins of a row, each with a cell that is filled only where that origin is the first
        filled one.
        """
        before: list[int] = []
        for origin in self._origins(row):
            cell = self.cell[origin]
            if before:
                self.steps.append(Choose(self._new_cell(), cell, tuple(before)))
                before.append(cell)
                cell = self.cells - 1
            else:
                before.append(cell)
            yield origin, cell

    def _write_cell(self, group: list[CompiledRow], origin: str, cell: int, key: Slot | None) -> None:
        row = group[0]
        assert row.field is not None
        is_text, also = self._read(row, cell, is_narrow=any(map(_is_narrow, group)))
        limit, name = 0, ""
        for member in group:
            limit = self._limit(member, cell)
        before, after = self._pair_of(row, is_text)
        if key is not None:
            limit = self._leave_uncut(cell, limit)
            values: tuple[tuple[str, PlanValue], ...] = (("", key), ("", Cell(cell)))
            also = also if _covers(group) else (*also, key)
        else:
            values, name = ((before, Cell(cell)),), row.field.name
        for column in () if row.row.partial else self.source.columns_of(origin):
            filled = () if self.cell.get(column) == cell else (IsNot(cell, ""),)
            self.used.setdefault(column, []).append(
                (*filled, *also, *((Fits(cell, limit),) if limit else ()))
            )
        self._add_pair(Part(values, after, cell, also, (), limit, name))

    def _read(self, row: CompiledRow, cell: int, *, is_narrow: bool) -> tuple[bool, tuple[Premise, ...]]:
        """Return whether a cell is read as text, and the conditions beside being filled under which it is
        written.
        """
        if row.read in _NUMBERS:
            self.checks[Number(cell, _NARROW if is_narrow else _WIDE)] = None
            return False, ()
        if row.read is text:
            return True, ()
        self.checks[Unwrapped(cell)] = None
        return True, (IsNot(cell, "<>"),) if row.read is mailbox else ()

    def _choose(self, group: list[CompiledRow]) -> Slot:
        """Return the slot with the text before the value: that of the row whose condition holds; empty where
        none does.
        """
        is_text = group[0].read not in _NUMBERS
        befores = [self._pair_of(row, is_text)[0] for row in group]

        def make(found: LookedUp) -> str | None:
            for row, before in zip(group, befores):
                assert row.holds is not None
                if row.holds(found.record):
                    return before
            return ""

        return self._add_slot(self.caches[self._condition(group[0]),], make)

    def _pair_of(self, row: CompiledRow, is_text: bool) -> tuple[str, str]:
        """Return the text before and after a row's value: the pair of its label and the row's own key."""
        assert row.field is not None
        before, after = self.wire.pair(row.field.name, is_text)
        return f"{_label(row, self.wire)}{before}", after

    def _limit(self, row: CompiledRow, cell: int) -> int:
        """Record and return the limit in bytes of a cell for a row; 0 where there is none."""
        if row.field is None or not row.field.max_bytes or row.read in _NUMBERS:
            return 0
        self.limits[cell] = min(self.limits.get(cell, row.field.max_bytes), row.field.max_bytes)
        return row.field.max_bytes

    def _leave_uncut(self, cell: int, limit: int) -> int:
        """Make a row odd where the cell is longer than ``limit``; return 0, as the cell is then never cut."""
        if limit:
            self.uncut.add(cell)
        return 0

    def _limit_all(self) -> None:
        """Count cells that are too long for their fields, for a format that writes columns and has no fields
        itself.
        """
        for row in self.rows:
            cache = self._cache_of(row)
            if cache is not None:
                if _may_be_cut(row):
                    self._add_slot(cache, lambda found: "")  # looked up, so that it is seen
            elif row.read is not utc_ms:
                for _, cell in self._take_first(row):
                    limit = self._limit(row, cell)
                    if limit and not self._count_cut(row, cell, limit):
                        self._leave_uncut(cell, limit)

    def _count_cut(self, row: CompiledRow, cell: int, limit: int) -> bool:
        """Count the rows in which the field would be cut; return ``False`` where a plan cannot tell which
        ones.
        """
        if row.holds is not None:
            return False
        assert row.field is not None
        if row.read is not text:
            self.checks[Unwrapped(cell)] = None
        also = (IsNot(cell, "<>"),) if row.read is mailbox else ()
        self.cuts.append(Part((), "", cell, also, (), limit, row.field.name))
        return True

    def _keys(self, more: tuple[str, ...] = ()) -> list[tuple[str, str]]:
        keys = self.wire.keys((*self.columns, *more))
        if keys is None:
            raise Unfit
        return keys

    def _write_columns(self) -> None:
        self.fixed = True  # what begins the payload is a pair already
        for column, around in zip(self.columns, self._keys()):
            self._add_fixed(Part(*_pair(around, Cell(self.cell[column]))))

    def _write_leftover(self) -> None:
        if not self.mapping.keep_additional:
            return
        separator = self.wire.separator
        for column, around in zip(self.columns, self._keys()):
            own = self.caches.get((column,))
            caches = [cache for cache in self.caches.values() if self._uses(cache, column)]
            if own is not None and caches in ([], [own]) and column not in self.used:
                self.rest.append(Part((("", self._add_slot(own, self._make_leftover(column, around))),)))
                continue
            used = [*self.used.get(column, ()), *((self._add_flag(cache, column),) for cache in caches)]
            if () not in used:
                values, end = _pair((f"{separator}{around[0]}", around[1]), Cell(self.cell[column]))
                self.rest.append(Part(values, end, self.cell[column], (), tuple(used)))

    def _uses(self, cache: Cache, column: str) -> bool:
        """Return whether a looked-up row may use a column, which then is no additional data."""
        return any(
            column in self.source.columns_of(origin)
            for row in cache.rows
            for origin in row.row.origins
            if not isinstance(origin, Constant) and not row.row.partial
        )

    def _add_flag(self, cache: Cache, column: str) -> Slot:
        """Return a slot that says whether a column was used."""
        cache.carried.add(column)
        return self._add_slot(cache, lambda found: "" if column in found.event.additional else "1")

    def _make_leftover(self, column: str, around: tuple[str, str]) -> Make:
        wire = self.wire

        def make(found: LookedUp) -> str | None:
            shown = wire.carry(found.event.additional.get(column, ""))
            return shown and f"{wire.separator}{around[0]}{shown}{around[1]}"

        return make


class _Finder:
    """Looks texts up in the table."""

    def __init__(self, planner: Planner, cache: Cache) -> None:
        self.cache = cache
        self._planner = planner

    def __call__(self, texts: Sequence[str]) -> tuple[str, ...] | None:
        raise NotImplementedError  # before the plan is whole

    @property
    def find(self) -> Find:
        planner, cache = self._planner, self.cache
        table = replace(planner.mapping, rows=tuple(cache.rows))
        make_record = planner._make_record

        def find(texts: Sequence[str]) -> tuple[str, ...] | None:
            record = make_record(dict(zip(cache.origins, texts)))
            if record is None:
                return None
            for column in cache.carried:
                record.values.setdefault(column, _ANY_TEXT)
            event = table.normalize(record, _Silent())
            if event.cut:
                return None
            found, made = LookedUp(record, event), []
            for make in cache.makes:
                part = make(found)
                if part is None:
                    return None
                made.append(part)
            return tuple(made)

        return find


# --- helpers ---------------------------------------------------------------------------------------


def is_odd(text: object) -> bool:
    """Return whether a derived text is left to the table: not a ``str``, or one with control characters."""
    return not isinstance(text, str) or (not text.isprintable() and _ODD.search(text) is not None)


def look_for_ipv4(find: Find, keys: int) -> ForIPv4 | None:
    """Return the result of ``find`` for any IPv4 address as the first of ``keys`` texts, the others empty."""
    first, second = (find((example, *[""] * (keys - 1))) for example in _EXAMPLES)
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


def name_derived(mapping: CompiledMapping) -> tuple[str, ...]:
    """Return the names of the derived values that a table reads or tests."""
    known, names = mapping.source.derived, []
    for row in mapping.rows:
        names += [origin for origin in row.row.origins if not isinstance(origin, Constant)]
        names.append(name_condition(row, mapping.source))
    return tuple(dict.fromkeys(name for name in names if name in known))


def name_condition(row: CompiledRow, source: Source) -> str:
    """Return the column or derived value that a row's condition tests; empty where the row always holds."""
    when = row.row.when
    if when is None or row.holds is None:
        return ""
    return source.event_column if when.subject == "event" else when.name


def _bare(row: CompiledRow) -> CompiledRow:
    """Return the row with its own reading function where that is a built-in, which cannot fail.

    A plugin's function must be called for each row, because its failures are caught and counted.
    """
    if row.read is row.row.read or isinstance(row.row.read, ByEvent):
        return row
    if row.row.read not in _INLINE:
        raise Unfit
    return replace(row, read=row.row.read)


def _pair(
    around: tuple[str, str], value: PlanValue, *more: PlanValue
) -> tuple[tuple[tuple[str, PlanValue], ...], str]:
    """Return values between two constants, in the form that a part takes."""
    return ((around[0], value), *(("", one) for one in more)), around[1]


def _behind(separator: str, part: Part) -> Part:
    if not part.values:
        return replace(part, end=separator + part.end)
    (before, value), *others = part.values
    return replace(part, values=((separator + before, value), *others))


def _may_be_cut(row: CompiledRow) -> bool:
    return row.field is not None and bool(row.field.max_bytes) and row.read not in (*_NUMBERS, *_BY_FORM)


def _covers(group: list[CompiledRow]) -> bool:
    """Return whether one of the group's conditions always holds."""
    conditions = [row.row.when for row in group if row.row.when is not None]
    excepted = [condition.values for condition in conditions if condition.negated]
    return any(not condition.negated and condition.values in excepted for condition in conditions)


def _is_narrow(row: CompiledRow) -> bool:
    """Return whether a format may limit the row's number to 32 bits."""
    return row.field is not None and row.field.type == "integer"


def _label(row: CompiledRow, wire: Wire) -> str:
    """Return the pair of a row's label and the separator after it, or an empty text; raises ``Unfit``."""
    if row.label_field is None:
        return ""
    label = wire.carry(row.row.label)
    if label is None:
        raise Unfit
    before, after = wire.pair(row.label_field.name, True)
    return f"{before}{label}{after}{wire.separator}"


def _carry(value: Value, wire: Wire) -> str | None:
    """Return a value as written in a pair; ``None`` where only the format's own encoder can write it."""
    return wire.carry(value) if isinstance(value, str) else str(value)
