from __future__ import annotations

from typing import Any

import pytest

from exnorm import Event
from exnorm.sources.mail_flow import has_domain_of, read_domains
from exnorm.testing import events

INSIDE, OUTSIDE = "a@example.test", "x@elsewhere.test"
HEADER = (
    "#Fields: date-time,source,event-id,message-id,network-message-id,recipient-address,sender-address,"
    "return-path,directionality"
)
TRACKING = "message_tracking"


def track(
    event: str = "RECEIVE",
    directionality: str = "",
    sender: str = OUTSIDE,
    recipients: str = INSIDE,
    source: str = "SMTP",
    domains: tuple[str, ...] = ("example.test",),
) -> str:
    line = f"2022-09-19T15:02:29.339Z,{source},{event},<m@x>,n-1,{recipients},{sender},,{directionality}"
    asked: dict[str, Any] = {"taxonomy": "jsa", "direction": True, "accepted_domains": domains}
    (found,) = events([HEADER, line], source=TRACKING, **asked)
    assert isinstance(found, Event)
    return str(found["mailDirection"])


# fmt: off
@pytest.mark.parametrize(("event", "directionality", "sender", "recipients", "expected"), [
    # what the event says alone
    ("SENDEXTERNAL", "Incoming",    OUTSIDE, INSIDE,                  "outbound"),
    ("DELIVER",      "Incoming",    OUTSIDE, INSIDE,                  "inbound"),
    ("DELIVER",      "Originating", INSIDE,  OUTSIDE,                 "internal"),  # in a mailbox of ours
    # what Exchange says of the beginning, the recipients' domains of the end
    ("RECEIVE",      "Incoming",    OUTSIDE, INSIDE,                  "inbound"),
    ("RECEIVE",      "Incoming",    INSIDE,  INSIDE,                  "inbound"),   # a forged sender
    ("RECEIVE",      "Incoming",    OUTSIDE, f"{OUTSIDE};{INSIDE}",   "inbound"),
    ("RECEIVE",      "Incoming",    OUTSIDE, OUTSIDE,                 "unknown"),   # it only passes through
    ("SEND",         "Originating", INSIDE,  OUTSIDE,                 "outbound"),
    ("SEND",         "Originating", INSIDE,  f"{INSIDE};{OUTSIDE}",   "outbound"),
    ("SEND",         "originating", INSIDE,  INSIDE,                  "internal"),
    ("SEND",         "Originating", INSIDE,  "",                      "unknown"),
    # a mailbox submitted it
    ("SUBMIT",       "",            OUTSIDE, INSIDE,                  "internal"),
    ("SUBMIT",       "Undefined",   INSIDE,  OUTSIDE,                 "outbound"),
    # the sender, where nothing else says it
    ("RECEIVE",      "Undefined",   INSIDE,  INSIDE,                  "internal"),
    ("RECEIVE",      "",            OUTSIDE, INSIDE,                  "inbound"),
    ("RECEIVE",      "",            "<>",    INSIDE,                  "unknown"),
    ("DSN",          "",            "",      "",                      "unknown"),
])  # fmt: skip
def test_direction(event: str, directionality: str, sender: str, recipients: str, expected: str) -> None:
    assert track(event, directionality, sender, recipients) == expected
# fmt: on


def test_mail_that_the_store_hands_over_is_from_inside() -> None:
    assert track(sender=OUTSIDE, recipients=INSIDE, source="STOREDRIVER") == "internal"


def test_without_domains_only_what_exchange_says_counts() -> None:
    assert track("RECEIVE", "Incoming", domains=()) == "inbound"
    assert track("SENDEXTERNAL", domains=()) == "outbound"
    assert track("SEND", "Originating", INSIDE, OUTSIDE, domains=()) == "unknown"
    assert track("RECEIVE", "", domains=()) == "unknown"


def test_domains_are_compared_whole_and_without_case() -> None:
    assert track("SEND", "Originating", INSIDE, "b@EXAMPLE.Test") == "internal"
    assert track("SEND", "Originating", INSIDE, "b@notexample.test") == "outbound"
    assert track("SEND", "Originating", INSIDE, "b@sub.example.test") == "outbound"


def test_a_domain_with_a_star_is_every_domain_below_it() -> None:
    domains = read_domains(["*.example.test"])
    assert has_domain_of(domains, "sub.example.test") is True
    assert has_domain_of(domains, "example.test") is False
    assert has_domain_of(read_domains(["@Example.test"]), "example.test") is True
    assert has_domain_of(read_domains([]), "example.test") is None


