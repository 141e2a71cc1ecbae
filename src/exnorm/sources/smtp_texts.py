"""What the texts of an SMTP session say: endpoints, commands, replies, Exchange's own remarks.

Every function takes one text and gives ``None``, or empty parts, where the text says no such thing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from exnorm.patterns import compile_later

_FLAGS = re.IGNORECASE | re.DOTALL
_VERB = compile_later(r"\s*([A-Za-z][A-Za-z0-9-]{1,39})(?![^\s:])")
_HELLO = compile_later(r"\s*(?:EHLO|HELO|LHLO)\s+(\S.*)", _FLAGS)
_PATH = compile_later(
    r'\s*(?:MAIL\s+FROM|RCPT\s+TO)\s*:\s*(<(?:"(?:[^"\\]|\\.)*"|[^">])*>|<?[^>\s]*)', _FLAGS
)
_PARAMETER = compile_later(r"[A-Za-z]+=[^@]*\Z")
_REPLY = compile_later(r"(\d{3})(?:[ -]\s*(?:([245]\.\d{1,3}\.\d{1,3})(?!\S))?\s*(.*))?", re.DOTALL)
_BANNER = compile_later(r"220[ -]\s*(?=\S*[A-Za-z])([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+)(?!\S)")
_ACCEPTED = compile_later(
    r"250 2\.6\.0 (<[^>]+>) \[InternalId=(\d+)(?:, Hostname=([^\]]+))?\](?: (\d+) bytes in)?"
)
_AUTH_TYPE = compile_later(r"\s*(?:AUTH|X-EXPS)[ \t=:]+([A-Za-z0-9_-]{1,20})(?!\S)", re.IGNORECASE)
_TLS = compile_later(
    r"TLS protocol (SP_PROT_\S+) negotiation succeeded(?: using bulk encryption algorithm (\S+))?"
)
_CERTIFICATE_NUMBERS = compile_later(
    r"\s[0-9A-F]+\s+[0-9A-F]{40}\s+\d{4}-\d\d-\d\dT\S+\s+\d{4}-\d\d-\d\dT", re.IGNORECASE
)
# Parts of one name are joined by a comma: where a part begins without one, the issuer's name begins.
_NEXT_NAME = compile_later(r"(?<![,\s])\s+(?=[A-Z][A-Za-z0-9.]*=)")
_TARPIT = compile_later(r"Tarpit for '([0-9:.]{1,30})'(?: due to '(.*)')?", _FLAGS)
_TIMESPAN = compile_later(r"(?:(\d{1,4})\.)?(\d{1,2}):(\d{2}):(\d{2})(?:\.(\d{1,7}))?")
_MESSAGE = compile_later(r"sending message with RecordId \d+ and InternetMessageId (<[^>]+>)")


class Reply(NamedTuple):
    """A server's reply: its code, its enhanced status (may be empty), its text."""

    code: str
    status: str
    text: str


class Accepted(NamedTuple):
    """What Exchange says of a message that it took over; parts that it left out are empty."""

    message_id: str
    internal_id: str
    size: str


def read_verb(text: str) -> str:
    """The command's word in upper case, or nothing where the text opens with no word."""
    found = _VERB.match(text)
    return "" if found is None else found.group(1).upper()


def read_hello(text: str) -> str:
    """The name that a client gives with EHLO or HELO."""
    found = _HELLO.fullmatch(text)
    return "" if found is None else found.group(1).rstrip()


def read_path(text: str) -> str:
    """The address of MAIL FROM or RCPT TO, whose brackets may be missing; ``<>`` is the null sender."""
    found = _PATH.match(text)
    if found is None:
        return ""
    path = found.group(1)
    if path == "<>" or _PARAMETER.match(path):
        return path if path == "<>" else ""
    return path.removeprefix("<").removesuffix(">").strip()


def read_auth_type(text: str) -> str:
    """The mechanism that a client asks for with AUTH or X-EXPS."""
    found = _AUTH_TYPE.match(text)
    return "" if found is None else found.group(1).upper()


def read_reply(text: str) -> Reply | None:
    """A reply; of several lines that were joined, the first one's code."""
    found = _REPLY.fullmatch(text)
    return None if found is None else Reply(found.group(1), found.group(2) or "", found.group(3) or "")


def read_banner(text: str) -> str:
    """The server's name in its greeting."""
    found = _BANNER.match(text)
    return "" if found is None else found.group(1)


def read_accepted(text: str) -> Accepted | None:
    """The reply by which Exchange takes a message over."""
    found = _ACCEPTED.match(text)
    if found is None:
        return None
    return Accepted(found.group(1), found.group(2), found.group(4) or "")


def read_tls(text: str) -> tuple[str, str] | None:
    """Protocol and bulk cipher of a handshake that succeeded."""
    found = _TLS.match(text)
    return None if found is None else (found.group(1), found.group(2) or "")


def read_certificate_subject(text: str) -> str:
    """The subject where a certificate's parts stand in one text, before issuer, numbers and dates."""
    numbers = _CERTIFICATE_NUMBERS.search(text)
    names = "" if numbers is None else text[: numbers.start()].strip()
    ends = [found.start() for found in _NEXT_NAME.finditer(names)]
    return names[: ends[0]] if len(ends) == 1 else ""


def read_tarpit(text: str) -> tuple[int, str] | None:
    """Milliseconds of a tarpit and why it was put up."""
    found = _TARPIT.match(text)
    span = None if found is None else _TIMESPAN.fullmatch(found.group(1))
    if found is None or span is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in span.group(1, 2, 3, 4))
    fraction = int((span.group(5) or "0").ljust(3, "0")[:3])
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    return total * 1000 + fraction, found.group(2) or ""


def read_outgoing_message(text: str) -> str:
    """The message id in Exchange's remark that it begins to send a message."""
    found = _MESSAGE.match(text)
    return "" if found is None else found.group(1)
