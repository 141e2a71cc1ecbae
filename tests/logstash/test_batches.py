from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

import exnorm
from exnorm import Normalizer
from exnorm.logstash.batches import EventBodies
from exnorm.model import Event
from exnorm.relay.bodies import Body, Bounds, RefusedError
from exnorm.relay.headers import Headers
from exnorm.relay.traffic import Traffic
from exnorm.sources.message_tracking import COLUMNS_2016

ROW = (
    "2018-11-27T22:40:02.966Z,10.4.11.100,testHostName,192.168.25.195,qradar.example.test,,,SMTP,SENDEXTERNAL,1,"
    "<1@x>,0fd591fe-1cc4-47f0-0bbc-08d654b944f3,b@x,,7249,1,,,subject,a@x,a@x,,Originating,,,,"
)


def batches(normalizer: Normalizer | None = None) -> tuple[EventBodies, Traffic]:
    traffic = Traffic()
    return EventBodies(
        normalizer or Normalizer(format="json"), Bounds(), traffic, Headers(None, print)
    ), traffic


def relay(target: EventBodies, *events: Any) -> list[dict[str, Any]]:
    content = "".join(event if isinstance(event, str) else json.dumps(event) + "\n" for event in events)
    batch = target.relay(Body(content.encode()))
    found = (
        [json.loads(line) for line in gzip.decompress(batch.payload).splitlines()] if batch.payload else []
    )
    assert batch.events == len(found)
    return found


def spoil(event: Event) -> None:
    """An event that no format can write."""
    event.fields = None  # type: ignore[assignment]


class Silent:
    """A value that JSON does not know, and that has no text either."""

    def __str__(self) -> str:
        raise ValueError("no text")


def put_object(event: Event) -> None:
    event.fields["name"] = Silent()  # type: ignore[assignment]


def normalizer_with(change: Callable[[Event], None], format: str) -> Normalizer:
    """A normalizer whose plugin does that to events of the sender bad@x."""

    class Plugin:
        @exnorm.hookimpl
        def event_processors(self) -> Any:
            def process(event: Event) -> Event:
                if event["sourceUserName"] == "bad@x":
                    change(event)
                return event

            return [process]

    return Normalizer(format=format, plugins=[Plugin()], discover_plugins=False)


BAD_ROW = ROW.replace("a@x", "bad@x")


def test_an_event_that_raises_goes_on_as_it_came_and_the_next_is_unharmed() -> None:
    target, traffic = batches(normalizer_with(spoil, "json"))
    bad, good = relay(target, {"message": BAD_ROW, "filename": "f"}, {"message": ROW, "filename": "f"})
    assert bad["message"] == BAD_ROW
    assert bad["tags"] == ["_exnormparsefailure"]
    assert bad["error"]["reason"].startswith("TypeError: ")
    assert good["name"] == "SENDEXTERNAL"
    assert (traffic.failed, traffic.events_in) == (1, 2)


def test_a_value_that_cannot_be_written_costs_itself_alone() -> None:
    target, traffic = batches(normalizer_with(put_object, "json"))
    bad, good = relay(target, {"message": BAD_ROW}, {"message": ROW})
    assert "name" not in bad
    assert bad["sourceUserName"] == "bad@x"
    assert bad["tags"] == ["_exnormparsefailure"]
    assert good["name"] == "SENDEXTERNAL"
    assert traffic.failed == 1
    answer = json.loads(target.answer(Body(json.dumps({"message": BAD_ROW}).encode())))
    assert answer["tags"] == ["_exnormparsefailure"]


def test_objects_behind_one_another_are_all_read() -> None:
    target, _ = batches()
    assert [event["a"] for event in relay(target, '{"a":1}{"a":2}\n{"a":3}')] == [1, 2, 3]


def test_counts_stay_when_the_settings_change() -> None:
    target, traffic = batches()
    relay(target, {"message": ROW})
    target.use(Normalizer(format="json", profile="security"))
    relay(target, {"message": ROW.replace("SENDEXTERNAL", "DELIVER")})
    counts = target.counts()
    assert counts.records == {"message_tracking": 2}
    assert counts.dropped == {"DELIVER": 1}
    assert traffic.events_in == 2


def test_the_columns_of_a_log_are_known_still_when_the_settings_change() -> None:
    target, _ = batches()
    fields = "#Fields: date-time,internal-message-id,event-id,source,sender-address"
    header = ("#Version: 15.02.1118.007", fields)
    assert relay(target, *({"message": line, "filename": "MSGTRK1.LOG"} for line in header)) == []
    target.use(Normalizer(format="json"))
    (event,) = relay(
        target, {"message": "2024-05-06T07:08:09.123Z,7,SEND,SMTP,a@x", "filename": "MSGTRK1.LOG"}
    )
    assert event["sourceUserName"] == "a@x"
    assert event["deviceVersion"] == "15.02.1118.007"
    assert target.counts().header == 2  # each line was counted once


PLAIN = {
    "@timestamp": "2018-11-27T22:40:03.000Z",
    "message": ROW + "," * (len(COLUMNS_2016) - 1 - ROW.count(",")),
    "filename": "f",
}
FIELDS = {**PLAIN, "message": f"#Fields: {','.join(COLUMNS_2016)}"}


def test_plain_rows_taken_together_are_counted_and_limited_one_by_one() -> None:
    for amount, limit, events_in in ((40, 41, 41), (40, 40, 41), (40, 20, 21), (40, 1, 2)):
        traffic = Traffic()
        plain = Normalizer(format="json", discover_plugins=False)
        target = EventBodies(plain, Bounds(events=limit), traffic, Headers(None, print))
        if amount + 1 > limit:
            with pytest.raises(RefusedError, match=f"more than {limit} events"):
                relay(target, FIELDS, *[PLAIN] * amount)
        else:
            assert [one["exnorm_id"] for one in relay(target, FIELDS, *[PLAIN] * amount)]
        assert traffic.events_in == events_in


def test_a_plain_row_whose_payload_cannot_be_merged_goes_on_as_it_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target, traffic = batches(Normalizer(format="json", discover_plugins=False))
    relay(target, FIELDS, *[PLAIN] * 20)
    monkeypatch.setattr("exnorm.logstash.normalize.merge", None)
    met, plain = relay(target, {**PLAIN, "type": "log"}, PLAIN)
    assert met["message"] == PLAIN["message"]
    assert met["error"]["reason"].startswith("TypeError: ")
    assert "exnorm_id" in plain
    assert traffic.failed == 1
