"""The settings: one frozen dataclass, filled from defaults < file < environment < command line."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from exnorm.convert import ip, moment_ms
from exnorm.errors import SettingsError, quote, suggest
from exnorm.origin import list_paths
from exnorm.text.encodings import find_encoding
from exnorm.text.yamlfile import NOTHING, Node, make_node, read_yaml

ENVIRONMENT_PREFIX = "EXNORM_"
OTHER_VARIABLES = (
    "KERNEL", "HEALTH", "LOGSTASH_PASSWORD", "LOGSTASH_FORWARD_PASSWORD", "LISTEN_SECRET", "FORWARD_SECRET",
    "OTLP_TOKEN", "OTLP_FORWARD_TOKEN",
    "FULL_MATRIX", "BROWSER", "SPARK_CLUSTER", "FUZZED_KERNEL",
)  # fmt: skip
"""What other parts of exnorm, and its tests, read from the environment under the same prefix."""
# Variables that Kubernetes sets in every container for a service called exnorm, or exnorm-...
_OF_A_SERVICE = re.compile(
    r"(?:.*_)?(?:SERVICE_HOST|SERVICE_PORT(?:_.*)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_.*)?)?)"
)

CHOICES: Mapping[str, tuple[str, ...]] = {
    "profile": ("all", "arcsight-guide", "security"),
    "fields": ("full", "key", "ecs"),
    "additional_data": ("ad", "user", "none"),
    "username": ("recipient", "sender"),
    "control": ("token", "keep"),
    "web_secrets": ("mask", "keep"),
    "on_error": ("tag", "skip", "stop"),
    "engine": ("auto", "table"),
}
NUMBERS: Mapping[str, tuple[int, int]] = {
    "leef": (1, 2),
    "cef": (0, 1),
    "max_line_bytes": (1024, 1 << 30),
    "max_payload": (0, 1 << 30),
}
MAX_PAYLOAD_LOWEST = 512
"""Bytes; the least that leaves room for an event's header. RFC 5424 has every receiver take 480."""

MOMENT_FORM = "a date and time such as 2026-03-17T08:00Z"
FILE_ONLY = ("plugins", "tables")
"""Settings that have a form of their own: they stand in a file or are given in Python."""

TESTS = "tests"
"""What stands beside the settings in a file: a site's own tests, run by ``exnorm config test``."""

_KINDS = {str: "a text", int: "a number", bool: "true or false", list: "a list", dict: "a map"}
_TRUE = ("1", "true", "yes", "on")
_FALSE = ("0", "false", "no", "off")


@dataclass(frozen=True)
class Tables:
    """A site's changes to tables, as read from its file; ``file`` is the file's name.

    ``exnorm.tables.overlay`` applies them to the registered tables.
    """

    content: Node = NOTHING
    file: str = "tables"


