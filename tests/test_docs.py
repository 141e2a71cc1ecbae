from __future__ import annotations

import dataclasses
import inspect
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import click
import mkdocs_hooks as hooks
import pytest
import yaml

from exnorm.cli import cli
from exnorm.cli.mappings import render_site
from exnorm.plugins import hookspecs
from exnorm.plugins.manager import Plugins
from exnorm.settings import Settings

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [
    *ROOT.glob("*.md"),
    *DOCS.rglob("*.md"),
    *ROOT.glob("[!.]*/README.md"),  # hidden folders hold what programs left there
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


def headings(page: Path) -> Iterator[str]:
    """The anchors of a page: of two headings with the same words the second has a number."""
    seen: Counter[str] = Counter()
    text = re.sub(r"^( *)```.*?^\1```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        anchor = hooks.slugify(re.sub(r"\]\([^)]*\)", "", heading))
        yield f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor
        seen[anchor] += 1


def find_broken(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    name = page.relative_to(ROOT).as_posix()
    links = [(link["anchor"] or "", ROOT / target) for link, target in hooks.find_links(name, text)]
    links += [(anchor, page) for anchor in re.findall(r"\]\((#[^)\s]+)\)", text)]
    broken = [str(target) for _, target in links if not target.is_file()]
    return broken + [
        f"{target}{anchor}"
        for anchor, target in links
        if anchor and target.suffix == ".md" and target.exists() and anchor[1:] not in headings(target)
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_the_docs_leads_to_a_file_and_to_a_heading_in_it(page: Path) -> None:
    assert find_broken(page) == []


def test_a_link_to_no_file_and_a_link_to_no_heading_are_found() -> None:
    page = ROOT / "tests" / "README.md"
    for link in ("docs/nope.md", "#nope", "../docs/ports.md#nope"):
        with mock.patch.object(Path, "read_text", return_value=f"# A\n\n[a]({link})\n"):
            assert len(find_broken(page)) == 1


def in_nav(nav: Iterable[dict[str, object]]) -> Iterator[str]:
    for item in nav:
        for value in item.values():
            yield from [value] if isinstance(value, str) else in_nav(value)  # type: ignore[arg-type]


def test_every_page_has_its_place_in_the_site() -> None:
    places = list(in_nav(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]))
    assert len(places) == len(set(places))
    assert [place for place in places if not (ROOT / hooks.to_repository(place)).is_file()] == []
    assert {path.name for path in DOCS.glob("*.md")} <= set(places), "one line under nav in mkdocs.yml"


def test_a_file_of_the_repository_and_its_place_in_the_site_lead_to_each_other() -> None:
    for path, place in [
        ("README.md", "index.md"),
        ("docs/ports.md", "ports.md"),
        ("docs/mappings/README.md", "mappings/README.md"),
        ("plugins/README.md", "repository/plugins/README.md"),
    ]:
        assert hooks.to_site(path) == place
        assert hooks.to_repository(place) == path


def test_links_of_the_repository_become_links_of_the_site() -> None:
    page = SimpleNamespace(file=SimpleNamespace(src_uri="mappings/README.md"))
    text = "[a](../../fluentbit/exchange.yaml) [b](../ports.md#x) [c](#y) [d](https://e.example/f)"
    assert hooks.on_page_markdown(text, page) == (
        "[a](../repository/fluentbit/exchange.yaml) [b](../ports.md#x) [c](#y) [d](https://e.example/f)"
    )


def test_the_python_of_the_plugin_page_makes_working_plugins() -> None:
    page = (DOCS / "plugins.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        plugin = type("Plugin", (), {})()
        namespace: dict[str, object] = {}
        exec(block, namespace)
        for name, value in namespace.items():
            if hasattr(value, "exnorm_impl"):
                setattr(plugin, name, value)
        Plugins([plugin], discover=False)


def test_the_page_for_windows_gives_exnorm_options_that_it_has() -> None:
    """The lines of PowerShell in which exnorm is called, with what the page puts into variables."""
    page = (ROOT / "docs" / "windows.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```powershell\n(.*?)```", page, re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    calls = [line.removeprefix("& $exnorm ") for line in lines if line.startswith("& $exnorm ")]
    calls += [words for line in lines for words in re.findall(r"^\$words = '(.*)'$", line)]
    assert len(calls) == 6
    for call in calls:
        words = call.split()
        context = click.Context(cli, info_name="exnorm")
        while isinstance(context.command, click.Group):
            command = context.command.get_command(context, words[0])
            assert command is not None, call
            context, words = click.Context(command, info_name=words[0], parent=context), words[1:]
        known = {name for option in context.command.params for name in option.opts}
        assert [word for word in words if word.startswith("-") and word not in known] == [], call
