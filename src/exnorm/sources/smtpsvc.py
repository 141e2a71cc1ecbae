"""The W3C log of the SMTP service of IIS, which Exchange 2000 and 2003 use to send and receive mail.

A row is one command of a client (``cs-method`` the verb, ``cs-uri-query`` its argument, ``sc-status`` our
reply), or, where ``cs-username`` is ``OutboundConnectionCommand`` or ``OutboundConnectionResponse``, one line
that we sent to or received from another server; ``c-ip`` is the other side in both. After AUTH the client
sends its password in plain base64: it is replaced before anything else is done with the line.

The rows have no number and no session id. So each stands alone: no value is carried from one row to another,
and rows that come late, again or in another order give the same events. Only hiding depends on earlier rows:
while an AUTH of the same other side is open, every word that is not a command is hidden; otherwise a word
that stands alone, and words that look like base64.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from exnorm.model import Confidence, Head, Reader, Record, Schema, Source, Unparsed
from exnorm.settings import Settings
from exnorm.sources.mask import MASK
from exnorm.sources.smtp_secrets import looks_secret
from exnorm.sources.w3c import (
    SMTP,
    SMTP_VERBS,
    W3cReader,
    find_service,
    has_header,
    has_name,
    split_blanks,
)
from exnorm.text.patterns import compile_later

COLUMNS = (
    "date", "time", "c-ip", "cs-username", "s-sitename", "s-computername", "s-ip", "s-port", "cs-method",
    "cs-uri-stem", "cs-uri-query", "sc-status", "sc-win32-status", "sc-bytes", "cs-bytes", "time-taken",
    "cs-version", "cs-host", "cs(User-Agent)", "cs(Cookie)", "cs(Referer)",
)  # fmt: skip

INBOUND = "inbound"
OUTBOUND = "outbound"
OUTBOUND_REPLY = "outbound reply"
_DIRECTIONS = {
    "outboundconnectioncommand": OUTBOUND,
    "outboundconnectionresponse": OUTBOUND_REPLY,
}

SESSION_START = "SESSION-START"
SESSION_END = "SESSION-END"
LOGON_SUCCESS = "LOGON-SUCCESS"
LOGON_FAILURE = "LOGON-FAILURE"
ACCEPTED = "ACCEPTED"
"""A 250 to DATA, or to the last BDAT: the message is taken over."""
REJECTED = "REJECTED"
DELAYED = "DELAYED"
IN_PROGRESS = "IN-PROGRESS"
OUTCOMES = frozenset(
    (SESSION_START, SESSION_END, LOGON_SUCCESS, LOGON_FAILURE, ACCEPTED, REJECTED, DELAYED, IN_PROGRESS)
)

OTHER_VERB = "OTHER"
"""For a verb that is no command of SMTP: clients may send any text, event names must not be any."""

SECRET_VERBS = frozenset(("AUTH", "X-EXPS"))
MECHANISMS = frozenset((
    "LOGIN", "PLAIN", "NTLM", "GSSAPI", "GSS-SPNEGO", "NEGOTIATE", "KERBEROS", "CRAM-MD5", "DIGEST-MD5",
    "SCRAM-SHA-1", "SCRAM-SHA-256", "XOAUTH2", "OAUTHBEARER", "EXTERNAL", "ANONYMOUS", "EXCHANGEAUTH",
))  # fmt: skip
_MECHANISM = compile_later(r"(\+*([^+]*))(\+.*)?", re.DOTALL)
_AUTH_TAIL = compile_later(r"((?:^|[ +])(?:AUTH|X-EXPS))(?![\w=-]).+", re.IGNORECASE | re.DOTALL)
_NO_SECRET = compile_later(r"[\d.:-]*|SMTP(?:SVC\d+)?|OutboundConnection(?:Command|Response)", re.IGNORECASE)
_MIXED = compile_later(r"[a-z][A-Z]|[A-Z][a-z]+[0-9][a-z]*[A-Z]|[a-z][0-9]+[A-Z]")
_TIMED = compile_later(r"(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d ")
_ROW = compile_later(r"^(?:\S+ )?\d\d:\d\d:\d\d | SMTPSVC\d| (?:AUTH|X-EXPS) (?:- )?\+", re.IGNORECASE)
MAX_DIALOGUES = 1024

_BLANK = compile_later(r"<[^<>]*>|\+")
# Without brackets an address ends before the first ESMTP parameter, not at a "+" inside it.
_PARAMETER = compile_later(
    r"\+(?:SIZE|BODY|AUTH|RET|ENVID|NOTIFY|ORCPT|BY|HOLDFOR|HOLDUNTIL|MT-PRIORITY|X[A-Z0-9-]*)=",
    re.IGNORECASE,
)
_LAST = compile_later(r"\+*(?:\d+\+)?(?:LAST|<[^<>\s]+>)\+*", re.IGNORECASE)
_MESSAGE_ID = compile_later(r"\+*(<[^<>\s]+>)\+*")
_REPLY = compile_later(r"([2-5]\d\d)(?:[+ -].*)?", re.DOTALL)


def recognize(head: Head) -> Confidence:
    """Recognize the log by an IIS header with a row, or in a folder, of the SMTP service; without a header by
    the row.
    """
    if find_service(head) != SMTP:
        return Confidence.NO
    if has_header(head):
        return Confidence.HEADER
    if {"fields", "software", "log-type"} & set(head.directives):
        return Confidence.NO
    if _TIMED.match(head.line):  # it cannot be read without a header, but the reason is then true
        return Confidence.SHAPE
    return Confidence.NAME if has_name(head) else Confidence.NO


# --- secrets -------------------------------------------------------------------------------------


def redact_argument(argument: str) -> str:
    """Return the argument of AUTH with everything hidden but the mechanism's name."""
    if argument in ("", "-"):
        return argument
    found = _MECHANISM.fullmatch(argument)
    if found is None or found.group(2).upper() not in MECHANISMS:
        return MASK
    return argument if not (found.group(3) or "").strip("+") else f"{found.group(1)}+{MASK}"


