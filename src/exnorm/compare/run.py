"""Run one comparison from its two streams to its findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from exnorm.compare.captures import (
    ADDITIONAL,
    CEF,
    CSV,
    JSON,
    LEEF,
    NATIVE,
    Reader,
    Seen,
    Unread,
    Vocabulary,
    simplify,
)
from exnorm.compare.findings import EXAMPLES, Collector, Findings
from exnorm.compare.matching import Candidate, Matcher, make_candidate
from exnorm.compare.moments import read_moment
from exnorm.model import Event, Record, Unparsed

if TYPE_CHECKING:
    from exnorm.pipeline.normalizer import Normalizer

TAXONOMY_OF = {CEF: "arcsight", LEEF: "jsa", NATIVE: "jsa"}
"""The product that a format is of; CSV and JSON say it by their names."""
FORMAT_OF = {CSV: JSON}
"""The format that ours is written in to be held against a capture, where it is another one."""

ID_COLUMNS = (
    "message-id", "session-id", "RequestId", "client-request-id", "MSGID", "InternetMessageId", "MessageId",
    "network-message-id", "internal-message-id",
)  # fmt: skip
"""Columns that tell one message, session or request from others, the best first."""


def find_id(record: Record) -> str:
    """Return the text that identifies an event of theirs as of the same message; empty for none."""
    return next((text for name in ID_COLUMNS if (text := record.get(name))), "")


class Sight:
    """Shows our events as a capture would: written, and read back like theirs."""

    def __init__(self, normalizer: Normalizer, shape: str, words: Vocabulary) -> None:
        self._normalizer = normalizer
        self._shape = shape
        self._words = words
        stream = normalizer.stream("")
        self.reader = Reader(shape, words, lambda line: normalizer.parse((line,), stream))

    def see(self, event: Event) -> Seen | Unread:
        """Return an event of ours as seen in a capture."""
        if self._shape in (CSV, JSON):
            return self._see_fields(event)
        written = self._normalizer.encode_event(event)
        if isinstance(written, Unparsed):
            return Unread(written.raw, written.reason)
        seen = self.reader.read(written.decode("utf-8", "replace"))
        if isinstance(seen, Seen):
            seen.event = event.record.event_id or seen.event
            seen.time = event.time if seen.time is None else seen.time
        return seen

    def _see_fields(self, event: Event) -> Seen:
        fields = {name: str(value) for name, value in event.fields.items()}
        for column, text in event.additional.items():
            fields.setdefault(ADDITIONAL + simplify(column), text)
            self._words.spelled.setdefault(ADDITIONAL + simplify(column), column)
        times = (read_moment(fields.get(name, "")) for name in self._words.times)
        time = next((found for found in times if found is not None), event.time)
        return Seen(fields, time, event.record.event_id)


def hold(
    normalizer: Normalizer,
    shape: str,
    words: Vocabulary,
    ours: Iterable[Event | Unparsed],
    theirs: Iterable[Seen | Unread],
) -> Findings:
    """Compare our events with theirs, in memory that does not grow while both are in order of time."""
    findings = Findings(shape=shape, taxonomy=words.taxonomy.name)
    collector = Collector(normalizer, words, findings)
    sight = Sight(normalizer, shape, words)

    def our_side() -> Iterator[Candidate]:
        for event in ours:
            seen = event if isinstance(event, Unparsed) else sight.see(event)
            if isinstance(event, Event) and isinstance(seen, Seen):
                yield make_candidate(seen, event, find_id(event.record))
            elif isinstance(seen, (Unparsed, Unread)):
                findings.unparsed += 1
                findings.unparsed_reasons.add(seen.reason)

    def their_side() -> Iterator[Candidate]:
        for seen in theirs:
            if isinstance(seen, Unread):
                findings.unread.add(seen.reason)
                if len(findings.unread_examples) < EXAMPLES:
                    findings.unread_examples.append(seen._replace(line=seen.line[:400]))
            else:
                yield make_candidate(seen)

    matcher = Matcher(collector.add_pair, collector.add_ours, collector.add_theirs)
    matcher.run(our_side(), their_side())
    findings.offset, findings.pushed_out, findings.disorder = (
        matcher.offset, matcher.pushed_out, matcher.disorder,
    )  # fmt: skip
    return findings
