from __future__ import annotations

from pathlib import Path

from exnorm.model import Event
from exnorm.pipeline.normalizer import Normalizer
from exnorm.sources.imap_pop import EVENTS
from exnorm.taxonomies.arcsight.imap_pop import EVENTS as ARCSIGHT_EVENTS
from exnorm.taxonomies.jsa.imap_pop import EVENTS as JSA_EVENTS

SAMPLES = Path(__file__).parent.parent / "samples" / "imap_pop"


def events(name: str, taxonomy: str) -> list[Event]:
    normalizer = Normalizer(taxonomy, discover_plugins=False)
    found = list(normalizer.normalize((SAMPLES / name).read_bytes()))
    for item in found:
        assert isinstance(item, Event), item
    return [item for item in found if isinstance(item, Event)]


def test_a_failed_logon_in_the_fields_of_arcsight() -> None:
    found = events("IMAP42024031508-1.LOG", "arcsight")[2]
    assert dict(found) == {
        "deviceVendor": "Microsoft",
        "deviceProduct": "Exchange Server",
        "deviceEventClassId": "AUTH-FAILURE",
        "name": "AUTH-FAILURE",
        "severity": 5,
        "deviceEventCategory": "IMAP4/POP3",
        "deviceReceiptTime": 1710489600473,
        "applicationProtocol": "IMAP4",
        "bytesIn": 41,
        "bytesOut": 23,
        "destinationAddress": "192.0.2.10",
        "destinationPort": 993,
        "deviceAddress": "192.0.2.10",
        "deviceAction": "login",
        "deviceCustomNumber1": 2,
        "deviceCustomNumber1Label": "Sequence Number",
        "deviceCustomNumber2": 122,
        "deviceCustomNumber2Label": "Duration (ms)",
        "deviceCustomString1": "00000000000000E2",
        "deviceCustomString1Label": "Session ID",
        "deviceCustomString2": "alice@example.test *****",
        "deviceCustomString2Label": "Parameters",
        "eventOutcome": "failure",
        "message": 'R="aXSV NO LOGIN failed.";'
        "Msg=Proxy:mail1.example.test:1993:SSL;ErrMsg=ProxyNotAuthenticated",
        "reason": "ProxyNotAuthenticated",
        "sourceAddress": "198.51.100.7",
        "sourcePort": 50001,
        "sourceUserName": "alice",
    }
    assert found.additional == {}


def test_ipv6_endpoints_go_to_the_three_twins() -> None:
    found = events("IMAP42024031508-1.LOG", "arcsight")[4]
    assert found["deviceCustomIPv6Address1"] == "2001:db8::10"
    assert found["deviceCustomIPv6Address1Label"] == "Device IPv6 Address"
    assert found["deviceCustomIPv6Address2"] == "2001:db8::7"
    assert found["deviceCustomIPv6Address2Label"] == "Source IPv6 Address"
    assert found["deviceCustomIPv6Address3"] == "2001:db8::10"
    assert found["deviceCustomIPv6Address3Label"] == "Destination IPv6 Address"
    assert not {"sourceAddress", "destinationAddress", "deviceAddress"} & set(found)
    assert (found["sourcePort"], found["destinationPort"]) == (50002, 993)


def test_a_failed_pop_logon_in_the_fields_of_jsa() -> None:
    found = events("POP32024031508-1.LOG", "jsa")[1]
    assert dict(found) == {
        "sessionId": "0000000000000001",
        "vendor": "Microsoft",
        "product": "Exchange Server",
        "eventId": "AUTH-FAILURE",
        "cat": "Mail Service Login Failed",
        "sev": 5,
        "devTime": 1710490200200,  # 08:10:00.200, ten minutes after 1710489600
        "usrName": "carol@example.test",
        "src": "198.51.100.7",
        "dst": "192.0.2.10",
        "srcPort": 50011,
        "dstPort": 995,
        "srcBytes": 12,
        "dstBytes": 60,
        "resource": "POP3",
    }
    assert found.additional == {
        "seqNumber": "2",
        "duration": "80",
        "command": "pass",
        "parameters": "*****",
        "context": 'R="-ERR Logon failure: unknown user name or bad password.";ErrMsg=AuthFailed:LogonDenied',
    }


def test_the_user_that_the_command_names_fills_in_for_an_empty_column() -> None:
    found = events("POP32024031508-1.LOG", "jsa")
    assert [event["usrName"] for event in found] == ["carol@example.test"] * 3


def test_no_payload_carries_a_password() -> None:
    header = (
        "#Log-type: POP3 Log\n#Fields: dateTime,sessionId,seqNumber,sIp,cIp,user,duration,"
        "rqsize,rpsize,command,parameters,context\n"
    )
    row = "2024-03-15T08:10:00.000Z,1,1,192.0.2.10:995,198.51.100.7:50011,carol,1,12,5,pass,hunter2,R=OK"
    for taxonomy, format in (("arcsight", "cef"), ("jsa", "leef"), ("jsa", "wincollect"), ("jsa", "json")):
        normalizer = Normalizer(taxonomy, format, discover_plugins=False, keep_original=True)
        (payload,) = normalizer.encode(header + row)
        assert b"carol" in payload
        assert b"hunter2" not in payload


def test_both_tables_know_every_event_of_the_source() -> None:
    assert set(ARCSIGHT_EVENTS) == set(JSA_EVENTS) == EVENTS
