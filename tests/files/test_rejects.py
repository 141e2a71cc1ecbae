from __future__ import annotations

import errno
import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from exnorm.errors import SettingsError, quote
from exnorm.files.rejects import RejectFile, encode_reject
from exnorm.model import Unparsed

LINE = Unparsed('a,"b', "quote", "an open quote", 7, "/logs/a.LOG")
ENTRY = {"path": "/logs/a.LOG", "line_number": 7, "reason": "an open quote", "raw": 'a,"b'}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rejects.ndjson"


def read(path: Path) -> list[Any]:
    text = path.read_text(encoding="utf-8")
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def test_each_line_is_one_object_with_its_reason(path: Path) -> None:
    said: list[str] = []
    rejects = RejectFile(path, said.append)
    rejects.add(LINE)
    rejects.add(LINE)
    rejects.close()
    assert read(path) == [ENTRY, ENTRY]
    assert (rejects.written, rejects.failed, said) == (2, 0, [])


@pytest.mark.skipif(sys.platform == "win32", reason="no modes of files there")
def test_only_its_owner_may_read_it(path: Path) -> None:
    RejectFile(path, print).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_is_there_is_kept_and_half_a_line_ends_before_the_next(path: Path) -> None:
    path.write_bytes(b'{"whole":1}\n{"half')
    rejects = RejectFile(path, print)
    rejects.add(LINE)
    rejects.close()
    assert path.read_bytes().splitlines()[:2] == [b'{"whole":1}', b'{"half']
    assert json.loads(path.read_bytes().splitlines()[2]) == ENTRY


def test_bytes_that_are_no_text_are_escaped() -> None:
    assert json.loads(encode_reject(Unparsed("\udcff", "k", "r")))["raw"] == "\\udcff"


def test_a_file_that_has_grown_too_large_takes_the_place_of_the_one_before(path: Path) -> None:
    size = len(encode_reject(LINE)) + 1
    rejects = RejectFile(path, print, max_bytes=3 * size)
    for _ in range(8):
        rejects.add(LINE)
    rejects.close()
    assert len(read(path)) == 2
    assert len(read(Path(f"{path}.1"))) == 3
    assert len(list(path.parent.iterdir())) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="a device of Linux")
def test_a_full_disk_costs_the_copy_alone_and_is_said_once() -> None:
    said: list[str] = []
    rejects = RejectFile(Path("/dev/full"), said.append)
    for _ in range(1000):
        rejects.add(LINE)
    assert (rejects.written, rejects.failed) == (0, 1000)
    assert said == ["rejects: cannot write '/dev/full': No space left on device; lines go on without"]


def test_a_disk_that_is_full_in_the_middle_of_a_line_leaves_no_half_of_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    rejects = RejectFile(path, said.append)
    rejects.add(LINE)
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:10]))
    rejects.add(LINE)
    rejects.add(LINE)
    monkeypatch.setattr(os, "write", write)
    rejects.add(LINE)
    rejects.close()
    assert read(path) == [ENTRY, ENTRY]
    assert (rejects.written, rejects.failed) == (2, 2)
    assert [text.partition(": ")[2] for text in said] == [
        f"cannot write {quote(path)}: 10 of 78 bytes fit; lines go on without",
        f"{quote(path)} is written again, without 2 lines",
    ]


def test_a_disk_where_some_lines_fit_is_not_said_for_each(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    rejects = RejectFile(path, said.append)
    write = os.write

    def refuse(file: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    for number in range(100):
        monkeypatch.setattr(os, "write", refuse if number % 2 else write)
        rejects.add(LINE)
    assert (rejects.written, rejects.failed) == (50, 50)
    assert len(said) == 2


@pytest.mark.skipif(os.name == "nt", reason="Windows moves no file that is open")
def test_where_the_file_was_moved_away_a_new_one_is_begun(path: Path) -> None:
    rejects = RejectFile(path, print)
    rejects.add(LINE)
    path.rename(path.with_suffix(".old"))
    rejects.reopen()
    rejects.add(LINE)
    rejects.close()
    assert len(read(path)) == len(read(path.with_suffix(".old"))) == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows removes no file that is open")
def test_a_file_that_cannot_be_opened_again_is_kept(path: Path) -> None:
    said: list[str] = []
    rejects = RejectFile(path, said.append)
    path.unlink()
    path.mkdir()
    rejects.reopen()
    rejects.add(LINE)
    assert (rejects.written, len(said)) == (1, 2)


def test_a_file_that_cannot_be_opened_at_the_start_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"rejects: cannot write '.*nowhere.*': No such file or directory"
    ):
        RejectFile(tmp_path / "nowhere" / "rejects", print)
