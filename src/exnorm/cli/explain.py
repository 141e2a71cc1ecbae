"""``exnorm explain``: show where each field of a record came from, and why."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import click
import msgspec

from exnorm.cli import OK, UNPARSED, USAGE, say
from exnorm.cli.click_types import FILE
from exnorm.cli.inputs import STDIN, Input, InputError, expand, explain_refusal, read_blocks
from exnorm.cli.options import settings_options
from exnorm.errors import quote, show, show_json
from exnorm.model import Record, Unparsed
from exnorm.pipeline.explanation import Explanation, explain
from exnorm.pipeline.normalizer import Normalizer
from exnorm.pipeline.stream import Stream
from exnorm.settings import Settings

NO_HEADER = (
    "nothing was parsed, and no header came before it: give the log's lines with # too, or --source NAME"
)
EMPTY = "is empty: not one line was read"


class Explain(click.Command):
    """Accepts ``--source`` without the name of a log type as ``--code``: print the generated source."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as click does, after deciding which of the two is meant."""
        return super().parse_args(ctx, [*_tell_apart(args)])


def _tell_apart(args: Sequence[str]) -> Iterator[str]:
    for number, word in enumerate(args):
        following = args[number + 1] if number + 1 < len(args) else ""
        alone = not following or following.startswith("-") or os.path.exists(following)
        yield "--code" if word == "--source" and alone else word


@click.command("explain", cls=Explain)
@click.argument("paths", nargs=-1, metavar="[PATH|-]...", type=FILE)
@settings_options
@click.option("--line", "only_line", type=click.IntRange(1), metavar="N", help="Only line N of each file.")
@click.option("--find", metavar="TEXT", help="Only rows that contain TEXT, in any case.")
@click.option("--limit", "-n", type=click.IntRange(1), help="Stop after this number of records.")
@click.option(
    "--width",
    type=click.IntRange(40),
    metavar="N",
    help="Fold lines at N columns.  [default: the terminal's, none elsewhere]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each record.")
@click.option(
    "--code",
    is_flag=True,
    help="Print the generated code for each file instead; --source without a name does the same.",
)
def command(
    settings: Settings,
    paths: tuple[str, ...],
    only_line: int | None,
    find: str | None,
    limit: int | None,
    width: int | None,
    as_json: bool,
    code: bool,
) -> int:
    """Show where every field of each record came from, and why.

    For each record: its log type, columns and table, each field with its column and row; what was cut, what
    was left out and what is kept as additional data, with the reason.
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
            parsed = found_here = 0
            chosen = _Chosen(only_line, (find or "").casefold())
            for explanation in _explain_items(normalizer, item, stream, chosen):
                status = max(status, UNPARSED if explanation.unparsed else OK)
                parsed += not explanation.unparsed
                _print(explanation, as_json, find_width() if width is None else width)
                shown += 1
                found_here += 1
                if limit is not None and shown >= limit:
                    return status
            if not stream.line_number:
                say(_tell_empty(item))
            elif not found_here:
                say(f"{item.shown}: {chosen.explain_absence(stream.line_number)}")
            elif not parsed and not stream.directives:
                say(f"{item.shown}: {NO_HEADER}")
        except InputError as error:
            say(str(error))
            status = USAGE
    return status


@dataclass(frozen=True)
class _Chosen:
    """Selects the rows to explain: those of one line, those that contain a text (case-folded)."""

    line: int | None
    text: str

    def takes(self, record: Record | Unparsed) -> bool:
        """Return whether a row is selected."""
        if self.line is not None and record.line_number != self.line:
            return False
        return self.text in record.raw.casefold()

    def explain_absence(self, lines: int) -> str:
        """Return why no row of a file with ``lines`` lines was shown."""
        if self.line is not None and self.line > lines:
            return f"has {lines} lines; there is no line {self.line}"
        where = "" if self.line is None else f"line {self.line} "
        if self.line is not None and not self.text:
            return f"{where}is a header line, blank, or not one of the rows asked for"
        if where:
            return f"{where}does not hold {quote(self.text)}, or is not one of the rows asked for"
        return f"none of its {lines} lines is a row that was asked for"


def _explain_items(
    normalizer: Normalizer, item: Input, stream: Stream, chosen: _Chosen
) -> Iterator[Explanation]:
    for record in _read_items(normalizer, item, stream, chosen.line):
        if chosen.takes(record):
            # A user who asked for some events only does not need to read that all others were left out.
            yield from (one for one in explain(record, normalizer) if not one.dropped.startswith("by --"))


def _read_items(
    normalizer: Normalizer, item: Input, stream: Stream, last_line: int | None
) -> Iterator[Record | Unparsed]:
    for block in read_blocks(item):
        yield from normalizer.parse(stream.cut(block), stream)
        if last_line is not None and stream.line_number > last_line:
            return
    yield from normalizer.parse(stream.finish(), stream)
    yield from normalizer.drain(stream)


def _print_code(normalizer: Normalizer, item: Input) -> int:
    """Print the generated code for the rows of a file's first block; return status 1 where there is none."""
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
    slow = normalizer.routes.slow_plugins
    if slow:
        say(f"{item.shown}: rows go record by record for plugin {', '.join(slow)}")
    if program is None:
        return UNPARSED
    click.echo(program.source_text, nl=False)
    return OK


