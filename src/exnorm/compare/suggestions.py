"""Find changes to our tables that would make our events equal to theirs, by trying them on pairs of events.

Only tried changes are suggested: each is applied to the tables, the kept pairs are made again, and a change
that brings none of them closer is dropped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from exnorm.compare.captures import ADDITIONAL, Seen, Vocabulary, simplify
from exnorm.compare.findings import Findings, Sample, compare
from exnorm.compare.run import Sight
from exnorm.compare.values import EQUAL, SAME, judge
from exnorm.convert import cut_utf8, match
from exnorm.errors import NormalizerError
from exnorm.model import ByEvent, Field, Reading, Record
from exnorm.tables.mapping import CompiledMapping
from exnorm.tables.overlay import READINGS, READINGS_OF_TYPE

if TYPE_CHECKING:
    from exnorm.pipeline.normalizer import Normalizer

_TEXT_READINGS = ("text", "upper", "lower", "mailbox", "addresses", "account", "host", "ip", "plus_as_blank")
_PARTS = ("^([^.]+)", "^([^@]+)", r"([^\\]+)$", r"@(.+)$", "^<?(.*?)>?$")
"""Parts of a column that others write alone: a host without its domain, a user without either's, an id."""
_TRIED = 400  # pairs of one table that a change is tried on
_LABEL = "Label"
_LONGEST_CONSTANT = 200  # characters; nobody writes a longer one into a settings file

Content = dict[str, Any]
Build = Callable[[Content], "Normalizer"]
"""A normalizer with further settings, as a settings file holds them."""


@dataclass(frozen=True)
class Change:
    """One entry of a table's overlay: its key, its content, and the field it is for."""

    table: str
    key: str
    entry: Any
    field: str


@dataclass
class Suggestions:
    """The suggested content of a settings file, its effect, and the differences that no settings
    can remove.
    """

    content: Content = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    cured: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    pairs: int = 0
    equal_before: int = 0
    equal_after: int = 0


@dataclass(frozen=True)
class _Way:
    """A way to fill a field: from a column through a reading or a part of it, or with a fixed text."""

    column: str = ""
    reading: str = ""
    part: str = ""
    value: str = ""

    def give(self, record: Record, item: Field | None, read: Reading | None) -> str:
        if self.value:
            return self.value
        text = record.get(self.column)
        found = read(text) if text and read is not None else None
        shown = "" if found is None else str(found)
        return cut_utf8(shown, item.max_bytes) if item is not None and item.max_bytes else shown

    def read(self) -> Reading | None:
        if self.value:
            return None
        return match(self.part, READINGS[self.reading]) if self.part else READINGS[self.reading]


def suggest(findings: Findings, normalizer: Normalizer, words: Vocabulary, build: Build) -> Suggestions:
    """Return changes that would make ours equal, tried on the kept pairs; ``build`` may raise."""
    done = Suggestions()
    trial = _Trial(findings, words, build)
    settings = trial.choose_settings(normalizer)
    base = build(settings) if settings else normalizer
    before = {id(sample.theirs): sample.table for sample in findings.samples}
    tables: dict[str, list[Sample]] = {}
    renamed: dict[str, str] = {}
    for sample in trial.make_anew(base):
        tables.setdefault(sample.table, []).append(sample)
        renamed[before[id(sample.theirs)]] = sample.table
    changes: list[Change] = []
    for table, samples in tables.items():
        compiled = base.routes.of(samples[0].event.record).mapping
        changes += _Finder(table, samples[-_TRIED:], compiled, words).find()
    changes = trial.keep_good([*changes, *_drop_singles(findings, renamed)], settings)
    done.content, done.changes = write_content(changes, settings), changes
    if done.content:
        trial.measure(done)
    return done


