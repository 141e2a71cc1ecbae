"""The parts of a payload as a program of the native kernel, where the kernel was built.

``EXNORM_KERNEL=0`` leaves it out. The program is made of the same parts as the generated code, so that
both write the same bytes; a row that the kernel is not sure of goes through the generated code.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from exnorm.model import Wire

CONSTANT, CELL, SLOT, HEAD, START, WHEN, NEST, ROW, IDENTITY = range(9)
NOT_TEXT, HAS_SLOT = range(2)

MOST_KEYS = 32
"""Names that the kernel looks for in a record."""

_WHOLE = {"start": START, "original": ROW, "identity": IDENTITY}
_FIELD = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_NOT_TEXT = re.compile(r'c(\d+) != "(.*)"')

Find = Callable[[str], "tuple[str, ...] | None"]
Part = tuple[int, int, int, bytes, bytes, int, int, int, int, int]
RunNative = Callable[[tuple[bytes, ...], int, bytes, bytes], tuple[bytes, int, int]]
"""Lines, where to begin, what begins a payload, what begins an identity; gives payloads joined by LF, the
number of the first row that was left alone, and how many payloads there are."""
RunChunk = Callable[["Form", bytes, int, bytes, bytes, bytes], "tuple[bytes, int, int, int]"]
"""How events are written, events of Fluent Bit, where to begin, the path of the log, what begins a payload,
what begins an identity; gives events, where the first that was left alone begins, rows, and events."""
FindEnd = Callable[[bytes, int], int]
"""Where the value of msgpack ends that begins at a place; -1 where the bytes end before it."""


class Form(NamedTuple):
    """How events of Fluent Bit are written: under which keys line, file's path and payload are.

    Without ``result`` the payload is an object of JSON, and its pairs become the record's.
    """

    line_keys: tuple[bytes, ...]
    file_keys: tuple[bytes, ...]
    result: bytes
    event_time: bool
    keep_others: bool


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
    """What is looked up for a cell, or for the part of it between two positions: slots by name."""

    cell: int
    find: Find
    slots: tuple[str, ...]
    begin: int = 0
    end: int = -1


@dataclass(frozen=True)
class Optional:
    """Text of an f-string that is there where a cell is filled, all of ``also`` and no group holds."""

    text: str
    cell: int
    also: tuple[str, ...] = ()
    none_of: tuple[tuple[str, ...], ...] = ()


@dataclass
class Assembly:
    """A program on its way: parts of a payload are added, then it is built."""

    columns: int
    wire: Wire
    look_ups: Sequence[LookUp]
    parts: list[Part] = field(default_factory=list)
    conditions: list[tuple[int, int, int, bytes]] = field(default_factory=list)
    groups: list[tuple[int, int]] = field(default_factory=list)

    def add(self, item: str | Optional) -> None:
        """A part of the payload: text of an f-string, or such text under a condition."""
        if isinstance(item, str):
            self.parts += self._read(item)
            return
        inside = list(self._read(item.text))
        all_of = self._add_conditions(item.also)
        groups = [self._add_conditions(group) for group in item.none_of]
        begin = len(self.groups)
        self.groups += groups
        self.parts.append((WHEN, item.cell, 0, b"", b"", len(inside), *all_of, begin, len(self.groups)))
        self.parts += inside

    def add_nest(self, items: Sequence[str | Optional], opens: str, closes: str) -> None:
        """Parts that are enclosed if there is any; each of them begins with the separator."""
        at = len(self.parts)
        self.parts.append(_part(NEST))
        for item in items:
            self.add(item)
        separator = _bytes(self.wire.separator)
        skip = len(self.parts) - at - 1
        self.parts[at] = (
            NEST, len(separator), 0, _bytes(opens), separator + _bytes(closes), skip, 0, 0, 0, 0,
        )  # fmt: skip

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
        count: Callable[[str, bytes], object],
    ) -> tuple[RunNative, RunChunk]:
        """The program, ready to run on rows and on chunks.

        ``events`` is a slot of the look-up that knows the row's event.
        """
        event_at, _ = self._slot(events)
        slots = self.look_ups[event_at].slots
        escapes = {ord(plain): _bytes(to) for plain, to in self.wire.escapes if plain >= " "}
        if self.wire.quote != '"':
            escapes[ord('"')] = _bytes(self.wire.quote)
        made = machine(
            self.columns,
            tuple(
                (one.cell, len(one.slots), one.begin, one.end, _from_bytes(one.find, self.wire))
                for one in self.look_ups
            ),
            tuple(self.parts),
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
        return made.run, partial(made.run_chunk, (*self._slot("second"), *self._slot("fraction")))

    def _add_conditions(self, codes: Sequence[str]) -> tuple[int, int]:
        begin = len(self.conditions)
        for code in codes:
            compared = _NOT_TEXT.fullmatch(code)
            if compared is None:
                self.conditions.append((HAS_SLOT, *self._slot(code), b""))
            else:
                self.conditions.append((NOT_TEXT, int(compared[1]), 0, compared[2].encode()))
        return begin, len(self.conditions)

    def _slot(self, name: str) -> tuple[int, int]:
        for number, one in enumerate(self.look_ups):
            if name in one.slots:
                return number, one.slots.index(name)
        raise KeyError(name)

    def _read(self, text: str) -> Iterator[Part]:
        """The parts of the text of an f-string."""
        constant, at = "", 0
        for found in _FIELD.finditer(text):
            constant += text[at : found.start()]
            at = found.end()
            if found[1] is None:
                constant += found[0][0]
                continue
            if constant:
                yield _part(CONSTANT, text=_unescaped(constant))
            constant = ""
            yield self._field(found[1])
        if constant + text[at:]:
            yield _part(CONSTANT, text=_unescaped(constant + text[at:]))

    def _field(self, code: str) -> Part:
        if code in _WHOLE:
            return _part(_WHOLE[code])
        if code == "c0[:19]":
            return _part(HEAD, 0, 19)
        cell = re.fullmatch(r"(?:list_)?c(\d+)", code)
        if cell is not None:
            return _part(CELL, int(cell[1]))
        return _part(SLOT, *self._slot(code))


def _part(kind: int, a: int = 0, b: int = 0, text: bytes = b"") -> Part:
    return kind, a, b, text, b"", 0, 0, 0, 0, 0


def _bytes(text: str) -> bytes:
    return text.encode("utf-8")


def _unescaped(constant: str) -> bytes:
    """The bytes of a constant as it stands inside an f-string."""
    text: str = ast.literal_eval(f'"{constant}"')
    return text.encode("latin-1")


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
    "Optional",
    "RunChunk",
    "RunNative",
    "describe_path",
    "load_find_end",
    "load_kernel",
]
