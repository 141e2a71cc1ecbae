from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exnorm.model import Event
from exnorm.pipeline.normalizer import Normalizer
from exnorm.sources.agent_log import ACTIONS, COLUMNS
from exnorm.taxonomies.arcsight.agent_log import EVENTS as ARCSIGHT_EVENTS
from exnorm.taxonomies.jsa.agent_log import EVENTS as JSA_EVENTS

SAMPLE = Path(__file__).parent.parent / "samples" / "agent_log" / "AgentLog20220913-1.LOG"
HEADER = "#Version: 15.0.0.0\n#Log-type: Agent Log\n#Fields: " + ",".join(COLUMNS)
HARMLESS = {
    "AcceptMessage", "AttributionResult", "ModifyHeaders", "OnPremiseInboundConnectorInfo", "StampScl",
}  # fmt: skip


def events(text: str | bytes, taxonomy: str, **settings: Any) -> list[Event]:
    normalizer = Normalizer(taxonomy, discover_plugins=False, **settings)
    found = list(normalizer.normalize(text))
    for item in found:
        assert isinstance(item, Event), item
    return [item for item in found if isinstance(item, Event)]


def made(taxonomy: str, values: dict[str, str], **settings: Any) -> list[Event]:
    given = {"Timestamp": "2022-09-13T14:38:59.177Z", **values}
    row = ",".join(given.get(column, "") for column in COLUMNS)
    return events(f"{HEADER}\n{row}", taxonomy, **settings)


def test_a_real_row_in_the_fields_of_arcsight() -> None:
    found = events(SAMPLE.read_bytes(), "arcsight")[0]
    assert dict(found) == {
        "deviceVendor": "Microsoft",
        "deviceProduct": "Exchange Server",
        "deviceEventClassId": "ModifyHeaders",
        "name": "ModifyHeaders",
        "severity": 1,
        "eventOutcome": "success",
        "deviceEventCategory": "Agent",
        "deviceReceiptTime": 1663079939177,
        "destinationAddress": "10.10.10.10",
        "destinationUserName": "user.name2@domain2.com",
        "deviceAction": "ModifyHeaders",
        "deviceAddress": "10.10.10.10",
        "deviceCustomNumber1": 1,
        "deviceCustomNumber1Label": "Recipient Count",
        "deviceCustomString1": "1234DADADA795F2",
        "deviceCustomString1Label": "Session ID",
        "deviceCustomString3": "user.name@domain.com",
        "deviceCustomString3Label": "P2 From Addresses",
        "deviceCustomString4": "95.11.22.33",
        "deviceCustomString4Label": "Entered Org From IP",
        "deviceCustomString6": "OnEndOfHeaders",
        "deviceCustomString6Label": "Agent Event",
        "deviceProcessName": "Inbound Trust Agent",
        "externalId": "12345678-3232-2323-1111-12345679987",
        "flexString1": "Incoming",
        "flexString1Label": "Directionality",
        "message": "Cross premises headers filtered",
        "sourceAddress": "95.11.22.33",
        "sourcePort": 46904,
        "sourceUserName": "user.name@domain.com",
    }
    assert found.additional == {}


def test_a_real_row_in_the_fields_of_jsa() -> None:
    found = events(SAMPLE.read_bytes(), "jsa")[0]
    assert dict(found) == {
        "sessionId": "1234DADADA795F2",
        "networkMessageId": "12345678-3232-2323-1111-12345679987",
        "vendor": "Microsoft",
        "product": "Exchange Server",
        "eventId": "ModifyHeaders",
        "cat": "Mail in Progress",
        "sev": 1,
        "devTime": 1663079939177,
        "usrName": "user.name2@domain2.com",
        "src": "95.11.22.33",
        "dst": "10.10.10.10",
        "srcPort": 46904,
        "policy": "Inbound Trust Agent",
        "senderAddress": "user.name@domain.com",
        "recipientAddress": "user.name2@domain2.com",
    }


def test_the_sender_is_the_user_where_that_is_asked_for() -> None:
    assert events(SAMPLE.read_bytes(), "jsa", username="sender")[0]["usrName"] == "user.name@domain.com"


def test_the_constant_in_the_header_is_no_device_version() -> None:
    assert "deviceVersion" not in events(SAMPLE.read_bytes(), "arcsight")[0]
    assert "version" not in events(SAMPLE.read_bytes(), "jsa")[0]


def test_a_list_with_a_semicolon_at_its_end_has_no_empty_member() -> None:
    (found,) = made("arcsight", {"Action": "StampScl", "Recipient": "a@x.test;b@x.test;"})
    assert found["destinationUserName"] == "a@x.test;b@x.test"
    assert "Recipient" not in found.additional


def test_one_event_for_each_recipient_where_that_is_asked_for() -> None:
    values = {"Action": "RejectMessage", "Recipient": "a@x.test;b@x.test;", "SmtpResponse": "550 5.7.1 a;b"}
    found = made("arcsight", values, per_recipient=True)
    assert [event["destinationUserName"] for event in found] == ["a@x.test", "b@x.test"]
    assert [event["deviceCustomString5"] for event in found] == ["550 5.7.1 a;b"] * 2


def test_the_null_sender_is_no_user() -> None:
    (found,) = made("arcsight", {"Action": "RejectMessage", "P1FromAddress": "<>"})
    assert "sourceUserName" not in found
    assert found.additional["P1FromAddress"] == "<>"


def test_a_row_without_an_action_still_has_an_event() -> None:
    (found,) = made("arcsight", {"Agent": "Content Filter Agent"})
    assert (found["deviceEventClassId"], found["name"], found["severity"]) == ("Agent", "Agent", 3)
    (found,) = made("jsa", {"Agent": "Content Filter Agent"})
    assert (found["eventId"], found["cat"], found["sev"]) == ("Agent", "Unknown", 3)


@pytest.mark.parametrize("action", ACTIONS)
def test_what_stops_mail_weighs_more_than_what_lets_it_pass(action: str) -> None:
    arcsight, jsa = ARCSIGHT_EVENTS[action]["severity"], JSA_EVENTS[action]["severity"]
    assert (int(arcsight) >= 4) is (int(jsa) >= 4) is (action not in HARMLESS)


def test_both_tables_know_every_action_of_the_source() -> None:
    assert set(ARCSIGHT_EVENTS) == set(JSA_EVENTS) == set(ACTIONS)
