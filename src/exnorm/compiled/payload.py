"""The code of a payload: its parts in their order, in one f-string for what is expected of a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from exnorm.compiled.cells import Cells
from exnorm.compiled.parts import (
    Piece,
    literal,
    take_long,
    write_pair,
)
from exnorm.model import Wire


class Payload:
    """The parts around the first pair that is always there; a part is text of an f-string or a ``Piece``.

    Pairs ``before`` that one bring the separator at their end, those ``after`` it at their beginning, so that
    it stands between pairs whichever of them are there. ``rest`` is additional data where it is enclosed.
    ``cuts`` are pieces that are only counted, where their cell is written whole.
    """

    def __init__(self, wire: Wire, cells: Cells) -> None:
        self._wire, self._cells = wire, cells
        self.separator = literal(wire.separator)
        self.header: dict[str, str] = {}
        self.before: list[str | Piece] = []
        self.after: list[str | Piece] = []
        self.rest: list[str | Piece] = []
        self.cuts: list[Piece] = []
        self.fixed = False

    @property
    def pieces(self) -> Iterator[Piece]:
        """All parts that may be missing."""
        for part in (*self.before, *self.after, *self.rest, *self.cuts):
            if isinstance(part, Piece):
                yield part

    def add(self, part: str | Piece) -> None:
        """A part that has its separator already."""
        (self.after if self.fixed else self.before).append(part)

    def add_rest(self, part: str | Piece) -> None:
        """A part of additional data, behind all others; it begins with the separator."""
        (self.rest if self._wire.nested[0] else self.after).append(part)

    def add_fixed(self, pair: str) -> None:
        """A pair that is always there: the first of them is what the others lean on."""
        if self.fixed:
            self.after.append(f"{self.separator}{pair}")
        else:
            self.before.append(pair)
            self.fixed = True

    def write_long(self, write: Sequence[str]) -> Iterator[str]:
        """The code for rows with a value that is longer than its field."""
        yield "if is_long:"
        for part in self.cuts:
            condition = " and ".join(filter(None, (self._cells.filled(part.cell), part.condition)))
            yield f"    if {condition}: cut_{part.name}({part.cell})"
        for line in self.write(take_long, write):
            yield f"    {line}"

    def write(
        self,
        choose: Callable[[Iterable[str | Piece]], list[str | Piece]],
        write: Sequence[str],
    ) -> Iterator[str]:
        """The code for rows of which it is known what ``choose`` takes for granted; ``write`` ends it."""
        wire, body = self._wire, ""
        for part in choose((*self.before, *self.after)):
            yield from self._define(part)
            body += self._place(part)
        if self.rest:
            rest = choose(self.rest)
            for part in rest:
                yield from self._define(part)
            before, after = map(literal, self._wire.nested)
            yield f'rest = f"{"".join(map(self._place, rest))}"'
            yield f'if rest: rest = f"{self.separator}{before}{{rest[{len(wire.separator)}:]}}{after}"'
            body += "{rest}"
        body += self.write_end()
        header = "".join(f"{self.header[name]}|" for name in wire.header)
        payload = f"{{start}}{header}{literal(wire.after_header)}{body}{literal(wire.end)}"
        yield f'payload = f"{payload}"'
        yield from write

    def write_end(self) -> str:
        """The pairs that say which row it was, as text of an f-string."""
        names = {"{original}": self._wire.original, "{identity}": self._wire.identity}
        return "".join(
            f"{self.separator}{write_pair(around, name)}" for name, around in names.items() if around[0]
        )

    def _define(self, part: str | Piece) -> Iterator[str]:
        """The code of a piece."""
        if isinstance(part, Piece):
            condition = " and ".join(filter(None, (self._cells.filled(part.cell), part.condition)))
            yield f'{part.name} = f"{part.text}" if {condition} else ""'

    @staticmethod
    def _place(part: str | Piece) -> str:
        return part if isinstance(part, str) else f"{{{part.name}}}"
