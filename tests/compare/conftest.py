"""A log of message tracking, and by hand what a connector that follows the vendor's guide makes of it.

Nothing here uses exnorm: the pairs of each event are put together from the guide's table as it is transcribed
in tests/guides/arcsight-2016.csv, and written as CEF's own description says.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

GUIDE = Path(__file__).parents[1] / "guides" / "arcsight-2016.csv"
COLUMNS = [
    "date-time", "client-ip", "client-hostname", "server-ip", "server-hostname", "source-context",
    "connector-id", "source", "event-id", "internal-message-id", "message-id", "network-message-id",
    "recipient-address", "recipient-status", "total-bytes", "recipient-count",
    "related-recipient-address", "reference", "message-subject", "sender-address", "return-path",
    "message-info", "directionality", "tenant-id", "original-client-ip", "original-server-ip",
    "custom-data", "transport-traffic-type", "log-id", "schema-version",
]  # fmt: skip

# The keys of the ArcSight fields that the guide names, from the dictionary of CEF.
KEYS = {
    "Bytes In": "in", "Bytes Out": "out", "Destination Address": "dst", "Destination Host Name": "dhost",
    "Destination User Name": "duser", "Device Address": "dvc", "Device Custom IPv6 Address 1": "c6a1",
    "Device Custom IPv6 Address 3": "c6a3", "Device Custom Number 1": "cn1", "Device Custom String 1": "cs1",
    "Device Custom String 2": "cs2", "Device Custom String 3": "cs3", "Device Custom String 4": "cs4",
    "Device Custom String 5": "cs5", "Device Custom String 6": "cs6", "Device Event Category": "cat",
    "Device Host Name": "dvchost", "Device Receipt Time": "rt", "Flex String 1": "flexString1",
    "Message": "msg", "Source Address": "src", "Source Service Name": "sourceServiceName",
    "Source User Name": "suser",
}  # fmt: skip
LABELS = {
    "c6a1": "Device IPv6 Address", "c6a3": "Destination IPv6 Address", "cn1": "Recipient Count",
    "cs1": "Internal Message ID", "cs2": "Message ID", "cs3": "Reference", "cs4": "Connector ID",
    "cs5": "Source Context", "cs6": "Return Path", "flexString1": "Directionality",
}  # fmt: skip
# What is in no guide: severity, outcome, and the columns that have no row and are kept.
SEVERITIES = {"RECEIVE": "1", "SEND": "1", "DELIVER": "1", "FAIL": "5", "DSN": "3"}
OUTCOMES = {
    "RECEIVE": "success",
    "SEND": "success",
    "DELIVER": "success",
    "FAIL": "failure",
    "DSN": "success",
}
KEPT = ("original-server-ip", "log-id", "schema-version")
ZERO = 1_789_997_600_000
"""2026-09-21T13:33:20.000Z in epoch milliseconds."""

EVENTS = ("RECEIVE", "SEND", "DELIVER", "FAIL", "DSN")
Row = dict[str, str]
Pairs = dict[str, str]


def make_row(number: int) -> Row:
    """One row; every second has IPv6 addresses, every fifth is of the same event."""
    event, second = EVENTS[number % 5], 20 + number
    is_six = number % 2 == 1
    row = dict.fromkeys(COLUMNS, "")
    row.update({
        "date-time": f"2026-09-21T13:33:{second:02}.{100 + number:03}Z",
        "client-ip": f"2001:db8::{number + 1}" if is_six else f"10.4.11.{number + 1}",
        "client-hostname": f"EX{number:02}.corp.example",
        "server-ip": f"2001:db8:1::{number + 1}" if is_six else f"10.4.12.{number + 1}",
        "server-hostname": f"HUB{number:02}.corp.example",
        "source-context": f"08D9A1{number:02};250 2.0.0 OK; ClientSubmitTime:2026-09-21T13:33:19.000Z",
        "connector-id": "Outbound Mail", "source": "SMTP", "event-id": event,
        "internal-message-id": str(64441689310559 + number),
        "message-id": f"<msg{number:02}.4711@mail.corp.example>",
        "network-message-id": f"0fd591fe-1cc4-47f0-0bbc-08d654b94{number:03}",
        "recipient-address": f"bea{number:02}@partner.example", "recipient-status": "250 2.1.5 OK",
        "total-bytes": str(7000 + number), "recipient-count": "1",
        "reference": f"<ref{number:02}@mail.corp.example>",
        "message-subject": f"Quarterly figures of the northern branch, part {number:02}",
        "sender-address": f"ana{number:02}@corp.example", "return-path": f"bounce{number:02}@corp.example",
        "message-info": f"2026-09-21T13:33:19.{number:03}Z;SRV=HUB:TOTAL-FE=0.0{number:02}",
        "directionality": "Originating",
        "original-client-ip": f"192.0.2.{number + 1}", "original-server-ip": "10.4.12.200",
        "custom-data": f"S:E2ELatency=0.{number:03};S:DeliveryPriority=Normal;S:AccountForest=corp.example",
        "transport-traffic-type": "Email", "log-id": f"755ab09c-9c04-44aa-8b07-08d654b94{number:03}",
        "schema-version": "15.01.2507.039",
    })  # fmt: skip
    return row


def read_guide() -> list[tuple[str, str]]:
    with GUIDE.open(encoding="utf-8", newline="") as lines:
        return [(left, right) for left, right in csv.reader(lines)][1:]


def apply_guide(row: Row) -> Pairs:
    """The keys and values of one row by the guide's table; what the guide says of IPv6 and zones by hand."""
    found: Pairs = {}
    for field, cell in read_guide():
        column = cell.split(" ")[0].rstrip(",")
        value = row.get(column, "")
        if field == "Additional data" and value:
            found[f"ad.{column}"] = value
        if field not in KEYS or not value:
            continue
        if "RECEIVE" in cell and ("except" in cell) is (row["event-id"] == "RECEIVE"):
            continue
        if column.endswith("-ip") and ("IPv6" in field) is (":" not in value):
            continue
        key = KEYS[field]
        found[key] = str(to_ms(value)) if key == "rt" else value
        if key in LABELS:
            found[f"{key}Label"] = LABELS[key]
    found.update({f"ad.{column}": row[column] for column in KEPT})
    found["outcome"] = OUTCOMES[row["event-id"]]
    return found


