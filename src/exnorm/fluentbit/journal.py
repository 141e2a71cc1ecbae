"""Log lines of a service: one JSON object each."""

from __future__ import annotations

import time
from typing import IO, Any

import msgspec

from exnorm.convert import iso_utc


class Journal:
    """Writes ``{"time", "level", "event", ...}`` to a stream; it is told what to say, never a record."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def __call__(self, level: str, event: str, **fields: Any) -> None:
        """Write one line; a stream that is gone costs the line, never the service."""
        entry = {"time": iso_utc(int(time.time() * 1000)), "level": level, "event": event, **fields}
        try:
            self._stream.write(msgspec.json.encode(entry) + b"\n")
            self._stream.flush()
        except (OSError, ValueError):
            pass
