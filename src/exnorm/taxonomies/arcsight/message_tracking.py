"""Message tracking -> ArcSight: the two tables of the vendor guide, to the letter.

Source: "SmartConnector for Microsoft Exchange Message Tracking Log Multiple Server File", section
"Device Event Mapping to ArcSight Fields", tables "Microsoft Exchange Message Tracking Log 2013,
2013 SP1, and 2016 Mappings" and "... 2007 and 2010 Mappings", in the guide's wording and order. Rows
with ``ours`` are not in the guide and say why they are here. The two tables contradict each other
about ``client-ip``; each is followed for its versions, because deployed content is written for it.
2019 and SE write the columns of 2016 and so take its table.
"""

from __future__ import annotations

from exnorm.convert import count, ipv4, ipv6, mailbox, size_bytes, upper, utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import by_event, constant, event_is, event_is_not, row
from exnorm.taxonomies.arcsight.categories import UNKNOWN_SEVERITY, category_rows
from exnorm.taxonomies.arcsight.mail_flow import mail_flow_rows
from exnorm.taxonomies.arcsight.message_tracking_events import EVENTS

_VERSION = "the CEF header has the field, the guide has no row: schema-version, else #Version, else empty"
_SEVERITY = "the CEF header has the field, the guide has no row: our severity of the event"
_OUTCOME = "the guide has no row: success, failure, or nothing where the event does not say"
_IPV6 = "the guide has no IPv6 row for this column; number 2 is the source address in its other table"

# fmt: off
ARCSIGHT_2016 = Mapping("arcsight-2016", source="message_tracking", taxonomy="arcsight",
    title="Microsoft Exchange Message Tracking Log 2013, 2013 SP1, and 2016 Mappings",
    schemas=("2013", "2016", "2019/SE"),
    rows=(
        #   ArcSight ESM field              device-specific field       read as
        row("Additional data",              "custom-data"),
        row("Additional data",              "message-info"),
        row("Additional data",              "network-message-id"),
        row("Additional data",              "recipient-status"),
        row("Additional data",              "related-recipient-address"),
        row("Additional data",              "tenant-id"),
        row("Additional data",              "transport-traffic-type"),
        row("Bytes In",                     "total-bytes",              size_bytes, when=event_is("RECEIVE")),
        row("Bytes Out",                    "total-bytes",              size_bytes, when=event_is_not("RECEIVE")),
        row("Destination Address",          "client-ip",                ipv4),
        row("Destination Host Name",        "client-hostname"),
        row("Destination User Name",        "recipient-address",        mailbox),
        row("Device Address",               "server-ip",                ipv4),
        row("Device Custom IPv6 Address 1", "server-ip",                ipv6, label="Device IPv6 Address", guide="server-ip (Device IPv6 Address)"),
        row("Device Custom IPv6 Address 3", "client-ip",                ipv6, label="Destination IPv6 Address", guide="client-ip (Destination IPv6 Address)"),
        row("Device Custom Number 1",       "recipient-count",          count, label="Recipient Count"),
        row("Device Custom String 1",       "internal-message-id",      label="Internal Message ID"),
        row("Device Custom String 2",       "message-id",               label="Message ID"),
        row("Device Custom String 3",       "reference",                label="Reference"),
        row("Device Custom String 4",       "connector-id",             label="Connector ID"),
        row("Device Custom String 5",       "source-context",           label="Source Context"),
        row("Device Custom String 6",       "return-path",              label="Return Path"),
        row("Device Event Category",        "source"),
        row("Device Event Class ID",        "event-id",                 upper),
        row("Device Host Name",             "server-hostname"),
        row("Device Product",               constant("Exchange Server"), guide="\"Exchange Server'"),
        row("Device Receipt Time",          "date-time",                utc_ms, guide="date-time, 'GMT'"),
        row("Device Vendor",                constant("Microsoft")),
        row("Flex String 1",                "directionality",           label="Directionality"),
        row("Message",                      "message-subject"),
        row("Name",                         "event-id",                 upper),
        row("Source Address",               "original-client-ip",       ipv4),
        row("Source Service Name",          "source"),
        row("Source User Name",             "sender-address",           mailbox),
        # not in the guide
        row("Device Custom IPv6 Address 2", "original-client-ip",       ipv6, label="Source IPv6 Address", ours=_IPV6),
        row("Device Version",               "product-version",          ours=_VERSION),
        row("Severity",                     ("event-id", constant(UNKNOWN_SEVERITY)), by_event("severity", UNKNOWN_SEVERITY), ours=_SEVERITY),
        row("Event Outcome",                "event-id",                 by_event("eventOutcome"), ours=_OUTCOME),
        *category_rows("event-id"),
        *mail_flow_rows("Flex String 2"),
    ),
    unmapped={
        "original-server-ip": "no row in the guide's table; kept as additional data, as the 2007 and 2010 table has it",
        "log-id":             "no row in the guide's table; kept as additional data",
        "schema-version":     "no row in the guide's table; kept as additional data, and the first choice for Device Version",
    },
    events=EVENTS,
)

