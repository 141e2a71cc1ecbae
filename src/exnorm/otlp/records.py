"""Replace a log record of OTLP by the records of its row.

The row is in an attribute that a setting names, in the body, or in the body's map as shippers of maps write
it; or its columns are attributes. ``log.file.path`` or ``log.file.name`` and the host of the record or its
resource name its log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from exnorm.codecs.logstash_json import build_shape
from exnorm.errors import quote
from exnorm.model import Event, Record, Unparsed
from exnorm.origin import HOST_KEYS, find_text, list_paths
from exnorm.otlp.values import decode, encode, flatten, read_attributes, read_value, write_attributes
from exnorm.pipeline.normalizer import NOT_OURS, Normalizer, Written
from exnorm.pipeline.shipped import ShippedLogs, add_tag, is_finished, name_log, split_log
from exnorm.relay.headers import Headers
from exnorm.sources.columnar import masked_columns

FILE_KEYS = ("log.file.path", "log.file.name", "filename", "file", "path")
ROW_KEYS = ("message", "log")
"""Where a body that is a map has the row."""
TAGS, REASON = "tags", "error.reason"
NANOSECONDS = 1_000_000
"""In a millisecond."""


class _Row(NamedTuple):
    """A record's raw row; ``attribute`` is the one that has it, if it is not the body."""

    text: str
    attribute: str = ""


class RecordNormalizer:
    """Normalizes log records one after the other; remembers each log's header, within bounds.

    ``row_keys`` are attributes that may have the row, tried before the body. ``has_payload`` puts the payload
    of the normalizer's format into the body. ``on_unparsed`` is called with each line that did not parse,
    ``on_error`` with the error for which a record was passed on as it came.
    """

    def __init__(
        self,
        normalizer: Normalizer,
        headers: Headers,
        row_keys: Sequence[str] = (),
        *,
        has_payload: bool = False,
        on_unparsed: Callable[[Unparsed], None] = lambda line: None,
        on_error: Callable[[Exception], None] = lambda error: None,
    ) -> None:
        self.normalizer = normalizer
        self._headers = headers
        self._row_keys = tuple(row_keys)
        self._has_payload = has_payload
        self._on_unparsed = on_unparsed
        self._on_error = on_error
        self._logs = ShippedLogs(normalizer)
        self._hosts = list_paths(normalizer.settings.host_key or HOST_KEYS)
        self._files = list_paths(FILE_KEYS)
        self._shape = build_shape(normalizer.taxonomy, normalizer.settings)
        self._is_json = normalizer.codec.name == "json"
        self._decode = msgspec.json.Decoder().decode
        for (host, path), lines in headers.all():
            stream = self._logs.get(name_log(host, path))
            for line in lines:
                stream.read(line)

    def normalize(self, resource: Mapping[str, Any], record: Any) -> list[Any] | None:
        """Return the records that replace the record, none for a header line; ``None`` where it stays as it
        is.

        ``resource`` are the attributes of its resource. Never raises because of the record.
        """
        try:
            return self._take(resource, record)
        except Exception as error:  # the host's one place: a record that raises must go on all the same
            self._on_error(error)
            return [_tagged(record, f"{type(error).__name__}: {quote(error)}")]

    # --- what it holds ---------------------------------------------------------------------------

    def _take(self, resource: Mapping[str, Any], record: Any) -> list[Any] | None:
        own = read_attributes(record.attributes)
        if record.body.WhichOneof("value") == "kvlist_value":
            own.update(read_attributes(record.body.kvlist_value.values))
        fields = {**resource, **own}
        row = self._find_row(record)
        found = self.normalizer.parse_object(own)
        if found is NOT_OURS or is_finished(own, row.text if row else ""):
            return None
        if found is not None:
            return self._replace(record, found[0], found[1], {}, row)
        log = name_log(find_text(fields, self._hosts), find_text(fields, self._files))
        if row is not None:
            items = self._logs.read_line(own, row.text, row.text, log)
            if items is not None:
                if not items and log:
                    self._headers.put(split_log(log), self._logs.get(log).header())
                return self._replace(record, items, frozenset(), {}, row)
        split = self._logs.read_columns(own, log)
        if split is None or not split.items:
            return None
        return self._replace(record, split.items, split.used, split.values, row)

    def _find_row(self, record: Any) -> _Row | None:
        for name in map(encode, self._row_keys):
            for attribute in record.attributes:
                if attribute.key == name and _is_text(attribute.value):
                    return _Row(_read_text(attribute.value), decode(name))
        value = self._find_in_body(record.body)
        return None if value is None else _Row(_read_text(value))

    def _find_in_body(self, body: Any) -> Any:
        """Return the value of a body that is its row, or of the member of its map that is."""
        if _is_text(body):
            return body
        if body.HasField("kvlist_value"):
            held = {decode(member.key): member.value for member in body.kvlist_value.values}
            names = (*self._row_keys, *ROW_KEYS)
            return next((held[name] for name in names if name in held and _is_text(held[name])), None)
        return None

    # --- what takes its place --------------------------------------------------------------------

    def _replace(
        self,
        record: Any,
        items: Sequence[Record | Unparsed],
        used: frozenset[str],
        columns: Mapping[str, str],
        row: _Row | None,
    ) -> list[Any]:
        found: list[Any] = []
        for item in items:
            if isinstance(item, Unparsed):
                self._on_unparsed(item)
            for result in self._follow(item):
                if isinstance(result, Unparsed):
                    if result is not item:
                        self._on_unparsed(result)
                    found.append(self._refuse(record, result, columns, row))
                else:
                    found.append(self._fill(record, *result, used, row))
        return found

    def _follow(self, item: Record | Unparsed) -> list[tuple[Record, Mapping[str, Any], bytes] | Unparsed]:
        """Return each event of an item with its fields and its payload, or why there is none."""
        found: list[tuple[Record, Mapping[str, Any], bytes] | Unparsed] = []
        follow = self.normalizer.write_item if self._is_json else self.normalizer.normalize_item
        for result in follow(item):
            if isinstance(result, Written):
                found.append((result.record, self._decode(result.payload), result.payload))
            elif isinstance(result, Event):
                payload = self.normalizer.encode_event(result) if self._has_payload else b""
                if isinstance(payload, bytes):
                    found.append((result.record, self._shape(result), payload))
                else:
                    found.append(payload)
            else:
                found.append(result)
        return found

    def _fill(
        self, record: Any, event: Record, fields: Mapping[str, Any], payload: bytes, used: frozenset[str],
        row: _Row | None,
    ) -> Any:  # fmt: skip
        """Return the record with an event's fields as attributes, and its row or payload as body."""
        flat = flatten(fields)
        made = type(record)()
        made.CopyFrom(record)
        gone = {encode(name) for name in (*flat, *used)}
        attribute = "" if row is None else row.attribute
        if attribute and self._has_payload:
            gone.add(encode(attribute))
        del made.attributes[:]
        made.attributes.extend(one for one in record.attributes if one.key not in gone)
        if self._has_payload:
            made.body.string_value = payload
        elif row is None or attribute in flat:
            _take_out(made.body, used, event.raw)
        else:
            self._set_row(made, row, event.raw)
        write_attributes(flat, made.attributes)
        if event.time is not None and event.time >= 0:
            made.time_unix_nano = event.time * NANOSECONDS
        return made

    def _set_row(self, record: Any, row: _Row, raw: str) -> None:
        """Replace the row of a record."""
        if row.attribute:
            name = encode(row.attribute)
            value = next(one.value for one in record.attributes if one.key == name)
        else:
            value = self._find_in_body(record.body)
        value.string_value = encode(raw)

    def _refuse(self, record: Any, line: Unparsed, columns: Mapping[str, str], row: _Row | None) -> Any:
        """Return the record as it came, with the tag and the reason; secrets in its row and columns are
        hidden.
        """
        tagged = _tagged(record, line.reason)
        if columns:
            masked = {encode(name): encode(text) for name, text in masked_columns(columns, line.raw).items()}
            held = tagged.body.kvlist_value.values if tagged.body.HasField("kvlist_value") else ()
            for attribute in (*tagged.attributes, *held):
                if attribute.key in masked:
                    attribute.value.string_value = masked[attribute.key]
        elif row is not None and line.raw != _shown(row.text):
            self._set_row(tagged, row, line.raw)
        return tagged


