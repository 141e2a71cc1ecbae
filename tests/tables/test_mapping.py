"""Tables: what is refused when they are compiled, and what they do to a record."""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping
from dataclasses import replace

import pytest

from exnorm.convert import integer, text
from exnorm.errors import MappingError
from exnorm.model import (
    Condition,
    Confidence,
    Event,
    Field,
    Mapping,
    Reader,
    Record,
    Row,
    Schema,
    Source,
    Taxonomy,
)
from exnorm.pipeline.counts import Counts
from exnorm.settings import Settings
from exnorm.tables.mapping import (
    ADDITIONAL_DATA,
    by_event,
    choose_mapping,
    column_is,
    column_is_not,
    compile_mapping,
    constant,
    describe_origin,
    event_is,
    event_is_not,
    extend_mapping,
    row,
    setting_is,
)


def not_opened(*_: object) -> Reader:
    raise AssertionError("no log is read here")


SOURCE = Source(
    name="door",
    title="door log",
    columns=("event", "who", "size", "note"),
    recognize=lambda head: Confidence.NO,
    open=not_opened,
    derived={"surname": "who", "made-up": ""},
    event_column="event",
    absent="-",
)
NAMELESS = replace(SOURCE, event_column="")
TAXONOMY = Taxonomy(
    "toy",
    "Toy",
    (
        Field("Action", "action", "act"),
        Field("User Name", "userName", "user", max_bytes=8),
        Field("Bytes In", "bytesIn", "in", "integer"),
        Field("Bytes Out", "bytesOut", "out", "integer"),
        Field("Custom 1", "custom1", "c1", max_bytes=8),
        Field("Custom 1 Label", "custom1Label", "c1Label"),
        Field("Severity", "severity", "sev", "integer"),
    ),
)
SCHEMA = Schema("1", SOURCE.columns)
ROWS = (
    row("Action", "event"),
    row("User Name", "who"),
    row("Bytes In", "size", integer, when=event_is("ENTER")),
    row("Bytes Out", "size", integer, when=event_is_not("ENTER")),
    row("Custom 1", "note", label="Note"),
)


def table(*rows: Row, unmapped: AnyMapping[str, str] | None = None, **changes: object) -> Mapping:
    made = Mapping("doors", "door", "toy", rows or ROWS, unmapped=unmapped or {})
    return replace(made, **changes)  # type: ignore[arg-type]


def refusal(mapping: Mapping, source: Source = SOURCE) -> str:
    with pytest.raises(MappingError) as caught:
        compile_mapping(mapping, source, TAXONOMY, Settings())
    return str(caught.value)


def normalize(
    mapping: Mapping,
    values: dict[str, str],
    *,
    derived: dict[str, str] | None = None,
    settings: Settings | None = None,
    counts: Counts | None = None,
) -> Event:
    compiled = compile_mapping(mapping, SOURCE, TAXONOMY, settings or Settings())
    return compiled.normalize(Record(SOURCE, SCHEMA, values, derived=derived or {}), counts or Counts())


REST = {"size": "kept", "note": "kept"}


# --- what is refused -----------------------------------------------------------------------------


def test_a_table_without_fault_is_compiled() -> None:
    compile_mapping(table(), SOURCE, TAXONOMY, Settings())


def test_an_unknown_field_is_refused_with_the_nearest_name() -> None:
    assert refusal(table(row("Acton", "event"), *ROWS[1:])) == (
        "mapping doors, row 'Acton': unknown field of taxonomy toy; did you mean 'Action'?"
    )


def test_an_unknown_field_with_no_name_near_it_is_refused_with_all_names() -> None:
    assert refusal(table(row("Zzz", "event"), *ROWS[1:])) == (
        "mapping doors, row 'Zzz': unknown field of taxonomy toy; expected one of Action, Bytes In, "
        "Bytes Out, Custom 1, Custom 1 Label, Severity, User Name"
    )


def test_an_unknown_column_is_refused_with_the_nearest_name() -> None:
    assert refusal(table(row("Action", "events"), *ROWS[1:])) == (
        "mapping doors, row 'Action': unknown column 'events' of source door; did you mean 'event'?"
    )


