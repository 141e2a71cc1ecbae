"""Visible tokens for the characters that would cut a payload or a pair in two."""

from __future__ import annotations

import re

from exnorm.convert import cut_utf8

_TORN = re.compile(r"<(?:T|TA|TAB|L|LF|C|CR)?\Z")


def show_separators(text: str) -> str:
    """TAB, LF and CR as ``<TAB>``, ``<LF>``, ``<CR>``: for formats that can escape none of them."""
    return show_line_ends(text).replace("\t", "<TAB>")


def show_line_ends(text: str) -> str:
    """LF and CR as ``<LF>``, ``<CR>``: for headers that are separated by something else."""
    return text.replace("\n", "<LF>").replace("\r", "<CR>")


def cut_shown(text: str, max_bytes: int) -> str:
    """Text with tokens, cut to a field's limit between two characters and never inside a token."""
    shown = cut_utf8(text, max_bytes)
    return shown if len(shown) == len(text) else _TORN.sub("", shown)
