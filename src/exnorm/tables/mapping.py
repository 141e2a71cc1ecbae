"""Write tables, check them against their source and taxonomy, and apply them to records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping as AnyMapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from exnorm.convert import LOSSES, cut_utf8, text
from exnorm.errors import MappingError, quote, suggest
from exnorm.model import (
    ByEvent,
    Condition,
    Constant,
    Event,
    Field,
    Mapping,
    Notes,
    Reading,
    Record,
    Row,
    Source,
    Taxonomy,
    Value,
)
from exnorm.settings import NAMES as SETTINGS, Settings

ADDITIONAL_DATA = "Additional data"


# --- the words tables are written in -------------------------------------------------------------


def row(
    field: str,
    origin: str | Constant | tuple[str | Constant, ...],
    read: Reading = text,
    *,
    when: Condition | None = None,
    label: str = "",
    ours: str = "",
    partial: bool = False,
    guide: str = "",
) -> Row:
    """Return one row of a table, in the order of the guide's columns. See ``model.Row``."""
    origins = origin if isinstance(origin, tuple) else (origin,)
    return Row(field, origins, read, when, label, ours, partial, guide=guide)


def constant(value: Value) -> Constant:
    """Return a fixed value, for use in the place of a column."""
    return Constant(value)


def event_is(*names: str) -> Condition:
    """Return the condition that the event is one of ``names``."""
    return Condition("event", "event", frozenset(name.upper() for name in names))


def event_is_not(*names: str) -> Condition:
    """Return the condition that the event is none of ``names``."""
    return Condition("event", "event", frozenset(name.upper() for name in names), negated=True)


def column_is(column: str, *values: str) -> Condition:
    """Return the condition that a column or derived value is one of ``values``, ignoring case."""
    return Condition("column", column, frozenset(value.upper() for value in values))


def column_is_not(column: str, *values: str) -> Condition:
    """Return the condition that a column or derived value is none of ``values``, ignoring case."""
    return Condition("column", column, frozenset(value.upper() for value in values), negated=True)


def setting_is(name: str, *values: object) -> Condition:
    """Return the condition that a setting is one of ``values``; decided when the table is compiled."""
    return Condition("setting", name, frozenset(str(value).upper() for value in values))


def asked_for(setting: Condition, condition: Condition) -> Condition:
    """Return the condition that both ``setting`` and ``condition`` hold."""
    return replace(condition, asked=setting)


def by_event(attribute: str, default: Value | None = None) -> ByEvent:
    """Return a reading function that looks the event's attribute up in the mapping's event table."""
    return ByEvent(attribute, default)


# --- a table that was checked, ready to use ------------------------------------------------------


@dataclass(frozen=True)
class CompiledRow:
    """A row with its names resolved. ``holds`` is ``None`` where the row always applies.

    ``loses`` returns whether the value read from a text omits part of it; ``None`` where that never happens.
    """

    row: Row
    field: Field | None
    label_field: Field | None
    read: Reading
    holds: Callable[[Record], bool] | None
    loses: Callable[[str], bool] | None = None


class Assignment(NamedTuple):
    """One value written by a row: its origin (``""``: a constant) and its length in bytes before a cut (0:
    not cut).
    """

    row: CompiledRow
    origin: str
    value: Value
    cut_from: int = 0


_Given = tuple[CompiledRow, str, Value, int]
_Holds = Callable[[Record], bool] | None
_Step = tuple[CompiledRow, _Holds, tuple[str, ...], Constant | None, Reading, int]


