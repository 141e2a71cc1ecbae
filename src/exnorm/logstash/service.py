"""``exnorm logstash serve``: batches of Logstash in over HTTP, normalized, out to the next hop.

A batch is answered with 200 only after the next hop took it. The service keeps no batch: whoever sent
it keeps it until then, so a crash loses nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import ssl
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiohttp import web

from exnorm.errors import NormalizerError, SettingsError
from exnorm.logstash.access import Address, Credentials
from exnorm.logstash.batches import Batches, Body
from exnorm.logstash.bodies import Bounds, LineLengths, RefusedError
from exnorm.logstash.headers import Headers
from exnorm.logstash.metrics import CONTENT_TYPE, Metrics, Traffic
from exnorm.logstash.next_hop import NextHop, Verdict
from exnorm.pipeline import Normalizer

T = TypeVar("T")
Report = Callable[[str], None]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Work = Callable[["list[Future[Any]]"], Awaitable[web.Response]]
"""Answers a request; what it gives to the thread it puts into the list."""

RELAY, NORMALIZE, HEALTH, METRICS = "/", "/v1/normalize", "/healthz", "/metrics"
RETRY_AFTER = {"Retry-After": "1"}
LINGER_SECONDS = 2.0


@dataclass(frozen=True)
class Limits:
    """How much at a time, and how long.

    Logstash gives up after 10 seconds of silence and sends the batch again, so the answer comes
    before that.
    """

    in_flight: int = 16
    seconds: float = 8.0
    bounds: Bounds = field(default_factory=Bounds)


@dataclass(frozen=True)
class Reloaded:
    """What may change while the service runs."""

    normalizer: Normalizer
    credentials: Credentials | None = None


class Service:
    """The HTTP side. Made and run inside one event loop."""

    def __init__(
        self,
        reloaded: Reloaded,
        next_hop: NextHop | None,
        limits: Limits,
        report: Report,
        headers: Headers,
    ) -> None:
        self.traffic = Traffic()
        self._limits = limits
        self._report = report
        self._next_hop = next_hop
        self._credentials = reloaded.credentials
        self._batches = Batches(reloaded.normalizer, limits.bounds, self.traffic, headers)
        self._metrics = Metrics(self.traffic, self._batches.counts)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="normalize")
        self._places = asyncio.Semaphore(limits.in_flight)
        self._next_hop_failure = ""
        self._stopping = False

    def application(self) -> web.Application:
        """The routes."""
        app = web.Application(middlewares=[self._watch], client_max_size=self._limits.bounds.body_bytes)
        app.router.add_post(RELAY, self._relay)
        app.router.add_post(NORMALIZE, self._normalize)
        app.router.add_get(HEALTH, self._health)
        app.router.add_get(METRICS, self._show_metrics)
        return app

    def stop_accepting(self) -> None:
        """Say so on /healthz while the last requests are being finished."""
        self._stopping = True

    def close(self) -> None:
        """Wait for the thread."""
        self._thread.shutdown(wait=True)

    async def use(self, reloaded: Reloaded) -> None:
        """Go on with these settings, after the batch that is being normalized."""
        await asyncio.wrap_future(self._thread.submit(self._batches.use, reloaded.normalizer))
        self._credentials = reloaded.credentials

    # --- every request ---------------------------------------------------------------------------

    @web.middleware
    async def _watch(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Who may ask, and a count of what was answered."""
        known = request.path in (RELAY, NORMALIZE, HEALTH, METRICS)
        status = "500"
        try:
            response = self._refuse_stranger(request) or await handler(request)
            status = str(response.status)
            return response
        except web.HTTPException as error:
            status = str(error.status)
            raise
        except ConnectionError:
            status = "aborted"
            raise
        finally:
            self.traffic.count_request(request.path if known else "other", status)

    def _refuse_stranger(self, request: web.Request) -> web.Response | None:
        if self._credentials is None or request.path == HEALTH:
            return None
        if self._credentials.match(request.headers.get("Authorization", "")):
            return None
        return _say(401, "user name or password are wrong", {"WWW-Authenticate": 'Basic realm="exnorm"'})

    async def _bounded(self, work: Work, *, waits: bool = False) -> web.Response:
        """Do the work within the time limit; 429 where that is not enough, or where every place is taken.

        ``waits`` is for a sender who would not try again: it waits for a place, with its body unread.
        """
        if self._places.locked() and not waits:
            return _say(429, "too many requests are in flight", RETRY_AFTER)
        try:
            return await asyncio.wait_for(self._in_place(work), self._limits.seconds)
        except asyncio.TimeoutError:
            return _say(429, f"not done within {self._limits.seconds:g} seconds", RETRY_AFTER)
        except RefusedError as error:
            self._report(f"a request was refused with {error.status}: {error}")
            return _say(error.status, str(error))

    async def _in_place(self, work: Work) -> web.Response:
        """Do the work while holding a place; what its thread has still to do then keeps the place."""
        await self._places.acquire()
        self.traffic.in_flight += 1
        jobs: list[Future[Any]] = []
        try:
            return await work(jobs)
        finally:
            if jobs and not jobs[-1].done():
                loop = asyncio.get_running_loop()
                jobs[-1].add_done_callback(lambda _: loop.call_soon_threadsafe(self._leave))
            else:
                self._leave()

    def _leave(self) -> None:
        self.traffic.in_flight -= 1
        self._places.release()

    async def _in_thread(self, function: Callable[[Body], T], body: Body, jobs: list[Future[Any]]) -> T:
        """Normalize beside the loop, so that it stays free to answer."""
        jobs.append(self._thread.submit(function, body))
        return await asyncio.wrap_future(jobs[-1])

    # --- the paths -------------------------------------------------------------------------------

    async def _relay(self, request: web.Request) -> web.Response:
        async def work(jobs: list[Future[Any]]) -> web.Response:
            batch = await self._in_thread(self._batches.relay, await self._read(request), jobs)
            if not batch.payload:
                return _say(200, "ok")
            verdict = await self._deliver(batch.payload)
            if verdict.status != 200:
                return _say(
                    verdict.status, f"the next hop did not take it: {verdict.explanation}", RETRY_AFTER
                )
            self.traffic.events_out += batch.events
            return _say(200, "ok")

        return await self._bounded(work)

    async def _normalize(self, request: web.Request) -> web.Response:
        async def work(jobs: list[Future[Any]]) -> web.Response:
            answer = await self._in_thread(self._batches.answer, await self._read(request), jobs)
            return web.Response(body=answer, content_type="application/json", charset="utf-8")

        return await self._bounded(work, waits=True)

    async def _health(self, request: web.Request) -> web.Response:
        state = "stopping" if self._stopping else "ok"
        content = {"status": state, "next_hop": self._describe_next_hop()}
        return web.json_response(content, status=503 if self._stopping else 200)

    async def _show_metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=self._metrics.render(), headers={"Content-Type": CONTENT_TYPE})

    # --- their parts -----------------------------------------------------------------------------

    async def _read(self, request: web.Request) -> Body:
        limit = self._limits.bounds.body_bytes
        try:
            if (request.content_length or 0) > limit:  # nothing of it need be held to know that
                raise RefusedError(413, f"the body is larger than {limit} bytes")
            content = await self._read_content(request)
        except web.HTTPRequestEntityTooLarge:
            raise RefusedError(413, f"the body is larger than {limit} bytes") from None
        return Body(content, request.headers.get("Content-Encoding", ""), request.content_type)

    async def _read_content(self, request: web.Request) -> bytes:
        """The body; one with a line that is too long is refused while the line arrives."""
        if request.headers.get("Content-Encoding"):
            return await request.read()
        content, lines = bytearray(), LineLengths(self._limits.bounds.line_bytes)
        async for piece in request.content.iter_any():
            content += piece
            lines.add(piece)
            if len(content) > self._limits.bounds.body_bytes:
                raise RefusedError(413, f"the body is larger than {self._limits.bounds.body_bytes} bytes")
        return bytes(content)

    async def _deliver(self, payload: bytes) -> Verdict:
        if self._next_hop is None:
            return Verdict(503, "none", "there is none: exnorm was started without --forward")
        try:
            verdict = await self._next_hop.deliver(payload)
        except asyncio.CancelledError:
            self._note(Verdict(429, "timeout", "it did not answer in time"))
            raise
        self._note(verdict)
        return verdict

    def _note(self, verdict: Verdict) -> None:
        """Count a failure; say it once, and once that it is over."""
        if verdict.failure:
            self.traffic.next_hop_failures[verdict.failure] += 1
        if verdict.failure == self._next_hop_failure:
            return
        self._next_hop_failure = verdict.failure
        self._report(
            f"the next hop did not take a batch: {verdict.explanation}; it stays with its sender"
            if verdict.failure
            else "the next hop takes batches again"
        )

    def _describe_next_hop(self) -> str:
        return "none" if self._next_hop is None else self._next_hop_failure or "ok"


