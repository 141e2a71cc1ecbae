from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exnorm import Normalizer
from exnorm.model import Event, Mapping, Taxonomy
from exnorm.settings import Settings
from exnorm.sources.smtp_dialog import EVENTS
from exnorm.sources.smtp_protocol import COLUMNS, SMTP_PROTOCOL
from exnorm.tables.mapping import compile_mapping
from exnorm.taxonomies.arcsight.fields import ARCSIGHT
from exnorm.taxonomies.arcsight.smtp_protocol import ARCSIGHT_SMTP
from exnorm.taxonomies.jsa.fields import JSA
from exnorm.taxonomies.jsa.smtp_protocol import JSA_SMTP

SAMPLES = Path(__file__).parent.parent / "samples" / "smtp_protocol"
FIELDS = "#Fields: " + ",".join(COLUMNS)
BOTH = [(ARCSIGHT_SMTP, ARCSIGHT), (JSA_SMTP, JSA)]


def events(taxonomy: str, lines: list[str] | str, **settings: Any) -> list[Event]:
    flow = Normalizer(taxonomy, discover_plugins=False, **settings)
    name = lines if isinstance(lines, str) else ""
    rows = (SAMPLES / lines).read_text(encoding="utf-8").splitlines() if isinstance(lines, str) else lines
    found = list(flow.normalize(list(rows), flow.stream(name)))
    assert all(isinstance(item, Event) for item in found)
    return [item for item in found if isinstance(item, Event)]


def received(
    mark: str, data: str = "", *, local: str = "10.0.0.5:25", remote: str = "198.51.100.7:400"
) -> list[str]:
    row = f"2024-03-05T09:00:00.000Z,EX1\\Default EX1,08DC3CF0A1B2C3D4,5,{local},{remote},{mark},{data},"
    return ["#Log-type: SMTP Receive Protocol Log", FIELDS, row]


@pytest.mark.parametrize(("mapping", "taxonomy"), BOTH)
def test_each_table_fits_its_source_and_taxonomy(mapping: Mapping, taxonomy: Taxonomy) -> None:
    compile_mapping(mapping, SMTP_PROTOCOL, taxonomy, Settings())


@pytest.mark.parametrize(("mapping", "taxonomy"), BOTH)
def test_each_table_lists_every_event_and_no_other(mapping: Mapping, taxonomy: Taxonomy) -> None:
    assert set(mapping.events) == set(EVENTS)


@pytest.mark.parametrize(("mapping", "taxonomy"), BOTH)
def test_every_row_says_why_it_is_there(mapping: Mapping, taxonomy: Taxonomy) -> None:
    assert [row.field for row in mapping.rows if not row.ours] == []


def test_severities_are_numbers_of_their_range() -> None:
    assert all(entry["severity"] in range(11) for entry in ARCSIGHT_SMTP.events.values())
    assert all(entry["severity"] in range(1, 11) for entry in JSA_SMTP.events.values())


def test_the_connector_message_and_sender_stand_where_message_tracking_has_them() -> None:
    accepted = "250 2.6.0 <a@b> [InternalId=7; Hostname=x] Queued"
    lines = received("<", "MAIL FROM:<alice@contoso.example>")
    lines += received(">", accepted.replace("; Hostname=x", ""))[2:]
    event = events("arcsight", lines)[1]
    assert {name: event[name] for name in event if name.startswith("deviceCustomString")} == {
        "deviceCustomString1Label": "Internal Message ID",
        "deviceCustomString1": "7",
        "deviceCustomString2Label": "Message ID",
        "deviceCustomString2": "<a@b>",
        "deviceCustomString4Label": "Connector ID",
        "deviceCustomString4": "EX1\\Default EX1",
        "deviceCustomString6Label": "Return Path",
        "deviceCustomString6": "alice@contoso.example",
    }


