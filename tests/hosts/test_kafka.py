"""The layout of docs/kafka.md, end to end: a Fluent Bit with Kafka, and the broker inside librdkafka.

``FLUENT_BIT_KAFKA`` (else ``FLUENT_BIT``, else ``fluent-bit`` on PATH) names the program, and the broker is
the mock that ``confluent-kafka`` starts on the loopback: it speaks the protocol, but stores nothing.
"""

from __future__ import annotations

import os
import shutil
import socketserver
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from exnorm import Normalizer
from exnorm.fluentbit import build as builder
from exnorm.fluentbit.configs import (
    RAW,
    ConfigPlan,
    read_destination,
    read_queue,
    render_classic,
    render_ready,
    render_yaml,
)

FLUENT_BIT = os.environ.get("FLUENT_BIT_KAFKA") or os.environ.get("FLUENT_BIT") or shutil.which("fluent-bit")
if FLUENT_BIT is None:
    pytest.skip("no Fluent Bit: set FLUENT_BIT_KAFKA or FLUENT_BIT to its program", allow_module_level=True)
kafka = pytest.importorskip("confluent_kafka", reason="the broker is that of confluent-kafka: pip install it")
_KNOWS_KAFKA = subprocess.run(
    [FLUENT_BIT, "-q", "-i", "dummy", "-o", "kafka", "-p", "topics=a", "-p", "brokers=b", "--dry-run"],
    capture_output=True,
    check=False,
).returncode == 0  # fmt: skip
if not _KNOWS_KAFKA:
    pytest.skip("this Fluent Bit was built without Kafka: set FLUENT_BIT_KAFKA", allow_module_level=True)

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "examples" / "MSGTRK2018112722-1.LOG"
LINES = SAMPLE.read_bytes().decode("utf-8-sig").splitlines()
HEADER, ROWS = LINES[:5], LINES[5:9]
WAIT = 60.0  # seconds until a test gives up; a consumer group of the mock takes a few to come together

Message = tuple[bytes | None, bytes]
"""Key and value."""


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    owner = kafka.Producer({"test.mock.num.brokers": 1, "log_level": 0})
    found = next(iter(owner.list_topics(timeout=WAIT).brokers.values()))
    yield f"{found.host}:{found.port}"
    del owner


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> str:
    target = tmp_path_factory.mktemp("filter") / builder.FILE_NAME
    try:
        builder.build(target, site=builder.site_path())
    except builder.BuildError as error:
        pytest.skip(f"the filter cannot be built here: {error}")
    return str(target)


@contextmanager
def running(
    plan: ConfigPlan, tmp_path: Path, render: Callable[[ConfigPlan], str] = render_yaml
) -> Iterator[None]:
    """Fluent Bit with a plan's config."""
    assert FLUENT_BIT is not None
    Path(plan.state).mkdir(exist_ok=True)
    suffix = "yaml" if render is render_yaml else "conf"
    config = tmp_path / f"fluent-bit-{time.monotonic_ns()}.{suffix}"
    config.write_text(render(plan), encoding="utf-8")
    process = subprocess.Popen([FLUENT_BIT, "-q", "-c", str(config)], stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def take(broker: str, topic: str, count: int) -> list[Message]:
    """So many messages of a topic, from its beginning, each partition in its order."""
    consumer = kafka.Consumer(
        {"bootstrap.servers": broker, "group.id": topic, "auto.offset.reset": "earliest", "log_level": 0}
    )
    consumer.subscribe([topic])
    found: list[Any] = []
    until = time.monotonic() + WAIT
    while len(found) < count and time.monotonic() < until:
        message = consumer.poll(0.2)
        if message is not None and not message.error():
            found.append(message)
    consumer.close()
    assert len(found) == count, [message.value() for message in found]
    found.sort(key=lambda message: (message.partition(), message.offset()))
    return [(message.key(), message.value()) for message in found]


def put(broker: str, topic: str, *messages: Message) -> None:
    producer = kafka.Producer({"bootstrap.servers": broker, "log_level": 0})
    for key, value in messages:
        producer.produce(topic, key=key, value=value)
    assert producer.flush(WAIT) == 0


def make_log(folder: Path, *rows: str) -> Path:
    folder.mkdir()
    log = folder / SAMPLE.name
    log.write_text("".join(line + "\r\n" for line in (*HEADER, *rows)), encoding="utf-8", newline="")
    return log


def payloads(name: str, rows: list[str], **settings: Any) -> list[bytes]:
    """What one process makes of a log."""
    normalizer = Normalizer(**settings)
    lines = [line.encode() for line in (*HEADER, *rows)]
    return list(normalizer.encode(lines, normalizer.stream(name)))


@pytest.fixture
def listener() -> Iterator[tuple[int, list[bytes], threading.Semaphore]]:
    """A SIEM: its port, the lines that came, and a semaphore that counts them."""
    lines: list[bytes] = []
    came = threading.Semaphore(0)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for line in self.rfile:
                lines.append(line.rstrip(b"\n"))
                came.release()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1], lines, came
        server.shutdown()


def without_syslog(line: bytes) -> bytes:
    return line[line.index(b"CEF:0|") :]


