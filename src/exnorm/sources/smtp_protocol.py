"""SMTP protocol logs (RECV, SEND) of Exchange 2007 to Subscription Edition.

Each row is an event of its own. ``event-name`` is worked out from it, one of a closed set (``EVENTS``),
and what the session has established by then goes with it: endpoints, the server's greeting, the EHLO
name, the sender, the AUTH user, TLS. Nothing is carried over a ``+`` row or to another remote endpoint.

Which side is the client follows the log: in a RECV log the remote end, in a SEND log the local one. The
log says which it is in ``#Log-type``, else its file's name does, else a row of the session from which
it is certain, else the one end that has a port of SMTP servers; where none does, no row names a source
or a destination.

What clients say to AUTH is hidden before anything is worked out (``smtp_secrets``). ``#Version`` is a
constant in these logs and says nothing of the product.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from exnorm.convert import utc_ms
from exnorm.lines import join_csv
from exnorm.model import Confidence, Head, Reader, Record, Schema, Source, Unparsed
from exnorm.patterns import compile_later
from exnorm.settings import Settings
from exnorm.sources.columnar import (
    ColumnarReader,
    Refusal,
    cut_any_way,
    explain_date,
    field_names,
    split_csv,
)
from exnorm.sources.endpoints import split_endpoint
from exnorm.sources.smtp_secrets import (
    hide_answer,
    hide_command,
    hide_line,
    hide_mention,
    hide_reply,
    is_auth,
    is_command,
    is_masked,
    is_unmistakable,
)
from exnorm.sources.smtp_sessions import Session, Sessions, carry
from exnorm.sources.smtp_texts import (
    Reply,
    read_accepted,
    read_auth_type,
    read_banner,
    read_certificate_subject,
    read_hello,
    read_outgoing_message,
    read_path,
    read_reply,
    read_tarpit,
    read_tls,
    read_verb,
)

COLUMNS = (
    "date-time", "connector-id", "session-id", "sequence-number", "local-endpoint", "remote-endpoint",
    "event", "data", "context",
)  # fmt: skip
SCHEMAS = (Schema("2007+", COLUMNS),)

# fmt: off
EVENTS: Mapping[str, str] = {
    "CONNECT":          "+: the connection is there",
    "CONNECT-FAILURE":  "*: a connection could not be made",
    "DISCONNECT":       "-: either side has ended the session",
    "DISCONNECT-ERROR": "-: the connection broke",
    "EHLO":             "client: EHLO, HELO",
    "STARTTLS":         "client: STARTTLS, X-ANONYMOUSTLS",
    "AUTH":             "client: AUTH, X-EXPS",
    "AUTH-ANSWER":      "client: an answer to a challenge, hidden",
    "MAIL":             "client: MAIL FROM",
    "RCPT":             "client: RCPT TO",
    "DATA":             "client: DATA, BDAT",
    "RSET":             "client: RSET",
    "QUIT":             "client: QUIT",
    "PROXY":            "client: XPROXY and its like, from one Exchange server to another",
    "COMMAND":          "client: anything else",
    "AUTH-CHALLENGE":   "server: 334",
    "AUTH-SUCCESS":     "server: 235; *: authenticated",
    "AUTH-FAILURE":     "server: 535, 504 5.7.4, or another refusal of AUTH; *: why AUTH failed",
    "MESSAGE-ACCEPTED": "server: 250 2.6.0 with the ids of the message that Exchange took over",
    "REPLY-2XX":        "server: another reply of success",
    "REPLY-3XX":        "server: another reply that asks for more",
    "REPLY-4XX":        "server: another refusal for now",
    "REPLY-5XX":        "server: another refusal for good",
    "REPLY":            "server: a text without a reply code that SMTP has",
    "AUTH-USER":        "*: the user that a refused AUTH named",
    "CERTIFICATE":      "*: a certificate that was sent or received",
    "MESSAGE-SENDING":  "*: the message that is about to be sent",
    "PERMISSIONS":      "*: what the session may do",
    "TARPIT":           "*: a reply is held back",
    "TLS":              "*: a handshake succeeded",
    "TLS-FAILURE":      "*: a handshake failed",
    "INFORMATION":      "*: any other remark",
    "OTHER":            "a row whose event is none of + - > < *",
}
# fmt: on
"""The closed set of ``event-name``: which rows have it. ``client`` and ``server`` are who speaks."""

DERIVED: Mapping[str, str] = {
    name: column
    for column, names in {
        "": (
            "event-name", "direction", "client-address", "client-port", "server-address", "server-port",
            "local-address", "server-name", "greeting-name", "verb", "ehlo-name", "mail-from", "rcpt-to",
            "auth-type", "auth-user", "tls", "tls-protocol", "tls-cipher", "certificate-subject",
            "reply-code", "enhanced-status", "message-id", "internal-message-id", "message-bytes",
            "tarpit-ms", "reason",
        ),
        "data": ("permissions",),
    }.items()
    for name in names
}  # fmt: skip

RECEIVE, SEND = "receive", "send"
_LOG_TYPES = {"smtp receive protocol log": RECEIVE, "smtp send protocol log": SEND}
_FILE_NAME = compile_later(r"(?:^|[^A-Za-z0-9])(RECV|SEND)\d{8,10}-\d+.*\.LOG", re.IGNORECASE)
_TELLTALE = frozenset(("local-endpoint", "remote-endpoint"))
_MARKS = frozenset("+-><*")
_SEQUENCE = compile_later(r"\d{1,10}")
_SESSION = compile_later(r"[0-9A-Fa-f]{16}")
# In these no client ever speaks.
_NEVER_SECRET = frozenset(COLUMNS) - {"data", "context"}

_VERB_EVENTS = {
    "EHLO": "EHLO", "HELO": "EHLO", "LHLO": "EHLO", "STARTTLS": "STARTTLS", "X-ANONYMOUSTLS": "STARTTLS",
    "AUTH": "AUTH", "X-EXPS": "AUTH", "MAIL": "MAIL", "RCPT": "RCPT", "DATA": "DATA", "BDAT": "DATA",
    "RSET": "RSET", "QUIT": "QUIT", "XPROXY": "PROXY", "XPROXYFROM": "PROXY", "XPROXYTO": "PROXY",
}  # fmt: skip
_SERVER_PORTS = frozenset(("25", "465", "475", "587", "717", "2525"))
_OPENING = frozenset(("EHLO", "HELO", "MAIL"))
_USER_NAME = compile_later(r"User Name: *(\S.*)", re.IGNORECASE | re.DOTALL)
_AUTH_FAILED = compile_later(
    r"(?:Inbound|Outbound) (?:AUTH|EXPS|X-EXPS|authentication)\b.{0,80}?\bfailed"
    r"(?: because of| because| with error)?:? *(.*)",
    re.IGNORECASE | re.DOTALL,
)
_TLS_FAILED = compile_later(r"TLS negotiation failed(?: with error)? *(.*)", re.IGNORECASE | re.DOTALL)
_CONNECT_FAILED = compile_later(r"Failed to connect\b", re.IGNORECASE)
_CERTIFICATE = compile_later(
    r"(?:Sending|Received|Remote) certificate\b"
    r"|Certificate (?:subject|issuer name|serial number|thumbprint|alternate names)",
    re.IGNORECASE,
)


# --- recognising ---------------------------------------------------------------------------------


def recognize(head: Head) -> Confidence:
    """By ``#Log-type`` or the endpoints in ``#Fields``; without a header by width, time, id and mark."""
    log_type = head.directives.get("log-type", "").lower()
    columns, _ = field_names(head.directives.get("fields", ""), COLUMNS)
    if log_type in _LOG_TYPES or _TELLTALE & set(columns):
        return Confidence.HEADER
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
    """Whether values found by column count stand under the columns they belong to.

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
    """``receive`` or ``send`` from ``#Log-type``, else from the file's name, else nothing."""
    log_type = directives.get("log-type", "").lower()
    found = _FILE_NAME.search(file_name)
    if log_type in _LOG_TYPES or found is None:
        return _LOG_TYPES.get(log_type, "")
    return RECEIVE if found.group(1).upper() == "RECV" else SEND


