"""Counts, headers and reports for the batches of a service, in any protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from exnorm.files.rejects import RejectFile
from exnorm.model import Unparsed
from exnorm.pipeline.counts import Counts, Ledger
from exnorm.relay.headers import Headers
from exnorm.relay.journal import Journal
from exnorm.relay.traffic import Traffic

if TYPE_CHECKING:
    from exnorm.pipeline.normalizer import Normalizer


class Outgoing(NamedTuple):
    """A body for the next hop; ``payload`` is empty where nothing was left to send."""

    payload: bytes
    events: int


class BatchWork:
    """Turns bodies of requests into others, in one thread; a protocol derives from it.

    ``headers`` keeps the headers of logs through a change of settings, and with a file through a restart.
    ``journal`` and ``rejects`` receive lines that do not parse, the journal also events that fail.
    """

    def __init__(
        self,
        traffic: Traffic,
        headers: Headers,
        journal: Journal | None = None,
        rejects: RejectFile | None = None,
    ) -> None:
        self._traffic = traffic
        self._headers = headers
        self._journal = journal
        self._rejects = rejects
        self._ledger = Ledger()

    def follow(self, normalizer: Normalizer) -> None:
        """Count another normalizer from now on; earlier counts are kept."""
        self._ledger.follow(normalizer.counts)

    def reopen(self) -> None:
        """Open the file of rejected lines again."""
        if self._rejects is not None:
            self._rejects.reopen()

    def write_failures(self) -> dict[str, int]:
        """Return failed writes to further files, by file. Thread safe."""
        rejects = {} if self._rejects is None else {"rejects": self._rejects.failed}
        return {"state": self._headers.failed, **rejects}

    def counts(self) -> Counts:
        """Return the pipelines' counts since the start. Thread safe."""
        return self._ledger.total()

    def note_unparsed(self, line: Unparsed) -> None:
        """Record a line that did not parse."""
        if self._rejects is not None:
            self._rejects.add(line)
        if self._journal is not None:
            details = {"reason": line.reason, "file": line.path}
            self._journal.repeat("warning", "a line does not parse", line.kind, details)

    def note_error(self, error: Exception) -> None:
        """Record an event that raised and is passed on as it came."""
        self._traffic.failed += 1
        if self._journal is not None:
            details = {"reason": str(error)}
            self._journal.repeat("error", "an event failed", type(error).__name__, details)
