"""What is remembered of one log file between its lines."""

from __future__ import annotations

import codecs
import re
import time

import pytest

from exnorm.model import Confidence, Head, Record, Schema, Source, Unparsed
from exnorm.pipeline.stream import Stream, surest
from exnorm.settings import Settings
from exnorm.sources.imap_pop import COLUMNS as IMAP_COLUMNS, IMAP_POP
from exnorm.sources.message_tracking import COLUMNS_2007, MESSAGE_TRACKING

FIELDS = "#Fields: " + ",".join(COLUMNS_2007)
HEADER = (
    "#Software: Microsoft Exchange Server",
    "#Version: 08.01.0240.006",
    "#Log-type: Message Tracking Log",
    "#Date: 2009-03-17T07:00:11.204Z",
    FIELDS,
)
NAME = "MSGTRK20090317-1.LOG"


def row(subject: str = "Plain", second: int = 1) -> str:
    """A row of 21 columns with its subject where ``#Fields`` has it."""
    return (
        f"2009-03-17T07:14:{second:02d}.000Z,192.0.2.41,mx1.example.com,10.20.0.11,HUB07,ctx,conn,SMTP,"
        f"RECEIVE,41,<1@example.com>,anna@northwind.example,,5120,1,,,{subject},bo@example.com,<>,00A: "
    )


def stream(**settings: int) -> Stream:
    return Stream("", lambda head: surest([MESSAGE_TRACKING], head), Settings(**settings))  # type: ignore[arg-type]


def opened(**settings: int) -> Stream:
    """A stream whose header was read."""
    made = stream(**settings)
    for line in HEADER:
        assert made.read(line) is None
    return made


def record(found: object) -> Record:
    assert isinstance(found, Record), found
    return found


def unparsed(found: object) -> Unparsed:
    assert isinstance(found, Unparsed), found
    return found


def subjects(made: Stream, lines: list[bytes]) -> list[str]:
    found = [made.read(line) for line in lines]
    return [record(item).values["message-subject"] for item in found if item is not None]


# --- header lines --------------------------------------------------------------------------------


def test_header_lines_and_blank_lines_give_nothing() -> None:
    made = opened()
    assert [made.read(line) for line in ("", "\r\n", "#Date: 2009-03-17T08:00:00.000Z")] == [None] * 3
    assert made.schema == Schema("2007", COLUMNS_2007, "08.01.0240.006", "header")


def test_a_header_may_stand_again_in_the_middle_of_a_file_with_other_columns() -> None:
    made = opened()
    record(made.read(row()))
    turned = [*HEADER[:-1], "#Fields: " + ",".join(reversed(COLUMNS_2007))]
    assert [made.read(line) for line in turned] == [None] * 5
    found = record(made.read(",".join(reversed(row("Again").split(",")))))
    assert found.values["message-subject"] == "Again"
    assert list(found.values) == list(reversed(COLUMNS_2007))


def test_a_header_in_the_middle_brings_its_own_version() -> None:
    made = opened()
    record(made.read(row()))
    for line in (HEADER[0], "#Version: 08.02.0176.002", *HEADER[2:]):
        made.read(line)
    assert record(made.read(row())).schema.version == "08.02.0176.002"


@pytest.mark.parametrize("mark", ["#Log-type", "#Log-Type", "#LOG-TYPE", "# Log-type", "#log-type"])
def test_the_names_of_header_lines_are_compared_without_case_and_without_blanks(mark: str) -> None:
    made = stream()
    for line in (
        HEADER[0],
        HEADER[1],
        f"{mark}: message tracking log",
        HEADER[3],
        "#  fields :" + FIELDS[8:],
    ):
        assert made.read(line) is None
    assert made.directives["log-type"] == "message tracking log"
    assert record(made.read(row("Found"))).values["message-subject"] == "Found"


def test_a_header_that_lost_its_marks_is_a_header_still() -> None:
    made = stream()
    for line in HEADER:
        assert made.read(line.removeprefix("#")) is None
    assert made.schema == Schema("2007", COLUMNS_2007, "08.01.0240.006", "header")
    assert record(made.read(row("Found"))).values["message-subject"] == "Found"


def test_a_bare_line_of_column_names_is_a_header() -> None:
    made = stream()
    assert made.read(",".join(COLUMNS_2007)) is None
    assert record(made.read(row("Found"))).values["message-subject"] == "Found"