def _list_settings(samples: Sequence[Sample], normalizer: Normalizer) -> Iterator[Content]:
    """Yield settings that change the output: another table, then what is written on request."""
    sources = {sample.event.record.source.name for sample in samples}
    registry = normalizer.plugins.registry
    for name, mapping in registry.mappings.items():
        if mapping.taxonomy == normalizer.taxonomy.name and mapping.source in sources:
            yield {"mapping": name}
    if normalizer.taxonomy.name == "jsa":
        yield {"username": "sender"}
    yield from ({name: True} for name in ("categories", "direction", "correlation"))
    if any(name.startswith(ADDITIONAL) for sample in samples for name in sample.ours.fields) and not any(
        name.startswith(ADDITIONAL) for sample in samples for name in sample.theirs.fields
    ):
        yield {"additional_data": "none"}


def _drop_singles(findings: Findings, renamed: Mapping[str, str]) -> Iterator[Change]:
    """Yield changes that leave out events which they never write; ``renamed`` has the replaced tables."""
    by_table: dict[str, list[str]] = {}
    if not findings.matched:
        return  # then it is not the same log
    for name in findings.single_tables:
        table, _, event = name.partition("\t")
        if event and event not in findings.matched_events:
            by_table.setdefault(renamed.get(table, table), []).append(event)
    for table, events in by_table.items():
        yield Change(table, "drop", {"event": sorted(events)}, "")


