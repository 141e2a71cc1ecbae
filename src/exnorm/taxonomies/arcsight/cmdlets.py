"""Severity and category of what a cmdlet did, for every log that names cmdlets -> ArcSight.

By the cases that the sources derive. The severities, 0 to 10, say how soon somebody should look; a cmdlet
that a program of Exchange itself ran (its weight ends in ``/ROUTINE``) has two less, except in a case of attack.
"""

from __future__ import annotations

from exnorm.model import Row
from exnorm.tables.mapping import by_event, row, setting_is
from exnorm.taxonomies.arcsight.categories import UNKNOWN_SEVERITY, category_rows, describe_event

ATTACK = 9
"""From this severity on, it does not matter who is said to have done it."""
ROUTINE, ROUTINE_LESS = "/ROUTINE", 2

Events = dict[str, dict[str, "str | int"]]

# fmt: off
_LOOK, _WARN, _HOSTILE, _BREACH = "/Normal", "/Informational/Warning", "/Suspicious", "/Compromise"
_READ, _CHANGE, _ADD, _DELETE = "/Access", "/Modify/Configuration", "/Create", "/Delete"
_RIGHT, _NO_RIGHT, _RUN = "/Authorization/Add", "/Authorization/Delete", "/Execute/Start"
CASES: Events = dict((
    #              case                      sev. behavior          outcome  significance  technique
    describe_event("EXPORT-TO-PAGE",          10, _RUN,               "",    _BREACH,   "/Exploit/Vulnerability"),
    describe_event("MAILBOX-EXPORT",           8, _READ,              "",    _HOSTILE),
    describe_event("MAILBOX-EXPORT-REMOVED",   7, _DELETE,            "",    _HOSTILE),
    describe_event("MAILBOX-IMPORT",           5, _ADD,               "",    _WARN),
    describe_event("MAILBOX-ROLE-ASSIGNED",    9, _RIGHT,             "",    _HOSTILE),
    describe_event("ROLE-ASSIGNMENT",          7, _RIGHT,             "",    _WARN),
    describe_event("ROLE-CHANGE",              6, "/Authorization/Modify", "", _WARN),
    describe_event("ROLE-GROUP-MEMBER",        8, _RIGHT,             "",    _WARN),
    describe_event("ROLE-GROUP-MEMBER-REMOVED", 5, _NO_RIGHT,         "",    _WARN),
    describe_event("FULL-ACCESS",              7, _RIGHT,             "",    _WARN),
    describe_event("MAILBOX-PERMISSION",       5, "/Authorization/Modify", "", _WARN),
    describe_event("SEND-AS",                  7, _RIGHT,             "",    _WARN),
    describe_event("DIRECTORY-PERMISSION",     7, "/Authorization/Modify", "", _WARN),
    describe_event("FOLDER-PERMISSION",        5, _RIGHT,             "",    _WARN),
    describe_event("MAILBOX-FORWARDING",       8, _CHANGE,            "",    _HOSTILE),
    describe_event("AUDIT-OFF",                8, _CHANGE,            "",    _HOSTILE),
    describe_event("AUDIT-CHANGE",             8, _CHANGE,            "",    _HOSTILE),
    describe_event("AUDIT-CONFIGURATION",      6, _CHANGE,            "",    _WARN),
    describe_event("SEND-ON-BEHALF",           6, _RIGHT,             "",    _WARN),
    describe_event("MAILBOX-HIDDEN",           4, _CHANGE,            "",    _WARN),
    describe_event("INBOX-RULE-FORWARD",       8, _CHANGE,            "",    _HOSTILE),
    describe_event("INBOX-RULE-HIDE",          7, _CHANGE,            "",    _HOSTILE),
    describe_event("INBOX-RULE",               6, _CHANGE,            "",    _WARN),
    describe_event("TRANSPORT-RULE-COPY",      9, _CHANGE,            "",    _HOSTILE),
    describe_event("TRANSPORT-RULE",           6, _CHANGE,            "",    _WARN),
    describe_event("TRANSPORT-RULE-REMOVED",   6, _DELETE,            "",    _WARN),
    describe_event("JOURNAL",                  8, _CHANGE,            "",    _HOSTILE),
    describe_event("JOURNAL-REMOVED",          6, _DELETE,            "",    _WARN),
    describe_event("AUTO-FORWARD-ALLOWED",     6, _CHANGE,            "",    _WARN),
    describe_event("TRANSPORT-AGENT",          9, _RUN,               "",    _HOSTILE),
    describe_event("TRANSPORT-AGENT-CHANGE",   6, _CHANGE,            "",    _WARN),
    describe_event("CONNECTOR",                5, _CHANGE,            "",    _WARN),
    describe_event("OAB-SCRIPT",              10, _RUN,               "",    _BREACH,   "/Exploit/Vulnerability"),
    describe_event("VIRTUAL-DIRECTORY",        6, _CHANGE,            "",    _WARN),
    describe_event("CERTIFICATE-PAGE",        10, _RUN,               "",    _BREACH,   "/Exploit/Vulnerability"),
    describe_event("CERTIFICATE-EXPORT",       6, _READ,              "",    _WARN),
    describe_event("CERTIFICATE",              4, _CHANGE,            "",    _WARN),
    describe_event("MAILBOX-SEARCH-DELETE",    9, _DELETE,            "",    _HOSTILE),
    describe_event("MAILBOX-SEARCH-CONTENT",   7, _READ,              "",    _HOSTILE),
    describe_event("MAILBOX-SEARCH",           6, _READ,              "",    _WARN),
    describe_event("MAIL-PURGE",               7, _DELETE,            "",    _HOSTILE),
    describe_event("AUDIT-LOG-OFF",            9, _CHANGE,            "",    _HOSTILE),
    describe_event("AUDIT-BYPASS",             8, _CHANGE,            "",    _HOSTILE),
    describe_event("AUDIT-SEARCH",             3, _READ,              "",    _LOOK),
    describe_event("PROTECTION-REMOVED",       6, _DELETE,            "",    _WARN),
    describe_event("MALWARE-FILTER-REMOVED",   7, _DELETE,            "",    _HOSTILE),
    describe_event("DKIM-OFF",                 5, _CHANGE,            "",    _WARN),
    describe_event("DLP-REMOVED",              5, _DELETE,            "",    _WARN),
    describe_event("ACCEPTED-DOMAIN",          7, _CHANGE,            "",    _WARN),
    describe_event("PIPELINE-TRACING",         7, _CHANGE,            "",    _HOSTILE),
    describe_event("WIDE-CONFIGURATION",       4, _CHANGE,            "",    _WARN),
    describe_event("SERVICE-STOPPED",          6, "/Execute/Stop",    "",    _WARN),
    describe_event("LOOK-ROUND",               2, _READ,              "",    _LOOK),
    describe_event("MAILBOX-MADE",             3, _ADD,               "",    _LOOK),
    describe_event("MAILBOX-REMOVED",          4, _DELETE,            "",    _WARN),
    describe_event("PASSWORD-CHANGE",          4, "/Authentication/Modify", "", _WARN),
    describe_event("READ",                     1, _READ,              "",    _LOOK),
    describe_event("READ-FAILED",              3, _READ,              "",    _WARN),
    describe_event("SEARCH",                   4, _READ,              "",    _WARN),
    describe_event("CHANGE",                   3, _CHANGE,            "",    _LOOK),
    describe_event("RUN",                      3, "/Execute/Start",   "",    _LOOK),
))
OUTCOMES: Events = {
    "success": {"categoryOutcome": "/Success"},
    "failure": {"categoryOutcome": "/Failure"},
}
# fmt: on


