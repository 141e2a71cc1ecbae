"""How files are cut for Spark, and what the parts come to; no Spark is needed for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="needs exnorm[arrow]")

from pyarrow.fs import S3FileSystem

from exnorm import Normalizer, SettingsError
from exnorm.spark import (
    Cut,
    Part,
    describe_run,
    find_cuts,
    group_parts,
    list_files,
    normalize_part,
    record_run,
)

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "tests" / "samples"
LINES = (ROOT / "examples" / "MSGTRK2018112722-1.LOG").read_bytes().split(b"\n")[:-1]
HEADER, ROW = b"\n".join(LINES[:5]) + b"\n", LINES[5] + b"\n"
OTHER = b"#Log-type: Message Tracking Log\r\n#Fields: date-time,event-id,client-ip\r\n"
UNMARKED = (
    b"Software: Microsoft Exchange Server\r\nLog-type: Message Tracking Log\r\nFields: date-time,event-id\r\n"
)
SHORT = b"2018-11-28T00:00:00.000Z,SEND,10.0.0.9\r\n"


def write(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return str(path)


def read_parts(path: str, cuts: list[Cut], size: int = 0) -> list[bytes | None]:
    """The payloads of a file's parts, each read by a process that knows nothing of the others."""
    size = size or Path(path).stat().st_size
    starts = [0, *(cut.start for cut in cuts)]
    headers = [(), *(cut.header for cut in cuts)]
    return [
        row.payload
        for start, end, header in zip(starts, [*starts[1:], size], headers)
        for row in normalize_part(Part(path, start, end), header, Normalizer())
    ]


@pytest.mark.parametrize("second", [OTHER + SHORT * 900, UNMARKED + b"2018-11-28T00:00:00.000Z,SEND\n" * 900])
def test_a_part_is_read_by_the_header_in_force_at_its_start(tmp_path: Path, second: bytes) -> None:
    path = write(tmp_path / "MSGTRK2018112722-1.LOG", HEADER + ROW * 20 + second)
    normalizer = Normalizer()
    cuts = list(find_cuts(path, 10_000, normalizer))
    assert len(cuts) > 3
    whole = list(normalizer.encode(Path(path).read_bytes(), normalizer.stream(path)))
    assert len(whole) == 920
    assert read_parts(path, cuts) == whole
    assert len({cut.header for cut in cuts}) == 2


def test_a_cut_is_at_the_end_of_a_line(tmp_path: Path) -> None:
    content = HEADER + ROW * 50
    path = write(tmp_path / "MSGTRK2018112722-1.LOG", content)
    cuts = list(find_cuts(path, 5_000, Normalizer()))
    assert all(content[cut.start - 1 : cut.start] == b"\n" for cut in cuts)
    header = [line.decode("utf-8-sig").strip() for line in LINES[:5]]
    assert [line.lower() for line in cuts[0].header] == [line.lower() for line in header]


@pytest.mark.parametrize(
    "content",
    [
        (SAMPLES / "smtp_protocol" / "RECV2023011116-1.LOG").read_bytes() * 3,  # its rows depend on sessions
        (SAMPLES / "iis" / "ex031204.log").read_bytes() * 9,  # a row without a date stands behind another
        ROW * 50,  # no header
        "".join(line.decode("utf-8-sig") + "\n" for line in [*LINES[:5], *LINES[5:] * 20]).encode("utf-16"),
        b"x" * 100_000,  # no line end
        b"nothing of ours\n" * 1000,
    ],
    ids=["sessions", "dates", "no header", "utf-16", "one line", "unknown"],
)
def test_a_log_whose_parts_could_not_be_read_alone_is_not_cut(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path / "a.LOG", content)
    assert list(find_cuts(path, 1000, Normalizer())) == []


