"""A service over HTTP: receive batches, normalize them, send them to the next hop, in any protocol.

A batch is answered with 200 only after the next hop accepted it. The service keeps no batch: the sender keeps
it until then, so a crash loses nothing. A protocol derives from ``HttpService``: it defines its paths, what
is done with a body, and how an answer is written.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

from aiohttp import web

from exnorm.errors import NormalizerError, SettingsError
from exnorm.malloc import keep_what_is_there
from exnorm.pipeline.counts import Counts
from exnorm.relay.access import Address, Secret
from exnorm.relay.bodies import Body, Bounds, LineLengths, RefusedError
from exnorm.relay.connection_limit import Bounds as GateBounds, Gate, describe_peer
from exnorm.relay.figures import sum_up
from exnorm.relay.journal import Journal
from exnorm.relay.metrics import Metrics
from exnorm.relay.next_hop import NextHop, Verdict
from exnorm.relay.notify import READY, STOPPING, notify
from exnorm.relay.pages import HEALTH, METRICS, OPEN_PATHS, READY as READY_PATH, Pages
from exnorm.relay.readiness import Readiness
from exnorm.relay.signals import handling
from exnorm.relay.traffic import Traffic

if TYPE_CHECKING:
    from exnorm.pipeline.normalizer import Normalizer

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Act = Callable[[Body, "list[Future[Any]]"], Awaitable[web.Response]]
"""Answers a request; what it gives to the thread it puts into the list."""

PAGES = (HEALTH, READY_PATH, METRICS)
SUMMARY_SECONDS = 60.0
RETRY_AFTER = {"Retry-After": "1"}
LINGER_SECONDS = 2.0
FIRST_REQUEST_SECONDS = 30.0
QUIET_SECONDS = 75.0
SMALL = 64 * 1024
"""How much of a body is read before it has a place: who sends slowly shall keep no place from others."""


@dataclass(frozen=True)
class Limits:
    """The limits of requests, bodies and connections, and the time to answer.

    Logstash, and most exporters of OTLP, give up after 10 seconds of silence and send the batch again, so the
    answer comes before that.
    """

    in_flight: int = 16
    seconds: float = 8.0
    bounds: Bounds = field(default_factory=Bounds)
    connections: int = 128


@dataclass(frozen=True)
class Reloaded:
    """The settings that may change while the service runs."""

    normalizer: Normalizer
    secret: Secret | None = None
    has_format: bool = False
    """Whether the settings name a format."""


class Work(Protocol):
    """Normalizes and counts bodies, in the service's one thread for this."""

    def use(self, normalizer: Normalizer) -> None:
        """Continue with other settings."""

    def counts(self) -> Counts:
        """Return the pipelines' counts since the start. Thread safe."""

    def write_failures(self) -> dict[str, int]:
        """Return failed writes to further files, by file. Thread safe."""


