"""What goes in adds up on every way in: events, lines that do not parse, header lines and blanks."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgpack
import pytest

from exnorm import Normalizer
from exnorm.fluentbit import ChunkFilter
from exnorm.logstash import EventNormalizer, JSONCodec
from exnorm.text.lines import LineCutter

ROOT = Path(__file__).parents[1]
CORPUS = ROOT.parent / "shared" / "corpus"
TAG = "_exnormparsefailure"
LARGEST = 4 << 20


def is_text(path: Path) -> bool:
    return path.is_file() and path.suffix not in {".py", ".md", ".tsv", ".gz", ".zip", ".bz2", ".xz", ".zst"}


FILES = [
    path
    for folder in (ROOT / "tests" / "samples", ROOT / "examples", CORPUS)
    for path in sorted(folder.rglob("*"))
    if is_text(path) and path.stat().st_size < LARGEST
]


class Sum(NamedTuple):
    """``out`` are what came out, ``refused`` those of them that are tagged; ``counts`` are the pipeline's."""

    out: int
    refused: int
    records: int
    unparsed: int
    header: int


def add_up(out: list[Any], normalizer: Normalizer) -> Sum:
    counts = normalizer.counts
    refused = sum(TAG in (one.get("tags") or ()) for one in out)
    return Sum(len(out), refused, sum(counts.records.values()), sum(counts.unparsed.values()), counts.header)


def cut(path: Path) -> list[bytes]:
    cutter = LineCutter(LARGEST)
    return cutter.feed(path.read_bytes()) + cutter.finish()


def make() -> Normalizer:
    return Normalizer(format="json", tz="UTC", discover_plugins=False)


def drain(normalizer: Normalizer, stream: Any) -> list[Any]:
    return [json.loads(made) for made in normalizer.encode_records(normalizer.drain(stream))]


def by_block(path: Path) -> Sum:
    normalizer = make()
    stream = normalizer.stream(path.name)
    out = [json.loads(made) for made in normalizer.encode(path.read_bytes(), stream)]
    return add_up(out + drain(normalizer, stream), normalizer)


def by_lines(path: Path) -> Sum:
    normalizer = make()
    stream = normalizer.stream(path.name)
    out = [json.loads(made) for made in normalizer.encode(cut(path), stream)]
    return add_up(out + drain(normalizer, stream), normalizer)


def by_texts(path: Path) -> Sum:
    """Several lines in each item, as a shipper's multiline step makes them."""
    normalizer = make()
    stream = normalizer.stream(path.name)
    out = [json.loads(made) for made in normalizer.encode(in_texts(path), stream)]
    return add_up(out + drain(normalizer, stream), normalizer)


def in_texts(path: Path) -> list[bytes]:
    lines = cut(path)
    return [b"\n".join(lines[at : at + 7]) for at in range(0, len(lines), 7)]


def by_filter(path: Path, texts: list[bytes]) -> Sum:
    chunks = ChunkFilter.from_names({"tz": "UTC", "read_header": "off"})
    now = msgpack.ExtType(0, struct.pack(">II", 1_700_000_000, 5))
    out: list[Any] = []
    for text in texts:
        packed = msgpack.packb([[now, {}], {b"log": text, "filename": path.name}])
        made = chunks.filter("t", packed)
        assert made is not None
        unpacker = msgpack.Unpacker(raw=False, strict_map_key=False, timestamp=0, unicode_errors="replace")
        unpacker.feed(made)
        out += [record for _, record in unpacker]
    assert chunks.counts.untouched == 0
    assert len(out) == chunks.counts.records_out
    stream = chunks._logs.get("t", ("", path.name), None)
    return add_up(out + drain(chunks.normalizer, stream), chunks.normalizer)


def by_logstash(path: Path, texts: list[bytes]) -> Sum:
    events = EventNormalizer(make())
    named = [{"message": text.decode(), "filename": path.name, "n": 1} for text in texts]
    out = [one for event in named for one in events.normalize(event)] + events.finish()
    assert events.untouched == 0
    return add_up(out, events.normalizer)


def by_pipe(path: Path) -> Sum:
    events = EventNormalizer(make(), raw_name=path.name)
    codec = JSONCodec(events)
    out = codec.decode(b"\n".join(cut(path)) + b"\n") + codec.flush() + events.finish()
    return add_up(out, events.normalizer)


