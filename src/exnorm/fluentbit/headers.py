"""Find the header of a log that is not read from its beginning.

A filter may never see ``#Fields``: the shipper continues after a restart, each worker has its own instance, a
file was renamed. Seen headers are remembered for each file; others are read from the file itself; where that
is not possible, the columns are found from a row's width.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterable
from itertools import takewhile
from weakref import WeakSet

from exnorm.model import Record, Unparsed
from exnorm.pipeline.counts import Tally
from exnorm.pipeline.normalizer import Normalizer
from exnorm.pipeline.stream import Stream, StreamTable
from exnorm.relay.headers import Headers
from exnorm.text.lines import LineCutter

SCANNED_BYTES = 32 << 20  # Exchange's own logs end at 10 MB; a filter must not read for long
REPLAYED_BYTES = 1 << 20  # rows before the first one, for what a log type remembers of them
LEADING_BYTES = 64 << 10
HEADER_LINES = 1000
_BOM = b"\xef\xbb\xbf"
_BEGINNING = b"#Software"
_FOUND = {"header": "seen", "count": "width"}

Log = tuple[str, str]
"""Host and path of a log; an empty host where the record tells none."""


class Logs:
    """The state of each log, by tag, host and path; a header not seen is read from the file or the saved
    state.

    ``found`` counts, once for each log, how its columns were found: ``seen`` (in the records), ``file`` (read
    from the file), ``state`` (remembered in ``headers``), ``width`` (the number of columns and
    ``schema-version``).
    """

    def __init__(self, normalizer: Normalizer, read_header: bool, headers: Headers | None = None) -> None:
        self.found = Tally()
        self._normalizer = normalizer
        self._read_header = read_header
        self._headers = headers
        self._table: StreamTable[tuple[str, str, str]] = StreamTable(self._make)
        self._undecided: WeakSet[Stream] = WeakSet()

    def _make(self, key: tuple[str, str, str]) -> Stream:
        _, host, path = key
        stream = self._normalizer.stream(path)
        is_here = self._read_header and os.path.isfile(path)  # one file, whoever reads it
        stream.may_be_several = bool(path) and not host and not is_here
        return stream

    @property
    def forgotten(self) -> int:
        """The number of logs that were forgotten to keep memory bounded."""
        return self._table.forgotten

    def get(self, tag: str, log: Log, line: bytes | None) -> Stream:
        """Return the state of a log; ``line`` is its next line, ``None`` for a row that came split."""
        key = (tag, *log)
        is_new = key not in self._table
        stream = self._table.get(key)
        if is_new and line is not None:
            self._begin(stream, key, line)
        return stream

    def find(self, tag: str, log: Log) -> Stream | None:
        """Return the state of a known log whose first record has passed; else ``None``."""
        key = (tag, *log)
        stream = self._table.get(key) if key in self._table else None
        return None if stream is None or stream in self._undecided else stream

    def note_header(self, tag: str, log: Log, stream: Stream) -> None:
        """Remember the header of a log after a line of it."""
        if self._headers is not None:
            self._headers.put((tag, *log), stream.header())

    def save(self) -> None:
        """Save the headers over a restart, because they will not come again."""
        if self._headers is not None:
            self._headers.save()

    def awaits(self, stream: Stream) -> bool:
        """Return whether ``note`` must see the log's next record."""
        return stream in self._undecided

    def note(self, stream: Stream, item: Record | Unparsed) -> None:
        """Count how a log's columns were found, at its first record."""
        if self._undecided and isinstance(item, Record) and stream in self._undecided:
            self._undecided.discard(stream)
            found = _FOUND.get(item.schema.found)
            if found is not None:
                self.found.add(found)

    def _begin(self, stream: Stream, key: tuple[str, str, str], line: bytes) -> None:
        """Read what was before the first line of a log: from its file, else from the saved state."""
        _, host, path = key
        found = ""
        if not line.removeprefix(_BOM).startswith(_BEGINNING):
            if path and self._read_header:
                is_sure = not host or _is_here(host)
                found = self._take_up("file", stream, read_before(path, line, self._normalizer, is_sure))
            if not found and self._headers is not None:
                found = self._take_up("state", stream, self._headers.get(key))
        if found:
            self.found.add(found)
        else:
            self._undecided.add(stream)

    def _take_up(self, name: str, stream: Stream, lines: Iterable[bytes | str]) -> str:
        for earlier in lines:
            stream.read(earlier)
        has_header = stream.directives or (stream.schema is not None and stream.schema.found == "header")
        return name if has_header else ""


def _is_here(host: str) -> bool:
    """Return whether a host's name is this machine's, with or without its domain."""
    here = socket.gethostname()
    return host.partition(".")[0].lower() == here.partition(".")[0].lower()


def read_before(path: str, line: bytes, normalizer: Normalizer, is_sure: bool = True) -> list[bytes]:
    """Return the lines of the file that its reader must know before this line.

    These are all header lines before it, and the last rows. If the file does not contain the line (it was
    replaced, or the line is beyond the part that is searched), these are the header lines at its beginning,
    if it ``is_sure`` that the line is from this file. Empty where the file cannot be read or is not a regular
    file.
    """
    content = _read_text(path, normalizer)
    if not content:
        return []
    text = b"\n" + content
    at = _find_line(text, line.rstrip(b"\r\n"))
    if at < 0:
        return [] if not is_sure else _leading(text, path, normalizer)
    tail_at = text.rfind(b"\n", 0, max(at - REPLAYED_BYTES, 1))
    rows = [old for old in text[tail_at:at].split(b"\n") if old]
    if tail_at == 0:
        return rows
    headers = [old for old in text[:tail_at].split(b"\n") if old.startswith(b"#")]
    return _leading(text, path, normalizer) + headers[-HEADER_LINES:] + rows


def _leading(text: bytes, path: str, normalizer: Normalizer) -> list[bytes]:
    """Return the header lines at the beginning of a log, a bare line of column names included."""
    stream = normalizer.stream(path)
    lines = text[1:LEADING_BYTES].split(b"\n")
    return list(takewhile(lambda line: stream.read(line) is None, lines[:HEADER_LINES]))


def _find_line(text: bytes, line: bytes) -> int:
    """Return the position of the LF before a whole line; -1 where the line is not there."""
    if not line:
        return -1
    at = text.find(b"\n" + line)
    while at >= 0 and text[at + 1 + len(line) : at + 2 + len(line)] not in (b"\r", b"\n", b""):
        at = text.find(b"\n" + line, at + 1)
    return at


def _read_text(path: str, normalizer: Normalizer) -> bytes:
    content = _read_regular(path)
    if content[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        return content.removeprefix(_BOM)
    cutter = LineCutter(normalizer.settings.max_line_bytes)
    return b"\n".join(cutter.feed(content)).removeprefix(_BOM)


def _read_regular(path: str) -> bytes:
    """Return the beginning of a regular file; empty for anything else, which might block or never end."""
    flags = os.O_RDONLY
    for name in ("O_NONBLOCK", "O_NOCTTY", "O_BINARY"):
        flags |= getattr(os, name, 0)
    try:
        descriptor = os.open(path, flags)
    except (OSError, ValueError):
        return b""
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return b""
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(SCANNED_BYTES)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
