"""Find the host of a record: servers have logs of the same path, so a log is identified by host and path."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from exnorm.errors import SettingsError, quote

Path = tuple[str, ...]
"""Names of keys, each inside of the one before."""

HOST_KEYS = (
    "host.name", "host.hostname", "host", "agent.hostname", "agent.name", "beat.hostname", "beat.name",
    "hostname", "Hostname", "computer_name", "winlog.computer_name",
)  # fmt: skip
"""Where Filebeat, Winlogbeat, Fluent Bit, Logstash and NXLog say it; the first that is there counts."""

_NAME_LONGEST = 255  # characters of a host; what is longer is none, and is not remembered
_BRACKETS = re.compile(r"(?:\[[^\[\]]+\])+")
_ACCESSOR = re.compile(r"\$([^\[\]'\"]+)((?:\[(?:'[^']+'|\"[^\"]+\")\])+)")
_QUOTED = re.compile(r"\[['\"]?([^\[\]'\"]+)['\"]?\]")


def read_key(text: str) -> str:
    """Return a key with dots, as ``host.name``, from that or ``[host][name]`` or ``$host['name']``.

    Raises ``SettingsError`` for any other form.
    """
    accessor = _ACCESSOR.fullmatch(text)
    if accessor is not None:
        return ".".join((accessor.group(1), *_QUOTED.findall(accessor.group(2))))
    if _BRACKETS.fullmatch(text):
        return ".".join(_QUOTED.findall(text))
    if not text or set(text) & set("[]'\"$ ") or not all(text.split(".")):
        raise SettingsError(f"host_key: got {quote(text)}; expected a key such as host.name or [host][name]")
    return text


def list_paths(keys: Iterable[str]) -> tuple[Path, ...]:
    """Return the places of each key in a record, in order: under its whole name, or inside objects."""
    found: list[Path] = []
    for key in map(read_key, keys):
        found.append((key,))
        if "." in key:
            found.append(tuple(key.split(".")))
    return tuple(found)


def find_text(record: Mapping[Any, Any], paths: Iterable[Path]) -> str:
    """Return the first text that is present and not empty."""
    for path in paths:
        value: Any = record
        for name in path:
            value = value.get(name, value.get(name.encode())) if isinstance(value, dict) else None
        if isinstance(value, bytes):
            value = value.decode("utf-8", "surrogateescape")
        if isinstance(value, str) and value:
            return value
    return ""


def name_server(name: str) -> str:
    """Return one spelling for a server: logs have it with and without its domain, in any case."""
    return _name_server(name) if len(name) <= _NAME_LONGEST else name.partition(".")[0].upper()


@lru_cache(maxsize=256)  # a site has few servers
def _name_server(name: str) -> str:
    digits = name.replace(".", "").isdigit() or ":" in name
    return name if digits else name.partition(".")[0].upper()
