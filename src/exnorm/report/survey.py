"""Gather what is in a number of logs, row by row in bounded memory; reads no files and writes no page.

Every row is counted. Its fields are computed only for the first rows of each event and for a sample of the
rest (``EXAMINED``, ``EVERY``), because that costs several times as much. Surveys of different logs can be
merged (``Survey.merge``), so files may be read in several processes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping as AnyMapping
from dataclasses import dataclass, field, replace

from exnorm.convert import members
from exnorm.journey.steps import TRACKING
from exnorm.model import Constant, Record, Schema, Source, Taxonomy, Unparsed
from exnorm.origin import name_server
from exnorm.pipeline.counts import OTHER, Tally
from exnorm.pipeline.explanation import ExplainedColumn, ExplainedField, explain
from exnorm.pipeline.normalizer import Normalizer
from exnorm.pipeline.profiles import PROFILES, select
from exnorm.plugins.manager import Registry
from exnorm.report.masks import mask_reason
from exnorm.report.tallies import DistinctCount, TimeSlots, TopTally
from exnorm.settings import Settings
from exnorm.tables.mapping import (
    ADDITIONAL_DATA,
    CompiledMapping,
    CompiledRow,
    compile_mapping,
    describe_origin,
    describe_rule,
)

EXAMINED = 1000
EVERY = 16
"""The fields of so many rows of each event are worked out, then of one in so many."""

BACKWARDS = 5 * 60_000
"""Milliseconds: late by less is a row where several threads write one log; by more the clock went back."""

DAY = 86_400_000
NEVER = 1 << 62
SERIES_LIMIT = 500
EXAMPLES = 3
RAW_LIMIT = 2000
COLUMNS_LIMIT = 1000
COLUMN_LIMIT = 100  # characters, as tallies cut names

# The device of an event is the server that wrote the row; for message tracking only in this table.
_FLOW = "arcsight-flow"
_SERVER = ("Device Host Name", "Device Address", "Device IPv6 Address")
_CLIENT = ("Source Address", "Source IPv6 Address")
_SENDER = "Source User Name"
_RECIPIENTS = "Destination User Name"
_ROLES = frozenset((*_SERVER, *_CLIENT, _SENDER, _RECIPIENTS))


@dataclass
class LogFile:
    """One file: its type, how much of it was read, and its oddities."""

    path: str
    size: int = 0
    source: str = ""
    lines: int = 0
    rows: int = 0
    unparsed: int = 0
    first: int | None = None
    last: int | None = None
    versions: Tally = field(default_factory=Tally)
    guessed: int = 0  # rows whose columns were found by their number
    backwards: int = 0  # how often the clock went back
    furthest: int = 0  # by how much at most, milliseconds
    backwards_line: int = 0
    backwards_time: int = 0  # of the row in that line
    future: int = 0  # rows of a time that has not come yet; first and last are without them
    future_first: int | None = None
    future_last: int | None = None
    refusal: str = ""
    failure: str = ""
    digest: str = ""


@dataclass(frozen=True)
class Place:
    """The place of a first occurrence."""

    path: str
    line_number: int
    server: str


@dataclass
class VersionUse:
    """The rows of one version of a log type, and the times of the first and last."""

    rows: int = 0
    first: int | None = None
    last: int | None = None

    def merge(self, other: VersionUse) -> None:
        """Add the rows counted by another process."""
        self.rows += other.rows
        self.first = _least(self.first, other.first)
        self.last = _most(self.last, other.last)


@dataclass
class Series:
    """The rows of one server in one log type."""

    rows: int = 0
    slots: TimeSlots = field(default_factory=TimeSlots)
    versions: Tally = field(default_factory=Tally)
    first: int | None = None
    last: int | None = None

    def merge(self, other: Series) -> None:
        """Add the rows counted by another process."""
        self.rows += other.rows
        self.slots.merge(other.slots)
        _merge_tally(self.versions, other.versions)
        self.first = _least(self.first, other.first)
        self.last = _most(self.last, other.last)


@dataclass
class EventCount:
    """One event of a log type: its rows, by hour of the day (UTC), and the profiles that keep it."""

    rows: int = 0
    hours: list[int] = field(default_factory=lambda: [0] * 24)
    kept_by: frozenset[str] = frozenset()
    known: bool = True
    seen: Place | None = None  # first, of an event that is not known


@dataclass
class Refused:
    """The lines that did not parse for one kind of reason."""

    lines: int = 0
    reasons: TopTally = field(default_factory=TopTally)
    examples: list[Unparsed] = field(default_factory=list)


@dataclass
class Talkers:
    """The names that occur most often in the rows of one log type."""

    senders: TopTally = field(default_factory=TopTally)
    domains: TopTally = field(default_factory=TopTally)
    clients: TopTally = field(default_factory=TopTally)

    def merge(self, other: Talkers) -> None:
        """Add the names counted by another process."""
        self.senders.merge(other.senders)
        self.domains.merge(other.domains)
        self.clients.merge(other.clients)


@dataclass
class RowUse:
    """One row of a table, and in how many of the examined rows it filled its field."""

    field: str
    key: str
    origin: str
    columns: tuple[str, ...]
    rule: str
    ours: str
    filled: int = 0


@dataclass
class CutField:
    """A field whose values were longer than the vendor's limit."""

    limit: int
    values: int = 0
    longest: int = 0


