# ruff: noqa: E501
"""Rows of message tracking written by name, and one message over four servers that was worked out by hand.

anna@contoso.test writes to six, one of them a group of two, another with an alternate recipient: nine
addresses. MBX1 submits, HUB1 expands and routes, HUB2 passes on, MBX2 delivers. The log of HUB2 is missing.
"""

from __future__ import annotations

from pathlib import Path

from exnorm import Normalizer, Record
from exnorm.journey.steps import Step, read_step
from exnorm.sources.message_tracking import COLUMNS_2016
from exnorm.text.lines import join_csv

NETWORK = "6a638d20-1e63-493a-80a2-08da9a4ff8da"
MESSAGE = "<q3@contoso.test>"
INSIDE = "Intra-Organization SMTP Send Connector"
HEADER = (
    "\ufeff#Software: Microsoft Exchange Server\r\n#Version: 15.01.2507.039\r\n#Log-type: Message Tracking Log\r\n"
    f"#Date: 2026-03-17T00:00:00.000Z\r\n#Fields: {','.join(COLUMNS_2016)}\r\n"
)


def row(time: str, event: str, server: str, source: str = "SMTP", **cells: str) -> str:
    """A row of 17 March 2026; a name such as ``total_bytes`` is the column ``total-bytes``.

    The message's ids are there unless they are given; the writing server stands where its event has it.
    """
    named = {name.replace("_", "-"): value for name, value in cells.items()}
    ours = (
        "client-hostname"
        if event in ("SEND", "SENDEXTERNAL", "FAIL", "DEFER", "SUBMIT")
        else "server-hostname"
    )
    values = {
        "message-id": MESSAGE,
        "network-message-id": NETWORK,
        "message-subject": "Quarterly figures",
        "sender-address": "anna@contoso.test",
        "return-path": "anna@contoso.test",
        "directionality": "Originating",
        "total-bytes": "5120",
        ours: f"{server}.contoso.test",
        **named,
        "date-time": f"2026-03-17T{time}Z",
        "source": source,
        "event-id": event,
    }
    return join_csv([values.get(column, "") for column in COLUMNS_2016]) + "\r\n"


def sent(time: str, server: str, to: str, recipients: str, **cells: str) -> str:
    count = recipients.count(";") + 1
    status = cells.pop("recipient_status", ";".join(["250 2.1.5 Recipient OK"] * count))
    return row(
        time, cells.pop("event", "SEND"), server, server_hostname=to, recipient_address=recipients,
        recipient_status=status, **{"connector_id": INSIDE, **cells},
    )  # fmt: skip


