"""What a page shows in the place of personal data, unless its reader asked for the values themselves.

Masks keep the shape, so that a stray quote, a missing column or a bad date can still be seen: letters
become ``x``, digits ``9``; times, numbers, the names of events and whatever separates cells stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from exnorm.convert import ip

_WORD = re.compile(r"\\x[0-9a-f]{2}|\w+", re.ASCII)
_LETTER = re.compile(r"[^\W\d_]")
_DIGIT = re.compile(r"\d")
_TIME = re.compile(r"\d{4}-\d{1,2}-\d{1,2}[T ]\d{1,2}:\d{2}:\d{2}(?:\.\d{1,7})?Z?(?![0-9])", re.ASCII)
_DATE = re.compile(
    r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}"
    r"(?:[T ,]{1,2}\d{1,2}:\d{1,2}(?::\d{1,2})?(?:[.,]\d{1,9})?)?"
    r" ?(?:[AP]M)? ?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
_NUMBER = re.compile(r"\d{1,19}(?:\.\d{1,9}){0,3}", re.ASCII)
_ADDRESS = re.compile(r"[^\s@<>]+@[^\s@<>]+")
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
_FAULT = re.compile(r"^((?:source|plugin) [\w-]+: \w+):.*", re.DOTALL)
_NULL_SENDER = "<>"
HIDDEN = "***"


def mask_name(name: str) -> str:
    """A sender, user, domain or client's address, so that two can be told apart but not be read."""
    if name in ("", _NULL_SENDER):
        return name
    address = ip(name)
    if address is not None:
        return mask_ip(address)
    local, at, domain = name.strip("<>").rpartition("@")
    if not at:
        return _mask_domain(name)
    return f"{local[:1]}{HIDDEN}@{_mask_domain(domain)}"


def _mask_domain(domain: str) -> str:
    first, dot, last = domain.rpartition(".")
    return f"{first[:1]}{HIDDEN}.{last}" if dot and last.isalnum() else f"{domain[:1]}{HIDDEN}"


def mask_ip(text: str) -> str:
    """The first half of an IPv4 address, the first two groups of an IPv6 address."""
    if ":" in text:
        return ":".join([*text.split(":")[:2], "*"])
    return ".".join([*text.split(".")[:2], "*", "*"])


def mask_value(value: str, plain: Collection[str] = ()) -> str:
    """The value of a column or field: times, numbers and words in ``plain`` stay as they are."""
    address = ip(value)
    if address is not None:
        return mask_ip(address)
    if value.upper() in plain or _NUMBER.fullmatch(value) or _TIME.fullmatch(value):
        return value
    if _ADDRESS.fullmatch(value):
        return mask_name(value)
    return mask_text(value, plain)


def mask_text(text: str, plain: Collection[str] = ()) -> str:
    """Any text, as a line that did not parse: only its shape, its times and words in ``plain``."""
    pieces: list[str] = []
    end = 0
    for found in _TIME.finditer(text):
        pieces += (_mask_words(text[end : found.start()], plain), found.group())
        end = found.end()
    return "".join(pieces) + _mask_words(text[end:], plain)


def _mask_words(text: str, plain: Collection[str]) -> str:
    text = _WORD.sub(lambda found: _mask_word(found.group(), plain), text)
    return _LETTER.sub(lambda found: "x" if ord(found.group()) > 127 else found.group(), text)


def _mask_word(word: str, plain: Collection[str]) -> str:
    if word.startswith("\\") or word in plain:  # as logs write them: a subject's "Mail" is none
        return word
    return _DIGIT.sub("9", _LETTER.sub("x", word))


def mask_reason(reason: str, kind: str = "") -> str:
    """Why a line did not parse, without what it quotes of the line, nor what a plugin had to say of it.

    Of what was to be a time (kinds ``date`` and ``timezone``) the shape stays, of some date all of it.
    """
    if kind in ("date", "timezone"):
        return _QUOTED.sub(lambda found: f"'{_mask_date(found.group()[1:-1])}'", reason)
    return _FAULT.sub(r"\1: ...", _QUOTED.sub("'...'", reason))


def _mask_date(text: str) -> str:
    return text if _DATE.fullmatch(text) else mask_text(text)


def keep(text: str, plain: Collection[str] = ()) -> str:
    """The value itself: what takes a mask's place where values are to be shown."""
    return text


Mask = Callable[..., str]
