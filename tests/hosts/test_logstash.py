"""Against a real Logstash: ``LOGSTASH`` is its folder or its program, else it is looked for on the PATH."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exnorm.logstash.pipelines import Choice, render_pipelines

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "examples" / "MSGTRK2018112722-1.LOG"
START = 180.0  # seconds that a Logstash may take to start
EVENTS = 2000


def find_logstash() -> str | None:
    """The program, from ``LOGSTASH`` (a folder or the program itself) or from the PATH."""
    given = os.environ.get("LOGSTASH")
    if not given:
        return shutil.which("logstash")
    program = Path(given) / "bin" / "logstash" if Path(given).is_dir() else Path(given)
    return str(program) if program.is_file() else None


LOGSTASH = find_logstash()
pytestmark = pytest.mark.skipif(
    LOGSTASH is None, reason="no Logstash here: set LOGSTASH to its folder, or put `logstash` on the PATH"
)


def free_port() -> int:
    """A port that was free a moment ago: Logstash cannot be asked which one it took."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(happened: Callable[[], bool], what: str, seconds: float = START) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def logstash(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Run a Logstash over pipelines (name and config); stopped when the test ends."""
    running: list[subprocess.Popen[bytes]] = []

    def start(**pipelines: str) -> subprocess.Popen[bytes]:
        settings = tmp_path / f"settings{len(running)}"
        settings.mkdir()
        entries = []
        for name, text in pipelines.items():
            (settings / f"{name}.conf").write_text(text, encoding="utf-8")
            entries.append(
                {
                    "pipeline.id": name,
                    "path.config": str(settings / f"{name}.conf"),
                    "queue.type": "persisted",
                    "pipeline.workers": 1,
                    "pipeline.ordered": "true",
                }
            )
        (settings / "pipelines.yml").write_text(json.dumps(entries), encoding="utf-8")  # JSON is YAML
        (settings / "logstash.yml").write_text(
            f"api.enabled: false\nallow_superuser: true\npath.data: {settings / 'data'}\n"
        )
        assert LOGSTASH is not None
        log = (settings / "log").open("wb")
        running.append(
            subprocess.Popen(
                [LOGSTASH, "--path.settings", str(settings)], stdout=log, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )
        )  # fmt: skip
        log.close()
        return running[-1]

    yield start
    for process in running:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture
