"""One function for each thing that reads bytes from outside; it raises where a promise is broken.

Each takes any bytes. What is raised on purpose (``NormalizerError``, ``ForwardError``, ``RefusedError``)
is an answer; any other exception is a finding, and so is what ends up where the product keeps the
errors that it did not expect: unparsed lines of the kind ``fault``, counts of errors, failed events.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path

import msgpack

from exnorm import Normalizer, Unparsed
from exnorm.errors import NormalizerError, SettingsError
from exnorm.fluentbit import ChunkFilter, handshake, read_options
from exnorm.fluentbit.forward import ForwardError, Message, MessageCutter, decode_ack, decode_message
from exnorm.fluentbit.relay import Carrier
from exnorm.fluentbit.wire import read_entries
from exnorm.logstash import EventNormalizer, JSONCodec, LineTooLong
from exnorm.logstash.batches import EventBodies
from exnorm.logstash.json_text import JSONText, read_first, write
from exnorm.logstash.unpack import unpack
from exnorm.model import Event, Record
from exnorm.plugins.manager import Plugins
from exnorm.relay.bodies import Body, Bounds, RefusedError
from exnorm.relay.headers import Headers
from exnorm.relay.traffic import Traffic
from exnorm.settings import read_config
from exnorm.tables.overlay import lay_over, require
from exnorm.testing import normalizer, read_cef, read_leef, read_wincollect
from exnorm.text.lines import MARGIN, LineCutter, find_utf16
from exnorm.text.yamlfile import read_yaml

Target = Callable[[bytes], None]

SEEDS = Path(__file__).parent / "seeds"
LINE_BYTES = 64 * 1024
PAST_BLOCKS = 7


class Broken(AssertionError):
    """A promise that an input broke."""


def hold(promise: bool, what: str) -> None:
    """Say that a promise is broken; unlike ``assert`` with every interpreter's options."""
    if not promise:
        raise Broken(what)


# --- the parsers ---------------------------------------------------------------------------------

_FORMATS = (("arcsight", "cef"), ("jsa", "leef"), ("jsa", "wincollect"), ("arcsight", "json"))
_READERS: dict[str, Callable[[bytes], object]] = {
    "cef": read_cef,
    "leef": read_leef,
    "wincollect": read_wincollect,
    "json": json.loads,
}


@cache
def pipeline(taxonomy: str, format: str, source: str = "") -> Normalizer:
    """A pipeline; forced to one log type where ``source`` is given."""
    return normalizer(
        taxonomy=taxonomy, format=format, source=source, source_ip="10.0.0.1", tz="UTC",
        max_line_bytes=LINE_BYTES,
    )  # fmt: skip


def read_log(source: str, data: bytes) -> None:
    """The lines of one log, header and all: each accounted for, each payload read back."""
    taxonomy, format = _FORMATS[len(data) % len(_FORMATS)]
    running = pipeline(taxonomy, format, source)
    stream = running.stream("fuzzed.log")
    counts = running.counts
    before = counts.lines, counts.header
    items = list(running.parse(data, stream))
    items += running.drain(stream)
    lines, headers = counts.lines - before[0], counts.header - before[1]
    if not find_utf16(data):
        hold(lines == len(data.removesuffix(b"\n").split(b"\n")) or not data, "a line is lost")
    hold(headers <= lines, "more headers than lines")
    check_items(running, items)


def check_items(running: Normalizer, items: Iterable[Record | Unparsed]) -> None:
    """Each item is sound, and can be written and read back."""
    read = _READERS[running.codec.name]
    for item in items:
        if isinstance(item, Unparsed):
            hold(item.kind != "fault", item.reason)
            hold(bool(item.reason), "a line is refused without a reason")
            hold("\n" not in item.reason, "a reason of more than one line")
            hold(len(item.reason) < 2000, "a reason without bound")
        for made in running.normalize_item(item):
            if isinstance(made, Event):
                payload = running.encode_event(made)
                hold(isinstance(payload, bytes), "an event cannot be written")
                assert isinstance(payload, bytes)
                hold(b"\n" not in payload, "a payload of more than one line")
                if made.record.envelope is None or running.codec.name != "wincollect":
                    read(payload)  # a payload that came as one goes out with whatever wrapped it
            else:
                written = running.encode_unparsed(made)
                hold(written is None or b"\n" not in written, "a payload of more than one line")
    hold(not running.counts.plugin_errors, str(running.counts.first_errors))


def recognize(data: bytes) -> None:
    """A log of any type, by the short way too, which must say what the long one says."""
    running = pipeline("arcsight", "json")
    lines = data.split(b"\n")
    long = [running.encode_item(item) for item in running.normalize(lines, running.stream("a.log"))]
    short = list(running.encode(lines, running.stream("a.log")))
    hold([payload for payload in long if payload is not None] == short, "the short way differs")


