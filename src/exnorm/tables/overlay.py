"""Apply a site's changes to tables, written without code under ``tables`` in its settings file.

They are checked against the registered tables, so that every message gives the line: ``site.yaml:7: unknown
field 'Mesage' ...; did you mean 'Message'?``. Each change is marked with the rule ``overlay FILE:LINE``,
which explanations and printed tables show.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping as AnyMapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from exnorm import convert
from exnorm.errors import MappingError, SettingsError, find_nearest, quote, suggest
from exnorm.model import (
    ByEvent,
    Condition,
    Constant,
    EventRule,
    Field,
    Mapping,
    Reading,
    Row,
    RowFilter,
    RowTest,
    Source,
    Taxonomy,
    Value,
)
from exnorm.settings import Tables
from exnorm.tables.checks import ANY_SEVERITY, SEVERITIES
from exnorm.tables.mapping import (
    ADDITIONAL_DATA,
    can_both_hold,
    check_mapping,
    column_is,
    column_is_not,
    describe_rule,
    event_is,
    event_is_not,
    index_fields,
    set_events,
    setting_of,
)
from exnorm.text.controls import TOKENS, name_control
from exnorm.text.yamlfile import Node, texts

T = TypeVar("T")

TABLE_KEYS = (
    "columns", "drop", "keep", "remove", "replace", "add", "labels", "events", "severity", "rename",
)  # fmt: skip
TEST_KEYS = ("event", "event-not", "column", "is", "is-not", "pattern")
ROW_KEYS = ("field", "from", "value", "member", "match", "as", "label", "when", "why")
WHEN_KEYS = ("event", "event-not", "column", "is", "is-not")
WHY = "the site's own row"

READINGS: AnyMapping[str, Reading] = {
    reading.__name__: reading
    for reading in (
        convert.text, convert.upper, convert.lower, convert.ip, convert.ipv4, convert.ipv6, convert.integer,
        convert.port, convert.used_port, convert.utc_ms, convert.gmt_ms, convert.mailbox,
        convert.addresses, convert.account, convert.host, convert.plus_as_blank,
    )
}  # fmt: skip
"""What ``as`` may say: functions of ``exnorm.convert`` by name."""

READINGS_OF_TYPE: AnyMapping[str, tuple[str, ...]] = {
    "ipv4": ("ipv4",),
    "ipv6": ("ipv6",),
    "ip": ("ip", "ipv4", "ipv6"),
    "integer": ("integer", "port", "used_port"),
    "long": ("integer", "port", "used_port"),
    "time": ("utc_ms", "gmt_ms"),
}
"""By type of field, what may fill it; the first is what fills it where nothing is said."""

_MOST_SAID = 50  # faults in one message


@dataclass
class Overlaid:
    """The tables after a site's changes, with the changes made, the faults, and notes on doubtful entries."""

    mappings: dict[str, Mapping]
    changes: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def lay_over(
    tables: Tables,
    mappings: AnyMapping[str, Mapping],
    sources: AnyMapping[str, Source],
    taxonomies: AnyMapping[str, Taxonomy],
) -> Overlaid:
    """Return every table with the site's changes; faults are collected in the result, not raised."""
    done = Overlaid(dict(mappings))
    root = tables.content
    if root.empty:
        return done
    if root.kind != "map":
        done.faults.append(
            f"{_at(tables.file, root)}tables: got {root.describe()}; expected changes by table"
        )
        return done
    for key, changes in root.pairs:
        for name in (part.strip() for part in key.text.split(",")):
            base = done.mappings.get(name)
            if base is None:
                done.faults.append(f"{_at(tables.file, key)}{_explain_table(name, mappings)}")
                continue
            editor = _Editor(tables.file, base, sources[base.source], taxonomies[base.taxonomy], done)
            done.mappings[name] = editor.edit(key, changes)
    done.faults = sorted(dict.fromkeys(done.faults), key=partial(_line_of, tables.file))
    return done


def _line_of(file: str, fault: str) -> int:
    line = fault.removeprefix(f"{file}:").partition(":")[0]
    return int(line) if line.isdecimal() else 0


