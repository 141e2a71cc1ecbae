"""Paths, globs and folders -> the files to read, and their bytes block by block."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from exnorm.errors import SettingsError, quote
from exnorm.model import Unparsed
from exnorm.pipeline import Normalizer

BLOCK_BYTES = 64 * 1024
STDIN = "-"


@dataclass(frozen=True)
class Input:
    """One thing to read: a file, or standard input under the name ``-``."""

    name: str
    size: int = 0


def expand(patterns: Sequence[str]) -> list[Input]:
    """The files that paths, globs (``**`` goes through folders) and folders stand for, each once.

    A folder stands for every file below it, in the order of their names. Raises ``SettingsError``
    for what is not there.
    """
    if not patterns and sys.stdin.isatty():
        raise SettingsError("no PATH given; - reads standard input")
    found: dict[str, Input] = {}
    for pattern in patterns or (STDIN,):
        for name in _expand_one(pattern):
            key = name if name == STDIN else os.path.realpath(name)
            found.setdefault(key, Input(name, 0 if name == STDIN else _size_of(name)))
    return list(found.values())


def _size_of(name: str) -> int:
    """The size of a file; 0 where it went away meanwhile, which is reported when it is read."""
    try:
        return os.path.getsize(name)
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
        raise SettingsError(f"no such file or folder: {quote(pattern)}")
    files: list[str] = []
    for name in names:
        if os.path.isdir(name):
            below = (os.path.join(top, file) for top, _, files_ in os.walk(name) for file in files_)
            files += sorted(below)
        else:
            files.append(name)
    # What is no file, as a pipe without a writer, would be waited for without end.
    return [name for name in files if os.path.isfile(name) or not os.path.exists(name)]


def read_blocks(item: Input) -> Iterator[bytes]:
    """The bytes of a file as they can be had: from a pipe, without waiting for a full block."""
    if item.name == STDIN:
        while block := os.read(sys.stdin.fileno(), BLOCK_BYTES):
            yield block
        return
    with open(item.name, "rb", buffering=0) as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def explain_refusal(item: Input, normalizer: Normalizer) -> str:
    """Why a file is not read at all; empty where its type is known from its first 64 KiB.

    Standard input is never refused: its lines are judged one by one, as they come.
    """
    if item.name == STDIN or item.size == 0:
        return ""
    with open(item.name, "rb") as file:
        block = file.read(BLOCK_BYTES)
    stream = normalizer.stream(item.name)
    why = ""
    for line in stream.cut(block) or stream.finish():
        found = stream.read(line)
        if stream.source is not None:
            return ""
        if isinstance(found, Unparsed) and found.kind == "syntax":
            why = why or f": {found.reason}"
    if stream.recognize():
        return ""
    log_type = stream.directives.get("log-type")
    known = ", ".join(source.name for source in normalizer.sources)
    return f"unknown log type{' ' + quote(log_type) if log_type else ''}{why}; known are {known}"


def same_file(one: str, other: str) -> bool:
    """Whether two paths lead to one file."""
    return os.path.exists(one) and os.path.exists(other) and os.path.samefile(one, other)
