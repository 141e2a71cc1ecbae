"""Chunks of SMTP logs late, again and in any order: each row says what it says in order, or less."""

from __future__ import annotations

import json
import random
from itertools import chain
from typing import Any

import msgpack
import pytest

from exnorm import Normalizer
from exnorm.fluentbit import ChunkFilter
from exnorm.model import Record, Unparsed
from exnorm.sources.smtp_protocol import COLUMNS

HEADER = ["#Log-type: SMTP Receive Protocol Log", "#Fields: " + ",".join(COLUMNS)]
FACTS = (
    "mail-from", "rcpt-to", "auth-user", "auth-type", "ehlo-name", "message-id", "queue-id", "client-address",
    "client-port", "greeting-name", "tls", "reason", "direction", "server-address",
)  # fmt: skip
# What a row is called where rows before it are not known.
LESS = {"MESSAGE-ACCEPTED": "REPLY-2XX", "AUTH-FAILURE": "AUTH-USER", "AUTH-REFUSED": "AUTH-FAILURE"}

Rows = list[tuple[tuple[str, int], str]]


def make_dialogue(chance: random.Random, number: int) -> list[tuple[str, str, str]]:
    """What is said in one session, by mark: some messages, sometimes an AUTH or a proxied client before."""
    said = [("+", "", ""), (">", "220 ex1.example.test ESMTP", ""), ("<", f"EHLO c{number}.example.net", "")]
    said += [(">", "250 ex1.example.test Hello", "")]
    is_server = chance.random() < 0.3
    if is_server or chance.random() < 0.3:
        user = f"EXAMPLE\\EX{number}$" if is_server else f"user{number}"
        said += [("<", "AUTH LOGIN", ""), (">", "334 <authentication response>", "")]
        said += [("*", user, "authenticated"), (">", "235 2.7.0 Authentication successful", "")]
    elif chance.random() < 0.3:
        said += [("<", "AUTH NTLM", ""), ("*", "", "Inbound AUTH NTLM failed because of LogonDenied")]
        said += [("*", "", f"User Name: bad{number}"), (">", "535 5.7.3 Authentication unsuccessful", "")]
    for message in range(chance.randrange(1, 4)):
        if is_server:
            said += [("<", f"XPROXYFROM SID=1 IP=203.0.113.{number}{message} PORT=2500{message}", "")]
            said += [(">", "250 XProxyFrom accepted", "")]
        said += [("<", f"MAIL FROM:<from{number}.{message}@example.net>", ""), (">", "250 Sender OK", "")]
        for recipient in range(chance.randrange(1, 3)):
            said += [("<", f"RCPT TO:<to{recipient}@example.test>", ""), (">", "250 Recipient OK", "")]
        said += [("<", "BDAT 900 LAST", "")]
        said += [("*", "", f"receiving message with InternetMessageId <{number}.{message}@example.net>")]
        said += [(">", chance.choice(["250 2.6.0 Queued", "554 5.6.0 refused"]), "")]
    return [*said, ("<", "QUIT", ""), (">", "221 2.0.0 Bye", ""), ("-", "", "Local")]


def make_rows(chance: random.Random) -> Rows:
    """The rows of a log by session and number: some sessions at the same time."""
    dialogues = {f"08DE{number:012X}": make_dialogue(chance, number) for number in range(1, 5)}
    at = dict.fromkeys(dialogues, 0)
    rows: Rows = []
    while dialogues:
        session = chance.choice(list(dialogues))
        mark, data, context = dialogues[session][at[session]]
        moment = f"2026-03-17T09:{len(rows) // 60:02}:{len(rows) % 60:02}.000Z"
        ends = f"192.0.2.40:25,198.51.100.{int(session[-2:], 16)}:4000{session[-1]}"
        key = (session, at[session])
        rows.append((key, f"{moment},EX1\\Default,{session},{at[session]},{ends},{mark},{data},{context}"))
        at[session] += 1
        if at[session] == len(dialogues[session]):
            del dialogues[session]
    return rows


def cut(chance: random.Random, rows: Rows) -> list[Rows]:
    chunks, begin = [], 0
    while begin < len(rows):
        size = chance.randrange(1, 30)
        chunks.append(rows[begin : begin + size])
        begin += size
    return chunks


