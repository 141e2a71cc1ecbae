"""Exchange logs on Spark: folders of files as a batch, lines from Kafka or files as a stream.

Needs the extra ``exnorm[spark]``. A file is cut into parts at line ends by a first pass that also takes
down the header in force at each cut, so a task that starts in mid-file never guesses. A log whose rows
depend on the rows before them (SMTP sessions, rows without a date), that has no header or is not
UTF-8 with or without a byte order mark, is one part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from exnorm.arrow import OK, PASSED_ON, UNPARSED, BatchNormalizer, microseconds
from exnorm.errors import SettingsError, quote
from exnorm.identity import exnorm_id
from exnorm.model import Event, Record, Unparsed
from exnorm.pipeline import Normalizer

if TYPE_CHECKING:
    import pyarrow
    from pyarrow.fs import FileSystem
    from pyspark.sql import DataFrame, SparkSession

PART_BYTES = 64 * 1024 * 1024
REFUSED = "refused"
_READ_BYTES = 1024 * 1024
_BATCH_ROWS = 10_000
_BOM = b"\xef\xbb\xbf"
_PARTS = "path string, start long, end long, header string"
_EVENTS = (
    "path string, start long, position long, event_time timestamp, event_id string, payload string, "
    "status string, reason string, exnorm_id string"
)


@dataclass(frozen=True)
class Part:
    """The bytes ``start`` to ``end`` of a file, cut at line ends, and the header in force at ``start``."""

    path: str
    start: int
    end: int
    header: str = ""


def normalize_files(
    spark: SparkSession, paths: Iterable[str], *, part_bytes: int = PART_BYTES, **settings: Any
) -> DataFrame:
    """Every event of the logs under ``paths`` (files or folders, local or by URI), and what did not parse.

    Columns: ``path``, ``start`` (of the part) and ``position`` (in the part), by which the rows of a file
    can be put in order; ``event_time``, ``event_id``, ``payload`` (the finished line), ``status`` (``ok``
    or ``unparsed``), ``reason``, ``exnorm_id``. ``settings`` are those of ``Normalizer``. Files of an
    unknown type give one row with the status ``refused``. Raises ``SettingsError``.
    """
    BatchNormalizer(**settings).normalizer  # noqa: B018  wrong settings must not reach the workers
    files = list(list_files(paths))
    if not files:
        raise SettingsError("no files to read")
    context = spark.sparkContext
    planned = context.parallelize(files, min(len(files), 1000)).flatMap(
        partial(_plan_rows, settings, part_bytes)
    )
    parts = spark.createDataFrame(planned, _PARTS)
    return parts.repartition(max(context.defaultParallelism, 1)).mapInArrow(
        partial(_normalize_parts, settings), _EVENTS
    )


def stream_files(spark: SparkSession, folder: str, *, pattern: str = "*.LOG", **settings: Any) -> DataFrame:
    """A stream of the events of files as they appear under ``folder``; columns as ``normalize_files``.

    A file is read once, whole and by one task, when it is first seen: let finished files appear there,
    as Exchange leaves them when it begins the next. Restarted on its checkpoint, it repeats none.
    """
    BatchNormalizer(**settings).normalizer  # noqa: B018  wrong settings must not reach the workers
    files = (
        spark.readStream.format("binaryFile")
        .schema("path string, modificationTime timestamp, length long, content binary")
        .option("pathGlobFilter", pattern)
        .option("recursiveFileLookup", "true")
        .load(folder)
        .selectExpr("path", "0L as start", "length as end", "'' as header")
    )
    return files.mapInArrow(partial(_normalize_parts, settings), _EVENTS)


def normalize_lines(lines: DataFrame, output: str = "line", **settings: Any) -> DataFrame:
    """A batch or stream of lines (column ``line``, optionally ``path``, ``offset``, ``schema``) as events.

    See ``arrow.BatchNormalizer``, which runs on the workers.
    """
    normalize = BatchNormalizer(output, **settings)
    passed_on = [f"`{f.name}` {f.dataType.simpleString()}" for f in lines.schema if f.name in PASSED_ON]
    last = "payload string" if output == "line" else "fields map<string,string>"
    columns = [
        *passed_on, "event_time timestamp", "event_id string", last, "status string", "reason string",
        "exnorm_id string",
    ]  # fmt: skip
    return lines.mapInArrow(partial(_normalize_batches, normalize), ", ".join(columns))


def describe_run(**settings: Any) -> dict[str, Any]:
    """What to keep beside an output: the settings in force and the plugins with their versions."""
    normalizer = BatchNormalizer(**settings).normalizer
    return {
        "settings": {
            name: getattr(normalizer.settings, name)
            for name in sorted(vars(normalizer.settings))
            if name != "plugins"
        },
        "plugins": {plugin.name: plugin.distribution for plugin in normalizer.plugins.listing()},
    }


# --- planning ------------------------------------------------------------------------------------


def list_files(paths: Iterable[str]) -> Iterator[str]:
    """The files that paths stand for: a folder stands for every file below it, by name."""
    from pyarrow.fs import FileSelector, FileType

    for path in paths:
        system, name = _open_system(path)
        info = system.get_file_info(name)
        if info.type == FileType.NotFound:
            raise SettingsError(f"no such file or folder: {quote(path)}")
        if info.type == FileType.File:
            yield path
            continue
        prefix = path.removesuffix("/").removesuffix(name.removesuffix("/"))
        below = system.get_file_info(FileSelector(name, recursive=True))
        yield from sorted(prefix + found.path for found in below if found.type == FileType.File)


def plan_file(path: str, normalizer: Normalizer, part_bytes: int) -> Iterator[Part]:
    """The parts of one file."""
    cuts, size = list(_find_cuts(path, part_bytes)), _size(path)
    if len(cuts) < 2 or not _is_splittable(path, cuts[0].header, normalizer):
        yield Part(path, 0, size)
        return
    ends = [cut.start for cut in cuts[1:]] + [size]
    for cut, end in zip(cuts, ends):
        yield Part(path, cut.start, end, cut.header)


def _find_cuts(path: str, part_bytes: int) -> Iterator[Part]:
    """Where parts begin: every ``part_bytes`` at the next line; the header in force there.

    The first cut bears the first header of the file, by which the log is recognised.
    """
    header: list[str] = []
    in_header = False
    position, last_cut = 0, 0
    cuts = [0]
    headers = [""]
    first = ""
    with _open(path) as file:
        rest = b""
        while block := file.read(_READ_BYTES):
            lines = (rest + block).split(b"\n")
            rest = lines.pop()[: 1 << 20]
            for line in lines:
                text = line.removeprefix(_BOM)
                if text.startswith(b"#"):
                    if not in_header:
                        header = []
                    header.append(text.decode("utf-8", "replace").rstrip("\r"))
                    in_header = True
                else:
                    if in_header:
                        first = first or "\n".join(header)
                        in_header = False
                    if position - last_cut >= part_bytes:
                        cuts.append(position)
                        headers.append("\n".join(header))
                        last_cut = position
                position += len(line) + 1
    headers[0] = first
    for start, text in zip(cuts, headers):
        yield Part(path, start, 0, text)


def _is_splittable(path: str, header: str, normalizer: Normalizer) -> bool:
    stream = normalizer.stream(path)
    for line in header.split("\n"):
        stream.read(line)
    return "fields" in stream.directives and stream.source is not None and not stream.remembers


def _plan_rows(settings: dict[str, Any], part_bytes: int, path: str) -> list[tuple[str, int, int, str]]:
    normalizer = BatchNormalizer(**settings).normalizer
    return [
        (part.path, part.start, part.end, part.header) for part in plan_file(path, normalizer, part_bytes)
    ]


# --- on the workers ------------------------------------------------------------------------------


def _normalize_batches(
    normalize: BatchNormalizer, batches: Iterator[pyarrow.RecordBatch]
) -> Iterator[pyarrow.RecordBatch]:
    for batch in batches:
        yield normalize(batch)


def _normalize_parts(
    settings: dict[str, Any], batches: Iterator[pyarrow.RecordBatch]
) -> Iterator[pyarrow.RecordBatch]:
    normalizer = BatchNormalizer(**settings).normalizer
    for batch in batches:
        for row in batch.to_pylist():
            yield from _in_batches(_normalize_part(Part(**row), normalizer))


def _normalize_part(part: Part, normalizer: Normalizer) -> Iterator[tuple[Any, ...]]:
    stream = normalizer.stream(part.path)
    for line in part.header.split("\n") if part.start else ():
        stream.read(line)
    position = 0
    for lines in _read_lines(part, stream):
        if stream.source is None and not part.start and not _is_known(lines, part.path, normalizer):
            yield (part.path, 0, 0, None, None, None, REFUSED, "unknown log type", None)
            return
        for item in normalizer.parse(lines, stream):
            for found in normalizer.normalize_item(item):
                yield (part.path, part.start, position, *_describe(found, normalizer))
                position += 1
    for found in normalizer.finish(stream):
        yield (part.path, part.start, position, *_describe(found, normalizer))
        position += 1


def _is_known(lines: list[bytes], path: str, normalizer: Normalizer) -> bool:
    """Whether the beginning of a file says of which type it is."""
    probe = normalizer.stream(path)
    for line in lines:
        probe.read(line)
        if probe.source is not None:
            return True
    return probe.recognize() or not any(line.strip() for line in lines)


def _read_lines(part: Part, stream: Any) -> Iterator[list[bytes]]:
    with _open(part.path) as file:
        file.seek(part.start)
        left = part.end - part.start
        while left > 0 and (block := file.read(min(_READ_BYTES, left))):
            left -= len(block)
            yield stream.cut(block)
    yield stream.finish()


def _describe(item: Event | Unparsed, normalizer: Normalizer) -> tuple[Any, ...]:
    """The columns of an event behind its place."""
    if isinstance(item, Unparsed):
        return None, None, None, UNPARSED, item.reason, None
    payload = normalizer.encode_item(item)
    record: Record = item.record
    text = None if payload is None else payload.decode("utf-8")
    return microseconds(item), record.event_id, text, OK, None, exnorm_id(record)


def _in_batches(rows: Iterator[tuple[Any, ...]]) -> Iterator[pyarrow.RecordBatch]:
    import pyarrow as pa

    schema = pa.schema(
        [
            ("path", pa.string()), ("start", pa.int64()), ("position", pa.int64()),
            ("event_time", pa.timestamp("us", tz="UTC")), ("event_id", pa.string()),
            ("payload", pa.string()), ("status", pa.string()), ("reason", pa.string()),
            ("exnorm_id", pa.string()),
        ]
    )  # fmt: skip
    waiting: list[tuple[Any, ...]] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == _BATCH_ROWS:
            yield _to_batch(waiting, schema)
            waiting = []
    if waiting:
        yield _to_batch(waiting, schema)


def _to_batch(rows: list[tuple[Any, ...]], schema: pyarrow.Schema) -> pyarrow.RecordBatch:
    import pyarrow as pa

    columns = [pa.array(values, type=field.type) for values, field in zip(zip(*rows), schema)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


# --- files, wherever they are ----------------------------------------------------------------------


def _open_system(path: str) -> tuple[FileSystem, str]:
    from pyarrow.fs import FileSystem, LocalFileSystem

    if path.startswith("file:"):
        return LocalFileSystem(), unquote(path.removeprefix("file:").replace("///", "/", 1))
    if "://" in path:
        system, name = FileSystem.from_uri(path)
        return system, name
    return LocalFileSystem(), path


def _open(path: str) -> Any:
    system, name = _open_system(path)
    return system.open_input_file(name)


def _size(path: str) -> int:
    system, name = _open_system(path)
    return int(system.get_file_info(name).size)
