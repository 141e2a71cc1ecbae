"""Writes the manual pages beside this file, one for each command, from the command line's own help.

python man/write.py
"""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import click
from click_man.core import generate_man_page

from exnorm.cli import walk

HERE = Path(__file__).parent


def render(context: click.Context) -> str:
    """One page; without the date of today, so that it changes only when its command does."""
    page = str(generate_man_page(context, version=f"exnorm {metadata.version('exnorm')}"))
    head, *lines = page.splitlines()
    return "\n".join([re.sub(r'"[0-9-]{10}"', '""', head), *map(str.rstrip, lines)]) + "\n"


def main() -> None:
    """Write each page, and remove those of commands that are gone."""
    pages = {f"{context.command_path.replace(' ', '-')}.1": render(context) for context in walk()}
    for old in HERE.glob("*.1"):
        if old.name not in pages:
            old.unlink()
    for name, page in pages.items():
        (HERE / name).write_text(page, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
