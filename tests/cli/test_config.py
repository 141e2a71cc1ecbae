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
        "exnorm: wrong.yaml:4: unknown field 'Mesage' of arcsight; did you mean 'Message'? "
        "(and 1 more; exnorm config check lists all)\n"
    )


def test_mappings_prints_the_tables_as_the_file_leaves_them(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["mappings", "message_tracking", "arcsight"]) == OK
    before = capsys.readouterr().out
    assert run(["mappings", "message_tracking", "arcsight", "--config", "site.yaml"]) == OK
    after = capsys.readouterr().out
    assert before.count("| Message |") - after.count("| Message |") == 1