def redact_all(text: str) -> str:
    """Return a text hidden as a whole, if there is any."""
    return text if text in ("", "-") else MASK


def redact_line(line: str, values: Mapping[str, str], shown: Mapping[str, str]) -> str:
    """Return the line that ``values`` were split from, with the hidden ones replaced in it."""
    if split_blanks(line) == list(values.values()):
        return " ".join(shown.values())
    for column, value in values.items():
        if shown[column] != value:
            line = line.replace(value, shown[column])
    return line


def redact_text(line: str) -> str:
    """Return a line whose columns are unknown, with everything hidden that follows an AUTH or looks like its
    argument.
    """
    return " ".join(map(_redact_blob, _AUTH_TAIL.sub(rf"\1 {MASK}", line).split(" ")))


def _redact_blob(word: str) -> str:
    """Hide a word of base64, recognized by an ending or a mixture of letters that server names
    do not have.
    """
    text = word.strip("+")
    is_blob = (
        len(text) >= 8 and looks_secret(text) and (text.endswith("=") or _MIXED.search(text) is not None)
    )
    return MASK if is_blob else word


def redact_row(line: str) -> str:
    """Apply ``redact_text`` to a line that may be of another log, if it is a row of this one."""
    return redact_text(line) if _ROW.search(line) else line


def redact_words(line: str) -> str:
    """Hide all words but numbers in a line while an answer to AUTH is due, unless it contains a command."""
    words = line.split(" ")
    if any(word.upper() in SMTP_VERBS - SECRET_VERBS for word in words):
        return redact_text(line)
    return " ".join(word if _NO_SECRET.fullmatch(word) else redact_all(word) for word in words)


def redact_word(text: str) -> str:
    """Hide a word that looks like base64, as an answer to AUTH does."""
    return MASK if looks_secret(text.strip("+")) else text


# --- what the columns say together ---------------------------------------------------------------


def read_blanks(argument: str) -> str:
    """Return the argument with blanks for ``+``, except between ``<`` and ``>``, where it is part of the
    address.
    """
    return _BLANK.sub(lambda found: " " if found.group() == "+" else found.group(), argument).strip()


def find_address(argument: str) -> str:
    """Return the address in the argument of MAIL or RCPT; empty for the null sender."""
    word, _, path = argument.strip("+").partition(":")
    if word.upper() not in ("FROM", "TO"):
        return ""
    path = path.lstrip("+")
    if path.startswith("<"):
        address, bracket, _ = path[1:].partition(">")
        return address if bracket else ""
    parameter = _PARAMETER.search(path)
    return path if parameter is None else path[: parameter.start()].rstrip("+")


def find_reply(direction: str, status: str, argument: str) -> str:
    """Return the reply code: ours from ``sc-status``, another server's from its text."""
    found = _REPLY.fullmatch(argument if direction == OUTBOUND_REPLY else status)
    return "" if found is None else found.group(1)


def judge(verb: str, reply: str, argument: str = "") -> str:
    """Return the meaning of a command or a reply for the session, as one of ``OUTCOMES``."""
    refused = reply[:1] in ("4", "5")
    if reply in ("235", "535") or (verb in SECRET_VERBS and (refused or reply[:1] == "2")):
        return LOGON_FAILURE if refused else LOGON_SUCCESS
    if refused:
        return REJECTED if reply[0] == "5" else DELAYED
    if reply == "250" and (verb == "DATA" or (verb == "BDAT" and _LAST.fullmatch(argument))):
        return ACCEPTED
    if (
        verb in ("EHLO", "HELO") and reply[:1] == "2"
    ):  # what the other side answers to ours has a row of its own
        return SESSION_START
    return SESSION_END if verb == "QUIT" else IN_PROGRESS


def name_verb(method: str, direction: str) -> str:
    """Return the verb in the form that event names use."""
    if direction == OUTBOUND_REPLY:
        return "REPLY"
    return method.upper() if method.upper() in SMTP_VERBS else OTHER_VERB


