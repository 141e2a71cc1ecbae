"""Shared by exports of message tracking: read CSV or JSON into records of message tracking.

PowerShell writes objects as CSV (``Export-Csv``: perhaps a line ``#TYPE ...``, then names, then rows) or as
JSON (``ConvertTo-Json``: one object or an array, on one line or on many). Their properties are columns of the
tracking log under other names. They are renamed to the log's names, so that the log's tables apply. A
property that the log does not have keeps its own name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from exnorm.convert import iso_utc, utc_ms
from exnorm.errors import quote
from exnorm.model import Read, Reader, Record, Schema, Unparsed
from exnorm.settings import Settings
from exnorm.sources import message_tracking
from exnorm.sources.clock import Clock
from exnorm.sources.columnar import Refusal, explain_quote, split_csv
from exnorm.sources.json_objects import JsonObjects, read_object
from exnorm.text.patterns import compile_later

MOMENT = "date-time"
UNNAMED = "unnamed"
LISTS = frozenset(("recipient-address", "recipient-status", "reference", "custom-data"))

MOST_ROWS = 10_000
"""How many rows one row is split into at most."""
MOST_SPLIT = 256 * 1024 * 1024
"""Characters of all the rows that one row is split into."""

_TOO_MANY = "too many to write for each"
_SEPARATORS = (",", ";", "\t")
# A row whose cells are all in quotes; a null has none.
_ALL_QUOTED = {
    separator: compile_later(rf'(?:"[^"]*(?:""[^"]*)*")?(?:{separator}(?:"[^"]*(?:""[^"]*)*")?)*')
    for separator in _SEPARATORS
}
_NOT_A_ROW = (
    "a field has no quotes, but this export has quotes around every field; "
    "the line is a part of a field that holds a line break"
)
_JSON_BEGINS = ("{", "[")
_JSON_NAME = compile_later(r'"(\w+)"\s*:')
_BRACKET = compile_later(r'[\[{]+(?:"(?:@?odata\.[\w.]+|d|value|results)":(?:"[^"]*",?)?[\[{]*)*')
_HEAD_CHARACTERS = 8192  # of a row of JSON, enough to see what it is
_MOST_LINES = 1000  # of one row
_COMMON = 3  # known names that a header or an object has at least
# A list that nobody joined is written into CSV as the name of its type.
_TYPE_NAME = compile_later(r"(?:System|Microsoft)(?:\.\w+)+(?:`\d+)?(?:\[.*\])?")
_PAIR = compile_later(r"\[([^,\]]+), (.*)\]", re.DOTALL)
_BETWEEN_PAIRS = compile_later(r"(?<=\])(?:, ?|; ?| )(?=\[[\w-]+, )")

Values = dict[str, str]

ReadObject = Callable[[Mapping[str, Any], str], "Record | Unparsed | None"]
"""The record of an object of another log type, from its properties and its text; ``None`` for any other."""


@dataclass(frozen=True)
class Shape:
    """One kind of exported object.

    ``columns`` is the log's name for each lower-case property; ``needs`` are the properties that identify the
    kind; ``zone`` is the zone of its times, empty where the setting ``tz`` must give it. ``split`` converts
    values that the log would write otherwise, and returns one row for each that the log would have.
    ``schema`` is the schema's name, whatever schema is requested; where it is empty, ``name_schema`` returns
    it.
    """

    needs: frozenset[str]
    columns: Mapping[str, str]
    zone: str = ""
    split: Callable[[Values], list[Values]] = lambda values: [values]
    schema: str = ""
    name_schema: Callable[[Values], str] = lambda values: "2016"

    def fits(self, names: Iterable[str]) -> bool:
        """Return whether properties of these lower-case names are of this kind."""
        found = self.columns.keys() & names
        return self.needs <= found and len(found) >= _COMMON


class ExportReader(Reader):
    """Reads one export of one of ``shapes``; ``others`` are tried for an object of none of them."""

    def __init__(
        self, settings: Settings, shapes: Iterable[Shape], others: Iterable[ReadObject] = ()
    ) -> None:
        self._tz = settings.tz
        self._finish = message_tracking.make_finish(settings)
        self._year = _forced_year(settings)
        self._shapes = tuple(shapes)
        self._others = tuple(others)
        self._json = JsonObjects(settings.max_line_bytes)
        self._most_held = settings.max_line_bytes
        self._held: list[str] = []  # lines of a row, a quoted cell of which is still open
        self._lost = False  # whether a line was lost among them
        self._is_json = False
        self._begin()

    def header(self, directives: Mapping[str, str]) -> None:
        """Begin another export at a line ``#TYPE``: its next line names the properties."""
        if "#" in directives and not self.waiting:
            self._begin()

    @property
    def waiting(self) -> bool:
        """Whether an object or a quoted cell is open."""
        return bool(self._held) or self._json.waiting

    def read(self, line: str) -> Read:
        """Read a row of CSV, or the objects that this line of JSON completes."""
        if self._is_json or (not self._names and line.lstrip()[:1] in _JSON_BEGINS):
            self._is_json = True
            return [item for found in self._json.feed(line) for item in self._from_json(*found)]
        if self._held or (self._shape is not None and line.count('"') % 2):
            return self._hold(line)
        return self._read_row(line)

    def miss(self) -> None:
        """Take note of a lost line, which may have been part of an object or a row."""
        self._json.miss()
        self._lost = bool(self._held)

    def finish(self) -> list[Record | Unparsed]:
        """Return the object and the lines of a row that were left open."""
        return [item for found in self._json.finish() for item in self._from_json(*found)] + self._release()

    def _hold(self, line: str) -> list[Record | Unparsed]:
        """Hold a line of a row whose quoted cell contains line breaks; return the record once the row is
        whole.

        Lines that form no row together are read one by one, so an open quote costs only its own line.
        """
        closes = bool(self._held) and line.count('"') % 2 == 1
        self._held.append(line)
        if closes and not self._lost:
            row = "\n".join(self._held)
            cells = split_csv(row, self._separator)
            if cells is not None and len(cells) == len(self._names):
                self._held = []
                return as_items(self._read_row(row))
        is_long = len(self._held) > _MOST_LINES or sum(map(len, self._held)) > self._most_held
        return self._release() if closes or is_long or self._lost else []

    def _release(self) -> list[Record | Unparsed]:
        """Read the held lines one by one."""
        lines, self._held, self._lost = self._held, [], False
        return [item for line in lines if line for item in as_items(self._read_row(line))]

    def complete(self, line: str, values: dict[str, str], found: str) -> Record | Unparsed:
        """Return the record of an object whose properties came one by one."""
        items = self._from_object(values, line)
        if len(items) == 1:
            return items[0]
        reason = f"row has {len(items)} recipients of different fate; expected it as a line of CSV or JSON"
        return Unparsed(line, "width", reason)

    def _begin(self) -> None:
        self._names: list[str] = []
        self._separator = ","
        self._all_quoted = False
        self._shape: Shape | None = None
        self._is_json = False
        self._clocks: dict[str, Clock] = {}

    def _from_json(self, text: str, refusal: Refusal | None) -> list[Record | Unparsed]:
        if refusal is not None:
            return [Unparsed(text, *refusal)]
        properties = read_object(text)
        if isinstance(properties, tuple):
            return [Unparsed(text, *properties)]
        pages = _unpack(properties)
        if pages is None:
            return self._from_object(properties, text)
        return [
            found
            for member in pages
            for found in self._from_object(member, json.dumps(member, ensure_ascii=False))
        ]

    def _from_object(self, properties: Mapping[str, Any], text: str) -> list[Record | Unparsed]:
        shape = find_shape(self._shapes, properties)
        if shape is None:
            for read in self._others:
                other = read(properties, text)
                if other is not None:
                    return [other]
            reason = f"no known export has objects with these properties: {quote(', '.join(properties))}"
            return [Unparsed(text, "unknown-type", reason)]
        return self._records(shape, properties, text)

    def _read_row(self, line: str) -> Read:
        cells = split_csv(line, self._separator)
        # A sender cannot put quotes around cells: a row forged in a subject would lack them.
        if cells is not None and self._all_quoted and not self._is_quoted(line):
            return Unparsed(line, "quote", _NOT_A_ROW)
        found = self._from_cells(cells, line)
        # A line of names is never a row, because it has no time; so it is looked for only here.
        header = find_header(self._shapes, line) if isinstance(found, Unparsed) else None
        if header is None:
            return found
        self._begin()
        self._names, self._separator, self._shape = header
        self._all_quoted = self._is_quoted(line)
        return None

    def _from_cells(self, cells: list[str] | None, line: str) -> list[Record | Unparsed] | Unparsed:
        if cells is None:
            return Unparsed(line, "quote", explain_quote(line))
        if self._shape is None:
            reason = f"row has {len(cells)} fields and no line with the names of properties came before it"
            return Unparsed(line, "width", reason)
        if len(cells) != len(self._names):
            reason = f"row has {len(cells)} fields; the line of names has {len(self._names)}"
            return Unparsed(line, "width", reason)
        found = self._records(self._shape, dict(zip(self._names, cells)), line)
        return found[0] if len(found) == 1 and isinstance(found[0], Unparsed) else found

    def _is_quoted(self, line: str) -> bool:
        return _ALL_QUOTED[self._separator].fullmatch(line) is not None

    def _records(self, shape: Shape, properties: Mapping[str, Any], raw: str) -> list[Record | Unparsed]:
        values = rename(properties, shape)
        moment = self._read_moment(shape, properties, values)
        if moment is not None:
            return [Unparsed(raw, *moment)]
        rows = shape.split(values)
        if len(rows) > MOST_ROWS or len(rows) * len(raw) > MOST_SPLIT:
            return [Unparsed(raw, "width", f"row has {len(rows)} recipients of different fate; {_TOO_MANY}")]
        return [
            self._record(shape, row, raw, str(n) if len(rows) > 1 else "") for n, row in enumerate(rows, 1)
        ]

    def _record(self, shape: Shape, values: Values, raw: str, part: str) -> Record | Unparsed:
        schema = self._schema_of(shape, values)
        record = Record(message_tracking.MESSAGE_TRACKING, schema, values, raw=raw, part=part)
        refusal = self._finish(record)
        return record if refusal is None else Unparsed(raw, *refusal)

    def _read_moment(self, shape: Shape, properties: Mapping[str, Any], values: Values) -> Refusal | None:
        """Replace the export's time by the form that the log writes."""
        text = values.get(MOMENT, "")
        if utc_ms(text) is not None:
            return None
        clock = self._clocks.get(shape.zone)
        if clock is None:
            clock = self._clocks[shape.zone] = Clock(shape.zone or self._tz)
        name = next((n for n in properties if shape.columns.get(n.lower()) == MOMENT), MOMENT)
        moment = clock.read(name, text)
        if not isinstance(moment, int):
            return moment
        values[MOMENT] = iso_utc(moment)
        return None

    def _schema_of(self, shape: Shape, values: Values) -> Schema:
        columns = tuple(values)
        name = shape.schema or self._year or shape.name_schema(values)
        if self.schema is None or self.schema.columns != columns or self.schema.name != name:
            self.schema = Schema(name, columns, found="export")
        return self.schema


