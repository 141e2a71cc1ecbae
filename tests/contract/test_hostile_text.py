"""Hostile text stays text: one record in is one payload out, with the same keys and the same values.

Every column of every registered source is set to hostile text in turn and written in every format and
shape; what is read back is held against the same row with harmless text in that column. Then such rows
go through the hosts. The rows are under ``tests/samples/NAME/``: of each source, the one with the most
columns filled.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jc
import msgpack
import pycef
import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

from exnorm import Event, Normalizer, Record, Unparsed
from exnorm.fluentbit import ChunkFilter, read_options
from exnorm.fluentbit.forward import Message, MessageCutter
from exnorm.fluentbit.relay import Carrier
from exnorm.logstash import EventNormalizer, JSONCodec
from exnorm.logstash.batches import EventBodies
from exnorm.relay.bodies import Body, Bounds
from exnorm.relay.headers import Headers
from exnorm.relay.traffic import Traffic
from exnorm.testing import normalizer, read_cef, read_leef, read_wincollect
from exnorm.text.lines import join_csv

SAMPLES = Path(__file__).parents[1] / "samples"
SOURCES = {
    name: source for name, source in normalizer().plugins.registry.sources.items() if not source.carries
}

CHARACTERS = (
    "\n", "\r", "\r\n", "\t", "\0", "\v", "\f", "\x1b", "\x1c", "\x85", "\u2028", "\u2029", "|", "=",
    "\\", '"',
)  # fmt: skip
# At most 31 bytes each, the shortest limit of a text field, so that nothing is cut.
LINES = (
    "CEF:0|a|b|1|x|y|9|src=6.6.6.6",
    "LEEF:2.0|a|b|1|x|x09|src=6.6.6",
    "<13>Jan  1 00:00:00 h CEF:0|a|",
    "SourceIp=6.6.6.6\tevent-id=X",
    "\nCEF:0|a|b|1|x|y|9|msg=z",
    " rt=0 cs1Label=x cs1=y",
    "\tdevTime=0\tsrc=6.6.6.6",
    '","RECEIVE","',
    "a\u202eb\u200f\u2066c",
    "\\n\\r\\=\\\\",
    "\\",
    " ",
    "\ufeff\U0001f4e7\u0000",
)
HOSTILE = (*(f"{c}a{c}b{c}" for c in CHARACTERS), *LINES)
HARMLESS = "Harmless"
FULL = "EXNORM_FULL_MATRIX" in os.environ
"""Whether the hosts are given every text in every column in every format, or each of them in one format."""

Pairs = dict[str, str]


# --- reading a payload back ----------------------------------------------------------------------


def strictly_cef(payload: bytes) -> Pairs:
    read = read_cef(payload)
    return {**{f"header {name}": text for name, text in read.header.items()}, **read.pairs}


def strictly_leef(payload: bytes) -> Pairs:
    read = read_leef(payload)
    return {**{f"header {name}": text for name, text in read.header.items()}, **read.pairs}


def strictly_wincollect(payload: bytes) -> Pairs:
    read = read_wincollect(payload)
    return {**read.header, **read.pairs}


def flatten(content: Any, path: str = "") -> Pairs:
    """The leaves of a JSON object by their path."""
    if not isinstance(content, dict):
        return {path: str(content)}
    found: Pairs = {}
    for key, value in content.items():
        found.update(flatten(value, f"{path} / {key}"))
    return found


def json_by_the_standard_library(payload: bytes) -> Pairs:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({key for key, _ in pairs}) == len(pairs), "a repeated key"
        return dict(pairs)

    return flatten(json.loads(payload, object_pairs_hook=once))


def cells_by_csv(text: str) -> Pairs:
    """TAB separated pairs as the standard library's csv cuts them, without quoting."""
    # Python 3.10's csv refuses NUL: a character that the text does not hold stands for it.
    stand_in = next(chr(code) for code in range(0xE000, 0xF8FF) if chr(code) not in text)
    lines = [text.replace("\0", stand_in)]
    rows = [
        [cell.replace(stand_in, "\0") for cell in row]
        for row in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE, strict=True)
    ]
    assert len(rows) == 1
    pairs = [cell.partition("=") for cell in rows[0]]
    assert len({key for key, _, _ in pairs}) == len(pairs), "a repeated key"
    return {key: value for key, _, value in pairs}


