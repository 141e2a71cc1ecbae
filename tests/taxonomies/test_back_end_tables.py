"""Rows of EWS, Rps_Http and ECP in the fields of both taxonomies."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from exnorm.model import Event
from exnorm.pipeline.normalizer import Normalizer
from exnorm.sources.ews import IMPERSONATED, WEIGHTY
from exnorm.taxonomies.arcsight.ews import EVENTS as ARCSIGHT_EWS_EVENTS
from exnorm.taxonomies.jsa.ews import EVENTS as JSA_EWS_EVENTS

SAMPLES = Path(__file__).parent.parent / "samples"


def events(taxonomy: str, path: str) -> list[Event]:
    found = list(Normalizer(taxonomy, discover_plugins=False).normalize((SAMPLES / path).read_bytes()))
    assert all(isinstance(event, Event) for event in found)
    return found  # type: ignore[return-value]


def test_an_export_in_another_users_name_in_the_fields_of_arcsight() -> None:
    found = events("arcsight", "ews/Ews_2026030409-1.LOG")[0]
    assert dict(found) == {
        "deviceVendor": "Microsoft",
        "deviceProduct": "Exchange Server",
        "deviceVersion": "15.02.1544.004",
        "deviceEventClassId": "ExportItems",
        "name": "ExportItems",
        "severity": 7,
        "eventOutcome": "success",
        "deviceEventCategory": "EWS",
        "deviceAction": "ExportItems",
        "deviceReceiptTime": 1772616010100,  # 2026-03-04T09:20:10.100Z
        "startTime": 1772616010059,
        "sourceAddress": "192.0.2.77",
        "sourceUserName": "svc.sync@example.test",
        "sourceDnsDomain": "example.test",
        "destinationUserName": "olga@example.test",
        "deviceHostName": "EX01",
        "deviceProcessId": 9120,
        "externalId": "11111111-2222-4333-8444-555555555504",
        "requestClientApplication": "ExampleSync/2.1",
        "bytesIn": 812,
        "deviceCustomNumber1": 200,
        "deviceCustomNumber1Label": "HTTP Status",
        "deviceCustomNumber3": 41,
        "deviceCustomNumber3Label": "Total Request Time (ms)",
        "deviceCustomString1": "Negotiate",
        "deviceCustomString1Label": "Authentication Type",
        "deviceCustomString3": "EX02.EXAMPLE.TEST",
        "deviceCustomString3Label": "Front End Server",
        "deviceCustomString5": "11111111-2222-4333-8444-555555555505",
        "deviceCustomString5Label": "Correlation ID",
        "deviceCustomString6": "olga@example.test",
        "deviceCustomString6Label": "Impersonated User",
        "flexString1": "true",
        "flexString1Label": "Is Authenticated",
    }


def test_an_export_in_another_users_name_in_the_fields_of_jsa() -> None:
    found = events("jsa", "ews/Ews_2026030409-1.LOG")[0]
    assert (found["eventId"], found["cat"], found["sev"]) == ("ExportItems", "Read Activity Succeeded", 7)
    assert (found["usrName"], found["src"]) == ("svc.sync@example.test", "192.0.2.77")
    assert (found["targetMailbox"], found["impersonatedUser"]) == ("olga@example.test", "olga@example.test")
    assert (found["status"], found["timeTaken"], found["userAgent"]) == (200, 41, "ExampleSync/2.1")


def test_what_is_routine_weighs_little_and_what_failed_more() -> None:
    assert [event["severity"] for event in events("arcsight", "ews/Ews_2026030409-1.LOG")] == [7, 1, 0, 1, 3]
    assert [event["severity"] for event in events("arcsight", "rps_http/Rps_Http_2026030409-1.LOG")] == [
        1,
        1,
        1,
        0,
    ]
    assert [event["severity"] for event in events("arcsight", "ecp_server/ECPServer20260304-1.LOG")] == [
        6,
        10,
        3,
    ]
    assert [event["sev"] for event in events("jsa", "ecp_server/ECPServer20260304-1.LOG")] == [6, 10, 3]


def test_every_operation_has_its_weight_in_both_tables_for_oneself_and_for_another() -> None:
    for table in (ARCSIGHT_EWS_EVENTS, JSA_EWS_EVENTS):
        for operation in (*WEIGHTY, "OPERATION"):
            mine, others = int(table[operation]["severity"]), int(table[operation + IMPERSONATED]["severity"])
            assert 0 <= mine <= others <= 10


def test_a_request_of_remote_powershell_in_the_fields_of_both() -> None:
    arcsight = events("arcsight", "rps_http/Rps_Http_2026030409-1.LOG")[2]
    assert (arcsight["deviceEventClassId"], arcsight["requestMethod"]) == ("Receive", "POST")
    assert (arcsight["sourceUserName"], arcsight["sourceNtDomain"]) == ("adm.ines", "EXAMPLE")
    assert arcsight["deviceCustomString6"] == "Get-Mailbox"
    jsa = events("jsa", "rps_http/Rps_Http_2026030409-1.LOG")[0]
    assert jsa["url"] == "/Powershell?X-Rps-CAT=*****&Email=autodiscover/autodiscover.json%3F@example.test"
    assert (jsa["method"], jsa["status"], jsa["host"]) == ("POST", 200, "mail.example.test")


def test_a_script_in_an_external_url_in_the_fields_of_both() -> None:
    arcsight = events("arcsight", "ecp_server/ECPServer20260304-1.LOG")[1]
    assert arcsight["deviceEventClassId"] == "Set-OabVirtualDirectory"
    assert 'eval(Request["x"],"unsafe")' in str(arcsight["deviceCustomString1"])
    assert arcsight["deviceCustomString6"] == "OAB-SCRIPT"
    jsa = events("jsa", "ecp_server/ECPServer20260304-1.LOG")[1]
    assert (jsa["cat"], jsa["cmdletCase"], jsa["outcome"]) == ("Web Exploit", "OAB-SCRIPT", "success")


def change(path: str, old: bytes, new: bytes, taxonomy: str) -> Event:
    """The first event of a sample of which a text was replaced."""
    data = (SAMPLES / path).read_bytes()
    assert old in data
    found = next(iter(Normalizer(taxonomy, discover_plugins=False).normalize(data.replace(old, new))))
    assert isinstance(found, Event)
    return found


def test_a_client_address_with_a_port_is_the_sources_address_and_port() -> None:
    ews, rps = "ews/Ews_2026030409-1.LOG", "rps_http/Rps_Http_2026030409-1.LOG"
    for path, address in ((ews, b",192.0.2.77,"), (rps, b",192.0.2.24,")):
        found = change(path, address, b",203.0.113.7:4711,", "arcsight")
        assert (found["sourceAddress"], found["sourcePort"]) == ("203.0.113.7", 4711)
        found = change(path, address, b",[2001:db8::7]:4711,", "jsa")
        assert (found["src"], found["srcPort"]) == ("2001:db8::7", 4711)


def test_what_the_log_does_not_say_has_not_succeeded() -> None:
    activity = (
        "#Log-type: ECP Activity Context Log\n#Fields: TimeStamp,ServerName,EventId,EventData\n"
        "2026-03-17T09:00:00.021Z,EX40,Request,S:PSA=nora@example.test;S:URL=https://localhost:444/ecp/logoff.aspx\n"
    )
    server = (
        "#Log-type: ECP Server Log\n#Fields: TimeStamp,ServerName,EventId,EventData\n"
        "2026-03-17T09:00:00.021Z,EX40,ECP.Request,S:TIME=9;S:CMD=Set-Mailbox.Identity='nora';S:URL=/ecp/\n"
    )
    for text, category in (
        (activity, "Read Activity Attempted"),
        (server, "Update Activity Attempted"),
        (server.replace(";S:URL", ";S:EX=;S:URL"), "Update Activity Succeeded"),
    ):
        (found,) = Normalizer("jsa", discover_plugins=False).normalize(text.encode())
        assert isinstance(found, Event)
        assert found["cat"] == category, text


def made(taxonomy: str, path: str, column: str, text: str) -> Event:
    """The first event of a sample, a column of which has this text."""
    lines = (SAMPLES / path).read_text("utf-8-sig").splitlines()
    (names,) = [line.removeprefix("#Fields: ").split(",") for line in lines if line.startswith("#Fields: ")]
    row = dict(zip(names, next(csv.reader(line for line in lines if line.startswith("20")))))
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow({**row, column: text}.values())
    header = [line for line in lines if line.startswith("#")]
    (event,) = Normalizer(taxonomy, discover_plugins=False).normalize("\n".join((*header, out.getvalue())))
    assert isinstance(event, Event)
    return event


@pytest.mark.parametrize(
    ("path", "column"),
    [
        ("ews/Ews_2026030409-1.LOG", "ServerHostName"),
        ("rps_http/Rps_Http_2026030409-1.LOG", "ServerHostName"),
        ("rps_cmdlet/Rps_Cmdlet_2026030409-1.LOG", "ServerHostName"),
        ("http_proxy/Owa_HttpProxy_2023010602-1.LOG", "ServerHostName"),
        ("ecp_server/ECPServer20260304-1.LOG", "ServerName"),
    ],
)
def test_a_server_that_is_named_by_its_address_is_the_device_address(path: str, column: str) -> None:
    event = made("arcsight", path, column, "192.0.2.44")
    assert (event.get("deviceAddress"), event.get("deviceHostName")) == ("192.0.2.44", None)
    event = made("arcsight", path, column, "2001:db8::44")
    assert event.get("deviceCustomIPv6Address1") == "2001:db8::44"
    assert event["deviceCustomIPv6Address1Label"] == "Device IPv6 Address"
    assert "deviceHostName" not in event
    event = made("arcsight", path, column, "EX44")
    assert (event.get("deviceAddress"), event.get("deviceHostName")) == (None, "EX44")


@pytest.mark.parametrize(
    ("asked", "arcsight", "jsa"),
    [
        (
            "192.0.2.9:444",
            {"destinationAddress": "192.0.2.9", "destinationPort": 444},
            {"dst": "192.0.2.9", "dstPort": 444},
        ),
        (
            "[2001:db8::9]:444",
            {
                "deviceCustomIPv6Address3": "2001:db8::9",
                "deviceCustomIPv6Address3Label": "Destination IPv6 Address",
                "destinationPort": 444,
            },
            {"dst": "2001:db8::9", "dstPort": 444},
        ),
        (
            "ps.example.test:443",
            {"destinationHostName": "ps.example.test", "destinationPort": 443},
            {"host": "ps.example.test", "dstPort": 443},
        ),
        ("ps.example.test", {"destinationHostName": "ps.example.test"}, {"host": "ps.example.test"}),
    ],
)
def test_the_host_that_remote_powershell_was_asked_for_is_a_name_or_an_address(
    asked: str, arcsight: dict[str, object], jsa: dict[str, object]
) -> None:
    path = "rps_http/Rps_Http_2026030409-1.LOG"
    found = made("arcsight", path, "UrlHost", asked)
    names = ("destination", "deviceCustomIPv6Address3")
    assert {key: value for key, value in found.items() if key.startswith(names)} == arcsight
    found = made("jsa", path, "UrlHost", asked)
    assert {key: value for key, value in found.items() if key in ("dst", "dstPort", "host")} == jsa
