from __future__ import annotations

from pathlib import Path

from exnorm.model import Event
from exnorm.pipeline.normalizer import Normalizer
from exnorm.sources.connectivity import EVENTS
from exnorm.taxonomies.arcsight.connectivity import EVENTS as ARCSIGHT_EVENTS
from exnorm.taxonomies.jsa.connectivity import EVENTS as JSA_EVENTS

SAMPLE = Path(__file__).parent.parent / "samples" / "connectivity" / "CONNECTLOG2024031508-1.LOG"


def events(taxonomy: str) -> list[Event]:
    normalizer = Normalizer(taxonomy, discover_plugins=False)
    found = list(normalizer.normalize(SAMPLE.read_bytes()))
    for item in found:
        assert isinstance(item, Event), item
    return [item for item in found if isinstance(item, Event)]


def test_the_end_of_a_connection_in_the_fields_of_arcsight() -> None:
    found = events("arcsight")[4]
    assert dict(found) == {
        "deviceVendor": "Microsoft",
        "deviceProduct": "Exchange Server",
        "deviceEventClassId": "CONNECTION-STOP",
        "name": "CONNECTION-STOP",
        "severity": 1,
        "deviceEventCategory": "Connectivity",
        "deviceReceiptTime": 1710489603000,
        "applicationProtocol": "SMTP",
        "bytesOut": 20480,
        "destinationHostName": "example.test",
        "deviceAction": "-",
        "deviceCustomNumber1": 2,
        "deviceCustomNumber1Label": "Message Count",
        "deviceCustomString1": "08DC44C2F9A1B0C1",
        "deviceCustomString1Label": "Session ID",
        "eventOutcome": "success",
        "message": "Messages: 2 Bytes: 20480 (Remote server disconnected)",
    }
    assert found.additional == {}


def test_a_failed_connection_names_its_ipv6_peer_and_port() -> None:
    found = events("arcsight")[5]
    assert found["deviceCustomIPv6Address3"] == "2001:db8::25"
    assert found["deviceCustomIPv6Address3Label"] == "Destination IPv6 Address"
    assert found["destinationPort"] == 25
    assert (found["deviceEventClassId"], found["severity"], found["eventOutcome"]) == (
        "CONNECTION-FAILED", 4, "failure",
    )  # fmt: skip


def test_a_mailbox_database_is_no_host() -> None:
    found = events("arcsight")[6]
    assert found["deviceCustomString2"] == "9f2c1b4e-0000-4000-8000-000000000002"
    assert found["deviceCustomString2Label"] == "Mailbox Database"
    assert "destinationHostName" not in found


def test_an_established_connection_in_the_fields_of_jsa() -> None:
    found = events("jsa")[3]
    assert dict(found) == {
        "sessionId": "08DC44C2F9A1B0C1",
        "vendor": "Microsoft",
        "product": "Exchange Server",
        "eventId": "CONNECTION-ESTABLISHED",
        "cat": "Mail in Progress",
        "sev": 1,
        "devTime": 1710489601200,
        "dst": "192.0.2.25",
        "resource": "example.test",
    }
    assert found.additional == {
        "source": "SMTP",
        "direction": ">",
        "description": "Established connection to 192.0.2.25",
    }


def test_both_tables_know_every_event_of_the_source() -> None:
    assert set(ARCSIGHT_EVENTS) == set(JSA_EVENTS) == EVENTS


def test_a_remark_is_no_success_and_neither_is_an_end_that_says_why_nothing_went_over() -> None:
    header = (
        "#Log-type: Transport Connectivity Log\n"
        "#Fields: date-time,session,source,Destination,direction,description\n"
    )
    start = "2026-03-17T13:00:01.500Z,08DE88BB00000042,SMTP,example.test,"
    rows = (
        "*,Session Failover; previous session id = 08DE; reason = PrimaryServerFailure",
        "-,Messages: 0 Bytes: 0 (Shutdown)",
    )
    text = header + "".join(f"{start}{row}\n" for row in rows)
    found = list(Normalizer("arcsight", discover_plugins=False).normalize(text.encode()))
    assert [(event["name"], "eventOutcome" in event) for event in found if isinstance(event, Event)] == [
        ("INFORMATION", False), ("CONNECTION-STOP-REMARK", False),
    ]  # fmt: skip
