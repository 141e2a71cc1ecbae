from __future__ import annotations

import gzip
import struct

import msgpack
import pytest

from exnorm.fluentbit.forward import (
    ForwardError,
    Message,
    MessageCutter,
    decode_ack,
    decode_message,
    encode_ack,
    encode_packed,
    split_events,
)

LIMIT = 1 << 20
TIME = msgpack.ExtType(0, struct.pack(">II", 1772323200, 5))
PLAIN = msgpack.packb([1772323200, {"log": "a"}])
NEW = msgpack.packb([[TIME, {"m": 1}], {"log": "b"}])
NOT_UTF8 = b"\x92\x01\x81\xa3log\xa2\xff\xfe"


def message(*parts: object) -> bytes:
    packed: bytes = msgpack.packb(list(parts))
    return packed


def raw_array(*parts: bytes) -> bytes:
    return bytes([0x90 + len(parts)]) + b"".join(parts)


# --- the shapes that come in ---------------------------------------------------------------------


def test_forward_mode_gives_its_events_as_the_bytes_they_came_in() -> None:
    raw = raw_array(b"\xa1t", b"\x93" + PLAIN + NEW + NOT_UTF8)
    assert decode_message(raw, LIMIT) == Message("t", PLAIN + NEW + NOT_UTF8)


def test_the_third_element_names_the_chunk_to_acknowledge() -> None:
    options = {"chunk": "p8n9gmxTQVC8/nh2wlKKeQ==", "size": 1, "fluent_signal": 0}
    raw = raw_array(b"\xa1t", b"\x91" + PLAIN, msgpack.packb(options))
    assert decode_message(raw, LIMIT) == Message("t", PLAIN, b"p8n9gmxTQVC8/nh2wlKKeQ==")


def test_packed_forward_may_come_as_bin_and_as_str() -> None:
    for body in (b"\xc4" + bytes([len(NEW)]) + NEW, b"\xd9" + bytes([len(NEW)]) + NEW):
        assert decode_message(raw_array(b"\xa1t", body), LIMIT).events == NEW


def test_compressed_events_may_come_in_several_pieces_after_each_other() -> None:
    body = gzip.compress(PLAIN) + gzip.compress(NEW)
    raw = message("t", body, {"compressed": "gzip", "chunk": "x"})
    assert decode_message(raw, LIMIT) == Message("t", PLAIN + NEW, b"x")


def test_message_mode_becomes_one_event() -> None:
    raw = message("t", TIME, {"log": "a"}, {"chunk": "x"})
    event = b"\x92" + msgpack.packb(TIME) + b"\x81\xa3log\xa1a"
    assert decode_message(raw, LIMIT) == Message("t", event, b"x")


def test_message_mode_keeps_the_metadata_that_comes_as_an_option() -> None:
    raw = message("t", TIME, {"log": "a"}, {"metadata": {"k": 1}})
    assert msgpack.unpackb(decode_message(raw, LIMIT).events) == [[TIME, {"k": 1}], {"log": "a"}]


def test_metrics_are_known_by_their_signal() -> None:
    assert decode_message(message("t", b"any", {"fluent_signal": 1}), LIMIT).signal == 1


def test_options_that_nobody_knows_are_passed_over() -> None:
    raw = message("t", [], {"new": [1, {"deep": None}], "chunk": "x"})
    assert decode_message(raw, LIMIT).chunk == b"x"


def test_a_tag_that_is_no_utf8_goes_out_as_it_came_in() -> None:
    found = decode_message(raw_array(b"\xa2\xff\xfe", b"\x90"), LIMIT)
    assert encode_packed(found) == b"\x93\xa2\xff\xfe\xc4\x00\x80"


# --- hostile input -------------------------------------------------------------------------------


PACKED = gzip.compress(NEW, mtime=0)  # a test's name holds no time


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\x01", "message: got integer; expected an array"),
        (b"\xc0", "message: got nil; expected an array"),
        (b"\x90", "message: got an array of 0; expected 2 to 4"),
        (raw_array(b"\x01", b"\x90"), "tag: got integer; expected text"),
        (raw_array(b"\xd9\xff" + b"t" * 255, b"\xc3"), "message: got boolean after the tag in an array of 2"),
        (message("t" * 1030, []), "tag is longer than 1024 bytes"),
        (message("t", 1), "message: got a time without a record"),
        (message("t", 1, "text"), "record: got text; expected a map"),
        (message("t", [], 7), "options: got integer; expected a map"),
        (message("t", [], {1: 2}), "name of an option: got integer; expected text"),
        (message("t", [], {"chunk": 7}), "chunk: got integer; expected text"),
        (message("t", [], {"chunk": "c" * 300}), "chunk is longer than 256 bytes"),
        (message("t", [], {"fluent_signal": "x"}), "fluent_signal: got text; expected an integer"),
        (message("t", b"", {"compressed": "lz4"}), "compressed: expected gzip or zstd"),
        (message("t", [], {"compressed": "gzip"}), "an array of events cannot be compressed"),
        (message("t", b"no", {"compressed": "gzip"}), "compressed events: no gzip"),
        (
            message("t", gzip.compress(NEW, mtime=0)[:-9], {"compressed": "gzip"}),
            "compressed events: gzip that ends too early",
        ),
        (message("t", [], {str(n): 1 for n in range(65)}), "options: got 65; expected at most 64"),
    ],
)
def test_what_is_no_message_is_refused_with_its_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(ForwardError) as caught:
        decode_message(raw, LIMIT)
    assert str(caught.value) == reason


