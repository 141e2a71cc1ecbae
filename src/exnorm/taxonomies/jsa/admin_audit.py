"""Windows log MSExchange Management (administrator audit) -> JSA.

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
JSA_ADMIN_AUDIT = Mapping("jsa-admin-audit", source="admin_audit", taxonomy="jsa",
    title="MSExchange Management to JSA",
    rows=(
        #   JSA field             column                    read as
        row("Event ID",           ("Cmdlet", constant("Cmdlet")), ours="the cmdlet is what the event names first"),
        row("Username",           "user-name",              ours="who ran the cmdlet, without the domain; a UPN and a canonical name whole"),
        row("Vendor",             constant("Microsoft"),    ours=_HEADER),
        row("Product",            constant("Exchange Server"), ours=_HEADER),
        row("devTime",            "date-time",              utc_ms, ours="the event's own time; without it JSA takes the time of arrival"),
        row("domain",             "user-domain",            ours="the domain of DOMAIN\\user"),
        row("resource",           "host-program",           ours="the program that ran the cmdlet"),
        row("cmdletParameters",   "Parameters",             ours=_CUSTOM + "; secrets are hidden"),
        row("cmdletCase",         "case",                   ours=_CUSTOM + ": what the cmdlet did, which its severity follows"),
        row("targetObject",       "target",                 ours=_CUSTOM + ": the object worked on"),
        row("targetMailbox",      "mailbox",                ours=_CUSTOM + ": the mailbox worked on"),
        row("outcome",            "outcome",                ours=_CUSTOM + ": success or failure"),
        row("reason",             "reason",                 ours=_CUSTOM + ": the exception of an event that failed, else its first line"),
        row("deviceHost", "Computer", ours="no LEEF attribute has this meaning; a custom one, of the same name in all logs"),
        *case_rows(),
    ),
    unmapped={
        "ProviderName":      _OWN_KEY,
        "ProviderGuid":      _OWN_KEY,
        "Channel":           _OWN_KEY,
        "EventID":           _OWN_KEY,
        "Qualifiers":        _OWN_KEY,
        "Version":           _OWN_KEY,
        "Level":             _OWN_KEY,
        "Task":              _OWN_KEY,
        "Opcode":            _OWN_KEY,
        "Keywords":          _OWN_KEY,
        "EventRecordID":     _OWN_KEY,
        "ActivityID":        _OWN_KEY,
        "RelatedActivityID": _OWN_KEY,
        "ProcessID":         _OWN_KEY,
        "ThreadID":          _OWN_KEY,
        "UserID":            _OWN_KEY,
        "Message":           _OWN_KEY,
        "Data4":             _OWN_KEY,
        "Data5":             _OWN_KEY,
        "Data7":             _OWN_KEY,
        "Data8":             _OWN_KEY,
        "Data9":             _OWN_KEY,
        "Data10":            _OWN_KEY,
        "Data11":            _OWN_KEY,
        "Data12":            _OWN_KEY,
        "Data13":            _OWN_KEY,
        "Data14":            _OWN_KEY,
    },
    events=EVENTS,
)
# fmt: on
