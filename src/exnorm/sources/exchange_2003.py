"""Message tracking logs of Exchange 2000 and 2003: cells separated by TAB, events by number.

The header is three lines with a ``#``: the log's title, the version of the System Attendant, the column
names. There is one row for each recipient, and each row ends in one more cell than there are names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from exnorm.convert import gmt_ms, iso_utc
from exnorm.errors import quote
from exnorm.model import Confidence, Head, Reader, Record, Schema, Source
from exnorm.settings import Settings
from exnorm.sources.columnar import ColumnarReader, Refusal
from exnorm.sources.mail_flow import DERIVED, MailColumns, describe_mail
from exnorm.text.patterns import compile_later

COLUMNS = (
    "Date", "Time", "client-ip", "Client-hostname", "Partner-Name", "Server-hostname", "server-IP",
    "Recipient-Address", "Event-ID", "MSGID", "Priority", "Recipient-Report-Status", "total-bytes",
    "Number-Recipients", "Origination-Time", "Encryption", "service-Version", "Linked-MSGID",
    "Message-Subject", "Sender-Address",
)  # fmt: skip

ABSENT = "-"

MAIL = MailColumns(
    senders=("Sender-Address",),
    recipients="Recipient-Address",
    directionality="",
    source="",
    ids=("MSGID",),
)

# fmt: off
MODERN_EVENTS = {
    # The assignment of numbers to events of later versions is ours: Microsoft published no such list.
    "0":    "RECEIVE",     # message transfer in
    "2":    "DSN",         # report transfer in
    "4":    "SUBMIT",      # message submission
    "7":    "SEND",        # message transfer out
    "8":    "DSN",         # report transfer out
    "9":    "DELIVER",     # message delivered
    "10":   "DELIVER",     # report delivered
    "26":   "EXPAND",      # distribution list expanded
    "28":   "REDIRECT",    # message redirected
    "29":   "TRANSFER",    # message rerouted
    "33":   "DROP",        # report absorption
    "34":   "DSN",         # report generation
    "43":   "DROP",        # unroutable report discarded
    "50":   "DROP",        # gateway deleted message
    "52":   "DROP",        # gateway deleted report
    "1000": "DELIVER",     # local delivery
    "1001": "RECEIVE",     # backup transfer in
    "1002": "SEND",        # backup transfer out
    "1003": "SEND",        # gateway transfer out
    "1004": "RECEIVE",     # gateway transfer in
    "1005": "DSN",         # gateway report transfer in
    "1006": "DSN",         # gateway report transfer out
    "1007": "DSN",         # gateway report generation
    "1010": "SEND",        # SMTP queued outbound
    "1011": "SEND",        # SMTP transferred outbound
    "1012": "RECEIVE",     # SMTP received inbound
    "1013": "RECEIVE",     # SMTP inbound transferred to the store
    "1014": "TRANSFER",    # SMTP message rerouted
    "1015": "DSN",         # SMTP report transfer in
    "1016": "DSN",         # SMTP report transfer out
    "1017": "DSN",         # SMTP report generated
    "1018": "DROP",        # SMTP report absorbed
    "1019": "RECEIVE",     # SMTP submit message to advanced queuing
    "1020": "SEND",        # SMTP begin outbound transfer
    "1021": "BADMAIL",     # SMTP bad mail
    "1022": "FAIL",        # SMTP advanced queuing failure
    "1023": "DELIVER",     # SMTP local delivery
    "1024": "TRANSFER",    # SMTP submit message to categorizer
    "1025": "RECEIVE",     # SMTP begin submit message
    "1026": "FAIL",        # SMTP advanced queuing failed message
    "1027": "SUBMIT",      # SMTP submit message to store driver
    "1028": "DELIVER",     # SMTP store driver local delivery
    "1029": "SEND",        # SMTP store driver gateway delivery
    "1030": "FAIL",        # SMTP non-delivery report for all recipients
    "1031": "SEND",        # SMTP end outbound transfer
    "1032": "DEFER",       # SMTP message scheduled to retry categorization
    "1033": "TRANSFER",    # SMTP message categorized and queued for routing
    "1034": "TRANSFER",    # SMTP message routed and queued for remote delivery
    "1035": "DEFER",       # SMTP message scheduled to retry routing
    "1036": "TRANSFER",    # SMTP message queued for local delivery
    "1037": "DEFER",       # SMTP message scheduled to retry local delivery
    "1038": "TRANSFER",    # SMTP message routed and queued for gateway delivery
    "1039": "DROP",        # SMTP message deleted by Intelligent Message Filtering
    "1040": "DROP",        # SMTP message rejected by Intelligent Message Filtering
    "1041": "DROP",        # SMTP message archived by Intelligent Message Filtering
    "1042": "REDIRECT",    # message redirected to the alternate recipient
}
# fmt: on
# X.400 probes, associations and downgrading do not exist in later versions: they are named by number.
NUMBERS_ONLY = ("1", "5", "6", "18", "23", "31", "51")

_TITLE = "# message tracking log file"
_NAMES = compile_later(r"#\s*(Date[\t,;]\s*Time[\t,;].*)", re.IGNORECASE)
# Many logs have a date and a time; no other log has these columns.
_TELLTALE = frozenset(("event-id", "msgid"))
_NAMES_END = compile_later(r"[\t,;\s]+")
_VERSION = compile_later(r"#.*\bVersion\s+([0-9][0-9.]*)\s*", re.IGNORECASE)
_FILE_NAME = compile_later(r"\d{8}\.log", re.IGNORECASE)
_SHAPES = {
    "Date": compile_later(r"\d{4}-\d{1,2}-\d{1,2}"),
    "Time": compile_later(r"\d{1,2}:\d{1,2}:\d{1,2} GMT"),
    "Event-ID": compile_later(r"\d{1,5}"),
    "Priority": compile_later(r"-|-?\d"),
    "total-bytes": compile_later(r"-|\d+"),
    "Number-Recipients": compile_later(r"-|\d+"),
}


def split_tabs(line: str) -> list[str]:
    """Return the cells of a row, without the empty one after the last column."""
    cells = line.split("\t")
    if len(cells) == len(COLUMNS) + 1 and cells[-1] in (ABSENT, ""):
        cells.pop()
    return cells


def recognize(head: Head) -> Confidence:
    """Recognize the log by the header's title or column names; without a header by width and the form of the
    values.
    """
    remarks = head.directives.get("#", "").split("\n")
    if any(_names_columns(remark) or remark.strip().lower() == _TITLE for remark in remarks):
        return Confidence.HEADER
    if {"fields", "log-type"} & set(head.directives):
        return Confidence.NO
    cells = split_tabs(head.line)
    if len(cells) == len(COLUMNS) and is_plausible(dict(zip(COLUMNS, cells))):
        return Confidence.SHAPE
    return Confidence.NAME if _FILE_NAME.fullmatch(head.file_name) else Confidence.NO


def _names_columns(remark: str) -> bool:
    found = _NAMES.fullmatch(remark)
    return found is not None and {*_NAMES_END.split(found.group(1).lower())} >= _TELLTALE


def is_plausible(values: Mapping[str, str]) -> bool:
    """Return whether values assigned by column count fit their columns."""
    return all(shape.fullmatch(values[column]) is not None for column, shape in _SHAPES.items())


def finish(record: Record) -> Refusal | None:
    """Read the row's time, name its event as later versions do, take the version from the header."""
    date, time = record.values.get("Date", ""), record.values.get("Time", "")
    record.time = gmt_ms(f"{date} {time}")
    if record.time is None:
        return "date", f"Date and Time are {quote(f'{date} {time}')}; expected yyyy-M-d H:m:s GMT"
    number = record.get("Event-ID")
    record.derived["date-time"] = iso_utc(record.time)
    record.derived["event-id"] = MODERN_EVENTS.get(number, number)
    record.derived["product-version"] = record.schema.version
    return None


