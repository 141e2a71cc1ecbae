"""``release/wheels.py``: what is in the wheel of each system."""

from __future__ import annotations

import base64
import csv
import hashlib
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
import wheels

WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n\n"
INFO = "exnorm-0.1.0.dist-info"


@pytest.fixture
def pure(tmp_path: Path) -> Path:
    """A small wheel without the kernel."""
    path = tmp_path / "exnorm-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("exnorm/__init__.py", "x = 1\n")
        wheel.writestr(f"{INFO}/WHEEL", WHEEL)
        wheel.writestr(f"{INFO}/RECORD", "")
    return path


@pytest.mark.parametrize("target", wheels.TARGETS, ids=lambda target: target.platform)
def test_a_wheel_is_the_one_without_the_kernel_and_the_kernel(target: wheels.Target, pure: Path) -> None:
    name, content = wheels.assemble(pure, target, b"the kernel")
    assert name == f"exnorm-0.1.0-cp311-abi3-{target.platform}.whl"
    with zipfile.ZipFile(BytesIO(content)) as wheel:
        assert wheel.read("exnorm/__init__.py") == b"x = 1\n"
        assert wheel.read(target.module) == b"the kernel"
        told = wheel.read(f"{INFO}/WHEEL").decode().splitlines()
        assert told[:2] == ["Wheel-Version: 1.0", "Generator: test"]
        assert told[2:] == ["Root-Is-Purelib: false", f"Tag: cp311-abi3-{target.platform}"]


def test_the_record_holds_every_file_with_its_digest_and_size(pure: Path) -> None:
    _, content = wheels.assemble(pure, wheels.TARGETS[0], b"the kernel")
    with zipfile.ZipFile(BytesIO(content)) as wheel:
        rows = {row[0]: row[1:] for row in csv.reader(wheel.read(f"{INFO}/RECORD").decode().splitlines())}
        assert sorted(rows) == sorted(wheel.namelist())
    assert rows[f"{INFO}/RECORD"] == ["", ""]
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"the kernel").digest()).decode().rstrip("=")
    assert rows["exnorm/_kernel.abi3.so"] == [f"sha256={digest}", "10"]


def test_the_same_sources_give_the_same_bytes(pure: Path) -> None:
    assert wheels.assemble(pure, wheels.TARGETS[0], b"k") == wheels.assemble(pure, wheels.TARGETS[0], b"k")


def test_a_kernel_that_names_a_folder_of_its_builder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compile_badly(words: list[str], check: bool) -> None:
        Path(words[words.index("-o") + 1]).write_bytes(b"\x7fELF" + str(wheels.ROOT).encode())

    (tmp_path / "include").mkdir()
    monkeypatch.setattr(subprocess, "run", compile_badly)
    with pytest.raises(SystemExit, match=r"the kernel names .*, a folder of this machine"):
        wheels.compile_kernel(wheels.TARGETS[0], tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("said", "is_refused"),
    [
        ("manylinux_2_5_x86_64", False),
        ("manylinux_2_17_x86_64", False),
        ("manylinux_2_28_x86_64", True),
        ("manylinux_2_17_aarch64", True),
        ("musllinux_1_1_x86_64", True),
    ],
)
def test_a_wheel_for_linux_may_need_an_older_system_than_its_name_says_but_no_newer(
    said: str, is_refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = f'x.whl is consistent with "{said}".\nIt requires no external shared\nlibraries! :)'
    monkeypatch.setattr(
        subprocess, "run", lambda words, **_: subprocess.CompletedProcess(words, 0, answer, "")
    )
    wheel = Path("exnorm-0.1.0-cp311-abi3-manylinux_2_17_x86_64.whl")
    if is_refused:
        with pytest.raises(SystemExit, match="auditwheel says"):
            wheels.check_linux(wheel)
    else:
        wheels.check_linux(wheel)


@pytest.mark.skipif(sys.platform == "win32", reason="the compiler is taken from PATH as cc")
def test_the_headers_of_another_system_are_told_what_that_is() -> None:
    """As every 64-bit Linux and macOS has it; a wrong size is an error of the compiler."""
    text = (wheels.ROOT / "release" / "pyconfig.h").read_text(encoding="utf-8")
    checks = {
        "SIZEOF_LONG": "long",
        "SIZEOF_VOID_P": "void *",
        "SIZEOF_WCHAR_T": "wchar_t",
        "SIZEOF_INT": "int",
    }
    lines = [f'_Static_assert(sizeof({kind}) == {name}, "{name}");' for name, kind in checks.items()]
    source = "\n".join((text, "#include <stddef.h>", *lines))
    try:
        ran = subprocess.run(
            ["cc", "-x", "c", "-fsyntax-only", "-"], input=source, text=True, capture_output=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("no C compiler")
    assert ran.returncode == 0, ran.stderr
