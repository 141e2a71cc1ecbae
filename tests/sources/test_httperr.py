from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from exnorm.model import Confidence, Head, Record, Unparsed
from exnorm.pipeline.normalizer import Normalizer
from exnorm.sources.httperr import COLUMNS, HTTPERR, REASONS, judge, product_version

SAMPLES = Path(__file__).parent.parent / "samples" / "httperr"
FIELDS_13 = (
    "date time c-ip c-port s-ip s-port cs-version cs-method cs-uri sc-status s-siteid s-reason s-queuename"
)
HEADER = f"#Software: Microsoft HTTP API 2.0\n#Version: 1.0\n#Date: 2026-03-04 09:00:00\n#Fields: {FIELDS_13}"
ROW = "2026-03-04 09:40:12 198.51.100.9 51322 192.0.2.10 443 HTTP/1.1 GET /x 403 - Forbidden -"


def parse(text: str | bytes, name: str = "") -> list[Record | Unparsed]:
    normalizer = Normalizer("arcsight", discover_plugins=False)
    return list(normalizer.parse(text, normalizer.stream(name)))


def record(text: str | bytes, name: str = "") -> Record:
    (found,) = parse(text, name)
    assert isinstance(found, Record), found
    assert found.source.name == "httperr"
    return found


def unparsed(text: str | bytes, name: str = "") -> Unparsed:
    (found,) = parse(text, name)
    assert isinstance(found, Unparsed), found
    return found


def test_a_row_is_read_under_the_columns_of_its_header() -> None:
    found = record(f"{HEADER}\r\n{ROW}\r\n")
    assert found.values["cs-uri"] == "/x"
    assert found.values["s-reason"] == "Forbidden"
    # 2026-03-04 is day 20516 of the epoch: 20516 * 86400 + 9:40:12 = 1772617212 seconds
    assert found.time == 1772617212000
    assert found.derived["product-version"] == "HTTP API 2.0"


def test_a_header_in_the_middle_of_a_file_is_no_event() -> None:
    lines = (SAMPLES / "httperr1.log").read_text().splitlines()
    found = parse("\n".join([*lines[:6], *lines[:4], *lines[6:]]))
    assert [item.event_id for item in found if isinstance(item, Record)] == [
        "TIMER_CONNECTIONIDLE",
        "FORBIDDEN",
        "QUEUEFULL",
        "BADREQUEST",
        "N/A",
        "CONNECTION_ABANDONED_BY_REQQUEUE",
    ]
    assert len(found) == 6


def test_a_timed_out_connection_has_no_request_and_is_an_event_all_the_same() -> None:
    found = parse((SAMPLES / "httperr1.log").read_bytes())[0]
    assert isinstance(found, Record)
    assert found.get("cs-version") == found.get("cs-uri") == found.get("s-siteid") == ""
    assert found.get("c-port") == "51318"


@pytest.mark.parametrize(
    ("row", "width"),
    [
        ("2026-03-04 18:45:09 192.0.2.77 2094 192.0.2.10 80 HTTP/1.1 GET /a 503 - ConnLimit", 12),
        ("2026-03-04 18:45:09 192.0.2.77 2094 192.0.2.10 80 HTTP/1.1 GET /a 503 1 N/A Pool", 13),
        ("2026-03-04 18:45:09 192.0.2.77 2094 192.0.2.10 80 HTTP/1.1 GET /a 7 503 1 N/A Pool", 14),
        (
            "2026-03-04 18:45:09 192.0.2.77 2094 192.0.2.10 80 HTTP/2.0 GET /a 7 - 503 1 N/I Pool TCP",
            16,
        ),
    ],
)
def test_a_row_without_a_header_is_known_by_its_width_and_values(row: str, width: int) -> None:
    found = record(row)
    assert (found.schema.name, found.schema.found) == (str(width), "count")
    assert (found.get("cs-uri"), found.get("sc-status")) == ("/a", "503")


def test_a_row_of_the_web_log_without_a_header_is_not_claimed() -> None:
    row = "2022-09-19 15:02:31 10.0.0.5 GET /EWS/Exchange.asmx - 443 - 10.0.0.9 agent - 401 1 2148074254"
    assert HTTPERR.recognize(Head("httperr1.log", {}, row)) is Confidence.NAME
    assert HTTPERR.recognize(Head("", {}, row)) is Confidence.NO


