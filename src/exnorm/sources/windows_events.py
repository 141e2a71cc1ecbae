"""Read events of Windows in the forms that shippers deliver into one form.

Fluent Bit (``winevtlog``) and Fluentd put the fields of ``System`` at the top and the data without names into
``StringInserts``; Winlogbeat nests everything under ``winlog`` and names the data ``param1``, ``param2``;
NXLog has names of its own and ``Data``, ``Data_1``; ``wevtutil`` prints XML. ``PATHS`` lists each column's
names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from exnorm.sources.columnar import Refusal
from exnorm.sources.exports import write_text
from exnorm.text.patterns import compile_later

# fmt: off
PATHS = {
    # column             Fluent Bit            Winlogbeat 7 and later         Winlogbeat 6        NXLog             XML as JSON
    "TimeCreated":       ("TimeCreated",       "winlog.time_created",         "@timestamp",       "EventTime",      "System.TimeCreated.SystemTime", "System.SystemTime"),
    "ProviderName":      ("ProviderName",      "winlog.provider_name",        "source_name",      "SourceName",     "System.Provider.Name", "System.ProviderName"),
    "ProviderGuid":      ("ProviderGuid",      "winlog.provider_guid",        "provider_guid",                      "System.Provider.Guid"),
    "Channel":           ("Channel",           "winlog.channel",              "log_name",                           "System.Channel"),
    "Computer":          ("Computer",          "winlog.computer_name",        "computer_name",    "Hostname",       "System.Computer"),
    "EventID":           ("EventID",           "winlog.event_id",             "event_id",                           "System.EventID"),
    "Qualifiers":        ("Qualifiers",),
    "Version":           ("Version",           "winlog.version",),
    "Level":             ("Level",             "Severity",                    "System.Level"),
    "Task":              ("Task",              "winlog.task",                 "task",                               "System.Task"),
    "Opcode":            ("Opcode",            "winlog.opcode",               "opcode",           "OpcodeValue",    "System.Opcode"),
    "Keywords":          ("Keywords",          "winlog.keywords",             "keywords",                           "System.Keywords"),
    "EventRecordID":     ("EventRecordID",     "winlog.record_id",            "record_number",    "RecordNumber",   "System.EventRecordID"),
    "ActivityID":        ("ActivityID",        "winlog.activity_id",          "activity_id",),
    "RelatedActivityID": ("RelatedActivityID", "winlog.related_activity_id",),
    "ProcessID":         ("ProcessID",         "winlog.process.pid",          "process_id",                         "System.Execution.ProcessID"),
    "ThreadID":          ("ThreadID",          "winlog.process.thread.id",    "thread_id",                          "System.Execution.ThreadID"),
    "UserID":            ("UserID",            "winlog.user.identifier",      "System.Security.UserID"),
    "Message":           ("Message",           "message",                     "winlog.message"),
}
# fmt: on
COLUMNS = tuple(PATHS)
"""The columns that every event may have, in the order of Fluent Bit."""

DATA = ("StringInserts", "EventData", "winlog.event_data", "event_data", "Data")
"""Where the data stand: a list, an object of ``paramN`` or of ``Data``, or a first text before ``Data_1``."""

MOST_DATA = 64
MOST_TAGS = 2000

_NUMBERED = compile_later(r"(?:param|Data_?)(\d{1,3})", re.IGNORECASE)
_NAMESPACE = compile_later(r"\{[^}]*\}")
_BEGINS = compile_later(r"\s*(?:<\?xml[^>]*>\s*)?(?:<Events\b[^>]*>\s*)?<Event[\s>]")
_EVENT = compile_later(r"<Event[\s>]")
_EVENT_END = "</Event>"

_ATTRIBUTES = {
    "Provider": {"Name": "ProviderName", "Guid": "ProviderGuid"},
    "TimeCreated": {"SystemTime": "TimeCreated"},
    "EventID": {"Qualifiers": "Qualifiers"},
    "Execution": {"ProcessID": "ProcessID", "ThreadID": "ThreadID"},
    "Correlation": {"ActivityID": "ActivityID", "RelatedActivityID": "RelatedActivityID"},
    "Security": {"UserID": "UserID"},
}

Columns = dict[str, str]


def find(record: Mapping[str, Any], path: str) -> Any:
    """Return the value under a dotted path, whether objects are nested or their names are joined."""
    if path in record:
        return record[path]
    head, dot, rest = path.partition(".")
    inner = record.get(head) if dot else None
    return find(inner, rest) if isinstance(inner, Mapping) else None


def find_text(record: Mapping[str, Any], column: str) -> str:
    """Return the text of a column under any of its names; empty where it is missing."""
    for path in PATHS[column]:
        found = find(record, path)
        if found is None and "Event" in record:
            found = find(record, f"Event.{path}")
        if isinstance(found, (str, int, float, list)) and found != "":
            return _write(found)
    return ""


def used_names(record: Mapping[str, Any]) -> frozenset[str]:
    """Return the names at the top of a record that hold the event; the others are the shipper's."""
    heads = {path.partition(".")[0] for paths in PATHS.values() for path in paths}
    heads.update(path.partition(".")[0] for path in DATA)
    mine = {
        name
        for name in record
        if name.partition(".")[0] in heads or name in ("System", "Event") or _NUMBERED.fullmatch(name)
    }
    return frozenset(mine)


