from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from exnorm import SettingsError
from exnorm.fluentbit import Options, read_options
from exnorm.fluentbit.embedded import check_host, find_version, pair_properties, read_host_version, start
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


@pytest.mark.parametrize(
    ("version", "word"),
    [((2, 1), "Fluent Bit 2.1 is not known"), ((5, 2), "Fluent Bit 5.2 is not known"), (None, "cannot tell")],
)
def test_a_release_that_was_never_tried_is_refused(
    version: tuple[int, int] | None, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exnorm.fluentbit.embedded.read_host_version", lambda: version)
    with pytest.raises(SettingsError, match=f"^{word}.*expected 2.2 to 5.1; host_check off starts"):
        check_host()


@pytest.mark.parametrize("version", [(2, 2), (3, 9), (5, 1)])
def test_a_release_in_between_is_known(version: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exnorm.fluentbit.embedded.read_host_version", lambda: version)
    check_host()


def test_a_program_that_is_not_fluent_bit_is_not_taken_for_it() -> None:
    assert read_host_version() is None  # here it is Python


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


def test_many_kinds_of_error_are_said_together() -> None:
    said: list[str] = []
    reports = Reports(said.append, clock=lambda: 0.0)
    for number in range(500):
        reports.report(type(f"E{number}", (Exception,), {})("x"), "nothing is lost")
    assert len(said) == 101
