from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import fuzz_events
import pytest
import tracking_rows

from exnorm import ParseError, Record, hookimpl
from exnorm.engine.kernel import load_kernel
from exnorm.logstash import EventNormalizer, JSONCodec, LineTooLong, normalize
from exnorm.logstash.splice import read_event
from exnorm.pipeline.normalizer import Normalizer

AnyEvent = dict[str, Any]

SAMPLES = Path(__file__).parents[1] / "samples"
TRACKING = SAMPLES / "message_tracking" / "2019" / "MSGTRK2023040309-1.LOG"
LOGS = [path for path in sorted(SAMPLES.rglob("*")) if path.suffix.lower() in (".log", ".txt", ".csv")]
BESIDE: AnyEvent = {
    "@timestamp": "2023-04-03T10:00:00.000Z", "@version": "1", "host": {"name": "EX01"}, "tags": ["exchange"],
    "log": {"file": {"path": "MSGTRK2023040309-1.LOG"}, "offset": 1048576}, "agent": {"type": "filebeat"},
}  # fmt: skip


def rows_of(path: Path) -> list[str]:
    return path.read_bytes().decode("utf-8", "backslashreplace").removeprefix("\ufeff").splitlines()


HEADER, ROWS = rows_of(TRACKING)[:5], rows_of(TRACKING)[5:] * 4


def as_line(event: AnyEvent) -> bytes:
    return json.dumps(event).encode() + b"\n"


def codec_of(**settings: Any) -> JSONCodec:
    return JSONCodec(EventNormalizer(Normalizer(format="json", discover_plugins=False, tz="UTC", **settings)))


def convert(data: bytes, step: int = 0, **settings: Any) -> list[bytes]:
    codec = codec_of(**settings)
    pieces = [data[at : at + step] for at in range(0, len(data), step)] if step else [data]
    return [line for piece in pieces for line in codec.convert(piece)] + codec.convert_rest()


