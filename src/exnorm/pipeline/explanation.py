"""Explain the fields of an event: the mapping's rows, the columns they read, and the columns left over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from exnorm.model import ByEvent, Constant, Event, Record, Row, Unparsed, Value
from exnorm.pipeline.normalizer import Normalizer
from exnorm.pipeline.recipients import split_recipients
from exnorm.pipeline.routes import Route
from exnorm.tables.mapping import ADDITIONAL_DATA, CompiledMapping, describe_origin, describe_rule

_WRITTEN = {
    "cut": "cut to the field's length",
    "replaced": "has line breaks, separators or controls replaced",
    "refused": "cannot be carried in its own field",
}


@dataclass(frozen=True)
class ExplainedField:
    """One field: the column of its value, the row that wrote it, and the author of that row.

    ``rule`` is ``guide``, ``exnorm``, ``plugin NAME`` or ``overlay FILE:LINE``; ``ours`` is the reason of a
    row that is not the guide's. ``column`` is empty for a constant; ``derived`` marks a value that is not a
    column of the log but derived.
    """

    field: str
    key: str
    value: Value
    column: str
    row: str
    rule: str = ""
    ours: str = ""
    cut_from: int = 0
    derived: bool = False


@dataclass(frozen=True)
class ExplainedColumn:
    """A column that is additional data, or would be, and the reason."""

    column: str
    value: str
    reason: str


@dataclass(frozen=True)
class Explanation:
    """The explanation of one event; for an unparsed line, only its reason and raw text.

    ``part`` distinguishes the events of one row. ``dropped`` is the reason why there is no event, ``changed``
    the fields set by processors, ``lost`` the columns that the settings leave out, ``written`` the changes
    that the format made to values.
    """

    path: str
    line_number: int
    source: str = ""
    schema: str = ""
    version: str = ""
    columns_from: str = ""
    part: str = ""
    mapping: str = ""
    event: str = ""
    fields: tuple[ExplainedField, ...] = ()
    additional: tuple[ExplainedColumn, ...] = ()
    lost: tuple[ExplainedColumn, ...] = ()
    dropped: str = ""
    changed: dict[str, str] = field(default_factory=dict)
    format: str = ""
    written: tuple[str, ...] = ()
    unparsed: str = ""
    raw: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, without empty ones."""
        return {name: value for name, value in asdict(self).items() if value not in ("", (), {})}


def explain(item: Record | Unparsed, normalizer: Normalizer) -> Iterator[Explanation]:
    """Explain each event of one row. It changes the counts of ``normalizer``, so pass one made for this."""
    if isinstance(item, Unparsed):
        yield Explanation(item.path, item.line_number, unparsed=item.reason, raw=item.raw)
        return
    for part in split_recipients(item) if normalizer.settings.per_recipient else (item,):
        yield _explain_event(part, normalizer)


def _explain_event(item: Record, normalizer: Normalizer) -> Explanation:
    route = normalizer.routes.of(item)
    mapping = route.mapping
    kept = _explain_additional(item, mapping, normalizer)
    return Explanation(
        path=item.path,
        line_number=item.line_number,
        source=item.source.name,
        schema=item.schema.name or "unknown",
        version=item.schema.version,
        columns_from=item.schema.found,
        part=item.part,
        mapping=mapping.mapping.name,
        event=item.event_id,
        fields=tuple(explain_fields(item, mapping)),
        additional=kept if mapping.keep_additional else (),
        lost=() if mapping.keep_additional else kept,
        dropped=_explain_drop(item, route, normalizer),
        changed=explain_changes(item, route, normalizer),
        format=normalizer.codec.name,
        written=tuple(_explain_writing(item, normalizer)),
    )


def explain_fields(record: Record, mapping: CompiledMapping) -> list[ExplainedField]:
    """Return each field as the table writes it, before processors, with its column and rule."""
    found = []
    for given in mapping.assign(record):
        target = given.row.field
        if target is None:
            continue
        row = given.row.row
        found.append(
            ExplainedField(
                field=target.name,
                key=target.key,
                value=given.value,
                column=given.origin,
                row=f"{row.field} <- {describe_origin(row)}",
                rule=_find_rule(row, record, mapping),
                ours=row.ours,
                cut_from=given.cut_from,
                derived=given.origin in record.source.derived,
            )
        )
    return found


