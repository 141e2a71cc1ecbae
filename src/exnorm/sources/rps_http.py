"""Rps_Http logs: the HTTP requests of remote PowerShell, on the server that runs the shell.

38 columns. The event is the action or command that a row names, else the result of the request. The method is
in ``GenericInfo``. The query may contain an access token, which is hidden before anything is derived.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from exnorm.convert import find_member, utc_ms
from exnorm.model import Derivation, Head, Reader, Record, Schema, Source
from exnorm.settings import Settings
from exnorm.sources import web_secrets
from exnorm.sources.accounts import split_account
from exnorm.sources.back_end import ANSWERS, is_probe, judge, name_answer
from exnorm.sources.columnar import ColumnarReader, Refusal, derive, explain_date, split_csv
from exnorm.sources.endpoints import split_endpoint, split_host
from exnorm.sources.http_proxy import join_build, name_schema as name_year
from exnorm.sources.recognition import recognize_columnar
from exnorm.sources.web_requests import join_url
from exnorm.text.patterns import compile_later

COLUMNS = (
    "DateTime", "StartTime", "RequestId", "MajorVersion", "MinorVersion", "BuildVersion", "RevisionVersion",
    "ClientRequestId", "UrlHost", "UrlStem", "AuthenticationType", "IsAuthenticated", "AuthenticatedUser",
    "Organization", "ManagedOrganization", "ClientIpAddress", "ServerHostName", "FrontEndServer",
    "HttpStatus", "SubStatus", "ErrorCode", "Action", "CommandId", "CommandName", "SessionId", "ShellId",
    "FailFast", "ContributeToFailFast", "RequestBytes", "ClientInfo", "CPU", "Memory",
    "ActivityContextLifeTime", "TotalTime", "UrlQuery", "GenericLatency", "GenericInfo", "GenericErrors",
)  # fmt: skip
SCHEMAS = (Schema("2016", COLUMNS),)

PROBE = "PROBE"

_LOG_TYPE = compile_later(r"Rps Http Logs", re.IGNORECASE)
_FILE_NAME = compile_later(r"Rps_Http_\d{8,10}-\d+.*\.LOG.*", re.IGNORECASE)
# Shippers leave out empty columns: these are filled in every row.
_TELLTALE = frozenset(("RequestId", "UrlStem", "SubStatus", "ServerHostName"))
_SHAPES = {
    "RequestId": compile_later(r"([0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})?"),
    "MajorVersion": compile_later(r"\d*"),
    "IsAuthenticated": compile_later(r"(true|false)?", re.IGNORECASE),
    "HttpStatus": compile_later(r"(\d{3})?"),
    "RequestBytes": compile_later(r"\d*"),
    "TotalTime": compile_later(r"\d*"),
}
_BUILD = ("MajorVersion", "MinorVersion", "BuildVersion", "RevisionVersion")


def name_schema(columns: Sequence[str], version: str) -> str:
    """Return the product year, by the build in the header; without one, 2016."""
    return name_year(columns, version) if version else "2016"


def find_method(info: str) -> str:
    """Return the method of the request."""
    return find_member(info, "ServiceCommonMetadata.HttpMethod") if "HttpMethod=" in info else ""


def describe(status: str, error: str, authenticated: str, user: str, agent: str) -> tuple[str, str, str]:
    """Return the result of a request, its outcome, and the key of its severity."""
    answer = name_answer(status, error, authenticated, user)
    outcome = judge(answer)
    return answer, outcome, PROBE if outcome != "failure" and is_probe(user, agent) else answer


COMPUTED = (
    Derivation(
        ("event", "outcome", "weight"),
        ("HttpStatus", "ErrorCode", "IsAuthenticated", "AuthenticatedUser", "ClientInfo"),
        describe,
    ),
    Derivation(("build",), _BUILD, join_build),
    Derivation(("request-url",), ("UrlStem", "UrlQuery"), join_url),
    Derivation(("method",), ("GenericInfo",), find_method),
    Derivation(("user-domain", "user-name", "user-mailbox"), ("AuthenticatedUser",), split_account),
    Derivation(("client-address", "client-port"), ("ClientIpAddress",), split_endpoint),
    Derivation(("host-name", "host-address", "host-port"), ("UrlHost",), split_host),
)


def finish(record: Record) -> Refusal | None:
    """Read the row's time, derive the values that tables need."""
    values = record.values
    moment = values.get("DateTime", "")
    record.time = utc_ms(moment)
    if record.time is None:
        return explain_date("DateTime", moment)
    record.derived["product-version"] = record.schema.version
    derive(record, COMPUTED)
    return None


def is_plausible(values: Mapping[str, str]) -> bool:
    """Return whether values assigned by column count fit their columns."""
    return all(shape.fullmatch(values.get(column, "")) is not None for column, shape in _SHAPES.items())


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


RPS_HTTP = Source(
    name="rps_http",
    title="Exchange Rps_Http log of remote PowerShell",
    columns=COLUMNS,
    derived={
        "event": "",
        "outcome": "",
        "weight": "",
        "product-version": "",
        "build": _BUILD,
        "request-url": ("UrlStem", "UrlQuery"),
        "method": "",
        "user-domain": "",
        "user-name": "AuthenticatedUser",
        "user-mailbox": "",
        "client-address": "ClientIpAddress",
        "client-port": "",
        "host-name": "UrlHost",
        "host-address": "UrlHost",
        "host-port": "",
    },
    recognize=recognize_columnar(
        SCHEMAS, log_type=_LOG_TYPE, telltale=_TELLTALE, plausible=is_plausible, file_name=_FILE_NAME
    ),
    open=open_reader,
    event_column="event",
    events=frozenset(ANSWERS),
    schemas=SCHEMAS,
    redact=web_secrets.hide_line,
    agent_log_format="RPSHTTP",
    names=("Rps_Http_*.LOG",),
)
