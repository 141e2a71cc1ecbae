"""Convert the input of a pipe to plain UTF-8: gzip and UTF-16 are recognized by their first bytes."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterable, Iterator

from exnorm.errors import ParseError

PIECE_BYTES = 1024 * 1024
_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 31  # a gzip header, the largest window
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def unpack(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the blocks as UTF-8, in pieces of bounded size. Raises ``ParseError`` for damaged gzip."""
    yield from _in_utf8(_plain(blocks))


def _plain(blocks: Iterable[bytes]) -> Iterator[bytes]:
    first, rest = _peek(blocks)
    if first[:2] == _GZIP:
        yield from gunzip(_chain(first, rest))
    else:
        yield from _chain(first, rest)


def gunzip(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the content of a stream of gzip, member by member."""
    unpacker, begun = zlib.decompressobj(_GZIP_WINDOW), False
    for block in blocks:
        waiting = block
        while waiting:
            if not begun:
                waiting = waiting.lstrip(b"\0")  # members may be padded
                begun = bool(waiting)
            yield from _piece(unpacker, waiting)
            waiting = unpacker.unconsumed_tail
            if unpacker.eof:
                waiting = unpacker.unused_data
                unpacker, begun = zlib.decompressobj(_GZIP_WINDOW), False
    if begun:
        raise ParseError("the input is damaged gzip: it ends before its content does")


def _piece(unpacker: zlib._Decompress, block: bytes) -> Iterator[bytes]:
    try:
        piece = unpacker.decompress(block, PIECE_BYTES)
    except zlib.error as error:
        raise ParseError(f"the input is damaged gzip: {error}") from None
    if piece:
        yield piece


def _in_utf8(blocks: Iterable[bytes]) -> Iterator[bytes]:
    first, rest = _peek(blocks)
    if first[:2] not in _UTF16:
        yield from _chain(first, rest)
        return
    decoder = codecs.getincrementaldecoder("utf-16")("replace")
    for block in _chain(first, rest):
        yield decoder.decode(block).encode("utf-8")
    yield decoder.decode(b"", final=True).encode("utf-8")


def _peek(blocks: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return at least the first two bytes, where there are so many, and the rest."""
    rest = iter(blocks)
    first = b""
    while len(first) < 2 and (block := next(rest, b"")):
        first += block
    return first, rest


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest
