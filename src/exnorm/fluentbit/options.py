"""The options of a filter for Fluent Bit: the settings of a pipeline, and some of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exnorm.errors import SettingsError, quote, suggest
from exnorm.settings import ENVIRONMENT_PREFIX, NAMES, Settings, make_settings, read_config, read_environment

DEFAULT_FORMAT = "json"  # a record of Fluent Bit is an object, so the event's fields are its natural form
LINE_KEYS = ("log", "message")
FILE_KEYS = ("filename", "file", "log.file.path")
_TRUE = ("1", "true", "yes", "on")
_FALSE = ("0", "false", "no", "off")


@dataclass(frozen=True)
class Options:
    """A filter's settings.

    ``key_name`` and ``file_key`` name the keys of the raw line and the file's path; the first that is present
    counts. ``reserve_data`` keeps a record's other keys beside the event; ``event_time`` makes the event's
    own time the record's time; ``read_header`` reads the header from the file itself where it was not seen;
    ``state`` is the file that keeps headers over a restart. ``log_details`` lets the log quote records. The
    counts are logged every ``report_every`` seconds, 0 for never.
    """

    settings: Settings = field(default_factory=lambda: Settings(format=DEFAULT_FORMAT))
    key_name: tuple[str, ...] = LINE_KEYS
    file_key: tuple[str, ...] = FILE_KEYS
    reserve_data: bool = False
    event_time: bool = True
    read_header: bool = True
    state: str = ""
    log_details: bool = False
    report_every: int = 300

    def __post_init__(self) -> None:
        """Raise ``SettingsError`` for what a filter cannot do."""
        if self.settings.on_error == "stop":
            raise SettingsError(
                "on_error: got 'stop'; a filter never stops the shipper: expected tag or skip"
            )


OWN_NAMES = tuple(item.name for item in dataclasses.fields(Options) if item.name != "settings")
KNOWN_NAMES = (*NAMES, *OWN_NAMES, "config")


def read_options(given: Mapping[str, Any], environ: Mapping[str, str], also: tuple[str, ...] = ()) -> Options:
    """Return options from names and values; defaults < file (``config``) < environment < these.

    ``-``, ``_`` and case in names do not matter. Raises ``SettingsError`` for an unknown name, with the
    nearest right one, and for a value that does not fit.
    """
    named = {_plain(name): value for name, value in given.items()}
    for name in named:
        if name not in KNOWN_NAMES:
            raise SettingsError(f"unknown key {quote(name)}{suggest(name, (*KNOWN_NAMES, *also))}")
    config = named.pop("config", None)
    layers = [
        {"format": DEFAULT_FORMAT},
        _read_file(str(config)) if config else {},
        read_environment(environ, OWN_NAMES),
        _read_own_environment(environ),
        named,
    ]
    own = {
        name: _read_own(name, value) for layer in layers for name, value in layer.items() if name in OWN_NAMES
    }
    settings = make_settings(*({n: v for n, v in layer.items() if n not in OWN_NAMES} for layer in layers))
    return Options(
        settings if settings.format else dataclasses.replace(settings, format=DEFAULT_FORMAT), **own
    )


def _plain(name: str) -> str:
    return str(name).strip().lower().replace("-", "_")


def _read_file(path: str) -> dict[str, Any]:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsError(f"config: cannot read {quote(path)}: {reason}") from None
    return {_plain(name): value for name, value in read_config(text, path, OWN_NAMES).items()}


def _read_own_environment(environ: Mapping[str, str]) -> dict[str, str]:
    variables = {name: ENVIRONMENT_PREFIX + name.upper() for name in OWN_NAMES}
    return {name: environ[variable] for name, variable in variables.items() if variable in environ}


def _read_own(name: str, value: Any) -> Any:
    if isinstance(getattr(Options, name), bool):
        word = str(value).strip().lower()
        if word not in _TRUE + _FALSE:
            raise SettingsError(f"{name}: got {quote(value)}; expected on or off")
        return word in _TRUE
    if isinstance(getattr(Options, name), int):
        text = str(value).strip()
        if not (text.isascii() and text.isdigit() and len(text) < 8):
            raise SettingsError(f"{name}: got {quote(value)}; expected a number of seconds")
        return int(text)
    if isinstance(getattr(Options, name), str):
        return str(value).strip()
    parts = value.split(",") if isinstance(value, str) else value
    keys = tuple(str(part).strip() for part in parts or () if str(part).strip())
    if not keys:
        raise SettingsError(f"{name}: got {quote(value)}; expected the name of a key, or several with commas")
    return keys
