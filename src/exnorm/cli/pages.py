"""Write a page of HTML: its place is checked before any log is read, and it is written whole
or not at all.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from exnorm.cli.inputs import STDIN, Input, same_file
from exnorm.errors import SettingsError, quote, show

HEAD_BYTES = 2048


def check_page(output: str, force: bool, generator: str, inputs: Iterable[Input]) -> None:
    """Raise ``SettingsError`` where a page of a generator cannot, or must not, be written to ``output``."""
    if output == STDIN:
        return
    folder = os.path.dirname(os.path.realpath(output))
    if not os.path.isdir(folder):
        raise SettingsError(f"--output: cannot write {quote(output)}: there is no folder {quote(folder)}")
    if not os.path.exists(output):
        return
    if os.path.isdir(output):
        raise SettingsError(f"--output: {quote(output)} is a folder")
    if not os.path.isfile(output) or _is_page(output, generator):  # a device or a pipe
        return
    if any(item.name != STDIN and same_file(output, item.name) for item in inputs):
        raise SettingsError(f"--output {quote(output)} is one of the files to read")
    if not force:
        kind = generator.rpartition(" ")[2]
        raise SettingsError(f"--output: {quote(output)} is there and is no {kind}; --force writes over it")


def leave_out(inputs: Iterable[Input], output: str) -> list[Input]:
    """Return the files to read, without the page to be written, which may be among them."""
    is_file = output != STDIN and os.path.isfile(output)
    return [item for item in inputs if not is_file or item.name == STDIN or not same_file(output, item.name)]


def _is_page(path: str, generator: str) -> bool:
    """Return whether a file is a page of this generator, or empty."""
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return False
    return not head or f'<meta name="generator" content="{generator} '.encode() in head


def write_page(output: str, page: bytes, option: str = "--output") -> str:
    """Write the page whole or not at all; return why ``option``'s file could not be written."""
    try:
        if output == STDIN:
            sys.stdout.buffer.write(page)
            sys.stdout.buffer.flush()
        elif os.path.exists(output) and not os.path.isfile(output):
            Path(output).write_bytes(page)
        else:
            _replace(output, page)
    except BrokenPipeError:
        raise
    except OSError as error:
        return f"{option}: cannot write {show(quote(output))}: {error.strerror or error}"
    return ""


def _replace(output: str, page: bytes) -> None:
    """Move the page to its place only after all of it is on the disk."""
    target = os.path.realpath(output)
    number, draft = tempfile.mkstemp(prefix=".page-", suffix=".html", dir=os.path.dirname(target))
    try:
        with os.fdopen(number, "wb") as file:
            file.write(page)
        os.chmod(draft, _mode(target))
        os.replace(draft, target)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise


def _mode(target: str) -> int:
    """Return the mode of the page to be replaced; for a new one, the default mode of new files."""
    if os.path.exists(target):
        return os.stat(target).st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
