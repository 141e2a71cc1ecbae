"""Agent logs (AGENTLOG): the actions of antispam and transport agents on sessions and messages.

16 columns in 2007, ``Diagnostics`` since 2010, three more since 2013. ``#Version`` is the same constant in
every product (15.0.0.0), so no product version is read from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from exnorm.convert import utc_ms
from exnorm.model import Derivation, Head, Reader, Record, Schema, Source
from exnorm.settings import Settings
from exnorm.sources.columnar import ColumnarReader, Refusal, derive, explain_date, split_csv
from exnorm.sources.endpoints import split_endpoint
from exnorm.sources.mail_flow import DERIVED, MailColumns, describe_mail
from exnorm.sources.recognition import recognize_columnar
from exnorm.text.patterns import compile_later

COLUMNS_2007 = (
    "Timestamp", "SessionId", "LocalEndpoint", "RemoteEndpoint", "EnteredOrgFromIP", "MessageId",
    "P1FromAddress", "P2FromAddresses", "Recipient", "NumRecipients", "Agent", "Event", "Action",
    "SmtpResponse", "Reason", "ReasonData",
)  # fmt: skip
COLUMNS_2010 = (*COLUMNS_2007, "Diagnostics")
COLUMNS = (*COLUMNS_2010, "NetworkMsgID", "TenantID", "Directionality")

# Builds before the release of 2013 also wrote 17 to 19 columns; with a header they can be read.
SCHEMAS = (
    Schema("2007", COLUMNS_2007),
    Schema("2010", COLUMNS_2010),
    Schema("2013", COLUMNS),
)

MAIL = MailColumns(
    senders=("P1FromAddress", "P2FromAddresses"),
    recipients="Recipient",
    directionality="Directionality",
    source="",
    ids=("NetworkMsgID", "MessageId", "SessionId"),
)

ACTIONS = (
    "AcceptMessage", "AttributionResult", "AutoNukeRecipient", "DeleteMessage", "DeleteRecipients",
    "Disconnect", "InvalidCertificate", "ModifyHeaders", "OnPremiseInboundConnectorInfo",
    "QuarantineMessage", "QuarantineRecipients", "RejectAuthentication", "RejectCommand",
    "RejectConnection", "RejectMessage", "RejectRecipients", "StampScl",
)  # fmt: skip

_LOG_TYPE = compile_later(r"Agent Log", re.IGNORECASE)
_FILE_NAME = compile_later(r"AGENTLOG\d{8,10}-\d+.*\.LOG.*", re.IGNORECASE)
# Every version has these, and no other log of Exchange has them.
_TELLTALE = frozenset(("EnteredOrgFromIP", "P1FromAddress", "P2FromAddresses"))
_SHAPES = {
    "SessionId": compile_later(r"[0-9A-Fa-f]*"),
    "NumRecipients": compile_later(r"\d*"),
    "Event": compile_later(r"(On[A-Za-z]+)?"),
    "Action": compile_later(r"[A-Za-z]+"),
    "NetworkMsgID": compile_later(r"[0-9A-Fa-f-]*"),
    "TenantID": compile_later(r"[0-9A-Fa-f-]*"),
    "Directionality": compile_later(r"(Incoming|Originating|Undefined)?", re.IGNORECASE),
}


def name_schema(columns: Sequence[str], version: str) -> str:
    """Return the product year by the columns alone, because the version in the header is a constant."""
    if "NetworkMsgID" in columns:
        return "2013"
    return "2010" if "Diagnostics" in columns else "2007"


COMPUTED = (
    Derivation(("server-address", "server-port"), ("LocalEndpoint",), split_endpoint),
    Derivation(("client-address", "client-port"), ("RemoteEndpoint",), split_endpoint),
)


def finish(record: Record) -> Refusal | None:
    """Read the row's time and split both endpoints."""
    moment = record.values.get("Timestamp", "")
    record.time = utc_ms(moment)
    if record.time is None:
        return explain_date("Timestamp", moment)
    derive(record, COMPUTED)
    return None


def is_plausible(values: Mapping[str, str]) -> bool:
    """Return whether values assigned by column count fit their columns."""
    remote = values.get("RemoteEndpoint", "")
    return (not remote or bool(split_endpoint(remote)[0])) and all(
        shape.fullmatch(values.get(column, "")) is not None for column, shape in _SHAPES.items()
    )


def open_reader(source: Source, head: Head, settings: Settings) -> Reader:
    """Return a reader for one file."""
    return ColumnarReader(
        source,
        settings,
        split=split_csv,
        finish=describe_mail(finish, MAIL, settings),
        name_schema=name_schema,
        plausible=is_plausible,
        derived_from={},
        computed=COMPUTED,
    )


AGENT_LOG = Source(
    name="agent_log",
    title="Exchange agent log",
    columns=COLUMNS,
    derived={
        "server-address": "LocalEndpoint",
        "server-port": "",
        "client-address": "RemoteEndpoint",
        "client-port": "",
        **DERIVED,
    },
    recognize=recognize_columnar(
        SCHEMAS, log_type=_LOG_TYPE, telltale=_TELLTALE, plausible=is_plausible, file_name=_FILE_NAME
    ),
    open=open_reader,
    event_column="Action",
    events=frozenset(action.upper() for action in ACTIONS),
    variants={action: action.upper() for action in ACTIONS},
    schemas=SCHEMAS,
    recipients=("Recipient", ""),  # no column holds a status for each recipient
    agent_log_format="AGENTLOG",
    names=("AGENTLOG*.LOG",),
)
