"""Check a plugin's table beyond what ``mapping`` checks in every table.

``find_odd_parts`` checks types only, so that the table can be processed at all; ``find_odd_values`` reads its
values; ``find_gaps`` names what a receiver would miss. Each fault is a sentence: table, row, got, expected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping as AnyMapping
from typing import Any

from exnorm.errors import quote, suggest
from exnorm.model import ByEvent, Codec, Condition, Constant, Field, Mapping, Row, Source, Taxonomy

SEVERITIES = {"sev": (1, 10)}
"""By key of the field: the lowest and the highest that it takes."""
ANY_SEVERITY = (0, 10)

_SEVERITY_NAMES = frozenset(("severity", "sev"))
_SEVERITY_WORDS = frozenset(("unknown", "low", "medium", "high", "very-high"))
_MUST_BE_THERE = frozenset(
    ("devicevendor", "deviceproduct", "deviceeventclassid", "vendor", "product", "eventid")
)


def find_odd_parts(mapping: Mapping) -> Iterator[str]:
    """Yield a fault for each part of a table that has the wrong type."""
    where = f"mapping {mapping.name}"
    for name in ("name", "source", "taxonomy", "title", "extends", "replaces", "rest"):
        value = getattr(mapping, name)
        if not isinstance(value, str):
            yield f"{where}: {name}: got {_describe(value)}; expected a text"
    for name in ("columns", "schemas"):
        value = getattr(mapping, name)
        if isinstance(value, str) or not _is_all(value, str):
            yield f"{where}: {name}: got {_describe(value)}; expected a tuple of names"
    unmapped = mapping.unmapped
    if not isinstance(unmapped, AnyMapping) or not _is_all((*unmapped, *unmapped.values()), str):
        yield f"{where}: unmapped: got {_describe(unmapped)}; expected reasons by column"
    if isinstance(mapping.rows, (str, AnyMapping)) or not _is_all(mapping.rows, object):
        yield f"{where}: rows: got {_describe(mapping.rows)}; expected a tuple of row(...)"
        return
    for number, entry in enumerate(mapping.rows, 1):
        if isinstance(entry, Row):
            yield from (f"{where}, row {quote(entry.field)}: {fault}" for fault in _find_odd_row(entry))
        else:
            yield f"{where}, row {number}: got {_describe(entry)}; expected row(...)"
    yield from (f"{where}, events: {fault}" for fault in _find_odd_events(mapping.events))


def find_odd_item(item: Source | Taxonomy | Codec | Mapping) -> Iterator[str]:
    """Yield a fault for each attribute of a registered object that has the wrong type."""
    if not isinstance(item.name, str) or not item.name:
        yield f"name: got {_describe(item.name)}; expected a text"
    texts: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    if isinstance(item, Source):
        texts, functions = ("columns", "carries", "names"), ("recognize", "open")
    elif isinstance(item, Codec):
        texts, functions = ("taxonomies",), ("build",)
    elif isinstance(item, Taxonomy) and not _is_all(item.fields, Field):
        yield f"fields: got {_describe(item.fields)}; expected a tuple of Field(...)"
    for name in texts:
        value = getattr(item, name)
        if isinstance(value, str) or not _is_all(value, str):
            yield f"{name}: got {_describe(value)}; expected a tuple of names"
    for name in functions:
        if not callable(getattr(item, name)):
            yield f"{name}: got {_describe(getattr(item, name))}; expected a function"


def _find_odd_row(entry: Row) -> Iterator[str]:
    for name in ("field", "label", "ours", "guide"):
        value = getattr(entry, name)
        if not isinstance(value, str):
            yield f"{name}: got {_describe(value)}; expected a text"
    for origin in entry.origins:
        if not isinstance(origin, (str, Constant)):
            hint = ""
            if callable(origin):
                hint = "; a reading function stands behind the column"
            yield f"origin: got {_describe(origin)}; expected the name of a column or constant(...){hint}"
    if not entry.origins:
        yield "origin: got none; expected the name of a column or constant(...)"
    for origin in entry.origins:
        if isinstance(origin, Constant) and not _is_value(origin.value):
            yield f"constant: got {_describe(origin.value)}; expected a text or an integer"
    if not callable(entry.read):
        yield f"read as: got {_describe(entry.read)}; expected a function from a text to a value"
    if entry.when is not None and not isinstance(entry.when, Condition):
        yield f"when: got {_describe(entry.when)}; expected event_is(...), column_is(...) and their kin"


def _find_odd_events(events: Any) -> Iterator[str]:
    if not isinstance(events, AnyMapping):
        yield f"got {_describe(events)}; expected properties by event"
        return
    for event, properties in events.items():
        if not isinstance(event, str):
            yield f"got {_describe(event)}; expected the name of an event"
        elif not isinstance(properties, AnyMapping) or not _is_all(properties, str):
            yield f"{quote(event)}: got {_describe(properties)}; expected values by property"
        else:
            for name, value in properties.items():
                if not _is_value(value):
                    yield f"{quote(event)}: {name}: got {_describe(value)}; expected a text or an integer"


def find_odd_values(mine: Mapping, table: Mapping, taxonomy: Taxonomy) -> Iterator[str]:
    """Yield faults in ``mine``, which is now part of ``table``: misspelt event properties, severities out of
    range.
    """
    where = f"mapping {table.name}"
    fields = {item.label: item for item in taxonomy.fields}
    read = {row.read.attribute: row for row in table.rows if isinstance(row.read, ByEvent)}
    told = {name for properties in table.events.values() for name in properties}
    for entry in mine.rows:
        if isinstance(entry.read, ByEvent) and entry.read.attribute not in told:
            name = entry.read.attribute
            yield (
                f"{where}, row {quote(entry.field)}: by_event({quote(name)}): no event has such a property"
                f"{suggest(name, told)}"
            )
        values: list[Any] = [origin.value for origin in entry.origins if isinstance(origin, Constant)]
        if isinstance(entry.read, ByEvent) and entry.read.default is not None:
            values.append(entry.read.default)
        for value in values:
            fault = _judge(fields.get(entry.field), value)
            if fault:
                yield f"{where}, row {quote(entry.field)}: {fault}"
    for event, properties in mine.events.items():
        for name, value in properties.items():
            if not read:
                continue  # a table to build on: who does may read them
            if name not in read:
                yield f"{where}, events: {quote(event)}: no row reads {quote(name)}{suggest(name, read)}"
                continue
            fault = _judge(fields.get(read[name].field), value)
            if fault:
                yield f"{where}, events: {quote(event)}: {name}: {fault}"


def _judge(item: Field | None, value: Any) -> str:
    """Return why a severity is invalid; empty for a valid one and for every other field."""
    if item is None or {item.name.lower(), item.key.lower()}.isdisjoint(_SEVERITY_NAMES):
        return ""
    lowest, highest = SEVERITIES.get(item.key, ANY_SEVERITY)
    if isinstance(value, str) and not value.isdecimal():
        fits = item.key not in SEVERITIES and value.lower() in _SEVERITY_WORDS
    else:
        fits = lowest <= int(value) <= highest
    return "" if fits else f"got severity {_describe(value)}; expected a number from {lowest} to {highest}"


def find_gaps(table: Mapping, taxonomy: Taxonomy) -> Iterator[str]:
    """Yield a fault for each field that every event needs and no row writes: vendor, product,
    event id, time.
    """
    written = {entry.field for entry in table.rows}
    for item in taxonomy.fields:
        if item.header and item.name.lower() in _MUST_BE_THERE and item.label not in written:
            yield f"mapping {table.name}: no row writes {quote(item.label)}, which every event needs"
    times = [item.label for item in taxonomy.fields if item.type == "time"]
    if times and written.isdisjoint(times):
        known = " or ".join(times[:4])
        yield f"mapping {table.name}: no row writes the time of an event; expected one for {known}"


def _is_value(value: Any) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def _is_all(items: Any, kind: type) -> bool:
    try:
        return all(isinstance(item, kind) for item in items)
    except TypeError:
        return False


def _describe(value: Any) -> str:
    """Return a value with its type for a message, without calling its ``repr``."""
    if isinstance(value, (str, int)):
        return quote(value) if isinstance(value, str) else str(value)
    name = getattr(value, "__name__", "")
    return f"{type(value).__name__} {name}" if isinstance(name, str) and name else type(value).__name__
