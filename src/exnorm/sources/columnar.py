"""Logs whose rows are cells under a ``#Fields`` line: split, hold against the columns, never shift."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from exnorm.errors import quote
from exnorm.model import Derivation, Layout, Reader, Record, Schema, Source, Unparsed, Watched, read_columns
from exnorm.settings import Settings
from exnorm.sources.secrets import HideRow, hide_foreign
from exnorm.text.lines import INDENT, SEPARATORS as CELL_ENDS, join_csv
from exnorm.text.patterns import compile_later

Split = Callable[[str], "list[str] | None"]
"""Cuts a row into cells; ``None`` where a quote is left open."""

Refusal = tuple[str, str]
"""Why a row cannot be used: the kind (one of a closed set of words) and the reason for people."""

Finish = Callable[[Record], "Refusal | None"]
"""Completes a record: its time, what can be derived from its columns."""

Hide = Callable[[str], str]
"""A text without its secrets."""

ChooseHide = Callable[[str], "Hide | None"]
"""What hides the secrets of a column; ``None`` where it holds none."""

SEPARATORS = (",", ";", "\t")
"""What may part cells: Exchange writes commas; tools that touched a log wrote one of the others."""

# A cell and what ends it, by separator.
_CELLS = {
    separator: compile_later(rf'(?:"([^"]*(?:""[^"]*)*)"|([^"{separator}][^{separator}]*|))({separator}|\Z)')
    for separator in SEPARATORS
}
# The cell that a row's time stands in, or its date, cut at the right separator.
_MOMENT = compile_later(r"\d{4}-\d\d?-\d\d?(?:[T ][\d:.]+Z?)?|\d\d?:\d\d:\d\d")


def split_csv(line: str, separator: str = ",") -> list[str] | None:
    """The cells of a row of CSV; a quoted cell may hold separators and doubled quotes.

    ``None`` where a quoted cell does not end before the line does, or goes on after its quote.
    """
    if '"' not in line:
        return line.split(separator)
    cells: list[str] = []
    cell = _CELLS[separator]
    position = 0
    while True:
        found = cell.match(line, position)
        if found is None:
            return None
        quoted = found.group(1)
        cells.append(found.group(2) if quoted is None else quoted.replace('""', '"'))
        position = found.end()
        if not found.group(3):
            return cells


def cut_otherwise(line: str) -> Iterator[list[str]]:
    """The cells of a row that a tool wrote with another separator, for each that may be it.

    It is believed only where a time, or a date, stands in the first cell by itself.
    """
    for separator in SEPARATORS:
        if separator in line:
            cells = split_csv(line, separator)
            if cells is not None and _MOMENT.fullmatch(cells[0]):
                yield cells


def cut_any_way(line: str) -> Iterator[list[str]]:
    """The cells of a row of CSV, by commas first."""
    cells = split_csv(line)
    if cells is not None:
        yield cells
    yield from cut_otherwise(line)


def explain_separator(line: str, width: int) -> str:
    """What another separator would give, for a reason, where that is more."""
    separator = max(SEPARATORS, key=line.count)
    others = line.count(separator) + 1
    return f"; cut at {CELL_ENDS[separator]} it has {others}" if others > width else ""


def find_separator(names: str) -> str:
    """What parts the names in a line of names: a comma, unless there is more of another one."""
    return max(SEPARATORS, key=names.count)


def field_names(text: str, known: Sequence[str], separator: str = "") -> tuple[list[str], bool]:
    """The column names of a ``#Fields`` line, and whether the line is damaged.

    They are parted by ``separator``, a blank standing for any white space; without one, by what parts them.
    Known names get their usual spelling whatever their case; of a repeated name the first stands.
    A line is damaged where a name repeats, is empty, or is the torn-off beginning of a known one.
    """
    spelling = {name.lower(): name for name in known}
    names = text.split() if separator == " " else text.split(separator or find_separator(text))
    names = [spelling.get(name.strip().lower(), name.strip()) for name in names]
    kept = [name for name in dict.fromkeys(names) if name]
    torn = bool(kept) and kept[-1] not in known and any(k.startswith(kept[-1]) for k in known)
    return kept, torn or len(kept) < len(names)


class ColumnarReader(Reader):
    """Reads rows of cells by the columns of the header, or by their number where there is none.

    A width is looked up among the source's schemas only where no header, or a damaged one, says
    what the columns are; ``plausible`` must then agree, so that a stray comma never shifts a row.
    A row of another width than its columns is unparsed. A source that gives ``derived_from`` says that
    its rows can be read as a ``model.Layout`` describes, with what is ``computed`` too.
    """

    header_name = "#Fields"  # what a refusal calls the line with the column names

    def __init__(
        self,
        source: Source,
        settings: Settings,
        *,
        split: Split,
        finish: Finish,
        separator: str = "",
        name_schema: Callable[[Sequence[str], str], str] = lambda columns, version: "",
        plausible: Callable[[Mapping[str, str]], bool] = lambda values: True,
        derived_from: Mapping[str, str] | None = None,
        computed: tuple[Derivation, ...] = (),
        choose_hide: ChooseHide = lambda column: None,
    ) -> None:
        self._source = source
        self._choose_hide = choose_hide
        self._hides: tuple[Schema | None, dict[str, Hide], HideRow | None] = None, {}, None
        self._settings = settings
        self._split = split
        self._finish = finish
        self._separator = separator
        self._name_schema = name_schema
        self._plausible = plausible
        self._derived_from = derived_from
        self._computed = computed
        self._known = {len(schema.columns): schema for schema in source.schemas}
        self._forced = next((s for s in source.schemas if s.name == settings.schema), None)
        self._damaged = False
        self._version = ""
        self._laid_out: tuple[Schema | None, Layout | None] | None = None

    @property
    def layout(self) -> Layout | None:
        """The layout where a header names the columns and the first of them is the row's time."""
        if self._laid_out is None or self._laid_out[0] is not self.schema:
            self._laid_out = self.schema, self.lay_out()
        return self._laid_out[1]

    def lay_out(self) -> Layout | None:
        """``layout`` under the columns that are in force; it is kept until others are, or a header comes."""
        schema, derived_from = self.schema, self._derived_from
        if schema is None or derived_from is None or schema.found not in {"header", "forced"}:
            return None
        if len(schema.columns) < 2 or schema.columns[0] != self._source.columns[0]:
            return None
        hides, hide_row = self._hides_for(schema)
        if hide_row is not None:
            return None
        guards = {column: _watch(hide) for column, hide in hides.items()}
        return Layout(schema, self._finish, derived_from, self._computed, guards=guards)

    @property
    def memory(self) -> object:
        """The columns and where they are from, once a header has named them.

        A reader that keeps more between two rows must give that too, or ``None``.
        """
        if self.schema is None or self.schema.found not in {"header", "forced"}:
            return None
        return self.schema, self._damaged, self._version

    def header(self, directives: Mapping[str, str]) -> None:
        """Take the columns from ``#Fields`` and the version from ``#Version``."""
        self._laid_out = None
        self._version = directives.get("version", "")
        fields = directives.get("fields")
        if self._forced is not None:
            self.schema = self._named(self._forced.columns, "forced")
        elif fields is not None:
            columns, self._damaged = field_names(fields, self._source.columns, self._separator)
            self.schema = self._named(tuple(columns), "header")

    def read(self, line: str) -> Record | Unparsed | None:
        """One row as a record, whatever is between its cells; a bare line of column names gives ``None``."""
        line = line.lstrip(INDENT)
        cells = self._split(line)
        if cells is not None and self._is_header(cells):
            return None
        found = self._read_cells(line, cells)
        if isinstance(found, Unparsed):
            for cells in cut_otherwise(line):
                other = self._read_cells(line, cells)
                if isinstance(other, Record):
                    return other
        return found

    def _read_cells(self, line: str, cells: list[str] | None) -> Record | Unparsed:
        if cells is None:
            return Unparsed(line, "quote", explain_quote(line))
        schema = self._schema_for(len(cells))
        if schema is None:
            return Unparsed(
                line, "width", self._explain_width(len(cells)) + explain_separator(line, len(cells))
            )
        values = dict(zip(schema.columns, cells))
        if schema.found == "count" and not self._plausible(values):
            reason = f"row has {len(cells)} fields, but their values do not fit the columns of that width"
            return Unparsed(line, "width", reason)
        return self.record(line, schema, values)

    def joins(self, text: str) -> bool:
        """Whether several lines have as many cells together as a row has, in CSV."""
        cells = self._split(text) if self._separator in ("", ",") else None
        if cells is None:
            return False
        return len(cells) in self._known if self.schema is None else len(cells) == len(self.schema.columns)

    def record(self, line: str, schema: Schema, values: dict[str, str]) -> Record | Unparsed:
        """A record from values by column, completed by the source."""
        line, values = self._without_secrets(line, schema, values)
        record = Record(self._source, schema, values, raw=line)
        refusal = self._finish(record)
        return record if refusal is None else Unparsed(line, *refusal)

    def _without_secrets(
        self, line: str, schema: Schema, values: dict[str, str]
    ) -> tuple[str, dict[str, str]]:
        """The row, as a line and by column, with what must not leave hidden in both."""
        hides, hide_row = self._hides_for(schema)
        found = {
            column: hidden
            for column, hide in hides.items()
            if (text := values.get(column)) and (hidden := hide(text)) != text
        }
        if hide_row is not None:
            found.update(hide_row(values))
        if not found:
            return line, values
        shown = {**values, **found}
        if self._separator == " " and not any(" " in text for text in shown.values()):
            return " ".join(shown.values()), shown
        return join_csv(shown.values()), shown

    def _hides_for(self, schema: Schema) -> tuple[dict[str, Hide], HideRow | None]:
        """What hides the secrets of rows: by column, and in columns that belong to another log."""
        if self._hides[0] is not schema:
            found = {column: self._choose_hide(column) for column in schema.columns}
            by_column = {column: hide for column, hide in found.items() if hide is not None}
            foreign = hide_foreign(schema.columns, self._source.columns, self._settings)
            self._hides = schema, by_column, foreign
        return self._hides[1:]

    def complete(self, line: str, values: dict[str, str], found: str) -> Record | Unparsed:
        """A record from a row that was split elsewhere; its columns are the names it came with."""
        return self.record(line, self._named(tuple(values), found), values)

    def _is_header(self, cells: list[str]) -> bool:
        if len(cells) < 2 or cells[0].strip().lower() != self._source.columns[0].lower():
            return False
        if any("\r" in cell for cell in cells):
            return False  # lines that end in CR alone: the rows would be lost as names
        separator = self._separator or ","
        columns, self._damaged = field_names(separator.join(cells), self._source.columns, separator)
        if self._forced is None:
            self.schema = self._named(tuple(columns), "header")
        return True

    def _schema_for(self, width: int) -> Schema | None:
        schema = self.schema
        if schema is not None and len(schema.columns) == width:
            return schema
        known = self._known.get(width)
        if known is None or self._forced is not None:
            return None
        if schema is None or schema.found == "count":
            self.schema = self._named(known.columns, "count")
            return self.schema
        cut_off = len(schema.columns) not in self._known and (
            known.columns[: len(schema.columns)] == schema.columns
        )
        return self._named(known.columns, "count") if self._damaged or cut_off else None

    def _explain_width(self, width: int) -> str:
        if self.schema is None:
            expected = " or ".join(str(width) for width in sorted(self._known))
            return f"row has {width} fields and no header came before it; expected {expected or 'a header'}"
        columns = len(self.schema.columns)
        origin = {"header": f"{self.header_name} names", "forced": f"schema {self.schema.name} has"}
        return f"row has {width} fields; {origin.get(self.schema.found, 'rows before had')} {columns}"

    def _named(self, columns: tuple[str, ...], found: str) -> Schema:
        name = self._name_schema(columns, self._version)
        return Schema(name, columns, self._version, found)


