"""The variables of a generated function that hold texts, and what a sample of rows says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise

from exnorm.model import Wire
from exnorm.native import IsNot, Premise
from exnorm.rows import clothe

OFTEN = 0.95
"""The share of a sample in which a cell must be filled, or empty, for the function to expect it."""

STEADY = 0.9
"""The share of rows in which a column must be as in the row before for the function to look there first."""


class Cells:
    """Texts by the names of their variables; ``by_origin`` has those of a row's columns first.

    In the cells of columns the text ``absent``, where there is one, stands for nothing. ``seen`` are the
    texts of a sample by variable.
    """

    def __init__(self, columns: Sequence[str], derived: Iterable[str], absent: str, wire: Wire) -> None:
        self.by_origin = {name: f"c{number}" for number, name in enumerate((*columns, *derived))}
        self.seen: list[dict[str, str]] = []
        self._absent = absent
        self._shown_absent = clothe(wire.escape(absent))
        self._may_be_absent = {self.by_origin[column] for column in columns} if absent else set()

    def see(self, rows: Iterable[Mapping[str, str]]) -> None:
        """Learn from a sample: texts by origin."""
        self.seen = [{cell: row.get(name, "") for name, cell in self.by_origin.items()} for row in rows]

    def filled(self, cell: str) -> str:
        """Code: whether a cell holds anything."""
        return f"{cell} and {cell} != {self._shown_absent!r}" if cell in self._may_be_absent else cell

    def choose(self, chosen: str, before: Sequence[str], cell: str) -> str:
        """Code: a new cell with the text of another where those before it are empty."""
        if cell in self._may_be_absent:
            self._may_be_absent.add(chosen)
        for texts in self.seen:
            texts[chosen] = "" if any(self._is_filled(texts, one) for one in before) else texts[cell]
        return f'{chosen} = "" if {" or ".join(map(self.filled, before))} else {cell}'

    def share_filled(self, cell: str) -> float:
        """The share of the sample in which a cell holds anything."""
        return self._share(lambda texts: self._is_filled(texts, cell))

    def often_holds(self, premise: Premise) -> bool:
        """Whether a condition about a cell's text holds in nearly all of the sample."""
        if not isinstance(premise, IsNot):
            return False
        return self._share(lambda texts: texts[premise.cell] != premise.text) >= OFTEN

    def is_steady(self, cell: str) -> bool:
        """Whether a cell of the sample is nearly always as in the row before."""
        same = sum(one[cell] == other[cell] for one, other in pairwise(self.seen))
        return len(self.seen) > 1 and same / (len(self.seen) - 1) >= STEADY

    def _is_filled(self, texts: Mapping[str, str], cell: str) -> bool:
        return bool(texts[cell]) and not (cell in self._may_be_absent and texts[cell] == self._absent)

    def _share(self, holds: Callable[[Mapping[str, str]], bool]) -> float:
        return sum(map(holds, self.seen)) / len(self.seen) if self.seen else 0.0
