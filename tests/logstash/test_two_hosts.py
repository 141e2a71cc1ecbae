"""Two servers have logs of one path: which of them an event is from decides by which header it is read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from exnorm import Normalizer
from exnorm.logstash import JSONCodec

pytestmark = pytest.mark.usefixtures("each_path")

PATH = r"C:\inetpub\logs\LogFiles\W3SVC1\u_ex260317.log"
OPENING = [
    "#Software: Microsoft Internet Information Services 10.0",
    "#Version: 1.0",
    "#Date: 2026-03-17 10:00:00",
]
NAMES = "date time {} cs-method cs-uri-stem cs-uri-query s-port cs-username {} sc-status"
# the first server writes s-ip before c-ip, the second c-ip before s-ip
FIELDS = {"ex40": NAMES.format("s-ip", "c-ip"), "ex50": NAMES.format("c-ip", "s-ip")}
ADDRESSES = {"ex40": ("192.0.2.40", "198.51.100.40"), "ex50": ("192.0.2.50", "198.51.100.50")}
"""Of each server: its own address, and its client's."""

HOSTS = {
    "Filebeat": lambda server: {"host": {"name": server}, "agent": {"hostname": "collector"}},
    "hostname": lambda server: {"host": {"hostname": server}},
    "a text": lambda server: {"host": server},
    "agent": lambda server: {"agent": {"hostname": server, "name": "x"}},
    "agent's name": lambda server: {"agent": {"name": server}},
    "beat": lambda server: {"beat": {"hostname": server}},
    "Fluent Bit": lambda server: {"hostname": server},
    "winlogbeat": lambda server: {"winlog": {"computer_name": server}},
    "flat": lambda server: {"host.name": server},
}


def header(server: str) -> list[str]:
    return [*OPENING, f"#Fields: {FIELDS[server]}"]


def row(server: str, number: int) -> str:
    own, client = ADDRESSES[server]
    first, last = (own, client) if server == "ex40" else (client, own)
    return f"2026-03-17 10:00:{number % 60:02d} {first} GET /owa/{server}/{number} - 443 - {last} 200"


def write(line: str, beside: dict[str, Any]) -> bytes:
    event = {
        "@timestamp": "2026-03-17T10:00:00.000Z",
        "message": line,
        "log": {"file": {"path": PATH}},
        **beside,
    }
    return json.dumps(event).encode() + b"\n"


def run(codec: JSONCodec, lines: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in codec.convert(b"".join(lines))]


def check(events: list[dict[str, Any]], expected: int) -> None:
    assert len(events) == expected
    for event in events:
        server = event["request"].split("/")[2]
        assert (event["dst"], event["src"]) == ADDRESSES[server]


@pytest.mark.parametrize("tell", HOSTS.values(), ids=HOSTS)
def test_each_row_is_read_by_the_header_of_its_own_server(tell: Any) -> None:
    codec = JSONCodec(Normalizer(format="json", fields="key"))
    assert run(codec, [write(line, tell(server)) for server in FIELDS for line in header(server)]) == []
    check(run(codec, [write(row(server, n), tell(server)) for n in range(100) for server in FIELDS]), 200)
    check(run(codec, [write(row(server, n), tell(server)) for server in FIELDS for n in range(100)]), 200)


def test_a_key_of_ones_own_tells_the_host() -> None:
    codec = JSONCodec(Normalizer(format="json", fields="key", host_key="fields.server"))
    lines = []
    for server in FIELDS:
        beside = {"host": {"name": "collector"}, "fields": {"server": server}}
        lines += [write(line, beside) for line in header(server)]
    for number in range(50):
        lines += [
            write(row(server, number), {"host": {"name": "collector"}, "fields": {"server": server}})
            for server in FIELDS
        ]
    check(run(codec, lines), 100)


def test_rows_of_two_layouts_under_one_key_are_refused_with_that_reason_and_never_guessed() -> None:
    codec = JSONCodec(Normalizer(format="json", fields="key"))
    check(
        run(codec, [write(line, {}) for line in [*header("ex40"), *(row("ex40", n) for n in range(40))]]), 40
    )
    mixed = [row(server, number) for number in range(40) for server in FIELDS]
    found = run(codec, [write(line, {}) for line in [*header("ex50"), *mixed]])
    assert [one["message"] for one in found] == mixed
    assert all("two headers with 10 columns in another order" in one["error"]["reason"] for one in found)
