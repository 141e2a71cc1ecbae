from __future__ import annotations

import ast
import inspect
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from exnorm import Codec, Event, Mapping, Record, Taxonomy, hookimpl, row
from exnorm.plugins import hookspecs
from exnorm.sources.message_tracking import MESSAGE_TRACKING
from exnorm.testing import events, normalizer

HOOKS = (
    "register_sources", "register_taxonomies", "register_mappings", "register_codecs",
    "record_processors", "event_processors",
)  # fmt: skip
HEADER = "#Fields: date-time,event-id,message-subject"
ROW = "2018-11-27T22:40:02.966Z,SEND,Receipt"


def test_these_six_are_all_the_hooks() -> None:
    specified = [name for name, value in vars(hookspecs).items() if hasattr(value, "exnorm_spec")]
    assert tuple(specified) == HOOKS


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_says_what_it_gives_and_with_what_type(hook: str) -> None:
    specification = getattr(hookspecs, hook)
    assert len(inspect.getdoc(specification) or "") > 20
    assert inspect.signature(specification).return_annotation.startswith("Iterable[")


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_has_a_test_of_its_own_here(hook: str) -> None:
    tree = ast.parse(Path(__file__).read_text("utf-8"))
    assert f"test_{hook}" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def plugin(hook: str, function: Any) -> SimpleNamespace:
    return SimpleNamespace(name="mine", **{hook: hookimpl(specname=hook)(function)})


def test_register_sources() -> None:
    source = replace(MESSAGE_TRACKING, name="mine")
    loaded = normalizer(plugin("register_sources", lambda: [source]))
    assert loaded.plugins.registry.sources["mine"] is source
    assert loaded.plugins.registry.owner("source", "mine") == "mine"


def test_register_taxonomies() -> None:
    taxonomy = Taxonomy("mine", "Mine", (), default_format="json")
    loaded = normalizer(plugin("register_taxonomies", lambda: [taxonomy]), taxonomy="mine")
    assert loaded.taxonomy is taxonomy
    assert loaded.codec.name == "json"


def test_register_mappings() -> None:
    table = Mapping(
        "mine", "message_tracking", "arcsight", (row("Message", "event-id"),),
        unmapped={column: "not needed here" for column in MESSAGE_TRACKING.columns if column != "event-id"},
    )  # fmt: skip
    lines = [HEADER, ROW]
    (event,) = events(
        lines, plugin("register_mappings", lambda: [table]), mapping="mine", source="message_tracking"
    )
    assert event["message"] == "SEND"


def test_register_codecs() -> None:
    codec = Codec("mine", "Mine", lambda taxonomy, settings, notes: lambda event: b"!")
    running = normalizer(plugin("register_codecs", lambda: [codec]), format="mine", source="message_tracking")
    assert list(running.encode([HEADER, ROW])) == [b"!"]


def test_record_processors() -> None:
    asked: list[tuple[str, str, str]] = []

    def shout(record: Record) -> Record:
        record.values["message-subject"] = record.values["message-subject"].upper()
        return record

    def processors(source: Any, taxonomy: Any, settings: Any) -> list[Any]:
        asked.append((source.name, taxonomy.name, settings.profile))
        return [shout]

    made = plugin("record_processors", processors)
    first, second = events([HEADER, ROW, ROW], made, source="message_tracking")
    assert first["message"] == second["message"] == "RECEIPT"
    assert asked == [("message_tracking", "arcsight", "all")], "asked once a source, not once an event"


def test_event_processors() -> None:
    def note(event: Event) -> Event:
        event.fields["reason"] = "seen"
        return event

    made = plugin("event_processors", lambda source: [note] if source.name == "message_tracking" else [])
    (event,) = events([HEADER, ROW], made, source="message_tracking")
    assert event["reason"] == "seen"


def test_an_implementation_may_take_fewer_arguments_or_give_nothing() -> None:
    functions: tuple[Any, ...] = (lambda: None, lambda settings: [], lambda taxonomy, source: ())
    for function in functions:
        (event,) = events([HEADER, ROW], plugin("event_processors", function), source="message_tracking")
        assert event["message"] == "Receipt"


def test_the_hooks_import_nothing_of_exnorm_when_they_run() -> None:
    tree = ast.parse(Path(hookspecs.__file__).read_text("utf-8"))
    imported = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert [ast.unparse(node) for node in imported] == [
        "from __future__ import annotations",
        "from typing import TYPE_CHECKING",
        "import pluggy",
    ]
