"""A table and a format as the parts of a payload, for generated code.

What a table says is asked of ``mapping.CompiledMapping`` itself: while the code is generated for what never
changes, and once for each text of a column, or of several, where a value depends on those alone (addresses,
events, builds). Which cells there are, and where they come from, is for ``rows`` and ``records`` to say.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from exnorm.compiled.cells import Cells
from exnorm.compiled.look_ups import (
    Cache,
    FindKey,
    Found,
    Key,
    Make,
    read_fraction,
    read_second,
    remember,
    with_ipv4,
)
from exnorm.compiled.parts import Piece, Unfit, literal, write_pair
from exnorm.compiled.payload import Payload
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
from exnorm.model import ByEvent, Constant, Notes, Record, Source, Value, Wire
from exnorm.native import Fits, ForIPv4, IsNot, Premise
from exnorm.rows import clothe, exceeds, unclothe

ANY_TIME = "2000-01-01T00:00:00.000Z"
ANY_DATE_AND_TIME = "2000-01-01", "00:00:00"

_NUMBERS = (integer, size_bytes, count)
_INLINE = (text, addresses, mailbox, utc_ms, *_NUMBERS)
_BY_FORM = (ipv4, ipv6, ip)  # an IPv4 address is for them the same value, or none, whichever it is
_EXAMPLES = "192.0.2.1", "198.151.100.254"
_NARROW, _WIDE = 9, 18  # digits of a number that fits 32 bits, and 64, signed
_OFTEN_SAFE = 1000  # bytes; most rows are shorter, and so is then each of their cells
_ANY_TEXT = "x"


class _Silent:
    def note(self, what: str, name: str) -> None:
        """Say nothing: a row that has something to count goes the long way, which counts it."""


class Writer(ABC):
    """Reads a table row by row: what each gives as a part of the payload, and what must be checked first.

    ``cell`` names the variable of each origin, those of ``columns`` first.
    """

    leave = "return at"
    """What the function does with an odd row."""

    def __init__(
        self,
        mapping: CompiledMapping,
        columns: tuple[str, ...],
        derived: Iterable[str],
        wire: Wire,
        notes: Notes,
    ) -> None:
        self.mapping, self.columns, self.wire, self.notes = mapping, columns, wire, notes
        self.source: Source = mapping.source
        self.cells = Cells(columns, derived, self.source.absent, wire)
        self.cell = self.cells.by_origin
        self.payload = Payload(wire, self.cells)
        self.rows = [_bare(row) for row in mapping.rows if row.field is not None]
        self.unescape = _unescaper(wire)
        self.deciding: set[str] = set()  # origins on which other values than their own depend
        self.looked_up: set[str] = set()
        self.caches: dict[tuple[str, ...], Cache] = {}
        self.choices: list[str] = []  # cells that hold the text of another where those before it are empty
        self.checks: list[str] = []
        self.limits: dict[str, int] = {}
        self.uncut: set[str] = set()  # of those, the cells that are not cut here
        self.apart: set[str] = set()  # cells that are no part of what the code calls the row
        self.used: dict[str, list[tuple[Premise, ...]]] = {}  # when a column is, beside being filled
        self.number_cells: dict[str, None] = {}
        self.list_cells: dict[str, None] = {}
        self.number = 0

    def write(self) -> None:
        """Write the parts of the program; raises ``Unfit``."""
        self._check_names()
        self._decide_rows()
        self._find_caches()
        if self.wire.every_column:
            self._limit_all()
            self._write_columns()
        else:
            if self.wire.timestamp[0]:
                self.payload.add_fixed(write_pair(self.wire.timestamp, self._write_stamp()))
            self._write_rows()
            self._write_leftover()
        if not self.payload.fixed:
            raise Unfit

    # --- what a program is about, and what makes it one ---

    @abstractmethod
    def _column(self, origin: str) -> str:
        """The origin with a cell that decides what another one holds; empty where there is none."""

    @abstractmethod
    def _make_record(self, texts: dict[str, str]) -> Record | None:
        """A record with these texts of origins and no others; ``None`` where such a row is odd."""

    @abstractmethod
    def _write_stamp(self) -> str:
        """The row's own time as text of an f-string."""

    @abstractmethod
    def _read_time(self, cell: str) -> None:
        """Have the code read the row's time from a cell, as ``second`` and ``fraction``; raises ``Unfit``."""

    # --- what the rows depend on ---

    def _check_names(self) -> None:
        """No label may be a field that a row writes: the later would take the earlier's place."""
        names = {row.field.name for row in self.rows if row.field}
        if any(row.label_field and row.label_field.name in names for row in self.rows):
            raise Unfit

    def _decide_rows(self) -> None:
        """Decide the conditions that no cell takes part in: of columns that these rows do not have."""
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
        """The origin that decides whether a row holds; empty where none does."""
        name = name_condition(row, self.source)
        return self._column(name) if name else ""

    def _origins(self, row: CompiledRow) -> list[str]:
        """Those with a cell that a row is read from, in its order."""
        names = [self._column(origin) for origin in row.row.origins if not isinstance(origin, Constant)]
        return [name for name in dict.fromkeys(names) if name]

    def _inputs(self, row: CompiledRow) -> tuple[str, ...]:
        """All that a row depends on, in the order of their cells."""
        names = {*self._origins(row), self._condition(row)}
        return tuple(name for name in self.cell if name in names)

    def _is_looked_up(self, row: CompiledRow) -> bool:
        """Whether what a row gives is asked of the table, because there is no code for it."""
        assert row.field is not None
        if row.field.name in self.wire.header or row.read not in _INLINE:
            return True
        if any(map(self._may_be_constant, row.row.origins)):
            return bool(self._inputs(row))
        return len(row.row.origins) > 1 and row.read is not text

    def _may_be_constant(self, origin: Constant | str) -> bool:
        """Whether an origin may give something without a cell of its own."""
        return isinstance(origin, Constant) or (origin in self.source.derived and not self._column(origin))

    def _cache_of(self, row: CompiledRow) -> Cache | None:
        """The look-up that holds all of what a row gives."""
        return self.caches.get(self._inputs(row)) if self._is_in_cache(row) else None

    def _is_in_cache(self, row: CompiledRow) -> bool:
        return self._is_looked_up(row) or bool(self.looked_up.intersection(self._origins(row)))

    def _find_caches(self) -> None:
        """A cell is looked up where it decides something, stands in the header, or is hard to read."""
        self.deciding.update(map(self._condition, self.rows))
        self.deciding.discard("")
        singly = [self._inputs(row) for row in self.rows if self._is_looked_up(row)]
        self.looked_up = {*self.deciding, *(inputs[0] for inputs in singly if len(inputs) == 1)}
        self.caches = {(name,): Cache((name,)) for name in self.cell if name in self.looked_up}
        for row in self.rows:
            inputs = self._inputs(row)
            if inputs and self._is_in_cache(row):
                self.caches.setdefault(inputs, Cache(inputs)).rows.append(row)

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
            if name not in self.payload.header:
                self.payload.header[name] = self._show(name, None)

    def _show(self, name: str, value: Value | None) -> str:
        shown = self.wire.show(name, value)
        if shown is None:
            raise Unfit
        return literal(shown)

    def _write_header(self, row: CompiledRow, cache: Cache | None) -> None:
        assert row.field is not None
        name, show = row.field.name, self.wire.show
        if name in self.payload.header:
            raise Unfit
        if cache is None:
            self.payload.header[name] = self._show(name, self._constant(row))
        else:
            slot = self._name("h")
            cache.slots[slot] = lambda found: show(name, found.event.fields.get(name))
            self.payload.header[name] = f"{{{slot}}}"

    def _constant(self, row: CompiledRow) -> Value | None:
        """What a row gives that no cell takes part in."""
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
            self.payload.add_fixed(self._labelled(row, literal(shown), isinstance(value, str)))

    def _write_looked_up(self, row: CompiledRow, cache: Cache) -> None:
        assert row.field is not None
        slot, name, wire, at_end = self._name("v"), row.field.name, self.wire, not self.payload.fixed
        is_narrow = _is_narrow(row)
        label = _label(row, wire)

        def make(found: Found) -> str | None:
            value = found.event.fields.get(name)
            if value is None or (row.holds is not None and not row.holds(found.record)):
                return ""
            if isinstance(value, int) and is_narrow and value >= 10**_NARROW:
                return None
            shown = _carry(value, wire)
            if shown is None:
                return None
            before, after = wire.pair(name, isinstance(value, str))
            pair = f"{label}{before}{shown}{after}"
            return f"{pair}{wire.separator}" if at_end else f"{wire.separator}{pair}"

        cache.slots[slot] = make
        self.payload.add(f"{{{slot}}}")

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

    def _write_time(self, row: CompiledRow) -> None:
        (origin,) = self._origins(row)
        if row.holds is not None:
            raise Unfit
        self._read_time(self.cell[origin])
        for name in () if row.row.partial else row.row.origins:
            for column in () if isinstance(name, Constant) else self.source.columns_of(name):
                self.used.setdefault(column, []).append(())
        self.payload.add_fixed(self._labelled(row, "{second}{fraction}", is_text=False))

    def _write_column(self, group: list[CompiledRow]) -> None:
        """Rows that read the same cells, under conditions of which at most one holds."""
        key = "" if group[0].holds is None else self._choose(group)
        for origin, cell in self._take_first(group[0]):
            self._write_cell(group, origin, cell, key)

    def _take_first(self, row: CompiledRow) -> Iterator[tuple[str, str]]:
        """The origins that a row is read from, each with a cell that is filled where it is the one."""
        before: list[str] = []
        for origin in self._origins(row):
            cell = self.cell[origin]
            if before:
                chosen = self._name("w")
                self.choices.append(self.cells.choose(chosen, before, cell))
                cell = chosen
            before.append(self.cell[origin])
            yield origin, cell

    def _write_cell(self, group: list[CompiledRow], origin: str, cell: str, key: str) -> None:
        row = group[0]
        assert row.field is not None
        is_text, value, also = self._read(row, cell, is_narrow=any(map(_is_narrow, group)))
        limit, name = 0, ""
        for member in group:
            limit = self._limit(member, cell)
        if key:
            limit = self._leave_uncut(cell, limit)
            pair = f"{{{key}}}{value}{literal(self.wire.pair(row.field.name, is_text)[1])}"
            also = also if _covers(group) else (*also, key)
        else:
            pair, name = self._labelled(row, value, is_text), row.field.name
        for column in () if row.row.partial else self.source.columns_of(origin):
            filled = () if self.cell.get(column) == cell else (IsNot(cell, ""),)
            self.used.setdefault(column, []).append(
                (*filled, *also, *((Fits(cell, limit),) if limit else ()))
            )
        pair = f"{self.payload.separator}{pair}" if self.payload.fixed else f"{pair}{self.payload.separator}"
        self.payload.add(Piece(self._name("p"), pair, cell, also, (), limit, name))

    def _read(self, row: CompiledRow, cell: str, *, is_narrow: bool) -> tuple[bool, str, tuple[Premise, ...]]:
        """How a cell is read: as text or number, the code of its value, when beside its being filled."""
        if row.read in _NUMBERS:
            self.number_cells.setdefault(cell)
            is_number = _is_number(cell, _NARROW if is_narrow else _WIDE)
            check = f"if {self.cells.filled(cell)} and not ({is_number}): {self.leave}"
            if check not in self.checks:
                self.checks.append(check)
            return False, f"{{{cell}}}", ()
        if row.read is text:
            return True, f"{{{cell}}}", ()
        self.list_cells.setdefault(cell)
        code = f"list_{cell} = addresses({cell}) if apostrophe and {cell} else {cell}"
        if code not in self.checks:
            self.checks += [
                code,
                f"if {cell} and not list_{cell}: {self.leave}",
            ]  # apostrophes and no address
        return True, f"{{list_{cell}}}", (IsNot(cell, "<>"),) if row.read is mailbox else ()

    def _choose(self, group: list[CompiledRow]) -> str:
        """The slot with what stands before the value: that of the row that holds; empty where none does."""
        wire, is_text = self.wire, group[0].read not in _NUMBERS
        labels = [_label(row, wire) for row in group]

        def make(found: Found) -> str | None:
            for row, label in zip(group, labels):
                assert row.field is not None
                assert row.holds is not None
                if row.holds(found.record):
                    return f"{label}{wire.pair(row.field.name, is_text)[0]}"
            return ""

        slot = self._name("k")
        self.caches[self._condition(group[0]),].slots[slot] = make
        return slot

    def _labelled(self, row: CompiledRow, value: str, is_text: bool) -> str:
        """A pair as text of an f-string, the pair of its label before it."""
        assert row.field is not None
        return (
            f"{literal(_label(row, self.wire))}{write_pair(self.wire.pair(row.field.name, is_text), value)}"
        )

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
            cache = self._cache_of(row)
            if cache is not None:
                if _may_be_cut(row):
                    cache.slots[self._name("n")] = lambda found: ""  # looked up, so that it is seen
            elif row.read is not utc_ms:
                for _, cell in self._take_first(row):
                    limit = self._limit(row, cell)
                    if limit and not self._count_cut(row, cell, limit):
                        self._leave_uncut(cell, limit)

    def _count_cut(self, row: CompiledRow, cell: str, limit: int) -> bool:
        """Have the rows counted in which the field would be cut; whether they can be told."""
        if row.holds is not None:
            return False
        assert row.field is not None
        if row.read is not text:
            self.list_cells.setdefault(cell)
        also = (IsNot(cell, "<>"),) if row.read is mailbox else ()
        self.payload.cuts.append(Piece(self._name("n"), "", cell, also, (), limit, row.field.name))
        return True

    def _check_limits(self) -> Iterator[str]:
        """Find values that are longer than their fields; stop at one that the long way must cut."""
        if self._cuts:
            yield "is_long = False"
        within = {cell for cell, limit in self.limits.items() if limit >= _OFTEN_SAFE} - self.apart
        for cell, limit in self.limits.items():
            if cell not in within:
                yield from self._check_limit(cell, limit)
        if within:
            yield f"if len(row) > {_OFTEN_SAFE}:"
        for cell, limit in self.limits.items():
            if cell in within:
                yield from (f"    {line}" for line in self._check_limit(cell, limit))

    def _check_limit(self, cell: str, limit: int) -> Iterator[str]:
        yield f"if len({cell}) > {limit} and exceeds({cell}, {limit}, unescape):"
        if cell in self.uncut:
            yield f"    {self.leave}"
            return
        if cell in self.list_cells:
            yield f"    if apostrophe: {self.leave}"  # its members are read first
        yield "    is_long = True"

    def _write_long(self, write: Sequence[str]) -> Iterator[str]:
        """The code for rows with a value that is longer than its field, where there may be one."""
        return self.payload.write_long(write) if self._cuts else iter(())

    @property
    def _cuts(self) -> bool:
        """Whether there is a value that can be cut here."""
        return not self.limits.keys() <= self.uncut

    def _keys(self) -> list[tuple[str, str]]:
        keys = self.wire.keys(self.columns)
        if keys is None:
            raise Unfit
        return keys

    def _write_columns(self) -> None:
        self.payload.fixed = True  # what begins the payload is a pair already
        for column, around in zip(self.columns, self._keys()):
            self.payload.add_fixed(write_pair(around, f"{{{self.cell[column]}}}"))

    def _write_leftover(self) -> None:
        if not self.mapping.keep_additional:
            return
        for column, around in zip(self.columns, self._keys()):
            cell, name = self.cell[column], f"x{self.cell[column][1:]}"
            own = self.caches.get((column,))
            caches = [cache for cache in self.caches.values() if self._uses(cache, column)]
            if own is not None and caches in ([], [own]) and column not in self.used:
                own.slots[name] = self._make_leftover(column, around)
                self.payload.add_rest(f"{{{name}}}")
                continue
            used = [*self.used.get(column, ()), *((self._add_flag(cache, column),) for cache in caches)]
            if () not in used:
                pair = f"{self.payload.separator}{write_pair(around, f'{{{cell}}}')}"
                self.payload.add_rest(Piece(name, pair, cell, (), tuple(used)))

    def _uses(self, cache: Cache, column: str) -> bool:
        """Whether a row of what is looked up may use a column, so that it is no additional data."""
        return any(
            column in self.source.columns_of(origin)
            for row in cache.rows
            for origin in row.row.origins
            if not isinstance(origin, Constant) and not row.row.partial
        )

    def _add_flag(self, cache: Cache, column: str) -> str:
        """A slot that says whether a column was used."""
        flag = self._name("u")
        cache.carried.add(column)
        cache.slots[flag] = lambda found: "" if column in found.event.additional else "1"
        return flag

    def _make_leftover(self, column: str, around: tuple[str, str]) -> Make:
        wire = self.wire

        def make(found: Found) -> str | None:
            shown = wire.carry(found.event.additional.get(column, ""))
            if shown is None:
                return None
            return f"{wire.separator}{around[0]}{shown}{around[1]}" if shown else ""

        return make

    def _name(self, letter: str) -> str:
        self.number += 1
        return f"{letter}{self.number}"

    def _read_slots(self, cache: Cache) -> Iterator[str]:
        """Code: the slots of what is looked up."""
        name, key = self._name_cache(cache), self._write_key(cache)
        yield from self._look_up("found", f"known_{name}", f"find_{name}", key)
        yield f"{', '.join(cache.slots)}, = found"

    def _name_cache(self, cache: Cache) -> str:
        return "_".join(self.cell[origin] for origin in cache.origins)

    def _write_key(self, cache: Cache) -> str:
        """Code: what is looked up."""
        return self._write_texts(cache.origins)

    def _write_texts(self, origins: Sequence[str]) -> str:
        """Code: the text of an origin, or those of several or none as a tuple."""
        cells = [self.cell[origin] for origin in origins]
        return cells[0] if len(cells) == 1 else f"({', '.join(cells)})"

    def _look_up(self, name: str, known: str, find: str, key: str) -> Iterator[str]:
        """Code: what is known of a text, or found out about it; the row is odd where that is nothing."""
        yield f"{name} = {known}({key}) or {find}({key})"
        yield f"if not {name}: {self.leave}"

    def _scope(self) -> dict[str, Any]:
        """What the code calls, by the names it calls it by."""
        seconds: dict[str, str] = {}
        fractions: dict[str, str] = {}
        scope: dict[str, Any] = {
            "exceeds": exceeds,
            "unescape": self.unescape,
            "addresses": addresses,
            "seconds": seconds.get,
            "find_second": remember(seconds, read_second),
            "fractions": fractions.get,
            "find_fraction": remember(fractions, read_fraction),
            "fits": lambda cell, limit: not exceeds(cell, limit, self.unescape),
        }
        for part in self.payload.pieces:
            if part.limit:
                scope[f"cut_{part.name}"] = partial(self._cut, part.limit, part.field)
        for cache in self.caches.values():
            known: dict[Key, tuple[str, ...]] = {}
            name, find = self._name_cache(cache), self._finder(cache)
            scope[f"known_{name}"] = known.get
            scope[f"find_{name}"] = remember(known, with_ipv4(find, self._find_ipv4(cache, find)))
        return scope

    def _find_ipv4(self, cache: Cache, find: FindKey) -> ForIPv4 | None:
        """What is found for any IPv4 address alone: what stands before it and, if it is there, after it."""
        if not self.deciding.isdisjoint(cache.origins):
            return None
        if any(row.read not in _BY_FORM for row in cache.rows):
            return None
        others = len(cache.origins) - 1
        first, second = (find((example, *[""] * others) if others else example) for example in _EXAMPLES)
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

    def _cut(self, limit: int, name: str, cell: str) -> str:
        """A cell cut to so many bytes, which is counted; as it is where it has no more."""
        plain = self.unescape(cell)
        if len(plain) <= limit:
            return cell
        self.notes.note("cut", name)
        return clothe(self.wire.escape(cut_utf8(unclothe(plain), limit)))

    def _finder(self, cache: Cache) -> FindKey:
        """Asks the table what it makes of texts; gives ``None`` where a row with them is odd."""
        table = replace(self.mapping, rows=tuple(cache.rows))

        def find(key: Key) -> tuple[str, ...] | None:
            cells = (key,) if isinstance(key, str) else key
            texts = {name: unclothe(self.unescape(cell)) for name, cell in zip(cache.origins, cells)}
            record = self._make_record(texts)
            if record is None:
                return None
            for column in cache.carried:
                record.values.setdefault(column, _ANY_TEXT)
            event = table.normalize(record, _Silent())
            found = Found(record, event)
            made = tuple(clothe(part) for make in cache.slots.values() if (part := make(found)) is not None)
            return made if len(made) == len(cache.slots) and not event.cut else None

        return find


