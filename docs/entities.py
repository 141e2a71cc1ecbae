"""Writes docs/entities.md: ``python docs/entities.py docs/entities.md``."""

from __future__ import annotations

import sys
from pathlib import Path

from exnorm.plugins.manager import Plugins
from exnorm.tables.entities import render


def main(path: str) -> None:
    """Write the page."""
    Path(path).write_text(render(Plugins(discover=False).registry.mappings.values()), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
