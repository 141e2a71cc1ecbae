"""parse -> normalize -> encode, assembled once from what the plugins registered."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping as AnyMapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from io import BufferedReader
from itertools import chain
from typing import Any, NamedTuple

from exnorm.compiled import (
    MOST_COLUMNS,
    Program,
    RecordProgram,
    RecordPrograms,
    Run,
    Sample,
    generate,
    generate_for_records,
    may_have_code,
    sample_record,
)
from exnorm.convert import addresses, members
from exnorm.counts import Counts
from exnorm.errors import (
    EncodeError,
    NormalizerError,
    ParseError,
    PluginError,
    SettingsError,
    quote,
    suggest,
)
from exnorm.identity import exnorm_id, identity_seed
from exnorm.lines import Span, join_csv
from exnorm.mapping import (
    CompiledMapping,
    CompiledRow,
    choose_mapping,
    compile_mapping,
    find_plugin,
    read_with_care,
)
from exnorm.model import (
    ByEvent,
    Codec,
    Confidence,
    Encode,
    Event,
    Frame,
    Head,
    Layout,
    Lines,
    Mapping,
    Read,
    Record,
    Schema,
    Source,
    Taxonomy,
    Unparsed,
    Wire,
)
from exnorm.native import Machine, load_kernel
from exnorm.overlay import lay_over, require
from exnorm.plugins import Attributed, Plugins
from exnorm.profiles import select
from exnorm.rows import Batch, clothe, read_row_time
from exnorm.settings import Settings, make_settings
from exnorm.stream import Stream, redact, surest

_BATCH_LINES = 128
_BATCH_BYTES = 64 * 1024
_FEW_LINES = 8  # fewer are not worth a generated function
_SAMPLE_LINES = 64  # as many show which columns are usually filled
_PROGRAMS_KEPT = 64  # a log may bring any number of headers
MOST_RECIPIENTS = 10_000
MOST_SPLIT = 256 * 1024 * 1024  # characters of all the rows that one row is split into
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")

Write = Callable[["bytes | memoryview"], object]


@dataclass(frozen=True)
class Route:
    """What is done to the records of one source and schema."""

    mapping: CompiledMapping
    keeps: Callable[[Record], bool] | None
    record_processors: tuple[Attributed, ...]
    event_processors: tuple[Attributed, ...]


class Framing(NamedTuple):
    """A host's frame, and what stands before and after the row's time in it, clothed."""

    frame: Frame
    before: str
    after: str


class Written(NamedTuple):
    """A payload that generated code made of a record; ``record`` is as the processors left it."""

    record: Record
    payload: bytes


class OpenRows(NamedTuple):
    """A program of the kernel, and what begins the payloads and the identities of one log."""

    program: Program
    machine: Machine
    start: bytes
    seed: bytes


@dataclass(frozen=True)
class _Begin:
    """What the payloads of a log begin with, as both kinds of program take it, and so their identity."""

    name: str
    source: Source
    start: bytes
    clothed: str
    seed: bytes


class _Pending:
    """Payloads that came one by one, written together; before those of a program, so that none overtakes."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._payloads: list[bytes] = []

    def add(self, payload: bytes) -> None:
        """Keep a payload until the next ``flush``."""
        self._payloads.append(payload)

    def pass_on(self, block: bytes | memoryview) -> None:
        """Write payloads that are a block already."""
        self.flush()
        self._write(block)

    def flush(self) -> None:
        """Write what was kept."""
        if self._payloads:
            self._payloads.append(b"")
            block = b"\n".join(self._payloads)
            self._payloads.clear()
            self._write(block)


def _end_lines(payloads: Iterable[bytes]) -> Iterator[bytes]:
    for payload in payloads:
        yield payload + b"\n"


def _ignore(line: Unparsed) -> None:
    """Say nothing of a line that does not parse."""


