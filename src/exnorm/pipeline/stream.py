"""The state of one log file between lines: its type, its header, its schema, the line number."""

from __future__ import annotations

import re
from codecs import BOM_UTF16_BE
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import BufferedReader
from typing import AnyStr, Generic, TypeVar

from exnorm.errors import quote
from exnorm.model import Confidence, Head, Layout, Lines, Read, Reader, Record, Schema, Source, Unparsed
from exnorm.settings import Settings
from exnorm.text.encodings import find_encoding, is_wide
from exnorm.text.lines import (
    INDENT,
    MARGIN,
    SEPARATORS,
    UTF16_BE,
    UTF16_LE,
    LineCutter,
    Span,
    decode_utf16,
    find_crowd,
    find_utf16,
    join_csv,
    looks_utf16,
)
from exnorm.text.syslog import find_header

# The names of Exchange's header lines, by which a header that lost its "#" is recognized.
_DIRECTIVE = re.compile(r"#\s*([A-Za-z][A-Za-z-]*)\s*:(.*)", re.DOTALL)
_BARE_DIRECTIVE = re.compile(r"(Software|Version|Log-type|Date|Fields)\s*:\s(.*)", re.IGNORECASE | re.DOTALL)
_FIRST_OF_HEADER = frozenset("#SsVvLlDdFf")  # what such a line can begin with; few rows do
# Where the next directive of a header joined on one line begins; no value contains such a word.
_JOINED = re.compile(r"(?<=\S)\s+(?=#?\s?(?:Software|Version|Log-type|Date|Fields)\s*:\s)", re.IGNORECASE)
_JOINED_MOST = 8  # more than the lines of a header
_BEGINNING = re.compile(r"Software\s*:\s+Microsoft ", re.IGNORECASE)
# Bare names of columns; no row has words only, because each has a time.
_NAMES = re.compile(r'"?[A-Za-z][\w().-]*"?(?:[,;\t ]+"?[A-Za-z][\w().-]*"?){2,}[,;\t ]*')
_NAMES_END = re.compile(r"[,;\t ]+")
_SYSLOG = "the line begins with a syslog header, which strip_syslog takes away"
_OF_SHAPE = frozenset(("date", "quote", "syntax", "unknown-type", "width"))  # kinds that a header can cause
_HEADER_HEAD = 2048  # characters, more than a syslog header has
_UNLIKE = "no known log type has lines like this one"
_ROW = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")
# A "#" line that begins a header: of Exchange 2003, of an export.
_HEADING = re.compile(r"#\s*(?:message tracking log file|date\s+time\s|TYPE\s)", re.IGNORECASE)
_NEW_BLOCK = ("software", "log-type")
_BOM = "\ufeff"
_NAME = re.compile(r"[^\s,;]+")
_HEADERS_KEPT = 16
_REMARKS_KEPT = 4096  # characters; a header of remarks only must not grow without bound

# Far above the values of any log.
MOST_COLUMNS = 5000
HEADER_LONGEST = 64 * 1024  # characters of a header line

BLOCK_BYTES = 64 * 1024
"""As much is read at once of an open file."""

K = TypeVar("K")
Recognize = Callable[[Head], "Source | None"]
Redact = Callable[["Source | None", str, Mapping[str, str]], str]
"""A raw line without secrets, by the log's source and its header."""


class StreamTable(Generic[K]):
    """The streams of a host by log; beyond ``limit``, the one used longest ago is forgotten.

    ``forgotten`` counts those; a forgotten log is recognized anew at its next row.
    """

    def __init__(self, make: Callable[[K], Stream], limit: int = 4096) -> None:
        self.forgotten = 0
        self._make = make
        self._limit = limit
        self._streams: dict[K, Stream] = {}

    def __contains__(self, name: K) -> bool:
        return name in self._streams

    def __len__(self) -> int:
        return len(self._streams)

    def get(self, name: K) -> Stream:
        """Return the stream of a log, made at its first row."""
        stream = self._streams.pop(name, None) or self._make(name)
        self._streams[name] = stream
        if len(self._streams) > self._limit:
            del self._streams[next(iter(self._streams))]
            self.forgotten += 1
        return stream

    def items(self) -> list[tuple[K, Stream]]:
        """Return every remembered stream with its log."""
        return list(self._streams.items())

    def all(self) -> list[Stream]:
        """Return every remembered stream, the one used last at the end."""
        return list(self._streams.values())


