"""Message traces of Exchange Online -> JSA: the table for message tracking, but for addresses.

A trace names the address that a message came from and the one it was handed to, so these are Source IP and
Destination IP. Of the summaries, ``original_client_ip`` is the source.
"""

from __future__ import annotations

from dataclasses import replace

from exnorm.convert import ip
from exnorm.tables.mapping import row
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

JSA_TRACE = replace(
    JSA_MESSAGE_TRACKING,
    name="jsa-trace",
    title="Message traces of Exchange Online to JSA",
    schemas=("trace",),
    columns=("FromIP", "ToIP"),
    rows=(*(entry for entry in JSA_MESSAGE_TRACKING.rows if entry.field not in _FIELDS), *_ADDRESSES),
    unmapped={**_UNMAPPED, "client-ip": _NO_DEVICE, "server-ip": _NO_DEVICE},
)
