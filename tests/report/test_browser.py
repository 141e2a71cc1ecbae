"""The page in a real browser: it is whole, its style is allowed by its own policy, nothing runs."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exnorm.cli import run

if TYPE_CHECKING:
    from tests.report.conftest import Logs

pytest.importorskip("jinja2")
pytest.importorskip("vl_convert")

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), "")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--force-color-profile=srgb",
)  # fmt: skip

pytestmark = pytest.mark.skipif(not BROWSER, reason="no Chromium here: install it, or name it in CHROMIUM")


def browse(page: Path, *options: str) -> bytes:
    """What the browser writes to standard output for a page."""
    command = [BROWSER, *FLAGS, f"--user-data-dir={page.parent / 'browser'}", *options, page.as_uri()]
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=120, check=True
    ).stdout


def first_pixel(picture: Path) -> tuple[int, int, int]:
    """The colour in the upper left corner of a PNG: of the first pixel no filter takes anything off."""
    data = picture.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    packed, at = b"", 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        if data[at + 4 : at + 8] == b"IDAT":
            packed += data[at + 8 : at + 8 + length]
        at += length + 12
    red, green, blue = zlib.decompress(packed)[1:4]
    return red, green, blue


@pytest.fixture(scope="module")
def written(planted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("browser") / "report.html"
    run(["report", str(planted), "-o", str(output), "-q"])
    return output


def test_attacks_in_a_log_do_not_run_and_the_page_is_whole(logs: Logs, tmp_path: Path) -> None:
    attack = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    rows = [logs.row("2026-01-05T10:00:00.000Z", f"EX{attack}", f"EV{attack}", attack.replace('"', ""))]
    logs.write(tmp_path / "logs", "MSGTRK2026010500-1.LOG", [*rows, f"torn {attack}\r\n"])
    output = tmp_path / "report.html"
    run(["report", str(tmp_path / "logs"), "-o", str(output), "-q", "--show-values", "--title", "Mine"])
    seen = browse(output, "--dump-dom").decode("utf-8")
    assert "<title>Mine</title>" in seen
    assert "<script" not in seen
    assert "<img" not in seen
    assert "&lt;script&gt;document.title=" in seen
    assert seen.rstrip().endswith("</html>")
    assert "runs no script and sends nothing" in seen


LONG = os.environ.get("EXNORM_BROWSER") == "1"


@pytest.mark.parametrize(
    ("flags", "colour"),
    [
        pytest.param(
            (), (0xFF, 0xFF, 0xFF), marks=pytest.mark.skipif(not LONG, reason="EXNORM_BROWSER=1 runs it")
        ),
        (("--force-dark-mode", "--blink-settings=preferredColorScheme=0"), (0x15, 0x18, 0x1B)),
    ],
    ids=["light", "dark"],
)
def test_its_own_style_is_let_through_in_light_and_in_dark(
    written: Path, tmp_path: Path, flags: tuple[str, ...], colour: tuple[int, int, int]
) -> None:
    picture = tmp_path / "page.png"
    browse(written, *flags, "--window-size=800,600", f"--screenshot={picture}")
    assert first_pixel(picture) == colour


@pytest.mark.skipif(not LONG, reason="prints twice; EXNORM_BROWSER=1 runs it")
def test_it_prints_with_its_tables_open(written: Path, tmp_path: Path) -> None:
    paper = tmp_path / "page.pdf"
    browse(written, "--no-pdf-header-footer", f"--print-to-pdf={paper}")
    content = paper.read_bytes()
    assert content.startswith(b"%PDF-")
    closed = tmp_path / "closed.html"
    text = written.read_text(encoding="utf-8")
    closed.write_text(text.replace("<details>", "<details hidden>"), encoding="utf-8")
    browse(closed, "--no-pdf-header-footer", f"--print-to-pdf={tmp_path / 'closed.pdf'}")
    assert (
        content.count(b"/Type /Page\n") > (tmp_path / "closed.pdf").read_bytes().count(b"/Type /Page\n") > 2
    )
