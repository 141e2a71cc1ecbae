"""IMAP4 and POP3 protocol log -> ArcSight.

No vendor guide covers this log: every row is ours. ``cIp`` is the client and the source, ``sIp`` the
server: the destination, and the device too, because the server writes the log.
"""

from __future__ import annotations

from exnorm.convert import count, ipv4, ipv6, port, size_bytes, utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import by_event, constant, row
from exnorm.taxonomies.arcsight.categories import UNKNOWN_SEVERITY, category_rows, describe_event

_SAME = "the field with this meaning"
_CUSTOM = "no field has this meaning; a custom field keeps it searchable"
_SERVER = "the address in sIp; the server is the destination of the session"
_DEVICE = "the address in sIp; the server writes the log and names itself nowhere else"
_CLIENT = "the address in cIp"
_EVENT = "the log names no event; read from the command and its reply, see the source"

# fmt: off
EVENTS = dict((
    #              event            sev. behavior                   outcome     significance              technique
    describe_event("SESSION-OPEN",    1, "/Access/Start",           "/Success", "/Normal"),
    describe_event("SESSION-CLOSE",   1, "/Access/Stop",            "/Success", "/Normal"),
    describe_event("AUTH-SUCCESS",    2, "/Authentication/Verify",  "/Success", "/Normal"),
    describe_event("AUTH-FAILURE",    5, "/Authentication/Verify",  "/Failure", "/Informational/Warning"),
    describe_event("AUTH-ATTEMPT",    3, "/Authentication/Verify",  "/Attempt", "/Informational"),
    describe_event("COMMAND",         1, "/Execute/Query",          "/Success", "/Normal"),
    describe_event("COMMAND-FAILURE", 3, "/Execute/Query",          "/Failure", "/Informational/Error"),
))

ARCSIGHT_IMAP_POP = Mapping("arcsight-imap-pop", source="imap_pop", taxonomy="arcsight",
    title="IMAP4 and POP3 protocol log to ArcSight",
    rows=(
        #   ArcSight field                  column                      read as
        row("Application Protocol",         "protocol",                 ours="IMAP4 or POP3, by #Log-type, else by the file name"),
        row("Bytes In",                     "rqsize",                   size_bytes, ours=_SAME),
        row("Bytes Out",                    "rpsize",                   size_bytes, ours=_SAME),
        row("Destination Address",          "server-address",           ipv4, ours=_SERVER),
        row("Destination Port",             "server-port",              port, ours="the port in sIp"),
        row("Destination User Name",        "user-mailbox",             ours="the mailbox that DOMAIN\\user\\mailbox names"),
        row("Device Action",                "command",                  ours="the command as the client sent it"),
        row("Device Address",               "server-address",           ipv4, ours=_DEVICE),
        row("Device Custom IPv6 Address 1", "server-address",           ipv6, label="Device IPv6 Address", ours=_DEVICE),
        row("Device Custom IPv6 Address 2", "client-address",           ipv6, label="Source IPv6 Address", ours=_CLIENT),
        row("Device Custom IPv6 Address 3", "server-address",           ipv6, label="Destination IPv6 Address", ours=_SERVER),
        row("Device Custom Number 1",       "seqNumber",                count, label="Sequence Number", ours=_CUSTOM),
        row("Device Custom Number 2",       "duration",                 count, label="Duration (ms)", ours=_CUSTOM),
        row("Device Custom String 1",       "sessionId",                label="Session ID", ours=_CUSTOM),
        row("Device Custom String 2",       "parameters",               label="Parameters", ours="secrets are masked by the source"),
        row("Device Custom String 3",       "puid",                     label="PUID", ours=_CUSTOM),
        row("Device Event Category",        constant("IMAP4/POP3"),     ours="tells this log's events from those of other logs"),
        row("Device Event Class ID",        "event",                    ours=_EVENT),
        row("Device Product",               constant("Exchange Server"), ours="as in the guide for message tracking"),
        row("Device Receipt Time",          "dateTime",                 utc_ms, ours=_SAME),
        row("Device Vendor",                constant("Microsoft"),      ours="as in the guide for message tracking"),
        row("Device Version",               "product-version",          ours="#Version, where it is not the constant of the log writer"),
        row("Event Outcome",                "outcome",                  ours="success or failure by the reply; nothing where it has no status"),
        row("Message",                      "context",                  ours="the reply and what the server adds to it"),
        row("Name",                         "event",                    ours=_EVENT),
        row("Reason",                       "reason",                   ours="of a failure: ErrMsg in context, else the reply"),
        row("Severity",                     "event",                    by_event("severity", UNKNOWN_SEVERITY), ours="the CEF header has the field"),
        row("Source Address",               "client-address",           ipv4, ours=_CLIENT),
        row("Source Port",                  "client-port",              port, ours="the port in cIp"),
        row("Source NT Domain",             "user-domain",              ours="the domain of DOMAIN\\user"),
        row("Source User Name",             "user-name",                ours="the user without the domain, a UPN whole: the column, else whom the command names"),
        *category_rows("event"),
    ),
    events=EVENTS,
)
# fmt: on
