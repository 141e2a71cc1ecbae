"""Cut blocks of lines into escaped rows and cells for generated code, many lines at a time."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from functools import cached_property, lru_cache
from io import BytesIO
from operator import methodcaller

from exnorm.convert import utc_ms
from exnorm.model import Layout, Wire
from exnorm.text.lines import MOST_CELLS, SEPARATORS, Span

_ENDS_IN_CRLF = methodcaller("endswith", b"\r\n")


class Batch:
    """Whole lines of one block; the ``number`` lines before position ``at`` are done."""

    def __init__(self, span: Span, wire: Wire | None, max_line_bytes: int) -> None:
        self.block, self.begin, self.end = span
        self.at = self.begin
        self.number = 0
        self._wire = wire
        self._max_line_bytes = max_line_bytes

    @cached_property
    def lines(self) -> list[bytes]:
        """All lines, without the LF at their end."""
        return self.block[self.begin : self.end].removesuffix(b"\n").split(b"\n")

    @cached_property
    def ended_lines(self) -> list[bytes]:
        """All lines, some or all with the LF at their end; this takes a third of the time of ``lines``."""
        return self.__dict__.get("lines") or _cut_lines(self.block[self.begin : self.end])

    @cached_property
    def rows(self) -> list[str]:
        """All lines as ``prepare`` returns them."""
        assert self._wire is not None  # callers check this first
        return prepare(self.block[self.begin : self.end], self._wire, self._max_line_bytes)

    @cached_property
    def is_crowded(self) -> bool:
        """Whether a line has more cells than a reader takes, in which case no line may be cut here."""
        at = self.begin
        while self.end - at > MOST_CELLS:
            end = self.block.rfind(b"\n", at, at + MOST_CELLS + 1)
            if end < 0:
                end = self.block.find(b"\n", at, self.end)
                end = self.end if end < 0 else end
                if any(self.block.count(sign.encode(), at, end) > MOST_CELLS for sign in SEPARATORS):
                    return True
            at = end + 1
        return False

    @property
    def last(self) -> bytes:
        """The line that was done last."""
        end = self.at - 1 if self.block[self.at - 1 : self.at] == b"\n" else self.at
        return self.block[max(self.begin, self.block.rfind(b"\n", self.begin, end) + 1) : end]

    def count_lines(self) -> int:
        """Return the number of lines not done yet."""
        return self.block.count(b"\n", self.at, self.end)

    def peek(self, most: int) -> bytes:
        """Return the next lines, at least one and at most ``most`` bytes, without the LF after the last."""
        end = self.block.rfind(b"\n", self.at, min(self.at + most, self.end))
        end = self.block.find(b"\n", self.at, self.end) if end < 0 else end
        return self.block[self.at : self.end if end < 0 else end]

    def take(self) -> bytes:
        """Return the next line and mark it as done."""
        begin, end = self.at, self.block.find(b"\n", self.at, self.end)
        end = self.end if end < 0 else end
        self.at, self.number = min(end + 1, self.end), self.number + 1
        return self.block[begin:end]

    def take_all(self) -> list[bytes]:
        """Return all lines not done yet and mark them as done."""
        lines = []
        while self.at < self.end:
            lines.append(self.take())
        return lines

    def take_one(self) -> Batch:
        """Return the next line as a batch of its own, without marking it as done."""
        end = self.block.find(b"\n", self.at, self.end) + 1
        return Batch((self.block, self.at, end or self.end), self._wire, self._max_line_bytes)

    def pass_over(self, number: int) -> None:
        """Mark the lines before line ``number`` as done."""
        for _ in range(self.number, number):
            self.at = self.block.find(b"\n", self.at, self.end) + 1 or self.end
        self.number = number

    def pass_all(self) -> None:
        """Mark all lines as done."""
        self.at, self.number = self.end, len(self.rows)

    def single(self, number: int) -> Batch:
        """Return line ``number`` as a batch of its own."""
        line = self.lines[number]
        one = Batch((line, 0, len(line)), self._wire, self._max_line_bytes)
        one.lines, one.rows = [line], self.rows[number : number + 1]
        return one


def prepare(block: bytes, wire: Wire, max_line_bytes: int) -> list[str]:
    """Return lines as escaped rows, read as Latin-1; a line that needs its reader becomes an empty row.

    Each line of ``block`` ends in a LF; the last one may lack it.
    """
    if not block.endswith(b"\n"):
        block += b"\n"
    returns = len(block) - len(block.replace(b"\r", b""))  # counting them takes longer
    if len(block) <= max_line_bytes and b"\0" not in block:
        lines = _cut_lines(_escape(block, wire, b"\r"))
        if not returns:
            return _without_odd([str(line[:-1], "latin-1") for line in lines], block, wire)
        if returns == len(lines) and all(map(_ENDS_IN_CRLF, lines)):
            rows = [str(line[:-2], "latin-1") for line in lines]
            return _without_odd(rows, block, wire, b"\r")
    return _prepare_each(block, wire, max_line_bytes)


def _cut_lines(block: bytes) -> list[bytes]:
    """Return the lines with the LF at their end; ``readlines`` is faster than ``split`` here."""
    return BytesIO(block).readlines()


def _prepare_each(block: bytes, wire: Wire, max_line_bytes: int) -> list[str]:
    """Return escaped rows line by line, for a block whose lines end differently or that a stream would refuse
    in part.
    """
    lines = block[:-1].split(b"\n")
    bare = block.replace(b"\r\n", b"\n")[:-1]
    rows = _without_odd(_escape(bare, wire).decode("latin-1").split("\n"), bare, wire)
    return [
        "" if line[-2:] == b"\r\r" or b"\0" in line or len(line) > max_line_bytes else row
        for line, row in zip(lines, rows)
    ]


def _escape(block: bytes, wire: Wire, but: bytes = b"") -> bytes:
    """Apply all of the format's escapes except that of ``but``."""
    for plain, escaped in wire.escapes_of_bytes:
        if plain != but:
            block = block.replace(plain, escaped)
    return block