class Stream:
    """The state of one log file between two batches of its lines.

    Made by ``Normalizer.stream(name)``; use one for each file. ``name`` is the file's path where there is
    one, and helps to recognize the log type. ``may_be_several``: logs of several servers may come under this
    name. Where two of their headers disagree, rows cannot be assigned to either, and are refused.
    """

    def __init__(
        self,
        name: str,
        recognize: Recognize,
        settings: Settings,
        redact: Redact = lambda source, raw, directives: raw,
        explain: Callable[[Head], str] = lambda head: "",
    ) -> None:
        self.name = name
        self.line_number = 0
        self.source: Source | None = None
        self.directives: dict[str, str] = {}
        self._recognize = recognize
        self._redact = redact
        self._explain = explain
        self._settings = settings
        self._reader: Reader | None = None
        self._cutter: LineCutter | None = None
        self.encoding = find_encoding(settings.encoding)
        self._in_header = False
        self._utf16 = ""
        self._split_names: tuple[str, ...] = ()
        self._split_source = ""  # of rows under these names, where the names alone say it
        self._split_readers: dict[str, Reader] = {}  # by source
        self._evicted: dict[str, int] = {}
        self.may_be_several = False
        self._headers: dict[tuple[str, int], tuple[str, ...]] = {}
        self._contested = ""

    @property
    def schema(self) -> Schema | None:
        """The current columns, once they are known."""
        return None if self._reader is None else self._reader.schema

    def cut(self, block: bytes) -> list[bytes]:
        """Return the lines that a block of the file's bytes completes; UTF-16 is converted to UTF-8."""
        return self._cut_lines().feed(block)

    def cut_spans(self, block: bytes, *, in_one: bool = False) -> Iterator[Span]:
        """Yield the lines that a block completes as spans of it, ``in_one`` span where possible."""
        return self._cut_lines().cut(block, in_one=in_one)

    def _cut_lines(self) -> LineCutter:
        if self._cutter is None:
            self._cutter = LineCutter(self._settings.max_line_bytes, self.encoding)
        return self._cutter

    @property
    def transcodes(self) -> bool:
        """Whether lines that come one by one are in another encoding; lines of ``cut`` are converted
        already.
        """
        return bool(self.encoding) and self._cutter is None

    def transcode(self, line: bytes) -> str | Unparsed:
        """Decode a line in the log's encoding; an undecodable line is returned as unparsed and counted."""
        try:
            return line.decode(self.encoding)
        except UnicodeDecodeError as error:
            raw = line[: self.longest + MARGIN].decode(self.encoding, "backslashreplace").rstrip("\r\n")
            reason = f"not {self.encoding} at byte {error.start}: got 0x{line[error.start]:02x}"
            return self._unparsed(raw, "encoding", reason)

    def take_text(self) -> None:
        """Treat the following blocks as UTF-8, whatever the log's encoding is."""
        if self._cutter is None:
            self._cutter = LineCutter(self._settings.max_line_bytes)

    def finish(self) -> list[bytes]:
        """Return the last line of the file where it does not end in LF."""
        return [] if self._cutter is None else self._cutter.finish()

    def read(self, line: bytes | str) -> Read:
        """Return the items of one line: records, or unparsed lines with their reason; nothing for a
        header.
        """
        self.line_number += 1
        text = self._decode(line)
        if not isinstance(text, str):
            if self._reader is not None:
                self._reader.miss()
            return text
        bare = text.lstrip(INDENT)
        waiting = self._reader is not None and self._reader.waiting
        refused = self._refuse(bare)
        if refused is not None or (not waiting and (not bare or self._take_header(bare))):
            return refused
        in_header = self._in_header or self._reader is None
        if in_header and not self.recognize(bare):
            found: Read = Unparsed(text, "unknown-type", self._explain_line(bare))
        else:
            self._in_header = False
            assert self._reader is not None
            if self._contested:
                self._reader.miss()
                return self._unparsed(text, "contested", self._contested)
            found = self._reader.read(text)
            if isinstance(found, Record):  # seen at once, which of an Unparsed takes longer
                return self._placed(found)
        if isinstance(found, Unparsed) and self._take_names(bare, in_header):
            return None
        return self._place(found)

    def _explain_line(self, line: str = "") -> str:
        """Return why a line is of no known log type."""
        why = self._explain(Head(self.name, self.directives, line))
        if why:
            return why
        if "log-type" in self.directives:
            return f"unknown log type {quote(self.directives['log-type'])}"
        if "fields" in self.directives:
            return f"no known log type has the columns that #Fields names: {quote(self.directives['fields'])}"
        if "software" in self.directives:
            return f"unknown log type of software {quote(self.directives['software'])}"
        if _ROW.match(line):
            return "the row begins with a time, and no header came before it that names its columns"
        return _UNLIKE if line else "unknown log type"

    def _refuse(self, text: str) -> Unparsed | None:
        """Return a line that no reader may see as unparsed; ``None`` for any other line."""
        crowd = find_crowd(text)
        if crowd:
            if self._reader is not None:
                self._reader.miss()
            return self._unparsed(text, "width", crowd)
        refusal = _refuse_header(text) if _is_header(text) else ""
        return self._unparsed(text, "syntax", refusal) if refusal else None

    def joins(self, text: str) -> bool:
        """Return whether several lines are one row of this log, whose quoted cell contains line breaks."""
        reader = self._reader
        if reader is None:
            head = Head(self.name, self.directives, text)
            source = self._recognize(head)
            reader = None if source is None else source.open(source, head, self._settings)
        return reader is not None and len(text) <= self.longest and reader.joins(text)

    @property
    def longest(self) -> int:
        """The largest number of bytes that a line may have."""
        return self._settings.max_line_bytes

    def fail(self, line: bytes | str, error: Exception) -> Unparsed:
        """Return a line at which its source raised as unparsed, so that neither it nor later lines
        are lost.
        """
        text = self._decode(line)
        if isinstance(text, Unparsed):
            return text
        name = "(none)" if self.source is None else self.source.name
        return self._unparsed(text, "fault", f"source {name}: {type(error).__name__}: {error}")

    def explain_unknown(self, lines: Iterable[bytes]) -> str:
        """Read the first lines of a log and return why its type is unknown; empty where it is known."""
        first: Unparsed | None = None
        for line in lines:
            found = self.read(line)
            if self.source is not None and not self._in_header:
                return ""
            first = first or (found if isinstance(found, Unparsed) else None)
        if self.recognize():
            return ""
        return self._explain_line() if first is None or first.reason == _UNLIKE else first.reason

    def header(self) -> list[str]:
        """Return header lines after which another stream of this name reads rows by the same columns."""
        return [value if name == "#" else f"#{name}: {value}" for name, value in self.directives.items()]

    def ready(self) -> Reader | None:
        """Return the reader where the next line can only be a row, or a line that identifies itself; else
        ``None``.
        """
        return None if self._in_header or self._contested else self._reader

    @property
    def layout(self) -> Layout | None:
        """The way to read the next line cell by cell; ``None`` where it needs its reader."""
        reader = self.ready()
        try:
            return None if reader is None else reader.layout
        except Exception:  # a plugin's reader may raise anything; it must then read each line itself
            return None

    @property
    def reads_each(self) -> bool:
        """Whether every line must come to the reader, as far as is known."""
        return self.ready() is not None and self.layout is None

    @property
    def memory(self) -> object:
        """Everything, except the line number, that decides how the next lines are read; ``None`` where
        unknown.
        """
        memory = None if self._reader is None or self.source is None else self._reader.memory
        if memory is None or self.source is None:
            return None
        directives = {name: value for name, value in self.directives.items() if name != "date"}
        return self.source.name, directives, self._in_header, memory

    def skip(self, lines: int) -> None:
        """Count rows that were read without this stream."""
        self.line_number += lines

    def accept(self, values: Mapping[str, str]) -> Record | Unparsed | None:
        """Return a row that came split, by column name; ``None`` where no log type has such columns.

        The raw text of its record is the row joined again, so that its ``exnorm_id`` is that of the same row
        in the log if all columns came along.
        """
        reader = self._open_split(values)
        if reader is None:
            return None
        self.line_number += 1
        item = reader.complete(join_csv(values.values()), dict(values), "fields")
        return self._placed(item, is_line=False)

    def _open_split(self, values: Mapping[str, str]) -> Reader | None:
        """Return a reader for a row with these columns, where a log type knows them by their names.

        Services of IIS share their columns, so the row decides between them.
        """
        names = tuple(values)
        if self._split_names == names and self._split_source:
            return self._split_readers[self._split_source]
        self._split_names, self._split_source = names, ""
        for head in split_heads(self.name, values):
            source = self._recognize(head)
            if source is None or source.recognize(head) is not Confidence.HEADER:
                continue
            if source.name not in self._split_readers:  # one stays, with what it remembers
                self._split_readers[source.name] = source.open(source, head, self._settings)
            self._split_source = "" if head.line and "fields" in head.directives else source.name
            return self._split_readers[source.name]
        return None

    def _take_names(self, line: str, in_header: bool) -> bool:
        """Return whether a line has only column names; it is then read as a header, as if after
        ``#Fields``.
        """
        if len(line) > HEADER_LONGEST or _NAMES.fullmatch(line) is None:
            return False
        names = line.replace('"', "")
        for directive, value in (("fields", names), ("#", f"# {names}")):
            head = Head(self.name, {directive: value})
            source = self._recognize(head)
            if source is None or source.recognize(head) is not Confidence.HEADER:
                continue
            known = {name.lower() for name in source.columns}
            words = [word for word in _NAMES_END.split(names.lower()) if word]
            another = not in_header and source is not self.source
            if len(known.intersection(words)) * (1 if another else 2) < len(words):
                continue
            if another:
                self.directives = {}
            self._in_header = True
            self.directives[directive] = value
            self._note_columns(names)
            return self.recognize()
        return False

    def take_evicted(self) -> dict[str, int]:
        """Return, by source, how much readers have forgotten since the last call to stay within bounds."""
        self._note_evicted()
        evicted, self._evicted = self._evicted, {}
        return evicted

    def _note_evicted(self) -> None:
        if self._reader is not None and self.source is not None:
            self._take_evicted(self.source.name, self._reader)
        for name, reader in self._split_readers.items():
            self._take_evicted(name, reader)

    def _take_evicted(self, name: str, reader: Reader) -> None:
        if reader.evicted:
            self._evicted[name] = self._evicted.get(name, 0) + reader.evicted
            reader.evicted = 0

    def drain(self) -> list[Record | Unparsed]:
        """Return what the reader still held at the end of the log."""
        left = [] if self._reader is None else self._reader.finish()
        return [self._placed(item) for item in left]

    def _place(self, found: Read) -> Read:
        """Add the position in the log to items."""
        if isinstance(found, list):
            return [self._placed(item) for item in found]
        return None if found is None else self._placed(found)

    def _placed(self, item: Record | Unparsed, *, is_line: bool = True) -> Record | Unparsed:
        if not isinstance(item, Record):
            return self._unparsed(item.raw, item.kind, item.reason, is_line=is_line)
        if len(item.values) > MOST_COLUMNS:
            reason = f"row has {len(item.values)} columns; expected at most {MOST_COLUMNS}"
            return self._unparsed(item.raw, "width", reason)
        item.line_number = self.line_number
        item.path = item.path or self.name
        return item

    def recognize(self, line: str = "") -> bool:
        """Find the log's type from its name, its header and, if given, its first row.

        A type found before stays, with what its reader remembers, unless the header contradicts it.
        """
        head = Head(self.name, self.directives, line)
        source = self._recognize(head)
        if source is None and not {"fields", "log-type"} & set(self.directives):
            return self._reader is not None
        if source is not self.source or self._reader is None:
            self._note_evicted()
            self.source = source
            self._reader = None if source is None else source.open(source, head, self._settings)
        if self._reader is None:
            return False
        self._reader.header(self.directives)
        return True

    def _decode(self, line: bytes | str) -> str | Unparsed:
        limit = self._settings.max_line_bytes
        if _is_too_long(line, limit):
            part = line[: limit + MARGIN]  # as a line of a file is cut
            raw = (part.decode("utf-8", "backslashreplace") if isinstance(part, bytes) else part).rstrip(
                "\r\n"
            )
            return self._unparsed(raw, "too-long", f"line is longer than max_line_bytes, {limit}")
        if isinstance(line, bytes) and self.transcodes:
            found = self.transcode(line)
            if isinstance(found, Unparsed):
                return found
            line = found
        decoded = line if isinstance(line, str) else _decode_utf8(line)
        if decoded is None or "\0" in decoded:
            decoded = self._decode_utf16(line) or decoded
        if decoded is None:
            assert isinstance(line, bytes)
            raw = line.decode("utf-8", "backslashreplace").rstrip("\r\n")
            return self._unparsed(raw, "encoding", self._explain_encoding(line))
        # A server that crashed leaves the space reserved in its log as a block of NUL.
        return decoded.removesuffix("\n").rstrip("\r").strip("\0").removeprefix(_BOM)

    def _explain_encoding(self, line: bytes) -> str:
        if self.encoding and b"\xff" in line:
            return f"not {self.encoding} at character {len(line.partition(bytes((255,)))[0].decode()) + 1}"
        return _explain_encoding(line)

    def _decode_utf16(self, line: bytes | str) -> str | None:
        """Decode a line that a shipper cut out of a log in UTF-16 without knowing; ``None`` for any other
        line.
        """
        raw = _encode_latin(line) if isinstance(line, str) else line.removesuffix(b"\n")
        if not self._utf16:
            if not looks_utf16(raw):
                return None
            # Every line but the first begins with the rest of a LF, and all in big endian begin with a NUL.
            is_big = self.line_number == 1 and raw.startswith((b"\0#", BOM_UTF16_BE))
            self._utf16 = UTF16_BE if is_big else UTF16_LE
        return decode_utf16(raw, self._utf16) if b"\0" in raw else None

    def _take_header(self, line: str) -> bool:
        if line[0] not in _FIRST_OF_HEADER:
            return False
        found = _DIRECTIVE.fullmatch(line) or self._find_bare_directive(line)
        if found is None:
            return line.startswith("#") and self._take_remark(line)
        for part in _JOINED.split(line, maxsplit=_JOINED_MOST):
            self._take_directive(_DIRECTIVE.fullmatch(part) or _BARE_DIRECTIVE.fullmatch(part) or found)
        return True

    def _find_bare_directive(self, line: str) -> re.Match[str] | None:
        """Match a header line that lost its ``#``; among rows only one that can begin a header."""
        found = _BARE_DIRECTIVE.fullmatch(line)
        if found is None or self._in_header or self._reader is None:
            return found
        return found if _BEGINNING.match(line) else None

    def _take_directive(self, found: re.Match[str]) -> None:
        name, value = found.group(1).lower(), found.group(2).strip()
        if name in _NEW_BLOCK and not self._in_header:
            self.directives = {}
        self._in_header = True
        self.directives[name] = value
        if name == "fields":
            self._note_columns(value)
            self.recognize()

    def _note_columns(self, names: str) -> None:
        """Detect two orders of as many columns of one log type, between which a row could not be assigned."""
        if not self.may_be_several:
            return
        source = self._recognize(Head(self.name, self.directives))
        columns = tuple(name.lower() for name in _NAME.findall(names))
        if len(self._headers) >= _HEADERS_KEPT:
            self._headers.clear()
        before = self._headers.setdefault((source.name if source else "", len(columns)), columns)
        if before != columns:
            self._contested = (
                f"two headers with {len(columns)} columns in another order came for this log, so its rows "
                "could be of either: several servers may share its path; name the key with their host "
                "(host_key), or give each its own path or tag"
            )

    def _take_remark(self, line: str) -> bool:
        """Read any other line with a ``#``: part of the current or a new header; among rows it is ignored."""
        if not self._in_header and self._reader is not None:
            if _HEADING.match(line) is None:
                return True
            self.directives = {}
        before = self.directives.get("#", "")[-_REMARKS_KEPT:]
        self.directives["#"] = f"{before}\n{line}" if before else line
        self._in_header = True
        return True

    def _unparsed(self, raw: str, kind: str, reason: str, *, is_line: bool = True) -> Unparsed:
        if is_line and kind in _OF_SHAPE and not self._settings.strip_syslog and _has_syslog_header(raw):
            reason = f"{_SYSLOG}: {reason}"
        masked = self._redact(self.source, raw, self.directives)
        return Unparsed(masked, kind, reason, self.line_number, self.name)


