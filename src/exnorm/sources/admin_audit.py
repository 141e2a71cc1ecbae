"""Actions of administrators, from the Windows log *MSExchange Management*, delivered by any shipper.

Event 1 is a cmdlet that succeeded, event 6 one that failed, event 8 one that ended in an unhandled exception.
The data have no names: Microsoft documents the first three as the cmdlet, its parameters and its caller. The
others are kept under their numbers; a SID, the host program and the error among them are recognized by their
form. Where a shipper left the data out, cmdlet and parameters are read from the message. Secret parameters
are hidden before anything is derived. Events of other channels are not read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from exnorm.convert import iso_utc
from exnorm.errors import quote
from exnorm.model import Confidence, Derivation, Head, Read, Reader, Record, Schema, Source, Unparsed
from exnorm.settings import Settings
from exnorm.sources import cmdlets
from exnorm.sources.accounts import split_user
from exnorm.sources.clock import Clock
from exnorm.sources.columnar import Refusal, derive
from exnorm.sources.exports import ReadObject
from exnorm.sources.json_objects import JsonObjects, read_object
from exnorm.sources.mask import MASK
from exnorm.sources.windows_events import (
    COLUMNS as SYSTEM,
    XmlEvents,
    begins_event,
    read_record,
    read_xml,
    used_names,
)
from exnorm.text.patterns import compile_later

CHANNEL = "MSExchange Management"
PROVIDER = "MSExchange CmdletLogs"
DATA = ("Cmdlet", "Parameters", "Caller", *(f"Data{number}" for number in range(4, 15)))
"""The data of an event in order; further ones are ``Data15`` and so on."""
COLUMNS = (*SYSTEM, *DATA)

SUCCEEDED, FAILED, CRASHED = "1", "6", "8"
OUTCOMES = {SUCCEEDED: "success", FAILED: "failure", CRASHED: "failure"}

_MESSAGE = compile_later(
    r"\s*Cmdlet (?:succ?eeded|failed)\. Cmdlet (?P<cmdlet>[\w-]+)(?:, parameters (?P<parameters>.*?))?\.?\s*",
    re.IGNORECASE | re.DOTALL,
)
_CRASH = compile_later(r"\s*\(PID (\d+), Thread (\d+)\) Task (?P<cmdlet>[\w-]+) (?P<error>.*)", re.DOTALL)
_SID = compile_later(r"S-1-[\d-]+")
_PROGRAM = compile_later(r"[A-Za-z][\w .-]{0,80}")
_EXCEPTION = compile_later(r"\s*([A-Za-z_][\w.+`]*Exception)\b")
_HEAD_CHARACTERS = 64 * 1024
_MOST_MESSAGE = 256 * 1024  # characters


_MARKS = frozenset((
    "Channel", "ProviderName", "SourceName", "winlog", "winlog.channel", "winlog.provider_name", "log_name",
    "source_name", "System", "Event",
))  # fmt: skip
"""Names at the top of a record of which an event has at least one."""


_LAID_OUT = frozenset(("TimeCreated", "EventID", *DATA[:3]))


def is_mine(channel: str, provider: str) -> bool:
    """Return whether an event is of this log, by its channel, or by its provider where the shipper left the
    channel out.
    """
    return channel.lower() == CHANNEL.lower() if channel else provider.lower() == PROVIDER.lower()


def takes(record: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of a shipper's record that hold an event of this log; none for a record of another
    log.
    """
    if _MARKS.isdisjoint(record) or record.keys() >= _LAID_OUT:  # those are columns already
        return frozenset()
    values, _ = read_record(record)
    return used_names(record) if is_mine(values["Channel"], values["ProviderName"]) else frozenset()


# --- an event in the columns ---------------------------------------------------------------------


def lay_out(values: dict[str, str], data: list[str]) -> dict[str, str]:
    """Return the columns of an event that are not empty, and the first three of its data."""
    names = (*DATA, *(f"Data{number}" for number in range(len(DATA) + 1, len(data) + 1)))
    given = dict(zip(names, data)) or read_message(values.get("Message", ""))
    shown = {name: text for name, text in given.items() if text or name in DATA[:3]}
    return {**{name: text for name, text in values.items() if text}, **dict.fromkeys(DATA[:3], ""), **shown}


