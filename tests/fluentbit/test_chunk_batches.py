"""Chunks through generated code against the same records read one by one: the same bytes and counts."""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import compare_paths
import msgpack
import pytest
import tracking_rows

from exnorm.engine.kernel import load_find_end, load_kernel
from exnorm.engine.rows import read_row_time
from exnorm.fluentbit import ChunkFilter
from exnorm.fluentbit.wire import find_end
from exnorm.model import Layout, Schema
from exnorm.sources.message_tracking import COLUMNS_2016

ROOT = Path(__file__).parents[2]
SAMPLES = sorted(path for path in (ROOT / "tests" / "samples").rglob("*") if path.is_file())
NOW = msgpack.ExtType(0, struct.pack(">II", 1_700_000_000, 5))
NAME = "/nowhere/MSGTRK2026010100-1.LOG"
OTHER_NAME = "/nowhere/MSGTRKMD2026010100-1.LOG"

SMTP, HTTP = (
    next(sample for sample in SAMPLES if sample.name.startswith(name)).read_bytes().splitlines()
    for name in ("RECV", "Owa_HttpProxy")
)
ROWS = list(tracking_rows.make_rows(300))
HEADER = [line.decode() for line in compare_paths._header(COLUMNS_2016, "15.01.2507.039")]
OPTIONS: tuple[dict[str, Any], ...] = (
    *compare_paths.SETTINGS,
    {"format": "cef", "event_time": "off"},
    {"format": "cef", "reserve_data": "on"},
    {"format": "json", "reserve_data": "on", "on_error": "skip"},
    {"format": "json", "profile": "security"},
)


pytestmark = pytest.mark.usefixtures("each_path")


def record(line: bytes, name: str = NAME, **more: Any) -> bytes:
    """One event with a raw line, as Fluent Bit packs it: any bytes stand in a string."""
    text = line.decode("utf-8", "surrogateescape")
    body = {"log": text, "filename": name, **more}
    packed: bytes = msgpack.packb([[NOW, {}], body], unicode_errors="surrogateescape")
    return packed


def read_singly(**options: Any) -> ChunkFilter:
    """A filter that applies its table to every record by itself."""
    return ChunkFilter.from_names({**options, "engine": "table"})


def note_lines(monkeypatch: pytest.MonkeyPatch, chunks: ChunkFilter) -> list[bytes]:
    """The lines that a filter reads one by one from now on."""
    read: list[bytes] = []
    parse = chunks.normalizer.parse

    def note(lines: Any, stream: Any) -> Any:
        read.extend(lines)
        return parse(lines, stream)

    monkeypatch.setattr(chunks.normalizer, "parse", note)
    return read


def run(chunks: ChunkFilter, records: Sequence[bytes], size: int) -> bytes:
    """What goes on to the next plugin, of chunks of so many records."""
    out = []
    for begin in range(0, len(records), size):
        chunk = b"".join(records[begin : begin + size])
        made = chunks.filter("t", chunk)
        out.append(chunk if made is None else made)
    return b"".join(out)


def mix(lines: Sequence[bytes], chance: random.Random) -> Iterator[bytes]:
    """The lines as records of two files in turn, with other things among them."""
    name = NAME
    for line in lines:
        kind = chance.random()
        if kind < 0.02:
            name = OTHER_NAME if name == NAME else NAME
        elif kind < 0.03:
            yield msgpack.packb([[NOW, {}], {"cpu": 1}])
        elif kind < 0.04:
            yield msgpack.packb([NOW, {"message": line, "file": name, "host": "x"}])
            continue
        elif kind < 0.05:
            yield b"\xc1" if kind < 0.041 else msgpack.packb(5)
        elif kind < 0.06:
            line = line + b"\n" + line
        elif kind < 0.10:
            line += b"\n"
        yield record(line, name, **({"pod": "p"} if kind > 0.5 else {}))


