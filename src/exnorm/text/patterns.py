"""Compile regular expressions at their first use, because most runs meet only one log type."""

from __future__ import annotations

import re
from typing import Any, cast


class _Later:
    """A pattern that is compiled when one of its attributes is first used."""

    def __init__(self, text: str, flags: int) -> None:
        self._given = text, flags

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        compiled = re.compile(*self._given)
        for used in ("match", "fullmatch", "search", "sub", "split", "finditer", "findall"):
            setattr(self, used, getattr(compiled, used))  # from now on as fast as the pattern's own
        return getattr(compiled, name)


def compile_later(text: str, flags: int | re.RegexFlag = 0) -> re.Pattern[str]:
    """Return a pattern that ``re.compile`` compiles at its first use."""
    return cast("re.Pattern[str]", _Later(text, int(flags)))
