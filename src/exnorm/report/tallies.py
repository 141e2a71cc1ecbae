"""Counting in bounded memory: the most frequent of any number of names, and rows over any span of time."""

from __future__ import annotations

NAME_LIMIT = 200
MINUTE = 60_000
SLOTS_LIMIT = 4096


class TopTally:
    """The most frequent names, as Misra and Gries count them: each count is at most ``error`` too low.

    Up to twice ``keep`` names are counted exactly. After that the rarest are forgotten, and a name that
    made up more than one in ``keep`` of ``total`` is always there.
    """

    def __init__(self, keep: int = 1000) -> None:
        self.counts: dict[str, int] = {}
        self.error = 0
        self.total = 0
        self._keep = keep

    def add(self, name: str, amount: int = 1) -> None:
        """Count ``amount`` occurrences of ``name``, cut to 200 characters."""
        name = name[:NAME_LIMIT]
        self.total += amount
        self.counts[name] = self.counts.get(name, 0) + amount
        if len(self.counts) > 2 * self._keep:
            self._shrink()

    def merge(self, other: TopTally) -> None:
        """Add another tally; the errors add up too."""
        self.total += other.total
        self.error += other.error
        for name, amount in other.counts.items():
            self.counts[name] = self.counts.get(name, 0) + amount
        if len(self.counts) > 2 * self._keep:
            self._shrink()

    def top(self, number: int) -> list[tuple[str, int]]:
        """The most frequent names with their counts; of equals, the first by name."""
        return sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:number]

    def _shrink(self) -> None:
        """Take from every count what the first name that is not kept has."""
        cut = sorted(self.counts.values(), reverse=True)[self._keep]
        self.error += cut
        self.counts = {name: amount - cut for name, amount in self.counts.items() if amount > cut}


class TimeSlots:
    """Rows by slots of time: of a minute, twice as long each time there are more than ``SLOTS_LIMIT``."""

    def __init__(self) -> None:
        self.width = MINUTE  # milliseconds
        self.counts: dict[int, int] = {}

    def add(self, time: int, amount: int = 1) -> None:
        """Count rows of a time, epoch milliseconds."""
        slot = time // self.width
        self.counts[slot] = self.counts.get(slot, 0) + amount
        if len(self.counts) > SLOTS_LIMIT:
            while len(self.counts) > SLOTS_LIMIT // 2:
                self._widen()

    def merge(self, other: TimeSlots) -> None:
        """Add the slots of another, in the wider of both widths."""
        while self.width < other.width:
            self._widen()
        for slot, amount in other.counts.items():
            self.add(slot * other.width, amount)

    def starts(self) -> list[int]:
        """When the slots with rows begin, in order."""
        return [slot * self.width for slot in sorted(self.counts)]

    def gather(self, width: int) -> dict[int, int]:
        """Rows by the beginning of wider slots of ``width`` milliseconds."""
        found: dict[int, int] = {}
        for slot, amount in self.counts.items():
            start = slot * self.width // width * width
            found[start] = found.get(start, 0) + amount
        return found

    def _widen(self) -> None:
        self.width *= 2
        wider: dict[int, int] = {}
        for slot, amount in self.counts.items():
            wider[slot // 2] = wider.get(slot // 2, 0) + amount
        self.counts = wider
