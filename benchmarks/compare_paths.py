"""Both ways through exnorm, byte for byte over the same rows: the table row by row, and generated code.

    python benchmarks/compare_paths.py --rows 1000000
    python benchmarks/compare_paths.py --rows 200000 --other-logs

The rows are those of ``tracking_rows`` with every kind of oddity mixed in: hostile text in any column,
torn and widened rows, quotes out of place, bytes that are no UTF-8, headers in the middle, other line
ends, events and builds that nobody knows. Each batch goes through every format under another choice of
settings. Payloads, counts and refused lines must agree; the first difference is printed, status 1.
``--other-logs`` takes the samples of all other log types in tests/samples instead, over and over with
the same oddities, one sample after the other.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import tracking_rows

from exnorm import Event, Normalizer, Unparsed
from exnorm.sources.message_tracking import COLUMNS_2007, COLUMNS_2010, COLUMNS_2013, COLUMNS_2016
from exnorm.text.lines import MARGIN, join_csv

SAMPLES = Path(__file__).resolve().parents[1] / "tests" / "samples"

# fmt: off
TEXTS = (
    "", "-", "<>", "a=b", "a|b", "a\\b", "\\=",
    "\\\\", "\\n", 'say "hi"', '"', '""', "a,b", "it's", "'a;b';c",
    "'x@example.test';'y@example.test'", "a\tb", "a\rb", "\r", "x\x00y", "\x1f", "\x7f", "\x85", "\u2028",
    "é", "日本" * 90, "☕" * 400, "x" * 99, "x" * 100, "x" * 101, "ä" * 50, "ä" * 51, "=" * 600, "y" * 1023,
    "y" * 1024, "|" * 1024, "z" * 4001, "\ufeff", "0", "00",
    "007", "-1", "+1", "1.5", "999999999", "1000000000",
    "2147483647", "2147483648", "9" * 19, "٣", "²", "10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1", "fe80::1%5",
    "10.1.2.3%4", "300.1.1.1", "RECEIVE", "receive", "SEND", "sendexternal", "NEWEVENT", "<TAB>", "{x}", "%s",
    "\U0001f600", "ÿ", "Ø=|\\", "#Fields: a", "<", "a;b;", ";", "CEF:0|a|b",
)
TIMES = (
    "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.1Z",
    "2026-01-01T00:00:00.1234567Z", "1970-01-01T00:00:00.000Z",
    "1970-01-01T00:00:01.007Z", "1969-12-31T23:59:59.999Z", "2026-02-30T00:00:00.000Z", "2026-01-01 00:00:00",
    "0000-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z",
    "2026-01-01T00:00:00.Z", "2026-01-01T00:00:60.000Z",
    "2026-01-01T00:00:00.000Z ", "date-time", "", "Date: 2026", "٢٠٢٦-01-01T00:00:00.000Z",
)
# fmt: on
VERSIONS = ("15.01.2507.039", "15.02.1118.009", "15.02.2562.017", "08.03.0083.000", "14.03.0123.003", "")
SCHEMAS: tuple[tuple[str, ...], ...] = (COLUMNS_2007, COLUMNS_2010, COLUMNS_2013, COLUMNS_2016)

SETTINGS: tuple[dict[str, Any], ...] = (
    {"format": "cef"},
    {"format": "cef", "cef": 1, "categories": True, "additional_data": "user", "profile": "security"},
    {"format": "cef", "mapping": "arcsight-2010", "additional_data": "none", "profile": "arcsight-guide"},
    {"format": "cef", "per_recipient": True},
    {"format": "json"},
    {"format": "json", "fields": "key", "keep_original": True, "max_line_bytes": 1024},
    {"format": "json", "fields": "ecs"},
    {"taxonomy": "jsa", "format": "leef"},
    {"taxonomy": "jsa", "format": "leef", "leef": 1, "username": "sender", "profile": "security"},
    {"taxonomy": "jsa", "format": "wincollect"},
    {"taxonomy": "jsa", "format": "wincollect", "source_ip": "192.0.2.7", "profile": "arcsight-guide"},
    {"taxonomy": "jsa", "format": "json"},
)
CODED = [one for one in SETTINGS if one.get("fields") != "ecs" and not one.get("per_recipient")]
"""Those that there is generated code for."""


def odd_lines(rows: Sequence[str], chance: random.Random) -> Iterator[bytes]:
    """The rows as lines of a log with its header, many of them with something odd."""
    columns: tuple[str, ...] = COLUMNS_2016
    version = tracking_rows.VERSION
    positions = list(range(len(columns)))
    ends = chance.choice((b"", b"\r", None))
    yield from _header(columns, version)
    for row in rows:
        if chance.random() < 0.01:
            columns, version = chance.choice(SCHEMAS), chance.choice(VERSIONS)
            if chance.random() < 0.3:
                columns = (*columns, chance.choice(("new-column", "new column", 'q"|=', "ünknown", "cat")))
            positions = [COLUMNS_2016.index(c) if c in COLUMNS_2016 else -1 for c in columns]
            yield from _header(columns, version)
        cells = next(_split(row))
        cells = [cells[at] if at >= 0 else chance.choice(TEXTS) for at in positions]
        end = chance.choice((b"", b"\r", b"\r\r")) if ends is None else ends
        yield _line(cells, chance) + end


def find_other_logs() -> list[Path]:
    """The samples of all log types but message tracking."""
    return sorted(file for file in SAMPLES.rglob("*.*") if "message_tracking" not in file.parts)


def find_columnar_logs() -> list[Path]:
    """Those of them whose rows are no more than their cells."""
    folders = ("agent_log", "connectivity", "http_proxy", "iis")
    return [log for log in find_other_logs() if log.parent.name in folders]


def plain_lines_of(sample: Path, rows: int = 150) -> list[bytes]:
    """The lines of a sample over and over, none of its rows odd."""
    return list(odd_lines_of(sample, rows, random.Random(1), plain=100 * rows))


def odd_lines_of(sample: Path, rows: int, chance: random.Random, plain: int = 200) -> Iterator[bytes]:
    """The lines of a sample over and over, many of its rows odd behind the ``plain`` first ones."""
    data = sample.read_bytes()
    text = data.decode("utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    lines = [line.removesuffix("\r") for line in text.split("\n") if line]
    names = next((line for line in lines if not line.startswith("#")), "") if sample.suffix == ".csv" else ""
    separator = max(",;\t ", key=lines[-1].count)
    for number, line in enumerate(cycle(lines)):
        if number >= len(lines) and (line == names or line.startswith("#")) and chance.random() < 0.9:
            continue
        if rows <= 0:
            return
        rows -= 1
        if number < plain or line == names or line.startswith("#"):
            yield line.encode()
        else:
            yield _line(next(_split(line, separator)), chance, separator)


def _split(row: str, separator: str = ",") -> Iterator[list[str]]:
    import csv

    return csv.reader((row,), delimiter=separator)


def _join(cells: Sequence[str], separator: str) -> str:
    return join_csv(cells) if separator == "," else separator.join(cells)


def _header(columns: Sequence[str], version: str) -> Iterator[bytes]:
    yield b"\xef\xbb\xbf#Software: Microsoft Exchange Server"
    yield f"#Version: {version}".encode()
    yield b"#Log-type: Message Tracking Log"
    yield f"#Fields: {','.join(columns)}".encode()


def _line(cells: list[str], chance: random.Random, separator: str = ",") -> bytes:
    kind = chance.random()
    if kind < 0.3:
        for _ in range(chance.randrange(1, 5)):
            cells[chance.randrange(min(1, len(cells) - 1), len(cells))] = chance.choice(TEXTS)
    elif kind < 0.32:
        cells[0] = chance.choice(TIMES)
    elif kind < 0.34:
        cells[-1] = chance.choice(VERSIONS)
    elif kind < 0.36:
        cells = cells[: chance.randrange(1, max(2, len(cells)))]
    elif kind < 0.38:
        cells.append(chance.choice(TEXTS))
    elif kind < 0.40:
        return separator.join(cells).encode()  # quotes and commas that nobody closed or doubled
    line = _join(cells, separator)
    if kind > 0.995:
        return chance.choice((b"", b"#", b"# a remark", b"\xef\xbb\xbf" + line.encode(), b"Date: x"))
    if 0.40 < kind < 0.43:
        at = chance.randrange(len(line) + 1)
        line = line[:at] + chance.choice(('"', ",", "\t", "\\", "=")) + line[at:]
    data = line.encode("utf-8", "surrogatepass")
    if 0.43 < kind < 0.44:
        at = chance.randrange(len(data) + 1)
        data = data[:at] + chance.choice((b"\xff", b"\xc3", b"\xed\xa0\x80")) + data[at:]
    return data


Result = tuple[list[bytes], list[tuple[int, str, str, str]], dict[str, Any], int]
"""Payloads, refused lines (number, kind, reason, text), counts, the number of the last line."""


LOG = "logs/MSGTRK2026010100-1.LOG"


def take_long_way(
    lines: Sequence[bytes], settings: dict[str, Any], plugins: Sequence[object] = (), name: str = LOG
) -> Result:
    """The table applied to each row by itself: the reference."""
    normalizer = Normalizer(discover_plugins=False, plugins=plugins, **settings)
    stream = normalizer.stream(name)
    payloads, refused = [], []
    limit = normalizer.settings.max_line_bytes + MARGIN  # of a longer line a file's reader gives no more
    for item in normalizer.normalize((line[:limit] for line in lines), stream):
        encoded = normalizer.encode_event(item) if isinstance(item, Event) else item
        if isinstance(encoded, Unparsed):
            refused.append((encoded.line_number, encoded.kind, encoded.reason, encoded.raw))
        payload = normalizer.encode_unparsed(encoded) if isinstance(encoded, Unparsed) else encoded
        if payload is not None:
            payloads.append(payload)
    return payloads, refused, normalizer.counts.as_dict(), stream.line_number


def take_short_way(
    lines: Sequence[bytes],
    settings: dict[str, Any],
    plugins: Sequence[object] = (),
    block: int = 65_536,
    name: str = LOG,
) -> Result:
    """Programs where there are any, over blocks of the log that begin and end anywhere."""
    normalizer = Normalizer(discover_plugins=False, plugins=plugins, **settings)
    stream = normalizer.stream(name)
    blocks: list[bytes] = []
    refused: list[tuple[int, str, str, str]] = []
    log = b"\n".join((*lines, b""))
    for begin in range(0, len(log), block):
        normalizer.encode_block(
            log[begin : begin + block],
            stream,
            lambda payloads: blocks.append(bytes(payloads)),
            lambda item: refused.append((item.line_number, item.kind, item.reason, item.raw)),
            is_last=begin + block >= len(log),
        )
    payloads = b"".join(blocks).split(b"\n")[:-1]
    return payloads, refused, normalizer.counts.as_dict(), stream.line_number


def explain_difference(long: Result, short: Result) -> str:
    """The first thing in which two results differ; empty where there is none."""
    for name, one, other in (("payload", long[0], short[0]), ("refused line", long[1], short[1])):
        for number, (expected, got) in enumerate(zip(one, other)):
            if expected != got:
                return f"{name} {number}:\n  {expected!r}\n  {got!r}"
        if len(one) != len(other):
            return f"{len(one)} and {len(other)} of {name}"
    if long[2:] != short[2:]:
        return f"counts:\n  {long[2:]}\n  {short[2:]}"
    return ""


def main() -> int:
    """Compare, and say how many rows agreed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--other-logs", action="store_true")
    given = parser.parse_args()
    chance = random.Random(given.seed)
    batches = _batches_of_samples(given.rows, chance) if given.other_logs else _batches(given.rows, chance)
    done = 0
    for number, (name, lines) in enumerate(batches):
        settings = SETTINGS[number % len(SETTINGS)]
        long, short = take_long_way(lines, settings, name=name), take_short_way(lines, settings, name=name)
        difference = explain_difference(long, short)
        if difference:
            print(f"{name}, settings {settings}, after row {done}: {difference}")
            return 1
        done += len(lines)
        if done % 100_000 < len(lines):
            print(f"{done} rows agree", file=sys.stderr, flush=True)
    print(f"{done} rows agree, {len(SETTINGS)} choices of settings")
    return 0


def _batches(rows: int, chance: random.Random) -> Iterator[tuple[str, list[bytes]]]:
    made = tracking_rows.make_rows(rows, chance.randrange(1 << 30))
    while batch := list(islice(made, 2000)):
        yield LOG, list(odd_lines(batch, chance))


def _batches_of_samples(rows: int, chance: random.Random) -> Iterator[tuple[str, list[bytes]]]:
    samples = find_other_logs()
    order = [sample for sample in samples for _ in SETTINGS]
    for sample in islice(cycle(order), max(1, rows // 1000)):
        yield f"logs/{sample.name}", list(odd_lines_of(sample, 1000, chance))


if __name__ == "__main__":
    sys.exit(main())
