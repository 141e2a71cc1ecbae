"""Convert between OTLP's values and attributes and Python's. A text that is not UTF-8 keeps its bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from exnorm.codecs.logstash_json import ADDITIONAL

_INTEGERS = range(-(1 << 63), 1 << 63)


def decode(text: bytes) -> str:
    """Decode a text of a message."""
    return text.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """Encode a text for a message."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a surrogate pair, which is no byte
        return text.encode("utf-8", "replace")


def read_value(value: Any) -> Any:
    """Return the value of an ``AnyValue``; ``None`` where it is empty."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return decode(value.string_value)
    if kind == "kvlist_value":
        return read_attributes(value.kvlist_value.values)
    if kind == "array_value":
        return [read_value(member) for member in value.array_value.values]
    return getattr(value, kind) if kind else None


def read_attributes(attributes: Iterable[Any]) -> dict[str, Any]:
    """Return attributes by name; of two with one name, the later."""
    return {decode(attribute.key): read_value(attribute.value) for attribute in attributes}


def write_value(value: Any, target: Any) -> None:
    """Put a value into an empty ``AnyValue``; a value of another type goes in as text."""
    if isinstance(value, str):
        target.string_value = encode(value)
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int) and value in _INTEGERS:
        target.int_value = value
    elif isinstance(value, float):
        target.double_value = value
    elif isinstance(value, bytes):
        target.bytes_value = value
    elif isinstance(value, Mapping):
        target.kvlist_value.SetInParent()
        write_attributes(value, target.kvlist_value.values)
    elif isinstance(value, (list, tuple)):
        target.array_value.SetInParent()
        for member in value:
            write_value(member, target.array_value.values.add())
    elif value is not None:
        target.string_value = encode(str(value))


def write_attributes(fields: Mapping[str, Any], target: Any) -> None:
    """Append attributes to a list of them."""
    for name, value in fields.items():
        attribute = target.add()
        attribute.key = encode(str(name))
        write_value(value, attribute.value)


def flatten(fields: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return fields under one name each, as attributes are named: ``source.ip`` for the ``ip`` in ``source``.

    The additional data stays one attribute, because its names are columns of a log, which may contain dots.
    """
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, Mapping) and name != ADDITIONAL:
            flat.update(flatten(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat
