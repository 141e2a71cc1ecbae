"""Combine the rows of one message into its story: sender, recipients, servers and outcome."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from exnorm.convert import integer, ip, members
from exnorm.journey.events import DELIVERED, SENT, SHADOW
from exnorm.journey.fates import DELIVERED_STATE, Fate, Fates, find_worst
from exnorm.journey.hops import Hop, Leg, Missing, Way
from exnorm.journey.joining import find_key
from exnorm.journey.steps import Step

INBOUND, OUTBOUND, INTERNAL, UNKNOWN = "inbound", "outbound", "internal", "unknown"
_LEFT = SENT | DELIVERED
_ID_BYTES = 16
_MOST_VERDICTS = 16
_MOST_NOTICES = 16


@dataclass(frozen=True)
class Story:
    """One message. Times are epoch milliseconds UTC; sizes are in bytes, ``None`` where no row has them.

    ``key`` joins its rows, ``identity`` is the key as 32 hexadecimal digits. ``outcome`` is the worst state
    of a recipient. ``notices`` are message ids of delivery status notifications about it, ``about`` those
    that it is a notification of.
    """

    key: str
    identity: str
    steps: tuple[Step, ...]
    network_ids: tuple[str, ...]
    message_ids: tuple[str, ...]
    subject: str
    sender: str
    return_path: str
    directionality: str
    direction: str
    size: int | None
    bytes_in: int | None
    bytes_out: int | None
    client_address: str
    client_host: str
    connector_in: str
    connectors_out: tuple[str, ...]
    verdicts: tuple[str, ...]
    recipients: tuple[Fate, ...]
    outcome: str
    hops: tuple[Hop, ...]
    legs: tuple[Leg, ...]
    shadows: tuple[str, ...]
    missing: tuple[Missing, ...]
    gaps: tuple[str, ...]
    notices: tuple[str, ...]
    about: tuple[str, ...]

    @property
    def first(self) -> int:
        """The time of its first row."""
        return self.steps[0].time

    @property
    def last(self) -> int:
        """The time of its last row, not counting rows about safety copies."""
        return max((step.time for step in self.steps if step.event not in SHADOW), default=self.first)

    @property
    def latency_ms(self) -> int:
        """The milliseconds from its first row to the last final state of a recipient, or else to its last
        row.
        """
        finals = [fate.time for fate in self.recipients if fate.is_final]
        return max(0, (max(finals) if finals else self.last) - self.first)

    @property
    def is_final(self) -> bool:
        """Whether every recipient has a final state."""
        return bool(self.recipients) and all(fate.is_final for fate in self.recipients)


def tell(steps: Iterable[Step], notices: Iterable[str] = ()) -> Story:
    """Return the story of rows of one message, in any order; ``notices`` were found elsewhere.

    Raises ``ValueError`` where there is no row.
    """
    rows = sorted(set(steps))
    if not rows:
        raise ValueError("a story needs a row")
    way = Way(rows)
    fates = Fates(way.leaves)
    for step in rows:
        fates.tell(step)
    recipients = tuple(fates)
    hops = way.find_hops(rows)
    _note_recipients(hops, rows)
    key = min(filter(None, map(find_key, rows)), default="")
    submission = _find_submission(rows)
    client_address, client_host = _find_client(submission)
    entries = [size for s in rows if s.event == "RECEIVE" and (size := integer(s.size)) is not None]
    exits = [size for s in rows if s.event in _LEFT and (size := integer(s.size)) is not None]
    sizes = [size for step in rows if (size := integer(step.size)) is not None]
    asked = [r for s in rows if s.event in SENT for r in members(s.reference)]
    whole = fates.whole.state if fates.whole is not None and not recipients else ""
    return Story(
        key=key,
        identity=blake2b(key.encode("utf-8", "surrogatepass"), digest_size=_ID_BYTES).hexdigest(),
        steps=tuple(rows),
        network_ids=_all(step.network for step in rows),
        message_ids=_all(step.message for step in rows),
        subject=_first(step.subject for step in rows),
        sender=_first(step.sender for step in rows),
        return_path=_first(step.return_path for step in rows),
        directionality=_find_directionality(rows),
        direction=_find_direction(rows, way, recipients),
        size=max(sizes, default=None),
        bytes_in=entries[0] if entries else None,
        bytes_out=exits[-1] if exits else None,
        client_address=client_address,
        client_host=client_host,
        connector_in=_first(step.connector for step in rows if step.event == "RECEIVE"),
        connectors_out=_all(step.connector for step in rows if step.event in SENT),
        verdicts=_all(step.verdict for step in rows)[:_MOST_VERDICTS],
        recipients=recipients,
        outcome=whole or find_worst(recipients),
        hops=tuple(hops),
        legs=tuple(way.legs),
        shadows=tuple(way.shadows),
        missing=tuple(way.find_missing(rows)),
        gaps=tuple(way.find_gaps(hops, rows)),
        notices=_all((*notices, *asked))[:_MOST_NOTICES],
        about=_all(r for s in rows if s.event == "DSN" for r in members(s.reference))[:_MOST_NOTICES],
    )


def _first(texts: Iterable[str]) -> str:
    return next(filter(None, texts), "")


def _all(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.strip() for text in texts if text.strip()))


def _note_recipients(hops: Iterable[Hop], rows: Sequence[Step]) -> None:
    by_server: dict[str, dict[str, str]] = {}
    for step in rows:
        if step.event not in SHADOW:
            known = by_server.setdefault(step.server, {})
            for name in members(step.recipients):
                if name.strip():
                    known.setdefault(name.strip().lower(), name.strip())
    for hop in hops:
        hop.recipients = list(by_server.get(hop.server, {}).values())


def _find_submission(rows: Sequence[Step]) -> Step:
    """Return the row that describes the submission best: the first arrival, else the first row."""
    arrivals = [step for step in rows if step.event in ("RECEIVE", "SUBMIT", "CLIENTSUBMISSION")]
    return arrivals[0] if arrivals else rows[0]


def _find_client(step: Step) -> tuple[str, str]:
    """Return address and host of the submitter, behind a front end or at a mailbox if the row says so."""
    if step.proxied_address or step.proxied_host:
        return step.proxied_address, step.proxied_host
    if step.source == "STOREDRIVER" and ip(step.original_address):
        return step.original_address, ""
    return step.client_address, step.client_host


def _find_directionality(rows: Sequence[Step]) -> str:
    """Return the first definite directionality in the rows."""
    return _first(step.directionality for step in rows if step.directionality.lower() != "undefined")


def _find_direction(rows: Sequence[Step], way: Way, recipients: Sequence[Fate]) -> str:
    """Return whether the message came in, went out or stayed: by Exchange's own words, then by
    its targets.
    """
    said = _find_directionality(rows).lower()
    submitted = {("SUBMIT", "STOREDRIVER"), ("CLIENTSUBMISSION", "STOREDRIVER"), ("RECEIVE", "STOREDRIVER")}
    is_ours = said == "originating" or any((step.event, step.source) in submitted for step in rows)
    if said == "incoming" and not is_ours:
        return INBOUND
    if any(step.event in SENT and way.leaves(step) for step in rows):
        return OUTBOUND
    if is_ours and any(fate.state == DELIVERED_STATE for fate in recipients):
        return INTERNAL
    return UNKNOWN
