"""Show traced messages as one self-contained page: no script, no network, all text of logs escaped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from exnorm.convert import iso_utc
from exnorm.errors import show
from exnorm.extras import require
from exnorm.report.findings import moment
from exnorm.report.html import digest, make_environment, mark_safe, read_asset
from exnorm.trace.picture import draw
from exnorm.trace.tracer import Traced
from exnorm.trace.views import LOGS, describe_arrival, describe_fate, lasted, list_events, summarize

GENERATOR = "exnorm trace"
_LONGEST = 600
_MOST_EVENTS = 2000


def check_libraries() -> None:
    """Raise ``SettingsError`` where Jinja2 is not installed."""
    require("a page of trace", "report", "jinja2")


def render_page(messages: Sequence[Traced], made: int, version: str) -> str:
    """Return the page."""
    style = read_asset("exnorm.report", "page.css") + read_asset("exnorm.trace", "page.css")
    template = make_environment().from_string(read_asset("exnorm.trace", "page.html"))
    heading = "The way of a message" if len(messages) == 1 else f"The way of {len(messages)} messages"
    content = {
        "style": mark_safe(style),
        "style_hash": mark_safe(f"sha256-{digest(style)}"),
        "generator": f"{GENERATOR} {version}".strip(),
        "heading": heading,
        "made": moment(made),
        "messages": [_view(traced, number) for number, traced in enumerate(messages, 1)],
    }
    return str(template.render(content))


def _view(traced: Traced, number: int) -> dict[str, Any]:
    story = traced.story
    events = list_events(traced)
    facts = [
        ("from", story.sender or story.return_path),
        ("message id", ", ".join(story.message_ids)),
        ("network message id", ", ".join(story.network_ids)),
        ("came in", iso_utc(story.first)),
        ("from host", " ".join(filter(None, (story.client_host, story.client_address)))),
        ("took", lasted(story.latency_ms) + ("" if story.is_final else ", and is not done")),
        ("size", "" if story.size is None else f"{story.size:,} bytes"),
        ("direction", story.direction),
        ("rows", f"{len(events):,}"),
        ("agents", "; ".join(story.verdicts)),
        ("notice about", ", ".join(story.about)),
        ("copies for safety", ", ".join(story.shadows)),
    ]
    return {
        "anchor": f"m{number}",
        "title": show(story.subject) or "(no subject)",
        "summary": summarize(story),
        "facts": [(name, show(value)) for name, value in facts if value],
        "missing": [
            show(
                f"{'' if one.is_certain else 'Perhaps '}the log of {one.server}: {one.reason}"
                + (f"; recipients: {', '.join(one.recipients)}" if one.recipients else "")
            )
            for one in story.missing
        ]
        + [show(gap) for gap in story.gaps],
        "svg": mark_safe(draw(story)),
        "hops": [
            (
                show(hop.server),
                iso_utc(hop.first),
                lasted(hop.held_ms),
                show(describe_arrival(hop)),
                hop.rows,
                len(hop.recipients),
            )
            for hop in story.hops
        ],
        "recipients": [
            (
                show(fate.address),
                fate.state,
                iso_utc(fate.time),
                lasted(max(0, fate.time - story.first)),
                show(describe_fate(fate, story)),
            )
            for fate in story.recipients
        ],
        "notices": [
            show(
                f"{iso_utc(notice.first)}: "
                + ", ".join(f"{fate.address} {fate.state}" for fate in notice.recipients)
            )
            for notice in traced.notices
        ],
        "events": [_view_event(event) for event in events[:_MOST_EVENTS]],
    }


def _view_event(event: dict[str, Any]) -> tuple[str, ...]:
    line = f":{event['line']}" if event["line"] else ""
    cells = (
        iso_utc(event["time"]),
        event["server"],
        LOGS.get(event["log"], event["log"]),
        event["event"],
        event["what"],
        event["recipients"],
        event["status"],
        event["path"] + line,
    )
    return tuple(show(cell[:_LONGEST]) for cell in cells)