def learn_direction(mark: str, text: str) -> str:
    """The direction of a session from what one row says, where it can be no other."""
    if mark == "<":
        return RECEIVE if read_verb(text) in _OPENING else ""
    if mark != ">":
        return ""
    if read_reply(text) is not None:
        return RECEIVE
    return SEND if is_command(text) else ""


def compare_ports(local: str, remote: str) -> str:
    """The direction of a session from its ends, where only one of them is a port of SMTP servers."""
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

    def header(self, directives: Mapping[str, str]) -> None:
        """Take the columns, and the direction from ``#Log-type``."""
        super().header(directives)
        self._direction = find_direction(directives, self._file_name)

    def record(self, line: str, schema: Schema, values: dict[str, str]) -> Record | Unparsed:
        """A record with what its row and its session say, and without secrets."""
        record = super().record(line, schema, values)
        if isinstance(record, Unparsed):
            return record
        session = self._follow(record)
        speaker = _find_speaker(record, session)
        if _hide(record, session, speaker):
            record.raw = join_csv(record.values.values())
        record.derived["event-name"] = _read_row(record, session, speaker)
        _add_session(record, session)
        _settle(record, session)
        if record.values.get("event") == "-":
            self._sessions.close(self._key(record))
        return record

    def _key(self, record: Record) -> tuple[str, str]:
        return self._direction, record.values.get("session-id", "")

    def _follow(self, record: Record) -> Session:
        """The row's session; a row without a session's id stands alone."""
        values, key, now = record.values, self._key(record), record.time or 0
        mark, remote = values.get("event", ""), values.get("remote-endpoint", "")
        if not key[1]:
            session = Session(now)
        else:
            session = self._sessions.follow(key, now)
            if mark == "+" or (remote and session.remote and remote != session.remote):
                session = self._sessions.open(key, now)
            self.evicted += self._sessions.evicted
            self._sessions.evicted = 0
        if not session.certain:
            known = self._direction or learn_direction(mark, values.get("data", ""))
            session.certain = bool(known)
            session.direction = known or compare_ports(values.get("local-endpoint", ""), remote)
        session.local = carry(values.get("local-endpoint", "")) or session.local
        session.remote = carry(remote) or session.remote
        return session


