"""``release/wine.py``: what cannot be had is said, and is no failure."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "release" / "wine.py"


def test_without_wine_it_says_so_and_ends_well(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path / "made")],
        capture_output=True, text=True, check=False, env={"PATH": str(tmp_path)},
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (0, "skipped: no wine on PATH (Debian: apt-get install wine)\n")
    assert not (tmp_path / "made").exists()


@pytest.mark.skipif(shutil.which("sh") is None, reason="a shell plays wine")
def test_packages_that_cannot_be_had_are_said_and_it_ends_well(tmp_path: Path) -> None:
    wine = tmp_path / "bin" / "wine"
    wine.parent.mkdir()
    wine.write_text("#!/bin/sh\nexit 1\n")
    wine.chmod(0o755)
    ran = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path / "made")],
        capture_output=True, text=True, check=False,
        env={"PATH": str(wine.parent), "PIP_NO_INDEX": "1", "HOME": str(tmp_path)},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("skipped: pip download: ")
