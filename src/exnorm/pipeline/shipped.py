"""What a shipper's record is: a raw line, a row that came split, an object of an export, or nothing of ours.

Both hosts ask here, so that they take the same records for Exchange's and leave the same alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from exnorm.convert import digits
from exnorm.model import Confidence, Head, Record, Source, Unparsed
from exnorm.pipeline.normalizer import Normalizer
from exnorm.pipeline.stream import Stream, StreamTable, split_heads

Write = Callable[[Mapping[str, Any]], str]
"""Writes an object as JSON."""

IDENTITY = "exnorm_id"
"""The key that every event of ours has."""
FINISHED = {"cef": "CEF:", "leef": "LEEF:", "wincollect": "AgentDevice="}
"""The keys under which finished lines stand, and what is in each of those lines."""

_FEWEST_COLUMNS = 3  # what no log type is known by fewer of
# What an object says of a message, so that not every object with a Timestamp and an EventId is one.
_OF_MAIL = ("sender", "recipient", "message", "internalmessage", "internal_message")
_LAYOUTS_KEPT = 1024  # sets of names
_PAGES = ("value", "d")  # under which reporting services answer with pages of objects
_SIGNS = re.compile("[^a-z0-9]+")

# Header lines that are Exchange's or IIS's whatever came before them.
_HEADER = re.compile(
    r"\ufeff?(?:#(?:Software|Version|Log-type|Date|Fields):|#TYPE |Software: Microsoft )", re.IGNORECASE
)
_BARE_HEADER = re.compile(r"(?:Software|Version|Log-type|Date|Fields)\s*:", re.IGNORECASE)
# How rows of the logs begin whose separator is no blank; a payload of JSA says what it is.
_ROW = re.compile(
    r'"?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[\d.]*Z"?[,;\t]|\d{4}-\d{1,2}-\d{1,2}\t\d|.{0,200}\bAgentDevice='
)
_DATED = re.compile(r'\ufeff?"?\d{4}-\d|.{0,200}\bAgentDevice=')


def is_finished(record: Mapping[Any, Any], text: str = "") -> bool:
    """Whether a record is an event that exnorm has made, whose ``text`` is not to be read a second time.

    A text that begins with a date is read all the same: it may be a row, and batches take rows.
    """
    is_event = IDENTITY in record or any(
        name in record and isinstance(record[name], str) and sign in record[name]
        for name, sign in FINISHED.items()
    )
    return is_event and _DATED.match(text) is None


def is_done(record: Mapping[Any, Any]) -> bool:
    """Whether a record whose text does not parse is to be left as it is: it is an event, or failed before."""
    tags = record.get("tags")
    return is_finished(record) or (isinstance(tags, list) and Unparsed.TAG in tags)


def add_tag(tags: Any, tag: str) -> list[Any]:
    """Tags with one more, each once; a single text is a list of one."""
    known = list(tags) if isinstance(tags, list) else [] if tags is None else [tags]
    return known if tag in known else [*known, tag]


# --- raw lines -----------------------------------------------------------------------------------


def read_text(
    normalizer: Normalizer,
    text: str | bytes,
    stream: Stream,
    is_foreign: Callable[[Sequence[Record | Unparsed]], bool],
) -> list[Record | Unparsed] | None:
    """What the lines of a shipper's text hold; ``None``, and nothing counted, where they are not ours."""
    counts = normalizer.counts
    lines, header = counts.lines, counts.header
    items = list(normalizer.parse((text,), stream))
    if any(isinstance(item, Record) for item in items) or not is_foreign(items):
        return items
    counts.lines, counts.header = lines, header
    for item in items:
        if isinstance(item, Unparsed):
            counts.unparsed.take_back(item.kind)
    return None


def is_swallowed(normalizer: Normalizer, text: str, stream: Stream, has_file: bool) -> bool:
    """Whether a line that holds no event is a log's header, or a blank in a known log."""
    if _HEADER.match(text) or (has_file and stream.source is not None):
        return True
    is_bare = _BARE_HEADER.match(text) is not None
    if is_bare and "microsoft" in stream.directives.get("software", "").lower():
        return True
    if text.strip() and not text.startswith("#") and not is_bare:
        return True  # the log's own reader took it: a line of names, or a part of an object
    head = Head(stream.name, {"#": stream.directives.get("#", "")})
    source = normalizer.recognize(head) if text.startswith("#") else None
    return source is not None and source.recognize(head) is Confidence.HEADER


def looks_ours(text: str) -> bool:
    """Whether a text begins as rows or headers of Exchange do."""
    return _ROW.match(text) is not None or _HEADER.match(text) is not None


# --- logs by name ----------------------------------------------------------------------------------

RAW = "-"
"""The name under which lines that came without a record around them are one log."""
_BY_TYPE = "\0\0"  # and a log type: lines without a file name that look like it
_NAME_KEPT = 1024  # characters of a host's or file's name; the end of a path says most


