"""Exports of ``Get-MessageTrackingLog``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from exnorm import Event, Normalizer
from exnorm.model import Record, Unparsed

SAMPLES = Path(__file__).parents[1] / "samples" / "tracking_export"
NAMES = '"Timestamp","EventId","Sender","MessageSubject"'
ROW = '"11/27/2018 10:40:02 PM","SEND","anna@example.com","Receipt"'
OBJECT = {"Timestamp": "2018-11-27T22:40:02.966Z", "EventId": "SEND", "Sender": "anna@example.com"}


def read_file(name: str, **settings: Any) -> list[Record | Unparsed]:
    return read_bytes((SAMPLES / name).read_bytes(), name, **settings)


def read_bytes(block: bytes, name: str = "export", **settings: Any) -> list[Record | Unparsed]:
    normalizer = Normalizer(**settings)
    stream = normalizer.stream(name)
    return [*normalizer.parse(block, stream), *stream.drain()]


def read(*lines: str, **settings: Any) -> list[Record | Unparsed]:
    return read_bytes("\n".join(lines).encode(), **settings)


def records(items: list[Record | Unparsed]) -> list[Record]:
    found = [item for item in items if isinstance(item, Record)]
    assert found == items, items
    return found


def refusal(item: Record | Unparsed) -> tuple[str, str]:
    assert isinstance(item, Unparsed), item
    return item.kind, item.reason


# --- CSV -----------------------------------------------------------------------------------------


def test_rows_of_csv_are_records_of_message_tracking_under_the_names_of_the_log() -> None:
    first, _ = records(read_file("en-US.csv", tz="Europe/Berlin"))
    assert first.source.name == "message_tracking"
    assert (first.schema.name, first.schema.found) == ("2016", "export")
    assert first.time == 1543354802000  # 22:40:02 in Berlin is 21:40:02 UTC
    assert first.values["date-time"] == "2018-11-27T21:40:02.000Z"
    assert first.values["recipient-address"] == "bo@example.net"
    assert first.values["sender-address"] == "anna@example.com"
    assert first.values["message-subject"] == 'Receipt, "urgent"'
    assert first.values["custom-data"] == "S:DeliveryPriority=Normal;S:PurportedSender=anna@example.com"
    assert first.get("product-version") == "15.01.1261.039"


def test_what_the_log_does_not_have_keeps_its_own_name() -> None:
    _, second = records(read_file("en-US.csv", tz="Europe/Berlin"))
    assert second.values["MessageLatency"] == "00:00:01.2030000"
    assert second.values["MessageLatencyType"] == "EndToEnd"
    assert second.values["PSComputerName"] == "mbx01.example.com"
    assert second.values["Recipients"] == "System.String[]"
    assert "recipient-address" not in second.values


def test_without_a_zone_each_row_is_unparsed_and_told_what_to_set() -> None:
    items = read_file("en-US.csv")
    assert [refusal(item)[0] for item in items] == ["timezone", "timezone"]
    assert refusal(items[0])[1] == (
        "Timestamp is '11/27/2018 10:40:02 PM', a local time without its zone; name the zone of the "
        "shell that exported it, for example --tz Europe/Berlin"
    )


def test_semicolons_and_german_times_are_read() -> None:
    [record] = records(read_file("de-DE.csv", tz="Europe/Berlin"))
    assert record.values["date-time"] == "2018-11-27T21:40:02.000Z"
    assert record.values["recipient-address"] == "bo@example.net;carl@example.org"
    assert record.values["message-subject"] == "Grüße; bis morgen"


def test_a_row_with_an_open_quote_is_unparsed_and_the_next_row_is_unharmed() -> None:
    cut = ROW.removesuffix('"')
    broken, whole = read(NAMES, cut, ROW, tz="UTC")
    assert refusal(broken) == ("quote", "a quoted field is left open at the end of the line")
    assert isinstance(whole, Record)


@pytest.mark.parametrize(
    "forged",
    [
        "2018-11-27T22:40:02Z,SEND,forged@example.com,x",
        '2018-11-27T22:40:02Z,SEND,forged@example.com,"x"',
        "Sender,EventId,Timestamp,MessageSubject",
        "Timestamp,EventId,Sender",
    ],
)
def test_a_line_break_in_a_subject_forges_neither_a_row_nor_names(forged: str) -> None:
    start = ROW.replace('Receipt"', "Receipt")
    items = read(NAMES, start, forged, ROW, tz="UTC")
    assert [type(item) for item in items] == [Unparsed, Unparsed, Record]
    assert refusal(items[1]) == (
        "quote",
        "a field has no quotes, but this export has quotes around every field; "
        "the line is a part of a field that holds a line break",
    )


def test_null_has_no_quotes_in_an_export_that_quotes_every_field() -> None:
    [record] = records(read(NAMES, '"2018-11-27T22:40:02Z","SEND",,"a ""b"", c"'))
    assert (record.get("sender-address"), record.get("message-subject")) == ("", 'a "b", c')


def test_rows_of_another_width_are_unparsed() -> None:
    items = read(NAMES, ROW + ',"x"', '"11/27/2018 10:40:02 PM","SEND"', ROW, tz="UTC")
    assert refusal(items[0]) == ("width", "row has 5 fields; the line of names has 4")
    assert refusal(items[1]) == ("width", "row has 2 fields; the line of names has 4")
    assert isinstance(items[2], Record)


def test_a_row_that_is_not_utf_8_is_unparsed_and_the_next_row_is_unharmed() -> None:
    bad = ROW.replace("Receipt", "Grüße").encode("latin-1")
    items = read_bytes(b"\n".join((NAMES.encode(), bad, ROW.encode())), tz="UTC")
    assert refusal(items[0])[0] == "encoding"
    assert isinstance(items[1], Record)


def test_an_empty_export_has_no_events() -> None:
    assert read(NAMES, "") == []


def test_a_second_export_in_the_same_stream_is_read_by_its_own_names() -> None:
    other = '"Sender","EventId","Timestamp","MessageSubject"'
    items = read(NAMES, ROW, other, '"bo@example.net","DELIVER","2018-11-27T22:40:02Z","x"', tz="UTC")
    assert [record.values["sender-address"] for record in records(items)] == [
        "anna@example.com",
        "bo@example.net",
    ]


def test_an_export_after_a_log_in_the_same_stream_is_recognised_by_its_type_line() -> None:
    log = ["#Log-type: Message Tracking Log", "#Fields: date-time,event-id", "2018-11-27T22:40:02.966Z,SEND"]
    items = read(*log, "#TYPE Selected.MessageTrackingEvent", NAMES, ROW, tz="UTC")
    assert [record.schema.found for record in records(items)] == ["header", "export"]


def test_the_order_of_day_and_month_is_proved_for_each_export_anew() -> None:
    items = read(
        NAMES,
        ROW.replace("11/27/2018 10:40:02 PM", "27/11/2018 22:40:02"),
        ROW.replace("11/27/2018 10:40:02 PM", "05/11/2018 22:40:02"),
        "#TYPE x",
        NAMES,
        ROW.replace("11/27/2018 10:40:02 PM", "05/11/2018 22:40:02"),
        tz="UTC",
    )
    assert [type(item) for item in items] == [Record, Record, Unparsed]
    assert isinstance(items[1], Record)
    assert items[1].values["date-time"] == "2018-11-05T22:40:02.000Z"
    assert refusal(items[2])[0] == "date"


def test_utf_16_is_read() -> None:
    [record] = records(read_bytes(f"{NAMES}\r\n{ROW}\r\n".encode("utf-16"), tz="UTC"))
    assert record.values["message-subject"] == "Receipt"


def test_a_forced_source_refuses_rows_without_names() -> None:
    [item] = read(ROW, tz="UTC", source="tracking_export")
    assert refusal(item) == (
        "width",
        "row has 4 fields and no line with the names of properties came before it",
    )


# --- JSON ----------------------------------------------------------------------------------------


def test_json_over_many_lines_gives_a_record_for_each_object() -> None:
    first, second = records(read_file("powershell-5.json"))
    assert first.time == 1543358402966
    assert first.values == {
        "PSComputerName": "mbx01.example.com",
        "date-time": "2018-11-27T22:40:02.966Z",
        "client-ip": "10.4.11.100",
        "server-ip": "192.168.25.195",
        "source": "SMTP",
        "event-id": "SEND",
        "internal-message-id": "64441689310559",
        "recipient-address": "bo@example.net;carl@example.org",
        "recipient-status": "250 2.1.5 Recipient OK;'550 4.4.7 QUEUE.Expired; message expired'",
        "total-bytes": "7249",
        "reference": "",
        "message-subject": 'Braces } and ] in "quotes"',
        "sender-address": "anna@example.com",
        "MessageLatency": '{"Ticks":12030000,"TotalSeconds":1.203}',
        "custom-data": "S:DeliveryPriority=Normal;S:PurportedSender=anna@example.com",
    }
    assert second.event_id == "DELIVER"


@pytest.mark.parametrize("indent", [None, 2, 4])
@pytest.mark.parametrize("as_array", [True, False])
def test_one_object_or_an_array_on_one_line_or_many(indent: int | None, as_array: bool) -> None:
    text = json.dumps([OBJECT, OBJECT] if as_array else OBJECT, indent=indent)
    assert [r.event_id for r in records(read(text))] == ["SEND"] * (2 if as_array else 1)


def test_a_json_line_cut_off_is_unparsed_and_the_next_is_unharmed() -> None:
    line = json.dumps(OBJECT)
    items = read(line, line[:50], line)
    assert [type(item) for item in items] == [Record, Unparsed, Record]
    assert refusal(items[1])[0] == "syntax"


def test_malformed_json_is_unparsed_with_its_position_and_whole() -> None:
    text = json.dumps(OBJECT).replace('"SEND"', "SEND")
    [item] = read(text)
    kind, reason = refusal(item)
    # {"Timestamp": "2018-11-27T22:40:02.966Z", "EventId": S: the S is character 54
    assert (kind, reason) == ("syntax", "not JSON: expecting value at line 1, character 54")
    assert isinstance(item, Unparsed)
    assert item.raw == text


def test_json_that_ends_within_an_object_is_unparsed() -> None:
    [item] = read("[", "  {", '    "Timestamp": "2018-11-27T22:40:02.966Z",')
    assert refusal(item) == ("syntax", "the object is cut off: the log ends before it is closed")


def test_an_object_that_lost_a_line_is_unparsed_and_the_next_is_unharmed() -> None:
    lines = json.dumps([OBJECT, OBJECT], indent=2).encode().split(b"\n")
    lines[3] = b'    "EventId": "\xff",'
    items = read_bytes(b"\n".join(lines))
    assert [type(item) for item in items] == [Unparsed, Unparsed, Record]
    assert [refusal(item)[0] for item in items[:2]] == ["encoding", "syntax"]


def test_an_object_too_long_is_unparsed_and_the_next_is_unharmed() -> None:
    long = {**OBJECT, "Recipients": [f"user{number}@example.com" for number in range(200)]}
    items = read(json.dumps([long, OBJECT], indent=2), max_line_bytes=1024)
    assert isinstance(items[-1], Record)
    assert {refusal(item)[0] for item in items[:-1]} == {"too-long"}


def test_an_object_of_no_known_kind_is_unparsed() -> None:
    items = read(json.dumps([{"Level": 4}, OBJECT], indent=2))
    assert refusal(items[0]) == ("unknown-type", "no known export has objects with these properties: 'Level'")
    assert isinstance(items[1], Record)


def test_a_time_in_the_wrapping_of_powershell_5_is_read() -> None:
    wrapped = {"value": "/Date(1543358402966)/", "DateTime": "Tuesday, November 27, 2018 10:40:02 PM"}
    [record] = records(read(json.dumps({**OBJECT, "Timestamp": wrapped})))
    assert record.time == 1543358402966


def test_a_local_time_in_json_needs_the_zone() -> None:
    text = json.dumps({**OBJECT, "Timestamp": "2018-11-27T22:40:02.966"})
    assert refusal(read(text)[0])[0] == "timezone"
    [record] = records(read(text, tz="UTC"))
    assert record.time == 1543358402966


def test_lines_of_json_that_complete_nothing_are_not_counted_as_header() -> None:
    normalizer = Normalizer()
    list(normalizer.parse(json.dumps([OBJECT], indent=2).encode(), normalizer.stream()))
    assert normalizer.counts.header == 0


# --- which product wrote it ----------------------------------------------------------------------

OLD = (
    "Timestamp", "ClientIp", "ClientHostname", "ServerIp", "ServerHostname", "SourceContext",
    "ConnectorId", "Source", "EventId", "InternalMessageId", "MessageId", "Recipients",
    "RecipientStatus", "TotalBytes", "RecipientCount", "RelatedRecipientAddress", "Reference",
    "MessageSubject", "Sender", "ReturnPath", "MessageInfo",
)  # fmt: skip


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({}, "2016"),
        ({"NetworkMessageId": ""}, "2016"),
        ({"Directionality": ""}, "2016"),
        ({"SchemaVersion": "15.02.0529.005"}, "2019/SE"),
        ({"SchemaVersion": "15.01.1261.039"}, "2016"),
    ],
)
def test_the_product_is_known_by_the_properties(extra: dict[str, str], expected: str) -> None:
    [record] = records(read(json.dumps({**dict.fromkeys(OLD, ""), **OBJECT, **extra})))
    assert record.schema.name == expected


def test_the_same_row_lands_in_the_same_fields_whichever_properties_were_selected() -> None:
    selected = {**OBJECT, "ClientIp": "192.0.2.31", "ClientHostname": "hub31"}
    normalizer = Normalizer()
    for item in (selected, {**dict.fromkeys(OLD, ""), **selected}):
        [event] = normalizer.normalize(json.dumps(item).encode(), normalizer.stream())
        assert isinstance(event, Event)
        assert (event["destinationAddress"], event["destinationHostName"]) == ("192.0.2.31", "hub31")
        assert "sourceAddress" not in event


@pytest.mark.parametrize(("schema", "expected"), [("2007", "2007"), ("2010", "2010"), ("2019", "2016")])
def test_a_forced_schema_decides(schema: str, expected: str) -> None:
    [record] = records(read(json.dumps(OBJECT), schema=schema))
    assert record.schema.name == expected
