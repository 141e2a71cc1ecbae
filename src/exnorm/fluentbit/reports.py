"""Errors for the shipper's log: once for each kind, at a bounded rate."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable

from exnorm.errors import quote

INTERVAL_SECONDS = 60.0
KINDS_LIMIT = 100


class Reports:
    """Says each kind of error at most once a minute, with how often it came in between.

    A kind is an exception's type and the place that raised it. ``log`` takes one line of text;
    without one nothing is said.
    """

    def __init__(
        self, log: Callable[[str], None] | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self._clock = clock
        self._said: dict[tuple[str, str], float] = {}
        self._kept_quiet: dict[tuple[str, str], int] = {}

    def report(self, error: Exception, outcome: str) -> None:
        """Say what went wrong and what became of it, unless the same was said less than a minute ago."""
        if self._log is None:
            return
        kind = type(error).__name__, _place(error)
        now = self._clock()
        if kind not in self._said and len(self._said) >= KINDS_LIMIT:
            kind = "further errors", ""
        last = self._said.get(kind)
        if last is not None and now - last < INTERVAL_SECONDS:
            self._kept_quiet[kind] = self._kept_quiet.get(kind, 0) + 1
            return
        self._said[kind] = now
        again = self._kept_quiet.pop(kind, 0)
        times = f"; {again} more of these since it was said last" if again else ""
        where = f" in {kind[1]}" if kind[1] else ""
        text = f"{type(error).__name__}{where}: {quote(error)}; {outcome}{times}"
        self._log(text)


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].name}, line {frames[-1].lineno}" if frames else ""
