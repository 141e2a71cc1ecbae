"""Draw the way of a message: servers as boxes from left to right, with the transfers between them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import NamedTuple

from exnorm.convert import iso_utc
from exnorm.errors import show
from exnorm.journey.story import Story
from exnorm.origin import name_server
from exnorm.trace.views import lasted, list_exits, summarize

_WIDTH, _HEIGHT, _ACROSS, _DOWN, _EDGE = 176, 62, 84, 34, 12
_LETTERS = 21
_MOST_BOXES = 40


class _Box(NamedTuple):
    name: str
    kind: str  # origin, server, missing, outside
    lines: tuple[str, ...]


def draw(story: Story) -> str:
    """Return the picture as an SVG element; a table on the page has the same content in words."""
    boxes = _find_boxes(story)[:_MOST_BOXES]
    names = {box.name for box in boxes}
    arrows = [
        (origin, target, label)
        for origin, target, label in _find_arrows(story)
        if origin in names and target in names and origin != target
    ]
    columns = _find_columns([box.name for box in boxes], [(origin, target) for origin, target, _ in arrows])
    places: dict[str, tuple[int, int]] = {}
    heights: dict[int, int] = {}
    for box in boxes:
        column = columns[box.name]
        row = heights.get(column, 0)
        heights[column] = row + 1
        places[box.name] = _EDGE + column * (_WIDTH + _ACROSS), _EDGE + row * (_HEIGHT + _DOWN)
    width = max((x for x, _ in places.values()), default=0) + _WIDTH + _EDGE
    height = max((y for _, y in places.values()), default=0) + _HEIGHT + _EDGE
    root = ET.Element(
        "svg", {
            "xmlns": "http://www.w3.org/2000/svg", "class": "way", "viewBox": f"0 0 {width} {height}",
            "width": str(width), "height": str(height), "role": "img", "focusable": "false",
            "aria-labelledby": f"way-{story.identity}-title way-{story.identity}-text",
        },
    )  # fmt: skip
    _text(root, "title", "The way of the message", id=f"way-{story.identity}-title")
    _text(root, "desc", _describe(story), id=f"way-{story.identity}-text")
    for origin, target, label in arrows:
        _draw_arrow(root, places[origin], places[target], label)
    for box in boxes:
        _draw_box(root, box, *places[box.name])
    return ET.tostring(root, encoding="unicode")


def _describe(story: Story) -> str:
    servers = ", then ".join(hop.server for hop in story.hops) or "no server"
    missing = "".join(f"; the log of {missing.server} is missing" for missing in story.missing)
    return show(f"Over {servers}{missing}. {summarize(story)}.")


def _find_boxes(story: Story) -> list[_Box]:
    known = {hop.server for hop in story.hops}
    missing = {one.server: one for one in story.missing}
    boxes = []
    origins = [leg.origin for leg in story.legs if leg.origin not in known and leg.origin not in missing]
    if not origins and story.hops:
        origins = [_name_origin(story)]
    for origin in dict.fromkeys(origins):
        boxes.append(_Box(origin, "origin", (origin, iso_utc(story.first)[11:23])))
    for hop in story.hops:
        count = len(hop.recipients)
        said = f"{count} recipient{'s' if count != 1 else ''}, {lasted(hop.held_ms)}"
        boxes.append(_Box(hop.server, "server", (hop.server, iso_utc(hop.first)[11:23], said)))
    for server, one in missing.items():
        said = "log not here" if one.is_certain else "log perhaps not here"
        count = len(one.recipients)
        boxes.append(_Box(server, "missing", (server, said, f"{count} recipients" if count else "")))
    for leg in list_exits(story):
        if leg.target not in known and leg.target not in missing:
            boxes.append(_Box(leg.target, "outside", (leg.host, "outside", iso_utc(leg.time)[11:23])))
    return list({box.name: box for box in boxes}.values())


def _name_origin(story: Story) -> str:
    """Return the client that submitted the message, unless that is a server."""
    named = story.client_host or story.client_address
    if named and name_server(named) not in {hop.server for hop in story.hops}:
        return named
    return "a mailbox"


def _find_arrows(story: Story) -> list[tuple[str, str, str]]:
    arrows = []
    for leg in story.legs:
        count = len(leg.recipients)
        arrows.append((leg.origin, leg.target, f"{iso_utc(leg.time)[11:19]}, {count}" if count else ""))
    reached = {target for _, target, _ in arrows}
    for hop in story.hops[:1]:
        if hop.server not in reached:
            arrows.append((_name_origin(story), hop.server, ""))
    return arrows


def _find_columns(names: Sequence[str], arrows: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Return the column of each box, after all that lead to it; circles are cut somewhere."""
    columns = dict.fromkeys(names, 0)
    for _ in names:
        moved = False
        for origin, target in arrows:
            if columns[target] <= columns[origin] < len(names) - 1:
                columns[target] = columns[origin] + 1
                moved = True
        if not moved:
            break
    return columns


def _draw_box(root: ET.Element, box: _Box, x: int, y: int) -> None:
    group = ET.SubElement(root, "g", {"class": f"box {box.kind}"})
    _text(group, "title", show(" ".join(box.lines)))
    corner = "18" if box.kind in ("origin", "outside") else "3"
    ET.SubElement(
        group, "rect",
        {"x": str(x), "y": str(y), "width": str(_WIDTH), "height": str(_HEIGHT), "rx": corner},
    )  # fmt: skip
    for number, line in enumerate(filter(None, box.lines)):
        place = {"x": str(x + _WIDTH // 2), "y": str(y + 20 + 17 * number), "text-anchor": "middle"}
        _text(group, "text", _cut(line), **place, **({"class": "name"} if number == 0 else {}))


def _draw_arrow(root: ET.Element, origin: tuple[int, int], target: tuple[int, int], label: str) -> None:
    (x1, y1), (x2, y2) = origin, target
    forward = x2 > x1
    start = x1 + (_WIDTH if forward else 0), y1 + _HEIGHT // 2 + (0 if forward else 12)
    end = x2 + (0 if forward else _WIDTH), y2 + _HEIGHT // 2 + (0 if forward else 12)
    bend = _ACROSS // 2 if forward else -_ACROSS // 2
    path = f"M{start[0]} {start[1]} C{start[0] + bend} {start[1]} {end[0] - bend} {end[1]} {end[0]} {end[1]}"
    group = ET.SubElement(root, "g", {"class": "arrow"})
    ET.SubElement(group, "path", {"d": path, "fill": "none"})
    tip = -7 if forward else 7
    points = f"{end[0]},{end[1]} {end[0] + tip},{end[1] - 4} {end[0] + tip},{end[1] + 4}"
    ET.SubElement(group, "polygon", {"points": points})
    if label and forward and x2 - x1 == _WIDTH + _ACROSS:
        middle = (start[0] + end[0]) // 2, (start[1] + end[1]) // 2 - 6
        _text(group, "text", label, x=str(middle[0]), y=str(middle[1]), **{"text-anchor": "middle"})


def _text(parent: ET.Element, tag: str, text: str, **attributes: str) -> None:
    element = ET.SubElement(parent, tag, attributes)
    element.text = text


def _cut(text: str) -> str:
    shown = show(text)
    return shown if len(shown) <= _LETTERS else shown[: _LETTERS - 3] + "..."
