"""Send batches to the next hop, with one try for each request, because the shipper before us retries.

Each batch has a connection of its own. An HTTP answer does not name its request, so a late or duplicate one
on a kept connection would acknowledge the next batch, which was not delivered.
"""

from __future__ import annotations

import ssl
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp

from exnorm.relay.access import Secret
from exnorm.relay.descriptors import OUT_OF_DESCRIPTORS, is_out_of_descriptors
from exnorm.relay.readiness import connect_once

CONNECT_SECONDS = 3.0
_ANSWER_BYTES = 65536
_REFUSALS = {
    400: "it cannot read what it was sent",
    401: "user name or password are wrong",
    403: "it does not let us in",
    404: "there is no such path",
    413: "the batch is larger than it takes",
}


class Verdict(NamedTuple):
    """The status for the shipper (200, 429 or 503), and the next hop's failure for metrics and log.

    ``answer`` is the beginning of the next hop's answer, ``retry_after`` its header of that name.
    """

    status: int
    failure: str = ""
    explanation: str = ""
    answer: bytes = b""
    retry_after: str = ""


TAKEN = Verdict(200)


class NextHop:
    """The next hop; open it inside the running loop."""

    def __init__(
        self,
        url: str,
        secret: Secret | None,
        tls: ssl.SSLContext | None,
        connections: int,
        content_type: str = "application/x-ndjson",
    ) -> None:
        self.url = url
        self._headers = {
            "Content-Type": content_type,
            "Content-Encoding": "gzip",
            "User-Agent": "exnorm",
            "Connection": "close",
        }
        if secret is not None:
            self._headers["Authorization"] = secret.header
        self._tls = tls
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Prepare the session; nothing is sent yet."""
        connector = aiohttp.TCPConnector(limit=self._connections, ssl=self._tls or True, force_close=True)
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._headers,
        )

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def connect_once(self) -> None:
        """Open a connection and close it, to see whether the next hop is there. Raises ``OSError``."""
        parts = urlsplit(self.url)
        await connect_once(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))

    async def deliver(self, body: bytes) -> Verdict:
        """Send one packed batch; the caller limits the time."""
        assert self._session is not None
        try:
            async with self._session.post(self.url, data=body, allow_redirects=False) as response:
                answer = bytearray()
                while piece := await response.content.read(
                    _ANSWER_BYTES
                ):  # to its end: half an answer is none
                    answer += piece[: _ANSWER_BYTES - len(answer)]
                wait = response.headers.get("Retry-After", "")
                return judge(response.status)._replace(answer=bytes(answer), retry_after=wait)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            if is_out_of_descriptors(error):
                return Verdict(503, "descriptors", OUT_OF_DESCRIPTORS)
            return Verdict(503, "connection", _explain(error))


def judge(status: int) -> Verdict:
    """Return the meaning of the next hop's status for the shipper: accepted, retry later, or down.

    A 4xx of the next hop is a fault of our settings or of its own, never of a record: it is passed on as 503,
    so that the shipper keeps the batch until the fault is fixed.
    """
    if 200 <= status < 300:
        return TAKEN
    if status == 429:
        return Verdict(429, "429", "it answered 429: it is busy")
    reason = f": {_REFUSALS[status]}" if status in _REFUSALS else ""
    return Verdict(503, str(status), f"it answered {status}{reason}")


def _explain(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    return " ".join(text.split())[:200]
