"""ECP Server and Activity log -> ArcSight.

No vendor guide covers this log: every row is ours. The event is the cmdlet that the admin center ran, by the cases that
all logs of cmdlets share. Server rows name neither user nor client.
"""

from __future__ import annotations

from exnorm.convert import count, host, ipv4, ipv6, utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import constant, row
from exnorm.taxonomies.arcsight.cmdlets import EVENTS, case_rows

_GUIDE = "as in the guide for message tracking"
_SAME = "the field with this meaning"
_CUSTOM = "no field has this meaning; a custom field keeps it searchable"

_DEVICE_ADDRESS = "where ServerName is an address, and no name"

# fmt: off
ARCSIGHT_ECP_SERVER = Mapping("arcsight-ecp-server", source="ecp_server", taxonomy="arcsight",
    title="ECP Server and Activity to ArcSight",
    rows=(
        row("Device Vendor",                 constant("Microsoft"),      ours=_GUIDE),
        row("Device Product",                constant("Exchange Server"),ours=_GUIDE),
        row("Device Version",                "build",                    ours="the build in the row: #Version is a constant in this log"),
        row("Device Event Class ID",         ("event", constant("ECP")), ours="the last cmdlet that ran, else the event that the row names"),
        row("Name",                          ("event", constant("ECP")), ours=_GUIDE + ": what feeds the class id feeds the name"),
        row("Device Event Category",         constant("ECP"),            ours="tells this log's events from those of other logs"),
        row("Device Action",                 "event",                    ours="what was done"),
        row("Device Facility",               "EventId",                  ours="which part of the admin center wrote the row"),
        row("Device Receipt Time",           "moment",                   utc_ms, ours=_SAME),
        row("Device Host Name",              "ServerName",               host, ours="the server that wrote the log"),
        row("Device Address",                "ServerName",               ipv4, ours=_DEVICE_ADDRESS),
        row("Device Custom IPv6 Address 1",  "ServerName",               ipv6, label="Device IPv6 Address", ours=_DEVICE_ADDRESS),
        row("Source User Name",              "user-name",                ours="who used the admin center, without the domain; Server rows do not say"),
        row("Source NT Domain",              "user-domain",              ours="the domain of DOMAIN\\user"),
        row("Destination User Name",         "mailbox",                  ours="the mailbox worked on, as the parameter names it"),
        row("Request URL",                   "url",                      ours="the page or service that was called; the canary is hidden"),
        row("Request Context",               "referrer",                 ours=_SAME),
        row("External ID",                   "activity-id",              ours="one for each activity"),
        row("Reason",                        "reason",                   ours="the class of the exception"),
        row("Message",                       "exception",                ours="what went wrong, in the server's words"),
        row("Device Custom Number 3",        "time-taken",               count, label="Total Request Time (ms)", ours=_CUSTOM),
        row("Device Custom String 1",        "command",                  label="Cmdlet Parameters", ours=_CUSTOM + ": the command with its parameters; secrets are hidden"),
        row("Device Custom String 2",        "target",                   label="Target Object", ours=_CUSTOM + ": the object worked on"),
        row("Device Custom String 3",        "request-id",               label="Request ID", ours=_CUSTOM),
        row("Device Custom String 4",        "session-id",               label="Session ID", ours=_CUSTOM),
        row("Device Custom String 5",        "user-session-id",          label="User Session ID", ours=_CUSTOM),
        row("Device Custom String 6",        "case",                     label="Cmdlet Case", ours=_CUSTOM + ": what the cmdlet did, which its severity follows"),
        row("Flex String 1",                 "tenant",                   label="Tenant", ours=_CUSTOM),
        *case_rows(),
    ),
    unmapped={
        "EventData": "what is known of its members has fields; the whole is kept as additional data",
    },
    events=EVENTS,
)
# fmt: on
