"""Filter rows by time, by event and by a column's text; from settings or from a site's file.

A filter is data, so that counts and explanations can name the rule that left a row out.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from exnorm.convert import moment_ms
from exnorm.errors import SettingsError, quote, suggest
from exnorm.model import Record, RowFilter, RowTest, Source
from exnorm.settings import Settings

_WHERE = re.compile(r"([^=!]+)(!?=)(.*)", re.DOTALL)

FindRule = Callable[[Record], str]
"""The rule by which a row is left out; empty where it stays."""


def match_glob(text: str) -> re.Pattern[str]:
    """Return a pattern in which ``*`` stands for any text and ``?`` for one character, ignoring case."""
    return re.compile(r"\A" + fnmatch.translate(text), re.IGNORECASE)


def read_filters(settings: Settings, source: Source) -> tuple[RowFilter, ...]:
    """Return the filters of ``--event`` and ``--where`` for the rows of a source."""
    filters = [RowFilter("--event", (RowTest("", match_glob(e)),), "--event") for e in settings.events]
    for given in settings.where:
        column, negated, pattern = _split_where(given)
        named = [name for name in _columns(source) if name.casefold() == column.casefold()]
        test = RowTest(named[0] if named else column, match_glob(pattern), negated)
        filters.append(RowFilter(f"--where {given}", (test,), f"--where {given}"))
    return tuple(filters)


def check_where(settings: Settings, sources: Iterable[Source]) -> None:
    """Raise ``SettingsError`` for a malformed ``--where``, or one whose column no log type has."""
    known = {name for source in sources for name in _columns(source)}
    folded = {name.casefold() for name in known}
    for given in settings.where:
        column = _split_where(given)[0]
        if column.casefold() not in folded:
            raise SettingsError(f"where: no log type has a column {quote(column)}{suggest(column, known)}")


def _split_where(given: str) -> tuple[str, bool, str]:
    found = _WHERE.fullmatch(given)
    if found is None:
        raise SettingsError(f"where: got {quote(given)}; expected COLUMN=PATTERN or COLUMN!=PATTERN")
    return found.group(1).strip(), found.group(2) == "!=", found.group(3)


def _columns(source: Source) -> tuple[str, ...]:
    return (*source.columns, *source.derived)


@dataclass(frozen=True)
class TimeRange:
    """From ``since`` (included) to ``until`` (excluded), in epoch milliseconds UTC; ``None``
    means no bound.
    """

    since: int | None
    until: int | None

    @classmethod
    def of(cls, settings: Settings) -> TimeRange:
        """Return the range of the settings."""
        return cls(
            moment_ms(settings.since) if settings.since else None,
            moment_ms(settings.until) if settings.until else None,
        )

    def find_rule(self, time: int | None) -> str:
        """Return the bound that leaves a row of this time out; a row without a time is outside every
        range.
        """
        if self.since is not None and (time is None or time < self.since):
            return "--since"
        if self.until is not None and (time is None or time >= self.until):
            return "--until"
        return ""


def choose_rows(filters: Sequence[RowFilter], times: TimeRange) -> FindRule | None:
    """Return a function that names the rule which leaves a row out; ``None`` where there is no filter.

    A row is kept if it is within the times, no filter without a group matches it, and at least one filter of
    each group matches it.
    """
    groups: dict[str, list[RowFilter]] = {}
    for one in filters:
        groups.setdefault(one.group, []).append(one)
    drops = groups.pop("", [])
    if not filters and times == TimeRange(None, None):
        return None

    def find_rule(record: Record) -> str:
        rule = times.find_rule(record.time)
        if rule:
            return rule
        for one in drops:
            if one.matches(record):
                return one.rule
        for group in groups.values():
            if not any(one.matches(record) for one in group):
                return group[0].rule
        return ""

    return find_rule