class Normalizer:
    """Exchange log lines in, events or payloads out; all there is to embedding exnorm.

    ``settings`` are those of ``exnorm.settings.Settings`` by name; ``plugins`` are plugin objects to
    use beside the installed ones, which ``discover_plugins=False`` leaves out; ``plugin_settings`` are
    the setting ``plugins``, by plugin name. Raises
    ``SettingsError``, ``PluginError`` or ``MappingError`` before any line is read. ``counts`` says
    what became of every line so far.

    >>> normalizer = Normalizer(taxonomy="arcsight", format="cef")
    >>> payloads = list(normalizer.encode([b"..."], normalizer.stream("MSGTRK2022091915-1.LOG")))
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
        """A normalizer from settings that were put together already."""
        normalizer = cls.__new__(cls)
        normalizer._assemble(settings, plugins, discover_plugins)
        return normalizer

    def _assemble(self, settings: Settings, given: Sequence[object], discover: bool) -> None:
        self.counts = Counts()
        self.plugins = Plugins(given, blocked=settings.block_plugins, discover=discover)
        registry = self.plugins.registry
        self.taxonomy: Taxonomy = _named("taxonomy", settings.taxonomy, registry.taxonomies)
        format_name = settings.format or self.taxonomy.default_format
        self.codec: Codec = _named("format", format_name, registry.codecs)
        _check_pair(self.codec, self.taxonomy, registry.codecs)
        self.settings = replace(settings, format=format_name)
        overlaid = lay_over(settings.tables, registry.mappings, registry.sources, registry.taxonomies)
        self.mappings = _mappings_for(self.taxonomy, self.settings, require(overlaid))
        self._mapped = frozenset(mapping.source for mapping in self.mappings)
        self.sources = _sources_for(self.settings, registry.sources, self.mappings)
        _check_schema(self.settings, self.sources)
        self._encode: Encode = self._build_codec()
        self._wire = self._describe_codec()
        self._routes: dict[tuple[str, str], Route] = {}
        self._programs: dict[tuple[str, Schema], Program | None] = {}
        self._record_programs = RecordPrograms(
            self._generate_for_record,
            sampled=_SAMPLE_LINES,
            most=_PROGRAMS_KEPT,
        )
        self._few: dict[tuple[str, Schema], int] = {}  # rows of layouts that have no program yet
        self._begins: _Begin | None = None
        self._joins_lines = load_kernel() is None  # a block costs more to begin than to copy
        self._processors: dict[str, tuple[tuple[Attributed, ...], tuple[Attributed, ...]]] = {}
        taking_part = {name for source in self.sources for name in (source.name, *source.carries)}
        for source in registry.sources.values():
            if source.name in taking_part & self._mapped:
                self._prepare_source(source)

    # --- the public flow -------------------------------------------------------------------------

    def stream(self, name: str = "") -> Stream:
        """The state of one log file; ``name`` is its path, which helps to recognise its type."""
        return Stream(name, self.recognize, self.settings, partial(redact, self.sources))

    def explain_refusal(self, name: str, block: bytes) -> str:
        """Why a log that begins with ``block`` cannot be read at all; empty where its type is known.

        ``name`` is the file's path, as for ``stream``.
        """
        stream = self.stream(name)
        why = stream.explain_unknown(stream.cut(block) or stream.finish())
        known = ", ".join(source.name for source in self.sources)
        return f"{why}; known are {known}" if why else ""

    def parse(self, lines: Lines, stream: Stream) -> Iterator[Record | Unparsed]:
        """Lines as records under the log's own names; header lines and blank ones give nothing."""
        try:
            for line in cut_lines(lines, stream):
                self.counts.lines += 1
                found = self._read(stream, line)
                if found is None:
                    self.counts.header += 1
                for item in found if isinstance(found, list) else (found,):
                    if item is not None:
                        yield self._counted(self._with_table(item))
        finally:  # also where the caller stops in between
            for source, amount in stream.take_evicted().items():
                self.counts.evicted.add(source, amount)

    def parse_fields(self, values: AnyMapping[str, str], stream: Stream) -> Record | Unparsed | None:
        """A row that came already split, by column name; ``None`` where no log type has such columns."""
        item: Record | Unparsed | None
        try:
            item = stream.accept(values)
        except Exception as error:  # as in parse
            item = self._fail(stream, join_csv(map(str, values.values())), error)
        if item is None:
            return None
        self.counts.lines += 1
        return self._counted(self._with_table(item))

    def drain(self, stream: Stream) -> Iterator[Record | Unparsed]:
        """What a log type with records of several lines still held when the log ended."""
        try:
            left = stream.drain()
        except Exception as error:  # as in parse
            left = [self._fail(stream, "", error)]
        for item in left:
            yield self._counted(self._with_table(item))

    def finish(self, stream: Stream) -> Iterator[Event | Unparsed]:
        """The events of what ``drain`` gives."""
        for item in self.drain(stream):
            yield from self.normalize_item(item)

    def normalize(self, lines: Lines, stream: Stream | None = None) -> Iterator[Event | Unparsed]:
        """Lines as events under the taxonomy's names.

        A line that does not parse comes as ``Unparsed`` (``on_error="tag"``), not at all (``skip``),
        or as ``ParseError`` (``stop``).
        """
        for item in self.parse(lines, stream or self.stream()):
            yield from self.normalize_item(item)

    def encode(self, lines: Lines, stream: Stream | None = None) -> Iterator[bytes]:
        """Lines as payloads, each without a line end.

        A line that does not parse gives a payload only in a format that can say so (JSON); the same
        goes for an event that the format cannot write.
        """
        stream = stream or self.stream()
        if isinstance(lines, (str, bytes)):
            lines = list(cut_lines(lines, stream))
        if isinstance(lines, BufferedReader):
            while block := lines.read1(_BATCH_BYTES):
                yield from self._encode_piece(block, stream, is_last=False)
            yield from self._encode_piece(b"", stream, is_last=True)
            return
        if not isinstance(lines, (list, tuple)) or _begins_utf16(lines, stream):
            # The next line may be long in coming; and what UTF-16 is known by stands in the first one only.
            for item in self.normalize(lines, stream):
                payload = self.encode_item(item)
                if payload is not None:
                    yield payload
            return
        for begin in range(0, len(lines), _BATCH_LINES):
            yield from self._encode_batch(lines[begin : begin + _BATCH_LINES], stream)

    def _encode_batch(self, lines: Sequence[bytes | str], stream: Stream) -> Iterator[bytes]:
        blocks: list[bytes] = []
        try:
            batch = self._as_batch(lines, stream)
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

        The fastest way through. What ``write`` is given holds until it returns. ``report`` is called with
        each line that does not parse. ``is_last`` says that the log's last line is complete too. Where an
        error is raised, what came before has been written.
        """
        for span in stream.cut_spans(block, in_one=self._joins_lines):
            self._encode_lines(self._batch(span), stream, write, report)
        for line in stream.finish() if is_last else ():
            self._encode_lines(self._batch((line, 0, len(line))), stream, write, report)

    # --- batches: a program where there is one, row by row where not ------------------------------

    def prepare(self, lines: Sequence[bytes], stream: Stream, rows: list[str] | None = None) -> Batch | None:
        """Lines of a log in a row, for ``encode_rows``; ``None`` where each must be read by itself.

        ``rows`` are the same lines as ``rows.prepare`` would give them, where somebody knows them already.
        """
        if self._wire is None or _begins_utf16(lines, stream):
            return None
        longest = self.settings.max_line_bytes
        if b"\n" in b"".join(lines) or max(map(len, lines), default=0) > longest:
            plain = [line.removesuffix(b"\n") for line in lines]
            # One with a LF inside is left to its reader here, so that it does not cost the others their way.
            return self._join([b"" if b"\n" in line or len(line) > longest else line for line in plain])
        batch = self._join(lines)
        if rows is not None:
            batch.rows = rows
        return batch

    def encode_rows(self, batch: Batch, begin: int, stream: Stream) -> list[bytes | None]:
        """The payloads of the lines from ``begin`` on, one each, up to the first that ``parse`` must read.

        For hosts that must know which payload is whose; ``None`` for a row that the profile leaves out.
        """
        if stream.source is None:
            return []
        batch.pass_over(begin)
        payloads: list[bytes | None] = []
        with self._taking_back():
            program = self._program(stream, batch)
            if program is not None and select(self.settings.profile, stream.source) is not None:
                payloads += self._encode_singly(program, batch, stream)
            elif program is not None and program.machine is None:
                made: list[str] = []
                self._run_generated(program, batch, batch, self._begin(stream), stream, made)
                payloads += [payload.encode("latin-1") for payload in made]
            elif program is not None:
                blocks: list[bytes] = []
                self._run(program, batch, stream, lambda block: blocks.append(bytes(block)))
                payloads += b"".join(blocks).split(b"\n")[:-1]
        if len(payloads) != batch.number - begin:
            raise EncodeError(
                f"format {self.codec.name}: got {len(payloads)} payloads of {batch.number - begin} rows"
            )
        return payloads

    def encode_framed(
        self, batch: Batch, begin: int, stream: Stream, framing: Framing
    ) -> tuple[bytes, int, int]:
        """The same with a frame around each payload and nothing between them; without the kernel only.

        Gives them, how many lines were done and how many payloads that are.
        """
        around = framing.before, framing.after
        made = self._encode_around(
            batch, begin, stream, lambda program: program.run_framed(framing.frame), around
        )
        return "".join(made).encode("latin-1"), batch.number - begin, len(made)

    def encode_beside(
        self, batch: Batch, begin: int, stream: Stream, starts: Sequence[str], pairs: Sequence[str]
    ) -> tuple[list[bytes], int]:
        """The same with a host's own pairs in each payload; without the kernel, and for JSON only.

        Those of its line in ``starts`` begin a payload, those in ``pairs`` stand behind the row's time, both
        clothed. Gives the payloads, each ended by LF, and how many lines were done.
        """
        made = self._encode_around(batch, begin, stream, lambda program: program.run_beside, (starts, pairs))
        return [payload.encode("latin-1") for payload in made], batch.number - begin

    def _encode_around(
        self,
        batch: Batch,
        begin: int,
        stream: Stream,
        choose: Callable[[Program], Run],
        around: tuple[object, ...],
    ) -> list[str]:
        """The payloads, clothed, by a function of the program that is given what a host puts around them."""
        made: list[str] = []
        batch.pass_over(begin)
        with self._taking_back():
            program = self._program(stream, batch)
            if program is not None:
                run = choose(program)
                self._run_generated(program, batch, batch, self._begin(stream), stream, made, run, around)
        return made

    @contextlib.contextmanager
    def _taking_back(self) -> Iterator[None]:
        """Where an error is raised, count nothing of the rows before it: they will be read by themselves."""
        counts = self.counts
        before = [(tally, dict(tally)) for tally in (counts.unknown_events, counts.cut, counts.dropped)]
        try:
            yield
        except Exception:
            for tally, counted in before:
                tally.clear()
                tally.update(counted)
            raise

    def _encode_singly(self, program: Program, batch: Batch, stream: Stream) -> Iterator[bytes | None]:
        """Payloads where rows may be left out: which of them are shows only when each is by itself."""
        for number in range(batch.number, len(batch.lines)):
            one = batch.single(number)
            blocks: list[bytes] = []
            self._run(program, one, stream, lambda block, blocks=blocks: blocks.append(bytes(block)))  # type: ignore[misc]
            if not one.number:
                break
            batch.pass_over(number + 1)
            yield blocks[0].removesuffix(b"\n") if blocks else None

    def open_rows(self, stream: Stream) -> OpenRows | None:
        """The kernel's program for a stream's next rows, for hosts that hand over rows where they lie.

        ``None`` where the next line may be no row, or there is no such program. Valid until the stream
        reads anything else; what is run must be told to ``count_rows``.
        """
        program = self._program(stream, None)
        if program is None or program.machine is None:
            return None
        begin = self._begin(stream)
        return OpenRows(program, program.machine, begin.start, begin.seed)

    def _encode_lines(
        self, batch: Batch, stream: Stream, write: Write, report: Callable[[Unparsed], object]
    ) -> None:
        """Write the payloads of lines: of those that a program leaves alone, one by one."""
        payloads = _Pending(write)
        try:
            while batch.at < batch.end:
                program = self._program(stream, batch)
                if program is not None:
                    self._run(program, batch, stream, payloads.pass_on)
                if batch.at < batch.end:
                    # Without a program now, there is none for the next lines either, but behind a header.
                    is_header = program is not None or stream.ready() is None
                    lines = [batch.take()] if is_header else batch.take_all()
                    for payload in self.encode_records(self.parse(lines, stream), report):
                        payloads.add(payload)
        finally:
            payloads.flush()

    def _batch(self, span: Span) -> Batch:
        return Batch(span, self._wire, self.settings.max_line_bytes)

    def _join(self, lines: Iterable[bytes]) -> Batch:
        """Lines without a LF at their end, nor inside."""
        block = b"\n".join((*lines, b""))
        batch = self._batch((block, 0, len(block)))
        batch.lines = list(lines)
        return batch

    def _as_batch(self, lines: Sequence[bytes | str], stream: Stream) -> Batch | None:
        """Lines that were cut already, put together again; ``None`` where each must be read by itself."""
        if set(map(type, lines)) != {bytes} or _begins_utf16(lines, stream):
            return None
        if max(map(len, lines), default=0) > self.settings.max_line_bytes:
            return None  # its size is not to be multiplied
        plain: list[bytes] = [line.removesuffix(b"\n") for line in lines]  # type: ignore[arg-type, misc]
        return None if b"\n" in b"".join(plain) else self._join(plain)  # asking each line takes longer

    def _run(self, program: Program, batch: Batch, stream: Stream, write: Write) -> None:
        """Write the payloads of rows with nothing odd about them, up to the first other one."""
        begin = self._begin(stream)
        if program.machine is None:
            self._write_generated(program, batch, batch, begin, stream, write)
            return
        start, seed = begin.start, begin.seed
        at, rows, events = program.machine.run(batch.block, batch.at, batch.end, start, seed)
        batch.at, batch.number = at, batch.number + rows
        if events:
            with memoryview(program.machine) as payloads:  # type: ignore[arg-type]
                write(payloads)
        self.count_rows(stream, program, rows, events, read_row_time(batch.last) if rows else None)
        if at < batch.end:  # the generated function may be sure of a row that the kernel is not
            self._write_generated(program, batch, batch.take_one(), begin, stream, write)

    def _write_generated(
        self, program: Program, batch: Batch, rows: Batch, begin: _Begin, stream: Stream, write: Write
    ) -> None:
        """The same with the generated function; ``rows`` are the batch's, or the next one by itself."""
        payloads: list[str] = []
        try:
            self._run_generated(program, batch, rows, begin, stream, payloads)
        finally:
            if payloads:
                payloads.append("")
                write("\n".join(payloads).encode("latin-1"))

    def _run_generated(
        self,
        program: Program,
        batch: Batch,
        rows: Batch,
        begin: _Begin,
        stream: Stream,
        payloads: list[str],
        run: Run | None = None,
        around: tuple[object, ...] = (),
    ) -> None:
        """Add the payloads, clothed, to none."""
        run, before = run or program.run, rows.number
        lines = rows.lines if program.needs_lines else ()
        end = run(rows.rows, lines, before, payloads, begin.clothed, begin.seed, *around)
        if rows is batch and end == len(batch.rows):
            batch.pass_all()
        else:
            batch.pass_over(batch.number + end - before)
        self.count_rows(stream, program, end - before, len(payloads), read_row_time(batch.last))

    def _begin(self, stream: Stream) -> _Begin:
        """What the payloads of a log begin with."""
        assert stream.source is not None
        return self._begin_of(stream.name, stream.source)

    def _begin_of(self, name: str, source: Source) -> _Begin:
        known = self._begins
        if known is None or known.name != name or known.source is not source:
            assert self._wire is not None
            start = _without_surrogates(self._wire.start(name, source))
            known = self._begins = _Begin(
                name, source, start.encode("utf-8"), clothe(start), identity_seed(name)
            )
        return known

    def count_rows(self, stream: Stream, program: Program, rows: int, events: int, last: int | None) -> None:
        """Count rows that a program has taken, and their events; ``last`` is the last one's time."""
        if not rows or stream.source is None:
            return
        stream.skip(rows)
        self.counts.note_time(last)  # a log's last row is its newest
        self.counts.lines += rows
        self.counts.events += events
        self.counts.records.add(stream.source.name, rows)
        for column in program.unknown_columns:
            self.counts.unknown_columns.add(column, rows)

    def _program(self, stream: Stream, batch: Batch | None) -> Program | None:
        """The program for the next lines; made at their layout's first row, and anew for rows like these.

        Without a batch there may be any number of lines.
        """
        layout = stream.layout
        if layout is None or stream.source is None or self._wire is None:
            return None
        if batch is not None and batch.is_crowded:
            return None
        key = stream.source.name, layout.schema
        known = self._programs.get(key)
        if key not in self._programs and len(self._programs) < _PROGRAMS_KEPT:
            if batch is not None and not self._are_many(key, batch):
                return None
            known = self._programs[key] = self.generate(stream.source, layout)
        elif (
            known is not None
            and batch is not None
            and known.wants_sample
            and batch.count_lines() >= _SAMPLE_LINES
        ):
            known = self._programs[key] = self.generate(stream.source, layout, batch.rows)
        return known if self._begin(stream).start else None

    def _are_many(self, key: tuple[str, Schema], batch: Batch) -> bool:
        """Whether there were so many rows of a layout that a program for it is worth its making."""
        seen = self._few.pop(key, 0) + batch.count_lines()
        if seen < _FEW_LINES and len(self._few) < _PROGRAMS_KEPT:
            self._few[key] = seen
        return seen >= _FEW_LINES

    def generate(self, source: Source, layout: Layout, sample: Sequence[str] = ()) -> Program | None:
        """The function for rows of a layout; ``None`` where they go the long way, one by one."""
        if self._wire is None or source.name not in self._mapped:
            return None
        if len(layout.schema.columns) > MOST_COLUMNS:
            return None
        longest = self.settings.max_line_bytes
        route = self._route(source, layout.schema.name)
        if route.record_processors or route.event_processors:
            return None
        return generate(route.mapping, route.keeps, layout, self._wire, self.counts, sample, longest)

    def find_program(self, lines: Sequence[bytes], stream: Stream) -> Program | RecordProgram | None:
        """The generated function for the rows at the beginning of a log, as ``encode`` would use it."""
        records: list[Record] = []
        layout = None
        for number, line in enumerate(lines):
            if layout is None and stream.layout is not None and stream.source is not None:
                layout = stream.layout
                sample = () if self._wire is None else self._join(lines[number:]).rows
                program = self.generate(stream.source, layout, sample)
                if program is not None:
                    return program
            records += [item for item in self.parse((line,), stream) if isinstance(item, Record)]
            if len(records) >= _SAMPLE_LINES:
                break
        return self._find_record_program(records)

    def _find_record_program(self, records: Sequence[Record]) -> RecordProgram | None:
        """The function for records like the first one, as the processors leave it."""
        processed = [self.process(one, self.route(one).record_processors) for one in records]
        kept: list[Record] = [one for one in processed if one is not None]
        if not kept or not may_have_code(kept[0].values):
            return None
        columns = kept[0].values.keys()
        return self._generate_for_record(
            kept[0], [sample_record(one) for one in kept if one.values.keys() == columns]
        )

    # --- the same, one item at a time, for hosts -------------------------------------------------

    def normalize_item(self, item: Record | Unparsed) -> Iterator[Event | Unparsed]:
        """What becomes of a record, or, as ``on_error`` says, of a line that did not parse."""
        if isinstance(item, Record):
            yield from self.normalize_record(item)
        else:
            yield from self._tell(item)

    def write_item(self, item: Record | Unparsed) -> Iterator[Written | Event | Unparsed]:
        """The same for whoever wants payloads: where there is code for a record, its payload instead."""
        if not isinstance(item, Record):
            yield from self._tell(item)
            return
        route = self.route(item)
        record = self._keep(item, route)
        if record is None:
            return
        payload = self._encode_record(record, route)
        if payload is None:
            yield from self._make_events(record, route)
        else:
            self._count_event(record)
            yield Written(record, payload)

    def _tell(self, line: Unparsed) -> Iterator[Unparsed]:
        """A line that did not parse, as ``on_error`` says."""
        if self.settings.on_error == "stop":
            where = f"{line.path or 'line'}:{line.line_number}"
            raise ParseError(f"{where}: {line.reason}: {quote(line.raw)}")
        if self.settings.on_error == "tag":
            yield line

    def normalize_record(self, record: Record) -> Iterator[Event]:
        """The events of one record: one, none (profile, processor), or one for each recipient."""
        route = self.route(record)
        kept = self._keep(record, route)
        if kept is not None:
            yield from self._make_events(kept, route)

    def _keep(self, record: Record, route: Route) -> Record | None:
        """A record as its processors leave it; ``None`` where they or the profile leave it out."""
        self.counts.note_time(record.time)
        self._count_unknown(record, route.mapping)
        if route.keeps is not None and not route.keeps(record):
            self.counts.dropped.add(record.event_id)
            return None
        kept: Record | None = self.process(record, route.record_processors)
        return kept

    def _make_events(self, record: Record, route: Route) -> Iterator[Event]:
        for part in split_recipients(record) if self.settings.per_recipient else (record,):
            event = route.mapping.normalize(part, self.counts)
            processed = self.process(event, route.event_processors)
            if processed is not None:
                self._count_event(processed.record)
                yield processed

    def _count_event(self, record: Record) -> None:
        self.counts.events += 1
        for name, word in record.marks.items():
            self.counts.marked.add(f"{name}: {word}")

    def _encode_record(self, record: Record, route: Route) -> bytes | None:
        """The payload of a record by generated code; ``None`` where it must go the long way."""
        if self._wire is None or route.event_processors:
            return None
        encode = self._record_programs.find(record)
        start = "" if encode is None else self._begin_of(record.path, record.source).clothed
        payload = encode(record, start) if encode is not None and start else None
        return None if payload is None else payload.encode("latin-1")

    def _generate_for_record(self, record: Record, sample: Sequence[Sample]) -> RecordProgram | None:
        """The function for records like one; ``None`` where they go the long way."""
        route, columns = self.route(record), tuple(record.values)
        if self._wire is None or route.event_processors:
            return None
        return generate_for_records(
            route.mapping, record.schema, columns, self._wire, self.counts, exnorm_id, sample
        )

    def encode_records(
        self, items: Iterable[Record | Unparsed], report: Callable[[Unparsed], object] = _ignore
    ) -> Iterator[bytes]:
        """Payloads of records; ``report`` is called with what did not parse or cannot be written."""
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
        """One payload; ``None`` where the format has none for what did not parse or cannot be written."""
        encoded = self.encode_event(item) if isinstance(item, Event) else item
        return self.encode_unparsed(encoded) if isinstance(encoded, Unparsed) else encoded

    def encode_event(self, event: Event) -> bytes | Unparsed:
        """One payload, or the event's line with the reason where the format cannot write the event.

        Only what a plugin made can be like that. It is counted under ``unencodable``; with
        ``on_error="stop"`` it is an ``EncodeError``.
        """
        try:
            payload = self._encode(event)
            if isinstance(payload, bytes):
                return payload
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
        """The payload that says so; ``None`` where the format has none, or nobody wants to know."""
        if self.codec.unparsed is None or self.settings.on_error == "skip":
            return None
        return self.codec.unparsed(line)

    def route(self, record: Record) -> Route:
        """What is done to records of this source and schema; assembled at the first of them."""
        return self._route(record.source, record.schema.name)

    def _route(self, source: Source, schema_name: str) -> Route:
        route = self._routes.get((source.name, schema_name))
        if route is None:
            route = self._routes[source.name, schema_name] = self._build_route(source, schema_name)
        return route

    def recognize(self, head: Head) -> Source | None:
        """The log type that ``head`` is of, or ``None``."""
        return surest(self.sources, head, self._blame_source)

    # --- assembly --------------------------------------------------------------------------------

    def _build_codec(self) -> Encode:
        try:
            return self.codec.build(self.taxonomy, self.settings, self.counts)
        except NormalizerError:
            raise
        except Exception as error:  # whatever a plugin raises, its name must be in the message
            owner = self.plugins.registry.owner("codec", self.codec.name)
            raise PluginError(
                f"plugin {owner}, format {self.codec.name}: {type(error).__name__}: {error}"
            ) from error

    def _prepare_source(self, source: Source) -> None:
        """Check the source's tables and ask the plugins what they want to do, before any line is read."""
        for mapping in self._mappings_of(source):
            compile_mapping(mapping, source, self.taxonomy, self.settings)
        self._processors[source.name] = (
            tuple(self.plugins.record_processors(source, self.taxonomy, self.settings)),
            tuple(self.plugins.event_processors(source, self.taxonomy, self.settings)),
        )

    def _describe_codec(self) -> Wire | None:
        """The format as data, where one payload a record is all there is to write."""
        if self.codec.wire is None or self.settings.per_recipient:
            return None
        return self.codec.wire(self.taxonomy, self.settings)

    def _build_route(self, source: Source, schema_name: str) -> Route:
        mapping = choose_mapping(self._mappings_of(source), schema_name)
        assert mapping is not None  # parse lets no record of a source without one through
        record_processors, event_processors = self._processors[source.name]
        return Route(
            mapping=self._guard(compile_mapping(mapping, source, self.taxonomy, self.settings)),
            keeps=select(self.settings.profile, source),
            record_processors=record_processors,
            event_processors=event_processors,
        )

    def _mappings_of(self, source: Source) -> list[Mapping]:
        return [mapping for mapping in self.mappings if mapping.source == source.name]

    def _guard(self, compiled: CompiledMapping) -> CompiledMapping:
        """The table, with the functions of plugins' rows called with care."""
        name = compiled.mapping.name

        def guard(row: CompiledRow) -> CompiledRow:
            plugin = find_plugin(row.row)
            if not plugin or isinstance(row.row.read, ByEvent):
                return row
            blame = partial(self.counts.blame, plugin, f"mapping {name}, row {quote(row.row.field)}")
            return replace(row, read=read_with_care(row.read, blame))

        return replace(compiled, rows=tuple(guard(row) for row in compiled.rows))

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

    def process(self, item: Any, processors: tuple[Attributed, ...]) -> Any:
        """What the processors make of an item; one that raises costs its own effect and a count."""
        for processor in processors:
            try:
                processed = processor.process(item.copy())
            except Exception as error:  # a plugin may raise anything; the event must not be lost
                self.counts.blame(processor.plugin, "processor", error)
                continue
            if processed is None:
                self.counts.removed.add(processor.plugin)
                return None
            fault = _find_fault(processed, item)
            if fault:
                self.counts.blame(processor.plugin, "processor", fault)
                continue
            item = processed
        return item

    def _with_table(self, item: Record | Unparsed) -> Record | Unparsed:
        """The item; a source that carries others may give a record that the taxonomy has no table for."""
        if not isinstance(item, Record):
            return item
        if item.source.name not in self._mapped:
            reason = f"taxonomy {self.taxonomy.name} has no table for {item.source.name}"
            return Unparsed(item.raw, "unknown-type", reason, item.line_number, item.path)
        refusal = _refuse_split(item) if self.settings.per_recipient else ""
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


