"""Transport connectivity logs (CONNECTLOG): the outbound connections of the transport services.

``#Version`` is a constant (15.0.0.0), so no product version is read from it. The log names no events: the
event is derived from ``direction`` and from the beginning of ``description``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from exnorm.convert import utc_ms
from exnorm.model import Derivation, Head, Reader, Record, Schema, Source
from exnorm.settings import Settings
from exnorm.sources.columnar import ColumnarReader, Refusal, derive, explain_date, split_csv
from exnorm.sources.endpoints import split_endpoint
from exnorm.sources.recognition import recognize_columnar
from exnorm.text.patterns import compile_later

COLUMNS = ("date-time", "session", "source", "Destination", "direction", "description")

SCHEMAS = (Schema("2007", COLUMNS),)

EVENTS = frozenset((
    "CONNECTION-ABORTED", "CONNECTION-ESTABLISHED", "CONNECTION-FAILED", "CONNECTION-OTHER",
    "CONNECTION-PROGRESS", "CONNECTION-START", "CONNECTION-STOP", "CONNECTION-STOP-FAILED",
    "CONNECTION-STOP-REMARK", "INFORMATION", "RESOLUTION-FAILED", "SUBMISSION-FAILED", "THROTTLED",
))  # fmt: skip

_LOG_TYPE = compile_later(r"Transport Connectivity Log", re.IGNORECASE)
# No other log of Exchange has all of either; any but the first, the source and the direction may be empty.
_TELLTALES = (
    frozenset(("date-time", "session", "source", "direction")),
    frozenset(("date-time", "source", "direction", "description")),
    frozenset(("date-time", "source", "direction", "Destination")),
)
_FILE_NAME = compile_later(r"CONNECTLOG\d{8,10}-\d+.*\.LOG.*", re.IGNORECASE)
_SHAPES = {
    "session": compile_later(r"[0-9A-Fa-f-]*"),
    "source": compile_later(r"[A-Za-z][A-Za-z0-9]*"),
    "direction": compile_later(r"[-+>*]"),
}
_DIRECTIONS = {
    "+": "CONNECTION-START",
    "-": "CONNECTION-STOP",
    ">": "CONNECTION-PROGRESS",
    "*": "INFORMATION",
}
# The first matching beginning decides; these texts come from the server, not from the client.
_BEGINNINGS = (
    ("Established connection to ", "CONNECTION-ESTABLISHED"),
    ("Failed connection to ", "CONNECTION-FAILED"),
    ("Failed to connect to ", "CONNECTION-FAILED"),
    ("Failed to create a connection", "CONNECTION-FAILED"),
    ("Connection with remote host encountered a ", "CONNECTION-FAILED"),
    ("Failed to locate server", "RESOLUTION-FAILED"),
    ("Aborted connection to ", "CONNECTION-ABORTED"),
    ("Aborted; ", "SUBMISSION-FAILED"),
    ("Failed; ", "SUBMISSION-FAILED"),
    ("Throttled delivery ", "THROTTLED"),
)
_UNRESOLVED = compile_later(r"[^;,]{1,80} reported (for .{1,80} )?by [0-9A-Fa-f.:%]+\..*", re.DOTALL)
_PEER = compile_later(r"(?:Established|Aborted) connection to (\S+)")
# Exchange puts no brackets around an IPv6 address here: the port follows the last colon.
_FAILED_PEER = compile_later(r"Failed connection to (\S+):([0-9]{1,5}) \(.*", re.DOTALL)
_TOTALS = compile_later(r"Messages: ?([0-9]+)(?: Bytes: ?([0-9]+))?\b.*", re.DOTALL)
# A summary may give a reason: "Messages: 0 Bytes: 0 (Retry : Service not active)".
_INCOMPLETE = compile_later(
    r"retry|attempting|next target|error|exception|\bfail(?!ures ?= ?0\b)|refus|reject|denied|abort|time-?out"
    r"|timed out|unreachable|not active|no connection|suspended|drop|\blost\b|\breset\b|unable|could not"
    r"|cannot|(?<![\d.])[45]\d\d[ -][45]\.\d|\([45]\d\d\b",
    re.IGNORECASE,
)
# Where nothing was transferred, any other remark is neither a success nor a failure.
_REMARK = compile_later(r"Messages: ?0\b[^(]{0,80}\((?!(?:local|remote|load balanced)?\))", re.IGNORECASE)


def name_event(direction: str, description: str) -> str:
    """Return the event of a row: by the description where it is more specific than the direction."""
    for beginning, event in _BEGINNINGS:
        if description.startswith(beginning):
            return event
    if direction == ">" and _UNRESOLVED.fullmatch(description):
        return "RESOLUTION-FAILED"
    if direction == "-" and _INCOMPLETE.search(description):
        return "CONNECTION-STOP-FAILED"
    if direction == "-" and _REMARK.match(description):
        return "CONNECTION-STOP-REMARK"
    return _DIRECTIONS.get(direction, "CONNECTION-OTHER")


def find_peer(description: str, destination: str) -> tuple[str, str]:
    """Return address and port of the peer: from the description, else from the destination if it is an
    address.
    """
    found = _FAILED_PEER.fullmatch(description)
    if found is not None:
        address, _ = split_endpoint(found.group(1))
        return (address, found.group(2)) if address else ("", "")
    found = _PEER.fullmatch(description)
    return split_endpoint(destination if found is None else found.group(1))


def find_totals(direction: str, description: str) -> tuple[str, str]:
    """Return the messages and bytes of a connection that ended; empty where the row does not state them."""
    found = _TOTALS.fullmatch(description) if direction == "-" else None
    return ("", "") if found is None else (found.group(1), found.group(2) or "")


COMPUTED = (
    Derivation(("event",), ("direction", "description"), name_event),
    Derivation(("peer-address", "peer-port"), ("description", "Destination"), find_peer),
    Derivation(("messages", "bytes"), ("direction", "description"), find_totals),
)


def finish(record: Record) -> Refusal | None:
    """Read the row's time; derive the event, the peer and the totals of a connection that ended."""
    moment = record.values.get("date-time", "")
    record.time = utc_ms(moment)
    if record.time is None:
        return explain_date("date-time", moment)
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
        plausible=is_plausible,
        derived_from={},
        computed=COMPUTED,
    )


CONNECTIVITY = Source(
    name="connectivity",
    title="Exchange transport connectivity log",
    columns=COLUMNS,
    derived={"event": "", "peer-address": "", "peer-port": "", "messages": "", "bytes": ""},
    recognize=recognize_columnar(
        SCHEMAS,
        log_type=_LOG_TYPE,
        telltale=_TELLTALES[0],
        other_telltales=_TELLTALES[1:],
        plausible=is_plausible,
        file_name=_FILE_NAME,
    ),
    open=open_reader,
    event_column="event",
    events=EVENTS,
    schemas=SCHEMAS,
    agent_log_format="CONNECTLOG",
    names=("CONNECTLOG*.LOG",),
)
