"""The service between a sender and a next hop that behave as Logstash does, each written on sockets here."""

from __future__ import annotations

import base64
import contextlib
import gzip
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.sources.test_smtp_order import HEADER as SMTP_HEADER, NAME, Delivery

from exnorm.cli import run

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "examples" / "MSGTRK2018112722-1.LOG"
COLUMNS = (
    "date-time,client-ip,client-hostname,server-ip,server-hostname,source-context,connector-id,source,"
    "event-id,internal-message-id,message-id,network-message-id,recipient-address,recipient-status,"
    "total-bytes,recipient-count,related-recipient-address,reference,message-subject,sender-address,"
    "return-path,message-info,directionality,tenant-id,original-client-ip,original-server-ip,custom-data"
)
HEADER = (
    "#Software: Microsoft Exchange Server",
    "#Version: 15.01.2507.006",
    "#Log-type: Message Tracking Log",
    "#Date: 2024-05-06T07:00:00.000Z",
    f"#Fields: {COLUMNS}",
)
FILE = "C:\\logs\\MSGTRK2024050607-1.LOG"
BATCH = 125  # pipeline.batch.size
GIVE_UP = 10.0  # seconds of silence after which Logstash's client closes the connection
WAIT = 30.0  # how long a test waits for what must happen
TAG = "_exnormparsefailure"


def row(number: int, event: str = "RECEIVE") -> str:
    """A row of 27 columns; its number is the internal-message-id (Device Custom String 1)."""
    cells = [
        "2024-05-06T07:08:09.123Z", "10.0.0.1", "client01", "10.0.0.2", "ex01", "", "Default", "SMTP", event,
        str(number), f"<{number}@example.com>", "0fd591fe-1cc4-47f0-0bbc-08d654b944f3", "b@example.com", "",
        "100", "1", "", "", "hello", "a@example.com", "a@example.com", "", "Incoming", "", "", "", "",
    ]  # fmt: skip
    assert len(cells) == 27
    return ",".join(cells)


def event_of(line: str) -> dict[str, Any]:
    """A line as Filebeat and Logstash hand it on."""
    return {
        "message": line,
        "log": {"file": {"path": FILE}},
        "host": {"name": "ex01"},
        "@timestamp": "2024-05-06T07:08:10.000Z",
        "@version": "1",
    }


def numbered(first: int, last: int) -> list[dict[str, Any]]:
    """The log's header and its rows ``first`` to ``last``."""
    return [event_of(line) for line in (*HEADER, *(row(number) for number in range(first, last + 1)))]


def numbers(events: list[dict[str, Any]]) -> list[int]:
    return [int(event["deviceCustomString1"]) for event in events if "deviceCustomString1" in event]


# --- the next hop: input { logstash } ------------------------------------------------------------