@dataclass(frozen=True)
class Settings:
    """All settings of a pipeline. Empty text means: not set, decide from the log.

    ``taxonomy``, ``format``, ``mapping`` and ``source`` name what plugins register, so they are checked when
    the pipeline is built; everything else is checked here.
    """

    taxonomy: str = "arcsight"
    format: str = ""
    mapping: str = "auto"
    profile: str = "all"
    fields: str = "full"
    leef: int = 2
    cef: int = 0
    source_ip: str = ""
    categories: bool = False
    additional_data: str = "ad"
    control: str = "token"
    web_secrets: str = "mask"
    per_recipient: bool = False
    username: str = "recipient"
    direction: bool = False
    accepted_domains: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    correlation: bool = False
    on_error: str = "tag"
    source: str = ""
    schema: str = ""
    keep_original: bool = False
    tz: str = ""
    engine: str = "auto"
    max_line_bytes: int = 4 * 1024 * 1024
    max_payload: int = 0
    since: str = ""
    until: str = ""
    events: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    host_key: tuple[str, ...] = ()
    strip_syslog: bool = False
    encoding: str = ""
    block_plugins: tuple[str, ...] = ()
    plugins: Mapping[str, Any] = field(default_factory=dict)
    tables: Tables = field(default_factory=Tables)

    def __post_init__(self) -> None:
        """Refuse values that no pipeline can use, all of them at once."""
        if faults := [*self._find_faults()]:
            raise SettingsError(*faults)

    def _find_faults(self) -> Iterator[str]:
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                yield f"{name}: got {quote(value)}{suggest(str(value), choices)}"
        for name, (lowest, highest) in NUMBERS.items():
            number = getattr(self, name)
            if not lowest <= number <= highest:
                yield f"{name}: got {number}; expected {lowest} to {highest}"
        if 0 < self.max_payload < MAX_PAYLOAD_LOWEST:
            expected = f"expected at least {MAX_PAYLOAD_LOWEST} bytes, or 0 for no limit"
            yield f"max_payload: got {self.max_payload}; {expected}"
        if self.max_payload and self.format == "wincollect":
            yield "max_payload: the native payload carries the row as it is, and is never cut"
        for name in ("since", "until"):
            moment = getattr(self, name)
            if moment and moment_ms(moment) is None:
                yield f"{name}: got {quote(moment)}; expected {MOMENT_FORM}"
        if self.source_ip and ip(self.source_ip) is None:
            yield f"source_ip: got {quote(self.source_ip)}; expected an IPv4 or IPv6 address"
        for check in (lambda: list_paths(self.host_key), lambda: find_encoding(self.encoding)):
            try:
                check()
            except SettingsError as error:
                yield from error.args
        yield from _find_wrong_networks("trusted_proxies", self.trusted_proxies)
        if self.tz and not _is_zone(self.tz):
            yield f"tz: got {quote(self.tz)}; expected a time zone such as Europe/Berlin or UTC"


def _is_zone(name: str) -> bool:
    import zoneinfo  # few runs need it

    try:
        zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return False
    return True


def _find_wrong_networks(name: str, networks: tuple[str, ...]) -> Iterator[str]:
    for network in networks:
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            yield f"{name}: got {quote(network)}; expected an address or a network, as 192.0.2.0/24"


NAMES = tuple(item.name for item in dataclasses.fields(Settings))


def make_settings(*layers: Mapping[str, Any], where: str = "") -> Settings:
    """Return settings from layers of names and values; a later layer overrides an earlier one.

    Text is read as the setting's own type; ``-`` and ``_`` in names are the same. Raises
    ``SettingsError`` with every unknown name (and the nearest right one) and every value that does not fit.
    """
    values: dict[str, Any] = {}
    faults: dict[str, list[str]] = {}  # by setting: a later layer mends what an earlier one got wrong
    for layer in layers:
        for given, value in layer.items():
            name = str(given).replace("-", "_")
            faults.pop(name, None)
            if name not in NAMES:
                faults[name] = [f"unknown setting {quote(given)}{suggest(name, NAMES)}"]
                continue
            try:
                values[name] = _coerce(name, value)
            except SettingsError as error:
                faults[name] = [*error.args]
    try:
        settings = Settings(**{name: value for name, value in values.items() if name not in faults})
    except SettingsError as error:
        faults[""] = [*error.args]
    if faults:
        raise SettingsError(*(f"{where}{fault}" for found in faults.values() for fault in found))
    return settings


def read_environment(environ: Mapping[str, str], also: Iterable[str] = ()) -> dict[str, str]:
    """Return the layer of ``EXNORM_...`` variables, as ``EXNORM_PROFILE=security``.

    An empty variable counts as absent. Raises ``SettingsError`` for a name that is not a setting, not in
    ``OTHER_VARIABLES``, and not in ``also``, the settings that only hosts have.
    """
    names = {name.upper(): name for name in NAMES if name not in FILE_ONLY}
    others = {*OTHER_VARIABLES, *(name.upper() for name in also)}
    layer, faults = {}, []
    for variable in sorted(environ):
        name = variable.removeprefix(ENVIRONMENT_PREFIX)
        if name == variable or not environ[variable] or name in others:
            continue
        if name in names:
            layer[names[name]] = environ[variable]
        elif name.lower() in FILE_ONLY:
            faults.append(f"{variable}: stands in a file of settings only")
        elif _OF_A_SERVICE.fullmatch(name) is None:
            known = [ENVIRONMENT_PREFIX + one for one in (*names, *others)]
            faults.append(f"unknown variable {quote(variable)}{suggest(variable, known)}")
    if faults:
        raise SettingsError(*faults)
    return layer


