"""Describe a traced message in words, shared by the terminal, the page and JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from exnorm.convert import iso_utc, members
from exnorm.journey.events import SENT, WORDS
from exnorm.journey.fates import BY_BADNESS, Fate
from exnorm.journey.hops import Hop, Leg
from exnorm.journey.steps import Step
from exnorm.journey.story import Story
from exnorm.trace.tracer import Traced

LOGS = {
    "message_tracking": "tracking", "smtp_protocol": "SMTP", "agent_log": "agents",
    "connectivity": "connection", "http_proxy": "HttpProxy", "iis": "IIS", "ews": "EWS",
}  # fmt: skip
"""Each log by a short name."""
_MOST_NAMED = 3


def as_dict(traced: Traced) -> dict[str, Any]:
    """Return everything known, for ``--json``; times are ISO 8601 in UTC, lengths milliseconds."""
    story = traced.story
    return {
        "message": {
            "id": story.identity,
            "network-message-id": list(story.network_ids),
            "message-id": list(story.message_ids),
            "subject": story.subject,
            "sender": story.sender,
            "return-path": story.return_path,
            "size": story.size,
            "directionality": story.directionality,
            "direction": story.direction,
            "client-address": story.client_address,
            "client-host": story.client_host,
            "connector-in": story.connector_in,
            "connectors-out": list(story.connectors_out),
            "first": iso_utc(story.first),
            "last": iso_utc(story.last),
            "latency-ms": story.latency_ms,
            "outcome": story.outcome,
            "is-final": story.is_final,
            "verdicts": list(story.verdicts),
            "rows": len(story.steps),
            "notices": list(story.notices),
            "about": list(story.about),
        },
        "hops": [
            {
                "server": hop.server,
                "host": hop.host,
                "first": iso_utc(hop.first),
                "last": iso_utc(hop.last),
                "held-ms": hop.held_ms,
                "came-from": hop.came_from,
                "connector": hop.connector,
                "rows": hop.rows,
                "recipients": hop.recipients,
            }
            for hop in story.hops
        ],
        "legs": [
            {
                "from": leg.origin,
                "to": leg.target,
                "time": iso_utc(leg.time),
                "connector": leg.connector,
                "recipients": list(leg.recipients),
                "outside": leg.is_outside,
            }
            for leg in story.legs
        ],
        "recipients": [_fate_as_dict(fate, story) for fate in story.recipients],
        "missing": [
            {
                "server": missing.server,
                "certain": missing.is_certain,
                "reason": missing.reason,
                "recipients": list(missing.recipients),
            }
            for missing in story.missing
        ],
        "gaps": list(story.gaps),
        "shadows": list(story.shadows),
        "events": [{**event, "time": iso_utc(event["time"])} for event in list_events(traced)],
        "notices": [
            {
                "message-id": list(notice.message_ids),
                "time": iso_utc(notice.first),
                "recipients": [_fate_as_dict(fate, notice) for fate in notice.recipients],
            }
            for notice in traced.notices
        ],
    }


def _fate_as_dict(fate: Fate, story: Story) -> dict[str, Any]:
    return {
        "address": fate.address,
        "state": fate.state,
        "status": fate.status,
        "time": iso_utc(fate.time),
        "latency-ms": max(0, fate.time - story.first),
        "server": fate.server,
        "handed-to": fate.handed_to,
        "into": fate.into,
        "via": fate.via,
        "detail": describe_fate(fate, story),
    }


def list_events(traced: Traced) -> list[dict[str, Any]]:
    """Return every row of all logs in order of time."""
    events = [
        {
            "time": step.time,
            "server": step.server,
            "log": "message_tracking",
            "event": step.event,
            "source": step.source,
            "what": describe_step(step),
            "recipients": step.recipients,
            "status": step.statuses,
            "path": traced.places[step][0],
            "line": traced.places[step][1],
        }
        for step in traced.story.steps
    ]
    events += [
        {
            "time": row.time,
            "server": row.server,
            "log": row.log,
            "event": row.event,
            "source": row.session,
            "what": row.text,
            "recipients": "",
            "status": "",
            "path": row.path,
            "line": row.line_number,
        }
        for row in traced.beside
    ]
    return sorted(events, key=lambda event: (event["time"], event["path"], event["line"]))


def describe_step(step: Step) -> str:
    """Return what happened according to a row."""
    said = WORDS.get(step.event, "")
    if step.event in SENT and step.peer:
        said += f" to {step.peer}"
    elif step.event == "RECEIVE" and step.source == "SMTP" and step.peer:
        said += f" from {step.proxied_host or step.proxied_address or step.peer}"
    elif step.event == "RECEIVE" and step.source:
        said += f" from {'a mailbox' if step.source == 'STOREDRIVER' else step.source.lower()}"
    elif step.event in ("EXPAND", "RESOLVE") and step.related:
        said += f": {step.related}"
    elif step.event == "REDIRECT" and step.related:
        said += f": to {step.related}"
    elif step.event == "AGENTINFO" and step.verdict:
        said += f": {step.verdict}"
    elif step.event == "DSN" and step.reference:
        said += f" about {step.reference}"
    if step.connector and step.event in (*SENT, "RECEIVE"):
        said += f", {step.connector}"
    return said


def describe_fate(fate: Fate, story: Story) -> str:
    """Return how a recipient's state came about, in a few words."""
    if fate.state == "expanded":
        return f"into {_list(fate.into)}" if fate.into else "into nobody"
    if fate.state == "redirected":
        return f"to {_list(fate.into)}"
    via = f"; by way of {fate.via}" if fate.via else ""
    if fate.state == "delivered":
        is_outside = fate.handed_to and fate.handed_to != fate.server
        return (
            f"handed over to {fate.handed_to}" if is_outside else f"to the mailbox, on {fate.server}"
        ) + via
    if fate.state == "pending":
        if not fate.handed_to:
            return f"last seen on {fate.server}{via}"
        gone = {missing.server for missing in story.missing}
        lost = next((name for name in gone if fate.handed_to.upper().partition(".")[0] == name), "")
        return f"sent on to {fate.handed_to}{', whose log is not here' if lost else ''}{via}"
    return f"{fate.status or 'no status is logged'}{via}"


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST_NAMED]) + (
        f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    )


