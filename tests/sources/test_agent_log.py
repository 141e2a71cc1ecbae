from __future__ import annotations

from pathlib import Path

import pytest

from exnorm.model import Record, Unparsed
from exnorm.pipeline.normalizer import Normalizer
from exnorm.sources.agent_log import COLUMNS

SAMPLE = Path(__file__).parent.parent / "samples" / "agent_log" / "AgentLog20220913-1.LOG"
TIME = "2022-09-13T14:38:59.177Z"
HEADER = "#Version: 15.0.0.0\n#Log-type: Agent Log\n#Fields: "


def parse(text: str | bytes, name: str = "") -> list[Record | Unparsed]:
    normalizer = Normalizer("arcsight", discover_plugins=False)
    return list(normalizer.parse(text, normalizer.stream(name)))


def record(text: str | bytes, name: str = "") -> Record:
    (found,) = parse(text, name)
    assert isinstance(found, Record), found
    assert found.source.name == "agent_log"
    return found


def unparsed(text: str | bytes, name: str = "") -> Unparsed:
    (found,) = parse(text, name)
    assert isinstance(found, Unparsed), found
    return found


def line(width: int = 20, **values: str) -> str:
    given = {"Timestamp": TIME, "Action": "RejectMessage", "RemoteEndpoint": "192.0.2.7:4000", **values}
    return ",".join(given.get(column, "") for column in COLUMNS[:width])


def test_a_real_row_is_read_under_its_own_columns() -> None:
    first, second = parse(SAMPLE.read_bytes())
    assert isinstance(first, Record)
    assert isinstance(second, Record)
    # 2022-09-13T14:38:59Z is 1663079939 seconds after the epoch
    assert first.time == 1663079939177
    assert first.values["P2FromAddresses"] == "user.name@domain.com;"
    assert first.values["Directionality"] == "Incoming"
    assert first.event_id == "MODIFYHEADERS"
    assert first.derived["client-address"] == "95.11.22.33"
    assert first.derived["client-port"] == "46904"
    assert first.derived["server-address"] == "10.10.10.10"
    assert first.derived["server-port"] == ""
    assert second.derived["client-port"] == "56804"


def test_no_product_is_read_from_the_version_in_the_header() -> None:
    header = HEADER + ",".join(COLUMNS[:17])
    assert record(f"{header}\n{line(17)}").schema.name == "2010"


@pytest.mark.parametrize("width", [16, 17, 18, 19, 20])
def test_the_header_says_how_many_columns_there_are(width: int) -> None:
    found = record(f"{HEADER}{','.join(COLUMNS[:width])}\n{line(width)}")
    assert len(found.values) == width
    assert found.values["Action"] == "RejectMessage"


@pytest.mark.parametrize(("width", "name"), [(16, "2007"), (17, "2010"), (20, "2013")])
def test_a_row_without_a_header_is_known_by_its_width_and_values(width: int, name: str) -> None:
    found = record(line(width, SessionId="08DA"))
    assert (found.schema.name, found.schema.found) == (name, "count")


def test_a_row_without_a_header_that_a_comma_made_wider_is_not_claimed() -> None:
    # a comma in a name moves "OnMailCommand" under Action and "RejectMessage" under SmtpResponse
    moved = line(16, Agent="Sender Filter, Agent", Event="OnMailCommand", NumRecipients="1")
    assert len(moved.split(",")) == 17
    _, bad = parse(f"{line(17)}\n{moved}")
    assert isinstance(bad, Unparsed)
    assert bad.kind == "width"


def test_a_bare_line_of_names_is_header_enough() -> None:
    names = ",".join(COLUMNS[:18])
    assert record(f"{names}\n{line(18)}").schema.columns == COLUMNS[:18]


def test_a_masked_endpoint_gives_no_address() -> None:
    found = record(f"{HEADER}{','.join(COLUMNS)}\n{line(RemoteEndpoint='x.x.x.x:25')}")
    assert found.derived["client-address"] == ""


def test_an_empty_line_holds_nothing() -> None:
    assert parse(f"{HEADER}{','.join(COLUMNS)}\n\n") == []


def test_a_torn_off_row_is_unparsed() -> None:
    found = unparsed(f"{HEADER}{','.join(COLUMNS)}\n{line(12)}")
    assert (found.kind, found.reason) == ("width", "row has 12 fields; #Fields names 20")


def test_a_row_that_is_too_wide_is_unparsed_and_the_next_row_is_unharmed() -> None:
    bad, good = parse(f"{HEADER}{','.join(COLUMNS)}\n{line()},x\n{line()}")
    assert isinstance(bad, Unparsed)
    assert (bad.kind, bad.reason) == ("width", "row has 21 fields; #Fields names 20")
    assert isinstance(good, Record)


def test_a_row_that_is_not_utf8_is_unparsed() -> None:
    text = f"{HEADER}{','.join(COLUMNS)}\n".encode() + line(Agent="?").encode().replace(b"?", b"\xff")
    assert unparsed(text).kind == "encoding"


def test_a_row_without_a_time_is_unparsed() -> None:
    assert unparsed(f"{HEADER}{','.join(COLUMNS)}\n{line(Timestamp='')}").kind == "date"


def test_an_audit_log_that_begins_with_the_same_column_is_not_claimed() -> None:
    text = f"#Log-type: audit\n#Fields: Timestamp,Server,TenantId\n{TIME},SERVER,"
    assert unparsed(text).kind == "unknown-type"
