from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from exnorm import Event, ParseError, hookimpl
from exnorm.logstash import EventNormalizer
from exnorm.logstash.normalize import merge, without_brackets
from exnorm.model import Record
from exnorm.pipeline.normalizer import Normalizer
from exnorm.pipeline.shipped import add_tag
from exnorm.sources.message_tracking import MESSAGE_TRACKING

AnyEvent = dict[str, Any]

SAMPLES = Path(__file__).parents[1] / "samples"
TRACKING = SAMPLES / "message_tracking" / "2019" / "MSGTRK2023040309-1.LOG"
LOGS = [
    path
    for path in sorted(SAMPLES.rglob("*"))
    if path.suffix.lower() in (".log", ".txt", ".csv") and not path.read_bytes().startswith(b"\xff\xfe")
]
SECRET = "AGFsaWNlAHNlY3JldA=="


def make(**settings: Any) -> Normalizer:
    return Normalizer(
        settings.pop("taxonomy", "arcsight"), "json", discover_plugins=False, tz="UTC", **settings
    )


def convert(path: Path, name: str, **settings: Any) -> list[AnyEvent]:
    """What ``exnorm convert --format json`` writes for a file."""
    normalizer = make(**settings)
    return [json.loads(line) for line in normalizer.encode(path.read_bytes(), normalizer.stream(name))]


def lines(path: Path) -> list[str]:
    text = path.read_bytes().decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    return [line for line in text.replace("\r\n", "\n").split("\n") if line.strip()]


HEADER, ROWS = lines(TRACKING)[:5], lines(TRACKING)[5:]


def all_of(events: EventNormalizer, given: list[AnyEvent]) -> list[AnyEvent]:
    return [event for one in given for event in events.normalize(one)]


# --- the same as convert -------------------------------------------------------------------------


def test_a_profile_leaves_out_the_same_rows_however_many_came_before() -> None:
    kept = next(row for row in ROWS if ",SMTP,RECEIVE," in row)
    left_out = kept.replace(",SMTP,RECEIVE,", ",SMTP,DELIVER,")
    given = [{"message": line, "filename": "MSGTRK1.LOG"} for line in (*HEADER, *(kept, left_out) * 20)]
    normalizer = make(profile="arcsight-guide")
    found = all_of(EventNormalizer(normalizer), given)
    assert [event["deviceEventClassId"] for event in found] == ["RECEIVE"] * 20
    assert normalizer.counts.dropped == {"DELIVER": 20}


@pytest.mark.parametrize("path", LOGS, ids=lambda p: p.name)
def test_the_fields_are_those_of_convert(path: Path) -> None:
    given = [{"message": line, "log": {"file": {"path": path.name}}} for line in lines(path)]
    shipped = {"log": {"file": {"path": path.name}}}
    assert all_of(EventNormalizer(make()), given) == [shipped | event for event in convert(path, path.name)]


@pytest.mark.parametrize("settings", [{"fields": "key"}, {"fields": "ecs"}, {"taxonomy": "jsa"},
                                      {"keep_original": True}, {"per_recipient": True}])  # fmt: skip
def test_in_every_shape_and_with_every_setting(settings: AnyEvent) -> None:
    given = [{"message": line, "path": TRACKING.name} for line in lines(TRACKING)]
    found = all_of(EventNormalizer(make(**settings)), given)
    assert found == [
        {"path": TRACKING.name} | event for event in convert(TRACKING, TRACKING.name, **settings)
    ]


def test_without_a_file_name_the_fields_are_the_same_too() -> None:
    given = [{"message": line} for line in lines(TRACKING)]
    assert all_of(EventNormalizer(make()), given) == convert(TRACKING, "")


def test_logs_without_file_names_may_be_mixed() -> None:
    smtp = SAMPLES / "smtp_protocol" / "RECV2023011116-1.LOG"
    mixed = [line for pair in zip(ROWS, lines(smtp)[5:]) for line in pair]
    found = all_of(EventNormalizer(make()), [{"message": line} for line in mixed])
    assert len(found) == len(mixed)
    assert [event["deviceProduct"] for event in found] == ["Exchange Server"] * len(mixed)
    assert {event["exnorm_id"] for event in found[::2]} <= {
        event["exnorm_id"] for event in convert(TRACKING, "")
    }


