# ruff: noqa: E501
"""The page of ``exnorm trace``: whole, escaped, with a picture that says in words what it shows."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import pytest
from tests.journey.rows import HUB1, MBX1, MBX2, MESSAGE, read, row, sent, write
from tests.report.test_browser import BROWSER, browse, first_pixel

from exnorm.cli import run
from exnorm.journey.joining import join
from exnorm.journey.story import tell
from exnorm.trace.picture import draw

pytest.importorskip("jinja2")
SVG = "{http://www.w3.org/2000/svg}"
ATTACK = "<script>document.title='owned'</script><img src=x onerror=alert(1)>\"'&"


def page_of(tmp_path: Path, **logs: list[str]) -> Path:
    folder = write(tmp_path / "logs", **logs)
    output = tmp_path / "page.html"
    assert run(["trace", MESSAGE, str(folder), "-o", str(output), "-q"]) == 0
    return output


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return page_of(tmp_path, MBX1=MBX1, HUB1=HUB1, MBX2=MBX2)


def test_the_page_tells_what_became_of_everybody_and_what_is_missing(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "9 recipients: 1 failed, 1 deferred, 1 pending, 4 delivered, 1 expanded, 1 redirected" in text
    assert '<td class="state failed">failed</td>' in text
    assert "the log of HUB2: HUB1 sent it there and MBX2 received it from there" in text


def test_the_page_loads_nothing_and_runs_nothing(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert not re.search(r"<(script|iframe|object|link rel=\"stylesheet)", text)
    assert not re.search(r"\b(src|href)=\"(?!#|data:,)", text)


def test_whoever_cannot_see_or_point_reads_it_too(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert '<html lang="en">' in text
    assert 'class="skip"' in text
    headings = [int(level) for level in re.findall(r"<h(\d)", text)]
    assert headings[0] == 1
    assert all(later - sooner <= 1 for sooner, later in pairwise(headings))
    tables = re.findall(r"<table.*?</table>", text, re.DOTALL)
    assert tables
    assert all("<caption" in table and 'scope="col"' in table and 'scope="row"' in table for table in tables)
    assert text.count('class="scroll"') == text.count('tabindex="0"')
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    for name in re.findall(r'aria-labelledby="([^"]+)"', text):
        assert set(name.split()) <= set(ids), name


def test_the_picture_says_in_words_what_it_shows_and_names_every_server() -> None:
    story = tell(join(read([*MBX1, *HUB1, *MBX2]))[0])
    root = ET.fromstring(draw(story))
    assert root.get("role") == "img"
    described = root.findtext(f"{SVG}desc") or ""
    assert described.startswith("Over MBX1, then HUB1, then MBX2; the log of HUB2 is missing. 9 recipients")
    kinds = {
        (group.get("class") or "").split()[-1]: group.findtext(f"{SVG}title") or ""
        for group in root.iter(f"{SVG}g")
    }
    assert kinds["missing"].startswith("HUB2 log not here")
    assert kinds["outside"].startswith("mx.partner.example outside")
    boxes = [group for group in root.iter(f"{SVG}g") if (group.get("class") or "").startswith("box")]
    arrows = [group for group in root.iter(f"{SVG}g") if group.get("class") == "arrow"]
    assert (len(boxes), len(arrows)) == (6, 5)  # the client, MBX1, HUB1, HUB2, MBX2, outside
    places = {(r.get("x"), r.get("y")) for r in root.iter(f"{SVG}rect")}
    assert len(places) == 6


def test_a_message_that_goes_in_a_circle_is_drawn() -> None:
    lines = [
        sent(f"08:30:0{n}.000", f"EX{n}", f"EX{(n + 1) % 3}.contoso.test", "bo@contoso.test")
        for n in range(3)
    ]
    ET.fromstring(draw(tell(join(read(lines))[0])))


def test_hostile_text_is_text(tmp_path: Path) -> None:
    line = row(
        "08:00:00.000", "RECEIVE", "A", message_subject=ATTACK, sender_address=ATTACK, recipient_address=ATTACK,
        recipient_status=ATTACK, client_hostname=ATTACK, connector_id=ATTACK, source_context=ATTACK,
    )  # fmt: skip
    text = page_of(tmp_path, A=[line]).read_text(encoding="utf-8")
    assert "<script" not in text
    assert "<img" not in text
    assert "&lt;script&gt;" in text


def test_a_file_that_is_no_such_page_is_not_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path / "logs", MBX1=MBX1)
    output = tmp_path / "mine.html"
    output.write_text("mine")
    assert run(["trace", MESSAGE, str(folder), "-o", str(output)]) == 2
    assert "is there and is no trace; --force writes over it" in capsys.readouterr().err
    assert output.read_text() == "mine"
    assert run(["trace", MESSAGE, str(folder), "-o", str(output), "--force", "-q"]) == 0
    assert run(["trace", MESSAGE, str(folder), "-o", str(output), "-q"]) == 0  # its own page


needs_browser = pytest.mark.skipif(not BROWSER, reason="no Chromium here: install it, or name it in CHROMIUM")


@needs_browser
def test_in_a_browser_it_is_whole_and_its_style_is_let_through(page: Path, tmp_path: Path) -> None:
    seen = browse(page, "--dump-dom").decode("utf-8")
    assert seen.rstrip().endswith("</html>")
    assert '<svg xmlns="http://www.w3.org/2000/svg" class="way"' in seen
    picture = tmp_path / "dark.png"
    dark = ("--force-dark-mode", "--blink-settings=preferredColorScheme=0")
    browse(page, *dark, "--window-size=800,600", f"--screenshot={picture}")
    assert first_pixel(picture) == (0x15, 0x18, 0x1B)


@needs_browser
def test_on_paper_it_is_whole(page: Path, tmp_path: Path) -> None:
    paper = tmp_path / "page.pdf"
    browse(page, "--no-pdf-header-footer", f"--print-to-pdf={paper}")
    assert paper.read_bytes().startswith(b"%PDF-")
