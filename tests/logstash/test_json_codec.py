"""The codec with a normalizer; the bare one is in test_codec.py."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings as examples, strategies as st

from exnorm.logstash import EventNormalizer, JSONCodec
from exnorm.pipeline.normalizer import Normalizer

AnyEvent = dict[str, Any]

SAMPLES = Path(__file__).parents[1] / "samples"
TRACKING = SAMPLES / "message_tracking" / "2019" / "MSGTRK2023040309-1.LOG"
RAW = TRACKING.read_bytes().removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
ROW = RAW.split(b"\n")[5]
NOW = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def make(**settings: Any) -> Normalizer:
    return Normalizer("arcsight", discover_plugins=False, **settings)


def codec(framing: str = "lines", **options: Any) -> JSONCodec:
    return JSONCodec(make(), framing, **options)


def converted(data: bytes, name: str = "", **settings: Any) -> list[AnyEvent]:
    normalizer = make(format="json", **settings)
    return [json.loads(line) for line in normalizer.encode(data, normalizer.stream(name))]


def versioned(events: list[AnyEvent]) -> list[AnyEvent]:
    """As events of Logstash: each has a version."""
    return [{"@version": "1", **event} for event in events]


def decode(data: bytes, framing: str = "lines", **options: Any) -> list[AnyEvent]:
    subject = codec(framing, **options)
    return subject.decode(data) + subject.flush()


def plain(events: list[AnyEvent]) -> list[AnyEvent]:
    """Events that were not normalized, without what every event has."""
    for event in events:
        assert NOW.fullmatch(event.pop("@timestamp"))
        assert event.pop("@version") == "1"
    return events


def test_raw_lines_of_a_log_are_its_events() -> None:
    assert decode(RAW) == versioned(converted(RAW))
    assert len(converted(RAW)) == 10


def test_a_row_in_message_is_its_event_whatever_format_the_normalizer_has() -> None:
    line = json.dumps({"message": ROW.decode(), "path": "a.log"}).encode() + b"\n"
    expected = [{"@version": "1", "path": "a.log", **event} for event in converted(ROW, "a.log")]
    for format_name in ("cef", "json"):
        assert JSONCodec(make(format=format_name)).decode(line) == expected


@pytest.mark.parametrize("step", [1, 7, 100, 5000])
def test_ids_and_events_do_not_depend_on_the_pieces(step: int) -> None:
    subject = codec()
    events = [event for at in range(0, len(RAW), step) for event in subject.decode(RAW[at : at + step])]
    assert events + subject.flush() == versioned(converted(RAW))


def test_a_whole_document_may_be_an_event_an_array_or_lines_of_a_log() -> None:
    expected = versioned(converted(ROW))
    row = {"message": ROW.decode()}
    assert codec("whole").decode(json.dumps(row).encode()) == expected
    assert codec("whole").decode(json.dumps([row, row]).encode()) == expected * 2
    assert codec("whole").decode(ROW) == expected
    assert codec("whole").decode(RAW) == versioned(converted(RAW))


def test_what_is_not_of_exchange_is_what_the_bare_codec_gives() -> None:
    for framing in ("lines", "whole"):
        for data in (
            b'{"a":1}', b'[{"a":1},null]', b"hello", b"nope {", b"123", b"[1]", b'{"a":1} xyz', b'{"tags":5}',
            b'{"event":"login","a":1}', b'{"a":"\xff"}', b"", b"  ", b'{"@metadata":5}',
            b'{"message":"hello"}',
            b'{"@timestamp":"foo","@metadata":{"k":"v"}}',
        ):  # fmt: skip
            bare = JSONCodec(None, framing)
            expected = plain(bare.decode(data) + bare.flush())
            assert plain(decode(data, framing)) == expected, data


def test_half_of_a_surrogate_pair_costs_one_character_and_not_the_rest_of_the_line() -> None:
    assert plain(decode(rb'{"message":"x\ud83dy"}')) == [{"message": "x?y"}]


def test_a_byte_order_mark_is_left_out() -> None:
    assert plain(decode(b'\xef\xbb\xbf{"a":1}\n')) == [{"a": 1}]
    assert decode(b"\xef\xbb\xbf" + RAW) == versioned(converted(RAW))


def test_objects_without_a_separator_are_events_as_soon_as_the_next_one_begins() -> None:
    subject = codec()
    assert subject.decode(b'{"a":1}') == []
    assert plain(subject.decode(b'{"a":2}{"a')) == [{"a": 1}, {"a": 2}]
    assert plain(subject.decode(b'":3}\n')) == [{"a": 3}]


def test_a_stream_without_separators_takes_bounded_memory_and_is_never_too_long() -> None:
    subject = codec(decode_size_limit_bytes=100)
    seen = 0
    for number in range(500):
        seen += len(subject.decode(b'{"message":"%d"}' % number))
        assert len(subject._frames.peek()) <= 200
    assert seen + len(subject.flush()) == 500


def test_a_stream_that_begins_within_an_object_loses_nothing_else() -> None:
    assert plain(decode(b'":"b"}{"a":1}{"a":2}\n{"a":3}\n')) == [
        {"message": '":"b"}', "tags": ["_jsonparsefailure"]},
        {"a": 1},
        {"a": 2},
        {"a": 3},
    ]
    assert plain(decode(b'ent":1}\n{"a":1}\n')) == [
        {"message": 'ent":1}', "tags": ["_jsonparsefailure"]},
        {"a": 1},
    ]


def test_a_raw_row_that_does_not_parse_is_tagged_with_its_reason_only() -> None:
    [event] = decode(b"\n".join(RAW.split(b"\n")[:5]) + b"\n2018-11-27T22:40:02.966Z,too,short\n")
    del event["@timestamp"]
    assert event == {
        "@version": "1",
        "message": "2018-11-27T22:40:02.966Z,too,short",
        "tags": ["_exnormparsefailure"],
        "error": {"reason": "row has 3 fields; #Fields names 30"},
    }


def test_a_raw_row_that_is_not_utf_8_is_unparsed_and_not_text_for_people() -> None:
    bad = ROW.replace(b"EX", b"\xff\xfe", 1) if b"EX" in ROW else ROW + b"\xff"
    first, second = decode(ROW + b"\n" + bad + b"\n")
    assert first == versioned(converted(ROW))[0]
    assert second["tags"] == ["_exnormparsefailure"]
    assert second["error"]["reason"].startswith("not UTF-8 at byte ")


def test_a_log_in_another_charset_is_read() -> None:
    row = ROW.decode().replace("relay", "relä")
    [event] = decode(row.encode("cp1252"), charset="CP1252")
    assert "relä" in json.dumps(event, ensure_ascii=False)


def test_with_a_target_the_normalized_event_stands_there_and_gives_its_time() -> None:
    [expected] = versioned(converted(ROW))
    for data in (ROW, json.dumps({"message": ROW.decode()}).encode()):
        [event] = decode(data, target="[exchange]")
        assert event == {"@version": "1", "@timestamp": expected["@timestamp"], "exchange": expected}
    assert plain(decode(b'{"a":1}', target="[x]")) == [{"x": {"a": 1}}]


def test_an_original_is_kept_of_whole_documents_that_are_not_of_exchange() -> None:
    assert plain(decode(b'{"a":1}', "whole")) == [{"a": 1, "event": {"original": '{"a":1}'}}]
    [event] = codec("whole").decode(json.dumps({"message": ROW.decode()}).encode())
    assert "event" not in event


def test_an_export_over_many_lines_is_read_and_its_end_comes_with_the_flush() -> None:
    export = (SAMPLES / "tracking_export" / "powershell-5.json").read_bytes()
    normalizer = Normalizer("arcsight", "json", discover_plugins=False, tz="UTC")
    expected = [json.loads(line) for line in normalizer.encode(export, normalizer.stream())]
    subject = JSONCodec(Normalizer("arcsight", discover_plugins=False, tz="UTC"))
    found = subject.decode(export) + subject.flush()
    assert len(expected) == 2
    # an object is the same event however it is printed, and so is its identity
    short = JSONCodec(Normalizer("arcsight", discover_plugins=False, tz="UTC"))
    assert [event.pop("exnorm_id") for event in found] == [
        event["exnorm_id"] for event in short.decode(json.dumps(json.loads(export)).encode() + b"\n")
    ]
    assert found == versioned([{n: v for n, v in event.items() if n != "exnorm_id"} for event in expected])


PRINTED = (
    '{"message": "service started", "host": {"name": "app5"}, "pid": 12}',
    '{"message": "{\\"not\\": [", "list": [1, [2, {"message": "inner"}]], "empty": {}}',
)


@pytest.mark.parametrize("indent", [1, 2, 4, "\t"], ids=repr)
@pytest.mark.parametrize("pieces", [1, 7, 10_000])
@pytest.mark.parametrize("way", ["decode", "convert"])
def test_json_printed_over_lines_is_one_event_an_object_and_a_foreign_one_stays_as_it_is(
    indent: int | str, pieces: int, way: str
) -> None:
    plain = [json.loads(text) for text in PRINTED]
    row = {"message": ROW.decode().strip(), "filename": "MSGTRK2018112722-1.LOG"}
    objects = "\n".join(json.dumps(one, indent=indent) for one in plain)
    array = json.dumps([plain[0], row, plain[1]], indent=indent)
    given = "\n".join((objects, array, json.dumps(plain[1]), "")).encode()
    subject = codec()
    blocks = [given[at : at + pieces] for at in range(0, len(given), pieces)]
    if way == "decode":
        found = [event for block in blocks for event in subject.decode(block)] + subject.flush()
    else:
        lines = [line for block in blocks for line in subject.convert(block)] + subject.convert_rest()
        found = [json.loads(line) for line in lines]
    bare = [{n: v for n, v in one.items() if n not in ("@version", "@timestamp")} for one in found]
    assert [bare[0], bare[1], bare[2], bare[4], bare[5]] == [*plain, *plain, plain[1]]
    assert bare[3]["deviceVendor"] == "Microsoft"
    assert len(bare) == 6


def test_an_object_that_is_cut_off_costs_itself_and_not_the_next_one() -> None:
    subject = codec()
    whole = {"message": "whole", "n": 1}
    given = '{\n  "message": "torn",\n' + json.dumps(whole) + "\n" + json.dumps(whole, indent=2) + "\n"
    torn, *rest = subject.decode(given.encode()) + subject.flush()
    assert torn["tags"] == ["_jsonparsefailure"]
    assert [(one["message"], one["n"]) for one in rest] == [("whole", 1), ("whole", 1)]


def test_codecs_may_share_one_normalizer() -> None:
    shared = EventNormalizer(make())
    one, other = JSONCodec(shared), JSONCodec(shared, "whole")
    header = b"\n".join(RAW.split(b"\n")[:5]) + b"\n"
    assert one.decode(header) == []
    assert other.decode(ROW) == versioned(converted(header + ROW))


def test_what_is_decoded_is_encoded_as_logstash_needs_it() -> None:
    subject = codec()
    for event in subject.decode(RAW):
        written = subject.encode(event)
        assert written.count(b"\n") == 1
        assert json.loads(written) == event


@examples(max_examples=60)
@given(
    st.lists(
        st.binary(max_size=40) | st.sampled_from([ROW, b'{"a":1}{"b"', *RAW.split(b"\n")[:5]]), max_size=6
    )
)
def test_no_input_raises_and_every_event_can_be_encoded(lines: list[bytes]) -> None:
    subject = codec()
    for event in subject.decode(b"\n".join(lines)) + subject.flush():
        assert json.loads(subject.encode(event))["@version"] == "1"


def test_the_python_of_the_docs_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "logstash.md").read_text(encoding="utf-8")
    [block] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(
        block.replace("2023-04-03T09:01:01.000Z,...", json.dumps(ROW.decode())[1:-1].replace("\\", "\\\\")),
        {},
    )
    assert '"deviceVendor":"Microsoft"' in capsys.readouterr().out


def test_gzip_is_not_the_codecs_business() -> None:
    packed = gzip.compress(b'{"a":1}\n')
    assert all("_jsonparsefailure" in event["tags"] for event in decode(packed))
