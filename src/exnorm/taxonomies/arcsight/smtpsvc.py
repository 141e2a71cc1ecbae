"""SMTP protocol log of Exchange 2000 and 2003 (IIS SMTP service) -> ArcSight.

No guide of ArcSight has a table for this log, so every row is ours; labels and numbers of custom fields
are those of the guide's message tracking tables where the meaning is the same. ``Device Event Class ID``
is ``VERB:OUTCOME`` (``RCPT:REJECTED``), with ``OUTBOUND-`` before it where our server is the client and
``OUTBOUND-REPLY`` for what another server says; a verb that SMTP does not have is ``OTHER``.
"""

from __future__ import annotations

from exnorm.convert import count, ipv4, ipv6, size_bytes, used_port, utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import by_event, column_is, column_is_not, constant, row
from exnorm.taxonomies.arcsight.categories import UNKNOWN_SEVERITY, category_rows, describe_event

_GUIDE = "as in the guide's tables for message tracking"
_HEADER = "the CEF header has the field"
_CLIENT = "the side that opened the session: the other side, or our server where cs-username says outbound"
_SERVER = "the side that was called: our server, or the other side where cs-username says outbound"
_TWIN = "the IPv6 twin of the address field"
_NUMBER = "no CEF field has this meaning, and rules compare it as a number"
_BYTES = "seen in real logs: sc-bytes counts what our service sent, but of another server's reply its length"
_INBOUND = column_is("direction", "inbound")
_OUTBOUND = column_is_not("direction", "inbound")
_REPLY = column_is("direction", "outbound reply")
_NO_REPLY = column_is_not("direction", "outbound reply")


def direction_number(direction: str) -> int:
    """Return 0 for a session from outside, 1 for one of our own."""
    return 0 if direction == "inbound" else 1


# fmt: off
EVENTS = dict((
    #              outcome          sev. behavior                  outcome     significance
    describe_event("SESSION-START", 1, "/Access/Start",          "/Success", "/Normal"),
    describe_event("SESSION-END",   1, "/Access/Stop",           "/Success", "/Normal"),
    describe_event("LOGON-SUCCESS", 2, "/Authentication/Verify", "/Success", "/Normal"),
    describe_event("LOGON-FAILURE", 5, "/Authentication/Verify", "/Failure", "/Informational/Warning"),
    describe_event("ACCEPTED",      1, "/Communicate/Query",     "/Success", "/Normal"),
    describe_event("REJECTED",      4, "/Communicate/Query",     "/Failure", "/Informational/Warning"),
    describe_event("DELAYED",       3, "/Communicate/Query",     "/Attempt", "/Informational/Warning"),
    describe_event("IN-PROGRESS",   1, "/Communicate/Query",     "/Attempt", "/Normal"),
))

