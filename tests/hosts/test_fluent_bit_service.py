"""The service beside a real Fluent Bit: numbered events in log files, counted where they arrive.

benchmarks/fluent_bit_delivery.py runs the same with 200 000 events.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fluent_bit_delivery import HEADER, Rig, find_fluent_bit, free_port, make_row, wait_until

from exnorm.fluentbit.build import FILE_NAME, BuildError, build, site_path

pytest.importorskip("fluent.sender", reason="fluent-logger is not installed")
BINARY = find_fluent_bit()
if BINARY is None:
    pytest.skip("no Fluent Bit: set FLUENT_BIT or PATH", allow_module_level=True)
if sys.platform == "win32":
    pytest.skip("the service needs POSIX signals", allow_module_level=True)

EVENTS = 6000

RECEIVER = """
service: {{flush: 1, storage.path: {state}/receiver}}
pipeline:
  inputs:
    - {{name: forward, listen: 127.0.0.1, port: {port}, buffer_max_size: 64m, storage.type: filesystem}}
  outputs:
    - {{name: file, match: '*', path: {folder}, file: {file}, format: template, template: '{{cef}}'}}
"""


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    assert BINARY is not None
    with Rig(tmp_path / "rig", BINARY) as made:
        yield made


def write_receiver(rig: Rig, port: int) -> Path:
    config = rig.folder / "receiver.yaml"
    output = rig.output.path
    text = RECEIVER.format(state=rig.folder / "state", port=port, folder=output.parent, file=output.name)
    config.write_text(text, encoding="utf-8")
    return config


class Gate:
    """Stands before the next hop and keeps its acknowledgements to itself until it is opened.

    As long as it is shut, no more arrives than the service has under way at once.
    """

    def __init__(self, port: int) -> None:
        self._next_hop = port
        self._is_open = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def open(self) -> None:
        self._is_open.set()

    def close(self) -> None:
        self._is_open.set()
        self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                service, _ = self._server.accept()
                threading.Thread(target=self._connect, args=(service,), daemon=True).start()

    def _connect(self, service: socket.socket) -> None:
        address = ("127.0.0.1", self._next_hop)
        with service, contextlib.suppress(OSError), socket.create_connection(address) as next_hop:
            back = threading.Thread(
                target=self._pass_on, args=(next_hop, service, self._is_open), daemon=True
            )
            back.start()
            self._pass_on(service, next_hop, None)
            back.join()

    @staticmethod
    def _pass_on(source: socket.socket, target: socket.socket, gate: threading.Event | None) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if gate is not None:
                    gate.wait()
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def gate(rig: Rig) -> Iterator[Gate]:
    with contextlib.closing(Gate(rig.back_port)) as made:
        yield made


@pytest.mark.parametrize("name", ["service", "fluent-bit"])
def test_kill_9_under_load_loses_no_event(rig: Rig, gate: Gate, name: str) -> None:
    events = 5 * EVENTS  # several times what can be under way without an acknowledgement
    rig.write_logs(events)
    rig.write_config()
    rig.back_port = gate.port
    rig.start_service()
    rig.start_fluent_bit()
    rig.wait_for(1)
    assert rig.output.count() < events
    rig.kill(name)
    gate.open()
    rig.start_service() if name == "service" else rig.start_fluent_bit()
    rig.wait_for(events)
    assert sorted(rig.output.numbers) == list(range(events))
    assert rig.output.repeats < events


def test_without_a_kill_each_event_arrives_once(rig: Rig) -> None:
    rig.write_logs(EVENTS)
    rig.write_config()
    rig.start_service()
    rig.start_fluent_bit()
    rig.wait_for(EVENTS)
    assert set(rig.output.numbers.values()) == {1}
    assert rig.kill("service", 15) == 0


def test_a_next_hop_that_is_away_for_a_while_gets_everything_when_it_is_back(rig: Rig) -> None:
    port = free_port()
    rig.write_logs(EVENTS)
    rig.write_config(back_port=free_port())
    rig.back_port = port
    rig.start_service()
    rig.start_fluent_bit()
    service_log = rig.folder / "service.log"
    wait_until(lambda: service_log.read_text().count("not acknowledged") >= 3)
    receiver = write_receiver(rig, port)
    rig.start_fluent_bit(receiver, "receiver")
    rig.wait_for(EVENTS // 3)
    rig.kill("receiver")
    refused = service_log.read_text().count("not acknowledged")
    rig.start_fluent_bit(receiver, "receiver")
    rig.wait_for(EVENTS)
    assert sorted(rig.output.numbers) == list(range(EVENTS))
    assert refused >= 3


def test_a_poison_record_in_the_middle_is_set_apart_and_its_neighbours_arrive(rig: Rig) -> None:
    rows = [make_row(number).encode() for number in range(1000)]
    poison = [
        b"2026-03-01T00:00:00.000Z,\xff\xfe,not UTF-8\r\n",
        make_row(5000).rstrip().encode() + b",one,two,three\r\n",
        b'2026-03-01T00:00:00.000Z,"an open quote\r\n',
        b"\x01" * 5000 + b"\r\n",
    ]
    log = rig.folder / "logs" / "MSGTRK2026030100-1.LOG"
    log.write_bytes(HEADER.encode() + b"".join([*rows[:500], *poison, *rows[500:]]))
    rig.write_config()
    rig.start_service()
    rig.start_fluent_bit()
    rig.wait_for(1000)
    assert set(rig.output.numbers) == set(range(1000))
    unparsed = rig.folder / "state" / "unparsed.ndjson"
    wait_until(lambda: unparsed.exists() and unparsed.read_bytes().count(b"\n") >= 4)
    lines = unparsed.read_bytes().splitlines()
    assert len(lines) == 4
    assert b"row has 33 fields" in lines[1]
    assert rig.output.repeats == 0


def test_the_config_for_the_filter_carries_a_log_without_a_service(rig: Rig) -> None:
    plugin = rig.folder / FILE_NAME
    try:
        build(plugin, site=site_path())
    except BuildError as error:
        pytest.skip(f"the filter cannot be built here: {error}")
    rig.write_logs(1000)
    with (rig.folder / "logs" / "MSGTRK2026030100-1.LOG").open("a") as log:
        log.write("one,two,three\r\n")
    rig.write_config(plugin=plugin)
    rig.start_fluent_bit()
    rig.wait_for(1000)
    assert set(rig.output.numbers.values()) == {1}
    unparsed = rig.folder / "state" / "unparsed.ndjson"
    wait_until(lambda: unparsed.exists() and b"one,two,three" in unparsed.read_bytes())


def test_what_the_filter_leaves_alone_becomes_no_message_and_is_set_apart(rig: Rig) -> None:
    plugin = rig.folder / FILE_NAME
    try:
        build(plugin, site=site_path())
    except BuildError as error:
        pytest.skip(f"the filter cannot be built here: {error}")
    rig.write_logs(20)
    rig.write_config(plugin=plugin)
    wrong_key = "match: exchange.*\n      key_name: another"
    rig.config.write_text(rig.config.read_text().replace("match: exchange.*", wrong_key, 1))
    rig.start_fluent_bit()
    unparsed = rig.folder / "state" / "unparsed.ndjson"
    wait_until(lambda: unparsed.exists() and unparsed.read_bytes().count(b"\n") >= 20)
    assert unparsed.read_bytes().count(b'"exnorm_left_alone":"yes"') == unparsed.read_bytes().count(b"\n")
    assert not rig.output.path.exists() or not rig.output.path.read_bytes()


def test_tls_and_a_shared_key_with_fluent_bit_on_both_sides(
    rig: Rig, make_certificate: Callable[[Path], Path]
) -> None:
    pem = make_certificate(rig.folder)
    ssl.create_default_context(cafile=str(pem))
    secret = rig.folder / "secret"
    secret.write_text("open sesame\n")
    rig.options = [
        *("--listen-cert", str(pem), "--listen-secret-file", str(secret)),
        *("--forward-tls", "--forward-ca", str(pem), "--forward-name", "localhost"),
        *("--forward-secret-file", str(secret)),
    ]
    rig.write_logs(500, files=1)
    rig.write_config()
    text = rig.config.read_text(encoding="utf-8")
    both = "      shared_key: open sesame\n      tls: true\n"
    text = text.replace(
        f"      port: {rig.service_port}\n",
        f"      port: {rig.service_port}\n{both}      tls.ca_file: {pem}\n      tls.vhost: localhost\n",
    )
    text = text.replace(
        f"      port: {rig.back_port}\n",
        f"      port: {rig.back_port}\n{both}      tls.crt_file: {pem}\n      tls.key_file: {pem}\n",
    )
    assert text.count("open sesame") == 2
    rig.config.write_text(text, encoding="utf-8")
    rig.start_service()
    rig.start_fluent_bit()
    rig.wait_for(500)
    assert set(rig.output.numbers.values()) == {1}


@pytest.mark.parametrize("option", ["compress: gzip", "retain_metadata_in_forward_mode: false", "tag: $TAG"])
def test_every_way_fluent_bit_writes_a_chunk_is_read(rig: Rig, option: str) -> None:
    rig.write_logs(300, files=1)
    rig.write_config()
    text = rig.config.read_text(encoding="utf-8")
    line = "      require_ack_response: true\n"
    assert text.count(line) == 1
    tagged = "tag: $filename" if option.startswith("tag") else option
    text = text.replace(line, f"{line}      {tagged}\n").replace("normalized.exchange.*", "normalized.*")
    rig.config.write_text(text, encoding="utf-8")
    rig.start_service()
    rig.start_fluent_bit()
    rig.wait_for(300)
    assert set(rig.output.numbers.values()) == {1}


def test_a_unix_socket_carries_a_log(rig: Rig) -> None:
    path = rig.folder / "s"
    rig.write_logs(300, files=1)
    rig.write_config()
    text = rig.config.read_text(encoding="utf-8")
    text = text.replace(
        f"      host: '127.0.0.1'\n      port: {rig.service_port}\n", f"      unix_path: {path}\n"
    )
    assert str(path) in text
    rig.config.write_text(text, encoding="utf-8")
    rig.listen = f"unix:{path}"
    rig.start_service()
    rig.start_fluent_bit()
    rig.wait_for(300)
    assert set(rig.output.numbers.values()) == {1}
