"""HttpProxy log -> ArcSight.

No vendor guide covers this log: every row is ours. The client is the source; the log has no address of
the server, and ``UrlHost`` is what the client asked for, so it never fills an address field.
"""

from __future__ import annotations

from exnorm.convert import count, integer, ipv4, ipv6, size_bytes, utc_ms
from exnorm.mapping import by_event, constant, row
from exnorm.model import Mapping
from exnorm.taxonomies.arcsight.categories import UNKNOWN_SEVERITY, category_rows, describe_event

_SAME = "the field with this meaning"
_HEADER = "the CEF header has the field"
_CUSTOM = "no field has this meaning; a custom field keeps it searchable"
_CLIENT = (
    "the one address, or the first of several: it may be taken from X-Forwarded-For, which a client can write"
)
_EVENT = "the log names no event; read from the status, see the source"
_TIMING = "a time taken within the proxy: no field has this meaning; kept as additional data"
_ROUTING = "how the proxy found the back end: no field has this meaning; kept as additional data"
_OWN = "no field has this meaning; kept as additional data"

# fmt: off
EVENTS = dict((
    #              event            sev. behavior                   outcome     significance              technique
    describe_event("REQUEST",         1, "/Access",                 "/Success", "/Normal"),
    describe_event("REDIRECT",        1, "/Access",                 "/Attempt", "/Normal"),
    describe_event("AUTH-CHALLENGE",  1, "/Authentication/Verify",  "/Attempt", "/Informational"),
    describe_event("LOGON-ATTEMPT",   2, "/Authentication/Verify",  "/Attempt", "/Informational"),
    describe_event("LOGON-SUCCESS",   2, "/Authentication/Verify",  "/Success", "/Normal"),
    describe_event("LOGON-FAILURE",   5, "/Authentication/Verify",  "/Failure", "/Informational/Warning"),
    describe_event("SESSION-EXPIRED", 1, "/Access/Stop",            "/Success", "/Informational"),
    describe_event("ACCESS-DENIED",   4, "/Authorization/Verify",   "/Failure", "/Informational/Warning"),
    describe_event("CLIENT-ERROR",    3, "/Access",                 "/Failure", "/Informational/Warning"),
    describe_event("SERVER-ERROR",    4, "/Execute/Response",       "/Failure", "/Informational/Error"),
    describe_event("STATUS-UNKNOWN",  3, "/Access",                 "/Attempt", "/Informational"),
))

