"""EWS logs: one row for each call of Exchange Web Services, on the server with the mailbox.

72 columns in 2013; 2016 inserts ``Ring`` and appends 19 more, so only the header says where a column is. The
event is the operation. ``ImpersonatedUser`` repeats the caller for ordinary clients: only a different name is
impersonation. Rows of subscriptions (``Sbsc_...``) name no user: they are housekeeping. ``Cookie`` is a
secret and is hidden before anything is derived.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from exnorm.convert import utc_ms
from exnorm.model import Derivation, Head, Reader, Record, Schema, Source
from exnorm.settings import Settings
from exnorm.sources import web_secrets
from exnorm.sources.accounts import split_account
from exnorm.sources.back_end import REQUEST, is_probe, judge, name_answer
from exnorm.sources.columnar import ColumnarReader, Refusal, derive, explain_date, split_csv
from exnorm.sources.endpoints import split_endpoint
from exnorm.sources.http_proxy import join_build, name_schema as name_year
from exnorm.sources.mask import MASK
from exnorm.sources.recognition import recognize_columnar
from exnorm.text.lines import join_csv
from exnorm.text.patterns import compile_later

COLUMNS_2013 = (
    "DateTime", "RequestId", "MajorVersion", "MinorVersion", "BuildVersion", "RevisionVersion",
    "ClientRequestId", "AuthenticationType", "IsAuthenticated", "AuthenticatedUser", "Organization",
    "UserAgent", "VersionInfo", "ClientIpAddress", "ServerHostName", "FrontEndServer", "SoapAction",
    "HttpStatus", "RequestSize", "ResponseSize", "ErrorCode", "ImpersonatedUser", "ProxyAsUser",
    "ActAsUser", "Cookie", "CorrelationGuid", "PrimaryOrProxyServer", "TaskType", "RemoteBackendCount",
    "LocalMailboxCount", "RemoteMailboxCount", "LocalIdCount", "RemoteIdCount", "BeginBudgetConnections",
    "EndBudgetConnections", "BeginBudgetHangingConnections", "EndBudgetHangingConnections", "BeginBudgetAD",
    "EndBudgetAD", "BeginBudgetCAS", "EndBudgetCAS", "BeginBudgetRPC", "EndBudgetRPC",
    "BeginBudgetFindCount", "EndBudgetFindCount", "BeginBudgetSubscriptions", "EndBudgetSubscriptions",
    "MDBResource", "MDBHealth", "MDBHistoricalLoad", "ThrottlingPolicy", "ThrottlingDelay",
    "ThrottlingRequestType", "TotalDCRequestCount", "TotalDCRequestLatency", "TotalMBXRequestCount",
    "TotalMBXRequestLatency", "RecipientLookupLatency", "ExchangePrincipalLatency", "HttpPipelineLatency",
    "CheckAccessCoreLatency", "AuthModuleLatency", "CallContextInitLatency", "PreExecutionLatency",
    "CoreExecutionLatency", "TotalRequestTime", "DetailedExchangePrincipalLatency", "ClientStatistics",
    "GenericInfo", "AuthenticationErrors", "GenericErrors", "Puid",
)  # fmt: skip
COLUMNS = (
    "DateTime", "RequestId", "MajorVersion", "MinorVersion", "BuildVersion", "RevisionVersion", "Ring",
    "ClientRequestId", "AuthenticationType", "IsAuthenticated", "AuthenticatedUser", "Organization",
    "UserAgent", "VersionInfo", "ClientIpAddress", "ServerHostName", "FrontEndServer", "SoapAction",
    "HttpStatus", "RequestSize", "ResponseSize", "ErrorCode", "ImpersonatedUser", "ProxyAsUser",
    "ActAsUser", "Cookie", "CorrelationGuid", "PrimaryOrProxyServer", "TaskType", "RemoteBackendCount",
    "LocalMailboxCount", "RemoteMailboxCount", "LocalIdCount", "RemoteIdCount", "BeginBudgetConnections",
    "EndBudgetConnections", "BeginBudgetHangingConnections", "EndBudgetHangingConnections", "BeginBudgetAD",
    "EndBudgetAD", "BeginBudgetCAS", "EndBudgetCAS", "BeginBudgetRPC", "EndBudgetRPC",
    "BeginBudgetFindCount", "EndBudgetFindCount", "BeginBudgetSubscriptions", "EndBudgetSubscriptions",
    "MDBResource", "MDBHealth", "MDBHistoricalLoad", "ThrottlingPolicy", "ThrottlingDelay",
    "ThrottlingRequestType", "TotalDCRequestCount", "TotalDCRequestLatency", "TotalMBXRequestCount",
    "TotalMBXRequestLatency", "RecipientLookupLatency", "ExchangePrincipalLatency", "HttpPipelineLatency",
    "CheckAccessCoreLatency", "AuthModuleLatency", "CallContextInitLatency", "PreExecutionLatency",
    "CoreExecutionLatency", "TotalRequestTime", "DetailedExchangePrincipalLatency", "ClientStatistics",
    "GenericInfo", "AuthenticationErrors", "GenericErrors", "Puid", "StartTime", "ProcessId", "TimeInGC",
    "StartTotalMemory", "EndTotalMemory", "StartGCCounts", "EndGCCounts", "TokenBasedThrottlingPolicy",
    "BudgetKey", "CoinsCharged", "CoinsChargedMethod", "SidBudgetInfo", "AppBudgetInfo", "TenantBudgetInfo",
    "ResourceAccessed", "ResourceHealthBasedThreshold", "ThrottledBy", "BackoffHint", "WorkClassification",
)  # fmt: skip
SCHEMAS = (Schema("2013", COLUMNS_2013), Schema("2016", COLUMNS))

HOUSEKEEPING = "HOUSEKEEPING"
PROBE = "PROBE"
OPERATION = "OPERATION"
IMPERSONATED = "/IMPERSONATED"
"""Ends the weight of an operation that was done in another user's name."""
# Operations that read or change more than the everyday ones of a client.
WEIGHTY = frozenset((
    "ADDDELEGATE", "ADDDISTRIBUTIONGROUPTOIMLIST", "CONVERTID", "CREATEATTACHMENT", "CREATEITEM",
    "DELETEITEM", "EMPTYFOLDER", "EXPORTITEMS", "FINDPEOPLE", "GETATTACHMENT", "GETDELEGATE",
    "GETINBOXRULES", "INSTALLAPP", "MARKASJUNK", "RESOLVENAMES", "SEARCHMAILBOXES", "SENDITEM",
    "SETUSEROOFSETTINGS", "UPDATEDELEGATE", "UPDATEINBOXRULES", "UPLOADITEMS",
))  # fmt: skip

