"""Interpret requests to the web applications of Exchange, alike for IIS and HttpProxy.

The form of Outlook on the web answers a redirect whatever the password was, so a POST to it is an attempt; a
wrong password leads back to the logon page with a reason. ActiveSync answers 200 and reports a refusal in its
own part of the query, ``Log=..._Error:...``, which the server appends to the client's part.
"""

from __future__ import annotations

import binascii
import ipaddress
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple, Union
from urllib.parse import unquote

from exnorm.convert import ip
from exnorm.model import Derivation, Joined, Needed
from exnorm.sources.accounts import split_account
from exnorm.sources.endpoints import split_endpoint
from exnorm.text.patterns import compile_later

LOGON_ATTEMPT = "LOGON-ATTEMPT"
LOGON_SUCCESS = "LOGON-SUCCESS"
LOGON_FAILURE = "LOGON-FAILURE"
LOGOFF = "LOGOFF"
PASSWORD_EXPIRED = "PASSWORD-EXPIRED"
AUTH_CHALLENGE = "AUTH-CHALLENGE"
ACCESS_DENIED = "ACCESS-DENIED"
SESSION_EXPIRED = "SESSION-EXPIRED"
PROVISIONING = "PROVISIONING"
REDIRECT = "REDIRECT"
CLIENT_ERROR = "CLIENT-ERROR"
CLIENT_DISCONNECT = "CLIENT-DISCONNECT"
APPLICATION_ERROR = "APPLICATION-ERROR"
SERVER_ERROR = "SERVER-ERROR"
STATUS_UNKNOWN = "STATUS-UNKNOWN"
REQUEST = "REQUEST"
OUTCOMES = frozenset((
    LOGON_ATTEMPT, LOGON_SUCCESS, LOGON_FAILURE, LOGOFF, PASSWORD_EXPIRED, AUTH_CHALLENGE, ACCESS_DENIED,
    SESSION_EXPIRED, PROVISIONING, REDIRECT, CLIENT_ERROR, CLIENT_DISCONNECT, APPLICATION_ERROR, SERVER_ERROR,
    STATUS_UNKNOWN, REQUEST,
))  # fmt: skip
"""What may become of a request: the events of HttpProxy, and of IIS behind the application's name."""

SAFE_REQUEST = 1023
"""Bytes of path and query that the CEF field for them holds; a longer query stands in a field of its own."""

# The page to which the logon form is posted, in 2003, 2007 and later.
_LOGON_FORMS = frozenset(("auth.owa", "owaauth.dll"))
_LOGON_PAGES = frozenset(("logon.aspx", "owalogon.asp"))
_PAGES = {
    **dict.fromkeys(("logoff.owa", "logoff.aspx", "logoff.asp", "signout.aspx"), LOGOFF),
    "expiredpassword.aspx": PASSWORD_EXPIRED,
}
_WRONG_PASSWORD = "2"  # the reason with which the form sends back to its page

_STATUS = compile_later(r"[1-5][0-9]{2}")
_NAMED = {
    "304": REQUEST,
    "401": AUTH_CHALLENGE,
    "403": ACCESS_DENIED,
    "440": SESSION_EXPIRED,
    "449": PROVISIONING,
}
_CLASSES = {"1": REQUEST, "2": REQUEST, "3": REDIRECT, "4": CLIENT_ERROR, "5": SERVER_ERROR}
_ACTIVESYNC = "/microsoft-server-activesync"
_SYNC_ERROR = compile_later(r"(?:^|_)error:([^_]+)", re.IGNORECASE)
_SYNC_ACCESS = compile_later(r"(?:^|_)as:(?:blocked|quarantined)", re.IGNORECASE)
_BINARY = compile_later(r"(?:[A-Za-z0-9+/_-]|%2[BbFf])+(?:=|%3[Dd]){0,2}")
_BINARY_LONGEST = 2048
_URL_SAFE = str.maketrans("-_", "+/")
_BINARY_VERSIONS = frozenset((25, 120, 121, 140, 141, 160, 161))  # 2.5 and 12.0 to 16.1
_BINARY_USER = 8  # the parameter that names a user
_BINARY_COMMANDS = {
    0: "Sync", 1: "SendMail", 2: "SmartForward", 3: "SmartReply", 4: "GetAttachment", 9: "FolderSync",
    10: "FolderCreate", 11: "FolderDelete", 12: "FolderUpdate", 13: "MoveItems", 14: "GetItemEstimate",
    15: "MeetingResponse", 16: "Search", 17: "Settings", 18: "Ping", 19: "ItemOperations", 20: "Provision",
    21: "ResolveRecipients", 22: "ValidateCert", 23: "Find",
}  # fmt: skip
# Named as the status codes of ActiveSync ([MS-ASCMD], common status codes 126 to 145).
_SYNC_EVENTS = {
    **dict.fromkeys(
        (
            "userdisabledforsync", "useronnewmailboxcannotsync", "useronlegacymailboxcannotsync",
            "deviceisblockedforthisuser", "accessdenied", "accountdisabled",
            "externallymanageddevicesnotallowed",
        ),
        ACCESS_DENIED,
    ),
    **dict.fromkeys(
        (
            "devicenotfullyprovisionable", "remotewiperequested", "legacydeviceonstrictpolicy",
            "devicenotprovisioned", "policyrefresh", "invalidpolicykey",
        ),
        PROVISIONING,
    ),
}  # fmt: skip