def _bare(row: CompiledRow) -> CompiledRow:
    """The row with its own reading function where it is one of ours, which cannot fail.

    A plugin's is called with care and its failures are counted, so it must be called for each row.
    """
    if row.read is row.row.read or isinstance(row.row.read, ByEvent):
        return row
    if row.row.read not in _INLINE:
        raise Unfit
    return replace(row, read=row.row.read)


def name_derived(mapping: CompiledMapping) -> tuple[str, ...]:
    """The derived values that a table reads or asks for."""
    known, names = mapping.source.derived, []
    for row in mapping.rows:
        names += [origin for origin in row.row.origins if not isinstance(origin, Constant)]
        names.append(name_condition(row, mapping.source))
    return tuple(dict.fromkeys(name for name in names if name in known))


def name_condition(row: CompiledRow, source: Source) -> str:
    """The column or derived value that a row's condition asks for; empty where the row always holds."""
    when = row.row.when
    if when is None or row.holds is None:
        return ""
    return source.event_column if when.subject == "event" else when.name


def _may_be_cut(row: CompiledRow) -> bool:
    return row.field is not None and bool(row.field.max_bytes) and row.read not in (*_NUMBERS, *_BY_FORM)


def _covers(group: list[CompiledRow]) -> bool:
    """Whether one of the group's conditions always holds."""
    conditions = [row.row.when for row in group if row.row.when is not None]
    excepted = [condition.values for condition in conditions if condition.negated]
    return any(not condition.negated and condition.values in excepted for condition in conditions)


