"""``exnorm config``: check a settings file, run its tests, show the settings in force."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from typing import Any

import click
import msgspec

from exnorm.cli import OK, UNPARSED, USAGE, say
from exnorm.cli.click_types import FILE
from exnorm.cli.options import load_config, load_settings, read_text
from exnorm.cli.site_tests import run_tests
from exnorm.errors import NormalizerError, SettingsError, show as show_text
from exnorm.fluentbit.options import OWN_NAMES
from exnorm.pipeline.normalizer import Normalizer
from exnorm.plugins.manager import Plugins
from exnorm.settings import Settings, make_settings, read_environment, read_tables
from exnorm.tables.overlay import Overlaid, lay_over
from exnorm.text.yamlfile import read_yaml


@click.group("config")
def command() -> None:
    """Check a settings file, run its tests, or show the settings in force."""


@command.command("check")
@click.argument("file", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(file: str, as_json: bool) -> int:
    """Report everything that is wrong in FILE, each with its line.

    Reads settings and changes to tables, and builds what they ask for, with the installed plugins. Exit
    status 0: nothing is wrong; 2: something is.
    """
    report = examine(file)
    if as_json:
        click.echo(msgspec.json.encode(report.as_dict()).decode())
        return USAGE if report.faults else OK
    for fault in report.faults:
        say(fault)
    for note in report.notes:
        say(f"note: {note}")
    if not report.faults:
        settings, changes = len(report.settings), len(report.changes)
        click.echo(f"{file}: all well: {settings} settings, {changes} changes to tables")
    return USAGE if report.faults else OK


@command.command("test")
@click.argument("file", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def test(file: str, as_json: bool) -> int:
    """Run the tests in FILE, listed there under the key tests.

    A test has lines of a log as input and, for each event in order, the fields to expect. Exit status 0: all
    passed; 1: some failed.
    """
    normalizer = Normalizer.from_settings(load_settings(file, {}))
    root = read_yaml(read_text(file), file)
    outcomes = list(run_tests(root, file, normalizer))
    failed = [one for one in outcomes if one.faults]
    if as_json:
        click.echo(msgspec.json.encode({"tests": outcomes, "failed": len(failed)}).decode())
    else:
        for one in outcomes:
            click.echo(f"{'FAILED' if one.faults else 'passed'} {file}:{one.line}: {show_text(one.name)}")
            for fault in one.faults:
                click.echo(f"       {show_text(fault)}")
        click.echo(f"{len(outcomes) - len(failed)} passed, {len(failed)} failed")
    if not outcomes:
        say(f"{file}: there is nothing under tests; docs/overlays.md says what a test looks like")
        return USAGE
    return UNPARSED if failed else OK


@command.command("show")
@click.option(
    "--config", "file", metavar="FILE", type=FILE, help="A YAML file with settings and changes to tables."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(file: str | None, as_json: bool) -> int:
    """Print every setting and its origin, and each change to a table."""
    settings = load_settings(file, {})
    in_file = load_config(file) if file is not None else {}
    origins = {
        **dict.fromkeys(_values(settings), "default"),
        **{name: str(file) for name in in_file},
        **{name: f"EXNORM_{name.upper()}" for name in read_environment(os.environ, OWN_NAMES)},
    }
    changes = _overlay(settings).changes
    if as_json:
        shown = {n: {"value": v, "from": origins[n]} for n, v in _values(settings).items()}
        click.echo(msgspec.json.encode({"settings": shown, "tables": changes}).decode())
        return OK
    for name, value in _values(settings).items():
        written = msgspec.json.encode(value).decode()
        click.echo(f"{name + ':':<17} {written:<12} # {origins[name]}")
    for change in changes:
        click.echo(f"# table {change}")
    return OK


@dataclass(frozen=True)
class Report:
    """The findings in one settings file."""

    faults: list[str]
    notes: list[str]
    changes: list[str]
    settings: list[str]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"ok": not self.faults, "faults": self.faults, "notes": self.notes, "changes": self.changes}


def examine(file: str) -> Report:
    """Return everything that is wrong in a settings file."""
    try:
        layer = load_config(file)
        settings = make_settings(layer)
    except SettingsError as error:
        return Report([*map(str, error.args), *_find_faults_of_tables(file)], [], [], [])
    try:
        overlaid = _overlay(settings)
        if not overlaid.faults:
            Normalizer.from_settings(settings)
    except NormalizerError as error:
        return Report([str(error)], [], [], [])
    names = [name for name in layer if name != "tables"]
    return Report(overlaid.faults, overlaid.notes, overlaid.changes, names)


def _find_faults_of_tables(file: str) -> list[str]:
    """Return the faults in a file's changes to tables, where its settings are wrong too."""
    try:
        return _overlay(Settings(tables=read_tables(read_text(file), file))).faults
    except NormalizerError:  # what is no YAML was told before
        return []


def _overlay(settings: Settings) -> Overlaid:
    registry = Plugins(blocked=settings.block_plugins).registry
    return lay_over(settings.tables, registry.mappings, registry.sources, registry.taxonomies)


def _values(settings: Settings) -> dict[str, Any]:
    return {item.name: getattr(settings, item.name) for item in fields(settings) if item.name != "tables"}
