"""``exnorm trace``: one message's way over servers and logs."""

from __future__ import annotations

import os
import shutil
import sys
import time
from functools import partial
from importlib import metadata
from typing import Any

import click
import msgspec

from exnorm.cli import NEXT_HOP, OK, UNPARSED, USAGE, say
from exnorm.cli.click_types import FILE
from exnorm.cli.inputs import STDIN, Input, InputError, expand, find_compression, read_blocks
from exnorm.cli.options import choose_settings
from exnorm.cli.pages import check_page, leave_out, write_page
from exnorm.cli.progress import progress, wants_bar
from exnorm.errors import SettingsError, quote, show_json
from exnorm.pipeline.normalizer import Normalizer
from exnorm.settings import Settings
from exnorm.trace.page import GENERATOR, check_libraries, render_page
from exnorm.trace.search import LogFile
from exnorm.trace.text import render, render_named
from exnorm.trace.tracer import Query, Result, Tracer
from exnorm.trace.views import as_dict, summarize


@click.command("trace")
@click.argument("words", nargs=-1, metavar="[MESSAGE] LOG...", type=FILE)
@click.option(
    "--subject", metavar="TEXT", default="", help="Messages with TEXT in their subject, in any case."
)
@click.option("--from", "sender", metavar="ADDRESS", default="", help="Messages from this sender.")
@click.option("--to", "recipient", metavar="ADDRESS", default="", help="Messages to this recipient.")
@choose_settings(
    "source", "encoding", "strip_syslog", "tz", "max_line_bytes", "since", "until", "block_plugins"
)  # fmt: skip
@click.option(
    "--limit",
    "-n",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="The largest number of messages to show.",
)
@click.option("--output", "-o", metavar="PAGE", type=FILE, help="Write a page of HTML to PAGE.")
@click.option("--force", is_flag=True, help="Overwrite a file that is not a page of exnorm trace.")
@click.option(
    "--width",
    type=click.IntRange(40),
    metavar="N",
    help="Fold lines at N columns.  [default: the terminal's, none elsewhere]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each message.")
@click.option("--quiet", "-q", is_flag=True, help="Print errors only.")
def command(
    settings: Settings,
    words: tuple[str, ...],
    subject: str,
    sender: str,
    recipient: str,
    limit: int,
    output: str | None,
    force: bool,
    width: int | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Follow one message over servers and logs: where it went, what became of each recipient.

    MESSAGE is a message id, a network message id or an internal message id; without one, --subject, --from
    and --to choose. LOG is a file, a folder (every file below it), a glob, or - for standard input:
    message tracking of all servers, and beside it SMTP protocol, agent, connectivity and web logs. Exit
    status 1 says that no row was found.
    """
    query, paths = _read_words(words, subject, sender, recipient)
    draw = None
    if output is not None:
        check_libraries()
        draw = partial(render_page, made=int(time.time() * 1000), version=metadata.version("exnorm"))
    normalizer = Normalizer.from_settings(settings)
    inputs = expand(paths, may_be_empty=True)
    if output is not None:
        check_page(output, force, GENERATOR, inputs)
        inputs = leave_out(inputs, output)
    failed: list[Exception] = []

    def fail(file: LogFile, error: Exception) -> None:
        failed.append(error)
        say(str(error) if isinstance(error, InputError) else f"{file.name}: cannot be read: {error}")

    with progress(inputs, wants_bar(inputs, output, quiet)) as advance:
        files = [_open(item) for item in inputs]
        sizes = {item.shown: item.size for item in inputs}
        tracer = Tracer(
            normalizer, files, lambda file: advance(sizes[file.name]), fail, (InputError, OSError)
        )
        result = tracer.trace(query)
    if not result.traced:
        _tell_absence(query, result, width, as_json)
        return USAGE if failed else UNPARSED
    more = len(result.traced) - limit
    result.traced = result.traced[:limit]
    if more > 0 and not quiet:
        say(f"{more} more messages match; --limit shows more of them, an id one of them")
    if draw is not None and output is not None:
        written = write_page(output, draw(result.traced).encode("utf-8", "backslashreplace"))
        if written:
            say(written)
            return NEXT_HOP
        if not quiet and not as_json:
            for traced in result.traced:
                say(f"{output}: {traced.story.subject}: {summarize(traced.story)}")
    if as_json:
        for traced in result.traced:
            click.echo(show_json(msgspec.json.encode(as_dict(traced)).decode()))
    elif output is None:
        _print(result, width)
    return USAGE if failed else OK


def _read_words(words: tuple[str, ...], subject: str, sender: str, recipient: str) -> tuple[Query, list[str]]:
    """The message and the logs; the first word is a message unless something else chooses."""
    chosen = Query("", subject, sender, recipient)
    if chosen != Query():
        if not words:
            raise SettingsError("no LOG given; name files or folders, or - for standard input")
        return chosen, list(words)
    if not words or not words[0].strip("<> "):
        raise SettingsError("no MESSAGE given; name its id, or give --subject, --from or --to")
    if len(words) == 1:
        raise SettingsError("no LOG given; name files or folders behind the message, or - for standard input")
    return Query(words[0].strip()), list(words[1:])


def _open(item: Input) -> LogFile:
    """A file to look through; one that is compressed, or standard input, is read from its beginning only."""
    is_file = not item.member and item.name != STDIN and os.path.isfile(item.name)
    is_plain = is_file and not find_compression(item)
    if item.name == STDIN:
        held = list(read_blocks(item))  # it is looked through several times
        return LogFile(item.shown, lambda: iter(held))
    blocks = partial(read_blocks, item)
    return LogFile(item.shown, blocks, item.name if is_plain else "", item.size)


def _print(result: Result, width: int | None) -> None:
    is_terminal = sys.stdout.isatty()
    columns = (shutil.get_terminal_size().columns if is_terminal else 0) if width is None else width
    has_colour = is_terminal and not os.environ.get("NO_COLOR")
    for traced in result.traced:
        click.echo("\n".join(render(traced, columns, click.style if has_colour else _leave)))


def _leave(text: str, **style: Any) -> str:
    """The text without colour."""
    return text


def _tell_absence(query: Query, result: Result, width: int | None, as_json: bool) -> None:
    asked = f"names {quote(query.message)}" if query.message else "matches"
    files = f"{result.searched} file{'s' if result.searched != 1 else ''}"
    say(f"no row of message tracking in {files} {asked}")
    if result.named and not as_json:
        say("rows of other logs do:")
        click.echo("\n".join(render_named(result.named, width or 0)))
