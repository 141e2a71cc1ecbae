"""Realistic rows of a message tracking log of Exchange 2016, the same for the same seed.

    python benchmarks/tracking_rows.py --rows 500000 --output MSGTRK2026010100-1.LOG

About 730 bytes a row, BOM and CRLF, 5 % IPv6, subjects with quotes, commas, ``|``, ``=`` and Unicode,
several recipients, and the events of a transport server in about their usual shares. Every other cell
is filled as Microsoft's documentation describes it for the row's event.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from exnorm.sources.message_tracking import COLUMNS_2016
from exnorm.text.lines import join_csv

VERSION = "15.01.2507.039"
FIRST_SECOND = 1_767_225_600  # 2026-01-01T00:00:00Z

# event, source, share in a thousand
EVENTS = (
    ("RECEIVE", "SMTP", 260), ("DELIVER", "STOREDRIVER", 170), ("SEND", "SMTP", 150),
    ("SENDEXTERNAL", "SMTP", 60), ("HAREDIRECT", "SMTP", 70), ("HARECEIVE", "SMTP", 70),
    ("HADISCARD", "SMTP", 60), ("SUBMIT", "STOREDRIVER", 50), ("RECEIVE", "STOREDRIVER", 40),
    ("AGENTINFO", "AGENT", 20), ("EXPAND", "ROUTING", 10), ("TRANSFER", "ROUTING", 10),
    ("DUPLICATEDELIVER", "STOREDRIVER", 8), ("RESOLVE", "ROUTING", 8), ("FAIL", "ROUTING", 6),
    ("DEFER", "SMTP", 4), ("DSN", "DSN", 3), ("NOTIFYMAPI", "STOREDRIVER", 1),
)  # fmt: skip
WORDS = [
    "invoice",
    "meeting",
    "report",
    "update",
    "offer",
    "contract",
    "weekly",
    "review",
    "team",
    "budget",
    "project",
    "order",
    "delivery",
    "holiday",
    "ticket",
    "password",
    "notice",
    "summary",
    "agenda",
    "customer",
    "quarter",
    "release",
    "question",
    "answer",
    "plan",
]
UNICODE = (
    "Grüße aus München",
    "Angebot für März",
    "会議のお知らせ",
    "Счёт за июль",
    "Réunion à 9h",
    "café ☕",
)
HOSTILE = (
    "a=b | c", "Re: 50% off | today", 'He said "no"', "Smith, John: offer", "path C:\\temp",
    'The "plan", and what is next', "key=value; x=1",
)  # fmt: skip


def make_rows(rows: int, seed: int = 20260101) -> Iterator[str]:
    """Rows without a line end; the header is not among them."""
    chance = random.Random(seed)
    names, shares = [(e, s) for e, s, _ in EVENTS], [share for _, _, share in EVENTS]
    users = [f"user{n}.{chance.choice(WORDS)}@example.test" for n in range(3000)]
    outside = [f"{chance.choice(WORDS)}{n}@partner{n % 200}.example" for n in range(5000)]
    peers = [_address(chance) for _ in range(4000)]
    milliseconds = FIRST_SECOND * 1000
    for number in range(rows):
        milliseconds += chance.randrange(0, 40)
        event, source = chance.choices(names, shares)[0]
        yield join_csv(_cells(chance, number, milliseconds, event, source, users, outside, peers))


def header(version: str = VERSION) -> str:
    """The five lines before the first row, with their line ends."""
    lines = (
        "#Software: Microsoft Exchange Server",
        f"#Version: {version}",
        "#Log-type: Message Tracking Log",
        "#Date: 2026-01-01T00:00:00.000Z",
        f"#Fields: {','.join(COLUMNS_2016)}",
    )
    return "\ufeff" + "".join(line + "\r\n" for line in lines)


def _address(chance: random.Random) -> str:
    if chance.random() < 0.05:
        return (
            f"2001:db8:{chance.randrange(65536):x}:{chance.randrange(65536):x}::{chance.randrange(65536):x}"
        )
    numbers = (chance.choice((10, 172, 192, 203)), chance.randrange(256), chance.randrange(256))
    return ".".join(map(str, (*numbers, chance.randrange(1, 255))))


def _subject(chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.12:
        return chance.choice(HOSTILE)
    if kind < 0.25:
        return f"{chance.choice(UNICODE)} {chance.randrange(1000)}"
    words = " ".join(chance.choice(WORDS) for _ in range(chance.randrange(2, 9)))
    return (
        f"{chance.choice(('', 'Re: ', 'FW: ', ''))}{words}, {chance.randrange(100)}" if kind < 0.3 else words
    )


def _iso(milliseconds: int) -> str:
    days, rest = divmod(milliseconds - FIRST_SECOND * 1000, 86_400_000)
    hours, rest = divmod(rest, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"2026-01-{1 + days % 31:02}T{hours:02}:{minutes:02}:{rest // 1000:02}.{rest % 1000:03}Z"


def _guid(chance: random.Random) -> str:
    digits = f"{chance.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _cells(
    chance: random.Random,
    number: int,
    milliseconds: int,
    event: str,
    source: str,
    users: list[str],
    outside: list[str],
    peers: list[str],
) -> list[str]:
    moment = _iso(milliseconds)
    server = f"EX{chance.randrange(1, 5):02}"
    short = event in {"HADISCARD", "HAREDIRECT", "HARECEIVE"}
    inbound = chance.random() < 0.5
    sender = chance.choice(outside if inbound else users)
    if event == "DSN" or chance.random() < 0.02:
        sender = "<>"
    amount = 1 if chance.random() < 0.8 else chance.randrange(2, 7)
    if chance.random() < 0.003:
        amount = 60
    recipients = [chance.choice(users if inbound else outside) for _ in range(amount)]
    status = ";".join("250 2.1.5 Recipient OK" for _ in recipients) if event.startswith("SEND") else ""
    if event == "FAIL":
        status = ";".join("550 5.1.1 RESOLVER.ADR.RecipNotFound; not found" for _ in recipients)
    connector = (
        f"{server}\\Default Frontend {server}"
        if event == "RECEIVE"
        else "Intra-Organization SMTP Send Connector"
    )
    peer = chance.choice(peers) if source == "SMTP" else ""
    context = f"{chance.getrandbits(64):016X};{moment};0"
    latency = f"S:E2ELatency={chance.random() * 3:.3f};S:DeliveryPriority=Normal;S:AccountForest=example.test"
    times = f"TOTAL-FE={chance.random():.3f}|SMR={chance.random():.3f}(SMRPI={chance.random():.3f})"
    detail = f"{moment};SRV={server}.example.test:{times}"
    return [
        moment,
        peer or f"fe80::{chance.randrange(1, 9)}%{chance.randrange(1, 20)}",
        f"{server}.example.test",
        f"10.0.{chance.randrange(4)}.{chance.randrange(1, 9)}" if source == "SMTP" else "",
        f"{server}.example.test",
        context
        if source == "SMTP"
        else "MDB:" + _guid(chance) + ", Mailbox:" + _guid(chance)
        if event == "SUBMIT"
        else context,
        connector if source == "SMTP" else "",
        source,
        event,
        str(64441689310559 + number),
        f"<{chance.getrandbits(96):024x}@mail{number % 40}.example.test>",
        _guid(chance),
        ";".join(recipients),
        status,
        str(chance.randrange(2000, 90000))
        if chance.random() < 0.99
        else str(chance.randrange(10**6, 40 * 10**6)),
        str(amount),
        "",
        f"<{chance.getrandbits(64):016x}@partner.example>" if chance.random() < 0.2 else "",
        "" if short else _subject(chance),
        sender,
        sender,
        detail if event in {"DELIVER", "SEND", "SENDEXTERNAL"} else f"{moment};{chance.getrandbits(32)}",
        "Incoming" if inbound else "Originating",
        "" if short else _guid(chance),
        peer if event != "DELIVER" else "10.0.9.9",
        f"10.0.1.{chance.randrange(1, 9)}",
        latency
        + (";" + detail if event == "DELIVER" else ";S:ProxyHop1=" + server + ".example.test(10.0.1.7)"),
        "Email",
        _guid(chance),
        VERSION,
    ]


def main() -> None:
    """Write a log file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--seed", type=int, default=20260101)
    parser.add_argument("--output", required=True)
    given = parser.parse_args()
    with open(given.output, "wb") as file:
        file.write(header().encode("utf-8"))
        for row in make_rows(given.rows, given.seed):
            file.write(row.encode("utf-8") + b"\r\n")


if __name__ == "__main__":
    main()
