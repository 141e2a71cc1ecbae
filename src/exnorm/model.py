"""The data classes: line -> Record -> Event -> payload, and the tables that lead from one to the next.

Nothing here reads, writes or decides; the functions that do are in ``pipeline`` and ``tables``.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Iterator, Mapping as AnyMapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Union

if TYPE_CHECKING:
    from exnorm.settings import Settings

Value = Union[str, int]
"""What a field of an event holds: text, or an integer (counts, bytes, epoch milliseconds)."""

Reading = Callable[[str], "Value | None"]
"""Reads one column's text as a typed value; ``None`` says that the text is not of that kind."""


# --- what comes in -------------------------------------------------------------------------------


class Confidence(enum.IntEnum):
    """The confidence of a source that a log is of its type; the highest one wins."""

    NO = 0
    NAME = 1  # the file name says so
    SHAPE = 2  # the first row looks like it
    COLUMNS = 3  # the header names its columns, but calls the log another type
    HEADER = 4  # the log's own header says so


_COMPRESSED = ("gz", "bz2", "xz", "zst")


@dataclass(frozen=True)
class Head:
    """The facts about a log before its first row is read.

    ``directives`` has the header lines by lower-case name (``fields``, ``version``, ``log-type``, ...), and
    under ``#`` the header's other lines with a ``#``, joined by LF. ``line`` is the first row, or empty where
    only the header was read.
    """

    name: str = ""
    directives: AnyMapping[str, str] = field(default_factory=dict)
    line: str = ""

    @property
    def file_name(self) -> str:
        """The last part of the path, with either kind of slash, without an ending for compression."""
        name = self.name.replace("\\", "/").rpartition("/")[2]
        stem, dot, suffix = name.rpartition(".")
        return stem if dot and suffix.lower() in _COMPRESSED else name


@dataclass(frozen=True)
class Schema:
    """The columns of one log in file order, and how they were found.

    ``name`` is the product year where known (``2010``, ``2019/SE``), ``version`` the build in the header
    (``15.01.2375.007``) or empty.
    """

    name: str
    columns: tuple[str, ...]
    version: str = ""
    found: str = "header"


class Needed(NamedTuple):
    """The condition under which a function of several columns needs one of them; else it gets an empty text
    for it.

    The column is needed where ``asks`` returns true for the texts of ``by``, where the column contains
    ``holds``, and where the column or derived value that ``longer`` names has more than that many bytes. This
    makes a column cheap that is needed rarely and differs in every row (a query). Where ``longer`` leaves a
    column out, the function must return the same result as with its text.
    """

    column: str
    by: tuple[str, ...] = ()
    asks: Callable[..., bool] = lambda *texts: True
    holds: str = ""
    longer: tuple[str, int] = ("", 0)

    def is_in(self, get: Callable[[str], str]) -> bool:
        """Return whether the column is needed where columns have these texts."""
        name, most = self.longer
        if name and len(get(name).encode("utf-8", "replace")) <= most:
            return False
        return self.holds in get(self.column) and (not self.by or self.asks(*map(get, self.by)))


def read_columns(
    get: Callable[[str], str], columns: tuple[str, ...], needed: tuple[Needed, ...]
) -> Iterable[str]:
    """Return the texts of columns, empty for those not needed; a column named twice is needed only if both
    say so.
    """
    if not needed:
        return map(get, columns)
    left_out = {one.column for one in needed if not one.is_in(get)}
    return ["" if column in left_out else get(column) for column in columns]


