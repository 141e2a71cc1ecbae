"""Print a plan as Python source: used where there is no kernel, and by ``exnorm explain --source``.

All text in the code is UTF-8 read as Latin-1 (``rows.as_latin1``), and cells are escaped before they are cut.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from exnorm.convert import cut_utf8, is_plain_ipv4, utc_ms
from exnorm.engine.plan import (
    LONGEST_KEY,
    REMEMBERED,
    Check,
    Choose,
    Fits,
    Gate,
    Guard,
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
    Value,
    Whole,
)
from exnorm.engine.rows import as_latin1, exceeds, from_latin1, split_quoted
from exnorm.model import Wire


class Emitter:
    """Writes the Python code of a plan; ``leave`` is the statement that an odd row executes."""

    def __init__(self, plan: Plan, leave: str) -> None:
        self.plan, self.leave = plan, leave
        self.unescape = _unescaper(plan.wire)

    def emit(self, done: Sequence[str]) -> Iterator[str]:
        """Yield the code for one row with known cells; ``done`` are the lines that follow its payload."""
        memo = 0
        for step in self.plan.steps:
            yield from self._write_step(step, memo)
            memo += isinstance(step, Memo)
        for check in self.plan.checks:
            yield f"if {self._write_check(check)}: {self.leave}"
        for note in self.plan.notes:
            yield f"if {_name(note.texts)}:"
            yield f"    note({note.what!r}, {_name(note.texts)})"
            if note.drops:
                yield "    continue"
        body = ""
        for number, part in enumerate(self.plan.parts):
            body += yield from self._write_part(part, f"p{number}")
        if self.plan.nested:
            rest = ""
            for number, part in enumerate(self.plan.nested):
                rest += yield from self._write_part(part, f"r{number}")
            separator, (before, after) = self.plan.wire.separator, map(literal, self.plan.wire.nested)
            yield f'rest = f"{rest}"'
            yield f'if rest: rest = f"{literal(separator)}{before}{{rest[{len(separator)}:]}}{after}"'
            body += "{rest}"
        for part in self.plan.closing:
            body += yield from self._write_part(part, "")
        yield f'payload = f"{body}"'
        yield from done

    def look_up(self, name: str, known: str, key: str) -> Iterator[str]:
        """Yield code that looks a key up, or computes its value; the row is odd where there is none."""
        yield f"{name} = known_{known}({key}) or find_{known}({key})"
        yield f"if not {name}: {self.leave}"

    # --- steps, checks, parts ---

    def _write_step(self, step: Step, memo: int) -> Iterator[str]:
        if isinstance(step, Memo):
            slots = [_name(Slot(memo, number)) for number in range(step.slots)]
            names = [*(f"c{cell}" for cell in step.into), *slots]
            if names:
                keys = [f"c{cell}" for cell in step.keys]
                yield from self.look_up(
                    "found", str(memo), keys[0] if len(keys) == 1 else f"({', '.join(keys)})"
                )
                yield f"{', '.join(names)}, = found"
        elif isinstance(step, Join):
            by = self.plan.wire.escape(step.by)
            first, second = self._text(step.first), f"c{step.second}"
            joined = f"{first} + {literal_of(by)} + {second}"
            if step.once:
                joined = f"{first} + {second} if {second}.startswith({literal_of(by)}) else {joined}"
            yield f"c{step.into} = ({joined}) if {self._filled(step.second)} else {first}"
        elif isinstance(step, Gate):
            holds = f"{literal_of(self.plan.wire.escape(step.holds))} in c{step.cell}"
            wanted = [self._filled(step.cell), *([_name(step.asked)] if step.asked else [])]
            wanted += [holds] if step.holds else []
            wanted += [f"len(c{step.measured}) > {step.longer}"] if step.measured >= 0 else []
            yield f'c{step.into} = c{step.cell} if {" and ".join(wanted)} else ""'
        elif isinstance(step, Sift):
            cell = f"c{step.cell}"
            may_hold = f"not {cell}.isascii() or holds_hint({cell}.lower(), {step.hints!r})"
            yield f'c{step.into} = {cell} if {self._filled(step.cell)} and ({may_hold}) else ""'
        elif isinstance(step, Choose):
            before = " or ".join(map(self._filled, step.before))
            yield f'c{step.into} = "" if {before} else {self._text(step.cell)}'
        else:
            yield from self._write_guard(step)

    def _write_guard(self, guard: Guard) -> Iterator[str]:
        cells = ", ".join(f"c{cell}" for cell in guard.cells)
        yield f"if {_name(guard.texts)} and holds_one(({cells},), {_name(guard.texts)}): {self.leave}"

    def _write_check(self, check: Check) -> str:
        """Return an expression that is true where the row is odd."""
        cell = f"c{check.cell}"
        if isinstance(check, Limit):
            return f"len({cell}) > {check.bytes} and exceeds({cell}, {check.bytes})"
        if isinstance(check, Number):
            shown = f'({cell}[0] != "0" or {cell} == "0")'
            number = f"{cell}.isdecimal() and len({cell}) <= {check.digits} and {shown}"
            return f"{self._filled(check.cell)} and not ({number})"
        return f'"\'" in {cell} and ({cell}[0] == "\'" or ";\'" in {cell})'

    def _write_part(self, part: Part, name: str) -> Any:
        """Yield the statements that a part needs and return its text for an f-string."""
        conditions = [] if part.cell < 0 else [self._filled(part.cell)]
        conditions += map(self._write_premise, part.all_of)
        groups = " or ".join(" and ".join(map(self._write_premise, group)) for group in part.none_of)
        conditions += [f"not ({groups})"] if groups else []
        if part.limit and not part.values:
            cell = f"c{part.cell}"
            yield f"if len({cell}) > {part.limit} and {' and '.join(conditions)}: cut_{name}({cell})"
            return ""
        text = "".join(
            f"{literal(before)}{{{self._write_value(value, part, name)}}}" for before, value in part.values
        )
        text += literal(part.end)
        if not conditions:
            return text
        yield f'{name} = f"{text}" if {" and ".join(conditions)} else ""'
        return f"{{{name}}}"

    def _write_value(self, value: Value, part: Part, name: str) -> str:
        if isinstance(value, Slot):
            return _name(value)
        if isinstance(value, Whole):
            return value.value
        cell = f"c{value.number}"
        if part.limit and value.number == part.cell:
            return f"{cell} if len({cell}) <= {part.limit} else cut_{name}({cell})"
        return cell

    def _write_premise(self, premise: Premise) -> str:
        """Return an expression that is true where a premise holds."""
        if isinstance(premise, IsNot):
            return f"c{premise.cell} != {literal_of(self.plan.wire.escape(premise.text))}"
        if isinstance(premise, Fits):
            return (
                f"(len(c{premise.cell}) <= {premise.limit} or not exceeds(c{premise.cell}, {premise.limit}))"
            )
        return _name(premise)

    def _filled(self, cell: int) -> str:
        """Return an expression that is true where a cell is not empty."""
        if cell not in self.plan.may_be_absent:
            return f"c{cell}"
        return f"c{cell} and c{cell} != {literal_of(self.plan.wire.escape(self.plan.absent))}"

    def _text(self, cell: int) -> str:
        """Return an expression for the text of a cell, empty where the cell holds the log's sign for no
        value.
        """
        return (
            f"c{cell}"
            if cell not in self.plan.may_be_absent
            else f'(c{cell} if {self._filled(cell)} else "")'
        )

    # --- what the code calls ---

    def bind(self, code: str, function: str, **more: Any) -> Any:
        """Compile the generated function; ``more`` are further names that its code uses."""
        scope: dict[str, Any] = {
            "exceeds": partial(exceeds, unescape=self.unescape),
            "holds_one": self._holds_one,
            "holds_hint": lambda text, hints: any(hint in text for hint in hints),
            "note": lambda what, texts: [
                self.plan.count(what, from_latin1(one)) for one in texts.split("\n")
            ],
            **more,
        }
        remember("second", read_second, scope)
        remember("fraction", read_fraction, scope)
        for number, memo in enumerate(self.plan.memos):
            remember(str(number), self._finder(memo), scope)
        for letter, parts in (("p", self.plan.parts), ("r", self.plan.nested)):
            for number, part in enumerate(parts):
                if part.limit:
                    scope[f"cut_{letter}{number}"] = partial(self._cut, part.limit, part.field)
        exec(compile(code, f"<exnorm {self.plan.name}>", "exec"), scope)
        return scope[function]

    def _finder(self, memo: Memo) -> Callable[[Any], tuple[str, ...] | None]:
        """Wrap ``memo.find`` to take escaped texts read as Latin-1."""
        escape, cells, single = self.plan.wire.escape, len(memo.into), len(memo.keys) == 1
        around = None if memo.for_ipv4 is None else tuple(zip(*memo.for_ipv4))

        def find(key: Any) -> tuple[str, ...] | None:
            texts = (key,) if single else key
            if around is not None and is_plain_ipv4(texts[0]) and not any(texts[1:]):
                return tuple([one if after is None else f"{one}{texts[0]}{after}" for one, after in around])
            made = memo.find([from_latin1(self.unescape(text)) for text in texts])
            if made is None:
                return None
            return tuple([as_latin1(escape(one) if at < cells else one) for at, one in enumerate(made)])

        return find

    def _holds_one(self, cells: Sequence[str], texts: str) -> bool:
        joined = "\n".join(from_latin1(self.unescape(cell)) for cell in cells).lower()
        return any(text in joined for text in from_latin1(texts).split("\n"))

    def _cut(self, limit: int, name: str, cell: str) -> str:
        """Return a cell cut to ``limit`` bytes and count the cut; return it as it is where it is no longer
        than that.
        """
        plain = self.unescape(cell)
        if len(plain) <= limit:
            return cell
        self.plan.count("cut", name)
        return as_latin1(self.plan.wire.escape(cut_utf8(from_latin1(plain), limit)))


def emit_run(plan: Plan) -> str:
    """Return the source of a function that encodes a batch of rows.

    Its arguments: the rows, the lines as bytes (used only for identities), the first row to encode, the list
    that payloads are appended to, the text that begins a payload and the bytes that begin an identity. All
    text is UTF-8 read as Latin-1. It returns the index of the first row that it did not encode.
    """
    return "\n".join(_emit_run(Emitter(plan, "return at"))) + "\n"


def bind_run(plan: Plan, code: str) -> Callable[..., int]:
    """Compile the source that ``emit_run`` returned."""
    more: dict[str, Any] = {"split": split_quoted, "quote": plan.wire.quote}
    if plan.have(Whole.IDENTITY):
        from hashlib import blake2b  # loads OpenSSL, which most formats do without

        more["blake2b"] = blake2b
    run: Callable[..., int] = Emitter(plan, "return at").bind(code, "run", **more)
    return run


def _emit_run(emitter: Emitter) -> Iterator[str]:
    plan = emitter.plan
    yield "def run(rows, lines, begin, payloads, start, seed):"
    yield "    write, at, last_moment = payloads.append, begin - 1, None"
    if plan.have(Whole.IDENTITY):
        yield "    begin_identity = blake2b(seed, digest_size=16).copy"
    yield "    for at, row in enumerate(rows[begin:] if begin else rows, begin):"
    for line in (*_read_row(emitter), *_write_identity(plan), *emitter.emit(("write(payload)",))):
        yield f"        {line}"
    yield "    return at + 1"


def _read_row(emitter: Emitter) -> Iterator[str]:
    plan = emitter.plan
    quoting = plan.wire.quote != '"'
    if plan.separator == " ":
        row = """(row.replace('"', quote) if '"' in row else row)""" if quoting else "row"
        yield f'cells = {row}.rstrip(" ").split(" ")'
    else:
        yield f"""cells = row.split(",") if '"' not in row else split(row{", quote" if quoting else ""})"""
    yield f"if len(cells) != {len(plan.columns)}: return at"
    yield f"{', '.join(f'c{cell}' for cell in range(len(plan.columns)))} = cells"
    if plan.times == 2:
        yield "if len(c1) != 8: return at"  # no fraction
        yield 'moment, rest_of_time = f"{c0}T{c1}", "Z"'
    else:
        yield "moment, rest_of_time = c0[:19], c0[19:]"
    yield "if moment != last_moment:"
    yield from (f"    {line}" for line in emitter.look_up("second", "second", "moment"))
    yield "    last_moment = moment"
    yield from emitter.look_up("fraction", "fraction", "rest_of_time")


def _write_identity(plan: Plan) -> Iterator[str]:
    if plan.have(Whole.ROW):
        yield "original = row.replace('\"', quote)"
    if plan.have(Whole.IDENTITY):
        yield "identity = begin_identity()"
        yield 'identity.update(lines[at].rstrip(b"\\r\\n"))'
        yield "identity = identity.hexdigest()"


# --- words ----------------------------------------------------------------------------------------


def _name(slot: Slot) -> str:
    return f"s{slot.memo}_{slot.number}"


def literal(constant: str) -> str:
    """Return a constant, read as Latin-1, as it is written inside an f-string."""
    plain = as_latin1(constant).encode("unicode_escape").decode("ascii")
    return plain.replace('"', '\\"').replace("{", "{{").replace("}", "}}")


def literal_of(constant: str) -> str:
    """Return a constant, read as Latin-1, as a Python literal."""
    return repr(as_latin1(constant))


def remember(name: str, find: Callable[[Any], Any], scope: dict[str, Any]) -> None:
    """Put a cache of ``find`` and its results into ``scope``, as ``known_NAME`` and ``find_NAME``."""
    known: dict[Any, Any] = {}

    def found(key: Any) -> Any:
        value = find(key)
        if value is not None and (len(key) if type(key) is str else sum(map(len, key))) <= LONGEST_KEY:
            if len(known) >= REMEMBERED:
                known.clear()
            known[key] = value
        return value

    scope[f"known_{name}"], scope[f"find_{name}"] = known.get, found


def read_second(moment: str) -> str | None:
    """Return a time without its fraction as epoch seconds; ``None`` where it is no time or before 1970."""
    milliseconds = utc_ms(f"{moment}Z")
    return None if milliseconds is None or milliseconds <= 0 else str(milliseconds // 1000)


def read_fraction(end: str) -> str | None:
    """Return the three digits of milliseconds from the rest of a time; ``None`` for any other end."""
    milliseconds = utc_ms(f"2000-01-01T00:00:00{end}")
    return None if milliseconds is None else f"{milliseconds % 1000:03}"


def _unescaper(wire: Wire) -> Callable[[str], str]:
    """Return the inverse of ``wire.escape``."""
    table = {escaped: plain for plain, escaped in (*wire.escapes, ('"', wire.quote)) if escaped != plain}
    if not table:
        return lambda cell: cell
    pattern = re.compile("|".join(map(re.escape, table)))
    first, *others = {escaped[0] for escaped in table}

    def unescape(cell: str) -> str:
        return pattern.sub(lambda found: table[found.group()], cell)

    return unescape if others else lambda cell: unescape(cell) if first in cell else cell


__all__ = ["Emitter", "bind_run", "emit_run", "remember"]
