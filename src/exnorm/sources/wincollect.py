"""The native payloads of JSA as input: rows wrapped by WinCollect or JSA's Exchange protocol.

TAB separated ``key=value``, with or without a syslog header: first the envelope's own keys (``SourceIp``,
``AgentDevice``, ``AgentLogFile``, ``PluginVersion``, ``AgentLogFormat``, ``AgentLogProtocol``), then the
columns of one row of the log they name. The reader returns records of that log's own source, completed by
that source's own reader, so every table of it applies; the envelope stays with the record, so that the
``wincollect`` format can write the same bytes back.

Values have no escape. Ambiguities are resolved so that no text becomes a column:

- A part without a key belongs to the value before it, which contained a TAB. A payload that ends in such a
  part was cut off in the middle of a key, and one with only the first columns of a log may have been cut
  off in the middle of a value. Both are unparsed.
- Where known columns come twice or in the wrong place right after the column that a sender writes
  (``message-subject``), and the other columns are exactly those of a log, they are part of its text.
- Of any other repeated key the first is the column; the others are kept as ``key#2``, ``key#3``.
- A value that CSV had to quote, and that still has its quotes, is read without them.

The event's ``exnorm_id`` is made of the file name in ``AgentLogFile`` and the payload without its syslog
header.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from exnorm.errors import quote
from exnorm.model import (
    Confidence,
    Envelope,
    Head,
    Pair,
    Reader,
    Record,
    Schema,
    Source,
    Unparsed,
)
from exnorm.settings import Settings
from exnorm.sources import web_secrets
from exnorm.sources.admin_audit import ADMIN_AUDIT
from exnorm.sources.agent_log import AGENT_LOG
from exnorm.sources.audit_export import AUDIT_EXPORT
from exnorm.sources.cmdlets import hide_secrets as hide_parameters
from exnorm.sources.connectivity import CONNECTIVITY
from exnorm.sources.ecp_server import ECP_SERVER, hide_secrets as hide_ecp_secrets
from exnorm.sources.ews import EWS
from exnorm.sources.exchange_2003 import EXCHANGE_2003
from exnorm.sources.http_proxy import HTTP_PROXY
from exnorm.sources.httperr import HTTPERR
from exnorm.sources.iis import IIS
from exnorm.sources.imap_pop import IMAP_POP
from exnorm.sources.mail_secrets import hide_arguments, hide_command
from exnorm.sources.message_tracking import MESSAGE_TRACKING
from exnorm.sources.rps_cmdlet import RPS_CMDLET
from exnorm.sources.rps_http import RPS_HTTP
from exnorm.sources.smtp_protocol import SMTP_PROTOCOL
from exnorm.sources.smtp_secrets import hide_mention, hide_said
from exnorm.sources.smtpsvc import SECRET_VERBS, SMTPSVC, redact_all
from exnorm.sources.w3c import FTP, SMTP_VERBS, find_service_of
from exnorm.text.patterns import compile_later


class Carried(NamedTuple):
    """A log type that payloads carry.

    ``free_text`` is its column that any sender of mail can fill; ``csv`` is whether its rows are CSV.
    """

    source: Source
    free_text: str = ""
    csv: bool = True


W3C = "W3C"
"""Any log of IIS: QRadar's own protocol for it (``AgentDevice=MSIIS``) says no more."""

