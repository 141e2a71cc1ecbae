"""``exnorm convert``: files in, one payload a line out."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import IO, Protocol

import click

from exnorm.cli import NEXT_HOP, OK, UNPARSED, USAGE, say, tell
from exnorm.cli.inputs import (
    STDIN,
    Input,
    InputError,
    expand,
    explain_refusal,
    read_blocks,
    same_file,
)
from exnorm.cli.options import settings_options
from exnorm.cli.progress import progress, wants_bar
from exnorm.cli.summary import summarize
from exnorm.cli.words import FILE
from exnorm.counts import Counts
from exnorm.errors import EncodeError, ParseError, SettingsError, quote
from exnorm.heap import hold_freed_memory
from exnorm.model import Unparsed
from exnorm.pipeline import Normalizer
from exnorm.rejects import encode_reject
from exnorm.settings import Settings
from exnorm.stream import Stream

WRITE_BYTES = 1024 * 1024
SHOWN_LINES = 100


class Sink(Protocol):
    """What is written to: a file, or what a worker has in its place."""

    def write(self, block: bytes | memoryview, /) -> object:
        """Take all of a block."""

    def flush(self) -> object:
        """Hand on what was taken."""


class OutputError(Exception):
    """The output could not take what was written."""


@click.command("convert")
@click.argument("paths", nargs=-1, metavar="[PATH|GLOB|-]...", type=FILE)
@settings_options
@click.option(
    "--on-error",
    metavar="tag|skip|stop",
    help="A line that does not parse: report and (JSON) tag it, skip it silently, or stop.  [default: tag]",
)
@click.option(
    "--rejects", metavar="FILE", type=FILE, help="Write lines that do not parse to FILE, as NDJSON."
)
@click.option("--output", "-o", metavar="FILE", type=FILE, help="Write to FILE instead of standard output.")
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(1, 256),
    default=1,
    help="Read so many files, or parts of one, at a time.",
)
@click.option("--dry-run", is_flag=True, help="Write no events, only the counts, to standard output.")
@click.option("--json", "as_json", is_flag=True, help="Write the counts as JSON.")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing but errors.")
def command(
    settings: Settings,
    paths: tuple[str, ...],
    rejects: str | None,
    output: str | None,
    jobs: int,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Write one payload a line, in input order, from any number of files.

    PATH is a file, a folder (every file below it), a glob, or - for standard input. The log type and
    its columns are found from each file itself; a file of an unknown type is named and left out. A
    line that does not parse is left out of cef, leef and wincollect output, reported with its
    reason, counted, and written to --rejects; in json output it appears with the tag
    _exnormparsefailure.
    """
    normalizer = Normalizer.from_settings(settings)
    hold_freed_memory()
    inputs = expand(paths)
    _check_outputs(inputs, output, rejects)
    run = Run(quiet=quiet or settings.on_error != "tag")
    status = OK
    with contextlib.ExitStack() as stack:
        target = None if dry_run else stack.enter_context(_open_output(output))
        run.rejects = stack.enter_context(_open_rejects(rejects))
        run.has_bar = wants_bar(inputs, output, quiet)
        advance = stack.enter_context(progress(inputs, run.has_bar))
        try:
            if jobs == 1 or not _convert_parallel(normalizer, inputs, jobs, target, run, advance):
                for item in inputs:
                    convert_file(normalizer, item, target, run, advance)
            run.counts.merge(normalizer.counts)
        except (ParseError, EncodeError) as error:
            run.counts.merge(normalizer.counts)
            say(str(error))
            status = UNPARSED
        except OutputError as error:
            say(str(error))
            return NEXT_HOP
    if run.failed:
        status = USAGE
    elif run.counts.unparsed or run.counts.unencodable or run.refused:
        status = UNPARSED
    if dry_run or not quiet:
        text = summarize(run.counts, settings, run.files, run.refused, run.failed, as_json)
        (click.echo if dry_run else tell)(text)
    return status


# --- one file ------------------------------------------------------------------------------------


@dataclass
class Run:
    """What one call of the command has come to so far."""

    quiet: bool = False
    counts: Counts = field(default_factory=Counts)
    files: int = 0
    refused: int = 0
    failed: int = 0
    shown: int = 0
    has_bar: bool = False
    rejects: IO[bytes] | None = None

    def say(self, message: str) -> None:
        """One line for people, in the place of the progress bar where there is one."""
        if self.has_bar:
            import shutil

            blank = " " * (shutil.get_terminal_size().columns - 1)
            click.echo(f"\r{blank}\r", nl=False, err=True)
        say(message)

    def report(self, line: Unparsed) -> None:
        """Say on standard error that a line did not parse; past ``SHOWN_LINES``, only that once."""
        self.shown += 1
        if self.quiet:
            return
        if self.shown <= SHOWN_LINES:
            self.say(f"{line.path}:{line.line_number}: {line.reason}: {quote(line.raw)}")
        elif self.shown == SHOWN_LINES + 1:
            self.say("more lines did not parse; --rejects FILE keeps them all, with their reasons")

    def add(self, other: Run) -> None:
        """Add how many files another run read, refused and failed at."""
        self.files += other.files
        self.refused += other.refused
        self.failed += other.failed

    def reject(self, line: Unparsed) -> None:
        """Keep a line among the rejects, where they are kept."""
        if self.rejects is not None:
            _write(self.rejects, [encode_reject(line)])

    def refuse(self, line: Unparsed) -> None:
        """Report a line that did not parse, and keep it."""
        self.report(line)
        self.reject(line)


