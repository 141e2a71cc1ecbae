"""Read the output of a vendor's connector or DSM, line by line: CEF, LEEF, native payload, CSV, JSON.

It is lenient: captures come after syslog headers of every kind, are cut by receivers, escape too much or too
little. An unreadable line is returned with its reason. Names become those of the taxonomy, so that an event
can be compared with ours field by field.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from exnorm.compare.moments import read_moment
from exnorm.errors import quote
from exnorm.model import Record, Taxonomy, Unparsed
from exnorm.tables.mapping import index_fields
from exnorm.text.lines import find_crowd

CEF, LEEF, NATIVE, CSV, JSON = "cef", "leef", "wincollect", "csv", "json"
ADDITIONAL = "additional data "
"""Begins the name of a field that is additional data; then the letters and digits of its column."""
MOST_FIELDS = 1000
"""Fields of one event; a line with more is none that a connector writes."""

_MOST_SPELLED = 10_000
_CEF = re.compile(r"CEF: ?([01])(?:\.\d)?\|")
_LEEF = re.compile(r"LEEF: ?([12])(?:\.0)?\|")
_NATIVE = re.compile(r"(?:^|[\s\ufeff])(?:SourceIp|AgentDevice)=")
_CEF_CELL = re.compile(r"((?:[^|\\]|\\.)*)\|", re.DOTALL)
_CEF_KEY = re.compile(r"(?:^|(?<= ))([A-Za-z_][\w.()\[\]-]*)=")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_EXTENSION = {"\\": "\\", "=": "=", "n": "\n", "r": "\r", "|": "|"}
_TORN_KEY = re.compile(
    r" (?:ad\.[\w.()-]*|(?:c[nsf]|c6a|flexString|flexDate)\d(?:L(?:a(?:b(?:e(?:l)?)?)?)?)?)$"
)
_HEX = re.compile(r"(?:0?x)([0-9A-Fa-f]{1,4})")
_LIKE_KEY = re.compile(r"[a-z]\w*[A-Z]\w*|c[ns6f]\w*|flex\w+")
_AD_KEY = re.compile(r"\Aad(?:[._]|(?=[A-Z]))")
_NESTED = "additionalData."
_NOT_WORD = re.compile(r"[^a-z0-9]+")
_LIMITS = (480, 1024, 2048, 4096, 8192, 16384, 32768, 65507, 65535)
"""Bytes that receivers of syslog take of a line."""
_HEADERS = {
    CEF: ("deviceVendor", "deviceProduct", "deviceVersion", "deviceEventClassId", "name", "severity"),
    LEEF: ("Vendor", "Product", "Version", "Event ID"),
}
_PAYLOADS = (
    "payload", "utf8payload", "utf8 payload", "utf8_payload", "payloadasutf", "rawevent", "raw event", "raw",
    "_raw", "message", "log", "msg", "event.original",
)  # fmt: skip
_NOTHING = frozenset(("n/a", "null", "none", "(null)"))
"""What exports of JSA write for a value that is not there."""

OF_CONNECTOR = frozenset((
    "agentaddress", "agt", "agenthostname", "ahost", "agentid", "aid", "agentmacaddress", "amac",
    "agentreceipttime", "art", "agenttype", "at", "agenttimezone", "atz", "agentversion", "av",
    "agentdnsdomain", "agentntdomain", "agenttranslatedaddress", "agenttranslatedzoneexternalid",
    "agenttranslatedzoneuri", "agentzoneexternalid", "agentzoneuri", "customerexternalid", "customeruri",
    "destinationtranslatedzoneexternalid", "destinationtranslatedzoneuri", "destinationzoneexternalid",
    "destinationzoneuri", "devicetranslatedzoneexternalid", "devicetranslatedzoneuri",
    "devicezoneexternalid", "devicezoneuri", "dlat", "dlong", "slat", "slong", "eventid", "rawevent",
    "sourcetranslatedzoneexternalid", "sourcetranslatedzoneuri", "sourcezoneexternalid", "sourcezoneuri",
    "cefver", "managerreceipttime", "mrt", "deviceseverity", "agentseverity", "locality", "originator",
    "_cefver", "modelconfidence", "relevance", "assetcriticality", "priority", "aggregatedeventcount",
))  # fmt: skip
"""Keys of CEF that only a connector or a manager sets: they say nothing of the log."""

OF_SHIPPER = frozenset(("@timestamp", "@version", "tags", "exnorm_id", "event.original"))
"""What shippers add to an event in JSON; the time among them is read, not compared."""

OF_SIEM = frozenset((
    "event name", "qidname_qid", "qid", "log source", "logsourceid", "logsourcename_logsourceid",
    "log source type", "log source group", "event count", "eventcount", "low level category",
    "lowlevelcategory", "category", "high level category", "magnitude", "severity", "credibility",
    "relevance", "storage time", "storagetime", "time", "start time", "starttime", "endtime", "end time",
    "domain", "domainid", "custom rule", "matched custom rule", "event direction", "processorid",
    "event processor", "eventprocessor", "identityip", "identity ip", "hasidentity", "protocolid",
    "protocol", "isduplicate", "log source time", "devicetime", "device time", "host", "type",
))  # fmt: skip
"""Columns of an export of JSA that are its own; times among them are read, not compared."""
_TELLING = frozenset((
    "event name", "qidname_qid", "qid", "log source", "logsourceid", "logsourcename_logsourceid", "magnitude",
    "low level category", "lowlevelcategory", "event count", "eventcount",
))  # fmt: skip

_ALIASES = {
    "sourceip": "src", "source ip": "src", "destinationip": "dst", "destination ip": "dst",
    "username": "usrName", "user name": "usrName", "event id": "eventId", "eventid": "eventId",
    "deviceeventid": "eventId", "sourceport": "srcPort", "source port": "srcPort",
    "destinationport": "dstPort", "destination port": "dstPort",
}  # fmt: skip
_TIMES = {
    "arcsight": ("deviceReceiptTime", "endTime", "startTime"),
    "jsa": ("devTime",),
}
_EXPORT_TIMES = (
    "log source time", "devicetime", "device time", "@timestamp", "start time", "starttime", "time",
    "end time", "endtime", "storage time", "storagetime",
)  # fmt: skip


@dataclass(slots=True)
class Seen:
    """One event of a capture under the taxonomy's names; our events are read back in the same way.

    ``raw`` has texts before they were unescaped, where that changed them. ``own`` are fields of the
    connector or SIEM itself, ``evidence`` further texts that identify the event. ``is_torn``: its line
    ends in the middle. ``is_full``: the line is as long as receivers allow, so it may be cut; ``last`` is
    the last field present. ``columns`` are the only fields that an export can have.
    """

    fields: dict[str, str]
    time: int | None = None
    event: str = ""
    raw: dict[str, str] = field(default_factory=dict)
    own: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    columns: frozenset[str] | None = None
    is_torn: bool = False
    is_full: bool = False
    last: str = ""
    line_number: int = 0


class Unread(NamedTuple):
    """A line of a capture that is not an event, and the reason."""

    line: str
    reason: str
    line_number: int = 0


class Vocabulary:
    """The names of a taxonomy as captures spell them."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        self._known = {name: item.name for name, item in index_fields(taxonomy).items()}
        for item in taxonomy.fields:
            if item.ecs:
                self._known.setdefault(item.ecs.casefold(), item.name)
        self.types = {item.name: item.type for item in taxonomy.fields}
        self.limits = {item.name: item.max_bytes for item in taxonomy.fields}
        self.keys = {item.name: item.key for item in taxonomy.fields}
        self.labels = {item.name: item.label for item in taxonomy.fields}
        self.spelled: dict[str, str] = {}
        self._keys: dict[str, tuple[str, bool, bool]] = {}  # by key of CEF
        self.times = _TIMES.get(taxonomy.name, ())
        self.event = next(
            (item.name for item in taxonomy.fields if item.key in ("deviceEventClassId", "eventId")), ""
        )

    def knows(self, name: str) -> bool:
        """Return whether the taxonomy has a field of that label, name or key."""
        return name.casefold() in self._known

    def describe_key(self, key: str) -> tuple[str, bool, bool]:
        """Of a key of CEF: its field, whether only a connector sets it, whether it may be text instead."""
        found = self._keys.get(key)
        if found is None:
            is_own = key.casefold() in OF_CONNECTOR
            is_sure = self.knows(key) or is_own or _AD_KEY.match(key) or _LIKE_KEY.fullmatch(key)
            found = ("" if is_own else self.find(key), is_own, not is_sure)
            if len(self._keys) < _MOST_SPELLED:
                self._keys[key] = found
        return found

    def find(self, name: str, *, in_export: bool = False) -> str:
        """Return the name of a field; one that the taxonomy does not have is additional data."""
        folded = name.strip().casefold()
        if in_export and self.taxonomy.name == "jsa":
            folded = _ALIASES.get(folded, folded).casefold()
        known = self._known.get(folded)
        if known is not None:
            return known
        column = _AD_KEY.sub("", name.strip(), count=1)
        found = ADDITIONAL + (simplify(column) or "(nameless)")
        if len(self.spelled) < _MOST_SPELLED:
            self.spelled.setdefault(found, column)
        return found


