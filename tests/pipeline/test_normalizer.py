from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from exnorm import Event, ParseError, Record, Settings, Unparsed
from exnorm.pipeline.normalizer import Normalizer
from exnorm.testing import events, normalizer, read_cef

SAMPLE = Path(__file__).parents[1] / "samples" / "message_tracking" / "MSGTRK2018112722-1.LOG"
HEADER = (
    "#Software: Microsoft Exchange Server",
    "#Version: 15.01.1261.039",
    "#Log-type: Message Tracking Log",
    "#Date: 2018-11-27T22:00:00.000Z",
    "#Fields: date-time,event-id,message-subject,recipient-address,recipient-status",
)
ROWS = (
    "2018-11-27T22:40:02.966Z,SEND,Grüße,a@x.test,250 ok",
    '2018-11-27T22:40:03.000Z,RECEIVE,"a, b",b@x.test,',
)
TORN = "2018-11-27T22:40:04.000Z,SEND"
LOG = "\r\n".join((*HEADER, *ROWS, TORN, ""))
SUBJECTS = ["Grüße", "a, b"]


def subjects(lines: Any) -> list[object]:
    """The subjects of a log's two rows; its torn third one must be there as unparsed."""
    *found, last = normalizer().normalize(lines)
    assert isinstance(last, Unparsed)
    assert last.raw == TORN
    return [event["message"] for event in found]


# --- what may be given as lines ------------------------------------------------------------------


def test_lines_may_be_a_block_of_bytes() -> None:
    assert subjects(LOG.encode()) == SUBJECTS


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_lines_may_be_a_block_in_a_buffer(kind: Any) -> None:
    assert subjects(kind(LOG.encode())) == SUBJECTS


def test_lines_may_be_a_block_of_text() -> None:
    assert subjects(LOG) == SUBJECTS


def test_lines_may_be_cut_already_with_and_without_their_line_ends() -> None:
    assert subjects(LOG.encode().splitlines()) == SUBJECTS
    assert subjects(LOG.encode().splitlines(keepends=True)) == SUBJECTS
    assert subjects(iter(LOG.split("\r\n"))) == SUBJECTS


def test_lines_may_be_an_open_binary_file(tmp_path: Path) -> None:
    path = tmp_path / "MSGTRK1.LOG"
    path.write_bytes(LOG.encode("utf-8-sig"))
    with path.open("rb") as file:
        assert subjects(file) == SUBJECTS


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_lines_may_be_in_utf_16_with_its_mark(encoding: str) -> None:
    data = ("\ufeff" + LOG).encode(encoding)
    assert subjects(data) == SUBJECTS
    assert subjects(io.BytesIO(data)) == SUBJECTS  # iterating cuts at the byte 0x0a, amid a character
    # U+0A0A holds that byte twice
    assert subjects(io.BytesIO(("\ufeff" + LOG.replace("Grüße", "\u0a0a")).encode(encoding)))[0] == "\u0a0a"


def test_a_line_further_down_that_begins_like_a_utf_16_mark_costs_itself_alone() -> None:
    lines = [*(line.encode() for line in (*HEADER, ROWS[0])), b"\xff\xfe2018", ROWS[1].encode()]
    first, second, third = normalizer().normalize(lines)
    assert isinstance(second, Unparsed)
    assert (first["message"], second.kind, third["message"]) == ("Grüße", "encoding", "a, b")


def test_a_block_after_one_that_ended_in_a_too_long_line_loses_nothing() -> None:
    running = normalizer(max_line_bytes=1024)
    stream = running.stream()
    head = "\n".join((*HEADER, "x" * 5000)).encode()
    (too_long,) = running.normalize(head, stream)
    (event,) = running.normalize(ROWS[0].encode() + b"\n", stream)
    assert isinstance(too_long, Unparsed)
    assert (too_long.kind, event["message"]) == ("too-long", "Grüße")


def test_lines_may_come_in_batches_with_the_same_stream() -> None:
    running = normalizer()
    stream = running.stream("MSGTRK1.LOG")
    assert list(running.normalize(HEADER, stream)) == []
    found = [*running.normalize([ROWS[0]], stream), *running.normalize([ROWS[1]], stream)]
    assert [event["message"] for event in found] == SUBJECTS
    assert [event.record.line_number for event in found if isinstance(event, Event)] == [6, 7]


def test_two_streams_do_not_know_each_other() -> None:
    running = normalizer()
    one, other = running.stream("MSGTRK1.LOG"), running.stream("x.log")
    assert list(running.normalize(HEADER, one)) == []
    (unparsed,) = running.normalize(["a,b"], other)
    (event,) = running.normalize([ROWS[0]], one)
    assert isinstance(unparsed, Unparsed)
    assert (unparsed.kind, event["message"]) == ("unknown-type", "Grüße")


# --- lines that do not parse ---------------------------------------------------------------------


def test_a_line_that_does_not_parse_comes_as_a_value_with_its_reason() -> None:
    unparsed = events([*HEADER, TORN], name="logs/MSGTRK1.LOG")[0]
    assert isinstance(unparsed, Unparsed)
    assert dict(unparsed) == {
        "message": TORN,
        "tags": ["_exnormparsefailure"],
        "error": {"reason": "row has 2 fields; #Fields names 5"},
    }
    assert (unparsed.kind, unparsed.line_number, unparsed.path) == ("width", 6, "logs/MSGTRK1.LOG")


