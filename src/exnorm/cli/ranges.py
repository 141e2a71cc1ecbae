"""Convert files in several processes; a large file is cut at LF into ranges that are converted in parallel.

Each range is read as if the log's first header were still in force. When a range is done and its stream is in
the same state as at the start, the next range was right and may write. Otherwise, as after another header in
the middle, the rest of the file is converted in this process, one range after the other.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, pairwise
from typing import IO, Any

from exnorm.cli.compressed import name_kind
from exnorm.cli.conversion import OutputError, Run, Sink, convert_file, guard, put
from exnorm.cli.inputs import BLOCK_BYTES, READ_BYTES, Input, InputError, reading
from exnorm.cli.ordered_output import Crew, Note, Outlet, Work, WorkerDiedError
from exnorm.errors import EncodeError, NormalizerError, ParseError
from exnorm.files.shared import open_shared
from exnorm.model import Unparsed
from exnorm.pipeline.counts import Counts
from exnorm.pipeline.normalizer import Normalizer
from exnorm.pipeline.stream import Stream
from exnorm.settings import Settings
from exnorm.text.lines import find_utf16

SMALLEST = 2 * 1024 * 1024
LARGEST = 4 * 1024 * 1024  # what comes of one is kept in memory until its turn
_LINE_COST = 200  # bytes a line that does not parse takes beside its text

Report = Callable[[Unparsed], object]
Advance = Callable[[int], None]


@dataclass(frozen=True)
class Range:
    """Part of a file, from ``begin`` to before ``end``; ``prelude`` are the lines up to the first row.

    Without a prelude it is the whole file, read from its beginning.
    """

    item: Input
    begin: int
    end: int
    prelude: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class RangeResult:
    """The result of a range; ``memory`` is that of the stream at its end, ``None`` where it stopped."""

    counts: Counts
    lines: int = 0
    memory: object = None
    written: int = 0
    error: NormalizerError | None = None
    run: Run = field(default_factory=Run)


def cut_file(item: Input, jobs: int, normalizer: Normalizer, may_cut: bool) -> list[Range]:
    """Return the ranges of a file; a single one where it must be read from its beginning."""
    whole = [Range(item, 0, item.size)]
    pieces = max(-(-item.size // LARGEST), 2 * jobs)
    pieces += -pieces % jobs  # as many for each process, and all of a size
    size = max(SMALLEST, -(-item.size // pieces))
    if not may_cut or item.size < 2 * size:
        return whole
    bounds = [0]
    try:
        prelude = _find_prelude(item, normalizer)
        if not prelude:
            return whole
        with open(item.name, "rb", opener=open_shared) as file:
            for at in range(size, item.size, size):
                if at > bounds[-1]:  # a line may be longer than a range
                    file.seek(at)
                    while (line := file.readline(BLOCK_BYTES)) and not line.endswith(b"\n"):
                        pass
                    bounds.append(file.tell())
    except OSError:  # it will be met again, and told, where the file is read
        return whole
    if bounds[-1] < item.size:
        bounds.append(item.size)
    return [Range(item, begin, end, prelude) for begin, end in pairwise(bounds)]


def _find_prelude(item: Input, normalizer: Normalizer) -> tuple[bytes, ...]:
    with open(item.name, "rb", opener=open_shared) as file:
        block = file.read(BLOCK_BYTES)
    if find_utf16(block) or name_kind(block):
        return ()
    stream = normalizer.stream(item.shown)
    lines = block.split(b"\n")[:-1]
    for number, line in enumerate(lines):
        stream.read(line)
        if stream.ready() is not None:
            return tuple(lines[: number + 1]) if stream.memory is not None else ()
    return ()


# --- the process that puts things together ---------------------------------------------------------


def convert_parts(
    normalizer: Normalizer,
    parts: list[Range],
    jobs: int,
    target: IO[bytes] | None,
    run: Run,
    advance: Advance,
) -> None:
    """Convert the ranges of files in ``jobs`` processes and write the output to ``target`` in order.

    Raises ``ParseError`` or ``EncodeError`` where one must stop the run.
    """
    crew = Crew(jobs, len(parts), _begin_work, normalizer.settings, parts, target is not None)
    with crew.working(target):
        for item, numbered in groupby(enumerate(parts), lambda pair: pair[1].item):
            file = _File(normalizer, crew, dict(numbered), target, run, advance)
            try:
                file.gather()
            except WorkerDiedError:
                raise OutputError(f"{item.shown}: its worker process was ended") from None


@dataclass
class _File:
    """One file in conversion: its ranges by number."""

    normalizer: Normalizer
    crew: Crew
    parts: dict[int, Range]
    target: IO[bytes] | None
    run: Run
    advance: Advance
    lines: int = 0
    reported: int = 0

    def gather(self) -> None:
        """Let the ranges write in turn, as long as the assumption of each was right."""
        first, last = min(self.parts), max(self.parts)
        is_cut = bool(self.parts[first].prelude)
        expected = _open_stream(self.normalizer, self.parts[first]).memory
        self.run.files += is_cut
        for number, part in self.parts.items():
            done = self._listen(number)
            if is_cut and (done.memory is None or (done.memory != expected and number < last)):
                for later in range(number + 1, last + 1):
                    self.crew.drop(later)
                self._convert_here(number, done.written)
                return
            self.run.add(done.run)
            self.run.counts.merge(done.counts)
            self.lines += done.lines
            self.advance(part.end - part.begin)
            if done.error is not None:
                raise done.error

    def _listen(self, number: int) -> RangeResult:
        self.reported = 0
        done = RangeResult(Counts())
        for note in self.crew.listen(number):
            if note.kind == "done":
                done = note.value
            else:
                self._take(note)
        return done

    def _take(self, note: Note) -> None:
        if note.kind == "block" and self.target is not None:
            put(self.target, note.value)
        elif note.kind == "failed":
            guard(partial(_raise, note.value))
        elif note.kind == "say":
            self.run.say(note.value)
        elif note.kind == "reject":
            self.run.reject(note.value)
        elif note.kind == "refuse":
            self.reported += 1
            self.run.refuse(_moved(note.value, self.lines))

    def _convert_here(self, number: int, written: int) -> None:
        """Convert the ranges from ``number`` on as one stream, except for what was already written and
        reported.
        """
        assert self.target is not None  # without one nothing is cut
        stream = _begin_stream(self.normalizer, self.parts[number])
        stream.line_number = self.lines
        sink = _Rest(self.target, written)
        reports = iter(range(self.reported))

        def report(line: Unparsed) -> None:
            if next(reports, None) is None:
                self.run.refuse(line)

        try:
            for part in (self.parts[later] for later in range(number, max(self.parts) + 1)):
                _convert(self.normalizer, stream, part, sink, report)
                self.advance(part.end - part.begin)
        except InputError as error:
            self.run.failed += 1
            self.run.say(str(error))


class _Rest:
    """A sink that skips the first ``skipped`` bytes."""

    def __init__(self, sink: Sink, skipped: int) -> None:
        self._sink = sink
        self._skipped = skipped

    def write(self, block: bytes | memoryview, /) -> None:
        if self._skipped >= len(block):
            self._skipped -= len(block)
            return
        self._sink.write(memoryview(block)[self._skipped :])
        self._skipped = 0

    def flush(self) -> None:
        self._sink.flush()


def _raise(error: OSError) -> None:
    raise error


def _moved(line: Unparsed, lines: int) -> Unparsed:
    return Unparsed(line.raw, line.kind, line.reason, line.line_number + lines, line.path)


def _open_stream(normalizer: Normalizer, part: Range) -> Stream:
    """Return a stream in its state after the first row of the file."""
    stream = normalizer.stream(part.item.shown)
    for line in part.prelude:
        stream.read(line)
    return stream


def _begin_stream(normalizer: Normalizer, part: Range) -> Stream:
    return _open_stream(normalizer, part) if part.begin else normalizer.stream(part.item.shown)


# --- the processes that convert --------------------------------------------------------------------


class _Told(Run):
    """A run that reports to the process which joins the results."""

    outlet: Outlet

    def say(self, message: str) -> None:
        self.outlet.note("say", message)

    def reject(self, line: Unparsed) -> None:
        self.outlet.note("reject", line)

    def refuse(self, line: Unparsed) -> None:
        _refuse(self.outlet, line, 0)


def _refuse(outlet: Outlet, line: Unparsed, before: int) -> None:
    outlet.note("refuse", _moved(line, -before), len(line.raw) + _LINE_COST)


def _begin_work(settings: Settings, parts: list[Range], has_target: bool) -> Work:
    normalizer = Normalizer.from_settings(settings)
    streams = _Streams(normalizer)

    def work(outlet: Outlet, number: int) -> RangeResult:
        part = parts[number]
        if part.prelude:
            return _convert_range(normalizer, part, outlet, streams)
        return _convert_whole(normalizer, part.item, outlet, has_target)

    return work


class _Streams:
    """Streams in the state after the first row of a file; one that a range left in that state is
    used again.
    """

    def __init__(self, normalizer: Normalizer) -> None:
        self._normalizer = normalizer
        self._left: tuple[Input, Stream] | None = None
        self._memory: object = None

    def begin(self, part: Range) -> Stream:
        """Return the stream for a range."""
        left, self._left = self._left, None
        if part.begin and left is not None and left[0] == part.item and left[1].memory == self._memory:
            return left[1]
        stream = _begin_stream(self._normalizer, part)
        self._memory = stream.memory
        return stream

    def leave(self, part: Range, stream: Stream) -> None:
        """Keep the stream of a range that ended without an error."""
        if part.begin > 0:
            self._left = part.item, stream


def _convert_whole(normalizer: Normalizer, item: Input, outlet: Outlet, has_target: bool) -> RangeResult:
    told = _Told()
    told.outlet = outlet
    error: NormalizerError | None = None
    try:
        convert_file(normalizer, item, outlet if has_target else None, told, lambda size: None)
    except (ParseError, EncodeError) as stopped:
        error = stopped
    run = Run(files=told.files, refused=told.refused, failed=told.failed)
    return RangeResult(normalizer.counts.take(), error=error, run=run)


def _convert_range(normalizer: Normalizer, part: Range, outlet: Outlet, streams: _Streams) -> RangeResult:
    stream = streams.begin(part)
    before = stream.line_number
    memory = None
    # The error will occur again in the process that writes everything before it.
    with contextlib.suppress(NormalizerError, InputError):
        _convert(normalizer, stream, part, outlet, partial(_refuse, outlet, before=before))
        memory = stream.memory
        streams.leave(part, stream)
    return RangeResult(normalizer.counts.take(), stream.line_number - before, memory, outlet.written)


def _convert(normalizer: Normalizer, stream: Stream, part: Range, target: Sink, report: Report) -> None:
    convert: Any = partial(normalizer.encode_block, stream=stream, write=partial(put, target), report=report)
    for block in _read_range(part):
        if isinstance(target, Outlet) and not target.is_wanted():
            return
        convert(block)
    convert(b"", is_last=True)


def _read_range(part: Range) -> Iterator[bytes]:
    with contextlib.ExitStack() as stack:
        with reading(part.item):
            file = stack.enter_context(open(part.item.name, "rb", buffering=0, opener=open_shared))
        file.seek(part.begin)
        left = part.end - part.begin
        while left:
            with reading(part.item):
                block = file.read(min(READ_BYTES, left))
            if not block:
                return
            left -= len(block)
            yield block
