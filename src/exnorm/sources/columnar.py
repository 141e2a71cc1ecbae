"""Read logs whose rows are cells under a ``#Fields`` line: split a row and check it against the columns."""

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

# A cell and its end, by separator.
_CELLS = {
    separator: compile_later(rf'(?:"([^"]*(?:""[^"]*)*)"|([^"{separator}][^{separator}]*|))({separator}|\Z)')
    for separator in SEPARATORS
}
# The cell with a row's time or date, as the right separator gives it.
_MOMENT = compile_later(r"\d{4}-\d\d?-\d\d?(?:[T ][\d:.]+Z?)?|\d\d?:\d\d:\d\d")


def split_csv(line: str, separator: str = ",") -> list[str] | None:
    """Return the cells of a row of CSV; a quoted cell may contain separators and doubled quotes.

    ``None`` where a quoted cell is not closed, or text follows its closing quote.
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
    """Yield the cells of a row that a tool wrote with another separator, for each possible one.

    A separator is accepted only where the first cell is a time or a date alone.
    """
    for separator in SEPARATORS:
        if separator in line:
            cells = split_csv(line, separator)
            if cells is not None and _MOMENT.fullmatch(cells[0]):
                yield cells


def cut_any_way(line: str) -> Iterator[list[str]]:
    """Yield the cells of a row of CSV, cut at commas first."""
    cells = split_csv(line)
    if cells is not None:
        yield cells
    yield from cut_otherwise(line)


def explain_separator(line: str, width: int) -> str:
    """Return a remark for a reason where another separator gives more cells than ``width``."""
    separator = max(SEPARATORS, key=line.count)
    others = line.count(separator) + 1
    return f"; cut at {CELL_ENDS[separator]} it has {others}" if others > width else ""


def find_separator(names: str) -> str:
    """Return the separator of a line of names: a comma, unless another one occurs more often."""
    return max(SEPARATORS, key=names.count)


def field_names(text: str, known: Sequence[str], separator: str = "") -> tuple[list[str], bool]:
    """Return the column names of a ``#Fields`` line, and whether the line is damaged.

    ``separator`` separates the names, a blank standing for any white space; without one it is found. Known
    names get their usual spelling whatever their case; of a repeated name the first counts. A line is damaged
    where a name repeats, is empty, or is the cut-off beginning of a known one.
    """
    spelling = {name.lower(): name for name in known}
    names = text.split() if separator == " " else text.split(separator or find_separator(text))
    names = [spelling.get(name.strip().lower(), name.strip()) for name in names]
    kept = [name for name in dict.fromkeys(names) if name]
    torn = bool(kept) and kept[-1] not in known and any(k.startswith(kept[-1]) for k in known)
    return kept, torn or len(kept) < len(names)


class ColumnarReader(Reader):
    """Reads rows of cells by the columns of the header, or by their number where there is no header.

    The width of a row decides only where there is no header or a damaged one; ``plausible`` must then accept
    the values, so that a stray comma never shifts a row. A row of another width than its columns is unparsed.
    With ``derived_from`` the rows can be read as a ``model.Layout`` describes, including the values of
    ``computed``.
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
        """Return the layout of the current columns; it is cached until the columns change or a
        header comes.
        """
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
        """The columns and how they were found, once a header has named them.

        A reader that remembers more from row to row must add that, or return ``None``.
        """
        if self.schema is None or self.schema.found not in {"header", "forced"}:
            return None
        return self.schema, self._damaged, self._version

    def header(self, directives: Mapping[str, str]) -> None:
        """Read the columns from ``#Fields`` and the version from ``#Version``."""
        self._laid_out = None
        self._version = directives.get("version", "")
        fields = directives.get("fields")
        if self._forced is not None:
            self.schema = self._named(self._forced.columns, "forced")
        elif fields is not None:
            columns, self._damaged = field_names(fields, self._source.columns, self._separator)
            self.schema = self._named(tuple(columns), "header")

    def read(self, line: str) -> Record | Unparsed | None:
        """Read one row as a record, whatever separates its cells; a bare line of column names gives
        ``None``.
        """
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
        """Return whether several lines together have as many cells as a CSV row of this log."""
        cells = self._split(text) if self._separator in ("", ",") else None
        if cells is None:
            return False
        return len(cells) in self._known if self.schema is None else len(cells) == len(self.schema.columns)

    def record(self, line: str, schema: Schema, values: dict[str, str]) -> Record | Unparsed:
        """Return a record from values by column, completed by the source."""
        line, values = self._without_secrets(line, schema, values)
        record = Record(self._source, schema, values, raw=line)
        refusal = self._finish(record)
        return record if refusal is None else Unparsed(line, *refusal)

    def _without_secrets(
        self, line: str, schema: Schema, values: dict[str, str]
    ) -> tuple[str, dict[str, str]]:
        """Return the row as a line and by column, with secrets hidden in both."""
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
        """Return the functions that hide secrets: by column, and for columns that belong to another log."""
        if self._hides[0] is not schema:
            found = {column: self._choose_hide(column) for column in schema.columns}
            by_column = {column: hide for column, hide in found.items() if hide is not None}
            foreign = hide_foreign(schema.columns, self._source.columns, self._settings)
            self._hides = schema, by_column, foreign
        return self._hides[1:]

    def complete(self, line: str, values: dict[str, str], found: str) -> Record | Unparsed:
        """Return a record from a row that was split elsewhere; its columns are the names it came with."""
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
    """Return a test for texts with something to hide; a hiding function may give its ``hints``."""
    return Watched(lambda text: hide(text) != text, getattr(hide, "hints", ()))


def derive(record: Record, computed: Iterable[Derivation]) -> None:
    """Add derived values to a record whose columns are known."""
    for derivation in computed:
        texts = read_columns(record.get, derivation.columns, derivation.needed)
        record.derived.update(zip(derivation.names, derivation.apply(texts)))


def explain_quote(line: str) -> str:
    """Return the reason why ``split_csv`` refuses a row."""
    if line.count('"') % 2:
        return "a quoted field is left open at the end of the line"
    return "text follows the closing quote of a field"


def explain_date(column: str, value: str) -> Refusal:
    """Return the refusal of a row whose time cannot be read."""
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
