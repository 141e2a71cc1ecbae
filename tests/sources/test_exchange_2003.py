"""Message tracking logs of Exchange 2000 and 2003."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exnorm import Normalizer
from exnorm.model import Confidence, Head, Record, Unparsed
from exnorm.sources.exchange_2003 import EXCHANGE_2003, MODERN_EVENTS, NUMBERS_ONLY

SAMPLE = Path(__file__).parents[1] / "samples" / "exchange_2003" / "20030812.log"
FACTS = Path(__file__).parents[2].parent / "shared" / "facts" / "exchange2003_events.tsv"

HEADER = SAMPLE.read_text("utf-8").splitlines()[:3]
ROW = SAMPLE.read_text("utf-8").splitlines()[3]


def read(*lines: str | bytes, **settings: Any) -> list[Record | Unparsed]:
    normalizer = Normalizer(**settings)
    return list(normalizer.parse(lines, normalizer.stream("20030812.log")))


def only_record(*lines: str | bytes, **settings: Any) -> Record:
    [item] = read(*lines, **settings)
    assert isinstance(item, Record), item
    return item


def only_unparsed(*lines: str | bytes, **settings: Any) -> Unparsed:
    [item] = read(*lines, **settings)
    assert isinstance(item, Unparsed), item
    return item


def test_every_row_of_the_sample_is_a_record_under_its_own_names() -> None:
    normalizer = Normalizer()
    records = list(normalizer.parse(SAMPLE.read_bytes(), normalizer.stream(str(SAMPLE))))
    assert [type(record) for record in records] == [Record] * 6
    first = records[0]
    assert isinstance(first, Record)
    assert first.source.name == "exchange_2003"
    assert first.schema.name == "2003"
    assert first.values["client-ip"] == "198.51.100.7"
    assert first.values["Recipient-Address"] == "bo@example.com"
    assert first.values["Message-Subject"] == "Angebot für August"
    assert first.values["Sender-Address"] == "anna@example.net"


def test_the_unpadded_date_and_time_are_utc() -> None:
    # 2003-08-12 is day 12276 since 1970; 0:58:14 is 3494 s: 12276 * 86400 + 3494 = 1060649894
    record = only_record(*HEADER, ROW)
    assert record.time == 1060649894000
    assert record.get("date-time") == "2003-08-12T00:58:14.000Z"


def test_the_version_is_the_one_in_the_second_line() -> None:
    assert only_record(*HEADER, ROW).get("product-version") == "6.5.7638.1"


def test_the_event_is_named_as_in_later_versions_and_the_number_is_kept() -> None:
    record = only_record(*HEADER, ROW)
    assert record.event_id == "RECEIVE"
    assert record.values["Event-ID"] == "1019"


def test_an_event_without_a_later_like_is_named_by_its_number() -> None:
    record = only_record(*HEADER, ROW.replace("\t1019\t", "\t51\t"))
    assert record.event_id == "51"


def test_a_dash_is_an_empty_value() -> None:
    assert only_record(*HEADER, ROW).get("Linked-MSGID") == ""


def test_a_row_without_the_extra_cell_is_read_too() -> None:
    assert only_record(*HEADER, ROW.removesuffix("\t-")).values["Sender-Address"] == "anna@example.net"


def test_an_extra_cell_that_holds_something_makes_the_row_too_wide() -> None:
    unparsed = only_unparsed(*HEADER, ROW.removesuffix("-") + "x")
    assert (unparsed.kind, unparsed.reason) == ("width", "row has 21 fields; the header names 20")


def test_a_tab_in_a_subject_never_shifts_the_row() -> None:
    unparsed = only_unparsed(*HEADER, ROW.replace("Angebot für", "Angebot\tfür"))
    assert (unparsed.kind, unparsed.reason) == ("width", "row has 22 fields; the header names 20")


def test_a_truncated_row_is_unparsed() -> None:
    assert only_unparsed(*HEADER, ROW[:60]).kind == "width"


def test_a_row_that_is_not_utf_8_is_unparsed_and_the_next_row_is_unharmed() -> None:
    items = read(*HEADER, ROW.encode("latin-1"), ROW)
    assert [type(item) for item in items] == [Unparsed, Record]
    assert isinstance(items[0], Unparsed)
    assert items[0].kind == "encoding"


def test_an_empty_line_is_no_event() -> None:
    assert read(*HEADER, "") == []


@pytest.mark.parametrize("time", ["25:0:0 GMT", "0:58:14", "0:58 GMT", "-"])
def test_a_time_that_is_none_is_unparsed_with_what_was_found(time: str) -> None:
    unparsed = only_unparsed(*HEADER, ROW.replace("0:58:14 GMT", time, 1))
    assert unparsed.kind == "date"
    assert unparsed.reason == f"Date and Time are '2003-8-12 {time}'; expected yyyy-M-d H:m:s GMT"


def test_without_a_header_a_row_is_known_by_its_width_and_shape() -> None:
    head = Head("mail.txt", {}, ROW)
    assert EXCHANGE_2003.recognize(head) is Confidence.SHAPE
    record = only_record(ROW)
    assert (record.schema.found, record.values["Sender-Address"]) == ("count", "anna@example.net")


def test_without_a_header_twenty_cells_of_another_shape_are_refused() -> None:
    cells = "\t".join(str(number) for number in range(20))
    assert EXCHANGE_2003.recognize(Head("mail.txt", {}, cells)) is Confidence.NO


def test_names_in_another_order_are_followed() -> None:
    swapped = HEADER[2].replace("Message-Subject\tSender-Address", "Sender-Address\tMessage-Subject")
    record = only_record(*HEADER[:2], swapped, ROW)
    assert record.values["Sender-Address"] == "Angebot für August"


def test_after_a_newer_log_in_the_same_stream_the_header_is_obeyed() -> None:
    newer = [
        "#Log-type: Message Tracking Log",
        "#Fields: date-time,event-id",
        "2018-11-27T22:40:02.966Z,SEND",
    ]
    items = read(*newer, *HEADER, ROW)
    assert [item.source.name for item in items if isinstance(item, Record)] == [
        "message_tracking",
        "exchange_2003",
    ]


def test_a_newer_log_after_it_in_the_same_stream_is_recognised() -> None:
    newer = [
        "#Software: Microsoft Exchange Server",
        "#Log-type: Message Tracking Log",
        "#Fields: date-time,event-id",
        "2018-11-27T22:40:02.966Z,SEND",
    ]
    items = read(*HEADER, ROW, *newer)
    assert [item.source.name for item in items if isinstance(item, Record)] == [
        "exchange_2003",
        "message_tracking",
    ]


def test_a_header_without_end_is_held_in_bounded_memory() -> None:
    stream = Normalizer().stream()
    for number in range(1000):
        stream.read(f"# remark {number} " + "x" * 100)
    assert len(stream.directives["#"]) < 5000


@pytest.mark.skipif(not FACTS.exists(), reason="the table of facts is not here")
def test_the_events_are_those_of_the_facts() -> None:
    rows = [line.split("\t") for line in FACTS.read_text("utf-8").splitlines()[1:]]
    assert {row[0]: row[3].partition("(")[0] for row in rows if row[3] != "-"} == MODERN_EVENTS
    assert set(NUMBERS_ONLY) == {row[0] for row in rows if row[3] == "-"}


@pytest.mark.parametrize("mark", ["", " "])
def test_a_line_of_names_that_lost_its_mark_is_a_header_still(mark: str) -> None:
    names = mark + HEADER[2].lstrip("# ")
    assert only_record(names, ROW).schema.found == "header"
