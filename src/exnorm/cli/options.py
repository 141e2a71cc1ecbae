"""The options for settings, shared by every command that runs a pipeline."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from exnorm.cli.click_types import FILE, Words
from exnorm.convert import iso_utc
from exnorm.errors import NormalizerError, SettingsError, quote
from exnorm.settings import (
    CHOICES,
    ENVIRONMENT_PREFIX,
    NAMES,
    Settings,
    make_settings,
    read_config,
    read_environment,
)

F = TypeVar("F", bound=Callable[..., Any])


_ANY = "NAME"
_OPTIONS: Mapping[str, tuple[str, str]] = {
    "taxonomy": ("arcsight|jsa", "The product to write events for."),
    "format": ("cef|leef|wincollect|json", "The output format; by default cef for arcsight, leef for jsa."),
    "source": (_ANY, "The log type, instead of the one found from each file."),
    "schema": (
        "VERSION",
        "Read the columns of 2007, 2010, 2013, 2016, 2019 or SE, whatever the header says.",
    ),
    "mapping": ("auto|NAME", "Always use this mapping table, such as arcsight-2010."),
    "profile": ("", "The events to keep."),
    "fields": ("", "The names of fields in JSON."),
    "leef": ("1|2", "The LEEF version."),
    "cef": ("0|1", "The CEF version."),
    "source_ip": ("ADDR", "SourceIp of the native payload: the address that the logs come from."),
    "categories": ("", "Add ArcSight's six category fields, or the numbers of JSA's categories."),
    "additional_data": ("", "Write columns without a field as ad.NAME, as adName, or not at all."),
    "control": ("", "Replace control characters such as NUL or ESC by a token, or keep them."),
    "web_secrets": ("", "Mask tokens, passwords and cookies in web logs, or keep them."),
    "per_recipient": ("", "Write one event for each recipient, with its own status."),
    "username": ("", "The address to write as Username for JSA."),
    "direction": ("", "Add each message's direction: inbound, outbound, internal or unknown."),
    "accepted_domains": (
        "DOMAIN",
        "A mail domain of your organization, for --direction; may be given again.",
    ),
    "trusted_proxies": (
        "ADDRESS",
        "A reverse proxy's address or network: the last other address is the client; may be given again.",
    ),
    "correlation": ("", "Write an id that all rows of one message share."),
    "engine": ("", "Take the fast path where it gives the same bytes, or the mapping table row by row."),
    "keep_original": ("", "Put the raw line into event.original of JSON."),
    "tz": ("ZONE", "Time zone of exports that hold local times, as Europe/Berlin."),
    "max_line_bytes": ("N", "Refuse longer lines."),
    "strip_syslog": ("", "Take the syslog header off lines that a relay has put behind one."),
    "encoding": (_ANY, "What the logs are written in where it is not UTF-8 or UTF-16, as CP1252."),
    "max_payload": ("BYTES", "Shorten longer payloads: additional data goes first, then long texts are cut."),
    "since": ("TIME|AGE", "Only rows from then on: 2026-03-17, 2026-03-17T08:00Z, or 90m, 2h, 3d ago."),
    "until": ("TIME|AGE", "Only rows before then."),
    "events": (_ANY, "Only this event, as FAIL or *LOGON*; may be given again."),
    "where": (
        "COLUMN=PATTERN",
        "Only rows whose column matches; with != those where it does not; may be given again.",
    ),
    "block_plugins": (_ANY, "Do not load this plugin; may be given again."),
}


def _make_option(name: str) -> Callable[[F], F]:
    metavar, text = _OPTIONS[name]
    default = getattr(Settings, name, None)
    flag = "--" + name.replace("_", "-")
    if isinstance(default, bool):
        return click.option(flag, name, is_flag=True, default=None, help=text)
    if isinstance(default, tuple):
        one = f"{flag[:-3]}y" if flag.endswith("ies") else flag.removesuffix("s")
        return click.option(one, name, multiple=True, metavar=metavar, help=text)
    shown = f"{text}  [default: {default}]" if default != "" else text
    if name in _REGISTERED:
        words = Words(partial(_list_registered, name))
        return click.option(flag, name, cls=_Registered, metavar=metavar, type=words, help=shown)
    metavar = metavar or "|".join(CHOICES[name])
    words = Words([word for word in metavar.split("|") if not word.isupper()])
    return click.option(flag, name, metavar=metavar, type=words, help=shown)


_REGISTERED = {"taxonomy": "taxonomies", "format": "codecs", "source": "sources", "mapping": "mappings"}
"""Settings that name what plugins register, and where the registry has it."""


def _list_registered(name: str) -> list[str]:
    """Return the names that plugins register for a setting; empty where a plugin cannot be loaded."""
    from exnorm.plugins.manager import Plugins  # only a help text or a shell asks

    try:
        registry = Plugins().registry
    except NormalizerError:
        return []
    return [*getattr(registry, _REGISTERED[name]), *(["auto"] if name == "mapping" else [])]


class _Registered(click.Option):
    """An option whose words plugins may add to; its help lists those of installed plugins too."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return click's record with the registered words."""
        if self.name in ("taxonomy", "format") and isinstance(self.type, Words):
            self.metavar = "|".join(self.type.known) or self.metavar
        return super().get_help_record(ctx)


