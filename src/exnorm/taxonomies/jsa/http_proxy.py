"""HttpProxy log -> JSA.

The JSA guide does not cover this log: every row is ours. The client is the Source IP. The log has no
address of the server, so the Destination IP is what the client asked for, where that is an address.
"""

from __future__ import annotations

from exnorm.convert import count, integer, ip, port, size_bytes, utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import by_event, constant, row
from exnorm.taxonomies.jsa.categories import UNKNOWN_CATEGORY, UNKNOWN_SEVERITY, describe_event
from exnorm.taxonomies.jsa.on_request import category_rows

_HEADER = "the LEEF header has the field"
_OWN = "no LEEF attribute has this meaning; a custom one, of the same name in all logs"
_ACTIVESYNC = "no LEEF attribute has this meaning; what the query of ActiveSync says of the device"
_OWN_KEY = "no LEEF attribute has this meaning; kept as a custom attribute under the column's name"

# fmt: off
EVENTS = dict((
    #              event                   id  low level category             severity
    describe_event("REQUEST",           18122, "Web Opened",                  1),
    describe_event("REDIRECT",          18130, "Web Redirected",              1),
    describe_event("AUTH-CHALLENGE",    18127, "Web In Progress",             1),
    describe_event("LOGON-ATTEMPT",      3114, "User Login Attempt",          2),
    describe_event("LOGON-SUCCESS",      3012, "Web Service Login Succeeded", 2),
    describe_event("LOGON-FAILURE",      3013, "Web Service Login Failed",    5),
    describe_event("LOGOFF",             3059, "Web Service Logout",          1),
    describe_event("PASSWORD-EXPIRED",   3114, "User Login Attempt",          3),
    describe_event("SESSION-EXPIRED",   18125, "Web Terminated",              1),
    describe_event("PROVISIONING",      18127, "Web In Progress",             1),
    describe_event("ACCESS-DENIED",      4015, "Access Denied",               4),
    describe_event("CLIENT-ERROR",      18126, "Web Denied",                  3),
    describe_event("CLIENT-DISCONNECT", 18124, "Web Reset",                   1),
    describe_event("APPLICATION-ERROR",  8007, "System Error",                3),
    describe_event("SERVER-ERROR",       8007, "System Error",                5),
    describe_event("STATUS-UNKNOWN",    18448, "Web",                         3),
))