def test_every_log_type_without_a_memory_of_rows_is_cut(tmp_path: Path) -> None:
    log = (SAMPLES / "connectivity" / "CONNECTLOG2024031508-1.LOG").read_bytes()
    path = write(tmp_path / "CONNECTLOG2024031508-1.LOG", log * 20)
    normalizer = Normalizer()
    cuts = list(find_cuts(path, 2_000, normalizer))
    assert len(cuts) > 2
    assert read_parts(path, cuts) == list(normalizer.encode(log * 20, normalizer.stream(path)))


def test_small_files_share_a_task_and_a_large_one_has_several() -> None:
    parts = [Part(str(n), 0, 10) for n in range(100)]
    assert [len(group) for group in group_parts(parts, 250, 1)] == [25, 25, 25, 25]
    assert [len(group) for group in group_parts(parts, 10_000, 2)] == [17, 17, 17, 17, 17, 15]
    assert [part for group in group_parts(parts, 250, 1) for part in group] == parts
    assert group_parts([Part("empty", 0, 0)], 250, 4) == [[Part("empty", 0, 0)]]


def test_a_folder_stands_for_every_file_below_it_and_so_does_its_uri(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    write(tmp_path / "a b" / "2.LOG", b"xy")
    write(tmp_path / "1.LOG", b"")
    assert list(list_files([str(tmp_path)])) == [
        (f"{tmp_path}/1.LOG", 0),
        (f"{tmp_path}/a b/2.LOG", 2),
    ]
    assert list(list_files([f"{tmp_path}/1.LOG"])) == [(f"{tmp_path}/1.LOG", 0)]
    assert list(list_files([f"file://{tmp_path}/"])) == [
        (f"file://{tmp_path}/1.LOG", 0),
        (f"file://{tmp_path}/a b/2.LOG", 2),
    ]
    with pytest.raises(SettingsError, match="no such file or folder"):
        list(list_files([str(tmp_path / "3.LOG")]))


def test_settings_and_plugins_are_written_beside_the_output_but_no_plugins_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "exnorm.plugins.manager.Plugins.check_settings", lambda *_: None
    )  # as if it were installed
    overlay = {"arcsight-2016": {"remove": ["Flex String 1"]}}
    record_run(str(tmp_path / "new"), profile="security", tables=overlay, plugins={"privacy": {"key": "no"}})
    written = json.loads((tmp_path / "new" / "_exnorm.json").read_text(encoding="utf-8"))
    assert written["settings"]["profile"] == "security"
    assert written["settings"]["tables"] == overlay
    assert "plugins" not in written["settings"]
    assert written["plugins"] == describe_run()["plugins"]
    assert "exnorm" in written["plugins"]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The bucket ``logs`` of an S3 on the loopback, as a file system of Arrow."""
    server_of_moto = pytest.importorskip("moto.server", reason="the S3 is moto's: pip install 'moto[server]'")
    server = server_of_moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    system = S3FileSystem(endpoint_override=f"{host}:{port}", scheme="http", allow_bucket_creation=True)
    system.create_dir("logs")
    yield system
    server.stop()


@pytest.mark.filterwarnings("ignore")
def test_logs_on_s3_are_found_cut_read_and_described_there(bucket: Any) -> None:
    content = HEADER + ROW * 20 + OTHER + SHORT * 900
    path = "s3://logs/ex01/a b%20c/MSGTRK2018112722-1.LOG"
    with bucket.open_output_stream(path.removeprefix("s3://")) as file:
        file.write(content)
    assert list(list_files(["s3://logs/ex01"])) == [(path, len(content))]
    assert list(list_files([path])) == [(path, len(content))]
    normalizer = Normalizer()
    cuts = list(find_cuts(path, 10_000, normalizer))
    assert len(cuts) > 2
    expected = list(normalizer.encode(content, normalizer.stream("MSGTRK2018112722-1.LOG")))
    assert read_parts(path, cuts, len(content)) == expected
    record_run("s3://logs/out", taxonomy="jsa")
    with bucket.open_input_file("logs/out/_exnorm.json") as file:
        assert json.loads(file.read())["settings"]["taxonomy"] == "jsa"
