"""Expected values were read from java.time with the formatter that Logstash builds, in UTC."""

from __future__ import annotations

import re

import pytest

from exnorm.logstash.timestamps import normalize_timestamp, now, read_moment, write_moment

DAY = "2024-05-06"
TIME = DAY + "T07:08:09"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TIME + "Z", TIME + ".000Z"),
        (TIME + ".1Z", TIME + ".100Z"),
        (TIME + ".1234Z", TIME + ".123400Z"),
        (TIME + ".123456789Z", TIME + ".123456789Z"),
        (TIME + ".000000001Z", TIME + ".000000001Z"),
        (TIME + ".120000Z", TIME + ".120Z"),
        (TIME + ".Z", TIME + ".000Z"),
        (TIME, TIME + ".000Z"),
        (DAY + "T07:08", DAY + "T07:08:00.000Z"),
        (DAY, DAY + "T00:00:00.000Z"),
        (DAY + "Z", DAY + "T00:00:00.000Z"),
        (DAY + "+0200", "2024-05-05T22:00:00.000Z"),
        (DAY + "t07:08:09z", TIME + ".000Z"),
    ],
)
def test_decimals_are_three_six_or_nine_and_what_is_left_out_is_zero(text: str, expected: str) -> None:
    assert normalize_timestamp(text) == expected


@pytest.mark.parametrize(
    ("zone", "hour"),
    [
        ("+02:00", "05:08:09"),
        ("+0200", "05:08:09"),
        ("+02", "05:08:09"),
        ("-0530", "12:38:09"),
        ("-00:00", "07:08:09"),
        ("+02:30:15", "04:37:54"),
        ("+023015", "04:37:54"),
        ("UTC", "07:08:09"),
        ("utc", "07:08:09"),
        ("UTC+02:00", "05:08:09"),
        ("GMT+0200", "05:08:09"),
        ("UT+02", "05:08:09"),
        ("GMT0", "07:08:09"),
        ("Europe/Paris", "05:08:09"),
        ("europe/paris", "05:08:09"),
        ("Europe/Paris+0100", "06:08:09"),
        ("Etc/GMT+5", "12:08:09"),
        ("PST8PDT", "14:08:09"),
        ("Zulu", "07:08:09"),
        ("ZZ", "07:08:09"),
        ("Z+02", "05:08:09"),
        ("+02:00Z", "07:08:09"),
    ],
)
def test_a_zone_may_have_a_colon_a_name_or_an_offset_behind_it(zone: str, hour: str) -> None:
    assert normalize_timestamp(TIME + zone) == f"{DAY}T{hour}.000Z"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-02-30T07:08:09Z", "2024-02-29T07:08:09.000Z"),
        ("2023-02-29", "2023-02-28T00:00:00.000Z"),
        ("2024-04-31", "2024-04-30T00:00:00.000Z"),
        (DAY + "T24:00:00Z", "2024-05-07T00:00:00.000Z"),
        (DAY + "T24:00Z", "2024-05-07T00:00:00.000Z"),
        ("2024-03-31T02:30:00Europe/Paris", "2024-03-31T01:30:00.000Z"),
        ("2024-10-27T02:30:00Europe/Paris", "2024-10-27T00:30:00.000Z"),
        ("1800-01-01T00:00:00Europe/Paris", "1799-12-31T23:50:39.000Z"),
        ("+12024-05-06T07:08:09Z", "+12024-05-06T07:08:09.000Z"),
        ("+0012024-05-06", "+12024-05-06T00:00:00.000Z"),
        ("+12024-05-06T07:08:09Europe/Paris", "+12024-05-06T05:08:09.000Z"),
        ("-0001-05-06T00:00:00Z", "-0001-05-06T00:00:00.000Z"),
        ("0000-05-06", "0000-05-06T00:00:00.000Z"),
        ("+999999999-12-31", "+999999999-12-31T00:00:00.000Z"),
        ("-999999999-01-01", "-999999999-01-01T00:00:00.000Z"),
    ],
)
def test_days_and_years_beyond_the_usual_are_read_as_java_reads_them(text: str, expected: str) -> None:
    assert normalize_timestamp(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "foo", "1714979289", "2024-05-06 07:08:09", " " + TIME, TIME + " Z", TIME + "Z ", TIME + ",123Z",
        TIME + ".1234567891Z", "2024-13-01", "2024-00-01", "2024-05-00", "2024-05-32", "2024-5-6", "24-05-06",
        "20240506T070809Z", "2024-127", "12024-05-06", "+2024-05-06", "-0000-05-06", "+1000000000-01-01",
        DAY + "T", DAY + "T07", DAY + "T07Z", DAY + "T7:08:09Z", DAY + "T25:00Z", DAY + "T07:60Z",
        DAY + "T23:59:60Z", DAY + "T24:00:00.001Z", DAY + "T24:01Z", DAY + "T07:08.5Z", TIME + "+2",
        TIME + "+02:0", TIME + "+19:00", TIME + "+18:01", TIME + "+02:60", TIME + "+02306", TIME + "Z+02:00",
        TIME + "UTC+2", TIME + "PST", TIME + "EDT", TIME + "[Europe/Paris]", TIME + "+02:00[Europe/Paris]",
        TIME + "Europe/Paris+01:00", TIME + "Europe/Parisx", TIME + "+02Z", TIME + "z0200",
        "２０２４-05-06",
    ],
)  # fmt: skip
def test_what_java_refuses_is_no_time(text: str) -> None:
    assert normalize_timestamp(text) is None


def test_an_instant_is_seconds_and_nanoseconds() -> None:
    # 1543358402 is 2018-11-27T22:40:02Z
    assert read_moment("2018-11-27T22:40:02.966Z") == (1543358402, 966_000_000)
    assert write_moment(0, 0) == "1970-01-01T00:00:00.000Z"
    assert write_moment(-1, 5) == "1969-12-31T23:59:59.000000005Z"


def test_now_has_milliseconds() -> None:
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", now())
