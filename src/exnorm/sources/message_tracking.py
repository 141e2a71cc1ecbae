"""Message tracking logs (MSGTRK) of Exchange 2007 to Subscription Edition.

Columns and events as Microsoft documents them for each version; the file prefixes are those of the
transport service (MSGTRK), the mailbox role of 2007/2010 (MSGTRKM), moderation (MSGTRKMA), mailbox
delivery (MSGTRKMD) and mailbox submission (MSGTRKMS).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from exnorm.convert import utc_ms
from exnorm.model import Confidence, Head, Reader, Record, Schema, Source
from exnorm.settings import Settings
from exnorm.sources.columnar import (
    ColumnarReader,
    Finish,
    Refusal,
    cut_any_way,
    explain_date,
    field_names,
    split_csv,
)
from exnorm.sources.mail_flow import DERIVED, MailColumns, describe_mail
from exnorm.text.patterns import compile_later

COLUMNS_2007 = (
    "date-time", "client-ip", "client-hostname", "server-ip", "server-hostname", "source-context",
    "connector-id", "source", "event-id", "internal-message-id", "message-id", "recipient-address",
    "recipient-status", "total-bytes", "recipient-count", "related-recipient-address", "reference",
    "message-subject", "sender-address", "return-path", "message-info",
)  # fmt: skip
COLUMNS_2010 = (
    *COLUMNS_2007,
    "directionality", "tenant-id", "original-client-ip", "original-server-ip", "custom-data",
)  # fmt: skip
# 2013 put a column in the middle: padding a 2010 row at its end can never give a 2013 row.
COLUMNS_2013 = (*COLUMNS_2010[:11], "network-message-id", *COLUMNS_2010[11:])
COLUMNS_2016 = (*COLUMNS_2013, "transport-traffic-type", "log-id", "schema-version")

SCHEMAS = (
    Schema("2007", COLUMNS_2007),
    Schema("2010", COLUMNS_2010),
    Schema("2013", COLUMNS_2013),
    Schema("2016", COLUMNS_2016),
    Schema("2019", COLUMNS_2016),
    Schema("SE", COLUMNS_2016),
)

# fmt: off
EVENTS = frozenset((
    "AGENTINFO", "BADMAIL", "CLIENTSUBMISSION", "DEFER", "DELIVER", "DELIVERFAIL", "DROP", "DSN",
    "DUPLICATEDELIVER", "DUPLICATEEXPAND", "DUPLICATEREDIRECT", "EXPAND", "FAIL", "HADISCARD",
    "HARECEIVE", "HAREDIRECT", "HAREDIRECTFAIL", "INITMESSAGECREATED", "LOAD", "MODERATIONEXPIRE",
    "MODERATORAPPROVE", "MODERATORREJECT", "MODERATORSALLNDR", "NOTIFYMAPI", "NOTIFYSHADOW",
    "POISONMESSAGE", "PROCESS", "PROCESSMEETINGMESSAGE", "RECEIVE", "REDIRECT", "RESOLVE",
    "RESUBMIT", "RESUBMITDEFER", "RESUBMITFAIL", "SEND", "SENDEXTERNAL", "SUBMIT", "SUBMITDEFER",
    "SUBMITFAIL", "SUPPRESSED", "SUSPEND", "THROTTLE", "TRANSFER",
))
# fmt: on

MAIL = MailColumns(
    senders=("sender-address", "return-path"),
    recipients="recipient-address",
    directionality="directionality",
    source="source",
    ids=("network-message-id", "message-id"),
)

LOG_TYPE = "message tracking log"
_FILE_NAME = compile_later(r"MSGTRK(MA|MD|MS|M)?\d{8,10}-\d+.*\.LOG.*", re.IGNORECASE)
_WIDTHS = frozenset(len(schema.columns) for schema in SCHEMAS)
# Every version has these columns; no other log of Exchange has all of them.
_TELLTALE = frozenset(("internal-message-id", "related-recipient-address", "recipient-status"))
_YEARS = (
    ("08", "2007"),
    ("14", "2010"),
    ("15.00", "2013"),
    ("15.01", "2016"),
    ("15.02", "2019/SE"),
)
_SHAPES = {
    "event-id": compile_later(r"\w+"),
    "internal-message-id": compile_later(r"\d*"),
    "network-message-id": compile_later(r"[0-9A-Za-z-]*"),
    "total-bytes": compile_later(r"\d*"),
    "recipient-count": compile_later(r"\d*"),
    "directionality": compile_later(r"(Incoming|Originating|Undefined)?", re.IGNORECASE),
    "schema-version": compile_later(r"(\d+(\.\d+)+)?"),
}
_BUILD_LONGEST = 64  # characters; what a log has in its place may be longer, and is not kept
_OF_A_MESSAGE = ("message-id", "recipient-address", "total-bytes", "message-subject")


def recognize(head: Head) -> Confidence:
    """Recognize the log by ``#Log-type`` or the names in ``#Fields``; without a header by width, time and
    event.
    """
    log_type = head.directives.get("log-type", "").lower()
    columns, _ = field_names(head.directives.get("fields", ""), COLUMNS_2016)
    if log_type == LOG_TYPE:
        return Confidence.HEADER
    if _TELLTALE & set(columns):
        return Confidence.COLUMNS if log_type else Confidence.HEADER
    if log_type:
        return Confidence.NO
    if head.line and _is_row(head.line):
        return Confidence.SHAPE
    return Confidence.NAME if _FILE_NAME.fullmatch(head.file_name) else Confidence.NO


def _is_row(line: str) -> bool:
    return any(
        len(cells) in _WIDTHS
        and (cells[8].upper() in EVENTS or (utc_ms(cells[0]) is not None and cells[8].isalpha()))
        for cells in cut_any_way(line)
    )


def name_schema(columns: Sequence[str], version: str) -> str:
    """Return the product year: from the columns, refined by the build where the columns leave it open.

    2019 and SE have the same columns and build prefix, so both are ``2019/SE``.
    """
    year = next((name for prefix, name in _YEARS if version.startswith(prefix)), "")
    if "schema-version" in columns:
        return "2019/SE" if year == "2019/SE" else "2016"
    by_columns = next((s.name for s in SCHEMAS if s.columns == tuple(columns)), "")
    if by_columns or not year:
        return by_columns or _guess_year(columns)
    return year


def _guess_year(columns: Sequence[str]) -> str:
    """Return the oldest product that may have written an unknown set of columns, without a build."""
    if "network-message-id" in columns:
        return "2013"
    return "2010" if "directionality" in columns else "2007"


def finish(record: Record) -> Refusal | None:
    """Read the row's time and the build that wrote it: ``schema-version``, else ``#Version``."""
    moment = record.values.get("date-time", "")
    record.time = utc_ms(moment)
    if record.time is None:
        return explain_date("date-time", moment)
    version = record.values.get("schema-version") or record.schema.version
    if version != record.schema.version:
        refine = _refine_once if len(version) <= _BUILD_LONGEST else _refine
        record.schema = refine(record.schema, version)
    record.derived["product-version"] = version
    return None


