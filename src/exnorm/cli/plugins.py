"""``exnorm plugins``: what is loaded, from where, and what it brings."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from exnorm.cli import OK
from exnorm.cli.options import block_plugin_option
from exnorm.plugins import Plugins


@click.command("plugins")
@block_plugin_option
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(blocked: tuple[str, ...], as_json: bool) -> int:
    """List the plugins in the order they are called: distribution, hooks, what they registered."""
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


def _registered(plugins: Plugins, plugin: str) -> dict[str, list[str]]:
    registered: dict[str, list[str]] = {}
    for (kind, name), owner in plugins.registry.owners.items():
        if owner == plugin:
            registered.setdefault(kind, []).append(name)
    extended = [name for name, by in plugins.registry.extended.items() if plugin in by]
    if extended:
        registered["extends"] = extended
    return registered
