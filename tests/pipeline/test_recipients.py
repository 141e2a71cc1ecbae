from __future__ import annotations

from dataclasses import replace

from exnorm import Event, Record, Unparsed
from exnorm.pipeline.recipients import split_recipients
from exnorm.testing import events, normalizer

HEADER = (
    "#Version: 15.01.1261.039",
    "#Log-type: Message Tracking Log",
    "#Fields: date-time,event-id,message-subject,recipient-address,recipient-status",
)


def per_recipient(addresses: str, statuses: str) -> list[tuple[object, str, str]]:
    row = f"2018-11-27T22:40:02.966Z,SEND,s,{addresses},{statuses}"
    found = events([*HEADER, row], per_recipient=True)
    return [
        (event["destinationUserName"], event.record.values["recipient-status"], event.record.part)
        for event in found
        if isinstance(event, Event)
    ]


def test_each_recipient_gets_an_event_with_its_own_status() -> None:
    assert per_recipient("a@x.test;b@x.test", "250 ok;550 no") == [
        ("a@x.test", "250 ok", "1"),
        ("b@x.test", "550 no", "2"),
    ]


def test_statuses_that_do_not_pair_up_stay_whole() -> None:
    assert per_recipient("a@x.test;b@x.test", "250 ok") == [
        ("a@x.test", "250 ok", "1"),
        ("b@x.test", "250 ok", "2"),
    ]


def test_one_recipient_is_one_event_without_a_part() -> None:
    assert per_recipient("a@x.test", "250 ok") == [("a@x.test", "250 ok", "")]


def test_a_record_of_a_source_without_recipients_is_not_split() -> None:
    row = "2018-11-27T22:40:02.966Z,SEND,s,a@x.test;b@x.test,250 ok"
    running = normalizer()
    (record,) = running.parse([*HEADER, row], running.stream())
    assert isinstance(record, Record)
    assert len(list(split_recipients(record))) == 2
    record.source = replace(record.source, recipients=None)
    assert list(split_recipients(record)) == [record]


# --- not without bound ---------------------------------------------------------------------------


def test_a_row_of_more_recipients_than_a_mail_can_have_is_not_split_but_refused() -> None:
    row = "2018-11-27T22:40:02.966Z,SEND,s,{},250 ok"
    most, beyond = (row.format("a@x;" * (amount - 1) + "a@x") for amount in (10_000, 10_001))
    assert len(events([*HEADER, most], per_recipient=True)) == 10_000
    refused, after = events([*HEADER, beyond, row.format("b@x")], per_recipient=True)
    assert isinstance(refused, Unparsed)
    assert (refused.kind, refused.raw) == ("width", beyond)
    assert refused.reason == "row has 10001 recipients; expected at most 10000 where each gives an event"
    assert isinstance(after, Event)
    (whole,) = events([*HEADER, beyond])
    assert isinstance(whole, Event)


def test_a_row_whose_long_text_would_be_written_for_each_recipient_is_refused() -> None:
    row = f"2018-11-27T22:40:02.966Z,SEND,{'s' * 100_000},{'a@x;' * 3000},250 ok"
    (refused,) = events([*HEADER, row], per_recipient=True)
    assert isinstance(refused, Unparsed)
    assert refused.reason.startswith("row has 3001 recipients and 1000")
