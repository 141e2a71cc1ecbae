"""Generated code over rows against the table applied row by row: the same bytes, counts and refused lines.

`benchmarks/compare_paths.py` has both ways and the odd rows; by itself it compares a million of them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import Any

import compare_paths
import pytest
import tracking_rows
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st

import exnorm
from exnorm import Event, Normalizer, Record
from exnorm.convert import addresses, match, member, text, utc_ms
from exnorm.engine.kernel import load_kernel
from exnorm.engine.programs import Program
from exnorm.engine.rows import as_latin1, from_latin1, prepare, split_quoted
from exnorm.model import Confidence, Derivation, Layout, Reader, Schema, Source
from exnorm.sources.columnar import split_csv
from exnorm.sources.message_tracking import COLUMNS_2007, COLUMNS_2010, COLUMNS_2016
from exnorm.text.lines import join_csv

ROWS = list(tracking_rows.make_rows(500))


pytestmark = pytest.mark.usefixtures("each_path")


class Processors:
    """A plugin whose processors change, remove and fail."""

    name = "processors"

    @exnorm.hookimpl
    def record_processors(self) -> list[Any]:
        def change(record: Record) -> Record | None:
            if record.values.get("source") == "DSN":
                return None
            record.values["message-subject"] = "hidden=1"
            return record

        return [change]

    @exnorm.hookimpl
    def event_processors(self) -> list[Any]:
        def fail(event: Event) -> Event:
            raise ValueError

        return [fail]


# --- both ways agree -----------------------------------------------------------------------------


@pytest.mark.parametrize("settings", compare_paths.SETTINGS, ids=str)
def test_both_ways_agree_on_odd_rows(settings: dict[str, Any]) -> None:
    lines = list(compare_paths.odd_lines(ROWS, random.Random(str(settings))))
    long, short = compare_paths.take_long_way(lines, settings), compare_paths.take_short_way(lines, settings)
    assert compare_paths.explain_difference(long, short) == ""
    assert long[2]["lines"] == len(lines)


@pytest.mark.parametrize("settings", compare_paths.SETTINGS[::3], ids=str)
def test_both_ways_agree_with_processors(settings: dict[str, Any]) -> None:
    lines = list(compare_paths.odd_lines(ROWS[:150], random.Random(7)))
    long = compare_paths.take_long_way(lines, settings, [Processors()])
    short = compare_paths.take_short_way(lines, settings, [Processors()])
    assert compare_paths.explain_difference(long, short) == ""
    assert long[2]["removed"] or long[2]["plugin_errors"]


def test_a_reading_function_of_a_plugin_is_called_for_each_row() -> None:
    def faulty(text: str) -> str:
        raise ValueError

    class Rows:
        name = "rows"

        @exnorm.hookimpl
        def register_mappings(self) -> list[exnorm.Mapping]:
            rows = (
                exnorm.row("Device Custom String 6", "return-path", faulty, label="Return Path", ours="test"),
            )
            return [exnorm.Mapping("x", "message_tracking", "arcsight", rows, extends="arcsight-2016")]

    lines = head_lines()
    long = compare_paths.take_long_way(lines, {"format": "cef"}, [Rows()])
    assert compare_paths.explain_difference(long, compare_paths.take_short_way(lines, {}, [Rows()])) == ""
    assert long[2]["plugin_errors"]


class Row:
    """A plugin with one more row for ArcSight's table."""

    name = "row"

    def __init__(self, row: exnorm.Row, table: str = "arcsight-2016") -> None:
        self.table = exnorm.Mapping("x", "message_tracking", "arcsight", (row,), extends=table)

    @exnorm.hookimpl
    def register_mappings(self) -> list[exnorm.Mapping]:
        return [self.table]


def test_a_row_may_hold_for_one_address_only() -> None:
    (address, *_) = (cell for row in ROWS if (cell := row.split(",")[1]).count(".") == 3)
    when = exnorm.column_is("client-ip", address)
    for_address = exnorm.row("Flex String 2", "source", when=when, label="Source", ours="test")
    plugins = [Row(for_address)]
    long = compare_paths.take_long_way(head_lines(), {}, plugins)
    assert (
        compare_paths.explain_difference(long, compare_paths.take_short_way(head_lines(), {}, plugins)) == ""
    )
    assert 0 < b"\n".join(long[0]).count(b"flexString2Label=Source") < len(long[0])


