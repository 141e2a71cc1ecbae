"""``exnorm compare``: compare our events with those of a vendor's connector or DSM from the same logs."""

from __future__ import annotations

import codecs
import heapq
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from itertools import chain
from typing import Any

import click
import msgspec

from exnorm.cli import NEXT_HOP, OK, UNPARSED, USAGE, say
from exnorm.cli.click_types import FILE
from exnorm.cli.explain import find_width
from exnorm.cli.inputs import STDIN, Input, InputError, expand, explain_refusal, read_blocks
from exnorm.cli.options import load_settings, read_layers, read_text, setting_flags
from exnorm.cli.pages import check_page, leave_out, write_page
from exnorm.compare.captures import (
    CEF,
    CSV,
    JSON,
    Reader,
    Seen,
    Unread,
    Vocabulary,
    cut_objects,
    cut_rows,
    find_format,
)
from exnorm.compare.findings import Findings, is_well
from exnorm.compare.page import GENERATOR, render
from exnorm.compare.run import FORMAT_OF, TAXONOMY_OF, hold
from exnorm.compare.suggestions import Content, Suggestions, merge_content, suggest
from exnorm.compare.view import as_dict, dump_overlay, render_text, write_overlay
from exnorm.convert import iso_utc
from exnorm.errors import SettingsError, quote, show_json, suggest as suggest_name
from exnorm.extras import require
from exnorm.model import Event, Record, Unparsed
from exnorm.pipeline.normalizer import Normalizer
from exnorm.plugins.manager import Plugins
from exnorm.plugins.selection import find_named
from exnorm.settings import NAMES, make_settings, read_config
from exnorm.text.lines import LineCutter
from exnorm.text.syslog import cut_frames
from exnorm.text.yamlfile import read_yaml

HEAD_BYTES = 256 * 1024
MOST_LINE_BYTES = 4 * 1024 * 1024
_OVERLAY_MARK = "# Written by exnorm compare"


@click.command("compare")
@click.argument("paths", nargs=-1, metavar="LOG...", required=True, type=FILE)
@click.option(
    "--theirs", required=True, metavar="FILE", type=FILE,
    help="The connector's or DSM's events of these logs: CEF, LEEF, native payload, CSV or JSON.",
)  # fmt: skip
@setting_flags
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--write-overlay", "overlay", metavar="FILE", type=FILE,
    help="Write settings that make exnorm's events equal to theirs, as far as settings can.",
)  # fmt: skip
@click.option(
    "--output", "-o", metavar="PAGE.html", type=FILE, default=None,
    help="Also write one page of HTML; - for standard output, instead of the text.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite files that this command did not write.")
def command(
    paths: tuple[str, ...],
    theirs: str,
    as_json: bool,
    overlay: str | None,
    output: str | None,
    force: bool,
    **given: Any,
) -> int:
    """Compare our events with those of a vendor's connector or DSM.

    Both must come from the same logs. Events are matched by time, event and message id, then by what else
    agrees. For each difference you see its kind, how often it occurs, an example and the rule of ours behind
    it. Exit status 0: no difference; 1: something differs, is on one side only, or could not be read.
    """
    inputs = expand(paths)
    captures = expand((theirs,))
    if [item.name for item in (*inputs, *captures)].count(STDIN) > 1:
        raise SettingsError("--theirs: standard input cannot be both a log and the capture")
    if output is not None:
        require("compare -o", "report", "jinja2")
        check_page(output, force, GENERATOR, inputs)
        inputs = leave_out(inputs, output)
    if overlay is not None:
        _check_overlay(overlay, force=force)
    capture = _Capture(captures)
    plan = _Plan(given, capture)
    words = Vocabulary(plan.normalizer.taxonomy)
    logs = _Logs(plan.normalizer, inputs)
    try:
        findings = hold(
            plan.normalizer, capture.shape, words, logs.read(), capture.read(plan.normalizer, words)
        )
    except InputError as error:
        raise SettingsError(str(error)) from None
    suggestions = suggest(findings, plan.normalizer, words, plan.build)
    content = as_dict(findings, words, suggestions)
    return max(
        _print(content, as_json) if output != STDIN else OK,
        OK if output is None else _write_page(output, content, paths, theirs),
        OK if overlay is None else _write_overlay(overlay, suggestions, plan, theirs),
        _status(findings, logs),
    )


