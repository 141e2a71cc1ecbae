"""What a page must say of logs in which one fault of each kind was planted: each, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exnorm.cli.inputs import expand
from exnorm.cli.report import SurveyPlan
from exnorm.report.findings import Finding, duration, find, moment, percent
from exnorm.report.silences import find_gaps
from exnorm.settings import make_settings

if TYPE_CHECKING:
    from tests.report.conftest import Logs

NOW = 1_770_000_000_000  # 2026-02-02


def judge(folder: Path, profile: str = "all", now: int = 0) -> dict[str, Finding]:
    plan = SurveyPlan(make_settings({}), ("arcsight", "jsa"), 2, 1000, NOW)
    survey = plan.survey(expand([str(folder)], may_be_empty=True), lambda size: None)
    found = find(survey, find_gaps(survey.series), plan.surveyor().sources, profile, now=now)
    return {finding.title: finding for finding in found}


def test_whole_logs_have_nothing_wrong_with_them(logs: Logs, tmp_path: Path) -> None:
    times = logs.every(5, "2026-01-05T00:00", "2026-01-06T00:00")
    logs.write(tmp_path, "MSGTRK2026010500-1.LOG", (logs.row(time) for time in times))
    assert judge(tmp_path) == {}


def test_each_planted_fault_is_named_the_worst_first_and_nothing_else_is(planted: Path) -> None:
    found = judge(planted)
    torn = planted / "EX01" / "MSGTRKMD2026010510-1.LOG"
    # 1573 lines: 288 + 216 + 288 of EX01, 288 + 288 + 144 of EX02, 5 times 12 and 1 in the rest.
    assert [(finding.level, title) for title, finding in found.items()] == [
        ("problem", "1 gap in time: a server that usually writes has no rows"),
        ("problem", "1 server log stops before other servers do"),
        ("problem", "1 row of a time that has not come yet"),
        (
            "look",
            f"3 lines (0.2 % of all 1,573) could not be read as a row, in {torn}: 3 of its 12 lines (25 %)",
        ),
        (
            "look",
            "Profile arcsight-guide leaves out 720 SENDEXTERNAL events: mail sent outside the organization "
            "is not in the output; --profile security keeps it",
        ),
        ("look", "1 file with exactly the content of another one"),
        ("look", "The clock goes backwards in 1 file"),
        ("look", "1 file with rows that no header comes before"),
        ("look", "1 file left out: no log type that is known here"),
        ("look", "1 column that exnorm does not know"),
        ("look", "1 event-id that exnorm does not know"),
        ("note", "1 file without a row"),
        ("note", "Rows of several versions of Exchange side by side"),
    ]
    items = {finding.section: finding.items for finding in found.values() if finding.section == "unparsed"}
    assert set(items["unparsed"]) == {
        "1 of kind date: date-time is 'xxxxxxxxx'; expected yyyy-MM-ddTHH:mm:ss.fffZ",
        "1 of kind quote: a quoted field is left open at the end of the line",
        "1 of kind width: row has 3 fields; #Fields names 30",
    }


def test_the_details_name_the_server_the_file_and_the_time(planted: Path) -> None:
    details = [item for finding in judge(planted).values() for item in finding.items]
    # The last row before the gap is of 2:55, the first after it of 9:00; others come every five minutes.
    assert (
        "EX01, Exchange message tracking log: no rows between 2026-01-06 02:55:00 and 2026-01-06 09:00:00 "
        "(6 h 5 min); nine in ten of its silences last 5 min at most"
    ) in details
    assert (
        "EX02, Exchange message tracking log: its last row is of 2026-01-07 11:55:00, 12 h before the last "
        "row of the others"
    ) in details
    # Row 8, in line 13 below a header of five, is of 8:00; the latest before it is row 7, of 10:30.
    torn = planted / "EX01" / "MSGTRKMD2026010510-1.LOG"
    assert f"{torn}: from 2026-01-05 10:30:00 back to 2026-01-05 08:00:00 at line 13 (2 h 30 min)" in details
    assert f"{planted / 'EX01' / 'MSGTRK2099010100-1.LOG'}: 1 row, of 2099-01-01 00:00:00" in details
    assert f"{planted / 'EX02' / 'MSGTRKMS2026010511-1.LOG'}: 12 rows" in details
    wide = planted / "EX02" / "MSGTRKMS2026010510-1.LOG"
    assert (
        f"Exchange message tracking log: priority-lane (12 rows; first in {wide}, line 6, of EX02)"
    ) in details
    assert (
        f"Exchange message tracking log: SHINYNEWEVENT (1 row; first in {torn}, line 12, of EX01)"
    ) in details
    # 1570 rows, of which the twelve of priority-lane are of the newer version.
    assert (
        "Exchange message tracking log, 2016 15.01.2507.039: 1,558 rows, from 2026-01-05 00:00:00 to "
        "2026-01-07 23:55:00, on EX01, EX02"
    ) in details
    assert (
        "Exchange message tracking log, 2019/SE 15.02.1118.026: 12 rows, from 2026-01-05 10:00:00 to "
        "2026-01-05 10:55:00, on EX02"
    ) in details
    assert f"{planted / 'notes.txt'}: unknown log type" in details


def test_the_guides_profile_warns_of_mail_that_it_loses(planted: Path) -> None:
    (warning,) = [
        finding for title, finding in judge(planted, "arcsight-guide").items() if "SENDEXTERNAL" in title
    ]
    assert warning.level == "problem"
    assert warning.advice == "They are 45.9 % of these rows."  # 720 of 1570
    assert warning.title.startswith("Profile arcsight-guide leaves out 720 SENDEXTERNAL events")


def test_external_mail_that_only_another_profile_would_lose_is_named_where_it_is_one_row_in_a_hundred(
    logs: Logs, tmp_path: Path
) -> None:
    rows = [logs.row("2026-01-05T10:00:00.000Z")] * 99
    outside = logs.row("2026-01-05T10:00:00.000Z", event="SENDEXTERNAL")
    logs.write(tmp_path / "much", "MSGTRK2026010500-1.LOG", [*rows, outside])
    (finding,) = judge(tmp_path / "much").values()
    assert finding.level == "look"
    assert finding.advice == "They are 1 % of these rows. The profile chosen here, all, keeps them."
    logs.write(tmp_path / "little", "MSGTRK2026010500-1.LOG", [*rows, *rows, outside])
    assert judge(tmp_path / "little") == {}
    assert [f.level for f in judge(tmp_path / "little", "arcsight-guide").values()] == ["problem"]


def test_logs_that_end_a_week_before_the_page_is_made_are_noted(logs: Logs, tmp_path: Path) -> None:
    logs.write(tmp_path, "MSGTRK2026010500-1.LOG", [logs.row("2026-01-05T10:00:00.000Z")])
    assert judge(tmp_path, now=logs.ms("2026-01-12T09:59")) == {}
    (finding,) = judge(tmp_path, now=logs.ms("2026-01-12T12:00")).values()
    assert (finding.level, finding.title) == (
        "note", "The newest row is 7 days older than this page: of 2026-01-05 10:00:00"
    )  # fmt: skip
    assert finding.advice.startswith("This page was made on 2026-01-12.")


def test_more_than_one_line_in_a_hundred_not_parsed_is_a_problem(logs: Logs, tmp_path: Path) -> None:
    rows = [logs.row("2026-01-05T10:00:00.000Z")] * 99
    logs.write(tmp_path, "MSGTRK2026010500-1.LOG", [*rows, "torn\r\n"])
    (finding,) = judge(tmp_path).values()
    assert (finding.level, finding.title[:22]) == ("problem", "1 line (1 % of all 100")


def test_values_that_were_cut_are_a_note(logs: Logs, tmp_path: Path) -> None:
    logs.write(tmp_path, "MSGTRK2026010500-1.LOG", [logs.row("2026-01-05T10:00:00.000Z", subject="é" * 600)])
    (finding,) = [finding for finding in judge(tmp_path).values() if "limit" in finding.title]
    assert finding.items == ("arcsight message: 1 value, the longest of 1,200 bytes; the field takes 1,023",)


def test_a_column_that_iis_does_not_write_is_named_with_the_fields_that_stay_empty(tmp_path: Path) -> None:
    (tmp_path / "u_ex260105.log").write_text(
        "#Software: Microsoft Internet Information Services 10.0\n#Version: 1.0\n"
        "#Date: 2026-01-05 10:00:00\n#Fields: date time s-ip cs-method cs-uri-stem c-ip sc-status\n"
        "2026-01-05 10:00:00 10.0.0.5 GET /owa/ 203.0.113.7 200\n",
        encoding="utf-8",
    )
    (finding,) = [
        finding for finding in judge(tmp_path).values() if "these logs do not have" in finding.title
    ]
    (agent,) = [item for item in finding.items if "cs(User-Agent)" in item]
    assert "arcsight Request Client Application" in agent
    assert not any(": c-ip " in item for item in finding.items)


def test_an_empty_folder_is_a_problem(tmp_path: Path) -> None:
    assert [finding.title for finding in judge(tmp_path).values()] == ["There is not one row in these files"]


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (0, "0 s"),
        (59_000, "59 s"),
        (60_000, "1 min"),
        (21_840_000, "6 h 4 min"),
        (86_400_000, "1 d"),
        (90_061_000, "1 d 1 h"),
    ],
)
def test_a_duration_is_told_in_its_two_largest_units(length: int, said: str) -> None:
    assert duration(length) == said


@pytest.mark.parametrize(
    ("share", "said"),
    [(0, "0 %"), (0.0004, "less than 0.1 %"), (0.0123, "1.2 %"), (1, "100 %"), (0.5, "50 %")],
)
def test_a_share_that_is_not_nothing_is_never_shown_as_nothing(share: float, said: str) -> None:
    assert percent(share) == said


@pytest.mark.parametrize("time", [-(10**18), 10**18])
def test_a_time_that_no_calendar_has_is_no_error(time: int) -> None:
    assert moment(time) == "(no date)"
