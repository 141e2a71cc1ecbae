from __future__ import annotations

import pickle
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from exnorm.origin import name_server
from exnorm.report.survey import EVERY, SERIES_LIMIT, Survey, Surveyor
from exnorm.settings import make_settings

if TYPE_CHECKING:
    from tests.report.conftest import Logs

ROOT = Path(__file__).parents[2]


def survey(*texts: str, **options: Any) -> Survey:
    surveyor = Surveyor(make_settings({}), ("arcsight", "jsa"), **options)
    for number, text in enumerate(texts):
        data = text.encode("utf-8")
        for _ in surveyor.read(f"logs/MSGTRK2026010{number + 1}00-1.LOG", len(data), [data]):
            pass
    return surveyor.finish()


def test_every_row_is_counted_by_type_server_event_and_version(logs: Logs) -> None:
    rows = [
        logs.row("2026-01-05T10:00:00.000Z"),
        logs.row("2026-01-05T10:01:00.000Z"),
        logs.row("2026-01-05T23:02:00.000Z", "EX02", "SENDEXTERNAL", version="15.02.1118.026"),
    ]
    found = survey(logs.header() + "".join(rows))
    assert (found.rows, found.lines, found.unparsed) == (3, 8, 0)
    assert {key: series.rows for key, series in found.series.items()} == {
        ("message_tracking", "EX01"): 2,
        ("message_tracking", "EX02"): 1,
    }
    events = found.events["message_tracking"]
    assert {name: count.rows for name, count in events.items()} == {"RECEIVE": 2, "SENDEXTERNAL": 1}
    assert (events["RECEIVE"].hours[10], events["SENDEXTERNAL"].hours[23]) == (2, 1)
    assert (found.first, found.last) == (logs.ms("2026-01-05T10:00"), logs.ms("2026-01-05T23:02"))
    assert set(found.series["message_tracking", "EX02"].versions) == {"2019/SE 15.02.1118.026"}


def test_what_each_profile_keeps_is_counted_at_once(logs: Logs) -> None:
    rows = [
        logs.row("2026-01-05T10:00:00.000Z", event=event) for event in ("RECEIVE", "SENDEXTERNAL", "DELIVER")
    ]
    found = survey(logs.header() + "".join(rows))
    assert {name: tally["message_tracking"] for name, tally in found.kept.items()} == {
        "all": 3,
        "arcsight-guide": 1,
        "security": 2,
    }


def test_the_server_is_the_one_that_wrote_the_row(logs: Logs) -> None:
    # In SENDEXTERNAL the client columns are this server's; in RECEIVE the server columns are.
    rows = [
        logs.row("2026-01-05T10:00:00.000Z", "EX01", "SENDEXTERNAL"),
        logs.row("2026-01-05T10:00:00.000Z", "ex01", "RECEIVE"),
    ]
    found = survey(logs.header() + "".join(rows))
    assert list(found.series) == [("message_tracking", "EX01")]
    assert found.talkers["message_tracking"].clients.counts == {"203.0.113.7": 1}


def test_where_no_row_names_a_server_the_folder_stands_for_it() -> None:
    sample = ROOT / "tests" / "samples" / "connectivity" / "CONNECTLOG2024031508-1.LOG"
    surveyor = Surveyor(make_settings({}), ("arcsight",))
    list(surveyor.read("C:\\logs\\EX07\\CONNECTLOG2024031508-1.LOG", 1, [sample.read_bytes()]))
    assert list(surveyor.finish().series) == [("connectivity", "(folder EX07)")]


@pytest.mark.parametrize(
    ("name", "server"),
    [
        ("ex01.contoso.test", "EX01"),
        ("EX01", "EX01"),
        ("10.0.0.1", "10.0.0.1"),
        ("fe80::1", "fe80::1"),
        ("", ""),
    ],
)
def test_a_server_has_one_spelling(name: str, server: str) -> None:
    assert name_server(name) == server


