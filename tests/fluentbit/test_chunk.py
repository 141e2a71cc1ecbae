from __future__ import annotations

import json
import struct
import threading
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings, strategies as st

from exnorm import Normalizer
from exnorm.fluentbit import ChunkFilter, filter_chunk
from exnorm.fluentbit.chunk import FilterCounts

SAMPLE = Path(__file__).parents[2] / "examples" / "MSGTRK2018112722-1.LOG"
LINES = SAMPLE.read_text(encoding="utf-8-sig").splitlines()
HEADER, ROWS = LINES[:5], LINES[5:]
COLUMNS = HEADER[4].removeprefix("#Fields: ").split(",")
NOW = msgpack.ExtType(0, struct.pack(">II", 1_700_000_000, 5))
NAME = "/logs/MSGTRK2018112722-1.LOG"
Body = dict[str, Any]


def event(body: Any, time: Any = NOW, metadata: Any = None) -> bytes:
    """One event as Fluent Bit packs it: ``[[time, {metadata}], {body}]``."""
    packed: bytes = msgpack.packb([[time, metadata or {}], body], unicode_errors="surrogateescape")
    return packed


def old_event(body: Any, time: Any = NOW) -> bytes:
    """One event as in_forward hands it on: ``[time, {body}]``."""
    packed: bytes = msgpack.packb([time, body])
    return packed


def lines(*texts: str, **more: Any) -> bytes:
    return b"".join(event({"log": text, "filename": NAME, **more}) for text in texts)


def unpack(chunk: bytes | None) -> list[Any]:
    assert chunk is not None
    unpacker = msgpack.Unpacker(
        raw=False, unicode_errors="surrogateescape", strict_map_key=False, timestamp=0
    )
    unpacker.feed(chunk)
    return list(unpacker)


def bodies(chunk: bytes | None) -> list[Body]:
    return [entry[1] for entry in unpack(chunk)]


def make(**settings: Any) -> ChunkFilter:
    return ChunkFilter.from_names(settings)


def converted(text: list[str], name: str = NAME, **settings: Any) -> list[Body]:
    """What the library writes as JSON for the lines of a log."""
    normalizer = Normalizer(format="json", **settings)
    return [json.loads(line) for line in normalizer.encode("\n".join(text), normalizer.stream(name))]


# --- what comes out --------------------------------------------------------------------------------


def test_the_records_are_those_of_the_json_format() -> None:
    assert bodies(make().filter("t", lines(*LINES))) == converted(LINES)


def test_the_shared_function_takes_its_settings_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from exnorm.fluentbit import _shared_filter

    _shared_filter.cache_clear()
    monkeypatch.setenv("EXNORM_TAXONOMY", "jsa")
    monkeypatch.setenv("EXNORM_KEY_NAME", "raw")
    try:
        chunk = b"".join(event({"raw": line, "filename": NAME}) for line in LINES)
        assert bodies(filter_chunk("t", chunk)) == converted(LINES, taxonomy="jsa")
    finally:
        _shared_filter.cache_clear()


def test_header_lines_are_swallowed_and_counted() -> None:
    chunks = make()
    assert chunks.filter("t", lines(*HEADER)) == b""
    assert chunks.counts.as_dict()["header"] == 5
    assert (chunks.counts.records_in, chunks.counts.records_out) == (5, 0)


@pytest.mark.parametrize(
    ("settings", "beginning"),
    [
        ({"format": "cef"}, ("cef", "CEF:0|Microsoft|Exchange Server|15.01.1261.039|SENDEXTERNAL|")),
        (
            {"format": "leef", "taxonomy": "jsa"},
            ("leef", "LEEF:2.0|Microsoft|Exchange Server|15.01.1261.039|"),
        ),
        ({"format": "wincollect", "taxonomy": "jsa"}, ("wincollect", "AgentDevice=WindowsExchange\t")),
    ],
)
def test_a_finished_line_stands_under_the_name_of_its_format(
    settings: dict[str, str], beginning: tuple[str, str]
) -> None:
    (body,) = bodies(make(**settings).filter("t", lines(*HEADER, ROWS[0])))
    ((key, value),) = body.items()
    assert (key, value[: len(beginning[1])]) == beginning


def test_the_time_becomes_that_of_the_event_and_metadata_stays() -> None:
    (entry,) = unpack(
        make().filter("t", lines(*HEADER) + event({"log": ROWS[0], "filename": NAME}, metadata={"a": 1}))
    )
    # 2018-11-27T22:40:02.966Z is 1543358402 s and 966 000 000 ns
    assert entry[0] == [msgpack.ExtType(0, struct.pack(">II", 1543358402, 966_000_000)), {"a": 1}]


