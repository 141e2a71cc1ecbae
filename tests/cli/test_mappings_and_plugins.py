from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from exnorm import Mapping, hookimpl

if TYPE_CHECKING:
    from tests.cli.conftest import Exnorm


ARCSIGHT = ["arcsight-2016", "arcsight-2010", "arcsight-flow", "arcsight-rich", "arcsight-trace"]
JSA = ["jsa-message-tracking", "jsa-rich", "jsa-trace"]
JSA_CARRIED = [*JSA, "jsa-admin-audit", "jsa-audit-export"]
SAMPLE = Path(__file__).parents[2] / "examples" / "MSGTRK2018112722-1.LOG"


def titles(page: bytes) -> list[str]:
    return [line[3:] for line in page.decode().splitlines() if line.startswith("## ")]


@pytest.mark.parametrize(
    ("arguments", "tables"),
    [
        (("message_tracking", "arcsight"), ARCSIGHT),
        (("arcsight", "message_tracking"), ARCSIGHT),
        (("message_tracking",), [*ARCSIGHT, *JSA]),
        (("message_trace", "jsa"), JSA),
        (("tracking_export", "jsa"), JSA_CARRIED),
    ],
)
def test_the_tables_of_a_log_type_and_a_product_are_printed(
    exnorm: Exnorm, arguments: tuple[str, ...], tables: list[str]
) -> None:
    result = exnorm("mappings", *arguments)
    assert (result.status, titles(result.out)) == (0, tables)


def test_a_table_has_the_guides_rows_ours_with_reasons_and_columns_without_a_row(exnorm: Exnorm) -> None:
    lines = exnorm("mappings", "message_tracking", "arcsight").out.decode().splitlines()
    guide = lines.index("### Rows of the vendor's guide")
    ours = lines.index("### Rows that are ours")
    without = lines.index("### Columns without a row: kept as additional data")
    bytes_in = lines.index("| Bytes In | total-bytes (RECEIVE) | `in` | total-bytes (RECEIVE) | size bytes |")
    version = next(i for i, line in enumerate(lines) if line.startswith("| Device Version |"))
    log_id = lines.index("| log-id | no row in the guide's table; kept as additional data |")
    assert guide < bytes_in < ours < version < without < log_id


def test_a_wrong_name_is_told_with_the_right_ones(exnorm: Exnorm) -> None:
    result = exnorm("mappings", "message_trakcing")
    assert result.status == 2
    assert result.err == "exnorm: source: got 'message_trakcing'; did you mean 'message_tracking'?\n"


def test_pages_are_written_into_a_folder_that_did_not_exist(exnorm: Exnorm, tmp_path: Path) -> None:
    assert exnorm("mappings", "--write", tmp_path / "new" / "folder").status == 0
    assert (
        (tmp_path / "new" / "folder" / "arcsight-2016.md")
        .read_text(encoding="utf-8")
        .startswith("# arcsight-2016\n")
    )
    refused = exnorm("mappings", "--write", tmp_path / "new" / "folder" / "README.md")
    assert refused.status == 2
    assert "--write: cannot write" in refused.err


class Acme:
    """A plugin with one hook that gives nothing."""

    @staticmethod
    @hookimpl
    def register_sources() -> list[object]:
        return []


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = SimpleNamespace(name="acme", dist=SimpleNamespace(name="exnorm-acme", version="1.0"), load=Acme)
    monkeypatch.setattr("exnorm.plugins.manager._entry_points", lambda: [entry])


@pytest.mark.usefixtures("installed")
def test_plugins_are_listed_with_distribution_hooks_and_what_they_registered(exnorm: Exnorm) -> None:
    lines = exnorm("plugins").out.decode().splitlines()
    assert lines[0].startswith("exnorm (exnorm ")
    assert lines[1] == "  hooks: register_codecs, register_mappings, register_sources, register_taxonomies"
    assert "  taxonomy: arcsight, jsa" in lines
    assert lines[-2:] == ["acme (exnorm-acme 1.0)", "  hooks: register_sources"]


def test_a_table_that_a_plugin_extends_is_listed_under_it(
    exnorm: Exnorm, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Verdict:
        @staticmethod
        @hookimpl
        def register_mappings() -> list[Mapping]:
            events = {"SCANNED": {"severity": 2}}
            return [Mapping("v", "message_tracking", "arcsight", (), extends="arcsight-2016", events=events)]

    entry = SimpleNamespace(name="verdict", dist=None, load=Verdict)
    monkeypatch.setattr("exnorm.plugins.manager._entry_points", lambda: [entry])
    assert exnorm("plugins").lines[-1] == b"  extends: arcsight-2016"


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> object:
        raise ImportError("no module named acme")

    monkeypatch.setattr(
        "exnorm.plugins.manager._entry_points", lambda: [SimpleNamespace(name="acme", dist=None, load=fail)]
    )


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("command", ["plugins", "mappings", "explain", "convert"])
def test_every_command_takes_the_way_out_that_its_message_names(
    exnorm: Exnorm, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [command] if command in ("plugins", "mappings") else [command, SAMPLE]
    refused = exnorm(*arguments)
    assert refused.status == 2
    assert "plugin acme (unknown) cannot be loaded: ImportError: no module named acme; " in refused.err
    assert "--block-plugin acme leaves it out" in refused.err
    assert exnorm(*arguments, "--block-plugin", "acme").status == 0
    monkeypatch.setenv("EXNORM_BLOCK_PLUGINS", "acme")
    assert exnorm(*arguments).status == 0


@pytest.mark.usefixtures("installed")
def test_a_blocked_plugin_is_listed_as_such(exnorm: Exnorm) -> None:
    *_, blocked = json.loads(exnorm("plugins", "--block-plugin", "acme", "--json").out)
    assert blocked == {
        "name": "acme",
        "distribution": "exnorm-acme 1.0",
        "hooks": [],
        "registered": {},
        "blocked": True,
    }


def test_the_fields_of_a_taxonomy_are_listed_with_label_name_and_key(exnorm: Exnorm) -> None:
    lines = exnorm("mappings", "--fields", "arcsight").out.decode().splitlines()
    assert "| Source User Name | sourceUserName | suser | text | 1023 |  |" in lines
    result = exnorm("mappings", "--fields", "arcsigt")
    assert (result.status, result.err) == (2, "exnorm: --fields: got 'arcsigt'; did you mean 'arcsight'?\n")