def test_the_last_row_of_the_receive_sample_in_arcsight() -> None:
    event = events("arcsight", "RECV2023011116-1.LOG")[-1]
    assert dict(event) == {
        "applicationProtocol": "SMTP",
        "destinationAddress": "10.10.10.10",
        "destinationHostName": "SERVER-HOSTNAME",
        "destinationPort": 25,
        "deviceAddress": "10.10.10.10",
        "deviceCustomNumber2Label": "Sequence Number",
        "deviceCustomNumber2": 15,
        "deviceCustomString3Label": "Authentication Type",
        "deviceCustomString3": "LOGIN",
        "deviceCustomString4Label": "Connector ID",
        "deviceCustomString4": "SERVER-HOSTNAME\\Default Frontend SERVER-HOSTNAME",
        "deviceCustomString5Label": "TLS Protocol and Cipher",
        "deviceCustomString5": "SP_PROT_TLS1_2_SERVER CALG_AES_128",
        "deviceDirection": 0,
        "deviceEventCategory": "SMTP",
        "deviceEventClassId": "AUTH-FAILURE",
        "deviceHostName": "SERVER-HOSTNAME",
        "deviceProduct": "Exchange Server",
        "deviceReceiptTime": 1673452810644,
        "deviceVendor": "Microsoft",
        "eventOutcome": "failure",
        "externalId": "123453EC62278461",
        "flexString1Label": "EHLO Name",
        "flexString1": "[95.10.20.33]",
        "message": "User Name: username@domain.com",
        "name": "AUTH-FAILURE",
        "reason": "LogonDenied",
        "severity": 5,
        "sourceAddress": "95.10.20.33",
        "sourcePort": 56026,
        "sourceUserName": "username@domain.com",
        "transportProtocol": "TCP",
    }
    assert event.additional == {
        "local-endpoint": "10.10.10.10:25",
        "remote-endpoint": "95.10.20.33:56026",
        "event": "*",
    }


def test_the_mail_row_of_the_send_sample_in_jsa() -> None:
    event = events("jsa", "SEND2024030509-1.LOG")[8]
    assert dict(event) == {
        "eventId": "MAIL",
        "usrName": "alice@contoso.example",
        "src": "192.0.2.10",
        "dst": "203.0.113.25",
        "sessionId": "08DC3CF0A1B2C3D4",
        "vendor": "Microsoft",
        "product": "Exchange Server",
        "devTime": 1709629200420,  # 2024-03-05T09:00:00.420Z
        "cat": "SMTP In Progress",
        "sev": 1,
        "proto": "TCP",
        "srcPort": 49152,
        "dstPort": 25,
        "senderAddress": "alice@contoso.example",
        "smtpDirection": "send",
        "smtpVerb": "MAIL",
        "smtpEhlo": "mail.contoso.example",
        "smtpGreeting": "mx.partner.example",
    }
    assert event.additional["connector-id"] == "Ins Internet über Köln"
    assert event.additional["data"] == "MAIL FROM:<alice@contoso.example> SIZE=7249"


@pytest.mark.parametrize(
    ("mark", "data", "category"),
    [
        ("+", "", "SMTP Opened"),
        ("-", "", "SMTP Closed"),
        (">", "235 2.7.0 Authentication successful", "Mail Service Login Succeeded"),
        (">", "535 5.7.3 Authentication unsuccessful", "Mail Service Login Failed"),
        (">", "550 5.7.1 Unable to relay", "SMTP Denied"),
        (">", "451 4.7.0 Temporary server error", "SMTP Delayed"),
        (">", "250 2.1.0 Sender OK", "SMTP In Progress"),
    ],
)
def test_the_category_in_jsa_is_the_one_proposed_for_the_row(mark: str, data: str, category: str) -> None:
    assert events("jsa", received(mark, data))[0]["cat"] == category


def test_the_user_in_jsa_is_who_authenticated_before_who_sends() -> None:
    user = received("*", "CONTOSO\\alice")
    user[2] += "authenticated"
    lines = received("<", "MAIL FROM:<bob@contoso.example>") + user[2:] + received("<", "QUIT")[2:]
    found = events("jsa", lines)
    assert [event["usrName"] for event in found] == [
        "bob@contoso.example",
        "alice",
        "alice",
    ]
    assert found[2]["senderAddress"] == "bob@contoso.example"


