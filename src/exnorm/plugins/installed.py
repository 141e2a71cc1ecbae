"""Find installed plugins and versions without importlib.metadata, which takes longer to load than all the
rest.

importlib.metadata is used only where it may know more: where a plugin is installed, or where packages are not
in plain folders.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_VERSION = re.compile(rb"^Version:\s*(\S+)", re.MULTILINE | re.IGNORECASE)
_HEAD_BYTES = 4096  # where the version of a distribution stands


def find_entry_points(group: str) -> list[EntryPoint]:
    """Return the entry points of a group from every installed distribution."""
    heading = re.compile(rb"^\s*\[\s*" + re.escape(group.encode()) + rb"\s*\]", re.MULTILINE)
    if _is_plain() and not any(heading.search(_read(folder, "entry_points.txt")) for folder in _folders()):
        return []
    from importlib import metadata

    return list(metadata.entry_points(group=group))


def find_version(name: str) -> str:
    """Return the version of an installed distribution; empty where it is not installed."""
    if _is_plain():
        for folder in _folders():
            if re.split(r"[-.]", os.path.basename(folder).lower())[0] == name:
                found = _VERSION.search(_read(folder, "METADATA") or _read(folder, "PKG-INFO"))
                if found is not None:
                    return found[1].decode()
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _is_plain() -> bool:
    """Return whether every distribution is in a plain folder of the path."""
    finders = [finder for finder in sys.meta_path if hasattr(finder, "find_distributions")]
    own = [finder for finder in finders if getattr(finder, "__name__", "") == "PathFinder"]
    return finders == own and not any(
        os.path.isfile(path) or path.rstrip(os.sep).endswith(".egg") for path in sys.path
    )


def _folders() -> Iterator[str]:
    for path in sys.path:
        try:
            names = os.listdir(path or ".")
        except OSError:
            continue
        for name in names:
            if name.endswith((".dist-info", ".egg-info")):
                yield os.path.join(path or ".", name)


def _read(folder: str, name: str) -> bytes:
    try:
        with open(os.path.join(folder, name), "rb") as file:
            return file.read(_HEAD_BYTES if name != "entry_points.txt" else -1)
    except OSError:
        return b""
