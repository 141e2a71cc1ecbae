"""Control characters: those that end a line for some reader or move the cursor of a terminal."""

from __future__ import annotations

# fmt: off
_NAMES = (
    "NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "TAB", "LF", "VT", "FF", "CR", "SO", "SI",
    "DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS", "US",
)
# fmt: on
TOKENS = {chr(code): f"<{name}>" for code, name in enumerate(_NAMES)}
TOKENS.update({"\x85": "<NEL>", "\u2028": "<LS>", "\u2029": "<PS>"})
"""By character: Unicode's abbreviations of the C0 controls, and of what else ends a line for some readers."""


def name_control(character: str) -> str:
    """Return the number and name of a character in ``TOKENS``: ``U+000A (LF)``."""
    return f"U+{ord(character):04X} ({TOKENS[character][1:-1]})"
