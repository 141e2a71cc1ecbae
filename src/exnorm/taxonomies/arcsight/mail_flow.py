"""Rows for the direction of a message and the correlation of its rows, written on request
only; all are ours.
"""

from __future__ import annotations

from exnorm.convert import text
from exnorm.model import Row
from exnorm.tables.mapping import row, setting_is

_NUMBERS = {"inbound": 0, "outbound": 1}
_ID_BYTES = 128
_DIRECTION = setting_is("direction", True)
_CORRELATION = setting_is("correlation", True)


def direction_number(value: str) -> int | None:
    """Return 0 for inbound and 1 for outbound; the CEF dictionary has no number for other directions."""
    return _NUMBERS.get(value)


def message_key(value: str) -> str:
    """Return the id, or a digest of one longer than the field: a cut id could equal another message's."""
    encoded = value.encode("utf-8", "surrogatepass")
    if len(encoded) <= _ID_BYTES:
        return text(value)
    from hashlib import sha256  # few runs need it

    return f"sha256:{sha256(encoded).hexdigest()}"


def correlation_row(*origins: str) -> Row:
    """Return the row for the shared id in a log whose rows belong to a session rather than to a message."""
    return row(
        "Device Payload ID",
        origins,
        message_key,
        when=_CORRELATION,
        ours="with --correlation: the message where the row knows it, else the session; longer ones as a digest",
    )


def mail_flow_rows(free_field: str = "") -> tuple[Row, ...]:
    """Return the rows of a table in which the custom field ``free_field`` is free (``""``: none is)."""
    # fmt: off
    rows = (
        row("Device Direction",  "mail-direction", direction_number, when=_DIRECTION,   ours="with --direction: the CEF field of this meaning, which knows inbound and outbound only"),
        row("Device Payload ID", "correlation-id", message_key,      when=_CORRELATION, ours="with --correlation: the same in every row of one message; a longer id as its digest"),
    )
    if not free_field:
        return rows
    return (*rows, row(free_field, "mail-direction", when=_DIRECTION, label="Mail Direction", ours="with --direction: inbound, outbound, internal or unknown"))
    # fmt: on
