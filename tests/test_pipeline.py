from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exnorm import Event, MappingError, NormalizerError, ParseError, Record, Settings, SettingsError, Unparsed
from exnorm.pipeline import Normalizer
from exnorm.recipients import split_recipients
from exnorm.testing import events, normalizer, read_cef

SAMPLE = Path(__file__).parent / "samples" / "message_tracking" / "MSGTRK2018112722-1.LOG"
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


# --- one event for each recipient ----------------------------------------------------------------


def per_recipient(addresses: str, statuses: str) -> list[tuple[object, str, str]]:
    row = f"2018-11-27T22:40:02.966Z,SEND,s,{addresses},{statuses}"
    found = events([*HEADER, row], per_recipient=True)
    return [
        (event["destinationUserName"], event.record.values["recipient-status"], event.record.part)
        for event in found
        if isinstance(event, Event)
    ]


def test_each_recipient_gets_an_event_with_its_own_status() -> None:
    assert per_recipient("a@x.test;b@x.test", "250 ok;550 no") == [
        ("a@x.test", "250 ok", "1"),
        ("b@x.test", "550 no", "2"),
    ]


def test_statuses_that_do_not_pair_up_stay_whole() -> None:
    assert per_recipient("a@x.test;b@x.test", "250 ok") == [
        ("a@x.test", "250 ok", "1"),
        ("b@x.test", "250 ok", "2"),
    ]


def test_one_recipient_is_one_event_without_a_part() -> None:
    assert per_recipient("a@x.test", "250 ok") == [("a@x.test", "250 ok", "")]


def test_a_record_of_a_source_without_recipients_is_not_split() -> None:
    row = "2018-11-27T22:40:02.966Z,SEND,s,a@x.test;b@x.test,250 ok"
    running = normalizer()
    (record,) = running.parse([*HEADER, row], running.stream())
    assert isinstance(record, Record)
    assert len(list(split_recipients(record))) == 2
    record.source = replace(record.source, recipients=None)
    assert list(split_recipients(record)) == [record]


# --- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("taxonomy", "format"), [("arcsight", "cef"), ("jsa", "leef")])
def test_the_format_is_that_of_the_taxonomy_unless_another_is_asked_for(taxonomy: str, format: str) -> None:
    assert normalizer(taxonomy=taxonomy).settings.format == format
    assert normalizer(taxonomy=taxonomy, format="json").settings.format == "json"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"taxonomy": "arcsite"}, "taxonomy: got 'arcsite'; did you mean 'arcsight'?"),
        ({"taxonomy": "splunk"}, "taxonomy: got 'splunk'; expected one of arcsight, jsa"),
        ({"format": "lef"}, "format: got 'lef'; did you mean 'leef'?"),
        ({"format": "leef"}, "format: 'leef' cannot carry taxonomy arcsight; expected one of cef, json"),
        (
            {"format": "cef", "taxonomy": "jsa"},
            "format: 'cef' cannot carry taxonomy jsa; expected one of leef, wincollect, json",
        ),
        ({"mapping": "arcsight-2015"}, "mapping: got 'arcsight-2015' for taxonomy arcsight; did you mean"),
        ({"mapping": "arcsight-2016", "taxonomy": "jsa"}, "mapping: got 'arcsight-2016' for taxonomy jsa"),
        ({"source": "message_trackin"}, "source: got 'message_trackin'; did you mean 'message_tracking'?"),
        ({"schema": "2012"}, "schema: got '2012'; did you mean '201"),
        (
            {"fields": "ecs", "taxonomy": "jsa", "format": "json"},
            "fields: 'ecs' is not there for taxonomy jsa",
        ),
        ({"perrecipient": True}, "unknown setting 'perrecipient'; did you mean 'per_recipient'?"),
    ],
)
def test_a_wrong_name_is_refused_before_any_line_with_the_nearest_right_one(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError) as refusal:
        normalizer(**settings)
    assert str(refusal.value).startswith(message)
    assert issubclass(SettingsError, NormalizerError)
    assert not issubclass(SettingsError, MappingError)


def test_settings_that_were_put_together_already_give_the_same_normalizer() -> None:
    settings = Settings(taxonomy="jsa", leef=1)
    made = Normalizer.from_settings(settings, discover_plugins=False)
    assert list(made.encode(LOG)) == list(normalizer(taxonomy="jsa", leef=1).encode(LOG))


def test_the_table_follows_the_schema_unless_one_is_pinned() -> None:
    # the two tables contradict each other about client-ip
    new = SAMPLE.read_bytes()
    assert b"10.4.11.100" in new
    auto = read_cef(next(normalizer().encode(new))).pairs
    pinned = read_cef(next(normalizer(mapping="arcsight-2010").encode(new))).pairs
    assert (auto["dst"], auto["src"]) == ("10.4.11.100", "10.4.11.7")
    assert pinned["src"] == "10.4.11.100"
    assert "dst" not in pinned
    assert pinned["ad.original-client-ip"] == "10.4.11.7"


def test_a_forced_source_reads_what_no_source_would_recognise() -> None:
    lines = ["#Fields: date-time,event-id", "2018-11-27T22:40:02.966Z,SEND"]
    assert [type(item) for item in events(lines)] == [Unparsed]
    (event,) = events(lines, source="message_tracking")
    assert event["name"] == "SEND"


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


# --- one row is not split without bound ----------------------------------------------------------


def test_a_row_of_more_recipients_than_a_mail_can_have_is_not_split_but_refused() -> None:
    row = "2018-11-27T22:40:02.966Z,SEND,s,{},250 ok"
    most, beyond = (row.format("a@x;" * (amount - 1) + "a@x") for amount in (10_000, 10_001))
    assert len(events([*HEADER, most], per_recipient=True)) == 10_000
    refused, after = events([*HEADER, beyond, row.format("b@x")], per_recipient=True)
    assert isinstance(refused, Unparsed)
    assert (refused.kind, refused.raw) == ("width", beyond)
    assert refused.reason == "row has 10001 recipients; expected at most 10000 where each gives an event"
    assert isinstance(after, Event)
    (whole,) = events([*HEADER, beyond])
    assert isinstance(whole, Event)


def test_a_row_whose_long_text_would_be_written_for_each_recipient_is_refused() -> None:
    row = f"2018-11-27T22:40:02.966Z,SEND,{'s' * 100_000},{'a@x;' * 3000},250 ok"
    (refused,) = events([*HEADER, row], per_recipient=True)
    assert isinstance(refused, Unparsed)
    assert refused.reason.startswith("row has 3001 recipients and 1000")


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
