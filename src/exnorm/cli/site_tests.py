"""Tests that a site writes into its settings file: lines of a log, and the events they must give.

Each has an ``input`` and what to ``expect`` of it: a map of fields for each event in order, ``[]`` where none
may come out, or ``{unparsed: TEXT}`` for a line that must not parse, with a part of its reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from exnorm.errors import SettingsError, quote, suggest
from exnorm.model import Event, Unparsed
from exnorm.pipeline.normalizer import Normalizer
from exnorm.tables.mapping import index_fields
from exnorm.text.yamlfile import Node, texts

TEST_KEYS = ("name", "input", "file", "expect")
UNPARSED = "unparsed"


@dataclass(frozen=True)
class Outcome:
    """One test: its name, its line in the file, and what is wrong; nothing where it passed."""

    name: str
    line: int
    faults: tuple[str, ...]


def run_tests(root: Node, file: str, normalizer: Normalizer) -> Iterator[Outcome]:
    """Run each test under ``tests`` of a settings file; raises ``SettingsError`` for a faulty one."""
    for key, tests in root.pairs if root.kind == "map" else ():
        if key.text != "tests":
            continue
        if tests.kind != "list":
            raise SettingsError(
                f"{file}:{tests.line}: tests: got {tests.describe()}; expected a list of tests"
            )
        for number, test in enumerate(tests.items, 1):
            parts = _read_map(test, file, f"test {number}")
            name = parts["name"].text if "name" in parts else f"test {number}"
            yield Outcome(name, test.line, tuple(_find_faults(parts, test, file, normalizer)))


def _read_map(node: Node, file: str, where: str) -> dict[str, Node]:
    at = f"{file}:{node.line}: {where}: "
    if node.kind != "map":
        raise SettingsError(f"{at}got {node.describe()}; expected {', '.join(TEST_KEYS)}")
    for key, _ in node.pairs:
        if key.text not in TEST_KEYS:
            raise SettingsError(
                f"{file}:{key.line}: {where}: unknown key {quote(key.text)}{suggest(key.text, TEST_KEYS)}"
            )
    parts = {key.text: value for key, value in node.pairs}
    for name in ("input", "expect"):
        if name not in parts:
            raise SettingsError(f"{at}no {name}")
    if parts["input"].kind != "scalar" or not parts["input"].text.strip():
        raise SettingsError(f"{at}input: got {parts['input'].describe()}; expected lines of a log")
    return parts


def _find_faults(parts: dict[str, Node], test: Node, file: str, normalizer: Normalizer) -> Iterator[str]:
    expected = [node for node in texts(parts["expect"]) if not node.empty]
    stream = normalizer.stream(parts["file"].text if "file" in parts else "")
    lines = [line for line in parts["input"].text.splitlines() if line.strip()]
    made = [*normalizer.normalize(lines, stream), *normalizer.finish(stream)]
    if len(made) != len(expected):
        yield f"{file}:{parts['expect'].line or test.line}: got {_describe(made)}; expected {len(expected)}"
    for number, (item, want) in enumerate(zip(made, expected), 1):
        if want.kind != "map":
            raise SettingsError(f"{file}:{want.line}: expect: got {want.describe()}; expected fields by name")
        for key, value in want.pairs:
            fault = _compare(item, key, value, normalizer, f"{file}:{key.line}: ")
            if fault:
                yield f"{file}:{key.line}: event {number}: {fault}"


def _describe(made: list[Event | Unparsed]) -> str:
    reasons = [f"not parsed: {item.reason}" for item in made if isinstance(item, Unparsed)]
    events = len(made) - len(reasons)
    return ", ".join([f"{events} event{'' if events == 1 else 's'}", *reasons])


def _compare(item: Event | Unparsed, key: Node, value: Node, normalizer: Normalizer, at: str) -> str:
    """Return a fault of one expected field; empty where it is as expected."""
    wanted = "none" if value.empty else quote(value.text)
    if isinstance(item, Unparsed):
        if key.text == UNPARSED and value.text in item.reason:
            return ""
        return f"not parsed: {item.reason}; expected {quote(key.text)}: {wanted}"
    if key.text == UNPARSED:
        return f"parsed as {quote(item.record.event_id)}; expected a line that is not parsed"
    got = _find_value(item, key.text, normalizer, at)
    if got == (None if value.empty else value.text):
        return ""
    return f"{key.text} is {'not there' if got is None else quote(got)}; expected {wanted}"


def _find_value(event: Event, name: str, normalizer: Normalizer, at: str) -> str | None:
    """A field by its label, full name or key, or a column of the additional data."""
    target = index_fields(normalizer.taxonomy).get(name.casefold())
    if target is not None:
        found = event.fields.get(target.name)
        return None if found is None else str(found)
    if name in event.additional:
        return event.additional[name]
    columns = {*event.record.source.columns, *event.additional}
    if name in columns:
        return None
    names = [text for item in normalizer.taxonomy.fields for text in (item.name, item.key, item.label)]
    raise SettingsError(f"{at}expect: unknown field {quote(name)}{suggest(name, [*names, *columns])}")
