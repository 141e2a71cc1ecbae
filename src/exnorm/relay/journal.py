"""Log lines of a service: one event each, as JSON or as text, without any content of logs.

A line's fields are words of exnorm, of the settings and of the system, and numbers. Texts that may quote the
input (a reason, the message of an exception, a tag, a file's name) are passed as ``details``, which are
written at the level ``debug`` only.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import IO

from exnorm.convert import iso_utc
from exnorm.rate_limit import Rarely

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("json", "text")


class Journal:
    """Writes lines of ``level`` and above to a stream; at ``debug`` with their details. Thread safe.

    A closed stream loses the line, but never stops the service.
    """

    def __init__(
        self,
        stream: IO[bytes],
        form: str = "json",
        level: str = "info",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._write = _as_json if form == "json" else _as_text
        self._lowest = LEVELS.index(level)
        self._rarely = Rarely(clock)
        self._lock = threading.Lock()

    def __call__(
        self, level: str, event: str, details: Mapping[str, object] | None = None, **fields: object
    ) -> None:
        """Write one line."""
        if LEVELS.index(level) < self._lowest:
            return
        entry: dict[str, object] = {"time": iso_utc(int(time.time() * 1000)), "level": level, "event": event}
        entry.update(fields)
        if details and self._lowest == 0:
            entry["details"] = dict(details)
        line = self._write(entry).encode("ascii", "backslashreplace") + b"\n"
        try:
            with self._lock:
                self._stream.write(line)
                self._stream.flush()
        except (OSError, ValueError):
            pass

    def repeat(
        self,
        level: str,
        event: str,
        kind: str,
        details: Mapping[str, object] | None = None,
        **fields: object,
    ) -> None:
        """Write a line that may occur any number of times, at most once a minute for each event and kind.

        The next line then states for how many it stands (``times``).
        """
        if LEVELS.index(level) < self._lowest:
            return
        times = self._rarely.count(f"{event}: {kind}")
        if times:
            self(level, event, details, kind=kind, **fields, times=times)


def _as_json(entry: Mapping[str, object]) -> str:
    return json.dumps(entry, default=str)  # in ASCII: no line separator of any kind stands in it as it is


def _as_text(entry: Mapping[str, object]) -> str:
    head = f"{entry['time']} {entry['level']} {entry['event']}"
    words = [f"{name}={_show(entry[name])}" for name in entry if name not in ("time", "level", "event")]
    return f"{head}: {' '.join(words)}" if words else head


def _show(value: object) -> str:
    if isinstance(value, str) and value.isascii() and value.isprintable() and value:
        return value if not set(' "=') & set(value) else json.dumps(value)
    return json.dumps(value, default=str)


class LibraryLog(logging.Handler):
    """Writes what libraries log through ``logging`` to the journal; their own texts are details."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(logging.WARNING)
        self._journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line that names the library and the error's type."""
        error = record.exc_info[1] if record.exc_info else None
        details = {"text": record.getMessage(), "error": str(error) if error else ""}
        level = "error" if record.levelno >= logging.ERROR else "warning"
        where = f"{record.module}, line {record.lineno}"
        kind = type(error).__name__ if error else where
        self._journal.repeat(level, "a library complains", kind, details, library=record.name, where=where)


def take_library_log(journal: Journal) -> None:
    """Send ``logging`` of the whole process to the journal only."""
    root = logging.getLogger()
    root.handlers[:] = [LibraryLog(journal)]
