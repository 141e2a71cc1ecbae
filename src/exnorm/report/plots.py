"""Draw the plots of a page: Vega-Lite charts rendered to SVG by vl-convert, then made accessible.

A plot is an image (``role="img"``) with a title and a description; a table beside it has its numbers. Colours
are CSS variables of the page, so that they follow its light, dark and printed forms; colour never carries
meaning alone. Every text in a plot is passed to Vega as data, never as an expression.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping as AnyMapping, Sequence
from typing import Any

WIDTH = 640
BINS = 120  # about so many of the timeline fit beside each other
HOUR = 3_600_000
_SVG = "http://www.w3.org/2000/svg"
_NOT_OURS = ("role", "aria-label", "aria-roledescription", "aria-hidden", "style", "pointer-events")
_WIDTHS = tuple(HOUR * hours for hours in (1, 2, 3, 6, 12, 24, 48, 168, 336, 672, 1344, 2688, 8760))
_CONFIG = {
    "aria": False,
    "background": None,
    "padding": {"left": 40, "right": 16, "top": 4, "bottom": 4},  # other fonts are wider than those measured
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "currentColor",
        "titleColor": "currentColor",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "gridColor": "var(--grid)",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelLimit": 260,
    },
    "header": {
        "labelColor": "currentColor",
        "labelFontSize": 13,
        "labelFontWeight": "bold",
        "labelLimit": WIDTH,
        "title": None,
    },
    "legend": {
        "labelColor": "currentColor",
        "titleColor": "currentColor",
        "labelFontSize": 12,
        "orient": "top",
        "title": None,
    },
}

Draw = Callable[[dict[str, Any]], str]


def load() -> Draw:
    """Return a function that renders a Vega-Lite chart as SVG."""
    import vl_convert  # an extra: only this command draws

    def draw(spec: dict[str, Any]) -> str:
        return str(vl_convert.vegalite_to_svg({**spec, "config": _CONFIG}, allowed_base_urls=[]))

    return draw


def draw(draw_svg: Draw, spec: dict[str, Any], name: str, title: str, description: str) -> str:
    """Return a chart as an SVG element with the id ``name``."""
    root = ET.fromstring(draw_svg(spec))
    for element in root.iter():
        for attribute in _NOT_OURS:
            element.attrib.pop(attribute, None)
        element.attrib.pop("class", None)
    root.set("class", "plot")
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-text")
    root.set("focusable", "false")
    for position, (tag, text) in enumerate((("title", title), ("desc", description))):
        told = ET.Element(f"{{{_SVG}}}{tag}", {"id": f"{name}-{'text' if position else 'title'}"})
        told.text = text
        root.insert(position, told)
    ET.register_namespace("", _SVG)
    return ET.tostring(root, encoding="unicode")


def choose_width(first: int, last: int, least: int = HOUR) -> int:
    """Return the width of a timeline slot in milliseconds: an hour, or enough to have at most
    ``BINS`` slots.
    """
    for width in _WIDTHS:
        if width >= least and (last - first) / width <= BINS:
            return width
    return _WIDTHS[-1] * (1 + (last - first) // (_WIDTHS[-1] * BINS))


def plot_timeline(
    rows: Sequence[AnyMapping[str, Any]], order: Sequence[str], width: int, first: int, last: int
) -> dict[str, Any]:
    """Return the chart of rows over time, one band with its own scale for each log type, in this order.

    A row has ``start``, ``rows`` and ``type``.
    """
    header = {"orient": "top", "labelAnchor": "start"}
    y_axis = {"title": "rows", "tickCount": 3, "format": "~s"}
    return {
        "data": {"values": [{**row, "end": row["start"] + width} for row in rows]},
        "facet": {"row": {"field": "type", "type": "nominal", "sort": list(order), "header": header}},
        "spacing": 14,
        "resolve": {"scale": {"y": "independent"}, "axis": {"x": "shared"}},
        "spec": {
            "width": WIDTH,
            "height": 64,
            "mark": {"type": "rect", "color": "var(--bar)", "stroke": "var(--page)", "strokeWidth": 0.5},
            "encoding": {
                "x": {**_time_axis(first, last + width), "field": "start"},
                "x2": {"field": "end"},
                "y": {"field": "rows", "type": "quantitative", "scale": {"zero": True}, "axis": y_axis},
                "y2": {"datum": 0},
            },
        },
    }


def plot_presence(
    rows: Sequence[AnyMapping[str, Any]], gaps: Sequence[AnyMapping[str, Any]], first: int, last: int
) -> dict[str, Any]:
    """Return the chart of when each server wrote, with its gaps; rows have ``start``, ``end``
    and ``server``.
    """
    y = {"field": "server", "type": "nominal", "sort": None, "title": None}
    x = {**_time_axis(first, last), "field": "start"}
    x2 = {"field": "end"}
    gap_mark = {
        "type": "rect",
        "fill": "var(--gap)",
        "fillOpacity": 0.25,
        "stroke": "var(--gap)",
        "strokeDash": [4, 3],
    }
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": list(rows)},
            "mark": {"type": "rect", "color": "var(--bar)", "height": {"band": 0.55}},
            "encoding": {"x": x, "x2": x2, "y": y},
        }
    ]
    if gaps:
        layers += [
            {
                "data": {"values": list(gaps)},
                "mark": {**gap_mark, "height": {"band": 0.85}},
                "encoding": {"x": x, "x2": x2, "y": y},
            },
            {
                "data": {"values": [{**gap, "middle": (gap["start"] + gap["end"]) // 2} for gap in gaps]},
                "mark": {"type": "text", "color": "currentColor", "fontSize": 11, "fontWeight": "bold"},
                "encoding": {
                    "x": {**_time_axis(first, last), "field": "middle"},
                    "y": y,
                    "text": {"value": "gap"},
                },
            },
        ]
    return {"width": WIDTH, "height": {"step": 26}, "layer": layers}


def plot_events(rows: Sequence[AnyMapping[str, Any]]) -> dict[str, Any]:
    """Return the chart of rows by event: filled where a profile keeps the event, in outline where it does
    not.

    Rows have ``event``, ``rows`` and ``fate`` (kept or left out).
    """
    fates = [fate for fate in ("kept", "left out") if any(row["fate"] == fate for row in rows)]
    return {
        "data": {"values": list(rows)},
        "width": WIDTH - 120,
        "height": {"step": 22},
        "mark": {"type": "bar", "strokeWidth": 1.5, "stroke": "var(--bar)"},
        "encoding": {
            "y": {
                "field": "event",
                "type": "nominal",
                "sort": None,
                "title": None,
                "scale": {"paddingInner": 0.3},
            },
            "x": {
                "field": "rows",
                "type": "quantitative",
                "axis": {"title": "rows", "format": "~s", "tickCount": 6},
            },
            "fill": {
                "field": "fate",
                "type": "nominal",
                "scale": {
                    "domain": fates,
                    "range": ["var(--bar)" if f == "kept" else "var(--page)" for f in fates],
                },
                "legend": {"symbolStrokeColor": "var(--bar)", "symbolType": "square"}
                if len(fates) > 1
                else None,
            },
        },
    }


def plot_hours(rows: Sequence[AnyMapping[str, Any]]) -> dict[str, Any]:
    """Return the chart of events by hour of the day, each shaded by its share of that event's busiest hour.

    Rows have ``event``, ``hour``, ``rows`` and ``share``.
    """
    return {
        "data": {"values": list(rows)},
        "width": WIDTH - 120,
        "height": {"step": 22},
        "mark": {"type": "rect", "color": "var(--bar)", "stroke": "var(--grid)"},
        "encoding": {
            "x": {
                "field": "hour",
                "type": "ordinal",
                "scale": {"domain": list(range(24))},
                "axis": {"title": "hour of the day, UTC", "labelAngle": 0},
            },
            "y": {"field": "event", "type": "nominal", "sort": None, "title": None},
            "fillOpacity": {
                "field": "share",
                "type": "quantitative",
                "scale": {"domain": [0, 1], "range": [0, 1]},
                "legend": None,
            },
        },
    }


def _time_axis(first: int, last: int) -> dict[str, Any]:
    format_text = "%m-%d %H:%M" if last - first < 8 * 24 * HOUR else "%Y-%m-%d"
    return {
        "type": "temporal",
        "scale": {"type": "utc", "domain": [first, last]},
        "axis": {
            "title": "time, UTC",
            "format": format_text,
            "labelOverlap": "greedy",
            "labelSeparation": 30,
            "tickCount": 8,
        },
    }
