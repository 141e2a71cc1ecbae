from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import msgpack
import pytest

from exnorm.fluentbit import ChunkFilter, read_options
from exnorm.logstash import EventNormalizer, JSONCodec
from exnorm.model import Confidence, Head, Record, Unparsed
from exnorm.pipeline.normalizer import Normalizer
from exnorm.sources.admin_audit import (
    ADMIN_AUDIT,
    find_error,
    find_program,
    find_sid,
    name_caller,
    name_exception,
    read_message,
    redact,
    takes,
)

SAMPLES = Path(__file__).parent.parent / "samples" / "admin_audit"
SHIPPED = ("winevtlog.ndjson", "winlogbeat.json", "nxlog.json")
FOREIGN = {
    "ProviderName": "Microsoft-Windows-Time-Service",
    "EventID": 1,
    "TimeCreated": "2025-12-18 18:12:13 -0500",
    "Channel": "System",
    "Computer": "EX01",
    "Message": "Cmdlet suceeded. Cmdlet New-Mailbox, parameters -Name x.",
    "StringInserts": ["New-Mailbox", "-Name x", "u"],
}


def parse(text: str | bytes, **settings: Any) -> list[Record | Unparsed]:
    normalizer = Normalizer("arcsight", discover_plugins=False, **settings)
    stream = normalizer.stream("")
    return [*normalizer.parse(text, stream), *normalizer.drain(stream)]


def records(text: str | bytes) -> list[Record]:
    found = parse(text)
    assert all(isinstance(item, Record) and item.source.name == "admin_audit" for item in found), found
    return found  # type: ignore[return-value]


def events_of(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLES / name).read_text().splitlines()]


def test_an_event_of_fluent_bit_is_read() -> None:
    first, second, third = records((SAMPLES / "winevtlog.ndjson").read_bytes())
    assert first.values["Cmdlet"] == "Add-MailboxPermission"
    assert first.values["Caller"] == "example.test/Users/adm.ines"
    assert first.values["Data10"] == "00:00:01.4610000"
    # 2026-03-04 10:15:02 +0100 is 09:15:02 UTC: 20516 days and 33302 seconds after the epoch
    assert first.time == (20516 * 86400 + 33302) * 1000
    assert (first.derived["outcome"], first.derived["case"]) == ("success", "FULL-ACCESS")
    assert (second.derived["outcome"], second.derived["reason"]) == (
        "failure",
        "Microsoft.Exchange.Data.DataValidationException",
    )
    assert third.derived["weight"] == "PASSWORD-CHANGE/ROUTINE"
    assert third.derived["host-program"] == "MSExchangeHMHost"


@pytest.mark.parametrize(
    ("name", "cmdlet"), [("winlogbeat.json", "New-InboxRule"), ("nxlog.json", "Set-OabVirtualDirectory")]
)
def test_an_event_of_winlogbeat_and_of_nxlog_is_read(name: str, cmdlet: str) -> None:
    (found,) = records((SAMPLES / name).read_bytes())
    assert found.values["Cmdlet"] == cmdlet
    assert found.derived["user-name"].startswith("example.test/Users/")


def test_events_of_wevtutil_are_read_over_line_breaks() -> None:
    text = (SAMPLES / "wevtutil.xml").read_text().replace("not valid. at", "not valid\r\n   at")
    assert text.count("\n") == 3
    first, second = records(text)
    assert first.values["Parameters"].startswith('-Identity "olga@example.test"')
    assert second.derived["target"] == "DAG1"
    assert second.derived["reason"] == "Microsoft.Exchange.Data.DataValidationException"
    assert second.derived["host-program"] == "ServerRemoteHost-EMC"


def test_json_that_was_printed_over_many_lines_is_read() -> None:
    text = json.dumps([*events_of("winevtlog.ndjson"), *events_of("winlogbeat.json")], indent=2)
    assert [found.values["Cmdlet"] for found in records(text)] == [
        "Add-MailboxPermission",
        "New-Mailbox",
        "Set-Mailbox",
        "New-InboxRule",
    ]


def test_an_event_of_another_channel_is_refused_with_its_name() -> None:
    mine = (SAMPLES / "winevtlog.ndjson").read_text().splitlines()[0]
    _, foreign = parse(f"{mine}\n{json.dumps(FOREIGN)}\n")
    assert isinstance(foreign, Unparsed)
    assert (foreign.kind, foreign.reason) == (
        "unknown-type",
        "an event of channel 'System'; expected 'MSExchange Management'",
    )


def test_a_secret_is_gone_from_every_column_and_from_the_raw_text() -> None:
    second = records((SAMPLES / "winevtlog.ndjson").read_bytes())[1]
    assert "Sommer-2026!" not in second.raw
    assert "Sommer-2026!" not in str(second.values)
    assert second.values["Parameters"] == '-Name "Temp One" -Password "*****"'


@pytest.mark.parametrize("cut", [250, 400, 520, -2])
def test_a_secret_is_gone_from_an_object_that_is_cut_off(cut: int) -> None:
    line = (SAMPLES / "winevtlog.ndjson").read_text().splitlines()[1]
    for item in parse((SAMPLES / "winevtlog.ndjson").read_text().splitlines()[0] + "\n" + line[:cut]):
        assert "Sommer-2026!" not in (item.raw if isinstance(item, Unparsed) else str(item.values))


def test_a_line_without_a_secret_is_left_as_it_is_when_it_does_not_parse() -> None:
    for line in ('{"a":"x \\"y\\" -Password', 'say \\"hello\\" to the password', "plain"):
        assert redact(line) == line


