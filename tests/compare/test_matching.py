"""Which of our events is which of theirs, and what memory that takes."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterator

import pytest
from tests.compare.conftest import Capture

from exnorm.compare import matching
from exnorm.compare.captures import Seen
from exnorm.compare.matching import Candidate, Matcher, make_candidate
from exnorm.model import Event

MARK: Event = object()  # type: ignore[assignment]  # whatever ours was made of is not looked at


def ours(time: int | None, event: str, id: str, **fields: str) -> Candidate:
    return make_candidate(Seen({"id": id, **fields}, time, event), MARK, id)


def theirs(time: int | None, event: str, id: str, **fields: str) -> Candidate:
    return make_candidate(Seen({"cs2": id, **fields}, time, event))


class Told:
    """What a matcher said."""

    def __init__(self) -> None:
        self.pairs: list[tuple[Candidate, Candidate]] = []
        self.ours: list[Candidate] = []
        self.theirs: list[tuple[Candidate, bool]] = []
        self.matcher = Matcher(
            lambda one, other: self.pairs.append((one, other)),
            self.ours.append,
            lambda other, again: self.theirs.append((other, again)),
        )

    def run(self, left: list[Candidate], right: list[Candidate]) -> Told:
        self.matcher.run(left, right)
        return self

    def numbers(self) -> tuple[int, int, int]:
        return len(self.pairs), len(self.ours), len(self.theirs)

    def places(self, left: list[Candidate], right: list[Candidate]) -> set[tuple[int, int]]:
        return {(left.index(one), right.index(other)) for one, other in self.pairs}


def test_events_are_matched_by_time_event_and_id() -> None:
    left = [ours(1000, "SEND", "<a@x>"), ours(1000, "SEND", "<b@x>"), ours(1000, "RECEIVE", "<a@x>")]
    right = [theirs(1000, "RECEIVE", "<a@x>"), theirs(1000, "SEND", "<b@x>"), theirs(1000, "SEND", "A@X")]
    assert Told().run(left, right).places(left, right) == {(0, 2), (1, 1), (2, 0)}


def test_of_events_with_one_id_those_that_agree_most_are_one() -> None:
    left = [ours(1000, "SEND", "<a@x>", to=f"r{n}@x.test") for n in range(6)]
    right = [theirs(1000, "SEND", "<a@x>", duser=f"r{n}@x.test") for n in (3, 1, 5, 0, 2, 4)]
    assert Told().run(left, right).places(left, right) == {(3, 0), (1, 1), (5, 2), (0, 3), (2, 4), (4, 5)}


def test_without_milliseconds_the_second_counts() -> None:
    left = [ours(1250, "SEND", "<a@x>"), ours(1750, "SEND", "<b@x>")]
    right = [theirs(1000, "SEND", "<b@x>"), theirs(1000, "SEND", "<a@x>")]
    assert Told().run(left, right).places(left, right) == {(0, 1), (1, 0)}


def test_an_event_of_another_name_is_matched_by_time_and_id() -> None:
    left, right = [ours(1000, "SEND", "<a@x>")], [theirs(1000, "Message sent", "<a@x>")]
    assert Told().run(left, right).numbers() == (1, 0, 0)


def test_another_message_of_the_same_time_is_no_partner() -> None:
    left = [ours(1000, "SEND", "<a@x>", server="hub01.corp", subject="one")]
    right = [theirs(1000, "SEND", "<b@x>", server="hub01.corp", subject="two")]
    assert Told().run(left, right).numbers() == (0, 1, 1)


def test_what_lacks_its_id_is_matched_where_the_rare_values_agree() -> None:
    left = [
        ours(1000 + n, "SEND", f"<{n}@x>", server="hub01.corp", subject=f"subject {n}", to=f"r{n}@x.test")
        for n in range(10)
    ]
    right = [
        theirs(1000 + n, "SEND", "", server="hub01.corp", subject=f"subject {n}", to=f"r{n}@x.test")
        for n in (7, 3)
    ]
    assert Told().run(left, right).places(left, right) == {(7, 0), (3, 1)}


def test_rows_without_ids_are_matched_by_what_they_say() -> None:
    left = [ours(1000, "GET", "", uri=f"/owa/{n}", c=f"10.0.0.{n}") for n in range(5)]
    right = [theirs(1000, "GET", "", uri=f"/owa/{n}", c=f"10.0.0.{n}") for n in (4, 2, 9)]
    told = Told().run(left, right)
    assert told.places(left, right) == {(4, 0), (2, 1)}
    assert told.numbers() == (2, 3, 1)


@pytest.mark.parametrize("hours", [-5.5, -1, 2, 12.75])
def test_a_clock_that_is_off_is_found_first(hours: float) -> None:
    apart = int(hours * 3_600_000)
    left = [ours(10**12 + n * 977, "SEND", f"<{n}@x>") for n in range(3000)]
    right = [theirs(10**12 + n * 977 + apart, "SEND", f"<{n}@x>") for n in range(3000)]
    told = Told().run(left, right)
    assert (told.numbers(), told.matcher.offset) == ((3000, 0, 0), apart)


def test_a_small_capture_may_be_in_any_order_and_have_no_times() -> None:
    left = [ours(10**12 + n * 60_000, "SEND", f"<{n}@x>") for n in range(2000)]
    right = [theirs(10**12 + n * 60_000, "SEND", f"<{n}@x>") for n in range(2000)]
    random.Random(7).shuffle(right)
    told = Told().run(left, right)
    assert (told.numbers(), told.matcher.pushed_out) == ((2000, 0, 0), 0)
    timeless = [theirs(None, "SEND", f"<{n}@x>") for n in range(2000)]
    assert Told().run(left, timeless).numbers() == (2000, 0, 0)


def test_one_of_theirs_that_comes_again_is_told_as_such() -> None:
    left = [ours(1000, "SEND", "<a@x>")]
    told = Told().run(
        left, [theirs(1000, "SEND", "<a@x>"), theirs(1000, "SEND", "<a@x>"), theirs(1, "X", "q")]
    )
    assert [again for _, again in told.theirs] == [False, True] or [again for _, again in told.theirs] == [
        True, False,
    ]  # fmt: skip


@pytest.mark.slow
def test_memory_does_not_grow_with_sides_in_order_nor_with_singles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "BATCH", 400)
    monkeypatch.setattr(matching, "MOST_WAITING", 500)

    def peak(number: int) -> tuple[int, int]:
        counts = [0, 0]

        def count(place: int) -> None:
            counts[place] += 1

        matcher = Matcher(lambda one, other: count(0), lambda one: count(1), lambda other, again: count(1))

        def side(is_ours: bool) -> Iterator[Candidate]:
            for n in range(number):
                if n % 4 != (1 if is_ours else 2):
                    yield (ours if is_ours else theirs)(
                        10**12 + n * 500, "SEND", f"<{n}@x>", s=f"subject {n}"
                    )

        tracemalloc.start()
        matcher.run(side(True), side(False))
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert counts == [number // 2, number // 2]
        return top, matcher.pushed_out

    small, _ = peak(4000)
    large, pushed_out = peak(24_000)
    assert large < small * 1.5
    assert pushed_out > 0


def test_what_is_far_out_of_order_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "BATCH", 100)
    monkeypatch.setattr(matching, "MOST_WAITING", 100)
    left = [ours(10**12 + n * 60_000, "SEND", f"<{n}@x>") for n in range(3000)]
    told = Told().run(left, [theirs(one.time, "SEND", one.id) for one in reversed(left)])
    pairs, single, others = told.numbers()
    assert pairs + single == pairs + others == 3000
    assert told.matcher.disorder > 2000
    assert told.matcher.pushed_out > 0


def test_the_hand_made_rows_are_all_different(capture: Capture) -> None:
    assert len({pairs["cs2"] for pairs in capture.events}) == 10
