"""The Elastic Common Schema (ECS 8) as a taxonomy, with a table for every log of Exchange.

Names for message tracking are those of Elastic's own integration for Exchange Server; where it has no
table, the field of that meaning. Columns that ECS has no field for are kept under
``microsoft.exchange``, in lower case without hyphens, as that integration names them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping as AnyMapping
from typing import Any

from exnorm import (
    Codec,
    Condition,
    Event,
    Field,
    Mapping,
    Row,
    Settings,
    Taxonomy,
    Unparsed,
    by_event,
    constant,
    exnorm_id,
    hookimpl,
    row,
    setting_is,
)
from exnorm.convert import (
    account,
    addresses,
    find_member,
    host,
    integer,
    ip,
    iso_utc,
    mailbox,
    members,
    plus_as_blank,
    upper,
    used_port,
    utc_ms,
)

name = "ecs"
ECS_VERSION = "8.11.0"
OWN = "microsoft.exchange"
WHY = "the ECS field of this meaning"
REST = "ECS has no field of its meaning; kept under microsoft.exchange"

# fmt: off
FIELDS = (
    # name                          type
    ("@timestamp",                  "time"),
    ("client.address",              "text"),
    ("client.domain",               "text"),
    ("client.ip",                   "ip"),
    ("client.port",                 "integer"),
    ("destination.bytes",           "integer"),
    ("destination.ip",              "ip"),
    ("destination.port",            "integer"),
    ("email.direction",             "text"),
    ("email.from.address",          "text"),
    ("email.local_id",              "text"),
    ("email.message_id",            "text"),
    ("email.sender.address",        "text"),
    ("email.subject",               "text"),
    ("email.to.address",            "text"),
    ("error.code",                  "text"),
    ("error.message",               "text"),
    ("event.action",                "text"),
    ("event.category",              "text"),
    ("event.code",                  "text"),
    ("event.dataset",               "text"),
    ("event.duration",              "integer"),
    ("event.kind",                  "text"),
    ("event.module",                "text"),
    ("event.outcome",               "text"),
    ("event.provider",              "text"),
    ("event.reason",                "text"),
    ("event.type",                  "text"),
    ("http.request.bytes",          "integer"),
    ("http.request.id",             "text"),
    ("http.request.method",         "text"),
    ("http.request.referrer",       "text"),
    ("http.response.bytes",         "integer"),
    ("http.response.status_code",   "integer"),
    ("network.bytes",               "integer"),
    ("network.protocol",            "text"),
    ("observer.hostname",           "text"),
    ("observer.product",            "text"),
    ("observer.vendor",             "text"),
    ("observer.version",            "text"),
    ("process.command_line",        "text"),
    ("process.name",                "text"),
    ("process.pid",                 "integer"),
    ("server.address",              "text"),
    ("server.domain",               "text"),
    ("server.ip",                   "ip"),
    ("server.port",                 "integer"),
    ("source.bytes",                "integer"),
    ("source.ip",                   "ip"),
    ("source.port",                 "integer"),
    ("tls.cipher",                  "text"),
    ("tls.version",                 "text"),
    ("transaction.id",              "text"),
    ("url.domain",                  "text"),
    ("url.path",                    "text"),
    ("url.query",                   "text"),
    ("user.domain",                 "text"),
    ("user.id",                     "text"),
    ("user.name",                   "text"),
    ("user_agent.original",         "text"),
)
# fmt: on
ARRAYS = frozenset(("email.from.address", "email.to.address", "event.category", "event.type"))
"""Fields that ECS has as arrays."""

ECS = Taxonomy(
    "ecs",
    "Elastic Common Schema",
    fields=tuple(Field(field, field, field, kind, ecs=field) for field, kind in FIELDS),
    default_format="ecs",
)


# --- reading -------------------------------------------------------------------------------------


def lower(value: str) -> str:
    """The text in lower case, as ECS has the names of actions."""
    return value.lower()


def milliseconds_as_ns(value: str) -> int | None:
    """A duration in milliseconds, in nanoseconds."""
    number = integer(value)
    return None if number is None else number * 1_000_000


def path_of(value: str) -> str:
    """The path of a path and query."""
    return value.partition("?")[0]


def query_of(value: str) -> str | None:
    """The query of a path and query."""
    return value.partition("?")[2] or None


def original_from(value: str) -> str | None:
    """``OriginalFromAddress`` of ``custom-data``; any other text is an address itself."""
    found = find_member(value, "OriginalFromAddress")
    return mailbox(found) if found else None if value[1:2] == ":" else mailbox(value)


def direction(value: str) -> str | None:
    """Inbound, outbound, internal or unknown; ``Originating`` may be either of two, so it is none."""
    word = {"incoming": "inbound"}.get(value.lower(), value.lower())
    return word if word in ("inbound", "outbound", "internal", "unknown") else None


def outcome(value: str) -> str | None:
    """``success`` or ``failure``."""
    word = value.lower()
    return word if word in ("success", "failure") else None


# --- tables --------------------------------------------------------------------------------------


def ecs(
    field: str,
    origin: str | tuple[str, ...],
    read: Callable[[str], str | int | None] = str,
    *,
    when: Condition | None = None,
    partial: bool = False,
) -> Row:
    """One line of a table; no guide has any of them."""
    return row(field, origin, read, when=when, ours=WHY, partial=partial)


def frame(
    dataset: str,
    category: str,
    event: str,
    code: str = "",
    moment: str = "date-time",
    version: str = "product-version",
) -> list[Row]:
    """What every table has: when, what kind of event it is, and who observed it."""
    rows = [
        ecs("@timestamp", moment, utc_ms),
        row("event.kind", constant("event"), ours=WHY),
        row("event.category", constant(category), ours=WHY),
        row("event.type", constant("info"), ours=WHY),
        row("event.module", constant("exchange"), ours=WHY),
        row("event.dataset", constant(f"exchange.{dataset}"), ours=WHY),
        row("observer.vendor", constant("Microsoft"), ours=WHY),
        row("observer.product", constant("Exchange Server"), ours=WHY),
        ecs("event.action", event, lower),
        ecs("event.code", code or event, upper),
    ]
    return [*rows, ecs("observer.version", version)] if version else rows


def ends(
    client: str | tuple[str, ...], client_port: str, server: str | tuple[str, ...], server_port: str
) -> list[Row]:
    """Both ends of a connection, under both pairs of names that ECS has for them."""
    found = []
    for side, other, address, number in (
        ("client", "source", client, client_port),
        ("server", "destination", server, server_port),
    ):
        found += [ecs(f"{one}.ip", address, ip) for one in (side, other) if address]
        found += [ecs(f"{one}.port", number, used_port) for one in (side, other) if number]
    return found


def fails(*names: str, success: tuple[str, ...] = ()) -> dict[str, dict[str, str]]:
    """An event table of outcomes."""
    return {
        **{event: {"outcome": "failure"} for event in names},
        **{event: {"outcome": "success"} for event in success},
    }


def table(
    source: str,
    rows: Iterable[Row],
    events: AnyMapping[str, Any] | None = None,
    columns: tuple[str, ...] = (),
) -> Mapping:
    """One table; its name says where it leads. ``columns`` are those that only exports have."""
    return Mapping(
        f"ecs-{source.replace('_', '-')}",
        source=source,
        taxonomy="ecs",
        rows=tuple(rows),
        events=events or {},
        columns=columns,
        rest=REST,
    )


MAIL_EVENTS = fails(
    "BADMAIL", "DELIVERFAIL", "DROP", "FAIL", "HAREDIRECTFAIL", "MODERATIONEXPIRE", "MODERATORREJECT",
    "MODERATORSALLNDR", "POISONMESSAGE", "RESUBMITFAIL", "SUBMITFAIL", "SUPPRESSED",
    success=("CLIENTSUBMISSION", "DELIVER", "RECEIVE", "SEND", "SENDEXTERNAL", "SUBMIT"),
)  # fmt: skip

MESSAGE_EVENTS = fails("FAILED", success=("DELIVERED",))

AGENT_EVENTS = fails(
    "REJECTAUTHENTICATION", "REJECTCOMMAND", "REJECTCONNECTION", "REJECTMESSAGE", "REJECTRECIPIENTS",
    "INVALIDCERTIFICATE",
    success=("ACCEPTMESSAGE",),
)  # fmt: skip
SMTP_EVENTS = fails(
    "CONNECT-FAILURE", "DISCONNECT-ERROR", "AUTH-FAILURE", "FAILURE", "REPLY-4XX", "REPLY-5XX",
    "TLS-FAILURE",
    success=("CONNECT", "AUTH-SUCCESS", "MESSAGE-ACCEPTED", "REPLY-2XX", "TLS"),
)  # fmt: skip
CONNECTION_EVENTS = fails(
    "CONNECTION-ABORTED", "CONNECTION-FAILED", "CONNECTION-STOP-FAILED", "RESOLUTION-FAILED",
    "SUBMISSION-FAILED",
    success=("CONNECTION-ESTABLISHED",),
)  # fmt: skip
WEB_EVENTS = fails(
    "LOGON-FAILURE",
    "ACCESS-DENIED",
    "CLIENT-ERROR",
    "SERVER-ERROR",
    success=("LOGON-SUCCESS", "LOGOFF", "REQUEST"),
)

# fmt: off
MESSAGE_TRACKING = table("message_tracking", (
    *frame("message_tracking", "email", "event-id"),
    ecs("event.outcome",        "event-id",             by_event("outcome")),
    ecs("event.provider",       "source"),
    *ends(("client-ip", "FromIP"), "", ("server-ip", "ToIP"), ""),
    ecs("client.domain",        "client-hostname",      host),
    ecs("server.domain",        "server-hostname",      host),
    ecs("email.message_id",     "message-id"),
    ecs("email.local_id",       "network-message-id"),
    ecs("email.from.address",   ("custom-data", "sender-address"), original_from, partial=True),
    ecs("email.sender.address", "sender-address",       mailbox),
    ecs("email.to.address",     "recipient-address",    addresses),
    ecs("email.subject",        "message-subject"),
    ecs("email.direction",      ("mail-direction", "directionality"), direction),
    ecs("transaction.id",       "correlation-id",       when=setting_is("correlation", True)),
    ecs("network.bytes",        "total-bytes",          integer),
), MAIL_EVENTS, ("FromIP", "ToIP"))

MESSAGE = table("message", (
    *frame("message", "email", "outcome", version=""),
    ecs("event.outcome",        "outcome",              by_event("outcome")),
    ecs("event.reason",         "failed-recipients"),
    *ends("client-ip", "", "", ""),
    ecs("client.domain",        "client-hostname",      host),
    ecs("server.domain",        "server-hostname",      host),
    ecs("email.message_id",     "message-id"),
    ecs("email.local_id",       "network-message-id"),
    ecs("email.from.address",   "sender-address",       mailbox),
    ecs("email.sender.address", "sender-address",       mailbox),
    ecs("email.to.address",     "recipient-address",    addresses),
    ecs("email.subject",        "message-subject"),
    ecs("email.direction",      ("direction", "directionality"), direction),
    ecs("network.bytes",        "bytes-in",             integer),
), MESSAGE_EVENTS)

EXCHANGE_2003 = table("exchange_2003", (
    *frame("message_tracking", "email", "event-id"),
    ecs("event.outcome",        "event-id",             by_event("outcome")),
    *ends("client-ip", "", "server-IP", ""),
    ecs("client.domain",        "Client-hostname",      host),
    ecs("server.domain",        "Server-hostname",      host),
    ecs("email.message_id",     "MSGID"),
    ecs("email.from.address",   "Sender-Address",       mailbox),
    ecs("email.sender.address", "Sender-Address",       mailbox),
    ecs("email.to.address",     "Recipient-Address"),
    ecs("email.subject",        "Message-Subject"),
    ecs("email.direction",      "mail-direction",       direction),
    ecs("transaction.id",       "correlation-id",       when=setting_is("correlation", True)),
    ecs("network.bytes",        "total-bytes",          integer),
), MAIL_EVENTS)

AGENT_LOG = table("agent_log", (
    *frame("agent", "email", "Action", moment="Timestamp", version=""),
    ecs("event.outcome",        "Action",               by_event("outcome")),
    ecs("event.provider",       "Agent"),
    ecs("event.reason",         "Reason"),
    *ends("client-address", "client-port", "server-address", "server-port"),
    ecs("email.message_id",     "MessageId"),
    ecs("email.local_id",       "NetworkMsgID"),
    ecs("email.from.address",   "P2FromAddresses",      addresses),
    ecs("email.sender.address", "P1FromAddress",        mailbox),
    ecs("email.to.address",     "Recipient",            addresses),
    ecs("email.direction",      ("mail-direction", "Directionality"), direction),
    ecs("transaction.id",       "correlation-id",       when=setting_is("correlation", True)),
), AGENT_EVENTS)

SMTP_PROTOCOL = table("smtp_protocol", (
    *frame("smtp_protocol", "network", "event-name", version=""),
    ecs("event.outcome",        "event-name",           by_event("outcome")),
    ecs("event.reason",         "reason"),
    *ends("client-address", "client-port", "server-address", "server-port"),
    row("network.protocol",     constant("smtp"), ours=WHY),
    ecs("transaction.id",       "session-id"),
    ecs("server.domain",        "server-name",          host),
    ecs("client.domain",        "ehlo-name",            host),
    ecs("email.sender.address", "mail-from",            mailbox),
    ecs("email.to.address",     "rcpt-to"),
    ecs("email.message_id",     "message-id"),
    ecs("user.name",            "auth-user",            account),
    ecs("tls.version",          "tls-protocol"),
    ecs("tls.cipher",           "tls-cipher"),
    ecs("network.bytes",        "message-bytes",        integer),
), SMTP_EVENTS)

SMTPSVC = table("smtpsvc", (
    *frame("smtpsvc", "network", "outcome", "event"),
    ecs("event.outcome",        "outcome",              by_event("outcome")),
    *ends("c-ip", "", "s-ip", "s-port"),
    row("network.protocol",     constant("smtp"), ours=WHY),
    ecs("observer.hostname",    "s-computername"),
    ecs("client.domain",        "client-name",          host),
    ecs("email.sender.address", "sender",               mailbox),
    ecs("email.to.address",     "recipient"),
    ecs("email.message_id",     "message-id"),
    ecs("event.duration",       "time-taken",           milliseconds_as_ns),
    ecs("source.bytes",         "cs-bytes",             integer),
    ecs("destination.bytes",    "sc-bytes",             integer),
), fails("LOGON-FAILURE", "REJECTED", "DELAYED", success=("LOGON-SUCCESS",)))

CONNECTIVITY = table("connectivity", (
    *frame("connectivity", "network", "event", version=""),
    ecs("event.outcome",        "event",                by_event("outcome")),
    ecs("event.provider",       "source"),
    ecs("transaction.id",       "session"),
    *ends("", "", "peer-address", "peer-port"),
    ecs("server.address",       "Destination"),
    ecs("network.bytes",        "bytes",                integer),
), CONNECTION_EVENTS)

IMAP_POP = table("imap_pop", (
    *frame("imap_pop", "authentication", "event", moment="dateTime"),
    ecs("event.outcome",        "outcome",              outcome),
    ecs("event.reason",         "reason"),
    *ends("client-address", "client-port", "server-address", "server-port"),
    ecs("network.protocol",     "protocol",             lower),
    ecs("transaction.id",       "sessionId"),
    ecs("user.name",            "user-name",            account),
    ecs("user.domain",          "user-domain"),
    ecs("event.duration",       "duration",             milliseconds_as_ns),
    ecs("source.bytes",         "rqsize",               integer),
    ecs("destination.bytes",    "rpsize",               integer),
))

HTTP_PROXY = table("http_proxy", (
    *frame("http_proxy", "web", "event", moment="DateTime"),
    ecs("event.outcome",        "event",                by_event("outcome")),
    ecs("event.provider",       "Protocol"),
    *ends(("ClientIpAddress", "client-address"), "client-port", "host-address", "host-port"),
    ecs("observer.hostname",    "ServerHostName"),
    ecs("http.request.id",      "RequestId"),
    ecs("http.request.method",  "Method"),
    ecs("http.request.bytes",   "RequestBytes",         integer),
    ecs("http.response.bytes",  "ResponseBytes",        integer),
    ecs("http.response.status_code", "HttpStatus",      integer),
    ecs("url.domain",           ("host-name", "host-address")),
    ecs("url.path",             "UrlStem"),
    ecs("url.query",            "UrlQuery"),
    ecs("user.name",            ("user-name", "named-user"), account),
    ecs("user.domain",          "user-domain"),
    ecs("user_agent.original",  "UserAgent"),
    ecs("error.code",           "ErrorCode"),
    ecs("event.duration",       "TotalRequestTime",     milliseconds_as_ns),
), WEB_EVENTS)

IIS = table("iis", (
    *frame("iis", "web", "outcome", "event"),
    ecs("event.outcome",        "outcome",              by_event("outcome")),
    ecs("event.provider",       "application"),
    *ends(("proxied-client", "c-ip"), "proxied-port", "s-ip", "s-port"),
    ecs("observer.hostname",    "s-computername"),
    ecs("http.request.method",  "cs-method"),
    ecs("http.request.bytes",   "cs-bytes",             integer),
    ecs("http.request.referrer", "cs(Referer)",         plus_as_blank),
    ecs("http.response.bytes",  "sc-bytes",             integer),
    ecs("http.response.status_code", "sc-status",       integer),
    ecs("url.domain",           "cs-host"),
    ecs("url.path",             "cs-uri-stem"),
    ecs("url.query",            "cs-uri-query"),
    ecs("user.name",            ("user-name", "named-user"), account),
    ecs("user.domain",          "user-domain"),
    ecs("user_agent.original",  "cs(User-Agent)",       plus_as_blank),
    ecs("event.duration",       "time-taken",           milliseconds_as_ns),
), WEB_EVENTS)

HTTPERR = table("httperr", (
    *frame("httperr", "web", "s-reason"),
    ecs("event.outcome",        "outcome"),
    ecs("event.reason",         "s-reason"),
    *ends("c-ip", "c-port", "s-ip", "s-port"),
    ecs("observer.hostname",    "s-computername"),
    ecs("http.request.method",  "cs-method"),
    ecs("http.request.bytes",   "cs-bytes",             integer),
    ecs("http.request.referrer", "cs(Referer)",         plus_as_blank),
    ecs("http.response.bytes",  "sc-bytes",             integer),
    ecs("http.response.status_code", "sc-status",       integer),
    ecs("url.domain",           "cs-host"),
    ecs("url.path",             "cs-uri",               path_of, partial=True),
    ecs("url.query",            "cs-uri",               query_of, partial=True),
    ecs("user_agent.original",  "cs(User-Agent)",       plus_as_blank),
    ecs("event.duration",       "time-taken",           milliseconds_as_ns),
))

RPS_CMDLET = table("rps_cmdlet", (
    *frame("rps_cmdlet", "configuration", "Cmdlet", moment="DateTime", version="build"),
    ecs("event.outcome",        "outcome"),
    ecs("event.reason",         "reason"),
    ecs("error.message",        "GenericErrors"),
    ecs("observer.hostname",    "ServerHostName"),
    ecs("process.pid",          "ProcessId",            integer),
    ecs("process.name",         "ProcessName"),
    ecs("process.command_line", "Parameters"),
    ecs("transaction.id",       "RequestId"),
    ecs("user.name",            "user-name"),
    ecs("user.domain",          "user-domain"),
    ecs("user.id",              "ExecutingUserSid"),
    ecs("user_agent.original",  "ClientApplication"),
    ecs("event.duration",       "TotalTime",            milliseconds_as_ns),
))

ADMIN_AUDIT = table("admin_audit", (
    *frame("admin_audit", "configuration", "Cmdlet", "EventID", version=""),
    ecs("event.outcome",        "outcome"),
    ecs("event.reason",         "reason"),
    ecs("event.provider",       "ProviderName"),
    ecs("error.message",        "error"),
    ecs("observer.hostname",    "Computer"),
    ecs("process.pid",          "ProcessID",            integer),
    ecs("process.command_line", "Parameters"),
    ecs("user.name",            "user-name"),
    ecs("user.domain",          "user-domain"),
    ecs("user.id",              "caller-sid"),
    ecs("user_agent.original",  "host-program"),
))

RPS_HTTP = table("rps_http", (
    *frame("rps_http", "web", "event", moment="DateTime", version="build"),
    ecs("event.outcome",        "outcome"),
    *ends("ClientIpAddress", "", "", ""),
    ecs("observer.hostname",    "ServerHostName"),
    ecs("http.request.id",      "RequestId"),
    ecs("http.request.method",  "method"),
    ecs("http.request.bytes",   "RequestBytes",         integer),
    ecs("http.response.status_code", "HttpStatus",      integer),
    ecs("url.domain",           "UrlHost"),
    ecs("url.path",             "UrlStem"),
    ecs("url.query",            "UrlQuery"),
    ecs("user.name",            "user-name",            account),
    ecs("user.domain",          "user-domain"),
    ecs("user_agent.original",  "ClientInfo"),
    ecs("error.code",           "ErrorCode"),
    ecs("error.message",        "GenericErrors"),
    ecs("event.duration",       "TotalTime",            milliseconds_as_ns),
))

EWS = table("ews", (
    *frame("ews", "web", "SoapAction", moment="DateTime", version="build"),
    ecs("event.outcome",        "outcome"),
    *ends("ClientIpAddress", "", "", ""),
    ecs("observer.hostname",    "ServerHostName"),
    ecs("http.request.id",      "RequestId"),
    ecs("http.request.bytes",   "RequestSize",          integer),
    ecs("http.response.bytes",  "ResponseSize",         integer),
    ecs("http.response.status_code", "HttpStatus",      integer),
    ecs("user.name",            "user-name",            account),
    ecs("user.domain",          "user-domain"),
    ecs("user_agent.original",  "UserAgent"),
    ecs("error.code",           "ErrorCode"),
    ecs("error.message",        "GenericErrors"),
    ecs("event.duration",       "TotalRequestTime",     milliseconds_as_ns),
))

ECP_SERVER = table("ecp_server", (
    *frame("ecp_server", "configuration", "event", moment="moment", version="build"),
    ecs("event.outcome",        "outcome"),
    ecs("event.reason",         "reason"),
    ecs("error.message",        "exception"),
    ecs("observer.hostname",    "ServerName"),
    ecs("http.request.referrer", "referrer"),
    ecs("process.command_line", "command"),
    ecs("transaction.id",       "session-id"),
    ecs("url.path",             "url",                  path_of),
    ecs("url.query",            "url",                  query_of),
    ecs("user.name",            "user",                 account),
    ecs("event.duration",       "time-taken",           milliseconds_as_ns),
))

AUDIT_EXPORT = table("audit_export", (
    *frame("audit", "configuration", "event", moment="moment", version="build"),
    ecs("event.outcome",        "outcome"),
    ecs("event.reason",         "reason"),
    ecs("event.provider",       "Workload"),
    *ends("client", "client-port", "", ""),
    ecs("observer.hostname",    "server"),
    ecs("email.message_id",     "message-id"),
    ecs("email.subject",        "subject"),
    ecs("process.command_line", "parameters"),
    ecs("transaction.id",       "SessionId"),
    ecs("user.name",            ("user-name", "LogonUserDisplayName")),
    ecs("user.domain",          "user-domain"),
    ecs("user.id",              ("LogonUserSid", "UserKey")),
    ecs("user_agent.original",  ("ClientInfoString", "host-program")),
))
# fmt: on

TABLES = (
    MESSAGE_TRACKING,
    MESSAGE,
    EXCHANGE_2003,
    AGENT_LOG,
    SMTP_PROTOCOL,
    SMTPSVC,
    CONNECTIVITY,
    IMAP_POP,
    HTTP_PROXY,
    IIS,
    HTTPERR,
    RPS_CMDLET,
    ADMIN_AUDIT,
    RPS_HTTP,
    EWS,
    ECP_SERVER,
    AUDIT_EXPORT,
)


# --- the format ----------------------------------------------------------------------------------


def build(taxonomy: Taxonomy, settings: Settings, notes: object) -> Callable[[Event], bytes]:
    """An encoder of nested JSON with ``ecs.version``, ``related`` and what ECS has no field for."""

    def encode(event: Event) -> bytes:
        return dump(arrange(event, settings.keep_original))

    return encode


def arrange(event: Event, keep_original: bool = False) -> dict[str, Any]:
    """An event as ECS nests it."""
    content: dict[str, Any] = {"ecs": {"version": ECS_VERSION}}
    if event.time is not None:
        content["@timestamp"] = iso_utc(event.time)
    for field, value in event.fields.items():
        if field == "@timestamp":
            continue  # the row's own time, which is there already
        put(content, field, list(filter(None, members(str(value)))) if field in ARRAYS else value)
    for column, text in event.additional.items():
        put(content, f"{OWN}.{own_name(column)}", text)
    put(content, "event.id", exnorm_id(event.record))
    if keep_original:
        put(content, "event.original", event.record.raw)
    related = relate(content)
    if related:
        content["related"] = related
    return content


def own_name(column: str) -> str:
    """``custom-data`` as ``customdata``: the words of Elastic's integration."""
    return (
        "".join(character for character in column.lower() if character.isalnum() or character == "_") or "_"
    )


