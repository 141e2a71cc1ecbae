"""Normalize a batch of lines into a batch of events over Arrow: for Spark, Ray, Dask, DuckDB and Polars.

Needs the extra ``exnorm[arrow]``. One row in is one row out, and batches are independent: a row brings what
it needs of its log (its columns).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from exnorm.errors import SettingsError, quote
from exnorm.extras import require
from exnorm.pipeline.normalizer import Normalizer
from exnorm.pipeline.stream import Stream
from exnorm.tabular import OK, UNPARSED, Recipe, Row, tabulate

if TYPE_CHECKING:
    import pyarrow

PASSED_ON = ("path", "offset")
_ADDITIONAL = "additionalData"
_NO_FIELDS = ("@timestamp", "event", "exnorm_id")  # of JSON; they have columns of their own, or none
_FEW_ROWS = 512  # so that their fields are still in the processor's cache when a column is made of them
_NUMBERS = ("integer", "time")  # types of fields that are numbers in JSON; all others are texts


class BatchNormalizer:
    """Normalizes record batches; made once, called for each batch, can be pickled to another process.

    Input columns: ``line`` (string or binary) and optionally ``path``, ``offset`` and ``schema``, the text of
    the log's ``#Fields`` or its whole header. Rows of one path and schema are read in their order, so header
    lines among them count. Output, row by row: ``path`` and ``offset`` as they came, and ``event_columns``.

    ``settings`` are those of ``Normalizer``; ``per_recipient`` is refused, because it makes several events of
    a row. Raises ``SettingsError``.
    """

    def __init__(self, output: str = "line", **settings: Any) -> None:
        require("exnorm.arrow", "arrow")
        self.output = output
        self.recipe = make_recipe(output, settings)
        if self.recipe.settings.per_recipient:
            raise SettingsError("per_recipient: cannot be used here; one row in is one row out")

    @property
    def normalizer(self) -> Normalizer:
        """The pipeline, assembled in the process that uses it."""
        return self.recipe.normalizer

    def pinned(self) -> BatchNormalizer:
        """Return a copy for processes with exactly the plugins of this one; others raise an error."""
        pinned = BatchNormalizer()
        pinned.output, pinned.recipe = self.output, self.recipe.pinned()
        return pinned

    def schema(self, passed_on: Mapping[str, pyarrow.DataType] | None = None) -> pyarrow.Schema:
        """Return the output columns, after those that are passed on."""
        import pyarrow as pa

        return pa.schema([*(passed_on or {}).items(), *event_columns(self.output, self.normalizer)])

    def __call__(self, batch: pyarrow.RecordBatch) -> pyarrow.RecordBatch:
        """Normalize one batch. Raises ``SettingsError`` where it has no column ``line``."""
        import pyarrow as pa

        names = batch.schema.names
        if "line" not in names:
            raise SettingsError(f"batch: no column 'line'; got {', '.join(names)}")
        lines = _read_lines(batch.column("line"))
        logs: dict[tuple[Any, Any], list[int]] = {}
        for number, log in enumerate(zip(_column(batch, "path"), _column(batch, "schema"))):
            logs.setdefault(log, []).append(number)
        rows: list[Any] = [None] * len(lines)
        for (path, schema), numbers in logs.items():
            stream = self._open(path or "", schema or "")
            found = tabulate([lines[number] for number in numbers], stream, self.normalizer)
            for number, row in zip(numbers, map(_only, found)):
                rows[number] = row
        passed_on = {name: batch.schema.field(name).type for name in PASSED_ON if name in names}
        return pa.RecordBatch.from_arrays(
            [*(batch.column(name) for name in passed_on), *make_arrays(rows, self.output, self.normalizer)],
            schema=self.schema(passed_on),
        )

    def _open(self, path: str, schema: str) -> Stream:
        """Return the stream of a log whose header is known."""
        stream = self.normalizer.stream(path)
        stream.take_text()
        for line in schema.splitlines():
            stream.read(line if line.startswith("#") else f"#Fields: {line}")
        return stream


def normalize_batch(batch: pyarrow.RecordBatch) -> pyarrow.RecordBatch:
    """Normalize a batch with the settings of the environment (``EXNORM_TAXONOMY`` and so on)."""
    return _default()(batch)


@lru_cache(maxsize=1)
def _default() -> BatchNormalizer:
    import os

    from exnorm.fluentbit.options import OWN_NAMES
    from exnorm.settings import read_environment

    return BatchNormalizer(**read_environment(os.environ, OWN_NAMES))


def make_recipe(output: str, settings: Mapping[str, Any]) -> Recipe:
    """Return the recipe for an output: ``line``, or ``fields``, which are made of JSON. Raises
    ``SettingsError``.
    """
    if output == "line":
        return Recipe(settings)
    if output != "fields":
        raise SettingsError(f"output: got {quote(output)}; expected line or fields")
    needed = {"format": "json", "fields": "full"}
    for name, value in needed.items():
        if settings.get(name, value) != value:
            raise SettingsError(f"{name}: got {quote(settings[name])}; output fields knows {value} only")
    return Recipe({**settings, **needed})


# --- rows -> columns -----------------------------------------------------------------------------


def event_columns(output: str, normalizer: Normalizer) -> list[tuple[str, pyarrow.DataType]]:
    """Return the output columns of each event.

    ``event_time`` (UTC, in microseconds, which engines share), ``event_id``, ``payload`` (the finished line;
    of a line that did not parse, if the format can express it) or ``fields`` (a struct of the taxonomy's
    fields, times as epoch milliseconds, and ``additionalData``), ``status``, ``reason``, ``exnorm_id``.
    """
    import pyarrow as pa

    text = pa.string()
    made = ("payload", text) if output == "line" else ("fields", _fields_type(normalizer))
    return [
        ("event_time", pa.timestamp("us", tz="UTC")), ("event_id", text), made, ("status", text),
        ("reason", text), ("exnorm_id", text),
    ]  # fmt: skip


def make_arrays(rows: Sequence[Row], output: str, normalizer: Normalizer) -> list[pyarrow.Array]:
    """Return the columns of ``event_columns`` for rows."""
    import pyarrow as pa

    times, events, payloads, *others = zip(*rows) if rows else [()] * len(Row._fields)
    types = [kind for _, kind in event_columns(output, normalizer)]
    return [
        pa.array(times, pa.timestamp("ms", tz="UTC")).cast(types[0]),
        pa.array(events, types[1]),
        pa.array(payloads, types[2]) if output == "line" else _make_structs(rows, types[2]),
        *(pa.array(values, kind) for values, kind in zip(others, types[3:])),
    ]


def _fields_type(normalizer: Normalizer) -> pyarrow.DataType:
    import pyarrow as pa

    return pa.struct(
        [
            *(
                (field.name, pa.int64() if field.type in _NUMBERS else pa.string())
                for field in normalizer.taxonomy.fields
            ),
            (_ADDITIONAL, pa.map_(pa.string(), pa.string())),
        ]
    )


def _make_structs(rows: Sequence[Row], kind: pyarrow.StructType) -> pyarrow.Array:
    """Return the fields of events as structs, null for rows that are no events."""
    import pyarrow as pa

    few = [rows[begin : begin + _FEW_ROWS] for begin in range(0, len(rows), _FEW_ROWS)] or [()]
    return pa.concat_arrays([_make_few_structs(part, kind) for part in few])


def _make_few_structs(rows: Sequence[Row], kind: pyarrow.StructType) -> pyarrow.StructArray:
    import pyarrow as pa

    events = [_read_fields(row) for row in rows]
    additional = [list(event.pop(_ADDITIONAL, {}).items()) for event in events]
    names = set().union(*events)
    for name in sorted(names.difference(field.name for field in kind)):
        _set_apart(name, None, events, additional)
    arrays = [
        _make_field(field, events, additional) if field.name in names else pa.nulls(len(events), field.type)
        for field in list(kind)[:-1]
    ]
    arrays.append(pa.array(additional, kind.field(_ADDITIONAL).type))
    missing = pa.array([row.status != OK for row in rows], pa.bool_())
    return pa.StructArray.from_arrays(arrays, fields=list(kind), mask=missing)


def _make_field(
    field: pyarrow.Field, events: Sequence[dict[str, Any]], additional: Sequence[list[tuple[str, str]]]
) -> pyarrow.Array:
    """Return one field of all events; a value of another type goes to the additional data."""
    import pyarrow as pa

    try:
        return pa.array([event.get(field.name) for event in events], field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # a plugin's event
        _set_apart(field.name, int if pa.types.is_integer(field.type) else str, events, additional)
        return pa.array([event.get(field.name) for event in events], field.type)


def _read_fields(row: Row) -> dict[str, Any]:
    """Return the fields of an event from its JSON."""
    if row.status != OK or row.payload is None:
        return {}
    fields: dict[str, Any] = msgspec.json.decode(row.payload)
    for name in _NO_FIELDS:
        fields.pop(name, None)
    return fields


def _set_apart(
    name: str,
    wanted: type | None,
    events: Sequence[dict[str, Any]],
    additional: Sequence[list[tuple[str, str]]],
) -> None:
    """Move values of other types than the wanted one to the additional data."""
    for event, rest in zip(events, additional):
        value = event.get(name)
        if value is not None and type(value) is not wanted:
            rest.append((name, value if isinstance(value, str) else _dump(value)))
            del event[name]


def _dump(value: Any) -> str:
    return msgspec.json.encode(value).decode("utf-8")


def _only(rows: list[Row]) -> Row:
    """Return the row of a line; a line with several records is unparsed here."""
    if len(rows) == 1:
        return rows[0]
    return Row(None, None, None, UNPARSED, f"line holds {len(rows)} records; expected one", None)


# --- columns -> lines ----------------------------------------------------------------------------


def _read_lines(column: pyarrow.Array) -> list[bytes]:
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_null(kind):
        column = column.cast(pa.binary())
    elif pa.types.is_large_string(kind) or str(kind) == "string_view":
        column = column.cast(pa.large_binary())
    elif "binary" not in str(kind):
        raise SettingsError(f"batch: column 'line' is of {kind}; expected string or binary")
    return [line or b"" for line in column.to_pylist()]


def _column(batch: pyarrow.RecordBatch, name: str) -> list[Any]:
    if name not in batch.schema.names:
        return [None] * batch.num_rows
    values: list[Any] = batch.column(name).to_pylist()
    return values
