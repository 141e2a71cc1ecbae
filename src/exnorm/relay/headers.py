"""Remember the header lines of each log, so that columns stay known after a reload or restart.

A shipper sends a log's header once. Without this, rows after a restart would be recognized by their form
alone, which IIS logs do not have, and without the version in the header.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from exnorm.errors import SettingsError, quote
from exnorm.files.private import open_private

FILES_KEPT = 2048
LINES_KEPT = 32
LINE_KEPT = 16384  # characters; a longer line is no header

Key = tuple[str, ...]
"""What a log is known by: its host and path, with whatever else tells logs apart before them."""


class Headers:
    """Header lines by log, kept in ``path`` if one is given; of too many logs, the newest headers stay.

    Only one thread may call it. ``report`` is called when the file cannot be written, and when it can again;
    the lines are remembered nevertheless, and written with the next ones. A damaged file is renamed and
    reported. ``failed`` counts failed writes.
    """

    def __init__(self, path: Path | None, report: Callable[[str], None]) -> None:
        self._path = path
        self._report = report
        self._lines: dict[Key, list[str]] = {}
        self._changed = False
        self._is_failing = False
        self.failed = 0
        if path is not None:
            self._load(path)

    def put(self, key: Key, lines: list[str]) -> None:
        """Remember the current header of a log."""
        kept = [line for line in lines[-LINES_KEPT:] if len(line) <= LINE_KEPT]
        if self._lines.get(key) == kept:
            return
        self._lines.pop(key, None)
        self._lines[key] = kept
        self._changed = True
        if len(self._lines) > FILES_KEPT:
            del self._lines[next(iter(self._lines))]

    def get(self, key: Key) -> list[str]:
        """Return the header lines of a log, empty where unknown."""
        return self._lines.get(key, [])

    def all(self) -> Iterator[tuple[Key, list[str]]]:
        """Yield every log with its header lines."""
        yield from list(self._lines.items())

    def save(self) -> None:
        """Write the file anew if something changed; it is complete at every moment."""
        if self._path is None or not self._changed:
            return
        content = [[*key, lines] for key, lines in self._lines.items()]
        part = self._path.with_name(self._path.name + ".part")
        try:
            with contextlib.suppress(FileNotFoundError):
                part.unlink()  # of a run that was killed
            with open(part, "xb", opener=open_private) as file:
                file.write(msgspec.json.encode(content))
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path)
        except (OSError, ValueError) as error:
            self.failed += 1
            if not self._is_failing:
                self._is_failing = True
                reason = getattr(error, "strerror", None) or error
                self._report(f"state: cannot write {quote(self._path)}: {reason}; batches go on without")
            with contextlib.suppress(OSError):
                part.unlink()  # what is left of it may be what fills the disk
            return
        if self._is_failing:
            self._is_failing = False
            self._report(f"state: {quote(self._path)} is written again")
        self._changed = False

    def _load(self, path: Path) -> None:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            self._begin(path)
            return
        except OSError as error:
            raise SettingsError(f"state: cannot read {quote(path)}: {error.strerror}") from None
        try:
            for *key, lines in msgspec.json.decode(content, type=list[list[str | list[str]]]):
                if not key or isinstance(lines, str) or not all(isinstance(part, str) for part in key):
                    raise ValueError("no header lines")
                self._lines[tuple(map(str, key))] = lines
        except ValueError:  # of msgspec too
            self._lines.clear()
            self._set_aside(path)

    def _begin(self, path: Path) -> None:
        """Make the folder and an empty file, so that a wrong path fails now and not at a header."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                f"state: cannot make the folder {quote(path.parent)}: {error.strerror}"
            ) from None
        self._changed = True
        self.save()
        if self._changed:
            raise SettingsError(f"state: cannot write {quote(path)}")

    def _set_aside(self, path: Path) -> None:
        aside = path.with_name(path.name + ".damaged")
        try:
            path.replace(aside)
        except OSError as error:
            raise SettingsError(
                f"state: {quote(path)} is not a file of header lines, and cannot be renamed: {error.strerror}"
            ) from None
        self._report(
            f"state: {quote(path)} is not a file of header lines; it lies as {quote(aside.name)} beside, and "
            "the headers are learned anew"
        )
        self._begin(path)
