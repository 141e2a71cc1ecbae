"""Draws how one row becomes one event: ``python docs/event_picture.py docs/event.svg``.

Row, fields and payload are what exnorm makes of the sample in ``examples/``; a column and the field that
holds it have one colour. tests/test_event_picture.py fails when the picture is stale.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

from exnorm import Normalizer, Unparsed
from exnorm.pipeline.explanation import explain

SAMPLE = Path(__file__).resolve().parents[1] / "examples" / "MSGTRK2018112722-1.LOG"
COLUMNS = (
    "date-time", "event-id", "source", "client-ip", "server-ip", "sender-address", "recipient-address",
    "message-subject", "total-bytes", "message-id",
)  # fmt: skip
"""The columns that are drawn; the picture says how many more there are."""

WIDTH, LEFT, RIGHT, TOP, LINE = 960, 20, 520, 128, 34
COLUMN_WIDTH = 400
STYLE = """
  .paper { fill: #ffffff } .strip { fill: #eef1f6 } text { font: 14px sans-serif; fill: #1b1f27 }
  .code { font: 13px monospace } .name { font-weight: bold } .muted { fill: #596273 }
  .c0 { stroke: #2f6fb7; fill: #2f6fb7 } .c1 { stroke: #b3541e; fill: #b3541e }
  .c2 { stroke: #2e7d4f; fill: #2e7d4f } .c3 { stroke: #8e3b8a; fill: #8e3b8a }
  .c4 { stroke: #8a6d00; fill: #8a6d00 } .line { stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #1e2129 } .strip { fill: #2a2e3a } text { fill: #e6e8ee } .muted { fill: #a9b2c3 }
    .c0 { stroke: #6aa9ee; fill: #6aa9ee } .c1 { stroke: #f0935c; fill: #f0935c }
    .c2 { stroke: #6cc493; fill: #6cc493 } .c3 { stroke: #d58ad1; fill: #d58ad1 }
    .c4 { stroke: #d9b840; fill: #d9b840 }
  }
"""


@dataclass(frozen=True)
class Pair:
    """A column with its text, and the field that has it with its key and value."""

    column: str
    text: str
    key: str
    value: str


@dataclass(frozen=True)
class Story:
    """A row, its payload, the pairs to draw, and how many columns with a value are not drawn."""

    row: str
    payload: str
    pairs: tuple[Pair, ...]
    more: int


def read_story(path: Path = SAMPLE) -> Story:
    """What exnorm makes of the first row of a sample."""
    lines = path.read_bytes().splitlines(keepends=True)
    normalizer = Normalizer(taxonomy="arcsight")
    record = next(normalizer.parse(lines, normalizer.stream(path.name)))
    if isinstance(record, Unparsed):
        raise ValueError(f"{path}: the first row does not parse: {record.reason}")
    (explanation,) = explain(record, normalizer)
    payload = next(iter(normalizer.encode(lines, normalizer.stream(path.name)))).decode()
    by_column = {item.column: item for item in reversed(explanation.fields) if not item.ours}
    values = record.values
    pairs = tuple(
        Pair(column, values[column], by_column[column].key, str(by_column[column].value))
        for column in COLUMNS
    )
    more = sum(1 for value in values.values() if value) - len(pairs)
    return Story(record.raw.rstrip("\r\n"), payload, pairs, more)


def draw(story: Story) -> str:
    """The picture as SVG, for light and dark pages."""
    height = TOP + LINE * len(story.pairs) + 96
    words = (
        f"On the left {len(story.pairs)} columns of a row of a message tracking log, on the right the CEF "
        "fields that hold them."
    )
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">\n'
        f"<title>One row becomes one event</title>\n<desc>{escape(words)}</desc>\n<style>{STYLE}</style>\n"
        f'<rect class="paper" width="{WIDTH}" height="{height}" rx="8"/>\n'
    )
    return head + "\n".join(_draw_parts(story, height)) + "\n</svg>\n"


def _draw_parts(story: Story, height: int) -> Iterator[str]:
    yield _text(LEFT, 28, "A row that Exchange wrote", "name")
    yield _strip(LEFT, 40, story.row)
    yield _text(LEFT, TOP - 22, "its columns", "muted")
    yield _text(RIGHT, TOP - 22, "the event's fields, by the vendor's table", "muted")
    for number, pair in enumerate(story.pairs):
        y = TOP + LINE * number
        colour = f"c{number % 5}"
        title = f"<title>{escape(pair.column)} becomes {escape(pair.key)}</title>"
        yield (
            f'<g>{title}<rect class="{colour}" x="{LEFT}" y="{y}" width="5" height="24"/>'
            f'<path class="line {colour}" d="M{LEFT + COLUMN_WIDTH} {y + 12} H{RIGHT}"/>'
            f'<rect class="{colour}" x="{RIGHT}" y="{y}" width="5" height="24"/>'
            f"{_pair(LEFT + 14, y + 17, pair.column, pair.text)}"
            f"{_pair(RIGHT + 14, y + 17, pair.key, pair.value)}</g>"
        )
    below = height - 92
    rest = f"{story.more} more columns have a value: each is in a field or in the additional data"
    yield _text(LEFT, below + 14, rest, "muted")
    yield _text(LEFT, below + 40, "One event, ready to send", "name")
    yield _strip(LEFT, below + 50, story.payload)


def _text(x: float, y: float, words: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x}" y="{y}">{escape(words)}</text>'


def _strip(x: int, y: int, text: str) -> str:
    return (
        f'<rect class="strip" x="{x}" y="{y}" width="{WIDTH - 2 * x}" height="32" rx="4"/>'
        f'<text class="code" x="{x + 10}" y="{y + 21}">{escape(_shorten(text, 114))}</text>'
    )


def _pair(x: int, y: int, name: str, value: str) -> str:
    shown = escape(_shorten(value, 48 - len(name)))
    return (
        f'<text x="{x}" y="{y}"><tspan class="name">{escape(name)}</tspan> '
        f'<tspan class="code">{shown}</tspan></text>'
    )


def _shorten(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(draw(read_story()), encoding="utf-8")
