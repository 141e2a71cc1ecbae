"""What exnorm costs, beside what anything would cost: whole processes, CPU seconds, in one run.

    TMPDIR=/dev/shm python benchmarks/measure.py --rows 500000 > table.md

Writes the log with ``tracking_rows``, runs each command ``--times`` times in turn, and prints the least
CPU time of each as Markdown, then each ratio beside the one to reach. A program that is not installed is
left out and named. Files lie in TMPDIR: in memory, no disk is measured. Python's byte code is kept in the
folder of the measurement, so that no run compiles what an installed package has compiled.
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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = str(HERE.parent / "src")
LOG = "MSGTRK2026010100-1.LOG"
JOBS_GOALS = {
    "one file, `--jobs 2`, Python": "1.6", "one file, `--jobs 2`, kernel": "1.4",
    "four files, `--jobs 2`, Python": "1.8", "four files, `--jobs 2`, kernel": "1.7",
}  # fmt: skip
BY_ROWS = "the table row by row"

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


LOGSTASH = """
import json, sys, time
from itertools import islice
from exnorm import Normalizer
from exnorm.malloc import hold_freed_memory
from exnorm.logstash import EventNormalizer, JSONCodec
beats = sys.argv[3] == "beats"
around = {
    "@timestamp": "2026-01-01T00:00:00.000Z", "@version": "1", "host": {"name": "EX01"},
    "tags": ["exchange"], "agent": {"type": "filebeat", "version": "8.12.0"},
}
if beats:  # what the plain codec of Logstash 8 adds, and Filebeat's own; written as Logstash does
    around["tags"].append("beats_input_codec_plain_applied")
    around["agent"] |= {"name": "EX01", "id": "b7b3c0de-6b1c-4f5e-8f1b-3d2a1c0b9e8f",
                        "ephemeral_id": "0c4b4f0e-8a35-4b0c-9a5b-6a1f6d1f2f5b"}
    around |= {"ecs": {"version": "8.0.0"}, "input": {"type": "filestream"}}
with open(sys.argv[1], encoding="utf-8-sig", newline="") as log:
    rows = [row.rstrip("\\r\\n") for row in islice(log, int(sys.argv[2]))]
file = {"path": sys.argv[1]}
given = []
for n, row in enumerate(rows):
    event = {**around, "log": {"file": file, "offset": 724 * n}, "message": row}
    if beats:
        event["event"] = {"original": row}
    style = {"ensure_ascii": False, "separators": (",", ":")} if beats else {}
    given.append(json.dumps(event, **style).encode() + b"\\n")
hold_freed_memory()  # as exnorm logstash pipe does
codec = JSONCodec(EventNormalizer(Normalizer(format="json", discover_plugins=False)))
spent = alone = made = 0
for at in range(0, len(given), 8192):  # in turn, so that a busy moment meets both; long enough to get warm
    blocks = [given[to : to + 256] for to in range(at, min(at + 8192, len(given)), 256)]
    bodies = list(map(b"".join, blocks))
    began = time.process_time()
    found = list(map(codec.convert, bodies))
    spent += time.process_time() - began
    for lines, taken in zip(blocks, found):
        events = [json.loads(line) for line in taken]
        made += len(events)
        began = time.process_time()
        for line in lines:
            json.loads(line)
        for event in events:
            json.dumps(event)
        alone += time.process_time() - began