def to_ms(text: str) -> int:
    """Of times within the minute that the rows are of."""
    return ZERO - 20_000 + int(float(text[17:-1]) * 1000 + 0.5)


class Capture:
    """Rows, and the events that a connector made of them, to be changed."""

    def __init__(self, rows: int) -> None:
        self.rows = [make_row(number) for number in range(rows)]
        self.events = [apply_guide(row) for row in self.rows]
        self.heads = [
            ["Microsoft", "Exchange Server", row["schema-version"], row["event-id"], row["event-id"],
             SEVERITIES[row["event-id"]]]
            for row in self.rows
        ]  # fmt: skip
        self.wrap: Callable[[str], str] = lambda line: f"<134>Sep 21 13:33:20 arc01 {line}"

    def log(self) -> str:
        lines = ["#Software: Microsoft Exchange Server", "#Version: 15.01.2507.039",
                 "#Log-type: Message Tracking Log", "#Fields: " + ",".join(COLUMNS)]  # fmt: skip
        lines += [
            ",".join(f'"{row[name]}"' if "," in row[name] else row[name] for name in COLUMNS)
            for row in self.rows
        ]
        return "\r\n".join(lines) + "\r\n"

    def lines(self) -> list[str]:
        return [self.wrap(write_cef(head, pairs)) for head, pairs in zip(self.heads, self.events)]


def write_cef(head: list[str], pairs: Pairs) -> str:
    cells = [cell.replace("\\", "\\\\").replace("|", "\\|") for cell in head]
    text = " ".join(
        f"{key}=" + value.replace("\\", "\\\\").replace("=", "\\=").replace("\n", "\\n")
        for key, value in pairs.items()
    )
    return f"CEF:0|{'|'.join(cells)}|{text}"


@pytest.fixture
def capture() -> Capture:
    return Capture(10)


Found = set[tuple[str, str, int]]


def differences(content: dict[str, Any]) -> Found:
    """Field, kind and count of everything that a comparison found."""
    return {
        (one["name"], found["kind"], found["count"])
        for one in content["fields"]
        for found in one["differences"]
    }
