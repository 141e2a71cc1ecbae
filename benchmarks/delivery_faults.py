"""Faults between a sender, a service of exnorm and its next hop; numbered events are counted at the far end.

    python benchmarks/delivery_faults.py --long          the whole matrix, about 15 minutes
    python benchmarks/delivery_faults.py                 the same, a second or so for each fault
    python benchmarks/delivery_faults.py --service logstash --fault 'kill -9' --fault idle

The sender behaves as the shippers do: it keeps each chunk until it is acknowledged and sends it again until
then (Fluent Bit's forward protocol with chunk ids; batches of Logstash as gzip, tried again on 429, 5xx and
lost connections). The receiver stores an event only when it acknowledges it, so an acknowledgement that the
service made up is a loss here. A repeat is right where the sender had got no acknowledgement, and wrong in
any other case. The last figures stand in docs/delivery.md; tests/hosts/test_delivery_faults.py runs the
short form.
"""

from __future__ import annotations

import argparse
import base64
import collections
import contextlib
import gzip
import http.client
import itertools
import json
import os
import random
import re
import resource
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import msgpack
from fluent_bit_delivery import HEADER, make_row

from exnorm.fluentbit import handshake

SERVICES = ("fluentbit", "logstash")
SECRET = "canary-7f3a9c51e2"
LOG_NAME = "/logs/MSGTRK2026030100-1.LOG"
CHUNK_EVENTS = 40
WORKERS = 3
PATIENCE = 60.0
FLAT_MB = 64.0
"""How much the highest resident size may grow under a fault."""
_NUMBER = re.compile(rb"<evt([0-9]{8})@")
_FILE_NUMBER = 1 << 20  # where the numbers of the next run begin
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset


class Stuck(Exception):
    """Nothing moves any more."""


# --- what is sent, what has arrived --------------------------------------------------------------


