"""Control how the C library and Python handle freed memory."""

from __future__ import annotations

import gc

HELD_BYTES = 16 * 1024 * 1024


def hold_freed_memory() -> None:
    """Keep freed memory for the next block; for processes that handle many blocks.

    The C library of Linux returns freed memory to the system at once and requests it again, which costs a
    page fault for each page. It keeps up to twice the largest block it ever mapped, so allocating and freeing
    one untouched block of that size is enough. Does nothing elsewhere.
    """
    bytes(HELD_BYTES)


def keep_what_is_there() -> None:
    """Exempt all present objects from garbage collection; does nothing on PyPy."""
    if hasattr(gc, "freeze"):
        gc.freeze()


def collect_rarely(objects: int) -> None:
    """Collect garbage only after this number of new objects; does nothing on PyPy."""
    if hasattr(gc, "set_threshold"):
        gc.set_threshold(objects, 50, 1000)