class _Finder:
    """Finds changes for the fields of one table."""

    def __init__(
        self, table: str, samples: Sequence[Sample], compiled: CompiledMapping, words: Vocabulary
    ) -> None:
        self._table = table
        self._samples = samples
        self._compiled = compiled
        self._words = words
        self._items = {item.name: item for item in compiled.taxonomy.fields}
        known = {name: None for sample in samples for name in sample.event.record.values}
        known.update(dict.fromkeys(compiled.source.derived))
        self._columns = [
            name for name in known
            if name in compiled.known_columns or name in compiled.source.derived
        ]  # fmt: skip

    def find(self) -> Iterator[Change]:
        """Yield changes for all fields that differ, those of labels last."""
        changed: set[str] = set()
        freed: set[str] = set()
        names = list(
            dict.fromkeys(
                name
                for sample in self._samples
                for name in _find_differing(sample.ours, sample.theirs, self._words)
            )
        )
        for name in names:
            if name in self._items and not self._is_label(name):
                for change in self._find_field(self._items[name]):
                    changed.add(name)
                    yield change
                    freed |= self._free(change)
        for name in names:
            if name.startswith(ADDITIONAL):
                yield from self._find_rename(name, freed)
            if self._is_label(name) and name.removesuffix(_LABEL) not in changed:
                yield from self._find_label(name)

    def _is_label(self, name: str) -> bool:
        return name.endswith(_LABEL) and name.removesuffix(_LABEL) in self._items

    def _tell(self, name: str) -> list[tuple[Record, str]]:
        """Return their text of a field for each row; lines that were cut are left out."""
        return [
            (sample.event.record, sample.theirs.fields.get(name, ""))
            for sample in self._samples
            if name in sample.theirs.fields or not (sample.theirs.is_torn or sample.theirs.is_full)
        ]

    def _find_field(self, item: Field) -> Iterator[Change]:
        told = self._tell(item.name)
        if not told:
            return
        rows = [row for row in self._compiled.mapping.rows if row.field == item.label]
        attribute = next((row.read.attribute for row in rows if isinstance(row.read, ByEvent)), "")
        if attribute:
            entries = self._find_by_event(item, told, attribute)
            if entries is not None:
                yield from entries
                return
        if not any(text for _, text in told):
            if rows and not item.header:
                yield Change(self._table, "remove", item.label, item.name)
            return
        ways = self._find_ways(item, told)
        key = "replace" if rows else "add"
        for events, way in ways:
            yield Change(self._table, key, self._write_row(item, events, way), item.name)

    def _find_by_event(
        self, item: Field, told: list[tuple[Record, str]], attribute: str
    ) -> list[Change] | None:
        """Return entries of the event table, where their text depends on the event alone."""
        texts: dict[str, set[str]] = {}
        for record, text in told:
            texts.setdefault(record.event_id, set()).add(text)
        if any(len(found) > 1 for found in texts.values()):
            return None
        known = {name.upper(): told_of for name, told_of in self._compiled.mapping.events.items()}
        changes = []
        for event, (text,) in sorted(texts.items()):
            if str(known.get(event, {}).get(attribute, "")) == text:
                continue
            value: Any = int(text) if item.type in ("integer", "long") and text.isdigit() else text
            if item.type in ("integer", "long") and not isinstance(value, int):
                continue
            changes.append(Change(self._table, "events", {event: {attribute: value}}, item.name))
        return changes

    def _find_ways(self, item: Field, told: list[tuple[Record, str]]) -> list[tuple[list[str], _Way]]:
        """Return the fewest rows that give their texts, for all events or each for some; empty where
        none do.
        """
        by_event: dict[str, list[tuple[Record, str]]] = {}
        for record, text in told:
            by_event.setdefault(record.event_id, []).append((record, text))
        written = {event for event, pairs in by_event.items() if any(text for _, text in pairs)}
        fits: list[tuple[set[str], _Way]] = []
        for way in self._list_ways(item, told):
            read = way.read()
            good = {
                event for event, pairs in by_event.items()
                if all(self._is_same(way.give(record, item, read), text, item) for record, text in pairs)
            }  # fmt: skip
            if good >= set(by_event):
                return [([], way)]
            if good & written:
                fits.append((good, way))
        chosen: list[tuple[list[str], _Way]] = []
        missing = set(written)
        while missing:
            good, way = max(fits, key=lambda fit: len(fit[0] & missing), default=(set(), _Way()))
            if not good & missing:
                return []
            chosen.append((sorted(good & missing), way))
            missing -= good
        return chosen if self._compiled.source.event_column else []

    def _list_ways(self, item: Field, told: list[tuple[Record, str]]) -> Iterator[_Way]:
        """Yield every way that gives their text at least once: columns first, then parts, then fixed
        texts.
        """
        names = READINGS_OF_TYPE.get(item.type, _TEXT_READINGS)
        samples = [(record, text) for record, text in told if text]
        for part in ("", *(_PARTS if item.type == "text" else ())):
            for column in self._columns:
                for reading in names[:1] if part else names:
                    way = _Way(column, reading, part)
                    read = way.read()
                    if any(
                        self._is_same(way.give(record, item, read), text, item)
                        for record, text in samples[:50]
                    ):
                        yield way
        if item.type == "text":
            yield from self._list_cuts(item, samples)
        plain = READINGS[names[0]]
        for text in dict.fromkeys(text for _, text in samples[:200]):
            if len(text) <= _LONGEST_CONSTANT and plain(text) is not None:
                yield _Way(value=text)

    def _list_cuts(self, item: Field, samples: list[tuple[Record, str]]) -> Iterator[_Way]:
        longest = max((len(text) for _, text in samples), default=0)
        for column in self._columns if longest >= 8 else ():
            yield _Way(column, "text", rf"^((?:.|\s){{1,{longest}}})")

    def _is_same(self, ours: str, theirs: str, item: Field) -> bool:
        return judge(ours, theirs, item.type, max_bytes=item.max_bytes) is EQUAL

    def _write_row(self, item: Field, events: list[str], way: _Way) -> Content:
        row: Content = {"field": item.label}
        if way.value:
            row["value"] = int(way.value) if item.type in ("integer", "long") else way.value
        else:
            row["from"] = way.column
            if way.part:
                row["match"] = way.part
            elif way.reading != READINGS_OF_TYPE.get(item.type, ("text",))[0]:
                row["as"] = way.reading
        label = self._find_common(item.name + _LABEL)
        if label:
            row["label"] = label
        if events:
            row["when"] = {"event": events}
        row["why"] = "as the compared capture has it"
        return row

    def _find_common(self, name: str) -> str:
        told = Counter(text for _, text in self._tell(name) if text) if name in self._items else Counter()
        return told.most_common(1)[0][0] if told else ""

    def _find_label(self, name: str) -> Iterator[Change]:
        label = self._find_common(name)
        item = self._items[name.removesuffix(_LABEL)]
        if label and any(row.field == item.label for row in self._compiled.mapping.rows):
            yield Change(self._table, "labels", {item.label: label}, name)

    def _free(self, change: Change) -> set[str]:
        """The columns that become additional data where a field's rows are removed."""
        rows = [row for row in self._compiled.mapping.rows if row.field == change.entry]
        return {str(one) for row in rows for one in row.origins} if change.key == "remove" else set()

    def _find_rename(self, name: str, freed: set[str]) -> Iterator[Change]:
        """Additional data that they have under another name; ``freed`` are columns that become such."""
        told = [(sample, text) for sample in self._samples if (text := sample.theirs.fields.get(name, ""))]
        if not told or any(name in sample.ours.fields for sample, _ in told):
            return
        for column in self._columns:
            own = ADDITIONAL + simplify(column)
            if all(
                sample.event.record.get(column) == text and (column in freed or own in sample.ours.fields)
                for sample, text in told
            ):
                yield Change(self._table, "rename", {column: self._words.spelled.get(name, name)}, name)
                return