# --- which file an event is of -------------------------------------------------------------------


@pytest.mark.parametrize(
    "shipped",
    [
        {"log": {"file": {"path": "C:\\logs\\MSGTRK1.LOG"}}},
        {"log.file.path": "/logs/MSGTRK1.LOG"},
        {"path": "MSGTRK1.LOG"},
        {"filename": "/x/MSGTRK1.LOG"},
        {"file": "MSGTRK1.LOG"},
        {"file": {"path": "/x/MSGTRK1.LOG"}},
    ],
)
def test_the_same_row_of_the_same_file_has_the_same_id_whoever_ships_it(shipped: AnyEvent) -> None:
    expected = [event["exnorm_id"] for event in convert(TRACKING, "MSGTRK1.LOG")]
    given = [{"message": line, **shipped} for line in lines(TRACKING)]
    assert [event["exnorm_id"] for event in all_of(EventNormalizer(make()), given)] == expected


def test_an_id_does_not_depend_on_the_batch() -> None:
    given = [{"message": line, "path": "a.log"} for line in HEADER + ROWS]
    whole = [event["exnorm_id"] for event in all_of(EventNormalizer(make()), given)]
    restarted = [EventNormalizer(make()).normalize({"message": row, "path": "a.log"})[0] for row in ROWS]
    assert [event["exnorm_id"] for event in restarted] == whole
    assert len(set(whole)) == len(whole)


def test_two_servers_may_have_files_of_one_name() -> None:
    old = SAMPLES / "message_tracking" / "2007" / "MSGTRK20090317-1.LOG"
    events = EventNormalizer(make())
    found = {"old": [], "new": []}  # type: dict[str, list[AnyEvent]]
    for one, other in zip(lines(old), lines(TRACKING)):
        found["old"] += events.normalize({"message": one, "path": "x.log", "host": {"name": "old"}})
        found["new"] += events.normalize({"message": other, "path": "x.log", "host": "new"})
    assert {event["deviceVersion"] for event in found["old"]} == {"08.01.0240.006"}
    assert {event["deviceVersion"] for event in found["new"]} == {"15.02.1118.026"}


def test_the_logs_that_are_remembered_are_bounded() -> None:
    events = EventNormalizer(make(), max_files=3)
    for number in range(50):
        assert events.normalize({"message": ROWS[0], "path": f"{number}.log"})[0]["name"]
    assert len(events._logs._streams) == 3


# --- what stays of the incoming event ------------------------------------------------------------


def test_what_the_shipper_added_stays_and_the_time_is_the_events_own() -> None:
    shipped = {
        "@timestamp": "2030-01-01T00:00:00.000Z",
        "@version": "1",
        "@metadata": {"topic": "x"},
        "tags": ["mail"],
        "host": {"name": "EX01"},
        "log": {"file": {"path": "MSGTRK1.LOG"}, "offset": 7},
        "env": "prod",
    }
    [event] = EventNormalizer(make()).normalize({**shipped, "message": ROWS[0]})
    assert {name: event[name] for name in shipped if name != "@timestamp"} == {
        name: value for name, value in shipped.items() if name != "@timestamp"
    }
    assert event["@timestamp"] == ROWS[0][:24]


def test_objects_are_merged_name_by_name_and_the_normalized_event_wins() -> None:
    event = {"event": {"dataset": "x", "code": "old"}, "name": "old", "message": "row"}
    merged = merge(event, {"event": {"code": "SEND"}, "name": "SEND"}, frozenset(("message",)), "row")
    assert merged == {"event": {"dataset": "x", "code": "SEND"}, "name": "SEND"}
    assert event["event"] == {"dataset": "x", "code": "old"}


def test_a_scalar_host_and_a_scalar_event_make_room() -> None:
    [event] = EventNormalizer(make(fields="ecs")).normalize(
        {"message": ROWS[0], "host": "EX01", "event": "mail"}
    )
    assert (event["host"], event["_event"]) == ({"name": "EX01"}, "mail")
    assert isinstance(event["event"], dict)


