from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from exnorm.model import Record, Unparsed
from exnorm.pipeline.normalizer import Normalizer
from exnorm.sources.rps_cmdlet import COLUMNS, judge, name_reason, name_session_user

SAMPLES = Path(__file__).parent.parent / "samples" / "rps_cmdlet"
REAL = SAMPLES / "Rps_Cmdlet_2023011116-1.LOG"
MADE = SAMPLES / "Rps_Cmdlet_2026030409-1.LOG"
HEADER = "#Version: 15.02.1544.004\n#Log-type: Rps Cmdlet Logs\n#Fields: " + ",".join(COLUMNS)
GUID = "11111111-2222-4333-8444-555555555501"


def parse(text: str | bytes, name: str = "") -> list[Record | Unparsed]:
    normalizer = Normalizer("arcsight", discover_plugins=False)
    return list(normalizer.parse(text, normalizer.stream(name)))


def record(text: str | bytes, name: str = "") -> Record:
    (found,) = parse(text, name)
    assert isinstance(found, Record), found
    assert found.source.name == "rps_cmdlet"
    return found


def unparsed(text: str | bytes, name: str = "") -> Unparsed:
    (found,) = parse(text, name)
    assert isinstance(found, Unparsed), found
    return found


def line(**values: str) -> str:
    given = {"DateTime": "2026-03-04T09:15:02.481Z", "RequestId": GUID, "Cmdlet": "Get-Mailbox", **values}
    made = io.StringIO()
    csv.writer(made, lineterminator="").writerow([given.get(column, "") for column in COLUMNS])
    return made.getvalue()


@pytest.mark.parametrize(
    ("result", "errors", "outcome"),
    [
        ("Success", "", "success"),
        ("Error", "", "failure"),
        ("Failed", "", "failure"),
        ("FAILED", "", "failure"),
        ("", "", ""),
        ("", "X=SomeException;", "failure"),
        ("Stopped", "", ""),
    ],
)
def test_the_result_says_the_outcome_where_it_is_known(result: str, errors: str, outcome: str) -> None:
    assert judge(result, errors) == outcome


def test_there_are_67_columns() -> None:
    assert (len(COLUMNS), COLUMNS[20], COLUMNS[21], COLUMNS[66]) == (
        67,
        "Cmdlet",
        "Parameters",
        "NonPiiParameters",
    )


def test_a_real_row_is_read_under_its_own_columns() -> None:
    found = record(REAL.read_bytes())
    assert found.values["Parameters"] == '-ResultSize "1"'
    assert found.values["ActivityContextLifeTime"] == "22681600"
    assert found.values["NonPiiParameters"] == '-ResultSize "1"'
    # 2023-01-11T01:01:19Z is 1673398879 seconds after the epoch
    assert found.time == 1673398879898
    assert found.derived["session-user"] == "domain\\healthmailboxXXX"
    assert (found.derived["outcome"], found.derived["case"]) == ("success", "LOOK-ROUND")
    assert found.derived["weight"] == "LOOK-ROUND/ROUTINE"
    assert (found.schema.name, found.schema.version) == ("2016", "15.01.2375.007")


def test_a_bare_line_of_names_and_the_end_of_a_session_are_no_events() -> None:
    found = parse(MADE.read_bytes(), MADE.name)
    assert [item.event_id for item in found if isinstance(item, Record)] == [
        "SET-MAILBOX",
        "NEW-MAILBOX",
        "NEW-MAILBOXEXPORTREQUEST",
        "GET-ACCEPTEDDOMAIN",
    ]
    assert len(found) == 4


def test_a_row_that_names_a_cmdlet_but_no_time_is_unparsed() -> None:
    found = unparsed(f"{HEADER}\n{line(DateTime='')}")
    assert (found.kind, found.reason) == ("date", "DateTime is ''; expected yyyy-MM-ddTHH:mm:ss.fffZ")


def test_a_secret_is_gone_from_every_column_and_from_the_raw_row() -> None:
    found = parse(MADE.read_bytes())[1]
    assert isinstance(found, Record)
    assert '-Password "*****"' in found.values["Parameters"]
    assert '-Password "*****"' in found.values["NonPiiParameters"]
    assert "The password ***** does not" in found.values["GenericErrors"]
    assert "Sommer-2026!" not in found.raw
    assert "Sommer-2026!" not in str(found.values)
    assert '-ResetPasswordOnNextLogon "True"' in found.values["Parameters"]


@pytest.mark.parametrize("cut", ["", "x,", '"'])
def test_a_secret_is_gone_from_a_row_that_does_not_parse(cut: str) -> None:
    row = cut + line(Parameters='-Name "n" -Password "s3cret word"')[:-5]
    found = unparsed(f"{HEADER}\n{row}")
    assert "s3cret" not in found.raw
    assert "-Name" in found.raw


def test_a_row_without_a_header_is_known_by_its_width_and_values() -> None:
    found = record(line(ExecutingUserSid="S-1-5-18", TotalTime="12"))
    assert (found.schema.name, found.schema.found) == ("2016", "count")
    assert unparsed(line(ExecutingUserSid="x")).kind == "unknown-type"


def test_the_file_name_is_enough_for_columns_nobody_knows() -> None:
    found = record("#Fields: DateTime,NewColumn\n2026-03-04T09:15:02.481Z,x", "Rps_Cmdlet_2026030409-1.LOG")
    assert found.values["NewColumn"] == "x"


def test_a_torn_or_wide_or_undecodable_row_is_unparsed_and_the_next_is_unharmed() -> None:
    torn, wide, good = parse(f"{HEADER}\n{line()[:60]}\n{line()},\n{line()}")
    assert isinstance(torn, Unparsed)
    assert isinstance(wide, Unparsed)
    assert (torn.kind, wide.kind) == ("width", "width")
    assert isinstance(good, Record)
    assert unparsed(HEADER.encode() + b"\n" + line().encode() + b"\xe9").kind == "encoding"


def test_an_empty_line_and_an_empty_log_hold_nothing() -> None:
    assert parse(f"{HEADER}\n\n") == []
    assert parse("") == []


@pytest.mark.parametrize(
    ("result", "errors", "outcome"),
    [
        ("Success", "", "success"),
        ("Error", "", "failure"),
        ("", "ProcessRecord=X", "failure"),
        ("", "", ""),
        ("Maybe", "", ""),
    ],
)
def test_the_outcome_is_what_the_row_says(result: str, errors: str, outcome: str) -> None:
    assert judge(result, errors) == outcome


def test_the_reason_is_the_error_type_else_the_first_exception() -> None:
    text = "ProcessRecord=Microsoft.Exchange.X.TaskException: no such user.;ExceptionStringId=E1;"
    assert name_reason("", text) == "Microsoft.Exchange.X.TaskException"
    assert name_reason("Given", text) == "Given"
    assert name_reason("", "nothing named") == ""


def test_the_session_user_is_who_signed_in() -> None:
    assert name_session_user("A=1;PSSenderInfo=adm@example.test;B=2;") == "adm@example.test"
    assert name_session_user("A=1") == ""


def test_a_cmdlet_that_no_table_names_is_not_counted_as_unknown() -> None:
    normalizer = Normalizer("arcsight", discover_plugins=False)
    (event,) = normalizer.normalize(f"{HEADER}\n{line(Cmdlet='Get-Anything')}")
    assert event["severity"] == 1
    assert not normalizer.counts.unknown_events
