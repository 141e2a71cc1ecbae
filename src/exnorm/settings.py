"""One frozen dataclass of settings, from defaults < file < environment < command line."""

from __future__ import annotations

import dataclasses
import ipaddress
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from exnorm.errors import SettingsError, quote, suggest

ENVIRONMENT_PREFIX = "EXNORM_"

CHOICES: Mapping[str, tuple[str, ...]] = {
    "profile": ("all", "arcsight-guide", "security"),
    "fields": ("full", "key", "ecs"),
    "additional_data": ("ad", "user", "none"),
    "username": ("recipient", "sender"),
    "on_error": ("tag", "skip", "stop"),
}
NUMBERS: Mapping[str, tuple[int, int]] = {
    "leef": (1, 2),
    "cef": (0, 1),
    "max_line_bytes": (1024, 1 << 30),
}
_TRUE = ("1", "true", "yes", "on")
_FALSE = ("0", "false", "no", "off")


@dataclass(frozen=True)
class Settings:
    """Everything a pipeline can be told. Empty text means: not set, decide from the log.

    ``taxonomy``, ``format``, ``mapping`` and ``source`` name what plugins register, so they are
    checked when the pipeline is built; everything else is checked here.
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
    per_recipient: bool = False
    username: str = "recipient"
    on_error: str = "tag"
    source: str = ""
    schema: str = ""
    keep_original: bool = False
    tz: str = ""
    max_line_bytes: int = 4 * 1024 * 1024
    block_plugins: tuple[str, ...] = ()
    plugins: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse values that no pipeline can use."""
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise SettingsError(f"{name}: got {quote(value)}{suggest(str(value), choices)}")
        for name, (lowest, highest) in NUMBERS.items():
            number = getattr(self, name)
            if not lowest <= number <= highest:
                raise SettingsError(f"{name}: got {number}; expected {lowest} to {highest}")
        if self.source_ip:
            try:
                ipaddress.ip_address(self.source_ip)
            except ValueError:
                raise SettingsError(
                    f"source_ip: got {quote(self.source_ip)}; expected an IPv4 or IPv6 address"
                ) from None
        if self.tz:
            try:
                zoneinfo.ZoneInfo(self.tz)
            except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
                raise SettingsError(
                    f"tz: got {quote(self.tz)}; expected a time zone such as Europe/Berlin or UTC"
                ) from None


NAMES = tuple(item.name for item in dataclasses.fields(Settings))


def make_settings(*layers: Mapping[str, Any], where: str = "") -> Settings:
    """Settings from layers of names and values, a later layer over an earlier one.

    Text is read as the setting's own type; ``-`` and ``_`` in names are the same. Raises
    ``SettingsError`` for an unknown name (with the nearest right one) or a value that does not fit.
    """
    values: dict[str, Any] = {}
    for layer in layers:
        for given, value in layer.items():
            name = str(given).replace("-", "_")
            if name not in NAMES:
                raise SettingsError(f"{where}unknown setting {quote(given)}{suggest(name, NAMES)}")
            values[name] = _coerce(name, value)
    return Settings(**values)


def read_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The layer of ``EXNORM_...`` variables, as ``EXNORM_PROFILE=security``.

    Names that are no setting are left alone: other parts of exnorm read variables of their own.
    """
    layer = {}
    for name in NAMES:
        value = environ.get(ENVIRONMENT_PREFIX + name.upper())
        if value is not None and name != "plugins":
            layer[name] = value
    return layer


def read_config(text: str, name: str, also: tuple[str, ...] = ()) -> dict[str, Any]:
    """The layer of a YAML file of settings; ``name`` is the file's name for messages.

    ``also`` are names that the caller, a host with settings of its own, knows beside ours.
    """
    import yaml  # only where a file is given: keeps the start short

    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise SettingsError(f"{name}: not YAML: {reason[:400]}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingsError(f"{name}: got a {type(content).__name__}; expected settings by name")
    known = (*NAMES, *also)
    for key in content:
        if str(key).replace("-", "_") not in known:
            raise SettingsError(f"{name}: unknown setting {quote(key)}{suggest(str(key), known)}")
    return {str(key): value for key, value in content.items()}


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
