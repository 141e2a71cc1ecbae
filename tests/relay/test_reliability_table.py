"""docs/reliability.md promises nothing that no test holds."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| promise |")
]
DATE = r"20\d\d-\d\d-\d\d"


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_test_that_is_named_exists() -> None:
    named = re.findall(r"`(tests/[^`]*?)::([^`]*)`", PAGE)
    assert len(named) > 40
    for path, name in named:
        assert name in functions(ROOT / path), f"{path}::{name}"


def test_every_command_that_is_named_is_a_file_here() -> None:
    named = re.findall(r"`python (?:-m )?(\S+)[^`]*`", PAGE)
    assert "benchmarks/soak.py" in named
    for name in named:
        assert (ROOT / name).exists(), name


def test_every_promise_has_a_test_and_a_result() -> None:
    assert len(ROWS) > 25
    for row in ROWS:
        assert len(row) == 3, row
        promise, tests, result = row
        assert promise
        assert re.search(r"`tests/\S+::\S+`|`python \S+", tests), promise
        assert result.startswith("passed") or re.search(DATE, result), promise


def test_the_run_that_the_results_are_of_has_a_date() -> None:
    assert re.search(rf"^Last run of the tests named here: {DATE}, ", PAGE, re.MULTILINE)