def write_content(changes: Sequence[Change], settings: Content) -> Content:
    """Return a settings file's content with these changes."""
    tables: dict[str, Content] = {}
    for change in changes:
        table = tables.setdefault(change.table, {})
        if isinstance(change.entry, dict) and change.key in ("labels", "events", "rename"):
            held = table.setdefault(change.key, {})
            for name, entry in change.entry.items():
                if isinstance(entry, dict):
                    held.setdefault(name, {}).update(entry)
                else:
                    held[name] = entry
        else:
            table.setdefault(change.key, []).append(change.entry)
    return {**settings, **({"tables": tables} if tables else {})}


def merge_content(base: Content, further: Content, words: Vocabulary) -> Content:
    """Merge two settings files: the entries of ``further`` for a field replace those of ``base``."""
    merged = {**base, **further}
    tables: dict[str, Content] = {}
    for names, changes in (base.get("tables") or {}).items():
        for name in map(str.strip, str(names).split(",")):
            tables[name] = dict(changes or {})
    for name, changes in (further.get("tables") or {}).items():
        table = tables.setdefault(name, {})
        fresh = {_field_of(entry, words) for key in _ROWS for entry in changes.get(key, ())}
        for key in _ROWS:
            kept = [entry for entry in table.get(key) or () if _field_of(entry, words) not in fresh]
            table[key] = [*kept, *changes.get(key, ())]
        for key, entries in changes.items():
            if isinstance(entries, dict):
                table[key] = _join_maps(table.get(key) or {}, entries)
            elif key not in _ROWS:
                table[key] = [*(table.get(key) or ()), *entries]
        tables[name] = {key: entries for key, entries in table.items() if entries}
    return {**merged, **({"tables": tables} if tables else {})}


_ROWS = ("remove", "replace", "add")


def _field_of(entry: Any, words: Vocabulary) -> str:
    return words.find(str(entry.get("field", "") if isinstance(entry, dict) else entry))


def _join_maps(base: Content, further: Content) -> Content:
    return {
        **base,
        **{
            name: {**base[name], **entry}
            if isinstance(entry, dict) and isinstance(base.get(name), dict)
            else entry
            for name, entry in further.items()
        },
    }


