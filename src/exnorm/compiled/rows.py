"""A table, a layout and a format as one function over a batch of rows, read cell by cell.

The function writes what ``pipeline`` would write, byte for byte, for every row with nothing odd about
it, and stops at any other row: an open quote, another width, a header line, a value longer than its
field. That row then goes the long way, and the function goes on behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from typing import Any

from exnorm.compiled.look_ups import Key, read_fraction, read_second, remember
from exnorm.compiled.parts import Piece, Unfit, is_fit, literal, take_given
from exnorm.compiled.writer import ANY_DATE_AND_TIME, ANY_TIME, Writer, name_derived
from exnorm.convert import utc_ms
from exnorm.mapping import CompiledMapping
from exnorm.model import Derivation, Layout, Notes, Record, Wire
from exnorm.native import FRACTION, SECOND, Assembly, LookUp, Machine, Optional, load_kernel
from exnorm.rows import join_cells, split_quoted, unclothe

Run = Callable[..., int]
"""Rows, the same lines as bytes (needless where ``needs_lines`` is false), where to begin, where to put
payloads, what begins a payload, what begins an identity. Gives the number of the first row that was left
alone. All text is clothed."""

_WRITE = "write(payload)", "continue"


class Program:
    """The code for rows of one layout, and the columns that the table does not know.

    ``machine`` is the same for the kernel, where there is one; the Python is then made only when a row needs
    it.
    """

    def __init__(self, writer: _RowWriter) -> None:
        self._writer = writer
        self.columns = writer.columns
        self.unknown_columns = writer.find_unknown()
        self.needs_lines = bool(writer.wire.identity[0])
        self.layout = writer.layout
        self.machine: Machine | None = writer.bind_native()

    @cached_property
    def source_text(self) -> str:
        """The generated Python."""
        return "\n".join(self._writer.assemble()) + "\n"

    @cached_property
    def run(self) -> Run:
        """The generated function."""
        return self._writer.bind(self.source_text)


def generate(
    mapping: CompiledMapping,
    keeps: Callable[[Record], bool] | None,
    layout: Layout,
    wire: Wire,
    notes: Notes,
    longest: int = 4 * 1024 * 1024,
) -> Program | None:
    """A program, or ``None`` where the table, the schema or the format asks for what has no code here.

    ``keeps`` may look at a record's event only. A row of more than ``longest`` bytes is left alone.
    """
    computed = (name for derivation in layout.computed for name in derivation.names)
    if mapping.source.event_column not in {*layout.schema.columns, *computed}:
        return None
    try:
        writer = _RowWriter(mapping, keeps, layout, wire, notes, longest)
        writer.write()
    except Unfit:
        return None
    return Program(writer)


class _RowWriter(Writer):
    """Cells are those of a row, cut at commas, and behind them what is worked out of several of them.

    Any other derived value depends on one cell, or on none.
    """

    def __init__(
        self,
        mapping: CompiledMapping,
        keeps: Callable[[Record], bool] | None,
        layout: Layout,
        wire: Wire,
        notes: Notes,
        longest: int,
    ) -> None:
        needed = {*name_derived(mapping), mapping.source.event_column}
        self.derivations = [one for one in layout.computed if not needed.isdisjoint(one.names)]
        self.computed = [name for one in self.derivations for name in one.names]
        super().__init__(mapping, layout.schema.columns, self.computed, wire, notes)
        self.apart = {self.cell[name] for name in self.computed}
        if any(layout.dated in row.row.origins and row.read is not utc_ms for row in self.rows):
            raise Unfit
        self.keeps, self.layout, self.longest = keeps, layout, longest
        self.last: list[str] = []  # done when nothing can stop the row any more
        self.deciding.update((self.source.event_column, *layout.derived.values()))

    def find_unknown(self) -> tuple[str, ...]:
        """The columns that the table does not know."""
        return tuple(column for column in self.columns if column not in self.mapping.known_columns)

    def _find_caches(self) -> None:
        super()._find_caches()
        self._judge_event()

    def _column(self, origin: str) -> str:
        if origin in self.source.derived and origin not in self.computed:
            if origin == self.layout.dated:
                return self.columns[0]
            if origin not in self.layout.derived:
                raise Unfit
            origin = self.layout.derived[origin]
        return origin if origin in self.cell else ""

    def _judge_event(self) -> None:
        """What is decided by the event alone: whether the row is kept, and whether the table knows it."""
        cache = self.caches[self.source.event_column,]
        cell, known, keeps = self.cell[self.source.event_column], self.mapping.known_events, self.keeps
        if known:
            cache.slots["unknown"] = lambda found: "" if found.record.event_id in known else "unknown"
            self.last.append(f"if unknown: count_unknown({cell})")
        if keeps is not None:
            cache.slots["dropped"] = lambda found: "" if keeps(found.record) else "dropped"
            self.checks.append("if dropped:")
            self.checks += [f"    {line}" for line in (*self.last, f"count_dropped({cell})", "continue")]

    def _make_record(self, texts: dict[str, str]) -> Record | None:
        schema = self.layout.schema
        values = {name: text for name, text in texts.items() if name not in self.computed}
        time = zip(self.columns, ANY_DATE_AND_TIME if self.layout.dated else (ANY_TIME,))
        record = Record(self.source, schema, {**dict(time), **values})
        try:
            refusal = self.layout.finish(record)
        except Exception:  # a plugin's may raise anything; its reader will meet and tell it
            return None
        record.derived.update((name, text) for name, text in texts.items() if name in self.computed)
        return record if refusal is None and record.schema.name == schema.name else None

    def _write_stamp(self) -> str:
        return "{start_of_time}.000Z" if self.layout.dated else "{c0[:19]}.{fraction}Z"

    def _read_time(self, cell: str) -> None:
        if cell != "c0":
            raise Unfit

    def assemble(self) -> Iterator[str]:
        """The lines of the generated function."""
        yield "def run(rows, lines, begin, payloads, start, seed):"
        yield "    write = payloads.append"
        yield "    at = begin - 1"
        yield "    last_start = None"
        if self.wire.identity[0]:
            yield "    begin_identity = blake2b(seed, digest_size=16).copy"
        yield "    for at, row in enumerate(rows[begin:] if begin else rows, begin):"
        for line in self._read_cells():
            yield f"        {line}"
        for line in (*self._check_limits(), *self.checks, *self.last, *self._write_identity()):
            yield f"        {line}"
        for line in self._write_long(_WRITE):
            yield f"        {line}"
        for line in self.payload.write(partial(take_given, is_fit), _WRITE):
            yield f"        {line}"
        yield "    return at + 1"

    def _read_cells(self) -> Iterator[str]:
        yield f"cells = {self._write_split()}"
        yield f"if len(cells) != {len(self.columns)}: return at"
        yield f"{', '.join(self.cell[column] for column in self.columns)} = cells"
        for column in self.layout.guards:
            cell = self.cell[column]
            yield f"if {self.cells.filled(cell)} and guard_{cell}({cell}): return at"
        if self.layout.dated:
            yield "if len(c1) != 8: return at"  # no fraction
            yield 'start_of_time, rest_of_time = f"{c0}T{c1}", "Z"'
        else:
            yield "start_of_time, rest_of_time = c0[:19], c0[19:]"
        yield "if start_of_time != last_start:"
        found = self._look_up("second", "seconds", "find_second", "start_of_time")
        yield from (f"    {line}" for line in found)
        yield "    last_start = start_of_time"
        yield from self._look_up("fraction", "fractions", "find_fraction", "rest_of_time")
        for derivation in self.derivations:
            yield from self._read_computed(derivation)
        for cache in self.caches.values():
            if cache.slots:
                yield from self._read_slots(cache)
        yield from self.choices
        if self.list_cells:
            yield 'apostrophe = "\'" in row'

    def _write_split(self) -> str:
        """Code: the cells of a row."""
        is_plain = self.wire.quote == '"'
        if self.layout.separator == " ":
            row = "row" if is_plain else """(row.replace('"', quote) if '"' in row else row)"""
            return f'{row}.rstrip(" ").split(" ")'
        split = "split(row)" if is_plain else "split(row, quote)"
        return f"""row.split(",") if '"' not in row else {split}"""

    def _read_computed(self, derivation: Derivation) -> Iterator[str]:
        """Code: the cells of derived values."""
        cells = [self.cell[name] for name in derivation.names]
        key = self._write_texts(self._columns_of(derivation))
        yield from self._look_up("found", f"derived_{cells[0]}", f"derive_{cells[0]}", key)
        yield f"{', '.join(cells)}, = found"

    def _columns_of(self, derivation: Derivation) -> list[str]:
        """Those that the rows have."""
        return [column for column in derivation.columns if column in self.columns]

    def _deriver(self, derivation: Derivation) -> Callable[[Key], tuple[str, ...] | None]:
        """Works out the cells of derived values from others; gives ``None`` where the row is odd."""
        columns, absent = self._columns_of(derivation), self.source.absent
        places = [columns.index(name) if name in columns else -1 for name in derivation.columns]

        def derive(key: Key) -> tuple[str, ...] | None:
            cells = (key,) if isinstance(key, str) else key
            found = [unclothe(self.unescape(cell)) for cell in cells]
            texts = [*("" if text == absent else text for text in found), ""]  # of a column that is not there
            try:
                values = derivation.apply([texts[place] for place in places])
            except Exception:  # a plugin's may raise anything; its reader will meet and tell it
                return None
            made = tuple(join_cells(self.wire, values).split("\n"))
            return made if list(map(bool, made)) == list(map(bool, values)) else None

        return derive

    def _write_identity(self) -> Iterator[str]:
        if self.wire.original[0]:
            yield "original = row.replace('\"', quote)"
        if self.wire.identity[0]:
            yield "identity = begin_identity()"
            yield 'identity.update(lines[at].rstrip(b"\\r\\n"))'
            yield "identity = identity.hexdigest()"

    def bind(self, source_text: str) -> Run:
        """The generated function, ready to be called."""
        scope = self._scope()
        scope.update(
            split=split_quoted,
            quote=self.wire.quote,
            count_dropped=lambda cell: self._count("dropped", cell),
            count_unknown=lambda cell: self._count("unknown_events", cell),
            **(_load_hash() if self.wire.identity[0] else {}),
        )
        for derivation in self.derivations:
            known: dict[Key, tuple[str, ...]] = {}
            cell = self.cell[derivation.names[0]]
            scope[f"derived_{cell}"] = known.get
            scope[f"derive_{cell}"] = remember(known, self._deriver(derivation))
        for column, guard in self.layout.guards.items():
            scope[f"guard_{self.cell[column]}"] = self._guard(guard)
        exec(compile(source_text, f"<exnorm {self.mapping.mapping.name}>", "exec"), scope)
        run: Run = scope["run"]
        return run

    def _guard(self, guard: Callable[[str], bool]) -> Callable[[str], bool]:
        """Asks of an escaped cell whether the reader must see its row."""

        def has_to_be_seen(cell: str) -> bool:
            try:
                return guard(unclothe(self.unescape(cell)))
            except Exception:  # a plugin's may raise anything; its reader will meet and tell it
                return True

        return has_to_be_seen

    def bind_native(self) -> Machine | None:
        """The same parts as a program of the kernel, which cuts at commas and works nothing out."""
        machine = load_kernel()
        if (
            machine is None
            or self.layout.separator != ","
            or self.computed
            or self.choices
            or self.layout.guards
            or any(len(origins) > 1 for origins in self.caches)
        ):
            return None
        cells = {name: number for number, name in enumerate(self.cell.values())}
        look_ups = [
            LookUp(0, lambda start: _as_slots(read_second(start)), ("second",), 0, 19, form=SECOND),
            LookUp(0, lambda end: _as_slots(read_fraction(end)), ("fraction",), 19, form=FRACTION),
        ]
        for (column,), cache in self.caches.items():
            if cache.slots:
                find, names = self._finder(cache), tuple(cache.slots)
                for_ipv4 = self._find_ipv4(cache, find)
                look_ups.append(LookUp(cells[self.cell[column]], find, names, for_ipv4=for_ipv4))
        event = next(iter(self.caches[self.source.event_column,].slots), "")
        if not event:
            return None
        assembly = Assembly(len(self.columns), self.wire, look_ups)
        header = "".join(f"{self.payload.header[name]}|" for name in self.wire.header)
        assembly.add(f"{{start}}{header}{literal(self.wire.after_header)}")
        for part in (*self.payload.before, *self.payload.after, *self.payload.cuts):
            assembly.add(self._for_kernel(part, cells))
        if self.payload.rest:
            assembly.add_nest(
                [self._for_kernel(part, cells) for part in self.payload.rest], *self.wire.nested
            )
        assembly.add(f"{self.payload.write_end()}{literal(self.wire.end)}")
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
    def _for_kernel(part: str | Piece, cells: dict[str, int]) -> str | Optional:
        if isinstance(part, str):
            return part
        return Optional(part.text, cells[part.cell], part.also, part.none_of, part.limit, part.field)

    def _count_for_kernel(self, what: str, of: bytes | str) -> None:
        """Count the event that a cell of the log names, or a field."""
        if isinstance(of, str):
            self.notes.note(what, of)
        else:
            self._count(what, self.wire.escape(of.decode("latin-1")))

    def _count(self, what: str, cell: str) -> None:
        """Count the event that a cell names."""
        name = self.source.event_column
        texts = {name: unclothe(self.unescape(cell))}
        values, derived = ({}, texts) if name in self.computed else (texts, {})
        self.notes.note(what, Record(self.source, self.layout.schema, values, derived=derived).event_id)


def _load_hash() -> dict[str, Any]:
    from hashlib import blake2b  # loads OpenSSL, which most formats do without

    return {"blake2b": blake2b}


def _as_slots(found: str | None) -> tuple[str, ...] | None:
    return None if found is None else (found,)
