"""Message traces of Exchange Online -> JSA: the table for message tracking, except for addresses.

A trace names the address that a message came from and the one it was handed to, so these are Source IP and
Destination IP. Of the summaries, ``original_client_ip`` is the source.
"""

from __future__ import annotations

from dataclasses import replace

from exnorm.convert import ip
from exnorm.tables.mapping import row
from exnorm.taxonomies.jsa.categories import describe_event
from exnorm.taxonomies.jsa.message_tracking import JSA_MESSAGE_TRACKING

_NO_DEVICE = "traces have no such column: the service does not say which of its servers reports"

# fmt: off
_ADDRESSES = (
    row("Source IP",      ("FromIP", "original-client-ip"), ip, ours="where the message came from"),
    row("Destination IP", "ToIP",                           ip, ours="where the message was handed to"),
)
# fmt: on
_FIELDS = frozenset(entry.field for entry in _ADDRESSES)
_UNMAPPED = {name: why for name, why in JSA_MESSAGE_TRACKING.unmapped.items() if name != "original-client-ip"}
_TRACE_ONLY = {
    "Status": "the event says it; kept under its own name as the service wrote it",
    "Organization": "no field has this meaning; kept under its own name",
    "Index": "counts the rows of a page of the answer; kept under its own name",
    "StartDate": "the span that was asked for, not the message's; kept under its own name",
    "EndDate": "the span that was asked for, not the message's; kept under its own name",
}
_PENDING = dict(
    describe_event(name, 18006, "Mail in Progress", 1)
    for name in ("GETTINGSTATUS", "NONE")  # what became of the message is not known yet
)

JSA_TRACE = replace(
    JSA_MESSAGE_TRACKING,
    name="jsa-trace",
    title="Message traces of Exchange Online to JSA",
    schemas=("trace",),
    columns=("FromIP", "ToIP", *_TRACE_ONLY),
    rows=(*(entry for entry in JSA_MESSAGE_TRACKING.rows if entry.field not in _FIELDS), *_ADDRESSES),
    unmapped={**_UNMAPPED, **_TRACE_ONLY, "client-ip": _NO_DEVICE, "server-ip": _NO_DEVICE},
    events={**JSA_MESSAGE_TRACKING.events, **_PENDING},
)
