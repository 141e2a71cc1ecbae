"""The progress bar, on standard error and on a terminal only."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import click

from exnorm.cli.inputs import Input


def wants_bar(inputs: list[Input], output: str | None, quiet: bool) -> bool:
    """Return whether to draw a progress bar: on a terminal that nothing else is written to."""
    if quiet or not sum(item.size for item in inputs):
        return False
    return sys.stderr.isatty() and (output is not None or not sys.stdout.isatty())


@contextlib.contextmanager
def progress(inputs: list[Input], has_bar: bool) -> Iterator[Callable[[int], Any]]:
    """Yield a function to call with the size of each piece that was read."""
    if not has_bar:
        yield lambda size: None
        return
    with click.progressbar(length=sum(item.size for item in inputs), file=sys.stderr, label="exnorm") as bar:
        yield bar.update
