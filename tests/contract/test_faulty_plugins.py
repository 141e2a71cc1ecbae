"""What a faulty plugin costs: its own effect and a count, never an event, a line or the run."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any

import msgpack
import pytest

from exnorm import (
    Codec,
    Confidence,
    EncodeError,
    Event,
    Head,
    Mapping,
    MappingError,
    Record,
    Settings,
    Source,
    Unparsed,
    hookimpl,
    row,
)
from exnorm.fluentbit import ChunkFilter
from exnorm.logstash import EventNormalizer, JSONCodec
from exnorm.model import Layout, Reader, Schema
from exnorm.testing import normalizer

HEADER = "#Fields: date-time,event-id,message-subject,total-bytes,custom-data"
ROW = "2018-11-27T22:40:02.966Z,SENDEXTERNAL,Receipt,7249,S:E2ELatency=0.771"


def plugin(name: str = "acme", /, **hooks: Any) -> Any:
    """A plugin object; each hook gives its list."""
    made = {hook: hookimpl(specname=hook)(lambda found=found: found) for hook, found in hooks.items()}
    return SimpleNamespace(name=name, **made)


def spoil_fail(event: Event) -> Event:
    if event.record.event_id == "FAIL":
        event.additional["verdict"] = None  # type: ignore[assignment]
        event.fields["message"] = object()  # type: ignore[assignment]
    return event


FAILED = ROW.replace(",SENDEXTERNAL,", ",FAIL,")


@pytest.mark.parametrize(("taxonomy", "format"), [("arcsight", "cef"), ("jsa", "leef")])
def test_an_event_that_the_format_cannot_write_costs_itself_alone(taxonomy: str, format: str) -> None:
    running = normalizer(
        plugin(event_processors=[spoil_fail]), taxonomy=taxonomy, format=format, source="message_tracking"
    )
    written = list(running.encode([HEADER, ROW, FAILED, ROW]))
    assert [b"|SENDEXTERNAL|" in payload for payload in written] == [True, True]
    assert running.counts.unencodable == {"FAIL": 1}
    assert running.counts.events == 3


def test_json_says_in_its_place_which_event_it_cannot_write_and_why() -> None:
    running = normalizer(plugin(event_processors=[spoil_fail]), format="json", source="message_tracking")
    first, second, third = [json.loads(payload) for payload in running.encode([HEADER, ROW, FAILED, ROW])]
    assert first["name"] == third["name"] == "SENDEXTERNAL"
    assert second["message"] == FAILED
    assert second["tags"] == ["_exnormparsefailure"]
    assert second["error"]["reason"].startswith("format json: cannot write the event: TypeError: ")


def test_on_error_decides_about_events_that_the_format_cannot_write_too() -> None:
    made = plugin(event_processors=[spoil_fail])
    settings: dict[str, Any] = {"format": "json", "source": "message_tracking"}
    skipping = normalizer(made, on_error="skip", **settings)
    assert len(list(skipping.encode([HEADER, ROW, FAILED, ROW]))) == 2
    assert skipping.counts.unencodable == {"FAIL": 1}
    stopping = normalizer(made, on_error="stop", **settings).encode([HEADER, ROW, FAILED, ROW])
    next(stopping)
    with pytest.raises(EncodeError, match=r"^line:3: format json: cannot write the event: TypeError: "):
        next(stopping)


def test_a_format_that_gives_no_bytes_is_said_to() -> None:
    codec = Codec("words", "text", lambda taxonomy, settings, notes: lambda event: "text")  # type: ignore[arg-type,return-value]
    running = normalizer(plugin(register_codecs=[codec]), format="words", source="message_tracking")
    (item,) = running.normalize([HEADER, ROW])
    assert isinstance(item, Event)
    refused = running.encode_event(item)
    assert isinstance(refused, Unparsed)
    assert refused.reason == "format words: cannot write the event: got str; expected bytes"
    assert refused.kind == "unencodable"


@pytest.mark.parametrize(
    ("read", "error"),
    [
        (lambda text: 1 // 0, "ZeroDivisionError: integer division or modulo by zero"),
        (lambda text: [text], "got list; expected text, an integer or None"),
    ],
)
def test_a_reading_function_that_fails_reads_nothing_and_is_counted_under_its_plugin(
    read: Any, error: str
) -> None:
    faulty = row("Flex String 2", "custom-data", read, label="Custom", ours="a test")
    extension = Mapping(
        "mine", source="message_tracking", taxonomy="arcsight", extends="arcsight-2016", rows=(faulty,)
    )
    running = normalizer(
        plugin(register_mappings=[extension]), source="message_tracking", mapping="arcsight-2016"
    )
    (event,) = running.normalize([HEADER, ROW])
    assert isinstance(event, Event)
    assert "flexString2" not in event
    assert event.additional["custom-data"] == "S:E2ELatency=0.771"
    assert running.counts.plugin_errors == {"acme": 1}
    assert running.counts.first_errors == {"acme": f"mapping arcsight-2016, row 'Flex String 2': {error}"}


def test_a_record_that_a_processor_filled_with_other_than_text_is_as_it_was_before() -> None:
    def spoil(record: Record) -> Record:
        record.values["total-bytes"] = 7  # type: ignore[assignment]
        return record

    running = normalizer(plugin(record_processors=[spoil]), source="message_tracking")
    (event,) = running.normalize([HEADER, ROW])
    assert isinstance(event, Event)
    assert event["bytesOut"] == 7249
    assert running.counts.first_errors == {
        "acme": "processor: got int for column 'total-bytes'; expected text"
    }


class FaultyReader(Reader):
    """Raises at rows that say so."""

    def read(self, line: str) -> Unparsed:
        raise ValueError(f"cannot read {line}")


def faulty_source(**parts: Any) -> object:
    given = {
        "recognize": lambda head: Confidence.HEADER if head.line.startswith("!") else Confidence.NO,
        "open": lambda source, head, settings: FaultyReader(),
        **parts,
    }
    source = Source("acme_log", "a log of Acme", ("text",), **given)
    mapping = Mapping("acme", source="acme_log", taxonomy="arcsight", rows=(row("Message", "text"),))
    return plugin(register_sources=[source], register_mappings=[mapping])


def test_a_source_that_raises_costs_its_own_lines_with_the_reason() -> None:
    running = normalizer(faulty_source())
    (line,) = running.normalize(["!one"])
    assert isinstance(line, Unparsed)
    assert (line.raw, line.kind) == ("!one", "fault")
    assert line.reason == "source acme_log: ValueError: cannot read !one"
    assert running.counts.plugin_errors == {"acme": 1}
    assert running.counts.unparsed == {"fault": 1}


def test_a_source_that_cannot_be_opened_says_so_at_each_line() -> None:
    def fail(source: Source, head: Head, settings: Settings) -> Reader:
        raise ValueError("no reader today")

    found = list(normalizer(faulty_source(open=fail)).normalize(["!one", "!two"]))
    assert [line["error"] for line in found] == [
        {"reason": "source acme_log: ValueError: no reader today"}
    ] * 2


class LayoutlessReader(Reader):
    """Reads every line, and raises where it is asked how that could be done without it."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.schema = Schema("", ("text",))

    @property
    def layout(self) -> Layout:
        raise ValueError("no layout today")

    def read(self, line: str) -> Record:
        return Record(self.source, Schema("", ("text",)), {"text": line}, raw=line)


