"""The built-in sources, taxonomies, tables and formats, registered as any plugin registers its own."""

from __future__ import annotations

from collections.abc import Iterable

from exnorm.codecs.cef import CEF
from exnorm.codecs.leef import LEEF
from exnorm.codecs.logstash_json import JSON
from exnorm.codecs.wincollect import WINCOLLECT
from exnorm.model import Codec, Mapping, Source, Taxonomy
from exnorm.plugins.hookspecs import hookimpl
from exnorm.sources.admin_audit import ADMIN_AUDIT
from exnorm.sources.agent_log import AGENT_LOG
from exnorm.sources.audit_export import AUDIT_EXPORT
from exnorm.sources.connectivity import CONNECTIVITY
from exnorm.sources.ecp_server import ECP_SERVER
from exnorm.sources.ews import EWS
from exnorm.sources.exchange_2003 import EXCHANGE_2003
from exnorm.sources.http_proxy import HTTP_PROXY
from exnorm.sources.httperr import HTTPERR
from exnorm.sources.iis import IIS
from exnorm.sources.imap_pop import IMAP_POP
from exnorm.sources.message import MESSAGE
from exnorm.sources.message_trace import MESSAGE_TRACE
from exnorm.sources.message_tracking import MESSAGE_TRACKING
from exnorm.sources.rps_cmdlet import RPS_CMDLET
from exnorm.sources.rps_http import RPS_HTTP
from exnorm.sources.smtp_protocol import SMTP_PROTOCOL
from exnorm.sources.smtpsvc import SMTPSVC
from exnorm.sources.tracking_export import TRACKING_EXPORT
from exnorm.sources.wincollect import WINCOLLECT_PAYLOAD
from exnorm.taxonomies.arcsight.admin_audit import ARCSIGHT_ADMIN_AUDIT
from exnorm.taxonomies.arcsight.agent_log import ARCSIGHT_AGENT_LOG
from exnorm.taxonomies.arcsight.audit_export import ARCSIGHT_AUDIT_EXPORT
from exnorm.taxonomies.arcsight.connectivity import ARCSIGHT_CONNECTIVITY
from exnorm.taxonomies.arcsight.ecp_server import ARCSIGHT_ECP_SERVER
from exnorm.taxonomies.arcsight.ews import ARCSIGHT_EWS
from exnorm.taxonomies.arcsight.exchange_2003 import ARCSIGHT_2003
from exnorm.taxonomies.arcsight.fields import ARCSIGHT
from exnorm.taxonomies.arcsight.http_proxy import ARCSIGHT_HTTP_PROXY
from exnorm.taxonomies.arcsight.httperr import ARCSIGHT_HTTPERR
from exnorm.taxonomies.arcsight.iis import ARCSIGHT_OWA
from exnorm.taxonomies.arcsight.imap_pop import ARCSIGHT_IMAP_POP
from exnorm.taxonomies.arcsight.message import ARCSIGHT_MESSAGE
from exnorm.taxonomies.arcsight.message_trace import ARCSIGHT_TRACE
from exnorm.taxonomies.arcsight.message_tracking import ARCSIGHT_2010, ARCSIGHT_2016
from exnorm.taxonomies.arcsight.message_tracking_flow import ARCSIGHT_FLOW
from exnorm.taxonomies.arcsight.rich import ARCSIGHT_RICH, ARCSIGHT_RICH_HTTP_PROXY
from exnorm.taxonomies.arcsight.rps_cmdlet import ARCSIGHT_RPS_CMDLET
from exnorm.taxonomies.arcsight.rps_http import ARCSIGHT_RPS_HTTP
from exnorm.taxonomies.arcsight.smtp_protocol import ARCSIGHT_SMTP
from exnorm.taxonomies.arcsight.smtpsvc import ARCSIGHT_SMTPSVC
from exnorm.taxonomies.jsa.admin_audit import JSA_ADMIN_AUDIT
from exnorm.taxonomies.jsa.agent_log import JSA_AGENT_LOG
from exnorm.taxonomies.jsa.audit_export import JSA_AUDIT_EXPORT
from exnorm.taxonomies.jsa.connectivity import JSA_CONNECTIVITY
from exnorm.taxonomies.jsa.ecp_server import JSA_ECP_SERVER
from exnorm.taxonomies.jsa.ews import JSA_EWS
from exnorm.taxonomies.jsa.exchange_2003 import JSA_2003
from exnorm.taxonomies.jsa.fields import JSA
from exnorm.taxonomies.jsa.http_proxy import JSA_HTTP_PROXY
from exnorm.taxonomies.jsa.httperr import JSA_HTTPERR
from exnorm.taxonomies.jsa.iis import JSA_OWA
from exnorm.taxonomies.jsa.imap_pop import JSA_IMAP_POP
from exnorm.taxonomies.jsa.message import JSA_MESSAGE
from exnorm.taxonomies.jsa.message_trace import JSA_TRACE
from exnorm.taxonomies.jsa.message_tracking import JSA_MESSAGE_TRACKING
from exnorm.taxonomies.jsa.rich import JSA_RICH, JSA_RICH_HTTP_PROXY
from exnorm.taxonomies.jsa.rps_cmdlet import JSA_RPS_CMDLET
from exnorm.taxonomies.jsa.rps_http import JSA_RPS_HTTP
from exnorm.taxonomies.jsa.smtp_protocol import JSA_SMTP
from exnorm.taxonomies.jsa.smtpsvc import JSA_SMTPSVC


