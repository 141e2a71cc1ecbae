"""Events of one log that differ in nothing but their row, their time and their numbers: many at a time.

So are mostly those that a shipper gives. The first one's line is taken apart at what may differ; of the
others it is only seen that the same text stands around it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat, takewhile
from typing import Any, NamedTuple

import msgspec

from exnorm.logstash.splice import LONGEST, encode, is_bare, is_time, read_event, stands_beside
from exnorm.rows import clothe

AnyEvent = dict[str, Any]

_MESSAGE, _STAMP, _ORIGINAL, _NUMBER = '"message"', '"@timestamp"', '"event""original"', ""
_LONG = (_MESSAGE, _ORIGINAL)
_HOLES = {_STAMP: r'([^"\\]*)', _NUMBER: "(-?[0-9]+)"}
_TOKENS = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*")([ \t\r]*:)?|(-?[0-9]+)|[][{}]')
_are_numbers = re.compile(
    r"(?:(?:0|-?[1-9][0-9]{0,17}),)*"
).fullmatch  # within 64 bits, and as they are written
_find_control = re.compile(r"\\(?:[bfnrt]|u00[01])").search
_read_texts = msgspec.json.Decoder(list[str]).decode

Column = Sequence[str]


@dataclass(frozen=True)
class Template:
    """An event, and its line with holes at what may differ; ``names`` says what is in each of them.

    In the expression the message and ``event.original``, which is the same text, are one hole with all that
    is ``between`` them, from hole ``first`` on; ``size`` is how many bytes stand around its holes. ``start``
    and ``pairs`` are what takes the line's place around the row's pairs: the event's own before its time and
    behind it, clothed, cut where the other holes are.
    """

    event: AnyEvent
    line: re.Pattern[str]
    size: int
    names: tuple[str, ...]
    first: int
    between: tuple[str, ...]
    start: tuple[str, ...]
    pairs: tuple[str, ...]


class Alike(NamedTuple):
    """Events of a template: their messages, and clothed, the rows as JSON escapes them and their own pairs.

    ``size`` is how many bytes their lines have. There are no rows where one has a control character.
    """

    template: Template
    size: int
    messages: list[str]
    rows: list[str] | None
    starts: list[str]
    pairs: list[str]


def read_template(line: bytes, names: frozenset[str]) -> Template | None:
    """The template of an event's line; ``None`` where it cannot stand beside payloads with these names."""
    event = read_event(line)
    if event is None or not stands_beside(event, names):
        return None
    try:
        made = encode({name: value for name, value in event.items() if name != "message"})
    except (OverflowError, RecursionError):  # as in splice
        return None
    given, left = _Holes(line), _Holes(made)
    # A name that stands twice, or is written in another way, may have its value elsewhere in what is made.
    if [key for key in given.keys if key != _MESSAGE] != left.keys[: len(given.keys) - 1]:
        return None
    if [name for name in given.names if name != _MESSAGE] != left.names or given.numbers != left.numbers:
        return None
    if given.names.count(_MESSAGE) != 1 or _STAMP not in left.names:
        return None
    long = [at for at, name in enumerate(given.names) if name in _LONG]
    first, last, stamp = long[0], long[-1], left.names.index(_STAMP)
    literals = given.literals[: first + 1] + given.literals[last + 1 :]
    holes = [_HOLES.get(name, "(.*)") for name in given.names[: first + 1] + given.names[last + 1 :]]
    pattern = "".join(f"{re.escape(before)}{hole}" for before, hole in zip(literals, (*holes, "")))
    own = left.literals  # the pair of the time and what encloses all of them are written with the row
    own[stamp] = own[stamp].removesuffix(f'{_STAMP}:"')
    own[stamp + 1] = own[stamp + 1].removeprefix('"')
    own[-1] = own[-1].removesuffix("}")
    return Template(
        event,
        re.compile(f"^{pattern}$", re.MULTILINE),
        sum(map(len, literals)),
        tuple(given.names),
        first,
        tuple(given.literals[first + 1 : last + 1]),
        tuple(own[: stamp + 1]),
        tuple(own[stamp + 1 :]),
    )


