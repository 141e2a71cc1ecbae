"""Find the rows that contain an id in files of any size, without parsing what cannot match.

The bytes are searched for the ids first. Only rows that contain one are passed on, with the header lines in
force for them, to be parsed as usual.
"""

from __future__ import annotations

import os
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from exnorm.convert import INT64_MAX, utc_ms
from exnorm.files.shared import open_shared

READ_BYTES = 1024 * 1024
PROBE_BYTES = 64 * 1024
_PROBES = 64
_SMALL_BYTES = 4 * PROBE_BYTES
_LINE_BYTES = 8 * 1024 * 1024  # what is longer is no row
_DISORDER_MS = 60_000  # rows of several threads
_HEADER_LINES = 20
_BINARY = getattr(os, "O_BINARY", 0)  # Windows would change line ends
_APART = re.compile(r"[^<>'\"&\\\x00-\x1f\x7f-\U0010ffff]+")
_MOMENT = re.compile(rb"(?:\A|\n)\"?(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)")
_FIELDS = b"\n#Fields"
_MARK_BYTES = 40
COUNTED_BYTES = 64 * 1024 * 1024
"""So far down a file its lines are counted: counting takes longer than searching."""


@dataclass(frozen=True)
class LogFile:
    """A file to search: ``blocks`` reads it, ``path`` is empty where it is compressed."""

    name: str
    blocks: Callable[[], Iterator[bytes]]
    path: str = ""
    size: int = 0


class FoundLine(NamedTuple):
    """A row that contains an id, or a header line, without its line end, and its position in the file.

    ``number`` counts the file's lines from 1; 0 where lines were not counted that far.
    """

    line: bytes
    number: int
    place: int
    is_header: bool


@dataclass(frozen=True)
class Needles:
    """Texts of which a row must contain one; ``folded`` ones are in lower case and match any
    case of ASCII.
    """

    texts: tuple[bytes, ...]
    folded: bool = False

    def are_in(self, room: bytearray, begin: int, end: int) -> bool:
        """Return whether one of them is in a part of a buffer."""
        if self.folded:
            lower = room[begin:end].lower()
            return any(lower.find(text) >= 0 for text in self.texts)
        return any(room.find(text, begin, end) >= 0 for text in self.texts)

    def find(self, block: bytes) -> list[int]:
        """Return the positions of all of them, in order; an empty text is in each line."""
        searched = block.lower() if self.folded else block
        places: list[int] = []
        for text in self.texts:
            at = searched.find(text)
            while at >= 0:
                places.append(at)
                # A row is found once however often it holds the text.
                end = searched.find(b"\n", at)
                at = -1 if end < 0 else searched.find(text, end + 1)
        return sorted(places) if len(self.texts) > 1 else places


def make_needle(text: str) -> bytes:
    """Return the longest part of a text that every format writes unchanged, without quotes and brackets."""
    return max(_APART.findall(text), key=len, default="").encode()


class Window(NamedTuple):
    """A span of time, in epoch milliseconds UTC."""

    first: int
    last: int

    def meets(self, first: int | None, last: int | None) -> bool:
        """Return whether another span overlaps; an unknown end may be any time."""
        return (first is None or first <= self.last) and (last is None or last >= self.first)