def test_message_is_the_events_own_and_the_raw_line_is_kept_on_request_only() -> None:
    row = next(row for row in ROWS if ",SEND," in row)
    [event] = EventNormalizer(make()).normalize({"message": row})
    assert event.get("message") != row
    assert "event" not in event
    [event] = EventNormalizer(make(keep_original=True)).normalize({"message": row})
    assert event["event"] == {"original": row}


def test_an_original_that_the_shipper_kept_stays() -> None:
    for original in (ROWS[0], "<13>syslog header " + ROWS[0]):
        [event] = EventNormalizer(make()).normalize({"message": ROWS[0], "event": {"original": original}})
        assert event["event"] == {"original": original}


def test_names_have_no_brackets() -> None:
    shape = {"name": "x", "a[b]": 1, "additionalData": {"cs(User-Agent)": "u", "x[0]": "y"}}
    assert without_brackets(shape) == {
        "name": "x",
        "a(b)": 1,
        "additionalData": {"cs(User-Agent)": "u", "x(0)": "y"},
    }


def test_each_recipient_of_an_event_keeps_what_the_shipper_added() -> None:
    events = EventNormalizer(make(per_recipient=True))
    found = all_of(events, [{"message": row, "host": {"name": "EX01"}} for row in ROWS])
    assert len(found) > len(ROWS)
    assert all(event["host"] == {"name": "EX01"} for event in found)
    assert len({event["exnorm_id"] for event in found}) == len(found)


# --- lines that are no events, or not of Exchange ------------------------------------------------


@pytest.mark.parametrize("path", [None, TRACKING.name])
def test_header_lines_are_swallowed(path: str | None) -> None:
    events = EventNormalizer(make())
    shipped = {} if path is None else {"path": path}
    assert all_of(events, [{"message": line, **shipped} for line in HEADER]) == []
    assert events.untouched == 0


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"a": 1},
        {"message": "hello"},
        {"message": ""},
        {"message": "# a comment"},
        {"message": "Date: today"},
        {"message": {"x": 1}},
        {"message": None},
        {"message": "2024-05-06 07:08:09 INFO started"},
        {"message": "2024-05-06T07:08:09Z,INFO,started", "path": "/var/log/app.csv"},
        {"message": "# a comment", "path": "/etc/x.conf", "tags": ["_jsonparsefailure"]},
        {"user": "x", "session": "y", "time": "z", "data": 5},
        {"source": {"ip": "10.0.0.1"}, "event": {"code": 1}, "date": "x"},
    ],
)
def test_what_is_not_of_exchange_goes_through_untouched(event: AnyEvent) -> None:
    events = EventNormalizer(make())
    before = json.dumps(event)
    for row in ("", ROWS[0]):  # alone, and after a row of Exchange
        if row:
            events.normalize({"message": row})
        [found] = events.normalize(event)
        assert found is event
        assert json.dumps(event) == before
    assert (events.untouched, events.unparsed) == (2, 0)


TORN = "2018-11-27T22:40:02.966Z,too,short"


@pytest.mark.parametrize("shipped", [{}, {"path": TRACKING.name}])
def test_a_row_that_does_not_parse_keeps_its_event_and_says_why(shipped: AnyEvent) -> None:
    events = EventNormalizer(make())
    event = {"message": TORN, "host": "EX01", "tags": ["mail"], "error": {"code": 5}, **shipped}
    all_of(events, [{"message": line, "host": "EX01", **shipped} for line in HEADER])
    [found] = events.normalize(event)
    assert found == {
        **event,
        "tags": ["mail", "_exnormparsefailure"],
        "error": {"code": 5, "reason": "row has 3 fields; #Fields names 30"},
    }
    assert event["tags"] == ["mail"]
    [fine] = events.normalize({"message": ROWS[0], **shipped})
    assert "tags" not in fine
    assert events.unparsed == 1


def test_any_line_of_a_known_file_that_does_not_parse_is_tagged() -> None:
    events = EventNormalizer(make())
    [found] = events.normalize({"message": "torn off", "path": TRACKING.name})
    assert found["tags"] == ["_exnormparsefailure"]
    assert found["message"] == "torn off"


