"""HTTPERR log of http.sys -> JSA.

The JSA guide does not cover this log: every row is ours. ``Event ID`` is the reason. Categories are
published low level categories; which reason belongs to which is ours.
"""

from __future__ import annotations

from exnorm.convert import count, integer, ip, plus_as_blank, port, size_bytes, utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import by_event, constant, row
from exnorm.taxonomies.jsa.categories import UNKNOWN_SEVERITY, describe_event
from exnorm.taxonomies.jsa.on_request import category_rows

UNKNOWN_CATEGORY = "Web Denied"

_HEADER = "the LEEF header has the field"
_CUSTOM = "no LEEF attribute has this meaning; a custom one, as for the web logs"
_SAME = "no LEEF attribute has this meaning; a custom one, of the same name in all logs"
_OWN_KEY = "no LEEF attribute has this meaning; kept as a custom attribute under the column's name"

# fmt: off
EVENTS = dict((
    #              reason                                 id  low level category       severity
    describe_event("AppOffline",                        8010, "Service Stopped",       5),
    describe_event("AppPoolTimer",                      8087, "Performance Degradation", 4),
    describe_event("AppShutdown",                       8010, "Service Stopped",       4),
    describe_event("BadRequest",                       18126, "Web Denied",            4),
    describe_event("Client_Reset",                     18124, "Web Reset",             1),
    describe_event("Connection_Abandoned_By_AppPool",   8011, "Service Failure",       6),
    describe_event("Connection_Abandoned_By_ReqQueue",  8011, "Service Failure",       6),
    describe_event("Connection_Dropped",               18125, "Web Terminated",        1),
    describe_event("Connection_Dropped_List_Full",      8087, "Performance Degradation", 4),
    describe_event("ConnLimit",                        18126, "Web Denied",            5),
    describe_event("Connections_Refused",               8084, "Service Disruption",    7),
    describe_event("Disabled",                          8010, "Service Stopped",       4),
    describe_event("EntityTooLarge",                   18126, "Web Denied",            3),
    describe_event("FieldLength",                      18126, "Web Denied",            4),
    describe_event("Forbidden",                         4015, "Access Denied",         5),
    describe_event("Header",                           18126, "Web Denied",            4),
    describe_event("Hostname",                         18126, "Web Denied",            3),
    describe_event("Internal",                          8007, "System Error",          4),
    describe_event("Invalid_CR/LF",                    18126, "Web Denied",            5),
    describe_event("LengthRequired",                   18126, "Web Denied",            3),
    describe_event("N/A",                               8011, "Service Failure",       4),
    describe_event("N/I",                              18126, "Web Denied",            4),
    describe_event("Number",                           18126, "Web Denied",            3),
    describe_event("Precondition",                     18126, "Web Denied",            2),
    describe_event("QueueFull",                         8084, "Service Disruption",    7),
    describe_event("RequestLength",                    18126, "Web Denied",            4),
    describe_event("Timer_AppPool",                     8087, "Performance Degradation", 4),
    describe_event("Timer_ConnectionIdle",             18123, "Web Closed",            1),
    describe_event("Timer_EntityBody",                 18125, "Web Terminated",        3),
    describe_event("Timer_HeaderWait",                 18125, "Web Terminated",        3),
    describe_event("Timer_MinBytesPerSecond",          18125, "Web Terminated",        2),
    describe_event("Timer_ReqQueue",                    8087, "Performance Degradation", 4),
    describe_event("Timer_Response",                   18123, "Web Closed",            1),
    describe_event("Timer_SslRenegotiation",           18125, "Web Terminated",        3),
    describe_event("URL",                              18126, "Web Denied",            4),
    describe_event("URL_Length",                       18126, "Web Denied",            4),
    describe_event("Verb",                             18126, "Web Denied",            4),
    describe_event("Version_N/S",                      18126, "Web Denied",            3),
))

JSA_HTTPERR = Mapping("jsa-httperr", source="httperr", taxonomy="jsa",
    title="HTTPERR to JSA",
    rows=(
        #   JSA field         column                    read as
        row("Event ID",       ("s-reason", constant("HTTPERR")), ours="the reason is what the log names"),
        row("Source IP",      "c-ip",                   ip, ours="the other side of the connection"),
        row("Destination IP", "s-ip",                   ip, ours="the server that logs is the one that was asked"),
        row("srcPort",        "c-port",                 port, ours="the attribute of this meaning"),
        row("dstPort",        "s-port",                 port, ours="the attribute of this meaning"),
        row("Vendor",         constant("Microsoft"),    ours=_HEADER),
        row("Product",        constant("Exchange Server"), ours=_HEADER),
        row("Version",        "product-version",        ours="the LEEF header has the field; the log names the version of http.sys only, and is marked so: HTTP API 2.0"),
        row("devTime",        "date-time",              utc_ms, ours="the row's own time; without it JSA takes the time of arrival"),
        row("cat",            ("s-reason", constant(UNKNOWN_CATEGORY)), by_event("category", UNKNOWN_CATEGORY), ours="JSA looks an event up by Event ID and cat; our category of the reason"),
        row("sev",            ("s-reason", constant(UNKNOWN_SEVERITY)), by_event("severity", UNKNOWN_SEVERITY), ours="our severity of the reason"),
        row("url",            "cs-uri",                 ours="path and query as the driver logs them"),
        row("resource",       "s-queuename",            ours="the application pool that was to answer"),
        row("srcBytes",       "cs-bytes",               size_bytes, ours="from the client, which is the source"),
        row("dstBytes",       "sc-bytes",               size_bytes, ours="from the server, which is the destination"),
        row("method",         "cs-method",              ours=_SAME),
        row("status",         "sc-status",              integer, ours=_SAME),
        row("timeTaken",      "time-taken",             count, ours=_SAME),
        row("host",           "cs-host",                ours=_SAME),
        row("userAgent",      "cs(User-Agent)",         plus_as_blank, ours=_CUSTOM),
        row("referrer",       "cs(Referer)",            plus_as_blank, ours=_CUSTOM),
        row("cookies",        "cs(Cookie)",             plus_as_blank, ours=_CUSTOM),
        row("deviceHost", "s-computername", ours="no LEEF attribute has this meaning; a custom one, of the same name in all logs"),
        *category_rows("s-reason"),
    ),
    unmapped={
        "cs-version":     _OWN_KEY,
        "streamid":       _OWN_KEY,
        "streamid_ex":    _OWN_KEY,
        "s-siteid":       _OWN_KEY,
        "transport":      _OWN_KEY,
    },
    events=EVENTS,
)
# fmt: on
