"""Turn paths, globs and folders into the files to read, and read them block by block."""

from __future__ import annotations

import contextlib
import glob
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from exnorm.cli.compressed import (
    MAGIC_BYTES,
    ZIP,
    ArchiveError,
    CompressedError,
    explain_closed,
    list_members,
    name_kind,
    read_member,
    unpack,
)
from exnorm.errors import SettingsError, quote
from exnorm.files.shared import open_shared
from exnorm.pipeline.normalizer import Normalizer

BLOCK_BYTES = 64 * 1024
READ_BYTES = 256 * 1024
STDIN = "-"
_BINARY = getattr(os, "O_BINARY", 0)  # Windows would change line ends


class InputError(Exception):
    """A file cannot be read; ``str()`` of it names the file and the reason."""


class ClosedError(InputError):
    """A file has content that is never read; ``reason`` says what, without the file's name."""

    def __init__(self, shown: str, reason: str) -> None:
        super().__init__(f"{shown}: {reason}")
        self.reason = reason


@dataclass(frozen=True)
class Input:
    """One input: a file, a ``member`` of a zip archive, or standard input under the name ``-``."""

    name: str
    size: int = 0
    member: str = ""

    @property
    def shown(self) -> str:
        r"""The name as text: bytes that are not UTF-8 become U+FFFD, never a ``\`` of a path."""
        shown = os.fsencode(self.name).decode("utf-8", "replace")
        return f"{shown}/{self.member}" if self.member else shown


def expand(patterns: Sequence[str], *, may_be_empty: bool = False) -> list[Input]:
    """Return the files of paths, globs (``**`` includes subfolders) and folders, each once.

    A folder stands for every file below it, in the order of their names; a zip archive for every file in it.
    Raises ``SettingsError`` for a missing path, and for an empty folder unless it ``may_be_empty``.
    """
    if not patterns and sys.stdin is not None and sys.stdin.isatty():
        raise SettingsError("no PATH given; - reads standard input")
    found: dict[str, Input] = {}
    for pattern in patterns or (STDIN,):
        names = _expand_one(pattern)
        if not names and not may_be_empty:
            raise SettingsError(f"no file below {quote(pattern)}: the folder is empty")
        for name in names:
            key = name if name == STDIN else _resolve(name)
            for item in _expand_archive(name, is_named=name == pattern):
                found.setdefault(f"{key}\0{item.member}" if item.member else key, item)
    if STDIN in found and sys.stdin is None:
        raise SettingsError("standard input is closed; name a file to read")
    return list(found.values())


def _expand_archive(name: str, is_named: bool) -> list[Input]:
    """Return the files in a zip archive; other files, and archives in a folder under another suffix, stay
    whole.
    """
    item = Input(name, _size(name))
    if name == STDIN or not (is_named or name.lower().endswith(".zip")) or find_compression(item) != ZIP:
        return [item]
    try:
        return [Input(name, size, member) for member, size in list_members(name)] or [item]
    except (CompressedError, OSError):
        return [item]  # reading it says why


def find_compression(item: Input) -> str:
    """Return a file's compression; empty where it has none or cannot be opened."""
    try:
        if item.name == STDIN or not os.path.isfile(item.name):
            return ""
        with open(item.name, "rb", opener=open_shared) as file:
            return name_kind(file.read(MAGIC_BYTES))
    except OSError:
        return ""


def _resolve(name: str) -> str:
    """Return the path without links, to recognize a file that is named twice."""
    try:
        return os.path.realpath(name)
    except OSError:  # Windows has paths that it cannot resolve; reading it says what is wrong
        return name


def _size(name: str) -> int:
    """Return the number of bytes to read, for the progress bar; 0 where unknown."""
    try:
        return 0 if name == STDIN else os.path.getsize(name)
    except OSError:
        return 0


def _expand_one(pattern: str) -> list[str]:
    if pattern == STDIN:
        return [STDIN]
    if os.path.isdir(pattern):
        names = [pattern]
    elif os.path.exists(pattern):
        return [pattern]
    elif glob.has_magic(pattern):
        names = sorted(glob.glob(pattern, recursive=True))
        if not names:
            raise SettingsError(f"no file matches {quote(pattern)}")
    else:
        raise SettingsError(_explain_absence(pattern))
    files: list[str] = []
    for name in names:
        if os.path.isdir(name):
            files += sorted(_files_below(name))
        else:
            files.append(name)
    return [name for name in files if not _is_endless(name)]


def _is_endless(name: str) -> bool:
    """Return whether a name found in a folder is a pipe or a device, which may never end.

    A dangling link and an unreadable folder are kept: reading them reports why.
    """
    return os.path.exists(name) and not (os.path.isfile(name) or os.path.isdir(name))


def _explain_absence(name: str) -> str:
    try:
        os.stat(name)
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        return f"cannot read {quote(name)}: {getattr(error, 'strerror', None) or error}"
    return f"no such file or folder: {quote(name)}"


def _files_below(folder: str) -> list[str]:
    """Return the names of files in a folder and its subfolders.

    An unreadable folder is returned in place of its files: reading it reports why.
    """
    closed: list[str] = []
    walk = os.walk(folder, onerror=lambda error: closed.append(str(error.filename)))
    files = [os.path.join(top, file) for top, _, below in walk for file in below]
    return files + closed


def read_blocks(item: Input) -> Iterator[bytes]:
    """Yield the bytes of a log as they come, unpacked; from a pipe without waiting for a full block.

    Raises ``InputError``, so that no error of an output is taken for one of the input.
    """
    blocks = read_member(item.name, item.member) if item.member else unpack(_read_blocks(item))
    while True:
        try:
            with reading(item):
                block = next(blocks, None)
        except ArchiveError as error:
            raise ClosedError(item.shown, str(error)) from None
        except CompressedError as error:
            raise InputError(f"{item.shown}: {error}") from None
        if block is None:
            return
        yield block


def _read_blocks(item: Input) -> Iterator[bytes]:
    with reading(item):
        file = sys.stdin.fileno() if item.name == STDIN else open_shared(item.name, os.O_RDONLY | _BINARY)
    try:
        while True:
            with reading(item):
                block = os.read(file, READ_BYTES)
            if not block:
                return
            yield block
    finally:
        if item.name != STDIN:
            os.close(file)


@contextlib.contextmanager
def reading(item: Input) -> Iterator[None]:
    """Turn errors of reading a file into ``InputError``."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{item.shown}: cannot be read: {error.strerror or error}") from None


def explain_refusal(item: Input, normalizer: Normalizer) -> str:
    """Return why a file is not read at all; empty where its type is known from its first 64 KiB.

    Standard input is never refused: its lines are read one by one as they come. Raises ``InputError``.
    """
    if item.name == STDIN or item.size == 0:
        return ""
    kind = find_compression(item)
    if not item.member and kind:
        closed = explain_closed(kind)
        if not closed and kind == ZIP:
            closed = "is compressed (zip), and no archive with a file that can be read"
        if closed:
            return closed
    blocks: list[bytes] = []
    try:
        for block in read_blocks(item):
            blocks.append(block)
            if sum(map(len, blocks)) >= BLOCK_BYTES:
                break
    except ClosedError as error:
        return error.reason
    return normalizer.explain_refusal(item.shown, b"".join(blocks)[:BLOCK_BYTES])


def same_file(one: str, other: str) -> bool:
    """Return whether two paths lead to one file."""
    return os.path.exists(one) and os.path.exists(other) and os.path.samefile(one, other)