def leef_by_csv(payload: bytes) -> Pairs:
    # No parser of LEEF is published for Python: this is the way the LEEF guide says to cut it.
    text = payload.decode()
    names = ["vendor", "product", "version", "eventId"]
    names += [] if text.startswith("LEEF:1.0|") else ["delimiter"]
    version, *cells, attributes = text.split("|", len(names) + 1)
    header = {f"header {name}": cell for name, cell in zip(names, cells)}
    return {"header version of LEEF": version[5:], **header, **cells_by_csv(attributes)}


def wincollect_by_csv(payload: bytes) -> Pairs:
    return cells_by_csv(payload.decode())


_CEF_HEADER = re.compile(r"CEF:[01]\|(?:(?:\\.|[^|\\])*\|){6}", re.DOTALL)
_PLAIN_HEADER = "CEF:0|v|p|1|e|n|1|"
_PYCEF_HEADER = (
    ("CEFVersion", "version"), ("DeviceVendor", "deviceVendor"), ("DeviceProduct", "deviceProduct"),
    ("DeviceVersion", "deviceVersion"), ("DeviceEventClassID", "deviceEventClassId"), ("Name", "name"),
    ("DeviceName", "name"), ("Severity", "severity"), ("DeviceSeverity", "severity"),
)  # fmt: skip
_JC_HEADER = (
    "deviceVendor", "deviceProduct", "deviceVersion", "deviceEventClassId", "name", "agentSeverity",
    "CEFVersion",
)  # fmt: skip


def unescape(text: str) -> str:
    """pycef, and jc with ``raw=True``, leave the escapes to their caller."""
    letters = {"n": "\n", "r": "\r"}
    return re.sub(r"\\(.)", lambda found: letters.get(found.group(1), found.group(1)), text)


def split_for_pycef(text: str) -> tuple[str, str]:
    """The header, or a plain one in the place of a header that pycef cannot read, and the extension."""
    found = _CEF_HEADER.match(text)
    assert found is not None
    header = found.group()
    unreadable = "\\" in header or "=" in header or "||" in header
    return (_PLAIN_HEADER if unreadable else header), text[found.end() :]


def expected_of_pycef(pairs: Pairs, header: str) -> Pairs:
    """The pairs under pycef's names: a value with a label stands under its label's text."""
    extension = {key: text for key, text in pairs.items() if not key.startswith("header ")}
    expected = {
        extension.get(key + "Label", key): text
        for key, text in extension.items()
        if not (key.endswith("Label") and key[:-5] in extension)
    }
    named = strictly_cef((header + "x=1").encode())
    return {**{theirs: named[f"header {ours}"] for theirs, ours in _PYCEF_HEADER}, **expected}


def agrees_with_pycef(payload: bytes, pairs: Pairs) -> None:
    header, extension = split_for_pycef(payload.decode())
    found = pycef.parse(header + extension)
    assert {key: unescape(text) for key, text in found.items()} == expected_of_pycef(pairs, header)


def agrees_with_jc(payload: bytes, pairs: Pairs) -> None:
    header, extension = split_for_pycef(payload.decode())
    if (header + extension).splitlines() != [header + extension]:
        return  # jc takes VT, FF, FS, U+0085, U+2028 and U+2029 for line ends: shown below
    (found,) = parse_by_jc(header + extension)
    extension_found = {key: unescape(text) for key, text in found.items() if key not in _JC_HEADER}
    assert extension_found == {key: text for key, text in pairs.items() if not key.startswith("header ")}


def agrees_with_cef_parsers(payload: bytes, pairs: Pairs) -> None:
    agrees_with_pycef(payload, pairs)
    agrees_with_jc(payload, pairs)


def test_pycef_cannot_read_a_header_with_an_escape_or_an_equals_sign_or_a_blank_field() -> None:
    # The specification wants the escapes, and an = in the header needs none.
    for event_id in (r"a\|b", r"a\\b", "a=b"):
        with pytest.raises(IndexError):
            pycef.parse(f"CEF:0|v|p|1|{event_id}|n|1|x=1")
    assert pycef.parse("CEF:0|v|p||e|n|1|x=1") is None


def parse_by_jc(text: str) -> list[dict[str, str]]:
    found: Any = jc.parse("cef", text, raw=True, quiet=True)
    assert isinstance(found, list)
    return found


