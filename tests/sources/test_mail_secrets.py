# ruff: noqa: E501 (rows in one line each)
"""Passwords and tokens of IMAP4 and POP3: in whatever cell they stand, under whatever heading."""

from __future__ import annotations

import json
from typing import Any

import pytest

from exnorm import Normalizer, Record, Unparsed
from exnorm.sources.imap_pop import COLUMNS
from exnorm.sources.mail_secrets import MOST_SESSIONS, Dialogues, hide_arguments, hide_command

IMAP = ",".join(COLUMNS)
SMTP = "date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context"
PASSWORD, BLOB = "Hush77!x", "AG5vcmEASHVzaDc3IXg="
FORMATS: list[dict[str, Any]] = [
    {"taxonomy": "arcsight"},
    {"taxonomy": "arcsight", "format": "json", "keep_original": True},
    {"taxonomy": "jsa"},
    {"taxonomy": "jsa", "format": "wincollect"},
]


def imap_row(command: str, parameters: str = "", context: str = "", session: str = "00000000000000B7") -> str:
    return f"2026-03-17T12:00:01.100Z,{session},2,192.0.2.40:993,198.51.100.62:51000,,14,30,25,{command},{parameters},{context},"


def smtp_row(mark: str, data: str, number: int) -> str:
    return f"2026-03-17T09:00:0{number}.000Z,,08DE77AA00000001,{number},192.0.2.40:143,198.51.100.62:51000,{mark},{data},"


def everything(lines: list[str], **settings: Any) -> tuple[str, int]:
    """All that leaves, parsed or not, and how many rows there are."""
    running = Normalizer(discover_plugins=False, **settings)
    items = list(running.parse(lines, running.stream("some.log")))
    said = []
    for item in items:
        if isinstance(item, Unparsed):
            said += [json.dumps(item.as_dict()), item.raw]
        else:
            assert isinstance(item, Record)
            said += [item.raw, *item.values.values(), *map(str, item.derived.values())]
            said += [str(running.encode_item(event)) for event in running.normalize_record(item)]
    return "\n".join(said), len(items)


DIALOGUES = [
    [imap_row("login", f"nora {PASSWORD}")],
    [imap_row(f"LOGIN nora {PASSWORD}")],
    [imap_row(f"a7 LOGIN nora {PASSWORD}")],
    [imap_row(f"PASS {PASSWORD}")],
    [imap_row("authenticate", f"PLAIN {BLOB}")],
    [imap_row(f"a1 AUTHENTICATE PLAIN {BLOB}")],
    [imap_row("authenticate", "PLAIN"), imap_row(BLOB)],
    [imap_row("authenticate", "PLAIN"), imap_row("", BLOB)],
    [imap_row("authenticate", "XOAUTH2"), imap_row(PASSWORD.replace("!", ""))],
    [imap_row("auth", "LOGIN"), imap_row("bm9yYQ=="), imap_row(BLOB)],
    [imap_row("login", "{4}"), imap_row("nora {8}"), imap_row(PASSWORD)],
    [imap_row("login", "nora {8}"), imap_row("list" + PASSWORD)],
    [imap_row(BLOB)],
    [imap_row(PASSWORD)],
    [imap_row("login", f"nora {PASSWORD}", f'R="a1 NO cannot LOGIN nora {PASSWORD}"')],
]


@pytest.mark.parametrize("settings", FORMATS, ids=str)
@pytest.mark.parametrize("rows", DIALOGUES, ids=lambda rows: " / ".join(row[90:130] for row in rows))
def test_no_row_lets_a_secret_out(rows: list[str], settings: dict[str, Any]) -> None:
    for label in ("IMAP4 Log", "POP3 Log"):
        said, count = everything([f"#Log-type: {label}", f"#Fields: {IMAP}", *rows], **settings)
        assert count == len(rows)
        assert not any(secret in said for secret in (PASSWORD, BLOB, PASSWORD.replace("!", "")))