def test_on_error_skip_leaves_it_out_and_still_counts_it() -> None:
    running = normalizer(on_error="skip")
    assert [type(item) for item in running.normalize(LOG)] == [Event, Event]
    assert running.counts.unparsed == {"width": 1}


def test_on_error_stop_raises_with_its_place_and_reason_after_what_came_before() -> None:
    running = normalizer(on_error="stop")
    found = running.normalize(LOG, running.stream("logs/MSGTRK1.LOG"))
    assert [next(found)["message"], next(found)["message"]] == SUBJECTS
    with pytest.raises(ParseError) as refusal:
        next(found)
    assert str(refusal.value) == (f"logs/MSGTRK1.LOG:8: row has 2 fields; #Fields names 5: '{TORN}'")


def test_only_json_has_a_payload_for_a_line_that_did_not_parse() -> None:
    assert len(list(normalizer(format="cef").encode(LOG))) == 2
    assert len(list(normalizer(taxonomy="jsa").encode(LOG))) == 2
    assert len(list(normalizer(format="json", on_error="skip").encode(LOG))) == 2
    last = list(normalizer(format="json").encode(LOG))[2]
    assert json.loads(last)["tags"] == ["_exnormparsefailure"]


def test_payloads_have_no_line_end() -> None:
    for taxonomy, format in (("arcsight", "cef"), ("jsa", "leef"), ("jsa", "wincollect"), ("jsa", "json")):
        payloads = list(normalizer(taxonomy=taxonomy, format=format).encode(LOG))
        assert payloads
        assert not any(payload.endswith((b"\n", b"\r")) for payload in payloads)


# --- counts --------------------------------------------------------------------------------------


def test_every_line_is_header_record_or_unparsed() -> None:
    running = normalizer()
    list(running.encode([*LOG.split("\r\n"), b"\xff", "#remark", '"open'], running.stream()))
    counts = running.counts
    # 5 header lines, 2 rows, 1 torn; then a blank, one not UTF-8, a remark, an open quote
    assert counts.lines == 12
    assert counts.header == 5 + 1 + 1
    assert counts.records == {"message_tracking": 2}
    assert counts.unparsed == {"width": 1, "encoding": 1, "quote": 1}
    assert counts.lines == counts.header + sum(counts.records.values()) + sum(counts.unparsed.values())
    assert counts.events == 2


def test_what_a_profile_drops_is_counted_by_event_and_gives_no_event() -> None:
    rows = [ROWS[0], ROWS[0].replace("SEND", "SendExternal"), ROWS[0].replace("SEND", "NEWEVENT")]
    kept = normalizer(profile="arcsight-guide")
    assert len(list(kept.encode([*HEADER, *rows]))) == 1
    assert kept.counts.dropped == {"SENDEXTERNAL": 1, "NEWEVENT": 1}
    assert (kept.counts.records, kept.counts.events) == ({"message_tracking": 3}, 1)


def test_parse_gives_records_under_the_logs_own_names() -> None:
    running = normalizer()
    first, second, last = running.parse(LOG, running.stream("MSGTRK1.LOG"))
    assert isinstance(first, Record)
    assert first.values == {
        "date-time": "2018-11-27T22:40:02.966Z",
        "event-id": "SEND",
        "message-subject": "Grüße",
        "recipient-address": "a@x.test",
        "recipient-status": "250 ok",
    }
    assert (first.time, first.line_number, first.raw) == (1543358402966, 6, ROWS[0])
    assert isinstance(second, Record)
    assert isinstance(last, Unparsed)
    assert running.counts.events == 0


# --- settings ------------------------------------------------------------------------------------


def test_settings_that_were_put_together_already_give_the_same_normalizer() -> None:
    settings = Settings(taxonomy="jsa", leef=1)
    made = Normalizer.from_settings(settings, discover_plugins=False)
    assert list(made.encode(LOG)) == list(normalizer(taxonomy="jsa", leef=1).encode(LOG))


def test_the_vendor_guides_sample_row_reads_as_its_table_says() -> None:
    read = read_cef(next(normalizer().encode(SAMPLE.read_bytes())))
    assert list(read.header.values()) == [
        "0", "Microsoft", "Exchange Server", "15.01.1261.039", "SENDEXTERNAL", "SENDEXTERNAL", "1",
    ]  # fmt: skip
    expected = {
        "rt": "1543358402966", "cat": "SMTP", "sourceServiceName": "SMTP", "dvc": "192.168.25.195",
        "dvchost": "qradar.example.test", "dst": "10.4.11.100", "dhost": "testHostName",
        "suser": "admin1@qradar.domain.test", "duser": "admin3@qradar.domain.test", "msg": "Receipt",
        "out": "7249", "cn1Label": "Recipient Count", "cn1": "1",
    }  # fmt: skip
    assert {key: read.pairs[key] for key in expected} == expected


def test_an_open_file_with_a_line_without_end_is_read_in_bounded_pieces() -> None:
    class Counting(io.BytesIO):
        largest = 0

        def readinto(self, buffer: Any) -> int:
            self.largest = max(self.largest, len(buffer))
            return super().readinto(buffer)

    text = ("\n".join(HEADER) + "\n" + "x" * 10_000_000 + "\n" + ROWS[0]).encode()
    for read in ("normalize", "encode"):
        raw = Counting(text)
        running = normalizer(format="json", max_line_bytes=1024)
        found = list(getattr(running, read)(io.BufferedReader(raw)))
        assert len(found) == 2
        assert dict(running.counts.unparsed) == {"too-long": 1}
