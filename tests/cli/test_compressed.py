"""Compressed logs are read as they are, in bounded memory; what cannot be opened is named once."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.conftest import Exnorm

from exnorm.cli import compressed
from exnorm.cli.compressed import CompressedError, unpack

LOG = (
    b"#Software: Microsoft Exchange Server\r\n#Log-type: Transport Connectivity Log\r\n"
    b"#Fields: date-time,session,source,Destination,direction,description\r\n"
    b"2026-03-17T13:00:01.500Z,08DE88BB00000042,SMTP,mx.a.test,+,DnsConnectorDelivery\r\n"
    b"2026-03-17T13:00:02.500Z,08DE88BB00000042,SMTP,mx.a.test,-,Messages: 1 Bytes: 2\r\n"
)
MAKERS: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


def zipped(**members: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/") + ".LOG", data)
    return made.getvalue()


def tarred() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        member = tarfile.TarInfo("CONNECT.LOG")
        member.size = len(LOG)
        archive.addfile(member, io.BytesIO(LOG))
    return made.getvalue()


@pytest.mark.parametrize("suffix", MAKERS)
def test_a_compressed_log_has_the_events_of_the_log(
    exnorm: Exnorm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    plain, packed = tmp_path / "CONNECTLOG2026031713-1.LOG", tmp_path / f"x.log.{suffix}"
    plain.write_bytes(LOG)
    packed.write_bytes(MAKERS[suffix](LOG))
    expected = exnorm("convert", plain)
    assert len(expected.lines) == 2
    assert exnorm("convert", packed).lines == expected.lines
    assert exnorm("convert", packed, "--jobs", "2").lines == expected.lines
    with packed.open("rb") as file:
        monkeypatch.setattr("sys.stdin", file)
        assert len(exnorm("convert", "-").lines) == 2
    assert exnorm("explain", packed, "--json").out.count(b"\n") == 2


@pytest.mark.parametrize("suffix", MAKERS)
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_streams_that_follow_each_other_are_one_log(suffix: str, size: int) -> None:
    data = MAKERS[suffix](LOG) + MAKERS[suffix](b"more") + b"\0" * 512 * (suffix == "gz")
    blocks = [data[at : at + size] for at in range(0, len(data), size)]
    assert b"".join(unpack(blocks)) == LOG + b"more"


@pytest.mark.parametrize("suffix", MAKERS)
def test_a_stream_that_is_cut_off_gives_what_it_has_and_says_so(
    exnorm: Exnorm, tmp_path: Path, suffix: str
) -> None:
    packed = tmp_path / f"x.log.{suffix}"
    packed.write_bytes(MAKERS[suffix](LOG)[:-1])
    result = exnorm("convert", packed)
    assert result.status == 2
    assert f"{packed}: is cut off: the " in result.err


def test_plain_bytes_pass_as_they_are_and_what_may_still_be_magic_is_waited_for() -> None:
    assert list(unpack([b"#So", b"ftware"])) == [b"#So", b"ftware"]
    assert list(unpack([b"P", b"K", b"\n"])) == [b"PK\n"]
    assert list(unpack([])) == []


def test_a_bomb_is_left_where_it_gives_more_than_any_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compressed, "BOMB_BYTES", 1 << 20)
    given: list[int] = []
    with pytest.raises(CompressedError, match="is taken for a bomb: bzip2 gives"):
        given.extend(map(len, unpack([bz2.compress(b"\0" * (64 << 20))])))
    assert max(given) <= compressed.OUT_BYTES
    assert sum(given) <= 1 << 20


def test_each_file_in_a_zip_archive_is_a_log_of_its_own(exnorm: Exnorm, tmp_path: Path) -> None:
    archive = tmp_path / "logs.zip"
    archive.write_bytes(zipped(a__CONNECT=LOG, b__CONNECT=gzip.compress(LOG)))
    result = exnorm("convert", archive, "--json")
    assert (result.status, len(result.lines)) == (0, 4)
    assert len(exnorm("convert", tmp_path, "--quiet").lines) == 4


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("x.7z", b"7z\xbc\xaf\x27\x1c\0\4\n\n", "is compressed (7z), which exnorm does not read"),
        ("x.rar", b"Rar!\x1a\x07\x01\0\n", "is compressed (rar), which exnorm does not read"),
        ("x.tar", tarred(), "is a tar archive, which exnorm does not read: unpack it first"),
        (
            "x.tar.gz",
            gzip.compress(tarred()),
            "is a tar archive, which exnorm does not read: unpack it first",
        ),
        ("x.zip", b"PK\x03\x04\n\n", "is compressed (zip), and no archive with a file that can be read"),
    ],
)
def test_what_cannot_be_opened_is_named_once(
    exnorm: Exnorm, tmp_path: Path, name: str, data: bytes, told: str
) -> None:
    (tmp_path / name).write_bytes(data)
    result = exnorm("convert", tmp_path / name)
    assert (result.status, result.lines) == (1, [])
    assert result.err.count(told) == 1
    assert result.err.count("compress") <= 1


def test_zstd_without_its_module_is_named(
    exnorm: Exnorm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exnorm.files.zstd.load", lambda: None)
    (tmp_path / "x.zst").write_bytes(b"\x28\xb5\x2f\xfd....")
    result = exnorm("convert", tmp_path / "x.zst")
    assert result.status == 1
    assert "is compressed (zstd): needs pip install 'exnorm[zstd]', or Python 3.14" in result.err


def test_init_writes_no_pattern_for_compressed_logs_and_says_so_once(exnorm: Exnorm, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "CONNECTLOG2026031713-1.LOG").write_bytes(LOG)
    for day in range(3):
        (logs / f"OLD{day}.LOG.gz").write_bytes(gzip.compress(LOG))
    into = tmp_path / "made"
    answers = ("--shipper", "fluentbit", "--taxonomy", "arcsight", "--to", "tcp://192.0.2.1:514")
    result = exnorm("init", logs, *answers, "--into", into)
    assert result.status == 0
    assert result.err.count("compressed") == 1
    assert f"{logs}: 3 compressed, left out" in result.err
    written = "".join(file.read_text("utf-8") for file in into.iterdir() if file.is_file())
    assert "CONNECTLOG*.LOG" in written
    assert "OLD" not in written
