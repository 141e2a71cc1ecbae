"""One request's worth of events: decode, normalize, encode. Runs in one thread, knows no HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from exnorm.counts import Counts
from exnorm.errors import quote
from exnorm.logstash.bodies import Bounds, decode, pack, unpack
from exnorm.logstash.codec import JSONCodec
from exnorm.logstash.headers import Headers
from exnorm.logstash.metrics import Traffic
from exnorm.logstash.normalize import EventNormalizer, name_log
from exnorm.model import Unparsed
from exnorm.pipeline import Normalizer

DROPPED_TAG = "_exnormdropped"


@dataclass(frozen=True)
class Body:
    """What a request brought, and the headers that say how to read it."""

    content: bytes
    encoding: str = ""
    content_type: str = ""


@dataclass(frozen=True)
class Batch:
    """What goes on to the next hop; ``payload`` is empty where nothing was left to send."""

    payload: bytes
    events: int


class Batches:
    """Turns bodies of requests into bodies for the next hop, or into answers.

    It remembers the headers of logs between requests, so only one thread may call it; ``headers``
    remembers them beyond a restart.
    """

    def __init__(
        self, normalizer: Normalizer, bounds: Bounds, traffic: Traffic, headers: Headers | None = None
    ) -> None:
        self._bounds = bounds
        self._traffic = traffic
        self._headers = headers
        self._codec = JSONCodec()
        self._counted = Counts(), normalizer.counts
        self._events = self._open(normalizer)

    def use(self, normalizer: Normalizer) -> None:
        """Go on with other settings; what was counted stays counted."""
        self._counted = self.counts(), normalizer.counts  # at one stroke: metrics are read meanwhile
        self._events = self._open(normalizer)

    def counts(self) -> Counts:
        """What the pipelines counted since the start. Any thread may ask."""
        counts = Counts()
        for part in self._counted:
            counts.merge(part)
        return counts

    def relay(self, body: Body) -> Batch:
        """The batch for the next hop, packed. Raises ``RefusedError`` for a body that cannot be read."""
        lines = [self._codec.encode(event) for event in self._normalize_all(self._read(body))]
        return Batch(pack(lines) if lines else b"", len(lines))

    def answer(self, body: Body) -> bytes:
        """JSON for whoever asked: an object for an object, an array for an array.

        An object that leaves nothing to keep (a header line, an event the profile drops) is answered
        with a tag that says so, one that becomes several events with their array.
        """
        given = self._read(body)
        found = self._normalize_all(given)
        self._traffic.events_out += len(found)
        texts = [self._codec.encode(event).strip() for event in found]
        if len(given) == 1 and len(texts) < 2 and not body.content.lstrip().startswith(b"["):
            return texts[0] if texts else b'{"tags":["%s"]}' % DROPPED_TAG.encode()
        return b"[" + b",".join(texts) + b"]"

    def _open(self, normalizer: Normalizer) -> EventNormalizer:
        """A normalizer of events that knows the headers kept; what they count is not counted again."""
        events = EventNormalizer(normalizer)
        for event in self._headers.replay() if self._headers is not None else ():
            events.normalize(event)
        normalizer.counts.lines = normalizer.counts.header = 0
        return events

    def _read(self, body: Body) -> list[dict[str, Any]]:
        content = unpack(body.content, body.encoding, self._bounds.unpacked_bytes)
        events = decode(content, body.content_type, self._bounds.events)
        self._traffic.events_in += len(events)
        return events

    def _normalize_all(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        found = [result for event in events for result in self._normalize(event)]
        if self._headers is not None:
            self._headers.save()  # before the batch is acknowledged: the header will not come again
        return found

    def _normalize(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        try:
            found = self._events.normalize(event)
        except Exception as error:  # the host's one place: an event that raises must go on all the same
            self._traffic.failed += 1
            return [tag_failure(event, f"{type(error).__name__}: {quote(error)}")]
        if self._headers is not None:
            self._note(self._headers, event, is_swallowed=not found)
        return found

    def _note(self, headers: Headers, event: dict[str, Any], is_swallowed: bool) -> None:
        text = event.get("message")
        if not isinstance(text, str):
            return
        if is_swallowed and text.removeprefix("\ufeff").startswith("#"):
            headers.note_header(name_log(event), text)
        else:
            headers.note_row(name_log(event))


def tag_failure(event: dict[str, Any], reason: str) -> dict[str, Any]:
    """The event as it came, with the tag and the reason that a line which did not parse has."""
    tags = event.get("tags", [])
    known = tags if isinstance(tags, list) else [str(tags)]
    return {**event, "tags": [*known, Unparsed.TAG], "error": {"reason": reason}}
