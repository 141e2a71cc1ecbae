"""What the C library does with memory that was freed."""

from __future__ import annotations

HELD_BYTES = 16 * 1024 * 1024


def hold_freed_memory() -> None:
    """Have the memory of one block serve the next one; for processes that handle many of them.

    The C library of Linux gives freed memory back at once and asks for it anew, which costs a fault for each
    page, and in all more than many a row. It gives back no less than twice the largest block that it ever
    mapped, so one that is freed untouched is all it takes. Elsewhere it does nothing.
    """
    bytes(HELD_BYTES)