def block_plugin_option(function: F) -> F:
    """Add ``--block-plugin`` to a command that runs no pipeline; it is called with ``blocked``."""

    @functools.wraps(function)
    def wrapper(block_plugins: tuple[str, ...], **arguments: Any) -> Any:
        layers = read_layers(None, {"block_plugins": block_plugins})
        names = [layer.values["block_plugins"] for layer in layers if "block_plugins" in layer.values]
        settings = make_settings({"block_plugins": names[-1] if names else ()})
        return function(blocked=settings.block_plugins, **arguments)

    return _make_option("block_plugins")(wrapper)  # type: ignore[return-value]


def settings_options(function: F) -> F:
    """Add all options of settings to a command; it is called with ``settings`` instead of them.

    Precedence: defaults < file < environment (``EXNORM_PROFILE``) < command line.
    """
    return choose_settings(*_OPTIONS)(function)


def choose_settings(*names: str) -> Callable[[F], F]:
    """Return a decorator like ``settings_options`` for only some of the options."""
    return functools.partial(_give_settings, names=names)


def _give_settings(function: F, names: Iterable[str]) -> F:
    @functools.wraps(function)
    def wrapper(**arguments: Any) -> Any:
        given = {
            name: arguments.pop(name) for name in [n for n in arguments if n in NAMES and n != "on_error"]
        }
        given["on_error"] = arguments.pop("on_error", None)
        layers = read_layers(arguments.pop("config"), given)
        with _naming_origins(layers):
            settings = make_settings(*(layer.values for layer in layers))
            return function(settings=settings, **arguments)

    return setting_flags(wrapper, names)  # type: ignore[return-value]


def setting_flags(function: F, names: Iterable[str] = tuple(_OPTIONS)) -> F:
    """Add the options and ``--config`` to a command, each ``None`` where it is not given."""
    text = "A YAML file with settings and changes to tables."
    function = click.option("--config", metavar="FILE", type=FILE, help=text)(function)
    for name in reversed(list(names)):
        function = _make_option(name)(function)
    return function


def host_key_option(function: F) -> F:
    """Add ``--host-key`` to a command that reads records of shippers."""
    return click.option(
        "--host-key",
        metavar="NAME[,NAME]",
        help="The keys of a record that name its host, because hosts have logs of the same path.  "
        "[default: host.name,host,agent.hostname,hostname and others]",
    )(function)


def log_options(function: F) -> F:
    """Add the options of its log to a service; it is called with ``log_format`` and ``log_level``."""
    from exnorm.relay.journal import FORMATS, LEVELS  # it brings logging, which only services need

    level = click.option(
        "--log-level", type=click.Choice(LEVELS), default="info", show_default=True,
        help="The lowest level to log. At debug, lines quote records: subjects, addresses.",
    )  # fmt: skip
    form = click.option(
        "--log-format", type=click.Choice(FORMATS), default="json", show_default=True,
        help="The form of log lines on standard error.",
    )  # fmt: skip
    return form(level(function))


@dataclass(frozen=True)
class Layer:
    """Settings of one origin, and a function that names a setting's place there."""

    values: dict[str, Any]
    locate: Callable[[str], str]


def read_layers(config: str | None, given: dict[str, Any]) -> list[Layer]:
    """Return the settings of the file, the environment and the command line; raises ``SettingsError``."""
    from exnorm.fluentbit.options import OWN_NAMES

    layers: list[Layer] = []
    if config is not None:
        layers.append(Layer(load_config(config), lambda name: f"{config}: {name}"))
    variables = read_environment(os.environ, OWN_NAMES)
    layers.append(Layer(variables, lambda name: ENVIRONMENT_PREFIX + name.upper()))
    options = {name: value for name, value in given.items() if value not in (None, ())}
    for name in ("since", "until"):
        if name in options:
            options[name] = _as_moment(options[name])
    layers.append(Layer(options, lambda name: "--" + name.replace("_", "-")))
    return layers


_AGE = re.compile(r"(\d{1,6})\s*([smhdw])", re.IGNORECASE)
_AGE_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def _as_moment(value: str) -> str:
    """Return an age such as ``2h`` as a time; every other text unchanged."""
    found = _AGE.fullmatch(value.strip())
    if found is None:
        return value
    age = int(found.group(1)) * _AGE_SECONDS[found.group(2).lower()]
    return iso_utc(int((time.time() - age) * 1000))


def load_settings(config: str | None, given: dict[str, Any]) -> Settings:
    """Return the settings of the file, the environment and the command line; services use it at a reload."""
    layers = read_layers(config, given)
    with _naming_origins(layers):
        return make_settings(*(layer.values for layer in layers))


@contextlib.contextmanager
def _naming_origins(layers: list[Layer]) -> Iterator[None]:
    """Add the origin of a value to errors of settings: ``EXNORM_LEEF: got ...``."""
    try:
        yield
    except SettingsError as error:
        raise SettingsError(*(_name_origin(str(fault), layers) for fault in error.args)) from None


def _name_origin(fault: str, layers: list[Layer]) -> str:
    name, colon, rest = fault.partition(": ")
    for layer in reversed(layers):
        if colon and name in {str(given).replace("-", "_") for given in layer.values}:
            return f"{layer.locate(name)}: {rest}"
    return fault


def load_config(path: str) -> dict[str, Any]:
    """Return the layer of a settings file; raises ``SettingsError``."""
    return read_config(read_text(path), path)


def read_text(path: str) -> str:
    """Return the text of a settings file; raises ``SettingsError``."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsError(f"config: cannot read {quote(path)}: {reason}") from None


def this_system() -> str:
    """The system that a config is for unless ``--on`` says another."""
    return "windows" if os.name == "nt" else "linux"


on_option = click.option(
    "--on",
    type=click.Choice(["linux", "windows"]),
    help="The system that the shipper runs on: its paths and its shell.  [default: this one]",
)