def _explain_table(name: str, mappings: AnyMapping[str, Mapping]) -> str:
    """Return why there is no table of this name; for the name of a taxonomy or log type, list its tables."""
    for kind, attribute in (("taxonomy", "taxonomy"), ("log type", "source")):
        tables = [m.name for m in mappings.values() if getattr(m, attribute) == name]
        if tables:
            return f"{quote(name)} is a {kind}; expected one of its tables: {', '.join(tables)}"
    return f"unknown table {quote(name)}{suggest(name, mappings)}"


def require(overlaid: Overlaid) -> dict[str, Mapping]:
    """Return the tables, or raise ``SettingsError`` with the faults."""
    if overlaid.faults:
        more = len(overlaid.faults) - _MOST_SAID
        rest = [f"{more} more faults; exnorm config check lists all"] if more > 0 else []
        raise SettingsError(*overlaid.faults[:_MOST_SAID], *rest)
    return overlaid.mappings


def _at(file: str, node: Node) -> str:
    return f"{file}:{node.line}: " if node.line else f"{file}: "


class _Fault(Exception):
    """One thing that is wrong, with its place; ends the reading of one part of an entry, not of the file."""

    def __init__(self, node: Node, reason: str) -> None:
        super().__init__(reason)
        self.node = node


class _Stop(Exception):
    """Enough was wrong in an entry, and is noted."""


