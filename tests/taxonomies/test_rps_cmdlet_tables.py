from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exnorm.model import Event
from exnorm.pipeline.normalizer import Normalizer
from exnorm.sources.cmdlets import CASE_NAMES
from exnorm.taxonomies.arcsight.cmdlets import CASES as ARCSIGHT_CASES, EVENTS as ARCSIGHT_EVENTS
from exnorm.taxonomies.jsa.cmdlets import CASES as JSA_CASES, EVENTS as JSA_EVENTS

SAMPLES = Path(__file__).parent.parent / "samples" / "rps_cmdlet"


def events(taxonomy: str, name: str = "Rps_Cmdlet_2026030409-1.LOG") -> list[Event]:
    found = list(Normalizer(taxonomy, discover_plugins=False).normalize((SAMPLES / name).read_bytes()))
    assert all(isinstance(event, Event) for event in found)
    return found  # type: ignore[return-value]


def test_a_row_in_the_fields_of_arcsight() -> None:
    found = events("arcsight")[0]
    assert dict(found) == {
        "deviceVendor": "Microsoft",
        "deviceProduct": "Exchange Server",
        "deviceVersion": "15.02.1544.004",
        "deviceEventClassId": "Set-Mailbox",
        "name": "Set-Mailbox",
        "severity": 8,
        "eventOutcome": "success",
        "deviceEventCategory": "Rps_Cmdlet",
        "deviceAction": "Set-Mailbox",
        "deviceReceiptTime": 1772615702481,  # 2026-03-04T09:15:02.481Z
        "startTime": 1772615701020,
        "sourceUserName": "adm.ines",
        "sourceUserId": "S-1-5-21-1000000001-1000000002-1000000003-1107",
        "sourceUserPrivileges": "True",
        "destinationUserName": "olga@example.test",
        "deviceHostName": "EX01",
        "deviceProcessId": 7124,
        "deviceProcessName": "w3wp#MSExchangePowerShellAppPool",
        "requestClientApplication": "PowerShell",
        "externalId": "11111111-2222-4333-8444-555555555502",
        "deviceCustomNumber1": 1461,
        "deviceCustomNumber1Label": "Total Request Time (ms)",
        "deviceCustomNumber2": 1,
        "deviceCustomNumber2Label": "Output Objects",
        "deviceCustomString1": '-Identity "olga@example.test" -ForwardingSmtpAddress '
        '"smtp:drop@mail.example.test" -DeliverToMailboxAndForward "True"',
        "deviceCustomString1Label": "Cmdlet Parameters",
        "deviceCustomString2": "olga@example.test",
        "deviceCustomString2Label": "Target Object",
        "deviceCustomString3": "adm.ines@example.test",
        "deviceCustomString3Label": "Session User",
        "deviceCustomString4": "11111111-2222-4333-8444-555555555501",
        "deviceCustomString4Label": "Session ID",
        "deviceCustomString6": "MAILBOX-FORWARDING",
        "deviceCustomString6Label": "Cmdlet Case",
    }


def test_a_failed_row_in_the_fields_of_jsa() -> None:
    found = events("jsa")[1]
    assert {name: found[name] for name in found if name not in ("vendor", "product", "cmdletParameters")} == {
        "deviceHost": "EX01",
        "sessionId": "11111111-2222-4333-8444-555555555501",
        "version": "15.02.1544.004",
        "eventId": "New-Mailbox",
        "usrName": "adm.ines",
        "domain": "EXAMPLE",
        "devTime": 1772615760100,  # 2026-03-04T09:16:00.100Z
        "role": "True",
        "resource": "PowerShell",
        "cmdletCase": "MAILBOX-MADE",
        "targetObject": "Temp One",
        "targetMailbox": "temp1@example.test",
        "sessionUser": "adm.ines@example.test",
        "outcome": "failure",
        "reason": "Microsoft.Exchange.Configuration.Tasks.RecipientTaskException",
        "cat": "Update Activity Failed",
        "sev": 3,
    }


def test_a_web_shell_by_export_weighs_most_and_a_probe_nothing() -> None:
    assert [event["severity"] for event in events("arcsight")] == [8, 3, 10, 1]
    assert [event["severity"] for event in events("arcsight", "Rps_Cmdlet_2023011116-1.LOG")] == [0]
    assert [event["sev"] for event in events("jsa")] == [8, 3, 10, 1]


def test_what_became_of_a_cmdlet_is_in_its_categories() -> None:
    settings: dict[str, Any] = {"categories": True, "discover_plugins": False}
    made = (SAMPLES / "Rps_Cmdlet_2026030409-1.LOG").read_bytes()
    good, bad, *_ = Normalizer("arcsight", **settings).normalize(made)
    assert (good["categoryOutcome"], good["categoryBehavior"]) == ("/Success", "/Modify/Configuration")
    assert (bad["categoryOutcome"], bad["categoryBehavior"]) == ("/Failure", "/Create")
    good, bad, *_ = Normalizer("jsa", **settings).normalize(made)
    assert (good["categoryId"], good["highLevelCategory"]) == (19018, "Audit")
    assert (bad["categoryId"], bad["highLevelCategory"]) == (19019, "Audit")


def test_every_case_has_its_severity_in_both_tables_and_they_agree() -> None:
    assert set(ARCSIGHT_CASES) == set(CASE_NAMES) == {name for name, *_ in JSA_CASES}
    for name, severity, _ in JSA_CASES:
        assert severity == max(int(ARCSIGHT_CASES[name]["severity"]), 1), name


@pytest.mark.parametrize(
    ("case", "severity", "routine"),
    [("OAB-SCRIPT", 10, 10), ("AUDIT-LOG-OFF", 9, 9), ("MAILBOX-EXPORT", 8, 6), ("READ", 1, 0)],
)
def test_what_exchange_does_itself_weighs_less_but_not_where_it_is_an_attack(
    case: str, severity: int, routine: int
) -> None:
    assert ARCSIGHT_EVENTS[case]["severity"] == severity
    assert ARCSIGHT_EVENTS[f"{case}/ROUTINE"]["severity"] == routine
    assert JSA_EVENTS[f"{case}/ROUTINE"]["severity"] == max(routine, 1)
