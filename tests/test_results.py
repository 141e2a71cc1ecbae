"""Figures that a page quotes from benchmarks/RESULTS.md stand in the section that it links to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import mkdocs_hooks as hooks
import pytest

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "RESULTS.md"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\([^)]*RESULTS\.md#([\w-]+)\)")
FIGURE = re.compile(r"(?<![\w.])\d+(?:[., ]\d+)*(?![\w.]*\d)")


def sections() -> dict[str, str]:
    parts = re.split(r"^## (.+)$", RESULTS.read_text("utf-8"), flags=re.MULTILINE)
    return {hooks.slugify(title): text for title, text in zip(parts[1::2], parts[2::2], strict=True)}


def quotes(text: str) -> Iterator[tuple[str, str]]:
    """A section and a figure of each row or paragraph that links to it."""
    for block in re.split(r"\n\s*\n|\n(?=[|-])", text):
        anchors = LINK.findall(block)
        words = re.sub(r"`[^`]*`|\]\([^)]*\)|\b(?:IMAP4|POP3)\b|\d+ bytes|100 000", " ", block)
        yield from ((anchor, figure) for anchor in anchors for figure in FIGURE.findall(words))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_a_quoted_figure_stands_in_the_section_that_is_linked(page: Path) -> None:
    known = sections()
    wrong = [
        (anchor, figure)
        for anchor, figure in quotes(page.read_text("utf-8"))
        if not re.search(rf"(?<![\w.]){re.escape(figure)}(?![\w.]*\d)", known[anchor])
    ]
    assert wrong == []


def test_a_figure_that_was_not_measured_is_found() -> None:
    text = "HttpProxy takes 17.25 times as long ([web logs](../benchmarks/RESULTS.md#web-logs))."
    assert list(quotes(text)) == [("web-logs", "17.25")]
    assert "17.25" not in sections()["web-logs"]


def test_the_pages_quote_something() -> None:
    found = [quote for page in PAGES for quote in quotes(page.read_text("utf-8"))]
    assert len(found) > 5