def test_an_unknown_column_is_refused_among_several_origins_and_as_additional_data() -> None:
    assert "unknown column 'whom'" in refusal(table(row("User Name", ("who", "whom")), *ROWS))
    assert "unknown column 'whom'" in refusal(table(*ROWS, row(ADDITIONAL_DATA, "whom")))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (None, None),
        (None, event_is("ENTER")),
        (event_is("ENTER"), event_is("LEAVE", "enter")),
        (event_is("ENTER"), event_is_not("LEAVE")),
        (event_is_not("ENTER"), event_is_not("LEAVE")),
        (event_is("ENTER"), column_is("who", "Ann")),
        (column_is("who", "Ann"), column_is("note", "x")),
        (setting_is("username", "sender"), None),
    ],
)
def test_a_field_written_twice_under_conditions_that_can_both_hold_is_refused(
    first: Condition | None, second: Condition | None
) -> None:
    twice = table(row("Action", "event", when=first), row("Action", "who", when=second), unmapped=REST)
    assert refusal(twice) == "mapping doors, row 'Action': written twice under conditions that both hold"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (event_is("ENTER"), event_is_not("enter")),
        (event_is("ENTER"), event_is_not("ENTER", "LEAVE")),
        (event_is("ENTER"), event_is("LEAVE")),
        (column_is("who", "Ann"), column_is_not("who", "Ann")),
        (setting_is("username", "recipient"), setting_is("username", "sender")),
    ],
)
def test_a_field_written_twice_under_conditions_that_exclude_each_other_is_compiled(
    first: Condition, second: Condition
) -> None:
    twice = table(row("Action", "event", when=first), row("Action", "who", when=second), unmapped=REST)
    compile_mapping(twice, SOURCE, TAXONOMY, Settings())


def test_a_column_neither_mapped_nor_listed_is_refused() -> None:
    assert refusal(table(*ROWS[:4])) == (
        "mapping doors: column 'note' of source door has no row; add one, list it under unmapped "
        "with a reason, or say under rest what becomes of all others"
    )


def test_a_column_both_mapped_and_listed_is_refused() -> None:
    assert refusal(table(unmapped={"note": "not needed"})) == (
        "mapping doors: column 'note' is mapped and listed"
    )


def test_an_unknown_column_in_the_list_of_unmapped_ones_is_refused_with_the_nearest_name() -> None:
    assert refusal(table(unmapped={"notes": "not needed"})) == (
        "mapping doors, unmapped 'notes': unknown column of source door; did you mean 'note'?"
    )


def test_a_derived_value_counts_as_a_row_for_the_column_whose_text_it_carries() -> None:
    compile_mapping(table(ROWS[0], row("User Name", "surname"), *ROWS[2:]), SOURCE, TAXONOMY, Settings())
    only_made_up = table(ROWS[0], row("User Name", "made-up"), *ROWS[2:])
    assert "column 'who' of source door has no row" in refusal(only_made_up)


def test_a_condition_on_an_unknown_column_is_refused_with_the_nearest_name() -> None:
    assert refusal(table(*ROWS, row("Severity", constant(1), when=column_is("whoo", "Ann")))) == (
        "mapping doors, row 'Severity': condition on unknown column 'whoo'; did you mean 'who'?"
    )


def test_a_condition_on_an_unknown_setting_is_refused_with_the_nearest_name() -> None:
    assert refusal(table(*ROWS, row("Severity", constant(1), when=setting_is("user-name", "x")))) == (
        "mapping doors, row 'Severity': condition on unknown setting 'user-name'; did you mean 'username'?"
    )


def test_a_condition_on_the_event_of_a_source_without_events_is_refused() -> None:
    assert refusal(table(), NAMELESS) == (
        "mapping doors, row 'Bytes In': condition on the event, but source door names none"
    )


def test_a_label_for_a_field_that_has_none_is_refused() -> None:
    assert refusal(table(row("Action", "event", label="What"), *ROWS[1:])) == (
        "mapping doors, row 'Action': this field of taxonomy toy has no label"
    )


# --- what a table does ---------------------------------------------------------------------------


def test_every_row_gives_its_field() -> None:
    event = normalize(table(), {"event": "ENTER", "who": "Ann", "size": "7", "note": "late"})
    assert event.fields == {
        "action": "ENTER",
        "userName": "Ann",
        "bytesIn": 7,
        "custom1": "late",
        "custom1Label": "Note",
    }
    assert event.additional == {}


@pytest.mark.parametrize(
    ("event", "field"), [("ENTER", "bytesIn"), ("enter", "bytesIn"), ("LEAVE", "bytesOut"), ("", "bytesOut")]
)
def test_a_condition_on_the_event_is_compared_without_case(event: str, field: str) -> None:
    fields = normalize(table(), {"event": event, "who": "Ann", "size": "7", "note": ""}).fields
    assert {"bytesIn", "bytesOut"} & set(fields) == {field}


