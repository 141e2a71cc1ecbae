"""``exnorm convert``: files in, one payload a line out."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import IO

import click

from exnorm.cli import NEXT_HOP, OK, UNPARSED, USAGE, say, tell
from exnorm.cli.inputs import STDIN, Input, InputError, expand, explain_refusal, read_blocks, same_file
from exnorm.cli.options import settings_options
from exnorm.cli.progress import progress, wants_bar
from exnorm.cli.summary import summarize
from exnorm.cli.words import FILE
from exnorm.counts import Counts
from exnorm.errors import EncodeError, NormalizerError, ParseError, SettingsError, quote
from exnorm.model import Unparsed
from exnorm.pipeline import Normalizer
from exnorm.rejects import encode_reject
from exnorm.settings import Settings
from exnorm.stream import Stream

WRITE_BYTES = 1024 * 1024
SHOWN_LINES = 100
_SENT_BYTES = 1 << 30
_CANNOT_SEND = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSOCK)  # for such files


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
    inputs = expand(paths)
    _check_outputs(inputs, output, rejects)
    run = Run(quiet=quiet or settings.on_error != "tag")
    status = OK
    with contextlib.ExitStack() as stack:
        target = None if dry_run else stack.enter_context(_open_output(output))
        reject_file = stack.enter_context(_open_rejects(rejects))
        run.has_bar = wants_bar(inputs, output, quiet)
        advance = stack.enter_context(progress(inputs, run.has_bar))
        try:
            if jobs > 1 and len(inputs) > 1 and all(item.name != STDIN for item in inputs):
                _convert_parallel(settings, inputs, jobs, target, reject_file, run, advance)
            elif (
                jobs == 1
                or target is None
                or not _convert_ranges(normalizer, inputs, jobs, target, reject_file, run, advance)
            ):
                for item in inputs:
                    convert_file(normalizer, item, target, reject_file, run, advance)
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


def convert_file(
    normalizer: Normalizer,
    item: Input,
    target: IO[bytes] | None,
    rejects: IO[bytes] | None,
    run: Run,
    advance: Callable[[int], None],
) -> None:
    """Convert one file into ``target`` (``None`` = only count), lines that do not parse into ``rejects``."""
    run.files += 1
    try:
        refusal = explain_refusal(item, normalizer)
        if refusal:
            run.refused += 1
            run.say(f"{item.shown}: {refusal}; the file is left out")
            _reject(rejects, Unparsed("", "unknown-type", refusal, 0, item.shown))
            advance(item.size)
            return
        stream = normalizer.stream(item.shown)
        refuse = partial(_refuse, run, rejects)
        for block in read_blocks(item):
            _convert_block(normalizer, stream, block, target, refuse)
            advance(len(block))
        _convert_block(normalizer, stream, b"", target, refuse, is_last=True)
        _write_items(normalizer.encode_records(normalizer.drain(stream), refuse), target)
    except InputError as error:
        run.failed += 1
        run.say(str(error))


def _convert_block(
    normalizer: Normalizer,
    stream: Stream,
    block: bytes,
    target: IO[bytes] | None,
    refuse: Callable[[Unparsed], object],
    *,
    is_last: bool = False,
) -> None:
    """Write what a block comes to, in few pieces; piece by piece where a line may give very many events."""
    if target is not None and not normalizer.settings.per_recipient:
        normalizer.encode_block(block, stream, partial(_put, target), refuse, is_last=is_last)
        return
    for lines in (stream.cut(block), stream.finish() if is_last else []):
        _write_items(normalizer.encode_records(normalizer.parse(lines, stream), refuse), target)


def _refuse(run: Run, rejects: IO[bytes] | None, line: Unparsed) -> None:
    run.report(line)
    _reject(rejects, line)


def _convert_ranges(
    normalizer: Normalizer,
    inputs: list[Input],
    jobs: int,
    target: IO[bytes],
    rejects: IO[bytes] | None,
    run: Run,
    advance: Callable[[int], None],
) -> bool:
    """Convert a single large file as several ranges; whether it could be cut, and need not be refused."""
    if len(inputs) != 1 or inputs[0].name == STDIN or normalizer.settings.per_recipient:
        return False
    from exnorm.cli.ranges import convert_ranges, cut_file  # most runs need no other process

    ranges = cut_file(inputs[0], jobs, normalizer)
    if not ranges:
        return False
    run.files += 1
    append = partial(_append, sink=target)
    report = partial(_refuse, run, rejects)
    convert_ranges(
        normalizer.settings, ranges, jobs, partial(_put, target), append, report, run.counts, advance
    )
    return True


def _write_items(payloads: Iterator[bytes], target: IO[bytes] | None) -> None:
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


def _write(target: IO[bytes] | None, pending: list[bytes]) -> None:
    if target is None or not pending:
        return
    block = b"\n".join(pending) + b"\n"
    pending.clear()
    _put(target, block)


def _put(target: IO[bytes], block: bytes | memoryview) -> None:
    _guard(lambda: target.write(block))
    _guard(target.flush)


def _guard(write: Callable[[], object]) -> None:
    """Tell a failing output (status 3) from a failing input; a closed pipe is neither."""
    try:
        write()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"the output cannot be written: {error.strerror or error}") from None


def _reject(rejects: IO[bytes] | None, line: Unparsed) -> None:
    if rejects is None:
        return
    _write(rejects, [encode_reject(line)])


# --- several files at a time ---------------------------------------------------------------------


def _convert_parallel(
    settings: Settings,
    inputs: list[Input],
    jobs: int,
    target: IO[bytes] | None,
    rejects: IO[bytes] | None,
    run: Run,
    advance: Callable[[int], None],
) -> None:
    """Convert files in worker processes, through temporary files, and put them together in order."""
    import tempfile
    from concurrent.futures import BrokenExecutor

    from exnorm.cli.workers import Workers

    with tempfile.TemporaryDirectory(prefix="exnorm-") as folder, Workers(jobs) as workers:
        tasks = [
            workers.submit(
                _convert_in_worker,
                settings,
                item,
                os.path.join(folder, str(number)),
                target is not None,
                rejects is not None,
                run.quiet,
            )
            for number, item in enumerate(inputs)
        ]
        for number, task in enumerate(tasks):
            try:
                part, error = task.result()
            except BrokenExecutor:
                raise OutputError(f"{inputs[number].shown}: its worker process was ended") from None
            run.counts.merge(part.counts)
            run.files += part.files
            run.refused += part.refused
            run.failed += part.failed
            for suffix, sink in ((".out", target), (".rej", rejects)):
                if sink is not None:
                    _append(os.path.join(folder, str(number) + suffix), sink)
            advance(inputs[number].size)
            if error is not None:
                raise error


def _convert_in_worker(
    settings: Settings, item: Input, base: str, wants_output: bool, wants_rejects: bool, quiet: bool
) -> tuple[Run, NormalizerError | None]:
    run = Run(quiet=quiet)
    normalizer = Normalizer.from_settings(settings)
    error: NormalizerError | None = None
    with contextlib.ExitStack() as stack:
        target = stack.enter_context(open(base + ".out", "wb")) if wants_output else None
        rejects = stack.enter_context(open(base + ".rej", "wb")) if wants_rejects else None
        try:
            convert_file(normalizer, item, target, rejects, run, lambda size: None)
        except (ParseError, EncodeError) as stopped:
            error = stopped
    run.counts.merge(normalizer.counts)
    return run, error


def _append(path: str, sink: IO[bytes]) -> None:
    """Move what is in a file behind what was written to the sink."""
    with open(path, "rb", buffering=0) as part:
        _guard(sink.flush)
        _guard(partial(_send, part, sink))
        while block := part.read(WRITE_BYTES):
            _put(sink, block)
    os.unlink(path)


def _send(part: IO[bytes], sink: IO[bytes]) -> None:
    """Have the system copy a file, as far as it can between such two."""
    if not hasattr(os, "sendfile"):
        return
    with contextlib.suppress(io.UnsupportedOperation):
        source, target = part.fileno(), sink.fileno()
        try:
            while sent := os.sendfile(target, source, part.tell(), _SENT_BYTES):
                part.seek(sent, os.SEEK_CUR)
        except OSError as error:
            if error.errno not in _CANNOT_SEND:
                raise


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
        _guard(file.flush)


@contextlib.contextmanager
def _open_rejects(path: str | None) -> Iterator[IO[bytes] | None]:
    if path is None:
        yield None
        return
    with _create(path, "--rejects") as file:
        yield file
        _guard(file.flush)


def _create(path: str, option: str) -> IO[bytes]:
    try:
        return open(path, "wb")
    except OSError as error:
        raise SettingsError(f"{option}: cannot write {quote(path)}: {error.strerror}") from None
