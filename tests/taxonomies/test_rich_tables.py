"""The tables with the facts of joined columns: what they add, and that they leave the others' rows alone."""

from __future__ import annotations

from typing import Any

import pytest

from exnorm import Event, Normalizer
from exnorm.plugins.manager import Plugins
from exnorm.testing import events

HEADER = (
    "#Fields: date-time,client-ip,client-hostname,server-ip,server-hostname,connector-id,event-id,"
    "internal-message-id,network-message-id,recipient-address,recipient-status,reference,custom-data"
)
DATA = "S:SFA=SUM|SFV=SPM|SCL=9|BCL=7|CompAuth=fail;S:OriginalFromAddress=first@example.net"
NETWORK = "11111111-2222-3333-4444-555555555555"
BESIDE = {
    "arcsight-rich": "arcsight-2016",
    "arcsight-rich-http-proxy": "arcsight-http-proxy",
    "jsa-rich": "jsa-message-tracking",
    "jsa-rich-http-proxy": "jsa-http-proxy",
}


def read(event: str, taxonomy: str, reference: str = "") -> Event:
    line = (
        f"2024-01-01T00:00:00.000Z,,ex01,,,conn,{event},7,{NETWORK},x@example.com,550 no,{reference},{DATA}"
    )
    (found,) = events(
        [HEADER, line], taxonomy=taxonomy, mapping=f"{taxonomy}-rich", source="message_tracking"
    )
    assert isinstance(found, Event)
    return found


def labelled(event: Event) -> dict[str, Any]:
    return {str(label): event[name[:-5]] for name, label in event.fields.items() if name.endswith("Label")}


def test_the_facts_of_a_message_in_arcsight() -> None:
    event = read("AGENTINFO", "arcsight", reference="<other@example.com>")
    assert labelled(event) == {
        "SCL": 9,
        "BCL": 7,
        "Original From Address": "first@example.net",
        "Agent Verdicts": "SFA SFV=SPM|SCL=9|BCL=7",
        "Comp Auth": "fail",
    }
    assert event["externalId"] == NETWORK
    assert event["reason"] == "550 no"
    assert event.additional["custom-data"] == DATA
    assert event.additional["internal-message-id"] == "7"
    assert event.additional["reference"] == "<other@example.com>"


def test_other_events_keep_the_fields_of_the_guide() -> None:
    found = labelled(read("FAIL", "arcsight", reference="<other@example.com>"))
    assert found["Reference"] == "<other@example.com>"
    assert found["Connector ID"] == "conn"
    assert not {"Agent Verdicts", "Comp Auth"} & set(found)


def test_the_facts_of_a_message_in_jsa() -> None:
    event = read("AGENTINFO", "jsa")
    names = ("originalFromAddress", "scl", "bcl", "compAuth", "agentVerdicts", "networkMessageId")
    verdicts = "SFA SFV=SPM|SCL=9|BCL=7"
    assert [event[name] for name in names] == ["first@example.net", 9, 7, "fail", verdicts, NETWORK]
    assert event.additional["recipient-status"] == "550 no"
    assert event.additional["custom-data"] == DATA


@pytest.mark.parametrize(
    ("taxonomy", "errors", "cookie"),
    [
        ("arcsight", "deviceCustomString4", "deviceCustomString6"),
        ("jsa", "genericInfoErrors", "BackEndCookie"),
    ],
)
def test_errors_and_the_back_end_cookie_of_a_request(taxonomy: str, errors: str, cookie: str) -> None:
    lines = [
        "#Software: Microsoft Exchange Server",
        "#Log-type: HttpProxy Logs",
        "#Fields: DateTime,RequestId,HttpStatus,BackEndCookie,GenericInfo",
        "2024-01-01T00:00:00.000Z,1,500,Server~ex02,S:Flags=1;S:ProxyException=timed out",
    ]
    mapping = f"{taxonomy}-rich-http-proxy"
    (event,) = events(lines, taxonomy=taxonomy, mapping=mapping, source="http_proxy")
    assert isinstance(event, Event)
    assert event[errors] == "ProxyException=timed out"
    assert {**event.fields, **event.additional}[cookie] == "Server~ex02"


@pytest.mark.parametrize("name", BESIDE)
def test_no_log_takes_the_table_by_itself(name: str) -> None:
    taxonomy = name.partition("-")[0]
    assert name not in {table.name for table in Normalizer(taxonomy, discover_plugins=False).mappings}
    pinned = {table.name for table in Normalizer(taxonomy, mapping=name, discover_plugins=False).mappings}
    assert name in pinned
    assert BESIDE[name] not in pinned


@pytest.mark.parametrize(("name", "other"), BESIDE.items())
def test_every_other_row_is_that_of_the_table_beside_it(name: str, other: str) -> None:
    tables = Plugins(discover=False).registry.mappings
    gone = {entry.field for entry in tables[other].rows if entry not in tables[name].rows}
    allowed = {"Additional data", *(f"Device Custom String {number}" for number in (1, 3, 4, 6))}
    assert gone <= (allowed if name.startswith("arcsight") else set())