def test_an_empty_or_absent_value_gives_no_field_and_no_label() -> None:
    event = normalize(table(), {"event": "", "who": "-", "size": "", "note": "-"})
    assert (event.fields, event.additional) == ({}, {})


def test_a_text_that_cannot_be_read_is_kept_as_additional_data() -> None:
    event = normalize(table(), {"event": "ENTER", "who": "Ann", "size": "seven", "note": ""})
    assert "bytesIn" not in event.fields
    assert event.additional == {"size": "seven"}


def test_a_column_of_no_row_and_one_that_is_listed_are_kept_as_additional_data() -> None:
    listed = table(*ROWS[:4], unmapped={"note": "no field for it"})
    event = normalize(listed, {"event": "ENTER", "who": "", "size": "", "note": "late", "colour": "red"})
    assert event.additional == {"note": "late", "colour": "red"}


def test_additional_data_is_left_out_where_that_was_asked_for() -> None:
    values = {"event": "ENTER", "who": "", "size": "seven", "note": "", "colour": "red"}
    assert normalize(table(), values, settings=Settings(additional_data="none")).additional == {}


def test_of_several_origins_the_first_that_can_be_read_wins() -> None:
    several = table(ROWS[0], row("Bytes In", ("size", "note"), integer), row("User Name", "who"))
    assert normalize(several, {"size": "7", "note": "8"}).fields["bytesIn"] == 7
    event = normalize(several, {"size": "seven", "note": "8"})
    assert event.fields["bytesIn"] == 8
    assert event.additional == {"size": "seven"}


def test_a_constant_is_given_whatever_the_record_holds() -> None:
    fixed = table(*ROWS, row("Severity", constant(3)))
    assert normalize(fixed, {}).fields == {"severity": 3}


def test_a_derived_value_is_read_and_uses_up_the_column_it_carries() -> None:
    derived = table(ROWS[0], row("User Name", "surname"), *ROWS[2:])
    event = normalize(derived, {"who": "Ann Lee"}, derived={"surname": "Lee"})
    assert (event.fields, event.additional) == ({"userName": "Lee"}, {})


def test_a_condition_on_a_column_is_compared_without_case() -> None:
    both = table(
        row("Action", "event", when=column_is("who", "ann")),
        row("Action", "note", when=column_is_not("who", "ann")),
        unmapped={"who": "kept", "size": "kept"},
    )
    assert normalize(both, {"event": "E", "who": "Ann", "note": "N"}).fields["action"] == "E"
    assert normalize(both, {"event": "E", "who": "Bo", "note": "N"}).fields["action"] == "N"


def test_a_condition_on_a_setting_is_decided_when_the_table_is_compiled() -> None:
    both = table(
        row("Action", "event", when=setting_is("username", "recipient")),
        row("Action", "note", when=setting_is("username", "sender")),
        unmapped={"who": "kept", "size": "kept"},
    )
    values = {"event": "E", "note": "N"}
    assert normalize(both, values).fields == {"action": "E"}
    assert normalize(both, values, settings=Settings(username="sender")).fields == {"action": "N"}
    for_sender = compile_mapping(both, SOURCE, TAXONOMY, Settings(username="sender"))
    assert [compiled.row.origins for compiled in for_sender.rows] == [("note",)]


def test_an_attribute_of_the_event_is_looked_up_without_case_and_has_a_default() -> None:
    looked_up = table(
        *ROWS,
        row("Severity", "event", by_event("severity", 3)),
        events={"Enter": {"severity": 1}, "LEAVE": {"severity": ""}},
    )
    assert normalize(looked_up, {"event": "eNTER"}).fields["severity"] == 1
    assert normalize(looked_up, {"event": "LEAVE"}).fields["severity"] == 3
    assert normalize(looked_up, {"event": "BREAK"}).fields["severity"] == 3
    assert "severity" not in normalize(looked_up, {"event": ""}).fields


# --- lengths -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("12345678", "12345678"),
        ("123456789", "12345678"),
        ("1234567ä", "1234567"),
        ("東京東京", "東京"),
        ("😀😀😀", "😀😀"),
    ],
)
def test_a_text_is_cut_at_the_fields_limit_between_two_characters(given: str, shown: str) -> None:
    event = normalize(table(), {"who": given})
    assert event.fields["userName"] == shown


