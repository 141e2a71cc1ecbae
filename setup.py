"""The one thing that setup.cfg cannot say: the native kernel, left out where it cannot be built."""

from setuptools import Extension, setup

setup(ext_modules=[Extension("exnorm._kernel", ["src/exnorm/_kernel.c"], optional=True)])
