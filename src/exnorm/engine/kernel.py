"""Pack a plan as a program of the native kernel, if the kernel was built. ``EXNORM_KERNEL=0`` switches it
off.

The numbers that kernel and packer share (kinds of parts, steps, conditions, checks) are defined in the
kernel: the packer reads them from it by name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from exnorm.engine.plan import (
    LONGEST_KEY,
    REMEMBERED,
    Cell,
    Choose,
    Find,
    Fits,
    Gate,
    IsNot,
    Join,
    Limit,
    Memo,
    Number,
    Part,
    Plan,
    Premise,
    Sift,
    Slot,
    Step,
    Unwrapped,
    Value,
    Whole,
)

MOST_KEYS = 32
"""Names that the kernel looks for in a record."""

FindEnd = Callable[[bytes, int], int]
"""Where the value of msgpack ends that begins at a place; -1 where the bytes end before it."""


class Form(NamedTuple):
    """The shape of Fluent Bit events: the keys of the line, the file path, the host and the payload.

    Where ``result`` is empty the payload is a JSON object whose pairs are put into the record.
    """

    line_keys: tuple[bytes, ...]
    file_keys: tuple[bytes, ...]
    host_keys: tuple[bytes, ...]
    result: bytes
    event_time: bool
    keep_others: bool


class Machine(Protocol):
    """A program ready to run; its buffer holds the payloads of the last run, each ended by a LF."""

    def run(
        self, block: bytes | bytearray, begin: int, end: int, start: bytes, seed: bytes
    ) -> tuple[int, int, int]:
        """Encode the lines between two positions of a block.

        ``start`` begins each payload, ``seed`` the input of each identity. Returns where the first line
        begins that was not encoded, the number of lines before it and the number of payloads.
        """

    def run_chunk(
        self, form: Form, chunk: bytes, begin: int, host: bytes, path: bytes, start: bytes, seed: bytes
    ) -> tuple[bytes, int, int, int, int]:
        """Encode the rows of one log in events of Fluent Bit, from position ``begin`` of a chunk.

        Returns the new events, where the first event begins that was left alone, the number of events read,
        the number of events written, and the time of the last row in epoch milliseconds.
        """

    def run_events(
        self, names: tuple[bytes, ...], lines: tuple[bytes, ...], log: bytes, start: bytes, seed: bytes
    ) -> tuple[list[bytes], int, bytes | None, int]:
        """Encode the rows of one log in events of Logstash, one line of JSON each.

        ``names`` are the keys of a payload. Returns the lines, the number of given lines that were done, the
        log of the next line where that is another log, and the time of the last row in epoch milliseconds.
        """


def load_kernel() -> Any:
    """Return the kernel module, or ``None`` where it was not built or is switched off."""
    if os.environ.get("EXNORM_KERNEL", "") == "0":
        return None
    try:
        from exnorm import _kernel  # type: ignore[attr-defined,unused-ignore]
    except ImportError:
        return None
    return _kernel


def load_find_end() -> FindEnd | None:
    """Return the kernel's ``find_end``, or ``None`` where ``load_kernel`` returns ``None``."""
    kernel = load_kernel()
    found: FindEnd | None = None if kernel is None else kernel.find_end
    return found


def describe_path() -> str:
    """Say for ``exnorm --version`` whether rows run in the kernel or in generated Python."""
    return "generated Python" if load_kernel() is None else "native kernel"


def pack(plan: Plan, kernel: Any) -> Machine:
    """Return a plan as a program of the kernel."""
    made: Machine = kernel.Machine(*Packer(plan, kernel).pack())
    return made