@pytest.mark.parametrize("time", [NOW, 1_700_000_000, 1_700_000_000.5, 5, 70000], ids=repr)
def test_the_older_form_of_an_event_stays_that_form(time: Any) -> None:
    chunk = lines(*HEADER) + old_event({"log": ROWS[0], "filename": NAME}, time)
    (entry,) = unpack(make().filter("t", chunk))
    assert entry == [
        msgpack.ExtType(0, struct.pack(">II", 1543358402, 966_000_000)),
        converted([*HEADER, ROWS[0]])[0],
    ]
    (kept,) = unpack(make(event_time="off").filter("t", chunk))
    assert kept[0] == time


@pytest.mark.parametrize("year", ["1969", "2106", "9999"])
def test_a_row_of_a_year_that_the_wire_cannot_carry_forges_no_marker(year: str) -> None:
    row = ROWS[0].replace("2018-11-27T22:40:02.966Z", f"{year}-02-07T06:28:15.000Z")  # 2106: seconds ffffffff
    (entry,) = unpack(make().filter("t", lines(*HEADER, row)))
    assert entry[0][0] == NOW
    assert entry[1]["@timestamp"] == f"{year}-02-07T06:28:15.000Z"


def test_a_record_that_came_split_gives_the_same_event() -> None:
    row = dict(zip(COLUMNS, ROWS[0].split(","), strict=True))
    (body,) = bodies(make().filter("t", event({**row, "filename": NAME})))
    assert body == converted([*HEADER, ROWS[0]])[0]


def test_cells_that_a_parser_made_numbers_or_nothing_of_are_read_as_text() -> None:
    row: Body = dict(zip(COLUMNS, ROWS[0].split(","), strict=True))
    row = {key: None if value == "" else value for key, value in row.items()}
    row["total-bytes"] = int(row["total-bytes"])
    (body,) = bodies(make().filter("t", event({**row, "filename": NAME, "kubernetes": {"pod": "x"}})))
    assert body == converted([*HEADER, ROWS[0]])[0]


def test_other_keys_are_left_out_or_with_reserve_data_kept() -> None:
    chunk = lines(*HEADER, ROWS[0], host="ex01", nested={"a": [1, b"\xff"]})
    expected = converted([*HEADER, ROWS[0]])[0]
    assert bodies(make().filter("t", chunk)) == [expected]
    kept = {"filename": NAME, "host": "ex01", "nested": {"a": [1, b"\xff"]}}
    assert bodies(make(reserve_data="on").filter("t", chunk)) == [{**kept, **expected}]


@pytest.mark.parametrize("key", ["filename", "file", "log.file.path"])
def test_the_file_is_known_by_each_of_the_usual_keys(key: str) -> None:
    chunk = b"".join(event({"message": line, key: NAME}) for line in LINES)
    assert bodies(make().filter("t", chunk)) == converted(LINES)


def test_the_file_is_known_by_a_nested_key() -> None:
    chunk = b"".join(event({"message": line, "log": {"file": {"path": NAME}}}) for line in LINES)
    assert bodies(make().filter("t", chunk)) == converted(LINES)


def test_a_line_in_binary_is_a_line() -> None:
    chunk = b"".join(event({"log": line.encode(), "filename": NAME}) for line in LINES)
    assert bodies(make().filter("t", chunk)) == converted(LINES)


def test_one_record_for_each_recipient() -> None:
    out = bodies(make(per_recipient="on").filter("t", lines(*HEADER, ROWS[1])))
    assert [body["destinationUserName"] for body in out] == ["ana@corp.example", "ben@corp.example"]


# --- what does not parse ---------------------------------------------------------------------------


def test_what_does_not_parse_goes_on_unchanged_with_tag_and_reason() -> None:
    bad = event({"log": "a,b", "filename": NAME, "site": "ex01"})
    out = make().filter("t", lines(*HEADER, ROWS[0]) + bad + lines(ROWS[1]))
    assert bodies(out) == [
        converted([*HEADER, ROWS[0]])[0],
        {
            "log": "a,b", "filename": NAME, "site": "ex01", "tags": ["_exnormparsefailure"],
            "error": {"reason": "row has 2 fields; #Fields names 30"},
        },
        converted([*HEADER, ROWS[1]])[0],
    ]  # fmt: skip
    assert unpack(out)[1][0] == [NOW, {}]


