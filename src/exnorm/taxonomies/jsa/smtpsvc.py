"""SMTP protocol log of Exchange 2000 and 2003 (IIS SMTP service) -> JSA.

The JSA guide names the event type (SMTP) and four fields, but not what they are read from: every row is
ours. ``Event ID`` is verb and reply (``RCPT 550``), with ``OUTBOUND-`` before it where our server is the
client. The log does not name the account of a logon, so Username is the address in MAIL FROM.
"""

from __future__ import annotations

from exnorm.convert import count, ip, size_bytes, used_port, utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import by_event, column_is, column_is_not, constant, row
from exnorm.taxonomies.jsa.categories import UNKNOWN_SEVERITY, describe_event
from exnorm.taxonomies.jsa.on_request import category_rows

UNKNOWN_CATEGORY = "SMTP In Progress"

_LOST = "a field of the guide's table; the column it is read from is lost there"
_HEADER = "the LEEF header has the field; as for message tracking"
_CLIENT = _LOST + "; the side that opened the session"
_SERVER = _LOST + "; the side that was called"
_ADDRESS = "as for message tracking"
_OWN_KEY = "no LEEF attribute has this meaning; kept as a custom attribute under the column's name"
_EMPTY = "the SMTP service leaves it empty"
_INBOUND = column_is("direction", "inbound")
_OUTBOUND = column_is_not("direction", "inbound")
_COMMAND = column_is("direction", "outbound")
_REPLY = column_is("direction", "outbound reply")

# fmt: off
EVENTS = dict((
    #              outcome            id   low level category              severity
    describe_event("SESSION-START", 18098, "SMTP Opened",                  1),
    describe_event("SESSION-END",   18099, "SMTP Closed",                  1),
    describe_event("LOGON-SUCCESS",  3008, "Mail Service Login Succeeded", 1),
    describe_event("LOGON-FAILURE",  3009, "Mail Service Login Failed",    3),
    describe_event("ACCEPTED",      18103, "SMTP In Progress",             1),
    describe_event("REJECTED",      18102, "SMTP Denied",                  4),
    describe_event("DELAYED",       18104, "SMTP Delayed",                 4),
    describe_event("IN-PROGRESS",   18103, "SMTP In Progress",             1),
))

JSA_SMTPSVC = Mapping("jsa-smtpsvc", source="smtpsvc", taxonomy="jsa",
    title="SMTP protocol log of Exchange 2000 and 2003 to JSA",
    rows=(
        #   JSA field           column              read as
        row("Event ID",         "verb-reply",       ours=_LOST + "; the verb and the reply code, as RCPT 550"),
        row("Username",         "sender",           ours=_LOST + "; the address in MAIL FROM, because the log does not name the account of a logon"),
        row("Source IP",        "c-ip",             ip, when=_INBOUND, ours=_CLIENT),
        row("Source IP",        "s-ip",             ip, when=_OUTBOUND, ours=_CLIENT),
        row("Destination IP",   "s-ip",             ip, when=_INBOUND, ours=_SERVER),
        row("Destination IP",   "c-ip",             ip, when=_OUTBOUND, ours=_SERVER),
        row("Vendor",           constant("Microsoft"), ours=_HEADER),
        row("Product",          constant("Exchange Server"), ours=_HEADER),
        row("Version",          "product-version",  ours="the LEEF header has the field; the log names the version of IIS only, and is marked so: IIS 6.0"),
        row("devTime",          "date-time",        utc_ms, ours="the row's own time; without it JSA takes the time of arrival"),
        row("cat",              "outcome",          by_event("category", UNKNOWN_CATEGORY), ours="JSA looks an event up by Event ID and cat; our category of the outcome"),
        row("sev",              "outcome",          by_event("severity", UNKNOWN_SEVERITY), ours="our severity of the outcome"),
        row("dstPort",          "s-port",           used_port, ours="the port that was called on either side (outbound rows have 25 there); 0 says that it was not noted"),
        row("srcBytes",         "cs-bytes",         size_bytes, when=_INBOUND, ours="from the client, which is the source"),
        row("srcBytes",         "sc-bytes",         size_bytes, when=_COMMAND, ours="from our server, which is the source of an outbound session"),
        row("dstBytes",         "sc-bytes",         size_bytes, when=_INBOUND, ours="from our server, which is the destination"),
        row("dstBytes",         "sc-bytes",         size_bytes, when=_REPLY, ours="seen in real logs: of another server's reply, sc-bytes is the length"),
        row("timeTaken",        "time-taken",       count, ours="the attribute of this meaning in all logs"),
        row("senderAddress",    "sender",           ours=_ADDRESS),
        row("recipientAddress", "recipient",        ours=_ADDRESS),
        row("messageId", "message-id", ours="no LEEF attribute has this meaning; a custom one, of the same name in all logs"),
        *category_rows("outcome"),
    ),
    unmapped={
        "cs-username":     _OWN_KEY,
        "s-sitename":      _OWN_KEY,
        "s-computername":  _OWN_KEY,
        "cs-method":       _OWN_KEY,
        "cs-uri-query":    _OWN_KEY,
        "sc-status":       _OWN_KEY,
        "sc-win32-status": _OWN_KEY,
        "cs-version":      _OWN_KEY,
        "cs-uri-stem":     _EMPTY,
        "cs-host":         _EMPTY,
        "cs(User-Agent)":  _EMPTY,
        "cs(Cookie)":      _EMPTY,
        "cs(Referer)":     _EMPTY,
    },
    events=EVENTS,
)
# fmt: on
