"""Profiles: which events are kept. A profile keeps all events of a source that it does not name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from exnorm.model import Record, Source

_GUIDE = frozenset(("SEND", "RECEIVE"))
EXTERNAL = "SENDEXTERNAL"
_SECURITY = _GUIDE | {
    EXTERNAL, "FAIL", "DROP", "DEFER", "DSN", "BADMAIL", "POISONMESSAGE", "EXPAND", "REDIRECT",
    "SUBMITFAIL", "MODERATORREJECT",
    # similar events: other failures, delays, redirections, and decisions by a person
    "DELIVERFAIL", "RESUBMITFAIL", "MODERATIONEXPIRE", "MODERATORSALLNDR", "MODERATORAPPROVE",
    "SUBMITDEFER", "RESUBMITDEFER", "THROTTLE", "DUPLICATEREDIRECT", "SUPPRESSED",
}  # fmt: skip


@dataclass(frozen=True)
class Profile:
    """The events that a profile keeps, by source name, and whether it keeps events unknown to exnorm."""

    name: str
    keeps: Mapping[str, frozenset[str]]
    keeps_unknown: bool
    summary: str


PROFILES: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile("all", {}, True, "every event"),
        Profile(
            "arcsight-guide",
            {"message_tracking": _GUIDE, "exchange_2003": _GUIDE},
            False,
            "SEND and RECEIVE exactly, as the ArcSight guide has it",
        ),
        Profile(
            "security",
            {"message_tracking": _SECURITY, "exchange_2003": _SECURITY},
            True,
            "mail in and out, what failed, waited or was redirected, and unknown events",
        ),
    )
}


def select(profile_name: str, source: Source) -> Callable[[Record], bool] | None:
    """Return a test whether a record of this source is kept; ``None`` where all are."""
    profile = PROFILES[profile_name]
    keeps = profile.keeps.get(source.name)
    if keeps is None:
        return None
    if not profile.keeps_unknown:
        return lambda record: record.event_id in keeps
    known = source.events
    return lambda record: record.event_id in keeps or record.event_id not in known


def explain_loss(dropped: Mapping[str, int], profile_name: str) -> str:
    """Return the warning for the guide's profile: it leaves out the event of external mail."""
    lost = dropped.get(EXTERNAL, 0)
    if profile_name != "arcsight-guide" or not lost:
        return ""
    return (
        f"profile arcsight-guide leaves out {lost} {EXTERNAL} events: mail sent outside the "
        "organization is not in the output; --profile security keeps it"
    )
