"""Rows of message tracking in a file until all of them are there: SQLite, in flat memory.

Rows are put down as they come, by the key of their message; which keys are one message is asked when all
rows are there, by the same rule as ``journey.joining``. Memory does not grow with the number of rows, only,
by some hundred bytes each, with the number of keys that are joined with another one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import msgspec

from exnorm.convert import members
from exnorm.journey.joining import MESSAGE, Groups, choose_answer, find_asks, name_internal
from exnorm.journey.steps import Step

MOST_ROWS = 50_000
"""Rows of one message that are told together; one that has more is told in parts."""
_WAITING = 4096
_CACHE_KIB = 64 * 1024
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Step).decode

_TABLES = """
    CREATE TABLE rows (key TEXT NOT NULL, message TEXT, internal TEXT, time INTEGER, step BLOB NOT NULL);
    CREATE TABLE asks (key TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (name, key)) WITHOUT ROWID;
    CREATE TABLE notices (name TEXT NOT NULL, notice TEXT NOT NULL, PRIMARY KEY (name, notice)) WITHOUT ROWID;
"""
# Who goes by a name that is asked for: how many with a network message id, how many others, and two of each.
_ANSWERS = """
    CREATE TEMP TABLE answers AS
    SELECT name,
           sum(key GLOB 'n:*'), min(iif(key GLOB 'n:*', key, NULL)), max(iif(key GLOB 'n:*', key, NULL)),
           sum(NOT key GLOB 'n:*'), min(iif(key GLOB 'n:*', NULL, key)), max(iif(key GLOB 'n:*', NULL, key))
    FROM (
        SELECT DISTINCT internal AS name, key FROM rows WHERE internal IN (SELECT name FROM asks)
        UNION SELECT DISTINCT message, key FROM rows WHERE message IN (SELECT name FROM asks)
    ) GROUP BY name
"""
_FIRSTS = (
    "CREATE TABLE firsts (key TEXT PRIMARY KEY, root TEXT NOT NULL, first INTEGER NOT NULL) WITHOUT ROWID",
    "INSERT INTO firsts SELECT key, key, min(time) FROM rows GROUP BY key",
)
_FIRST_OF = "SELECT first FROM firsts WHERE key = ?"
_NOTICES_OF = "SELECT notice FROM notices WHERE name = ? LIMIT 16"
_IN_ORDER = """
    SELECT f.root, r.step FROM rows r JOIN firsts f ON f.key = r.key ORDER BY f.first, f.root, r.time
"""


class RowStore:
    """Rows by message, in a file that is there for one run; ``close`` leaves it to the caller to remove."""

    def __init__(self, path: str) -> None:
        self.number = 0
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        run = self._connection.execute
        run("PRAGMA journal_mode = OFF")  # who is killed begins anew
        run("PRAGMA synchronous = OFF")
        run("PRAGMA temp_store = FILE")
        run(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._connection.executescript(_TABLES)
        self._connection.execute("BEGIN")
        self._rows: list[tuple[str, str | None, str | None, int, bytes]] = []
        self._asks: set[tuple[str, str]] = set()
        self._notices: set[tuple[str, str]] = set()

    def add(self, step: Step, key: str) -> None:
        """Put down a row of the message that ``find_key`` names."""
        message = MESSAGE + step.message if step.message else None
        self._rows.append((key, message, name_internal(step) or None, step.time, _pack(step)))
        self.number += 1
        if step.reference or not step.network:
            self._asks.update((key, name) for name in find_asks(step))
            if step.event == "DSN" and step.message:
                self._notices.update(
                    (MESSAGE + name.strip(), step.message) for name in members(step.reference)
                )
        if len(self._rows) >= _WAITING:
            self._flush()

    def _flush(self) -> None:
        write = self._connection.executemany
        write("INSERT INTO rows VALUES (?, ?, ?, ?, ?)", self._rows)
        write("INSERT OR IGNORE INTO asks VALUES (?, ?)", self._asks)
        write("INSERT OR IGNORE INTO notices VALUES (?, ?)", self._notices)
        self._rows.clear()
        self._asks.clear()
        self._notices.clear()

    def messages(self) -> Iterator[tuple[list[Step], list[str]]]:
        """The rows of each message, in order of their first rows, and message ids of notices about it."""
        self._flush()
        run = self._connection.execute
        run(_ANSWERS)
        run("CREATE UNIQUE INDEX temp.by_name ON answers (name)")
        for statement in _FIRSTS:
            run(statement)
        self._note_groups(self._join())
        run("COMMIT")
        has_notices = run("SELECT 1 FROM notices LIMIT 1").fetchone() is not None
        for steps in _cut(run(_IN_ORDER)):
            yield steps, self._find_notices(steps) if has_notices else []

    def _join(self) -> Groups:
        groups = Groups()
        find = self._connection.cursor().execute
        for key, name in self._connection.execute("SELECT key, name FROM asks"):
            row = find("SELECT * FROM answers WHERE name = ?", (name,)).fetchone()
            answer = "" if row is None else _choose(key, *row)
            if answer:
                groups.join(key, answer)
        return groups

    def _note_groups(self, groups: Groups) -> None:
        """Give all keys of a group one root, and the time of the first row of any of them."""
        keys: dict[str, list[str]] = {}
        for key in groups.joined:
            keys.setdefault(groups.find(key), []).append(key)
        run = self._connection.execute
        for root, others in keys.items():
            found = [run(_FIRST_OF, (key,)).fetchone() for key in (root, *others)]
            first = min(row[0] for row in found if row is not None)
            for key in (root, *others):
                run("UPDATE firsts SET root = ?, first = ? WHERE key = ?", (root, first, key))

    def _find_notices(self, steps: Iterable[Step]) -> list[str]:
        names = {MESSAGE + step.message for step in steps if step.message}
        find = self._connection.cursor().execute
        rows = chain.from_iterable(find(_NOTICES_OF, (name,)).fetchall() for name in sorted(names))
        return [notice for (notice,) in rows]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _choose(key: str, name: str, *counted: Any) -> str:
    """``choose_answer`` from what was counted; more than two candidates are never one and the asker."""
    certain, certain_first, certain_last, others, other_first, other_last = counted
    if certain > 2 or (not certain and others > 2):
        return ""
    return choose_answer(key, name, (certain_first, certain_last) if certain else (other_first, other_last))


def _pack(step: Step) -> bytes:
    try:
        return _encode(step)
    except UnicodeEncodeError:  # half a character, out of an export
        return _encode([v.encode("utf-8", "replace").decode() if isinstance(v, str) else v for v in step])


def _cut(rows: Iterable[tuple[str, bytes]]) -> Iterator[list[Step]]:
    """Rows that come message by message as lists, of which none is longer than ``MOST_ROWS``."""
    steps: list[Step] = []
    root = ""
    for of, packed in rows:
        if steps and (of != root or len(steps) >= MOST_ROWS):
            yield steps
            steps = []
        root = of
        steps.append(_decode(packed))
    if steps:
        yield steps