def simplify(name: str) -> str:
    """Return a column's name in lower case without signs: ``custom-data``, ``customData`` and ``Custom Data``
    are one.
    """
    return _NOT_WORD.sub("", name.casefold())


# --- which format --------------------------------------------------------------------------------


def find_format(beginning: str, name: str = "") -> str:
    """Return the format of a capture by its first lines; empty where it is unclear."""
    lines = [line for line in beginning.splitlines() if line.strip()][:50]
    for line in lines:
        shape = _find_line_format(line)
        if shape:
            return shape
        if line.lstrip("\ufeff ").startswith(("{", "[")):
            return _find_wrapped(line) or JSON
    if lines and (name.lower().endswith(".csv") or len(next(csv.reader(lines[:1]), [])) > 1):
        return CSV
    return ""


def _find_wrapped(line: str) -> str:
    """Return the format of a line that a shipper wrapped in a JSON object; empty for an export."""
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return ""
    pairs = dict(_flatten(content)) if isinstance(content, dict) else {}
    names = {name.casefold() for name in pairs}
    if names & (_TELLING | _ALIASES.keys()):
        return ""
    texts = (text for name, text in pairs.items() if name.casefold() in _PAYLOADS)
    return next((shape for text in texts if (shape := _find_line_format(text))), "")


