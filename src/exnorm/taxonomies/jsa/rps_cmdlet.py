"""Rps_Cmdlet log of remote PowerShell -> JSA.

The JSA guide does not cover this log: every row is ours. ``Event ID`` is the cmdlet. The log holds no address.
"""

from __future__ import annotations

from exnorm.convert import utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import constant, row
from exnorm.taxonomies.jsa.cmdlets import EVENTS, case_rows

_HEADER = "the LEEF header has the field"
_CUSTOM = "no LEEF attribute has this meaning; a custom one, the same for every log that names cmdlets"
_OWN_KEY = "no LEEF attribute has this meaning; kept as a custom attribute under the column's name"

# fmt: off
JSA_RPS_CMDLET = Mapping("jsa-rps-cmdlet", source="rps_cmdlet", taxonomy="jsa",
    title="Rps_Cmdlet to JSA",
    rows=(
        #   JSA field             column                    read as
        row("Event ID",           ("Cmdlet", constant("Cmdlet")), ours="the cmdlet is what the log names"),
        row("Username",           "user-name",              ours="who ran the cmdlet, without the domain; a UPN whole"),
        row("Vendor",             constant("Microsoft"),    ours=_HEADER),
        row("Product",            constant("Exchange Server"), ours=_HEADER),
        row("Version",            ("build", "product-version"), ours="the build in the row, else #Version, which is real in this log"),
        row("devTime",            "DateTime",               utc_ms, ours="the row's own time; without it JSA takes the time of arrival"),
        row("domain",             "user-domain",            ours="the domain of DOMAIN\\user"),
        row("role",               "IsAdmin",                ours="whether the session is an administrator's"),
        row("resource",           "ClientApplication",      ours="the program that called"),
        row("cmdletParameters",   "Parameters",             ours=_CUSTOM + "; secrets are hidden"),
        row("cmdletCase",         "case",                   ours=_CUSTOM + ": what the cmdlet did, which its severity follows"),
        row("targetObject",       "target",                 ours=_CUSTOM + ": the object worked on"),
        row("targetMailbox",      "mailbox",                ours=_CUSTOM + ": the mailbox worked on"),
        row("sessionUser",        "session-user",           ours=_CUSTOM + ": who signed in, a UPN or domain\\user"),
        row("outcome",            "outcome",                ours=_CUSTOM + ": success or failure"),
        row("reason",             "reason",                 ours=_CUSTOM + ": ErrorType, else the first exception that is named"),
        row("deviceHost", "ServerHostName", ours="no LEEF attribute has this meaning; a custom one, of the same name in all logs"),
        row("sessionId", "RequestId", ours="no LEEF attribute has this meaning; a custom one, of the same name in all logs"),
        *case_rows(),
    ),
    unmapped={
        "StartTime":                          _OWN_KEY,
        "ClientRequestId":                    _OWN_KEY,
        "ProcessId":                          _OWN_KEY,
        "ProcessName":                        _OWN_KEY,
        "ThreadId":                           _OWN_KEY,
        "CultureInfo":                        _OWN_KEY,
        "Organization":                       _OWN_KEY,
        "ExecutingUserSid":                   _OWN_KEY,
        "EffectiveOrganization":              _OWN_KEY,
        "UserServicePlan":                    _OWN_KEY,
        "CmdletUniqueId":                     _OWN_KEY,
        "UserBudgetOnStart":                  _OWN_KEY,
        "ContributeToFailFast":               _OWN_KEY,
        "RunspaceSettingsCreationHint":       _OWN_KEY,
        "ADViewEntireForest":                 _OWN_KEY,
        "ADRecipientViewRoot":                _OWN_KEY,
        "ADConfigurationDomainControllers":   _OWN_KEY,
        "ADPreferredGlobalCatalogs":          _OWN_KEY,
        "ADPreferredDomainControllers":       _OWN_KEY,
        "ADUserConfigurationDomainController":_OWN_KEY,
        "ADUserPreferredGlobalCatalog":       _OWN_KEY,
        "ADuserPreferredDomainControllers":   _OWN_KEY,
        "ThrottlingInfo":                     _OWN_KEY,
        "DelayInfo":                          _OWN_KEY,
        "ThrottlingDelay":                    _OWN_KEY,
        "IsOutputObjectRedacted":             _OWN_KEY,
        "CmdletProxyStage":                   _OWN_KEY,
        "CmdletProxyRemoteServer":            _OWN_KEY,
        "CmdletProxyRemoteServerVersion":     _OWN_KEY,
        "CmdletProxyMethod":                  _OWN_KEY,
        "ProxiedObjectCount":                 _OWN_KEY,
        "CmdletProxyLatency":                 _OWN_KEY,
        "OutputObjectCount":                  _OWN_KEY,
        "ParameterBinding":                   _OWN_KEY,
        "BeginProcessing":                    _OWN_KEY,
        "ProcessRecord":                      _OWN_KEY,
        "EndProcessing":                      _OWN_KEY,
        "StopProcessing":                     _OWN_KEY,
        "BizLogic":                           _OWN_KEY,
        "PowerShellLatency":                  _OWN_KEY,
        "UserInteractionLatency":             _OWN_KEY,
        "ProvisioningLayerLatency":           _OWN_KEY,
        "ActivityContextLifeTime":            _OWN_KEY,
        "TotalTime":                          _OWN_KEY,
        "CacheHitCount":                      _OWN_KEY,
        "CacheMissCount":                     _OWN_KEY,
        "GenericLatency":                     _OWN_KEY,
        "GenericInfo":                        _OWN_KEY,
        "GenericErrors":                      _OWN_KEY,
        "ObjectGuid":                         _OWN_KEY,
        "ExternalDirectoryOrganizationId":    _OWN_KEY,
        "ExternalDirectoryObjectId":          _OWN_KEY,
        "NonPiiParameters":                   _OWN_KEY,
    },
    events=EVENTS,
)
# fmt: on
