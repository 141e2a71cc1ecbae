from __future__ import annotations

from collections import Counter

import pytest

from exnorm.report.tallies import MINUTE, SLOTS_LIMIT, DistinctCount, TimeSlots, TopTally


def test_few_names_are_counted_exactly() -> None:
    tally = TopTally(keep=2)
    for name in "abcabca":
        tally.add(name)
    assert tally.top(3) == [("a", 3), ("b", 2), ("c", 2)]
    assert (tally.total, tally.error) == (7, 0)


def test_a_name_that_comes_late_but_often_is_there_and_its_count_is_low_by_the_error_at_most() -> None:
    tally = TopTally(keep=10)
    names = [f"rare{number}" for number in range(5000)] + ["late"] * 1000
    for name in names:
        tally.add(name)
    truth = Counter(names)
    assert tally.top(1)[0][0] == "late"
    assert tally.error > 0
    for name, counted in tally.counts.items():
        assert truth[name] - tally.error <= counted <= truth[name]


def test_memory_is_bounded_by_twice_the_names_that_are_kept() -> None:
    tally = TopTally(keep=50)
    for number in range(10_000):
        tally.add(f"name {number}")
        assert len(tally.counts) <= 100
    assert tally.total == 10_000


def test_a_shrinking_tally_takes_the_first_left_out_count_from_all() -> None:
    # Five names where four fit: a 4, b 3, c 2, d 1, e 1. With two kept, the third count, 2, is taken off.
    tally = TopTally(keep=2)
    for name in "aaaabbbccd":
        tally.add(name)
    tally.add("e")
    assert (tally.counts, tally.error) == ({"a": 2, "b": 1}, 2)


def test_two_tallies_put_together_are_as_one_over_both() -> None:
    one, two = TopTally(keep=5), TopTally(keep=5)
    for name in "aab":
        one.add(name)
    for name in "bbbc":
        two.add(name)
    one.merge(two)
    assert one.top(3) == [("b", 4), ("a", 2), ("c", 1)]
    assert one.total == 7


def test_a_long_name_is_cut() -> None:
    tally = TopTally()
    tally.add("x" * 10_000)
    assert [len(name) for name in tally.counts] == [200]


def test_slots_are_minutes_at_first() -> None:
    slots = TimeSlots()
    for time in (0, 59_999, 60_000, 180_001):
        slots.add(time)
    assert slots.starts() == [0, 60_000, 180_000]
    assert list(slots.counts.values()) == [2, 1, 1]


def test_more_minutes_than_there_is_room_for_are_put_together_and_none_is_lost() -> None:
    slots = TimeSlots()
    for minute in range(SLOTS_LIMIT + 1):
        slots.add(minute * MINUTE)
    # 4097 slots of a minute are 2049 of two and 1025 of four; half of the room is 2048.
    assert slots.width == 4 * MINUTE
    assert len(slots.counts) == 1025
    assert sum(slots.counts.values()) == SLOTS_LIMIT + 1


def test_the_first_and_the_last_time_in_a_slot_are_kept_when_slots_are_put_together() -> None:
    slots, other = TimeSlots(), TimeSlots()
    for minute in range(SLOTS_LIMIT + 1):
        slots.add(minute * MINUTE + 7)
    other.add(MINUTE + 3)
    other.add(3 * MINUTE + 59_000)
    slots.merge(other)
    # Slots of four minutes: in the first, 0:00.007 is earlier than 1:00.003, and 3:59 later than 3:00.007.
    assert (slots.firsts[0], slots.lasts[0]) == (7, 3 * MINUTE + 59_000)
    assert (slots.firsts[1], slots.lasts[1]) == (4 * MINUTE + 7, 7 * MINUTE + 7)


def test_slots_of_different_width_put_together_have_the_wider_one() -> None:
    fine, wide = TimeSlots(), TimeSlots()
    for minute in range(SLOTS_LIMIT + 1):
        wide.add(minute * MINUTE)
    for second in range(7):
        fine.add(5 * MINUTE + second * 1000)
    fine.merge(wide)
    assert fine.width == wide.width
    assert fine.counts[1] == 4 + 7  # minutes 4 to 7


def test_memory_is_bounded_however_far_apart_times_are() -> None:
    slots = TimeSlots()
    for number in range(SLOTS_LIMIT * 2):
        slots.add(number * 10**11 * (-1) ** number)
        assert len(slots.counts) <= SLOTS_LIMIT
    assert sum(slots.counts.values()) == SLOTS_LIMIT * 2


def test_rows_are_gathered_by_hours() -> None:
    slots = TimeSlots()
    for minute in (0, 59, 60, 61, 180):
        slots.add(minute * MINUTE)
    assert slots.gather(60 * MINUTE) == {0: 2, 60 * MINUTE: 2, 180 * MINUTE: 1}


@pytest.mark.parametrize("time", [-1, -(10**14)])
def test_a_time_before_1970_has_a_slot(time: int) -> None:
    slots = TimeSlots()
    slots.add(time)
    assert slots.starts()[0] <= time < slots.starts()[0] + MINUTE


def counted(first: int, last: int) -> DistinctCount:
    count = DistinctCount()
    for number in range(first, last):
        count.add(f"<{number}@contoso.test>")
        count.add(f"<{number}@contoso.test>")
    return count


def test_different_names_are_counted_exactly_while_they_are_few() -> None:
    assert counted(0, 0).number == 0
    assert counted(0, 1024).number == 1024


@pytest.mark.parametrize("names", [9_000, 50_000, 200_000])
def test_many_different_names_are_counted_to_within_some_percent(names: int) -> None:
    assert abs(counted(0, names).number / names - 1) < 0.1


def test_two_counts_add_up_to_that_of_all_names() -> None:
    whole = counted(0, 60_000)
    for middle in (2_000, 30_000, 59_990):
        part = counted(0, middle)
        part.merge(counted(middle - 1000, 60_000))
        assert part.number == whole.number
