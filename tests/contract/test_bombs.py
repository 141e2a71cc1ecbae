"""Inputs made to exhaust memory, in every place where input enters: refused with a reason, in bounds.

Each case runs in a process of its own (this file, started as a program): one row is read first, so that
all that is made once is there, then the peak of memory is set back, the bomb is given, and behind it the
next row. The input itself is made before and is not the product's memory, except where the product reads
it piece by piece.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import gzip
import io
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgpack
import pytest

from exnorm import Normalizer
from exnorm.cli import run
from exnorm.fluentbit import ChunkFilter, read_options
from exnorm.fluentbit.forward import ForwardError, Message, MessageCutter
from exnorm.fluentbit.relay import Carrier
from exnorm.fluentbit.service import ServiceLimits
from exnorm.logstash import EventNormalizer, JSONCodec, LineTooLong
from exnorm.logstash.batches import EventBodies
from exnorm.logstash.unpack import unpack
from exnorm.relay.bodies import Body, Bounds, RefusedError
from exnorm.relay.headers import Headers
from exnorm.relay.traffic import Traffic
from exnorm.testing import normalizer

Found = tuple[list[str], int]
"""The reasons of what was refused, and how many events the next row became."""

MIB = 1024 * 1024
GROWTH_MIB = 64
PATIENCE = 600  # seconds; it takes a few, on a machine that is not shared

# --- the bombs, as lines of a log ----------------------------------------------------------------


class Log(NamedTuple):
    """A log with the lines that are the bomb, and a harmless row of it."""

    lines: list[bytes]
    row: bytes
    header: tuple[bytes, ...] = ()
    path: str = ""


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
)


def row(subject: str = "hello", recipients: str = "b@x") -> bytes:
    cells = CELLS.split(",")
    cells[18], cells[12] = subject, recipients
    return ",".join(cells).encode()


def tracking(*lines: bytes) -> Log:
    return Log(list(lines), row(), (HEADER,), "MSGTRK2024050607-1.LOG")


def many_columns() -> Log:
    names = ",".join((*COLUMNS.split(","), *(f"x{number}" for number in range(9973))))
    return tracking(b"#Fields: " + names.encode(), row() + b",v" * 9973)


OBJECT = (
    b'{"Timestamp":"2024-05-06T07:08:09.123Z","ClientIp":"10.0.0.1","ServerIp":"10.0.0.2","Source":"SMTP",'
    b'"EventId":"RECEIVE","MessageId":"<1@x>","Recipients":["b@x"],"Sender":"a@x","MessageSubject":"hello",'
    b'"TotalBytes":%s}'
)


def export(value: bytes) -> Log:
    """Objects that Get-MessageTrackingLog gave, one a line."""
    return Log([OBJECT % value], OBJECT % b"1", path="export.json")


def sessions() -> Log:
    """SMTP sessions that are opened, say who they are at length, and never end."""
    start = b"2024-05-06T07:08:09.123Z,s\\c,%016X,%d,10.0.0.2:25,192.0.2.1:%d,<,"
    name = "\U0001f4e7".encode() * 310
    lines = [
        start % (number, step, 1024 + number % 60000) + verb + name + b","
        for number in range(10_000)
        for step, verb in enumerate((b"EHLO ", b"MAIL FROM:"))
    ]
    header = (
        b"#Log-type: SMTP Receive Protocol Log",
        b"#Fields: date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,"
        b"data,context",
    )
    return Log(lines, start % (1, 0, 25) + b"NOOP hello,", header, "RECV.LOG")


FLOOD = "a flood of sessions"

BOMBS: dict[str, Callable[[], Log]] = {
    "a line of 64 MiB": lambda: tracking(row("x" * (64 * MIB))),
    "a row with a million recipients": lambda: tracking(row(recipients="bob@example;" * 1_000_000)),
    "a million recipients of one letter": lambda: tracking(row(recipients="b;" * 1_000_000)),
    "10 000 columns": many_columns,
    "a million cells": lambda: tracking(row() + b",ab" * MIB),
    "JSON 100 000 deep": lambda: export(b"[" * 100_000 + b"]" * 100_000),
    "a number of 5 000 digits": lambda: export(b"9" * 5000),
    "a million empty lists": lambda: export(b"[" + b"[]," * MIB + b"0]"),
    FLOOD: sessions,
}
"""Each is refused, or for the sessions forgotten, and the next row of the log becomes an event."""

FORGOTTEN = "sessions were forgotten"

REASONS = {
    "a line of 64 MiB": r"(a )?(line|message)( of the body)? is (longer|larger) than .*",
    "a row with a million recipients": r"line is longer than max_line_bytes, 4194304",
    "a million recipients of one letter": r"line has 1000000 semicolons; expected at most 250000",
    "10 000 columns": r"header line has \d+ (names|characters); expected at most .*",
    "a million cells": r"line has 1048602 commas; expected at most 250000|_jsonparsefailure",
    "JSON 100 000 deep": r"JSON is nested deeper than 32 levels|_jsonparsefailure",
    "a number of 5 000 digits": r"a number is 5000 characters long; expected at most 64",
    "a million empty lists": r"line has 1048\d+ commas; expected at most 250000|_jsonparsefailure",
    FLOOD: FORGOTTEN,
}


# --- what each place makes of it -----------------------------------------------------------------
#
# A place gives the reasons it refused with, and how many payloads the next row became: it must be one.


def in_library(log: Log, settings: dict[str, Any]) -> Found:
    running = normalizer(**settings)
    stream = running.stream(log.path)
    list(running.encode([*log.header, *[log.row] * 20], stream))
    start_measuring()
    refused: list[str] = []
    for line in log.lines:
        for item in running.parse([line], stream):
            for _ in running.encode_records([item], lambda unparsed: refused.append(unparsed.reason)):
                pass
    for _ in running.encode([*log.lines, *[log.row] * 10], stream):  # the short way
        pass
    if running.counts.evicted:
        refused.append(FORGOTTEN)
    return refused, len(list(running.encode([log.row], stream)))


def in_open_file(log: Log, settings: dict[str, Any]) -> Found:
    running = normalizer(**settings)
    stream = running.stream(log.path)
    list(running.encode([*log.header, *[log.row] * 20], stream))
    refused: list[str] = []
    events = 0
    with tempfile.TemporaryFile() as file:
        file.write(b"\n".join([*log.lines, log.row]))
        file.seek(0)
        start_measuring()
        with open(file.fileno(), "rb", closefd=False) as reader:
            for item in running.parse(reader, stream):
                for payload in running.encode_records(
                    [item], lambda unparsed: refused.append(unparsed.reason)
                ):
                    events += b"hello" in payload and b"exnorm_id" in payload
        file.seek(0)
        with open(file.fileno(), "rb", closefd=False) as reader:
            for _ in running.encode(reader, stream):  # the short way
                pass
    if running.counts.evicted:
        refused.append(FORGOTTEN)
    return refused, events


def in_convert(log: Log, settings: dict[str, Any]) -> Found:
    """The command line, by a file."""
    with tempfile.TemporaryDirectory() as folder:
        given, out, rejects = (Path(folder, name) for name in (log.path, "out", "rejects"))
        command = ["convert", "-q", "-o", str(out), "--rejects", str(rejects), str(given)]
        command += [f"--{name}={value}" for name, value in settings.items()]
        given.write_bytes(b"\n".join([*log.header, *[log.row] * 20]))
        run(command)
        last = log.row.replace(b"hello", b"the next")
        given.write_bytes(b"\n".join([*log.header, log.row, *log.lines, last]))
        start_measuring()
        run(command)
        refused = [json.loads(line)["reason"] for line in rejects.read_bytes().splitlines()]
        with out.open("rb") as written:
            return refused, sum(b"the next" in line for line in written)


def in_fluent_bit_filter(log: Log, settings: dict[str, Any]) -> Found:
    options = read_options({**settings, "read_header": "off"}, {})
    running = ChunkFilter(
        options, normalizer=Normalizer.from_settings(options.settings, discover_plugins=False)
    )

    def pack(line: bytes) -> bytes:
        packed: bytes = msgpack.packb([[1, {}], {"log": line.decode(), "path": log.path}])
        return packed

    running.filter("t", b"".join(map(pack, log.header)) + pack(log.row) * 20)
    chunk = b"".join(map(pack, [*log.lines, log.row]))
    start_measuring()
    made = running.filter("t", chunk) or b""
    reasons, events = [], 0
    for _, body in msgpack.Unpacker(io.BytesIO(made), max_buffer_size=1 << 30):
        if "error" in body:
            reasons.append(body["error"]["reason"])
        events += "exnorm_id" in body or "cef" in body
    return reasons, events


def in_forward_service(log: Log, settings: dict[str, Any]) -> Found:
    """All of the service but its sockets: what a connection brings, in the blocks it comes in."""
    options = read_options({**settings, "read_header": "off"}, {})
    running = ChunkFilter(
        options, normalizer=Normalizer.from_settings(options.settings, discover_plugins=False)
    )
    sink, limits = Sink(), ServiceLimits()
    carrier = Carrier(
        running, [sink], tag_prefix="n.", send_bytes=limits.send_bytes, max_bytes=limits.max_chunk_bytes
    )

    def message(*given: bytes) -> bytes:
        events = b"".join(msgpack.packb([1, {"log": line.decode(), "path": log.path}]) for line in given)
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

    connect(message(*log.header, *[log.row] * 20))
    data = message(*log.lines)
    sink.bodies.clear()
    start_measuring()
    refused = [reason for reason in [connect(data)] if reason]
    refused += [body["error"]["reason"] for body in sink.bodies if "error" in body]
    sink.bodies.clear()
    connect(message(log.row))
    return refused, len(sink.bodies)


def in_logstash_codec(log: Log, settings: dict[str, Any]) -> Found:
    events = EventNormalizer(normalizer(**settings), finished=settings.get("format") != "json")
    codec = JSONCodec(events)

    def wrap(line: bytes) -> bytes:
        if line.startswith((b"{", b"[")):
            return line + b"\n"
        return json.dumps({"message": line.decode(), "log": {"file": {"path": log.path}}}).encode() + b"\n"

    codec.decode(b"".join(map(wrap, [*log.header, *[log.row] * 20])))
    data = [wrap(line) for line in log.lines]
    start_measuring()
    refused = []
    for block in data:
        try:
            refused += reasons_of(codec.decode(block))
        except LineTooLong as error:
            refused.append(str(error))
    return refused, sum(is_ours(event) for event in codec.decode(wrap(log.row)))


def in_logstash_service(log: Log, settings: dict[str, Any], encoding: str = "") -> Found:
    """All of the service but its HTTP: the bodies of requests."""
    target = EventBodies(normalizer(**settings), Bounds(), Traffic(), Headers(None, print))

    def wrap(line: bytes) -> bytes:
        if line.startswith((b"{", b"[")):
            return line + b"\n"
        return json.dumps({"message": line.decode(), "log": {"file": {"path": log.path}}}).encode() + b"\n"

    target.relay(Body(b"".join(map(wrap, [*log.header, *[log.row] * 20]))))
    bodies = [wrap(line) for line in log.lines]
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
    batch = target.relay(Body(wrap(log.row)))
    return refused, sum(is_ours(json.loads(line)) for line in gzip.decompress(batch.payload).splitlines())


def in_logstash_service_packed(log: Log, settings: dict[str, Any]) -> Found:
    return in_logstash_service(log, settings, "gzip")


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
        self.bodies += [
            body for _, body in msgpack.Unpacker(io.BytesIO(message.events), max_buffer_size=1 << 30)
        ]

    def close(self) -> None:
        pass


PLACES: dict[str, Callable[[Log, dict[str, Any]], Found]] = {
    "library": in_library,
    "open file": in_open_file,
    "convert": in_convert,
    "Fluent Bit filter": in_fluent_bit_filter,
    "forward service": in_forward_service,
    "Logstash codec": in_logstash_codec,
    "Logstash service": in_logstash_service,
    "Logstash service, gzip": in_logstash_service_packed,
}


HOLD_FILES = ("library", "open file")
"""Where a file is read from its beginning, and sessions are followed as fast as it can be."""

EXACT = {(place, "a number of 5 000 digits") for place in PLACES if place.startswith("Logstash")}
"""What passes as it is, in full: Logstash itself reads numbers of up to 10 000 digits."""


# --- bombs of one place alone --------------------------------------------------------------------

CLAIM = b"\xdd\xff\xff\xff\xff"  # the head of an array of 2^32 - 1 values
EVENT = msgpack.packb([1, {"log": row().decode(), "path": "a.log"}])
HEADER_EVENT = msgpack.packb([1, {"log": HEADER.decode(), "path": "a.log"}])


def gzip_of_blanks(mib: int) -> bytes:
    """About 1000 : 1, in members of 2 MiB."""
    return gzip.compress((b" " * 1023 + b"\n") * 2048, mtime=0) * (mib // 2)


def claim_in_a_chunk() -> Found:
    running = ChunkFilter(read_options({"read_header": "off"}, {}))
    broken = b"\x92\x01\x81\xa3log" + CLAIM
    running.filter("t", HEADER_EVENT + EVENT)
    start_measuring()
    made = running.filter("t", EVENT + broken + EVENT) or b""
    reasons = ["the rest stays as it is"] if made.endswith(broken + EVENT) else []
    return reasons, (running.filter("t", EVENT) or b"").count(b"exnorm_id")


def dense_event_in_a_chunk() -> Found:
    running = ChunkFilter(read_options({"read_header": "off"}, {}))
    dense = b"\x92\x01\x81\xa3log\xdd" + (4 * MIB).to_bytes(4, "big") + b"\x90" * (4 * MIB)
    running.filter("t", HEADER_EVENT + EVENT)
    start_measuring()
    reasons = [] if running.filter("t", dense) else [str(dict(running.counts.errors))]
    return reasons, (running.filter("t", EVENT) or b"").count(b"exnorm_id")


def claim_on_a_connection() -> Found:
    carrier, sink = carry_nothing()
    start_measuring()
    cutter, reasons = MessageCutter(ServiceLimits.max_chunk_bytes), []
    try:
        for block in (b"\x93\xa1t" + CLAIM, *[b"\xc0" * 65536] * 600):
            cutter.feed(block)
    except ForwardError as error:
        reasons.append(str(error))
    return reasons, after(carrier, sink)


def claim_in_a_message() -> Found:
    carrier, sink = carry_nothing()
    start_measuring()
    reasons = []
    for message in (
        msgpack.packb(["t", EVENT + b"\x92\x01" + b"\xdf" + CLAIM[1:], {}]),
        b"\x93\xa1t\xc4\x00" + CLAIM,
    ):
        try:
            carrier.carry([message])
        except ForwardError as error:
            reasons.append(str(error))
    return reasons if len(reasons) == 2 else [], after(carrier, sink)


def gzip_in_a_message() -> Found:
    carrier, sink = carry_nothing()
    message = msgpack.packb(["t", gzip_of_blanks(128), {"compressed": "gzip"}])
    start_measuring()
    reasons = []
    try:
        carrier.carry([message])
    except ForwardError as error:
        reasons.append(str(error))
    return reasons, after(carrier, sink)


def gzip_in_a_body() -> Found:
    target = EventBodies(normalizer(format="json"), Bounds(), Traffic(), Headers(None, print))
    body = gzip_of_blanks(160)
    start_measuring()
    reasons = []
    try:
        target.relay(Body(body, "gzip"))
    except RefusedError as error:
        reasons.append(str(error))
    return reasons, target.relay(Body(b'{"a":1}\n')).events


def gzip_on_a_pipe() -> Found:
    packed = gzip_of_blanks(64)
    codec = JSONCodec(normalizer(format="json"))
    start_measuring()
    size = 0
    for piece in unpack(packed[at : at + 65536] for at in range(0, len(packed), 65536)):
        size += len(piece)
        codec.decode(piece)
    return [f"{size // MIB} MiB, in pieces"], len(codec.decode(b'{"a":1}\n'))


def carry_nothing() -> tuple[Carrier, Sink]:
    sink, limits = Sink(), ServiceLimits()
    running = ChunkFilter(read_options({"read_header": "off"}, {}))
    running.filter("t", HEADER_EVENT + EVENT)
    carrier = Carrier(running, [sink], tag_prefix="n.", send_bytes=4 * MIB, max_bytes=limits.max_chunk_bytes)
    return carrier, sink


def after(carrier: Carrier, sink: Sink) -> int:
    """How many events the next message becomes."""
    sink.bodies.clear()
    carrier.carry([msgpack.packb(["t", EVENT, {}])])
    return sum("exnorm_id" in body for body in sink.bodies)


SPECIAL: dict[Callable[[], Found], str] = {
    claim_in_a_chunk: r"the rest stays as it is",
    dense_event_in_a_chunk: r"\{'NormalizerError': 1\}",
    claim_on_a_connection: r"a message is larger than 33554432 bytes",
    claim_in_a_message: r"event: it ends too soon|options: got array; expected a map",
    gzip_in_a_message: r"compressed events hold more than 33554432 bytes",
    gzip_in_a_body: r"the body unpacks to more than 134217728 bytes",
    gzip_on_a_pipe: r"64 MiB, in pieces",
}


# --- measuring -----------------------------------------------------------------------------------


def memory(name: str) -> float:
    """A figure of this process's memory, in MiB."""
    return int(Path("/proc/self/status").read_text().partition(f"{name}:")[2].split()[0]) / 1024


