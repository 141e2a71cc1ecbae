from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Exnorm

SAMPLE = Path(__file__).parents[2] / "examples" / "MSGTRK2018112722-1.LOG"
HEADER = rb"<134>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \S+ exnorm - - - "


class Receiver:
    """A TCP receiver on loopback that keeps all it gets; ``limit`` bytes at most, then it resets."""

    def __init__(self, limit: int | None = None) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.received = b""
        self.limit = limit
        self.thread = threading.Thread(target=self._take)
        self.thread.start()

    def _take(self) -> None:
        connection, _ = self.listener.accept()
        with connection:
            while self.limit is None or len(self.received) < self.limit:
                block = connection.recv(4096)
                if not block:
                    return
                self.received += block
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # RST at close

    def end(self) -> bytes:
        self.thread.join()
        self.listener.close()
        return self.received


@contextmanager
def receiving(limit: int | None = None) -> Iterator[Receiver]:
    receiver = Receiver(limit)
    yield receiver


def payloads(exnorm: Exnorm) -> list[bytes]:
    return exnorm("convert", SAMPLE).lines


def test_over_tcp_each_payload_is_a_counted_rfc_5424_message(exnorm: Exnorm) -> None:
    expected = payloads(exnorm)
    receiver = Receiver()
    assert exnorm("convert", SAMPLE, "--to", f"tcp://127.0.0.1:{receiver.port}").status == 0
    left, found = receiver.end(), []
    while left:
        length, _, left = left.partition(b" ")
        message, left = left[: int(length)], left[int(length) :]
        header = re.match(HEADER, message)
        assert header is not None
        found.append(message[header.end() :])
    assert found == expected


def test_lines_end_in_lf_and_bare_is_the_payload_alone(exnorm: Exnorm) -> None:
    expected = payloads(exnorm)
    for framing, pattern in (("lines", HEADER), ("bare", b"")):
        receiver = Receiver()
        to = f"tcp://127.0.0.1:{receiver.port}"
        assert exnorm("convert", SAMPLE, "--to", to, "--framing", framing).status == 0
        lines = receiver.end().split(b"\n")
        assert lines.pop() == b""
        assert [re.sub(pattern, b"", line, count=1) for line in lines] == expected


def test_over_udp_each_payload_is_one_datagram(exnorm: Exnorm) -> None:
    expected = payloads(exnorm)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        to = f"udp://127.0.0.1:{receiver.getsockname()[1]}"
        assert exnorm("convert", SAMPLE, "--to", to).status == 0
        found = [receiver.recv(65536) for _ in expected]
    assert [re.sub(HEADER, b"", one, count=1) for one in found] == expected


def test_a_connection_that_breaks_says_how_many_events_were_sent(exnorm: Exnorm, tmp_path: Path) -> None:
    rows = SAMPLE.read_bytes().splitlines(keepends=True)
    log = tmp_path / "MSGTRK2018112722-1.LOG"
    log.write_bytes(b"".join(rows[:5]) + b"".join(rows[5:9]) * 20_000)
    receiver = Receiver(limit=1)
    result = exnorm("convert", log, "--to", f"tcp://127.0.0.1:{receiver.port}")
    receiver.end()
    assert result.status == 3
    assert re.search(
        rf"tcp://127\.0\.0\.1:{receiver.port} broke after \d+ events were sent: .*may not have arrived",
        result.err,
    )


def test_a_receiver_that_is_not_there_is_named(exnorm: Exnorm) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    result = exnorm("convert", SAMPLE, "--to", f"tcp://127.0.0.1:{port}")
    assert result.status == 3
    assert f"tcp://127.0.0.1:{port} cannot be reached" in result.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--to", "tpc://127.0.0.1:1"), "--to: got 'tpc://127.0.0.1:1'; expected udp://HOST:PORT"),
        (("--to", "tcp://127.0.0.1:x"), "--to: got 'tcp://127.0.0.1:x'; expected udp://HOST:PORT"),
        (
            ("--to", "tcp://127.0.0.1:1", "--framing", "sylog"),
            "--framing: got 'sylog'; did you mean 'syslog'?",
        ),
        (("--to", "udp://127.0.0.1:1", "--framing", "lines"), "lines is for tcp and tls"),
        (("--to", "tcp://127.0.0.1:1", "--ca", "x.pem"), "--ca: goes with tls://"),
        (("--to", "tcp://127.0.0.1:1", "--output", "x"), "--to and --output: events go to one of them"),
    ],
)
def test_a_wrong_destination_is_refused(exnorm: Exnorm, arguments: tuple[str, ...], message: str) -> None:
    result = exnorm("convert", SAMPLE, *arguments)
    assert result.status == 2
    assert message in result.err
