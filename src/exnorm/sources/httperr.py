"""HTTPERR logs: requests and connections that http.sys itself ended, so that IIS never saw them.

The columns are those of the ``#Fields`` line, which the driver writes again at each start. Microsoft's
article says that the files have no column names, and copies without them exist: the width then decides, if
addresses, ports and version are where that width has them. The event is ``s-reason``; the list of reasons is
open, and includes ``N/A`` and ``N/I``. Blanks and control characters inside a value are logged as ``+``, so a
row has a cell for each blank.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from exnorm.convert import ip, port
from exnorm.model import Confidence, Derivation, Head, Reader, Record, Schema, Source
from exnorm.settings import Settings
from exnorm.sources import web_secrets
from exnorm.sources.columnar import derive, field_names
from exnorm.sources.w3c import W3cReader, split_blanks
from exnorm.text.patterns import compile_later

_CONNECTION = ("date", "time", "c-ip", "c-port", "s-ip", "s-port", "cs-version", "cs-method", "cs-uri")
_END = ("sc-status", "s-siteid", "s-reason")
COLUMNS_12 = (*_CONNECTION, *_END)
COLUMNS_13 = (*COLUMNS_12, "s-queuename")
COLUMNS_14 = (*_CONNECTION, "streamid", *_END, "s-queuename")
COLUMNS_16 = (*_CONNECTION, "streamid", "streamid_ex", *_END, "s-queuename", "transport")
# Further columns that an administrator can switch on.
OPTIONAL_COLUMNS = (
    "s-computername", "cs(User-Agent)", "cs(Cookie)", "cs(Referer)", "cs-host", "sc-bytes", "cs-bytes",
    "time-taken",
)  # fmt: skip
COLUMNS = (*COLUMNS_16, *OPTIONAL_COLUMNS)

# Named by their width, because Microsoft does not document which Windows version introduced which.
SCHEMAS = (
    Schema("12", COLUMNS_12),
    Schema("13", COLUMNS_13),
    Schema("14", COLUMNS_14),
    Schema("16", COLUMNS_16),
)

REASONS = (
    "AppOffline", "AppPoolTimer", "AppShutdown", "BadRequest", "Client_Reset",
    "Connection_Abandoned_By_AppPool", "Connection_Abandoned_By_ReqQueue", "Connection_Dropped",
    "Connection_Dropped_List_Full", "ConnLimit", "Connections_Refused", "Disabled", "EntityTooLarge",
    "FieldLength", "Forbidden", "Header", "Hostname", "Internal", "Invalid_CR/LF", "LengthRequired", "N/A",
    "N/I", "Number", "Precondition", "QueueFull", "RequestLength", "Timer_AppPool", "Timer_ConnectionIdle",
    "Timer_EntityBody", "Timer_HeaderWait", "Timer_MinBytesPerSecond", "Timer_ReqQueue", "Timer_Response",
    "Timer_SslRenegotiation", "URL", "URL_Length", "Verb", "Version_N/S",
)  # fmt: skip

# A closed idle connection and an unused timer are not failures.
ROUTINE = frozenset(("TIMER_CONNECTIONIDLE", "TIMER_RESPONSE"))

_SOFTWARE = compile_later(r"Microsoft HTTP API\s*([\d.]*).*", re.IGNORECASE)
_FILE_NAME = compile_later(r"httperr\d*\.log.*", re.IGNORECASE)
_TELLTALE = frozenset(("c-port", "s-reason"))
_CLOCK = compile_later(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ")
_SHAPES = {
    "cs-version": compile_later(r"-|HTTP/[0-9?]{1,3}\.[0-9?]{1,3}", re.IGNORECASE),
    "streamid": compile_later(r"-|\d+"),
    "sc-status": compile_later(r"-|\d{1,3}"),
    "s-siteid": compile_later(r"-|\d+"),
    "s-reason": compile_later(r"[A-Za-z][\w/.-]*", re.ASCII),
}


def product_version(software: str) -> str:
    """Return ``HTTP API 2.0`` from the header's ``#Software``; empty where it names no version."""
    found = _SOFTWARE.fullmatch(software)
    return f"HTTP API {found.group(1)}" if found is not None and found.group(1) else ""


def name_schema(columns: Sequence[str], version: str) -> str:
    """Return the name of the known schema with these columns; empty for any others."""
    return next((schema.name for schema in SCHEMAS if schema.columns == tuple(columns)), "")


def is_plausible(values: Mapping[str, str]) -> bool:
    """Return whether values assigned by column count fit their columns."""
    return (
        all(ip(values.get(column, "")) is not None for column in ("c-ip", "s-ip"))
        and all(port(values.get(column, "")) is not None for column in ("c-port", "s-port"))
        and all(shape.fullmatch(values.get(column, "-")) is not None for column, shape in _SHAPES.items())
    )


def recognize(head: Head) -> Confidence:
    """Recognize the log by the header, by a row of a known width, or by the file's name."""
    directives = head.directives
    software = directives.get("software")
    if "log-type" in directives:
        return Confidence.NO
    if software is not None:
        return Confidence.HEADER if _SOFTWARE.fullmatch(software) is not None else Confidence.NO
    if set(field_names(directives.get("fields", ""), COLUMNS, " ")[0]) >= _TELLTALE:
        return Confidence.HEADER
    if "fields" in directives:
        return Confidence.NO
    if _is_row(head.line):
        return Confidence.SHAPE
    return Confidence.NAME if _FILE_NAME.fullmatch(head.file_name) else Confidence.NO


def _is_row(line: str) -> bool:
    if _CLOCK.match(line) is None:
        return False
    cells = split_blanks(line)
    schema = next((schema for schema in SCHEMAS if len(schema.columns) == len(cells)), None)
    return schema is not None and is_plausible(dict(zip(schema.columns, cells)))


def judge(reason: str) -> str:
    """Return ``failure`` for every reason except those of ``ROUTINE``; empty for these and for no reason."""
    return "failure" if reason and reason.upper() not in ROUTINE else ""


COMPUTED = (Derivation(("outcome",), ("s-reason",), judge),)


def complete(record: Record) -> None:
    """Derive the values that tables need; ``record.time`` and the columns are known."""
    derive(record, COMPUTED)


def open_reader(source: Source, head: Head, settings: Settings) -> Reader:
    """Return a reader for one file."""
    return W3cReader(
        source,
        settings,
        complete,
        derived_from={"product-version": ""},
        computed=COMPUTED,
        name_product=product_version,
        name_schema=name_schema,
        plausible=is_plausible,
        choose_hide=web_secrets.make_chooser(web_secrets.W3C_COLUMNS, COLUMNS, settings),
    )


HTTPERR = Source(
    name="httperr",
    title="HTTPERR log of http.sys",
    columns=COLUMNS,
    derived={"date-time": ("date", "time"), "product-version": "", "outcome": ""},
    recognize=recognize,
    open=open_reader,
    event_column="s-reason",
    absent="-",
    events=frozenset(reason.upper() for reason in REASONS),
    schemas=SCHEMAS,
    variants={reason: reason.upper() for reason in REASONS},
    redact=web_secrets.hide_line,
    agent_log_format="HTTPERR",
    names=("httperr*.log",),
)
