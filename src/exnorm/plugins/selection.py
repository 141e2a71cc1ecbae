"""Choose the taxonomy, format, tables and sources that take part, as the settings say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping as AnyMapping, Sequence
from dataclasses import replace
from typing import TypeVar

from exnorm.errors import SettingsError, quote, suggest
from exnorm.model import Codec, Confidence, Mapping, Source, Taxonomy
from exnorm.settings import Settings

Named = TypeVar("Named")


def find_named(kind: str, name: str, known: AnyMapping[str, Named]) -> Named:
    """Return the object registered under a name; raises ``SettingsError`` with the nearest names for an
    unknown one.
    """
    if name not in known:
        raise SettingsError(f"{kind}: got {quote(name)}{suggest(name, known)}")
    return known[name]


def choose_codec(taxonomy: Taxonomy, settings: Settings, known: AnyMapping[str, Codec]) -> Codec:
    """Return the chosen format or the taxonomy's default; raises ``SettingsError`` if it cannot carry the
    taxonomy.
    """
    codec = find_named("format", settings.format or taxonomy.default_format, known)
    if codec.taxonomies and taxonomy.name not in codec.taxonomies:
        fit = [c.name for c in known.values() if taxonomy.name in c.taxonomies or not c.taxonomies]
        raise SettingsError(
            f"format: {quote(codec.name)} cannot carry taxonomy {taxonomy.name}; "
            f"expected one of {', '.join(fit)}"
        )
    return codec


def choose_mappings(taxonomy: Taxonomy, settings: Settings, known: Iterable[Mapping]) -> list[Mapping]:
    """Return the taxonomy's mappings; a mapping chosen by name is the only one of its source."""
    mappings = [mapping for mapping in known if mapping.taxonomy == taxonomy.name]
    automatic = [mapping for mapping in mappings if mapping.auto]
    if settings.mapping == "auto":
        return automatic
    pinned = [mapping for mapping in mappings if mapping.name == settings.mapping]
    if not pinned:
        names = [mapping.name for mapping in mappings] + ["auto"]
        raise SettingsError(
            f"mapping: got {quote(settings.mapping)} for taxonomy {taxonomy.name}"
            f"{suggest(settings.mapping, names)}"
        )
    return pinned + [mapping for mapping in automatic if mapping.source != pinned[0].source]


def choose_sources(
    settings: Settings, known: AnyMapping[str, Source], mappings: Sequence[Mapping]
) -> list[Source]:
    """Return the sources with a table, or that carry one with a table; a forced source is the only one and
    always sure.
    """
    mapped = {mapping.source for mapping in mappings}
    sources = [s for s in known.values() if s.name in mapped or mapped.intersection(s.carries)]
    if settings.source:
        forced = find_named("source", settings.source, {source.name: source for source in sources})
        sources = [replace(forced, recognize=lambda head: Confidence.HEADER)]
    names = {schema.name for source in sources for schema in source.schemas}
    if settings.schema and settings.schema not in names:
        raise SettingsError(f"schema: got {quote(settings.schema)}{suggest(settings.schema, names)}")
    return sources
