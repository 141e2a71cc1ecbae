"""Imports go one way: hosts and cli -> pipeline -> plugins -> hookspecs; standard -> the rooms -> model."""

from __future__ import annotations

from pathlib import Path

import pytest
from picture import read_imports

SRC = Path(__file__).parents[2] / "src"
HOSTS = (
    "exnorm.cli",
    "exnorm.fluentbit",
    "exnorm.logstash",
    "exnorm.otlp",
    "exnorm.syslogng",
    "exnorm.arrow",
    "exnorm.compare",
    "exnorm.report",
    "exnorm.spark",
    "exnorm.tabular",
    "exnorm.messages",
    "exnorm.trace",
    "exnorm.__main__",
)
NOUNS = ("exnorm.errors", "exnorm.model", "exnorm.settings")

# What a room may import of exnorm when it runs, besides its own modules. The longest prefix counts.
ALLOWED: dict[str, tuple[str, ...]] = {
    "exnorm.model": (),
    "exnorm.errors": (),
    "exnorm.convert": (),
    "exnorm.rate_limit": (),
    "exnorm.malloc": (),
    "exnorm.extras": ("exnorm.errors",),
    "exnorm.origin": ("exnorm.errors",),
    "exnorm.identity": ("exnorm.model",),
    "exnorm.settings": (
        "exnorm.convert",
        "exnorm.errors",
        "exnorm.origin",
        "exnorm.text.encodings",
        "exnorm.text.yamlfile",
    ),
    "exnorm.text": (),
    "exnorm.text.encodings": ("exnorm.errors",),
    "exnorm.text.yamlfile": ("exnorm.errors",),
    "exnorm.files": (),
    "exnorm.files.rejects": (*NOUNS, "exnorm.files", "exnorm.rate_limit"),
    "exnorm.tables": (*NOUNS, "exnorm.convert", "exnorm.text"),
    "exnorm.tables.categorizer": ("exnorm.model",),
    "exnorm.tables.joined_columns": ("exnorm.convert",),
    "exnorm.tables.checks": NOUNS,
    "exnorm.tables.mapping": (*NOUNS, "exnorm.convert"),
    "exnorm.sources": (*NOUNS, "exnorm.convert", "exnorm.text"),
    "exnorm.taxonomies": (*NOUNS, "exnorm.convert", "exnorm.tables"),
    "exnorm.codecs": (*NOUNS, "exnorm.convert", "exnorm.identity", "exnorm.text"),
    "exnorm.plugins": (*NOUNS, "exnorm.convert", "exnorm.tables"),
    "exnorm.plugins.hookspecs": (),
    "exnorm.plugins.installed": (),
    "exnorm.plugins.selection": NOUNS,
    "exnorm.plugins.standard": (
        *NOUNS,
        "exnorm.codecs",
        "exnorm.plugins.hookspecs",
        "exnorm.sources",
        "exnorm.tables",
        "exnorm.taxonomies",
    ),
    "exnorm.pipeline": (
        *NOUNS,
        "exnorm.convert",
        "exnorm.engine",
        "exnorm.plugins",
        "exnorm.tables",
        "exnorm.text",
    ),
    "exnorm.pipeline.counts": (),
    "exnorm.pipeline.profiles": ("exnorm.model",),
    "exnorm.pipeline.stream": (*NOUNS, "exnorm.text"),
    "exnorm.pipeline.recipients": ("exnorm.model", "exnorm.convert"),
    "exnorm.pipeline.payload_limit": ("exnorm.convert", "exnorm.model"),
    "exnorm.pipeline.row_filters": (*NOUNS, "exnorm.convert"),
    "exnorm.pipeline.relayed": (*NOUNS, "exnorm.pipeline.stream", "exnorm.text"),
    "exnorm.pipeline.shipped": (
        *NOUNS,
        "exnorm.convert",
        "exnorm.pipeline.normalizer",
        "exnorm.pipeline.stream",
    ),
    "exnorm.engine": (
        *NOUNS,
        "exnorm._kernel",
        "exnorm.convert",
        "exnorm.identity",
        "exnorm.pipeline.counts",
        "exnorm.pipeline.routes",
        "exnorm.pipeline.stream",
        "exnorm.tables.mapping",
        "exnorm.text.lines",
    ),
    "exnorm.engine.plan": NOUNS,
    "exnorm.engine.rows": ("exnorm.model", "exnorm.convert", "exnorm.text.lines"),
    "exnorm.engine.kernel": ("exnorm._kernel", "exnorm.engine.plan"),
    "exnorm.engine.emit_python": (
        "exnorm.convert",
        "exnorm.model",
        "exnorm.engine.plan",
        "exnorm.engine.rows",
    ),
    "exnorm.engine.planner": (*NOUNS, "exnorm.convert", "exnorm.engine.plan", "exnorm.tables.mapping"),
    "exnorm.engine.plan_rows": (
        *NOUNS,
        "exnorm.convert",
        "exnorm.engine.plan",
        "exnorm.engine.planner",
        "exnorm.tables.mapping",
    ),
    "exnorm.journey": ("exnorm.convert", "exnorm.model", "exnorm.origin", "exnorm.tables.joined_columns"),
    "exnorm.relay": (
        *NOUNS,
        "exnorm.convert",
        "exnorm.files",
        "exnorm.malloc",
        "exnorm.pipeline.counts",
        "exnorm.rate_limit",
    ),
}


