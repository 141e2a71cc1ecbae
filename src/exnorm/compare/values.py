"""Compare two values of one field."""

from __future__ import annotations

import html
import re
from functools import partial
from typing import NamedTuple
from urllib.parse import unquote

from exnorm.compare.moments import read_moment
from exnorm.convert import ip
from exnorm.text.controls import TOKENS

SAME = "same"
VALUE = "value differs"
ONLY_OURS, ONLY_THEIRS = "only ours", "only theirs"
CASE, DOMAIN, ZONE = "case", "domain", "time zone"
MILLISECONDS, TRUNCATED, ESCAPED, NOTATION = "milliseconds", "truncated", "escaped", "notation"
KINDS = {
    VALUE: "the values have nothing in common that explains it",
    ONLY_OURS: "exnorm writes the field, they do not",
    ONLY_THEIRS: "they write the field, exnorm does not",
    CASE: "capital letters only",
    DOMAIN: "one side has a domain with the name, the other has not",
    ZONE: "the same time, off by a time zone",
    MILLISECONDS: "the same second; one side has no milliseconds",
    TRUNCATED: "one side has only the beginning, or one of several members",
    ESCAPED: "the same text, quoted or escaped once more or less",
    NOTATION: "the same meaning, written in another way",
}
"""Every kind of difference, and what it means."""

OURS, THEIRS, NEITHER = "ours keeps more", "theirs keeps more", "differs"
VERDICTS = (SAME, OURS, THEIRS, NEITHER)

SURE_PREFIX = 24
"""Characters that a value must have so that its being the beginning of another is no accident."""
_CUT_MARKS = ("...", "\u2026", "[truncated]", "<truncated>")
_QUARTER = 15 * 60 * 1000
_MOST_OFFSET = 14 * 3600 * 1000
_ESCAPES = re.compile(r"\\(.)", re.DOTALL)
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t"}
_TOKEN = {token: character for character, token in TOKENS.items()}
_TOKENS = re.compile("|".join(map(re.escape, _TOKEN)))
_SPACES = re.compile(r"\s+")
_LIST = re.compile(r"\s*[;,|]\s*")
_ADDRESSES = re.compile(r"[\s;,|]+")
_SEVERITY_WORDS = {"low": range(4), "medium": range(4, 7), "high": range(7, 9), "very-high": range(9, 11)}
_NUMBER = re.compile(r"[+-]?[0-9]{1,19}(?:\.0+)?")


class Judged(NamedTuple):
    """How two values differ, and which side keeps more of the log."""

    kind: str
    verdict: str


EQUAL = Judged(SAME, SAME)


def judge(ours: str, theirs: str, type: str = "text", *, raw: str = "", max_bytes: int = 0) -> Judged:
    """Compare two texts of a field of ``type``; an empty one is a missing field.

    ``raw`` is theirs before it was unescaped, ``max_bytes`` the vendor's limit of the field.
    """
    if ours == theirs:
        return EQUAL
    if not theirs:
        return Judged(ONLY_OURS, OURS)
    if not ours:
        return Judged(ONLY_THEIRS, THEIRS)
    if type in _JUDGES:
        return _JUDGES[type](ours, theirs)
    judges = (_judge_form, partial(_judge_length, max_bytes=max_bytes), _judge_meaning)
    if raw and raw == ours:
        return Judged(ESCAPED, NEITHER)
    return next((found for judge in judges if (found := judge(ours, theirs))), Judged(VALUE, NEITHER))


def _judge_addresses(ours: str, theirs: str) -> Judged:
    address = ip(ours)
    return EQUAL if address is not None and address == ip(theirs) else Judged(VALUE, NEITHER)


