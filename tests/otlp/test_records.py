"""Records of OTLP with rows of Exchange in them, as bodies and as attributes, through the batches."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from tests.otlp.kit import (
    COLUMNS,
    FILE,
    HEADER,
    TAG,
    TIME,
    attributes,
    fields_of,
    numbers_of,
    read_any,
    records_of,
    request_of,
    row,
)

from exnorm import hookimpl
from exnorm.model import Event
from exnorm.otlp.batches import LogBodies
from exnorm.pipeline.normalizer import Normalizer
from exnorm.relay.bodies import Body, Bounds
from exnorm.relay.headers import Headers
from exnorm.relay.traffic import Traffic

PROTOBUF = "application/x-protobuf"


class Door:
    """Batches with a pipeline, called as the service calls them."""

    def __init__(self, *, plugins: tuple[object, ...] = (), **settings: Any) -> None:
        keys = {name: settings.pop(name) for name in ("row_keys", "has_payload") if name in settings}
        normalizer = Normalizer(
            settings.pop("taxonomy", "arcsight"), settings.pop("format", "json"), plugins=plugins, **settings
        )
        self.traffic = Traffic()
        headers = Headers(None, lambda text: None)
        self.batches = LogBodies(normalizer, Bounds(), self.traffic, headers, **keys)

    def take(self, request: Any, body: bytes | None = None) -> list[Any]:
        content = request.SerializeToString() if body is None else body
        batch = self.batches.relay(Body(content, "", PROTOBUF))
        if not batch.payload:
            return []
        found = records_of(ExportLogsServiceRequest.FromString(gzip.decompress(batch.payload)))
        assert len(found) == batch.events
        return found


def test_a_row_becomes_an_event_in_attributes_and_its_header_is_swallowed() -> None:
    found = Door().take(request_of([*HEADER, row(1), row(2)]))
    assert numbers_of(found) == [1, 2]
    fields = fields_of(found[0])
    assert fields["sourceUserName"] == "a@example.com"
    assert fields["bytesIn"] == 100
    assert fields["deviceVendor"] == "Microsoft"
    assert fields["log.file.path"] == FILE
    assert len(fields["exnorm_id"]) > 10
    assert found[0].body.string_value == row(1)
    assert found[0].time_unix_nano == TIME * 1_000_000
    assert found[0].observed_time_unix_nano == 7


def test_additional_data_is_a_map_of_columns() -> None:
    fields = fields_of(Door().take(request_of([*HEADER, row(1)]))[0])
    assert fields["additionalData"] == {"network-message-id": "0fd591fe-1cc4-47f0-0bbc-08d654b944f3"}


def test_names_of_ecs_are_written_with_dots() -> None:
    fields = fields_of(Door(fields="ecs").take(request_of([*HEADER, row(1)]))[0])
    assert fields["destination.ip"] == "10.0.0.1"
    assert not {"source", "destination", "observer"} & fields.keys()


@pytest.mark.parametrize(
    ("taxonomy", "form", "beginning"),
    [
        ("arcsight", "cef", "CEF:0|Microsoft|"),
        ("jsa", "leef", "LEEF:2.0|Microsoft|"),
        ("arcsight", "json", "{"),
    ],
)
def test_where_a_format_is_asked_for_the_payload_is_the_body(
    taxonomy: str, form: str, beginning: str
) -> None:
    door = Door(taxonomy=taxonomy, format=form, has_payload=True)
    found = door.take(request_of([*HEADER, row(1, "größer | = \\ x")]))
    assert found[0].body.string_value.startswith(beginning)
    assert "exnorm_id" in fields_of(found[0])
    whole = Normalizer(taxonomy, form)
    assert found[0].body.string_value.encode() == next(
        iter(whole.encode([*HEADER, row(1, "größer | = \\ x")], whole.stream(FILE)))
    )


def test_a_line_that_does_not_parse_goes_on_unchanged_with_tag_and_reason() -> None:
    request = request_of([*HEADER, row(1) + ",one too many"])
    given = records_of(request)[-1]
    given.trace_id, given.severity_text = b"0123456789abcdef", "INFO"
    given.attributes.extend(attributes({"tags": "mine"}))
    (found,) = Door().take(request)
    fields = fields_of(found)
    assert fields.pop("tags") == ["mine", TAG]
    assert "27" in fields.pop("error.reason")
    assert fields == {"log.file.path": FILE}
    assert (found.body, found.trace_id, found.severity_text, found.observed_time_unix_nano) == (
        given.body, given.trace_id, "INFO", 7,
    )  # fmt: skip


def test_what_is_not_of_exchange_goes_on_byte_for_byte() -> None:
    request = request_of(["GET / HTTP/1.1", "{}"], file="")
    request.resource_logs[0].schema_url = "https://example.com/schema"
    door = Door()
    content = request.SerializeToString()
    batch = door.batches.relay(Body(content, "", PROTOBUF))
    assert ExportLogsServiceRequest.FromString(gzip.decompress(batch.payload)) == request
    assert door.batches.counts().unparsed == {}


def test_a_text_that_is_no_utf8_costs_nobody_else_and_keeps_its_bytes() -> None:
    marked = row(2, "QQQQ")
    content = (
        request_of([*HEADER, row(1), marked, row(3)])
        .SerializeToString()
        .replace(b"QQQQ", b"\xff\xfe\xfd\xfc")
    )
    batch = Door().batches.relay(Body(content, "", PROTOBUF))
    forwarded = gzip.decompress(batch.payload)
    assert batch.events == 3
    assert b"\xff\xfe\xfd\xfc" in forwarded
    assert forwarded.count(b"deviceCustomString1") >= 2


def test_a_file_known_by_its_name_alone_is_one_log_for_each_host() -> None:
    door = Door()
    name = "MSGTRK2024050607-1.LOG"
    assert door.take(request_of(HEADER, file=name, key="log.file.name", host="a")) == []
    found = door.take(request_of([row(1)], file=name, key="log.file.name", host="a"))
    assert fields_of(found[0])["deviceVersion" if "deviceVersion" in fields_of(found[0]) else "name"]
    assert door.batches.counts().events == 1


def test_headers_of_two_hosts_with_one_path_are_not_mixed() -> None:
    door = Door()
    iis = [
        "#Software: Microsoft Internet Information Services 10.0",
        "#Fields: date time c-ip cs-method cs-uri-stem sc-status",
    ]
    path = "C:\\inetpub\\u_ex240506.log"
    other = [iis[0], "#Fields: date time cs-method c-ip cs-uri-stem sc-status"]
    assert door.take(request_of(iis, file=path, host="a")) == []
    assert door.take(request_of(other, file=path, host="b")) == []
    (first,) = door.take(request_of(["2024-05-06 07:08:09 10.1.1.1 GET /owa 200"], file=path, host="a"))
    (second,) = door.take(request_of(["2024-05-06 07:08:09 GET 10.2.2.2 /owa 200"], file=path, host="b"))
    assert fields_of(first)["sourceAddress"] == "10.1.1.1"
    assert fields_of(second)["sourceAddress"] == "10.2.2.2"


def test_the_row_is_taken_from_the_attribute_that_a_setting_names() -> None:
    request = request_of(["seen at gateway"])
    records_of(request)[0].attributes.extend(attributes({"event.original": row(4)}))
    (found,) = Door(row_keys=["event.original"]).take(request)
    assert numbers_of([found]) == [4]
    assert found.body.string_value == "seen at gateway"
    assert fields_of(found)["event.original"] == row(4)
    (payload,) = Door(row_keys=["event.original"], format="cef", has_payload=True).take(request)
    assert payload.body.string_value.startswith("CEF:0|")
    assert "event.original" not in fields_of(payload)


def test_a_body_that_is_a_map_holds_the_row_as_fluent_bit_sends_it() -> None:
    request = request_of([""], file="")
    body = records_of(request)[0].body
    body.kvlist_value.values.extend(attributes({"filename": FILE, "log": row(5)}))
    (found,) = Door().take(request)
    assert numbers_of([found]) == [5]
    assert read_any(found.body) == {"filename": FILE, "log": row(5)}


@pytest.mark.parametrize("place", ["attributes", "body"])
def test_a_row_that_came_split_is_read_by_its_columns(place: str) -> None:
    cells = dict(zip(COLUMNS.split(","), row(6).split(",")))
    request = request_of([""], file="")
    record = records_of(request)[0]
    record.body.Clear()
    target = record.attributes if place == "attributes" else record.body.kvlist_value.values
    target.extend(attributes({**cells, "mine": "x"} if place == "attributes" else cells))
    (found,) = Door().take(request)
    fields = fields_of(found)
    assert fields["deviceCustomString1"] == "6"
    assert "event-id" not in fields
    assert found.body.string_value == row(6)
    assert place == "body" or fields["mine"] == "x"


def test_a_secret_leaves_body_and_attributes_of_rows_and_of_what_does_not_parse() -> None:
    header = [
        *("#Software: Microsoft Exchange Server", "#Version: 15.0.0.0", "#Log-type: POP3 Log"),
        "#Date: 2024-05-06T00:00:00.000Z",
        "#Fields: dateTime,sessionId,seqNumber,sIp,cIp,user,duration,rqsize,rpsize,command,parameters,"
        "context",
    ]
    good = "2024-05-06T07:08:09.123Z,0000000000000001,1,10.0.0.2:110,10.0.0.1:5000,,1,11,5,pass,S3cr3t,R=ok"
    path = "C:\\logs\\POP3\\POP3-1.LOG"
    for line in (good, good + ",a,b,c,d"):
        for door in (Door(), Door(format="cef", has_payload=True)):
            found = door.take(request_of([*header, line], file=path))
            assert len(found) == 1
            assert "S3cr3t" not in str(found[0]), line


def test_a_plugin_that_raises_costs_its_effect_only() -> None:
    class Broken:
        @hookimpl
        def event_processors(self, source: Any, taxonomy: Any, settings: Any) -> Any:
            def process(event: Event) -> Event:
                raise RuntimeError("no")

            return [process]

    found = Door(plugins=(Broken(),)).take(request_of([*HEADER, row(1)]))
    assert numbers_of(found) == [1]


def test_an_event_is_not_read_a_second_time() -> None:
    door = Door()
    once = door.take(request_of([*HEADER, row(1)]))
    request = request_of([], file="")
    request.resource_logs[0].scope_logs[0].log_records.extend(once)
    assert door.take(request) == once


def test_a_profile_leaves_rows_out() -> None:
    submit = row(1).replace("RECEIVE", "HADISCARD")
    door = Door(profile="security")
    found = door.take(request_of([*HEADER, submit, row(2)]))
    assert numbers_of(found) == [2]


def test_a_record_for_each_recipient_is_one_log_record_each() -> None:
    two = row(1).replace("b@example.com", "b@example.com;c@example.com")
    found = Door(per_recipient=True).take(request_of([*HEADER, two]))
    assert sorted(fields_of(one)["destinationUserName"] for one in found) == [
        "b@example.com",
        "c@example.com",
    ]


def test_the_same_events_as_from_the_command_line(tmp_path: Path) -> None:
    normalizer = Normalizer("arcsight", "json")
    expected = [
        json.loads(line) for line in normalizer.encode([*HEADER, row(1), row(2)], normalizer.stream(FILE))
    ]
    found = [fields_of(one) for one in Door().take(request_of([*HEADER, row(1), row(2)]))]
    for fields in found:
        del fields["log.file.path"]
    assert found == expected


def test_an_error_of_ours_leaves_the_record_as_it_came_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*arguments: Any) -> None:
        raise RuntimeError("of ours")

    door = Door()
    monkeypatch.setattr(door.batches._records._logs, "read_line", fail)
    (found,) = door.take(request_of([row(1)]))
    assert found.body.string_value == row(1)
    assert fields_of(found)["tags"] == [TAG]
    assert fields_of(found)["error.reason"] == "RuntimeError: 'of ours'"
    assert door.traffic.failed == 1