def name_answer(method: str, path: str, query: str, status: str) -> str:
    """Return the result of a request by its answer, as one of ``OUTCOMES``; a 401 is a logon request for any
    user.
    """
    if _STATUS.fullmatch(status) is None:
        return STATUS_UNKNOWN
    found = _NAMED.get(status) or _CLASSES[status[0]]
    return found if found not in (REQUEST, REDIRECT) else _name_page(method, path, query) or found


def _name_page(method: str, path: str, query: str) -> str:
    """Return the meaning of an answered request to a known page; empty for any other page."""
    place = path.lower().rstrip("/")
    page = place.rpartition("/")[2]
    if page in _LOGON_FORMS and method.upper() == "POST":
        return LOGON_ATTEMPT
    if page in _LOGON_PAGES and read_query(query).get("reason") == _WRONG_PASSWORD:
        return LOGON_FAILURE
    if page in _PAGES:
        return _PAGES[page]
    return _name_sync(query) if place.startswith(_ACTIVESYNC) else ""


def _name_sync(query: str) -> str:
    """Return the refusal in the server's part of an ActiveSync query; empty where there is none."""
    logged = query.lower().rpartition("&log=")[2].partition("&")[0] if "log=" in query.lower() else ""
    error = _SYNC_ERROR.search(logged)
    if error is not None:
        return _SYNC_EVENTS.get(error.group(1), APPLICATION_ERROR)
    return ACCESS_DENIED if _SYNC_ACCESS.search(logged) is not None else ""


def read_query(query: str) -> dict[str, str]:
    """Return the parameters of a query by lower-case name, the first of each; ``+`` stays as it is."""
    found: dict[str, str] = {}
    for parameter in query.removeprefix("?").split("&"):
        name, equals, value = parameter.partition("=")
        if equals:
            found.setdefault(name.lower(), unquote(value))
    return found


class Device(NamedTuple):
    """The client as the query of ActiveSync describes it."""

    user: str = ""
    id: str = ""
    type: str = ""
    command: str = ""


def read_device(path: str, query: str) -> Device:
    """Return the client of a request to ActiveSync; all parts are empty for other applications."""
    if not is_sync(path):
        return Device()
    found = read_query(query)
    named = Device(*(found.get(name, "") for name in ("user", "deviceid", "devicetype", "cmd")))
    return named if any(named) else read_binary_device(query)


def read_binary_device(query: str) -> Device:
    """The client as a query in base64 says it, the short form of ActiveSync ([MS-ASHTTP], 2.2.1.1.1.1).

    Version, command, locale (two bytes); then, each behind its length, device, key of the policy, type of the
    device; then the command's parameters, each behind its number and length. All empty for any other text.
    """
    text = query.removeprefix("?").partition("&")[0]
    if len(text) > _BINARY_LONGEST or _BINARY.fullmatch(text) is None:
        return Device()
    try:
        data = binascii.a2b_base64(unquote(text).translate(_URL_SAFE) + "==")
    except binascii.Error:
        return Device()
    if len(data) < 4 or data[0] not in _BINARY_VERSIONS or data[1] not in _BINARY_COMMANDS:
        return Device()
    parts, rest = [], data[4:]
    for _ in range(3):
        if not rest or len(rest) <= rest[0]:
            return Device()
        parts.append(rest[1 : rest[0] + 1])
        rest = rest[rest[0] + 1 :]
    user = b""
    while len(rest) > 1 and len(rest) > rest[1] + 1:
        if rest[0] == _BINARY_USER:
            user = rest[2 : rest[1] + 2]
        rest = rest[rest[1] + 2 :]
    command = _BINARY_COMMANDS[data[1]]
    return Device(user.decode("utf-8", "replace"), _write_id(parts[0]), _write_id(parts[2]), command)


