"""exnorm: Microsoft Exchange logs for ArcSight and JSA.

``Normalizer`` is all that embedding needs; a plugin is written with ``hookimpl``, the model and the functions
of ``exnorm.tables.mapping``, and tested with ``exnorm.testing``. Each name is imported at its first use, so
that small commands start fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exnorm.errors import (
        EncodeError,
        MappingError,
        NormalizerError,
        ParseError,
        PluginError,
        SettingsError,
    )
    from exnorm.identity import exnorm_id
    from exnorm.model import (
        Codec,
        ColumnProcessor,
        Condition,
        Confidence,
        Derivation,
        Event,
        Field,
        Head,
        Mapping,
        Needed,
        Reader,
        Record,
        Row,
        Schema,
        Source,
        Taxonomy,
        Unparsed,
    )
    from exnorm.pipeline.counts import Counts
    from exnorm.pipeline.normalizer import Normalizer
    from exnorm.pipeline.stream import Stream
    from exnorm.plugins.hookspecs import hookimpl
    from exnorm.settings import Settings, read_plugin_settings
    from exnorm.sources.columnar import ColumnarReader, derive, explain_date, split_csv
    from exnorm.sources.recognition import recognize_columnar
    from exnorm.tables.mapping import (
        by_event,
        column_is,
        column_is_not,
        constant,
        event_is,
        event_is_not,
        row,
        setting_is,
    )

__all__ = [
    "Codec",
    "ColumnProcessor",
    "ColumnarReader",
    "Condition",
    "Confidence",
    "Counts",
    "Derivation",
    "EncodeError",
    "Event",
    "Field",
    "Head",
    "Mapping",
    "MappingError",
    "Needed",
    "Normalizer",
    "NormalizerError",
    "ParseError",
    "PluginError",
    "Reader",
    "Record",
    "Row",
    "Schema",
    "Settings",
    "SettingsError",
    "Source",
    "Stream",
    "Taxonomy",
    "Unparsed",
    "by_event",
    "column_is",
    "column_is_not",
    "constant",
    "derive",
    "event_is",
    "event_is_not",
    "exnorm_id",
    "explain_date",
    "hookimpl",
    "read_plugin_settings",
    "recognize_columnar",
    "row",
    "setting_is",
    "split_csv",
]

_HOMES = {
    "exnorm.pipeline.counts": ("Counts",),
    "exnorm.errors": (
        "EncodeError",
        "MappingError",
        "NormalizerError",
        "ParseError",
        "PluginError",
        "SettingsError",
    ),
    "exnorm.plugins.hookspecs": ("hookimpl",),
    "exnorm.identity": ("exnorm_id",),
    "exnorm.tables.mapping": (
        "by_event",
        "column_is",
        "column_is_not",
        "constant",
        "event_is",
        "event_is_not",
        "row",
        "setting_is",
    ),
    "exnorm.model": (
        "Codec",
        "ColumnProcessor",
        "Condition",
        "Confidence",
        "Derivation",
        "Event",
        "Field",
        "Head",
        "Mapping",
        "Needed",
        "Reader",
        "Record",
        "Row",
        "Schema",
        "Source",
        "Taxonomy",
        "Unparsed",
    ),
    "exnorm.pipeline.normalizer": ("Normalizer",),
    "exnorm.settings": ("Settings", "read_plugin_settings"),
    "exnorm.sources.columnar": ("ColumnarReader", "derive", "explain_date", "split_csv"),
    "exnorm.sources.recognition": ("recognize_columnar",),
    "exnorm.pipeline.stream": ("Stream",),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            value = getattr(importlib.import_module(module), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
