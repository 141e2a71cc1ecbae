"""Gaps by hand: each case says which minutes have rows, and works out what must come of it."""

from __future__ import annotations

from collections.abc import Iterable

from exnorm.report.silences import find_gaps, find_usual
from exnorm.report.survey import Series

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
START = 20_000 * DAY  # midnight, UTC


def series(minutes: Iterable[int]) -> Series:
    rows = Series()
    for minute in minutes:
        time = START + minute * MINUTE
        rows.slots.add(time)
        rows.rows += 1
        rows.first = time if rows.first is None else min(rows.first, time)
        rows.last = time if rows.last is None else max(rows.last, time)
    return rows


def gaps(minutes: Iterable[int]) -> list[tuple[int, int]]:
    """The gaps of one server: from the minute of which row to that of which."""
    found = find_gaps({("message_tracking", "EX01"): series(minutes)})
    return [((gap.start - START) // MINUTE, (gap.end - START) // MINUTE) for gap in found]


def test_nine_in_ten_silences_are_the_usual_ones() -> None:
    # Ten lengths: the ninth of them in order is the answer; of eleven it is the tenth (9.9, rounded up).
    assert find_usual([5, 1, 1, 1, 1, 1, 1, 1, 9, 60]) == 9
    assert find_usual([5, 1, 1, 1, 1, 1, 1, 1, 9, 60, 61]) == 60
    assert find_usual([]) == 0


def test_six_hours_without_a_row_among_rows_of_every_minute_are_a_gap() -> None:
    assert gaps([*range(600), *range(960, 1440)]) == [(599, 960)]


def test_a_silence_of_less_than_an_hour_is_none() -> None:
    assert gaps([*range(600), *range(658, 1440)]) == []
    assert gaps([*range(600), *range(659, 1440)]) == [(599, 659)]


def test_a_silence_must_be_four_times_the_usual_one() -> None:
    # A row every 40 minutes: a gap begins at 160 minutes.
    early = range(0, 2000, 40)  # the last row is at 1960
    assert gaps([*early, *range(1960 + 159, 4000, 40)]) == []
    assert gaps([*early, *range(1960 + 160, 4000, 40)]) == [(1960, 2120)]


def test_a_server_that_writes_little_says_nothing_of_what_is_usual() -> None:
    assert gaps([*range(12), *range(600, 611)]) == []  # 23 minutes with rows
    assert gaps([*range(12), *range(600, 612)]) == [(11, 600)]  # 24


def test_nights_are_a_habit_and_a_silent_day_is_not() -> None:
    # Rows from 6:00 to 22:00 of ten days; on the sixth day (number 5) none from 10:00 to 14:00.
    minutes = [
        day * 1440 + minute
        for day in range(10)
        for minute in range(360, 1320)
        if not (day == 5 and 600 <= minute < 840)
    ]
    assert gaps(minutes) == [(5 * 1440 + 599, 5 * 1440 + 840)]


def test_weekends_are_a_habit_from_the_second_one_on() -> None:
    # Four weeks from a Monday, working days from 8:00 to 18:00: nights of 14 h, weekends of 62 h.
    minutes = [day * 1440 + minute for day in range(26) if day % 7 < 5 for minute in range(480, 1080)]
    assert gaps(minutes) == []


def test_a_few_rows_in_a_night_do_not_make_it_unusual() -> None:
    # Nightly from 22:00 to 6:00 there is one row at 2:00; in one night of eight there is none.
    minutes = [day * 1440 + minute for day in range(8) for minute in range(360, 1320)]
    minutes += [day * 1440 + 120 for day in range(1, 8) if day != 4]
    assert gaps(sorted(minutes)) == []


def test_a_server_that_ends_before_the_others_is_named() -> None:
    found = find_gaps(
        {
            ("message_tracking", "EX01"): series(range(1440)),
            ("message_tracking", "EX02"): series(range(720)),
            ("iis", "EX02"): series(range(300)),
        }
    )
    (gap,) = found
    assert (gap.source, gap.server, gap.side) == ("message_tracking", "EX02", "end")
    # The others' last row is of minute 1439.
    assert (gap.start, gap.end) == (START + 719 * MINUTE, START + 1439 * MINUTE)


def test_a_server_that_begins_after_the_others_is_named() -> None:
    (gap,) = find_gaps({("iis", "EX01"): series(range(1440)), ("iis", "EX02"): series(range(300, 1440))})
    assert (gap.server, gap.side, gap.end) == ("EX02", "start", START + 300 * MINUTE)


def test_a_server_that_hardly_wrote_does_not_say_how_long_the_others_should_have() -> None:
    assert find_gaps({("iis", "EX01"): series(range(300)), ("iis", "OLD"): series([0, 90_000])}) == []


def test_logs_of_weeks_have_wider_slots_and_the_same_gap() -> None:
    # Thirty days are 43 200 minutes, so slots of 16 minutes; silent from the start of hour 100 to 112.
    minutes = [minute for minute in range(30 * 1440) if not 6000 <= minute < 6720]
    assert gaps(minutes) == [(5999, 6720)]


def test_a_gap_is_told_by_the_times_of_its_rows_not_by_those_of_minutes() -> None:
    rows = Series()
    for minute in range(600):
        second = 1234 if minute in (299, 300) else 0  # milliseconds after the minute
        rows.slots.add(START + (minute if minute < 300 else minute + 120) * MINUTE + second)
    rows.first, rows.last = START, START + 719 * MINUTE
    (gap,) = find_gaps({("iis", "EX01"): rows})
    assert (gap.start, gap.end) == (START + 299 * MINUTE + 1234, START + 420 * MINUTE + 1234)


def test_no_rows_have_no_gap() -> None:
    assert find_gaps({}) == []
    assert find_gaps({("iis", "EX01"): Series(rows=3)}) == []
