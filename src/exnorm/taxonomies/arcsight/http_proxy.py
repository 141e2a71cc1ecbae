"""HttpProxy log -> ArcSight.

No vendor guide covers this log: every row is ours. The client is the source; the log has no address of
the server, so the destination is ``UrlHost``, what the client asked for, a name or an address.
"""

from __future__ import annotations

from exnorm.convert import count, host, integer, ipv4, ipv6, port, size_bytes, utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import by_event, column_is, column_is_not, constant, row
from exnorm.taxonomies.arcsight.categories import UNKNOWN_SEVERITY, category_rows
from exnorm.taxonomies.arcsight.web_events import EVENTS

_SAME = "the field with this meaning"
_HEADER = "the CEF header has the field"
_CUSTOM = "no field has this meaning; a custom field keeps it searchable"
_CLIENT = (
    "the one address, or the last of several, but for trusted_proxies: those before it, a client can write"
)
_HOST = "UrlHost where it is an address: what the client asked for"
_DEVICE = column_is_not("activesync-device-id", "")
_NO_DEVICE = column_is("activesync-device-id", "")
_LONG = column_is_not("long-query", "")
_NOT_LONG = column_is("long-query", "")
_EVENT = "the log names no event; read from the status, see the source"
_TIMING = "a time taken within the proxy: no field has this meaning; kept as additional data"
_ROUTING = "how the proxy found the back end: no field has this meaning; kept as additional data"
_OWN = "no field has this meaning; kept as additional data"

_DEVICE_ADDRESS = "where ServerHostName is an address, and no name"

# fmt: off
ARCSIGHT_HTTP_PROXY = Mapping("arcsight-http-proxy", source="http_proxy", taxonomy="arcsight",
    title="HttpProxy to ArcSight",
    rows=(
        #   ArcSight field                  column                      read as
        row("Application Protocol",         "Protocol",                 ours="the service asked for: Owa, Ews, Mapi and so on"),
        row("Bytes In",                     "RequestBytes",             size_bytes, ours=_SAME),
        row("Bytes Out",                    "ResponseBytes",            size_bytes, ours=_SAME),
        row("Destination Address",          "host-address",             ipv4, ours=_HOST),
        row("Destination Host Name",        "host-name",                ours="the host that the client asked for"),
        row("Destination Port",             "host-port",                port, ours="the port in UrlHost, where it has one"),
        row("Destination User Name",        "user-mailbox",             ours="the mailbox that DOMAIN\\user\\mailbox names"),
        row("Device Action",                "ProxyAction",              ours=_SAME),
        row("Device Custom IPv6 Address 2", ("ClientIpAddress", "client-address"), ipv6, label="Source IPv6 Address", ours=_CLIENT),
        row("Device Custom IPv6 Address 3", "host-address",             ipv6, label="Destination IPv6 Address", ours=_HOST),
        row("Device Custom Number 1",       "HttpStatus",               integer, label="HTTP Status", ours=_CUSTOM),
        row("Device Custom Number 2",       "BackEndStatus",            integer, label="Back End Status", ours=_CUSTOM),
        row("Device Custom Number 3",       "TotalRequestTime",         count, label="Total Request Time (ms)", ours=_CUSTOM),
        row("Device Custom String 1",       "AuthenticationType",       label="Authentication Type", ours=_CUSTOM),
        row("Device Custom String 2",       "AnchorMailbox",            label="Anchor Mailbox", ours=_CUSTOM),
        row("Device Custom String 3",       "TargetServer",             label="Target Server", ours=_CUSTOM),
        row("Device Custom String 4",       "ClientRequestId",          label="Client Request ID", ours=_CUSTOM),
        row("Device Custom String 5",       "ProtocolAction",           when=_NOT_LONG, label="Protocol Action", ours=_CUSTOM),
        row("Device Custom String 5",       "long-query",               when=_LONG, label="Query", ours="a query that Request URL cuts, whole, so that nothing hides behind the cut"),
        row("Device Custom String 6",       "Organization",             when=_NO_DEVICE, label="Organization", ours=_CUSTOM),
        row("Device Custom String 6",       "activesync-device-id",     when=_DEVICE, label="ActiveSync Device ID", ours="from the query of ActiveSync; no CEF field has this meaning"),
        row("Device Event Category",        constant("HttpProxy"),      ours="tells this log's events from those of other logs"),
        row("Device Event Class ID",        "event",                    ours=_EVENT),
        row("Device Host Name",             "ServerHostName",           host, ours="the front end that wrote the log"),
        row("Device Address",               "ServerHostName",           ipv4, ours=_DEVICE_ADDRESS),
        row("Device Custom IPv6 Address 1", "ServerHostName",           ipv6, label="Device IPv6 Address", ours=_DEVICE_ADDRESS),
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
        row("Source Address",               ("ClientIpAddress", "client-address"), ipv4, ours=_CLIENT),
        row("Source Port",                  "client-port",              port, ours="the port in ClientIpAddress, where it has one"),
        row("Source NT Domain",             "user-domain",              ours="the domain of DOMAIN\\user"),
        row("Source User Name",             ("user-name", "named-user"), ours="the user without the domain, a UPN whole; ActiveSync names the user in the query too"),
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