def test_jc_cuts_a_payload_at_characters_that_end_no_line_of_cef() -> None:
    for character in "\v\f\x1c\x85\u2028\u2029":
        found = parse_by_jc(f"CEF:0|v|p|1|e|n|1|x=a{character}b")
        assert [piece.get("x") or piece["unparsable"] for piece in found] == ["a", "b"]


def agrees(independent: Callable[[bytes], Pairs]) -> Callable[[bytes, Pairs], None]:
    def compare(payload: bytes, pairs: Pairs) -> None:
        assert independent(payload) == pairs

    return compare


# --- the formats ---------------------------------------------------------------------------------


CONTROLS = {
    "\0": "<NUL>", "\x01": "<SOH>", "\x02": "<STX>", "\x03": "<ETX>", "\x04": "<EOT>", "\x05": "<ENQ>",
    "\x06": "<ACK>", "\a": "<BEL>", "\b": "<BS>", "\v": "<VT>", "\f": "<FF>", "\x0e": "<SO>", "\x0f": "<SI>",
    "\x10": "<DLE>", "\x11": "<DC1>", "\x12": "<DC2>", "\x13": "<DC3>", "\x14": "<DC4>", "\x15": "<NAK>",
    "\x16": "<SYN>", "\x17": "<ETB>", "\x18": "<CAN>", "\x19": "<EM>", "\x1a": "<SUB>", "\x1b": "<ESC>",
    "\x1c": "<FS>", "\x1d": "<GS>", "\x1e": "<RS>", "\x1f": "<US>", "\x85": "<NEL>", "\u2028": "<LS>",
    "\u2029": "<PS>",
}  # fmt: skip
NEVER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x85\u2028\u2029]")
"""What no payload holds as it is, in whatever format: controls but TAB, LF and CR."""


def show_controls(text: str) -> str:
    for control, token in CONTROLS.items():
        text = text.replace(control, token)
    return text


def tokens(text: str) -> str:
    return show_controls(text.replace("\t", "<TAB>").replace("\n", "<LF>").replace("\r", "<CR>"))


def shown_in_cef(key: str, text: str) -> str:
    """Only the header, which has no escape for line ends, shows tokens of them."""
    in_header = key.startswith("header ")
    return show_controls(text.replace("\n", "<LF>").replace("\r", "<CR>") if in_header else text)


def shown_in_leef(key: str, text: str) -> str:
    return tokens(text).replace("|", "/") if key.startswith("header ") else tokens(text)


def shown_in_wincollect(key: str, text: str) -> str:
    return tokens(text)


def shown_in_json(key: str, text: str) -> str:
    return text


@dataclass(frozen=True)
class Form:
    """A format in one of its shapes: how it is read, by whom else, and what it does to text."""

    taxonomy: str
    format: str
    options: tuple[tuple[str, Any], ...]
    read: Callable[[bytes], Pairs]
    compare: Callable[[bytes, Pairs], None]
    shows: Callable[[str, str], str]
    notice: str = ""

    def __str__(self) -> str:
        return "-".join([self.taxonomy, self.format, *(f"{k}={v}" for k, v in self.options)])


def cef(**options: Any) -> Form:
    taken = tuple(options.items())
    notice = {"ad": "ad.exnormReplaced", "user": "adExnormReplaced", "none": ""}[
        options.get("additional_data", "ad")
    ]
    return Form("arcsight", "cef", taken, strictly_cef, agrees_with_cef_parsers, shown_in_cef, notice)


def as_json(taxonomy: str, shape: str) -> Form:
    read, options = json_by_the_standard_library, (("fields", shape),)
    return Form(taxonomy, "json", options, read, agrees(read), shown_in_json)


def leef(version: int) -> Form:
    options, compare = (("leef", version),), agrees(leef_by_csv)
    return Form("jsa", "leef", options, strictly_leef, compare, shown_in_leef, "exnormReplaced")


