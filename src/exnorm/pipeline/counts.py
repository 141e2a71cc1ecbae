"""Counters of a running pipeline, bounded however many names the input contains."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

NAMES_LIMIT = 1000
OTHER = "(other)"
ERROR_LIMIT = 200
AHEAD_MS = 5 * 60 * 1000
"""A row whose time is further ahead of the clock is not the newest: its own clock is wrong."""


class Tally(Counter[str]):
    """Counts by name; beyond ``NAMES_LIMIT`` names, new ones are counted together as ``(other)``."""

    def add(self, name: str, amount: int = 1) -> None:
        """Count ``amount`` occurrences of ``name``, cut to 100 characters."""
        name = name[:100]
        self[name if name in self or len(self) < NAMES_LIMIT else OTHER] += amount

    def take_back(self, name: str) -> None:
        """Undo one ``add``."""
        self[name] -= 1
        if not self[name]:
            del self[name]


class Counts:
    """All counters of a pipeline.

    Each line is exactly one of ``header``, ``records`` or ``unparsed``; each record gives events (one, or one
    for each recipient) or is ``dropped`` or ``filtered``.
    """

    TALLIES = (
        "records", "unparsed", "dropped", "filtered", "removed", "cut", "shortened", "replaced", "refused",
        "unencodable", "unknown_columns", "unknown_events", "plugin_errors", "evicted", "marked",
    )  # fmt: skip

    def __init__(self) -> None:
        self.lines = 0
        self.header = 0
        self.events = 0
        self.newest = 0  # the newest time of a row, epoch milliseconds; 0 before the first
        self.records = Tally()  # by source
        self.unparsed = Tally()  # by kind of reason
        self.dropped = Tally()  # by event, left out by the profile
        self.filtered = Tally()  # by filter: --event, overlay FILE:LINE
        self.removed = Tally()  # by plugin, whose processor returned None
        self.cut = Tally()  # by field, longer than the vendor's limit
        self.shortened = Tally()  # by column or field, left out or cut to fit max_payload
        self.replaced = Tally()  # by field, held what the format cannot carry
        self.refused = Tally()  # by field, the format could not take the value at all
        self.unencodable = Tally()  # by event, which the format could not write as a plugin left it
        self.unknown_columns = Tally()
        self.unknown_events = Tally()
        self.plugin_errors = Tally()  # by plugin
        self.first_errors: dict[str, str] = {}  # what the first of them was, by plugin
        self.marked = Tally()  # by mark and what it says, as "noise: probe"
        self.evicted = Tally()  # by source, what a reader forgot to stay within its bounds

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle only the tallies that are not empty, which are few."""
        return _restore, ({name: value for name, value in vars(self).items() if value},)

    def note(self, what: str, name: str) -> None:
        """Count ``name`` in the tally ``what``, one of ``TALLIES``."""
        tally: Tally = getattr(self, what)
        tally.add(name)

    def note_time(self, row_time: int | None) -> None:
        """Keep the time of a row, in epoch milliseconds UTC, if it is the newest so far."""
        if row_time is not None and self.newest < row_time <= time.time() * 1000 + AHEAD_MS:
            self.newest = row_time

    def blame(self, plugin: str, where: str, error: object) -> None:
        """Count an error of a plugin, and keep the text of its first one."""
        self.plugin_errors.add(plugin)
        if len(self.first_errors) < NAMES_LIMIT:
            what = f"{type(error).__name__}: {error}" if isinstance(error, Exception) else str(error)
            self.first_errors.setdefault(plugin, f"{where}: {' '.join(what.split())[:ERROR_LIMIT]}")

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers for ``--json`` and metrics."""
        plain: dict[str, Any] = {"lines": self.lines, "header": self.header, "events": self.events}
        for name in self.TALLIES:
            plain[name] = dict(sorted(getattr(self, name).items()))
        return plain

    def merge(self, other: Counts) -> None:
        """Add the counts of another run, such as a worker process; they may still be growing in another
        thread.
        """
        self.lines += other.lines
        self.header += other.header
        self.events += other.events
        self.newest = max(self.newest, other.newest)
        for name in self.TALLIES:
            mine: Tally = getattr(self, name)
            for key, amount in dict(getattr(other, name)).items():
                mine.add(key, amount)
        self.first_errors = {**other.first_errors, **self.first_errors}

    def take(self) -> Counts:
        """Return the counts so far and start again from zero, in the same object."""
        taken = Counts()
        taken.merge(self)
        self.lines = self.header = self.events = self.newest = 0
        for name in self.TALLIES:
            getattr(self, name).clear()
        self.first_errors.clear()
        return taken


def _restore(counted: dict[str, Any]) -> Counts:
    counts = Counts()
    vars(counts).update(counted)
    return counts


class Ledger:
    """The sum of the counts of successive pipelines, as after a reload. Thread safe."""

    def __init__(self) -> None:
        self._parts: tuple[Counts, ...] = ()

    def follow(self, counts: Counts) -> None:
        """Add this pipeline's counts from now on, keeping those of the pipelines before."""
        self._parts = self.total(), counts  # in one assignment, because another thread may read it

    def total(self) -> Counts:
        """Return the sum of all counts."""
        total = Counts()
        for part in self._parts:
            total.merge(part)
        return total
