"""Process the log records of one request: decode, normalize, encode. Runs in one thread, knows no HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from exnorm.files.rejects import RejectFile
from exnorm.otlp.messages import make_request_class, read_request
from exnorm.otlp.records import RecordNormalizer
from exnorm.otlp.values import read_attributes
from exnorm.relay.bodies import Body, Bounds, RefusedError, pack, unpack
from exnorm.relay.headers import Headers
from exnorm.relay.journal import Journal
from exnorm.relay.traffic import Traffic
from exnorm.relay.work import BatchWork, Outgoing

if TYPE_CHECKING:
    from exnorm.pipeline.normalizer import Normalizer


class LogBodies(BatchWork):
    """Turns bodies of requests into bodies for the next hop. Only one thread may call it."""

    def __init__(
        self,
        normalizer: Normalizer,
        bounds: Bounds,
        traffic: Traffic,
        headers: Headers,
        journal: Journal | None = None,
        rejects: RejectFile | None = None,
        *,
        row_keys: Sequence[str] = (),
        has_payload: bool = False,
    ) -> None:
        super().__init__(traffic, headers, journal, rejects)
        self._bounds = bounds
        self._row_keys = row_keys
        self._request = make_request_class()
        self._records = self._make(normalizer, has_payload)

    def use(self, normalizer: Normalizer, has_payload: bool = False) -> None:
        """Continue with other settings; counts are kept."""
        self._records = self._make(normalizer, has_payload)
        self.reopen()

    def relay(self, body: Body) -> Outgoing:
        """Return the batch for the next hop, packed. Raises ``RefusedError`` for a body that cannot
        be read.
        """
        limit = self._bounds.unpacked_bytes
        content = unpack(body.content, body.encoding, limit, longest=limit)
        request = read_request(self._request, content, body.content_type)
        given = sum(len(scope.log_records) for one in request.resource_logs for scope in one.scope_logs)
        self._traffic.events_in += given
        if given > self._bounds.events:
            raise RefusedError(413, f"the body has more than {self._bounds.events} events")
        events = self._normalize(request)
        self._headers.save()  # before the batch is acknowledged: a header will not come again
        return Outgoing(pack((request.SerializeToString(),)) if events else b"", events)

    def _normalize(self, request: object) -> int:
        """Replace each record by its results; return the number of records then."""
        events = 0
        for resource_logs in request.resource_logs:  # type: ignore[attr-defined]
            resource = read_attributes(resource_logs.resource.attributes)
            for scope in resource_logs.scope_logs:
                found = [
                    one
                    for record in scope.log_records
                    for one in _or_itself(self._records.normalize(resource, record), record)
                ]
                del scope.log_records[:]
                scope.log_records.extend(found)
                events += len(found)
            kept = [scope for scope in resource_logs.scope_logs if scope.log_records]
            if len(kept) < len(resource_logs.scope_logs):
                del resource_logs.scope_logs[:]
                resource_logs.scope_logs.extend(kept)
        return events

    def _make(self, normalizer: Normalizer, has_payload: bool) -> RecordNormalizer:
        self.follow(normalizer)
        return RecordNormalizer(
            normalizer,
            self._headers,
            self._row_keys,
            has_payload=has_payload,
            on_unparsed=self.note_unparsed,
            on_error=self.note_error,
        )


def _or_itself(found: list[object] | None, record: object) -> list[object]:
    return [record] if found is None else found
