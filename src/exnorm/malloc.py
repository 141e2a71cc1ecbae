"""What the C library and Python do with memory that was freed."""

from __future__ import annotations

import gc

HELD_BYTES = 16 * 1024 * 1024


def hold_freed_memory() -> None:
    """Have the memory of one block serve the next one; for processes that handle many of them.

    The C library of Linux gives freed memory back at once and asks for it anew, which costs a fault for each
    page, and in all more than many a row. It gives back no less than twice the largest block that it ever
    mapped, so one that is freed untouched is all it takes. Elsewhere it does nothing.
    """
    bytes(HELD_BYTES)


def keep_what_is_there() -> None:
    """Have the collector of garbage look no more through what was made so far; PyPy's has no such thing."""
    if hasattr(gc, "freeze"):
        gc.freeze()


def collect_rarely(objects: int) -> None:
    """Have it look for garbage only after so many new objects; PyPy's decides that by itself."""
    if hasattr(gc, "set_threshold"):
        gc.set_threshold(objects, 50, 1000)
