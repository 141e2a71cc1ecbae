from __future__ import annotations

import gzip
import io

import pytest

from exnorm.errors import ParseError
from exnorm.logstash.unpack import PIECE_BYTES, unpack


def pieces(data: bytes, step: int) -> list[bytes]:
    return [data[at : at + step] for at in range(0, len(data), step)]


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_gzip_utf_16_and_plain_text_come_out_as_utf_8(step: int) -> None:
    text = '{"a":"é\U0001f600"}\n' * 9
    for packed in (
        text.encode(),
        gzip.compress(text.encode()),
        gzip.compress(text[:20].encode()) + gzip.compress(text[20:].encode()) + b"\0\0",
        text.encode("utf-16"),
        gzip.compress(b"\xfe\xff" + text.encode("utf-16-be")),
    ):
        assert b"".join(unpack(pieces(packed, step))).decode() == text


def test_nothing_and_a_single_byte_come_through() -> None:
    assert list(unpack([])) == []
    assert b"".join(unpack([b"x"])) == b"x"


def test_damaged_gzip_is_an_error_after_what_could_be_read() -> None:
    packed = gzip.compress(b"one line\n" * 1000)
    for damaged, reason in ((packed[:-20], "it ends before"), (packed[:30] + b"\xff" * 30, "damaged gzip: ")):
        with pytest.raises(ParseError, match=reason):
            list(unpack(pieces(damaged, 16)))


def test_a_bomb_is_given_on_in_bounded_pieces() -> None:
    packed = gzip.compress(bytes(8 * PIECE_BYTES))
    sizes = [len(piece) for piece in unpack(io.BytesIO(packed))]
    assert sum(sizes) == 8 * PIECE_BYTES
    assert max(sizes) <= PIECE_BYTES
