"""Output of several processes, each in its turn, in runs that end otherwise than well."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from exnorm.cli import ordered_output, ranges, run

SAMPLE = Path(__file__).parents[2] / "examples" / "MSGTRK2018112722-1.LOG"
LINES = SAMPLE.read_bytes().splitlines(keepends=True)
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log of some ranges."""
    monkeypatch.setattr(ranges, "SMALLEST", 4096)
    monkeypatch.setattr(ranges, "LARGEST", 8192)
    path = tmp_path / "MSGTRK2018112722-2.LOG"
    path.write_bytes(b"".join(LINES[:5]) + b"".join(LINES[5:9]) * 40)
    return path


@pytest.fixture
def another_thread() -> Iterator[None]:
    """A thread that forbids to fork."""
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    yield
    ended.set()
    thread.join()


def convert(*arguments: object) -> bytes:
    output = Path(str(arguments[0])).with_suffix(".out")
    assert run(["convert", "-q", *map(str, arguments), "-o", str(output)]) == 0
    return output.read_bytes()


@pytest.mark.usefixtures("another_thread")
def test_where_there_are_threads_nothing_is_forked_and_the_bytes_are_the_same(log: Path) -> None:
    assert convert(log, "--jobs", 2) == convert(log)


@linux_only
def test_what_is_too_much_to_keep_in_memory_comes_in_its_place(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ordered_output, "KEPT_BYTES", 1000)
    other = log.with_name("MSGTRK2018112723-1.LOG")
    other.write_bytes(log.read_bytes())
    assert convert(log, other, "--jobs", 2) == convert(log, other)
    assert convert(log, other, "--jobs", 2, "--per-recipient") == convert(log, other, "--per-recipient")


KILLED = """
import os, sys
from exnorm.cli import ranges, run

def begin_work(*given):
    return lambda outlet, number: os.kill(os.getpid(), 9)

ranges._begin_work = begin_work
sys.exit(run(sys.argv[1:]))
"""


@linux_only
def test_a_worker_that_is_killed_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    log = tmp_path / "MSGTRK2018112722-2.LOG"
    log.write_bytes(b"".join(LINES[:5]) + b"".join(LINES[5:9]) * 6000)
    words = ["convert", str(log), "-o", str(tmp_path / "out"), "--jobs", "2"]
    # In a process of its own: one that has threads, as this may have, does not fork.
    done = subprocess.run([sys.executable, "-c", KILLED, *words], capture_output=True, text=True)
    assert done.returncode == 3
    assert done.stderr == f"exnorm: {log}: its worker process was ended\n"


AHEAD = """
import os, sys
from exnorm.cli.ordered_output import Crew

def begin_work(fifo):
    def work(outlet, number):
        if number == 0:
            open(fifo).close()  # returns when another has opened it to write
        elif number == 3:
            open(fifo, "w").close()
        outlet.write(b"%d\\n" % number)
    return work

crew = Crew(2, 6, begin_work, sys.argv[1])
with crew.working(sys.stdout.buffer):
    for number in range(6):
        for note in crew.listen(number):
            assert note.kind == "done", note
"""


@linux_only
def test_a_process_goes_on_with_its_next_piece_before_the_turn_of_the_last_one(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    # The first piece, of one process, ends only when the other one has begun its second, the fourth of all.
    done = subprocess.run([sys.executable, "-c", AHEAD, str(fifo)], capture_output=True, timeout=60)
    assert done.stderr == b""
    assert done.stdout == b"0\n1\n2\n3\n4\n5\n"


@linux_only
def test_a_full_disk_and_a_reader_that_leaves_keep_their_statuses(tmp_path: Path) -> None:
    log = tmp_path / "MSGTRK2018112722-2.LOG"
    log.write_bytes(b"".join(LINES[:5]) + b"".join(LINES[5:9]) * 6000)
    assert log.stat().st_size > 2 * ranges.SMALLEST
    convert = [sys.executable, "-m", "exnorm", "convert", str(log), "--jobs", "2"]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(convert, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 3
    assert done.stderr == b"exnorm: the output cannot be written: No space left on device\n"
    with subprocess.Popen(convert, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as left:
        assert left.stdout is not None
        assert left.stderr is not None
        left.stdout.readline()
        left.stdout.close()
        assert left.stderr.read() == b""
    assert left.returncode == 0


@linux_only
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
def test_no_worker_outlives_the_process_that_began_it(tmp_path: Path, number: int) -> None:
    log = tmp_path / "MSGTRK2018112722-2.LOG"
    log.write_bytes(b"".join(LINES[:5]) + b"".join(LINES[5:9]) * 6000)
    convert = [sys.executable, "-m", "exnorm", "convert", str(log), "--jobs", "2"]
    with subprocess.Popen(convert, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as begun:
        assert begun.stdout is not None
        begun.stdout.readline()  # the first worker writes now, and the other waits for its turn
        begun.send_signal(number)
        begun.wait()
        begun.stdout.close()
        # Each worker holds standard error: it ends when the last of them does.
        begun.communicate(timeout=60)