def test_lines_that_do_not_parse_are_counted_by_kind_with_examples(logs: Logs) -> None:
    torn = "2026-01-05T10:00:00.000Z,too,few\r\n"
    found = survey(logs.header() + torn * 5 + logs.row("never"))
    assert {kind: refused.lines for kind, refused in found.refused.items()} == {"width": 5, "date": 1}
    assert [line.line_number for line in found.refused["width"].examples] == [6, 7, 8]
    assert found.refused["date"].reasons.counts == {
        "date-time is 'xxxxx'; expected yyyy-MM-ddTHH:mm:ss.fffZ": 1
    }
    assert found.files[0].unparsed == 6


def test_unknown_columns_and_events_are_found(logs: Logs) -> None:
    text = logs.header(columns=logs.columns + ",priority-lane")
    row = logs.row("2026-01-05T10:00:00.000Z", event="SHINYNEWEVENT").rstrip() + ",fast\r\n"
    found = survey(text + row)
    assert found.unknown_columns == {"message_tracking": {"priority-lane": 1}}
    assert not found.events["message_tracking"]["SHINYNEWEVENT"].known


def test_a_clock_that_goes_back_by_more_than_five_minutes_is_found(logs: Logs) -> None:
    times = ("10:00", "09:55", "09:54", "08:00", "10:01")
    found = survey(logs.header() + "".join(logs.row(f"2026-01-05T{time}:00.000Z") for time in times))
    (file,) = found.files
    # 9:54 and 8:00 are more than five minutes behind 10:00; 8:00, in line 9, is the furthest, by two hours.
    assert (file.backwards, file.furthest, file.backwards_line) == (2, 2 * 3_600_000, 9)
    assert file.backwards_time == logs.ms("2026-01-05T08:00")


def test_rows_of_a_time_to_come_are_counted_but_stretch_no_plot(logs: Logs) -> None:
    rows = logs.row("2026-01-05T10:00:00.000Z") + logs.row("2099-01-01T00:00:00.000Z")
    found = survey(logs.header() + rows, now=logs.ms("2026-01-06T00:00"))
    assert (found.files[0].future, found.rows) == (1, 2)
    assert found.last == logs.ms("2026-01-05T10:00")
    assert found.files[0].last == logs.ms("2026-01-05T10:00")
    assert found.files[0].future_first == found.files[0].future_last == logs.ms("2099-01-01T00:00")


def test_a_file_without_header_is_known_by_its_rows_and_says_so(logs: Logs) -> None:
    found = survey(logs.row("2026-01-05T10:00:00.000Z") * 3)
    assert (found.rows, found.files[0].guessed) == (3, 3)


def test_the_rows_of_each_table_are_counted_where_they_have_a_value(logs: Logs) -> None:
    rows = logs.row("2026-01-05T10:00:00.000Z") + logs.row(
        "2026-01-05T10:00:00.000Z", subject="", sender="<>"
    )
    found = survey(logs.header() + rows)
    use = found.tables["arcsight", "arcsight-2016"]
    filled = {row.field: row.filled for row in use.rows if row.rule == "guide"}
    assert (use.examined, filled["Message"], filled["Source User Name"]) == (2, 1, 1)
    assert found.tables["jsa", "jsa-message-tracking"].examined == 2


def test_fields_that_were_cut_are_counted_with_their_longest_value(logs: Logs) -> None:
    # Message takes 1023 bytes; é has two.
    rows = logs.row("2026-01-05T10:00:00.000Z", subject="é" * 600) + logs.row("2026-01-05T10:00:00.000Z")
    found = survey(logs.header() + rows)
    cut = found.tables["arcsight", "arcsight-2016"].cut["message"]
    assert (cut.values, cut.longest, cut.limit) == (1, 1200, 1023)


def test_of_many_rows_the_first_of_each_event_and_some_of_the_rest_are_examined(logs: Logs) -> None:
    text = logs.header() + logs.row("2026-01-05T10:00:00.000Z") * 200
    # The first 40; after that every sixteenth row by number: 48, 64, ..., 192 are ten.
    assert EVERY == 16
    assert survey(text, examined=40).examined == 50
    assert survey(text, examined=0).examined == 200


