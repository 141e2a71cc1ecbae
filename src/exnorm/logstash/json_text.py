"""Read and write JSON as Logstash's parser and writer do.

Strict JSON only: no comments, no NaN, no leading zero, no raw control character in a string. Of repeated
names the last counts. Integers of any size are exact. More than 1000 levels, a number of more than 10 000
digits or a name of more than 50 000 characters is refused.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from exnorm.convert import INT_DIGITS, digits

MAX_DEPTH = 1000
MAX_NUMBER = 10_000
MAX_NAME = 50_000

_BLANKS = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE][+-]?([0-9]+))?")
_WORDS = (("true", True), ("false", False), ("null", None))
_WRITTEN = {constant: word for word, constant in _WORDS}
# The fast parser of the standard library cannot handle many brackets, long numbers or names.
_PLAIN_BRACKETS = 100
_PLAIN_TEXT = 4000
_LONG_NUMBER = re.compile(r"[0-9][0-9.eE+-]{3999}")
_LONG_NAME = re.compile(r'[^"]{50001}')
_SURROGATES = re.compile("[\ud800-\udfff]")
_KEPT_SHORT = 1024  # UTF-16 units


class JSONText(ValueError):
    """A text that is not JSON, or exceeds the limits; ``str()`` of it gives the place."""


def read_first(text: str, at: int = 0, plain: bool | None = None) -> tuple[Any, int]:
    """Return the first JSON value from ``at`` on, and where it ends. Raises ``JSONText``.

    ``plain`` is the result of ``is_plain`` for the text, where several values are read from it.
    """
    start = _skip(text, at)
    if is_plain(text) if plain is None else plain:
        try:
            return _DECODER.raw_decode(text, start)
        except ValueError as error:
            raise JSONText(str(error)) from None
    return _Reading(text).read(start)


def write(value: Any) -> bytes:
    """Return a value as one line of JSON; values unknown to JSON are written as in Logstash:
    ``"Infinity"``.
    """
    try:
        return _ENCODER.encode(value).encode("utf-8")
    except (ValueError, RecursionError, TypeError):  # rare values: the slow writer knows them all
        return "".join(_pieces(value)).encode("utf-8", "replace")


def keep_valid(text: str) -> str:
    """Return a text without lone surrogates.

    As Logstash does, a text of up to 1024 characters is cut before the first of them; in a longer one each
    becomes ``?``.
    """
    found = _SURROGATES.search(text)
    if found is None:
        return text
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2
    return text[: found.start()] if units <= _KEPT_SHORT else _SURROGATES.sub("?", text)


def has_surrogates(text: str) -> bool:
    """Return whether a text contains a lone surrogate."""
    return _SURROGATES.search(text) is not None


def replace_surrogates(text: str) -> str:
    """Return a text with ``?`` for each lone surrogate."""
    return _SURROGATES.sub("?", text)


def _refuse_constant(name: str) -> Any:
    raise JSONText(f"{name} is no JSON")


def _read_float(text: str) -> float | str:
    """Return a number; one that is too large becomes the text that Logstash writes, as JSON has
    no infinity.
    """
    number = float(text)
    return number if math.isfinite(number) else "Infinity" if number > 0 else "-Infinity"


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_read_float)
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def is_plain(text: str) -> bool:
    """Return whether the standard library may parse the text: nothing in it is deeply nested or very long."""
    if text.count("{") + text.count("[") > _PLAIN_BRACKETS and _depth(text) > _PLAIN_BRACKETS:
        return False
    return len(text) < _PLAIN_TEXT or not (_LONG_NUMBER.search(text) or _LONG_NAME.search(text))


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\Z)|[\[{]+|[\]}]+', re.DOTALL)


def _depth(text: str) -> int:
    """Return the greatest nesting depth of brackets."""
    depth = deepest = 0
    for token in _TOKEN.finditer(text):
        sign = text[token.start()]
        if sign in "[{":
            depth += token.end() - token.start()
            deepest = max(deepest, depth)
        elif sign in "]}":
            depth -= token.end() - token.start()
    return deepest


def _skip(text: str, at: int) -> int:
    blanks = _BLANKS.match(text, at)
    assert blanks is not None  # it matches nothing too
    return blanks.end()


class _Reading:
    """Reads one value without recursion."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.open: list[tuple[Any, str]] = []  # each container that is not closed, and the name in it

    def read(self, at: int) -> tuple[Any, int]:
        while True:
            value, at, opened = self._value(at)
            if opened and self.text[at : at + 1] not in ("]", "}"):
                at = self._name(at) if isinstance(value, dict) else at
                continue
            while True:
                if opened:
                    container, name = self._close(at)
                    value, at, opened = container, at + 1, False
                if not self.open:
                    return value, at
                container, name = self.open[-1]
                if isinstance(container, dict):
                    container[name] = value
                else:
                    container.append(value)
                at = _skip(self.text, at)
                sign = self.text[at : at + 1]
                if sign == ",":
                    at = _skip(self.text, at + 1)
                    at = self._name(at) if isinstance(container, dict) else at
                    break
                opened = True  # it ends here, or the text is wrong

    def _value(self, at: int) -> tuple[Any, int, bool]:
        """Return the value, where it ends, and whether it is an opened container."""
        sign = self.text[at : at + 1]
        if sign == '"':
            value, end = self._string(at)
            return value, end, False
        if sign in ("{", "["):
            container: Any = {} if sign == "{" else []
            self.open.append((container, ""))
            if len(self.open) > MAX_DEPTH:
                raise JSONText(f"nested deeper than {MAX_DEPTH} levels: character {at + 1}")
            return container, _skip(self.text, at + 1), True
        for word, constant in _WORDS:
            if self.text.startswith(word, at):
                return constant, at + len(word), False
        found = _NUMBER.match(self.text, at)
        if found is None:
            raise JSONText(f"expected a value: character {at + 1}")
        return _number(found), found.end(), False

    def _close(self, at: int) -> tuple[Any, str]:
        container, name = self.open.pop()
        if self.text[at : at + 1] != ("}" if isinstance(container, dict) else "]"):
            raise JSONText(f"expected a comma or the end: character {at + 1}")
        return container, name

    def _name(self, at: int) -> int:
        """Read the name at a position; return where its value begins."""
        if self.text[at : at + 1] != '"':
            raise JSONText(f"expected a name in quotes: character {at + 1}")
        name, end = self._string(at)
        if len(name) > MAX_NAME:
            raise JSONText(f"a name is longer than {MAX_NAME} characters: character {at + 1}")
        end = _skip(self.text, end)
        if self.text[end : end + 1] != ":":
            raise JSONText(f"expected a colon: character {end + 1}")
        self.open[-1] = (self.open[-1][0], name)
        return _skip(self.text, end + 1)

    def _string(self, at: int) -> tuple[str, int]:
        try:
            value, end = scanstring(self.text, at + 1, True)
        except ValueError as error:
            raise JSONText(str(error)) from None
        return value, end


