"""Events of Logstash, fed with lines of no sense: the kernel's walk under AddressSanitizer and UBSan.

    python benchmarks/fuzz_events.py --bodies 2000           # EXNORM_KERNEL=0 for the way without it

Builds the kernel with both sanitizers (see ``fuzz_kernel``), starts this file again with it, and there
compares what ``JSONCodec.convert`` makes of each body with what decoding and encoding its events makes of it,
the counts too: names in any order and twice, blanks, escapes, numbers and nesting of all kinds, logs of other
types, events that are alike, bytes changed, lost and doubled. Any fault of memory ends it with status 1.
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import compare_paths
import fuzz_kernel

SETTINGS: tuple[dict[str, Any], ...] = (
    {}, {"taxonomy": "jsa"}, {"fields": "key", "keep_original": True}, {"profile": "security"},
)  # fmt: skip
PIECES = (
    b'"', b"\\", b"\\u", b"\\ud83d", b"\\ude00", b"\\u0000", b"\\u00e9", b"\\/", b"\\n", b"{", b"}", b"[",
    b"]", b",", b":", b" ", b"\t", b"\r", b"-", b"0", b"9" * 19, b"1.5", b"1e5", b"true", b"nul", b"null",
    b"\x00",
    b"\x1f", b"\x7f", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xc3\xa9", b'"a":1,', b'"message":"",',
    b'"tags":5,', b'"@metadata":{},', b'"host":"x",', b'"event":{},', b'"path":"x",', b"[" * 20,
    b'{"a":' * 20,
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    "x", "", "C:\\logs\\a.LOG", 'a"b', "é", "😀", "\n", "\b\f\t", "\x01", "\x7f", "a/b", 0, 5, -5, -0.0, 1.5,
    10**17, 10**18, 2**63, 2**64, True, False, None, [], {}, ["a", ["b"]], ["a", 1], {"a": {"b": [1, {}]}},
    {"path": "x"}, {"file": {"path": "/other/MSGTRK2026010100-2.LOG"}}, {"name": "EX02"},
    {"hostname": "EX03"}, {"original": "x"}, "x" * 1100, {str(number): number for number in range(100)},
)  # fmt: skip
NAMES = (
    "host", "event", "tags", "log", "path", "filename", "file", "log.file.path", "@version", "@metadata",
    "@timestamp", "message", "name", "bytesIn", "exnorm_id", "a", "", "é", 'a"', "agent", "additionalData",
)  # fmt: skip


def make_event(row: str, path: str, offset: int = 1048576) -> dict[str, Any]:
    """A row as a shipper gives it."""
    return {
        "@timestamp": "2026-01-01T00:00:00.000Z", "host": {"name": "EX01"},
        "log": {"file": {"path": path}, "offset": offset}, "message": row, "@version": "1",
    }  # fmt: skip


def make_odd_event(row: str, path: str, offset: int, chance: random.Random) -> bytes:
    """The same in one of the forms that it can have, with other names around it."""
    event = make_event(row, path, offset)
    event["@timestamp"] = f"2026-01-01T00:00:{offset % 60:02}{chance.choice(('', '.000', '.12'))}Z"
    if chance.random() < 0.3:
        event["event"] = {"original": row, "sequence": offset // 3}
    if chance.random() < 0.2:
        del event["@version"]
    while chance.random() < 0.3:
        event[chance.choice(NAMES)] = chance.choice(VALUES)
    names = list(event)
    if chance.random() < 0.3:
        chance.shuffle(names)
    separators = chance.choice(((",", ":"), (", ", ": "), (" ,\t", "\t :\r ")))
    text = json.dumps(
        {name: event[name] for name in names}, ensure_ascii=chance.random() < 0.5, separators=separators
    )
    return text.encode("utf-8", "surrogatepass")


def garble(line: bytes, chance: random.Random) -> bytes:
    """The line with pieces put in, bytes changed, pieces lost or doubled, or its end cut off."""
    for _ in range(chance.choice((0, 1, 1, 2, 5))):
        at = chance.randrange(len(line) + 1)
        kind = chance.randrange(4)
        if kind == 0:
            line = line[:at] + chance.choice(PIECES) + line[at:]
        elif kind == 1:
            line = line[:at] + bytes((chance.randrange(256),)) + line[at + 1 :]
        elif kind == 2:
            line = line[:at] + line[at + chance.randrange(40) :]
        else:
            line = line[:at] + line[max(at - chance.randrange(400), 0) :]
    return line[: chance.randrange(len(line) + 1)] if chance.random() < 0.1 else line


def make_body(header: Sequence[str], rows: Sequence[str], chance: random.Random) -> bytes:
    """Lines of two logs, some of them garbled, with their headers; in half of the bodies they are alike."""
    paths = "/logs/MSGTRK2026010100-1.LOG", "C:\\logs\\MSGTRK2026010100-2.LOG"
    plain = [make_event(line, path) for path in paths for line in (*header, *rows[:9])]
    lines = [json.dumps(event).encode() for event in plain]
    path = paths[0]
    form = chance.random() if chance.random() < 0.5 else None
    for row in chance.sample(rows, 30):
        path = chance.choice(paths) if chance.random() < 0.1 else path
        line = make_odd_event(
            row, path, chance.randrange(10**6), chance if form is None else random.Random(form)
        )
        lines.append(garble(line, chance) if chance.random() < 0.2 else line)
    return b"\n".join((*lines, b""))


def make_other_body(chance: random.Random) -> bytes:
    """Lines of a log of another type, most of them plain, so that there is code for its records."""
    sample = chance.choice(compare_paths.find_other_logs())
    rows = [
        line.decode("utf-8", "replace")
        for line in compare_paths.odd_lines_of(sample, 130, chance, plain=chance.choice((0, 1000)))
    ]
    path = f"/logs/{sample.name}"
    lines = [json.dumps(make_event(row, path, number)).encode() for number, row in enumerate(rows[:90])]
    for number, row in enumerate(rows[90:]):
        line = make_odd_event(row, path, number, chance)
        lines.append(garble(line, chance) if chance.random() < 0.2 else line)
    return b"\n".join((*lines, b""))


def compare(bodies: int, seed: int) -> int:
    """Feed the kernel, or generated Python where that is switched off; the exit status."""
    if "EXNORM_FUZZED_KERNEL" in os.environ:
        fuzz_kernel.load_fuzzed()
    import tracking_rows

    from exnorm import Normalizer
    from exnorm.engine.kernel import load_kernel
    from exnorm.logstash import EventNormalizer, JSONCodec

    assert load_kernel() is not None or os.environ.get("EXNORM_KERNEL") == "0"
    taken = 0

    class Watched(EventNormalizer):
        def run(self, lines: Sequence[bytes], log: str) -> tuple[list[bytes], int, str] | None:
            nonlocal taken
            found = super().run(lines, log)
            taken += 0 if found is None else found[1]
            return found

    chance = random.Random(seed)
    rows = list(tracking_rows.make_rows(2000, seed))
    rows += [",".join(fuzz_kernel.garble(row.encode(), chance).decode("utf-8", "replace").split("\n"))
             for row in chance.sample(rows, 100)]  # fmt: skip
    header = tracking_rows.header().lstrip("\ufeff").splitlines()
    # Events without a time get the same one whenever they are read.
    with mock.patch("exnorm.logstash.codec.now", return_value="2026-01-01T00:00:00.000Z"):
        for number in range(bodies):
            settings = SETTINGS[number % len(SETTINGS)]
            body = make_other_body(chance) if number % 5 == 4 else make_body(header, rows, chance)
            results = []
            for is_quick in (True, False):
                normalizer = Normalizer(format="json", discover_plugins=False, **settings)
                events = (Watched if is_quick else EventNormalizer)(normalizer)
                reader = JSONCodec(events)
                if is_quick:
                    made = reader.convert(body) + reader.convert_rest()
                else:
                    made = [reader.encode(event) for event in reader.decode(body) + reader.flush()]
                results.append((made, normalizer.counts.as_dict(), events.untouched, events.unparsed))
            if results[0] != results[1]:
                found = [pair for pair in zip(results[0][0], results[1][0]) if pair[0] != pair[1]]
                print(f"body {number}, {settings}: {found[:1]}\n{results[0][1:]}\n{results[1][1:]}")
                return 1
    print(f"{bodies} bodies, {taken} events taken together: no fault of memory, all as decoded and encoded")
    return 0


if __name__ == "__main__":
    sys.exit(fuzz_kernel.run_fuzzed(compare, __doc__.splitlines()[0], "--bodies", 2000, has_python=True))
