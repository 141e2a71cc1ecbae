"""Summarize counts in one line for a log: numbers, and names only of closed sets and of plugins."""

from __future__ import annotations

import time
from typing import Any

from exnorm.pipeline.counts import Counts

_BY_NAME = ("unparsed", "plugin_errors", "evicted")
_SUMS = (
    "dropped",
    "filtered",
    "removed",
    "cut",
    "shortened",
    "replaced",
    "refused",
    "unencodable",
    "unknown_columns",
    "unknown_events",
)


def sum_up(counts: Counts, now: float | None = None) -> dict[str, Any]:
    """Return fields for a log line, without counts of zero."""
    fields: dict[str, Any] = {"lines": counts.lines, "events": counts.events}
    fields.update({name: sum(dict(getattr(counts, name)).values()) for name in _SUMS})
    fields.update({name: dict(getattr(counts, name)) for name in _BY_NAME})
    fields["lag_seconds"] = measure_lag(counts, time.time() if now is None else now)
    return {name: value for name, value in fields.items() if value or name in ("lines", "events")}


def measure_lag(counts: Counts, now: float) -> float | None:
    """Return how many seconds the newest row's time is behind; ``None`` before there was a row."""
    return round(max(now - counts.newest / 1000, 0.0), 3) if counts.newest else None
