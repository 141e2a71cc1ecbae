"""``exnorm convert``: read files, write one payload a line."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import IO, Any

import click

from exnorm.cli import INTERRUPTED, NEXT_HOP, OK, UNPARSED, USAGE, say, tell
from exnorm.cli.click_types import FILE
from exnorm.cli.conversion import OutputError, Run, convert_file, guard
from exnorm.cli.follow import Follower, end_at_signals, follow_files
from exnorm.cli.inputs import STDIN, Input, expand, same_file
from exnorm.cli.options import settings_options
from exnorm.cli.progress import progress, wants_bar
from exnorm.cli.sockets import Destination, open_sink, read_destination, socket_options
from exnorm.cli.summary import summarize
from exnorm.errors import EncodeError, ParseError, SettingsError, quote
from exnorm.files.private import open_private
from exnorm.malloc import hold_freed_memory
from exnorm.pipeline.normalizer import Normalizer
from exnorm.settings import Settings


@click.command("convert")
@click.argument("paths", nargs=-1, metavar="[PATH|GLOB|-]...", type=FILE)
@settings_options
@click.option(
    "--on-error",
    metavar="tag|skip|stop",
    help="Report a line that does not parse and tag it in JSON, skip it silently, or stop.  [default: tag]",
)
@click.option(
    "--rejects", metavar="FILE", type=FILE, help="Write lines that do not parse to FILE, as NDJSON."
)
@click.option(
    "--follow", "-f", is_flag=True, help="Keep reading as files grow, rotate and appear, until Ctrl-C."
)
@socket_options
@click.option("--output", "-o", metavar="FILE", type=FILE, help="Write to FILE instead of standard output.")
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(1, 256),
    default=1,
    help="The number of files, or parts of one, to read at the same time.",
)
@click.option(
    "--per-message",
    is_flag=True,
    help="One event for each message, of all its rows; what carries no message stays as it is.",
)
@click.option("--dry-run", is_flag=True, help="Write no events, only the counts, to standard output.")
@click.option("--json", "as_json", is_flag=True, help="Write the counts as JSON.")
@click.option("--quiet", "-q", is_flag=True, help="Print errors only.")
def command(
    settings: Settings,
    paths: tuple[str, ...],
    rejects: str | None,
    follow: bool,
    to: str | None,
    framing: str,
    ca: str | None,
    output: str | None,
    jobs: int,
    per_message: bool,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Write one payload a line, in input order, from any number of files.

    PATH is a file, a folder (every file below it), a glob, or - for standard input. The log type and its
    columns are found from each file itself; a file of an unknown type is named and left out. A line that does
    not parse is left out of cef, leef and wincollect output, reported with its reason, counted, and written
    to --rejects; in json output it appears with the tag _exnormparsefailure.
    """
    normalizer = Normalizer.from_settings(settings)
    hold_freed_memory()
    _refuse_together(follow, jobs, per_message, to, output)
    convert_messages = _prepare_messages(normalizer) if per_message else None
    destination = None if to is None else read_destination(to, framing, ca)
    follower = Follower(paths, say) if follow else None
    inputs = [] if follow else expand(paths)
    _check_outputs(inputs, output, rejects)
    run = Run(quiet=quiet or settings.on_error != "tag")
    with contextlib.ExitStack() as stack:
        try:
            target = None if dry_run else stack.enter_context(_open_target(output, destination))
            run.rejects = stack.enter_context(_open_rejects(rejects))
            run.has_bar = wants_bar(inputs, output, quiet)
            advance = stack.enter_context(progress(inputs, run.has_bar))
            if convert_messages is not None:
                convert_messages(inputs, target, run, advance, output)
            elif follower is not None:
                end_at_signals()
                follow_files(normalizer, follower, target, run)
            else:
                _convert_files(normalizer, inputs, jobs, target, run, advance)
            status = OK
        except (ParseError, EncodeError) as error:
            say(str(error))
            status = UNPARSED
        except KeyboardInterrupt:
            status = OK if follow else INTERRUPTED
        except OutputError as error:
            say(str(error))
            return NEXT_HOP
    run.counts.merge(normalizer.counts)
    if status == INTERRUPTED:
        say(f"interrupted: {run.counts.events} events were written before")
    elif run.failed:
        status = USAGE
    elif run.counts.unparsed or run.counts.unencodable or run.refused:
        status = UNPARSED
    if dry_run or not quiet:
        text = summarize(run.counts, settings, run.files, run.refused, run.failed, as_json)
        (click.echo if dry_run else tell)(text)
    return status


