"""Convert a JSON line to a JSON line without making Python objects of the normalized event.

For ordinary events only. The result equals that of the codec, ``EventNormalizer`` and ``merge`` byte for
byte; all other events are left to them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import msgspec

from exnorm.codecs.logstash_json import ADDITIONAL
from exnorm.model import Taxonomy
from exnorm.settings import Settings

AnyEvent = dict[str, Any]

# Anything this small is within all limits of the codec's own reader, such as 1000 levels.
LONGEST = 50_000
_MOST_BRACKETS = 100
_SHALLOW = 2000  # bytes, of which each level takes two
# A time that Logstash reads; the codec knows many more.
is_time = re.compile(
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?Z"
).fullmatch
_OPENING = b'{"@timestamp":"'
_STAMP_END = len(_OPENING) + len("2026-01-01T00:00:00.000Z")
_NO_EVENT: AnyEvent = {}
_TEXT = frozenset((str,))


class _FloatError(ValueError):
    """A number that the codec would write in another form."""


def _refuse_float(text: str) -> Any:
    raise _FloatError(text)


_decode = msgspec.json.Decoder(dict[str, Any], float_hook=_refuse_float).decode
encode = msgspec.json.Encoder().encode


def read_event(line: bytes) -> AnyEvent | None:
    """Return the event of a line, with a text as ``message``; ``None`` where the codec must read the line."""
    size = len(line)
    if size > _SHALLOW and (size > LONGEST or line.count(b"{") + line.count(b"[") > _MOST_BRACKETS):
        return None
    try:
        event = _decode(line)
    except (ValueError, RecursionError):  # of msgspec too; the codec says what it is
        return None
    if type(event.get("message")) is not str or "@metadata" in event:
        return None
    stamp = event.get("@timestamp")
    if stamp is None or type(stamp) is not str or is_time(stamp) is None:
        return None
    tags = event.get("tags", "")
    if type(tags) is not str and (type(tags) is not list or not _TEXT.issuperset(map(type, tags))):
        return None
    if "@version" not in event:
        event["@version"] = "1"
    return event


def find_names(taxonomy: Taxonomy, settings: Settings) -> frozenset[str]:
    """Return the names in payloads that an event may have too; empty where one of them would be changed."""
    names = {field.key if settings.fields == "key" else field.name for field in taxonomy.fields}
    names |= {ADDITIONAL, "exnorm_id", *(("event",) if settings.keep_original else ())}
    left = frozenset(names - {"message"})  # the event's goes
    return frozenset() if has_brackets(left) else left


@lru_cache(maxsize=256)
def has_brackets(names: tuple[str, ...] | frozenset[str]) -> bool:
    """Return whether Logstash would read one of the names as a reference."""
    return any("[" in name or "]" in name for name in names)


def stands_beside(event: AnyEvent, names: frozenset[str]) -> bool:
    """Return whether the pairs of a payload with these names can be added to the event's own unchanged."""
    host, outer = event.get("host"), event.get("event", _NO_EVENT)
    return bool(
        names and names.isdisjoint(event) and (host is None or type(host) is dict) and type(outer) is dict
    )


def is_bare(text: str) -> bool:
    """Return whether a message equals its ``event.original``."""
    return text[:1] != "\ufeff" and text[-1:] not in "\r\n"


def splice(event: AnyEvent, payload: bytes, names: frozenset[str]) -> bytes | None:
    """Return the line of the event with the payload in place of its message; this consumes the event.

    ``None`` where they must be merged.
    """
    if not stands_beside(event, names) or not payload.startswith(_OPENING):
        return None
    if payload[_STAMP_END : _STAMP_END + 2] != b'",':
        return None
    text = event["message"]
    if "event" in event and not is_bare(text):
        return None
    del event["message"]
    event["@timestamp"] = payload[len(_OPENING) : _STAMP_END].decode("ascii")
    try:
        return b"%b,%b\n" % (encode(event)[:-1], payload[_STAMP_END + 2 :])
    except (OverflowError, RecursionError):  # an integer beyond 64 bits, hundreds of levels
        event["message"] = text
        return None