@dataclass(frozen=True)
class CompiledMapping:
    """A checked mapping, ready to apply: settings are decided and the event table is looked up."""

    mapping: Mapping
    source: Source
    taxonomy: Taxonomy
    rows: tuple[CompiledRow, ...]
    known_columns: frozenset[str]
    known_events: frozenset[str]
    keep_additional: bool

    def assign(self, record: Record) -> Iterator[Assignment]:
        """Yield the value of each row of the table for this record, in the table's order."""
        return map(Assignment._make, self._give(record))

    def normalize(self, record: Record, notes: Notes) -> Event:
        """Return the record as an event under the taxonomy's names.

        A column that no row used, or whose value was cut or cannot be read back, is kept whole as additional
        data.
        """
        fields: dict[str, Value] = {}
        cut: dict[str, int] = {}
        used: set[str] = set()
        for row, origin, value, cut_from in self._give(record):
            target = row.field
            if target is None:
                continue
            if row.label_field is not None:
                fields[row.label_field.name] = row.row.label
            fields[target.name] = value
            if cut_from:
                cut[target.name] = cut_from
                notes.note("cut", target.name)
            elif not row.row.partial and not (row.loses is not None and row.loses(record.get(origin))):
                used.add(origin)
                if origin in self.source.derived:
                    used.update(self.source.columns_of(origin))
        additional = self._leftover(record, used) if self.keep_additional else {}
        additional.update(record.marks)
        return Event(self.taxonomy, fields, additional, record, cut)

    def _give(self, record: Record) -> Iterator[_Given]:
        """Yield ``assign``'s values as plain tuples, which are cheaper to make for every row of
        every record.
        """
        for row, holds, origins, otherwise, read, limit in self._steps:
            if holds is not None and not holds(record):
                continue
            for origin in origins:
                found = record.get(origin)
                value = read(found) if found else None
                if value is not None and value != "":
                    if limit and isinstance(value, str) and len(value) > limit // 4:
                        yield row, origin, *_cut(value, limit)
                    else:
                        yield row, origin, value, 0
                    break
            else:
                if otherwise is not None:
                    yield row, "", otherwise.value, 0

    @cached_property
    def _steps(self) -> list[_Step]:
        """The parts of each row that are needed for every record."""
        return [
            (row, row.holds, *_part_origins(row.row), row.read, row.field.max_bytes if row.field else 0)
            for row in self.rows
        ]

    def _leftover(self, record: Record, used: set[str]) -> dict[str, str]:
        absent = self.source.absent
        return {
            column: value
            for column, value in record.values.items()
            if value and value != absent and column not in used
        }


def read_with_care(read: Reading, blame: Callable[[object], None]) -> Reading:
    """Wrap a plugin's reading function: where it raises or returns an invalid value, nothing was read."""

    def reading(text: str) -> Value | None:
        try:
            value = read(text)
        except Exception as error:  # a plugin may raise anything; the column stays additional data
            blame(error)
            return None
        if value is None or isinstance(value, (str, int)):
            return value
        blame(f"got {type(value).__name__}; expected text, an integer or None")
        return None

    return reading


def _part_origins(entry: Row) -> tuple[tuple[str, ...], Constant | None]:
    """Return the columns that a row reads, and the constant it writes where all of them are empty."""
    names: list[str] = []
    for origin in entry.origins:
        if isinstance(origin, Constant):
            return tuple(names), origin
        names.append(origin)
    return tuple(names), None


def _cut(value: str, limit: int) -> tuple[str, int]:
    """Return text cut to ``limit`` bytes, and its length in bytes before the cut (0: not cut)."""
    shown = cut_utf8(value, limit)
    return shown, len(value.encode("utf-8", "replace")) if len(shown) < len(value) else 0


def index_fields(taxonomy: Taxonomy) -> dict[str, Field]:
    """Return fields by label, full name and short key in lower case; a label wins over a name, a name over a
    key.
    """
    found: dict[str, Field] = {}
    for attribute in ("label", "name", "key"):
        for item in taxonomy.fields:
            found.setdefault(str(getattr(item, attribute)).casefold(), item)
    return found


def name_by_label(mapping: Mapping, taxonomy: Taxonomy) -> Mapping:
    """Return the table with every row's field given by its label, where a row has the full name or key
    instead.
    """
    labels = {item.label for item in taxonomy.fields} | {ADDITIONAL_DATA}
    if all(entry.field in labels for entry in mapping.rows):
        return mapping
    known = index_fields(taxonomy)

    def rename(entry: Row) -> Row:
        target = None if entry.field in labels else known.get(entry.field.casefold())
        return entry if target is None else replace(entry, field=target.label)

    return replace(mapping, rows=tuple(map(rename, mapping.rows)))


# --- checking ------------------------------------------------------------------------------------


