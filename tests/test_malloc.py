"""Freed memory is used again."""

from __future__ import annotations

import gc
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import tracking_rows

from exnorm.malloc import collect_rarely, keep_what_is_there


def count_faults(log: Path) -> int:
    """The page faults of converting a log with generated Python, in a process of its own."""
    command = [sys.executable, "-m", "exnorm", "convert", "--quiet", str(log)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, "EXNORM_KERNEL": "0"})
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_minflt


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is the C library of Linux that gives back")
def test_the_memory_of_one_block_serves_the_next(tmp_path: Path) -> None:
    rows = [f"{row}\r\n" for row in tracking_rows.make_rows(10_000)]
    faults = []
    for name, amount in (("few", 2_000), ("many", 10_000)):
        log = tmp_path / name / "MSGTRK2026010100-1.LOG"
        log.parent.mkdir()
        log.write_text(tracking_rows.header() + "".join(rows[:amount]), encoding="utf-8", newline="")
        faults.append(count_faults(log))
    assert faults[1] - faults[0] < 2_000  # 8000 rows of 730 bytes; given back each time, it is 5000


def test_a_python_whose_collector_cannot_be_set_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyPy's ``gc`` has neither."""
    monkeypatch.delattr(gc, "freeze")
    monkeypatch.delattr(gc, "set_threshold")
    collect_rarely(100_000)
    keep_what_is_there()


def test_the_collector_looks_rarely_and_not_at_what_is_there() -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    try:
        collect_rarely(123_456)
        assert gc.get_threshold()[0] == 123_456
        keep_what_is_there()
        assert gc.get_freeze_count() > frozen
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
