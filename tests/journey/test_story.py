# ruff: noqa: E501
"""One message over four servers, told as it was worked out by hand; the rows are in ``rows``."""

from __future__ import annotations

import random

import pytest
from tests.journey.rows import (
    AT_MBX2,
    HUB1,
    HUB2,
    INSIDE,
    MBX1,
    MBX2,
    NETWORK,
    STATES,
    read,
    row,
    sent,
)

from exnorm.journey.joining import join
from exnorm.journey.story import Story, tell

WITHOUT_HUB2 = [*MBX1, *HUB1, *MBX2]


def tell_first(lines: list[str]) -> Story:
    return tell(join(read(lines))[0])


def states(story: Story) -> dict[str, str]:
    return {fate.address: fate.state for fate in story.recipients}


def test_each_of_nine_recipients_has_the_last_state_that_the_rows_tell() -> None:
    story = tell_first(WITHOUT_HUB2)
    assert states(story) == STATES
    fates = {fate.address.partition("@")[0]: fate for fate in story.recipients}
    assert fates["sales"].into == ["dee@contoso.test", "eve@contoso.test"]
    assert fates["hal"].into == ["ivy@contoso.test"]
    assert (fates["ivy"].via, fates["dee"].via) == ("hal@contoso.test", "sales@contoso.test")
    assert fates["eve"].status == "554 5.2.2 mailbox full; STOREDRV.Deliver"
    assert fates["gus"].status == "421 4.4.1 Connection timed out"
    assert fates["ivy"].handed_to == "HUB2.contoso.test"
    assert (story.outcome, story.is_final) == ("failed", False)


def test_the_server_whose_log_is_missing_is_named_with_who_sent_to_it_and_for_whom() -> None:
    story = tell_first(WITHOUT_HUB2)
    assert [hop.server for hop in story.hops] == ["MBX1", "HUB1", "MBX2"]
    (missing,) = story.missing
    assert (missing.server, missing.is_certain) == ("HUB2", True)
    assert missing.reason == "HUB1 sent it there and MBX2 received it from there; no row of HUB2 is here"
    assert missing.recipients == (*AT_MBX2.split(";"), "ivy@contoso.test")
    assert story.gaps == ()


def test_with_all_logs_nothing_is_missing_and_the_last_recipient_has_failed() -> None:
    story = tell_first([*WITHOUT_HUB2, *HUB2])
    assert [hop.server for hop in story.hops] == ["MBX1", "HUB1", "HUB2", "MBX2"]
    assert story.missing == ()
    assert states(story) == {**STATES, "ivy@contoso.test": "failed"}


def test_who_sent_what_when_and_how_long_it_took() -> None:
    story = tell_first(WITHOUT_HUB2)
    assert (story.sender, story.return_path, story.subject) == (
        "anna@contoso.test", "anna@contoso.test", "Quarterly figures",
    )  # fmt: skip
    assert (story.size, story.bytes_in, story.bytes_out) == (5120, 5120, 5120)
    assert story.client_address == "203.0.113.9"  # of the mailbox's client, not of the server
    assert story.direction == "outbound"
    assert story.connectors_out == (INSIDE, "To the Internet")
    assert story.verdicts == ("SFA SFV=NSPM|SCL=1",)
    assert story.latency_ms == 5250  # 08:30:00.000 to the failure at 08:30:05.250
    assert len(story.steps) == 16  # 4 of MBX1, 8 of HUB1, 4 of MBX2; the notice is another message
    assert story.network_ids == (NETWORK,)


def test_the_notice_is_a_message_of_its_own_and_says_what_it_is_about() -> None:
    _, notice = join(read(WITHOUT_HUB2))
    story = tell(notice)
    assert story.about == ("<q3@contoso.test>",)
    assert states(story) == {"anna@contoso.test": "delivered"}


@pytest.mark.parametrize("seed", range(20))
def test_rows_in_any_order_and_rows_that_are_read_twice_tell_the_same(seed: int) -> None:
    expected = [tell(group) for group in join(read(WITHOUT_HUB2))]
    lines = [*WITHOUT_HUB2, *random.Random(seed).sample(WITHOUT_HUB2, 5)]
    random.Random(seed).shuffle(lines)
    assert [tell(group) for group in join(read(lines))] == expected


def test_a_server_with_a_clock_that_is_behind_stands_where_the_message_came_to_it() -> None:
    late = [
        row("08:00:00.000", "RECEIVE", "HUB1", client_hostname="MBX1.contoso.test", recipient_address="bo@contoso.test"),
        row("08:00:01.000", "DELIVER", "HUB1", "STOREDRIVER", recipient_address="bo@contoso.test"),
    ]  # fmt: skip
    first = [
        row("08:30:00.000", "RECEIVE", "MBX1", "STOREDRIVER", recipient_address="bo@contoso.test"),
        sent("08:30:01.000", "MBX1", "HUB1.contoso.test", "bo@contoso.test"),
    ]
    story = tell_first([*late, *first])
    assert [hop.server for hop in story.hops] == ["MBX1", "HUB1"]
    assert states(story) == {"bo@contoso.test": "delivered"}