FORMS = (
    # the first of each format, for hostile text column by column
    cef(),
    leef(2),
    Form(
        "jsa", "wincollect", (("source_ip", "10.91.5.110"),), strictly_wincollect,
        agrees(wincollect_by_csv), shown_in_wincollect, "exnorm-replaced",
    ),
    as_json("arcsight", "full"),
    # the shapes they have besides
    cef(cef=1, additional_data="user"),
    cef(additional_data="none", categories=True),
    leef(1),
    as_json("arcsight", "key"),
    as_json("arcsight", "ecs"),
    as_json("jsa", "full"),
    as_json("jsa", "key"),
)  # fmt: skip


@cache
def pipeline(form: Form) -> Normalizer:
    return normalizer(taxonomy=form.taxonomy, format=form.format, **dict(form.options))


def sample_files(source_name: str) -> list[Path]:
    return sorted(path for path in (SAMPLES / source_name).rglob("*") if path.is_file())


@cache
def sample_record(source_name: str) -> Record:
    """The fullest row among the source's samples."""
    found = []
    for path in sample_files(source_name):
        stream = pipeline(FORMS[0]).stream(path.name)
        found += list(pipeline(FORMS[0]).parse(path.read_bytes(), stream))
    records = [item for item in found if isinstance(item, Record) and item.source.name == source_name]
    assert records, f"tests/samples/{source_name}/ holds no row of source {source_name}"
    return max(records, key=lambda record: sum(bool(value) for value in record.values.values()))


def with_text(record: Record, columns: tuple[str, ...], text: str) -> Record:
    """The record with columns, and what was derived from them unchanged, set to ``text``."""
    changed = record.copy()
    before = {record.values[column] for column in columns} - {""}
    changed.values.update(dict.fromkeys(columns, text))
    for name, value in changed.derived.items():
        if value in before:
            changed.derived[name] = text
    return changed


def write(form: Form, record: Record) -> bytes:
    (event,) = pipeline(form).normalize_record(record)
    payload = pipeline(form).encode_item(event)
    assert payload is not None
    return payload


def expected(harmless: Pairs, text: str, shows: Callable[[str, str], str]) -> Pairs:
    """The harmless row's pairs with the hostile text in the harmless one's place, as it is shown."""
    pairs = {}
    for key, value in harmless.items():
        for spelling in (str, str.upper, str.lower):
            value = value.replace(spelling(HARMLESS), spelling(text))
        pairs[key] = shows(key, value)
    return pairs


def check_hostile_text(form: Form, record: Record, columns: tuple[str, ...]) -> None:
    harmless = form.read(write(form, with_text(record, columns, HARMLESS)))
    for text in HOSTILE:
        payload = write(form, with_text(record, columns, text))
        where = f"{columns} = {text!r}: {payload!r}"
        assert payload.count(b"\n") + payload.count(b"\r") == 0, where
        assert not NEVER.search(payload.decode()), where
        pairs = form.read(payload)
        form.compare(payload, pairs)
        notice = pairs.pop(form.notice, "")
        assert pairs == expected(harmless, text, form.shows), where
        # a format that cannot carry a text says in one more key that it changed it
        as_it_was = expected(harmless, text, shown_in_json)
        assert bool(notice) is (bool(form.notice) and pairs != as_it_was), where


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS[:4], ids=str)
@pytest.mark.parametrize("source_name", SOURCES)
def test_hostile_text_in_any_column_stays_the_text_of_its_keys(source_name: str, form: Form) -> None:
    record = sample_record(source_name)
    for column in record.values:
        check_hostile_text(form, record, (column,))


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("source_name", SOURCES)
def test_hostile_text_in_every_column_at_once_stays_the_text_of_its_keys(
    source_name: str, form: Form
) -> None:
    record = sample_record(source_name)
    check_hostile_text(form, record, tuple(record.values))


# --- through the hosts -----------------------------------------------------------------------------
#
# The rows come as their hosts bring them: as records and events that hold the columns. What comes out of
# a host is held against the payload that the library makes of the same row, which is read back strictly.

Row = dict[str, str]
Given = list[Row]
Made = list[dict[str, Any]]


def hostile_rows(source_name: str, form_number: int) -> Given:
    """The sample's row with each hostile text in each column; a fourth of them, unless all are asked for."""
    values = sample_record(source_name).values
    return [
        {**values, column: text}
        for at, column in enumerate(values)
        for number, text in enumerate((*HOSTILE, HARMLESS))
        if FULL or (at + number) % 4 == form_number
    ]