class Ledger:
    """How often each event of a run was sent, acknowledged, seen and stored."""

    def __init__(self, first: int, bad_every: int = 0) -> None:
        self.first = first
        self.bad_every = bad_every
        self.changed = threading.Condition()
        self.chunks = 0
        self.attempts: collections.Counter[int] = collections.Counter()
        self.acknowledged: set[int] = set()
        self.refused = 0  # answers on which a shipper drops the chunk
        self.seen = bytearray()
        self.stored = bytearray()
        self.not_normalized = 0

    def take_chunk(self) -> int:
        """The next chunk's number."""
        with self.changed:
            self.chunks += 1
            self.seen += bytes(CHUNK_EVENTS)
            self.stored += bytes(CHUNK_EVENTS)
            return self.chunks - 1

    def rows(self, chunk: int) -> list[str]:
        """The lines of a chunk: a log's header before the first; some do not parse, where that is wanted."""
        numbers = range(self.first + chunk * CHUNK_EVENTS, self.first + (chunk + 1) * CHUNK_EVENTS)
        rows = [make_row(number).rstrip("\r\n") for number in numbers]
        if self.bad_every:
            rows = [row + ",more" if n % self.bad_every == 0 else row for n, row in zip(numbers, rows)]
        return [*HEADER.splitlines(), *rows] if chunk == 0 else rows

    def note_sent(self, chunk: int) -> None:
        """Bytes of the chunk have been sent."""
        with self.changed:
            self.attempts[chunk] += 1

    def note_ack(self, chunk: int) -> None:
        """The sender may forget the chunk."""
        with self.changed:
            self.acknowledged.add(chunk)
            self.changed.notify_all()

    def note_refusal(self) -> None:
        """The sender has dropped a chunk."""
        with self.changed:
            self.refused += 1
            self.changed.notify_all()

    def note_arrival(self, records: Sequence[bytes], *, stored: bool) -> None:
        """Events have arrived at the far end, one record each; ``stored`` says whether it kept them."""
        with self.changed:
            for record in records:
                found = _NUMBER.search(record)
                index = int(found.group(1)) - self.first if found else -1
                if not 0 <= index < len(self.seen):
                    continue  # of a run before
                bad = bool(self.bad_every) and (index + self.first) % self.bad_every == 0
                self.not_normalized += (b"CEF:0|" not in record) != bad
                self.seen[index] = min(self.seen[index] + 1, 255)
                if stored:
                    self.stored[index] = 1
            self.changed.notify_all()

    def wait_for(self, done: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
        """Wait until it is so; raises ``Stuck`` where nothing was acknowledged for so long."""
        with self.changed:
            last = len(self.acknowledged)
            while not done():
                if not self.changed.wait(patience) and len(self.acknowledged) == last:
                    raise Stuck(f"{what}: nothing moves: {last} of {self.chunks} chunks acknowledged")
                last = len(self.acknowledged)

    def wait_for_acks(self, more: int, patience: float = PATIENCE) -> None:
        """Wait until so many more chunks are acknowledged than now."""
        goal = len(self.acknowledged) + more
        self.wait_for(lambda: len(self.acknowledged) >= goal, f"{more} more chunks", patience)

    @property
    def lost(self) -> int:
        """Events that the sender may forget and that the far end does not have."""
        return sum(not stored for stored in self.stored)

    @property
    def repeats(self) -> int:
        """How often events came besides the first time."""
        return sum(count - 1 for count in self.seen if count > 1)

    @property
    def wrong_repeats(self) -> int:
        """Those for which no try of the sender had stayed without acknowledgement."""
        return sum(
            max(count - max(self.attempts[index // CHUNK_EVENTS], 1), 0)
            for index, count in enumerate(self.seen)
        )


# --- the sender ----------------------------------------------------------------------------------


class Door:
    """How to reach the service: its port, and with ``tls`` a secret too."""

    def __init__(self, tls: ssl.SSLContext | None = None, secret: str = SECRET) -> None:
        self.port = 0
        self.tls = tls
        self.secret = secret

    def connect(self, timeout: float = 15.0) -> socket.socket:
        """A connection, with TLS where there is any."""
        sock = socket.create_connection(("127.0.0.1", self.port), timeout)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return self.tls.wrap_socket(sock, server_hostname="localhost") if self.tls else sock
        except BaseException:
            sock.close()
            raise


class ForwardClient:
    """Fluent Bit's forward output with require_ack_response."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._socket: socket.socket | None = None

    def send(self, ledger: Ledger, chunk: int) -> bool:
        """One try; whether it was acknowledged. Raises ``OSError``."""
        sock = self._socket = self._socket or self._open()
        rows = ledger.rows(chunk)
        events = b"".join(msgpack.packb([[1, {}], {"log": row, "filename": LOG_NAME}]) for row in rows)
        name = f"{ledger.first}-{chunk}"
        ledger.note_sent(chunk)
        sock.sendall(msgpack.packb(["exchange", events, {"chunk": name, "size": len(rows)}]))
        if _receive_value(sock) != {"ack": name}:
            raise OSError("another acknowledgement")
        return True

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _open(self) -> socket.socket:
        sock = self._door.connect()
        if self._door.tls is None:
            return sock
        try:
            log_in(sock, self._door.secret)
        except BaseException:
            sock.close()
            raise
        return sock


def log_in(sock: socket.socket, secret: str) -> None:
    """The client's part of the forward protocol's handshake. Raises ``OSError`` where it is refused."""
    helo = _receive_value(sock)
    nonce, salt = _as_bytes(helo[1]["nonce"]), os.urandom(16)
    sock.sendall(handshake.encode_ping(b"shipper", salt, nonce, secret.encode()))
    if not _receive_value(sock)[1]:
        raise OSError("the secret was refused")


def _receive_value(sock: socket.socket) -> Any:
    unpacker = msgpack.Unpacker(unicode_errors="surrogateescape")
    while data := sock.recv(4096):
        unpacker.feed(data)
        for value in unpacker:
            return value
    raise OSError("closed")


def _as_bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else bytes(str(value).encode("utf-8", "surrogateescape"))


class HttpClient:
    """Logstash's http and logstash outputs: kept connections, batches as gzip."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._connection: http.client.HTTPConnection | None = None

    def send(self, ledger: Ledger, chunk: int) -> bool:
        """One try; whether it was acknowledged. Raises ``OSError``."""
        connection = self._connection = self._connection or self._open()
        events = [{"message": row, "log": {"file": {"path": LOG_NAME}}} for row in ledger.rows(chunk)]
        ledger.note_sent(chunk)
        try:
            connection.request("POST", "/", gzip.compress(json.dumps(events).encode(), 1), self._headers())
            answer = connection.getresponse()
            answer.read()
        except http.client.HTTPException as error:
            raise OSError(type(error).__name__) from None
        if answer.will_close:
            self.close()
        if 400 <= answer.status < 500 and answer.status != 429:
            ledger.note_refusal()
        return answer.status == 200

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", self._door.port, timeout=15.0)
        connection.sock = self._door.connect()
        return connection

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        return {**headers, **basic(self._door.secret)} if self._door.tls else headers


def basic(secret: str) -> dict[str, str]:
    """The header of basic authentication."""
    return {"Authorization": "Basic " + base64.b64encode(f"shipper:{secret}".encode()).decode()}


class Sender:
    """Makes chunks at a rate and sends each until it is acknowledged, from several threads."""

    def __init__(self, make_client: Callable[[], Any], ledger: Ledger, rate: float, retry: float) -> None:
        self.ledger = ledger
        self._retry = retry
        self._make_client = make_client
        self._seconds = CHUNK_EVENTS / rate
        self._began = time.monotonic()
        self._enough = threading.Event()
        self._given_up = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(WORKERS)]
        for thread in self._threads:
            thread.start()

    def finish(self, patience: float = PATIENCE) -> None:
        """Make no more, and wait until all is acknowledged."""
        self._enough.set()
        ledger = self.ledger
        for thread in self._threads:
            while thread.is_alive():
                acknowledged = len(ledger.acknowledged)
                thread.join(patience)
                if thread.is_alive() and len(ledger.acknowledged) == acknowledged:
                    raise Stuck(f"draining: {acknowledged} of {ledger.chunks} chunks acknowledged")

    def give_up(self) -> None:
        """End, whatever is still to be sent."""
        self._enough.set()
        self._given_up.set()

    def _run(self) -> None:
        client = self._make_client()
        while not self._enough.is_set():
            chunk = self.ledger.take_chunk()
            self._deliver(client, chunk)
            ahead = self._began + chunk * self._seconds - time.monotonic()
            if ahead > 0:
                self._enough.wait(ahead)
        client.close()

    def _deliver(self, client: Any, chunk: int) -> None:
        while not self._given_up.is_set():
            try:
                if client.send(self.ledger, chunk):
                    self.ledger.note_ack(chunk)
                    return
            except OSError:
                client.close()
            self._given_up.wait(self._retry)


# --- the receiver --------------------------------------------------------------------------------


class Receiver:
    """The next hop. ``mode`` says what it does with what comes; see ``MODES``."""

    MODES = ("ok", "slow", "silent", "wrong", "twice", "reset", "hang up", "busy")
    slow_bytes = 4096

    def __init__(self, ledger: Ledger, pause: float = 0.0) -> None:
        self.ledger = ledger
        self.mode = "ok"
        self.pause = pause  # before each acknowledgement, so that something is always in flight
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._place = socket.socket()  # holds the port while nobody listens on it
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._place.bind(("127.0.0.1", 0))
        self.port: int = self._place.getsockname()[1]
        self._listener: socket.socket | None = None
        self.come_back()

    def go_away(self) -> None:
        """Refuse connections and reset those that are there."""
        with self._lock:
            listener, self._listener = self._listener, None
            connections = list(self._connections)
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for connection in connections:
            _reset(connection)

    def come_back(self) -> None:
        """Listen again, on the same port."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(128)
        with self._lock:
            self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def close(self) -> None:
        """End."""
        self._closed.set()
        self.go_away()
        self._place.close()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with self._lock:
                    self._connections.add(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), connection:
            self._fall_silent()
            self.talk(connection)
        with self._lock:
            self._connections.discard(connection)

    def _fall_silent(self) -> None:
        if self.mode == "silent":
            self._stay_silent()

    def _stay_silent(self) -> None:
        """Whoever is gone without a word does not come back."""
        self._closed.wait()
        raise OSError

    def receive(self, connection: socket.socket) -> bytes:
        """What comes next; a slow reader takes little at a time."""
        if self.mode == "slow":
            self._closed.wait(0.02)
            return connection.recv(self.slow_bytes)
        data = connection.recv(65536)
        self._fall_silent()
        return data

    def talk(self, connection: socket.socket) -> None:
        """Take and answer until the other side hangs up."""
        raise NotImplementedError

    def answer(self, connection: socket.socket, records: list[bytes], mode: str, ack: bytes) -> None:
        """What is the same for both protocols; ``ack`` is the right answer."""
        if self.pause:
            self._closed.wait(self.pause)
        stored = mode in ("ok", "slow", "twice")
        self.ledger.note_arrival(records, stored=stored)
        if mode == "silent":  # since these were received: what is not stored must not be acknowledged
            self._stay_silent()
        if mode == "hang up":
            raise OSError
        if mode == "reset":
            connection.sendall(ack[: len(ack) // 2])
            _reset(connection)
            raise OSError
        connection.sendall(ack * 2 if mode == "twice" else ack)


def _reset(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        connection.shutdown(socket.SHUT_RD)
        connection.close()


class ForwardReceiver(Receiver):
    """Fluent Bit's forward input."""

    def talk(self, connection: socket.socket) -> None:
        """Chunks in, acknowledgements out."""
        unpacker = msgpack.Unpacker(raw=True, max_buffer_size=1 << 28)
        while data := self.receive(connection):
            unpacker.feed(data)
            for message in unpacker:
                chunk = message[2][b"chunk"].decode()
                mode = self.mode
                if mode == "wrong":
                    chunk = chunk[:-1] + ("0" if chunk[-1] != "0" else "1")
                self.answer(connection, _split(message[1]), mode, msgpack.packb({"ack": chunk}))


def _split(events: bytes) -> list[bytes]:
    unpacker = msgpack.Unpacker(raw=True)
    unpacker.feed(events)
    return [b" ".join(value for value in body.values() if isinstance(value, bytes)) for _, body in unpacker]


class HttpReceiver(Receiver):
    """Logstash's logstash input. HTTP names no batch in its answers, so what is wrong there is an answer too
    much: it lies in the connection when the next batch comes, which is then not taken.
    """

    slow_bytes = 512

    def talk(self, connection: socket.socket) -> None:
        """Batches in, answers out."""
        waiting = b""
        said_too_much = False
        while True:
            while b"\r\n\r\n" not in waiting:
                data = self.receive(connection)
                if not data:
                    return
                waiting += data
            head, _, body = waiting.partition(b"\r\n\r\n")
            found = re.search(rb"(?i)content-length: *(\d+)", head)
            length = int(found.group(1)) if found else 0
            parts = [body]
            missing = length - len(body)
            while missing > 0:
                data = self.receive(connection)
                if not data:
                    return
                parts.append(data)
                missing -= len(data)
            body = b"".join(parts)
            waiting = body[length:]
            records = gzip.decompress(body[:length]).splitlines()
            if said_too_much:
                self.ledger.note_arrival(records, stored=False)
                _reset(connection)
                return
            mode = self.mode
            if mode == "busy":
                self.ledger.note_arrival(records, stored=False)
                connection.sendall(b"HTTP/1.1 429 Busy\r\nContent-Length: 0\r\n\r\n")
                continue
            if mode == "wrong":
                said_too_much = True
                self.answer(connection, records, "ok", _OK)
                self._closed.wait(0.01)
                connection.sendall(_OK)
                continue
            self.answer(connection, records, mode, _OK)


# --- the service ---------------------------------------------------------------------------------


class Process:
    """The service as a process of its own, started again on the port it had."""

    def __init__(self, command: Callable[[int], list[str]], environ: Mapping[str, str], door: Door) -> None:
        self._command = command
        self._environ = environ
        self._door = door
        self.lines: collections.deque[str] = collections.deque(maxlen=2000)
        self.line_count = 0
        self._line = threading.Condition()
        self.base_kb = 0
        self.peak_kb = 0
        self.start()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self.process = subprocess.Popen(
            self._command(self._door.port),
            env=self._environ,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        seen = self.line_count
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()
        found = re.search(r"listening\D*127\.0\.0\.1:(\d+)", self.wait_for_line("listening", seen))
        assert found is not None
        self._door.port = int(found.group(1))

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None
        with process.stderr:
            for line in process.stderr:
                with self._line:
                    self.lines.append(line.decode("utf-8", "replace").rstrip())
                    self.line_count += 1
                    self._line.notify_all()
        with self._line:
            self._line.notify_all()

    def wait_for_line(self, text: str, since: int = 0) -> str:
        """The first line with ``text`` among those after the first ``since``."""

        def find() -> str:
            fresh = min(self.line_count - since, len(self.lines))
            lines = list(self.lines)[-fresh:] if fresh else []
            return next((line for line in lines if text in line), "")

        with self._line:
            self._line.wait_for(lambda: find() or self.process.poll() is not None, PATIENCE)
            found = find()
        if not found:
            raise Stuck(f"no line {text!r} in {list(self.lines)[-5:]}")
        return found

    def note_memory(self, *, base: bool = False) -> None:
        """Remember the highest resident size so far (Linux only)."""
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{self.process.pid}/status").read_text()
            found = re.search(r"VmHWM:\s+(\d+) kB", status)
            if found:
                self.peak_kb = max(self.peak_kb, int(found.group(1)))
                self.base_kb = self.peak_kb if base else self.base_kb or self.peak_kb

    def end(self, number: int = signal.SIGKILL, patience: float = PATIENCE) -> int:
        """Send a signal and wait for the end; the exit status."""
        self.note_memory()
        self.process.send_signal(number)
        status = self.process.wait(patience)
        self._reader.join(patience)
        return status

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None


class Rig:
    """A receiver and a running service in a folder; ``with`` ends both."""

    def __init__(
        self,
        service: str,
        folder: Path,
        *options: str,
        certificate: Path | None = None,
        timeout: float = 5.0,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.service = service
        self.folder = folder
        self.ledger = Ledger(0)
        self.timeout = timeout
        tls = ssl.create_default_context(cafile=str(certificate)) if certificate else None
        self.door = Door(tls)
        self.config = folder / "exnorm.yaml"
        self.config.write_text("format: cef\n")
        self.rejects = folder / "rejects.ndjson"
        is_forward = service == "fluentbit"
        self.receiver: Receiver = (ForwardReceiver if is_forward else HttpReceiver)(self.ledger)
        self.make_client: Callable[[], Any] = partial(ForwardClient if is_forward else HttpClient, self.door)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("EXNORM_")}
        make = self._forward_command if is_forward else self._http_command
        try:
            self.process = Process(
                partial(make, options, certificate), {**clean, **(environ or {})}, self.door
            )
        except BaseException:
            self.receiver.close()
            raise

    def _forward_command(self, options: Sequence[str], certificate: Path | None, port: int) -> list[str]:
        guard = ("--listen-cert", str(certificate))
        return [
            *(sys.executable, "-m", "exnorm", "fluentbit", "serve", "--listen", f"127.0.0.1:{port}"),
            *("--forward", f"127.0.0.1:{self.receiver.port}", "--timeout", str(self.timeout)),
            *("--config", str(self.config), "--rejects", str(self.rejects), *options),
            *((*guard, "--listen-secret-file", self._secret()) if certificate else ()),
        ]

    def _http_command(self, options: Sequence[str], certificate: Path | None, port: int) -> list[str]:
        guard = ("--tls-cert", str(certificate), "--tls-key", str(certificate), "--auth-user", "shipper")
        return [
            *(sys.executable, "-m", "exnorm", "logstash", "serve", "--listen", f"127.0.0.1:{port}"),
            *("--forward", f"http://127.0.0.1:{self.receiver.port}", "--answer-within", str(self.timeout)),
            *("--config", str(self.config), "--state", str(self.folder / "headers.json")),
            *("--rejects", str(self.rejects), *options),
            *((*guard, "--auth-password-file", self._secret()) if certificate else ()),
        ]

    def _secret(self) -> str:
        path = self.folder / "secret"
        path.write_text(SECRET + "\n")
        return str(path)

    def __enter__(self) -> Rig:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.is_alive:
            self.process.end()
        self.receiver.close()

    @contextlib.contextmanager
    def sending(self, rate: float, retry: float, bad_every: int = 0) -> Iterator[Ledger]:
        """Numbered events flow; at the end all of them must be acknowledged."""
        self.ledger = ledger = Ledger((self.ledger.first + _FILE_NUMBER) % 90_000_000, bad_every)
        self.receiver.ledger = ledger
        if not self.process.is_alive:
            self.process.start()
        sender = Sender(self.make_client, ledger, rate, retry)
        try:
            ledger.wait_for_acks(2 * WORKERS)
            self.process.note_memory(base=True)
            yield ledger
            sender.finish()
            self.process.note_memory()
        finally:
            sender.give_up()


# --- the faults ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """How long, how often."""

    seconds: float = 0.5
    outages: tuple[float, ...] = (0.5,)
    flap: float = 0.1
    flaps: int = 3
    kills: int = 3
    stops: int = 1
    idle: int = 1000
    byte_seconds: float = 0.02  # between the bytes of a slow sender
    rate: float = 4000.0
    retry: float = 0.05


SHORT = Plan()
LONG = Plan(
    seconds=60.0,
    outages=(60.0, 600.0),
    flap=2.0,
    flaps=15,
    kills=100,
    stops=20,
    idle=10_000,
    byte_seconds=1.0,
    rate=400.0,
    retry=0.25,
)


@dataclass
class Result:
    """What became of the events of one run."""

    service: str
    fault: str
    events: int = 0
    lost: int = 0
    repeated: int = 0
    wrongly_repeated: int = 0
    not_normalized: int = 0
    refused: int = 0
    base_mb: float = 0.0
    peak_mb: float = 0.0
    seconds: float = 0.0
    note: str = ""
    problems: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Nothing lost, nothing repeated without need, nothing odd."""
        return not (
            self.lost or self.wrongly_repeated or self.not_normalized or self.refused or self.problems
        )


Fault = Callable[[Rig, Ledger, Plan], str]
"""Does the harm while events flow; returns a note for the table."""

_clock = threading.Event()  # never set: to let time pass is what a fault is made of


def kill(rig: Rig, ledger: Ledger, plan: Plan) -> str:
    """Kill -9 at random times, again and again."""
    chance = random.Random(9)
    rig.receiver.pause = 0.01
    for _ in range(plan.kills):
        ledger.wait_for_acks(1)
        _clock.wait(chance.random() * 0.3)
        rig.process.end(signal.SIGKILL)
        rig.process.start()
    ledger.wait_for_acks(WORKERS)
    return f"{plan.kills} times"


def be_away(seconds: float, rig: Rig, ledger: Ledger, plan: Plan) -> str:
    """Nobody listens."""
    rig.receiver.go_away()
    _clock.wait(seconds)
    rig.receiver.come_back()
    ledger.wait_for_acks(WORKERS)
    return ""


def flap(rig: Rig, ledger: Ledger, plan: Plan) -> str:
    """Away and back, again and again."""
    for _ in range(plan.flaps):
        rig.receiver.go_away()
        _clock.wait(plan.flap)
        rig.receiver.come_back()
        _clock.wait(plan.flap)
    return f"every {plan.flap:g} s, {2 * plan.flaps} times"


def behave(mode: str, rig: Rig, ledger: Ledger, plan: Plan) -> str:
    """The receiver does something else for a while."""
    rig.receiver.mode = mode
    _clock.wait(plan.seconds)
    rig.receiver.mode = "ok"
    ledger.wait_for_acks(WORKERS)
    return ""


def stop(rig: Rig, ledger: Ledger, plan: Plan) -> str:
    """SIGTERM with work in flight."""
    rig.receiver.pause = 0.01
    slowest = 0.0
    for _ in range(plan.stops):
        ledger.wait_for_acks(1)
        began = time.monotonic()
        status = rig.process.end(signal.SIGTERM)
        slowest = max(slowest, time.monotonic() - began)
        if status:
            raise Stuck(f"SIGTERM ended with {status}: {list(rig.process.lines)[-3:]}")
        rig.process.start()
    ledger.wait_for_acks(WORKERS)
    return f"{plan.stops} times, at most {slowest:.1f} s"


def stop_in_silence(rig: Rig, ledger: Ledger, plan: Plan) -> str:
    """SIGTERM while the next hop says nothing any more."""
    rig.receiver.mode = "silent"
    _clock.wait(min(plan.seconds, rig.timeout / 2))
    began = time.monotonic()
    status = rig.process.end(signal.SIGTERM)
    took = time.monotonic() - began
    if status or took > rig.timeout + 8:
        raise Stuck(f"SIGTERM ended with {status} after {took:.1f} s")
    rig.receiver.mode = "ok"
    rig.process.start()
    ledger.wait_for_acks(WORKERS)
    return f"ended after {took:.1f} s of {rig.timeout:g} s"


BROKEN = ("format: cfe\n", "formt: cef\n", "format: [\n", "tables: {arcsight: 3}\n", "\x00\xff")


def reload(rig: Rig, ledger: Ledger, plan: Plan) -> str:
    """SIGHUP with a config that is broken in several ways."""
    good = rig.config.read_text()
    for turn in range(max(plan.stops, len(BROKEN))):
        rig.config.write_bytes(BROKEN[turn % len(BROKEN)].encode("latin-1"))
        since = rig.process.line_count
        rig.process.process.send_signal(signal.SIGHUP)
        rig.process.wait_for_line("reload failed", since)
        ledger.wait_for_acks(1)
    rig.config.write_text(good)
    since = rig.process.line_count
    rig.process.process.send_signal(signal.SIGHUP)
    rig.process.wait_for_line('"reloaded"', since)
    ledger.wait_for_acks(WORKERS)
    return f"{max(plan.stops, len(BROKEN))} broken ones"


def fill_disk(rig: Rig, ledger: Ledger, plan: Plan) -> str:
    """No byte more fits into any file of the service, for a while."""
    pid = rig.process.process.pid
    ledger.wait_for(lambda: rig.rejects.exists() and rig.rejects.stat().st_size > 0, "rejects")
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    since = rig.process.line_count
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (rig.rejects.stat().st_size + 100, before[1]))
    rig.process.wait_for_line("cannot write", since)
    _clock.wait(plan.seconds)
    ledger.wait_for_acks(WORKERS)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
    rig.process.wait_for_line("is written again", since)
    said = sum("cannot write" in line for line in rig.process.lines)
    kept = [json.loads(line) for line in rig.rejects.read_text().splitlines()]
    if said != 1 or not all(entry["reason"] for entry in kept):
        raise Stuck(f"said {said} times")
    return f"{len(kept)} lines kept"


def lie_idle(rig: Rig, ledger: Ledger, plan: Plan) -> str:
    """Very many connections that send nothing, or with TLS a handshake's first bytes; then a new sender."""
    allow_files(plan.idle + 500)
    with contextlib.ExitStack() as stack:
        for number in range(plan.idle):
            with contextlib.suppress(OSError):
                sock = stack.enter_context(socket.create_connection(("127.0.0.1", rig.door.port), PATIENCE))
                if rig.door.tls and number % 2:
                    sock.sendall(b"\x16\x03\x01\x02\x00\x01")
        deliver_anew(rig, ledger)
        ledger.wait_for_acks(WORKERS)
        files = Path(f"/proc/{rig.process.process.pid}/fd")
        count = len(list(files.iterdir())) if files.exists() else 0
    return f"{plan.idle} connections, {count} files open"


def deliver_anew(rig: Rig, ledger: Ledger) -> None:
    """A sender that was not there before delivers a chunk, at the first try or one soon after."""
    client, chunk = rig.make_client(), ledger.take_chunk()
    for _ in range(20):
        with contextlib.suppress(OSError):
            if client.send(ledger, chunk):
                ledger.note_ack(chunk)
                client.close()
                return
        client.close()
        _clock.wait(0.1)
    raise Stuck("a new sender does not get in")


def send_slowly(rig: Rig, ledger: Ledger, plan: Plan) -> str:
    """Many senders that send a byte now and then: of a handshake, a request's head, a chunk or a body."""
    slow = [b"\x93\xa1t\xc6\x00\x01\x00\x00", b"\x16\x03\x01\x02\x00\x01", b""]
    fast = [b""] * 3
    if rig.service == "logstash":
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
        slow[0] = b"POST / HTTP/1.1\r\nHost: x\r\nX-Long: "
        fast[2] = head + b" " * 100_000 if rig.door.tls is None else b""
    until = time.monotonic() + max(plan.seconds, 3 * plan.byte_seconds)
    opened = closed = 0
    with contextlib.ExitStack() as stack:
        lines: list[tuple[socket.socket, Iterator[int]]] = []
        while time.monotonic() < until:
            while len(lines) < 48:
                kind = opened % 3
                sock = stack.enter_context(socket.create_connection(("127.0.0.1", rig.door.port), PATIENCE))
                with contextlib.suppress(OSError):
                    sock.sendall(fast[kind])
                lines.append((sock, itertools.chain(slow[kind], itertools.repeat(32))))
                opened += 1
            for line in list(lines):
                try:
                    line[0].send(bytes([next(line[1])]))
                except OSError:
                    lines.remove(line)
                    closed += 1
            _clock.wait(plan.byte_seconds)
        deliver_anew(rig, ledger)
        ledger.wait_for_acks(WORKERS)
    return f"{opened} senders, {closed} closed"


def knock(rig: Rig, ledger: Ledger, plan: Plan) -> str:
    """A wrong secret, plain text, an old TLS, again and again; none gets in."""
    assert rig.door.tls is not None
    wrong, plain, old = Door(rig.door.tls, "wrong"), Door(), Door(make_old_tls())
    for door in (wrong, plain, old):
        door.port = rig.door.port
    client = type(rig.make_client())
    probe = Ledger(80_000_000)
    turns = 0
    until = time.monotonic() + plan.seconds
    while time.monotonic() < until:
        for door in (wrong, plain, old):
            stranger = client(door)
            with contextlib.suppress(OSError):
                if stranger.send(probe, probe.take_chunk()):
                    raise Stuck("a stranger got in")
            stranger.close()
        turns += 1
    if any(SECRET in line for line in rig.process.lines):
        raise Stuck("the secret stands in the log")
    return f"{turns} times each; {rig.process.line_count} lines of log"


def make_old_tls() -> ssl.SSLContext:
    """A client that speaks nothing newer than TLS 1.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def allow_files(wanted: int) -> None:
    """Raise the limit of open files as far as it goes. Raises ``Stuck`` where that is not enough."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            raise Stuck(f"only {hard} files may be open; {wanted} are needed")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def make_certificate(folder: Path) -> Path:
    """A certificate for localhost that is its own authority, with its key."""
    both = folder / "both.pem"
    command = [
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"), "-days", "2"),
        *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    both.write_bytes((folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes())
    return both


def name_outages(plan: Plan) -> dict[str, Fault]:
    """The outages of a plan, by name."""
    return {f"next hop away for {seconds:g} s": partial(be_away, seconds) for seconds in plan.outages}


FAULTS: dict[str, Fault] = {  # of the next hop, of the service, of its files
    "none": lambda rig, ledger, plan: behave("ok", rig, ledger, plan),
    "kill -9": kill,
    "flapping": flap,
    "slow reader": partial(behave, "slow"),
    "half-open": partial(behave, "silent"),
    "wrong acknowledgement": partial(behave, "wrong"),
    "repeated acknowledgement": partial(behave, "twice"),
    "reset in mid-acknowledgement": partial(behave, "reset"),
    "closed without acknowledgement": partial(behave, "hang up"),
    "SIGTERM with work in flight": stop,
    "SIGTERM, next hop half-open": stop_in_silence,
    "SIGHUP with a broken config": reload,
    "disk full under the rejects": fill_disk,
}
LISTENER_FAULTS: dict[str, Fault] = {  # of who connects, without TLS and with it
    "idle connections": lie_idle,
    "slow senders": send_slowly,
}
SECURED_FAULTS: dict[str, Fault] = {
    **{f"{name}, TLS": fault for name, fault in LISTENER_FAULTS.items()},
    "wrong secret, no TLS, old TLS": knock,
}
BAD_EVERY = {"disk full under the rejects": 10}


def run_fault(rig: Rig, name: str, fault: Fault, plan: Plan) -> Result:
    """Do one harm while events flow, and count."""
    result = Result(rig.service, name)
    began = time.monotonic()
    rig.process.base_kb = rig.process.peak_kb = 0
    try:
        with rig.sending(plan.rate, plan.retry, BAD_EVERY.get(name, 0)) as ledger:
            result.note = fault(rig, ledger, plan)
    except (Stuck, AssertionError, OSError, subprocess.TimeoutExpired) as error:
        result.problems.append(f"{type(error).__name__}: {error}")
        result.problems += list(rig.process.lines)[-3:]
    finally:
        rig.receiver.mode, rig.receiver.pause = "ok", 0.0
    ledger = rig.ledger
    result.events = len(ledger.seen)
    result.lost, result.repeated = ledger.lost, ledger.repeats
    result.wrongly_repeated, result.not_normalized = ledger.wrong_repeats, ledger.not_normalized
    result.refused = ledger.refused
    result.base_mb = round(rig.process.base_kb / 1024, 1)
    result.peak_mb = round(rig.process.peak_kb / 1024, 1)
    if result.peak_mb - result.base_mb > FLAT_MB:
        result.problems.append(f"the memory grew from {result.base_mb} to {result.peak_mb} MB")
    result.seconds = round(time.monotonic() - began, 1)
    return result


# --- the command ---------------------------------------------------------------------------------


def run_alone(service: str, name: str, fault: Fault, plan: Plan) -> Result:
    """One fault with a service of its own."""
    with tempfile.TemporaryDirectory(prefix="exnorm-faults-") as place:
        folder = Path(place)
        certificate = make_certificate(folder) if name in SECURED_FAULTS else None
        timeout = 5.0 if plan is LONG else 1.0
        with Rig(service, folder, certificate=certificate, timeout=timeout) as rig:
            return run_fault(rig, name, fault, plan)


def show_row(result: Result) -> str:
    """A row of the table in docs/delivery.md."""
    cells = (
        result.fault,
        result.service,
        f"{result.events:,}".replace(",", " "),
        str(result.lost),
        str(result.repeated),
        str(result.repeated - result.wrongly_repeated),
        f"{result.base_mb:.0f} → {result.peak_mb:.0f} MB",
        f"{result.seconds:.0f} s",
        "; ".join(filter(None, [result.note, *result.problems])),
    )
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Run what the command line says; the exit status is 1 where a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--long", action="store_true", help="as long and as often as docs/delivery.md says")
    parser.add_argument("--service", action="append", choices=SERVICES, default=[])
    parser.add_argument("--fault", action="append", default=[], help="only those whose name has this in it")
    parser.add_argument("--jobs", type=int, default=4, help="so many at a time")
    arguments = parser.parse_args()
    plan = LONG if arguments.long else SHORT
    faults = {**name_outages(plan), **FAULTS, **LISTENER_FAULTS, **SECURED_FAULTS}
    wanted = [
        (service, name, fault)
        for name, fault in faults.items()
        for service in arguments.service or SERVICES
        if not arguments.fault or any(part in name for part in arguments.fault)
    ]
    wanted.sort(key=lambda item: not item[1].endswith("600 s"))  # the longest first
    good = True
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for future in as_completed(pool.submit(run_alone, *item, plan) for item in wanted):
            result = future.result()
            good = good and result.good
            print(show_row(result) + ("" if result.good else " BROKEN"), flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
