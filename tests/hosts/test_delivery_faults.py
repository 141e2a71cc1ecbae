"""The matrix of faults in short: benchmarks/delivery_faults.py --long runs the same for minutes."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

pytest.importorskip("fluent.sender", reason="fluent-logger is not installed")
pytest.importorskip("aiohttp", reason="aiohttp is not installed")
pytest.importorskip("prometheus_client", reason="prometheus-client is not installed")
pytest.importorskip("resource", reason="the services are killed and stopped by POSIX signals")

from delivery_faults import (
    CHUNK_EVENTS,
    FAULTS,
    LISTENER_FAULTS,
    SERVICES,
    SHORT,
    Ledger,
    Receiver,
    Result,
    Rig,
    name_outages,
    run_fault,
)

PLAN = replace(SHORT, seconds=0.2, outages=(0.2,), flap=0.05, flaps=2, kills=2)
ON_LINUX = sys.platform == "linux"
PLAIN = {**name_outages(PLAN), **FAULTS, **LISTENER_FAULTS}
if not ON_LINUX:
    del PLAIN["disk full under the rejects"]  # only there can another process's limits be set


@pytest.fixture(scope="module", params=SERVICES)
def rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with Rig(request.param, tmp_path_factory.mktemp("faults"), timeout=0.6) as made:
        yield made


def check(result: Result) -> None:
    assert result.problems == []
    assert (result.lost, result.refused, result.wrongly_repeated, result.not_normalized) == (0, 0, 0, 0)
    assert result.events >= 6 * CHUNK_EVENTS


@pytest.mark.parametrize("name", PLAIN)
def test_under_a_fault_nothing_is_lost_and_only_what_was_not_acknowledged_comes_again(
    rig: Rig, name: str
) -> None:
    check(run_fault(rig, name, PLAIN[name], PLAN))


# --- the count itself ----------------------------------------------------------------------------


def records(ledger: Ledger, chunk: int) -> list[bytes]:
    return [b"CEF:0|" + row.encode() for row in ledger.rows(chunk) if not row.startswith("#")]


def test_an_event_that_was_acknowledged_and_never_stored_is_lost() -> None:
    ledger = Ledger(0)
    chunk = ledger.take_chunk()
    ledger.note_sent(chunk)
    ledger.note_arrival(records(ledger, chunk), stored=False)
    ledger.note_ack(chunk)
    assert ledger.lost == CHUNK_EVENTS
    ledger.note_arrival(records(ledger, chunk), stored=True)
    assert ledger.lost == 0


def test_a_receiver_that_fell_silent_while_it_read_acknowledges_nothing() -> None:
    ledger = Ledger(0)
    chunk = ledger.take_chunk()
    receiver = Receiver(ledger)
    receiver.close()  # so that it does not wait
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with contextlib.suppress(OSError):
            receiver.answer(ours, records(ledger, chunk), "silent", b"yes")
        ours.shutdown(socket.SHUT_WR)
        assert theirs.recv(10) == b""
    assert ledger.lost == CHUNK_EVENTS


def test_a_repeat_without_a_second_try_of_the_sender_is_a_wrong_one() -> None:
    ledger = Ledger(0)
    chunk = ledger.take_chunk()
    ledger.note_sent(chunk)
    for _ in range(2):
        ledger.note_arrival(records(ledger, chunk), stored=True)
    assert (ledger.repeats, ledger.wrong_repeats) == (CHUNK_EVENTS, CHUNK_EVENTS)
    ledger.note_sent(chunk)
    assert (ledger.repeats, ledger.wrong_repeats) == (CHUNK_EVENTS, 0)


def test_a_record_that_is_not_normalized_is_seen() -> None:
    ledger = Ledger(0, bad_every=10)
    chunk = ledger.take_chunk()
    ledger.note_arrival(records(ledger, chunk), stored=True)
    assert ledger.not_normalized == CHUNK_EVENTS // 10  # those that cannot parse came as if they had