@pytest.mark.parametrize("settings", [{"format": "cef"}, {"format": "json"}], ids=str)
@pytest.mark.parametrize("odd", ["a\nb", "a\rb", "a\tb", "a\0b", "a\u2028b"])
@pytest.mark.parametrize("place", ["label", "constant", "default", "event"])
def test_what_a_table_brings_is_escaped_as_the_rows_own_texts_are(
    place: str, odd: str, settings: dict[str, Any]
) -> None:
    field, label = "Flex String 2", odd if place == "label" else "Label"
    origins: dict[str, Any] = {
        "constant": exnorm.constant(odd),
        "default": ("reference", exnorm.constant(odd)),
    }
    read = exnorm.by_event("name", "none") if place == "event" else text
    origin = "event-id" if place == "event" else origins.get(place, "source")
    plugin = Row(exnorm.row(field, origin, read, label=label, ours="test"))
    if place == "event":
        plugin.table = replace(plugin.table, events={"SEND": {"name": odd}})
    long = compare_paths.take_long_way(head_lines(), settings, [plugin])
    short = compare_paths.take_short_way(head_lines(), settings, [plugin])
    assert compare_paths.explain_difference(long, short) == ""
    assert any(b"flexString2" in payload for payload in short[0])
    assert not any(character in payload.decode() for payload in short[0] for character in "\n\r\0\u2028")


@pytest.mark.parametrize("taxonomy", ["arcsight", "jsa"])
@pytest.mark.parametrize("cell", ["''", "'';''", "'", "';'", "''a@x.test''", "'<>'"])
def test_an_address_column_that_holds_apostrophes_alone_is_additional_data(cell: str, taxonomy: str) -> None:
    lines = compare_paths._header(COLUMNS_2016, tracking_rows.VERSION)
    rows = [row.split(",") for row in ROWS[:200] if '"' not in row]
    for number, row in enumerate(rows):
        for column in ("recipient-address", "sender-address", "related-recipient-address"):
            row[COLUMNS_2016.index(column)] = cell if number % 3 else "a@x.test"
    given = [*lines, *(",".join(row).encode() for row in rows)]
    long = compare_paths.take_long_way(given, {"taxonomy": taxonomy})
    short = compare_paths.take_short_way(given, {"taxonomy": taxonomy})
    assert compare_paths.explain_difference(long, short) == ""
    assert not any(b"duser= " in payload or b"usrName=\t" in payload for payload in short[0])


def lines_of_2007() -> list[bytes]:
    positions = [COLUMNS_2016.index(column) for column in COLUMNS_2007]
    cells = (row.split(",") for row in ROWS[:100] if '"' not in row)
    rows = (",".join(row[at] for at in positions).encode() for row in cells)
    return [*compare_paths._header(COLUMNS_2007, "08.03.0083.000"), *rows]


@pytest.mark.parametrize("condition", [exnorm.column_is, exnorm.column_is_not])
def test_a_condition_may_ask_for_a_column_that_the_log_does_not_have(condition: Any) -> None:
    when = condition("network-message-id", "a")
    conditional = exnorm.row("Flex String 2", "source", when=when, label="Source", ours="test")
    plugins = [Row(conditional, "arcsight-2010")]
    lines = lines_of_2007()
    long = compare_paths.take_long_way(lines, {}, plugins)
    assert compare_paths.explain_difference(long, compare_paths.take_short_way(lines, {}, plugins)) == ""
    assert all(b"flexString2Label=" in one for one in long[0]) is (condition is exnorm.column_is_not)


