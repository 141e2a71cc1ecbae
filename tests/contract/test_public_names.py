"""What others copy uses what is public, and nothing else: the table "What is public" of docs/plugins.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import exnorm

ROOT = Path(__file__).parents[2]
MODULES = ("exnorm.convert", "exnorm.errors", "exnorm.testing")
COPIED = sorted(
    path
    for folder in ("plugins", "examples", "tests/plugins_examples")
    for path in (ROOT / folder).rglob("*.py")
    if "build" not in path.parts
)


def find_private(source: str) -> Iterator[str]:
    """Names of exnorm that a module imports or reads although they are not public."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (
                alias.name
                for alias in node.names
                if alias.name.split(".")[0] == "exnorm" and alias.name not in ("exnorm", *MODULES)
            )
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "exnorm":
            yield from (
                f"{node.module}.{a.name}" for a in node.names if not is_public(str(node.module), a.name)
            )
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "exnorm":
            yield from () if is_public("exnorm", node.attr) else (f"exnorm.{node.attr}",)


def is_public(module: str, name: str) -> bool:
    if name.startswith("_"):
        return False
    if module == "exnorm":
        return name in exnorm.__all__ or f"exnorm.{name}" in MODULES
    if re.fullmatch(r"exnorm\.sources\.\w+", module):
        return name == module.rpartition(".")[2].upper()
    return module in MODULES


@pytest.mark.parametrize(
    "source",
    [
        "import exnorm.pipeline.normalizer",
        "from exnorm.tables.mapping import row",
        "from exnorm import convert_everything",
        "from exnorm.convert import _address",
        "from exnorm.sources.message_tracking import COLUMNS_2016",
        "import exnorm\nexnorm.pipeline.cut_lines",
    ],
)
def test_a_private_name_is_found(source: str) -> None:
    assert len(list(find_private(source))) == 1


def test_public_names_are_let_through() -> None:
    source = (
        "import exnorm, os\nfrom exnorm import Record, hookimpl\nfrom exnorm.convert import upper\n"
        "from exnorm.sources.iis import IIS\nimport exnorm.testing\nexnorm.row\n"
    )
    assert list(find_private(source)) == []


@pytest.mark.parametrize("path", COPIED, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_others_copy_uses_public_names_only(path: Path) -> None:
    assert list(find_private(path.read_text(encoding="utf-8"))) == []


def test_the_files_to_copy_are_found() -> None:
    names = {path.name for path in COPIED}
    assert {"exnorm_ecs.py", "exnorm_noise.py", "exnorm_privacy.py", "normalize_file.py"} <= names


def test_the_page_names_the_public_modules() -> None:
    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    table = page.partition("## What is public")[2].partition("## The hooks")[0]
    assert set(re.findall(r"^\| `([\w.]+)` \|", table, re.MULTILINE)) == {
        "exnorm", *MODULES, "exnorm.sources.NAME"
    }  # fmt: skip


def test_every_public_name_is_there() -> None:
    assert [name for name in exnorm.__all__ if not hasattr(exnorm, name)] == []
    assert sorted(exnorm.__all__) == exnorm.__all__
