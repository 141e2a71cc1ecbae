"""Events of one log that differ in nothing but their row, their time and their numbers: many at a time.

So are mostly those that a shipper gives. The first one's line is taken apart at what may differ; of the
others it is only seen that the same text stands around it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, repeat
from typing import Any, NamedTuple

import msgspec

from exnorm.logstash.splice import LONGEST, encode, is_bare, is_time, read_event, stands_beside
from exnorm.rows import clothe

AnyEvent = dict[str, Any]

_MESSAGE, _STAMP, _ORIGINAL, _NUMBER = '"message"', '"@timestamp"', '"event""original"', ""
_LONG = (_MESSAGE, _ORIGINAL)
_TOKENS = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*")([ \t\r]*:)?|(-?[0-9]+)|[][{}]')
# Within 64 bits, and as they are written again.
_match_numbers = re.compile(r"(?:(?:0|-?[1-9][0-9]{0,17}),)*").fullmatch
_find_control = re.compile(r"\\(?:[bfnrt]|u00[01])").search
_read_texts = msgspec.json.Decoder(list[str]).decode
_MOST_TOKENS = 1000  # what is looked at once for a batch is to stay small beside it
_FEW = 8  # where one line in so many is alike, to look at all of them costs more than it gives

Column = Sequence[str]


class _Part(NamedTuple):
    """Some holes in a row: what is in them, and what stands before them and between them."""

    names: list[str]
    before: str
    between: list[str]


@dataclass(frozen=True)
class Template:
    """An event, and its line with holes at what may differ; all text is clothed.

    The holes that the row is in are ``long``, others are ahead of them or behind; ``closing`` stands behind
    all of them. ``start`` and ``pairs`` are what takes the line's place around the row's pairs: the event's
    own before its time and behind it, cut where other holes than the message's are.
    """

    event: AnyEvent
    ahead: _Part
    long: _Part
    behind: _Part
    closing: str
    start: list[str]
    pairs: list[str]


class Alike(NamedTuple):
    """Events of a template: their messages, and clothed, the rows as JSON escapes them and their own pairs.

    There are no rows where one has a control character.
    """

    event: AnyEvent
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
    if not _correspond(given, left):
        return None
    long = [at for at, name in enumerate(given.names) if name in _LONG]
    first, last, stamp = long[0], long[-1] + 1, left.names.index(_STAMP)
    own = left.literals  # the pair of the time and what encloses all of them are written with the row
    own[stamp] = own[stamp].removesuffix(f'{_STAMP}:"')
    own[stamp + 1] = own[stamp + 1].removeprefix('"')
    own[-1] = own[-1].removesuffix("}")
    opening, *inner, closing = given.literals
    return Template(
        event,
        _Part(given.names[:first], opening, inner[: max(first - 1, 0)]),
        _Part(given.names[first:last], inner[first - 1] if first else "", inner[first : last - 1]),
        _Part(given.names[last:], inner[last - 1] if inner[last - 1 :] else "", inner[last:]),
        closing,
        own[: stamp + 1],
        own[stamp + 1 :],
    )


def _correspond(given: _Holes, left: _Holes) -> bool:
    """Whether all values of a line but its message stand in the same order in what is made of it.

    One whose name stands twice, or is written in another way, may stand elsewhere.
    """
    if not (given.are_all and left.are_all) or given.names.count(_MESSAGE) != 1 or _STAMP not in left.names:
        return False
    keys = [key for key in given.keys if key != _MESSAGE]
    names = [name for name in given.names if name != _MESSAGE]
    return keys == left.keys[: len(keys)] and names == left.names and given.numbers == left.numbers


def read_alike(lines: bytes, template: Template) -> Alike | None:
    """The lines at the beginning that are of the template; ``None`` where each must be looked at by itself.

    ``lines`` have a LF between two of them.
    """
    parts = template.ahead, template.long, template.behind
    names = [name for part in parts for name in part.names]
    texts = lines.decode("latin-1").split("\n")
    columns = [
        column
        for part, texts_of_part in zip(parts, _cut_lines(texts, template))
        if part.names
        for column in _cut(texts_of_part, part.between)
    ]
    known = min(map(len, columns))
    if known * _FEW < len(texts):
        return None
    columns = [column[:known] for column in columns]
    numbers = [column for name, column in zip(names, columns) if name == _NUMBER]
    if not all(map(is_time, set(columns[names.index(_STAMP)]))) or not all(map(_are_plain, numbers)):
        return None
    escaped = columns.pop(names.index(_MESSAGE))
    names.remove(_MESSAGE)
    messages = _read_messages(escaped)
    if not messages or max(map(len, escaped)) > LONGEST:
        return None
    if "event" in template.event and not all(map(is_bare, messages)):
        return None
    rows = _read_rows(escaped, messages)
    if _ORIGINAL in names:
        at = names.index(_ORIGINAL)
        if columns[at] != escaped:
            return None
        columns[at] = _write_again(escaped, messages, rows)
    stamp = names.index(_STAMP)
    starts = _weave(template.start, columns[:stamp], len(messages))
    pairs = _weave(template.pairs, columns[stamp + 1 :], len(messages))
    return Alike(template.event, messages, rows, starts, pairs)


def _cut_lines(lines: Sequence[str], template: Template) -> tuple[list[str], list[str], list[str]]:
    """The three parts of each line, up to the first that is not of the template."""
    opening, lead, trail = template.ahead.before, template.long.before, template.behind.before
    closing = template.closing
    ahead, long, behind = [], [], []
    first = len(opening)
    for line in lines:
        last = len(line) - len(closing)
        begin = line.find(lead, first)
        end = line.rfind(trail, begin + len(lead), last)
        if begin < 0 or end < 0 or not line.startswith(opening) or not line.endswith(closing):
            break
        ahead.append(line[first:begin])
        long.append(line[begin + len(lead) : end])
        behind.append(line[end + len(trail) : last])
    return ahead, long, behind


def _cut(texts: Column, literals: Sequence[str]) -> list[Column]:
    """What stands before, between and behind the literals in each text, up to the first without them."""
    columns: list[Column] = []
    for literal in literals:
        if not texts:
            break
        column, found, texts = zip(*[text.partition(literal) for text in texts])
        known = found.index("") if "" in found else len(found)
        columns, texts = [*columns, column[:known]], texts[:known]
    return [*columns, texts]


def _are_plain(numbers: Column) -> bool:
    """Whether each is written as it will be again."""
    return _match_numbers(",".join((*numbers, ""))) is not None


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
    ``are_all`` says that there were not too many values to look at them.
    """

    def __init__(self, line: bytes) -> None:
        self.keys: list[str] = []
        self.names: list[str] = []
        self.numbers: list[str] = []
        self.literals: list[str] = []
        text, end, path = line.decode("latin-1"), 0, [""]
        tokens = _TOKENS.finditer(text)
        for token in islice(tokens, _MOST_TOKENS):
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
        self.are_all = next(tokens, None) is None

    def _add(self, name: str, before: str, end: int) -> int:
        self.names.append(name)
        self.literals.append(before)
        return end