def _is_narrow(row: CompiledRow) -> bool:
    """Whether a format may take the row's number only where it fits 32 bits."""
    return row.field is not None and row.field.type == "integer"


def _is_number(cell: str, digits: int) -> str:
    """Code: a number of so many digits at most, as it is written again; clothed text has no other digits."""
    return f'{cell}.isdecimal() and len({cell}) <= {digits} and ({cell}[0] != "0" or {cell} == "0")'


def _label(row: CompiledRow, wire: Wire) -> str:
    """The pair of a row's label with the separator behind it, or nothing; raises ``Unfit``."""
    if row.label_field is None:
        return ""
    label = wire.carry(row.row.label)
    if label is None:
        raise Unfit
    before, after = wire.pair(row.label_field.name, True)
    return f"{before}{label}{after}{wire.separator}"


def _carry(value: Value, wire: Wire) -> str | None:
    """A value as it stands in a pair; ``None`` where it is left to the format's own encoder."""
    return wire.carry(value) if isinstance(value, str) else str(value)


def _unescaper(wire: Wire) -> Callable[[str], str]:
    """The inverse of ``wire.escape``."""
    table = {escaped: plain for plain, escaped in (*wire.escapes, ('"', wire.quote)) if escaped != plain}
    if not table:
        return lambda cell: cell
    pattern = re.compile("|".join(map(re.escape, table)))
    first, *others = {escaped[0] for escaped in table}

    def unescape(cell: str) -> str:
        return pattern.sub(lambda found: table[found.group()], cell)

    return unescape if others else lambda cell: unescape(cell) if first in cell else cell