WAYS: dict[str, Callable[[Path], Sum]] = {
    "lines": by_lines,
    "texts": by_texts,
    "filter": lambda path: by_filter(path, cut(path)),
    "filter, texts": lambda path: by_filter(path, in_texts(path)),
    "Logstash": lambda path: by_logstash(path, cut(path)),
    "Logstash, texts": lambda path: by_logstash(path, in_texts(path)),
    "pipe": by_pipe,
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_line_of_every_sample_is_an_event_a_refusal_or_a_header(path: Path) -> None:
    found = by_block(path)
    assert found.out == found.records + found.unparsed
    assert found.refused == found.unparsed
    lines = cut(path)
    is_of_objects = b"\n".join(lines).lstrip(b"\xef\xbb\xbf \r\n")[:1] in (b"{", b"[", b"<")
    if not is_of_objects and b'"\n' not in b"\n".join(lines):
        # a row of a trace may hold several recipients of different fate, and be several records
        assert found.records + found.unparsed + found.header >= len(lines)
        normalizer = make()
        normalizer_lines = list(normalizer.parse(lines, normalizer.stream(path.name)))
        assert normalizer.counts.lines == len(lines)
        assert len({item.line_number for item in normalizer_lines}) == len(lines) - found.header


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_way_in_adds_up_to_the_same(path: Path, way: str) -> None:
    expected = by_block(path)
    if not expected.records:
        pytest.skip("no row of it is read: a host leaves such files alone")
    try:
        found = WAYS[way](path)
    except UnicodeDecodeError:
        pytest.skip("a line of it is not UTF-8, and an event holds text")
    if cut(path)[:1] and cut(path)[0].lstrip(b"\xef\xbb\xbf")[:1] in (b"{", b"["):
        expected, found = expected._replace(header=0), found._replace(header=0)  # parts of objects
    assert found == expected


# --- processes -----------------------------------------------------------------------------------


def find_read() -> tuple[list[str], Sum]:
    """The samples of which a row is read, and what all of them add up to."""
    sums = {str(path): by_block(path) for path in FILES}
    read = {path: found for path, found in sums.items() if found.records}
    return list(read), Sum(*map(sum, zip(*read.values())))


def run(*arguments: str) -> str:
    """What ``exnorm`` writes to standard output as a process of its own."""
    environ = {name: text for name, text in os.environ.items() if not name.startswith("EXNORM_")}
    command = [sys.executable, "-m", "exnorm", *arguments]
    done = subprocess.run(command, capture_output=True, env=environ, timeout=300, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.decode()


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_what_convert_writes_and_rejects_adds_up_as_a_process(tmp_path: Path, jobs: str) -> None:
    paths, expected = find_read()
    rejects = tmp_path / "rejects.ndjson"
    options = ("--format", "json", "--tz", "UTC", "--jobs", jobs, "--rejects", str(rejects))
    out = [json.loads(line) for line in run("convert", *options, *paths).splitlines()]
    refused = sum(TAG in (one.get("tags") or ()) for one in out)
    assert (len(out), refused) == (expected.out, expected.refused)
    assert len(rejects.read_text("utf-8").splitlines()) == expected.unparsed


def test_explain_shows_each_record_and_each_refusal_once() -> None:
    paths, expected = find_read()
    shown = [json.loads(line) for line in run("explain", "--json", "--tz", "UTC", *paths).splitlines()]
    refused = sum("unparsed" in one for one in shown)
    assert (len(shown), refused) == (expected.out, expected.refused)


@pytest.mark.slow
def test_the_report_counts_each_row_and_each_refusal_once() -> None:
    pytest.importorskip("jinja2", reason="needs exnorm[report]")
    paths, expected = find_read()
    page = run("report", "--tz", "UTC", "-o", "-", *paths)
    text = " ".join(re.sub(r"<[^>]*>", " ", page).split())
    assert f"{expected.records} rows in {len(paths)} of {len(paths)} files" in text.replace(",", "")
    assert f"lines not parsed {expected.unparsed}" in text.replace(",", "")


@pytest.mark.slow
def test_the_parts_that_spark_reads_add_up_to_the_file() -> None:
    pytest.importorskip("pyarrow", reason="needs exnorm[arrow]")
    from exnorm.spark import Part, find_cuts, normalize_part

    paths, _ = find_read()
    for path in paths:
        expected = by_block(Path(path))
        cuts = list(find_cuts(path, 2_000, make()))
        starts = [0, *(cut.start for cut in cuts)]
        ends = [*starts[1:], Path(path).stat().st_size]
        normalizer = make()
        rows = [
            row
            for start, end, header in zip(starts, ends, [(), *(cut.header for cut in cuts)])
            for row in normalize_part(Part(path, start, end), header, normalizer)
        ]
        refused = sum(row.status == "unparsed" for row in rows)
        assert (path, len(rows), refused) == (path, expected.out, expected.refused)
