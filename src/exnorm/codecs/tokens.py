"""Replace the characters that would split a payload or a pair, or hide the text after them, by visible
tokens.
"""

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
    """Return the controls to show as tokens, as the setting ``control`` chooses."""
    return CONTROLS if control == "token" else ""


def make_show(characters: str) -> Show:
    """Return a function that replaces ``characters``, keys of ``TOKENS``, by their tokens."""
    if not characters:
        return lambda text: text
    found = re.compile(f"[{re.escape(characters)}]")

    def show(text: str) -> str:
        # None of the characters is printable and most texts are, which is much faster to test.
        return text if text.isprintable() else found.sub(lambda one: TOKENS[one.group()], text)

    return show


def cut_shown(text: str, max_bytes: int) -> str:
    """Cut text with tokens to a field's limit, between two characters and never inside a token."""
    shown = cut_utf8(text, max_bytes)
    return shown if len(shown) == len(text) else _TORN.sub("", shown)
