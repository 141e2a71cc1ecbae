"""One row of message tracking, reduced to what the story of its message needs."""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple

from exnorm.convert import find_member
from exnorm.journey.events import WRITTEN_BY_CLIENT
from exnorm.model import Record
from exnorm.origin import name_server
from exnorm.tables.joined_columns import agent_verdicts

TRACKING = "message_tracking"
"""The source whose records become steps; exports and traces give records of it too."""

_REPLY_HOST = re.compile(r"Hostname=([^\]\s,;]{1,255})")
_SESSION = re.compile(r"([0-9A-Fa-f]{16})(?:;|\Z)")
_SUBMISSION = re.compile(r"Mailbox:([0-9A-Fa-f-]{36}), Event:([0-9]{1,19})")
_MARK_BYTES = 8
_ROW_TEXT = 512  # characters of a context or a status; what a story tells of them is shorter


class Step(NamedTuple):
    """A row. Equal steps are one row that was read twice; ``mark`` distinguishes rows with equal columns.

    ``time`` is in epoch milliseconds UTC, ``server`` the short name of the server that wrote the row,
    ``recipients`` and ``statuses`` are as logged. ``session`` is an SMTP session's id, ``submission`` the
    mailbox and event number of a submission, ``verdict`` the agents' findings. ``mark`` is last, so that
    steps sort by time.
    """

    time: int
    event: str
    source: str
    server: str
    client_address: str
    client_host: str
    server_address: str
    server_host: str
    connector: str
    internal: str
    message: str
    network: str
    recipients: str
    statuses: str
    size: str
    related: str
    reference: str
    subject: str
    sender: str
    return_path: str
    directionality: str
    original_address: str
    context: str
    session: str
    submission: str
    verdict: str
    proxied_address: str
    proxied_host: str
    first_hop: str
    replied_host: str
    mark: bytes

    @property
    def peer(self) -> str:
        """The other end: the target or origin of the row's message."""
        if self.event not in WRITTEN_BY_CLIENT:
            return self.client_host or self.client_address
        return self.replied_host or self.server_host or self.server_address

    @property
    def writer_host(self) -> str:
        """The writing server with its domain, where the row has that."""
        hosts = (self.client_host, self.server_host)
        if self.event not in WRITTEN_BY_CLIENT:
            hosts = (self.server_host, self.client_host)
        return next((host for host in hosts if name_server(host) == self.server), self.server)


def is_tracking(record: Record) -> bool:
    """Return whether a record is of message tracking."""
    return record.source.name == TRACKING


def read_step(record: Record) -> Step:
    """Return the step of a record of message tracking. Raises ``ValueError`` for one without a time."""
    if record.time is None:
        raise ValueError("the record has no time")
    get: Callable[..., str] = record.values.get
    event, source = get("event-id", "").upper(), get("source", "").upper()
    context, custom, statuses = get("source-context", ""), get("custom-data", ""), get("recipient-status", "")
    client, server = get("client-hostname", ""), get("server-hostname", "")
    writer = (client or server) if event in WRITTEN_BY_CLIENT else (server or client)
    session = _SESSION.match(context)
    submission = _SUBMISSION.search(context) if "Mailbox:" in context else None
    replied = None
    if "Hostname=" in context or "Hostname=" in statuses:
        replied = _REPLY_HOST.search(context) or _REPLY_HOST.search(statuses)
    internal, message = get("internal-message-id", ""), get("message-id", "")
    if internal.startswith("<"):  # meeting messages have the one in the place of the other
        internal, message = "", message or internal
    return Step(
        time=record.time,
        event=event,
        source=source,
        server=name_server(writer),
        client_address=get("client-ip", ""),
        client_host=client,
        server_address=get("server-ip", ""),
        server_host=server,
        connector=get("connector-id", ""),
        internal=internal if internal.strip("0") else "",
        message=message.strip(),
        network=_read_network_id(get("network-message-id", "")),
        recipients=get("recipient-address", ""),
        statuses=statuses,
        size=get("total-bytes", ""),
        related=get("related-recipient-address", ""),
        reference=get("reference", ""),
        subject=get("message-subject", ""),
        sender=get("sender-address", ""),
        return_path=get("return-path", ""),
        directionality=get("directionality", ""),
        original_address=get("original-client-ip", ""),
        context=context[:_ROW_TEXT],
        session=session.group(1).upper() if session else "",
        submission=submission.group(0) if submission else "",
        verdict=(agent_verdicts(custom) or "") if event == "AGENTINFO" else "",
        proxied_address=find_member(custom, "ProxiedClientIPAddress") if "ProxiedClient" in custom else "",
        proxied_host=find_member(custom, "ProxiedClientHostname") if "ProxiedClient" in custom else "",
        first_hop=find_member(custom, "FirstForestHop") if "FirstForestHop" in custom else "",
        replied_host=replied.group(1) if replied else "",
        mark=_mark(record.raw),
    )


def find_mailbox(step: Step) -> str:
    """Return the mailbox that a message was submitted from, as its GUID; empty where the row does not name
    it.
    """
    return step.submission.partition(",")[0].removeprefix("Mailbox:")


def _read_network_id(text: str) -> str:
    """Return a network message id in one spelling; empty for all zeros."""
    return text.strip().lower() if text.strip("0- ") else ""


def _mark(raw: str) -> bytes:
    return blake2b(raw.encode("utf-8", "surrogatepass"), digest_size=_MARK_BYTES).digest()
