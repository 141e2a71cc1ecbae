"""One request's worth of events: decode, normalize, encode. Runs in one thread, knows no HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from exnorm.counts import Counts
from exnorm.errors import quote
from exnorm.logstash.bodies import Bounds, decode, pack, unpack
from exnorm.logstash.codec import JSONCodec
from exnorm.logstash.metrics import Traffic
from exnorm.logstash.normalize import EventNormalizer
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

    It remembers the headers of logs between requests, so only one thread may call it.
    """

    def __init__(self, normalizer: Normalizer, bounds: Bounds, traffic: Traffic) -> None:
        self._bounds = bounds
        self._traffic = traffic
        self._counted = Counts(), normalizer.counts
        self._events = EventNormalizer(normalizer)
        self._codec = JSONCodec()

    def use(self, normalizer: Normalizer) -> None:
        """Go on with other settings; what was counted stays counted."""
        self._counted = self.counts(), normalizer.counts  # at one stroke: metrics are read meanwhile
        self._events = EventNormalizer(normalizer)

    def counts(self) -> Counts:
        """What the pipelines counted since the start. Any thread may ask."""
        counts = Counts()
        for part in self._counted:
            counts.merge(part)
        return counts

    def relay(self, body: Body) -> Batch:
        """The batch for the next hop, packed. Raises ``RefusedError`` for a body that cannot be read."""
        lines = [self._codec.encode(event) for given in self._read(body) for event in self._normalize(given)]
        return Batch(pack(lines) if lines else b"", len(lines))

    def answer(self, body: Body) -> bytes:
        """JSON for whoever asked: an object for an object, an array for an array.

        An object that leaves nothing to keep (a header line, an event the profile drops) is answered
        with a tag that says so, one that becomes several events with their array.
        """
        given = self._read(body)
        found = [event for one in given for event in self._normalize(one)]
        self._traffic.events_out += len(found)
        texts = [self._codec.encode(event).strip() for event in found]
        if len(given) == 1 and len(texts) < 2 and not body.content.lstrip().startswith(b"["):
            return texts[0] if texts else b'{"tags":["%s"]}' % DROPPED_TAG.encode()
        return b"[" + b",".join(texts) + b"]"

    def _read(self, body: Body) -> list[dict[str, Any]]:
        content = unpack(body.content, body.encoding, self._bounds.unpacked_bytes)
        events = decode(content, body.content_type, self._bounds.events)
        self._traffic.events_in += len(events)
        return events

    def _normalize(self, event: dict[str, Any]) -> Iterator[dict[str, Any]]:
        try:
            yield from self._events.normalize(event)
        except Exception as error:  # the host's one place: an event that raises must go on all the same
            self._traffic.failed += 1
            yield tag_failure(event, f"{type(error).__name__}: {quote(error)}")


def tag_failure(event: dict[str, Any], reason: str) -> dict[str, Any]:
    """The event as it came, with the tag and the reason that a line which did not parse has."""
    tags = event.get("tags", [])
    known = tags if isinstance(tags, list) else [str(tags)]
    return {**event, "tags": [*known, Unparsed.TAG], "error": {"reason": reason}}
