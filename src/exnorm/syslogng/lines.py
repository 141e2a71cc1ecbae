"""Lines of a syslog daemon -> the lines that take their place: payloads, and what is not ours as it came."""

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
    """A line that goes on; ``reason`` says why it is no payload although it should be one."""

    text: str
    reason: str = ""
    identity: str = ""


class Lines:
    """Normalizes lines one after the other; remembers each log's header, in ``headers`` beyond a restart."""

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
        """What takes a line's place, for a header line nothing; ``None`` where it is nothing of Exchange.

        ``path`` and ``host`` say which log it is from. Raises nothing because of the line.
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
