"""Mask personal data on a page, unless its reader asked for the values.

Masks keep the shape, so that a stray quote, a missing column or a bad date can still be seen: letters become
``x``, digits ``9``; times, numbers, the names of events and the separators of cells stay.
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
    """Mask a sender, user, domain or client address so that two can be told apart but not read."""
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
    """Keep the first half of an IPv4 address or the first two groups of an IPv6 address."""
    if ":" in text:
        return ":".join([*text.split(":")[:2], "*"])
    return ".".join([*text.split(".")[:2], "*", "*"])


def mask_value(value: str, plain: Collection[str] = ()) -> str:
    """Mask the value of a column or field, except times, numbers and words in ``plain``."""
    address = ip(value)
    if address is not None:
        return mask_ip(address)
    if value.upper() in plain or _NUMBER.fullmatch(value) or _TIME.fullmatch(value):
        return value
    if _ADDRESS.fullmatch(value):
        return mask_name(value)
    return mask_text(value, plain)


def mask_text(text: str, plain: Collection[str] = ()) -> str:
    """Mask any text, such as an unparsed line, except its times and words in ``plain``."""
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
    """Mask in the reason of an unparsed line everything that it quotes of the line or a plugin's message.

    Of a time (kinds ``date`` and ``timezone``) the shape stays, and of some dates the digits.
    """
    if kind in ("date", "timezone"):
        return _QUOTED.sub(lambda found: f"'{_mask_date(found.group()[1:-1])}'", reason)
    return _FAULT.sub(r"\1: ...", _QUOTED.sub("'...'", reason))


def _mask_date(text: str) -> str:
    return text if _DATE.fullmatch(text) else mask_text(text)


def keep(text: str, plain: Collection[str] = ()) -> str:
    """Return the value unchanged; used instead of a mask where values are shown."""
    return text


Mask = Callable[..., str]