_LOG_TYPE = compile_later(r"EWS Logs", re.IGNORECASE)
_FILE_NAME = compile_later(r"Ews_\d{8,10}-\d+.*\.LOG.*", re.IGNORECASE)
# Shippers leave out what is empty: of a call that was refused, the action.
_TELLTALES = tuple(
    frozenset(("DateTime", "ServerHostName", own))
    for own in ("SoapAction", "TaskType", "ThrottlingPolicy", "ImpersonatedUser", "PrimaryOrProxyServer")
)
_SHAPES = {
    "RequestId": compile_later(r"([0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})?"),
    "MajorVersion": compile_later(r"\d*"),
    "IsAuthenticated": compile_later(r"(true|false)?", re.IGNORECASE),
    "SoapAction": compile_later(r"[\w:/.-]*"),
    "HttpStatus": compile_later(r"(\d{3})?"),
    "TotalRequestTime": compile_later(r"[\d.]*"),
}
_BUILD = ("MajorVersion", "MinorVersion", "BuildVersion", "RevisionVersion")


def name_schema(columns: Sequence[str], version: str) -> str:
    """Return the product year: from the build, else from the columns."""
    return name_year(columns, version) if version else ("2016" if "Ring" in columns else "2013")


def find_impersonated(user: str, impersonated: str) -> str:
    r"""Return the user in whose name the call was made, if that is not the caller.

    ``DOMAIN\user`` and ``user@domain`` may be one account: equal user names are taken for the same account.
    """
    domain, backslash, name = user.lower().partition("\\")
    same = impersonated.lower().partition("@")[0] == name if backslash else impersonated.lower() == domain
    return "" if same else impersonated


