"""A plan: what becomes of a row, as data that no executor has to guess at.

Cells are numbered: the columns of the log first, then what steps make of them. Steps run in order; whatever
one of them, or a check, is not sure of makes the row odd, and an odd row goes to the table itself. Parts are
the payload in its order. ``emit_python`` prints a plan, ``kernel`` hands it to the kernel; both give the same
bytes.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Union

from exnorm.model import Wire

REMEMBERED = 8192
"""Keys of one memo that are remembered; past it, all are forgotten."""

LONGEST_KEY = 512
"""Characters (for the kernel: bytes) of a key that is remembered."""

# --- values of parts -------------------------------------------------------------------------------


class Cell(NamedTuple):
    """The text of a cell."""

    number: int


class Slot(NamedTuple):
    """One of the finished texts that a memo gives, by the memo's place among memos."""

    memo: int
    number: int


class Whole(enum.Enum):
    """What belongs to a whole row: its number in a payload is any."""

    START = "start"  # what payloads of the log begin with
    MOMENT = "moment"  # the row's time up to its seconds, yyyy-MM-ddTHH:mm:ss
    SECOND = "second"  # the same as seconds since 1970
    FRACTION = "fraction"  # three digits of milliseconds
    ROW = "original"
    IDENTITY = "identity"
    STAMP = "stamp"  # the time of a record, as JSON has it
    MARKS = "marks"  # the pairs of what processors say of a record


Value = Union[Cell, Slot, Whole]

# --- conditions of parts ---------------------------------------------------------------------------


class IsNot(NamedTuple):
    """That a cell holds another text."""

    cell: int
    text: str


class Fits(NamedTuple):
    """That a cell has no more than so many bytes."""

    cell: int
    limit: int


Premise = Union[IsNot, Fits, Slot]
"""What a part depends on beside its cell; of a slot, that it is not empty."""


@dataclass(frozen=True)
class Part:
    """A piece of the payload: values, each behind its constant text, and ``end``.

    It is there where ``cell`` is filled (-1 = always), all of ``all_of`` hold and no group of ``none_of``
    holds entirely. The cell is cut to ``limit`` bytes, where that is not 0, and the cut of ``field`` is
    counted; without any text it is only counted.
    """

    values: tuple[tuple[str, Value], ...] = ()
    end: str = ""
    cell: int = -1
    all_of: tuple[Premise, ...] = ()
    none_of: tuple[tuple[Premise, ...], ...] = ()
    limit: int = 0
    field: str = ""


# --- steps -----------------------------------------------------------------------------------------

Find = Callable[[Sequence[str]], "tuple[str, ...] | None"]
"""Texts of keys -> texts for the cells a memo fills, then finished texts for its slots; ``None`` = odd."""

ForIPv4 = tuple["tuple[str, ...]", "tuple[Union[str, None], ...]"]
"""What stands before any IPv4 address in each of the texts, and behind it (``None`` = it is not in it)."""


@dataclass(frozen=True)
class Memo:
    """What depends on the texts of ``keys`` alone: asked once for each, and remembered within bounds.

    ``for_ipv4`` says what is found where the first key is an IPv4 address and the others are empty.
    """

    keys: tuple[int, ...]
    into: tuple[int, ...]
    slots: int
    find: Find
    for_ipv4: ForIPv4 | None = None


@dataclass(frozen=True)
class Join:
    """``first`` and, where ``second`` is filled, ``by`` and that; ``once``: not where that begins so."""

    into: int
    first: int
    second: int
    by: str
    once: bool


@dataclass(frozen=True)
class Gate:
    """The text of ``cell`` where ``asked`` is filled and it holds the text ``holds``; else nothing.

    Where ``measured`` is a cell, that must have more than ``longer`` bytes as it is written here or there.
    """

    into: int
    cell: int
    asked: Slot | None = None
    holds: str = ""
    measured: int = -1
    longer: int = 0


@dataclass(frozen=True)
class Sift:
    """The text of ``cell`` where it may hold one of ``hints``, whatever its case; else nothing.

    Hints are ASCII, in lower case, of two characters or more; a text that is not ASCII may hold any.
    """

    into: int
    cell: int
    hints: tuple[str, ...]


@dataclass(frozen=True)
class Choose:
    """The text of ``cell`` where it is filled and none of the cells ``before`` is; else nothing."""

    into: int
    cell: int
    before: tuple[int, ...]


@dataclass(frozen=True)
class Guard:
    """No cell holds one of the texts in a slot (in lower case, one a line), whatever its case."""

    cells: tuple[int, ...]
    texts: Slot


Step = Union[Memo, Join, Gate, Sift, Choose, Guard]

# --- checks and notes ------------------------------------------------------------------------------


class Limit(NamedTuple):
    """A cell has no more than so many bytes."""

    cell: int
    bytes: int


class Number(NamedTuple):
    """A filled cell is a number of so many digits at most, written as it will be again."""

    cell: int
    digits: int


class Unwrapped(NamedTuple):
    """No member of a list in a cell begins with an apostrophe."""

    cell: int


Check = Union[Limit, Number, Unwrapped]


class Note(NamedTuple):
    """The lines of a slot that is not empty are counted as ``what``; ``drops``: the row has no payload."""

    texts: Slot
    what: str
    drops: bool = False


@dataclass(frozen=True)
class Plan:
    """All of it. ``nested`` are parts that are enclosed if there is any, each beginning with the separator.

    ``absent`` is the text that stands for nothing in the cells of ``may_be_absent``. The first
    ``times`` cells are the row's time: two where date and time of day are apart, none in plans for records.
    Rows longer than ``longest`` are odd.
    """

    name: str
    columns: tuple[str, ...]
    separator: str
    times: int
    cells: int
    absent: str
    may_be_absent: frozenset[int]
    steps: tuple[Step, ...]
    checks: tuple[Check, ...]
    notes: tuple[Note, ...]
    parts: tuple[Part, ...]
    nested: tuple[Part, ...]
    closing: tuple[Part, ...]
    wire: Wire
    longest: int
    count: Callable[[str, str], object]

    @property
    def memos(self) -> tuple[Memo, ...]:
        """Its memos, as slots number them."""
        return tuple(step for step in self.steps if isinstance(step, Memo))

    def have(self, value: Value) -> bool:
        """Whether a value stands in one of its parts."""
        return any(value == one for part in (*self.parts, *self.closing) for _, one in part.values)


class Unfit(Exception):
    """A table asks for something that no plan can say; raised and caught while planning only."""
