"""What is counted, remembered and reported of the batches of a service, whatever their protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exnorm.files.rejects import RejectFile
from exnorm.model import Unparsed
from exnorm.pipeline.counts import Counts, Ledger
from exnorm.relay.headers import Headers
from exnorm.relay.journal import Journal
from exnorm.relay.traffic import Traffic

if TYPE_CHECKING:
    from exnorm.pipeline.normalizer import Normalizer


class BatchWork:
    """Turns bodies of requests into others, in one thread; a protocol derives from it.

    ``headers`` remembers the headers of logs beyond a change of settings, and where it has a file beyond a
    restart. ``journal`` and ``rejects`` are told of lines that do not parse, the journal of events that fail.
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
        """Count what another normalizer counts too; what was counted stays counted."""
        self._ledger.follow(normalizer.counts)

    def reopen(self) -> None:
        """Open the file of rejected lines anew."""
        if self._rejects is not None:
            self._rejects.reopen()

    def write_failures(self) -> dict[str, int]:
        """What could not be written to the files beside, by the file. Any thread may ask."""
        rejects = {} if self._rejects is None else {"rejects": self._rejects.failed}
        return {"state": self._headers.failed, **rejects}

    def counts(self) -> Counts:
        """What the pipelines counted since the start. Any thread may ask."""
        return self._ledger.total()

    def note_unparsed(self, line: Unparsed) -> None:
        """A line did not parse."""
        if self._rejects is not None:
            self._rejects.add(line)
        if self._journal is not None:
            details = {"reason": line.reason, "file": line.path}
            self._journal.repeat("warning", "a line does not parse", line.kind, details)

    def note_error(self, error: Exception) -> None:
        """An event raised, and goes on as it came."""
        self._traffic.failed += 1
        if self._journal is not None:
            details = {"reason": str(error)}
            self._journal.repeat("error", "an event failed", type(error).__name__, details)
