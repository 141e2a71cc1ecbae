"""Generated code over records against the table applied to each by itself: the same bytes and counts."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import compare_paths
import pytest
import tracking_rows
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st

import exnorm
from exnorm import Event, Normalizer, Record
from exnorm.engine.plan_records import RecordProgram
from exnorm.engine.rows import join_cells

LOGS = compare_paths.find_other_logs()
HTTP = next(log for log in LOGS if log.name.startswith("Owa_HttpProxy"))
SMTP = next(log for log in LOGS if log.name.startswith("RECV"))
ENOUGH = 64  # records of a kind before there is code for them


class Coded:
    """A normalizer that remembers what went through generated code."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **given: Any) -> None:
        self.normalizer = Normalizer(discover_plugins=False, **given)
        self.payloads: list[bytes] = []
        encode = self.normalizer.programs.encode

        def remember(record: Record, route: Any) -> bytes | None:
            payload = encode(record, route)
            if payload is not None:
                self.payloads.append(payload)
            return payload

        monkeypatch.setattr(self.normalizer.programs, "encode", remember)

    def encode(self, lines: Sequence[bytes], name: str) -> list[bytes]:
        stream = self.normalizer.stream(name)
        return list(self.normalizer.encode_records(self.normalizer.parse(lines, stream)))


def compare(
    lines: Sequence[bytes], settings: dict[str, Any], name: str, plugins: Sequence[object] = ()
) -> compare_paths.Result:
    long = compare_paths.take_long_way(lines, settings, plugins, name)
    short = compare_paths.take_short_way(lines, settings, plugins, name=name)
    assert compare_paths.explain_difference(long, short) == ""
    return long


# --- both ways agree -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("log", LOGS, ids=lambda log: f"{log.parent.name}/{log.name}")
def test_both_ways_agree_on_odd_rows_of_every_log(log: Path) -> None:
    for settings in compare_paths.SETTINGS:
        compare(list(compare_paths.odd_lines_of(log, 300, random.Random(str(settings)))), settings, log.name)


TEXT = st.one_of(
    st.sampled_from(compare_paths.TEXTS), st.text(st.characters(exclude_characters="\n"), max_size=40)
)


@pytest.mark.slow
@given(
    log=st.sampled_from([log for log in LOGS if log.suffix.lower() == ".log"]),
    changes=st.lists(st.tuples(st.integers(0, 80), TEXT), min_size=1, max_size=20),
    settings=st.sampled_from(compare_paths.CODED),
)
@hypothesis_settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
def test_both_ways_agree_on_any_text_of_any_record(
    log: Path, changes: list[tuple[int, str]], settings: dict[str, Any]
) -> None:
    """Texts that no reader would give, and that a processor may give."""

    class Change:
        name = "change"

        @exnorm.hookimpl
        def record_processors(self) -> list[Any]:
            seen = iter(range(1 << 30))

            def change(record: Record) -> Record:
                number = next(seen)
                if number >= ENOUGH + 6:
                    at, text = changes[number % len(changes)]
                    texts = record.values if number % 3 else record.derived
                    names = list(texts)
                    if names:
                        texts[names[at % len(names)]] = text
                return record

            return [change]

    compare(compare_paths.plain_lines_of(log, 300), settings, log.name, [Change()])


def count_kinds(log: Path) -> int:
    """How many sets of columns the records of a log have."""
    normalizer = Normalizer(discover_plugins=False)
    items = normalizer.parse(log.read_bytes(), normalizer.stream(log.name))
    return len({tuple(item.values) for item in items if isinstance(item, Record)})


@pytest.mark.slow
def test_every_built_in_log_goes_through_generated_code(monkeypatch: pytest.MonkeyPatch) -> None:
    for log in LOGS:
        for settings in compare_paths.CODED:
            coded = Coded(monkeypatch, **{**settings, "max_line_bytes": 65536, "profile": "all"})
            coded.encode(compare_paths.plain_lines_of(log, 300), log.name)
            records = sum(coded.normalizer.counts.records.values())
            in_envelopes = settings["format"] == "wincollect" and log.parent.name == "wincollect"
            if records > 2 * ENOUGH and not in_envelopes:  # which are written back as they came
                kinds = max(
                    count_kinds(log), 2
                )  # events that were shipped as objects differ in their columns
                assert len(coded.payloads) >= records - ENOUGH * kinds, (log, settings)