def complete(record: Record) -> None:
    """Derive the values that tables need; ``record.time`` and the columns are known."""
    get, derived = record.get, record.derived
    name, argument = get("cs-username"), get("cs-uri-query")
    direction = _DIRECTIONS.get(name.lower(), INBOUND)
    verb = name_verb(get("cs-method"), direction)
    reply = find_reply(direction, get("sc-status"), argument)
    outcome = judge(verb, reply, argument)
    side = "" if direction == INBOUND else "OUTBOUND-"
    derived["direction"] = direction
    derived["outcome"] = outcome
    derived["event"] = f"{side}{verb}:{outcome}"
    derived["verb-reply"] = f"{side}{verb} {reply}".strip()
    derived["reply-code"] = reply
    derived["argument"] = read_blanks(argument)
    if direction == INBOUND:
        derived["client-name"] = name
    if verb == "MAIL":
        derived["sender"] = find_address(argument)
    elif verb == "RCPT":
        derived["recipient"] = find_address(argument)
    elif verb in ("DATA", "BDAT"):
        found = _MESSAGE_ID.fullmatch(argument)
        derived["message-id"] = "" if found is None else found.group(1)


class SmtpsvcReader(W3cReader):
    """Reads rows of the SMTP service and hides the secrets in them."""

    def __init__(self, source: Source, settings: Settings) -> None:
        super().__init__(source, settings, complete)
        self._authenticating: dict[str, None] = {}  # the other sides that are between AUTH and its end
        self._has_auth = (
            False  # whether a row that did not parse had AUTH, and none since had another command
        )

    def read(self, line: str) -> Record | Unparsed | None:
        """Read one row as a record; secrets are hidden in unparsed rows too."""
        found = super().read(line)
        if isinstance(found, Unparsed):
            hide = redact_words if self._authenticating or self._has_auth else redact_text
            words = {word.upper() for word in found.raw.split(" ")}
            if not words.isdisjoint(SMTP_VERBS):
                self._has_auth = not words.isdisjoint(SECRET_VERBS)
            return Unparsed(hide(found.raw), found.kind, found.reason)
        return found

    def record(self, line: str, schema: Schema, values: dict[str, str]) -> Record | Unparsed:
        """Return a record from values by column, wherever they were split."""
        hidden = self._hide(values)
        if not hidden:
            return super().record(line, schema, values)
        shown = {**values, **hidden}
        return super().record(redact_line(line, values, shown), schema, shown)

    def _hide(self, values: dict[str, str]) -> dict[str, str]:
        """Return the replacements for the columns that contain a secret."""
        client, method = values.get("c-ip", ""), values.get("cs-method", "").upper()
        if _DIRECTIONS.get(values.get("cs-username", "").lower()) == OUTBOUND_REPLY:
            return {}
        if method in SECRET_VERBS:
            self._remember(client)
            return _redact(values, ("cs-uri-stem", "cs-uri-query"), redact_argument)
        if client not in self._authenticating:
            if method in SMTP_VERBS:
                return {}
            # A log may begin in the middle of a dialogue, and rows may come late.
            is_alone = values.get("cs-uri-query", "") in ("", "-")
            redact = redact_all if is_alone else redact_word
            return _redact(values, ("cs-method", "cs-uri-query"), redact)
        if method not in SMTP_VERBS:
            # Not a command, so the client's answer to our challenge: its name or its password.
            return _redact(values, ("cs-method", "cs-uri-stem", "cs-uri-query"), redact_all)
        del self._authenticating[client]
        return {}

    def _remember(self, client: str) -> None:
        self._authenticating[client] = None
        if len(self._authenticating) > MAX_DIALOGUES:
            del self._authenticating[next(iter(self._authenticating))]


def _redact(values: dict[str, str], columns: Iterable[str], redact: Callable[[str], str]) -> dict[str, str]:
    return {column: redact(values[column]) for column in columns if column in values}


def open_reader(source: Source, head: Head, settings: Settings) -> Reader:
    """Return a reader for one file."""
    return SmtpsvcReader(source, settings)


SMTPSVC = Source(
    name="smtpsvc",
    title="SMTP protocol log of Exchange 2000 and 2003 (IIS SMTP service)",
    columns=COLUMNS,
    derived={
        "date-time": ("date", "time"),
        "product-version": "",
        "direction": "",
        "outcome": "",
        "event": "",
        "verb-reply": "",
        "reply-code": "sc-status",
        "argument": "cs-uri-query",
        "client-name": "cs-username",
        "sender": "",
        "recipient": "",
        "message-id": "",
    },
    recognize=recognize,
    open=open_reader,
    event_column="outcome",
    absent="-",
    events=OUTCOMES,
    variants={
        f"{side}{verb}:{outcome}": outcome
        for side, verbs in (
            ("", sorted({*SMTP_VERBS, OTHER_VERB})),
            ("OUTBOUND-", sorted({*SMTP_VERBS, OTHER_VERB, "REPLY"})),
        )
        for verb in verbs
        for outcome in sorted(OUTCOMES)
    },
    redact=redact_row,
    agent_log_format="SMTP",
    names=("ex*.log",),
)
