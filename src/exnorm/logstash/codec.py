"""Logstash's codecs ``json`` and ``json_lines``, unchanged: bytes in, events out, and back.

Everything here behaves as a real Logstash does, oddities included; exnorm's additions are in
``exnorm.logstash`` and ``normalize``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import Any

from exnorm.errors import SettingsError, quote, suggest
from exnorm.logstash.charsets import read_text
from exnorm.logstash.json_text import JSONText, has_surrogates, keep_valid, read_first, write
from exnorm.logstash.timestamps import normalize_timestamp, now
from exnorm.text.encodings import UTF_8, find_charset

AnyEvent = dict[str, Any]

METADATA = "@metadata"
TIMESTAMP = "@timestamp"
VERSION = "@version"
JSON_FAILURE = "_jsonparsefailure"

FRAMINGS = ("lines", "whole")
ECS_MODES = ("disabled", "v1", "v8")
SIZE_LIMIT = 512 * 1024 * 1024
_PIECE_BYTES = 1024 * 1024
_LINES_BYTES = 256 * 1024  # of lines taken at once, beside the buffer they are in

# Java's white space: a text of nothing else is no event.
_BLANK = re.compile("[\t-\r\x1c- \u1680\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000]*")


# --- options -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Options:
    """The options of one codec, checked."""

    framing: str = "lines"
    charset: str = UTF_8
    delimiter: bytes = b"\n"
    target: tuple[str, ...] | None = None
    size_limit: int = SIZE_LIMIT
    ecs: str = "v8"


_OPTIONS = {
    "lines": ("charset", "delimiter", "target", "decode_size_limit_bytes", "ecs_compatibility"),
    "whole": ("charset", "target", "ecs_compatibility"),
}


def read_options(framing: str, given: Mapping[str, Any]) -> Options:
    """Return options by Logstash's names. Raises ``SettingsError`` with the nearest right name."""
    if framing not in FRAMINGS:
        raise SettingsError(f"framing: got {quote(framing)}{suggest(str(framing), FRAMINGS)}")
    for name in given:
        if name not in _OPTIONS[framing]:
            raise SettingsError(
                f"unknown option {quote(name)} of framing {framing}{suggest(name, _OPTIONS[framing])}"
            )
    values = {name: value for name, value in given.items() if value is not None}
    ecs = values.get("ecs_compatibility", "v8")
    if ecs not in ECS_MODES:
        raise SettingsError(f"ecs_compatibility: got {quote(ecs)}{suggest(str(ecs), ECS_MODES)}")
    return Options(
        framing=framing,
        charset=find_charset(_text("charset", values.get("charset", "UTF-8"))),
        delimiter=_delimiter(values.get("delimiter", "\n")),
        target=None if "target" not in values else read_reference(_text("target", values["target"])),
        size_limit=_size(values.get("decode_size_limit_bytes", SIZE_LIMIT)),
        ecs=ecs,
    )


def read_reference(text: str) -> tuple[str, ...]:
    """Return the names on the path ``[a][b]`` or ``a`` to a field. Raises ``SettingsError``."""
    if "[" not in text and "]" not in text:
        return (text,)
    names: list[str] = []
    depth = begin = 0
    fits = True
    for at, sign in enumerate(text):
        if sign == "[":
            fits = fits and begin == at
            depth, begin = depth + 1, at + 1
        elif sign == "]":
            fits = fits and depth > 0 and (begin < at or text[at - 1] == "]")
            names += [text[begin:at]] if begin < at else []
            depth, begin = depth - 1, at + 1
        elif at and text[at - 1] == "]":
            fits = False
    if not fits or depth or not names:
        raise SettingsError(f"target: got {quote(text)}; expected a field such as [document] or [a][b]")
    return tuple(names)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise SettingsError(f"{name}: got {quote(value)}; expected text")
    return value


def _delimiter(value: Any) -> bytes:
    text = value.decode(UTF_8, "surrogateescape") if isinstance(value, bytes) else _text("delimiter", value)
    if not text:
        raise SettingsError("delimiter: got ''; expected at least one character")
    return text.encode(UTF_8, "surrogateescape")


def _size(value: Any) -> int:
    number = int(value) if isinstance(value, str) and value.isdecimal() and value.isascii() else value
    if isinstance(number, bool) or not isinstance(number, int) or number <= 0:
        raise SettingsError(
            f"decode_size_limit_bytes: got {quote(value)}; expected a number of bytes, at least 1"
        )
    return number


# --- lines ---------------------------------------------------------------------------------------