def open_reader(source: Source, head: Head, settings: Settings) -> Reader:
    """A reader for one file."""
    return SmtpReader(source, settings, head.file_name, Sessions())


def _find_speaker(record: Record, session: Session) -> str:
    """Who said what is in ``data``: ``client``, ``server``, or nobody."""
    mark = record.values.get("event", "")
    if mark not in ("<", ">"):
        return ""
    if session.direction:
        return "client" if (mark == "<") == (session.direction == RECEIVE) else "server"
    return "client" if read_reply(record.values.get("data", "")) is None else "server"


def _hide(record: Record, session: Session, speaker: str) -> bool:
    """Take the secrets out of a row's values; whether there were any."""
    hidden = False
    for column, value in record.values.items():
        if not value or column in _NEVER_SECRET:
            continue
        if column == "data" and speaker == "client":
            shown = _hide_sent(value, session)
        elif column == "data" and speaker == "server":
            # Who speaks without a reply code may be the client after all.
            shown = hide_reply(value, session.auth != "") if read_reply(value) else hide_command(value)
        else:
            shown = hide_mention(_hide_unknown(value, record) if column not in COLUMNS else value)
        if shown != value:
            record.values[column] = shown
            hidden = True
    return hidden


def _hide_unknown(text: str, record: Record) -> str:
    """A column that is not known; where ``data`` is missing it may be that one under another name."""
    if "data" not in record.values:
        return hide_command(text)
    return hide_answer(text) if is_auth(text) else text


def _hide_sent(text: str, session: Session) -> str:
    if not session.auth:
        return hide_command(text)
    known = is_unmistakable(text) or (session.auth == "failed" and is_command(text))
    return text if known else hide_answer(text)


def _read_row(record: Record, session: Session, speaker: str) -> str:
    """The row's ``event-name``; what the row says goes to ``record.derived`` and to the session."""
    values = record.values
    mark, data, context = values.get("event", ""), values.get("data", ""), values.get("context", "")
    if speaker == "client":
        return _read_command(data, record.derived, session)
    if speaker == "server":
        return _read_reply(data, record.derived, session)
    if mark == "*":
        return _read_remark(data, context, record.derived, session)
    if mark == "-":
        record.derived["reason"] = context or data
        return "DISCONNECT-ERROR" if "error" in (context or data).lower() else "DISCONNECT"
    return "CONNECT" if mark == "+" else "OTHER"


def _read_command(text: str, derived: dict[str, str], session: Session) -> str:
    verb = read_verb(text)
    if verb in ("AUTH", "X-EXPS"):
        session.auth, session.auth_type = "open", read_auth_type(text)
    elif session.auth in ("open", "challenged") and not is_unmistakable(text):
        session.auth = "open"
        return "AUTH-ANSWER"
    elif is_masked(text):
        return "AUTH-ANSWER"
    elif session.auth != "failed":
        session.auth = session.auth_type = ""
    session.spoken, session.claimed_user = True, ""
    derived["verb"] = verb
    if verb in ("EHLO", "HELO", "LHLO"):
        name = read_hello(text)
        derived["ehlo-name"] = name
        session.ehlo, session.sender = carry(name), ""
    elif verb == "MAIL":
        derived["mail-from"] = read_path(text)
        session.sender, session.sender_waits = carry(derived["mail-from"]), True
    elif verb == "RCPT":
        derived["rcpt-to"] = read_path(text)
    elif verb == "RSET":
        session.sender = ""
    return _VERB_EVENTS.get(verb, "COMMAND")


