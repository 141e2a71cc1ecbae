"""docs/kafka.md: its commands run, and the configs that it names are there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from exnorm.cli import run

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "kafka.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^exnorm (\S+ config .*)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_page_prints_a_config(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(command)
    if words[0] == "fluentbit" and not {"none", "raw"} & set(words):
        words += ["--plugin", "/x/flb-filter_exchange.so"]  # it may not be built here
    assert run(words) == 0
    assert "9092" in capsys.readouterr().out


def test_every_config_that_the_page_names_is_there() -> None:
    table = PAGE[PAGE.index("## Ready configs") : PAGE.index("Print your own")]
    named = re.findall(r"`([a-z-]+)(\.conf)?`", table)
    files = [
        ROOT / "logstash" / f"{name}.conf" if suffix else ROOT / "fluentbit" / "kafka" / f"{name}.yaml"
        for name, suffix in named
    ]
    assert len(files) == 10 + 12
    assert [file.name for file in files if not file.exists()] == []
    assert {file.name for file in (ROOT / "fluentbit" / "kafka").glob("*.yaml")} <= {
        file.name for file in files
    }
