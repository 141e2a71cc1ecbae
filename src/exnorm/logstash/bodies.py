"""The body of a request without its compression, within bounds; lines -> a body."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

MIB = 1024 * 1024
_WINDOW = {"gzip": 31, "x-gzip": 31, "deflate": 47}  # zlib's words for which header to expect
_MEMBERS = 100  # a gzip body may have several, one after the other; each costs a copy of the rest


@dataclass(frozen=True)
class Bounds:
    """How much one request may bring.

    Far above what Logstash sends (125 events, some hundred kilobytes), because a body over a bound is
    answered with 413 and Logstash then drops it for good.
    """

    body_bytes: int = 64 * MIB
    unpacked_bytes: int = 128 * MIB
    events: int = 100_000


class RefusedError(Exception):
    """A whole request that can never be read, however often it is sent; ``status`` answers it."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def unpack(body: bytes, encoding: str, limit: int) -> bytes:
    """The body without its compression; stops at ``limit`` bytes, however small the body is."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return body
    if name not in _WINDOW:
        raise RefusedError(415, "Content-Encoding is none of gzip, deflate, identity")
    unpacked = bytearray()
    for _ in range(_MEMBERS):
        unpacker = zlib.decompressobj(_WINDOW[name])
        try:
            unpacked += unpacker.decompress(body, limit + 1 - len(unpacked))
        except zlib.error:
            raise RefusedError(400, f"the body is no {name}, though its Content-Encoding says so") from None
        if len(unpacked) > limit:
            raise RefusedError(413, f"the body unpacks to more than {limit} bytes")
        if not unpacker.eof:
            raise RefusedError(400, f"the body's {name} ends too early")
        body = unpacker.unused_data
        if not body:
            return bytes(unpacked)
    raise RefusedError(413, f"the body has more than {_MEMBERS} members of {name}")


def is_document(body: bytes, content_type: str) -> bool:
    """Whether the body is one JSON document over several lines, as people write it, not shippers."""
    if content_type != "application/json" or b"\n" not in body.strip():
        return False
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def pack(lines: Iterable[bytes]) -> bytes:
    """Lines as gzip, without holding them all at a time."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)  # level 1: the way is short, the processor is shared
    packed = [packer.compress(line) for line in lines]
    return b"".join((*packed, packer.flush()))
