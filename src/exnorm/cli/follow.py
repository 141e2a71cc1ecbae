"""``convert --follow``: read files that grow, rotate and appear, as rows come.

A file is identified by its path and its inode. A renamed one is read to its end and the new file of its name
from its beginning; one that became shorter is read again from its beginning; new files in a folder or under a
glob are included. A last line without a LF waits for the rest.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from exnorm.cli.conversion import Run, Sink, convert_block
from exnorm.cli.inputs import READ_BYTES, STDIN, Input, InputError, expand, find_compression, reading
from exnorm.errors import SettingsError
from exnorm.files.shared import open_shared
from exnorm.pipeline.normalizer import Normalizer
from exnorm.pipeline.stream import StreamTable

LOOK_SECONDS = 0.5
"""How long nothing is looked at after a look that found nothing."""

OPEN_FILES = 256
"""So many are kept open, the ones read last; the others are opened again when they grow."""


@dataclass
class _File:
    item: Input
    inode: int
    offset: int = 0
    handle: BinaryIO | None = None


class Follower:
    """Returns new bytes of files again and again; ``say`` is called once for each file that
    cannot be read.
    """

    def __init__(self, patterns: Sequence[str], say: Callable[[str], object]) -> None:
        if STDIN in patterns or not patterns:
            raise SettingsError(
                "--follow needs a file, a folder or a glob; standard input is read to its end anyway"
            )
        self._patterns = patterns
        self._say = say
        self._files: dict[str, _File] = {}
        self._told: set[str] = set()

    def look(self) -> Iterator[tuple[Input, int, bytes]]:
        """Yield new content: a file, its inode, and a block of it."""
        for item in self._find():
            try:
                yield from self._read_new(item)
            except InputError as error:
                if item.name not in self._told:
                    self._told.add(item.name)
                    self._say(str(error))

    def _find(self) -> list[Input]:
        found: dict[str, Input] = {}
        for pattern in self._patterns:
            try:
                found.update((item.name, item) for item in expand([pattern]))
            except SettingsError as error:  # what is not there yet may still come
                if pattern not in self._told:
                    self._told.add(pattern)
                    self._say(f"{error}; waiting for it")
        return list(found.values())

    def _read_new(self, item: Input) -> Iterator[tuple[Input, int, bytes]]:
        file = self._files.get(item.name)
        with reading(item):
            status = os.stat(item.name)
        if file is not None and (status.st_ino != file.inode or status.st_size < file.offset):
            if status.st_ino != file.inode and file.handle is not None:
                yield from self._read_rest(file)  # the end of the file that had the name before
            self._close(file)
            file = None
        if file is None:
            kind = find_compression(item)
            if kind:
                raise InputError(f"{item.name}: is compressed ({kind}), so it is not followed")
            file = _File(item, status.st_ino)
            self._files[item.name] = file
        if status.st_size > file.offset:
            yield from self._read_rest(file)

    def _read_rest(self, file: _File) -> Iterator[tuple[Input, int, bytes]]:
        if file.handle is None:
            self._make_room()
            with reading(file.item):
                file.handle = open(  # noqa: SIM115
                    file.item.name, "rb", buffering=0, opener=open_shared
                )
                file.handle.seek(file.offset)
        while True:
            with reading(file.item):
                block = file.handle.read(READ_BYTES)
            if not block:
                return
            file.offset += len(block)
            yield file.item, file.inode, block

    def _make_room(self) -> None:
        opened = [file for file in self._files.values() if file.handle is not None]
        for file in opened[: max(0, len(opened) - OPEN_FILES + 1)]:
            self._close(file)

    def _close(self, file: _File) -> None:
        if file.handle is not None:
            file.handle.close()
            file.handle = None


def end_at_signals() -> None:
    """Let SIGTERM end the run like Ctrl-C, and Ctrl-C even where a shell started it in the background."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


def follow_files(normalizer: Normalizer, follower: Follower, target: Sink | None, run: Run) -> None:
    """Convert new content until ``KeyboardInterrupt``; a file of an unknown type is named and left out."""
    streams: StreamTable[str] = StreamTable(lambda key: normalizer.stream(key[: key.rindex(":")]))
    refused: set[str] = set()
    while True:
        idle = True
        for item, inode, block in follower.look():
            idle = False
            key = f"{item.shown}:{inode}"
            if key in refused:
                continue
            if key not in streams:
                run.files += 1
                refusal = normalizer.explain_refusal(item.shown, block) if _has_row(block) else ""
                if refusal:
                    refused.add(key)
                    run.refuse_file(item, refusal)
                    continue
            convert_block(normalizer, streams.get(key), block, target, run.refuse)
        if idle:
            time.sleep(LOOK_SECONDS)


def _has_row(block: bytes) -> bool:
    """Return whether a log's first block has a whole line after its header, so that its type can be found."""
    return any(line and not line.startswith(b"#") for line in block.split(b"\n")[:-1])
