"""Remember the state of SMTP sessions at each of their rows, for many sessions at once, in bounded memory.

A row's position in its session is its sequence number. The state before row n is the state after row n - 1:
it is the same whenever, and however often, the row is read. Where row n - 1 is not remembered, only the facts
that hold for a whole connection are taken from an earlier row, and nothing from a later one.
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
    """The rows of one session by number: a hash of each row, and the state after it.

    ``newest`` is the highest number; ``spared`` is a row kept only because it was the newest. Some logs
    repeat a number: such rows are read in the order they come, and ``repeated`` holds the state before each
    but the first.
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
        """Return whether a connection that begins with this row is a new one."""
        known = self.marks.get(number)
        if known is not None:
            return known != mark
        return self.newest > number and now > self.last_seen

    def forget(self, number: int) -> None:
        """Drop a row."""
        self.rows.pop(number, None)
        self.marks.pop(number, None)

    def before(self, number: int, mark: int) -> tuple[State, bool]:
        """Return the state before a row, and whether rows are missing directly before it."""
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
    """Sessions by key; the one silent longest is dropped first, and counted in ``evicted``."""

    def __init__(self, limit: int = LIMIT, rows: int = ROWS, max_age_ms: int = MAX_AGE_MS) -> None:
        self.evicted = 0
        self._limit = limit
        self._most_entries = 2 * rows
        self._max_age = max_age_ms
        self._newest = 0
        self._open: OrderedDict[Key, Session] = OrderedDict()
        self._ended: dict[Key, Session] = {}
        # Sessions and numbers alternate, because tuples of both would keep the garbage collector busy.
        self._order: deque[Session | int] = deque()

    def __len__(self) -> int:
        return len(self._open)

    def find(self, key: Key, number: int | None, now: int) -> tuple[Session, int]:
        """Return the session of a key, and the row's number in it; a row without a number is the next one."""
        if now > self._newest:
            self._newest = now
            self._forget()
        session = self._open.get(key)
        if session is not None:
            self._open.move_to_end(key)
        else:
            session = self._ended.get(key)
            if session is None:
                # The row is late, or its session began in an earlier log.
                self.evicted += bool(number) and now < self._newest
                session = self._add(key)
        return session, session.newest + 1 if number is None else number

    def restart(self, key: Key) -> Session:
        """Start another session under the same key, without the state of the one before."""
        self._drop(key)
        return self._add(key)

    def keep(self, session: Session, number: int, mark: int, now: int, state: State) -> None:
        """Remember the state after a row."""
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
        """End a session; its rows stay known while there is room, because some may come late or again."""
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
        """Drop the row that has been known longest, unless the next row of its session needs it."""
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
