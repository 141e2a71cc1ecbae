"""What the filters of one service counted, one after the other as reloads put them in each other's place."""

from __future__ import annotations

from exnorm.fluentbit.chunk import FilterCounts
from exnorm.pipeline.counts import Counts, Ledger


class Accounts:
    """Sums that a reload does not set back. Any thread may ask."""

    def __init__(self) -> None:
        self._ledger = Ledger()
        self._filters: tuple[int, FilterCounts | None] = (0, None)

    def follow(self, counts: FilterCounts) -> None:
        """A new filter counts from now on."""
        self._filters = self.failed(), counts
        self._ledger.follow(counts.pipeline)

    def counts(self) -> Counts:
        """What their pipelines counted."""
        return self._ledger.total()

    def failed(self) -> int:
        """How often an error left a record unchanged."""
        before, now = self._filters
        return before + (sum(dict(now.errors).values()) if now is not None else 0)
