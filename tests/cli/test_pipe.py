"""``exnorm pipe``: lines in, lines out, and the conversation that rsyslog's omprog has with it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exnorm import Normalizer

ROOT = Path(__file__).parents[2]
LINES = (ROOT / "examples" / "MSGTRK2018112722-1.LOG").read_text("utf-8-sig").splitlines()
HEADER, ROWS = LINES[:5], LINES[5:]
FILE = "/mnt/ex01/logs/MSGTRK2018112722-1.LOG"
WAIT = 30.0


def pipe(given: str | bytes, *arguments: object) -> tuple[int, bytes, str]:
    done = subprocess.run(
        [sys.executable, "-m", "exnorm", "pipe", *map(str, arguments)],
        input=given if isinstance(given, bytes) else given.encode(),
        capture_output=True,
        timeout=WAIT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        check=False,
    )
    return done.returncode, done.stdout, done.stderr.decode()


def expected(*lines: str, path: str = FILE) -> list[bytes]:
    normalizer = Normalizer("arcsight", "cef")
    return list(normalizer.encode([*HEADER, *lines], normalizer.stream(path)))


def as_json(line: str, path: str = FILE) -> str:
    return json.dumps({"message": line, "log.file.path": path, "host.name": "ex01"})


@pytest.mark.parametrize("wrap", [str, as_json], ids=["raw", "json"])
def test_rows_become_finished_lines_and_headers_nothing(wrap: Callable[[str], str]) -> None:
    text = "\r\n".join(map(wrap, LINES)) + "\n"
    status, out, error = pipe(text, "--path", FILE)
    assert (status, error) == (0, "")
    assert out.splitlines() == expected(*ROWS)


def test_what_does_not_parse_and_what_is_not_ours_goes_on_as_it_came(tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.ndjson"
    wide = ROWS[0] + ",more"
    given = "\n".join([*map(as_json, (*HEADER, wide, ROWS[1])), "not ours \udcff", "", "last"])
    status, out, error = pipe(given.encode("utf-8", "surrogateescape"), "--rejects", rejects)
    assert status == 1
    assert out.split(b"\n") == [wide.encode(), *expected(ROWS[1]), b"not ours \xff", b"last", b""]
    assert f"exnorm: {FILE}:6: row has" in error
    assert json.loads(rejects.read_text("utf-8"))["line_number"] == 6


def test_a_text_of_several_lines_that_is_not_ours_stays_one_line() -> None:
    status, out, _ = pipe(json.dumps({"message": "one\r\ntwo\n", "host": "x"}))
    assert (status, out) == (0, b"one two\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--confirm", "rsyslog"),
            "--confirm: standard output is for the confirmations; give --to or --output",
        ),
        (("--confirm", "rsylog", "-o", "x"), "did you mean 'rsyslog'?"),
        (("--to", "tcp://127.0.0.1:1", "-o", "x"), "--output: cannot go with --to"),
        (("--to", "http://127.0.0.1"), "expected udp://HOST:PORT"),
        (("--on-error", "stop"), "--on-error: got 'stop'; expected 'tag' or 'skip'"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], message: str) -> None:
    status, out, error = pipe("", *arguments)
    assert (status, out) == (2, b"")
    assert message in error


def test_a_receiver_that_is_not_there_is_status_3() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    status, _, error = pipe("\n".join(LINES), "--to", f"tcp://127.0.0.1:{port}")
    assert status == 3
    assert "cannot be reached" in error


class Receiver:
    """Takes what is sent to it, connection after connection."""

    def __init__(self, port: int = 0) -> None:
        self.server = socket.create_server(("127.0.0.1", port))
        self.port: int = self.server.getsockname()[1]
        self.received = b""
        self.changed = threading.Condition()
        self.connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        try:
            while block := connection.recv(65536):
                with self.changed:
                    self.received += block
                    self.changed.notify_all()
        except OSError:
            return

    def wait_for(self, content: bytes) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.received == content, WAIT), self.received

    def close(self) -> None:
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        for connection in self.connections:
            connection.shutdown(socket.SHUT_RDWR)
            connection.close()


class Omprog:
    """Talks as rsyslog does: one line, then its answer."""

    def __init__(self, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "exnorm", "pipe", "--confirm", "rsyslog", *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        )
        assert self._answer() == "OK"

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode().rstrip("\n")

    def say(self, line: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        return self._answer()

    def end(self) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        status = self.process.wait(WAIT)
        self.process.stdout.close()
        return status


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


def test_each_line_is_confirmed_once_it_was_handed_on(receiver: Receiver) -> None:
    omprog = Omprog("--to", f"tcp://127.0.0.1:{receiver.port}", "--framing", "bare")
    assert [omprog.say(as_json(line)) for line in LINES] == ["OK"] * len(LINES)
    receiver.wait_for(b"".join(line + b"\n" for line in expected(*ROWS)))
    assert omprog.end() == 0


def test_a_transaction_is_sent_at_its_end(receiver: Receiver) -> None:
    omprog = Omprog("--to", f"tcp://127.0.0.1:{receiver.port}", "--framing", "bare")
    assert omprog.say("BEGIN TRANSACTION") == "OK"
    assert [omprog.say(as_json(line)) for line in LINES] == ["DEFER_COMMIT"] * len(LINES)
    assert receiver.connections == []
    assert omprog.say("COMMIT TRANSACTION") == "OK"
    receiver.wait_for(b"".join(line + b"\n" for line in expected(*ROWS)))
    assert omprog.end() == 0


def test_a_receiver_that_is_away_is_said_and_the_line_is_taken_when_it_is_back() -> None:
    first = Receiver()
    omprog = Omprog("--to", f"tcp://127.0.0.1:{first.port}", "--framing", "bare")
    assert [omprog.say(as_json(line)) for line in (*HEADER, ROWS[0])] == ["OK"] * 6
    first.wait_for(expected(ROWS[0])[0] + b"\n")
    first.close()
    answer = omprog.say(as_json(ROWS[1]))
    assert answer.startswith("exnorm: tcp://127.0.0.1:")
    assert "cannot be reached" in answer
    second = Receiver(first.port)
    assert omprog.say(as_json(ROWS[1])) == "OK"
    second.wait_for(expected(ROWS[1])[0] + b"\n")
    assert omprog.end() == 0
    second.close()


def test_headers_are_known_after_a_kill(tmp_path: Path) -> None:
    out, path = tmp_path / "out", "/mnt/u_ex240506.log"
    arguments = ("-o", out, "--format", "json", "--state", tmp_path / "headers.json")
    omprog = Omprog(*arguments)
    for line in (
        "#Software: Microsoft Internet Information Services 10.0",
        "#Fields: date time cs-method c-ip cs-uri-stem sc-status",
    ):
        assert omprog.say(as_json(line, path)) == "OK"
    omprog.process.kill()
    omprog.end()
    again = Omprog(*arguments)
    assert again.say(as_json("2024-05-06 07:08:09 GET 10.2.2.2 /owa 200", path)) == "OK"
    assert again.end() == 0
    assert json.loads(out.read_bytes())["sourceAddress"] == "10.2.2.2"
