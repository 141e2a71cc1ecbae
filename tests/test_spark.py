"""Spark in local mode, and in local-cluster mode where EXNORM_SPARK_CLUSTER=1 asks for it."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exnorm import Normalizer, SettingsError
from exnorm.cli import run

pytest.importorskip("pyspark", reason="needs exnorm[spark]")
if shutil.which("java") is None:
    pytest.skip("needs Java 17 or later on PATH", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore")  # pyspark warns of its own dependencies

SAMPLE = Path(__file__).parents[1] / "examples" / "MSGTRK2018112722-1.LOG"
SMTP = Path(__file__).parent / "samples" / "smtp_protocol"
LINES = SAMPLE.read_bytes().split(b"\n")[:-1]
HEADER, ROWS = b"\n".join(LINES[:5]) + b"\n", LINES[5:]
OTHER_HEADER = (
    b"#Software: Microsoft Exchange Server\r\n#Log-type: Message Tracking Log\r\n"
    b"#Fields: date-time,event-id,client-ip\r\n"
)
KAFKA_COLUMNS = (
    "key binary, value binary, topic string, partition int, offset long, timestamp timestamp, "
    "timestampType int, headers array<struct<key: string, value: binary>>"
)


def make_session(master: str, **options: str) -> Any:
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    builder = SparkSession.builder.master(master).config("spark.ui.enabled", "false")
    for name, value in {"spark.sql.session.timeZone": "UTC", **options}.items():
        builder = builder.config(name.replace("__", "."), value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    return session


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    session = make_session("local[2]")
    yield session
    session.stop()


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tracking log of 400 rows whose columns change in the middle, SMTP sessions, and another file."""
    folder = tmp_path_factory.mktemp("logs")
    rows = [row.replace(b"64441689310559", b"%d" % number) for number in range(100) for row in ROWS]
    text = HEADER + b"\n".join(rows) + b"\n" + OTHER_HEADER
    text += b"".join(b"2018-11-28T00:00:00.%03dZ,SEND,10.0.0.9\r\n" % n for n in range(100))
    (folder / "MSGTRK2018112722-1.LOG").write_bytes(text)
    for name in ("RECV2023011116-1.LOG", "SEND2024030509-1.LOG"):
        shutil.copy(SMTP / name, folder)
    (folder / "notes.txt").write_text("nothing to see here\n")
    return folder


def convert(folder: Path, capture: pytest.CaptureFixture[bytes]) -> list[str]:
    capture.readouterr()
    run(["convert", str(folder), "--quiet"])
    return capture.readouterr().out.decode().split("\n")[:-1]


def identify(folder: Path) -> set[str]:
    """The ``exnorm_id`` of every event that one process makes of the logs in a folder."""
    normalizer = Normalizer(format="json")
    return {
        json.loads(payload)["exnorm_id"]
        for log in folder.glob("*.LOG")
        for payload in normalizer.encode(log.read_bytes(), normalizer.stream(str(log)))
    }