def _refine(schema: Schema, version: str) -> Schema:
    """Return the schema of a row whose own build differs from the header's, or that has no header."""
    return replace(schema, name=name_schema(schema.columns, version), version=version)


@lru_cache(maxsize=256)
def _refine_once(schema: Schema, version: str) -> Schema:
    return _refine(schema, version)


def make_finish(settings: Settings) -> Finish:
    """Return the function that completes a row, with direction and correlation if the settings
    request them.
    """
    return describe_mail(finish, MAIL, settings)


def is_plausible(values: Mapping[str, str]) -> bool:
    """Return whether values assigned by column count fit their columns.

    A message has a ``network-message-id`` since 2013; a row of the width of 2013 without one may be a 2010
    row with a stray comma.
    """
    if not all(shape.fullmatch(values[column]) for column, shape in _SHAPES.items() if column in values):
        return False
    if values.get("network-message-id", "-") or "schema-version" in values:
        return True
    return not any(values[column] for column in _OF_A_MESSAGE)


def open_reader(source: Source, head: Head, settings: Settings) -> Reader:
    """Return a reader for one file."""
    return ColumnarReader(
        source,
        settings,
        split=split_csv,
        finish=make_finish(settings),
        name_schema=name_schema,
        plausible=is_plausible,
        derived_from={"product-version": "schema-version"},
    )


MESSAGE_TRACKING = Source(
    name="message_tracking",
    title="Exchange message tracking log",
    columns=COLUMNS_2016,
    derived={"product-version": "", **DERIVED},
    recognize=recognize,
    open=open_reader,
    event_column="event-id",
    events=EVENTS,
    schemas=SCHEMAS,
    recipients=("recipient-address", "recipient-status"),
    agent_log_format="MSGTRK",
    names=("MSGTRK*.LOG", "MSGTRKM*.LOG", "MSGTRKMA*.LOG", "MSGTRKMD*.LOG", "MSGTRKMS*.LOG"),
)
