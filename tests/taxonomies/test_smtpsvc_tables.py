"""The tables arcsight-smtpsvc and jsa-smtpsvc, row by row of the sample."""

from __future__ import annotations

from pathlib import Path

from exnorm.model import Event
from exnorm.pipeline.normalizer import Normalizer

SAMPLE = Path(__file__).parent.parent / "samples" / "smtpsvc" / "ex031204.log"
CLIENT, SERVER, REMOTE = "192.0.2.7", "10.0.0.1", "198.51.100.25"


def normalize(taxonomy: str) -> list[Event]:
    normalizer = Normalizer(taxonomy, discover_plugins=False)
    items = normalizer.normalize(SAMPLE.read_bytes(), normalizer.stream(SAMPLE.name))
    return [item for item in items if isinstance(item, Event)]


def test_an_inbound_command_in_arcsight() -> None:
    event = normalize("arcsight")[1]
    assert dict(event) == {
        "deviceVendor": "Microsoft",
        "deviceProduct": "Exchange Server",
        "deviceVersion": "IIS 6.0",
        "deviceEventClassId": "MAIL:IN-PROGRESS",
        "name": "MAIL:IN-PROGRESS",
        "severity": 1,
        "deviceEventCategory": "SMTP",
        "deviceReceiptTime": 1070518262000,
        "deviceDirection": 0,
        "sourceAddress": CLIENT,
        "sourceHostName": "client.example.test",
        "destinationAddress": SERVER,
        "destinationHostName": "MAIL01",
        "deviceAddress": SERVER,
        "deviceHostName": "MAIL01",
        "deviceFacility": "SMTPSVC1",
        "applicationProtocol": "SMTP",
        "deviceAction": "MAIL",
        "message": "FROM:<jo+news@example.test> SIZE=2884",
        "sourceUserName": "jo+news@example.test",
        "bytesIn": 47,
        "bytesOut": 49,
        "deviceCustomNumber1": 16,
        "deviceCustomNumber1Label": "Time Taken (ms)",
        "deviceCustomNumber2": 250,
        "deviceCustomNumber2Label": "SMTP Reply Code",
        "deviceCustomNumber3": 0,
        "deviceCustomNumber3Label": "Win32 Status",
    }
    assert event.additional == {"s-port": "0"}  # 0 is no port


def test_an_outbound_reply_in_arcsight_has_our_server_as_the_source() -> None:
    event = normalize("arcsight")[7]
    assert event["deviceEventClassId"] == "OUTBOUND-REPLY:DELAYED"
    assert event["deviceDirection"] == 1
    assert event["sourceHostName"] == "MAIL01"
    assert event["destinationAddress"] == REMOTE
    assert event["destinationPort"] == 25
    assert event["bytesIn"] == 27
    assert event["deviceCustomNumber2"] == 421
    assert event["message"] == "421 4.7.0 try again later"
    assert not {"sourceAddress", "bytesOut", "deviceAddress"} & set(event)


def test_recipient_and_message_id_are_where_message_tracking_has_them() -> None:
    events = normalize("arcsight")
    assert events[2]["destinationUserName"] == "nobody@contoso.test"
    assert events[3]["deviceCustomString2"] == "<4711@client.example.test>"
    assert events[3]["deviceCustomString2Label"] == "Message ID"


def test_the_event_ids_and_categories_of_the_sample_in_jsa() -> None:
    events = normalize("jsa")
    assert [(event["eventId"], event["cat"]) for event in events] == [
        ("EHLO 250", "SMTP Opened"),
        ("MAIL 250", "SMTP In Progress"),
        ("RCPT 550", "SMTP Denied"),
        ("DATA 250", "SMTP In Progress"),
        ("QUIT 240", "SMTP Closed"),
        ("OUTBOUND-REPLY 220", "SMTP In Progress"),
        ("OUTBOUND-MAIL", "SMTP In Progress"),
        ("OUTBOUND-REPLY 421", "SMTP Delayed"),
    ]


def test_source_and_destination_follow_the_direction_in_jsa() -> None:
    events = normalize("jsa")
    assert (events[1]["src"], events[1]["dst"]) == (CLIENT, SERVER)
    assert (events[1]["srcBytes"], events[1]["dstBytes"]) == (47, 49)
    assert events[6]["dst"] == REMOTE
    assert events[6]["srcBytes"] == 4
    assert events[7]["dstBytes"] == 27
    assert not any("src" in event for event in events[5:])


def test_the_user_in_jsa_is_the_address_in_mail_from() -> None:
    events = normalize("jsa")
    assert events[1]["usrName"] == "jo+news@example.test"
    assert events[2]["recipientAddress"] == "nobody@contoso.test"
    assert "usrName" not in events[2]


def test_a_password_reaches_no_format() -> None:
    head = (
        "#Software: Microsoft Internet Information Services 6.0\n"
        "#Fields: date time c-ip cs-method cs-uri-query sc-status\n"
    )
    row = "2003-12-04 06:11:02 192.0.2.7 AUTH +PLAIN+c2VjcmV0 235\n"
    for taxonomy, format in (
        ("arcsight", "cef"),
        ("arcsight", "json"),
        ("jsa", "leef"),
        ("jsa", "wincollect"),
    ):
        normalizer = Normalizer(taxonomy, format, discover_plugins=False, keep_original=True)
        (payload,) = normalizer.encode(head + row)
        assert b"PLAIN" in payload
        assert b"c2VjcmV0" not in payload
