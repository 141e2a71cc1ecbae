"""The code of a payload: its parts in their order, in one f-string for what is expected of a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from exnorm.compiled.cells import OFTEN, Cells
from exnorm.compiled.parts import (
    Piece,
    Surroundings,
    is_fit,
    literal,
    take_given,
    take_long,
    write_pair,
    write_premise,
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

    def write_expected(self, around: Surroundings) -> Iterator[str]:
        """The short code for rows in which all is as expected."""
        parts = take_given(is_fit, (*self.before, *self.after, *self.rest))
        pieces = [part for part in parts if isinstance(part, Piece)]
        shares = {piece.cell: self._cells.share_filled(piece.cell) for piece in pieces}
        filled = [cell for cell, share in shares.items() if share >= OFTEN]
        empty = [cell for cell, share in shares.items() if share <= 1 - OFTEN]
        if not self._cells.seen or not (filled or empty):
            return
        asked = [one for piece in pieces for group in (piece.also, *piece.none_of) for one in group]
        held = [one for one in dict.fromkeys(asked) if self._cells.often_holds(one)]
        tests = [*map(self._cells.filled, filled), *map(write_premise, held)]
        tests += [f"not ({' or '.join(map(self._cells.filled, empty))})"] if empty else []
        choose = partial(take_given, lambda one: is_fit(one) or one in held)
        yield f"if {' and '.join(tests)}:"
        for line in self.write(choose, around, filled, empty):
            yield f"    {line}"

    def write_long(self, around: Surroundings) -> Iterator[str]:
        """The code for rows with a value that is longer than its field."""
        yield "if is_long:"
        for part in self.cuts:
            condition = " and ".join(filter(None, (self._cells.filled(part.cell), part.condition)))
            yield f"    if {condition}: cut_{part.name}({part.cell})"
        for line in self.write(take_long, around):
            yield f"    {line}"

    def write(
        self,
        choose: Callable[[Iterable[str | Piece]], list[str | Piece]],
        around: Surroundings,
        filled: Sequence[str] = (),
        empty: Sequence[str] = (),
    ) -> Iterator[str]:
        """The code for rows of which it is known what ``choose`` takes for granted, and these cells."""
        wire, body = self._wire, ""
        for part in choose((*self.before, around.pairs, *self.after)):
            yield from self._define(part, filled, empty)
            body += self._place(part, filled, empty)
        if self.rest:
            rest = choose(self.rest)
            for part in rest:
                yield from self._define(part, filled, empty)
            code, nest = self._nest(rest, filled, empty)
            yield from code
            body += nest
        body += self.write_end()
        header = "".join(f"{self.header[name]}|" for name in wire.header)
        payload = f"{around.start}{header}{literal(wire.after_header)}{body}{literal(wire.end)}{around.end}"
        yield f'payload = f"{payload}"'
        yield from around.write

    def _nest(
        self, parts: Sequence[str | Piece], filled: Sequence[str], empty: Sequence[str]
    ) -> tuple[tuple[str, str], str]:
        """The code for additional data, whose first pair has no separator, and its text of an f-string."""
        before, after = map(literal, self._wire.nested)
        texts = [self._place(part, filled, empty) for part in parts]
        rest = f"{{rest[{len(self._wire.separator)}:]}}"
        sure = [isinstance(part, Piece) and part.cell in filled and not part.condition for part in parts]
        if True not in sure:
            code = f'rest = f"{"".join(texts)}"', f'if rest: rest = f"{self.separator}{before}{rest}{after}"'
            return code, "{rest}"
        first = sure.index(True)  # what may stand before it gives its separator to it
        code = f'rest = f"{"".join(texts[:first])}"', f'if rest: rest = f"{rest}{self.separator}"'
        inside = "".join(texts[first:]).removeprefix(self.separator)
        return code, f"{self.separator}{before}{{rest}}{inside}{after}"

    def write_end(self) -> str:
        """The pairs that say which row it was, as text of an f-string."""
        names = {"{original}": self._wire.original, "{identity}": self._wire.identity}
        return "".join(
            f"{self.separator}{write_pair(around, name)}" for name, around in names.items() if around[0]
        )

    def _define(self, part: str | Piece, filled: Sequence[str], empty: Sequence[str]) -> Iterator[str]:
        """The code of a piece whose place in the payload takes more than its text."""
        if isinstance(part, str) or part.cell in empty or (part.cell in filled and not part.condition):
            return
        present = "" if part.cell in filled else self._cells.filled(part.cell)
        condition = " and ".join(filter(None, (present, part.condition)))
        yield f'{part.name} = f"{part.text}" if {condition} else ""'

    @staticmethod
    def _place(part: str | Piece, filled: Sequence[str], empty: Sequence[str]) -> str:
        if isinstance(part, str):
            return part
        if part.cell in empty:
            return ""
        return part.text if part.cell in filled and not part.condition else f"{{{part.name}}}"