class Packer:
    """Translates a plan into the tuples that the kernel takes."""

    def __init__(self, plan: Plan, kernel: Any) -> None:
        self.plan, self.kernel = plan, kernel
        self.conditions: list[tuple[int, int, int, bytes]] = []
        self.groups: list[tuple[int, int]] = []

    def pack(self) -> tuple[Any, ...]:
        """Return the arguments of ``Machine``, in its order."""
        plan, wire = self.plan, self.plan.wire
        escapes = {ord(plain): to.encode() for plain, to in wire.escapes if plain >= " "}
        if wire.quote != '"':
            escapes[ord('"')] = wire.quote.encode()
        parts: list[tuple[Any, ...]] = [
            *self._pack_parts(plan.parts),
            *self._pack_nest(),
            *self._pack_parts(plan.closing),
        ]
        return (
            len(plan.columns),
            plan.cells,
            ord(plan.separator),
            plan.times,
            tuple(map(self._pack_step, plan.steps)),
            tuple(parts),
            tuple(self.conditions),
            tuple(self.groups),
            tuple(map(self._pack_check, plan.checks)),
            tuple((*note.texts, note.what, note.drops) for note in plan.notes),
            escapes,
            plan.absent.encode(),
            tuple(sorted(plan.may_be_absent)),
            plan.longest,
            REMEMBERED,
            LONGEST_KEY,
            self._count,
        )

    def _count(self, what: str, of: bytes | str) -> None:
        for one in of.split("\n") if isinstance(of, str) else of.decode().split("\n"):
            self.plan.count(what, one)

    def _pack_step(self, step: Step) -> tuple[Any, ...]:
        kernel = self.kernel
        if isinstance(step, Memo):
            before = after = None
            if step.for_ipv4 is not None:
                before, after = (
                    tuple(None if text is None else text.encode() for text in texts)
                    for texts in step.for_ipv4
                )
            find = _find_bytes(step.find, len(step.keys))
            return kernel.MEMO, step.into, step.keys, step.slots, 0, b"", find, before, after
        if isinstance(step, Join):
            return (
                kernel.JOIN,
                (step.into,),
                (step.first, step.second),
                step.once,
                0,
                step.by.encode(),
                None,
                None,
                None,
            )
        if isinstance(step, Gate):
            asked = step.asked or (-1, step.longer)
            keys = (step.cell,) if step.measured < 0 else (step.cell, step.measured)
            return kernel.GATE, (step.into,), keys, *asked, step.holds.encode(), None, None, None
        if isinstance(step, Sift):
            hints = "\n".join(step.hints).encode()
            return kernel.SIFT, (step.into,), (step.cell,), 0, 0, hints, None, None, None
        if isinstance(step, Choose):
            return kernel.CHOOSE, (step.into,), (step.cell, *step.before), 0, 0, b"", None, None, None
        return kernel.GUARD, (), step.cells, *step.texts, b"", None, None, None

    def _pack_check(self, check: Limit | Number | Unwrapped) -> tuple[int, int, int]:
        if isinstance(check, Limit):
            return self.kernel.LIMIT, check.cell, check.bytes
        if isinstance(check, Number):
            return self.kernel.DIGITS, check.cell, check.digits
        return self.kernel.UNWRAPPED, check.cell, 0

    def _pack_parts(self, parts: Iterable[Part]) -> list[tuple[Any, ...]]:
        return [packed for part in parts for packed in self._pack_part(part)]

    def _pack_part(self, part: Part) -> list[tuple[Any, ...]]:
        """Return one entry for each value of a part; the first carries the part's conditions."""
        all_of = self._add_conditions(part.all_of)
        groups = [self._add_conditions(group) for group in part.none_of]
        begin = len(self.groups)
        self.groups += groups
        conditions = part.cell, (*all_of, begin, len(self.groups))
        values = list(part.values)
        if not values:
            if part.limit:
                return [
                    self._entry(
                        self.kernel.NOTE, part.cell, conditions=conditions, limit=part.limit, field=part.field
                    )
                ]
            return (
                [self._entry(self.kernel.CONSTANT, before=part.end, conditions=conditions)]
                if part.end
                else []
            )
        made = []
        for number, (before, value) in enumerate(values):
            kind, a, b = self._kind_of(value)
            cuts = value == Cell(part.cell) and part.limit
            made.append(
                self._entry(
                    kind,
                    a,
                    b,
                    before=before,
                    after=part.end if number == len(values) - 1 else "",
                    limit=part.limit if cuts else 0,
                    field=part.field if cuts else "",
                    conditions=conditions if len(values) == 1 else None,
                )
            )
        if len(values) > 1 and (part.cell >= 0 or part.all_of or part.none_of):
            made.insert(0, self._entry(self.kernel.WHEN, conditions=conditions, skip=len(made)))
        return made

    def _entry(
        self,
        kind: int,
        a: int = 0,
        b: int = 0,
        *,
        before: str = "",
        after: str = "",
        limit: int = 0,
        field: str = "",
        skip: int = 0,
        conditions: tuple[int, tuple[int, ...]] | None = None,
    ) -> tuple[Any, ...]:
        when, groups = conditions or (-1, (0, 0, 0, 0))
        return (kind, a, b, before.encode(), after.encode(), when, limit, field, skip, *groups)

    def _pack_nest(self) -> list[tuple[Any, ...]]:
        if not self.plan.nested:
            return []
        inside = self._pack_parts(self.plan.nested)
        separator, (opens, closes) = self.plan.wire.separator, self.plan.wire.nested
        after, limit = separator + closes, len(separator.encode())
        return [
            self._entry(self.kernel.NEST, before=opens, after=after, limit=limit, skip=len(inside)),
            *inside,
        ]

    def _kind_of(self, value: Value) -> tuple[int, int, int]:
        if isinstance(value, Cell):
            return self.kernel.CELL, value.number, 0
        if isinstance(value, Slot):
            return self.kernel.SLOT, *value
        return getattr(self.kernel, value.name), 0, 0

    def _add_conditions(self, conditions: Sequence[Premise]) -> tuple[int, int]:
        begin = len(self.conditions)
        for condition in conditions:
            if isinstance(condition, IsNot):
                self.conditions.append((self.kernel.NOT_TEXT, condition.cell, 0, condition.text.encode()))
            elif isinstance(condition, Fits):
                self.conditions.append((self.kernel.FITS, *condition, b""))
            else:
                self.conditions.append((self.kernel.HAS_SLOT, *condition, b""))
        return begin, len(self.conditions)


def _find_bytes(find: Find, keys: int) -> Callable[[bytes], tuple[bytes, ...] | None]:
    """Wrap ``find`` to take texts as they stand in the log, joined by LF."""

    def found(key: bytes) -> tuple[bytes, ...] | None:
        texts = key.decode().split("\n") if keys else ()
        made = find(texts)
        return None if made is None else tuple([text.encode() for text in made])

    return found


__all__ = [
    "MOST_KEYS",
    "FindEnd",
    "Form",
    "Machine",
    "Whole",
    "describe_path",
    "load_find_end",
    "load_kernel",
    "pack",
]