def _say(status: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, text=text + "\n", headers=headers)


# --- running it ----------------------------------------------------------------------------------


async def run_service(
    service: Service,
    next_hop: NextHop | None,
    address: Address,
    tls: ssl.SSLContext | None,
    limits: Limits,
    reload: Callable[[], Reloaded],
    report: Report,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is in flight; SIGHUP reads the settings again."""
    stop = asyncio.Event()
    runner = web.AppRunner(
        service.application(),
        access_log=None,
        auto_decompress=False,  # ours stops at a bound
        lingering_time=LINGER_SECONDS,
        shutdown_timeout=limits.seconds + 1,
    )
    with _signals(stop, service, reload, report):  # to the end: a second SIGTERM cuts nothing short
        try:
            if next_hop is not None:
                await next_hop.open()
            await runner.setup()
            bound = await _listen(runner, address, tls)
            scheme = "https" if tls is not None else "http"
            onward = f", forwarding to {next_hop.url}" if next_hop is not None else ", without a next hop"
            report(f"listening on {scheme}://{bound}{onward}")
            await stop.wait()
            service.stop_accepting()
            report("stopping: finishing what is in flight")
        finally:
            await runner.cleanup()
            if next_hop is not None:
                await next_hop.close()
            service.close()


async def _listen(runner: web.AppRunner, address: Address, tls: ssl.SSLContext | None) -> Address:
    """Listen; the address with the port that was taken where 0 was asked for."""
    try:
        await web.TCPSite(runner, address.host, address.port, ssl_context=tls).start()
    except OSError as error:
        raise SettingsError(f"listen: cannot listen on {address}: {error.strerror or error}") from None
    return Address(address.host, runner.addresses[0][1])


@contextlib.contextmanager
def _signals(stop: asyncio.Event, service: Service, reload: Callable[[], Reloaded], report: Report) -> Any:
    loop = asyncio.get_running_loop()
    reloads: set[asyncio.Task[None]] = set()

    async def apply() -> None:
        try:
            await service.use(await asyncio.to_thread(reload))
            report("settings were read again")
        except NormalizerError as error:
            report(f"settings stay as they were: {error}")

    def start_reload() -> None:
        task = loop.create_task(apply())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    handlers = {"SIGTERM": stop.set, "SIGINT": stop.set, "SIGHUP": start_reload}
    known = [(getattr(signal, name), call) for name, call in handlers.items() if hasattr(signal, name)]
    with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C ends the loop by itself
        for number, call in known:
            loop.add_signal_handler(number, call)
    try:
        yield
    finally:
        with contextlib.suppress(NotImplementedError):
            for number, _ in known:
                loop.remove_signal_handler(number)
        for task in reloads:
            task.cancel()
