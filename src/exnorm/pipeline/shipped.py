"""Interpret a shipper's record: a raw line, a row that came split, an object of an export, or none of these.

Both hosts use it, so that they take the same records for Exchange's and leave the same ones alone.
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
# Columns about a message: an object needs one of them, because other objects have Timestamp and EventId too.
_OF_MAIL = ("sender", "recipient", "message", "internalmessage", "internal_message")
_LAYOUTS_KEPT = 1024  # sets of names
_PAGES = ("value", "d")  # under which reporting services answer with pages of objects
_SIGNS = re.compile("[^a-z0-9]+")

# Header lines of Exchange or IIS, recognized without context.
_HEADER = re.compile(
    r"\ufeff?(?:#(?:Software|Version|Log-type|Date|Fields):|#TYPE |Software: Microsoft )", re.IGNORECASE
)
_BARE_HEADER = re.compile(r"(?:Software|Version|Log-type|Date|Fields)\s*:", re.IGNORECASE)
# Beginnings of rows of logs not separated by blanks; a payload of JSA names its log.
_ROW = re.compile(
    r'"?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[\d.]*Z"?[,;\t]|\d{4}-\d{1,2}-\d{1,2}\t\d|.{0,200}\bAgentDevice='
)
_DATED = re.compile(r'\ufeff?"?\d{4}-\d|.{0,200}\bAgentDevice=')


def is_finished(record: Mapping[Any, Any], text: str = "") -> bool:
    """Return whether a record is an event that exnorm has made, so that ``text`` must not be read a second
    time.

    A text that begins with a date is read nevertheless: it may be a row, and batches take rows.
    """
    is_event = IDENTITY in record or any(
        name in record and isinstance(record[name], str) and sign in record[name]
        for name, sign in FINISHED.items()
    )
    return is_event and _DATED.match(text) is None


def is_done(record: Mapping[Any, Any]) -> bool:
    """Return whether a record whose text does not parse is left as it is: it is an event, or
    failed before.
    """
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
    """Return the items of a shipper's text; ``None``, with nothing counted, for text that is not
    Exchange's.
    """
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
    """Return whether a line without an event is a log's header, or a blank line in a known log."""
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
    """Return whether a text begins like rows or headers of Exchange."""
    return _ROW.match(text) is not None or _HEADER.match(text) is not None


# --- logs by name ----------------------------------------------------------------------------------

RAW = "-"
"""The name under which lines that came without a record around them are one log."""
_BY_TYPE = "\0\0"  # and a log type: lines without a file name that look like it
_NAME_KEPT = 1024  # characters of a host's or file's name; the end of a path says most


def name_log(host: str, path: str) -> str:
    """Return the key of a log, from host and path, as servers have files of one name; empty
    without a path.
    """
    return f"{_shorten(host)}\0{_shorten(path)}" if path else ""


def split_log(log: str) -> tuple[str, str]:
    """Return host and path from the key that ``name_log`` made; both empty for an empty key."""
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
        """Return the state of a log; ``log`` is a key of ``name_log``, or ``RAW``."""
        return self._streams.get(log)

    def all(self) -> list[Stream]:
        """Return the state of every log."""
        return self._streams.all()

    def read_line(
        self, record: Mapping[str, Any], text: str, line: str | bytes, log: str
    ) -> list[Record | Unparsed] | None:
        """Return the items of the lines in a record's text; ``None`` where they are not Exchange's.

        ``line`` is ``text``, or the bytes that it was decoded from.
        """
        stream = self._streams.get(log)
        items = self._read_text(record, text, line, stream, log)
        if items is None and not log:
            other = self._find_elsewhere(text, stream)
            items = None if other is None else self._read_text(record, text, line, other, log)
        return items

    def read_columns(self, record: Mapping[str, Any], log: str) -> Split | None:
        """Return a row that came split, or an object of an export, with the names it used."""
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
        """Return the log of the type that a line looks like: records without a file name may mix several."""
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
    """The meaning of a record's names: the source, whether it is an object, and each name's
    column, in order.
    """

    source: Source
    is_object: bool
    columns: Mapping[str, str]  # the record's name -> the source's


class Split(NamedTuple):
    """A row that came split: ``items`` are its records, ``used`` the names that they were read from."""

    items: list[Record | Unparsed]
    used: frozenset[str]
    values: Mapping[str, str]
    """The row's columns, by the record's names; none for an object of an export."""


class SplitRows:
    """Reads rows that a shipper has split, and objects of exports, by the names of their columns.

    Case, and the characters between words, do not matter: a parser of Fluent Bit cannot name a group
    ``client-ip`` or ``cs(User-Agent)``, so ``client_ip`` and ``cs_User_Agent_`` are the same columns.
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
        """Return the items of a record; ``None`` where it is not Exchange's.

        ``find_stream`` returns the state of the row's log; ``extra`` are names that go with the row although
        no log type knows them.
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
        """Return the objects of a reporting service's answer, which are in a list inside it."""
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
        """Return the layout for these names. Shippers keep no order of columns, but ``exnorm_id``
        needs one.
        """
        sources = self._normalizer.sources
        rows = [self._lay_out_row(source, names) for source in sources if not source.carries]
        widest = max((row for row in rows if row is not None), key=lambda row: len(row.columns), default=None)
        if widest is not None:
            return widest
        objects = (self._lay_out_object(source, names) for source in sources if source.carries)
        return next((found for found in objects if found is not None), None)

    def _lay_out_row(self, source: Source, names: tuple[str, ...]) -> ShippedLayout | None:
        """Return the columns of one log type among the names, in its order; ``None`` where required ones are
        missing.
        """
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
        """Return the record's name for each column of a log type."""
        columns = self._columns[source.name]
        mine: dict[str, str] = {}
        for name in names:
            column = columns.get(plain_name(name))
            if column is not None and (column not in mine or name == column):
                mine[column] = name
        return mine


@lru_cache(maxsize=4096)
def plain_name(name: str) -> str:
    """Return a column's name in lower case, with one ``_`` for any characters between its words."""
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
    """Return a column as its log has it, though a shipper may have converted it."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, list):
        return ";".join(map(as_text, value))
    if isinstance(value, bool):
        return str(value).lower()
    return digits(value) if isinstance(value, int) else str(value)