# --- what plugins do -----------------------------------------------------------------------------


def processing(change: Callable[[Record], Record | None]) -> object:
    class Plugin:
        name = "plugin"

        @exnorm.hookimpl
        def record_processors(self) -> list[Any]:
            return [change]

    return Plugin()


def tracking_lines() -> list[bytes]:
    rows = [row.encode() for row in tracking_rows.make_rows(150)]
    return [*tracking_rows.header().encode().splitlines(), *rows]


def remove_dsn(record: Record) -> Record | None:
    return None if record.values["source"] == "DSN" else record


def hide_subject(record: Record) -> Record:
    record.values["message-subject"] = "hidden=1"
    return record


def mark(record: Record) -> Record:
    if record.values["event-id"] == "SEND":
        record.marks["noise"] = "probe"
    return record


def mark_oddly(record: Record) -> Record:
    record.marks["noise"] = 'a=b|"c"' if record.values["event-id"] == "SEND" else "two\nlines"
    record.marks[record.values["source"].lower()] = "ä"
    if record.values["event-id"] == "DELIVER":
        record.marks["client-ip"] = "a column's name"
        record.marks["client ip"] = "a name that becomes the same key"
    return record


def mark_with_a_number(record: Record) -> Record:
    record.marks["noise"] = 1  # type: ignore[assignment]
    return record


def add_column(record: Record) -> Record:
    record.values["site"] = "Köln|1"
    return record


def add_derived(record: Record) -> Record:
    record.values["return-path"] = ""
    record.derived["return-path"] = "derived@example.test"
    return record


def drop_column(record: Record) -> Record:
    del record.values["client-ip"]
    return record


def move_time(record: Record) -> Record:
    record.time = None if record.values["event-id"] == "SEND" else 10**18 + len(record.raw)
    return record


def break_text(record: Record) -> Record:
    record.values["message-subject"] = "two\nlines \ud800"
    return record


CHANGES = (
    remove_dsn, hide_subject, mark, mark_oddly, mark_with_a_number,
    add_column, add_derived, drop_column, move_time, break_text,
)  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("settings", compare_paths.CODED[::2], ids=str)
def test_both_ways_agree_on_what_a_processor_makes_of_a_record(
    settings: dict[str, Any], change: Callable[[Record], Record | None]
) -> None:
    compare(tracking_lines(), settings, compare_paths.LOG, [processing(change)])


def test_records_that_a_processor_has_seen_go_through_generated_code(monkeypatch: pytest.MonkeyPatch) -> None:
    coded = Coded(monkeypatch, plugins=[processing(hide_subject)])
    made = coded.encode(tracking_lines(), compare_paths.LOG)
    assert len(made) == 150
    assert len(coded.payloads) == 150 - ENOUGH + 1
    assert all(rb"msg=hidden\=1" in payload for payload in made if b"msg=" in payload)


def test_records_with_marks_do_too_and_the_marks_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    coded = Coded(monkeypatch, plugins=[processing(mark)])
    made = coded.encode(tracking_lines(), compare_paths.LOG)
    assert len(coded.payloads) == 150 - ENOUGH + 1
    marked = [payload for payload in made if payload.endswith(b" ad.noise=probe")]
    assert coded.normalizer.counts.marked == {"noise: probe": len(marked)}
    assert set(marked) & set(coded.payloads)


def test_events_that_a_processor_must_see_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    class Plugin:
        name = "plugin"

        @exnorm.hookimpl
        def event_processors(self) -> list[Any]:
            def change(event: Event) -> Event:
                event.fields["deviceProduct"] = "changed"
                return event

            return [change]

    coded = Coded(monkeypatch, plugins=[Plugin()])
    made = coded.encode(tracking_lines(), compare_paths.LOG)
    assert coded.payloads == []
    assert all(b"|changed|" in payload for payload in made)


def test_a_processor_that_fails_costs_its_effect_only() -> None:
    def fail(record: Record) -> Record:
        raise ValueError(record.raw)

    long = compare(tracking_lines(), {}, compare_paths.LOG, [processing(fail)])
    assert len(long[0]) == 150
    assert long[2]["plugin_errors"]


