"""Message tracking logs of Exchange 2007 to Subscription Edition."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Sequence
from pathlib import Path

import pytest

from exnorm import Normalizer
from exnorm.model import Confidence, Head, Record, Unparsed
from exnorm.sources.message_tracking import (
    COLUMNS_2007,
    COLUMNS_2010,
    COLUMNS_2013,
    COLUMNS_2016,
    EVENTS,
    MESSAGE_TRACKING,
)

SAMPLES = Path(__file__).parents[1] / "samples" / "message_tracking"
CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus" / "message_tracking"

COLUMNS = {"2007": COLUMNS_2007, "2010": COLUMNS_2010, "2013": COLUMNS_2013, "2016": COLUMNS_2016}
WIDTHS = [("2007", 21), ("2010", 26), ("2013", 27), ("2016", 30)]

PLAIN = {
    "date-time": "2018-11-27T22:40:02.966Z",
    "client-ip": "10.4.11.100",
    "client-hostname": "mbx.example.com",
    "server-ip": "192.0.2.195",
    "server-hostname": "mx.example.net",
    "source-context": "08D65;250 2.0.0 OK",
    "connector-id": "Outbound",
    "source": "SMTP",
    "event-id": "SEND",
    "internal-message-id": "64441689310559",
    "message-id": "<one@example.com>",
    "network-message-id": "0fd591fe-1cc4-47f0-0bbc-08d654b944f3",
    "recipient-address": "bo@example.net",
    "recipient-status": "250 2.1.5 OK",
    "total-bytes": "7249",
    "recipient-count": "1",
    "message-subject": "Receipt",
    "sender-address": "anna@example.com",
    "return-path": "anna@example.com",
    "message-info": "2018-11-27T22:40:02.194Z",
    "directionality": "Originating",
    "transport-traffic-type": "Email",
    "log-id": "755ab09c-9c04-44aa-8b07-08d654b94568",
    "schema-version": "15.01.1261.039",
}


def row(columns: Sequence[str], **changes: str) -> str:
    """``PLAIN`` under these columns; changes are given with ``_`` for ``-``."""
    values = {**PLAIN, **{name.replace("_", "-"): value for name, value in changes.items()}}
    cells = [values.get(column, "") for column in columns]
    return ",".join('"' + c.replace('"', '""') + '"' if "," in c or '"' in c else c for c in cells)


def header(columns: Sequence[str], version: str = "15.01.1261.039") -> list[str]:
    return [
        "#Software: Microsoft Exchange Server",
        f"#Version: {version}",
        "#Log-type: Message Tracking Log",
        "#Date: 2018-11-27T22:00:00.312Z",
        "#Fields: " + ",".join(columns),
    ]


def parse(
    lines: Sequence[str | bytes], name: str = "", max_line_bytes: int = 1 << 20
) -> list[Record | Unparsed]:
    made = Normalizer(taxonomy="arcsight", discover_plugins=False, max_line_bytes=max_line_bytes)
    return list(made.parse(lines, made.stream(name)))


def records(found: Sequence[Record | Unparsed]) -> list[Record]:
    assert [item for item in found if isinstance(item, Unparsed)] == []
    return [item for item in found if isinstance(item, Record)]


def one_refused(found: Sequence[Record | Unparsed]) -> Unparsed:
    """The one unparsed item, which the rows before and after it must not have felt."""
    before, refused, after = found
    assert isinstance(refused, Unparsed)
    for neighbour in (before, after):
        assert isinstance(neighbour, Record)
        assert {name: value for name, value in neighbour.values.items() if value} == PLAIN
    return refused


# --- the columns of each version -----------------------------------------------------------------


@pytest.mark.parametrize(("year", "width"), WIDTHS)
def test_the_versions_have_21_26_27_and_30_columns(year: str, width: int) -> None:
    assert len(COLUMNS[year]) == width == len(set(COLUMNS[year]))


def test_2013_put_network_message_id_in_the_middle_after_message_id() -> None:
    assert COLUMNS_2010.index("message-id") == 10
    assert COLUMNS_2013.index("network-message-id") == 11
    assert COLUMNS_2013[12:] == COLUMNS_2010[11:]


def test_forty_three_events_are_known() -> None:
    assert len(EVENTS) == 43
    assert "SENDEXTERNAL" in EVENTS


# --- recognising the log -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "MSGTRK20090317-1.LOG",
        "MSGTRKM20090317-12.LOG",
        "MSGTRKMA2022091915-1.LOG",
        "MSGTRKMD2022091915-1.LOG",
        "MSGTRKMS2022091915-123.LOG",
        "msgtrkms2022091915-1.log",
        r"C:\Program Files\Microsoft\TransportRoles\Logs\MessageTracking\MSGTRK2022091915-1.LOG",
        "/var/exchange/MSGTRK2022091915-1.LOG",
        "MSGTRK2022091915-1.LOG.gz.txt",
    ],
)
def test_all_five_prefixes_are_recognised_by_the_files_name(name: str) -> None:
    assert MESSAGE_TRACKING.recognize(Head(name)) is Confidence.NAME


@pytest.mark.parametrize(
    "name",
    [
        "",
        "SEND2022091915-1.LOG",
        "MSGTRK.LOG",
        "MSGTRKX2022091915-1.LOG",
        "MSGTRK2022-1.LOG",
        "MSGTRK2022091915-1.LOG/x",
    ],
)
def test_another_name_says_nothing(name: str) -> None:
    assert MESSAGE_TRACKING.recognize(Head(name)) is Confidence.NO


@pytest.mark.parametrize("log_type", ["Message Tracking Log", "message tracking log", "MESSAGE TRACKING LOG"])
def test_the_log_type_of_the_header_is_surest_whatever_its_case(log_type: str) -> None:
    assert MESSAGE_TRACKING.recognize(Head("x.log", {"log-type": log_type})) is Confidence.HEADER


def test_the_header_of_another_log_outweighs_the_files_name() -> None:
    head = Head("MSGTRK20090317-1.LOG", {"log-type": "SMTP Receive Protocol Log"})
    assert MESSAGE_TRACKING.recognize(head) is Confidence.NO


def test_the_names_in_fields_are_enough_where_the_log_type_is_missing() -> None:
    fields = ",".join(COLUMNS_2007)
    assert MESSAGE_TRACKING.recognize(Head("", {"fields": fields})) is Confidence.HEADER
    assert MESSAGE_TRACKING.recognize(Head("", {"fields": "date-time,client-ip,event-id"})) is Confidence.NO


@pytest.mark.parametrize(("year", "width"), WIDTHS)
def test_a_first_row_is_recognised_by_its_width_time_and_event(year: str, width: int) -> None:
    line = row(COLUMNS[year])
    assert MESSAGE_TRACKING.recognize(Head("", {}, line)) is Confidence.SHAPE
    assert MESSAGE_TRACKING.recognize(Head("", {}, line + ",")) is not Confidence.SHAPE or width == 26
    assert MESSAGE_TRACKING.recognize(Head("", {}, ",".join("x1" for _ in range(width)))) is Confidence.NO


# --- columns by the header -----------------------------------------------------------------------


@pytest.mark.parametrize("year", COLUMNS)
def test_every_value_stands_under_the_name_that_fields_gives_it(year: str) -> None:
    (found,) = records(parse([*header(COLUMNS[year]), row(COLUMNS[year])]))
    expected = {name: value for name, value in PLAIN.items() if name in COLUMNS[year]}
    assert {name: value for name, value in found.values.items() if value} == expected
    assert tuple(found.values) == COLUMNS[year]
    assert found.time == 1543358402966  # 2018-11-27T22:40:02.966Z


def test_reordered_columns_are_found_by_their_names() -> None:
    turned = tuple(reversed(COLUMNS_2016))
    (found,) = records(parse([*header(turned), row(turned)]))
    assert {name: value for name, value in found.values.items() if value} == PLAIN


def test_a_header_in_the_middle_of_a_file_changes_the_columns_from_there_on() -> None:
    found = records(
        parse(
            [
                *header(COLUMNS_2010, "14.02.0247.005"),
                row(COLUMNS_2010),
                *header(COLUMNS_2010, "14.02.0247.005"),
                row(COLUMNS_2010),
                *header(COLUMNS_2016, "15.02.1118.026"),
                row(COLUMNS_2016, schema_version="15.02.1118.026"),
            ]
        )
    )
    assert [item.schema.name for item in found] == ["2010", "2010", "2019/SE"]
    assert [item.values["message-subject"] for item in found] == ["Receipt"] * 3


def test_header_lines_in_other_spellings_and_without_marks_are_header_lines() -> None:
    for spelling in (
        ["#Log-Type: Message Tracking Log", "# Fields: " + ",".join(COLUMNS_2016)],
        ["Log-type: Message Tracking Log", "Fields: " + ",".join(COLUMNS_2016)],
        ["#Log-type: Message Tracking Log", "#Fields: " + ", ".join(COLUMNS_2016).upper()],
        [",".join(COLUMNS_2016)],
    ):
        (found,) = records(parse([*spelling, row(COLUMNS_2016)]))
        assert {name: value for name, value in found.values.items() if value} == PLAIN


def test_an_unknown_column_passes_through_and_is_counted() -> None:
    made = Normalizer(taxonomy="arcsight", discover_plugins=False)
    columns = (*COLUMNS_2016, "mail-mood")
    lines = [*header(columns), row(columns, mail_mood="cheerful"), row(columns, mail_mood="glum")]
    first, _ = made.normalize(lines, made.stream())
    assert not isinstance(first, Unparsed)
    assert first.additional["mail-mood"] == "cheerful"
    assert made.counts.unknown_columns == {"mail-mood": 2}


def test_an_unknown_event_passes_through_and_is_counted() -> None:
    made = Normalizer(taxonomy="arcsight", discover_plugins=False)
    lines = [*header(COLUMNS_2016), row(COLUMNS_2016, event_id="QuarantineRelease"), row(COLUMNS_2016)]
    first, _ = made.normalize(lines, made.stream())
    assert not isinstance(first, Unparsed)
    assert first["deviceEventClassId"] == "QUARANTINERELEASE"
    assert made.counts.unknown_events == {"QUARANTINERELEASE": 1}


# --- damaged headers -----------------------------------------------------------------------------


def test_under_a_header_of_49_names_for_30_columns_the_first_of_each_name_stands() -> None:
    tail = COLUMNS_2016[11:]
    fields = "#Fields: " + ",".join((*COLUMNS_2016, *tail))
    assert len(fields.split(",")) == 49
    (found,) = records(parse([*header(COLUMNS_2016)[:4], fields, row(COLUMNS_2016)]))
    assert {name: value for name, value in found.values.items() if value} == PLAIN


def test_under_a_header_whose_tail_is_repeated_at_a_torn_seam_the_known_columns_are_used() -> None:
    fields = "#Fields: " + ",".join(COLUMNS_2016) + "ient-status," + ",".join(COLUMNS_2016[14:])
    (found,) = records(parse([*header(COLUMNS_2016)[:4], fields, row(COLUMNS_2016)]))
    assert {name: value for name, value in found.values.items() if value} == PLAIN


@pytest.mark.parametrize("length", [3, 20, 30, 100, 150])
def test_under_a_header_that_was_cut_off_the_known_columns_of_the_width_are_used(length: int) -> None:
    fields = ("#Fields: " + ",".join(COLUMNS_2016))[: 9 + length]
    (found,) = records(parse([*header(COLUMNS_2016)[:4], fields, row(COLUMNS_2016)]))
    assert {name: value for name, value in found.values.items() if value} == PLAIN


# --- no header -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("year", "width"), WIDTHS)
def test_without_a_header_the_number_of_columns_says_the_version(year: str, width: int) -> None:
    (found,) = records(parse([row(COLUMNS[year], schema_version="15.01.1261.039")]))
    assert (found.schema.name, len(found.schema.columns), found.schema.found) == (year, width, "count")
    expected = {name: value for name, value in PLAIN.items() if name in COLUMNS[year]}
    assert {name: value for name, value in found.values.items() if value} == expected


def test_without_a_header_rows_of_several_versions_may_follow_each_other() -> None:
    found = records(parse([row(columns) for columns in COLUMNS.values()]))
    assert [item.schema.name for item in found] == list(COLUMNS)


def test_without_a_header_a_stray_comma_does_not_make_a_2010_row_a_2013_row() -> None:
    stray = row(COLUMNS_2010).replace("Receipt", "Receipt, please")
    assert len(stray.split(",")) == 27
    before, refused, after = parse([row(COLUMNS_2010), stray, row(COLUMNS_2010)])
    assert isinstance(refused, Unparsed)
    assert (refused.kind, refused.raw) == ("width", stray)
    assert refused.reason == "row has 27 fields, but their values do not fit the columns of that width"
    for neighbour in (before, after):
        assert isinstance(neighbour, Record)
        assert neighbour.values["message-subject"] == "Receipt"


def test_without_a_header_a_row_about_no_message_is_read_too() -> None:
    """As NOTIFYMAPI writes it: neither ids nor recipients, size or subject."""
    none = dict.fromkeys(
        (
            "internal_message_id",
            "message_id",
            "network_message_id",
            "recipient_address",
            "recipient_status",
            "total_bytes",
            "recipient_count",
            "message_subject",
        ),
        "",
    )
    for columns in (COLUMNS_2013, COLUMNS_2016):
        for version in ("15.01.1261.039", ""):
            line = row(columns, event_id="NOTIFYMAPI", schema_version=version, **none)
            (found,) = records(parse([line]))
            assert found.values["message-info"] == "2018-11-27T22:40:02.194Z"


@pytest.mark.parametrize("column", ["source-context", "connector-id", "message-subject", "message-info"])
@pytest.mark.parametrize(
    ("year", "commas"), [("2007", 5), ("2007", 6), ("2010", 1), ("2010", 4), ("2013", 3)]
)
def test_without_a_header_stray_commas_that_reach_another_width_are_seen(
    column: str, year: str, commas: int
) -> None:
    stray = row(COLUMNS[year], **{column: "STRAY"}).replace("STRAY", "x" + ", y" * commas)
    # the first row is whole, so that the log is known; a row without recipients gives least hold
    for line in (stray, stray.replace("bo@example.net", "").replace("<one@example.com>", "")):
        _, refused = parse([row(COLUMNS[year]), line])
        assert isinstance(refused, Unparsed), (refused.schema.name, refused.values)
        assert refused.kind in ("width", "date")


@pytest.mark.parametrize("width", [1, 2, 20, 22, 25, 28, 29, 31])
def test_without_a_header_another_number_of_columns_is_unparsed(width: int) -> None:
    refused = one_refused(parse([row(COLUMNS_2016), ",".join("x" * width), row(COLUMNS_2016)]))
    assert refused.kind == "width"
    assert refused.reason == f"row has {width} fields; rows before had 30"


def test_without_a_header_a_file_of_that_name_says_what_it_expected() -> None:
    (refused,) = parse(["a,b,c"], "MSGTRK20090317-1.LOG")
    assert isinstance(refused, Unparsed)
    assert refused.reason == "row has 3 fields and no header came before it; expected 21 or 26 or 27 or 30"


# --- the version ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "version", "name"),
    [
        (COLUMNS_2007, "08.01.0240.006", "2007"),
        (COLUMNS_2010, "14.02.0247.005", "2010"),
        (COLUMNS_2013, "15.00.0847.030", "2013"),
        (COLUMNS_2016, "15.01.1261.039", "2016"),
        (COLUMNS_2016, "15.02.1118.026", "2019/SE"),
    ],
)
def test_the_version_of_the_header_is_the_rows_where_it_has_none_of_its_own(
    columns: Sequence[str], version: str, name: str
) -> None:
    (found,) = records(parse([*header(columns, version), row(columns, schema_version="")]))
    assert (found.schema.name, found.schema.version) == (name, version)
    assert found.get("product-version") == version


def test_the_rows_own_schema_version_outweighs_the_header() -> None:
    lines = [*header(COLUMNS_2016, "15.01.0001.000"), row(COLUMNS_2016, schema_version="15.02.1118.026")]
    (found,) = records(parse(lines))
    assert found.get("product-version") == "15.02.1118.026"
    assert (found.schema.name, found.schema.version) == ("2019/SE", "15.02.1118.026")


def test_without_a_header_the_schema_version_tells_2016_from_2019() -> None:
    found = records(parse([row(COLUMNS_2016, schema_version="15.02.1118.026"), row(COLUMNS_2016)]))
    assert [item.schema.name for item in found] == ["2019/SE", "2016"]
    assert [item.get("product-version") for item in found] == ["15.02.1118.026", "15.01.1261.039"]


def test_a_row_without_any_version_has_none() -> None:
    (found,) = records(parse([row(COLUMNS_2007)]))
    assert found.get("product-version") == ""


# --- rows that cannot be read: nothing is shifted, the next row is unharmed ----------------------


def spoiled(line: str | bytes) -> Unparsed:
    return one_refused(parse([*header(COLUMNS_2016), row(COLUMNS_2016), line, row(COLUMNS_2016)]))


@pytest.mark.parametrize("width", [29, 31, 27, 26, 21])
def test_a_row_of_another_width_is_unparsed_and_the_next_row_is_unharmed(width: int) -> None:
    line = ",".join((row(COLUMNS_2016) + ",").split(",")[:width])
    refused = spoiled(line)
    assert (refused.kind, refused.raw) == ("width", line)
    assert refused.reason == f"row has {width} fields; #Fields names 30"


def test_a_truncated_row_is_unparsed_and_the_next_row_is_unharmed() -> None:
    refused = spoiled(row(COLUMNS_2016)[:100])
    assert refused.kind == "width"


def test_an_empty_line_gives_nothing_and_the_next_row_is_unharmed() -> None:
    assert len(records(parse([*header(COLUMNS_2016), "", "\r\n", row(COLUMNS_2016)]))) == 1


def test_a_row_with_an_open_quote_is_unparsed_and_the_next_row_is_unharmed() -> None:
    line = row(COLUMNS_2016).replace("Receipt", '"Receipt')
    refused = spoiled(line)
    assert (refused.kind, refused.raw) == ("quote", line)
    assert refused.reason == "a quoted field is left open at the end of the line"


@pytest.mark.parametrize(
    "moment",
    ["2022-02-30T15:02:29.339Z", "2022-09-19T25:00:00.000Z", "2022-09-19 15:02:29", "yesterday", ""],
)
def test_a_row_with_a_bad_date_is_unparsed_and_the_next_row_is_unharmed(moment: str) -> None:
    refused = spoiled(row(COLUMNS_2016, date_time=moment))
    assert refused.kind == "date"
    assert refused.reason == f"date-time is '{moment}'; expected yyyy-MM-ddTHH:mm:ss.fffZ"


def test_a_row_that_is_not_utf_8_is_unparsed_and_the_next_row_is_unharmed() -> None:
    refused = spoiled(row(COLUMNS_2016, message_subject="Grüße").encode("cp1252"))
    assert refused.kind == "encoding"
    assert "Gr\\xfc\\xdfe" in refused.raw


def test_a_row_that_is_too_long_is_unparsed_and_the_next_row_is_unharmed() -> None:
    lines = [
        *header(COLUMNS_2016),
        row(COLUMNS_2016),
        row(COLUMNS_2016, message_subject="x" * 5000),
        row(COLUMNS_2016),
    ]
    refused = one_refused(parse(lines, max_line_bytes=4096))
    assert refused.kind == "too-long"


def test_each_refusal_is_counted_by_its_kind() -> None:
    made = Normalizer(taxonomy="arcsight", discover_plugins=False)
    lines: list[str | bytes] = [
        *header(COLUMNS_2016),
        row(COLUMNS_2016),
        "1,2,3",
        row(COLUMNS_2016, date_time="2022-02-30T15:02:29.339Z"),
        'x,"',
        b"\xff",
    ]
    list(made.parse(lines, made.stream()))
    assert made.counts.unparsed == {"width": 1, "date": 1, "quote": 1, "encoding": 1}
    assert (made.counts.lines, made.counts.header) == (10, 5)
    assert made.counts.records == {"message_tracking": 1}


# --- hostile text --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "subject",
    [
        "a,b",
        'say "hi"',
        '"',
        '","',
        "#Fields: date-time",
        "vt\vff\ffs\x1cnel\x85ls\u2028ps\u2029end",
        "tab\tnul\0esc\x1b",
        "2018-11-27T22:40:02.966Z,1,2,3",
        "'quoted';'members'",
        "=1+1",
        "\ufeff",
        " ",
    ],
)
def test_a_subject_is_read_as_it_was_written_and_shifts_nothing(subject: str) -> None:
    content = "\r\n".join(
        [*header(COLUMNS_2016), row(COLUMNS_2016, message_subject=subject), row(COLUMNS_2016)]
    )
    made = Normalizer(taxonomy="arcsight", discover_plugins=False)
    first, second = records(list(made.parse(content.encode(), made.stream())))
    assert {name: value for name, value in first.values.items() if value} == {
        **PLAIN,
        "message-subject": subject,
    }
    assert second.values["message-subject"] == "Receipt"


# --- whole files ---------------------------------------------------------------------------------


def sample(name: str) -> list[Record]:
    path = SAMPLES / name
    made = Normalizer(taxonomy="arcsight", discover_plugins=False)
    return records(list(made.parse(path.read_bytes(), made.stream(str(path)))))


@pytest.mark.parametrize(
    ("name", "schema", "version", "events"),
    [
        ("2007/MSGTRK20090317-1.LOG", "2007", "08.01.0240.006", "RECEIVE DELIVER SEND DSN"),
        ("2007/MSGTRKM20090317-1.LOG", "2007", "08.01.0240.006", "SUBMIT"),
        ("2010/MSGTRK20120514-2.LOG", "2010", "14.02.0247.005", "RECEIVE DEFER FAIL"),
        ("2013/MSGTRK2014060811-1.LOG", "2013", "15.00.0847.030", "EXPAND"),
        ("2013/MSGTRKMD2014060811-1.LOG", "2013", "15.00.0847.030", "DELIVER"),
        ("2016/MSGTRK2018112722-1.LOG", "2016", "15.01.1261.039", "SENDEXTERNAL"),
        ("2016/MSGTRKMS2018112722-1.LOG", "2016", "15.01.1261.039", "NOTIFYMAPI SUBMIT"),
        ("2016/MSGTRKMS2018112722-1.utf16.LOG", "2016", "15.01.1261.039", "NOTIFYMAPI SUBMIT"),
        (
            "2019/MSGTRK2023040309-1.LOG",
            "2019/SE",
            "15.02.1118.026",
            "RECEIVE RECEIVE RECEIVE RECEIVE RECEIVE RECEIVE RECEIVE QUARANTINERELEASE RECEIVE SEND",
        ),
        ("2019/MSGTRKMA2023040309-1.LOG", "2019/SE", "15.02.1118.026", "MODERATORREJECT"),
    ],
)
def test_every_sample_is_read_to_its_last_row(name: str, schema: str, version: str, events: str) -> None:
    found = sample(name)
    assert [item.event_id for item in found] == events.split()
    assert {item.schema.name for item in found} == {schema}
    assert found[-1].schema.version == version


def test_the_sample_with_two_headers_has_the_version_of_each() -> None:
    versions = [item.get("product-version") for item in sample("2010/MSGTRK20120514-2.LOG")]
    assert versions == ["14.01.0218.012", "14.01.0218.012", "14.02.0247.005"]


def test_the_sample_in_utf_16_holds_the_rows_of_the_one_in_utf_8() -> None:
    plain = sample("2016/MSGTRKMS2018112722-1.LOG")
    assert [item.values for item in sample("2016/MSGTRKMS2018112722-1.utf16.LOG")] == [
        r.values for r in plain
    ]


def test_the_sample_in_utf_16_may_come_as_lines_of_a_binary_file() -> None:
    path = SAMPLES / "2016" / "MSGTRKMS2018112722-1.utf16.LOG"
    made = Normalizer(taxonomy="arcsight", discover_plugins=False)
    with path.open("rb") as file:  # cut after every byte 0x0A, which is the middle of a line end
        found = records(list(made.parse(file, made.stream(str(path)))))
    assert [item.event_id for item in found] == ["NOTIFYMAPI", "SUBMIT"]


def test_the_hostile_subjects_of_the_sample_are_read_as_they_were_written() -> None:
    assert [item.values["message-subject"] for item in sample("2019/MSGTRK2023040309-1.LOG")] == [
        "Plain",
        'comma, "quote", and ""two""',
        "a|b=c\\d",
        "CEF:0|Evil|Box|1|1|Owned|10|src=1.2.3.4 act=allowed",
        "tab\there",
        "vt\vff\ffs\x1cnel\x85ls\u2028ps\u2029end",
        "[Undisclosed]",
        "New in this update",
        "small letters",
        "=cmd|' /C calc'!A0",
    ]


@pytest.mark.parametrize("path", sorted(SAMPLES.rglob("*.LOG")), ids=lambda path: path.name)
def test_a_reader_of_csv_finds_the_same_cells_in_every_sample(path: Path) -> None:
    content = path.read_bytes()
    encoding = "utf-16" if content.startswith(codecs.BOM_UTF16_LE) else "utf-8-sig"
    lines = [line for line in content.decode(encoding).split("\n") if line and not line.startswith("#")]
    cells = [next(csv.reader([line.removesuffix("\r")])) for line in lines]
    assert [list(item.values.values()) for item in sample(str(path.relative_to(SAMPLES)))] == cells


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not here")
def test_the_real_sample_is_read_to_its_last_row() -> None:
    (path,) = CORPUS.glob("*.LOG")
    made = Normalizer(taxonomy="arcsight", discover_plugins=False)
    first, second = records(list(made.parse(path.read_bytes(), made.stream(str(path)))))
    assert (first.event_id, second.event_id) == ("NOTIFYMAPI", "RECEIVE")
    assert first.values["client-ip"] == "fe80::1234:5678:4321:1010%3"
    assert second.values["total-bytes"] == "3750222"
    assert second.values["schema-version"] == "15.01.2375.007"
