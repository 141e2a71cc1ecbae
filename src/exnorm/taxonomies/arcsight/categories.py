"""Severity and category fields of events, for tables of logs that no vendor guide covers.

ArcSight's own values are not published. These are ours, chosen from the values that its categories are
known to have; the severities, 0 to 10, say how soon somebody should look.
"""

from __future__ import annotations

from exnorm.model import Row
from exnorm.tables.mapping import by_event, row, setting_is

UNKNOWN_SEVERITY = 3
"""For an event that is not listed: above routine, below trouble, so that it is noticed."""

_OUTCOMES = {"/Success": "success", "/Failure": "failure"}
_OURS = "our proposal, written with --categories only"
_ASKED = setting_is("categories", True)


def describe_event(
    name: str, severity: int, behavior: str, outcome: str, significance: str, technique: str = ""
) -> tuple[str, dict[str, str | int]]:
    """Return one line of an event table; empty attributes are left out."""
    return name, {
        "severity": severity,
        "eventOutcome": _OUTCOMES.get(outcome, ""),
        "categoryObject": "/Host/Application/Service/Email",
        "categoryBehavior": behavior,
        "categoryOutcome": outcome,
        "categorySignificance": significance,
        "categoryDeviceGroup": "/Application",
        "categoryTechnique": technique,
    }


def category_rows(event: str) -> tuple[Row, ...]:
    """Return the six category rows of a table whose event is in the column ``event``."""
    return (
        row("Category Object", event, by_event("categoryObject"), when=_ASKED, ours=_OURS),
        row("Category Behavior", event, by_event("categoryBehavior"), when=_ASKED, ours=_OURS),
        row("Category Outcome", event, by_event("categoryOutcome"), when=_ASKED, ours=_OURS),
        row("Category Significance", event, by_event("categorySignificance"), when=_ASKED, ours=_OURS),
        row("Category Device Group", event, by_event("categoryDeviceGroup"), when=_ASKED, ours=_OURS),
        row("Category Technique", event, by_event("categoryTechnique"), when=_ASKED, ours=_OURS),
    )