ARCSIGHT_2010 = Mapping("arcsight-2010", source="message_tracking", taxonomy="arcsight",
    title="Microsoft Exchange Message Tracking Log 2007 and 2010 Mappings",
    schemas=("2007", "2010"),
    rows=(
        #   ArcSight ESM field              device-specific field       read as
        row("Additional data",              "custom-data"),
        row("Additional data",              "message-info"),
        row("Additional data",              "original-client-ip"),
        row("Additional data",              "original-server-ip"),
        row("Additional data",              "recipient-status"),
        row("Additional data",              "related-recipient-address"),
        row("Additional data",              "tenant-id"),
        row("Bytes In",                     "total-bytes",              size_bytes, when=event_is("RECEIVE")),
        row("Bytes Out",                    "total-bytes",              size_bytes, when=event_is_not("RECEIVE")),
        row("Destination User Name",        "recipient-address",        mailbox),
        row("Device Address",               "server-ip",                ipv4),
        row("Device Custom IPv6 Address 1", "server-ip",                ipv6, label="Device IPv6 Address"),
        row("Device Custom IPv6 Address 2", "client-ip",                ipv6, label="Source IPv6 Address"),
        row("Device Custom Number 1",       "recipient-count",          count, label="Recipient Count"),
        row("Device Custom String 1",       "internal-message-id",      label="Internal Message ID"),
        row("Device Custom String 2",       "message-id",               label="Message ID"),
        row("Device Custom String 3",       "reference",                label="Reference"),
        row("Device Custom String 4",       "connector-id",             label="Connector ID"),
        row("Device Custom String 5",       "source-context",           label="Source Context"),
        row("Device Custom String 6",       "return-path",              label="Return Path"),
        row("Device Event Category",        "source"),
        row("Device Event Class ID",        "event-id",                 upper),
        row("Device Host Name",             "server-hostname"),
        row("Device Product",               constant("Exchange Server")),
        row("Device Receipt Time",          "date-time",                utc_ms, guide="date-time, 'GMT'"),
        row("Device Vendor",                constant("Microsoft")),
        row("Flex String 1",                "directionality",           label="Directionality"),
        row("Message",                      "message-subject"),
        row("Name",                         "event-id",                 upper),
        row("Source Address",               "client-ip",                ipv4),
        row("Source Host Name",             "client-hostname"),
        row("Source Service Name",          "source"),
        row("Source User Name",             "sender-address",           mailbox),
        # not in the guide
        row("Device Version",               "product-version",          ours=_VERSION),
        row("Severity",                     ("event-id", constant(UNKNOWN_SEVERITY)), by_event("severity", UNKNOWN_SEVERITY), ours=_SEVERITY),
        row("Event Outcome",                "event-id",                 by_event("eventOutcome"), ours=_OUTCOME),
        *category_rows("event-id"),
        *mail_flow_rows("Flex String 2"),
    ),
    unmapped={
        "network-message-id":     "2007 and 2010 do not write this column; kept as additional data where the table is pinned",
        "transport-traffic-type": "2007 and 2010 do not write this column; kept as additional data where the table is pinned",
        "log-id":                 "2007 and 2010 do not write this column; kept as additional data where the table is pinned",
        "schema-version":         "2007 and 2010 do not write this column; kept as additional data where the table is pinned",
    },
    events=EVENTS,
)
# fmt: on
