"""Decompress bytes in pieces of bounded size; the caller stops at its own limit."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

from exnorm.files import zstd

PIECE_BYTES = 1024 * 1024
_FED_BYTES = 64 * 1024  # at a time, where the decompressor keeps a copy of what it has not read
_MEMBERS = 100  # there may be several, one after the other; each costs a copy of the rest
_WINDOW = {"gzip": 31, "x-gzip": 31, "deflate": 47}  # zlib's words for which header to expect
METHODS = (*_WINDOW, "zstd")


class DamagedError(Exception):
    """Compressed data is damaged; with ``is_bomb`` it is intact but expands too much."""

    def __init__(self, reason: str, is_bomb: bool = False) -> None:
        super().__init__(reason)
        self.is_bomb = is_bomb


def is_readable(method: str) -> bool:
    """Return whether ``inflate`` supports a method here; zstd needs Python 3.14 or a package."""
    return method in _WINDOW or (method == "zstd" and zstd.load() is not None)


def inflate(data: bytes, method: str) -> Iterator[bytes]:
    """Yield the content member by member, in pieces. Raises ``DamagedError``."""
    for _ in range(_MEMBERS):
        member = _Zstd() if method == "zstd" else _Zlib(_WINDOW[method])
        try:
            yield from member.read(data)
        except member.errors():
            raise DamagedError(f"no {method}") from None
        if not member.engine.eof:
            raise DamagedError(f"{method} that ends too early")
        data = member.engine.unused_data + member.rest
        if not data:
            return
    raise DamagedError(f"more than {_MEMBERS} members of {method}", is_bomb=True)


class _Zlib:
    rest = b""

    def __init__(self, window: int) -> None:
        self.engine = zlib.decompressobj(window)

    def errors(self) -> tuple[type[Exception], ...]:
        return (zlib.error,)

    def read(self, data: bytes) -> Iterator[bytes]:
        while not self.engine.eof:
            piece = self.engine.decompress(data, PIECE_BYTES)
            yield piece
            data = self.engine.unconsumed_tail
            if not data and len(piece) < PIECE_BYTES:
                return


class _Zstd:
    def __init__(self) -> None:
        self.engine: Any = zstd.open_decompressor()
        self.rest = b""

    def errors(self) -> tuple[type[Exception], ...]:
        return zstd.list_errors()

    def read(self, data: bytes) -> Iterator[bytes]:
        at = 0
        while not self.engine.eof and (at < len(data) or not self.engine.needs_input):
            fed = b""
            if self.engine.needs_input:
                fed = data[at : at + _FED_BYTES]
                at += len(fed)
            yield self.engine.decompress(fed, PIECE_BYTES)
        self.rest = data[at:]
