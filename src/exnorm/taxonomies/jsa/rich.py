"""Message tracking and HttpProxy -> JSA with the contents of joined columns: tables beside the others.

Each has every row of the table it stands beside; used only with ``--mapping``. The recipients' status and the
back-end cookie are attributes under their columns' names, recipientStatus and BackEndCookie, in every table.
"""

from __future__ import annotations

from dataclasses import replace

from exnorm.convert import member
from exnorm.model import Mapping, Row
from exnorm.tables.joined_columns import agent_verdicts, bcl, comp_auth, faults, scl
from exnorm.tables.mapping import row
from exnorm.taxonomies.jsa.http_proxy import JSA_HTTP_PROXY
from exnorm.taxonomies.jsa.message_tracking import JSA_MESSAGE_TRACKING

_IN_FULL = "on request: a fact in a joined column, as an attribute of its own; the column stays one too"

# fmt: off
_MAIL = (
    row("originalFromAddress", "custom-data",      member("OriginalFromAddress"), partial=True, ours=_IN_FULL),
    row("scl",                 "custom-data",      scl, partial=True, ours=_IN_FULL),
    row("bcl",                 "custom-data",      bcl, partial=True, ours=_IN_FULL),
    row("compAuth",            "custom-data",      comp_auth, partial=True, ours=_IN_FULL),
    row("agentVerdicts",       "custom-data",      agent_verdicts, partial=True, ours=_IN_FULL),
)
_PROXY = (
    row("genericInfoErrors",   "GenericInfo",      faults, partial=True, ours=_IN_FULL),
)
# fmt: on


def _enrich(mapping: Mapping, name: str, rows: tuple[Row, ...]) -> Mapping:
    return replace(
        mapping,
        name=name,
        title=f"{mapping.title}, with the facts of joined columns in attributes",
        auto=False,
        rows=(*mapping.rows, *rows),
    )


JSA_RICH = _enrich(JSA_MESSAGE_TRACKING, "jsa-rich", _MAIL)
JSA_RICH_HTTP_PROXY = _enrich(JSA_HTTP_PROXY, "jsa-rich-http-proxy", _PROXY)