@pytest.mark.parametrize("settings", compare_paths.SETTINGS[::3], ids=str)
def test_a_row_may_take_the_first_of_several_columns(settings: dict[str, Any]) -> None:
    first = exnorm.row("Flex String 2", ("return-path", "source"), label="First", ours="test")
    lines = [*head_lines(), *(line.replace(b"@", b"") for line in head_lines()[5:])]
    plugins = [Row(first)]
    long = compare_paths.take_long_way(lines, settings, plugins)
    assert (
        compare_paths.explain_difference(long, compare_paths.take_short_way(lines, settings, plugins)) == ""
    )


@pytest.mark.parametrize("read", [text, member("DeliveryPriority"), match("=([A-Z]+)"), addresses])
@pytest.mark.parametrize("settings", compare_paths.SETTINGS[::3], ids=str)
def test_a_row_may_carry_a_part_of_a_column_which_stays_whole(settings: dict[str, Any], read: Any) -> None:
    part = exnorm.row("Flex String 2", "custom-data", read, label="Part", partial=True, ours="test")
    plugins = [Row(part)]
    lines = head_lines()
    long = compare_paths.take_long_way(lines, settings, plugins)
    assert (
        compare_paths.explain_difference(long, compare_paths.take_short_way(lines, settings, plugins)) == ""
    )


TEXT = st.one_of(
    st.sampled_from(compare_paths.TEXTS), st.text(st.characters(exclude_characters="\n"), max_size=40)
)


@pytest.mark.slow
@given(
    cells=st.lists(st.tuples(st.integers(0, 29), TEXT), min_size=1, max_size=12),
    settings=st.sampled_from(compare_paths.SETTINGS),
    quoted=st.booleans(),
)
@hypothesis_settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
def test_both_ways_agree_on_any_text_in_any_column(
    cells: list[tuple[int, str]], settings: dict[str, Any], quoted: bool
) -> None:
    rows = [row.split(",") for row in ROWS if '"' not in row][: len(cells)]
    for row, (column, given_text) in zip(rows, cells):
        row[column] = given_text
    join = join_csv if quoted else ",".join
    good = ROWS[:3]
    lines = [line.encode("utf-8", "surrogatepass") for line in (*good, *map(join, rows), *good, *good)]
    lines = [*tracking_rows.header().encode().splitlines(), *lines]
    long, short = compare_paths.take_long_way(lines, settings), compare_paths.take_short_way(lines, settings)
    assert compare_paths.explain_difference(long, short) == ""


# Logs of which several columns together say what is derived.
OTHER_LOGS = [
    next(log for log in compare_paths.find_other_logs() if name in log.name)
    for name in ("Owa_HttpProxy", "Mapi_HttpProxy", "CONNECTLOG", "AgentLog", "u_ex")
]


@pytest.mark.parametrize("log", OTHER_LOGS, ids=lambda log: log.name)
def test_rows_of_other_logs_are_read_cell_by_cell_in_every_format(log: Path) -> None:
    for settings in compare_paths.CODED:
        normalizer = Normalizer(discover_plugins=False, **{**settings, "max_line_bytes": 65536})
        program = normalizer.find_program(compare_paths.plain_lines_of(log, 100), normalizer.stream(log.name))
        assert isinstance(program, Program), settings
        assert (program.machine is None) == (load_kernel() is None)


@pytest.mark.slow
@given(
    log=st.sampled_from(OTHER_LOGS),
    changes=st.lists(st.tuples(st.integers(0, 80), TEXT), min_size=1, max_size=20),
    settings=st.sampled_from(compare_paths.SETTINGS),
    quoted=st.booleans(),
)
@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_both_ways_agree_on_any_text_in_any_column_of_other_logs(
    log: Path, changes: list[tuple[int, str]], settings: dict[str, Any], quoted: bool
) -> None:
    *lines, last = compare_paths.plain_lines_of(log, 100)
    has_blanks = log.name.startswith("u_ex")
    join = " ".join if has_blanks else join_csv if quoted else ",".join
    for column, given_text in changes:
        cells = last.decode().split(" ") if has_blanks else split_csv(last.decode()) or []
        cells[column % len(cells)] = given_text
        lines += [join(cells).encode("utf-8", "surrogatepass"), last]
    long = compare_paths.take_long_way(lines, settings, name=log.name)
    short = compare_paths.take_short_way(lines, settings, name=log.name)
    assert compare_paths.explain_difference(long, short) == ""