def _status(findings: Findings, logs: _Logs) -> int:
    if logs.failed:
        return USAGE
    return OK if is_well(findings) and not logs.refused else UNPARSED


def _print(content: dict[str, Any], as_json: bool) -> int:
    if as_json:
        click.echo(show_json(msgspec.json.encode(content).decode()))
    else:
        click.echo("\n".join(render_text(content, find_width())))
    return OK


def _write_page(output: str, content: dict[str, Any], paths: tuple[str, ...], theirs: str) -> int:
    ours = ", ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")
    made = iso_utc(int(time.time() * 1000))[:16].replace("T", " ")
    page = render(content, version=metadata.version("exnorm"), made=made, ours=ours, theirs=theirs)
    fault = write_page(output, page.encode("utf-8", "backslashreplace"))
    if fault:
        say(fault)
    return NEXT_HOP if fault else OK


def _check_overlay(path: str, *, force: bool) -> None:
    """Raise ``SettingsError`` rather than overwrite a settings file that a person wrote."""
    if os.path.isdir(path):
        raise SettingsError(f"--write-overlay: {quote(path)} is a folder")
    if force or not os.path.exists(path) or not os.path.isfile(path):
        return
    if os.path.getsize(path) and not read_text(path).startswith(_OVERLAY_MARK):
        raise SettingsError(
            f"--write-overlay: {quote(path)} is there and was not written by compare; --force writes over it"
        )


def _write_overlay(path: str, suggestions: Suggestions, plan: _Plan, theirs: str) -> int:
    content = plan.complete(suggestions.content)
    text = write_overlay(content, suggestions, theirs)
    fault = write_page(path, text.encode("utf-8", "replace"), "--write-overlay")
    say(fault or f"{path}: {len(suggestions.changes)} changes to tables")
    return NEXT_HOP if fault else OK


# --- settings ------------------------------------------------------------------------------------


class _Plan:
    """The settings that a capture needs, and normalizers with further settings."""

    def __init__(self, given: dict[str, Any], capture: _Capture) -> None:
        self._config = given.pop("config")
        self._options = {name: value for name, value in given.items() if name in NAMES}
        self._fixed = self._choose(capture)
        self._base: Content = {}
        if self._config is not None:
            self._base = read_yaml(read_text(self._config), self._config).plain() or {}
        settings = load_settings(self._config, {**self._options, **self._fixed})
        self.normalizer = Normalizer.from_settings(settings)

    def _choose(self, capture: _Capture) -> dict[str, Any]:
        layers = read_layers(self._config, self._options)
        asked = {name: value for layer in layers for name, value in layer.values.items()}
        shape = capture.shape
        told = FORMAT_OF.get(shape, shape)
        if asked.get("format", told) != told:
            raise SettingsError(f"format: the capture is {shape}; leave the setting away")
        taxonomy = asked.get("taxonomy") or TAXONOMY_OF.get(shape) or capture.guess_taxonomy()
        find_named("taxonomy", taxonomy, Plugins().registry.taxonomies)
        if shape in TAXONOMY_OF and taxonomy != TAXONOMY_OF[shape]:
            raise SettingsError(
                f"taxonomy: got {quote(taxonomy)}, but {shape}, as the capture is, is {TAXONOMY_OF[shape]}'s"
            )
        fixed = {"format": told, "taxonomy": taxonomy, "on_error": "tag", "max_payload": 0}
        return {**fixed, "cef": 1} if capture.is_cef_1 else fixed

    def complete(self, content: Content) -> Content:
        """Return suggested settings merged into those of ``--config``."""
        return merge_content(self._base, content, Vocabulary(self.normalizer.taxonomy))

    def build(self, content: Content) -> Normalizer:
        """Return a normalizer with suggested settings; raises ``NormalizerError``."""
        config = read_config(dump_overlay(self.complete(content)), self._config or "overlay")
        layers = [layer.values for layer in read_layers(None, {**self._options, **self._fixed})]
        return Normalizer.from_settings(make_settings(config, *layers))