def _find_line_format(line: str) -> str:
    """Return the format of one line: the one that begins first, so that a subject never decides."""
    if line.lstrip("\ufeff ").startswith(("{", "[", '"')):
        return ""
    starts = [(found.start(), shape) for shape, pattern in _STARTS if (found := pattern.search(line))]
    return min(starts)[1] if starts else ""


_STARTS = ((CEF, _CEF), (LEEF, _LEEF), (NATIVE, _NATIVE))

ReadRow = Callable[[str], Iterable["Record | Unparsed"]]
"""Reads a native payload as the row it carries."""


class Reader:
    """Reads the lines of a capture in one format as events."""

    def __init__(self, shape: str, vocabulary: Vocabulary, read_row: ReadRow) -> None:
        self._shape = shape
        self._words = vocabulary
        self._read_row = read_row

    def read(self, line: str) -> Seen | Unread:
        """Read one event in CEF, LEEF or a native payload, after any prefix."""
        line = line.lstrip("\ufeff").rstrip("\r\n\0")
        crowd = find_crowd(line)
        if crowd:
            return Unread(line, crowd)
        if line.startswith("{"):
            return self.read_json(line)
        shape = _find_line_format(line)
        if shape == CEF:
            return read_cef(line, self._words)
        if shape == LEEF:
            return read_leef(line, self._words)
        if shape == NATIVE:
            return self._read_native(line)
        what = "JSON" if self._shape == JSON else "CEF nor LEEF nor a native payload"
        return Unread(line, f"holds {'no' if self._shape == JSON else 'neither'} {what}")

    def _read_native(self, line: str) -> Seen | Unread:
        for item in self._read_row(line):
            if isinstance(item, Record):
                return see_record(item)
            return Unread(line, item.reason)
        return Unread(line, "is no native payload")

    def read_json(self, line: str) -> Seen | Unread:
        """Read one event that is a JSON object."""
        try:
            content = json.loads(line)
        except (ValueError, RecursionError) as error:
            return Unread(line, f"is not JSON: {error}"[:200])
        if not isinstance(content, dict):
            return Unread(line, "is JSON, but no object")
        return self.read_object(content)

    def read_object(self, content: Mapping[str, Any]) -> Seen | Unread:
        """Read one event of an export, or the line that a shipper wrapped."""
        pairs = dict(_flatten(content))
        if len(pairs) > MOST_FIELDS:
            return Unread(quote(content), f"has {len(pairs)} fields; expected at most {MOST_FIELDS}")
        if "parsefailure" in pairs.get("tags", ""):
            return Unread(pairs.get("message", "") or quote(content), "is tagged as not parsed")
        carried = self._read_carried(pairs)
        known = [name for name in pairs if self.is_field(name)]
        if carried is not None and len(known) < 2:
            return carried
        return self._see_export(pairs, carried)

    def is_field(self, name: str) -> bool:
        """Return whether a column of an export is a field of the taxonomy."""
        folded = name.strip().casefold()
        if folded in OF_SHIPPER or (self._is_jsa and folded in OF_SIEM):
            return False
        return self._words.knows(folded) or (self._is_jsa and folded in _ALIASES)

    @property
    def _is_jsa(self) -> bool:
        return self._words.taxonomy.name == "jsa"

    def _read_carried(self, pairs: Mapping[str, str]) -> Seen | None:
        for name, text in pairs.items():
            if name.casefold() in _PAYLOADS and _find_line_format(text):
                found = self.read(text)
                if isinstance(found, Seen):
                    return found
        return None

    def _see_export(self, pairs: Mapping[str, str], carried: Seen | None) -> Seen | Unread:
        seen = Seen({})
        own: list[str] = []
        columns: set[str] = set()
        folded = {name: name.strip().casefold() for name in pairs}
        of_siem = OF_SIEM if self._is_jsa and not _TELLING.isdisjoint(folded.values()) else frozenset()
        for name, text in pairs.items():
            if folded[name] in _PAYLOADS and carried is not None:
                continue
            if name.startswith(_NESTED):
                self._put(seen, ADDITIONAL + simplify(name.removeprefix(_NESTED)), text)
                self._words.spelled.setdefault(ADDITIONAL + simplify(name.removeprefix(_NESTED)), name)
            elif folded[name] in OF_SHIPPER or folded[name] in of_siem or self._is_connectors(name):
                own.append(name)
            elif of_siem and text.strip().casefold() in _NOTHING:
                columns.add(self._words.find(name, in_export=True))
            else:
                target = self._words.find(name, in_export=True)
                columns.add(target)
                if not (of_siem and target.endswith("Port") and text == "0"):
                    self._put(seen, target, text)
        seen.own = tuple(own)
        seen.columns = frozenset(columns) if of_siem or self._shape == CSV else None
        seen.event = seen.fields.get(self._words.event, "").upper()
        seen.time = _find_time(seen, self._words) or _find_export_time(pairs)
        if carried is not None:
            seen.time = carried.time if carried.time is not None else seen.time
            seen.event = seen.event or carried.event
            seen.evidence = tuple(carried.fields.values())
        if not seen.fields:
            return Unread(quote(pairs), "holds no field of the taxonomy")
        return seen

    def _is_connectors(self, name: str) -> bool:
        return not self._is_jsa and simplify(name) in OF_CONNECTOR and not self._words.knows(name)

    @staticmethod
    def _put(seen: Seen, name: str, text: str) -> None:
        if text:
            seen.fields.setdefault(name, text)


