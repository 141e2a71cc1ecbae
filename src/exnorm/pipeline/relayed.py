"""Read a file of a syslog relay: lines after syslog headers.

The header names the sender of a line. A relay's file contains the logs of many senders, so the lines of each
sender, by host and program, are read as a log of their own.
"""

from __future__ import annotations

from collections.abc import Callable

from exnorm.model import Head, Layout, Read, Reader, Record, Schema, Source, Unparsed
from exnorm.pipeline.stream import Redact, Stream, StreamTable
from exnorm.settings import Settings
from exnorm.text.syslog import Header, cut_frames, find_header

HOST = "syslog-host"
"""The name under which a record keeps its sender."""

_SENDERS = 1024
_PAYLOAD = ("AgentDevice=", "SourceIp=")


class RelayedStream(Stream):
    """A file of a relay, or any log whose lines may have a syslog header, read without those headers.

    Each record has its sender among its ``marks``; a line that does not parse keeps its header.
    """

    def __init__(
        self,
        name: str,
        recognize: Callable[[Head], Source | None],
        settings: Settings,
        redact: Redact = lambda source, raw, directives: raw,
        explain: Callable[[Head], str] = lambda head: "",
    ) -> None:
        super().__init__(name, recognize, settings, redact, explain)
        self._senders: StreamTable[tuple[str, str]] = StreamTable(
            lambda sender: Stream(name, recognize, settings, redact, explain), _SENDERS
        )
        self._last: Stream | None = None

    def read(self, line: bytes | str) -> Read:
        """Return the items of one line, after its header is removed."""
        self.line_number += 1
        text = self._decode(line)
        if not isinstance(text, str):
            return text
        found = [item for frame in cut_frames(text) for item in self._read_frame(frame)]
        return found if len(found) > 1 else found[0] if found else None

    def _read_frame(self, text: str) -> list[Record | Unparsed]:
        header = find_header(text)
        if header is None or text.startswith(_PAYLOAD, len(header.text)):  # a payload is its header's too
            header = Header("", "", "")
        stream = self._last = self._senders.get((header.host, header.app))
        stream.line_number = self.line_number - 1
        found = stream.read(text[len(header.text) :])
        self.source, self.directives = stream.source, stream.directives
        items = found if isinstance(found, list) else [] if found is None else [found]
        return [_with_header(item, header) for item in items] if header.text else items

    @property
    def schema(self) -> Schema | None:
        """The columns of the last line's log."""
        return None if self._last is None else self._last.schema

    def header(self) -> list[str]:
        """Return the header lines of every sender, each after a syslog header of its own."""
        return [
            f"<14>1 - {host} {app or '-'} - - - {line}" if host else line
            for (host, app), stream in self._senders.items()
            for line in stream.header()
        ]

    def ready(self) -> Reader | None:
        """Return ``None``: every line must be read, because its header names its log."""
        return None

    @property
    def layout(self) -> Layout | None:
        """Always ``None``, as for ``ready``."""
        return None

    @property
    def reads_each(self) -> bool:
        """Whether every line must come to the reader: always."""
        return True

    @property
    def memory(self) -> object:
        """Always ``None``: the file cannot be cut into parts."""
        return None

    def recognize(self, line: str = "") -> bool:
        """Return whether the last line's log is known."""
        return self._last is not None and self._last.source is not None

    def take_evicted(self) -> dict[str, int]:
        """Return, by source, how much the readers of all senders have forgotten."""
        evicted = super().take_evicted()
        for _, stream in self._senders.items():
            for name, amount in stream.take_evicted().items():
                evicted[name] = evicted.get(name, 0) + amount
        return evicted

    def drain(self) -> list[Record | Unparsed]:
        """Return what the readers still held."""
        return [item for _, stream in self._senders.items() for item in stream.drain()]


def _with_header(item: Record | Unparsed, header: Header) -> Record | Unparsed:
    if isinstance(item, Record):
        item.marks[HOST] = header.host
        return item
    return Unparsed(header.text + item.raw, item.kind, item.reason, item.line_number, item.path)
