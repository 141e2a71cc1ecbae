"""A wheel as it is built, installed elsewhere: nothing in it knows a folder of its builder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a matter of ELF")


def read_run_paths(library: Path) -> list[str]:
    """RPATH and RUNPATH as binutils read them."""
    said = subprocess.run(["readelf", "-d", str(library)], capture_output=True, text=True, check=True).stdout
    return [line for line in said.splitlines() if "RPATH" in line or "RUNPATH" in line]


def build_wheel(source: Path, folder: Path, **settings: str) -> Path:
    """The wheel of a source tree, in a folder of its own."""
    words = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    ran = subprocess.run(
        [*words, "-w", str(folder), str(source)],
        capture_output=True, text=True, check=False, env={**os.environ, **settings},
    )  # fmt: skip
    if "No module named" in ran.stderr:
        pytest.skip("pip, setuptools or wheel is not there")
    assert ran.returncode == 0, ran.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This checkout, as a clean one is."""
    folder = tmp_path_factory.mktemp("source")
    ignored = shutil.ignore_patterns("*.so", "*.egg-info", "__pycache__")
    for name in ("src", "fluentbit", "logstash"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(source, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel unpacked as an installer does."""
    site = tmp_path_factory.mktemp("elsewhere") / "lib" / "python" / "site-packages"
    zipfile.ZipFile(wheel).extractall(site)
    return site


def list_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path.read_bytes()


@pytest.mark.slow
def test_no_library_of_a_wheel_looks_where_its_builder_had_libraries(installed: Path) -> None:
    libraries = sorted(installed.rglob("*.so"))
    assert {library.name: read_run_paths(library) for library in libraries} == {
        library.name: [] for library in libraries
    }


def test_no_file_of_a_wheel_knows_a_folder_of_its_builder(source: Path, installed: Path) -> None:
    folders = [str(source), str(ROOT), sys.prefix, sys.base_prefix]
    needles = [folder.encode() for folder in folders if folder not in ("/usr", "/usr/local")]
    found = [name for name, content in list_files(installed) if any(needle in content for needle in needles)]
    assert found == []


def test_a_wheel_carries_the_kernel_for_all_later_pythons_and_no_filter(wheel: Path, installed: Path) -> None:
    libraries = sorted(path.relative_to(installed).as_posix() for path in installed.rglob("*.so"))
    if not libraries:
        pytest.skip("the kernel cannot be built here")
    if sys.version_info < (3, 11):
        assert libraries == [f"exnorm/_kernel.cpython-310-{os.uname().machine}-linux-gnu.so"]
        return
    assert libraries == ["exnorm/_kernel.abi3.so"]
    assert "-cp311-abi3-" in wheel.name


@pytest.mark.slow
def test_a_wheel_without_the_kernel_is_for_every_machine(source: Path, tmp_path: Path) -> None:
    wheel = build_wheel(source, tmp_path, EXNORM_KERNEL="0")
    assert wheel.name.endswith("-py3-none-any.whl")
    assert [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".so")] == []
