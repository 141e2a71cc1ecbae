"""Work in several processes whose output goes out in order: each process writes when its turn comes.

What comes of a piece of work before its turn is kept, in memory and past ``KEPT_BYTES`` in a temporary file.
From then on it is written as it comes, by the process itself where it could be given the output.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import select
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import IO, Any, NamedTuple

from exnorm.cli.workers import end_at_interrupt, holding_interrupts

KEPT_BYTES = 16 * 1024 * 1024
NOTED_BYTES = 4 * 1024 * 1024
_COPIED_BYTES = 1024 * 1024

Work = Callable[["Outlet", int], object]
"""Does the piece of work with a number; what it gives is for the process that handed out the work."""


class Note(NamedTuple):
    """What a worker has to say: of which kind, and what."""

    kind: str
    value: Any


class WorkerDiedError(Exception):
    """A worker process ended before its work was done."""


class RefusedError(Exception):
    """The output did not take what a worker wrote, for the reason in ``error``."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class Outlet:
    """Where the output of a piece of work goes: kept until its turn, written from then on."""

    def __init__(self, pipe: Connection, descriptor: int | None) -> None:
        self._pipe = pipe
        self._descriptor = descriptor
        self._has_word = _watch(pipe)
        self._kept = io.BytesIO()
        self.begin()

    def begin(self) -> None:
        """Be ready for another piece; the memory of the last one is used again."""
        self._kept.seek(0)
        self._file: IO[bytes] | None = None
        self._notes: list[Note] = []
        self._noted = 0
        self._turn: bool | None = None
        self.written = 0

    def is_wanted(self) -> bool:
        """Whether the piece, as far as is known by now, will be written."""
        if self._turn is None and self._has_word():
            self._take_turn()
        return self._turn is not False

    def wait(self) -> bool:
        """Wait for the turn of the piece; ``False`` where it is not to be written at all."""
        if self._turn is None:
            self._take_turn()
        return self._turn is True

    def write(self, block: bytes | memoryview, /) -> None:
        """Write a block, or keep it for later."""
        if not self.is_wanted():
            return
        if self._turn:
            self._put(block)
        elif self._file is None and self._kept.tell() + len(block) <= KEPT_BYTES:
            self._kept.write(block)
        else:
            self._file = self._file or tempfile.TemporaryFile(prefix="exnorm-")  # noqa: SIM115
            self._file.write(block)

    def flush(self) -> None:
        """Nothing is held back once the turn has come."""

    def note(self, kind: str, value: object, size: int = 0) -> None:
        """Tell the other process, when the turn has come; too much of it waits for that."""
        self._notes.append(Note(kind, value))
        self._noted += size
        if self._noted > NOTED_BYTES:
            self.wait()
        if self._turn is not None:
            self._send_notes()

    def _take_turn(self) -> None:
        self._turn = self._pipe.recv()
        if not self._turn:
            return
        size = self._kept.tell()
        with self._kept.getbuffer() as kept:
            self._put(kept[:size])
        if self._file is not None:
            with self._file as file:
                file.seek(0)
                while block := file.read(_COPIED_BYTES):
                    self._put(block)
        self._send_notes()

    def _send_notes(self) -> None:
        notes, self._notes, self._noted = self._notes, [], 0
        for note in notes if self._turn else ():
            self._pipe.send(note)

    def _put(self, block: bytes | memoryview) -> None:
        if self._descriptor is None:
            self._pipe.send(Note("block", bytes(block)))
            self.written += len(block)
            return
        left = memoryview(block)
        while left:
            try:
                sent = os.write(self._descriptor, left)
            except OSError as error:
                raise RefusedError(error) from None
            self.written += sent
            left = left[sent:]


def _watch(pipe: Connection) -> Callable[[], object]:
    """Whether there is something to be received, asked as cheaply as the system allows."""
    if not hasattr(select, "poll"):
        return pipe.poll
    poll = select.poll()
    poll.register(pipe.fileno(), select.POLLIN)
    return lambda: poll.poll(0)


class Crew:
    """Processes that share numbered pieces of work: each has every ``jobs``-th of them."""

    def __init__(self, jobs: int, pieces: int, begin: Callable[..., Work], *given: object) -> None:
        """``begin`` makes what does the work, in each process, of what is ``given``."""
        self._jobs = min(jobs, pieces)
        self._pieces = pieces
        self._make = begin, given
        self._pipes: list[Connection] = []
        self._processes: list[BaseProcess] = []

    @contextlib.contextmanager
    def working(self, target: IO[bytes] | None) -> Iterator[None]:
        """Have the processes at work, and none of them afterwards."""
        is_fork = _can_fork()
        context: Any = multiprocessing.get_context("fork" if is_fork else "spawn")
        descriptor = None
        if target is not None:
            target.flush()
            if is_fork:
                with contextlib.suppress(io.UnsupportedOperation):
                    descriptor = target.fileno()
        try:
            for first in range(self._jobs):
                ours, theirs = context.Pipe()
                self._pipes.append(ours)
                numbers = range(first, self._pieces, self._jobs)
                copied = tuple(self._pipes) if is_fork else ()
                process = context.Process(
                    target=_work, args=(theirs, copied, descriptor, numbers, *self._make), daemon=True
                )
                with holding_interrupts():
                    process.start()
                self._processes.append(process)
                theirs.close()  # so that the end of the process is the end of what can be received
            yield
        finally:
            for process in self._processes:
                process.terminate()
            for process, pipe in zip(self._processes, self._pipes, strict=False):
                process.join()
                pipe.close()

    def drop(self, piece: int) -> None:
        """Let a piece not be written. Such words, and turns, are given in the order of the pieces."""
        with contextlib.suppress(OSError):  # whose process has ended is met where it is listened to
            self._pipes[piece % self._jobs].send(False)

    def listen(self, piece: int) -> Iterator[Note]:
        """Give a piece its turn, and what its worker says of it; the last is ``done`` or ``failed``."""
        pipe = self._pipes[piece % self._jobs]
        try:
            pipe.send(True)
            note = Note("", None)
            while note.kind not in {"done", "failed"}:
                note = pipe.recv()
                yield note
        except (EOFError, ConnectionError):
            process = self._processes[piece % self._jobs]
            process.join()
            if process.exitcode == -signal.SIGINT:
                raise KeyboardInterrupt from None
            raise WorkerDiedError from None


def _can_fork() -> bool:
    """Whether a copy of this process can be trusted: on Linux, as long as there are no threads."""
    return sys.platform == "linux" and threading.active_count() == 1


def _work(
    pipe: Connection,
    copied: tuple[Connection, ...],
    descriptor: int | None,
    numbers: range,
    begin: Callable[..., Work],
    given: tuple[object, ...],
) -> None:
    end_at_interrupt()
    for other_end in copied:  # or the end of the process that holds them would never be seen here
        other_end.close()
    outlet = Outlet(pipe, descriptor)
    with contextlib.suppress(EOFError, ConnectionError):  # nobody waits for the work any more
        work = begin(*given)
        for number in numbers:
            outlet.begin()
            note = _do(work, outlet, number)
            if outlet.wait():
                outlet.note(*note)
            if note.kind == "failed":
                return


def _do(work: Work, outlet: Outlet, number: int) -> Note:
    try:
        found = work(outlet, number)
        outlet.wait()
    except RefusedError as refused:
        return Note("failed", refused.error)
    return Note("done", found)