class _Editor:
    """Applies the changes of one table, entry by entry."""

    def __init__(self, file: str, base: Mapping, source: Source, taxonomy: Taxonomy, done: Overlaid) -> None:
        self._file = file
        self._source = source
        self._taxonomy = taxonomy
        self._done = done
        self._table = base
        self._labels = {item.label for item in taxonomy.fields}
        self._fields = index_fields(taxonomy)
        self._slips: list[_Fault] = []  # in the entry that is read

    def edit(self, key: Node, changes: Node) -> Mapping:
        """Return the table with all changes that could be read."""
        before = len(self._done.faults)
        self._attempt(self._edit_parts, changes)
        if len(self._done.faults) == before:
            self._check(key)
        return self._table

    def _edit_parts(self, changes: Node) -> None:
        parts = self._read_map(changes, TABLE_KEYS, f"table {self._table.name}")
        for name, edit in (("columns", self._add_column), ("remove", self._remove)):
            self._each(parts.get(name), edit)
        for name in ("drop", "keep"):
            self._each(parts.get(name), partial(self._add_filter, name))
        self._replace_all(tuple(texts(parts["replace"])) if "replace" in parts else ())
        self._each(parts.get("add"), self._add)
        self._each(parts.get("severity"), self._add_severity)
        for name, set_one in (
            ("labels", self._set_label), ("events", self._set_event), ("rename", self._rename),
        ):  # fmt: skip
            if name in parts:
                self._attempt(self._each_pair, parts[name], set_one, name)

    def _each(self, node: Node | None, edit: Callable[[Node], None]) -> None:
        for item in texts(node) if node is not None else ():
            self._attempt(edit, item)

    def _attempt(self, edit: Callable[..., None], *arguments: object) -> None:
        around, self._slips = self._slips, []
        try:
            edit(*arguments)
        except _Fault as fault:
            self._slips.append(fault)
        except _Stop:
            pass
        self._done.faults += (f"{_at(self._file, fault.node)}{fault}" for fault in self._slips)
        self._slips = around

    def _try(self, otherwise: T, read: Callable[..., Any], *arguments: object) -> T:
        """Return the value of a part of an entry; after a fault record it and return ``otherwise``."""
        try:
            found: T = read(*arguments)
        except _Fault as fault:
            self._slips.append(fault)
            return otherwise
        return found

    def _stop_at_slips(self) -> None:
        if self._slips:
            raise _Stop

    def _each_pair(self, node: Node, edit: Callable[[Node, Node], None], name: str) -> None:
        if node.kind != "map":
            raise _Fault(node, f"{name}: got {node.describe()}; expected a map")
        for key, value in node.pairs:
            self._attempt(edit, key, value)

    def _check(self, key: Node) -> None:
        """Report the faults that show only in the whole table."""
        try:
            check_mapping(self._table, self._source, self._taxonomy)
        except MappingError as error:
            self._done.faults.append(f"{_at(self._file, key)}{error}")

    def _note_change(self, node: Node, what: str) -> None:
        self._done.changes.append(f"{self._table.name}: {what} ({_at(self._file, node)[:-2]})")

    def _rule(self, node: Node) -> str:
        return f"overlay {_at(self._file, node)[:-2]}"

    # --- columns and rows ---

    def _add_column(self, node: Node) -> None:
        name = _read_shown(node, "columns")
        if name in self._source.columns or name in self._source.derived:
            raise _Fault(node, f"columns: {quote(name)} is a column of {self._source.name} already")
        self._table = replace(self._table, columns=(*self._table.columns, name))
        self._unmap([name], node, "no row of the overlay uses it")
        self._note_change(node, f"column {name} made known")

    def _remove(self, node: Node) -> None:
        origin = None
        if node.kind == "map":
            parts = self._read_map(node, ("field", "from"), "remove")
            target = self._try("", lambda: self._find_field(_require(node, parts, "field", "remove")))
            if "from" in parts:
                origin = self._try("", self._find_column, parts["from"])
            self._stop_at_slips()
        else:
            target = self._find_field(node)
        gone = [
            row for row in self._table.rows
            if row.field == target and (origin is None or origin in row.origins)
        ]  # fmt: skip
        if not gone:
            raise _Fault(node, f"remove: table {self._table.name} has no row for {target}")
        item = self._fields.get(target.casefold())
        if item is not None and item.header:
            raise _Fault(node, f"remove: {target} stands in the format's header; replace its row instead")
        self._table = replace(self._table, rows=tuple(row for row in self._table.rows if row not in gone))
        self._unmap(
            (o for row in gone for o in row.origins if isinstance(o, str)), node, "its row is removed"
        )
        self._note_change(node, f"{target} removed")

    def _replace_all(self, items: tuple[Node, ...]) -> None:
        """Replace all earlier rows of a field by new ones, for each field at once."""
        fresh: dict[str, list[tuple[Node, Row]]] = {}
        for item in items:
            self._attempt(self._collect_row, item, fresh)
        for target, rows in fresh.items():
            self._attempt(self._replace, rows[0][0], target, rows)

    def _collect_row(self, node: Node, fresh: dict[str, list[tuple[Node, Row]]]) -> None:
        row = self._read_row(node)
        fresh.setdefault(row.field, []).append((node, row))

    def _replace(self, node: Node, target: str, fresh: list[tuple[Node, Row]]) -> None:
        if target == ADDITIONAL_DATA:
            raise _Fault(node, f"replace: {ADDITIONAL_DATA} has many rows; remove one, or add one")
        gone = [row for row in self._table.rows if row.field == target]
        if not gone:
            raise _Fault(node, f"replace: table {self._table.name} has no row for {target}; add it instead")
        self._refuse_overlap(fresh)
        place = self._table.rows.index(gone[0])
        kept = [row for row in self._table.rows if row.field != target]
        rows = (*kept[:place], *(row for _, row in fresh), *kept[place:])
        self._table = replace(self._table, rows=rows)
        self._unmap(
            (o for row in gone for o in row.origins if isinstance(o, str)), node, "its row is replaced"
        )
        for item, row in fresh:
            self._map(row)
            self._note_change(item, f"{target} replaced")

    def _refuse_overlap(self, fresh: list[tuple[Node, Row]]) -> None:
        for number, (node, row) in enumerate(fresh):
            for earlier, other in fresh[:number]:
                if can_both_hold(row.when, other.when):
                    raise _Fault(
                        node,
                        f"{row.field} is written here and in line {earlier.line}, and both can hold at once",
                    )

    def _add(self, node: Node) -> None:
        row = self._read_row(node)
        for earlier in self._table.rows:
            if earlier.field != row.field or row.field == ADDITIONAL_DATA:
                continue
            optional = setting_of(earlier.when) is not None
            if can_both_hold(earlier.when, row.when) and not optional:
                origins = " else ".join(str(getattr(o, "value", o)) for o in earlier.origins)
                whose = f" ({earlier.rule})" if earlier.rule else ""
                raise _Fault(
                    node,
                    f"add: {row.field} has a row already, from {origins}{whose}; "
                    "write it under replace, or give both a when",
                )
        rows = tuple(
            r for r in self._table.rows
            if r.field != row.field or row.field == ADDITIONAL_DATA or not can_both_hold(r.when, row.when)
        )  # fmt: skip
        self._table = replace(self._table, rows=(*rows, row))
        self._map(row)
        self._note_change(node, f"{row.field} added")

    def _map(self, row: Row) -> None:
        """Remove the columns of a new row from the list of unmapped ones."""
        used = (
            set()
            if row.partial
            else {c for o in row.origins if isinstance(o, str) for c in (o, *self._source.columns_of(o))}
        )
        unmapped = {name: why for name, why in self._table.unmapped.items() if name not in used}
        self._table = replace(self._table, unmapped=unmapped)

    def _unmap(self, names: Iterable[str], node: Node, why: str) -> None:
        """List the columns that lost their last row as unmapped, with the overlay as the reason."""
        mapped = {
            column
            for row in self._table.rows if not row.partial
            for origin in row.origins if isinstance(origin, str)
            for column in (origin, *self._source.columns_of(origin))
        }  # fmt: skip
        known = {*self._source.columns, *self._table.columns}
        lost = {column for name in names for column in (name, *self._source.columns_of(name))}
        unmapped = dict(self._table.unmapped)
        for column in sorted((lost & known) - mapped):
            unmapped.setdefault(column, f"{why} by {self._rule(node)}; kept as additional data")
        self._table = replace(self._table, unmapped=unmapped)

    # --- labels and events ---

    def _set_label(self, key: Node, value: Node) -> None:
        target = self._find_field(key)
        label = _read_shown(value, f"labels: {target}")
        self._refuse_label(target, key)
        rows = [row for row in self._table.rows if row.field == target]
        if not rows:
            raise _Fault(key, f"labels: table {self._table.name} has no row for {target}")
        self._table = replace(
            self._table,
            rows=tuple(
                replace(row, label=label, rule=f"{describe_rule(row)}, label by {self._rule(key)}")
                if row.field == target else row
                for row in self._table.rows
            ),
        )  # fmt: skip
        self._note_change(key, f"{target} labelled {quote(label, 60)}")

    def _set_event(self, key: Node, value: Node) -> None:
        attributes = {row.read.attribute: row for row in self._table.rows if isinstance(row.read, ByEvent)}
        known = dict.fromkeys(
            (*attributes, *(name for event in self._table.events.values() for name in event))
        )
        if not known:
            raise _Fault(key, f"events: table {self._table.name} looks nothing up by event")
        event = key.text.upper()
        if value.kind != "map":
            example = f"{'severity' if 'severity' in known else next(iter(known))}: ..."
            raise _Fault(value, f"events: {quote(key.text)}: got {value.describe()}; expected {{{example}}}")
        given: dict[str, Value] = {}
        nothing: Value = ""
        for name, item in value.pairs:
            if name.text not in known:
                reason = (
                    f"events: {quote(key.text)}: unknown key {quote(name.text)}{suggest(name.text, known)}"
                )
                self._slips.append(_Fault(name, reason))
                continue
            read = partial(self._read_attribute, item, name.text, attributes.get(name.text))
            given[name.text] = self._try(nothing, read)
            self._note_change(name, f"{event} {name.text} = {given[name.text]}")
        self._stop_at_slips()
        if event not in {name.upper() for name in (*self._source.events, *self._table.events)}:
            self._done.notes.append(
                f"{_at(self._file, key)}event {quote(key.text)} is new to {self._source.name}"
                f"{_near(key.text, self._source.events)}"
            )
        for name, item in value.pairs:
            self._table = set_events(self._table, {event: {name.text: given[name.text]}}, self._rule(item))

    def _read_attribute(self, node: Node, name: str, row: Row | None) -> Value:
        numbers = any(isinstance(event.get(name), int) for event in self._table.events.values())
        target = self._fields.get(row.field.casefold()) if row is not None else None
        if not (numbers or (target is not None and target.type in ("integer", "long"))):
            return _read_shown(node, name, empty=True)
        lowest, highest = (0, 2**31 - 1)
        if name == "severity":
            lowest, highest = SEVERITIES.get(target.key if target else "", ANY_SEVERITY)
        number = node.value
        if not isinstance(number, int) or isinstance(number, bool) or not lowest <= number <= highest:
            raise _Fault(node, f"{name}: got {node.describe()}; expected a number from {lowest} to {highest}")
        return number

    # --- rows and events as a whole ---

    def _add_filter(self, kind: str, node: Node) -> None:
        tests = self._read_tests(node, kind)
        group = f"keep of {self._table.name}" if kind == "keep" else ""
        self._stop_at_slips()
        one = RowFilter(self._rule(node), tests, group)
        self._table = replace(self._table, filters=(*self._table.filters, one))
        self._note_change(node, f"rows {'left out' if kind == 'drop' else 'kept'}")

    def _add_severity(self, node: Node) -> None:
        parts = self._read_map(node, ("match", "set"), "severity")
        none: tuple[RowTest, ...] = ()
        tests = self._try(
            none, lambda: self._read_tests(_require(node, parts, "match", "severity"), "severity: match")
        )
        rows = [r for r in self._table.rows if isinstance(r.read, ByEvent) and r.read.attribute == "severity"]
        if not rows:
            raise _Fault(node, f"severity: table {self._table.name} writes no severity")
        number = self._read_attribute(_require(node, parts, "set", "severity"), "severity", rows[0])
        target = self._fields[rows[0].field.casefold()].name
        self._stop_at_slips()
        change = EventRule(self._rule(node), tests, fields=((target, number),))
        self._table = replace(self._table, event_changes=(*self._table.event_changes, change))
        self._note_change(node, f"severity {number} where it matches")

    def _rename(self, key: Node, value: Node) -> None:
        name = self._try("", _read_text, value, f"rename: {key.text}")
        column = self._find_column(key)
        self._stop_at_slips()
        if not any(row.partial or column not in row.origins for row in self._table.rows):
            raise _Fault(
                key, f"rename: {quote(column)} has a field of its own; only additional data has its name"
            )
        change = EventRule(self._rule(key), renames=((column, name),))
        self._table = replace(self._table, event_changes=(*self._table.event_changes, change))
        self._note_change(key, f"additional data {column} named {quote(name, 60)}")

    def _read_tests(self, node: Node, where: str) -> tuple[RowTest, ...]:
        """Return the tests of an entry, all of which must hold: on the event, on one column."""
        parts = self._read_map(node, TEST_KEYS, where)
        asked = [name for name in ("is", "is-not", "pattern") if name in parts]
        if ("column" in parts) != bool(asked) or len(asked) > 1:
            raise _Fault(node, f"{where}: a column goes with one of is, is-not and pattern")
        tests: list[RowTest] = []
        for name in ("event", "event-not"):
            if name in parts:
                if not self._source.event_column:
                    raise _Fault(node, f"{where}: {self._source.name} names no event")
                tests.append(RowTest("", self._read_words(parts[name], name), name == "event-not"))
        if asked:
            (name,), column = asked, self._try("", self._find_column, parts["column"])
            read = self._read_pattern if name == "pattern" else partial(self._read_words, name=name)
            tests.append(RowTest(column, read(parts[name]), name == "is-not"))
        if not tests:
            raise _Fault(node, f"{where}: expected event, event-not, or column with is, is-not or pattern")
        return tuple(tests)

    def _read_words(self, node: Node, name: str) -> re.Pattern[str]:
        words = [_read_text(item, name, empty=name.startswith("is")) for item in texts(node)]
        return re.compile(rf"\A(?:{'|'.join(map(re.escape, words))})\Z", re.IGNORECASE)

    def _read_pattern(self, node: Node) -> re.Pattern[str]:
        pattern = _read_text(node, "pattern")
        try:
            return re.compile(pattern, re.IGNORECASE)
        except re.error as error:
            raise _Fault(node, f"pattern: {quote(pattern)} is no regular expression: {error}") from None

    # --- reading one row ---

    def _read_row(self, node: Node) -> Row:
        parts = self._read_map(node, ROW_KEYS, "row")
        target = self._try("", lambda: self._find_field(_require(node, parts, "field", "row")))
        field_ = self._fields.get(target.casefold())
        if ("from" in parts) == ("value" in parts):
            raise _Fault(
                node, f"{_name_row(target)}: expected either from (a column) or value (a fixed text)"
            )
        if "value" in parts:
            return self._read_constant(node, parts, target, field_)
        origins = tuple(self._try("", self._find_column, item) for item in texts(parts["from"]))
        if not origins:
            raise _Fault(parts["from"], f"{_name_row(target)}: from: expected a column")
        text: Reading = convert.text
        reading = self._try(text, self._find_reading, parts.get("as"), target, field_)
        if "match" in parts:
            reading = self._try(reading, self._read_match, parts["match"], reading)
        named = self._try("", _read_text, parts["member"], "member") if "member" in parts else origins[0]
        if "member" in parts:
            reading = convert.member(named, reading)
        when, label, why = self._read_rest(parts, target, named)
        self._stop_at_slips()
        return Row(
            field=target,
            origins=origins,
            read=reading,
            when=when,
            label=label,
            ours=why,
            partial="match" in parts or "member" in parts,
            rule=self._rule(node),
        )

    def _read_rest(
        self, parts: dict[str, Node], target: str, named: str
    ) -> tuple[Condition | None, str, str]:
        """When a row holds, its label, and why it is there."""
        when = self._try(None, self._read_when, parts.get("when"))
        label = self._try("", self._read_label, parts.get("label"), target, named) if target else ""
        return when, label, self._try("", _read_text, parts["why"], "why") if "why" in parts else WHY

    def _read_constant(self, node: Node, parts: dict[str, Node], target: str, item: Field | None) -> Row:
        for name in ("member", "match", "as"):
            if name in parts:
                self._slips.append(
                    _Fault(parts[name], f"{_name_row(target)}: {name} goes with from, not with value")
                )
        if item is None:
            self._stop_at_slips()  # the field is not known
            raise _Fault(node, f"row {target}: {ADDITIONAL_DATA} takes columns, not a value")
        nothing: Value = ""
        value = self._try(nothing, self._read_value, parts["value"], target, item)
        when, label, why = self._read_rest(parts, target, target)
        self._stop_at_slips()
        return Row(target, (Constant(value),), convert.text, when, label, why, rule=self._rule(node))

    def _read_value(self, node: Node, target: str, item: Field) -> Value:
        written = _read_shown(node, "value")
        value = self._find_reading(None, target, item)(written)
        if value is None:
            raise _Fault(node, f"row {target}: value: got {quote(written)}; the field takes {item.type}")
        return value

    def _read_match(self, node: Node, reading: Reading) -> Reading:
        pattern = _read_text(node, "match")
        try:
            found = convert.match(pattern, reading)
        except re.error as error:
            raise _Fault(node, f"match: {quote(pattern)} is no regular expression: {error}") from None
        if re.compile(pattern).groups > 1:
            raise _Fault(node, f"match: {quote(pattern)} has several groups; expected one, or none")
        return found

    def _find_reading(self, node: Node | None, target: str, item: Field | None) -> Reading:
        fit = READINGS_OF_TYPE.get(item.type if item is not None else "text", ())
        if node is None:
            return READINGS[fit[0]] if fit else convert.text
        name = _read_text(node, "as")
        if name not in READINGS:
            raise _Fault(
                node, f"{_name_row(target)}: as: unknown reading {quote(name)}{suggest(name, READINGS)}"
            )
        if not target:  # the field is not known, so that nothing can be said of what it takes
            return READINGS[name]
        if fit and name not in fit:
            assert item is not None
            raise _Fault(
                node,
                f"row {target}: as: got {quote(name)}, but the field takes {item.type}; "
                f"expected {' or '.join(fit)}",
            )
        if not fit and name in ("integer", "port", "used_port", "utc_ms", "gmt_ms"):
            raise _Fault(
                node, f"row {target}: as: got {quote(name)}, which gives a number, but the field takes text"
            )
        return READINGS[name]

    def _read_label(self, node: Node | None, target: str, default: str) -> str:
        if node is None:
            return default if target + " Label" in self._labels else ""
        self._refuse_label(target, node)
        return _read_shown(node, "label")

    def _refuse_label(self, target: str, node: Node) -> None:
        if target + " Label" not in self._labels:
            raise _Fault(node, f"{target} of {self._taxonomy.name} has no label")

    def _read_when(self, node: Node | None) -> Condition | None:
        if node is None:
            return None
        parts = self._read_map(node, WHEN_KEYS, "when")
        names = tuple(sorted(parts))
        if names in (("event",), ("event-not",)):
            if not self._source.event_column:
                raise _Fault(node, f"when: {self._source.name} names no event")
            values = [_read_text(item, "event") for item in texts(parts[names[0]])]
            return event_is(*values) if names == ("event",) else event_is_not(*values)
        if names in (("column", "is"), ("column", "is-not")):
            column = self._find_column(parts["column"])
            values = [_read_text(item, names[1], empty=True) for item in texts(parts[names[1]])]
            return column_is(column, *values) if names[1] == "is" else column_is_not(column, *values)
        raise _Fault(
            node, "when: expected event, or event-not, or column with is or is-not, and one of these only"
        )

    # --- names ---

    def _read_map(self, node: Node, known: tuple[str, ...], where: str) -> dict[str, Node]:
        if node.kind != "map":
            raise _Fault(node, f"{where}: got {node.describe()}; expected {', '.join(known)}")
        parts: dict[str, Node] = {}
        for key, value in node.pairs:
            if key.text not in known:
                reason = f"{where}: unknown key {quote(key.text)}{suggest(key.text, known)}"
                self._slips.append(_Fault(key, reason))
            # What was meant is looked at too, so that all that is wrong with it is told at once.
            parts.setdefault(key.text if key.text in known else find_nearest(key.text, known), value)
        parts.pop("", None)
        return parts

    def _find_field(self, node: Node) -> str:
        name = _read_text(node, "field")
        if name.casefold() == ADDITIONAL_DATA.casefold():
            return ADDITIONAL_DATA
        found = self._fields.get(name.casefold())
        if found is None:
            other = [text for item in self._taxonomy.fields for text in (item.name, item.key)]
            near = _near(name, self._labels) or _near(name, other) or "; exnorm mappings prints the tables"
            raise _Fault(node, f"unknown field {quote(name)} of {self._taxonomy.name}{near}")
        return found.label

    def _find_column(self, node: Node) -> str:
        name = _read_text(node, "column")
        known = {*self._source.columns, *self._source.derived, *self._table.columns}
        if name not in known:
            raise _Fault(
                node,
                f"unknown column {quote(name)} of {self._source.name}{suggest(name, known)}"
                + ("" if _near(name, known) else "; a column that is new stands under columns"),
            )
        return name


def _read_text(node: Node, where: str, *, empty: bool = False) -> str:
    if node.kind != "scalar" or node.empty or (not node.text and not empty):
        raise _Fault(node, f"{where}: got {node.describe()}; expected a text")
    return node.text


def _read_shown(node: Node, where: str, *, empty: bool = False) -> str:
    """Return a text that will be shown in events; a line break or another control in it is a fault."""
    text = _read_text(node, where, empty=empty)
    odd = next((character for character in text if character in TOKENS), "")
    if odd:
        raise _Fault(
            node, f"{where}: got {quote(text)}, which holds {name_control(odd)}; expected plain text"
        )
    return text


def _name_row(target: str) -> str:
    return f"row {target}" if target else "row"


def _require(node: Node, parts: dict[str, Node], name: str, where: str) -> Node:
    if name not in parts:
        raise _Fault(node, f"{where}: no {name}")
    return parts[name]


def _near(name: str, known: Iterable[str]) -> str:
    """Return the nearest known name as ``suggest`` words it; empty where none is near."""
    found = suggest(name, known)
    return found if found.startswith("; did you mean") else ""