def _without_surrogates(start: str) -> str:
    """The text, or nothing where a path that is no UTF-8 is in it: each of its rows goes by itself."""
    try:
        start.encode("utf-8")
    except UnicodeEncodeError:
        return ""
    return start


def _begins_utf16(lines: Sequence[bytes | str], stream: Stream) -> bool:
    return bool(lines) and stream.line_number == 0 and lines[0][:2] in _UTF16_BOMS


def cut_lines(lines: Lines, stream: Stream) -> Iterator[bytes | str]:
    """Lines from a block or from lines that are cut already, in UTF-16 too."""
    if isinstance(lines, str):
        lines = lines.encode("utf-8", "surrogatepass")
    if isinstance(lines, (bytes, bytearray, memoryview)):
        yield from stream.cut(bytes(lines))
        yield from stream.finish()
        return
    if isinstance(lines, BufferedReader):  # its own lines would be held whole, however long
        while block := lines.read1(_BATCH_BYTES):
            yield from stream.cut(block)
        yield from stream.finish()
        return
    utf16 = False
    at_start = stream.line_number == 0  # further down, the same two bytes are text in some other encoding
    for line in lines:
        if at_start and isinstance(line, bytes):
            utf16 = line[:2] in (b"\xff\xfe", b"\xfe\xff")
        at_start = False
        if utf16 and isinstance(line, bytes):
            yield from stream.cut(line)
        else:
            yield line
    if utf16:
        yield from stream.finish()