IIS_ROW = "2022-09-19 15:02:{} 10.2.32.66 GET /owa/ - 443 anna 10.1.253.195 curl/8 - 200 0 0 1 2 3"
IIS_COLUMNS = (
    "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) "
    "sc-status sc-substatus sc-win32-status sc-bytes cs-bytes time-taken"
)


def lines_of_iis(version: str, columns: str = IIS_COLUMNS, row: str = IIS_ROW) -> list[bytes]:
    header = f"#Software: Microsoft Internet Information Services {version}", f"#Fields: {columns}"
    return [line.encode() for line in (*header, *(row.format(f"{second:02}") for second in range(30)))]


def test_logs_of_two_versions_under_the_same_columns_keep_their_own() -> None:
    normalizer = Normalizer(discover_plugins=False)
    for version in ("10.0", "8.5", "10.0"):
        payloads = list(normalizer.encode(lines_of_iis(version), normalizer.stream("u_ex220919.log")))
        assert len(payloads) == 30
        assert all(f"|IIS {version}|".encode() in payload for payload in payloads)
    lines = [*lines_of_iis("10.0"), *lines_of_iis("8.5")]  # as after an upgrade
    payloads = list(normalizer.encode(lines, normalizer.stream("u_ex220919.log")))
    assert [b"|IIS 8.5|" in payload for payload in payloads] == [False] * 30 + [True] * 30


@pytest.mark.parametrize("proxies", [(), ("10.0.0.0/8",)], ids=["no proxies", "trusted proxies"])
def test_rows_of_iis_with_a_column_of_ones_own_are_read_cell_by_cell(proxies: tuple[str, ...]) -> None:
    lines = lines_of_iis(
        "10.0", IIS_COLUMNS + " X-Mine X-Forwarded-For", IIS_ROW + " a+b 203.0.113.9,+10.0.0.7"
    )
    for settings in ({"format": "cef"}, {"format": "json"}):
        asked: dict[str, Any] = {**settings, "trusted_proxies": proxies}
        normalizer = Normalizer(discover_plugins=False, **asked)
        assert isinstance(normalizer.find_program(lines, normalizer.stream("u_ex220919.log")), Program)
        long = compare_paths.take_long_way(lines, asked, name="u_ex220919.log")
        short = compare_paths.take_short_way(lines, asked, name="u_ex220919.log")
        assert compare_paths.explain_difference(long, short) == ""
        assert len(long[0]) == 30


@pytest.mark.parametrize(
    ("columns", "row"),
    [
        ("time " + IIS_COLUMNS.removeprefix("date time "), IIS_ROW.partition(" ")[2]),
        (
            IIS_COLUMNS.replace("date time", "time date"),
            "15:02:{} 2022-09-19" + IIS_ROW[19:].replace("{}", ""),
        ),
    ],
    ids=["without a date", "the time first"],
)
def test_rows_of_iis_that_are_more_than_their_cells_are_left_to_their_reader(columns: str, row: str) -> None:
    normalizer = Normalizer(discover_plugins=False)
    lines = lines_of_iis("10.0", columns, row)
    assert not isinstance(normalizer.find_program(lines, normalizer.stream("u_ex220919.log")), Program)
    lines.insert(1, b"#Date: 2022-09-19 15:00:00")
    for settings in ({"format": "cef"}, {"format": "json"}):
        long = compare_paths.take_long_way(lines, settings, name="u_ex220919.log")
        short = compare_paths.take_short_way(lines, settings, name="u_ex220919.log")
        assert compare_paths.explain_difference(long, short) == ""
        assert len(long[0]) == 30


