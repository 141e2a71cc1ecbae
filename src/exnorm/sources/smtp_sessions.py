"""What an SMTP session has established so far, for many sessions at once, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

LIMIT = 8192
"""How many sessions are remembered; a receive connector allows 5000 connections by default."""

MAX_AGE_MS = 3_600_000
"""How long a session may be silent, by the log's own time; connections time out after 10 minutes."""

LONGEST = 320
"""A longer text is not carried: it stands whole in its own row, and addresses are shorter."""


@dataclass(slots=True)
class Session:
    """The state of one session. Texts are empty while they are not known.

    ``certain`` says that ``direction`` is more than what the ports suggest. ``auth`` is where an AUTH
    exchange stands: ``""`` none, ``open`` after the command, ``challenged`` after a 334 (the client's
    next words are a secret), ``failed`` after a refusal.
    """

    last_seen: int = 0
    direction: str = ""
    certain: bool = False
    local: str = ""
    remote: str = ""
    greeting: str = ""
    ehlo: str = ""
    sender: str = ""
    sender_waits: bool = False
    user: str = ""
    claimed_user: str = ""
    auth: str = ""
    auth_type: str = ""
    tls_protocol: str = ""
    tls_cipher: str = ""
    spoken: bool = False


class Sessions:
    """Sessions by key; the one that was silent longest goes first, and is counted in ``evicted``."""

    def __init__(self, limit: int = LIMIT, max_age_ms: int = MAX_AGE_MS) -> None:
        self.evicted = 0
        self._limit = limit
        self._max_age = max_age_ms
        self._known: OrderedDict[tuple[str, str], Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def follow(self, key: tuple[str, str], now: int) -> Session:
        """The session of a key, a new one where none is remembered."""
        self._forget(now)
        session = self._known.get(key)
        if session is None:
            return self.open(key, now)
        self._known.move_to_end(key)
        session.last_seen = now
        return session

    def open(self, key: tuple[str, str], now: int) -> Session:
        """A new session; one that had the same key is over."""
        self._known.pop(key, None)
        while len(self._known) >= self._limit:
            self._evict()
        session = self._known[key] = Session(now)
        return session

    def close(self, key: tuple[str, str]) -> None:
        """The session has ended."""
        self._known.pop(key, None)

    def _forget(self, now: int) -> None:
        while self._known and now - next(iter(self._known.values())).last_seen > self._max_age:
            self._evict()

    def _evict(self) -> None:
        self._known.popitem(last=False)
        self.evicted += 1


def carry(text: str) -> str:
    """A text as it may be remembered."""
    return text if len(text) <= LONGEST else ""
