"""What ``exnorm doctor`` says of each thing that it looks at."""

from __future__ import annotations

from dataclasses import dataclass

FINE, NOTE, BAD = "ok", "note", "bad"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: ``state`` is ``ok``, ``note`` (works without) or ``bad``."""

    state: str
    subject: str
    found: str
    todo: str = ""
