"""Write errors to the shipper's log, once for each kind at a limited rate."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable

from exnorm.errors import quote
from exnorm.rate_limit import Rarely


class Reports:
    """Reports each kind of error at most once a minute, with its number since the last report.

    A kind is an exception's type and the place that raised it. ``log`` takes one line of text; without it
    nothing is reported. The exception's own text may quote a record, so it is written with ``quotes`` only.
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
        self._rarely = Rarely(clock)

    def report(self, error: Exception, outcome: str) -> None:
        """Report an error and its outcome, unless the same kind was reported less than a minute ago."""
        if self._log is None:
            return
        place = find_place(error)
        kind = f"{type(error).__name__} in {place}" if place else type(error).__name__
        times = self._rarely.count(kind)
        if not times:
            return
        again = f"; {times - 1} more of these since it was said last" if times > 1 else ""
        said = f": {quote(error)}" if self._quotes else ""
        self._log(f"{kind}{said}; {outcome}{again}")


def find_place(error: BaseException) -> str:
    """Return the function and line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].name}, line {frames[-1].lineno}" if frames else ""
