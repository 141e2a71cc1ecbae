"""Requests and answers: what is read, what is refused and how, bounds on what is multiplied."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from tests.otlp.kit import request_of

from exnorm.otlp import messages
from exnorm.otlp.messages import (
    JSON,
    PROTOBUF,
    Partial,
    make_request_class,
    read_answer,
    read_request,
    write_answer,
    write_status,
)
from exnorm.relay.bodies import RefusedError

MAKE = make_request_class()


def read(content: bytes, content_type: str = PROTOBUF) -> Any:
    made = read_request(MAKE, content, content_type)
    return ExportLogsServiceRequest.FromString(made.SerializeToString())


def refusal(content: bytes, content_type: str = PROTOBUF) -> tuple[int, str]:
    with pytest.raises(RefusedError) as refused:
        read_request(MAKE, content, content_type)
    return refused.value.status, str(refused.value)


def test_both_encodings_are_the_same_request() -> None:
    request = request_of(["a", "b"])
    record = request.resource_logs[0].scope_logs[0].log_records[0]
    record.time_unix_nano, record.trace_id, record.span_id = 2**63 + 5, b"0123456789abcdef", b"01234567"
    document = json_format.MessageToDict(request)
    written = document["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
    written["traceId"], written["spanId"] = record.trace_id.hex(), record.span_id.hex()
    written["someFieldOfTomorrow"] = {"a": 1}
    assert read(request.SerializeToString()) == request
    assert read(json.dumps(document).encode(), JSON) == request


def test_fields_that_are_not_known_yet_go_on() -> None:
    unknown = b"\xf2\x3f\x03new"  # field 1022
    assert read_request(MAKE, unknown, PROTOBUF).SerializeToString() == unknown


def test_an_empty_request_is_one() -> None:
    assert read(b"") == ExportLogsServiceRequest()
    assert read(b"{}", JSON) == ExportLogsServiceRequest()


def test_half_of_a_surrogate_pair_costs_one_character() -> None:
    body = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"a\\ud800b"}}]}]}]}'
    record = read(body, JSON).resource_logs[0].scope_logs[0].log_records[0]
    assert record.body.string_value == "a?b"


@pytest.mark.parametrize(
    ("content", "content_type", "status", "reason"),
    [
        (b"\xff\xff\xff", PROTOBUF, 400, "the body is no protobuf of ExportLogsServiceRequest"),
        (request_of(["a"]).SerializeToString()[:-3], PROTOBUF, 400, "no protobuf"),
        (b"{", JSON, 400, "the body is no JSON of ExportLogsServiceRequest"),
        (b"[]", JSON, 400, "no JSON"),
        (b"\xff", JSON, 400, "no JSON"),
        (b'{"resourceLogs": 7}', JSON, 400, "no JSON"),
        (b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"xyz"}]}]}]}', JSON, 400, "no JSON"),
        (b'{"resourceLogs":' + b"[" * 200_000 + b"]" * 200_000 + b"}", JSON, 400, "no JSON"),
        (b"", "text/plain", 415, "Content-Type is none of application/x-protobuf, application/json"),
    ],
)
def test_what_can_never_be_read_is_refused(
    content: bytes, content_type: str, status: int, reason: str
) -> None:
    found = refusal(content, content_type)
    assert found[0] == status
    assert reason in found[1]


def field(number: int, content: bytes) -> bytes:
    return bytes((number << 3 | 2,)) + messages._write_varint(len(content)) + content


@pytest.mark.parametrize(
    "content",
    [
        field(1, field(2, b"\x12\x00" * 2_100_000)),  # log records
        field(1, field(2, field(2, b"\x32\x00" * 2_100_000))),  # attributes
        field(1, field(2, field(2, field(5, field(5, b"\x0a\x00" * 2_100_000))))),  # members of an array
    ],
    ids=("records", "attributes", "values"),
)
def test_what_would_be_multiplied_is_counted_before_it_is_made(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Never:
        @staticmethod
        def FromString(content: bytes) -> None:
            raise AssertionError("it was made")

    with pytest.raises(RefusedError, match="the body has more than 2000000 parts") as refused:
        read_request(Never, content, PROTOBUF)
    assert refused.value.status == 413


def test_json_of_nothing_but_brackets_is_refused_before_it_is_read() -> None:
    assert refusal(b'{"resourceLogs":[' + b"{}," * 7_000_000 + b"{}]}", JSON)[0] == 413


def test_a_large_request_of_rows_is_not_a_crowd() -> None:
    request = request_of(["x" * 200] * 20_000)
    assert len(request.SerializeToString()) > 1024 * 1024
    assert read(request.SerializeToString()) == request


@pytest.mark.parametrize(
    "content", [b"\x0a", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x0a\x05ab", b"\x0b"]
)
def test_the_counter_of_parts_ends_where_a_message_is_damaged(content: bytes) -> None:
    assert not messages._has_many_parts(content)


def test_a_partial_success_is_read_and_written_in_both_encodings() -> None:
    response = ExportLogsServiceResponse()
    response.partial_success.rejected_log_records = 3
    response.partial_success.error_message = "too old"
    partial = Partial(3, "too old")
    assert read_answer(response.SerializeToString()) == partial
    assert ExportLogsServiceResponse.FromString(write_answer(partial, PROTOBUF)) == response
    assert json.loads(write_answer(partial, JSON)) == {
        "partialSuccess": {"rejectedLogRecords": "3", "errorMessage": "too old"}
    }
    assert write_answer(Partial(), PROTOBUF) == b""
    assert write_answer(Partial(), JSON) == b"{}"
    assert read_answer(b"<html>") == Partial()


def test_a_refusal_is_a_status_message() -> None:
    # field 1 (code) = 14, field 2 (message) of 4 bytes
    assert write_status(14, "gone", PROTOBUF) == b"\x08\x0e\x12\x04gone"
    assert write_status(14, "x" * 300, PROTOBUF)[:5] == b"\x08\x0e\x12\xac\x02"
    assert json.loads(write_status(14, "gone", JSON)) == {"code": 14, "message": "gone"}