class Derivation(NamedTuple):
    """Derived values as a function of the texts of ``columns``, which are empty where they are absent.

    ``derive`` returns the text of each of ``names``, or for a single name the text alone; it depends on
    nothing else. The columns may include values derived before. With ``by_form``, the result for one IPv4
    address is that of any other except for the address itself.
    """

    names: tuple[str, ...]
    columns: tuple[str, ...]
    derive: Callable[..., Union[str, tuple[str, ...]]]
    needed: tuple[Needed, ...] = ()
    by_form: bool = False

    def apply(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Return the texts of ``names``, from those of ``columns``."""
        found = self.derive(*texts)
        return (found,) if isinstance(found, str) else found


class Joined:
    """Derives ``first``, or ``first``, ``by`` and ``second`` joined; with ``once`` a ``second`` that begins
    with ``by`` gets no other.

    The engine joins texts without calling it, so it is faster than a function that does the same.
    """

    def __init__(self, by: str, *, once: bool = False) -> None:
        self.by, self.once = by, once

    def __call__(self, first: str, second: str) -> str:
        """Return the joined text."""
        if not second:
            return first
        return first + second if self.once and second.startswith(self.by) else first + self.by + second


class Watched(NamedTuple):
    """A test whether the reader must see a row, because of the text of one column.

    ``hints``, if there are any, are texts in lower case, of two characters or more: every text for which
    ``finds`` is true contains one of them, in any case.
    """

    finds: Callable[[str], bool]
    hints: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layout:
    """How the rows of a log can be read without its reader, cell by cell.

    A row is cut at ``,`` as CSV is, or at each blank where that is the ``separator``, without blanks at its
    end; its cells are the columns of ``schema``. The first column is its time, as ``convert.utc_ms`` reads
    it. Where ``dated`` names a derived value for the time, the first two are its date and time of day.
    ``finish`` completes a record. Besides the time, each derived value (and the record's schema) depends on
    the one column that ``derived`` names, on none where that is empty, or on the columns of its entry in
    ``computed``. ``edition`` is everything else that the result depends on beside the row and the schema.
    ``guards`` decide, by column, for which texts the reader must see the row, for example to hide a secret.
    """

    schema: Schema
    finish: Callable[[Record], Any]
    derived: AnyMapping[str, str]
    computed: tuple[Derivation, ...] = ()
    separator: str = ","
    dated: str = ""
    edition: str = ""
    guards: AnyMapping[str, Watched] = field(default_factory=dict)


class Reader:
    """Reads the rows of one log; it may remember earlier rows of that log.

    ``schema`` are the columns for the next row, ``None`` before they are known; ``evicted`` is how much the
    reader has forgotten so far to stay within its bounds.
    """

    schema: Schema | None = None
    evicted: int = 0

    @property
    def layout(self) -> Layout | None:
        """How rows can now be read without this reader; ``None`` where each must come here."""
        return None

    @property
    def memory(self) -> object:
        """Everything from earlier rows and headers that decides how a row is read; ``None`` where unknown.

        Two readers of equal memory read the rest of a log alike. Where it is ``None``, as where rows depend
        on each other, the log is never cut into parts.
        """
        return None

    @property
    def waiting(self) -> bool:
        """Whether the next line belongs to something that has begun, whatever that line looks like."""
        return False

    def joins(self, text: str) -> bool:
        """Return whether several lines are one row, whose quoted cell contains line breaks."""
        return False

    def header(self, directives: AnyMapping[str, str]) -> None:
        """Read a header line; ``directives`` are all those of the block so far."""

    def read(self, line: str) -> Read:
        """Return the items of one line without its line end, or ``None`` where it contains no event."""
        raise NotImplementedError

    def complete(self, line: str, values: dict[str, str], found: str) -> Record | Unparsed:
        """Return the record of a row that was split before; ``found`` is how its columns are known.

        ``values`` are its columns in order, ``line`` the text they came in.
        """
        raise NotImplementedError

    def miss(self) -> None:
        """Take note of a line that could not be read as text and was passed on without this reader."""

    def finish(self) -> list[Record | Unparsed]:
        """Return what is left at the end of the log, for a reader that waits for further lines."""
        return []


@dataclass(frozen=True)
class Source:
    """A log type: how it is recognized, which columns it may have, how its rows are read.

    ``derived`` names the values that the reader derives, each with the column, or columns, whose whole text
    it carries (``""``: none); rows of a mapping may read both columns and derived values. ``event_column``
    has the event's name (for profiles and counts), ``absent`` is the text for an empty value, ``recipients``
    are the columns of addresses and statuses that ``per_recipient`` splits, ``agent_log_format`` is the name
    of this type in the native payload of JSA, ``names`` are the file names it usually has. A source that
    ``carries`` others returns records of those sources. ``redact`` hides secrets in a raw line that did not
    parse. ``foreign`` names the software of a log that resembles this one but is not it, empty where unknown.
    ``takes`` returns the names of a shipper's record, an object, that hold an event of this log; none where
    it is no such object; ``None`` where it is such an object of another application, which is left alone.
    ``variants`` are finer names that tables may write instead of the event's, each with its event.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    recognize: Callable[[Head], Confidence]
    open: Callable[[Source, Head, Settings], Reader]
    derived: AnyMapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    event_column: str = ""
    absent: str = ""
    events: frozenset[str] = frozenset()
    schemas: tuple[Schema, ...] = ()
    recipients: tuple[str, str] | None = None
    agent_log_format: str = ""
    names: tuple[str, ...] = ()
    carries: tuple[str, ...] = ()
    redact: Callable[[str], str] | None = None
    takes: Callable[[AnyMapping[str, Any]], frozenset[str] | None] | None = None
    foreign: Callable[[Head], str] | None = None
    variants: AnyMapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the maps read-only, because every plugin gets the same source."""
        object.__setattr__(self, "derived", MappingProxyType(dict(self.derived)))
        object.__setattr__(self, "variants", MappingProxyType(dict(self.variants)))

    def columns_of(self, origin: str) -> tuple[str, ...]:
        """Return the columns whose whole text an origin of a row carries: itself, or those it is derived
        from.
        """
        carried = self.derived.get(origin, origin)
        return (carried,) if isinstance(carried, str) else carried


class Pair(NamedTuple):
    """One ``key=text`` of an envelope, exactly as it was written.

    ``column`` is the record's column of its value (``""``: it belongs to the envelope) and ``value`` the
    value read from it: ``text`` is written back as long as the record still has that value.
    """

    key: str
    text: str
    column: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The wrapping that an agent put around a row, kept so that the row can be written back byte for byte.

    ``header`` is the text before the first key (a syslog header), ``pairs`` are all keys in order, those of
    columns too, ``end`` is the text after the last of them.
    """

    header: str
    pairs: tuple[Pair, ...]
    end: str = ""

    @property
    def columns(self) -> frozenset[str]:
        """The columns that came in it."""
        return frozenset(pair.column for pair in self.pairs if pair.column)


@dataclass(slots=True)
class Record:
    """One row under Microsoft's names, as raw text.

    ``values`` has every column of the row in file order, ``derived`` the derived values, ``time`` the row's
    own time in epoch milliseconds UTC, ``part`` which of the records of one row this is (``""``: the only
    one), ``envelope`` the wrapping that the row came in. ``path`` is the log's; a reader sets it where the
    row itself names its log. ``marks`` are remarks of processors, as ``marks["noise"] = "probe"``: they
    become additional data of the event, and are counted.
    """

    source: Source
    schema: Schema
    values: dict[str, str]
    time: int | None = None
    derived: dict[str, str] = field(default_factory=dict)
    raw: str = ""
    line_number: int = 0
    path: str = ""
    part: str = ""
    envelope: Envelope | None = None
    marks: dict[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """Return the text of a column or of a derived value; empty where it is absent."""
        value = self.values.get(name)
        return value if value and value != self.source.absent else self.derived.get(name, "")

    @property
    def event_id(self) -> str:
        """The event's name in upper case, as profiles and conditions compare it."""
        return self.get(self.source.event_column).upper() if self.source.event_column else ""

    def copy(self) -> Record:
        """Return a record whose values can be changed without changing this one."""
        return replace(self, values=dict(self.values), derived=dict(self.derived), marks=dict(self.marks))


@dataclass(frozen=True, slots=True)
class Unparsed(AnyMapping[str, Any]):
    """A line that is passed on unchanged because no event could be read from it.

    ``kind`` is one of a closed set of words (for counts), ``reason`` a sentence for people. As a mapping it
    has the keys of the JSON format: ``message``, ``tags``, ``error``.
    """

    TAG = "_exnormparsefailure"

    raw: str
    kind: str
    reason: str
    line_number: int = 0
    path: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form: the raw text as ``message``, the tag and the reason."""
        return {"message": self.raw, "tags": [self.TAG], "error": {"reason": self.reason}}

    def __getitem__(self, name: str) -> Any:
        return self.as_dict()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.as_dict())

    def __len__(self) -> int:
        return 3


Read = Union[Record, Unparsed, "list[Record | Unparsed]", None]
"""What one line holds: a record, nothing, or (for formats with several a line) a list."""


# --- the tables ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Field:
    """One field of a taxonomy.

    ``label`` is the vendor's own wording, which tables use, ``name`` the full name, ``key`` the short key on
    the wire. ``max_bytes`` limits text (UTF-8 bytes, 0: no limit). ``header`` is the field's position in the
    header line of the wire format (0: not in the header).
    """

    label: str
    name: str
    key: str
    type: str = "text"
    max_bytes: int = 0
    header: int = 0
    ecs: str = ""


@dataclass(frozen=True)
class Taxonomy:
    """The vocabulary of one product, and its default format."""

    name: str
    title: str
    fields: tuple[Field, ...]
    default_format: str = "json"


@dataclass(frozen=True)
class Constant:
    """A fixed value in the place of a column."""

    value: Value


@dataclass(frozen=True)
class Condition:
    """When a row holds: the origin's value is (or, negated, is not) one of ``values``, ignoring case.

    ``subject`` is ``event``, ``column`` or ``setting``; ``name`` the column's or setting's name. ``asked`` is
    a condition on a setting that must hold too.
    """

    subject: str
    name: str
    values: frozenset[str]
    negated: bool = False
    asked: Condition | None = None

    def __str__(self) -> str:
        also = f", {self.asked}" if self.asked is not None else ""
        values = " or ".join(sorted(self.values)) or "empty"
        if self.subject == "event":
            return f"except for {values}{also}" if self.negated else f"{values}{also}"
        if self.subject == "setting":  # conditions compare without case; settings are written in lower case
            return f"setting {self.name} is {'not ' if self.negated else ''}{values.lower()}"
        return f"{self.name} is {'not ' if self.negated else ''}{values}{also}"


@dataclass(frozen=True)
class ByEvent:
    """Reads an attribute of the mapping's event table; ``default`` for an event it does not list."""

    attribute: str
    default: Value | None = None

    def __call__(self, text: str) -> Value | None:
        """Return the default, because only a compiled mapping knows the event table."""
        return self.default


@dataclass(frozen=True)
class Row:
    """One row of a table: a field, its origins, how the text is read, when it holds.

    Several origins are tried in order; the first whose text can be read wins. ``ours`` is the reason of a row
    that is not in the vendor's guide. A ``partial`` row carries only a part of its column, which therefore
    stays whole as additional data. ``rule`` names the author of the row where that is not exnorm: ``plugin
    NAME``, ``overlay FILE:LINE``. ``guide`` is the guide's text for the field, where that differs from the
    column and the event it holds for.
    """

    field: str
    origins: tuple[str | Constant, ...]
    read: Reading
    when: Condition | None = None
    label: str = ""
    ours: str = ""
    partial: bool = False
    rule: str = ""
    guide: str = ""


class RowTest(NamedTuple):
    """A test of one text of a row: a column's, a derived value's, or (origin empty) the event's name."""

    origin: str
    pattern: re.Pattern[str]
    negated: bool = False

    def holds(self, record: Record) -> bool:
        """Return whether the pattern is found in the origin's text (or, negated, is not)."""
        text = record.get(self.origin) if self.origin else record.event_id
        return (self.pattern.search(text) is not None) is not self.negated


@dataclass(frozen=True)
class RowFilter:
    """Leaves out the rows for which all ``tests`` hold, or, with a ``group``, the rows that no filter of the
    group matches.

    ``rule`` names it in counts and explanations: ``--event``, ``overlay FILE:LINE``.
    """

    rule: str
    tests: tuple[RowTest, ...]
    group: str = ""

    def matches(self, record: Record) -> bool:
        """Return whether every test holds for a row."""
        return all(test.holds(record) for test in self.tests)


@dataclass(frozen=True)
class EventRule:
    """Changes the events whose rows pass all ``tests``: sets fields by full name, renames additional data.

    ``renames`` has the new name by column; ``rule`` names the change in explanations.
    """

    rule: str
    tests: tuple[RowTest, ...] = ()
    fields: tuple[tuple[str, Value], ...] = ()
    renames: tuple[tuple[str, str], ...] = ()

    def __call__(self, event: Event) -> Event:
        """Return the event with the change applied."""
        if all(test.holds(event.record) for test in self.tests):
            event.fields.update(self.fields)
            names = dict(self.renames)
            event.additional = {names.get(name, name): text for name, text in event.additional.items()}
        return event


@dataclass(frozen=True)
class Mapping:
    """A table from one source to one taxonomy.

    ``schemas`` are the schema names for which ``--mapping auto`` chooses it (empty: all that no other mapping
    of the pair names). ``unmapped`` lists columns without a row, with the reason, and ``rest`` is the reason
    for all others: they are kept as additional data. ``events`` is the second table, by event name;
    ``event_rules`` names the author of an entry (event, attribute) where that is not exnorm. A mapping that
    ``extends`` or ``replaces`` another one gives that one's name; ``columns`` are columns that the source
    does not know yet. A mapping that is not ``auto`` is used only where it is chosen by name. ``filters``
    leave rows out, ``event_changes`` change events after the table.
    """

    name: str
    source: str
    taxonomy: str
    rows: tuple[Row, ...]
    title: str = ""
    unmapped: AnyMapping[str, str] = field(default_factory=dict)
    events: AnyMapping[str, AnyMapping[str, Value]] = field(default_factory=dict)
    schemas: tuple[str, ...] = ()
    extends: str = ""
    replaces: str = ""
    columns: tuple[str, ...] = ()
    rest: str = ""
    auto: bool = True
    event_rules: AnyMapping[tuple[str, str], str] = field(default_factory=dict)
    filters: tuple[RowFilter, ...] = ()
    event_changes: tuple[EventRule, ...] = ()


# --- what goes out -------------------------------------------------------------------------------


@dataclass(slots=True)
class Event(AnyMapping[str, Value]):
    """One row under the taxonomy's names; reads like a dict of full field names.

    ``additional`` is additional data by column name, ``cut`` the fields that were longer than the vendor's
    limit (UTF-8 bytes before the cut), ``record`` the record it was made of.
    """

    taxonomy: Taxonomy
    fields: dict[str, Value]
    additional: dict[str, str]
    record: Record
    cut: dict[str, int] = field(default_factory=dict)

    @property
    def time(self) -> int | None:
        """The row's own time in epoch milliseconds UTC."""
        return self.record.time

    def copy(self) -> Event:
        """Return an event whose fields and record can be changed without changing this one."""
        return replace(
            self,
            fields=dict(self.fields),
            additional=dict(self.additional),
            record=self.record.copy(),
            cut=dict(self.cut),
        )

    def __getitem__(self, name: str) -> Value:
        return self.fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)


class Notes(Protocol):
    """Receives what a codec had to change in a value so that the format could carry it."""

    def note(self, what: str, name: str) -> None:
        """Count one occurrence of ``what`` (``cut``, ``replaced``) for the field ``name``."""


Encode = Callable[[Event], bytes]
"""Writes one event as one payload without a line end."""


@dataclass(frozen=True)
class Wire:
    """A format as data, for generated code: the work of ``build`` for an ordinary row.

    A row is escaped before it is cut into cells, by ``escapes`` in their order (and after the cut, ``"`` by
    ``quote``); rows with one of the characters ``refused`` are left to ``build``. ``header`` are the fields
    in the header, each written by ``show`` (``None``: left to ``build``) and ended by ``|``. ``start``
    returns the beginning of a payload, by the stream's name and the source. ``pair`` returns the text before
    and after a field's value, by its name and whether it is text; ``keys`` returns the same for columns, all
    at once, or ``None`` where they may clash. ``nested`` encloses additional data.
    """

    start: Callable[[str, Source], str]
    pair: Callable[[str, bool], tuple[str, str]]
    keys: Callable[[tuple[str, ...]], list[tuple[str, str]] | None]
    separator: str
    escapes: tuple[tuple[str, str], ...] = ()
    quote: str = '"'
    refused: str = ""
    header: tuple[str, ...] = ()
    show: Callable[[str, Value | None], str | None] = lambda name, value: None
    after_header: str = ""
    end: str = ""
    nested: tuple[str, str] = ("", "")
    every_column: bool = False  # the columns themselves, empty ones too, in the place of the fields
    timestamp: tuple[str, str] = ("", "")  # around the row's own time, first of all pairs
    original: tuple[str, str] = ("", "")  # around the raw row
    write_original: Callable[[str], str] = lambda raw: raw  # any text as it stands there
    identity: tuple[str, str] = ("", "")  # around the exnorm_id

    def carry(self, text: str) -> str | None:
        """Return any value as it is written in a pair; ``None`` where it is left to ``build``.

        The row's own texts are checked when the row is cut; this is for everything else in a payload: labels,
        constants, texts that a table made.
        """
        return None if self._odd.search(text) else self.escape(text)

    @cached_property
    def _odd(self) -> re.Pattern[str]:
        return re.compile(f"[{re.escape(self.refused)}\n]")

    @cached_property
    def refused_bytes(self) -> tuple[bytes, tuple[bytes, ...]]:
        """``refused`` in UTF-8 except LF, which no row contains: those of one byte together, and all
        others.
        """
        narrow = "".join(one for one in self.refused if one.isascii() and one != "\n")
        return narrow.encode(), tuple(one.encode() for one in self.refused if not one.isascii())

    @cached_property
    def escapes_of_bytes(self) -> tuple[tuple[bytes, bytes], ...]:
        """``escapes``, in UTF-8."""
        return tuple((plain.encode(), escaped.encode()) for plain, escaped in self.escapes)

    def escape(self, text: str) -> str:
        """Return a value as it is written in a pair."""
        for plain, escaped in self.escapes:
            text = text.replace(plain, escaped)
        return text.replace('"', self.quote)


@dataclass(frozen=True)
class Codec:
    """A format on the wire. ``build`` is called once for a pipeline and may refuse its settings.

    ``taxonomies`` are the taxonomies it can write (empty: all). ``unparsed`` writes a line that did not
    parse, or is ``None`` where the format cannot express it. ``wire`` describes the format as data, so that
    code can be generated for it, or returns ``None`` for settings where that is not possible.
    """

    name: str
    title: str
    build: Callable[[Taxonomy, Settings, Notes], Encode]
    taxonomies: tuple[str, ...] = ()
    unparsed: Callable[[Unparsed], bytes] | None = None
    wire: Callable[[Taxonomy, Settings], Wire | None] | None = None


RecordProcessor = Callable[[Record], "Record | None"]
Decision = Union["tuple[str, ...]", AnyMapping[str, str], None]
"""New texts for columns, or marks, or ``None`` to leave the row out."""


@dataclass(frozen=True)
class ColumnProcessor:
    """A record processor that is a function of the texts of some columns, or derived values, and of nothing
    else.

    ``function`` is called with their texts, empty where they are absent, and returns new texts for them, a
    map of marks, or ``None`` to leave the record out. It may be called once for many rows, or for texts of no
    row; if it raises, it is skipped and counted. Columns that are ``needed`` only at times can be read, not
    changed.
    """

    columns: tuple[str, ...]
    function: Callable[..., Decision]
    needed: tuple[Needed, ...] = ()

    def __call__(self, record: Record) -> Record | None:
        """Apply the function to a record, which is changed in place."""
        texts = tuple(read_columns(record.get, self.columns, self.needed))
        decision = self.decide(texts)
        if decision is None:
            return None
        if not isinstance(decision, tuple):
            record.marks.update(decision)
            return record
        for column, before, after in zip(self.columns, texts, decision):
            if after != before:
                (record.values if column in record.values else record.derived)[column] = after
        return record

    def decide(self, texts: tuple[str, ...]) -> Decision:
        """Return the checked result of the function; raises ``TypeError`` for anything but the three
        kinds.
        """
        decision = self.function(*texts)
        if decision is None:
            return None
        if isinstance(decision, AnyMapping):
            if all(isinstance(text, str) for pair in decision.items() for text in pair):
                return decision
        elif isinstance(decision, (tuple, list)) and len(decision) == len(texts):
            fixed = {self.columns.index(one.column) for one in self.needed}
            if all(isinstance(text, str) for text in decision) and all(
                decision[at] == texts[at] for at in fixed
            ):
                return tuple(decision)
        raise TypeError(
            f"got {type(decision).__name__}; expected {len(texts)} texts, those needed at times unchanged, "
            "a map of marks, or None to leave the record out"
        )


EventProcessor = Callable[[Event], "Event | None"]
Lines = Union[bytes, str, Iterable[Union[bytes, str]]]
"""A block of text, cut at LF by us, or lines that are cut already."""