@dataclass
class TableUse:
    """The use of one table over the rows that were examined."""

    taxonomy: str
    source: str
    mapping: str
    rows: list[RowUse]
    examined: int = 0
    cut: dict[str, CutField] = field(default_factory=dict)

    def merge(self, other: TableUse) -> None:
        """Add the use counted by another process for the same table."""
        self.examined += other.examined
        for mine, theirs in zip(self.rows, other.rows):
            mine.filled += theirs.filled
        for name, cut in other.cut.items():
            mine_cut = self.cut.setdefault(name, CutField(cut.limit))
            mine_cut.values += cut.values
            mine_cut.longest = max(mine_cut.longest, cut.longest)


@dataclass(frozen=True)
class SampleSide:
    """A sample row in one taxonomy."""

    mapping: str
    fields: tuple[ExplainedField, ...]
    additional: tuple[ExplainedColumn, ...]
    changed: AnyMapping[str, str]
    dropped: str


@dataclass(frozen=True)
class Sample:
    """A row of a log and the field of each of its columns, by taxonomy."""

    path: str
    line_number: int
    source: str
    event: str
    schema: str
    columns: tuple[tuple[str, str], ...]
    empty: int
    sides: AnyMapping[str, SampleSide]


@dataclass
class Survey:
    """All the data of a page."""

    files: list[LogFile] = field(default_factory=list)
    series: dict[tuple[str, str], Series] = field(default_factory=dict)  # by log type and server
    events: dict[str, dict[str, EventCount]] = field(default_factory=dict)  # by log type
    kept: dict[str, Tally] = field(default_factory=dict)  # by profile, then log type
    sent: dict[str, TimeSlots] = field(default_factory=dict)  # rows with a time, by profile
    refused: dict[str, Refused] = field(default_factory=dict)  # by kind
    unknown_columns: dict[str, Tally] = field(default_factory=dict)  # by log type
    unknown_seen: dict[tuple[str, str], Place] = field(default_factory=dict)  # by log type and column
    versions: dict[str, dict[str, VersionUse]] = field(default_factory=dict)  # by log type
    columns: dict[str, set[str]] = field(default_factory=dict)  # by log type
    talkers: dict[str, Talkers] = field(default_factory=dict)  # by log type
    tables: dict[tuple[str, str], TableUse] = field(default_factory=dict)  # by taxonomy and table
    samples: list[Sample] = field(default_factory=list)
    plugin_errors: dict[str, str] = field(default_factory=dict)  # the first of each plugin
    evicted: Tally = field(default_factory=Tally)
    messages: DistinctCount = field(default_factory=DistinctCount)
    message_rows: int = 0  # rows of messages, which --per-message makes one event of
    lines: int = 0
    rows: int = 0
    examined: int = 0

    @property
    def unparsed(self) -> int:
        """The number of lines that did not parse."""
        return sum(refused.lines for refused in self.refused.values())

    @property
    def first(self) -> int | None:
        """The earliest time of a row, in epoch milliseconds UTC."""
        return min((s.first for s in self.series.values() if s.first is not None), default=None)

    @property
    def last(self) -> int | None:
        """The latest time of a row, in epoch milliseconds UTC."""
        return max((s.last for s in self.series.values() if s.last is not None), default=None)

    def merge(self, other: Survey, samples: int) -> None:
        """Add the survey of other files, keeping at most ``samples`` sample rows of each log type in all."""
        self.files += other.files
        for key, series in other.series.items():
            self.series_of(*key).merge(series)
        for source, events in other.events.items():
            for name, count in events.items():
                _add_event(self.event_of(source, name, count), count)
        self._merge_profiles(other)
        for kind, refused in other.refused.items():
            mine = self.refused.setdefault(kind, Refused())
            mine.lines += refused.lines
            mine.reasons.merge(refused.reasons)
            mine.examples = (mine.examples + refused.examples)[:EXAMPLES]
        self._merge_columns(other)
        for source, versions in other.versions.items():
            for version, version_use in versions.items():
                self.version_of(source, version).merge(version_use)
        for source, talkers in other.talkers.items():
            self.talkers.setdefault(source, Talkers()).merge(talkers)
        for table, use in other.tables.items():
            if table in self.tables:
                self.tables[table].merge(use)
            else:
                self.tables[table] = use
        for sample in other.samples:
            self.add_sample(sample, samples)
        self.plugin_errors = {**other.plugin_errors, **self.plugin_errors}
        _merge_tally(self.evicted, other.evicted)
        self.messages.merge(other.messages)
        self.message_rows += other.message_rows
        self.lines += other.lines
        self.rows += other.rows
        self.examined += other.examined

    def _merge_profiles(self, other: Survey) -> None:
        for profile, tally in other.kept.items():
            _merge_tally(self.kept.setdefault(profile, Tally()), tally)
        for profile, slots in other.sent.items():
            self.sent.setdefault(profile, TimeSlots()).merge(slots)

    def _merge_columns(self, other: Survey) -> None:
        for source, tally in other.unknown_columns.items():
            _merge_tally(self.unknown_columns.setdefault(source, Tally()), tally)
        self.unknown_seen = {**other.unknown_seen, **self.unknown_seen}
        for source, columns in other.columns.items():
            self.columns.setdefault(source, set()).update(columns)

    def series_of(self, source: str, server: str) -> Series:
        """Return the rows of a server; beyond ``SERIES_LIMIT`` servers, those of all the others together."""
        key = source, server
        found = self.series.get(key)
        if found is None:
            if len(self.series) >= SERIES_LIMIT:
                key = source, OTHER
            found = self.series.setdefault(key, Series())
        return found

    def event_of(self, source: str, name: str, like: EventCount) -> EventCount:
        """Return the count of an event; beyond the limit of names, that of all the others together."""
        events = self.events.setdefault(source, {})
        found = events.get(name)
        if found is None:
            if len(events) >= COLUMNS_LIMIT:
                name = OTHER
            found = events.setdefault(
                name, EventCount(kept_by=like.kept_by, known=like.known, seen=like.seen)
            )
        return found

    def version_of(self, source: str, version: str) -> VersionUse:
        """Return the rows of a version; beyond the limit of versions, those of all the others together."""
        version = version[:COLUMN_LIMIT]
        versions = self.versions.setdefault(source, {})
        found = versions.get(version)
        if found is None:
            found = versions.setdefault(version if len(versions) < COLUMNS_LIMIT else OTHER, VersionUse())
        return found

    def add_sample(self, sample: Sample, most: int) -> None:
        """Keep a sample row: for each log type the rows with the most columns, each of another event."""
        replaced = self.find_sample(sample.source, sample.event, len(sample.columns), most)
        if replaced is None:
            return
        if replaced < len(self.samples):
            self.samples[replaced] = sample
        else:
            self.samples.append(sample)

    def find_sample(self, source: str, event: str, filled: int, most: int) -> int | None:
        """Return the position for a sample row with ``filled`` columns; ``None`` where the kept ones have
        more.
        """
        alike = [number for number, sample in enumerate(self.samples) if sample.source == source]
        same = [number for number in alike if self.samples[number].event == event]
        if not same and len(alike) < most:
            return len(self.samples)
        candidates = same or alike
        if not candidates:
            return None
        emptiest = min(candidates, key=lambda number: len(self.samples[number].columns))
        return emptiest if filled > len(self.samples[emptiest].columns) else None


