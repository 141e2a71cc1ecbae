"""Open files for contents of logs: unreadable for other users, and never through another user's link."""

from __future__ import annotations

import errno
import os
import stat

_BINARY = getattr(os, "O_BINARY", 0)  # Windows would write CR LF
_CLOSE_ON_EXEC = getattr(os, "O_CLOEXEC", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_ROOT = 0
_MOST_LINKS = 40


def open_private(path: str | os.PathLike[str], flags: int) -> int:
    """Open a file for writing and return its descriptor; new files get mode 0600. Use it as an ``opener`` for
    ``open``.

    An existing file keeps its mode. Raises ``OSError``, also where the last part of the path is a link that
    belongs to neither the user nor root: anyone who may write to the folder could redirect the output with
    it.
    """
    target = os.fspath(path)
    for _ in range(_MOST_LINKS):
        try:
            return os.open(target, flags | os.O_CREAT | _BINARY | _CLOSE_ON_EXEC | _NO_LINK, 0o600)
        except OSError as error:
            if error.errno not in (errno.ELOOP, getattr(errno, "EMLINK", errno.ELOOP)) or not _NO_LINK:
                raise
        target = _follow(target)
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.fspath(path))


def _follow(link: str) -> str:
    """Return the target of the user's own link, one step."""
    found = os.lstat(link)
    if stat.S_ISLNK(found.st_mode) and found.st_uid not in (os.geteuid(), _ROOT):
        raise OSError(errno.EPERM, "it is a link of another user", link)
    return os.path.join(os.path.dirname(link), os.readlink(link))
