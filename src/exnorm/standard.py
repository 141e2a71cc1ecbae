"""The built-in sources, taxonomies, tables and formats, registered as any plugin registers its own."""

from __future__ import annotations

from collections.abc import Iterable

from exnorm.codecs.cef import CEF
from exnorm.codecs.leef import LEEF
from exnorm.codecs.logstash_json import JSON
from exnorm.codecs.wincollect import WINCOLLECT
from exnorm.hookspecs import hookimpl
from exnorm.model import Codec, Mapping, Source, Taxonomy
from exnorm.sources.message_tracking import MESSAGE_TRACKING
from exnorm.sources.smtp_protocol import SMTP_PROTOCOL
from exnorm.taxonomies.arcsight.fields import ARCSIGHT
from exnorm.taxonomies.arcsight.message_tracking import ARCSIGHT_2010, ARCSIGHT_2016
from exnorm.taxonomies.arcsight.smtp_protocol import ARCSIGHT_SMTP
from exnorm.taxonomies.jsa.fields import JSA
from exnorm.taxonomies.jsa.message_tracking import JSA_MESSAGE_TRACKING
from exnorm.taxonomies.jsa.smtp_protocol import JSA_SMTP


@hookimpl
def register_sources() -> Iterable[Source]:
    """Message tracking and SMTP protocol logs."""
    return MESSAGE_TRACKING, SMTP_PROTOCOL


@hookimpl
def register_taxonomies() -> Iterable[Taxonomy]:
    """ArcSight and JSA."""
    return ARCSIGHT, JSA


@hookimpl
def register_mappings() -> Iterable[Mapping]:
    """Both tables of the ArcSight guide, and JSA's; ours for SMTP."""
    return ARCSIGHT_2016, ARCSIGHT_2010, JSA_MESSAGE_TRACKING, ARCSIGHT_SMTP, JSA_SMTP


@hookimpl
def register_codecs() -> Iterable[Codec]:
    """CEF, LEEF, JSA's native payload and JSON."""
    return CEF, LEEF, WINCOLLECT, JSON
