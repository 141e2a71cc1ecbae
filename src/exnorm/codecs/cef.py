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

_EXTENSION = str.maketrans({"\\": "\\\\", "=": "\\=", "\n": "\\n", "\r": "\\r"})
_HEADER = str.maketrans({"\\": "\\\\", "|": "\\|"})


def escape_extension(text: str) -> str:
    """A value as it stands in the extension."""
    return text.translate(_EXTENSION)


def escape_header(text: str) -> str:
    """A value without line ends as it stands in the header."""
    return text.translate(_HEADER)


def build(taxonomy: Taxonomy, settings: Settings, notes: Notes) -> Encode:
    """An encoder for events of ``taxonomy``.

    An integer over 2147483647 does not fit a field that CEF 0 calls Integer: it is written as
    additional data under the field's full name, and counted as refused.
    """
    in_header = sorted((f for f in taxonomy.fields if f.header), key=lambda f: f.header)
    extension = {field.name: field for field in taxonomy.fields if not field.header}
    header_names = [field.name for field in in_header]
    key_of = cef_key(settings)
    keep_additional = settings.additional_data != "none"
    version = f"CEF:{settings.cef}|"

    def fits(field: Field | None, value: Value) -> bool:
        if field is None:
            return False
        if settings.cef == 0 and field.type == "integer" and isinstance(value, int):
            return value <= INT32_MAX
        return True

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
            if name in header_names:
                continue
            field = extension.get(name)
            if fits(field, value):
                assert field is not None
                pairs.append(f"{field.key}={escape_extension(str(value))}")
            else:
                notes.note("refused", name)
                if keep_additional:
                    additional[name] = str(value)
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
