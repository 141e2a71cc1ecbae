"""Windows log MSExchange Management (administrator audit) -> ArcSight.

No vendor guide covers this log: every row is ours. The event is the cmdlet. The log holds no address.
"""

from __future__ import annotations

from exnorm.convert import host, integer, ipv4, ipv6, utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import constant, row
from exnorm.taxonomies.arcsight.cmdlets import EVENTS, case_rows

_GUIDE = "as in the guide for message tracking"
_SAME = "the field with this meaning"
_CUSTOM = "no field has this meaning; a custom field keeps it searchable"
_SYSTEM = "how Windows files the event: no field has this meaning; kept as additional data"
_NUMBER = "what this datum means is not documented; kept as additional data"

_DEVICE_ADDRESS = "where Computer is an address, and no name"

# fmt: off
ARCSIGHT_ADMIN_AUDIT = Mapping("arcsight-admin-audit", source="admin_audit", taxonomy="arcsight",
    title="MSExchange Management to ArcSight",
    rows=(
        #   ArcSight field                  column                      read as
        row("Device Vendor",                constant("Microsoft"),      ours=_GUIDE),
        row("Device Product",               constant("Exchange Server"), ours=_GUIDE),
        row("Device Event Class ID",        ("Cmdlet", constant("Cmdlet")), ours="the cmdlet is what the event names first"),
        row("Name",                         ("Cmdlet", constant("Cmdlet")), ours=_GUIDE + ": what feeds the class id feeds the name"),
        row("Device Event Category",        ("Channel", constant("MSExchange Management")), ours="tells this log's events from those of other logs"),
        row("Device Action",                "Cmdlet",                   ours="what was done"),
        row("Device Receipt Time",          "date-time",                utc_ms, ours=_SAME),
        row("Source User Name",             "user-name",                ours="who ran the cmdlet, without the domain; a UPN and a canonical name whole"),
        row("Source NT Domain",             "user-domain",              ours="the domain of DOMAIN\\user"),
        row("Source User ID",               "caller-sid",               ours="the SID among the data"),
        row("Destination User Name",        "mailbox",                  ours="the mailbox worked on, as the parameter names it"),
        row("Device Host Name",             "Computer",                 host, ours="the server that ran the cmdlet"),
        row("Device Address",               "Computer",                 ipv4, ours=_DEVICE_ADDRESS),
        row("Device Custom IPv6 Address 1", "Computer",                 ipv6, label="Device IPv6 Address", ours=_DEVICE_ADDRESS),
        row("Device Process ID",            "ProcessID",                integer, ours=_SAME),
        row("Device Facility",              "ProviderName",             ours="the provider that wrote the event"),
        row("Request Client Application",   "host-program",             ours="the program that ran the cmdlet: in brackets behind the caller, else the sixth datum"),
        row("External ID",                  "EventRecordID",            ours="one for each event of a server"),
        row("Reason",                       "reason",                   ours="the exception of an event that failed, else its first line"),
        row("Message",                      ("error", "Message"),       ours="what went wrong, in the server's words, else the event's text"),
        row("Device Custom Number 1",       "EventID",                  integer, label="Windows Event ID", ours=_CUSTOM + ": 1 succeeded, 6 failed, 8 ended in an exception"),
        row("Device Custom String 1",       "Parameters",               label="Cmdlet Parameters", ours=_CUSTOM + "; secrets are hidden"),
        row("Device Custom String 2",       "target",                   label="Target Object", ours=_CUSTOM + ": the object worked on"),
        row("Device Custom String 6",       "case",                     label="Cmdlet Case", ours=_CUSTOM + ": what the cmdlet did, which its severity follows"),
        *case_rows(),
    ),
    unmapped={
        "ProviderGuid":      _SYSTEM,
        "Qualifiers":        _SYSTEM,
        "Version":           _SYSTEM,
        "Level":             _SYSTEM,
        "Task":              _SYSTEM,
        "Opcode":            _SYSTEM,
        "Keywords":          _SYSTEM,
        "ActivityID":        _SYSTEM,
        "RelatedActivityID": _SYSTEM,
        "ThreadID":          _SYSTEM,
        "UserID":            "the account that wrote the event, which is the server's; kept as additional data",
        "Data4":             _NUMBER,
        "Data5":             _NUMBER,
        "Data7":             _NUMBER,
        "Data8":             _NUMBER,
        "Data9":             _NUMBER,
        "Data10":            _NUMBER,
        "Data11":            _NUMBER,
        "Data12":            _NUMBER,
        "Data13":            _NUMBER,
        "Data14":            _NUMBER,
    },
    events=EVENTS,
)
# fmt: on
