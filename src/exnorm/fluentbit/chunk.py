"""Filter a chunk of Fluent Bit's events: the one place where its records are normalized."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import repeat
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from exnorm.codecs.logstash_json import build_shape
from exnorm.engine.batches import OpenRows
from exnorm.engine.kernel import MOST_KEYS, FindEnd, Form, load_find_end
from exnorm.engine.rows import Batch, read_row_time
from exnorm.errors import NormalizerError, quote
from exnorm.fluentbit.headers import Log, Logs
from exnorm.fluentbit.options import DEFAULT_FORMAT, Options, read_options
from exnorm.fluentbit.reports import Reports
from exnorm.fluentbit.wire import (
    LARGE_EVENT,
    Body,
    Events,
    Head,
    cut_piece,
    find_end,
    make_writer,
    read_entry,
    set_time,
)
from exnorm.model import Event, Layout, Record, Unparsed
from exnorm.origin import HOST_KEYS, find_text, list_paths
from exnorm.pipeline.counts import Counts, Tally
from exnorm.pipeline.normalizer import NOT_OURS, Normalizer, Written
from exnorm.pipeline.shipped import SplitRows, is_done, is_finished, is_swallowed, looks_ours, read_text
from exnorm.pipeline.stream import Stream
from exnorm.relay.headers import Headers

_HEAD_BYTES = 1024  # of a line, enough to see what it is
BATCH_ROWS = 128
"""As many rows are handled at once without the kernel: more would not stay in the processor's cache."""


MOST_STRANGE = 64
"""Tags whose records are said to have no known key; a shipper may make tags of anything."""

_KEYS_SAID = 20


class _Given(NamedTuple):
    """A piece of a chunk; ``log`` is the log of its raw line, ``None`` where it has none."""

    head: Head
    body: Body | None
    key: str | bytes = ""
    line: bytes | None = None
    log: Log | None = None
    refusal: str = ""


class _Records(NamedTuple):
    """The pieces of a chunk by number: each one's log and line, and the rest of it on request."""

    logs: Sequence[Log | None]
    lines: Sequence[bytes | None]
    give: Callable[[int], _Given]
    raw: Callable[[int], bytes | memoryview]


def _describe(given: Sequence[_Given], raw: Callable[[int], bytes | memoryview]) -> _Records:
    logs, lines = [one.log for one in given], [one.line for one in given]
    return _Records(logs, lines, given.__getitem__, raw)


