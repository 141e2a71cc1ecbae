"""Transport connectivity log -> JSA.

The JSA guide does not cover this log: every row is ours. The connections are outbound and the log does
not say which server it was written on: there is a Destination IP where the row names one, no Source IP.
No user is named.
"""

from __future__ import annotations

from exnorm.convert import ip, port, size_bytes, utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import by_event, constant, row
from exnorm.taxonomies.jsa.categories import UNKNOWN_CATEGORY, UNKNOWN_SEVERITY, describe_event
from exnorm.taxonomies.jsa.on_request import category_rows, correlation_row

_HEADER = "the LEEF header has the field"
_OWN_KEY = "no LEEF attribute has this meaning; kept as a custom attribute under the column's name"

# fmt: off
EVENTS = dict((
    #              event                     id  low level category  severity
    describe_event("CONNECTION-START",       18001, "Mail Opened",       1),
    describe_event("CONNECTION-ESTABLISHED", 18006, "Mail in Progress",  1),
    describe_event("CONNECTION-PROGRESS",    18006, "Mail in Progress",  1),
    describe_event("CONNECTION-STOP",        18002, "Mail Closed",       1),
    describe_event("CONNECTION-STOP-FAILED", 18007, "Mail Delayed",      4),
    describe_event("CONNECTION-STOP-REMARK", 18002, "Mail Closed",       2),
    describe_event("CONNECTION-OTHER",       18437, "Mail",              3),
    describe_event("INFORMATION",             8052, "Information",       1),
    describe_event("THROTTLED",              18007, "Mail Delayed",      4),
    describe_event("CONNECTION-ABORTED",     18003, "Mail Reset",        4),
    describe_event("CONNECTION-FAILED",      18007, "Mail Delayed",      4),
    describe_event("RESOLUTION-FAILED",      18007, "Mail Delayed",      4),
    describe_event("SUBMISSION-FAILED",      18004, "Mail Terminated",   5),
))

JSA_CONNECTIVITY = Mapping("jsa-connectivity", source="connectivity", taxonomy="jsa",
    title="Transport connectivity log to JSA",
    rows=(
        #   JSA field           column                      read as
        row("Event ID",         "event",                    ours="the log names no event; read from direction and description, see the source"),
        row("Destination IP",   "peer-address",             ip, ours="the address in the description, else in Destination where that is an address"),
        row("Vendor",           constant("Microsoft"),      ours=_HEADER),
        row("Product",          constant("Exchange Server"), ours=_HEADER),
        row("devTime",          "date-time",                utc_ms, ours="the row's own time; without it JSA takes the time of arrival"),
        row("cat",              "event",                    by_event("category", UNKNOWN_CATEGORY), ours="JSA looks an event up by Event ID and cat; our category of the event"),
        row("sev",              "event",                    by_event("severity", UNKNOWN_SEVERITY), ours="our severity of the event"),
        row("dstPort",          "peer-port",                port, ours="the port in the description"),
        row("srcBytes",         "bytes",                    size_bytes, ours="the total in the description when a connection ends; this server sent them"),
        row("resource",         "Destination",              ours="the domain, host or mailbox database that was connected to"),
        row("sessionId", "session", ours="no LEEF attribute has this meaning; a custom one, of the same name in all logs"),
        correlation_row("session"),
        *category_rows("event"),
    ),
    unmapped={
        "source":      _OWN_KEY,
        "direction":   _OWN_KEY,
        "description": _OWN_KEY,
    },
    events=EVENTS,
)
# fmt: on
