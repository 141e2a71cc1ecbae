"""JSON, one object a line, in the shapes ``full``, ``key`` and ``ecs``.

``full`` puts the full field names at top level (for ArcSight, the names that Logstash's ``codec => cef``
uses), ``key`` the short keys, ``ecs`` the nested names of that codec's ECS modes. Every shape has
``@timestamp`` (the row's own time), ``exnorm_id`` and, if there is any additional data, ``additionalData``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exnorm.convert import iso_utc
from exnorm.errors import SettingsError
from exnorm.identity import exnorm_id
from exnorm.model import Codec, Encode, Event, Field, Notes, Taxonomy, Unparsed, Value, Wire
from exnorm.settings import Settings

ADDITIONAL = "additionalData"
_ENDS_OF_LINES = "\x85\u2028\u2029"
_LINE_ENDS = tuple((one.encode(), f"\\u{ord(one):04x}".encode()) for one in _ENDS_OF_LINES)


def build(taxonomy: Taxonomy, settings: Settings, notes: Notes) -> Encode:
    """Return an encoder for events of any taxonomy. Raises ``SettingsError`` for ``ecs`` if the taxonomy has
    no ECS names.
    """
    shape = build_shape(taxonomy, settings)

    def encode(event: Event) -> bytes:
        return dump(shape(event))

    return encode


def build_shape(taxonomy: Taxonomy, settings: Settings) -> Any:
    """Return a function from an event to its JSON object, for hosts with a wire format of their own."""
    by_name = {field.name: field for field in taxonomy.fields}
    if settings.fields == "ecs" and not any(field.ecs for field in taxonomy.fields):
        raise SettingsError(f"fields: 'ecs' is not there for taxonomy {taxonomy.name}; expected full or key")
    arrange = {"full": _full, "key": _key, "ecs": _ecs}[settings.fields]

    def shape(event: Event) -> dict[str, Any]:
        content: dict[str, Any] = {}
        if event.time is not None:
            content["@timestamp"] = iso_utc(event.time)
        arrange(content, event.fields, by_name)
        if event.additional:
            content[ADDITIONAL] = event.additional
        if settings.keep_original:
            _put(content, "event.original", event.record.raw)
        content["exnorm_id"] = exnorm_id(event.record)
        return content

    return shape


def _full(content: dict[str, Any], fields: Mapping[str, Value], by_name: Mapping[str, Field]) -> None:
    content.update(fields)


def _key(content: dict[str, Any], fields: Mapping[str, Value], by_name: Mapping[str, Field]) -> None:
    for name, value in fields.items():
        field = by_name.get(name)
        content[field.key if field else name] = value


def _ecs(content: dict[str, Any], fields: Mapping[str, Value], by_name: Mapping[str, Field]) -> None:
    for name, value in fields.items():
        field = by_name.get(name)
        if field is not None and field.ecs == "@timestamp":
            continue  # it is the row's own time, which is there already
        if field is None or not field.ecs or not _put(content, field.ecs, value):
            content[name] = value  # two fields may share one ECS name: the later keeps its own


def _put(content: dict[str, Any], dotted: str, value: Value) -> bool:
    """Set ``a.b.c`` as nested objects; return ``False`` where the place is taken."""
    *parents, last = dotted.split(".")
    for parent in parents:
        content = content.setdefault(parent, {})
        if not isinstance(content, dict):
            return False
    return content.setdefault(last, value) is value


def dump(content: Mapping[str, Any]) -> bytes:
    """Return one line of JSON; a lone surrogate, which JSON cannot carry, becomes ``?``."""
    from msgspec.json import encode  # imported here because only JSON needs it

    try:
        return escape_line_ends(encode(content))
    except UnicodeEncodeError:
        return escape_line_ends(encode(_clean(content)))


def escape_line_ends(line: bytes) -> bytes:
    """Escape U+0085, U+2028 and U+2029 in JSON, because some readers end a line there."""
    if line.isascii():
        return line
    for character, escaped in _LINE_ENDS:
        line = line.replace(character, escaped)
    return line


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list) else value


def dump_unparsed(line: Unparsed) -> bytes:
    """Return an unparsed line as ``{"message": ..., "tags": [...], "error": {"reason": ...}}``."""
    return dump(line.as_dict())


def describe(taxonomy: Taxonomy, settings: Settings) -> Wire | None:
    """Describe the format as data for the engine; ``None`` for the nested names of ``ecs``."""
    if settings.fields == "ecs":
        return None
    names = {field.name: field.name if settings.fields == "full" else field.key for field in taxonomy.fields}
    own = {"@timestamp", ADDITIONAL, "event", "exnorm_id"}
    if len(set(names.values()) | own) < len(names) + len(own):
        return None  # two values under one name: the later one would replace the earlier

    def quoted(name: str, is_text: bool = True) -> tuple[str, str]:
        key = dump_text(name)
        return (f'{key}:"', '"') if is_text else (f"{key}:", "")

    return Wire(
        start=lambda path, source: "{",
        pair=lambda name, is_text: quoted(names[name], is_text),
        keys=lambda columns: [quoted(column) for column in columns],
        separator=",",
        escapes=(("\\", "\\\\"),),
        quote='\\"',
        refused="".join(map(chr, range(32))) + _ENDS_OF_LINES,
        end="}",
        nested=(f'"{ADDITIONAL}":{{', "}"),
        timestamp=quoted("@timestamp"),
        original=('"event":{"original":"', '"}') if settings.keep_original else ("", ""),
        write_original=lambda raw: dump_text(raw)[1:-1],
        identity=quoted("exnorm_id"),
    )


def dump_text(text: str) -> str:
    """Return a text as a JSON string with its quotes."""
    from msgspec.json import encode

    return escape_line_ends(encode(text)).decode("utf-8")


JSON = Codec("json", "JSON, one object a line", build, unparsed=dump_unparsed, wire=describe)
