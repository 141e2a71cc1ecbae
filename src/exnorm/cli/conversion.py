"""Convert one file, and keep the totals of a run of ``exnorm convert``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import IO, Protocol

import click

from exnorm.cli import is_closed_pipe, say
from exnorm.cli.inputs import Input, InputError, explain_refusal, read_blocks
from exnorm.errors import quote
from exnorm.files.rejects import encode_reject
from exnorm.model import Unparsed
from exnorm.pipeline.counts import Counts
from exnorm.pipeline.normalizer import Normalizer
from exnorm.pipeline.stream import Stream

WRITE_BYTES = 1024 * 1024
SHOWN_LINES = 100


class Sink(Protocol):
    """The target of output: a file, or a worker's substitute for one."""

    def write(self, block: bytes | memoryview, /) -> object:
        """Write all of a block."""

    def flush(self) -> object:
        """Pass on what was written."""


class OutputError(Exception):
    """The output could not be written."""


@dataclass
class Run:
    """The totals of one call of the command so far."""

    quiet: bool = False
    counts: Counts = field(default_factory=Counts)
    files: int = 0
    refused: int = 0
    failed: int = 0
    shown: int = 0
    has_bar: bool = False
    rejects: IO[bytes] | None = None

    def say(self, message: str) -> None:
        """Write one line for people, in place of the progress bar if there is one."""
        if self.has_bar:
            import shutil

            blank = " " * (shutil.get_terminal_size().columns - 1)
            click.echo(f"\r{blank}\r", nl=False, err=True)
        say(message)

    def report(self, line: Unparsed) -> None:
        """Report on standard error that a line did not parse; after ``SHOWN_LINES``, only once that there are
        more.
        """
        self.shown += 1
        if self.quiet:
            return
        if self.shown <= SHOWN_LINES:
            self.say(f"{line.path}:{line.line_number}: {line.reason}: {quote(line.raw)}")
        elif self.shown == SHOWN_LINES + 1:
            self.say("more lines did not parse; --rejects FILE keeps them all, with their reasons")

    def add(self, other: Run) -> None:
        """Add the numbers of files that another run read, refused and failed at."""
        self.files += other.files
        self.refused += other.refused
        self.failed += other.failed

    def reject(self, line: Unparsed) -> None:
        """Write a line to the rejects, if they are kept."""
        if self.rejects is not None:
            _write(self.rejects, [encode_reject(line)])

    def refuse_file(self, item: Input, refusal: str) -> None:
        """Report why a file is left out, and write that to the rejects."""
        self.refused += 1
        self.say(f"{item.shown}: {refusal}; the file is left out")
        self.reject(Unparsed("", "unknown-type", refusal, 0, item.shown))

    def refuse(self, line: Unparsed) -> None:
        """Report a line that did not parse, and write it to the rejects."""
        self.report(line)
        self.reject(line)


def convert_file(
    normalizer: Normalizer,
    item: Input,
    target: Sink | None,
    run: Run,
    advance: Callable[[int], None],
) -> None:
    """Convert one file into ``target`` (``None``: only count), and pass unparsed lines to ``run``."""

    def convert(stream: Stream) -> None:
        for block in read_blocks(item):
            convert_block(normalizer, stream, block, target, run.refuse)
            advance(len(block))
        convert_block(normalizer, stream, b"", target, run.refuse, is_last=True)
        _write_items(normalizer.encode_records(normalizer.drain(stream), run.refuse), target)

    read_file(normalizer, item, run, advance, convert)


def read_file(
    normalizer: Normalizer,
    item: Input,
    run: Run,
    advance: Callable[[int], None],
    read: Callable[[Stream], None],
) -> None:
    """Pass a file's stream to ``read``; report a file of no known log type, or that cannot be read."""
    run.files += 1
    try:
        refusal = explain_refusal(item, normalizer)
        if refusal:
            run.refuse_file(item, refusal)
            advance(item.size)
            return
        read(normalizer.stream(item.shown))
    except InputError as error:
        run.failed += 1
        run.say(str(error))


def convert_block(
    normalizer: Normalizer,
    stream: Stream,
    block: bytes,
    target: Sink | None,
    refuse: Callable[[Unparsed], object],
    *,
    is_last: bool = False,
) -> None:
    """Write the events of a block in few pieces; piece by piece where a line may give very many events."""
    if target is not None and not normalizer.settings.per_recipient:
        normalizer.encode_block(block, stream, partial(put, target), refuse, is_last=is_last)
        return
    for lines in (stream.cut(block), stream.finish() if is_last else []):
        _write_items(normalizer.encode_records(normalizer.parse(lines, stream), refuse), target)


def _write_items(payloads: Iterator[bytes], target: Sink | None) -> None:
    """Write payloads in bounded pieces, and pass the last piece on at once."""
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
    """Write a block, and tell a failing output from a failing input."""
    guard(lambda: target.write(block))
    guard(target.flush)


def guard(write: Callable[[], object]) -> None:
    """Tell a failing output (status 3) from a failing input; a closed pipe is neither."""
    try:
        write()
    except OSError as error:
        if is_closed_pipe(error):
            raise BrokenPipeError from None
        place = "the output cannot be written:" if error.filename is None else error.filename
        raise OutputError(f"{place} {error.strerror or error}") from None
