"""What setup.cfg cannot say: the kernel, built where there is a C compiler, and folders outside of src."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
KERNEL = Path("src", "kernel")  # setuptools wants paths relative to this file
LIMITED_API = (
    0x030B0000  # of Python 3.11, the first whose limited API has buffers: one build for all later ones
)
RUN_PATHS = ("-Wl,-rpath", "-Wl,-R", "-Wl,--enable-new-dtags")
DEPLOYED = {"fluentbit": "exnorm/fluentbit/deploy"}  # what operators drop in -> where it is installed


class BuildKernel(build_ext):
    """Builds the kernel so that it knows no folder of the machine that built it."""

    def build_extensions(self) -> None:
        """Leave out where Python's own build had its sources and libraries: somebody else's folders later."""
        if self.compiler.compiler_type == "unix":
            for extension in self.extensions:
                extension.extra_compile_args.append("-g0")
        words = getattr(self.compiler, "linker_so", None)
        if words is not None:
            self.compiler.linker_so = [word for word in words if not word.startswith(RUN_PATHS)]
        super().build_extensions()

    def copy_extensions_to_source(self) -> None:
        """Remove the kernel of an earlier checkout, which Python would prefer to the one for all versions."""
        super().copy_extensions_to_source()
        if is_limited():
            own = f"_kernel{sysconfig.get_config_var('EXT_SUFFIX')}"
            (ROOT / "src" / "exnorm" / own).unlink(missing_ok=True)


class CopyDeployed(build_py):
    """Installs the folders that operators take from, which lie outside of src."""

    def run(self) -> None:
        """Copy them beside the modules that hand them out; a checkout uses them where they are."""
        super().run()
        if self.editable_mode:
            return
        for folder, target in DEPLOYED.items():
            shutil.copytree(ROOT / folder, Path(self.build_lib, target), dirs_exist_ok=True)


def is_limited() -> bool:
    """Whether this Python takes a kernel that is made for several versions."""
    is_usual = sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED")
    return is_usual and sys.hexversion >= LIMITED_API


kernel = Extension(
    "exnorm._kernel",
    sorted(path.as_posix() for path in KERNEL.glob("*.c")),
    depends=sorted(path.as_posix() for path in KERNEL.glob("*.h")),
    define_macros=[("Py_LIMITED_API", hex(LIMITED_API))] if is_limited() else [],
    py_limited_api=is_limited(),
    optional=True,
)
setup(
    cmdclass={"build_ext": BuildKernel, "build_py": CopyDeployed},
    # EXNORM_KERNEL=0 does without it here as it does when exnorm runs: that wheel is for every machine.
    ext_modules=[] if os.environ.get("EXNORM_KERNEL") == "0" else [kernel],
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if is_limited() else {},
)
