"""CEF, ArcSight's Common Event Format, version 0 (spec 0.1) and 1 (spec 1.x).

``CEF:Version|Vendor|Product|Device Version|Event Class ID|Name|Severity|key=value key=value``.
In the header ``\\`` and ``|`` are escaped and line breaks shown as tokens; in the extension ``\\`` and
``=`` are escaped and line breaks written ``\\n`` and ``\\r``. Every other character stays as it is.
"""

from __future__ import annotations

from exnorm.codecs.keys import cef_key, unique_keys
from exnorm.codecs.tokens import show_line_ends
from exnorm.model import Codec, Encode, Event, Field, Notes, Taxonomy, Value
from exnorm.settings import Settings

INT32_MAX = 2**31 - 1

_EXTENSION = str.maketrans({"\\": "\\\\", "=": "\\=", "\n": "\\n", "\r": "\\r"})
_HEADER = str.maketrans({"\\": "\\\\", "|": "\\|"})


def escape_extension(text: str) -> str:
    """A value as it stands in the extension."""
    return text.translate(_EXTENSION)


def escape_header(text: str) -> str:
    """A value as it stands in the header."""
    return show_line_ends(text).translate(_HEADER)


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

    def encode(event: Event) -> bytes:
        fields = event.fields
        header = "|".join(_header_text(fields.get(name, ""), name, notes) for name in header_names)
        pairs = []
        additional = dict(event.additional)
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


def _header_text(value: Value, name: str, notes: Notes) -> str:
    text = str(value)
    if "\n" in text or "\r" in text:
        notes.note("replaced", name)
    return escape_header(text)


CEF = Codec("cef", "ArcSight Common Event Format", build, taxonomies=("arcsight",))
