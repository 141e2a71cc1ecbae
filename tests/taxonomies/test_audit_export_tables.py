from __future__ import annotations

from pathlib import Path

from exnorm.model import Event
from exnorm.pipeline.normalizer import Normalizer
from exnorm.sources.audit_export import OPERATION_CASES, OPERATIONS
from exnorm.sources.cmdlets import CASE_NAMES
from exnorm.taxonomies.arcsight.audit_export import EVENTS as ARCSIGHT_EVENTS, MAILBOX_CASES
from exnorm.taxonomies.jsa.audit_export import EVENTS as JSA_EVENTS, MAILBOX_CASES as JSA_MAILBOX_CASES

SAMPLES = Path(__file__).parent.parent / "samples" / "audit_export"


def events(taxonomy: str, name: str) -> list[Event]:
    found = list(Normalizer(taxonomy, discover_plugins=False).normalize((SAMPLES / name).read_bytes()))
    assert all(isinstance(event, Event) for event in found)
    return found  # type: ignore[return-value]


def test_a_deletion_in_the_fields_of_arcsight() -> None:
    found = events("arcsight", "unified.ndjson")[2]
    assert dict(found) == {
        "deviceVendor": "Microsoft",
        "deviceProduct": "Exchange Server",
        "deviceEventClassId": "HardDelete",
        "name": "HardDelete",
        "severity": 5,
        "eventOutcome": "success",
        "deviceEventCategory": "ExchangeItemGroup",
        "deviceAction": "HardDelete",
        "deviceReceiptTime": 1772618820000,  # 2026-03-04T10:07:00Z
        "deviceCustomIPv6Address2": "2001:db8::5",
        "deviceCustomIPv6Address2Label": "Source IPv6 Address",
        "sourcePort": 443,
        "sourceUserName": "ines@example.test",
        "sourceUserId": "S-1-5-21-1000000001-1000000002-1000000003-1107",
        "sourceUserPrivileges": "Delegate",
        "destinationUserName": "olga@example.test",
        "destinationServiceName": "Exchange",
        "requestClientApplication": "Client=OWA;",
        "externalId": "11111111-2222-4333-8444-555555555511",
        "fileId": "LgAAA1",
        "fileName": "a.pdf",
        "message": "Security alert",
        "reason": "PartiallySucceeded",
        "deviceCustomNumber1": 2,
        "deviceCustomNumber1Label": "Item Count",
        "deviceCustomString2": "<m2@example.test>",
        "deviceCustomString2Label": "Message ID",
        "deviceCustomString5": "\\Inbox",
        "deviceCustomString5Label": "Folder",
        "deviceCustomString6": "MAIL-DELETED-IN-BULK",
        "deviceCustomString6Label": "Cmdlet Case",
        "flexString1": "False",
        "flexString1Label": "External Access",
    }
    assert "AffectedItems" in found.additional


def test_a_rule_that_forwards_in_the_fields_of_jsa() -> None:
    found = events("jsa", "unified.ndjson")[1]
    assert (found["eventId"], found["cat"], found["sev"]) == ("New-InboxRule", "Update Activity Succeeded", 8)
    assert (found["usrName"], found["src"], found["srcPort"]) == ("olga@example.test", "203.0.113.5", 63070)
    assert found["cmdletParameters"] == '-ForwardTo "drop@mail.example.test" -Name "R1"'
    assert (found["cmdletCase"], found["outcome"]) == ("INBOX-RULE-FORWARD", "success")


def test_what_is_seen_in_each_export_weighs_what_the_table_says() -> None:
    weights = {
        path.name: [event["severity"] for event in events("arcsight", path.name)]
        for path in SAMPLES.iterdir()
    }
    assert weights == {
        "unified.ndjson": [3, 8, 5, 1, 3],
        "searched.csv": [8, 1],
        "admin.json": [8, 4],
        "mailbox.csv": [3, 5],
        "audit20230111-1.LOG": [2],
    }


def test_every_case_has_its_severity_in_both_tables_and_they_agree() -> None:
    assert set(MAILBOX_CASES) == set(OPERATION_CASES) == {name for name, *_ in JSA_MAILBOX_CASES}
    assert set(OPERATIONS.values()) <= {*OPERATION_CASES, *CASE_NAMES}
    for name in (*OPERATION_CASES, *CASE_NAMES):
        assert int(JSA_EVENTS[name]["severity"]) == max(int(ARCSIGHT_EVENTS[name]["severity"]), 1), name
