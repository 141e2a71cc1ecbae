"""The hooks of exnorm. All are called while a pipeline is built; the functions they return run for each
event.

A plugin is a module or object whose functions are marked with ``exnorm.hookimpl`` and named as below; a
distribution announces it under the entry-point group ``exnorm``. An implementation may take fewer arguments
than its hook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from exnorm.model import (
        Codec,
        EventProcessor,
        Mapping,
        RecordProcessor,
        Source,
        Taxonomy,
    )
    from exnorm.settings import Settings

hookspec = pluggy.HookspecMarker("exnorm")
hookimpl = pluggy.HookimplMarker("exnorm")


@hookspec
def register_sources() -> Iterable[Source]:  # type: ignore[empty-body]
    """Return log types. Registering a name twice is an error that names both plugins."""


@hookspec
def register_taxonomies() -> Iterable[Taxonomy]:  # type: ignore[empty-body]
    """Return vocabularies. Registering a name twice is an error that names both plugins."""


@hookspec
def register_mappings() -> Iterable[Mapping]:  # type: ignore[empty-body]
    """Return tables from a source to a taxonomy.

    A mapping with ``extends="NAME"`` adds its rows, events and columns to that table; one with
    ``replaces="NAME"`` replaces it. Otherwise, registering a name twice is an error that names both plugins.
    """


@hookspec
def register_codecs() -> Iterable[Codec]:  # type: ignore[empty-body]
    """Return formats. Registering a name twice is an error that names both plugins."""


@hookspec
def record_processors(  # type: ignore[empty-body]
    source: Source, taxonomy: Taxonomy, settings: Settings
) -> Iterable[RecordProcessor]:
    """Return functions from a record to a record, or to ``None`` to leave it out; called once for each
    source.

    A ``ColumnProcessor`` depends on certain columns only, and does not slow rows down.
    """


@hookspec
def event_processors(  # type: ignore[empty-body]
    source: Source, taxonomy: Taxonomy, settings: Settings
) -> Iterable[EventProcessor]:
    """Return functions from an event to an event, or to ``None`` to leave it out; called once for each
    source.
    """
