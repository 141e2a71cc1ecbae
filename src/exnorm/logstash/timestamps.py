"""``@timestamp`` as Logstash reads and writes it: ISO-8601 with an optional time and zone.

Years may exceed four digits and fractions have up to nine, so no ``datetime`` can represent them: an instant
is seconds since 1970 UTC and nanoseconds. A time without a zone is UTC.
"""

from __future__ import annotations

import re
import time
import zoneinfo
from datetime import datetime
from functools import lru_cache

_TEXT = re.compile(
    r"([+-]?)(\d{4,10})-(\d\d)-(\d\d)(?:[Tt](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{0,9}))?)?)?", re.ASCII
)
_NAMED_OFFSET = re.compile(r"(?:UTC|UT|GMT0|GMT)", re.IGNORECASE)
_LONG_OFFSET = re.compile(r"([+-])(\d\d):(\d\d)(?::(\d\d))?", re.ASCII)
_SHORT_OFFSET = re.compile(r"([+-])(\d\d)(?:(\d\d)(\d\d)?)?", re.ASCII)

_MAX_YEAR = 999_999_999
_MAX_OFFSET = 18 * 3600
_DAY = 86400
_NO_DAYS_IN = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# Names in zone files that Java does not know.
_NOT_IN_JAVA = frozenset(("est", "mst", "hst", "roc", "factory", "posixrules", "localtime", "leapseconds"))
_LONGEST_ZONE = 40

Moment = tuple[int, int]
"""Seconds since 1970 UTC, nanoseconds."""


def normalize_timestamp(text: str) -> str | None:
    """Return the time in UTC with ``Z`` and 3, 6 or 9 decimals; ``None`` for any other text."""
    moment = read_moment(text)
    return None if moment is None else write_moment(*moment)


def now() -> str:
    """Return the current time, to the millisecond."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return write_moment(seconds, nanoseconds // 1_000_000 * 1_000_000)


def read_moment(text: str) -> Moment | None:
    """Return a text as an instant, as lenient as Logstash: 30 February is the month's last day."""
    found = _TEXT.match(text)
    if found is None:
        return None
    sign, year, month, date, hour, minute, second_text, fraction = found.groups()
    day = _read_day(sign, year, month, date)
    second = _read_second(hour, minute, second_text, fraction or "")
    if day is None or second is None:
        return None
    offset = _read_offset(text[found.end() :], day * _DAY + second)
    if offset is None:
        return None
    return day * _DAY + second - offset, int((fraction or "").ljust(9, "0"))


def write_moment(seconds: int, nanoseconds: int) -> str:
    """Return an instant as ``yyyy-MM-ddTHH:mm:ss.fffZ``; a year of more than four digits has its sign."""
    days, second = divmod(seconds, _DAY)
    year, month, day = _civil(days)
    sign = "-" if year < 0 else "+" if year > 9999 else ""
    fraction = f"{nanoseconds:09d}"
    while len(fraction) > 3 and fraction.endswith("000"):
        fraction = fraction[:-3]
    clock = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
    return f"{sign}{abs(year):04d}-{month:02d}-{day:02d}T{clock}.{fraction}Z"


def _read_day(sign: str, digits: str, month_text: str, day_text: str) -> int | None:
    year, month, day = int(digits), int(month_text), int(day_text)
    # Only years of more than four digits have a plus sign; any year but 0 may have a minus.
    if (sign == "" and len(digits) > 4) or (sign == "+" and len(digits) == 4) or (sign == "-" and not year):
        return None
    if year > _MAX_YEAR or not 1 <= month <= 12 or not 1 <= day <= 31:
        return None
    year = -year if sign == "-" else year
    last = 28 if month == 2 and not _is_leap(year) else _NO_DAYS_IN[month]
    return _days(year, month, min(day, last))


def _read_second(hour: str | None, minute: str, second: str | None, fraction: str) -> int | None:
    if hour is None:
        return 0
    h, m, s = int(hour), int(minute), int(second or 0)
    if h == 24:  # midnight at the end of the day
        return _DAY if not (m or s or fraction.strip("0")) else None
    return None if h > 23 or m > 59 or s > 59 else h * 3600 + m * 60 + s


def _read_offset(rest: str, local: int) -> int | None:
    """Return seconds east of Greenwich; after a zone an offset may follow, which then counts."""
    zone, at = _read_zone(rest, local)
    if at == len(rest):
        return zone
    if rest[at:] in ("Z", "z"):
        return 0
    found = _SHORT_OFFSET.fullmatch(rest, at)
    return None if found is None else _offset_seconds(*found.group(1, 2, 3, 4))


def _read_zone(rest: str, local: int) -> tuple[int, int]:
    """Return the zone at the beginning, if there is one, as an offset, and where it ends."""
    named = _NAMED_OFFSET.match(rest)
    at = named.end() if named else 0
    found = _LONG_OFFSET.match(rest, at)
    if found is not None:
        offset = _offset_seconds(*found.group(1, 2, 3, 4))
        if offset is not None:
            return offset, found.end()
    if named is not None:
        return 0, at
    names = _zone_names() if rest[:1].isalpha() and len(rest) > 1 else {}
    for end in range(min(len(rest), _LONGEST_ZONE), 1, -1):
        name = names.get(rest[:end].lower())
        if name is not None:
            return _offset_at(name, local), end
    return 0, 1 if rest[:1] in ("Z", "z") and rest else 0


def _offset_seconds(sign: str, hours: str, minutes: str | None, seconds: str | None) -> int | None:
    m, s = int(minutes or 0), int(seconds or 0)
    total = int(hours) * 3600 + m * 60 + s
    if m > 59 or s > 59 or total > _MAX_OFFSET:
        return None
    return -total if sign == "-" else total


@lru_cache(maxsize=1)
def _zone_names() -> dict[str, str]:
    names = {name.lower(): name for name in zoneinfo.available_timezones()}
    return {lower: name for lower, name in names.items() if lower not in _NOT_IN_JAVA}


def _offset_at(name: str, local: int) -> int:
    days, second = divmod(local, _DAY)
    year, month, day = _civil(days)
    if not 1 <= year <= 9999:  # the rules in force repeat with the calendar, every 400 years
        year = 2000 + year % 400
    moment = datetime(
        year, month, day, second // 3600, second // 60 % 60, second % 60, tzinfo=zoneinfo.ZoneInfo(name)
    )
    offset = moment.utcoffset()
    return 0 if offset is None else offset.days * _DAY + offset.seconds


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _days(year: int, month: int, day: int) -> int:
    """Return days since 1970-01-01 in the Gregorian calendar; years begin in March, so 29
    February ends one.
    """
    if month <= 2:
        year -= 1
    era, of_era = divmod(year, 400)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


def _civil(days: int) -> tuple[int, int, int]:
    era, of_era_day = divmod(days + 719468, 146097)
    of_era = (of_era_day - of_era_day // 1460 + of_era_day // 36524 - of_era_day // 146096) // 365
    of_year = of_era_day - (365 * of_era + of_era // 4 - of_era // 100)
    shifted = (5 * of_year + 2) // 153
    day = of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9
    return era * 400 + of_era + (month <= 2), month, day