@pytest.mark.parametrize("settings", compare_paths.CODED, ids=str)
def test_odd_rows_of_iis_go_through_their_reader(settings: dict[str, Any]) -> None:
    rows = [
        IIS_ROW.format("00") + "  ",
        IIS_ROW.format("00.5"),
        IIS_ROW.format("00").replace(" ", "  ", 1),
        IIS_ROW.format("00").replace("curl/8", '"curl"/8\\'),
        IIS_ROW.format("00").replace("curl/8", "curl,'8'"),
        IIS_ROW.format("00").replace(" 200 ", " x "),
        IIS_ROW.format("61"),
        IIS_COLUMNS,
        "",
        " ",
        IIS_ROW.format("00") + " \r",
    ]
    plain = lines_of_iis("10.0")
    lines = [*plain, *(line for row in rows for line in (row.encode(), plain[-1])), *plain]
    long = compare_paths.take_long_way(lines, settings, name="u_ex220919.log")
    short = compare_paths.take_short_way(lines, settings, name="u_ex220919.log")
    assert compare_paths.explain_difference(long, short) == ""


class Oddities(Reader):
    """A reader of two columns whose derived value is whatever the second one asks for."""

    schema = Schema("1", ("date-time", "what"))

    def __init__(self, source: Source) -> None:
        self._source = source
        self._computed = (Derivation(("event",), ("what",), self.derive),)

    @staticmethod
    def derive(what: str) -> str:
        if what == "fail":
            raise ValueError("no such thing")
        return {"break": "two\nlines", "surrogate": "\ud800", "control": "\x01"}.get(what, what.upper())

    @property
    def layout(self) -> Layout:
        return Layout(self.schema, self.fill, {}, self._computed)

    def fill(self, record: Record) -> None:
        record.time = utc_ms(record.values["date-time"])
        for derivation in self._computed:
            record.derived.update(
                zip(derivation.names, derivation.apply(map(record.get, derivation.columns)))
            )

    def read(self, line: str) -> Record | None:
        record = Record(self._source, self.schema, dict(zip(self.schema.columns, line.split(","))), raw=line)
        self.fill(record)
        return record


class OddSource:
    """A plugin whose log derives what no format can take as it is, or fails."""

    name = "odd-source"

    @exnorm.hookimpl
    def register_sources(self) -> list[Source]:
        return [
            Source(
                name="odd",
                title="Odd log",
                columns=("date-time", "what"),
                derived={"event": "what"},
                recognize=lambda head: Confidence.HEADER,
                open=lambda source, head, settings: Oddities(source),
                event_column="event",
            )
        ]

    @exnorm.hookimpl
    def register_mappings(self) -> list[exnorm.Mapping]:
        rows = (
            exnorm.row("Device Receipt Time", "date-time", utc_ms, ours="test"),
            exnorm.row("Name", "event", ours="test"),
            exnorm.row("Message", "event", ours="test"),
        )
        return [exnorm.Mapping("arcsight-odd", "odd", "arcsight", rows)]


@pytest.mark.parametrize("settings", [{"format": "cef"}, {"format": "json"}], ids=str)
def test_what_a_plugin_derives_oddly_is_left_to_its_reader(settings: dict[str, Any]) -> None:
    words = ["plain"] * 20 + ["break", "plain", "surrogate", "control", "plain", "fail", "", "a=b|c"]
    lines = [f"2026-01-01T00:00:00.000Z,{word}".encode() for word in words]
    settings = {**settings, "source": "odd"}
    long = compare_paths.take_long_way(lines, settings, [OddSource()])
    short = compare_paths.take_short_way(lines, settings, [OddSource()])
    assert compare_paths.explain_difference(long, short) == ""
    assert long[2]["plugin_errors"] == {"odd-source": 1}
    normalizer = Normalizer(discover_plugins=False, plugins=[OddSource()], **settings)
    assert isinstance(normalizer.find_program(lines, normalizer.stream("odd.log")), Program)