def module_name(path: Path) -> str:
    parts = path.relative_to(SRC).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted((SRC / "exnorm").rglob("*.py"))}


def lies_in(module: str, rooms: tuple[str, ...]) -> bool:
    return any(module == room or module.startswith(room + ".") for room in rooms)


def room_of(module: str) -> str:
    return max((room for room in ALLOWED if lies_in(module, (room,))), key=len, default="")


def test_the_reader_of_imports_sees_nested_ones_and_skips_those_for_types() -> None:
    source = (
        "from typing import TYPE_CHECKING\n"
        "import exnorm.cli, os\n"
        "if TYPE_CHECKING:\n    from exnorm.model import Event\nelse:\n    from exnorm import errors\n"
        "def late():\n    from exnorm.codecs.cef import CEF\n"
    )
    assert sorted(read_imports(source)) == ["exnorm.cli", "exnorm.codecs.cef", "exnorm.errors"]


@pytest.mark.parametrize("module", [name for name in MODULES if room_of(name)])
def test_a_room_imports_only_what_lies_below_it(module: str) -> None:
    room = room_of(module)
    found = set(read_imports(MODULES[module].read_text("utf-8")))
    assert {name for name in found if not lies_in(name, (*ALLOWED[room], room))} == set()


@pytest.mark.parametrize("module", [name for name in MODULES if not lies_in(name, HOSTS)])
def test_nothing_below_the_hosts_knows_a_host(module: str) -> None:
    found = set(read_imports(MODULES[module].read_text("utf-8")))
    assert {name for name in found if lies_in(name, HOSTS)} == set()


@pytest.mark.parametrize("module", [name for name in MODULES if lies_in(name, ("exnorm.taxonomies",))])
def test_a_taxonomy_knows_no_other_taxonomy(module: str) -> None:
    own = ".".join(module.split(".")[:3])
    found = set(read_imports(MODULES[module].read_text("utf-8")))
    others = {name for name in found if lies_in(name, ("exnorm.taxonomies",)) and not lies_in(name, (own,))}
    assert others == set()


@pytest.mark.parametrize("module", [name for name in MODULES if name != "exnorm.testing"])
def test_only_tests_use_the_test_kit(module: str) -> None:
    assert "exnorm.testing" not in set(read_imports(MODULES[module].read_text("utf-8")))


def test_only_the_assembly_and_the_hosts_know_the_pipeline() -> None:
    known_by = {
        name
        for name, path in MODULES.items()
        if "exnorm.pipeline.normalizer" in set(read_imports(path.read_text("utf-8")))
    }
    assert {n for n in known_by if not lies_in(n, HOSTS)} <= {
        "exnorm",
        "exnorm.pipeline.explanation",
        "exnorm.pipeline.shipped",
        "exnorm.testing",
    }


def test_only_the_standard_plugin_names_sources_tables_and_formats() -> None:
    rooms = ("exnorm.sources", "exnorm.taxonomies", "exnorm.codecs")
    known_by = {
        name
        for name, path in MODULES.items()
        if any(lies_in(found, rooms) for found in read_imports(path.read_text("utf-8")))
    }
    assert {n for n in known_by if not lies_in(n, (*rooms, *HOSTS))} == {"exnorm.plugins.standard"}