def as_items(found: Read) -> list[Record | Unparsed]:
    """Return the result of a line as a list."""
    return found if isinstance(found, list) else [] if found is None else [found]


def _forced_year(settings: Settings) -> str:
    """Return the schema name that ``settings`` request, as the log's own reader gives it."""
    schemas = message_tracking.MESSAGE_TRACKING.schemas
    forced = next((schema for schema in schemas if schema.name == settings.schema), None)
    return "" if forced is None else message_tracking.name_schema(forced.columns, "")


def find_shape(shapes: Iterable[Shape], names: Iterable[str]) -> Shape | None:
    """Return the first kind that properties of these names fit."""
    lower = {name.lower() for name in names}
    return next((shape for shape in shapes if shape.fits(lower)), None)


def find_header(shapes: Iterable[Shape], line: str) -> tuple[list[str], str, Shape] | None:
    """Return the names in a line of names, their separator and their kind; ``None`` for any other line.

    A repeated name makes it another line, because one of the two columns would be lost.
    """
    if "\r" in line:
        return None  # lines that end in CR alone: the rows would be lost as names
    for separator in _SEPARATORS:
        names = [name.strip() for name in split_csv(line, separator) or ()]
        shape = find_shape(shapes, names) if len(names) > 1 and len(set(names)) == len(names) else None
        if shape is not None:
            return names, separator, shape
    return None


