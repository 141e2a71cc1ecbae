"""IMAP4 and POP3 protocol log -> JSA.

The JSA guide does not cover this log: every row is ours. The client (``cIp``) is the Source IP, the
server (``sIp``) the Destination IP.
"""

from __future__ import annotations

from exnorm.convert import ip, port, size_bytes, utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import by_event, constant, row
from exnorm.taxonomies.jsa.categories import UNKNOWN_CATEGORY, UNKNOWN_SEVERITY, describe_event
from exnorm.taxonomies.jsa.on_request import category_rows

_HEADER = "the LEEF header has the field"
_OWN_KEY = "no LEEF attribute has this meaning; kept as a custom attribute under the column's name"

# fmt: off
EVENTS = dict((
    #              event               id  low level category              severity
    describe_event("SESSION-OPEN",     4016, "Session Opened",               1),
    describe_event("SESSION-CLOSE",    4017, "Session Closed",               1),
    describe_event("AUTH-SUCCESS",     3008, "Mail Service Login Succeeded", 2),
    describe_event("AUTH-FAILURE",     3009, "Mail Service Login Failed",    5),
    describe_event("AUTH-ATTEMPT",     3114, "User Login Attempt",           3),
    describe_event("COMMAND",          4021, "Session in Progress",          1),
    describe_event("COMMAND-FAILURE",  4028, "Misc Application Action Denied", 3),
))

JSA_IMAP_POP = Mapping("jsa-imap-pop", source="imap_pop", taxonomy="jsa",
    title="IMAP4 and POP3 protocol log to JSA",
    rows=(
        #   JSA field           column                      read as
        row("Event ID",         "event",                    ours="the log names no event; read from the command and its reply, see the source"),
        row("Username",         "user-name",                ours="the user without the domain, a UPN whole: the column, else whom the command names"),
        row("Source IP",        "client-address",           ip, ours="the address in cIp"),
        row("Destination IP",   "server-address",           ip, ours="the address in sIp"),
        row("Vendor",           constant("Microsoft"),      ours=_HEADER),
        row("Product",          constant("Exchange Server"), ours=_HEADER),
        row("Version",          "product-version",          ours="#Version, where it is not the constant of the log writer"),
        row("devTime",          "dateTime",                 utc_ms, ours="the row's own time; without it JSA takes the time of arrival"),
        row("cat",              "event",                    by_event("category", UNKNOWN_CATEGORY), ours="JSA looks an event up by Event ID and cat; our category of the event"),
        row("sev",              "event",                    by_event("severity", UNKNOWN_SEVERITY), ours="our severity of the event"),
        row("srcPort",          "client-port",              port, ours="the port in cIp"),
        row("dstPort",          "server-port",              port, ours="the port in sIp"),
        row("srcBytes",         "rqsize",                   size_bytes, ours="sent by the client"),
        row("dstBytes",         "rpsize",                   size_bytes, ours="sent by the server"),
        row("domain",           "user-domain",              ours="the domain of DOMAIN\\user"),
        row("targetMailbox",    "user-mailbox",             ours="the mailbox that DOMAIN\\user\\mailbox names"),
        row("resource",         "protocol",                 ours="the service asked for: IMAP4 or POP3, by #Log-type, else by the file name"),
        row("sessionId", "sessionId", ours="no LEEF attribute has this meaning; a custom one, of the same name in all logs"),
        *category_rows("event"),
    ),
    unmapped={
        "seqNumber":  _OWN_KEY,
        "duration":   _OWN_KEY,
        "command":    _OWN_KEY,
        "parameters": _OWN_KEY,
        "context":    _OWN_KEY,
        "puid":       _OWN_KEY,
    },
    events=EVENTS,
)
# fmt: on