# --- theirs --------------------------------------------------------------------------------------


class _Capture:
    """The capture: its format, and its events one by one."""

    def __init__(self, inputs: list[Input]) -> None:
        self._blocks = [read_blocks(item) for item in inputs]
        try:
            self._head = self._read_head()
        except InputError as error:
            raise SettingsError(str(error)) from None
        text = b"".join(self._head)[:HEAD_BYTES]
        cutter = LineCutter(MOST_LINE_BYTES)
        lines = [*cutter.feed(text), *cutter.finish()]
        self._beginning = b"\n".join(lines).decode("utf-8", "replace")
        self.shape = find_format(self._beginning, inputs[0].name)
        self.is_cef_1 = self.shape == CEF and "CEF:1|" in self._beginning and "CEF:0|" not in self._beginning
        if not self.shape:
            what = (
                "is empty" if not text.strip() else "holds neither CEF, LEEF, native payloads, CSV nor JSON"
            )
            raise SettingsError(f"--theirs: {quote(inputs[0].shown)} {what}")

    def _read_head(self) -> list[bytes]:
        head: list[bytes] = []
        for block in self._blocks[0]:
            head.append(block)
            if sum(map(len, head)) >= HEAD_BYTES:
                break
        return head

    def guess_taxonomy(self) -> str:
        """Return the product that has most of an export's names; raises ``SettingsError`` where none
        has any.
        """
        names: list[str] = []
        if self.shape == CSV:
            row = next((row for row in cut_rows(self._beginning.splitlines(keepends=True))), {})
            names = list(row) if isinstance(row, dict) else []
        else:
            first = next(cut_objects((self._beginning,)), "")
            try:
                content = msgspec.json.decode(first) if first else {}
            except msgspec.DecodeError:
                content = {}
            names = list(content)
        known = {
            name: sum(Reader(JSON, Vocabulary(taxonomy), _read_nothing).is_field(one) for one in names)
            for name, taxonomy in Plugins().registry.taxonomies.items()
        }
        best = max(known, key=lambda name: known[name])
        if not known[best]:
            raise SettingsError(
                f"--theirs: none of its columns is a field{suggest_name('', known)}: --taxonomy"
            )
        return best

    def read(self, normalizer: Normalizer, words: Vocabulary) -> Iterator[Seen | Unread]:
        """Yield its events in order, and unreadable lines with the reason."""
        stream = normalizer.stream("")
        reader = Reader(self.shape, words, lambda line: normalizer.parse((line,), stream))
        blocks: Iterable[bytes] = chain(self._head, self._blocks[0])
        for further in self._blocks[1:]:
            yield from self._read_one(blocks, reader)
            blocks = further
        yield from self._read_one(blocks, reader)

    def _read_one(self, blocks: Iterable[bytes], reader: Reader) -> Iterator[Seen | Unread]:
        if self.shape == CSV:
            rows = cut_rows(line + "\n" for line in _cut_lines(blocks))
            for number, row in enumerate(rows, 2):
                yield _number(row if isinstance(row, Unread) else reader.read_object(row), number)
        elif self.shape == JSON and not _is_whole(self._beginning.split("\n", 1)[0]):
            decode = codecs.getincrementaldecoder("utf-8")("replace").decode
            for number, text in enumerate(cut_objects(map(decode, blocks)), 1):
                yield _number(reader.read_json(text), number)
        else:
            for number, line in enumerate(_cut_lines(blocks), 1):
                for frame in cut_frames(line) if line[:1].isdigit() else (line,):
                    if frame.strip():
                        yield _number(reader.read(frame), number)


