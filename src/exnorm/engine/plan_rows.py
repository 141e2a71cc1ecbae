"""Plan the encoding of rows of one layout: the cells are the row's own, then those its source derives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from exnorm.convert import utc_ms
from exnorm.engine.plan import Gate, Join, Memo, Note, Part, Plan, Sift, Slot, Unfit, Value, Whole
from exnorm.engine.planner import Planner, is_odd, look_for_ipv4, name_derived
from exnorm.model import ColumnProcessor, Derivation, Joined, Layout, Needed, Record, Watched, Wire
from exnorm.tables.mapping import CompiledMapping

_ANY_TIME = "2000-01-01T00:00:00.000Z"
_ANY_DATE_AND_TIME = "2000-01-01", "00:00:00"

Named = tuple[str, ColumnProcessor]
"""The plugin that a processor is of, and the processor."""


def plan_rows(
    mapping: CompiledMapping,
    layout: Layout,
    wire: Wire,
    *,
    keeps: Callable[[Record], bool] | None,
    processors: Sequence[Named],
    count: Callable[[str, str], object],
    longest: int,
) -> Plan | None:
    """Return a plan, or ``None`` where the table, the schema or the format needs what a plan cannot express.

    ``keeps`` may read only the event of a record. A row of more than ``longest`` bytes is odd. ``count`` is
    called with the name of a tally and the key to count in it.
    """
    computed = (name for derivation in layout.computed for name in derivation.names)
    if mapping.source.event_column not in {*layout.schema.columns, *computed}:
        return None
    try:
        return RowPlanner(mapping, layout, wire, keeps, processors).plan(longest, count)
    except Unfit:
        return None


class RowPlanner(Planner):
    """Plans rows: each derived value is computed from cells, from one cell by the reader's ``finish``, or
    from none.
    """

    def __init__(
        self,
        mapping: CompiledMapping,
        layout: Layout,
        wire: Wire,
        keeps: Callable[[Record], bool] | None,
        processors: Sequence[Named],
    ) -> None:
        super().__init__(mapping, layout.schema.columns, wire)
        self.layout, self.keeps, self.processors = layout, keeps, processors
        if any(layout.dated in row.row.origins and row.read is not utc_ms for row in self.rows):
            raise Unfit
        self.deciding.update((self.source.event_column, *layout.derived.values()))
        self.constants: dict[str, str] | None = None
        self.marking: list[int] = []  # memos of processors
        self.marked: dict[str, int] = {}  # marks, by name: the processor that makes them
        asked = (name for _, one in processors for name in (*one.columns, *_columns_of(one.needed)))
        for column, guard in layout.guards.items():
            self._add_guard(self.cell[column], guard)
        for derivation in self._find_derivations({*name_derived(mapping), self.source.event_column, *asked}):
            self._add_derivation(derivation)
        event = self.source.event_column
        self.event_cell = self.cell[event]
        for number, (plugin, processor) in enumerate(processors):
            self._add_processor(number, plugin, processor)

    def plan(self, longest: int, noted: Callable[[str, str], object]) -> Plan:
        """Return the plan, including how rows are cut into cells."""
        plan = super().plan(longest, noted)
        return replace(plan, separator=self.layout.separator, times=2 if self.layout.dated else 1)

    # --- what a source derives ---

    def _find_derivations(self, names: set[str]) -> list[Derivation]:
        """Return the derivations needed for ``names``, in the order of the layout."""
        found = []
        for derivation in reversed(self.layout.computed):
            if not names.isdisjoint(derivation.names):
                found.append(derivation)
                names.update((*derivation.columns, *_columns_of(derivation.needed)))
        return found[::-1]

    def _add_guard(self, cell: int, guard: Watched) -> None:
        """Make a row odd where ``guard`` says that the reader must see this cell."""
        known = [hint for hint in guard.hints if hint.isascii() and len(hint) > 1 and hint == hint.lower()]
        if known == [self.wire.escape(hint) for hint in guard.hints] and known:
            self.steps.append(Sift(self._new_cell(), cell, guard.hints))
            cell = self.cells - 1

        def find(texts: Sequence[str]) -> tuple[str, ...] | None:
            (text,) = self.read_keys((cell,), texts)
            try:
                return None if text and guard.finds(text) else ("",)
            except Exception:  # as in _add_derivation
                return None

        self._add_memo(Memo((cell,), (), 1, find))

    def _add_derivation(self, derivation: Derivation) -> None:
        keys, places = self._add_keys(derivation.columns, derivation.needed)
        cells = tuple(self._new_cell() for _ in derivation.names)
        derive, width = derivation.derive, len(derivation.names)
        if isinstance(derive, Joined) and places == [0, 1] and not is_odd(derive.by) and width == 1:
            self.steps.append(Join(cells[0], keys[0], keys[1], derive.by, derive.once))
        else:

            def find(texts: Sequence[str]) -> tuple[str, ...] | None:
                given = [*self.read_keys(keys, texts), ""]
                try:
                    made = derivation.apply([given[place] for place in places])
                except Exception:  # a plugin's may raise anything; its reader will meet and tell it
                    return None
                return None if len(made) != width or any(map(is_odd, made)) else tuple(made)

            for_ipv4 = look_for_ipv4(find, len(keys)) if derivation.by_form and keys else None
            if for_ipv4 is not None and any(
                after is not None and before + after for before, after in zip(*for_ipv4)
            ):
                for_ipv4 = None  # a cell holds the address as it is, or does not hold it
            self._add_memo(Memo(keys, cells, 0, find, for_ipv4))
        self.cell.update(zip(derivation.names, cells))

    def _add_keys(
        self, columns: Iterable[str], needed: Iterable[Needed]
    ) -> tuple[tuple[int, ...], list[int]]:
        """Return cells with the texts of columns, and the position of each column among them.

        A cell is empty where its column is not needed. A missing column has the position after the last.
        """
        cells = {name: self.cell[name] for name in columns if name in self.cell}
        for one in needed:
            if one.column not in cells:
                continue
            asked = self._add_question(one) if one.by else None
            self.steps.append(Gate(self._new_cell(), cells[one.column], asked, one.holds))
            cells[one.column] = self.cells - 1
            name, most = one.longer
            if name in self.cell:
                self.steps.append(
                    Gate(self._new_cell(), cells[one.column], measured=self.cell[name], longer=most)
                )
                cells[one.column] = self.cells - 1
        keys = tuple(cells.values())
        return keys, [keys.index(cells[name]) if name in cells else -1 for name in columns]

    def _add_question(self, needed: Needed) -> Slot:
        """Return a slot that is filled where a column is needed."""
        keys, places = self._add_keys(needed.by, ())

        def find(texts: Sequence[str]) -> tuple[str, ...] | None:
            given = [*self.read_keys(keys, texts), ""]
            try:
                return ("1" if needed.asks(*(given[place] for place in places)) else "",)
            except Exception:  # as in _add_derivation
                return None

        return Slot(self._add_memo(Memo(keys, (), 1, find)), 0)

    # --- what plugins do to columns ---

    def _add_processor(self, number: int, plugin: str, processor: ColumnProcessor) -> None:
        """Give the columns of a processor new cells; whatever follows reads those."""
        keys, places = self._add_keys(processor.columns, processor.needed)
        fixed = {one.column for one in processor.needed}
        changing = [name for name in processor.columns if name in self.cell and name not in fixed]
        origins = [self.cell[name] for name in changing]
        cells = tuple(self._new_cell(may_be_absent=cell in self.may_be_absent) for cell in origins)
        kept = [keys.index(cell) for cell in origins]
        wanted = [processor.columns.index(name) for name in changing]

        def find(texts: Sequence[str]) -> tuple[str, ...] | None:
            read = [*self.read_keys(keys, texts), ""]
            given = tuple(read[place] for place in places)
            try:
                decision = processor.decide(given)
            except Exception:  # the processor will be called again for the record, and blamed
                return None
            same = tuple(texts[place] for place in kept)
            if decision is None:
                return (*same, plugin, "", "")
            if isinstance(decision, tuple):
                if any(map(is_odd, decision)):
                    return None
                made = [old if decision[at] == given[at] else decision[at] for old, at in zip(same, wanted)]
                return (*made, "", "", "")
            pairs = self._write_marks(number, decision)
            counted = "\n".join(f"{name}: {word}" for name, word in decision.items())
            return None if pairs is None else (*same, "", pairs, counted)

        memo = self._add_memo(Memo(keys, cells, 3, find))
        self.cell.update(zip(changing, cells))
        self.notes.append(Note(Slot(memo, 0), "removed", drops=True))
        self.marking.append(memo)

    def _write_marks(self, processor: int, marks: Mapping[str, str]) -> str | None:
        """Return the marks of a processor as additional data; ``None`` where their keys may clash with other
        data.
        """
        texts = [self.wire.carry(word) for word in marks.values()]
        names = tuple(marks)
        if any(self.marked.setdefault(name, processor) != processor for name in names):
            return None
        if any(map(is_odd, (*names, *texts))) or not set(names).isdisjoint(self.columns):
            return None
        if self.wire.every_column:
            return ""
        if self.wire.keys((*self.columns, *self.marked)) is None:
            return None
        keys = self.wire.keys((*self.columns, *names))
        assert keys is not None
        around = keys[len(self.columns) :]
        return "".join(
            f"{self.wire.separator}{before}{word}{after}" for (before, after), word in zip(around, texts)
        )

    # --- what Planner asks ---

    def _column(self, origin: str) -> str:
        if origin in self.cell:
            return origin
        if origin in self.source.derived:
            if origin == self.layout.dated:
                return self.columns[0]
            if origin not in self.layout.derived:
                raise Unfit
            origin = self.layout.derived[origin]
        return origin if origin in self.cell else ""

    def _judge(self) -> None:
        """Add the decisions that depend on the event alone: whether the row is kept, and whether the table
        knows the event.
        """
        known, keeps, name = self.mapping.known_events, self.keeps, self.source.event_column

        def find(texts: Sequence[str]) -> tuple[str, ...] | None:
            record = self._make_record({name: texts[0]})
            if record is None:
                return None
            event = record.event_id
            if not event or is_odd(event):
                return None
            return (
                event if known and event not in known else "",
                "" if keeps is None or keeps(record) else event,
            )

        memo = self._add_memo(Memo((self.event_cell,), (), 2, find))
        judged = [Note(Slot(memo, 0), "unknown_events"), Note(Slot(memo, 1), "dropped", drops=True)]
        self.notes = [*judged, *self.notes, *(Note(Slot(one, 2), "marked") for one in self.marking)]

    def _write_leftover(self) -> None:
        super()._write_leftover()
        self.rest += [Part((("", Slot(one, 1)),)) for one in self.marking]

    def _make_record(self, texts: dict[str, str]) -> Record | None:
        schema, layout = self.layout.schema, self.layout
        values = {name: text for name, text in texts.items() if name in self.columns}
        derived = {name: text for name, text in texts.items() if name not in values}
        if self.constants is None or not values.keys().isdisjoint(layout.derived.values()):
            time = zip(self.columns, _ANY_DATE_AND_TIME if layout.dated else (_ANY_TIME,))
            record = Record(self.source, schema, {**dict(time), **values})
            try:
                refusal = layout.finish(record)
            except Exception:  # a plugin's may raise anything; its reader will meet and tell it
                return None
            if refusal is not None or record.schema.name != schema.name:
                return None
            if self.constants is None and not texts:
                self.constants = {
                    name: record.derived[name]
                    for name, column in layout.derived.items()
                    if column not in self.columns and name in record.derived
                }
            record.derived.update(derived)
            return record
        return Record(self.source, schema, values, derived={**self.constants, **derived})

    def _stamp(self) -> tuple[tuple[tuple[str, Value], ...], str]:
        return (("", Whole.MOMENT), (".", Whole.FRACTION)), "Z"

    def _read_time(self, cell: int) -> None:
        if cell != 0:
            raise Unfit


def _columns_of(needed: Iterable[Needed]) -> Iterable[str]:
    """Return the columns that decide whether others are needed."""
    return (column for one in needed for column in (*one.by, one.longer[0]) if column)
