"""The plugin manager: finds plugins, orders them and collects what each registers."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy

from exnorm.errors import MappingError, PluginError, SettingsError, quote, suggest
from exnorm.model import Codec, ColumnProcessor, Mapping, Source, Taxonomy
from exnorm.plugins import hookspecs
from exnorm.plugins.installed import find_entry_points, find_version
from exnorm.settings import Settings
from exnorm.tables.checks import find_odd_item, find_odd_parts, find_odd_values
from exnorm.tables.mapping import check_mapping, extend_mapping, mark_row, name_by_label

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "exnorm"
STANDARD = "exnorm"
"""The name under which the built-ins are registered."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class LoadedPlugin:
    """One line of ``exnorm plugins``: a plugin's name, its distribution, the hooks it implements."""

    name: str
    distribution: str
    hooks: tuple[str, ...]
    blocked: bool = False


@dataclass(frozen=True)
class Attributed:
    """A processor and the plugin it came from."""

    plugin: str
    process: Callable[[Any], Any]

    @property
    def is_planned(self) -> bool:
        """Whether the processor is a function of columns, so that rows need not become records for it."""
        return isinstance(self.process, ColumnProcessor)


@dataclass
class Registry:
    """Everything that the plugins registered, by name, in a fixed order."""

    sources: dict[str, Source] = field(default_factory=dict)
    taxonomies: dict[str, Taxonomy] = field(default_factory=dict)
    mappings: dict[str, Mapping] = field(default_factory=dict)
    codecs: dict[str, Codec] = field(default_factory=dict)
    owners: dict[tuple[str, str], str] = field(default_factory=dict)
    extended: dict[str, list[str]] = field(default_factory=dict)
    """What plugins added to a mapping, by its name."""

    def owner(self, kind: str, name: str) -> str:
        """Return the plugin that registered a name of a kind (``source``, ``mapping``, ...)."""
        return self.owners.get((kind, name), "")