def serve() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    running: list[tuple[subprocess.Popen[str], threading.Thread]] = []

    def start(*arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "exnorm", "logstash", "serve", *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        reader = threading.Thread(target=process.stderr.read, daemon=True)
        running.append((process, reader))
        assert '"listening"' in process.stderr.readline()
        reader.start()
        return process

    yield start
    for process, reader in running:
        process.kill()
        process.wait()
        if reader.ident is not None:
            reader.join()
        assert process.stderr is not None
        process.stderr.close()


def read_events(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a file that Logstash is still writing."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1] if line]


def from_file(path: Path, more: str = "") -> str:
    """An input that reads a file from its beginning."""
    since = path.with_name("since")
    return (
        f'input {{ file {{ path => "{path}" mode => "tail" start_position => "beginning" '
        f'sincedb_path => "{since}" {more} }} }}\n'
    )


def to_file(path: Path) -> str:
    return f'output {{ file {{ path => "{path}" codec => json_lines flush_interval => 0 }} }}'


def rows() -> list[str]:
    return SAMPLE.read_text(encoding="utf-8-sig").splitlines()


def converted(*options: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "exnorm", "convert", str(SAMPLE), "--quiet", "--format", "json", *options],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "logstash").glob("*.conf")))
def test_logstash_takes_the_pipeline(name: str, tmp_path: Path) -> None:
    assert LOGSTASH is not None
    done = subprocess.run(
        [
            LOGSTASH,
            "--config.test_and_exit",
            "--path.data",
            str(tmp_path),
            "-f",
            str(ROOT / "logstash" / name),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=START,
        check=False,
    )
    assert b"Configuration OK" in done.stdout, done.stdout.decode(errors="replace")


def test_numbered_events_survive_a_kill_of_exnorm(
    tmp_path: Path, logstash: Callable[..., Any], serve: Callable[..., subprocess.Popen[str]]
) -> None:
    ours, theirs, out = free_port(), free_port(), tmp_path / "out.ndjson"
    header = [line for line in rows() if line.startswith("#")]
    row = next(line for line in rows() if ",64441689310559," in line)
    log = tmp_path / "MSGTRK2018112722-1.LOG"
    numbered = [row.replace(",64441689310559,", f",{number},") for number in range(1, EVENTS + 1)]
    log.write_text("\r\n".join([*header, *numbered, ""]), encoding="utf-8", newline="")
    state = tmp_path / "headers.json"
    options = ("--listen", f"127.0.0.1:{ours}", "--forward", f"http://127.0.0.1:{theirs}", "--state", state)
    first = serve(*options)
    logstash(
        inward=from_file(log)
        + f'output {{ logstash {{ hosts => ["127.0.0.1:{ours}"] ssl_enabled => false }} }}',
        outward=f"""input {{ logstash {{ host => "127.0.0.1" port => {theirs} ssl_enabled => false }} }}
        {to_file(out)}""",
    )
    wait_until(lambda: len(read_events(out)) > 0, "nothing arrived")
    first.send_signal(signal.SIGKILL)
    first.wait()
    serve(*options)
    wait_until(
        lambda: (
            {event["deviceCustomString1"] for event in read_events(out)}
            == {str(n) for n in range(1, EVENTS + 1)}
        ),
        "events are missing",
    )
    (expected,) = [event for event in converted() if event.get("deviceCustomString1") == "64441689310559"][:1]
    for event in read_events(out):
        for name in expected.keys() - {"deviceCustomString1", "exnorm_id"}:
            assert event[name] == expected[name], name


def test_the_filter_gives_the_fields_of_exnorm_convert(
    tmp_path: Path, logstash: Callable[..., Any], serve: Callable[..., subprocess.Popen[str]]
) -> None:
    ours, out = free_port(), tmp_path / "out.ndjson"
    log = tmp_path / SAMPLE.name  # Logstash writes its positions beside it
    shutil.copyfile(SAMPLE, log)
    serve("--listen", f"127.0.0.1:{ours}")
    text = render_pipelines(Choice("file", "cef", "filter"))["exchange-inline-file-cef.conf"]
    stage = text[text.index("filter {\n  http") : text.index("output {")].replace(":9801/", f":{ours}/")
    logstash(inline=from_file(log) + stage + to_file(out))
    expected = {event["exnorm_id"]: event for event in converted()}
    wait_until(
        lambda: {event.get("exnorm_id") for event in read_events(out)} >= expected.keys(),
        "events are missing",
    )
    for event in read_events(out):
        wanted = expected[event["exnorm_id"]]
        assert {name: event.get(name) for name in wanted} == wanted


@pytest.mark.parametrize(("shape", "send"), [("full", "codec-cef"), ("ecs", "codec-cef-ecs")])
def test_json_comes_back_unchanged_through_the_codec_cef(
    tmp_path: Path, logstash: Callable[..., Any], shape: str, send: str
) -> None:
    port, out, events = free_port(), tmp_path / "out.ndjson", converted("--fields", shape)
    text = render_pipelines(Choice(send=send, siem_host="127.0.0.1", siem_port=port))[
        f"exchange-out-{send}.conf"
    ]
    given = tmp_path / "given.ndjson"
    given.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    ecs = "disabled" if shape == "full" else "v8"
    logstash(
        back=f"""input {{ tcp {{ host => "127.0.0.1" port => {port}
          codec => cef {{ delimiter => "\\n" ecs_compatibility => "{ecs}" }}
        }} }}
        {to_file(out)}"""
    )
    wait_until(lambda: accepts(port), "Logstash does not listen")
    logstash(forth=from_file(given, "codec => json") + text[text.index("filter {") :])
    wait_until(lambda: len(read_events(out)) == len(events), "events are missing")
    for event, wanted in zip(read_events(out), events):
        for name, value in flatten(wanted).items():
            if not name.startswith(("additionalData", "exnorm_id")) and (
                name != "@timestamp" or shape == "ecs"
            ):
                assert flatten(event)[name] == str(value), name


def flatten(content: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Nested names joined by dots."""
    flat: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{before}{name}.")
        else:
            flat[before + name] = value
    return flat
