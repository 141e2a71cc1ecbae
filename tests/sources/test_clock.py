"""Times of exports."""

from __future__ import annotations

import pytest

from exnorm.sources.clock import Clock

# 2018-11-27T22:40:02Z: day 17862 since 1970, 81602 s into it: 17862 * 86400 + 81602 = 1543358402
INSTANT = 1543358402000


def read(zone: str, text: str) -> int | tuple[str, str]:
    return Clock(zone).read("Timestamp", text)


@pytest.mark.parametrize(
    "text",
    [
        "2018-11-27T22:40:02Z",
        "2018-11-28T00:40:02+02:00",
        "2018-11-27T17:40:02-0500",
        "2018-11-27 22:40:02 Z",
        "/Date(1543358402000)/",
        "/Date(1543358402000+0200)/",
    ],
)
@pytest.mark.parametrize("zone", ["", "Asia/Tokyo"])
def test_a_time_that_names_its_zone_needs_no_setting_and_obeys_none(text: str, zone: str) -> None:
    assert read(zone, text) == INSTANT


def test_milliseconds_are_kept_and_finer_digits_cut() -> None:
    assert read("", "2018-11-27T22:40:02.9669999Z") == INSTANT + 966


@pytest.mark.parametrize(
    "text",
    [
        "2018-11-27T22:40:02",
        "2018-11-27 22:40:02",
        "2018/11/27 22:40:02",
        "11/27/2018 10:40:02 PM",
        "11/27/2018 10:40:02\u202fPM",
        "11/27/2018 22:40:02",
        "27.11.2018 22:40:02",
        "27.11.2018 22.40.02",
        "27/11/2018 22:40:02",
        "27-11-2018 22:40:02",
    ],
)
def test_a_local_time_is_read_on_the_clocks_of_the_zone(text: str) -> None:
    assert read("UTC", text) == INSTANT
    assert read("Europe/Berlin", text) == INSTANT - 3600_000  # one hour ahead of UTC in November
    assert read("America/New_York", text) == INSTANT + 5 * 3600_000


@pytest.mark.parametrize("text", ["2018-11-27 22:40:02", "11/27/2018 10:40:02 PM", "5/11/2018 22:40:02"])
def test_a_local_time_without_the_setting_is_refused_and_the_setting_named(text: str) -> None:
    found = read("", text)
    assert isinstance(found, tuple)
    kind, reason = found
    assert kind == "timezone"
    assert f"Timestamp is '{text}'" in reason
    assert "--tz Europe/Berlin" in reason


def test_midnight_and_noon_of_a_twelve_hour_clock() -> None:
    midnight = read("UTC", "2018-11-27 00:05:00")
    assert read("UTC", "11/27/2018 12:05:00 AM") == midnight
    assert isinstance(midnight, int)
    assert read("UTC", "11/27/2018 12:05:00 PM") == midnight + 12 * 3600_000


@pytest.mark.parametrize(
    "text", ["5/11/2018 22:40:02", "05/11/2018 10:40:02 PM", "5/11/2018 10:40:02 pm", "5-11-2018 10:40:02 PM"]
)
def test_day_and_month_that_cannot_be_told_apart_are_refused(text: str) -> None:
    found = read("UTC", text)
    assert isinstance(found, tuple)
    assert found[0] == "date"
    assert "day and month cannot be told apart" in found[1]


def test_capital_pm_without_padding_is_american() -> None:
    assert read("UTC", "5/11/2018 10:40:02 PM") == read("UTC", "2018-05-11 22:40:02")


def test_dots_have_the_day_first() -> None:
    assert read("UTC", "05.11.2018 22:40:02") == read("UTC", "2018-11-05 22:40:02")


def test_the_same_number_twice_is_no_question() -> None:
    assert read("UTC", "11/11/2018 22:40:02") == read("UTC", "2018-11-11 22:40:02")


@pytest.mark.parametrize(
    ("proof", "expected"), [("27/11/2018 22:40:02", "2018-11-05"), ("11/27/2018 22:40:02", "2018-05-11")]
)
def test_a_number_above_twelve_proves_the_order_of_later_dates(proof: str, expected: str) -> None:
    clock = Clock("UTC")
    clock.read("Timestamp", proof)
    assert clock.read("Timestamp", "5/11/2018 10:40:02 PM") == read("UTC", f"{expected} 22:40:02")


def test_a_time_that_the_zone_skipped_is_refused() -> None:
    # in Berlin 2018-03-25 went from 02:00 to 03:00
    found = read("Europe/Berlin", "2018-03-25 02:30:00")
    assert found == (
        "timezone",
        "Timestamp is '2018-03-25 02:30:00', which Europe/Berlin skipped when its clocks were put forward",
    )


def test_a_time_that_the_zone_had_twice_is_refused() -> None:
    # in Berlin 2018-10-28 went from 03:00 back to 02:00
    found = read("Europe/Berlin", "2018-10-28 02:30:00")
    assert found == (
        "timezone",
        "Timestamp is '2018-10-28 02:30:00', which Europe/Berlin had twice when its clocks were put back",
    )


def test_the_hours_beside_a_change_of_clocks_are_read() -> None:
    # 03:00 Berlin summer time is 01:00 UTC; day 17615 since 1970: 17615 * 86400 + 3600
    assert read("Europe/Berlin", "2018-03-25 03:00:00") == 1521939600000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "31.02.2018 10:00:00",
        "13/13/2018 10:00:00",
        "11/27/2018 13:00:00 PM",
        "27/11/18 22:40:02",
        "2018-11-27 24:00:00",
        "2018-11-27T22:40:02+99:00",
        "0001-01-01 00:00:00",
        "/Date(99999999999999)/",
        "/Date(-99999999999999)/",
        "١١/٢٧/2018 10:40:02 PM",
        "2018-11-27T22:40:02Z\n",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    found = read("UTC", text)
    assert isinstance(found, tuple)
    assert found[0] == "date"
    assert found[1].startswith("Timestamp is ")