def test_nothing_is_written_unless_it_is_asked_for() -> None:
    line = f"2022-09-19T15:02:29.339Z,SMTP,RECEIVE,<m@x>,n-1,{INSIDE},{OUTSIDE},,Incoming"
    for taxonomy in ("arcsight", "jsa"):
        (found,) = events([HEADER, line], source=TRACKING, taxonomy=taxonomy)
        assert isinstance(found, Event)
        assert found.record.derived == {"product-version": ""}
        assert not {"mailDirection", "correlationId", "deviceDirection", "devicePayloadId"} & set(found)


@pytest.mark.parametrize(
    ("directionality", "number", "word"), [("Incoming", 0, "inbound"), ("Originating", None, "internal")]
)
def test_arcsight_has_the_word_and_the_number_where_there_is_one(
    directionality: str, number: int | None, word: str
) -> None:
    line = f"2022-09-19T15:02:29.339Z,SMTP,DELIVER,<m@x>,n-1,{INSIDE},{OUTSIDE},,{directionality}"
    (found,) = events([HEADER, line], source=TRACKING, direction=True)
    assert isinstance(found, Event)
    assert found.get("deviceDirection") == number
    assert (found["flexString2"], found["flexString2Label"]) == (word, "Mail Direction")


def correlate(network_id: str, message_id: str, taxonomy: str = "jsa") -> object:
    line = f"2022-09-19T15:02:29.339Z,SMTP,SEND,{message_id},{network_id},{INSIDE},{OUTSIDE},,"
    (found,) = events([HEADER, line], source=TRACKING, taxonomy=taxonomy, correlation=True)
    assert isinstance(found, Event)
    return found.get("correlationId" if taxonomy == "jsa" else "devicePayloadId")


def test_rows_of_one_message_share_an_id() -> None:
    assert correlate("n-1", "<m@x>") == "n-1"
    assert correlate("", "<m@x>") == "<m@x>"
    assert correlate("", "") is None


def test_two_long_ids_that_begin_alike_stay_two_in_arcsight() -> None:
    one, other = (correlate("", f"<{'m' * 200}{end}@x>", "arcsight") for end in "12")
    assert str(one).startswith("sha256:")
    assert len(str(one)) == 71  # "sha256:" and 64 digits
    assert one != other
    assert correlate("", f"<{'m' * 124}@x>"[:128], "arcsight") == f"<{'m' * 124}@x>"[:128]


def test_the_agent_log_and_exchange_2003_have_both_too() -> None:
    agent = (
        "#Fields: Timestamp,MessageId,P1FromAddress,P2FromAddresses,EnteredOrgFromIP,Recipient,Action,"
        "NetworkMsgID,Directionality"
    )
    row = f"2022-09-19T15:02:29.339Z,<m@x>,{OUTSIDE},{OUTSIDE},192.0.2.1,{INSIDE},AcceptMessage,n-1,Incoming"
    asked: dict[str, Any] = {
        "taxonomy": "jsa",
        "direction": True,
        "correlation": True,
        "accepted_domains": ["example.test"],
    }
    (found,) = events([agent, row], **asked)
    assert isinstance(found, Event)
    assert (found["mailDirection"], found["correlationId"]) == ("inbound", "n-1")
    old = ["# Message Tracking Log File", "# Date\tTime\tEvent-ID\tMSGID\tRecipient-Address\tSender-Address"]
    (found,) = events([*old, f"2003-8-12\t0:58:14 GMT\t1020\t<m@x>\t{OUTSIDE}\t{INSIDE}"], **asked)
    assert isinstance(found, Event)
    assert (found["mailDirection"], found["correlationId"]) == ("outbound", "<m@x>")


def test_an_export_has_both_too() -> None:
    lines = [
        '"Timestamp","EventId","Source","MessageId","NetworkMessageId","Recipients","Sender","Directionality","ClientIp"',
        f'"2022-09-19T15:02:29.339Z","DELIVER","STOREDRIVER","<m@x>","n-1","{INSIDE}","{OUTSIDE}","Incoming",""',
    ]
    (found,) = events(lines, taxonomy="jsa", direction=True, correlation=True, tz="UTC")
    assert isinstance(found, Event)
    assert (found["mailDirection"], found["correlationId"]) == ("inbound", "n-1")
