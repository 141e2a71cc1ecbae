"""A file of lines that did not parse, which a service keeps for people in addition to passing them on.

The lines are passed on in any case, with their tag. So a full disk affects only this copy; it is reported
once and counted. The file is bounded: at ``max_bytes`` it is renamed to ``FILE.1``, replacing the one before.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from exnorm.errors import SettingsError, quote
from exnorm.files.private import open_private
from exnorm.model import Unparsed
from exnorm.rate_limit import Rarely

MAX_BYTES = 64 * 1024 * 1024
_CLOSED = -1


def encode_reject(line: Unparsed) -> bytes:
    """Return an unparsed line as one JSON object, without a line end."""
    import msgspec  # a run in which every line parses does without it

    entry = {"path": line.path, "line_number": line.line_number, "reason": line.reason, "raw": line.raw}
    try:
        return msgspec.json.encode(entry)
    except UnicodeEncodeError:  # bytes that were no UTF-8, in the name of a file or in a line
        plain = {name: str(text).encode("utf-8", "backslashreplace").decode() for name, text in entry.items()}
        return msgspec.json.encode({**plain, "line_number": line.line_number})


class RejectFile:
    """Appends lines to a file; thread safe. ``report`` is called when writing fails, and when it works again.

    ``written`` and ``failed`` count lines. Raises ``SettingsError`` where the file cannot be opened.
    """

    def __init__(self, path: Path, report: Callable[[str], None], max_bytes: int = MAX_BYTES) -> None:
        self.written = 0
        self.failed = 0
        self._path = path
        self._report = report
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._is_failing = False
        self._rarely = Rarely()  # on a disk that is nearly full, some lines fit and some do not
        try:
            self._file = _open(path)
        except OSError as error:
            raise SettingsError(f"rejects: cannot write {quote(path)}: {error.strerror}") from None

    def add(self, line: Unparsed) -> None:
        """Write one line; never raises."""
        with self._lock:
            try:
                self._append(encode_reject(line) + b"\n")
            except (OSError, ValueError) as error:
                self.failed += 1
                self._complain(error)
                return
            self.written += 1
            if self._is_failing:
                self._is_failing = False
                self._say("again", f"{quote(self._path)} is written again, without {self.failed} lines")

    def reopen(self) -> None:
        """Continue in a new file after another program moved this one; never raises."""
        with self._lock:
            try:
                fresh = _open(self._path)
            except OSError as error:
                self._complain(error)
                return
            self._change_to(fresh)

    def close(self) -> None:
        """Close the file."""
        with self._lock, contextlib.suppress(OSError):
            os.close(self._file)

    def _append(self, entry: bytes) -> None:
        if self._file == _CLOSED:
            self._file = _open(self._path)
        size = os.fstat(self._file).st_size
        if size and size + len(entry) > self._max_bytes:
            self._rotate()
            size = os.fstat(self._file).st_size
        done = os.write(self._file, entry)
        if done < len(entry):  # the disk is full in the middle of the line: take the beginning back
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, size)
            raise OSError(f"{done} of {len(entry)} bytes fit")

    def _rotate(self) -> None:
        """Begin a new file; the old one is closed first, because Windows renames no open file."""
        os.close(self._file)
        self._file = _CLOSED
        os.replace(self._path, f"{self._path}.1")
        self._file = _open(self._path)

    def _change_to(self, fresh: int) -> None:
        before, self._file = self._file, fresh
        if before == _CLOSED:
            return
        with contextlib.suppress(OSError):
            os.close(before)

    def _complain(self, error: OSError | ValueError) -> None:
        """Report a failure once, however many lines it affects."""
        if not self._is_failing:
            self._is_failing = True
            reason = getattr(error, "strerror", None) or error
            self._say("failing", f"cannot write {quote(self._path)}: {reason}; lines go on without")

    def _say(self, kind: str, text: str) -> None:
        if self._rarely.count(kind):
            self._report(f"rejects: {text}")


def _open(path: Path) -> int:
    """Open the file at the end of a whole line: a crash may have left half of one."""
    file = open_private(path, os.O_RDWR | os.O_APPEND)
    try:
        size = os.lseek(file, 0, os.SEEK_END)
        if size and os.lseek(file, -1, os.SEEK_END) >= 0 and os.read(file, 1) != b"\n":
            os.write(file, b"\n")
    except OSError:  # not a readable regular file but a device, or the disk is full
        pass
    return file
