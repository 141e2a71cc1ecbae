from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from exnorm.engine.batches import BatchEncoder
from exnorm.pipeline.normalizer import Normalizer
from exnorm.pipeline.stream import Stream

NAME = "MSGTRK2018112722-1.LOG"
HEADER = (
    b"#Version: 15.01.1261.039",
    b"#Log-type: Message Tracking Log",
    b"#Fields: date-time,event-id,message-subject,recipient-address",
)
TORN = b"2018-11-27T22:40:09.000Z,SEND"

pytestmark = pytest.mark.usefixtures("each_path")


def make_row(number: int, event: str = "SEND") -> bytes:
    return f"2018-11-27T22:40:02.{number:03}Z,{event},subject {number},a@x.test".encode()


def begin(**settings: Any) -> tuple[BatchEncoder, Stream]:
    """The batches of a normalizer, and a stream that has its header and enough rows for a program."""
    normalizer = Normalizer(format="json", discover_plugins=False, **settings)
    stream = normalizer.stream(NAME)
    assert len(list(normalizer.encode([*HEADER, *(make_row(n, "RECEIVE") for n in range(20))], stream))) == 20
    return normalizer.batches, stream


def subjects(payloads: list[bytes | None]) -> list[str | None]:
    return [None if payload is None else json.loads(payload)["message"] for payload in payloads]


def test_payloads_come_one_a_line_up_to_the_first_that_a_reader_must_see() -> None:
    batches, stream = begin()
    batch = batches.prepare([make_row(1), make_row(2), TORN, make_row(3)], stream)
    assert batch is not None
    assert subjects(batches.encode(batch, 0, stream)) == ["subject 1", "subject 2"]
    assert batches.encode(batch, 2, stream) == []
    assert subjects(batches.encode(batch, 3, stream)) == ["subject 3"]
    assert batch.number == 4


def test_a_row_that_the_profile_leaves_out_has_its_place_but_no_payload() -> None:
    batches, stream = begin(profile="security")
    lines = [make_row(1), make_row(2, "HADISCARD"), make_row(3)]
    batch = batches.prepare(lines, stream)
    assert batch is not None
    assert subjects(batches.encode(batch, 0, stream)) == ["subject 1", None, "subject 3"]


def test_a_line_with_a_lf_inside_is_left_to_its_reader_and_costs_no_other_its_way() -> None:
    batches, stream = begin()
    batch = batches.prepare([make_row(1) + b"\n", make_row(2).replace(b" ", b"\n"), make_row(3)], stream)
    assert batch is not None
    assert subjects(batches.encode(batch, 0, stream)) == ["subject 1"]
    assert subjects(batches.encode(batch, 2, stream)) == ["subject 3"]


def test_a_line_that_is_too_long_is_left_to_its_reader() -> None:
    batches, stream = begin(max_line_bytes=1024)
    batch = batches.prepare([make_row(1), make_row(2) + b"x" * 1024, make_row(3)], stream)
    assert batch is not None
    assert subjects(batches.encode(batch, 0, stream)) == ["subject 1"]
    assert subjects(batches.encode(batch, 2, stream)) == ["subject 3"]


def test_lines_are_put_together_only_where_nothing_must_be_read_by_itself() -> None:
    batches, stream = begin(max_line_bytes=1024)
    row = make_row(1)
    gathered = batches.gather([row + b"\n", row], stream)
    assert gathered is not None
    assert gathered.lines == [row, row]
    assert batches.gather([], stream) is None
    assert batches.gather([row, row.decode()], stream) is None
    assert batches.gather([row, b"a\nb"], stream) is None
    assert batches.gather([row, b"x" * 1025], stream) is None


def test_a_log_that_begins_in_utf_16_is_never_taken_together() -> None:
    normalizer = Normalizer(format="json", discover_plugins=False)
    lines = ["\ufeff".encode("utf-16-le") + make_row(1).decode().encode("utf-16-le")]
    assert normalizer.batches.prepare(lines, normalizer.stream(NAME)) is None
    assert normalizer.batches.gather(lines, normalizer.stream(NAME)) is None


def test_there_is_nothing_to_be_taken_together_where_a_row_may_give_several_events() -> None:
    normalizer = Normalizer(format="json", discover_plugins=False, per_recipient=True)
    assert normalizer.batches.prepare([make_row(1)], normalizer.stream(NAME)) is None


def test_rows_of_a_log_that_nobody_knows_have_no_payload() -> None:
    normalizer = Normalizer(format="json", discover_plugins=False)
    stream = normalizer.stream(str(Path("unknown.txt")))
    batch = normalizer.batches.prepare([make_row(1)], stream)
    assert batch is not None
    assert normalizer.batches.encode(batch, 0, stream) == []


def test_what_is_taken_is_counted_as_if_each_row_had_been_read() -> None:
    batches, stream = begin()
    batch = batches.prepare([make_row(1), make_row(2, "NEWEVENT"), TORN], stream)
    assert batch is not None
    normalizer = Normalizer(format="json", discover_plugins=False)
    singly = normalizer.stream(NAME)
    list(normalizer.encode(iter([*HEADER, *(make_row(n, "RECEIVE") for n in range(20))]), singly))
    list(normalizer.encode(iter([make_row(1), make_row(2, "NEWEVENT")]), singly))
    batches.encode(batch, 0, stream)
    assert stream.line_number == singly.line_number
    assert batches._counts.as_dict() == normalizer.counts.as_dict()
