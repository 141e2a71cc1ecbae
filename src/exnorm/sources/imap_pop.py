"""IMAP4 and POP3 protocol logs: one row for each command of a session.

``parameters`` may contain a password or a token; its secret part is replaced by ``*****``, in the value and
in the raw line, before anything else sees the row. Exchange usually writes that mask itself. The log names no
events: the event is derived from the command and from the reply in ``context``. In a row that cannot be
parsed, everything after such a command is hidden up to the reply.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from exnorm.convert import utc_ms
from exnorm.errors import quote
from exnorm.model import Head, Reader, Record, Schema, Source, Unparsed
from exnorm.settings import Settings
from exnorm.sources.accounts import split_account
from exnorm.sources.columnar import ColumnarReader, Refusal, explain_date, split_csv
from exnorm.sources.endpoints import describe_endpoint, split_endpoint
from exnorm.sources.mail_secrets import LITERAL, Dialogues, hide_answers, hide_line
from exnorm.sources.mask import MASK
from exnorm.sources.recognition import recognize_columnar
from exnorm.text.lines import join_csv
from exnorm.text.patterns import compile_later

COLUMNS = (
    "dateTime", "sessionId", "seqNumber", "sIp", "cIp", "user", "duration", "rqsize", "rpsize",
    "command", "parameters", "context", "puid",
)  # fmt: skip

SCHEMAS = (
    Schema("without puid", COLUMNS[:12]),
    Schema("with puid", COLUMNS),
)

EVENTS = frozenset((
    "AUTH-ATTEMPT", "AUTH-FAILURE", "AUTH-SUCCESS", "COMMAND", "COMMAND-FAILURE", "SESSION-CLOSE",
    "SESSION-OPEN",
))  # fmt: skip

_LOG_TYPE = compile_later(r"(IMAP|POP)[34]?\b.*", re.IGNORECASE)
_FILE_NAME = compile_later(r"(IMAP|POP)[34]?(?:BE)?_?\d{8,10}-\d+.*\.LOG.*", re.IGNORECASE)
_PROTOCOLS = {"imap": "IMAP4", "pop": "POP3"}
# Ports of the server: for clients without and with TLS, and for the front end's sessions with the back end.
_PORTS = {"143": "IMAP4", "993": "IMAP4", "1993": "IMAP4", "110": "POP3", "995": "POP3", "1995": "POP3"}
# Every version has these, and no other log of Exchange has them.
_TELLTALE = frozenset(("sIp", "cIp", "rqsize", "rpsize"))
_SHAPES = {
    "sessionId": compile_later(r"[0-9A-Fa-f-]+"),
    "seqNumber": compile_later(r"\d+"),
    "duration": compile_later(r"\d*"),
    "rqsize": compile_later(r"\d*"),
    "rpsize": compile_later(r"\d*"),
    "command": compile_later(r"[^\s=]*"),
}
_ENDPOINTS = ("sIp", "cIp")
_MEMBER = compile_later(r'(?:^|;)\s*(R|Msg|ErrMsg)=("(?:[^"]|"")*"|[^;]*)')
# login begins with the user, authenticate with the mechanism: only the words after that are secret.
_FIRST_WORD = compile_later(r'("(?:[^"\\]|\\.)*"|\S*)(\s+)(\S.*)', re.DOTALL)
_MASKED = compile_later(r"(?:.*\s)?\*+", re.DOTALL)
_SECRET_AFTER_FIRST_WORD = frozenset(("login", "authenticate", "auth", "apop"))
_SECRET_WHOLE = frozenset(("pass",))
# In a row that cannot be split: the command after its three numbers, and the reply.
_COMMAND_CELL = compile_later(
    r'(?:^|[,;\t]\d+[,;\t]|(?:[,;\t]\d*){3}[,;\t]) {0,8}"?'
    r'(?:login|authenticate|auth|apop|pass)"? {0,8}[,;\t]',
    re.IGNORECASE,
)
_REPLY_CELL = compile_later(r'[,;\t] {0,8}"?(?:R|Msg|ErrMsg)=')
_NAMES_USER = frozenset(("login", "user", "apop"))
_AUTHENTICATES = _SECRET_AFTER_FIRST_WORD | _SECRET_WHOLE
_GOOD = frozenset(("OK", "+OK"))
_BAD = frozenset(("NO", "BAD", "-ERR"))


def name_protocol(log_type: str, file_name: str) -> str:
    """Return ``IMAP4`` or ``POP3``, by the log type, else by the file name; empty where neither names it."""
    found = _LOG_TYPE.fullmatch(log_type) or _FILE_NAME.fullmatch(file_name)
    return _PROTOCOLS[found.group(1).lower()] if found is not None else ""


def name_version(version: str) -> str:
    """Return the build of ``#Version``; empty for the constant that the log writers put there."""
    return "" if version.endswith(".0.0.0") else version


