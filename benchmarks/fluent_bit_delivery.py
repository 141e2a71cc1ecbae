"""Numbered events through a real Fluent Bit and ``exnorm fluentbit serve``, with kill -9 on the way.

    python benchmarks/fluent_bit_delivery.py --events 200000 --kill service --times 10

The config is the one that ``exnorm fluentbit config`` prints. Every event has a number in its message-id;
at the end the numbers in the output are counted: each must be there (lost 0), some may be there twice
(what was not acknowledged when a process was killed). tests/hosts/ runs the same in short.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

COLUMNS = (
    "date-time,client-ip,client-hostname,server-ip,server-hostname,source-context,connector-id,source,"
    "event-id,internal-message-id,message-id,network-message-id,recipient-address,recipient-status,"
    "total-bytes,recipient-count,related-recipient-address,reference,message-subject,sender-address,"
    "return-path,message-info,directionality,tenant-id,original-client-ip,original-server-ip,custom-data,"
    "transport-traffic-type,log-id,schema-version"
)
HEADER = (
    "#Software: Microsoft Exchange Server\r\n#Version: 15.01.2507.039\r\n#Log-type: Message Tracking Log\r\n"
    f"#Date: 2026-03-01T00:00:00.000Z\r\n#Fields: {COLUMNS}\r\n"
)
_NUMBER = re.compile(rb"<evt([0-9]{8})@")
_STALL_SECONDS = 180.0


def find_fluent_bit() -> str | None:
    """The binary that FLUENT_BIT names, else the one on the PATH."""
    return os.environ.get("FLUENT_BIT") or shutil.which("fluent-bit")


def make_row(number: int) -> str:
    """A message tracking row with its number in the message-id; its subject holds commas and quotes."""
    return (
        f"2026-03-01T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}.000Z,10.4.11.100,"
        f"client.example.test,192.0.2.25,EX01,08DA;250 2.0.0 OK;ClientSubmitTime:,Outbound Mail,SMTP,SEND,"
        f"{number},<evt{number:08d}@example.test>,0fd591fe-1cc4-47f0-0bbc-08d654b944f3,ana@example.test;"
        f'ben@example.test,250 2.1.5 OK,{number % 90000},2,,,"Offer {number}, ""final"" | a=b",'
        "sales@example.test,sales@example.test,,Originating,,,,S:E2ELatency=1.5,Email,"
        "755ab09c-9c04-44aa-8b07-08d654b94568,15.01.2507.039\r\n"
    )


class Output:
    """The lines that Fluent Bit wrote, counted as they come."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.numbers: Counter[int] = Counter()
        self._offset = 0
        self._rest = b""

    def count(self) -> int:
        """How many different events have arrived so far."""
        if self.path.exists():
            with self.path.open("rb") as file:
                file.seek(self._offset)
                while block := file.read(1 << 20):
                    self._offset += len(block)
                    self._take(block)
        return len(self.numbers)

    def _take(self, block: bytes) -> None:
        text = self._rest + block
        end = 0
        for found in _NUMBER.finditer(text):  # all of a line: after kill -9 one line may hold two events
            self.numbers[int(found.group(1))] += 1
            end = found.end()
        self._rest = text[max(end, len(text) - 16) :]

    @property
    def repeats(self) -> int:
        """How many lines came besides the first of each event."""
        return sum(self.numbers.values()) - len(self.numbers)


