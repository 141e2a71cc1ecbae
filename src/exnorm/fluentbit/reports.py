"""Errors for the shipper's log: once for each kind, at a bounded rate."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable

from exnorm.errors import quote
from exnorm.operation.repeats import Repeats


class Reports:
    """Says each kind of error at most once a minute, with how often it came in between.

    A kind is an exception's type and the place that raised it. ``log`` takes one line of text; without
    one nothing is said. What the exception itself says may quote a record, so it is said with ``quotes``
    only.
    """

    def __init__(
        self,
        log: Callable[[str], None] | None,
        clock: Callable[[], float] = time.monotonic,
        *,
        quotes: bool = False,
    ) -> None:
        self._log = log
        self._quotes = quotes
        self._repeats = Repeats(clock=clock)

    def report(self, error: Exception, outcome: str) -> None:
        """Say what went wrong and what became of it, unless the same was said less than a minute ago."""
        if self._log is None:
            return
        kind = type(error).__name__, find_place(error)
        again = self._repeats.admit(kind)
        if again is None:
            return
        times = f"; {again} more of these since it was said last" if again else ""
        where = f" in {kind[1]}" if kind[1] else ""
        said = f": {quote(error)}" if self._quotes else ""
        self._log(f"{kind[0]}{where}{said}; {outcome}{times}")


def find_place(error: BaseException) -> str:
    """The function and line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].name}, line {frames[-1].lineno}" if frames else ""
