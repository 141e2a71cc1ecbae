"""The results of a comparison: how many events match, and each difference with its reason and an example."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from exnorm.compare.captures import ADDITIONAL, Seen, Unread, Vocabulary, simplify
from exnorm.compare.matching import Candidate
from exnorm.compare.values import (
    EQUAL,
    ONLY_OURS,
    OURS,
    SAME,
    TRUNCATED,
    Judged,
    combine,
    judge,
)
from exnorm.model import Condition, Event, Record
from exnorm.pipeline.counts import Tally
from exnorm.pipeline.explanation import explain_changes, explain_fields, explain_kept
from exnorm.tables.mapping import CompiledMapping, describe_origin, describe_rule

if TYPE_CHECKING:
    from exnorm.pipeline.normalizer import Normalizer

MOST_DIFFERENCES = 5000
MOST_SAMPLES = 2000
SAMPLES_EACH = 40
SAMPLES_OF_EVENT = 20
EXAMPLES = 5
_LABEL = "Label"


class Key(NamedTuple):
    """The identity under which differences are counted together."""

    table: str
    field: str
    kind: str
    rule: str


@dataclass
class Difference:
    """One kind of difference in one field: its count, an example, and the rule behind it.

    ``where`` is a place of the log, ``why`` the rule of ours in words, ``elsewhere`` the field of the other
    side that has the value, if one has.
    """

    count: int = 0
    verdict: str = SAME
    where: str = ""
    ours: str = ""
    theirs: str = ""
    why: str = ""
    elsewhere: str = ""


class Single(NamedTuple):
    """An event without a partner."""

    where: str
    time: int | None
    event: str
    said: str


class Sample(NamedTuple):
    """A pair that is kept whole, to try suggestions on it."""

    event: Event
    ours: Seen
    theirs: Seen
    table: str


@dataclass
class Findings:
    """All findings, in bounded memory."""

    matched: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    only_ours: Tally = field(default_factory=Tally)
    only_theirs: Tally = field(default_factory=Tally)
    matched_events: Tally = field(default_factory=Tally)
    again: Tally = field(default_factory=Tally)
    single_tables: Tally = field(default_factory=Tally)
    singles_ours: list[Single] = field(default_factory=list)
    singles_theirs: list[Single] = field(default_factory=list)
    compared: Tally = field(default_factory=Tally)
    equal: Tally = field(default_factory=Tally)
    differences: dict[Key, Difference] = field(default_factory=dict)
    more_differences: int = 0
    own: Tally = field(default_factory=Tally)
    not_exported: Tally = field(default_factory=Tally)
    unread: Tally = field(default_factory=Tally)
    unread_examples: list[Unread] = field(default_factory=list)
    torn: int = 0
    unparsed: int = 0
    unparsed_reasons: Tally = field(default_factory=Tally)
    samples: list[Sample] = field(default_factory=list)
    shape: str = ""
    taxonomy: str = ""
    offset: int = 0
    pushed_out: int = 0
    disorder: int = 0

    @property
    def verdict(self) -> str:
        """Return one verdict for everything that was compared."""
        return combine({difference.verdict for difference in self.differences.values()})

    def verdict_of(self, name: str) -> str:
        """Return the verdict for one field."""
        return combine({found.verdict for key, found in self.differences.items() if key.field == name})


class Collector:
    """Receives the results of a matcher."""

    def __init__(self, normalizer: Normalizer, words: Vocabulary, findings: Findings) -> None:
        self._normalizer = normalizer
        self._words = words
        self.findings = findings
        self._kept: Counter[object] = Counter()
        self._known_rules: dict[tuple[str, ...], tuple[str, str]] = {}

    # --- singles ---

    def add_ours(self, one: Candidate) -> None:
        """Add an event that only we have."""
        found, event = self.findings, one.event
        assert event is not None
        found.only_ours.add(one.seen.event or "(no event)")
        table = self._normalizer.routes.of(event.record).mapping.mapping.name
        found.single_tables.add(f"{table}\t{one.seen.event}")
        if len(found.singles_ours) < EXAMPLES:
            record = event.record
            place = f"{record.path}:{record.line_number}"
            found.singles_ours.append(Single(place, record.time, one.seen.event, _tell(one.seen)))

    def add_theirs(self, other: Candidate, again: bool) -> None:
        """Add an event that only they have; ``again``: one of that message and event is matched already."""
        found, seen = self.findings, other.seen
        found.only_theirs.add(seen.event or "(no event)")
        if again:
            found.again.add(seen.event or "(no event)")
        if len(found.singles_theirs) < EXAMPLES:
            found.singles_theirs.append(
                Single(f"line {seen.line_number}", seen.time, seen.event, _tell(seen))
            )

    # --- pairs ---

    def add_pair(self, one: Candidate, other: Candidate) -> None:
        """Compare one event with its partner."""
        assert one.event is not None
        found, ours, theirs = self.findings, one.seen, other.seen
        found.matched += 1
        found.matched_events.add(ours.event or "(no event)")
        found.torn += theirs.is_torn
        for name in theirs.own:
            found.own.add(name)
        if theirs.columns is not None:
            for name in ours.fields.keys() - theirs.columns:
                found.not_exported.add(name)
        differing: dict[str, Judged] = {}
        for name, judged in compare(ours, theirs, self._words):
            found.compared.add(name)
            if judged is EQUAL or judged.kind == SAME:
                found.equal.add(name)
            else:
                differing[name] = judged
        found.verdicts[combine({judged.verdict for judged in differing.values()})] += 1
        record = one.event.record
        table = self._normalizer.routes.of(record).mapping
        if differing:
            rules = _Rules(record, table, self._normalizer, self._words, self._known_rules)
            for name, judged in differing.items():
                self._add(name, judged, one.event, ours, theirs, table, rules)
        self._sample(one.event, ours, theirs, table, differing)

    def _add(
        self,
        name: str,
        judged: Judged,
        event: Event,
        ours: Seen,
        theirs: Seen,
        table: CompiledMapping,
        rules: _Rules,
    ) -> None:
        left, right = ours.fields.get(name, ""), theirs.fields.get(name, "")
        rule, why = rules.find(name, judged.kind)
        if self.findings.shape == "wincollect":
            rule, why = "the log", "the native payload has the log's own columns"
        key = Key(table.mapping.name, name, judged.kind, rule)
        difference = self.findings.differences.get(key)
        if difference is None:
            if len(self.findings.differences) >= MOST_DIFFERENCES:
                self.findings.more_differences += 1
                return
            record = event.record
            difference = self.findings.differences[key] = Difference(
                where=f"{record.path}:{record.line_number}", ours=left, theirs=right, why=why,
                verdict=judged.verdict, elsewhere=_find_elsewhere(name, left, right, ours, theirs),
            )  # fmt: skip
        difference.count += 1
        difference.verdict = combine({difference.verdict, judged.verdict})

    def _sample(
        self, event: Event, ours: Seen, theirs: Seen, table: CompiledMapping, differing: dict[str, Judged]
    ) -> None:
        """Keep a pair to try suggestions on: some of each event, some of each difference."""
        found, name = self.findings, table.mapping.name
        if len(found.samples) >= MOST_SAMPLES:
            return
        reasons: list[tuple[object, int]] = [((name, ours.event), SAMPLES_OF_EVENT)]
        reasons += [((name, key, one.kind), SAMPLES_EACH) for key, one in differing.items()]
        if any(self._kept[reason] < most for reason, most in reasons):
            self._kept.update(reason for reason, _ in reasons)
            found.samples.append(Sample(event, ours, theirs, name))


def compare(ours: Seen, theirs: Seen, words: Vocabulary) -> Iterator[tuple[str, Judged]]:
    """Yield each field of either side, and how the two differ.

    Where a line of theirs was cut off, fields missing after its end count as cut, not as left out. A field
    that an export has no column for is not compared.
    """
    is_cut = theirs.is_torn or (theirs.is_full and _is_unfinished(ours, theirs))
    for name in {**ours.fields, **theirs.fields}:
        if theirs.columns is not None and name not in theirs.columns:
            continue
        left, right = ours.fields.get(name, ""), theirs.fields.get(name, "")
        judged = judge(
            left, right, words.types.get(name, "text"), raw=theirs.raw.get(name, ""),
            max_bytes=words.limits.get(name, 0),
        )  # fmt: skip
        if is_cut and judged is not EQUAL and (judged.kind == ONLY_OURS or name == theirs.last):
            judged = Judged(TRUNCATED, OURS)
        yield name, judged


def _is_unfinished(ours: Seen, theirs: Seen) -> bool:
    """Return whether the last value of a line may be cut, or be whole and followed by part of a key."""
    left, right = ours.fields.get(theirs.last, ""), theirs.fields.get(theirs.last, "")
    return left.startswith((right, right.rpartition(" ")[0] or right))


def _tell(seen: Seen) -> str:
    """Describe a single event in a few words, by its most telling texts."""
    texts = [text for name, text in seen.fields.items() if not name.endswith(_LABEL) and "@" in text]
    texts = texts or [text for text in seen.fields.values() if len(text) > 3]
    return ", ".join(dict.fromkeys(texts[:3]))


def _find_elsewhere(name: str, left: str, right: str, ours: Seen, theirs: Seen) -> str:
    """Return where the value of one side is on the other side."""
    text, others = (left, theirs) if not right else (right, ours)
    if len(text) < 4:
        return ""
    for other, value in others.fields.items():
        if other != name and value == text and not other.endswith(_LABEL):
            return other
    return ""


class _Rules:
    """The rules of ours behind one event: each looked up only where something differs.

    ``known`` has those that are the same for every row of a table and event, since they are asked for often.
    """

    def __init__(
        self,
        record: Record,
        table: CompiledMapping,
        normalizer: Normalizer,
        words: Vocabulary,
        known: dict[tuple[str, ...], tuple[str, str]],
    ) -> None:
        self._record, self._table, self._words, self._known = record, table, words, known
        route = normalizer.routes.of(record)
        self._changed = explain_changes(record, route, normalizer)
        self._is_plain = not (route.record_processors or route.event_processors)

    def find(self, name: str, kind: str) -> tuple[str, str]:
        """Return the author of the rule behind a field of this event, and the rule in words."""
        if name in self._changed:
            return self._changed[name].rpartition(" (")[2].rstrip(")"), "changed behind the table"
        if name.startswith(ADDITIONAL):
            return self._explain_additional(name)
        label = self._words.labels.get(name.removesuffix(_LABEL), self._words.labels.get(name, name))
        rows = [row for row in self._table.mapping.rows if row.field == label]
        if not self._is_plain or any(row.when is not None and row.when.subject == "column" for row in rows):
            return self._explain_field(name, label)
        key = (self._table.mapping.name, name, kind, self._record.event_id, self._record.schema.name)
        found = self._known.get(key)
        if found is None:
            found = self._explain_field(name, label)
            if len(self._known) < MOST_DIFFERENCES:
                self._known[key] = found
        return found

    def _explain_field(self, name: str, label: str) -> tuple[str, str]:
        for entry in explain_fields(self._record, self._table):
            if label == self._words.labels.get(entry.field, entry.field):
                ours = f" ({entry.ours})" if entry.ours else ""
                return entry.rule, f"{entry.row}{ours}"
        return self._explain_absence(label)

    def _explain_additional(self, name: str) -> tuple[str, str]:
        for column, value in self._record.values.items():
            if ADDITIONAL + simplify(column) == name:
                if not value:
                    return "the log", f"column {column} is empty in this row"
                reason = explain_kept(column, value, self._table)
                guide = reason.startswith("row ")
                return ("guide" if guide else "exnorm"), f"{column}: {reason}"
        if name.removeprefix(ADDITIONAL) in map(simplify, self._record.marks):
            return "plugin", "a mark that a plugin set"
        return "no rule", "the log has no column of this name"

    def _explain_absence(self, label: str) -> tuple[str, str]:
        """Return why the table wrote nothing into a field."""
        for row in self._table.mapping.rows:
            if row.field == label:
                held = row.when is None or _may_hold(row.when, self._record)
                why = "its column is empty in this row" if held else f"holds for {row.when} only"
                return describe_rule(row), f"{row.field} <- {describe_origin(row)}: {why}"
        return "no rule", f"table {self._table.mapping.name} has no row for {label}"


def _may_hold(when: Condition, record: Record) -> bool:
    if when.subject == "setting":
        return False
    text = record.event_id if when.subject == "event" else record.get(when.name).upper()
    return (text in when.values) is not when.negated


def is_well(findings: Findings) -> bool:
    """Return whether nothing differs and nothing was left unread."""
    told = (findings.differences, findings.only_ours, findings.only_theirs, findings.unread)
    return not any(told) and not findings.unparsed
