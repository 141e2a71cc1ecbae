from __future__ import annotations

import contextlib
import queue
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest

from exnorm.fluentbit import handshake

PATIENCE = 20.0
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test with a real host as slow."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("slow")


@pytest.fixture
def make_certificate() -> Callable[[Path], Path]:
    """Makes a certificate for localhost, and its key, in one file of a folder."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not there to make a certificate")

    def make(folder: Path) -> Path:
        key, cert, both = folder / "key.pem", folder / "cert.pem", folder / "both.pem"
        command = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ]
        command += ["-keyout", str(key), "-out", str(cert), "-days", "2", "-subj", "/CN=localhost"]
        command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        subprocess.run(command, check=True, capture_output=True)
        both.write_bytes(key.read_bytes() + cert.read_bytes())
        return both

    return make


class NextHopServer:
    """Takes chunks of the forward protocol and answers as it is told: ``ack``, ``wrong`` or ``close``."""

    def __init__(self, tls: ssl.SSLContext | None = None, key: bytes = b"") -> None:
        self.received: queue.Queue[Any] = queue.Queue()
        self.answer = "ack"
        self.key = key
        self.tls = tls
        self.hold = threading.Event()
        self.hold.set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            if self.tls is None:
                self._talk(connection)
            else:
                with self.tls.wrap_socket(connection, server_side=True) as secured:
                    self._talk(secured)

    def _talk(self, connection: socket.socket) -> None:
        if self.key:
            nonce = b"n" * 16
            connection.sendall(handshake.encode_helo(nonce))
            salt, reason = handshake.check_ping(connection.recv(4096), nonce, self.key)
            connection.sendall(handshake.encode_pong(reason, b"hop", salt, nonce, self.key))
        unpacker = msgpack.Unpacker()
        while data := connection.recv(65536):
            unpacker.feed(data)
            for message in unpacker:
                self.received.put(message)
                self.hold.wait(PATIENCE)
                if self.answer == "close":
                    return
                chunk = "another" if self.answer == "wrong" else message[2]["chunk"]
                connection.sendall(msgpack.packb({"ack": chunk}))

    def take(self) -> Any:
        return self.received.get(timeout=PATIENCE)

    def close(self) -> None:
        self.hold.set()
        self.listener.close()


MakeNextHop = Callable[..., NextHopServer]


@pytest.fixture
def make_next_hop() -> Iterator[MakeNextHop]:
    """Makes next hops of the forward service, which end with the test."""
    made: list[NextHopServer] = []

    def make(tls: ssl.SSLContext | None = None, key: bytes = b"") -> NextHopServer:
        made.append(NextHopServer(tls, key))
        return made[-1]

    yield make
    for server in made:
        server.close()