def _read_reply(text: str, derived: dict[str, str], session: Session) -> str:
    reply = read_reply(text)
    if reply is None:
        return "REPLY"
    derived["reply-code"], derived["enhanced-status"] = reply.code, reply.status
    if reply.code[0] in "45":
        derived["reason"] = reply.text
    if reply.code == "220" and not session.spoken and not session.greeting:
        session.greeting = carry(read_banner(text))
    result = _read_auth_result(reply, session)
    if result:
        return result
    accepted = read_accepted(text)
    if accepted is not None:
        derived["message-id"], derived["message-bytes"] = accepted.message_id, accepted.size
        if session.direction == RECEIVE:  # otherwise it is an id of another server
            derived["internal-message-id"] = accepted.internal_id
        return "MESSAGE-ACCEPTED"
    return f"REPLY-{reply.code[0]}XX" if reply.code[0] in "2345" else "REPLY"


def _read_auth_result(reply: Reply, session: Session) -> str:
    refused = reply.code[0] in "45" and session.auth in ("open", "challenged")
    if reply.code == "334":
        session.auth = "challenged"
        return "AUTH-CHALLENGE"
    if reply.code == "235":
        session.auth = ""
        session.user, session.claimed_user = session.claimed_user or session.user, ""
        return "AUTH-SUCCESS"
    if refused or reply.code == "535" or (reply.code, reply.status) == ("504", "5.7.4"):
        session.auth = "failed"
        return "AUTH-FAILURE"
    if session.auth != "failed":
        session.auth = ""
    return ""


def _read_remark(data: str, context: str, derived: dict[str, str], session: Session) -> str:
    """A remark of Exchange's own: mostly in ``context``, in some versions in ``data``."""
    kind = context.strip().lower()
    if kind == "authenticated":
        session.user, session.claimed_user, session.auth = carry(data), "", ""
        return "AUTH-SUCCESS"
    if kind == "set session permissions":
        derived["permissions"] = data
        return "PERMISSIONS"
    if _CERTIFICATE.match(context):
        combined = "" if kind.startswith("certificate") else read_certificate_subject(data)
        derived["certificate-subject"] = data if kind == "certificate subject" else combined
        return "CERTIFICATE"
    for text in (context, data):
        name = _read_remark_text(text, derived, session) if text else ""
        if name:
            return name
    return "INFORMATION"


def _read_remark_text(text: str, derived: dict[str, str], session: Session) -> str:  # noqa: PLR0911
    tls = read_tls(text)
    if tls is not None:
        session.tls_protocol, session.tls_cipher = carry(tls[0]), carry(tls[1])
        return "TLS"
    tarpit = read_tarpit(text)
    if tarpit is not None:
        derived["tarpit-ms"], derived["reason"] = str(tarpit[0]), tarpit[1]
        return "TARPIT"
    user = _USER_NAME.fullmatch(text)
    if user is not None:
        session.claimed_user = carry(user.group(1))
        return "AUTH-USER"
    failed = _AUTH_FAILED.match(text)
    if failed is not None:
        session.auth, derived["reason"] = "failed", failed.group(1)
        return "AUTH-FAILURE"
    failed = _TLS_FAILED.match(text)
    if failed is not None:
        derived["reason"] = failed.group(1)
        return "TLS-FAILURE"
    if _CONNECT_FAILED.match(text):
        derived["reason"] = text
        return "CONNECT-FAILURE"
    message_id = read_outgoing_message(text)
    if message_id:
        derived["message-id"] = message_id
        return "MESSAGE-SENDING"
    return ""


def _add_session(record: Record, session: Session) -> None:
    """What the session has established goes with the row; what the row says itself stays."""
    derived = record.derived
    local, remote = split_endpoint(session.local), split_endpoint(session.remote)
    derived["local-address"] = local[0]
    if session.direction:
        receives = session.direction == RECEIVE
        client, server = (remote, local) if receives else (local, remote)
        derived["direction"] = session.direction
        derived["client-address"], derived["client-port"] = client
        derived["server-address"], derived["server-port"] = server
        if receives:
            name, backslash, _ = record.values.get("connector-id", "").partition("\\")
            derived["server-name"] = name if backslash else ""
    derived.setdefault("ehlo-name", session.ehlo)
    derived.setdefault("mail-from", session.sender)
    derived["greeting-name"] = session.greeting
    derived["auth-user"] = session.claimed_user or session.user
    derived["auth-type"] = session.auth_type
    derived["tls-protocol"], derived["tls-cipher"] = session.tls_protocol, session.tls_cipher
    derived["tls"] = f"{session.tls_protocol} {session.tls_cipher}".strip()


def _settle(record: Record, session: Session) -> None:
    """What a reply ends goes with it, but not with the rows after it."""
    name, code = record.derived["event-name"], record.derived.get("reply-code", "")
    if code and name in ("AUTH-SUCCESS", "AUTH-FAILURE"):
        session.claimed_user = session.auth_type = ""
    elif name == "MESSAGE-ACCEPTED" or (session.sender_waits and code[:1] in ("4", "5")):
        session.sender = ""
    if code:
        session.sender_waits = False


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
