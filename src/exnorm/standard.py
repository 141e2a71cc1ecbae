"""The built-in sources, taxonomies, tables and formats, registered as any plugin registers its own."""

from __future__ import annotations

from collections.abc import Iterable

from exnorm.codecs.cef import CEF
from exnorm.codecs.leef import LEEF
from exnorm.codecs.logstash_json import JSON
from exnorm.codecs.wincollect import WINCOLLECT
from exnorm.hookspecs import hookimpl
from exnorm.model import Codec, Mapping, Source, Taxonomy
from exnorm.sources.iis import IIS
from exnorm.sources.message_tracking import MESSAGE_TRACKING
from exnorm.sources.smtpsvc import SMTPSVC
from exnorm.sources.wincollect import WINCOLLECT_PAYLOAD
from exnorm.taxonomies.arcsight.fields import ARCSIGHT
from exnorm.taxonomies.arcsight.iis import ARCSIGHT_OWA
from exnorm.taxonomies.arcsight.message_tracking import ARCSIGHT_2010, ARCSIGHT_2016
from exnorm.taxonomies.arcsight.smtpsvc import ARCSIGHT_SMTPSVC
from exnorm.taxonomies.jsa.fields import JSA
from exnorm.taxonomies.jsa.iis import JSA_OWA
from exnorm.taxonomies.jsa.message_tracking import JSA_MESSAGE_TRACKING
from exnorm.taxonomies.jsa.smtpsvc import JSA_SMTPSVC


@hookimpl
def register_sources() -> Iterable[Source]:
    """Message tracking, what IIS writes for Exchange (OWA, SMTP), and the payloads that go to JSA."""
    return MESSAGE_TRACKING, IIS, SMTPSVC, WINCOLLECT_PAYLOAD


@hookimpl
def register_taxonomies() -> Iterable[Taxonomy]:
    """ArcSight and JSA."""
    return ARCSIGHT, JSA


@hookimpl
def register_mappings() -> Iterable[Mapping]:
    """Both tables of the ArcSight guide, JSA's, and ours for the logs that no guide has a table for."""
    return (
        ARCSIGHT_2016,
        ARCSIGHT_2010,
        JSA_MESSAGE_TRACKING,
        ARCSIGHT_OWA,
        JSA_OWA,
        ARCSIGHT_SMTPSVC,
        JSA_SMTPSVC,
    )


@hookimpl
def register_codecs() -> Iterable[Codec]:
    """CEF, LEEF, JSA's native payload and JSON."""
    return CEF, LEEF, WINCOLLECT, JSON