# --- cutting -------------------------------------------------------------------------------------


def cut_lines(data: bytes) -> None:
    """Blocks of any size give the same lines."""
    whole = LineCutter(1024)
    expected = whole.feed(data) + whole.finish()
    size = 1 + len(data) % PAST_BLOCKS
    cutter = LineCutter(1024)
    found: list[bytes] = []
    for at in range(0, len(data), size):
        found += cutter.feed(data[at : at + size])
    found += cutter.finish()
    hold(found == expected, "lines depend on where blocks end")
    hold(all(len(line) <= 1024 + MARGIN and b"\n" not in line for line in found), "a line is not cut")


def unpack_pipe(data: bytes) -> None:
    """What comes on a pipe, gzip and UTF-16 too."""
    with contextlib.suppress(NormalizerError):
        for piece in unpack(data[at : at + 64] for at in range(0, len(data), 64)):
            hold(len(piece) <= 4 << 20, "a piece without bound")


# --- msgpack and the forward protocol --------------------------------------------------------------


def read_wire(data: bytes) -> None:
    """A chunk's pieces are the chunk."""
    entries = list(read_entries(data))
    hold(b"".join(entry.raw for entry in entries) == data, "a byte of the chunk is lost")
    for entry in entries:
        hold(entry.body is None or isinstance(entry.body, dict), "a body that is no map")


@cache
def chunk_filter(taxonomy: str, format: str) -> ChunkFilter:
    """A filter that reads no files."""
    names = {"taxonomy": taxonomy, "format": format, "read_header": "off", "reserve_data": "on"}
    return ChunkFilter(read_options(names, {}), normalizer=pipeline(taxonomy, format))


def filter_chunk(data: bytes) -> None:
    """A chunk through the filter: whole events out of whole events."""
    taxonomy, format = _FORMATS[len(data) % len(_FORMATS)]
    target = chunk_filter(taxonomy, format)
    made = target.filter("tag", data)
    hold(not target.counts.errors, str(target.counts.errors))
    if made is None:
        return
    before, after = list(read_entries(data)), list(read_entries(made))
    if all(entry.body is not None for entry in before):
        hold(all(entry.body is not None for entry in after), "an event became something else")


class _Sink:
    """A next hop that takes everything."""

    def send_packed(self, message: Message, count: int | None = None) -> None:
        """Take it."""

    def close(self) -> None:
        """Nothing to close."""


MESSAGE_BYTES = 256 * 1024


def decode_forward(data: bytes) -> None:
    """A connection's bytes: the same messages whatever blocks they came in, each decoded or refused."""
    whole, pieces = _messages(data, len(data) or 1), _messages(data, 1 + len(data) % PAST_BLOCKS)
    hold(whole == pieces, "messages depend on where blocks end")
    for raw in whole:
        with contextlib.suppress(ForwardError):
            message = decode_message(raw, MESSAGE_BYTES)
            hold(len(message.events) <= MESSAGE_BYTES, "events beyond the bound")


def _messages(data: bytes, size: int) -> list[bytes]:
    cutter = MessageCutter(MESSAGE_BYTES)
    found: list[bytes] = []
    with contextlib.suppress(ForwardError):
        for at in range(0, len(data), size):
            found += cutter.feed(data[at : at + size])
    return found


def carry_forward(data: bytes) -> None:
    """A message through the service's carrier."""
    taxonomy, format = _FORMATS[len(data) % len(_FORMATS)]
    target = chunk_filter(taxonomy, format)
    carrier = Carrier(target, [_Sink()], tag_prefix="n.", send_bytes=4096, max_bytes=MESSAGE_BYTES)
    with contextlib.suppress(ForwardError):
        carrier.carry([data])
    hold(not carrier.traffic.failures, str(carrier.traffic.failures))
    hold(not target.counts.errors, str(target.counts.errors))


def shake_hands(data: bytes) -> None:
    """What a peer says before it is known."""
    with contextlib.suppress(ForwardError):
        decode_ack(data)
    with contextlib.suppress(ForwardError):
        handshake.check_ping(data, b"n" * 16, b"key")


# --- Logstash ------------------------------------------------------------------------------------


def read_json(data: bytes) -> None:
    """The reader of JSON reads what the standard library reads, and its writer is read back."""
    text = data.decode("utf-8", "replace")
    try:
        value, _ = read_first(text)
    except JSONText:
        return
    again, _ = read_first(write(value).decode("utf-8"))
    hold(write(again) == write(value), "what was written is read as something else")


