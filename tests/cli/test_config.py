from __future__ import annotations

import json
from pathlib import Path

import pytest

from exnorm.cli import OK, USAGE, run

SITE = """\
profile: security
tables:
  arcsight-2016:
    remove: [Message]
    events:
      RECIEVE: {severity: 2}
"""
WRONG = SITE.replace("Message", "Mesage").replace("severity: 2", "severity: 12")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site.yaml").write_text(SITE)
    (tmp_path / "wrong.yaml").write_text(WRONG)
    return tmp_path


def test_a_file_that_is_all_right_is_said_to_be_so(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "check", "site.yaml"]) == OK
    shown = capsys.readouterr()
    assert shown.out == "site.yaml: all well: 1 settings, 2 changes to tables\n"
    assert shown.err == (
        "exnorm: note: site.yaml:6: event 'RECIEVE' is new to message_tracking; did you mean 'RECEIVE'?\n"
    )


def test_every_mistake_of_a_file_is_listed(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "check", "wrong.yaml"]) == USAGE
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        "exnorm: wrong.yaml:4: unknown field 'Mesage' of arcsight; did you mean 'Message'?",
        "exnorm: wrong.yaml:6: severity: got '12'; expected a number from 0 to 10",
    ]


def test_check_gives_json_too(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "check", "wrong.yaml", "--json"]) == USAGE
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is False
    assert len(found["faults"]) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("profil: all", "site.yaml:1: unknown setting 'profil'; did you mean 'profile'?"),
        ("taxonomy: arcsigt", "taxonomy: got 'arcsigt'; did you mean 'arcsight'?"),
        ("a: [", "site.yaml:1: not YAML: "),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused(
    site: Path, capsys: pytest.CaptureFixture[str], content: str, message: str
) -> None:
    (site / "site.yaml").write_text(content)
    assert run(["config", "check", "site.yaml"]) == USAGE
    assert capsys.readouterr().err.startswith(f"exnorm: {message}")


def test_a_file_that_cannot_be_read_is_named(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "check", "none.yaml"]) == USAGE
    assert capsys.readouterr().err == "exnorm: config: cannot read 'none.yaml': No such file or directory\n"


def test_show_says_where_each_setting_comes_from(
    site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXNORM_TAXONOMY", "jsa")
    assert run(["config", "show", "--config", "site.yaml"]) == OK
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[:1]] == [["taxonomy:", '"jsa"', "#", "EXNORM_TAXONOMY"]]
    assert ["profile:", '"security"', "#", "site.yaml"] in [line.split() for line in lines]
    assert ["leef:", "2", "#", "default"] in [line.split() for line in lines]
    assert lines[-2:] == [
        "# table arcsight-2016: Message removed (site.yaml:4)",
        "# table arcsight-2016: RECIEVE severity = 2 (site.yaml:6)",
    ]


def test_show_gives_json_too(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "show", "--config", "site.yaml", "--json"]) == OK
    shown = json.loads(capsys.readouterr().out)
    assert shown["settings"]["profile"] == {"value": "security", "from": "site.yaml"}
    assert len(shown["tables"]) == 2


def test_a_run_with_a_wrong_file_reads_nothing(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["convert", "--config", "wrong.yaml", "there-is-no-such-file"]) == USAGE
    assert capsys.readouterr().err == (
        "exnorm: wrong.yaml:4: unknown field 'Mesage' of arcsight; did you mean 'Message'?\n"
        "exnorm: wrong.yaml:6: severity: got '12'; expected a number from 0 to 10\n"
    )


def test_mappings_prints_the_tables_as_the_file_leaves_them(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["mappings", "message_tracking", "arcsight"]) == OK
    before = capsys.readouterr().out
    assert run(["mappings", "message_tracking", "arcsight", "--config", "site.yaml"]) == OK
    after = capsys.readouterr().out
    assert before.count("| Message |") - after.count("| Message |") == 1


# --- a site's own tests ---------------------------------------------------------------------------

TESTED = """\
tables:
  arcsight-2016, arcsight-2010: {drop: [{event: DELIVER}]}
tests:
- name: a failure names its recipient
  input: |
    #Log-type: Message Tracking Log
    #Fields: date-time,event-id,recipient-address
    2018-11-27T22:42:30.007Z,FAIL,nobody@customer.example
    2018-11-27T22:42:31.007Z,DELIVER,ana@corp.example
  expect: [{duser: nobody@customer.example, Source User Name: }]
"""


def test_tests_that_pass_are_listed_with_status_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(TESTED)
    assert run(["config", "test", str(site)]) == OK
    assert capsys.readouterr().out == (
        f"passed {site}:4: a failure names its recipient\n1 passed, 0 failed\n"
    )
    assert run(["config", "check", str(site)]) == OK


@pytest.mark.parametrize(
    ("given", "instead", "message"),
    [
        (
            "duser: nobody@",
            "duser: somebody@",
            ":10: event 1: duser is 'nobody@customer.example'; expected 'somebody@",
        ),
        ("Source User Name: ", "Name: ", ":10: event 1: Name is 'FAIL'; expected none"),
        ("DELIVER,ana", "DSN,ana", ":10: got 2 events; expected 1"),
        ("FAIL,nobody", "FAIL,x,nobody", ":10: event 1: not parsed: row has 4 fields"),
    ],
)
def test_a_test_that_fails_says_what_was_got_and_expected(
    given: str, instead: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(TESTED.replace(given, instead))
    assert run(["config", "test", str(site)]) == 1
    shown = capsys.readouterr().out
    assert f"FAILED {site}:4" in shown
    assert message in shown


@pytest.mark.parametrize(
    ("given", "instead", "message"),
    [
        ("  expect:", "  expct:", ":10: test 1: unknown key 'expct'; did you mean 'expect'?"),
        ("duser:", "dusr:", ":10: expect: unknown field 'dusr'; did you mean"),
        ("tests:\n- name", "tests:\n  name", ":4: tests: got a map; expected a list"),
        (
            "{drop: [{event: DELIVER}]}",
            "{drp: [{event: DELIVER}]}",
            ":2: table arcsight-2016: unknown key 'drp'",
        ),
    ],
)
def test_a_mistake_in_a_test_is_told_with_its_line(
    given: str, instead: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(TESTED.replace(given, instead))
    assert run(["config", "test", str(site)]) == USAGE
    assert message in capsys.readouterr().err


def test_a_file_without_tests_is_said_to_have_none(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "test", "site.yaml"]) == USAGE
    assert "there is nothing under tests" in capsys.readouterr().err


def test_wrong_settings_and_mistakes_in_tables_are_listed_together(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (site / "both.yaml").write_text(
        "profile: secruity\nleef: 7\ntables: {arcsight-2016: {remove: [Mesage]}}\n"
    )
    assert run(["config", "check", "both.yaml"]) == USAGE
    assert capsys.readouterr().err.splitlines() == [
        "exnorm: both.yaml:1: profile: got 'secruity'; did you mean 'security'?",
        "exnorm: both.yaml:2: leef: got 7; expected 1 to 2",
        "exnorm: both.yaml:3: unknown field 'Mesage' of arcsight; did you mean 'Message'?",
    ]
