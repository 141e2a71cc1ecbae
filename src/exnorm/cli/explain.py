"""``exnorm explain``: where each field of a record landed, and why."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import chain

import click
import msgspec

from exnorm.cli import OK, UNPARSED, USAGE, say
from exnorm.cli.inputs import expand, explain_refusal, read_blocks
from exnorm.cli.options import settings_options
from exnorm.errors import quote
from exnorm.explanation import Explanation, explain
from exnorm.pipeline import Normalizer
from exnorm.settings import Settings


@click.command("explain")
@click.argument("paths", nargs=-1, metavar="[PATH|-]...")
@settings_options
@click.option("--limit", "-n", type=click.IntRange(1), help="Stop after so many records.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each record.")
def command(settings: Settings, paths: tuple[str, ...], limit: int | None, as_json: bool) -> int:
    """Show for each record its log type, columns and table, and each field with its column and row.

    Also what was cut, what was left out and what is kept as additional data, with the reason.
    """
    normalizer = Normalizer.from_settings(settings)
    status, shown = OK, 0
    for item in expand(paths):
        refusal = explain_refusal(item, normalizer)
        if refusal:
            say(f"{item.name}: {refusal}; the file is left out")
            status = max(status, UNPARSED)
            continue
        stream = normalizer.stream(item.name)
        try:
            for block in chain(read_blocks(item), (None,)):
                lines = stream.finish() if block is None else stream.cut(block)
                for record in normalizer.parse(lines, stream):
                    explanation = explain(record, normalizer)
                    status = max(status, UNPARSED if explanation.unparsed else OK)
                    _print(explanation, as_json)
                    shown += 1
                    if limit is not None and shown >= limit:
                        return status
        except OSError as error:
            say(f"{item.name}: cannot be read: {error.strerror or error}")
            status = USAGE
    return status


def _print(explanation: Explanation, as_json: bool) -> None:
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(explanation.as_dict()) + b"\n")
        sys.stdout.buffer.flush()
    else:
        click.echo("\n".join(render(explanation)))


def render(explanation: Explanation) -> list[str]:
    """The explanation as a table of plain text."""
    place = f"{explanation.path}:{explanation.line_number}"
    if explanation.unparsed:
        return [f"{place}: not parsed: {explanation.unparsed}", f"  {quote(explanation.raw)}", ""]
    version = f" {explanation.version}" if explanation.version else ""
    lines = [
        f"{place}: {explanation.event or '(no event)'}",
        f"  source {explanation.source}, schema {explanation.schema}{version} "
        f"(columns from {explanation.columns_from}), mapping {explanation.mapping}",
    ]
    if explanation.dropped:
        lines.append(f"  left out {explanation.dropped}")
    rows = [("field", "value", "from column", "rule", "row of the mapping")]
    for entry in explanation.fields:
        value = quote(entry.value, 60) if isinstance(entry.value, str) else str(entry.value)
        cut = f" (cut from {entry.cut_from} bytes)" if entry.cut_from else ""
        ours = f" [not in the guide: {entry.ours}]" if entry.ours else ""
        rows.append((f"{entry.field} ({entry.key})", value + cut, entry.column, entry.rule, entry.row + ours))
    lines += _align(rows)
    for name, changed in explanation.changed.items():
        value, _, plugin = changed.rpartition(" (")
        lines.append(f"  changed by {plugin[:-1]}: {name} = {quote(value, 60)}")
    if explanation.additional:
        lines.append("  additional data:")
        lines += _align([(e.column, quote(e.value, 60), e.reason) for e in explanation.additional])
    return [*lines, ""]


def _align(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    return ["    " + " | ".join([*(c.ljust(w) for c, w in zip(row, widths)), row[-1]]) for row in rows]