def lighten(severity: int) -> int:
    """Return the severity for a cmdlet that a program of Exchange itself ran."""
    return severity if severity >= ATTACK else max(severity - ROUTINE_LESS, 0)


def weigh(cases: Events) -> Events:
    """Return the event tables of cases, with the lower severities of routine ones added."""
    routine: Events = {
        name + ROUTINE: {"severity": lighten(int(case["severity"]))} for name, case in cases.items()
    }
    return {**cases, **routine, **OUTCOMES}


EVENTS = weigh(CASES)


def case_rows() -> tuple[Row, ...]:
    """Return the rows for severity, outcome and, on request, categories of what a cmdlet did."""
    ours = "by what the cmdlet did with which parameters; see the event table"
    asked = setting_is("categories", True)
    by_case = tuple(entry for entry in category_rows("case") if entry.field != "Category Outcome")
    # fmt: off
    return (
        row("Severity",         "weight",  by_event("severity", UNKNOWN_SEVERITY), ours=f"the CEF header has the field: {ours}"),
        row("Event Outcome",    "outcome", ours="success or failure; nothing where the log does not say"),
        row("Category Outcome", "outcome", by_event("categoryOutcome"), when=asked, ours="our proposal, written with --categories only"),
        *by_case,
    )
    # fmt: on
