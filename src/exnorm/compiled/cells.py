"""The variables of a generated function that hold texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from exnorm.model import Wire
from exnorm.rows import clothe


class Cells:
    """Texts by the names of their variables; ``by_origin`` has those of a row's columns first.

    In the cells of columns the text ``absent``, where there is one, stands for nothing.
    """

    def __init__(self, columns: Sequence[str], derived: Iterable[str], absent: str, wire: Wire) -> None:
        self.by_origin = {name: f"c{number}" for number, name in enumerate((*columns, *derived))}
        self._shown_absent = clothe(wire.escape(absent))
        self._may_be_absent = {self.by_origin[column] for column in columns} if absent else set()

    def filled(self, cell: str) -> str:
        """Code: whether a cell holds anything."""
        return f"{cell} and {cell} != {self._shown_absent!r}" if cell in self._may_be_absent else cell

    def choose(self, chosen: str, before: Sequence[str], cell: str) -> str:
        """Code: a new cell with the text of another where those before it are empty."""
        if cell in self._may_be_absent:
            self._may_be_absent.add(chosen)
        return f'{chosen} = "" if {" or ".join(map(self.filled, before))} else {cell}'
