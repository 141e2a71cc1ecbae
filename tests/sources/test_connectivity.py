from __future__ import annotations

from pathlib import Path

import pytest

from exnorm.model import Record, Unparsed
from exnorm.pipeline.normalizer import Normalizer
from exnorm.sources.connectivity import COLUMNS, find_peer, name_event

SAMPLE = Path(__file__).parent.parent / "samples" / "connectivity" / "CONNECTLOG2024031508-1.LOG"
TIME = "2024-03-15T08:00:00.000Z"
HEADER = "#Log-type: Transport Connectivity Log\n#Fields: " + ",".join(COLUMNS)
START = f"{TIME},08DC44C2F9A1B0C1,SMTP,example.test"


def parse(text: str | bytes, name: str = "") -> list[Record | Unparsed]:
    normalizer = Normalizer("arcsight", discover_plugins=False)
    return list(normalizer.parse(text, normalizer.stream(name)))


def record(text: str | bytes, name: str = "") -> Record:
    (found,) = parse(text, name)
    assert isinstance(found, Record), found
    assert found.source.name == "connectivity"
    return found


def unparsed(text: str | bytes, name: str = "") -> Unparsed:
    (found,) = parse(text, name)
    assert isinstance(found, Unparsed), found
    return found


def test_the_rows_of_a_connection_are_read_one_by_one() -> None:
    found = [item for item in parse(SAMPLE.read_bytes()) if isinstance(item, Record)]
    assert [item.event_id for item in found] == [
        "INFORMATION", "CONNECTION-START", "CONNECTION-PROGRESS", "CONNECTION-ESTABLISHED",
        "CONNECTION-STOP", "CONNECTION-FAILED", "CONNECTION-PROGRESS",
    ]  # fmt: skip
    # 2024-03-15T08:00:00Z is 1710489600 seconds after the epoch
    assert [item.time for item in found][:2] == [1710489600000, 1710489601000]
    assert found[1].values["description"].endswith("QueueLength=TQ=2;AN=1,AL=1;")
    assert found[3].derived["peer-address"] == "192.0.2.25"
    assert (found[4].derived["messages"], found[4].derived["bytes"]) == ("2", "20480")
    assert (found[5].derived["peer-address"], found[5].derived["peer-port"]) == ("2001:db8::25", "25")


@pytest.mark.parametrize(
    ("direction", "description", "event"),
    [
        ("+", "", "CONNECTION-START"),
        ("-", "Messages: 1 Bytes: 2", "CONNECTION-STOP"),
        ("-", "Messages: 0 Bytes: 0 (Retry : Service not active)", "CONNECTION-STOP-FAILED"),
        ("-", "Messages: 0 Bytes: 0 (Attempting next target)", "CONNECTION-STOP-FAILED"),
        ("-", "Messages: 0 Bytes: 0 (421 4.3.2 Busy)", "CONNECTION-STOP-FAILED"),
        ("-", "Messages: 1 Bytes: 2 (Load balanced)", "CONNECTION-STOP"),
        ("-", "Messages: 2 Bytes: 20480 (Remote server disconnected)", "CONNECTION-STOP"),
        ("-", "Messages: 0 Bytes: 0 (Remote)", "CONNECTION-STOP"),
        ("-", "Messages: 0 Bytes: 0 (Connection dropped)", "CONNECTION-STOP-FAILED"),
        ("-", "Disconnected: 421 4.4.1 Connection timed out", "CONNECTION-STOP-FAILED"),
        ("-", "Retry later", "CONNECTION-STOP-FAILED"),
        ("-", "RegularSubmissions = 1 Recipients = 1 Failures = 1 Idle = False", "CONNECTION-STOP-FAILED"),
        ("-", "RegularSubmissions = 1 Recipients = 1 Failures = 0 Idle = False", "CONNECTION-STOP"),
        ("-", "Messages: 0 Bytes: 0 (Shutdown)", "CONNECTION-STOP-REMARK"),
        ("-", "Aborted connection to 192.0.2.25", "CONNECTION-ABORTED"),
        (">", "Starting delivery", "CONNECTION-PROGRESS"),
        (">", "Established connection to 192.0.2.25", "CONNECTION-ESTABLISHED"),
        (">", "Failed connection to 192.0.2.25:25 (TimedOut:0000274C)", "CONNECTION-FAILED"),
        (">", "Failed to connect to server mail1.example.test", "CONNECTION-FAILED"),
        (">", "Non-existent domain reported by 192.0.2.53. no more", "RESOLUTION-FAILED"),
        ("*", "Failed to locate server: gone", "RESOLUTION-FAILED"),
        ("*", "Throttled delivery due to MDB limit 2", "THROTTLED"),
        (">", "Failed; something", "SUBMISSION-FAILED"),
        ("*", "service stopped", "INFORMATION"),
        ("?", "", "CONNECTION-OTHER"),
    ],
)
def test_direction_and_description_name_the_event(direction: str, description: str, event: str) -> None:
    assert name_event(direction, description) == event


@pytest.mark.parametrize(
    ("description", "destination", "peer"),
    [
        ("Established connection to 192.0.2.25", "example.test", ("192.0.2.25", "")),
        ("Established connection to 2001:db8::5:25", "example.test", ("2001:db8::5:25", "")),
        ("Failed connection to 2001:db8::5:25 (TimedOut:0000274C)", "example.test", ("2001:db8::5", "25")),
        ("Failed connection to x.x.x.x:25 (TimedOut:0000274C)", "example.test", ("", "")),
        ("QueueLength=1", "[192.0.2.1]", ("192.0.2.1", "")),
        ("QueueLength=1", "example.test", ("", "")),
    ],
)
def test_the_peer_is_what_the_server_says_it_connected_to(
    description: str, destination: str, peer: tuple[str, str]
) -> None:
    assert find_peer(description, destination) == peer


def test_a_row_without_a_header_is_known_by_its_values() -> None:
    assert record(f"{START},-,Messages: 0 Bytes: 0").schema.found == "count"


def test_six_cells_that_are_something_else_are_not_claimed() -> None:
    assert unparsed(f"{TIME},session,SMTP,example.test,out,text").kind == "unknown-type"


def test_a_description_with_unquoted_commas_is_unparsed_not_cut() -> None:
    found = unparsed(f"{HEADER}\n{START},>,mx1.example.test[192.0.2.25, 192.0.2.26]")
    assert (found.kind, found.reason) == ("width", "row has 7 fields; #Fields names 6")


def test_a_quoted_description_keeps_its_commas() -> None:
    found = record(f'{HEADER}\n{START},>,"a, ""b"", c"')
    assert found.values["description"] == 'a, "b", c'


def test_a_bare_line_of_names_is_header_enough() -> None:
    assert record(",".join(COLUMNS) + f"\n{START},+,x").schema.found == "header"


def test_an_empty_line_holds_nothing() -> None:
    assert parse(f"{HEADER}\n\n") == []


def test_a_torn_off_row_is_unparsed_and_the_next_row_is_unharmed() -> None:
    bad, good = parse(f"{HEADER}\n{START}\n{START},+,x")
    assert isinstance(bad, Unparsed)
    assert (bad.kind, bad.reason) == ("width", "row has 4 fields; #Fields names 6")
    assert isinstance(good, Record)


def test_a_row_that_is_not_utf8_is_unparsed() -> None:
    assert unparsed(f"{HEADER}\n{START},+,".encode() + b"\xfc").kind == "encoding"


def test_a_row_without_a_time_is_unparsed() -> None:
    assert unparsed(f"{HEADER}\nx{START},+,x").kind == "date"
