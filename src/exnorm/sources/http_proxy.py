"""HttpProxy logs of the front end: Autodiscover, Eas, Ecp, Ews, Mapi, Owa, PowerShell, RpcHttp and others.

The columns are those of the ``#Fields`` line. 15.01 has 74; 15.0.1497 has the first 69 of them, and earlier
builds have 68, without RouteRefresherLatency. The log names no events: ``name_event`` derives the event from
the status.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from exnorm.convert import ip, utc_ms
from exnorm.model import Derivation, Head, Needed, Reader, Record, Schema, Source
from exnorm.settings import Settings
from exnorm.sources import web_secrets
from exnorm.sources.columnar import ColumnarReader, Finish, Refusal, derive, explain_date, split_csv
from exnorm.sources.endpoints import split_host
from exnorm.sources.recognition import recognize_columnar
from exnorm.sources.web_requests import (
    ACCESS_DENIED,
    APPLICATION_ERROR,
    AUTH_CHALLENGE,
    CLIENT_DISCONNECT,
    LOGON_ATTEMPT,
    LOGON_FAILURE,
    LOGON_SUCCESS,
    OUTCOMES,
    REDIRECT,
    REQUEST,
    asks_to_log_on,
    list_derivations,
    make_find_client,
    name_answer,
    reads_query,
)
from exnorm.text.patterns import compile_later

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

_LOG_TYPE = compile_later(r"HttpProxy Logs", re.IGNORECASE)
_FILE_NAME = compile_later(r".*HttpProxy_\d{8,10}-\d+.*\.LOG.*", re.IGNORECASE)
# Filled in every row of every version (shippers leave out empty ones); no other log has them all.
_TELLTALE = frozenset(("RequestId", "Protocol", "UrlStem", "Method", "ServerHostName"))
# No other log has an anchor; whoever looks for an attack exports these, by Select-Object and Export-Csv.
_SELECTED = frozenset(("DateTime", "UrlStem", "AnchorMailbox"))
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
_GONE = "clientdisconnect"


def name_schema(columns: Sequence[str], version: str) -> str:
    """Return the product year: from the build, else from the columns; 2019 and SE cannot be told apart."""
    numbers = [part.lstrip("0") for part in version.split(".")]
    years = {("15", ""): "2013", ("15", "1"): "2016", ("15", "2"): "2019/SE"}
    found = years.get((numbers[0], numbers[1])) if len(numbers) > 1 else None
    return found or ("2016" if "RoutingStatus" in columns else "2013")


def name_event(
    status: str, authenticated: str, user: str, method: str, path: str, query: str, error: str, errors: str
) -> str:
    """Return the event of a request, by the status that the front end answered and the errors it recorded.

    A 401 without a user is the routine first leg of NTLM, Negotiate or Basic: ``AUTH-CHALLENGE``. It is a
    ``LOGON-FAILURE`` only where a user was named and not authenticated; with an authenticated user the
    request was refused later, ``ACCESS-DENIED``. The form of Outlook on the web answers 302 whatever the
    password was: without an authenticated user it is a ``LOGON-ATTEMPT``.
    """
    is_authenticated = authenticated.lower() == "true"
    found = name_answer(method, path, query, status)
    if found == AUTH_CHALLENGE:
        if is_authenticated:
            return ACCESS_DENIED
        return LOGON_FAILURE if user else AUTH_CHALLENGE
    if found == LOGON_ATTEMPT:
        return LOGON_SUCCESS if is_authenticated and status[0] == "3" else LOGON_ATTEMPT
    if found in (REQUEST, REDIRECT) and (error or errors):
        is_gone = _GONE in error.lower() or _GONE in errors.lower()
        return CLIENT_DISCONNECT if is_gone else APPLICATION_ERROR
    return found


def join_build(*numbers: str) -> str:
    """Return the build as Exchange writes it, ``15.01.2375.007``; empty where a part is not a number."""
    return "" if max(map(len, numbers)) > 5 else _join_short(*numbers)


@lru_cache(maxsize=64)  # a log has one, seldom two
def _join_short(*numbers: str) -> str:
    if not all(number.isascii() and number.isdigit() for number in numbers):
        return ""
    return ".".join(number.zfill(width) for number, width in zip(numbers, (2, 2, 4, 3)))


COMPUTED = (
    Derivation(
        ("event",),
        (
            "HttpStatus", "IsAuthenticated", "AuthenticatedUser", "Method", "UrlStem", "UrlQuery",
            "ErrorCode", "GenericErrors",
        ),
        name_event,
        (
            Needed("UrlQuery", ("UrlStem",), reads_query),
            Needed("AuthenticatedUser", ("HttpStatus",), asks_to_log_on),
        ),
    ),
    Derivation(("build",), _BUILD, join_build),
    *list_derivations("AuthenticatedUser", "UrlStem", "UrlQuery", "request-url"),
    Derivation(("host-name", "host-address", "host-port"), ("UrlHost",), split_host),
)  # fmt: skip


def list_computed(proxies: tuple[str, ...]) -> tuple[Derivation, ...]:
    """Return the derivations of this log for a site with these proxies."""
    find_client = make_find_client(proxies)

    def find_address(text: str) -> tuple[str, str]:
        """Return the client among several addresses, or of an endpoint; empty where the text is one
        address.
        """
        return ("", "") if ip(text) is not None else find_client(text)

    return *COMPUTED, Derivation(("client-address", "client-port"), ("ClientIpAddress",), find_address)


def make_finish(computed: tuple[Derivation, ...]) -> Finish:
    """Return a function that reads a row's time and derives the rest."""

    def finish(record: Record) -> Refusal | None:
        moment = record.values.get("DateTime", "")
        record.time = utc_ms(moment)
        if record.time is None:
            return explain_date("DateTime", moment)
        record.derived["product-version"] = record.schema.version
        derive(record, computed)
        return None

    return finish


def is_plausible(values: Mapping[str, str]) -> bool:
    """Return whether values assigned by column count fit their columns."""
    return all(shape.fullmatch(values.get(column, "")) is not None for column, shape in _SHAPES.items())


def open_reader(source: Source, head: Head, settings: Settings) -> Reader:
    """Return a reader for one file."""
    computed = list_computed(settings.trusted_proxies)
    return ColumnarReader(
        source,
        settings,
        split=split_csv,
        finish=make_finish(computed),
        name_schema=name_schema,
        plausible=is_plausible,
        derived_from={"product-version": ""},
        computed=computed,
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
        "long-query": "",
        "activesync-device-id": "",
        "activesync-device-type": "",
        "activesync-command": "",
        "user-name": "AuthenticatedUser",
        "user-domain": "",
        "named-user": "",
        "user-mailbox": "",
        "host-name": "UrlHost",
        "host-address": "UrlHost",
        "host-port": "",
        "client-address": "",
        "client-port": "",
    },
    recognize=recognize_columnar(
        SCHEMAS,
        log_type=_LOG_TYPE,
        telltale=_TELLTALE,
        other_telltales=(_SELECTED,),
        plausible=is_plausible,
        file_name=_FILE_NAME,
    ),
    open=open_reader,
    event_column="event",
    events=OUTCOMES,
    schemas=SCHEMAS,
    redact=web_secrets.hide_line,
    agent_log_format="HTTPPROXY",
    names=("HttpProxy_*.LOG", "*_HttpProxy_*.LOG"),
)
