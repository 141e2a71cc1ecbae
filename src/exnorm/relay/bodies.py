"""Unpack the body of a request within limits, and pack lines into a body."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from exnorm.relay.compression import METHODS, DamagedError, inflate, is_readable

MIB = 1024 * 1024
_HELD_BYTES = 16 * MIB  # a larger content is unpacked once to be measured, and once more to be read


@dataclass(frozen=True)
class Bounds:
    """The limits of one request.

    They are far above what Logstash sends (125 events, some hundred kilobytes), because a body over a limit
    is answered with 413 and Logstash then drops it for good.
    """

    body_bytes: int = 64 * MIB
    unpacked_bytes: int = 128 * MIB
    events: int = 100_000
    line_bytes: int = 20 * MIB


@dataclass(frozen=True)
class Body:
    """The body of a request, and the headers that say how to read it."""

    content: bytes
    encoding: str = ""
    content_type: str = ""


class RefusedError(Exception):
    """A request that can never be read, however often it is sent; ``status`` is its HTTP status."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def unpack(body: bytes, encoding: str, limit: int, longest: int = Bounds.line_bytes) -> bytes:
    """Return the decompressed body; raises ``RefusedError`` beyond ``limit`` bytes, however small the body
    is.

    A line of more than ``longest`` bytes is refused too. A refused body is never held whole.
    """
    name = encoding.strip().lower()
    lines = LineLengths(longest)
    if name in ("", "identity"):
        lines.add(body)
        return body
    if not is_readable(name):
        known = ", ".join(method for method in METHODS if is_readable(method))
        raise RefusedError(415, f"Content-Encoding is none of {known}, identity")
    unpacked = bytearray()
    total = 0
    for piece in _inflate(body, name):
        total += len(piece)
        if total > limit:
            raise RefusedError(413, f"the body unpacks to more than {limit} bytes")
        lines.add(piece)
        if total <= _HELD_BYTES:
            unpacked += piece
    return bytes(unpacked) if total <= _HELD_BYTES else b"".join(_inflate(body, name))


def _inflate(body: bytes, name: str) -> Iterator[bytes]:
    try:
        yield from inflate(body, name)
    except DamagedError as error:
        raise RefusedError(413 if error.is_bomb else 400, f"the body is {error}") from None


class LineLengths:
    """Refuses a line of more than ``longest`` bytes while it arrives."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._pending = 0

    def add(self, piece: bytes) -> None:
        """Check another piece of the body."""
        if self._pending + len(piece) <= self._longest:
            last = piece.rfind(b"\n")
            self._pending = self._pending + len(piece) if last < 0 else len(piece) - last - 1
            return
        begin = 0
        while (end := piece.find(b"\n", begin)) >= 0:
            self._check(self._pending + end - begin)
            self._pending, begin = 0, end + 1
        self._pending += len(piece) - begin
        self._check(self._pending)

    def _check(self, length: int) -> None:
        if length > self._longest:
            raise RefusedError(413, f"a line of the body is longer than {self._longest} bytes")


def is_document(body: bytes, content_type: str) -> bool:
    """Return whether the body is one JSON document over several lines, as people write it, not shippers."""
    if content_type != "application/json" or b"\n" not in body.strip():
        return False
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def pack(lines: Iterable[bytes]) -> bytes:
    """Return lines as gzip, without holding them all at once."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)  # level 1: the way is short, the processor is shared
    packed = [packer.compress(line) for line in lines]
    return b"".join((*packed, packer.flush()))
