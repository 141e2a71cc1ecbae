"""``exnorm logstash serve``: the protocol of Logstash's own output and input, and answers for a filter."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from aiohttp import web

from exnorm.files.rejects import RejectFile
from exnorm.logstash.batches import EventBodies
from exnorm.relay.bodies import Body
from exnorm.relay.headers import Headers
from exnorm.relay.http_service import RETRY_AFTER, HttpService, Limits, Reloaded
from exnorm.relay.journal import Journal
from exnorm.relay.next_hop import NextHop
from exnorm.relay.traffic import Traffic

RELAY, NORMALIZE = "/", "/v1/normalize"


class Service(HttpService):
    """Batches of JSON lines go on to the next hop; what asks ``/v1/normalize`` gets its events back."""

    name = "logstash"
    paths = (RELAY, NORMALIZE)

    def __init__(
        self,
        reloaded: Reloaded,
        next_hop: NextHop | None,
        limits: Limits,
        journal: Journal,
        headers: Headers,
        rejects: RejectFile | None = None,
    ) -> None:
        traffic = Traffic()
        self._batches = EventBodies(reloaded.normalizer, limits.bounds, traffic, headers, journal, rejects)
        super().__init__(reloaded, next_hop, limits, journal, self._batches, traffic)

    def add_routes(self, app: web.Application) -> None:
        """Both paths."""
        app.router.add_post(RELAY, self._relay)
        app.router.add_post(NORMALIZE, self._normalize)

    async def _relay(self, request: web.Request) -> web.Response:
        async def act(body: Body, jobs: list[Future[Any]]) -> web.Response:
            batch = await self.in_thread(self._batches.relay, body, jobs)
            if not batch.payload:
                return self.say(request, 200, "ok")
            verdict = await self.deliver(batch.payload)
            if verdict.status != 200:
                reason = f"the next hop did not take it: {verdict.explanation}"
                return self.say(request, verdict.status, reason, RETRY_AFTER)
            self.traffic.events_out += batch.events
            return self.say(request, 200, "ok")

        return await self.bounded(request, act)

    async def _normalize(self, request: web.Request) -> web.Response:
        async def act(body: Body, jobs: list[Future[Any]]) -> web.Response:
            answer = await self.in_thread(self._batches.answer, body, jobs)
            return web.Response(body=answer, content_type="application/json", charset="utf-8")

        return await self.bounded(request, act, waits=True)
