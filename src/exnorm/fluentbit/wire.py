"""Fluent Bit's msgpack events: ``[[time, {metadata}], {body}]``, or the older ``[time, {body}]``.

A chunk has them back to back. Anything else is returned byte for byte, and so is the unchanged part of an
event.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Union

import msgpack
import msgspec

from exnorm.fluentbit.scan import ScanError, Scanner
from exnorm.text.lines import MARGIN

Body = dict[Any, Any]
Head = Union[bytes, msgspec.Raw]

_ANY_BYTES = "surrogateescape"  # strings hold whatever bytes the input had
_ERRORS = (msgpack.UnpackException, ValueError, TypeError, OverflowError, RecursionError)
_PAIR = 0x92  # an array of two
_PAIRS = (bytes((_PAIR,)), b"\xdd\x00\x00\x00\x02", b"\xdc\x00\x02")  # releases before 5 write the second
_EVENT_TIME = b"\xd7\x00"  # ext type 0 of eight bytes: seconds and nanoseconds, big-endian
_MARKERS = (b"\xff\xff\xff\xff", b"\xff\xff\xff\xfe")  # the seconds of where a group begins and ends
_MARKER_SIGN = b"\x00\xff\xff\xff"  # in every marker, and in hardly anything else
_pack_time = struct.Struct(">II").pack
_LAST_SECOND = 0x7FFFFFFF  # above it, Fluent Bit reads a negative number: a marker, or a broken event
# Number of bytes before a text, by its first byte, and whether it is str.
_TEXTS = {
    0xD9: (2, True),
    0xDA: (3, True),
    0xDB: (5, True),
    0xC4: (2, False),
    0xC5: (3, False),
    0xC6: (5, False),
}
# Length of a time, by its first byte: ext 8, float and int in their widths.
_TIME_LENGTHS = {
    0xD7: 10, 0xCA: 5, 0xCB: 9, 0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9, 0xD0: 2, 0xD1: 3, 0xD2: 5, 0xD3: 9,
    0xC7: 11,
}  # fmt: skip
# By the first byte from c0 on: bytes of the length, bytes beside that length, values for each of that length.
_HEADS = (
    (0, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0), (1, 0, 0), (2, 0, 0), (4, 0, 0), (1, 1, 0),
    (2, 1, 0), (4, 1, 0), (0, 4, 0), (0, 8, 0), (0, 1, 0), (0, 2, 0), (0, 4, 0), (0, 8, 0),
    (0, 1, 0), (0, 2, 0), (0, 4, 0), (0, 8, 0), (0, 2, 0), (0, 3, 0), (0, 5, 0), (0, 9, 0),
    (0, 17, 0), (1, 0, 0), (2, 0, 0), (4, 0, 0), (2, 0, 1), (4, 0, 1), (2, 0, 2), (4, 0, 2),
)  # fmt: skip
# Records without records inside: read at once they are the same as read one by one.
_read_flat = msgspec.msgpack.Decoder(
    list[tuple[msgspec.Raw, dict[str, Union[str, bool, int, float] | None]]]
).decode
_read_raw = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode


LARGE_CHUNK = 8 * 1024 * 1024
LARGE_EVENT = 256 * 1024
MOST_VALUES = 100_000
"""In a large event: a value of one byte can take a hundred in memory."""


class Entry(NamedTuple):
    """One piece of a chunk: ``raw`` is all of it, ``head`` its time and metadata, ``body`` its record.

    ``body`` is ``None`` for a piece that is not an event: a group's marker, or unreadable bytes. In a large
    event each text of ``body`` is cut a little beyond the limit of lines. ``refusal`` is the reason for an
    event that was not read.
    """

    raw: bytes | memoryview
    head: bytes = b""
    body: Body | None = None
    refusal: str = ""


class Events:
    """The pieces of a chunk by number; joined again they are the chunk.

    ``heads``, ``bodies`` and ``refusals`` are those of ``Entry``; a head may be a view of the chunk.
    ``are_flat``: all are events whose bodies contain only texts and numbers, under texts, in UTF-8.
    """

    heads: Sequence[Head]
    bodies: Sequence[Body | None]
    refusals: Sequence[str] = ()

    def __init__(self, chunk: bytes, longest: int = LARGE_CHUNK) -> None:
        self._chunk = chunk
        self.are_flat = True
        self._raws: Sequence[Head | memoryview] | None = None
        flat = _read_flat_events(chunk) if len(chunk) <= LARGE_CHUNK else None
        if flat:
            self.heads, self.bodies = zip(*flat)
            return
        self.are_flat = False
        entries = list(read_entries(chunk, longest))
        self.refusals = [entry.refusal for entry in entries]
        self._raws = [entry.raw for entry in entries]
        self.heads = [entry.head for entry in entries]
        self.bodies = [entry.body for entry in entries]

    def __len__(self) -> int:
        return len(self.heads)

    def raw(self, number: int) -> bytes:
        """Return all of one piece."""
        if self._raws is None:
            self._raws = _read_raw(_as_list(self._chunk, len(self)))
        return bytes(self._raws[number])


def _read_flat_events(chunk: bytes) -> list[tuple[msgspec.Raw, Body]] | None:
    """Return heads and bodies if all pieces are events with flat records in UTF-8; several times as fast."""
    if _MARKER_SIGN[1:2] in chunk and _MARKER_SIGN in chunk:  # one byte is found much faster than several
        return None
    # How many events there are is guessed; reading so many and no more proves it. Where all records begin
    # like the first one, their beginning is found sooner than their times.
    first = chunk.find(_EVENT_TIME) + 10
    for count in (chunk.count(sign) for sign in (chunk[first : first + 6], _EVENT_TIME)):
        try:
            found: list[tuple[msgspec.Raw, Body]] = _read_flat(_as_list(chunk, count))
        except (msgspec.MsgspecError, ValueError, RecursionError):
            continue
        is_large = len(chunk) > LARGE_EVENT and _find_longest(_as_list(chunk, count)) > LARGE_EVENT
        return None if is_large else found
    return None


def _find_longest(listed: bytes) -> int:
    views: Iterator[memoryview] = map(memoryview, _read_raw(listed))
    return max(map(len, views), default=0)


def _as_list(chunk: bytes, count: int) -> bytes:
    return b"\xdd" + count.to_bytes(4, "big") + chunk


def read_entries(chunk: bytes, longest: int = LARGE_CHUNK) -> Iterator[Entry]:
    """Yield the pieces of a chunk in order; one that cannot be read affects no other.

    ``longest`` is the largest number of bytes in a line.
    """
    if len(chunk) > LARGE_CHUNK:
        yield from _read_pieces(chunk, longest)
        return
    start = 0
    for end in _ends(chunk):
        yield read_entry(cut_piece(chunk, start, end), longest)
        start = end
    if start < len(chunk):
        yield Entry(chunk[start:])


def _read_pieces(chunk: bytes, longest: int) -> Iterator[Entry]:
    """Yield the pieces of a chunk in order, without a copy of the chunk."""
    view, scanner, start = memoryview(chunk), Scanner(), 0
    with contextlib.suppress(ScanError):
        while start < len(chunk) and (end := scanner.find_end(view)) is not None:
            yield read_entry(cut_piece(chunk, start, end), longest)
            start = end
    if start < len(chunk):
        yield Entry(view[start:])


def _read_large(raw: memoryview, longest: int) -> Entry:
    """Read a large event without making anything larger than a line may be."""
    scanner = Scanner()
    if scanner.find_end(raw, MOST_VALUES) is None:
        return Entry(raw, refusal=f"an event of more than {MOST_VALUES} values")
    begin = _time_begin(bytes(raw[:5]))
    if not begin:
        return Entry(raw)
    end = Scanner(begin).find_end(raw)
    assert end is not None
    head = bytes(raw[begin:end]) if end < LARGE_EVENT else b""
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
    """Return how many pairs a map has, and where they begin; ``None`` where there is no map."""
    first = raw[at] if at < len(raw) else 0
    if 0x80 <= first <= 0x8F:
        return first & 0x0F, at + 1
    size = {0xDE: 2, 0xDF: 4}.get(first, 0)
    return (int.from_bytes(raw[at + 1 : at + 1 + size], "big") if size else None), at + 1 + size


def _read_cut(raw: memoryview, at: int, most: int) -> tuple[Any, int]:
    """Return the value at a position, with a text cut to ``most`` bytes, and where the value ends."""
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
    """Yield where each whole value ends, without making the objects that a broken chunk announces."""
    unpacker, end = _open(chunk), 0
    while True:
        try:
            unpacker.skip()
        except msgpack.OutOfData:
            return
        except _ERRORS:  # it holds a byte that is no value, or is nested too deeply
            break
        end = unpacker.tell()
        yield end
    while (end := find_end(chunk, end)) > 0:
        yield end


def find_end(chunk: bytes, at: int) -> int:
    """Return where the value at a position ends; -1 where the chunk ends before it does.

    The byte that msgpack never uses counts as a value.
    """
    left, size = 1, len(chunk)
    while left:
        if at >= size:
            return -1
        first, values, length = chunk[at], 0, 0
        at, left = at + 1, left - 1
        if 0x80 <= first < 0xA0:
            values = (first & 15) * (2 if first < 0x90 else 1)
        elif 0xA0 <= first < 0xC0:
            length = first & 31
        elif 0xC0 <= first < 0xE0:
            width, length, times = _HEADS[first - 0xC0]
            number = int.from_bytes(chunk[at : at + width], "big")
            length += width + (0 if times else number)
            values = number * times
        at, left = at + length, left + values
        if left > size - at:  # each of them takes a byte at least
            return -1
    return at


def cut_piece(chunk: bytes, begin: int, end: int) -> bytes | memoryview:
    """Return a piece of a chunk; a large one is not copied."""
    return chunk[begin:end] if end - begin <= LARGE_EVENT else memoryview(chunk)[begin:end]


def read_entry(raw: bytes | memoryview, longest: int = LARGE_CHUNK) -> Entry:
    """Read one whole value."""
    if len(raw) > LARGE_EVENT:
        return _read_large(memoryview(raw), longest)
    raw = bytes(raw)
    unpacker = _open(raw)
    try:
        if unpacker.read_array_header() != 2:
            return Entry(raw)
        first = unpacker.tell()
        unpacker.skip()
        second = unpacker.tell()
        body = unpacker.unpack()
    except _ERRORS:
        return Entry(raw)
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
    at = _time_begin(head)
    if head[at : at + 2] == _EVENT_TIME:
        return head[at + 2 : at + 6] in _MARKERS
    return head[at : at + 3] == b"\xc7\x08\x00" and head[at + 3 : at + 7] in _MARKERS


def set_time(head: bytes, milliseconds: int | None) -> bytes:
    """Return the head with another time and the same metadata; unchanged where the time cannot be written."""
    if milliseconds is None:
        return head
    seconds, rest = divmod(milliseconds, 1000)
    at = _time_begin(head)
    length = _time_length(head[at : at + 1])
    if not 0 <= seconds <= _LAST_SECOND or not length:
        return head
    return head[:at] + _EVENT_TIME + _pack_time(seconds, rest * 1_000_000) + head[at + length :]


def _time_begin(head: bytes) -> int:
    """Return where the time begins: in a pair with metadata, or alone."""
    for pair in _PAIRS:
        if head.startswith(pair):
            return len(pair)
    return 0


def _time_length(first: bytes) -> int:
    if not first:
        return 0
    byte = first[0]
    return 1 if byte < 0x80 or byte >= 0xE0 else _TIME_LENGTHS.get(byte, 0)


def make_writer() -> Callable[[bytes, Body], bytes]:
    """Return a function from a head and a body to one event in bytes."""
    prefix = bytes((_PAIR,))
    pack = _make_packer(None)  # several times as fast as with another way of encoding
    pack_any = _make_packer(_ANY_BYTES)

    def write(head: bytes, body: Body) -> bytes:
        try:
            return prefix + head + pack(body)
        except UnicodeEncodeError:  # a record that was no UTF-8 when it came
            return prefix + head + pack_any(body)

    return write


def _make_packer(unicode_errors: str | None) -> Callable[[Body], bytes]:
    packer = msgpack.Packer(unicode_errors=unicode_errors, use_bin_type=True, default=str)
    pack: Callable[[Body], bytes] = packer.pack
    return pack
