"""``exnorm plugins``: list the plugins, their origin and contents; ``new`` writes one to begin with."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
import msgspec

from exnorm.cli import OK, say, tell
from exnorm.cli.click_types import FOLDER
from exnorm.cli.options import block_plugin_option
from exnorm.cli.plugin_template import render_plugin
from exnorm.errors import SettingsError, quote
from exnorm.plugins.manager import Plugins

_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")


@click.group("plugins", invoke_without_command=True)
@block_plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(context: click.Context, blocked: tuple[str, ...], as_json: bool) -> int:
    """List the plugins in the order they are called.

    For each: its distribution, its hooks, and what it registered.
    """
    if context.invoked_subcommand is not None:
        return OK
    plugins = Plugins(blocked=blocked)
    listing = []
    for plugin in plugins.listing():
        entry: dict[str, Any] = {
            "name": plugin.name,
            "distribution": plugin.distribution,
            "hooks": list(plugin.hooks),
            "registered": _registered(plugins, plugin.name),
        }
        if plugin.blocked:
            entry["blocked"] = True
        listing.append(entry)
    if as_json:
        click.echo(msgspec.json.encode(listing).decode())
        return OK
    for entry in listing:
        click.echo(f"{entry['name']} ({entry['distribution']}){' blocked' if 'blocked' in entry else ''}")
        click.echo(f"  hooks: {', '.join(entry['hooks']) or 'none'}")
        for kind, names in entry["registered"].items():
            click.echo(f"  {kind}: {', '.join(names)}")
    return OK


@command.command("new")
@click.argument("name")
@click.option("--source", "kind", flag_value="source", help="Begin with a log type of your own.")
@click.option("--taxonomy", "kind", flag_value="taxonomy", help="Begin with a vocabulary of your own.")
@click.option(
    "--processor",
    "kind",
    flag_value="processor",
    help="Begin with a step that changes, marks or leaves out rows.",
)
@click.option(
    "--into", metavar="FOLDER", type=FOLDER, help="The folder to write into.  [default: exnorm-NAME]"
)
def new(name: str, kind: str | None, into: str | None) -> int:
    """Write a complete plugin with passing tests, to start your own from."""
    if _NAME.fullmatch(name) is None:
        raise SettingsError(
            f"NAME: got {quote(name)}; expected small letters and digits with _ between, as acme or acme_mail"
        )
    if kind is None:
        raise SettingsError("expected --source, --taxonomy or --processor: which kind of plugin?")
    folder = Path(into or f"exnorm-{name}")
    if folder.exists() and any(folder.iterdir() if folder.is_dir() else [folder]):
        raise SettingsError(f"into: {quote(folder)} is there already; --into names another folder")
    files = render_plugin(name, kind)
    try:
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"into: cannot write {quote(folder)}: {error.strerror}") from None
    for path in files:
        say(f"written: {folder / path}")
    tell(f"\nnext:\n  cd {shlex.quote(str(folder))}\n  pip install '.[test]' && pytest\n  exnorm plugins")
    return OK


def _registered(plugins: Plugins, plugin: str) -> dict[str, list[str]]:
    registered: dict[str, list[str]] = {}
    for (kind, name), owner in plugins.registry.owners.items():
        if owner == plugin:
            registered.setdefault(kind, []).append(name)
    extended = [name for name, by in plugins.registry.extended.items() if plugin in by]
    if extended:
        registered["extends"] = extended
    return registered
