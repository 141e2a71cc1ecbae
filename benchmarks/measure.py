"""What exnorm costs, beside what anything would cost: whole processes, CPU seconds, in one run.

    python benchmarks/measure.py --rows 500000 > table.md

Writes the log with ``tracking_rows``, runs each command ``--times`` times in turn, and prints the least
CPU time of each and the ratios as Markdown. A program that is not installed is left out and named.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = str(HERE.parent / "src")
LOG = "MSGTRK2026010100-1.LOG"

FORMATS = (
    ("CEF", ()),
    ("LEEF", ("--taxonomy", "jsa")),
    ("native payload", ("--taxonomy", "jsa", "--format", "wincollect")),
    ("JSON of ArcSight", ("--format", "json")),
    ("JSON of JSA", ("--taxonomy", "jsa", "--format", "json")),
)

CSV_READER = """
import csv, sys
with open(sys.argv[1], encoding="utf-8-sig", newline="") as file:
    for row in csv.reader(file):
        pass
"""
REFERENCE = """
import sys
sys.path.insert(0, sys.argv[2])
from compare_paths import Normalizer
normalizer = Normalizer(discover_plugins=False)
stream = normalizer.stream(sys.argv[1])
with open(sys.argv[1], "rb") as log, open("/dev/null", "wb") as out:
    for item in normalizer.normalize(log, stream):
        out.write(normalizer.encode_item(item) + b"\\n")
"""


@dataclass
class Cost:
    """The least of several runs: CPU and wall seconds, and the most memory of any, in MB."""

    cpu: float = 1e9
    wall: float = 1e9
    memory: float = 0.0


def run(command: list[str], output: Path | str = os.devnull) -> Cost:
    """One run of a command, its children included; ``KEY=value`` before it is for its environment."""
    environment = {**os.environ, "PYTHONPATH": SOURCE, "LC_ALL": "C"}
    while "=" in command[0]:
        name, _, value = command[0].partition("=")
        environment[name], command = value, command[1:]
    with open(output, "wb") as sink:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=sink, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command}: exit status {process.returncode}")
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)


def best(commands: dict[str, list[str]], times: int, output: Path | str = os.devnull) -> dict[str, Cost]:
    """The least of ``times`` runs of each command, in turn, so that a busy moment meets all of them."""
    found = {name: Cost() for name in commands}
    for _ in range(times):
        for name, command in commands.items():
            cost, least = run(command, output), found[name]
            found[name] = Cost(
                min(cost.cpu, least.cpu), min(cost.wall, least.wall), max(cost.memory, least.memory)
            )
    return found


def make_log(path: Path, rows: int, seed: int = 20260101) -> str:
    """A log of so many rows; its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = [sys.executable, str(HERE / "tracking_rows.py"), "--rows", str(rows), "--seed", str(seed)]
    subprocess.run([*generator, "--output", str(path)], check=True)
    return str(path)


def convert(*arguments: str) -> list[str]:
    """The command line of ``exnorm convert``."""
    return [sys.executable, "-m", "exnorm", "convert", "--quiet", *arguments]


def has_kernel() -> bool:
    """Whether ``exnorm`` runs rows through the native kernel here."""
    code = "from exnorm.native import load_kernel; print(load_kernel() is not None)"
    environment = {**os.environ, "PYTHONPATH": SOURCE}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=True)
    return done.stdout.strip() == b"True"


def measure_formats(folder: Path, rows: int, times: int) -> None:
    """CPU time of each format, of the programs beside it, and of the table applied row by row."""
    log = make_log(folder / LOG, rows)
    few = max(rows // 20, 1000)
    short = make_log(folder / "few" / LOG, few)
    size = os.path.getsize(log)
    commands = {
        "`csv.reader` alone": [sys.executable, "-c", CSV_READER, log],
        "`LC_ALL=C cut -d, -f1-30`": ["cut", "-d,", "-f1-30", log],
        **{f"{name}, Python": ["EXNORM_KERNEL=0", *convert(log, *options)] for name, options in FORMATS},
        **{f"{name}, kernel": convert(log, *options) for name, options in FORMATS if has_kernel()},
    }
    found = best(commands, times)
    reference = best({"": [sys.executable, "-c", REFERENCE, short, str(HERE)]}, 1)[""]
    print(f"{rows} rows, {size / rows:.0f} bytes each; whole processes, least of {times} runs.\n")
    print("| what | CPU s | us an event | against `csv.reader` | against CEF |")
    print("|---|---|---|---|---|")
    base = found["`csv.reader` alone"].cpu
    found[f"the table row by row (from {few} rows)"] = Cost(reference.cpu * rows / few)
    for name, cost in found.items():
        each = cost.cpu / rows * 1e6
        cef = found["CEF, kernel" if name.endswith("kernel") else "CEF, Python"].cpu
        print(f"| {name} | {cost.cpu:.2f} | {each:.2f} | {cost.cpu / base:.2f} | {cost.cpu / cef:.2f} |")


def measure_jobs(folder: Path, rows: int, times: int) -> None:
    """Wall time of one process and of two."""
    log = str(folder / LOG)
    parts = [make_log(folder / f"part{n}" / LOG, rows // 4, n) for n in range(4)]
    out = folder / "out"
    found = best(
        {
            "one file": convert(log),
            "one file, `--jobs 2`": convert(log, "--jobs", "2"),
            "four files": convert(*parts),
            "four files, `--jobs 2`": convert(*parts, "--jobs", "2"),
        },
        times,
        out,
    )
    print(f"\n{os.cpu_count()} cores.\n")
    print("| what | wall s | CPU s | times faster than one process |\n|---|---|---|---|")
    for name, cost in found.items():
        alone = found[name.split(",")[0]]
        print(f"| {name} | {cost.wall:.2f} | {cost.cpu:.2f} | {alone.wall / cost.wall:.2f} |")


def measure_memory(folder: Path) -> None:
    """Peak memory over 100 MB and over 1 GB."""
    print("\n| file | peak memory of the process, MB |\n|---|---|")
    for megabytes in (100, 1000):
        path = folder / "large" / LOG
        path.parent.mkdir(exist_ok=True)
        with open(path, "wb") as file:
            while file.tell() < megabytes * 1_000_000:
                with open(folder / LOG, "rb") as log:
                    shutil.copyfileobj(log, file)  # in pieces: a child's peak begins with its parent's
        print(f"| {megabytes} MB | {run(convert(str(path))).memory:.0f} |")
        path.unlink()


def measure_start(times: int) -> None:
    """How long it takes until there is an answer."""
    found = best(
        {
            "`python -c pass`": [sys.executable, "-c", "pass"],
            "`exnorm --version`": [sys.executable, "-m", "exnorm", "--version"],
        },
        max(times, 10),
    )
    print("\n| what | wall ms | CPU ms |\n|---|---|---|")
    for name, cost in found.items():
        print(f"| {name} | {cost.wall * 1000:.0f} | {cost.cpu * 1000:.0f} |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    print(f"{platform.platform()}, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}.")
    missing = [name for name in ("cut", "syslog-ng") if shutil.which(name) is None]
    print(f"Not installed, so not measured: {', '.join(missing)}.\n" if missing else "")
    with tempfile.TemporaryDirectory(prefix="exnorm-measure-") as name:
        folder = Path(name)
        measure_start(given.times)
        print()
        measure_formats(folder, given.rows, given.times)
        measure_jobs(folder, given.rows, given.times)
        measure_memory(folder)


if __name__ == "__main__":
    main()
