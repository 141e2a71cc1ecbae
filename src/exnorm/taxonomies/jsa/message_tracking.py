"""Message tracking -> JSA.

Source: JSA guide, "Microsoft Exchange Server", table "JSA field name | Highlighted payload field
name", whose right-hand column is lost in print: it names Event ID, Username, Source IP and
Destination IP. What they are read from is ours, after two public parsers (client-ip, server-ip) and a
public tool (the recipient is the user); Username can be told to be the sender. The other rows fill
attributes that the LEEF guide predefines. No identity attribute is written: the guide says "Included
identity? No".
"""

from __future__ import annotations

from exnorm.convert import addresses, ip, mailbox, size_bytes, upper, utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import asked_for, by_event, constant, event_is, event_is_not, row, setting_is
from exnorm.taxonomies.jsa.categories import UNKNOWN_CATEGORY, UNKNOWN_SEVERITY
from exnorm.taxonomies.jsa.message_tracking_events import EVENTS
from exnorm.taxonomies.jsa.on_request import category_rows, mail_flow_rows

_HEADER = "the LEEF header has the field; as in the ArcSight guide"
_ADDRESS = "sent whichever address is the Username"
_LOST = "(lost in print)"
RECIPIENT = setting_is("username", "recipient")
SUBMISSIONS = (
    "SUBMIT",
    "SUBMITDEFER",
    "SUBMITFAIL",
    "CLIENTSUBMISSION",
    "NOTIFYMAPI",
    "NOTIFYSHADOW",
    "THROTTLE",
)
"""Events in which a user's mailbox hands a message over: the user is its sender."""
_OWN_KEY = "no LEEF attribute has this meaning; kept as a custom attribute under the column's name"

# fmt: off
JSA_MESSAGE_TRACKING = Mapping("jsa-message-tracking", source="message_tracking", taxonomy="jsa",
    title="Message tracking to JSA",
    rows=(
        #   JSA field           column                      read as
        row("Event ID",         "event-id",                 upper, guide=_LOST),
        row("Username",         "recipient-address",        mailbox, when=asked_for(RECIPIENT, event_is_not(*SUBMISSIONS)), guide=_LOST),
        row("Username",         "sender-address",           mailbox, when=asked_for(RECIPIENT, event_is(*SUBMISSIONS)), ours="whoever submits is the sender"),
        row("Username",         "sender-address",           mailbox, when=setting_is("username", "sender"), ours="the other reading of the lost column, on request"),
        row("Source IP",        "client-ip",                ip, guide=_LOST),
        row("Destination IP",   "server-ip",                ip, guide=_LOST),
        # not in the guide
        row("Vendor",           constant("Microsoft"),      ours=_HEADER),
        row("Product",          constant("Exchange Server"), ours=_HEADER),
        row("Version",          "product-version",          ours="the LEEF header has the field: schema-version, else #Version, else empty"),
        row("devTime",          "date-time",                utc_ms, ours="the row's own time; without it JSA takes the time of arrival"),
        row("cat",              "event-id",                 by_event("category", UNKNOWN_CATEGORY), ours="JSA looks an event up by Event ID and cat; our category of the event"),
        row("sev",              "event-id",                 by_event("severity", UNKNOWN_SEVERITY), ours="our severity of the event"),
        row("srcBytes",         "total-bytes",              size_bytes, ours="in every event the message flows from client-ip to server-ip"),
        row("senderAddress",    "sender-address",           addresses, ours=_ADDRESS),
        row("recipientAddress", "recipient-address",        addresses, ours=_ADDRESS),
        row("messageSubject",   "message-subject",          ours=_OWN_KEY),
        row("messageId", "message-id", ours="no LEEF attribute has this meaning; a custom one, of the same name in all logs"),
        row("networkMessageId", "network-message-id", ours="no LEEF attribute has this meaning; a custom one, of the same name in all logs"),
        *category_rows("event-id"),
        *mail_flow_rows(),
    ),
    unmapped={
        "client-hostname":           _OWN_KEY,
        "server-hostname":           _OWN_KEY,
        "source-context":            _OWN_KEY,
        "connector-id":              _OWN_KEY,
        "source":                    _OWN_KEY,
        "internal-message-id":       _OWN_KEY,
        "recipient-status":          _OWN_KEY,
        "recipient-count":           _OWN_KEY,
        "related-recipient-address": _OWN_KEY,
        "reference":                 _OWN_KEY,
        "return-path":               _OWN_KEY,
        "message-info":              _OWN_KEY,
        "directionality":            _OWN_KEY,
        "tenant-id":                 _OWN_KEY,
        "original-client-ip":        _OWN_KEY,
        "original-server-ip":        _OWN_KEY,
        "custom-data":               _OWN_KEY,
        "transport-traffic-type":    _OWN_KEY,
        "log-id":                    _OWN_KEY,
        "schema-version":            _OWN_KEY,
    },
    events=EVENTS,
)
# fmt: on
