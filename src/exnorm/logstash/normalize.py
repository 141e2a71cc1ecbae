"""Replace an event of Logstash by the normalized events of its row.

The line comes as ``message``, or its columns come as fields. The shipper's other fields (``host``, ``log``,
``tags``, ``@metadata`` and so on) stay; where both have a name, the normalized event's value wins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from exnorm.codecs.logstash_json import ADDITIONAL, build_shape
from exnorm.convert import iso_utc
from exnorm.engine.kernel import load_kernel
from exnorm.engine.rows import Batch
from exnorm.identity import exnorm_id
from exnorm.logstash.json_text import write
from exnorm.logstash.splice import find_names, has_brackets, splice
from exnorm.model import Event, Record, Unparsed
from exnorm.origin import HOST_KEYS, find_text, list_paths
from exnorm.pipeline.normalizer import NOT_OURS, Normalizer, Written
from exnorm.pipeline.shipped import RAW, ShippedLogs, add_tag, is_finished, name_log
from exnorm.pipeline.stream import Stream
from exnorm.sources.columnar import masked_columns

AnyEvent = dict[str, Any]
Shape = Callable[[Event], AnyEvent]
TAG = Unparsed.TAG
MESSAGE = "message"
_USED = frozenset((MESSAGE,))

# Where shippers write the file of a line: ECS, the file input without ECS, nxlog, Fluent Bit.
_FILE_FIELDS = (
    ("log", "file", "path"),
    ("log.file.path",),
    ("path",),
    ("filename",),
    ("file", "path"),
    ("file",),
)


class EventNormalizer:
    """Normalizes events one after the other; remembers each log's header, within bounds.

    ``max_files`` logs are remembered; ``raw_name`` is the file of lines that come without an event around
    them. With ``finished`` the result has the finished line of the normalizer's format under the format's
    name instead of fields. ``on_unparsed`` is called with each line that did not parse. ``unparsed`` counts
    those lines, ``untouched`` the events that are not Exchange's. ``runs`` is whether ``run`` may ever return
    anything.
    """

    def __init__(
        self,
        normalizer: Normalizer,
        max_files: int = 4096,
        *,
        raw_name: str = "",
        finished: bool = False,
        on_unparsed: Callable[[Unparsed], None] = lambda line: None,
    ) -> None:
        self.normalizer = normalizer
        self.unparsed = 0
        self.untouched = 0
        self._on_unparsed = on_unparsed
        self._finished = finished
        self._shape: Shape = build_shape(normalizer.taxonomy, normalizer.settings)
        self._has_fields = not finished and normalizer.codec.name == "json"
        self._decode = msgspec.json.Decoder().decode
        has_payloads = finished or self._has_fields
        self._follow: Callable[[Record | Unparsed], Iterator[Event | Written | Unparsed]] = (
            normalizer.write_item if has_payloads else normalizer.normalize_item
        )
        self._hosts = list_paths(normalizer.settings.host_key or HOST_KEYS)
        self._logs = ShippedLogs(
            normalizer, max_files, raw_name=raw_name, write=lambda found: write(found).decode("utf-8")
        )
        self._names = find_names(normalizer.taxonomy, normalizer.settings)
        self._encoded_names = tuple(name.encode("utf-8") for name in self._names)
        # the kernel knows the usual keys of a host only
        is_usual = self._hosts == list_paths(HOST_KEYS)
        self.runs = self._has_fields and bool(self._names) and is_usual and load_kernel() is not None

    def normalize(self, event: AnyEvent) -> list[AnyEvent]:
        """Return the events that replace an event: usually one, none for a header line.

        An event that is not Exchange's is returned itself. Raises ``ParseError`` only where ``on_error`` is
        ``stop``.
        """
        return self._take(event, splices=False)

    def convert(self, event: AnyEvent) -> list[AnyEvent | bytes]:
        """Replace an event of ``splice.read_event``, by finished lines where possible.

        The event must not be used after it became a line.
        """
        return self._take(event, splices=True)

    def _take(self, event: AnyEvent, splices: bool) -> list[Any]:
        shipped = self.normalizer.parse_object(event)
        if shipped is NOT_OURS:
            self.untouched += 1
            return [event]
        if shipped is not None:
            return self._replace(event, *shipped)
        key = self.find_log(event)
        text = event.get(MESSAGE)
        if is_finished(event, text if isinstance(text, str) else ""):
            self.untouched += 1
            return [event]
        if isinstance(text, str):
            found = self._normalize_line(event, text, text, key, splices)
            if found is not None:
                return found
        found = self._normalize_fields(event, key)
        if found is None:
            self.untouched += 1
            return [event]
        return found

    def normalize_raw(self, event: AnyEvent, line: str | bytes) -> list[AnyEvent] | None:
        """Replace a line that came without an event; ``None`` where it is not Exchange's.

        ``event`` has the readable text of the line as ``message``.
        """
        found = self._normalize_line(event, event[MESSAGE], line, RAW, splices=False)
        self.untouched += found is None
        return found

    def run(self, lines: Sequence[bytes], log: str) -> tuple[list[bytes], int, str] | None:
        """Return finished lines of plain events of a log, made by the kernel, up to the first other event.

        Also returns how many of the given lines were done, and the log of the next one where it is another.
        ``None`` where the kernel has no program for the log. ``log`` is a key of ``find_log``.
        """
        stream = self._logs.get(log)
        try:
            rows = self.normalizer.batches.open(stream)
            if rows is None or has_brackets(rows.program.columns):
                return None
            made, done, other, last = rows.machine.run_events(
                self._encoded_names, tuple(lines), log.encode("utf-8"), rows.start, rows.seed
            )
        except Exception:  # as in encode_rows
            return [], 0, ""
        if done:
            self.normalizer.batches.count(stream, rows.program, done, len(made), last)
            self.note_rows(log, done)
        return made, done, "" if other is None else other.decode("utf-8")

    def prepare(self, messages: Sequence[str], log: str) -> Batch | None:
        """Return the messages of one log's events as a batch for ``encode_rows``; ``None`` where each must go
        alone.

        ``log`` is ``find_log`` of each; they contain no lone surrogates.
        """
        if not self._has_fields or self.reads_each(log):
            return None
        try:
            lines = [text.encode() for text in messages]
            return self.normalizer.batches.prepare(lines, self._logs.get(log))
        except Exception:  # as in encode_rows
            return None

    def reads_each(self, log: str) -> bool:
        """Return whether every line of a log must come to its reader, as far as is known."""
        return self._logs.get(log).reads_each

    def may_run(self, log: str) -> bool:
        """Return whether ``run`` may take one of the next lines, as far as is known; a log's name may be
        empty.
        """
        if not self.runs or not log:
            return self.runs
        stream = self._logs.get(log)
        try:
            return stream.ready() is None or self.normalizer.batches.open(stream) is not None
        except Exception:  # as in encode_rows
            return False

    def encode_rows(
        self, events: Sequence[AnyEvent], log: str, batch: Batch, begin: int
    ) -> list[bytes | AnyEvent | None]:
        """Return the replacements of events from ``begin`` on, up to the first that is not a plain row.

        They are finished lines where possible, else events; ``None`` where the profile leaves a row out.
        """
        stream = self._logs.get(log)
        layout = stream.layout
        if layout is None:
            return []
        try:
            payloads = self.normalizer.batches.encode(batch, begin, stream)
        except Exception:  # the one row that is to blame will be found by itself
            return []
        self.note_rows(log, len(payloads))
        names = frozenset() if has_brackets(layout.schema.columns) else self._names
        return [
            None if payload is None else splice(event, payload, names) or self.put_payload(event, payload)
            for event, payload in zip(events[begin:], payloads)
        ]

    def header(self, log: str) -> list[str]:
        """Return the header lines of a log seen so far; ``log`` is a key of ``find_log``."""
        return self._logs.get(log).header()

    def replay(self, log: str, lines: Iterable[str]) -> None:
        """Read the header lines of a log that came before."""
        stream = self._logs.get(log)
        for line in lines:
            stream.read(line)

    def note_rows(self, log: str, amount: int) -> None:
        """Called with the number of events that were rows of a log; ``log`` is ``find_log`` of them."""

    def put_payload(self, event: AnyEvent, payload: bytes) -> AnyEvent:
        """Return the event with the fields of a payload; names that both have are merged."""
        return merge(event, self._decode(payload), _USED, _strip_end(event[MESSAGE]))

    def finish(self) -> list[AnyEvent]:
        """Return the events that readers of records over several lines still held when the input ended."""
        found: list[AnyEvent] = []
        for stream in self._logs.all():
            for item in stream.drain():
                found += self._replace({}, [item], frozenset())
        return found

    # --- a line, columns -------------------------------------------------------------------------

    def _normalize_line(
        self, event: AnyEvent, text: str, line: str | bytes, key: str, splices: bool
    ) -> list[Any] | None:
        plain = self._read_plain(line, self._logs.get(key))
        if plain is not None:
            return [merge(event, fields, _USED, _strip_end(text)) for fields in plain]
        items = self._logs.read_line(event, text, line, key)
        return None if items is None else self._replace(event, items, _USED, splices)

    def _read_plain(self, line: str | bytes, stream: Stream) -> list[AnyEvent] | None:
        """Return the fields of an ordinary row by the program for such rows; ``None`` where there is no
        program.

        The list is empty where the profile leaves the row out.
        """
        if not self._has_fields or stream.layout is None:
            return None
        # A lone surrogate gives bytes that are not UTF-8, and so an odd row.
        row = line.encode("utf-8", "surrogatepass") if isinstance(line, str) else line
        batch = self.normalizer.batches.prepare([row], stream)
        payloads = [] if batch is None else self.normalizer.batches.encode(batch, 0, stream)
        if not payloads:
            return None
        return [self._decode(payload) for payload in payloads if payload is not None]

    def _normalize_fields(self, event: AnyEvent, key: str) -> list[AnyEvent] | None:
        """Replace a row that came split, or an object of an export with its properties."""
        found = self._logs.read_columns(event, key)
        if found is None:
            return None
        refused = found.items[0] if found.items else None
        if isinstance(refused, Unparsed) and found.values:
            event = {**event, **masked_columns(found.values, refused.raw)}
        return self._replace(event, found.items, found.used) if found.items else None

    # --- the event that takes the place ----------------------------------------------------------

    def _replace(
        self,
        event: AnyEvent,
        items: Sequence[Record | Unparsed],
        used: frozenset[str],
        splices: bool = False,
    ) -> list[Any]:
        found: list[AnyEvent | bytes] = []
        for item in items:
            if isinstance(item, Unparsed):
                self._count(item)
            for result in self._follow(item):
                if isinstance(result, Unparsed):
                    found.append(tag_unparsed(event, result))
                    continue
                line = self._splice(event, result) if splices and len(items) == 1 else None
                found.append(line or self._put_in_place(event, result, used))
        return found

    def _splice(self, event: AnyEvent, result: Event | Written) -> bytes | None:
        """Return the finished line of an event whose row's payload changes none of its other fields."""
        if not isinstance(result, Written) or not self._has_fields:
            return None
        record = result.record
        if record.raw != _strip_end(event[MESSAGE]) or has_brackets((*record.values, *record.marks)):
            return None
        return splice(event, result.payload, self._names)

    def _put_in_place(self, event: AnyEvent, result: Event | Written, used: frozenset[str]) -> AnyEvent:
        fields: AnyEvent | Unparsed
        if self._finished:
            fields = self._finish(result)
        else:
            fields = self._decode(result.payload) if isinstance(result, Written) else self._shape(result)
        if isinstance(fields, Unparsed):  # a plugin may put into an event what its format cannot say
            self._count(fields)
            return tag_unparsed(event, fields)
        return merge(event, fields, used, result.record.raw)

    def _count(self, line: Unparsed) -> None:
        self.unparsed += 1
        self._on_unparsed(line)

    def _finish(self, result: Event | Written) -> AnyEvent | Unparsed:
        """Return the finished line under its format's name, with the fields that every event has."""
        record = result.record
        payload = result.payload if isinstance(result, Written) else self.normalizer.encode_event(result)
        if isinstance(payload, Unparsed):
            return payload
        fields: AnyEvent = {} if record.time is None else {"@timestamp": iso_utc(record.time)}
        fields["exnorm_id"] = exnorm_id(record)
        if self.normalizer.settings.keep_original:
            fields["event"] = {"original": record.raw}
        return {**fields, self.normalizer.codec.name: payload.decode("utf-8", "replace")}

    def find_log(self, event: AnyEvent) -> str:
        """Return the key of an event's log, by host and path; empty where no file is named."""
        return name_log(find_text(event, self._hosts), find_text(event, _FILE_FIELDS))


