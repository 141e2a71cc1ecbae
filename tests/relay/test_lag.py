"""The newest event's own time, on every way that rows take."""

from __future__ import annotations

import time

import pytest

from exnorm.convert import iso_utc
from exnorm.pipeline.counts import AHEAD_MS, Counts
from exnorm.testing import normalizer

FIELDS = "#Fields: date-time,event-id,source,sender-address,message-subject"
# date -u -d 2018-11-27T22:40:02Z +%s  ->  1543358402
NEWEST = 1_543_358_402_966


def rows(count: int) -> list[bytes]:
    times = [b"2018-11-27T22:39:59.%03dZ" % number for number in range(count - 1)]
    return [time + b",SEND,SMTP,a@example.com,hello" for time in (*times, b"2018-11-27T22:40:02.966Z")]


@pytest.mark.parametrize("kernel", ["0", "1"])
@pytest.mark.parametrize("count", [1, 300])
def test_the_time_of_the_newest_row_is_known_on_every_way(
    monkeypatch: pytest.MonkeyPatch, kernel: str, count: int
) -> None:
    monkeypatch.setenv("EXNORM_KERNEL", kernel)
    running = normalizer(format="cef", source="message_tracking")
    assert len(list(running.encode([FIELDS.encode(), *rows(count)], running.stream("MSGTRK1.LOG")))) == count
    assert running.counts.newest == NEWEST


def test_an_older_row_and_one_without_a_time_change_nothing() -> None:
    counts = Counts()
    for moment in (NEWEST, NEWEST - 1, None):
        counts.note_time(moment)
    assert counts.newest == NEWEST


def test_a_row_of_the_future_does_not_hide_the_lag_for_ever() -> None:
    running = normalizer(format="cef", source="message_tracking")
    now = int(time.time() * 1000)
    row = "{},SEND,SMTP,a@example.com,hello"
    future = iso_utc(now + AHEAD_MS + 60_000)
    list(running.encode([FIELDS, row.format(iso_utc(now)), row.format(future)], running.stream()))
    assert running.counts.newest == now
