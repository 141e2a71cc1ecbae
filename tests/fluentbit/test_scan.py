from __future__ import annotations

import time

import msgpack
import pytest

from exnorm.fluentbit.scan import DEEPEST, ScanError, Scanner
from exnorm.fluentbit.wire import LARGE_CHUNK, MOST_VALUES, read_entries

# One value of every kind of msgpack, by its first byte as the specification has it.
VALUES = (
    b"\x00", b"\x7f", b"\xe0", b"\xff", b"\xc0", b"\xc2", b"\xc3", b"\x80", b"\x90", b"\xa0", b"\xa2ab",
    b"\x81\x01\x02", b"\x92\x01\xa1x", b"\xc4\x02ab", b"\xc5\x00\x02ab", b"\xc6\x00\x00\x00\x02ab",
    b"\xc7\x02\x05ab", b"\xc8\x00\x02\x05ab", b"\xc9\x00\x00\x00\x02\x05ab", b"\xca" + b"f" * 4,
    b"\xcb" + b"d" * 8, b"\xcc1", b"\xcd12", b"\xce1234", b"\xcf12345678", b"\xd01", b"\xd112", b"\xd21234",
    b"\xd312345678", b"\xd4t1", b"\xd5t12", b"\xd6t1234", b"\xd7t12345678", b"\xd8t" + b"x" * 16,
    b"\xd9\x02ab",
    b"\xda\x00\x02ab", b"\xdb\x00\x00\x00\x02ab", b"\xdc\x00\x02\x01\x02", b"\xdd\x00\x00\x00\x02\x01\xc0",
    b"\xde\x00\x01\x01\x02", b"\xdf\x00\x00\x00\x01\x01\x02", b"\xdc\x00\xc8" + b"\x01" * 199 + b"\xa1x",
)  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 3, 1 << 20])
def test_the_end_of_every_kind_of_value_is_found_in_whatever_pieces_it_comes(size: int) -> None:
    text = b"".join(VALUES)
    scanner, ends = Scanner(), []
    for arrived in range(size, len(text) + size, size):
        while (end := scanner.find_end(text[:arrived])) is not None:
            ends.append(end)
    expected = [sum(map(len, VALUES[: number + 1])) for number in range(len(VALUES))]
    assert ends == expected


def test_a_value_that_is_not_whole_has_no_end() -> None:
    for value in VALUES:
        for length in range(len(value)):
            assert Scanner().find_end(value[:length]) is None


def test_the_unused_byte_and_nesting_without_end_are_refused() -> None:
    with pytest.raises(ScanError, match="0xc1"):
        Scanner().find_end(b"\xc1")
    assert Scanner().find_end(b"\x91" * (DEEPEST - 1) + b"\x90") == DEEPEST
    with pytest.raises(ScanError, match="nested deeper than 512 levels"):
        Scanner().find_end(b"\x91" * (DEEPEST + 1))


def test_millions_of_values_of_one_byte_are_passed_at_once() -> None:
    begin = time.process_time()
    text = b"\xdd\x00\x98\x96\x80" + b"\xc0" * 10_000_000
    assert Scanner().find_end(text) == len(text)
    assert time.process_time() - begin < 2


def test_a_claim_of_more_values_than_fit_is_known_from_its_head() -> None:
    scanner = Scanner()
    assert scanner.find_end(b"\x93\xa1t\xdd\xff\xff\xff\xff") is None
    assert scanner.lacks == 0xFFFFFFFF + 1  # and what the outer array still lacks


# --- large events of a chunk ---------------------------------------------------------------------


def test_a_text_of_a_large_event_is_cut_and_its_other_values_are_whole() -> None:
    row = {"log": "x" * 1_000_000, "path": "p", "raw": b"y" * 1_000_000, "n": {"a": [1]}}
    chunk = msgpack.packb([[1, {}], row])
    (entry,) = read_entries(chunk, 1000)
    assert bytes(entry.raw) == chunk
    assert entry.head == msgpack.packb([1, {}])
    assert entry.body == {"log": "x" * 1003, "path": "p", "raw": b"y" * 1003, "n": {"a": [1]}}


def test_a_large_chunk_is_read_as_a_small_one_is() -> None:
    event = msgpack.packb([1, {"log": "x" * 1000}])
    chunk = event * (LARGE_CHUNK // len(event) + 2)
    entries = list(read_entries(chunk + b"\xc1rest"))
    assert b"".join(entry.raw for entry in entries) == chunk + b"\xc1rest"
    assert {str(entry.body)[:20] for entry in entries[:-1]} == {"{'log': 'xxxxxxxxxxx"}
    assert entries[-1].body is None


def test_an_event_of_more_values_than_a_record_has_is_left_alone_and_says_why() -> None:
    event = msgpack.packb([1, {"log": [0] * 300_000}])
    (entry,) = read_entries(event)
    assert (bytes(entry.raw), entry.body) == (event, None)
    assert entry.refusal == f"an event of more than {MOST_VALUES} values"


def test_a_large_event_with_a_huge_value_that_is_no_text_is_left_alone_and_says_why() -> None:
    event = msgpack.packb([1, {"log": {"a": "x" * 600_000}}])
    (entry,) = read_entries(event, 300_000)
    assert entry.body is None
    assert entry.refusal == "an event with a value of more than 300000 bytes that is no text"