def shorten_list(text: str) -> str:
    """Return the members of a list, each once; of a long list the first ones and their number."""
    found = list(dict.fromkeys(filter(None, map(str.strip, members(text)))))
    return _list(found) if len(found) > _MOST_NAMED + 1 else "; ".join(found)


def list_exits(story: Story) -> list[Leg]:
    """Return where the message left the organization."""
    return [leg for leg in story.legs if leg.is_outside and not leg.is_told_by_target]


def count_states(fates: Iterable[Fate]) -> list[tuple[str, int]]:
    """Return how many recipients are in each state, the worst first."""
    counted = Counter(fate.state for fate in fates)
    return [(state, counted[state]) for state in BY_BADNESS if counted[state]]


def summarize(story: Story) -> str:
    """Return one sentence on a message's recipients."""
    states = [f"{number} {state}" for state, number in count_states(story.recipients)]
    if not states:
        return f"no recipient is named; {story.outcome}"
    number = len(story.recipients)
    return f"{number} recipient{'s' if number != 1 else ''}: {', '.join(states)}"


def lasted(milliseconds: int) -> str:
    """Return a length of time as text, short ones to the millisecond."""
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    seconds, rest = divmod(milliseconds, 1000)
    if seconds < 60:
        return f"{seconds}.{rest:03} s"
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def describe_arrival(hop: Hop) -> str:
    """Return how a message came to a server."""
    if not hop.came_from:
        return "no row says how it came"
    return f"from {hop.came_from}" + (f", {hop.connector}" if hop.connector else "")