def name_log(host: str, path: str) -> str:
    """What a log is known by: two servers have files of one name. Empty where no file is named."""
    return f"{_shorten(host)}\0{_shorten(path)}" if path else ""


def split_log(log: str) -> tuple[str, str]:
    """Host and path of the log that ``name_log`` names; both empty where no file is named."""
    host, _, path = log.partition("\0")
    return host, path


def _shorten(name: str) -> str:
    return name[-_NAME_KEPT:].replace("\0", "")


class ShippedLogs:
    """Reads the records of a shipper, log by log, and remembers each log's header, within bounds.

    ``max_files`` logs are remembered; ``raw_name`` is the file of lines that came without a record around
    them. ``write`` writes an object as JSON.
    """

    def __init__(
        self,
        normalizer: Normalizer,
        max_files: int = 4096,
        *,
        raw_name: str = "",
        write: Write | None = None,
    ) -> None:
        self._normalizer = normalizer
        self._raw_name = raw_name
        self._streams: StreamTable[str] = StreamTable(self._open, max_files)
        self._split = SplitRows(normalizer, write)

    def get(self, log: str) -> Stream:
        """The state of a log; ``log`` is one of ``name_log``, or ``RAW``."""
        return self._streams.get(log)

    def all(self) -> list[Stream]:
        """The state of every log."""
        return self._streams.all()

    def read_line(
        self, record: Mapping[str, Any], text: str, line: str | bytes, log: str
    ) -> list[Record | Unparsed] | None:
        """What the lines of a record's text hold; ``None`` where they are none of Exchange.

        ``line`` is ``text``, or the bytes that it was read from.
        """
        stream = self._streams.get(log)
        items = self._read_text(record, text, line, stream, log)
        if items is None and not log:
            other = self._find_elsewhere(text, stream)
            items = None if other is None else self._read_text(record, text, line, other, log)
        return items

    def read_columns(self, record: Mapping[str, Any], log: str) -> Split | None:
        """A row that came already split, or an object of an export with its properties."""
        return self._split.read(record, lambda: self._streams.get(log))

    def _read_text(
        self, record: Mapping[str, Any], text: str, line: str | bytes, stream: Stream, log: str
    ) -> list[Record | Unparsed] | None:
        def is_foreign(items: Sequence[Record | Unparsed]) -> bool:
            if not items:
                return not is_swallowed(self._normalizer, text, stream, bool(log))
            if not log and self._find_elsewhere(text, stream) is not None:
                return True
            is_ours = stream.source is not None and (bool(log) or looks_ours(text))
            return not is_ours or is_done(record)

        return read_text(self._normalizer, line, stream, is_foreign)

    def _find_elsewhere(self, text: str, stream: Stream) -> Stream | None:
        """The log of the type a line looks like: records without a file name may mix several."""
        source = self._normalizer.recognize(Head("", {}, text.partition("\n")[0]))
        return (
            None if source is None or source is stream.source else self._streams.get(_BY_TYPE + source.name)
        )

    def _open(self, log: str) -> Stream:
        if log == RAW:
            return self._normalizer.stream(self._raw_name)
        host, path = ("", "") if log.startswith(_BY_TYPE) else split_log(log)
        stream = self._normalizer.stream(path)
        stream.take_text()  # the shipper has decoded it
        stream.may_be_several = bool(path) and not host
        return stream


# --- rows that came split ------------------------------------------------------------------------


class ShippedLayout(NamedTuple):
    """What names are of: ``source`` with a ``row`` or an ``object``, and each name's column, in order."""

    source: Source
    is_object: bool
    columns: Mapping[str, str]  # the record's name -> the source's


class Split(NamedTuple):
    """A row that came split: ``items`` are what it gave, ``used`` the names that it took."""

    items: list[Record | Unparsed]
    used: frozenset[str]
    values: Mapping[str, str]
    """The row's columns, by the record's names; none for an object of an export."""