def test_a_local_time_without_a_zone_needs_the_setting() -> None:
    event = {**events_of("nxlog.json")[0], "EventTime": "2026-03-04 10:20:00"}
    (found,) = parse(json.dumps(event))
    assert isinstance(found, Unparsed)
    assert found.kind == "timezone"
    (found,) = parse(json.dumps(event), tz="Europe/Berlin")
    assert isinstance(found, Record)
    assert found.time == (20516 * 86400 + 9 * 3600 + 20 * 60) * 1000


def test_where_the_data_are_left_out_the_message_is_read() -> None:
    assert read_message('Cmdlet failed. Cmdlet New-X, parameters -Name "a. b".') == {
        "Cmdlet": "New-X",
        "Parameters": '-Name "a. b"',
    }
    assert read_message("(PID 1, Thread 2) Task Get-App throwing unhandled exception: X: y") == {
        "Cmdlet": "Get-App",
        "Data12": "throwing unhandled exception: X: y",
    }
    assert read_message("something else") == {}
    event = {name: value for name, value in events_of("nxlog.json")[0].items() if not name.startswith("Data")}
    (found,) = records(json.dumps(event))
    assert found.values["Cmdlet"] == "Set-OabVirtualDirectory"
    assert found.derived["target"] == "EX01\\OAB (Default Web Site)"


def test_what_the_further_data_mean_is_known_by_their_look() -> None:
    assert find_sid("x", "S-1-5-21-1", "S-1-5-18") == "S-1-5-21-1"
    assert find_program("NT AUTHORITY\\SYSTEM (Host)", "Other") == "Host"
    assert find_program("user", "2084") == ""
    blank = [""] * 8
    assert find_error("6", *blank, "said so", "", "") == "said so"
    assert find_error("6", "A.B.CException: x", *blank[1:], "later", "", "") == "A.B.CException: x"
    assert find_error("1", *blank, "said so", "", "") == ""
    assert name_exception("6", *blank, "first\r\nsecond", "", "") == "first"
    assert name_caller("EXAMPLE\\adm (Host)") == ("EXAMPLE", "adm")
    assert name_caller("example.test/Users/a\\b") == ("", "example.test/Users/a\\b")


def test_a_log_is_known_by_the_channel_of_its_first_event() -> None:
    first = (SAMPLES / "winevtlog.ndjson").read_text().splitlines()[0]
    assert ADMIN_AUDIT.recognize(Head("", {}, first)) is Confidence.HEADER
    assert ADMIN_AUDIT.recognize(Head("", {}, json.dumps(FOREIGN))) is Confidence.NO
    assert ADMIN_AUDIT.recognize(Head("", {}, "<Event><System>")) is Confidence.HEADER
    assert ADMIN_AUDIT.recognize(Head("", {}, "<html>")) is Confidence.NO


# --- in the hosts --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHIPPED)
def test_the_filter_of_fluent_bit_takes_the_record_whatever_shipped_it(name: str) -> None:
    given = [{**event, "env": "prod"} for event in events_of(name)]
    chunk = b"".join(msgpack.packb([[1, {}], event]) for event in given)
    running = ChunkFilter(read_options({"format": "cef"}, {}))
    made = running.filter("tag", chunk)
    assert made is not None
    lines = [event["cef"] for (_, _), event in msgpack.Unpacker(io.BytesIO(made))]
    expected = list(
        Normalizer("arcsight", "cef", discover_plugins=False).encode((SAMPLES / name).read_bytes())
    )
    assert lines == [payload.decode() for payload in expected]


def test_the_filter_leaves_an_event_of_another_channel_byte_for_byte() -> None:
    chunk = msgpack.packb([[1, {}], FOREIGN])
    running = ChunkFilter(read_options({"format": "cef"}, {}))
    assert running.filter("tag", chunk) is None
    assert running.counts.untouched == 1
    assert not running.counts.pipeline.unparsed


@pytest.mark.parametrize("name", SHIPPED)
def test_logstash_takes_the_event_and_keeps_what_the_shipper_added(name: str) -> None:
    events = EventNormalizer(Normalizer("arcsight", "json", discover_plugins=False))
    given = {**events_of(name)[0], "env": "prod"}
    (found,) = events.normalize(dict(given))
    assert found["deviceProduct"] == "Exchange Server"
    assert found["deviceEventClassId"] in (
        "Add-MailboxPermission",
        "New-InboxRule",
        "Set-OabVirtualDirectory",
    )
    assert found["env"] == "prod"
    assert "winlog" not in found
    assert "StringInserts" not in found


def test_logstash_gives_an_event_of_another_channel_back_as_the_same_object() -> None:
    events = EventNormalizer(Normalizer("arcsight", "json", discover_plugins=False))
    (found,) = events.normalize(FOREIGN)
    assert found is FOREIGN


def test_the_codec_takes_the_event() -> None:
    codec = JSONCodec(Normalizer("arcsight", "json", discover_plugins=False))
    (found,) = codec.decode((SAMPLES / "winlogbeat.json").read_bytes())
    assert found["deviceEventClassId"] == "New-InboxRule"


def test_only_the_names_of_the_event_are_taken() -> None:
    assert takes(FOREIGN) == frozenset()
    assert takes({"message": "x"}) == frozenset()
    assert "env" not in takes({**events_of("winevtlog.ndjson")[0], "env": "prod"})
