"""Rows of other logs that belong to a message: SMTP sessions, agents, connections, web requests.

They are joined by ids only: a session's, the message's own, a mailbox's; never by time alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from exnorm.journey.steps import Step
from exnorm.model import Record
from exnorm.origin import name_server

SMTP, AGENTS, CONNECTIONS = "smtp_protocol", "agent_log", "connectivity"
_SERVERS = {
    SMTP: ("server-name",), "http_proxy": ("ServerHostName",), "iis": ("s-computername",),
    "ews": ("ServerHostName",),
}  # fmt: skip
_SESSIONS = {
    SMTP: "session-id", AGENTS: "SessionId", CONNECTIONS: "session", "http_proxy": "RequestId",
    "iis": "proxy-request-id", "ews": "RequestId",
}  # fmt: skip
_TEXTS = {
    SMTP: ("event", "data", "context"),
    AGENTS: ("Agent", "Event", "Action", "SmtpResponse", "Reason", "ReasonData"),
    CONNECTIONS: ("direction", "Destination", "description"),
    "iis": ("cs-method", "cs-uri-stem", "sc-status"),
    "http_proxy": ("Method", "UrlStem", "HttpStatus", "TargetServer"),
    "ews": ("SoapAction", "HttpStatus"),
}
_LONGEST = 400
_OPENS_MAIL = "MAIL"
_TAKES_MESSAGE = "MESSAGE-ACCEPTED"


class Beside(NamedTuple):
    """A row of another log. ``session`` is its session or request, ``message`` the id that it names."""

    time: int
    log: str
    server: str
    event: str
    text: str
    session: str
    message: str
    path: str
    line_number: int


def read_beside(record: Record) -> Beside:
    """Return the row of a record of any log except message tracking; its source has hidden its secrets."""
    log = record.source.name
    columns = _TEXTS.get(log)
    if columns is None:
        text = record.raw
    else:
        text = " ".join(filter(None, (record.get(column) for column in columns)))
    server = next(filter(None, (record.get(column) for column in _SERVERS.get(log, ()))), "")
    return Beside(
        time=record.time or 0,
        log=log,
        server=name_server(server),
        event=record.event_id,
        text=text[:_LONGEST],
        session=record.get(_SESSIONS[log]) if log in _SESSIONS else "",
        message=record.get("message-id") if log == SMTP else record.get("MessageId"),
        path=record.path,
        line_number=record.line_number,
    )


def find_sessions(steps: Iterable[Step], rows: Iterable[Beside], messages: Iterable[str]) -> set[str]:
    """Return the sessions of these messages: tracking rows name them, or replies name the message."""
    wanted = set(messages)
    found = {step.session for step in steps}
    found |= {row.session for row in rows if row.message and row.message in wanted}
    found |= {session.lower() for session in found}  # connectivity logs write them so too
    return found - {""}


def choose(rows: Iterable[Beside], sessions: set[str], messages: Iterable[str]) -> list[Beside]:
    """Return the rows about these messages, in order; of a session with several messages, only their part."""
    wanted = set(messages)
    by_session: dict[tuple[str, str], list[Beside]] = {}
    chosen: list[Beside] = []
    for row in sorted(set(rows), key=lambda row: (row.time, row.path, row.line_number)):
        if row.log == SMTP and row.session in sessions:
            by_session.setdefault((row.path, row.session), []).append(row)
        else:
            chosen.append(row)
    for session in by_session.values():
        chosen += _cut_session(session, wanted)
    return sorted(chosen, key=lambda row: (row.time, row.path, row.line_number))


def _cut_session(rows: Sequence[Beside], messages: set[str]) -> list[Beside]:
    """Return the session up to its first MAIL, and the parts that transferred these messages."""
    begins = [number for number, row in enumerate(rows) if row.event == _OPENS_MAIL]
    if not any(row.message in messages for row in rows if row.message) or len(begins) < 2:
        return list(rows)
    kept = list(rows[: begins[0]])
    for begin, end in zip(begins, [*begins[1:], len(rows)]):
        if any(row.message in messages for row in rows[begin:end] if row.message):
            kept += rows[begin:end]
    return kept
