"""Low level category (published id and name) and severity of events, for logs that no guide covers.

Which event belongs to which category is ours; severities are 1 to 10.
"""

from __future__ import annotations

UNKNOWN_CATEGORY = "Unknown"
UNKNOWN_SEVERITY = 3
"""For an event that is not listed: above routine, below trouble, so that it is noticed."""


def describe_event(
    name: str, category_id: int, category: str, severity: int
) -> tuple[str, dict[str, str | int]]:
    """One line of an event table."""
    return name, {"categoryId": category_id, "category": category, "severity": severity}
