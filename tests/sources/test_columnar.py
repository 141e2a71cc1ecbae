"""Rows of cells under a ``#Fields`` line, with a log type made up for the purpose."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from exnorm.model import Confidence, Reader, Record, Schema, Source, Unparsed
from exnorm.settings import Settings
from exnorm.sources.columnar import ColumnarReader, explain_date, field_names, split_csv

SHORT = ("when", "who", "what")
LONG = ("when", "who", "whom", "what", "why")


def not_opened(*_: object) -> Reader:
    raise AssertionError("the reader is made by the tests")


TOY = Source(
    name="toy",
    title="toy log",
    columns=LONG,
    recognize=lambda head: Confidence.NO,
    open=not_opened,
    schemas=(Schema("short", SHORT), Schema("long", LONG)),
)


def refuse_bad_times(record: Record) -> tuple[str, str] | None:
    return None if record.values.get("when", "") != "never" else explain_date("when", "never")


def what_is_a_word(values: Mapping[str, str]) -> bool:
    return values["what"].isalpha()


def reader(fields: str | None = None, schema: str = "", version: str = "") -> ColumnarReader:
    made = ColumnarReader(
        TOY,
        Settings(schema=schema),
        split=split_csv,
        finish=refuse_bad_times,
        name_schema=lambda columns, version: f"{len(columns)} columns",
        plausible=what_is_a_word,
    )
    made.header({"version": version} if fields is None else {"fields": fields, "version": version})
    return made


def record(found: object) -> Record:
    assert isinstance(found, Record), found
    return found


def unparsed(found: object) -> Unparsed:
    assert isinstance(found, Unparsed), found
    return found


# --- cells ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ("a,b,c", ["a", "b", "c"]),
        ("a,,c", ["a", "", "c"]),
        (",,", ["", "", ""]),
        ("", [""]),
        ('a,"b,c",d', ["a", "b,c", "d"]),
        ('a,"say ""hi""",d', ["a", 'say "hi"', "d"]),
        ('"","",""', ["", "", ""]),
        ('a,"b",', ["a", "b", ""]),
        ('a,b"c,d', ["a", 'b"c', "d"]),
        ('a,"tab\there, \u2028\v\x85",d', ["a", "tab\there, \u2028\v\x85", "d"]),
        ("a, b ,c", ["a", " b ", "c"]),
    ],
)
def test_a_row_is_cut_at_commas_outside_of_quotes(line: str, cells: list[str]) -> None:
    assert split_csv(line) == cells


@pytest.mark.parametrize("line", ['a,"b,c', 'a,"b""', '"', 'a,"b"c,d', 'a,"b" ,c', 'a,"b""c,d'])
def test_a_quote_left_open_or_text_after_a_closing_quote_is_refused(line: str) -> None:
    assert split_csv(line) is None


def test_a_long_row_of_doubled_quotes_that_is_left_open_is_refused_without_delay() -> None:
    assert split_csv('a,"' + '""' * 200_000 + ",b") is None


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "names", "damaged"),
    [
        ("when,who,what", ["when", "who", "what"], False),
        (" When , WHO,What", ["when", "who", "what"], False),
        ("when,colour,what", ["when", "colour", "what"], False),
        ("when,who,what,who,what", ["when", "who", "what"], True),
        ("when,who,,what", ["when", "who", "what"], True),
        ("when,who,wh", ["when", "who", "wh"], True),
        ("", [], True),
    ],
)
def test_of_a_repeated_name_the_first_stands_and_the_line_is_damaged(
    text: str, names: list[str], damaged: bool
) -> None:
    assert field_names(text, LONG) == (names, damaged)


# --- rows ----------------------------------------------------------------------------------------


def test_columns_are_found_by_the_header_in_whatever_order_it_has_them() -> None:
    found = record(reader("what,when,who").read("ran,today,Ann"))
    assert found.values == {"what": "ran", "when": "today", "who": "Ann"}


def test_a_column_that_is_not_known_is_kept_under_its_own_name() -> None:
    found = record(reader("when,Colour,what").read("today,red,ran"))
    assert found.values == {"when": "today", "Colour": "red", "what": "ran"}


@pytest.mark.parametrize(
    ("row", "width"), [("today,Ann", 2), ("today,Ann,ran,far", 4), ("today,Ann,Bob,ran,why", 5), ("", 1)]
)
def test_a_row_of_another_width_than_its_header_is_unparsed_and_the_next_is_unharmed(
    row: str, width: int
) -> None:
    reads = reader("when,who,what")
    refused = unparsed(reads.read(row))
    assert (refused.kind, refused.raw) == ("width", row)
    assert refused.reason == f"row has {width} fields; #Fields names 3"
    assert record(reads.read("today,Ann,ran")).values == {"when": "today", "who": "Ann", "what": "ran"}


