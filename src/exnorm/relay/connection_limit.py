"""Limit the connections of a listener: count them when accepted, and close the least useful one when full.

Connections are counted before TLS or a protocol uses any memory. When the limit is reached, connections that
never sent anything valid (strangers) are closed first, the oldest first, then the one that was idle longest;
busy ones stay. So any number of idle connections cannot keep a sender out. Refusals are logged at most once a
minute for each reason.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

from exnorm.rate_limit import Rarely

HANDSHAKE_SECONDS = 10.0
QUIET_SECONDS = 5.0
"""How long a known sender must have been quiet to be sent away for another."""

_BACKLOG = 512
_SWEEP_SECONDS = 1.0
_TLS_ENDED = 32
"""After so many, garbage is collected: asyncio's TLS leaves half a megabyte in circles for each."""

_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

Refuse = Callable[[str, str, int], None]
"""``refuse(peer, reason, times)``: says that connections were refused; ``times`` since it was said last."""


class Guest:
    """One connection, from its acceptance to its end."""

    __slots__ = ("_leave", "is_busy", "is_known", "peer", "since")

    def __init__(self, peer: str, now: float) -> None:
        self.peer = peer
        self.since = now
        self.is_known = False
        self.is_busy = False
        self._leave: Callable[[], object] = lambda: None

    def work(self) -> None:
        """Mark it as busy with a request or a message."""
        self.is_busy = True

    def rest(self) -> None:
        """Mark it as answered and idle."""
        self.is_busy = False
        self.since = time.monotonic()


@dataclass(frozen=True)
class Bounds:
    """The number of connections; the seconds that a stranger may stay and that a sender may be idle (0: no
    limit).
    """

    connections: int
    stranger_seconds: float = 0.0
    quiet_seconds: float = 0.0


