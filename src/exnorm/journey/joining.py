"""Find which rows are of one message.

A row has a key: its network message id, which stays the same in every copy that Exchange makes of a message,
else its message id, else the internal id that its server gave it. Rows of one key are of one message. Two
keys are joined where a row refers to another: a row without a network message id refers to that of its
message id; a copy (TRANSFER, a message that a mailbox rule or an agent sent again) names its original by
``reference``, as the internal id on the same server or as a message id. A reference that more than one
message matches joins nothing, because a sender who chooses a message id must not be able to merge two
messages. A delivery status notification is a message of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from exnorm.convert import members
from exnorm.journey.events import REFERS_TO_OTHERS
from exnorm.journey.steps import Step

NETWORK, MESSAGE, INTERNAL = "n:", "m:", "i:"
_MOST_REFERENCES = 16


def find_key(step: Step) -> str:
    """Return the key of a row; empty where it is about no message."""
    if step.network:
        return NETWORK + step.network
    if step.message:
        return MESSAGE + step.message
    return name_internal(step)


def name_internal(step: Step) -> str:
    """Return the internal id with its server, as only both together are unique; empty where one
    is missing.
    """
    return f"{INTERNAL}{step.server}/{step.internal}" if step.internal and step.server else ""


def find_names(step: Step) -> tuple[str, ...]:
    """Return the names under which other rows may refer to this row's message."""
    internal = name_internal(step)
    message = MESSAGE + step.message if step.message else ""
    return tuple(name for name in (internal, message) if name)


def find_asks(step: Step) -> list[str]:
    """Return the names of other keys that belong to the same message as this row."""
    asks: list[str] = []
    if not step.network:
        asks += [MESSAGE + step.message] if step.message else find_names(step)
    if step.reference and step.event not in REFERS_TO_OTHERS:
        for reference in members(step.reference)[:_MOST_REFERENCES]:
            found = reference.strip()
            if found.isdecimal() and found.strip("0"):
                asks += [f"{INTERNAL}{step.server}/{found}"] if step.server else []
            elif found.startswith("<") and found.endswith(">"):
                asks.append(MESSAGE + found)
    return asks


class Groups:
    """Keys found to be one message; ``find`` returns the smallest of them."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def find(self, key: str) -> str:
        """Return the key that represents all that are joined with this one."""
        root = key
        while root in self._above:
            root = self._above[root]
        while key != root:
            self._above[key], key = root, self._above[key]
        return root

    def join(self, one: str, other: str) -> None:
        """Join two keys as one message."""
        first, second = sorted((self.find(one), self.find(other)))
        if first != second:
            self._above[second] = first

    @property
    def joined(self) -> list[str]:
        """Return every key that is represented by another one."""
        return list(self._above)


def choose_answer(key: str, name: str, answers: Iterable[str]) -> str:
    """Which of the keys that go by a name is the message that is asked for; empty where none is certain.

    ``key`` is who asks for ``name``. A network message id tells messages apart, a message id does not; a
    message that goes by the name itself asks for nobody else, unless that name is all it is known by.
    """
    found = {answer for answer in answers if answer}
    if key in found and name != key:
        return ""
    others = found - {key}
    certain = {answer for answer in others if answer.startswith(NETWORK)} or others
    return certain.pop() if len(certain) == 1 else ""


def resolve(asks: Iterable[tuple[str, str]], answers: Mapping[str, Iterable[str]]) -> Groups:
    """Return the groups of keys, from the references of each key and the keys under each name."""
    groups = Groups()
    for key, name in asks:
        answer = choose_answer(key, name, answers.get(name, ()))
        if answer:
            groups.join(key, answer)
    return groups


def join(steps: Iterable[Step]) -> list[list[Step]]:
    """Return rows by message, each row once, in the order of their first rows; rows without one
    are left out.
    """
    by_key: dict[str, set[Step]] = {}
    answers: dict[str, set[str]] = {}
    asks: set[tuple[str, str]] = set()
    for step in steps:
        key = find_key(step)
        if not key:
            continue
        by_key.setdefault(key, set()).add(step)
        for name in find_names(step):
            answers.setdefault(name, set()).add(key)
        asks.update((key, name) for name in find_asks(step))
    groups = resolve(sorted(asks), answers)
    by_message: dict[str, list[Step]] = {}
    for key, rows in by_key.items():
        by_message.setdefault(groups.find(key), []).extend(rows)
    return sorted((sorted(rows) for rows in by_message.values()), key=_first)


def _first(rows: Sequence[Step]) -> tuple[int, str]:
    return rows[0].time, find_key(rows[0])