@pytest.mark.parametrize(
    ("error", "expected"),
    [(None, {}), ("text", {"message": "text"}), ({"reason": "old"}, {})],
)
def test_the_reason_joins_the_error_that_is_there(error: Any, expected: AnyEvent) -> None:
    events = EventNormalizer(make())
    [found] = events.normalize({"message": "torn off", "path": TRACKING.name, "error": error})
    assert found["error"].pop("reason").startswith("row has 1 field")
    assert found["error"] == expected


def test_on_error_decides_what_becomes_of_a_row_that_does_not_parse() -> None:
    event = {"message": TORN, "path": TRACKING.name}
    skipping = EventNormalizer(make(on_error="skip"))
    assert skipping.normalize(event) == []
    assert skipping.unparsed == 1
    with pytest.raises(ParseError, match="row has 3 fields"):
        EventNormalizer(make(on_error="stop")).normalize(event)


def test_a_tag_is_added_once_to_a_text_or_a_list() -> None:
    assert add_tag(None, "t") == ["t"]
    assert add_tag("a", "t") == ["a", "t"]
    assert add_tag(["a", "t"], "t") == ["a", "t"]


# --- secrets -------------------------------------------------------------------------------------


def smtp_login(cell: str) -> list[str]:
    head = lines(SAMPLES / "smtp_protocol" / "RECV2023011116-1.LOG")[:5]
    row = "2023-01-11T16:00:01.000Z,EX\\Default,08DA,{},10.0.0.1:25,10.0.0.2:9,{},{},"
    return [*head, row.format(1, "<", "AUTH PLAIN"), row.format(2, "<", cell)]


def test_a_secret_is_gone_from_the_fields_and_from_what_the_shipper_kept_of_the_line() -> None:
    events = EventNormalizer(make(keep_original=True))
    given = [
        {"message": line, "path": "RECV1.LOG", "event": {"original": line}} for line in smtp_login(SECRET)
    ]
    found = all_of(events, given)
    assert len(found) == 2
    assert SECRET not in json.dumps(found)


def test_a_secret_is_gone_from_a_line_that_does_not_parse() -> None:
    line = "2023-01-11T16:00:01.000Z,too,short,AUTH PLAIN " + SECRET
    events = EventNormalizer(make())
    given = [
        {"message": one, "path": "RECV1.LOG", "event": {"original": one}} for one in (*HEADER_SMTP, line)
    ]
    [found] = all_of(events, given)
    assert found["tags"] == ["_exnormparsefailure"]
    assert SECRET not in json.dumps(found)


HEADER_SMTP = smtp_login("")[:5]


def test_a_secret_is_gone_from_the_columns_of_a_split_row_that_does_not_parse() -> None:
    row = split_rows(SAMPLES / "smtp_protocol" / "RECV2023011116-1.LOG")[0]
    event = {**row, "date-time": "yesterday", "event": "<", "data": "AUTH PLAIN " + SECRET}
    [found] = EventNormalizer(make()).normalize(event)
    assert found["tags"] == ["_exnormparsefailure"]
    assert found["data"].startswith("AUTH ")
    assert SECRET not in json.dumps(found)


# --- rows that came split ------------------------------------------------------------------------


def split_rows(path: Path) -> list[dict[str, str]]:
    normalizer = make()
    parsed = normalizer.parse(path.read_bytes(), normalizer.stream(path.name))
    return [record.values for record in parsed if isinstance(record, Record)]


@pytest.mark.parametrize(
    "path",
    [
        TRACKING,
        SAMPLES / "smtp_protocol" / "SEND2024030509-1.LOG",
        SAMPLES / "http_proxy" / "Owa_HttpProxy_2023010602-1.LOG",
        SAMPLES / "imap_pop" / "IMAP42024031508-1.LOG",
        SAMPLES / "connectivity" / "CONNECTLOG2024031508-1.LOG",
    ],
    ids=lambda p: p.name,
)
def test_a_row_that_came_split_is_the_same_event_in_whatever_order_its_columns_came(path: Path) -> None:
    shuffle = random.Random(7).sample
    shipped = {"path": path.name, "host": {"name": "EX01"}, "env": "prod", "agent": {"type": "x"}}
    given = [{**dict(shuffle(list(row.items()), len(row))), **shipped} for row in split_rows(path)]
    expected = [event for event in convert(path, path.name) if "tags" not in event]
    assert all_of(EventNormalizer(make()), given) == [event | shipped for event in expected]


