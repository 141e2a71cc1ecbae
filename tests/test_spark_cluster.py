"""Two workers in processes of their own, a task that fails once, and speculation: asked for by hand."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

import exnorm

pytest.importorskip("pyspark", reason="needs exnorm[spark]")
if os.environ.get("EXNORM_SPARK_CLUSTER") != "1":
    pytest.skip("takes a minute: EXNORM_SPARK_CLUSTER=1 runs it", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore")


def test_a_task_that_fails_and_speculation_change_no_event(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    import pyspark
    from pyspark.sql import SparkSession

    from exnorm.cli import run
    from exnorm.spark import normalize_files

    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    os.environ.setdefault("SPARK_SCALA_VERSION", "2.13")
    os.environ.setdefault("SPARK_HOME", str(Path(pyspark.__file__).parent))
    sample = Path(__file__).parents[1] / "examples" / "MSGTRK2018112722-1.LOG"
    lines = sample.read_bytes().split(b"\n")
    rows = [row.replace(b"64441689310559", b"%d" % n) for n in range(500) for row in lines[5:9]]
    log = tmp_path / "MSGTRK2018112722-1.LOG"
    log.write_bytes(b"\n".join([*lines[:5], *rows, b""]))
    run(["convert", str(log), "--quiet"])
    expected = capfdbinary.readouterr().out.decode().split("\n")[:-1]

    spark = (
        SparkSession.builder.master("local-cluster[2,1,1024]")
        .config("spark.ui.enabled", "false")
        .config("spark.executorEnv.PYTHONPATH", str(Path(exnorm.__file__).parents[1]))  # this exnorm
        .config("spark.speculation", "true")
        .config("spark.speculation.quantile", "0.1")
        .config("spark.speculation.multiplier", "1.1")
        .config("spark.task.maxFailures", "4")
        .getOrCreate()
    )
    marker = str(tmp_path / "failed")

    def fail_once(batches):  # type: ignore[no-untyped-def]
        import os

        for batch in batches:
            if not os.path.exists(marker):
                open(marker, "w").close()
                raise RuntimeError("a task that fails once")
            yield batch

    try:
        spark.sparkContext.setLogLevel("OFF")
        frame = normalize_files(spark, [str(log)], part_bytes=400_000)
        found = frame.mapInArrow(fail_once, frame.schema).collect()
    finally:
        spark.stop()
    assert os.path.exists(marker)
    assert len({row.start for row in found}) > 3
    found.sort(key=lambda row: (row.path, row.start, row.position))
    assert [row.payload for row in found] == expected
    assert len({row.exnorm_id for row in found}) == len(set(expected))
