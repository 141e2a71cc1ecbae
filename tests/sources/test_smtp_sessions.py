from __future__ import annotations

from exnorm.sources.smtp_dialog import LONGEST, Phase, State, carry
from exnorm.sources.smtp_sessions import MAX_AGE_MS, Key, Sessions

KEY: Key = ("receive", "A")


def state(text: str) -> State:
    return State(Phase("receive"), {"ehlo-name": text, "mail-from": text}, {"message-id": text})


def keep(sessions: Sessions, number: int, text: str, key: Key = KEY, now: int = 0) -> None:
    session, _ = sessions.find(key, number, now)
    sessions.keep(session, number, hash(text), now, state(text))


def before(sessions: Sessions, number: int, text: str = "", key: Key = KEY, now: int = 0) -> str:
    """The sender that was known before a row."""
    session, _ = sessions.find(key, number, now)
    return session.before(number, hash(text))[0].shown.get("mail-from", "")


def test_what_was_known_before_a_row_is_what_the_number_before_it_left() -> None:
    sessions = Sessions()
    for number in range(4):
        keep(sessions, number, f"after {number}")
    assert [before(sessions, number, f"after {number}") for number in (3, 1, 2, 0)] == [
        "after 2",
        "after 0",
        "after 1",
        "",
    ]
    assert before(sessions, 4) == "after 3"


def test_rows_with_the_same_number_follow_each_other_and_do_so_again() -> None:
    sessions = Sessions()
    keep(sessions, 1, "one")
    keep(sessions, 2, "two")
    keep(sessions, 2, "two again")
    assert before(sessions, 2, "two") == "one"
    sessions = Sessions()
    keep(sessions, 1, "one")
    keep(sessions, 2, "two")
    assert [before(sessions, 2, "two again") for _ in range(2)] == ["two", "two"]


def test_behind_a_gap_only_what_belongs_to_the_connection_is_known() -> None:
    sessions = Sessions()
    keep(sessions, 1, "one")
    session, _ = sessions.find(KEY, 5, 0)
    known, is_gap = session.before(5, 0)
    assert is_gap
    assert (dict(known.shown), dict(known.held)) == ({"ehlo-name": "one"}, {})
    assert (known.phase.direction, known.phase.auth) == ("receive", "unknown")


def test_nothing_is_taken_from_a_row_with_a_higher_number() -> None:
    sessions = Sessions()
    keep(sessions, 9, "nine")
    session, _ = sessions.find(KEY, 5, 0)
    known, is_gap = session.before(5, 0)
    assert is_gap
    assert (dict(known.shown), dict(known.held)) == ({}, {})


def test_a_session_that_begins_with_its_first_row_knows_that_no_auth_is_going_on() -> None:
    session, number = Sessions().find(KEY, 0, 0)
    assert session.before(number, 0)[0].phase.auth == ""
    session, number = Sessions().find(KEY, 7, 0)
    assert session.before(number, 0)[0].phase.auth == "unknown"


def test_a_row_without_a_number_is_the_next_one() -> None:
    sessions = Sessions()
    keep(sessions, 4, "four")
    assert sessions.find(KEY, None, 0)[1] == 5


def test_the_session_that_was_silent_longest_goes_first_and_is_counted() -> None:
    sessions = Sessions(limit=2)
    for key in ("A", "B", "A", "C"):
        keep(sessions, 1, key, ("receive", key))
    assert (len(sessions), sessions.evicted) == (2, 1)
    assert [before(sessions, 2, "", ("receive", key)) for key in ("A", "C")] == ["A", "C"]


def test_sessions_that_are_silent_for_too_long_go_and_are_counted() -> None:
    sessions = Sessions()
    keep(sessions, 1, "old", ("receive", "A"), now=1)
    keep(sessions, 1, "new", ("receive", "B"), now=MAX_AGE_MS + 2)
    assert (len(sessions), sessions.evicted) == (1, 1)


def test_a_session_that_ended_takes_no_room_but_its_rows_are_known() -> None:
    sessions = Sessions(limit=1)
    keep(sessions, 1, "one")
    sessions.end(KEY)
    keep(sessions, 1, "other", ("receive", "B"))
    assert (len(sessions), sessions.evicted) == (1, 0)
    assert before(sessions, 2) == "one"


def test_rows_are_bounded_and_the_newest_of_each_open_session_stays() -> None:
    sessions = Sessions(rows=3)
    keep(sessions, 1, "waits", ("receive", "W"))
    for number in range(6):
        keep(sessions, number, f"after {number}")
    assert before(sessions, 2, "", ("receive", "W")) == "waits"
    assert before(sessions, 6) == "after 5"
    assert before(sessions, 2) == ""
    keep(sessions, 2, "goes on", ("receive", "W"))
    assert list(sessions.find(("receive", "W"), 3, 0)[0].rows) == [2]


def test_the_rows_of_ended_sessions_go_and_so_do_the_sessions() -> None:
    sessions = Sessions(rows=4)
    for number in range(20):
        key = ("receive", str(number))
        keep(sessions, 0, "hello", key)
        sessions.end(key)
    assert len(sessions._ended) <= 4


def test_a_late_session_whose_beginning_is_not_known_is_counted() -> None:
    sessions = Sessions()
    keep(sessions, 0, "now", ("receive", "A"), now=1000)
    keep(sessions, 7, "late", ("receive", "B"), now=10)
    assert sessions.evicted == 1


def test_a_long_text_is_not_carried() -> None:
    assert carry("x" * LONGEST) == "x" * LONGEST
    assert carry("x" * (LONGEST + 1)) == ""