# By the word in AgentLogFormat, else in AgentLogProtocol; of several, whichever knows most of the keys.
CARRIED: Mapping[str, tuple[Carried, ...]] = {
    "MSGTRK": (
        Carried(MESSAGE_TRACKING, free_text="message-subject"),
        Carried(EXCHANGE_2003, free_text="Message-Subject", csv=False),
    ),
    "OWA": (Carried(IIS, csv=False),),
    "SMTP": (Carried(SMTP_PROTOCOL, free_text="data"), Carried(SMTPSVC, csv=False)),
    "HTTPPROXY": (Carried(HTTP_PROXY),),
    "IMAP4POP3": (Carried(IMAP_POP),),
    "AGENTLOG": (Carried(AGENT_LOG),),
    "CONNECTLOG": (Carried(CONNECTIVITY),),
    "HTTPERR": (Carried(HTTPERR, csv=False),),
    "RPSCMDLET": (Carried(RPS_CMDLET),),
    "RPSHTTP": (Carried(RPS_HTTP),),
    "EWS": (Carried(EWS),),
    "ECPSERVER": (Carried(ECP_SERVER),),
    "EXCHANGEAUDIT": (Carried(AUDIT_EXPORT, csv=False),),
    W3C: (Carried(IIS, csv=False), Carried(SMTPSVC, csv=False)),
    "EXCHANGEMANAGEMENT": (Carried(ADMIN_AUDIT, csv=False),),
}

KEYS = frozenset(
    ("SourceIp", "AgentDevice", "AgentLogFile", "PluginVersion", "AgentLogFormat", "AgentLogProtocol")
)
"""The envelope's own keys."""

REQUIRED = ("AgentDevice", "AgentLogFormat")
READERS_LIMIT = 64

# PRI or a time, then anything up to a known key: RFC 3164, RFC 5424 and variants of relays; before it
# the count of octets that RFC 6587 has on TCP.
_HEADER = compile_later(
    r"(?:\d{1,9} (?=<))?(?:<\d{1,3}>|[A-Z][a-z]{2} [ \d]\d |\d{4}-\d\d-\d\dT[^ ,\t]* )(?:[^\t]*?[ \ufeff])?"
    rf"(?=(?:{'|'.join(sorted(KEYS))})=)"
)
_FIRST_KEY = compile_later(r"[A-Za-z][A-Za-z0-9()_-]*=")
_SMTP = compile_later(r"AgentLog(?:Format|Protocol)=SMTP\b", re.IGNORECASE)
_NOT_SAID = frozenset("+-*")  # events of an SMTP log in which neither side speaks
_QUOTED = compile_later(r'"([^"]*(?:""[^"]*)*)"')


class Parts(NamedTuple):
    """A payload split into the header, each key with its text, and the TABs at the end."""

    header: str
    pairs: list[tuple[str, str]]
    end: str


def take_apart(line: str) -> Parts | str:
    """Return the parts of a payload, or the reason why it is not one."""
    found = _HEADER.match(line)
    header = found.group() if found else ""
    body = line[len(header) :]
    if "\t" not in body:
        return "a payload has TAB separated key=value pairs; got no TAB"
    if _FIRST_KEY.match(body) is None:
        return f"a payload begins with key=value; got {quote(body.partition(chr(9))[0])}"
    content = body.rstrip("\t")
    texts: list[tuple[str, list[str]]] = []
    whole = True
    for part in content.split("\t"):
        key, equals, text = part.partition("=")
        whole = bool(key and equals)
        if whole:
            texts.append((key, [text]))
        else:
            texts[-1][1].append(part)
    if not whole:
        return f"payload is cut off: its last part, {quote(texts[-1][1][-1])}, is no key=value"
    return Parts(header, [(key, "\t".join(parts)) for key, parts in texts], body[len(content) :])


def read_envelope(pairs: Sequence[tuple[str, str]]) -> tuple[dict[str, str], int]:
    """Return the envelope's own keys, and the number of pairs before the columns."""
    own: dict[str, str] = {}
    for position, (key, text) in enumerate(pairs):
        if key in KEYS:
            own.setdefault(key, text)
        elif own.keys() >= set(REQUIRED):
            return own, position
    return own, len(pairs)


def find_carried(own: Mapping[str, str], keys: Iterable[str]) -> Carried | None:
    """Return the log type that the envelope names and that has columns of these names."""
    words = [own["AgentLogFormat"].upper(), own.get("AgentLogProtocol", "").upper()]
    words.sort(key=W3C.__eq__)  # the other word says more
    candidates = next((CARRIED[word] for word in words if word in CARRIED), ())
    names = set(keys)
    return max(candidates, key=lambda carried: len(names.intersection(carried.source.columns)), default=None)