class FilterCounts:
    """The counts of a filter's records; ``pipeline`` counts the lines among them.

    Every record that comes in is ``untouched`` (not Exchange's), ``header``, or goes through the pipeline.
    ``logs`` counts how columns were found: ``seen``, ``file`` or ``width``.
    """

    def __init__(self, pipeline: Counts, logs: Tally) -> None:
        self.chunks = 0
        self.records_in = 0
        self.records_out = 0
        self.untouched = 0
        self.pipeline = pipeline
        self.logs = logs
        self.errors = Tally()  # by the exception's name; each left one record unchanged, or slowed a batch

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers, for a log line or for metrics."""
        return {
            "chunks": self.chunks,
            "records_in": self.records_in,
            "records_out": self.records_out,
            "untouched": self.untouched,
            "logs": dict(sorted(self.logs.items())),
            "errors": dict(sorted(self.errors.items())),
            **self.pipeline.as_dict(),
        }


class ChunkFilter:
    """Normalizes the Exchange records in chunks of Fluent Bit's events.

    It remembers each log file between chunks; calls from several threads run one at a time. An error inside
    leaves a record unchanged, is counted and written to ``log``, once a minute for each kind of error;
    ``on_unparsed`` is called with each line that did not parse. ``headers`` are shared with filters before
    and after this one; without them, they are in the file of the option ``state``.
    """

    def __init__(
        self,
        options: Options | None = None,
        *,
        normalizer: Normalizer | None = None,
        log: Callable[[str], None] | None = None,
        on_unparsed: Callable[[Unparsed], None] = lambda line: None,
        headers: Headers | None = None,
    ) -> None:
        self.options = options or Options()
        self.normalizer = normalizer or Normalizer.from_settings(self.options.settings)
        if headers is None and self.options.state:
            headers = Headers(Path(self.options.state), log or (lambda text: None))
        self._hosts = list_paths(self.options.settings.host_key or HOST_KEYS)
        self._logs = Logs(self.normalizer, self.options.read_header, headers)
        self._split = SplitRows(self.normalizer)
        self.counts = FilterCounts(self.normalizer.counts, self._logs.found)
        self._reports = Reports(log, quotes=self.options.log_details)
        self._say = log
        self._strange: set[str] = set()
        self._on_unparsed = on_unparsed
        self._lock = threading.Lock()
        self._write = make_writer()
        name = self.normalizer.codec.name
        self._fill_payload = _read_payloads(name)
        self._fill = self._choose_form()
        self._find_end: FindEnd | None = load_find_end()
        self._form = self._describe_form()

    @classmethod
    def from_names(
        cls,
        given: Mapping[str, Any],
        *,
        environ: Mapping[str, str] | None = None,
        log: Callable[[str], None] | None = None,
        also: tuple[str, ...] = (),
        on_unparsed: Callable[[Unparsed], None] = lambda line: None,
        headers: Headers | None = None,
    ) -> ChunkFilter:
        """Return a filter from settings by name; raises ``NormalizerError`` for invalid ones.

        ``also`` are names that the caller has read itself; they are suggested for misspelt ones too.
        """
        options = read_options(given, environ or {}, also)
        return cls(options, log=log, on_unparsed=on_unparsed, headers=headers)

    def filter(self, tag: str, chunk: bytes) -> bytes | None:
        """Return the chunk with its Exchange records normalized; ``None`` where nothing changed."""
        with self._lock:
            self.counts.chunks += 1
            try:
                before = self.counts.records_in - self.counts.untouched
                made = self._filter(tag, chunk)
                if made is None and self.counts.records_in - self.counts.untouched == before:
                    self._note_strange(tag, chunk)
                self._logs.save()  # before the chunk is acknowledged
                return made
            except Exception as error:  # whatever it is, the shipper must go on with what it has
                self._blame(error, "the chunk is left unchanged")
                return None

    def _filter(self, tag: str, chunk: bytes) -> bytes | None:
        pieces: list[bytes | memoryview] = []
        take = self._take_events if self._find_end is None else self._walk
        return b"".join(pieces) if take(tag, chunk, pieces) else None

    # --- with the kernel: it walks the chunk from one record that is not plain to the next -----------

    def _walk(self, tag: str, chunk: bytes, pieces: list[bytes | memoryview]) -> bool:
        """Append the result of each piece; return whether any was changed."""
        assert self._find_end is not None
        at, log, touched = 0, None, False
        while at < len(chunk):
            rows = None if log is None else self._open_rows(tag, log)
            if rows is not None and log is not None:
                before, at = at, self._run(rows, tag, log, chunk, at, pieces)
                touched = touched or at > before
                if at == len(chunk):
                    break
            end = self._find_end(chunk, at)
            if end < 0:
                pieces.append(memoryview(chunk)[at:])
                break
            raw = cut_piece(chunk, at, end)
            entry = read_entry(raw, self.normalizer.settings.max_line_bytes)
            given = self._look_at(entry.head, entry.body, entry.refusal)
            is_other_log = given.log is not None and given.log != log
            log = log if given.log is None else given.log
            if is_other_log and log is not None and self._open_rows(tag, log) is not None:
                continue
            records = _describe([given], lambda at, raw=raw: raw)  # type: ignore[misc]
            touched |= self._convert_run(tag, records, 0, 1, pieces)
            at = end
            if log is not None and not self._may_open(tag, log):
                before, at = at, self._find_ends(chunk, at)
                touched |= self._take_events(tag, chunk[before:at], pieces)
        return touched

    def _find_ends(self, chunk: bytes, at: int) -> int:
        """Return the end of the next pieces of a chunk that are handled together."""
        assert self._find_end is not None
        for _ in range(BATCH_ROWS):
            end = self._find_end(chunk, at) if at < len(chunk) else -1
            if end < 0 or end - at > LARGE_EVENT:
                break
            at = end
        return at

    def _reads_each(self, tag: str, log: Log) -> bool:
        """Return whether each line of a log must come to its reader, as far as is known."""
        stream = self._logs.find(tag, log)
        return stream is not None and stream.reads_each

    def _open_rows(self, tag: str, log: Log) -> OpenRows | None:
        """Return the kernel's program for the next rows of a log; ``None`` where each must be read alone."""
        try:
            stream = self._logs.find(tag, log)
            return None if stream is None or self._form is None else self.normalizer.batches.open(stream)
        except Exception as error:  # as in _run
            self._blame(error, "its batch goes record by record")
            return None

    def _may_open(self, tag: str, log: Log) -> bool:
        """Return whether the kernel may take one of the next rows of a log, as far as is known."""
        stream = self._logs.find(tag, log)
        is_ready = stream is not None and stream.ready() is not None
        return self._form is not None and (not is_ready or self._open_rows(tag, log) is not None)

    def _run(
        self, rows: OpenRows, tag: str, log: Log, chunk: bytes, at: int, pieces: list[bytes | memoryview]
    ) -> int:
        """Append the events of plain rows; return where the first other piece begins."""
        assert self._form is not None
        try:
            host, path = (name.encode("utf-8", "surrogateescape") for name in log)
            made, end, taken, events, last = rows.machine.run_chunk(
                self._form, chunk, at, host, path, rows.start, rows.seed
            )
        except Exception as error:  # the one row that is to blame is the next
            self._blame(error, "its batch goes record by record")
            return at
        if taken:
            pieces.append(made)
            self.counts.records_in += taken
            self.counts.records_out += events
            self.normalizer.batches.count(self._logs.get(tag, log, None), rows.program, taken, events, last)
        return end

    # --- without it: the records of one log in a row are taken together -------------------------------

    def _take_events(self, tag: str, chunk: bytes, pieces: list[bytes | memoryview]) -> bool:
        """Append the result of each piece; return whether any was changed."""
        records = self._look_at_all(Events(chunk, self.normalizer.settings.max_line_bytes))
        logs, touched, begin = records.logs, False, 0
        while begin < len(logs):
            log, end = logs[begin], min(begin + BATCH_ROWS, len(logs))
            if logs[begin:end].count(log) < end - begin:
                end = next(at for at in range(begin, end) if logs[at] != log)
            touched |= self._convert_run(tag, records, begin, end, pieces)
            begin = end
        return touched

    def _look_at_all(self, events: Events) -> _Records:
        """Return every piece; usually all have line and path under the first key for it."""
        if events.are_flat:
            key, file = self.options.key_name[0], self.options.file_key[0]
            with contextlib.suppress(KeyError):
                bodies: Sequence[Any] = events.bodies
                lines, paths = (list(map(itemgetter(name), bodies)) for name in (key, file))
                if set(map(type, lines)) == {str} == set(map(type, paths)):
                    encoded = [line.encode() for line in lines]
                    logs = list(zip(self._find_hosts(bodies), paths))
                    return _Records(
                        logs,
                        encoded,
                        lambda at: _Given(events.heads[at], events.bodies[at], key, encoded[at], logs[at]),
                        events.raw,
                    )
        refusals = events.refusals or repeat("")
        given = list(map(self._look_at, events.heads, events.bodies, refusals))
        return _describe(given, events.raw)

    # --- one record ------------------------------------------------------------------------------------

    def _look_at(self, head: Head, body: Body | None, refusal: str) -> _Given:
        if body is None:
            return _Given(head, None, refusal=refusal)
        try:
            key, line = self._find_line(body)
            return _Given(head, body, key, line, None if line is None else self._find_log(body))
        except Exception as error:  # as in _convert
            self.counts.records_in += 1
            self._leave(error)
            return _Given(head, None)

    def _convert(self, tag: str, given: _Given) -> bytes | None:
        """Return the events of a record; ``None`` where it is not Exchange's, or raised an error."""
        body, key, refusal = given.body, given.key, given.refusal
        if body is None:
            if refusal:
                self._blame(NormalizerError(refusal), "the record is left unchanged")
            return None
        self.counts.records_in += 1
        try:
            found = self._read(tag, given, body)
            if found is None or found is NOT_OURS:
                self.counts.untouched += 1
                self.counts.records_out += 1
                return None
            items, used = found
            extra = self._reserve(body, used, key)
            written = [event for item in items for event in self._write_item(item, given, body, extra)]
        except Exception as error:  # whatever it is, it must cost this record only
            self._leave(error)
            return None
        self.counts.records_out += len(written)
        return b"".join(written)

    def _leave(self, error: Exception) -> None:
        self.counts.records_out += 1
        self._blame(error, "the record is left unchanged")

    def _note_strange(self, tag: str, chunk: bytes) -> None:
        """Report once for each tag that a chunk had no Exchange record, if its records have none of the known
        keys.
        """
        if self._say is None or tag in self._strange or len(self._strange) >= MOST_STRANGE:
            return
        body = read_entry(chunk[: max(self._first_end(chunk), 0)]).body
        if not body or any(key in body for key in self.options.key_name):
            return
        self._strange.add(tag)
        keys = ", ".join(quote(key) for key in list(body)[:_KEYS_SAID])
        self._say(
            f"tag {quote(tag)}: records have none of the keys {', '.join(self.options.key_name)} (key_name), "
            f"nor columns of Exchange, and pass unchanged; the first has {keys}"
        )

    def _first_end(self, chunk: bytes) -> int:
        return find_end(chunk, 0) if self._find_end is None else self._find_end(chunk, 0)

    def _blame(self, error: Exception, outcome: str) -> None:
        self.counts.errors.add(type(error).__name__)
        self._reports.report(error, outcome)

    # --- lines of one log in a row -----------------------------------------------------------------

    def _convert_run(
        self, tag: str, records: _Records, begin: int, end: int, pieces: list[bytes | memoryview]
    ) -> bool:
        """Append the results of records of one log; return whether any was changed.

        Plain rows go in batches, others one by one, and so do records of no log.
        """
        log, touched, at = records.logs[begin], False, begin
        lines = [line or b"" for line in records.lines[begin:end]]
        prepared = None
        if log is not None and not self._reads_each(tag, log):
            prepared = self._prepare(tag, log, lines)
        while at < end:
            if prepared is not None and not self._logs.awaits(prepared[0]):
                try:
                    done = self._write_rows(prepared, records, begin, at, pieces)
                    touched, at = touched or done > 0, at + done
                except Exception as error:  # the one row that is to blame will be found by itself
                    prepared = None
                    self._blame(error, "its batch goes record by record")
            if at < end:
                written = self._convert(tag, records.give(at))
                touched = touched or written is not None
                pieces.append(records.raw(at) if written is None else written)
                at += 1
        return touched

    def _write_rows(
        self,
        prepared: tuple[Stream, Batch],
        records: _Records,
        begin: int,
        at: int,
        pieces: list[bytes | memoryview],
    ) -> int:
        """Append the events of plain rows from ``at`` on; return the number of rows."""
        stream, batch = prepared
        layout = stream.layout
        if layout is None:
            return 0
        payloads = self.normalizer.batches.encode(batch, at - begin, stream)
        for number, payload in enumerate(payloads, at):
            written = self._write_payload(payload, records.give(number), layout)
            pieces.append(records.raw(number) if written is None else written)
        return len(payloads)

    def _prepare(self, tag: str, log: Log, lines: Sequence[bytes]) -> tuple[Stream, Batch] | None:
        try:
            stream = self._logs.get(tag, log, lines[0])
            batch = self.normalizer.batches.prepare(lines, stream)
        except Exception as error:  # as in _convert_lines
            self._blame(error, "its batch goes record by record")
            return None
        return None if batch is None else (stream, batch)

    def _write_payload(self, payload: bytes | None, given: _Given, layout: Layout) -> bytes | None:
        """Return the event of a row with its finished payload; empty where the profile leaves the row out."""
        counts = self.counts
        counts.records_in += 1
        if payload is None:
            return b""
        head, body, key, line = given[:4]
        head = bytes(head)
        try:
            timed = set_time(head, read_row_time(line or b"", layout)) if self.options.event_time else head
            extra = self._reserve(body or {}, frozenset(), key)
            written = self._write(timed, {**extra, **self._fill_payload(payload)})
        except Exception as error:  # as in _convert
            self._leave(error)
            return None
        counts.records_out += 1
        return written

    # --- what a record holds ---------------------------------------------------------------------

    def _find_line(self, body: Body) -> tuple[str | bytes, bytes | None]:
        """Return the key of the raw line, and the line as bytes."""
        for name in self.options.key_name:
            for key in (name, name.encode()):
                value = body.get(key)
                if isinstance(value, str):
                    return key, value.encode("utf-8", "surrogateescape")
                if isinstance(value, bytes):
                    return key, value
        return "", None

    def _find_path(self, body: Body) -> str:
        for key in self.options.file_key:
            value = body.get(key) if key in body else _look_up(body, key)
            if isinstance(value, bytes):
                return value.decode("utf-8", "surrogateescape")
            if isinstance(value, str):
                return value
        return ""

    def _find_log(self, body: Body) -> Log:
        return find_text(body, self._hosts), self._find_path(body)

    def _find_hosts(self, bodies: Sequence[Body]) -> Sequence[str]:
        """Return each record's host; the records contain only texts and numbers."""
        keys = frozenset().union(*bodies)
        paths = [path for path in self._hosts if len(path) == 1 and path[0] in keys]
        return [find_text(body, paths) for body in bodies] if paths else [""] * len(bodies)

    def _reserve(self, body: Body, used: frozenset[str], key: str | bytes) -> Body:
        """Return the record's other keys, if the option requests them."""
        if not self.options.reserve_data:
            return {}
        return {k: v for k, v in body.items() if _as_name(k) not in used and k != key}

    def _read(
        self, tag: str, given: _Given, body: Body
    ) -> tuple[list[Record | Unparsed], frozenset[str]] | None:
        """Return the items of a record, by its raw line, else by its columns; ``None`` where it is not
        Exchange's.
        """
        text = (given.line or b"")[:_HEAD_BYTES].decode("utf-8", "replace")
        if is_finished(body, text):
            return None
        values = _as_texts(body)
        found = self.normalizer.parse_object(values)
        if found is None and given.line is not None:
            items = self._read_line(tag, given, text, body)
            found = None if items is None else (items, frozenset())
        return found or self._read_columns(tag, self._find_log(body), values)

    def _read_line(self, tag: str, given: _Given, text: str, body: Body) -> list[Record | Unparsed] | None:
        """Return the items of a record's line; ``text`` is its beginning."""
        log, line = given.log or ("", ""), given.line or b""
        stream = self._logs.get(tag, log, line)
        has_file = bool(log[1])

        def is_foreign(items: Sequence[Record | Unparsed]) -> bool:
            if not items:
                return not is_swallowed(self.normalizer, text, stream, has_file)
            # A line from a file, of a known log, or that came alone was meant for exnorm, whatever it is.
            is_ours = has_file or stream.source is not None or len(body) == 1 or looks_ours(text)
            return not is_ours or is_done(body)

        items = read_text(self.normalizer, line, stream, is_foreign)
        if items is not None and (not items or b"\n" in line):
            self._logs.note_header(tag, log, stream)
        for item in items or ():
            self._logs.note(stream, item)
        return items

    def _read_columns(
        self, tag: str, log: Log, body: Body
    ) -> tuple[list[Record | Unparsed], frozenset[str]] | None:
        """Return the row of a record with Exchange's column names, or an object of an export."""
        values = {name: value for name, value in body.items() if isinstance(name, str)}
        own = {*self.options.file_key, *self.options.key_name, "tags"}
        extra = (name for name, value in values.items() if name not in own and _is_cell(value))
        found = self._split.read(values, lambda: self._logs.get(tag, log, None), extra)
        return None if found is None else (found.items, found.used)

    # --- what becomes of it ----------------------------------------------------------------------

    def _write_item(self, item: Record | Unparsed, given: _Given, body: Body, extra: Body) -> Iterator[bytes]:
        head, _, key, line = given[:4]
        head = bytes(head)
        if isinstance(item, Unparsed):
            self._on_unparsed(item)
        for result in self.normalizer.write_item(item):
            if isinstance(result, Unparsed):
                yield self._write(head, _tagged(result, body, key, line))
                continue
            filled = self._fill_payload(result.payload) if isinstance(result, Written) else self._fill(result)
            if isinstance(filled, Unparsed):
                self._on_unparsed(filled)
                yield self._write(head, _tagged(filled, body, "", None))
                continue
            timed = set_time(head, result.record.time) if self.options.event_time else head
            yield self._write(timed, {**extra, **filled})

    def _choose_form(self) -> Callable[[Event], Body | Unparsed]:
        """Return a function from an event to its record: its fields, or the finished line under the format's
        name.
        """
        name = self.normalizer.codec.name
        if name == DEFAULT_FORMAT:
            shape: Callable[[Event], Body] = build_shape(self.normalizer.taxonomy, self.normalizer.settings)
            return shape

        def fill(event: Event) -> Body | Unparsed:
            payload = self.normalizer.encode_event(event)
            if isinstance(payload, Unparsed):
                return payload
            return self._fill_payload(payload)

        return fill

    def _describe_form(self) -> Form | None:
        """Describe the record's form for the kernel; ``None`` where the kernel cannot write it."""
        options, name = self.options, self.normalizer.codec.name
        if (name == DEFAULT_FORMAT and options.reserve_data) or self.normalizer.settings.encoding:
            return None
        line_keys, file_keys = (
            tuple(key.encode("utf-8") for key in keys) for keys in (options.key_name, options.file_key)
        )
        host_keys = tuple(path[0].encode("utf-8") for path in self._hosts if len(path) == 1)
        if max(len(line_keys), len(file_keys), len(host_keys)) > MOST_KEYS:
            return None
        result = b"" if name == DEFAULT_FORMAT else name.encode("utf-8")
        return Form(line_keys, file_keys, host_keys, result, options.event_time, options.reserve_data)


