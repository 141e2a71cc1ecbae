"""Transport connectivity log -> ArcSight.

No vendor guide covers this log: every row is ours. The connections are outbound: the peer is the
destination; the log does not say which server it was written on.
"""

from __future__ import annotations

from exnorm.convert import count, ipv4, ipv6, port, size_bytes, utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import by_event, column_is, column_is_not, constant, row
from exnorm.taxonomies.arcsight.categories import UNKNOWN_SEVERITY, category_rows, describe_event
from exnorm.taxonomies.arcsight.mail_flow import correlation_row

_CUSTOM = "no field has this meaning; a custom field keeps it searchable"
_MAILBOX = ("MAPI", "MapiDelivery", "MapiSubmission")
_PEER = "the address in the description, else in Destination where that is an address"
_EVENT = "the log names no event; read from direction and description, see the source"

# fmt: off
EVENTS = dict((
    #              event                   sev. behavior               outcome     significance              technique
    describe_event("CONNECTION-START",       1, "/Access/Start",       "/Attempt", "/Normal"),
    describe_event("CONNECTION-ESTABLISHED", 1, "/Access/Start",       "/Success", "/Normal"),
    describe_event("CONNECTION-PROGRESS",    1, "/Communicate/Query",  "/Attempt", "/Informational"),
    describe_event("CONNECTION-STOP",        1, "/Access/Stop",        "/Success", "/Normal"),
    describe_event("CONNECTION-STOP-FAILED", 4, "/Access/Stop",        "/Failure", "/Informational/Warning"),
    describe_event("CONNECTION-STOP-REMARK", 2, "/Access/Stop",        "/Attempt", "/Informational"),
    describe_event("CONNECTION-OTHER",       3, "/Communicate",        "/Attempt", "/Informational"),
    describe_event("INFORMATION",            1, "/Execute/Response",   "/Attempt", "/Informational"),
    describe_event("THROTTLED",              4, "/Communicate/Query",  "/Attempt", "/Informational/Warning", "/Policy"),
    describe_event("CONNECTION-ABORTED",     4, "/Access/Stop",        "/Failure", "/Informational/Warning"),
    describe_event("CONNECTION-FAILED",      4, "/Access/Start",       "/Failure", "/Informational/Error"),
    describe_event("RESOLUTION-FAILED",      4, "/Communicate/Query",  "/Failure", "/Informational/Error"),
    describe_event("SUBMISSION-FAILED",      5, "/Communicate/Query",  "/Failure", "/Informational/Error"),
))

ARCSIGHT_CONNECTIVITY = Mapping("arcsight-connectivity", source="connectivity", taxonomy="arcsight",
    title="Transport connectivity log to ArcSight",
    rows=(
        #   ArcSight field                  column                      read as
        row("Application Protocol",         "source",                   ours="SMTP, or the part of the service that delivers or submits"),
        row("Bytes Out",                    "bytes",                    size_bytes, ours="the total in the description when a connection ends"),
        row("Destination Address",          "peer-address",             ipv4, ours=_PEER),
        row("Destination Host Name",        "Destination",              when=column_is_not("source", *_MAILBOX), ours="a domain, a host or a smart host"),
        row("Destination Port",             "peer-port",                port, ours="the port in the description"),
        row("Device Action",                "direction",                ours="+ connect, - disconnect, > in between, * information"),
        row("Device Custom IPv6 Address 3", "peer-address",             ipv6, label="Destination IPv6 Address", ours=_PEER),
        row("Device Custom Number 1",       "messages",                 count, label="Message Count", ours="the total in the description when a connection ends"),
        row("Device Custom String 1",       "session",                  label="Session ID", ours=_CUSTOM),
        row("Device Custom String 2",       "Destination",              when=column_is("source", *_MAILBOX), label="Mailbox Database", ours="for these sources the destination is no host"),
        row("Device Event Category",        constant("Connectivity"),   ours="tells this log's events from those of other logs"),
        row("Device Event Class ID",        "event",                    ours=_EVENT),
        row("Device Product",               constant("Exchange Server"), ours="as in the guide for message tracking"),
        row("Device Receipt Time",          "date-time",                utc_ms, ours="the field with this meaning"),
        row("Device Vendor",                constant("Microsoft"),      ours="as in the guide for message tracking"),
        row("Event Outcome",                "event",                    by_event("eventOutcome"), ours="success, failure, or nothing where the row does not say"),
        row("Message",                      "description",              ours="the free text of the row"),
        row("Name",                         "event",                    ours=_EVENT),
        row("Severity",                     "event",                    by_event("severity", UNKNOWN_SEVERITY), ours="the CEF header has the field"),
        correlation_row("session"),
        *category_rows("event"),
    ),
    events=EVENTS,
)
# fmt: on
