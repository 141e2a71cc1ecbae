"""Cut blocks of bytes into lines, at LF only and in bounded memory; join cells to a line."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator

MARGIN = 3  # more than a line end
MOST_CELLS = 250_000
"""Separators of one kind in a line: no log comes near to it, and a list of cells is many times its text."""

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "TABs", " ": "blanks"}

INDENT = " \t\xa0"
"""What a forum or a page puts before each line; no row and no header line begins so."""

_NONE = "\ufffd".encode()  # what decoders write for what they cannot read

UTF16_LE, UTF16_BE = "utf-16-le", "utf-16-be"
_UTF16 = {codecs.BOM_UTF16_LE: UTF16_LE, codecs.BOM_UTF16_BE: UTF16_BE}
_TELLING_BYTES = 4  # a byte order mark, or two characters of a header

Span = tuple[bytes, int, int]
"""Whole lines: a block, where in it they begin and where they end. Each ends in LF but perhaps the last."""


def join_csv(cells: Iterable[str]) -> str:
    """Return cells as a row, quoted only where they contain a comma or a quote, as Exchange writes them."""
    return ",".join(
        '"' + cell.replace('"', '""') + '"' if "," in cell or '"' in cell else cell for cell in cells
    )


def find_crowd(line: str) -> str:
    """Return a reason where a line has far too many cells, words or members; else an empty text."""
    if len(line) <= MOST_CELLS:
        return ""
    for sign, name in SEPARATORS.items():
        found = line.count(sign)
        if found > MOST_CELLS:
            return f"line has {found} {name}; expected at most {MOST_CELLS}"
    return ""


def find_utf16(beginning: bytes) -> str:
    """Return which UTF-16 a log is in, by its byte order mark or a NUL in every second byte; empty for
    neither.
    """
    marked = _UTF16.get(beginning[:2])
    if marked is not None or len(beginning) < _TELLING_BYTES:
        return marked or ""
    nuls = [not byte for byte in beginning[:_TELLING_BYTES]]
    if nuls == [False, True, False, True]:
        return UTF16_LE
    return UTF16_BE if nuls == [True, False, True, False] else ""


def looks_utf16(line: bytes) -> bool:
    """Return whether a line cut at a LF byte is UTF-16: half of every second byte is NUL, and no
    other byte.
    """
    counts = line[::2].count(0), line[1::2].count(0)
    return not min(counts) and max(counts) * 4 >= len(line) >= _TELLING_BYTES


def decode_utf16(line: bytes, encoding: str) -> str | None:
    """Return the text of a UTF-16 line cut at the byte of LF; ``None`` where it is invalid in this encoding.

    The second byte of a LF begins the next line in little endian; in big endian the first one ends the line.
    """
    if encoding == UTF16_LE:
        line = line[len(line) % 2 :] if line[:1] == b"\0" else line
    line = line[: len(line) // 2 * 2]
    try:
        return line.decode(encoding)
    except UnicodeDecodeError:
        return None


class LineCutter:
    """Cuts the blocks of one file into lines without their LF.

    Input that begins as UTF-16 is decoded and passed on as UTF-8; so is any other ``encoding``, unless the
    input begins with UTF-8's byte order mark. A line longer than ``max_bytes`` is passed on as its first
    ``max_bytes + MARGIN`` bytes, by which the reader of lines recognizes it; its rest is discarded as it
    arrives.
    """

    def __init__(self, max_bytes: int, encoding: str = "") -> None:
        self._limit = max_bytes + MARGIN
        self._encoding = encoding
        self._pending = bytearray()
        self._skipping = False
        self._started = False
        self._decoder: codecs.IncrementalDecoder | None = None

    def feed(self, block: bytes) -> list[bytes]:
        """Return the lines that ``block`` completes."""
        return [line for span in self.cut(block) for line in self._lines(*span)]

    def cut(self, block: bytes, *, in_one: bool = False) -> Iterator[Span]:
        """Yield the lines that ``block`` completes as spans of a block.

        A line that began in an earlier block comes alone, or, with ``in_one`` and a copy, together with the
        others.
        """
        if not self._started:
            block = bytes(self._pending) + block
            self._pending.clear()
            if len(block) < _TELLING_BYTES:
                self._pending += block
                return iter(())
            self._start(block)
        block = self._transcode(block)
        if in_one and self._pending and not self._skipping and len(self._pending) + len(block) <= self._limit:
            block = bytes(self._pending + block)
            self._pending.clear()
        return self._cut(block)

    def finish(self) -> list[bytes]:
        """Return the last line where the file does not end in LF."""
        rest = b""
        if not self._started:
            rest = bytes(self._pending)
            self._pending.clear()
            self._start(rest)
        rest = self._transcode(rest, final=True)
        lines = [line for span in self._cut(rest) for line in self._lines(*span)]
        if self._pending:
            lines.append(bytes(self._pending))
            self._pending.clear()
        self._skipping = False
        return lines

    def _start(self, block: bytes) -> None:
        self._started = True
        encoding = find_utf16(block)
        if not encoding and not block.startswith(codecs.BOM_UTF8):
            encoding = self._encoding
        if encoding:
            # Undecodable input becomes bytes that are not UTF-8, so that its line is refused later.
            errors = "surrogatepass" if encoding.startswith("utf-16") else "replace"
            self._decoder = codecs.getincrementaldecoder(encoding)(errors)

    def _transcode(self, block: bytes, final: bool = False) -> bytes:
        if self._decoder is None:
            return block
        half_character = b"\xff" if final and self._decoder.getstate()[0] else b""
        made = self._decoder.decode(block).encode("utf-8", "surrogatepass")
        return (made.replace(_NONE, b"\xff") if self._decoder.errors == "replace" else made) + half_character

    def _cut(self, block: bytes) -> Iterator[Span]:
        begin, end = 0, block.rfind(b"\n") + 1
        if end and (self._pending or self._skipping):  # only the first line may have begun before
            begin = block.find(b"\n") + 1
            line = self._join(block[: begin - 1])
            self._pending.clear()
            self._skipping = False
            yield line, 0, len(line)
        if begin < end <= begin + self._limit:
            yield block, begin, end
        elif begin < end:
            lines = b"\n".join((*self._lines(block, begin, end), b""))
            yield lines, 0, len(lines)
        if end < len(block) and not self._skipping:
            self._pending += block[end : end + self._limit - len(self._pending)]
            self._skipping = len(self._pending) >= self._limit

    def _lines(self, block: bytes, begin: int, end: int) -> list[bytes]:
        lines = block[begin:end].removesuffix(b"\n").split(b"\n")
        return lines if end - begin <= self._limit else [line[: self._limit] for line in lines]

    def _join(self, piece: bytes) -> bytes:
        if self._skipping:
            return bytes(self._pending)
        if not self._pending:
            return piece[: self._limit]
        return bytes(self._pending + piece)[: self._limit]