class NextHop(ThreadingHTTPServer):
    """Takes POST / with gzip NDJSON. ``decide`` gives the status of a request, and may wait."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _NextHopRequest)
        self.reset()
        self.scheme = "http"
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def reset(self) -> None:
        self.decide: Callable[[int], int] = lambda request: 200
        self.arrived = threading.Semaphore(0)
        self.requests: list[dict[str, str]] = []
        self.taken: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}"

    def wait_for_request(self) -> None:
        assert self.arrived.acquire(timeout=WAIT), "the next hop got no request"

    def close(self) -> None:
        self.shutdown()
        self.thread.join(WAIT)
        self.server_close()


class _NextHopRequest(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: NextHop

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.headers["Content-Encoding"] == "gzip"
        assert self.headers["Content-Type"] == "application/x-ndjson"
        lines = gzip.decompress(body).decode("utf-8").split("\n")
        assert lines[-1] == ""
        self.server.requests.append({"path": self.path, **dict(self.headers.items())})
        number = len(self.server.requests)
        self.server.arrived.release()
        status = self.server.decide(number)
        if status == 200:
            self.server.taken += [json.loads(line) for line in lines[:-1]]
        answer = b"" if status == 204 else b"ok"
        with contextlib.suppress(OSError):  # a service that was killed waits for no answer
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


# --- the sender: output { logstash } -------------------------------------------------------------


class Sender:
    """Batches of 125 as gzip; tries again on 429, 5xx and lost connections, drops on any other 4xx."""

    RETRIED = (429, 500, 502, 503, 504)

    def __init__(self, port: int, tls: ssl.SSLContext | None = None, *, authorization: str = "") -> None:
        self.port = port
        self.tls = tls
        self.headers = {"Authorization": authorization} if authorization else {}
        self.dropped: list[dict[str, Any]] = []
        self.statuses: list[int] = []
        self.lost_connections = 0

    def send(self, events: list[dict[str, Any]]) -> None:
        for start in range(0, len(events), BATCH):
            self.send_batch(events[start : start + BATCH])

    def send_batch(self, events: list[dict[str, Any]]) -> None:
        body = gzip.compress(json.dumps(events).encode())  # one array, whatever the Content-Type says
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            try:
                status, _, _ = self.post(body)
            except OSError:
                self.lost_connections += 1
                time.sleep(0.02)  # as Logstash, which does not try again at once
                continue
            self.statuses.append(status)
            if status not in self.RETRIED:
                if status >= 400:
                    self.dropped += events
                return
            time.sleep(0.02)
        raise AssertionError(f"a batch was never taken: {self.statuses[-5:]}")

    def post(
        self,
        body: bytes,
        path: str = "/",
        content_type: str = "application/x-ndjson",
        encoding: str = "gzip",
        method: str = "POST",
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = (
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=GIVE_UP)
            if self.tls is None
            else http.client.HTTPSConnection("127.0.0.1", self.port, timeout=GIVE_UP, context=self.tls)
        )
        headers = {"Content-Type": content_type, **self.headers}
        if encoding:
            headers["Content-Encoding"] = encoding
        with contextlib.closing(connection):
            try:
                connection.request(method, path, body, headers)
                response = connection.getresponse()
                return response.status, response.msg, response.read()
            except http.client.HTTPException as error:
                raise OSError(str(error)) from error

    def get(self, path: str) -> tuple[int, str]:
        status, _, body = self.post(b"", path, method="GET", encoding="")
        return status, body.decode()

    def normalize(self, content: Any) -> Any:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        status, headers, answer = self.post(body, "/v1/normalize", "application/json", "")
        assert status == 200, answer
        assert headers["Content-Type"].split(";")[0] == "application/json"
        return json.loads(answer)

    def metrics(self) -> dict[str, float]:
        """Each line of /metrics: its name with labels, and its number."""
        status, text = self.get("/metrics")
        assert status == 200
        lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in lines}


# --- exnorm, as an operator runs it --------------------------------------------------------------


class Exnorm:
    """``exnorm logstash serve`` in a process of its own."""

    def __init__(self, *arguments: object, environ: dict[str, str] | None = None, port: int = 0) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("EXNORM_")}
        path = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]))
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "exnorm", "logstash", "serve", "--listen", f"127.0.0.1:{port}",
                *map(str, arguments),
            ],
            env={**clean, "PYTHONPATH": path, **(environ or {})},
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )  # fmt: skip
        self.log: list[str] = []
        self.ended = False
        self._line = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            found = re.search(r':(\d+)", "forward"', self.wait_for('"listening"'))
            assert found is not None
        except AssertionError:
            self.kill()
            raise
        self.port = int(found.group(1))

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._line:
                self.log.append(line.rstrip("\n"))
                self._line.notify_all()
        with self._line:
            self.ended = True
            self._line.notify_all()

    def wait_for(self, text: str, times: int = 1) -> str:
        """The line of the log that has ``text``, for the so-manieth time."""

        def found() -> list[str]:
            return [line for line in self.log if text in line]

        with self._line:
            self._line.wait_for(lambda: self.ended or len(found()) >= times, WAIT)
        assert len(found()) >= times, f"no {text!r} in {self.log}"
        return found()[times - 1]

    def sender(self, authorization: str = "") -> Sender:
        return Sender(self.port, authorization=authorization)

    def kill(self) -> None:
        self.process.kill()
        self._end()

    def stop(self) -> int:
        """Stop as a service manager does; the exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        return self._end()

    def _end(self) -> int:
        status = self.process.wait(WAIT)
        self._reader.join(WAIT)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return status


@pytest.fixture
def hop() -> Iterator[NextHop]:
    server = NextHop()
    yield server
    server.close()


@pytest.fixture
def start() -> Iterator[Callable[..., Exnorm]]:
    """Start a service with options; stopped when the test ends."""
    running: list[Exnorm] = []

    def starter(*arguments: object, **options: Any) -> Exnorm:
        running.append(Exnorm(*arguments, **options))
        return running[-1]

    yield starter
    for exnorm in running:
        exnorm.stop()


@pytest.fixture(scope="module")
def _shared() -> Iterator[tuple[Exnorm, NextHop]]:
    server = NextHop()
    exnorm = Exnorm("--forward", server.url)
    yield exnorm, server
    exnorm.stop()
    server.close()


@pytest.fixture
def shared(_shared: tuple[Exnorm, NextHop]) -> tuple[Exnorm, NextHop]:
    """One service for the tests that need no options of their own; its next hop is as new."""
    _shared[1].reset()
    return _shared


