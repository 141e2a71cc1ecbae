"""IIS web log of OWA and the other Exchange web applications -> JSA.

The JSA guide names the event type (OWA) and four fields, but not what they are read from: every row is
ours. ``Event ID`` is the application and what became of the request (``OWA:LOGON-FAILURE``), both from
closed lists, as for ArcSight: JSA looks an event up by it and ``cat``.
Categories are published low level categories; which outcome belongs to which is ours.
"""

from __future__ import annotations

from exnorm.convert import account, count, integer, ip, plus_as_blank, port, size_bytes, utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import by_event, constant, row
from exnorm.taxonomies.jsa.categories import UNKNOWN_SEVERITY, describe_event
from exnorm.taxonomies.jsa.on_request import category_rows

UNKNOWN_CATEGORY = "HTTPS Opened"

_LOST = "a field of the guide's table; the column it is read from is lost there"
_HEADER = "the LEEF header has the field; as for message tracking"
_CUSTOM = "no LEEF attribute has this meaning; a custom one, with blanks for the + that IIS writes"
_OWN = "no LEEF attribute has this meaning; a custom one, of the same name in all logs"
_ACTIVESYNC = "no LEEF attribute has this meaning; what the query of ActiveSync says of the device"
_OWN_KEY = "no LEEF attribute has this meaning; kept as a custom attribute under the column's name"

# fmt: off
EVENTS = dict((
    #              outcome                 id  low level category             severity
    describe_event("REQUEST",           18027, "HTTPS Opened",                1),
    describe_event("REDIRECT",          18035, "HTTPS Redirected",            1),
    describe_event("AUTH-CHALLENGE",    18027, "HTTPS Opened",                1),
    describe_event("LOGON-ATTEMPT",      3114, "User Login Attempt",          2),
    describe_event("LOGON-FAILURE",      3013, "Web Service Login Failed",    5),
    describe_event("LOGOFF",             3059, "Web Service Logout",          1),
    describe_event("PASSWORD-EXPIRED",   3114, "User Login Attempt",          3),
    describe_event("SESSION-EXPIRED",   18030, "HTTPS Terminated",            1),
    describe_event("PROVISIONING",      18032, "HTTPS In Progress",           1),
    describe_event("ACCESS-DENIED",      4015, "Access Denied",               4),
    describe_event("CLIENT-ERROR",      18027, "HTTPS Opened",                3),
    describe_event("CLIENT-DISCONNECT", 18029, "HTTPS Reset",                 1),
    describe_event("APPLICATION-ERROR",  8007, "System Error",                3),
    describe_event("SERVER-ERROR",       8007, "System Error",                5),
    describe_event("STATUS-UNKNOWN",    18032, "HTTPS In Progress",           3),
))

JSA_OWA = Mapping("jsa-owa", source="iis", taxonomy="jsa",
    title="OWA and other Exchange web applications (IIS) to JSA",
    rows=(
        #   JSA field           column                      read as
        row("Event ID",         "event",                    ours=_LOST + "; the application and what became of the request, from closed lists"),
        row("Username",         ("user-name", "named-user"), account, ours=_LOST + "; without the domain; Anonymous is none; ActiveSync names the user in the query too"),
        row("Source IP",        "c-ip",                     ip, ours=_LOST + "; the other side of the connection"),
        row("Destination IP",   "s-ip",                     ip, ours=_LOST + "; the server that logs is the one that answers"),
        row("Vendor",           constant("Microsoft"),      ours=_HEADER),
        row("Product",          constant("Exchange Server"), ours=_HEADER),
        row("Version",          "product-version",          ours="the LEEF header has the field; the log names the version of IIS only, and is marked so: IIS 10.0"),
        row("devTime",          "date-time",                utc_ms, ours="the row's own time; without it JSA takes the time of arrival"),
        row("cat",              "outcome",                  by_event("category", UNKNOWN_CATEGORY), ours="JSA looks an event up by Event ID and cat; our category of the outcome"),
        row("sev",              "outcome",                  by_event("severity", UNKNOWN_SEVERITY), ours="our severity of the outcome"),
        row("dstPort",          "s-port",                   port, ours="the attribute of this meaning"),
        row("srcBytes",         "cs-bytes",                 size_bytes, ours="from the client, which is the source"),
        row("dstBytes",         "sc-bytes",                 size_bytes, ours="from the server, which is the destination"),
        row("method",           "cs-method",                ours=_OWN),
        row("status",           "sc-status",                integer, ours=_OWN),
        row("timeTaken",        "time-taken",               count, ours=_OWN),
        row("host",             "cs-host",                  ours=_OWN),
        row("targetMailbox",    "user-mailbox",             ours="the mailbox that DOMAIN\\user\\mailbox names"),
        row("url",              "request",                  ours="path and query as logged"),
        row("resource",         "application",              ours="the application of Exchange that the path belongs to"),
        row("domain",           "user-domain",              ours="the domain of DOMAIN\\user"),
        row("srcPreNAT",        "forwarded-for",            ip, ours="where the request set out before the load balancer, by the proxies' word: the last address of X-Forwarded-For, but for trusted_proxies"),
        row("userAgent",        "cs(User-Agent)",           plus_as_blank, ours=_CUSTOM),
        row("referrer",         "cs(Referer)",              plus_as_blank, ours=_CUSTOM),
        row("cookies",          "cs(Cookie)",               plus_as_blank, ours=_CUSTOM),
        row("forwardedFor",     "X-Forwarded-For",          plus_as_blank, ours=_CUSTOM),
        row("activeSyncDevice", "activesync-device-id",     ours=_ACTIVESYNC),
        row("activeSyncType",   "activesync-device-type",   ours=_ACTIVESYNC),
        row("activeSyncCommand", "activesync-command",      ours=_ACTIVESYNC),
        row("deviceHost", "s-computername", ours="no LEEF attribute has this meaning; a custom one, of the same name in all logs"),
        row("requestId", "proxy-request-id", ours="no LEEF attribute has this meaning; a custom one, of the same name in all logs"),
        *category_rows("outcome"),
    ),
    unmapped={
        "s-sitename":      _OWN_KEY,
        "cs-version":      _OWN_KEY,
        "sc-substatus":    _OWN_KEY,
        "sc-win32-status": _OWN_KEY,
        "streamid":        _OWN_KEY,
    },
    events=EVENTS,
)
# fmt: on