def through_fluent_bit_filter(form: Form, rows: Given) -> Made:
    chunk: bytes = b"".join(msgpack.packb([[number, {}], row]) for number, row in enumerate(rows))
    made = make_filter(form).filter("tag", chunk)
    return bodies_of(chunk if made is None else made)


def through_forward_service(form: Form, rows: Given) -> Made:
    """Its bytes as a connection brings them, in blocks, to its next hop."""
    sent: list[bytes] = []

    class NextHop:
        def send_packed(self, message: Message, count: int | None = None) -> None:
            sent.append(message.events)

        def close(self) -> None:
            pass

    carrier = Carrier(make_filter(form), [NextHop()], tag_prefix="n.", send_bytes=4 << 20, max_bytes=32 << 20)
    message = msgpack.packb(["tag", [[number, row] for number, row in enumerate(rows)], {"chunk": "id"}])
    cutter = MessageCutter(32 << 20)
    acks = [
        ack
        for at in range(0, len(message), 65536)
        if (messages := cutter.feed(message[at : at + 65536]))
        for ack in carrier.carry(messages)
    ]
    assert len(acks) == 1
    return bodies_of(b"".join(sent))


def make_filter(form: Form) -> ChunkFilter:
    options = {"taxonomy": form.taxonomy, "format": form.format, "read_header": "off", **dict(form.options)}
    return ChunkFilter(read_options(options, {}), normalizer=pipeline(form))


def bodies_of(chunk: bytes) -> Made:
    return [body for _, body in msgpack.Unpacker(io.BytesIO(chunk), strict_map_key=False)]


def through_logstash_codec(form: Form, rows: Given) -> Made:
    codec = JSONCodec(EventNormalizer(pipeline(form), finished=form.format != "json"))
    data = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    lines = [
        codec.encode(event)
        for at in range(0, len(data), 65536)
        for event in codec.decode(data[at : at + 65536])
    ]
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
    return [json.loads(line) for line in lines]


def through_logstash_service(form: Form, rows: Given) -> Made:
    target = EventBodies(pipeline(form), Bounds(), Traffic(), Headers(None, print))
    batch = target.relay(Body(gzip.compress(json.dumps(rows).encode(), 1), "gzip", "application/json"))
    lines = gzip.decompress(batch.payload).split(b"\n")
    assert lines.pop() == b""
    return [json.loads(line) for line in lines]


