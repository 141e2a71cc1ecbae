from __future__ import annotations

import os
import re
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exnorm.cli import explain, report as cli_report
from exnorm.report import page as page_module
from exnorm.report.plots import Draw

if TYPE_CHECKING:
    from tests.cli.conftest import Exnorm

pytest.importorskip("jinja2")
pytest.importorskip("vl_convert")

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "examples" / "MSGTRK2018112722-1.LOG"
IIS = ROOT / "tests" / "samples" / "iis" / "u_ex220919_x.log"  # one of its rows does not parse


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plots are left empty here, because drawing takes longer than all the rest."""
    monkeypatch.chdir(tmp_path)
    check = page_module.check_libraries

    def draw_nothing() -> Draw:
        check()
        return lambda spec: '<svg xmlns="http://www.w3.org/2000/svg"/>'

    monkeypatch.setattr("exnorm.cli.report.check_libraries", draw_nothing)


def page(path: str = "report.html") -> str:
    return Path(path).read_text(encoding="utf-8")


def test_a_page_is_written_to_report_html_and_what_is_wrong_is_said(exnorm: Exnorm) -> None:
    result = exnorm("report", SAMPLE)
    assert (result.status, result.out) == (0, b"")
    # One of the four rows is SENDEXTERNAL; and they are of 2018.
    assert result.err == (
        "exnorm: report.html: 1 file, 4 rows; 2 findings, the first: Profile arcsight-guide leaves out 1 "
        "SENDEXTERNAL events: mail sent outside the organization is not in the output; --profile security "
        "keeps it\n"
    )
    assert page().startswith("<!DOCTYPE html>\n")
    assert page().endswith("</html>\n")


def test_where_nothing_is_wrong_that_is_said(exnorm: Exnorm) -> None:
    yesterday = (datetime.now(timezone.utc) - timedelta(days=1)).strftime("%Y-%m-%d")
    lines = SAMPLE.read_text(encoding="utf-8").splitlines(keepends=True)
    Path("MSGTRK-1.LOG").write_text(
        "".join(line.replace("2018-11-27", yesterday) for line in lines if "SENDEXTERNAL" not in line)
    )
    assert exnorm("report", "MSGTRK-1.LOG").err == ("exnorm: report.html: 1 file, 3 rows; nothing is wrong\n")
    assert "Nothing was found." in page()


def test_the_page_goes_to_standard_output_where_that_is_asked_for(exnorm: Exnorm) -> None:
    result = exnorm("report", SAMPLE, "-o", "-", "--quiet")
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith(b"<!DOCTYPE html>\n")
    assert not Path("report.html").exists()


def test_a_line_that_does_not_parse_and_a_file_left_out_are_status_1(exnorm: Exnorm) -> None:
    assert exnorm("report", IIS, "-o", "one.html").status == 1
    Path("notes.txt").write_text("my notes\n")
    result = exnorm("report", SAMPLE, "notes.txt", "-o", "two.html")
    assert (result.status, "notes.txt: unknown log type" in page("two.html")) == (1, True)


def test_a_file_that_cannot_be_read_is_status_2_and_the_page_is_there(exnorm: Exnorm) -> None:
    os.symlink("nowhere", "lost.LOG")
    result = exnorm("report", SAMPLE.parent, ".", "-o", "page.html")
    assert result.status == 2
    assert "lost.LOG: cannot be read: No such file or directory" in result.err
    assert "1 file could not be read" in page("page.html")


def test_a_page_is_written_anew_but_nothing_else_is_written_over(exnorm: Exnorm) -> None:
    assert exnorm("report", SAMPLE, "--title", "First").status == 0
    assert exnorm("report", SAMPLE, "--title", "Second").status == 0
    assert "<title>Second</title>" in page()
    Path("mine.html").write_text("<p>not yours</p>")
    result = exnorm("report", SAMPLE, "-o", "mine.html")
    assert (result.status, page("mine.html")) == (2, "<p>not yours</p>")
    assert result.err == ("exnorm: --output: 'mine.html' is there and is no report; --force writes over it\n")
    assert exnorm("report", SAMPLE, "-o", "mine.html", "--force").status == 0
    assert page("mine.html").startswith("<!DOCTYPE html>")


def test_a_page_among_the_logs_is_not_read_the_next_time(exnorm: Exnorm) -> None:
    Path("logs").mkdir()
    Path("logs/MSGTRK2018112722-1.LOG").write_bytes(SAMPLE.read_bytes())
    for _ in range(2):
        result = exnorm("report", "logs", "-o", "logs/report.html")
        assert (result.status, result.err[:37]) == (0, "exnorm: logs/report.html: 1 file, 4 r")


def test_a_log_is_never_written_over(exnorm: Exnorm) -> None:
    Path("MSGTRK2018112722-1.LOG").write_bytes(SAMPLE.read_bytes())
    result = exnorm("report", "MSGTRK2018112722-1.LOG", "-o", "MSGTRK2018112722-1.LOG", "--force")
    assert (result.status, "is one of the files to read" in result.err) == (2, True)
    assert Path("MSGTRK2018112722-1.LOG").read_bytes() == SAMPLE.read_bytes()


def test_a_folder_that_is_not_there_is_said_before_anything_is_read(exnorm: Exnorm) -> None:
    result = exnorm("report", SAMPLE, "-o", "nowhere/report.html")
    assert result.status == 2
    assert result.err.startswith("exnorm: --output: cannot write 'nowhere/report.html': there is no folder ")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_an_output_that_cannot_take_the_page_is_status_3(exnorm: Exnorm) -> None:
    result = exnorm("report", SAMPLE, "-o", "/dev/full")
    assert (result.status, result.err) == (
        3, "exnorm: --output: cannot write '/dev/full': No space left on device\n"
    )  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="rights of files are those of POSIX")
def test_the_page_has_the_rights_of_any_new_file_and_keeps_those_it_has(exnorm: Exnorm) -> None:
    mask = os.umask(0o027)
    try:
        exnorm("report", SAMPLE)
    finally:
        os.umask(mask)
    assert os.stat("report.html").st_mode & 0o777 == 0o640
    os.chmod("report.html", 0o600)
    exnorm("report", SAMPLE)
    assert os.stat("report.html").st_mode & 0o777 == 0o600
    assert sorted(os.listdir(".")) == ["report.html"]


@pytest.mark.parametrize(("missing", "named"), [("jinja2", "Jinja2"), ("vl_convert", "vl-convert-python")])
def test_without_the_extra_it_says_what_to_install(
    exnorm: Exnorm, monkeypatch: pytest.MonkeyPatch, missing: str, named: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    result = exnorm("report", SAMPLE)
    assert (result.status, result.err) == (
        2, f"exnorm: report needs {named}, not installed here; run: pip install 'exnorm[report]'\n"
    )  # fmt: skip
    assert not Path("report.html").exists()


def test_both_products_are_shown_unless_one_is_asked_for(
    exnorm: Exnorm, monkeypatch: pytest.MonkeyPatch
) -> None:
    exnorm("report", SAMPLE)
    assert "ArcSight field (arcsight-2016)" in page()
    assert "JSA field (jsa-message-tracking)" in page()
    exnorm("report", SAMPLE, "--taxonomy", "jsa")
    assert "ArcSight field" not in page()
    assert "JSA field (jsa-message-tracking)" in page()
    monkeypatch.setenv("EXNORM_TAXONOMY", "arcsight")
    exnorm("report", SAMPLE)
    assert "JSA field" not in page()


def test_a_profile_shows_what_it_would_leave_out(exnorm: Exnorm) -> None:
    result = exnorm("report", SAMPLE, "--profile", "arcsight-guide")
    assert "Profile arcsight-guide leaves out" in result.err
    assert "Outlined bars are left out." in page()


def test_a_pinned_table_is_used_for_its_own_product(exnorm: Exnorm) -> None:
    assert exnorm("report", SAMPLE, "--mapping", "arcsight-flow").status == 0
    assert "ArcSight field (arcsight-flow)" in page()
    assert "JSA field (jsa-message-tracking)" in page()


def test_several_jobs_make_the_same_page(exnorm: Exnorm) -> None:
    inputs = [SAMPLE, IIS, ROOT / "tests" / "samples" / "message_tracking" / "2019"]
    exnorm("report", *inputs, "-o", "one.html")
    exnorm("report", *inputs, "-o", "two.html", "--jobs", 2)
    one, two = (
        re.sub(r"on \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "", page(name)) for name in ("one.html", "two.html")
    )
    assert one == two


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--taxonomy", "arcsigth"), "taxonomy: got 'arcsigth'; did you mean 'arcsight'?"),
        (("--sample", "99"), "invalid value for '--sample'"),
        (("nowhere.log",), "no such file or folder: 'nowhere.log'"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(
    exnorm: Exnorm, arguments: tuple[str, ...], said: str
) -> None:
    result = exnorm("report", SAMPLE, *arguments)
    assert (result.status, said in result.err) == (2, True), result.err
    assert not Path("report.html").exists()


def test_every_option_of_its_own_is_on_its_page(exnorm: Exnorm) -> None:
    text = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")
    shared = {option for parameter in explain.command.params for option in parameter.opts}
    own = {
        o for parameter in cli_report.command.params for o in parameter.opts if o.startswith("--")
    } - shared
    assert {"--output", "--force", "--examine"} <= own
    assert {option for option in own if f"`{option}`" not in text and f"`{option} " not in text} == set()
