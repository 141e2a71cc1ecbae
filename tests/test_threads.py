"""One normalizer used from several threads: each log gives what it gives alone, and the counts are exact."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from io import BufferedReader, BytesIO

import pytest
import tracking_rows

from exnorm import Event, Normalizer

pytestmark = pytest.mark.usefixtures("each_path")

THREADS, TURNS = 6, 6
LOGS = [
    [*tracking_rows.header().splitlines(), *(row.replace("example.test", f"t{log}.test") for row in rows)]
    for log, rows in enumerate([list(tracking_rows.make_rows(150))] * THREADS)
]


@pytest.fixture
def often_interrupted() -> Iterator[None]:
    """Threads change places as often as can be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def encode_lines(normalizer: Normalizer, lines: list[str]) -> list[bytes]:
    return list(normalizer.encode(lines, normalizer.stream("MSGTRK.LOG")))


def encode_bytes(normalizer: Normalizer, lines: list[str]) -> list[bytes]:
    return list(normalizer.encode([line.encode() for line in lines], normalizer.stream("MSGTRK.LOG")))


def encode_file(normalizer: Normalizer, lines: list[str]) -> list[bytes]:
    file = BufferedReader(BytesIO("\n".join((*lines, "")).encode()))
    return list(normalizer.encode(file, normalizer.stream("MSGTRK.LOG")))


def encode_events(normalizer: Normalizer, lines: list[str]) -> list[bytes]:
    made = normalizer.normalize(lines, normalizer.stream("MSGTRK.LOG"))
    payloads = [normalizer.encode_item(event) for event in made if isinstance(event, Event)]
    return [payload for payload in payloads if payload is not None]


@pytest.mark.usefixtures("often_interrupted")
@pytest.mark.parametrize("encode", [encode_lines, encode_bytes, encode_file, encode_events])
def test_each_log_gives_what_it_gives_alone(encode: Callable[[Normalizer, list[str]], list[bytes]]) -> None:
    alone = [encode(Normalizer(discover_plugins=False), log) for log in LOGS]
    shared = Normalizer(discover_plugins=False)
    start, wrong = threading.Barrier(THREADS), []

    def work(number: int) -> None:
        start.wait()
        for _ in range(TURNS):
            try:
                if encode(shared, LOGS[number]) != alone[number]:
                    wrong.append(f"log {number} differs")
            except Exception as error:  # it must reach the test, whatever it is
                wrong.append(repr(error))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert shared.counts.events == TURNS * sum(map(len, alone))
    assert shared.counts.lines == TURNS * sum(map(len, LOGS))
