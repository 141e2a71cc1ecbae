"""Processors of columns: inside a plan they do what they do to records, and rows keep their fast way."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import compare_paths
import pytest
import tracking_rows

import exnorm
from exnorm import ColumnProcessor, Needed, Normalizer, Record, Source
from exnorm.engine.batches import BatchEncoder
from exnorm.engine.programs import Program

pytestmark = pytest.mark.usefixtures("each_path")

ROWS = list(tracking_rows.make_rows(400, 5))
IIS = next(log for log in compare_paths.find_columnar_logs() if log.name.startswith("u_ex"))
HTTP = next(log for log in compare_paths.find_columnar_logs() if log.name.startswith("Owa_"))


class Plugin:
    """Gives the processors that a test has made."""

    name = "plugin"

    def __init__(self, *processors: object) -> None:
        self._processors = processors

    @exnorm.hookimpl
    def record_processors(self, source: Source) -> Iterable[Any]:
        return self._processors


def hide(sender: str, recipients: str) -> tuple[str, str]:
    return sender.upper(), "" if ";" in recipients else recipients.replace("@", "|=\\")


def sort_out(event: str, sender: str) -> Mapping[str, str] | None:
    if event == "SEND" and sender.startswith("user1"):
        return None
    return {"kind": f"of|{event}="} if event == "RECEIVE" else {}


def rename(event: str) -> tuple[str]:
    return (event.replace("DELIVER", "NEWEVENT"),)


def rise(size: str) -> tuple[str]:
    if size.startswith("2"):
        raise ValueError(size)
    return (size[::-1],)


def is_user1(sender: str) -> bool:
    return sender.startswith("user1")


def judge(sender: str, recipients: str, custom: str) -> Mapping[str, str]:
    return {"seen": f"{len(recipients)} {len(custom)}"} if recipients or custom else {}


NEEDED = (
    Needed("recipient-address", ("sender-address",), is_user1),
    Needed("custom-data", holds="E2ELatency=1"),
)
TRACKING: dict[str, tuple[object, ...]] = {
    "new texts": (ColumnProcessor(("sender-address", "recipient-address"), hide),),
    "marks and rows left out": (ColumnProcessor(("event-id", "sender-address"), sort_out),),
    "another event": (ColumnProcessor(("event-id",), rename),),
    "errors": (ColumnProcessor(("total-bytes",), rise),),
    "a column that is not there": (ColumnProcessor(("no-such", "source"), lambda none, source: (none, "x")),),
    "no decision": (ColumnProcessor(("source",), lambda source: 7),),  # type: ignore[arg-type, return-value]
    "columns needed at times": (
        ColumnProcessor(("sender-address", "recipient-address", "custom-data"), judge, NEEDED),
    ),
    "several": (
        ColumnProcessor(("event-id",), rename),
        ColumnProcessor(("event-id", "sender-address"), sort_out),
        ColumnProcessor(("sender-address", "recipient-address"), hide),
        ColumnProcessor(("source",), lambda source: {"kind": source} if source == "SMTP" else {}),
    ),
}


class Taken:
    """How many rows went through plans."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows = 0
        count = BatchEncoder.count

        def watch(
            batches: BatchEncoder, stream: Any, program: Program, rows: int, events: int, last: int | None
        ) -> None:
            self.rows += rows
            count(batches, stream, program, rows, events, last)

        monkeypatch.setattr(BatchEncoder, "count", watch)


def compare(lines: list[bytes], settings: dict[str, Any], processors: Iterable[object], name: str) -> None:
    plugins = [Plugin(*processors)]
    long = compare_paths.take_long_way(lines, settings, plugins, name)
    short = compare_paths.take_short_way(lines, settings, plugins, name=name)
    assert compare_paths.explain_difference(long, short) == ""


@pytest.mark.parametrize("settings", compare_paths.SETTINGS, ids=str)
@pytest.mark.parametrize("processors", TRACKING.values(), ids=TRACKING)
def test_both_ways_agree_on_odd_rows(processors: tuple[object, ...], settings: dict[str, Any]) -> None:
    lines = list(compare_paths.odd_lines(ROWS, random.Random(str(settings))))
    compare(lines, settings, processors, compare_paths.LOG)


@pytest.mark.parametrize("settings", compare_paths.SETTINGS[::4], ids=str)
@pytest.mark.parametrize("log", [IIS, HTTP], ids=lambda log: log.name)
def test_both_ways_agree_on_odd_rows_of_web_logs(log: Path, settings: dict[str, Any]) -> None:
    user = "cs-username" if log is IIS else "AuthenticatedUser"
    event = "outcome" if log is IIS else "event"
    processors = (
        ColumnProcessor((user,), lambda text: (text.replace("o", "0"),)),
        ColumnProcessor(
            (event, user), lambda event, user: {"who": user} if event == "REQUEST" and user else {}
        ),
        ColumnProcessor(("user-name",), lambda text: None if text == "anna" else (text,)),
    )
    lines = list(compare_paths.odd_lines_of(log, 500, random.Random(str(settings)), plain=50))
    compare(lines, settings, processors, f"logs/{log.name}")


@pytest.mark.parametrize(
    "processors", [one for name, one in TRACKING.items() if name not in ("errors", "no decision")]
)
def test_plain_rows_all_take_the_fast_way(
    processors: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [*tracking_rows.header().encode().split(b"\r\n")[:-1], *(row.encode() for row in ROWS)]
    taken = Taken(monkeypatch)
    compare_paths.take_short_way(lines, {"format": "cef"}, [Plugin(*processors)])
    # Two processors that make one mark, and members in apostrophes, are the table's.
    several = len(processors) > 1
    assert taken.rows >= len(ROWS) * (0.3 if several else 0.95)


def test_a_function_of_columns_is_called_once_for_their_texts_and_not_once_a_row() -> None:
    calls: list[str] = []

    def watch(source: str) -> tuple[str]:
        calls.append(source)
        return (source,)

    normalizer = Normalizer(discover_plugins=False, plugins=[Plugin(ColumnProcessor(("source",), watch))])
    lines = [*tracking_rows.header().encode().split(b"\r\n")[:-1], *(row.encode() for row in ROWS)]
    assert len(list(normalizer.encode(lines, normalizer.stream(compare_paths.LOG)))) == len(ROWS)
    assert len(calls) < 20
    assert normalizer.routes.slow_plugins == []


def test_a_processor_of_whole_records_is_said_to_keep_rows_from_the_fast_way() -> None:
    def touch(record: Record) -> Record:
        return record

    every: list[Callable[..., Any]] = [touch, ColumnProcessor(("source",), lambda source: (source,))]
    normalizer = Normalizer(discover_plugins=False, plugins=[Plugin(*every)])
    assert normalizer.routes.slow_plugins == ["plugin"]


@pytest.mark.parametrize(
    ("decision", "fits"),
    [(("a", "b"), True), (["a", "b"], True), ({"x": "y"}, True), ({}, True), (None, True),
     (("a",), False), (("a", 1), False), ({"x": 1}, False), ("ab", False), (7, False), (("a", "c"), False)],
)  # fmt: skip
def test_a_decision_is_new_texts_or_marks_or_none_and_a_column_needed_at_times_stays(
    decision: Any, fits: bool
) -> None:
    processor = ColumnProcessor(("one", "two"), lambda *texts: decision, (Needed("two", holds="b"),))
    if fits:
        processor.decide(("z", "b"))
    else:
        with pytest.raises(TypeError, match="expected 2 texts"):
            processor.decide(("z", "b"))
