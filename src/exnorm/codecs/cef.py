"""CEF, ArcSight's Common Event Format, version 0 (spec 0.1) and 1 (spec 1.x).

``CEF:Version|Vendor|Product|Device Version|Event Class ID|Name|Severity|key=value key=value``.
In the header ``\\`` and ``|`` are escaped and line breaks shown as tokens; in the extension ``\\`` and
``=`` are escaped and line breaks written ``\\n`` and ``\\r``. Other controls but TAB become visible tokens,
and additional data ``exnormReplaced`` then names the keys whose values were changed.
"""

from __future__ import annotations

from exnorm.codecs.keys import cef_key, distinct_keys, unique_keys
from exnorm.codecs.tokens import LINE_ENDS, Show, choose_controls, cut_shown, make_show
from exnorm.model import Codec, Encode, Event, Field, Notes, Taxonomy, Value, Wire
from exnorm.settings import Settings

INT32_MAX = 2**31 - 1
NO_SEVERITY = "Unknown"
"""CEF's own word for it: the header field must not be empty."""
REPLACED = "exnormReplaced"


def escape_extension(text: str) -> str:
    """Return a value as it is written in the extension."""
    # Several times as fast as str.translate, because most values contain nothing to replace.
    return text.replace("\\", "\\\\").replace("=", "\\=").replace("\n", "\\n").replace("\r", "\\r")


def escape_header(text: str) -> str:
    """Return a value without line ends as it is written in the header."""
    return text.replace("\\", "\\\\").replace("|", "\\|")


def build(taxonomy: Taxonomy, settings: Settings, notes: Notes) -> Encode:
    """Return an encoder for events of ``taxonomy``.

    CEF 0 limits an Integer field to 2147483647. A larger number is written as additional data under the
    field's full name, and counted as refused.
    """
    in_header = sorted((f for f in taxonomy.fields if f.header), key=lambda f: f.header)
    header_names = frozenset(field.name for field in in_header)
    wire_keys = {field.name: field.key for field in taxonomy.fields if not field.header}
    narrow = frozenset(f.name for f in taxonomy.fields if f.type == "integer" and settings.cef == 0)
    key_of = cef_key(settings)
    replaced = key_of(REPLACED)
    keep_additional = settings.additional_data != "none"
    version = f"CEF:{settings.cef}|"
    controls = choose_controls(settings.control)
    show_in_header, show = make_show(LINE_ENDS + controls), make_show(controls)
    limits = {field.name: field.max_bytes for field in taxonomy.fields}

    def encode(event: Event) -> bytes:
        fields = event.fields
        pairs = []
        additional = dict(event.additional)
        changed: list[str] = []

        def carry(name: str, key: str, text: str, show: Show) -> str:
            shown = show(text)
            if shown == text:
                return text
            notes.note("replaced", name)
            changed.append(key)
            limit = limits.get(name, 0)
            whole, shown = shown, cut_shown(shown, limit) if limit else shown
            if shown != whole:
                notes.note("cut", name)
                if keep_additional:
                    additional[name] = text
            return shown

        def show_header(field: Field) -> str:
            text = str(fields.get(field.name, NO_SEVERITY if field.name == "severity" else ""))
            return escape_header(carry(field.name, field.key, text, show_in_header))

        header = "|".join([show_header(field) for field in in_header])
        for name, value in fields.items():
            key = wire_keys.get(name)
            if isinstance(value, str):
                text, fits = value, True
            else:
                text, fits = str(value), name not in narrow or value <= INT32_MAX
            if key is not None and fits:
                pairs.append(f"{key}={escape_extension(carry(name, key, text, show))}")
            elif name not in header_names:
                notes.note("refused", name)
                if keep_additional:
                    additional[name] = text
        for key, text in unique_keys(additional.items(), key_of, {replaced}):
            pairs.append(f"{key}={escape_extension(carry(key, key, text, show))}")
        if changed and keep_additional:
            pairs.append(f"{replaced}={','.join(changed)}")
        return f"{version}{header}|{' '.join(pairs)}".encode("utf-8", "replace")

    return encode


def describe(taxonomy: Taxonomy, settings: Settings) -> Wire:
    """Describe the format as data, for the engine."""
    key_of = {field.name: field.key for field in taxonomy.fields}
    in_header = sorted((f for f in taxonomy.fields if f.header), key=lambda f: f.header)
    controls = choose_controls(settings.control)

    def show(name: str, value: Value | None) -> str | None:
        text = (NO_SEVERITY if name == "severity" else "") if value is None else str(value)
        return escape_header(text) if {*LINE_ENDS, *controls}.isdisjoint(text) else None

    def keys(columns: tuple[str, ...]) -> list[tuple[str, str]] | None:
        found = distinct_keys((*columns, REPLACED), cef_key(settings))
        return None if found is None else found[:-1]

    return Wire(
        start=lambda path, source: f"CEF:{settings.cef}|",
        pair=lambda name, is_text: (f"{key_of[name]}=", ""),
        keys=keys,
        separator=" ",
        escapes=(("\\", "\\\\"), ("=", "\\="), ("\r", "\\r")),
        refused=controls,
        header=tuple(field.name for field in in_header),
        show=show,
    )


CEF = Codec("cef", "ArcSight Common Event Format", build, taxonomies=("arcsight",), wire=describe)