@pytest.mark.parametrize("column", ["date-time", "schema-version", "server-ip"])
@pytest.mark.parametrize("settings", compare_paths.SETTINGS[::3], ids=str)
def test_a_column_that_is_usually_as_before_may_change_at_any_row(
    settings: dict[str, Any], column: str
) -> None:
    at = COLUMNS_2016.index(column)
    texts = {
        "date-time": ["2026-01-01T00:00:00.034Z", "2026-01-01T00:00:01.034Z", "no time", ""],
        "schema-version": [tracking_rows.VERSION, "15.02.0001.001", "no version", ""],
        "server-ip": ["10.0.0.1", "2001:db8::1", "no address", ""],
    }[column]
    chance, lines = random.Random(column), tracking_rows.header().encode().splitlines()
    for number, row in enumerate(row.split(",") for row in ROWS if '"' not in row):
        row[at] = texts[0] if number < 200 or number % 4 else chance.choice(texts)
        lines.append(",".join(row).encode())
    long, short = compare_paths.take_long_way(lines, settings), compare_paths.take_short_way(lines, settings)
    assert compare_paths.explain_difference(long, short) == ""


@pytest.mark.parametrize("end", [b"\r", b"\r\r", b"\0", b"\0\r", b"\r\0"], ids=repr)
@pytest.mark.parametrize("settings", compare_paths.SETTINGS[::3], ids=str)
def test_what_a_stream_takes_off_a_line_is_in_no_payload(settings: dict[str, Any], end: bytes) -> None:
    columns = COLUMNS_2010  # its last column can hold any text
    positions = [COLUMNS_2016.index(column) for column in columns]
    cells = [row.split(",") for row in ROWS[:90] if '"' not in row]
    rows = [",".join(row[at] for at in positions) for row in cells]
    odd = (row.encode() + (end if number % 9 == 8 else b"") for number, row in enumerate(rows))
    lines = [*compare_paths._header(columns, "14.03.0123.003"), *odd]
    long, short = compare_paths.take_long_way(lines, settings), compare_paths.take_short_way(lines, settings)
    assert compare_paths.explain_difference(long, short) == ""


@pytest.mark.parametrize("block", [61, 997, 4096, 1 << 20])
@pytest.mark.parametrize("settings", compare_paths.SETTINGS[::4], ids=str)
def test_it_does_not_matter_where_blocks_begin(settings: dict[str, Any], block: int) -> None:
    lines = list(compare_paths.odd_lines(ROWS[:200], random.Random(block)))
    long = compare_paths.take_long_way(lines, settings)
    short = compare_paths.take_short_way(lines, settings, block=block)
    assert compare_paths.explain_difference(long, short) == ""


TORN, WIDE = b"2026-01-01T00:00:00.000Z,torn", ROWS[0].encode() + b",wide"
LONG = ",".join((*ROWS[0].split(",")[:18], "s" * 100_000, *ROWS[0].split(",")[19:])).encode()


@pytest.mark.parametrize(
    ("first", "last"), [([TORN], []), ([], [TORN]), ([WIDE, b""], [b"\r", LONG]), ([LONG], [LONG, TORN])]
)
@pytest.mark.parametrize("end", [b"", b"\r"])
@pytest.mark.parametrize("block", [1000, 65_536])
def test_odd_and_long_rows_may_stand_anywhere_in_a_block(
    first: list[bytes], last: list[bytes], end: bytes, block: int
) -> None:
    header = tracking_rows.header().encode().splitlines()
    rows = [row.encode() for row in ROWS[:40]]
    lines = [line + end for line in (*header, *first, *rows, *last, *header, *last, *rows, *last)]
    for settings in ({"format": "cef"}, {"format": "json", "keep_original": True}):
        long = compare_paths.take_long_way(lines, settings)
        short = compare_paths.take_short_way(lines, settings, block=block)
        assert compare_paths.explain_difference(long, short) == ""


def test_a_log_may_end_without_a_line_end_and_a_block_may_be_empty() -> None:
    lines = head_lines()[:30]
    log = b"\r\n".join(lines)
    expected = compare_paths.take_long_way(lines, {})[0]
    at = log.rfind(b"\r") + 1  # between the two characters of a line end
    for cut in (0, 1, at, len(log)):
        normalizer = Normalizer(discover_plugins=False)
        stream = normalizer.stream("logs/MSGTRK2026010100-1.LOG")
        written = bytearray()
        for block in (log[:cut], b"", log[cut:]):
            normalizer.encode_block(block, stream, written.extend)
        whole = len(expected) - 1  # the last line may go on
        assert written == b"".join(payload + b"\n" for payload in expected[:whole])
        normalizer.encode_block(b"", stream, written.extend, is_last=True)
        assert written == b"".join(payload + b"\n" for payload in expected)


