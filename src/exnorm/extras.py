"""The packages of each extra, and the message for a missing one."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence

from exnorm.errors import SettingsError

_PAGES = {"aiohttp": "aiohttp", "prometheus_client": "prometheus-client"}

EXTRAS: Mapping[str, Mapping[str, str]] = {
    "fluentbit": {"fluent": "fluent-logger", **_PAGES},
    "logstash": _PAGES,
    "otlp": {"google.protobuf": "protobuf", "opentelemetry.proto": "opentelemetry-proto", **_PAGES},
    "report": {"jinja2": "Jinja2", "vl_convert": "vl-convert-python"},
    "arrow": {"pyarrow": "pyarrow"},
    "zstd": {"zstandard": "zstandard"},
    "spark": {"pyspark": "pyspark", "pyarrow": "pyarrow", "pandas": "pandas"},
}
"""Each extra that users install: what it brings, as it is imported and as it is installed."""


def is_installed(module: str) -> bool:
    """Return whether a module could be imported, without importing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of a module's package
        return False


def find_missing(
    extra: str, modules: Sequence[str] = (), has: Callable[[str], bool] = is_installed
) -> list[str]:
    """Return the packages of an extra, or of these modules of it, that are not installed."""
    return [EXTRAS[extra][module] for module in modules or EXTRAS[extra] if not has(module)]


def require(who: str, extra: str, *modules: str) -> None:
    """Raise ``SettingsError`` where an extra, or one of these modules of it, is not installed."""
    missing = find_missing(extra, modules)
    if missing:
        raise SettingsError(describe_missing(who, missing, extra))


def describe_missing(who: str, missing: Sequence[str], extra: str) -> str:
    """Return a sentence on who needs what, with the command that installs it."""
    return f"{who} needs {' and '.join(missing)}, not installed here; run: {write_command(extra)}"


def write_command(extra: str) -> str:
    """Return the command that installs an extra."""
    return f"pip install 'exnorm[{extra}]'"
