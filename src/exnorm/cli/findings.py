"""The findings of ``exnorm doctor``."""

from __future__ import annotations

from dataclasses import dataclass

FINE, NOTE, BAD = "ok", "note", "bad"


@dataclass(frozen=True)
class Finding:
    """One check and its result: ``state`` is ``ok``, ``note`` (works without) or ``bad``."""

    state: str
    subject: str
    found: str
    todo: str = ""
