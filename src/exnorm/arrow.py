"""A batch of lines in, a batch of events out, over Arrow: for Spark, Ray, Dask, DuckDB and Polars.

Needs the extra ``exnorm[arrow]``. One row in is one row out, and a batch knows nothing of the one
before it: what a row needs of its log (its columns) comes with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from exnorm.errors import SettingsError
from exnorm.identity import exnorm_id
from exnorm.model import Event, Unparsed
from exnorm.pipeline import Normalizer
from exnorm.settings import make_settings
from exnorm.stream import Stream, StreamTable

if TYPE_CHECKING:
    import pyarrow

OK, UNPARSED, HEADER, DROPPED = "ok", "unparsed", "header", "dropped"
"""What ``status`` may be: an event, a line that did not parse, a header or blank line, or left out."""

PASSED_ON = ("path", "offset")


class BatchNormalizer:
    """Normalizes record batches; made once, called for each batch, safe to send to another process.

    In: ``line`` (string or binary) and, where there are any, ``path``, ``offset`` and ``schema``, the
    text of the log's ``#Fields``. Rows of one path and schema are read in their order, so header lines
    among them count. Out, row by row: ``path`` and ``offset`` as they came, ``event_time`` (UTC, in the
    microseconds that engines share), ``event_id``, ``payload`` (the finished line) or, with
    ``output="fields"``, ``fields`` (a map of names to texts), ``status``, ``reason``, ``exnorm_id``.

    ``settings`` are those of ``Normalizer``; ``per_recipient`` is refused, for it makes several events
    of a row. Raises ``SettingsError``.
    """

    def __init__(self, output: str = "line", **settings: Any) -> None:
        _require_pyarrow()
        if output not in ("line", "fields"):
            raise SettingsError(f"output: got {output!r}; expected line or fields")
        self.output = output
        self.settings = settings
        if make_settings(settings).per_recipient:
            raise SettingsError("per_recipient: cannot be used here; one row in is one row out")
        self._normalizer: Normalizer | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"output": self.output, "settings": self.settings, "_normalizer": None}

    @property
    def normalizer(self) -> Normalizer:
        """The pipeline, assembled in the process that uses it."""
        if self._normalizer is None:
            self._normalizer = Normalizer.from_settings(make_settings(self.settings))
        return self._normalizer

    def schema(self, passed_on: Mapping[str, pyarrow.DataType] | None = None) -> pyarrow.Schema:
        """The columns that come out, behind those that are passed on."""
        import pyarrow as pa

        last = pa.string() if self.output == "line" else pa.map_(pa.string(), pa.string())
        return pa.schema(
            [
                *(passed_on or {}).items(),
                ("event_time", pa.timestamp("us", tz="UTC")),
                ("event_id", pa.string()),
                ("payload" if self.output == "line" else "fields", last),
                ("status", pa.string()),
                ("reason", pa.string()),
                ("exnorm_id", pa.string()),
            ]
        )

    def __call__(self, batch: pyarrow.RecordBatch) -> pyarrow.RecordBatch:
        """One batch. Raises ``SettingsError`` where it has no column ``line``."""
        import pyarrow as pa

        names = batch.schema.names
        if "line" not in names:
            raise SettingsError(f"batch: no column 'line'; got {', '.join(names)}")
        lines = batch.column("line").to_pylist()
        paths = _column(batch, "path")
        schemas = _column(batch, "schema")
        streams = StreamTable(self.normalizer.stream, limit=256)
        rows = [
            self._normalize(line, self._stream_of(streams, path or "", schema or ""))
            for line, path, schema in zip(lines, paths, schemas)
        ]
        passed_on = {name: batch.schema.field(name).type for name in PASSED_ON if name in names}
        out = self.schema(passed_on)
        columns = [batch.column(name) for name in passed_on]
        columns += [
            pa.array(values, type=field.type)
            for values, field in zip(zip(*rows) if rows else [()] * 6, list(out)[len(passed_on) :])
        ]
        return pa.RecordBatch.from_arrays(columns, schema=out)

    def _stream_of(self, streams: StreamTable, path: str, schema: str) -> Stream:
        key = f"{path}\n{schema}"
        known = key in streams
        stream = streams.get(key)
        if not known:
            stream.name = path
            if schema:
                stream.read(f"#Fields: {schema.removeprefix('#Fields:').strip()}")
        return stream

    def _normalize(self, line: bytes | str | None, stream: Stream) -> tuple[Any, ...]:
        """The six values that come out for a line."""
        items = list(self.normalizer.parse([line or ""], stream))
        if not items:
            return None, None, None, HEADER, None, None
        if len(items) > 1:
            return None, None, None, UNPARSED, f"line holds {len(items)} records; expected one", None
        found = list(self.normalizer.normalize_item(items[0]))
        if not found:
            return None, None, None, DROPPED, None, None
        item = found[0]
        if isinstance(item, Unparsed):
            return None, None, None, UNPARSED, item.reason, None
        return (
            microseconds(item),
            item.record.event_id,
            self._write(item),
            OK,
            None,
            exnorm_id(item.record),
        )

    def _write(self, event: Event) -> Any:
        if self.output == "fields":
            return [(name, str(value)) for name, value in event.fields.items()]
        payload = self.normalizer.encode_item(event)
        return None if payload is None else payload.decode("utf-8")


def normalize_batch(batch: pyarrow.RecordBatch) -> pyarrow.RecordBatch:
    """``BatchNormalizer()`` with the settings of the environment (``EXNORM_TAXONOMY`` and so on)."""
    return _default()(batch)


@lru_cache(maxsize=1)
def _default() -> BatchNormalizer:
    import os

    from exnorm.settings import read_environment

    return BatchNormalizer(**read_environment(os.environ))


def microseconds(event: Event) -> int | None:
    """The event's own time in epoch microseconds UTC."""
    return None if event.time is None else event.time * 1000


def _column(batch: pyarrow.RecordBatch, name: str) -> list[Any]:
    if name not in batch.schema.names:
        return [None] * batch.num_rows
    values: list[Any] = batch.column(name).to_pylist()
    return values


def _require_pyarrow() -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise SettingsError("pyarrow is not installed; pip install 'exnorm[arrow]'") from None