def _judge_times(ours: str, theirs: str) -> Judged:
    left = read_moment(ours)
    right = None if left is None else read_moment(theirs, left)
    if left is None or right is None:
        return Judged(VALUE, NEITHER)
    if left == right:
        return EQUAL
    if left // 1000 == right // 1000 and 0 in (left % 1000, right % 1000):
        return Judged(MILLISECONDS, OURS if right % 1000 == 0 else THEIRS)
    apart = abs(left - right)
    if 0 in (left % 1000, right % 1000):
        apart = abs(left // 1000 - right // 1000) * 1000
    if apart and apart % _QUARTER == 0 and apart <= _MOST_OFFSET:
        return Judged(ZONE, NEITHER)
    return Judged(VALUE, NEITHER)


def _judge_numbers(ours: str, theirs: str) -> Judged:
    words = _SEVERITY_WORDS.get(theirs.strip().lower())
    if words is not None and ours.isdigit() and int(ours) in words:
        return Judged(NOTATION, OURS)
    plain = theirs.strip().replace(",", "")
    if _NUMBER.fullmatch(ours) and _NUMBER.fullmatch(plain) and int(float(ours)) == int(float(plain)):
        return EQUAL if theirs == plain else Judged(NOTATION, NEITHER)
    return Judged(VALUE, NEITHER)


def _judge_form(ours: str, theirs: str) -> Judged | None:
    """Judge texts that differ in case, or by a name's domain."""
    left, right = ours.casefold(), theirs.casefold()
    if left == right:
        return Judged(CASE, NEITHER)
    if _is_named_within(right, left):
        return Judged(DOMAIN, OURS)
    return Judged(DOMAIN, THEIRS) if _is_named_within(left, right) else None


def _judge_length(ours: str, theirs: str, max_bytes: int) -> Judged | None:
    """Judge texts of which one is the beginning of the other."""
    if _is_beginning(theirs, ours, max_bytes):
        return Judged(TRUNCATED, OURS)
    if _is_beginning(ours, theirs, max_bytes):
        return Judged(TRUNCATED, THEIRS)
    if theirs in ours.split(";"):
        return Judged(TRUNCATED, OURS)
    return Judged(TRUNCATED, THEIRS) if ours in theirs.split(";") else None


def _judge_meaning(ours: str, theirs: str) -> Judged | None:
    """Judge texts that say the same with other characters."""
    if unescape(ours) == unescape(theirs):
        return Judged(ESCAPED, NEITHER)
    if _list(ours) == _list(theirs):
        return Judged(NOTATION, NEITHER)
    moment = read_moment(ours)
    is_same = moment is not None and moment == read_moment(theirs, moment)
    return Judged(NOTATION, NEITHER) if is_same else None


_JUDGES = {
    "time": _judge_times,
    **dict.fromkeys(("integer", "long"), _judge_numbers),
    **dict.fromkeys(("ip", "ipv4", "ipv6"), _judge_addresses),
}


def _is_named_within(short: str, long: str) -> bool:
    """Return whether ``long`` is the name ``short`` with a domain before or after it."""
    if ip(short) is not None or ip(long) is not None:
        return False
    if long.endswith("\\" + short) and "\\" not in short:
        return True
    if long.startswith(short + "@") and "@" not in short:
        return True
    rest = long.removeprefix(short + ".")
    return rest != long and " " not in long and "@" not in long and any(map(str.isalpha, rest))


def _is_beginning(short: str, long: str, max_bytes: int) -> bool:
    """Return whether ``short`` is ``long`` cut off: it is marked so, long enough, or ends at the field's
    limit.
    """
    told = short.rstrip()
    mark = next((mark for mark in _CUT_MARKS if told.lower().endswith(mark)), "")
    if mark:
        cut = told[: -len(mark)].rstrip(" .")
        return bool(cut) and long.startswith(cut)
    if len(short) >= len(long) or not long.startswith(short):
        return False
    at_limit = max_bytes and 0 <= max_bytes - len(short.encode("utf-8", "replace")) < 4
    return len(short) >= SURE_PREFIX or bool(at_limit)


def unescape(text: str) -> str:
    """Return a text without quotes and escapes of any kind, with single blanks; for comparing only."""
    if "&" in text:
        text = html.unescape(text)
    if "%" in text:
        text = unquote(text)
    text = _ESCAPES.sub(lambda found: _CONTROLS.get(found.group(1), found.group(1)), text)
    text = _ESCAPES.sub(lambda found: _CONTROLS.get(found.group(1), found.group(1)), text)
    text = _TOKENS.sub(lambda found: _TOKEN[found.group()], text)
    text = _SPACES.sub(" ", text.replace('""', '"')).strip()
    while len(text) > 1 and (text[0], text[-1]) in (('"', '"'), ("'", "'"), ("<", ">")):
        text = text[1:-1].strip()
    return text


def _list(text: str) -> list[str]:
    """Return the members of a list with any separator; empty where there are fewer than two."""
    plain = unescape(text)
    members = [part for part in _ADDRESSES.split(plain) if part]
    if not all("@" in member for member in members):
        members = [part for part in _LIST.split(plain) if part]
    return members if len(members) > 1 else [text]


def combine(verdicts: set[str]) -> str:
    """Return one verdict for several."""
    verdicts = verdicts - {SAME}
    if not verdicts:
        return SAME
    return verdicts.pop() if len(verdicts) == 1 else NEITHER
