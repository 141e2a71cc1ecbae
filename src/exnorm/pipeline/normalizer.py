"""The flow parse -> normalize -> encode, assembled once from what the plugins registered."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping as AnyMapping, Sequence
from dataclasses import replace
from functools import partial
from io import BufferedReader
from typing import Any, NamedTuple, TypeVar

from exnorm.engine.batches import BatchEncoder, Write
from exnorm.engine.kernel import load_kernel
from exnorm.engine.plan_records import RecordProgram
from exnorm.engine.programs import Program, Programs
from exnorm.engine.rows import Batch
from exnorm.errors import EncodeError, NormalizerError, ParseError, PluginError, quote
from exnorm.model import (
    Codec,
    Confidence,
    Encode,
    Event,
    Head,
    Lines,
    Read,
    Record,
    Source,
    Taxonomy,
    Unparsed,
    Wire,
)
from exnorm.pipeline.counts import Counts
from exnorm.pipeline.payload_limit import shorten
from exnorm.pipeline.recipients import refuse_split, split_recipients
from exnorm.pipeline.relayed import RelayedStream
from exnorm.pipeline.routes import Route, Routes
from exnorm.pipeline.stream import BLOCK_BYTES, Stream, begins_utf16, cut_lines, redact, surest
from exnorm.plugins.manager import Plugins
from exnorm.plugins.selection import choose_codec, choose_mappings, choose_sources, find_named
from exnorm.settings import Settings, make_settings
from exnorm.tables.mapping import CompiledMapping
from exnorm.tables.overlay import lay_over, require
from exnorm.text.lines import join_csv

NOT_OURS: tuple[list[Record | Unparsed], frozenset[str]] = ([], frozenset())
"""What ``parse_object`` gives for an event of something else."""
_Answer = TypeVar("_Answer")

_BATCH_LINES = 128


class Written(NamedTuple):
    """A payload that generated code made of a record; ``record`` is the state after the processors."""

    record: Record
    payload: bytes


class _Pending:
    """Collects single payloads and writes them together, always before those of a program, to
    keep the order.
    """

    def __init__(self, write: Write) -> None:
        self._write = write
        self._payloads: list[bytes] = []

    def add(self, payload: bytes) -> None:
        """Keep a payload until the next ``flush``."""
        self._payloads.append(payload)

    def pass_on(self, block: bytes | memoryview) -> None:
        """Write a finished block of payloads."""
        self.flush()
        self._write(block)

    def flush(self) -> None:
        """Write the collected payloads."""
        if self._payloads:
            self._payloads.append(b"")
            block = b"\n".join(self._payloads)
            self._payloads.clear()
            self._write(block)


def explain_no_table(taxonomy: Taxonomy, source: Source) -> str:
    """Return the reason for a known log type without a table in this taxonomy."""
    return f"taxonomy {taxonomy.name} has no table for {source.name}"


def _end_lines(payloads: Iterable[bytes]) -> Iterator[bytes]:
    for payload in payloads:
        yield payload + b"\n"


def _ignore(line: Unparsed) -> None:
    """Ignore an unparsed line."""


class Normalizer:
    """Turns Exchange log lines into events or payloads; the only class needed to embed exnorm.

    ``settings`` are those of ``exnorm.settings.Settings`` by name. ``plugins`` are plugin objects to use
    beside the installed ones, which ``discover_plugins=False`` leaves out; ``plugin_settings`` is the setting
    ``plugins``, by plugin name. Raises ``SettingsError``, ``PluginError`` or ``MappingError`` before any line
    is read. ``counts`` has the result of every line so far.

    One normalizer may be used from several threads, which run one at a time; a ``Stream`` belongs to one log
    and to one thread at a time. To use several processors, start several processes.

    >>> normalizer = Normalizer(taxonomy="arcsight", format="cef") >>> payloads =
    list(normalizer.encode([b"..."], normalizer.stream("MSGTRK2022091915-1.LOG")))
    """

    def __init__(
        self,
        taxonomy: str = "arcsight",
        format: str | None = None,
        *,
        plugins: Sequence[object] = (),
        discover_plugins: bool = True,
        plugin_settings: AnyMapping[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        given = {"taxonomy": taxonomy, **settings}
        if plugin_settings is not None:
            given["plugins"] = plugin_settings
        if format is not None:
            given["format"] = format
        self._assemble(make_settings(given), plugins, discover_plugins)

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        *,
        plugins: Sequence[object] = (),
        discover_plugins: bool = True,
    ) -> Normalizer:
        """Return a normalizer for a finished ``Settings``."""
        normalizer = cls.__new__(cls)
        normalizer._assemble(settings, plugins, discover_plugins)
        return normalizer

    def _assemble(self, settings: Settings, given: Sequence[object], discover: bool) -> None:
        self._lock = threading.RLock()  # threads take turns: caches, counts and a program's room are shared
        self.counts = Counts()
        self.plugins = Plugins(given, blocked=settings.block_plugins, discover=discover)
        self.plugins.check_settings(settings)
        registry = self.plugins.registry
        self.taxonomy: Taxonomy = find_named("taxonomy", settings.taxonomy, registry.taxonomies)
        self.codec: Codec = choose_codec(self.taxonomy, settings, registry.codecs)
        self.settings = replace(settings, format=self.codec.name)
        overlaid = lay_over(settings.tables, registry.mappings, registry.sources, registry.taxonomies)
        self.mappings = choose_mappings(self.taxonomy, self.settings, require(overlaid).values())
        self.sources = choose_sources(self.settings, registry.sources, self.mappings)
        self._encode: Encode = self._build_codec()
        taking_part = {name for source in self.sources for name in (source.name, *source.carries)}
        self.routes = Routes(
            self.mappings,
            [source for source in registry.sources.values() if source.name in taking_part],
            self.taxonomy,
            self.settings,
            self.plugins,
            self.counts,
        )
        self.programs = Programs(self._describe_codec(), self.routes, self.settings, self.counts)
        self.batches = BatchEncoder(self.programs, self.settings, self.counts)
        self._objects = [
            (source.takes, self._stream_of(source)) for source in self.sources if source.takes is not None
        ]
        self._joins_lines = load_kernel() is None  # a block costs more to begin than to copy

    # --- the public flow -------------------------------------------------------------------------

    def stream(self, name: str = "") -> Stream:
        """Return the state of one log file; ``name`` is its path, which helps to recognize its type."""
        kind = RelayedStream if self.settings.strip_syslog else Stream
        return kind(name, self.recognize, self.settings, partial(redact, self.sources), self._explain_head)

    def _stream_of(self, source: Source) -> Stream:
        """Return the state for objects of one log type, which need no recognition."""
        return Stream("", lambda head: source, self.settings, partial(redact, self.sources))

    def explain_refusal(self, name: str, block: bytes) -> str:
        """Return why a log that begins with ``block`` cannot be read at all; empty where its type is known.

        ``name`` is the file's path, as for ``stream``.
        """
        stream = self.stream(name)
        why = stream.explain_unknown(stream.cut(block) or stream.finish())
        if not why.startswith("unknown log type"):
            return why
        return f"{why}; known are {', '.join(source.name for source in self.sources)}"

    def parse(self, lines: Lines, stream: Stream) -> Iterator[Record | Unparsed]:
        """Yield lines as records under the log's own names; header lines and blank ones give nothing."""
        try:
            for line in cut_lines(lines, stream):
                with self._lock:
                    items = self._parse_line(line, stream)
                yield from items
        finally:  # also where the caller stops in between
            with self._lock:
                self._count_evicted(stream)

    def _parse_line(self, line: bytes | str, stream: Stream) -> Sequence[Record | Unparsed]:
        self.counts.lines += 1
        found = self._read(stream, line)
        if found is None:
            self.counts.header += 1
            return ()
        items = found if isinstance(found, list) else (found,)
        return [self._counted(self._with_table(item)) for item in items]

    def parse_fields(self, values: AnyMapping[str, str], stream: Stream) -> Record | Unparsed | None:
        """Return a row that came split, by column name; ``None`` where no log type has such columns."""
        with self._lock:
            item: Record | Unparsed | None
            try:
                item = stream.accept(values)
            except Exception as error:  # as in parse
                item = self._fail(stream, join_csv(map(str, values.values())), error)
            if item is None:
                return None
            self.counts.lines += 1
            self._count_evicted(stream)
            return self._counted(self._with_table(item))

    def parse_object(
        self, record: AnyMapping[str, Any]
    ) -> tuple[list[Record | Unparsed], frozenset[str]] | None:
        """Return the items of an event that came as an object, and the names that held it; ``None`` for other
        records.

        ``NOT_OURS`` marks an event of another application, which must not be read.
        """
        for takes, stream in self._objects:
            names = takes(record)
            if names is None:
                return NOT_OURS
            if names:
                held = {name: value for name, value in record.items() if name in names}
                text = json.dumps(held, ensure_ascii=False, separators=(",", ":"), default=_write_odd)
                return list(self.parse((text,), stream)), names
        return None

    def _count_evicted(self, stream: Stream) -> None:
        for source, amount in stream.take_evicted().items():
            self.counts.evicted.add(source, amount)

    def drain(self, stream: Stream) -> Iterator[Record | Unparsed]:
        """Yield what readers of records over several lines still held at the end of the log."""
        try:
            left = stream.drain()
        except Exception as error:  # as in parse
            left = [self._fail(stream, "", error)]
        for item in left:
            yield self._counted(self._with_table(item))

    def finish(self, stream: Stream) -> Iterator[Event | Unparsed]:
        """Yield the events of what ``drain`` returns."""
        for item in self.drain(stream):
            yield from self.normalize_item(item)

    def normalize(self, lines: Lines, stream: Stream | None = None) -> Iterator[Event | Unparsed]:
        """Yield lines as events under the taxonomy's names.

        A line that does not parse comes as ``Unparsed`` (``on_error="tag"``), is left out (``skip``), or
        raises ``ParseError`` (``stop``).
        """
        for item in self.parse(lines, stream or self.stream()):
            with self._lock:
                made = list(self.normalize_item(item))
            yield from made

    def encode(self, lines: Lines, stream: Stream | None = None) -> Iterator[bytes]:
        """Yield lines as payloads, each without a line end.

        A line that does not parse, or an event that the format cannot write, gives a payload only in a format
        that can express it (JSON).
        """
        stream = stream or self.stream()
        if isinstance(lines, (str, bytes)):
            lines = list(cut_lines(lines, stream))
        if isinstance(lines, BufferedReader):
            while block := lines.read1(BLOCK_BYTES):
                yield from self._encode_piece(block, stream, is_last=False)
            yield from self._encode_piece(b"", stream, is_last=True)
            return
        if not isinstance(lines, (list, tuple)) or begins_utf16(lines, stream):
            # The next line may take long to come, and only the first line shows whether the log is UTF-16.
            for item in self.normalize(lines, stream):
                with self._lock:
                    payload = self.encode_item(item)
                if payload is not None:
                    yield payload
            return
        for begin in range(0, len(lines), _BATCH_LINES):
            yield from self._encode_batch(lines[begin : begin + _BATCH_LINES], stream)

    def _encode_batch(self, lines: Sequence[bytes | str], stream: Stream) -> Iterator[bytes]:
        blocks: list[bytes] = []
        try:
            with self._lock:
                batch = self.batches.gather(lines, stream)
                if batch is None:
                    blocks += _end_lines(self.encode_records(self.parse(lines, stream)))
                else:
                    self._encode_lines(batch, stream, lambda block: blocks.append(bytes(block)), _ignore)
        finally:
            for block in blocks:
                yield from block[:-1].split(b"\n")

    def _encode_piece(self, block: bytes, stream: Stream, is_last: bool) -> Iterator[bytes]:
        blocks: list[bytes] = []
        try:
            self.encode_block(block, stream, lambda made: blocks.append(bytes(made)), is_last=is_last)
        finally:
            for made in blocks:
                yield from made[:-1].split(b"\n")

    def encode_block(
        self,
        block: bytes,
        stream: Stream,
        write: Write,
        report: Callable[[Unparsed], object] = _ignore,
        *,
        is_last: bool = False,
    ) -> None:
        """Write the payloads of the lines that a block of a log completes, each ended by LF.

        This is the fastest way. The argument of ``write`` is valid until ``write`` returns. ``report`` is
        called with each line that does not parse. ``is_last`` says that the log's last line is complete too.
        If an error is raised, everything before it has been written.
        """
        for span in stream.cut_spans(block, in_one=self._joins_lines):
            with self._lock:
                self._encode_lines(self.batches.cut(span), stream, write, report)
        for line in stream.finish() if is_last else ():
            with self._lock:
                self._encode_lines(self.batches.cut((line, 0, len(line))), stream, write, report)

    def _encode_lines(
        self, batch: Batch, stream: Stream, write: Write, report: Callable[[Unparsed], object]
    ) -> None:
        """Write the payloads of lines: runs that a program handles together, the others one by one."""
        payloads = _Pending(write)
        try:
            while batch.at < batch.end:
                program = self.programs.for_rows(stream, batch)
                if program is not None:
                    self.batches.write(program, batch, stream, payloads.pass_on)
                if batch.at < batch.end:
                    # Without a program now, there is none for the next lines either, until a header.
                    is_header = program is not None or stream.ready() is None
                    lines = [batch.take()] if is_header else batch.take_all()
                    for payload in self.encode_records(self.parse(lines, stream), report):
                        payloads.add(payload)
        finally:
            payloads.flush()

    def find_program(self, lines: Sequence[bytes], stream: Stream) -> Program | RecordProgram | None:
        """Return the generated function for the rows at the beginning of a log, as ``encode`` would
        use it.
        """
        first: Record | None = None
        for line in lines:
            if stream.layout is not None and stream.source is not None:
                program = self.programs.generate(stream.source, stream.layout)
                if program is not None:
                    return program
                if first is not None:
                    break
            first = first or next(
                (one for one in self.parse((line,), stream) if isinstance(one, Record)), None
            )
        return None if first is None else self.programs.generate_for_record(first)

    # --- the same, one item at a time, for hosts -------------------------------------------------

    def normalize_item(self, item: Record | Unparsed) -> Iterator[Event | Unparsed]:
        """Yield the events of a record, or an unparsed line as ``on_error`` says."""
        if isinstance(item, Record):
            yield from self.normalize_record(item)
        else:
            yield from self._tell(item)

    def write_item(self, item: Record | Unparsed) -> Iterator[Written | Event | Unparsed]:
        """Yield as ``normalize_item`` does, but for a record with a program its payload instead of
        an event.
        """
        if not isinstance(item, Record):
            yield from self._tell(item)
            return
        route = self.routes.of(item)
        record = self._keep(item, route)
        if record is None:
            return
        payload = self.programs.encode(record, route)
        if payload is None:
            yield from self._make_events(record, route)
        else:
            self._count_event(record)
            yield Written(record, payload)

    def _tell(self, line: Unparsed) -> Iterator[Unparsed]:
        """Yield, leave out or raise an unparsed line, as ``on_error`` says."""
        if self.settings.on_error == "stop":
            where = f"{line.path or 'line'}:{line.line_number}"
            raise ParseError(f"{where}: {line.reason}: {quote(line.raw)}")
        if self.settings.on_error == "tag":
            yield line

    def normalize_record(self, record: Record) -> Iterator[Event]:
        """Yield the events of one record: one, none (profile, processor), or one for each recipient."""
        route = self.routes.of(record)
        kept = self._keep(record, route)
        if kept is not None:
            yield from self._make_events(kept, route)

    def process_record(self, record: Record) -> Record | None:
        """A record as plugins' processors leave it, for whoever makes something else than events of it."""
        processed: Record | None = self.routes.process(record, self.routes.of(record).record_processors)
        return processed

    def _keep(self, record: Record, route: Route) -> Record | None:
        """Return a record after its processors; ``None`` where they, the profile or a filter leave it out."""
        self.counts.note_time(record.time)
        self._count_unknown(record, route.mapping)
        if route.keeps is not None and not route.keeps(record):
            self.counts.dropped.add(record.event_id)
            return None
        rule = "" if route.find_rule is None else route.find_rule(record)
        if rule:
            self.counts.filtered.add(rule)
            return None
        kept: Record | None = self.routes.process(record, route.record_processors)
        return kept

    def _make_events(self, record: Record, route: Route) -> Iterator[Event]:
        for part in split_recipients(record) if self.settings.per_recipient else (record,):
            event = route.mapping.normalize(part, self.counts)
            processed = self.routes.process(event, route.event_processors)
            if processed is not None:
                self._count_event(processed.record)
                yield processed

    def _count_event(self, record: Record) -> None:
        self.counts.events += 1
        for name, word in record.marks.items():
            self.counts.marked.add(f"{name}: {word}")

    def encode_records(
        self, items: Iterable[Record | Unparsed], report: Callable[[Unparsed], object] = _ignore
    ) -> Iterator[bytes]:
        """Yield payloads of records; ``report`` is called with lines that did not parse or cannot be
        written.
        """
        for item in items:
            if not isinstance(item, Record):
                report(item)
            for made in self.write_item(item):
                if isinstance(made, Written):
                    yield made.payload
                    continue
                encoded = self.encode_event(made) if isinstance(made, Event) else made
                if isinstance(encoded, Unparsed) and encoded is not made:
                    report(encoded)
                payload = self.encode_unparsed(encoded) if isinstance(encoded, Unparsed) else encoded
                if payload is not None:
                    yield payload

    def encode_item(self, item: Event | Unparsed) -> bytes | None:
        """Return one payload; ``None`` where the format has none for an item that did not parse or cannot be
        written.
        """
        encoded = self.encode_event(item) if isinstance(item, Event) else item
        return self.encode_unparsed(encoded) if isinstance(encoded, Unparsed) else encoded

    def encode_event(self, event: Event) -> bytes | Unparsed:
        """Return one payload, or the event's line with the reason where the format cannot write the event.

        This happens only to an event changed by a plugin. It is counted under ``unencodable``; with
        ``on_error="stop"`` it raises ``EncodeError``.
        """
        try:
            payload = self._encode(event)
            if isinstance(payload, bytes):
                limit = self.settings.max_payload
                if not limit or len(payload) <= limit:
                    return payload
                payload, shortened = shorten(event, limit, self._encode)
                for name in shortened:
                    self.counts.shortened.add(name)
                if len(payload) <= limit:
                    return payload
                fault = f"payload is {len(payload)} bytes; max_payload is {limit}"
            else:
                fault = f"got {type(payload).__name__}; expected bytes"
        except Exception as error:  # a plugin's codec, or what a plugin put into the event
            fault = f"{type(error).__name__}: {error}"
        record = event.record
        reason = f"format {self.codec.name}: cannot write the event: {fault}"
        if self.settings.on_error == "stop":
            raise EncodeError(f"{record.path or 'line'}:{record.line_number}: {reason}: {quote(record.raw)}")
        self.counts.unencodable.add(record.event_id)
        return Unparsed(record.raw, "unencodable", reason, record.line_number, record.path)

    def encode_unparsed(self, line: Unparsed) -> bytes | None:
        """Return the payload for an unparsed line; ``None`` where the format has none, or ``on_error`` is
        ``skip``.
        """
        if self.codec.unparsed is None or self.settings.on_error == "skip":
            return None
        return self.codec.unparsed(line)

    def recognize(self, head: Head) -> Source | None:
        """Return the log type of ``head``, or ``None``."""
        return surest(self.sources, head, self._blame_source)

    def _explain_head(self, head: Head) -> str:
        """Return what a log is that no active log type recognizes; empty where unknown."""
        registered = self.plugins.registry.sources.values()
        others = [source for source in registered if source.name not in self.routes.mapped]
        found = surest(others, head, self._blame_source)
        if found is not None and found.recognize(head) > Confidence.NAME:
            return explain_no_table(self.taxonomy, found)
        for source in registered:
            what = "" if source.foreign is None else source.foreign(head)
            if what:
                return f"this is {what}, and no log that exnorm reads"
        return ""

    # --- assembly --------------------------------------------------------------------------------

    def _build_codec(self) -> Encode:
        build = self.codec.build
        encode = self._ask_codec(lambda taxonomy, settings: build(taxonomy, settings, self.counts))
        if not callable(encode):
            owner = self.plugins.registry.owner("codec", self.codec.name)
            what = f"build gave {type(encode).__name__}; expected a function from an event to bytes"
            raise PluginError(f"plugin {owner}, format {self.codec.name}: {what}")
        return encode

    def _ask_codec(self, ask: Callable[[Taxonomy, Settings], _Answer]) -> _Answer:
        try:
            return ask(self.taxonomy, self.settings)
        except NormalizerError:
            raise
        except Exception as error:  # whatever a plugin raises, its name must be in the message
            owner = self.plugins.registry.owner("codec", self.codec.name)
            raise PluginError(
                f"plugin {owner}, format {self.codec.name}: {type(error).__name__}: {error}"
            ) from error

    def _describe_codec(self) -> Wire | None:
        """Return the format as data; ``None`` where a record may need more than one plain payload."""
        if self.settings.engine == "table":
            return None
        if self.codec.wire is None or self.settings.per_recipient or self.settings.max_payload:
            return None
        return self._ask_codec(self.codec.wire)

    # --- per event -------------------------------------------------------------------------------

    def _read(self, stream: Stream, line: bytes | str) -> Read:
        try:
            return stream.read(line)
        except Exception as error:  # a source, a plugin's above all, may raise anything
            return self._fail(stream, line, error)

    def _fail(self, stream: Stream, line: bytes | str, error: Exception) -> Unparsed:
        if stream.source is not None:
            self._blame_source(stream.source, error)
        return stream.fail(line, error)

    def _blame_source(self, source: Source, error: Exception) -> None:
        owner = self.plugins.registry.owner("source", source.name)
        self.counts.blame(owner, f"source {source.name}", error)

    def _with_table(self, item: Record | Unparsed) -> Record | Unparsed:
        """Return the item; a record whose source has no table in this taxonomy becomes unparsed."""
        if not isinstance(item, Record):
            return item
        if item.source.name not in self.routes.mapped:
            reason = explain_no_table(self.taxonomy, item.source)
            return Unparsed(item.raw, "unknown-type", reason, item.line_number, item.path)
        refusal = refuse_split(item) if self.settings.per_recipient else ""
        return Unparsed(item.raw, "width", refusal, item.line_number, item.path) if refusal else item

    def _counted(self, item: Record | Unparsed) -> Record | Unparsed:
        if isinstance(item, Record):
            self.counts.records.add(item.source.name)
        else:
            self.counts.unparsed.add(item.kind)
        return item

    def _count_unknown(self, record: Record, mapping: CompiledMapping) -> None:
        if not mapping.known_columns.issuperset(record.values):
            for column in record.values.keys() - mapping.known_columns:
                self.counts.unknown_columns.add(column)
        if mapping.known_events and record.event_id not in mapping.known_events:
            self.counts.unknown_events.add(record.event_id)


def _write_odd(value: Any) -> str:
    """Return a value that JSON cannot represent as text."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