def _strip_end(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")


def merge(event: AnyEvent, shape: Mapping[str, Any], used: frozenset[str], raw: str) -> AnyEvent:
    """Return the shipper's fields except the ``used`` ones, overlaid by the normalized event's.

    Objects are merged name by name. A scalar ``host`` becomes ``host.name`` and a scalar ``event`` becomes
    ``_event``, because ECS needs objects under these names. ``event.original`` is replaced by the raw line
    where both were the same text, or where the source hid a secret in it.
    """
    merged = {name: value for name, value in event.items() if name not in used}
    host, outer = merged.get("host"), merged.get("event")
    if host is not None and not isinstance(host, dict):
        merged["host"] = {"name": host}
    if outer is not None and not isinstance(outer, dict):
        merged["_event"] = merged.pop("event")
    elif outer is not None:
        merged["event"] = _with_original(outer, event.get(MESSAGE), raw)
    _overlay(merged, without_brackets(shape))
    return merged


def without_brackets(shape: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields with ``(`` and ``)`` for ``[`` and ``]`` in names, which Logstash reads as
    references.
    """
    additional = shape.get(ADDITIONAL)
    if not any("[" in name or "]" in name for name in (*shape, *(additional or ()))):
        return shape
    cleaned = {_without_brackets(name): value for name, value in shape.items()}
    if additional:
        cleaned[ADDITIONAL] = {_without_brackets(name): value for name, value in additional.items()}
    return cleaned


def _without_brackets(name: str) -> str:
    return name.replace("[", "(").replace("]", ")")


def tag_unparsed(event: AnyEvent, line: Unparsed) -> AnyEvent:
    """Return the event as it came, with the tag and the reason; secrets in its line are hidden."""
    tagged = dict(event)
    text = event.get(MESSAGE)
    if isinstance(text, str) or not event:
        tagged[MESSAGE] = line.raw if _was_masked(text, line.raw) else text
        if isinstance(tagged.get("event"), dict):
            tagged["event"] = _with_original(tagged["event"], text, line.raw)
    tagged["tags"] = add_tag(event.get("tags"), TAG)
    error = event.get("error")
    fields = error if isinstance(error, dict) else {} if error is None else {"message": error}
    tagged["error"] = {**fields, "reason": line.reason}
    return tagged


def _overlay(target: AnyEvent, fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        before = target.get(name)
        if isinstance(value, Mapping) and isinstance(before, dict):
            target[name] = dict(before)
            _overlay(target[name], value)
        else:
            target[name] = value


def _with_original(outer: AnyEvent, text: Any, raw: str) -> AnyEvent:
    original = outer.get("original")
    if isinstance(original, str) and (original == text or _was_masked(text, raw)):
        return {**outer, "original": raw}
    return outer


def _was_masked(text: Any, raw: str) -> bool:
    return not isinstance(text, str) or text.removeprefix("\ufeff").rstrip("\r\n") != raw.rstrip("\r\n")