def compile_mapping(
    mapping: Mapping, source: Source, taxonomy: Taxonomy, settings: Settings
) -> CompiledMapping:
    """Check ``mapping`` and compile it.

    Raises ``MappingError`` naming the table and the row: a field the taxonomy does not have, an origin the
    source does not have, a field written twice under conditions that can both hold, a column neither mapped
    nor listed as unmapped, or both.
    """
    check_mapping(mapping, source, taxonomy)
    fields = {field.label: field for field in taxonomy.fields}
    rows = []
    for entry in mapping.rows:
        asked = setting_of(entry.when)
        if asked is not None and not _setting_holds(asked, settings):
            continue
        rows.append(
            CompiledRow(
                row=entry,
                field=fields.get(entry.field),
                label_field=fields.get(entry.field + " Label") if entry.label else None,
                read=_resolve(entry.read, mapping),
                holds=_predicate(entry.when),
                loses=next((loses for read, loses in LOSSES if read is entry.read), None),
            )
        )
    return CompiledMapping(
        mapping=mapping,
        source=source,
        taxonomy=taxonomy,
        rows=tuple(rows),
        known_columns=frozenset(source.columns) | frozenset(mapping.columns),
        # A source without a list of events has an open set of them; its table is keyed by something else.
        known_events=source.events and source.events | frozenset(name.upper() for name in mapping.events),
        keep_additional=settings.additional_data != "none",
    )


def check_mapping(mapping: Mapping, source: Source, taxonomy: Taxonomy) -> None:
    """Raise ``MappingError`` for the first of the faults listed under ``compile_mapping``."""
    labels = {field.label for field in taxonomy.fields}
    columns = set(source.columns) | set(mapping.columns)
    written: dict[str, list[Row]] = {}
    mapped: set[str] = set()
    for entry in mapping.rows:
        where = f"mapping {mapping.name}, row {quote(entry.field)}"
        if entry.field != ADDITIONAL_DATA:
            if entry.field not in labels:
                raise MappingError(
                    f"{where}: unknown field of taxonomy {taxonomy.name}{suggest(entry.field, labels)}"
                )
            if entry.label and entry.field + " Label" not in labels:
                raise MappingError(f"{where}: this field of taxonomy {taxonomy.name} has no label")
            for earlier in written.setdefault(entry.field, []):
                if can_both_hold(earlier.when, entry.when):
                    raise MappingError(f"{where}: written twice under conditions that both hold")
            written[entry.field].append(entry)
        for origin in entry.origins:
            if isinstance(origin, Constant):
                continue
            if origin not in columns and origin not in source.derived:
                known = columns | set(source.derived)
                hint = suggest(origin, known)
                if "did you mean" not in hint:
                    hint += "; a column that only your logs have is named in columns="
                raise MappingError(f"{where}: unknown column {quote(origin)} of source {source.name}{hint}")
            if not entry.partial:
                mapped.update((origin, *source.columns_of(origin)))
        _check_condition(entry.when, where, columns | set(source.derived), source)
    _check_unmapped(mapping, source, columns, mapped)


def _check_condition(when: Condition | None, where: str, known: set[str], source: Source) -> None:
    if when is None:
        return
    if when.subject == "column" and when.name not in known:
        raise MappingError(
            f"{where}: condition on unknown column {quote(when.name)}{suggest(when.name, known)}"
        )
    if when.subject == "setting" and when.name not in SETTINGS:
        raise MappingError(
            f"{where}: condition on unknown setting {quote(when.name)}{suggest(when.name, SETTINGS)}"
        )
    if when.asked is not None:
        _check_condition(when.asked, where, known, source)
    if when.subject == "event" and not source.event_column:
        raise MappingError(f"{where}: condition on the event, but source {source.name} names none")


def _check_unmapped(mapping: Mapping, source: Source, columns: set[str], mapped: set[str]) -> None:
    for column in mapping.unmapped:
        if column not in columns:
            raise MappingError(
                f"mapping {mapping.name}, unmapped {quote(column)}: unknown column of source "
                f"{source.name}{suggest(column, columns)}"
            )
        if column in mapped:
            raise MappingError(f"mapping {mapping.name}: column {quote(column)} is mapped and listed")
    for column in sorted(columns - mapped - set(mapping.unmapped)) if not mapping.rest else ():
        raise MappingError(
            f"mapping {mapping.name}: column {quote(column)} of source {source.name} has no row; "
            "add one, list it under unmapped with a reason, or say under rest what becomes of all others"
        )


def extend_mapping(base: Mapping, extension: Mapping, rule: str = "") -> Mapping:
    """Return ``base`` with the extension's rows, event table and columns added; ``rule`` names their author.

    A row with the same field and condition as one of ``base`` replaces it, and so does a row for a field that
    ``base`` writes on request only. The columns of an added row no longer count as unmapped.
    """
    added = tuple(mark_row(entry, rule) for entry in extension.rows)
    rows = tuple(entry for entry in base.rows if not any(_gives_way(entry, other) for other in added))
    origins = {origin for entry in added if not entry.partial for origin in entry.origins}
    unmapped = {**base.unmapped, **extension.unmapped}
    return replace(
        set_events(base, extension.events, rule),
        rows=rows + added,
        unmapped={name: why for name, why in unmapped.items() if name not in origins},
        columns=base.columns + tuple(c for c in extension.columns if c not in base.columns),
    )


