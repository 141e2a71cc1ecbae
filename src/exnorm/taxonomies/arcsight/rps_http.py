"""Rps_Http log of remote PowerShell -> ArcSight.

No vendor guide covers this log: every row is ours. The event is the action or the command, where the row names one, else
what became of the request.
"""

from __future__ import annotations

from exnorm.convert import count, host, integer, ipv4, ipv6, port, second_utc_ms, size_bytes, utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import by_event, constant, row
from exnorm.taxonomies.arcsight.categories import UNKNOWN_SEVERITY, category_rows, describe_event

_GUIDE = "as in the guide for message tracking"
_SAME = "the field with this meaning"
_HEADER = "the CEF header has the field"
_HOST = "UrlHost where it is an address: what was asked for"
_CUSTOM = "no field has this meaning; a custom field keeps it searchable"
_CLIENT = "the other side of the connection: the client, or the front end that passed the request on"
_OWN = "no field has this meaning; kept as additional data"

_DEVICE_ADDRESS = "where ServerHostName is an address, and no name"

# fmt: off
EVENTS = dict((
    #              what it weighs    sev. behavior                 outcome     significance
    describe_event("REQUEST",          1, "/Access",                 "/Success", "/Normal"),
    describe_event("PROBE",            0, "/Communicate/Query",      "/Success", "/Normal"),
    describe_event("AUTH-CHALLENGE",   1, "/Authentication/Verify",  "/Attempt", "/Informational"),
    describe_event("LOGON-FAILURE",    5, "/Authentication/Verify",  "/Failure", "/Informational/Warning"),
    describe_event("ACCESS-DENIED",    4, "/Authorization/Verify",   "/Failure", "/Informational/Warning"),
    describe_event("CLIENT-ERROR",     3, "/Access",                 "/Failure", "/Informational/Warning"),
    describe_event("SERVER-ERROR",     3, "/Execute/Response",       "/Failure", "/Informational/Error"),
    describe_event("FAILED",           3, "/Access",                 "/Failure", "/Informational/Warning"),
    describe_event("STATUS-UNKNOWN",   1, "/Access",                 "/Attempt", "/Informational"),
))

ARCSIGHT_RPS_HTTP = Mapping("arcsight-rps-http", source="rps_http", taxonomy="arcsight",
    title="Rps_Http to ArcSight",
    rows=(
        row("Device Vendor",                 constant("Microsoft"),      ours=_GUIDE),
        row("Device Product",                constant("Exchange Server"),ours=_GUIDE),
        row("Device Version",                ("build", "product-version"),ours="the build in the row, else #Version, which is real in this log"),
        row("Device Event Class ID",         ("Action", "CommandName", "event"),ours="the action or the command, where the row names one, else what became of the request"),
        row("Name",                          ("Action", "CommandName", "event"),ours=_GUIDE + ": what feeds the class id feeds the name"),
        row("Severity",                      "weight",                   by_event("severity", UNKNOWN_SEVERITY), ours=_HEADER + ": our severity of what became of the request"),
        row("Event Outcome",                 "outcome",                  ours="success or failure; a routine 401 is neither"),
        row("Device Event Category",         constant("Rps_Http"),       ours="tells this log's events from those of other logs"),
        row("Device Action",                 "Action",                   ours=_SAME),
        row("Device Receipt Time",           "DateTime",                 utc_ms, ours=_SAME),
        row("Start Time",                    "StartTime",                second_utc_ms, ours=_SAME),
        row("Source Address",                ("ClientIpAddress", "client-address"), ipv4, ours=_CLIENT),
        row("Device Custom IPv6 Address 2",  ("ClientIpAddress", "client-address"), ipv6, label="Source IPv6 Address", ours=_CLIENT),
        row("Source Port",                   "client-port",              port, ours="the port in ClientIpAddress, where it has one"),
        row("Source User Name",              "user-name",                ours="the user without the domain; a UPN whole"),
        row("Source NT Domain",              "user-domain",              ours="the domain of DOMAIN\\user"),
        row("Source DNS Domain",             "Organization",             ours="the domain of the user"),
        row("Destination Host Name",         "host-name",                ours="the host that was asked for"),
        row("Destination Address",           "host-address",             ipv4, ours=_HOST),
        row("Device Custom IPv6 Address 3",  "host-address",             ipv6, label="Destination IPv6 Address", ours=_HOST),
        row("Destination Port",              "host-port",                port, ours="the port in UrlHost, where it has one"),
        row("Device Host Name",              "ServerHostName",           host, ours="the server that wrote the log"),
        row("Device Address",                "ServerHostName",           ipv4, ours=_DEVICE_ADDRESS),
        row("Device Custom IPv6 Address 1",  "ServerHostName",           ipv6, label="Device IPv6 Address", ours=_DEVICE_ADDRESS),
        row("External ID",                   "RequestId",                ours=_SAME),
        row("Application Protocol",          constant("PowerShell"),     ours="the service asked for, as HttpProxy names it"),
        row("Request Method",                "method",                   ours=_SAME),
        row("Request URL",                   "request-url",              ours="UrlStem and UrlQuery; secrets are hidden"),
        row("Request Client Application",    "ClientInfo",               ours=_SAME),
        row("Bytes In",                      "RequestBytes",             size_bytes, ours="from the client to the server"),
        row("Reason",                        "ErrorCode",                ours=_SAME),
        row("Message",                       "GenericErrors",            ours="what went wrong, in the server's words"),
        row("Device Custom Number 1",        "HttpStatus",               integer, label="HTTP Status", ours=_CUSTOM),
        row("Device Custom Number 2",        "SubStatus",                integer, label="Sub Status", ours=_CUSTOM),
        row("Device Custom Number 3",        "TotalTime",                count, label="Total Request Time (ms)", ours=_CUSTOM),
        row("Device Custom String 1",        "AuthenticationType",       label="Authentication Type", ours=_CUSTOM),
        row("Device Custom String 2",        "ShellId",                  label="Shell ID", ours=_CUSTOM),
        row("Device Custom String 3",        "FrontEndServer",           label="Front End Server", ours=_CUSTOM + ": the server that passed the request on"),
        row("Device Custom String 4",        "SessionId",                label="Session ID", ours=_CUSTOM),
        row("Device Custom String 5",        "CommandId",                label="Command ID", ours=_CUSTOM),
        row("Device Custom String 6",        "CommandName",              label="Command", ours=_CUSTOM),
        row("Flex String 1",                 "IsAuthenticated",          label="Is Authenticated", ours=_CUSTOM),
        *category_rows("weight"),
    ),
    unmapped={
        "ClientRequestId":         _OWN,
        "ManagedOrganization":     _OWN,
        "FailFast":                _OWN,
        "ContributeToFailFast":    _OWN,
        "CPU":                     _OWN,
        "Memory":                  _OWN,
        "ActivityContextLifeTime": _OWN,
        "GenericLatency":          _OWN,
        "GenericInfo":             _OWN,
    },
    events=EVENTS,
)
# fmt: on
