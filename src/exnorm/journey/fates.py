"""The state of each recipient of a message: the last one that its rows state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from exnorm.convert import members
from exnorm.journey.events import DEFERRED, DELIVERED, FAILED, SENT
from exnorm.journey.steps import Step

PENDING, DEFERRED_STATE, EXPANDED, REDIRECTED, DELIVERED_STATE, FAILED_STATE = (
    "pending", "deferred", "expanded", "redirected", "delivered", "failed",
)  # fmt: skip
BY_BADNESS = (FAILED_STATE, DEFERRED_STATE, PENDING, DELIVERED_STATE, EXPANDED, REDIRECTED)
"""States, the worst first."""

# A state holds until a later one of the same weight or more: a delivery stays a delivery, whatever the
# clocks of two servers make of the order of their rows.
_WEIGHTS = {PENDING: 0, DEFERRED_STATE: 0, EXPANDED: 1, REDIRECTED: 1, DELIVERED_STATE: 2, FAILED_STATE: 2}
_LONGEST_STATUS = 500


@dataclass
class Fate:
    """A recipient's last state, its status text, and when and on which server it was logged.

    ``into`` are the addresses that a group was expanded into, or that another address stands for; ``via`` is
    the address that led to this one. ``handed_to`` is the last known host that has it.
    """

    address: str
    state: str = PENDING
    status: str = ""
    time: int = 0
    server: str = ""
    via: str = ""
    handed_to: str = ""
    into: list[str] = field(default_factory=list)
    weight: int = -1

    @property
    def is_final(self) -> bool:
        """Whether no other state can follow."""
        return self.state in (EXPANDED, REDIRECTED, DELIVERED_STATE, FAILED_STATE)


class Fates:
    """The recipients of one message, in the order they are named; fed step by step, in order of time."""

    def __init__(self, leaves: Callable[[Step], bool]) -> None:
        self._leaves = leaves
        self._by_address: dict[str, Fate] = {}
        self.whole: Fate | None = None  # what became of a message of which no recipient is named

    def __iter__(self) -> Iterator[Fate]:
        return iter(self._by_address.values())

    def __len__(self) -> int:
        return len(self._by_address)

    def tell(self, step: Step) -> None:
        """Read the recipients of a row."""
        if step.event in ("EXPAND", "REDIRECT", "RESOLVE", "DUPLICATEREDIRECT"):
            self._lead(step)
            return
        state, handed_to = self._judge(step)
        named = list(_read_recipients(step))
        for address, status in named:
            fate = self._name(address, step)
            if step.event in SENT and state == PENDING:
                fate.handed_to = handed_to
            said, own_state = status or _explain(step, state), state
            if step.event in SENT and status[:1] in ("4", "5") and status[1:3].isdecimal():
                own_state = FAILED_STATE if status[0] == "5" else DEFERRED_STATE
            if own_state:
                _settle(fate, own_state, said, step, handed_to)
        if not named and state in (FAILED_STATE, DEFERRED_STATE):
            self._tell_all(step, state)

    def _tell_all(self, step: Step, state: str) -> None:
        """Apply a row that names no recipient to all of them."""
        if self.whole is None:
            self.whole = Fate("")
        for fate in (self.whole, *self):
            if not fate.is_final:
                _settle(fate, state, _explain(step, state), step, "")

    def _judge(self, step: Step) -> tuple[str, str]:
        """Return the state that a row gives its recipients, empty for none, and the host they were
        handed to.
        """
        if step.event in DELIVERED:
            return DELIVERED_STATE, step.server
        if step.event in FAILED:
            return FAILED_STATE, ""
        if step.event in DEFERRED:
            return DEFERRED_STATE, ""
        if step.event in SENT:
            return (DELIVERED_STATE if self._leaves(step) else PENDING), step.peer
        return "", ""

    def _lead(self, step: Step) -> None:
        """Add a group's members, or the address that replaces another one."""
        addresses = [address for address, _ in _read_recipients(step)]
        related = [address for address in members(step.related) if address.strip()]
        if step.event == "EXPAND":
            origins, targets, state = related, addresses, EXPANDED
        elif step.event == "RESOLVE":
            origins, targets, state = related, addresses, REDIRECTED
        else:
            origins, targets, state = addresses, related, REDIRECTED
        told = [origin for origin in origins if origin.strip().lower() not in _fold(targets)]
        for origin in told:
            fate = self._name(origin, step)
            known = _fold(fate.into)
            fate.into += [target for target in map(str.strip, targets) if target.lower() not in known]
            _settle(fate, state, "", step, "")
        for target in targets:
            is_new = target.strip().lower() not in self._by_address
            fate = self._name(target, step)
            if is_new and told:
                fate.via = told[0].strip()

    def _name(self, address: str, step: Step) -> Fate:
        address = address.strip()
        fate = self._by_address.get(address.lower())
        if fate is None:
            fate = self._by_address[address.lower()] = Fate(address, time=step.time, server=step.server)
            if self.whole is not None:
                fate.state, fate.status, fate.weight = self.whole.state, self.whole.status, 0
        return fate


def _settle(fate: Fate, state: str, status: str, step: Step, handed_to: str) -> None:
    weight = _WEIGHTS[state]
    if weight >= fate.weight:
        fate.state, fate.weight, fate.time, fate.server = state, weight, step.time, step.server
        fate.status = status[:_LONGEST_STATUS]
        fate.handed_to = handed_to or fate.handed_to


def _explain(step: Step, state: str) -> str:
    """Return the reason of a failure or delay from the context, where no status is logged."""
    return step.context if state in (FAILED_STATE, DEFERRED_STATE) else ""


def _read_recipients(step: Step) -> Iterator[tuple[str, str]]:
    """Yield each recipient with its status; the whole status text for each where their numbers differ."""
    if not step.recipients:
        return
    addresses, statuses = members(step.recipients), members(step.statuses)
    aligned = len(addresses) == len(statuses)
    for number, address in enumerate(addresses):
        if address.strip():
            yield address.strip(), statuses[number] if aligned else step.statuses


def _fold(addresses: Iterable[str]) -> set[str]:
    return {address.strip().lower() for address in addresses}


def find_worst(fates: Iterable[Fate]) -> str:
    """The worst state of those who were to get the message; ``pending`` where nobody is named.

    Groups and addresses that led on to others are asked only where there is nobody else.
    """
    found = {fate.state for fate in fates}
    return next((state for state in BY_BADNESS if state in found), PENDING)
