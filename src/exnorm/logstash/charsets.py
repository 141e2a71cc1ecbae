"""Bytes -> text as Logstash's codecs do, for the character sets they know by Ruby's names."""

from __future__ import annotations

import codecs
import re
import unicodedata

from exnorm.errors import SettingsError, quote, suggest

# Ruby's names whose Python name differs by more than case and dashes.
_ALIASES = {
    "ASCII-8BIT": "ascii", "BINARY": "ascii", "US-ASCII": "ascii", "ASCII": "ascii",
    "ANSI_X3.4-1968": "ascii", "646": "ascii", "CP65001": "utf-8", "UTF8-MAC": "utf-8", "UTF-8-MAC": "utf-8",
    "UTF-8-HFS": "utf-8", "UCS-2BE": "utf-16-be", "UCS-4LE": "utf-32-le", "UCS-4BE": "utf-32-be",
    "EUCJP": "euc_jp", "EUCKR": "euc_kr", "EUCCN": "gb2312", "EUC-CN": "gb2312", "SJIS": "cp932",
    "WINDOWS-31J": "cp932", "CSWINDOWS31J": "cp932", "PCK": "cp932", "CP51932": "euc_jp",
    "EUCJP-MS": "euc_jp", "EUC-JP-MS": "euc_jp", "MACJAPANESE": "shift_jis", "CP878": "koi8_r",
    "BIG5-UAO": "big5hkscs", "CP951": "big5hkscs", "BIG5-HKSCS:2008": "big5hkscs", "CP949": "cp949",
    "WINDOWS-874": "cp874", "IBM864": "cp864", "MACCROATIAN": "mac_croatian", "MACCYRILLIC": "mac_cyrillic",
    "MACGREEK": "mac_greek", "MACICELAND": "mac_iceland", "MACROMAN": "mac_roman",
    "MACROMANIA": "mac_romanian", "MACTURKISH": "mac_turkish", "MACCENTEURO": "mac_latin2",
    "EBCDIC-CP-US": "cp037", "LOCALE": "utf-8", "EXTERNAL": "utf-8", "FILESYSTEM": "utf-8",
    "INTERNAL": "utf-8",
}  # fmt: skip
_PLAIN = (
    "UTF-8", "UTF-16", "UTF-16LE", "UTF-16BE", "UTF-32", "UTF-32LE", "UTF-32BE", "UTF-7",
    "Shift_JIS", "EUC-JP", "EUC-KR", "EUC-TW", "GB2312", "GBK", "GB18030", "CP936", "GB12345",
    "Big5", "Big5-HKSCS", "CP950", "CP932", "ISO-2022-JP", "ISO-2022-JP-2", "EUC-JIS-2004",
    "EUC-JISX0213", "KOI8-R", "KOI8-U", "TIS-620", "IBM037",
    *(f"{prefix}{n}" for prefix in ("ISO-8859-", "ISO8859-") for n in range(1, 17)),
    *(f"{prefix}{n}" for prefix in ("Windows-", "CP") for n in range(1250, 1259)),
    *(f"{prefix}{n}" for prefix in ("IBM", "CP")
      for n in (437, 720, 737, 775, 850, 852, 855, 857, 858, 860, 861, 862, 863, 864, 865, 866, 869, 874)),
)  # fmt: skip
UTF_8 = "utf-8"

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


def find_charset(name: str) -> str:
    """Python's name of a character set; raises ``SettingsError`` for one that is not known."""
    wanted = name.upper()
    known = {plain.upper(): plain for plain in _PLAIN}
    if wanted not in known and wanted not in _ALIASES:
        raise SettingsError(f"charset: got {quote(name)}{suggest(name, [*_PLAIN, *_ALIASES])}")
    try:
        return codecs.lookup(_ALIASES.get(wanted) or known[wanted]).name
    except LookupError:
        raise SettingsError(f"charset: {quote(name)} cannot be read here; expected UTF-8 or CP1252") from None


def read_text(line: bytes, charset: str) -> tuple[str, bool]:
    r"""A line as text, and whether it was of that charset.

    In UTF-8 a line that is not shows its bytes as ``\xHH`` and everything else escaped as Ruby does;
    in any other charset what is not stands as U+FFFD.
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