@pytest.mark.parametrize("taxonomy", ["arcsight", "jsa"])
def test_the_null_sender_is_no_user(taxonomy: str) -> None:
    event = events(taxonomy, received("<", "MAIL FROM:<>"))[0]
    assert "sourceUserName" not in event
    assert "usrName" not in event
    assert "<>" in (event.get("deviceCustomString6"), event.get("senderAddress"))


def test_ipv6_ends_go_to_the_custom_fields_of_message_tracking_without_their_zone() -> None:
    event = events("arcsight", received("+", local="[fe80::1%3]:25", remote="[2001:db8::7]:400"))[0]
    expected = {
        "deviceCustomIPv6Address1": "fe80::1",
        "deviceCustomIPv6Address1Label": "Device IPv6 Address",
        "deviceCustomIPv6Address2": "2001:db8::7",
        "deviceCustomIPv6Address2Label": "Source IPv6 Address",
        "deviceCustomIPv6Address3": "fe80::1",
        "deviceCustomIPv6Address3Label": "Destination IPv6 Address",
        "sourcePort": 400,
        "destinationPort": 25,
    }
    assert {name: event.get(name) for name in expected} == expected
    assert {"sourceAddress", "destinationAddress", "deviceAddress"}.isdisjoint(event)


@pytest.mark.parametrize("taxonomy", ["arcsight", "jsa"])
def test_a_masked_address_stays_text_and_is_kept(taxonomy: str) -> None:
    event = events(taxonomy, received("+", remote="xx.xx.xx.xx:400"))[0]
    assert {"sourceAddress", "src"}.isdisjoint(event)
    assert event.additional["remote-endpoint"] == "xx.xx.xx.xx:400"


@pytest.mark.parametrize("taxonomy", ["arcsight", "jsa"])
def test_where_no_direction_is_certain_no_source_and_destination_are_named(taxonomy: str) -> None:
    event = events(taxonomy, received("+", local="10.0.0.5:9025")[1:])[0]
    ends = {"sourceAddress", "destinationAddress", "sourcePort", "destinationPort", "deviceDirection"}
    assert (ends | {"src", "dst", "srcPort", "dstPort"}).isdisjoint(event)
    assert event.additional["local-endpoint"] == "10.0.0.5:9025"
    assert event.additional["remote-endpoint"] == "198.51.100.7:400"


@pytest.mark.parametrize(
    ("log_type", "mark", "field", "other"),
    [("Receive", ">", "bytesIn", "bytesOut"), ("Send", "<", "bytesOut", "bytesIn")],
)
def test_the_size_of_a_message_goes_the_way_of_the_log(
    log_type: str, mark: str, field: str, other: str
) -> None:
    lines = received(mark, "250 2.6.0 <a@b> [InternalId=7] 7249 bytes in 0.1 sec")
    event = events("arcsight", [f"#Log-type: SMTP {log_type} Protocol Log", *lines[1:]])[0]
    assert event[field] == 7249
    assert other not in event


def test_an_address_in_brackets_is_no_host_name() -> None:
    literal = events("arcsight", received("<", "EHLO [198.51.100.7]"))[0]
    named = events("arcsight", received("<", "EHLO client.example"))[0]
    assert "sourceHostName" not in literal
    assert named["sourceHostName"] == "client.example"


def test_the_native_payload_calls_the_format_smtp() -> None:
    flow = Normalizer("jsa", "wincollect", discover_plugins=False)
    payload = next(iter(flow.encode(received("+"), flow.stream("/logs/RECV2024030509-1.LOG"))))
    assert payload.startswith(
        b"AgentDevice=WindowsExchange\tAgentLogFile=RECV2024030509-1.LOG\tAgentLogFormat=SMTP\tdate-time=2024"
    )


def test_categories_are_written_only_when_asked_for() -> None:
    assert "categoryObject" not in events("arcsight", received("+"))[0]
    assert events("arcsight", received("+"), categories=True)[0]["categoryBehavior"] == "/Access/Start"
