"""Blocks of bytes -> lines."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

import pytest

from exnorm.text.lines import MARGIN, LineCutter

BIG = 1 << 20
UTF16 = [(codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")]


def blocks(content: bytes, size: int) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


def cut(content: bytes, size: int = BIG, limit: int = BIG) -> list[bytes]:
    cutter = LineCutter(limit)
    lines = [line for block in blocks(content, size) for line in cutter.feed(block)]
    return lines + cutter.finish()


def test_lines_are_cut_at_lf_and_a_last_line_without_lf_is_a_line() -> None:
    assert cut(b"one\ntwo\n\nthree") == [b"one", b"two", b"", b"three"]


def test_a_carriage_return_stays_with_its_line() -> None:
    assert cut(b"one\r\ntwo\rstill two\r\n") == [b"one\r", b"two\rstill two\r"]


@pytest.mark.parametrize(
    "separator",
    ["\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\r", "\0"],
)
def test_no_other_separator_cuts_a_line(separator: str) -> None:
    line = f"before{separator}after".encode()
    assert cut(line + b"\nnext\n") == [line, b"next"]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64])
def test_lines_do_not_depend_on_the_size_of_the_blocks(size: int) -> None:
    content = "eins\r\nzwei, drei – 東京 😀\n\nvier".encode()
    assert cut(content, size) == cut(content) == content.split(b"\n")


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64])
@pytest.mark.parametrize("limit", [1, 4, 64, BIG])
def test_spans_in_one_hold_the_same_lines(size: int, limit: int) -> None:
    content = "eins\r\nzwei, drei – 東京 😀\n\nvier\nfünf\n".encode()
    cutter = LineCutter(limit)
    spans = [list(cutter.cut(block, in_one=True)) for block in blocks(content, size)]
    if limit == BIG:
        assert max(map(len, spans)) == 1
    found = [line for some in spans for span in some for line in lines_of(span)]
    assert found + cutter.finish() == cut(content, limit=limit)


def lines_of(span: tuple[bytes, int, int]) -> list[bytes]:
    block, begin, end = span
    return block[begin:end].removesuffix(b"\n").split(b"\n")


def test_an_empty_file_has_no_lines() -> None:
    assert cut(b"") == []
    assert LineCutter(BIG).finish() == []


def test_a_file_of_one_byte_is_one_line() -> None:
    assert cut(b"x") == [b"x"]
    assert cut(b"\n") == [b""]


def test_a_byte_order_mark_is_left_to_the_reader_of_lines_as_that_of_utf_8() -> None:
    first_line = [codecs.BOM_UTF8 + b"#Software"]
    assert cut(codecs.BOM_UTF8 + b"#Software\n") == first_line
    assert cut(codecs.BOM_UTF16_LE + "#Software\n".encode("utf-16-le")) == first_line
    assert cut(codecs.BOM_UTF16_BE + "#Software\n".encode("utf-16-be")) == first_line


@pytest.mark.parametrize(("mark", "encoding"), UTF16)
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 64, BIG])
def test_utf_16_is_read_by_its_byte_order_mark_through_blocks_of_any_size(
    mark: bytes, encoding: str, size: int
) -> None:
    # U+0A0D and U+0D0A hold the bytes of line ends; the emoji is a pair of surrogates
    lines = ["#Fields: a,b", "Grüße,東京 😀", "\u0a0d\u0d0a,\u2028", "last"]
    content = mark + "\r\n".join(lines).encode(encoding)
    expected = [line.encode() + b"\r" for line in lines[:-1]] + [lines[-1].encode()]
    assert cut(content, size) == [codecs.BOM_UTF8 + expected[0], *expected[1:]]


@pytest.mark.parametrize(("mark", "encoding"), UTF16)
def test_utf_16_that_ends_inside_a_character_gives_a_last_line_that_is_not_utf_8(
    mark: bytes, encoding: str
) -> None:
    *lines, last = cut(mark + "one\ntwo".encode(encoding) + b"\x41")
    assert lines == [codecs.BOM_UTF8 + b"one"]
    with pytest.raises(UnicodeDecodeError):
        last.decode("utf-8")


@pytest.mark.parametrize(("mark", "encoding"), UTF16)
def test_a_lone_surrogate_in_utf_16_spoils_its_own_line_only(mark: bytes, encoding: str) -> None:
    content = mark + "one\na\ud800b\nthree\n".encode(encoding, "surrogatepass")
    first, second, third = cut(content)
    assert (first, third) == (codecs.BOM_UTF8 + b"one", b"three")
    with pytest.raises(UnicodeDecodeError):
        second.decode("utf-8")


@pytest.mark.parametrize("size", [1, 3, 10, 64, BIG])
def test_a_line_longer_than_the_limit_is_cut_to_the_limit_and_a_margin_and_the_next_is_unharmed(
    size: int,
) -> None:
    content = b"short\n" + b"x" * 500 + b"\nnext\n"
    assert cut(content, size, limit=100) == [b"short", b"x" * (100 + MARGIN), b"next"]


@pytest.mark.parametrize("size", [1, 64, BIG])
def test_a_line_of_exactly_the_limit_is_whole(size: int) -> None:
    assert cut(b"x" * 100 + b"\r\nnext", size, limit=100) == [b"x" * 100 + b"\r", b"next"]


def test_a_line_without_end_is_held_in_bounded_memory() -> None:
    cutter = LineCutter(100)
    for _ in range(1000):
        assert cutter.feed(b"x" * 1000) == []
        assert len(cutter._pending) <= 100 + MARGIN
    assert cutter.feed(b"\nnext\n") == [b"x" * (100 + MARGIN), b"next"]