def _number(found: re.Match[str]) -> int | float | str:
    sign, whole, fraction, exponent = found.groups()
    length = len(whole) + len(fraction or "") + len(exponent or "")
    if length > MAX_NUMBER:
        raise JSONText(f"a number is {length} characters long; expected at most {MAX_NUMBER}")
    if fraction is not None or exponent is not None:
        return _read_float(found.group())
    return -_big_int(whole) if sign else _big_int(whole)


def _big_int(digits: str) -> int:
    """Return an integer of any size; Python refuses to read very long ones at once."""
    number = 0
    for at in range(0, len(digits), INT_DIGITS):
        piece = digits[at : at + INT_DIGITS]
        number = number * 10 ** len(piece) + int(piece)
    return number


def _pieces(value: Any) -> list[str]:
    """Return a value as pieces of JSON, without recursion."""
    written: list[str] = []
    waiting: list[Any] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, _Literal):
            written.append(item)
        elif isinstance(item, dict):
            waiting.append(_Literal("}"))
            for number, (name, member) in enumerate(reversed(item.items())):
                comma = "" if number == len(item) - 1 else ","
                waiting += (member, _Literal(f"{comma}{_quoted(str(name))}:"))
            written.append("{")
        elif isinstance(item, (list, tuple)):
            waiting.append(_Literal("]"))
            for number, member in enumerate(reversed(item)):
                waiting.append(member)
                if number < len(item) - 1:
                    waiting.append(_Literal(","))
            written.append("[")
        else:
            written.append(_scalar(item))
    return written


class _Literal(str):
    """A piece that is written as it is."""


def _scalar(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return _WRITTEN[value]
    if isinstance(value, int):
        return digits(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else _not_finite(value)
    if isinstance(value, Decimal) and value.is_finite():
        return str(value)
    return _quoted(value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value))


def _not_finite(value: float) -> str:
    if math.isnan(value):
        return '"NaN"'
    return '"Infinity"' if value > 0 else '"-Infinity"'


def _quoted(text: str) -> str:
    return _ENCODER.encode(keep_valid(text))
