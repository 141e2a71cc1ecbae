"""``exnorm convert --jobs`` over one large file: the same output as from one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exnorm.cli import ranges, run
from exnorm.cli.inputs import Input
from exnorm.testing import normalizer

SAMPLE = Path(__file__).parents[2] / "examples" / "MSGTRK2018112722-1.LOG"
LINES = SAMPLE.read_bytes().splitlines(keepends=True)
HEADER, ROWS = LINES[:5], [line.rstrip(b"\r\n") + b"\n" for line in LINES[5:9]]
TORN = b"2018-11-27T22:40:02.966Z,too,short\n"


@pytest.fixture(autouse=True)
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "SMALLEST", 4096)
    monkeypatch.setattr(ranges, "LARGEST", 8192)


def convert(path: Path, jobs: int, *options: str) -> tuple[int, bytes, bytes]:
    output, rejects = path.with_suffix(f".{jobs}.out"), path.with_suffix(f".{jobs}.rej")
    status = run(
        ["convert", str(path), "-o", str(output), "--rejects", str(rejects), "-j", str(jobs), *options]
    )
    return status, output.read_bytes(), rejects.read_bytes()


def make_log(folder: Path, rows: list[bytes]) -> Path:
    path = folder / "MSGTRK2018112722-2.LOG"
    path.write_bytes(b"".join([*HEADER, *rows]))
    return path


def test_the_output_the_rejects_and_the_counts_are_those_of_one_process(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = make_log(tmp_path, [*ROWS * 15, TORN, *ROWS * 15, b"\n", TORN, *ROWS * 10])
    one, said = convert(path, 1), capfd.readouterr().err
    assert convert(path, 2) == one
    assert capfd.readouterr().err == said
    assert one[0] == 1
    assert b'"line_number":66' in one[2]  # 5 of the header, 60 rows
    assert len(one[1].splitlines()) == 160


def test_more_than_one_process_takes_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_log(tmp_path, ROWS * 40)
    seen: list[int] = []
    cut_file = ranges.cut_file

    def cut(*given: Any) -> list[ranges.Range]:
        found = cut_file(*given)
        seen.append(len(found))
        return found

    monkeypatch.setattr(ranges, "cut_file", cut)
    assert convert(path, 2)[0] == 0
    assert seen[0] > 3


@pytest.mark.parametrize("jobs", [2, 3])
@pytest.mark.parametrize("repeats", [40, 55, 100])
def test_each_process_has_as_many_ranges_and_all_are_of_a_size(
    jobs: int, repeats: int, tmp_path: Path
) -> None:
    path = make_log(tmp_path, ROWS * repeats)
    item = Input(str(path), path.stat().st_size)
    parts = ranges.cut_file(item, jobs, normalizer(source="message_tracking"), True)
    sizes = [part.end - part.begin for part in parts]
    assert len(parts) % jobs == 0
    assert sum(sizes) == item.size
    # A range begins and ends with a line, so that it is longer or shorter than meant by less than one.
    assert max(sizes) - min(sizes) < 2 * max(map(len, ROWS))


def test_another_header_in_the_middle_is_in_force_for_what_follows(tmp_path: Path) -> None:
    header = [line.replace(b"15.01.1261.039", b"15.02.0001.001") for line in HEADER]
    swapped = [b",".join([line.split(b",")[0], *line.split(b",")[:0:-1]]) for line in header[-1:]]
    short = [b"2018-11-27T22:40:02.966Z,10.0.0.1,RECEIVE\n"] * 300
    others = [b"#Fields: date-time,client-ip,event-id\n", *short]
    for middle in (
        [*header, *ROWS],
        [*header[:-1], *swapped, *ROWS],
        others,
        [b"# a remark\n"],
        [b"#Date: x\n"],
    ):
        path = make_log(tmp_path, [*ROWS * 15, *middle, *ROWS * 15])
        assert convert(path, 2) == convert(path, 1)


@pytest.mark.parametrize("at", [3, 60, 155])
def test_a_run_that_stops_has_written_what_came_before(
    at: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = ROWS * 40
    path = make_log(tmp_path, [*rows[:at], TORN, *rows[at:]])
    one, said = convert(path, 1, "--on-error", "stop"), capfd.readouterr().err
    assert convert(path, 2, "--on-error", "stop") == one
    assert capfd.readouterr().err == said
    assert one[0] == 1
    assert len(one[1].splitlines()) == at


def test_utf_16_and_logs_without_a_header_are_read_from_the_beginning(tmp_path: Path) -> None:
    path = make_log(tmp_path, ROWS * 40)
    path.write_bytes(path.read_bytes().decode("utf-8-sig").encode("utf-16"))
    assert convert(path, 2) == convert(path, 1)
    path.write_bytes(b"".join(ROWS * 40))
    assert convert(path, 2) == convert(path, 1)


def test_a_last_line_without_line_end_is_not_lost(tmp_path: Path) -> None:
    path = make_log(tmp_path, [*ROWS * 40, ROWS[0].rstrip()])
    assert convert(path, 2) == convert(path, 1)
    assert len(convert(path, 2)[1].splitlines()) == 161