def test_a_difference_is_found_where_there_is_one() -> None:
    result: Any = ([b"a", b"b"], [], {"lines": 2}, 2)
    assert "payload 1" in compare_paths.explain_difference(result, ([b"a", b"c"], [], {"lines": 2}, 2))
    assert "2 and 1 of payload" in compare_paths.explain_difference(result, ([b"a"], [], {"lines": 2}, 2))
    assert "counts" in compare_paths.explain_difference(result, ([b"a", b"b"], [], {"lines": 3}, 2))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_an_open_file_a_list_and_a_block_give_the_same(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "MSGTRK2026010100-1.LOG"
    text = "\r\n".join([*tracking_rows.header().lstrip("\ufeff").splitlines(), *ROWS, ROWS[0] + ",torn", ""])
    path.write_bytes(text.encode(encoding))
    readings: tuple[Callable[[BufferedReader], Any], ...] = (
        lambda file: (line for line in file),
        lambda file: file,
        lambda file: file.readlines(),
        lambda file: file.read(),
    )
    results = []
    for read in readings:
        normalizer = Normalizer(discover_plugins=False)
        with path.open("rb") as file:
            payloads = list(normalizer.encode(read(file), normalizer.stream(str(path))))
        results.append((payloads, normalizer.counts.as_dict()))
    assert len(results[0][0]) == len(ROWS)
    assert all(result == results[0] for result in results)


# --- what is generated, and what is not ----------------------------------------------------------


def head_lines() -> list[bytes]:
    return [*tracking_rows.header().encode().splitlines(), *(row.encode() for row in ROWS[:100])]


@pytest.mark.parametrize(
    "settings",
    compare_paths.CODED,
    ids=str,
)
def test_there_is_code_for_every_format(settings: dict[str, Any]) -> None:
    normalizer = Normalizer(discover_plugins=False, **settings)
    program = normalizer.find_program(head_lines(), normalizer.stream("MSGTRK2026010100-1.LOG"))
    assert isinstance(program, Program)
    assert program.source_text.startswith("def run(")


@pytest.mark.parametrize("settings", [{"per_recipient": True}, {"format": "json", "fields": "ecs"}], ids=str)
def test_there_is_no_code_for_several_events_a_row_and_for_nested_names(settings: dict[str, Any]) -> None:
    normalizer = Normalizer(discover_plugins=False, **settings)
    assert normalizer.find_program(head_lines(), normalizer.stream("MSGTRK2026010100-1.LOG")) is None


def test_there_is_no_code_for_events_that_processors_must_see() -> None:
    normalizer = Normalizer(discover_plugins=False, plugins=[Processors()])
    assert normalizer.find_program(head_lines(), normalizer.stream("MSGTRK2026010100-1.LOG")) is None


def test_good_rows_all_go_through_the_generated_code() -> None:
    normalizer = Normalizer(discover_plugins=False)
    stream = normalizer.stream("MSGTRK2026010100-1.LOG")
    lines = head_lines()
    program = normalizer.find_program(lines, stream)
    assert isinstance(program, Program)
    assert normalizer.codec.wire is not None
    wire = normalizer.codec.wire(normalizer.taxonomy, normalizer.settings)
    assert wire is not None
    rows = prepare(b"\n".join(lines[5:]), wire, 1 << 20)
    payloads: list[str] = []
    assert program.run(rows, lines[5:], 0, payloads, "CEF:0|", b"") == 100
    assert len(payloads) == 100


def test_both_ways_cut_what_is_too_long_by_themselves() -> None:
    normalizer = Normalizer(discover_plugins=False)
    program = normalizer.find_program(head_lines(), normalizer.stream("MSGTRK2026010100-1.LOG"))
    assert isinstance(program, Program)
    long = ROWS[0].split(",")
    long[12] = ";".join(f"user{number}@example.test" for number in range(60))
    lines = [line.encode() for line in (*ROWS[:50], ",".join(long), *ROWS[:50])]
    if program.machine is None:
        assert normalizer.codec.wire is not None
        wire = normalizer.codec.wire(normalizer.taxonomy, normalizer.settings)
        assert wire is not None
        made: list[str] = []
        assert program.run(prepare(b"\n".join(lines), wire, 1 << 20), lines, 0, made, "CEF:0|", b"") == 101
        payloads = [payload.encode("latin-1") for payload in made]
    else:
        block = b"\n".join((*lines, b""))
        assert program.machine.run(block, 0, len(block), b"CEF:0|", b"") == (len(block), 101, 101)
        payloads = bytes(memoryview(program.machine)).split(b"\n")[:-1]  # type: ignore[arg-type]
    assert len(payloads) == 101
    assert normalizer.counts.cut == {"destinationUserName": 1}
    payload = payloads[50]
    shown, whole = payload.split(b" duser=")[1].split(b" ")[0], payload.split(b" ad.recipient-address=")[1]
    assert shown == long[12].encode()[:1023]
    assert whole.startswith(long[12].encode() + b" ")


@pytest.mark.slow
def test_a_hostile_column_name_does_no_harm_to_the_code() -> None:
    for name in ('x"}{', "a\\", "\x00", "'''", "{c0}", "\r", "é\u2028"):
        columns = ",".join((*COLUMNS_2016, name))
        lines = [b"#Log-type: Message Tracking Log", f"#Fields: {columns}".encode()]
        lines += [f"{row},last".encode() for row in ROWS[:30]]
        for settings in compare_paths.SETTINGS:
            long = compare_paths.take_long_way(lines, settings)
            short = compare_paths.take_short_way(lines, settings)
            assert compare_paths.explain_difference(long, short) == ""


def test_any_number_of_headers_makes_a_bounded_number_of_programs() -> None:
    normalizer = Normalizer(discover_plugins=False)
    lines = []
    for number in range(80):
        columns = ",".join((*COLUMNS_2016[:-1], f"column{number}"))
        lines += [f"#Fields: {columns}".encode(), *(row.encode() for row in ROWS[:2])]
    stream = normalizer.stream("MSGTRK2026010100-1.LOG")
    assert len(list(normalizer.encode(lines, stream))) == 160
    assert len(normalizer.programs._of_rows) == 64


def test_what_came_before_a_refused_row_is_given_before_the_error() -> None:
    normalizer = Normalizer(discover_plugins=False, on_error="stop")
    lines = [*head_lines()[:15], b"2026-01-01T00:00:00.000Z,torn", *head_lines()[15:]]
    found = normalizer.encode(lines, normalizer.stream("MSGTRK2026010100-1.LOG"))
    assert len(list(islice(found, 10))) == 10
    with pytest.raises(exnorm.ParseError, match=":16: row has 2 fields"):
        next(found)


# --- reading rows --------------------------------------------------------------------------------


@given(st.text(st.sampled_from('ab",\\é'), max_size=30))
def test_a_row_with_quotes_is_cut_as_the_reader_cuts_it_or_left_to_it(row: str) -> None:
    if '"' in row:
        cells = split_quoted(row)
        assert cells in (split_csv(row), [])


def test_a_row_with_one_quoted_cell_is_cut_without_the_reader() -> None:
    assert split_quoted('a,"b,c",d') == ["a", "b,c", "d"]
    assert split_quoted('"a,b"') == ["a,b"]
    assert split_quoted('"",b,"he said ""no"""') == ["", "b", 'he said "no"']
    assert split_quoted('a"b",c') == ['a"b"', "c"]
    assert split_quoted('a,"b') == []


@given(st.text())
def test_text_read_as_latin_1_comes_back(text: str) -> None:
    encoded = text.encode("utf-8", "replace")
    assert as_latin1(text).encode("latin-1") == encoded
    assert from_latin1(as_latin1(text)) == encoded.decode()