@pytest.mark.parametrize("label", [
    "SMTP Receive Protocol Log", "Message Tracking Log", "HttpProxy Logs", "Agent Log", "Something Else", "IMAP4 Protocol Log",
])  # fmt: skip
@pytest.mark.parametrize("settings", FORMATS[:3], ids=str)
def test_the_columns_of_imap_are_masked_under_any_heading(label: str, settings: dict[str, Any]) -> None:
    rows = [row for dialogue in DIALOGUES[:6] for row in dialogue]
    for columns in (IMAP, IMAP.replace("dateTime", "date-time"), IMAP.replace("dateTime", "DateTime")):
        said, count = everything([f"#Log-type: {label}", f"#Fields: {columns}", *rows], **settings)
        assert count == len(rows)
        assert PASSWORD not in said
        assert BLOB not in said


@pytest.mark.parametrize(
    "label", ["IMAP4 Protocol Log", "POP3 Protocol Log", "Message Tracking Log", "Something Else"]
)
@pytest.mark.parametrize("settings", FORMATS[:3], ids=str)
def test_the_columns_of_smtp_are_masked_under_any_heading(label: str, settings: dict[str, Any]) -> None:
    sent = [
        f"a7 LOGIN nora {PASSWORD}",
        f"PASS {PASSWORD}",
        "AUTH LOGIN",
        "bm9yYQ==",
        BLOB,
        f"AUTH PLAIN {BLOB}",
        PASSWORD,
    ]
    rows = [smtp_row("<", data, number) for number, data in enumerate(sent)]
    said, count = everything([f"#Log-type: {label}", f"#Fields: {SMTP}", *rows], **settings)
    assert count == len(rows)
    assert PASSWORD not in said
    assert BLOB not in said


def test_a_log_that_says_it_is_of_imap_is_no_log_of_smtp_and_the_reason_says_why() -> None:
    lines = ["#Log-type: IMAP4 Protocol Log", f"#Fields: {SMTP}", smtp_row("<", "a1 NOOP", 1)]
    running = Normalizer(discover_plugins=False)
    (found,) = running.parse(lines, running.stream("IMAP2026031712-1.LOG"))
    assert isinstance(found, Unparsed)
    assert (
        found.reason == "#Log-type is 'IMAP4 Protocol Log', but #Fields names no dateTime as such a log does"
    )


@pytest.mark.parametrize(
    "command", ["fetch", "a7 select INBOX", "opensession", "XYZZY", "", "*", "*****", "UID"]
)
def test_what_is_no_secret_stays(command: str) -> None:
    assert hide_command(command) == command


def test_a_command_of_another_session_says_nothing_of_this_one() -> None:
    dialogues = Dialogues()
    dialogues.hide({"sessionId": "1", "command": "authenticate", "parameters": "PLAIN"}, is_answered=False)
    assert dialogues.hide({"sessionId": "2", "command": "xyzzy"}, is_answered=False) == {}
    assert dialogues.hide({"sessionId": "1", "command": "xyzzy"}, is_answered=False) == {"command": "*****"}
    assert dialogues.hide({"sessionId": "1", "command": "noop"}, is_answered=True) == {}
    assert dialogues.memory == ()


def test_sessions_that_owe_an_answer_are_bounded() -> None:
    dialogues = Dialogues()
    for number in range(3 * MOST_SESSIONS):
        row = {"sessionId": str(number), "command": "authenticate", "parameters": "PLAIN"}
        dialogues.hide(row, is_answered=False)
    assert len(dialogues.memory) == MOST_SESSIONS


@pytest.mark.parametrize(
    ("command", "parameters", "shown"),
    [
        ("auth", " PLAIN", " PLAIN"),
        ("auth", " PLAIN AG5vcmEASHVzaA==", " PLAIN *****"),
        ("authenticate", "  NTLM TlRM", "  NTLM *****"),
        ("auth", " AG5vcmEASHVzaA==", "*****"),
    ],
)
def test_a_blank_before_the_mechanism_changes_nothing(command: str, parameters: str, shown: str) -> None:
    assert hide_arguments(command, parameters) == shown
