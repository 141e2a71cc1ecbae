# ruff: noqa: E501
"""The tables of messages, held against what was worked out by hand in tests/journey."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.journey.rows import HUB1, MBX1, MBX2, read, row

from exnorm import Event
from exnorm.convert import members
from exnorm.journey.columns import as_columns, join_members
from exnorm.journey.joining import join
from exnorm.journey.story import tell
from exnorm.sources.message import COLUMNS, EVENTS
from exnorm.testing import normalizer

SAMPLE = Path(__file__).parents[1] / "samples" / "message" / "messages.log"


def events(taxonomy: str, **settings: object) -> list[Event]:
    running = normalizer(taxonomy=taxonomy, **settings)
    found = list(running.normalize(SAMPLE.read_bytes(), running.stream("messages.log")))
    assert all(isinstance(one, Event) for one in found)
    return [one for one in found if isinstance(one, Event)]


def test_a_story_fills_the_columns_of_the_source_in_their_order() -> None:
    story = tell(join(read([*MBX1, *HUB1, *MBX2]))[0])
    assert tuple(as_columns(story)) == COLUMNS


def test_the_first_message_in_arcsights_fields() -> None:
    fields = events("arcsight")[0].fields
    assert {name: fields[name] for name in (
        "deviceEventClassId", "severity", "eventOutcome", "deviceAction", "bytesIn", "bytesOut", "deviceCustomNumber1",
        "deviceCustomNumber2", "deviceCustomNumber3", "startTime", "endTime", "sourceUserName", "sourceAddress", "deviceHostName",
        "deviceCustomString5", "reason", "baseEventCount",
    )} == {
        "deviceEventClassId": "MESSAGE", "severity": 5, "eventOutcome": "failure", "deviceAction": "failed",
        "bytesIn": 5120, "bytesOut": 5120, "deviceCustomNumber1": 9, "deviceCustomNumber2": 5250, "deviceCustomNumber3": 1,
        "startTime": 1773736200000, "endTime": 1773736205250, "sourceUserName": "anna@contoso.test",
        "sourceAddress": "203.0.113.9", "deviceHostName": "MBX2.contoso.test", "deviceCustomString5": "MBX1;HUB1;MBX2",
        "reason": "eve@contoso.test", "baseEventCount": 16,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("username", "who"), [("sender", "anna@contoso.test"), ("recipient", "bo@contoso.test")]
)
def test_the_first_message_in_jsas_attributes(username: str, who: str) -> None:
    fields = events("jsa", username=username)[0].fields
    assert (fields["eventId"], fields["cat"], fields["sev"]) == ("MESSAGE", "Mail Terminated", 5)
    assert str(fields["usrName"]).startswith(who)
    assert (fields["srcBytes"], fields["dstBytes"], fields["devTime"]) == (5120, 5120, 1773736200000)


@pytest.mark.parametrize("taxonomy", ["arcsight", "jsa"])
def test_every_outcome_has_a_severity_and_every_row_a_reason(taxonomy: str) -> None:
    mapping = normalizer(taxonomy=taxonomy).plugins.registry.mappings[f"{taxonomy}-message"]
    assert set(mapping.events) == EVENTS
    assert all(entry.ours for entry in mapping.rows)


@pytest.mark.parametrize("taxonomy", ["arcsight", "jsa"])
def test_a_row_that_came_split_is_encoded_as_the_line_is_however_often_it_comes(taxonomy: str) -> None:
    """Nothing is derived of these rows: the code that is generated for records has its columns alone."""
    running = normalizer(taxonomy=taxonomy)
    lines = list(running.encode(SAMPLE.read_bytes(), running.stream("messages.log")))
    records = [event.record for event in events(taxonomy)]
    stream = running.stream("messages.log")
    for _ in range(200):
        items = [running.parse_fields(record.values, stream) for record in records]
        assert list(running.encode_records(item for item in items if item is not None)) == lines


def test_a_member_with_a_semicolon_is_read_back() -> None:
    texts = ["a@x=delivered", "b@x=failed: 550 4.4.7 QUEUE.Expired;gone", "c@x=pending"]
    assert members(join_members(texts)) == texts


def test_a_group_that_nobody_else_was_beside_is_no_failure() -> None:
    story = tell(read([row("08:00:00.000", "EXPAND", "A", "ROUTING", related_recipient_address="all@x")]))
    assert as_columns(story)["outcome"] == "delivered"
