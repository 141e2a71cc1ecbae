from __future__ import annotations

import pytest

from exnorm.errors import SettingsError
from exnorm.logstash.charsets import read_text
from exnorm.text.encodings import _ALIASES, _PLAIN, _UNREAD, find_charset


def test_utf_8_is_read_as_it_is() -> None:
    assert read_text('é\U0001f600\t"'.encode(), "utf-8") == ('é\U0001f600\t"', True)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"a":"\xff\xe9"}', r"{\"a\":\"\xFF\xE9\"}"),
        (b"caf\xe9", r"caf\xE9"),
        (b"\xff\t\r\n\x1b\x07\x0b\x0c\x08\\", r"\xFF\t\r\n\e\a\v\f\b\\"),
        (b"\xff\x00\x01\x7f", r"\xFF\u0000\u0001\u007F"),
        (b"\xff#{a} #$b #@c #d", r"\xFF\#{a} \#$b \#@c #d"),
        (b"\xffa#", r"\xFFa#"),
        ("é\u2028\U0001f600".encode() + b"\xed\xa0\x80", "é\\u2028\U0001f600\\xED\\xA0\\x80"),
        (b"\xe2\x82x", r"\xE2\x82x"),
    ],
)
def test_a_line_that_is_not_utf_8_is_escaped_as_ruby_shows_it(line: bytes, expected: str) -> None:
    assert read_text(line, "utf-8") == (expected, False)


def test_in_another_charset_what_is_not_of_it_is_replaced() -> None:
    assert read_text(b"\x80\x93x\x94 \x81", find_charset("CP1252")) == ("€“x” �", True)
    assert read_text(b"a\xe9", find_charset("BINARY")) == ("a�", True)
    assert read_text("é".encode("utf-16-le"), find_charset("UTF-16LE")) == ("é", True)


@pytest.mark.parametrize(
    "name",
    ["UTF-8", "CP65001", "CP1252", "Windows-1252", "ISO-8859-15", "ISO8859-1", "Shift_JIS", "SJIS", "EUC-JP",
     "Windows-31J", "GB18030", "Big5", "KOI8-R", "US-ASCII", "ASCII-8BIT", "IBM437", "UTF-16BE"],
)  # fmt: skip
def test_rubys_names_are_known(name: str) -> None:
    assert "a".encode(find_charset(name))


def test_every_name_is_read_or_refused_with_the_reason() -> None:
    for name in (*_PLAIN, *_ALIASES):
        assert "a".encode(find_charset(name)), name
    for name in _UNREAD:
        with pytest.raises(SettingsError, match="Python has no table for it"):
            find_charset(name)


@pytest.mark.parametrize(("name", "right"), [("utf-8", "UTF-8"), ("cp1252", "CP1252"), ("BIG5", "Big5")])
def test_capitals_matter_as_in_logstash(name: str, right: str) -> None:
    with pytest.raises(SettingsError, match=f"charset: got '{name}'; did you mean '{right}'"):
        find_charset(name)


def test_an_unknown_charset_names_the_nearest() -> None:
    with pytest.raises(SettingsError, match="charset: got 'CP1253x'; did you mean 'CP125"):
        find_charset("CP1253x")
