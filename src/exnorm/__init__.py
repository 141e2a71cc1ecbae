"""exnorm: Microsoft Exchange logs for ArcSight and JSA.

``Normalizer`` is all there is to embedding it; ``hookimpl``, the model and the words of ``mapping``
are what a plugin is written with; ``exnorm.testing`` is what it is tested with.
"""

from __future__ import annotations

from exnorm.counts import Counts
from exnorm.errors import (
    EncodeError,
    MappingError,
    NormalizerError,
    ParseError,
    PluginError,
    SettingsError,
)
from exnorm.hookspecs import hookimpl
from exnorm.identity import exnorm_id
from exnorm.mapping import (
    by_event,
    column_is,
    column_is_not,
    constant,
    event_is,
    event_is_not,
    row,
    setting_is,
)
from exnorm.model import (
    Codec,
    Condition,
    Confidence,
    Event,
    Field,
    Head,
    Mapping,
    Record,
    Row,
    Schema,
    Source,
    Taxonomy,
    Unparsed,
)
from exnorm.pipeline import Normalizer
from exnorm.settings import Settings, read_plugin_settings
from exnorm.stream import Stream

__all__ = [
    "Codec",
    "Condition",
    "Confidence",
    "Counts",
    "EncodeError",
    "Event",
    "Field",
    "Head",
    "Mapping",
    "MappingError",
    "Normalizer",
    "NormalizerError",
    "ParseError",
    "PluginError",
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
    "event_is",
    "event_is_not",
    "exnorm_id",
    "hookimpl",
    "read_plugin_settings",
    "row",
    "setting_is",
]
