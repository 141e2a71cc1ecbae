"""``exnorm mappings``: print the tables as Markdown."""

from __future__ import annotations

import re
from pathlib import Path

import click

from exnorm.cli import OK, say
from exnorm.cli.click_types import FILE, FOLDER
from exnorm.cli.options import block_plugin_option, load_settings
from exnorm.errors import SettingsError, quote, suggest
from exnorm.plugins.manager import Plugins, Registry
from exnorm.tables.categorizer import CATEGORIZER_FILE, render_categorizer
from exnorm.tables.overlay import lay_over, require
from exnorm.tables.pages import render_fields, render_index, render_mapping


@click.command("mappings")
@click.argument("source", required=False, metavar="[SOURCE]")
@click.argument("taxonomy", required=False, metavar="[TAXONOMY]")
@block_plugin_option
@click.option(
    "--config", metavar="FILE", type=FILE, help="Show the tables with the changes of a settings file."
)
@click.option(
    "--write",
    metavar="FOLDER",
    type=FOLDER,
    help="Write one page for each table, or --categorizer's file, into FOLDER.",
)
@click.option(
    "--fields", metavar="TAXONOMY", help="Print the fields of a taxonomy: label, name, key, type, limit."
)
@click.option(
    "--categorizer", is_flag=True, help="Print the event categories as the CSV that ArcSight installs."
)
def command(
    source: str | None,
    taxonomy: str | None,
    blocked: tuple[str, ...],
    config: str | None,
    write: str | None,
    fields: str | None,
    categorizer: bool,
) -> int:
    """Print the mapping tables as Markdown.

    Each has our deviations from the vendor's guide and the unmapped columns, with their reasons. With
    --categorizer it prints the event categories of ArcSight's tables instead, as the CSV that ArcSight
    installs as microsoft/exchange_server.csv.

    SOURCE is a log type (message_tracking), TAXONOMY a product (arcsight, jsa); you can give one or both, in
    any order. For a log type that carries others, such as an export, the tables of those are printed.
    """
    settings = load_settings(config, {})
    registry = Plugins(blocked=(*settings.block_plugins, *blocked)).registry
    overlaid = lay_over(settings.tables, registry.mappings, registry.sources, registry.taxonomies)
    registry.mappings = require(overlaid)
    if fields is not None:
        _check(fields, "--fields", list(registry.taxonomies))
        click.echo(render_fields(registry.taxonomies[fields]), nl=False)
        return OK
    if source in registry.taxonomies and (taxonomy is None or taxonomy in registry.sources):
        source, taxonomy = taxonomy, source
    _check(source, "source", list(registry.sources))
    _check(taxonomy, "taxonomy", list(registry.taxonomies))
    if categorizer:
        return _give_categorizer(registry, source, write)
    if write is None:
        click.echo("\n".join(render_pages(registry, source, taxonomy).values()), nl=False)
        return OK
    folder = Path(write)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, page in render_site(registry).items():
            (folder / name).write_text(page, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"--write: cannot write {quote(write)}: {error.strerror}") from None
    return OK


def _give_categorizer(registry: Registry, source: str | None, folder: str | None) -> int:
    chosen = [m for m in registry.mappings.values() if source in (None, m.source)]
    content, clashes = render_categorizer(chosen, registry.sources)
    for clash in clashes:
        say(clash)
    if folder is None:
        click.echo(content, nl=False)
        return OK
    path = Path(folder, *CATEGORIZER_FILE.split("/"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8", newline="")
    except OSError as error:
        raise SettingsError(f"--write: cannot write {quote(str(path))}: {error.strerror}") from None
    return OK


def render_site(registry: Registry) -> dict[str, str]:
    """Return every page of docs/mappings by its file name: one for each table, and the list of them."""
    site = {f"{name}.md": raise_headings(page) for name, page in render_pages(registry).items()}
    return {"README.md": render_index(registry.mappings.values(), registry.sources), **site}


def raise_headings(page: str) -> str:
    """Return the page with each heading one level up, for a table that stands alone."""
    return re.sub(r"^#(?=#+ )", "", page, flags=re.MULTILINE)


def render_pages(
    registry: Registry, source: str | None = None, taxonomy: str | None = None
) -> dict[str, str]:
    """Return a page for each table of a source and a taxonomy (``None``: any), by the table's name."""
    wanted = None if source is None else {source, *registry.sources[source].carries}
    return {
        mapping.name: render_mapping(
            mapping, registry.sources[mapping.source], registry.taxonomies[mapping.taxonomy]
        )
        for mapping in registry.mappings.values()
        if (wanted is None or mapping.source in wanted) and taxonomy in (None, mapping.taxonomy)
    }


def _check(name: str | None, kind: str, known: list[str]) -> None:
    if name is not None and name not in known:
        raise SettingsError(f"{kind}: got {quote(name)}{suggest(name, known)}")