def put(content: dict[str, Any], dotted: str, value: Any) -> None:
    """Set ``a.b.c`` as nested objects; a name that is taken gets a number."""
    *parents, last = dotted.split(".")
    for parent in parents:
        content = content.setdefault(parent, {})
    free, number = last, 2
    while free in content:
        free, number = f"{last}{number}", number + 1
    content[free] = value


def relate(content: AnyMapping[str, Any]) -> dict[str, list[str]]:
    """All addresses, users and hosts of an event in one place, as searches want them."""
    email, user = content.get("email", {}), content.get("user", {})
    sides = [content.get(side, {}) for side in ("client", "server", "source", "destination")]
    found = {
        "ip": [side.get("ip") for side in sides],
        "hosts": [side.get("domain") for side in sides] + [content.get("observer", {}).get("hostname")],
        "user": [
            user.get("name"),
            email.get("sender", {}).get("address"),
            *email.get("from", {}).get("address", ()),
            *email.get("to", {}).get("address", ()),
        ],
    }
    return {
        kind: known for kind, values in found.items() if (known := list(dict.fromkeys(filter(None, values))))
    }


def dump(content: AnyMapping[str, Any]) -> bytes:
    """One line of JSON; what UTF-8 cannot carry becomes ``?``."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def dump_unparsed(line: Unparsed) -> bytes:
    """A line that did not parse, as ECS names its parts."""
    return dump(
        {
            "ecs": {"version": ECS_VERSION},
            "event": {"original": line.raw, "kind": "pipeline_error"},
            "error": {"message": line.reason},
            "tags": [Unparsed.TAG],
        }
    )


# --- the hooks -----------------------------------------------------------------------------------


@hookimpl
def register_taxonomies() -> Iterable[Taxonomy]:
    """The vocabulary."""
    yield ECS


@hookimpl
def register_mappings() -> Iterable[Mapping]:
    """A table for every log type that has one."""
    return TABLES


@hookimpl
def register_codecs() -> Iterable[Codec]:
    """Nested JSON."""
    yield Codec("ecs", "ECS: nested JSON, one object a line", build, ("ecs",), dump_unparsed)
