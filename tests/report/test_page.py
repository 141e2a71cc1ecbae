"""The page as a reader of HTML sees it: nothing of a log may be more than text, and everybody can use it."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exnorm.cli import run
from exnorm.report import page as page_module

if TYPE_CHECKING:
    from tests.report.conftest import Logs

pytest.importorskip("jinja2")
pytest.importorskip("vl_convert")

HOSTILE = (
    "<script>alert(1)</script>",
    "</title><script>alert(2)</script>",
    '"><img src=x onerror=alert(3)>',
    "</style></svg><iframe src=//evil.example></iframe>",
    "{{ 7 * 7 }}{% raw %}",
    "<!-- <a href='javascript:alert(4)'>",
    "&lt;b&gt; datum.x = alert(5)",
)
VOID = {"meta", "link", "br"}


class Page(HTMLParser):
    """Elements in order, their attributes, and their text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = text
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.content: dict[str, list[str]] = {}
        self.flow: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        tag = self.open[-1] if self.open else ""
        self.content.setdefault(tag, []).append(data)
        if tag != "style":
            self.flow.append(data)

    def all(self, *tags: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.elements if tag in tags]

    @property
    def words(self) -> str:
        """All that is to be read, cell after cell."""
        return " ".join(" ".join(self.flow).split())


