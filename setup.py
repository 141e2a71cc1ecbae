"""What setup.cfg cannot say: the filter and the kernel, built where there is a C compiler."""

from __future__ import annotations

import runpy
import shutil
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.errors import CompileError

ROOT = Path(__file__).parent
KERNEL = Path("src", "kernel")  # setuptools wants paths relative to this file
FILTER = "exnorm.fluentbit.flb-filter_exchange"
RUN_PATHS = ("-Wl,-rpath", "-Wl,-R", "-Wl,--enable-new-dtags")
DEPLOYED = {"fluentbit": "exnorm/fluentbit/deploy"}  # what operators drop in -> where it is installed


class BuildFilter(build_ext):
    """Builds the filter with its own module, which the installed ``exnorm fluentbit build`` uses too.

    No library looks for others where the builder's Python had its own: that folder is somebody else's later.
    """

    def build_extensions(self) -> None:
        """Leave out what Python's own build would have a linker write down."""
        words = getattr(self.compiler, "linker_so", None)
        if words is not None:
            self.compiler.linker_so = [word for word in words if not word.startswith(RUN_PATHS)]
        super().build_extensions()

    def get_ext_filename(self, fullname: str) -> str:
        """Fluent Bit knows a filter by its file name."""
        if fullname.endswith("flb-filter_exchange"):
            return fullname.replace(".", "/") + ".so"
        return str(super().get_ext_filename(fullname))

    def build_extension(self, ext: Extension) -> None:
        """One that cannot be built is left out: it is optional."""
        if ext.name != FILTER:
            super().build_extension(ext)
            return
        builder = runpy.run_path(str(ROOT / "src" / "exnorm" / "fluentbit" / "build.py"))
        target = Path(self.get_ext_fullpath(ext.name)).absolute()
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            # A wheel is built in an environment that is gone when it is used.
            builder["build"](target, prefix=None if self.editable_mode else Path(sys.base_prefix))
        except builder["BuildError"] as error:
            raise CompileError(str(error)) from None


class CopyDeployed(build_py):
    """Installs the folders that operators take from, which lie outside of src."""

    def run(self) -> None:
        """Copy them beside the modules that hand them out; a checkout uses them where they are."""
        super().run()
        if self.editable_mode:
            return
        for folder, target in DEPLOYED.items():
            shutil.copytree(ROOT / folder, Path(self.build_lib, target), dirs_exist_ok=True)


setup(
    cmdclass={"build_ext": BuildFilter, "build_py": CopyDeployed},
    ext_modules=[
        Extension(FILTER, ["fluentbit/filter_exchange.c"], optional=True),
        Extension(
            "exnorm._kernel",
            sorted(path.as_posix() for path in KERNEL.glob("*.c")),
            depends=sorted(path.as_posix() for path in KERNEL.glob("*.h")),
            optional=True,
        ),
    ],
)