class Exchange2003Reader(ColumnarReader):
    """Takes the columns and the version from the lines with a ``#``."""

    header_name = "the header"

    def header(self, directives: Mapping[str, str]) -> None:
        """Read the column names and the version where the header has them."""
        found = {name: directives[name] for name in ("fields",) if name in directives}
        for remark in directives.get("#", "").split("\n"):
            names, version = _NAMES.fullmatch(remark), _VERSION.fullmatch(remark)
            if names is not None:
                found["fields"] = names.group(1)
            elif version is not None:
                found["version"] = version.group(1)
        super().header(found)


def open_reader(source: Source, head: Head, settings: Settings) -> Reader:
    """Return a reader for one file."""
    return Exchange2003Reader(
        source,
        settings,
        split=split_tabs,
        finish=describe_mail(finish, MAIL, settings),
        name_schema=lambda columns, version: "2003",
        plausible=is_plausible,
    )


EXCHANGE_2003 = Source(
    name="exchange_2003",
    title="Exchange 2000 and 2003 message tracking log",
    columns=COLUMNS,
    derived={"date-time": ("Date", "Time"), "event-id": "", "product-version": "", **DERIVED},
    recognize=recognize,
    open=open_reader,
    event_column="event-id",
    absent=ABSENT,
    events=frozenset(MODERN_EVENTS.values()) | frozenset(NUMBERS_ONLY),
    schemas=(Schema("2003", COLUMNS),),
    # No recipients to split: a row has one recipient, and an X.400 address contains many ";".
    agent_log_format="MSGTRK",
    names=("[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9].log",),
)
