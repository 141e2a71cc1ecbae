"""Print the mapping tables as Markdown, for comparing them with the vendors' guides line by line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping as AnyMapping, Sequence

from exnorm.model import ByEvent, Field, Mapping, Reading, Row, Source, Taxonomy
from exnorm.tables.mapping import ADDITIONAL_DATA, describe_origin, quote_guide


def render_fields(taxonomy: Taxonomy) -> str:
    """Return the fields of a taxonomy; a table's first column takes their label, full name or key."""
    rows = (
        (item.label, item.name, item.key, item.type, str(item.max_bytes or ""), "yes" if item.header else "")
        for item in taxonomy.fields
    )
    titles = ("label", "full name", "key", "type", "bytes at most", "in the header")
    return "\n".join([f"## {taxonomy.title}: fields of {taxonomy.name}", "", *_render_table(titles, rows)])


def render_mapping(mapping: Mapping, source: Source, taxonomy: Taxonomy) -> str:
    """Return one table: the guide's rows in its order, then ours with their reasons, then the unmapped
    columns.
    """
    fields = {field.label: field for field in taxonomy.fields}
    guide = [row for row in mapping.rows if not (row.ours or row.rule)]
    ours = [row for row in mapping.rows if row.ours or row.rule]
    lines = [f"## {mapping.name}", "", mapping.title or f"{source.title} to {taxonomy.title}", ""]
    chosen = f"schema {', '.join(mapping.schemas)}" if mapping.schemas else "every schema"
    if not mapping.auto:
        chosen = f"no log by itself: only with `--mapping {mapping.name}`"
    lines += [f"From `{source.name}` ({source.title}) to `{taxonomy.name}`; chosen for {chosen}.", ""]
    if guide:
        lines += [
            "### Rows of the vendor's guide",
            "",
            "The first two columns are the guide's print, to the letter.",
            "",
        ]
        cells = ((row.field, quote_guide(row), *_cells(row, fields)[1:]) for row in guide)
        lines += _render_table(("in the guide", "beside it in the guide", "key", "from", "read as"), cells)
    if ours:
        lines += ["### Rows that are ours", ""]
        cells = ((*_cells(row, fields), _reason(row)) for row in ours)
        lines += _render_table(("field", "key", "from", "read as", "reason"), cells)
    if mapping.unmapped:
        lines += ["### Columns without a row: kept as additional data", ""]
        lines += _render_table(("column", "reason"), mapping.unmapped.items())
    if mapping.rest:
        lines += [f"Every other column is kept as additional data: {_cell(mapping.rest)}.", ""]
    if mapping.events:
        lines += _render_events(mapping)
    return "\n".join(lines)


def render_index(mappings: Iterable[Mapping], sources: AnyMapping[str, Source]) -> str:
    """Return the list of tables, by log type."""
    lines = [
        "# Mapping tables",
        "",
        "Generated from the tables in src/exnorm/taxonomies by `tox -e generate`; a test fails when stale.",
        "Rows of a vendor's guide come first, in its wording and order; a row that is ours has a reason.",
        "",
        "| log type | to | table | for |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {sources[m.source].title} | {m.taxonomy} | [{m.name}]({m.name}.md) "
        f"| {', '.join(m.schemas) or 'every version' if m.auto else 'where pinned'} |"
        for m in mappings
    ]
    return "\n".join(lines) + "\n"


def _render_events(mapping: Mapping) -> list[str]:
    names = list(dict.fromkeys(name for event in mapping.events.values() for name in event))
    rows = (
        (event, *(str(attributes.get(name, "")) for name in names))
        for event, attributes in sorted(mapping.events.items())
    )
    return ["### Events", "", *_render_table(("event", *names), rows)]


def _render_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    lines += [f"| {' | '.join(map(_cell, row))} |" for row in rows]
    return [*lines, ""]


def _cells(row: Row, fields: dict[str, Field]) -> tuple[str, ...]:
    return row.field, _key(row.field, fields), describe_origin(row), _reading(row.read)


def _key(label: str, fields: dict[str, Field]) -> str:
    field = fields.get(label)
    return f"`{field.key}`" if field is not None else "`ad.NAME`" if label == ADDITIONAL_DATA else ""


def _reading(read: Reading) -> str:
    if isinstance(read, ByEvent):
        default = "" if read.default is None else f" (else {read.default})"
        return f"{read.attribute} of the event{default}"
    return str(getattr(read, "__name__", type(read).__name__)).replace("_", " ")


def _reason(row: Row) -> str:
    return "; ".join(text for text in (row.rule, row.ours) if text)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
