"""IIS web log of OWA and the other Exchange web applications -> ArcSight.

No guide of ArcSight has a table for this log of Exchange, so every row is ours; the vendor, product and
address rows follow the guide's message tracking tables. ``Device Event Class ID`` is
``APPLICATION:OUTCOME`` (``OWA:LOGON-SUCCESS``), both from closed lists (``sources.iis.APPLICATIONS``,
``OUTCOMES``), so that content can be written against it; method, status and path have fields of their
own. ``X-Forwarded-For`` stays text: a client may write what it likes into it. Only where the peer is one of
``trusted_proxies`` is the client whom the proxies name; the peer is then additional data.
"""

from __future__ import annotations

from exnorm.convert import account, count, ipv4, ipv6, plus_as_blank, port, size_bytes, utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import by_event, column_is, column_is_not, constant, row
from exnorm.taxonomies.arcsight.categories import UNKNOWN_SEVERITY, category_rows
from exnorm.taxonomies.arcsight.web_events import EVENTS

_GUIDE = "as in the guide's tables for message tracking"
_SERVER = "the server that logs is the one that answers"
_HEADER = "the CEF header has the field"
_STATUS = "no CEF field has this meaning, and rules compare it as a number"
_CLIENT = "with trusted_proxies: whom the proxies of the site name as the client"
_DIRECT = column_is("proxied-client", "")
_PROXIED = column_is_not("proxied-client", "")
_ACTIVESYNC = "from the query of ActiveSync; no CEF field has this meaning"
_REQUEST = "the CEF field of this meaning; blanks for the + that IIS writes"

# fmt: off
ARCSIGHT_OWA = Mapping("arcsight-owa", source="iis", taxonomy="arcsight",
    title="OWA and other Exchange web applications (IIS) to ArcSight",
    rows=(
        #   ArcSight ESM field               column                     read as
        row("Device Vendor",                 constant("Microsoft"),     ours=_GUIDE),
        row("Device Product",                constant("Exchange Server"), ours=_GUIDE),
        row("Device Version",                "product-version",         ours=_HEADER + "; the log names the version of IIS only, and is marked so: IIS 10.0"),
        row("Device Event Class ID",         "event",                   ours="the application and what became of the request, from closed lists"),
        row("Name",                          "event",                   ours=_GUIDE + ": what feeds the class id feeds the name"),
        row("Severity",                      "outcome",                 by_event("severity", UNKNOWN_SEVERITY), ours=_HEADER + ": our severity of the outcome"),
        row("Event Outcome",                 "outcome",                 by_event("eventOutcome"), ours="success or failure; a routine 401 is neither"),
        row("Device Event Category",         "application",             ours="the part of Exchange that logs, as source is in the guide's tables"),
        row("Destination Service Name",      "application",             ours="the service that the client asks"),
        row("Device Receipt Time",           "date-time",               utc_ms, ours=_GUIDE + "; date and time are UTC, the date that of #Date where rows have none"),
        row("Source Address",                "c-ip",                    ipv4, when=_DIRECT, ours="the other side of the connection: the client, or the load balancer before it"),
        row("Source Address",                "proxied-client",          ipv4, when=_PROXIED, ours=_CLIENT),
        row("Device Custom IPv6 Address 2",  "c-ip",                    ipv6, when=_DIRECT, label="Source IPv6 Address", ours="the IPv6 twin of Source Address"),
        row("Device Custom IPv6 Address 2",  "proxied-client",          ipv6, when=_PROXIED, label="Source IPv6 Address", ours=_CLIENT),
        row("Source Port",                   "proxied-port",            port, ours=_CLIENT),
        row("Source User Name",              ("user-name", "named-user"), account, ours="the user without the domain, a UPN whole; Anonymous is none; ActiveSync names the user in the query too"),
        row("Destination User Name",         "user-mailbox",            ours="the mailbox that DOMAIN\\user\\mailbox names"),
        row("Source NT Domain",              "user-domain",             ours="the domain of DOMAIN\\user"),
        row("Destination Address",           "s-ip",                    ipv4, ours=_SERVER),
        row("Device Custom IPv6 Address 3",  "s-ip",                    ipv6, label="Destination IPv6 Address", ours="the IPv6 twin of Destination Address"),
        row("Destination Port",              "s-port",                  port, ours=_SERVER),
        row("Destination Host Name",         "s-computername",          ours=_SERVER),
        row("Device Address",                "s-ip",                    ipv4, ours=_GUIDE),
        row("Device Custom IPv6 Address 1",  "s-ip",                    ipv6, label="Device IPv6 Address", ours=_GUIDE),
        row("Device Host Name",              "s-computername",          ours=_GUIDE),
        row("Device Facility",               "s-sitename",              ours="the instance of the web service that logs"),
        row("Application Protocol",          "cs-version",              ours="the CEF field of this meaning"),
        row("Request Method",                "cs-method",               ours="the CEF field of this meaning"),
        row("Request URL",                   "request",                 ours="path and query as logged; host and scheme are not in the log"),
        row("Request Client Application",    "cs(User-Agent)",          plus_as_blank, ours=_REQUEST),
        row("Request Context",               "cs(Referer)",             plus_as_blank, ours=_REQUEST),
        row("Request Cookies",               "cs(Cookie)",              plus_as_blank, ours=_REQUEST),
        row("Bytes In",                      "cs-bytes",                size_bytes, ours="from the client to the server"),
        row("Bytes Out",                     "sc-bytes",                size_bytes, ours="from the server to the client"),
        row("Reason",                        "http-status",             ours="status and substatus in the notation of IIS: 401.1"),
        row("Device Custom Number 1",        "time-taken",              count, label="Time Taken (ms)", ours=_STATUS),
        row("Device Custom Number 2",        "sc-status",               count, label="HTTP Status", ours=_STATUS),
        row("Device Custom Number 3",        "sc-win32-status",         count, label="Win32 Status", ours=_STATUS),
        row("Device Custom String 1",        "X-Forwarded-For",         plus_as_blank, label="X-Forwarded-For", ours="the client's own word for where it comes from: kept whole, as text, never as an address"),
        row("Device Custom String 2",        "cs-host",                 label="Host Header", ours="the name the client asked for, which it may choose freely, so it is not the server's host name"),
        row("Device Custom String 3",        "activesync-device-id",    label="ActiveSync Device ID", ours=_ACTIVESYNC),
        row("Device Custom String 4",        "activesync-device-type",  label="ActiveSync Device Type", ours=_ACTIVESYNC),
        row("Device Custom String 5",        "activesync-command",      label="ActiveSync Command", ours=_ACTIVESYNC),
        row("External ID",                   "proxy-request-id",        ours="the id of the request in HttpProxy too, where the front end wrote it into the query"),
        row("Device Custom String 6",        "long-query",              label="Query", ours="a query that Request URL cuts, whole, so that nothing hides behind the cut"),
        *category_rows("outcome"),
    ),
    unmapped={
        "streamid": "no CEF field has this meaning; a number within one connection of HTTP/2",
    },
    events=EVENTS,
)
# fmt: on