@pytest.mark.parametrize(
    ("given", "tags", "error"),
    [
        ({"tags": ["a"], "error": {"code": 5}}, ["a", "_exnormparsefailure"], {"code": 5, "reason": "R"}),
        ({"tags": "a", "error": "e"}, ["a", "_exnormparsefailure"], "e"),
    ],
)
def test_tags_and_errors_of_the_record_stay(given: Body, tags: list[str], error: Any) -> None:
    (body,) = bodies(make().filter("t", lines(*HEADER) + event({"log": "a,b", "filename": NAME, **given})))
    reason = "row has 2 fields; #Fields names 30"
    assert body["tags"] == tags
    assert body["error"] == ({**error, "reason": reason} if isinstance(error, dict) else error)


def test_a_line_that_is_not_utf8_keeps_its_bytes_and_its_neighbours() -> None:
    broken = ROWS[0].encode().replace(b"admin3", b"\xe9dmin").decode("utf-8", "surrogateescape")
    good, bad, last = bodies(make().filter("t", lines(*HEADER, ROWS[0], broken, ROWS[1])))
    assert [good, last] == converted([*HEADER, ROWS[0], ROWS[1]])
    assert bad["log"] == broken
    assert bad["error"]["reason"].endswith("got 0xe9")


def test_a_secret_in_a_line_that_does_not_parse_is_masked() -> None:
    header = [
        "#Software: Microsoft Exchange Server",
        "#Version: 15.0.0.0",
        "#Log-type: SMTP Receive Protocol Log",
        "#Fields: date-time,connector-id,session-id,sequence-number,"
        "local-endpoint,remote-endpoint,event,data,context",
    ]
    bad = (
        "2023-01-11T16:00:00.000Z,C,08D,1,192.0.2.1:25,192.0.2.2:1025,<,AUTH PLAIN AGFuYQBzZWNyZXQ="  # 8 of 9
    )
    (body,) = bodies(make().filter("t", lines(*header, bad)))
    assert "AGFuYQBzZWNyZXQ" not in json.dumps(body)
    assert body["tags"] == ["_exnormparsefailure"]


def test_with_on_error_skip_such_a_line_is_counted_and_left_out() -> None:
    chunks = make(on_error="skip")
    assert chunks.filter("t", lines(*HEADER, "a,b")) == b""
    assert chunks.counts.as_dict()["unparsed"] == {"width": 1}


# --- what is not ours ------------------------------------------------------------------------------


def test_a_chunk_without_a_record_of_exchange_is_untouched() -> None:
    chunks = make()
    assert chunks.filter("t", event({"cpu": 1}) + event({}) + event({"a": {"b": 1}, "log": 5})) is None
    assert chunks.counts.untouched == 3


def test_records_of_others_among_ours_stay_byte_for_byte() -> None:
    # a map of 1 in 16-bit form, and a float32: nothing that a packer of ours would write
    odd = (
        b"\x92\x92"
        + b"\xd7\x00"
        + struct.pack(">II", 7, 8)
        + b"\x80"
        + b"\xde\x00\x01\xa1x\xca\x3f\x80\x00\x00"
    )
    out = make().filter("t", odd + lines(*HEADER, ROWS[0]) + odd)
    assert out is not None
    assert out.startswith(odd)
    assert out.endswith(odd)
    assert len(unpack(out)) == 3


@pytest.mark.parametrize("seconds", [b"\xff\xff\xff\xff", b"\xff\xff\xff\xfe"])
def test_the_markers_of_groups_stay_byte_for_byte(seconds: bytes) -> None:
    for head in (b"\xd7\x00" + seconds + b"\0\0\0\0", b"\xc7\x08\x00" + seconds + b"\0\0\0\0"):
        marker = b"\x92\x92" + head + b"\x80" + msgpack.packb({"log": ROWS[0]})
        out = make().filter("t", marker + lines(*HEADER, ROWS[0]))
        assert out is not None
        assert out.startswith(marker)
        assert len(unpack(out)) == 2


def test_an_empty_chunk_is_untouched() -> None:
    assert make().filter("t", b"") is None


HOSTILE = [
    b"\xc1",  # never used
    b"\xdd\xff\xff\xff\xff",  # an array of four thousand million
    b"\xdf\xff\xff\xff\xff",
    b"\xdb\xff\xff\xff\xffab",
    b"\xc9\xff\xff\xff\xff\x00",
    b"\x91" * 4000,  # deeper than anything
    b"\x92" * 4000,
    b"\x92\x92\xd7\x00\x00\x00",  # torn
    b"\x92\x80\x81\x90\x01",  # a list as a key
    b"\x92\x80\x81\x80\x01",
    b"\x92\xd6\xff\xff\xff\xff\xff\x80",  # a timestamp of msgpack itself
    b"\x92\xc7\x01\xff\x00\x80",  # ... of a wrong length
    b"\x93\x01\x02\x03",
    b"\x00\xc0\xc3",
]


