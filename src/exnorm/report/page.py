"""Render the page: one self-contained HTML file without scripts or network access, all text
of logs escaped.
"""

from __future__ import annotations

from exnorm.extras import require
from exnorm.report import plots
from exnorm.report.findings import NO_EVENT, Finding, find
from exnorm.report.html import digest, make_environment, mark_safe, read_asset
from exnorm.report.silences import find_gaps
from exnorm.report.survey import Survey
from exnorm.report.views import (
    SECTIONS,
    About,
    Known,
    choose_masks,
    gather_plain,
    view_events,
    view_fields,
    view_heading,
    view_read,
    view_refused,
    view_samples,
    view_talkers,
    view_time,
    view_unknown,
)

GENERATOR = "exnorm report"


def render(survey: Survey, about: About, known: Known, draw: plots.Draw) -> tuple[str, list[Finding]]:
    """Return the page and its findings. ``draw`` is the result of ``check_libraries``."""
    environment = make_environment()
    template = environment.from_string(
        read_asset("exnorm.report", "table.html") + read_asset("exnorm.report", "page.html")
    )
    style = read_asset("exnorm.report", "page.css")
    masks = choose_masks(about.show_values)
    plain = gather_plain(known)
    gaps = find_gaps(survey.series)
    findings = find(survey, gaps, known.sources, about.profile, masks.text, about.made)
    content = {
        "style": mark_safe(style),
        "style_hash": mark_safe(f"sha256-{digest(style)}"),
        "generator": f"{GENERATOR} {about.version}".strip(),
        "sections": SECTIONS,
        **view_heading(survey, about, findings),
        **view_read(survey, about, known),
        **view_time(survey, gaps, known, draw),
        **view_events(survey, about, known, draw),
        "refused_note": NO_EVENT,
        "refused": list(view_refused(survey, masks, plain)),
        **view_unknown(survey, known),
        **view_fields(survey, known),
        **view_samples(survey, known, masks, plain),
        **view_talkers(survey, known, about, masks),
    }
    return template.render(content), findings


def check_libraries() -> plots.Draw:
    """Return the function that draws plots; raises ``SettingsError`` where it or Jinja2 is not installed."""
    require("report", "report")
    return plots.load()
