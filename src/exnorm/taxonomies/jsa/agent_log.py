"""Agent log -> JSA.

The JSA guide does not cover this log: every row is ours. The remote end is the Source IP, the server the
Destination IP. Username follows the setting, as for message tracking; both addresses are always sent.
"""

from __future__ import annotations

from exnorm.convert import address_list, ip, mailbox_list, port, utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import by_event, constant, row, setting_is
from exnorm.taxonomies.jsa.categories import UNKNOWN_CATEGORY, UNKNOWN_SEVERITY, describe_event
from exnorm.taxonomies.jsa.on_request import category_rows, mail_flow_rows

_HEADER = "the LEEF header has the field"
_ADDRESS = "sent whichever address is the Username"
_OWN_KEY = "no LEEF attribute has this meaning; kept as a custom attribute under the column's name"

# fmt: off
EVENTS = dict((
    #              event                            id  low level category        severity
    describe_event("AcceptMessage",                18006, "Mail in Progress",          1),
    describe_event("AttributionResult",             8052, "Information",               1),
    describe_event("ModifyHeaders",                18006, "Mail in Progress",          1),
    describe_event("OnPremiseInboundConnectorInfo", 8052, "Information",               1),
    describe_event("StampScl",                     18006, "Mail in Progress",          1),
    describe_event("Disconnect",                   18004, "Mail Terminated",           4),
    describe_event("RejectCommand",                18005, "Mail Denied",               5),
    describe_event("RejectConnection",             18005, "Mail Denied",               5),
    describe_event("RejectRecipients",             18005, "Mail Denied",               5),
    describe_event("AutoNukeRecipient",            18004, "Mail Terminated",           6),
    describe_event("DeleteMessage",                18004, "Mail Terminated",           6),
    describe_event("DeleteRecipients",             18004, "Mail Terminated",           6),
    describe_event("InvalidCertificate",            7064, "Invalid Cert",              6),
    describe_event("QuarantineMessage",             9014, "Mail Policy Violation",     6),
    describe_event("QuarantineRecipients",          9014, "Mail Policy Violation",     6),
    describe_event("RejectAuthentication",          3009, "Mail Service Login Failed", 6),
    describe_event("RejectMessage",                18005, "Mail Denied",               6),
))

JSA_AGENT_LOG = Mapping("jsa-agent-log", source="agent_log", taxonomy="jsa",
    title="Agent log to JSA",
    rows=(
        #   JSA field           column                      read as
        row("Event ID",         ("Action", constant("Agent")), ours="what the agent did; Event names only the moment"),
        row("Username",         "Recipient",                mailbox_list, when=setting_is("username", "recipient"), ours="the reading that message tracking has"),
        row("Username",         "P1FromAddress",            mailbox_list, when=setting_is("username", "sender"), ours="the other reading, on request"),
        row("Source IP",        "client-address",           ip, ours="the address in RemoteEndpoint"),
        row("Destination IP",   "server-address",           ip, ours="the address in LocalEndpoint"),
        row("Vendor",           constant("Microsoft"),      ours=_HEADER),
        row("Product",          constant("Exchange Server"), ours=_HEADER),
        row("devTime",          "Timestamp",                utc_ms, ours="the row's own time; without it JSA takes the time of arrival"),
        row("cat",              ("Action", constant(UNKNOWN_CATEGORY)), by_event("category", UNKNOWN_CATEGORY), ours="JSA looks an event up by Event ID and cat; our category of the event"),
        row("sev",              ("Action", constant(UNKNOWN_SEVERITY)), by_event("severity", UNKNOWN_SEVERITY), ours="our severity of the event"),
        row("srcPort",          "client-port",              port, ours="the port in RemoteEndpoint, where it has one"),
        row("dstPort",          "server-port",              port, ours="the port in LocalEndpoint, where it has one"),
        row("policy",           "Agent",                    ours="the agent whose rule was applied"),
        row("senderAddress",    "P1FromAddress",            address_list, ours=_ADDRESS),
        row("recipientAddress", "Recipient",                address_list, ours=_ADDRESS),
        row("sessionId", "SessionId", ours="no LEEF attribute has this meaning; a custom one, of the same name in all logs"),
        row("messageId", "MessageId", ours="no LEEF attribute has this meaning; a custom one, of the same name in all logs"),
        row("networkMessageId", "NetworkMsgID", ours="no LEEF attribute has this meaning; a custom one, of the same name in all logs"),
        *category_rows("Action"),
        *mail_flow_rows(),
    ),
    unmapped={
        "EnteredOrgFromIP": _OWN_KEY,
        "P2FromAddresses":  _OWN_KEY,
        "NumRecipients":    _OWN_KEY,
        "Event":            _OWN_KEY,
        "SmtpResponse":     _OWN_KEY,
        "Reason":           _OWN_KEY,
        "ReasonData":       _OWN_KEY,
        "Diagnostics":      _OWN_KEY,
        "TenantID":         _OWN_KEY,
        "Directionality":   _OWN_KEY,
    },
    events=EVENTS,
)
# fmt: on
