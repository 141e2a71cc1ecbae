"""Real senders of OTLP before exnorm, which is killed again and again: every numbered event arrives.

A Collector is taken from PATH under the name otelcol or otelcol-contrib, or from the variable OTELCOL.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fluent_bit_delivery import find_fluent_bit
from tests.otlp.kit import HEADER, ROOT, Exnorm, NextHop, fields_of, numbers_of, row

EXAMPLES = ROOT / "examples" / "otlp"
ROWS = 3000
PATIENCE = 90.0
KILLS = 4


def find_collector() -> str | None:
    return os.environ.get("OTELCOL") or shutil.which("otelcol") or shutil.which("otelcol-contrib")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@contextlib.contextmanager
def running(command: list[str], log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield
    except BaseException as error:
        raise AssertionError(log.read_text("utf-8", "replace")[-3000:]) from error
    finally:
        process.terminate()
        process.wait(PATIENCE)


def write_log(folder: Path) -> Path:
    folder.mkdir()
    log = folder / "MSGTRK2024050607-1.LOG"
    lines = [*HEADER, *(row(number) for number in range(ROWS))]
    log.write_text("\r\n".join(lines) + "\r\n", "utf-8", newline="")
    return log


def kill_while(port: int, state: Path, onward: str, count: Callable[[], int]) -> Exnorm:
    """Run exnorm, and kill it whenever another part of the rows has arrived; the last one stays."""
    arguments = ("--forward", onward, "--state", state)
    exnorm = Exnorm(*arguments, port=port)
    for kill in range(1, KILLS + 1):
        wait_until(lambda: count() >= min(kill * 200, ROWS), "no events arrive")  # noqa: B023
        exnorm.kill()
        exnorm = Exnorm(*arguments, port=port)
    return exnorm


@pytest.mark.skipif(find_collector() is None, reason="no OpenTelemetry Collector (otelcol) is here")
def test_a_collector_loses_nothing_though_exnorm_is_killed(tmp_path: Path) -> None:
    port, back, hop = free_port(), free_port(), NextHop()
    log = write_log(tmp_path / "logs")
    config: dict[str, Any] = yaml.safe_load((EXAMPLES / "collector.yaml").read_text("utf-8"))
    config["extensions"]["file_storage"]["directory"] = str(tmp_path / "storage")
    config["receivers"]["file_log"]["include"] = [str(log.parent / "*.LOG")]
    config["receivers"]["otlp"]["protocols"]["http"]["endpoint"] = f"127.0.0.1:{back}"
    sending = config["exporters"]["otlp_http/exnorm"]
    sending["endpoint"] = f"http://127.0.0.1:{port}"
    sending["retry_on_failure"].update(initial_interval="50ms", max_interval="100ms")
    sending["sending_queue"]["batch"] = {
        "min_size": 50,
        "max_size": 100,
        "flush_timeout": "10ms",
        "sizer": "items",
    }
    config["exporters"]["otlp_http/next"]["endpoint"] = hop.url
    config["service"]["telemetry"] = {"metrics": {"level": "none"}}
    path = tmp_path / "collector.yaml"
    path.write_text(yaml.safe_dump(config), "utf-8")
    with running([find_collector() or "", "--config", str(path)], tmp_path / "collector.log"):
        count = lambda: len(hop.taken)  # noqa: E731
        exnorm = kill_while(port, tmp_path / "state.json", f"http://127.0.0.1:{back}", count)
        wait_until(lambda: len(set(numbers_of(hop.taken))) == ROWS, "events are missing")
        assert exnorm.stop() == 0
    fields = fields_of(hop.taken[-1])
    assert fields["log.file.path"] == str(log)
    assert fields["deviceVersion"] == "15.01.2507.006"
    identities = {fields_of(one)["exnorm_id"] for one in hop.taken}
    assert len(identities) == ROWS
    hop.close()


@pytest.mark.skipif(find_fluent_bit() is None, reason="no Fluent Bit is here")
def test_fluent_bit_sends_and_takes_and_loses_nothing_though_exnorm_is_killed(tmp_path: Path) -> None:
    port, back = free_port(), free_port()
    log = write_log(tmp_path / "logs")
    arrived = tmp_path / "arrived"
    config: dict[str, Any] = yaml.safe_load((EXAMPLES / "fluent-bit.yaml").read_text("utf-8"))
    config["service"].update({"storage.path": str(tmp_path / "storage"), "flush": 0.1, "scheduler.cap": 1})
    config["service"]["scheduler.base"] = 1
    tail, listener = config["pipeline"]["inputs"]
    tail.update(path=str(log.parent / "*.LOG"), db=str(tmp_path / "tail.db"), buffer_chunk_size="32k")
    tail["static_batch_size"] = "64k"
    listener["port"] = back
    sender, _ = config["pipeline"]["outputs"]
    sender["port"] = port
    config["pipeline"]["outputs"][1] = {
        "name": "file", "match": "normalized", "path": str(tmp_path), "file": "arrived", "format": "plain",
    }  # fmt: skip
    path = tmp_path / "fluent-bit.yaml"
    path.write_text(yaml.safe_dump(config), "utf-8")

    def take() -> list[dict[str, Any]]:
        text = arrived.read_text("utf-8") if arrived.exists() else ""
        return [json.loads(line) for line in text.split("\n")[:-1]]

    def numbers() -> set[str]:
        return {part.split(",")[9] for event in take() for part in event.values() if isinstance(part, str)}

    binary = str(find_fluent_bit())
    with running([binary, "-c", str(path)], tmp_path / "fluent-bit.log"):
        onward = f"http://127.0.0.1:{back}"
        exnorm = kill_while(port, tmp_path / "state.json", onward, lambda: len(take()))
        wait_until(lambda: len(numbers()) == ROWS, f"events are missing: {len(numbers())}")
        assert exnorm.stop() == 0