def read_message(message: str) -> dict[str, str]:
    """Return cmdlet and parameters from the message of an event that came without its data."""
    message = message[:_MOST_MESSAGE]
    found = _MESSAGE.fullmatch(message)
    if found is not None:
        return {"Cmdlet": found["cmdlet"], "Parameters": found["parameters"] or ""}
    found = _CRASH.fullmatch(message)
    return {} if found is None else {"Cmdlet": found["cmdlet"], "Data12": found["error"]}


def hide_secrets(values: dict[str, str]) -> bool:
    """Hide the values of secret parameters wherever an event repeats them; return whether there were any."""
    given = values.get("Parameters", "")
    shown = cmdlets.hide_secrets(given)
    secrets = cmdlets.find_secrets(cmdlets.read_parameters(given))
    before = dict(values)
    if given != shown:
        values["Parameters"] = shown
    message = values.get("Message", "")
    if message:
        values["Message"] = cmdlets.hide_secrets(message)
    for secret in secrets:
        for column, text in values.items():
            if secret in text:
                values[column] = text.replace(secret, MASK)
    return values != before


def judge(event_id: str) -> str:
    """Return the outcome that the number of an event states; empty for other numbers."""
    return OUTCOMES.get(event_id, "")


def describe(cmdlet: str, parameters: str, event_id: str, caller: str, program: str) -> tuple[str, ...]:
    """Return the values that are derived from a call, in the order of ``cmdlets.DERIVED``."""
    user, host = cmdlets.split_caller(caller)
    pairs = cmdlets.read_parameters(parameters)
    return cmdlets.describe_call(cmdlet, pairs, judge(event_id), user, host or program)


def name_caller(caller: str) -> tuple[str, str]:
    """Return domain and name of the caller, without the program that ran the cmdlet."""
    return split_user(cmdlets.split_caller(caller)[0])


def find_sid(*data: str) -> str:
    """Return the first SID among the data."""
    return next((text for text in data if _SID.fullmatch(text)), "")


def find_program(caller: str, text: str) -> str:
    """Return the program that ran the cmdlet: in brackets after the caller, or the sixth datum."""
    program = cmdlets.split_caller(caller)[1]
    return program or (text if _PROGRAM.fullmatch(text) else "")


def find_error(event_id: str, *data: str) -> str:
    """Return the error of a failed cmdlet: the first datum that begins with an exception, else
    the twelfth.
    """
    if judge(event_id) == "success":
        return ""
    named = next((text for text in data if _EXCEPTION.match(text)), "")
    return named or data[-3]


def name_exception(event_id: str, *data: str) -> str:
    """Return the exception of an error, else its first line."""
    error = find_error(event_id, *data)
    found = _EXCEPTION.match(error)
    return found.group(1) if found else error.strip().partition("\n")[0].rstrip("\r")


_FURTHER = DATA[3:]
COMPUTED = (
    Derivation(cmdlets.DERIVED, ("Cmdlet", "Parameters", "EventID", "Caller", "Data6"), describe),
    Derivation(("outcome",), ("EventID",), judge),
    Derivation(("user-domain", "user-name"), ("Caller",), name_caller),
    Derivation(("host-program",), ("Caller", "Data6"), find_program),
    Derivation(("caller-sid",), _FURTHER, find_sid),
    Derivation(("error",), ("EventID", *_FURTHER), find_error),
    Derivation(("reason",), ("EventID", *_FURTHER), name_exception),
)


# --- reading -------------------------------------------------------------------------------------


