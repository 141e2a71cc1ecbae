"""The servers on a message's way, in order, and those whose log is missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from exnorm.convert import ip, members
from exnorm.journey.events import ARRIVED, DELIVERED, SENT, SHADOW
from exnorm.journey.steps import Step
from exnorm.origin import name_server

_INSIDE_CONNECTORS = ("intra-organization", "edgesync")
_DEFAULT_CONNECTOR = "default"


@dataclass
class Hop:
    """A server that wrote rows of a message. ``came_from`` is empty where no row says how it came."""

    server: str
    first: int
    last: int
    rows: int = 0
    came_from: str = ""
    connector: str = ""
    host: str = ""
    recipients: list[str] = field(default_factory=list)

    @property
    def held_ms(self) -> int:
        """The time the message was there, in milliseconds."""
        return self.last - self.first


class Leg(NamedTuple):
    """One transfer from a server to another; ``host`` is the target as it was logged."""

    origin: str
    target: str
    host: str
    time: int
    connector: str
    recipients: tuple[str, ...]
    is_told_by_target: bool
    is_outside: bool


class Missing(NamedTuple):
    """A server that had the message but has no row here; ``is_certain``, or only likely."""

    server: str
    reason: str
    recipients: tuple[str, ...]
    is_certain: bool


class Way:
    """The site's servers, as far as the rows of one message show."""

    def __init__(self, steps: Sequence[Step]) -> None:
        passed = [step for step in steps if step.server and step.event not in SHADOW]
        self.writers = {step.server for step in passed}
        self.shadows = sorted({step.server for step in steps if step.server} - self.writers)
        self._domains = {_domain(step.writer_host) for step in passed} - {""}
        self.legs = self._find_legs(steps)

    def is_inside(self, host: str) -> bool:
        """Return whether a host is one of the site's: it wrote rows, or is in the domain of one that did."""
        return name_server(host) in self.writers or _domain(host) in self._domains

    def leaves(self, step: Step) -> bool:
        """Return whether a SEND row shows that the message left the organization.

        The connectors between Exchange servers have known names; any other leads out of the organization,
        unless an Exchange server of the same domain answered there, or wrote rows of it.
        """
        if name_server(step.peer) in self.writers:
            return False
        if step.event == "SENDEXTERNAL":
            return True
        if any(name in step.connector.lower() for name in _INSIDE_CONNECTORS):
            return False
        return not self.is_inside(step.replied_host if step.connector else step.peer)

    def find_hops(self, steps: Iterable[Step]) -> list[Hop]:
        """Return a hop for each server, in the order that the message came to them."""
        hops: dict[str, Hop] = {}
        for step in steps:
            if step.server not in self.writers or step.event in SHADOW:
                continue
            hop = hops.setdefault(step.server, Hop(step.server, step.time, step.time))
            hop.first, hop.last, hop.rows = min(hop.first, step.time), max(hop.last, step.time), hop.rows + 1
            hop.host = hop.host if "." in hop.host else step.writer_host
            if not hop.came_from:
                hop.came_from, hop.connector = _find_origin(step)
        return _order(list(hops.values()), self.legs)

    def _find_legs(self, steps: Iterable[Step]) -> list[Leg]:
        """Every way from one server to another that a row tells, each once, in order of time."""
        legs: dict[tuple[str, str], Leg] = {}
        for step in steps:
            leg = self._read_leg(step)
            if leg is None or leg.origin == leg.target:
                continue
            key = leg.origin, leg.target
            known = legs.get(key)
            if known is None:
                legs[key] = leg
                continue
            legs[key] = known._replace(
                time=min(known.time, leg.time),
                connector=known.connector or leg.connector,
                recipients=tuple(dict.fromkeys((*known.recipients, *leg.recipients))),
                is_told_by_target=known.is_told_by_target or leg.is_told_by_target,
                is_outside=known.is_outside and leg.is_outside,
            )
        return sorted(legs.values(), key=lambda leg: (leg.time, leg.origin, leg.target))

    def _read_leg(self, step: Step) -> Leg | None:
        if not step.server or not step.peer:
            return None
        names = tuple(name.strip() for name in members(step.recipients) if name.strip())
        peer = name_server(step.peer)
        if step.event in SENT:
            leaves = self.leaves(step)
            return Leg(step.server, peer, step.peer, step.time, step.connector, names, False, leaves)
        if step.event == "RECEIVE" and step.source == "SMTP":
            outside = peer not in self.writers
            return Leg(peer, step.server, step.writer_host, step.time, step.connector, names, True, outside)
        return None

    def find_missing(self, steps: Sequence[Step]) -> list[Missing]:
        """Return the servers that had the message but have no row here."""
        found: dict[str, Missing] = {}
        receivers = {leg.origin: leg for leg in self.legs if leg.is_told_by_target and leg.is_outside}
        for leg in self.legs:
            behind = receivers.get(leg.target)
            if leg.target in self.writers or (leg.is_outside and behind is None):
                continue
            reason = f"{leg.origin} sent it there"
            if behind is not None:
                reason += f" and {behind.target} received it from there"
            _add(found, leg.target, f"{reason}; no row of {leg.target} is here", leg.recipients, True)
        fronts = {name_server(step.peer) for step in steps if step.proxied_address or step.proxied_host}
        for step in steps:
            first = name_server(step.first_hop)
            if first and first not in self.writers and first not in found:
                _add(
                    found,
                    first,
                    f"the message says that it came in there; no row of {first} is here",
                    (),
                    True,
                )
            if step.event != "RECEIVE" or step.source != "SMTP":
                continue
            peer = name_server(step.peer)
            if not peer or peer in self.writers or peer in fronts or peer in found:
                continue
            is_default = step.connector.rpartition("\\")[2].lower().startswith(_DEFAULT_CONNECTOR)
            if is_default and self.is_inside(step.peer):
                reason = f"{step.server} received it from there; no row of {peer} is here"
                _add(found, peer, reason, (), False)
        return list(found.values())

    def find_gaps(self, hops: Iterable[Hop], steps: Sequence[Step]) -> list[str]:
        """Return a sentence for each server without a row of the message's arrival."""
        arrived = {step.server for step in steps if step.event in ARRIVED or step.event in DELIVERED}
        made = {step.server for step in steps if step.event == "DSN" or step.source == "AGENT"}
        return [
            f"{hop.server} has no row of how the message came there"
            for hop in hops
            if hop.server not in arrived and hop.server not in made
        ]


