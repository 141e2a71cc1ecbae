"""Find character sets by the names that Logstash and people use."""

from __future__ import annotations

import codecs

from exnorm.errors import SettingsError, quote, suggest

UTF_8 = "utf-8"

# Ruby's names that Python spells differently.
_ALIASES = {
    "ASCII-8BIT": "ascii", "BINARY": "ascii", "US-ASCII": "ascii", "ASCII": "ascii",
    "ANSI_X3.4-1968": "ascii", "646": "ascii", "CP65000": "utf-7", "CP65001": "utf-8", "UTF8-MAC": "utf-8",
    "UTF-8-MAC": "utf-8", "UTF-8-HFS": "utf-8", "UTF8-DoCoMo": "utf-8", "UTF8-KDDI": "utf-8",
    "UTF8-SoftBank": "utf-8", "UCS-2BE": "utf-16-be", "UCS-4LE": "utf-32-le", "UCS-4BE": "utf-32-be",
    "eucJP": "euc_jp", "eucKR": "euc_kr", "eucCN": "gb2312", "EUC-CN": "gb2312", "SJIS": "cp932",
    "Windows-31J": "cp932", "csWindows31J": "cp932", "PCK": "cp932", "SJIS-DoCoMo": "cp932",
    "SJIS-KDDI": "cp932", "SJIS-SoftBank": "cp932", "CP51932": "euc_jp", "eucJP-ms": "euc_jp",
    "euc-jp-ms": "euc_jp", "MacJapanese": "shift_jis", "MacJapan": "shift_jis", "CP878": "koi8_r",
    "CP50220": "iso2022_jp_ext", "CP50221": "iso2022_jp_ext", "ISO2022-JP": "iso2022_jp",
    "ISO2022-JP2": "iso2022_jp_2", "ISO-2022-JP-KDDI": "iso2022_jp", "Big5-UAO": "big5hkscs",
    "CP951": "big5hkscs", "Big5-HKSCS:2008": "big5hkscs", "Windows-874": "cp874", "TIS-620": "tis_620",
    "macCenteuro": "mac_latin2", "macCroatian": "mac_croatian", "macCyrillic": "mac_cyrillic",
    "macGreek": "mac_greek", "macIceland": "mac_iceland", "macRoman": "mac_roman",
    "macRomania": "mac_romanian", "macTurkish": "mac_turkish", "macCentEuro": "mac_latin2",
    "IBM720": "cp720", "IBM737": "cp737", "macUkraine": "mac_cyrillic",
    "ebcdic-cp-us": "cp037", "locale": "utf-8", "external": "utf-8",
    "filesystem": "utf-8", "internal": "utf-8",
    **{f"ISO8859-{n}": f"iso8859_{n}" for n in range(1, 17) if n != 12},
}  # fmt: skip
_UNREAD = (
    "CESU-8", "Emacs-Mule", "EUC-TW", "eucTW", "GB12345", "GB1988", "macThai", "stateless-ISO-2022-JP",
    "stateless-ISO-2022-JP-KDDI",
)  # fmt: skip
"""Names of Ruby that Python has no table for."""

_PLAIN = (
    "UTF-8", "UTF-16", "UTF-16LE", "UTF-16BE", "UTF-32", "UTF-32LE", "UTF-32BE", "UTF-7",
    "Shift_JIS", "EUC-JP", "EUC-KR", "GB2312", "GBK", "GB18030", "CP936", "Big5", "Big5-HKSCS",
    "CP949", "CP950", "CP932", "ISO-2022-JP", "ISO-2022-JP-2", "EUC-JIS-2004", "EUC-JISX0213", "KOI8-R",
    "KOI8-U", "IBM037",
    *(f"ISO-8859-{n}" for n in range(1, 17) if n != 12),
    *(f"{prefix}{n}" for prefix in ("Windows-", "CP") for n in range(1250, 1259)),
    *(f"{prefix}{n}" for prefix in ("IBM", "CP")
      for n in (437, 720, 737, 775, 850, 852, 855, 857, 858, 860, 861, 862, 863, 864, 865, 866, 869)),
    "CP874",
)  # fmt: skip

# Other names in common use.
_FAMILIAR = {
    "LATIN1": "ISO-8859-1", "LATIN-1": "ISO-8859-1", "UTF8": "UTF-8", "UTF_8": "UTF-8", "ANSI": "CP1252",
}  # fmt: skip


def find_charset(name: str) -> str:
    """Return Python's name of a character set; raises ``SettingsError`` for an unknown one.

    Names are those of Ruby's encodings with their capitals, because Logstash refuses others.
    """
    if name in _UNREAD:
        raise SettingsError(f"charset: {quote(name)} cannot be read here: Python has no table for it")
    if name not in _PLAIN and name not in _ALIASES:
        names = [*_PLAIN, *_ALIASES]
        same = [known for known in names if known.upper() == name.upper()]
        hint = f"; did you mean {same[0]!r}?" if same else suggest(name, names)
        raise SettingsError(f"charset: got {quote(name)}{hint}")
    return codecs.lookup(_ALIASES.get(name, name)).name


def find_encoding(name: str) -> str:
    """Return Python's name of a log encoding, ignoring case; empty for UTF-8. Raises ``SettingsError``."""
    wanted = name.strip().upper()
    if not wanted:
        return ""
    names = {known.upper(): known for known in (*_ALIASES, *_PLAIN)}
    known = _FAMILIAR.get(wanted) or names.get(wanted)
    if known is None:
        raise SettingsError(f"encoding: got {quote(name)}{suggest(name.strip(), list(names.values()))}")
    found = codecs.lookup(_ALIASES.get(known, known)).name
    return "" if found == UTF_8 else found


def is_wide(encoding: str) -> bool:
    """Return whether a LF takes more than one byte in an encoding."""
    return bool(encoding) and "\n".encode(encoding) != b"\n"
