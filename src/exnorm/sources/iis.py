"""Web logs of IIS 6 to 10 on an Exchange server: OWA and the other web applications of Exchange.

The application is the first part of the path. ``web_requests`` derives the result of a request; for a 401,
``judge`` tells the routine first leg of NTLM and Negotiate from a failed logon. Of the columns that IIS
encodes, only those from request headers have ``+`` for a blank: tables read the known ones with
``plus_as_blank``, an administrator's own columns stay as logged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise

from exnorm.model import Confidence, Derivation, Head, Needed, Reader, Source
from exnorm.settings import Settings
from exnorm.sources import web_secrets
from exnorm.sources.columnar import derive
from exnorm.sources.w3c import (
    HTTP_METHODS,
    WEB,
    W3cReader,
    find_service,
    has_header,
    has_name,
    hide_ftp,
    name_foreign,
    split_blanks,
)
from exnorm.sources.web_requests import (
    ACCESS_DENIED,
    AUTH_CHALLENGE,
    CLIENT_DISCONNECT,
    LOGON_FAILURE,
    LOGON_SUCCESS,
    OUTCOMES as ANSWERS,
    REDIRECT,
    REQUEST,
    asks_to_log_on,
    list_derivations,
    make_find_client,
    make_trusts,
    name_answer,
    reads_query,
)
from exnorm.text.patterns import compile_later

OUTCOMES = ANSWERS - {LOGON_SUCCESS}  # the row of the form that is posted does not say it
COLUMNS = (
    "date", "time", "s-sitename", "s-computername", "s-ip", "cs-method", "cs-uri-stem", "cs-uri-query",
    "s-port", "cs-username", "c-ip", "cs-version", "cs(User-Agent)", "cs(Cookie)", "cs(Referer)", "cs-host",
    "sc-status", "sc-substatus", "sc-win32-status", "sc-bytes", "cs-bytes", "time-taken",
    "X-Forwarded-For", "streamid",
)  # fmt: skip

APPLICATIONS = {
    "owa": "OWA",
    "ecp": "ECP",
    "ews": "EWS",
    "microsoft-server-activesync": "ACTIVESYNC",
    "autodiscover": "AUTODISCOVER",
    "mapi": "MAPI",
    "rpc": "RPC",
    "rpcwithcert": "RPC",
    "oab": "OAB",
    "powershell": "POWERSHELL",
    "powershell-proxy": "POWERSHELL",
    # Exchange 2003 serves OWA under these
    "exchange": "OWA",
    "exchweb": "OWA",
    "public": "OWA",
}
OTHER_APPLICATION = "WEB"

# fmt: off
LOGON_ERRORS = frozenset((
    "1326",        # unknown user name or wrong password
    "1327",        # account restriction
    "1328",        # outside the hours of logon
    "1329",        # not from this workstation
    "1330",        # password expired
    "1331",        # account disabled
    "1385",        # this type of logon is not granted
    "1793",        # account expired
    "1907",        # password must be changed
    "1909",        # account locked out
    "2148074252",  # SEC_E_LOGON_DENIED, what NTLM and Kerberos report for a refused account
))
"""Errors of Windows that refuse an account."""
GONE_ERRORS = frozenset((
    "64",          # the client closed the connection before it had the answer
    "995",         # aborted
    "1236",        # the connection was aborted
))
# fmt: on
NOT_GRANTED = frozenset(("3", "4", "5"))
"""Substatus of a 401 that refuses a user who has logged on: by the file, a filter, an application."""

_TIMED = compile_later(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ")


def recognize(head: Head) -> Confidence:
    """Recognize the log by an IIS header whose row is of no other service; without a header by the form of
    the row.
    """
    if has_header(head):
        return Confidence.HEADER if find_service(head) in (WEB, "") else Confidence.NO
    if {"fields", "software", "log-type"} & set(head.directives):
        return Confidence.NO
    if _is_row(head.line):
        return Confidence.SHAPE
    return Confidence.NAME if has_name(head) and find_service(head) in (WEB, "") else Confidence.NO


def _is_row(line: str) -> bool:
    """Return whether a line looks like a row: without a header it cannot be read, but then the reason is
    right.
    """
    if _TIMED.match(line) is None:
        return False
    cells = split_blanks(line)
    return any(cell in HTTP_METHODS and path.startswith("/") for cell, path in pairwise(cells))


# --- what the columns say together ---------------------------------------------------------------


def find_application(path: str) -> str:
    """Return the application of Exchange that a path belongs to; ``WEB`` where there is none."""
    return APPLICATIONS.get(path.lstrip("/").partition("/")[0].lower(), OTHER_APPLICATION)


def judge(
    method: str, path: str, query: str, status: str, substatus: str, win32_status: str, user: str
) -> str:
    """Return the result of a request as one of ``OUTCOMES``.

    A 401 is a failure where Windows refused the account, and where a user is named: the routine first legs of
    NTLM and Negotiate name none.
    """
    found = name_answer(method, path, query, status)
    if found == AUTH_CHALLENGE:
        if win32_status in LOGON_ERRORS:
            return LOGON_FAILURE
        if not user or user.lower() == "anonymous":
            return AUTH_CHALLENGE
        return ACCESS_DENIED if substatus in NOT_GRANTED else LOGON_FAILURE
    return CLIENT_DISCONNECT if found in (REQUEST, REDIRECT) and win32_status in GONE_ERRORS else found


def join_status(status: str, substatus: str) -> str:
    """Return status and substatus in the notation of IIS, ``401.1``; empty where one is missing."""
    return f"{status}.{substatus}" if status and substatus else ""


_PROXY_REQUEST = compile_later(r"(?:^|[?&;])cafeReqId=([^&;\s]*)", re.IGNORECASE)


def find_proxy_request(query: str) -> str:
    """Return the id of the same request in HttpProxy, which the front end writes into the query."""
    found = _PROXY_REQUEST.search(query)
    return found.group(1) if found else ""


COMPUTED = (
    Derivation(("proxy-request-id",), ("cs-uri-query",), find_proxy_request),
    Derivation(("application",), ("cs-uri-stem",), find_application),
    Derivation(
        ("outcome",),
        (
            "cs-method", "cs-uri-stem", "cs-uri-query", "sc-status", "sc-substatus", "sc-win32-status",
            "cs-username",
        ),
        judge,
        (
            Needed("cs-uri-query", ("cs-uri-stem",), reads_query),
            Needed("cs-username", ("sc-status",), asks_to_log_on),
        ),
    ),
    Derivation(("event",), ("application", "outcome"), "{}:{}".format),
    Derivation(("http-status",), ("sc-status", "sc-substatus"), join_status),
    *list_derivations("cs-username", "cs-uri-stem", "cs-uri-query", "request"),
)  # fmt: skip


def list_computed(proxies: tuple[str, ...]) -> tuple[Derivation, ...]:
    """Return the derivations of this log for a site with these proxies.

    Where one of these proxies connects, the client is the one that the proxies name.
    """
    find_client = make_find_client(proxies)
    forwarded = Derivation(("forwarded-for",), ("X-Forwarded-For",), lambda text: find_client(text)[0])
    if not proxies:
        return *COMPUTED, forwarded
    trusts = make_trusts(proxies)

    def find_proxied(peer: str, text: str) -> tuple[str, str]:
        return find_client(text) if trusts(peer) else ("", "")

    proxied = Derivation(("proxied-client", "proxied-port"), ("c-ip", "X-Forwarded-For"), find_proxied)
    return *COMPUTED, forwarded, proxied


_SHAPES = {
    "s-ip": compile_later(r"[0-9A-Fa-f.:%]+|-"),
    "c-ip": compile_later(r"[0-9A-Fa-f.:%]+|-"),
    "cs-method": compile_later(r"[A-Za-z_-]+"),
    "cs-uri-stem": compile_later(r"/.*|[-*]"),
    "s-port": compile_later(r"\d{1,5}|-"),
    "sc-status": compile_later(r"\d{3}"),
    "sc-substatus": compile_later(r"\d+"),
    "sc-win32-status": compile_later(r"\d+"),
    "time-taken": compile_later(r"\d+"),
}


def is_plausible(values: Mapping[str, str]) -> bool:
    """Whether values found by their number stand under the columns they belong to: client and status must."""
    return {"c-ip", "sc-status"} <= values.keys() and all(
        shape.fullmatch(values[column]) is not None for column, shape in _SHAPES.items() if column in values
    )


def redact(line: str) -> str:
    """A row that did not parse without credentials, those of FTP among them."""
    return hide_ftp(web_secrets.hide_line(line))


def open_reader(source: Source, head: Head, settings: Settings) -> Reader:
    """Return a reader for one file."""
    computed = list_computed(settings.trusted_proxies)
    never = () if settings.trusted_proxies else ("proxied-client", "proxied-port")
    return W3cReader(
        source,
        settings,
        lambda record: derive(record, computed),
        derived_from=dict.fromkeys(("product-version", *never), ""),
        computed=computed,
        choose_hide=web_secrets.make_chooser(web_secrets.W3C_COLUMNS, COLUMNS, settings),
        plausible=is_plausible,
        only_web=True,
    )


IIS = Source(
    name="iis",
    title="IIS web log of OWA and the other Exchange web applications",
    columns=COLUMNS,
    derived={
        "date-time": ("date", "time"),
        "product-version": "",
        "application": "",
        "outcome": "",
        "event": "",
        "request": ("cs-uri-stem", "cs-uri-query"),
        "long-query": "",
        "http-status": ("sc-status", "sc-substatus"),
        "user-domain": "",
        "user-name": "cs-username",
        "named-user": "",
        "user-mailbox": "",
        "forwarded-for": "",
        "proxied-client": "",
        "proxied-port": "",
        "activesync-device-id": "",
        "activesync-device-type": "",
        "activesync-command": "",
        "proxy-request-id": "",
    },
    recognize=recognize,
    open=open_reader,
    event_column="outcome",
    absent="-",
    events=OUTCOMES,
    variants={
        f"{application}:{outcome}": outcome
        for application in sorted({*APPLICATIONS.values(), OTHER_APPLICATION})
        for outcome in sorted(OUTCOMES)
    },
    # WinCollect's own payload has AgentLogFormat=W3C and AgentLogProtocol=OWA; the native payload has
    # one key for the type, and in the guide's sample its value is WinCollect's protocol.
    agent_log_format="OWA",
    foreign=name_foreign,
    redact=redact,
    names=("u_ex*.log", "ex*.log"),
)
