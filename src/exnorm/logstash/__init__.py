"""The Logstash host: its JSON codecs, with events of Exchange normalized while decoding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import groupby
from typing import Any

from exnorm.engine.rows import Batch
from exnorm.errors import ParseError
from exnorm.logstash.charsets import read_text
from exnorm.logstash.codec import (
    TIMESTAMP,
    AnyEvent,
    Frames,
    add_original,
    clean_texts,
    decode_line,
    decode_text,
    encode_event,
    events_of,
    failed,
    get_field,
    is_blank,
    keeps_original,
    make_event,
    read_options,
    set_field,
)
from exnorm.logstash.documents import ObjectEnds, is_crowded, read_documents
from exnorm.logstash.json_text import replace_surrogates
from exnorm.logstash.normalize import EventNormalizer
from exnorm.logstash.splice import read_event
from exnorm.pipeline.normalizer import Normalizer
from exnorm.sources.json_objects import JsonObjects
from exnorm.text.encodings import find_encoding

__all__ = ["EventNormalizer", "JSONCodec", "LineTooLong"]

LINE_LIMIT = 20 * 1024 * 1024
"""What ``decode_size_limit_bytes`` is where a normalizer reads the lines; Logstash's own is 512 MiB."""

_BOM = "\ufeff"
_OPENING = ("{", "[")
_GOES_ON = ("{", "[", ",")  # how a line ends that more of the same object or array follows
_BATCH_BYTES = 128 * 1024  # of lines taken together; more would not stay in the processor's cache


class LineTooLong(ParseError):
    """A line was longer than ``decode_size_limit_bytes``; the lines after it can be read."""