def read_config(text: str, name: str, also: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the layer of a YAML file of settings; ``name`` is the file's name for messages.

    ``also`` are further names that the caller knows, a host with settings of its own.
    """
    root = read_yaml(text, name)
    if root.empty:
        return {}
    if root.kind != "map":
        raise SettingsError(f"{name}: got {root.describe()}; expected settings by name")
    layer: dict[str, Any] = {}
    faults: list[str] = []
    for key, value in root.pairs:
        setting = key.text.replace("-", "_")
        where = f"{name}:{key.line}: "
        if key.text == TESTS:
            continue
        if key.text in also:
            layer[key.text] = value.plain()
        elif setting not in NAMES:
            known = (*NAMES, *also, TESTS)
            faults.append(f"{where}unknown setting {quote(key.text)}{suggest(setting, known)}")
        elif setting in layer:
            faults.append(f"{where}setting {quote(key.text)} is there twice")
        else:
            layer[setting] = Tables(value, name) if setting == "tables" else value.plain()
            try:
                make_settings({setting: layer[setting]}, where=where)
            except SettingsError as error:
                faults += error.args
    if faults:
        raise SettingsError(*faults)
    return layer


def read_tables(text: str, name: str) -> Tables:
    """The changes to tables of a YAML file of settings, whatever else is wrong in it."""
    root = read_yaml(text, name)
    pairs = root.pairs if root.kind == "map" else ()
    return next((Tables(value, name) for key, value in pairs if key.text == "tables"), Tables())


def _coerce(name: str, value: Any) -> Any:
    default = getattr(Settings, name, None)
    if isinstance(default, bool):
        return _as_bool(name, value)
    if isinstance(default, int):
        return _as_int(name, value)
    if isinstance(default, tuple):
        parts = value.split(",") if isinstance(value, str) else value or ()
        if not isinstance(parts, (list, tuple)):
            raise SettingsError(f"{name}: got {quote(value)}; expected names")
        return tuple(str(part).strip() for part in parts if str(part).strip())
    if name == "tables":
        if not isinstance(value, (Tables, Mapping)):
            raise SettingsError(f"tables: got {quote(value)}; expected changes by table")
        return value if isinstance(value, Tables) else Tables(make_node(value))
    if name == "plugins":
        if not isinstance(value, Mapping):
            raise SettingsError(f"plugins: got {quote(value)}; expected settings by plugin name")
        return dict(value)
    return "" if value is None else str(value)


def _as_bool(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise SettingsError(f"{name}: got {quote(value)}; expected true or false")


def _as_int(name: str, value: Any) -> int:
    try:
        return int(str(value).strip())
    except ValueError:
        lowest, highest = NUMBERS[name]
        message = f"{name}: got {quote(value)}; expected a number from {lowest} to {highest}"
        raise SettingsError(message) from None


def read_plugin_settings(settings: Settings, plugin: str, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return a plugin's settings under ``plugins: {NAME: ...}``, over its defaults.

    Raises ``SettingsError`` for a name that is not in ``defaults``, with the nearest right one, and for a
    value of another kind than its default (``None``: any kind).
    """
    given = settings.plugins.get(plugin)
    given = {} if given is None else given
    if not isinstance(given, Mapping):
        raise SettingsError(f"plugins: {plugin}: got {quote(given)}; expected settings by name")
    where = f"plugins: {plugin}: "
    faults: list[str] = []
    for name, value in given.items():
        if name not in defaults:
            faults.append(f"{where}unknown setting {quote(name)}{suggest(str(name), defaults)}")
            continue
        kind = type(defaults[name])
        if defaults[name] is not None and type(value) is not kind:
            expected = _KINDS.get(kind, kind.__name__)
            faults.append(f"{where}{name}: got {quote(value)}; expected {expected}")
    if faults:
        raise SettingsError(*faults)
    return {**defaults, **given}