def _has_syslog_header(raw: str) -> bool:
    found = None if "AgentDevice=" in raw[:_HEADER_HEAD] else find_header(raw[:_HEADER_HEAD])
    return found is not None and (found.text[0].isalpha() or "<" in found.text[:10])


def begins_utf16(lines: Sequence[bytes | str], stream: Stream) -> bool:
    """Return whether the first of a log's lines is UTF-16, or all lines are in another encoding
    than UTF-8.
    """
    return stream.transcodes or (bool(lines) and stream.line_number == 0 and _is_utf16(lines[0]))


def _is_utf16(line: bytes | str) -> bool:
    return isinstance(line, bytes) and find_utf16(line) != ""


def cut_lines(lines: Lines, stream: Stream) -> Iterator[bytes | str]:
    """Yield lines from a block or from lines that are cut already, in UTF-16 too."""
    if isinstance(lines, str):
        lines = lines.encode("utf-8", "surrogatepass")
        stream.take_text()
    if isinstance(lines, (bytes, bytearray, memoryview)):
        yield from stream.cut(bytes(lines))
        yield from stream.finish()
        return
    if isinstance(lines, BufferedReader):  # its own lines would be held whole, however long
        while block := lines.read1(BLOCK_BYTES):
            yield from stream.cut(block)
        yield from stream.finish()
        return
    utf16 = False
    at_start = stream.line_number == 0  # further down, the same two bytes are text in some other encoding
    for line in lines:
        if at_start and isinstance(line, bytes):
            is_cut = line[-1:] == b"\n"  # without its LF it is read by itself
            utf16 = is_cut and (_is_utf16(line) or is_wide(stream.encoding))
        at_start = False
        if utf16 and isinstance(line, bytes):
            yield from stream.cut(line)
        elif isinstance(line, bytes):
            yield from (line,) if _is_one(line, b"\n") else _break_bytes(line, stream)
        else:
            yield from (line,) if _is_one(line, "\n") else _break_text(line, stream)
    if utf16:
        yield from stream.finish()


