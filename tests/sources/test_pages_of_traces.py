"""Message traces as services answer with them: pages of OData, the objects of Microsoft Graph."""

from __future__ import annotations

import json
from typing import Any

import pytest

from exnorm.model import Record
from exnorm.pipeline.normalizer import Normalizer

GRAPH: dict[str, Any] = {
    "@odata.type": "#microsoft.graph.exchangeMessageTrace",
    "id": "9f9e9d9c-2222-4111-8111-0000000000b1",
    "messageId": "<g1@a.test>",
    "receivedDateTime": "2026-03-17T08:30:00Z",
    "senderAddress": "tom@a.test",
    "recipientAddress": "rita@b.test",
    "subject": "Quote 7",
    "status": "delivered",
    "toIP": None,
    "fromIP": "203.0.113.45",
    "size": 1234,
}
SHELL = {
    "Received": "2026-03-17T08:30:00Z",
    "MessageId": "<g1@a.test>",
    "SenderAddress": "tom@a.test",
    "RecipientAddress": "rita@b.test",
    "Subject": "Quote 7",
    "Status": "delivered",
    "ToIP": None,
    "FromIP": "203.0.113.45",
    "Size": 1234,
    "MessageTraceId": "9f9e9d9c-2222-4111-8111-0000000000b1",
}


def read(*lines: str) -> list[Record]:
    normalizer = Normalizer(discover_plugins=False)
    stream = normalizer.stream()
    found = [*normalizer.parse([line.encode() for line in lines], stream), *normalizer.drain(stream)]
    assert all(isinstance(item, Record) for item in found), found
    return [item for item in found if isinstance(item, Record)]


def test_an_object_of_graph_has_the_values_of_the_shells_under_the_same_names() -> None:
    (graph,) = read(json.dumps(GRAPH))
    (shell,) = read(json.dumps(SHELL))
    assert graph.values == shell.values
    assert graph.values["event-id"] == "DELIVER"
    assert graph.values["sender-address"] == "tom@a.test"
    assert graph.values["network-message-id"] == "9f9e9d9c-2222-4111-8111-0000000000b1"


CONTEXT = "https://graph.example.test/v1.0/$metadata#admin/exchange/tracing/messageTraces"
PAGES: list[dict[str, Any]] = [
    {
        "@odata.context": CONTEXT,
        "@odata.nextLink": "https://graph.example.test/next",
        "value": [GRAPH, GRAPH],
    },
    {"odata.metadata": "https://r.example.test/$metadata", "value": [SHELL, SHELL]},
    {"d": {"results": [{"__metadata": {"type": "MessageTrace"}, **SHELL}, SHELL], "__next": "https://x"}},
    {"d": [SHELL, SHELL]},
]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("indent", [None, 2, 4])
def test_the_objects_of_a_page_are_its_events(page: dict[str, Any], indent: int | None) -> None:
    found = read(*json.dumps(page, indent=indent).split("\n"))
    (one,) = read(json.dumps(SHELL))
    assert [record.values for record in found] == [one.values] * 2


@pytest.mark.parametrize("page", PAGES)
def test_a_page_may_follow_a_page(page: dict[str, Any]) -> None:
    assert len(read(json.dumps(page), json.dumps(page))) == 4


def test_a_page_whose_objects_begin_on_its_second_line_is_known() -> None:
    head = json.dumps({"@odata.context": CONTEXT, "value": []}).removesuffix("]}")
    assert len(read(head, f" {json.dumps(GRAPH)},", f" {json.dumps(GRAPH)}", "]}")) == 2


def test_an_object_that_comes_property_by_property_is_read() -> None:
    normalizer = Normalizer(discover_plugins=False)
    found = normalizer.parse_fields({name: str(value) for name, value in GRAPH.items()}, normalizer.stream())
    assert isinstance(found, Record)
    assert found.values["recipient-address"] == "rita@b.test"
