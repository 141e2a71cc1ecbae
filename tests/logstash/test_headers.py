from __future__ import annotations

import os
from pathlib import Path

import pytest

from exnorm.errors import SettingsError
from exnorm.logstash.headers import FILES_KEPT, LINE_KEPT, LINES_KEPT, Headers

LOG = ("ex01", "C:\\logs\\a.LOG")


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def headers(tmp_path: Path, said: list[str]) -> Headers:
    return Headers(tmp_path / "headers", said.append)


def messages(headers: Headers) -> list[str]:
    return [event["message"] for event in headers.replay()]


def test_header_lines_come_back_after_a_restart_as_events_of_their_log(
    tmp_path: Path, headers: Headers
) -> None:
    headers.note_header(LOG, "#Version: 15.01")
    headers.note_header(LOG, "#Fields: a,b")
    headers.note_header(("", ""), "#Fields: c")
    headers.save()
    again = Headers(tmp_path / "headers", print)
    assert list(again.replay()) == [
        {"host": {"name": "ex01"}, "log": {"file": {"path": LOG[1]}}, "message": "#Version: 15.01"},
        {"host": {"name": "ex01"}, "log": {"file": {"path": LOG[1]}}, "message": "#Fields: a,b"},
        {"message": "#Fields: c"},
    ]


def test_a_header_after_rows_takes_the_place_of_the_one_before(headers: Headers) -> None:
    headers.note_header(LOG, "#Fields: a")
    headers.note_row(LOG)
    headers.note_header(LOG, "#Fields: b")
    headers.note_header(LOG, "#Date: x")
    assert messages(headers) == ["#Fields: b", "#Date: x"]


def test_what_is_kept_is_bounded(headers: Headers) -> None:
    for number in range(LINES_KEPT + 5):
        headers.note_header(LOG, f"#{number}")
    assert messages(headers)[0] == "#5"
    assert len(messages(headers)) == LINES_KEPT
    headers.note_header(LOG, "#" * (LINE_KEPT + 1))
    assert len(messages(headers)) == LINES_KEPT
    for number in range(FILES_KEPT):
        headers.note_header(("", f"{number}.LOG"), "#x")
    assert len(messages(headers)) == FILES_KEPT  # the first log, with its many lines, is gone


def test_nothing_is_written_while_nothing_changes(tmp_path: Path, headers: Headers) -> None:
    headers.note_header(LOG, "#x")
    headers.save()
    os.unlink(tmp_path / "headers")
    headers.note_row(LOG)
    headers.save()
    assert not (tmp_path / "headers").exists()


def test_a_file_that_cannot_be_written_is_said_and_tried_again(
    tmp_path: Path, headers: Headers, said: list[str]
) -> None:
    (tmp_path / "headers.part").mkdir()
    headers.note_header(LOG, "#x")
    headers.save()
    headers.note_header(LOG, "#x")
    headers.save()
    assert len(said) == 1  # however many batches it lasts
    assert said[0].startswith("state: cannot write")
    assert headers.failed == 2
    (tmp_path / "headers.part").rmdir()
    headers.save()
    assert said[1:] == [f"state: '{tmp_path / 'headers'}' is written again"]
    assert messages(Headers(tmp_path / "headers", print)) == ["#x", "#x"]


def test_a_folder_that_is_not_there_or_another_file_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="state: cannot write"):
        Headers(tmp_path / "nowhere" / "headers", lambda text: None)
    (tmp_path / "other").write_text('{"some": "json"}')
    with pytest.raises(SettingsError, match="is not a file of header lines"):
        Headers(tmp_path / "other", print)
    with pytest.raises(SettingsError, match="state: cannot read"):
        Headers(tmp_path, print)