class SplitRows:
    """Reads rows that a shipper has split, and objects of exports, by the names of their columns.

    Case does not matter, nor what stands for ``-``, blanks and brackets: a parser of Fluent Bit cannot name a
    group ``client-ip`` or ``cs(User-Agent)``, so ``client_ip`` and ``cs_User_Agent_`` are the same columns.
    """

    def __init__(
        self, normalizer: Normalizer, write: Callable[[Mapping[str, Any]], str] | None = None
    ) -> None:
        self._normalizer = normalizer
        self._write = write or _write
        self._columns = {source.name: _by_plain_name(source.columns) for source in normalizer.sources}
        self._known = frozenset(name for columns in self._columns.values() for name in columns)
        self._layouts: dict[tuple[str, ...], ShippedLayout | None] = {}
        self._streams: dict[str, Stream] = {}  # of objects, by source

    def read(
        self, record: Mapping[str, Any], find_stream: Callable[[], Stream], extra: Iterable[str] = ()
    ) -> Split | None:
        """What a record holds; ``None`` where it is nothing of Exchange.

        ``find_stream`` gives the state of the log that its row is of; ``extra`` are names that go with
        the row although no log type knows them.
        """
        names = tuple(sorted(name for name in record if plain_name(name) in self._known))
        layout = self._find_layout(names) if len(names) >= _FEWEST_COLUMNS else None
        if layout is None:
            return self._read_page(record)
        columns = dict(layout.columns)
        taken = set(columns.values())
        columns.update((name, name) for name in extra if name not in columns and name not in taken)
        if layout.is_object:
            found = {column: record[name] for name, column in columns.items()}
            return Split(self._read_object(layout.source, found), frozenset(columns), {})
        if not all(_is_cell(record[name]) for name in layout.columns):
            return None
        values = {name: as_text(record[name]) for name in columns if _is_cell(record[name])}
        row = {columns[name]: text for name, text in values.items()}
        item = self._normalizer.parse_fields(row, find_stream())
        return None if item is None else Split([item], frozenset(values), values)

    def _read_page(self, record: Mapping[str, Any]) -> Split | None:
        """The objects of an answer of a reporting service, which stand in a list inside of it."""
        if not any(isinstance(record.get(name), (list, dict)) for name in _PAGES):
            return None
        page = {name: value for name, value in record.items() if name in _PAGES or "odata" in name}
        text = self._write(page)
        for source in self._normalizer.sources:
            if source.carries and source.recognize(Head("", {}, text)) > Confidence.SHAPE:
                return Split(self._read_object(source, page), frozenset(page), {})
        return None

    def _read_object(self, source: Source, found: Mapping[str, Any]) -> list[Record | Unparsed]:
        stream = self._streams.setdefault(source.name, self._normalizer.stream())
        return list(self._normalizer.parse((self._write(found),), stream))

    def _find_layout(self, names: tuple[str, ...]) -> ShippedLayout | None:
        if names not in self._layouts:
            if len(self._layouts) >= _LAYOUTS_KEPT:
                self._layouts.clear()
            self._layouts[names] = self._make_layout(names)
        return self._layouts[names]

    def _make_layout(self, names: tuple[str, ...]) -> ShippedLayout | None:
        """What these names are of. Shippers keep no order of columns, and ``exnorm_id`` needs one."""
        sources = self._normalizer.sources
        rows = [self._lay_out_row(source, names) for source in sources if not source.carries]
        widest = max((row for row in rows if row is not None), key=lambda row: len(row.columns), default=None)
        if widest is not None:
            return widest
        objects = (self._lay_out_object(source, names) for source in sources if source.carries)
        return next((found for found in objects if found is not None), None)

    def _lay_out_row(self, source: Source, names: tuple[str, ...]) -> ShippedLayout | None:
        """The columns of one log type among the names, in its order; ``None`` where it needs others."""
        mine = self._match(source, names)
        if source.columns[0] not in mine:  # its time
            return None
        known = next((s.columns for s in source.schemas if mine.keys() == set(s.columns)), source.columns)
        order = tuple(column for column in known if column in mine)
        is_row = any(
            source.recognize(head) is Confidence.HEADER for head in split_heads("", dict.fromkeys(order, ""))
        )
        return ShippedLayout(source, False, {mine[column]: column for column in order}) if is_row else None

    def _lay_out_object(self, source: Source, names: tuple[str, ...]) -> ShippedLayout | None:
        mine = self._match(source, names)
        text = _write(dict.fromkeys(mine, ""))
        is_of_mail = any(column.lower().startswith(_OF_MAIL) for column in mine)
        is_object = is_of_mail and source.recognize(Head("", {}, text)) > Confidence.SHAPE
        return (
            ShippedLayout(source, True, {name: column for column, name in mine.items()})
            if is_object
            else None
        )

    def _match(self, source: Source, names: tuple[str, ...]) -> dict[str, str]:
        """For each column of a log type the one of the names that stands for it."""
        columns = self._columns[source.name]
        mine: dict[str, str] = {}
        for name in names:
            column = columns.get(plain_name(name))
            if column is not None and (column not in mine or name == column):
                mine[column] = name
        return mine


@lru_cache(maxsize=4096)
def plain_name(name: str) -> str:
    """A column's name without case, and with one ``_`` for any signs between its words."""
    return _SIGNS.sub("_", name.lower()).strip("_")


def _by_plain_name(columns: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for column in columns:
        found.setdefault(plain_name(column), column)
    return found


def _write(found: Mapping[str, Any]) -> str:
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"), default=_write_other, skipkeys=True)


def _write_other(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _is_cell(value: Any) -> bool:
    if isinstance(value, list):
        return all(isinstance(member, (str, bytes)) for member in value)
    return value is None or isinstance(value, (str, bytes, int, float))


def as_text(value: Any) -> str:
    """A column as its log has it, though a shipper may have read it as something else."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, list):
        return ";".join(map(as_text, value))
    if isinstance(value, bool):
        return str(value).lower()
    return digits(value) if isinstance(value, int) else str(value)