class Frames:
    """Cuts a stream at a literal delimiter, in bounded memory.

    ``take`` returns one line after the other, ``None`` where there is no whole one. A line beyond the limit
    is returned as ``TOO_LONG`` once its end has come.
    """

    TOO_LONG = object()

    def __init__(self, delimiter: bytes, limit: int) -> None:
        self._delimiter = delimiter
        self._limit = limit
        self._buffer = bytearray()
        self._at = 0
        self._pending = 0  # bytes after the last delimiter
        self._dropped = False  # whether some of them were thrown away

    def append(self, block: bytes) -> None:
        """Add a block of the stream; the excess of a line beyond the limit is discarded."""
        for at in range(0, len(block), _PIECE_BYTES):
            self._append_piece(block[at : at + _PIECE_BYTES] if len(block) > _PIECE_BYTES else block)

    def _append_piece(self, block: bytes) -> None:
        last = block.rfind(self._delimiter)
        if last < 0 and self._pending > self._limit:
            self._dropped = True
            begun = len(self._delimiter) - 1  # the delimiter may have begun in what is thrown away
            if begun:
                self._buffer[-begun:] = (self._buffer[-begun:] + block)[-begun:]
            return
        if last < 0:
            self._pending += len(block)
        else:
            self._pending = len(block) - last - len(self._delimiter)
            self._dropped = False  # the line is too long as it is
        self._buffer += block

    def take(self) -> bytes | object | None:
        """Return the next line."""
        end = self._buffer.find(self._delimiter, self._at)
        if end < 0:
            del self._buffer[: self._at]
            self._at = 0
            return None
        begin, self._at = self._at, end + len(self._delimiter)
        if end - begin > self._limit:
            return self.TOO_LONG
        with memoryview(self._buffer) as view:
            line = bytes(view[begin:end])
        if self._at == len(self._buffer):  # a long line is not held twice while it is read
            self._buffer.clear()
            self._at = 0
        return line

    def take_lines(self) -> bytes:
        """Return the next whole lines at once, each with its delimiter; empty where they must be taken one by
        one.
        """
        if len(self._delimiter) > 1 or self._pending >= len(self._buffer) - self._at:
            return b""
        end = self._buffer.rfind(self._delimiter, self._at, self._at + _LINES_BYTES) + 1
        if not end:
            return b""
        with memoryview(self._buffer) as view:
            lines = bytes(view[self._at : end])
        if end - self._at > self._limit and max(map(len, lines.split(self._delimiter))) > self._limit:
            return b""
        del self._buffer[:end]
        self._at = 0
        return lines

    def take_rest(self) -> bytes | object:
        """Return the rest when the stream ends."""
        rest = self.TOO_LONG if self._dropped else bytes(self._buffer[self._at :])
        self._buffer.clear()
        self._at = self._pending = 0
        self._dropped = False
        return rest

    def peek(self) -> bytearray:
        """Return the beginning of the unfinished line after ``take`` returned ``None``; read-only."""
        return self._buffer

    def take_bytes(self, amount: int) -> bytes:
        """Remove and return the first ``amount`` bytes of that line."""
        taken = bytes(self._buffer[:amount])
        del self._buffer[:amount]
        self._pending = max(0, self._pending - amount)
        return taken


# --- events --------------------------------------------------------------------------------------


def is_blank(text: str) -> bool:
    """Return whether a text is blank, which is no event."""
    return _BLANK.fullmatch(text) is not None


def decode_text(text: str, options: Options) -> list[AnyEvent]:
    """Return the events of one JSON document; invalid text becomes one event with a tag."""
    if is_blank(text):
        return []
    try:
        value, _ = read_first(text)
    except JSONText:
        return [failed(text)]
    events = events_of(value, options.target)
    if events is None:
        return [failed(text)]
    if len(events) == 1 and keeps_original(options) and not add_original(events[0], text):
        return [failed(text)]
    return events


def decode_line(line: bytes, options: Options) -> list[AnyEvent]:
    """Return the events of one line as it came."""
    text, valid = read_text(line, options.charset)
    return decode_text(text, options) if valid else [failed(text)]


def keeps_original(options: Options) -> bool:
    """Return whether the document goes into ``event.original``."""
    return options.framing == "whole" and options.ecs != "disabled"


def events_of(value: Any, target: tuple[str, ...] | None = None) -> list[AnyEvent] | None:
    """Return the events of a JSON value; ``None`` where it is not an object or an array of objects."""
    documents = value if isinstance(value, list) else [value]
    if value is None or not all(isinstance(document, dict) or document is None for document in documents):
        return None
    events: list[AnyEvent] = []
    for document in documents:
        event = make_event({} if document is None else document) if target is None else None
        if target is not None:
            event = make_event({})
            if event is None or not set_field(event, target, _valid(document)):
                return None
        if event is None:
            return None
        events.append(event)
    return events


