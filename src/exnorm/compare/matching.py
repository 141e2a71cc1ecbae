"""Match our events with theirs: by time, event and message id, then by what else agrees.

Both sides come roughly in order of time. Events close in time are held in memory: a pair is decided once both
sides are a minute past it. An event without a partner then waits among at most ``MOST_WAITING`` others of its
side, where the same event of the same message matches at any time. So a small capture may be in any order,
and a clock may be wrong. An event that has to leave is single.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field

from exnorm.compare.captures import Seen
from exnorm.model import Event

DISORDER_MS = 60_000
"""How far a line of either side may be behind those before it."""
BATCH = 4000
MOST_WAITING = 10_000
SURE = 0.6
"""Share of what two events have in common, by how rare it is, from which they are one without an id."""
LIKELY = 0.3
"""The same for events that have no id, where time and event agree."""
_SAMPLE = 1000
_QUARTER = 15 * 60 * 1000
_MOST_PAIRS = 40_000
_SHORTEST = 3  # characters; a shorter text says nothing
_OURS, _THEIRS = 0, 1


@dataclass(slots=True, eq=False)
class Candidate:
    """One event of either side; ``id`` is its message's or session's, simplified, where it has one.

    ``event`` is ours before it was written, ``texts`` are all texts of the event, simplified.
    """

    seen: Seen
    event: Event | None = None
    id: str = ""
    time: int | None = None
    texts: frozenset[str] = frozenset()


def plain(text: str) -> str:
    """Return a text in the form compared while matching: ignoring case and angle brackets."""
    return text.strip("<> ").casefold()


def make_candidate(seen: Seen, event: Event | None = None, id: str = "") -> Candidate:
    """Return an event ready to be matched."""
    told = (*seen.fields.values(), *seen.evidence)
    texts = frozenset(plain(text) for text in told if len(text) >= _SHORTEST)
    return Candidate(seen, event, plain(id), seen.time, texts)


Pairs = tuple[list[Candidate], list[Candidate]]
Key = Callable[[Candidate], Hashable]


@dataclass
class Matcher:
    """Matches two streams of events and passes the results to its three functions.

    ``single_theirs`` is also told whether that event of that message has a partner already. ``offset`` is by
    how many milliseconds their times are ahead of ours throughout; ``pushed_out`` counts events that became
    single because too many waited, ``disorder`` those that came later than expected.
    """

    pair: Callable[[Candidate, Candidate], object]
    single_ours: Callable[[Candidate], object]
    single_theirs: Callable[[Candidate, bool], object]
    offset: int = 0
    pushed_out: int = 0
    disorder: int = 0
    _near: Pairs = field(default_factory=lambda: ([], []))
    _waiting: Pairs = field(default_factory=lambda: ([], []))
    _newest: list[int] = field(default_factory=lambda: [0, 0])
    _taken: list[int] = field(default_factory=lambda: [0, 0])
    _done: OrderedDict[tuple[str, str], None] = field(default_factory=OrderedDict)

    def run(self, ours: Iterable[Candidate], theirs: Iterable[Candidate]) -> None:
        """Match all events."""
        streams = iter(ours), iter(theirs)
        is_open = [True, True]

        def take(side: int) -> None:
            one = next(streams[side], None)
            if one is None:
                is_open[side] = False
            else:
                self._take(one, side)

        for side in (_OURS, _THEIRS):
            while is_open[side] and self._taken[side] < _SAMPLE:
                take(side)
        self._find_offset()
        since = 0
        while any(is_open):
            take(self._choose_side(is_open))
            since += 1
            if since >= BATCH:
                since = 0
                self._settle(min(at for at, more in zip(self._newest, is_open) if more) - DISORDER_MS)
        self._settle(None)
        self._match_waiting()
        self._push_out(0)

    def _choose_side(self, is_open: list[bool]) -> int:
        """Return the side that is behind in time, or in number where one has no times."""
        if not all(is_open):
            return _OURS if is_open[_OURS] else _THEIRS
        behind = self._newest if all(self._newest) else self._taken
        return _OURS if behind[_OURS] <= behind[_THEIRS] else _THEIRS

    def _take(self, one: Candidate, side: int) -> None:
        self._taken[side] += 1
        if one.time is None:
            self._waiting[side].append(one)
            return
        if side == _THEIRS:
            one.time -= self.offset
        self.disorder += one.time < self._newest[side] - DISORDER_MS
        self._newest[side] = max(self._newest[side], one.time)
        self._near[side].append(one)

    def _find_offset(self) -> None:
        """Find a clock error of hours, which is in every line, by equal events of equal messages."""
        times: dict[tuple[str, str], list[int]] = {}
        for one in self._near[_OURS]:
            if one.id and one.time is not None:
                times.setdefault((one.seen.event, one.id), []).append(one.time)
        apart: Counter[int] = Counter()
        for other in self._near[_THEIRS]:
            assert other.time is not None
            keys = [(other.seen.event, text) for text in other.texts]
            near = [other.time - time for key in keys for time in times.get(key, ())]
            if near:
                apart[_round(min(near, key=abs))] += 1
        common = apart.most_common(1)
        if not common or common[0][0] == 0 or common[0][1] * 2 <= sum(apart.values()):
            return
        self.offset = common[0][0]
        for other in self._near[_THEIRS]:
            assert other.time is not None
            other.time -= self.offset
        self._newest[_THEIRS] -= self.offset

    def _settle(self, horizon: int | None) -> None:
        """Decide on the events before ``horizon`` (``None``: all); the rest waits."""
        due: Pairs = ([], [])
        for side in (_OURS, _THEIRS):
            later: list[Candidate] = []
            for one in self._near[side]:
                is_due = horizon is None or (one.time is not None and one.time <= horizon)
                (due[side] if is_due else later).append(one)
            self._near[side][:] = later
        ours = [*self._waiting[_OURS], *due[_OURS]]
        theirs = [*self._waiting[_THEIRS], *due[_THEIRS]]
        ours, theirs = self._match(ours, theirs, _exactly)
        ours, theirs = self._match(ours, theirs, _to_the_second)
        ours, theirs = self._match(ours, theirs, _whatever_event, needs_id=True)
        self._waiting[_OURS][:], self._waiting[_THEIRS][:] = ours, theirs
        if max(len(ours), len(theirs)) > MOST_WAITING:
            self._match_waiting()
            self._push_out(MOST_WAITING // 2)

    def _match_waiting(self) -> None:
        """Match by id at any time, then by time with any id."""
        ours, theirs = self._waiting
        known = {(one.seen.event, one.id) for one in ours if one.id}

        def by_id(one: Candidate) -> Hashable:
            if one.event is not None:
                return (one.seen.event, one.id) if one.id else None
            return next((key for text in one.texts if (key := (one.seen.event, text)) in known), None)

        left, right = self._match(ours, theirs, by_id, needs_id=True)
        left, right = self._match(left, right, _to_the_second, least=SURE)
        ours[:], theirs[:] = self._match(left, right, _at_the_second, least=SURE)

    def _match(
        self,
        ours: list[Candidate],
        theirs: list[Candidate],
        key: Key,
        *,
        needs_id: bool = False,
        least: float = 0.0,
    ) -> Pairs:
        """Pair events with the same key that agree; return the rest of either side.

        Ours with an id need one of theirs that contains it, unless ``least`` requires that much agreement
        instead; ours without an id are left alone where ``needs_id``.
        """
        groups: dict[Hashable, Pairs] = {}
        for one in ours:
            name = key(one)
            if name is not None and (one.id or not needs_id):
                groups.setdefault(name, ([], []))[_OURS].append(one)
        for other in theirs:
            name = key(other)
            if name is not None and name in groups:
                groups[name][_THEIRS].append(other)
        weights = Counter(text for one in ours for text in one.texts) if groups else Counter()
        taken: set[int] = set()
        for left, right in groups.values():
            for one, other in _choose_pairs(left, right, weights, least):
                taken.update((id(one), id(other)))
                self._tell(one, other)
        return (
            [one for one in ours if id(one) not in taken],
            [other for other in theirs if id(other) not in taken],
        )

    def _tell(self, one: Candidate, other: Candidate) -> None:
        if one.id:
            self._done[one.seen.event, one.id] = None
            if len(self._done) > MOST_WAITING:
                self._done.popitem(last=False)
        self.pair(one, other)

    def _push_out(self, most: int) -> None:
        """Make the oldest waiting events single until at most ``most`` are left."""
        for side, waiting in enumerate(self._waiting):
            out = waiting[: max(len(waiting) - most, 0)]
            del waiting[: len(out)]
            self.pushed_out += len(out) if most else 0
            for one in out:
                if side == _OURS:
                    self.single_ours(one)
                else:
                    again = any((one.seen.event, text) in self._done for text in one.texts)
                    self.single_theirs(one, again)


def _choose_pairs(
    left: list[Candidate], right: list[Candidate], weights: Counter[str], least: float
) -> list[tuple[Candidate, Candidate]]:
    """Return the pairs of one group, those that agree most first; of equal ones, those closest in time."""
    scored: list[tuple[float, int, int, int]] = []
    for number, one in enumerate(left):
        for place, other in enumerate(right):
            holds_id = bool(one.id) and one.id in other.texts
            if one.id and not (holds_id or least):
                continue
            common, share = 1.0, 1.0
            if least or not holds_id or len(left) + len(right) > 2:
                common, share = _agree(one, other, weights)
            if holds_id or share >= (least or LIKELY):
                scored.append((-common, abs((one.time or 0) - (other.time or 0)), number, place))
        if len(scored) > _MOST_PAIRS:
            break
    pairs: list[tuple[Candidate, Candidate]] = []
    taken: set[int] = set()
    for _, _, number, place in sorted(scored):
        one, other = left[number], right[place]
        if taken.isdisjoint((id(one), id(other))):
            taken.update((id(one), id(other)))
            pairs.append((one, other))
    return pairs


def _round(apart: int) -> int:
    """Return milliseconds rounded to the quarter of an hour by which zones differ; 0 for any other
    difference.
    """
    quarters = round(apart / _QUARTER)
    return quarters * _QUARTER if abs(apart - quarters * _QUARTER) < 1000 else 0


def _exactly(one: Candidate) -> Hashable:
    return None if one.time is None else (one.time, one.seen.event)


def _to_the_second(one: Candidate) -> Hashable:
    return None if one.time is None else (one.time // 1000, one.seen.event)


def _at_the_second(one: Candidate) -> Hashable:
    return None if one.time is None else one.time // 1000


def _whatever_event(one: Candidate) -> Hashable:
    return one.time


def _agree(one: Candidate, other: Candidate, weights: Counter[str]) -> tuple[float, float]:
    """Return how many of our texts theirs has, rare texts counting more, and the share of those that agree.

    The share is that of fields that both have, and of texts that agree wherever they are.
    """
    common = total = 0.0
    for name, text in one.seen.fields.items():
        if len(text) < _SHORTEST:
            continue
        known = plain(text)
        weight = 1 / max(weights[known], 1)
        if known in other.texts:
            common += weight
            total += weight
        elif name in other.seen.fields:
            total += weight
    return common, common / total if total else 0.0