def _read_nothing(line: str) -> tuple[Record | Unparsed, ...]:
    return ()


def _is_whole(line: str) -> bool:
    """Return whether a line is an object of JSON by itself."""
    try:
        return isinstance(msgspec.json.decode(line.lstrip("\ufeff")), dict)
    except msgspec.DecodeError:
        return False


def _cut_lines(blocks: Iterable[bytes]) -> Iterator[str]:
    cutter = LineCutter(MOST_LINE_BYTES)
    for block in blocks:
        yield from (line.decode("utf-8", "replace") for line in cutter.feed(block))
    yield from (line.decode("utf-8", "replace") for line in cutter.finish())


def _number(seen: Seen | Unread, number: int) -> Seen | Unread:
    if isinstance(seen, Unread):
        return seen._replace(line_number=number)
    seen.line_number = number
    return seen


# --- ours ----------------------------------------------------------------------------------------


@dataclass
class _Logs:
    """Our logs as one stream of events in order of time; each file is open only during its time."""

    normalizer: Normalizer
    inputs: list[Input]
    refused: int = 0
    failed: int = 0

    def read(self) -> Iterator[Event | Unparsed]:
        """Yield the events of all logs."""
        waiting: list[tuple[int, int, Input]] = []
        for number, item in enumerate(self.inputs):
            first = self._find_first(item)
            if first is not None:
                waiting.append((first, number, item))
        waiting.sort(key=lambda entry: entry[:2], reverse=True)
        # by time, then the order of files; of a line that did not parse the time is that before it
        heap: list[tuple[int, int, Event | Unparsed, Iterator[Event | Unparsed]]] = []
        while heap or waiting:
            while waiting and (not heap or waiting[-1][0] <= heap[0][0]):
                at, number, item = waiting.pop()
                self._push(heap, at, number, self._read_one(item))
            if not heap:
                continue
            at, number, made, events = heapq.heappop(heap)
            yield made
            self._push(heap, at, number, events)

    def _push(
        self,
        heap: list[tuple[int, int, Event | Unparsed, Iterator[Event | Unparsed]]],
        at: int,
        number: int,
        events: Iterator[Event | Unparsed],
    ) -> None:
        made = next(events, None)
        if made is not None:
            time = made.time if isinstance(made, Event) else None
            heapq.heappush(heap, (at if time is None else time, number, made, events))

    def _find_first(self, item: Input) -> int | None:
        """Return the time of a log's first event; ``None`` where the log is left out."""
        if item.name == STDIN:
            return 0
        try:
            refusal = explain_refusal(item, self.normalizer)
            if refusal:
                say(f"{item.shown}: {refusal}; the file is left out")
                self.refused += 1
                return None
            times = (made.time for made in self._cut(item) if isinstance(made, Event))
            return next((time for time in times if time is not None), 0)
        except InputError as error:
            self._fail(error)
            return None

    def _read_one(self, item: Input) -> Iterator[Event | Unparsed]:
        try:
            yield from self._cut(item)
        except InputError as error:
            self._fail(error)

    def _fail(self, error: InputError) -> None:
        say(str(error))
        self.failed += 1

    def _cut(self, item: Input) -> Iterator[Event | Unparsed]:
        stream = self.normalizer.stream(item.shown)
        for block in read_blocks(item):
            yield from self._make(self.normalizer.parse(stream.cut(block), stream))
        yield from self._make(self.normalizer.parse(stream.finish(), stream))
        yield from self._make(self.normalizer.drain(stream))

    def _make(self, items: Iterable[Record | Unparsed]) -> Iterator[Event | Unparsed]:
        for item in items:
            if isinstance(item, Unparsed):
                yield item
            else:
                yield from self.normalizer.normalize_record(item)
