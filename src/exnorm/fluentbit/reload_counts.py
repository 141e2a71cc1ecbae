"""Sum up the counts of one service's filters, which replace each other at each reload."""

from __future__ import annotations

from exnorm.fluentbit.chunk import FilterCounts
from exnorm.pipeline.counts import Counts, Ledger


class Accounts:
    """Counts that a reload does not reset. Thread safe."""

    def __init__(self) -> None:
        self._ledger = Ledger()
        self._filters: tuple[int, FilterCounts | None] = (0, None)

    def follow(self, counts: FilterCounts) -> None:
        """Count a new filter from now on."""
        self._filters = self.failed(), counts
        self._ledger.follow(counts.pipeline)

    def counts(self) -> Counts:
        """Return the counts of their pipelines."""
        return self._ledger.total()

    def failed(self) -> int:
        """Return how often an error left a record unchanged."""
        before, now = self._filters
        return before + (sum(dict(now.errors).values()) if now is not None else 0)
