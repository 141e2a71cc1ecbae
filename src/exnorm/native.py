"""The parts of a payload as a program of the native kernel, where the kernel was built.

``EXNORM_KERNEL=0`` leaves it out. The program is made of the same parts as the generated code, so that
both write the same bytes; a row that the kernel is not sure of goes through the generated code.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol, Union

from exnorm.model import Wire

CONSTANT, CELL, SLOT, HEAD, START, WHEN, NEST, ROW, IDENTITY, NOTE = range(10)
NOT_TEXT, HAS_SLOT, FITS = range(3)
AS_IT_IS, SECOND, FRACTION = range(3)

MOST_KEYS = 32
"""Names that the kernel looks for in a record."""

_WHOLE = {"start": START, "original": ROW, "identity": IDENTITY}
_FIELD = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")

Find = Callable[[str], "tuple[str, ...] | None"]
ForIPv4 = tuple["tuple[str, ...]", "tuple[Union[str, None], ...]"]
"""For every IPv4 address: what stands before it in each slot, and after it where the slot holds it."""

Condition = tuple[int, int, int, bytes]
FindEnd = Callable[[bytes, int], int]
"""Where the value of msgpack ends that begins at a place; -1 where the bytes end before it."""


class Form(NamedTuple):
    """How events of Fluent Bit are written: under which keys line, file's path, host and payload are.

    Without ``result`` the payload is an object of JSON, and its pairs become the record's.
    """

    line_keys: tuple[bytes, ...]
    file_keys: tuple[bytes, ...]
    host_keys: tuple[bytes, ...]
    result: bytes
    event_time: bool
    keep_others: bool


class Machine(Protocol):
    """A program, ready to run; as a buffer, the payloads of its last run, each ended by LF."""

    def run(
        self, block: bytes | bytearray, begin: int, end: int, start: bytes, seed: bytes
    ) -> tuple[int, int, int]:
        """Run the lines between two positions of a block.

        ``start`` begins a payload, ``seed`` what an identity is made of. Gives where the first line begins
        that was left alone, how many were not, and how many payloads they gave.
        """

    def run_chunk(
        self, form: Form, chunk: bytes, begin: int, host: bytes, path: bytes, start: bytes, seed: bytes
    ) -> tuple[bytes, int, int, int, int]:
        """Run the rows of one log in events of Fluent Bit, from a place in a chunk on.

        Gives events, where the first begins that was left alone, how many were not, how many it gives, and
        the time of the last row.
        """

    def run_events(
        self, names: tuple[bytes, ...], lines: tuple[bytes, ...], log: bytes, start: bytes, seed: bytes
    ) -> tuple[list[bytes], int, bytes | None, int]:
        """Run the rows of one log in events of Logstash, one line of JSON each.

        ``names`` are those of a payload. Gives lines, how many of the given ones were done, the log of the
        next one where it is another, and the time of the last row.
        """


def load_kernel() -> Any:
    """The kernel's ``Machine``, or ``None`` where it was not built or is switched off."""
    return _load("Machine")


def load_find_end() -> FindEnd | None:
    """The kernel's ``find_end``, or ``None`` as with ``load_kernel``."""
    found: FindEnd | None = _load("find_end")
    return found


def _load(name: str) -> Any:
    if os.environ.get("EXNORM_KERNEL", "") == "0":
        return None
    try:
        from exnorm import _kernel  # type: ignore[attr-defined,unused-ignore]
    except ImportError:
        return None
    return getattr(_kernel, name)


def describe_path() -> str:
    """Which of the two ways rows take here, for ``exnorm --version``."""
    return "generated Python" if load_kernel() is None else "native kernel"


@dataclass(frozen=True)
class LookUp:
    """What is looked up for a cell, or for the part of it between two positions: slots by name.

    ``form`` says what the kernel computes itself for texts of the usual form.
    """

    cell: int
    find: Find
    slots: tuple[str, ...]
    begin: int = 0
    end: int = -1
    form: int = AS_IT_IS
    for_ipv4: ForIPv4 | None = None


class IsNot(NamedTuple):
    """That a cell, by its name in generated code (``c0`` is the first), holds another text than this."""

    cell: str
    text: str


class Fits(NamedTuple):
    """That the text of a cell has no more than so many bytes."""

    cell: str
    limit: int


Premise = Union[IsNot, Fits, str]
"""What a part of the payload depends on beside its cell; a text is the name of a slot that is not empty."""


@dataclass(frozen=True)
class Optional:
    """Text of an f-string that is there where a cell is filled, all of ``also`` and no group holds.

    The cell is cut to ``limit`` bytes, where that is not 0, and the cut of ``field`` is counted; without any
    text it is only counted.
    """

    text: str
    cell: int
    also: tuple[Premise, ...] = ()
    none_of: tuple[tuple[Premise, ...], ...] = ()
    limit: int = 0
    field: str = ""


@dataclass(frozen=True)
class Part:
    """A part of the payload, as the kernel takes it: ``kind`` between two constants, under conditions."""

    kind: int
    a: int = 0
    b: int = 0
    before: bytes = b""
    after: bytes = b""
    when: int = -1
    limit: int = 0
    field: str = ""
    skip: int = 0
    all_of: tuple[int, int] = (0, 0)
    none_of: tuple[int, int] = (0, 0)

    def as_tuple(self) -> tuple[int | bytes | str, ...]:
        """Its fields in the kernel's order."""
        known = (self.kind, self.a, self.b, self.before, self.after, self.when, self.limit, self.field)
        return (*known, self.skip, *self.all_of, *self.none_of)


