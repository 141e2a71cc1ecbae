"""A chunk of Fluent Bit in, a chunk out: what the filter costs beside decoding and encoding the chunk.

    python benchmarks/chunk_filter.py --rows 50000            # EXNORM_KERNEL=0 for generated Python

The rows are those of ``tracking_rows`` under ``log``, with ``filename``, in chunks of about 2 MB. Each way
takes all chunks some times over; the least CPU time of them is printed, by row. ``one by one`` is
measured on fewer rows.
"""

from __future__ import annotations

import argparse
import struct
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import msgpack
import tracking_rows

from exnorm.fluentbit import ChunkFilter
from exnorm.native import describe_path
from exnorm.sources.message_tracking import COLUMNS_2016

CHUNK_BYTES = 2_000_000
NAME = "/nowhere/MSGTRK2026010100-1.LOG"
NOW = msgpack.ExtType(0, struct.pack(">II", 1_700_000_000, 5))
HEADER = (
    "#Software: Microsoft Exchange Server",
    f"#Version: {tracking_rows.VERSION}",
    "#Log-type: Message Tracking Log",
    f"#Fields: {','.join(COLUMNS_2016)}",
)
FORMATS = (("arcsight", "cef"), ("jsa", "leef"), ("arcsight", "json"))


def make_chunks(rows: int) -> Iterator[bytes]:
    """The log as chunks, its header at their beginning."""
    chunk = b"".join(map(_pack, HEADER))
    for row in tracking_rows.make_rows(rows):
        chunk += _pack(row)
        if len(chunk) > CHUNK_BYTES:
            yield chunk
            chunk = b""
    yield chunk


def _pack(line: str) -> bytes:
    packed: bytes = msgpack.packb([[NOW, {}], {"log": line, "filename": NAME}])
    return packed


def recode(chunk: bytes) -> bytes:
    """Decode every event and encode it again: what nobody who works on a chunk gets around."""
    unpacker = msgpack.Unpacker(None, max_buffer_size=len(chunk), timestamp=0, strict_map_key=False)
    unpacker.feed(chunk)
    pack = msgpack.Packer().pack
    return b"".join(map(pack, unpacker))


def measure(way: Callable[[bytes], Any], chunks: Sequence[bytes], times: int) -> float:
    """The least CPU seconds that a way takes for all chunks."""
    taken = []
    for _ in range(times):
        begin = time.process_time()
        for chunk in chunks:
            way(chunk)
        taken.append(time.process_time() - begin)
    return min(taken)


def main() -> int:
    """Measure each way and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    chunks = list(make_chunks(given.rows))
    few = list(make_chunks(given.rows // 20))
    base = measure(recode, chunks, given.times) / given.rows
    print(f"{given.rows} rows in {len(chunks)} chunks; {describe_path()}\n")
    print("| what | us a row | events/s | against decode and encode |\n|---|---|---|---|")
    _print("msgpack decode and encode", base, base)
    for taxonomy, name in FORMATS:
        filtered = ChunkFilter.from_names({"taxonomy": taxonomy, "format": name})
        seconds = measure(partial(filtered.filter, "t"), chunks, given.times)
        _print(f"filter, {name}", seconds / given.rows, base)
    singly = ChunkFilter.from_names({"format": "cef"})
    singly.normalizer.prepare = lambda lines, stream: None  # type: ignore[method-assign]
    singly.normalizer.open_rows = lambda stream: None  # type: ignore[method-assign]
    seconds = measure(partial(singly.filter, "t"), few, given.times)
    _print("filter, cef, one by one", seconds / (given.rows // 20), base)
    return 0


def _print(what: str, seconds: float, base: float) -> None:
    print(f"| {what} | {seconds * 1e6:.2f} | {1 / seconds:.0f} | {seconds / base:.2f} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
