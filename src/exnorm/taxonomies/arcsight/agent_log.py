"""Agent log -> ArcSight.

No vendor guide covers this log: every row is ours. The remote end is the source, the server the
destination, and the device too, because it writes the log. The event is Microsoft's ``Action``.
"""

from __future__ import annotations

from exnorm.convert import address_list, count, ipv4, ipv6, mailbox_list, port, utc_ms
from exnorm.model import Mapping
from exnorm.tables.mapping import by_event, constant, row
from exnorm.taxonomies.arcsight.categories import UNKNOWN_SEVERITY, category_rows, describe_event
from exnorm.taxonomies.arcsight.mail_flow import mail_flow_rows

_SAME = "the field with this meaning"
_CUSTOM = "no field has this meaning; a custom field keeps it searchable"
_SERVER = "the address in LocalEndpoint; the server is the destination of the session"
_DEVICE = "the address in LocalEndpoint; the server writes the log and names itself nowhere else"
_CLIENT = "the address in RemoteEndpoint"
_EVENT = "what the agent did; Event names only the moment. A row without an action gets the word Agent"

# fmt: off
EVENTS = dict((
    #              event                        sev. behavior                  outcome     significance              technique
    describe_event("AcceptMessage",                 1, "/Authorization/Verify",  "/Success", "/Normal",                ""),
    describe_event("AttributionResult",             0, "/Execute/Response",      "/Success", "/Informational",         ""),
    describe_event("ModifyHeaders",                 1, "/Modify/Content",        "/Success", "/Informational",         ""),
    describe_event("OnPremiseInboundConnectorInfo", 1, "/Execute/Response",      "/Success", "/Informational",         ""),
    describe_event("StampScl",                      1, "/Modify/Content",        "/Success", "/Informational",         ""),
    describe_event("Disconnect",                    4, "/Access/Stop",           "/Success", "/Informational/Warning", "/Policy"),
    describe_event("RejectCommand",                 5, "/Authorization/Verify",  "/Failure", "/Informational/Warning", "/Policy"),
    describe_event("RejectConnection",              5, "/Access/Start",          "/Failure", "/Informational/Warning", "/Policy"),
    describe_event("RejectRecipients",              5, "/Authorization/Verify",  "/Failure", "/Informational/Warning", "/Policy"),
    describe_event("AutoNukeRecipient",             6, "/Delete",                "/Success", "/Suspicious",            "/Policy"),
    describe_event("DeleteMessage",                 6, "/Delete",                "/Success", "/Suspicious",            "/Policy"),
    describe_event("DeleteRecipients",              6, "/Delete",                "/Success", "/Suspicious",            "/Policy"),
    describe_event("InvalidCertificate",            6, "/Authentication/Verify", "/Failure", "/Suspicious",            ""),
    describe_event("QuarantineMessage",             6, "/Substitute",            "/Success", "/Suspicious",            "/Policy"),
    describe_event("QuarantineRecipients",          6, "/Substitute",            "/Success", "/Suspicious",            "/Policy"),
    describe_event("RejectAuthentication",          6, "/Authentication/Verify", "/Failure", "/Informational/Warning", ""),
    describe_event("RejectMessage",                 6, "/Authorization/Verify",  "/Failure", "/Suspicious",            "/Policy"),
))

ARCSIGHT_AGENT_LOG = Mapping("arcsight-agent-log", source="agent_log", taxonomy="arcsight",
    title="Agent log to ArcSight",
    rows=(
        #   ArcSight field                  column                      read as
        row("Destination Address",          "server-address",           ipv4, ours=_SERVER),
        row("Destination Port",             "server-port",              port, ours="the port in LocalEndpoint, where it has one"),
        row("Destination User Name",        "Recipient",                mailbox_list, ours="as in the guide for message tracking"),
        row("Device Action",                "Action",                   ours=_SAME),
        row("Device Address",               "server-address",           ipv4, ours=_DEVICE),
        row("Device Custom IPv6 Address 1", "server-address",           ipv6, label="Device IPv6 Address", ours=_DEVICE),
        row("Device Custom IPv6 Address 2", "client-address",           ipv6, label="Source IPv6 Address", ours=_CLIENT),
        row("Device Custom IPv6 Address 3", "server-address",           ipv6, label="Destination IPv6 Address", ours=_SERVER),
        row("Device Custom Number 1",       "NumRecipients",            count, label="Recipient Count", ours="the number and label that the guide has for message tracking"),
        row("Device Custom String 1",       "SessionId",                label="Session ID", ours=_CUSTOM),
        row("Device Custom String 2",       "MessageId",                label="Message ID", ours="the number and label that the guide has for message tracking"),
        row("Device Custom String 3",       "P2FromAddresses",          address_list, label="P2 From Addresses", ours="the From header; the user is the envelope sender"),
        row("Device Custom String 4",       "EnteredOrgFromIP",         label="Entered Org From IP", ours="where the message came into the organization: not always the remote end of this session"),
        row("Device Custom String 5",       "SmtpResponse",             label="SMTP Response", ours=_CUSTOM),
        row("Device Custom String 6",       "Event",                    label="Agent Event", ours="the moment of the session at which the agent acted"),
        row("Device Event Category",        constant("Agent"),          ours="tells this log's events from those of other logs"),
        row("Device Event Class ID",        ("Action", constant("Agent")), ours=_EVENT),
        row("Device Process Name",          "Agent",                    ours="the agent that acted"),
        row("Device Product",               constant("Exchange Server"), ours="as in the guide for message tracking"),
        row("Device Receipt Time",          "Timestamp",                utc_ms, ours=_SAME),
        row("Device Vendor",                constant("Microsoft"),      ours="as in the guide for message tracking"),
        row("Event Outcome",                "Action",                   by_event("eventOutcome"), ours="success or failure of what the agent did, as the events below list it"),
        row("External ID",                  "NetworkMsgID",             ours="the one identifier that all servers of the organization share"),
        row("Flex String 1",                "Directionality",           label="Directionality", ours="the number and label that the guide has for message tracking"),
        row("Flex String 2",                "ReasonData",               label="Reason Data", ours=_CUSTOM),
        row("Message",                      "Diagnostics",              ours="what the agent says of its work"),
        row("Name",                         ("Action", constant("Agent")), ours=_EVENT),
        row("Reason",                       "Reason",                   ours=_SAME),
        row("Severity",                     ("Action", constant(UNKNOWN_SEVERITY)), by_event("severity", UNKNOWN_SEVERITY), ours="the CEF header has the field"),
        row("Source Address",               "client-address",           ipv4, ours=_CLIENT),
        row("Source Port",                  "client-port",              port, ours="the port in RemoteEndpoint, where it has one"),
        row("Source User Name",             "P1FromAddress",            mailbox_list, ours="the envelope sender; the null sender is none"),
        *category_rows("Action"),
        *mail_flow_rows(),
    ),
    unmapped={
        "TenantID": "no field has this meaning; kept as additional data, as the guide has it for message tracking",
    },
    events=EVENTS,
)
# fmt: on
