"""Steady load with odd lines in it, for minutes, and whether memory stays flat.

    python benchmarks/soak.py --minutes 10 [--host filter --host fluentbit --host logstash] [--rate 500]

The forward service, the Logstash service and the filter as Fluent Bit holds it run at once, each in a
process of its own. First each is shown more files than it remembers, so that this bound is reached before the
clock starts. Then every 25 lines are a file of their own, and every 25th line is odd: torn, too wide, not
UTF-8, a quote never closed, a long line, no row at all.
The resident memory of each is read every --every seconds. Flat means: the least-squares line through the
second half of the samples rises by less than GROWTH_MIB in --minutes. Exits with 1 where it is not flat, or
where a process has ended.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import http.client
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import msgpack
from tracking_rows import header, make_rows

ROOT = Path(__file__).resolve().parents[1]
HOSTS = ("filter", "fluentbit", "logstash")
FILES, LINES = 5, 25
BATCH = FILES * LINES
WARM_FILES = 5000  # StreamTable remembers 4096
GROWTH_MIB = 4.0
File = tuple[str, list[bytes]]
"""A path and its first lines."""
Send = Callable[[Sequence[File]], None]
_PATIENCE = 60.0


def slope(samples: Sequence[tuple[float, float]]) -> float:
    """How much the least-squares line through (seconds, value) rises in a second."""
    count = len(samples)
    mean_x = sum(x for x, _ in samples) / count
    mean_y = sum(y for _, y in samples) / count
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    return sum((x - mean_x) * (y - mean_y) for x, y in samples) / spread if spread else 0.0


def growth(samples: Sequence[tuple[float, float]], seconds: float) -> float:
    """By how much the second half of the samples would grow in so many seconds."""
    return slope(samples[len(samples) // 2 :]) * seconds


# --- the load ------------------------------------------------------------------------------------


def spoil(line: bytes, chance: random.Random) -> bytes:
    """A row as no server should write it."""
    return chance.choice(
        (
            line[: len(line) // 2],
            line + b",more,and,more",
            line.replace(b"@", b"\xff\xfe@"),
            line.replace(b",", b',"', 1),
            b"\0" * 200 + line,
            line.replace(b"example", b"x" * 60_000, 1),
            b"nothing that any server wrote",
            b"",
        )
    )


def make_files(seed: int = 8) -> Iterator[File]:
    """The beginnings of log files for ever."""
    chance = random.Random(seed)
    rows = cycle([row.encode() for row in make_rows(20_000)])
    head = header().replace("\r\n", "\n").removeprefix("\ufeff").encode().splitlines()
    number = 0
    while True:
        number += 1
        fields = [*head[:-1], head[-1] + b",column-%d" % number] if chance.random() < 0.02 else head
        lines = [
            spoil(line, chance) if chance.random() < 0.04 else line
            for line in islice(rows, LINES - len(head))
        ]
        yield f"/logs/MSGTRK{number}-1.LOG", [*fields, *lines]


def make_short_files() -> Iterator[File]:
    """The header's last line and one row each."""
    rows = [row.encode() for row in make_rows(100)]
    fields = header().rstrip("\r\n").rpartition("\n")[2].encode()
    for number in range(WARM_FILES):
        yield f"/logs/MSGTRKM{number}-1.LOG", [fields, rows[number % len(rows)]]


def as_chunk(files: Sequence[File]) -> bytes:
    """The events of Fluent Bit's tail."""
    pack = msgpack.Packer(use_bin_type=False, unicode_errors="surrogateescape").pack
    return b"".join(
        pack([[int(time.time()), {}], {"filename": path, "log": line.decode("utf-8", "surrogateescape")}])
        for path, lines in files
        for line in lines
    )


def as_body(files: Sequence[File]) -> bytes:
    """The body of Logstash's output."""
    events = [
        {
            "message": line.decode("utf-8", "replace"),
            "log": {"file": {"path": path}},
            "host": {"name": "ex01"},
        }
        for path, lines in files
        for line in lines
    ]
    return gzip.compress(json.dumps(events).encode(), 1)


# --- the far ends --------------------------------------------------------------------------------


class ForwardEnd:
    """Acknowledges chunks and counts their events."""

    def __init__(self) -> None:
        self.events = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        unpacker = msgpack.Unpacker(raw=True)
        with contextlib.suppress(OSError), connection:
            while data := connection.recv(65536):
                unpacker.feed(data)
                for _, _events, options in unpacker:
                    self.events += options[b"size"]
                    connection.sendall(msgpack.packb({b"ack": options[b"chunk"]}, use_bin_type=False))


