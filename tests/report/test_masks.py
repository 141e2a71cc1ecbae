from __future__ import annotations

import pytest

from exnorm.report.masks import mask_name, mask_reason, mask_text, mask_value

PLAIN = frozenset(("RECEIVE", "SMTP", "INCOMING"))


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("anna@partner.example", "a***@p***.example"),
        ("<anna@partner.example>", "a***@p***.example"),
        ("partner.example", "p***.example"),
        ("deep.sub.partner.example", "d***.example"),
        ("jdoe", "j***"),
        ("CORP\\jdoe", "C***"),
        ("<>", "<>"),
        ("203.0.113.7", "203.0.*.*"),
        ("2001:db8::7", "2001:db8:*"),
        ("a@b", "a***@b***"),
        ('"<script>"@x.<b>', '"***@x***'),
    ],
)
def test_a_name_can_be_told_from_another_but_not_be_read(name: str, masked: str) -> None:
    assert mask_name(name) == masked


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("2026-01-05T10:15:00.000Z", "2026-01-05T10:15:00.000Z"),
        ("7249", "7249"),
        ("15.01.2507.039", "15.01.2507.039"),
        ("10.1.2.3", "10.1.*.*"),
        ("RECEIVE", "RECEIVE"),
        ("Incoming", "Incoming"),
        ("Merger with Müller, 2026", "xxxxxx xxxx xxxxxx, 9999"),
        ("Angebot für März", "xxxxxxx xxx xxxx"),
        ("会議", "xx"),
        ("anna@partner.example;bo@contoso.test", "xxxx@xxxxxxx.xxxxxxx;xx@xxxxxxx.xxxx"),
        ("", ""),
    ],
)
def test_a_value_keeps_its_shape_and_what_says_nothing_of_a_person(value: str, masked: str) -> None:
    assert mask_value(value, PLAIN) == masked


def test_a_line_keeps_its_time_its_event_and_whatever_separates_its_cells() -> None:
    line = '2026-01-05T10:15:00.000Z,10.1.2.3,"Merger, secret",SMTP,RECEIVE,anna@partner.example'
    assert mask_text(line, PLAIN) == (
        '2026-01-05T10:15:00.000Z,99.9.9.9,"xxxxxx, xxxxxx",SMTP,RECEIVE,xxxx@xxxxxxx.xxxxxxx'
    )


def test_a_word_of_a_subject_is_masked_though_an_event_has_its_name() -> None:
    assert mask_text("Receive our offer", PLAIN) == "xxxxxxx xxx xxxxx"


def test_bytes_that_were_no_text_can_still_be_seen() -> None:
    assert mask_text("M\\xfcller", PLAIN) == "x\\xfcxxxx"


def test_a_reason_says_why_but_not_what_stood_there() -> None:
    assert mask_reason("date-time is 'secret'; expected yyyy") == "date-time is '...'; expected yyyy"
    assert mask_reason("got 'it\\'s' and \"that's\"") == "got '...' and '...'"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("2018-13-27T22:42:30.007Z", "2018-13-27T22:42:30.007Z"),
        ("27.11.2018 22:42:30", "27.11.2018 22:42:30"),
        ("11/27/2018 10:42 PM", "11/27/2018 10:42 PM"),
        ("2018-11-27T22:42:30+01:00", "2018-11-27T22:42:30+01:00"),
        ("yesterday", "xxxxxxxxx"),
        ("203.0.113.7", "999.9.999.9"),
        ("anna 2018-11-27", "xxxx 9999-99-99"),
        ("+49 89 123456", "+99 99 999999"),
    ],
)
def test_what_was_to_be_a_time_is_shown_where_it_is_some_date_and_else_its_shape(
    value: str, shown: str
) -> None:
    assert mask_reason(f"date-time is '{value}'; expected x", "date") == f"date-time is '{shown}'; expected x"


def test_a_local_time_whose_zone_is_not_known_is_shown_too() -> None:
    reason = "Timestamp is '4/3/2023 9:01:10 AM', a local time without its zone"
    assert mask_reason(reason, "timezone") == reason


def test_what_a_plugin_said_when_it_failed_is_left_out() -> None:
    assert mask_reason("source mine: ValueError: bad row secret") == "source mine: ValueError: ..."
