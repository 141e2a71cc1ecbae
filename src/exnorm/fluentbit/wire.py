"""Fluent Bit's msgpack events: ``[[time, {metadata}], {body}]``, or the older ``[time, {body}]``.

A chunk holds them back to back. Whatever is not one of them is given back byte for byte, and so is
the part of an event that nobody changed.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgpack

from exnorm.fluentbit.scan import ScanError, Scanner
from exnorm.lines import MARGIN

_ANY_BYTES = "surrogateescape"  # strings hold whatever bytes the input had
_ERRORS = (msgpack.UnpackException, ValueError, TypeError, OverflowError, RecursionError)
_PAIR = 0x92  # an array of two
_EVENT_TIME = b"\xd7\x00"  # ext type 0 of eight bytes: seconds and nanoseconds, big-endian
_MARKERS = (b"\xff\xff\xff\xff", b"\xff\xff\xff\xfe")  # the seconds of where a group begins and ends
_pack_time = struct.Struct(">II").pack
_LAST_SECOND = 0x7FFFFFFF  # above it, Fluent Bit reads a negative number: a marker, or a broken event
# How many bytes stand before a text, by its first byte, and whether it is str.
_TEXTS = {
    0xD9: (2, True),
    0xDA: (3, True),
    0xDB: (5, True),
    0xC4: (2, False),
    0xC5: (3, False),
    0xC6: (5, False),
}
# How long a time is, by its first byte: ext 8, float and int in their widths.
_TIME_LENGTHS = {
    0xD7: 10, 0xCA: 5, 0xCB: 9, 0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9, 0xD0: 2, 0xD1: 3, 0xD2: 5, 0xD3: 9,
    0xC7: 11,
}  # fmt: skip


LARGE_CHUNK = 8 * 1024 * 1024
LARGE_EVENT = 256 * 1024
MOST_VALUES = 100_000
"""In a large event: a value of one byte can take a hundred in memory."""


class Entry(NamedTuple):
    """One piece of a chunk: ``raw`` is all of it, ``head`` its time and metadata, ``body`` its record.

    ``body`` is ``None`` for what is no event: a group's marker, or what cannot be read. In a large event
    each text of ``body`` is cut a little behind the length that lines may have. ``refusal`` says why an
    event was not read though it could be one.
    """

    raw: bytes | memoryview
    head: bytes = b""
    body: dict[Any, Any] | None = None
    refusal: str = ""


def read_entries(chunk: bytes, longest: int = LARGE_CHUNK) -> Iterator[Entry]:
    """The pieces of a chunk in order; joined again they are the chunk.

    ``longest`` is how many bytes a line may have.
    """
    if len(chunk) > LARGE_CHUNK:
        yield from _read_pieces(chunk, longest)
        return
    unpacker: msgpack.Unpacker | None = _open(chunk)
    start = 0
    for end in _ends(chunk):
        raw = chunk[start:end]
        if end - start > LARGE_EVENT:
            if unpacker is not None:
                unpacker.skip()
            yield _read_large(memoryview(raw), longest)
            start = end
            continue
        entry = _read_event(_open(raw), raw, 0) if unpacker is None else _read_event(unpacker, raw, start)
        if entry is None:
            unpacker = None  # it stands somewhere in that piece: from here on, each has its own
        yield entry or Entry(raw)
        start = end
    if start < len(chunk):
        yield Entry(chunk[start:])


def _read_pieces(chunk: bytes, longest: int) -> Iterator[Entry]:
    """The same without a copy of the chunk."""
    view, scanner, start = memoryview(chunk), Scanner(), 0
    with contextlib.suppress(ScanError):
        while start < len(chunk) and (end := scanner.find_end(view)) is not None:
            piece = view[start:end]
            if end - start > LARGE_EVENT:
                yield _read_large(piece, longest)
            else:
                raw = bytes(piece)
                yield _read_event(_open(raw), raw, 0) or Entry(raw)
            start = end
    if start < len(chunk):
        yield Entry(view[start:])


def _read_large(raw: memoryview, longest: int) -> Entry:
    """A large event, of which nothing is made that is larger than a line may be."""
    scanner = Scanner()
    if scanner.find_end(raw, MOST_VALUES) is None:
        return Entry(raw, refusal=f"an event of more than {MOST_VALUES} values")
    if raw[0] != _PAIR:
        return Entry(raw)
    end = Scanner(1).find_end(raw)
    assert end is not None
    head = bytes(raw[1:end]) if end < LARGE_EVENT else b""
    pairs, at = _read_map_head(raw, end)
    if not head or pairs is None or _is_marker(head):
        return Entry(raw)
    body: dict[Any, Any] = {}
    for _ in range(pairs):
        key, at = _read_cut(raw, at, LARGE_EVENT)
        before = at
        value, at = _read_cut(raw, at, longest + MARGIN)
        if value is None and at - before > longest:
            return Entry(raw, refusal=f"an event with a value of more than {longest} bytes that is no text")
        if isinstance(key, (str, bytes, int)):
            body[key] = value
    return Entry(raw, head, body)


def _read_map_head(raw: memoryview, at: int) -> tuple[int | None, int]:
    """How many pairs a map has, and where they begin; ``None`` where no map stands there."""
    first = raw[at] if at < len(raw) else 0
    if 0x80 <= first <= 0x8F:
        return first & 0x0F, at + 1
    size = {0xDE: 2, 0xDF: 4}.get(first, 0)
    return (int.from_bytes(raw[at + 1 : at + 1 + size], "big") if size else None), at + 1 + size


def _read_cut(raw: memoryview, at: int, most: int) -> tuple[Any, int]:
    """The value that begins there, a text of it cut to so many bytes, and where it ends."""
    end = Scanner(at).find_end(raw)
    assert end is not None  # the event is whole
    kind = _TEXTS.get(raw[at])
    if kind is not None and end - at > most:
        text = bytes(raw[at + kind[0] : end][:most])
        return text.decode("utf-8", _ANY_BYTES) if kind[1] else text, end
    if end - at > most:
        return None, end
    try:
        return _open(bytes(raw[at:end])).unpack(), end
    except _ERRORS:
        return None, end


def _ends(chunk: bytes) -> Iterator[int]:
    """Where each whole value ends; found without making objects of what a broken chunk promises."""
    unpacker = _open(chunk)
    while True:
        try:
            unpacker.skip()
        except _ERRORS:
            return
        yield unpacker.tell()


def _read_event(unpacker: msgpack.Unpacker, raw: bytes, start: int) -> Entry | None:
    """One whole value as an event; ``None`` where it is none that can be read."""
    try:
        if unpacker.read_array_header() != 2:
            return None
        first = unpacker.tell() - start
        unpacker.skip()
        second = unpacker.tell() - start
        body = unpacker.unpack()
    except _ERRORS:
        return None
    head = raw[first:second]
    is_event = isinstance(body, dict) and not _is_marker(head)
    return Entry(raw, head, body if is_event else None)


def _open(chunk: bytes) -> msgpack.Unpacker:
    unpacker = msgpack.Unpacker(
        None,
        raw=False,
        unicode_errors=_ANY_BYTES,
        strict_map_key=False,
        timestamp=0,
        max_buffer_size=max(len(chunk), 1),
    )
    unpacker.feed(chunk)
    return unpacker


def _is_marker(head: bytes) -> bool:
    at = 1 if head[:1] == b"\x92" else 0
    if head[at : at + 2] == _EVENT_TIME:
        return head[at + 2 : at + 6] in _MARKERS
    return head[at : at + 3] == b"\xc7\x08\x00" and head[at + 3 : at + 7] in _MARKERS


def set_time(head: bytes, milliseconds: int | None) -> bytes:
    """The head with another time and the same metadata; unchanged where the time cannot be written."""
    if milliseconds is None:
        return head
    seconds, rest = divmod(milliseconds, 1000)
    at = 1 if head[:1] == b"\x92" else 0
    length = _time_length(head[at : at + 1])
    if not 0 <= seconds <= _LAST_SECOND or not length:
        return head
    return head[:at] + _EVENT_TIME + _pack_time(seconds, rest * 1_000_000) + head[at + length :]


def _time_length(first: bytes) -> int:
    if not first:
        return 0
    byte = first[0]
    return 1 if byte < 0x80 or byte >= 0xE0 else _TIME_LENGTHS.get(byte, 0)


def make_writer() -> Callable[[bytes, dict[Any, Any]], bytes]:
    """A function from a head and a body to one event in bytes."""
    prefix = bytes((_PAIR,))
    pack = _make_packer(None)  # several times as fast as with another way of encoding
    pack_any = _make_packer(_ANY_BYTES)

    def write(head: bytes, body: dict[Any, Any]) -> bytes:
        try:
            return prefix + head + pack(body)
        except UnicodeEncodeError:  # a record that was no UTF-8 when it came
            return prefix + head + pack_any(body)

    return write


def make_text_writer(key: str) -> Callable[[bytes, bytes], bytes]:
    """A function from a head and a text in UTF-8 to one event that holds the text under ``key`` alone."""
    body = _make_packer(None)({key: ""})[:-1]
    prefix = bytes((_PAIR,))

    def write(head: bytes, text: bytes) -> bytes:
        return b"".join((prefix, head, body, _head_text(len(text)), text))

    return write


def _head_text(length: int) -> bytes:
    """What stands before a text in msgpack."""
    if length < 32:
        return bytes((0xA0 | length,))
    if length < 1 << 8:
        return bytes((0xD9, length))
    return b"\xda" + length.to_bytes(2, "big") if length < 1 << 16 else b"\xdb" + length.to_bytes(4, "big")


def _make_packer(unicode_errors: str | None) -> Callable[[dict[Any, Any]], bytes]:
    packer = msgpack.Packer(unicode_errors=unicode_errors, use_bin_type=True, default=str)
    pack: Callable[[dict[Any, Any]], bytes] = packer.pack
    return pack