def split_recipients(record: Record) -> Iterator[Record]:
    """One record for each recipient, with its own status where there is one for each."""
    found = _recipients(record)
    if len(found) < 2 or record.source.recipients is None:
        yield record
        return
    address_column, status_column = record.source.recipients
    status = record.values.get(status_column, "")
    statuses = members(status)
    aligned = len(statuses) == len(found)
    for number, address in enumerate(found):
        part = record.copy()
        part.values[address_column] = addresses(address)
        if status_column in part.values:
            part.values[status_column] = statuses[number] if aligned else status
        part.part = str(number + 1)
        yield part


def _recipients(record: Record) -> list[str]:
    if record.source.recipients is None:
        return []
    return [address for address in members(record.values.get(record.source.recipients[0], "")) if address]


def _refuse_split(record: Record) -> str:
    """Why a row is not split into one for each recipient; empty where it may be."""
    if record.source.recipients is None:
        return ""
    most = record.values.get(record.source.recipients[0], "").count(";") + 1
    if most < 2:
        return ""
    found = len(_recipients(record)) if most > MOST_RECIPIENTS else most
    if found > MOST_RECIPIENTS:
        return f"row has {found} recipients; expected at most {MOST_RECIPIENTS} where each gives an event"
    beside = sum(map(len, record.values.values())) - sum(
        len(record.values.get(column, "")) for column in record.source.recipients
    )
    if beside * found > MOST_SPLIT:
        return f"row has {found} recipients and {beside} characters beside them, too many to write for each"
    return ""