@pytest.mark.usefixtures("each_path")
def test_a_reader_that_raises_where_it_is_asked_for_its_layout_costs_no_event() -> None:
    faulty = faulty_source(open=lambda source, head, settings: LayoutlessReader(source))
    texts = [f"!{number}" for number in range(5)]
    running = normalizer(faulty, format="json")
    block = "".join(f"{text}\n" for text in texts).encode()
    written: list[bytes] = []
    running.encode_block(
        block, running.stream("a.log"), lambda made: written.append(bytes(made)), is_last=True
    )
    assert [json.loads(line)["message"] for line in b"".join(written).splitlines()] == texts
    chunk = b"".join(
        msgpack.packb([[1_700_000_000, {}], {"log": text, "filename": "a.log"}]) for text in texts
    )
    made = ChunkFilter(normalizer=normalizer(faulty, format="json")).filter("t", chunk)
    assert made is not None
    assert [event[1]["message"] for event in msgpack.Unpacker(io.BytesIO(made))] == texts
    lines = [
        {"@timestamp": "2026-01-01T00:00:00Z", "message": text, "log": {"file": {"path": "a.log"}}}
        for text in texts
    ]
    codec = JSONCodec(EventNormalizer(normalizer(faulty, format="json")))
    body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    assert [json.loads(line)["message"] for line in codec.convert(body)] == texts


def test_a_source_that_cannot_recognise_costs_no_other_log() -> None:
    def fail(head: Head) -> Confidence:
        raise ValueError("never seen one")

    running = normalizer(faulty_source(recognize=fail))
    log = running.stream("MSGTRK2018112722-1.LOG")
    assert [isinstance(item, Event) for item in running.normalize([HEADER, ROW], log)] == [True]
    assert running.counts.first_errors == {"acme": "source acme_log: ValueError: never seen one"}


def test_the_fault_of_an_extension_is_told_of_its_plugin() -> None:
    extension = Mapping(
        "mine",
        source="message_tracking",
        taxonomy="arcsight",
        extends="arcsight-2016",
        rows=(row("Flex String 2", "x-verdict", label="Verdict"),),
    )
    with pytest.raises(
        MappingError, match=r"^plugin acme: .*unknown column 'x-verdict'.*is named in columns="
    ):
        normalizer(plugin(register_mappings=[extension]))
