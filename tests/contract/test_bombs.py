"""Inputs made to exhaust memory, in every place where input enters: refused with a reason, in bounds.

Each case runs in a process of its own (this file, started as a program): one row is read first, so that
all that is made once is there, then the peak of memory is set back, the bomb is given, and behind it the
next row. The input itself is made before and is not the product's memory, except where the product reads
it piece by piece.
"""

from __future__ import annotations

import contextlib
import gc
import gzip
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgpack
import pytest

from exnorm import Normalizer
from exnorm.cli import run
from exnorm.fluentbit import ChunkFilter, read_options
from exnorm.fluentbit.carrier import Carrier
from exnorm.fluentbit.forward import ForwardError, Message, MessageCutter
from exnorm.fluentbit.service import Limits as ServiceLimits
from exnorm.logstash import EventNormalizer, JSONCodec, LineTooLong
from exnorm.logstash.batches import Batches, Body
from exnorm.logstash.bodies import Bounds, RefusedError
from exnorm.logstash.headers import Headers
from exnorm.logstash.metrics import Traffic
from exnorm.testing import normalizer

Found = tuple[list[str], int]
"""The reasons of what was refused, and how many events the next row became."""

MIB = 1024 * 1024
GROWTH_MIB = 64
PATIENCE = 120

# --- the bombs, as lines of a log ----------------------------------------------------------------

COLUMNS = (
    "date-time,client-ip,client-hostname,server-ip,server-hostname,source-context,connector-id,source,"
    "event-id,internal-message-id,message-id,network-message-id,recipient-address,recipient-status,"
    "total-bytes,recipient-count,related-recipient-address,reference,message-subject,sender-address,"
    "return-path,message-info,directionality,tenant-id,original-client-ip,original-server-ip,custom-data"
)
HEADER = f"#Fields: {COLUMNS}".encode()
CELLS = (
    "2024-05-06T07:08:09.123Z,10.0.0.1,c,10.0.0.2,s,,d,SMTP,RECEIVE,1,<1@x>,g,b@x,,100,1,,,hello,a@x,a@x,,"
    "Incoming,,,,"
).split(",")
PATH = "MSGTRK2024050607-1.LOG"


def row(subject: str = "hello", recipients: str = "b@x") -> bytes:
    cells = list(CELLS)
    cells[18], cells[12] = subject, recipients
    return ",".join(cells).encode()


def long_line() -> bytes:
    return row("x" * (64 * MIB))


def recipients_line() -> bytes:
    return row(recipients="bob@example;" * 1_000_000)


def short_recipients_line() -> bytes:
    return row(recipients="b;" * 1_000_000)


def many_columns() -> list[bytes]:
    names = [*COLUMNS.split(","), *(f"x-{number}" for number in range(9973))]
    return ["#Fields: ".encode() + ",".join(names).encode(), row() + b"," + b",".join([b"v"] * 9973)]


def many_cells_line() -> bytes:
    return row() + b",ab" * MIB


def deep_json() -> bytes:
    return b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


def long_number() -> bytes:
    return b'{"event-id":"RECEIVE","date-time":"2024-05-06T07:08:09.123Z","total-bytes":' + b"9" * 5000 + b"}"


def dense_json() -> bytes:
    return b'{"a":[' + b"[]," * MIB + b"0]}"


LINES: dict[str, Callable[[], list[bytes]]] = {
    "64 MiB line": lambda: [long_line()],
    "million recipients": lambda: [recipients_line()],
    "million short recipients": lambda: [short_recipients_line()],
    "10000 columns": many_columns,
    "million cells": lambda: [many_cells_line()],
    "JSON 100000 deep": lambda: [deep_json()],
    "5000 digits": lambda: [long_number()],
    "dense JSON": lambda: [dense_json()],
}


# --- what each place makes of it -----------------------------------------------------------------
#
# A place gives the reasons it refused with, and how many payloads the next row became: it must be one.


def in_library(lines: list[bytes], settings: dict[str, Any]) -> Found:
    running = normalizer(**settings)
    stream = running.stream(PATH)
    list(running.encode([HEADER, *[row()] * 20], stream))
    start_measuring()
    refused: list[str] = []
    for line in lines:
        for item in running.parse([line], stream):
            for _ in running.encode_records([item], lambda unparsed: refused.append(unparsed.reason)):
                pass
    for _ in running.encode([*lines, *[row()] * 10], stream):  # the short way
        pass
    return refused, len(list(running.encode([row()], stream)))


