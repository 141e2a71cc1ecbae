"""Rows of a log taken together, for whoever has many of them: as a program of theirs writes them."""

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
    """A program of the kernel, and what begins the payloads and the identities of one log."""

    program: Program
    machine: Machine
    start: bytes
    seed: bytes


class BatchEncoder:
    """Puts lines of a log together, and gives the payloads of those that a program is sure of.

    Every method stops at the first other line: that one is for ``Normalizer.parse``.
    """

    def __init__(self, programs: Programs, settings: Settings, counts: Counts) -> None:
        self._programs, self._settings, self._counts = programs, settings, counts

    # --- lines -> a batch ------------------------------------------------------------------------------

    def cut(self, span: Span) -> Batch:
        """Whole lines as they lie in a block."""
        return Batch(span, self._programs.wire, self._settings.max_line_bytes)

    def join(self, lines: Iterable[bytes]) -> Batch:
        """Lines without a LF at their end, nor inside."""
        block = b"\n".join((*lines, b""))
        batch = self.cut((block, 0, len(block)))
        batch.lines = list(lines)
        return batch

    def gather(self, lines: Sequence[bytes | str], stream: Stream) -> Batch | None:
        """Lines that were cut already, put together again; ``None`` where each must be read by itself."""
        if set(map(type, lines)) != {bytes} or begins_utf16(lines, stream):
            return None
        if max(map(len, lines), default=0) > self._settings.max_line_bytes:
            return None  # its size is not to be multiplied
        plain: list[bytes] = [line.removesuffix(b"\n") for line in lines]  # type: ignore[arg-type, misc]
        return None if b"\n" in b"".join(plain) else self.join(plain)  # asking each line takes longer

    def prepare(self, lines: Sequence[bytes], stream: Stream) -> Batch | None:
        """Lines of a log in a row, for ``encode``; ``None`` where each must be read by itself."""
        if self._programs.wire is None or begins_utf16(lines, stream):
            return None
        longest = self._settings.max_line_bytes
        if b"\n" in b"".join(lines) or max(map(len, lines), default=0) > longest:
            plain = [line.removesuffix(b"\n") for line in lines]
            # One with a LF inside is left to its reader here, so that it does not cost the others their way.
            return self.join([b"" if b"\n" in line or len(line) > longest else line for line in plain])
        return self.join(lines)

    # --- a batch -> payloads, for hosts that know the lines one by one ---------------------------------

    def encode(self, batch: Batch, begin: int, stream: Stream) -> list[bytes | None]:
        """The payloads of the lines from ``begin`` on, one each, up to the first that ``parse`` must read.

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
        """Where an error is raised, count nothing of the rows before it: they will be read by themselves."""
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
        """Payloads where rows may be left out: which of them are shows only when each is by itself."""
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
        """Write the payloads of rows with nothing odd about them, up to the first other one."""
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
        """The same with the generated function; ``rows`` are the batch's, or the next one by itself."""
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
        """Append the payloads, as Latin-1 text, to nothing yet written."""
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
        """The kernel's program for a stream's next rows.

        ``None`` where the next line may be no row, or there is no such program. Valid until the stream
        reads anything else; what is run must be told to ``count``.
        """
        program = self._programs.for_rows(stream, None)
        if program is None or program.machine is None:
            return None
        begin = self._begin(stream)
        return OpenRows(program, program.machine, begin.start, begin.seed)

    def count(self, stream: Stream, program: Program, rows: int, events: int, last: int | None) -> None:
        """Count rows that a program has taken, and their events; ``last`` is the last one's time."""
        if not rows or stream.source is None:
            return
        stream.skip(rows)
        self._counts.note_time(last)  # a log's last row is its newest
        self._counts.lines += rows
        self._counts.events += events
        self._counts.records.add(stream.source.name, rows)
        for column in program.unknown_columns:
            self._counts.unknown_columns.add(column, rows)