@dataclass
class Assembly:
    """A program on its way: parts of a payload are added, then it is built."""

    columns: int
    wire: Wire
    look_ups: Sequence[LookUp]
    parts: list[Part] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)
    groups: list[tuple[int, int]] = field(default_factory=list)

    def add(self, item: str | Optional) -> None:
        """A part of the payload: text of an f-string, or such text under a condition."""
        if isinstance(item, str):
            self.parts += self._read(item)
            return
        inside = list(self._read(item.text)) or [Part(NOTE, item.cell)]
        inside = [
            replace(part, limit=item.limit, field=item.field)
            if part.kind in {CELL, NOTE} and part.a == item.cell
            else part
            for part in inside
        ]
        all_of = self._add_conditions(item.also)
        groups = [self._add_conditions(group) for group in item.none_of]
        begin = len(self.groups)
        self.groups += groups
        none_of = begin, len(self.groups)
        if len(inside) > 1:
            inside.insert(0, Part(WHEN, skip=len(inside)))
        inside[0] = replace(inside[0], when=item.cell, all_of=all_of, none_of=none_of)
        self.parts += inside

    def add_nest(self, items: Sequence[str | Optional], opens: str, closes: str) -> None:
        """Parts that are enclosed if there is any; each of them begins with the separator."""
        at = len(self.parts)
        self.parts.append(Part(NEST))
        for item in items:
            self.add(item)
        separator = _bytes(self.wire.separator)
        skip = len(self.parts) - at - 1
        self.parts[at] = Part(
            NEST, before=_bytes(opens), after=separator + _bytes(closes), limit=len(separator), skip=skip
        )

    def build(
        self,
        machine: Any,
        *,
        limits: Mapping[int, int],
        numbers: Sequence[int],
        lists: Sequence[int],
        absent: str,
        longest: int,
        events: str,
        count: Callable[[str, bytes | str], object],
    ) -> Machine:
        """The program, ready to run. ``events`` is a slot of the look-up that knows the row's event."""
        event_at, _ = self._slot(events)
        slots = self.look_ups[event_at].slots
        escapes = {ord(plain): _bytes(to) for plain, to in self.wire.escapes if plain >= " "}
        if self.wire.quote != '"':
            escapes[ord('"')] = _bytes(self.wire.quote)
        made: Machine = machine(
            self.columns,
            tuple(_as_tuple(one, self.wire) for one in self.look_ups),
            tuple(part.as_tuple() for part in self.parts),
            tuple(self.conditions),
            tuple(self.groups),
            tuple(number for pair in limits.items() for number in pair),
            tuple(numbers),
            tuple(lists),
            escapes,
            _bytes(absent),
            longest,
            event_at,
            slots.index("unknown") if "unknown" in slots else -1,
            slots.index("dropped") if "dropped" in slots else -1,
            count,
        )
        return made

    def _add_conditions(self, conditions: Sequence[Premise]) -> tuple[int, int]:
        begin = len(self.conditions)
        for condition in conditions:
            if isinstance(condition, IsNot):
                self.conditions.append((NOT_TEXT, int(condition.cell[1:]), 0, condition.text.encode()))
            elif isinstance(condition, Fits):
                self.conditions.append((FITS, int(condition.cell[1:]), condition.limit, b""))
            else:
                self.conditions.append((HAS_SLOT, *self._slot(condition), b""))
        return begin, len(self.conditions)

    def _slot(self, name: str) -> tuple[int, int]:
        for number, one in enumerate(self.look_ups):
            if name in one.slots:
                return number, one.slots.index(name)
        raise KeyError(name)

    def _read(self, text: str) -> Iterator[Part]:
        """The parts of the text of an f-string: each value with what stands before it."""
        constant, at = "", 0
        part: Part | None = None
        for found in _FIELD.finditer(text):
            constant += text[at : found.start()]
            at = found.end()
            if found[1] is None:
                constant += found[0][0]
                continue
            if part is not None:
                yield part
            part = replace(self._field(found[1]), before=_unescaped(constant))
            constant = ""
        constant += text[at:]
        if part is not None:
            yield replace(part, after=_unescaped(constant))
        elif constant:
            yield Part(CONSTANT, before=_unescaped(constant))

    def _field(self, code: str) -> Part:
        if code in _WHOLE:
            return Part(_WHOLE[code])
        if code == "c0[:19]":
            return Part(HEAD, 0, 19)
        cell = re.fullmatch(r"(?:list_)?c(\d+)", code)
        if cell is not None:
            return Part(CELL, int(cell[1]))
        return Part(SLOT, *self._slot(code))


def _as_tuple(one: LookUp, wire: Wire) -> tuple[object, ...]:
    before = after = None
    if one.for_ipv4 is not None:
        before, after = (
            tuple(None if text is None else text.encode("latin-1") for text in texts)
            for texts in one.for_ipv4
        )
    find = _from_bytes(one.find, wire)
    return one.cell, len(one.slots), one.begin, one.end, one.form, find, before, after


def _bytes(text: str) -> bytes:
    return text.encode("utf-8")


def _unescaped(constant: str) -> bytes:
    """The bytes of a constant as it stands inside an f-string."""
    return constant.encode("ascii").decode("unicode_escape").encode("latin-1")


def _from_bytes(find: Find, wire: Wire) -> Callable[[bytes], tuple[bytes, ...] | None]:
    """``find`` for a cell as it stands in the log."""

    def found(cell: bytes) -> tuple[bytes, ...] | None:
        parts = find(wire.escape(cell.decode("latin-1")))
        return None if parts is None else tuple(part.encode("latin-1") for part in parts)

    return found


__all__ = [
    "MOST_KEYS",
    "Assembly",
    "FindEnd",
    "Form",
    "LookUp",
    "Machine",
    "Optional",
    "describe_path",
    "load_find_end",
    "load_kernel",
]
