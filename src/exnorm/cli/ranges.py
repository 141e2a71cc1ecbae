"""One large file in several processes: cut at LF into ranges that are converted at the same time.

Each range is read as if the log's first header were still in force. When a range is done and left
the stream as it was then, the next one was right to do so; where not, as after another header in the
middle, the rest of the file is converted here, one range after the other.
"""

from __future__ import annotations

import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import IO

from exnorm.cli.inputs import BLOCK_BYTES, READ_BYTES, Input
from exnorm.cli.workers import Workers
from exnorm.counts import Counts
from exnorm.errors import NormalizerError
from exnorm.model import Unparsed
from exnorm.pipeline import Normalizer, Write
from exnorm.settings import Settings
from exnorm.stream import Stream

SMALLEST = 4 * 1024 * 1024
LARGEST = 32 * 1024 * 1024
_BOMS = (b"\xff\xfe", b"\xfe\xff")

Report = Callable[[Unparsed], object]


@dataclass(frozen=True)
class Range:
    """Part of a file, from one byte to before another; ``prelude`` are the lines up to the first row."""

    item: Input
    begin: int
    end: int
    prelude: tuple[bytes, ...]


@dataclass
class Part:
    """What became of a range; ``memory`` is that of the stream at its end, ``None`` where it stopped."""

    counts: Counts
    lines: int
    refused: list[Unparsed]
    memory: object


def cut_file(item: Input, jobs: int, normalizer: Normalizer) -> list[Range]:
    """The ranges of a file that are worth a process each; none where it must be read from its beginning."""
    size = max(SMALLEST, min(LARGEST, -(-item.size // (2 * jobs))))
    if item.size < 2 * size:
        return []
    prelude = _find_prelude(item, normalizer)
    if not prelude:
        return []
    bounds = [0]
    with open(item.name, "rb") as file:
        while bounds[-1] + size < item.size:
            file.seek(bounds[-1] + size)
            while (line := file.readline(BLOCK_BYTES)) and not line.endswith(b"\n"):
                pass
            bounds.append(file.tell())
    if bounds[-1] < item.size:
        bounds.append(item.size)
    return [Range(item, begin, end, prelude) for begin, end in pairwise(bounds)]


def _find_prelude(item: Input, normalizer: Normalizer) -> tuple[bytes, ...]:
    with open(item.name, "rb") as file:
        block = file.read(BLOCK_BYTES)
    if block[:2] in _BOMS:
        return ()
    stream = normalizer.stream(item.shown)
    lines = block.split(b"\n")[:-1]
    for number, line in enumerate(lines):
        stream.read(line)
        if stream.ready() is not None:
            return tuple(lines[: number + 1]) if stream.memory is not None else ()
    return ()


def convert_ranges(
    settings: Settings,
    ranges: list[Range],
    jobs: int,
    write: Write,
    append: Callable[[str], object],
    report: Report,
    counts: Counts,
    advance: Callable[[int], None],
) -> None:
    """Convert the ranges of one file in ``jobs`` processes and write what comes of them in order.

    ``append`` writes what is in a file, and removes it.
    Raises ``ParseError`` where a line that does not parse is to stop the run.
    """
    normalizer = Normalizer.from_settings(settings)
    stream = _open_stream(normalizer, ranges[0])
    expected, lines = stream.memory, 0
    waiting: deque[tuple[str, Future[Part]]] = deque()
    tasks = iter(enumerate(ranges))
    with tempfile.TemporaryDirectory(prefix="exnorm-") as folder, Workers(jobs) as workers:

        def submit(number: int, part: Range) -> None:
            path = os.path.join(folder, str(number))
            waiting.append((path, workers.submit(_convert_in_worker, settings, part, path, number == 0)))

        for number, part in tasks:
            submit(number, part)
            if len(waiting) > jobs:
                break
        for number, part in enumerate(ranges):
            path, task = waiting.popleft()
            done = task.result()
            for following, further in tasks:
                submit(following, further)
                break
            if done.memory is None or (done.memory != expected and number + 1 < len(ranges)):
                for _, other in waiting:
                    other.cancel()
                try:
                    _convert_here(normalizer, ranges, number, lines, write, report, advance)
                finally:
                    counts.merge(normalizer.counts)
                return
            append(path)
            for line in done.refused:
                report(_moved(line, lines))
            counts.merge(done.counts)
            lines += done.lines
            advance(part.end - part.begin)


def _moved(line: Unparsed, lines: int) -> Unparsed:
    return Unparsed(line.raw, line.kind, line.reason, line.line_number + lines, line.path)


def _open_stream(normalizer: Normalizer, part: Range) -> Stream:
    """A stream as it stands behind the first row of the file."""
    stream = normalizer.stream(part.item.shown)
    for line in part.prelude:
        stream.read(line)
    return stream


def _convert_here(
    normalizer: Normalizer,
    ranges: list[Range],
    number: int,
    lines: int,
    write: Write,
    report: Report,
    advance: Callable[[int], None],
) -> None:
    """Convert the ranges from ``number`` on one after the other, as one stream."""
    first = ranges[number]
    stream = normalizer.stream(first.item.shown) if number == 0 else _open_stream(normalizer, first)
    stream.line_number = lines
    for part in ranges[number:]:
        _convert(normalizer, stream, part, write, report)
        advance(part.end - part.begin)


def _convert_in_worker(settings: Settings, part: Range, path: str, is_first: bool) -> Part:
    normalizer = Normalizer.from_settings(settings)
    stream = normalizer.stream(part.item.shown) if is_first else _open_stream(normalizer, part)
    before = stream.line_number
    refused: list[Unparsed] = []
    with open(path, "wb") as file:
        try:
            _convert(normalizer, stream, part, file.write, refused.append)
        except (NormalizerError, OSError):  # it will be met again where what came before is in its place
            return Part(normalizer.counts, 0, [], None)
    lines = stream.line_number - before
    return Part(normalizer.counts, lines, [_moved(line, -before) for line in refused], stream.memory)


def _convert(normalizer: Normalizer, stream: Stream, part: Range, write: Write, report: Report) -> None:
    convert = partial(normalizer.encode_block, stream=stream, write=write, report=report)
    with open(part.item.name, "rb", buffering=0) as file:
        for block in _read_range(file, part):
            convert(block)
        convert(b"", is_last=True)


def _read_range(file: IO[bytes], part: Range) -> Iterator[bytes]:
    file.seek(part.begin)
    left = part.end - part.begin
    while left and (block := file.read(min(READ_BYTES, left))):
        left -= len(block)
        yield block
