"""Whether a service can take events now: its next hop accepts them, and it is not about to stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

FRESH_SECONDS = 10.0
PROBE_SECONDS = 2.0

Probe = Callable[[], Awaitable[object]]
"""Opens a connection to the next hop and closes it; raises where that fails."""


class Readiness:
    """Uses the result of the last delivery while it is fresh, else tries a connection, at most one a second.

    Only the event loop's thread may call it. Without a probe there is no next hop to wait for.
    """

    def __init__(self, probe: Probe | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._probe = probe
        self._clock = clock
        self._stopping = False
        self._delivered = self._probed = float("-inf")
        self._failure = self._unreachable = ""
        self._asking = asyncio.Lock()

    def note(self, failure: str) -> None:
        """Record the result of a delivery: empty where the next hop accepted it."""
        self._delivered, self._failure = self._clock(), failure

    def stop(self) -> None:
        """Report not ready from now on."""
        self._stopping = True

    async def explain(self) -> str:
        """Return why it is not ready; empty where it is."""
        if self._stopping:
            return "stopping"
        failure = await self._ask_next_hop()
        return f"next hop: {failure}" if failure else ""

    async def _ask_next_hop(self) -> str:
        if self._probe is None:
            return ""
        if self._clock() - self._delivered < FRESH_SECONDS:
            return self._failure
        async with self._asking:
            if self._clock() - self._probed >= 1.0:
                self._unreachable = await _try(self._probe)
                self._probed = self._clock()
        return self._unreachable


async def _try(probe: Probe) -> str:
    try:
        await asyncio.wait_for(probe(), PROBE_SECONDS)
    except asyncio.TimeoutError:
        return "timeout"
    except OSError:
        return "connection"
    return ""


async def connect_once(host: str, port: int, path: str = "") -> None:
    """Probe a TCP port, or a unix socket where there is a path."""
    if path:
        _, writer = await asyncio.open_unix_connection(path)
    else:
        _, writer = await asyncio.open_connection(host, port)
    writer.close()
    await writer.wait_closed()
