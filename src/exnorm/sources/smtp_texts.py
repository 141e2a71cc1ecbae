"""Read the texts of an SMTP session: endpoints, commands, replies, Exchange's own remarks.

Every function takes one text and returns ``None``, or empty parts, where the text contains no such thing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from exnorm.convert import port
from exnorm.sources.endpoints import split_endpoint
from exnorm.text.patterns import compile_later

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
# Commas join the parts of one name: a part without a comma before it begins the issuer's name.
_NEXT_NAME = compile_later(r"(?<![,\s])\s+(?=[A-Z][A-Za-z0-9.]*=)")
_TARPIT = compile_later(r"Tarpit for '([0-9:.]{1,30})'(?: due to '(.*)')?", _FLAGS)
_TIMESPAN = compile_later(r"(?:(\d{1,4})\.)?(\d{1,2}):(\d{2}):(\d{2})(?:\.(\d{1,7}))?")
_MESSAGE = compile_later(
    r"(sending|receiving) message with (?:RecordId \d+ and )?InternetMessageId (<[^>]+>)", re.IGNORECASE
)
_LAST = compile_later(r"\s*(?:DATA|BDAT\s+\d+\s+LAST)\s*", _FLAGS)
_PROXIED = compile_later(r"\b(IP|PORT|DOMAIN)=(\S*)", re.IGNORECASE)
_USER_NAME = compile_later(r"User Name: *(\S.*)", _FLAGS)
_WHY = r"(?: because of| because| with error| with| due to)?:? *(.*)"
_AUTH_FAILED = compile_later(
    r"(?:Inbound|Outbound) (?:AUTH|EXPS|X-EXPS|authentication)\b(?: ([A-Z0-9_-]{1,20}))?"
    rf".{{0,80}}?\bfailed{_WHY}",
    _FLAGS,
)
_TLS_FAILED = compile_later(rf"TLS negotiation failed{_WHY}", _FLAGS)
# The words must stand alone: not in an address, a host, a path or a quoted name.
_FAILED = compile_later(
    r"(?<![\w.@/<'-])(?<!\bno )(?<!\bnot )(?:failed|refused|denied|rejected)(?![\w'@/-]|\.\w)", re.IGNORECASE
)
# The first match counts, because the server's quoted words may contain another.
_CAUSE = compile_later(r"\b(?:because of|with error|because|due to|with)\b:? *(\S.*)", _FLAGS)
_AFTER_COLON = compile_later(r": *(\S.*)", re.DOTALL)
_ANSWER = compile_later(
    r"(?<![\w.:/-])([45]\d\d)[ -]([45]\.\d{1,3}\.\d{1,3})(?![\d.])"
    r"|\b(?:response|reply|answer|error|status|with|of)[:= '\"]{1,3}([45]\d\d)(?= \D|['\"]|$)",
    re.IGNORECASE,
)
# How common mail servers name the id of a message that they accepted.
_QUEUE_IDS = tuple(
    compile_later(pattern, re.IGNORECASE)
    for pattern in (
        r"\bqueued as <?([A-Za-z0-9._-]+)",  # Postfix and many others
        r"\[InternalId=(\d+)",  # Exchange
        r"\bid=([A-Za-z0-9-]+)",  # Exim
        r"\bqp (\d+)",  # qmail
        r"\bOK +\d+ ([A-Za-z0-9._-]+) - gsmtp",
        r"250 (?:2\.\d\.\d )?([A-Za-z0-9]+) Message accepted for delivery",  # Sendmail
        r"\bMessage received: ([A-Za-z0-9._-]+)",
    )
)


class Reply(NamedTuple):
    """A server's reply: its code, its enhanced status (may be empty), its text."""

    code: str
    status: str
    text: str


class Accepted(NamedTuple):
    """Exchange's reply to a message that it accepted; parts that it left out are empty."""

    message_id: str
    internal_id: str
    size: str


def read_verb(text: str) -> str:
    """Return the command's first word in upper case; empty where the text does not begin with a word."""
    found = _VERB.match(text)
    return "" if found is None else found.group(1).upper()


def read_hello(text: str) -> str:
    """Return the name that a client gives with EHLO or HELO."""
    found = _HELLO.fullmatch(text)
    return "" if found is None else found.group(1).rstrip()


def read_path(text: str) -> str:
    """Return the address of MAIL FROM or RCPT TO, whose brackets may be missing; ``<>`` is the
    null sender.
    """
    found = _PATH.match(text)
    if found is None:
        return ""
    path = found.group(1)
    if path == "<>" or _PARAMETER.match(path):
        return path if path == "<>" else ""
    return path.removeprefix("<").removesuffix(">").strip()


def read_auth_type(text: str) -> str:
    """Return the mechanism that a client requests with AUTH or X-EXPS."""
    found = _AUTH_TYPE.match(text)
    return "" if found is None else found.group(1).upper()