def test_a_gzip_bomb_is_stopped_at_the_limit() -> None:
    bomb = message("t", gzip.compress(b"\0" * 5_000_000), {"compressed": "gzip"})
    assert len(bomb) < 10_000
    with pytest.raises(ForwardError, match="hold more than 1048576 bytes"):
        decode_message(bomb, LIMIT)


def test_nesting_without_end_is_refused_and_harms_nobody() -> None:
    cutter = MessageCutter(LIMIT)
    with pytest.raises(ForwardError, match="not msgpack"):
        cutter.feed(b"\x91" * 100_000)


def test_any_bytes_give_a_message_or_a_forward_error() -> None:
    good = message("t", [[1, {"log": "a"}]], {"chunk": "x", "compressed": "text"})
    for at in range(len(good)):
        for byte in range(256):
            raw = good[:at] + bytes([byte]) + good[at + 1 :]
            try:
                for part in MessageCutter(LIMIT).feed(raw):
                    list(split_events(decode_message(part, LIMIT).events, 100, 10))
            except ForwardError:
                continue


# --- cutting a connection into messages ----------------------------------------------------------


def test_messages_are_cut_wherever_the_network_cut_the_bytes() -> None:
    messages = [message("one", [[1, {"a": "x" * 300}]]), message("two", b"b" * 70_000), message("three", [])]
    for size in (1, 7, 65536, 1 << 20):
        cutter = MessageCutter(LIMIT)
        text = b"".join(messages)
        found = [m for at in range(0, len(text), size) for m in cutter.feed(text[at : at + size])]
        assert found == messages
        assert cutter.pending == 0


def test_a_message_larger_than_the_limit_is_refused_while_it_arrives() -> None:
    cutter = MessageCutter(1000)
    start = b"\x92\xa1t\xc6\xff\xff\xff\xff"  # says that four gigabytes follow
    assert cutter.feed(start) == []
    with pytest.raises(ForwardError, match="larger than 1000 bytes"):
        cutter.feed(b"x" * 1000)


# --- events --------------------------------------------------------------------------------------


def test_events_are_split_between_them_and_never_inside() -> None:
    events = [PLAIN, NEW, NOT_UTF8, PLAIN]
    assert list(split_events(b"".join(events), 0, 1)) == events
    assert list(split_events(b"".join(events), 10_000, 3)) == [PLAIN + NEW + NOT_UTF8, PLAIN]
    assert list(split_events(b"", 10, 1)) == []


@pytest.mark.parametrize(
    "broken", [b"\x01", b"\x92\x01", b"\x92\x01\xa1x", b"\x92\xa1t\x80", b"\x93\x01\x80\x80", PLAIN[:-1]]
)
def test_what_is_no_event_is_refused(broken: bytes) -> None:
    with pytest.raises(ForwardError, match="event"):
        list(split_events(PLAIN + broken, 10_000, 100))


# --- what goes out -------------------------------------------------------------------------------


def test_a_packed_chunk_has_the_id_and_the_size_beside_its_events() -> None:
    packed = encode_packed(Message("t", PLAIN, b"id"), 1)
    assert msgpack.unpackb(packed) == ["t", PLAIN, {"chunk": "id", "size": 1}]


def test_an_acknowledgement_is_a_map_with_the_id_as_msgpack_str() -> None:
    # fixmap of 1, fixstr of 3, fixstr of 4: Fluent Bit takes an id as bin for a failure
    assert encode_ack(b"ab/=") == b"\x81\xa3ack\xa4ab/="
    assert decode_ack(encode_ack(b"ab/=")) == b"ab/="
    assert decode_ack(msgpack.packb({"ack": b"ab"})) == b"ab"


@pytest.mark.parametrize("raw", [b"\x80", b"\xc0", msgpack.packb({"nak": "x"}), msgpack.packb({"ack": 1})])
def test_an_answer_that_acknowledges_nothing_is_refused(raw: bytes) -> None:
    with pytest.raises(ForwardError):
        decode_ack(raw)


def test_whole_messages_before_one_that_is_broken_are_given_and_then_it_is_refused() -> None:
    cutter = MessageCutter(LIMIT)
    good = message("t", [[1, {"log": "a"}]])
    assert cutter.feed(good + good + b"\xc1") == [good, good]
    for _ in range(2):
        with pytest.raises(ForwardError, match="not msgpack"):
            cutter.feed(good)


@pytest.mark.parametrize(
    "raw", [b"", b"\x81", b"\x81\xa3a}", b"\x81\xa3ack", b"\x81\xa3ack\xdb\xff\xff\xff\xff", b"\xc1"]
)
def test_an_acknowledgement_that_is_cut_off_is_a_forward_error(raw: bytes) -> None:
    with pytest.raises(ForwardError):
        decode_ack(raw)
