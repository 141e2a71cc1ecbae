"""Cut JSON text that comes line by line into whole objects, in bounded memory.

The text may be one object a line, an array on a line, or either printed over many lines. Each object is
passed on as soon as its brace closes, so an array may be of any length. Text that is not an object is refused
with its own text, and so is an object that was cut off: reading resumes at the next object that begins no
deeper. No input is dropped.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from exnorm.errors import quote
from exnorm.sources.columnar import Refusal
from exnorm.text.patterns import compile_later

MAX_DEPTH = 32
MAX_DIGITS = 64

Found = tuple[str, "Refusal | None"]
"""The text of an object, and why it cannot be used, if so."""

_TOKEN = compile_later(r'"[^"\\]*(?:\\.[^"\\]*)*"|["{}\[\]]')
_NOT_BETWEEN = compile_later(r"[^\s,\[\]]")
_SURROGATE = compile_later("[\ud800-\udfff]")


class JsonObjects:
    """Cuts lines of JSON into their outermost objects; ``waiting`` while one of them is open."""

    def __init__(self, max_bytes: int) -> None:
        self._limit = max_bytes
        self._pieces: list[str] = []
        self._bytes = 0
        self._lines = 0
        self._depth = 0
        self._indent = 0
        self._indented: bool | None = None  # whether what is inside the object stands deeper than it
        self._refusal: Refusal | None = None

    @property
    def waiting(self) -> bool:
        """Whether an object is open, so that the next line belongs to it."""
        return self._depth > 0

    def feed(self, line: str) -> Iterator[Found]:
        """Yield the objects that ``line`` completes, and its text that is no object."""
        if self._depth and self._begins_anew(line):
            yield self._give_up("the object is cut off: another begins before it is closed")
        at = 0
        while at < len(line):
            if not self._depth:
                begin = _NOT_BETWEEN.search(line, at)
                if begin is None:
                    return
                at = begin.start()
                if line[at] != "{":
                    reason = f"not JSON: expected an object at character {at + 1}, got {quote(line[at], 1)}"
                    yield line[at:], ("syntax", reason)
                    return
                self._open(line, at)
            end = self._scan(line, at)
            yield from self._keep(line[at:end])
            if not self._depth:
                yield self._close()
            at = end

    def miss(self) -> None:
        """Take note of a lost line: an open object is incomplete."""
        if self._depth:
            self._refuse("syntax", f"line {self._lines + 1} of the object could not be read")

    def finish(self) -> Iterator[Found]:
        """Yield the object that was open when the text ended."""
        if self._depth:
            yield self._give_up("the object is cut off: the log ends before it is closed")

    def _open(self, line: str, at: int) -> None:
        self._indent = _indent(line)
        self._indented = True if line[at + 1 :].strip() else None

    def _begins_anew(self, line: str) -> bool:
        """Return whether a line begins with a brace at an indentation where only an outermost object
        begins.
        """
        indent = _indent(line)
        if self._indented is None:
            self._indented = indent > self._indent
        return self._indented and indent <= self._indent and line[indent : indent + 1] in ("{", "[")

    def _scan(self, line: str, at: int) -> int:
        """Return where the object ends, or the line."""
        for token in _TOKEN.finditer(line, at):
            sign = token.group()
            if sign in ("{", "["):
                self._depth += 1
                if self._depth > MAX_DEPTH:
                    self._refuse("syntax", f"JSON is nested deeper than {MAX_DEPTH} levels")
            elif sign in ("}", "]"):
                self._depth -= 1
                if not self._depth:
                    return token.end()
            elif sign == '"':
                where = f"line {self._lines + 1}, character {token.start() - (0 if self._pieces else at) + 1}"
                self._refuse("syntax", f"not JSON: a string is left open at {where}")
                break
        return len(line)

    def _keep(self, piece: str) -> Iterator[Found]:
        size = len(piece.encode("utf-8", "surrogatepass")) + 1
        if self._pieces and self._bytes + size > self._limit + 1:
            self._refuse("too-long", f"object is longer than max_line_bytes, {self._limit}")
            yield self._text(), self._refusal
            self._pieces, self._bytes = [], 0
        self._pieces.append(piece)
        self._bytes += size
        self._lines += 1

    def _close(self) -> Found:
        found = self._text(), self._refusal
        self._pieces, self._bytes, self._lines, self._depth, self._refusal = [], 0, 0, 0, None
        return found

    def _give_up(self, reason: str) -> Found:
        self._refuse("syntax", reason)
        return self._close()

    def _refuse(self, kind: str, reason: str) -> None:
        self._refusal = self._refusal or (kind, reason)

    def _text(self) -> str:
        return "\n".join(self._pieces)


def read_object(text: str) -> dict[str, Any] | Refusal:
    """Return the properties of one object; a number that Python would write differently stays text."""
    try:
        found = json.loads(
            text, object_pairs_hook=_properties, parse_int=_integer, parse_float=_real, parse_constant=str
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, character {error.colno}"
        return "syntax", f"not JSON: {error.msg[:1].lower()}{error.msg[1:]} at {where}"
    except ValueError as error:
        return "syntax", str(error)
    assert isinstance(found, dict)  # the text begins with a brace
    if "\\u" in text and _SURROGATE.search(json.dumps(found, ensure_ascii=False)):
        return "encoding", "a string holds one half of a surrogate pair"
    return found


def _properties(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"not JSON to rely on: property {quote(twice)} stands twice")
    return found


def _integer(digits: str) -> int | str:
    _check_digits(digits)
    return int(digits) if str(int(digits)) == digits else digits


def _real(digits: str) -> float | str:
    _check_digits(digits)
    return float(digits) if str(float(digits)) == digits else digits


def _check_digits(digits: str) -> None:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number is {len(digits)} characters long; expected at most {MAX_DIGITS}")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))
