"""Routes: the profile, filters, processors and table for the records of each source and schema."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

from exnorm.errors import quote
from exnorm.model import ByEvent, Event, Mapping, Record, Source, Taxonomy
from exnorm.pipeline.counts import Counts
from exnorm.pipeline.profiles import select
from exnorm.pipeline.row_filters import FindRule, TimeRange, check_where, choose_rows, read_filters
from exnorm.plugins.manager import Attributed, Plugins
from exnorm.settings import Settings
from exnorm.tables.mapping import (
    CompiledMapping,
    CompiledRow,
    choose_mapping,
    compile_mapping,
    find_plugin,
    read_with_care,
)


@dataclass(frozen=True)
class Route:
    """The steps for the records of one source and schema.

    ``keeps`` tests a record against the profile; ``find_rule`` returns the name of the filter that leaves it
    out.
    """

    mapping: CompiledMapping
    keeps: Callable[[Record], bool] | None
    find_rule: FindRule | None
    record_processors: tuple[Attributed, ...]
    event_processors: tuple[Attributed, ...]


class Routes:
    """The routes of a pipeline, each assembled at the first record that takes it.

    Every table of ``sources`` is checked, and plugins are asked for their processors, before any line is
    read. ``mapped`` are the names of the sources with a table.
    """

    def __init__(
        self,
        mappings: Sequence[Mapping],
        sources: Iterable[Source],
        taxonomy: Taxonomy,
        settings: Settings,
        plugins: Plugins,
        counts: Counts,
    ) -> None:
        self.mapped = frozenset(mapping.source for mapping in mappings)
        sources = tuple(sources)
        check_where(settings, sources)
        self._times = TimeRange.of(settings)
        self._mappings, self._taxonomy, self._settings, self._counts = mappings, taxonomy, settings, counts
        self._routes: dict[tuple[str, str], Route] = {}
        self._processors: dict[str, tuple[tuple[Attributed, ...], tuple[Attributed, ...]]] = {}
        for source in sources:
            for mapping in self._mappings_of(source):
                compile_mapping(mapping, source, taxonomy, settings)
            self._processors[source.name] = (
                tuple(plugins.record_processors(source, taxonomy, settings)),
                tuple(plugins.event_processors(source, taxonomy, settings)),
            )

    @property
    def slow_plugins(self) -> list[str]:
        """Return the plugins whose processors need records or events as objects, which rules out plans for
        rows.
        """
        every = chain.from_iterable(self._processors.values())
        found = {one.plugin for processors in every for one in processors if not one.is_planned}
        return sorted(found)

    def of(self, record: Record) -> Route:
        """Return the route of a record."""
        return self.find(record.source, record.schema.name)

    def find(self, source: Source, schema_name: str) -> Route:
        """Return the route for the records of a source and a schema."""
        route = self._routes.get((source.name, schema_name))
        if route is None:
            route = self._routes[source.name, schema_name] = self._build(source, schema_name)
        return route

    def process(self, item: Any, processors: tuple[Attributed, ...]) -> Any:
        """Apply processors to an item; one that raises is skipped and counted."""
        for processor in processors:
            try:
                processed = processor.process(item.copy())
            except Exception as error:  # a plugin may raise anything; the event must not be lost
                self._counts.blame(processor.plugin, "processor", error)
                continue
            if processed is None:
                self._counts.removed.add(processor.plugin)
                return None
            fault = _find_fault(processed, item)
            if fault:
                self._counts.blame(processor.plugin, "processor", fault)
                continue
            item = processed
        return item

    def _build(self, source: Source, schema_name: str) -> Route:
        mapping = choose_mapping(self._mappings_of(source), schema_name)
        assert mapping is not None  # parse lets no record of a source without one through
        record_processors, event_processors = self._processors[source.name]
        return Route(
            mapping=self._guard(compile_mapping(mapping, source, self._taxonomy, self._settings)),
            keeps=select(self._settings.profile, source),
            find_rule=choose_rows((*read_filters(self._settings, source), *mapping.filters), self._times),
            record_processors=record_processors,
            event_processors=(
                *(Attributed(change.rule, change) for change in mapping.event_changes),
                *event_processors,
            ),
        )

    def _mappings_of(self, source: Source) -> list[Mapping]:
        return [mapping for mapping in self._mappings if mapping.source == source.name]

    def _guard(self, compiled: CompiledMapping) -> CompiledMapping:
        """Return the table with the functions of plugins' rows wrapped, so that their errors are caught."""
        name = compiled.mapping.name

        def guard(row: CompiledRow) -> CompiledRow:
            plugin = find_plugin(row.row)
            if not plugin or isinstance(row.row.read, ByEvent):
                return row
            blame = partial(self._counts.blame, plugin, f"mapping {name}, row {quote(row.row.field)}")
            return replace(row, read=read_with_care(row.read, blame))

        return replace(compiled, rows=tuple(guard(row) for row in compiled.rows))


def _find_fault(processed: object, item: Record | Event) -> str:
    """Return why the result of a processor cannot replace an item; empty where it can."""
    if type(processed) is not type(item):
        return f"got {type(processed).__name__}; expected {type(item).__name__}, or None to leave it out"
    if isinstance(processed, Record):
        for name, value in chain(processed.values.items(), processed.derived.items()):
            if not isinstance(value, str):
                return f"got {type(value).__name__} for column {quote(name)}; expected text"
    return ""