class AdminAuditReader(Reader):
    """Reads events in JSON, one or several on a line or printed over many lines, and in XML."""

    def __init__(self, source: Source, settings: Settings) -> None:
        self._source = source
        self._clock = Clock(settings.tz)
        self._json = JsonObjects(settings.max_line_bytes)
        self._xml = XmlEvents(settings.max_line_bytes)

    def read(self, line: str) -> Read:
        """Return the events that a line completes; ``None`` where it completes none."""
        if self._xml.waiting or (not self._json.waiting and line.lstrip()[:1] == "<"):
            found = [self._from_xml(*event) for event in self._xml.feed(line)]
        else:
            found = [self._from_json(*event) for event in self._json.feed(line)]
        return found or None

    def miss(self) -> None:
        """Take note of a lost line, which may have been part of an object."""
        self._json.miss()

    def finish(self) -> list[Record | Unparsed]:
        """Return the event that was left open, as unparsed."""
        return [
            *(self._from_json(*found) for found in self._json.finish()),
            *(self._from_xml(*found) for found in self._xml.finish()),
        ]

    def complete(self, line: str, values: dict[str, str], found: str) -> Record | Unparsed:
        """Return the record of an event whose columns came by their names."""
        return self._record(line, values, found)

    def _from_json(self, text: str, refusal: Refusal | None) -> Record | Unparsed:
        properties = read_object(text) if refusal is None else refusal
        if isinstance(properties, tuple):
            return Unparsed(text, *properties)
        return self.read_object(properties, text)

    def read_object(self, properties: Mapping[str, Any], text: str) -> Record | Unparsed:
        """Return the record of an event that came as an object."""
        values, data = read_record(properties)
        return self._from_event(values, data, text)

    def _from_xml(self, text: str, refusal: Refusal | None) -> Record | Unparsed:
        if refusal is not None:
            return Unparsed(text, *refusal)
        values, data = read_xml(text)
        if isinstance(values, str):
            return Unparsed(text, values, str(data))
        return self._from_event(values, list(data), text)

    def _from_event(self, values: dict[str, str], data: list[str], text: str) -> Record | Unparsed:
        if not is_mine(values["Channel"], values["ProviderName"]):
            named = quote(values["Channel"] or values["ProviderName"])
            return Unparsed(text, "unknown-type", f"an event of channel {named}; expected {quote(CHANNEL)}")
        return self._record(text, lay_out(values, data), "event")

    def _record(self, line: str, values: dict[str, str], found: str) -> Record | Unparsed:
        moment = self._clock.read("TimeCreated", values.get("TimeCreated", ""))
        if not isinstance(moment, int):
            return Unparsed(line, *moment)
        if hide_secrets(values):
            line = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
        schema = Schema("", tuple(values), found=found)
        if self.schema is None or self.schema.columns != schema.columns:
            self.schema = schema
        record = Record(self._source, self.schema, values, time=moment, raw=line)
        record.derived["date-time"] = iso_utc(moment)
        derive(record, COMPUTED)
        return record


def redact(line: str) -> str:
    """Return an unparsed line with the values of secret parameters hidden; in JSON, quotes have
    a backslash.
    """
    return cmdlets.hide_everywhere(line, "json" if '\\"' in line else "plain")


def recognize(head: Head) -> Confidence:
    """Recognize the log by the channel of the first event, or by the names of columns that came split."""
    if "fields" in head.directives:
        names = set(head.directives["fields"].split(","))
        return Confidence.HEADER if names >= _LAID_OUT else Confidence.NO
    if head.directives:
        return Confidence.NO
    line = head.line[:_HEAD_CHARACTERS]
    if line.lstrip()[:1] in ("{", "["):
        return Confidence.HEADER if f'"{CHANNEL}"' in line or f'"{PROVIDER}"' in line else Confidence.NO
    if begins_event(line):
        return (
            Confidence.HEADER
            if CHANNEL in line or PROVIDER in line or "</System>" not in line
            else Confidence.NO
        )
    return Confidence.NO


def open_reader(source: Source, head: Head, settings: Settings) -> Reader:
    """Return a reader for one stream of events."""
    return AdminAuditReader(source, settings)


ADMIN_AUDIT = Source(
    name="admin_audit",
    title="Windows log MSExchange Management (administrator audit)",
    columns=COLUMNS,
    derived={
        **dict.fromkeys(cmdlets.DERIVED, ""),
        "date-time": "TimeCreated",
        "outcome": "",
        "user-domain": "",
        "user-name": "Caller",
        "host-program": "Data6",
        "caller-sid": "",
        "error": "",
        "reason": "",
    },
    recognize=recognize,
    open=open_reader,
    event_column="Cmdlet",
    redact=redact,
    takes=takes,
    agent_log_format="EXCHANGEMANAGEMENT",
    names=(),
)


def read_shipped(settings: Settings) -> ReadObject:
    """Return a function that reads objects which are events of this log and ignores others."""
    reader = AdminAuditReader(ADMIN_AUDIT, settings)

    def read(properties: Mapping[str, Any], text: str) -> Record | Unparsed | None:
        return reader.read_object(properties, text) if takes(properties) else None

    return read
