"""What SMTP sessions had established at each of their rows, for many sessions at once, in bounded memory.

A row's place in its session is its sequence number. What was known before number n is what number n - 1 left
behind: it is the same whenever the row is worked on, and however often. Where n - 1 is not remembered, only
what stays true for as long as a connection does is taken from a row before it, and nothing from one after.
"""

from __future__ import annotations

from collections import OrderedDict, deque

from exnorm.sources.smtp_dialog import Phase, State

LIMIT = 8192
"""How many sessions are remembered that have not ended; a receive connector allows 5000 by default."""

ROWS = 65_536
"""How many rows are remembered over all sessions, beside the newest one of each that has not ended."""

MAX_AGE_MS = 3_600_000
"""How long a session may be silent, by the log's own time; connections time out after 10 minutes."""

_UNKNOWN = State(Phase(auth="unknown"))
_FRESH = State()


Key = tuple[str, str]
"""A direction, where the log says one, and a session's id."""


class Session:
    """The rows of one session by their numbers: of each, what tells it from another, and what it left.

    ``newest`` is the highest number; ``spared`` is a row that stays only because it was the newest. Some logs
    repeat a number: such rows follow each other as they come, and ``repeated`` holds what was known before
    each but the first.
    """

    __slots__ = ("key", "last_seen", "marks", "newest", "repeated", "rows", "spared")

    def __init__(self, key: Key) -> None:
        self.key = key
        self.last_seen = 0
        self.newest = -1
        self.spared = -1
        self.marks: dict[int, int] = {}
        self.rows: dict[int, State] = {}
        self.repeated: dict[tuple[int, int], State] = {}

    def is_over(self, number: int, mark: int, now: int) -> bool:
        """Whether a connection that begins with this row is another one than this session's."""
        known = self.marks.get(number)
        if known is not None:
            return known != mark
        return self.newest > number and now > self.last_seen

    def forget(self, number: int) -> None:
        """A row is given up."""
        self.rows.pop(number, None)
        self.marks.pop(number, None)

    def before(self, number: int, mark: int) -> tuple[State, bool]:
        """What was known before a row, and whether rows are missing between it and what it follows."""
        known = self.marks.get(number)
        if known is not None and known != mark:
            return self.repeated.setdefault((number, mark), self.rows[number]), False
        state = self.rows.get(number - 1)
        if state is not None:
            return state, False
        if not self.rows:
            return (_FRESH if number <= 0 else _UNKNOWN), False
        if number > self.newest:
            return self.rows[self.newest].after_gap(), True
        return (_FRESH, False) if number <= 0 else (_UNKNOWN, True)


class Sessions:
    """Sessions by key; the one that was silent longest goes first, and is counted in ``evicted``."""

    def __init__(self, limit: int = LIMIT, rows: int = ROWS, max_age_ms: int = MAX_AGE_MS) -> None:
        self.evicted = 0
        self._limit = limit
        self._most_entries = 2 * rows
        self._max_age = max_age_ms
        self._newest = 0
        self._open: OrderedDict[Key, Session] = OrderedDict()
        self._ended: dict[Key, Session] = {}
        # A session and a number in turn: tuples of both would keep the garbage collector busy.
        self._order: deque[Session | int] = deque()

    def __len__(self) -> int:
        return len(self._open)

    def find(self, key: Key, number: int | None, now: int) -> tuple[Session, int]:
        """The session of a key, and the row's number in it: without one it is the next."""
        if now > self._newest:
            self._newest = now
            self._forget()
        session = self._open.get(key)
        if session is not None:
            self._open.move_to_end(key)
        else:
            session = self._ended.get(key)
            if session is None:
                # It is late, or its beginning is in a log before this one.
                self.evicted += bool(number) and now < self._newest
                session = self._add(key)
        return session, session.newest + 1 if number is None else number

    def restart(self, key: Key) -> Session:
        """Another session under the same key: nothing of the one before is its."""
        self._drop(key)
        return self._add(key)

    def keep(self, session: Session, number: int, mark: int, now: int, state: State) -> None:
        """Remember what a row left behind."""
        session.rows[number] = state
        session.last_seen = max(session.last_seen, now)
        if number in session.marks:
            return
        session.marks[number] = mark
        if number > session.newest:
            session.newest = number
            if session.spared >= 0:
                session.forget(session.spared)
                session.spared = -1
        order = self._order
        order.append(session)
        order.append(number)
        if len(order) > self._most_entries:
            self._forget_row()

    def end(self, key: Key) -> None:
        """The session has ended; its rows stay known while there is room: some may come late or again."""
        session = self._open.pop(key, None)
        if session is not None:
            self._ended[key] = session

    def _add(self, key: Key) -> Session:
        while len(self._open) >= self._limit:
            self._evict()
        session = self._open[key] = Session(key)
        return session

    def _drop(self, key: Key) -> None:
        for sessions in (self._open, self._ended):
            session = sessions.pop(key, None)
            if session is not None:
                session.rows.clear()
                session.marks.clear()
                session.repeated.clear()

    def _forget(self) -> None:
        while self._open:
            oldest = next(iter(self._open.values()))
            if self._newest - oldest.last_seen <= self._max_age:
                return
            self._evict()

    def _evict(self) -> None:
        self._drop(next(iter(self._open)))
        self.evicted += 1

    def _forget_row(self) -> None:
        """Give up the row that has been known longest, unless what its session does next needs it."""
        session, number = self._order.popleft(), self._order.popleft()
        assert isinstance(session, Session)
        assert isinstance(number, int)
        if number == session.newest and self._open.get(session.key) is session:
            session.spared = number
            return
        session.forget(number)
        if session.repeated:
            session.repeated.clear()
        if not session.rows and self._ended.get(session.key) is session:
            del self._ended[session.key]