SIX = "bo@contoso.test;cy@contoso.test;sales@contoso.test;fay@partner.example;gus@partner.example;hal@contoso.test"
AT_MBX2 = "bo@contoso.test;cy@contoso.test;dee@contoso.test;eve@contoso.test"
MBX1 = [
    row("08:30:00.000", "SUBMIT", "MBX1", "STOREDRIVER", network_message_id="", source_context=(
        "MDB:11111111-2222-3333-4444-555555555555, Mailbox:33345678-3232-2323-1111-08da9fd00918, "
        "Event:63779422, MessageClass:IPM.Note, ClientType:OWA"), original_client_ip="203.0.113.9"),
    row("08:30:00.200", "RECEIVE", "MBX1", "STOREDRIVER", internal_message_id="438", recipient_address=SIX,
        recipient_status="To;To;To;To;To;Cc", original_client_ip="203.0.113.9"),
    row("08:30:00.300", "HAREDIRECT", "MBX1", recipient_address=SIX),
    sent("08:30:01.000", "MBX1", "HUB1.contoso.test", SIX, internal_message_id="438"),
]  # fmt: skip
HUB1 = [
    row("08:30:00.900", "RECEIVE", "HUB1", client_hostname="MBX1.contoso.test", internal_message_id="9001",
        source_context="08DA9A4FF8DA0001;2026-03-17T08:30:00.800Z;0", connector_id="HUB1\\Default HUB1", recipient_address=SIX),
    row("08:30:01.100", "EXPAND", "HUB1", "ROUTING", recipient_address="dee@contoso.test;eve@contoso.test",
        related_recipient_address="sales@contoso.test", recipient_status="250 2.1.5 RESOLVER.GRP.Expanded; distribution list expanded"),
    row("08:30:01.150", "REDIRECT", "HUB1", "ROUTING", recipient_address="hal@contoso.test", related_recipient_address="ivy@contoso.test"),
    row("08:30:01.200", "AGENTINFO", "HUB1", "AGENT", custom_data="S:SFA=SUM|SFV=NSPM|SCL=1"),
    row("08:30:01.250", "TRANSFER", "HUB1", "ROUTING", internal_message_id="9002", reference="9001", recipient_address="fay@partner.example;gus@partner.example"),
    sent("08:30:02.000", "HUB1", "mx.partner.example", "fay@partner.example", internal_message_id="9002", connector_id="To the Internet", recipient_status="250 2.0.0 Ok: queued as 4F1"),
    row("08:30:02.500", "DEFER", "HUB1", recipient_address="gus@partner.example", recipient_status="421 4.4.1 Connection timed out", internal_message_id="9002"),
    sent("08:30:03.000", "HUB1", "HUB2.contoso.test", AT_MBX2 + ";ivy@contoso.test", internal_message_id="9001"),
]  # fmt: skip
HUB2 = [
    row("08:30:03.100", "RECEIVE", "HUB2", client_hostname="HUB1.contoso.test", recipient_address=AT_MBX2 + ";ivy@contoso.test"),
    sent("08:30:03.500", "HUB2", "MBX2.contoso.test", AT_MBX2),
    row("08:30:03.900", "FAIL", "HUB2", recipient_address="ivy@contoso.test", recipient_status="550 5.1.1 User unknown"),
]  # fmt: skip
MBX2 = [
    row("08:30:03.400", "RECEIVE", "MBX2", client_hostname="HUB2.contoso.test", internal_message_id="77", recipient_address=AT_MBX2),
    row("08:30:04.000", "DELIVER", "MBX2", "STOREDRIVER", recipient_address="bo@contoso.test", recipient_status="Inbox"),
    row("08:30:04.100", "DELIVER", "MBX2", "STOREDRIVER", recipient_address="cy@contoso.test;dee@contoso.test"),
    row("08:30:05.250", "FAIL", "MBX2", "STOREDRIVER", recipient_address="eve@contoso.test",
        recipient_status="'554 5.2.2 mailbox full; STOREDRV.Deliver'"),
    row("08:30:06.000", "DSN", "MBX2", "DSN", message_id="<dsn1@contoso.test>", message_subject="Undeliverable", network_message_id="77777777-1e63-493a-80a2-08da9a4ff8da",
        reference=MESSAGE, recipient_address="anna@contoso.test", source_context="Failure", sender_address="postmaster@contoso.test", return_path="<>"),
    row("08:30:06.500", "DELIVER", "MBX1", "STOREDRIVER", message_id="<dsn1@contoso.test>", message_subject="Undeliverable", network_message_id="77777777-1e63-493a-80a2-08da9a4ff8da",
        recipient_address="anna@contoso.test", sender_address="postmaster@contoso.test", return_path="<>"),
]  # fmt: skip
STATES = {
    "bo@contoso.test": "delivered",
    "cy@contoso.test": "delivered",
    "sales@contoso.test": "expanded",
    "fay@partner.example": "delivered",
    "gus@partner.example": "deferred",
    "hal@contoso.test": "redirected",
    "dee@contoso.test": "delivered",
    "eve@contoso.test": "failed",
    "ivy@contoso.test": "pending",
}
"""Without the log of HUB2; with it ivy's state is ``failed``."""


def read(lines: list[str], name: str = "MSGTRK2026031708-1.LOG") -> list[Step]:
    normalizer = Normalizer(discover_plugins=False)
    items = list(normalizer.parse((HEADER + "".join(lines)).encode(), normalizer.stream(name)))
    assert all(isinstance(item, Record) for item in items), items
    return [read_step(item) for item in items if isinstance(item, Record)]


def write(folder: Path, **logs: list[str]) -> Path:
    """A folder with one log for each server."""
    for server, lines in logs.items():
        file = folder / server / "MSGTRK2026031708-1.LOG"
        file.parent.mkdir(parents=True)
        file.write_bytes((HEADER + "".join(lines)).encode())
    return folder