HOSTS = (
    through_fluent_bit_filter, through_forward_service, through_logstash_codec, through_logstash_service,
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("form_number", range(4), ids=[str(form) for form in FORMS[:4]])
@pytest.mark.parametrize("source_name", SOURCES)
def test_hostile_text_in_any_column_goes_through_every_host_as_one_record(
    source_name: str, form_number: int
) -> None:
    form, rows = FORMS[form_number], hostile_rows(source_name, form_number)
    stream = pipeline(form).stream()
    expected_items = [pipeline(form).parse_fields(row, stream) for row in rows]
    read_back = [read_strictly(form, item) for item in expected_items if isinstance(item, Record)]
    assert len(read_back) > len(rows) // 2
    for host in HOSTS:
        made = host(form, rows)
        assert len(made) == len(rows), host.__name__
        records = iter(read_back)
        for row, item, body in zip(rows, expected_items, made):
            if isinstance(item, Record):
                assert read_body(form, body) == next(records), f"{host.__name__}: {row} became {body}"
            else:
                assert isinstance(item, Unparsed)
                assert body.pop("tags") == [Unparsed.TAG]
                assert body.pop("error") == {"reason": item.reason}
                left = {name: text for name, text in body.items() if name[0] != "@"}
                assert left.keys() == row.keys()
                if item.raw == join_csv(row.values()):  # else a secret was in it
                    assert left == row


def read_strictly(form: Form, record: Record) -> Pairs:
    (event,) = pipeline(form).normalize_record(record)
    payload = pipeline(form).encode_event(event)
    assert isinstance(payload, bytes)
    assert payload.count(b"\n") + payload.count(b"\r") == 0
    return without_id(form.read(payload))


def without_id(pairs: Pairs) -> Pairs:
    """Without what is made of the row as a whole: Logstash knows no order of columns."""
    return {name: text for name, text in pairs.items() if name != " / exnorm_id"}


def read_body(form: Form, body: dict[str, Any]) -> Pairs:
    """What a host's record says, read from the finished line in it where it holds one."""
    if form.format == "json":
        return without_id(flatten({name: value for name, value in body.items() if name != "@version"}))
    payload = body[form.format].encode()
    pairs = form.read(payload)
    form.compare(payload, pairs)
    return pairs


# --- the same with random text -------------------------------------------------------------------


def texts() -> st.SearchStrategy[str]:
    hostile = st.sampled_from((*CHARACTERS, *LINES, "x", "é", "€", "\U0001f600", " ", ";", "'", "<>"))
    return st.one_of(st.text(max_size=40), st.lists(hostile, max_size=12).map("".join))


@st.composite
def hostile_records(draw: st.DrawFn) -> Record:
    record = sample_record(draw(st.sampled_from(sorted(SOURCES)))).copy()
    columns = sorted(record.values)
    for column in draw(st.lists(st.sampled_from(columns), min_size=1, max_size=6, unique=True)):
        record.values[column] = draw(texts()) * draw(st.sampled_from((1, 1, 1, 40)))
    return record


def wire_fields(event: Event) -> Iterator[tuple[str, str, int]]:
    """Key, text and limit of each field, as ``strictly_cef`` and ``strictly_leef`` name the keys."""
    by_name = {field.name: field for field in event.taxonomy.fields}
    for name, value in event.fields.items():
        field = by_name[name]
        yield (f"header {name}" if field.header else field.key), str(value), field.max_bytes


@hypothesis_settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(record=hostile_records())
@pytest.mark.parametrize("form", [form for form in FORMS if form.format in ("cef", "leef")], ids=str)
def test_random_text_is_read_back_as_it_stands_in_the_event(form: Form, record: Record) -> None:
    (event,) = pipeline(form).normalize_record(record)
    payload = pipeline(form).encode_item(event)
    assert payload is not None
    pairs = form.read(payload)
    form.compare(payload, pairs)
    pairs.pop(form.notice, None)
    rest = [form.shows("", text) for text in event.additional.values()]
    for key, text, limit in wire_fields(event):
        shown, found = form.shows(key, text), pairs.pop(key)
        if found != shown:  # tokens made it longer than its field, and the whole of it is kept aside
            assert shown.startswith(found)
            assert len(found.encode()) <= limit < len(shown.encode())
            rest += [form.shows("", text)] if ("additional_data", "none") not in form.options else []
    assert [text for key, text in pairs.items() if not key.startswith("header ")] == rest


@hypothesis_settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(record=hostile_records())
def test_random_text_is_read_back_from_the_native_payload_column_by_column(record: Record) -> None:
    (form,) = (form for form in FORMS if form.format == "wincollect")
    read = read_wincollect(write(form, record))
    read.pairs.pop(form.notice, None)
    assert read.pairs == {column: tokens(text) for column, text in record.values.items()}


@hypothesis_settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(record=hostile_records())
@pytest.mark.parametrize("taxonomy", ["arcsight", "jsa"])
def test_random_text_is_read_back_from_json(taxonomy: str, record: Record) -> None:
    form = as_json(taxonomy, "full")
    (event,) = pipeline(form).normalize_record(record)
    content = json.loads(write(form, record))
    assert content.pop("additionalData", {}) == event.additional
    assert {key: content[key] for key in event.fields} == event.fields


@hypothesis_settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(line=st.one_of(st.binary(max_size=200), texts()))
@pytest.mark.parametrize("source_name", SOURCES)
def test_a_random_line_under_a_header_never_raises_and_is_never_lost(
    source_name: str, line: bytes | str
) -> None:
    first = sample_files(source_name)[0]
    header = [text for text in first.read_bytes().splitlines(keepends=True) if text.startswith(b"#")]
    running = normalizer(source=source_name)
    read = list(running.parse([*header, line], running.stream(first.name)))
    counts = running.counts
    # A text that holds several lines is read as those, but where a quoted cell holds them all.
    line_feed = b"\n" if isinstance(line, bytes) else "\n"
    assert len(header) + 1 <= counts.lines <= len(header) + 1 + line.count(line_feed)  # type: ignore[arg-type]
    assert counts.lines == counts.header + sum(counts.records.values()) + sum(counts.unparsed.values())
    assert len(read) == sum(counts.records.values()) + sum(counts.unparsed.values())
