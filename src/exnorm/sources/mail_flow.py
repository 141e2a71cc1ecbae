"""Derive the direction of a message and an id that all its rows share, on request.

``mail-direction`` is ``inbound``, ``outbound``, ``internal`` or ``unknown``, from the event, the
directionality that Exchange wrote and the site's accepted domains. The sender's address comes last, because
an outsider can choose it: a forged sender of the site's own domain does not make a message internal that
Exchange calls Incoming. ``correlation-id`` is the same in every row of one message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from exnorm.convert import members
from exnorm.model import Record
from exnorm.settings import Settings
from exnorm.sources.columnar import Finish, Refusal

DIRECTION = "mail-direction"
CORRELATION = "correlation-id"
DERIVED = {DIRECTION: "", CORRELATION: ""}
INBOUND, OUTBOUND, INTERNAL, UNKNOWN = "inbound", "outbound", "internal", "unknown"

_OUT_OF_THE_ORGANIZATION = frozenset(("SENDEXTERNAL",))
_INTO_A_MAILBOX = frozenset(("DELIVER", "DUPLICATEDELIVER"))
_OUT_OF_A_MAILBOX = frozenset(
    ("SUBMIT", "SUBMITFAIL", "SUBMITDEFER", "CLIENTSUBMISSION", "NOTIFYMAPI", "NOTIFYSHADOW", "THROTTLE")
)
_FROM_THE_STORE = ("RECEIVE", "STOREDRIVER")


@dataclass(frozen=True)
class MailColumns:
    """The columns of a log type for direction and id (``""``: none). The first sender with an
    address counts.
    """

    senders: tuple[str, ...]
    recipients: str
    directionality: str
    source: str
    ids: tuple[str, ...]


def describe_mail(finish: Finish, columns: MailColumns, settings: Settings) -> Finish:
    """Return ``finish`` followed by the derivations that the settings request; ``finish`` itself without a
    request.
    """
    if not (settings.direction or settings.correlation):
        return finish
    is_ours = partial(has_domain_of, read_domains(settings.accepted_domains))

    def finish_mail(record: Record) -> Refusal | None:
        refusal = finish(record)
        if refusal is None:
            if settings.direction:
                record.derived[DIRECTION] = decide_direction(record, columns, is_ours)
            if settings.correlation:
                record.derived[CORRELATION] = find_id(record, columns.ids)
        return refusal

    return finish_mail


def find_id(record: Record, columns: Iterable[str]) -> str:
    """Return the first filled one of these columns."""
    return next((value for value in map(record.get, columns) if value), "")


def decide_direction(record: Record, columns: MailColumns, is_ours: Callable[[str], bool | None]) -> str:
    """Return the direction of a row's message; ``is_ours`` returns ``None`` where no domains are known."""
    event = record.event_id
    if event in _OUT_OF_THE_ORGANIZATION:
        return OUTBOUND
    from_inside = _is_from_inside(record, columns, event, is_ours)
    recipients = [_is_of_ours(text, is_ours) for text in members(record.get(columns.recipients))]
    if from_inside is None:
        return UNKNOWN
    if event in _INTO_A_MAILBOX:
        return INTERNAL if from_inside else INBOUND
    if not from_inside:  # mail that only passes through, from outside to outside, is neither
        return UNKNOWN if recipients and all(ours is False for ours in recipients) else INBOUND
    if any(ours is False for ours in recipients):
        return OUTBOUND
    return INTERNAL if recipients and all(recipients) else UNKNOWN


def _is_from_inside(
    record: Record, columns: MailColumns, event: str, is_ours: Callable[[str], bool | None]
) -> bool | None:
    """Return whether a message began within the organization: by Exchange's own words first, by its sender
    last.
    """
    directionality = record.get(columns.directionality).lower()
    if directionality in ("incoming", "originating"):
        return directionality == "originating"
    if event in _OUT_OF_A_MAILBOX or (event, record.get(columns.source).upper()) == _FROM_THE_STORE:
        return True
    for column in columns.senders:
        ours = _is_of_ours(record.get(column), is_ours)
        if ours is not None:
            return ours
    return None


def _is_of_ours(address: str, is_ours: Callable[[str], bool | None]) -> bool | None:
    _, at, domain = address.strip("<>; ").rpartition("@")
    return is_ours(domain.lower()) if at and domain else None


def read_domains(names: Iterable[str]) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return accepted domains, and the endings of those written ``*.example.com``."""
    lower = [name.strip().lower().removeprefix("@") for name in names]
    return (
        frozenset(name for name in lower if not name.startswith("*.")),
        tuple(name[1:] for name in lower if name.startswith("*.")),
    )


def has_domain_of(domains: tuple[frozenset[str], tuple[str, ...]], domain: str) -> bool | None:
    """Return whether a domain is accepted; ``None`` where no domains are known."""
    exact, endings = domains
    if not (exact or endings):
        return None
    return domain in exact or domain.endswith(endings) if endings else domain in exact
