"""Exchange logs on Spark: folders of files as a batch, lines from Kafka or files as a stream.

Needs the extra ``exnorm[spark]``. A first pass cuts large files into parts at line ends, and records the
header in force at each cut; those headers are a small table that is broadcast, so a task that starts in
mid-file never guesses. A log whose rows depend on earlier rows (SMTP sessions, rows without a date), that has
no header or is UTF-16, is one part.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from exnorm.arrow import PASSED_ON, BatchNormalizer, event_columns, make_arrays, make_recipe
from exnorm.errors import SettingsError, quote
from exnorm.pipeline.normalizer import Normalizer
from exnorm.pipeline.stream import Stream
from exnorm.settings import Tables
from exnorm.tabular import OK, UNPARSED, Recipe, Row, describe_item, list_plugins, tabulate
from exnorm.text.lines import find_utf16

if TYPE_CHECKING:
    import pyarrow
    from pyarrow.fs import FileSystem
    from pyspark.broadcast import Broadcast
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

PART_BYTES = 64 * 1024 * 1024
REFUSED = "refused"
RUN_FILE = "_exnorm.json"  # Spark reads no files whose names begin so
_READ_BYTES = 1024 * 1024
_FIRST_BYTES = 64 * 1024
_BATCH_ROWS = 10_000
_BOM = b"\xef\xbb\xbf"
_PARTS = "path string, start long, end long"


@dataclass(frozen=True)
class Part:
    """The bytes from ``start`` to ``end`` of a file, cut at line ends."""

    path: str
    start: int
    end: int


@dataclass(frozen=True)
class Cut:
    """A position where a part of a file may begin, with the header lines in force there."""

    start: int
    header: tuple[str, ...]


Headers = Mapping[tuple[str, int], tuple[str, ...]]
"""The header in force at the start of a part, by path and start."""


def normalize_files(
    spark: SparkSession,
    paths: Iterable[str],
    *,
    part_bytes: int = PART_BYTES,
    output: str = "line",
    **settings: Any,
) -> DataFrame:
    """Return every event of the logs under ``paths`` (files or folders, local or by URI), and the unparsed
    lines.

    Columns: ``path``, ``start`` (of the part) and ``position`` (in the part), by which the rows of a file can
    be ordered, and those of ``arrow.event_columns``; ``status`` is ``ok`` or ``unparsed``. ``settings`` are
    those of ``Normalizer``. A file of an unknown type gives one row with the status ``refused``. Raises
    ``SettingsError``.
    """
    recipe = make_recipe(output, settings).pinned()
    files = list(list_files(paths))
    if not files:
        raise SettingsError("no files to read")
    context = spark.sparkContext
    large = [path for path, size in files if size > part_bytes]
    found = context.parallelize(large, min(len(large), 1000) or 1).map(
        partial(_cut_in_worker, recipe, part_bytes)
    )
    cuts = dict(found.collect()) if large else {}
    parts = [part for path, size in files for part in _make_parts(path, size, cuts.get(path, ()))]
    headers = context.broadcast({(path, cut.start): cut.header for path in cuts for cut in cuts[path]})
    groups = group_parts(parts, part_bytes, context.defaultParallelism)
    rows = context.parallelize(groups, len(groups)).flatMap(_as_rows)
    return spark.createDataFrame(rows, _PARTS).mapInArrow(
        partial(_normalize_parts, recipe, output, headers), _file_columns(recipe, output)
    )


def stream_files(
    spark: SparkSession, folder: str, *, pattern: str = "*.LOG", output: str = "line", **settings: Any
) -> DataFrame:
    """Return a stream of the events of files as they appear under ``folder``; columns as ``normalize_files``.

    A file is read once, whole and by one task, when it first appears: put only finished files there, as
    Exchange leaves them when it begins the next. Restarted from its checkpoint, the stream repeats none.
    """
    recipe = make_recipe(output, settings).pinned()
    files = (
        spark.readStream.format("binaryFile")
        .schema("path string, modificationTime timestamp, length long, content binary")
        .option("pathGlobFilter", pattern)
        .option("recursiveFileLookup", "true")
        .load(folder)
        .selectExpr("path", "0L as start", "length as end")
    )
    return files.mapInArrow(partial(_normalize_parts, recipe, output, None), _file_columns(recipe, output))


def normalize_lines(lines: DataFrame, output: str = "line", **settings: Any) -> DataFrame:
    """Return a batch or stream of lines (column ``line``, optionally ``path``, ``offset``, ``schema``) as
    events.

    See ``arrow.BatchNormalizer``, which runs on the workers.
    """
    from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_type

    normalize = BatchNormalizer(output, **settings).pinned()
    passed_on = {
        name: to_arrow_type(lines.schema[name].dataType) for name in PASSED_ON if name in lines.columns
    }
    columns: StructType = from_arrow_schema(normalize.schema(passed_on))
    return lines.mapInArrow(partial(_normalize_batches, normalize), columns)


def stream_kafka(
    spark: SparkSession,
    servers: str,
    topics: str,
    *,
    options: Mapping[str, str] | None = None,
    output: str = "line",
    **settings: Any,
) -> DataFrame:
    """Return a stream of the events of raw lines in topics of Kafka, laid out as in docs/kafka.md.

    Needs Spark's own connector (``--packages org.apache.spark:spark-sql-kafka-0-10_2.13:VERSION``).
    ``options`` are the connector's, such as ``startingOffsets`` or ``kafka.security.protocol``.
    """
    source = spark.readStream.format("kafka").option("kafka.bootstrap.servers", servers)
    source = source.option("subscribe", topics).option("includeHeaders", "true").options(**(options or {}))
    return normalize_lines(select_lines(source.load()), output, **settings)


def select_lines(records: DataFrame) -> DataFrame:
    """Return the lines in a frame with the columns of a Kafka source, for ``normalize_lines``.

    ``path``, ``offset`` and ``schema`` are the record's headers of those names. Without them the path is the
    record's key and the offset that of Kafka.
    """

    def header(name: str) -> str:
        if "headers" not in records.columns:  # the connector brings them on request only
            return "cast(null as string)"
        return f"cast(try_element_at(filter(headers, h -> h.key = '{name}'), -1).value as string)"

    return records.selectExpr(
        "value as line",
        f"coalesce({header('path')}, cast(key as string)) as path",
        f"coalesce(try_cast({header('offset')} as long), offset) as offset",
        f"{header('schema')} as schema",
    )


# --- what a run was made with --------------------------------------------------------------------


def describe_run(**settings: Any) -> dict[str, Any]:
    """Return what to keep beside an output: the settings and the plugins with their versions.

    The settings of plugins are left out, because they may contain keys.
    """
    normalizer = Recipe(settings).normalizer
    return {
        "settings": {
            name: value.content.plain() if isinstance(value, Tables) else value
            for name, value in sorted(vars(normalizer.settings).items())
            if name != "plugins"
        },
        "plugins": list_plugins(normalizer),
    }


def record_run(folder: str, **settings: Any) -> None:
    """Write ``describe_run`` as ``_exnorm.json`` into the folder of an output, local or by URI."""
    system, name = _open_system(folder)
    system.create_dir(name, recursive=True)
    text = json.dumps(describe_run(**settings), indent=2, default=str, ensure_ascii=False)
    with system.open_output_stream(f"{name.rstrip('/')}/{RUN_FILE}") as file:
        file.write(text.encode("utf-8") + b"\n")


# --- planning ------------------------------------------------------------------------------------


def list_files(paths: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Yield the files of paths, with their sizes: a folder stands for every file below it, by name."""
    from pyarrow.fs import FileSelector, FileType

    for path in paths:
        system, name = _open_system(path)
        info = system.get_file_info(name)
        if info.type == FileType.NotFound:
            raise SettingsError(f"no such file or folder: {quote(path)}")
        if info.type == FileType.File:
            yield path, info.size
            continue
        prefix = path.removesuffix("/").removesuffix(name.removesuffix("/"))
        below = system.get_file_info(FileSelector(name, recursive=True))
        yield from sorted((prefix + found.path, found.size) for found in below if found.type == FileType.File)


