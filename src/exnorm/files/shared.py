"""Open a log so that its writer may still rename or delete it."""

from __future__ import annotations

import os
import sys


def open_shared(path: str | os.PathLike[str], flags: int = os.O_RDONLY) -> int:
    """Open a file for reading and return its descriptor; an ``opener`` for ``open``. Raises ``OSError``.

    On Windows, Python's own ``open`` would keep Exchange from deleting or renaming a log while it is read.
    """
    if sys.platform == "win32":
        import _winapi
        import msvcrt

        share = 0x1 | 0x2 | 0x4  # FILE_SHARE_READ, FILE_SHARE_WRITE, FILE_SHARE_DELETE
        handle = _winapi.CreateFile(
            os.fspath(path), _winapi.GENERIC_READ, share, 0, _winapi.OPEN_EXISTING, 0, 0
        )
        return msvcrt.open_osfhandle(handle, os.O_RDONLY | os.O_BINARY)
    return os.open(path, flags)
