"""The forward protocol of Fluent Bit and Fluentd: bytes to messages and back, without sockets.

Four shapes come in, each an array of msgpack:

    [tag, time, record, options?]        Message
    [tag, [event, event, ...], options?] Forward
    [tag, events as bin, options?]       PackedForward; with ``"compressed": "gzip"``, CompressedPackedForward

An event is ``[time, record]`` or ``[[time, metadata], record]``. Events are passed on as the bytes they came
in, back to back, so the contents of a record (bytes that are not UTF-8 too) do not change.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgpack

from exnorm.fluentbit.scan import ScanError, Scanner
from exnorm.relay.compression import DamagedError, inflate, is_readable

MAX_TAG_BYTES = 1024
MAX_CHUNK_ID_BYTES = 256
"""An acknowledgement must stay under 512 bytes; Fluent Bit's own ids have 24."""

_MAX_OPTIONS = 64
_MAX_OPTION_NAME = 256
_PACK = msgpack.Packer(use_bin_type=True, unicode_errors="surrogateescape").pack
_PACK_AS_TEXT = msgpack.Packer(use_bin_type=False, unicode_errors="surrogateescape").pack


class ForwardError(Exception):
    """The other side does not speak the protocol; the connection must be closed.

    ``reason`` never quotes the input; ``details`` may, for a log at level debug.
    """

    def __init__(self, reason: str, **details: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.details = details


@dataclass(frozen=True, slots=True)
class Message:
    """One message: the events of one tag.

    ``chunk`` is the id to acknowledge, ``None`` where the sender requests none. ``signal`` is 0 for logs; for
    anything else (metrics, traces) ``events`` must not be read.
    """

    tag: str
    events: bytes
    chunk: bytes | None = None
    signal: int = 0


# --- bytes -> messages ---------------------------------------------------------------------------


class MessageCutter:
    """Cuts the bytes of one connection into whole messages; holds at most ``max_bytes`` of one."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._buffer = bytearray()
        self._scanner = Scanner()  # msgpack's own holds all that it was fed once more
        self._failure: ForwardError | None = None  # of what stands behind the messages given last

    @property
    def pending(self) -> int:
        """The number of bytes held of an unfinished message."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages that ``data`` completes.

        Raises ``ForwardError`` for one that is too large or not msgpack; whole messages before it are
        returned first, and the next call raises.
        """
        if self._failure is not None:
            raise self._failure
        self._buffer += data
        messages: list[bytes] = []
        try:
            self._cut(messages)
        except ForwardError as failure:
            if not messages:
                raise
            self._failure = failure
        return messages

    def _cut(self, messages: list[bytes]) -> None:
        start = 0
        try:
            while (end := self._scanner.find_end(self._buffer)) is not None:
                if end - start > self._max_bytes:
                    raise self._too_large()
                messages.append(bytes(memoryview(self._buffer)[start:end]))
                start = end
        except ScanError as error:
            raise ForwardError(str(error)) from None
        del self._buffer[:start]
        self._scanner.move(start)
        if max(len(self._buffer), self._scanner.lacks) > self._max_bytes:
            raise self._too_large()

    def _too_large(self) -> ForwardError:
        return ForwardError(f"a message is larger than {self._max_bytes} bytes")


def decode_message(raw: bytes, max_bytes: int) -> Message:
    """Decode one whole message; ``max_bytes`` limits its events after decompression.

    Raises ``ForwardError``, which never quotes the contents of a record.
    """
    try:
        return _decode(_Cursor(raw), max_bytes)
    except ForwardError:
        raise
    except Exception as error:  # what msgpack makes of hostile bytes is of several families
        raise ForwardError(f"malformed message: {type(error).__name__}") from None


def split_events(events: bytes, max_bytes: int, max_events: int) -> Iterator[bytes]:
    """Yield events in pieces of about ``max_bytes`` and at most ``max_events``; one event is never cut.

    Raises ``ForwardError`` where the bytes are not events back to back.
    """
    cursor = _Cursor(events)
    start = count = 0
    while cursor.at < len(events):
        before = cursor.at
        _skip_event(cursor)
        if count and (count >= max_events or cursor.at - start > max_bytes):
            yield events[start:before]
            start, count = before, 0
        count += 1
    if count:
        yield events[start:]


def count_events(events: bytes) -> int:
    """Return the number of msgpack values back to back."""
    unpacker = msgpack.Unpacker(raw=True, max_buffer_size=max(len(events), 1))
    unpacker.feed(events)
    count = 0
    with contextlib.suppress(msgpack.OutOfData):
        while True:
            unpacker.skip()
            count += 1
    return count


class _Cursor:
    """A position in msgpack bytes; knows the kind of the next value before reading it."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._unpacker = msgpack.Unpacker(raw=True, max_buffer_size=max(len(raw), 1))
        self._unpacker.feed(raw)
        self.at = 0

    def kind(self) -> str:
        return _KINDS[self.raw[self.at]] if self.at < len(self.raw) else "nothing"

    def array(self) -> int:
        return self._take(self._unpacker.read_array_header)

    def map(self) -> int:
        return self._take(self._unpacker.read_map_header)

    def text(self, what: str, limit: int) -> bytes:
        """Read a str or bin; its size is checked before anything is made of it."""
        kind, start = self.kind(), self.at
        if kind != "text":
            raise ForwardError(f"{what}: got {kind}; expected text")
        self.skip()
        if self.at - start > limit + 5:  # a header has at most 5 bytes
            raise ForwardError(f"{what} is longer than {limit} bytes")
        return self.raw[start + _head_bytes(self.raw[start]) : self.at]

    def number(self, what: str) -> int:
        if self.kind() != "integer":
            raise ForwardError(f"{what}: got {self.kind()}; expected an integer")
        start = self.at
        self.skip()
        return int(msgpack.unpackb(self.raw[start : self.at]))

    def skip(self) -> None:
        self._take(self._unpacker.skip)

    def slice(self) -> bytes:
        """Return the next value as its bytes."""
        start = self.at
        self.skip()
        return self.raw[start : self.at]

    def _take(self, read: Callable[[], int]) -> int:
        found = read()
        self.at = int(self._unpacker.tell())
        return found


# The first byte of a value -> what it is.
# fmt: off
_RANGES = (
    (0x00, 0x7F, "integer"), (0x80, 0x8F, "map"), (0x90, 0x9F, "array"), (0xA0, 0xBF, "text"),
    (0xC0, 0xC0, "nil"), (0xC1, 0xC1, "an unused byte"), (0xC2, 0xC3, "boolean"), (0xC4, 0xC6, "text"),
    (0xC7, 0xC9, "extension"), (0xCA, 0xCB, "float"), (0xCC, 0xD3, "integer"), (0xD4, 0xD8, "extension"),
    (0xD9, 0xDB, "text"), (0xDC, 0xDD, "array"), (0xDE, 0xDF, "map"), (0xE0, 0xFF, "integer"),
)
# fmt: on
_KINDS = tuple(name for first, last, name in _RANGES for _ in range(first, last + 1))
_TIMES = ("integer", "float", "extension")


def _head_bytes(first: int) -> int:
    """Return the number of bytes before the text itself."""
    return {0xC4: 2, 0xC5: 3, 0xC6: 5, 0xD9: 2, 0xDA: 3, 0xDB: 5}.get(first, 1)


@dataclass(slots=True)
class _Options:
    chunk: bytes | None = None
    compressed: str = ""
    signal: int = 0
    metadata: bytes = b""


def _decode(cursor: _Cursor, max_bytes: int) -> Message:
    if cursor.kind() != "array":
        raise ForwardError(f"message: got {cursor.kind()}; expected an array")
    length = cursor.array()
    if not 2 <= length <= 4:
        raise ForwardError(f"message: got an array of {length}; expected 2 to 4")
    tag = cursor.text("tag", MAX_TAG_BYTES).decode("utf-8", "surrogateescape")
    kind = cursor.kind()
    if kind in _TIMES:
        return _decode_single(cursor, length, tag)
    if length > 3 or kind not in ("array", "text"):
        raise ForwardError(f"message: got {kind} after the tag in an array of {length}")
    entries = _entries(cursor) if kind == "array" else cursor.text("events", max_bytes)
    options = _read_options(cursor) if length == 3 else _Options()
    if options.compressed:
        if kind == "array":
            raise ForwardError("an array of events cannot be compressed")
        entries = decompress(entries, options.compressed, max_bytes)
    return Message(tag, entries, options.chunk, options.signal)


def _decode_single(cursor: _Cursor, length: int, tag: str) -> Message:
    if length < 3:
        raise ForwardError("message: got a time without a record")
    time = cursor.slice()
    if cursor.kind() != "map":
        raise ForwardError(f"record: got {cursor.kind()}; expected a map")
    record = cursor.slice()
    options = _read_options(cursor) if length == 4 else _Options()
    if options.compressed:
        raise ForwardError("a single record cannot be compressed")
    head = b"\x92" + time + options.metadata if options.metadata else time
    return Message(tag, b"\x92" + head + record, options.chunk, options.signal)


def _entries(cursor: _Cursor) -> bytes:
    count = cursor.array()
    start = cursor.at
    for _ in range(count):
        cursor.skip()
    return cursor.raw[start : cursor.at]


def _skip_event(cursor: _Cursor) -> None:
    if cursor.kind() != "array" or cursor.array() != 2:
        raise ForwardError("event: expected an array of two")
    if cursor.kind() != "array" and cursor.kind() not in _TIMES:
        raise ForwardError(f"event: got {cursor.kind()}; expected a time")
    _skip_whole(cursor)
    if cursor.kind() != "map":
        raise ForwardError(f"event: got {cursor.kind()}; expected a record")
    _skip_whole(cursor)


def _skip_whole(cursor: _Cursor) -> None:
    try:
        cursor.skip()
    except msgpack.OutOfData:
        raise ForwardError("event: it ends too soon") from None
    except Exception as error:  # what msgpack makes of hostile bytes is of several families
        raise ForwardError(f"event: not msgpack: {type(error).__name__}") from None


def _read_options(cursor: _Cursor) -> _Options:
    options = _Options()
    if cursor.kind() == "nil":
        return options
    if cursor.kind() != "map":
        raise ForwardError(f"options: got {cursor.kind()}; expected a map")
    count = cursor.map()
    if count > _MAX_OPTIONS:
        raise ForwardError(f"options: got {count}; expected at most {_MAX_OPTIONS}")
    for _ in range(count):
        name = cursor.text("name of an option", _MAX_OPTION_NAME)
        if cursor.kind() == "nil":
            cursor.skip()
        elif name == b"chunk":
            options.chunk = cursor.text("chunk", MAX_CHUNK_ID_BYTES)
        elif name == b"compressed":
            options.compressed = _check_compression(cursor.text("compressed", 64))
        elif name == b"fluent_signal":
            options.signal = cursor.number("fluent_signal")
        elif name == b"metadata" and cursor.kind() == "map":
            options.metadata = cursor.slice()
        else:
            cursor.skip()
    return options


def _check_compression(name: bytes) -> str:
    if name in (b"gzip", b"zstd"):
        return name.decode()
    if name in (b"", b"text"):
        return ""
    raise ForwardError("compressed: expected gzip or zstd", got=name.decode("utf-8", "replace"))


def decompress(data: bytes, method: str, max_bytes: int) -> bytes:
    """Decompress one member or several in a row; never return more than ``max_bytes``."""
    if not is_readable(method):
        raise ForwardError(f"events are compressed with {method}, which this Python cannot read; use gzip")
    content = bytearray()
    try:
        for piece in inflate(data, method):
            content += piece
            if len(content) > max_bytes:
                raise ForwardError(f"compressed events hold more than {max_bytes} bytes")
    except DamagedError as error:
        raise ForwardError(f"compressed events: {error}") from None
    return bytes(content)


# --- messages -> bytes ---------------------------------------------------------------------------


def encode_packed(message: Message, count: int | None = None) -> bytes:
    """Return a message in PackedForward form; ``count`` is the number of its events, where known."""
    options: dict[bytes, bytes | int] = {}
    if message.chunk is not None:
        options[b"chunk"] = message.chunk
    if count is not None:
        options[b"size"] = count
    if message.signal:
        options[b"fluent_signal"] = message.signal
    head: bytes = _PACK_AS_TEXT(message.tag.encode("utf-8", "surrogateescape"))
    body: bytes = _PACK(message.events)
    tail: bytes = _PACK_AS_TEXT(options)
    return b"".join((b"\x93", head, body, tail))


def encode_ack(chunk: bytes) -> bytes:
    """Return the acknowledgement of a chunk: its id as msgpack str, the only type that Fluent Bit accepts."""
    packed: bytes = _PACK_AS_TEXT({b"ack": chunk})
    return packed


def decode_ack(raw: bytes) -> bytes:
    """Return the id that an acknowledgement names. Raises ``ForwardError``."""
    cursor = _Cursor(raw)
    try:
        if cursor.kind() != "map" or cursor.map() != 1 or cursor.text("acknowledgement", 16) != b"ack":
            raise ForwardError("acknowledgement: expected a map with ack alone")
        return cursor.text("ack", MAX_CHUNK_ID_BYTES)
    except ForwardError:
        raise
    except Exception as error:  # as in decode_message
        raise ForwardError(f"malformed acknowledgement: {type(error).__name__}") from None
