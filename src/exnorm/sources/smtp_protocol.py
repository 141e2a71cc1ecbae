"""SMTP protocol logs (RECV, SEND) of Exchange 2007 to Subscription Edition.

Each row is an event of its own. ``event-name`` is derived from it, one of a closed set (``EVENTS``); the
state of its session goes with it: endpoints, the server's greeting, the EHLO name, the sender, the AUTH user,
TLS. No state passes a ``+`` row or another remote endpoint. The state is that of the row's number in its
session, whenever the row is read (``smtp_sessions``). Where one Exchange server names the client that it
speaks for (XPROXY), that is the client from there on.

The client is the remote end in a RECV log and the local one in a SEND log. ``#Log-type`` says which log it
is, else the file's name, else a row of the session that is possible in one direction only, else the one end
that has a port of SMTP servers; without any of these, no row names a source or a destination.

The client's words to AUTH are hidden before anything is derived (``smtp_secrets``). ``#Version`` is a
constant in these logs and does not identify the product.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from exnorm.convert import utc_ms
from exnorm.model import Confidence, Head, Reader, Record, Schema, Source, Unparsed
from exnorm.settings import Settings
from exnorm.sources.accounts import split_account
from exnorm.sources.columnar import (
    ColumnarReader,
    Refusal,
    cut_any_way,
    explain_date,
    field_names,
    split_csv,
)
from exnorm.sources.endpoints import split_endpoint
from exnorm.sources.smtp_dialog import (
    EVENTS,
    RECEIVE,
    SEND,
    Phase,
    Said,
    State,
    carry,
    read_row,
)
from exnorm.sources.smtp_secrets import (
    hide_answer,
    hide_command,
    hide_line,
    hide_mention,
    hide_reply,
    hide_sent,
    is_auth,
    is_command,
)
from exnorm.sources.smtp_sessions import Sessions
from exnorm.sources.smtp_texts import read_reply, read_verb
from exnorm.text.lines import join_csv
from exnorm.text.patterns import compile_later

COLUMNS = (
    "date-time", "connector-id", "session-id", "sequence-number", "local-endpoint", "remote-endpoint",
    "event", "data", "context",
)  # fmt: skip
SCHEMAS = (Schema("2007+", COLUMNS),)

DERIVED: Mapping[str, str] = {
    name: column
    for column, names in {
        "": (
            "event-name", "direction", "client-address", "client-port", "server-address", "server-port",
            "local-address", "server-name", "greeting-name", "verb", "ehlo-name", "mail-from", "rcpt-to",
            "auth-type", "auth-user", "auth-domain", "tls", "tls-protocol", "tls-cipher",
            "certificate-subject", "reply-code", "enhanced-status", "message-id", "internal-message-id",
            "queue-id",
            "message-bytes", "tarpit-ms", "reason",
        ),
        "data": ("permissions",),
    }.items()
    for name in names
}  # fmt: skip

_LOG_TYPES = {"smtp receive protocol log": RECEIVE, "smtp send protocol log": SEND}
_FILE_NAME = compile_later(r"(?:^|[^A-Za-z0-9])(RECV|SEND)\d{8,10}-\d+.*\.LOG", re.IGNORECASE)
_TELLTALE = frozenset(("local-endpoint", "remote-endpoint"))
_MARKS = frozenset("+-><*")
_SEQUENCE = compile_later(r"\d{1,10}")
_SESSION = compile_later(r"[0-9A-Fa-f]{16}")
# A client never speaks in these columns.
_NEVER_SECRET = frozenset(COLUMNS) - {"data", "context"}

_SERVER_PORTS = frozenset(("25", "465", "475", "587", "717", "2525"))
_OPENING = frozenset(("EHLO", "HELO", "MAIL"))
_MOST_SAID = 4096  # rows whose reading is remembered: many sessions say the same at the same point
_LONGEST_SAID = 512
_ENDPOINTS = 4096
_LONGEST_NUMBER = 10


# --- recognising ---------------------------------------------------------------------------------


def recognize(head: Head) -> Confidence:
    """Recognize the log by ``#Log-type`` or the endpoints in ``#Fields``; without a header by width, time, id
    and mark.
    """
    log_type = head.directives.get("log-type", "").lower()
    columns, _ = field_names(head.directives.get("fields", ""), COLUMNS)
    if log_type in _LOG_TYPES:
        return Confidence.HEADER
    if _TELLTALE & set(columns):
        return Confidence.COLUMNS if log_type else Confidence.HEADER
    if log_type:
        return Confidence.NO
    if head.line and _is_row(head.line):
        return Confidence.SHAPE
    return Confidence.NAME if _FILE_NAME.search(head.file_name) else Confidence.NO


def _is_row(line: str) -> bool:
    return any(
        len(cells) == len(COLUMNS)
        and utc_ms(cells[0]) is not None
        and is_plausible(dict(zip(COLUMNS, cells)))
        for cells in cut_any_way(line)
    )


def is_plausible(values: Mapping[str, str]) -> bool:
    """Return whether values assigned by column count fit their columns.

    Some writers leave the mark of an information row empty; both endpoints must then be there.
    """
    mark = values.get("event", "")
    return (
        (mark in _MARKS or (not mark and _has_endpoints(values)))
        and _SEQUENCE.fullmatch(values.get("sequence-number", "")) is not None
        and _SESSION.fullmatch(values.get("session-id", "")) is not None
    )


def _has_endpoints(values: Mapping[str, str]) -> bool:
    return all(split_endpoint(values.get(column, ""))[0] for column in ("local-endpoint", "remote-endpoint"))


def find_direction(directives: Mapping[str, str], file_name: str) -> str:
    """Return ``receive`` or ``send`` from ``#Log-type``, else from the file's name, else an empty text."""
    log_type = directives.get("log-type", "").lower()
    found = _FILE_NAME.search(file_name)
    if log_type in _LOG_TYPES or found is None:
        return _LOG_TYPES.get(log_type, "")
    return RECEIVE if found.group(1).upper() == "RECV" else SEND


