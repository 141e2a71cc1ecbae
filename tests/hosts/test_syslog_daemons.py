"""The ready configs of syslog-ng and rsyslog in the real daemons, with numbered rows.

``SYSLOG_NG`` and ``RSYSLOGD`` name the programs, else they are looked for on PATH; ``RSYSLOG_MODULES`` is the
folder of rsyslog's modules where it is not the usual one.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exnorm import Normalizer

ROOT = Path(__file__).parents[2]
LINES = (ROOT / "examples" / "MSGTRK2018112722-1.LOG").read_text("utf-8-sig").splitlines()
HEADER, ROW = LINES[:5], LINES[5]
ROWS = 500
WAIT = 60.0
BROKEN = "2018-11-27T22:00:00.000Z,broken"


def find(variable: str, name: str) -> str | None:
    return (
        os.environ.get(variable) or shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    )


SYSLOG_NG, RSYSLOGD = find("SYSLOG_NG", "syslog-ng"), find("RSYSLOGD", "rsyslogd")


def has_python() -> bool:
    """Whether this syslog-ng has its Python module, and a Python that can load what this one has."""
    if SYSLOG_NG is None:
        return False
    listed = subprocess.run([SYSLOG_NG, "--module-registry"], capture_output=True, text=True, check=False)
    version = f"{sys.version_info[0]}{sys.version_info[1]}"
    found = [str(path) for path in Path("/usr/lib").rglob("libmod-python*.so")]
    return "python" in listed.stdout + listed.stderr and any(f"-{version}-" in path for path in found)


def numbered(folder: Path) -> list[str]:
    """A log of numbered rows, and behind them one line that is broken."""
    folder.mkdir()
    rows = [f"{ROW}{number}" for number in range(ROWS)]
    text = "\r\n".join([*HEADER, *rows, BROKEN]) + "\r\n"
    (folder / "MSGTRK2018112722-1.LOG").write_text(text, "utf-8", newline="")
    return rows


def finished(rows: list[str], path: Path) -> list[bytes]:
    normalizer = Normalizer("arcsight", "cef")
    return list(normalizer.encode([*HEADER, *rows], normalizer.stream(str(path))))


@contextlib.contextmanager
def running(command: list[str], log: Path, environ: dict[str, str]) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environ)
    try:
        yield
    except BaseException as error:
        raise AssertionError(log.read_text("utf-8", "replace")[-3000:]) from error
    finally:
        process.terminate()
        process.wait(WAIT)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT
    while not is_so():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


class Receiver:
    """A syslog receiver over TCP that keeps lines."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.server.getsockname()[1]
        self.received = b""
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.server.accept()
                threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while block := connection.recv(65536):
                self.received += block

    def close(self) -> None:
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()


@pytest.mark.skipif(not has_python(), reason="no syslog-ng with a Python module of this version is here")
def test_syslog_ng_runs_the_ready_config(tmp_path: Path) -> None:
    logs, out = tmp_path / "logs", tmp_path / "out"
    rows = numbered(logs)
    text = (ROOT / "examples" / "syslog-ng" / "exnorm.conf").read_text("utf-8")
    for usual, ours in (("/mnt/ex01/logs", logs), ("/var/lib/syslog-ng", tmp_path), ("/var/log", tmp_path)):
        assert usual in text
        text = text.replace(usual, str(ours))
    target = f'destination d_siem {{ file("{out}" template("${{MESSAGE}}\\n")); }};'
    text, replaced = re.subn(r"destination d_siem \{.*?\n\};", lambda match: target, text, flags=re.DOTALL)
    assert replaced == 1
    config = tmp_path / "syslog-ng.conf"
    config.write_text(text, "utf-8")
    own = [f"--{name}={tmp_path / name}" for name in ("persist-file", "pidfile", "control")]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *filter(None, sys.path)])}
    command = [SYSLOG_NG or "", "-F", "--no-caps", "--stderr", "-f", str(config), *own]
    with running(command, tmp_path / "log", environ):
        wait_until(lambda: out.exists() and len(out.read_bytes().splitlines()) >= ROWS + 1)
    found = out.read_bytes().split(b"\n")[:-1]
    assert found == [*finished(rows, logs / "MSGTRK2018112722-1.LOG"), BROKEN.encode()]
    unparsed = (tmp_path / "exnorm-unparsed.log").read_text("utf-8")
    assert unparsed.startswith("row has 2 fields")
    assert unparsed.endswith(f"{BROKEN}\n")


@pytest.mark.skipif(RSYSLOGD is None, reason="no rsyslogd is here")
def test_rsyslog_runs_the_ready_config_and_exnorm_is_killed(tmp_path: Path) -> None:
    logs, receiver = tmp_path / "logs", Receiver()
    rows = numbered(logs)
    program = tmp_path / "exnorm"
    program.write_text(
        f'#!/bin/sh\necho $$ > "{tmp_path}/exnorm.pid"\n'
        f'PYTHONPATH="{ROOT / "src"}" exec "{sys.executable}" -m exnorm "$@"\n',
        "utf-8",
    )
    program.chmod(0o700)
    text = (ROOT / "examples" / "rsyslog" / "exnorm.conf").read_text("utf-8")
    for usual, ours in (
        ("/mnt/ex01/logs", logs),
        ("/opt/exnorm/bin/exnorm", program),
        ("tls://siem.example.com:6514", f"tcp://127.0.0.1:{receiver.port} --framing bare"),
        ("/var/spool/rsyslog", tmp_path),
    ):
        assert usual in text
        text = text.replace(usual, str(ours))
    config = tmp_path / "rsyslog.conf"
    config.write_text(text, "utf-8")
    modules = os.environ.get("RSYSLOG_MODULES")
    more = ["-M", modules] if modules else []
    command = [RSYSLOGD or "", "-n", "-f", str(config), "-i", str(tmp_path / "pid"), *more]
    log = logs / "MSGTRK2018112722-1.LOG"
    with running(command, tmp_path / "log", dict(os.environ)):
        wait_until(lambda: BROKEN.encode() in receiver.received)
        os.kill(int((tmp_path / "exnorm.pid").read_text()), 9)
        with log.open("a", encoding="utf-8", newline="") as file:
            file.write("\r\n".join(f"{ROW}again{number}" for number in range(ROWS)) + "\r\n")
        again = [f"{ROW}again{number}" for number in range(ROWS)]
        wanted = {*finished(rows, log), *finished(again, log)}
        wait_until(lambda: wanted <= set(receiver.received.split(b"\n")))
    receiver.close()
