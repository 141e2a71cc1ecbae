"""Build ``flb-filter_exchange.so`` for the Python that runs this.

No package contains it, because it works with one Python only, whose path it holds.
"""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import subprocess
import sys
import sysconfig
from pathlib import Path

FILE_NAME = "flb-filter_exchange.so"
SOURCE_NAME = "filter_exchange.c"
FLAGS = ("-O2", "-std=gnu11", "-Wall", "-Wextra", "-fPIC", "-fvisibility=hidden", "-shared")
STAYS_LOADED = "-Wl,-z,nodelete"  # Python cannot be unloaded with the filter at a hot reload
LIBRARIES = ("-ldl", "-lpthread")
OLDEST, NEWEST = (3, 10), (3, 14)

_HERE = Path(__file__).resolve().parent


class BuildError(Exception):
    """The reason why the filter cannot be built here, as one lower-case line."""


def filter_path() -> Path:
    """Return the path of the filter, built or not."""
    return _HERE / FILE_NAME


def site_path() -> Path:
    """Return the folder that contains this exnorm."""
    return _HERE.parents[1]


def find_source() -> Path:
    """Return the C source: installed beside this file, or in the folder ``fluentbit`` of a checkout."""
    candidates = (_HERE / "deploy" / SOURCE_NAME, _HERE.parents[2] / "fluentbit" / SOURCE_NAME)
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise BuildError(f"{SOURCE_NAME} is not there; expected it at {candidates[0]}")


def find_libpython() -> Path:
    """Return the shared library of this Python. Raises ``BuildError`` for a Python without one."""
    check_python()
    names = [sysconfig.get_config_var(name) for name in ("INSTSONAME", "LDLIBRARY")]
    folders = [sysconfig.get_config_var(name) for name in ("LIBDIR", "LIBPL")]
    folders += [os.path.join(sys.base_prefix, "lib")]
    multiarch = sysconfig.get_config_var("MULTIARCH")
    if multiarch:
        folders += [os.path.join(folder, multiarch) for folder in folders if folder]
    for folder in folders:
        for name in names:
            if folder and name and ".so" in name and os.path.isfile(os.path.join(folder, name)):
                return Path(folder, name).resolve()
    version = python_version()
    raise BuildError(
        f"this Python {version} has no shared library libpython{version}.so: it cannot run inside another "
        f"program; expected a Python built with --enable-shared (or the package libpython{version})"
    )


def check_python() -> None:
    """Raise ``BuildError`` for an interpreter that the filter does not support."""
    implementation = sys.implementation.name
    if implementation != "cpython":
        raise BuildError(f"this Python is {implementation}; expected CPython")
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        oldest, newest = (".".join(map(str, version)) for version in (OLDEST, NEWEST))
        raise BuildError(f"this is Python {python_version()}; the filter knows {oldest} to {newest}")
    if sys.platform != "linux":
        raise BuildError(f"the filter in process is for Linux; this is {sys.platform}")
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise BuildError("this Python is free-threaded, which the filter does not know")


def python_version() -> str:
    """Return the version that the filter is built for, as ``3.11``."""
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def find_compiler() -> list[str]:
    """Return ``CC`` from the environment, else cc, gcc or clang."""
    given = shlex.split(os.environ.get("CC", ""))
    for words in [given] if given else [["cc"], ["gcc"], ["clang"]]:
        if shutil.which(words[0]):
            return words
    raise BuildError(f"no C compiler: {given[0] if given else 'cc, gcc and clang'} not found on PATH")


def find_open_folder(path: Path) -> Path | None:
    """Return the first folder of a path that others may write to, or could create, to place a
    Python there.
    """
    for folder in (*reversed(path.parents), path):
        try:
            mode = folder.stat().st_mode
        except OSError:
            return folder
        if stat.S_ISDIR(mode) and mode & stat.S_IWOTH:
            return folder
    return None


def choose_prefix() -> Path:
    """Return this Python's virtual environment, or its base Python where others could replace the
    environment.
    """
    prefix, base = Path(sys.prefix), Path(sys.base_prefix)
    return prefix if find_open_folder(prefix) is None else base


def build(
    target: Path,
    *,
    site: Path | None = None,
    prefix: Path | None = None,
    extra_flags: tuple[str, ...] = (),
) -> None:
    """Build the filter into ``target``.

    In exnorm's own folder it finds its virtual environment from its own place; elsewhere, ``site`` is the
    folder that contains exnorm. Outside of an environment it uses the Python of ``prefix``. Raises
    ``BuildError``, also where others may write to a folder from which it would load Python.
    """
    library = find_libpython()
    prefix = prefix or choose_prefix()
    for folder in (library, prefix, *([site] if site is not None else [])):
        found = find_open_folder(folder)
        if found is not None:
            raise BuildError(
                f"others may write to {found}, on the way to {folder}: the filter would run theirs"
            )
    definitions = {
        "EXNORM_LIBPYTHON": str(library),
        "EXNORM_PYTHON": python_version(),
        "EXNORM_PREFIX": str(prefix),
    }
    if site is not None:
        definitions["EXNORM_SITE"] = str(site)
    made = target.with_name(target.name + ".new")  # the old one may be mapped by a running Fluent Bit
    words = [
        *find_compiler(),
        *FLAGS,
        STAYS_LOADED,
        *extra_flags,
        *(f"-D{name}={_c_string(value)}" for name, value in definitions.items()),
        str(find_source()),
        "-o",
        str(made),
        *LIBRARIES,
    ]
    try:
        ran = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
        if ran.returncode != 0:
            raise BuildError(f"{words[0]} failed: {' '.join(ran.stderr.split())[:1000]}")
        os.replace(made, target)
    except OSError as error:
        raise BuildError(f"cannot write {target}: {error.strerror}") from None
    finally:
        made.unlink(missing_ok=True)


def _c_string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
