"""The third table: expected values are read from what Exchange writes for each family of events."""

from __future__ import annotations

import pytest

from exnorm import Event, Normalizer
from exnorm.plugins.manager import Plugins
from exnorm.testing import events

HEADER = "#Fields: date-time,client-ip,client-hostname,server-ip,server-hostname,event-id,original-client-ip"
ENDS = {
    "sourceAddress",
    "sourceHostName",
    "destinationAddress",
    "destinationHostName",
    "deviceAddress",
    "deviceHostName",
}


def ends(cells: str, **settings: str) -> dict[str, object]:
    settings = {"mapping": "arcsight-flow", "source": "message_tracking", **settings}
    (event,) = events([HEADER, f"2022-09-19T15:02:29.339Z,{cells},198.51.100.9"], **settings)
    assert isinstance(event, Event)
    assert event.additional["original-client-ip"] == "198.51.100.9"
    return {name: value for name, value in event.fields.items() if name in ENDS}


def flow(source: str, destination: str, device: str) -> dict[str, object]:
    """The six fields of three ends, each ``address name``; ``-`` = not there."""
    found = {}
    for end, text in (("source", source), ("destination", destination), ("device", device)):
        address, name = text.split(" ")
        found.update({f"{end}Address": address, f"{end}HostName": name})
    return {field: value for field, value in found.items() if value != "-"}


PEER, LOCAL, NEXT = "192.0.2.1 peer", "10.0.0.1 ex01", "192.0.2.9 mx"


@pytest.mark.parametrize(
    ("cells", "source", "destination", "device"),
    [
        # the peer connects to this server's listener
        ("192.0.2.1,peer,10.0.0.1,ex01,RECEIVE", PEER, LOCAL, LOCAL),
        # this server connects to the next hop
        ("10.0.0.1,ex01,192.0.2.9,mx,SEND", LOCAL, NEXT, LOCAL),
        ("10.0.0.1,ex01,192.0.2.9,mx,SENDEXTERNAL", LOCAL, NEXT, LOCAL),
        ("10.0.0.1,ex01,192.0.2.9,mx,FAIL", LOCAL, NEXT, LOCAL),
        ("10.0.0.1,ex01,192.0.2.9,mx,DEFER", LOCAL, NEXT, LOCAL),
        # a mailbox server submits to the transport service
        ("10.0.0.1,ex01,192.0.2.9,mx,SUBMIT", LOCAL, NEXT, LOCAL),
        # only names: the server that handed it over, and the mailbox server
        (",peer,,ex01,DELIVER", "- peer", "- ex01", "- ex01"),
        # this server acts by itself
        (",,10.0.0.1,ex01,DSN", LOCAL, "- -", LOCAL),
        (",,,ex01,HADISCARD", "- ex01", "- -", "- ex01"),
        (",ex01,,,AGENTINFO", "- ex01", "- -", "- ex01"),
    ],
)
def test_the_initiator_is_the_source(cells: str, source: str, destination: str, device: str) -> None:
    assert ends(cells) == flow(source, destination, device)


def test_an_event_without_case_has_the_same_flow() -> None:
    assert ends("10.0.0.1,ex01,192.0.2.9,mx,Send") == flow(LOCAL, NEXT, LOCAL)


def test_ipv6_has_the_twin_of_each_end() -> None:
    lines = [HEADER, "2022-09-19T15:02:29.339Z,2001:db8::1,peer,2001:db8::2,ex01,RECEIVE,"]
    (event,) = events(lines, mapping="arcsight-flow", source="message_tracking")
    assert isinstance(event, Event)
    names = [f"deviceCustomIPv6Address{number}" for number in (1, 2, 3)]
    twins = {str(event[name + "Label"]): event[name] for name in names}
    assert twins == {
        "Device IPv6 Address": "2001:db8::2",
        "Source IPv6 Address": "2001:db8::1",
        "Destination IPv6 Address": "2001:db8::2",
    }


def test_no_log_takes_the_table_by_itself() -> None:
    names = {mapping.name for mapping in Normalizer(discover_plugins=False).mappings}
    assert "arcsight-flow" not in names
    assert {"arcsight-2016", "arcsight-2010"} <= names
    pinned = {m.name for m in Normalizer(mapping="arcsight-flow", discover_plugins=False).mappings}
    assert "arcsight-flow" in pinned
    assert not {"arcsight-2016", "arcsight-2010"} & pinned


def test_every_other_row_is_that_of_the_guides_table() -> None:
    mappings = Plugins(discover=False).registry.mappings
    guide = mappings["arcsight-2016"].rows
    changed = {entry.field for entry in mappings["arcsight-flow"].rows if entry not in guide}
    assert {name.split(" IPv6")[0] for name in changed} == {
        "Source Address", "Source Host Name", "Destination Address", "Destination Host Name",
        "Device Address", "Device Host Name", "Device Custom",
    }  # fmt: skip