assert made > len(given) * 0.99 and "exnorm_id" in events[-1], events[-1]
print(spent / made * 1e6, alone / made * 1e6)
"""
SYSLOG_NG = """\
@version: {version}
options {{ stats-freq(0); flush-lines(1000); log-msg-size(65536); }};
source rows {{ stdin(flags(no-parse)); }};
parser columns_of {{
    csv-parser(columns({columns}) prefix(".cef.") delimiters(",") flags(escape-double-char));
}};
destination events {{ file("/dev/null" template("{template}\\n")); }};
log {{ source(rows); parser(columns_of); destination(events); }};
"""


Way = list[str] | tuple[list[str], ...]
"""A command, or several that run at once."""


@dataclass
class Cost:
    """The least of several runs: CPU and wall seconds, and the most memory of any, in MB."""

    cpu: float = 1e9
    wall: float = 1e9
    memory: float = 0.0


def prepare_environment() -> None:
    """Let every Python started here find exnorm, and keep byte code in a place of its own."""
    os.environ["PYTHONPATH"] = SOURCE
    os.environ["LC_ALL"] = "C"
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(Path(tempfile.gettempdir()) / "exnorm-measure-bytecode")


def run(way: Way, output: Path | str = os.devnull) -> Cost:
    """One run of a command, its children included, or of several commands at once."""
    began = time.perf_counter()
    commands = way if isinstance(way, tuple) else (way,)
    processes = [
        start(one, f"{output}.{number}" if number else output) for number, one in enumerate(commands)
    ]
    found = [os.wait4(process.pid, 0) for process in processes]
    wall = time.perf_counter() - began
    for process, (_, status, _) in zip(processes, found):
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{process.args!r}: exit status {process.returncode}")
    usages = [usage for _, _, usage in found]
    cpu = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    return Cost(cpu, wall, max(usage.ru_maxrss for usage in usages) / 1024)


def start(command: list[str], output: Path | str) -> subprocess.Popen[bytes]:
    """A command that was started.

    ``KEY=value`` before it is for its environment, and ``<file`` behind it is its standard input.
    """
    environment = dict(os.environ)
    while "=" in command[0]:
        name, _, value = command[0].partition("=")
        environment[name], command = value, command[1:]
    given = os.devnull
    if command[-1].startswith("<"):
        given, command = command[-1][1:], command[:-1]
    with open(output, "wb") as sink, open(given, "rb") as source:
        return subprocess.Popen(command, stdin=source, stdout=sink, env=environment)


def best(commands: Mapping[str, Way], times: int, output: Path | str = os.devnull) -> dict[str, Cost]:
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
    code = "from exnorm.engine.kernel import load_kernel; print(load_kernel() is not None)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    return done.stdout.strip() == b"True"


def syslog_ng(folder: Path, log: str, extension: str) -> list[str]:
    """syslog-ng with csv-parser and one CEF template, from the log to a file that nobody keeps."""
    version = subprocess.run(["syslog-ng", "--version"], capture_output=True, text=True, check=True).stdout
    text = SYSLOG_NG.format(
        version=version.partition("Config version: ")[2].split()[0],
        columns=",".join(f'"{name}"' for name in SYSLOG_NG_COLUMNS),
        template=f"CEF:0|Microsoft|Exchange Server|15|${{.cef.eventid}}|${{.cef.eventid}}|3|{extension}",
    )
    config = folder / f"syslog-ng-{len(extension)}.conf"
    config.write_text(text)
    places = [f"--{name}={folder / name}" for name in ("persist-file", "pidfile", "control")]
    # It waits for files to become readable in a way that only pipes can; poll takes files too.
    polling = "IV_EXCLUDE_POLL_METHOD=epoll-timerfd epoll"
    return [polling, "syslog-ng", "-F", "--no-caps", f"--cfgfile={config}", *places, f"<{log}"]


def find_columns() -> list[str]:
    """The columns as names that CEF and syslog-ng both take."""
    sys.path.insert(0, SOURCE)
    from exnorm.sources.message_tracking import COLUMNS_2016

    return [column.replace("-", "") for column in COLUMNS_2016]


SYSLOG_NG_COLUMNS = find_columns()
SYSLOG_NG_WAYS = {
    "syslog-ng, csv-parser and a template that escapes nothing": " ".join(
        f"{name}=${{.cef.{name}}}" for name in SYSLOG_NG_COLUMNS
    ),
    "syslog-ng, csv-parser and its own CEF template": "$(format-cef-extension --subkeys .cef.)",
}


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
    if shutil.which("syslog-ng"):
        ways = {name: syslog_ng(folder, log, given) for name, given in SYSLOG_NG_WAYS.items()}
        found |= best(ways, min(times, 2))  # they take long
    reference = best({"": [sys.executable, "-c", REFERENCE, short, str(HERE)]}, 1)[""]
    print(f"{rows} rows, {size / rows:.0f} bytes each; whole processes, least of {times} runs.\n")
    print("| what | CPU s | us an event | against `csv.reader` | against CEF |")
    print("|---|---|---|---|---|")
    base = found["`csv.reader` alone"].cpu
    found[BY_ROWS] = Cost(reference.cpu * rows / few)
    for name, cost in found.items():
        each = cost.cpu / rows * 1e6
        cef = found["CEF, Python" if name.endswith("Python") or not has_kernel() else "CEF, kernel"].cpu
        print(f"| {name} | {cost.cpu:.2f} | {each:.2f} | {cost.cpu / base:.2f} | {cost.cpu / cef:.2f} |")
    print(f'\n"{BY_ROWS}" is reckoned from {few} rows.')
    compare_formats({name: cost.cpu for name, cost in found.items()})


def compare_formats(cpu: dict[str, float]) -> None:
    """Each ratio of the formats beside the one to reach."""
    print("\n| ratio | Python | to reach | kernel | to reach |\n|---|---|---|---|---|")

    def show(name: str, ratio: Callable[[str], float], python: str, kernel: str) -> None:
        shown = [f"{ratio(way):.2f} | {goal}" for way, goal in (("Python", python), ("kernel", kernel))
                 if f"CEF, {way}" in cpu]  # fmt: skip
        print(f"| {name} | {' | '.join(shown)} |")

    csv_reader, cut = "`csv.reader` alone", "`LC_ALL=C cut -d, -f1-30`"
    show("CEF / csv.reader", lambda way: cpu[f"CEF, {way}"] / cpu[csv_reader], "at most 2", "at most 0.5")
    show("CEF / cut", lambda way: cpu[f"CEF, {way}"] / cpu[cut], "", "less than 1")
    show("row by row / CEF", lambda way: cpu[BY_ROWS] / cpu[f"CEF, {way}"], "at least 6", "at least 20")
    for name in filter(cpu.get, SYSLOG_NG_WAYS):
        show(
            f"{name} / CEF",
            lambda way, name=name: cpu[name] / cpu[f"CEF, {way}"],  # type: ignore[misc]
            "at least 2.4",
            "at least 12",
        )
    for name, _ in FORMATS[1:]:
        goal = "at most 1.5" if name.startswith("JSON") else "at most 1"
        show(f"{name} / CEF", lambda way, name=name: cpu[f"{name}, {way}"] / cpu[f"CEF, {way}"], goal, goal)  # type: ignore[misc]


def measure_logstash(folder: Path, rows: int, times: int) -> None:
    """An event of Logstash in, an event out, beside the standard library's JSON of the same two."""
    print("\n| a JSON line in, a JSON line out | us an event | against `json` alone | to reach |")
    print("|---|---|---|---|")
    ways = {"Python": ("0", "at most 0.50"), "kernel": ("", "at most 0.33")}
    events = {"a row and a little beside it": "plain", "the same from Filebeat by Logstash 8": "beats"}
    for (way, (kernel, goal)), (event, kind) in product(ways.items(), events.items()):
        if way == "kernel" and not has_kernel():
            continue
        command = [sys.executable, "-c", LOGSTASH, str(folder / LOG), str(min(rows, 100_000)), kind]
        environment = {**os.environ, "EXNORM_KERNEL": kernel}
        found = [
            subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
            for _ in range(times)
        ]
        spent, alone = (min(map(float, taken)) for taken in zip(*map(str.split, found)))
        print(f"| {event}, {way} | {spent:.1f} | {spent / alone:.2f} | {goal} |")


