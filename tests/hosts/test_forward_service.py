"""``exnorm fluentbit serve`` as a process of its own, between a client and a next hop of the test."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgpack
import pytest
from tests.sources.test_smtp_order import HEADER, NAME as NAMED, Delivery
from tests.test_nothing_disappears import by_block, cut, find_read

from exnorm.fluentbit.addresses import Address
from exnorm.fluentbit.forward import Message
from exnorm.fluentbit.sender import AckSender, NextHop, NextHopError

if TYPE_CHECKING:
    from tests.hosts.conftest import MakeNextHop, NextHopServer

pytest.importorskip("fluent.sender", reason="fluent-logger is not installed")
if sys.platform == "win32":
    pytest.skip("the service needs POSIX signals", allow_module_level=True)

PATIENCE = 20.0
SAMPLE = Path(__file__).parents[2] / "examples" / "MSGTRK2018112722-1.LOG"
NAME = "/logs/MSGTRK2018112722-1.LOG"


class Client:
    """Speaks to the service as Fluent Bit does."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sock.settimeout(PATIENCE)

    def send(self, *parts: object) -> None:
        self.sock.sendall(msgpack.packb(list(parts)))

    def answer(self) -> Any:
        """The next answer, ``None`` where the service closed instead."""
        try:
            data = self.sock.recv(4096)
        except ConnectionResetError:
            return None
        return msgpack.unpackb(data) if data else None


