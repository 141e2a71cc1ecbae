"""Shared by every page of exnorm: templates that escape all text, and a style allowed by its hash."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import Any


def make_environment() -> Any:
    """Return a Jinja2 environment that escapes every text."""
    import jinja2  # an extra: only commands that write pages need it

    return jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)


def mark_safe(text: str) -> Any:
    """Mark a text as finished HTML; only for our own text, never for text of a log."""
    from markupsafe import Markup

    return Markup(text)


def read_asset(package: str, name: str) -> str:
    """Return a text file of a package."""
    return resources.files(package).joinpath(name).read_text(encoding="utf-8")


def digest(style: str) -> str:
    """Return the hash by which a page's content security policy allows its style."""
    return base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
