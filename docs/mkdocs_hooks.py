"""The repository as a site: its pages keep their links to each other, whichever folder they are in.

Pages under ``docs`` are the site; README.md is its front page, and whatever else a page links to comes
along under ``repository/``. So one link works in a checkout, where the code is hosted, and in the site.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
PREFIX = "repository/"
_LINK = re.compile(r"(?P<start>\]\()(?P<target>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")
_CODE = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)


def to_site(path: str) -> str:
    """Where a file of the repository is in the site."""
    if path == "README.md":
        return "index.md"
    return path.removeprefix("docs/") if path.startswith("docs/") else PREFIX + path


def to_repository(path: str) -> str:
    """Where a file of the site is in the repository."""
    if path == "index.md":
        return "README.md"
    return path.removeprefix(PREFIX) if path.startswith(PREFIX) else f"docs/{path}"


def find_links(page: str, text: str) -> Iterator[tuple[re.Match[str], str]]:
    """Each link of a page of the repository to another file in it, with that file's path."""
    hidden = [found.span() for found in _CODE.finditer(text)]
    for link in _LINK.finditer(text):
        if "://" not in link["target"] and not any(a <= link.start() < b for a, b in hidden):
            yield link, posixpath.normpath(posixpath.join(posixpath.dirname(page), link["target"]))


def slugify(heading: str, separator: str = "-") -> str:
    """The anchor of a heading, as where the code is hosted."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", separator)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Give headings the anchors that they have where the code is hosted."""
    config.mdx_configs.setdefault("toc", {})["slugify"] = slugify
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Take along the pages of other folders, and what any page links to."""
    from mkdocs.structure.files import File, InclusionLevel

    waiting = [f"docs/{file.src_uri}" for file in files.documentation_pages()]
    waiting += [path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *ROOT.glob("*/README.md"))]
    seen = set(waiting)
    while waiting:
        page = waiting.pop()
        for _, target in find_links(page, (ROOT / page).read_text(encoding="utf-8")):
            if target not in seen and (ROOT / target).is_file():
                seen.add(target)
                waiting += [target] if target.endswith(".md") else []
    for path in sorted(seen):
        if not path.startswith("docs/"):
            inclusion = InclusionLevel.NOT_IN_NAV
            files.append(
                File.generated(config, to_site(path), abs_src_path=str(ROOT / path), inclusion=inclusion)
            )
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Turn links of the repository into links of the site."""
    here = page.file.src_uri
    text, end = "", 0
    for link, target in find_links(to_repository(here), markdown):
        to = posixpath.relpath(to_site(target), posixpath.dirname(here) or ".")
        text += markdown[end : link.start()] + f"{link['start']}{to}{link['anchor'] or ''})"
        end = link.end()
    return text + markdown[end:]
