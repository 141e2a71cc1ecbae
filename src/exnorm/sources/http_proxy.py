"""HttpProxy logs of the front end: Autodiscover, Eas, Ecp, Ews, Mapi, Owa, PowerShell, RpcHttp and kin.

The columns are those of the ``#Fields`` line. 15.01 has 74; 15.0.1497 has the first 69 of them, and what
came before it 68, those without RouteRefresherLatency. The
event is ours: the log names none, so it is read from the status, as ``name_event`` says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from exnorm.convert import ip, utc_ms
from exnorm.model import Derivation, Head, Reader, Record, Schema, Source
from exnorm.patterns import compile_later
from exnorm.settings import Settings
from exnorm.sources import web_secrets
from exnorm.sources.columnar import ColumnarReader, Refusal, derive, explain_date, split_csv
from exnorm.sources.endpoints import split_endpoint
from exnorm.sources.recognition import recognize_columnar

COLUMNS_2013 = (
    "DateTime", "RequestId", "MajorVersion", "MinorVersion", "BuildVersion", "RevisionVersion",
    "ClientRequestId", "Protocol", "UrlHost", "UrlStem", "ProtocolAction", "AuthenticationType",
    "IsAuthenticated", "AuthenticatedUser", "Organization", "AnchorMailbox", "UserAgent",
    "ClientIpAddress", "ServerHostName", "HttpStatus", "BackEndStatus", "ErrorCode", "Method",
    "ProxyAction", "TargetServer", "TargetServerVersion", "RoutingType", "RoutingHint",
    "BackEndCookie", "ServerLocatorHost", "ServerLocatorLatency", "RequestBytes",
    "ResponseBytes", "TargetOutstandingRequests", "AuthModulePerfContext",
    "HttpPipelineLatency", "CalculateTargetBackEndLatency", "GlsLatencyBreakup",
    "TotalGlsLatency", "AccountForestLatencyBreakup", "TotalAccountForestLatency",
    "ResourceForestLatencyBreakup", "TotalResourceForestLatency", "ADLatency",
    "SharedCacheLatencyBreakup", "TotalSharedCacheLatency", "ActivityContextLifeTime",
    "ModuleToHandlerSwitchingLatency", "ClientReqStreamLatency", "BackendReqInitLatency",
    "BackendReqStreamLatency", "BackendProcessingLatency", "BackendRespInitLatency",
    "BackendRespStreamLatency", "ClientRespStreamLatency", "KerberosAuthHeaderLatency",
    "HandlerCompletionLatency", "RequestHandlerLatency", "HandlerToModuleSwitchingLatency",
    "ProxyTime", "CoreLatency", "RoutingLatency", "HttpProxyOverhead", "TotalRequestTime",
    "RouteRefresherLatency", "UrlQuery", "BackEndGenericInfo", "GenericInfo", "GenericErrors",
)  # fmt: skip
COLUMNS_2013_EARLY = tuple(column for column in COLUMNS_2013 if column != "RouteRefresherLatency")
COLUMNS = (
    *COLUMNS_2013,
    "EdgeTraceId", "DatabaseGuid", "UserADObjectGuid", "PartitionEndpointLookupLatency",
    "RoutingStatus",
)  # fmt: skip

SCHEMAS = (
    Schema("2013 before 15.0.1497", COLUMNS_2013_EARLY),
    Schema("2013", COLUMNS_2013),
    Schema("2016", COLUMNS),
)

EVENTS = frozenset((
    "ACCESS-DENIED", "AUTH-CHALLENGE", "CLIENT-ERROR", "LOGON-ATTEMPT", "LOGON-FAILURE", "LOGON-SUCCESS",
    "REDIRECT", "REQUEST", "SERVER-ERROR", "SESSION-EXPIRED", "STATUS-UNKNOWN",
))  # fmt: skip

_LOG_TYPE = compile_later(r"HttpProxy Logs", re.IGNORECASE)
_FILE_NAME = compile_later(r".*HttpProxy_\d{8,10}-\d+.*\.LOG.*", re.IGNORECASE)
# Every version has these in every row, for shippers leave out what is empty; no other log has them all.
_TELLTALE = frozenset(("RequestId", "Protocol", "UrlStem", "Method", "ServerHostName"))
_SHAPES = {
    "RequestId": compile_later(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"),
    "MajorVersion": compile_later(r"\d*"),
    "IsAuthenticated": compile_later(r"(true|false)?", re.IGNORECASE),
    "HttpStatus": compile_later(r"(\d{3})?"),
    "Method": compile_later(r"[A-Za-z_-]*"),
    "RequestBytes": compile_later(r"\d*"),
    "ResponseBytes": compile_later(r"\d*"),
}
_BUILD = ("MajorVersion", "MinorVersion", "BuildVersion", "RevisionVersion")
_STATUS = compile_later(r"[0-9]{3}")
_SEPARATORS = compile_later(r"[,;\s]+")
_FORMS_LOGON = "/auth.owa"


def name_schema(columns: Sequence[str], version: str) -> str:
    """The product year: from the build, else from the columns; 2019 and SE cannot be told apart."""
    numbers = [part.lstrip("0") for part in version.split(".")]
    years = {("15", ""): "2013", ("15", "1"): "2016", ("15", "2"): "2019/SE"}
    found = years.get((numbers[0], numbers[1])) if len(numbers) > 1 else None
    return found or ("2016" if "RoutingStatus" in columns else "2013")


def name_event(status: str, authenticated: str, user: str, method: str, path: str) -> str:
    """The event of a request, by the status that the front end answered.

    A 401 without a user is the routine first leg of NTLM, Negotiate or Basic: ``AUTH-CHALLENGE``. It
    is a ``LOGON-FAILURE`` only where a user was named and not authenticated; with an authenticated
    user the request was refused later, ``ACCESS-DENIED``. The form of Outlook on the web answers 302
    whatever the password was: without an authenticated user it is a ``LOGON-ATTEMPT``.
    """
    is_authenticated = authenticated.lower() == "true"
    if status == "401":
        if is_authenticated:
            return "ACCESS-DENIED"
        return "LOGON-FAILURE" if user else "AUTH-CHALLENGE"
    if status.startswith("3") and _posts_form(method, path):
        return "LOGON-SUCCESS" if is_authenticated else "LOGON-ATTEMPT"
    named = {"403": "ACCESS-DENIED", "440": "SESSION-EXPIRED"}.get(status)
    if named is not None:
        return named
    classes = {"1": "REQUEST", "2": "REQUEST", "3": "REDIRECT", "4": "CLIENT-ERROR", "5": "SERVER-ERROR"}
    return classes.get(status[0], "STATUS-UNKNOWN") if _STATUS.fullmatch(status) else "STATUS-UNKNOWN"


def _posts_form(method: str, path: str) -> bool:
    return method.upper() == "POST" and path.lower().endswith(_FORMS_LOGON)


def join_build(*numbers: str) -> str:
    """The build as Exchange writes it, ``15.01.2375.007``; empty where a part is no number."""
    return "" if max(map(len, numbers)) > 5 else _join_short(*numbers)


@lru_cache(maxsize=64)  # a log has one, seldom two
def _join_short(*numbers: str) -> str:
    if not all(number.isascii() and number.isdigit() for number in numbers):
        return ""
    return ".".join(number.zfill(width) for number, width in zip(numbers, (2, 2, 4, 3)))


def join_url(stem: str, query: str) -> str:
    """Path and query as one text; Exchange writes the query with its ``?``."""
    return stem + (query if not query or query.startswith("?") else "?" + query)


def split_user(user: str) -> tuple[str, str]:
    """Domain and name of ``DOMAIN\\user``; anything else, a UPN too, is a name without a domain."""
    domain, backslash, name = user.partition("\\")
    return (domain, name) if backslash and domain and name else ("", user)


def first_address(text: str) -> str:
    """The first of several addresses, or the address of an endpoint; empty where all is one address.

    A first member that is masked is none: the next one would be a proxy, not the client.
    """
    if ip(text) is not None:
        return ""
    return split_endpoint(_SEPARATORS.split(text.strip(), maxsplit=1)[0])[0]


COMPUTED = (
    Derivation(
        ("event",), ("HttpStatus", "IsAuthenticated", "AuthenticatedUser", "Method", "UrlStem"), name_event
    ),
    Derivation(("build",), _BUILD, join_build),
    Derivation(("request-url",), ("UrlStem", "UrlQuery"), join_url),
    Derivation(("user-domain", "user-name"), ("AuthenticatedUser",), split_user),
    Derivation(("first-client-address",), ("ClientIpAddress",), first_address),
)


def finish(record: Record) -> Refusal | None:
    """Read the row's time; derive the event, the build, the URL, the user's parts and the client."""
    moment = record.values.get("DateTime", "")
    record.time = utc_ms(moment)
    if record.time is None:
        return explain_date("DateTime", moment)
    record.derived["product-version"] = record.schema.version
    derive(record, COMPUTED)
    return None


def is_plausible(values: Mapping[str, str]) -> bool:
    """Whether values found by column count stand under the columns they belong to."""
    return all(shape.fullmatch(values.get(column, "")) is not None for column, shape in _SHAPES.items())


def open_reader(source: Source, head: Head, settings: Settings) -> Reader:
    """A reader for one file."""
    return ColumnarReader(
        source,
        settings,
        split=split_csv,
        finish=finish,
        name_schema=name_schema,
        plausible=is_plausible,
        derived_from={"product-version": ""},
        computed=COMPUTED,
        choose_hide=web_secrets.make_chooser(web_secrets.EXCHANGE_COLUMNS, COLUMNS, settings),
    )


HTTP_PROXY = Source(
    name="http_proxy",
    title="Exchange HttpProxy log",
    columns=COLUMNS,
    derived={
        "event": "",
        "product-version": "",
        "build": _BUILD,
        "request-url": ("UrlStem", "UrlQuery"),
        "user-name": "AuthenticatedUser",
        "user-domain": "",
        "first-client-address": "",
    },
    recognize=recognize_columnar(
        SCHEMAS, log_type=_LOG_TYPE, telltale=_TELLTALE, plausible=is_plausible, file_name=_FILE_NAME
    ),
    open=open_reader,
    event_column="event",
    events=EVENTS,
    schemas=SCHEMAS,
    redact=web_secrets.hide_line,
    agent_log_format="HTTPPROXY",
    names=("HttpProxy_*.LOG", "*_HttpProxy_*.LOG"),
)