def read_reply(text: str) -> Reply | None:
    """Return a reply; of several joined lines, the first one's code."""
    found = _REPLY.fullmatch(text)
    return None if found is None else Reply(found.group(1), found.group(2) or "", found.group(3) or "")


def read_banner(text: str) -> str:
    """Return the server's name in its greeting."""
    found = _BANNER.match(text)
    return "" if found is None else found.group(1)


def read_accepted(text: str) -> Accepted | None:
    """Return the reply by which Exchange accepts a message."""
    found = _ACCEPTED.match(text)
    if found is None:
        return None
    return Accepted(found.group(1), found.group(2), found.group(4) or "")


def read_tls(text: str) -> tuple[str, str] | None:
    """Return protocol and bulk cipher of a successful handshake."""
    found = _TLS.match(text)
    return None if found is None else (found.group(1), found.group(2) or "")


def read_certificate_subject(text: str) -> str:
    """Return the subject where the parts of a certificate are in one text, before issuer,
    numbers and dates.
    """
    numbers = _CERTIFICATE_NUMBERS.search(text)
    names = "" if numbers is None else text[: numbers.start()].strip()
    ends = [found.start() for found in _NEXT_NAME.finditer(names)]
    return names[: ends[0]] if len(ends) == 1 else ""


def read_tarpit(text: str) -> tuple[int, str] | None:
    """Return the milliseconds of a tarpit and its reason."""
    found = _TARPIT.match(text)
    span = None if found is None else _TIMESPAN.fullmatch(found.group(1))
    if found is None or span is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in span.group(1, 2, 3, 4))
    fraction = int((span.group(5) or "0").ljust(3, "0")[:3])
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    return total * 1000 + fraction, found.group(2) or ""


def read_message_id(text: str) -> tuple[str, str] | None:
    """Return ``sending`` or ``receiving`` and the message id from Exchange's remark on it."""
    found = _MESSAGE.match(text)
    return None if found is None else (found.group(1).lower(), found.group(2))


def takes_message_over(text: str) -> bool:
    """Return whether a command is the last of a message, so that its reply accepts or refuses the message."""
    return _LAST.fullmatch(text) is not None


def ends_reply(code: str, text: str) -> bool:
    """Return whether a row is the last line of a reply; some versions join the lines in one row."""
    return text[3:4] != "-" or f" {code} " in text


def read_queue_id(text: str) -> str:
    """Return the id that the accepting server gives a message, where its reply has a known form."""
    for pattern in _QUEUE_IDS:
        found = pattern.search(text)
        if found is not None:
            return found.group(1)
    return ""


class Proxied(NamedTuple):
    """The client that one Exchange server names to another; port and domain may be empty."""

    address: str
    port: str
    domain: str


def read_proxied(text: str) -> Proxied | None:
    """Return the client in XPROXY or XPROXYFROM."""
    parts = {name.upper(): value for name, value in _PROXIED.findall(text)}
    address, _ = split_endpoint(parts.get("IP", ""))
    if not address:
        return None
    number = parts.get("PORT", "")
    return Proxied(address, "" if port(number) is None else number, parts.get("DOMAIN", ""))


def read_user_name(text: str) -> str:
    """Return the user of a failed AUTH that a remark names."""
    found = _USER_NAME.fullmatch(text)
    return "" if found is None else found.group(1)


def read_auth_failure(text: str) -> tuple[str, str] | None:
    """Return mechanism and reason from the remark that AUTH failed; either may be empty."""
    found = _AUTH_FAILED.match(text)
    if found is None:
        return None
    mechanism = (found.group(1) or "").upper()
    return "" if mechanism == "FAILED" else mechanism, found.group(2)


def is_outbound(text: str) -> bool:
    """Return whether a remark on an AUTH is on one of our own server."""
    return text[:8].lower() == "outbound"


def read_tls_failure(text: str) -> str | None:
    """Return why a TLS handshake failed, which may be empty."""
    found = _TLS_FAILED.match(text)
    return None if found is None else found.group(1)


def read_answer(text: str) -> dict[str, str]:
    """Return code and enhanced status of a refusal that a remark repeats."""
    found = _ANSWER.search(text)
    if found is None:
        return {}
    return {"reply-code": found.group(1) or found.group(3), "enhanced-status": found.group(2) or ""}


def read_failure(text: str) -> str:
    """Return why a remark reports a failure, the whole remark where it gives no reason; empty for any other
    text.
    """
    failed, answer = _FAILED.search(text), _ANSWER.search(text)
    end = len(text) if failed is None else failed.end()
    found = _CAUSE.search(text, end) or _AFTER_COLON.match(text, end)
    if found is not None:
        return _unquote(found.group(1))
    if answer is not None:
        return text[answer.start(1 if answer.group(1) else 3) :]
    return "" if failed is None else text


def _unquote(text: str) -> str:
    """Return a text without the apostrophes around the whole of it."""
    return text[1:-1] if len(text) > 2 and text[0] == text[-1] == "'" and text.count("'") == 2 else text
