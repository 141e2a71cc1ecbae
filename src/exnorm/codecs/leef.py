"""LEEF, the Log Event Extended Format of JSA and QRadar, versions 1.0 and 2.0.

``LEEF:2.0|Vendor|Product|Version|EventID|x09|key=value<TAB>key=value``; 1.0 has no delimiter field.
Nothing can be escaped: a ``|`` in the header becomes ``/``, TAB, line breaks and other controls become
visible tokens, and the attribute ``exnormReplaced`` then names the keys whose values were changed.
"""

from __future__ import annotations

from collections.abc import Callable

from exnorm.codecs.keys import distinct_keys, unique_keys, word_key
from exnorm.codecs.tokens import SEPARATORS, choose_controls, cut_shown, make_show
from exnorm.model import Codec, Encode, Event, Field, Notes, Taxonomy, Value, Wire
from exnorm.settings import Settings

REPLACED = "exnormReplaced"
# fmt: off
PREDEFINED = frozenset((
    "cat", "devTime", "devTimeFormat", "proto", "sev", "src", "dst", "srcPort", "dstPort", "srcPreNAT",
    "dstPreNAT", "srcPostNAT", "dstPostNAT", "usrName", "srcMAC", "dstMAC", "srcPreNATPort",
    "dstPreNATPort", "srcPostNATPort", "dstPostNATPort", "identSrc", "identHostName", "identNetBios",
    "identGrpName", "identMAC", "vSrc", "vSrcName", "accountName", "srcBytes", "dstBytes", "srcPackets",
    "dstPackets", "totalPackets", "role", "realm", "policy", "resource", "url", "groupID", "domain",
    "isLoginEvent", "isLogoutEvent", "identSecondlp", "calLanguage", "calCountryOrRegion",
))
# fmt: on
"""The attributes that LEEF itself defines: no column of a log may pass for one of them."""


def build(taxonomy: Taxonomy, settings: Settings, notes: Notes) -> Encode:
    """Return an encoder for events of ``taxonomy``; custom attributes never take a key of the taxonomy or of
    LEEF.

    A field that the taxonomy lacks becomes a custom attribute, and is counted as refused.
    """
    in_header = sorted((f for f in taxonomy.fields if f.header), key=lambda f: f.header)
    header_names = [field.name for field in in_header]
    extension = {field.name: field for field in taxonomy.fields if not field.header}
    make_key = _key_maker(taxonomy)
    keep_additional = settings.additional_data != "none"
    start, delimiter = _frame(settings)
    show = make_show(SEPARATORS + choose_controls(settings.control))

    def encode(event: Event) -> bytes:
        changed: list[str] = []
        additional = dict(event.additional)

        def carry(key: str, text: str) -> str:
            shown = show(text)
            if shown != text:
                changed.append(key)
                notes.note("replaced", key)
            return shown

        def carry_field(field: Field, value: Value) -> str:
            text = str(value)
            shown = carry(field.key, text)
            if shown != text and field.max_bytes:
                whole, shown = shown, cut_shown(shown, field.max_bytes)
                if shown != whole:
                    notes.note("cut", field.name)
                    if keep_additional:
                        additional[field.name] = text
            return shown

        def carry_header(field: Field, value: Value) -> str:
            shown = carry_field(field, value)
            if "|" not in shown:
                return shown
            if field.key not in changed:
                changed.append(field.key)
                notes.note("replaced", field.key)
            return shown.replace("|", "/")

        fields = event.fields
        header = "|".join([carry_header(field, fields.get(field.name, "")) for field in in_header])
        pairs = []
        for name, value in fields.items():
            if name in extension:
                pairs.append(f"{extension[name].key}={carry_field(extension[name], value)}")
            elif name not in header_names:
                notes.note("refused", name)
                if keep_additional:
                    additional[name] = str(value)
        for key, text in unique_keys(additional.items(), make_key, set()):
            pairs.append(f"{key}={carry(key, text)}")
        if changed:
            pairs.append(f"{REPLACED}={','.join(changed)}")
        attributes = "\t".join(pairs)
        return f"{start}{header}|{delimiter}{attributes}".encode("utf-8", "replace")

    return encode


def describe(taxonomy: Taxonomy, settings: Settings) -> Wire:
    """Describe the format as data, for the engine."""
    key_of = {field.name: field.key for field in taxonomy.fields}
    in_header = sorted((f for f in taxonomy.fields if f.header), key=lambda f: f.header)
    start, delimiter = _frame(settings)
    tokens = SEPARATORS + choose_controls(settings.control)

    def show(name: str, value: Value | None) -> str | None:
        text = "" if value is None else str(value)
        return text if {*tokens, "|"}.isdisjoint(text) else None

    return Wire(
        start=lambda path, source: start,
        pair=lambda name, is_text: (f"{key_of[name]}=", ""),
        keys=lambda columns: distinct_keys(columns, _key_maker(taxonomy)),
        separator="\t",
        refused=tokens,
        header=tuple(field.name for field in in_header),
        show=show,
        after_header=delimiter,
    )


def _frame(settings: Settings) -> tuple[str, str]:
    """Return the beginning of a payload and the text that follows its header."""
    return ("LEEF:1.0|", "") if settings.leef == 1 else ("LEEF:2.0|", "x09|")


def _key_maker(taxonomy: Taxonomy) -> Callable[[str], str]:
    reserved = PREDEFINED | {field.key for field in taxonomy.fields} | {REPLACED}

    def make_key(name: str) -> str:
        key = word_key(name)
        return word_key(name, "ad") if key in reserved else key

    return make_key


LEEF = Codec("leef", "Log Event Extended Format of JSA and QRadar", build, taxonomies=("jsa",), wire=describe)
