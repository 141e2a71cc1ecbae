"""Two servers have logs of one path: which of them a record is from decides by which header it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgpack
import pytest

from exnorm.fluentbit import ChunkFilter

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


def header(server: str) -> list[str]:
    return [*OPENING, f"#Fields: {FIELDS[server]}"]


def row(server: str, number: int) -> str:
    own, client = ADDRESSES[server]
    first, last = (own, client) if server == "ex40" else (client, own)
    return f"2026-03-17 10:00:{number % 60:02d} {first} GET /owa/{server}/{number} - 443 - {last} 200"


def pack(line: str, beside: dict[str, Any], path: str = PATH) -> bytes:
    packed: bytes = msgpack.packb([[0, {}], {"log": line, "filename": path, **beside}])
    return packed


def run(chunks: ChunkFilter, records: list[bytes], tag: str = "iis") -> list[dict[str, Any]]:
    unpacker = msgpack.Unpacker(timestamp=0)
    unpacker.feed(chunks.filter(tag, b"".join(records)) or b"")
    return [entry[1] for entry in unpacker]


def make(**settings: Any) -> ChunkFilter:
    return ChunkFilter.from_names({"fields": "key", "read_header": "off", **settings})


HOSTS = {
    "a text": lambda server: {"host": server},
    "hostname": lambda server: {"hostname": server},
    "Filebeat": lambda server: {"host": {"name": server}, "agent": {"hostname": "collector"}},
    "flat": lambda server: {"host.name": server},
    "agent": lambda server: {"agent": {"hostname": server}},
    "before it another": lambda server: {"a": "b", "beat.hostname": server, "n": 5},
}


def check(events: list[dict[str, Any]], expected: int) -> None:
    assert len(events) == expected
    for event in events:
        server = event["request"].split("/")[2]
        assert (event["dst"], event["src"]) == ADDRESSES[server]


@pytest.mark.parametrize("tell", HOSTS.values(), ids=HOSTS)
def test_each_row_is_read_by_the_header_of_its_own_server(tell: Any) -> None:
    chunks = make()
    opening = [pack(line, tell(server)) for server in FIELDS for line in header(server)]
    assert run(chunks, opening) == []
    mixed = [pack(row(server, number), tell(server)) for number in range(300) for server in FIELDS]
    check(run(chunks, mixed), 600)
    blocks = [pack(row(server, number), tell(server)) for server in FIELDS for number in range(300)]
    check(run(chunks, blocks), 600)


def test_a_key_of_ones_own_tells_the_host() -> None:
    chunks = make(host_key="[fields][server]")
    records = []
    for server in FIELDS:
        beside = {"host": "collector", "fields": {"server": server}}
        records += [pack(line, beside) for line in header(server)]
    for number in range(50):
        records += [
            pack(row(server, number), {"host": "collector", "fields": {"server": server}})
            for server in FIELDS
        ]
    check(run(chunks, records), 100)


def test_rows_of_two_layouts_under_one_key_are_refused_with_that_reason_and_never_guessed() -> None:
    chunks = make()
    check(
        run(chunks, [pack(line, {}) for line in [*header("ex40"), *(row("ex40", n) for n in range(40))]]), 40
    )
    mixed = [row(server, number) for number in range(40) for server in FIELDS]
    found = run(chunks, [pack(line, {}) for line in [*header("ex50"), *mixed]])
    assert [one["log"] for one in found] == mixed
    assert all("two headers with 10 columns in another order" in one["error"]["reason"] for one in found)
    assert "host_key" in found[0]["error"]["reason"]
    assert chunks.counts.pipeline.unparsed == {"contested": 80}


def test_a_header_that_comes_again_or_has_another_number_of_columns_is_no_contest() -> None:
    chunks = make()
    lines = [*header("ex40"), row("ex40", 1), *header("ex40"), row("ex40", 2)]
    lines += [*OPENING, f"#Fields: {FIELDS['ex40']} sc-substatus", row("ex40", 3) + " 0"]
    check(run(chunks, [pack(line, {}) for line in lines]), 3)


def test_a_file_that_is_here_is_one_file_and_may_change_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "u_ex260317.log"
    lines = [*header("ex40"), row("ex40", 1), *header("ex50"), row("ex50", 2)]
    path.write_text("\n".join(lines))
    check(run(make(read_header="on"), [pack(line, {}, str(path)) for line in lines]), 2)


def test_the_header_of_another_servers_log_is_not_taken_from_a_file_of_that_path_here(tmp_path: Path) -> None:
    path = tmp_path / "u_ex260317.log"
    path.write_text("\n".join(header("ex40")))
    chunks = make(read_header="on")
    (found,) = run(chunks, [pack(row("ex50", 1), {"host": "ex50"}, str(path))])
    assert "error" in found  # no header is known for this server's log, and its rows tell no columns


# --- a restart -----------------------------------------------------------------------------------


def test_after_a_restart_the_next_row_is_read_by_the_header_that_was_kept(tmp_path: Path) -> None:
    state = tmp_path / "new" / "headers"
    before = make(state=str(state))
    run(before, [pack(line, {"host": server}) for server in FIELDS for line in header(server)])
    assert state.stat().st_mode & 0o777 == 0o600
    after = make(state=str(state))
    check(run(after, [pack(row(server, 1), {"host": server}) for server in FIELDS]), 2)
    assert after.counts.logs == {"state": 2}


def test_the_header_of_another_tag_is_not_taken(tmp_path: Path) -> None:
    state = str(tmp_path / "headers")
    run(make(state=state), [pack(line, {}) for line in header("ex40")], tag="one")
    (found,) = run(make(state=state), [pack(row("ex40", 1), {})], tag="other")
    assert "error" in found


def test_a_damaged_state_is_said_and_costs_what_it_held_only(tmp_path: Path) -> None:
    state = tmp_path / "headers"
    said: list[str] = []
    state.write_text("[[")
    chunks = ChunkFilter.from_names({"state": str(state), "read_header": "off"}, log=said.append)
    assert len(run(chunks, [pack(line, {}) for line in [*header("ex40"), row("ex40", 1)]])) == 1
    assert said == [
        f"state: '{state}' is not a file of header lines; it lies as 'headers.damaged' beside, and the "
        "headers are learned anew"
    ]
