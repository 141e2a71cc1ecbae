from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLE = (
    (Path(__file__).parents[2] / "examples" / "MSGTRK2018112722-1.LOG").read_bytes().splitlines(keepends=True)
)
HEADER, ROWS = b"".join(SAMPLE[:5]), SAMPLE[5:9]


class Following:
    """``exnorm convert --follow`` as a process; ``take`` waits for the next events."""

    def __init__(self, *paths: object) -> None:
        command = [sys.executable, "-m", "exnorm", "convert", "--follow", *map(str, paths)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def take(self, number: int) -> list[bytes]:
        assert self.process.stdout is not None
        return [self.process.stdout.readline().split(b"|")[4] for _ in range(number)]

    def end(self) -> tuple[int, bytes, str]:
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err.decode()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "MSGTRK2018112722-1.LOG"
    path.write_bytes(HEADER + ROWS[0])
    return path


def append(path: Path, text: bytes) -> None:
    with path.open("ab") as file:
        file.write(text)


def test_rows_come_out_as_a_file_grows_and_a_half_line_waits(log: Path) -> None:
    following = Following(log)
    assert following.take(1) == [b"SENDEXTERNAL"]
    append(log, ROWS[1] + ROWS[2][:40])
    assert following.take(1) == [b"RECEIVE"]
    append(log, ROWS[2][40:])
    assert following.take(1) == [b"DELIVER"]
    status, rest, err = following.end()
    assert (status, rest) == (0, b"")
    assert "1 file, 8 lines: 3 events, 5 header or blank, 0 not parsed" in err


def test_a_file_that_was_renamed_is_read_to_its_end_and_the_new_one_from_its_beginning(log: Path) -> None:
    following = Following(log)
    assert following.take(1) == [b"SENDEXTERNAL"]
    append(log, ROWS[1])
    log.rename(log.with_suffix(".old"))
    log.write_bytes(HEADER + ROWS[3])
    assert following.take(2) == [b"RECEIVE", b"FAIL"]
    assert following.end()[0] == 0


def test_a_file_that_became_shorter_is_read_anew(log: Path) -> None:
    append(log, ROWS[1] + ROWS[2])
    following = Following(log)
    assert following.take(3) == [b"SENDEXTERNAL", b"RECEIVE", b"DELIVER"]
    log.write_bytes(HEADER + ROWS[3])
    assert following.take(1) == [b"FAIL"]
    assert following.end()[0] == 0


def test_files_that_appear_in_a_folder_join_in(tmp_path: Path) -> None:
    following = Following(tmp_path)
    (tmp_path / "MSGTRK2018112723-1.LOG").write_bytes(HEADER + ROWS[3])
    assert following.take(1) == [b"FAIL"]
    (tmp_path / "A.txt").write_bytes(b"no log of ours\nat all\n")
    (tmp_path / "MSGTRK2018112800-1.LOG").write_bytes(HEADER + ROWS[0])
    assert following.take(1) == [b"SENDEXTERNAL"]
    status, _, err = following.end()
    assert status == 1
    assert "A.txt: unknown log type" in err


def test_standard_input_cannot_be_followed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "exnorm", "convert", "--follow", "-"], capture_output=True, check=False
    )
    assert done.returncode == 2
    assert b"--follow needs a file, a folder or a glob" in done.stderr