# --- the sentences of the page --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "settings"),
    [("cef", {"taxonomy": "arcsight"}), ("leef", {"taxonomy": "jsa"}), ("wincollect", {"taxonomy": "jsa"})],
)
def test_events_go_to_kafka_finished_and_keyed_by_what_a_messages_rows_share(
    broker: str, plugin: str, tmp_path: Path, form: str, settings: dict[str, str]
) -> None:
    log = make_log(tmp_path / "logs", *ROWS, "too,short")
    to = read_destination(f"kafka://{broker}/events.{form}")
    plan = ConfigPlan((str(log.parent),), to, form, plugin=plugin, state=str(tmp_path / "state"))
    with running(plan, tmp_path):
        found = take(broker, f"events.{form}", 4)
        ((_, unparsed),) = take(broker, f"events.{form}.unparsed", 1)
    assert sorted(value for _, value in found) == sorted(
        payloads(str(log), ROWS, correlation=True, format=form, **settings)
    )
    ids = [row.split(",")[11] for row in ROWS]  # network-message-id
    by_value = {value: key for key, value in found}
    assert sorted(filter(None, by_value.values())) == sorted(name.encode() for name in ids if name)
    assert all((key or b"") in value for value, key in by_value.items())
    assert b'"log":"too,short"' in unparsed.replace(b"\\r", b"")
    assert b"row has 2 fields; #Fields names 30" in unparsed


def test_raw_lines_through_kafka_come_out_as_one_process_has_them(
    broker: str, plugin: str, tmp_path: Path, listener: tuple[int, list[bytes], threading.Semaphore]
) -> None:
    port, lines, came = listener
    log = make_log(tmp_path / "logs", *ROWS)
    topic = f"kafka://{broker}/raw.lines"
    produce = ConfigPlan(
        (str(log.parent),), read_destination(topic), RAW, normalizes=False, state=str(tmp_path / "one")
    )
    consume = ConfigPlan(
        (), read_destination(f"tcp://127.0.0.1:{port}"), "cef", queue=read_queue(topic), group="behind",
        plugin=plugin, state=str(tmp_path / "two"),
    )  # fmt: skip
    with running(produce, tmp_path, render_classic):
        raw = take(broker, "raw.lines", 9)
    assert {key for key, _ in raw} == {f"{os.uname().nodename}:{log}".encode()}
    assert [value.rstrip(b"\r").decode("utf-8-sig") for _, value in raw] == [*HEADER, *ROWS]
    with running(consume, tmp_path, render_classic):
        for _ in ROWS:
            assert came.acquire(timeout=WAIT)
    assert [without_syslog(line) for line in lines] == payloads(str(log), ROWS)


def test_two_servers_with_a_log_of_one_name_are_kept_apart_by_the_key(
    broker: str, plugin: str, tmp_path: Path, listener: tuple[int, list[bytes], threading.Semaphore]
) -> None:
    port, lines, came = listener
    log_type = b"#Log-type: Message Tracking Log"
    put(
        broker,
        "raw.two",
        (b"ex01:C:\\logs\\MSGTRK1.LOG", log_type),
        (b"ex02:C:\\logs\\MSGTRK1.LOG", log_type),
        (b"ex01:C:\\logs\\MSGTRK1.LOG", b"#Fields: date-time,event-id,client-ip"),
        (b"ex02:C:\\logs\\MSGTRK1.LOG", b"#Fields: date-time,client-ip,event-id"),
        (b"ex01:C:\\logs\\MSGTRK1.LOG", b"2018-11-28T00:00:00.000Z,SEND,10.0.0.1"),
        (b"ex02:C:\\logs\\MSGTRK1.LOG", b"2018-11-28T00:00:00.000Z,10.0.0.2,FAIL"),
    )
    queue = read_queue(f"kafka://{broker}/raw.two")
    to = read_destination(f"tcp://127.0.0.1:{port}")
    plan = ConfigPlan((), to, "cef", queue=queue, group="raw.two", plugin=plugin, state=str(tmp_path / "s"))
    with running(plan, tmp_path):
        assert came.acquire(timeout=WAIT)
        assert came.acquire(timeout=WAIT)
    assert sorted(line.split(b"|")[4] for line in lines) == [b"FAIL", b"SEND"]


def test_finished_lines_are_passed_on_from_kafka_without_exnorm(
    broker: str, tmp_path: Path, listener: tuple[int, list[bytes], threading.Semaphore]
) -> None:
    port, lines, came = listener
    put(broker, "finished", (b"id", b"CEF:0|a|b|c|d|e|1|msg=one"), (None, b"CEF:0|a|b|c|d|e|1|msg=two"))
    queue = read_queue(f"kafka://{broker}/finished")
    to = read_destination(f"tcp://127.0.0.1:{port}")
    plan = ConfigPlan(
        (), to, "cef", queue=queue, group="finished", normalizes=False, state=str(tmp_path / "s")
    )
    with running(plan, tmp_path):
        assert came.acquire(timeout=WAIT)
        assert came.acquire(timeout=WAIT)
    assert sorted(map(without_syslog, lines)) == [
        b"CEF:0|a|b|c|d|e|1|msg=one",
        b"CEF:0|a|b|c|d|e|1|msg=two",
    ]


@pytest.mark.parametrize("name", [name for name in render_ready() if name.startswith("kafka/")])
def test_fluent_bit_accepts_every_ready_config_of_kafka(name: str, tmp_path: Path, plugin: str) -> None:
    from exnorm.fluentbit.configs import READY_PLUGIN

    assert FLUENT_BIT is not None
    config = tmp_path / Path(name).name
    config.write_text(render_ready()[name].replace(READY_PLUGIN, plugin), encoding="utf-8")
    done = subprocess.run(
        [FLUENT_BIT, "--dry-run", "-c", str(config)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "configuration test is successful" in done.stdout + done.stderr
