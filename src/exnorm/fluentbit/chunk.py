"""A chunk of Fluent Bit's events in, a chunk out: the one place where its records become ours."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby, islice
from operator import attrgetter
from typing import Any, NamedTuple

from exnorm.codecs.logstash_json import build_shape
from exnorm.counts import Counts, Tally
from exnorm.errors import NormalizerError
from exnorm.fluentbit.headers import Logs
from exnorm.fluentbit.options import DEFAULT_FORMAT, Options, read_options
from exnorm.fluentbit.reports import Reports
from exnorm.fluentbit.wire import Entry, make_text_writer, make_writer, read_entries, set_time
from exnorm.model import Event, Record, Unparsed
from exnorm.pipeline import Normalizer
from exnorm.rows import Batch, read_row_time
from exnorm.stream import Stream

Body = dict[Any, Any]

RUN_EVENTS = 4096  # events of a log that are held at a time


class _Given(NamedTuple):
    """A piece of a chunk; ``path`` is that of the log whose raw line it is, ``None`` where it is none."""

    entry: Entry
    key: str = ""
    line: bytes | None = None
    path: str | None = None


class FilterCounts:
    """What became of the records of a filter's chunks; ``pipeline`` counts the lines among them.

    Every record that comes in is ``untouched`` (nothing of Exchange in it), ``header``, or goes
    through the pipeline. ``logs`` says where columns came from: ``seen``, ``file`` or ``width``.
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
        """Plain numbers, for a log line or for metrics."""
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

    It remembers each log file between chunks; calls from several threads take turns. An error inside
    leaves a record unchanged, is counted and goes to ``log``, once a minute for each kind of error;
    ``on_unparsed`` is told of each line that did not parse.
    """

    def __init__(
        self,
        options: Options | None = None,
        *,
        normalizer: Normalizer | None = None,
        log: Callable[[str], None] | None = None,
        on_unparsed: Callable[[Unparsed], None] = lambda line: None,
    ) -> None:
        self.options = options or Options()
        self.normalizer = normalizer or Normalizer.from_settings(self.options.settings)
        self._logs = Logs(self.normalizer, self.options.read_header)
        self.counts = FilterCounts(self.normalizer.counts, self._logs.found)
        self._reports = Reports(log, quotes=self.options.log_details)
        self._on_unparsed = on_unparsed
        self._lock = threading.Lock()
        self._write = make_writer()
        self._fill = self._choose_form()
        name = self.normalizer.codec.name
        self._write_text = None if name == DEFAULT_FORMAT else make_text_writer(name)

    @classmethod
    def from_names(
        cls,
        given: Mapping[str, Any],
        *,
        environ: Mapping[str, str] | None = None,
        log: Callable[[str], None] | None = None,
        also: tuple[str, ...] = (),
        on_unparsed: Callable[[Unparsed], None] = lambda line: None,
    ) -> ChunkFilter:
        """A filter from settings by name; raises ``NormalizerError`` for what it cannot use.

        ``also`` are names that the caller has read itself: they count among those to come near to.
        """
        return cls(read_options(given, environ or {}, also), log=log, on_unparsed=on_unparsed)

    def filter(self, tag: str, chunk: bytes) -> bytes | None:
        """The chunk with its Exchange records normalized; ``None`` where it stays as it is."""
        with self._lock:
            self.counts.chunks += 1
            try:
                return self._filter(tag, chunk)
            except Exception as error:  # whatever it is, the shipper must go on with what it has
                self._blame(error, "the chunk is left unchanged")
                return None

    def _filter(self, tag: str, chunk: bytes) -> bytes | None:
        pieces: list[bytes | memoryview] = []
        touched = False
        entries = read_entries(chunk, self.normalizer.settings.max_line_bytes)
        for path, run in groupby(map(self._look_at, entries), attrgetter("path")):
            while given := list(islice(run, RUN_EVENTS)):
                found = (
                    map(partial(self._convert, tag), given)
                    if path is None
                    else self._convert_lines(tag, path, given)
                )
                for one, written in zip(given, found):
                    if written is None:
                        pieces.append(one.entry.raw)
                    else:
                        touched = True
                        pieces += written
        return b"".join(pieces) if touched else None

    def _look_at(self, entry: Entry) -> _Given:
        if entry.body is None:
            return _Given(entry)
        key, line = self._find_line(entry.body)
        return _Given(entry, key, line, None if line is None else self._find_path(entry.body))

    def _convert(self, tag: str, given: _Given) -> list[bytes] | None:
        """The events that a record becomes; ``None`` where it is nothing of ours, or has made us fail."""
        entry, key, line, path = given
        body = entry.body
        if body is None:
            if entry.refusal:
                self._blame(NormalizerError(entry.refusal), "the record is left unchanged")
            return None
        self.counts.records_in += 1
        try:
            found = (
                self._read_columns(tag, self._find_path(body), body)
                if line is None
                else self._read_line(tag, path or "", line)
            )
            if found is None:
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
        return written

    def _leave(self, error: Exception) -> None:
        self.counts.records_out += 1
        self._blame(error, "the record is left unchanged")

    def _blame(self, error: Exception, outcome: str) -> None:
        self.counts.errors.add(type(error).__name__)
        self._reports.report(error, outcome)

    # --- lines of one log in a row -----------------------------------------------------------------

    def _convert_lines(self, tag: str, path: str, given: Sequence[_Given]) -> Iterator[list[bytes] | None]:
        """What each becomes: in batches as far as the rows are plain, else one by one."""
        lines = [one.line or b"" for one in given]
        at = 0
        prepared = self._prepare(tag, path, lines)
        while at < len(given):
            payloads: list[bytes] = []
            if prepared is not None and not self._logs.awaits(prepared[0]):
                try:
                    payloads = self.normalizer.encode_rows(prepared[1], at, prepared[0])
                except Exception as error:  # the one row that is to blame will be found by itself
                    prepared = None
                    self._blame(error, "its batch goes record by record")
            for payload in payloads:
                yield self._write_payload(payload, given[at])
                at += 1
            if at < len(given):
                yield self._convert(tag, given[at])
                at += 1

    def _prepare(self, tag: str, path: str, lines: Sequence[bytes]) -> tuple[Stream, Batch] | None:
        try:
            stream = self._logs.get(tag, path, lines[0])
            batch = self.normalizer.prepare(lines, stream)
        except Exception as error:  # as in _convert_lines
            self._blame(error, "its batch goes record by record")
            return None
        return None if batch is None else (stream, batch)

    def _write_payload(self, payload: bytes, given: _Given) -> list[bytes] | None:
        """The event of a row whose payload is there already."""
        self.counts.records_in += 1
        try:
            entry, key, line, _ = given
            head = entry.head
            if self.options.event_time:
                head = set_time(head, read_row_time(line or b""))
            extra = self._reserve(entry.body or {}, frozenset(), key) if self.options.reserve_data else {}
            written = (
                self._write_text(head, payload)
                if self._write_text is not None and not extra
                else self._write(head, {**extra, **self._fill_payload(payload)})
            )
        except Exception as error:  # as in _convert
            self._leave(error)
            return None
        self.counts.records_out += 1
        return [written]

    # --- what a record holds ---------------------------------------------------------------------

    def _find_line(self, body: Body) -> tuple[str, bytes | None]:
        """The key with the raw line, and the line as the bytes it was."""
        for key in self.options.key_name:
            value = body.get(key)
            if isinstance(value, str):
                return key, value.encode("utf-8", "surrogateescape")
            if isinstance(value, bytes):
                return key, value
        return "", None

    def _find_path(self, body: Body) -> str:
        for key in self.options.file_key:
            value = body.get(key) if key in body else _look_up(body, key)
            if isinstance(value, str):
                return value
        return ""

    def _reserve(self, body: Body, used: frozenset[str], key: str) -> Body:
        """The record's other keys, where they are asked for."""
        if not self.options.reserve_data:
            return {}
        return {k: v for k, v in body.items() if k not in used and k != key}

    def _read_line(self, tag: str, path: str, line: bytes) -> tuple[list[Record | Unparsed], frozenset[str]]:
        stream = self._logs.get(tag, path, line)
        items = list(self.normalizer.parse((line,), stream))
        for item in items:
            self._logs.note(stream, item)
        return items, frozenset()

    def _read_columns(
        self, tag: str, path: str, body: Body
    ) -> tuple[list[Record | Unparsed], frozenset[str]] | None:
        """The row that a record with Exchange's column names holds."""
        values = {
            name: _as_text(value)
            for name, value in body.items()
            if isinstance(name, str) and name not in self.options.file_key and _is_cell(value)
        }
        item = self.normalizer.parse_fields(values, self._logs.get(tag, path, None)) if values else None
        return None if item is None else ([item], frozenset(values))

    # --- what becomes of it ----------------------------------------------------------------------

    def _write_item(self, item: Record | Unparsed, given: _Given, body: Body, extra: Body) -> Iterator[bytes]:
        entry, key, line, _ = given
        if isinstance(item, Unparsed):
            self._on_unparsed(item)
        for result in self.normalizer.normalize_item(item):
            if isinstance(result, Unparsed):
                yield self._write(entry.head, _tagged(result, body, key, line))
                continue
            filled = self._fill(result)
            if isinstance(filled, Unparsed):
                self._on_unparsed(filled)
                yield self._write(entry.head, _tagged(filled, body, "", None))
                continue
            head = set_time(entry.head, result.time) if self.options.event_time else entry.head
            yield self._write(head, {**extra, **filled})

    def _choose_form(self) -> Callable[[Event], Body | Unparsed]:
        """How an event stands in a record: its fields, or the finished line under the format's name."""
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

    def _fill_payload(self, payload: bytes) -> Body:
        """What an event is in a record, from its payload."""
        name = self.normalizer.codec.name
        if name == DEFAULT_FORMAT:
            fields: Body = json.loads(payload)
            return fields
        return {name: payload.decode("utf-8", "surrogateescape")}


def _look_up(body: Body, dotted: str) -> Any:
    """The value of ``a.b.c`` where records are nested."""
    found: Any = body
    for part in dotted.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _is_cell(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float))


def _as_text(value: Any) -> str:
    """A cell as its log wrote it, where a parser made something else of it."""
    if isinstance(value, bool):
        return str(value)
    return "" if value is None else str(value)


def _tagged(line: Unparsed, body: Body, key: str, given: bytes | None) -> Body:
    """The record as it came, with the tag and the reason; only a secret in its line is masked."""
    tagged = dict(body)
    if given is not None and line.raw != given.decode("utf-8", "backslashreplace").rstrip("\r\n"):
        tagged[key] = line.raw
    tags = body.get("tags", [])
    tagged["tags"] = [*(tags if isinstance(tags, list) else [tags]), Unparsed.TAG]
    error = body.get("error", {})
    if isinstance(error, dict):
        tagged["error"] = {**error, "reason": line.reason}
    return tagged