def _add(
    found: dict[str, Missing], server: str, reason: str, recipients: tuple[str, ...], is_certain: bool
) -> None:
    known = found.get(server)
    if known is not None:
        reason, recipients = known.reason, tuple(dict.fromkeys((*known.recipients, *recipients)))
        is_certain = known.is_certain or is_certain
    found[server] = Missing(server, reason, recipients, is_certain)


def _find_origin(step: Step) -> tuple[str, str]:
    """Return where a server received the message from, and through which connector, if this row says so."""
    if step.event in ("SUBMIT", "CLIENTSUBMISSION") or step[1:3] == ("RECEIVE", "STOREDRIVER"):
        return "a mailbox", ""
    if step.event != "RECEIVE":
        return "", ""
    proxied = step.proxied_host or step.proxied_address
    is_own = name_server(step.peer) == step.server  # its own front end
    return proxied or ("" if is_own else step.peer), step.connector


def _domain(host: str) -> str:
    """Return the domain of one of the site's hosts; empty for an address and for a name without one."""
    _, dot, domain = host.lower().strip(".").partition(".")
    return domain if dot and ip(host) is None and not host.startswith("[") else ""


def _order(hops: list[Hop], legs: Sequence[Leg]) -> list[Hop]:
    """Sort by time, but never a server before one that sent the message to it, because clocks differ."""
    waiting = sorted(hops, key=lambda hop: (hop.first, hop.server))
    names = {hop.server for hop in hops}
    before: dict[str, set[str]] = {hop.server: set() for hop in hops}
    for leg in legs:
        if leg.origin in names and leg.target in names:
            before[leg.target].add(leg.origin)
    ordered: list[Hop] = []
    while waiting:
        done = {hop.server for hop in ordered}
        ready = next((hop for hop in waiting if before[hop.server] <= done), waiting[0])
        waiting.remove(ready)
        ordered.append(ready)
    return ordered
