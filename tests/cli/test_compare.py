"""``exnorm compare``: what it reads, says, writes and refuses."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.compare.conftest import Capture
from tests.report.test_page import HOSTILE, Page

if TYPE_CHECKING:
    from tests.cli.conftest import Exnorm


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def capture() -> Capture:
    return Capture(10)


def write(capture: Capture, log: str = "a.log", theirs: str = "theirs.cef") -> None:
    Path(log).write_text(capture.log(), encoding="utf-8", newline="")
    Path(theirs).write_text("\n".join(capture.lines()), encoding="utf-8", newline="")


def test_equal_sides_are_status_0_and_different_ones_status_1(exnorm: Exnorm, capture: Capture) -> None:
    write(capture)
    result = exnorm("compare", "a.log", "--theirs", "theirs.cef")
    assert (result.status, result.err) == (0, "")
    assert result.lines[:2] == [b"verdict: same", b"events matched: 10 (10 same)"]
    capture.events[0]["msg"] = "another"
    write(capture)
    result = exnorm("compare", "a.log", "--theirs", "theirs.cef")
    assert result.status == 1
    assert b"Message (msg): differs; equal in 9 of 10" in result.lines
    assert b"    theirs: 'another'" in result.lines


def test_the_rule_that_is_named_may_be_an_overlays(exnorm: Exnorm, capture: Capture) -> None:
    write(capture)
    Path("mine.yaml").write_text(
        "tables:\n  arcsight-2016:\n    replace:\n      - {field: Message, from: message-id}\n",
        encoding="utf-8",
    )
    content = json.loads(
        exnorm("compare", "a.log", "--theirs", "theirs.cef", "--config", "mine.yaml", "--json").out
    )
    (found,) = next(one for one in content["fields"] if one["name"] == "message")["differences"]
    assert (found["rule"], found["kind"]) == ("overlay mine.yaml:4", "value differs")
    assert found["why"].startswith("Message <- message-id")
    assert found["where"] == "a.log:5"


def test_logs_of_several_servers_are_read_side_by_side(exnorm: Exnorm, capture: Capture) -> None:
    whole = capture.log().splitlines(keepends=True)
    Path("one.log").write_text("".join(whole[:4] + whole[4::2]), encoding="utf-8", newline="")
    Path("two.log").write_text("".join(whole[:4] + whole[5::2]), encoding="utf-8", newline="")
    Path("theirs.cef").write_text("\n".join(capture.lines()), encoding="utf-8")
    assert exnorm("compare", "two.log", "one.log", "--theirs", "theirs.cef").status == 0


def test_compressed_sides_and_standard_input_are_read(
    exnorm: Exnorm, capture: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gzip

    write(capture)
    Path("a.log.gz").write_bytes(gzip.compress(Path("a.log").read_bytes()))
    Path("theirs.gz").write_bytes(gzip.compress(Path("theirs.cef").read_bytes()))
    assert exnorm("compare", "a.log.gz", "--theirs", "theirs.gz").status == 0
    with Path("theirs.cef").open("rb") as file:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file))
        assert exnorm("compare", "a.log", "--theirs", "-").status == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("a.log",), "missing option '--theirs'"),
        (("--theirs", "theirs.cef"), "missing argument 'LOG...'"),
        (("a.log", "--theirs", "nowhere"), "no such file or folder: 'nowhere'"),
        (("a.log", "--theirs", "empty"), "--theirs: 'empty' is empty"),
        (
            ("a.log", "--theirs", "odd"),
            "--theirs: 'odd' holds neither CEF, LEEF, native payloads, CSV nor JSON",
        ),
        (("a.log", "--theirs", "cells.csv"), "none of its columns is a field"),
        (("a.log", "--theirs", "theirs.cef", "--taxonomy", "jsa"), "taxonomy: got 'jsa', but cef"),
        (("a.log", "--theirs", "theirs.cef", "--format", "leef"), "format: the capture is cef"),
        (("-", "--theirs", "-"), "standard input cannot be both a log and the capture"),
        (("a.log", "--theirs", "theirs.cef", "-o", "nowhere/page.html"), "there is no folder"),
        (("a.log", "--theirs", "theirs.cef", "--write-overlay", "sub"), "--write-overlay: 'sub' is a folder"),
    ],
)
def test_wrong_usage_is_status_2_and_says_what_is_wrong(
    exnorm: Exnorm, capture: Capture, words: tuple[str, ...], said: str
) -> None:
    write(capture)
    Path("empty").write_text("", encoding="utf-8")
    Path("odd").write_text("hello\nworld\n", encoding="utf-8")
    Path("cells.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    Path("sub").mkdir()
    result = exnorm("compare", *words)
    assert (result.status, result.out) == (2, b"")
    assert said in result.err


def test_a_log_of_no_known_type_is_left_out_and_told(exnorm: Exnorm, capture: Capture) -> None:
    write(capture)
    Path("odd").write_text("hello\nworld\n", encoding="utf-8")
    result = exnorm("compare", "a.log", "odd", "--theirs", "theirs.cef")
    assert result.status == 1
    assert "odd: unknown log type" in result.err
    assert b"events matched: 10 (10 same)" in result.lines


# --- the page ------------------------------------------------------------------------------------


def test_nothing_of_a_log_or_of_a_capture_is_more_than_text(exnorm: Exnorm, capture: Capture) -> None:
    pytest.importorskip("jinja2")
    for number, text in enumerate(HOSTILE):
        capture.rows[number]["message-subject"] = text.replace('"', "'")
        capture.events[number]["msg"] = text + "!"
        capture.events[number]["ad.x" + str(number)] = text
        capture.heads[number][5] = "9"
    capture.heads[8][3] = "<b>SEND</b>"
    capture.events[8]["cs2"] = "<i>x</i>"
    write(capture)
    text = Path("theirs.cef").read_text(encoding="utf-8")
    Path("theirs.cef").write_text(text + "\n<script>alert(9)</script>\n", encoding="utf-8")
    result = exnorm("compare", "a.log", "--theirs", "theirs.cef", "-o", "page.html")
    assert result.status == 1
    page = Page(Path("page.html").read_text(encoding="utf-8"))
    assert page.open == []
    assert {name for name, _ in page.elements}.isdisjoint(
        {"script", "img", "iframe", "b", "i", "object", "svg"}
    )
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    for hostile in HOSTILE:
        assert hostile in "".join(page.flow)
    assert "default-src 'none'" in page.text
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {attributes["href"][1:] for name, attributes in page.elements if name == "a"}
    assert links <= set(ids)


def test_the_page_says_what_the_text_says(exnorm: Exnorm, capture: Capture) -> None:
    pytest.importorskip("jinja2")
    capture.events[0]["msg"] = "another"
    write(capture)
    result = exnorm("compare", "a.log", "--theirs", "theirs.cef", "-o", "-")
    assert result.status == 1
    page = "".join(Page(result.out.decode()).flow)
    for said in ("Message (msg)", "1 x value differs", "another", "Message <- message-subject", "a.log:5"):
        assert said in page
    assert b"verdict: " not in result.out


def test_a_page_is_written_anew_and_nothing_else_is_written_over(exnorm: Exnorm, capture: Capture) -> None:
    pytest.importorskip("jinja2")
    write(capture)
    words = ("compare", "a.log", "--theirs", "theirs.cef", "-o")
    assert exnorm(*words, "page.html").status == 0
    assert exnorm(*words, "page.html").status == 0
    Path("mine.html").write_text("mine", encoding="utf-8")
    result = exnorm(*words, "mine.html")
    assert result.status == 2
    assert "--force writes over it" in result.err
    assert exnorm(*words, "mine.html", "--force").status == 0
    assert exnorm("compare", "a.log", "--theirs", "theirs.cef", "-o", "a.log").status == 2


def test_without_the_extra_only_the_page_is_refused(
    exnorm: Exnorm, capture: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(capture)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert exnorm("compare", "a.log", "--theirs", "theirs.cef").status == 0
    result = exnorm("compare", "a.log", "--theirs", "theirs.cef", "-o", "page.html")
    assert (result.status, result.err) == (
        2, "exnorm: compare -o needs Jinja2, not installed here; run: pip install 'exnorm[report]'\n"
    )  # fmt: skip


def test_a_terminal_gets_no_escape_of_a_capture(exnorm: Exnorm, capture: Capture) -> None:
    capture.events[0]["msg"] = "\x1b[2Jcleared\u202e"
    capture.events[1]["ad.\x1b"] = "x"
    write(capture)
    for words in ((), ("--json",)):
        result = exnorm("compare", "a.log", "--theirs", "theirs.cef", *words)
        assert b"\x1b" not in result.out
        assert "\u202e".encode() not in result.out
