"""Read JSON documents that follow each other without a separator, as ``output { tcp }`` sends them."""

from __future__ import annotations

import re
from typing import Any

from exnorm.logstash.json_text import JSONText, is_plain, read_first

# Where an object may begin after a piece of a broken one.
_RESUMES = re.compile(r'\}[ \t\r\n]*(?=\{[ \t\r\n]*"|\{[ \t\r\n]*\})')
_TOKEN = re.compile(rb'["\\{}\[\]]')
_BLANKS = b" \t\r\n"
_MOST_PARTS = 250_000  # each takes a hundred times its text
_TRIES = 16  # of beginnings in one broken line


def read_documents(text: str) -> list[tuple[Any, str]] | None:
    """Return each object or array of a line with its text; ``None`` where the line does not begin with one.

    Other text has the value ``None``: the piece of a broken object before the first whole one, or after the
    last. As in Logstash, any other text after an object is left out.
    """
    found: list[tuple[Any, str]] = []
    at, plain = _begin(text, 0), is_plain(text)
    while at < len(text) and text[at] in "{[":
        try:
            value, end = read_first(text, at, plain)
        except JSONText:
            break
        found.append((value, text[at:end]))
        at = _begin(text, end)
    if found:
        return found + _broken_end(text, at)
    for resumed in _beginnings(text):
        rest = read_documents_strictly(text, resumed, plain)
        if rest is not None:
            return [(None, text[:resumed].rstrip()), *rest]
    return None


def is_crowded(text: str) -> bool:
    """Return whether a text has so many members that the objects made of it would fill the memory."""
    return len(text) > _MOST_PARTS and any(text.count(sign) > _MOST_PARTS for sign in ",[{")


def read_documents_strictly(text: str, at: int, plain: bool) -> list[tuple[Any, str]] | None:
    """Return the documents from ``at`` to the end of the text; ``None`` where there is anything else."""
    found: list[tuple[Any, str]] = []
    while at < len(text):
        try:
            value, end = read_first(text, at, plain)
        except JSONText:
            return None
        if not isinstance(value, (dict, list)):
            return None
        found.append((value, text[at:end]))
        at = _begin(text, end)
    return found or None


class ObjectEnds:
    """Finds, in a growing line, where a whole object ends that is followed by the next one."""

    def __init__(self) -> None:
        self._at = 0
        self._depth = 0
        self._in_text = False
        self._end = 0  # behind the last object that closed
        self._given_up = False

    def find(self, line: bytearray) -> int:
        """Return how many bytes are whole objects; 0 as long as none is followed by another."""
        if self._given_up:
            return 0
        if (
            self._at == 0
            and not self._depth
            and bytes(line[:64]).lstrip(_BLANKS)[:1] not in (b"", b"{", b"[")
        ):
            self._given_up = True  # a line of text, which only its delimiter ends
            return 0
        found = 0
        size = len(line)
        at = self._at
        while at < size:
            token = _TOKEN.search(line, at)
            if token is None:
                at = size
                break
            at = token.end()
            sign = token.group()
            if sign == b"\\":
                if at == size:  # what it escapes is still to come
                    at -= 1
                    break
                at += 1
            elif sign == b'"':
                self._in_text = not self._in_text
            elif self._in_text:
                continue
            elif sign in b"{[":
                if not self._depth and self._end and not bytes(line[self._end : at - 1]).strip(_BLANKS):
                    found = self._end
                self._depth += 1
            else:
                self._depth = max(0, self._depth - 1)
                self._end = at if not self._depth else self._end
        self._at = at
        return found

    def closed(self, line: bytearray) -> int:
        """Return where the last object that ``find`` has seen ends; 0 where more text follows it."""
        is_open = self._given_up or self._depth or self._in_text or self._at < len(line)
        return 0 if is_open or bytes(line[self._end :]).strip(_BLANKS) else self._end


def _begin(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _beginnings(text: str) -> list[int]:
    return [found.end() for found, _ in zip(_RESUMES.finditer(text), range(_TRIES))]


def _broken_end(text: str, at: int) -> list[tuple[Any, str]]:
    """Return an object that was cut off after whole ones; other text is left out."""
    return [(None, text[at:])] if at < len(text) and text[at] in "{[" else []
