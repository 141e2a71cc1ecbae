"""A plan: the way from a row to its payload as data, which every executor runs alike.

Cells are numbered: the columns of the log first, then those that steps add. Steps run in order; a row that a
step or a check cannot handle is odd, and an odd row goes to the table itself. Parts are the payload in its
order. ``emit_python`` prints a plan, ``kernel`` packs it for the kernel; both give the same bytes.
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
    """One of the finished texts that a memo returns; ``memo`` is the memo's position among memos."""

    memo: int
    number: int


class Whole(enum.Enum):
    """A value made of the whole row, such as its time or identity. The number in a payload is not fixed."""

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
    """The condition that a cell holds another text."""

    cell: int
    text: str


class Fits(NamedTuple):
    """The condition that a cell has at most ``limit`` bytes."""

    cell: int
    limit: int


Premise = Union[IsNot, Fits, Slot]
"""What a part depends on beside its cell; of a slot, that it is not empty."""


@dataclass(frozen=True)
class Part:
    """A piece of the payload: values, each after its constant text, then ``end``.

    It is written where ``cell`` is filled (-1: always), all of ``all_of`` hold and no group of ``none_of``
    holds entirely. A ``limit`` other than 0 cuts the cell to that many bytes and counts a cut of ``field``; a
    part without values only counts.
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
    """A function of the texts of ``keys`` alone: called once for each combination, and cached within bounds.

    ``for_ipv4`` is its result where the first key is an IPv4 address and the others are empty.
    """

    keys: tuple[int, ...]
    into: tuple[int, ...]
    slots: int
    find: Find
    for_ipv4: ForIPv4 | None = None


@dataclass(frozen=True)
class Join:
    """Concatenates ``first``, ``by`` and ``second``, or gives ``first`` alone where ``second`` is empty.

    With ``once``, ``second`` is not added where ``first`` begins with it already.
    """

    into: int
    first: int
    second: int
    by: str
    once: bool


@dataclass(frozen=True)
class Gate:
    """Copies ``cell`` where slot ``asked`` is filled and the cell contains ``holds``; else gives an empty
    text.

    Where ``measured`` is a cell, it must also have more than ``longer`` bytes, escaped or not.
    """

    into: int
    cell: int
    asked: Slot | None = None
    holds: str = ""
    measured: int = -1
    longer: int = 0


@dataclass(frozen=True)
class Sift:
    """Copies ``cell`` where it may contain one of ``hints``, in any case; else gives an empty text.

    Hints are ASCII, in lower case, of two characters or more; a text that is not ASCII may contain any of
    them.
    """

    into: int
    cell: int
    hints: tuple[str, ...]


@dataclass(frozen=True)
class Choose:
    """Copies ``cell`` where it is filled and all cells ``before`` are empty; else gives an empty text."""

    into: int
    cell: int
    before: tuple[int, ...]


@dataclass(frozen=True)
class Guard:
    """Makes the row odd where a cell contains one of the texts of a slot (lower case, one a line), in any
    case.
    """

    cells: tuple[int, ...]
    texts: Slot


Step = Union[Memo, Join, Gate, Sift, Choose, Guard]

# --- checks and notes ------------------------------------------------------------------------------


class Limit(NamedTuple):
    """The check that a cell has at most ``bytes`` bytes."""

    cell: int
    bytes: int


class Number(NamedTuple):
    """The check that a filled cell is a number of at most ``digits`` digits without leading zeros."""

    cell: int
    digits: int


class Unwrapped(NamedTuple):
    """The check that no member of the list in a cell begins with an apostrophe."""

    cell: int


Check = Union[Limit, Number, Unwrapped]


class Note(NamedTuple):
    """Counts each line of a filled slot under ``what``; with ``drops`` such a row has no payload."""

    texts: Slot
    what: str
    drops: bool = False


@dataclass(frozen=True)
class Plan:
    """The whole plan of one layout.

    ``nested`` are parts that are enclosed if there is any, each beginning with the separator. ``absent`` is
    the text that means no value in the cells of ``may_be_absent``. The first ``times`` cells are the row's
    time: two where date and time of day are apart, none in plans for records. Rows longer than ``longest``
    bytes are odd.
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
        """The memos among the steps, in the order that slots number them."""
        return tuple(step for step in self.steps if isinstance(step, Memo))

    def have(self, value: Value) -> bool:
        """Return whether any part contains a value."""
        return any(value == one for part in (*self.parts, *self.closing) for _, one in part.values)


class Unfit(Exception):
    """Raised while planning, and caught there, where a table needs something that a plan cannot express."""
