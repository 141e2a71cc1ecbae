"""The kit for authors of plugins: strict readers of every line format, and checks that say what is wrong.

::

    from exnorm.testing import check_plugin, check_source, events, normalizer, read_cef

    def test_the_plugin_is_sound():
        assert check_plugin(my_plugin) == []

    def test_its_source_never_raises():
        assert check_source(my_plugin.MY_LOG, SAMPLE_LINES) == []

    def test_its_rows_arrive_in_cef():
        payloads = normalizer(my_plugin).encode(SAMPLE_LINES)
        assert read_cef(next(payloads)).pairs["suser"] == "alice@example.test"

The readers take nothing from the encoders: they are written from the descriptions of the formats and
accept exactly what those allow, where a SIEM's own parser may be lenient.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from exnorm.errors import NormalizerError, quote
from exnorm.model import Codec, Confidence, Event, Head, Read, Record, Source, Taxonomy, Unparsed
from exnorm.pipeline.normalizer import Normalizer
from exnorm.pipeline.stream import Stream
from exnorm.plugins.manager import Plugins, Registry
from exnorm.settings import Settings
from exnorm.tables.checks import find_gaps

KINDS = frozenset(
    ("width", "quote", "date", "encoding", "too-long", "unknown-type", "timezone", "syntax")
)  # fmt: skip
"""The words that ``Unparsed.kind`` may be."""


# --- strict readers ------------------------------------------------------------------------------


class FormatError(ValueError):
    """A payload is malformed; ``position`` counts its characters from 0."""

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(f"character {position}: {reason}")
        self.position = position


@dataclass(frozen=True)
class Payload:
    """A decoded payload: the parts of its header by name, then its pairs in their order."""

    header: dict[str, str]
    pairs: dict[str, str]


_CEF_HEADER = ("deviceVendor", "deviceProduct", "deviceVersion", "deviceEventClassId", "name", "severity")
_CEF_SIZES = {
    "deviceVendor": 63, "deviceProduct": 63, "deviceVersion": 31, "deviceEventClassId": 1023, "name": 512,
}  # fmt: skip
_CEF_SEVERITY = re.compile(r"[0-9]|10|Unknown|Low|Medium|High|Very-High")
_CEF_KEY = re.compile(r"[A-Za-z0-9]+|ad\.[A-Za-z0-9._()-]+")
_CEF_SPECIAL = re.compile(r"\\(.?)|=", re.DOTALL)
_CEF_ESCAPED = {"\\": "\\", "=": "=", "n": "\n", "r": "\r"}

_LEEF_HEADER = ("vendor", "product", "version", "eventId")
_LEEF_KEY = re.compile(r"[A-Za-z0-9]+")
_LEEF_DELIMITER = re.compile(r"(?:0?x)([0-9A-Fa-f]{1,4})|([^|\\=A-Za-z0-9])")
_LEEF_NUMBERS = {"sev": (1, 10), "srcPort": (0, 65535), "dstPort": (0, 65535)}
_LEEF_EVENT_ID = 255

_ENVELOPE = ("AgentDevice", "AgentLogFile", "AgentLogFormat")
_ANY_KEY = re.compile(r"[^=]+")


def read_cef(payload: bytes) -> Payload:
    """Decode a CEF payload, version 0 or 1. Raises ``FormatError``."""
    text = _read_text(payload)
    start = re.match(r"CEF:[01]\|", text)
    if start is None:
        raise FormatError("expected CEF:0| or CEF:1|", 0)
    header = {"version": text[4]}
    position = start.end()
    for name in _CEF_HEADER:
        header[name], position = _read_cef_header(text, position, name)
        size = len(header[name].encode())
        if size > _CEF_SIZES.get(name, size):
            raise FormatError(f"{name} has {size} bytes; expected at most {_CEF_SIZES[name]}", position)
    severity = header["severity"]
    if not _CEF_SEVERITY.fullmatch(severity):
        raise FormatError(f"severity is {quote(severity)}; expected 0 to 10 or one of its words", position)
    return Payload(header, dict(_read_cef_pairs(text, position)))


def read_leef(payload: bytes) -> Payload:
    """Decode a LEEF payload, version 1.0 or 2.0. Raises ``FormatError``."""
    text = _read_text(payload)
    version = text[5:8] if re.match(r"LEEF:[12]\.0\|", text) else ""
    if not version:
        raise FormatError("expected LEEF:1.0| or LEEF:2.0|", 0)
    names = _LEEF_HEADER if version == "1.0" else (*_LEEF_HEADER, "delimiter")
    cells = text.split("|", len(names) + 1)
    if len(cells) != len(names) + 2:
        raise FormatError(f"{len(cells) - 1} of {len(names) + 1} header fields", len(text))
    header = {"version of LEEF": version, **dict(zip(names, cells[1:]))}
    start = len(text) - len(cells[-1])
    if "\t" in text[:start]:
        raise FormatError("TAB in the header", text.index("\t"))
    if len(header["eventId"]) > _LEEF_EVENT_ID:
        raise FormatError(f"eventId has {len(header['eventId'])} characters; at most 255", start)
    delimiter = "\t" if version == "1.0" else _read_leef_delimiter(header["delimiter"], start)
    pairs = _read_pairs(text, start, delimiter, _LEEF_KEY)
    for key, (lowest, highest) in _LEEF_NUMBERS.items():
        number = pairs.get(key, str(lowest))
        if not re.fullmatch("[0-9]{1,5}", number) or not lowest <= int(number) <= highest:
            raise FormatError(f"{key} is {quote(number)}; expected {lowest} to {highest}", start)
    return Payload(header, pairs)


def read_wincollect(payload: bytes) -> Payload:
    """Decode a native payload of JSA's Exchange DSM: its envelope as the header, the log's columns as pairs.

    Raises ``FormatError``.
    """
    text = _read_text(payload)
    pairs = _read_pairs(text, 0, "\t", _ANY_KEY)
    names = (("SourceIp",) if text.startswith("SourceIp=") else ()) + _ENVELOPE
    if tuple(pairs)[: len(names)] != names:
        found = ", ".join(tuple(pairs)[: len(names)])
        raise FormatError(f"begins with {quote(found)}; expected {', '.join(names)}", 0)
    return Payload({name: pairs.pop(name) for name in names}, pairs)


def _read_text(payload: bytes) -> str:
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        good = payload[: error.start].decode("utf-8")
        raise FormatError(f"not UTF-8: 0x{payload[error.start]:02x}", len(good)) from None
    for character, name in (("\n", "LF"), ("\r", "CR")):
        if character in text:
            raise FormatError(f"raw {name}", text.index(character))
    return text


def _read_cef_header(text: str, position: int, name: str) -> tuple[str, int]:
    """Return one header field from ``position``, unescaped, and where the next one starts."""
    found: list[str] = []
    while position < len(text):
        character = text[position]
        if character == "|":
            return "".join(found), position + 1
        if character == "\\":
            position += 1
            character = text[position : position + 1]
            if character not in ("\\", "|"):
                raise FormatError(f"\\{character} in the header; expected \\\\ or \\|", position - 1)
        found.append(character)
        position += 1
    raise FormatError(f"the header ends in {name}", position)


def _read_cef_pairs(text: str, start: int) -> Iterator[tuple[str, str]]:
    """Yield the pairs of the extension: each ``=`` without a backslash ends a key, which one
    blank precedes.
    """
    equals = []
    for special in _CEF_SPECIAL.finditer(text, start):
        if special.group() == "=":
            equals.append(special.start())
        elif special.group(1) not in _CEF_ESCAPED:
            raise FormatError(f"{quote(special.group())} is no escape of the extension", special.start())
    if not equals and start < len(text):
        raise FormatError("the extension holds no key=", start)
    seen: set[str] = set()
    begin = start
    for number, equal in enumerate(equals):
        key = text[begin:equal]
        if not _CEF_KEY.fullmatch(key):
            raise FormatError(f"{quote(key)} is no key", begin)
        if key in seen:
            raise FormatError(f"key {key} is repeated", begin)
        seen.add(key)
        end = len(text)
        if number + 1 < len(equals):
            end = text.rfind(" ", equal + 1, equals[number + 1])
            if end < 0:
                raise FormatError(f"unescaped = in the value of {key}", equals[number + 1])
        yield key, _CEF_SPECIAL.sub(lambda found: _CEF_ESCAPED[found.group(1)], text[equal + 1 : end])
        begin = end + 1


def _read_leef_delimiter(text: str, position: int) -> str:
    found = _LEEF_DELIMITER.fullmatch(text)
    if found is None:
        raise FormatError(
            f"{quote(text)} is no delimiter; expected one character or its x hex code", position
        )
    return chr(int(found.group(1), 16)) if found.group(1) else found.group(2)


def _read_pairs(text: str, start: int, delimiter: str, key_pattern: re.Pattern[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    position = start
    for pair in text[start:].split(delimiter) if start < len(text) else ():
        key, equal, value = pair.partition("=")
        if not equal or not key_pattern.fullmatch(key):
            raise FormatError(f"{quote(pair)} does not begin with a key and =", position)
        if key in pairs:
            raise FormatError(f"key {key} is repeated", position)
        pairs[key] = value
        position += len(pair) + len(delimiter)
    return pairs


# --- pipelines for tests -------------------------------------------------------------------------


def normalizer(*plugins: object, **settings: Any) -> Normalizer:
    """Return a normalizer with the built-ins and these plugins, whatever else is installed."""
    return Normalizer(plugins=plugins, discover_plugins=False, **settings)


def events(
    lines: Iterable[str | bytes], *plugins: object, name: str = "", **settings: Any
) -> list[Event | Unparsed]:
    """Return the events of one log file, to its end; ``name`` is its path."""
    pipeline = normalizer(*plugins, **settings)
    stream = pipeline.stream(name)
    return [*pipeline.normalize(lines, stream), *pipeline.finish(stream)]


# --- checks --------------------------------------------------------------------------------------


def check_plugin(plugin: object, *others: object) -> list[str]:
    """Return the faults of a plugin, each as a sentence; an empty list where there are none.

    Loads it after ``others`` (plugins that it builds on), compiles every table, builds each of its formats
    and requests its processors. Names that nothing refers to are faults too.
    """
    try:
        plugins = Plugins((*others, plugin), discover=False)
    except NormalizerError as error:
        return [str(error)]
    registry = plugins.registry
    mine = plugins.listing()[-1].name
    found = list(_find_unused(registry, mine))
    for name, table in registry.mappings.items():
        if registry.owner("mapping", name) == mine:
            found += find_gaps(table, registry.taxonomies[table.taxonomy])
    for taxonomy in registry.taxonomies.values():
        found += _find_duplicates(taxonomy) if registry.owner("taxonomy", taxonomy.name) == mine else ()
        for codec in registry.codecs.values():
            if codec.taxonomies and taxonomy.name not in codec.taxonomies:
                continue
            if codec.name == taxonomy.default_format or registry.owner("codec", codec.name) == mine:
                found += _find_faults((*others, plugin), taxonomy, codec)
    return list(dict.fromkeys(found))


def _find_unused(registry: Registry, mine: str) -> Iterator[str]:
    mappings = registry.mappings.values()
    for kind, names, used in (
        ("source", registry.sources, {m.source for m in mappings}),
        ("taxonomy", registry.taxonomies, {m.taxonomy for m in mappings}),
    ):
        for name in names:
            carries = kind == "source" and registry.sources[name].carries
            if registry.owner(kind, name) == mine and name not in used and not carries:
                yield f"{kind} {quote(name)}: no mapping names it, so it is never used"


def _find_duplicates(taxonomy: Taxonomy) -> Iterator[str]:
    for attribute in ("label", "name", "key"):
        seen: set[str] = set()
        for field in taxonomy.fields:
            value = getattr(field, attribute)
            if value in seen:
                yield f"taxonomy {quote(taxonomy.name)}: two fields have the {attribute} {quote(value)}"
            seen.add(value)


def _find_faults(plugins: tuple[object, ...], taxonomy: Taxonomy, codec: Codec) -> Iterator[str]:
    try:
        built = normalizer(*plugins, taxonomy=taxonomy.name, format=codec.name)
        for source in built.sources:
            built.plugins.record_processors(source, taxonomy, built.settings)
            built.plugins.event_processors(source, taxonomy, built.settings)
    except NormalizerError as error:
        yield str(error)


def check_source(source: Source, lines: Iterable[str | bytes]) -> list[str]:
    """Return where a source breaks its contract on sample lines, each as a sentence; an empty list where it
    does not.

    ``lines`` are one log from its first line. At least one of them gives a record; every one is a record, a
    header or unparsed with a reason; no line raises, even if it is cut at any byte, empty, not UTF-8 or too
    wide.
    """
    sample = [line.encode("utf-8", "surrogatepass") if isinstance(line, str) else line for line in lines]
    found = list(_check_recognition(source))
    records = 0
    stream = _open(source)
    for number, line in enumerate(sample, 1):
        items, fault = _read(stream, line)
        records += sum(isinstance(item, Record) for item in items)
        faults = [fault] if fault else [_check_item(item, source) for item in items]
        found += [f"line {number} {fault}" for fault in faults if fault]
    items, fault = _attempt(stream.drain)
    records += sum(isinstance(item, Record) for item in items)
    found += [
        f"at the end {each}" for each in (fault, *(_check_item(item, source) for item in items)) if each
    ]
    if not records:
        found.append("no line gives a record")
    for number in range(len(sample)):
        found += _check_damaged(source, sample, number)
    return found


def _check_recognition(source: Source) -> Iterator[str]:
    heads = (
        Head(),
        Head(name="\udcff\0/..\\", line="\0"),
        Head(line='"'),
        Head(directives={"fields": "", "log-type": ""}, line=","),
    )
    for head in heads:
        try:
            sure = source.recognize(head)
        except Exception as error:  # the plugin's code may raise anything; that is the finding
            yield f"recognize({head}) raises {_name(error)}"
        else:
            if not isinstance(sure, Confidence):
                yield f"recognize({head}) gives {quote(sure)}; expected a Confidence"


def _check_damaged(source: Source, sample: list[bytes], number: int) -> Iterator[str]:
    """Yield the first fault of a line that was cut, widened or is not text."""
    line = sample[number]
    damaged = [(f"cut to {length} bytes", line[:length]) for length in range(len(line))]
    damaged += [
        ("with 0xff before it", b"\xff" + line),
        ("with 0xff after it", line + b"\xff"),
        ("written twice", line + line),
        *((f"with 500 {mark!r} after it", line + mark * 500) for mark in (b",", b"\t", b" x", b'"', b";")),
        ("replaced by a control character", b"\x01"),
        ("replaced by LF", b"\n"),
    ]
    stream = _open(source)
    for earlier in sample[:number]:
        if earlier.startswith((b"#", b"\xef\xbb\xbf#")):
            _read(stream, earlier)
    for damage, text in damaged:
        items, fault = _read(stream, text)
        for item in items:
            fault = fault or _check_item(item, source)
        if fault:
            yield f"line {number + 1} {damage} {fault}"
            return


def _open(source: Source) -> Stream:
    return Stream("", lambda head: source, Settings())


def _read(stream: Stream, line: bytes) -> tuple[list[Record | Unparsed], str]:
    return _attempt(partial(stream.read, line))


def _attempt(read: Callable[[], Read]) -> tuple[list[Record | Unparsed], str]:
    """Return the items of a reader, and its failure if it raised."""
    try:
        found = read()
    except Exception as error:  # the plugin's code may raise anything; that is the finding
        return [], f"raises {_name(error)}"
    if isinstance(found, list):
        return found, ""
    return ([] if found is None else [found]), ""


def _check_item(item: Record | Unparsed, source: Source) -> str:
    if isinstance(item, Unparsed):
        if item.kind not in KINDS:
            return f"is unparsed with the kind {quote(item.kind)}; expected one of {', '.join(sorted(KINDS))}"
        return "" if item.reason else "is unparsed without a reason"
    return _check_record(item, source)


def _check_record(item: Record, source: Source) -> str:
    if item.source.name not in (source.name, *source.carries):
        return f"gives a record of source {quote(item.source.name)}; expected {source.name}"
    texts = {**item.values, **item.derived}
    wrong = [name for name, value in texts.items() if not isinstance(value, str)]
    unknown = [name for name in item.derived if name not in item.source.derived]
    if wrong:
        return f"gives a record whose {quote(wrong[0])} is no text"
    if unknown:
        return f"gives a record that derives {quote(unknown[0])}, which the source does not name"
    return "" if item.raw else "gives a record without its raw line"


def _name(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
