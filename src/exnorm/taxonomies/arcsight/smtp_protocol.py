"""SMTP protocol logs -> ArcSight.

The vendor guide knows message tracking only, so this whole table is ours. Where both logs speak of the
same thing (connector, message id, return path), it stands in the same field as there, so that one rule
finds it in both. Device Version is left out: ``#Version`` is a constant in these logs.
"""

from __future__ import annotations

from exnorm.convert import addresses, count, host, integer, ipv4, ipv6, mailbox, port, size_bytes, utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import by_event, column_is, constant, event_is, event_is_not, row, setting_is
from exnorm.taxonomies.arcsight.mail_flow import correlation_row
from exnorm.taxonomies.arcsight.smtp_protocol_events import EVENTS, UNKNOWN_SEVERITY

INBOUND, OUTBOUND = 0, 1

_NAME = "names of our own for the rows of a log that names none; a closed set"
_CONSTANT = "as in message tracking"
_SAME = "the field that the guide gives it in message tracking"
_CLIENT = "the client's end: the remote one in a RECV log, the local one in a SEND log; left out where neither is certain"
_SERVER = "the server's end: the local one in a RECV log, the remote one in a SEND log; left out where neither is certain"
_DEVICE = "the local end is the server that wrote the log, whichever way the session went"
_SESSION = "what the session has established by then"
_CATEGORY = "our proposal, written with --categories only"
_CATEGORIES = setting_is("categories", True)
_RECEIVED = column_is("direction", "receive")
_SENT = column_is("direction", "send")