def _is_one(text: AnyStr, line_feed: AnyStr) -> bool:
    return text.find(line_feed, 0, len(text) - 1) < 0


def _break_bytes(text: bytes, stream: Stream) -> Iterator[bytes]:
    """Yield the lines of bytes as ``_break_text`` does those of text."""
    return _break(text, stream, b"\n", b'"', lambda row: row.decode("utf-8", "replace"))


def _break_text(text: str, stream: Stream) -> Iterator[str]:
    """Yield the lines of a text joined by another program, such as a shipper's multiline step.

    A row whose quoted cell contains line breaks stays whole. Its lines must form one row: otherwise a single
    open quote would swallow the next row.
    """
    return _break(text, stream, "\n", '"', str)


def _break(
    text: AnyStr, stream: Stream, line_feed: AnyStr, quote_sign: AnyStr, read: Callable[[AnyStr], str]
) -> Iterator[AnyStr]:
    begin, size = 0, len(text)
    while begin < size:
        end = _find(text, line_feed, begin)
        if text.count(quote_sign, begin, end) % 2:
            row_end = _find_row_end(text, end, line_feed, quote_sign, begin + stream.longest)
            if row_end > end and stream.joins(read(text[begin:row_end])):
                end = row_end
        yield text[begin:end]
        begin = end + 1


