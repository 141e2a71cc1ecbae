"""Exports of administrator, mailbox and unified audit -> JSA.

The JSA guide does not cover them: every row is ours. ``Event ID`` is the operation: a cmdlet, or what was done to a
mailbox.
"""

from __future__ import annotations

from exnorm.convert import ip, port, utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import constant, row
from exnorm.taxonomies.jsa.cmdlets import CASES, READ, UPDATE, Kind, case_rows, weigh

_HEADER = "the LEEF header has the field"
_OWN = "no LEEF attribute has this meaning; a custom one, of the same name in all logs"

# fmt: off
LOGIN: Kind = (
    (3008, "Mail Service Login Succeeded"), (3009, "Mail Service Login Failed"), (3114, "User Login Attempt"),
)

MAILBOX_CASES: tuple[tuple[str, int, Kind], ...] = (
    # case                   severity, kind
    ("MAIL-USED",              1, READ),
    ("MAIL-READ",              3, READ),
    ("OTHERS-MAIL-READ",       3, READ),
    ("MAIL-SYNCED",            6, READ),
    ("SENT-AS-OTHER",          5, UPDATE),
    ("MAIL-DELETED",           2, UPDATE),
    ("MAIL-DELETED-IN-BULK",   5, UPDATE),
    ("MAILBOX-LOGIN",          1, LOGIN),
)
EVENTS = weigh((*CASES, *MAILBOX_CASES))

JSA_AUDIT_EXPORT = Mapping("jsa-audit-export", source="audit_export", taxonomy="jsa",
    title="Exports of audit logs to JSA",
    rows=(
        #   JSA field           property                    read as
        row("Event ID",         ("event", constant("Audit")),ours="the cmdlet or the operation on a mailbox"),
        row("Username",         ("user-name", "LogonUserDisplayName"),ours="who did it, without the domain; a display name where there is no other"),
        row("Source IP",        ("mailbox-client", "client"),ip, ours="the client, or a service that acts for the user"),
        row("srcPort",          ("mailbox-client-port", "client-port"),port, ours="the port in the client's address, where it has one"),
        row("Vendor",           constant("Microsoft"),      ours=_HEADER),
        row("Product",          constant("Exchange Server"),ours=_HEADER),
        row("Version",          "build",                    ours="the build of the server that ran the operation"),
        row("devTime",          "moment",                   utc_ms, ours="the record's own time; without it JSA takes the time of arrival"),
        row("domain",           "user-domain",              ours="the domain of DOMAIN\\user"),
        row("role",             "logon-type",               ours="owner, delegate or administrator"),
        row("resource",         ("host-program", "Workload"),ours="the program that ran the cmdlet, else the service"),
        row("userAgent",        "ClientInfoString",         ours=_OWN),
        row("messageSubject",   "subject",                  ours=_OWN + ": of the first message worked on"),
        row("messageId",        "message-id",               ours=_OWN + ": joins to message tracking"),
        row("cmdletParameters", "parameters",               ours=_OWN + "; secrets are hidden"),
        row("cmdletCase",       "case",                     ours=_OWN + ": what was done, which its severity follows"),
        row("targetObject",     "target",                   ours=_OWN),
        row("targetMailbox",    "mailbox",                  ours=_OWN + ": the owner of the mailbox worked on"),
        row("outcome",          "outcome",                  ours=_OWN),
        row("reason",           "reason",                   ours=_OWN + ": the error, or that only a part succeeded"),
        row("deviceHost", "server", ours="no LEEF attribute has this meaning; a custom one, of the same name in all logs"),
        row("sessionId", "SessionId", ours="no LEEF attribute has this meaning; a custom one, of the same name in all logs"),
        *case_rows(),
    ),
    rest="no LEEF attribute has this meaning; kept as a custom attribute under the property's name",
    events=EVENTS,
)
# fmt: on