@pytest.mark.parametrize("piece", HOSTILE, ids=lambda piece: piece[:6].hex())
def test_broken_pieces_stay_and_harm_nothing_before_them(piece: bytes) -> None:
    good = lines(*HEADER, ROWS[0])
    chunks = make()
    out = chunks.filter("t", good + piece)
    assert out is not None
    assert out.endswith(piece)
    assert bodies(out[: len(out) - len(piece)]) == converted([*HEADER, ROWS[0]])
    assert not chunks.counts.errors


@pytest.mark.parametrize(
    "piece", [b"\x92\x80\x81\x90\x01", b"\x93\x01\x02\x03", b"\x00", b"\x92\xc7\x01\xff\x00\x80"]
)
def test_whole_values_that_are_no_events_harm_nothing_after_them(piece: bytes) -> None:
    out = make().filter("t", piece + lines(*HEADER, ROWS[0]) + piece + lines(ROWS[1]))
    assert out is not None
    assert out.startswith(piece)
    for body in converted([*HEADER, *ROWS[:2]]):
        assert body["exnorm_id"].encode() in out
    assert b"SENDEXTERNAL" in out[: out.rindex(piece)]


@given(st.binary(max_size=300))
@settings(deadline=None)  # the first one assembles a pipeline, which takes long where others work
def test_no_bytes_at_all_raise_or_are_lost(piece: bytes) -> None:
    chunks = make()
    out = chunks.filter("t", piece)
    assert not chunks.counts.errors
    if out is None:
        assert chunks.counts.records_out == chunks.counts.records_in


def test_many_broken_values_cost_no_more_than_their_length() -> None:
    chunks = make()
    assert chunks.filter("t", b"\x92\x80\x81\x90\x01" * 50_000) is None  # a quadratic reader would not end


def test_a_hostile_subject_stays_one_record() -> None:
    hostile = 'x"",\u2028{"log": "x"}\x00[OUTPUT]'
    row = ROWS[0].split(",")
    row[COLUMNS.index("message-subject")] = '"' + hostile.replace('""', '"').replace('"', '""') + '"'
    (body,) = bodies(make().filter("t", lines(*HEADER, ",".join(row))))
    assert body == converted([*HEADER, ",".join(row)])[0]


# --- errors, threads -------------------------------------------------------------------------------


def test_an_error_leaves_the_records_and_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    chunks = ChunkFilter.from_names({}, log=said.append)

    def fail(*arguments: object) -> None:
        raise RuntimeError("broken")

    with monkeypatch.context() as patch:
        patch.setattr(chunks.normalizer, "parse", fail)
        for _ in range(3):
            assert chunks.filter("t", lines(*LINES)) is None
    assert len(said) == 1
    assert "RuntimeError" in said[0]
    assert chunks.counts.errors == {"RuntimeError": 3 * len(LINES)}
    assert chunks.counts.records_in == chunks.counts.records_out == 3 * len(LINES)
    assert bodies(chunks.filter("t", lines(*LINES))) == converted(LINES)


def test_an_event_that_the_format_cannot_write_goes_on_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    chunks = make(format="cef")

    def refuse(event: object) -> bytes:
        raise IndexError("no room")

    monkeypatch.setattr(chunks.normalizer, "_encode", refuse)
    bad, other = bodies(chunks.filter("t", lines(*HEADER, ROWS[0]) + event({"cpu": 1})))
    assert bad["log"] == ROWS[0]
    assert bad["tags"] == ["_exnormparsefailure"]
    assert bad["error"]["reason"].startswith("format cef: cannot write the event: IndexError")
    assert other == {"cpu": 1}
    assert not chunks.counts.errors


def test_threads_take_turns() -> None:
    chunks = make()
    chunk = lines(*LINES)
    out: list[bytes | None] = []
    threads = [threading.Thread(target=lambda: out.append(chunks.filter("t", chunk))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [bodies(piece) for piece in out] == [converted(LINES)] * 4
    assert chunks.counts.chunks == 4


def test_counts_are_plain_numbers() -> None:
    chunks = make()
    chunks.filter("t", lines(*LINES, "a,b") + event({"cpu": 1}))
    counts = chunks.counts.as_dict()
    assert json.loads(json.dumps(counts)) == counts
    assert (counts["records_in"], counts["records_out"], counts["untouched"]) == (11, 6, 1)
    assert counts["logs"] == {"seen": 1}
    assert isinstance(chunks.counts, FilterCounts)
