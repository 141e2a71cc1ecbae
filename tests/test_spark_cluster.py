"""A master and two workers on two addresses of the loopback: asked for by hand, for it takes a minute.

The workers have hosts of their own because Spark never speculates on the host that runs a task already.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import exnorm

pytest.importorskip("pyspark", reason="needs exnorm[spark]")
if os.environ.get("EXNORM_SPARK_CLUSTER") != "1":
    pytest.skip("takes a minute: EXNORM_SPARK_CLUSTER=1 runs it", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore")

SAMPLE = Path(__file__).parents[1] / "examples" / "MSGTRK2018112722-1.LOG"
HOSTS = ("127.0.0.1", "127.0.0.2")
PATIENCE = 240  # seconds that a task waits for its copy before it goes on without


@pytest.fixture
def master(tmp_path: Path) -> Iterator[str]:
    """The address of a cluster of two workers with one core each."""
    import pyspark

    home = Path(pyspark.__file__).parent
    environment = {**os.environ, "SPARK_HOME": str(home), "SPARK_SCALA_VERSION": "2.13"}

    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [str(home / "bin" / "spark-class"), *arguments]
        return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)

    with contextlib.ExitStack() as stack:

        def keep(process: subprocess.Popen[str]) -> subprocess.Popen[str]:
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        first = keep(
            start(
                "org.apache.spark.deploy.master.Master",
                "--host",
                HOSTS[0],
                "--port",
                "0",
                "--webui-port",
                "0",
            )
        )
        url = wait_for(first, r"(spark://127\.0\.0\.1:\d+)")
        for host in HOSTS:
            options = ("--host", host, "--cores", "1", "--memory", "1g", "--webui-port", "0")
            folder = ("--work-dir", str(tmp_path / host))
            worker = keep(start("org.apache.spark.deploy.worker.Worker", *options, *folder, url))
            wait_for(worker, r"(Successfully registered)")
        yield url


def wait_for(process: subprocess.Popen[str], pattern: str) -> str:
    """What a pattern finds in the log of a process, once it is there."""
    assert process.stderr is not None
    for line in process.stderr:
        found = re.search(pattern, line)
        if found is not None:
            threading.Thread(target=process.stderr.read, daemon=True).start()  # so that it never waits for us
            return found.group(1)
    raise AssertionError(f"it ended without {pattern}")


def test_a_task_that_fails_and_one_that_runs_twice_change_no_event(
    tmp_path: Path, master: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    from pyspark.sql import SparkSession

    from exnorm.cli import run
    from exnorm.spark import normalize_files

    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = HOSTS[0]
    lines = SAMPLE.read_bytes().split(b"\n")
    rows = [row.replace(b"64441689310559", b"%d" % n) for n in range(500) for row in lines[5:9]]
    log = tmp_path / SAMPLE.name
    log.write_bytes(b"\n".join([*lines[:5], *rows, b""]))
    run(["convert", str(log), "--quiet"])
    expected = capfdbinary.readouterr().out.decode().split("\n")[:-1]
    reference = exnorm.Normalizer(format="json")
    ids = {
        json.loads(payload)["exnorm_id"]
        for payload in reference.encode(log.read_bytes(), reference.stream(str(log)))
    }

    spark = (
        SparkSession.builder.master(master)
        .config("spark.ui.enabled", "false")
        .config("spark.executor.memory", "512m")
        .config("spark.executorEnv.PYTHONPATH", str(Path(exnorm.__file__).parents[1]))  # this exnorm
        .config("spark.speculation", "true")
        .config("spark.speculation.quantile", "0.1")
        .config("spark.speculation.multiplier", "1.1")
        .config("spark.task.maxFailures", "4")
        .getOrCreate()
    )
    failed, slow, copied = (str(tmp_path / name) for name in ("failed", "slow", "copied"))

    def read(path: str) -> str:
        with open(path) as file:
            return file.read()

    def disturb(batches):  # type: ignore[no-untyped-def]
        """The first task to come here fails, the second one waits until a copy of it runs elsewhere."""
        import os
        import time

        from pyspark import TaskContext

        context = TaskContext.get()
        assert context is not None
        partition = str(context.partitionId())
        for batch in batches:
            if not os.path.exists(failed):
                open(failed, "w").close()
                raise RuntimeError("a task that fails once")
            if not os.path.exists(slow):
                with open(slow, "w") as file:
                    file.write(partition)
                until = time.monotonic() + PATIENCE
                while not os.path.exists(copied) and time.monotonic() < until:
                    time.sleep(0.1)
            elif read(slow) == partition:
                open(copied, "w").close()
            yield batch

    try:
        spark.sparkContext.setLogLevel("OFF")
        frame = normalize_files(spark, [str(log)], part_bytes=400_000)
        found = frame.mapInArrow(disturb, frame.schema).collect()
    finally:
        spark.stop()
    assert os.path.exists(failed)
    assert os.path.exists(copied)
    assert len({row.start for row in found}) > 3
    found.sort(key=lambda row: (row.path, row.start, row.position))
    assert [row.payload for row in found] == expected
    assert {row.exnorm_id for row in found} == ids
