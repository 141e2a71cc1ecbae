"""What is remembered of texts is bounded in bytes, whatever a log has in the place of a short one."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest
import tracking_rows

from exnorm import Normalizer
from exnorm.codecs.keys import ad_key, word_key
from exnorm.convert import gmt_ms, ip, utc_ms
from exnorm.sources.endpoints import split_endpoint
from exnorm.sources.http_proxy import join_build

LONG, TIMES = 100_000, 200

NORMALIZER = Normalizer(discover_plugins=False)
STREAM = NORMALIZER.stream("MSGTRK2026010100-1.LOG")
_ROWS = tracking_rows.make_rows(TIMES)


def encode_in_every_column(text: str) -> object:
    """Rows of message tracking with the text in one column after the other, by generated code and without."""
    row = next(row for row in _ROWS if '"' not in row).split(",")
    rows = [[*row[:at], text, *row[at + 1 :]] for at in (1, 8, 12, 29)]
    header = tracking_rows.header().encode().splitlines()
    return list(NORMALIZER.encode([*header, *(",".join(cells).encode() for cells in rows)], STREAM))


@pytest.mark.parametrize(
    "take",
    [
        ip,
        split_endpoint,
        utc_ms,
        gmt_ms,
        ad_key,
        word_key,
        lambda text: join_build(text, "1", "2", "3"),
        encode_in_every_column,
    ],
    ids=["ip", "split_endpoint", "utc_ms", "gmt_ms", "ad_key", "word_key", "join_build", "rows"],
)
def test_long_texts_are_not_kept(take: Callable[[str], object]) -> None:
    for number in range(30):  # code is generated, modules imported, room for a long payload made
        take(f"{number}:{'e' * LONG}")
    tracemalloc.start()
    try:
        for number in range(TIMES if take is not encode_in_every_column else 30):
            take(f"{number}:{'f' * LONG}")
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 10 * LONG
