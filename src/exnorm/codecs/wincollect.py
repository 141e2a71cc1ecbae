"""The native payload: the text that JSA's Microsoft Exchange protocol passes to the Exchange DSM.

TAB separated ``key=value``: SourceIp, AgentDevice, AgentLogFile, AgentLogFormat, then the log's own columns
in file order, empty ones too, as in the sample message of the JSA guide. Values have no escape: TAB, line
breaks and other controls become visible tokens, and a last key ``exnorm-replaced`` names the columns whose
values were changed.

A record that came in such a payload keeps its envelope: every key with an unchanged value is written exactly
as it was read, so an unchanged payload comes out the same byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from exnorm.codecs.tokens import SEPARATORS, Show, choose_controls, make_show
from exnorm.model import Codec, Encode, Envelope, Event, Head, Notes, Record, Source, Taxonomy, Wire
from exnorm.settings import Settings

AGENT_DEVICE = "WindowsExchange"
SOURCE_IP = "SourceIp"
REPLACED = "exnorm-replaced"

Carry = Callable[[str, str], str]
"""Writes a key and a value as ``key=value``, and remembers a value that it had to change."""


def build(taxonomy: Taxonomy, settings: Settings, notes: Notes) -> Encode:
    """Return an encoder that writes the record behind an event; the event's own fields are not used."""
    controls = choose_controls(settings.control)
    show, show_controls = make_show(SEPARATORS + controls), make_show(controls)

    def encode(event: Event) -> bytes:
        record = event.record
        envelope = record.envelope
        changed: list[str] = []

        def carry(key: str, value: str) -> str:
            text = show(value)
            if text != value:
                name(key)
            return f"{_key(key, show)}={text}"

        def keep(key: str, text: str) -> str:
            came = f"{key}={text}"
            shown = show_controls(came)
            if shown != came:
                name(key)
            return shown

        def name(key: str) -> None:
            changed.append(key)
            notes.note("replaced", key)

        if envelope is None:
            header, end = "", ""
            parts = list(_wrap(record, settings.source_ip, carry))
        else:
            header, end = show_controls(envelope.header), show_controls(envelope.end)
            parts = list(_rewrap(record, envelope, settings.source_ip, carry, keep))
        if changed:
            parts.append(f"{REPLACED}={','.join(_key(key, show) for key in changed)}")
        return f"{header}{chr(9).join(parts)}{end}".encode("utf-8", "replace")

    return encode


def _wrap(record: Record, source_ip: str, carry: Carry) -> Iterator[str]:
    """Yield the pairs of a record that came from a log file."""
    for key, value in _own_pairs(record.path, record.source, source_ip):
        yield carry(key, value)
    for column, value in record.values.items():
        yield carry(column, value)


def _own_pairs(path: str, source: Source, source_ip: str) -> Iterator[tuple[str, str]]:
    """Yield the pairs before the log's own columns."""
    if source_ip:
        yield SOURCE_IP, source_ip
    yield "AgentDevice", AGENT_DEVICE
    yield "AgentLogFile", Head("" if path == "-" else path).file_name
    yield "AgentLogFormat", source.agent_log_format


def _rewrap(record: Record, envelope: Envelope, source_ip: str, carry: Carry, keep: Carry) -> Iterator[str]:
    """Yield the pairs of a record that came in an envelope, as they came where nothing changed them.

    ``keep`` writes unchanged pairs: they contain no separator, because they came in a payload.
    """
    values = record.values
    if source_ip and all(pair.key != SOURCE_IP or pair.column for pair in envelope.pairs):
        yield carry(SOURCE_IP, source_ip)
    for pair in envelope.pairs:
        if not pair.column:
            text = source_ip if source_ip and pair.key == SOURCE_IP else pair.text
            yield keep(pair.key, text)
        elif pair.column in values:
            value = values[pair.column]
            yield keep(pair.key, pair.text) if value == pair.value else carry(pair.key, value)
    came = envelope.columns
    for column, value in values.items():
        if column not in came:
            yield carry(column, value)


def _key(column: str, show: Show) -> str:
    return show(column).replace("=", "_")


def describe(taxonomy: Taxonomy, settings: Settings) -> Wire:
    """Describe the format as data for the engine; a file name with a control character goes to ``build``."""
    tokens = SEPARATORS + choose_controls(settings.control)
    show = make_show(tokens)

    def start(path: str, source: Source) -> str:
        pairs = [f"{key}={value}" for key, value in _own_pairs(path, source, settings.source_ip)]
        return "" if any(show(pair) != pair for pair in pairs) else "\t".join(pairs)

    return Wire(
        start=start,
        pair=lambda name, is_text: ("", ""),
        keys=lambda columns: [(f"{_key(column, show)}=", "") for column in columns],
        separator="\t",
        refused=tokens,
        every_column=True,
    )


WINCOLLECT = Codec(
    "wincollect", "native payload of JSA's Exchange DSM", build, taxonomies=("jsa",), wire=describe
)
