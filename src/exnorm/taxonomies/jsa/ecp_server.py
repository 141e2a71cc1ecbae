"""ECP Server and Activity log -> JSA.

The JSA guide does not cover this log: every row is ours. ``Event ID`` is the cmdlet that the admin center ran.
"""

from __future__ import annotations

from exnorm.convert import count, utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import constant, row
from exnorm.taxonomies.jsa.cmdlets import EVENTS, case_rows

_HEADER = "the LEEF header has the field"
_OWN = "no LEEF attribute has this meaning; a custom one, of the same name in all logs"
_OWN_KEY = "no LEEF attribute has this meaning; kept as a custom attribute under the column's name"

# fmt: off
JSA_ECP_SERVER = Mapping("jsa-ecp-server", source="ecp_server", taxonomy="jsa",
    title="ECP Server and Activity to JSA",
    rows=(
        row("Event ID",         ("event", constant("ECP")), ours="the last cmdlet that ran, else the event that the row names"),
        row("Username",         "user-name",                ours="who used the admin center, without the domain; Server rows do not say"),
        row("domain",           "user-domain",              ours="the domain of DOMAIN\\user"),
        row("Vendor",           constant("Microsoft"),      ours=_HEADER),
        row("Product",          constant("Exchange Server"),ours=_HEADER),
        row("Version",          "build",                    ours="the build in the row: #Version is a constant in this log"),
        row("devTime",          "moment",                   utc_ms, ours="the row's own time; without it JSA takes the time of arrival"),
        row("url",              "url",                      ours="the page or service that was called; the canary is hidden"),
        row("referrer",         "referrer",                 ours=_OWN),
        row("timeTaken",        "time-taken",               count, ours=_OWN),
        row("cmdletParameters", "command",                  ours=_OWN + "; secrets are hidden"),
        row("cmdletCase",       "case",                     ours=_OWN + ": what the cmdlet did, which its severity follows"),
        row("targetObject",     "target",                   ours=_OWN),
        row("targetMailbox",    "mailbox",                  ours=_OWN),
        row("outcome",          "outcome",                  ours=_OWN),
        row("reason",           "reason",                   ours=_OWN + ": the class of the exception"),
        row("deviceHost", "ServerName", ours="no LEEF attribute has this meaning; a custom one, of the same name in all logs"),
        row("sessionId", "session-id", ours="no LEEF attribute has this meaning; a custom one, of the same name in all logs"),
        row("requestId", "request-id", ours="no LEEF attribute has this meaning; a custom one, of the same name in all logs"),
        *case_rows(),
    ),
    unmapped={
        "EventId":    _OWN_KEY,
        "EventData":  _OWN_KEY,
    },
    events=EVENTS,
)
# fmt: on