def rejoin_text(pairs: Sequence[tuple[str, str]], carried: Carried) -> Sequence[tuple[str, str]]:
    """Return the pairs of the columns; pairs that were part of the free text are put back into it."""
    names = tuple(key for key, _ in pairs)
    for schema in carried.source.schemas:
        columns = schema.columns
        if names == columns or carried.free_text not in columns:
            continue
        start = columns.index(carried.free_text) + 1
        stop = len(names) - (len(columns) - start)
        if stop <= start or names[:start] != columns[:start] or names[stop:] != columns[start:]:
            continue
        if set(carried.source.columns).isdisjoint(names[start:stop]):
            continue  # columns that nobody knows yet are columns
        text = "\t".join((pairs[start - 1][1], *(f"{key}={text}" for key, text in pairs[start:stop])))
        return (*pairs[: start - 1], (carried.free_text, text), *pairs[stop:])
    return pairs


def explain_cut(names: tuple[str, ...], schemas: Sequence[Schema]) -> str:
    """Return the reason for a payload with only the first columns of a log; empty for any other."""
    widths = {len(schema.columns) for schema in schemas if schema.columns[: len(names)] == names}
    if not widths or len(names) in widths:
        return ""
    has = f"{len(names)} columns, the last is {names[-1]}" if names else "no column"
    return f"payload is cut off: it has {has}; expected {' or '.join(map(str, sorted(widths)))}"


def unquote(text: str) -> str:
    """Return a CSV cell without its quotes; quotes that CSV does not require are text."""
    found = _QUOTED.fullmatch(text) if text.startswith('"') else None
    inner = found.group(1) if found else ""
    return inner.replace('""', '"') if '"' in inner or "," in inner else text


def lay_out(
    leading: Sequence[tuple[str, str]], columns: Sequence[tuple[str, str]], csv: bool
) -> tuple[Pair, ...]:
    """Return every pair in order with the column that it fills; each column has a name of its own."""
    layout: list[Pair] = []
    own: set[str] = set()
    taken: dict[str, int] = {}
    for position, (key, text) in enumerate((*leading, *columns)):
        if position < len(leading) and key in KEYS and key not in own:
            own.add(key)
            layout.append(Pair(key, text))
            continue
        column = key
        while column in taken:
            taken[key] += 1
            column = f"{key}#{taken[key]}"
        taken[column] = 1
        layout.append(Pair(key, text, column, unquote(text) if csv else text))
    return tuple(layout)


def take_up(layout: Sequence[Pair], values: Mapping[str, str]) -> tuple[Pair, ...]:
    """Return the pairs with the record's current values, for a record whose own text must not be kept."""
    return tuple(
        pair._replace(text=values[pair.column], value=values[pair.column])
        if pair.column and values.get(pair.column, pair.value) != pair.value
        else pair
        for pair in layout
    )


def hide_secrets(line: str) -> str:
    """Return an unparsed payload with possible credentials of a client hidden."""
    parts = line.split("\t")
    said = dict(part.partition("=")[::2] for part in parts)
    smtp, spoken = _SMTP.search(line) is not None, web_secrets.COLUMNS
    for position, part in enumerate(parts):
        key, equals, text = part.partition("=")
        if not equals:
            shown = text
        elif key == "data":
            shown = hide_mention(text) if said.get("event") in _NOT_SAID else hide_said(text)
        elif key == "parameters":
            shown = hide_arguments(said.get("command", ""), text)
        elif key == "command":
            shown = hide_command(text)
        elif key in ("Parameters", "NonPiiParameters", "CmdletParameters", "Message"):
            shown = hide_parameters(text)
        elif key == "EventData":
            shown = hide_ecp_secrets(text)
        elif smtp and key in ("cs-method", "cs-uri-stem", "cs-uri-query"):
            verb = said.get("cs-method", "").upper()
            harmless = verb in SMTP_VERBS if key == "cs-method" else verb in SMTP_VERBS - SECRET_VERBS
            shown = text if harmless else redact_all(text)
        elif web_secrets.is_secret_header(key):
            shown = web_secrets.hide_header(text)
        else:
            shown = web_secrets.hide(text, spoken[key]) if key in spoken else text
        if shown != text:
            parts[position] = f"{key}={shown}"
    return "\t".join(parts)