class Log:
    """One log that is read in pieces."""

    def __init__(self) -> None:
        self.flow = Normalizer("arcsight", discover_plugins=False)
        self.stream = self.flow.stream("RECV2026031709-1.LOG")
        list(self.flow.parse(HEADER, self.stream))

    def read(self, rows: Rows) -> dict[tuple[str, int], dict[str, str]]:
        found = list(self.flow.parse([line for _, line in rows], self.stream))
        assert all(isinstance(record, Record) for record in found)
        return {
            key: {name: record.get(name) for name in ("event-name", *FACTS)}
            for (key, _), record in zip(rows, found)
            if isinstance(record, Record)
        }


@pytest.mark.parametrize("seed", range(40))
def test_rows_in_any_order_say_what_they_say_in_order_or_less(seed: int) -> None:
    chance = random.Random(seed)
    rows = make_rows(chance)
    in_order = Log().read(rows)
    chunks = cut(chance, rows)
    shuffled = chance.sample([*chunks, *chance.sample(chunks, len(chunks) // 2)], len(chunks) * 3 // 2)
    log, complete = Log(), 0
    for chunk in shuffled:
        for key, found in log.read(chunk).items():
            right = in_order[key]
            assert found["event-name"] in (right["event-name"], LESS.get(right["event-name"]))
            wrong = {name: found[name] for name in FACTS if found[name] not in (right[name], "")}
            if right["event-name"].startswith("AUTH-"):
                wrong.pop("reason", None)  # the refusal's own words, where the remark's are not known
            # Without the row that names it, a proxied client cannot be known: the hop stands there.
            if right["client-address"].startswith("203.0.113."):
                wrong = {name: text for name, text in wrong.items() if not name.startswith("client-")}
            assert wrong == {}
            complete += found == right
    assert complete > 10  # so that this compares something


@pytest.mark.parametrize("seed", range(20))
def test_chunks_that_come_again_at_any_time_say_the_same_as_the_first_time(seed: int) -> None:
    chance = random.Random(seed)
    rows = make_rows(chance)
    in_order = Log().read(rows)
    chunks = cut(chance, rows)
    log = Log()
    for number, chunk in enumerate(chunks):
        for again in (chunk, *chance.sample(chunks[: number + 1], min(number, 3))):
            for key, found in log.read(again).items():
                assert found == in_order[key]
    assert log.flow.counts.as_dict()["evicted"] == {}


@pytest.mark.parametrize("seed", range(10))
def test_once_all_rows_were_there_each_is_complete_when_it_comes_again(seed: int) -> None:
    chance = random.Random(seed)
    rows = make_rows(chance)
    in_order = Log().read(rows)
    log = Log()
    for chunk in chance.sample(chunks := cut(chance, rows), len(chunks)):
        log.read(chunk)
    assert log.flow.counts.as_dict()["evicted"]["smtp_protocol"] > 0  # what was missing is counted
    assert log.read(rows) == in_order


@pytest.mark.parametrize("format", ["json", "cef"])
def test_the_filter_gives_a_chunk_that_comes_again_late_the_same_events(format: str) -> None:
    rows = make_rows(random.Random(7))
    lines = [line for _, line in rows]
    given = [pack([*HEADER, *lines[:30]]), pack(lines[30:50]), pack(lines[50:])]
    filter = ChunkFilter.from_names({"format": format})
    first = [filter.filter("t", chunk) for chunk in given]
    again = [filter.filter("t", chunk) for chunk in (given[1], given[2], given[1])]
    assert again == [first[1], first[2], first[1]]
    assert first[1] is not None


def test_rows_that_were_split_elsewhere_keep_their_session_whatever_columns_are_left_out() -> None:
    flow = Normalizer("arcsight", discover_plugins=False)
    stream = flow.stream("RECV2026031709-1.LOG")
    found: list[Record | Unparsed | None] = []
    for mark, data in (
        ("+", ""),
        ("<", "MAIL FROM:<a@example.net>"),
        (">", ""),
        ("<", "RCPT TO:<b@example.net>"),
    ):
        place = f"2026-03-17T09:00:00.000Z,EX1\\D,08DE,{len(found)}"
        cells = f"{place},192.0.2.40:25,198.51.100.7:4000,{mark},{data},"
        values = {name: text for name, text in zip(COLUMNS, cells.split(",")) if text}
        found.append(flow.parse_fields(values, stream))
    assert isinstance(found[3], Record)
    assert found[3].get("mail-from") == "a@example.net"
    late = {**found[3].values, "sequence-number": "9"}
    record = flow.parse_fields(late, stream)
    assert isinstance(record, Record)
    assert record.get("mail-from") == ""
    assert flow.counts.as_dict()["evicted"] == {"smtp_protocol": 1}


def pack(lines: list[str]) -> bytes:
    events: list[Any] = [
        [[1_700_000_000, {}], {"log": line, "filename": "RECV2026031709-1.LOG"}] for line in lines
    ]
    return b"".join(msgpack.packb(event) for event in events)


# --- for the tests of the services and of the pipe -------------------------------------------------

NAME = "RECV2026031709-1.LOG"


class Delivery:
    """A log whose chunks come ``first`` in a wrong order, then in ``order``, then ``again`` wrongly."""

    def __init__(self, seed: int) -> None:
        chance = random.Random(seed)
        self.rows = make_rows(chance)
        chunks = [[line for _, line in chunk] for chunk in cut(chance, self.rows)]
        self.first = chance.sample(chunks, len(chunks))
        self.order = chunks
        self.again = chance.sample(chunks, len(chunks))
        flow = Normalizer("arcsight", format="json", fields="key", discover_plugins=False)
        lines = [*HEADER, *(line for _, line in self.rows)]
        made = map(json.loads, flow.encode(lines, flow.stream(NAME)))
        self.right = {self.key(event): self.bare(event) for event in made}
        assert len(self.right) == len(self.rows)
        self.senders = {key: found["mail-from"] for key, found in Log().read(self.rows).items()}

    @staticmethod
    def key(event: dict[str, Any]) -> tuple[str, int]:
        """Session and number."""
        return event["externalId"], event["cn2"]

    @staticmethod
    def bare(event: dict[str, Any]) -> dict[str, Any]:
        """The event's own fields."""
        return {name: value for name, value in event.items() if name[0] != "@" and name != "filename"}

    def check(self, *rounds: list[dict[str, Any]]) -> None:
        """First nobody else's sender, recipient or message; then always what ``convert`` writes."""
        for events in rounds:
            assert sorted(map(self.key, events)) == sorted(self.right)
        for event in rounds[0]:
            right = self.right[self.key(event)]
            facts = {name: event[name] for name in ("duser", "cs2", "flexString1") if name in event}
            assert facts == {name: right.get(name) for name in facts}, self.key(event)
            # The message's sender stands where the row that names the session's user has not come yet.
            assert event.get("suser") in (None, right.get("suser"), self.senders[self.key(event)])
        for event in chain(*rounds[1:]):
            assert self.bare(event) == self.right[self.key(event)]


GREETED = (
    ("<", "220 mx.example.net ESMTP", ""),
    (">", "EHLO ex1.example.test", ""),
    ("<", "250 AUTH NTLM", ""),
)


@pytest.mark.parametrize(
    ("rows", "events"),
    [
        # given up by our own server: nothing of it comes after this row
        ((("*", "", "Outbound Authentication failed with LogonDenied"),), ["AUTH-FAILURE"]),
        ((("<", "250 XSHADOW", ""), ("*", "", "Outbound Authentication failed with LogonDenied"),
          ("-", "", "Local")),
         ["REPLY-2XX", "AUTH-FAILURE", "DISCONNECT"]),
        ((*GREETED, (">", "AUTH NTLM", ""), ("*", "", "Outbound AUTH NTLM failed because of LogonDenied")),
         ["REPLY-2XX", "EHLO", "REPLY-2XX", "AUTH", "AUTH-FAILURE"]),
        # one failure, where the other side refuses it in words too
        ((*GREETED, (">", "AUTH NTLM", ""), ("<", "535 5.7.3 Authentication unsuccessful", ""),
          ("*", "", "Outbound authentication failed because of LogonDenied")),
         ["REPLY-2XX", "EHLO", "REPLY-2XX", "AUTH", "AUTH-FAILURE", "AUTH-REASON"]),
    ],
)  # fmt: skip
def test_an_auth_that_our_server_gives_up_is_one_failure_wherever_the_log_begins(
    rows: tuple[tuple[str, str, str], ...], events: list[str]
) -> None:
    flow = Normalizer("arcsight", discover_plugins=False)
    stream = flow.stream("SEND2026031709-1.LOG")
    header = ["#Log-type: SMTP Send Protocol Log", "#Fields: " + ",".join(COLUMNS)]
    ends = "192.0.2.40:4000,198.51.100.7:25"
    lines = [
        f"2026-03-17T09:00:00.000Z,Out,08DF,{27 + number},{ends},{mark},{data},{context}"
        for number, (mark, data, context) in enumerate(rows)
    ]
    found = [item for item in flow.parse([*header, *lines], stream) if isinstance(item, Record)]
    assert [record.get("event-name") for record in found] == events
    failure = found[events.index("AUTH-FAILURE")]
    assert failure.get("reason") in ("LogonDenied", "Authentication unsuccessful")