def read_alike(lines: bytes, template: Template) -> Alike | None:
    """The lines at the beginning that are of the template; ``None`` where each must be looked at by itself.

    ``lines`` have a LF between two of them.
    """
    text = lines.decode("latin-1")
    columns: list[Column] = list(zip(*template.line.findall(text)))
    if _measure(columns, template) < len(text):
        alike = takewhile(bool, map(template.line.fullmatch, text.split("\n")))
        columns = list(zip(*(match.groups() for match in alike if match)))
    if not columns:
        return None
    size, first = _measure(columns, template), template.first
    columns[first : first + 1] = _cut(columns[first], template.between)
    named = dict(zip(template.names, columns))
    escaped = named[_MESSAGE]
    if max(map(len, escaped)) > LONGEST or not all(map(is_time, set(named[_STAMP]))):
        return None
    numbers = [column for name, column in zip(template.names, columns) if name == _NUMBER]
    if not all(_are_numbers(",".join((*column, ""))) for column in numbers):
        return None
    messages = _read_messages(escaped)
    if not messages or named.get(_ORIGINAL, escaped) != escaped:
        return None
    if "event" in template.event and not all(map(is_bare, messages)):
        return None
    rows = _read_rows(escaped, messages)
    names = [name for name in template.names if name != _MESSAGE]
    columns.pop(template.names.index(_MESSAGE))
    if _ORIGINAL in names:
        columns[names.index(_ORIGINAL)] = _write_again(escaped, messages, rows)
    stamp = names.index(_STAMP)
    starts = _weave(template.start, columns[:stamp], len(messages))
    pairs = _weave(template.pairs, columns[stamp + 1 :], len(messages))
    return Alike(template, size, messages, rows, starts, pairs)


def _measure(columns: Sequence[Column], template: Template) -> int:
    """How long the lines are from which the columns were taken; to count lines takes longer."""
    if not columns:
        return 0
    return sum(sum(map(len, column)) for column in columns) + len(columns[0]) * (template.size + 1)


def _cut(texts: Column, literals: Sequence[str]) -> list[Column]:
    """What stands between the literals in each text."""
    columns: list[Column] = []
    for literal in literals:
        column, _, texts = zip(*[text.partition(literal) for text in texts])
        columns.append(column)
    return [*columns, texts]


def _read_messages(escaped: Column) -> list[str]:
    """Texts as JSON writes them, without their escapes; none where one is no text."""
    try:
        texts = _read_texts('["{}"]'.format('","'.join(escaped)).encode("latin-1"))
    except ValueError:  # of msgspec too; the codec says what it is
        return []
    return texts if len(texts) == len(escaped) else []  # a quote within one makes it two


def _write_again(escaped: Column, messages: Sequence[str], rows: Sequence[str] | None) -> list[str]:
    """The messages as JSON is written here."""
    if rows is None:
        return [encode(message)[1:-1].decode("latin-1") for message in messages]
    return [row.replace('"', '\\"') if "\\" in text else text for text, row in zip(escaped, rows)]


def _read_rows(escaped: Column, messages: Sequence[str]) -> list[str] | None:
    """What ``rows.prepare`` would make of the messages, which were escaped for JSON when they came."""
    rows = list(escaped)
    for at, text in enumerate(escaped):
        if "\\" in text:
            if _find_control(text) and _find_control(text.replace("\\\\", "")):
                return None
            message = messages[at]
            rows[at] = clothe(message.replace("\\", "\\\\") if "\\" in message else message)
    return rows


def _weave(literals: Sequence[str], columns: Sequence[Column], amount: int) -> list[str]:
    """The literals with what is in each line's columns between them."""
    if not columns:
        return [literals[0]] * amount
    between = [part for column, literal in zip(columns, literals[1:]) for part in (column, repeat(literal))]
    return list(map("".join, zip(repeat(literals[0]), *between)))


class _Holes:
    """Where the values stand in a line that may differ; the names of all values, and the numbers.

    A hole's name is where the value is: ``message``, ``@timestamp`` or ``event.original``; a number has none.
    """

    def __init__(self, line: bytes) -> None:
        self.keys: list[str] = []
        self.names: list[str] = []
        self.numbers: list[str] = []
        self.literals: list[str] = []
        text, end, path = line.decode("latin-1"), 0, [""]
        for token in _TOKENS.finditer(text):
            quoted, colon, number = token.groups()
            name = "".join(path)
            if colon is not None:
                path[-1] = quoted
                self.keys.append("".join(path))
            elif number is not None:
                self.numbers.append(number)
                end = self._add(_NUMBER, text[end : token.start()], token.end())
            elif quoted is None:
                path = [*path, ""] if token[0] in "[{" else path[:-1]
            elif name == _STAMP or name in _LONG:
                end = self._add(name, text[end : token.start() + 1], token.end() - 1)
        self.literals.append(text[end:])

    def _add(self, name: str, before: str, end: int) -> int:
        self.names.append(name)
        self.literals.append(before)
        return end
