"""Visible tokens for the characters that would cut a payload or a pair in two."""

from __future__ import annotations

import re

from exnorm.convert import cut_utf8

_TOKENS = {"\t": "<TAB>", "\n": "<LF>", "\r": "<CR>"}
_TORN = re.compile(r"<(?:T|TA|TAB|L|LF|C|CR)?\Z")
_TABLE = str.maketrans(_TOKENS)
_LINE_ENDS = str.maketrans({name: token for name, token in _TOKENS.items() if name != "\t"})


def show_separators(text: str) -> str:
    """TAB, LF and CR as ``<TAB>``, ``<LF>``, ``<CR>``: for formats that can escape none of them."""
    return text.translate(_TABLE)


def show_line_ends(text: str) -> str:
    """LF and CR as ``<LF>``, ``<CR>``: for headers that are separated by something else."""
    return text.translate(_LINE_ENDS)


def cut_shown(text: str, max_bytes: int) -> str:
    """Text with tokens, cut to a field's limit between two characters and never inside a token."""
    shown = cut_utf8(text, max_bytes)
    return shown if len(shown) == len(text) else _TORN.sub("", shown)
