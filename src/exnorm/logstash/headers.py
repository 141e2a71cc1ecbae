"""The header lines of each log, so that new settings, and a restarted service, know the columns still.

A shipper sends a log's header once. Without this, rows that come after a restart are read by their
shape alone, which IIS logs do not have, and without the version in the header.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from exnorm.errors import SettingsError, quote

FILES_KEPT = 2048
LINES_KEPT = 32
LINE_KEPT = 16384  # characters; a longer line is no header

Key = tuple[str, str]
"""Host and path of a log."""


class Headers:
    """Header lines by log, kept in ``path`` where one is given; of too many logs, the newest headers stay.

    Only one thread may call it. ``report`` is told when the file cannot be written, and when it is again;
    the lines are remembered all the same, and written with the next ones. ``failed`` counts the tries.
    """

    def __init__(self, path: Path | None, report: Callable[[str], None]) -> None:
        self._path = path
        self._report = report
        self._lines: dict[Key, list[str]] = {}
        self._in_header: set[Key] = set()
        self._changed = False
        self._is_failing = False
        self.failed = 0
        if path is not None:
            self._load(path)

    def note_header(self, key: Key, line: str) -> None:
        """A header line of a log; the first one after rows begins a new header."""
        if len(line) > LINE_KEPT:
            return
        lines = self._lines.pop(key, [])
        if key not in self._in_header:
            lines = []
            self._in_header.add(key)
        self._lines[key] = [*lines[-LINES_KEPT + 1 :], line]
        self._changed = True
        if len(self._lines) > FILES_KEPT:
            oldest = next(iter(self._lines))
            del self._lines[oldest]
            self._in_header.discard(oldest)

    def note_row(self, key: Key) -> None:
        """Any other line of a log: its header is over."""
        self._in_header.discard(key)

    def replay(self) -> Iterator[dict[str, Any]]:
        """The header lines as events of a shipper."""
        for (host, path), lines in self._lines.items():
            beside: dict[str, Any] = {"host": {"name": host}} if host else {}
            if path:
                beside["log"] = {"file": {"path": path}}
            for line in lines:
                yield {**beside, "message": line}

    def save(self) -> None:
        """Write the file anew where something changed; it is whole at every moment."""
        if self._path is None or not self._changed:
            return
        content = [[host, path, lines] for (host, path), lines in self._lines.items()]
        part = self._path.with_name(self._path.name + ".part")
        try:
            with part.open("wb") as file:
                file.write(msgspec.json.encode(content))
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path)
        except (OSError, ValueError) as error:
            self.failed += 1
            if not self._is_failing:
                self._is_failing = True
                reason = getattr(error, "strerror", None) or error
                self._report(f"state: cannot write {quote(self._path)}: {reason}; batches go on without")
            with contextlib.suppress(OSError):
                part.unlink()  # what is left of it may be what fills the disk
            return
        if self._is_failing:
            self._is_failing = False
            self._report(f"state: {quote(self._path)} is written again")
        self._changed = False

    def _load(self, path: Path) -> None:
        try:
            entries = msgspec.json.decode(path.read_bytes(), type=list[tuple[str, str, list[str]]])
        except FileNotFoundError:
            self._changed = True
            self.save()  # a folder that is not there shall be known now, not at the first header
            if self._changed:
                raise SettingsError(f"state: cannot write {quote(path)}") from None
            return
        except OSError as error:
            raise SettingsError(f"state: cannot read {quote(path)}: {error.strerror}") from None
        except msgspec.DecodeError:
            raise SettingsError(f"state: {quote(path)} is not a file of header lines") from None
        self._lines = {(host, path): lines for host, path, lines in entries}