def _flatten(content: Mapping[str, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Yield each value of an object as text, nested ones under dotted names."""
    for name, value in content.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict) and depth < 8:
            yield from _flatten(value, f"{path}.", depth + 1)
        elif isinstance(value, bool) or value is None:
            yield path, "" if value is None else str(value).lower()
        elif isinstance(value, (str, int, float)):
            yield path, str(value)
        else:
            yield path, json.dumps(value, ensure_ascii=False)[:65536]


def _find_time(seen: Seen, words: Vocabulary) -> int | None:
    for name in words.times:
        found = read_moment(seen.fields.get(name, ""))
        if found is not None:
            return found
    return None


def _find_export_time(pairs: Mapping[str, str]) -> int | None:
    folded = {name.strip().casefold(): text for name, text in pairs.items()}
    for name in _EXPORT_TIMES:
        found = read_moment(folded.get(name, ""))
        if found is not None:
            return found
    return None


# --- CEF -----------------------------------------------------------------------------------------


def read_cef(line: str, words: Vocabulary) -> Seen | Unread:
    """Read an event in CEF, the first in its line."""
    start = _CEF.search(line)
    if start is None:
        return Unread(line, "holds no CEF:0| or CEF:1|")
    seen = Seen({})
    position = start.end()
    for number, name in enumerate(_HEADERS[CEF]):
        found = _CEF_CELL.match(line, position)
        if found is None:
            return Unread(line, f"is cut off in its header: {number} of 6 parts")
        position = found.end()
        _put(seen, words.find(name), _unescape(found.group(1)), found.group(1))
    own: list[str] = []
    body, is_torn = _take_off_torn(line[position:])
    for key, raw in _cut_cef(body, words):
        name, is_own, _ = words.describe_key(key)
        if is_own:
            own.append(key)
            continue
        text = raw.rstrip(" ")
        _put(seen, name, _unescape(text), text)
    seen.own = tuple(own)
    return _finish(seen, words, line, is_torn=is_torn)


def _cut_cef(body: str, words: Vocabulary) -> Iterator[tuple[str, str]]:
    """Yield the pairs of an extension: a key follows a blank, and is known or cannot be text."""
    keys = [
        found
        for found in _CEF_KEY.finditer(body)
        if not found.start() or not words.describe_key(found.group(1))[2]  # ``Offer code=5``, not escaped
    ]
    for found, following in zip(keys, [*keys[1:], None]):
        yield found.group(1), body[found.end() : following.start() if following else len(body)]


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    return _ESCAPED.sub(lambda found: _EXTENSION.get(found.group(1), found.group()), text)


def _take_off_torn(body: str) -> tuple[str, bool]:
    """Return an extension without the half key or half escape at its end, and whether there was one."""
    tail = _TORN_KEY.search(body)
    if tail is not None:
        return body[: tail.start()], True
    backslashes = len(body) - len(body.rstrip("\\"))
    return (body[:-1], True) if backslashes % 2 else (body, False)


# --- LEEF ----------------------------------------------------------------------------------------


def read_leef(line: str, words: Vocabulary) -> Seen | Unread:
    """Read an event in LEEF 1.0 or 2.0, the first in its line."""
    start = _LEEF.search(line)
    if start is None:
        return Unread(line, "holds no LEEF:1.0| or LEEF:2.0|")
    cells = line[start.end() :].split("|", 5)
    if len(cells) < 5:
        return Unread(line, f"is cut off in its header: {len(cells) - 1} of 4 parts")
    seen = Seen({})
    for name, text in zip(_HEADERS[LEEF], cells):
        _put(seen, words.find(name), text, text)
    delimiter, body = _find_delimiter(start.group(1), cells)
    own: list[str] = []
    pairs = [part.partition("=") for part in body.split(delimiter) if part.strip()]
    for key, equal, text in pairs[:MOST_FIELDS]:
        if equal and key.strip() and key.strip().casefold() != "devtimeformat":
            _put(seen, words.find(key.strip()), text, text)
        elif equal:
            own.append(key)
    seen.own = tuple(own)
    return _finish(seen, words, line, is_torn=bool(pairs) and not pairs[-1][1])


def _find_delimiter(version: str, cells: list[str]) -> tuple[str, str]:
    """Return the delimiter of attributes, and the attributes; in 2.0 a header field may name it."""
    if version == "2" and len(cells) > 5:
        told = cells[4].strip()
        found = _HEX.fullmatch(told)
        if found:
            return chr(int(found.group(1), 16)), cells[5]
        if len(told) == 1:
            return told, cells[5]
        if not told or told.lower() in ("tab", "\\t"):
            return "\t", cells[5]
    body = "|".join(cells[4:])
    if "\t" in body or "\\t" not in body:
        return "\t", body
    return "\\t", body


# --- what they have in common --------------------------------------------------------------------


def _put(seen: Seen, name: str, text: str, raw: str) -> None:
    """Keep a field; of a repeated one, the first."""
    if not text or name in seen.fields or len(seen.fields) >= MOST_FIELDS:
        return
    seen.fields[name] = text
    seen.last = name
    if raw != text:
        seen.raw[name] = raw


def _finish(seen: Seen, words: Vocabulary, line: str, *, is_torn: bool) -> Seen:
    seen.event = seen.fields.get(words.event, "").upper()
    seen.time = _find_time(seen, words)
    seen.is_torn = is_torn
    size = len(line.encode("utf-8", "replace"))
    seen.is_full = any(limit - 4 <= size <= limit for limit in _LIMITS)
    return seen


def see_record(record: Record) -> Seen:
    """Return a row as in a native payload: its columns are the fields."""
    fields = {name: text for name, text in record.values.items() if text}
    last = next(reversed(record.values), "")
    return Seen(fields, record.time, record.event_id, last=last)


# --- documents -----------------------------------------------------------------------------------

_PIECE = re.compile(r'["\\\\{}]')
_AROUND = re.compile(r'\s*\{\s*"[^"]*"\s*:\s*(?=\[)')
_MOST_OBJECT = 4 * 1024 * 1024


def cut_objects(texts: Iterable[str]) -> Iterator[str]:
    """Yield the objects of a JSON document: those of a list, of ``{"events": [...]}``, or at the top."""
    begun: list[str] = []  # pieces of the object that is being read
    depth = size = 0
    in_text = skips = False
    for number, text in enumerate(texts):
        around = _AROUND.match(text) if number == 0 else None
        position = start = 0 if around is None else around.end()
        if skips:
            position, skips = position + 1, False
        while (found := _PIECE.search(text, position)) is not None:
            sign, position = found.group(), found.end()
            if sign == "\\":
                position += in_text
                skips = position > len(text)
            elif sign == '"':
                in_text = not in_text and depth > 0
            elif in_text:
                continue
            elif sign == "{":
                if not depth:
                    begun, size, start = [], 0, position - 1
                depth += 1
            elif depth:
                depth -= 1
                if not depth:
                    yield "".join([*begun, text[start:position]])
        if depth:
            size += len(text) - start
            begun = [*begun, text[start:]] if size <= _MOST_OBJECT else ["{"]
    if depth:
        yield "".join(begun)


def cut_rows(lines: Iterable[str]) -> Iterator[dict[str, str] | Unread]:
    """Yield the rows of a CSV under the names of its first line; ``,``, ``;`` or TAB separates its cells."""
    lines = iter(lines)
    head = next((line for line in lines if line.strip()), "").lstrip("\ufeff")
    separator = max(",;\t", key=head.count)
    names = next(csv.reader([head], delimiter=separator), [])
    limit = csv.field_size_limit(_MOST_OBJECT)
    try:
        for cells in csv.reader(lines, delimiter=separator):
            if not cells:
                continue
            if len(cells) != len(names):
                yield Unread(quote(separator.join(cells)), f"has {len(cells)} cells; expected {len(names)}")
                continue
            yield dict(zip(names, cells))
    except csv.Error as error:
        yield Unread("", f"is not CSV: {error}")
    finally:
        csv.field_size_limit(limit)
