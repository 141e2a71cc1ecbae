# ruff: noqa: E501
"""``exnorm convert --per-message``: what was planned is told, and questions have one answer from rows and messages."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from tests.journey.rows import HEADER, HUB1, MBX1, MBX2, MESSAGE, STATES, row, write
from tests.messages.generated import SERVERS, Planned, plan

COUNT = 400


@pytest.fixture(scope="module")
def planned() -> list[Planned]:
    return [plan(number) for number in range(COUNT)]


@pytest.fixture(scope="module")
def logs(planned: list[Planned], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The logs of four servers, rows shuffled, some of them there twice."""
    folder = tmp_path_factory.mktemp("logs")
    chance = random.Random(3)
    for server in SERVERS:
        lines = [line for one in planned for line in one.rows[server]]
        lines += chance.sample(lines, len(lines) // 20)
        chance.shuffle(lines)
        (folder / server).mkdir()
        (folder / server / "MSGTRK2026031708-1.LOG").write_bytes((HEADER + "".join(lines)).encode())
    return folder


@pytest.fixture
def told(exnorm: Any, logs: Path) -> list[dict[str, Any]]:
    ran = exnorm("convert", "--per-message", "--format", "json", logs)
    assert ran.status == 0, ran.err
    return [json.loads(line) for line in ran.lines]


@pytest.fixture
def rows(exnorm: Any, logs: Path) -> list[dict[str, Any]]:
    ran = exnorm("convert", "--format", "json", logs)
    seen = {json.dumps({**json.loads(line), "exnorm_id": ""}, sort_keys=True) for line in ran.lines}
    return [json.loads(line) for line in sorted(seen)]


def members(text: str) -> list[str]:
    return [one for one in text.split(";") if one]


def read_states(event: dict[str, Any]) -> dict[str, str]:
    pairs = (one.partition("=") for one in members(event["deviceCustomString3"]))
    return {address: said.split()[0].rstrip(":") for address, _, said in pairs}


def test_every_planned_message_is_told_once_with_every_recipients_state(
    told: list[dict[str, Any]], planned: list[Planned]
) -> None:
    by_id = {event["externalId"]: event for event in told}
    assert len(told) == len(by_id) == COUNT
    for one in planned:
        event = by_id[one.network]
        assert read_states(event) == one.states
        assert event["deviceCustomNumber1"] == len(one.states)
        assert (event["sourceUserName"], event["message"]) == (one.sender, one.subject)
        assert (event["bytesIn"], event["sourceAddress"]) == (one.size, one.client)
        assert event["baseEventCount"] == one.count
        worst = next(s for s in ("failed", "deferred", "pending", "delivered") if s in one.states.values())
        assert event["deviceAction"] == worst
        assert event["severity"] == {"failed": 5, "deferred": 4, "pending": 2, "delivered": 1}[worst]
        assert event["name"] == event["deviceEventClassId"] == "MESSAGE"


def test_messages_are_told_in_order_of_their_first_rows(told: list[dict[str, Any]]) -> None:
    times = [event["startTime"] for event in told]
    assert times == sorted(times)


def test_there_are_at_least_five_times_fewer_events(
    told: list[dict[str, Any]], rows: list[dict[str, Any]]
) -> None:
    assert len(rows) / len(told) > 5


# --- five questions, asked of rows and of messages -----------------------------------------------


def test_who_sent_to_a_domain_that_was_never_seen_before(
    told: list[dict[str, Any]], rows: list[dict[str, Any]]
) -> None:
    def answer(events: list[dict[str, Any]]) -> dict[str, str]:
        first: dict[str, str] = {}
        for event in sorted(
            events, key=lambda event: (event["deviceReceiptTime"], event.get("externalId", ""))
        ):
            for address in members(event.get("destinationUserName", "")):
                first.setdefault(address.partition("@")[2], event["sourceUserName"])
        return first

    assert answer(told) == answer(rows)


def test_who_sent_one_subject_to_more_than_50_recipients(
    told: list[dict[str, Any]], rows: list[dict[str, Any]]
) -> None:
    def answer(events: list[dict[str, Any]], most: int) -> set[tuple[str, str]]:
        found: dict[tuple[str, str], set[str]] = defaultdict(set)
        for event in events:
            found[event["sourceUserName"], event["message"]].update(
                members(event.get("destinationUserName", ""))
            )
        return {key for key, addresses in found.items() if len(addresses) > most}

    assert answer(told, 8) == answer(rows, 8) != set()
    assert answer(told, 50) == answer(rows, 50)


def test_the_ten_largest_senders_by_bytes(told: list[dict[str, Any]], rows: list[dict[str, Any]]) -> None:
    from_rows: Counter[str] = Counter()
    counted = set()
    for event in rows:  # a message counts once, where it first came in
        if event["deviceEventClassId"] == "RECEIVE" and event.get("sourceServiceName") == "STOREDRIVER":
            assert event["deviceCustomString2"] not in counted
            counted.add(event["deviceCustomString2"])
            from_rows[event["sourceUserName"]] += event["bytesIn"]
    from_messages: Counter[str] = Counter()
    for event in told:
        from_messages[event["sourceUserName"]] += event["bytesIn"]
    assert from_messages.most_common(10) == from_rows.most_common(10)


def test_a_sender_whose_client_changed(told: list[dict[str, Any]], rows: list[dict[str, Any]]) -> None:
    def answer(events: list[dict[str, Any]]) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for event in events:
            if "sourceAddress" in event:
                found[event["sourceUserName"]].add(event["sourceAddress"])
        return found

    assert answer(told) == answer(rows)


def test_failed_deliveries_by_recipient(told: list[dict[str, Any]], rows: list[dict[str, Any]]) -> None:
    from_rows = Counter(
        event["destinationUserName"] for event in rows if event["deviceEventClassId"] == "FAIL"
    )
    from_messages = Counter(address for event in told for address in members(event.get("reason", "")))
    assert from_messages == from_rows
    assert from_rows


# --- what is no message's row, formats, settings ---------------------------------------------------


def test_rows_that_carry_no_message_and_other_logs_stay_events_of_their_own(
    exnorm: Any, tmp_path: Path
) -> None:
    folder = write(tmp_path / "logs", A=[
        row("08:00:00.000", "NOTIFYMAPI", "A", "STOREDRIVER", network_message_id="", message_id=""), *MBX1,
    ])  # fmt: skip
    (folder / "CONNECTLOG20260317-1.LOG").write_text(
        "#Software: Microsoft Exchange Server\n#Log-type: Transport Connectivity Log\n"
        "#Fields: date-time,session,source,Destination,direction,description\n"
        "2026-03-17T08:00:00.650Z,08DA9A4FF8DA0001,SMTP,hub1,+,x\nnot a row\n"
    )
    ran = exnorm("convert", "--per-message", folder)
    assert [line.split(b"|")[4] for line in ran.lines] == [b"NOTIFYMAPI", b"CONNECTION-START", b"MESSAGE"]
    assert ran.status == 1
    assert "not parsed" in ran.err


@pytest.mark.parametrize(
    ("options", "begins"),
    [
        (("--taxonomy", "jsa"), b"LEEF:2.0|Microsoft|Exchange Server||MESSAGE|"),
        (("--taxonomy", "jsa", "--format", "wincollect"), b"AgentDevice=WindowsExchange\tAgentLogFile=messages.log\tAgentLogFormat=MESSAGE"),
        (("--cef", "1"), b"CEF:1|Microsoft|Exchange Server||MESSAGE|MESSAGE|5|"),
    ],
)  # fmt: skip
def test_every_format_carries_a_message(
    exnorm: Any, tmp_path: Path, options: tuple[str, ...], begins: bytes
) -> None:
    folder = write(tmp_path / "logs", MBX1=MBX1, HUB1=HUB1, MBX2=MBX2)
    ran = exnorm("convert", "--per-message", folder, *options)
    assert ran.status == 0, ran.err
    assert len(ran.lines) == 2
    assert ran.lines[0].startswith(begins)


def test_the_same_settings_are_asked_of_messages(exnorm: Any, tmp_path: Path) -> None:
    folder = write(tmp_path / "logs", MBX1=MBX1, HUB1=HUB1, MBX2=MBX2)
    ran = exnorm(
        "convert",
        "--per-message",
        folder,
        "--format",
        "json",
        "--event",
        "FAILED",
        "--direction",
        "--correlation",
    )
    (event,) = map(json.loads, ran.lines)
    assert event["devicePayloadId"] == "6a638d20-1e63-493a-80a2-08da9a4ff8da"
    assert event["deviceDirection"] == 1
    assert event["additionalData"]["missing-logs"] == "HUB2"


@pytest.mark.parametrize("options", [("--follow",), ("--jobs", "2"), ("--per-recipient",)])
def test_what_it_cannot_be_together_with_is_refused(
    exnorm: Any, tmp_path: Path, options: tuple[str, ...]
) -> None:
    folder = write(tmp_path / "logs", MBX1=MBX1)
    ran = exnorm("convert", "--per-message", folder, *options, "--dry-run")
    assert ran.status == 2
    assert "per" in ran.err


def test_the_store_lies_beside_the_output_while_it_is_needed_and_is_gone_then(
    exnorm: Any, tmp_path: Path
) -> None:
    folder = write(tmp_path / "logs", MBX1=MBX1)
    out = tmp_path / "out"
    out.mkdir()
    assert exnorm("convert", "--per-message", folder, "-o", out / "events.cef").status == 0
    assert [path.name for path in out.iterdir()] == ["events.cef"]


def test_a_subject_with_a_line_break_out_of_an_export_is_one_event(exnorm: Any, tmp_path: Path) -> None:
    export = tmp_path / "export.json"
    export.write_text(json.dumps([
        {"Timestamp": "2026-03-17T08:30:00Z", "EventId": "RECEIVE", "Source": "SMTP", "MessageId": MESSAGE, "Sender": "a@x",
         "Recipients": ["bo@contoso.test"], "ServerHostname": "MBX1", "MessageSubject": "one\ntwo"},
    ]))  # fmt: skip
    ran = exnorm("convert", "--per-message", "--format", "json", export)
    assert [json.loads(line)["message"] for line in ran.lines] == ["one\ntwo"]


def test_what_plugins_do_to_rows_is_done_before_anything_is_kept(tmp_path: Path) -> None:
    from exnorm import Normalizer, Record, hookimpl
    from exnorm.messages.rows import RowStore
    from exnorm.messages.told import Messages, make_teller

    class Hides:
        @staticmethod
        @hookimpl
        def record_processors(source: Any) -> list[Any]:
            def hide(record: Record) -> Record:
                record.values["message-subject"] = "hidden"
                return record

            return [hide] if source.name == "message_tracking" else []

    normalizer = Normalizer(plugins=[Hides()], discover_plugins=False)
    store = RowStore(str(tmp_path / "rows.sqlite"))
    messages = Messages(normalizer, make_teller(normalizer.settings, normalizer), store)
    stream = normalizer.stream("MSGTRK2026031708-1.LOG")
    for item in normalizer.parse((HEADER + "".join(MBX1)).encode(), stream):
        assert messages.take(item) is None
    written: list[bytes] = []
    assert list(messages.tell(lambda block: written.append(bytes(block)), lambda line: None)) == [4]
    store.close()
    assert b"msg=hidden" in b"".join(written)
    assert b"Quarterly" not in (tmp_path / "rows.sqlite").read_bytes()


def test_states_of_the_message_worked_out_by_hand(exnorm: Any, tmp_path: Path) -> None:
    folder = write(tmp_path / "logs", MBX1=MBX1, HUB1=HUB1, MBX2=MBX2)
    ran = exnorm("convert", "--per-message", "--format", "json", folder)
    event = json.loads(ran.lines[0])
    states = event["deviceCustomString3"]
    assert "'eve@contoso.test=failed: 554 5.2.2 mailbox full; STOREDRV.Deliver'" in states
    assert event["destinationUserName"].split(";") == list(STATES)