class Surveyor:
    """Reads logs with one normalizer for each taxonomy and collects the results in ``survey``.

    After ``examined`` rows of an event only one in ``EVERY`` is examined (0: all are). ``samples`` is the
    number of rows of a log type shown column by column. Rows later than ``now``, in epoch milliseconds UTC,
    are counted but ignored in all statements on time.
    """

    def __init__(
        self,
        settings: Settings,
        taxonomies: Iterable[str],
        *,
        samples: int = 2,
        examined: int = EXAMINED,
        now: int = NEVER,
    ) -> None:
        self.survey = Survey()
        self._now = now
        self._samples = samples
        self._examined = examined
        self._normalizers = {name: _assemble(settings, name) for name in taxonomies}
        self.normalizer = next(iter(self._normalizers.values()))
        self._registry = self.normalizer.plugins.registry
        self._settings = settings
        self._mapped = {
            name: {mapping.source for mapping in normalizer.mappings}
            for name, normalizer in self._normalizers.items()
        }
        self._roles: dict[tuple[str, str], CompiledMapping | None] = {}
        self._indexes: dict[int, dict[int, int]] = {}
        self._file = LogFile("")
        self._folder = ""
        self._digest = hashlib.sha256()
        self._schema: Schema | None = None

    @property
    def taxonomies(self) -> dict[str, Taxonomy]:
        """The taxonomies by name."""
        return {name: normalizer.taxonomy for name, normalizer in self._normalizers.items()}

    @property
    def sources(self) -> dict[str, Source]:
        """The log types by name."""
        return self._registry.sources

    # --- one file --------------------------------------------------------------------------------

    def refuse(self, path: str, size: int, why: str) -> None:
        """Record a file that is left out."""
        self.survey.files.append(LogFile(path, size, refusal=why))

    def fail(self, path: str, size: int, why: str) -> None:
        """Record a file that cannot be read, or not to its end."""
        if self.survey.files and self.survey.files[-1].path == path:
            self.survey.files[-1].failure = why
        else:
            self.survey.files.append(LogFile(path, size, failure=why))

    def read(self, path: str, size: int, blocks: Iterable[bytes]) -> Iterator[int]:
        """Read a file's blocks; yields the size of each after it was read."""
        normalizer = self.normalizer
        self._file = LogFile(path, size)
        self._folder = path.replace("\\", "/").rpartition("/")[0].rpartition("/")[2]
        self._digest = hashlib.sha256()
        self.survey.files.append(self._file)
        counts = normalizer.counts
        before = counts.lines
        stream = normalizer.stream(path)
        for block in blocks:
            self._digest.update(block)
            self._take(normalizer.parse(stream.cut(block), stream))
            self._file.source = stream.source.name if stream.source is not None else ""
            yield len(block)
        self._take(normalizer.parse(stream.finish(), stream))
        self._take(normalizer.drain(stream))
        self._file.source = stream.source.name if stream.source is not None else ""
        self._file.lines = counts.lines - before
        self._file.digest = self._digest.hexdigest()
        self.survey.lines += self._file.lines

    def finish(self) -> Survey:
        """Return the survey, with the pipeline's own counts added."""
        for normalizer in self._normalizers.values():
            self.survey.plugin_errors = {**normalizer.counts.first_errors, **self.survey.plugin_errors}
        _merge_tally(self.survey.evicted, self.normalizer.counts.evicted)
        return self.survey

    def _take(self, items: Iterable[Record | Unparsed]) -> None:
        for item in items:
            if isinstance(item, Unparsed):
                self._add_unparsed(item)
            else:
                self._add_record(item)

    # --- one line --------------------------------------------------------------------------------

    def _add_unparsed(self, line: Unparsed) -> None:
        self._file.unparsed += 1
        refused = self.survey.refused.setdefault(line.kind, Refused())
        refused.lines += 1
        refused.reasons.add(mask_reason(line.reason, line.kind))
        if len(refused.examples) < EXAMPLES:
            refused.examples.append(replace(line, raw=line.raw[:RAW_LIMIT]))

    def _add_record(self, record: Record) -> None:
        survey, source = self.survey, record.source.name
        survey.rows += 1
        self._file.rows += 1
        if record.schema.found == "count":
            self._file.guessed += 1
        if source == TRACKING:
            self._count_message(record)
        count = self._count_event(record, source)
        server = self._add_roles(record, source)
        version = self._describe_version(record)
        self._file.versions.add(version)
        series = survey.series_of(source, server)
        series.rows += 1
        series.versions.add(version)
        use = survey.version_of(source, version)
        use.rows += 1
        if not count.known and count.seen is None:
            count.seen = Place(record.path, record.line_number, server)
        if record.time is not None:
            self._add_time(record.time, record.line_number, series, count, use)
        self._note_columns(record, source, server)
        if not self._examined or count.rows <= self._examined or count.rows % EVERY == 0:
            self._examine(record, source)

    def _count_message(self, record: Record) -> None:
        """Count the message that a row is of, by its network message id, else its message id."""
        name = record.get("network-message-id").lower() or record.get("message-id")
        if name:
            self.survey.messages.add(name)
            self.survey.message_rows += 1

    def _count_event(self, record: Record, source: str) -> EventCount:
        name = record.event_id
        found = self.survey.events.get(source, {}).get(name)
        if found is None:
            kept_by = frozenset(
                profile
                for profile in PROFILES
                if (keeps := select(profile, record.source)) is None or keeps(record)
            )
            known = not record.source.events or name in self._known_events(record)
            found = self.survey.event_of(source, name, EventCount(kept_by=kept_by, known=known))
        found.rows += 1
        for profile in found.kept_by:
            self.survey.kept.setdefault(profile, Tally())[source] += 1
        return found

    def _known_events(self, record: Record) -> frozenset[str]:
        return self._route_table(self.normalizer, record).known_events

    def _add_time(
        self, time: int, line_number: int, series: Series, count: EventCount, use: VersionUse
    ) -> None:
        file = self._file
        if time > self._now + DAY:
            file.future += 1
            file.future_first = _least(file.future_first, time)
            file.future_last = _most(file.future_last, time)
            return
        use.first = _least(use.first, time)
        use.last = _most(use.last, time)
        series.slots.add(time)
        for profile in count.kept_by:
            self.survey.sent.setdefault(profile, TimeSlots()).add(time)
        series.first = _least(series.first, time)
        series.last = _most(series.last, time)
        count.hours[time // 3_600_000 % 24] += 1
        latest = file.last
        if latest is not None and latest - time > BACKWARDS:
            if latest - time > file.furthest:
                file.furthest, file.backwards_line, file.backwards_time = latest - time, line_number, time
            file.backwards += 1
        file.first = _least(file.first, time)
        file.last = _most(latest, time)

    def _describe_version(self, record: Record) -> str:
        version = record.schema.version or record.derived.get("product-version", "")
        return f"{record.schema.name} {version}".strip()

    def _note_columns(self, record: Record, source: str, server: str) -> None:
        if record.schema is not self._schema:
            self._schema = record.schema
            columns = self.survey.columns.setdefault(source, set())
            if len(columns) < COLUMNS_LIMIT:
                columns.update(record.values)
        known = self._route_table(self.normalizer, record).known_columns
        if not known.issuperset(record.values):
            tally = self.survey.unknown_columns.setdefault(source, Tally())
            for column in record.values.keys() - known:
                if column not in tally and len(self.survey.unknown_seen) < COLUMNS_LIMIT:
                    place = Place(record.path, record.line_number, server)
                    self.survey.unknown_seen.setdefault((source, column[:COLUMN_LIMIT]), place)
                tally.add(column)

    def _route_table(self, normalizer: Normalizer, record: Record) -> CompiledMapping:
        return normalizer.routes.of(record).mapping

    # --- who wrote it, who is named in it ----------------------------------------------------------

    def _add_roles(self, record: Record, source: str) -> str:
        """Count the names in a row and return the server that wrote it, if the row says so."""
        table = self._role_table(record)
        roles: dict[str, str] = {}
        if table is not None:
            for given in table.assign(record):
                roles.setdefault(_role(given.row.row.field, given.row.row.label), str(given.value))
        server = next((roles[name] for name in _SERVER if name in roles), "")
        talkers = self.survey.talkers.setdefault(source, Talkers())
        sender, recipients = roles.get(_SENDER, ""), roles.get(_RECIPIENTS, "")
        if sender:
            talkers.senders.add(sender.lower())
        for domain in {r.rpartition("@")[2].strip("<>").lower() for r in members(recipients) if "@" in r}:
            talkers.domains.add(domain)
        client = next((roles[name] for name in _CLIENT if name in roles), "")
        if client and client not in [roles.get(name) for name in _SERVER]:
            talkers.clients.add(client)
        return name_server(server) or (f"(folder {self._folder})" if self._folder else "(not named)")

    def _role_table(self, record: Record) -> CompiledMapping | None:
        """Return the rows of ArcSight's table that name the participants of such an event."""
        name = record.event_id if record.event_id in record.source.events else ""
        key = record.source.name, name
        if key not in self._roles:
            self._roles[key] = _select_roles(record, self._registry, self._settings, decided=bool(name))
        return self._roles[key]

    # --- what its fields come to -------------------------------------------------------------------

    def _examine(self, record: Record, source: str) -> None:
        self.survey.examined += 1
        for name, normalizer in self._normalizers.items():
            if source in self._mapped[name]:
                self._use_table(record, normalizer)
        self._take_sample(record, source)

    def _use_table(self, record: Record, normalizer: Normalizer) -> None:
        table = self._route_table(normalizer, record)
        key = normalizer.taxonomy.name, table.mapping.name
        use = self.survey.tables.get(key)
        if use is None:
            use = self.survey.tables[key] = _describe_table(table)
        index = self._indexes.get(id(table))
        if index is None:  # a table is compiled once for each schema, and lives as long as its normalizer
            index = self._indexes[id(table)] = {id(row): number for number, row in enumerate(table.rows)}
        use.examined += 1
        rows = use.rows
        for given in table.assign(record):
            rows[index[id(given.row)]].filled += 1
            if given.cut_from and given.row.field is not None:
                limit = given.row.field.max_bytes
                cut = use.cut.setdefault(given.row.field.name, CutField(limit))
                cut.values += 1
                cut.longest = max(cut.longest, given.cut_from)

    def _take_sample(self, record: Record, source: str) -> None:
        event = record.event_id
        filled = sum(map(bool, map(record.get, record.values)))
        if self.survey.find_sample(source, event, filled, self._samples) is None:
            return
        sides: dict[str, SampleSide] = {}
        for name, normalizer in self._normalizers.items():
            if source not in self._mapped[name]:
                continue
            told = next(explain(record, normalizer))
            sides[name] = SampleSide(told.mapping, told.fields, told.additional, told.changed, told.dropped)
        columns = tuple((c, v[:RAW_LIMIT]) for c, v in record.values.items() if record.get(c))
        sample = Sample(
            record.path,
            record.line_number,
            source,
            event,
            self._describe_version(record),
            columns,
            len(record.values) - len(columns),
            sides,
        )
        self.survey.add_sample(sample, self._samples)


# --- helpers -------------------------------------------------------------------------------------


def _assemble(settings: Settings, taxonomy: str) -> Normalizer:
    """Return a normalizer for one of several taxonomies, in its default format."""
    chosen = settings if settings.taxonomy == taxonomy else replace(settings, format="", mapping="auto")
    return Normalizer.from_settings(replace(chosen, taxonomy=taxonomy, per_recipient=False))


def _select_roles(
    record: Record, registry: Registry, settings: Settings, *, decided: bool
) -> CompiledMapping | None:
    source = record.source
    candidates = [
        mapping
        for mapping in registry.mappings.values()
        if mapping.source == source.name and mapping.taxonomy == "arcsight"
    ]
    candidates.sort(key=lambda mapping: mapping.name != _FLOW)
    if not candidates:
        return None
    compiled = compile_mapping(
        candidates[0], source, registry.taxonomies["arcsight"], replace(settings, additional_data="none")
    )
    rows = tuple(row for row in compiled.rows if _role(row.row.field, row.row.label) in _ROLES)
    return replace(compiled, rows=tuple(_decide(rows, record)) if decided else rows)


def _decide(rows: Iterable[CompiledRow], record: Record) -> Iterator[CompiledRow]:
    """Yield the rows for a record's event, deciding once the conditions on the event alone."""
    for row in rows:
        when = row.row.when
        if row.holds is None or when is None or when.subject != "event":
            yield row
        elif row.holds(record):
            yield replace(row, holds=None)


def _role(label_of_field: str, label: str) -> str:
    """Return the meaning of a row's field: for custom fields the label, such as ``Device IPv6 Address``."""
    return label or label_of_field


def _describe_table(table: CompiledMapping) -> TableUse:
    rows = [
        RowUse(
            field=row.row.field,
            key=row.field.key if row.field is not None else "",
            origin=describe_origin(row.row),
            columns=tuple(
                column
                for origin in row.row.origins
                if not isinstance(origin, Constant)
                for column in table.source.columns_of(origin)
            ),
            rule=describe_rule(row.row),
            ours=row.row.ours,
        )
        for row in table.rows
    ]
    return TableUse(table.taxonomy.name, table.source.name, table.mapping.name, rows)


def is_additional(row: RowUse) -> bool:
    """Return whether a row of a table keeps a column as additional data instead of filling a field."""
    return row.field == ADDITIONAL_DATA


def _add_event(mine: EventCount, other: EventCount) -> None:
    mine.rows += other.rows
    mine.hours = [one + two for one, two in zip(mine.hours, other.hours)]


def _merge_tally(mine: Tally, other: Tally) -> None:
    for name, amount in other.items():
        mine.add(name, amount)


def _least(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else min(one, other)


def _most(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else max(one, other)
