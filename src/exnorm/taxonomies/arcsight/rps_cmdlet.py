"""Rps_Cmdlet log of remote PowerShell -> ArcSight.

No vendor guide covers this log: every row is ours. The event is the cmdlet. The log holds no address.
"""

from __future__ import annotations

from exnorm.convert import count, host, integer, ipv4, ipv6, second_utc_ms, utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import constant, row
from exnorm.taxonomies.arcsight.cmdlets import EVENTS, case_rows

_GUIDE = "as in the guide for message tracking"
_SAME = "the field with this meaning"
_CUSTOM = "no field has this meaning; a custom field keeps it searchable"
_HOW = "how the session was set up or how long a part of it took: no field has this meaning; kept as additional data"
_OWN = "what it says is not documented; kept as additional data"

_DEVICE_ADDRESS = "where ServerHostName is an address, and no name"

# fmt: off
ARCSIGHT_RPS_CMDLET = Mapping("arcsight-rps-cmdlet", source="rps_cmdlet", taxonomy="arcsight",
    title="Rps_Cmdlet to ArcSight",
    rows=(
        #   ArcSight field                  column                      read as
        row("Device Vendor",                constant("Microsoft"),      ours=_GUIDE),
        row("Device Product",               constant("Exchange Server"), ours=_GUIDE),
        row("Device Version",               ("build", "product-version"), ours="the build in the row, else #Version, which is real in this log"),
        row("Device Event Class ID",        ("Cmdlet", constant("Cmdlet")), ours="the cmdlet is what the log names"),
        row("Name",                         ("Cmdlet", constant("Cmdlet")), ours=_GUIDE + ": what feeds the class id feeds the name"),
        row("Device Event Category",        constant("Rps_Cmdlet"),     ours="tells this log's events from those of other logs"),
        row("Device Action",                "Cmdlet",                   ours="what was done"),
        row("Device Receipt Time",          "DateTime",                 utc_ms, ours=_SAME),
        row("Start Time",                   "StartTime",                second_utc_ms, ours=_SAME),
        row("Source User Name",             "user-name",                ours="who ran the cmdlet, without the domain; a UPN whole"),
        row("Source NT Domain",             "user-domain",              ours="the domain of DOMAIN\\user"),
        row("Source User ID",               "ExecutingUserSid",         ours="the SID of that account"),
        row("Source User Privileges",       "IsAdmin",                  ours="whether the session is an administrator's"),
        row("Destination User Name",        "mailbox",                  ours="the mailbox worked on, as the parameter names it"),
        row("Destination User ID",          "ObjectGuid",               ours="the object worked on"),
        row("Device Host Name",             "ServerHostName",           host, ours="the server that ran the cmdlet"),
        row("Device Address",               "ServerHostName",           ipv4, ours=_DEVICE_ADDRESS),
        row("Device Custom IPv6 Address 1", "ServerHostName",           ipv6, label="Device IPv6 Address", ours=_DEVICE_ADDRESS),
        row("Device Process ID",            "ProcessId",                integer, ours=_SAME),
        row("Device Process Name",          "ProcessName",              ours="the application pool tells remote sessions from other hosts"),
        row("Request Client Application",   "ClientApplication",        ours="the program that called"),
        row("External ID",                  "CmdletUniqueId",           ours="one for each call"),
        row("Reason",                       "reason",                   ours="ErrorType, else the first exception that is named"),
        row("Message",                      "GenericErrors",            ours="what went wrong, in the server's words"),
        row("Device Custom Number 1",       "TotalTime",                count, label="Total Request Time (ms)", ours=_CUSTOM),
        row("Device Custom Number 2",       "OutputObjectCount",        count, label="Output Objects", ours=_CUSTOM),
        row("Device Custom String 1",       "Parameters",               label="Cmdlet Parameters", ours=_CUSTOM + "; secrets are hidden"),
        row("Device Custom String 2",       "target",                   label="Target Object", ours=_CUSTOM + ": the object worked on"),
        row("Device Custom String 3",       "session-user",             label="Session User", ours=_CUSTOM + ": who signed in, a UPN or domain\\user"),
        row("Device Custom String 4",       "RequestId",                label="Session ID", ours=_CUSTOM + ": all cmdlets of a session share it"),
        row("Device Custom String 5",       "Organization",             label="Organization", ours=_CUSTOM),
        row("Device Custom String 6",       "case",                     label="Cmdlet Case", ours=_CUSTOM + ": what the cmdlet did, which its severity follows"),
        *case_rows(),
    ),
    unmapped={
        "ClientRequestId":                     _OWN,
        "ThreadId":                            _HOW,
        "CultureInfo":                         _HOW,
        "EffectiveOrganization":               _OWN,
        "UserServicePlan":                     _OWN,
        "UserBudgetOnStart":                   _HOW,
        "ContributeToFailFast":                _HOW,
        "RunspaceSettingsCreationHint":        _HOW,
        "ADViewEntireForest":                  _HOW,
        "ADRecipientViewRoot":                 _HOW,
        "ADConfigurationDomainControllers":    _HOW,
        "ADPreferredGlobalCatalogs":           _HOW,
        "ADPreferredDomainControllers":        _HOW,
        "ADUserConfigurationDomainController": _HOW,
        "ADUserPreferredGlobalCatalog":        _HOW,
        "ADuserPreferredDomainControllers":    _HOW,
        "ThrottlingInfo":                      _HOW,
        "DelayInfo":                           _HOW,
        "ThrottlingDelay":                     _HOW,
        "IsOutputObjectRedacted":              _OWN,
        "CmdletProxyStage":                    _OWN,
        "CmdletProxyRemoteServer":             _OWN,
        "CmdletProxyRemoteServerVersion":      _OWN,
        "CmdletProxyMethod":                   _OWN,
        "ProxiedObjectCount":                  _OWN,
        "CmdletProxyLatency":                  _HOW,
        "ParameterBinding":                    _HOW,
        "BeginProcessing":                     _HOW,
        "ProcessRecord":                       _HOW,
        "EndProcessing":                       _HOW,
        "StopProcessing":                      _HOW,
        "BizLogic":                            _HOW,
        "PowerShellLatency":                   _HOW,
        "UserInteractionLatency":              _HOW,
        "ProvisioningLayerLatency":            _HOW,
        "ActivityContextLifeTime":             _HOW,
        "CacheHitCount":                       _OWN,
        "CacheMissCount":                      _OWN,
        "GenericLatency":                      _HOW,
        "GenericInfo":                         "the session's user of it has a field; the rest is kept as additional data",
        "ExternalDirectoryOrganizationId":     _OWN,
        "ExternalDirectoryObjectId":           _OWN,
        "NonPiiParameters":                    "Parameters again, without values on some builds; kept as additional data",
    },
    events=EVENTS,
)
# fmt: on
