"""Encode many rows of a log at once with the program made for their layout."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from exnorm.engine.kernel import Machine
from exnorm.engine.programs import PayloadStart, Program, Programs
from exnorm.engine.rows import Batch, read_row_time
from exnorm.errors import EncodeError
from exnorm.pipeline.counts import Counts
from exnorm.pipeline.stream import Stream, begins_utf16
from exnorm.settings import Settings
from exnorm.text.lines import Span

Write = Callable[["bytes | memoryview"], object]
"""Takes payloads, each ended by LF; what it is given holds until it returns."""


class OpenRows(NamedTuple):
    """A program of the kernel with the bytes that begin each payload and each identity of one log."""

    program: Program
    machine: Machine
    start: bytes
    seed: bytes


class BatchEncoder:
    """Join lines of a log into batches and encode the rows that a program handles.

    Every method stops at the first line that the program cannot handle; pass that line to
    ``Normalizer.parse``.
    """

    def __init__(self, programs: Programs, settings: Settings, counts: Counts) -> None:
        self._programs, self._settings, self._counts = programs, settings, counts

    # --- lines -> a batch ------------------------------------------------------------------------------

    def cut(self, span: Span) -> Batch:
        """Return whole lines as a batch, without copying them out of their block."""
        return Batch(span, self._programs.wire, self._settings.max_line_bytes)

    def join(self, lines: Iterable[bytes]) -> Batch:
        """Return lines as a batch; none of them may contain a LF."""
        block = b"\n".join((*lines, b""))
        batch = self.cut((block, 0, len(block)))
        batch.lines = list(lines)
        return batch

    def gather(self, lines: Sequence[bytes | str], stream: Stream) -> Batch | None:
        """Join lines that were cut already; ``None`` where each of them must be read alone."""
        if set(map(type, lines)) != {bytes} or begins_utf16(lines, stream):
            return None
        if max(map(len, lines), default=0) > self._settings.max_line_bytes:
            return None  # its size is not to be multiplied
        plain: list[bytes] = [line.removesuffix(b"\n") for line in lines]  # type: ignore[arg-type, misc]
        return None if b"\n" in b"".join(plain) else self.join(plain)  # asking each line takes longer

    def prepare(self, lines: Sequence[bytes], stream: Stream) -> Batch | None:
        """Return lines of a log as a batch for ``encode``; ``None`` where each must be read alone."""
        if self._programs.wire is None or begins_utf16(lines, stream):
            return None
        longest = self._settings.max_line_bytes
        if b"\n" in b"".join(lines) or max(map(len, lines), default=0) > longest:
            plain = [line.removesuffix(b"\n") for line in lines]
            # A line with a LF inside goes to its reader alone, so that the others stay together.
            return self.join([b"" if b"\n" in line or len(line) > longest else line for line in plain])
        return self.join(lines)

    # --- a batch -> payloads, for hosts that know the lines one by one ---------------------------------

    def encode(self, batch: Batch, begin: int, stream: Stream) -> list[bytes | None]:
        """Return one payload for each line from line number ``begin`` on, up to the first that ``parse`` must
        read.

        ``None`` stands for a row that the profile leaves out.
        """
        if stream.source is None:
            return []
        batch.pass_over(begin)
        payloads: list[bytes | None] = []
        with self._taking_back():
            program = self._programs.for_rows(stream, batch)
            if program is not None and program.may_drop:
                payloads += self._encode_singly(program, batch, stream)
            elif program is not None and program.machine is None:
                made: list[str] = []
                self._run_generated(program, batch, batch, stream, made)
                payloads += [payload.encode("latin-1") for payload in made]
            elif program is not None:
                blocks: list[bytes] = []
                self.write(program, batch, stream, lambda block: blocks.append(bytes(block)))
                payloads += b"".join(blocks).split(b"\n")[:-1]
        if len(payloads) != batch.number - begin:
            raise EncodeError(
                f"format {self._settings.format}: got {len(payloads)} payloads of {batch.number - begin} rows"
            )
        return payloads

    @contextlib.contextmanager
    def _taking_back(self) -> Iterator[None]:
        """Undo the counts of the block if it raises, because its rows are then read again one by one."""
        counts = self._counts
        before = [(tally, dict(tally)) for tally in (counts.unknown_events, counts.cut, counts.dropped)]
        try:
            yield
        except Exception:
            for tally, counted in before:
                tally.clear()
                tally.update(counted)
            raise

    def _encode_singly(self, program: Program, batch: Batch, stream: Stream) -> Iterator[bytes | None]:
        """Yield payloads row by row: where rows may be left out, only this shows which ones were."""
        for number in range(batch.number, len(batch.lines)):
            one = batch.single(number)
            blocks: list[bytes] = []
            self.write(program, one, stream, lambda block, blocks=blocks: blocks.append(bytes(block)))  # type: ignore[misc]
            if not one.number:
                break
            batch.pass_over(number + 1)
            yield blocks[0].removesuffix(b"\n") if blocks else None

    # --- a batch -> blocks of payloads -----------------------------------------------------------------

    def write(self, program: Program, batch: Batch, stream: Stream, write: Write) -> None:
        """Write the payloads of rows up to the first that the program cannot handle."""
        if program.machine is None:
            self._write_generated(program, batch, batch, stream, write)
            return
        begin = self._begin(stream)
        at, rows, events = program.machine.run(batch.block, batch.at, batch.end, begin.start, begin.seed)
        batch.at, batch.number = at, batch.number + rows
        if events:
            with memoryview(program.machine) as payloads:  # type: ignore[arg-type]
                write(payloads)
        self.count(stream, program, rows, events, read_row_time(batch.last, program.layout) if rows else None)

    def _write_generated(
        self, program: Program, batch: Batch, rows: Batch, stream: Stream, write: Write
    ) -> None:
        """Write payloads with the generated function; ``rows`` is ``batch`` itself or its next line alone."""
        payloads: list[str] = []
        try:
            self._run_generated(program, batch, rows, stream, payloads)
        finally:
            if payloads:
                payloads.append("")
                write("\n".join(payloads).encode("latin-1"))

    def _run_generated(
        self,
        program: Program,
        batch: Batch,
        rows: Batch,
        stream: Stream,
        payloads: list[str],
    ) -> None:
        """Append the payloads of rows, as Latin-1 text, to ``payloads``."""
        before, begin = rows.number, self._begin(stream)
        lines = rows.ended_lines if program.needs_lines else ()
        end = program.run(rows.rows, lines, before, payloads, begin.latin1, begin.seed)
        if rows is batch and end == len(batch.rows):
            batch.pass_all()
        else:
            batch.pass_over(batch.number + end - before)
        self.count(stream, program, end - before, len(payloads), read_row_time(batch.last, program.layout))

    def _begin(self, stream: Stream) -> PayloadStart:
        assert stream.source is not None
        return self._programs.begin(stream.name, stream.source)

    # --- for hosts that hand over rows where they lie --------------------------------------------------

    def open(self, stream: Stream) -> OpenRows | None:
        """Return the kernel's program for the next rows of a stream.

        ``None`` where the next line may not be a row, or there is no program for it. The result is valid
        until the stream reads another line. The caller reports the rows it ran to ``count``.
        """
        program = self._programs.for_rows(stream, None)
        if program is None or program.machine is None:
            return None
        begin = self._begin(stream)
        return OpenRows(program, program.machine, begin.start, begin.seed)

    def count(self, stream: Stream, program: Program, rows: int, events: int, last: int | None) -> None:
        """Count the rows and events of a program's run; ``last`` is the time of the last row in epoch
        milliseconds UTC.
        """
        if not rows or stream.source is None:
            return
        stream.skip(rows)
        self._counts.note_time(last)  # a log's last row is its newest
        self._counts.lines += rows
        self._counts.events += events
        self._counts.records.add(stream.source.name, rows)
        for column in program.unknown_columns:
            self._counts.unknown_columns.add(column, rows)
