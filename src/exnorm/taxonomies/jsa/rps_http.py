"""Rps_Http log of remote PowerShell -> JSA.

The JSA guide does not cover this log: every row is ours. Categories are published low level categories; which answer
belongs to which is ours.
"""

from __future__ import annotations

from exnorm.convert import count, integer, ip, port, size_bytes, utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import by_event, constant, row
from exnorm.taxonomies.jsa.categories import UNKNOWN_SEVERITY, describe_event
from exnorm.taxonomies.jsa.on_request import category_rows

UNKNOWN_CATEGORY = "Web"

_HEADER = "the LEEF header has the field"
_OWN = "no LEEF attribute has this meaning; a custom one, of the same name in all logs"
_OWN_KEY = "no LEEF attribute has this meaning; kept as a custom attribute under the column's name"

# fmt: off
EVENTS = dict((
    #              what it weighs        id  low level category            severity
    describe_event("REQUEST",          18122, "Web Opened",                 1),
    describe_event("PROBE",            18127, "Web In Progress",            1),
    describe_event("AUTH-CHALLENGE",   18127, "Web In Progress",            1),
    describe_event("LOGON-FAILURE",     3013, "Web Service Login Failed",   5),
    describe_event("ACCESS-DENIED",     4015, "Access Denied",              4),
    describe_event("CLIENT-ERROR",     18126, "Web Denied",                 3),
    describe_event("SERVER-ERROR",      8007, "System Error",               3),
    describe_event("FAILED",           18126, "Web Denied",                 3),
    describe_event("STATUS-UNKNOWN",   18448, "Web",                        1),
))

JSA_RPS_HTTP = Mapping("jsa-rps-http", source="rps_http", taxonomy="jsa",
    title="Rps_Http to JSA",
    rows=(
        row("Event ID",         ("Action", "CommandName", "event"),ours="the action or the command, where the row names one, else what became of the request"),
        row("Username",         "user-name",                ours="the user without the domain; a UPN whole"),
        row("Source IP",        ("ClientIpAddress", "client-address"), ip, ours="the other side of the connection: the client, or the front end that passed the request on"),
        row("Destination IP",   "host-address",             ip, ours="UrlHost where it is an address: what was asked for"),
        row("dstPort",          "host-port",                port, ours="the port in UrlHost, where it has one"),
        row("srcPort",          "client-port",              port, ours="the port in ClientIpAddress, where it has one"),
        row("Vendor",           constant("Microsoft"),      ours=_HEADER),
        row("Product",          constant("Exchange Server"),ours=_HEADER),
        row("Version",          ("build", "product-version"),ours="the build in the row, else #Version, which is real in this log"),
        row("devTime",          "DateTime",                 utc_ms, ours="the row's own time; without it JSA takes the time of arrival"),
        row("cat",              "weight",                   by_event("category", UNKNOWN_CATEGORY), ours="JSA looks an event up by Event ID and cat; our category of what became of the request"),
        row("sev",              "weight",                   by_event("severity", UNKNOWN_SEVERITY), ours="our severity of what became of the request"),
        row("domain",           "user-domain",              ours="the domain of DOMAIN\\user"),
        row("srcBytes",         "RequestBytes",             size_bytes, ours="sent by the client"),
        row("url",              "request-url",              ours="UrlStem and UrlQuery; secrets are hidden"),
        row("resource",         constant("PowerShell"),     ours="the service asked for, as HttpProxy names it"),
        row("method",           "method",                   ours=_OWN),
        row("status",           "HttpStatus",               integer, ours=_OWN),
        row("timeTaken",        "TotalTime",                count, ours=_OWN),
        row("host",             "host-name",                 ours=_OWN),
        row("userAgent",        "ClientInfo",               ours=_OWN),
        row("outcome",          "outcome",                  ours=_OWN),
        row("reason",           "ErrorCode",                ours=_OWN),
        row("deviceHost", "ServerHostName", ours="no LEEF attribute has this meaning; a custom one, of the same name in all logs"),
        row("sessionId", "SessionId", ours="no LEEF attribute has this meaning; a custom one, of the same name in all logs"),
        row("requestId", "RequestId", ours="no LEEF attribute has this meaning; a custom one, of the same name in all logs"),
        *category_rows("weight"),
    ),
    unmapped={
        "StartTime":               _OWN_KEY,
        "ClientRequestId":         _OWN_KEY,
        "AuthenticationType":      _OWN_KEY,
        "IsAuthenticated":         _OWN_KEY,
        "Organization":            _OWN_KEY,
        "ManagedOrganization":     _OWN_KEY,
        "FrontEndServer":          _OWN_KEY,
        "SubStatus":               _OWN_KEY,
        "CommandId":               _OWN_KEY,
        "ShellId":                 _OWN_KEY,
        "FailFast":                _OWN_KEY,
        "ContributeToFailFast":    _OWN_KEY,
        "CPU":                     _OWN_KEY,
        "Memory":                  _OWN_KEY,
        "ActivityContextLifeTime": _OWN_KEY,
        "GenericLatency":          _OWN_KEY,
        "GenericInfo":             _OWN_KEY,
        "GenericErrors":           _OWN_KEY,
    },
    events=EVENTS,
)
# fmt: on
