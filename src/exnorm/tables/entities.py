"""Keep each thing in one field: where the user, the client, the message id and so on are in every log.

``ENTITIES`` names the columns or derived values of a log that hold the thing, ``FIELDS`` the fields of a
taxonomy for it, ``DEVIATIONS`` the reason where a table puts it elsewhere. ``find_fields`` reads the tables
themselves; ``check`` returns each deviation without a reason and each reason without a deviation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping as AnyMapping
from typing import NamedTuple

from exnorm.model import Constant, Mapping, Row
from exnorm.tables.mapping import ADDITIONAL_DATA

Origins = tuple[str, ...]

# fmt: off
ENTITIES: AnyMapping[str, AnyMapping[str, Origins]] = {
    "user": {
        "iis": ("user-name", "named-user"), "http_proxy": ("user-name", "named-user"), "rps_http": ("user-name",),
        "ews": ("user-name",), "rps_cmdlet": ("user-name",), "admin_audit": ("user-name",), "audit_export": ("user-name",),
        "ecp_server": ("user-name",), "imap_pop": ("user-name",), "smtp_protocol": ("auth-user",),
    },
    "user's domain": {
        "iis": ("user-domain",), "http_proxy": ("user-domain",), "rps_http": ("user-domain",), "ews": ("user-domain",),
        "rps_cmdlet": ("user-domain",), "admin_audit": ("user-domain",), "audit_export": ("user-domain",),
        "ecp_server": ("user-domain",), "imap_pop": ("user-domain",), "smtp_protocol": ("auth-domain",),
    },
    "client": {
        "message_tracking": ("client-ip",), "exchange_2003": ("client-ip",), "smtp_protocol": ("client-address",),
        "smtpsvc": ("c-ip",), "agent_log": ("client-address",), "imap_pop": ("client-address",), "iis": ("c-ip", "proxied-client"),
        "http_proxy": ("ClientIpAddress", "client-address"), "httperr": ("c-ip",), "rps_http": ("ClientIpAddress",),
        "ews": ("ClientIpAddress",), "audit_export": ("mailbox-client",),
    },
    "device": {
        "iis": ("s-computername",), "http_proxy": ("ServerHostName",), "httperr": ("s-computername",),
        "rps_http": ("ServerHostName",), "ews": ("ServerHostName",), "rps_cmdlet": ("ServerHostName",),
        "ecp_server": ("ServerName",), "admin_audit": ("Computer",), "audit_export": ("server",),
    },
    "user agent": {
        "iis": ("cs(User-Agent)",), "http_proxy": ("UserAgent",), "httperr": ("cs(User-Agent)",), "rps_http": ("ClientInfo",),
        "ews": ("UserAgent",), "audit_export": ("ClientInfoString",),
    },
    "message (internet id)": {
        "message_tracking": ("message-id",), "exchange_2003": ("MSGID",), "smtp_protocol": ("message-id",),
        "smtpsvc": ("message-id",), "agent_log": ("MessageId",), "audit_export": ("message-id",),
    },
    "message (network id)": {"message_tracking": ("network-message-id",), "agent_log": ("NetworkMsgID",)},
    "session": {
        "smtp_protocol": ("session-id",), "connectivity": ("session",), "agent_log": ("SessionId",),
        "imap_pop": ("sessionId",), "rps_cmdlet": ("RequestId",), "rps_http": ("SessionId",),
        "ecp_server": ("session-id",), "audit_export": ("SessionId",),
    },
    "request": {
        "iis": ("proxy-request-id",), "http_proxy": ("RequestId",), "rps_http": ("RequestId",), "ews": ("RequestId",),
    },
    "sender": {
        "message_tracking": ("sender-address",), "exchange_2003": ("Sender-Address",), "smtp_protocol": ("mail-from",),
        "smtpsvc": ("sender",), "agent_log": ("P1FromAddress",),
    },
    "recipient": {
        "message_tracking": ("recipient-address",), "exchange_2003": ("Recipient-Address",), "smtp_protocol": ("rcpt-to",),
        "smtpsvc": ("recipient",), "agent_log": ("Recipient",),
    },
    "mailbox acted on": {
        "ews": ("mailbox",), "rps_cmdlet": ("mailbox",), "admin_audit": ("mailbox",), "audit_export": ("mailbox",),
        "ecp_server": ("mailbox",),
    },
    "URL (path and query)": {
        "iis": ("request",), "http_proxy": ("request-url",), "httperr": ("cs-uri",), "rps_http": ("request-url",),
        "ecp_server": ("url",),
    },
    "what a cmdlet did": {
        "rps_cmdlet": ("case",), "admin_audit": ("case",), "audit_export": ("case",), "ecp_server": ("case",),
    },
    "parameters of a cmdlet": {
        "rps_cmdlet": ("Parameters",), "admin_audit": ("Parameters",), "audit_export": ("parameters",),
        "ecp_server": ("command",),
    },
}

FIELDS: AnyMapping[str, AnyMapping[str, tuple[str, ...]]] = {
    "arcsight": {
        "user":                   ("Source User Name",),
        "user's domain":          ("Source NT Domain",),
        "client":                 ("Source Address", "Device Custom IPv6 Address 2"),
        "device":                 ("Device Host Name",),
        "user agent":             ("Request Client Application",),
        "message (internet id)":  ("Device Custom String 2",),
        "message (network id)":   ("External ID",),
        "session":                ("Device Custom String 4",),
        "request":                ("External ID",),
        "sender":                 ("Source User Name",),
        "recipient":              ("Destination User Name",),
        "mailbox acted on":       ("Destination User Name",),
        "URL (path and query)":   ("Request URL",),
        "what a cmdlet did":      ("Device Custom String 6",),
        "parameters of a cmdlet": ("Device Custom String 1",),
    },
    "jsa": {
        "user":                   ("Username",),
        "user's domain":          ("domain",),
        "client":                 ("Source IP",),
        "device":                 ("deviceHost",),
        "user agent":             ("userAgent",),
        "message (internet id)":  ("messageId",),
        "message (network id)":   ("networkMessageId",),
        "session":                ("sessionId",),
        "request":                ("requestId",),
        "sender":                 ("senderAddress",),
        "recipient":              ("recipientAddress",),
        "mailbox acted on":       ("targetMailbox",),
        "URL (path and query)":   ("url",),
        "what a cmdlet did":      ("cmdletCase",),
        "parameters of a cmdlet": ("cmdletParameters",),
    },
}
"""By taxonomy and thing, the fields it belongs into, by their labels."""

_GUIDE = "the vendor's guide says so"
_FIRST = "written there since the first release of the table, and content reads it there; the label is the same"
_TRACE = "a message trace does not say it in this place"
DEVIATIONS: AnyMapping[tuple[str, str, str], str] = {
    ("arcsight", "arcsight-2016", "client"): _GUIDE + ": client-ip is the destination in 2013 and later",
    ("arcsight", "arcsight-2016", "message (network id)"): _GUIDE + ": additional data",
    ("arcsight", "arcsight-2010", "message (network id)"): "2007 and 2010 have no such column",
    ("arcsight", "arcsight-trace", "client"): _TRACE,
    ("arcsight", "arcsight-trace", "message (network id)"): _TRACE,
    ("arcsight", "arcsight-agent-log", "session"): _FIRST,
    ("arcsight", "arcsight-connectivity", "session"): _FIRST,
    ("arcsight", "arcsight-imap-pop", "session"): _FIRST,
    ("arcsight", "arcsight-smtp", "session"): "an id of the server for each session is what External ID means; content reads it there",
    ("jsa", "jsa-trace", "client"): _TRACE,
}
# fmt: on


class Place(NamedTuple):
    """The fields that a table writes a thing into."""

    entity: str
    source: str
    mapping: str
    fields: tuple[str, ...]


def find_fields(mapping: Mapping, origins: Origins) -> tuple[str, ...]:
    """Return the fields that a table writes from any of these origins, in its order."""

    def names(entry: Row) -> bool:
        return any(not isinstance(origin, Constant) and origin in origins for origin in entry.origins)

    found = dict.fromkeys(entry.field for entry in mapping.rows if names(entry))
    return tuple(field for field in found if field != ADDITIONAL_DATA)


def find_places(mappings: Iterable[Mapping], taxonomy: str) -> list[Place]:
    """Return the place of each thing in every table that is chosen automatically for a taxonomy."""
    tables = [one for one in mappings if one.taxonomy == taxonomy and one.auto]
    return [
        Place(entity, one.source, one.name, find_fields(one, origins[one.source]))
        for entity, origins in ENTITIES.items()
        for one in tables
        if one.source in origins
    ]


def is_in_place(place: Place, taxonomy: str) -> bool:
    """Return whether a thing is in one of its fields."""
    return not set(place.fields).isdisjoint(FIELDS[taxonomy][place.entity])


def check(mappings: Iterable[Mapping]) -> list[str]:
    """Return a sentence for each thing in an unexplained field, and for each reason that is no
    longer needed.
    """
    mappings = list(mappings)
    found = []
    needed = set()
    for taxonomy in FIELDS:
        for place in find_places(mappings, taxonomy):
            key = taxonomy, place.mapping, place.entity
            if is_in_place(place, taxonomy):
                continue
            needed.add(key)
            if key not in DEVIATIONS:
                found.append(
                    f"{place.mapping}: {place.entity} stands in {', '.join(place.fields) or 'no field'}"
                )
    return found + [
        f"{': '.join(key)}: has a reason and needs none" for key in DEVIATIONS if key not in needed
    ]


def render(mappings: Iterable[Mapping]) -> str:
    """Return the page: for each taxonomy a table of things, then the deviations with their reasons."""
    mappings = list(mappings)
    lines = [
        "# One name for each thing",
        "",
        "In which field a user, a client, a message and so on stand, for each log. Generated from the tables by",
        "`python docs/entities.py`; a test fails when it is stale, and when a log has a thing in another field",
        "without a reason.",
        "",
    ]
    for taxonomy, fields in FIELDS.items():
        places = find_places(mappings, taxonomy)
        lines += [f"## {taxonomy}", "", "| thing | field | table: column |", "|---|---|---|"]
        for entity, names in fields.items():
            here = [place for place in places if place.entity == entity and is_in_place(place, taxonomy)]
            columns = ", ".join(
                f"{place.mapping.partition('-')[2]}: `{ENTITIES[entity][place.source][0]}`" for place in here
            )
            lines.append(f"| {entity} | {' or '.join(names)} | {columns} |")
        lines.append("")
        elsewhere = [place for place in places if not is_in_place(place, taxonomy)]
        if elsewhere:
            lines += ["Elsewhere:", "", "| thing | table | field | reason |", "|---|---|---|---|"]
            lines += [
                f"| {place.entity} | {place.mapping} | {', '.join(place.fields) or 'additional data'} "
                f"| {DEVIATIONS.get((taxonomy, place.mapping, place.entity), '')} |"
                for place in elsewhere
            ]
            lines.append("")
    return "\n".join(lines)
