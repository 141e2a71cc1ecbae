from __future__ import annotations

import os
from pathlib import Path

import pytest

from exnorm.errors import SettingsError, quote
from exnorm.relay.headers import FILES_KEPT, LINE_KEPT, LINES_KEPT, Headers

LOG = ("ex01", "C:\\logs\\a.LOG")


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def headers(tmp_path: Path, said: list[str]) -> Headers:
    return Headers(tmp_path / "headers", said.append)


def messages(headers: Headers) -> list[str]:
    return [line for _, lines in headers.all() for line in lines]


def test_header_lines_come_back_after_a_restart_with_their_log(tmp_path: Path, headers: Headers) -> None:
    headers.put(LOG, ["#Version: 15.01", "#Fields: a,b"])
    headers.put(("tag", *LOG), ["#Fields: c"])
    headers.save()
    again = Headers(tmp_path / "headers", print)
    assert list(again.all()) == [
        (LOG, ["#Version: 15.01", "#Fields: a,b"]),
        (("tag", *LOG), ["#Fields: c"]),
    ]
    assert again.get(LOG) == ["#Version: 15.01", "#Fields: a,b"]
    assert again.get(("", "")) == []


def test_what_is_kept_is_bounded(headers: Headers) -> None:
    headers.put(LOG, [f"#{number}" for number in range(LINES_KEPT + 5)])
    assert messages(headers)[0] == "#5"
    assert len(messages(headers)) == LINES_KEPT
    headers.put(LOG, ["#" * (LINE_KEPT + 1), "#x"])
    assert messages(headers) == ["#x"]
    for number in range(FILES_KEPT):
        headers.put(("", f"{number}.LOG"), ["#y"])
    assert messages(headers) == ["#y"] * FILES_KEPT  # the first log is gone


def test_nothing_is_written_while_nothing_changes(tmp_path: Path, headers: Headers) -> None:
    headers.put(LOG, ["#x"])
    headers.save()
    os.unlink(tmp_path / "headers")
    headers.put(LOG, ["#x"])
    headers.save()
    assert not (tmp_path / "headers").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has rights, but no modes")
def test_the_file_is_for_its_owner_alone_whatever_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        headers = Headers(tmp_path / "headers", print)
    finally:
        os.umask(before)
    headers.put(LOG, ["#x"])
    headers.save()
    assert (tmp_path / "headers").stat().st_mode & 0o777 == 0o600


def test_a_link_in_the_place_of_the_new_file_is_not_followed(tmp_path: Path, headers: Headers) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "headers.part").symlink_to(victim)
    headers.put(LOG, ["#x"])
    headers.save()
    assert victim.read_text() == "mine"
    assert messages(Headers(tmp_path / "headers", print)) == ["#x"]


def test_a_file_that_cannot_be_written_is_said_and_tried_again(
    tmp_path: Path, headers: Headers, said: list[str]
) -> None:
    (tmp_path / "headers.part").mkdir()
    headers.put(LOG, ["#x"])
    headers.save()
    headers.put(LOG, ["#y"])
    headers.save()
    assert len(said) == 1  # however many batches it lasts
    assert said[0].startswith("state: cannot write")
    assert headers.failed == 2
    (tmp_path / "headers.part").rmdir()
    headers.save()
    assert said[1:] == [f"state: {quote(tmp_path / 'headers')} is written again"]
    assert messages(Headers(tmp_path / "headers", print)) == ["#y"]


def test_a_folder_that_is_not_there_is_made_and_one_that_cannot_be_is_named(tmp_path: Path) -> None:
    Headers(tmp_path / "new" / "folder" / "headers", print)
    assert (tmp_path / "new" / "folder" / "headers").is_file()
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"state: cannot (make the folder|read) .*file"):
        Headers(tmp_path / "file" / "sub" / "headers", print)
    with pytest.raises(SettingsError, match="state: cannot read"):
        Headers(tmp_path, print)


@pytest.mark.parametrize(
    "content", ['{"some": "json"}', '[["ex01", "a.LOG"', "[[1, 2]]", "\x00\xff", "[[[]]]", ""]
)
def test_a_damaged_file_is_named_and_left_aside(content: str, tmp_path: Path, said: list[str]) -> None:
    path = tmp_path / "headers"
    path.write_text(content)
    headers = Headers(path, said.append)
    assert messages(headers) == []
    assert said == [
        f"state: {quote(path)} is not a file of header lines; it lies as 'headers.damaged' beside, and the "
        "headers are learned anew"
    ]
    assert (tmp_path / "headers.damaged").read_text() == content
    headers.put(LOG, ["#x"])
    headers.save()
    assert messages(Headers(path, said.append)) == ["#x"]
    assert len(said) == 1
