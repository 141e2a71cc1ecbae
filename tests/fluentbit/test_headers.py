from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import msgpack
import pytest

from exnorm import Normalizer
from exnorm.fluentbit import ChunkFilter
from exnorm.fluentbit.headers import REPLAYED_BYTES, read_before

SAMPLE = Path(__file__).parents[2] / "examples" / "MSGTRK2018112722-1.LOG"
LINES = SAMPLE.read_text(encoding="utf-8-sig").splitlines()
HEADER, ROWS = LINES[:5], LINES[5:]
CUSTOM = [*HEADER[:4], "#Fields: date-time,event-id,sender-address,internal-message-id,recipient-status"]
CUSTOM_ROWS = [f"2018-11-27T22:4{n}:00.000Z,SEND,a{n}@example.com,{n},250" for n in range(4)]
Body = dict[str, Any]


def chunk(path: object, *lines: str | bytes) -> bytes:
    return b"".join(msgpack.packb([[0, {}], {"log": line, "filename": str(path)}]) for line in lines)


def run(chunks: ChunkFilter, path: object, *lines: str, tag: str = "t") -> list[Body]:
    out = chunks.filter(tag, chunk(path, *lines))
    unpacker = msgpack.Unpacker(timestamp=0)
    unpacker.feed(b"" if out is None else out)
    return [entry[1] for entry in unpacker]


def make(**settings: Any) -> ChunkFilter:
    return ChunkFilter.from_names(settings)


def write(path: Path, *lines: str, end: str = "\r\n", encoding: str = "utf-8") -> Path:
    path.write_text("".join(line + end for line in lines), encoding=encoding, newline="")
    return path


@pytest.mark.parametrize("first", range(1, 9))
@pytest.mark.parametrize("log", [[*HEADER, *ROWS], [*CUSTOM, *CUSTOM_ROWS]], ids=["usual", "custom columns"])
def test_a_restart_before_any_line_changes_no_field(first: int, log: list[str], tmp_path: Path) -> None:
    """``first`` is the line a new filter sees first: one of the header, or a row."""
    path = write(tmp_path / "MSGTRK2018112722-1.LOG", *log)
    whole = run(make(), path, *log)
    rows_before = max(first - len(HEADER), 0)
    chunks = make()
    assert run(chunks, path, *log[first:]) == whole[rows_before:]
    assert chunks.counts.logs == {"file": 1}


def test_a_header_that_was_seen_is_not_looked_for_again(tmp_path: Path) -> None:
    chunks = make()
    path = tmp_path / "not-there.LOG"
    run(chunks, path, *CUSTOM)
    for number, row in enumerate(CUSTOM_ROWS):
        (body,) = run(chunks, path, row)
        assert body["sourceUserName"] == f"a{number}@example.com"
    assert chunks.counts.logs == {"seen": 1}


def test_without_the_file_the_width_gives_the_columns_and_the_row_its_build(tmp_path: Path) -> None:
    chunks = make()
    whole = run(make(), tmp_path / "x.LOG", *LINES)
    assert run(chunks, tmp_path / "x.LOG", *ROWS) == whole
    assert chunks.counts.logs == {"width": 1}


def test_without_the_file_columns_that_no_version_has_are_not_guessed(tmp_path: Path) -> None:
    chunks = make()
    (body,) = run(chunks, tmp_path / "MSGTRK2018112722-1.LOG", CUSTOM_ROWS[0])
    assert body["tags"] == ["_exnormparsefailure"]
    assert body["log"] == CUSTOM_ROWS[0]
    assert not chunks.counts.logs


def test_the_header_in_force_is_the_last_one_before_the_row(tmp_path: Path) -> None:
    log = [*HEADER, *ROWS, *CUSTOM, *CUSTOM_ROWS]
    path = write(tmp_path / "MSGTRK2018112722-1.LOG", *log)
    whole = run(make(), path, *log)
    assert run(make(), path, *CUSTOM_ROWS[1:]) == whole[len(ROWS) + 1 :]
    assert run(make(), path, *ROWS[1:]) == whole[1 : len(ROWS)]


def test_headers_far_above_the_row_count_too(tmp_path: Path) -> None:
    filler = [ROWS[0].replace("admin3", f"a{n:0>500}") for n in range(REPLAYED_BYTES // 500)]
    log = [*CUSTOM, CUSTOM_ROWS[0], *HEADER, *filler, ROWS[1]]
    path = write(tmp_path / "MSGTRK2018112722-1.LOG", *log)
    (body,) = run(make(), path, ROWS[1])
    (expected,) = run(make(), tmp_path / "none" / path.name, *HEADER, ROWS[1])
    assert body == expected


def test_a_file_that_no_longer_holds_the_row_gives_its_head(tmp_path: Path) -> None:
    path = write(tmp_path / "MSGTRK2018112722-1.LOG", *CUSTOM, CUSTOM_ROWS[0])
    chunks = make()
    (body,) = run(chunks, path, CUSTOM_ROWS[2])
    assert body["sourceUserName"] == "a2@example.com"
    assert chunks.counts.logs == {"file": 1}


def test_a_line_that_another_one_begins_with_is_not_taken_for_it(tmp_path: Path) -> None:
    path = write(tmp_path / "x.LOG", *HEADER, "abc", *CUSTOM, "ab")
    before = read_before(str(path), b"ab", Normalizer(format="json"))
    assert before[-1].decode().rstrip() == CUSTOM[-1]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_the_file_is_read_in_its_encoding(encoding: str, end: str, tmp_path: Path) -> None:
    path = write(tmp_path / "MSGTRK2018112722-1.LOG", *CUSTOM, *CUSTOM_ROWS, end=end, encoding=encoding)
    (body,) = run(make(), path, CUSTOM_ROWS[3])
    assert body["sourceUserName"] == "a3@example.com"


def test_with_read_header_off_the_file_is_left_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "MSGTRK2018112722-1.LOG", *CUSTOM, *CUSTOM_ROWS)
    (body,) = run(make(read_header="off"), path, CUSTOM_ROWS[3])
    assert body["tags"] == ["_exnormparsefailure"]


def test_logs_of_the_same_path_under_two_tags_are_two_logs(tmp_path: Path) -> None:
    chunks = make()
    path = tmp_path / "x.LOG"
    run(chunks, path, *CUSTOM, tag="server1")
    run(chunks, path, *HEADER, tag="server2")
    (one,) = run(chunks, path, CUSTOM_ROWS[1], tag="server1")
    (two,) = run(chunks, path, ROWS[0], tag="server2")
    assert (one["sourceUserName"], two["deviceEventClassId"]) == ("a1@example.com", "SENDEXTERNAL")


def test_what_earlier_rows_of_a_session_said_is_known_after_a_restart(tmp_path: Path) -> None:
    log = (Path(__file__).parents[1] / "samples/smtp_protocol/RECV2023011116-1.LOG").read_text("utf-8-sig")
    lines = log.splitlines()
    path = write(tmp_path / "RECV2023011116-1.LOG", *lines)
    whole = run(make(), path, *lines)
    for first in range(len(lines) - 8, len(lines)):
        assert run(make(), path, *lines[first:]) == whole[first - len(lines) :]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_path_that_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.LOG")
    done = threading.Thread(target=run, args=(make(), tmp_path / "x.LOG", *ROWS), daemon=True)
    done.start()
    done.join(timeout=30)
    assert not done.is_alive()
    for path in ("/dev/zero", str(tmp_path), "a\0b", ""):
        assert read_before(path, b"x", Normalizer()) == []
