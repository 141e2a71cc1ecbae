"""Low level category (published id and name) and severity of events, for logs that no guide covers.

Assigning events to categories is our choice; severities are 1 to 10.
"""

from __future__ import annotations

UNKNOWN_CATEGORY = "Unknown"
UNKNOWN_SEVERITY = 3
"""For an event that is not listed: above routine, below trouble, so that it is noticed."""

HIGH_LEVEL = {
    3: "Authentication", 4: "Access", 5: "Exploit", 6: "Malware", 7: "Suspicious Activity", 8: "System",
    9: "Policy", 10: "Unknown", 18: "Application", 19: "Audit",
}  # fmt: skip
"""High level categories by their thousands: each low level category's number begins with its own."""


def describe_event(
    name: str, category_id: int, category: str, severity: int
) -> tuple[str, dict[str, str | int]]:
    """Return one line of an event table."""
    high = HIGH_LEVEL[category_id // 1000]
    return name, {
        "categoryId": category_id,
        "category": category,
        "highLevelCategory": high,
        "severity": severity,
    }
