"""What generated code looks up: texts of one origin or of several, with what the table makes of them.

It is found out once for each text and remembered, in bounded memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Union

from exnorm.convert import is_plain_ipv4, utc_ms
from exnorm.mapping import CompiledRow
from exnorm.model import Event, Record
from exnorm.native import ForIPv4

CACHED = 8192
"""Distinct texts of one look-up that are remembered; past it, all are forgotten."""

_KEY_LONGEST = 256  # characters of what is looked up and remembered


class Found(NamedTuple):
    """What the table makes of the texts that were looked up."""

    record: Record
    event: Event


Make = Callable[[Found], "str | None"]
"""One part of the code's input from what was found; ``None`` where a row with it goes the long way."""

Key = Union[str, "tuple[str, ...]"]
"""What is looked up: the text of a cell, or of several."""

FindKey = Callable[[Key], "tuple[str, ...] | None"]


@dataclass
class Cache:
    """Origins whose texts are looked up together, the rows that depend on them alone, what the code needs."""

    origins: tuple[str, ...]
    rows: list[CompiledRow] = field(default_factory=list)
    slots: dict[str, Make] = field(default_factory=dict)
    carried: set[str] = field(default_factory=set)  # columns of which it is asked whether they were used


def remember(known: dict[Any, Any], find: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """``find`` for what is not known yet; what it finds is known from then on, in bounded memory."""

    def found(key: Any) -> Any:
        value = find(key)
        if value is not None and _measure(key) <= _KEY_LONGEST:
            if len(known) >= CACHED:
                known.clear()
            known[key] = value
        return value

    return found


def _measure(key: Key | int) -> int:
    """How many characters are looked up."""
    if isinstance(key, int):
        return 0
    return len(key) if isinstance(key, str) else sum(map(len, key))


def with_ipv4(find: FindKey, for_ipv4: ForIPv4 | None) -> FindKey:
    """``find``, with what is known of every IPv4 address instead of asking the table."""
    if for_ipv4 is None:
        return find
    around = tuple(zip(*for_ipv4))

    def found(key: Key) -> tuple[str, ...] | None:
        cell, *others = (key,) if isinstance(key, str) else key
        if any(others) or not is_plain_ipv4(cell):
            return find(key)
        return tuple([before if after is None else f"{before}{cell}{after}" for before, after in around])

    return found


def read_second(start: str) -> str | None:
    """The epoch second of a time up to its seconds; ``None`` where there is none, or it is not after 1970."""
    milliseconds = utc_ms(f"{start}Z")
    return None if milliseconds is None or milliseconds <= 0 else str(milliseconds // 1000)


def read_fraction(end: str) -> str | None:
    """The three digits of milliseconds in the rest of a time; ``None`` where it ends otherwise."""
    milliseconds = utc_ms(f"2000-01-01T00:00:00{end}")
    return None if milliseconds is None else f"{milliseconds % 1000:03}"
