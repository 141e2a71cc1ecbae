"""One event for each message -> JSA.

The JSA guide does not cover it: every row is ours. Username is the sender or the recipient as the setting
``username`` says, as for message tracking; the category is that of the recipient who fared worst.
"""

from __future__ import annotations

from exnorm.convert import addresses, ip, mailbox, size_bytes, utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import by_event, constant, row, setting_is
from exnorm.taxonomies.jsa.categories import UNKNOWN_CATEGORY, UNKNOWN_SEVERITY, describe_event
from exnorm.taxonomies.jsa.on_request import category_rows, mail_flow_rows

_HEADER = "the LEEF header has the field; as in the ArcSight guide"
_OWN_KEY = "no LEEF attribute has this meaning; kept as a custom attribute under the column's name"
_SHARED = "no LEEF attribute has this meaning; a custom one, of the same name in all logs"
_WORST = "of the recipient who fared worst"

# fmt: off
EVENTS = dict((
    #              outcome      id  low level category  severity
    describe_event("DELIVERED", 18002, "Mail Closed",      1),
    describe_event("PENDING",   18006, "Mail in Progress", 1),
    describe_event("DEFERRED",  18007, "Mail Delayed",     4),
    describe_event("FAILED",    18004, "Mail Terminated",  5),
))

JSA_MESSAGE = Mapping("jsa-message", source="message", taxonomy="jsa",
    title="One event for each message to JSA",
    rows=(
        #   JSA field           column                  read as
        row("Event ID",         constant("MESSAGE"),    ours="one event for each message"),
        row("Username",         "recipient-address",    mailbox, when=setting_is("username", "recipient"), ours="as for message tracking"),
        row("Username",         "sender-address",       mailbox, when=setting_is("username", "sender"), ours="as for message tracking, on request"),
        row("Source IP",        "client-ip",            ip, ours="who handed the message in: behind a front end, or at the mailbox, where a row says so"),
        row("Vendor",           constant("Microsoft"),  ours=_HEADER),
        row("Product",          constant("Exchange Server"), ours=_HEADER),
        row("devTime",          "date-time",            utc_ms, ours="its first row; without it JSA takes the time of arrival"),
        row("cat",              "outcome",              by_event("category", UNKNOWN_CATEGORY), ours="JSA looks an event up by Event ID and cat; the category " + _WORST),
        row("sev",              "outcome",              by_event("severity", UNKNOWN_SEVERITY), ours=_WORST),
        row("srcBytes",         "bytes-in",             size_bytes, ours="the message's size where it first came in"),
        row("dstBytes",         "bytes-out",            size_bytes, ours="its size where it was last sent on or delivered"),
        row("senderAddress",    "sender-address",       addresses, ours="sent whichever address is the Username"),
        row("recipientAddress", "recipient-address",    addresses, ours="sent whichever address is the Username"),
        row("messageSubject",   "message-subject",      ours=_SHARED),
        row("messageId",        "message-id",           ours=_SHARED),
        row("networkMessageId", "network-message-id",   ours=_SHARED),
        row("deviceHost",       "server-hostname",      ours=_SHARED + ": the last server that it was on"),
        row("agentVerdicts",    "agent-verdicts",       ours=_SHARED),
        row("outcome",          "outcome",              ours="the state " + _WORST),
        row("reason",           "failed-recipients",    ours="who did not get it"),
        row("host",             "client-hostname",      ours="the host of who handed the message in"),
        *category_rows("outcome"),
        *mail_flow_rows(),
    ),
    unmapped={
        "last-time":        _OWN_KEY,
        "latency-ms":       _OWN_KEY,
        "message-key":      _OWN_KEY,
        "revision":         _OWN_KEY,
        "told-early":       _OWN_KEY,
        "rows":             _OWN_KEY,
        "return-path":      _OWN_KEY,
        "recipient-count":  _OWN_KEY,
        "recipient-states": _OWN_KEY,
        "delivered-count":  _OWN_KEY,
        "failed-count":     _OWN_KEY,
        "deferred-count":   _OWN_KEY,
        "pending-count":    _OWN_KEY,
        "expanded-count":   _OWN_KEY,
        "redirected-count": _OWN_KEY,
        "total-bytes":      _OWN_KEY,
        "directionality":   _OWN_KEY,
        "direction":        _OWN_KEY,
        "servers":          _OWN_KEY,
        "server-count":     _OWN_KEY,
        "missing-logs":     _OWN_KEY,
        "connector-in":     _OWN_KEY,
        "connectors-out":   _OWN_KEY,
        "reference":        _OWN_KEY,
    },
    events=EVENTS,
)
# fmt: on