def _find_fault(processed: object, item: Record | Event) -> str:
    """Why what a processor gave cannot take an item's place; empty where it can."""
    if type(processed) is not type(item):
        return f"got {type(processed).__name__}; expected {type(item).__name__}, or None to leave it out"
    if isinstance(processed, Record):
        for name, value in chain(processed.values.items(), processed.derived.items()):
            if not isinstance(value, str):
                return f"got {type(value).__name__} for column {quote(name)}; expected text"
    return ""


# --- choosing what takes part --------------------------------------------------------------------


def _named(kind: str, name: str, known: dict[str, Any]) -> Any:
    if name not in known:
        raise SettingsError(f"{kind}: got {quote(name)}{suggest(name, known)}")
    return known[name]


def _check_pair(codec: Codec, taxonomy: Taxonomy, codecs: dict[str, Codec]) -> None:
    if codec.taxonomies and taxonomy.name not in codec.taxonomies:
        fit = [c.name for c in codecs.values() if taxonomy.name in c.taxonomies or not c.taxonomies]
        raise SettingsError(
            f"format: {quote(codec.name)} cannot carry taxonomy {taxonomy.name}; "
            f"expected one of {', '.join(fit)}"
        )


def _mappings_for(taxonomy: Taxonomy, settings: Settings, known: dict[str, Mapping]) -> list[Mapping]:
    """The taxonomy's mappings; a pinned one is the only one of its source."""
    mappings = [mapping for mapping in known.values() if mapping.taxonomy == taxonomy.name]
    automatic = [mapping for mapping in mappings if mapping.auto]
    if settings.mapping == "auto":
        return automatic
    pinned = [mapping for mapping in mappings if mapping.name == settings.mapping]
    if not pinned:
        names = [mapping.name for mapping in mappings] + ["auto"]
        raise SettingsError(
            f"mapping: got {quote(settings.mapping)} for taxonomy {taxonomy.name}"
            f"{suggest(settings.mapping, names)}"
        )
    return pinned + [mapping for mapping in automatic if mapping.source != pinned[0].source]


def _sources_for(settings: Settings, known: dict[str, Source], mappings: list[Mapping]) -> list[Source]:
    mapped = {mapping.source for mapping in mappings}
    sources = [s for s in known.values() if s.name in mapped or mapped.intersection(s.carries)]
    if not settings.source:
        return sources
    forced: Source = _named("source", settings.source, {source.name: source for source in sources})
    return [replace(forced, recognize=lambda head: Confidence.HEADER)]


def _check_schema(settings: Settings, sources: list[Source]) -> None:
    names = {schema.name for source in sources for schema in source.schemas}
    if settings.schema and settings.schema not in names:
        raise SettingsError(f"schema: got {quote(settings.schema)}{suggest(settings.schema, names)}")
