"""Process the events of one request: decode, normalize, encode. Runs in one thread, knows no HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from exnorm.errors import quote
from exnorm.files.rejects import RejectFile
from exnorm.logstash import EventNormalizer, JSONCodec
from exnorm.logstash.normalize import MESSAGE, AnyEvent
from exnorm.model import Unparsed
from exnorm.pipeline.normalizer import Normalizer
from exnorm.pipeline.shipped import add_tag, split_log
from exnorm.relay.bodies import Body, Bounds, RefusedError, is_document, pack, unpack
from exnorm.relay.headers import Headers
from exnorm.relay.journal import Journal
from exnorm.relay.traffic import Traffic
from exnorm.relay.work import BatchWork, Outgoing

T = TypeVar("T")
DROPPED_TAG = "_exnormdropped"


class EventBodies(BatchWork):
    """Turns bodies of requests into bodies for the next hop, or into answers.

    It remembers the headers of logs between requests, so only one thread may call it; ``headers`` keeps them
    through a change of settings, and with a file through a restart. ``journal`` receives lines that do not
    parse and events that fail.
    """

    def __init__(
        self,
        normalizer: Normalizer,
        bounds: Bounds,
        traffic: Traffic,
        headers: Headers,
        journal: Journal | None = None,
        rejects: RejectFile | None = None,
    ) -> None:
        super().__init__(traffic, headers, journal, rejects)
        self._bounds = bounds
        self._lines = JSONCodec()
        self._events = self._follow(normalizer)

    def use(self, normalizer: Normalizer) -> None:
        """Continue with other settings; counts are kept."""
        self._events = self._follow(normalizer)
        self.reopen()

    def relay(self, body: Body) -> Outgoing:
        """Return the batch for the next hop, packed. Raises ``RefusedError`` for a body that cannot
        be read.
        """
        lines = self._convert(unpack(body.content, body.encoding, self._bounds.unpacked_bytes), body)
        return Outgoing(pack(lines) if lines else b"", len(lines))

    def answer(self, body: Body) -> bytes:
        """Return JSON for the sender: an object for an object, an array for an array.

        An object that leaves nothing (a header line, an event that the profile drops) is answered with a tag
        that says so; one that becomes several events with their array.
        """
        content = unpack(body.content, body.encoding, self._bounds.unpacked_bytes)
        texts = [line.rstrip(b"\n") for line in self._convert(content, body)]
        self._traffic.events_out += len(texts)
        if self._events.given == 1 and len(texts) < 2 and not content.lstrip().startswith(b"["):
            return texts[0] if texts else b'{"tags":["%s"]}' % DROPPED_TAG.encode()
        return b"[" + b",".join(texts) + b"]"

    def _follow(self, normalizer: Normalizer) -> SafeNormalizer:
        self.follow(normalizer)
        limit = self._bounds.events
        return SafeNormalizer(
            normalizer, limit, self._traffic, self._headers, self.note_unparsed, self.note_error
        )

    def _encode(self, event: AnyEvent) -> bytes:
        try:
            return self._lines.encode(event)
        except Exception as error:  # a plugin may put anything into an event; the batch must go on
            self._traffic.failed += 1
            plain = {name: value for name, value in event.items() if isinstance(value, (str, int))}
            return self._lines.encode(tag_failure(plain, f"{type(error).__name__}: {quote(error)}"))

    def _convert(self, content: bytes, body: Body) -> list[bytes]:
        self._events.begin()
        if is_document(content, body.content_type):
            codec = JSONCodec(self._events, framing="whole", ecs_compatibility="disabled")
        else:
            content += b"" if content.endswith(b"\n") else b"\n"  # the last line is whole, so it is read once
            codec = JSONCodec(self._events, decode_size_limit_bytes=len(content))
        lines = codec.convert(content, self._encode) + [self._encode(event) for event in codec.flush()]
        self._headers.save()  # before the batch is acknowledged: a header will not come again
        return lines


class SafeNormalizer(EventNormalizer):
    """Normalizes the events of one body after the other; one that raises is passed on as it came.

    ``given`` is the number of events in the body so far. More than ``limit`` raise ``RefusedError``.
    """

    def __init__(
        self,
        normalizer: Normalizer,
        limit: int,
        traffic: Traffic,
        headers: Headers,
        on_unparsed: Callable[[Unparsed], None] = lambda line: None,
        on_error: Callable[[Exception], None] = lambda error: None,
        *,
        finished: bool | None = None,
    ) -> None:
        if finished is None:
            finished = normalizer.codec.name != "json"
        super().__init__(normalizer, finished=finished, on_unparsed=on_unparsed)
        self.given = 0
        self._on_error = on_error
        self._limit = limit
        self._traffic = traffic
        self._headers = headers
        for (host, path), lines in headers.all():
            self.replay(f"{host}\0{path}" if path else "", lines)

    def begin(self) -> None:
        """Begin another body."""
        self.given = 0

    def normalize(self, event: AnyEvent) -> list[AnyEvent]:
        """Return the events that replace the event; never raises because of the event."""
        return self._take_safely(event, super().normalize)

    def convert(self, event: AnyEvent) -> list[AnyEvent | bytes]:
        """Replace the event, by finished lines where possible; never raises because of the event."""
        taken: list[Any] = self._take_safely(event, super().convert)
        return taken

    def _take_safely(self, event: AnyEvent, take: Callable[[AnyEvent], T]) -> T | list[AnyEvent]:
        text, log = event.get(MESSAGE), self.find_log(event)  # it may be taken apart
        found = self._guard(event, lambda: take(event))
        if not found and isinstance(text, str):
            self._headers.put(split_log(log), self.header(log))
        return found

    def normalize_raw(self, event: AnyEvent, line: str | bytes) -> list[AnyEvent] | None:
        """Replace a line that came without an event; never raises because of the line."""
        super_normalize = super().normalize_raw
        return self._guard(event, lambda: super_normalize(event, line))

    def note_rows(self, log: str, amount: int) -> None:
        """Count events of a log that were its rows."""
        counted = min(amount, self._limit + 1 - self.given)
        self.given += counted
        self._traffic.events_in += counted
        self._refuse_many()

    def put_payload(self, event: AnyEvent, payload: bytes) -> AnyEvent:
        """Return the event with the fields of a payload; names that both have are merged."""
        try:
            return super().put_payload(event, payload)
        except Exception as error:  # as in _guard
            return self._pass_on(event, error)

    def _refuse_many(self) -> None:
        if self.given > self._limit:
            raise RefusedError(413, f"the body has more than {self._limit} events")

    def _guard(self, event: AnyEvent, normalize: Callable[[], T]) -> T | list[AnyEvent]:
        self.given += 1
        self._traffic.events_in += 1
        self._refuse_many()
        try:
            return normalize()
        except Exception as error:  # the host's one place: an event that raises must go on all the same
            return [self._pass_on(event, error)]

    def _pass_on(self, event: AnyEvent, error: Exception) -> AnyEvent:
        self._on_error(error)
        return tag_failure(event, f"{type(error).__name__}: {quote(error)}")


def tag_failure(event: AnyEvent, reason: str) -> AnyEvent:
    """Return the event as it came, with the tag and reason of a line that did not parse."""
    return {**event, "tags": add_tag(event.get("tags"), Unparsed.TAG), "error": {"reason": reason}}
