from __future__ import annotations

from pathlib import Path

import pytest

from exnorm.trace import search
from exnorm.trace.search import Finder, LogFile, Needles, Window, find_span, make_needle

HEADER = "#Software: Microsoft Exchange Server\r\n#Fields: date-time,what\r\n"


def opened(path: Path, block: int = 4096) -> LogFile:
    def blocks():  # type: ignore[no-untyped-def]
        with path.open("rb") as file:
            while piece := file.read(block):
                yield piece

    return LogFile(str(path), blocks, str(path), path.stat().st_size)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "x.log"
    path.write_text(text, newline="")
    return path


def rows(
    path: Path, *texts: bytes, window: Window | None = None, folded: bool = False, plain: bool = True
) -> list[tuple[int, str]]:
    file = opened(path)
    if not plain:
        file = LogFile(file.name, file.blocks)
    found = Finder(file).find(Needles(texts, folded), window)
    return [(one.number, one.line.decode()) for one in found if not one.is_header]


@pytest.mark.parametrize("plain", [True, False], ids=["file", "compressed"])
def test_rows_that_hold_a_text_are_found_once_each_with_their_numbers(tmp_path: Path, plain: bool) -> None:
    path = written(tmp_path, HEADER + "a needle needle\r\nb\r\nc needle\r\nd needle")
    assert rows(path, b"needle", plain=plain) == [(3, "a needle needle"), (5, "c needle"), (6, "d needle")]


def test_one_of_several_texts_is_enough_and_case_can_be_folded(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + "one\r\nTWO\r\nthree\r\n")
    assert rows(path, b"one", b"three") == [(3, "one"), (5, "three")]
    assert rows(path, b"two") == []
    assert rows(path, b"two", folded=True) == [(4, "TWO")]


@pytest.mark.parametrize("size", [64, 100, 1000])
def test_a_row_that_lies_across_two_reads_is_found(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "READ_BYTES", size)
    lines = [f"2026-03-17T08:00:00Z,{'x' * (number % 90)} n{number}n\r\n" for number in range(200)]
    path = written(tmp_path, HEADER + "".join(lines))
    for number in range(0, 200, 7):
        assert rows(path, b" n%dn" % number) == [(number + 3, lines[number].rstrip())]


def test_header_lines_in_force_come_before_their_rows(tmp_path: Path) -> None:
    other = "#Software: Microsoft Exchange Server\r\n#Version: 2\r\n#Fields: what,date-time\r\n"
    path = written(tmp_path, HEADER + "2026-03-17T08:00:00Z,a\r\n" + other + "needle\r\n")
    found = Finder(opened(path)).find(Needles((b"needle",)))
    assert [one.line.decode() for one in found] == [*HEADER.splitlines(), *other.splitlines(), "needle"]


def test_a_second_search_numbers_rows_that_were_passed_before(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + "".join(f"row{number:04}\r\n" for number in range(1000)))
    finder = Finder(opened(path))
    assert [one.number for one in finder.find(Needles((b"row0900",))) if not one.is_header] == [903]
    assert [one.number for one in finder.find(Needles((b"row0100",))) if not one.is_header] == [103]
    assert [one.number for one in finder.find(Needles((b"row0999",))) if not one.is_header] == [1002]


def test_far_down_a_file_lines_are_found_and_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "READ_BYTES", 1000)
    monkeypatch.setattr(search, "COUNTED_BYTES", 3000)
    path = written(tmp_path, HEADER + "".join(f"row{number:04}\r\n" for number in range(1000)))
    assert rows(path, b"row0010") == [(13, "row0010")]
    assert rows(path, b"row0900") == [(0, "row0900")]


def timed(tmp_path: Path, count: int = 40_000) -> tuple[Path, list[str]]:
    lines = [
        f"2026-03-17T{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}.000Z,row{s:05}\r\n" for s in range(count)
    ]
    return written(tmp_path, HEADER + "".join(lines)), lines


MIDNIGHT = 1_773_705_600_000  # 2026-03-17T00:00:00Z


def test_of_a_file_in_order_of_time_only_the_window_is_read(tmp_path: Path) -> None:
    path, _ = timed(tmp_path)
    window = Window(MIDNIGHT + 20_000_000, MIDNIGHT + 20_600_000)
    span = find_span(str(path), window)
    assert span is not None
    assert span[1] - span[0] < path.stat().st_size // 3
    part = path.read_bytes()[slice(*span)]
    assert b"row20000\r" in part
    assert b"row20600\r" in part
    assert [line for _, line in rows(path, b"row20300", window=window)] == [
        "2026-03-17T05:38:20.000Z,row20300"
    ]
    assert rows(path, b"row00300", window=window) == []


def test_a_file_of_another_time_is_not_read_and_one_out_of_order_is_read_whole(tmp_path: Path) -> None:
    path, lines = timed(tmp_path)
    assert find_span(str(path), Window(MIDNIGHT + 10**9, MIDNIGHT + 10**9)) is None
    path.write_text(HEADER + "".join([*lines[20_000:], *lines[:20_000]]), newline="")
    assert find_span(str(path), Window(MIDNIGHT, MIDNIGHT + 1000)) == (0, path.stat().st_size)


def test_a_needle_is_the_longest_part_that_no_format_escapes() -> None:
    assert make_needle("<abc@contoso.test>") == b"abc@contoso.test"
    assert make_needle('<"a b"@contoso.test>') == b"@contoso.test"
    assert make_needle("Ärger & Übermut im Amt") == b"bermut im Amt"
    assert make_needle('"') == b""


def test_a_line_without_an_end_stays_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "READ_BYTES", 1000)
    monkeypatch.setattr(search, "_LINE_BYTES", 4000)
    path = tmp_path / "x.log"
    path.write_bytes(b"x" * 100_000 + b"\nneedle\n")
    assert [line for _, line in rows(path, b"needle")] == ["needle"]
