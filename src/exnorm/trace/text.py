"""Show a traced message on a terminal: its outcome first, then its way, then every row."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from exnorm.convert import iso_utc
from exnorm.errors import show
from exnorm.journey.beside import Beside
from exnorm.trace.tracer import Traced
from exnorm.trace.views import (
    LOGS,
    describe_arrival,
    describe_fate,
    lasted,
    list_events,
    list_exits,
    shorten_list,
    summarize,
)

_COLOURS = {"delivered": "green", "failed": "red", "deferred": "yellow", "pending": "yellow"}
_NARROW = 72
_LONGEST = 400
_MOST_NOTICED = 5

Paint = Callable[..., str]


def render(traced: Traced, width: int = 0, paint: Paint = lambda text, **style: text) -> list[str]:
    """Return lines of at most ``width`` columns (0: no limit); ``paint`` adds colours."""
    story = traced.story
    lines = _head(show(story.subject) or "(no subject)", width, paint)
    facts = [
        ("from", show(story.sender or story.return_path) or "(nobody)"),
        ("message id", show(", ".join(story.message_ids)) or "none"),
        ("network id", show(", ".join(story.network_ids)) or "none"),
        ("came in", f"{iso_utc(story.first)}, {_describe_client(traced)}"),
        ("size", "not logged" if story.size is None else f"{story.size:,} bytes"),
        ("direction", story.direction),
        ("took", lasted(story.latency_ms) + ("" if story.is_final else ", and is not done")),
        ("rows", f"{len(story.steps)} of message tracking, {len(traced.beside)} of other logs"),
    ]
    if story.verdicts:
        facts.append(("agents", show("; ".join(story.verdicts))))
    if story.about:
        facts.append(("notice about", show(", ".join(story.about))))
    lines += _table(facts, width)
    lines += ["", *_head(summarize(story), width, paint)]
    rows = []
    for fate in story.recipients:
        when = iso_utc(fate.time)[11:23]
        rows.append((fate.state, show(fate.address), when, show(describe_fate(fate, story))))
    lines += _colour(_table(rows, width), paint)
    if story.missing or story.gaps:
        lines += ["", paint("What is missing", bold=True)]
        for missing in story.missing:
            lead = "" if missing.is_certain else "perhaps "
            who = f"; recipients: {', '.join(missing.recipients)}" if missing.recipients else ""
            lines += _wrap(f"{lead}the log of {missing.server}: {missing.reason}{who}", width, 2)
        for gap in story.gaps:
            lines += _wrap(gap, width, 2)
    lines += ["", paint("The way", bold=True)]
    lines += _table(list(_list_hops(traced)), width)
    for leg in list_exits(story):
        by = f", {leg.connector}" if leg.connector else ""
        lines += _wrap(f"from {leg.origin} out to {leg.host} at {iso_utc(leg.time)}{by}", width, 2)
    if story.shadows:
        lines += _wrap(f"copies for safety on {', '.join(story.shadows)}", width, 2)
    for notice in traced.notices[:_MOST_NOTICED]:
        told = ", ".join(f"{fate.address} {fate.state}" for fate in notice.recipients)
        lines += _wrap(
            f"a delivery status notification was made at {iso_utc(notice.first)}: {told}", width, 2
        )
    lines += ["", paint("Every row", bold=True)]
    lines += _render_events(list_events(traced), width)
    return [*lines, ""]


def _list_hops(traced: Traced) -> Iterator[tuple[str, ...]]:
    """Yield each server in order, and after it those that it sent the message to and whose log is missing."""
    story = traced.story
    missing = {one.server for one in story.missing}
    for number, hop in enumerate(story.hops, 1):
        arrival = show(describe_arrival(hop))
        yield str(number), show(hop.server), iso_utc(hop.first), lasted(hop.held_ms), arrival
        for leg in story.legs:
            if leg.origin == hop.server and leg.target in missing:
                yield "?", show(leg.target), iso_utc(leg.time), "", f"from {hop.server}; its log is not here"
                missing.discard(leg.target)


def _describe_client(traced: Traced) -> str:
    story = traced.story
    names = [name for name in (story.client_host, story.client_address) if name]
    return "from " + show(" ".join(names)) if names else "from nobody knows where"


def _render_events(events: Iterable[dict[str, Any]], width: int) -> list[str]:
    rows: list[Sequence[str]] = []
    day = ""
    lines: list[str] = []
    for event in events:
        moment = iso_utc(event["time"])
        if moment[:10] != day:
            lines += _table(rows, width)
            day, rows = moment[:10], []
            lines.append(f"  {day}")
        who = f" [{shorten_list(event['recipients'])}]" if event["recipients"] else ""
        status = f" {shorten_list(event['status'])}" if event["status"] else ""
        what = show((event["what"] + who + status)[:_LONGEST])
        log = LOGS.get(event["log"], event["log"])
        rows.append((moment[11:23], show(event["server"]) or "-", log, show(event["event"]) or "-", what))
    return lines + _table(rows, width)


def render_named(rows: Sequence[Beside], width: int) -> list[str]:
    """Return rows of other logs that name an id without a row of message tracking."""
    table = [
        (
            iso_utc(row.time),
            row.log,
            show(row.event) or "-",
            show(f"{row.text}  {row.path}:{row.line_number}"),
        )
        for row in rows
    ]
    return _table(table, width)


def _table(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Return rows in columns; the last column is folded, with a short indent on a narrow terminal."""
    if not rows:
        return []
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]) - 1)]
    indent = 2 + sum(wide + 2 for wide in widths)
    lines: list[str] = []
    for row in rows:
        lead = "  " + "".join(cell.ljust(wide + 2) for cell, wide in zip(row, widths))
        if not width or len(lead) + len(row[-1]) <= width:
            lines.append((lead + row[-1]).rstrip())
        elif width - indent >= _NARROW // 2:
            lines += _fold(lead, row[-1], width, indent)
        else:
            lines += _fold("  " + "  ".join(row[:-1]), "", width, 4) + _fold("      ", row[-1], width, 6)
    return lines


def _fold(lead: str, text: str, width: int, indent: int) -> list[str]:
    return textwrap.wrap(
        text or lead.strip(), max(width, 40), initial_indent=lead if text else "  ",
        subsequent_indent=" " * indent, break_on_hyphens=False,
    )  # fmt: skip


def _wrap(text: str, width: int, indent: int) -> list[str]:
    shown = show(text)
    return _fold(" " * indent, shown, width, indent + 2) if width else [" " * indent + shown]


def _head(text: str, width: int, paint: Paint) -> list[str]:
    folded = textwrap.wrap(text, max(width, 40), break_on_hyphens=False) if width else [text]
    return [paint(line, bold=True) for line in folded]


def _colour(lines: Iterable[str], paint: Paint) -> list[str]:
    """Colour the state at the beginning of each line."""
    coloured = []
    for line in lines:
        state = line.strip().partition(" ")[0]
        colour = _COLOURS.get(state) if line.startswith("  " + state) else None
        coloured.append(line.replace(state, paint(state, fg=colour), 1) if colour else line)
    return coloured
