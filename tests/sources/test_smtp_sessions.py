from __future__ import annotations

from exnorm.sources.smtp_sessions import LONGEST, Sessions, carry


def test_a_session_is_found_again_by_its_key() -> None:
    sessions = Sessions()
    sessions.follow(("receive", "1"), 0).ehlo = "a.example"
    assert sessions.follow(("receive", "1"), 5).ehlo == "a.example"
    assert sessions.follow(("send", "1"), 5).ehlo == ""


def test_over_the_limit_the_session_that_was_silent_longest_goes() -> None:
    sessions = Sessions(limit=2)
    for number in ("1", "2", "1", "3"):
        sessions.follow(("", number), 0).ehlo += number
    assert (len(sessions), sessions.evicted) == (2, 1)
    assert sessions.follow(("", "1"), 0).ehlo == "11"
    assert sessions.follow(("", "2"), 0).ehlo == ""


def test_a_flood_of_sessions_keeps_within_the_limit_and_counts_each_that_went() -> None:
    sessions = Sessions(limit=100)
    for number in range(1000):
        sessions.follow(("", str(number)), number)
    assert (len(sessions), sessions.evicted) == (100, 900)


def test_a_session_older_than_the_age_is_forgotten_by_the_time_of_the_log() -> None:
    sessions = Sessions(max_age_ms=10)
    sessions.follow(("", "1"), 100)
    sessions.follow(("", "2"), 110)
    assert (len(sessions), sessions.evicted) == (2, 0)
    sessions.follow(("", "2"), 111)
    assert (len(sessions), sessions.evicted) == (1, 1)


def test_a_session_that_ended_is_not_counted_as_evicted() -> None:
    sessions = Sessions(limit=1)
    sessions.follow(("", "1"), 0)
    sessions.close(("", "1"))
    sessions.close(("", "1"))
    sessions.follow(("", "2"), 0)
    assert sessions.evicted == 0


def test_a_text_too_long_to_carry_is_left_out_and_not_cut() -> None:
    assert carry("a" * LONGEST) == "a" * LONGEST
    assert carry("a" * (LONGEST + 1)) == ""