class HTTPEnd(ThreadingHTTPServer):
    """Answers 200 and counts lines."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.events = 0
        self.port = self.server_port
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HTTPEnd

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.events += gzip.decompress(body).count(b"\n")
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


# --- the three hosts -----------------------------------------------------------------------------


class Host:
    """A process under load; ``send`` hands it one batch and returns when it has taken it."""

    far_end: ForwardEnd | HTTPEnd | None = None

    def __init__(self, name: str) -> None:
        self.name = name
        self.batches = 0
        self.samples: list[tuple[float, float]] = []
        self.process, self.send = getattr(self, f"_start_{name}")()

    def sample(self, seconds: float) -> None:
        """Read the resident memory, MiB."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        kib = next(line.split()[1] for line in text.splitlines() if line.startswith("VmRSS"))
        self.samples.append((seconds, int(kib) / 1024))

    def cpu_seconds(self) -> float:
        """What it has used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _start_filter(self) -> tuple[subprocess.Popen[bytes], Send]:
        process = _start(sys.executable, __file__, "--child", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def send(files: Sequence[File]) -> None:
            chunk = as_chunk(files)
            stdin.write(len(chunk).to_bytes(8, "big") + chunk)
            stdin.flush()
            assert stdout.read(1) == b"+"

        return process, send

    def _start_fluentbit(self) -> tuple[subprocess.Popen[bytes], Send]:
        self.far_end = ForwardEnd()
        process, said = _serve("fluentbit", f"127.0.0.1:{self.far_end.port}", "--read-header", "off")
        host, _, port = said["listen"].rpartition(":")
        sock = socket.create_connection((host, int(port)), _PATIENCE)

        def send(files: Sequence[File]) -> None:
            chunk = f"{self.batches}"
            sock.sendall(msgpack.packb(["exchange", as_chunk(files), {"chunk": chunk}]))
            assert msgpack.unpackb(sock.recv(4096)) == {"ack": chunk}

        return process, send

    def _start_logstash(self) -> tuple[subprocess.Popen[bytes], Send]:
        self.far_end = HTTPEnd()
        process, said = _serve("logstash", f"http://127.0.0.1:{self.far_end.port}")
        client = http.client.HTTPConnection(said["listen"].removeprefix("http://"), timeout=_PATIENCE)
        headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}

        def send(files: Sequence[File]) -> None:
            client.request("POST", "/", as_body(files), headers)
            answer = client.getresponse()
            answer.read()
            assert answer.status == 200, answer.status

        return process, send


def _start(*command: str, **streams: Any) -> subprocess.Popen[bytes]:
    paths = filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.Popen(command, env=environment, **streams)


def _serve(name: str, forward: str, *options: str) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
    command = [sys.executable, "-m", "exnorm", name, "serve", "--listen", "127.0.0.1:0"]
    process = _start(*command, "--forward", forward, "--format", "cef", *options, stderr=subprocess.PIPE)
    assert process.stderr is not None
    stderr = process.stderr
    said: dict[str, Any] = {}
    while said.get("event") != "listening":
        said = json.loads(stderr.readline())
    threading.Thread(target=lambda: [None for _ in stderr], daemon=True).start()
    return process, said


def filter_chunks() -> None:
    """The child: chunks on standard input through the filter as Fluent Bit holds it."""
    from exnorm.fluentbit.embedded import start

    held = start("soak", ["format", "cef", "host_check", "off", "read_header", "off"], lambda *said: None)
    assert held is not None
    while size := sys.stdin.buffer.read(8):
        held.filter("exchange", sys.stdin.buffer.read(int.from_bytes(size, "big")))
        sys.stdout.buffer.write(b"+")
        sys.stdout.buffer.flush()


# --- the run -------------------------------------------------------------------------------------


def warm(host: Host) -> None:
    """Show it files, as fast as it takes them."""
    files = make_short_files()
    while batch := list(islice(files, BATCH // 2)):
        host.send(batch)
        host.batches += 1  # names the next chunk


def load(host: Host, rate: int, until: float) -> None:
    """Batches at a steady rate."""
    files, host.batches = make_files(), 0
    began = time.monotonic()
    while time.monotonic() < until:
        host.send(list(islice(files, FILES)))
        host.batches += 1
        time.sleep(max(0.0, began + host.batches * BATCH / rate - time.monotonic()))


def in_parallel(work: Callable[[Host], None], hosts: Sequence[Host]) -> None:
    """The same with every host at once, to its end."""
    threads = [threading.Thread(target=work, args=(host,)) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def run(names: Sequence[str], seconds: float, rate: int, every: float) -> list[Host]:
    """All hosts at once; their samples."""
    hosts = [Host(name) for name in names]
    in_parallel(warm, hosts)
    began = time.monotonic()
    loads = [threading.Thread(target=load, args=(host, rate, began + seconds)) for host in hosts]
    for thread in loads:
        thread.start()
    number = 0
    while any(thread.is_alive() for thread in loads):
        for host in hosts:
            host.sample(time.monotonic() - began)
        number += 1
        time.sleep(max(0.0, began + number * every - time.monotonic()))
    for thread in loads:
        thread.join()
    return hosts


def report(hosts: Sequence[Host], seconds: float) -> bool:
    """The table, and whether all is well."""
    well = True
    print("| host | lines sent | events at the far end | MiB first, half, last, most | growth, MiB | CPU s |")
    print("|---|---|---|---|---|---|")
    for host in hosts:
        values = [value for _, value in host.samples]
        grown = growth(host.samples, seconds)
        marks = (values[0], values[len(values) // 2], values[-1], max(values))
        arrived = "" if host.far_end is None else str(host.far_end.events)
        print(
            f"| {host.name} | {host.batches * BATCH} | {arrived} | {', '.join(f'{v:.1f}' for v in marks)} "
            f"| {grown:+.2f} | {host.cpu_seconds():.0f} |"
        )
        well = well and grown < GROWTH_MIB and host.process.poll() is None
    return well


def main() -> int:
    """Run, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=int, default=500, help="lines a second for each host")
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two samples")
    parser.add_argument("--host", action="append", choices=HOSTS)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        filter_chunks()
        return 0
    seconds = given.minutes * 60
    hosts = run(given.host or HOSTS, seconds, given.rate, given.every)
    print(f"{time.strftime('%Y-%m-%d')}, {given.minutes:g} minutes, {given.rate} lines a second each.\n")
    well = report(hosts, seconds)
    for host in hosts:
        host.process.kill()
        host.process.wait()
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
