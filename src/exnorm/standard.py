"""The built-in sources, taxonomies, tables and formats, registered as any plugin registers its own."""

from __future__ import annotations

from collections.abc import Iterable

from exnorm.codecs.cef import CEF
from exnorm.codecs.leef import LEEF
from exnorm.codecs.logstash_json import JSON
from exnorm.codecs.wincollect import WINCOLLECT
from exnorm.hookspecs import hookimpl
from exnorm.model import Codec, Mapping, Source, Taxonomy
from exnorm.sources.exchange_2003 import EXCHANGE_2003
from exnorm.sources.message_trace import MESSAGE_TRACE
from exnorm.sources.message_tracking import MESSAGE_TRACKING
from exnorm.sources.tracking_export import TRACKING_EXPORT
from exnorm.taxonomies.arcsight.exchange_2003 import ARCSIGHT_2003
from exnorm.taxonomies.arcsight.fields import ARCSIGHT
from exnorm.taxonomies.arcsight.message_tracking import ARCSIGHT_2010, ARCSIGHT_2016
from exnorm.taxonomies.jsa.exchange_2003 import JSA_2003
from exnorm.taxonomies.jsa.fields import JSA
from exnorm.taxonomies.jsa.message_tracking import JSA_MESSAGE_TRACKING


@hookimpl
def register_sources() -> Iterable[Source]:
    """Message tracking: the logs, and what is exported of them."""
    return MESSAGE_TRACKING, EXCHANGE_2003, TRACKING_EXPORT, MESSAGE_TRACE


@hookimpl
def register_taxonomies() -> Iterable[Taxonomy]:
    """ArcSight and JSA."""
    return ARCSIGHT, JSA


@hookimpl
def register_mappings() -> Iterable[Mapping]:
    """Both tables of the ArcSight guide, and JSA's; those of Exchange 2003."""
    return ARCSIGHT_2016, ARCSIGHT_2010, JSA_MESSAGE_TRACKING, ARCSIGHT_2003, JSA_2003


@hookimpl
def register_codecs() -> Iterable[Codec]:
    """CEF, LEEF, JSA's native payload and JSON."""
    return CEF, LEEF, WINCOLLECT, JSON