def _tell_empty(item: Input) -> str:
    return f"standard input {EMPTY}" if item.name == STDIN else f"{item.shown} {EMPTY}"


def _print(explanation: Explanation, as_json: bool, width: int) -> None:
    if as_json:
        click.echo(show_json(msgspec.json.encode(explanation.as_dict()).decode()))
    else:
        click.echo("\n".join(render(explanation, width, has_colour=_has_colour())))


def find_width() -> int:
    """Return the columns of the terminal; 0 where there is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def _has_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def render(explanation: Explanation, width: int = 0, *, has_colour: bool = False) -> list[str]:
    """Return the explanation as plain text.

    It has tables, or where these do not fit into ``width`` columns (0: no limit), a paragraph for each field.
    """
    paint = click.style if has_colour else _leave
    place = f"{show(explanation.path)}:{explanation.line_number}"
    if explanation.unparsed:
        reason = paint(f"not parsed: {show(explanation.unparsed)}", fg="red")
        return [*_wrap(f"{place}: {reason}", width, 2), *_wrap(quote(explanation.raw), width, 2, 2), ""]
    version = f" {show(explanation.version)}" if explanation.version else ""
    part = f", recipient {show(explanation.part)}" if explanation.part else ""
    lines = [
        *_wrap(f"{place}: {paint(show(explanation.event) or '(no event)', bold=True)}{part}", width, 2),
        *_wrap(
            f"source {explanation.source}, schema {explanation.schema}{version} "
            f"(columns from {explanation.columns_from}), mapping {explanation.mapping}",
            width, 2, 2,
        ),
    ]  # fmt: skip
    if explanation.dropped:
        lines += _wrap(f"left out {show(explanation.dropped)}", width, 2, 2)
    rows = [("field", "value", "from column", "rule", "row of the mapping")]
    for entry in explanation.fields:
        value = quote(entry.value, 60) if isinstance(entry.value, str) else str(entry.value)
        cut = f" (cut from {entry.cut_from} bytes)" if entry.cut_from else ""
        ours = f" [not in the guide: {entry.ours}]" if entry.ours else ""
        column = f"{entry.column} (derived)" if entry.derived else entry.column or "(constant)"
        field = f"{entry.field} ({entry.key})"
        rows.append((show(field), value + cut, show(column), show(entry.rule), show(entry.row + ours)))
    table = _align(rows)
    if width and max(map(len, table)) > width:
        table = _stack(rows[1:], width, paint)
    elif has_colour:
        table[0] = paint(table[0], bold=True)
    lines += table
    for name, changed in explanation.changed.items():
        final, _, plugin = changed.rpartition(" (")
        lines += _wrap(f"changed by {show(plugin[:-1])}: {show(name)} = {quote(final, 60)}", width, 4, 2)
    for note in explanation.written:
        lines += _wrap(f"written as {explanation.format}: {show(note)}", width, 4, 2)
    for title, columns in (
        ("additional data:", explanation.additional),
        ("left out, because additional_data is none:", explanation.lost),
    ):
        if columns:
            lines.append(f"  {title}")
            kept = [(show(e.column), quote(e.value, 60), show(e.reason)) for e in columns]
            aligned = _align(kept)
            is_wide = width and max(map(len, aligned)) > width
            lines += _stack(kept, width, paint) if is_wide else aligned
    return [*lines, ""]


def _leave(text: str, **style: object) -> str:
    """Return the text without colour."""
    return text


def _wrap(text: str, width: int, hanging: int, indent: int = 0) -> list[str]:
    """Return a paragraph in lines of at most ``width`` columns (0: one line); later lines are indented by
    ``hanging``.
    """
    if not width:
        return [" " * indent + text]
    return textwrap.wrap(
        text, max(width, 40), initial_indent=" " * indent, subsequent_indent=" " * (indent + hanging),
        break_on_hyphens=False,
    )  # fmt: skip


def _stack(rows: Sequence[tuple[str, ...]], width: int, paint: Callable[..., str]) -> list[str]:
    """Return each row as a line ``name = value`` and, below it, its origin."""
    lines: list[str] = []
    for name, value, *rest in rows:
        first, *more = _wrap(f"{name} = {value}", width, 4, 4)
        lines += [first.replace(name, paint(name, bold=True), 1), *more]
        lines += _wrap(" | ".join(part for part in rest if part), width, 0, 8)
    return lines


def _align(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    return ["    " + " | ".join([*(c.ljust(w) for c, w in zip(row, widths)), row[-1]]) for row in rows]
