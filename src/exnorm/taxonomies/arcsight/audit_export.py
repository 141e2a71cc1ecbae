"""Exports of administrator, mailbox and unified audit -> ArcSight.

No vendor guide covers them: every row is ours. The event is the operation: a cmdlet, or what was done to a mailbox.
"""

from __future__ import annotations

from exnorm.convert import count, host, ipv4, ipv6, port, utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import column_is, column_is_not, constant, row
from exnorm.taxonomies.arcsight.categories import describe_event
from exnorm.taxonomies.arcsight.cmdlets import CASES, Events, case_rows, weigh

_GUIDE = "as in the guide for message tracking"
_SAME = "the field with this meaning"
_CUSTOM = "no field has this meaning; a custom field keeps it searchable"
_CLIENT = "the client, or a service that acts for the user"

_DEVICE_ADDRESS = "where server is an address, and no name"

# fmt: off
MAILBOX_CASES: Events = dict((
    #              case                  sev. behavior                 outcome  significance
    describe_event("MAIL-USED",             1, "/Access",                "",      "/Normal"),
    describe_event("MAIL-READ",             3, "/Access",                "",      "/Informational"),
    describe_event("OTHERS-MAIL-READ",      3, "/Access",                "",      "/Informational/Warning"),
    describe_event("MAIL-SYNCED",           6, "/Access",                "",      "/Suspicious"),
    describe_event("SENT-AS-OTHER",         5, "/Create",                "",      "/Informational/Warning"),
    describe_event("MAIL-DELETED",          2, "/Delete",                "",      "/Normal"),
    describe_event("MAIL-DELETED-IN-BULK",  5, "/Delete",                "",      "/Informational/Warning"),
    describe_event("MAILBOX-LOGIN",         1, "/Authentication/Verify", "",      "/Normal"),
))
EVENTS = weigh({**CASES, **MAILBOX_CASES})

ARCSIGHT_AUDIT_EXPORT = Mapping("arcsight-audit-export", source="audit_export", taxonomy="arcsight",
    title="Exports of audit logs to ArcSight",
    rows=(
        #   ArcSight field                   property                     read as
        row("Device Vendor",                 constant("Microsoft"),      ours=_GUIDE),
        row("Device Product",                constant("Exchange Server"),ours=_GUIDE),
        row("Device Version",                "build",                    ours="the build of the server that ran the operation"),
        row("Device Event Class ID",         ("event", constant("Audit")),ours="the cmdlet or the operation on a mailbox"),
        row("Name",                          ("event", constant("Audit")),ours=_GUIDE + ": what feeds the class id feeds the name"),
        row("Device Event Category",         ("record-type", constant("Audit")),ours="the kind of record, else what tells these events from those of other logs"),
        row("Device Action",                 "event",                    ours="what was done"),
        row("Device Receipt Time",           "moment",                   utc_ms, ours=_SAME),
        row("Device Host Name",              "server",                   host, ours="the server that ran the operation"),
        row("Device Address",                "server",                   ipv4, ours=_DEVICE_ADDRESS),
        row("Device Custom IPv6 Address 1",  "server",                   ipv6, label="Device IPv6 Address", ours=_DEVICE_ADDRESS),
        row("Source Address",                ("mailbox-client", "client"),ipv4, ours=_CLIENT),
        row("Device Custom IPv6 Address 2",  ("mailbox-client", "client"),ipv6, label="Source IPv6 Address", ours=_CLIENT),
        row("Source Port",                   ("mailbox-client-port", "client-port"),port, ours="the port in the client's address, where it has one"),
        row("Source Host Name",              "ClientMachineName",        ours=_SAME),
        row("Source Process Name",           "ClientProcessName",        ours=_SAME),
        row("Source User Name",              ("user-name", "LogonUserDisplayName"),ours="who did it, without the domain; a display name where there is no other"),
        row("Source NT Domain",              "user-domain",              ours="the domain of DOMAIN\\user"),
        row("Source User ID",                ("LogonUserSid", "UserKey"),ours="the SID of the user, else the other id of it"),
        row("Source User Privileges",        "logon-type",               ours="owner, delegate or administrator"),
        row("Destination User Name",         "mailbox",                  ours="the owner of the mailbox worked on"),
        row("Destination User ID",           "MailboxOwnerSid",          ours=_SAME),
        row("Destination Service Name",      "Workload",                 ours="the service that wrote the record"),
        row("Request Client Application",    ("ClientInfoString", "host-program"),ours="the client, else the program that ran the cmdlet"),
        row("External ID",                   "Id",                       ours=_SAME),
        row("File ID",                       "item-id",                  ours="the first message worked on"),
        row("File Name",                     "file",                     ours="its first attachment"),
        row("Message",                       "subject",                  ours="the subject of the first message"),
        row("Reason",                        "reason",                   ours="the error, or that only a part succeeded"),
        row("Base Event Count",              "OperationCount",           count, ours="accesses that are folded into the record"),
        row("Device Custom Number 1",        "item-count",               count, label="Item Count", ours=_CUSTOM),
        row("Device Custom String 1",        "parameters",               label="Cmdlet Parameters", ours=_CUSTOM + "; secrets are hidden"),
        row("Device Custom String 2",        "target",                   label="Target Object", when=column_is_not("target", ""), ours=_CUSTOM + ": the object worked on"),
        row("Device Custom String 2",        "message-id",               label="Message ID", when=column_is("target", ""), ours="the number and label that the guide has for message tracking, to which it joins"),
        row("Device Custom String 4",        "SessionId",                label="Session ID", ours=_CUSTOM),
        row("Device Custom String 5",        "folder",                   label="Folder", ours=_CUSTOM),
        row("Device Custom String 6",        "case",                     label="Cmdlet Case", ours=_CUSTOM + ": what was done, which its severity follows"),
        row("Flex String 1",                 "ExternalAccess",           label="External Access", ours=_CUSTOM),
        row("Flex String 2",                 ("SendAsUserSmtp", "SendOnBehalfOfUserSmtp", "access-type", "destination-folder"),label="Detail", ours=_CUSTOM + ": in whose name a message was sent, how mail was read, or where to it was moved"),
        *case_rows(),
    ),
    rest="no field has its meaning, or a part of it has one",
    events=EVENTS,
)
# fmt: on