def _find_row_end(text: AnyStr, end: int, line_feed: AnyStr, quote_sign: AnyStr, most: int) -> int:
    """Return the end of the line that closes a quote, at or after ``end``; ``end`` where none does."""
    closing = text.find(quote_sign, end, most)
    while closing >= 0:
        at = _find(text, line_feed, closing)
        if text.count(quote_sign, closing, at) % 2:
            return at
        closing = text.find(quote_sign, at, most)
    return end


def _find(text: AnyStr, sign: AnyStr, begin: int) -> int:
    """Return the next position of a character; the end of the text where there is none."""
    found = text.find(sign, begin)
    return found if found >= 0 else len(text)


def _is_header(line: str) -> bool:
    return line[:1] in _FIRST_OF_HEADER and (line[0] == "#" or _BARE_DIRECTIVE.match(line) is not None)


def _refuse_header(line: str) -> str:
    """Return why a header line is refused; empty where it is not."""
    if "\r" in line:
        return "lines end in CR alone; expected LF or CRLF"
    if len(line) > HEADER_LONGEST:
        return f"header line has {len(line)} characters; expected at most {HEADER_LONGEST}"
    if len(line) <= MOST_COLUMNS:
        return ""
    names = 1 + max(map(line.count, SEPARATORS))
    return f"header line has {names} names; expected at most {MOST_COLUMNS}" if names > MOST_COLUMNS else ""