def decode_json(data: bytes) -> None:
    """The codec as it is, in both framings, in blocks."""
    for framing in ("lines", "whole"):
        codec = JSONCodec(framing=framing)
        for event in _decode(codec, data, framing):
            codec.encode(event)


def normalize_json(data: bytes) -> None:
    """The codec with a normalizer."""
    taxonomy, format = _FORMATS[len(data) % len(_FORMATS)]
    running = pipeline(taxonomy, format)
    events = EventNormalizer(running, finished=format != "json")
    framing = "lines" if len(data) % 2 else "whole"
    codec = JSONCodec(events, framing=framing)
    found = _decode(codec, data, framing) + events.finish()
    for event in found:
        line = codec.encode(event)
        hold(line.count(b"\n") == (framing == "lines"), "an event of more than one line")
        reason = event.get("error")
        if isinstance(reason, dict) and event.get("tags") == [Unparsed.TAG]:
            hold(not str(reason.get("reason")).startswith("source "), str(reason))
    hold(not running.counts.plugin_errors, str(running.counts.first_errors))
    hold(not running.counts.unencodable, str(running.counts.unencodable))


def _decode(codec: JSONCodec, data: bytes, framing: str) -> list[dict[str, object]]:
    found = []
    size = len(data) or 1 if framing == "whole" else 1 + len(data) % 512
    for at in range(0, len(data), size):
        with contextlib.suppress(LineTooLong):
            found += codec.decode(data[at : at + size])
    with contextlib.suppress(LineTooLong):
        found += codec.flush()
    return found


def relay_body(data: bytes) -> None:
    """The body of a request to the service; the first byte says how it is declared."""
    traffic = Traffic()
    bounds = Bounds(body_bytes=1 << 20, unpacked_bytes=1 << 20, events=1000)
    target = EventBodies(pipeline("arcsight", "json"), bounds, traffic, Headers(None, lambda text: None))
    encoding = ("", "gzip", "deflate", "identity")[data[0] % 4] if data else ""
    kind = ("application/json", "application/x-ndjson")[data[0] // 4 % 2] if data else ""
    with contextlib.suppress(RefusedError):
        target.relay(Body(data[1:], encoding, kind))
    with contextlib.suppress(RefusedError):
        json.loads(target.answer(Body(data[1:], encoding, kind)))
    hold(not traffic.failed, "an event failed")


# --- settings ------------------------------------------------------------------------------------


def read_settings_file(data: bytes) -> None:
    """A settings file is read or refused with its line."""
    try:
        read_yaml(data.decode("utf-8", "replace"), "site.yaml").plain()
    except SettingsError as error:
        _check_message(error)


def load_overlay(data: bytes) -> None:
    """A site's tables laid over the built-in ones, or every fault of them by line."""
    registry = plugins().registry
    try:
        layer = read_config(data.decode("utf-8", "replace"), "site.yaml")
        if "tables" in layer:
            found = lay_over(layer["tables"], registry.mappings, registry.sources, registry.taxonomies)
            require(found)
    except NormalizerError as error:
        _check_message(error)


@cache
def plugins() -> Plugins:
    """The built-in tables."""
    return Plugins(discover=False)


def _check_message(error: Exception) -> None:
    hold(bool(str(error)), "a refusal without a reason")
    hold(all(len(line) < 2000 for line in str(error).split("\n")), "a message without bound")


# --- their names ---------------------------------------------------------------------------------

SOURCES = (
    "admin_audit", "agent_log", "audit_export", "connectivity", "ecp_server", "ews", "exchange_2003",
    "http_proxy", "httperr", "iis", "imap_pop", "message", "message_trace", "message_tracking", "rps_cmdlet",
    "rps_http", "smtp_protocol", "smtpsvc", "tracking_export", "wincollect",
)  # fmt: skip

TARGETS: dict[str, Target] = {
    **{name: partial(read_log, name) for name in SOURCES},
    "any_log": recognize,
    "lines": cut_lines,
    "pipe": unpack_pipe,
    "wire": read_wire,
    "chunk": filter_chunk,
    "forward": decode_forward,
    "carrier": carry_forward,
    "handshake": shake_hands,
    "json_text": read_json,
    "codec": decode_json,
    "events": normalize_json,
    "body": relay_body,
    "yaml": read_settings_file,
    "overlay": load_overlay,
}


def seeds(name: str) -> list[bytes]:
    """The committed inputs of a target, the smallest first."""
    found = [path.read_bytes() for path in sorted((SEEDS / name).iterdir())]
    return sorted(found, key=len)


def pack(*values: object) -> bytes:
    """Values as msgpack, back to back, for seeds."""
    return b"".join(msgpack.packb(value) for value in values)
