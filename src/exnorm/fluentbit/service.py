"""The forward service: connections in, one relay to the next hop, acknowledgements back.

Memory is limited by settings: connections are limited (``relay.connection_limit``), each holds at most
``SMALL`` bytes of an unfinished message until it gets one of a few permits for a large one, and only
``slots`` messages are processed at a time. A sender without permit or slot is not read from, which slows it
down. Nothing is stored.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import msgpack

from exnorm.errors import NormalizerError, SettingsError, quote
from exnorm.files.rejects import RejectFile
from exnorm.fluentbit import handshake
from exnorm.fluentbit.addresses import Address, is_local
from exnorm.fluentbit.forward import ForwardError, MessageCutter
from exnorm.fluentbit.relay import Carrier, Filter, SenderGoneError
from exnorm.fluentbit.reload_counts import Accounts
from exnorm.fluentbit.sender import AckSender, NextHop, NextHopError, explain
from exnorm.malloc import keep_what_is_there
from exnorm.relay.connection_limit import Bounds, Gate, Guest
from exnorm.relay.figures import sum_up
from exnorm.relay.journal import Journal
from exnorm.relay.notify import READY, STOPPING, notify
from exnorm.relay.readiness import Readiness, connect_once
from exnorm.relay.signals import handling

SMALL = 64 * 1024
_READ = 64 * 1024
_HANDSHAKE_SECONDS = 10.0
_SUMMARY_SECONDS = 60.0
_GRACE_SECONDS = 5.0


class Panel(Protocol):
    """The address of health and metrics."""

    async def open(self) -> str:
        """Listen and return the address."""

    async def close(self) -> None:
        """Stop listening."""


@dataclass(frozen=True)
class ServiceLimits:
    """The limits of the service: threads, connections, bytes and seconds."""

    slots: int = 2
    max_connections: int = 64
    max_chunk_bytes: int = 32 * 1024 * 1024
    send_bytes: int = 4 * 1024 * 1024
    timeout: float = 60.0
    idle_timeout: float = 600.0


@dataclass(frozen=True)
class Listener:
    """The address to listen on, and how clients are authenticated."""

    address: Address
    tls: ssl.SSLContext | None = None
    shared_key: bytes = b""
    socket_mode: int = 0o600


@dataclass(frozen=True)
class Doors:
    """Both sides of the service, as a reload may change them."""

    listener: Listener
    hop: NextHop


def check_listener(listener: Listener) -> None:
    """Raise ``SettingsError`` for a listener that is open to the network without TLS and a shared key."""
    address = listener.address
    if address.path:
        if listener.shared_key:
            reason = "Fluent Bit crashes where it should use both; --socket-mode says who may come in"
            raise SettingsError(f"listen: {address} takes no shared key: {reason}")
        if listener.tls is not None:
            raise SettingsError(f"listen: {address} takes no TLS: it does not leave this machine")
        return
    if is_local(address):
        return
    missing = [
        word
        for word, there in (("TLS", listener.tls is not None), ("a shared key", bool(listener.shared_key)))
        if not there
    ]
    if missing:
        raise SettingsError(
            f"listen: {quote(str(address))} is reachable from the network, without {' and '.join(missing)}; "
            "give --listen-cert, --listen-key and --listen-secret-file, or listen on 127.0.0.1 or unix:/path"
        )


class Service:
    """Listens, relays and acknowledges until it is stopped."""

    def __init__(
        self,
        doors: Doors,
        normalize: Filter,
        limits: ServiceLimits,
        tag_prefix: str,
        log: Journal,
        accounts: Accounts,
        rejects: RejectFile | None = None,
    ) -> None:
        check_listener(doors.listener)
        self._doors = doors
        self._limits = limits
        self._log = log
        self._accounts = accounts
        self._rejects = rejects
        self.carrier = Carrier(
            normalize,
            [AckSender(doors.hop) for _ in range(limits.slots)],
            tag_prefix=tag_prefix,
            send_bytes=limits.send_bytes,
            max_bytes=limits.max_chunk_bytes,
        )
        self._gate = Gate(
            self._make_protocol, Bounds(limits.max_connections), doors.listener.tls, self._say_refused
        )
        self._connections: set[asyncio.Task[None]] = set()
        self._busy: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._pending = 0
        self._next_hop_failures: Counter[str] = Counter()
        address = doors.hop.address
        self.readiness = Readiness(partial(connect_once, address.host, address.port, address.path))
        self.port = doors.listener.address.port

    def numbers(self) -> dict[str, Any]:
        """Return the service's own counts, by the names of their metrics. Thread safe."""
        traffic = self.carrier.traffic
        return {
            "exnorm_events_in": traffic.events_in,
            "exnorm_events_out": traffic.events_out,
            "exnorm_acknowledgements_pending": self._pending,
            "exnorm_events_failed": sum(dict(traffic.failures).values()) + self._accounts.failed(),
            "exnorm_next_hop_failures": self._next_hop_failures,
            "exnorm_write_failures": {"rejects": self._rejects.failed} if self._rejects else {},
            **self._gate.numbers(),
            "exnorm_messages": traffic.messages,
            "exnorm_bytes_in": traffic.bytes_in,
            "exnorm_chunks_out": traffic.chunks_out,
            "exnorm_bytes_out": traffic.bytes_out,
        }

    async def run(
        self,
        panel: Panel | None = None,
        reload: Callable[[], Filter] | None = None,
        config: str | None = None,
    ) -> None:
        """Serve until told to stop; ``reload`` returns a new filter when the settings must be read again.

        ``config`` is the settings file, watched where there is no SIGHUP. Raises ``SettingsError`` where it
        cannot listen.
        """
        stop = asyncio.Event()
        with handling(stop.set, None if reload is None else partial(self._reload, reload), config):
            await self._work(stop, panel)

    async def _work(self, stop: asyncio.Event, panel: Panel | None) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._complain)
        loop.set_debug(False)  # it would log what is being carried
        self._slots = asyncio.Semaphore(self._limits.slots)
        self._large = asyncio.Semaphore(self._limits.slots + 1)
        self._pool = ThreadPoolExecutor(self._limits.slots, thread_name_prefix="carry")
        await self._listen()
        keep_what_is_there()  # tables and plugins live as long as the process
        metrics = "" if panel is None else await panel.open()
        self._log(
            "info",
            "listening",
            listen=self._shown(),
            forward=str(self._doors.hop.address),
            metrics=metrics,
        )
        notify(READY)
        summary = asyncio.create_task(self._summarize())
        await stop.wait()
        notify(STOPPING)
        self.readiness.stop()
        self._log("info", "stopping", in_flight=len(self._busy))
        self._gate.close()
        summary.cancel()
        await self._drain()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.carrier.close()
        if panel is not None:
            await panel.close()
        _remove_socket(self._doors.listener.address)
        self._log("info", "stopped", **self._figures())

    # --- listening and stopping ---

    async def _listen(self) -> None:
        listener = self._doors.listener
        address = listener.address
        try:
            if address.path:
                _free_socket(address.path)
                before = os.umask(0o777 & ~listener.socket_mode)
                try:
                    self._gate.open_unix(address.path)
                finally:
                    os.umask(before)
            else:
                self.port = await self._gate.open_tcp(address.host, address.port)
        except OSError as error:
            raise SettingsError(f"listen: cannot listen on {address}: {explain(error)}") from None

    def _make_protocol(self, guest: Guest) -> asyncio.Protocol:
        reader = asyncio.StreamReader(limit=_READ)
        return asyncio.StreamReaderProtocol(reader, partial(self._accept, guest))

    def _say_refused(self, peer: str, reason: str, times: int) -> None:
        self._log("warning", "connection refused", peer=peer, reason=reason, times=times)

    def _say_lost(self, peer: str, reason: str) -> None:
        self._log.repeat("info", "connection lost", reason, peer=peer, reason=reason)

    def _complain(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Report an uncaught exception by its type alone, because its text may contain anything."""
        error = context.get("exception")
        self._log.repeat("error", "internal error", type(error).__name__, {"reason": str(error)})

    def _shown(self) -> str:
        address = self._doors.listener.address
        return str(address) if address.path else str(Address(address.host, self.port))

    async def _drain(self) -> None:
        """Finish the messages in progress and close idle connections."""
        self._stopping = True
        for task in self._connections - self._busy:
            task.cancel()
        for _ in range(3):  # whose chunk came at this very moment is busy now: wait_for may swallow a cancel
            await asyncio.sleep(0)
        if self._busy:
            await asyncio.wait(self._busy, timeout=self._limits.timeout + _GRACE_SECONDS)
        for task in self._connections:
            task.cancel()
        if self._connections:
            await asyncio.wait(self._connections, timeout=_GRACE_SECONDS)

    def _reload(self, load: Callable[[], Filter]) -> None:
        try:
            made = load()
        except Exception as error:  # whatever it is, what runs goes on
            reason = str(error) if isinstance(error, NormalizerError) else type(error).__name__
            self._log("error", "reload failed", reason=reason, kept="the settings before")
            return
        self.carrier.replace_filter(made)
        self._log("info", "reloaded")

    async def _summarize(self) -> None:
        last = -1
        while True:
            await asyncio.sleep(_SUMMARY_SECONDS)
            if self.carrier.traffic.messages != last:
                last = self.carrier.traffic.messages
                details = {"first_errors": self._accounts.counts().first_errors}
                self._log("info", "traffic", details, **self._figures())

    def _figures(self) -> dict[str, Any]:
        traffic = self.carrier.traffic
        return {
            "events_in": traffic.events_in,
            "events_out": traffic.events_out,
            "messages": traffic.messages,
            "bytes_in": traffic.bytes_in,
            "chunks_out": traffic.chunks_out,
            "bytes_out": traffic.bytes_out,
            "filter_failures": dict(traffic.failures),
            **({"rejects_failed": self._rejects.failed} if self._rejects else {}),
            **sum_up(self._accounts.counts()),
        }

    # --- one connection ---

    async def _accept(self, guest: Guest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._serve(guest, reader, writer, task)
        except ForwardError as error:
            if error.details:
                self._log.repeat("debug", "connection refused", error.reason, error.details, peer=guest.peer)
            self._gate.refuse(guest.peer, error.reason)
        except NextHopError as error:
            self._next_hop_failures[error.kind] += 1
            self.readiness.note(error.kind)
            self._log.repeat(
                "error", "not delivered, not acknowledged", error.kind, peer=guest.peer, reason=str(error)
            )
        except (OSError, asyncio.TimeoutError) as error:
            self._say_lost(guest.peer, explain(error))
        except SenderGoneError:
            self._say_lost(guest.peer, "closed before its chunk was carried")
        except asyncio.CancelledError:
            pass  # stopping
        except Exception as error:  # whatever it is, it costs this connection only
            kind = type(error).__name__
            self._log.repeat("error", "connection failed", kind, {"reason": str(error)}, peer=guest.peer)
        finally:
            self._connections.discard(task)
            self._busy.discard(task)
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def _serve(
        self,
        guest: Guest,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        task: asyncio.Task[None],
    ) -> None:
        key = self._doors.listener.shared_key
        if key:
            await asyncio.wait_for(_shake_hands(reader, writer, key), _HANDSHAKE_SECONDS)
            guest.is_known = True
        cutter = MessageCutter(self._limits.max_chunk_bytes)
        while not self._stopping:
            async with contextlib.AsyncExitStack() as permits:
                messages = await self._read_messages(guest, reader, cutter, permits)
                if not messages:
                    return
                guest.is_known = True
                self._busy.add(task)
                permits.enter_context(self._awaiting(len(messages)))
                async with self._slots:
                    for _ in range(3):  # so that the end of a connection that died meanwhile is seen
                        await asyncio.sleep(0)
                    carry = partial(self.carrier.carry, messages, reader.at_eof)
                    acks = await asyncio.get_running_loop().run_in_executor(self._pool, carry)
                del messages, carry
                self.readiness.note("")
                for ack in acks:
                    writer.write(ack)
                await asyncio.wait_for(writer.drain(), self._limits.timeout)
                self._busy.discard(task)
                guest.rest()

    @contextlib.contextmanager
    def _awaiting(self, messages: int) -> Iterator[None]:
        """Count messages as waiting for their acknowledgement meanwhile."""
        self._pending += messages
        try:
            yield
        finally:
            self._pending -= messages

    async def _read_messages(
        self,
        guest: Guest,
        reader: asyncio.StreamReader,
        cutter: MessageCutter,
        permits: contextlib.AsyncExitStack,
    ) -> list[bytes]:
        """Read the next whole messages; none at the end. A large one is read only with a permit."""
        has_permit = False
        deadline: float | None = None  # one who sends a byte now and then must not hold a permit for ever
        clock = asyncio.get_running_loop().time
        while True:
            if cutter.pending and deadline is None:
                deadline = clock() + self._limits.timeout
            patience = self._limits.idle_timeout if deadline is None else max(deadline - clock(), 0)
            data = await asyncio.wait_for(reader.read(_READ), patience)
            if not data:
                if cutter.pending:
                    raise ForwardError("closed in the middle of a message")
                return []
            guest.work()
            messages = cutter.feed(data)
            if messages:
                return messages
            if cutter.pending > SMALL and not has_permit:
                await permits.enter_async_context(self._large)
                has_permit = True
                deadline = None


async def _shake_hands(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: bytes) -> None:
    """Request the client's proof and send ours; raises ``ForwardError`` for a client without the key."""
    nonce = os.urandom(handshake.NONCE_BYTES)
    writer.write(handshake.encode_helo(nonce))
    await writer.drain()
    scanner = msgpack.Unpacker(raw=True, max_buffer_size=handshake.MAX_BYTES, read_size=1024)
    ping = b""
    while True:
        data = await reader.read(handshake.MAX_BYTES - len(ping) + 1)
        ping += data
        if not data or len(ping) > handshake.MAX_BYTES:
            raise ForwardError("no PING")
        try:
            scanner.feed(data)
            scanner.skip()
            break
        except msgpack.OutOfData:
            continue
        except Exception as error:  # msgpack raises errors of several families
            raise ForwardError(f"handshake: not msgpack: {type(error).__name__}") from None
    salt, reason = handshake.check_ping(ping, nonce, key)
    writer.write(handshake.encode_pong(reason, socket.gethostname().encode(), salt, nonce, key))
    await writer.drain()
    if reason:
        raise ForwardError(reason)


def _free_socket(path: str) -> None:
    """Remove a socket's file on which no process listens any more; refuse any other file."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise SettingsError(f"listen: {quote(path)} is there and is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        except OSError as error:
            raise SettingsError(f"listen: {quote(path)}: {explain(error)}") from None
        else:
            raise SettingsError(f"listen: {quote(path)}: another process listens there")


def _remove_socket(address: Address) -> None:
    if address.path:
        with contextlib.suppress(OSError):
            os.unlink(address.path)
