"""The return leg: fluent-logger's sender, extended to wait until the next hop acknowledges a chunk."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any

import msgpack
from fluent.sender import FluentSender

from exnorm.fluentbit import handshake
from exnorm.fluentbit.addresses import Address
from exnorm.fluentbit.forward import ForwardError, Message, decode_ack, encode_packed
from exnorm.relay.descriptors import OUT_OF_DESCRIPTORS, is_out_of_descriptors

_REPLY_BYTES = 4096


class NextHopError(Exception):
    """The next hop did not acknowledge, so nothing may be acknowledged to the sender.

    ``kind`` is one of ``connection``, ``timeout``, ``tls`` and ``answer``, for counts.
    """

    def __init__(self, reason: str, kind: str = "connection") -> None:
        super().__init__(reason)
        self.kind = kind


@dataclass(frozen=True)
class NextHop:
    """The next hop and its protection: ``tls`` verifies the name ``tls_name`` (empty: the host's)."""

    address: Address
    timeout: float = 60.0
    tls: ssl.SSLContext | None = None
    tls_name: str = ""
    shared_key: bytes = b""


class AckSender(FluentSender):  # type: ignore[misc]  # fluent-logger has no types
    """A ``FluentSender`` that sends whole chunks and waits until the next hop has acknowledged them.

    It neither buffers nor drops: a call either returns after the acknowledgement or raises ``NextHopError``.
    It adds TLS and the shared key. For one thread.
    """

    def __init__(self, hop: NextHop) -> None:
        host = f"unix://{hop.address.path}" if hop.address.path else hop.address.host
        super().__init__("", host=host, port=hop.address.port, timeout=hop.timeout)
        self.socket: Any = None
        self._hop = hop
        self._deadline = 0.0
        self._unread = b""  # what came behind an answer on this connection
        self._acknowledged = b""  # the chunk before on this connection

    def send_packed(self, message: Message, count: int | None = None) -> None:
        """Send events as one chunk and wait for its acknowledgement. Raises ``NextHopError``.

        A connection that the next hop closed while it was idle is opened again once.
        """
        if message.chunk is None:
            raise ValueError("a chunk needs an id to be acknowledged by")
        packet = encode_packed(message, count)
        with self.lock:
            if self._closed:
                raise NextHopError("the sender is closed")
            try:
                self._drop_stale()
                self._deadline = time.monotonic() + self.timeout
                self._send_data(packet)
                self._wait_for_ack(message.chunk)
            except (OSError, ForwardError) as error:
                self.last_error = error
                self._close()
                raise NextHopError(f"{self._hop.address}: {explain(error)}", _find_kind(error)) from None

    def emit_with_time(self, label: str | None, timestamp: Any, data: Any) -> bool:
        """Send one event, acknowledged like a chunk and never buffered. Raises ``NextHopError``."""
        tag = ".".join(part for part in (self.tag, label) if part)
        event = msgpack.packb([timestamp, data], **self.msgpack_kwargs)
        self.send_packed(Message(tag, event, os.urandom(16).hex().encode()), 1)
        return True

    def close(self) -> None:
        """Close the connection; a send in another thread fails at once."""
        sock, self._closed = self.socket, True
        if sock is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # of TLS too, without its farewell
        with self.lock:
            self._close()

    # --- what fluent-logger lets us put in its place ---

    def _reconnect(self) -> None:
        """Connect, with TLS and the shared key if they are set."""
        if self.socket:
            return
        sock = self._connect()
        try:
            sock.settimeout(self.timeout)
            if self._hop.tls is not None:
                name = self._hop.tls_name or self._hop.address.host
                sock = self._hop.tls.wrap_socket(sock, server_hostname=name)
            self.socket = sock
            if self._hop.shared_key:
                self._shake_hands()
        except BaseException:
            self.socket = None
            sock.close()
            raise

    def _close(self) -> None:
        self._unread = self._acknowledged = b""
        super()._close()

    def _check_recv_side(self) -> None:
        """Do nothing: the base class would discard the acknowledgements that come back."""

    def _send_data(self, bytes_: bytes) -> None:
        self._reconnect()
        self.socket.settimeout(self._left())
        self.socket.sendall(bytes_)

    # --- ours ---

    def _connect(self) -> socket.socket:
        if not self._hop.address.path:
            sock = socket.create_connection((self.host, self.port), self.timeout)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(self.timeout)
            sock.connect(self._hop.address.path)
        except BaseException:
            sock.close()
            raise
        return sock

    def _drop_stale(self) -> None:
        """Close a connection that the next hop has closed, or on which it sent unrequested bytes."""
        if not self.socket or not select.select([self.socket], [], [], 0)[0]:
            return
        try:
            self.socket.settimeout(0.0)
            self.socket.recv(_REPLY_BYTES)  # its end, or words that belong to no chunk of ours
        except (ssl.SSLWantReadError, BlockingIOError):
            return  # TLS spoke for itself (session tickets)
        except OSError:
            pass
        self._close()

    def _shake_hands(self) -> None:
        key = self._hop.shared_key
        nonce = handshake.decode_helo(self._read_reply())
        salt = os.urandom(handshake.NONCE_BYTES)
        name = socket.gethostname().encode()
        self.socket.sendall(handshake.encode_ping(name, salt, nonce, key))
        handshake.check_pong(self._read_reply(), salt, nonce, key)

    def _wait_for_ack(self, chunk: bytes) -> None:
        while (named := decode_ack(self._read_reply())) != chunk:
            if named != self._acknowledged or not named:  # said twice is no harm
                raise ForwardError("acknowledgement of another chunk")
        self._acknowledged = chunk

    def _read_reply(self) -> bytes:
        """Read one whole msgpack value of bounded size."""
        scanner = msgpack.Unpacker(raw=True)
        reply = bytearray()
        data, self._unread = self._unread, b""
        while True:
            reply += data
            if len(reply) > handshake.MAX_BYTES:
                raise ForwardError("the answer is too long")
            scanner.feed(data)
            try:
                scanner.skip()
            except msgpack.OutOfData:
                self.socket.settimeout(self._left())
                data = self.socket.recv(_REPLY_BYTES)
                if not data:
                    raise ForwardError("closed without an acknowledgement") from None
                continue
            except Exception as error:  # msgpack raises errors of several families
                raise ForwardError(f"answer: not msgpack: {type(error).__name__}") from None
            end = scanner.tell()
            self._unread = bytes(reply[end:])
            return bytes(reply[:end])

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left


def _find_kind(error: BaseException) -> str:
    if isinstance(error, ForwardError):
        return "answer"
    if isinstance(error, TimeoutError):
        return "timeout"
    return "tls" if isinstance(error, ssl.SSLError) else "connection"


def explain(error: BaseException) -> str:
    """Return a network error in lower case and without its number."""
    if is_out_of_descriptors(error):
        return OUT_OF_DESCRIPTORS
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text)[:1].lower() + str(text)[1:]