def in_open_file(lines: list[bytes], settings: dict[str, Any]) -> Found:
    running = normalizer(**settings)
    stream = running.stream(PATH)
    list(running.encode([HEADER, *[row()] * 20], stream))
    refused: list[str] = []
    with tempfile.TemporaryFile() as file:
        file.write(b"\n".join([*lines, row()]))
        file.seek(0)
        start_measuring()
        with open(file.fileno(), "rb", closefd=False) as reader:
            for _ in running.encode_records(
                running.parse(reader, stream), lambda unparsed: refused.append(unparsed.reason)
            ):
                pass
        events = running.counts.events
        file.seek(0)
        with open(file.fileno(), "rb", closefd=False) as reader:
            for _ in running.encode(reader, stream):
                pass
    return refused, running.counts.events - events


def in_convert(lines: list[bytes], settings: dict[str, Any]) -> Found:
    """The command line, by a file."""
    with tempfile.TemporaryDirectory() as folder:
        log, out, rejects = (Path(folder, name) for name in (PATH, "out", "rejects"))
        options = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items() if value is not True]
        options += [f"--{name.replace('_', '-')}" for name, value in settings.items() if value is True]
        command = ["convert", "-q", "-o", str(out), "--rejects", str(rejects), *options, str(log)]
        log.write_bytes(b"\n".join([HEADER, *[row()] * 20]))
        with contextlib.suppress(SystemExit):
            run(command)
        log.write_bytes(b"\n".join([HEADER, row(), *lines, row("the next")]))
        start_measuring()
        with contextlib.suppress(SystemExit):
            run(command)
        refused = [json.loads(line)["reason"] for line in rejects.read_bytes().splitlines()]
        with out.open("rb") as written:
            return refused, sum(b"the next" in line for line in written if len(line) < 10_000)


def in_fluent_bit_filter(lines: list[bytes], settings: dict[str, Any]) -> Found:
    options = read_options({**settings, "read_header": "off"}, {})
    running = ChunkFilter(options, normalizer=Normalizer.from_settings(options.settings, discover_plugins=False))

    def pack(line: bytes) -> bytes:
        packed: bytes = msgpack.packb([[1, {}], {"log": line.decode(), "path": PATH}])
        return packed

    running.filter("t", pack(HEADER) + pack(row()) * 20)
    chunk = b"".join(map(pack, [*lines, row()]))
    start_measuring()
    made = running.filter("t", chunk) or b""
    reasons, events = [], 0
    for _, body in msgpack.Unpacker(io.BytesIO(made), max_buffer_size=1 << 30):
        if "error" in body:
            reasons.append(body["error"]["reason"])
        events += "exnorm_id" in body or "cef" in body
    return reasons, events


def in_forward_service(lines: list[bytes], settings: dict[str, Any]) -> Found:
    """All of the service but its sockets: what a connection brings, in the blocks it comes in."""
    options = read_options({**settings, "read_header": "off"}, {})
    running = ChunkFilter(options, normalizer=Normalizer.from_settings(options.settings, discover_plugins=False))
    sink, limits = Sink(), ServiceLimits()
    carrier = Carrier(running, [sink], tag_prefix="n.", send_bytes=limits.send_bytes, max_bytes=limits.max_chunk_bytes)

    def message(*given: bytes) -> bytes:
        events = b"".join(msgpack.packb([1, {"log": line.decode(), "path": PATH}]) for line in given)
        packed: bytes = msgpack.packb(["t", events, {"chunk": "id"}])
        return packed

    def connect(data: bytes) -> str:
        cutter = MessageCutter(limits.max_chunk_bytes)
        try:
            for at in range(0, len(data), 65536):
                messages = cutter.feed(data[at : at + 65536])
                if messages:
                    carrier.carry(messages)
        except ForwardError as error:
            return str(error)
        return ""

    connect(message(HEADER, *[row()] * 20))
    data = message(*lines)
    sink.bodies.clear()
    start_measuring()
    refused = [reason for reason in [connect(data)] if reason]
    refused += [body["error"]["reason"] for body in sink.bodies if "error" in body]
    sink.bodies.clear()
    connect(message(row()))
    return refused, len(sink.bodies)


