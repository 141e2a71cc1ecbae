"""Render a comparison as one page of HTML, in the style of the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exnorm.compare.values import KINDS, OURS, SAME, THEIRS
from exnorm.compare.view import dump_overlay
from exnorm.errors import show
from exnorm.report.html import digest, make_environment, mark_safe, read_asset

GENERATOR = "exnorm compare"
SECTIONS = (
    ("result", "Result"),
    ("fields", "Fields that differ"),
    ("single", "Events of one side only"),
    ("suggestion", "What would make ours equal"),
    ("same", "What is the same"),
)
_MOST = 300
_LEVELS = {SAME: "note", OURS: "note", THEIRS: "look"}


def render(content: Mapping[str, Any], *, version: str, made: str, ours: str, theirs: str) -> str:
    """Return the page; needs Jinja2."""
    differing = [one for one in content["fields"] if one["differences"]]
    facts = [
        ("verdict", content["verdict"]),
        ("events matched", content["matched"]),
        *content["matched_by_verdict"].items(),
        ("only ours", content["only_ours"]["count"]),
        ("only theirs", content["only_theirs"]["count"]),
        ("fields that differ", len(differing)),
        ("lines of theirs not read", content["their_lines_not_read"]["count"]),
        ("lines of ours not parsed", content["our_lines_not_parsed"]["count"]),
    ]
    style = read_asset("exnorm.report", "page.css")
    template = make_environment().from_string(
        read_asset("exnorm.report", "table.html") + read_asset("exnorm.compare", "page.html")
    )
    return str(template.render(
        {
            "style": mark_safe(style),
            "style_hash": mark_safe(f"sha256-{digest(style)}"),
            "generator": f"{GENERATOR} {version}".strip(),
            "heading": "exnorm held against a vendor's capture",
            "sections": SECTIONS,
            "ours": show(ours),
            "theirs": show(theirs),
            "made": made,
            "product": f"{content['taxonomy']}, read as {content['format']}",
            "facts": facts,
            "notes": content["notes"],
            "kinds": list(KINDS.items()),
            "fields": [
                {**one, "level": _LEVELS.get(one["verdict"], "problem")} for one in differing[:_MOST]
            ],
            "more_fields": max(len(differing) - _MOST, 0),
            "overview": [
                (one["field"], one["verdict"], one["compared"], one["equal"],
                 ", ".join(f"{found['kind']} {found['count']}" for found in one["differences"]))
                for one in differing[:_MOST]
            ],
            "singles": [
                (title, content[name]["count"], list(content[name]["by_event"].items())[:_MOST],
                 [(one["where"], one["time"] or "", one["event"], one["said"])
                  for one in content[name]["examples"]])
                for title, name in (("only ours", "only_ours"), ("only theirs", "only_theirs"))
            ],
            "unread": content["their_lines_not_read"],
            "overlay": dump_overlay(content["suggestions"]["overlay"])
            if content["suggestions"]["overlay"] else "",
            "told": content["suggestions"],
            "same": [(one["field"], one["compared"]) for one in content["fields"] if not one["differences"]],
            "missing": content["not_in_their_export"],
            "own": list(content["set_by_their_connector"].items()),
        },
    ))  # fmt: skip
