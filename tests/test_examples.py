from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from exnorm.testing import read_cef

EXAMPLES = Path(__file__).parents[1] / "examples"
SAMPLE = EXAMPLES / "MSGTRK2018112722-1.LOG"


def run(name: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, EXAMPLES / name, SAMPLE], capture_output=True, check=True)


def test_normalize_file_writes_what_the_security_profile_keeps() -> None:
    done = run("normalize_file.py")
    # the sample has SENDEXTERNAL, RECEIVE, DELIVER and FAIL; the profile leaves DELIVER out
    events = [line.split(b"|")[4] for line in done.stdout.split(b"\n")[:-1]]
    assert events == [b"SENDEXTERNAL", b"RECEIVE", b"FAIL"]
    assert b"'dropped': {'DELIVER': 1}" in done.stderr


def test_site_taxonomy_prints_its_three_fields() -> None:
    done = run("site_taxonomy.py")
    first = done.stdout.decode().splitlines()[0]
    assert first == "1543358402966 admin1@qradar.domain.test SENDEXTERNAL"


def test_the_sites_rules_lift_parts_of_columns_into_fields() -> None:
    command = [
        sys.executable,
        "-m",
        "exnorm",
        "convert",
        str(SAMPLE),
        "--config",
        str(EXAMPLES / "site.yaml"),
    ]
    done = subprocess.run(command, capture_output=True, check=True)
    _, received, failed = (read_cef(line) for line in done.stdout.split(b"\n")[:-1])
    assert received.pairs["sourceTranslatedAddress"] == "203.0.113.77"
    assert "reason" not in received.pairs
    assert (failed.pairs["reason"], failed.header["severity"]) == ("5.1.1", "6")  # 550 5.1.1 User unknown


def test_every_example_is_named_in_the_readme() -> None:
    readme = (EXAMPLES / "README.md").read_text()
    for path in EXAMPLES.iterdir():
        assert path.name == "README.md" or f"`{path.name}`" in readme
