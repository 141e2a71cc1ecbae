"""The native payload: what the Microsoft Exchange protocol of JSA hands to the Exchange DSM.

TAB separated ``key=value``: SourceIp, AgentDevice, AgentLogFile, AgentLogFormat, then the log's own
columns in file order, empty ones too, as in the sample message of the JSA guide. Values have no
escape: TAB and line breaks become visible tokens, and a last key ``exnorm-replaced`` names the columns
whose values were changed.
"""

from __future__ import annotations

from exnorm.codecs.tokens import show_separators
from exnorm.model import Codec, Encode, Event, Head, Notes, Taxonomy
from exnorm.settings import Settings

AGENT_DEVICE = "WindowsExchange"
REPLACED = "exnorm-replaced"


def build(taxonomy: Taxonomy, settings: Settings, notes: Notes) -> Encode:
    """An encoder that writes the record an event was made from; the event's own fields are not used."""

    def encode(event: Event) -> bytes:
        record = event.record
        pairs = [("SourceIp", settings.source_ip)] if settings.source_ip else []
        pairs.append(("AgentDevice", AGENT_DEVICE))
        pairs.append(("AgentLogFile", Head("" if record.path == "-" else record.path).file_name))
        pairs.append(("AgentLogFormat", record.source.agent_log_format))
        pairs += record.values.items()
        changed = []
        shown = []
        for key, value in pairs:
            text = show_separators(value)
            if text != value:
                changed.append(key)
                notes.note("replaced", key)
            shown.append(f"{_key(key)}={text}")
        if changed:
            shown.append(f"{REPLACED}={','.join(_key(key) for key in changed)}")
        return "\t".join(shown).encode("utf-8", "replace")

    return encode


def _key(column: str) -> str:
    return show_separators(column).replace("=", "_")


WINCOLLECT = Codec("wincollect", "native payload of JSA's Exchange DSM", build, taxonomies=("jsa",))