@pytest.mark.parametrize("software", ["Microsoft Internet Information Services 10.0", "Squid"])
def test_a_log_of_other_software_is_not_claimed(software: str) -> None:
    assert HTTPERR.recognize(Head("httperr1.log", {"software": software})) is Confidence.NO


def test_an_iis_log_that_says_so_is_left_to_iis() -> None:
    fields = "date time c-ip c-port s-ip cs-method cs-uri-stem sc-status"
    text = f"#Software: Microsoft Internet Information Services 10.0\n#Fields: {fields}\n"
    (found,) = parse(text + "2026-03-04 09:40:12 192.0.2.1 1 192.0.2.2 GET /owa/ 200")
    assert isinstance(found, Record)
    assert found.source.name == "iis"


@pytest.mark.parametrize(
    ("values", "source"),
    [
        ({"date": "2026-03-04", "c-ip": "192.0.2.1", "c-port": "1", "s-reason": "URL"}, "httperr"),
        ({"date": "2026-03-04", "c-ip": "192.0.2.1", "cs-method": "GET", "sc-status": "200"}, "iis"),
    ],
)
def test_a_row_that_came_split_is_known_by_its_columns(values: Mapping[str, str], source: str) -> None:
    normalizer = Normalizer("arcsight", discover_plugins=False)
    found = normalizer.parse_fields({**values, "time": "09:00:00"}, normalizer.stream(""))
    assert isinstance(found, Record)
    assert found.source.name == source


def test_columns_that_are_none_of_its_own_are_not_claimed_for_the_name_alone() -> None:
    assert unparsed(f"#Fields: date time new\n{ROW[:19]} x", "httperr12.log").kind == "unknown-type"


def test_a_row_of_another_width_than_its_header_is_unparsed_and_the_next_is_unharmed() -> None:
    bad, good = parse(f"{HEADER}\n{ROW} x\n{ROW}")
    assert isinstance(bad, Unparsed)
    assert (bad.kind, bad.reason) == ("width", "row has 14 fields; #Fields names 13")
    assert isinstance(good, Record)


def test_a_torn_off_row_is_unparsed() -> None:
    assert unparsed(f"{HEADER}\n{ROW[:50]}").kind == "width"


def test_a_row_without_a_time_is_unparsed() -> None:
    found = unparsed(f"{HEADER}\n{ROW.replace('09:40:12', '9h40')}")
    assert (found.kind, found.reason) == (
        "date",
        "date time is '2026-03-04 9h40'; expected yyyy-MM-dd HH:mm:ss",
    )


def test_a_row_that_is_not_utf8_is_unparsed() -> None:
    assert unparsed(f"{HEADER}\n".encode() + ROW.replace("/x", "/\xe9").encode("latin-1")).kind == "encoding"


def test_an_empty_line_and_an_empty_log_hold_nothing() -> None:
    assert parse(f"{HEADER}\n\n") == []
    assert parse("", "httperr1.log") == []


def test_every_reason_but_an_idle_timer_is_a_failure() -> None:
    assert [reason for reason in REASONS if judge(reason) != "failure"] == [
        "Timer_ConnectionIdle",
        "Timer_Response",
    ]
    assert judge("A_New_Reason") == "failure"
    assert judge("") == ""


def test_a_reason_nobody_knows_is_passed_on_and_counted() -> None:
    normalizer = Normalizer("arcsight", discover_plugins=False)
    (event,) = normalizer.normalize(f"{HEADER}\n{ROW.replace('Forbidden', 'Http3_Broken')}")
    assert event["deviceEventClassId"] == "Http3_Broken"
    assert event["severity"] == 3
    assert dict(normalizer.counts.unknown_events) == {"HTTP3_BROKEN": 1}


def test_the_version_is_that_of_the_driver() -> None:
    assert product_version("Microsoft HTTP API 2.0") == "HTTP API 2.0"
    assert product_version("Microsoft HTTP API") == ""
    assert product_version("nginx 1.0") == ""


def test_no_column_stands_twice() -> None:
    assert len(set(COLUMNS)) == len(COLUMNS)
