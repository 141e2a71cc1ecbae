"""What the logs of all services of IIS share: the header, the time of day, the service."""

from __future__ import annotations

import pytest

from exnorm.convert import utc_ms
from exnorm.model import Head
from exnorm.sources.w3c import begin_day, find_service, follow_day, has_header, has_name, product_version

WEB_FIELDS = "date time s-ip cs-method cs-uri-stem c-ip sc-status"


def ms(text: str) -> int:
    moment = utc_ms(text)
    assert moment is not None
    return moment


CLOCK_0 = ms("1970-01-01T00:00:00Z")


def test_a_smaller_time_is_of_the_next_day() -> None:
    assert follow_day(ms("2003-12-04T23:59:59Z"), CLOCK_0 + 2_000) == ms("2003-12-05T00:00:02Z")


def test_a_quiet_night_makes_a_smaller_time_the_next_morning() -> None:
    ten = 10 * 3_600_000
    assert follow_day(ms("2003-12-04T20:00:00Z"), ten) == ms("2003-12-05T10:00:00Z")


def test_a_row_up_to_a_minute_behind_is_late_and_not_of_the_next_day() -> None:
    assert follow_day(ms("2003-12-04T12:01:00Z"), 12 * 3_600_000) == ms("2003-12-04T12:00:00Z")
    one_second_more = ms("2003-12-04T12:01:01Z")
    assert follow_day(one_second_more, 12 * 3_600_000) == ms("2003-12-05T12:00:00Z")


def test_a_late_row_may_stand_on_the_other_side_of_midnight() -> None:
    last_second = ms("1970-01-01T23:59:59Z")
    assert follow_day(ms("2003-12-05T00:00:02Z"), last_second) == ms("2003-12-04T23:59:59Z")


def test_the_first_row_is_of_the_date_of_its_header() -> None:
    header = ms("2003-12-04T08:00:00Z")
    assert begin_day(header, 7 * 3_600_000) == ms("2003-12-04T07:00:00Z")
    assert begin_day(header, 21 * 3_600_000) == ms("2003-12-04T21:00:00Z")


def test_midnight_may_pass_between_a_header_and_its_first_row() -> None:
    assert begin_day(ms("2003-12-04T23:59:58Z"), 1_000) == ms("2003-12-05T00:00:01Z")


@pytest.mark.parametrize(
    ("software", "version"),
    [
        ("Microsoft Internet Information Services 10.0", "IIS 10.0"),
        ("Microsoft Internet Information Services 6.0", "IIS 6.0"),
        ("Microsoft Internet Information Server", ""),
        ("Microsoft Exchange Server", ""),
    ],
)
def test_the_version_is_that_of_iis_and_says_so(software: str, version: str) -> None:
    assert product_version(software) == version


@pytest.mark.parametrize(
    ("directives", "expected"),
    [
        ({"software": "Microsoft Internet Information Services 8.5"}, True),
        ({"fields": WEB_FIELDS}, True),
        ({"fields": WEB_FIELDS, "software": "Microsoft HTTP API 2.0"}, False),
        ({"fields": WEB_FIELDS, "log-type": "SMTP Receive Protocol Log"}, False),
        ({"fields": "date-time,client-ip"}, False),
        ({}, False),
    ],
)
def test_a_header_is_of_iis_by_its_software_or_else_by_its_fields(
    directives: dict[str, str], expected: bool
) -> None:
    assert has_header(Head(directives=directives)) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("C:\\inetpub\\logs\\LogFiles\\W3SVC1\\u_ex220919.log", True),
        ("u_ex220919_x.log", True),
        ("ex031204.log", True),
        ("EX03120417.LOG", True),
        ("u_extend1.log", True),
        ("extra.log", False),
        ("MSGTRK2022091915-1.LOG", False),
    ],
)
def test_the_file_names_of_iis_are_known(name: str, expected: bool) -> None:
    assert has_name(Head(name)) is expected


@pytest.mark.parametrize(
    ("fields", "line", "service"),
    [
        ("s-sitename cs-method", "SMTPSVC1 GET", "SMTPSVC"),
        ("s-sitename cs-method", "MSFTPSVC1 [1]USER", "MSFTPSVC"),
        ("s-sitename cs-method", "W3SVC12 EHLO", "W3SVC"),
        ("s-sitename cs-method", "- EHLO", "SMTPSVC"),
        ("time cs-method", "10:00:00 GET", "W3SVC"),
        ("time cs-method", "10:00:00 rcpt", "SMTPSVC"),
        ("time cs-method", "10:00:00 [4]PASS", "FTPSVC"),
        ("cs-username cs-method", "OutboundConnectionResponse -", "SMTPSVC"),
        ("cs-method cs-version", "JUNK SMTP", "SMTPSVC"),
        ("cs-method cs-version", "get SMTP", "SMTPSVC"),
        ("cs-method cs-version", "JUNK HTTP/1.1", "W3SVC"),
        ("cs-method cs-uri-stem", "JUNK /owa/", "W3SVC"),
        ("cs-method cs-uri-stem", "JUNK -", ""),
        ("time cs-method", "10:00:00 a row SMTPSVC1 too wide", "SMTPSVC"),
        ("time cs-method", "", ""),
    ],
)
def test_the_row_tells_which_service_of_iis_wrote_it(fields: str, line: str, service: str) -> None:
    assert find_service(Head(directives={"fields": fields}, line=line)) == service


def test_the_folder_tells_the_service_where_there_is_no_row_yet() -> None:
    assert find_service(Head("C:\\WINDOWS\\system32\\LogFiles\\SMTPSVC1\\ex031204.log")) == "SMTPSVC"
    assert find_service(Head("/logs/W3SVC2/u_ex220919.log")) == "W3SVC"
