from __future__ import annotations

import os
from typing import Any

import pytest

from exnorm.cli.options import this_system

CONFIGS = (
    ("fluentbit", "config", "/mnt/ex01", "--to", "tcp://siem.example:514", "--via", "service"),
    ("logstash", "config", "--input", "file"),
)


@pytest.mark.parametrize(("name", "system"), [("nt", "windows"), ("posix", "linux")])
def test_a_config_is_for_the_system_that_writes_it(
    name: str, system: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "name", name)
    assert this_system() == system


@pytest.mark.parametrize("words", CONFIGS, ids=lambda words: words[0])
def test_on_says_which_system_the_config_is_for(exnorm: Any, words: tuple[str, ...]) -> None:
    texts = {system: exnorm(*words, "--on", system).out.decode() for system in ("linux", "windows")}
    assert "C:/ProgramData" in texts["windows"]
    assert "/var/" in texts["linux"]
    assert "/var/" not in texts["windows"]


def test_on_another_system_is_a_wrong_usage(exnorm: Any) -> None:
    assert exnorm(*CONFIGS[1], "--on", "solaris").status == 2