def in_background(call: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    return thread


# --- the protocol --------------------------------------------------------------------------------


def test_a_thousand_numbered_events_arrive_once_each_in_order(shared: tuple[Exnorm, NextHop]) -> None:
    exnorm, hop = shared
    sender = exnorm.sender()
    sender.send(numbered(1, 1000))
    assert numbers(hop.taken) == list(range(1, 1001))
    assert set(sender.statuses) == {200}
    assert len(sender.statuses) == 9  # 1005 lines in batches of 125
    assert {request["path"] for request in hop.requests} == {"/"}


def test_what_arrives_is_the_event_with_what_the_shipper_put_beside_it(
    shared: tuple[Exnorm, NextHop],
) -> None:
    exnorm, hop = shared
    exnorm.sender().send(numbered(7, 7))
    (event,) = hop.taken
    assert event["sourceUserName"] == "a@example.com"
    assert event["destinationUserName"] == "b@example.com"
    assert event["deviceVersion"] == "15.01.2507.006"
    assert event["@timestamp"] == "2024-05-06T07:08:09.123Z"  # the row's own, not the shipper's
    assert event["host"] == {"name": "ex01"}
    assert event["log"] == {"file": {"path": FILE}}
    assert TAG not in event.get("tags", [])


def test_metadata_does_not_go_to_the_next_hop(shared: tuple[Exnorm, NextHop]) -> None:
    exnorm, hop = shared
    exnorm.sender().send(
        [{**event_of(row(1)), "@metadata": {"secret": "x"}}, {"a": 1, "@metadata": {"b": 2}}]
    )
    assert len(hop.taken) == 2
    assert all("@metadata" not in event for event in hop.taken)


def test_the_answer_comes_only_after_the_next_hop_took_the_batch(shared: tuple[Exnorm, NextHop]) -> None:
    exnorm, hop = shared
    release = threading.Event()
    hop.decide = lambda request: 200 if release.wait(WAIT) else 500
    sender = exnorm.sender()
    sending = in_background(lambda: sender.send(numbered(1, 1)))
    hop.wait_for_request()
    assert sender.statuses == []
    release.set()
    sending.join(WAIT)
    assert sender.statuses == [200]


@pytest.mark.parametrize(
    ("next_hop", "answer"),
    [
        (429, 429),
        (503, 503),
        (500, 503),
        (400, 503),
        (401, 503),
        (404, 503),
        (413, 503),
        (302, 503),
        (204, 200),
    ],
)
def test_a_status_of_the_next_hop_becomes_one_that_loses_nothing(
    shared: tuple[Exnorm, NextHop], next_hop: int, answer: int
) -> None:
    exnorm, hop = shared
    hop.decide = lambda request: next_hop
    status, headers, _ = exnorm.sender().post(gzip.compress(json.dumps(event_of(row(1))).encode()))
    assert status == answer
    assert len(hop.requests) == 1  # no retries of our own
    assert headers["Retry-After"] == (None if answer == 200 else "1")


def test_a_sender_tries_again_until_the_next_hop_takes_the_batch(shared: tuple[Exnorm, NextHop]) -> None:
    exnorm, hop = shared
    hop.decide = lambda request: {1: 429, 2: 500, 3: 400}.get(request, 200)
    sender = exnorm.sender()
    sender.send(numbered(1, 10))
    assert sender.statuses == [429, 503, 503, 200]
    assert sender.dropped == []
    assert numbers(hop.taken) == list(range(1, 11))


def test_json_lines_arrays_and_plain_bodies_are_all_understood(shared: tuple[Exnorm, NextHop]) -> None:
    exnorm, hop = shared
    sender = exnorm.sender()
    one, two, three = ({"n": number} for number in (1, 2, 3))
    lines = "\n".join(json.dumps(event) for event in (one, two, three)).encode()
    pretty = json.dumps([one, two, three], indent=2).encode()
    for body, content_type in (
        (lines, "application/x-ndjson"),
        (lines + b"\n", "application/json"),
        (json.dumps([one, two, three]).encode(), "application/json"),
        (pretty, "application/json"),
        (b"\xef\xbb\xbf" + lines, "text/plain"),
    ):
        hop.taken.clear()
        status, _, _ = sender.post(body, content_type=content_type, encoding="")
        assert status == 200
        assert [event["n"] for event in hop.taken] == [1, 2, 3], body
    hop.taken.clear()
    members = gzip.compress(lines[:10]) + gzip.compress(lines[10:])
    assert sender.post(members)[0] == 200
    assert [event["n"] for event in hop.taken] == [1, 2, 3]


def test_a_record_that_does_not_parse_is_tagged_and_goes_on(shared: tuple[Exnorm, NextHop]) -> None:
    exnorm, hop = shared
    wide = row(2) + ",one too many"
    body = (
        "\n".join(json.dumps(event_of(line)) for line in (*HEADER, row(1), wide, row(3)))
        + '\n{"broken\n\x00\n[1]\n'
    )
    status, _, _ = exnorm.sender().post(body.encode() + b"\xff\xfe\n", encoding="")
    assert status == 200
    assert numbers(hop.taken) == [1, 3]
    unparsed = [event for event in hop.taken if TAG in event.get("tags", [])]
    assert unparsed[0]["message"] == wide
    assert "27" in unparsed[0]["error"]["reason"]
    broken = [event["message"] for event in hop.taken if "_jsonparsefailure" in event.get("tags", [])]
    assert broken[0] == '{"broken'
    assert len(hop.taken) >= 3 + len(broken)


def test_header_lines_alone_need_no_next_hop(shared: tuple[Exnorm, NextHop]) -> None:
    exnorm, hop = shared
    hop.decide = lambda request: 503
    sender = exnorm.sender()
    sender.send([event_of(line) for line in HEADER])
    assert sender.statuses == [200]
    assert hop.requests == []


def test_a_body_that_breaks_off_leaves_no_trace(shared: tuple[Exnorm, NextHop]) -> None:
    exnorm, hop = shared
    body = gzip.compress(json.dumps(numbered(1, 100)).encode())
    with socket.create_connection(("127.0.0.1", exnorm.port), timeout=GIVE_UP) as connection:
        head = (
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Encoding: gzip\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        connection.sendall(head.encode() + body[: len(body) // 2])
    sender = exnorm.sender()
    sender.send(numbered(1, 3))
    assert numbers(hop.taken) == [1, 2, 3]
    assert len(hop.requests) == 1


def test_a_broken_gzip_is_no_record_and_is_refused(shared: tuple[Exnorm, NextHop]) -> None:
    exnorm, hop = shared
    body = gzip.compress(json.dumps(numbered(1, 10)).encode())
    sender = exnorm.sender()
    assert sender.post(b"no gzip at all")[0] == 400
    assert sender.post(body[:-20])[0] == 400
    assert sender.post(body, encoding="br")[0] == 415
    assert hop.requests == []


def test_nobody_gets_an_answer_on_other_paths(shared: tuple[Exnorm, NextHop]) -> None:
    sender = shared[0].sender()
    assert sender.get("/nowhere")[0] == 404
    assert sender.get("/")[0] == 405


# --- full, away, slow ----------------------------------------------------------------------------


def test_a_full_service_answers_429_and_takes_the_batch_later(
    hop: NextHop, start: Callable[..., Exnorm]
) -> None:
    exnorm = start("--forward", hop.url, "--max-in-flight", 1)
    release = threading.Event()
    hop.decide = lambda request: 200 if release.wait(WAIT) else 500
    first, second = exnorm.sender(), exnorm.sender()
    sending = in_background(lambda: first.send(numbered(1, 1)))
    hop.wait_for_request()
    status, headers, _ = second.post(gzip.compress(json.dumps(event_of(row(2))).encode()))
    assert status == 429
    assert headers["Retry-After"] == "1"
    assert second.metrics()["exnorm_acknowledgements_pending"] == 1
    release.set()
    second.send([event_of(row(2))])
    sending.join(WAIT)
    assert sorted(numbers(hop.taken)) == [1, 2]


def test_a_filter_waits_for_its_place_because_it_would_not_ask_again(
    hop: NextHop, start: Callable[..., Exnorm]
) -> None:
    exnorm = start("--forward", hop.url, "--max-in-flight", 1)
    release = threading.Event()
    hop.decide = lambda request: 200 if release.wait(WAIT) else 500
    answers: list[Any] = []
    sending = in_background(lambda: exnorm.sender().send(numbered(1, 1)))
    hop.wait_for_request()
    asking = in_background(lambda: answers.append(exnorm.sender().normalize(event_of(row(2)))))
    asking.join(0.2)
    assert answers == []
    release.set()
    asking.join(WAIT)
    sending.join(WAIT)
    assert numbers(answers) == [2]


def test_503_while_the_next_hop_is_away_and_nothing_is_lost_when_it_is_back(
    start: Callable[..., Exnorm],
) -> None:
    away = NextHop()
    port = away.server_port
    away.close()
    exnorm = start("--forward", f"http://127.0.0.1:{port}")
    sender = exnorm.sender()
    status, _, text = sender.post(gzip.compress(json.dumps(event_of(row(1))).encode()))
    assert status == 503
    assert b"next hop" in text
    assert json.loads(sender.get("/healthz")[1])["next_hop"] == "connection"
    sending = in_background(lambda: sender.send(numbered(1, 200)))
    exnorm.wait_for("did not take a batch")
    back = NextHop(port)
    try:
        sending.join(WAIT)
        assert sorted(numbers(back.taken)) == list(range(1, 201))
        assert json.loads(sender.get("/healthz")[1])["next_hop"] == "ok"
        assert sum("did not take a batch" in line for line in exnorm.log) == 1  # said once, not for each try
    finally:
        back.close()


def test_a_next_hop_that_says_nothing_is_given_up_before_the_sender_gives_up(
    hop: NextHop, start: Callable[..., Exnorm]
) -> None:
    exnorm = start("--forward", hop.url, "--answer-within", 0.3)
    release = threading.Event()
    hop.decide = lambda request: 200 if release.wait(WAIT) else 500
    sender = exnorm.sender()
    assert sender.post(gzip.compress(json.dumps(event_of(row(1))).encode()))[0] == 429
    release.set()
    assert sender.metrics()['exnorm_next_hop_failures_total{reason="timeout"}'] == 1
    assert sender.metrics()["exnorm_acknowledgements_pending"] == 0


def test_without_a_next_hop_batches_stay_with_their_sender(start: Callable[..., Exnorm]) -> None:
    sender = start().sender()
    assert sender.post(gzip.compress(json.dumps(event_of(row(1))).encode()))[0] == 503
    assert sender.normalize(event_of(row(1)))["deviceCustomString1"] == "1"


def test_killed_in_the_middle_and_started_again_no_event_is_lost(
    hop: NextHop, start: Callable[..., Exnorm], tmp_path: Path
) -> None:
    state = tmp_path / "headers"
    exnorm = start("--forward", hop.url, "--state", state)
    port = exnorm.port
    at_third, killed = threading.Event(), threading.Event()

    def decide(request: int) -> int:
        if request == 3:  # taken by the next hop, but nobody is there any more to pass that on
            at_third.set()
            killed.wait(WAIT)
        return 200

    hop.decide = decide
    sender = exnorm.sender()
    sending = in_background(lambda: sender.send(numbered(1, 1000)))
    assert at_third.wait(WAIT)
    exnorm.kill()
    killed.set()
    start("--forward", hop.url, "--state", state, port=port)
    sending.join(WAIT)
    assert sender.dropped == []
    assert sender.lost_connections >= 1
    assert set(numbers(hop.taken)) == set(range(1, 1001))
    assert {event["deviceVersion"] for event in hop.taken} == {"15.01.2507.006"}  # of a header sent before
    names = {event["deviceCustomString1"]: event["exnorm_id"] for event in hop.taken}
    assert len(hop.taken) > 1000  # one batch came twice ...
    assert {(event["deviceCustomString1"], event["exnorm_id"]) for event in hop.taken} == set(names.items())


def test_sigterm_finishes_what_is_in_flight_and_takes_nothing_new(
    hop: NextHop, start: Callable[..., Exnorm]
) -> None:
    exnorm = start("--forward", hop.url)
    release = threading.Event()
    hop.decide = lambda request: 200 if release.wait(WAIT) else 500
    sender = exnorm.sender()
    sending = in_background(lambda: sender.send(numbered(1, 1)))
    hop.wait_for_request()
    exnorm.process.terminate()
    exnorm.wait_for("stopping")
    with pytest.raises(OSError):  # noqa: PT011  refused or reset, as the system likes
        ask_until_nobody_answers(exnorm)
    release.set()
    sending.join(WAIT)
    assert sender.statuses == [200]
    assert exnorm.process.wait(WAIT) == 0


def ask_until_nobody_answers(exnorm: Exnorm) -> None:
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        exnorm.sender().get("/healthz")


# --- bounds --------------------------------------------------------------------------------------


def test_bodies_over_a_bound_are_refused_before_they_fill_the_memory(
    hop: NextHop, start: Callable[..., Exnorm]
) -> None:
    exnorm = start(
        "--forward",
        hop.url,
        "--max-body-bytes",
        20000,
        "--max-unpacked-bytes",
        100000,
        "--max-batch-events",
        50,
    )
    sender = exnorm.sender()
    bomb = gzip.compress(b" " * 10_000_000)
    assert len(bomb) < 20000  # 1000 : 1
    assert sender.post(bomb)[0] == 413
    assert sender.post(b" " * 20001, encoding="")[0] == 413
    assert sender.post(b"{}\n" * 51, encoding="")[0] == 413
    assert sender.post(b"[" + b",".join([b"{}"] * 51) + b"]", encoding="")[0] == 413
    assert sender.post(gzip.compress(b"{}\n") * 101)[0] == 413
    assert hop.requests == []
    assert sender.post(b"{}\n" * 50, encoding="")[0] == 200
    assert len(hop.taken) == 50


def test_what_logstash_sends_is_far_below_the_default_bounds(shared: tuple[Exnorm, NextHop]) -> None:
    exnorm, hop = shared
    long = [event_of(row(number) + '"' * 2) for number in range(3000)]  # a large pipeline.batch.size
    sender = exnorm.sender()
    sender.send_batch(long)  # on a busy machine it may take more than one try
    assert set(sender.statuses) <= {200, 429}
    assert len(hop.taken) == 3000


# --- POST /v1/normalize --------------------------------------------------------------------------


def convert_to_json(capfdbinary: pytest.CaptureFixture[bytes], path: Path) -> list[dict[str, Any]]:
    capfdbinary.readouterr()
    run(["convert", str(path), "--format", "json", "--quiet"])
    sys.stdout.flush()
    return [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]


def test_the_fields_are_those_of_exnorm_convert(
    shared: tuple[Exnorm, NextHop], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    sender = shared[0].sender()
    converted = convert_to_json(capfdbinary, SAMPLE)
    lines = SAMPLE.read_text(encoding="utf-8-sig").splitlines()
    assert len(converted) > 2
    answers = [
        sender.normalize({"message": line, "filename": str(SAMPLE), "@timestamp": "2024-01-01T00:00:00.000Z"})
        for line in lines
    ]
    events = [answer for answer in answers if answer.get("tags") != ["_exnormdropped"]]
    assert len(answers) - len(events) == sum(line.startswith("#") for line in lines)
    assert [{name: event[name] for name in wanted} for event, wanted in zip(events, converted)] == converted
    assert {name for event in events for name in event} - {name for one in converted for name in one} <= {
        "@version",
        "filename",
    }


def test_an_array_is_answered_with_an_array_and_an_object_with_an_object(
    shared: tuple[Exnorm, NextHop],
) -> None:
    sender = shared[0].sender()
    assert numbers(sender.normalize(numbered(1, 3))) == [1, 2, 3]
    assert sender.normalize(event_of(row(4)))["deviceCustomString1"] == "4"
    assert numbers(sender.normalize([event_of(row(5))])) == [5]
    assert sender.normalize([]) == []
    assert sender.normalize([event_of(HEADER[0])]) == []
    assert sender.normalize(event_of(HEADER[0])) == {"tags": ["_exnormdropped"]}


def test_what_is_no_json_and_what_does_not_parse_is_answered_with_a_tag(
    shared: tuple[Exnorm, NextHop],
) -> None:
    sender = shared[0].sender()
    assert sender.normalize(b"{oops")["tags"] == ["_jsonparsefailure"]
    answer = sender.normalize(event_of(row(1) + ",one too many"))
    assert TAG in answer["tags"]
    assert answer["message"].endswith("one too many")
    assert sender.normalize({"message": "hello"})["message"] == "hello"


# --- formats and profiles ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "field", "beginning"),
    [
        (("--format", "cef"), "cef", "CEF:0|Microsoft|Exchange Server|15.01.2507.006|RECEIVE|"),
        (("--taxonomy", "jsa", "--format=leef"), "leef", "LEEF:2.0|Microsoft|Exchange Server|15.01.2507."),
        (("--taxonomy", "jsa", "--format", "wincollect"), "wincollect", "AgentDevice=WindowsExchange\t"),
    ],
)  # fmt: skip
def test_a_finished_line_stands_in_a_field_named_as_its_format(
    hop: NextHop, start: Callable[..., Exnorm], options: tuple[str, ...], field: str, beginning: str
) -> None:
    start("--forward", hop.url, *options).sender().send(numbered(1, 2))
    assert len(hop.taken) == 2
    for event in hop.taken:
        assert event[field].startswith(beginning)
        assert "\n" not in event[field]
        assert event["@timestamp"] == "2024-05-06T07:08:09.123Z"
        assert event["host"] == {"name": "ex01"}


# --- health, metrics -----------------------------------------------------------------------------


def test_metrics_count_what_happened(hop: NextHop, start: Callable[..., Exnorm]) -> None:
    exnorm = start("--forward", hop.url, "--profile", "security")
    hop.decide = lambda request: {2: 500}.get(request, 200)
    sender = exnorm.sender()
    sender.send_batch(numbered(1, 3))
    sender.send_batch([event_of(row(4, "DELIVER")), event_of(row(5)), event_of(row(6) + ",x")])
    found = sender.metrics()
    # the second batch came twice, because the next hop refused it once
    assert found["exnorm_events_in_total"] == 5 + 3 + 3 + 3
    assert found["exnorm_events_out_total"] == 3 + 2
    assert found["exnorm_header_lines_total"] == 5
    assert found['exnorm_events_dropped_total{event="DELIVER"}'] == 2
    assert found['exnorm_lines_unparsed_total{reason="width"}'] == 2
    assert found['exnorm_records_total{source="message_tracking"}'] == 3 + 2 + 2
    assert found['exnorm_requests_total{path="/",status="200"}'] == 2
    assert found['exnorm_requests_total{path="/",status="503"}'] == 1
    assert found['exnorm_next_hop_failures_total{reason="500"}'] == 1
    assert found["exnorm_acknowledgements_pending"] == 0
    text = sender.get("/metrics")[1]
    assert "# TYPE exnorm_events_in_total counter" in text
    assert "# TYPE exnorm_acknowledgements_pending gauge" in text


def test_healthz_says_ok(shared: tuple[Exnorm, NextHop]) -> None:
    status, text = shared[0].sender().get("/healthz")
    assert status == 200
    assert json.loads(text)["status"] == "ok"


# --- reload --------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no SIGHUP on this system")
def test_sighup_takes_new_settings_and_keeps_the_old_ones_where_the_new_are_broken(
    hop: NextHop, start: Callable[..., Exnorm], tmp_path: Path
) -> None:
    config = tmp_path / "exnorm.yml"
    config.write_text("profile: all\n")
    exnorm = start("--forward", hop.url, "--config", config)
    sender = exnorm.sender()
    sender.send([event_of(row(1, "DELIVER"))])
    config.write_text("profile: security\n")
    exnorm.process.send_signal(signal.SIGHUP)
    exnorm.wait_for("reloaded")
    sender.send([event_of(row(2, "DELIVER")), event_of(row(3))])
    config.write_text("profile: no such profile\n")
    exnorm.process.send_signal(signal.SIGHUP)
    assert "no such profile" in exnorm.wait_for("reload failed")
    sender.send([event_of(row(4, "DELIVER")), event_of(row(5))])
    assert numbers(hop.taken) == [1, 3, 5]
    assert sender.metrics()["exnorm_events_in_total"] == 5
    assert sender.metrics()['exnorm_records_total{source="message_tracking"}'] == 5


# --- who may connect -----------------------------------------------------------------------------


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def test_a_password_is_asked_for_and_shown_nowhere(
    hop: NextHop, start: Callable[..., Exnorm], tmp_path: Path
) -> None:
    secret = "gehe1m-Passwort"
    file = tmp_path / "password"
    file.write_text(secret + "\n", encoding="utf-8")
    exnorm = start(
        "--forward", hop.url, "--auth-user", "logstash", "--auth-password-file", file,
        "--forward-user", "next",
        environ={"EXNORM_LOGSTASH_FORWARD_PASSWORD": "s3cret-onward"},
    )  # fmt: skip
    body = gzip.compress(json.dumps(event_of(row(1))).encode())
    for header in (
        "",
        basic("logstash", "wrong"),
        basic("Logstash", secret),
        "Basic ???",
        f"Bearer {secret}",
    ):
        refused = exnorm.sender(header)
        status, headers, text = refused.post(body)
        assert status == 401
        assert headers["WWW-Authenticate"] == 'Basic realm="exnorm"'
        assert refused.get("/metrics")[0] == 401
        assert refused.get("/healthz")[0] == 200
        assert secret.encode() not in text
    assert hop.requests == []
    allowed = exnorm.sender(authorization=basic("logstash", secret))
    assert allowed.post(body)[0] == 200
    assert hop.requests[0]["Authorization"] == basic("next", "s3cret-onward")
    shown = "\n".join(exnorm.log) + allowed.get("/metrics")[1] + allowed.get("/healthz")[1]
    encoded = basic("logstash", secret)[6:], basic("next", "s3cret-onward")[6:]
    assert [hidden for hidden in (secret, "s3cret-onward", *encoded) if hidden in shown] == []


def serve_fails(capfd: pytest.CaptureFixture[str], *arguments: object) -> str:
    status = run(["logstash", "serve", *map(str, arguments)])
    assert status == 2
    return capfd.readouterr().err


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:0", ":0", "192.0.2.1:9801", "[::]:9801", "ex01.example.com:9801"]
)
def test_an_address_others_can_reach_needs_tls_and_a_password(
    capfd: pytest.CaptureFixture[str], listen: str
) -> None:
    message = serve_fails(capfd, "--listen", listen)
    assert "can be reached from other machines" in message
    assert "--tls-cert and --tls-key and --auth-user and --auth-password-file" in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--listen", "9801"), "listen: got '9801'; expected address:port"),
        (("--listen", "127.0.0.1:99999"), "expected address:port"),
        (("--listen", "::1:9801"), "expected address:port"),
        (("--forward", "127.0.0.1:9800"), "forward: got '127.0.0.1:9800'; expected a URL"),
        (("--forward", "ftp://127.0.0.1"), "expected a URL"),
        (("--auth-user", "x"), "auth-password-file: not given"),
        (("--auth-user", "a:b", "--auth-password-file", __file__), "auth-password-file: expected one line"),
        (
            ("--auth-user", "x", "--auth-password-file", "/nowhere"),
            "auth-password-file: cannot read '/nowhere'",
        ),
        (("--tls-cert", "x.pem"), "tls-cert and tls-key: expected both or none"),
        (("--tls-cert", "/nowhere.pem", "--tls-key", "/nowhere.key"), "tls-cert '/nowhere.pem'"),
        (
            ("--forward", "https://127.0.0.1:1", "--tls-ca", "/nowhere.pem"),
            "tls-ca: cannot read '/nowhere.pem'",
        ),
        (("--answer-within", "0"), "answer-within: got '0.0'"),
        (("--answer-within", "nan"), "answer-within: got 'nan'"),
    ],
)
def test_a_wrong_option_is_named_and_nothing_runs(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.delenv("EXNORM_LOGSTASH_PASSWORD", raising=False)
    assert message in serve_fails(capfd, *arguments)


def test_a_password_in_the_url_of_the_next_hop_is_refused_and_not_shown(
    capfd: pytest.CaptureFixture[str],
) -> None:
    for url in ("http://me:s3cret@127.0.0.1:9800", "gopher://me:s3cret@127.0.0.1"):
        assert "s3cret" not in serve_fails(capfd, "--forward", url)


def test_a_password_does_not_go_to_another_machine_in_the_clear(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXNORM_LOGSTASH_FORWARD_PASSWORD", "s3cret")
    message = serve_fails(capfd, "--forward", "http://next.example.com:9800", "--forward-user", "me")
    assert "would carry the password in the clear; expected https" in message


def test_a_port_that_is_taken_is_said(hop: NextHop, capfd: pytest.CaptureFixture[str]) -> None:
    assert "listen: cannot listen on" in serve_fails(capfd, "--listen", f"127.0.0.1:{hop.server_port}")


def test_without_the_extra_the_message_names_it(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "aiohttp" else object())
    message = serve_fails(capfd)
    assert "logstash serve needs aiohttp, not installed here; run: pip install 'exnorm[logstash]'" in message


# --- TLS -----------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that is its own authority, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl on the PATH to make a certificate with")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=exnorm",
            "-addext", "subjectAltName=IP:127.0.0.1",
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return cert, key


def test_tls_and_password_in_and_out(
    hop: NextHop, start: Callable[..., Exnorm], certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    cert, key = certificate
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert, key)
    hop.socket = server.wrap_socket(hop.socket, server_side=True)
    hop.scheme = "https"
    password = tmp_path / "password"
    password.write_text("s3cret")
    exnorm = start(
        "--forward", hop.url, "--tls-ca", cert, "--tls-cert", cert, "--tls-key", key,
        "--auth-user", "logstash", "--auth-password-file", password,
    )  # fmt: skip
    assert '"listen": "https://' in exnorm.log[-1]
    trusted = ssl.create_default_context(cafile=str(cert))
    sender = Sender(exnorm.port, trusted, authorization=basic("logstash", "s3cret"))
    sender.send(numbered(1, 200))
    assert numbers(hop.taken) == list(range(1, 201))
    old = ssl.create_default_context(cafile=str(cert))
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.TLSv1_2
    assert Sender(exnorm.port, old, authorization=basic("logstash", "s3cret")).get("/healthz")[0] == 200
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        Sender(exnorm.port, old).get("/healthz")


def test_a_next_hop_whose_certificate_is_not_trusted_gets_nothing(
    hop: NextHop, start: Callable[..., Exnorm], certificate: tuple[Path, Path]
) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*certificate)
    hop.socket = server.wrap_socket(hop.socket, server_side=True)
    exnorm = start("--forward", f"https://127.0.0.1:{hop.server_port}")
    assert exnorm.sender().post(gzip.compress(json.dumps(event_of(row(1))).encode()))[0] == 503
    assert hop.requests == []
    assert "certificate" in exnorm.wait_for("did not take a batch")


@pytest.mark.parametrize("seed", [5, 6])
def test_batches_in_a_wrong_order_from_several_senders_mix_no_sessions(
    hop: NextHop, start: Callable[..., Exnorm], seed: int
) -> None:
    delivery = Delivery(seed)
    service = start("--forward", hop.url, "--fields", "key")

    def send(chunks: list[list[str]]) -> list[dict[str, Any]]:
        """What comes out of batches that are all on their way at the same time."""
        hop.reset()
        batches = [[{"message": line, "filename": NAME} for line in lines] for lines in chunks]
        threads = [in_background(partial(service.sender().send_batch, batch)) for batch in batches]
        for thread in threads:
            thread.join(WAIT)
        return hop.taken

    assert send([SMTP_HEADER]) == []
    first = send(delivery.first)
    in_order = [event for lines in delivery.order for event in send([lines])]
    delivery.check(first, in_order, send(delivery.again))