def read_record(record: Mapping[str, Any]) -> tuple[Columns, list[str]]:
    """Return the columns of an event that came as an object, and its data in order."""
    values = {column: find_text(record, column) for column in COLUMNS}
    system = record.get("System")
    if isinstance(system, str):  # Fluent Bit with render_event_as_xml
        found, _ = read_xml(f"<Event>{system}</Event>" if system.lstrip().startswith("<System") else system)
        if isinstance(found, dict):
            values.update((name, text) for name, text in found.items() if text)
    return values, read_data(record)


def read_data(record: Mapping[str, Any]) -> list[str]:
    """Return the data of an event in order; an empty list where it came without."""
    for path in (*DATA, *(f"Event.{path}" for path in DATA)):
        found = find(record, path)
        if isinstance(found, Mapping) and isinstance(found.get("Data"), list):
            found = found["Data"]
        if isinstance(found, list):
            return [_write(_unwrap(item)) for item in found[:MOST_DATA]]
        if isinstance(found, Mapping):
            numbered = dict(_numbered(found))
            last = min(max(numbered, default=0), MOST_DATA)
            if last:
                return [_write(numbered.get(number, "")) for number in range(1, last + 1)]
        if path == "Data" and isinstance(found, str):
            rest = dict(_numbered(record))
            last = min(max(rest, default=0), MOST_DATA)
            return [found, *(_write(rest.get(number, "")) for number in range(1, last + 1))]
    return []


def _numbered(found: Mapping[str, Any]) -> Iterator[tuple[int, Any]]:
    for name, value in found.items():
        match = _NUMBERED.fullmatch(str(name))
        if match is not None:
            yield int(match.group(1)), value


def _unwrap(item: Any) -> Any:
    """Return the text of a datum that came as an object with its name beside it."""
    if isinstance(item, Mapping):
        return next((item[name] for name in ("#text", "text", "Value", "value") if name in item), "")
    return item


def _write(value: Any) -> str:
    return write_text(value) if not isinstance(value, float) or not value.is_integer() else str(int(value))


# --- XML -----------------------------------------------------------------------------------------


def begins_event(line: str) -> bool:
    """Return whether a line begins an event in XML."""
    return _BEGINS.match(line) is not None


def read_xml(text: str) -> tuple[Columns, list[str]] | Refusal:
    """Return the columns of one ``<Event>``, and its data in order."""
    from xml.etree import ElementTree  # most runs read no XML

    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        return "syntax", "an event in XML has no DOCTYPE and no entities of its own"
    if text.count("<") > MOST_TAGS:
        return "width", f"event has {text.count('<')} tags; expected at most {MOST_TAGS}"
    begin = _EVENT.search(text)
    body = text[begin.start() if begin else 0 : text.rfind(_EVENT_END) + len(_EVENT_END)]
    try:
        event = ElementTree.fromstring(body)
    except (ElementTree.ParseError, ValueError) as error:  # the other for half of a surrogate pair
        return "syntax", f"not XML: {error}"
    values = dict.fromkeys(COLUMNS, "")
    data: list[str] = []
    for element in event.iter():
        name = _NAMESPACE.sub("", element.tag) if isinstance(element.tag, str) else ""
        given = (element.text or "").strip("\r\n")
        for attribute, column in _ATTRIBUTES.get(name, {}).items():
            values[column] = element.attrib.get(attribute, "")
        if name in {"Data", "Param"}:
            data.append(given)
        elif name in values and given:
            values[name] = given
    return values, data[:MOST_DATA]


class XmlEvents:
    """Joins the lines of events in XML, in bounded memory."""

    def __init__(self, max_bytes: int) -> None:
        self._limit = max_bytes
        self._pieces: list[str] = []
        self._bytes = 0

    @property
    def waiting(self) -> bool:
        """Whether an event is open, so that the next line belongs to it."""
        return bool(self._pieces)

    def feed(self, line: str) -> Iterator[tuple[str, Refusal | None]]:
        """Yield the events that a line completes, and its text that is not an event."""
        rest = line
        if self._pieces and begins_event(rest):
            yield self._close(("syntax", "the event is cut off: another begins before it is closed"))
        while rest:
            if not self._pieces and not begins_event(rest):
                if rest.strip() not in ("", "</Events>", "<Events>"):
                    yield rest, ("syntax", "not an event in XML: expected <Event>")
                return
            end = rest.find(_EVENT_END)
            piece = rest if end < 0 else rest[: end + len(_EVENT_END)]
            self._pieces.append(piece)
            self._bytes += len(piece.encode("utf-8", "surrogatepass")) + 1
            if self._bytes > self._limit + 1:
                yield self._close(("too-long", f"event is longer than max_line_bytes, {self._limit}"))
            elif end >= 0:
                yield self._close(None)
            rest = rest[len(piece) :]

    def finish(self) -> Iterator[tuple[str, Refusal | None]]:
        """Yield the event that was open when the text ended."""
        if self._pieces:
            yield self._close(("syntax", "the event is cut off: the log ends before it is closed"))

    def _close(self, refusal: Refusal | None) -> tuple[str, Refusal | None]:
        text, self._pieces, self._bytes = "\n".join(self._pieces), [], 0
        return text, refusal
