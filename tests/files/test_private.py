from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from exnorm.cli import run
from exnorm.files.private import open_private

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no modes of files there")

FLAGS = os.O_WRONLY | os.O_TRUNC
STRANGER = 54321


@pytest.fixture(autouse=True)
def open_to_all() -> object:
    """What the modes would be without any care."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def write(path: Path) -> None:
    with open(path, "wb", opener=open_private) as file:
        file.write(b"x")


def test_a_new_file_is_its_owners_alone_and_an_old_one_keeps_its_mode(tmp_path: Path) -> None:
    write(tmp_path / "new")
    assert mode(tmp_path / "new") == 0o600
    (tmp_path / "old").touch()
    (tmp_path / "old").chmod(0o640)
    write(tmp_path / "old")
    assert mode(tmp_path / "old") == 0o640


def test_the_users_own_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to("file")
    (tmp_path / "first").symlink_to("folder/link")
    write(tmp_path / "first")
    assert (tmp_path / "folder" / "file").read_bytes() == b"x"
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="symbolic links"):
        write(tmp_path / "loop")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can give files away")
def test_a_link_of_another_user_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link = tmp_path / "rejects"
    link.symlink_to(tmp_path / "target")
    os.chown(link, STRANGER, STRANGER, follow_symlinks=False)
    with pytest.raises(OSError, match="it is a link of another user"):
        write(link)
    log = tmp_path / "a.LOG"
    log.write_text("x\n")
    for option in ("--rejects", "--output"):
        assert run(["convert", str(log), option, str(link)]) == 2
        assert f"{option}: cannot write" in capsys.readouterr().err
    assert not (tmp_path / "target").exists()


def test_output_and_rejects_are_their_owners_alone(tmp_path: Path) -> None:
    log = tmp_path / "a.LOG"
    log.write_text("x\n")
    output, rejects = tmp_path / "out", tmp_path / "rejects"
    run(["convert", str(log), "--output", str(output), "--rejects", str(rejects), "--quiet"])
    assert (mode(output), mode(rejects)) == (0o600, 0o600)


def test_what_is_no_file_is_written_to(tmp_path: Path) -> None:
    write(Path(os.devnull))
    with pytest.raises(IsADirectoryError):
        write(tmp_path)
