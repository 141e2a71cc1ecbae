"""The parts of a payload: what is always there, and pieces that are there under conditions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from exnorm.native import Fits, IsNot, Premise
from exnorm.rows import clothe


class Unfit(Exception):
    """The table asks for something that there is no code for; raised and caught while generating only."""


@dataclass(frozen=True)
class Piece:
    """A part of the payload that may be missing: there where ``cell`` is filled and ``also`` holds.

    None of the groups in ``none_of`` may hold. The cell is cut to ``limit`` bytes, where that is not 0, and
    the cut of ``field`` is counted; without any text it is only counted.
    """

    name: str
    text: str
    cell: str
    also: tuple[Premise, ...] = ()
    none_of: tuple[tuple[Premise, ...], ...] = ()
    limit: int = 0
    field: str = ""

    @property
    def condition(self) -> str:
        """Code: when it is there, beside its cell being filled."""
        groups = " or ".join(" and ".join(map(write_premise, group)) for group in self.none_of)
        return " and ".join((*map(write_premise, self.also), *([f"not ({groups})"] if groups else [])))

    def given(self, holds: Callable[[Premise], bool]) -> Piece | None:
        """As it stands in rows in which conditions hold; ``None`` where in none of them."""
        also, *groups = (
            tuple(one for one in group if not holds(one)) for group in (self.also, *self.none_of)
        )
        return replace(self, also=also, none_of=tuple(groups)) if self.text and all(groups) else None

    def for_long(self) -> Piece:
        """As it stands in any row: with its value cut."""
        if not self.limit:
            return self
        value = re.compile(rf"\{{((?:list_)?{self.cell})\}}")
        return replace(self, text=value.sub(rf"{{cut_{self.name}(\1)}}", self.text))


def take_given(holds: Callable[[Premise], bool], parts: Iterable[str | Piece]) -> list[str | Piece]:
    """The parts as they stand in rows in which conditions hold."""
    made = [part if isinstance(part, str) else part.given(holds) for part in parts]
    return [part for part in made if part is not None]


def take_long(parts: Iterable[str | Piece]) -> list[str | Piece]:
    """The parts as they stand in any row."""
    return [part if isinstance(part, str) else part.for_long() for part in parts]


def is_fit(premise: Premise) -> bool:
    """Whether it holds in every row without a long value."""
    return isinstance(premise, Fits)


def write_premise(premise: Premise) -> str:
    """Code: whether it holds."""
    if isinstance(premise, IsNot):
        return f'{premise.cell} != "{premise.text}"'
    return f"fits({premise.cell}, {premise.limit})" if isinstance(premise, Fits) else premise


def write_pair(around: tuple[str, str], value: str) -> str:
    """A pair as text of an f-string; ``value`` is such text already."""
    return f"{literal(around[0])}{value}{literal(around[1])}"


def literal(constant: str) -> str:
    """A constant as it stands, clothed, inside an f-string."""
    plain = clothe(constant).encode("unicode_escape").decode("ascii")
    return plain.replace('"', '\\"').replace("{", "{{").replace("}", "}}")
