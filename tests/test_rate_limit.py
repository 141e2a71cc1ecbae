from __future__ import annotations

from exnorm.rate_limit import INTERVAL_SECONDS, KINDS, Rarely


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_first_is_said_at_once_and_the_rest_of_the_minute_with_the_next() -> None:
    clock = Clock()
    rarely = Rarely(clock)
    assert [rarely.count("a") for _ in range(4)] == [1, 0, 0, 0]
    clock.now = INTERVAL_SECONDS - 0.1
    assert rarely.count("a") == 0
    clock.now = INTERVAL_SECONDS
    assert rarely.count("a") == 5
    clock.now = 2 * INTERVAL_SECONDS
    assert rarely.count("a") == 1


def test_kinds_are_counted_each_for_itself() -> None:
    rarely = Rarely(Clock())
    assert [rarely.count("a"), rarely.count("b"), rarely.count("a")] == [1, 1, 0]


def test_too_many_kinds_are_one() -> None:
    rarely = Rarely(Clock())
    assert sum(rarely.count(str(number)) for number in range(KINDS)) == KINDS
    assert [rarely.count(f"more {number}") for number in range(3)] == [1, 0, 0]
