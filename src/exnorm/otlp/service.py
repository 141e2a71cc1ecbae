"""``exnorm otlp serve``: receive logs over OTLP/HTTP, normalize them, send them on in OTLP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from aiohttp import web

from exnorm.files.rejects import RejectFile
from exnorm.otlp.batches import LogBodies
from exnorm.otlp.messages import JSON, PROTOBUF, Partial, read_answer, write_answer, write_status
from exnorm.relay.bodies import Body
from exnorm.relay.headers import Headers
from exnorm.relay.http_service import RETRY_AFTER, HttpService, Limits, Reloaded
from exnorm.relay.journal import Journal
from exnorm.relay.next_hop import NextHop
from exnorm.relay.traffic import Traffic

LOGS = "/v1/logs"
_CODES = {400: 3, 401: 16, 413: 3, 415: 3, 429: 8, 500: 13, 503: 14}
"""gRPC's codes for what HTTP says: invalid argument, unauthenticated, exhausted, internal, unavailable."""


class Service(HttpService):
    """Sends requests with logs on to the next hop; the answer is the next hop's."""

    name = "otlp"
    paths = (LOGS,)

    def __init__(
        self,
        reloaded: Reloaded,
        next_hop: NextHop | None,
        limits: Limits,
        journal: Journal,
        headers: Headers,
        rejects: RejectFile | None = None,
        *,
        row_keys: Sequence[str] = (),
    ) -> None:
        traffic = Traffic()
        # A body has no lines: only its size is limited.
        limits = replace(limits, bounds=replace(limits.bounds, line_bytes=limits.bounds.body_bytes))
        self._batches = LogBodies(
            reloaded.normalizer, limits.bounds, traffic, headers, journal, rejects,
            row_keys=row_keys, has_payload=reloaded.has_format,
        )  # fmt: skip
        super().__init__(reloaded, next_hop, limits, journal, self._batches, traffic)

    def add_routes(self, app: web.Application) -> None:
        """Add the only path."""
        app.router.add_post(LOGS, self._relay)

    def renew(self, reloaded: Reloaded) -> None:
        """Continue with other settings."""
        self._batches.use(reloaded.normalizer, reloaded.has_format)

    def say(
        self, request: web.Request, status: int, text: str, headers: Mapping[str, str] | None = None
    ) -> web.Response:
        """Return a refusal in OTLP's form: a status message, in the type of the request."""
        form = JSON if request.content_type == JSON else PROTOBUF
        body = write_status(_CODES.get(status, 2), text, form)
        return web.Response(status=status, body=body, content_type=form, headers=headers)

    async def _relay(self, request: web.Request) -> web.Response:
        async def act(body: Body, jobs: list[Future[Any]]) -> web.Response:
            batch = await self.in_thread(self._batches.relay, body, jobs)
            if not batch.payload:
                return _accept(Partial(), body)
            verdict = await self.deliver(batch.payload)
            if verdict.status != 200:
                reason = f"the next hop did not take it: {verdict.explanation}"
                wait = {"Retry-After": verdict.retry_after} if verdict.retry_after else RETRY_AFTER
                return self.say(request, verdict.status, reason, wait)
            partial = read_answer(verdict.answer)
            if partial.rejected > 0:
                self.traffic.next_hop_failures["rejected"] += 1
                self._journal.repeat(
                    "error", "the next hop rejected records for good", "partial success",
                    {"reason": partial.reason}, rejected=partial.rejected,
                )  # fmt: skip
            self.traffic.events_out += max(batch.events - max(partial.rejected, 0), 0)
            return _accept(partial, body)

        return await self.bounded(request, act)


def _accept(partial: Partial, body: Body) -> web.Response:
    return web.Response(body=write_answer(partial, body.content_type), content_type=body.content_type)