ARCSIGHT_HTTP_PROXY = Mapping("arcsight-http-proxy", source="http_proxy", taxonomy="arcsight",
    title="HttpProxy to ArcSight",
    rows=(
        #   ArcSight field                  column                      read as
        row("Application Protocol",         "Protocol",                 ours="the service asked for: Owa, Ews, Mapi and so on"),
        row("Bytes In",                     "RequestBytes",             size_bytes, ours=_SAME),
        row("Bytes Out",                    "ResponseBytes",            size_bytes, ours=_SAME),
        row("Destination Host Name",        "UrlHost",                  ours="the host that the client asked for"),
        row("Device Action",                "ProxyAction",              ours=_SAME),
        row("Device Custom IPv6 Address 2", ("ClientIpAddress", "first-client-address"), ipv6, label="Source IPv6 Address", ours=_CLIENT),
        row("Device Custom Number 1",       "HttpStatus",               integer, label="HTTP Status", ours=_CUSTOM),
        row("Device Custom Number 2",       "BackEndStatus",            integer, label="Back End Status", ours=_CUSTOM),
        row("Device Custom Number 3",       "TotalRequestTime",         count, label="Total Request Time (ms)", ours=_CUSTOM),
        row("Device Custom String 1",       "AuthenticationType",       label="Authentication Type", ours=_CUSTOM),
        row("Device Custom String 2",       "AnchorMailbox",            label="Anchor Mailbox", ours=_CUSTOM),
        row("Device Custom String 3",       "TargetServer",             label="Target Server", ours=_CUSTOM),
        row("Device Custom String 4",       "ClientRequestId",          label="Client Request ID", ours=_CUSTOM),
        row("Device Custom String 5",       "ProtocolAction",           label="Protocol Action", ours=_CUSTOM),
        row("Device Custom String 6",       "Organization",             label="Organization", ours=_CUSTOM),
        row("Device Event Category",        constant("HttpProxy"),      ours="tells this log's events from those of other logs"),
        row("Device Event Class ID",        "event",                    ours=_EVENT),
        row("Device Host Name",             "ServerHostName",           ours="the front end that wrote the log"),
        row("Device Product",               constant("Exchange Server"), ours="as in the guide for message tracking"),
        row("Device Receipt Time",          "DateTime",                 utc_ms, ours=_SAME),
        row("Device Vendor",                constant("Microsoft"),      ours="as in the guide for message tracking"),
        row("Device Version",               ("build", "product-version"), ours="the build in the row, else #Version, which is real in this log"),
        row("Event Outcome",                "event",                    by_event("eventOutcome"), ours="success, failure, or nothing where the status does not say"),
        row("External ID",                  "RequestId",                ours=_SAME),
        row("Flex String 1",                "IsAuthenticated",          label="Is Authenticated", ours=_CUSTOM),
        row("Flex String 2",                "RoutingHint",              label="Routing Hint", ours=_CUSTOM),
        row("Message",                      "GenericErrors",            ours="what went wrong, in the server's words"),
        row("Name",                         "event",                    ours=_EVENT),
        row("Reason",                       "ErrorCode",                ours=_SAME),
        row("Request Client Application",   "UserAgent",                ours=_SAME),
        row("Request Method",               "Method",                   ours=_SAME),
        row("Request URL",                  "request-url",              ours="UrlStem and UrlQuery, as the client sent them"),
        row("Severity",                     "event",                    by_event("severity", UNKNOWN_SEVERITY), ours=_HEADER),
        row("Source Address",               ("ClientIpAddress", "first-client-address"), ipv4, ours=_CLIENT),
        row("Source NT Domain",             "user-domain",              ours="the domain of DOMAIN\\user"),
        row("Source User Name",             "user-name",                ours="the user without the domain; a UPN whole"),
        *category_rows("event"),
    ),
    unmapped={
        "TargetServerVersion":             _ROUTING,
        "RoutingType":                     _ROUTING,
        "BackEndCookie":                   _ROUTING,
        "ServerLocatorHost":               _ROUTING,
        "ServerLocatorLatency":            _TIMING,
        "TargetOutstandingRequests":       _ROUTING,
        "AuthModulePerfContext":           _TIMING,
        "HttpPipelineLatency":             _TIMING,
        "CalculateTargetBackEndLatency":   _TIMING,
        "GlsLatencyBreakup":               _TIMING,
        "TotalGlsLatency":                 _TIMING,
        "AccountForestLatencyBreakup":     _TIMING,
        "TotalAccountForestLatency":       _TIMING,
        "ResourceForestLatencyBreakup":    _TIMING,
        "TotalResourceForestLatency":      _TIMING,
        "ADLatency":                       _TIMING,
        "SharedCacheLatencyBreakup":       _TIMING,
        "TotalSharedCacheLatency":         _TIMING,
        "ActivityContextLifeTime":         _TIMING,
        "ModuleToHandlerSwitchingLatency": _TIMING,
        "ClientReqStreamLatency":          _TIMING,
        "BackendReqInitLatency":           _TIMING,
        "BackendReqStreamLatency":         _TIMING,
        "BackendProcessingLatency":        _TIMING,
        "BackendRespInitLatency":          _TIMING,
        "BackendRespStreamLatency":        _TIMING,
        "ClientRespStreamLatency":         _TIMING,
        "KerberosAuthHeaderLatency":       _TIMING,
        "HandlerCompletionLatency":        _TIMING,
        "RequestHandlerLatency":           _TIMING,
        "HandlerToModuleSwitchingLatency": _TIMING,
        "ProxyTime":                       _TIMING,
        "CoreLatency":                     _TIMING,
        "RoutingLatency":                  _TIMING,
        "HttpProxyOverhead":               _TIMING,
        "RouteRefresherLatency":           _TIMING,
        "BackEndGenericInfo":              _OWN,
        "GenericInfo":                     _OWN,
        "EdgeTraceId":                     _ROUTING,
        "DatabaseGuid":                    _ROUTING,
        "UserADObjectGuid":                _OWN,
        "PartitionEndpointLookupLatency":  _TIMING,
        "RoutingStatus":                   _ROUTING,
    },
    events=EVENTS,
)
# fmt: on
