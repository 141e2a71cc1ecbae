"""What the command line does with closed, full and narrow streams, and with names from anywhere."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Exnorm

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "examples" / "MSGTRK2018112722-1.LOG"
EVENTS = (b"SENDEXTERNAL", b"RECEIVE", b"DELIVER", b"FAIL")

posix_only = pytest.mark.skipif(os.name != "posix", reason="a matter of POSIX shells and file systems")


def shell(script: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a shell line in which ``exnorm`` is the command and ``$LOG`` the sample."""
    line = script.replace("exnorm ", f"'{sys.executable}' -m exnorm ")
    variables = {**os.environ, "LOG": str(SAMPLE), **environment}
    return subprocess.run(
        ["/bin/sh", "-c", line], capture_output=True, env=variables, timeout=60, check=False
    )


def names_of(payloads: bytes) -> tuple[bytes, ...]:
    return tuple(line.split(b"|")[5] for line in payloads.splitlines())


# --- streams -------------------------------------------------------------------------------------


@posix_only
@pytest.mark.parametrize(
    "arguments",
    ['convert "$LOG"', 'convert "$LOG" --dry-run', 'explain "$LOG"', "mappings", "plugins", "--version"],
)
def test_a_closed_standard_output_has_status_3_and_one_line(arguments: str) -> None:
    found = shell(f"exnorm {arguments} >&-")
    assert found.returncode == 3
    assert [line for line in found.stderr.splitlines() if b"the output cannot be written" in line]
    assert b"Traceback" not in found.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize(
    "arguments",
    ['convert "$LOG"', 'convert "$LOG" --dry-run', 'explain "$LOG"', "mappings", "plugins", "--version"],
)
def test_a_full_standard_output_has_status_3_and_says_why(arguments: str) -> None:
    found = shell(f"exnorm {arguments} >/dev/full")
    assert found.returncode == 3
    assert found.stderr == b"exnorm: the output cannot be written: No space left on device\n"


@posix_only
def test_a_closed_standard_output_does_not_matter_where_a_file_is_written(tmp_path: Path) -> None:
    found = shell('exnorm convert "$LOG" --output "$OUT" >&-', OUT=str(tmp_path / "out"))
    assert found.returncode == 0
    assert names_of((tmp_path / "out").read_bytes()) == EVENTS


@posix_only
@pytest.mark.parametrize("closing", ["2>&-", "2</dev/null"])
def test_nobody_listening_on_standard_error_costs_no_event(closing: str) -> None:
    found = shell(f'exnorm convert "$LOG" {closing}')
    assert (found.returncode, names_of(found.stdout)) == (0, EVENTS)


@posix_only
def test_a_closed_standard_input_is_wrong_usage_only_where_it_is_to_be_read() -> None:
    found = shell("exnorm convert - <&-")
    assert found.returncode == 2
    assert found.stderr == b"exnorm: standard input is closed; name a file to read\n"
    assert shell('exnorm convert "$LOG" <&-').returncode == 0


@posix_only
def test_a_reader_that_leaves_explain_is_no_error(tmp_path: Path) -> None:
    log = tmp_path / "MSGTRK2018112722-1.LOG"
    log.write_bytes(SAMPLE.read_bytes() * 50)
    found = shell('exnorm explain "$BIG" | head -n 1', BIG=str(log))
    assert found.stdout.endswith(b": SENDEXTERNAL\n")
    assert found.stderr == b""


