from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import msgpack
import pytest
from fluent_bit_delivery import wait_until

from exnorm.fluentbit.build import FILE_NAME, BuildError, build, site_path
from exnorm.testing import read_cef

EXAMPLES = Path(__file__).parents[1] / "examples"
SAMPLE = EXAMPLES / "MSGTRK2018112722-1.LOG"


def run(name: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, EXAMPLES / name, SAMPLE], capture_output=True, check=True)


def test_normalize_file_writes_what_the_security_profile_keeps() -> None:
    done = run("normalize_file.py")
    # the sample has SENDEXTERNAL, RECEIVE, DELIVER and FAIL; the profile leaves DELIVER out
    events = [line.split(b"|")[4] for line in done.stdout.split(b"\n")[:-1]]
    assert events == [b"SENDEXTERNAL", b"RECEIVE", b"FAIL"]
    assert b"'dropped': {'DELIVER': 1}" in done.stderr


def test_site_taxonomy_prints_its_three_fields() -> None:
    done = run("site_taxonomy.py")
    first = done.stdout.decode().splitlines()[0]
    assert first == "1543358402966 admin1@qradar.domain.test SENDEXTERNAL"


def test_the_sites_rules_lift_parts_of_columns_into_fields() -> None:
    command = [
        sys.executable,
        "-m",
        "exnorm",
        "convert",
        str(SAMPLE),
        "--config",
        str(EXAMPLES / "site.yaml"),
    ]
    done = subprocess.run(command, capture_output=True, check=True)
    _, received, failed = (read_cef(line) for line in done.stdout.split(b"\n")[:-1])
    assert received.pairs["sourceTranslatedAddress"] == "203.0.113.77"
    assert "reason" not in received.pairs
    assert (failed.pairs["reason"], failed.header["severity"]) == ("5.1.1", "6")  # 550 5.1.1 User unknown


def test_the_events_of_a_log_arrive_where_fluent_bit_would_listen() -> None:
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def receive() -> None:
            connection, _ = server.accept()
            with connection:
                while block := connection.recv(65536):
                    received.append(block)

        listener = threading.Thread(target=receive)
        listener.start()
        port = str(server.getsockname()[1])
        script = EXAMPLES / "send_to_fluent_bit.py"
        subprocess.run([sys.executable, script, SAMPLE, "127.0.0.1", port], check=True, timeout=60)
        listener.join(60)
    unpacker = msgpack.Unpacker()
    unpacker.feed(b"".join(received))
    messages = list(unpacker)
    assert {message[0] for message in messages} == {"exchange.events"}
    assert [message[2]["name"] for message in messages] == ["SENDEXTERNAL", "RECEIVE", "DELIVER", "FAIL"]


def find_program(variable: str, name: str) -> str:
    found = os.environ.get(variable) or shutil.which(name)
    if not found:
        pytest.skip(f"no {name}: neither {variable} nor PATH has one")
    inside = Path(found) / "bin" / name  # the variable may name the folder of an unpacked archive
    return str(inside) if inside.is_file() else found


def check_cef(path: Path) -> None:
    events = [read_cef(line).header["name"] for line in path.read_bytes().split(b"\n")[:-1]]
    assert events == ["SENDEXTERNAL", "RECEIVE", "DELIVER", "FAIL"]


def test_the_config_of_fluent_bit_leads_from_a_log_to_a_file_of_cef(tmp_path: Path) -> None:
    program = find_program("FLUENT_BIT", "fluent-bit")
    plugin = tmp_path / FILE_NAME
    try:
        build(plugin, site=site_path())
    except BuildError as error:
        pytest.skip(f"the filter cannot be built here: {error}")
    config = EXAMPLES / "end_to_end" / "fluent-bit.yaml"
    out = tmp_path / "events.cef"
    environment = {**os.environ, "LOG_FILE": str(SAMPLE), "OUT_FOLDER": str(tmp_path)}
    running = subprocess.Popen(
        [program, "-e", plugin, "-c", config],
        env=environment,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: out.exists() and out.read_bytes().count(b"\n") >= 4)
    finally:
        running.terminate()
        running.wait(60)
    check_cef(out)


def test_the_config_of_logstash_leads_from_a_log_to_a_file_of_cef(tmp_path: Path) -> None:
    program = find_program("LOGSTASH", "logstash")
    config = EXAMPLES / "end_to_end" / "logstash.conf"
    (tmp_path / "logstash.yml").write_text("allow_superuser: true\n")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # exnorm lies beside its Python
    environment = {**os.environ, "PATH": path, "LOG_FILE": str(SAMPLE), "OUT_FOLDER": str(tmp_path)}
    places: list[str | Path] = ["--path.settings", tmp_path, "--path.data", tmp_path / "data"]
    running = subprocess.Popen(
        [program, "-w", "1", "-f", config, *places], env=environment, stdout=subprocess.DEVNULL
    )
    try:
        out = tmp_path / "events.cef"
        wait_until(lambda: out.exists() and out.read_bytes().count(b"\n") >= 4)
    finally:
        running.terminate()
        running.wait(120)
    check_cef(tmp_path / "events.cef")


def test_every_example_is_named_in_the_readme() -> None:
    readme = (EXAMPLES / "README.md").read_text()
    for path in EXAMPLES.iterdir():
        shown = f"{path.name}/" if path.is_dir() else path.name
        assert path.name == "README.md" or f"`{shown}`" in readme
