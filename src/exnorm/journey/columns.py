"""A story as the columns of a row, in the order in which the source ``message`` has them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from exnorm.convert import iso_utc
from exnorm.journey.fates import (
    DEFERRED_STATE,
    DELIVERED_STATE,
    EXPANDED,
    FAILED_STATE,
    PENDING,
    REDIRECTED,
    Fate,
)
from exnorm.journey.story import Story

_SAID = (FAILED_STATE, DEFERRED_STATE)


def as_columns(story: Story, revision: int = 0, told_early: str = "") -> dict[str, str]:
    """The columns of a story; those that say nothing are empty. Lists are joined by ``;``."""
    counted = Counter(fate.state for fate in story.recipients)
    servers = [hop.server for hop in story.hops]
    return {
        "date-time": iso_utc(story.first),
        "last-time": iso_utc(story.last),
        "latency-ms": str(story.latency_ms),
        "outcome": DELIVERED_STATE if story.outcome in (EXPANDED, REDIRECTED) else story.outcome,
        "message-key": story.identity,
        "revision": str(revision) if revision else "",
        "told-early": told_early,
        "rows": str(len(story.steps)),
        "network-message-id": ";".join(story.network_ids),
        "message-id": join_members(story.message_ids),
        "sender-address": story.sender,
        "return-path": story.return_path,
        "recipient-address": join_members(fate.address for fate in story.recipients),
        "recipient-count": str(len(story.recipients)),
        "recipient-states": join_members(map(describe_state, story.recipients)),
        "failed-recipients": join_members(f.address for f in story.recipients if f.state == FAILED_STATE),
        **{
            f"{state}-count": str(counted[state])
            for state in (DELIVERED_STATE, FAILED_STATE, DEFERRED_STATE, PENDING, EXPANDED, REDIRECTED)
        },
        "message-subject": story.subject,
        "total-bytes": _number(story.size),
        "bytes-in": _number(story.bytes_in),
        "bytes-out": _number(story.bytes_out),
        "directionality": story.directionality,
        "direction": story.direction,
        "client-ip": story.client_address,
        "client-hostname": story.client_host,
        "server-hostname": story.hops[-1].host if story.hops else "",
        "servers": ";".join(servers),
        "server-count": str(len(servers)),
        "missing-logs": ";".join(one.server for one in story.missing if one.is_certain),
        "connector-in": story.connector_in,
        "connectors-out": join_members(story.connectors_out),
        "agent-verdicts": "; ".join(story.verdicts),
        "reference": join_members((*story.notices, *story.about)),
    }


def describe_state(fate: Fate) -> str:
    """A recipient with the state, the status where that says why, and what came in the address's place."""
    said = f"{fate.address}={fate.state}"
    if fate.state in _SAID and fate.status:
        return f"{said}: {fate.status}"
    if fate.state in (EXPANDED, REDIRECTED):
        return f"{said} into {','.join(fate.into)}"
    return said


def join_members(texts: Iterable[str]) -> str:
    """A list as Exchange writes it: joined by ``;``, a member that holds one in quotes."""
    return ";".join(f"'{text}'" if ";" in text else text for text in texts)


def _number(value: int | None) -> str:
    return "" if value is None else str(value)
