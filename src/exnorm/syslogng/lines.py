"""Replace lines of a syslog daemon by their payloads; other lines are passed on unchanged."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NamedTuple

from exnorm.logstash.batches import SafeNormalizer
from exnorm.logstash.normalize import MESSAGE
from exnorm.model import Unparsed
from exnorm.pipeline.normalizer import Normalizer
from exnorm.relay.headers import Headers
from exnorm.relay.traffic import Traffic


class Line(NamedTuple):
    """A line to pass on; ``reason`` is why it is not a payload although it should be one."""

    text: str
    reason: str = ""
    identity: str = ""


class Lines:
    """Normalizes lines one after the other; remembers each log's header, in ``headers`` through a restart."""

    def __init__(
        self,
        normalizer: Normalizer,
        headers: Headers,
        on_unparsed: Callable[[Unparsed], None] = lambda line: None,
        on_error: Callable[[Exception], None] = lambda error: None,
    ) -> None:
        self._form = normalizer.codec.name
        self._headers = headers
        self._events = SafeNormalizer(
            normalizer, sys.maxsize, Traffic(), headers, on_unparsed, on_error, finished=True
        )

    def take(self, text: str, path: str = "", host: str = "") -> list[Line] | None:
        """Return the lines that replace a line, none for a header line; ``None`` for a line that is not
        Exchange's.

        ``path`` and ``host`` name its log. Never raises because of the line.
        """
        event = {MESSAGE: text, "log": {"file": {"path": path}}, "host": {"name": host}}
        found = self._events.normalize(event)
        if len(found) == 1 and found[0] is event:
            return None
        if not found:
            self._headers.save()  # before it is acknowledged: a header will not come again
        return [self._read(one, text) for one in found]

    def _read(self, event: dict[str, object], text: str) -> Line:
        payload = event.get(self._form)
        if isinstance(payload, str):
            return Line(payload, identity=str(event.get("exnorm_id", "")))
        error = event.get("error")
        reason = str(error.get("reason", "")) if isinstance(error, dict) else ""
        return Line(str(event.get(MESSAGE, text)), reason)