class Finder:
    """Searches one file, again for each new set of ids; it remembers the file's header lines."""

    def __init__(self, file: LogFile) -> None:
        self.file = file
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._headers: list[tuple[int, bytes]] = []
        self._counted = [(0, 0)]  # places where a block begins, and how many lines come before
        self._scanned = 0
        self._mark = b""  # what every header begins with

    def find(self, needles: Needles, window: Window | None = None) -> list[FoundLine]:
        """Return the rows that contain one of the needles, in order, with the header lines in force for them.

        With a ``window`` only rows of that time are searched, if the file's rows are in order of time. Raises
        the errors of ``blocks``, and ``OSError``.
        """
        begin, end = 0, -1
        if window is not None and self.file.path:
            span = find_span(self.file.path, window)
            if span is None:
                return []
            begin, end = span
        rows = list(_scan(self.file, needles, begin, end))
        if not rows:
            return []
        if not self.file.path:
            self._begin_anew()
        numbers = self._note_headers([place for place, _ in rows])
        found = [
            FoundLine(line.removesuffix(b"\r"), numbers.get(place, 0), place, is_header=False)
            for place, line in rows
        ]
        found += [FoundLine(line, 0, place, is_header=True) for place, line in self._headers]
        return sorted(found, key=lambda one: (one.place, not one.is_header))

    def _note_headers(self, places: Sequence[int]) -> dict[int, int]:
        """Find the header lines before the last of these positions; return the line numbers at the
        positions.
        """
        numbers: dict[int, int] = {}
        waiting = list(reversed(places))
        if self.file.path:
            while waiting and waiting[-1] < self._scanned:
                place = waiting.pop()
                numbers[place] = self._count(place)
        if not waiting:
            return numbers
        for at, block in _cut(_blocks_from(self.file, self._scanned), self._scanned):
            if at == 0:
                self._mark = _read_mark(block)
            self._headers += [(at + start, line) for start, line in _find_headers(block, self._mark, at == 0)]
            is_counted = at < COUNTED_BYTES
            lines, counted = self._counted[-1][1], 0
            while waiting and waiting[-1] < at + len(block):
                start = waiting[-1] - at
                if is_counted:
                    lines, counted = lines + block.count(b"\n", counted, start), start
                    numbers[waiting[-1]] = lines + 1
                waiting.pop()
            self._scanned = at + len(block)
            if is_counted:
                self._counted.append((self._scanned, lines + block.count(b"\n", counted)))
            if not waiting:
                break
        return numbers

    def _count(self, place: int) -> int:
        """Return the number of a line in the scanned part; 0 where lines were not counted that far."""
        at, lines = max((one for one in self._counted if one[0] <= place), default=(0, 0))
        if place >= self._counted[-1][0]:
            return 0
        block = next(_blocks_from(self.file, at), b"")
        return lines + 1 + block.count(b"\n", 0, place - at)


def _blocks_from(file: LogFile, place: int) -> Iterator[bytes]:
    """Yield the bytes of a file from a position on; for a compressed one only 0 is possible."""
    if not file.path:
        yield from file.blocks()
        return
    with open(file.path, "rb", buffering=0, opener=open_shared) as reader:
        reader.seek(place)
        while block := reader.read(READ_BYTES):
            yield block


def _read_mark(block: bytes) -> bytes:
    """Return the common beginning of a file's headers, from its first line; a longer one is found faster."""
    first = block[: block.find(b"\n")].removeprefix(BOM_UTF8).removesuffix(b"\r")
    return b"\n" + first[:_MARK_BYTES] if first.startswith(b"#Software: ") else _FIELDS


