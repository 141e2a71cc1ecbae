"""What exports of message tracking share."""

from __future__ import annotations

from typing import Any

import pytest

from exnorm.sources.exports import find_header, rename, write_text
from exnorm.sources.message_trace import TRACES
from exnorm.sources.tracking_export import TRACKING


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        ("text", "text"),
        (7249, "7249"),
        (True, "True"),
        ([], ""),
        (["a", None, 1], "a;;1"),
        (["a;b", "c"], "'a;b';c"),
        ({"Ticks": 1, "Text": "ü"}, '{"Ticks":1,"Text":"ü"}'),
        ([{"a": 1}], '[{"a":1}]'),
    ],
)
def test_a_value_is_written_as_the_log_would(value: Any, expected: str) -> None:
    assert write_text(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "{[DeliveryPriority, Normal], [Subject, a, b]}",
        "[DeliveryPriority, Normal];[Subject, a, b]",
        ["[DeliveryPriority, Normal]", "[Subject, a, b]"],
        [{"Key": "DeliveryPriority", "Value": "Normal"}, {"Key": "Subject", "Value": "a, b"}],
        {"DeliveryPriority": "Normal", "Subject": "a, b"},
        {"value": ["[DeliveryPriority, Normal]", "[Subject, a, b]"], "Count": 2},
    ],
)
def test_event_data_in_any_form_is_written_as_custom_data(value: Any) -> None:
    assert rename({"EventData": value}, TRACKING) == {
        "custom-data": "S:DeliveryPriority=Normal;S:Subject=a, b"
    }


@pytest.mark.parametrize("value", ["", "S:DeliveryPriority=Normal", "{[a, b], c...}", "[", "{}"])
def test_event_data_that_is_no_list_of_pairs_stays_as_it_is(value: str) -> None:
    assert rename({"EventData": value}, TRACKING) == {"custom-data": value}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{a@x.test, b@y.test}", "a@x.test;b@y.test"),
        (["a@x.test", "b@y.test"], "a@x.test;b@y.test"),
        ("a@x.test", "a@x.test"),
        ("{a@x.test, b@y.test...}", "{a@x.test, b@y.test...}"),
    ],
)
def test_recipients_are_joined_as_in_the_log(value: Any, expected: str) -> None:
    assert rename({"Recipients": value}, TRACKING) == {"recipient-address": expected}


@pytest.mark.parametrize(
    "value",
    [
        "System.String[]",
        "System.Object[]",
        "System.Collections.Generic.KeyValuePair`2[System.String,System.Object][]",
        "Microsoft.Exchange.Data.MultiValuedProperty`1[System.String]",
    ],
)
def test_a_list_lost_in_csv_stands_under_its_own_name_and_is_no_recipient(value: str) -> None:
    assert rename({"Recipients": value}, TRACKING) == {"Recipients": value}


def test_a_subject_that_looks_like_a_type_is_a_subject() -> None:
    assert rename({"MessageSubject": "System.String[]"}, TRACKING) == {"message-subject": "System.String[]"}


@pytest.mark.parametrize(
    "properties",
    [
        {"Sender": "1", "sender": "2"},
        {"sender-address": "1", "Sender": "2"},
        {"Sender": "1", "sender-address": "2"},
    ],
)
def test_two_properties_for_one_column_are_both_kept(properties: dict[str, str]) -> None:
    values = rename(properties, TRACKING)
    assert sorted(values.values()) == ["1", "2"]


def test_a_property_without_a_name_is_kept() -> None:
    assert rename({"": "x"}, TRACKING) == {"unnamed": "x"}


@pytest.mark.parametrize(
    ("line", "separator"),
    [
        ('"Timestamp","EventId","Sender"', ","),
        ("Timestamp,EventId,Sender", ","),
        ('"Timestamp";"EventId";"Sender"', ";"),
        ("Timestamp\tEventId\tSender", "\t"),
    ],
)
def test_a_line_of_names_is_known_whatever_parts_them(line: str, separator: str) -> None:
    assert find_header((TRACKING, *TRACES), line) == (["Timestamp", "EventId", "Sender"], separator, TRACKING)


@pytest.mark.parametrize(
    "line",
    [
        '"Timestamp","EventId"',
        '"Timestamp","EventId","Level","Computer"',
        '"Timestamp","EventId","Sender","Sender"',
        '"Timestamp","EventId","Sender',
        "",
    ],
)
def test_another_line_is_no_line_of_names(line: str) -> None:
    assert find_header((TRACKING, *TRACES), line) is None


def test_names_and_rows_that_only_a_cr_parts_are_no_line_of_names() -> None:
    assert find_header((TRACKING,), "Timestamp,EventId,Sender") is not None
    assert (
        find_header((TRACKING,), "Timestamp,EventId,Sender\r2018-11-27T22:40:02Z,SEND,a@example.test") is None
    )
