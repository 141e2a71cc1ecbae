"""CEF, ArcSight's Common Event Format, version 0 (spec 0.1) and 1 (spec 1.x).

``CEF:Version|Vendor|Product|Device Version|Event Class ID|Name|Severity|key=value key=value``.
In the header ``\\`` and ``|`` are escaped and line breaks shown as tokens; in the extension ``\\`` and
``=`` are escaped and line breaks written ``\\n`` and ``\\r``. Every other character stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping

from exnorm.codecs.keys import cef_key, distinct_keys, unique_keys
from exnorm.codecs.tokens import cut_shown, show_line_ends
from exnorm.model import Codec, Encode, Event, Field, Notes, Taxonomy, Value, Wire
from exnorm.settings import Settings

INT32_MAX = 2**31 - 1
NO_SEVERITY = "Unknown"
"""CEF's own word for it: the header field must not be empty."""


def escape_extension(text: str) -> str:
    """A value as it stands in the extension."""
    # Several times as fast as a table: in most values there is nothing to be replaced.
    return text.replace("\\", "\\\\").replace("=", "\\=").replace("\n", "\\n").replace("\r", "\\r")


def escape_header(text: str) -> str:
    """A value without line ends as it stands in the header."""
    return text.replace("\\", "\\\\").replace("|", "\\|")


def build(taxonomy: Taxonomy, settings: Settings, notes: Notes) -> Encode:
    """An encoder for events of ``taxonomy``.

    An integer over 2147483647 does not fit a field that CEF 0 calls Integer: it is written as
    additional data under the field's full name, and counted as refused.
    """
    in_header = sorted((f for f in taxonomy.fields if f.header), key=lambda f: f.header)
    header_names = frozenset(field.name for field in in_header)
    wire_keys = {field.name: field.key for field in taxonomy.fields if not field.header}
    narrow = frozenset(f.name for f in taxonomy.fields if f.type == "integer" and settings.cef == 0)
    key_of = cef_key(settings)
    keep_additional = settings.additional_data != "none"
    version = f"CEF:{settings.cef}|"

    def show_header(field: Field, fields: AnyMapping[str, Value], additional: dict[str, str]) -> str:
        text = str(fields.get(field.name, NO_SEVERITY if field.name == "severity" else ""))
        shown = show_line_ends(text)
        if shown != text:
            notes.note("replaced", field.name)
            whole, shown = shown, cut_shown(shown, field.max_bytes) if field.max_bytes else shown
            if shown != whole:
                notes.note("cut", field.name)
                if keep_additional:
                    additional[field.name] = text
        return escape_header(shown)

    def encode(event: Event) -> bytes:
        fields = event.fields
        pairs = []
        additional = dict(event.additional)
        header = "|".join([show_header(field, fields, additional) for field in in_header])
        for name, value in fields.items():
            key = wire_keys.get(name)
            if isinstance(value, str):
                text, fits = value, True
            else:
                text, fits = str(value), name not in narrow or value <= INT32_MAX
            if key is not None and fits:
                pairs.append(f"{key}={escape_extension(text)}")
            elif name not in header_names:
                notes.note("refused", name)
                if keep_additional:
                    additional[name] = text
        for key, text in unique_keys(additional.items(), key_of, set()):
            pairs.append(f"{key}={escape_extension(text)}")
        return f"{version}{header}|{' '.join(pairs)}".encode("utf-8", "replace")

    return encode


def describe(taxonomy: Taxonomy, settings: Settings) -> Wire:
    """The same format as data."""
    key_of = {field.name: field.key for field in taxonomy.fields}
    in_header = sorted((f for f in taxonomy.fields if f.header), key=lambda f: f.header)

    def show(name: str, value: Value | None) -> str | None:
        text = (NO_SEVERITY if name == "severity" else "") if value is None else str(value)
        return escape_header(text) if show_line_ends(text) == text else None

    return Wire(
        start=lambda path, source: f"CEF:{settings.cef}|",
        pair=lambda name, is_text: (f"{key_of[name]}=", ""),
        keys=lambda columns: distinct_keys(columns, cef_key(settings)),
        separator=" ",
        escapes=(("\\", "\\\\"), ("=", "\\="), ("\r", "\\r")),
        header=tuple(field.name for field in in_header),
        show=show,
    )


CEF = Codec("cef", "ArcSight Common Event Format", build, taxonomies=("arcsight",), wire=describe)
