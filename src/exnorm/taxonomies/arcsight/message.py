"""One event for each message -> ArcSight.

No vendor guide covers it: every row is ours. Fields have the meanings that the guide gives them for message
tracking, so that content reads both: where a message came from is the source, its recipients are the
destination. ``Event Outcome`` and ``Severity`` are those of the worst recipient.
"""

from __future__ import annotations

from exnorm.convert import count, ipv4, ipv6, mailbox, second_utc_ms, size_bytes, utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import by_event, constant, row
from exnorm.taxonomies.arcsight.categories import UNKNOWN_SEVERITY, category_rows, describe_event
from exnorm.taxonomies.arcsight.mail_flow import mail_flow_rows

_AS_GUIDE = "the field, number and label that the guide has for message tracking"
_SAME = "the field with this meaning"
_CUSTOM = "no field has this meaning; a custom field keeps it searchable"
_WORST = "of the recipient who fared worst"
_CLIENT = "who handed the message in: behind a front end, or at the mailbox, where a row says so"
_COUNT = "kept as additional data; recipient-states says it of each recipient"

# fmt: off
EVENTS = dict((
    #              outcome     sev. behavior              outcome     significance
    describe_event("DELIVERED",  1, "/Communicate/Query", "/Success", "/Normal"),
    describe_event("PENDING",    2, "/Communicate/Query", "/Attempt", "/Informational"),
    describe_event("DEFERRED",   4, "/Communicate/Query", "/Attempt", "/Informational/Warning"),
    describe_event("FAILED",     5, "/Communicate/Query", "/Failure", "/Informational/Error"),
))

ARCSIGHT_MESSAGE = Mapping("arcsight-message", source="message", taxonomy="arcsight",
    title="One event for each message to ArcSight",
    rows=(
        #   ArcSight field                  column                  read as
        row("Bytes In",                     "bytes-in",             size_bytes, ours="the message's size where it first came in"),
        row("Bytes Out",                    "bytes-out",            size_bytes, ours="its size where it was last sent on or delivered"),
        row("Base Event Count",             "rows",                 count, ours="so many rows of message tracking are this one event"),
        row("Destination User Name",        "recipient-address",    mailbox, ours=_AS_GUIDE),
        row("Device Action",                "outcome",              ours="the state " + _WORST),
        row("Device Custom IPv6 Address 2", "client-ip",            ipv6, label="Source IPv6 Address", ours=_CLIENT),
        row("Device Custom Number 1",       "recipient-count",      count, label="Recipient Count", ours=_AS_GUIDE),
        row("Device Custom Number 2",       "latency-ms",           count, label="Latency Milliseconds", ours="from the first row to the last final state of a recipient"),
        row("Device Custom Number 3",       "failed-count",         count, label="Failed Recipients", ours=_CUSTOM),
        row("Device Custom String 1",       "agent-verdicts",       label="Agent Verdicts", ours="an internal id is one server's; the verdicts are the message's"),
        row("Device Custom String 2",       "message-id",           label="Message ID", ours=_AS_GUIDE),
        row("Device Custom String 3",       "recipient-states",     label="Recipient States", ours="each recipient with the last state, and its status where it failed or waits"),
        row("Device Custom String 4",       "connector-in",         label="Connector ID", ours=_AS_GUIDE + ": the one it came in by"),
        row("Device Custom String 5",       "servers",              label="Servers", ours="the servers it went over, in order"),
        row("Device Custom String 6",       "return-path",          label="Return Path", ours=_AS_GUIDE),
        row("Device Event Category",        constant("Message"),    ours="tells these events from those of message tracking"),
        row("Device Event Class ID",        constant("MESSAGE"),    ours="one event for each message"),
        row("Device External ID",           "message-key",          ours="the same whenever the message is told again; the greatest revision counts"),
        row("Device Host Name",             "server-hostname",      ours="the last server that it was on"),
        row("Device Product",               constant("Exchange Server"), ours="as in the guide for message tracking"),
        row("Device Receipt Time",          "date-time",            utc_ms, ours="its first row"),
        row("Device Vendor",                constant("Microsoft"),  ours="as in the guide for message tracking"),
        row("End Time",                     "last-time",            second_utc_ms, ours="its last row"),
        row("Event Outcome",                "outcome",              by_event("eventOutcome"), ours=_WORST + ": failure, success, or nothing where it is open"),
        row("External ID",                  "network-message-id",   ours="the one identifier that all servers of the organization share"),
        row("Flex String 1",                "directionality",       label="Directionality", ours=_AS_GUIDE),
        row("Flex String 2",                "direction",            label="Mail Direction", ours="inbound, outbound, internal or unknown, from all of its rows"),
        row("Message",                      "message-subject",      ours=_AS_GUIDE),
        row("Name",                         constant("MESSAGE"),    ours="one event for each message"),
        row("Reason",                       "failed-recipients",    ours="who did not get it"),
        row("Severity",                     ("outcome", constant(UNKNOWN_SEVERITY)), by_event("severity", UNKNOWN_SEVERITY), ours=_WORST),
        row("Source Address",               "client-ip",            ipv4, ours=_CLIENT),
        row("Source Host Name",             "client-hostname",      ours=_CLIENT),
        row("Source User Name",             "sender-address",       mailbox, ours=_AS_GUIDE),
        row("Start Time",                   "date-time",            utc_ms, ours="its first row"),
        *category_rows("outcome"),
        *mail_flow_rows(),
    ),
    unmapped={
        "revision":         "kept as additional data: how often the message was told before",
        "told-early":       "kept as additional data: why it was told before it was done",
        "total-bytes":      "kept as additional data: the largest size that a row has",
        "delivered-count":  _COUNT,
        "deferred-count":   _COUNT,
        "pending-count":    _COUNT,
        "expanded-count":   _COUNT,
        "redirected-count": _COUNT,
        "connectors-out":   "kept as additional data: the connectors that it was sent on by",
        "server-count":     "kept as additional data; servers names them",
        "missing-logs":     "kept as additional data: servers that had it and of which no row is there",
        "reference":        "kept as additional data: notices about it, or what it is a notice about",
    },
    events=EVENTS,
)
# fmt: on