# --- what is generated ---------------------------------------------------------------------------


def test_the_code_can_be_read() -> None:
    normalizer = Normalizer(discover_plugins=False)
    program = normalizer.find_program(compare_paths.plain_lines_of(SMTP), normalizer.stream(SMTP.name))
    assert isinstance(program, RecordProgram)
    assert program.source_text.startswith("def encode(record, start):\n")
    assert "rt={second}{fraction}" in program.source_text


def test_the_code_for_a_log_of_which_only_records_are_read_is_found_behind_lines_that_are_odd() -> None:
    normalizer = Normalizer(discover_plugins=False)
    header, rows = compare_paths.plain_lines_of(SMTP)[:5], compare_paths.plain_lines_of(SMTP)[5:]
    program = normalizer.find_program([*header, b"torn", *rows], normalizer.stream(SMTP.name))
    assert isinstance(program, RecordProgram)


def test_there_is_no_code_for_a_log_without_rows() -> None:
    normalizer = Normalizer(discover_plugins=False)
    assert (
        normalizer.find_program(compare_paths.plain_lines_of(HTTP)[:4], normalizer.stream(HTTP.name)) is None
    )


def test_kinds_of_records_that_take_turns_have_a_program_each(monkeypatch: pytest.MonkeyPatch) -> None:
    coded = Coded(monkeypatch)
    logs = [HTTP, SMTP]
    streams = [coded.normalizer.stream(log.name) for log in logs]
    for pair in zip(*(compare_paths.plain_lines_of(log) for log in logs)):
        for line, stream in zip(pair, streams):
            list(coded.normalizer.encode_records(coded.normalizer.parse([line], stream)))
    assert {payload.split(b" cat=")[1].split(b" ")[0] for payload in coded.payloads} == {
        b"HttpProxy",
        b"SMTP",
    }
    assert len(coded.payloads) > ENOUGH


def test_any_number_of_kinds_makes_a_bounded_number_of_programs() -> None:
    def rename(kind: str) -> Callable[[Record], Record]:
        return lambda record: add_to_copy(record, kind)

    normalizer = Normalizer(discover_plugins=False)
    records = list(record_of(compare_paths.plain_lines_of(HTTP)))
    programs = normalizer.programs._of_records
    for kind in range(80):
        for record in records[: ENOUGH if kind < 70 else 3]:
            programs.find(rename(f"column{kind}")(record))
    assert len(programs._known) == 64
    assert len(programs._waiting) <= 8


@pytest.mark.parametrize(
    "names", [["x" * 20_000], [f"column{number}" for number in range(200)]], ids=["long", "many"]
)
def test_records_with_long_names_or_many_columns_have_no_program(names: list[str]) -> None:
    normalizer = Normalizer(discover_plugins=False)
    programs = normalizer.programs._of_records
    for record in record_of(compare_paths.plain_lines_of(HTTP)):
        record.values.update(dict.fromkeys(names, "new"))
        assert programs.find(record) is None
    assert not programs._waiting
    assert not programs._known


def record_of(lines: Sequence[bytes]) -> Iterator[Record]:
    normalizer = Normalizer(discover_plugins=False)
    for item in normalizer.parse(lines, normalizer.stream(HTTP.name)):
        assert isinstance(item, Record)
        yield item


def add_to_copy(record: Record, column: str) -> Record:
    copy = record.copy()
    copy.values[column] = "new"
    return copy


def test_cells_that_are_odd_are_told_by_their_number() -> None:
    normalizer = Normalizer(format="json", discover_plugins=False)
    assert normalizer.codec.wire is not None
    wire = normalizer.codec.wire(normalizer.taxonomy, normalizer.settings)
    assert wire is not None
    assert join_cells(wire, ("a", 'b"\\', "")) == 'a\nb\\"\\\\\n'
    assert join_cells(wire, ("a", "b\nc")).count("\n") == 2
    assert join_cells(wire, ("a", "b\tc")) == ""
    assert join_cells(wire, ("a", "\ud800")) == ""
    assert join_cells(wire, ("a", None)) == ""  # type: ignore[arg-type]
