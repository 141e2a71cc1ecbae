"""What was counted while a pipeline ran: bounded, whatever the input names."""

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
    """Counts by name; past ``NAMES_LIMIT`` names, new ones are counted together as ``(other)``."""

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
    """Everything a pipeline counts.

    Each line is exactly one of ``header``, ``records`` or ``unparsed``; each record gives events
    (one, or one a recipient) or is ``dropped`` or ``filtered``.
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
        """What there is to tell another process: most tallies are empty."""
        return _restore, ({name: value for name, value in vars(self).items() if value},)

    def note(self, what: str, name: str) -> None:
        """Count ``what`` (one of ``TALLIES``) for ``name``."""
        tally: Tally = getattr(self, what)
        tally.add(name)

    def note_time(self, row_time: int | None) -> None:
        """Keep the time of a row where it is the newest so far."""
        if row_time is not None and self.newest < row_time <= time.time() * 1000 + AHEAD_MS:
            self.newest = row_time

    def blame(self, plugin: str, where: str, error: object) -> None:
        """Count an error of a plugin, and keep what its first one was."""
        self.plugin_errors.add(plugin)
        if len(self.first_errors) < NAMES_LIMIT:
            what = f"{type(error).__name__}: {error}" if isinstance(error, Exception) else str(error)
            self.first_errors.setdefault(plugin, f"{where}: {' '.join(what.split())[:ERROR_LIMIT]}")

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers for ``--json`` and metrics."""
        plain: dict[str, Any] = {"lines": self.lines, "header": self.header, "events": self.events}
        for name in self.TALLIES:
            plain[name] = dict(sorted(getattr(self, name).items()))
        return plain

    def merge(self, other: Counts) -> None:
        """Add the counts of another run, as of a worker process; it may still go on in another thread."""
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
        """What was counted so far; this begins anew, and whoever counts here goes on doing so."""
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
    """The counts of pipelines that took each other's place, as after a reload. Any thread may ask."""

    def __init__(self) -> None:
        self._parts: tuple[Counts, ...] = ()

    def follow(self, counts: Counts) -> None:
        """These are counted from now on; what was counted before stays counted."""
        self._parts = self.total(), counts  # at one stroke: somebody may ask meanwhile

    def total(self) -> Counts:
        """What all of them counted."""
        total = Counts()
        for part in self._parts:
            total.merge(part)
        return total
