"""HTTPERR log of http.sys -> ArcSight.

No vendor guide covers this log: every row is ours. The reason is the event: it is what the driver names,
so it is written as it stands there. No user is ever in it.
"""

from __future__ import annotations

from exnorm.convert import count, ipv4, ipv6, plus_as_blank, port, size_bytes, utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import by_event, constant, row
from exnorm.taxonomies.arcsight.categories import UNKNOWN_SEVERITY, category_rows, describe_event

_GUIDE = "as in the guide's tables for message tracking"
_SERVER = "the server that logs is the one that was asked"
_SAME = "the CEF field of this meaning"
_HEADER = "the CEF header has the field"
_CUSTOM = "no field has this meaning; a custom field keeps it searchable"
_UNKNOWN = "what it says is not documented; kept as additional data"

# fmt: off
_BAD, _BUSY, _GONE = "/Informational/Warning", "/Informational/Error", "/Normal"
EVENTS = dict((
    #              reason                        sev. behavior               outcome     significance
    describe_event("AppOffline",                  5, "/Access",             "/Failure", _BUSY),
    describe_event("AppPoolTimer",                4, "/Access",             "/Failure", _BUSY),
    describe_event("AppShutdown",                 4, "/Access",             "/Failure", _BUSY),
    describe_event("BadRequest",                  4, "/Access",             "/Failure", _BAD),
    describe_event("Client_Reset",                1, "/Access/Stop",        "/Failure", _GONE),
    describe_event("Connection_Abandoned_By_AppPool",  6, "/Execute/Response", "/Failure", _BUSY),
    describe_event("Connection_Abandoned_By_ReqQueue", 6, "/Execute/Response", "/Failure", _BUSY),
    describe_event("Connection_Dropped",          1, "/Access/Stop",        "/Failure", _GONE),
    describe_event("Connection_Dropped_List_Full", 4, "/Access/Stop",       "/Failure", _BUSY),
    describe_event("ConnLimit",                   5, "/Access/Start",       "/Failure", _BUSY),
    describe_event("Connections_Refused",         7, "/Access/Start",       "/Failure", _BUSY),
    describe_event("Disabled",                    4, "/Access",             "/Failure", _BAD),
    describe_event("EntityTooLarge",              3, "/Access",             "/Failure", _BAD),
    describe_event("FieldLength",                 4, "/Access",             "/Failure", _BAD),
    describe_event("Forbidden",                   5, "/Authorization/Verify", "/Failure", _BAD),
    describe_event("Header",                      4, "/Access",             "/Failure", _BAD),
    describe_event("Hostname",                    3, "/Access",             "/Failure", _BAD),
    describe_event("Internal",                    4, "/Execute/Response",   "/Failure", _BUSY),
    describe_event("Invalid_CR/LF",               5, "/Access",             "/Failure", _BAD),
    describe_event("LengthRequired",              3, "/Access",             "/Failure", _BAD),
    describe_event("N/A",                         4, "/Access",             "/Failure", _BUSY),
    describe_event("N/I",                         4, "/Access",             "/Failure", _BAD),
    describe_event("Number",                      3, "/Access",             "/Failure", _BAD),
    describe_event("Precondition",                2, "/Access",             "/Failure", _BAD),
    describe_event("QueueFull",                   7, "/Access",             "/Failure", _BUSY),
    describe_event("RequestLength",               4, "/Access",             "/Failure", _BAD),
    describe_event("Timer_AppPool",               4, "/Access",             "/Failure", _BUSY),
    describe_event("Timer_ConnectionIdle",        0, "/Access/Stop",        "",         _GONE),
    describe_event("Timer_EntityBody",            3, "/Access/Stop",        "/Failure", _BAD),
    describe_event("Timer_HeaderWait",            3, "/Access/Stop",        "/Failure", _BAD),
    describe_event("Timer_MinBytesPerSecond",     2, "/Access/Stop",        "/Failure", _BAD),
    describe_event("Timer_ReqQueue",              4, "/Access",             "/Failure", _BUSY),
    describe_event("Timer_Response",              0, "/Access/Stop",        "",         _GONE),
    describe_event("Timer_SslRenegotiation",      3, "/Access/Stop",        "/Failure", _BAD),
    describe_event("URL",                         4, "/Access",             "/Failure", _BAD),
    describe_event("URL_Length",                  4, "/Access",             "/Failure", _BAD),
    describe_event("Verb",                        4, "/Access",             "/Failure", _BAD),
    describe_event("Version_N/S",                 3, "/Access",             "/Failure", _BAD),
))