def measure_jobs(folder: Path, rows: int, times: int) -> None:
    """Wall time of one process and of two."""
    log = str(folder / LOG)
    parts = [make_log(folder / f"part{n}" / LOG, rows // 4, n) for n in range(4)]
    out = folder / "out"
    commands: dict[str, list[list[str]]] = {
        "one file": [[log]],
        "one file, `--jobs 2`": [["--jobs", "2", log]],
        "four files": [parts],
        "four files, `--jobs 2`": [["--jobs", "2", *parts]],
        "four files, by hand": [parts[:2], parts[2:]],
    }
    kernels = {"Python": ["EXNORM_KERNEL=0"], **({"kernel": []} if has_kernel() else {})}
    ways: dict[str, Way] = {
        f"{name}, {way}": tuple([*kernel, *convert(*one)] for one in at_once)
        for way, kernel in kernels.items()
        for name, at_once in commands.items()
    }
    found = best(ways, max(times, 5), out)  # wall time depends on what else runs
    print(f"\n{os.cpu_count()} cores. By hand: two processes at once, two files and an output for each.\n")
    print("| what | wall s | CPU s | times faster than one process | to reach |\n|---|---|---|---|---|")
    for name, cost in found.items():
        alone = found[name.replace(", `--jobs 2`", "").replace(", by hand", "")]
        goal = JOBS_GOALS.get(name, "")
        print(f"| {name} | {cost.wall:.2f} | {cost.cpu:.2f} | {alone.wall / cost.wall:.2f} | {goal} |")


def measure_memory(folder: Path) -> None:
    """Peak memory over 100 MB and over 1 GB, which is to be equal and under 64 MB."""
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
            "`exnorm convert` of no row": convert(os.devnull),
        },
        max(times, 10),
    )
    print("\n| what | wall ms | CPU ms |\n|---|---|---|")
    for name, cost in found.items():
        print(f"| {name} | {cost.wall * 1000:.0f} | {cost.cpu * 1000:.0f} |")
    print("\nThe second is to be at most 100 ms more than the first.")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    print(f"{platform.platform()}, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}.")
    prepare_environment()
    missing = [name for name in ("cut", "syslog-ng") if shutil.which(name) is None]
    print(f"Not installed, so not measured: {', '.join(missing)}.\n" if missing else "")
    with tempfile.TemporaryDirectory(prefix="exnorm-measure-") as name:
        folder = Path(name)
        measure_start(given.times)
        print()
        measure_formats(folder, given.rows, given.times)
        measure_logstash(folder, given.rows, given.times)
        measure_jobs(folder, given.rows, given.times)
        measure_memory(folder)


if __name__ == "__main__":
    main()