def read_context(context: str) -> dict[str, str]:
    """Return ``R``, ``Msg`` and ``ErrMsg`` of a context without their quotes; of a repeated one the first."""
    found: dict[str, str] = {}
    for key, value in _MEMBER.findall(context):
        quoted = value.startswith('"')
        found.setdefault(key, value[1:-1].replace('""', '"') if quoted else value)
    return found


def judge(reply: Mapping[str, str]) -> str:
    """Return ``success`` or ``failure`` by the reply's status word; empty for an unknown or missing one.

    The status is the first word, or the second after the client's tag: ``a2 NO LOGIN failed.``
    """
    words = reply.get("R", "").upper().split(None, 2)[:2]
    status = next((word for word in words if word in _GOOD or word in _BAD), "")
    if reply.get("ErrMsg") or status in _BAD:
        return "failure"
    return "success" if status else ""


def name_event(command: str, parameters: str, user: str, outcome: str) -> str:
    """Return the event of a row.

    The server answers ``user`` with OK for any name, so OK is not a success; a refusal is a failure. ``auth``
    without a mechanism and without a user only asks for the list of mechanisms.
    """
    word = command.lower()
    sessions = {"opensession": "SESSION-OPEN", "closesession": "SESSION-CLOSE"}
    if word in sessions:
        return sessions[word]
    asks = word in _AUTHENTICATES and bool(word == "pass" or parameters or user)
    if asks or (word == "user" and outcome == "failure"):
        return {"success": "AUTH-SUCCESS", "failure": "AUTH-FAILURE"}.get(outcome, "AUTH-ATTEMPT")
    return "COMMAND-FAILURE" if outcome == "failure" else "COMMAND"


def redact_line(line: str) -> str:
    """Return an unparsed row with everything between such a command and the last reply hidden."""
    found = _COMMAND_CELL.search(line)
    if found is None:
        return hide_line(line)
    begin, end = found.end(), len(line)
    for reply in _REPLY_CELL.finditer(line, begin - 1):
        end = max(reply.start(), begin)
    said = line[begin:end].strip('" ,')
    return line if not said or _MASKED.fullmatch(said) else f"{line[:begin]}{MASK}{line[end:]}"


def name_user(command: str, parameters: str) -> str:
    """Return the user that a logon command names; empty for other commands."""
    word = command.lower()
    if word not in _NAMES_USER:
        return ""
    given = parameters.strip()
    found = None if word == "user" else _FIRST_WORD.fullmatch(given)
    name = given if found is None else found.group(1)
    is_masked = set(name) <= {"*", " "}
    comes_later = LITERAL.fullmatch(name) is not None  # {4}: the next line is the name
    return "" if is_masked or comes_later else name.strip('"')


def finish(record: Record) -> Refusal | None:
    """Read the row's time, hide secrets, derive the event, the reply, the user and both endpoints."""
    values, derived = record.values, record.derived
    moment = values.get("dateTime", "")
    record.time = utc_ms(moment)
    if record.time is None:
        return explain_date("dateTime", moment)
    command, parameters = values.get("command", ""), values.get("parameters", "")
    reply = read_context(values.get("context", ""))
    outcome = judge(reply)
    derived["event"] = name_event(command, parameters, values.get("user", ""), outcome)
    derived["outcome"] = outcome
    derived["reason"] = (reply.get("ErrMsg") or reply.get("R", "")) if outcome == "failure" else ""
    account = split_account(values.get("user", "") or name_user(command, parameters))
    derived["user-domain"], derived["user-name"], derived["user-mailbox"] = account
    derived["product-version"] = name_version(record.schema.version)
    describe_endpoint(derived, values.get("sIp", ""), "server-address", "server-port")
    describe_endpoint(derived, values.get("cIp", ""), "client-address", "client-port")
    return None


