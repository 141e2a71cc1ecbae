"""Web logs of IIS 6 to 10 on an Exchange server: OWA and the other web applications of Exchange.

The application is the first part of the path. A logon to OWA is the form that the browser posts; what
other clients do to authenticate stands in the status: 401 is the routine first leg of NTLM and
Negotiate, and a failure only where Windows says that it refused the account. Of the columns IIS
encodes, only those that come from request headers have ``+`` for a blank: tables read the known ones
with ``plus_as_blank``, an administrator's own columns are decoded here, because no table reads them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from urllib.parse import unquote

from exnorm.convert import plus_as_blank
from exnorm.model import Confidence, Derivation, Head, Layout, Reader, Record, Source
from exnorm.patterns import compile_later
from exnorm.settings import Settings
from exnorm.sources import web_secrets
from exnorm.sources.columnar import derive
from exnorm.sources.endpoints import split_endpoint
from exnorm.sources.http_proxy import split_user
from exnorm.sources.w3c import (
    HTTP_METHODS,
    WEB,
    W3cReader,
    find_service,
    has_header,
    has_name,
    name_foreign,
    split_blanks,
)

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

LOGON_SUCCESS = "LOGON-SUCCESS"
LOGON_FAILURE = "LOGON-FAILURE"
AUTH_CHALLENGE = "AUTH-CHALLENGE"
ACCESS_DENIED = "ACCESS-DENIED"
SESSION_EXPIRED = "SESSION-EXPIRED"
CLIENT_ERROR = "CLIENT-ERROR"
SERVER_ERROR = "SERVER-ERROR"
REQUEST = "REQUEST"
OUTCOMES = frozenset((
    LOGON_SUCCESS, LOGON_FAILURE, AUTH_CHALLENGE, ACCESS_DENIED, SESSION_EXPIRED, CLIENT_ERROR, SERVER_ERROR,
    REQUEST,
))  # fmt: skip
"""The words of the HttpProxy log, which has the same requests."""

# Where the logon form is posted: 2010 and later, 2007, 2003.
LOGON_FORMS = frozenset(("/owa/auth.owa", "/owa/auth/owaauth.dll", "/exchweb/bin/auth/owaauth.dll"))
# A wrong password is answered with a redirect too: to this page, with this reason.
LOGON_PAGE = "/owa/auth/logon.aspx"
WRONG_PASSWORD = "2"

# fmt: off
LOGON_ERRORS = frozenset((
    "1326",        # unknown user name or wrong password
    "1327",        # account restriction
    "1328",        # outside the hours of logon
    "1330",        # password expired
    "1331",        # account disabled
    "1793",        # account expired
    "1907",        # password must be changed
    "1909",        # account locked out
    "2148074252",  # SEC_E_LOGON_DENIED, what NTLM and Kerberos report for a refused account
))
# fmt: on

_KNOWN = frozenset(COLUMNS)
_TIMED = compile_later(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ")


def recognize(head: Head) -> Confidence:
    """By a header of IIS whose row is of no other service; without one by the shape of the row."""
    if has_header(head):
        return Confidence.HEADER if find_service(head) in (WEB, "") else Confidence.NO
    if {"fields", "software", "log-type"} & set(head.directives):
        return Confidence.NO
    if _is_row(head.line):
        return Confidence.SHAPE
    return Confidence.NAME if has_name(head) and find_service(head) in (WEB, "") else Confidence.NO


def _is_row(line: str) -> bool:
    """Whether a line looks like a row; it cannot be read without a header, but the reason is then true."""
    if _TIMED.match(line) is None:
        return False
    cells = split_blanks(line)
    return any(cell in HTTP_METHODS and path.startswith("/") for cell, path in pairwise(cells))


# --- what the columns say together ---------------------------------------------------------------


def find_application(path: str) -> str:
    """Which application of Exchange a path belongs to; ``WEB`` where to none."""
    return APPLICATIONS.get(path.lstrip("/").partition("/")[0].lower(), OTHER_APPLICATION)


def judge(method: str, path: str, query: str, status: str, win32_status: str) -> str:
    """What became of a request, as one of ``OUTCOMES``."""
    place = path.lower()
    if status == "401":
        return LOGON_FAILURE if win32_status in LOGON_ERRORS else AUTH_CHALLENGE
    if status == "302" and method.upper() == "POST" and place in LOGON_FORMS:
        return LOGON_SUCCESS
    if status == "200" and place == LOGON_PAGE and read_query(query).get("reason") == WRONG_PASSWORD:
        return LOGON_FAILURE
    named = {"403": ACCESS_DENIED, "440": SESSION_EXPIRED}
    return named.get(status) or {"4": CLIENT_ERROR, "5": SERVER_ERROR}.get(status[:1], REQUEST)


def read_query(query: str) -> dict[str, str]:
    """The parameters of a query by lower-case name, the first of each; ``+`` stays as it is."""
    found: dict[str, str] = {}
    for parameter in query.split("&"):
        name, equals, value = parameter.partition("=")
        if equals:
            found.setdefault(name.lower(), unquote(value))
    return found


def first_address(forwarded: str) -> str:
    """The first address of an ``X-Forwarded-For``, where the request set out; empty where it is none."""
    return split_endpoint(plus_as_blank(forwarded).partition(",")[0].strip())[0]


@lru_cache(maxsize=64)
def own_columns(columns: tuple[str, ...]) -> tuple[str, ...]:
    """The columns that an administrator added: copies of request headers."""
    return tuple(column for column in columns if column not in _KNOWN)


def describe_request(
    method: str, path: str, query: str, status: str, substatus: str, win32_status: str
) -> tuple[str, ...]:
    """What the columns of a request say together, in the order of ``COMPUTED``."""
    application = find_application(path)
    outcome = judge(method, path, query, status, win32_status)
    parameters = read_query(query) if application == "ACTIVESYNC" else {}
    return (
        application,
        outcome,
        f"{application}:{outcome}",
        f"{method} {status}".strip(),
        f"{path}?{query}" if query else path,
        f"{status}.{substatus}" if status and substatus else "",
        parameters.get("user", ""),
        parameters.get("deviceid", ""),
        parameters.get("devicetype", ""),
        parameters.get("cmd", ""),
    )


_PROXY_REQUEST = compile_later(r"(?:^|[?&;])cafeReqId=([^&;\s]*)", re.IGNORECASE)


def find_proxy_request(query: str) -> str:
    """The id under which HttpProxy has the same request, which the front end writes into the query."""
    found = _PROXY_REQUEST.search(query)
    return found.group(1) if found else ""


COMPUTED = (
    Derivation(("proxy-request-id",), ("cs-uri-query",), find_proxy_request),
    Derivation(
        (
            "application", "outcome", "event", "method-status", "request", "http-status", "activesync-user",
            "activesync-device-id", "activesync-device-type", "activesync-command",
        ),
        ("cs-method", "cs-uri-stem", "cs-uri-query", "sc-status", "sc-substatus", "sc-win32-status"),
        describe_request,
    ),
    Derivation(("user-domain", "user-name"), ("cs-username",), split_user),
    Derivation(("forwarded-for",), ("X-Forwarded-For",), first_address),
)  # fmt: skip


def complete(record: Record) -> None:
    """Derive what tables need; ``record.time`` and the columns are known."""
    for column in own_columns(record.schema.columns):
        if column in record.values:
            record.values[column] = plus_as_blank(record.values[column])
    derive(record, COMPUTED)


class IisReader(W3cReader):
    """Reads rows of the web service; those with an administrator's own columns always by themselves."""

    def lay_out(self) -> Layout | None:
        """The layout where all columns are those that IIS knows."""
        layout = super().lay_out()
        return None if layout is None or own_columns(layout.schema.columns) else layout


def open_reader(source: Source, head: Head, settings: Settings) -> Reader:
    """A reader for one file."""
    return IisReader(
        source,
        settings,
        complete,
        derived_from={"product-version": ""},
        computed=COMPUTED,
        choose_hide=web_secrets.make_chooser(web_secrets.W3C_COLUMNS, _KNOWN, settings),
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
        "method-status": ("cs-method", "sc-status"),
        "request": ("cs-uri-stem", "cs-uri-query"),
        "http-status": ("sc-status", "sc-substatus"),
        "user-domain": "",
        "user-name": "cs-username",
        "forwarded-for": "",
        "activesync-user": "",
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
    # one key for the type, and in the guide's sample it holds what WinCollect calls the protocol.
    agent_log_format="OWA",
    foreign=name_foreign,
    redact=web_secrets.hide_line,
    names=("u_ex*.log", "ex*.log"),
)
