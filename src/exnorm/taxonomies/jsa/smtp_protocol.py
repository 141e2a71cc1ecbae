"""SMTP protocol logs -> JSA.

The JSA guide names the event type SMTP and four fields, and not what they are read from: this whole
table is ours. The client is the source in both directions. Version is left out: ``#Version`` is a
constant in these logs. No identity attribute is written: the guide says "Included identity? No".
"""

from __future__ import annotations

from exnorm.convert import addresses, count, integer, ip, mailbox, port, size_bytes, utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import by_event, constant, row
from exnorm.taxonomies.jsa.categories import UNKNOWN_CATEGORY, UNKNOWN_SEVERITY
from exnorm.taxonomies.jsa.on_request import category_rows, correlation_row
from exnorm.taxonomies.jsa.smtp_protocol_events import EVENTS

_HEADER = "the LEEF header has the field; as in the ArcSight guide"
_CLIENT = "the client's end: the remote one in a RECV log, the local one in a SEND log; left out where neither is certain"
_SERVER = "the server's end: the local one in a RECV log, the remote one in a SEND log; left out where neither is certain"
_OWN = "no LEEF attribute has this meaning; a custom attribute"
_SESSION = "what the session has established by then; a custom attribute"
_OWN_KEY = "no LEEF attribute has this meaning; kept as a custom attribute under the column's name"

# fmt: off
JSA_SMTP = Mapping("jsa-smtp", source="smtp_protocol", taxonomy="jsa",
    title="SMTP protocol logs to JSA",
    rows=(
        #   JSA field           column or what is read from it  read as
        row("Event ID",         "event-name",                   ours="names of our own for the rows of a log that names none; a closed set"),
        row("Username",         ("auth-user", "mail-from"),     mailbox, ours="who authenticated, or tried to; else the sender"),
        row("domain",           "auth-domain",                  ours="the domain of DOMAIN\\user"),
        row("Source IP",        "client-address",               ip, ours=_CLIENT),
        row("Destination IP",   "server-address",               ip, ours=_SERVER),
        row("Vendor",           constant("Microsoft"),          ours=_HEADER),
        row("Product",          constant("Exchange Server"),    ours=_HEADER),
        row("devTime",          "date-time",                    utc_ms, ours="the row's own time; without it JSA takes the time of arrival"),
        row("cat",              "event-name",                   by_event("category", UNKNOWN_CATEGORY), ours="JSA looks an event up by Event ID and cat; our category of the event"),
        row("sev",              "event-name",                   by_event("severity", UNKNOWN_SEVERITY), ours="our severity of the event"),
        row("proto",            constant("TCP"),                ours="SMTP runs over nothing else here"),
        row("srcPort",          "client-port",                  port, ours=_CLIENT),
        row("dstPort",          "server-port",                  port, ours=_SERVER),
        row("srcBytes",         "message-bytes",                size_bytes, ours="the accepted message flowed from the client to the server"),
        row("senderAddress",    "mail-from",                    addresses, ours="sent whoever is the Username; <> is the null sender"),
        row("recipientAddress", "rcpt-to",                      addresses, ours="as in message tracking"),
        row("smtpDirection",    "direction",                    ours=_OWN),
        row("smtpVerb",         "verb",                         ours=_OWN),
        row("smtpEhlo",         "ehlo-name",                    ours=_SESSION),
        row("smtpGreeting",     "greeting-name",                ours=_SESSION),
        row("smtpAuthType",     "auth-type",                    ours=_SESSION),
        row("smtpTlsProtocol",  "tls-protocol",                 ours=_SESSION),
        row("smtpTlsCipher",    "tls-cipher",                   ours=_SESSION),
        row("smtpCertificate",  "certificate-subject",          ours=_OWN),
        row("smtpReplyCode",    "reply-code",                   integer, ours=_OWN),
        row("smtpStatus",       "enhanced-status",              ours=_OWN),
        row("messageId",        "message-id",                   ours=_OWN),
        row("smtpInternalId",   "internal-message-id",          ours=_OWN),
        row("smtpQueueId",      "queue-id",                     ours="what the server calls the message that it took over, where its reply says so; a custom attribute"),
        row("smtpTarpitMs",     "tarpit-ms",                    count, ours=_OWN),
        row("smtpReason",       "reason",                       ours=_OWN),
        correlation_row("message-id", "session-id"),
        row("sessionId", "session-id", ours="no LEEF attribute has this meaning; a custom one, of the same name in all logs"),
        *category_rows("event-name"),
    ),
    unmapped={
        "connector-id":    _OWN_KEY,
        "sequence-number": _OWN_KEY,
        "local-endpoint":  "read as addresses and ports by direction; kept whole, so that a masked one is not lost",
        "remote-endpoint": "read as addresses and ports by direction; kept whole, so that a masked one is not lost",
        "event":           _OWN_KEY,
        "data":            "the row's own text, AUTH arguments hidden; kept as a custom attribute under the column's name",
        "context":         _OWN_KEY,
    },
    events=EVENTS,
)
# fmt: on