def is_plausible(values: Mapping[str, str]) -> bool:
    """Return whether values assigned by column count fit their columns."""
    endpoints = [values.get(column, "") for column in _ENDPOINTS]
    return all(
        shape.fullmatch(values.get(column, "")) is not None for column, shape in _SHAPES.items()
    ) and any(split_endpoint(text)[0] for text in endpoints)


class ImapPopReader(ColumnarReader):
    """Reads the rows of one log; header, file name or port decide between IMAP4 and POP3, in this order."""

    def __init__(self, source: Source, settings: Settings, file_name: str) -> None:
        super().__init__(source, settings, split=split_csv, finish=finish, plausible=is_plausible)
        self._file_name = file_name
        self._protocol = name_protocol("", file_name)
        self._dialogues = Dialogues()
        self._mislabelled = ""

    @property
    def memory(self) -> object:
        """The memory of ``ColumnarReader``, and the sessions that owe an answer."""
        memory = super().memory
        return None if memory is None else (memory, self._dialogues.memory, self._mislabelled)

    def read(self, line: str) -> Record | Unparsed | None:
        """Read one row as a record; an unparsed row is returned with a possible answer to a logon hidden."""
        found = super().read(line)
        if not isinstance(found, Unparsed):
            return found
        kind, reason = ("syntax", self._mislabelled) if self._mislabelled else (found.kind, found.reason)
        return Unparsed(hide_answers(found.raw), kind, reason)

    def header(self, directives: Mapping[str, str]) -> None:
        """Read the columns, the version and the protocol."""
        super().header(directives)
        stated, named = directives.get("log-type", ""), directives.get("fields", "")
        self._protocol = name_protocol(stated, self._file_name)
        columns = set(self.schema.columns) if self.schema is not None else set()
        self._mislabelled = ""
        if named and stated and COLUMNS[0] not in columns:
            self._mislabelled = (
                f"#Log-type is {quote(stated)}, but #Fields names no {COLUMNS[0]} as such a log does"
            )

    def record(self, line: str, schema: Schema, values: dict[str, str]) -> Record | Unparsed:
        """Return a record without secrets, with its protocol."""
        answered = bool(judge(read_context(values.get("context", ""))))
        hidden = self._dialogues.hide(values, is_answered=answered)
        if hidden:
            values = {**values, **hidden}
            line = join_csv(values.values())
        found = super().record(line, schema, values)
        if isinstance(found, Record):
            port = found.derived.get("server-port", "")
            found.derived["protocol"] = self._protocol or _PORTS.get(port, "")
        return found


def open_reader(source: Source, head: Head, settings: Settings) -> Reader:
    """Return a reader for one file."""
    return ImapPopReader(source, settings, head.file_name)


IMAP_POP = Source(
    name="imap_pop",
    title="Exchange IMAP4 and POP3 protocol log",
    columns=COLUMNS,
    derived={
        "event": "",
        "outcome": "",
        "reason": "",
        "user-domain": "",
        "user-name": "user",
        "user-mailbox": "",
        "protocol": "",
        "product-version": "",
        "server-address": "sIp",
        "server-port": "",
        "client-address": "cIp",
        "client-port": "",
    },
    recognize=recognize_columnar(
        SCHEMAS, log_type=_LOG_TYPE, telltale=_TELLTALE, plausible=is_plausible, file_name=_FILE_NAME
    ),
    open=open_reader,
    event_column="event",
    events=EVENTS,
    schemas=SCHEMAS,
    redact=redact_line,
    agent_log_format="IMAP4POP3",
    names=("IMAP4*.LOG", "POP3*.LOG"),
)
