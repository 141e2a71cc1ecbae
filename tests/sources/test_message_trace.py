"""Message traces of Exchange Online."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from exnorm import Event, Normalizer
from exnorm.model import Confidence, Head, Record, Unparsed
from exnorm.sources.message_trace import MESSAGE_TRACE, split_summary

SAMPLES = Path(__file__).parents[1] / "samples" / "message_trace"
SUMMARY = (SAMPLES / "summary.csv").read_text("utf-8").splitlines()
OBJECT: dict[str, Any] = json.loads((SAMPLES / "objects.ndjson").read_text("utf-8").splitlines()[0])


def read(block: bytes, **settings: Any) -> list[Record | Unparsed]:
    normalizer = Normalizer(**settings)
    stream = normalizer.stream("trace")
    return [*normalizer.parse(block, stream), *stream.drain()]


def records(block: bytes, **settings: Any) -> list[Record]:
    items = read(block, **settings)
    found = [item for item in items if isinstance(item, Record)]
    assert found == items, items
    return found


def test_an_extended_report_in_utf_16_is_read_under_the_names_of_the_log() -> None:
    [record] = records((SAMPLES / "extended.csv").read_bytes())
    assert (record.source.name, record.schema.name, record.schema.found) == (
        "message_tracking",
        "2016",
        "export",
    )
    assert record.time == 1543358402966
    assert record.event_id == "SENDEXTERNAL"
    assert record.values["message-subject"] == "Receipt, second"
    assert record.values["original-client-ip"] == "203.0.113.9"
    assert record.values["custom-data"] == "S:DeliveryPriority=Normal;S:IsProbe=false"


def test_an_extended_report_in_utf_8_is_read_too() -> None:
    text = (SAMPLES / "extended.csv").read_bytes().decode("utf-16")
    assert records(text.encode("utf-8"))[0].event_id == "SENDEXTERNAL"


def test_a_time_without_a_zone_is_utc_whatever_tz_says() -> None:
    text = (SAMPLES / "extended.csv").read_bytes().decode("utf-16")
    [record] = records(text.replace("22:40:02.966Z", "22:40:02.966").encode(), tz="Asia/Tokyo")
    assert record.time == 1543358402966


def test_recipients_of_different_fate_in_one_summary_row_have_an_event_each() -> None:
    first, second = records((SAMPLES / "summary.csv").read_bytes())
    assert (
        first.values["recipient-address"],
        first.values["recipient-status"],
        first.event_id,
        first.part,
    ) == (
        "bo@example.net",
        "Receive, Send",
        "SEND",
        "1",
    )
    assert (second.values["recipient-address"], second.values["recipient-status"]) == (
        "carl@example.org",
        "Receive, Fail",
    )
    assert (second.event_id, second.part) == ("FAIL", "2")
    for record in (first, second):
        assert record.values["directionality"] == "Originating"
        assert record.values["custom-data"] == "S:DeliveryPriority=Normal"


@pytest.mark.parametrize(
    ("status", "rows"),
    [
        ("a@x##Receive, Deliver", [("a@x", "DELIVER")]),
        ("a@x##Receive, Deliver;b@y##Deliver", [("a@x;b@y", "DELIVER")]),
        ("a@x##Deliver;b@y##Fail;c@z##Deliver", [("a@x", "DELIVER"), ("b@y", "FAIL"), ("c@z", "DELIVER")]),
        ("a@x##Receive, Quarantined;b@y##Delivered", [("a@x", "DROP"), ("b@y", "DELIVER")]),
        ("a@x##Resolve", [("a@x", "RESOLVE")]),
        ("a@x##", [("a@x", "")]),
    ],
)
def test_a_summary_row_is_split_where_last_statuses_differ(status: str, rows: list[tuple[str, str]]) -> None:
    found = split_summary({"recipient-status": status})
    assert [(row["recipient-address"], row.get("event-id", "")) for row in found] == rows


@pytest.mark.parametrize("status", ["Deliver", "a@x##Receive; part", "##Deliver"])
def test_a_status_without_an_address_stays_as_it_is(status: str) -> None:
    assert split_summary({"recipient-status": status}) == [{"recipient-status": status}]


def test_a_summary_row_of_more_recipients_than_can_be_written_is_unparsed_with_the_reason() -> None:
    fates = ";".join(f"a{number}@x##{'Fail' if number else 'Deliver'}" for number in range(10_001))
    names = SUMMARY[0]
    cells = dict.fromkeys(names.split(","), "")
    cells |= {"sender_address": "s@x", "Recipient_status": fates, "origin_timestamp": "2026-03-17T08:40:00Z"}
    [item] = read(f"{names}\n{','.join(cells.values())}".encode())
    assert isinstance(item, Unparsed)
    assert (item.kind, item.reason) == (
        "width",
        "row has 10001 recipients of different fate; too many to write for each",
    )


def fields(taxonomy: str, item: dict[str, Any]) -> dict[str, Any]:
    normalizer = Normalizer(taxonomy=taxonomy)
    [event] = normalizer.normalize(json.dumps(item).encode(), normalizer.stream("trace"))
    assert isinstance(event, Event)
    return dict(event.fields)


def test_from_ip_is_the_source_and_to_ip_the_destination_and_neither_is_the_device() -> None:
    found = fields("arcsight", {**OBJECT, "FromIP": "203.0.113.9", "ToIP": "192.0.2.25"})
    assert (found["sourceAddress"], found["destinationAddress"]) == ("203.0.113.9", "192.0.2.25")
    assert "deviceAddress" not in found
    found = fields("arcsight", {**OBJECT, "FromIP": "2001:db8::9", "ToIP": "2001:db8::25"})
    assert found["deviceCustomIPv6Address2"] == "2001:db8::9"
    assert found["deviceCustomIPv6Address3"] == "2001:db8::25"
    found = fields("jsa", {**OBJECT, "FromIP": "203.0.113.9", "ToIP": None})
    assert found["src"] == "203.0.113.9"
    assert "dst" not in found


def test_the_original_client_of_a_summary_is_the_source() -> None:
    item = {
        "origin_timestamp": "2026-03-17T08:40:00Z",
        "sender_address": "s@example.com",
        "recipient_status": "a@example.net##Receive, Deliver",
        "original_client_ip": "203.0.113.12",
    }
    assert fields("arcsight", item)["sourceAddress"] == "203.0.113.12"
    assert fields("jsa", item)["src"] == "203.0.113.12"


def test_objects_are_read_and_their_status_is_kept_beside_the_event() -> None:
    first, second = records((SAMPLES / "objects.ndjson").read_bytes())
    assert first.event_id == "DELIVER"
    assert first.values["Status"] == "Delivered"
    assert first.values["ToIP"] == "192.0.2.25"
    assert first.values["FromIP"] == "203.0.113.9"
    assert first.values["network-message-id"] == "0fd591fe-1cc4-47f0-0bbc-08d654b944f3"
    assert first.values["Organization"] == "example.com"
    assert (second.event_id, second.time) == ("DROP", 1543358460000)  # 22:41:00 UTC, no zone written


@pytest.mark.parametrize(
    ("status", "event"),
    [
        ("Delivered", "DELIVER"),
        ("Failed", "FAIL"),
        ("Expanded", "EXPAND"),
        ("Pending", "DEFER"),
        ("Quarantined", "DROP"),
        ("FilteredAsSpam", "DROP"),
        ("GettingStatus", "GETTINGSTATUS"),
        ("None", "NONE"),
    ],
)
def test_a_status_stands_for_an_event_or_for_itself(status: str, event: str) -> None:
    [record] = records(json.dumps({**OBJECT, "Status": status}).encode())
    assert record.event_id == event


def test_objects_as_csv_and_over_many_lines_are_the_same_records() -> None:
    names, cells = (",".join(f'"{text}"' for text in part) for part in (OBJECT, OBJECT.values()))
    [from_csv] = records(f"{names}\r\n{cells}\r\n".encode())
    [from_json] = records(json.dumps([OBJECT], indent=4).encode())
    assert from_csv.values == from_json.values


def test_a_pretty_printed_trace_can_be_forced() -> None:
    [record] = records(json.dumps([OBJECT], indent=4).encode(), source="message_trace")
    assert record.event_id == "DELIVER"


def test_a_truncated_row_a_wide_row_and_an_open_quote_are_unparsed_and_the_next_is_unharmed() -> None:
    names, row = SUMMARY
    lines = [names, row[:40], row + ",x", row.replace('Fail"', "Fail"), "", row]
    items = read("\n".join(lines).encode())
    assert [item.kind if isinstance(item, Unparsed) else "" for item in items] == [
        "width",
        "width",
        "quote",
        "",
        "",
    ]


def test_a_row_that_is_not_utf_8_is_unparsed() -> None:
    names, row = SUMMARY
    [item] = read(names.encode() + b"\n" + row.replace("Receipt", "Grüße").encode("latin-1"))
    assert isinstance(item, Unparsed)
    assert item.kind == "encoding"


def test_a_line_of_other_names_is_not_taken_for_a_trace() -> None:
    assert MESSAGE_TRACE.recognize(Head("x", {}, "sender_address,message_id,subject")) is Confidence.NO
    assert MESSAGE_TRACE.recognize(Head("x", {}, SUMMARY[0])) is Confidence.HEADER


# --- pages of a reporting service ----------------------------------------------------------------


def test_a_page_of_the_reporting_service_is_read_object_by_object() -> None:
    other = {**OBJECT, "Subject": "Second"}
    page = {"odata.metadata": "https://reports.example.test/$metadata#MessageTrace", "value": [OBJECT, other]}
    found = records(json.dumps(page).encode())
    assert [record.values["message-subject"] for record in found] == ["Receipt", "Second"]
    assert [json.loads(record.raw) for record in found] == [OBJECT, other]


def test_an_object_of_a_page_that_is_no_trace_is_unparsed_and_the_next_is_unharmed() -> None:
    page = {"value": [{"Level": 4}, OBJECT], "@odata.nextLink": "https://reports.example.test/?$skip=2000"}
    bad, good = read(json.dumps(page).encode())
    assert isinstance(bad, Unparsed)
    assert (bad.kind, bad.raw) == ("unknown-type", '{"Level": 4}')
    assert isinstance(good, Record)


@pytest.mark.parametrize("page", [{"value": [1, OBJECT]}, {"value": [OBJECT], "Level": 4}, {"value": OBJECT}])
def test_what_only_looks_like_a_page_is_unparsed_as_a_whole(page: dict[str, Any]) -> None:
    [found] = read(json.dumps(page).encode())
    assert isinstance(found, Unparsed)
    assert found.raw == json.dumps(page)


# As Get-MessageTrace gave them before there was a second version.
FIRST_VERSION = {
    **{name: OBJECT[name] for name in ("Received", "SenderAddress", "RecipientAddress", "MessageId")},
    "Organization": "example.onmicrosoft.com",
    "Status": "GettingStatus",
    "StartDate": "2024-03-14T00:00:00Z",
    "EndDate": "2024-03-16T00:00:00Z",
    "Index": 3,
}


@pytest.mark.parametrize("taxonomy", ["arcsight", "jsa"])
@pytest.mark.parametrize("status", ["GettingStatus", "None", "Delivered", "FilteredAsSpam"])
def test_what_microsoft_documents_of_a_trace_is_not_told_as_unknown(taxonomy: str, status: str) -> None:
    normalizer = Normalizer(taxonomy)
    text = json.dumps({**FIRST_VERSION, "Status": status})
    (event,) = normalizer.normalize(text.encode())
    assert isinstance(event, Event)
    assert event.additional["Status"] == status
    assert event.additional["Index"] == "3"
    counts = normalizer.counts.as_dict()
    assert (counts["unknown_columns"], counts["unknown_events"]) == ({}, {})


def test_a_fate_that_is_not_known_yet_has_no_outcome() -> None:
    (event,) = Normalizer("arcsight").normalize(json.dumps(FIRST_VERSION).encode())
    assert isinstance(event, Event)
    assert event["deviceEventClassId"] == "GETTINGSTATUS"
    assert "eventOutcome" not in event