def counts_of(chunks: ChunkFilter) -> dict[str, Any]:
    return {**chunks.counts.as_dict(), "chunks": 0}


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("size", [1, 7, 400])
def test_odd_rows_give_the_same_bytes_and_counts_in_batches_as_one_by_one(
    options: dict[str, Any], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(f"{options}{size}")
    rows = [line.encode() for line in HEADER]
    rows += compare_paths.odd_lines(chance.sample(ROWS, 150), chance)
    rows += [row.encode() for row in chance.sample(ROWS, 150)]
    records = list(mix(rows, chance))
    singly, batches = read_singly(**options), ChunkFilter.from_names(options)
    assert run(batches, records, size) == run(singly, records, size)  # a broken piece hides what follows
    assert counts_of(batches) == counts_of(singly)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_samples_of_every_log_type_give_the_same_bytes_and_counts(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    singly, batches = read_singly(**options), ChunkFilter.from_names(options)
    records = [
        record(line, f"/nowhere/{path.name}") for path in SAMPLES for line in path.read_bytes().splitlines()
    ]
    assert len(records) > 300
    assert run(batches, records, len(records)) == run(singly, records, 1)
    assert counts_of(batches) == counts_of(singly)


@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("size", [50, 1000])
def test_logs_that_take_turns_in_a_chunk_give_the_same_bytes_and_counts(
    options: dict[str, Any], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(str(options))
    logs = {
        "/nowhere/RECV2023011116-1.LOG": SMTP,
        "/nowhere/Owa_HttpProxy_2023010602-1.LOG": HTTP,
        NAME: [line.encode() for line in HEADER + ROWS],
    }
    waiting = {name: iter(lines * 20) for name, lines in logs.items()}
    records: list[bytes] = []
    while len(records) < 900:
        name = chance.choice(list(logs))
        for line in islice(waiting[name], chance.choice((1, 5, 60))):
            records.append(record(line, name))
    singly, batches = read_singly(**options), ChunkFilter.from_names(options)
    assert run(batches, records, size) == run(singly, records, 1)
    assert counts_of(batches) == counts_of(singly)


def test_plain_rows_are_not_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    chunks = ChunkFilter.from_names({"format": "cef"})
    read = note_lines(monkeypatch, chunks)
    run(chunks, [record(line.encode()) for line in HEADER + ROWS[:100]], 1000)
    assert len(read) < 20  # the header, the first row, and those with a value that must be cut
    assert chunks.counts.records_out == 100


def test_a_batch_that_raises_is_read_record_by_record_and_nothing_is_counted_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    batches = ChunkFilter.from_names({"format": "cef"}, log=said.append)
    singly = read_singly(format="cef")

    def fail(*arguments: Any) -> int:
        batches.normalizer.counts.unknown_events.add("NEWEVENT")  # as far as it came
        raise RuntimeError("broken")

    records = [record(line.encode()) for line in HEADER + ROWS[:50]]
    assert run(batches, records[:20], 20) == run(singly, records[:20], 1)  # so that there is a program
    monkeypatch.setattr(batches.normalizer.programs, "for_rows", fail)
    monkeypatch.setattr(batches.normalizer.batches, "open", lambda stream: None)
    assert run(batches, records[20:], 1000) == run(singly, records[20:], 1)
    assert set(batches.counts.errors) == {"RuntimeError"}
    assert said[0].endswith("its batch goes record by record")
    assert len(said) == 1
    assert counts_of(batches) == {**counts_of(singly), "errors": dict(batches.counts.errors)}


def test_a_walk_that_raises_costs_no_record_and_goes_on_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    if load_kernel() is None:
        pytest.skip("only the kernel walks")
    said: list[str] = []
    batches = ChunkFilter.from_names({"format": "cef"}, log=said.append)
    singly = read_singly(format="cef")
    open_rows = batches.normalizer.batches.open
    runs: list[int] = []

    def open_broken(stream: Any) -> Any:
        rows: Any = open_rows(stream)

        class Broken:
            def run_chunk(self, form: Any, chunk: bytes, begin: int, *more: Any) -> Any:
                runs.append(begin)
                if len(runs) % 2:
                    raise RuntimeError("broken")
                return rows.machine.run_chunk(form, chunk, begin, *more)

        return None if rows is None else rows._replace(machine=Broken())

    monkeypatch.setattr(batches.normalizer.batches, "open", open_broken)
    records = [record(line.encode()) for line in HEADER + ROWS[:50]]
    assert run(batches, records, 1000) == run(singly, records, 1)
    assert len(runs) >= 2
    assert batches.counts.errors["RuntimeError"] == (len(runs) + 1) // 2
    assert counts_of(batches) == {**counts_of(singly), "errors": dict(batches.counts.errors)}


BODIES: tuple[dict[Any, Any], ...] = (
    {"log": "ROW", "filename": NAME, "n": 5},
    {"filename": NAME, "log": "ROW", "z": None, "t": True, "f": 1.5, "i": -70000, "u": 2**63, "s": "é" * 300},
    {"log": b"ROW", "filename": NAME, "b": b"\xff" * 300},
    {"log": "ROW", "filename": NAME, "nested": {"a": [1, {"b": 2}]}},
    {"log": "ROW", "filename": NAME, 5: "a key that is no text"},
    {"log": "ROW", "filename": NAME, "cef": "a key that the payload takes", "@timestamp": 1},
    {"log": {"file": {"path": NAME}}, "message": "ROW"},
    {"log": 5, "message": "ROW", "filename": 5, "file": NAME},
    {"message": "a second one", "log": "ROW", "file": "another", "filename": NAME},
    {"message": "ROW"},
    {"log": "ROW", "filename": b"no text"},
    {"log": "ROW\n", "filename": NAME},
    {"log": "ROW", "filename": "/a\udcff", "\udcfe": "\udcfd"},
    {"log": "ROW", "filename": NAME, "extension": msgpack.ExtType(7, b"x")},
    {"log": "ROW", "filename": NAME, **{f"k{number}": number for number in range(40)}},
)
TIMES: tuple[Any, ...] = (NOW, 5, 200, 70000, 2**40, -5, 1.5, None, "now", msgpack.ExtType(1, b"x" * 8))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_form_of_an_event_gives_the_same_bytes_and_counts(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    singly, batches = read_singly(**options), ChunkFilter.from_names(options)
    records = [record(line.encode(), name) for name in (NAME, "", "/a\udcff") for line in HEADER]
    rows = iter(ROWS)
    for body in BODIES:
        for time in TIMES:
            for head in ([time, {}], [time, {"a": [1]}], time):
                row = next(rows, ROWS[0])
                filled = {
                    key: row.join(value.split("ROW"))
                    if isinstance(value, str) and "ROW" in value
                    else row.encode()
                    if value == b"ROW"
                    else value
                    for key, value in body.items()
                }
                records.append(msgpack.packb([head, filled], unicode_errors="surrogateescape"))
    assert run(batches, records, len(records)) == run(singly, records, 1)
    assert counts_of(batches) == counts_of(singly)


WIDE = b"\xdd\x00\x00\x00\x02"  # an array of two as Fluent Bit 2.2 to 4.2 write it, in five bytes


def widen(packed: bytes) -> bytes:
    """The same event with the heads of those releases."""
    assert packed[:2] == b"\x92\x92"
    assert packed[12:13] == b"\x80"
    return WIDE + WIDE + packed[2:12] + b"\xdf\x00\x00\x00\x00" + packed[13:]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_events_of_older_releases_are_those_of_newer_ones_under_wide_heads(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = [record(line.encode(), pod="p") for line in HEADER + ROWS[:60]]
    wide = [widen(one) for one in narrow]
    singly, batches = read_singly(**options), ChunkFilter.from_names(options)
    made = run(batches, wide, len(wide))
    assert made == run(singly, wide, 1)
    assert counts_of(batches) == counts_of(singly)

    def unpack(chunk: bytes) -> list[Any]:
        return list(msgpack.Unpacker(io.BytesIO(chunk), timestamp=0))

    assert unpack(made) == unpack(run(ChunkFilter.from_names(options), narrow, len(narrow)))


def test_a_marker_of_a_group_under_wide_heads_stays_as_it_is() -> None:
    marker = WIDE + WIDE + b"\xd7\x00\xff\xff\xff\xff\x00\x00\x00\x00\x80" + msgpack.packb({"log": ROWS[0]})
    chunks = ChunkFilter.from_names({"format": "cef"})
    good = [record(line.encode()) for line in HEADER + ROWS[:9]]
    assert run(chunks, [*good, marker], 100).endswith(marker)
    assert chunks.counts.records_in == len(good)


def longer(packed: bytes) -> bytes:
    """The same record with the length of its first text written in more bytes than it needs."""
    at = packed.index(b"\xa3log") + 4
    assert packed[at] == 0xDA
    return packed[:at] + b"\xdb\x00\x00" + packed[at + 1 :]


@pytest.mark.parametrize("reserve", ["on", "off"])
def test_a_record_that_is_written_longer_than_it_must_gives_the_same_bytes(
    reserve: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"format": "cef", "reserve_data": reserve}
    singly, batches = read_singly(**options), ChunkFilter.from_names(options)
    usual = [record(line.encode(), pod="p", n=5) for line in HEADER + ROWS[:9]]
    records = [
        *usual,
        *map(longer, usual[6:]),
        *(one.replace(b"\xa1n\x05", b"\xa1n\xcc\x05") for one in usual),
    ]
    records += [one.replace(b"\xa1n\x05", b"\xa1n\xca\x40\x20\x00\x00") for one in usual]
    records += [one.replace(b"\xa1n\x05", b"\xa3pod\xa1q") for one in usual]  # a key that is there twice
    assert run(batches, records, len(records)) == run(singly, records, 1)
    assert counts_of(batches) == counts_of(singly)


def test_rows_that_a_profile_leaves_out_are_not_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"format": "cef", "profile": "arcsight-guide"}
    singly, batches = read_singly(**options), ChunkFilter.from_names(options)
    records = [record(line.encode()) for line in HEADER + ROWS[:200]]
    read = note_lines(monkeypatch, batches)
    assert run(batches, records, 1000) == run(singly, records, 1)
    assert counts_of(batches) == counts_of(singly)
    assert sum(batches.counts.pipeline.dropped.values()) > 10
    assert len(read) < 20


@pytest.mark.parametrize(
    "poison",
    [
        msgpack.packb([[NOW, {}], {"log": "x"}]).replace(b"\xa1x", b"\xc1"),
        b"\xc1",
        b"\x92\x92\xd7\x00" + bytes(8) + b"\x80\x81\xa3log" + b"\x91" * 5000 + b"\xc0",
        b"\x91" * 5000 + b"\xc0",
        msgpack.packb([[NOW, {}], {"t": msgpack.ExtType(5, b"x")}]).replace(b"\xd4\x05", b"\xd4\xff"),
        b"\x92\x92\xd7\x00" + bytes(8) + b"\x80\x81\x81\xa1a\xa1b\xa1c",  # a map as a key
    ],
    ids=["no value", "no value alone", "deep", "deep alone", "a time that is none", "a map as a key"],
)
def test_a_record_that_cannot_be_read_costs_only_itself(poison: bytes) -> None:
    good = [record(line.encode()) for line in HEADER + ROWS[:40]]
    expected = run(ChunkFilter.from_names({"format": "cef"}), good, 1000)
    chunks = ChunkFilter.from_names({"format": "cef"})
    made = run(chunks, [*good[:20], poison, *good[20:]], 1000)
    before = run(ChunkFilter.from_names({"format": "cef"}), good[:20], 1000)
    assert made == before + poison + expected[len(before) :]


@pytest.mark.parametrize("name", ["_find_line", "_find_path"])
def test_a_record_whose_line_or_path_cannot_be_found_costs_only_itself(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = [record(line.encode()) for line in HEADER + ROWS[:40]]
    expected = run(ChunkFilter.from_names({"format": "cef"}), good, 1000)
    chunks = ChunkFilter.from_names({"format": "cef"})
    find = getattr(chunks, name)

    def fail(body: dict[Any, Any]) -> Any:
        if "poison" in body:
            raise RuntimeError("broken")
        return find(body)

    monkeypatch.setattr(chunks, name, fail)
    poison = record(b"x", poison=[1])
    made = run(chunks, [*good[:20], poison, *good[20:]], 1000)
    assert made.count(poison) == 1
    assert made.replace(poison, b"") == expected
    assert chunks.counts.errors == {"RuntimeError": 1}
    assert (chunks.counts.records_in, chunks.counts.records_out) == (45, 41)


@pytest.mark.parametrize(
    "chunk", [b"", b"\xc1", b"\x91" * 3000, b"\xdf\xff\xff\xff\xff", b"\xa5abc", b"\x81\x01"]
)
def test_both_ways_find_the_same_end_of_a_value(chunk: bytes) -> None:
    found = load_find_end()
    if found is None:
        pytest.skip("the kernel is not built here")
    values = [
        5,
        "x" * 300,
        b"y" * 70000,
        [1, [2, {"a": 1.5}]],
        {"k": NOW},
        None,
        -1,
        2**40,
        msgpack.Timestamp(1),
    ]
    packed = b"".join(map(msgpack.packb, values)) + chunk
    at, ends = 0, []
    while at >= 0 and at < len(packed):
        assert find_end(packed, at) == found(packed, at)
        at = find_end(packed, at)
        ends.append(at)
    assert len(ends) >= len(values)


@pytest.mark.parametrize("event_time", ["on", "off"])
def test_a_record_that_raises_costs_only_itself(event_time: str, monkeypatch: pytest.MonkeyPatch) -> None:
    chunks = ChunkFilter.from_names({"format": "cef", "event_time": event_time})
    parse = chunks.normalizer.parse

    def fail(lines: Any, stream: Any) -> Any:
        if lines[0] == b"poison":
            raise RuntimeError("broken")
        return parse(lines, stream)

    monkeypatch.setattr(chunks.normalizer, "parse", fail)
    poison = record(b"poison")
    good = [record(line.encode()) for line in HEADER + ROWS[:40]]
    expected = run(ChunkFilter.from_names({"format": "cef", "event_time": event_time}), good, 1000)
    made = run(chunks, [*good[:20], poison, *good[20:]], 1000)
    assert made.count(poison) == 1
    assert made.replace(poison, b"") == expected
    assert chunks.counts.errors == {"RuntimeError": 1}
    assert (chunks.counts.records_in, chunks.counts.records_out) == (45, 41)


# --- forms of events -------------------------------------------------------------------------------

WIDE_PAIR, WIDE_EMPTY = b"\xdd\x00\x00\x00\x02", b"\xdf\x00\x00\x00\x00"  # as Fluent Bit itself writes them
FORMS = {
    "short": (b"\x92", b"\x92", b"\x80"), "release 5": (b"\x92", b"\x92", WIDE_EMPTY),
    "release 4": (WIDE_PAIR, WIDE_PAIR, WIDE_EMPTY), "metadata": (b"\x92", b"\x92", b"\x81\xa1a\x01"),
}  # fmt: skip


def pack_event(form: str, text: Any, time: Any = NOW, **others: Any) -> bytes:
    """An event with other keys before or behind its text, by the alphabet."""
    outer, inner, metadata = FORMS[form]
    body = dict(sorted({**others, "log": text}.items()))
    packed: bytes = msgpack.packb(body, unicode_errors="surrogateescape")
    return outer + inner + bytes(msgpack.packb(time)) + metadata + packed


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("form", ["release 4", "release 5"])
def test_rows_in_events_that_are_alike_give_the_same_bytes_and_counts_as_one_by_one(
    options: dict[str, Any], form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(f"{options}{form}")
    lines = [line.encode() for line in HEADER]
    lines += compare_paths.odd_lines(chance.sample(ROWS, 40), chance)
    lines += [row.encode() + b"\r" for row in chance.sample(ROWS, 40)]
    records = [
        pack_event(form, line.decode("utf-8", "surrogateescape"), filename=NAME, a=[1]) for line in lines
    ]
    singly, batches = read_singly(**options), ChunkFilter.from_names(options)
    assert run(batches, records, 90) == run(singly, records, 90)
    assert counts_of(batches) == counts_of(singly)


def test_a_row_takes_the_time_of_its_first_cell() -> None:
    row = ROWS[0].replace(ROWS[0].split(",", 1)[0], "2018-11-27T22:40:02.966Z", 1)
    chunks = ChunkFilter.from_names({"format": "cef"})
    run(chunks, [record(line.encode()) for line in [*HEADER, *ROWS[:9]]], 1000)
    (entry,) = msgpack.Unpacker(io.BytesIO(run(chunks, [record(row.encode())], 1)), timestamp=0)
    # 2018-11-27T22:40:02.966Z is 1543358402 s and 966 000 000 ns
    assert entry[0] == [msgpack.ExtType(0, struct.pack(">II", 1543358402, 966_000_000)), {}]


@pytest.mark.parametrize(
    ("line", "milliseconds"),
    [
        (b"1970-01-01T00:00:01.007Z,x", 1007),
        (b'"1970-01-01T00:01:00.5Z",x', 60_500),
        (b"1970-01-02T00:00:00Z,x", 86_400_000),
        (b"1969-12-31T23:59:59.250Z,x", -750),
        (b"1970-01-01T00:00:00.1239Z,x", 123),
        (b"1970-01-01 00:00:00Z,x", None),
        (b"1970-01-01T00:00:00.x,x", None),
        (b"\xff,x", None),
        (b"", None),
    ],
)  # fmt: skip
def test_the_time_of_a_row_is_read_from_its_first_cell(line: bytes, milliseconds: int | None) -> None:
    assert read_row_time(line, Layout(Schema("", ("date-time",)), id, {})) == milliseconds


@pytest.mark.parametrize(
    ("line", "milliseconds"),
    [
        (b"1970-01-02 00:00:07 x", 86_407_000),
        (b"1970-01-02 00:00:07", 86_407_000),
        (b"1970-01-02T00:00:07 x", None),
        (b"1970-01-02,00:00:07", None),
        (b"\xff \xff", None),
        (b"", None),
    ],
)
def test_the_time_of_a_row_with_a_date_is_read_from_its_first_two(
    line: bytes, milliseconds: int | None
) -> None:
    layout = Layout(Schema("", ("date", "time")), id, {}, separator=" ", dated="date-time")
    assert read_row_time(line, layout) == milliseconds