def _refuse_together(follow: bool, jobs: int, per_message: bool, to: str | None, output: str | None) -> None:
    """Raise ``SettingsError`` for options that exclude each other."""
    if follow and jobs > 1:
        raise SettingsError("--follow reads one file after the other; leave --jobs out")
    if per_message and follow:
        raise SettingsError("--per-message tells messages when all rows are there, and --follow has no end")
    if per_message and jobs > 1:
        raise SettingsError("--per-message reads one file after the other; leave --jobs out")
    if to is not None and output is not None:
        raise SettingsError("--to and --output: events go to one of them")


def _prepare_messages(normalizer: Normalizer) -> Callable[..., None]:
    """Return the converter to one event for each message; raises ``SettingsError`` where that is
    impossible.
    """
    from exnorm.cli.per_message import convert_messages  # most runs need no store
    from exnorm.messages.told import make_teller

    return partial(convert_messages, normalizer, make_teller(normalizer.settings, normalizer))


def _convert_files(
    normalizer: Normalizer,
    inputs: list[Input],
    jobs: int,
    target: IO[bytes] | None,
    run: Run,
    advance: Callable[[int], None],
) -> None:
    """Convert files one after the other, or in several processes."""
    if jobs == 1 or not _convert_parallel(normalizer, inputs, jobs, target, run, advance):
        for item in inputs:
            convert_file(normalizer, item, target, run, advance)


def _convert_parallel(
    normalizer: Normalizer,
    inputs: list[Input],
    jobs: int,
    target: IO[bytes] | None,
    run: Run,
    advance: Callable[[int], None],
) -> bool:
    """Convert files in several processes; return whether there was work for more than one."""
    if any(item.name == STDIN for item in inputs):
        return False
    from exnorm.cli.ranges import convert_parts, cut_file  # most runs need no other process

    may_cut = target is not None and not normalizer.settings.per_recipient
    parts = [part for item in inputs for part in cut_file(item, jobs, normalizer, may_cut)]
    if len(parts) < 2:
        return False
    convert_parts(normalizer, parts, jobs, target, run, advance)
    return True


# --- files and terminals -------------------------------------------------------------------------


def _check_outputs(inputs: list[Input], output: str | None, rejects: str | None) -> None:
    for name, value in (("--output", output), ("--rejects", rejects)):
        for item in inputs:
            if value is not None and item.name != STDIN and same_file(value, item.name):
                raise SettingsError(f"{name} {quote(value)} is one of the files to read")
    if output is not None and rejects is not None and os.path.abspath(output) == os.path.abspath(rejects):
        raise SettingsError(f"--output and --rejects are the same file, {quote(output)}")


@contextlib.contextmanager
def _open_target(path: str | None, destination: Destination | None) -> Iterator[Any]:
    if destination is not None:
        sink = open_sink(destination)
        yield sink
        guard(sink.close)
        return
    if path is None or path == STDIN:
        yield sys.stdout.buffer
        return
    with _create(path, "--output") as file:
        yield file
        guard(file.flush)


@contextlib.contextmanager
def _open_rejects(path: str | None) -> Iterator[IO[bytes] | None]:
    if path is None:
        yield None
        return
    with _create(path, "--rejects") as file:
        yield file
        guard(file.flush)


def _create(path: str, option: str) -> IO[bytes]:
    try:
        return open(path, "wb", opener=open_private)
    except OSError as error:
        raise SettingsError(f"{option}: cannot write {quote(path)}: {error.strerror}") from None