class Plugins:
    """The plugins of one pipeline: the built-ins first, then installed ones by name, then given ones.

    ``given`` are plugin objects passed in Python; ``blocked`` are names that are not loaded;
    ``discover=False`` leaves the installed ones out. Raises ``PluginError``.
    """

    def __init__(
        self,
        given: Sequence[object] = (),
        *,
        blocked: Sequence[str] = (),
        discover: bool = True,
    ) -> None:
        self._manager = pluggy.PluginManager("exnorm")
        self._manager.add_hookspecs(hookspecs)
        self._distributions: dict[str, str] = {}
        self._order: list[str] = []
        self._blocked: dict[str, str] = {}
        self._hooks = tuple(name for name, _ in _hook_names())
        self._load(given, set(blocked), discover)
        self.registry = self._collect()

    def check_settings(self, settings: Settings) -> None:
        """Raise ``SettingsError`` for settings of a plugin that is not loaded."""
        known = (*self._order[1:], *self._blocked)
        for name in settings.plugins:
            if name not in known:
                hint = suggest(str(name), known) or "; no plugin is installed"
                raise SettingsError(f"plugins: unknown plugin {quote(name)}{hint}")

    def listing(self) -> list[LoadedPlugin]:
        """Return every plugin in the order it is called, the blocked ones last."""
        loaded = [
            LoadedPlugin(name, self._distributions[name], self._implements(name)) for name in self._order
        ]
        blocked = [LoadedPlugin(n, d, (), blocked=True) for n, d in sorted(self._blocked.items())]
        return loaded + blocked

    def record_processors(self, source: Source, taxonomy: Taxonomy, settings: Settings) -> list[Attributed]:
        """Return the processors that plugins add for each record of this source."""
        return self._processors("record_processors", source, taxonomy, settings)

    def event_processors(self, source: Source, taxonomy: Taxonomy, settings: Settings) -> list[Attributed]:
        """Return the processors that plugins add for each event of this source."""
        return self._processors("event_processors", source, taxonomy, settings)

    # --- loading ---

    def _load(self, given: Sequence[object], blocked: set[str], discover: bool) -> None:
        from exnorm.plugins import standard  # the built-ins import the sources, which hosts may not need

        known = {STANDARD}
        self._register(standard, STANDARD, f"exnorm {find_version('exnorm') or '(not installed)'}")
        for entry in _entry_points() if discover else ():
            distribution = entry.dist
            origin = f"{distribution.name} {distribution.version}" if distribution else "unknown"
            known.add(entry.name)
            if entry.name in blocked:
                self._blocked[entry.name] = origin
                continue
            try:
                plugin = entry.load()
            except Exception as error:  # a plugin's import may fail in any way
                raise PluginError(
                    f"plugin {entry.name} ({origin}) cannot be loaded: "
                    f"{type(error).__name__}: {error}; --block-plugin {entry.name} leaves it out"
                ) from error
            self._register(plugin, entry.name, origin)
        for plugin in given:
            name = getattr(plugin, "name", None) or getattr(plugin, "__name__", None)
            name = str(name or type(plugin).__name__)
            known.add(name)
            if name in blocked:
                self._blocked[name] = "given in Python"
            else:
                self._register(plugin, name, "given in Python")
        for name in sorted(blocked - known):
            raise PluginError(f"cannot block plugin {quote(name)}{suggest(name, known)}")
        if STANDARD in blocked:
            raise PluginError("the built-in plugin 'exnorm' cannot be blocked")

    def _register(self, plugin: object, name: str, origin: str) -> None:
        if name in self._distributions:
            earlier = self._distributions[name]
            raise PluginError(f"plugin {name} is there twice: from {earlier} and from {origin}")
        try:
            self._manager.register(plugin, name)
            self._manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            raise PluginError(f"plugin {name} ({origin}): {self._explain(plugin, error)}") from error
        self._distributions[name] = origin
        self._order.append(name)
        if not self._implements(name):
            raise PluginError(
                f"plugin {name} ({origin}) implements no hook; mark its functions with "
                f"exnorm.hookimpl and name them as the hooks: {', '.join(self._hooks)}"
            )
        for caller in self._manager.get_hookcallers(plugin) or ():
            for implementation in caller.get_hookimpls():
                if implementation.plugin is plugin and (implementation.hookwrapper or implementation.wrapper):
                    raise PluginError(f"plugin {name} ({origin}): {caller.name} is a wrapper")

    def _explain(self, plugin: object, error: Exception) -> str:
        marked = [n for n in dir(plugin) if getattr(getattr(plugin, n, None), "exnorm_impl", None)]
        for hook in marked:
            if hook not in self._hooks:
                return f"unknown hook {quote(hook)}{suggest(hook, self._hooks)}"
        return " ".join(str(error).split())

    # --- collecting what was registered ---

    def _collect(self) -> Registry:
        registry = Registry()
        for plugin, source in self._call("register_sources", Source):
            self._add(registry, "source", registry.sources, source, plugin)
        for plugin, taxonomy in self._call("register_taxonomies", Taxonomy):
            self._add(registry, "taxonomy", registry.taxonomies, taxonomy, plugin)
        for plugin, codec in self._call("register_codecs", Codec):
            self._add(registry, "codec", registry.codecs, codec, plugin)
        mappings = []
        for plugin, mapping in self._call("register_mappings", Mapping):
            if plugin != STANDARD:
                _refuse(plugin, find_odd_parts(mapping))
                taxonomy = registry.taxonomies.get(mapping.taxonomy)
                mappings.append((plugin, mapping if taxonomy is None else name_by_label(mapping, taxonomy)))
            else:
                mappings.append((plugin, mapping))
        for plugin, mapping in mappings:
            if not (mapping.extends or mapping.replaces):
                rows = tuple(mark_row(entry, _rule(plugin)) for entry in mapping.rows)
                marked = dataclasses.replace(mapping, rows=rows)
                self._add(registry, "mapping", registry.mappings, marked, plugin)
        for plugin, mapping in mappings:
            if mapping.extends or mapping.replaces:
                self._build_on(registry, mapping, plugin)
        for name, mapping in registry.mappings.items():
            owner = registry.owner("mapping", name)
            if owner != STANDARD:
                _check_ends(registry, mapping, owner)
                _check_table(registry, mapping, owner, mapping)
        return registry

    def _add(self, registry: Registry, kind: str, table: dict[str, Any], item: Any, plugin: str) -> None:
        if plugin != STANDARD:
            for fault in find_odd_item(item):
                raise PluginError(f"plugin {plugin}: {kind} {quote(item.name)}: {fault}")
        if item.name in table:
            earlier = registry.owners[kind, item.name]
            raise PluginError(
                f"{kind} {quote(item.name)} is registered twice: by plugin {earlier} and by plugin {plugin}"
            )
        table[item.name] = item
        registry.owners[kind, item.name] = plugin

    def _build_on(self, registry: Registry, mapping: Mapping, plugin: str) -> None:
        name = mapping.extends or mapping.replaces
        base = registry.mappings.get(name)
        if base is None:
            hint = suggest(name, registry.mappings)
            raise MappingError(f"plugin {plugin}: no mapping {quote(name)} to build on{hint}")
        if (mapping.source, mapping.taxonomy) != (base.source, base.taxonomy):
            raise MappingError(
                f"plugin {plugin}: mapping {quote(name)} leads from {base.source} to {base.taxonomy}; "
                f"got one from {quote(mapping.source)} to {quote(mapping.taxonomy)} to build on it"
            )
        if mapping.replaces:
            mapping = dataclasses.replace(mapping, name=name, schemas=mapping.schemas or base.schemas)
            mapping = extend_mapping(dataclasses.replace(mapping, rows=()), mapping, _rule(plugin))
            registry.mappings[name] = mapping
            registry.owners["mapping", name] = plugin
        else:
            registry.mappings[name] = extend_mapping(base, mapping, _rule(plugin))
            registry.extended.setdefault(name, []).append(plugin)
        _check_table(registry, registry.mappings[name], plugin, mapping)

    def _processors(
        self, hook: str, source: Source, taxonomy: Taxonomy, settings: Settings
    ) -> list[Attributed]:
        found = []
        for plugin, processor in self._call(hook, None, source=source, taxonomy=taxonomy, settings=settings):
            if not callable(processor):
                raise PluginError(f"plugin {plugin}, hook {hook}: got {quote(processor)}; expected functions")
            found.append(Attributed(plugin, processor))
        return found

    def _call(self, hook: str, kind: type[_T] | None, **arguments: Any) -> list[tuple[str, Any]]:
        """Return the results of a hook by plugin; implementations are called one by one so that an error
        names its plugin.
        """
        results: list[tuple[str, Any]] = []
        implementations = getattr(self._manager.hook, hook).get_hookimpls()
        rank = {name: index for index, name in enumerate(self._order)}
        implementations.sort(key=lambda i: (not i.tryfirst, i.trylast, rank[i.plugin_name]))
        for implementation in implementations:
            name = implementation.plugin_name
            chosen = {key: arguments[key] for key in implementation.argnames}
            if "settings" in chosen:  # each plugin gets its own, for they hold the maps of all of them
                chosen["settings"] = copy.deepcopy(chosen["settings"])
            try:
                items = list(implementation.function(**chosen) or ())
            except Exception as error:  # whatever a plugin raises, its name must be in the message
                raise PluginError(f"plugin {name}, hook {hook}: {type(error).__name__}: {error}") from error
            for item in items:
                if kind is not None and not isinstance(item, kind):
                    raise PluginError(
                        f"plugin {name}, hook {hook}: got {quote(item)} of type "
                        f"{type(item).__name__}; expected {kind.__name__}"
                    )
                results.append((name, item))
        return results

    def _implements(self, name: str) -> tuple[str, ...]:
        plugin = self._manager.get_plugin(name)
        callers = self._manager.get_hookcallers(plugin) or []
        return tuple(sorted(caller.name for caller in callers))