def _watch(hide: Hide) -> Watched:
    """Whether a text has anything to be hidden; a function that hides may say its ``hints``."""
    return Watched(lambda text: hide(text) != text, getattr(hide, "hints", ()))


def derive(record: Record, computed: Iterable[Derivation]) -> None:
    """Add what can be derived to a record whose columns are known."""
    for derivation in computed:
        texts = read_columns(record.get, derivation.columns, derivation.needed)
        record.derived.update(zip(derivation.names, derivation.apply(texts)))


def explain_quote(line: str) -> str:
    """The reason of a row that ``split_csv`` refuses."""
    if line.count('"') % 2:
        return "a quoted field is left open at the end of the line"
    return "text follows the closing quote of a field"


def explain_date(column: str, value: str) -> Refusal:
    """The refusal of a row whose time cannot be read."""
    return "date", f"{column} is {quote(value)}; expected yyyy-MM-ddTHH:mm:ss.fffZ"


def masked_columns(values: Mapping[str, str], raw: str) -> dict[str, str]:
    """The columns out of which a secret was taken in the row that they were put together to.

    What stood behind a secret may be gone from the row with it; those columns are then empty.
    """
    if raw == join_csv(values.values()):
        return {}
    cells = split_csv(raw) or raw.split(",")
    cells += [""] * (len(values) - len(cells))
    return {name: cell for (name, value), cell in zip(values.items(), cells) if cell != value}