def make_event(fields: Mapping[str, Any]) -> AnyEvent | None:
    """Return an event from its fields, with what every event has; ``None`` where ``@metadata``
    is not a map.
    """
    event: AnyEvent = {keep_valid(name): _valid(value) for name, value in fields.items()}
    event.setdefault(VERSION, "1")
    if METADATA in event:
        metadata = event.pop(METADATA)
        if not isinstance(metadata, dict):
            return None
        if metadata:
            event[METADATA] = metadata
    if "tags" in event and not _are_tags(event["tags"]):
        event["_tags"] = [event["tags"]]
        event["tags"] = ["_tagsparsefailure"]
    given = event.get(TIMESTAMP)
    moment = now() if given is None else _read_timestamp(given)
    event[TIMESTAMP] = now() if moment is None else moment
    if moment is None:
        tag(event, "_timestampparsefailure")
        event["_@timestamp"] = given
    return event


def failed(text: str) -> AnyEvent:
    """Return the event of a text that is not JSON."""
    return {"message": text, "tags": [JSON_FAILURE], VERSION: "1", TIMESTAMP: now()}


def tag(event: AnyEvent, name: str) -> None:
    """Add a tag, once."""
    tags = event.get("tags")
    known = list(tags) if isinstance(tags, list) else [] if tags is None else [tags]
    if name not in known:
        event["tags"] = [*known, name]


def add_original(event: AnyEvent, text: str) -> bool:
    """Put the document into an empty ``event.original``; return ``False`` where there is no place for it."""
    outer = event.setdefault("event", {})
    if isinstance(outer, dict):
        outer.setdefault("original", text)
    return isinstance(outer, (dict, list))  # in a list there is no such place, and no failure either


def set_field(event: AnyEvent, path: tuple[str, ...], value: Any) -> bool:
    """Set a field by its path; return ``False`` where a value that is not an object is in the way."""
    if path[0] in ("tags", TIMESTAMP) or (path == (METADATA,) and not isinstance(value, dict)):
        return False
    target: Any = event
    for name in path[:-1]:
        target = target.setdefault(name, {})
        if not isinstance(target, dict):
            return False
    target[path[-1]] = value
    return True


def get_field(event: AnyEvent, path: tuple[str, ...]) -> Any:
    """Return a field by its path; ``None`` where it is missing."""
    value: Any = event
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def encode_event(event: Mapping[str, Any]) -> bytes:
    """Return an event as JSON, without ``@metadata`` and without a line end."""
    fields = {str(name): value for name, value in event.items() if name != METADATA}
    made = make_event(fields)
    assert made is not None  # only @metadata can make it so
    return write(made)


def _read_timestamp(value: Any) -> str | None:
    if isinstance(value, datetime):
        value = (value if value.tzinfo else value.replace(tzinfo=timezone.utc)).isoformat()
    elif isinstance(value, date):
        value = value.isoformat()
    return normalize_timestamp(value) if isinstance(value, str) else None


def _are_tags(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(isinstance(member, str) for member in value)
    return isinstance(value, str)


def _valid(value: Any) -> Any:
    """Return a value with texts valid in UTF-8; the same object where they all are."""
    if isinstance(value, str):
        return value if value.isascii() else keep_valid(value)
    return clean_texts(value, keep_valid)


def clean_texts(value: Any, clean: Callable[[str], str]) -> Any:
    """Return a value with all lone surrogates cleaned; the same object where there was none."""
    if isinstance(value, (str, dict, list)) and _has_invalid(value):
        return _rebuilt(value, clean)
    return value


def _texts(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            waiting += item.keys()
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item


def _has_invalid(value: Any) -> bool:
    return any(not text.isascii() and has_surrogates(text) for text in _texts(value))


def _rebuilt(value: Any, clean: Callable[[str], str]) -> Any:
    """Return a copy with every text cleaned, without recursion: each container is filled after
    it was made.
    """
    result: list[Any] = []
    waiting: list[tuple[Any, Any]] = [(result, value)]
    while waiting:
        place, item = waiting.pop()
        copy: Any = clean(item) if isinstance(item, str) else item
        if isinstance(item, dict):
            copy = dict.fromkeys(clean(str(name)) for name in item)
            waiting += ((_At(copy, clean(str(name))), member) for name, member in item.items())
        elif isinstance(item, list):
            copy = [None] * len(item)
            waiting += ((_At(copy, number), member) for number, member in enumerate(item))
        if isinstance(place, _At):
            place.container[place.key] = copy
        else:
            place.append(copy)
    return result[0]


@dataclass(frozen=True)
class _At:
    container: Any
    key: Any
