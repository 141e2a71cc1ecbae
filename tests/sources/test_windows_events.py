"""One event of Windows in the form of every shipper."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from exnorm.sources.windows_events import (
    COLUMNS,
    MOST_DATA,
    MOST_TAGS,
    XmlEvents,
    begins_event,
    find,
    read_data,
    read_record,
    read_xml,
    used_names,
)

SAMPLES = Path(__file__).parent.parent / "samples" / "admin_audit"


def test_a_path_is_followed_into_objects_and_into_joined_names() -> None:
    assert find({"winlog": {"process": {"pid": 4}}}, "winlog.process.pid") == 4
    assert find({"winlog.process.pid": 4}, "winlog.process.pid") == 4
    assert find({"winlog": {"process.pid": 4}}, "winlog.process.pid") == 4
    assert find({"winlog": "x"}, "winlog.process.pid") is None


@pytest.mark.parametrize(
    ("record", "data"),
    [
        ({"StringInserts": ["a", 5, None]}, ["a", "5", ""]),
        ({"winlog": {"event_data": {"param1": "a", "param3": "c"}}}, ["a", "", "c"]),
        ({"event_data": {"param2": "b"}}, ["", "b"]),
        ({"Data": "a", "Data_1": "b", "Data_2": "c"}, ["a", "b", "c"]),
        ({"EventData": {"Data": ["a", {"#text": "b"}]}}, ["a", "b"]),
        ({"Event": {"EventData": {"Data": ["a"]}}}, ["a"]),
        ({"Message": "only"}, []),
        ({"event_data": {"param999": "x"}}, [""] * MOST_DATA),
        ({"StringInserts": ["x"] * 999}, ["x"] * MOST_DATA),
    ],
)
def test_the_data_come_in_order_whoever_shipped_them(record: dict[str, Any], data: list[str]) -> None:
    assert read_data(record) == data


def test_the_fields_of_every_shipper_are_the_same_columns() -> None:
    bit = json.loads((SAMPLES / "winevtlog.ndjson").read_text().split("\n")[0])
    beat = json.loads((SAMPLES / "winlogbeat.json").read_text())
    nxlog = json.loads((SAMPLES / "nxlog.json").read_text())
    for record, record_id, moment in (
        (bit, "4711", "2026-03-04 10:15:02 +0100"),
        (beat, "4714", "2026-03-04T09:15:02.481Z"),
        (nxlog, "4715", "2026-03-04T10:20:00.000000+01:00"),
    ):
        values, _ = read_record(record)
        assert tuple(values) == COLUMNS
        assert values["Channel"] == "MSExchange Management"
        assert values["ProviderName"] == "MSExchange CmdletLogs"
        assert values["Computer"] == "EX01.example.test"
        assert (values["EventID"], values["EventRecordID"]) == ("1", record_id)
        assert values["TimeCreated"] == moment


def test_the_names_of_the_shipper_itself_are_not_the_events() -> None:
    beat = json.loads((SAMPLES / "winlogbeat.json").read_text())
    assert used_names(beat) == {"@timestamp", "winlog", "message"}
    nxlog = json.loads((SAMPLES / "nxlog.json").read_text())
    assert not used_names(nxlog) & {"EventReceivedTime", "SourceModuleName", "SourceModuleType"}


def test_an_event_in_xml_is_read_by_its_elements() -> None:
    text = (SAMPLES / "wevtutil.xml").read_text().split("\n")[0]
    values, data = read_xml(text)
    assert isinstance(values, dict)
    assert values["TimeCreated"] == "2026-03-04T09:15:02.000000000Z"
    assert (values["EventID"], values["Qualifiers"]) == ("1", "16384")
    assert data[0] == "Add-MailboxPermission"
    assert len(data) == 4


def test_fluent_bit_may_give_the_system_part_as_xml() -> None:
    system = "<System><Provider Name='P'/><EventID>6</EventID><Channel>C</Channel></System>"
    values, data = read_record({"System": system, "Message": "m", "StringInserts": ["a"]})
    assert (values["ProviderName"], values["EventID"], values["Channel"]) == ("P", "6", "C")
    assert (values["Message"], data) == ("m", ["a"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('<!DOCTYPE x [<!ENTITY a "b">]><Event>&a;</Event>', "has no DOCTYPE"),
        ("<Event><System></Event>", "not XML: mismatched tag"),
        ("<Event>" + "<a/>" * MOST_TAGS + "</Event>", "tags; expected at most"),
        ("<Event>\x00</Event>", "not XML"),
        ("<Event>\ud800</Event>", "not XML"),
    ],
)
def test_xml_that_cannot_be_read_safely_is_refused_with_its_reason(text: str, reason: str) -> None:
    kind, said = read_xml(text)
    assert isinstance(kind, str)
    assert reason in str(said)


def test_events_are_put_together_from_lines_and_taken_apart_on_one() -> None:
    events = XmlEvents(1000)
    assert list(events.feed("<Events><Event><Data>a")) == []
    assert events.waiting
    assert list(events.feed("b</Data></Event><Event>c</Event>")) == [
        ("<Events><Event><Data>a\nb</Data></Event>", None),
        ("<Event>c</Event>", None),
    ]
    assert list(events.feed("</Events>")) == []
    assert [refusal for _, refusal in events.feed("text")] == [
        ("syntax", "not an event in XML: expected <Event>")
    ]


def test_an_event_that_is_cut_off_or_without_end_is_given_back_with_a_reason() -> None:
    events = XmlEvents(100)
    list(events.feed("<Event>a"))
    (first,) = events.feed("<Event>b")
    assert first == ("<Event>a", ("syntax", "the event is cut off: another begins before it is closed"))
    assert [text for text, _ in events.finish()] == ["<Event>b"]
    list(events.feed("<Event>"))
    (found,) = [item for _ in range(9) for item in events.feed("x" * 20)][:1]
    assert found[1] == ("too-long", "event is longer than max_line_bytes, 100")


def test_only_an_event_begins_an_event() -> None:
    assert begins_event("<?xml version='1.0'?>\n<Events><Event xmlns='x'>")
    assert begins_event("  <Event>")
    assert not begins_event("<Eventually>")
    assert not begins_event("<log>")
