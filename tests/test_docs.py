from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path

import pytest

from exnorm import hookspecs
from exnorm.cli.mappings import render_site
from exnorm.plugins import Plugins
from exnorm.settings import Settings

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [
    *ROOT.glob("*.md"),
    *DOCS.rglob("*.md"),
    *ROOT.glob("*/README.md"),
    *ROOT.glob("plugins/*/README.md"),
    *ROOT.glob("tests/*/README.md"),
]


def test_docs_mappings_is_what_the_tables_say() -> None:
    site = render_site(Plugins(discover=False).registry)
    written = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "mappings").iterdir()}
    assert sorted(written) == sorted(site)
    for name, page in site.items():
        assert written[name] == page, f"{name} is stale: run tox -e generate"


def test_every_setting_is_documented_with_its_default() -> None:
    page = (DOCS / "command-line.md").read_text(encoding="utf-8")
    for item in dataclasses.fields(Settings):
        row = re.search(rf"^\| `{item.name}` \| (.*?) \|", page, re.MULTILINE)
        assert row is not None, item.name
        if item.default not in ("", (), dataclasses.MISSING) and not isinstance(item.default, bool):
            assert row.group(1) == f"`{item.default}`"


def test_every_hook_is_documented_with_its_exact_arguments() -> None:
    page = (DOCS / "plugins.md").read_text(encoding="utf-8")
    hooks = [
        value
        for value in vars(hookspecs).values()
        if inspect.isfunction(value) and hasattr(value, "exnorm_spec")
    ]
    assert len(hooks) == 6
    for hook in hooks:
        arguments = ", ".join(inspect.signature(hook).parameters)
        assert f"| `{hook.__name__}({arguments})` |" in page


def test_the_gate_runs_the_readmes_test_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    gate = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "\npip install tox && tox\n" in readme
    assert "\npip install tox && tox\n" in gate


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_link_in_the_docs_is_broken(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_python_of_the_plugin_page_makes_working_plugins() -> None:
    page = (DOCS / "plugins.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        plugin = type("Plugin", (), {})()
        namespace: dict[str, object] = {}
        exec(block, namespace)
        for name, value in namespace.items():
            if hasattr(value, "exnorm_impl"):
                setattr(plugin, name, value)
        Plugins([plugin], discover=False)