def _is_too_long(line: bytes | str, limit: int) -> bool:
    """Return whether a line has more bytes than ``limit``, one line end not counted."""
    if len(line) <= (limit if isinstance(line, bytes) else limit // 4):
        return False
    if isinstance(line, str):
        line = line.encode("utf-8", "surrogatepass")
    return len(line.removesuffix(b"\n").removesuffix(b"\r")) > limit


def _decode_utf8(line: bytes) -> str | None:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _encode_latin(text: str) -> bytes:
    """Return the bytes that a text was made of, one a character; empty where it was not."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return b""


def _explain_encoding(line: bytes) -> str:
    good = line.decode("utf-8", "ignore").encode("utf-8")
    at = next((i for i, (one, other) in enumerate(zip(line, good)) if one != other), len(good))
    return f"not UTF-8 at byte {at}: got 0x{line[at]:02x}"


def split_heads(name: str, values: Mapping[str, str]) -> Iterator[Head]:
    """Yield the beginnings that a log with these values may have: cells, words, Exchange 2003, an export."""
    yield Head(name, {"fields": ",".join(values)})
    words = (value.replace(" ", "+") or "-" for value in values.values())
    yield Head(name, {"fields": " ".join(values)}, " ".join(words))
    yield Head(name, {"#": "# " + "\t".join(values)})
    yield Head(name, line=",".join(values))


def redact(sources: Iterable[Source], source: Source | None, raw: str, directives: Mapping[str, str]) -> str:
    """Return an unparsed line with the secrets of its source hidden; of an unknown type, with those of every
    source.

    The log type and the columns that the header names are each taken as a hint by themselves.
    """
    for candidate in sources:
        if candidate.redact is None:
            continue
        if source is None or source.name == candidate.name or _is_claimed(candidate, directives):
            raw = candidate.redact(raw)
    return raw


def _is_claimed(source: Source, directives: Mapping[str, str]) -> bool:
    """Return whether one part of the header alone makes a source claim a log."""
    parts = [{name: directives[name]} for name in ("log-type", "fields") if name in directives]
    try:
        return any(source.recognize(Head("", part)) is Confidence.HEADER for part in parts)
    except Exception:  # a plugin's code may raise anything
        return False


def surest(
    sources: Iterable[Source], head: Head, blame: Callable[[Source, Exception], None] | None = None
) -> Source | None:
    """Return the source with the most confidence; of equals, the one registered first.

    A source that raises has no confidence, if ``blame`` is given to report it to.
    """
    best, confidence = None, Confidence.NO
    for source in sources:
        try:
            found = source.recognize(head)
        except Exception as error:  # a plugin's code may raise anything
            if blame is None:
                raise
            blame(source, error)
            continue
        if found > confidence:
            best, confidence = source, found
    return best