ARCSIGHT_HTTPERR = Mapping("arcsight-httperr", source="httperr", taxonomy="arcsight",
    title="HTTPERR to ArcSight",
    rows=(
        #   ArcSight field                  column                      read as
        row("Device Vendor",                constant("Microsoft"),      ours=_GUIDE),
        row("Device Product",               constant("Exchange Server"), ours=_GUIDE + ": the log is read for what it says of Exchange"),
        row("Device Version",               "product-version",          ours=_HEADER + "; the log names the version of http.sys only, and is marked so: HTTP API 2.0"),
        row("Device Event Class ID",        ("s-reason", constant("HTTPERR")), ours="the reason is what the log names"),
        row("Name",                         ("s-reason", constant("HTTPERR")), ours=_GUIDE + ": what feeds the class id feeds the name"),
        row("Severity",                     ("s-reason", constant(UNKNOWN_SEVERITY)), by_event("severity", UNKNOWN_SEVERITY), ours=_HEADER + ": our severity of the reason"),
        row("Event Outcome",                "outcome",                  ours="every reason is a failure but a timer of an idle connection, which is neither"),
        row("Device Event Category",        constant("HTTPERR"),        ours="tells this log's events from those of other logs"),
        row("Device Receipt Time",          "date-time",                utc_ms, ours=_SAME),
        row("Source Address",               "c-ip",                     ipv4, ours="the other side of the connection: the client, or the load balancer before it"),
        row("Device Custom IPv6 Address 2", "c-ip",                     ipv6, label="Source IPv6 Address", ours="the IPv6 twin of Source Address"),
        row("Source Port",                  "c-port",                   port, ours=_SAME),
        row("Destination Address",          "s-ip",                     ipv4, ours=_SERVER),
        row("Device Custom IPv6 Address 3", "s-ip",                     ipv6, label="Destination IPv6 Address", ours="the IPv6 twin of Destination Address"),
        row("Destination Port",             "s-port",                   port, ours=_SERVER),
        row("Destination Host Name",        "s-computername",           ours=_SERVER),
        row("Device Address",               "s-ip",                     ipv4, ours=_GUIDE),
        row("Device Custom IPv6 Address 1", "s-ip",                     ipv6, label="Device IPv6 Address", ours=_GUIDE),
        row("Device Host Name",             "s-computername",           ours=_GUIDE),
        row("Application Protocol",         "cs-version",               ours=_SAME),
        row("Request Method",               "cs-method",                ours=_SAME),
        row("Request URL",                  "cs-uri",                   ours="path and query as the driver logs them: raw where they could not be parsed"),
        row("Request Client Application",   "cs(User-Agent)",           plus_as_blank, ours=_SAME + "; with blanks for the + that http.sys writes"),
        row("Request Context",              "cs(Referer)",              plus_as_blank, ours=_SAME),
        row("Request Cookies",              "cs(Cookie)",               plus_as_blank, ours=_SAME),
        row("Bytes In",                     "cs-bytes",                 size_bytes, ours="from the client to the server"),
        row("Bytes Out",                    "sc-bytes",                 size_bytes, ours="from the server to the client"),
        row("Reason",                       "s-reason",                 ours=_SAME),
        row("Device Custom Number 1",       "sc-status",                count, label="HTTP Status", ours=_CUSTOM),
        row("Device Custom Number 3",       "time-taken",               count, label="Total Request Time (ms)", ours=_CUSTOM),
        row("Device Custom String 1",       "s-queuename",              label="Request Queue", ours=_CUSTOM + ": the application pool that was to answer"),
        row("Device Custom String 2",       "cs-host",                  label="Host Header", ours="the name the client asked for, which it may choose freely, so it is not the server's host name"),
        row("Device Facility",              "s-siteid",                 ours="the web site that was asked, by its number"),
        *category_rows("s-reason"),
    ),
    unmapped={
        "streamid":    "no CEF field has this meaning; a number within one connection of HTTP/2",
        "streamid_ex": _UNKNOWN,
        "transport":   _UNKNOWN,
    },
    events=EVENTS,
)
# fmt: on