def decode_and_encode(data: bytes, **settings: Any) -> list[bytes]:
    codec = codec_of(**settings)
    return [codec.encode(event) for event in codec.decode(data) + codec.flush()]


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events without a time of their own get the same one whenever they are read."""
    monkeypatch.setattr("exnorm.logstash.codec.now", lambda: "2026-01-01T00:00:00.000Z")


@pytest.fixture(params=["0", "1"], ids=["Python", "kernel"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, still: None) -> None:
    monkeypatch.setenv("EXNORM_KERNEL", request.param)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("path", LOGS, ids=lambda p: p.name)
def test_each_sample_is_byte_by_byte_what_decode_and_encode_give(path: Path) -> None:
    log = {"file": {"path": path.name}}
    rows = rows_of(path) * 12  # enough of them, so that there is code for their records
    given = b"".join(as_line({**BESIDE, "message": row, "log": log}) for row in rows)
    assert convert(given) == decode_and_encode(given)


SETTINGS: list[AnyEvent] = [
    {}, {"fields": "key"}, {"fields": "ecs"}, {"taxonomy": "jsa"}, {"keep_original": True},
    {"per_recipient": True}, {"profile": "arcsight-guide"}, {"on_error": "skip"},
]  # fmt: skip
ODD: list[AnyEvent] = [
    {"host": "EX01"}, {"host": None}, {"host": {}}, {"host": 5}, {"event": "x"}, {"event": None},
    {"event": {}},
    {"event": {"original": "x"}}, {"event": []}, {"tags": None}, {"tags": "one"}, {"tags": ["a", 1]},
    {"tags": []},
    {"tags": 5}, {"@timestamp": None}, {"@timestamp": "2024-02-30T01:02:03Z"}, {"@timestamp": "yesterday"},
    {"@timestamp": "2024-02-03T25:02:03Z"}, {"@timestamp": 5}, {"@version": 2}, {"@metadata": {"a": 1}},
    {"@metadata": {}}, {"@metadata": 1}, {"n": 1.5}, {"n": 1e300}, {"n": 2**64}, {"n": -(2**63) - 1},
    {"n": 2**64 - 1},
    {"n": -0.0}, {"exnorm_id": "mine"}, {"additionalData": {"a": 1}}, {"additionalData": 1}, {"type": "log"},
    {"bytesIn": {"a": 1}}, {"sourceAddress": "x"}, {"a[b]": 1}, {"": ""},
    {"text": "\u20ac\U0001f600\x00\x7f\u2028"},
    {"text": "\ud800"}, {"\udc00": 1}, {"deep": json.loads("[" * 90 + "]" * 90)},
    {"deep": json.loads("[" * 120 + "]" * 120)}, {"log": {"file": {"path": "MSGTRK-other.LOG"}}}, {"log": {}},
    {"log": 1, "path": "MSGTRK1.LOG"}, {"log": {"file": {"path": "\x00"}}}, {"long": "x" * 60_000},
    {"message": None}, {"message": ""}, {"message": "hello"}, {"message": 5}, {"message": ["a"]},
]  # fmt: skip


def odd_lines() -> list[bytes]:
    """Each odd event among plain ones, and lines that are no events."""
    lines = [as_line({**BESIDE, "message": row}) for row in (*HEADER, *ROWS[:12])]
    for number, odd in enumerate(ODD):
        row = ROWS[number % len(ROWS)]
        lines += [as_line({"message": row, **BESIDE, **odd}), as_line({**BESIDE, "message": row})]
    row = ROWS[0]
    ends = [row + end for end in ("\r\n", "\r", "\n", ",", "\t", f"\n{row}")]
    for text in ("\ufeff" + row, row[:40], *ends):
        lines.append(as_line({**BESIDE, "message": text, "event": {"original": text}}))
        lines.append(as_line({**BESIDE, "message": text}))
    without = {name: value for name, value in BESIDE.items() if name[0] != "@"}
    plain = as_line({**BESIDE, "message": row})
    lines += [
        as_line({**without, "message": row}),
        as_line({"message": row}),
        as_line({**without, "@timestamp": BESIDE["@timestamp"], "message": row}),
        plain[:-2] + b',"a":' + b"[" * 1001 + b"]" * 1001 + b"}\n",
        as_line({"@timestamp": BESIDE["@timestamp"], "log": BESIDE["log"], "message": row})[:-2]
        + b',"a":' + b"[" * 400 + b"]" * 400 + b"}\n",
        plain[:-1] + b"\r\n",
        b" " + plain,
        plain[:-1] + plain,
        b"[" + plain[:-1] + b"," + plain[:-1] + b"]\n",
        plain[:-2] + b',"a":1,"a":2,"@timestamp":"2020-01-01T00:00:00Z"}\n',
        plain[:-2] + b',"a":NaN}\n',
        plain[:-2] + b',"a":01}\n',
        plain[:-2] + b',"a":' + b"9" * 5000 + b"}\n",
        plain[:-2] + b',"a":"\xff"}\n',
        plain[:-2] + b',"a":"\xed\xa0\x80"}\n',
        plain[:-2] + b',"a":"\\ud83d\\ude00 \\/ \\u0041"}\n',
        plain[:-2] + b',"a":"\x01"}\n',
        plain[:-2] + b"\n",
        b"\xef\xbb\xbf" + plain,
        b"\n", b"[]\n", b"null\n", b"5\n", b"{}\n", b"hello\n", row.encode() + b"\n",
        as_line({**BESIDE, "message": "#Fields: date-time,event-id"}),
        *[plain] * 20,
    ]  # fmt: skip
    return lines


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_odd_events_are_byte_by_byte_what_decode_and_encode_give(settings: AnyEvent) -> None:
    given = b"".join(odd_lines())
    assert convert(given, **settings) == decode_and_encode(given, **settings)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("step", [997, 65536])
def test_lines_do_not_depend_on_the_pieces_they_came_in(step: int) -> None:
    given = b"".join(odd_lines()) + as_line({**BESIDE, "message": ROWS[0]})[:-1]
    assert convert(given, step) == decode_and_encode(given)


@pytest.mark.usefixtures("way")
def test_the_counts_are_those_of_decode() -> None:
    given = b"".join(odd_lines())
    counted = []
    for name in ("decode", "convert"):
        normalizer = Normalizer(format="json", discover_plugins=False, tz="UTC")
        events = EventNormalizer(normalizer)
        getattr(JSONCodec(events), name)(given)
        counted.append((normalizer.counts.as_dict(), events.untouched, events.unparsed))
    assert counted[0] == counted[1]


class Watched(EventNormalizer):
    """Notes how many lines the kernel was given, and took, in each run."""

    def __init__(self, normalizer: Normalizer) -> None:
        super().__init__(normalizer)
        self.taken: list[tuple[int, int]] = []

    def run(self, lines: Sequence[bytes], log: str) -> tuple[list[bytes], int, str] | None:
        found = super().run(lines, log)
        if found is not None:
            self.taken.append((len(lines), found[1]))
        return found


def watch(data: bytes, **settings: Any) -> tuple[list[tuple[int, int]], list[AnyEvent]]:
    if load_kernel() is None:
        pytest.skip("there is no kernel")
    events = Watched(Normalizer(format="json", discover_plugins=False, **settings))
    return events.taken, [json.loads(line) for line in JSONCodec(events).convert(data)]


MADE_HEADER = tracking_rows.header().lstrip("\ufeff").splitlines()
MADE = list(tracking_rows.make_rows(20))
OTHER: AnyEvent = {**BESIDE, "log": {"file": {"path": "C:\\logs\\MSGTRK2023040310-1.LOG"}}}


def as_lines(rows: Iterable[str], **others: Any) -> bytes:
    return b"".join(as_line({**BESIDE, **others, "message": row}) for row in rows)


def test_the_kernel_takes_plain_events_but_the_first_of_a_log() -> None:
    taken, found = watch(as_lines((*MADE_HEADER, *MADE)))
    assert taken == [(19, 19)]
    assert [event["deviceReceiptTime"] for event in found] == sorted(e["deviceReceiptTime"] for e in found)
    assert all(event["tags"] == ["exchange"] for event in found)


@pytest.mark.parametrize(
    "odd", [{"n": 1.5}, {"host": "EX01"}, {"@metadata": {}}, {"a": "\u20ac"}, {"sourceAddress": "x"}], ids=str
)
def test_an_event_that_the_kernel_leaves_alone_does_not_stop_it(odd: AnyEvent) -> None:
    head = as_lines((*MADE_HEADER, *MADE[:8]))
    taken, found = watch(head + as_lines(MADE[8:9], **odd) + as_lines(MADE[9:]))
    assert taken == [(19, 7), (11, 11)]
    assert len(found) == 20


def test_rows_of_several_logs_in_turn_are_taken_each_with_its_own_name() -> None:
    heads = as_lines((*MADE_HEADER, MADE[0])) + as_lines((*MADE_HEADER, MADE[0]), **OTHER)
    mixed = b"".join(as_lines([row]) + as_lines([row], **OTHER) for row in MADE[1:7])
    taken, found = watch(heads + mixed)
    assert sum(done for _, done in taken) == 12
    paths = [event["log"]["file"]["path"] for event in found]
    assert paths == [BESIDE["log"]["file"]["path"], OTHER["log"]["file"]["path"]] * 7
    assert len({event["exnorm_id"] for event in found}) == 14  # the file's name is in it


@pytest.mark.slow
def test_bodies_of_no_sense_are_what_decode_and_encode_give() -> None:
    if load_kernel() is None:
        pytest.skip("there is no kernel")
    assert fuzz_events.compare(40, seed=7) == 0


def test_plain_events_are_not_merged_as_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = codec_of()
    codec.convert(b"".join(as_line({**BESIDE, "message": row}) for row in (*HEADER, *ROWS[:12])))
    monkeypatch.setattr(normalize, "merge", None)
    (line,) = codec.convert(as_line({**BESIDE, "message": ROWS[0]}))
    assert json.loads(line)["tags"] == ["exchange"]
    assert line.endswith(b"}\n")


def test_plain_events_of_other_logs_are_not_merged_as_objects_once_there_is_code_for_them(
    way: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = SAMPLES / "smtp_protocol" / "RECV2023011116-1.LOG"
    merged: list[AnyEvent] = []
    merge = normalize.merge

    def note(event: AnyEvent, *given: Any) -> AnyEvent:
        merged.append(event)
        return merge(event, *given)

    monkeypatch.setattr(normalize, "merge", note)
    log = {"file": {"path": path.name}}
    given = b"".join(as_line({**BESIDE, "message": row, "log": log}) for row in rows_of(path) * 10)
    codec = codec_of()
    codec.convert(given)
    assert merged
    merged.clear()
    assert len(codec.convert(given)) == 160  # sixteen rows, ten times
    assert merged == []


def test_a_mark_whose_name_logstash_reads_as_a_reference_is_written_as_decode_and_encode_write_it() -> None:
    class Marks:
        name = "marks"

        @hookimpl
        def record_processors(self) -> list[Any]:
            def mark(record: Record) -> Record:
                record.marks["[noise]"] = "probe"
                return record

            return [mark]

    path = SAMPLES / "connectivity" / "CONNECTLOG2024031508-1.LOG"
    log = {"file": {"path": path.name}}
    given = b"".join(as_line({**BESIDE, "message": row, "log": log}) for row in rows_of(path) * 10)
    made = []
    for take in (JSONCodec.convert, lambda codec, data: [codec.encode(one) for one in codec.decode(data)]):
        normalizer = Normalizer(format="json", discover_plugins=False, plugins=[Marks()])
        codec = JSONCodec(EventNormalizer(normalizer))
        take(codec, given)
        made.append(take(codec, given))
    assert made[0] == made[1]
    assert b'"(noise)":"probe"' in made[0][-1]


@pytest.mark.parametrize(
    "line", [b'{"message":"a"}', b'{"message":"a","@timestamp":"2023-13-03T10:00:00Z"}', b"[]", b"{", b"\xff",
             b'{"message":"a","@timestamp":"2023-12-03T10:00:00Z","n":1.0}',
             b'{"message":"\\udc00","@timestamp":"2023-12-03T10:00:00Z"}',
             b'{"message":"a","@timestamp":"2023-12-03T10:00:00Z","@metadata":{}}']
)  # fmt: skip
def test_an_event_that_is_not_surely_the_codecs_is_left_to_it(line: bytes) -> None:
    assert read_event(line) is None


def test_what_came_before_an_error_can_be_had_and_what_comes_after_it_is_read() -> None:
    codec = codec_of(on_error="stop")
    good = as_line({**BESIDE, "message": ROWS[0]})
    header = b"".join(as_line({**BESIDE, "message": row}) for row in HEADER)
    with pytest.raises(ParseError):
        codec.convert(header + good * 20 + as_line({**BESIDE, "message": "1,2"}) + good * 3)
    assert len(codec.take_written()) == 20
    assert len(codec.convert(good)) == 4


def test_a_line_beyond_the_limit_is_lost_alone_and_the_order_is_kept() -> None:
    codec = JSONCodec(Normalizer(format="json", discover_plugins=False), decode_size_limit_bytes=200)
    with pytest.raises(LineTooLong):
        codec.convert(b'{"a":1}\n{"a":"' + b"x" * 300 + b'"}\n{"a":2}\n')
    assert [json.loads(line)["a"] for line in codec.convert(b'{"a":3}\n')] == [1, 2, 3]


@pytest.mark.usefixtures("still")
@pytest.mark.parametrize(
    "options", [{"delimiter": "\x1e"}, {"delimiter": "\n\n"}, {"charset": "CP1252"}, {"target": "a"}]
)
def test_a_codec_with_other_options_converts_as_it_decodes_and_encodes(options: AnyEvent) -> None:
    end = options.get("delimiter", "\n").encode()
    given = b"".join(as_line({**BESIDE, "message": row})[:-1] + end for row in (*HEADER, *ROWS[:12]))
    one, other = (JSONCodec(Normalizer(format="json", discover_plugins=False), **options) for _ in range(2))
    expected = [other.encode(event) for event in other.decode(given)]
    assert one.convert(given) == expected
    assert len(expected) == 12
