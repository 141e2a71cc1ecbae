"""Whether something that happens again and again is to be said once more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable

INTERVAL_SECONDS = 60.0
KINDS_LIMIT = 100


class Repeats:
    """Lets each kind through ``burst`` times a minute, and counts what it kept quiet.

    Past ``KINDS_LIMIT`` kinds, new ones are one kind together. Any thread may ask.
    """

    def __init__(self, burst: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = burst
        self._clock = clock
        self._lock = threading.Lock()
        self._said: dict[Hashable, tuple[float, int]] = {}  # when its minute began, how often since
        self._kept_quiet: dict[Hashable, int] = {}

    def admit(self, kind: Hashable) -> int | None:
        """How many of this kind were kept quiet since the last one said; ``None`` for one more of them."""
        with self._lock:
            if kind not in self._said and len(self._said) >= KINDS_LIMIT:
                kind = None
            now = self._clock()
            began, times = self._said.get(kind, (now, 0))
            if now - began >= INTERVAL_SECONDS:
                began, times = now, 0
            if times >= self._burst:
                self._kept_quiet[kind] = self._kept_quiet.get(kind, 0) + 1
                return None
            self._said[kind] = began, times + 1
            return self._kept_quiet.pop(kind, 0)