def group_parts(parts: Sequence[Part], part_bytes: int, workers: int) -> list[list[Part]]:
    """Return parts in their order, one group a task: small files together, and a few groups for
    each worker.
    """
    total = sum(part.end - part.start for part in parts)
    wanted = max(1, min(part_bytes, total // (3 * workers)))
    groups: list[list[Part]] = []
    size = wanted
    for part in parts:
        if size >= wanted:
            groups.append([])
            size = 0
        groups[-1].append(part)
        size += part.end - part.start
    return groups


def find_cuts(path: str, part_bytes: int, normalizer: Normalizer) -> Iterator[Cut]:
    """Yield where a file can be cut, about every ``part_bytes``; nowhere if its log type does
    not allow it.
    """
    stream = normalizer.stream(path)
    position = last = 0
    for lines in _read_whole_lines(path, max(1, min(_READ_BYTES, part_bytes // 8))):
        if position == 0 and find_utf16(lines):
            return
        if position - last >= part_bytes and stream.ready() is not None and stream.memory is not None:
            yield Cut(position, tuple(stream.header()))
            last = position
        if stream.ready() is None or _may_hold_header(lines):
            _follow_headers(lines, stream)
            if stream.ready() is not None and stream.memory is None:
                return
        position += len(lines)


def _read_whole_lines(path: str, size: int) -> Iterator[bytes]:
    """Yield a file in pieces that end at line ends, up to a line that is too long to be held."""
    rest = b""
    with _open(path) as file:
        while block := file.read(size):
            whole, feed, rest = (rest + block).rpartition(b"\n")
            if feed:
                yield whole + feed
            elif len(rest) > 64 * size:
                return


def _may_hold_header(lines: bytes) -> bool:
    """Return whether header lines may be among these; ``Software:`` begins one that lost its ``#``."""
    if b"\n#" in lines or lines[:1] == b"#" or lines[:4] == _BOM + b"#":
        return True
    plain = lines.lower()
    return plain.startswith(b"software") or b"\nsoftware" in plain


def _follow_headers(lines: bytes, stream: Stream) -> None:
    """Let the stream read headers, and the row after each."""
    for line in lines.split(b"\n")[:-1]:
        if stream.ready() is None or _may_hold_header(line):
            stream.read(line)


def _make_parts(path: str, size: int, cuts: Sequence[Cut]) -> Iterator[Part]:
    for start, end in pairwise((0, *(cut.start for cut in cuts), size)):
        yield Part(path, start, end)
    if size == 0:
        yield Part(path, 0, 0)


def _cut_in_worker(recipe: Recipe, part_bytes: int, path: str) -> tuple[str, tuple[Cut, ...]]:
    return path, tuple(find_cuts(path, part_bytes, recipe.normalizer))


def _as_rows(parts: Iterable[Part]) -> Iterator[tuple[str, int, int]]:
    for part in parts:
        yield part.path, part.start, part.end


# --- on the workers ------------------------------------------------------------------------------


def _normalize_batches(
    normalize: BatchNormalizer, batches: Iterator[pyarrow.RecordBatch]
) -> Iterator[pyarrow.RecordBatch]:
    for batch in batches:
        yield normalize(batch)


def _normalize_parts(
    recipe: Recipe,
    output: str,
    headers: Broadcast[Headers] | None,
    batches: Iterator[pyarrow.RecordBatch],
) -> Iterator[pyarrow.RecordBatch]:
    import pyarrow as pa

    schema = pa.schema([*_PLACE, *event_columns(output, recipe.normalizer)])
    for batch in batches:
        for values in batch.to_pylist():
            part = Part(**values)
            header = headers.value.get((part.path, part.start), ()) if headers is not None else ()
            rows = normalize_part(part, header, recipe.normalizer)
            position = 0
            while few := list(islice(rows, _BATCH_ROWS)):
                places = range(position, position + len(few))
                position += len(few)
                arrays = [
                    pa.array([part.path] * len(few), pa.string()),
                    pa.array([part.start] * len(few), pa.int64()),
                    pa.array(places, pa.int64()),
                    *make_arrays(few, output, recipe.normalizer),
                ]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def normalize_part(part: Part, header: Sequence[str], normalizer: Normalizer) -> Iterator[Row]:
    """Yield the rows of a part's lines, after the header in force at its start."""
    stream = normalizer.stream(part.path)
    for line in header:
        stream.read(line)
    if part.start == 0 and part.end and (refusal := normalizer.explain_refusal(part.path, _begin(part))):
        yield Row(None, None, None, REFUSED, refusal, None)
        return
    for lines in _read_lines(part, stream):
        for rows in tabulate(lines, stream, normalizer):
            yield from (row for row in rows if row.status in (OK, UNPARSED))
    for item in normalizer.drain(stream):
        yield from describe_item(item, normalizer)


def _begin(part: Part) -> bytes:
    with _open(part.path) as file:
        block: bytes = file.read(_FIRST_BYTES)
        return block


def _read_lines(part: Part, stream: Stream) -> Iterator[list[bytes]]:
    with _open(part.path) as file:
        file.seek(part.start)
        left = part.end - part.start
        while left > 0 and (block := file.read(min(_READ_BYTES, left))):
            left -= len(block)
            yield stream.cut(block)
    yield stream.finish()


_PLACE = (("path", "string"), ("start", "int64"), ("position", "int64"))


def _file_columns(recipe: Recipe, output: str) -> StructType:
    import pyarrow as pa
    from pyspark.sql.pandas.types import from_arrow_schema

    columns: StructType = from_arrow_schema(pa.schema([*_PLACE, *event_columns(output, recipe.normalizer)]))
    return columns


# --- files, wherever they are ----------------------------------------------------------------------


def _open_system(path: str) -> tuple[FileSystem, str]:
    from pyarrow.fs import FileSystem, LocalFileSystem

    if path.startswith("file:"):
        return LocalFileSystem(), unquote(path.removeprefix("file:").replace("///", "/", 1))
    scheme, mark, rest = path.partition("://")
    if mark:  # as a URI, names with blanks or % would be other names
        authority, slash, below = rest.partition("/")
        system, base = FileSystem.from_uri(f"{scheme}://{authority}")
        return system, base.rstrip("/") + slash + below
    return LocalFileSystem(), path


def _open(path: str) -> Any:
    system, name = _open_system(path)
    return system.open_input_file(name)