@hookimpl
def register_sources() -> Iterable[Source]:
    """Return message tracking, the other logs of Exchange, their exports and the payloads that carry them."""
    return (
        MESSAGE_TRACKING,
        SMTP_PROTOCOL,
        HTTPERR,
        IIS,
        SMTPSVC,
        EXCHANGE_2003,
        HTTP_PROXY,
        IMAP_POP,
        AGENT_LOG,
        CONNECTIVITY,
        RPS_CMDLET,
        ADMIN_AUDIT,
        ECP_SERVER,
        EWS,
        RPS_HTTP,
        AUDIT_EXPORT,
        TRACKING_EXPORT,
        MESSAGE_TRACE,
        WINCOLLECT_PAYLOAD,
        MESSAGE,
    )


@hookimpl
def register_taxonomies() -> Iterable[Taxonomy]:
    """Return ArcSight and JSA."""
    return ARCSIGHT, JSA


@hookimpl
def register_mappings() -> Iterable[Mapping]:
    """Return the guides' tables, our alternatives to them, and the tables of logs that no guide covers."""
    return (
        ARCSIGHT_2016,
        ARCSIGHT_2010,
        ARCSIGHT_FLOW,
        ARCSIGHT_RICH,
        ARCSIGHT_TRACE,
        JSA_MESSAGE_TRACKING,
        JSA_RICH,
        JSA_TRACE,
        ARCSIGHT_MESSAGE,
        JSA_MESSAGE,
        ARCSIGHT_2003,
        JSA_2003,
        ARCSIGHT_ADMIN_AUDIT,
        JSA_ADMIN_AUDIT,
        ARCSIGHT_AGENT_LOG,
        JSA_AGENT_LOG,
        ARCSIGHT_AUDIT_EXPORT,
        JSA_AUDIT_EXPORT,
        ARCSIGHT_CONNECTIVITY,
        JSA_CONNECTIVITY,
        ARCSIGHT_ECP_SERVER,
        JSA_ECP_SERVER,
        ARCSIGHT_EWS,
        JSA_EWS,
        ARCSIGHT_HTTP_PROXY,
        ARCSIGHT_RICH_HTTP_PROXY,
        JSA_HTTP_PROXY,
        JSA_RICH_HTTP_PROXY,
        ARCSIGHT_HTTPERR,
        JSA_HTTPERR,
        ARCSIGHT_IMAP_POP,
        JSA_IMAP_POP,
        ARCSIGHT_OWA,
        JSA_OWA,
        ARCSIGHT_RPS_CMDLET,
        JSA_RPS_CMDLET,
        ARCSIGHT_RPS_HTTP,
        JSA_RPS_HTTP,
        ARCSIGHT_SMTP,
        JSA_SMTP,
        ARCSIGHT_SMTPSVC,
        JSA_SMTPSVC,
    )


@hookimpl
def register_codecs() -> Iterable[Codec]:
    """Return CEF, LEEF, JSA's native payload and JSON."""
    return CEF, LEEF, WINCOLLECT, JSON