def make_page(folder: Path, *options: str) -> Page:
    output = folder.parent / "page.html"
    run(["report", str(folder), "-o", str(output), "-q", *options])
    return Page(output.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def page(planted: Path, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The page over the planted faults."""
    output = tmp_path_factory.mktemp("page") / "page.html"
    run(["report", str(planted), "-o", str(output), "-q"])
    return Page(output.read_text(encoding="utf-8"))


def plant_hostile(folder: Path, logs: Logs) -> Path:
    rows = [
        logs.row(
            f"2026-01-05T10:0{number}:00.000Z", f"EX{text}".replace(",", ""), f"EV{number}{text}",
            subject=text, sender=f"{text}@x.example", recipient=f"bo@{text}", client=text,
        )
        for number, text in enumerate(HOSTILE)
    ]  # fmt: skip
    torn = [f"2026-01-05T10:00:00.000Z,{text}\r\n" for text in HOSTILE]
    columns = logs.columns + ",<script>alert(6)</script>"
    wide = [row.rstrip() + ",<b>\r\n" for row in rows]
    logs.write(folder, "MSGTRK2026010500-1.LOG", [*wide, *torn], logs.header("<script>v</script>", columns))
    logs.write(folder, "<script>alert(7)<script>.txt", ["#Log-type: <script>alert(8)</script>\r\n"], "")
    return folder


def test_no_text_of_a_log_becomes_anything_but_text(logs: Logs, tmp_path: Path) -> None:
    folder = plant_hostile(tmp_path / "logs", logs)
    page = make_page(folder, "--show-values", "--title", "</title><script>alert(9)</script>")
    tags = {tag for tag, _ in page.elements}
    assert (
        tags & {"script", "img", "iframe", "object", "embed", "form", "input", "base", "b", "image", "use"}
        == set()
    )
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert attributes.get("href", "#").startswith(("#", "data:,"))
        assert "src" not in attributes
    assert page.open == []
    for text in HOSTILE:
        assert " ".join(text.split()) in page.words
    for number in (6, 7, 8, 9):
        assert f"alert({number})" in page.words


def test_every_address_of_a_section_and_every_name_is_there_once(logs: Logs, tmp_path: Path) -> None:
    page = make_page(plant_hostile(tmp_path / "logs", logs))
    names = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(names) == len(set(names))
    wanted = [attributes["href"][1:] for attributes in page.all("a")]
    for _, attributes in page.elements:
        wanted += attributes.get("aria-labelledby", "").split()
    assert set(wanted) <= set(names)


def test_personal_data_is_masked_unless_it_is_asked_for(logs: Logs, tmp_path: Path) -> None:
    rows = [
        logs.row(
            "2026-01-05T10:00:00.000Z", subject="Merger with Northwind", sender="anna.long@partner.example"
        )
    ]
    torn = ['2026-01-05T10:00:00.000Z,"Merger with Northwind,anna.long@partner.example\r\n']
    logs.write(tmp_path / "logs", "MSGTRK2026010500-1.LOG", [*rows, *torn, logs.row("Merger with Northwind")])
    masked, shown = make_page(tmp_path / "logs"), make_page(tmp_path / "logs", "--show-values")
    for secret in ("Merger", "Northwind", "anna", "partner.example", "203.0.113", "bo@contoso"):
        assert secret not in masked.text
        assert secret in shown.text
    assert "a***@p***.example" in masked.words
    assert "treat this page as you treat the logs" in shown.words
    assert "EX01" in masked.words


def test_what_the_top_says_of_masks_is_what_the_page_shows(page: Page) -> None:
    note, rest = page.words.split("--show-values shows them.", 1)
    assert note.endswith(
        "Values are masked: mail addresses as a***@p***.example, IP addresses as 203.0.*.*, other text and "
        "whole lines with x for a letter and 9 for a digit; "
    )
    # anna@partner.example, 203.0.113.7 and the subject Quarterly figures, as the rows have them
    for shown in ("a***@p***.example", "203.0.*.*", "xxxxxxxxx xxxxxxx"):
        assert shown in rest


def test_the_page_loads_nothing_and_allows_nothing_to_load(page: Page) -> None:
    (policy,) = [a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    style = "".join(page.content["style"])
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    namespaces = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert set(re.findall(r"[a-z]+://[^\s\"'<>]+", page.text)) <= namespaces
    assert "url(" not in style
    assert "@import" not in style


def test_headings_go_down_one_step_at_a_time_below_one_title(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))


def test_the_page_has_a_language_landmarks_and_a_way_past_the_navigation(page: Page) -> None:
    assert page.all("html") == [{"lang": "en"}]
    assert [len(page.all(tag)) for tag in ("header", "nav", "main", "footer", "title")] == [1, 1, 1, 1, 1 + 4]
    first = next(attributes for tag, attributes in page.elements if tag == "a")
    assert first == {"class": "skip", "href": "#wrong"}


def test_every_table_has_a_caption_and_every_head_cell_a_direction(page: Page) -> None:
    assert len(page.all("table")) == len(page.all("caption")) > 15
    assert {attributes.get("scope") for attributes in page.all("th")} == {"col", "row"}
    for attributes in page.all("div"):
        if attributes.get("class") == "scroll":
            assert attributes["role"] == "region"
            assert attributes["tabindex"] == "0"
            assert {"aria-label", "aria-labelledby"} & set(attributes)


def test_every_plot_is_a_picture_with_a_title_and_a_description(page: Page) -> None:
    plots = page.all("svg")
    assert [plot["role"] for plot in plots] == ["img"] * 4
    assert len(page.content["desc"]) == 4
    assert (
        "gaps. EX02, Exchange message tracking log: its last row is of 2026-01-07 11:55:00"
        in page.content["desc"][1]
    )
    assert page.content["title"][1:] == [
        "Rows by time", "When each server wrote", "Rows by event", "Events by hour of the day"
    ]  # fmt: skip


def test_plots_follow_the_colours_of_the_page(page: Page) -> None:
    drawn = "".join(re.findall(r"<svg.*?</svg>", page.text, re.DOTALL))
    colours = set(re.findall(r'(?:fill|stroke)="([^"]+)"', drawn)) - {"none", "transparent", "currentColor"}
    assert colours
    assert {colour for colour in colours if not colour.startswith("var(--")} == set()


def test_the_numbers_of_each_plot_stand_in_a_table(page: Page) -> None:
    # Hour 10 of the first day: 12 rows each of the two servers' logs and of the SUBMIT, priority-lane and two
    # RESOLVE files; of the torn file 12 without three lines that do not parse and the row of 8:00.
    assert f"2026-01-05 10:00:00 {6 * 12 + 8}" in page.words
    assert "SENDEXTERNAL Exchange message tracking log 720 45.9 % kept left out kept" in page.words


def test_the_files_table_tells_of_copies_and_of_times_to_come(page: Page) -> None:
    assert "copy of MSGTRKMD.LOG exactly the content of EX01/MSGTRKMD2026010511-1.LOG" in page.words
    assert "3 of its 12 lines (25 %) not parsed; time goes from 2026-01-05 10:30:00 back to" in page.words
    row = "EX01/MSGTRK2099010100-1.LOG Exchange message tracking log 1 0 2099-01-01 00:00:00"
    assert f"{row} 2099-01-01 00:00:00" in page.words


def test_the_top_says_how_many_files_have_rows_and_what_its_span_leaves_out(page: Page) -> None:
    assert (
        "1,570 rows in 12 of 14 files, from 2026-01-05 00:00:00 to 2026-01-07 23:55:00 UTC, without 1 row of "
        "a time that has not come yet."
    ) in page.words
    assert "files with rows 12 of 14 files without a row 1 files of unknown type 1" in page.words


def test_why_a_column_is_additional_data_is_said_once(page: Page) -> None:
    # Both sample rows have network-message-id; only the one of the newer version has priority-lane.
    why = "kept as a custom attribute under the column's name"
    section = page.words.partition("Why columns of these rows are additional data")[2]
    assert section.count(why) == 1
    assert "JSA Exchange message tracking log unknown column priority-lane" in section
    assert "so the table has it network-message-id, transport-traffic-type" in section
    masked = "9xx999xx-9xx9-99x9-9xxx-99x999x999x9"
    assert f"network-message-id {masked} additional data networkMessageId networkMessageId" in section


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, two: str) -> float:
    light, dark = sorted((luminance(one), luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_worked_out_as_the_guideline_has_it() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # the guideline's own example


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_texts_and_bars_have_the_contrast_of_level_aa(scheme: int) -> None:
    style = (Path(__file__).parents[2] / "src" / "exnorm" / "report" / "page.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    assert len(blocks) == 2
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", blocks[scheme]))
    for name in ("ink", "muted", "link", "problem", "look", "note"):
        assert contrast(colours[name], colours["page"]) >= 4.5, name
        assert contrast(colours[name], colours["soft"]) >= 4.5, name
    for name in ("bar", "gap", "line"):
        assert contrast(colours[name], colours["page"]) >= 3, name


def test_a_folder_without_a_row_gives_a_page_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    page = make_page(tmp_path / "logs")
    assert "There is not one row in these files" in page.words
    assert page.all("svg") == []


def test_a_text_that_is_no_unicode_is_shown_as_an_escape(logs: Logs, tmp_path: Path) -> None:
    lone = (logs.header() + logs.row("2026-01-05T10:00:00.000Z", "EX\ud800")).encode(
        "utf-16-le", "surrogatepass"
    )
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "MSGTRK2026010500-1.LOG").write_bytes(b"\xff\xfe" + lone)
    assert "encoding: 1 line" in make_page(tmp_path / "logs").words


def test_the_page_says_what_each_profile_would_send(tmp_path: Path) -> None:
    """By hand: 25 rows, one a minute from 08:00 to 08:24, then 60 of 09:30 within one minute; 5400 s in all.

    85 rows / 5400 s = 0.0157 a second = 1360 a day; the busiest minute has 60 rows, one a second.
    """
    rows = [f"2026-03-17T08:{minute:02}:00.000Z,SEND,a@example.test" for minute in range(25)]
    rows += [f"2026-03-17T09:30:00.{number:03}Z,DELIVER,a@example.test" for number in range(60)]
    log = tmp_path / "MSGTRK2026031708-1.LOG"
    header = "#Log-type: Message Tracking Log\n#Fields: date-time,event-id,sender-address\n"
    log.write_text(header + "\n".join(rows) + "\n")
    page = tmp_path / "page.html"
    assert run(["report", str(log), "-o", str(page), "--quiet"]) == 0
    text = page.read_text("utf-8")
    table = text[text.index('id="t-rates"') :].partition("</table>")[0]
    cells = [re.findall(r">([^<>]+)</t[hd]>", row) for row in table.split("<tr>")[2:]]
    assert cells == [
        ["all", "1,360", "0.016", "1", "1 min"],
        ["arcsight-guide", "400", "0.0046", "0.017", "1 min"],
        ["security", "400", "0.0046", "0.017", "1 min"],
        ["one event for each message", "1,360", "0.016"],  # no row names a message
    ]


def test_one_event_for_each_message_counts_messages_and_all_other_rows(
    tmp_path: Path,
) -> None:
    """By hand: 60 rows of 10 messages and 20 that carry none in two hours: 30 events, 360 a day."""
    rows = [
        f"2026-03-17T08:{n:02}:00.000Z,SEND,{n % 10:08}-1e63-493a-80a2-08da9a4ff8da,<x{n}@y>"
        for n in range(60)
    ]
    rows += [f"2026-03-17T{9 + n // 19:02}:00:00.000Z,NOTIFYMAPI,," for n in range(20)]
    log = tmp_path / "MSGTRK2026031708-1.LOG"
    header = "#Log-type: Message Tracking Log\n#Fields: date-time,event-id,network-message-id,message-id\n"
    log.write_text(header + "\n".join(rows) + "\n")
    page = tmp_path / "page.html"
    assert run(["report", str(log), "-o", str(page), "--quiet"]) == 0
    text = page.read_text("utf-8")
    table = text[text.index('id="t-rates"') :].partition("</table>")[0]
    cells = [re.findall(r">([^<>]+)</t[hd]>", row) for row in table.split("<tr>")[2:]]
    assert cells[-1] == ["one event for each message", "360", "0.0042"]


def test_a_finding_names_the_command_that_shows_its_lines(tmp_path: Path) -> None:
    log = tmp_path / "MSGTRK 2026.LOG"
    header = "#Log-type: Message Tracking Log\n#Fields: date-time,event-id,x-verdict\n"
    log.write_text(header + "2026-03-17T08:00:00.000Z,SEND,clean\n2026-03-17T08:00:00.000Z,SEND\n")
    page = tmp_path / "page.html"
    assert run(["report", str(log), "-o", str(page), "--quiet"]) == 1
    text = html.unescape(page.read_text("utf-8"))
    assert f"exnorm convert '{log}' --dry-run --rejects rejects.ndjson" in text
    assert f"exnorm explain '{log}' --line 3" in text


def test_plots_come_before_the_list_of_files_which_is_folded() -> None:
    template = Path(page_module.__file__).with_name("page.html").read_text("utf-8")
    assert template.index('id="time"') < template.index('id="events"') < template.index('id="files"')
    assert '<details><summary>All files</summary>\n{{ table("t-files"' in template
