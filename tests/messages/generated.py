# ruff: noqa: E501
"""Logs of four servers with known stories: made from a plan, so that what must be told is known before."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from tests.journey.rows import INSIDE, row, sent

SERVERS = ("MBX1", "HUB1", "HUB2", "MBX2")


@dataclass
class Planned:
    """A message and what must be told of it."""

    network: str
    message: str
    sender: str
    subject: str
    size: int
    states: dict[str, str] = field(default_factory=dict)
    rows: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in SERVERS})
    client: str = ""

    @property
    def count(self) -> int:
        return sum(map(len, self.rows.values()))


def stamp(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03}"


def plan(number: int, seed: int = 1) -> Planned:
    """A message from a mailbox on MBX1 over HUB1, to mailboxes on MBX2, outside, a group, some that fail."""
    chance = random.Random(seed * 1_000_003 + number)
    is_old = number % 10 == 9  # HUB1 of 2010 writes no network message id
    made = Planned(
        network=f"{number:08x}-{seed:04x}-4000-8000-00000000cafe",
        message=f"<{number}.{seed}@contoso.test>",
        sender=f"user{chance.randrange(20)}@contoso.test",
        subject=f"Subject {chance.randrange(10)}",
        size=chance.randrange(1000, 100_000),
        client=f"203.0.113.{chance.randrange(1, 20)}",
    )
    begin = number * 700 + 1000
    ids = {"message_id": made.message, "network_message_id": made.network}
    old_ids = {**ids, "network_message_id": ""} if is_old else ids
    cells = {
        "sender_address": made.sender, "return_path": made.sender, "message_subject": made.subject,
        "total_bytes": str(made.size),
    }  # fmt: skip
    internal = str(10_000 + number)
    inside = [f"in{chance.randrange(50)}@contoso.test" for _ in range(chance.randrange(1, 4))]
    inside = list(dict.fromkeys(inside))
    outside = (
        [f"out{chance.randrange(50)}@partner{chance.randrange(9)}.example"] if chance.random() < 0.4 else []
    )
    group = ["team@contoso.test"] if chance.random() < 0.3 else []
    asked = ";".join([*inside, *outside, *group])

    def write(server: str, line: str) -> None:
        made.rows[server].append(line)

    write("MBX1", row(stamp(begin), "RECEIVE", "MBX1", "STOREDRIVER", recipient_address=asked,
                      internal_message_id=internal, original_client_ip=made.client, **ids, **cells))  # fmt: skip
    write(
        "MBX1",
        sent(
            stamp(begin + 100),
            "MBX1",
            "HUB1.contoso.test",
            asked,
            internal_message_id=internal,
            **ids,
            **cells,
        ),
    )
    write("HUB1", row(stamp(begin + 200), "RECEIVE", "HUB1", client_hostname="MBX1.contoso.test", recipient_address=asked,
                      internal_message_id=internal, connector_id="HUB1\\Default HUB1", **old_ids, **cells))  # fmt: skip
    members = [f"member{chance.randrange(9)}@contoso.test"] if group else []
    if group:
        write("HUB1", row(stamp(begin + 210), "EXPAND", "HUB1", "ROUTING", recipient_address=";".join(members),
                          related_recipient_address=group[0], internal_message_id=internal, **old_ids, **cells))  # fmt: skip
        made.states[group[0]] = "expanded"
    to_mailbox = list(dict.fromkeys([*inside, *members]))
    write(
        "HUB1",
        sent(
            stamp(begin + 300),
            "HUB1",
            "MBX2.contoso.test",
            ";".join(to_mailbox),
            connector_id=INSIDE,
            **old_ids,
            **cells,
        ),
    )
    for address in outside:
        copy = {**old_ids, "internal_message_id": str(50_000 + number), "reference": internal}
        write(
            "HUB1",
            row(
                stamp(begin + 310), "TRANSFER", "HUB1", "ROUTING", recipient_address=address, **copy, **cells
            ),
        )
        write(
            "HUB1",
            sent(
                stamp(begin + 400),
                "HUB1",
                "mx.partner.example",
                address,
                event="SENDEXTERNAL",
                connector_id="Out",
                **old_ids,
                **cells,
            ),
        )
        made.states[address] = "delivered"
    write(
        "MBX2",
        row(
            stamp(begin + 350),
            "RECEIVE",
            "MBX2",
            client_hostname="HUB1.contoso.test",
            recipient_address=";".join(to_mailbox),
            **ids,
            **cells,
        ),
    )
    for place, address in enumerate(to_mailbox):
        kind = chance.choices(("DELIVER", "FAIL", "DEFER", ""), (80, 8, 6, 6))[0]
        status = {"FAIL": "550 5.1.1 User unknown", "DEFER": "432 4.3.2 busy"}.get(kind, "")
        if kind:
            write("MBX2", row(stamp(begin + 500 + place), kind, "MBX2", "STOREDRIVER", recipient_address=address,
                              recipient_status=status, **ids, **cells))  # fmt: skip
        made.states[address] = {"DELIVER": "delivered", "FAIL": "failed", "DEFER": "deferred"}.get(
            kind, "pending"
        )
    return made
