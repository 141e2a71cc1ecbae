"""Decode bytes to text as Logstash's codecs do."""

from __future__ import annotations

import re
import unicodedata

from exnorm.text.encodings import UTF_8

_STRAY = re.compile("[\udc80-\udcff]")  # how bytes that are no UTF-8 are held until they are escaped
_HASH_MARK = re.compile(r"#(?=[$@{])")
_ESCAPES = {
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\f": "\\f",
    "\v": "\\v",
    "\b": "\\b",
    "\a": "\\a",
    "\x1b": "\\e",
}
_TO_ESCAPE = re.compile(r'["\\]|[^ -~]')
_NOT_PRINTED = ("Cc", "Cs", "Cn", "Zl", "Zp")


def read_text(line: bytes, charset: str) -> tuple[str, bool]:
    r"""Return a line as text, and whether it was valid in that charset.

    In invalid UTF-8 the bytes are shown as ``\xHH`` and everything else is escaped as Ruby does; in any other
    charset invalid bytes become U+FFFD.
    """
    if charset != UTF_8:
        return line.decode(charset, "replace"), True
    text = line.decode(UTF_8, "surrogateescape")
    if text.isascii() or _STRAY.search(text) is None:
        return text, True
    return _HASH_MARK.sub(r"\\#", _TO_ESCAPE.sub(_escape, text)), False


def _escape(found: re.Match[str]) -> str:
    character = found.group()
    if character in '"\\':
        return "\\" + character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02X}"
    if character in _ESCAPES:
        return _ESCAPES[character]
    if unicodedata.category(character) not in _NOT_PRINTED or code == 0x85:
        return character
    return f"\\u{code:04X}" if code < 0x10000 else f"\\u{{{code:X}}}"