def _rule(plugin: str) -> str:
    """Return the author of a plugin's rows for explanations; empty for the built-ins."""
    return "" if plugin == STANDARD else f"plugin {plugin}"


def _check_ends(registry: Registry, mapping: Mapping, plugin: str) -> None:
    """Raise ``MappingError`` for a table between names that nobody registered, which would silently never be
    used.
    """
    for kind, name, known in (
        ("source", mapping.source, registry.sources),
        ("taxonomy", mapping.taxonomy, registry.taxonomies),
    ):
        if name not in known:
            raise MappingError(
                f"plugin {plugin}, mapping {mapping.name}: unknown {kind} {quote(name)}{suggest(name, known)}"
            )


def _check_table(registry: Registry, mapping: Mapping, plugin: str, mine: Mapping) -> None:
    """Check a plugin's table and attribute faults to the plugin, even where ``mine`` extends a built-in
    table.
    """
    taxonomy = registry.taxonomies[mapping.taxonomy]
    try:
        check_mapping(mapping, registry.sources[mapping.source], taxonomy)
    except MappingError as error:
        raise MappingError(f"plugin {plugin}: {error}") from None
    _refuse(plugin, find_odd_values(mine, mapping, taxonomy))


def _refuse(plugin: str, faults: Iterable[str]) -> None:
    """Raise ``MappingError`` for the first fault of a plugin's table."""
    for fault in faults:
        raise MappingError(f"plugin {plugin}: {fault}")


def _entry_points() -> Iterable[EntryPoint]:
    """Return installed plugins ordered by name and distribution, the same on every machine."""
    found = find_entry_points(GROUP)
    return sorted(found, key=lambda e: (e.name, e.dist.name if e.dist else ""))


def _hook_names() -> list[tuple[str, object]]:
    return [(name, value) for name, value in vars(hookspecs).items() if hasattr(value, "exnorm_spec")]
