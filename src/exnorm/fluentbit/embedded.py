"""The filter's Python side, called only by ``flb-filter_exchange.so``."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from functools import lru_cache

from exnorm.errors import NormalizerError, SettingsError, quote
from exnorm.fluentbit.chunk import ChunkFilter
from exnorm.fluentbit.options import Options
from exnorm.malloc import hold_freed_memory
from exnorm.relay.figures import sum_up
from exnorm.settings import Settings

ERROR, WARNING, INFO = 1, 2, 3
"""Levels of Fluent Bit's log."""

OLDEST, NEWEST = (2, 2), (5, 1)
"""The releases of Fluent Bit that the filter was tried with."""

HOST_CHECK = "host_check"
_OF_THE_HOST = ("active", "condition")
_HOST_PROGRAM = "/proc/self/exe"
_ROW = (
    b"2026-01-01T00:00:00.000Z,192.0.2.1,a,192.0.2.2,b,,,SMTP,RECEIVE,1,<1@example.com>,b@example.com,,1,1,,,"
    b"self-test,a@example.com,a@example.com,,,,,,"
)
_BODY = b"\x82\xa3log\xd9" + bytes((len(_ROW),)) + _ROW + b"\xa8filename\xaaMSGTRK.LOG"
_TIME = b"\xd7\x00\x65\x00\x00\x00\x00\x00\x00\x00"
SAMPLES = (b"\x92\x92" + _TIME + b"\x80" + _BODY, b"\x92" + _TIME + _BODY)
"""A row of message tracking in a chunk, in both forms that Fluent Bit has for an event."""

Log = Callable[[int, str, str], None]


class EmbeddedFilter:
    """One ``[FILTER]`` of Fluent Bit, by the name that the host gave it."""

    def __init__(
        self, name: str, chunks: ChunkFilter, log: Log, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._chunks = chunks
        self._log = log
        self._clock = clock
        self._every = chunks.options.report_every
        self._due = clock() + self._every

    def filter(self, tag: str, chunk: bytes) -> bytes | None:
        """Return the chunk's replacement; write a line with the counts from time to time."""
        made = self._chunks.filter(tag, chunk)
        if self._every and self._clock() >= self._due:
            self._due = self._clock() + self._every
            self._log(INFO, self._name, describe_counts(self._chunks))
        return made

    def close(self) -> None:
        """Write the final counts."""
        self._log(INFO, self._name, summarize(self._chunks))


def start(
    name: str,
    properties: Sequence[str],
    log: Log,
    count_events: Callable[[bytes], int] = lambda chunk: -1,
    before: EmbeddedFilter | None = None,
) -> EmbeddedFilter | None:
    """Return a filter from alternating keys and values; ``None`` after an error, which is written to the log.

    ``count_events`` returns how many events the host finds in a chunk, -1 where it cannot say. ``before`` is
    the filter of this name before a reload; it continues where the new settings are wrong.
    """
    hold_freed_memory()
    try:
        given = pair_properties(properties)
        if given.pop(HOST_CHECK, "on").strip().lower() not in ("off", "false", "no", "0"):
            said = before is not None  # when it started
            check_host(
                read_host_version(), count_events, lambda text: None if said else log(WARNING, name, text)
            )
        chunks = ChunkFilter.from_names(
            given, environ=os.environ, log=lambda text: log(ERROR, name, text), also=(HOST_CHECK,)
        )
    except Exception as error:  # the host must not end without a word
        is_ours = isinstance(error, NormalizerError)
        log(ERROR, name, str(error) if is_ours else f"cannot start: {type(error).__name__}: {quote(error)}")
        if before is not None:
            log(ERROR, name, "not reloaded: goes on with the settings before")
        return before
    return EmbeddedFilter(name, chunks, log)


def pair_properties(properties: Sequence[str]) -> dict[str, str]:
    """Return the filter's keys and values, without those that the host itself reads."""
    given: dict[str, str] = {}
    for key, value in zip(properties[::2], properties[1::2]):
        name = key.strip().lower().replace("-", "_")
        if name in given:
            raise SettingsError(f"key {quote(key)} is set twice")
        if name not in _OF_THE_HOST:
            given[name] = value
    return given


def check_host(
    version: tuple[int, int] | None, count_events: Callable[[bytes], int], warn: Callable[[str], None]
) -> None:
    """Check what the filter relies on against the host itself, whatever its version.

    Raises ``SettingsError`` where the host does not read the events that the filter writes. An untested
    release gives a warning.
    """
    chunks = ChunkFilter(Options(Settings(format="cef")))
    for chunk in SAMPLES:
        made = chunks.filter(HOST_CHECK, chunk)
        found = -1 if made is None else count_events(made)  # where it is ours that fails, it says so itself
        if found not in (1, -1):
            raise SettingsError(
                f"this Fluent Bit finds {found} events in a chunk that holds 1: it has another form of "
                f"events than 2.2 to {_name(NEWEST)} have; {HOST_CHECK} off starts the filter all the same"
            )
    if version is None or not OLDEST <= version <= NEWEST:
        shown = "of an unknown release" if version is None else _name(version)
        warn(
            f"Fluent Bit {shown} was not tried with this filter, {_name(OLDEST)} to {_name(NEWEST)} were; "
            "it shows its settings and reads our events as they do, so the filter starts"
        )


def _name(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


@lru_cache(maxsize=1)
def read_host_version() -> tuple[int, int] | None:
    """Return the version that the running program prints with ``--version``, the only way to get it."""
    try:
        asked = subprocess.run(
            [_HOST_PROGRAM, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return find_version(asked.stdout.decode("utf-8", "replace"))


def find_version(text: str) -> tuple[int, int] | None:
    """Return the release in the program's output, as ``Fluent Bit v5.1.1``."""
    found = re.search(r"Fluent Bit v(\d+)\.(\d+)", text)
    return None if found is None else (int(found.group(1)), int(found.group(2)))


def describe_counts(chunks: ChunkFilter) -> str:
    """Return the counts so far as a JSON object, for programs that read the log."""
    counts = chunks.counts
    fields = {
        "event": "counts",
        "records_in": counts.records_in,
        "records_out": counts.records_out,
        "untouched": counts.untouched,
        "failed": sum(counts.errors.values()),
        **sum_up(counts.pipeline),
    }
    return json.dumps(fields)


def summarize(chunks: ChunkFilter) -> str:
    """Return the counts as one line."""
    counts = chunks.counts
    pipeline = counts.pipeline
    words = [
        f"{counts.records_in} records in, {counts.records_out} out",
        f"{pipeline.events} events, {pipeline.header} header lines",
        f"{sum(pipeline.unparsed.values())} not parsed, {sum(pipeline.dropped.values())} left out",
        f"{counts.untouched} not of Exchange",
        "columns from the header {seen}, the file {file}, the state {state}, the width {width}".format(
            **{name: counts.logs[name] for name in ("seen", "file", "state", "width")}
        ),
    ]
    if counts.errors:
        words.append(f"{sum(counts.errors.values())} chunks unchanged after an error")
    return "; ".join(words)
