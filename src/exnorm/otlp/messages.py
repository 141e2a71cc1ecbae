"""The messages of OTLP's log service: decode requests from bytes or JSON, and encode answers.

The classes are made of the descriptors of ``opentelemetry-proto``, with one change: text is kept as bytes. On
the wire both are the same, but protobuf refuses a whole request for one text that is not UTF-8, and shippers
that read files send such texts.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message, message_factory
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.resource.v1 import resource_pb2

from exnorm.relay.bodies import RefusedError

PROTOBUF, JSON = "application/x-protobuf", "application/json"
MOST_PARTS = 2_000_000
"""Messages inside of a request, and words of JSON: each takes some hundred bytes once it is read."""
_SMALL = 1024 * 1024  # a body that cannot hold so many parts that it would matter
_IDS = ("traceId", "spanId")
_Descriptor = descriptor_pb2.FieldDescriptorProto


# --- classes ---------------------------------------------------------------------------------------


def _hold_texts_as_bytes(found: descriptor_pb2.DescriptorProto) -> None:
    for field in found.field:
        if field.type == _Descriptor.TYPE_STRING:
            field.type = _Descriptor.TYPE_BYTES
    for nested in found.nested_type:
        _hold_texts_as_bytes(nested)


def make_request_class() -> Any:
    """Return the class of requests, which includes all the others."""
    pool = descriptor_pool.DescriptorPool()
    for module in (common_pb2, resource_pb2, logs_pb2, logs_service_pb2):
        file = descriptor_pb2.FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)
        for found in file.message_type:
            _hold_texts_as_bytes(found)
        pool.AddSerializedFile(file.SerializeToString())
    name = logs_service_pb2.ExportLogsServiceRequest.DESCRIPTOR.full_name
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


# --- requests --------------------------------------------------------------------------------------


def read_request(make: Any, content: bytes, content_type: str) -> Any:
    """Decode a request of the class ``make``. Raises ``RefusedError`` for one that can never be read."""
    if content_type == PROTOBUF:
        _refuse_crowd(len(content) > _SMALL and _has_many_parts(content))
        try:
            return make.FromString(content)
        except message.DecodeError:
            raise RefusedError(400, "the body is no protobuf of ExportLogsServiceRequest") from None
    if content_type != JSON:
        raise RefusedError(415, f"Content-Type is none of {PROTOBUF}, {JSON}")
    _refuse_crowd(content.count(b"{") + content.count(b"[") + content.count(b'"') // 2 > 3 * MOST_PARTS)
    try:
        found = json_format.ParseDict(
            _read_json(content), logs_service_pb2.ExportLogsServiceRequest(), ignore_unknown_fields=True
        )
    except (json_format.ParseError, ValueError, TypeError, AttributeError, RecursionError):
        raise RefusedError(400, "the body is no JSON of ExportLogsServiceRequest") from None
    return make.FromString(found.SerializeToString())


def _refuse_crowd(is_crowd: bool) -> None:
    if is_crowd:
        raise RefusedError(413, f"the body has more than {MOST_PARTS} parts")


def _read_json(content: bytes) -> Any:
    """Decode JSON with the ids converted to protobuf's form: OTLP writes them in hexadecimal."""
    try:
        document = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):  # half of a surrogate pair, bytes that are no UTF-8
        text = json.dumps(json.loads(content.decode("utf-8", "replace")), ensure_ascii=False)
        document = msgspec.json.decode(text.encode("utf-8", "replace"))
    for resource in document.get("resourceLogs") or ():
        for scope in resource.get("scopeLogs") or ():
            for record in scope.get("logRecords") or ():
                for name in _IDS:
                    if isinstance(record.get(name), str):
                        record[name] = base64.b64encode(bytes.fromhex(record[name])).decode("ascii")
    return document


# fmt: off
_KINDS: dict[str, dict[int, str]] = {  # messages that hold others: the numbers of their fields, their kinds
    "request": {1: "resource_logs"},
    "resource_logs": {1: "resource", 2: "scope_logs"},
    "resource": {1: "key_value"},
    "scope_logs": {1: "scope", 2: "log_record"},
    "scope": {3: "key_value"},
    "log_record": {5: "any_value", 6: "key_value"},
    "key_value": {2: "any_value"},
    "any_value": {5: "array", 6: "key_values"},
    "array": {1: "any_value"},
    "key_values": {1: "key_value"},
}
# fmt: on


def _has_many_parts(content: bytes) -> bool:
    """Return whether a request has more messages than ``MOST_PARTS``, without making any of them."""
    parts = 0
    waiting = [(0, len(content), "request")]
    while waiting:
        at, end, kind = waiting.pop()
        fields = _KINDS[kind]
        for number, begin, stop in _walk(content, at, end):
            parts += 1
            if parts > MOST_PARTS:
                return True
            if number in fields:
                waiting.append((begin, stop, fields[number]))
    return False


def _walk(content: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield the length-delimited fields of a message: number, begin and end. Stops where it is damaged."""
    while at < end:
        tag, at = _read_varint(content, at, end)
        wire = tag & 7
        if wire == 2:
            size, at = _read_varint(content, at, end)
            if at + size > end:
                return
            yield tag >> 3, at, at + size
            at += size
        elif wire == 0:
            _, at = _read_varint(content, at, end)
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        else:
            return


def _read_varint(content: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end:
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            break
    return value, end


# --- answers ---------------------------------------------------------------------------------------


class Partial(NamedTuple):
    """The part of a batch that a receiver refused for good, and its reason."""

    rejected: int = 0
    reason: str = ""


def read_answer(content: bytes) -> Partial:
    """Return the refused part from an answer of the next hop; an unreadable answer counts as none."""
    try:
        found = logs_service_pb2.ExportLogsServiceResponse.FromString(content).partial_success
    except message.DecodeError:
        return Partial()
    return Partial(found.rejected_log_records, found.error_message[:1000])


def write_answer(partial: Partial, content_type: str) -> bytes:
    """Encode the answer to an accepted batch."""
    answer = logs_service_pb2.ExportLogsServiceResponse()
    if partial.rejected or partial.reason:
        answer.partial_success.rejected_log_records = partial.rejected
        answer.partial_success.error_message = partial.reason
    if content_type == JSON:
        return msgspec.json.encode(json_format.MessageToDict(answer))
    return bytes(answer.SerializeToString())


def write_status(code: int, text: str, content_type: str) -> bytes:
    """Encode a refusal: the message ``google.rpc.Status`` with a gRPC code."""
    if content_type == JSON:
        return msgspec.json.encode({"code": code, "message": text})
    encoded = text.encode("utf-8", "replace")
    return b"\x08" + _write_varint(code) + b"\x12" + _write_varint(len(encoded)) + encoded


def _write_varint(value: int) -> bytes:
    written = bytearray()
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    return bytes((*written, value))
