"""Read times of captures as epoch milliseconds UTC."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from functools import lru_cache

from exnorm.convert import moment_ms

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LONGEST = 60  # characters of a time
_NUMBER = re.compile(r"\d{9,19}(?:\.\d{1,6})?", re.ASCII)
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
# Zones whose letters are unambiguous; others (CST, IST) are not guessed.
_ZONES = {"UTC": 0, "GMT": 0, "Z": 0, "CET": 60, "CEST": 120, "EET": 120, "EEST": 180, "WEST": 60}
_CLOCK = r"(\d{1,2}):(\d\d):(\d\d)(?:[.,](\d{1,9}))?(?: ?([AP]M))?"
_ZONE = r"(?: ?\(?([A-Z]{1,5}|[+-]\d\d:?\d\d)\)?)?"
_NAMED = re.compile(  # Nov 27 2018 22:40:02.966 UTC, Nov 27, 2018, 10:40:02 PM, Nov 27 22:40:02
    rf"([A-Z][a-z]{{2}})[a-z]* +(\d{{1,2}}),?(?: (\d{{4}}))?,? {_CLOCK}{_ZONE}(?: (\d{{4}}))?", re.ASCII
)
_DAY_FIRST = re.compile(  # 27 Nov 2018 22:40:02, 27/Nov/2018:22:40:02 +0000, 27-Nov-2018 22:40:02
    rf"(\d{{1,2}})[ /-]([A-Z][a-z]{{2}})[a-z]*[ /-](\d{{4}})[ :,]+{_CLOCK}{_ZONE}", re.ASCII
)
_ISO = re.compile(rf"(\d{{4}})[-/](\d\d?)[-/](\d\d?)[T ,]+{_CLOCK}{_ZONE}", re.ASCII)
_NO_YEAR = 0


@lru_cache(maxsize=4096)
def read_moment(text: str, near: int = 0) -> int | None:
    """Return a time as epoch milliseconds UTC; UTC where it names no zone; ``None`` for any other text.

    ``near`` is a time close to it, which decides the year where the text has none.
    """
    text = text.strip().strip('"')
    if not text or len(text) > _LONGEST:
        return None
    if _NUMBER.fullmatch(text):
        return _read_number(text)
    found = _ISO.fullmatch(text)
    if found:
        year, month, day, *rest = found.groups()
        return _put_together(int(year), int(month), int(day), rest, near)
    found = _NAMED.fullmatch(text)
    if found:
        name, day, year, *rest, last = found.groups()
        return _put_together(
            int(year or last or _NO_YEAR), _MONTHS.get(name.lower(), 0), int(day), rest, near
        )
    found = _DAY_FIRST.fullmatch(text)
    if found:
        day, name, year, *rest = found.groups()
        return _put_together(int(year), _MONTHS.get(name.lower(), 0), int(day), rest, near)
    return moment_ms(text)


def _read_number(text: str) -> int | None:
    """Return seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by their digits."""
    whole, _, part = text.partition(".")
    number = int(whole)
    if len(whole) <= 11:
        return number * 1000 + int(part.ljust(3, "0")[:3] or 0)
    if len(whole) <= 14:
        return number
    return number // (1000 if len(whole) <= 17 else 1_000_000)


def _put_together(year: int, month: int, day: int, clock: list[str], near: int) -> int | None:
    hour, minute, second, part, half, zone = clock
    offset = _read_zone(zone)
    if offset is None:
        return None
    if not year:
        year = (_EPOCH + timedelta(milliseconds=near)).year
    try:
        moment = datetime(
            year, month, day, _read_hour(int(hour), half), int(minute), int(second), tzinfo=timezone.utc
        )
    except ValueError:
        return None
    seconds = (moment - _EPOCH) // timedelta(seconds=1) - offset * 60
    return seconds * 1000 + int((part or "0").ljust(3, "0")[:3])


def _read_hour(hour: int, half: str | None) -> int:
    if half is None:
        return hour
    return hour % 12 + (12 if half == "PM" else 0)


def _read_zone(zone: str | None) -> int | None:
    """Return minutes east of UTC; ``None`` for letters that name several zones."""
    if not zone:
        return 0
    if zone[0] in "+-":
        minutes = int(zone[1:3]) * 60 + int(zone[-2:])
        return -minutes if zone[0] == "-" else minutes
    return _ZONES.get(zone)