def test_sample_rows_are_the_fullest_each_of_another_event(logs: Logs) -> None:
    rows = [
        logs.row("2026-01-05T10:00:00.000Z", subject="", sender=""),
        logs.row("2026-01-05T10:00:01.000Z"),
        logs.row("2026-01-05T10:00:02.000Z", event="DELIVER"),
        logs.row("2026-01-05T10:00:03.000Z", event="SEND", subject=""),
    ]
    found = survey(logs.header() + "".join(rows), samples=2)
    assert [(sample.event, sample.line_number) for sample in found.samples] == [
        ("RECEIVE", 7),
        ("DELIVER", 8),
    ]
    side = found.samples[0].sides["arcsight"]
    assert [field.field for field in side.fields if field.column == "message-subject"] == ["message"]
    assert survey(logs.header() + "".join(rows), samples=0).samples == []


def test_two_surveys_put_together_are_as_one(logs: Logs) -> None:
    one = logs.header() + "".join(
        logs.row(time) for time in logs.every(7, "2026-01-05T00:00", "2026-01-05T12:00")
    )
    two = logs.header() + "".join(
        logs.row(time, "EX02", "SEND", sender="carl@x.example", subject="é" * 600)
        for time in logs.every(9, "2026-01-05T06:00", "2026-01-06T00:00")
    )
    broken = "2026-01-05T10:00:00.000Z,too,few\r\n"
    whole = survey(one + broken, two + broken)
    parts = [pickle.loads(pickle.dumps(survey(text + broken))) for text in (one, two)]
    merged = Survey()
    for part in parts:
        merged.merge(part, samples=2)
    for name in (
        "rows",
        "lines",
        "examined",
        "kept",
        "events",
        "unparsed",
        "first",
        "last",
        "columns",
        "versions",
        "unknown_seen",
    ):
        assert getattr(merged, name) == getattr(whole, name), name
    assert {key: (s.rows, s.slots.counts, s.versions) for key, s in merged.series.items()} == {
        key: (s.rows, s.slots.counts, s.versions) for key, s in whole.series.items()
    }
    assert (
        merged.talkers["message_tracking"].senders.counts == whole.talkers["message_tracking"].senders.counts
    )
    assert merged.tables == whole.tables
    assert [sample.event for sample in merged.samples] == [sample.event for sample in whole.samples]
    assert [line.line_number for line in merged.refused["width"].examples] == [
        109,
        126,
    ]  # 5 + 103 + 1; 5 + 120 + 1


def test_memory_does_not_grow_with_the_number_of_different_values(logs: Logs) -> None:
    def rows(begin: int, end: int) -> str:
        return "".join(
            logs.row(
                f"2026-01-05T10:00:{number % 60:02}.000Z", f"EX{number}", f"EVENT{number}",
                f"subject {number}", f"user{number}@d{number}.example", f"bo@d{number}.test",
                f"10.{number % 250}.3.4",
            )
            for number in range(begin, end)
        )  # fmt: skip

    surveyor = Surveyor(make_settings({}), ("arcsight",), examined=10)
    text = logs.header() + rows(0, 2100)
    list(surveyor.read("MSGTRK2026010100-1.LOG", 1, [text.encode()]))
    tracemalloc.start()
    more = rows(2100, 3600).encode()
    before = tracemalloc.get_traced_memory()[0]
    list(surveyor.read("MSGTRK2026010100-2.LOG", 1, [logs.header().encode() + more]))
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    found = surveyor.finish()
    assert len(found.series) == SERIES_LIMIT + 1
    assert len(found.events["message_tracking"]) == 1001
    assert len(found.talkers["message_tracking"].senders.counts) <= 2000
    assert found.rows == 3600
    assert grown < 500_000, "fifteen hundred more values of each kind"
