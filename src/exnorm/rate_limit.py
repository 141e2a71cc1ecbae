"""Saying the same thing once a minute at most: whoever connects, or a full disk, can make it happen often."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

INTERVAL_SECONDS = 60.0
KINDS = 100
_OTHERS = "(other)"


class Rarely:
    """Counts things by kind and says which of them are to be said; the kinds are bounded. For any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._said: dict[str, float] = {}
        self._quiet: dict[str, int] = {}

    def count(self, kind: str) -> int:
        """For how many of its kind this one is to be said; 0 where it is too early to say it again."""
        with self._lock:
            if kind not in self._said and len(self._said) >= KINDS:
                kind = _OTHERS
            now = self._clock()
            last = self._said.get(kind)
            times = self._quiet.get(kind, 0) + 1
            if last is not None and now - last < INTERVAL_SECONDS:
                self._quiet[kind] = times
                return 0
            self._said[kind] = now
            self._quiet.pop(kind, None)
            return times