def _without_odd(rows: list[str], block: bytes, wire: Wire, but: bytes = b"") -> list[str]:
    """Return the rows, empty where one is not UTF-8 or has a refused character other than ``but``."""
    wide = [row for row in rows if not row.isascii()]
    if wide and not _is_utf8("\n".join(wide)):
        rows = [row if _is_utf8(row) else "" for row in rows]
    odd = _find_refused(block, wire, but)
    if odd:
        rows = ["" if any(one in row for one in odd) else row for row in rows]
    return rows


def _find_refused(data: bytes, wire: Wire, but: bytes = b"") -> list[str]:
    """Return the refused characters that occur in the data, read as Latin-1."""
    narrow, wide = wire.refused_bytes
    narrow = narrow.replace(but, b"")
    found = [one for one in wide if one in data] if wide and not data.isascii() else []
    if narrow and len(data.translate(None, narrow)) != len(data):
        found += [one for one in (narrow[at : at + 1] for at in range(len(narrow))) if one in data]
    return [one.decode("latin-1") for one in found]


def _is_utf8(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def as_latin1(text: str) -> str:
    """Return text as generated code handles it: each byte of its UTF-8 as one character.

    Such text takes one byte a character in memory, its length is that of the value on the wire, and a whole
    block of it is encoded by copying.
    """
    return text if text.isascii() else text.encode("utf-8", "replace").decode("latin-1")


def from_latin1(text: str) -> str:
    """The inverse of ``as_latin1``."""
    return text if text.isascii() else text.encode("latin-1").decode("utf-8")


def split_quoted(row: str, quote: str = '"') -> list[str]:
    """Return the cells of a row with quotes, an inner quote written as ``quote``; an empty list where one is
    malformed.
    """
    parts = row.split('"')
    if len(parts) == 3:
        before, inside, after = parts
        if (not before or before[-1] == ",") and (not after or after[0] == ","):
            cells = before[:-1].split(",") if before else []
            cells.append(inside)
            if after:
                cells += after[1:].split(",")
            return cells
    try:
        cells = next(csv.reader((row,), strict=True), [])
    except csv.Error:
        return []
    return cells if quote == '"' else [cell.replace('"', quote) for cell in cells]


def join_cells(wire: Wire, texts: Iterable[str]) -> str:
    """Return texts as escaped cells, read as Latin-1 and joined by LF; the count differs where one of them is
    odd.
    """
    try:
        block = "\n".join(texts).encode("utf-8")
    except (TypeError, UnicodeEncodeError):  # a plugin returned something that is not text
        return ""
    if wire.refused and _find_refused(block, wire):
        return ""
    joined = _escape(block, wire).decode("latin-1")
    return joined if wire.quote == '"' else joined.replace('"', wire.quote)


def exceeds(cell: str, max_bytes: int, unescape: Callable[[str], str]) -> bool:
    """Return whether the unescaped text of a cell is longer than ``max_bytes``."""
    return len(cell) > max_bytes and len(unescape(cell)) > max_bytes


def read_row_time(line: bytes, layout: Layout) -> int | None:
    """Return the time of a row in epoch milliseconds UTC, from the place that its layout names."""
    separator = layout.separator.encode()
    cell, _, rest = line.partition(separator)
    if layout.dated:
        cell = b"%sT%sZ" % (cell, rest.partition(separator)[0])
    cell = cell.strip(b'"')
    second, fraction = _read_second(cell[:19]), _read_fraction(cell[19:])
    return None if second is None or fraction is None else second + fraction


@lru_cache(maxsize=4096)  # many rows share a second, and there are a thousand fractions
def _read_second(start: bytes) -> int | None:
    return utc_ms(start.decode("utf-8", "replace") + "Z")


@lru_cache(maxsize=4096)
def _read_fraction(end: bytes) -> int | None:
    return utc_ms("1970-01-01T00:00:00" + end.decode("utf-8", "replace"))
