"""Which events a profile keeps. A profile says nothing of a source it does not name: all are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from exnorm.model import Record, Source

_GUIDE = frozenset(("SEND", "RECEIVE"))
EXTERNAL = "SENDEXTERNAL"
_SECURITY = _GUIDE | {
    EXTERNAL, "FAIL", "DROP", "DEFER", "DSN", "BADMAIL", "POISONMESSAGE", "EXPAND", "REDIRECT",
    "SUBMITFAIL", "MODERATORREJECT",
    # their kin: what else failed, waited, went elsewhere or was decided by a person
    "DELIVERFAIL", "RESUBMITFAIL", "MODERATIONEXPIRE", "MODERATORSALLNDR", "MODERATORAPPROVE",
    "SUBMITDEFER", "RESUBMITDEFER", "THROTTLE", "DUPLICATEREDIRECT", "SUPPRESSED",
}  # fmt: skip


@dataclass(frozen=True)
class Profile:
    """Events by source name, and what becomes of an event that exnorm does not know."""

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
    """Whether a record of this source is kept; ``None`` where every one is."""
    profile = PROFILES[profile_name]
    keeps = profile.keeps.get(source.name)
    if keeps is None:
        return None
    if not profile.keeps_unknown:
        return lambda record: record.event_id in keeps
    known = source.events
    return lambda record: record.event_id in keeps or record.event_id not in known


def explain_loss(dropped: Mapping[str, int], profile_name: str) -> str:
    """The warning that the guide's profile owes: external mail is under an event it leaves out."""
    lost = dropped.get(EXTERNAL, 0)
    if profile_name != "arcsight-guide" or not lost:
        return ""
    return (
        f"profile arcsight-guide leaves out {lost} {EXTERNAL} events: mail sent outside the "
        "organization is not in the output; --profile security keeps it"
    )