def test_a_value_that_was_cut_is_whole_in_the_additional_data_and_counted() -> None:
    counts = Counts()
    event = normalize(table(), {"who": "東京東京", "note": "x" * 9}, counts=counts)
    assert event.additional == {"who": "東京東京", "note": "x" * 9}
    assert event.cut == {"userName": 12, "custom1": 9}  # four characters of three bytes; nine of one
    assert counts.cut == {"userName": 1, "custom1": 1}


def test_a_value_of_exactly_the_limit_is_not_cut_nor_repeated() -> None:
    counts = Counts()
    event = normalize(table(), {"who": "1234567é"[1:], "note": "12345678"}, counts=counts)
    assert (event.cut, event.additional, counts.cut) == ({}, {}, {})


def test_a_value_that_another_row_carries_whole_is_not_repeated_as_additional_data() -> None:
    twice = table(row("Action", "who"), *ROWS[1:], unmapped={"event": "kept"})
    event = normalize(twice, {"who": "123456789"})
    assert event.fields == {"action": "123456789", "userName": "12345678"}
    assert event.additional == {}


# --- tables over tables --------------------------------------------------------------------------


def test_an_extension_adds_rows_columns_and_events() -> None:
    extension = Mapping(
        "doors-more",
        "door",
        "toy",
        (row("Severity", "event", by_event("severity")), row(ADDITIONAL_DATA, "colour")),
        columns=("colour",),
        events={"enter": {"severity": 5}},
        extends="doors",
    )
    both = extend_mapping(table(events={"ENTER": {"severity": 1, "kind": "in"}}), extension)
    assert both.name == "doors"
    assert both.events == {"ENTER": {"severity": 5, "kind": "in"}}
    event = normalize(both, {"event": "ENTER", "colour": "red"})
    assert event.fields == {"action": "ENTER", "severity": 5}
    assert event.additional == {"colour": "red"}


def test_an_extension_replaces_the_row_of_the_same_field_and_condition_only() -> None:
    extension = Mapping(
        "doors-more",
        "door",
        "toy",
        (row("Bytes In", "note", integer, when=event_is("ENTER")), row("Custom 1", "size", label="Size")),
    )
    both = extend_mapping(table(), extension)
    event = normalize(both, {"event": "ENTER", "size": "7", "note": "8"})
    assert event.fields == {"action": "ENTER", "bytesIn": 8, "custom1": "7", "custom1Label": "Size"}
    assert normalize(both, {"event": "LEAVE", "size": "7"}).fields["bytesOut"] == 7


def test_a_column_that_an_extension_maps_is_no_longer_listed_as_unmapped() -> None:
    base = table(*ROWS[:4], unmapped={"note": "no field for it"})
    both = extend_mapping(base, Mapping("m", "door", "toy", (row("Custom 1", "note", label="Note"),)))
    assert both.unmapped == {}
    assert normalize(both, {"note": "late"}).fields["custom1"] == "late"


def test_the_table_made_for_a_schema_is_chosen_else_the_one_for_none_else_the_first() -> None:
    old, new, other = table(schemas=("1",)), table(schemas=("2", "3")), table()
    assert choose_mapping([old, new, other], "3") is new
    assert choose_mapping([old, new, other], "9") is other
    assert choose_mapping([old, new], "9") is old
    assert choose_mapping([], "9") is None


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        (row("Bytes In", "total-bytes", when=event_is("RECEIVE")), "total-bytes (RECEIVE)"),
        (row("Bytes Out", "total-bytes", when=event_is_not("RECEIVE")), "total-bytes (except for RECEIVE)"),
        (row("X", "server-ip", label="Device IPv6 Address"), "server-ip (Device IPv6 Address)"),
        (row("X", constant("Microsoft")), "'Microsoft'"),
        (row("X", ("a", "b"), text), "a else b"),
        (row("X", "a", when=column_is("b", "x", "y")), "a (b is X or Y)"),
        (row("X", "a", when=column_is_not("b", "x")), "a (b is not X)"),
        (row("X", "a", when=setting_is("categories", True)), "a (setting categories is true)"),
        (row("X", "a", when=event_is("SEND"), label="L"), "a (SEND; L)"),
    ],
)
def test_a_row_is_described_in_the_words_of_the_guides(entry: Row, shown: str) -> None:
    assert describe_origin(entry) == shown
