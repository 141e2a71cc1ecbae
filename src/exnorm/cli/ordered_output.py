"""Run work in several processes and write their output in order: each process writes when its turn comes.

Output before the turn is kept in memory, and beyond ``KEPT_BYTES`` in a temporary file. After that it is
written immediately, by the process itself where it can be given the output. A process that is done before its
turn goes on with its next piece, as long as less than ``KEPT_BYTES`` wait.
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
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import IO, Any, NamedTuple

from exnorm.cli.workers import end_at_interrupt, holding_interrupts

KEPT_BYTES = 12 * 1024 * 1024
NOTED_BYTES = 4 * 1024 * 1024
_COPIED_BYTES = 1024 * 1024

Work = Callable[["Outlet", int], object]
"""Does the piece of work with a number; what it gives is for the process that handed out the work."""


class Note(NamedTuple):
    """A message of a worker: its kind and content."""

    kind: str
    value: Any


class WorkerDiedError(Exception):
    """A worker process ended before its work was done."""


class RefusedError(Exception):
    """The output could not write a worker's block, for the reason in ``error``."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class _Piece:
    """The output of one piece of work.

    ``turn`` is whether it is written, ``None`` before its turn; ``written`` counts all its bytes, including
    waiting ones.
    """

    def __init__(self, kept: io.BytesIO) -> None:
        self.kept = kept
        self.file: IO[bytes] | None = None
        self.notes: list[Note] = []
        self.noted = 0
        self.turn: bool | None = None
        self.written = 0

    @property
    def held(self) -> int:
        """The bytes that wait in memory."""
        return 0 if self.turn else self.kept.tell() + self.noted


class Outlet:
    """The output of pieces of work: kept until each one's turn, written from then on."""

    def __init__(self, pipe: Connection, descriptor: int | None) -> None:
        self._pipe = pipe
        self._descriptor = descriptor
        self._has_word = _watch(pipe)
        self._ahead: deque[_Piece] = deque()  # done before their turn
        self._free: list[io.BytesIO] = []  # memory that earlier pieces have used
        self._piece = _Piece(io.BytesIO())

    @property
    def written(self) -> int:
        """The bytes of the piece, including waiting ones."""
        return self._piece.written

    def begin(self) -> None:
        """Begin another piece."""
        self._piece = _Piece(self._free.pop() if self._free else io.BytesIO())

    def end(self, note: Note) -> None:
        """End the piece with its last note; its turn may come later."""
        piece = self._piece
        piece.notes.append(note)
        if piece.turn is None and sum(one.held for one in (*self._ahead, piece)) < KEPT_BYTES:
            self._ahead.append(piece)
            return
        self._wait()
        self._send_notes(piece)
        self._give_back(piece)

    def finish(self) -> None:
        """Wait until all pieces have had their turn."""
        while self._ahead:
            self._take_word()

    def is_wanted(self) -> bool:
        """Return whether the piece will be written, as far as is known now."""
        while self._piece.turn is None and self._has_word():
            self._take_word()
        return self._piece.turn is not False

    def write(self, block: bytes | memoryview, /) -> None:
        """Write a block, or keep it for later."""
        if not self.is_wanted():
            return
        piece = self._piece
        piece.written += len(block)
        if piece.turn:
            self._put(block)
        elif piece.file is None and piece.kept.tell() + len(block) <= KEPT_BYTES:
            piece.kept.write(block)
        else:
            piece.file = piece.file or tempfile.TemporaryFile(prefix="exnorm-")  # noqa: SIM115
            piece.file.write(block)

    def flush(self) -> None:
        """Do nothing: after the turn nothing is held back."""

    def note(self, kind: str, value: object, size: int = 0) -> None:
        """Send a note to the other process at the turn; beyond a limit, wait for the turn."""
        piece = self._piece
        piece.notes.append(Note(kind, value))
        piece.noted += size
        if piece.noted > NOTED_BYTES:
            self._wait()
        if piece.turn is not None:
            self._send_notes(piece)

    def _wait(self) -> None:
        """Wait for the turn of the piece."""
        while self._piece.turn is None:
            self._take_word()

    def _take_word(self) -> None:
        """Receive the turn of the first piece that has not had it."""
        turn = self._pipe.recv()
        piece = self._ahead.popleft() if self._ahead else self._piece
        piece.turn = turn
        if turn:
            self._put_kept(piece)
            self._send_notes(piece)
        if piece is not self._piece:
            self._give_back(piece)

    def _put_kept(self, piece: _Piece) -> None:
        size = piece.kept.tell()
        with piece.kept.getbuffer() as kept:
            self._put(kept[:size])
        if piece.file is not None:
            with piece.file as file:
                file.seek(0)
                while block := file.read(_COPIED_BYTES):
                    self._put(block)

    def _give_back(self, piece: _Piece) -> None:
        piece.kept.seek(0)
        self._free.append(piece.kept)

    def _send_notes(self, piece: _Piece) -> None:
        notes, piece.notes, piece.noted = piece.notes, [], 0
        for note in notes if piece.turn else ():
            self._pipe.send(note)

    def _put(self, block: bytes | memoryview) -> None:
        if self._descriptor is None:
            self._pipe.send(Note("block", bytes(block)))
            return
        left = memoryview(block)
        while left:
            try:
                sent = os.write(self._descriptor, left)
            except OSError as error:
                raise RefusedError(error) from None
            left = left[sent:]


def _watch(pipe: Connection) -> Callable[[], object]:
    """Return a test whether there is something to receive, as cheap as the system allows."""
    if not hasattr(select, "poll"):
        return pipe.poll
    poll = select.poll()
    poll.register(pipe.fileno(), select.POLLIN)
    return lambda: poll.poll(0)


class Crew:
    """Processes that share numbered pieces of work: each has every ``jobs``-th of them."""

    def __init__(self, jobs: int, pieces: int, begin: Callable[..., Work], *given: object) -> None:
        """``begin`` makes the worker function in each process, from the arguments ``given``."""
        self._jobs = min(jobs, pieces)
        self._pieces = pieces
        self._make = begin, given
        self._pipes: list[Connection] = []
        self._processes: list[BaseProcess] = []

    @contextlib.contextmanager
    def working(self, target: IO[bytes] | None) -> Iterator[None]:
        """Run the processes, and stop them afterwards."""
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
        """Discard a piece without writing it. Drops and turns come in the order of the pieces."""
        with contextlib.suppress(OSError):  # whose process has ended is met where it is listened to
            self._pipes[piece % self._jobs].send(False)

    def listen(self, piece: int) -> Iterator[Note]:
        """Give a piece its turn and yield its worker's notes; the last is ``done`` or ``failed``."""
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
    """Return whether forking is safe: on Linux, as long as there are no threads."""
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
        try:
            for number in numbers:
                outlet.begin()
                outlet.end(Note("done", work(outlet, number)))
            outlet.finish()
        except RefusedError as refused:
            pipe.send(Note("failed", refused.error))  # it is heard: a piece was in its turn
