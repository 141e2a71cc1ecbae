"""Message tracking and HttpProxy -> ArcSight with the contents of joined columns: tables beside the others.

``arcsight-rich`` is the guide's table for 2013 and later, with the network message id, the recipients'
status, the levels of the spam filter and the agents' verdicts in fields of their own. The guide's fields keep
their meaning, except in AGENTINFO, where Reference and Connector ID are empty. Internal Message ID makes room
for the original sender and stays additional data. Used only with ``--mapping``.
"""

from __future__ import annotations

from dataclasses import replace

from exnorm.convert import member
from exnorm.model import Mapping, Row
from exnorm.tables.joined_columns import agent_verdicts, bcl, comp_auth, faults, scl
from exnorm.tables.mapping import event_is, event_is_not, row
from exnorm.taxonomies.arcsight.http_proxy import ARCSIGHT_HTTP_PROXY
from exnorm.taxonomies.arcsight.message_tracking import ARCSIGHT_2016

_IN_FULL = "on request: a fact in a joined column, searchable by itself; the column stays additional data"
_WHOLE = "on request: the column in a field of its own rather than in additional data"
_ROOM = "the guide's row; not in AGENTINFO, where it is empty and makes room"
_AGENT, _OTHER = event_is("AGENTINFO"), event_is_not("AGENTINFO")

# fmt: off
_MAIL = (
    row("Device Custom Number 2", "custom-data",        scl, label="SCL", partial=True, ours=_IN_FULL),
    row("Device Custom Number 3", "custom-data",        bcl, label="BCL", partial=True, ours=_IN_FULL),
    row("Device Custom String 1", "custom-data",        member("OriginalFromAddress"), label="Original From Address", partial=True, ours=_IN_FULL),
    row("Device Custom String 3", "reference",          when=_OTHER, label="Reference", ours=_ROOM),
    row("Device Custom String 3", "custom-data",        agent_verdicts, when=_AGENT, label="Agent Verdicts", partial=True, ours=_IN_FULL),
    row("Device Custom String 4", "connector-id",       when=_OTHER, label="Connector ID", ours=_ROOM),
    row("Device Custom String 4", "custom-data",        comp_auth, when=_AGENT, label="Comp Auth", partial=True, ours=_IN_FULL),
    row("External ID",            "network-message-id", ours=_WHOLE),
    row("Reason",                 "recipient-status",   ours=_WHOLE),
)
_PROXY = (
    row("Device Custom String 4", "GenericInfo",        faults, label="Generic Info Errors", partial=True, ours=_IN_FULL),
    row("Device Custom String 6", "BackEndCookie",      label="Back End Cookie", ours=_WHOLE),
)
# fmt: on


def _enrich(mapping: Mapping, name: str, rows: tuple[Row, ...], freed: dict[str, str]) -> Mapping:
    """Return the table with these rows in place of those of the same fields or columns."""
    fields = {entry.field for entry in rows}
    taken = {origin for entry in rows if not entry.partial for origin in entry.origins}
    kept = tuple(
        entry
        for entry in mapping.rows
        if entry.field not in fields and not (entry.field == "Additional data" and taken & {*entry.origins})
    )
    named = {origin for entry in rows for origin in entry.origins if not entry.partial}
    unmapped = {column: why for column, why in mapping.unmapped.items() if column not in named}
    return replace(
        mapping,
        name=name,
        title=f"{mapping.title}, with the facts of joined columns in fields",
        schemas=(),
        auto=False,
        rows=(*kept, *rows),
        unmapped={**unmapped, **freed},
    )


ARCSIGHT_RICH = _enrich(
    ARCSIGHT_2016,
    "arcsight-rich",
    _MAIL,
    {"internal-message-id": "makes room for the original sender; kept as additional data"},
)
ARCSIGHT_RICH_HTTP_PROXY = _enrich(
    ARCSIGHT_HTTP_PROXY,
    "arcsight-rich-http-proxy",
    _PROXY,
    {
        "ClientRequestId": "makes room for the errors in GenericInfo; kept as additional data",
        "Organization": "makes room for the back-end cookie; kept as additional data",
    },
)
