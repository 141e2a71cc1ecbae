"""Low level category and severity of what a cmdlet did, for every log that names cmdlets -> JSA.

By the cases that the sources derive; severities are 1 to 10. A case has a published category for a cmdlet
that succeeded, one for a cmdlet that failed (its verdict ends in ``/FAILED``) and one for a cmdlet of which the
log does not say (``/ATTEMPTED``); which is ours. A cmdlet that a program of Exchange itself ran (its weight ends
in ``/ROUTINE``) has two less, except in a case of attack.
"""

from __future__ import annotations

from exnorm.model import Row
from exnorm.tables.mapping import by_event, row
from exnorm.taxonomies.jsa.categories import UNKNOWN_SEVERITY, describe_event
from exnorm.taxonomies.jsa.on_request import category_rows

FAILED, ATTEMPTED, ROUTINE = "/FAILED", "/ATTEMPTED", "/ROUTINE"
ATTACK, ROUTINE_LESS = 9, 2
"""From ``ATTACK`` on, it does not matter who is said to have done it."""

UNKNOWN_CATEGORY = "General Audit Event"

Category = tuple[int, str]
Kind = tuple[Category, Category, Category]
Events = dict[str, dict[str, "str | int"]]

# fmt: off
#         succeeded                                  failed                                  not said
READ    = (19015, "Read Activity Succeeded"),        (19016, "Read Activity Failed"),        (19014, "Read Activity Attempted")
UPDATE  = (19018, "Update Activity Succeeded"),      (19019, "Update Activity Failed"),      (19017, "Update Activity Attempted")
RIGHTS  = (3007,  "Privilege Escalation Succeeded"), (3006,  "Privilege Escalation Failed"), (19017, "Update Activity Attempted")
EXPLOIT = (5011,  "Web Exploit"),                    (5011,  "Web Exploit"),                 (5011,  "Web Exploit")
STOP    = (8010,  "Service Stopped"),                (8011,  "Service Failure"),             (19017, "Update Activity Attempted")

CASES: tuple[tuple[str, int, Kind], ...] = (
    # case                   severity, kind
    ("EXPORT-TO-PAGE",            10, EXPLOIT),
    ("MAILBOX-EXPORT",             8, READ),
    ("MAILBOX-EXPORT-REMOVED",     7, UPDATE),
    ("MAILBOX-IMPORT",             5, UPDATE),
    ("MAILBOX-ROLE-ASSIGNED",      9, RIGHTS),
    ("ROLE-ASSIGNMENT",            7, RIGHTS),
    ("ROLE-CHANGE",                6, RIGHTS),
    ("ROLE-GROUP-MEMBER",          8, RIGHTS),
    ("ROLE-GROUP-MEMBER-REMOVED",  5, UPDATE),
    ("FULL-ACCESS",                7, RIGHTS),
    ("MAILBOX-PERMISSION",         5, UPDATE),
    ("SEND-AS",                    7, RIGHTS),
    ("DIRECTORY-PERMISSION",       7, RIGHTS),
    ("FOLDER-PERMISSION",          5, UPDATE),
    ("MAILBOX-FORWARDING",         8, UPDATE),
    ("AUDIT-OFF",                  8, UPDATE),
    ("AUDIT-CHANGE",               8, UPDATE),
    ("AUDIT-CONFIGURATION",        6, UPDATE),
    ("SEND-ON-BEHALF",             6, UPDATE),
    ("MAILBOX-HIDDEN",             4, UPDATE),
    ("INBOX-RULE-FORWARD",         8, UPDATE),
    ("INBOX-RULE-HIDE",            7, UPDATE),
    ("INBOX-RULE",                 6, UPDATE),
    ("TRANSPORT-RULE-COPY",        9, UPDATE),
    ("TRANSPORT-RULE",             6, UPDATE),
    ("TRANSPORT-RULE-REMOVED",     6, UPDATE),
    ("JOURNAL",                    8, UPDATE),
    ("JOURNAL-REMOVED",            6, UPDATE),
    ("AUTO-FORWARD-ALLOWED",       6, UPDATE),
    ("TRANSPORT-AGENT",            9, UPDATE),
    ("TRANSPORT-AGENT-CHANGE",     6, UPDATE),
    ("CONNECTOR",                  5, UPDATE),
    ("OAB-SCRIPT",                10, EXPLOIT),
    ("VIRTUAL-DIRECTORY",          6, UPDATE),
    ("CERTIFICATE-PAGE",          10, EXPLOIT),
    ("CERTIFICATE-EXPORT",         6, READ),
    ("CERTIFICATE",                4, UPDATE),
    ("MAILBOX-SEARCH-DELETE",      9, UPDATE),
    ("MAILBOX-SEARCH-CONTENT",     7, READ),
    ("MAILBOX-SEARCH",             6, READ),
    ("MAIL-PURGE",                 7, UPDATE),
    ("AUDIT-LOG-OFF",              9, UPDATE),
    ("AUDIT-BYPASS",               8, UPDATE),
    ("AUDIT-SEARCH",               3, READ),
    ("PROTECTION-REMOVED",         6, UPDATE),
    ("MALWARE-FILTER-REMOVED",     7, UPDATE),
    ("DKIM-OFF",                   5, UPDATE),
    ("DLP-REMOVED",                5, UPDATE),
    ("ACCEPTED-DOMAIN",            7, UPDATE),
    ("PIPELINE-TRACING",           7, UPDATE),
    ("WIDE-CONFIGURATION",         4, UPDATE),
    ("SERVICE-STOPPED",            6, STOP),
    ("LOOK-ROUND",                 2, READ),
    ("MAILBOX-MADE",               3, UPDATE),
    ("MAILBOX-REMOVED",            4, UPDATE),
    ("PASSWORD-CHANGE",            4, UPDATE),
    ("READ",                       1, READ),
    ("READ-FAILED",                3, READ),
    ("SEARCH",                     4, READ),
    ("CHANGE",                     3, UPDATE),
    ("RUN",                        3, UPDATE),
)
# fmt: on


def lighten(severity: int) -> int:
    """Return the severity for a cmdlet that a program of Exchange itself ran."""
    return severity if severity >= ATTACK else max(severity - ROUTINE_LESS, 1)


def weigh(cases: tuple[tuple[str, int, Kind], ...]) -> Events:
    """Return the event table of cases: for a cmdlet that succeeded, that failed, of unknown result, and for
    routine.
    """
    events: Events = {}
    for name, severity, (done, failed, attempted) in cases:
        events |= dict((
            describe_event(name, *done, severity),
            describe_event(name + FAILED, *failed, severity),
            describe_event(name + ATTEMPTED, *attempted, severity),
        ))  # fmt: skip
        events[name + ROUTINE] = {"severity": lighten(severity)}
    return events


EVENTS = weigh(CASES)


def case_rows() -> tuple[Row, ...]:
    """Return the rows for category and severity of what a cmdlet did."""
    # fmt: off
    return (
        row("cat", "verdict", by_event("category", UNKNOWN_CATEGORY), ours="JSA looks an event up by Event ID and cat; our category of what the cmdlet did"),
        row("sev", "weight",  by_event("severity", UNKNOWN_SEVERITY), ours="our severity of what the cmdlet did with which parameters"),
        *category_rows("verdict"),
    )
    # fmt: on