def _scan(file: LogFile, needles: Needles, begin: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield rows and where they begin in the file; ``end`` is -1 for all of it."""
    if not file.path:
        for at, block in _cut(file.blocks()):
            yield from _pick(block, at, needles)
        return
    # Gigabytes are read here, so the buffer stays in place and only its last partial line is moved.
    room = bytearray(READ_BYTES)
    held, at = 0, begin
    with open(file.path, "rb", buffering=0, opener=open_shared) as reader:
        reader.seek(begin)
        left = end - begin if end >= 0 else INT64_MAX
        while left > 0:
            if held == len(room):
                if held >= _LINE_BYTES:
                    at, held = at + held, 0
                else:
                    room += bytes(held)
            number = reader.readinto(memoryview(room)[held : held + min(left, len(room) - held)]) or 0
            if number == 0:
                break
            left -= number
            filled = held + number
            cut = room.rfind(b"\n", held, filled) + 1
            if needles.are_in(room, 0, filled):
                yield from _pick(bytes(room[: cut or filled]), at, needles)
            if cut:
                at, held = at + cut, filled - cut
                room[:held] = room[cut:filled]
            else:
                held = filled
        yield from _pick(bytes(room[:held]), at, needles)


def _cut(blocks: Iterable[bytes], at: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield blocks of whole lines with their positions; a line without an end comes in parts."""
    rest = b""
    for block in blocks:
        whole = rest + block if rest else block
        cut = whole.rfind(b"\n") + 1
        if cut == 0 and len(whole) > _LINE_BYTES:
            cut = len(whole)
        if cut:
            yield at, whole if cut == len(whole) else whole[:cut]
        at, rest = at + cut, whole[cut:]
    if rest:
        yield at, rest


def _pick(block: bytes, at: int, needles: Needles) -> Iterator[tuple[int, bytes]]:
    last = -1
    for place in needles.find(block):
        first = block.rfind(b"\n", 0, place) + 1
        if first > last:
            last = first
            end = block.find(b"\n", place)
            line = block[first : len(block) if end < 0 else end]
            if line:
                yield at + first, line


def _find_headers(block: bytes, mark: bytes, is_first: bool) -> list[tuple[int, bytes]]:
    """Return the header lines in a block of whole lines: those at the file's beginning, and
    around each mark.
    """
    found: dict[int, bytes] = {}
    begin = 0
    for _ in range(_HEADER_LINES if is_first else 0):
        line, following = _line_at(block, begin)
        if _MOMENT.match(line) or begin >= len(block):
            break
        found[begin] = line
        begin = following
    at = block.find(mark)
    while at >= 0:
        begin = at + 1
        above = block.rfind(b"\n", 0, at) + 1
        while begin - above > 1 and block[above : above + 1] == b"#":  # the header's lines before the mark
            begin, above = above, block.rfind(b"\n", 0, above - 1) + 1 if above else above
        while block[begin : begin + 1] == b"#":
            found[begin], begin = _line_at(block, begin)
        at = block.find(mark, max(begin - 1, at + 1))
    return sorted(found.items())


def _line_at(block: bytes, begin: int) -> tuple[bytes, int]:
    """Return the line at a position, without its end, and where the next one begins."""
    end = block.find(b"\n", begin)
    end = len(block) if end < 0 else end
    return block[begin:end].removesuffix(b"\r"), end + 1


# --- the part of a file that was written in a span of time ----------------------------------------


def find_span(path: str, window: Window) -> tuple[int, int] | None:
    """Return where in a file the rows of a window are; ``None`` where there are none, all of it where unsure.

    Rows are checked in up to 64 positions. If their times go backwards anywhere, nothing is left out.
    """
    descriptor = open_shared(path, os.O_RDONLY | _BINARY)
    try:
        size = os.fstat(descriptor).st_size
        probes = _probe(descriptor, size)
        times = [moment for _, moment in probes]
        if not probes or any(later < sooner - _DISORDER_MS for sooner, later in pairwise(times)):
            return 0, size
        last = _find_last(descriptor, size)
        if not window.meets(times[0], last):
            return None
        if size <= _SMALL_BYTES:
            return 0, size
        begin = max((place for place, moment in probes if moment < window.first), default=0)
        end = min((place for place, moment in probes if moment > window.last), default=size)
        begin = _narrow(descriptor, begin, end, window.first)
        return _line_begin(descriptor, begin), max(begin, end)
    finally:
        os.close(descriptor)


def _probe(descriptor: int, size: int) -> list[tuple[int, int]]:
    """Return positions in a file and the first time after each of them."""
    step = max(PROBE_BYTES, size // _PROBES)
    found = []
    for place in range(0, size, step):
        moment = _find_moment(descriptor, place)
        if moment is not None:
            found.append((place, moment))
    return found


def _narrow(descriptor: int, low: int, high: int, moment: int) -> int:
    """Return the last position, to within some kilobytes, after which rows are older than a moment."""
    while high - low > PROBE_BYTES:
        middle = (low + high) // 2
        found = _find_moment(descriptor, middle)
        if found is None or found >= moment:
            high = middle
        else:
            low = middle
    return low


def _find_moment(descriptor: int, place: int) -> int | None:
    os.lseek(descriptor, place, os.SEEK_SET)
    found = _MOMENT.search(os.read(descriptor, PROBE_BYTES), 0 if place == 0 else 1)
    return None if found is None else _read_moment(found)


def _find_last(descriptor: int, size: int) -> int | None:
    os.lseek(descriptor, max(0, size - PROBE_BYTES), os.SEEK_SET)
    found = list(_MOMENT.finditer(os.read(descriptor, PROBE_BYTES)))
    return _read_moment(found[-1]) if found else None


def _read_moment(found: re.Match[bytes]) -> int | None:
    return utc_ms(f"{found.group(1).decode()}T{found.group(2).decode()}Z")


def _line_begin(descriptor: int, place: int) -> int:
    """Return where the first whole line after a position begins; 0 for the file's beginning."""
    if place == 0:
        return 0
    os.lseek(descriptor, place, os.SEEK_SET)
    at = os.read(descriptor, PROBE_BYTES).find(b"\n")
    return place if at < 0 else place + at + 1


def widen(moments: Iterable[int], margin: int) -> Window | None:
    """Return the window around some moments; ``None`` where there are none."""
    known = list(moments)
    return Window(min(known) - margin, max(known) + margin) if known else None
