"""An event of Logstash -> the normalized events that take its place.

The line comes as ``message``, or its columns come as fields of their own. What the shipper put
beside them (``host``, ``log``, ``tags``, ``@metadata`` and so on) stays; where both have a name, the
normalized event's stands.
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

# Where shippers say which file a line is from: ECS, the file input without ECS, nxlog, Fluent Bit.
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

    ``max_files`` logs are remembered; ``raw_name`` is the file that lines without an event around them
    are from. ``finished`` gives, in the place of the fields, the finished line of the normalizer's
    format under the format's name. ``on_unparsed`` is told of each line that did not parse.
    ``unparsed`` counts those lines, ``untouched`` the events that hold nothing of Exchange. ``runs`` says
    whether ``run`` may have anything to give.
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
        """What takes the event's place: usually one event, for a header line none.

        An event that holds nothing of Exchange comes back itself. Raises ``ParseError`` only where
        ``on_error`` is ``stop``.
        """
        return self._take(event, splices=False)

    def convert(self, event: AnyEvent) -> list[AnyEvent | bytes]:
        """The same for an event of ``splice.read_event``, with finished lines where they can be.

        Of an event that became a line nothing more is to be asked.
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
        """The same for a line that no event came around; ``None`` where it is not of Exchange.

        ``event`` holds what is to be read of it as ``message``.
        """
        found = self._normalize_line(event, event[MESSAGE], line, RAW, splices=False)
        self.untouched += found is None
        return found

    def run(self, lines: Sequence[bytes], log: str) -> tuple[list[bytes], int, str] | None:
        """Finished lines of plain events of a log, by the kernel, up to the first that is anything else.

        Gives them, how many of the given lines were done, and the log of the next one where it is another;
        ``None`` where the kernel has no program for the log. ``log`` is one of ``find_log``.
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
        """The messages of one log's events for ``encode_rows``; ``None`` where each must go by itself.

        ``log`` is ``find_log`` of each; no half of a surrogate pair is in them.
        """
        if not self._has_fields or self.reads_each(log):
            return None
        try:
            lines = [text.encode() for text in messages]
            return self.normalizer.batches.prepare(lines, self._logs.get(log))
        except Exception:  # as in encode_rows
            return None

    def reads_each(self, log: str) -> bool:
        """Whether every line of a log must come to its reader, as far as is known."""
        return self._logs.get(log).reads_each

    def may_run(self, log: str) -> bool:
        """Whether ``run`` may take one of the next lines, as far as is known; a log's name may be empty."""
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
        """What takes the place of the events from ``begin`` on, up to the first that is no plain row.

        Finished lines where they can be, else events; ``None`` where the profile leaves a row out.
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
        """The header lines of a log as far as they came; ``log`` is one of ``find_log``."""
        return self._logs.get(log).header()

    def replay(self, log: str, lines: Iterable[str]) -> None:
        """Know the header lines of a log that came before."""
        stream = self._logs.get(log)
        for line in lines:
            stream.read(line)

    def note_rows(self, log: str, amount: int) -> None:
        """So many events of a log were its rows; ``log`` is ``find_log`` of them."""

    def put_payload(self, event: AnyEvent, payload: bytes) -> AnyEvent:
        """The event with the fields of a payload, which may be named as its own are."""
        return merge(event, self._decode(payload), _USED, _strip_end(event[MESSAGE]))

    def finish(self) -> list[AnyEvent]:
        """What logs with records of several lines still held when the input ended."""
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
        """The fields of a row with nothing odd about it, by the program for such rows where there is one.

        None of them where the profile leaves the row out.
        """
        if not self._has_fields or stream.layout is None:
            return None
        # Half of a surrogate pair gives bytes that are no UTF-8, and so an odd row.
        row = line.encode("utf-8", "surrogatepass") if isinstance(line, str) else line
        batch = self.normalizer.batches.prepare([row], stream)
        payloads = [] if batch is None else self.normalizer.batches.encode(batch, 0, stream)
        if not payloads:
            return None
        return [self._decode(payload) for payload in payloads if payload is not None]

    def _normalize_fields(self, event: AnyEvent, key: str) -> list[AnyEvent] | None:
        """A row that came already split, or an object of an export with its properties."""
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
        """The finished line of an event that holds a row and nothing that its payload would change."""
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
        """The finished line under its format's name, and what every event has."""
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
        """Which log an event is of: two servers have files of one name. Empty where no file is named."""
        return name_log(find_text(event, self._hosts), find_text(event, _FILE_FIELDS))


def _strip_end(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")


def merge(event: AnyEvent, shape: Mapping[str, Any], used: frozenset[str], raw: str) -> AnyEvent:
    """The shipper's fields but those that were ``used``, and over them the normalized event's.

    Objects are merged name by name. A scalar ``host`` becomes ``host.name`` and a scalar ``event``
    ``_event``: as scalars they cannot stand beside ECS. ``event.original`` is the raw line where it was
    the same text, or where the source had to take a secret out of it.
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
    """The same with ``(`` and ``)`` for ``[`` and ``]`` in names, which Logstash reads as references."""
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
    """The event as it came, with the tag and the reason; secrets are gone from its line."""
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
