"""What engines make of one plain Python process: rows a second, side by side, each warm.

    python benchmarks/spark_rate.py --rows 200000

The naive way is the table applied row by row by one process (the reference, see docs/performance.md),
over fewer rows. Then come ``exnorm convert`` with one process and with ``--jobs``, one process that
calls the batch function over Arrow, and Spark on this machine: files to finished lines, written out. Every
way is run once to warm up and then ``--times`` times, in turn; the least wall time counts.
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
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from measure import LOG, SOURCE, make_log

from exnorm import Normalizer
from exnorm.engine.kernel import describe_path

BATCH_ROWS = 10_000
FILES = 8


def run_naive(log: str) -> None:
    """Every row through the table by itself, written to nowhere."""
    normalizer = Normalizer()
    with open(log, "rb") as lines, open(os.devnull, "wb") as out:
        for item in normalizer.normalize(lines, normalizer.stream(log)):
            out.write((normalizer.encode_item(item) or b"") + b"\n")


def run_convert(folder: Path, jobs: int) -> None:
    """``exnorm convert`` over a folder, as a process of its own."""
    command = [sys.executable, "-m", "exnorm", "convert", str(folder), "--quiet", "--jobs", str(jobs)]
    environment = {**os.environ, "PYTHONPATH": SOURCE}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)


def prepare_arrow(logs: list[Path]) -> Callable[[], None]:
    """The batch function over batches that are in memory already."""
    import pyarrow as pa

    from exnorm.arrow import BatchNormalizer

    normalize = BatchNormalizer()
    batches = []
    for log in logs:
        lines = log.read_bytes().split(b"\n")[:-1]
        for begin in range(5, len(lines), BATCH_ROWS):
            few = lines[begin : begin + BATCH_ROWS]
            columns = {"line": few, "path": [str(log)] * len(few), "schema": [lines[4].decode()] * len(few)}
            batches.append(pa.RecordBatch.from_pydict(columns))

    def run() -> None:
        for batch in batches:
            normalize(batch)

    return run


def open_spark(cores: int) -> Any:
    """Spark on this machine."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYTHONPATH"] = SOURCE
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    builder = SparkSession.builder.master(f"local[{cores}]").config("spark.ui.enabled", "false")
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    return session


def run_spark(spark: Any, folder: Path, target: Path) -> None:
    """The lines of a folder's logs as text files."""
    from exnorm.spark import normalize_files

    events = normalize_files(spark, [str(folder)])
    events.where("payload is not null").select("payload").write.mode("overwrite").text(str(target))


@dataclass
class Cost:
    """The least of several runs, in seconds; CPU is that of all processes that took part."""

    wall: float = 1e9
    cpu: float = 1e9


def read_cpu() -> float:
    """CPU seconds of this process and all below it, the ended ones too; 0 where there is no /proc."""
    times: dict[int, tuple[int, float]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        times[int(stat.parent.name)] = int(fields[1]), sum(map(int, fields[11:15]))
    family = {os.getpid()}
    while below := {process for process, (parent, _) in times.items() if parent in family} - family:
        family |= below
    return sum(times[process][1] for process in family & times.keys()) / os.sysconf("SC_CLK_TCK")


def take_least(ways: dict[str, Callable[[], None]], times: int) -> dict[str, Cost]:
    """The least cost of each way, after one run to warm up."""
    found = {name: Cost() for name in ways}
    for number in range(times + 1):
        for name, way in ways.items():
            began, used = time.perf_counter(), read_cpu()
            way()
            if number:
                wall, cpu = time.perf_counter() - began, read_cpu() - used
                found[name] = Cost(min(found[name].wall, wall), min(found[name].cpu, cpu))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--times", type=int, default=2)
    parser.add_argument("--cores", type=int, default=2)
    given = parser.parse_args()
    few = max(given.rows // 20, 1000)
    with tempfile.TemporaryDirectory(prefix="exnorm-spark-") as name:
        folder = Path(name) / "logs"
        for number in range(FILES):
            make_log(folder / f"ex{number:02d}" / LOG, given.rows // FILES, number)
        logs = sorted(folder.rglob("*.LOG"))
        short = make_log(Path(name) / "few" / LOG, few)
        size = sum(log.stat().st_size for log in logs)
        ways: dict[str, tuple[int, Callable[[], None]]] = {
            "naive: the table row by row, one process": (few, lambda: run_naive(short)),
            "`exnorm convert`": (given.rows, lambda: run_convert(folder, 1)),
            f"`exnorm convert --jobs {given.cores}`": (
                given.rows,
                lambda: run_convert(folder, given.cores),
            ),
            "`exnorm.arrow`, one process": (given.rows, prepare_arrow(logs)),
        }
        spark = None
        if shutil.which("java"):
            spark = open_spark(given.cores)
            target = Path(name) / "out"
            ways[f"Spark `local[{given.cores}]`, files to files"] = (
                given.rows,
                lambda: run_spark(spark, folder, target),
            )
        try:
            found = take_least({title: way for title, (_, way) in ways.items()}, given.times)
        finally:
            if spark is not None:
                spark.stop()
    version = f", Spark {metadata.version('pyspark')}" if spark is not None else ", no Java, so no Spark"
    print(f"{platform.system()}, Python {platform.python_version()}{version}, {time.strftime('%Y-%m-%d')}.")
    print(f"{given.rows} rows, {size / given.rows:.0f} bytes each, {FILES} files; {describe_path()}.")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.0f}; least of {given.times} warm runs.\n")
    print("| what | wall s | rows a second | times naive | CPU us a row | times naive |")
    print("|---|---|---|---|---|---|")
    base = found[next(iter(ways))]
    for title, cost in found.items():
        rows = ways[title][0]
        wall, cpu = base.wall / few * rows / cost.wall, base.cpu / few * rows / cost.cpu
        each = cost.cpu / rows * 1e6
        print(
            f"| {title} | {cost.wall:.2f} | {rows / cost.wall:,.0f} | {wall:.1f} | {each:.1f} | {cpu:.1f} |"
        )


if __name__ == "__main__":
    main()
