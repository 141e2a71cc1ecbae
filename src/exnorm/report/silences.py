"""Find times in which a server wrote nothing although it usually writes: rows may be missing.

A silence is the time from a row to the next one in another slot. It is a gap if all of this holds:

- it lasts an hour or longer;
- it is at least four times as long as nine in ten of the silences of that server and log type;
- the server wrote in at least ``LEAST_SLOTS`` slots (of a minute, in logs of days);
- the same hours were not silent on half of the other days, as nights are. A silence of 20 hours or longer is
  compared with the same hours of other weeks, as for weekends.

The time after a server's last row counts as a silence up to the last row of any server's log of that type,
and so does the time before its first row.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass
from itertools import pairwise

from exnorm.report.survey import DAY, Series
from exnorm.report.tallies import TimeSlots

HOUR = 3_600_000
WEEK = 7 * DAY
SHORTEST = HOUR
TIMES_USUAL = 4
LEAST_SLOTS = 24
LONG = 20 * HOUR
SHIFTS = 14
STIR = 0.1  # a time is silent with such a share of the slots in use that are usual in as long a time


@dataclass(frozen=True)
class Gap:
    """A gap of one server's log: its start and end in epoch milliseconds, and the usual length of silences
    there.

    ``side`` is ``start`` or ``end`` where only other servers have rows of that time.
    """

    source: str
    server: str
    start: int
    end: int
    usual: int
    side: str = ""


def find_gaps(series: AnyMapping[tuple[str, str], Series]) -> list[Gap]:
    """Return the gaps of every server and log type, the longest first."""
    spans = _span(series)
    found: list[Gap] = []
    for (source, server), rows in series.items():
        if len(rows.slots.counts) >= LEAST_SLOTS and rows.first is not None and rows.last is not None:
            found += _find(source, server, rows.slots, spans[source])
    return sorted(found, key=lambda gap: (gap.start - gap.end, gap.source, gap.server, gap.start))


def _span(series: AnyMapping[tuple[str, str], Series]) -> dict[str, tuple[int, int]]:
    """Return the times of the first and last row of each log type, over the servers that wrote
    enough rows.
    """
    spans: dict[str, tuple[int, int]] = {}
    for (source, _), rows in series.items():
        if len(rows.slots.counts) >= LEAST_SLOTS and rows.first is not None and rows.last is not None:
            first, last = spans.get(source, (rows.first, rows.last))
            spans[source] = min(first, rows.first), max(last, rows.last)
    return spans


def _find(source: str, server: str, slots: TimeSlots, span: tuple[int, int]) -> list[Gap]:
    starts, width = slots.starts(), slots.width
    times = [(slots.firsts[start // width], slots.lasts[start // width]) for start in starts]
    silences = [(last, first, "") for (_, last), (first, _) in pairwise(times)]
    usual = find_usual([end - start for start, end, _ in silences])
    silences += ((span[0], times[0][0], "start"), (times[-1][1], span[1], "end"))
    least = max(SHORTEST, TIMES_USUAL * usual)
    return [
        Gap(source, server, start, end, usual, side)
        for start, end, side in silences
        if end - start >= least and not is_habit(starts, width, start, end)
    ]


def find_usual(lengths: list[int]) -> int:
    """Return the length that nine in ten silences do not exceed (nearest rank)."""
    rank = -(-len(lengths) * 9 // 10)
    return sorted(lengths)[rank - 1] if lengths else 0


def is_habit(starts: list[int], width: int, start: int, end: int) -> bool:
    """Return whether the same hours were silent on at least half of the other days (or weeks) in the rows."""
    period = WEEK if end - start >= LONG else DAY
    start, end = (start // width + 1) * width, end // width * width  # the slots between
    first, last = starts[0], starts[-1] + width
    usual = len(starts) / (last - first)  # slots in use, by millisecond
    silent = compared = 0
    for shift in (*range(-SHIFTS, 0), *range(1, SHIFTS + 1)):
        begin, stop = start + shift * period, end + shift * period
        if begin < first or stop > last:
            continue
        compared += 1
        used = bisect_left(starts, stop) - bisect_left(starts, begin)
        silent += used <= STIR * usual * (stop - begin)
    return compared > 0 and silent * 2 >= compared
