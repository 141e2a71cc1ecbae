# ruff: noqa: E501
"""``exnorm trace`` over folders of logs; the message is the one that was worked out in tests/journey."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from tests.journey.rows import HEADER, HUB1, HUB2, MBX1, MBX2, MESSAGE, NETWORK, STATES, row, write

RECEIVE_HEADER = (
    "#Software: Microsoft Exchange Server\r\n#Version: 15.0.0.0\r\n#Log-type: SMTP Receive Protocol Log\r\n"
    "#Date: 2026-03-17T08:00:00.000Z\r\n"
    "#Fields: date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context\r\n"
)
SAID = (
    ("+", ""), (">", "220 HUB1"), ("<", "EHLO MBX1"), ("<", "MAIL FROM:<zoe@contoso.test>"),
    (">", '"250 2.6.0 <other@contoso.test> [InternalId=9000, Hostname=HUB1.contoso.test] Queued"'),
    ("<", "MAIL FROM:<anna@contoso.test>"), ("<", "RCPT TO:<bo@contoso.test>"),
    (">", f'"250 2.6.0 {MESSAGE} [InternalId=9001, Hostname=HUB1.contoso.test] Queued"'), ("-", ""),
)  # fmt: skip
SESSION = [
    f"2026-03-17T08:30:00.{700 + number}Z,HUB1\\Default HUB1,08DA9A4FF8DA0001,{number},10.0.0.2:25,10.0.0.1:4711,{mark},{text},\r\n"
    for number, (mark, text) in enumerate(SAID)
]


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    return write(tmp_path / "logs", MBX1=MBX1, HUB1=HUB1, MBX2=MBX2)


def told(ran: Any) -> Any:
    assert ran.status == 0, ran.err
    return json.loads(ran.out)


@pytest.mark.parametrize(
    "asked",
    [
        (MESSAGE,), (MESSAGE.strip("<>"),), (NETWORK,), (NETWORK.upper(),), ("9001",), ("77",),
        ("--subject", "QUARTERLY fig"), ("--from", "Anna@contoso.test", "--to", "IVY@contoso.test"),
        ("--to", "sales@contoso.test"), ("--subject", "figures", "--from", "anna@contoso.test"),
    ],
)  # fmt: skip
def test_a_message_is_found_by_whatever_names_it(exnorm: Any, logs: Path, asked: tuple[str, ...]) -> None:
    story = told(exnorm("trace", *asked, logs, "--json"))
    assert {one["address"]: one["state"] for one in story["recipients"]} == STATES
    assert [one["server"] for one in story["missing"]] == ["HUB2"]
    assert [hop["server"] for hop in story["hops"]] == ["MBX1", "HUB1", "MBX2"]
    assert story["message"]["rows"] == 16
    assert story["notices"][0]["message-id"] == ["<dsn1@contoso.test>"]


def test_the_text_says_who_got_it_what_is_missing_and_every_row(exnorm: Any, logs: Path) -> None:
    ran = exnorm("trace", MESSAGE, logs)
    assert ran.status == 0
    text = ran.out.decode()
    assert "9 recipients: 1 failed, 1 deferred, 1 pending, 4 delivered, 1 expanded, 1 redirected" in text
    assert "  failed      eve@contoso.test     08:30:05.250  554 5.2.2 mailbox full; STOREDRV.Deliver" in text
    assert "sent on to HUB2.contoso.test, whose log is not here" in text
    assert "the log of HUB2: HUB1 sent it there and MBX2 received it from there" in text
    assert "  ?  HUB2  2026-03-17T08:30:03.000Z           from HUB1; its log is not here" in text
    assert "from HUB1 out to mx.partner.example at 2026-03-17T08:30:02.000Z, To the Internet" in text
    assert "  08:30:05.250  MBX2  tracking  FAIL " in text


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_asked_for(exnorm: Any, logs: Path, width: int) -> None:
    ran = exnorm("trace", MESSAGE, logs, "--width", width)
    assert max(len(line.decode()) for line in ran.lines) <= width


def test_rows_of_the_smtp_session_are_there_and_not_those_of_another_message_in_it(
    exnorm: Any, logs: Path
) -> None:
    (logs / "HUB1" / "RECV2026031708-1.LOG").write_text(RECEIVE_HEADER + "".join(SESSION), newline="")
    story = told(exnorm("trace", NETWORK, logs, "--json"))
    rows = [one for one in story["events"] if one["log"] == "smtp_protocol"]
    assert [one["line"] - 6 for one in rows] == [0, 1, 2, 5, 6, 7, 8]
    assert rows[0]["event"] == "CONNECT"
    assert "zoe@contoso.test" not in json.dumps(story)


def test_agents_and_connections_join_by_their_ids(exnorm: Any, logs: Path) -> None:
    agents = (
        "#Software: Microsoft Exchange Server\n#Version: 15.0.0.0\n#Log-type: Agent Log\n#Date: 2026-03-17T08:00:00.000Z\n"
        "#Fields: Timestamp,SessionId,LocalEndpoint,RemoteEndpoint,EnteredOrgFromIP,MessageId,P1FromAddress,P2FromAddresses,"
        "Recipient,NumRecipients,Agent,Event,Action,SmtpResponse,Reason,ReasonData,Diagnostics,NetworkMsgID,TenantID,Directionality\n"
        f"2026-03-17T08:30:00.750Z,08DA9A4FF8DA0001,10.0.0.2:25,10.0.0.1:4711,10.0.0.1,{MESSAGE},anna@contoso.test,anna@contoso.test,"
        f"bo@contoso.test,1,Content Filter Agent,OnEndOfData,AcceptMessage,,SCL,1,,{NETWORK},,Originating\n"
    )
    connections = (
        "#Software: Microsoft Exchange Server\n#Version: 15.0.0.0\n#Log-type: Transport Connectivity Log\n#Date: 2026-03-17T08:00:00.000Z\n"
        "#Fields: date-time,session,source,Destination,direction,description\n"
        "2026-03-17T08:30:00.650Z,08DA9A4FF8DA0001,SMTP,hub1,+,Undefined 00000000-0000-0000-0000-000000000000\n"
        "2026-03-17T08:30:00.650Z,08DA9A4FF8DA0002,SMTP,hub1,+,of another session\n"
    )
    (logs / "AGENTLOG20260317-1.LOG").write_text(agents)
    (logs / "CONNECTLOG20260317-1.LOG").write_text(connections)
    story = told(exnorm("trace", MESSAGE, logs, "--json"))
    others = [(one["log"], one["event"]) for one in story["events"] if one["log"] != "message_tracking"]
    assert others == [("connectivity", "CONNECTION-START"), ("agent_log", "ACCEPTMESSAGE")]


def test_compressed_logs_utf_16_and_standard_input_are_looked_through(
    exnorm: Any, logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = next((logs / "HUB1").iterdir())
    (logs / "HUB1" / "MSGTRK2026031708-1.LOG.gz").write_bytes(gzip.compress(first.read_bytes()))
    first.unlink()
    second = next((logs / "MBX2").iterdir())
    second.write_bytes(second.read_bytes().decode("utf-8-sig").encode("utf-16"))
    story = told(exnorm("trace", MESSAGE, logs, "--json"))
    assert {one["address"]: one["state"] for one in story["recipients"]} == STATES


def test_an_export_of_tracking_is_looked_through_too(exnorm: Any, tmp_path: Path) -> None:
    export = tmp_path / "export.json"
    rows = [
        {"Timestamp": "2026-03-17T08:30:00Z", "EventId": event, "Source": source, "MessageId": MESSAGE, "Sender": "anna@contoso.test",
         "Recipients": ["bo@contoso.test"], "ServerHostname": "MBX1", "MessageSubject": "x", "NetworkMessageId": NETWORK}
        for event, source in (("RECEIVE", "SMTP"), ("DELIVER", "STOREDRIVER"))
    ]  # fmt: skip
    export.write_text(json.dumps(rows).replace("<", "\\u003c"))
    story = told(exnorm("trace", MESSAGE, export, "--json"))
    assert [(one["address"], one["state"]) for one in story["recipients"]] == [
        ("bo@contoso.test", "delivered")
    ]


def test_what_is_not_there_is_told_with_status_1_and_other_logs_that_name_it(exnorm: Any, logs: Path) -> None:
    ran = exnorm("trace", "<nobody@contoso.test>", logs)
    assert (ran.status, ran.out) == (1, b"")
    assert "no row of message tracking in 3 files names '<nobody@contoso.test>'" in ran.err
    (logs / "RECV2026031708-1.LOG").write_text(RECEIVE_HEADER + "".join(SESSION), newline="")
    ran = exnorm("trace", "<other@contoso.test>", logs)
    assert ran.status == 1
    assert b"MESSAGE-ACCEPTED" in ran.out


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "no MESSAGE given; name its id, or give --subject, --from or --to"),
        (("<x@y>",), "no LOG given; name files or folders behind the message, or - for standard input"),
        (("--subject", "x"), "no LOG given; name files or folders, or - for standard input"),
        (("<x@y>", "not-there"), "no such file or folder: 'not-there'"),
    ],
)
def test_wrong_use_is_told_with_status_2(exnorm: Any, words: tuple[str, ...], reason: str) -> None:
    ran = exnorm("trace", *words)
    assert (ran.status, ran.out) == (2, b"")
    assert reason in ran.err


def test_since_and_until_leave_rows_out(exnorm: Any, logs: Path) -> None:
    story = told(exnorm("trace", MESSAGE, logs, "--json", "--until", "2026-03-17T08:30:02Z"))
    assert story["message"]["rows"] == 9
    assert exnorm("trace", MESSAGE, logs, "--since", "2026-03-18").status == 1


def test_many_messages_are_told_in_order_and_no_more_than_asked_for(exnorm: Any, tmp_path: Path) -> None:
    lines = [
        row(f"08:00:{number:02}.000", "RECEIVE", "A", network_message_id=f"{number:08}-1e63-493a-80a2-08da9a4ff8da",
            message_id=f"<{number}@x>", message_subject=f"Offer {number}")
        for number in range(30)
    ]  # fmt: skip
    folder = write(tmp_path / "logs", A=lines)
    ran = exnorm("trace", "--subject", "offer", folder, "--json")
    assert [json.loads(line)["message"]["subject"] for line in ran.lines] == [f"Offer {n}" for n in range(20)]
    assert "10 more messages match" in ran.err
    assert len(exnorm("trace", "--subject", "offer", folder, "--json", "-n", "3").lines) == 3


def test_control_characters_of_a_log_reach_no_terminal(exnorm: Any, tmp_path: Path) -> None:
    folder = write(tmp_path / "logs", A=[row("08:00:00.000", "RECEIVE", "A", message_subject="\x1b]0;owned\x07",
        recipient_address="\x1b[2J@x", recipient_status="\x9b31m")])  # fmt: skip
    for form in ((), ("--json",)):
        ran = exnorm("trace", MESSAGE, folder, *form)
        assert ran.status == 0
        assert not {0x1B, 0x07} & set(ran.out)
        assert "\x9b" not in ran.out.decode()


def test_the_missing_log_found_tells_the_rest(exnorm: Any, logs: Path) -> None:
    write(logs, HUB2=HUB2)
    story = told(exnorm("trace", MESSAGE, logs, "--json"))
    assert story["missing"] == []
    assert {one["address"]: one["state"] for one in story["recipients"]}["ivy@contoso.test"] == "failed"


def test_a_file_that_cannot_be_read_is_told_and_the_others_are_looked_through(
    exnorm: Any, logs: Path
) -> None:
    (logs / "broken.LOG.gz").write_bytes(gzip.compress((HEADER + "".join(MBX1)).encode() * 50)[:-400])
    ran = exnorm("trace", MESSAGE, logs, "--json")
    assert ran.status == 2
    assert "broken.LOG.gz" in ran.err
    assert json.loads(ran.out)["message"]["rows"] == 16


def test_a_short_internal_id_is_found_among_many_rows_that_hold_its_digits(
    exnorm: Any, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from exnorm.trace import tracer

    monkeypatch.setattr(tracer, "MOST_ROWS", 40)
    others = [
        row(f"10:00:00.{number:03}", "RECEIVE", "OTHER", message_id=f"<{number}@x>", internal_message_id=str(770_000 + number),
            network_message_id=f"{number:08}-1e63-493a-80a2-08da9a4ff8da")
        for number in range(100)
    ]  # fmt: skip
    write(logs, OTHER=others)
    assert told(exnorm("trace", "77", logs, "--json"))["message"]["rows"] == 16
