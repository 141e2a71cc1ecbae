"""``exnorm explain``: where each field of a record landed, and why."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from itertools import islice

import click
import msgspec

from exnorm.cli import OK, UNPARSED, USAGE, say
from exnorm.cli.inputs import STDIN, Input, InputError, expand, explain_refusal, read_blocks
from exnorm.cli.options import settings_options
from exnorm.cli.words import FILE
from exnorm.errors import quote, show
from exnorm.explanation import Explanation, explain
from exnorm.model import Record, Unparsed
from exnorm.pipeline import Normalizer
from exnorm.settings import Settings
from exnorm.stream import Stream

NO_HEADER = (
    "nothing was parsed, and no header came before it: give the log's lines with # too, or --source NAME"
)
EMPTY = "is empty: not one line was read"


class Explain(click.Command):
    """Takes ``--source`` without the name of a log type as ``--code``: print the generated source."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, once it is clear which of the two is meant."""
        return super().parse_args(ctx, [*_tell_apart(args)])


def _tell_apart(args: Sequence[str]) -> Iterator[str]:
    for number, word in enumerate(args):
        following = args[number + 1] if number + 1 < len(args) else ""
        alone = not following or following.startswith("-") or os.path.exists(following)
        yield "--code" if word == "--source" and alone else word


@click.command("explain", cls=Explain)
@click.argument("paths", nargs=-1, metavar="[PATH|-]...", type=FILE)
@settings_options
@click.option("--limit", "-n", type=click.IntRange(1), help="Stop after so many records.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each record.")
@click.option(
    "--code", is_flag=True, help="Print the code generated for each file instead; so does --source alone."
)
def command(settings: Settings, paths: tuple[str, ...], limit: int | None, as_json: bool, code: bool) -> int:
    """Show for each record its log type, columns and table, and each field with its column and row.

    Also what was cut, what was left out and what is kept as additional data, with the reason.
    """
    normalizer = Normalizer.from_settings(settings)
    status, shown = OK, 0
    for item in expand(paths):
        try:
            refusal = explain_refusal(item, normalizer)
            if refusal:
                say(f"{item.shown}: {refusal}; the file is left out")
                status = max(status, UNPARSED)
                continue
            if code:
                status = max(status, _print_code(normalizer, item))
                continue
            stream = normalizer.stream(item.shown)
            parsed = 0
            for explanation in _explain_items(normalizer, item, stream):
                status = max(status, UNPARSED if explanation.unparsed else OK)
                parsed += not explanation.unparsed
                _print(explanation, as_json)
                shown += 1
                if limit is not None and shown >= limit:
                    return status
            if not stream.line_number:
                say(_tell_empty(item))
            elif not parsed and not stream.directives:
                say(f"{item.shown}: {NO_HEADER}")
        except InputError as error:
            say(str(error))
            status = USAGE
    return status


def _explain_items(normalizer: Normalizer, item: Input, stream: Stream) -> Iterator[Explanation]:
    for record in _read_items(normalizer, item, stream):
        yield from explain(record, normalizer)


def _read_items(normalizer: Normalizer, item: Input, stream: Stream) -> Iterator[Record | Unparsed]:
    for block in read_blocks(item):
        yield from normalizer.parse(stream.cut(block), stream)
    yield from normalizer.parse(stream.finish(), stream)
    yield from normalizer.drain(stream)


def _print_code(normalizer: Normalizer, item: Input) -> int:
    """Print the code that the rows of a file's first block go through; status 1 where there is none."""
    stream = normalizer.stream(item.shown)
    lines: list[bytes] = []
    for block in islice(read_blocks(item), 1):
        lines = stream.cut(block)
    lines = [*lines, *stream.finish()]
    if not lines:
        say(_tell_empty(item))
        return UNPARSED
    program = normalizer.find_program(lines, stream)
    if program is None:
        say(f"{item.shown}: no code is generated for these rows with these settings; they go one by one")
        return UNPARSED
    click.echo(program.source_text, nl=False)
    return OK


def _tell_empty(item: Input) -> str:
    return f"standard input {EMPTY}" if item.name == STDIN else f"{item.shown} {EMPTY}"


def _print(explanation: Explanation, as_json: bool) -> None:
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(explanation.as_dict()) + b"\n")
        sys.stdout.buffer.flush()
    else:
        click.echo("\n".join(render(explanation)))


def render(explanation: Explanation) -> list[str]:
    """The explanation as a table of plain text."""
    place = f"{show(explanation.path)}:{explanation.line_number}"
    if explanation.unparsed:
        return [f"{place}: not parsed: {explanation.unparsed}", f"  {quote(explanation.raw)}", ""]
    version = f" {explanation.version}" if explanation.version else ""
    part = f", recipient {explanation.part}" if explanation.part else ""
    lines = [
        f"{place}: {explanation.event or '(no event)'}{part}",
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
        column = f"{entry.column} (derived)" if entry.derived else entry.column or "(constant)"
        rows.append((f"{entry.field} ({entry.key})", value + cut, column, entry.rule, entry.row + ours))
    lines += _align(rows)
    for name, changed in explanation.changed.items():
        final, _, plugin = changed.rpartition(" (")
        lines.append(f"  changed by {plugin[:-1]}: {name} = {quote(final, 60)}")
    lines += [f"  written as {explanation.format}: {note}" for note in explanation.written]
    for title, columns in (
        ("additional data:", explanation.additional),
        ("left out, because additional_data is none:", explanation.lost),
    ):
        if columns:
            lines.append(f"  {title}")
            lines += _align([(show(e.column), quote(e.value, 60), e.reason) for e in columns])
    return [*lines, ""]


def _align(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    return ["    " + " | ".join([*(c.ljust(w) for c, w in zip(row, widths)), row[-1]]) for row in rows]