def test_values_that_a_filter_read_as_numbers_lists_or_nothing_are_texts_again() -> None:
    row = next(row for row in split_rows(TRACKING) if ";" in row["recipient-address"])
    typed: AnyEvent = {
        name: None if value == "" else int(value) if value.isdecimal() else value
        for name, value in row.items()
    }
    typed["recipient-address"] = row["recipient-address"].split(";")
    events = EventNormalizer(make())
    assert events.normalize(typed) == events.normalize(dict(row))


def test_a_split_row_that_does_not_parse_keeps_its_columns() -> None:
    row = {**split_rows(TRACKING)[0], "date-time": "yesterday"}
    [found] = EventNormalizer(make()).normalize(row)
    assert found["tags"] == ["_exnormparsefailure"]
    assert found["error"]["reason"].startswith("date-time is 'yesterday'")
    assert {name: found[name] for name in row} == row


def test_a_message_that_is_no_row_does_not_hide_the_columns() -> None:
    row = split_rows(TRACKING)[0]
    [found] = EventNormalizer(make()).normalize({**row, "message": "parsed by csv"})
    assert found["deviceVendor"] == "Microsoft"


def test_an_object_of_an_export_is_one_whatever_the_order_of_its_properties() -> None:
    trace = json.loads(lines(SAMPLES / "message_trace" / "objects.ndjson")[0])
    events = EventNormalizer(make())
    [found] = events.normalize({**trace, "host": {"name": "EX01"}})
    [again] = events.normalize({**dict(reversed(trace.items())), "host": {"name": "EX01"}})
    assert found == again
    assert (found["sourceUserName"], found["host"]) == ("anna@example.com", {"name": "EX01"})


# --- finished lines, plugins ---------------------------------------------------------------------


def test_the_finished_line_stands_under_the_name_of_its_format() -> None:
    normalizer = Normalizer("arcsight", "cef", discover_plugins=False)
    [event] = EventNormalizer(normalizer, finished=True).normalize(
        {"message": ROWS[0], "host": {"name": "EX01"}}
    )
    assert sorted(event) == ["@timestamp", "cef", "exnorm_id", "host"]
    assert event["cef"].encode() == next(iter(normalizer.encode([ROWS[0]])))


def test_an_event_that_its_format_cannot_say_is_tagged() -> None:
    class Mute:
        def __str__(self) -> str:
            raise TypeError("no text")

    class Breaks:
        @hookimpl
        def event_processors(self) -> list[Any]:
            def mute(event: Event) -> Event:
                event.fields["sourceUserName"] = Mute()  # type: ignore[assignment]
                return event

            return [mute]

    normalizer = Normalizer("arcsight", "cef", plugins=[Breaks()], discover_plugins=False)
    events = EventNormalizer(normalizer, finished=True)
    [found] = events.normalize({"message": ROWS[0]})
    assert (found["message"], found["tags"]) == (ROWS[0], ["_exnormparsefailure"])
    assert found["error"]["reason"].startswith("format cef: cannot write the event")
    assert events.unparsed == 1


def test_an_event_that_a_plugin_removes_is_gone() -> None:
    class Removes:
        @hookimpl
        def event_processors(self) -> list[Any]:
            def remove(event: Event) -> None:
                return None

            return [remove]

    normalizer = Normalizer("arcsight", "json", plugins=[Removes()], discover_plugins=False)
    assert EventNormalizer(normalizer).normalize({"message": ROWS[0]}) == []


def test_a_number_of_5000_digits_in_a_column_is_its_text() -> None:
    digits = "9" * 5000
    columns = dict.fromkeys(MESSAGE_TRACKING.schemas[0].columns, "")
    event = {**columns, "date-time": "2024-05-06T07:08:09.123Z", "event-id": "RECEIVE"}
    number = 0
    for _ in range(10):
        number = number * 10**500 + int("9" * 500)
    (made,) = EventNormalizer(Normalizer(format="json")).normalize({**event, "total-bytes": number})
    assert digits in made["additionalData"].values()
