"""Limit repeated messages to one a minute, because a stranger or a full disk can cause any number of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

INTERVAL_SECONDS = 60.0
KINDS = 100
_OTHERS = "(other)"


class Rarely:
    """Counts messages by kind and says which of them to write; the kinds are bounded. Thread safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._said: dict[str, float] = {}
        self._quiet: dict[str, int] = {}

    def count(self, kind: str) -> int:
        """Return how many messages of its kind this one stands for; 0 where it is too early to write
        another.
        """
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