class Before:
    """What the process took before the bomb."""

    mib = 0.0


def start_measuring() -> None:
    """Give back what is free, and set the peak back to what the process takes now."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    Before.mib = memory("VmRSS")


def main(place: str) -> None:
    """Every bomb in one place; the figures of each go to standard output as a line of JSON."""
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(0)  # for what reads the answers here
    for function in SPECIAL if not place else ():
        show(function.__name__, function())
    for name, make in BOMBS.items() if place else ():
        if name != FLOOD or place in HOLD_FILES:
            show(name, PLACES[place](make(), {"format": "json"}))


def show(name: str, found: Found) -> None:
    growth = round(memory("VmHWM") - Before.mib, 1)
    print(json.dumps([name, [text[:300] for text in found[0][:20]], found[1], growth]), flush=True)


def run_in_a_process(place: str) -> Iterator[tuple[str, list[str]]]:
    """Each bomb with the reasons it was refused with; the rest of what is promised is held here."""
    command = [sys.executable, __file__, place]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    for line in done.stdout.splitlines():
        name, reasons, following, growth = json.loads(line)
        assert following == 1, name
        assert growth < GROWTH_MIB, f"{name}: {growth} MiB"
        yield name, reasons


needs_linux = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="a peak is measured with Linux's /proc"
)


@pytest.mark.slow
@needs_linux
@pytest.mark.parametrize("place", PLACES)
def test_a_bomb_is_refused_with_its_reason_within_64_mib_and_the_next_row_becomes_an_event(
    place: str,
) -> None:
    found = dict(run_in_a_process(place))
    assert len(found) == len(BOMBS) - (place not in HOLD_FILES)
    for name, reasons in found.items():
        if (place, name) not in EXACT:
            assert any(re.fullmatch(REASONS[name], reason) for reason in reasons), f"{name}: {reasons}"


@pytest.mark.slow
@needs_linux
def test_a_claim_of_4_billion_values_and_gzip_of_1000_to_1_are_refused_in_bounds() -> None:
    found = dict(run_in_a_process(""))
    assert set(found) == {function.__name__ for function in SPECIAL}
    for function, pattern in SPECIAL.items():
        reasons = found[function.__name__]
        assert reasons, function
        assert all(re.fullmatch(pattern, reason) for reason in reasons), f"{function.__name__}: {reasons}"


if __name__ == "__main__":
    main(sys.argv[1])