def test_the_payloads_of_many_parts_are_those_of_one_process(
    spark: Any, logs: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    from exnorm.spark import normalize_files

    expected = convert(logs, capfdbinary)
    rows = normalize_files(spark, [str(logs)], part_bytes=60_000).collect()
    rows.sort(key=lambda row: (row.path, row.start, row.position))
    assert [row.payload for row in rows if row.status == "ok"] == expected
    assert len({row.start for row in rows if "MSGTRK" in row.path}) > 3
    assert {row.exnorm_id for row in rows if row.status == "ok"} == identify(logs)


def test_a_log_whose_rows_depend_on_each_other_is_one_part(spark: Any, logs: Path) -> None:
    from exnorm.spark import normalize_files

    rows = normalize_files(spark, [str(logs / "RECV2023011116-1.LOG")], part_bytes=100).collect()
    assert {row.start for row in rows} == {0}


def test_a_file_of_an_unknown_type_is_one_row_that_says_so(spark: Any, logs: Path) -> None:
    from exnorm.spark import normalize_files

    (row,) = normalize_files(spark, [str(logs / "notes.txt")]).collect()
    assert row.status == "refused"
    assert row.reason.startswith("unknown log type; known are ")


def test_wrong_settings_and_missing_folders_are_refused_before_any_task(spark: Any, logs: Path) -> None:
    from exnorm.spark import normalize_files

    with pytest.raises(SettingsError, match="did you mean 'security'"):
        normalize_files(spark, [str(logs)], profile="secure")
    with pytest.raises(SettingsError, match="no such file or folder"):
        normalize_files(spark, [str(logs / "nowhere")])


def test_lines_with_their_schema_can_come_from_anywhere(spark: Any) -> None:
    from exnorm.spark import normalize_lines

    fields = LINES[4].decode().strip()
    rows = [(row.decode(), "MSGTRK1.LOG", number, fields) for number, row in enumerate(ROWS)]
    frame = spark.createDataFrame(rows, "line string, path string, offset long, schema string")
    found = normalize_lines(frame, taxonomy="jsa").orderBy("offset").collect()
    assert [row.event_id for row in found] == ["SENDEXTERNAL", "RECEIVE", "DELIVER", "FAIL"]
    assert found[0].payload.startswith("LEEF:2.0|")


def test_a_stream_restarted_on_its_checkpoint_repeats_nothing(spark: Any, tmp_path: Path) -> None:
    from exnorm.spark import stream_files

    source, target, checkpoint = (tmp_path / name for name in ("in", "out", "checkpoint"))
    source.mkdir()

    def run_once() -> list[str]:
        query = (
            stream_files(spark, str(source))
            .writeStream.format("parquet")
            .option("path", str(target))
            .option("checkpointLocation", str(checkpoint))
            .trigger(availableNow=True)
            .start()
        )
        query.awaitTermination(120)
        return [row.event_id for row in spark.read.parquet(str(target)).collect()]

    (source / "MSGTRK2018112722-1.LOG").write_bytes(HEADER + ROWS[0] + b"\n")
    assert run_once() == ["SENDEXTERNAL"]
    assert run_once() == ["SENDEXTERNAL"]
    (source / "MSGTRK2018112723-1.LOG").write_bytes(HEADER + ROWS[1] + b"\n")
    assert sorted(run_once()) == ["RECEIVE", "SENDEXTERNAL"]


def test_records_as_a_kafka_source_gives_them_become_events(spark: Any) -> None:
    from exnorm.spark import normalize_lines, select_lines

    fields = LINES[4].strip()
    with_headers = [("path", b"ex01/MSGTRK1.LOG"), ("offset", b"512"), ("schema", fields)]
    records = [
        (b"a", ROWS[0], "exchange.raw", 0, 7, None, 0, with_headers),
        (b"ex02/MSGTRK2.LOG", HEADER.split(b"\n")[4], "exchange.raw", 1, 8, None, 0, None),
        (b"ex02/MSGTRK2.LOG", ROWS[1], "exchange.raw", 1, 9, None, 0, None),
        (b"ex03/MSGTRK3.LOG", b"2018-11-28T00:00:00.000Z,SEND,10.0.0.9", "exchange.raw", 1, 9, None, 0, []),
    ]
    frame = spark.createDataFrame(records, KAFKA_COLUMNS).coalesce(1)
    found = normalize_lines(select_lines(frame)).collect()
    assert [(row.path, row.offset, row.status, row.event_id) for row in found] == [
        ("ex01/MSGTRK1.LOG", 512, "ok", "SENDEXTERNAL"),
        ("ex02/MSGTRK2.LOG", 8, "header", None),
        ("ex02/MSGTRK2.LOG", 9, "ok", "RECEIVE"),
        ("ex03/MSGTRK3.LOG", 9, "unparsed", None),
    ]
    without = normalize_lines(select_lines(frame.drop("headers")), output="fields").collect()
    assert [row.path for row in without][:2] == ["a", "ex02/MSGTRK2.LOG"]
    assert without[2].fields.destinationAddress == found[2].payload.split(" dst=")[1].split(" ")[0]


def test_the_job_of_the_page_writes_what_convert_writes(
    spark: Any,
    logs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    page = (Path(__file__).parents[1] / "docs" / "spark.md").read_text(encoding="utf-8")
    job = re.search(r"```python\n(# job\.py\n.*?)```", page, re.DOTALL)
    assert job is not None
    folder = tmp_path / "mixed logs"
    shutil.copytree(logs, folder)
    shutil.copytree(Path(__file__).parent / "samples", folder / "samples")
    expected = convert(folder, capfdbinary)
    target = str(tmp_path / "out")
    monkeypatch.setattr(sys, "argv", ["job.py", str(folder), target])
    exec(job.group(1), {})
    parts = sorted(Path(target + "-lines").glob("part-*"))
    assert b"".join(part.read_bytes() for part in parts).decode().split("\n")[:-1] == expected
    assert json.loads((Path(target) / "_exnorm.json").read_text())["settings"]["taxonomy"] == "arcsight"
    assert {row.status for row in spark.read.parquet(target).collect()} == {"ok", "unparsed", "refused"}


def test_what_a_site_changes_in_tables_reaches_the_workers(spark: Any, tmp_path: Path) -> None:
    from exnorm.settings import read_config
    from exnorm.spark import normalize_files

    (tmp_path / "MSGTRK1.LOG").write_bytes(HEADER + ROWS[0] + b"\n")
    site = read_config("tables: {arcsight-2016: {events: {SENDEXTERNAL: {severity: 9}}}}", "site.yaml")
    (row,) = normalize_files(spark, [str(tmp_path)], **site).collect()
    assert "|SENDEXTERNAL|SENDEXTERNAL|9|" in row.payload