# fmt: off
ARCSIGHT_SMTP = Mapping("arcsight-smtp", source="smtp_protocol", taxonomy="arcsight",
    title="SMTP protocol logs to ArcSight",
    rows=(
        #   ArcSight ESM field              column or what is read from it  read as
        row("Application Protocol",         constant("SMTP"),           ours="the log holds nothing else"),
        row("Bytes In",                     "message-bytes",            size_bytes, when=_RECEIVED, ours="the size of the message that this server took over"),
        row("Bytes Out",                    "message-bytes",            size_bytes, when=_SENT, ours="the size of the message that the next server took over"),
        row("Destination Address",          "server-address",           ipv4, ours=_SERVER),
        row("Destination Host Name",        ("server-name", "greeting-name"), ours="this server's name in its connector, else the name in the server's greeting"),
        row("Destination Port",             "server-port",              port, ours=_SERVER),
        row("Destination User Name",        "rcpt-to",                  mailbox, ours="the recipient, " + _SAME),
        row("Device Address",               "local-address",            ipv4, ours=_DEVICE),
        row("Device Custom IPv6 Address 1", "local-address",            ipv6, label="Device IPv6 Address", ours=_DEVICE),
        row("Device Custom IPv6 Address 2", "client-address",           ipv6, label="Source IPv6 Address", ours=_CLIENT),
        row("Device Custom IPv6 Address 3", "server-address",           ipv6, label="Destination IPv6 Address", ours=_SERVER),
        row("Device Custom Number 1",       "reply-code",               integer, label="Reply Code", ours="no field has this meaning"),
        row("Device Custom Number 2",       "sequence-number",          count, label="Sequence Number", ours="orders the rows of a session that have the same time"),
        row("Device Custom Number 3",       "tarpit-ms",                count, label="Tarpit Milliseconds", ours="no field has this meaning"),
        row("Device Custom String 1",       "internal-message-id",      when=_RECEIVED, label="Internal Message ID", ours=_SAME),
        row("Device Custom String 1",       "queue-id",                 when=_SENT, label="Queue ID", ours="what the next server calls the message that it took over, where its reply says so"),
        row("Device Custom String 2",       "message-id",               label="Message ID", ours=_SAME),
        row("Device Custom String 3",       "certificate-subject",      when=event_is("CERTIFICATE"), label="Certificate Subject", ours="no field has this meaning"),
        row("Device Custom String 3",       "auth-type",                when=event_is_not("CERTIFICATE"), label="Authentication Type", ours="the mechanism of the AUTH that is going on"),
        row("Device Custom String 4",       "connector-id",             label="Connector ID", ours=_SAME),
        row("Device Custom String 5",       "tls",                      label="TLS Protocol and Cipher", ours=_SESSION),
        row("Device Custom String 6",       "mail-from",                addresses, label="Return Path", ours="MAIL FROM is the envelope's sender: " + _SAME),
        row("Device Direction",             constant(INBOUND),          when=_RECEIVED, ours="0 is inbound in the CEF dictionary"),
        row("Device Direction",             constant(OUTBOUND),         when=_SENT, ours="1 is outbound in the CEF dictionary"),
        row("Device Event Category",        constant("SMTP"),           ours="the source that message tracking names for these sessions"),
        row("Device Event Class ID",        "event-name",               ours=_NAME),
        row("Device Host Name",             "server-name",              ours="the server's name stands in the connector of a RECV log, before the backslash"),
        row("Device Product",               constant("Exchange Server"), ours=_CONSTANT),
        row("Device Receipt Time",          "date-time",                utc_ms, ours=_SAME),
        row("Device Vendor",                constant("Microsoft"),      ours=_CONSTANT),
        row("Event Outcome",                "event-name",               by_event("outcome"), ours="success or failure, where the event decides one"),
        row("External ID",                  "session-id",               ours="the server's own id of the session; message tracking has it in source-context"),
        row("Flex String 1",                "ehlo-name",                label="EHLO Name", ours="as the client gave it, an address in brackets too"),
        row("Flex String 2",                "enhanced-status",          label="Enhanced Status", ours="no field has this meaning"),
        row("Message",                      ("data", "context"),        ours="the row's own text; AUTH arguments are hidden"),
        row("Name",                         "event-name",               ours=_NAME),
        row("Reason",                       "reason",                   ours="why AUTH, TLS or the connection failed, a reply refused, a tarpit came up or a session ended"),
        row("Request Method",               "verb",                     ours="the command's word, as a method of the protocol"),
        row("Severity",                     "event-name",               by_event("severity", UNKNOWN_SEVERITY), ours="the CEF header has the field: our severity of the event"),
        row("Source Address",               "client-address",           ipv4, ours=_CLIENT),
        row("Source Host Name",             "ehlo-name",                host, ours="the name the client gave itself, as message tracking has it in client-hostname"),
        row("Source NT Domain",             "auth-domain",              ours="the domain of DOMAIN\\user"),
        row("Source Port",                  "client-port",              port, ours=_CLIENT),
        row("Source User Name",             ("auth-user", "mail-from"), mailbox, ours="who authenticated, or tried to; else the sender as in message tracking"),
        row("Source User Privileges",       "permissions",              ours="the permissions that Exchange gave the session"),
        row("Transport Protocol",           constant("TCP"),            ours="SMTP runs over nothing else here"),
        row("Category Object",              "event-name",               by_event("categoryObject"), when=_CATEGORIES, ours=_CATEGORY),
        row("Category Behavior",            "event-name",               by_event("categoryBehavior"), when=_CATEGORIES, ours=_CATEGORY),
        row("Category Outcome",             "event-name",               by_event("categoryOutcome"), when=_CATEGORIES, ours=_CATEGORY),
        row("Category Significance",        "event-name",               by_event("categorySignificance"), when=_CATEGORIES, ours=_CATEGORY),
        row("Category Device Group",        "event-name",               by_event("categoryDeviceGroup"), when=_CATEGORIES, ours=_CATEGORY),
        correlation_row("message-id", "session-id"),
    ),
    unmapped={
        "local-endpoint":  "read as addresses and ports by direction; kept whole, so that a masked one is not lost",
        "remote-endpoint": "read as addresses and ports by direction; kept whole, so that a masked one is not lost",
        "event":           "its sign means another thing in each direction, so the event's name says it; kept as additional data",
    },
    events=EVENTS,
)
# fmt: on
