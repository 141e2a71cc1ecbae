"""Write the event categories of tables as the CSV that ArcSight imports, one line for each event class id."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping as AnyMapping

from exnorm.model import Mapping, Source, Value

CATEGORIZER_FILE = "microsoft/exchange_server.csv"
"""Where it is installed below the folder of categorizers: by device vendor and product."""

KEY = "event.deviceEventClassId"
CATEGORIES = (
    "categoryObject",
    "categoryBehavior",
    "categoryTechnique",
    "categoryDeviceGroup",
    "categorySignificance",
    "categoryOutcome",
)
TAXONOMY = "arcsight"


def render_categorizer(
    mappings: Iterable[Mapping], sources: AnyMapping[str, Source]
) -> tuple[str, list[str]]:
    """Return the CSV, and a sentence for each class id that two tables categorize differently.

    The first table wins, because the file has one line for each class id whatever log type it comes from.
    Events without categories have no line.
    """
    chosen: dict[str, tuple[str, tuple[Value, ...]]] = {}
    clashes: list[str] = []
    for mapping in mappings:
        if mapping.taxonomy != TAXONOMY:
            continue
        for class_id, values in _categorize(mapping, sources[mapping.source]):
            table, first = chosen.setdefault(class_id, (mapping.name, values))
            clash = (
                f"class id {class_id} has other categories in {mapping.name}; those of {table} are written"
            )
            if first != values and clash not in clashes:
                clashes.append(clash)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow((KEY, *(f"set.event.{name}" for name in CATEGORIES)))
    writer.writerows((class_id, *values) for class_id, (_, values) in sorted(chosen.items()))
    return file.getvalue(), clashes


def _categorize(mapping: Mapping, source: Source) -> Iterator[tuple[str, tuple[Value, ...]]]:
    """Yield each class id that rows of this table have, spelt as in the log, with its categories."""
    events = {name.upper(): attributes for name, attributes in mapping.events.items()}
    finer = set(source.variants.values())
    names = {**source.variants, **{event: event for event in events if event not in finer}}
    for class_id, event in names.items():
        values = tuple(events.get(event, {}).get(category, "") for category in CATEGORIES)
        if any(values):
            yield class_id, values
