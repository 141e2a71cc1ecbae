"""What ``exnorm plugins new`` writes is a distribution that passes its own tests."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exnorm.cli.plugin_template import KINDS, render_plugin

if TYPE_CHECKING:
    from tests.cli.conftest import Exnorm

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_passes_its_own_tests(exnorm: Exnorm, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "made"
    result = exnorm("plugins", "new", "acme", f"--{kind}", "--into", folder)
    assert result.status == 0, result.err
    assert "pip install '.[test]' && pytest" in result.err
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    setup = configparser.ConfigParser()
    setup.read(folder / "setup.cfg")
    assert setup["options.entry_points"]["exnorm"].strip() == "acme = exnorm_acme"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("Acme", "--source"), "NAME: got 'Acme'; expected small letters"),
        (("../x", "--source"), "NAME: got '../x'; expected small letters"),
        (("acme",), "expected --source, --taxonomy or --processor"),
        (("acme", "--sorce"), "no such option"),
    ],
)
def test_a_wrong_request_writes_nothing(
    exnorm: Exnorm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = exnorm("plugins", "new", *arguments)
    assert result.status == 2
    assert message in result.err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_left_alone(exnorm: Exnorm, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("mine")
    result = exnorm("plugins", "new", "acme", "--source", "--into", tmp_path)
    assert result.status == 2
    assert "is there already; --into names another folder" in result.err
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_the_example_of_a_log_type_in_the_docs_is_the_one_that_is_written() -> None:
    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    assert render_plugin("acme", "source")["exnorm_acme.py"] in page
