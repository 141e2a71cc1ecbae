# ruff: noqa: E501
from __future__ import annotations

from tests.journey.rows import read, row

from exnorm.journey.joining import find_key, join

ONE = "11111111-1e63-493a-80a2-08da9a4ff8da"
TWO = "22222222-1e63-493a-80a2-08da9a4ff8da"


def groups(*lines: str) -> list[list[str]]:
    """The sources' contexts by message: they name the rows."""
    return [[step.context for step in group] for group in join(read(list(lines)))]


def test_rows_of_one_network_message_id_are_one_message_whatever_their_case() -> None:
    assert groups(
        row("08:00:00.000", "RECEIVE", "A", network_message_id=ONE, source_context="a"),
        row("08:00:01.000", "DELIVER", "B", network_message_id=ONE.upper(), message_id="<x@y>", source_context="b"),
    ) == [["a", "b"]]  # fmt: skip


def test_a_row_without_a_network_message_id_joins_the_only_message_of_its_message_id() -> None:
    assert groups(
        row("08:00:00.000", "SUBMIT", "A", network_message_id="", source_context="a"),
        row("08:00:01.000", "RECEIVE", "A", network_message_id=ONE, source_context="b"),
    ) == [["a", "b"]]  # fmt: skip


def test_two_messages_of_one_message_id_stay_apart_and_a_row_that_could_be_of_either_joins_none() -> None:
    assert groups(
        row("08:00:00.000", "RECEIVE", "A", network_message_id=ONE, source_context="a"),
        row("08:00:01.000", "RECEIVE", "A", network_message_id=TWO, source_context="b"),
        row("08:00:02.000", "RECEIVE", "OLD", network_message_id="", source_context="c"),
    ) == [["a"], ["b"], ["c"]]  # fmt: skip


def test_a_fork_joins_its_parent_by_the_internal_id_on_the_same_server_only() -> None:
    parent = row(
        "08:00:00.000", "RECEIVE", "A", network_message_id=ONE, internal_message_id="17", source_context="a"
    )
    fork = row("08:00:01.000", "TRANSFER", "A", network_message_id=TWO, message_id="<x@y>", internal_message_id="18",
               reference="17", source_context="b")  # fmt: skip
    other = row("08:00:01.000", "TRANSFER", "B", network_message_id=TWO, message_id="<x@y>", internal_message_id="18",
                reference="17", source_context="b")  # fmt: skip
    assert groups(parent, fork) == [["a", "b"]]
    assert groups(parent, other) == [["a"], ["b"]]


def test_a_fork_that_found_its_parent_does_not_join_another_message_of_the_same_internal_id() -> None:
    """A server that was set up anew counts from the beginning again."""
    assert groups(
        row("08:00:00.000", "RECEIVE", "A", network_message_id=ONE, internal_message_id="17", source_context="a"),
        row("08:00:01.000", "TRANSFER", "A", network_message_id=ONE, internal_message_id="18", reference="17", source_context="b"),
        row("08:00:02.000", "RECEIVE", "A", network_message_id=TWO, message_id="<x@y>", internal_message_id="17", source_context="c"),
    ) == [["a", "b"], ["c"]]  # fmt: skip


def test_what_a_mailbox_rule_sent_again_joins_the_message_that_it_is_a_copy_of() -> None:
    assert groups(
        row("08:00:00.000", "RECEIVE", "A", network_message_id=ONE, internal_message_id="17", source_context="a"),
        row("08:00:05.000", "RECEIVE", "A", "MAILBOXRULE", network_message_id=TWO, message_id="<copy@contoso.test>",
            internal_message_id="21", reference="17", source_context="b"),
    ) == [["a", "b"]]  # fmt: skip


def test_a_copy_joins_by_the_message_id_in_its_reference_but_a_notice_does_not() -> None:
    first = row("08:00:00.000", "RECEIVE", "A", network_message_id=ONE, source_context="a")
    again = row("08:00:05.000", "RESUBMIT", "B", "SAFETYNET", network_message_id=TWO, message_id="<x@y>",
                reference="<q3@contoso.test>", source_context="b")  # fmt: skip
    notice = row("08:00:05.000", "DSN", "B", "DSN", network_message_id=TWO, message_id="<x@y>",
                 reference="<q3@contoso.test>", source_context="b")  # fmt: skip
    assert groups(first, again) == [["a", "b"]]
    assert groups(first, notice) == [["a"], ["b"]]


def test_a_row_with_an_internal_id_alone_joins_the_message_of_that_id_on_its_server() -> None:
    assert groups(
        row("08:00:00.000", "RECEIVE", "A", network_message_id=ONE, internal_message_id="17", source_context="a"),
        row("08:00:01.000", "LOAD", "A", "BOOTLOADER", network_message_id="", message_id="", internal_message_id="17",
            source_context="b"),
    ) == [["a", "b"]]  # fmt: skip


def test_rows_that_carry_no_message_are_of_none() -> None:
    lines = [
        row("08:00:00.000", "NOTIFYMAPI", "A", "STOREDRIVER", network_message_id="", message_id=""),
        row("08:00:00.000", "NOTIFYMAPI", "A", "STOREDRIVER", network_message_id="00000000-0000-0000-0000-000000000000",
            message_id="", internal_message_id="0"),
    ]  # fmt: skip
    assert [find_key(step) for step in read(lines)] == ["", ""]
    assert groups(*lines) == []


def test_a_meeting_message_has_its_message_id_in_the_place_of_the_internal_one() -> None:
    (step,) = read([row("08:00:00.000", "PROCESSMEETINGMESSAGE", "A", message_id="", network_message_id="",
                        internal_message_id="<meet@contoso.test>")])  # fmt: skip
    assert (step.message, step.internal) == ("<meet@contoso.test>", "")
