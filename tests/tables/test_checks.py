# ruff: noqa: E501 (each mistake beside its message)
"""A plugin's mistakes: each is one sentence that names plugin, table, row, what and expected; no traceback."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

import exnorm
from exnorm import Normalizer, NormalizerError
from exnorm.cli import run
from exnorm.convert import upper, utc_ms
from exnorm.model import Codec, Confidence, Field, Mapping, Source, Taxonomy
from exnorm.testing import check_plugin


def plugin(**registered: Any) -> object:
    """A plugin that registers these things: ``mappings``, ``sources``, ``taxonomies``, ``codecs``."""
    hooks = {
        f"register_{kind}": staticmethod(exnorm.hookimpl(_giver(f"register_{kind}", items)))
        for kind, items in registered.items()
    }
    return type("Acme", (), {"name": "acme", **hooks})()


def _giver(name: str, items: list[Any]) -> Callable[[], list[Any]]:
    def give() -> list[Any]:
        return items

    give.__name__ = name
    return give


def table(*rows: Any, **options: Any) -> Mapping:
    given = {"source": "message_tracking", "taxonomy": "arcsight", "extends": "arcsight-2016", **options}
    return Mapping("acme-table", rows=rows or (verdict(),), **given)


def verdict(field: Any = "Flex String 2", origin: Any = "x-verdict", *rest: Any, **options: Any) -> Any:
    return exnorm.row(field, origin, *rest, **{"label": "Verdict", "ours": "our scanner", **options})


def faults(mapping: Any) -> str:
    """What ``check_plugin`` says, held against what stops a run."""
    made = plugin(mappings=[mapping])
    found = "; ".join(check_plugin(made))
    with pytest.raises(NormalizerError) as caught:
        Normalizer(plugins=(made,), discover_plugins=False)
    assert str(caught.value) == found
    return found


COLUMNS: Any = {"columns": ("x-verdict",)}


def test_the_table_of_the_page_is_sound() -> None:
    sound = table(columns=("x-verdict",), events={"SCANNED": {"severity": 2}})
    assert check_plugin(plugin(mappings=[sound])) == []


@pytest.mark.parametrize(
    ("mapping", "fault"),
    [
        (
            table(exnorm.row("Severity", exnorm.by_event("severity", 3), ours="x")),  # type: ignore[arg-type]
            "mapping acme-table, row 'Severity': origin: got ByEvent; expected the name of a column or constant(...)"
            "; a reading function stands behind the column",
        ),
        (table(verdict("Flex String 2", "x-verdict", "upper"), **COLUMNS),
         "mapping acme-table, row 'Flex String 2': read as: got 'upper'; expected a function from a text to a value"),
        (table(verdict("Flex String 2", "x-verdict", None), **COLUMNS),
         "mapping acme-table, row 'Flex String 2': read as: got NoneType; expected a function from a text to a value"),
        (table(verdict("Flex String 2", 7), **COLUMNS),
         "mapping acme-table, row 'Flex String 2': origin: got 7; expected the name of a column or constant(...)"),
        (table(verdict("Flex String 2", ()), **COLUMNS),
         "mapping acme-table, row 'Flex String 2': origin: got none; expected the name of a column or constant(...)"),
        (table(verdict(7), **COLUMNS), "mapping acme-table, row '7': field: got 7; expected a text"),
        (table(verdict(label=7), **COLUMNS),
         "mapping acme-table, row 'Flex String 2': label: got 7; expected a text"),
        (table(verdict(when="SEND"), **COLUMNS),
         "mapping acme-table, row 'Flex String 2': when: got 'SEND'; expected event_is(...), column_is(...) and their kin"),
        (table(verdict("Flex String 2", exnorm.constant(1.5)), **COLUMNS),  # type: ignore[arg-type]
         "mapping acme-table, row 'Flex String 2': constant: got float; expected a text or an integer"),
        (table(("Flex String 2", "x-verdict")), "mapping acme-table, row 1: got tuple; expected row(...)"),
        (table(columns="x-verdict"), "mapping acme-table: columns: got 'x-verdict'; expected a tuple of names"),
        (table(**COLUMNS, events=["SCANNED"]), "mapping acme-table, events: got list; expected properties by event"),
        (table(**COLUMNS, events={"SCANNED": 2}),
         "mapping acme-table, events: 'SCANNED': got 2; expected values by property"),
        (table(**COLUMNS, events={"SCANNED": {"severity": None}}),
         "mapping acme-table, events: 'SCANNED': severity: got NoneType; expected a text or an integer"),
        (table(**COLUMNS, events={"SCANNED": {"severity": 60}}),
         "mapping arcsight-2016, events: 'SCANNED': severity: got severity 60; expected a number from 0 to 10"),
        (table(**COLUMNS, events={"SCANNED": {"severity": -1}}),
         "mapping arcsight-2016, events: 'SCANNED': severity: got severity -1; expected a number from 0 to 10"),
        (table(**COLUMNS, events={"SCANNED": {"severty": 2}}),
         "mapping arcsight-2016, events: 'SCANNED': no row reads 'severty'; did you mean 'severity'?"),
        (table(exnorm.row("Severity", exnorm.constant(11), ours="x")),
         "mapping arcsight-2016, row 'Severity': got severity 11; expected a number from 0 to 10"),
        (table(exnorm.row("Severity", exnorm.constant("loud"), ours="x")),
         "mapping arcsight-2016, row 'Severity': got severity 'loud'; expected a number from 0 to 10"),
        (table(exnorm.row("Severity", "event-id", exnorm.by_event("severity", 12), ours="x")),
         "mapping arcsight-2016, row 'Severity': got severity 12; expected a number from 0 to 10"),
        (table(exnorm.row("Severity", "event-id", exnorm.by_event("severty", 1), ours="x")),
         "mapping arcsight-2016, row 'Severity': by_event('severty'): no event has such a property; did you mean 'severity'?"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_table_is_one_sentence(mapping: Mapping, fault: str) -> None:
    assert faults(mapping) == f"plugin acme: {fault}"


def test_severities_of_jsa_begin_at_1() -> None:
    mine = Mapping(
        "acme", source="message_tracking", taxonomy="jsa", extends="jsa-message-tracking", rows=(),
        events={"SCANNED": {"severity": 0}},
    )  # fmt: skip
    assert faults(mine) == (
        "plugin acme: mapping jsa-message-tracking, events: 'SCANNED': severity: got severity 0; "
        "expected a number from 1 to 10"
    )


def test_a_table_without_vendor_product_event_id_or_time_is_told_by_the_check() -> None:
    bare = Mapping(
        "acme-bare", source="message_tracking", taxonomy="arcsight", rest="test",
        rows=(exnorm.row("Name", "event-id", upper, ours="x"),),
    )  # fmt: skip
    found = check_plugin(plugin(mappings=[bare]))
    assert [fault for fault in found if "Device Vendor" in fault] == [
        "mapping acme-bare: no row writes 'Device Vendor', which every event needs"
    ]
    missing = [
        name for name in ("Device Product", "Device Event Class ID", "time") if any(name in f for f in found)
    ]
    assert missing == ["Device Product", "Device Event Class ID", "time"]


ODD: Any = 7


@pytest.mark.parametrize(
    ("registered", "fault"),
    [
        (
            {"sources": [Source(name="s", title="S", columns=ODD, derived={}, recognize=lambda head: Confidence.NO, open=lambda *given: None)]},  # type: ignore[arg-type]
            "plugin acme: source 's': columns: got 7; expected a tuple of names",
        ),
        (
            {"sources": [Source(name="s", title="S", columns=(), derived={}, recognize=ODD, open=lambda *given: None)]},  # type: ignore[arg-type]
            "plugin acme: source 's': recognize: got 7; expected a function",
        ),
        (
            {"taxonomies": [Taxonomy("t", "T", (ODD,))]},
            "plugin acme: taxonomy 't': fields: got tuple; expected a tuple of Field(...)",
        ),
        ({"taxonomies": [Taxonomy(ODD, "T", (Field("a", "a", "a"),))]}, "plugin acme: taxonomy '7': name: got 7; expected a text"),
        ({"codecs": [Codec("c", "C", ODD)]}, "plugin acme: codec 'c': build: got 7; expected a function"),
    ],
)  # fmt: skip
def test_a_mistake_in_what_else_is_registered_is_one_sentence(registered: dict[str, Any], fault: str) -> None:
    with pytest.raises(NormalizerError, match="^" + re.escape(fault) + "$"):
        Normalizer(plugins=(plugin(**registered),), discover_plugins=False)


def test_a_format_that_builds_no_encoder_is_one_sentence() -> None:
    codec = Codec("c", "C", lambda taxonomy, settings, notes: ODD)
    with pytest.raises(NormalizerError, match=r"^plugin acme, format c: build gave int; expected a function"):
        Normalizer(format="c", plugins=(plugin(codecs=[codec]),), discover_plugins=False)


def test_settings_of_a_plugin_that_is_not_there_are_refused() -> None:
    given = table(columns=("x-verdict",))
    with pytest.raises(NormalizerError, match=r"^plugins: unknown plugin 'amce'; did you mean 'acme'\?$"):
        Normalizer(plugins=(plugin(mappings=[given]),), discover_plugins=False, plugin_settings={"amce": {}})
    with pytest.raises(NormalizerError, match=r"^plugins: unknown plugin 'acme'; no plugin is installed$"):
        Normalizer(discover_plugins=False, plugin_settings={"acme": {}})


def test_the_command_line_refuses_them_too(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "site.yaml").write_text("plugins:\n  gatway: {strict: true}\n")
    assert run(["convert", "--config", str(tmp_path / "site.yaml"), "nothing.log"]) == 2
    assert "plugins: unknown plugin 'gatway'" in capsys.readouterr().err
    assert run(["config", "check", str(tmp_path / "site.yaml")]) == 2


def test_a_row_that_reads_a_time_and_a_text_is_sound() -> None:
    rows = (verdict(), exnorm.row("Flex Date 1", "date-time", utc_ms, label="When", ours="x"))
    assert check_plugin(plugin(mappings=[table(*rows, columns=("x-verdict",))])) == []