def test_a_front_end_writes_no_message_tracking_and_is_not_missed() -> None:
    story = tell_first([
        row("08:30:00.000", "RECEIVE", "MBX1", client_hostname="FE1.contoso.test", connector_id="MBX1\\Default MBX1",
            directionality="Incoming", custom_data="S:ProxiedClientIPAddress=198.51.100.7;S:ProxiedClientHostname=mx.partner.example",
            recipient_address="bo@contoso.test"),
        row("08:30:01.000", "DELIVER", "MBX1", "STOREDRIVER", recipient_address="bo@contoso.test"),
    ])  # fmt: skip
    assert story.missing == ()
    assert (story.client_address, story.client_host) == ("198.51.100.7", "mx.partner.example")
    assert story.direction == "inbound"


def test_a_server_between_others_is_likely_missing_and_one_outside_is_not() -> None:
    def receive(host: str) -> Story:
        return tell_first(
            [row("08:30:00.000", "RECEIVE", "HUB1", client_hostname=host, connector_id="HUB1\\Default HUB1")]
        )

    assert [(one.server, one.is_certain) for one in receive("HUB7.contoso.test").missing] == [("HUB7", False)]
    assert receive("mx.partner.example").missing == ()


def test_a_message_that_says_where_it_came_in_needs_the_log_of_that_server() -> None:
    story = tell_first(
        [row("08:30:00.000", "RECEIVE", "HUB1", client_hostname="x", custom_data="S:FirstForestHop=EDGE1.contoso.test")]
    )  # fmt: skip
    assert [(one.server, one.is_certain) for one in story.missing] == [("EDGE1", True)]


@pytest.mark.parametrize(
    ("connector", "to", "reply", "state"),
    [
        ("To the Internet", "mx.partner.example", "250 2.0.0 Ok: queued as 4F1", "delivered"),
        ("To the Internet", "relay.contoso.test", "250 2.0.0 Ok: queued as 4F1", "delivered"),
        ("To the Internet", "198.51.100.9", "250 2.6.0 <q3@contoso.test> [InternalId=1, Hostname=HUB9.contoso.test] Queued", "pending"),
        (INSIDE, "HUB9.contoso.test", "250 2.1.5 Recipient OK", "pending"),
        ("EdgeSync - Site to Internet", "edge1.contoso.test", "250 2.1.5 Recipient OK", "pending"),
        ("", "HUB9.contoso.test", "250 2.1.5 Recipient OK", "pending"),
        ("", "mx.partner.example", "250 2.1.5 Recipient OK", "delivered"),
        ("To the Internet", "mx.partner.example", "550 5.1.1 No such user", "failed"),
        ("To the Internet", "mx.partner.example", "451 4.7.1 Greylisted", "deferred"),
    ],
)  # fmt: skip
def test_what_was_sent_is_delivered_where_it_left_the_organization(
    connector: str, to: str, reply: str, state: str
) -> None:
    story = tell_first([
        sent("08:30:00.000", "HUB1", to, "bo@x.example", connector_id=connector, recipient_status=reply),
    ])  # fmt: skip
    assert states(story) == {"bo@x.example": state}


@pytest.mark.parametrize(
    ("events", "state"),
    [
        (("DEFER", "DELIVER"), "delivered"),
        (("DELIVER", "DEFER"), "delivered"),  # a second copy was late
        (("FAIL", "DELIVER"), "delivered"),
        (("DELIVER", "DUPLICATEDELIVER"), "delivered"),
        (("RECEIVE", "FAIL"), "failed"),
        (("RECEIVE", "DROP"), "failed"),
        (("RECEIVE", "BADMAIL"), "failed"),
        (("RECEIVE", "POISONMESSAGE"), "deferred"),
        (("INITMESSAGECREATED", "MODERATORREJECT"), "failed"),
        (("INITMESSAGECREATED", "MODERATORAPPROVE"), "deferred"),
        (("RECEIVE", "SUPPRESSED"), "pending"),
        (("RECEIVE", "HADISCARD"), "pending"),
        (("RECEIVE", "THROTTLE"), "deferred"),
        (("RECEIVE", "SOMETHINGNEW"), "pending"),
    ],
)
def test_the_last_event_that_says_something_decides(events: tuple[str, ...], state: str) -> None:
    lines = [
        row(f"08:30:0{number}.000", event, "HUB1", recipient_address="bo@contoso.test")
        for number, event in enumerate(events)
    ]
    assert states(tell_first(lines)) == {"bo@contoso.test": state}


def test_a_resolved_address_stands_for_another_and_both_have_a_state() -> None:
    story = tell_first([
        row("08:30:00.000", "RECEIVE", "HUB1", recipient_address="Bo.Old@contoso.test"),
        row("08:30:00.100", "RESOLVE", "HUB1", "ROUTING", recipient_address="bo@contoso.test",
            related_recipient_address="bo.old@contoso.test"),
        row("08:30:01.000", "DELIVER", "HUB1", "STOREDRIVER", recipient_address="BO@contoso.test"),
    ])  # fmt: skip
    assert states(story) == {"Bo.Old@contoso.test": "redirected", "bo@contoso.test": "delivered"}


def test_a_failed_submission_without_recipients_has_failed() -> None:
    story = tell_first(
        [row("08:30:00.000", "SUBMITFAIL", "MBX1", "STOREDRIVER", source_context="MapiException")]
    )
    assert (story.recipients, story.outcome) == ((), "failed")


def test_a_story_needs_a_row() -> None:
    with pytest.raises(ValueError, match="needs a row"):
        tell([])