def learn_direction(mark: str, text: str) -> str:
    """Return the direction of a session from one row's text; empty where both directions are possible."""
    if mark == "<":
        return RECEIVE if read_verb(text) in _OPENING else ""
    if mark != ">":
        return ""
    if read_reply(text) is not None:
        return RECEIVE
    return SEND if is_command(text) else ""


def compare_ports(local: str, remote: str) -> str:
    """Return the direction of a session from its ends; empty unless exactly one has a port of
    SMTP servers.
    """
    # Not split_endpoint: a masked address has a port too.
    serves = local.rpartition(":")[2] in _SERVER_PORTS
    if serves == (remote.rpartition(":")[2] in _SERVER_PORTS):
        return ""
    return RECEIVE if serves else SEND


def finish(record: Record) -> Refusal | None:
    """Read the row's time."""
    moment = record.values.get("date-time", "")
    record.time = utc_ms(moment)
    return None if record.time is not None else explain_date("date-time", hide_line(moment))


# --- reading -------------------------------------------------------------------------------------


class SmtpReader(ColumnarReader):
    """Reads the rows of one log and remembers its sessions."""

    memory = None  # its sessions

    def __init__(self, source: Source, settings: Settings, file_name: str, sessions: Sessions) -> None:
        super().__init__(
            source,
            settings,
            split=split_csv,
            finish=finish,
            name_schema=lambda columns, version: SCHEMAS[0].name,
            plausible=is_plausible,
        )
        self._file_name = file_name
        self._direction = find_direction({}, file_name)
        self._sessions = sessions
        self._said: dict[tuple[Phase, str, str, str, str], Said] = {}

    def header(self, directives: Mapping[str, str]) -> None:
        """Read the columns, and the direction from ``#Log-type``."""
        super().header(directives)
        self._direction = find_direction(directives, self._file_name)

    def record(self, line: str, schema: Schema, values: dict[str, str]) -> Record | Unparsed:
        """Return a record with the values of its row and its session, and with secrets hidden."""
        record = super().record(line, schema, values)
        if isinstance(record, Unparsed):
            return record
        get, now = values.get, record.time or 0
        mark, row = get("event", ""), hash(line)
        key = self._direction, get("session-id", "")
        if not key[1]:  # a row without a session's id stands alone
            record.derived = self._read(record, self._place(record, State()))[0]
            return record
        session, number = self._sessions.find(key, _read_number(get("sequence-number", "")), now)
        state, is_gap = session.before(number, row)
        remote = get("remote-endpoint", "")
        if mark == "+":
            if session.is_over(number, row, now):
                session = self._sessions.restart(key)
            state = State()
        elif remote and state.remote and remote != state.remote:
            session, state = self._sessions.restart(key), State()
        elif is_gap:
            self.evicted += 1
        record.derived, state = self._read(record, self._place(record, state))
        is_end = mark == "-"
        self._sessions.keep(session, number, row, now, State() if is_end else state)
        if is_end:
            self._sessions.end(key)
        if self._sessions.evicted:
            self.evicted += self._sessions.evicted
            self._sessions.evicted = 0
        return record

    def _place(self, record: Record, state: State) -> State:
        """Return the state with the direction and the endpoints that the row gives."""
        get, phase = record.values.get, state.phase
        local, remote = get("local-endpoint", ""), get("remote-endpoint", "")
        if phase.certain and local == state.local and remote == state.remote:
            return state
        if not phase.certain:
            known = self._direction or learn_direction(get("event", ""), get("data", ""))
            direction = known or compare_ports(local, remote)
            phase = phase._replace(certain=bool(known), direction=direction)
        local, remote = carry(local) or state.local, carry(remote) or state.remote
        shown = {**state.shown, **describe_ends(phase.direction, local, remote, get("connector-id", ""))}
        if state.held.get("proxied"):
            shown = {
                **shown,
                **{name: state.shown.get(name, "") for name in ("client-address", "client-port")},
            }
        return State(phase, shown, state.held, local, remote)

    def _read(self, record: Record, state: State) -> tuple[dict[str, str], State]:
        """Return the derived values of a row, and the state after it; secrets are hidden in the record."""
        values, phase = record.values, state.phase
        mark, data, context = values.get("event", ""), values.get("data", ""), values.get("context", "")
        speaker = _find_speaker(mark, data, phase.direction)
        asked = phase, mark, speaker, data, context
        said = self._said.get(asked) if len(values) == len(COLUMNS) else None
        if said is None:
            if _hide(record, phase.auth, speaker):
                record.raw = join_csv(values.values())
            shown = phase, mark, speaker, values.get("data", ""), values.get("context", "")
            said = read_row(*shown)
            if shown == asked and len(data) + len(context) <= _LONGEST_SAID:  # so it holds no secret
                if len(self._said) >= _MOST_SAID:
                    self._said.clear()
                self._said[asked] = said
        derived, after = state.follow(said)
        derived["event-name"] = said.event
        account = split_account(derived.get("auth-user", ""))
        derived["auth-user"], derived["auth-domain"] = account.name, account.domain
        return derived, after


