"""What every page of exnorm is made with: templates that escape all text, and a style allowed by its hash."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import Any


def make_environment() -> Any:
    """Jinja2's environment, in which every text is escaped."""
    import jinja2  # an extra: only commands that write pages need it

    return jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)


def mark_safe(text: str) -> Any:
    """A text that is HTML already: ours, never a log's."""
    from markupsafe import Markup

    return Markup(text)


def read_asset(package: str, name: str) -> str:
    """A file that lies in a package."""
    return resources.files(package).joinpath(name).read_text(encoding="utf-8")


def digest(style: str) -> str:
    """The hash by which a page's policy lets its style through."""
    return base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