def mark_row(entry: Row, rule: str) -> Row:
    """Return the row with ``rule`` as its author, unless it has one."""
    return replace(entry, rule=rule) if rule and not entry.rule else entry


def set_events(base: Mapping, events: AnyMapping[str, AnyMapping[str, Value]], rule: str) -> Mapping:
    """Return ``base`` with these attributes of events over its own; ``rule`` names their author."""
    table = {name.upper(): dict(attributes) for name, attributes in base.events.items()}
    rules = dict(base.event_rules)
    for name, attributes in events.items():
        table.setdefault(name.upper(), {}).update(attributes)
        rules.update({(name.upper(), attribute): rule for attribute in attributes if rule})
    return replace(base, events=table, event_rules=rules)


def _gives_way(earlier: Row, later: Row) -> bool:
    """Return whether a row of an extension replaces a row of the table."""
    if earlier.field != later.field or earlier.field == ADDITIONAL_DATA:
        return False
    optional = setting_of(earlier.when) is not None
    return earlier.when == later.when or (optional and can_both_hold(earlier.when, later.when))


def choose_mapping(mappings: Iterable[Mapping], schema_name: str) -> Mapping | None:
    """Return the mapping for a schema, else the one for no particular schema, else the first."""
    candidates = list(mappings)
    for candidate in candidates:
        if schema_name in candidate.schemas:
            return candidate
    for candidate in candidates:
        if not candidate.schemas:
            return candidate
    return candidates[0] if candidates else None


def _resolve(read: Reading, mapping: Mapping) -> Reading:
    if not isinstance(read, ByEvent):
        return read
    attribute, default = read.attribute, read.default
    table = {
        name.upper(): attributes[attribute]
        for name, attributes in mapping.events.items()
        if attributes.get(attribute, "") != ""
    }
    return lambda event: table.get(event.upper(), default)


def _predicate(when: Condition | None) -> Callable[[Record], bool] | None:
    if when is None or when.subject == "setting":
        return None
    values, negated = when.values, when.negated
    if when.subject == "event":
        return lambda record: (record.event_id in values) is not negated
    name = when.name
    return lambda record: (record.get(name).upper() in values) is not negated


def setting_of(when: Condition | None) -> Condition | None:
    """Return the part of a condition that is decided when a table is compiled."""
    return when if when is None or when.subject == "setting" else when.asked


def _setting_holds(when: Condition, settings: Settings) -> bool:
    return (str(getattr(settings, when.name)).upper() in when.values) is not when.negated


def can_both_hold(one: Condition | None, other: Condition | None) -> bool:
    """Return whether two conditions can hold for one record; ``None`` always holds."""
    return _meet(setting_of(one), setting_of(other)) and _meet(_without_setting(one), _without_setting(other))


def _without_setting(when: Condition | None) -> Condition | None:
    return None if when is None or when.subject == "setting" else when


def _meet(one: Condition | None, other: Condition | None) -> bool:
    if one is None or other is None or (one.subject, one.name) != (other.subject, other.name):
        return True
    if one.negated and other.negated:
        return True
    if one.negated:
        return not other.values <= one.values
    if other.negated:
        return not one.values <= other.values
    return bool(one.values & other.values)


def describe_origin(entry: Row) -> str:
    """Return a row's origins, condition and label as the guides write them: ``server-ip (Device ...)``."""
    names = [f"'{o.value}'" if isinstance(o, Constant) else o for o in entry.origins]
    qualifiers = [text for text in (str(entry.when or ""), entry.label) if text]
    return " else ".join(names) + (f" ({'; '.join(qualifiers)})" if qualifiers else "")


def quote_guide(entry: Row) -> str:
    """Return the text that the guide prints beside a row's field, to the letter."""
    return entry.guide or describe_origin(replace(entry, label=""))


def describe_rule(entry: Row) -> str:
    """Return the author of a row: the vendor's guide, exnorm, a plugin or an overlay."""
    return entry.rule or ("exnorm" if entry.ours else "guide")


def find_plugin(entry: Row) -> str:
    """Return the plugin that wrote a row; empty for any other row."""
    kind, _, name = entry.rule.partition(" ")
    return name.partition(",")[0] if kind == "plugin" else ""