def open_reader(source: Source, head: Head, settings: Settings) -> Reader:
    """Return a reader for one file."""
    return SmtpReader(source, settings, head.file_name, Sessions())


def _read_number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) <= _LONGEST_NUMBER else None


def _find_speaker(mark: str, data: str, direction: str) -> str:
    """Return who wrote ``data``: ``client``, ``server``, or an empty text for nobody."""
    if mark not in ("<", ">"):
        return ""
    if direction:
        return "client" if (mark == "<") == (direction == RECEIVE) else "server"
    return "client" if read_reply(data) is None else "server"


def _hide(record: Record, auth: str, speaker: str) -> bool:
    """Hide the secrets in a row's values; return whether there were any. ``auth`` is the state of AUTH."""
    hidden = False
    for column, value in record.values.items():
        if not value or column in _NEVER_SECRET:
            continue
        if column == "data" and speaker == "client":
            shown = hide_sent(value, auth)
        elif column == "data" and speaker == "server":
            # A text without a reply code may come from the client after all.
            in_auth = auth not in ("", "unknown")
            shown = hide_reply(value, in_auth) if read_reply(value) else hide_sent(value, "")
        else:
            shown = hide_mention(_hide_unknown(value, record) if column not in COLUMNS else value)
        if shown != value:
            record.values[column] = shown
            hidden = True
    return hidden


def _hide_unknown(text: str, record: Record) -> str:
    """Hide secrets in an unknown column, which may be ``data`` under another name where that is missing."""
    if "data" not in record.values:
        return hide_command(text)
    return hide_answer(text) if is_auth(text) else text


@lru_cache(maxsize=_ENDPOINTS)  # the rows of a session share them
def describe_ends(direction: str, local: str, remote: str, connector: str) -> Mapping[str, str]:
    """Return addresses and ports of both sides and this server's name; client and server only for a known
    direction.
    """
    here, there = split_endpoint(local), split_endpoint(remote)
    found = {"local-address": here[0]}
    if direction:
        client, server = (there, here) if direction == RECEIVE else (here, there)
        found["direction"] = direction
        found["client-address"], found["client-port"] = client
        found["server-address"], found["server-port"] = server
        if direction == RECEIVE:
            name, backslash, _ = connector.partition("\\")
            found["server-name"] = name if backslash else ""
    return MappingProxyType(found)


SMTP_PROTOCOL = Source(
    name="smtp_protocol",
    title="Exchange SMTP protocol log",
    columns=COLUMNS,
    derived=DERIVED,
    recognize=recognize,
    open=open_reader,
    event_column="event-name",
    events=frozenset(EVENTS),
    schemas=SCHEMAS,
    agent_log_format="SMTP",
    names=("RECV*.LOG", "SEND*.LOG"),
    redact=hide_line,
)
