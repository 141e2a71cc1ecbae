from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import pytest

from exnorm import SettingsError
from exnorm.fluentbit import Options, read_options
from exnorm.fluentbit.embedded import (
    EmbeddedFilter,
    find_version,
    pair_properties,
    read_host_version,
    start,
)
from exnorm.fluentbit.reports import Reports


def test_the_default_is_the_fields_of_the_event() -> None:
    assert read_options({}, {}) == Options()
    assert Options().settings.format == "json"


def test_keys_are_over_the_environment_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("taxonomy: jsa\nprofile: security\nreserve_data: true\nkey_name: [a, b]\nfields: key\n")
    environ = {"EXNORM_PROFILE": "all", "EXNORM_KEY_NAME": "c", "EXNORM_FIELDS": "full"}
    options = read_options({"config": str(file), "Fields": "key", "Event-Time": "off"}, environ)
    settings = options.settings
    assert (settings.taxonomy, settings.profile, settings.fields) == ("jsa", "all", "key")
    assert (options.reserve_data, options.key_name, options.event_time) == (True, ("c",), False)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"taxonmy": "jsa"}, "unknown key 'taxonmy'; did you mean 'taxonomy'?"),
        ({"key_name": " , "}, "key_name: got ' , '; expected the name of a key, or several with commas"),
        ({"event_time": "maybe"}, "event_time: got 'maybe'; expected on or off"),
        (
            {"on_error": "stop"},
            "on_error: got 'stop'; a filter never stops the shipper: expected tag or skip",
        ),
    ],
)
def test_a_wrong_key_or_value_is_refused_with_the_right_word(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=f"^{re.escape(message)}$"):
        read_options(given, {})


def test_a_wrong_name_in_the_file_is_refused_with_the_nearest(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("reserve_dat: true\n")
    with pytest.raises(SettingsError, match=r"unknown setting 'reserve_dat'; did you mean 'reserve_data'"):
        read_options({"config": str(file)}, {})


# --- the end of the filter in process --------------------------------------------------------------


def test_the_hosts_own_keys_are_not_ours() -> None:
    given = ["Taxonomy", "jsa", "active", "true", "condition", "x", "Reserve-Data", "on"]
    assert pair_properties(given) == {"taxonomy": "jsa", "reserve_data": "on"}


def test_a_refused_start_is_said_and_gives_nothing() -> None:
    said: list[tuple[int, str, str]] = []
    assert (
        start("exchange.0", ["host_check", "off", "taxonmy", "jsa"], lambda *what: said.append(what)) is None
    )
    assert said == [(1, "exchange.0", "unknown key 'taxonmy'; did you mean 'taxonomy'?")]


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("Fluent Bit v2.2.3\nGit commit:", (2, 2)),
        ("Fluent Bit v5.1.1", (5, 1)),
        ("usage: x", None),
        ("", None),
    ],
)
def test_the_release_is_read_from_what_the_program_prints(text: str, version: tuple[int, int] | None) -> None:
    assert find_version(text) == version


def test_a_program_that_is_not_fluent_bit_is_not_taken_for_it() -> None:
    assert read_host_version() is None  # here it is Python


# --- the counts, now and then ------------------------------------------------------------------------

ROW = "2018-11-27T22:40:02.966Z,SEND,SMTP,a@example.com,Kanarienvogel singt,{}"


def run_filter(*properties: str, clock: Callable[[], float] = time.monotonic) -> list[tuple[int, str, str]]:
    """What a filter logs over five chunks of a row each, one of them too wide, up to its end."""
    said: list[tuple[int, str, str]] = []
    names = ["host_check", "off", "source", "message_tracking", *properties]
    started = start("exchange.0", names, lambda *what: said.append(what))
    assert started is not None
    held = EmbeddedFilter("exchange.0", started._chunks, lambda *what: said.append(what), clock)
    fields = "#Fields: date-time,event-id,source,sender-address,message-subject,custom-data"
    for line in (fields, *(ROW.format(end) for end in ("", "", "x,y", ""))):
        held.filter("t", msgpack.packb([1, {"log": line, "filename": "MSGTRK1.LOG"}]))
    held.close()
    return said


def test_the_counts_are_said_every_so_many_seconds_as_one_json_object() -> None:
    seconds = iter(range(0, 10_000, 40))
    said = run_filter("report_every", "50", clock=lambda: float(next(seconds)))
    lines = [json.loads(text) for level, _, text in said if level == 3 and text.startswith("{")]
    assert len(lines) >= 2
    assert lines[-1]["event"] == "counts"
    assert lines[-1]["unparsed"] == {"width": 1}
    assert lines[-1]["lag_seconds"] > 200_000_000  # more than six years behind 2018
    assert said[-1][2].startswith("5 records in, 4 out; 3 events, 1 header lines; 1 not parsed")


def test_the_counts_are_said_at_the_end_only_where_nobody_wants_them_in_between() -> None:
    assert len(run_filter("report_every", "0", clock=lambda: 1e9)) == 1


def test_what_the_filter_logs_holds_no_subject_and_no_address() -> None:
    said = json.dumps(run_filter("report_every", "1", clock=itertools.count(step=10.0).__next__))
    assert "Kanarienvogel" not in said
    assert "a@example.com" not in said


# --- reports ---------------------------------------------------------------------------------------


def test_each_kind_of_error_is_said_once_a_minute_with_its_count() -> None:
    said: list[str] = []
    now = [0.0]
    reports = Reports(said.append, clock=lambda: now[0])
    for second in (0, 1, 59, 61):
        now[0] = float(second)
        for kind in (ValueError, KeyError):
            reports.report(kind("x" * 1000), "the record is left unchanged")
    assert len(said) == 4
    assert said[2].startswith("ValueError")
    assert said[2].endswith("; 2 more of these since it was said last")
    assert all(len(text) < 400 for text in said)


def test_the_words_of_an_error_are_said_only_where_that_was_asked_for() -> None:
    for quotes in (False, True):
        said: list[str] = []
        Reports(said.append, quotes=quotes).report(ValueError("Kanarienvogel"), "nothing is lost")
        assert ("Kanarienvogel" in said[0]) is quotes
        assert said[0].startswith("ValueError")


def test_many_kinds_of_error_are_said_together() -> None:
    said: list[str] = []
    reports = Reports(said.append, clock=lambda: 0.0)
    for number in range(500):
        reports.report(type(f"E{number}", (Exception,), {})("x"), "nothing is lost")
    assert len(said) == 101
