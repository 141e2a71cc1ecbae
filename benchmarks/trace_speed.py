"""How long ``exnorm trace`` takes, and ``grep``: ``python benchmarks/trace_speed.py ID LOG...``."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time

ROUNDS = 5


def measure(command: list[str]) -> float:
    """The shortest of some runs, in seconds; the first one, which may read from the disk, does not count."""
    times = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        times.append(time.perf_counter() - began)
    return min(times[1:])


def main() -> None:
    """Print both times and how many times longer trace took."""
    wanted, *logs = sys.argv[1:]
    exnorm = shutil.which("exnorm") or "exnorm"
    searched = measure(["grep", "-rcF", "--", wanted.strip("<>"), *logs])
    traced = measure([exnorm, "trace", wanted, *logs, "--json", "-q"])
    print(f"grep {searched:.2f} s, exnorm trace {traced:.2f} s: {traced / searched:.2f} times as long")


if __name__ == "__main__":
    main()