@posix_only
def test_a_terminal_without_the_character_gets_an_escape(tmp_path: Path) -> None:
    log = tmp_path / "MSGTRK2018112722-1.LOG"
    log.write_bytes(SAMPLE.read_bytes().replace(b"Receipt", "Grüße ☃".encode()))
    narrow = {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    explained = shell('exnorm explain "$NARROW" -n 1', NARROW=str(log), **narrow)
    assert explained.returncode == 0
    assert "'Grüße \\u2603'".encode("latin-1") in explained.stdout
    converted = shell('exnorm convert "$NARROW"', NARROW=str(log), **narrow)
    assert " msg=Grüße ☃ ".encode() in converted.stdout


@posix_only
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupt_ends_the_run_with_130_and_no_traceback(tmp_path: Path, jobs: str) -> None:
    pipe = tmp_path / "MSGTRK2018112722-1.LOG"
    os.mkfifo(pipe)
    line = [sys.executable, "-m", "exnorm", "convert", str(pipe), str(SAMPLE), "--jobs", jobs]
    running = subprocess.Popen(
        line,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background ignores it
    )
    with pipe.open("wb") as writer:  # opens when exnorm, or its worker, has opened the other end
        writer.write(SAMPLE.read_bytes())
        writer.flush()
        if jobs == "1":
            assert running.stdout is not None
            running.stdout.readline()
        os.killpg(running.pid, signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert b"Traceback" not in said


@posix_only
def test_a_message_takes_the_place_of_the_progress_bar(tmp_path: Path) -> None:
    logs = [tmp_path / "1.LOG", torn(tmp_path / "2.LOG")]
    logs[0].write_bytes(SAMPLE.read_bytes() * 50)
    terminal, side = os.openpty()
    line = [sys.executable, "-m", "exnorm", "convert", *map(str, logs), "-o", str(tmp_path / "out")]
    running = subprocess.Popen(line, stderr=side)
    os.close(side)
    said = b""
    with contextlib.suppress(OSError):  # how Linux says that the other side is closed
        while block := os.read(terminal, 4096):
            said += block
    os.close(terminal)
    assert running.wait(timeout=60) == 1
    before, found, _ = said.partition(f"exnorm: {logs[1]}:6: row has 29 fields".encode())
    assert found
    assert b"exnorm  [###" in before
    assert before.endswith(b" \r")


# --- names ---------------------------------------------------------------------------------------


def torn(path: Path) -> Path:
    """The sample with a first row that is too short, at ``path``."""
    path.write_bytes(SAMPLE.read_bytes().replace(b"SENDEXTERNAL,64441689310559", b"SENDEXTERNAL"))
    return path


@posix_only
def test_a_name_with_a_line_break_is_told_on_one_line(exnorm: Exnorm, tmp_path: Path) -> None:
    result = exnorm("convert", torn(tmp_path / "new\nline\x1b[31m.LOG"))
    assert result.status == 1
    assert result.err.startswith(rf"exnorm: {tmp_path}/new\nline\x1b[31m.LOG:6: row has 29 fields; ")


@pytest.mark.skipif(sys.platform != "linux", reason="other file systems take no such name")
def test_a_name_that_is_not_utf_8_is_text_everywhere(exnorm: Exnorm, tmp_path: Path) -> None:
    torn(Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.LOG")))
    rejects = tmp_path / "rejects.ndjson"
    result = exnorm("convert", tmp_path, "--rejects", rejects, "--taxonomy", "jsa", "--format", "wincollect")
    assert f"{tmp_path}/caf\ufffd.LOG:6: row has 29 fields" in result.err
    assert json.loads(rejects.read_bytes())["path"] == f"{tmp_path}/caf\ufffd.LOG"
    assert "\tAgentLogFile=caf\ufffd.LOG\t" in result.lines[0].decode()
    rejects.unlink()
    explained = exnorm("explain", tmp_path, "--json")
    assert json.loads(explained.lines[0])["path"] == f"{tmp_path}/caf\ufffd.LOG"


@posix_only
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_named_and_the_rest_goes_on(exnorm: Exnorm, tmp_path: Path) -> None:
    folder, log = tmp_path / "closed", tmp_path / "MSGTRK2018112722-1.LOG"
    folder.mkdir(mode=0o000)
    log.write_bytes(SAMPLE.read_bytes())
    log.chmod(0o000)
    try:
        result = exnorm("convert", tmp_path, SAMPLE)
    finally:
        folder.chmod(0o700)
    assert result.status == 2
    assert f"exnorm: {log}: cannot be read: Permission denied\n" in result.err
    assert f"exnorm: {folder}: cannot be read: Permission denied\n" in result.err
    assert names_of(result.out) == EVENTS


def test_a_file_that_is_gone_when_its_turn_comes_is_named_and_the_rest_goes_on(
    exnorm: Exnorm, tmp_path: Path
) -> None:
    (tmp_path / "a.LOG").symlink_to(tmp_path / "nowhere")
    (tmp_path / "b.LOG").write_bytes(SAMPLE.read_bytes())
    result = exnorm("convert", tmp_path / "*.LOG")
    assert result.status == 2
    assert f"exnorm: {tmp_path / 'a.LOG'}: cannot be read: No such file or directory\n" in result.err
    assert "exnorm: 1 file, 9 lines: 4 events, 5 header or blank, 0 not parsed; 1 file not read" in result.err
    assert names_of(result.out) == EVENTS


# --- where a wrong value came from ---------------------------------------------------------------


def test_a_wrong_value_is_told_with_the_place_it_came_from(
    exnorm: Exnorm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "exnorm.yaml"
    config.write_text("leef: 9\n", encoding="utf-8")
    result = exnorm("convert", SAMPLE, "--config", config)
    assert result.err == f"exnorm: {config}:1: leef: got 9; expected 1 to 2\n"
    result = exnorm("convert", SAMPLE, "--leef", "x")
    assert result.err == "exnorm: --leef: got 'x'; expected a number from 1 to 2\n"
    monkeypatch.setenv("EXNORM_LEEF", "7")
    assert exnorm("convert", SAMPLE).err == "exnorm: EXNORM_LEEF: got 7; expected 1 to 2\n"
    monkeypatch.setenv("EXNORM_LEEF", "")
    monkeypatch.setenv("EXNORM_FORMAT", "leef")
    result = exnorm("convert", SAMPLE)
    assert result.err.startswith("exnorm: EXNORM_FORMAT: 'leef' cannot carry taxonomy arcsight; expected")


MARKS = "\x1b[31m\x07\x9b2J\u202e\u2066\u200f\u2028"
RAW = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


@pytest.mark.parametrize(
    "command",
    [("explain",), ("explain", "--json"), ("explain", "--taxonomy", "jsa"), ("convert", "--dry-run"),
     ("convert", "--dry-run", "--summary-json"), ("convert", "--output", os.devnull), ("doctor",)],
    ids=" ".join,
)  # fmt: skip
def test_no_escape_and_no_mark_of_direction_of_a_log_reaches_a_terminal(
    command: tuple[str, ...], tmp_path: Path, exnorm: Exnorm
) -> None:
    cells = {"date-time": "2026-03-17T08:01:02.003Z"}
    columns = (
        "date-time",
        "client-ip",
        "source-context",
        "event-id",
        "message-id",
        "message-subject",
        f"x{MARKS}",
    )
    row = ",".join(cells.get(column, f"E{MARKS}") for column in columns)
    log = tmp_path / f"MSGTRK{MARKS}.LOG"
    log.write_text(
        "#Log-type: Message Tracking Log\n#Fields: "
        + ",".join(columns)
        + f"\n{row}\nshort{MARKS}\n{row},wide\n",
        encoding="utf-8",
    )
    if "--summary-json" in command:
        command = ("convert", "--dry-run", "--json")
    result = exnorm(*command, log)
    said = result.out.decode() + result.err
    assert "\\u202e" in said
    assert RAW.findall(said) == []