class Serve:
    """A running service and its log lines."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []
        self.text = ""
        self.sockets: list[socket.socket] = []
        self.address: str = self.wait_for("listening")["listen"]

    def wait_for(self, event: str) -> dict[str, Any]:
        assert self.process.stderr is not None
        for raw in self.process.stderr:
            self.text += raw.decode()
            line: dict[str, Any] = json.loads(raw)
            self.lines.append(line)
            if line["event"] == event:
                return line
        raise AssertionError(f"no line {event}: {self.text}")

    def connect(self) -> Client:
        if self.address.startswith("unix:"):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(self.address.removeprefix("unix:"))
        else:
            host, _, port = self.address.rpartition(":")
            sock = socket.create_connection((host, int(port)), PATIENCE)
        self.sockets.append(sock)
        return Client(sock)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        for sock in self.sockets:
            sock.close()
        self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()


Start = Callable[..., Serve]


@pytest.fixture
def hop(make_next_hop: MakeNextHop) -> NextHopServer:
    return make_next_hop()


@pytest.fixture
def start(hop: NextHopServer) -> Iterator[Start]:
    running: list[Serve] = []

    def run(*options: str, listen: str = "127.0.0.1:0", forward: str = "", **environ: str) -> Serve:
        command = [sys.executable, "-m", "exnorm", "fluentbit", "serve", "--listen", listen]
        command += ["--forward", forward or hop.address, "--timeout", "10", *options]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, env={**os.environ, **environ})
        running.append(Serve(process))
        return running[-1]

    yield run
    for service in running:
        service.close()


def sample_entries() -> list[Any]:
    lines = SAMPLE.read_text(encoding="utf-8-sig").splitlines()
    return [[[1, {}], {"log": line, "filename": NAME}] for line in lines]


def bodies(message: Any) -> list[dict[str, Any]]:
    unpacker = msgpack.Unpacker(raw=False)
    unpacker.feed(message[1])
    return [body for _, body in unpacker]


def run_once(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "exnorm", "fluentbit", "serve", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)


# --- the way of a chunk --------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["forward", "packed", "compressed", "message"])
def test_a_log_arrives_normalized_in_every_mode(start: Start, hop: NextHopServer, mode: str) -> None:
    client = start("--format", "cef").connect()
    entries = sample_entries()
    if mode == "forward":
        client.send("exchange.a", entries, {"chunk": "id", "size": 9, "fluent_signal": 0})
    elif mode == "message":
        for number, (_, body) in enumerate(entries):
            client.send("exchange.a", 1, body, {"chunk": f"id{number}"})
            assert client.answer() == {"ack": f"id{number}"}
    else:
        events = b"".join(msgpack.packb(entry) for entry in entries)
        options: dict[str, object] = {"chunk": "id"}
        if mode == "compressed":
            events, options["compressed"] = gzip.compress(events), "gzip"
        client.send("exchange.a", events, options)
    if mode != "message":
        assert client.answer() == {"ack": "id"}
    found: list[str] = []
    while len(found) < 4:
        message = hop.take()
        assert message[0] == "normalized.exchange.a"
        found += [body["cef"].split("|")[4] for body in bodies(message)]
    assert found == ["SENDEXTERNAL", "RECEIVE", "DELIVER", "FAIL"]


def test_nothing_is_acknowledged_before_the_next_hop_has(start: Start, hop: NextHopServer) -> None:
    hop.hold.clear()
    client = start().connect()
    client.send("t", sample_entries(), {"chunk": "id"})
    hop.take()
    client.sock.settimeout(0.3)
    with pytest.raises(TimeoutError):
        client.sock.recv(1)
    client.sock.settimeout(PATIENCE)
    hop.hold.set()
    assert client.answer() == {"ack": "id"}


@pytest.mark.parametrize("answer", ["close", "wrong"])
def test_where_the_next_hop_does_not_acknowledge_the_connection_is_closed_without_an_answer(
    start: Start, hop: NextHopServer, answer: str
) -> None:
    hop.answer = answer
    service = start()
    client = service.connect()
    client.send("t", sample_entries(), {"chunk": "id"})
    assert client.answer() is None
    assert service.wait_for("not delivered, not acknowledged")["level"] == "error"
    hop.answer = "ack"
    again = service.connect()
    again.send("t", sample_entries(), {"chunk": "id"})
    assert again.answer() == {"ack": "id"}
    first, second = hop.take(), hop.take()
    assert first[2]["chunk"] == second[2]["chunk"]


def test_a_chunk_without_an_id_is_carried_too_and_its_failure_closes_the_connection(
    start: Start, hop: NextHopServer
) -> None:
    service = start()
    service.connect().send("t", sample_entries())
    assert len(bodies(hop.take())) == 4
    hop.answer = "close"
    client = service.connect()
    client.send("t", sample_entries())
    assert client.answer() is None


def test_a_chunk_of_a_sender_that_died_while_it_waited_is_not_sent_on(
    start: Start, hop: NextHopServer
) -> None:
    hop.hold.clear()
    service = start("--slots", "1")
    first, second = service.connect(), service.connect()
    first.send("first", sample_entries(), {"chunk": "1"})
    hop.take()
    second.send("second", sample_entries(), {"chunk": "2"})
    second.sock.close()
    hop.hold.set()
    assert first.answer() == {"ack": "1"}
    assert "closed before" in service.wait_for("connection lost")["reason"]
    third = service.connect()
    third.send("third", sample_entries(), {"chunk": "3"})
    assert third.answer() == {"ack": "3"}
    assert hop.take()[0] == "normalized.third"


def test_a_poison_record_in_the_middle_of_a_chunk_harms_only_itself(start: Start, hop: NextHopServer) -> None:
    entries = sample_entries()
    lines = [entry[1]["log"] for entry in entries]
    header, rows = lines[:5], lines[5:]
    packed = [msgpack.packb(entry) for entry in entries]
    not_utf8 = b"\x92\x92\x01\x80\x82\xa3log\xa4\xff,\xfe,\xa8filename" + msgpack.packb(NAME)
    too_wide = msgpack.packb([[1, {}], {"log": rows[0] + ",more", "filename": NAME}])
    events = b"".join([*packed[:7], not_utf8, too_wide, *packed[7:]])
    assert len(header) == 5
    client = start("--format", "cef").connect()
    client.send("t", events, {"chunk": "id"})
    assert client.answer() == {"ack": "id"}
    message = hop.take()
    unpacker = msgpack.Unpacker(raw=False, unicode_errors="surrogateescape")
    unpacker.feed(message[1])
    found = [body for _, body in unpacker]
    assert [("cef" in body) for body in found] == [True, True, False, False, True, True]
    assert "not UTF-8 at byte 0" in found[2]["error"]["reason"]
    assert found[3]["tags"] == ["_exnormparsefailure"]


def test_what_comes_back_under_the_prefix_is_refused_as_a_loop(start: Start) -> None:
    service = start()
    client = service.connect()
    client.send("normalized.t", sample_entries(), {"chunk": "id"})
    assert client.answer() is None
    assert "loop" in service.wait_for("connection refused")["reason"]


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n", b"\xc1", b"\x91" * 5000, b"\x93\x01\x02\x03"])
def test_garbage_closes_its_connection_and_no_other(start: Start, garbage: bytes) -> None:
    service = start()
    good, bad = service.connect(), service.connect()
    bad.sock.sendall(garbage)
    assert bad.answer() is None
    good.send("t", sample_entries(), {"chunk": "id"})
    assert good.answer() == {"ack": "id"}


def test_a_chunk_larger_than_the_limit_is_refused(start: Start) -> None:
    service = start("--max-chunk-mb", "1")
    client = service.connect()
    with contextlib.suppress(OSError):
        client.send("t", b"x" * 2_000_000, {"chunk": "id"})
    assert client.answer() is None
    assert "larger than 1048576 bytes" in service.wait_for("connection refused")["reason"]


def test_no_log_line_holds_what_a_record_holds(start: Start, hop: NextHopServer) -> None:
    hop.answer = "close"
    service = start()
    for parts in (
        ("t", [[1, {"log": "SECRETSUBJECT"}]]),
        ("t", 1, "SECRETSUBJECT"),
        ("t", [[{"SECRETSUBJECT": 1}]]),
    ):
        client = service.connect()
        client.send(*parts)
        assert client.answer() is None
    assert service.stop() == 0
    service.wait_for("stopped")
    assert "SECRETSUBJECT" not in service.text
    assert len(service.lines) >= 5


# --- back pressure -------------------------------------------------------------------------------


def test_a_sender_is_not_read_from_while_the_next_hop_holds_back(start: Start, hop: NextHopServer) -> None:
    hop.hold.clear()
    service = start("--slots", "1")
    chunk = msgpack.packb(["t", msgpack.packb([1, {"other": "x" * 1_000_000}]), {"chunk": "id"}])
    stopped = 0
    for client in [service.connect() for _ in range(4)]:
        client.sock.settimeout(0.5)
        for _ in range(40):  # 40 MB are far more than the buffers of a socket hold
            try:
                client.sock.sendall(chunk)
            except TimeoutError:
                stopped += 1
                break
    assert stopped == 4
    status = Path(f"/proc/{service.process.pid}/status")
    if status.exists():
        size = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        assert int(size.split()[1]) < 200_000
    hop.hold.set()


def test_more_connections_than_allowed_are_refused(start: Start) -> None:
    service = start("--max-connections", "2")
    first, second = service.connect(), service.connect()
    for client in (first, second):
        client.send("t", sample_entries(), {"chunk": "id"})
        assert client.answer() == {"ack": "id"}
    assert service.connect().answer() is None
    assert service.wait_for("connection refused")["reason"] == "more than 2 connections"


# --- stopping and reloading ----------------------------------------------------------------------


def test_sigterm_finishes_what_is_carried_and_then_stops(start: Start, hop: NextHopServer) -> None:
    hop.hold.clear()
    service = start()
    busy, idle = service.connect(), service.connect()
    busy.send("t", sample_entries(), {"chunk": "id"})
    hop.take()
    service.process.send_signal(signal.SIGTERM)
    assert service.wait_for("stopping")["in_flight"] == 1
    assert idle.answer() is None
    hop.hold.set()
    assert busy.answer() == {"ack": "id"}
    assert service.process.wait(PATIENCE) == 0


def test_sighup_takes_the_new_settings_and_keeps_the_old_ones_where_the_new_are_broken(
    start: Start, hop: NextHopServer, tmp_path: Path
) -> None:
    config = tmp_path / "exnorm.yaml"
    config.write_text("format: cef\n")
    service = start("--config", str(config))
    client = service.connect()

    def keys() -> set[str]:
        client.send("t", sample_entries(), {"chunk": "id"})
        assert client.answer() == {"ack": "id"}
        return {key for body in bodies(hop.take()) for key in body}

    assert keys() == {"cef"}
    config.write_text("taxonomy: jsa\nformat: leef\n")
    service.process.send_signal(signal.SIGHUP)
    service.wait_for("reloaded")
    assert keys() == {"leef"}
    config.write_text("taxonomi: jsa\n")
    service.process.send_signal(signal.SIGHUP)
    assert "unknown setting 'taxonomi'" in service.wait_for("reload failed")["reason"]
    assert keys() == {"leef"}


# --- who may come in -----------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path, make_certificate: Callable[[Path], Path]) -> Path:
    return make_certificate(tmp_path)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("open sesame\n")
    return path


def test_a_listener_on_the_network_is_refused_without_tls_and_a_shared_key(
    certificate: Path, secret: Path
) -> None:
    tls, key = ("--listen-cert", str(certificate)), ("--listen-secret-file", str(secret))
    for address in ("0.0.0.0:0", "[::]:0"):
        for options, missing in (((), "TLS and a shared key"), (tls, "a shared key"), (key, "TLS")):
            done = run_once("--listen", address, "--forward", "127.0.0.1:9", *options)
            assert done.returncode == 2
            assert f"is reachable from the network, without {missing};" in done.stderr


def test_with_both_it_listens_on_the_network(start: Start, certificate: Path, secret: Path) -> None:
    service = start(
        "--listen-cert", str(certificate), "--listen-secret-file", str(secret), listen="0.0.0.0:0"
    )
    assert service.stop() == 0


def test_tls_and_the_shared_key_on_both_legs(
    start: Start, make_next_hop: MakeNextHop, certificate: Path, secret: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    hop = make_next_hop(context, b"other key")
    service = start(
        *("--listen-cert", str(certificate), "--listen-secret-file", str(secret)),
        *("--forward-tls", "--forward-ca", str(certificate), "--format", "cef"),
        forward=f"localhost:{hop.port}",
        EXNORM_FORWARD_SECRET="other key",
    )
    port = int(service.address.rpartition(":")[2])
    client_tls = ssl.create_default_context(cafile=str(certificate))
    good = NextHop(Address("localhost", port), PATIENCE, client_tls, "", b"open sesame")
    events = b"".join(msgpack.packb(entry) for entry in sample_entries())
    with AckSender(good) as sender:
        sender.send_packed(Message("t", events, b"id"))
    assert [body["cef"][:4] for body in bodies(hop.take())] == ["CEF:"] * 4
    bad = NextHop(Address("localhost", port), PATIENCE, client_tls, "", b"wrong")
    with pytest.raises(NextHopError, match="refused the shared key"):
        AckSender(bad).send_packed(Message("t", events, b"id"))
    assert service.wait_for("connection refused")["reason"] == "shared_key mismatch"
    assert "sesame" not in service.text


def test_a_next_hop_whose_certificate_is_not_known_gets_nothing(
    start: Start, make_next_hop: MakeNextHop, certificate: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    hop = make_next_hop(context)
    service = start("--forward-tls", forward=f"localhost:{hop.port}")
    client = service.connect()
    client.send("t", sample_entries(), {"chunk": "id"})
    assert client.answer() is None
    assert "certificate" in service.wait_for("not delivered, not acknowledged")["reason"]
    assert hop.received.empty()


def test_a_unix_socket_is_for_its_owner_alone_and_a_stale_one_is_replaced(
    start: Start, hop: NextHopServer, tmp_path: Path
) -> None:
    path = tmp_path / "exnorm.sock"
    service = start(listen=f"unix:{path}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    client = service.connect()
    client.send("t", sample_entries(), {"chunk": "id"})
    assert client.answer() == {"ack": "id"}
    taken = run_once("--listen", f"unix:{path}", "--forward", "127.0.0.1:9")
    assert (taken.returncode, "another process listens there" in taken.stderr) == (2, True)
    assert service.stop(signal.SIGKILL) == -signal.SIGKILL
    assert path.exists()
    assert start(listen=f"unix:{path}").stop() == 0
    assert not path.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--listen", "24224", "--forward", "127.0.0.1:9"), "expected host:port or unix:/path"),
        (("--listen", "::1:24224", "--forward", "127.0.0.1:9"), "an IPv6 address stands in brackets"),
        (("--listen", "unix:relative", "--forward", "127.0.0.1:9"), "expected unix: and an absolute path"),
        (("--listen", "127.0.0.1:9", "--forward", "127.0.0.1:9"), "are the same address"),
        (("--listen", "127.0.0.1:0", "--forward", "127.0.0.1:9", "--listen-key", "x"), "needs --listen-cert"),
        (("--listen", "127.0.0.1:0", "--forward", "127.0.0.1:9", "--forward-ca", "x"), "needs --forward-tls"),
        (("--listen", "127.0.0.1:0", "--forward", "127.0.0.1:9", "--format", "cfe"), "did you mean 'cef'"),
        (
            ("--listen", "127.0.0.1:0", "--forward", "127.0.0.1:9", "--socket-mode", "rw"),
            "expected an octal mode",
        ),
        (
            ("--listen", "127.0.0.1:0", "--forward", "127.0.0.1:9", "--listen-secret-file", "/nowhere"),
            "cannot read",
        ),
        (("--listen", "127.0.0.1:0", "--forward", "127.0.0.1:9", "--listen-cert", "/nowhere"), "cannot use"),
    ],
)
def test_wrong_usage_starts_nothing_and_says_what_is_wrong(options: tuple[str, ...], message: str) -> None:
    done = run_once(*options)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_port_that_is_taken_is_wrong_usage() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_once("--listen", f"127.0.0.1:{port}", "--forward", "127.0.0.1:9")
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr


def test_a_unix_socket_takes_no_shared_key(tmp_path: Path, secret: Path) -> None:
    done = run_once(
        *("--listen", f"unix:{tmp_path}/s", "--forward", "127.0.0.1:9", "--listen-secret-file", str(secret))
    )
    assert done.returncode == 2
    assert "takes no shared key" in done.stderr


@pytest.mark.parametrize("seed", [1, 2])
def test_chunks_in_a_wrong_order_over_several_connections_mix_no_sessions(
    start: Start, hop: NextHopServer, seed: int
) -> None:
    delivery = Delivery(seed)
    service = start("--fields", "key", "--slots", "3")
    clients = [service.connect() for _ in range(3)]

    def send(chunks: list[list[str]]) -> list[dict[str, Any]]:
        """What comes out of chunks that are all on their way at the same time."""
        for number, lines in enumerate(chunks):
            entries = [[[1, {}], {"log": line, "filename": NAMED}] for line in lines]
            clients[number % 3].send("exchange.a", entries, {"chunk": f"id{number}"})
        found: list[dict[str, Any]] = []
        while len(found) < sum(map(len, chunks)):
            found += bodies(hop.take())
        return found

    clients[0].send(
        "exchange.a", [[[1, {}], {"log": line, "filename": NAMED}] for line in HEADER], {"chunk": "h"}
    )
    assert clients[0].answer() == {"ack": "h"}
    first = send(delivery.first)
    in_order = [event for lines in delivery.order for event in send([lines])]
    delivery.check(first, in_order, send(delivery.again))


def test_every_line_of_every_sample_comes_out_of_the_socket_once(start: Start, hop: NextHopServer) -> None:
    client = start("--tz", "UTC").connect()
    compared = 0
    for path in map(Path, find_read()[0]):
        expected = by_block(path)
        entries = [[[1, {}], {"log": line, "filename": f"/none/{path.name}"}] for line in cut(path)]
        client.send(f"exchange.{compared}", entries, {"chunk": path.name})
        assert client.answer() == {"ack": path.name}  # so that all of it is with the next hop
        out = [body for _ in range(hop.received.qsize()) for body in bodies(hop.take())]
        refused = sum("_exnormparsefailure" in body.get("tags", ()) for body in out)
        assert (path.name, len(out), refused) == (path.name, expected.out, expected.refused)
        compared += 1
    assert compared > 30
