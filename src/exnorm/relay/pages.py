"""``/healthz``, ``/readyz`` and ``/metrics``, alike for every service."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from aiohttp import web

from exnorm.errors import SettingsError
from exnorm.relay.metrics import CONTENT_TYPE, Metrics
from exnorm.relay.readiness import Readiness

HEALTH, READY, METRICS = "/healthz", "/readyz", "/metrics"
OPEN_PATHS = (HEALTH, READY)
"""Asked without a password: they say nothing of events."""


class Pages:
    """Answers the three paths; ``describe`` returns more on the service for ``/healthz``."""

    def __init__(
        self,
        metrics: Metrics,
        readiness: Readiness,
        describe: Callable[[], dict[str, str]] = dict,
    ) -> None:
        self._metrics = metrics
        self._readiness = readiness
        self._describe = describe

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get(HEALTH, self._show_health)
        app.router.add_get(READY, self._show_readiness)
        app.router.add_get(METRICS, self._show_metrics)

    async def _show_health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok", **self._describe()})

    async def _show_readiness(self, request: web.Request) -> web.Response:
        reason = await self._readiness.explain()
        content = {"status": "not ready", "reason": reason} if reason else {"status": "ready"}
        return web.json_response(content, status=503 if reason else 200)

    async def _show_metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=self._metrics.render(), headers={"Content-Type": CONTENT_TYPE})


class Panel:
    """The pages on an address of their own, which its caller has checked."""

    def __init__(self, pages: Pages, host: str, port: int, path: str = "") -> None:
        app = web.Application(client_max_size=1024)
        pages.add_to(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        self._host, self._port, self._path = host, port, path

    async def open(self) -> str:
        """Listen and return the address, with the chosen port. Raises ``SettingsError``."""
        await self._runner.setup()
        try:
            if self._path:
                self._remove_socket()  # one that was left behind by a kill
                await web.UnixSite(self._runner, self._path).start()
                return f"unix:{self._path}"
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            raise SettingsError(f"metrics: cannot listen: {error.strerror or error}") from None
        shown = f"[{self._host}]" if ":" in self._host else self._host
        return f"{shown}:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()
        self._remove_socket()

    def _remove_socket(self) -> None:
        """Remove the socket's file; never a file of any other kind."""
        path = Path(self._path)
        with suppress(OSError):
            if self._path and path.is_socket():
                path.unlink()