def is_export(shapes: Iterable[Shape], line: str) -> bool:
    """Return whether a line names the properties of one of ``shapes``, as CSV or within JSON."""
    if line.lstrip()[:1] in _JSON_BEGINS:
        return find_shape(shapes, _JSON_NAME.findall(line[:_HEAD_CHARACTERS])) is not None
    return find_header(shapes, line) is not None


def is_bracket(line: str) -> bool:
    """Return whether a line has only the beginning of JSON over many lines, or of a page of OData."""
    return len(line) <= _HEAD_CHARACTERS and _BRACKET.fullmatch("".join(line.split())) is not None


def rename(properties: Mapping[str, Any], shape: Shape) -> Values:
    """Return properties as text under the log's names.

    Annotations of a service are left out and remain in the raw text only. A property keeps its own name where
    the log has no such column, where the column is taken already, and where its list was lost before.
    """
    values: Values = {}
    for name, wrapped in properties.items():
        if _is_note(name):
            continue
        value = _unwrap(wrapped)
        column = shape.columns.get(name.lower(), name)
        taken = column in values or (column != name and column in properties)
        lost = column in LISTS and isinstance(value, str) and _TYPE_NAME.fullmatch(value)
        if taken or lost:
            values[name] = write_text(value)
        else:
            values[column or UNNAMED] = _write(column, value)
    return values


