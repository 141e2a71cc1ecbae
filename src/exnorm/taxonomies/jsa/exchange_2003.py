"""Exchange 2000 and 2003 message tracking -> JSA.

The JSA guide names Exchange 2003 but no columns; this is the table of message tracking under the names
that the columns have in 2003. So every row is ours, and says only what is not said there.
"""

from __future__ import annotations

from exnorm.convert import addresses, ip, mailbox, size_bytes, upper, utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import asked_for, by_event, constant, event_is, event_is_not, row, setting_is
from exnorm.taxonomies.jsa.categories import UNKNOWN_CATEGORY, UNKNOWN_SEVERITY
from exnorm.taxonomies.jsa.message_tracking import RECIPIENT, SUBMISSIONS
from exnorm.taxonomies.jsa.message_tracking_events import EVENTS
from exnorm.taxonomies.jsa.on_request import category_rows, mail_flow_rows

_GUIDE = "the guide names the field and prints no column; read as in the table of message tracking"
_HEADER = "the LEEF header has the field; as in the ArcSight guide"
_ADDRESS = "sent whichever address is the Username"
_OWN_KEY = "no LEEF attribute has this meaning; kept as a custom attribute under the column's name"

# fmt: off
JSA_2003 = Mapping("jsa-2003", source="exchange_2003", taxonomy="jsa",
    title="Exchange 2000 and 2003 message tracking to JSA",
    rows=(
        #   JSA field           column                      read as
        row("Event ID",         "event-id",                 upper, ours="the name the event has since 2007, so that one search finds all versions"),
        row("Username",         "Recipient-Address",        mailbox, when=asked_for(RECIPIENT, event_is_not(*SUBMISSIONS)), ours=_GUIDE),
        row("Username",         "Sender-Address",           mailbox, when=asked_for(RECIPIENT, event_is(*SUBMISSIONS)), ours="whoever submits is the sender"),
        row("Username",         "Sender-Address",           mailbox, when=setting_is("username", "sender"), ours="the other reading of the lost column, on request"),
        row("Source IP",        "client-ip",                ip, ours=_GUIDE),
        row("Destination IP",   "server-IP",                ip, ours=_GUIDE),
        row("Vendor",           constant("Microsoft"),      ours=_HEADER),
        row("Product",          constant("Exchange Server"), ours=_HEADER),
        row("Version",          "product-version",          ours="the LEEF header has the field: the version in the log's second line, else empty"),
        row("devTime",          "date-time",                utc_ms, ours="Date and Time together; without it JSA takes the time of arrival"),
        row("cat",              "event-id",                 by_event("category", UNKNOWN_CATEGORY), ours="JSA looks an event up by Event ID and cat; our category of the event"),
        row("sev",              "event-id",                 by_event("severity", UNKNOWN_SEVERITY), ours="our severity of the event"),
        row("srcBytes",         "total-bytes",              size_bytes, ours="in every event the message flows from client-ip to server-IP"),
        row("senderAddress",    "Sender-Address",           addresses, ours=_ADDRESS),
        row("recipientAddress", "Recipient-Address",        addresses, ours=_ADDRESS),
        row("messageSubject",   "Message-Subject",          ours=_OWN_KEY),
        row("messageId", "MSGID", ours="no LEEF attribute has this meaning; a custom one, of the same name in all logs"),
        *category_rows("event-id"),
        *mail_flow_rows(),
    ),
    unmapped={
        "Event-ID":                "the number behind Event ID; kept as a custom attribute",
        "Client-hostname":         _OWN_KEY,
        "Partner-Name":            _OWN_KEY,
        "Server-hostname":         _OWN_KEY,
        "Priority":                _OWN_KEY,
        "Recipient-Report-Status": _OWN_KEY,
        "Number-Recipients":       _OWN_KEY,
        "Origination-Time":        _OWN_KEY,
        "Encryption":              _OWN_KEY,
        "service-Version":         _OWN_KEY,
        "Linked-MSGID":            _OWN_KEY,
    },
    events=EVENTS,
)
# fmt: on
