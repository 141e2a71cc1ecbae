from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from exnorm.cli import walk
from exnorm.cli.click_types import Files

PLACES = ("FILE", "FOLDER", "PATH", "LOG")
SHELLS = ("bash", "zsh", "fish", "powershell")


def complete(shell: str, **variables: str) -> list[str]:
    """What exnorm answers a shell, as the shell would ask."""
    ran = subprocess.run(
        [sys.executable, "-m", "exnorm"],
        env={**os.environ, "_EXNORM_COMPLETE": f"{shell}_complete", **variables},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.stderr == ""
    return ran.stdout.splitlines()


def test_every_word_that_is_a_place_on_disk_is_completed_as_one() -> None:
    for context in walk():
        for parameter in context.command.params:
            metavar = (parameter.metavar or "").strip("[].").split("]")[0]
            if any(word in PLACES for word in metavar.split("|")):
                assert isinstance(parameter.type, (Files, click.Path)), (
                    f"{context.command_path}: {parameter.name}"
                )


def test_values_of_settings_are_completed() -> None:
    words = complete("bash", COMP_WORDS="exnorm convert --profile ", COMP_CWORD="3")
    assert words == ["plain,all", "plain,arcsight-guide", "plain,security"]


def test_powershell_is_answered_with_a_help_that_is_never_empty() -> None:
    lines = complete("powershell", COMP_WORDS="exnorm convert --taxonomy ", COMP_WORD="")
    assert [line.split("\t") for line in lines] == [
        ["plain", "arcsight", "arcsight"],
        ["plain", "jsa", "jsa"],
    ]
    (line,) = complete("powershell", COMP_WORDS="exnorm doc", COMP_WORD="doc")
    kind, value, text = line.split("\t")
    assert (kind, value) == ("plain", "doctor")
    assert text.startswith("Check this installation")


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_has_its_script(exnorm: Any, shell: str) -> None:
    ran = exnorm("completion", shell)
    assert ran.status == 0
    assert f"{shell}_complete".encode() in ran.out


def test_an_unknown_shell_is_told_the_nearest(exnorm: Any) -> None:
    ran = exnorm("completion", "powershel")
    assert ran.status == 2
    assert "did you mean 'powershell'?" in ran.err


BASH = """
source "$1"
COMP_WORDS=(exnorm convert --taxonomy ar) COMP_CWORD=3
_exnorm_completion exnorm
printf '%s\\n' "${COMPREPLY[@]}"
"""
FISH = 'source $argv[1]; complete -C "exnorm convert --taxonomy ar"'


@pytest.mark.parametrize(
    ("shell", "script", "words"),
    [("bash", BASH, ["-c", BASH, "bash"]), ("fish", FISH, ["-c", FISH])],
    ids=["bash", "fish"],
)
def test_a_real_shell_completes_with_its_script(
    exnorm: Any, tmp_path: Path, shell: str, script: str, words: list[str]
) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} here")
    file = tmp_path / "script"
    file.write_bytes(exnorm("completion", shell).out)
    wrapper = tmp_path / "exnorm"
    wrapper.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m exnorm "$@"\n')
    wrapper.chmod(0o755)
    ran = subprocess.run(
        [program, *words, str(file)],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "arcsight" in ran.stdout.split(), ran.stderr


@pytest.mark.parametrize("shell", ["zsh"])
def test_the_script_is_right_for_the_shells_own_parser(exnorm: Any, tmp_path: Path, shell: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} here")
    file = tmp_path / "script"
    file.write_bytes(exnorm("completion", shell).out)
    subprocess.run([program, "-n", str(file)], check=True)


def test_what_plugins_register_is_completed_and_stands_in_the_help(tmp_path: Path) -> None:
    (tmp_path / "lake.py").write_text(
        "import exnorm\n@exnorm.hookimpl\ndef register_taxonomies():\n"
        "    yield exnorm.Taxonomy('lake', 'Lake', (exnorm.Field('When', 'when', 'when', 'time'),))\n"
    )
    (tmp_path / "lake-1.dist-info").mkdir()
    (tmp_path / "lake-1.dist-info" / "entry_points.txt").write_text("[exnorm]\nlake = lake\n")
    (tmp_path / "lake-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: lake\nVersion: 1\n")
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    words = complete("bash", COMP_WORDS="exnorm convert --taxonomy la", COMP_CWORD="3", PYTHONPATH=path)
    assert words == ["plain,lake"]
    ran = subprocess.run(
        [sys.executable, "-m", "exnorm", "convert", "--help"],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "--taxonomy arcsight|jsa|lake" in ran.stdout