def _write(column: str, value: Any) -> str:
    if column == "custom-data":
        return _write_pairs(value)
    if column in LISTS and isinstance(value, str) and column != "recipient-status":
        return ";".join(value[1:-1].split(", ")) if _is_braced(value) else value
    return write_text(value)


def write_text(value: Any) -> str:
    """Return a JSON value as the log would write it: lists joined by ``;``, nested values as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and not any(isinstance(member, (list, dict)) for member in value):
        return ";".join(_write_member(write_text(member)) for member in value)
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value)


def _write_member(text: str) -> str:
    return f"'{text}'" if ";" in text else text


def _write_pairs(value: Any) -> str:
    """Return ``EventData`` as the log's ``S:key=value;S:key=value``; any other value unchanged."""
    if isinstance(value, str):
        pairs = _BETWEEN_PAIRS.split(value[1:-1] if _is_braced(value) else value)
        found = [_PAIR.fullmatch(pair) for pair in pairs]
        return value if None in found else ";".join(f"S:{pair[1]}={pair[2]}" for pair in found if pair)
    if isinstance(value, dict):
        members = [value] if value.keys() == {"Key", "Value"} else [
            {"Key": name, "Value": text} for name, text in value.items()
        ]  # fmt: skip
        return _write_pairs(members)
    if isinstance(value, list):
        return ";".join(_write_pair(member) for member in value)
    return write_text(value)


def _write_pair(member: Any) -> str:
    if isinstance(member, dict) and member.keys() == {"Key", "Value"}:
        return f"S:{write_text(member['Key'])}={write_text(member['Value'])}"
    return _write_pairs(member) if isinstance(member, str) else write_text(member)


def _is_braced(text: str) -> bool:
    """Return whether a list is printed whole as in PowerShell's tables: ``{one, two}``."""
    return text.startswith("{") and text.endswith("}") and not text.endswith(("...}", "\u2026}"))


def _is_note(name: str) -> bool:
    """Return whether a name is an annotation of OData and not a property."""
    return "odata." in name or name == "__metadata"


def _unpack(properties: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Return the objects of a page that a service answered with; ``None`` for any other object.

    OData 3 and 4 put them under ``value``, OData 2 under ``d``, there or below it under ``results``.
    """
    names = properties.keys()
    page = properties
    if names == {"d"} and isinstance(properties["d"], dict):
        page = properties["d"]
        found = page.get("results")
        whole = all(name == "results" or name.startswith("__") for name in page)
    else:
        found = properties["d"] if names == {"d"} else properties.get("value")
        whole = all(name in ("value", "d") or _is_note(name) for name in names)
    if not whole or not isinstance(found, list) or not all(isinstance(member, dict) for member in found):
        return None
    return found


def _unwrap(value: Any) -> Any:
    """Unwrap the values that PowerShell 5 wraps: a list with its ``Count``, a time with its text."""
    wrapped = isinstance(value, dict) and "value" in value
    return (
        value["value"] if wrapped and value.keys() <= {"value", "Count", "DateTime", "DisplayHint"} else value
    )
