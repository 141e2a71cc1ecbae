"""What tests of OTLP share: messages as the official package writes them, a next hop, and the service."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

ROOT = Path(__file__).parents[2]
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
TIME = 1714979289123  # 2024-05-06T07:08:09.123Z
TAG = "_exnormparsefailure"
WAIT = 30.0


def row(number: int, subject: str = "hello") -> str:
    """A row of 27 columns; its number is the internal-message-id (Device Custom String 1)."""
    cells = [
        "2024-05-06T07:08:09.123Z", "10.0.0.1", "client01", "10.0.0.2", "ex01", "", "Default", "SMTP",
        "RECEIVE", str(number), f"<{number}@example.com>", "0fd591fe-1cc4-47f0-0bbc-08d654b944f3",
        "b@example.com", "", "100", "1", "", "", subject, "a@example.com", "a@example.com", "", "Incoming",
        "", "", "", "",
    ]  # fmt: skip
    assert len(cells) == 27
    return ",".join(cells)


def attributes(values: Mapping[str, str]) -> list[KeyValue]:
    return [KeyValue(key=name, value=AnyValue(string_value=value)) for name, value in values.items()]


def request_of(
    lines: Iterable[str], file: str = FILE, host: str = "ex01", key: str = "log.file.path"
) -> ExportLogsServiceRequest:
    """Lines as a Collector's file log receiver sends them."""
    request = ExportLogsServiceRequest()
    logs = request.resource_logs.add()
    logs.resource.attributes.extend(attributes({"host.name": host}))
    scope = logs.scope_logs.add()
    for line in lines:
        record = scope.log_records.add(observed_time_unix_nano=7)
        record.body.string_value = line
        record.attributes.extend(attributes({key: file} if file else {}))
    return request


def read_any(value: Any) -> Any:
    """An ``AnyValue`` as Python has it, read by the official classes alone."""
    kind = value.WhichOneof("value")
    if kind == "kvlist_value":
        return {one.key: read_any(one.value) for one in value.kvlist_value.values}
    if kind == "array_value":
        return [read_any(one) for one in value.array_value.values]
    return getattr(value, kind) if kind else None


def fields_of(record: Any) -> dict[str, Any]:
    """The attributes of a record; one name never stands twice."""
    names = [one.key for one in record.attributes]
    assert len(names) == len(set(names)), names
    return {one.key: read_any(one.value) for one in record.attributes}


def records_of(request: Any) -> list[Any]:
    return [
        record for logs in request.resource_logs for scope in logs.scope_logs for record in scope.log_records
    ]


def numbers_of(records: Iterable[Any]) -> list[int]:
    found = [fields_of(record).get("deviceCustomString1") for record in records]
    return [int(number) for number in found if number]


class NextHop(ThreadingHTTPServer):
    """Takes POST of OTLP/HTTP in protobuf. ``decide`` gives the status of a request, and may wait."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taker)
        self.decide: Callable[[int], int] = lambda request: 200
        self.answer = ExportLogsServiceResponse()
        self.headers: dict[str, str] = {}
        self.arrived = threading.Semaphore(0)
        self.paths: list[str] = []
        self.given: list[dict[str, str]] = []
        self.taken: list[Any] = []
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def close(self) -> None:
        self.shutdown()
        self.thread.join(WAIT)
        self.server_close()


class _Taker(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: NextHop

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.headers["Content-Type"] == "application/x-protobuf"
        content = gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body
        request = ExportLogsServiceRequest.FromString(content)
        self.server.paths.append(self.path)
        self.server.given.append(dict(self.headers.items()))
        self.server.arrived.release()
        status = self.server.decide(len(self.server.paths))
        if status == 200:
            self.server.taken += records_of(request)
        answer = self.server.answer.SerializeToString() if status == 200 else b""
        with contextlib.suppress(OSError):  # a service that was killed waits for no answer
            self.send_response(status)
            for name, value in self.server.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


class Exnorm:
    """``exnorm otlp serve`` in a process of its own."""

    def __init__(self, *arguments: object, environ: Mapping[str, str] | None = None, port: int = 0) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("EXNORM_")}
        path = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]))
        command = [sys.executable, "-m", "exnorm", "otlp", "serve", "--listen", f"127.0.0.1:{port}"]
        self.process = subprocess.Popen(
            [*command, *map(str, arguments)],
            stderr=subprocess.PIPE,
            env={**clean, "PYTHONPATH": path, **(environ or {})},
        )
        self.lines: list[dict[str, Any]] = []
        self.ready, self.port = threading.Event(), 0
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        assert self.ready.wait(WAIT), self.lines

    def _read(self) -> None:
        assert self.process.stderr is not None
        for raw in self.process.stderr:
            line = json.loads(raw) if raw.startswith(b"{") else {"event": raw.decode()}
            self.lines.append(line)
            if line["event"] == "listening":
                self.port = int(line["listen"].rpartition(":")[2])
                self.ready.set()
        self.ready.set()

    def post(
        self,
        body: bytes,
        content_type: str = "application/x-protobuf",
        path: str = "/v1/logs",
        **headers: str,
    ) -> tuple[int, dict[str, str], bytes]:
        """``Content_Encoding="gzip"`` is the header of that name."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT)
        with contextlib.closing(connection):
            connection.request("POST", path, body, {"Content-Type": content_type, **given})
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()

    def send(self, lines: Iterable[str], **how: str) -> int:
        return self.post(request_of(lines, **how).SerializeToString())[0]

    def get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT)
        with contextlib.closing(connection):
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()

    def kill(self) -> None:
        self.process.kill()
        self._end()

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self._end()

    def _end(self) -> int:
        status = self.process.wait(WAIT)
        self.thread.join(WAIT)
        if self.process.stderr is not None:
            self.process.stderr.close()
        return status