class JSONCodec:
    """Logstash's codec ``json_lines`` (framing ``lines``) or ``json`` (``whole``: a document a call).

    ``options`` are Logstash's: ``charset``, ``target``, ``ecs_compatibility``, and for lines ``delimiter``
    and ``decode_size_limit_bytes``. Without a normalizer it is exactly that codec. With one, lines and
    records of Exchange are normalized, a byte order mark is removed, objects may follow each other without a
    separator, and a line may have 20 MiB unless the option says otherwise; everything else is decoded as by
    that codec.

    ``@metadata`` is a key of a decoded event and is never encoded. Raises ``SettingsError`` for an option
    that is unknown or has a wrong value.
    """

    def __init__(
        self,
        normalizer: Normalizer | EventNormalizer | None = None,
        framing: str = "lines",
        **options: Any,
    ) -> None:
        if normalizer is not None and framing == "lines":
            options = {"decode_size_limit_bytes": LINE_LIMIT, **options}
        self._options = read_options(framing, options)
        running = normalizer.normalizer if isinstance(normalizer, EventNormalizer) else normalizer
        self._encoding = "" if running is None else find_encoding(running.settings.encoding)
        if self._encoding and "charset" not in options:
            self._options = replace(self._options, charset=self._encoding)
        self._drains = isinstance(normalizer, Normalizer)  # one of several codecs must not
        self._events = EventNormalizer(normalizer) if isinstance(normalizer, Normalizer) else normalizer
        self._frames = Frames(self._options.delimiter, self._options.size_limit)
        self._ends = ObjectEnds()
        self._printed = JsonObjects(self._options.size_limit)
        self._in_array = False  # whether an array is open that is printed over several lines
        self._held: list[AnyEvent] = []
        self._waiting = _no_lines()
        self._written: list[bytes] = []
        self._log = ""  # of the event that was written last
        usual = read_options("lines", {"decode_size_limit_bytes": self._options.size_limit})
        self._splices = self._events is not None and replace(self._options, ecs=usual.ecs) == usual

    def decode(self, data: bytes) -> list[AnyEvent]:
        """Return the events that ``data`` completes.

        Raises ``LineTooLong`` for a line longer than ``decode_size_limit_bytes``; that line is lost, the
        events before and after it are returned by the next call.
        """
        data = bytes(data)
        if self._options.framing == "whole":
            return self._read(data)
        self._frames.append(data)
        return self._take_lines()

    def flush(self) -> list[AnyEvent]:
        """Return the events that are left when the stream ends."""
        self._held = self._take_lines()
        rest = self._frames.take_rest()
        self._ends = ObjectEnds()
        if not isinstance(rest, bytes):
            raise self._too_long()
        if rest:
            self._held += self._read(rest)
        if self._events is not None:
            for found in self._printed.finish():
                self._held += self._read_object(*found, self._events)
        if self._events is not None and self._drains:
            self._held += self._events.finish()
        return self.take_ready()

    def take_ready(self) -> list[AnyEvent]:
        """Return the events that were ready when ``decode`` or ``flush`` raised, without waiting for the next
        call.
        """
        ready, self._held = self._held, []
        return ready

    def convert(self, data: bytes, encode: Callable[[AnyEvent], bytes] | None = None) -> list[bytes]:
        """Return the events of ``decode`` encoded with ``encode``, in the fastest way.

        Use either this or ``decode``, and ``convert_rest`` at the end. Raises as ``decode`` does;
        ``take_written`` then returns what was ready.
        """
        encode = encode or self.encode
        self._written += map(encode, self.take_ready())  # of a call that raised
        if not self._splices:
            self._written += map(encode, self.decode(data))
            return self._take_written()
        self._frames.append(bytes(data))
        self._convert_waiting(encode)
        while lines := self._frames.take_lines():
            self._ends = ObjectEnds()
            self._waiting = Batch((lines, 0, len(lines)), None, 0)
            self._convert_waiting(encode)
        self._written += map(encode, self._take_lines())
        return self._take_written()

    def convert_rest(self) -> list[bytes]:
        """Return the encoded events that are left when the stream ends."""
        if self._splices:
            self._convert_waiting(self.encode)
        self._written += map(self.encode, self.flush())
        return self._take_written()

    def convert_whole(self) -> list[bytes]:
        """Return whole objects that wait for a delimiter, which a stream may never send."""
        line = self._frames.peek()
        end = self._ends.closed(line) if self._events is not None else 0
        if end:
            self._ends = ObjectEnds()
            self._held += self._read(self._frames.take_bytes(end))
            self._written += map(self.encode, self.take_ready())
        return self._take_written()

    def take_written(self) -> list[bytes]:
        """Return what was ready when ``convert`` or ``convert_rest`` raised, without waiting for the next
        call.
        """
        self._written += map(self.encode, self.take_ready())
        return self._take_written()

    def _take_written(self) -> list[bytes]:
        written, self._written = self._written, []
        return written

    def encode(self, event: Mapping[str, Any]) -> bytes:
        """Return one event as JSON, for framing ``lines`` with the delimiter after it."""
        end = self._options.delimiter if self._options.framing == "lines" else b""
        return encode_event(event) + end

    # --- lines -----------------------------------------------------------------------------------

    def _take_lines(self) -> list[AnyEvent]:
        """Return the events of every whole line; where one raises, those before it are kept for the next
        call.
        """
        while (line := self._frames.take()) is not None:
            self._ends = ObjectEnds()
            if not isinstance(line, bytes):
                raise self._too_long()
            self._held += self._read(line)
        if self._events is not None and not self._printed.waiting:
            # In a stream without any delimiter, whole objects are passed on as soon as the next one begins.
            end = self._ends.find(self._frames.peek())
            if end:
                self._ends = ObjectEnds()
                self._held += self._read(self._frames.take_bytes(end))
        return self.take_ready()

    def _convert_waiting(self, encode: Callable[[AnyEvent], bytes]) -> None:
        """Write the result of each line."""
        assert self._events is not None
        while self._waiting.at < self._waiting.end:
            if self._printed.waiting:
                self._convert_line(encode)
                continue
            self._convert_batch(self._run_waiting() if self._events.runs else _BATCH_BYTES, encode)
        self._waiting = _no_lines()

    def _run_waiting(self) -> int:
        """Write what the kernel takes; return how many bytes after that must be read in Python."""
        assert self._events is not None
        waiting = self._waiting
        before = waiting.at
        while self._log and waiting.at < waiting.end:
            lines = waiting.peek(_BATCH_BYTES).split(b"\n")
            found = self._events.run(lines, self._log)
            if found is None:
                return 1 if self._events.may_run(self._log) else _BATCH_BYTES
            made, done, other = found
            self._written += made
            waiting.pass_over(waiting.number + done)
            if done < len(lines) and not other:
                # If it does not take even one, it will not take similar ones either.
                return 1 if waiting.at > before else _BATCH_BYTES
            self._log = other or self._log
        return 1

    def _convert_batch(self, most: int, encode: Callable[[AnyEvent], bytes]) -> None:
        """Write the results of lines in Python; plain events of one log in a row are handled together."""
        assert self._events is not None
        lines = self._waiting.peek(most)
        read = [read_event(line) for line in lines.split(b"\n")]
        logs = [None if event is None else self._events.find_log(event) for event in read]
        begin = 0
        for log, group in groupby(logs):
            end = begin + len(list(group))
            if log is None:
                for _ in range(begin, end):
                    self._convert_line(encode)
                    if self._printed.waiting:  # the next lines are no events by themselves
                        return
            else:
                self._log = log
                self._convert_run([event for event in read[begin:end] if event is not None], log, encode)
            begin = end

    def _convert_run(self, run: list[AnyEvent], log: str, encode: Callable[[AnyEvent], bytes]) -> None:
        assert self._events is not None
        events, batch = self._events, self._events.prepare([event["message"] for event in run], log)

        def convert_one(at: int) -> None:
            event, text = run[at], self._waiting.take()
            taken = events.convert(event)
            if len(taken) == 1 and taken[0] is event:
                self._written += map(encode, self._leave(event, text.decode(), alone=True))
            else:
                self._written += [one if isinstance(one, bytes) else encode(one) for one in taken]

        at = 0
        while at < len(run):
            if batch is not None:
                made = events.encode_rows(run, log, batch, at)
                self._written += [
                    one if isinstance(one, bytes) else encode(one) for one in made if one is not None
                ]
                self._waiting.pass_over(self._waiting.number + len(made))
                at += len(made)
            if at < len(run):
                convert_one(at)
                at += 1

    def _convert_line(self, encode: Callable[[AnyEvent], bytes]) -> None:
        self._written += map(encode, self._read(self._waiting.take()))

    def _too_long(self) -> LineTooLong:
        limit = self._options.size_limit
        return LineTooLong(f"a line is longer than decode_size_limit_bytes, {limit}, and was thrown away")

    def _read(self, line: bytes) -> list[AnyEvent]:
        if self._events is None:
            return decode_line(line, self._options)
        return self._read_normalized(line, self._events)

    # --- with a normalizer -----------------------------------------------------------------------

    def _read_normalized(self, line: bytes, events: EventNormalizer) -> list[AnyEvent]:
        text, valid = read_text(line, self._options.charset)
        text = text.removeprefix(_BOM)
        if self._printed.waiting:
            return self._read_printed(text, events)
        documents = read_documents(text) if valid and not is_crowded(text) else None
        if documents is None and self._is_printed(text):
            return self._read_printed(text, events)
        if documents is None:
            return self._read_raw(self._pieces(line, text, valid), text, events)
        if len(documents) == 1:  # as the bare codec does, whatever stands behind it
            documents = [(documents[0][0], text)]
        found: list[AnyEvent] = []
        for value, part in documents:
            made = None if value is None else events_of(clean_texts(value, replace_surrogates))
            if made is None:
                found += self._read_raw([(part, part)], part, events)
                continue
            for event in made:
                found += self._replace(event, part, len(made) == 1, events)
        return found

    def _is_printed(self, text: str) -> bool:
        """Return whether a line is part of JSON printed over several lines."""
        bare = text.strip()
        if self._options.framing == "whole" or is_crowded(text):
            return False
        is_end = self._in_array and not bare.strip("],")
        return is_end or (bare[:1] in _OPENING and bare[-1:] in _GOES_ON)

    def _read_printed(self, text: str, events: EventNormalizer) -> list[AnyEvent]:
        """Return the events of the objects that a line of printed JSON completes."""
        bare = text.strip()
        if not self._printed.waiting:
            self._in_array = bare[:1] == "[" or (self._in_array and "]" not in bare[:1])
        return [event for found in self._printed.feed(text) for event in self._read_object(*found, events)]

    def _read_object(self, text: str, refusal: Any, events: EventNormalizer) -> list[AnyEvent]:
        documents = None if refusal else read_documents(text)
        made = None
        if documents is not None:
            made = events_of(clean_texts(documents[0][0], replace_surrogates))
        if not made:
            return [failed(text)]
        return [one for event in made for one in self._replace(event, text, True, events)]

    def _pieces(self, line: bytes, text: str, valid: bool) -> list[tuple[str, str | bytes]]:
        """Return the lines of a text that is not JSON, each with the input for the log's own reader."""
        if self._options.framing == "lines":
            is_read = valid and not (self._encoding and "\ufffd" in text)
            return [(text, text if is_read else line)]
        if valid:
            return [(piece, piece) for piece in text.split("\n")]
        return [(read_text(piece, self._options.charset)[0], piece) for piece in line.split(b"\n")]

    def _read_raw(
        self, pieces: list[tuple[str, str | bytes]], text: str, events: EventNormalizer
    ) -> list[AnyEvent]:
        """Read text that is not JSON: lines of a log, or else one event with a tag."""
        found: list[AnyEvent] = []
        ours = False
        for piece, line in pieces:
            if is_blank(piece):
                continue
            event = failed(piece)
            del event["tags"]
            taken = events.normalize_raw(event, line)
            ours = ours or taken is not None
            found += [failed(piece)] if taken is None else [self._placed(one) for one in taken]
        return found if ours or not found else [failed(text)]

    def _replace(self, event: AnyEvent, text: str, alone: bool, events: EventNormalizer) -> list[AnyEvent]:
        taken = events.normalize(event)
        if len(taken) != 1 or taken[0] is not event:
            return [self._placed(one) for one in taken]
        return self._leave(event, text, alone)

    def _leave(self, event: AnyEvent, text: str, alone: bool) -> list[AnyEvent]:
        """Return an event that is not Exchange's."""
        if self._options.target is not None:
            return decode_text(text, self._options)
        if alone and keeps_original(self._options) and not add_original(event, text):
            return [failed(text)]
        return [event]

    def _placed(self, event: AnyEvent) -> AnyEvent:
        """Return the event with its fields under ``target``, if that is set."""
        path = self._options.target
        if path is None:
            return event
        outer = make_event({TIMESTAMP: event.get(TIMESTAMP)})
        assert outer is not None
        return outer if set_field(outer, path, event) and get_field(outer, path) is event else event


def _no_lines() -> Batch:
    return Batch((b"", 0, 0), None, 0)