ARCSIGHT_SMTPSVC = Mapping("arcsight-smtpsvc", source="smtpsvc", taxonomy="arcsight",
    title="SMTP protocol log of Exchange 2000 and 2003 to ArcSight",
    rows=(
        #   ArcSight ESM field               column             read as
        row("Device Vendor",                 constant("Microsoft"), ours=_GUIDE),
        row("Device Product",                constant("Exchange Server"), ours=_GUIDE),
        row("Device Version",                "product-version", ours=_HEADER + "; the log names the version of IIS only, and is marked so: IIS 6.0"),
        row("Device Event Class ID",         "event",           ours="the verb and what became of it, from closed lists"),
        row("Name",                          "event",           ours=_GUIDE + ": what feeds the class id feeds the name"),
        row("Severity",                      "outcome",         by_event("severity", UNKNOWN_SEVERITY), ours=_HEADER + ": our severity of the outcome"),
        row("Event Outcome",                 "outcome",         by_event("eventOutcome"), ours="success or failure, where the reply decides"),
        row("Device Event Category",         constant("SMTP"),  ours="what source holds in the guide's tables"),
        row("Device Receipt Time",           "date-time",       utc_ms, ours=_GUIDE + "; date and time are UTC, the date that of #Date where rows have none"),
        row("Device Direction",              "direction",       direction_number, ours="0 inbound, 1 outbound"),
        row("Source Address",                "c-ip",            ipv4, when=_INBOUND, ours=_CLIENT),
        row("Source Address",                "s-ip",            ipv4, when=_OUTBOUND, ours=_CLIENT),
        row("Device Custom IPv6 Address 2",  "c-ip",            ipv6, when=_INBOUND, label="Source IPv6 Address", ours=_TWIN),
        row("Device Custom IPv6 Address 2",  "s-ip",            ipv6, when=_OUTBOUND, label="Source IPv6 Address", ours=_TWIN),
        row("Source Host Name",              "client-name",     when=_INBOUND, ours="the name the client gave with EHLO or HELO"),
        row("Source Host Name",              "s-computername",  when=_OUTBOUND, ours=_CLIENT),
        row("Destination Address",           "s-ip",            ipv4, when=_INBOUND, ours=_SERVER),
        row("Destination Address",           "c-ip",            ipv4, when=_OUTBOUND, ours=_SERVER),
        row("Device Custom IPv6 Address 3",  "s-ip",            ipv6, when=_INBOUND, label="Destination IPv6 Address", ours=_TWIN),
        row("Device Custom IPv6 Address 3",  "c-ip",            ipv6, when=_OUTBOUND, label="Destination IPv6 Address", ours=_TWIN),
        row("Destination Host Name",         "s-computername",  when=_INBOUND, ours=_SERVER),
        row("Destination Port",              "s-port",          used_port, ours="the port that was called on either side (outbound rows have 25 there); 0 says that it was not noted"),
        row("Device Address",                "s-ip",            ipv4, ours=_GUIDE),
        row("Device Custom IPv6 Address 1",  "s-ip",            ipv6, label="Device IPv6 Address", ours=_GUIDE),
        row("Device Host Name",              "s-computername",  ours=_GUIDE),
        row("Device Facility",               "s-sitename",      ours="the instance of the SMTP service that logs"),
        row("Application Protocol",          "cs-version",      ours="the CEF field of this meaning"),
        row("Device Action",                 "cs-method",       ours="the verb as logged"),
        row("Message",                       "argument",        ours="the argument of the verb, or another server's reply, with blanks for the + that IIS writes"),
        row("Source User Name",              "sender",          ours="the address in MAIL FROM, as sender-address is in the guide's tables; the null sender is none"),
        row("Destination User Name",         "recipient",       ours="the address in RCPT TO, as recipient-address is in the guide's tables"),
        row("Bytes In",                      "cs-bytes",        size_bytes, when=_INBOUND, ours="from the client to our server"),
        row("Bytes In",                      "sc-bytes",        size_bytes, when=_REPLY, ours=_BYTES),
        row("Bytes Out",                     "sc-bytes",        size_bytes, when=_NO_REPLY, ours=_BYTES),
        row("Device Custom Number 1",        "time-taken",      count, label="Time Taken (ms)", ours=_NUMBER),
        row("Device Custom Number 2",        "reply-code",      count, label="SMTP Reply Code", ours=_NUMBER),
        row("Device Custom Number 3",        "sc-win32-status", count, label="Win32 Status", ours=_NUMBER),
        row("Device Custom String 2",        "message-id",      label="Message ID", ours=_GUIDE + "; stands in the row of DATA or BDAT"),
        *category_rows("outcome"),
    ),
    unmapped={
        "cs-uri-stem":    "the SMTP service leaves it empty",
        "cs-host":        "the SMTP service leaves it empty",
        "cs(User-Agent)": "the SMTP service leaves it empty",
        "cs(Cookie)":     "the SMTP service leaves it empty",
        "cs(Referer)":    "the SMTP service leaves it empty",
    },
    events=EVENTS,
)
# fmt: on
