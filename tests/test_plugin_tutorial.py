"""plugins/README.md is followed to the letter: its files are written, its commands are run."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "plugins" / "README.md").read_text(encoding="utf-8")
STEP = re.compile(r"(?:Write `(?P<file>[^`]+)`:\n\n)?```(?P<kind>\w+)\n(?P<text>.*?)```\n", re.DOTALL)


def write_script() -> str:
    """The page as one shell script: a block after "Write ...:" is a file, a block of sh its commands."""
    parts = ["set -eu"]
    for number, step in enumerate(STEP.finditer(PAGE)):
        if step["file"]:
            parts.append(f"cat > {shlex.quote(step['file'])} <<'END{number}'\n{step['text']}END{number}")
        elif step["kind"] == "sh":
            parts.append(step["text"])
    return "\n".join(parts)


def test_every_block_of_the_page_is_a_file_commands_or_output() -> None:
    kinds = [(step["file"], step["kind"]) for step in STEP.finditer(PAGE)]
    assert len(kinds) == PAGE.count("```") / 2
    assert [file for file, kind in kinds if file] == [
        "setup.cfg", "README.md", "exnorm_acme.py", "tests/test_exnorm_acme.py",
    ]  # fmt: skip
    assert {kind for file, kind in kinds if not file} == {"sh", "text"}


def test_whoever_follows_the_page_has_a_plugin(tmp_path: Path) -> None:
    checkout, site, commands = (tmp_path / name for name in ("exnorm", "site", "bin"))
    built = shutil.ignore_patterns("build", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT / "plugins", checkout / "plugins", ignore=built)
    shutil.copytree(ROOT / "examples", checkout / "examples")
    commands.mkdir()
    (commands / "exnorm").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m exnorm "$@"\n')
    (commands / "exnorm").chmod(0o755)
    (commands / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (commands / "python").chmod(0o755)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "EXNORM_"))},
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(site), *(path for path in sys.path if path)]),
        # pip install as the page says it, without the network and into a folder of the test's own
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_TARGET": str(site),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    done = subprocess.run(
        ["sh", "-c", write_script()],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "3 passed" in said
    (shown,) = (step["text"] for step in STEP.finditer(PAGE) if step["kind"] == "text")
    for line in shown.splitlines():
        assert line.strip() in said
    events = (tmp_path / "exnorm-acme" / "events.cef").read_text(encoding="utf-8")
    assert events.count("ad.acme=partner") == 2  # it was received, and delivered
