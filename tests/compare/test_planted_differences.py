"""Differences planted one by one in a capture that is right: each is found, explained, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.compare.conftest import ZERO, Capture, differences

from exnorm.cli import run

TIMES = 10


class Plant(NamedTuple):
    """What is done to a capture, and what must be found: field, kind, how often; words of the rule."""

    name: str
    do: Callable[[Capture], object]
    found: set[tuple[str, str, int]]
    rule: str = ""
    verdict: str = "differs"


def change(key: str, to: Callable[[str], str | None], only: Callable[[int], bool] = lambda n: True) -> Any:
    """Changes the value of a key where it is there; ``None`` takes it out."""

    def do(capture: Capture) -> None:
        for number, pairs in enumerate(capture.events):
            if key in pairs and only(number):
                value = to(pairs[key])
                if value is None:
                    del pairs[key]
                else:
                    pairs[key] = value

    return do


def add(key: str, value: Callable[[Capture, int], str]) -> Any:
    def do(capture: Capture) -> None:
        for number, pairs in enumerate(capture.events):
            pairs[key] = value(capture, number)

    return do


def move(key: str, to: str) -> Any:
    def do(capture: Capture) -> None:
        for pairs in capture.events:
            if key in pairs:
                pairs[to] = pairs.pop(key)

    return do


def head(place: int, to: Callable[[str], str]) -> Any:
    def do(capture: Capture) -> None:
        for cells in capture.heads:
            cells[place] = to(cells[place])

    return do


def none(text: str) -> None:
    return None


def both(*steps: Any) -> Any:
    def do(capture: Capture) -> None:
        for step in steps:
            step(capture)

    return do


def later(hours: float) -> Callable[[str], str]:
    return lambda text: str(int(text) + int(hours * 3_600_000))


AD = "additional data "
PLANTS = [
    # only one side
    Plant("msg is missing", change("msg", none), {("message", "only ours", 10)}, "Message <- message-subject", "ours keeps more"),
    Plant("suser is missing in one event", change("suser", none, lambda n: n == 3), {("sourceUserName", "only ours", 1)}, "sender-address", "ours keeps more"),
    Plant("outcome is missing", change("outcome", none), {("eventOutcome", "only ours", 10)}, "the guide has no row", "ours keeps more"),
    Plant("in is missing", change("in", none), {("bytesIn", "only ours", 2)}, "total-bytes (RECEIVE)", "ours keeps more"),
    Plant("ad.custom-data is missing", change("ad.custom-data", none), {(AD + "customdata", "only ours", 10)}, "custom-data", "ours keeps more"),
    Plant("ad.log-id is missing", change("ad.log-id", none), {(AD + "logid", "only ours", 10)}, "no row in the guide's table", "ours keeps more"),
    Plant("label of cs4 is missing", change("cs4Label", none), {("deviceCustomString4Label", "only ours", 10)}, "connector-id", "ours keeps more"),
    Plant("c6a3 is missing", both(change("c6a3", none), change("c6a3Label", none)),
          {("deviceCustomIPv6Address3", "only ours", 5), ("deviceCustomIPv6Address3Label", "only ours", 5)}, "Destination IPv6 Address", "ours keeps more"),
    Plant("a protocol that we do not write", add("app", lambda c, n: "SMTP"), {("applicationProtocol", "only theirs", 10)}, "has no row for Application Protocol", "theirs keeps more"),
    Plant("in for every event", add("in", lambda c, n: c.rows[n]["total-bytes"]), {("bytesIn", "only theirs", 8)}, "holds for RECEIVE only", "theirs keeps more"),
    Plant("additional data that no column has", add("ad.foo", lambda c, n: "bar"), {(AD + "foo", "only theirs", 10)}, "no column of this name", "theirs keeps more"),
    Plant("a tenant that the row does not have", add("ad.tenant-id", lambda c, n: "t1"), {(AD + "tenantid", "only theirs", 10)}, "column tenant-id is empty", "theirs keeps more"),
    Plant("moved: subject in fname", move("msg", "fname"), {("message", "only ours", 10), ("fileName", "only theirs", 10)}, "message-subject"),
    Plant("moved: original-client-ip in additional data", move("src", "ad.original-client-ip"),
          {("sourceAddress", "only ours", 10), (AD + "originalclientip", "only theirs", 10)}, "original-client-ip"),
    # another value
    Plant("cat is a fixed word", change("cat", lambda t: "Exchange"), {("deviceEventCategory", "value differs", 10)}, "guide"),
    Plant("sender and recipient swapped", add("duser", lambda c, n: c.rows[n]["sender-address"]), {("destinationUserName", "value differs", 10)}, "recipient-address"),
    Plant("dst is the server", lambda c: [p.update(dst=r["server-ip"]) for p, r in zip(c.events, c.rows) if "dst" in p],
          {("destinationAddress", "value differs", 5)}, "client-ip"),
    Plant("recipient count is 2", change("cn1", lambda t: "2"), {("deviceCustomNumber1", "value differs", 10)}, "recipient-count"),
    Plant("bytes are kilobytes", change("out", lambda t: "7"), {("bytesOut", "value differs", 8)}, "total-bytes"),
    Plant("another label", change("cs2Label", lambda t: "MessageID"), {("deviceCustomString2Label", "value differs", 10)}, "message-id"),
    Plant("the product is Exchange", head(1, lambda t: "Exchange"), {("deviceProduct", "value differs", 10)}, "'Exchange Server'"),
    Plant("the name is a sentence", head(4, lambda t: f"Message {t}"), {("name", "value differs", 10)}, "event-id"),
    Plant("another severity", head(5, lambda t: "9"), {("severity", "value differs", 10)}, "our severity of the event"),
    Plant("time off by a minute", change("rt", lambda t: str(int(t) + 60_000)), {("deviceReceiptTime", "value differs", 10)}, "date-time"),
    # formatting
    Plant("severity in words", head(5, lambda t: "Low" if int(t) < 4 else "Medium"), {("severity", "notation", 10)}, "our severity", "ours keeps more"),
    Plant("host in lower case", change("dvchost", str.lower), {("deviceHostName", "case", 10)}, "server-hostname"),
    Plant("event in lower case", head(3, str.lower), {("deviceEventClassId", "case", 10)}, "event-id"),
    Plant("host without its domain", change("dhost", lambda t: t.partition(".")[0]), {("destinationHostName", "domain", 10)}, "client-hostname", "ours keeps more"),
    Plant("sender without its domain", change("suser", lambda t: t.partition("@")[0]), {("sourceUserName", "domain", 10)}, "sender-address", "ours keeps more"),
    Plant("sender with a domain of Windows", change("suser", lambda t: f"CORP\\{t}"), {("sourceUserName", "domain", 10)}, "sender-address", "theirs keeps more"),
    Plant("two hours ahead", change("rt", later(2)), {("deviceReceiptTime", "time zone", 10)}, "date-time"),
    Plant("five and a half hours behind, in words", change("rt", lambda t: f"Sep 21 2026 08:03:{20 + (int(t) - ZERO) // 1000:02}.{int(t) % 1000:03}"),
          {("deviceReceiptTime", "time zone", 10)}, "date-time"),
    Plant("no milliseconds", change("rt", lambda t: t[:-3] + "000"), {("deviceReceiptTime", "milliseconds", 10)}, "date-time", "ours keeps more"),
    Plant("no milliseconds, as a date with its zone", change("rt", lambda t: f"Sep 21 2026 15:33:{20 + (int(t) - ZERO) // 1000:02} CEST"),
          {("deviceReceiptTime", "milliseconds", 10)}, "date-time", "ours keeps more"),
    Plant("subject cut to 30 characters", change("msg", lambda t: t[:30]), {("message", "truncated", 10)}, "message-subject", "ours keeps more"),
    Plant("context ends in dots", change("cs5", lambda t: t[:12] + "..."), {("deviceCustomString5", "truncated", 10)}, "source-context", "ours keeps more"),
    Plant("message id as HTML", change("cs2", lambda t: t.replace("<", "&lt;").replace(">", "&gt;")), {("deviceCustomString2", "escaped", 10)}, "message-id"),
    Plant("message id without its brackets", change("cs2", lambda t: t.strip("<>")), {("deviceCustomString2", "escaped", 10)}, "message-id"),
    Plant("custom data escaped twice", change("ad.custom-data", lambda t: t.replace("=", "\\=")), {(AD + "customdata", "escaped", 10)}, "custom-data"),
    Plant("subject in percent", change("msg", lambda t: t.replace(" ", "%20")), {("message", "escaped", 10)}, "message-subject"),
    Plant("subject in quotes", change("msg", lambda t: f'"{t}"'), {("message", "escaped", 10)}, "message-subject"),
    # events
    Plant("an event is missing", lambda c: (c.events.pop(4), c.heads.pop(4)), set(), "", "same"),
]  # fmt: skip


def compare(
    capture: Capture, folder: Path, capsys: pytest.CaptureFixture[str], *options: str
) -> dict[str, Any]:
    log, theirs = folder / "MSGTRK2026092113-1.LOG", folder / "theirs.cef"
    log.write_text(capture.log(), encoding="utf-8", newline="")
    theirs.write_text("\n".join(capture.lines()) + "\n", encoding="utf-8", newline="")
    capsys.readouterr()
    status = run(["compare", str(log), "--theirs", str(theirs), "--json", *options])
    captured = capsys.readouterr()
    assert status in (0, 1), captured.err
    content: dict[str, Any] = json.loads(captured.out)
    assert status == (0 if content["verdict"] == "same" and not content["only_ours"]["count"] else 1)
    return content


def test_a_capture_that_follows_the_guide_is_the_same_throughout(
    capture: Capture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = compare(capture, tmp_path, capsys)
    assert differences(content) == set()
    assert (content["verdict"], content["matched"], content["matched_by_verdict"]["same"]) == ("same", 10, 10)
    assert (content["only_ours"]["count"], content["only_theirs"]["count"]) == (0, 0)
    assert content["suggestions"]["overlay"] == {}
    assert len(content["fields"]) > 30


def test_there_are_forty_of_many_kinds() -> None:
    kinds = {kind for plant in PLANTS for _, kind, _ in plant.found}
    assert len(PLANTS) >= 40
    assert len(kinds) == 10


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_a_planted_difference_is_found_and_explained_and_nothing_else_is(
    plant: Plant, capture: Capture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant.do(capture)
    content = compare(capture, tmp_path, capsys)
    assert differences(content) == plant.found
    assert content["verdict"] == plant.verdict
    assert content["matched"] == len(capture.events)
    assert content["only_ours"]["count"] == 10 - len(capture.events)
    told = [found for one in content["fields"] for found in one["differences"]]
    assert not plant.found or any(plant.rule in f"{one['rule']} {one['why']}" for one in told), told
    assert all(one["table"] == "arcsight-2016" for one in told)


def test_planted_all_at_once_in_an_event_each_they_are_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Forty events, one of each plant's: whatever is found stands in the event that it was planted in."""
    plants = [plant for plant in PLANTS if plant.found]
    whole = Capture(40)
    expected: set[tuple[str, str, str]] = set()
    for number, plant in enumerate(plants[:40]):
        one = Capture(40)
        plant.do(one)
        changed = one.events[number] != whole.events[number] or one.heads[number] != whole.heads[number]
        whole.events[number], whole.heads[number] = one.events[number], one.heads[number]
        if changed:
            expected |= {
                (name, kind, f"MSGTRK2026092113-1.LOG:{number + 5}") for name, kind, _ in plant.found
            }
    content = compare(whole, tmp_path, capsys)
    assert content["matched"] == 40
    told = {
        (one["name"], found["kind"], found["where"].rpartition("/")[2])
        for one in content["fields"]
        for found in one["differences"]
    }
    first = {(name, kind) for name, kind, _ in expected}
    assert {(name, kind) for name, kind, _ in told} == first
    assert told <= expected
    assert sum(found["count"] for one in content["fields"] for found in one["differences"]) == len(expected)
