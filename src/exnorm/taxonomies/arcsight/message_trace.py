"""Message traces of Exchange Online -> ArcSight: the guide's table for 2013 and 2016, except for addresses.

A trace names the address that a message came from and the one it was handed to. The reporting service does
not name itself, so there is no device. Of the summaries, ``original_client_ip`` is the source.
"""

from __future__ import annotations

from dataclasses import replace

from exnorm.convert import ipv4, ipv6
from exnorm.tables.mapping import row
from exnorm.taxonomies.arcsight.categories import describe_event
from exnorm.taxonomies.arcsight.message_tracking import ARCSIGHT_2016

_SOURCE = "where the message came from"
_TARGET = "where the message was handed to"
_NO_DEVICE = "traces have no such column: the service does not say which of its servers reports"

# fmt: off
_ADDRESSES = (
    row("Source Address",               ("FromIP", "original-client-ip"), ipv4, ours=_SOURCE),
    row("Device Custom IPv6 Address 2", ("FromIP", "original-client-ip"), ipv6, label="Source IPv6 Address", ours=_SOURCE),
    row("Destination Address",          "ToIP",                           ipv4, ours=_TARGET),
    row("Device Custom IPv6 Address 3", "ToIP",                           ipv6, label="Destination IPv6 Address", ours=_TARGET),
)
# fmt: on
_FIELDS = frozenset(
    (
        "Device Address",
        "Device Custom IPv6 Address 1",
        *(entry.field for entry in _ADDRESSES),
    )
)  # fmt: skip
_TRACE_ONLY = {
    "Status": "the event says it; kept as additional data as the service wrote it",
    "Organization": "no field has this meaning; kept as additional data",
    "Index": "counts the rows of a page of the answer; kept as additional data",
    "StartDate": "the span that was asked for, not the message's; kept as additional data",
    "EndDate": "the span that was asked for, not the message's; kept as additional data",
}
_PENDING = dict(
    describe_event(name, 1, "/Communicate/Query", "/Attempt", "/Informational", "")
    for name in ("GETTINGSTATUS", "NONE")  # what became of the message is not known yet
)

ARCSIGHT_TRACE = replace(
    ARCSIGHT_2016,
    name="arcsight-trace",
    title="Message traces of Exchange Online to ArcSight",
    schemas=("trace",),
    columns=("FromIP", "ToIP", *_TRACE_ONLY),
    rows=(*(entry for entry in ARCSIGHT_2016.rows if entry.field not in _FIELDS), *_ADDRESSES),
    unmapped={**ARCSIGHT_2016.unmapped, **_TRACE_ONLY, "client-ip": _NO_DEVICE, "server-ip": _NO_DEVICE},
    events={**ARCSIGHT_2016.events, **_PENDING},
)