def _write_id(data: bytes) -> str:
    """A device's name, or its bytes in hexadecimal where they are no text."""
    is_text = data.isascii() and data.decode("latin-1").isprintable()
    return data.decode("ascii") if is_text else data.hex().upper()


def is_sync(path: str) -> bool:
    """Return whether a path is ActiveSync's, whose query names user, device and command."""
    return path.lower().startswith(_ACTIVESYNC)


def reads_query(path: str) -> bool:
    """Return whether the result of a request to this path depends on its query."""
    return is_sync(path) or path.lower().rstrip("/").rpartition("/")[2] in _LOGON_PAGES


def asks_to_log_on(status: str) -> bool:
    """Return whether the meaning of an answer depends on the user."""
    return status == "401"


def is_nobody(user: str) -> bool:
    """Return whether a request names no user who logged on."""
    return not user or user.lower() == "anonymous"


def list_derivations(user: str, path: str, query: str, url: str) -> tuple[Derivation, ...]:
    """Return the derivations for user and request from columns of these names; ``url`` is path and query
    joined.

    A query differs in nearly every row, so it is passed only to the functions that need it.
    """
    return (
        Derivation((url,), (path, query), Joined("?", once=True)),
        Derivation(
            ("long-query",), (path, query), find_long_query, (Needed(query, longer=(url, SAFE_REQUEST // 4)),)
        ),
        Derivation(
            ("activesync-device-id", "activesync-device-type", "activesync-command"),
            (path, query),
            lambda path, query: read_device(path, query)[1:],
            (Needed(query, (path,), is_sync),),
        ),
        Derivation(
            ("user-domain", "user-name", "named-user", "user-mailbox"),
            (user, path, query),
            find_account,
            (
                Needed(path, (user,), is_nobody),
                Needed(query, (user,), is_nobody),
                Needed(query, (path,), is_sync),
            ),
        ),
    )


def find_account(user: str, path: str, query: str) -> tuple[str, str, str, str]:
    """Return the domain, the user who logged on or else the one ActiveSync names, and the mailbox."""
    if not is_nobody(user):
        domain, name, mailbox = split_account(user)
        return domain, name, "", mailbox
    domain, name, mailbox = split_account(read_device(path, query).user)
    return domain, "", name, mailbox


def join_url(path: str, query: str) -> str:
    """Join path and query; HttpProxy writes the query with its ``?``, IIS without."""
    return path + (query if not query or query.startswith("?") else "?" + query)


def find_long_query(path: str, query: str) -> str:
    """Return the query where path and query together are too long for their field; else an empty text."""
    url = join_url(path, query)
    if len(url) * 4 <= SAFE_REQUEST or len(url.encode("utf-8", "surrogatepass")) <= SAFE_REQUEST:
        return ""
    return query


# --- who asked -----------------------------------------------------------------------------------

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
FindClient = Callable[[str], "tuple[str, str]"]

_SEPARATORS = compile_later(r"[,;+\s]+")


@lru_cache(maxsize=16)
def make_find_client(proxies: tuple[str, ...]) -> FindClient:
    """Return a function from the members of ``X-Forwarded-For`` to the client's address and port.

    Each proxy appends the address that it was asked by; earlier members may be invented by the client. So the
    last member counts, or with ``proxies`` (addresses and networks) the last that is not one of them; the
    first where all are. Both parts are empty where that member is not an address.
    """
    trusts = make_trusts(proxies)

    def find_client(text: str) -> tuple[str, str]:
        found = "", ""
        for member in reversed([member for member in _SEPARATORS.split(text) if member]):
            found = split_endpoint(member.strip('"'))
            if not trusts(found[0]):
                break
        return found

    return find_client


def make_trusts(proxies: Iterable[str]) -> Callable[[str], bool]:
    """Return a function that tests whether a text is the address of one of these proxies."""
    networks = tuple(ipaddress.ip_network(proxy, strict=False) for proxy in proxies)
    if not networks:
        return lambda text: False

    @lru_cache(maxsize=4096)
    def trusts(text: str) -> bool:
        address = ip(text)
        return address is not None and any(ipaddress.ip_address(address) in network for network in networks)

    return trusts