def _take_out(body: Any, used: frozenset[str], raw: str) -> None:
    """Remove the used columns from a body that was a map; put the row there where nothing else is left."""
    if body.HasField("kvlist_value"):
        left = type(body)()
        left.kvlist_value.values.extend(
            member for member in body.kvlist_value.values if decode(member.key) not in used
        )
        if left.kvlist_value.values:
            body.CopyFrom(left)
            return
        body.Clear()
    if body.WhichOneof("value") is None:
        body.string_value = encode(raw)


def _tagged(record: Any, reason: str) -> Any:
    """Return a record as it came, with the tag and the reason."""
    made = type(record)()
    made.CopyFrom(record)
    before = {decode(one.key): one.value for one in record.attributes}
    tags = add_tag(read_value(before[TAGS]) if TAGS in before else None, Unparsed.TAG)
    kept = [one for one in record.attributes if decode(one.key) not in (TAGS, REASON)]
    del made.attributes[:]
    made.attributes.extend(kept)
    write_attributes({TAGS: tags, REASON: reason}, made.attributes)
    return made


def _shown(text: str) -> str:
    """Return a row in the form of an unparsed line."""
    return encode(text).decode("utf-8", "backslashreplace").removeprefix("\ufeff").rstrip("\r\n")


def _is_text(value: Any) -> bool:
    return value.WhichOneof("value") in ("string_value", "bytes_value")


def _read_text(value: Any) -> str:
    return decode(getattr(value, value.WhichOneof("value")))
