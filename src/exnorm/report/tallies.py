"""Count in bounded memory: the most frequent of any number of names, and rows over any span of time."""

from __future__ import annotations

from hashlib import blake2b

NAME_LIMIT = 200
MINUTE = 60_000
SLOTS_LIMIT = 4096


class TopTally:
    """The most frequent names by the Misra-Gries algorithm: each count is at most ``error`` too low.

    Up to twice ``keep`` names are counted exactly. After that the rarest are dropped; a name that makes up
    more than one in ``keep`` of ``total`` is never dropped.
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
        """Return the most frequent names with their counts, equal counts by name."""
        return sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:number]

    def _shrink(self) -> None:
        """Subtract from every count that of the first name not kept, and drop the names that reach zero."""
        cut = sorted(self.counts.values(), reverse=True)[self._keep]
        self.error += cut
        self.counts = {name: amount - cut for name, amount in self.counts.items() if amount > cut}


class DistinctCount:
    """How many different names there were: exactly up to ``KEPT``, beyond that to within some percent.

    The smallest of the names' digests are kept: the closer together they lie, the more names there are.
    """

    KEPT = 1024

    def __init__(self) -> None:
        self._smallest: set[int] = set()
        self._largest = 0  # of those that are kept, once there are enough

    def add(self, name: str) -> None:
        """Know a name."""
        digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        self._take(int.from_bytes(digest, "big"))

    def _take(self, digest: int) -> None:
        if self._largest and digest >= self._largest:
            return
        self._smallest.add(digest)
        if len(self._smallest) > 2 * self.KEPT:
            self._shrink()

    def _shrink(self) -> None:
        self._smallest = set(sorted(self._smallest)[: self.KEPT])
        self._largest = max(self._smallest)

    def merge(self, other: DistinctCount) -> None:
        """Add the names of another count."""
        for digest in other._smallest:
            self._take(digest)
        if other._largest:  # beyond it, names are missing
            self._shrink()

    @property
    def number(self) -> int:
        """About how many names there were."""
        if not self._largest:
            return len(self._smallest)
        last = sorted(self._smallest)[self.KEPT - 1]
        return round((self.KEPT - 1) / ((last + 1) / 2**64))


class TimeSlots:
    """Rows by slots of time: a minute wide, and twice as wide each time there are more than
    ``SLOTS_LIMIT``.
    """

    def __init__(self) -> None:
        self.width = MINUTE  # milliseconds
        self.counts: dict[int, int] = {}
        self.firsts: dict[int, int] = {}  # the earliest time in each slot
        self.lasts: dict[int, int] = {}

    def add(self, time: int) -> None:
        """Count a row at ``time``, in epoch milliseconds UTC."""
        self._put(time // self.width, 1, time, time)
        self._bound()

    def merge(self, other: TimeSlots) -> None:
        """Add the slots of another, at the larger of both widths."""
        while self.width < other.width:
            self._widen()
        for slot, amount in other.counts.items():
            first, last = other.firsts[slot], other.lasts[slot]
            self._put(slot * other.width // self.width, amount, first, last)
            self._bound()

    def starts(self) -> list[int]:
        """Return when the slots with rows begin, in order."""
        return [slot * self.width for slot in sorted(self.counts)]

    def gather(self, width: int) -> dict[int, int]:
        """Return rows by the start of wider slots of ``width`` milliseconds."""
        found: dict[int, int] = {}
        for slot, amount in self.counts.items():
            start = slot * self.width // width * width
            found[start] = found.get(start, 0) + amount
        return found

    def _put(self, slot: int, amount: int, first: int, last: int) -> None:
        if slot not in self.counts:
            self.counts[slot], self.firsts[slot], self.lasts[slot] = amount, first, last
            return
        self.counts[slot] += amount
        self.firsts[slot] = min(self.firsts[slot], first)
        self.lasts[slot] = max(self.lasts[slot], last)

    def _bound(self) -> None:
        if len(self.counts) > SLOTS_LIMIT:
            while len(self.counts) > SLOTS_LIMIT // 2:
                self._widen()

    def _widen(self) -> None:
        self.width *= 2
        counts, firsts, lasts = self.counts, self.firsts, self.lasts
        self.counts, self.firsts, self.lasts = {}, {}, {}
        for slot, amount in counts.items():
            self._put(slot // 2, amount, firsts[slot], lasts[slot])