class HttpService:
    """The HTTP side. Made and run inside one event loop."""

    name: ClassVar[str]
    """The service's, in metrics."""
    paths: ClassVar[tuple[str, ...]]
    """Where batches are taken."""

    def __init__(
        self,
        reloaded: Reloaded,
        next_hop: NextHop | None,
        limits: Limits,
        journal: Journal,
        work: Work,
        traffic: Traffic,
    ) -> None:
        self.traffic = traffic
        self.gate: Gate | None = None
        self._limits = limits
        self._journal = journal
        self._next_hop = next_hop
        self._secret = reloaded.secret
        self._work = work
        self.readiness = Readiness(None if next_hop is None else next_hop.connect_once)
        self._pages = Pages(
            Metrics(self.name, work.counts, self.numbers),
            self.readiness,
            lambda: {"next_hop": self._describe_next_hop()},
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="normalize")
        self._places = asyncio.Semaphore(limits.in_flight)
        self._next_hop_failure = ""

    # --- what a protocol says --------------------------------------------------------------------

    def add_routes(self, app: web.Application) -> None:
        """Add a handler for each of ``paths``."""
        raise NotImplementedError

    def renew(self, reloaded: Reloaded) -> None:
        """Go on with other settings; called in the thread that normalizes."""
        self._work.use(reloaded.normalizer)

    def say(
        self, request: web.Request, status: int, text: str, headers: Mapping[str, str] | None = None
    ) -> web.Response:
        """Return an answer without events."""
        return _say(status, text, headers)

    # --- what every service has ------------------------------------------------------------------

    def application(self) -> web.Application:
        """Return the application with its routes."""
        app = web.Application(middlewares=[self._watch], client_max_size=self._limits.bounds.body_bytes)
        self.add_routes(app)
        self._pages.add_to(app)
        return app

    def numbers(self) -> dict[str, Any]:
        """Return the service's own counts, by the names of their metrics. Thread safe."""
        gate = {} if self.gate is None else self.gate.numbers()
        return {**self.traffic.numbers(), **gate, "exnorm_write_failures": self._work.write_failures()}

    def counts(self) -> Counts:
        """Return the pipelines' counts since the start."""
        return self._work.counts()

    def figures(self) -> dict[str, Any]:
        """Return the totals so far, for the log."""
        numbers = {"events_in": self.traffic.events_in, "events_out": self.traffic.events_out}
        return {**numbers, "failed": self.traffic.failed, **sum_up(self.counts())}

    def close(self) -> None:
        """Wait for the body in progress; bodies not yet begun will be sent again."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def say_refused(self, peer: str, reason: str, times: int) -> None:
        """Report refused connections."""
        self._journal("warning", "connection refused", peer=peer, reason=reason, times=times)

    def complain(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Report an uncaught exception by its type alone, because its text may contain anything."""
        error = context.get("exception")
        self._journal.repeat("error", "internal error", type(error).__name__, {"reason": str(error)})

    async def use(self, reloaded: Reloaded) -> None:
        """Continue with these settings, after the batch that is being normalized."""
        await asyncio.wrap_future(self._thread.submit(self.renew, reloaded))
        self._secret = reloaded.secret

    # --- every request ---------------------------------------------------------------------------

    @web.middleware
    async def _watch(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Check the sender's secret, and count the answers."""
        known = request.path in self.paths or request.path in PAGES
        guest = self.gate.find(request.transport) if self.gate else None
        status = "500"
        try:
            response: web.StreamResponse | None = self._refuse_stranger(request)
            if response is None:
                if guest is not None:
                    guest.is_known = guest.is_known or (known and request.path not in OPEN_PATHS)
                    guest.work()
                response = await handler(request)
            status = str(response.status)
            return response
        except web.HTTPException as error:
            status = str(error.status)
            raise
        except ConnectionError:
            status = "aborted"
            raise
        except Exception as error:  # whatever it is, it costs this request only, and its sender has it still
            self._journal.repeat("error", "a request failed", type(error).__name__, {"reason": str(error)})
            return self.say(request, 500, "an error in exnorm", RETRY_AFTER)
        finally:
            if guest is not None:
                guest.rest()
            self.traffic.count_request(request.path if known else "other", status)

    def _refuse_stranger(self, request: web.Request) -> web.Response | None:
        if self._secret is None or request.path in OPEN_PATHS:
            return None
        if self._secret.match(request.headers.get("Authorization", "")):
            return None
        reason, headers = f"wrong {self._secret.what}", {"WWW-Authenticate": self._secret.challenge}
        self._journal.repeat("warning", "a request was refused", "401", reason=reason, peer=_peer(request))
        return self.say(request, 401, reason, headers)

    async def bounded(self, request: web.Request, act: Act, *, waits: bool = False) -> web.Response:
        """Do the work within the time limit; answer 429 where that is too short, or where every place is
        taken.

        ``waits`` is for a sender that would not retry: it waits for a place, with most of its body unread.
        """
        if self._places.locked() and not waits:
            return self._say_busy(request)
        try:
            return await asyncio.wait_for(self._in_place(request, act, waits), self._limits.seconds)
        except asyncio.TimeoutError:
            return self.say(request, 429, f"not done within {self._limits.seconds:g} seconds", RETRY_AFTER)
        except RefusedError as error:
            self._journal.repeat("warning", "a request was refused", str(error.status), reason=str(error))
            return self.say(request, error.status, str(error))

    def _say_busy(self, request: web.Request) -> web.Response:
        return self.say(request, 429, "too many requests are in flight", RETRY_AFTER)

    async def _in_place(self, request: web.Request, act: Act, waits: bool) -> web.Response:
        """Do the work while holding a place, which is kept until its thread is done."""
        parts = [part async for part in self._read(request, SMALL)]
        if self._places.locked() and not waits:
            return self._say_busy(request)
        await self._places.acquire()
        self.traffic.in_flight += 1
        jobs: list[Future[Any]] = []
        try:
            parts += [part async for part in self._read(request, self._limits.bounds.body_bytes, parts)]
            encoding = request.headers.get("Content-Encoding", "")
            return await act(Body(b"".join(parts), encoding, request.content_type), jobs)
        finally:
            if jobs and not jobs[-1].done():
                loop = asyncio.get_running_loop()
                jobs[-1].add_done_callback(lambda _: loop.call_soon_threadsafe(self._leave))
            else:
                self._leave()

    def _leave(self) -> None:
        self.traffic.in_flight -= 1
        self._places.release()

    async def in_thread(self, function: Callable[[Body], T], body: Body, jobs: list[Future[Any]]) -> T:
        """Normalize in the thread, so that the loop stays free to answer."""
        jobs.append(self._thread.submit(function, body))
        return await asyncio.wrap_future(jobs[-1])

    # --- their parts -----------------------------------------------------------------------------

    async def _read(
        self, request: web.Request, enough: int, before: Iterable[bytes] = ()
    ) -> AsyncIterator[bytes]:
        """Yield parts of the body until ``enough`` of it, or its end, is there. Raises ``RefusedError``."""
        limit = self._limits.bounds.body_bytes
        size, lines = 0, LineLengths(self._limits.bounds.line_bytes)
        for part in before:
            size += len(part)
            lines.add(part)
        if (request.content_length or 0) > limit:
            raise RefusedError(413, f"the body is larger than {limit} bytes")
        is_packed = bool(request.headers.get("Content-Encoding"))
        while size <= enough and (part := await request.content.readany()):
            size += len(part)
            if not is_packed:
                lines.add(part)
            if size > limit:
                raise RefusedError(413, f"the body is larger than {limit} bytes")
            yield part

    async def deliver(self, payload: bytes) -> Verdict:
        """Send a batch to the next hop, and record the result."""
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
        """Count a failure; report it once, and once that it is over."""
        self.readiness.note(verdict.failure)
        if verdict.failure:
            self.traffic.next_hop_failures[verdict.failure] += 1
        if verdict.failure == self._next_hop_failure:
            return
        self._next_hop_failure = verdict.failure
        if verdict.failure:
            self._journal.repeat(
                "error", "the next hop did not take a batch, it stays with its sender", verdict.failure,
                reason=verdict.explanation,
            )  # fmt: skip
        else:
            self._journal.repeat("info", "the next hop takes batches again", "")

    def _describe_next_hop(self) -> str:
        return "none" if self._next_hop is None else self._next_hop_failure or "ok"


def _peer(request: web.Request) -> str:
    peer = request.transport and request.transport.get_extra_info("peername")
    return describe_peer(peer) if peer else "a connection that has ended"


def _say(status: int, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(status=status, text=text + "\n", headers=headers)


class _Handler(web.RequestHandler):
    """aiohttp's handler, except that it neither repeats nor logs anything of an unreadable request."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the answer to such a request."""
        response = _say(status, "the request cannot be read" if status < 500 else "an error in exnorm")
        response.force_close()
        return response


# --- running it ----------------------------------------------------------------------------------


async def run_service(
    service: HttpService,
    next_hop: NextHop | None,
    address: Address,
    tls: ssl.SSLContext | None,
    limits: Limits,
    reload: Callable[[], Reloaded],
    journal: Journal,
    config: str | None = None,
) -> None:
    """Serve until told to stop, then finish the requests in progress; ``reload`` reads the settings again.

    ``config`` is the settings file, watched where there is no SIGHUP.
    """
    stop = asyncio.Event()
    runner = web.AppRunner(service.application(), shutdown_timeout=limits.seconds + 1)
    with _signals(stop, service, reload, journal, config):  # to the end: a second SIGTERM cuts nothing short
        try:
            if next_hop is not None:
                await next_hop.open()
            await runner.setup()
            gate = service.gate = _make_gate(runner, service, tls, limits)
            bound = await _listen(gate, address)
            keep_what_is_there()  # tables and plugins live as long as the process
            scheme = "https" if tls is not None else "http"
            onward = next_hop.url if next_hop is not None else ""
            journal("info", "listening", listen=f"{scheme}://{bound}", forward=onward)
            notify(READY)
            await _summarize(service, journal, stop)
            notify(STOPPING)
            service.readiness.stop()
            journal("info", "stopping", in_flight=service.traffic.in_flight)
        finally:
            if service.gate is not None:
                service.gate.close()
            await runner.cleanup()
            if next_hop is not None:
                await next_hop.close()
            service.close()
    journal("info", "stopped", **service.figures())


async def _summarize(service: HttpService, journal: Journal, stop: asyncio.Event) -> None:
    """Report once a minute what was done, if anything, until told to stop."""
    last = 0
    while not stop.is_set():
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stop.wait(), SUMMARY_SECONDS)
        if service.traffic.events_in != last and not stop.is_set():
            last = service.traffic.events_in
            journal("info", "traffic", {"first_errors": service.counts().first_errors}, **service.figures())


def _make_gate(
    runner: web.AppRunner, service: HttpService, tls: ssl.SSLContext | None, limits: Limits
) -> Gate:
    server, loop = runner.server, asyncio.get_running_loop()
    assert server is not None
    options: dict[str, Any] = {
        "access_log": None,
        "auto_decompress": False,  # ours stops at a bound
        "lingering_time": LINGER_SECONDS,
        "keepalive_timeout": QUIET_SECONDS,
    }
    bounds = GateBounds(limits.connections, FIRST_REQUEST_SECONDS, QUIET_SECONDS)
    return Gate(lambda guest: _Handler(server, loop=loop, **options), bounds, tls, service.say_refused)


async def _listen(gate: Gate, address: Address) -> Address:
    """Listen and return the address, with the chosen port where 0 was requested."""
    try:
        return Address(address.host, await gate.open_tcp(address.host, address.port))
    except OSError as error:
        raise SettingsError(f"listen: cannot listen on {address}: {error.strerror or error}") from None


@contextlib.contextmanager
def _signals(
    stop: asyncio.Event,
    service: HttpService,
    reload: Callable[[], Reloaded],
    journal: Journal,
    config: str | None,
) -> Any:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(service.complain)
    loop.set_debug(False)  # it would log requests, with what authorizes them
    reloads: set[asyncio.Task[None]] = set()

    async def apply() -> None:
        try:
            await service.use(await asyncio.to_thread(reload))
            journal("info", "reloaded")
        except NormalizerError as error:
            journal("error", "reload failed", reason=str(error), kept="the settings before")
        except Exception as error:  # whatever it is, what runs goes on
            journal("error", "reload failed", reason=type(error).__name__, kept="the settings before")

    def start_reload() -> None:
        task = loop.create_task(apply())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    try:
        with handling(stop.set, start_reload, config):
            yield
    finally:
        for task in reloads:
            task.cancel()