class WinCollectReader(Reader):
    """Reads payloads, each by the log type it names; one stream may carry several."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._readers: dict[tuple[str, str], Reader] = {}

    def read(self, line: str) -> Record | Unparsed:
        """Read one payload as a record of the source it carries."""
        parts = take_apart(line)
        if isinstance(parts, str):
            return Unparsed(line, "syntax", parts)
        own, start = read_envelope(parts.pairs)
        for key in REQUIRED:
            if key not in own:
                return Unparsed(line, "syntax", f"payload has no {key}")
        carried = find_carried(own, (key for key, _ in parts.pairs[start:]))
        if carried is None:
            return Unparsed(line, "unknown-type", explain_unknown(own))
        service = find_service_of({key.lower(): text for key, text in parts.pairs[start:]})
        if carried.source is IIS and service == FTP:
            return Unparsed(line, "unknown-type", "payload carries a row of the FTP service of IIS")
        columns = rejoin_text(parts.pairs[start:], carried)
        cut = explain_cut(tuple(key for key, _ in columns), carried.source.schemas)
        if cut:
            return Unparsed(line, "width", cut)
        layout = lay_out(parts.pairs[:start], columns, carried.csv)
        values = {pair.column: pair.value for pair in layout if pair.column}
        file_name = own.get("AgentLogFile", "")
        reader = self._reader_of(carried.source, file_name)
        found = reader.complete(line, values, "payload")
        self.evicted, reader.evicted = self.evicted + reader.evicted, 0
        if isinstance(found, Record):
            if found.raw != line:  # it held a secret
                layout = take_up(layout, found.values)
                texts = "\t".join(f"{pair.key}={pair.text}" for pair in layout)
                found.raw = f"{parts.header}{texts}{parts.end}"
            found.envelope = Envelope(parts.header, layout, parts.end)
            found.path = file_name
            self.schema = found.schema
        return found

    def _reader_of(self, source: Source, file_name: str) -> Reader:
        """Return the reader of one carried log; it is kept, because a source may remember rows or use the
        file name.
        """
        key = source.name, file_name
        if key not in self._readers:
            if len(self._readers) >= READERS_LIMIT:
                del self._readers[next(iter(self._readers))]
            self._readers[key] = source.open(source, Head(file_name), self._settings)
        return self._readers[key]


def explain_unknown(own: Mapping[str, str]) -> str:
    """Return the reason for a payload that carries an unknown log type."""
    protocol = own.get("AgentLogProtocol")
    named = f"AgentLogFormat {quote(own['AgentLogFormat'])}" + (
        f" with AgentLogProtocol {quote(protocol)}" if protocol else ""
    )
    known = ", ".join(CARRIED)
    return f"payload carries {named}, which cannot be read from payloads; expected one of {known}"


def recognize(head: Head) -> Confidence:
    """Recognize payloads by the envelope of the first line; a log with a header of its own is not one."""
    if head.directives or not head.line:
        return Confidence.NO
    parts = take_apart(head.line)
    if isinstance(parts, str):
        return Confidence.NO
    own, _ = read_envelope(parts.pairs)
    return Confidence.HEADER if own.keys() >= set(REQUIRED) else Confidence.NO


def open_reader(source: Source, head: Head, settings: Settings) -> Reader:
    """Return a reader for one stream of payloads."""
    return WinCollectReader(settings)


WINCOLLECT_PAYLOAD = Source(
    name="wincollect",
    title="Native payload of JSA (WinCollect, Microsoft Exchange protocol)",
    columns=(),
    recognize=recognize,
    open=open_reader,
    carries=tuple(carried.source.name for several in CARRIED.values() for carried in several),
    redact=hide_secrets,
)
