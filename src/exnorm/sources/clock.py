"""Read times of exports: printed by a shell in some country's format, mostly without a zone.

A time that names its zone is read as it stands. Any other time needs the zone it was printed in and is
refused without one. Also refused are a time that occurred twice or never in its zone, because clocks were
changed, and a date whose day and month cannot be told apart:

- ``27.11.2018`` has the day first, as in every country that writes dots; ``2018-11-27`` the year.
- ``11/27/2018`` and ``27/11/2018`` prove their order by the number above 12, and with it the order of
  all later dates of the same export.
- ``5/11/2018 10:40:02 PM`` is American unless an earlier date proved otherwise: capital AM or PM and an
  unpadded day or month is the format of en-US. ``05/11/2018`` or a 24 hour clock proves nothing.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo

from exnorm.errors import quote
from exnorm.sources.columnar import Refusal
from exnorm.text.patterns import compile_later

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_SECOND = timedelta(seconds=1)
_JSON_DATE = compile_later(r"/Date\((-?\d{1,14})(?:[+-]\d{4})?\)/", re.ASCII)
_DATE_TIME = compile_later(
    r"""
    (?P<first> \d{1,4}) (?P<separator> [-/.]) (?P<middle> \d{1,2}) (?P=separator) (?P<last> \d{1,4})
    (?: T | ,?[ ] )
    (?P<hour> \d{1,2}) (?P<colon> [:.]) (?P<minute> \d{2})
    (?: (?P=colon) (?P<second> \d{2}) (?: [.,] (?P<fraction> \d{1,9}) )? )?
    (?: [ \u00a0\u202f]? (?P<half> [AaPp][Mm]) )?
    (?: [ ]? (?P<zone> Z | [+-](?:0\d|1[0-4]):?[0-5]\d) )?
    """,
    re.ASCII | re.VERBOSE,
)
_EXPECTED = (
    "expected yyyy-MM-ddTHH:mm:ss with Z or an offset, or a local time: yyyy-MM-dd HH:mm:ss, "
    "M/d/yyyy h:mm:ss AM, d/M/yyyy H:mm:ss, d.M.yyyy H:mm:ss"
)
_ZONE_NEEDED = (
    ", a local time without its zone; name the zone of the shell that exported it, "
    "for example --tz Europe/Berlin"
)
_YEARS = range(1900, 2200)
_MILLISECONDS = range(-2_208_988_800_000, 7_258_118_400_000)  # the same years


class Clock:
    """Reads the times of one export; ``zone_name`` is the zone of the shell that printed it, empty where
    unknown.
    """

    def __init__(self, zone_name: str) -> None:
        self._zone_name = zone_name
        self._zone: tzinfo | None = None
        if zone_name:
            from zoneinfo import ZoneInfo  # few runs need it

            self._zone = ZoneInfo(zone_name)
        self._day_first: bool | None = None  # what an earlier date of this export proved

    def read(self, name: str, text: str) -> int | Refusal:
        """Return epoch milliseconds UTC, or a refusal; ``name`` is the export's name for the time."""
        epoch = _JSON_DATE.fullmatch(text)
        if epoch is not None and int(epoch[1]) in _MILLISECONDS:
            return int(epoch[1])
        found = _DATE_TIME.fullmatch(text)
        seconds = ("date", f"; {_EXPECTED}") if found is None else self._read_seconds(found)
        if isinstance(seconds, tuple):
            kind, reason = seconds
            return kind, f"{name} is {quote(text)}{reason}"
        assert found is not None
        return seconds * 1000 + int((found["fraction"] or "").ljust(3, "0")[:3])

    def _read_seconds(self, found: re.Match[str]) -> int | Refusal:
        """Return epoch seconds UTC, or a refusal."""
        if self._zone is None and not found["zone"]:
            return "timezone", _ZONE_NEEDED
        ordered = self._order(found)
        moment = None if ordered is None else _assemble(found, *ordered)
        if moment is None:
            what = ", which is no time" if ordered else "; day and month cannot be told apart"
            return "date", f"{what}; {_EXPECTED}"
        if self._zone is None or found["zone"]:
            return (moment - _offset(found["zone"]) - _EPOCH) // _SECOND
        seconds = _in_zone(moment, self._zone)
        return seconds if isinstance(seconds, int) else ("timezone", f", which {self._zone_name} {seconds}")

    def _order(self, found: re.Match[str]) -> tuple[int, int, int] | None:
        """Return year, month and day; ``None`` where nothing proves their order."""
        first, middle, last = int(found["first"]), int(found["middle"]), int(found["last"])
        if len(found["first"]) == 4:
            return first, middle, last
        if len(found["last"]) != 4:
            return None
        if found["separator"] == "." or first == middle:
            return last, middle, first
        if first > 12 or middle > 12:
            self._day_first = first > 12
        day_first = self._day_first
        if day_first is None and found["half"] in ("AM", "PM") and found["separator"] == "/":
            padded = found["first"].startswith("0") or found["middle"].startswith("0")
            day_first = None if padded else False
        if day_first is None:
            return None
        return (last, middle, first) if day_first else (last, first, middle)


def _in_zone(moment: datetime, zone: tzinfo) -> int | str:
    """Return the epoch seconds of a local time in a zone, or why that time is not unique there."""
    local = moment.replace(tzinfo=zone)
    utc = local.astimezone(timezone.utc)
    if utc.astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        return "skipped when its clocks were put forward"
    if local.utcoffset() != local.replace(fold=1).utcoffset():
        return "had twice when its clocks were put back"
    return (utc - _EPOCH) // _SECOND


def _assemble(found: re.Match[str], year: int, month: int, day: int) -> datetime | None:
    """Return the time as if it were UTC; ``None`` where there is no such day or time of day."""
    hour, half = int(found["hour"]), (found["half"] or "").upper()
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "PM" else 0)
    if year not in _YEARS:
        return None
    try:
        return datetime(
            year, month, day, hour, int(found["minute"]), int(found["second"] or 0), tzinfo=timezone.utc
        )
    except ValueError:
        return None


def _offset(zone: str) -> timedelta:
    if zone == "Z":
        return timedelta()
    distance = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return -distance if zone.startswith("-") else distance
