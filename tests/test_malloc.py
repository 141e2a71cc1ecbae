"""Freed memory is used again."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import tracking_rows


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
