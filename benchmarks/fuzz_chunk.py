"""The kernel's walk through chunks under AddressSanitizer and UBSan, fed with chunks of no sense.

    python benchmarks/fuzz_chunk.py --chunks 3000

Builds the kernel with both sanitizers (see ``fuzz_kernel``), starts this file again with it, and there
compares what the filter makes of each chunk with what it makes of the same records one by one: cut
anywhere, with bytes and heads changed, lengths that lie up to 2^32, nested a thousand deep. Every chunk is
an allocation of its own without room behind it. Any fault of memory ends it with status 1.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import fuzz_kernel

HEADS = (
    b"\xdb\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xdd\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff",
    b"\xc9\xff\xff\xff\xff", b"\xde\xff\xff", b"\xdc\xff\xff", b"\xda\xff\xff", b"\xd9\xff", b"\xc1",
    b"\x8f", b"\x9f", b"\xbf", b"\x92", b"\x92\x92", b"\xd7\x00", b"\xd7\x00\xff\xff\xff\xff", b"\xd8\x00",
    b"\xc7\x08\x00", b"\xc0", b"\x80", b"\x90", b"\xa0", b"\x91" * 1000, b"\x81\xa1a" * 2000,
    b"\xdb\x00\x00\x00\x00", b"\xdf\x80\x00\x00\x00", b"\xd3\xff\xff\xff\xff\xff\xff\xff\xff", b"\xcf",
    b"\xcb", b"\xa3log", b"\xa8filename",
)  # fmt: skip
OPTIONS: tuple[dict[str, str], ...] = (
    {"format": "cef"},
    {"format": "json"},
    {"format": "cef", "reserve_data": "on"},
    {"format": "cef", "event_time": "off", "profile": "security"},
    {"format": "leef", "taxonomy": "jsa", "file_key": "file,a.b,filename"},
    {"format": "json", "taxonomy": "jsa", "keep_original": "on"},
)


def make_records(lines: Sequence[bytes], chance: random.Random) -> Iterator[bytes]:
    """Lines as events in all forms that there are, with other keys around them."""
    import chunk_filter
    import msgpack

    names = [chunk_filter.NAME, "/nowhere/MSGTRK2026010100-2.LOG"]
    others: list[Any] = ["p", 5, -5, 70000, 1.5, None, True, b"\xff", "x" * 40, {"a": [1, {}]}, "é", 2**40]
    for line in lines:
        time = chance.choice((chunk_filter.NOW, chunk_filter.NOW, 5, 1_700_000_000, 1.5, 2**40))
        head = [time, {"a": 1} if chance.random() < 0.1 else {}] if chance.random() < 0.8 else time
        text: Any = line if chance.random() < 0.1 else line.decode("utf-8", "surrogateescape")
        body = {"log": text, "filename": names[chance.random() < 0.1]}
        if chance.random() < 0.2:
            body = {chance.choice(("pod", "cef", "message", "file", "a.b")): chance.choice(others), **body}
        if chance.random() < 0.2:
            body["more"] = chance.choice(others)
        yield msgpack.packb([head, body], unicode_errors="surrogateescape")


def garble(chunk: bytes, chance: random.Random) -> bytes:
    """The chunk with heads that lie, bytes changed, pieces lost or doubled, or its end cut off."""
    for _ in range(chance.choice((0, 1, 1, 2, 5))):
        at = chance.randrange(len(chunk) + 1)
        kind = chance.randrange(5)
        if kind == 0:
            chunk = chunk[:at] + chance.choice(HEADS) + chunk[at:]
        elif kind == 1:
            head = chance.choice(HEADS)
            chunk = chunk[:at] + head + chunk[at + len(head) :]
        elif kind == 2:
            chunk = chunk[:at] + bytes((chance.randrange(256),)) + chunk[at + 1 :]
        elif kind == 3:
            chunk = chunk[:at] + chunk[at + chance.randrange(40) :]
        else:
            chunk = chunk[:at] + chunk[max(at - chance.randrange(400), 0) :]
    return chunk[: chance.randrange(len(chunk) + 1)] if chance.random() < 0.3 else chunk


def compare(chunks: int, seed: int) -> int:
    """Feed the kernel; the exit status."""
    if "EXNORM_FUZZED_KERNEL" in os.environ:
        fuzz_kernel.load_fuzzed()
    import chunk_filter
    import tracking_rows

    from exnorm.engine.kernel import load_find_end
    from exnorm.fluentbit import ChunkFilter

    assert load_find_end() is not None
    chance = random.Random(seed)
    rows = [row.encode() for row in tracking_rows.make_rows(2000, seed)]
    header = [line.encode() for line in chunk_filter.HEADER]
    walked = 0
    pairs = [tuple(ChunkFilter.from_names(options) for _ in range(2)) for options in OPTIONS]
    for _, singly in pairs:
        singly.normalizer.batches.prepare = lambda *given: None  # type: ignore[method-assign]
        singly.normalizer.batches.open = lambda stream: None  # type: ignore[method-assign]
    for number in range(chunks):
        options, (batches, singly) = OPTIONS[number % len(OPTIONS)], pairs[number % len(OPTIONS)]
        lines = [*header, rows[0], *chance.sample(rows, chance.randrange(1, 12))]
        lines += [fuzz_kernel.garble(line, chance) for line in chance.sample(rows, 2)]
        good = b"".join(make_records(lines, random.Random(seed)))
        chunk = garble(b"".join(make_records(lines[-8:], chance)), chance)
        for one in (good, chunk):
            made, expected = batches.filter("t", one), singly.filter("t", one)
            if made != expected or batches.counts.as_dict() != singly.counts.as_dict():
                print(f"chunk {number}, {options}: {one!r}\ngot {made!r}\nexpected {expected!r}")
                print(batches.counts.as_dict(), singly.counts.as_dict(), sep="\n")
                return 1
        walked += len(chunk)
    events = sum(batches.counts.records_in for batches, _ in pairs)
    print(f"{chunks} chunks, {walked} bytes, {events} records: no fault of memory, all as one by one")
    return 0


if __name__ == "__main__":
    sys.exit(fuzz_kernel.run_fuzzed(compare, __doc__.splitlines()[0], "--chunks", 3000))