def test_a_row_with_an_open_quote_is_unparsed_and_never_swallows_the_next() -> None:
    reads = reader("when,who,what")
    refused = unparsed(reads.read('today,"Ann,ran'))
    assert refused.kind == "quote"
    assert refused.reason == "a quoted field is left open at the end of the line"
    assert record(reads.read('to"day,Ann,ran')).values["when"] == 'to"day'


def test_text_after_a_closing_quote_has_a_reason_of_its_own() -> None:
    refused = unparsed(reader("when,who,what").read('today,"Ann"x,ran'))
    assert (refused.kind, refused.reason) == ("quote", "text follows the closing quote of a field")


def test_what_the_source_refuses_is_unparsed_with_its_reason() -> None:
    refused = unparsed(reader("when,who,what").read("never,Ann,ran"))
    assert refused.kind == "date"
    assert refused.reason == "when is 'never'; expected yyyy-MM-ddTHH:mm:ss.fffZ"


def test_a_bare_line_of_column_names_is_a_header_and_no_event() -> None:
    reads = reader()
    assert reads.read("when,what,who") is None
    assert record(reads.read("today,ran,Ann")).values == {"when": "today", "what": "ran", "who": "Ann"}
    assert reads.schema == Schema("3 columns", ("when", "what", "who"), "", "header")


# --- without a header, or with a damaged one -----------------------------------------------------


def test_without_a_header_the_columns_are_those_of_the_width() -> None:
    reads = reader()
    assert record(reads.read("today,Ann,ran")).values == {"when": "today", "who": "Ann", "what": "ran"}
    assert reads.schema == Schema("3 columns", SHORT, "", "count")
    assert record(reads.read("today,Ann,Bob,hit,fun")).values["whom"] == "Bob"


def test_without_a_header_an_unknown_width_is_unparsed() -> None:
    refused = unparsed(reader().read("today,Ann"))
    assert refused.kind == "width"
    assert refused.reason == "row has 2 fields and no header came before it; expected 3 or 5"


def test_without_a_header_a_row_whose_values_do_not_fit_the_width_is_unparsed() -> None:
    reads = reader()
    refused = unparsed(reads.read("today,Ann,stray,12,commas"))
    assert refused.kind == "width"
    assert refused.reason == "row has 5 fields, but their values do not fit the columns of that width"
    assert record(reads.read("today,Ann,ran")).values["what"] == "ran"


def test_under_a_damaged_header_that_still_fits_the_width_its_own_columns_are_used() -> None:
    found = record(reader("who,when,what,who,what").read("Ann,today,ran"))
    assert found.values == {"who": "Ann", "when": "today", "what": "ran"}


def test_under_a_damaged_header_that_does_not_fit_the_known_columns_of_the_width_are_used() -> None:
    reads = reader("when,who,what,whatwhen,who,what")  # a torn seam made a name of two
    assert record(reads.read("today,Ann,ran")).values == {"when": "today", "who": "Ann", "what": "ran"}
    assert unparsed(reads.read("today,Ann,12")).kind == "width"


def test_under_a_header_that_is_cut_off_the_known_columns_of_the_width_are_used() -> None:
    assert record(reader("when,who,whom,wh").read("today,Ann,Bob,hit,fun")).values["why"] == "fun"
    assert record(reader("when,who").read("today,Ann,Bob,hit,fun")).values == dict(
        zip(LONG, ("today", "Ann", "Bob", "hit", "fun"))
    )


def test_under_an_undamaged_header_a_known_width_is_not_believed() -> None:
    reads = reader("when,who,colour")
    assert unparsed(reads.read("today,Ann,Bob,hit,fun")).kind == "width"


def test_a_new_header_that_is_whole_ends_the_doubt_of_a_damaged_one() -> None:
    reads = reader("when,who,what,who")
    reads.header({"fields": "when,who,what"})
    assert unparsed(reads.read("today,Ann,Bob,hit,fun")).kind == "width"


def test_a_schema_that_was_asked_for_stands_whatever_the_header_says() -> None:
    reads = reader("what,who,when", schema="short")
    assert record(reads.read("today,Ann,ran")).values == {"when": "today", "who": "Ann", "what": "ran"}
    refused = unparsed(reads.read("today,Ann,Bob,hit,fun"))
    assert refused.kind == "width"
    assert "row has 5 fields" in refused.reason


def test_the_version_of_the_header_goes_with_the_columns() -> None:
    found = record(reader("when,who,what", version="1.2").read("today,Ann,ran"))
    assert found.schema == Schema("3 columns", SHORT, "1.2", "header")