class Rig:
    """A Fluent Bit and a service in a folder of their own; ``with`` ends what is still running."""

    def __init__(self, folder: Path, binary: str, options: Sequence[str] = ()) -> None:
        self.folder = folder
        self.binary = binary
        self.options = list(options)
        self.service_port, self.back_port = free_port(), free_port()
        self.listen = f"127.0.0.1:{self.service_port}"
        self.output = Output(folder / "out.cef")
        self.peak_kb: dict[str, int] = {}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.config = folder / "fluent-bit.yaml"
        (folder / "logs").mkdir(parents=True)
        (folder / "state").mkdir()

    def __enter__(self) -> Rig:
        return self

    def __exit__(self, *exc: object) -> None:
        for process in self.running.values():
            process.kill()
            process.wait()

    def write_logs(self, events: int, files: int = 4) -> None:
        """Logs of numbered events, several of them as one server writes them."""
        share = -(-events // files)
        for index in range(files):
            numbers = range(index * share, min((index + 1) * share, events))
            path = self.folder / "logs" / f"MSGTRK202603010{index}-1.LOG"
            with path.open("w", encoding="utf-8", newline="") as file:
                file.write(HEADER)
                file.writelines(map(make_row, numbers))

    def write_config(self, back_port: int | None = None, plugin: Path | None = None) -> None:
        """The config that exnorm prints for these logs; with ``plugin`` for the filter in process."""
        back = self.back_port if back_port is None else back_port
        way = ("--via", "service") if plugin is None else ("--plugin", str(plugin))
        command = [
            *exnorm("fluentbit", "config", str(self.folder / "logs"), *way),
            *("--to", f"file:{self.output.path}", "--state", str(self.folder / "state")),
            *("--service-address", f"127.0.0.1:{self.service_port}"),
            *("--back-address", f"127.0.0.1:{back}", "--output", str(self.config)),
        ]
        subprocess.run(command, check=True)

    def start_fluent_bit(self, config: Path | None = None, name: str = "fluent-bit") -> None:
        """Start Fluent Bit; it goes on where its state folder says."""
        self._start(name, [self.binary, "-c", str(config or self.config)])

    def start_service(self) -> None:
        """Start the service."""
        addresses = (
            "--listen", self.listen, "--forward", f"127.0.0.1:{self.back_port}",
        )  # fmt: skip
        self._start("service", exnorm("fluentbit", "serve", *addresses, "--format", "cef", *self.options))

    def _start(self, name: str, command: list[str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        """Send a signal and wait for the end; the exit status."""
        self.check_processes()
        process = self.running.pop(name)
        process.send_signal(number)
        return process.wait(timeout=120)

    def check_processes(self) -> None:
        """Remember the highest resident size of each process (Linux only); raise where one has ended."""
        for name, process in self.running.items():
            if process.poll() is not None:
                log = (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")
                raise RuntimeError(f"{name} ended with {process.returncode}: {log[-2000:]}")
            try:
                status = Path(f"/proc/{process.pid}/status").read_text()
            except OSError:
                continue
            found = re.search(r"VmHWM:\s+(\d+) kB", status)
            if found:
                self.peak_kb[name] = max(self.peak_kb.get(name, 0), int(found.group(1)))

    def wait_for(self, events: int) -> None:
        """Wait until so many events have arrived; raises where nothing moves any more."""
        wait_until(lambda: self.output.count() >= events, self.output.count, self.check_processes)


def wait_until(
    done: Callable[[], bool],
    progress: Callable[[], object] = lambda: None,
    each: Callable[[], None] = lambda: None,
) -> None:
    """Ask again until it is so; raises ``TimeoutError`` where ``progress`` stays the same for too long."""
    last, since = progress(), time.monotonic()
    while not done():
        each()
        time.sleep(0.02)
        now = progress()
        if now != last:
            last, since = now, time.monotonic()
        elif time.monotonic() - since > _STALL_SECONDS:
            raise TimeoutError(f"nothing moves any more at {now}")


def exnorm(*arguments: str) -> list[str]:
    """The command line of exnorm under this Python."""
    return [sys.executable, "-m", "exnorm", *arguments]


def free_port() -> int:
    """A TCP port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(rig: Rig, events: int, kill: Sequence[str], times: int) -> dict[str, object]:
    """Carry events, killing what is named again and again on the way; what became of them."""
    rig.write_logs(events)
    rig.write_config()
    rig.start_service()
    began = time.monotonic()
    rig.start_fluent_bit()
    for round_number in range(1, times + 1 if kill else 1):
        rig.wait_for(events * round_number // (times + 1))
        name = kill[round_number % len(kill)]
        rig.kill(name)
        rig.start_service() if name == "service" else rig.start_fluent_bit()
    rig.wait_for(events)
    seconds = time.monotonic() - began
    for _ in range(50):  # what else is on its way: repeats
        time.sleep(0.1)
        rig.output.count()
    rig.check_processes()
    return {
        "events": events,
        "killed": {name: sum(1 for n in range(1, times + 1) if kill[n % len(kill)] == name) for name in kill},
        "lost": events - len(rig.output.numbers),
        "repeats": rig.output.repeats,
        "seconds": round(seconds, 1),
        "events_per_second": round(events / seconds),
        "peak_mb": {name: round(kb / 1024) for name, kb in sorted(rig.peak_kb.items())},
    }


def main() -> int:
    """Run what the command line says; the figures as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--kill", action="append", choices=("service", "fluent-bit"), default=[])
    parser.add_argument("--times", type=int, default=10, help="how often something is killed")
    parser.add_argument("--keep", metavar="FOLDER", help="work there and leave everything")
    arguments = parser.parse_args()
    binary = find_fluent_bit()
    if binary is None:
        print("no Fluent Bit: set FLUENT_BIT or PATH", file=sys.stderr)
        return 2
    with open_folder(arguments.keep) as place, Rig(place, binary) as rig:
        figures = run(rig, arguments.events, arguments.kill, arguments.times)
    print(json.dumps(figures))
    return 1 if figures["lost"] else 0


@contextlib.contextmanager
def open_folder(keep: str | None) -> Iterator[Path]:
    """A folder for one run; it is left where it was named."""
    base = Path(keep or tempfile.mkdtemp(prefix="exnorm-delivery-"))
    try:
        yield base / f"run-{os.getpid()}"
    finally:
        if not keep:
            shutil.rmtree(base)


if __name__ == "__main__":
    sys.exit(main())