def test_a_header_of_a_log_type_that_is_not_known_makes_its_rows_unparsed_not_shifted() -> None:
    made = opened()
    record(made.read(row()))
    other = ("#Software: Microsoft Exchange Server", "#Log-type: Something Else", "#Fields: a,b,c")
    assert [made.read(line) for line in other] == [None] * 3
    refused = unparsed(made.read("1,2,3"))
    assert (refused.kind, refused.raw) == ("unknown-type", "1,2,3")
    for line in HEADER:
        made.read(line)
    assert record(made.read(row("Back"))).values["message-subject"] == "Back"


def test_a_new_header_forgets_what_the_one_before_it_said() -> None:
    made = opened()
    record(made.read(row()))
    # a log that has no line for its type must not inherit that of the log before it
    for line in (
        "#Software: Microsoft Internet Information Services 10.0",
        "#Version: 1.0",
        "#Fields: date time",
    ):
        assert made.read(line) is None
    assert made.directives.keys() == {"software", "version", "fields"}
    assert unparsed(made.read("2022-09-19 15:02:29")).kind == "unknown-type"


def test_lines_of_no_known_type_are_unparsed_until_one_is_recognised() -> None:
    made = stream()
    refused = unparsed(made.read("hello, world"))
    assert refused.kind == "unknown-type"
    assert refused.reason == "no known log type has lines like this one"
    assert record(made.read(row("Found"))).values["message-subject"] == "Found"


# --- marks and line ends -------------------------------------------------------------------------


def test_a_byte_order_mark_at_byte_0_or_at_the_start_of_any_line_is_taken_off() -> None:
    made = stream()
    lines = [codecs.BOM_UTF8 + line.encode() for line in (*HEADER, row("One"), row("Two"))]
    assert subjects(made, lines) == ["One", "Two"]
    assert (
        record(made.read(codecs.BOM_UTF8 + row().encode())).values["date-time"] == "2009-03-17T07:14:01.000Z"
    )


def test_a_byte_order_mark_inside_a_line_stays() -> None:
    assert record(opened().read(row("a\ufeffb"))).values["message-subject"] == "a\ufeffb"


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\r"])
def test_a_line_end_is_no_part_of_the_last_column(end: str) -> None:
    made = stream()
    lines = [(line + end).encode() for line in (*HEADER, row())]
    (found,) = [item for item in map(made.read, lines) if item is not None]
    assert record(found).values["message-info"] == "00A: "
    assert record(found).raw == row()


@pytest.mark.parametrize(
    "separator", ["\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\r", "\0"]
)
def test_a_separator_inside_a_subject_cuts_nothing(separator: str) -> None:
    made = opened()
    subject = f"before{separator}after"
    lines = made.cut((row(subject) + "\n" + row("Next") + "\n").encode())
    assert subjects(made, lines) == [subject, "Next"]


def test_the_file_before_and_after_a_block_border_is_one_file() -> None:
    made = stream()
    content = codecs.BOM_UTF8 + "\r\n".join((*HEADER, row("Größe"), row("Last"))).encode()
    lines = [line for at in range(0, len(content), 7) for line in made.cut(content[at : at + 7])]
    assert subjects(made, lines + made.finish()) == ["Größe", "Last"]


