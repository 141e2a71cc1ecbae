"""The hooks of exnorm. All are called while a pipeline is built; what they return runs per event.

A plugin is a module or object whose functions are marked with ``exnorm.hookimpl`` and named as
below; a distribution announces it under the entry-point group ``exnorm``. An implementation may take
fewer arguments than its hook has.
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
    """Log types. A name that is taken is an error naming both plugins."""


@hookspec
def register_taxonomies() -> Iterable[Taxonomy]:  # type: ignore[empty-body]
    """Vocabularies. A name that is taken is an error naming both plugins."""


@hookspec
def register_mappings() -> Iterable[Mapping]:  # type: ignore[empty-body]
    """Tables from a source to a taxonomy.

    A mapping with ``extends="NAME"`` adds its rows, events and columns to that table, one with
    ``replaces="NAME"`` takes its place; else a name that is taken is an error naming both plugins.
    """


@hookspec
def register_codecs() -> Iterable[Codec]:  # type: ignore[empty-body]
    """Formats. A name that is taken is an error naming both plugins."""


@hookspec
def record_processors(  # type: ignore[empty-body]
    source: Source, taxonomy: Taxonomy, settings: Settings
) -> Iterable[RecordProcessor]:
    """Functions from a record to a record, or to ``None`` to leave it out; called once a source.

    A ``ColumnProcessor`` says that it depends on some columns only, and does not slow rows down.
    """


@hookspec
def event_processors(  # type: ignore[empty-body]
    source: Source, taxonomy: Taxonomy, settings: Settings
) -> Iterable[EventProcessor]:
    """Functions from an event to an event, or to ``None`` to leave it out; called once a source."""