class _Trial:
    """Tries changes on the kept pairs."""

    def __init__(self, findings: Findings, words: Vocabulary, build: Build) -> None:
        self._findings = findings
        self._words = words
        self._build = build

    def choose_settings(self, normalizer: Normalizer) -> Content:
        """Return settings of which each leaves fewer differences than before."""
        chosen: Content = {}
        samples = self._findings.samples[:: max(len(self._findings.samples) // _TRIED, 1)]
        left = sum(len(_find_differing(one.ours, one.theirs, self._words)) for one in samples)
        best: tuple[int, Content] | None = (left, {})
        candidates = list(_list_settings(samples, normalizer)) if left else []
        if self._findings.again:
            candidates.insert(0, {"per_recipient": True})
        while best is not None:
            left, chosen = best
            best = None
            for candidate in candidates:
                if chosen.keys().isdisjoint(candidate) and self._can_build([], {**chosen, **candidate}):
                    number = self._compare({**chosen, **candidate}, samples)[1].total()
                    if number < (left if best is None else best[0]):
                        best = number, {**chosen, **candidate}
        return chosen

    def make_anew(self, normalizer: Normalizer, samples: Sequence[Sample] = ()) -> Iterator[Sample]:
        """The pairs, by default all that were kept, as a normalizer makes them."""
        sight = Sight(normalizer, self._findings.shape, self._words)
        for sample in samples or self._findings.samples:
            made = normalizer.normalize_record(sample.event.record.copy())
            seen = [(fresh, event) for event in made if isinstance(fresh := sight.see(event), Seen)]
            if seen:
                fresh, event = min(  # of one for each recipient, theirs
                    seen, key=lambda pair: len(_find_differing(pair[0], sample.theirs, self._words))
                )
                table = normalizer.routes.of(sample.event.record).mapping.mapping.name
                yield sample._replace(event=event, ours=fresh, table=table)

    def keep_good(self, changes: list[Change], settings: Content) -> list[Change]:
        """Return the changes that can be applied and make their field equal somewhere."""
        fields: dict[tuple[str, str], list[Change]] = {}
        for change in changes:
            fields.setdefault((change.table, change.field or change.key), []).append(change)
        good: list[Change] = []
        for group in fields.values():
            if self._can_build([*good, *group], settings):
                good += group
        if not good:
            return []
        cured = self._compare(write_content(good, settings))[0]
        return [change for change in good if not change.field or cured[change.table, change.field] > 0]

    def _can_build(self, changes: list[Change], settings: Content) -> bool:
        try:
            self._build(write_content(changes, settings))
        except NormalizerError:
            return False
        return True

    def measure(self, done: Suggestions) -> None:
        """Count the differences that the changes remove, by field, and those that remain."""
        cured, left, pairs, before, after = self._compare(done.content)
        done.pairs, done.equal_before, done.equal_after = pairs, before, after
        for (_, name), number in cured.items():
            done.cured[name] += number
        for name, number in left.items():
            done.left[name] += number

    def _compare(
        self, content: Content, samples: Sequence[Sample] = ()
    ) -> tuple[Counter[tuple[str, str]], Counter[str], int, int, int]:
        normalizer = self._build(content)
        fresh = {id(one.theirs): one for one in self.make_anew(normalizer, samples)}
        cured: Counter[tuple[str, str]] = Counter()
        left: Counter[str] = Counter()
        pairs = before = after = 0
        for sample in samples or self._findings.samples:
            anew = fresh.get(id(sample.theirs))
            if anew is None:
                continue
            old = _find_differing(sample.ours, sample.theirs, self._words)
            new = _find_differing(anew.ours, anew.theirs, self._words)
            cured.update((anew.table, name) for name in old if name not in new)
            left.update(new)
            pairs, before, after = pairs + 1, before + (not old), after + (not new)
        return cured, left, pairs, before, after


def _find_differing(ours: Seen, theirs: Seen, words: Vocabulary) -> list[str]:
    return [name for name, judged in compare(ours, theirs, words) if judged.kind != SAME]
