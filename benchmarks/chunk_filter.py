"""A chunk of Fluent Bit in, a chunk out: what the filter costs beside decoding and encoding the chunk.

    python benchmarks/chunk_filter.py --rows 50000            # EXNORM_KERNEL=0 for generated Python

The rows are those of ``tracking_rows`` under ``log``, with ``filename``, in chunks of about 2 MB. Each way
takes each chunk some times over, all ways in turn; the sum of the least CPU times is printed, by row.
``one by one`` is measured on fewer rows. Ratios are to decoding and encoding with msgspec and with msgpack.
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
import msgspec
import tracking_rows

from exnorm.engine.kernel import describe_path
from exnorm.fluentbit import ChunkFilter
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


def recode_quickly(chunk: bytes, count: int) -> bytes:
    """The same with msgspec, which must be told how many events there are."""
    events = msgspec.msgpack.decode(b"\xdd" + count.to_bytes(4, "big") + chunk)
    return b"".join(map(msgspec.msgpack.Encoder().encode, events))


def count_events(chunk: bytes) -> int:
    """How many events a chunk holds."""
    unpacker = msgpack.Unpacker(None, max_buffer_size=len(chunk), timestamp=0, strict_map_key=False)
    unpacker.feed(chunk)
    return sum(1 for _ in unpacker)


def measure(ways: dict[str, Callable[[bytes], Any]], chunks: Sequence[bytes], times: int) -> dict[str, float]:
    """The least CPU seconds that each way takes for each chunk, all chunks together."""
    total = dict.fromkeys(ways, 0.0)
    for chunk in chunks:
        least: dict[str, float] = {}
        for _ in range(times):
            for name, way in ways.items():
                begin = time.process_time()
                way(chunk)
                taken = time.process_time() - begin
                least[name] = min(taken, least.get(name, taken))
        for name, seconds in least.items():
            total[name] += seconds
    return total


def main() -> int:
    """Measure each way and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--times", type=int, default=5)
    given = parser.parse_args()
    chunks = list(make_chunks(given.rows))
    counts = {chunk: count_events(chunk) for chunk in chunks}
    ways: dict[str, Callable[[bytes], Any]] = {
        "msgspec decode and encode": lambda chunk: recode_quickly(chunk, counts[chunk]),
        "msgpack decode and encode": recode,
    }
    for taxonomy, name in FORMATS:
        filtered = ChunkFilter.from_names({"taxonomy": taxonomy, "format": name})
        ways[f"filter, {name}"] = partial(filtered.filter, "t")
    for way in ways.values():
        way(chunks[0])  # what is made once: programs, caches
    taken = {name: seconds / given.rows for name, seconds in measure(ways, chunks, given.times).items()}
    few = list(make_chunks(given.rows // 20))
    singly = ChunkFilter.from_names({"format": "cef"})
    singly.normalizer.batches.prepare = lambda *given: None  # type: ignore[method-assign]
    singly.normalizer.batches.open = lambda stream: None  # type: ignore[method-assign]
    one = "filter, cef, one by one"
    taken[one] = measure({one: partial(singly.filter, "t")}, few, 3)[one] / (given.rows // 20)
    print(f"{given.rows} rows in {len(chunks)} chunks; {describe_path()}\n")
    print("| what | us a row | events/s | against msgspec | against msgpack |\n|---|---|---|---|---|")
    bases = [taken[f"{name} decode and encode"] for name in ("msgspec", "msgpack")]
    for what, seconds in taken.items():
        ratios = " | ".join(f"{seconds / base:.2f}" for base in bases)
        print(f"| {what} | {seconds * 1e6:.2f} | {1 / seconds:.0f} | {ratios} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