class Gate:
    """Accepts connections and gives each a protocol; ``refuse`` is called for each closed one."""

    def __init__(
        self,
        make_protocol: Callable[[Guest], asyncio.Protocol],
        bounds: Bounds,
        tls: ssl.SSLContext | None,
        refuse: Refuse,
    ) -> None:
        self._make_protocol = make_protocol
        self._bounds = bounds
        self._tls = tls
        self._say = refuse
        self._refused = 0
        self._rarely = Rarely()
        self._guests: dict[Guest, asyncio.BaseTransport | None] = {}  # in the order they came
        self._by_transport: dict[asyncio.BaseTransport, Guest] = {}
        self._listeners: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = 0

    @property
    def count(self) -> int:
        """The number of connections."""
        return len(self._guests)

    def numbers(self) -> dict[str, int]:
        """Return the counts by the names of their metrics. Thread safe."""
        return {"exnorm_connections": self.count, "exnorm_connections_refused": self._refused}

    def find(self, transport: asyncio.BaseTransport | None) -> Guest | None:
        """Return the connection of a transport; ``None`` where it has ended."""
        return None if transport is None else self._by_transport.get(transport)

    def refuse(self, peer: str, reason: str) -> None:
        """Count a refused connection, and report it once a minute for each reason."""
        self._refused += 1
        times = self._rarely.count(reason)
        if times:
            self._say(peer, reason, times)

    async def open_tcp(self, host: str, port: int) -> int:
        """Listen on every address of ``host`` and return the port. Raises ``OSError``."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        try:
            for family, *_, address in dict.fromkeys(found):
                place = (address[0], port or address[1], *address[2:])
                listener = socket.create_server(place, family=family, backlog=_BACKLOG)
                self._listeners.append(listener)
                port = listener.getsockname()[1]  # where any was asked for, all addresses have the same
        except OSError:
            self.close()
            raise
        self._start()
        return port

    def open_unix(self, path: str) -> None:
        """Listen on a unix socket. Raises ``OSError``."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listeners.append(listener)
        try:
            listener.bind(path)
            listener.listen(_BACKLOG)
        except OSError:
            self.close()
            raise
        self._start()

    def close(self) -> None:
        """Accept no more connections and drop those not yet admitted; the others stay."""
        for task in self._tasks:
            task.cancel()
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    # --- coming in -------------------------------------------------------------------------------

    def _start(self) -> None:
        for listener in self._listeners:
            listener.setblocking(False)
            self._keep(asyncio.create_task(self._accept(listener)))
        if self._bounds.stranger_seconds or self._bounds.quiet_seconds:
            self._keep(asyncio.create_task(self._sweep()))

    def _keep(self, task: asyncio.Task[None]) -> asyncio.Task[None]:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while listener in self._listeners:
            try:
                sock, address = await loop.sock_accept(listener)
            except OSError as error:  # of one connection that is gone already, or of the whole machine
                if error.errno in _NO_ROOM and not self._make_room():
                    self.refuse("", "no file descriptors or memory left")
                    await asyncio.sleep(_SWEEP_SECONDS)
                continue
            peer = describe_peer(address)
            if len(self._guests) >= self._bounds.connections and not self._make_room():
                sock.close()
                self.refuse(peer, f"more than {self._bounds.connections} connections")
            else:
                guest = Guest(peer, time.monotonic())
                self._guests[guest] = None
                guest._leave = self._keep(asyncio.create_task(self._let_in(sock, guest))).cancel
            await asyncio.sleep(0)  # accepting alone would never let the others have their turn

    async def _let_in(self, sock: socket.socket, guest: Guest) -> None:
        loop = asyncio.get_running_loop()
        try:
            if self._tls is not None:
                await _wait_for_word(sock)
            await loop.connect_accepted_socket(
                lambda: _Doorkeeper(self, guest, self._make_protocol(guest)),
                sock,
                ssl=self._tls,
                ssl_handshake_timeout=HANDSHAKE_SECONDS if self._tls else None,
            )
        except (OSError, asyncio.TimeoutError) as error:
            self._exit(guest)
            sock.close()
            self.refuse(guest.peer, f"TLS: {_describe(error)}")
        except asyncio.CancelledError:  # somebody else needed the place
            self._exit(guest)
            sock.close()
            raise

    def _enter(self, guest: Guest, transport: asyncio.BaseTransport) -> None:
        if guest not in self._guests:  # sent away at the last moment
            _abort(transport)
            return
        self._guests[guest] = transport
        self._by_transport[transport] = guest
        guest._leave = lambda: _abort(transport)

    def _exit(self, guest: Guest) -> None:
        transport = self._guests.pop(guest, None)
        if transport is not None:
            self._by_transport.pop(transport, None)
        if self._tls is not None:
            self._ended += 1
            if self._ended % _TLS_ENDED == 0:
                gc.collect()

    # --- having to go ----------------------------------------------------------------------------

    def _make_room(self) -> bool:
        """Close one connection to admit another; return whether there was one to close."""
        oldest_quiet = time.monotonic() - QUIET_SECONDS
        stranger = next((guest for guest in self._guests if not guest.is_known), None)
        quiet = [guest for guest in self._guests if not guest.is_busy and guest.since <= oldest_quiet]
        guest = stranger or min(quiet, key=lambda guest: guest.since, default=None)
        if guest is None:
            return False
        self._send_away(guest)
        self.refuse(guest.peer, f"more than {self._bounds.connections} connections, this one sent nothing")
        return True

    def _send_away(self, guest: Guest) -> None:
        leave = guest._leave
        self._exit(guest)
        leave()

    async def _sweep(self) -> None:
        """Close connections that were strangers, or idle, for too long."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            now = time.monotonic()
            for guest in list(self._guests):
                if guest.is_known:
                    allowed = 0.0 if guest.is_busy else self._bounds.quiet_seconds
                else:
                    allowed = self._bounds.stranger_seconds
                if allowed and now - guest.since > allowed:
                    self._send_away(guest)
                    if not guest.is_known:
                        self.refuse(guest.peer, f"no request within {allowed:g} seconds")


class _Doorkeeper(asyncio.Protocol):
    """Passes everything to the protocol of the connection, and reports its begin and end."""

    def __init__(self, gate: Gate, guest: Guest, inner: asyncio.Protocol) -> None:
        self._gate = gate
        self._guest = guest
        self._inner = inner

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._gate._enter(self._guest, transport)
        self._inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._gate._exit(self._guest)
        self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()


def describe_peer(address: object) -> str:
    """Return the address of the other end: ``host:port``, or ``unix``."""
    if not isinstance(address, tuple):
        return "unix"
    host, port = str(address[0]), address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def _wait_for_word(sock: socket.socket) -> None:
    """Wait for the first byte: until then, a connection costs no more than its file descriptor."""
    loop = asyncio.get_running_loop()
    spoken = asyncio.Event()
    try:
        loop.add_reader(sock, spoken.set)
    except NotImplementedError:  # Windows: TLS will wait for it
        return
    try:
        await asyncio.wait_for(spoken.wait(), HANDSHAKE_SECONDS)
    finally:
        loop.remove_reader(sock)


def _describe(error: BaseException) -> str:
    """Return why a handshake failed, in words of OpenSSL or ours, never the peer's."""
    reason = getattr(error, "reason", None)
    if isinstance(reason, str):
        return reason.lower().replace("_", " ")
    return "the handshake was not finished"


def _abort(transport: asyncio.BaseTransport) -> None:
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()
    else:
        transport.close()
