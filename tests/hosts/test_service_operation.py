"""What both services show whoever runs them: log lines, metrics, health; each as a process of its own."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgpack
import pytest

from exnorm.cli import run

if TYPE_CHECKING:
    from tests.hosts.conftest import MakeNextHop, NextHopServer

pytest.importorskip("aiohttp")
pytest.importorskip("fluent.sender")
pytest.importorskip("prometheus_client")
if sys.platform == "win32":
    pytest.skip("the services need POSIX signals", allow_module_level=True)

PATIENCE = 20.0
SERVICES = ("fluentbit", "logstash")
CANARY = "Kanarienvogel"
SUBJECT, RECIPIENT = f"{CANARY} singt", f"{CANARY}@example.com"
LOG = (
    "#Software: Microsoft Exchange Server",
    "#Version: 15.01.2507.006",
    "#Log-type: Message Tracking Log",
    "#Fields: date-time,client-ip,client-hostname,server-ip,server-hostname,source-context,connector-id,"
    "source,event-id,internal-message-id,message-id,network-message-id,recipient-address,recipient-status,"
    "total-bytes,recipient-count,related-recipient-address,reference,message-subject,sender-address,"
    "return-path,message-info,directionality,tenant-id,original-client-ip,original-server-ip,custom-data",
)


def row(time: str = "2024-05-06T07:08:09.123Z", event: str = "RECEIVE", subject: str = SUBJECT) -> str:
    cells = [time, "10.0.0.1", "c", "10.0.0.2", "ex01", "", "Default", "SMTP", event, "7", "<7@example.com>",
             "", RECIPIENT, "", "100", "1", "", "", subject, "a@example.com", "a@example.com", "", "Incoming",
             "", "", "", ""]  # fmt: skip
    return ",".join(cells)


# Each with its own reason, and with the canary where that reason quotes what it got.
ODD = (
    row(SUBJECT),  # date
    row(event=RECIPIENT),  # an event-id that no table knows
    row() + f",{SUBJECT}",  # width
    row(subject=f'"{SUBJECT}'),  # quote
    row()[:150],  # width
    f"2024-05-06T07:08:09.123Z,{SUBJECT},{RECIPIENT}",  # width
)


class HttpHop:
    """Takes what ``logstash serve`` sends and answers as it is told: ``ack`` or ``close``."""

    def __init__(self) -> None:
        self.answer = "ack"
        hop = self

        class Request(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200 if hop.answer == "ack" else 503)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Request)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Running:
    """A service, what it logged, and how to send to it and ask it."""

    def __init__(
        self, service: str, hop: HttpHop | NextHopServer, options: tuple[str, ...], metrics: str, environ: Any
    ) -> None:
        self.service = service
        self.hop = hop
        command = [sys.executable, "-m", "exnorm", service, "serve", "--listen", "127.0.0.1:0"]
        command += ["--forward", hop.address, *options]
        if service == "fluentbit":
            command += ["--metrics", metrics]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, env={**os.environ, **environ})
        self.log = b""
        said = self.wait_for("listening")
        self.address = str(said["listen"]).removeprefix("http://")
        self.asked = self.address if service == "logstash" else str(said["metrics"])

    def wait_for(self, event: str) -> dict[str, Any]:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log += line
            if line.startswith(b"{") and json.loads(line)["event"] == event:
                return dict(json.loads(line))
        raise AssertionError(f"no {event} in {self.log!r}")

    def send(self, *lines: str) -> bool:
        """Hand over lines of one log; whether they were acknowledged."""
        name = "/logs/MSGTRK2024050607-1.LOG"
        if self.service == "logstash":
            events = [{"message": line, "log": {"file": {"path": name}}} for line in lines]
            status, _ = self.ask("/", self.address, gzip.compress(json.dumps(events).encode()))
            return status == 200
        entries = [[1, {"log": line, "filename": name}] for line in lines]
        host, _, port = self.address.rpartition(":")
        with socket.create_connection((host, int(port)), PATIENCE) as sock:
            sock.sendall(msgpack.packb(["t", entries, {"chunk": "id"}]))
            return sock.recv(4096) != b""

    def ask(self, path: str, address: str = "", body: bytes | None = None) -> tuple[int, str]:
        client = http.client.HTTPConnection(address or self.asked, timeout=PATIENCE)
        with closing(client):
            headers = {"Content-Encoding": "gzip"} if body else {}
            client.request("POST" if body else "GET", path, body, headers)
            answer = client.getresponse()
            return answer.status, answer.read().decode()

    def metrics(self) -> dict[str, float]:
        pairs = [line.rpartition(" ") for line in self.ask("/metrics")[1].splitlines()]
        return {name: float(value) for name, _, value in pairs if not name.startswith("#")}

    def stop(self) -> str:
        """Stop it; everything it logged."""
        assert self.process.stderr is not None
        self.process.terminate()
        self.log += self.process.stderr.read()
        assert self.process.wait(PATIENCE) == 0
        return self.log.decode()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()


Start = Callable[..., Running]


@pytest.fixture
def start(make_next_hop: MakeNextHop) -> Iterator[Start]:
    with ExitStack() as stack:

        def starter(service: str, *options: str, metrics: str = "127.0.0.1:0", **environ: str) -> Running:
            hop = make_next_hop() if service == "fluentbit" else stack.enter_context(closing(HttpHop()))
            return stack.enter_context(closing(Running(service, hop, options, metrics, environ)))

        yield starter


@pytest.mark.parametrize("service", SERVICES)
def test_neither_log_nor_metrics_nor_health_hold_a_subject_or_an_address(start: Start, service: str) -> None:
    running = start(service)
    assert running.send(*LOG, row(), *ODD)
    running.hop.answer = "close"
    assert not running.send(row(), *ODD)
    shown = "".join(running.ask(path)[1] for path in ("/metrics", "/healthz", "/readyz"))
    log = running.stop()
    kinds = {line["kind"] for line in map(json.loads, log.splitlines()) if "does not parse" in line["event"]}
    assert {"width", "date"} <= kinds
    for text in (CANARY, "a@example.com", "10.0.0.1"):
        assert text not in log + shown


def test_at_debug_the_log_says_what_did_not_parse(start: Start) -> None:
    running = start("fluentbit", "--log-level", "debug")
    assert running.send(*LOG, row(SUBJECT))
    assert SUBJECT in running.wait_for("a line does not parse")["details"]["reason"]


def test_the_log_can_be_text() -> None:
    command = [sys.executable, "-m", "exnorm", "logstash", "serve", "--listen", "127.0.0.1:0"]
    process = subprocess.Popen([*command, "--log-format", "text"], stderr=subprocess.PIPE)
    assert process.stderr is not None
    with process.stderr as stderr:
        assert b" info listening: listen=http://127.0.0.1:" in stderr.readline()
        process.terminate()
        assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize("service", SERVICES)
def test_metrics_have_the_same_names_and_add_up(start: Start, service: str) -> None:
    running = start(service, "--profile", "security")
    assert running.send(*LOG, row(), row(event="DELIVER"), row(event="NEWEVENT"), row() + ",x")
    running.hop.answer = "close"
    assert not running.send(row(time="2024-05-06T07:09:09.123Z"))
    found = running.metrics()
    assert found["exnorm_events_in_total"] == len(LOG) + 4 + 1
    assert found["exnorm_events_out_total"] == 3  # without the header, DELIVER and what was not taken
    assert found["exnorm_header_lines_total"] == len(LOG)
    assert found['exnorm_events_dropped_total{event="DELIVER"}'] == 1
    assert found['exnorm_unknown_events_total{event="NEWEVENT"}'] == 1
    assert found['exnorm_lines_unparsed_total{reason="width"}'] == 1
    assert found['exnorm_records_total{source="message_tracking"}'] == 4
    assert found["exnorm_newest_event_timestamp_seconds"] == 1714979349.123  # date -u -d 2024-05-06T07:09:09Z
    assert found["exnorm_lag_seconds"] > 0
    assert found["exnorm_acknowledgements_pending"] == 0
    assert found["exnorm_events_failed_total"] == 0
    assert sum(value for name, value in found.items() if "next_hop_failures_total" in name) == 1


@pytest.mark.parametrize("service", SERVICES)
def test_health_says_that_it_lives_and_readiness_that_the_next_hop_takes_events(
    start: Start, service: str, capfd: pytest.CaptureFixture[str]
) -> None:
    running = start(service)
    assert running.ask("/healthz")[0] == running.ask("/readyz")[0] == 200
    assert running.send(*LOG, row())
    assert running.ask("/readyz") == (200, '{"status": "ready"}')
    assert run(["health", running.asked, "--ready"]) == 0
    running.hop.answer = "close"
    assert not running.send(row())
    status, text = running.ask("/readyz")
    assert status == 503
    assert json.loads(text)["reason"].startswith("next hop: ")
    assert running.ask("/healthz")[0] == 200  # to start it anew would mend nothing
    assert run(["health", running.asked]) == 0
    assert run(["health", running.asked, "--ready"]) == 1
    assert "answered 503: next hop: " in capfd.readouterr().err
    running.stop()
    assert run(["health", running.asked]) == 1


def test_the_metrics_of_the_forward_service_can_be_a_unix_socket(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "metrics"
    running = start("fluentbit", metrics=f"unix:{path}")
    assert running.asked == f"unix:{path}"
    assert run(["health", running.asked, "--ready"]) == 0
    running.process.kill()
    running.process.wait()
    assert run(["health", running.asked]) == 1
    again = start("fluentbit", metrics=f"unix:{path}")  # the socket's file was left behind
    assert run(["health", again.asked]) == 0
    again.stop()
    assert not path.exists()


def test_a_file_where_the_socket_should_be_is_left_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "precious"
    path.write_text("precious")
    options = ["--listen", "127.0.0.1:0", "--forward", "127.0.0.1:9", "--metrics", f"unix:{path}"]
    command = [sys.executable, "-m", "exnorm", "fluentbit", "serve", *options]
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE)
    assert done.returncode == 2
    assert b"metrics: cannot listen" in done.stderr
    assert path.read_text() == "precious"


@pytest.mark.parametrize("service", SERVICES)
def test_the_service_manager_is_told_when_it_listens_and_when_it_stops(
    start: Start, service: str, tmp_path: Path
) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(PATIENCE)
        running = start(service, NOTIFY_SOCKET=path)
        assert manager.recv(100) == b"READY=1"
        running.stop()
        assert manager.recv(100) == b"STOPPING=1"


@pytest.mark.parametrize("address", ["0.0.0.0:9", "192.0.2.1:9", "example.com:9"])
def test_metrics_on_the_network_are_refused(address: str, capfd: pytest.CaptureFixture[str]) -> None:
    options = ["--listen", "127.0.0.1:0", "--forward", "127.0.0.1:9", "--metrics", address]
    assert run(["fluentbit", "serve", *options]) == 2
    assert f"metrics: '{address}' is reachable from the network" in capfd.readouterr().err


@pytest.mark.parametrize("address", ["", "127.0.0.1", "ftp://a:1", "http://[::1", "unix:relative"])
def test_health_says_what_it_expects(address: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["health", address]) == 2
    assert "expected host:port, unix:/path or a URL" in capfd.readouterr().err