def convert_file(
    normalizer: Normalizer,
    item: Input,
    target: Sink | None,
    run: Run,
    advance: Callable[[int], None],
) -> None:
    """Convert one file into ``target`` (``None`` = only count), and hand ``run`` what does not parse."""
    run.files += 1
    try:
        refusal = explain_refusal(item, normalizer)
        if refusal:
            run.refused += 1
            run.say(f"{item.shown}: {refusal}; the file is left out")
            run.reject(Unparsed("", "unknown-type", refusal, 0, item.shown))
            advance(item.size)
            return
        stream = normalizer.stream(item.shown)
        for block in read_blocks(item):
            _convert_block(normalizer, stream, block, target, run.refuse)
            advance(len(block))
        _convert_block(normalizer, stream, b"", target, run.refuse, is_last=True)
        _write_items(normalizer.encode_records(normalizer.drain(stream), run.refuse), target)
    except InputError as error:
        run.failed += 1
        run.say(str(error))


def _convert_block(
    normalizer: Normalizer,
    stream: Stream,
    block: bytes,
    target: Sink | None,
    refuse: Callable[[Unparsed], object],
    *,
    is_last: bool = False,
) -> None:
    """Write what a block comes to, in few pieces; piece by piece where a line may give very many events."""
    if target is not None and not normalizer.settings.per_recipient:
        normalizer.encode_block(block, stream, partial(put, target), refuse, is_last=is_last)
        return
    for lines in (stream.cut(block), stream.finish() if is_last else []):
        _write_items(normalizer.encode_records(normalizer.parse(lines, stream), refuse), target)


def _convert_parallel(
    normalizer: Normalizer,
    inputs: list[Input],
    jobs: int,
    target: IO[bytes] | None,
    run: Run,
    advance: Callable[[int], None],
) -> bool:
    """Convert files in several processes; whether there was work for more than one."""
    if any(item.name == STDIN for item in inputs):
        return False
    from exnorm.cli.ranges import convert_parts, cut_file  # most runs need no other process

    may_cut = target is not None and not normalizer.settings.per_recipient
    parts = [part for item in inputs for part in cut_file(item, jobs, normalizer, may_cut)]
    if len(parts) < 2:
        return False
    convert_parts(normalizer, parts, jobs, target, run, advance)
    return True


def _write_items(payloads: Iterator[bytes], target: Sink | None) -> None:
    """Write payloads, a bounded piece at a time, and hand the last piece on at once."""
    pending: list[bytes] = []
    size = 0
    try:
        for payload in payloads:
            if target is None:
                continue
            pending.append(payload)
            size += len(payload)
            if size > WRITE_BYTES:
                _write(target, pending)
                size = 0
    finally:
        _write(target, pending)


def _write(target: Sink | None, pending: list[bytes]) -> None:
    if target is None or not pending:
        return
    block = b"\n".join(pending) + b"\n"
    pending.clear()
    put(target, block)


def put(target: Sink, block: bytes | memoryview) -> None:
    """Write, and tell a failing output from a failing input."""
    guard(lambda: target.write(block))
    guard(target.flush)


def guard(write: Callable[[], object]) -> None:
    """Tell a failing output (status 3) from a failing input; a closed pipe is neither."""
    try:
        write()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"the output cannot be written: {error.strerror or error}") from None


# --- files and terminals -------------------------------------------------------------------------


def _check_outputs(inputs: list[Input], output: str | None, rejects: str | None) -> None:
    for name, value in (("--output", output), ("--rejects", rejects)):
        for item in inputs:
            if value is not None and item.name != STDIN and same_file(value, item.name):
                raise SettingsError(f"{name} {quote(value)} is one of the files to read")
    if output is not None and rejects is not None and os.path.abspath(output) == os.path.abspath(rejects):
        raise SettingsError(f"--output and --rejects are the same file, {quote(output)}")


@contextlib.contextmanager
def _open_output(path: str | None) -> Iterator[IO[bytes]]:
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
        return open(path, "wb")
    except OSError as error:
        raise SettingsError(f"{option}: cannot write {quote(path)}: {error.strerror}") from None