JSA_HTTP_PROXY = Mapping("jsa-http-proxy", source="http_proxy", taxonomy="jsa",
    title="HttpProxy to JSA",
    rows=(
        #   JSA field           column                      read as
        row("Event ID",         "event",                    ours="the log names no event; read from the status, see the source"),
        row("Username",         ("user-name", "named-user"), ours="the user without the domain, a UPN whole; ActiveSync names the user in the query too"),
        row("Source IP",        ("ClientIpAddress", "client-address"), ip, ours="the one address, or the last of several, but for trusted_proxies: those before it, a client can write"),
        row("Destination IP",   "host-address",             ip, ours="UrlHost where it is an address: what the client asked for"),
        row("Vendor",           constant("Microsoft"),      ours=_HEADER),
        row("Product",          constant("Exchange Server"), ours=_HEADER),
        row("Version",          ("build", "product-version"), ours="the build in the row, else #Version, which is real in this log"),
        row("devTime",          "DateTime",                 utc_ms, ours="the row's own time; without it JSA takes the time of arrival"),
        row("cat",              "event",                    by_event("category", UNKNOWN_CATEGORY), ours="JSA looks an event up by Event ID and cat; our category of the event"),
        row("sev",              "event",                    by_event("severity", UNKNOWN_SEVERITY), ours="our severity of the event"),
        row("srcPort",          "client-port",              port, ours="the port in ClientIpAddress, where it has one"),
        row("dstPort",          "host-port",                port, ours="the port in UrlHost, where it has one"),
        row("srcBytes",         "RequestBytes",             size_bytes, ours="sent by the client"),
        row("dstBytes",         "ResponseBytes",            size_bytes, ours="sent by the server"),
        row("url",              "request-url",              ours="UrlStem and UrlQuery, as the client sent them"),
        row("domain",           "user-domain",              ours="the domain of DOMAIN\\user"),
        row("resource",         "Protocol",                 ours="the service asked for: Owa, Ews, Mapi and so on"),
        row("deviceHost", "ServerHostName", ours="no LEEF attribute has this meaning; a custom one, of the same name in all logs"),
        row("requestId", "RequestId", ours="no LEEF attribute has this meaning; a custom one, of the same name in all logs"),
        row("method",           "Method",                   ours=_OWN),
        row("status",           "HttpStatus",               integer, ours=_OWN),
        row("timeTaken",        "TotalRequestTime",         count, ours=_OWN),
        row("host",             "host-name",                ours=_OWN),
        row("userAgent",        "UserAgent",                ours=_OWN),
        row("targetMailbox",    "user-mailbox",             ours="the mailbox that DOMAIN\\user\\mailbox names"),
        row("activeSyncDevice", "activesync-device-id",     ours=_ACTIVESYNC),
        row("activeSyncType",   "activesync-device-type",   ours=_ACTIVESYNC),
        row("activeSyncCommand", "activesync-command",      ours=_ACTIVESYNC),
        *category_rows("event"),
    ),
    unmapped={
        "ClientRequestId":                 _OWN_KEY,
        "ProtocolAction":                  _OWN_KEY,
        "AuthenticationType":              _OWN_KEY,
        "IsAuthenticated":                 _OWN_KEY,
        "Organization":                    _OWN_KEY,
        "AnchorMailbox":                   _OWN_KEY,
        "BackEndStatus":                   _OWN_KEY,
        "ErrorCode":                       _OWN_KEY,
        "ProxyAction":                     _OWN_KEY,
        "TargetServer":                    _OWN_KEY,
        "TargetServerVersion":             _OWN_KEY,
        "RoutingType":                     _OWN_KEY,
        "RoutingHint":                     _OWN_KEY,
        "BackEndCookie":                   _OWN_KEY,
        "ServerLocatorHost":               _OWN_KEY,
        "ServerLocatorLatency":            _OWN_KEY,
        "TargetOutstandingRequests":       _OWN_KEY,
        "AuthModulePerfContext":           _OWN_KEY,
        "HttpPipelineLatency":             _OWN_KEY,
        "CalculateTargetBackEndLatency":   _OWN_KEY,
        "GlsLatencyBreakup":               _OWN_KEY,
        "TotalGlsLatency":                 _OWN_KEY,
        "AccountForestLatencyBreakup":     _OWN_KEY,
        "TotalAccountForestLatency":       _OWN_KEY,
        "ResourceForestLatencyBreakup":    _OWN_KEY,
        "TotalResourceForestLatency":      _OWN_KEY,
        "ADLatency":                       _OWN_KEY,
        "SharedCacheLatencyBreakup":       _OWN_KEY,
        "TotalSharedCacheLatency":         _OWN_KEY,
        "ActivityContextLifeTime":         _OWN_KEY,
        "ModuleToHandlerSwitchingLatency": _OWN_KEY,
        "ClientReqStreamLatency":          _OWN_KEY,
        "BackendReqInitLatency":           _OWN_KEY,
        "BackendReqStreamLatency":         _OWN_KEY,
        "BackendProcessingLatency":        _OWN_KEY,
        "BackendRespInitLatency":          _OWN_KEY,
        "BackendRespStreamLatency":        _OWN_KEY,
        "ClientRespStreamLatency":         _OWN_KEY,
        "KerberosAuthHeaderLatency":       _OWN_KEY,
        "HandlerCompletionLatency":        _OWN_KEY,
        "RequestHandlerLatency":           _OWN_KEY,
        "HandlerToModuleSwitchingLatency": _OWN_KEY,
        "ProxyTime":                       _OWN_KEY,
        "CoreLatency":                     _OWN_KEY,
        "RoutingLatency":                  _OWN_KEY,
        "HttpProxyOverhead":               _OWN_KEY,
        "RouteRefresherLatency":           _OWN_KEY,
        "BackEndGenericInfo":              _OWN_KEY,
        "GenericInfo":                     _OWN_KEY,
        "GenericErrors":                   _OWN_KEY,
        "EdgeTraceId":                     _OWN_KEY,
        "DatabaseGuid":                    _OWN_KEY,
        "UserADObjectGuid":                _OWN_KEY,
        "PartitionEndpointLookupLatency":  _OWN_KEY,
        "RoutingStatus":                   _OWN_KEY,
    },
    events=EVENTS,
)
# fmt: on
