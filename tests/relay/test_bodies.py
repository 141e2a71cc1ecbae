from __future__ import annotations

import gzip
import zlib

import pytest

from exnorm.relay.bodies import Bounds, LineLengths, RefusedError, is_document, pack, unpack


def refusal(body: bytes, encoding: str, limit: int = 100) -> tuple[int, str]:
    with pytest.raises(RefusedError) as refused:
        unpack(body, encoding, limit)
    return refused.value.status, str(refused.value)


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"abc", ""),
        (b"abc", "identity"),
        (gzip.compress(b"abc"), "gzip"),
        (gzip.compress(b"abc"), " GZip "),
        (gzip.compress(b"a") + gzip.compress(b"") + gzip.compress(b"bc"), "x-gzip"),
        (zlib.compress(b"abc"), "deflate"),
    ],
    ids=("plain", "identity", "gzip", "spaced", "members", "deflate"),  # gzip holds the time: no name
)
def test_what_shippers_send_is_unpacked(body: bytes, encoding: str) -> None:
    assert unpack(body, encoding, 100) == b"abc"


def test_the_bound_is_exact_and_a_bomb_stops_there() -> None:
    assert unpack(gzip.compress(b"x" * 100), "gzip", 100) == b"x" * 100
    assert refusal(gzip.compress(b"x" * 101), "gzip") == (413, "the body unpacks to more than 100 bytes")
    assert refusal(gzip.compress(b"x" * 60) * 2, "gzip")[0] == 413
    assert refusal(gzip.compress(b"\0" * 50_000_000), "gzip")[0] == 413


def test_broken_and_unknown_encodings_are_refused_with_the_reason() -> None:
    whole = gzip.compress(b"some text that is long enough")
    assert refusal(b"{}", "gzip") == (400, "the body is no gzip")
    assert refusal(whole[:-9], "gzip") == (400, "the body is gzip that ends too early")
    assert refusal(b"", "gzip")[0] == 400
    assert refusal(whole + b"garbage", "gzip")[0] == 400
    assert refusal(whole[:-8] + b"\0" * 8, "gzip")[0] == 400  # a wrong checksum
    assert refusal(b"{}", "br")[0] == 415


def test_many_small_members_are_not_worth_a_copy_each() -> None:
    assert unpack(gzip.compress(b"") * 100, "gzip", 100) == b""
    assert refusal(gzip.compress(b"") * 101, "gzip")[0] == 413


def test_only_json_that_is_whole_over_several_lines_is_a_document() -> None:
    assert is_document(b'[\n  {"a": 1}\n]\n', "application/json")
    assert not is_document(b'{"a": 1}\n{"a": 2}\n', "application/json")  # lines, whatever the type says
    assert not is_document(b'[\n  {"a": 1}\n]\n', "application/x-ndjson")
    assert not is_document(b'{"a": 1}\n', "application/json")
    assert not is_document(b"[" * 100_000 + b"\n" + b"]" * 100_000, "application/json")


def test_lines_are_packed_as_one_gzip() -> None:
    assert gzip.decompress(pack([b"a\n", b"b\n"])) == b"a\nb\n"


def test_the_default_bounds_are_far_above_a_batch_of_logstash() -> None:
    largest_usual = 125 * 100_000  # a whole batch of rows with thousands of recipients each
    assert largest_usual * 5 < min(Bounds().body_bytes, Bounds().unpacked_bytes)


def test_a_body_that_is_no_utf8_is_no_document_and_no_error() -> None:
    assert not is_document(b'{\n "a": "\xf4mp"\n}', "application/json")


def test_a_line_of_a_body_beyond_the_bound_is_refused_while_it_arrives() -> None:
    fits = b"x" * 100 + b"\n"
    assert unpack(fits * 50, "", 10_000, 100) == fits * 50
    assert unpack(pack([fits] * 50), "gzip", 10_000, 100) == fits * 50
    for body, encoding in ((b"x" * 101, ""), (fits + b"x" * 101 + b"\n", ""), (pack([b"x" * 101]), "gzip")):
        with pytest.raises(RefusedError, match="a line of the body is longer than 100 bytes") as caught:
            unpack(body, encoding, 10_000, 100)
        assert caught.value.status == 413


def test_a_line_is_measured_over_the_pieces_it_arrives_in() -> None:
    lines = LineLengths(10)
    for piece in (b"123456", b"7\n", b"1234567890\n12", b"345678\n", b"123456"):
        lines.add(piece)
    with pytest.raises(RefusedError):
        lines.add(b"78901")


def test_a_large_body_is_unpacked_whole() -> None:
    large = (b"x" * 1023 + b"\n") * (20 * 1024)  # more than is held while it is measured
    assert unpack(pack([large]), "gzip", 1 << 26) == large
