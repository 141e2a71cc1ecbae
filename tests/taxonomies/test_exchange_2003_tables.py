"""Exchange 2003, exports and traces in the words of ArcSight and JSA."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from exnorm import Normalizer
from exnorm.model import Event, Row
from exnorm.taxonomies.arcsight.exchange_2003 import ARCSIGHT_2003
from exnorm.taxonomies.arcsight.message_tracking import ARCSIGHT_2010
from exnorm.taxonomies.jsa.exchange_2003 import JSA_2003
from exnorm.taxonomies.jsa.message_tracking import JSA_MESSAGE_TRACKING

SAMPLES = Path(__file__).parents[1] / "samples"
FORMATS = [("arcsight", "cef"), ("jsa", "leef"), ("jsa", "wincollect")]


def events(name: str, **settings: Any) -> list[Event]:
    normalizer = Normalizer(**settings)
    stream = normalizer.stream(name)
    block = (SAMPLES / name).read_bytes()
    return [event for event in normalizer.normalize(block, stream) if isinstance(event, Event)]


def test_a_row_of_2003_under_the_fields_of_arcsight() -> None:
    first = events("exchange_2003/20030812.log")[0]
    assert dict(first) == {
        "deviceVendor": "Microsoft",
        "deviceProduct": "Exchange Server",
        "deviceVersion": "6.5.7638.1",
        "deviceEventClassId": "RECEIVE",
        "name": "RECEIVE",
        "severity": 1,
        "eventOutcome": "success",
        "deviceReceiptTime": 1060649894000,  # 2003-08-12T00:58:14Z
        "sourceAddress": "198.51.100.7",
        "sourceHostName": "relay.example.net",
        "deviceHostName": "MAIL01",
        "deviceAddress": "192.0.2.25",
        "destinationUserName": "bo@example.com",
        "sourceUserName": "anna@example.net",
        "message": "Angebot für August",
        "bytesIn": 2715,
        "deviceCustomNumber1": 1,
        "deviceCustomNumber1Label": "Recipient Count",
        "deviceCustomNumber2": 1019,
        "deviceCustomNumber2Label": "Event Number",
        "deviceCustomString2": "MAIL01xK3w00000001@mail01.example.com",
        "deviceCustomString2Label": "Message ID",
        "deviceCustomDate1": 1060649894000,
        "deviceCustomDate1Label": "Origination Time",
    }
    assert first.additional == {
        "Priority": "0",
        "Encryption": "0",
        "service-Version": "Version: 6.0.3790.0",
    }


def test_mail_that_goes_out_has_its_size_in_bytes_out_and_its_partner_as_service() -> None:
    sent = events("exchange_2003/20030812.log")[4]
    assert (sent["name"], sent["bytesOut"], sent["destinationServiceName"]) == ("SEND", 2715, "SMTP")
    assert "bytesIn" not in sent
    assert sent.additional["Linked-MSGID"] == "c=US;a= ;p=Example;l=MAIL01-030812"


def test_a_row_of_2003_under_the_fields_of_jsa() -> None:
    first = events("exchange_2003/20030812.log", taxonomy="jsa")[0]
    assert dict(first) == {
        "messageId": "MAIL01xK3w00000001@mail01.example.com",
        "vendor": "Microsoft",
        "product": "Exchange Server",
        "version": "6.5.7638.1",
        "eventId": "RECEIVE",
        "usrName": "bo@example.com",
        "src": "198.51.100.7",
        "dst": "192.0.2.25",
        "devTime": 1060649894000,
        "cat": "Mail Opened",
        "sev": 1,
        "srcBytes": 2715,
        "senderAddress": "anna@example.net",
        "recipientAddress": "bo@example.com",
        "messageSubject": "Angebot für August",
    }
    assert first.additional["Event-ID"] == "1019"


def test_an_event_without_a_later_like_is_noticed() -> None:
    last = events("exchange_2003/20030812.log")[5]
    assert (last["name"], last["severity"], last["deviceCustomNumber2"]) == ("51", 3, 51)


def test_an_x400_address_is_one_recipient() -> None:
    sent = events("exchange_2003/20030812.log", per_recipient=True, username="sender", taxonomy="jsa")
    assert len(sent) == 6
    assert sent[3]["usrName"] == "c=US;a= ;p=Example;o=Exchange;s=Anna;"


def test_the_profile_of_the_guide_keeps_send_and_receive() -> None:
    kept = events("exchange_2003/20030812.log", profile="arcsight-guide")
    assert [event["deviceCustomNumber2"] for event in kept] == [1019, 1025, 1031]


def describe(row: Row) -> tuple[object, ...]:
    return row.field, str(row.origins).lower(), row.read, row.when, row.label


def test_rows_that_are_not_ours_are_rows_of_the_guide_for_a_column_of_that_name() -> None:
    guides = {describe(row) for row in ARCSIGHT_2010.rows if not row.ours}
    followed = [describe(row) for row in ARCSIGHT_2003.rows if not row.ours]
    assert len(followed) == 13
    assert set(followed) <= guides


def test_jsa_fields_of_2003_are_those_of_message_tracking_and_all_ours() -> None:
    newer = [row.field for row in JSA_MESSAGE_TRACKING.rows if row.field != "networkMessageId"]
    assert sorted(row.field for row in JSA_2003.rows) == sorted(newer)
    assert all(row.ours for row in JSA_2003.rows)


def test_an_extended_report_takes_the_table_of_2016() -> None:
    [event] = events("message_trace/extended.csv")
    assert (event["name"], event["destinationAddress"], event["sourceAddress"]) == (
        "SENDEXTERNAL",
        "10.4.11.100",
        "203.0.113.9",
    )
    assert "deviceVersion" not in event


def test_an_export_takes_the_tables_of_message_tracking() -> None:
    first, second = events("tracking_export/en-US.csv", tz="UTC")
    assert first["deviceVersion"] == "15.01.1261.039"
    assert first["destinationAddress"] == "198.51.100.7"
    assert first.additional["MessageLatencyType"] == "None"
    assert "destinationUserName" not in second  # its recipients were lost in the export
    assert second.additional["Recipients"] == "System.String[]"


@pytest.mark.parametrize(("taxonomy", "format"), FORMATS)
@pytest.mark.parametrize(
    "name",
    ["exchange_2003/20030812.log", "tracking_export/powershell-5.json", "message_trace/objects.ndjson"],
)
def test_one_record_is_one_line_in_every_format(name: str, taxonomy: str, format: str) -> None:
    normalizer = Normalizer(taxonomy, format)
    block = (SAMPLES / name).read_bytes()
    payloads = list(normalizer.encode(block, normalizer.stream(name)))
    assert len(payloads) == normalizer.counts.events > 0
    assert not any(b"\n" in payload or b"\r" in payload for payload in payloads)


def test_the_native_payload_of_an_export_has_the_names_of_the_log() -> None:
    normalizer = Normalizer("jsa", "wincollect")
    block = (SAMPLES / "message_trace/objects.ndjson").read_bytes()
    first = next(iter(normalizer.encode(block, normalizer.stream("trace.json")))).decode()
    pairs = dict(pair.split("=", 1) for pair in first.split("\t"))
    assert pairs["AgentLogFormat"] == "MSGTRK"
    assert pairs["date-time"] == "2018-11-27T22:40:02.966Z"
    assert (pairs["event-id"], pairs["Status"]) == ("DELIVER", "Delivered")


@pytest.mark.parametrize("name", ["", "a=b", "x\ny", "a|b\\c", "rt", "usrName"])
@pytest.mark.parametrize(("taxonomy", "format"), [("arcsight", "cef"), ("jsa", "leef"), ("arcsight", "json")])
def test_a_hostile_name_of_a_property_stays_one_line(name: str, taxonomy: str, format: str) -> None:
    line = json.dumps({"Timestamp": "2018-11-27T22:40:02Z", "EventId": "SEND", "Sender": "a@x", name: "kept"})
    normalizer = Normalizer(taxonomy, format)
    [payload] = normalizer.encode([line])
    assert b"\n" not in payload
    assert b"kept" in payload
