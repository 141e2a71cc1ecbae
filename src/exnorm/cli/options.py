"""The options that are settings, the same for every command that runs a pipeline."""

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
    "taxonomy": ("arcsight|jsa", "Whose fields to write."),
    "format": ("cef|leef|wincollect|json", "How to write them: cef for arcsight, leef for jsa."),
    "source": (_ANY, "Force the log type instead of finding it from each file."),
    "schema": ("VERSION", "Force the columns of 2007, 2010, 2013, 2016, 2019 or SE."),
    "mapping": ("auto|NAME", "Pin a table, such as arcsight-2010."),
    "profile": ("", "Which events to keep."),
    "fields": ("", "Field names in JSON."),
    "leef": ("1|2", "LEEF version."),
    "cef": ("0|1", "CEF version."),
    "source_ip": ("ADDR", "SourceIp of the native payload: where the logs came from."),
    "categories": ("", "Write ArcSight's six category fields, or the numbers of JSA's categories."),
    "additional_data": ("", "Keys of additional data: ad.NAME, adName, or leave it out."),
    "control": ("", "Controls such as NUL or ESC in a value: a token in their place, or as they came."),
    "web_secrets": ("", "Tokens, passwords and cookies in web logs: a mask in their place, or as they came."),
    "per_recipient": ("", "One event for each recipient, with its own status."),
    "username": ("", "Who is the Username in JSA."),
    "direction": ("", "Write each message's direction: inbound, outbound, internal or unknown."),
    "accepted_domains": ("DOMAIN", "A mail domain of the site, for --direction; may be given again."),
    "trusted_proxies": (
        "ADDRESS",
        "A proxy of the site, or a network: the client is the last address that is none; may be given again.",
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
        "Only rows whose column matches, or != does not; may be given again.",
    ),
    "block_plugins": (_ANY, "Leave a plugin out; may be given again."),
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
    """What the installed plugins register for a setting; nothing where one of them cannot be loaded."""
    from exnorm.plugins.manager import Plugins  # only a help text or a shell asks

    try:
        registry = Plugins().registry
    except NormalizerError:
        return []
    return [*getattr(registry, _REGISTERED[name]), *(["auto"] if name == "mapping" else [])]


class _Registered(click.Option):
    """An option whose words plugins may add to: its help has those of the installed ones too."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """As click gives it, with the words that are registered."""
        if self.name in ("taxonomy", "format") and isinstance(self.type, Words):
            self.metavar = "|".join(self.type.known) or self.metavar
        return super().get_help_record(ctx)


def block_plugin_option(function: F) -> F:
    """Give a command that runs no pipeline ``--block-plugin``; it is called with ``blocked``."""

    @functools.wraps(function)
    def wrapper(block_plugins: tuple[str, ...], **arguments: Any) -> Any:
        layers = read_layers(None, {"block_plugins": block_plugins})
        names = [layer.values["block_plugins"] for layer in layers if "block_plugins" in layer.values]
        settings = make_settings({"block_plugins": names[-1] if names else ()})
        return function(blocked=settings.block_plugins, **arguments)

    return _make_option("block_plugins")(wrapper)  # type: ignore[return-value]


def settings_options(function: F) -> F:
    """Give a command the options above; it is called with ``settings`` in their place.

    Precedence: defaults < file < environment (``EXNORM_PROFILE``) < command line.
    """
    return choose_settings(*_OPTIONS)(function)


def choose_settings(*names: str) -> Callable[[F], F]:
    """The same with some of the options, for a command that has no use for the others."""
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
    """Give a command the options above and ``--config``, each ``None`` where it is not given."""
    text = "YAML file of settings and of changes to tables."
    function = click.option("--config", metavar="FILE", type=FILE, help=text)(function)
    for name in reversed(list(names)):
        function = _make_option(name)(function)
    return function


def host_key_option(function: F) -> F:
    """Give a command that takes records of shippers the setting that says where they name their host."""
    return click.option(
        "--host-key",
        metavar="NAME[,NAME]",
        help="Keys with the name of the host that a record is from; two hosts have logs of one path.  "
        "[default: host.name,host,agent.hostname,hostname and others]",
    )(function)


def log_options(function: F) -> F:
    """Give a service the options of its log; it is called with ``log_format`` and ``log_level``."""
    from exnorm.relay.journal import FORMATS, LEVELS  # it brings logging, which only services need

    level = click.option(
        "--log-level", type=click.Choice(LEVELS), default="info", show_default=True,
        help="Write lines of this level and above. At debug they quote records: subjects, addresses.",
    )  # fmt: skip
    form = click.option(
        "--log-format", type=click.Choice(FORMATS), default="json", show_default=True,
        help="One line an event, on standard error.",
    )  # fmt: skip
    return form(level(function))


@dataclass(frozen=True)
class Layer:
    """Settings of one origin, and how a person finds a setting there."""

    values: dict[str, Any]
    locate: Callable[[str], str]


def read_layers(config: str | None, given: dict[str, Any]) -> list[Layer]:
    """The settings of the file, the environment and the command line; raises ``SettingsError``."""
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
    """An age such as ``2h`` as the time it means now; every other text as it is."""
    found = _AGE.fullmatch(value.strip())
    if found is None:
        return value
    age = int(found.group(1)) * _AGE_SECONDS[found.group(2).lower()]
    return iso_utc(int((time.time() - age) * 1000))


def load_settings(config: str | None, given: dict[str, Any]) -> Settings:
    """Settings of the file, the environment and the command line, as when a service reads them anew."""
    layers = read_layers(config, given)
    with _naming_origins(layers):
        return make_settings(*(layer.values for layer in layers))


@contextlib.contextmanager
def _naming_origins(layers: list[Layer]) -> Iterator[None]:
    """Errors of settings say where the value came from: ``EXNORM_LEEF: got ...``."""
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
    """The layer of a settings file; raises ``SettingsError``."""
    return read_config(read_text(path), path)


def read_text(path: str) -> str:
    """The text of a settings file; raises ``SettingsError``."""
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