def in_logstash_codec(lines: list[bytes], settings: dict[str, Any]) -> Found:
    events = EventNormalizer(normalizer(**settings), finished=settings.get("format") != "json")
    codec = JSONCodec(events)

    def wrap(line: bytes) -> bytes:
        if line.startswith((b"{", b"[")):
            return line + b"\n"
        return json.dumps({"message": line.decode(), "log": {"file": {"path": PATH}}}).encode() + b"\n"

    codec.decode(b"".join(map(wrap, [HEADER, *[row()] * 20])))
    data = [wrap(line) for line in lines]
    start_measuring()
    refused = []
    for block in data:
        try:
            refused += reasons_of(codec.decode(block))
        except LineTooLong as error:
            refused.append(str(error))
    return refused, sum(is_ours(event) for event in codec.decode(wrap(row())))


def in_logstash_service(lines: list[bytes], settings: dict[str, Any], encoding: str = "") -> Found:
    """All of the service but its HTTP: the bodies of requests."""
    target = Batches(normalizer(**settings), Bounds(), Traffic(), Headers(None, print))

    def wrap(line: bytes) -> bytes:
        if line.startswith((b"{", b"[")):
            return line + b"\n"
        return json.dumps({"message": line.decode(), "log": {"file": {"path": PATH}}}).encode() + b"\n"

    target.relay(Body(b"".join(map(wrap, [HEADER, *[row()] * 20]))))
    bodies = [wrap(line) for line in lines]
    if encoding:
        bodies = [gzip.compress(body) for body in bodies]
    start_measuring()
    refused = []
    for body in bodies:
        try:
            batch = target.relay(Body(body, encoding))
            refused += reasons_of(map(json.loads, gzip.decompress(batch.payload).splitlines()))
        except RefusedError as error:
            refused.append(str(error))
    batch = target.relay(Body(wrap(row())))
    return refused, sum(is_ours(json.loads(line)) for line in gzip.decompress(batch.payload).splitlines())


def in_logstash_service_packed(lines: list[bytes], settings: dict[str, Any]) -> Found:
    return in_logstash_service(lines, settings, "gzip")


def reasons_of(events: Iterable[dict[str, Any]]) -> list[str]:
    found = []
    for event in events:
        error = event.get("error")
        if isinstance(error, dict):
            found.append(str(error["reason"]))
        elif event.get("tags"):
            found.append(" ".join(event["tags"]))
    return found


def is_ours(event: dict[str, Any]) -> bool:
    return "exnorm_id" in event


class Sink:
    """A next hop that takes everything."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []

    def send_packed(self, message: Message, count: int | None = None) -> None:
        self.bodies += [body for _, body in msgpack.Unpacker(io.BytesIO(message.events), max_buffer_size=1 << 30)]

    def close(self) -> None:
        pass


PLACES: dict[str, Callable[[list[bytes], dict[str, Any]], Found]] = {
    "library": in_library,
    "open file": in_open_file,
    "convert": in_convert,
    "Fluent Bit filter": in_fluent_bit_filter,
    "forward service": in_forward_service,
    "Logstash codec": in_logstash_codec,
    "Logstash service": in_logstash_service,
    "Logstash service, gzip": in_logstash_service_packed,
}


# --- measuring -----------------------------------------------------------------------------------


def memory(name: str) -> float:
    """A figure of this process's memory, in MiB."""
    return int(Path("/proc/self/status").read_text().partition(f"{name}:")[2].split()[0]) / 1024


def start_measuring() -> None:
    """Set the peak back to what the process takes now."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    Before.mib = memory("VmRSS")


class Before:
    """What the process took before the bomb."""

    mib = 0.0


def main(place: str, bomb: str, settings: str) -> None:
    """Run one case; its figures go to standard output."""
    lines = LINES[bomb]()
    refused, following = PLACES[place](lines, json.loads(settings))
    growth = memory("VmHWM") - Before.mib
    print(json.dumps({"refused": [text[:300] for text in refused[:20]], "next": following, "mib": round(growth, 1)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