def find_mailbox(user: str, impersonated: str, act_as: str) -> str:
    """Return the owner of the mailbox that the call was for, if that is not the caller."""
    return find_impersonated(user, impersonated) or act_as


def weigh(
    action: str,
    status: str,
    error: str,
    authenticated: str,
    user: str,
    impersonated: str,
    act_as: str,
    agent: str,
) -> tuple[str, str, str]:
    """Return the result of a call, its outcome, and the key of its severity: an answer, an operation, or a
    kind of both.
    """
    answer = name_answer(status, error, authenticated, user)
    outcome = judge(answer)
    operation = action.rpartition("/")[2].upper()
    if operation.startswith("SBSC_"):
        weight = HOUSEKEEPING
    elif is_probe(user, agent):
        weight = PROBE
    elif answer != REQUEST:
        weight = answer
    else:
        weight = operation if operation in WEIGHTY else OPERATION
        # A server that acts for a user names that user in ActAsUser too; a client does not.
        if find_impersonated(user, impersonated) and not act_as:
            weight += IMPERSONATED
    return answer, outcome, weight


COMPUTED = (
    Derivation(
        ("answer", "outcome", "weight"),
        (
            "SoapAction", "HttpStatus", "ErrorCode", "IsAuthenticated", "AuthenticatedUser",
            "ImpersonatedUser", "ActAsUser", "UserAgent",
        ),
        weigh,
    ),
    Derivation(("build",), _BUILD, join_build),
    Derivation(("user-domain", "user-name", "user-mailbox"), ("AuthenticatedUser",), split_account),
    Derivation(("client-address", "client-port"), ("ClientIpAddress",), split_endpoint),
    Derivation(("impersonated",), ("AuthenticatedUser", "ImpersonatedUser"), find_impersonated),
    Derivation(("mailbox",), ("AuthenticatedUser", "ImpersonatedUser", "ActAsUser"), find_mailbox),
)  # fmt: skip


def finish(record: Record) -> Refusal | None:
    """Read the row's time, hide the cookie, derive the values that tables need."""
    values = record.values
    moment = values.get("DateTime", "")
    record.time = utc_ms(moment)
    if record.time is None:
        return explain_date("DateTime", moment)
    if values.get("Cookie", MASK) not in ("", MASK):
        values["Cookie"] = MASK
        record.raw = join_csv(values.values())
    record.derived["product-version"] = record.schema.version
    derive(record, COMPUTED)
    return None


def is_plausible(values: Mapping[str, str]) -> bool:
    """Return whether values assigned by column count fit their columns."""
    return all(shape.fullmatch(values.get(column, "")) is not None for column, shape in _SHAPES.items())


_COOKIE = compile_later(r"(?<=,)[0-9a-f]{32}(?=,)", re.IGNORECASE)


def redact(line: str) -> str:
    """Return an unparsed row with credentials and a possible cookie hidden."""
    return _COOKIE.sub(MASK, web_secrets.hide_line(line))


def open_reader(source: Source, head: Head, settings: Settings) -> Reader:
    """Return a reader for one file."""
    return ColumnarReader(
        source,
        settings,
        split=split_csv,
        finish=finish,
        name_schema=name_schema,
        plausible=is_plausible,
        choose_hide=web_secrets.make_chooser(web_secrets.EXCHANGE_COLUMNS, COLUMNS, settings),
    )


EWS = Source(
    name="ews",
    title="Exchange EWS log",
    columns=COLUMNS,
    derived={
        "answer": "",
        "outcome": "",
        "weight": "",
        "product-version": "",
        "build": _BUILD,
        "user-domain": "",
        "user-name": "AuthenticatedUser",
        "user-mailbox": "",
        "client-address": "ClientIpAddress",
        "client-port": "",
        "impersonated": "",
        "mailbox": "",
    },
    recognize=recognize_columnar(
        SCHEMAS,
        log_type=_LOG_TYPE,
        telltale=_TELLTALES[0],
        other_telltales=_TELLTALES[1:],
        plausible=is_plausible,
        file_name=_FILE_NAME,
    ),
    open=open_reader,
    event_column="SoapAction",
    schemas=SCHEMAS,
    redact=redact,
    agent_log_format="EWS",
    names=("Ews_*.LOG",),
)
