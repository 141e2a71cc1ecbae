"""Traffic through a service over HTTP, in addition to its pipeline's counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Traffic:
    """Numbers since the start, except ``in_flight``, which is the current one."""

    events_in: int = 0
    events_out: int = 0
    in_flight: int = 0
    requests: Counter[tuple[str, str]] = field(default_factory=Counter)  # by path and status
    next_hop_failures: Counter[str] = field(default_factory=Counter)  # by what it answered
    failed: int = 0  # events passed on as they came because normalizing them raised

    def count_request(self, path: str, status: str) -> None:
        """Count one answer."""
        self.requests[path, status] += 1

    def numbers(self) -> dict[str, Any]:
        """Return the numbers by the names of their metrics. Thread safe."""
        return {
            "exnorm_events_in": self.events_in,
            "exnorm_events_out": self.events_out,
            "exnorm_acknowledgements_pending": self.in_flight,
            "exnorm_events_failed": self.failed,
            "exnorm_next_hop_failures": self.next_hop_failures,
            "exnorm_requests": self.requests,
        }
