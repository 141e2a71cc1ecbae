"""Opening files for what came out of logs: for nobody else to read, and through nobody else's link."""

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
    """The descriptor of a file to write, made with mode 0600 where it is new; an ``opener`` for ``open``.

    A file that is there keeps its mode, which somebody chose. Raises ``OSError``, also where a link on the
    last part of the path belongs to anybody but the user and root: who may write to the folder could send
    what is written anywhere.
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
    """Where the user's own link leads, one step."""
    found = os.lstat(link)
    if stat.S_ISLNK(found.st_mode) and found.st_uid not in (os.geteuid(), _ROOT):
        raise OSError(errno.EPERM, "it is a link of another user", link)
    return os.path.join(os.path.dirname(link), os.readlink(link))
