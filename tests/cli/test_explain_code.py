"""``exnorm explain --source``: the code that the rows of a file go through."""

from __future__ import annotations

from pathlib import Path

import pytest

from exnorm.cli import run

SAMPLE = Path(__file__).parents[2] / "examples" / "MSGTRK2018112722-1.LOG"


@pytest.mark.parametrize("option", ["--source", "--code"])
def test_the_code_is_printed_and_is_python(option: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", option, str(SAMPLE)]) == 0
    code = capfd.readouterr().out
    assert code.startswith("def run(")
    assert "dhost={c2 if" in code  # client-hostname is the third column of this log
    compile(code, "code", "exec")


def test_source_stays_the_setting_where_a_log_type_follows(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "--source", "message_tracking", "-n", "1", str(SAMPLE)]) == 0
    assert "source message_tracking" in capfd.readouterr().out


def test_the_last_word_may_be_source(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", str(SAMPLE), "--taxonomy", "jsa", "--source"]) == 0
    assert "messageSubject=" in capfd.readouterr().out


def test_rows_that_go_one_by_one_are_said_to(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "--source", str(SAMPLE), "--per-recipient"]) == 1
    assert "one by one" in capfd.readouterr().err