def _find_rule(row: Row, record: Record, mapping: CompiledMapping) -> str:
    """Return the author of a row; for a value looked up by event, the author of that entry."""
    if isinstance(row.read, ByEvent):
        for origin in row.origins:
            event = record.get(origin).upper() if isinstance(origin, str) else ""
            rule = mapping.mapping.event_rules.get((event, row.read.attribute))
            if rule:
                return rule
    return describe_rule(row)


def _explain_additional(
    record: Record, mapping: CompiledMapping, normalizer: Normalizer
) -> tuple[ExplainedColumn, ...]:
    event = replace(mapping, keep_additional=True).normalize(record, normalizer.counts)
    return tuple(
        ExplainedColumn(column, value, explain_kept(column, value, mapping))
        for column, value in event.additional.items()
    )


def explain_kept(column: str, value: str, mapping: CompiledMapping) -> str:
    """Return why a column with this value is additional data."""
    if column not in mapping.known_columns:
        return "unknown column"
    if column in mapping.mapping.unmapped:
        return mapping.mapping.unmapped[column]
    if mapping.mapping.rest and not any(column in row.origins for row in mapping.mapping.rows):
        return mapping.mapping.rest
    for row in mapping.mapping.rows:
        if row.field == ADDITIONAL_DATA and column in row.origins:
            return f"row {ADDITIONAL_DATA} <- {column}"
    reading = [
        row
        for row in mapping.rows
        if any(
            column in mapping.source.columns_of(origin)
            for origin in row.row.origins
            if not isinstance(origin, Constant)
        )
    ]
    for compiled in reading:
        if compiled.loses is not None and compiled.loses(value):
            return f"as logged: {compiled.row.field} does not hold all of it"
    targets = [compiled.row.field for compiled in reading]
    return f"no value fit for {' or '.join(dict.fromkeys(targets))}, or it was cut"


def _explain_drop(record: Record, route: Route, normalizer: Normalizer) -> str:
    if route.keeps is not None and not route.keeps(record):
        return f"by profile {normalizer.settings.profile}"
    rule = "" if route.find_rule is None else route.find_rule(record)
    if rule:
        return f"by {rule}"
    if not _is_processed(route):
        return ""
    before = dict(normalizer.counts.removed)
    if not list(normalizer.normalize_record(record)):
        for name, number in normalizer.counts.removed.items():
            if number > before.get(name, 0):
                return f"by plugin {name}"
    return ""


def explain_changes(record: Record, route: Route, normalizer: Normalizer) -> dict[str, str]:
    """Return the fields that processors set or changed: their final values, and the last plugin to change
    each.
    """
    if not _is_processed(route):
        return {}
    changed: dict[str, str] = {}
    for plugin, before, after in _replay(record, route, normalizer):
        for name in before.keys() | after.keys():
            if before.get(name) != after.get(name):
                whose = plugin if plugin.startswith("overlay ") else f"plugin {plugin}"
                changed[name] = f"{after.get(name, '(removed)')} ({whose})"
    return dict(sorted(changed.items()))


def _replay(
    record: Record, route: Route, normalizer: Normalizer
) -> Iterator[tuple[str, dict[str, Value], dict[str, Value]]]:
    """Yield the fields before and after each processor that returns something."""
    event: Event = route.mapping.normalize(record, normalizer.counts)
    for processor in route.record_processors:
        changed = normalizer.routes.process(record, (processor,))
        if changed is None:
            return
        after = route.mapping.normalize(changed, normalizer.counts)
        yield processor.plugin, event.fields, after.fields
        record, event = changed, after
    for processor in route.event_processors:
        done = normalizer.routes.process(event, (processor,))
        if done is None:
            return
        yield processor.plugin, event.fields, done.fields
        event = done


def _explain_writing(record: Record, normalizer: Normalizer) -> Iterator[str]:
    """Yield the changes that the format had to make to values."""
    counts = normalizer.counts
    for event in normalizer.normalize_record(record):
        before = {what: dict(getattr(counts, what)) for what in _WRITTEN}
        encoded = normalizer.encode_event(event)
        if isinstance(encoded, Unparsed):
            yield encoded.reason
        for what, meaning in _WRITTEN.items():
            for name, number in getattr(counts, what).items():
                if number > before[what].get(name, 0):
                    yield f"{name} {meaning}"


def _is_processed(route: Route) -> bool:
    return bool(route.record_processors or route.event_processors)