def _read_payloads(name: str) -> Callable[[bytes], Body]:
    """Return a function from a payload to the event's part of a record."""
    if name == DEFAULT_FORMAT:
        from msgspec.json import Decoder  # the other formats do without

        decode: Callable[[bytes], Body] = Decoder().decode
        return decode
    return lambda payload: {name: payload.decode("utf-8", "surrogateescape")}


def _look_up(body: Body, dotted: str) -> Any:
    """Return the value of ``a.b.c`` where records are nested, or their names are bytes."""
    found: Any = body.get(dotted.encode())
    if found is None:
        found = body
        for part in dotted.split("."):
            found = found.get(part, found.get(part.encode())) if isinstance(found, dict) else None
    return found


def _as_name(key: Any) -> str:
    """Return a key as text; empty where it is not text."""
    return key.decode("utf-8", "replace") if isinstance(key, bytes) else key if isinstance(key, str) else ""


def _as_texts(value: Any, deepest: int = 8) -> Any:
    """Return a value with bytes decoded to text, in names too."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, list) and deepest:
        return [_as_texts(member, deepest - 1) for member in value]
    if isinstance(value, dict) and deepest:
        return {_as_texts(name): _as_texts(member, deepest - 1) for name, member in value.items()}
    return value


def _is_cell(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float))


def _tagged(line: Unparsed, body: Body, key: str | bytes, given: bytes | None) -> Body:
    """Return the record as it came, with the tag and the reason; only a secret in its line is masked."""
    tagged = dict(body)
    if given is not None and line.raw != given.decode("utf-8", "backslashreplace").rstrip("\r\n"):
        tagged[key] = line.raw
    tags = body.get("tags", [])
    tagged["tags"] = [*(tags if isinstance(tags, list) else [tags]), Unparsed.TAG]
    error = body.get("error", {})
    if isinstance(error, dict):
        tagged["error"] = {**error, "reason": line.reason}
    return tagged
