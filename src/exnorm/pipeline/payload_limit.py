"""Shorten payloads to a receiver's limit: leave out additional data first, then cut long texts.

The event's additional data lists the names of what was left out or cut, under ``exnormShortened``.
"""

from __future__ import annotations

from collections.abc import Callable

from exnorm.convert import cut_utf8
from exnorm.model import Event

MARK = "exnormShortened"
SHORTEST_TEXT = 64
"""Bytes; a text is not cut to less, but left out whole where even that is too long."""

_NAMED = 6  # names that the mark lists; more are counted


def shorten(event: Event, limit: int, encode: Callable[[Event], bytes]) -> tuple[bytes, list[str]]:
    """Return the payload of an event in at most ``limit`` bytes, and the names of what was left out or cut.

    Additional data goes first, the longest first; then texts are cut to ``SHORTEST_TEXT`` bytes, the longest
    first; finally whole fields go, except those of the format's header. If all this is not enough, the
    payload stays longer than the limit.
    """
    event = event.copy()
    payload = encode(event)
    shortened: dict[str, None] = {}
    for shorten_one in (_leave_out_additional, _cut_text, _leave_out_field):
        while len(payload) > limit:
            name = shorten_one(event, len(payload) - limit)
            if not name:
                break
            shortened[name] = None
            in_full = shorten_one is not _leave_out_field  # at last there is no room for names either
            event.additional[MARK] = _list(tuple(shortened), _NAMED if in_full else 0)
            payload = encode(event)
    return payload, list(shortened)


def _list(names: tuple[str, ...], most: int) -> str:
    if not most:
        return f"{len(names)} fields"
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def _leave_out_additional(event: Event, excess: int) -> str:
    names = [name for name in event.additional if name != MARK]
    longest = max(names, key=lambda name: len(event.additional[name]), default="")
    event.additional.pop(longest, None)
    return longest


def _cut_text(event: Event, excess: int) -> str:
    texts = [(len(v.encode("utf-8", "replace")), n) for n, v in event.fields.items() if isinstance(v, str)]
    size, name = max(texts, default=(0, ""))
    if size <= SHORTEST_TEXT:
        return ""
    event.fields[name] = cut_utf8(str(event.fields[name]), max(size - excess, SHORTEST_TEXT))
    return name


def _leave_out_field(event: Event, excess: int) -> str:
    """Leave out the largest field, with its label."""
    free = [
        f.name for f in event.taxonomy.fields if not f.header and f.type != "time" and f.name in event.fields
    ]
    name = max(free, key=lambda name: len(name) + len(str(event.fields[name])), default="")
    event.fields.pop(name, None)
    event.fields.pop(f"{name}Label", None)
    return name
