"""A wheel as it is built, installed elsewhere: no library in it looks into a folder of its builder."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from exnorm.fluentbit import build as builder

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a matter of ELF")


def read_run_paths(library: Path) -> list[str]:
    """RPATH and RUNPATH as binutils read them."""
    said = subprocess.run(["readelf", "-d", str(library)], capture_output=True, text=True, check=True).stdout
    return [line for line in said.splitlines() if "RPATH" in line or "RUNPATH" in line]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, unpacked as an installer does."""
    folder = tmp_path_factory.mktemp("wheel")
    words = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    source = folder / "source"
    ignored = shutil.ignore_patterns("*.so", "*.egg-info", "__pycache__")
    for name in ("src", "fluentbit", "logstash"):
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ("setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, source / name)
    ran = subprocess.run(
        [*words, "-w", str(folder), str(source)], capture_output=True, text=True, check=False
    )
    if "No module named" in ran.stderr:
        pytest.skip("pip, setuptools or wheel is not there")
    assert ran.returncode == 0, ran.stderr
    (wheel,) = folder.glob("*.whl")
    site = folder / "elsewhere" / "lib" / "python" / "site-packages"
    zipfile.ZipFile(wheel).extractall(site)
    return site


def test_no_library_of_a_wheel_looks_where_its_builder_had_libraries(installed: Path) -> None:
    libraries = sorted(installed.rglob("*.so"))
    assert libraries
    assert {library.name: read_run_paths(library) for library in libraries} == {
        library.name: [] for library in libraries
    }


def test_the_filter_of_a_wheel_knows_no_environment_of_its_builder(installed: Path) -> None:
    library = installed / "exnorm" / "fluentbit" / builder.FILE_NAME
    if not library.exists():
        pytest.skip("the filter cannot be built here")
    content = library.read_bytes()
    assert sys.prefix == sys.base_prefix or sys.prefix.encode() not in content
    assert f"{sys.base_prefix}\0".encode() in content
    assert str(installed).encode() not in content
