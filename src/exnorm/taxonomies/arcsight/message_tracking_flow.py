"""Message tracking -> ArcSight by the flow of each event: a third table, beside the guide's two.

The guide puts ``client-ip`` into the destination or the source by the version of Exchange. Here the
initiator is the source in every event and every version, and the device is the server that wrote the
row. Which side is which is read from what Exchange writes for each family of events:

- RECEIVE: the client is the peer that connected, the server is this one.
- SEND and its kin, submissions: the client is this server, the server is the next hop.
- AGENTINFO: the client's name is this server; there is no other end.
- DELIVER: the client's name is the server that handed the message over, the server's is this one.
- DSN, shadow redundancy: only the server's name is there. It is this one, which acted by itself.

Used only where it is pinned. Every row that differs from the guide's table for 2013 and 2016 says why.
"""

from __future__ import annotations

from dataclasses import replace

from exnorm.convert import ipv4, ipv6
from exnorm.tables.mapping import event_is, event_is_not, row
from exnorm.taxonomies.arcsight.message_tracking import ARCSIGHT_2016

_BY_THE_CLIENT = (
    "SEND", "SENDEXTERNAL", "FAIL", "DEFER", "SUBMIT", "SUBMITFAIL", "SUBMITDEFER", "NOTIFYMAPI",
    "NOTIFYSHADOW", "THROTTLE", "CLIENTSUBMISSION", "AGENTINFO",
)  # fmt: skip
"""Events whose client columns name the server that wrote the row."""
_BY_ITSELF = ("DSN", "HAREDIRECT", "HADISCARD", "HAREDIRECTFAIL")
"""Events that a server brings about alone: it stands in the server columns."""

_SOURCE = "the initiator: whoever opened the connection or submitted"
_TARGET = "the other end of the connection"
_SELF = "this server brought the event about by itself"
_DEVICE_IS_CLIENT = "in this event the client columns name the server that wrote the row"
_DEVICE_IS_SERVER = "in this event the server columns name the server that wrote the row"

_FIELDS = frozenset((
    "Destination Address", "Destination Host Name", "Device Address", "Device Host Name", "Source Address",
    "Device Custom IPv6 Address 1", "Device Custom IPv6 Address 2", "Device Custom IPv6 Address 3",
))  # fmt: skip
_client, _server = event_is(*_BY_THE_CLIENT), event_is_not(*_BY_THE_CLIENT)
_alone, _between = event_is(*_BY_ITSELF), event_is_not(*_BY_ITSELF)

# fmt: off
_FLOW = (
    row("Source Address",               "client-ip",        ipv4, when=_between, ours=_SOURCE),
    row("Source Address",               "server-ip",        ipv4, when=_alone,   ours=_SELF),
    row("Source Host Name",             "client-hostname",  when=_between,       ours=_SOURCE),
    row("Source Host Name",             "server-hostname",  when=_alone,         ours=_SELF),
    row("Device Custom IPv6 Address 2", "client-ip",        ipv6, when=_between, label="Source IPv6 Address", ours=_SOURCE),
    row("Device Custom IPv6 Address 2", "server-ip",        ipv6, when=_alone,   label="Source IPv6 Address", ours=_SELF),
    row("Destination Address",          "server-ip",        ipv4, when=_between, ours=_TARGET),
    row("Destination Host Name",        "server-hostname",  when=_between,       ours=_TARGET),
    row("Device Custom IPv6 Address 3", "server-ip",        ipv6, when=_between, label="Destination IPv6 Address", ours=_TARGET),
    row("Device Address",               "client-ip",        ipv4, when=_client,  ours=_DEVICE_IS_CLIENT),
    row("Device Address",               "server-ip",        ipv4, when=_server,  ours=_DEVICE_IS_SERVER),
    row("Device Host Name",             "client-hostname",  when=_client,        ours=_DEVICE_IS_CLIENT),
    row("Device Host Name",             "server-hostname",  when=_server,        ours=_DEVICE_IS_SERVER),
    row("Device Custom IPv6 Address 1", "client-ip",        ipv6, when=_client,  label="Device IPv6 Address", ours=_DEVICE_IS_CLIENT),
    row("Device Custom IPv6 Address 1", "server-ip",        ipv6, when=_server,  label="Device IPv6 Address", ours=_DEVICE_IS_SERVER),
)
# fmt: on

ARCSIGHT_FLOW = replace(
    ARCSIGHT_2016,
    name="arcsight-flow",
    title="Message tracking by the flow of each event: the initiator is the source",
    schemas=(),
    auto=False,
    rows=(*(entry for entry in ARCSIGHT_2016.rows if entry.field not in _FIELDS), *_FLOW),
    unmapped={
        **ARCSIGHT_2016.unmapped,
        "original-client-ip": "the client of an earlier hop, not of this event; kept as additional data",
    },
)
