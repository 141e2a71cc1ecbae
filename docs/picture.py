"""Draws the rooms of exnorm from its imports: ``python docs/picture.py docs/architecture.svg``.

Each module or package of exnorm is a room, each band a floor. A room imports rooms of its own floor or of
lower ones; tests/test_picture.py holds that, and that the picture is not stale.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

SRC = Path(__file__).resolve().parents[1] / "src" / "exnorm"

FLOORS: dict[str, tuple[str, ...]] = {
    "hosts": (
        "cli", "report", "compare", "trace", "messages", "fluentbit", "logstash", "otlp", "syslogng", "relay",
        "arrow", "spark", "tabular",
    ),
    "the flow": ("pipeline", "engine", "testing"),
    "what there is": ("plugins",),
    "logs, fields, formats": ("sources", "taxonomies", "codecs"),
    "tables": ("tables", "journey", "identity"),
    "tools": (
        "text", "convert", "settings", "files", "origin", "extras", "rate_limit", "malloc",
    ),
    "nouns": ("model", "errors", "_kernel"),
}  # fmt: skip
HOSTS, FLOW, TOOLS = 0, 1, 5

# What comes in, which room makes it the next thing, ... The rooms are drawn as on their floor.
STEPS = (
    "bytes", "text", "line", "pipeline + sources", "Record", "tables + taxonomies", "Event", "codecs",
    "payload",
)  # fmt: skip

WIDTH, LEFT, TOP, LINE, GAP = 960, 216, 140, 40, 14

STYLE = """
  .paper { fill: #ffffff } .floor { fill: #eef1f6 } .room { fill: #ffffff; stroke: #3f51b5 }
  .noun { fill: #3f51b5 } text { font: 14px sans-serif; fill: #1b1f27 } .name { text-anchor: middle }
  .light { fill: #ffffff } .title { font-weight: bold } .arrow { stroke: #6b7385; fill: none }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #1e2129 } .floor { fill: #2a2e3a } .room { fill: #1e2129; stroke: #9fa8da }
    .noun { fill: #9fa8da } text { fill: #e6e8ee } .light { fill: #14161c } .arrow { stroke: #9aa2b1 }
  }
"""


def find_rooms(folder: Path = SRC) -> dict[str, set[str]]:
    """Each room of a package with the rooms that it imports when it runs."""
    modules = [path for path in folder.rglob("*.py") if path.name != "__main__.py" and path.parent != folder]
    modules += [path for path in folder.glob("*.py") if not path.name.startswith("__")]
    rooms: dict[str, set[str]] = {"_kernel": set()}
    for path in modules:
        room = path.relative_to(folder).parts[0].removesuffix(".py")
        imported = rooms.setdefault(room, set())
        imported |= _find_imported(path) - {room}
    return {room: {name for name in found if name in rooms} for room, found in sorted(rooms.items())}


def _find_imported(path: Path) -> set[str]:
    names = read_imports(path.read_text(encoding="utf-8"))
    return {name.split(".")[1] for name in names if name != "exnorm"}


def read_imports(source: str) -> Iterator[str]:
    """The modules of exnorm that a module imports anywhere but under ``if TYPE_CHECKING``."""
    waiting: list[ast.AST] = [ast.parse(source)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.split(".")[0] == "exnorm")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            if node.module == "exnorm":
                yield from (f"exnorm.{name.name}" for name in node.names)
            elif node.module and node.module.startswith("exnorm."):
                yield node.module
        waiting += ast.iter_child_nodes(node)


def place(rooms: dict[str, set[str]]) -> list[list[str]]:
    """The rooms of each floor. One that no floor names goes as low as what it imports lets it."""
    floor = {room: number for number, names in enumerate(FLOORS.values()) for room in names if room in rooms}
    for room in [room for room in rooms if room not in floor]:
        lowest = min((floor[name] for name in rooms[room] if name in floor), default=TOOLS)
        floor[room] = HOSTS if lowest <= FLOW else min(lowest, TOOLS)
    named = [room for names in FLOORS.values() for room in names]
    order = sorted(
        rooms, key=lambda room: (room not in named, named.index(room) if room in named else 0, room)
    )
    return [[room for room in order if floor[room] == number] for number in range(len(FLOORS))]


def draw(rooms: dict[str, set[str]]) -> str:
    """The picture as SVG; each room has what it imports as its tooltip."""
    parts: list[str] = []
    y = TOP
    for title, names in zip(FLOORS, place(rooms)):
        lines = list(_break(names))
        height = len(lines) * LINE + GAP
        parts.append(f'<g class="band"><title>{escape(title)}</title>')
        parts.append(f'<rect class="floor" x="20" y="{y}" width="{WIDTH - 40}" height="{height}" rx="6"/>')
        parts.append(f'<text class="title" x="32" y="{y + LINE / 2 + 12:g}">{escape(title)}</text>')
        for number, line in enumerate(lines):
            x = LEFT
            for name in line:
                imports = ", ".join(sorted(rooms[name])) or "nothing"
                top = y + GAP / 2 + 5 + number * LINE
                parts.append(_box(x, top, _width(name), name, "room", f"{name} imports {imports}"))
                x += _width(name) + GAP
        parts.append("</g>")
        y += height + GAP
    parts.append(f'<path class="arrow" d="M10 {TOP} V{y - GAP}" marker-end="url(#end)"/>')
    parts.append(f'<text x="20" y="{y + 10}">Every import goes down, or stays on its floor.</text>')
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 24}" role="img">\n'
        "<title>The rooms of exnorm and the way of an event through them</title>\n"
        f"<style>{STYLE}</style>\n"
        '<defs><marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto"><path class="arrow" d="M1 1 L7 4 L1 7"/></marker></defs>\n'
        f'<rect class="paper" width="{WIDTH}" height="{y + 24}"/>\n'
    )
    return head + "\n".join([*_draw_flow(), *parts]) + "\n</svg>\n"


def _draw_flow() -> Iterator[str]:
    """The strip at the top: nouns in colour, the rooms between them in outline."""
    widths = [_width(step) for step in STEPS]
    space = (WIDTH - 40 - sum(widths)) / (len(STEPS) - 1)
    yield '<g class="flow"><text class="title" x="20" y="34">The way of an event</text>'
    x = 20.0
    for number, (step, width) in enumerate(zip(STEPS, widths)):
        kind = "room" if number % 2 else "noun"
        yield _box(x, 50, width, step, kind, "")
        if number < len(STEPS) - 1:
            yield f'<path class="arrow" d="M{x + width:g} 65 h{space - 1:g}" marker-end="url(#end)"/>'
        x += width + space
    yield '</g><text class="title" x="20" y="124">The rooms</text>'


def _box(x: float, y: float, width: float, name: str, kind: str, tooltip: str) -> str:
    ink = "name light" if kind == "noun" else "name"
    title = f"<title>{escape(tooltip)}</title>" if tooltip else ""
    place = f'x="{x:g}" y="{y:g}" width="{width:g}" height="30"'
    return (
        f'<g class="box">{title}<rect class="{kind}" {place} rx="4"/>'
        f'<text class="{ink}" x="{x + width / 2:g}" y="{y + 20:g}">{escape(name)}</text></g>'
    )


def _width(name: str) -> int:
    return 18 + 8 * len(name)


def _break(names: Sequence[str]) -> Iterator[list[str]]:
    """The rooms of a floor in lines that fit."""
    line: list[str] = []
    for name in names:
        if line and LEFT + sum(_width(one) + GAP for one in [*line, name]) > WIDTH - 20:
            yield line
            line = []
        line.append(name)
    yield line


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(draw(find_rooms()), encoding="utf-8")
