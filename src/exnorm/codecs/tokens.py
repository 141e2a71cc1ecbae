"""Visible tokens for the characters that would cut a payload or a pair in two, or hide what follows them."""

from __future__ import annotations

import re
from collections.abc import Callable

from exnorm.convert import cut_utf8
from exnorm.text.controls import TOKENS

SEPARATORS = "\t\n\r"
LINE_ENDS = "\n\r"

CONTROLS = "".join(character for character in TOKENS if character not in SEPARATORS)
"""Those that formats could carry, but receivers stumble over: NUL ends a text for those written in C."""

_BEGUN = sorted({token[:length] for token in TOKENS.values() for length in range(1, len(token))})
_TORN = re.compile(f"(?:{'|'.join(_BEGUN)})\\Z")

Show = Callable[[str], str]


def choose_controls(control: str) -> str:
    """The controls that are shown as tokens where the setting ``control`` says so."""
    return CONTROLS if control == "token" else ""


def make_show(characters: str) -> Show:
    """A function that shows some of the characters of ``TOKENS`` as tokens."""
    if not characters:
        return lambda text: text
    found = re.compile(f"[{re.escape(characters)}]")

    def show(text: str) -> str:
        # None of them is printable; most texts are, which is asked much faster.
        return text if text.isprintable() else found.sub(lambda one: TOKENS[one.group()], text)

    return show


def cut_shown(text: str, max_bytes: int) -> str:
    """Text with tokens, cut to a field's limit between two characters and never inside a token."""
    shown = cut_utf8(text, max_bytes)
    return shown if len(shown) == len(text) else _TORN.sub("", shown)
