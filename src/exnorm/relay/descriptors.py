"""Recognize that no more files or connections can be opened, because the system's error names neither."""

from __future__ import annotations

import errno

OUT_OF_DESCRIPTORS = (
    "out of file descriptors: this process may open no more files or connections; raise its limit "
    "(LimitNOFILE of the unit, ulimit -n)"
)


def is_out_of_descriptors(error: BaseException | None) -> bool:
    """Return whether an error, or its cause, is that there are no file descriptors left."""
    seen = (error, getattr(error, "os_error", None), getattr(error, "__cause__", None))
    return any(getattr(one, "errno", None) in (errno.EMFILE, errno.ENFILE) for one in seen)