@pytest.mark.parametrize(
    ("mark", "encoding"), [(codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")]
)
def test_a_file_in_utf_16_is_read_by_its_byte_order_mark(mark: bytes, encoding: str) -> None:
    made = stream()
    content = mark + "\r\n".join((*HEADER, row("Größe 東京 😀"), row("Last"))).encode(encoding)
    lines = [line for at in range(0, len(content), 11) for line in made.cut(content[at : at + 11])]
    assert subjects(made, lines + made.finish()) == ["Größe 東京 😀", "Last"]


# --- lines that cannot be read -------------------------------------------------------------------


def test_a_line_that_is_not_utf_8_is_unparsed_and_the_next_row_is_unharmed() -> None:
    made = opened()
    line = row("Gr").encode().replace(b"Gr,", b"Gr\xfc\xdfe,") + b"\r\n"
    refused = unparsed(made.read(line))
    assert refused.kind == "encoding"
    assert refused.reason == f"not UTF-8 at byte {line.index(0xFC)}: got 0xfc"
    assert "Gr\\xfc\\xdfe" in refused.raw
    assert not refused.raw.endswith(("\r", "\n"))
    assert record(made.read(row("Next"))).values["message-subject"] == "Next"


def test_a_line_that_ends_inside_a_character_says_at_which_byte() -> None:
    line = row().encode() + b"\xe6\x9d"  # the beginning of a character of three bytes
    assert unparsed(opened().read(line)).reason == f"not UTF-8 at byte {len(line) - 2}: got 0xe6"


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_line_longer_than_max_line_bytes_is_unparsed_with_its_beginning(end: bytes) -> None:
    made = opened(max_line_bytes=1024)
    line = row("x" * 2000).encode()
    refused = unparsed(made.read(line + end))
    assert (refused.kind, refused.raw) == ("too-long", line.decode()[: 1024 + 3])
    assert refused.reason == "line is longer than max_line_bytes, 1024"
    assert record(made.read(row("Next"))).values["message-subject"] == "Next"


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
@pytest.mark.parametrize("letter", ["x", "é"])
def test_max_line_bytes_is_the_last_length_that_is_read_in_bytes_without_the_end(
    letter: str, end: str
) -> None:
    fits = row(letter * 8)
    fits = row(letter * ((1024 - len(fits.encode())) // len(letter.encode()) + 8))
    fits += "x" * (1024 - len(fits.encode()))
    assert len(fits.encode()) == 1024
    for line in (fits + end, (fits + end).encode()):
        assert isinstance(opened(max_line_bytes=1024).read(line), Record)
    for line in (fits + "x" + end, (fits + "x" + end).encode()):
        assert unparsed(opened(max_line_bytes=1024).read(line)).kind == "too-long"


def test_a_line_of_a_file_that_is_too_long_is_unparsed_and_the_next_row_is_unharmed() -> None:
    made = opened(max_line_bytes=1024)
    lines = made.cut((row("x" * 5000) + "\r\n" + row("Next") + "\r\n").encode())
    assert unparsed(made.read(lines[0])).kind == "too-long"
    assert record(made.read(lines[1])).values["message-subject"] == "Next"


def test_a_line_of_exactly_max_line_bytes_is_read() -> None:
    line = row("x" * (1024 - len(row(""))))
    assert len(line.encode()) == 1024
    record(opened(max_line_bytes=1024).read(line + "\r\n"))


def test_an_item_knows_its_file_and_its_line() -> None:
    made = Stream("/logs/" + NAME, lambda head: surest([MESSAGE_TRACKING], head), Settings())
    for line in HEADER:
        made.read(line)
    found = record(made.read(row()))
    refused = unparsed(made.read("too,short"))
    assert (found.path, found.line_number) == ("/logs/" + NAME, 6)
    assert (refused.path, refused.line_number) == ("/logs/" + NAME, 7)


# --- which source --------------------------------------------------------------------------------


def source(name: str, confidence: Confidence) -> Source:
    return Source(name, name, ("a",), lambda head: confidence, MESSAGE_TRACKING.open)


def test_the_surest_source_wins_and_of_equals_the_first() -> None:
    by_name, shape, other = (
        source("name", Confidence.NAME),
        source("shape", Confidence.SHAPE),
        source("other", Confidence.SHAPE),
    )
    assert surest([by_name, shape, other], Head()) is shape
    assert surest([source("no", Confidence.NO)], Head()) is None


# --- what a crash or a transfer left behind ------------------------------------------------------


def test_the_room_that_a_crashed_server_had_reserved_is_no_line_and_harms_none() -> None:
    made = opened()
    found = [made.read(b"\0" * 4096 + row("One").encode()), made.read(row("Two").encode() + b"\0" * 512)]

    assert [record(item).values["message-subject"] for item in found] == ["One", "Two"]
    assert made.read(b"\0" * 4096) is None


def test_a_header_behind_a_block_of_nul_is_a_header() -> None:
    made = opened()
    for line in ("\0" * 100 + HEADER[0], "#Version: 14.01.0438.000", *HEADER[2:]):
        assert made.read(line) is None

    assert record(made.read(row())).schema.version == "14.01.0438.000"


@pytest.mark.parametrize("header", ["\r".join(HEADER), "\r".join(line[1:] for line in HEADER)])
def test_lines_that_end_in_cr_alone_are_unparsed_not_taken_for_one_long_header(header: str) -> None:
    found = unparsed(stream().read(f"{header}\r{row()}"))

    assert (found.kind, found.reason) == ("syntax", "lines end in CR alone; expected LF or CRLF")
    assert found.raw == f"{header}\r{row()}"


def test_names_and_rows_that_only_a_cr_parts_are_not_all_taken_for_names() -> None:
    found = unparsed(opened().read(f"{','.join(COLUMNS_2007)}\r{row()}"))

    assert (found.kind, found.reason) == ("width", "row has 41 fields; #Fields names 21")


def test_a_doubled_cr_at_the_end_of_a_line_is_no_part_of_it() -> None:
    made = stream()
    for line in HEADER:
        assert made.read(f"{line}\r\r\n") is None

    assert record(made.read(f"{row()}\r\r\n")).values["message-info"] == "00A: "


def test_bare_names_among_rows_begin_another_log_where_that_log_knows_them_all() -> None:
    made = Stream("", lambda head: surest([MESSAGE_TRACKING, IMAP_POP], head), Settings())
    for line in HEADER:
        assert made.read(line) is None
    record(made.read(row()))

    assert unparsed(made.read("dateTime,sessionId,sIp,cIp,rqsize,rpsize,x")).kind == "width"
    assert unparsed(made.read("2009-03-17T07:14:01.000Z,sIp,cIp,rqsize,rpsize")).kind == "width"
    assert record(made.read(row())).source.name == "message_tracking"
    assert made.read(",".join(IMAP_COLUMNS)) is None
    imap = "2026-03-17T12:00:01.100Z,B7,2,192.0.2.40:993,198.51.100.62:51000,nora,14,30,25,logout,,R=OK,"
    assert record(made.read(imap)).source.name == "imap_pop"
    assert unparsed(made.read(row())).reason.startswith("row has 21 fields; #Fields names 13")


@pytest.mark.parametrize("lost", ["", "#"])
def test_a_header_that_was_put_on_one_line_is_a_header_still(lost: str) -> None:
    made = stream()
    assert made.read(" ".join(line.removeprefix(lost) for line in HEADER)) is None

    assert list(made.directives) == ["software", "version", "log-type", "date", "fields"]
    assert made.directives["software"] == "Microsoft Exchange Server"
    assert record(made.read(row())).schema.found == "header"


def test_a_line_of_a_thousand_headers_is_one_header_and_takes_no_time() -> None:
    made = stream()
    begin = time.process_time()
    assert made.read("Fields:  " * 2000) is None

    assert time.process_time() - begin < 2
    assert list(made.directives) == ["fields"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("#Fields: " + "x" * 65536, "header line has 65545 characters; expected at most 65536"),
        ("#Fields: " + ",".join(["x"] * 5001), "header line has 5001 names; expected at most 5000"),
        ("Fields: " + "x " * 5000, "header line has 5002 names; expected at most 5000"),
    ],
)
def test_a_header_line_longer_or_with_more_names_than_any_log_has_is_unparsed(line: str, reason: str) -> None:
    made = opened()
    refused = unparsed(made.read(line))
    assert (refused.kind, refused.reason, refused.raw) == ("syntax", reason, line)
    assert record(made.read(row("Next"))).values["message-subject"] == "Next"


@pytest.mark.parametrize(
    ("sign", "name"), [(",", "commas"), (";", "semicolons"), ("\t", "TABs"), (" ", "blanks")]
)
def test_a_line_of_more_cells_than_can_be_meant_is_unparsed_before_it_is_cut(sign: str, name: str) -> None:
    made = opened()
    begin = time.process_time()
    refused = unparsed(made.read(row("Hi") + sign * 1_000_000))
    assert time.process_time() - begin < 1
    assert refused.kind == "width"
    assert re.fullmatch(rf"line has 10000\d\d {name}; expected at most 250000", refused.reason)
    assert record(made.read(row("Next"))).values["message-subject"] == "Next"


@pytest.mark.parametrize("line", ["Date: tomorrow", "Version: 2 of the contract", "Fields: a,b"])
def test_a_line_among_rows_that_begins_with_such_a_word_is_no_header_and_is_not_lost(line: str) -> None:
    made = opened()
    record(made.read(row()))

    assert unparsed(made.read(line)).raw == line
    assert record(made.read(row())).schema.found == "header"


def test_a_header_without_marks_may_stand_among_rows() -> None:
    made = opened()
    record(made.read(row()))
    for line in HEADER:
        assert made.read(line.removeprefix("#")) is None

    assert record(made.read(row())).schema.version == "08.01.0240.006"
