"""Exchange 2000 and 2003 message tracking -> ArcSight.

The vendor guide begins with 2007. Its table for 2007 and 2010 is followed here by name: a row without
``ours`` is that table's row for a column of the same name, whatever its case. The others say why.
"""

from __future__ import annotations

from exnorm.convert import count, gmt_ms, ipv4, ipv6, mailbox, size_bytes, upper, utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import by_event, constant, event_is, event_is_not, row
from exnorm.taxonomies.arcsight.categories import UNKNOWN_SEVERITY, category_rows
from exnorm.taxonomies.arcsight.mail_flow import mail_flow_rows
from exnorm.taxonomies.arcsight.message_tracking_events import EVENTS

_EVENT = "the column is a number; the table's content looks for the name the event has since 2007"
_SAME = "the 2003 name of the column that the table has here: "
_OWN = "not in the table; kept as additional data"

# fmt: off
ARCSIGHT_2003 = Mapping("arcsight-2003", source="exchange_2003", taxonomy="arcsight",
    title="Exchange 2000 and 2003, after the 2007 and 2010 Mappings",
    schemas=("2003",),
    rows=(
        #   ArcSight ESM field              device-specific field       read as
        row("Additional data",              "Recipient-Report-Status",  ours=_SAME + "recipient-status"),
        row("Bytes In",                     "total-bytes",              size_bytes, when=event_is("RECEIVE")),
        row("Bytes Out",                    "total-bytes",              size_bytes, when=event_is_not("RECEIVE")),
        row("Destination User Name",        "Recipient-Address",        mailbox),
        row("Device Address",               "server-IP",                ipv4),
        row("Device Custom IPv6 Address 1", "server-IP",                ipv6, label="Device IPv6 Address"),
        row("Device Custom IPv6 Address 2", "client-ip",                ipv6, label="Source IPv6 Address"),
        row("Device Custom Number 1",       "Number-Recipients",        count, label="Recipient Count", ours=_SAME + "recipient-count"),
        row("Device Custom String 2",       "MSGID",                    label="Message ID", ours=_SAME + "message-id"),
        row("Device Event Class ID",        "event-id",                 upper, ours=_EVENT),
        row("Device Host Name",             "Server-hostname"),
        row("Device Product",               constant("Exchange Server")),
        row("Device Receipt Time",          "date-time",                utc_ms, ours="Date and Time together are the table's date-time"),
        row("Device Vendor",                constant("Microsoft")),
        row("Message",                      "Message-Subject"),
        row("Name",                         "event-id",                 upper, ours=_EVENT),
        row("Source Address",               "client-ip",                ipv4),
        row("Source Host Name",             "Client-hostname"),
        row("Source User Name",             "Sender-Address",           mailbox),
        # not in the table
        row("Destination Service Name",     "Partner-Name",             ours="the service that the message is handed to"),
        row("Device Custom Date 1",         "Origination-Time",         gmt_ms, label="Origination Time", ours="when the message was first submitted; the fields for times of the event would say otherwise"),
        row("Device Custom Number 2",       "Event-ID",                 count, label="Event Number", ours="several numbers share a name, so the number is kept where it can be searched"),
        row("Device Version",               "product-version",          ours="the CEF header has the field: the version in the log's second line, else empty"),
        row("Severity",                     "event-id",                 by_event("severity", UNKNOWN_SEVERITY), ours="the CEF header has the field: our severity of the event"),
        row("Event Outcome",                "event-id",                 by_event("eventOutcome"), ours="as in our additions to the guide's tables"),
        *category_rows("event-id"),
        *mail_flow_rows("Flex String 2"),
    ),
    unmapped={
        "Priority":        _OWN,
        "Encryption":      _OWN,
        "service-Version": "the version of the service that wrote the row, often of Windows and not of Exchange; kept as additional data",
        "Linked-MSGID":    "the same message in another service, which is not what reference means; kept as additional data",
    },
    events=EVENTS,
)
# fmt: on
