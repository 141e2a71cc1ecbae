"""Follow messages through files: find rows with an id, then the rows of the ids that they name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from exnorm.convert import INT64_MAX, members
from exnorm.errors import NormalizerError
from exnorm.journey.beside import Beside, choose, find_sessions, read_beside
from exnorm.journey.joining import find_key, join
from exnorm.journey.steps import Step, find_mailbox, is_tracking, read_step
from exnorm.journey.story import Story, tell
from exnorm.model import Record
from exnorm.pipeline.normalizer import Normalizer
from exnorm.pipeline.row_filters import TimeRange
from exnorm.pipeline.stream import Stream, begins_utf16
from exnorm.trace.search import Finder, FoundLine, LogFile, Needles, Window, make_needle, widen

# Logs of which each line is a row or a header line, so that a row can be read by itself.
BY_LINE = frozenset((
    "agent_log", "connectivity", "ecp_server", "ews", "exchange_2003", "http_proxy", "httperr", "iis",
    "imap_pop", "message_tracking", "rps_http", "smtp_protocol", "smtpsvc", "wincollect",
))  # fmt: skip
MARGIN_MS = 10 * 60_000
"""How long before and after the rows of a message rows of its sessions are looked for."""
BEFORE_SUBMISSION_MS = 2 * 60_000
_ROUNDS = 6
_HEAD_LINES = 50
MOST_ROWS = 200_000
_RAW_TEXT = 4096  # characters of a row that are looked through again
_SHORT = 8  # characters; a shorter id is looked for as a whole cell
_NETWORK_ID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_WEB = ("http_proxy", "iis", "ews")


@dataclass(frozen=True)
class Query:
    """Which messages to follow: by an id, or by all the other criteria given.

    ``message`` is a message id, a network message id or an internal message id; ``subject`` is a part of it,
    ``sender`` and ``recipient`` are addresses; all ignore case.
    """

    message: str = ""
    subject: str = ""
    sender: str = ""
    recipient: str = ""

    @property
    def kind(self) -> str:
        """The kind of id in ``message``: ``network``, ``internal``, ``message``, or empty."""
        if not self.message:
            return ""
        if _NETWORK_ID.fullmatch(self.message):
            return "network"
        return "internal" if self.message.isdecimal() else "message"

    def takes(self, step: Step) -> bool:
        """Return whether a row is of a message that is asked for."""
        kind = self.kind
        if kind == "network":
            return step.network == self.message.lower()
        if kind == "internal":
            return step.internal == self.message
        if kind == "message":
            return step.message.strip("<>") == self.message.strip("<>")
        return (
            self.subject.casefold() in step.subject.casefold()
            and (not self.sender or self.sender.casefold() in _fold(step.sender, step.return_path))
            and (not self.recipient or self.recipient.casefold() in _fold(step.recipients, step.related))
        )

    def needles(self) -> Needles:
        """Return the texts of which a row must contain one."""
        if self.message:
            text = self.message.lower() if self.kind == "network" else self.message.strip("<>")
            return Needles((make_needle(text),))
        parts = [make_needle(text.lower()) for text in (self.subject, self.sender, self.recipient)]
        return Needles((max(parts, key=len),), folded=True)


def _fold(*texts: str) -> set[str]:
    return {address.strip().strip("<>").casefold() for text in texts for address in members(text)}


@dataclass(frozen=True)
class Traced:
    """A message's story, the rows of other logs that belong to it, and the place of each row."""

    story: Story
    beside: tuple[Beside, ...]
    places: dict[Step, tuple[str, int]]
    notices: tuple[Story, ...] = ()


@dataclass
class Result:
    """The messages found in order of time, and rows that name the id where no message has it."""

    traced: list[Traced] = field(default_factory=list)
    named: list[Beside] = field(default_factory=list)
    searched: int = 0


class Tracer:
    """Follows messages through files. ``advance`` is called for each file that was searched."""

    def __init__(
        self,
        normalizer: Normalizer,
        files: Sequence[LogFile],
        advance: Callable[[LogFile], object] = lambda file: None,
        fail: Callable[[LogFile, Exception], object] | None = None,
        errors: tuple[type[Exception], ...] = (OSError,),
    ) -> None:
        self._normalizer = normalizer
        self._files = list(files)
        self._advance = advance
        self._fail = fail
        self._errors = errors
        self._places: dict[Step, tuple[str, int]] = {}
        self._beside: dict[Beside, str] = {}  # with the beginning of each row
        self._kinds: dict[str, bool | None] = {}
        self._finders: dict[str, Finder] = {}
        self._times = TimeRange.of(normalizer.settings)
        self._asked: set[bytes] = set()

    def trace(self, query: Query) -> Result:
        """Return the messages that a query asks for."""
        # An internal id, a word of a subject or an address is in many a row of other messages.
        is_loose = query.kind in ("", "internal")
        only = query.takes if is_loose else None
        self._look(query.needles(), self._find_window(), self._advance, only)
        result = Result(searched=len(self._files))
        wanted = {find_key(step) for step in self._places if query.takes(step)} - {""}
        if not wanted:
            result.named = choose(self._beside, set(), ()) if query.message else []
            return result
        everywhere = is_loose  # rows that do not hold what was asked for
        for _ in range(_ROUNDS):
            groups = self._select(wanted)
            steps = [step for group in groups for step in group]
            moments = [step.time for step in steps]
            window = self._find_window() if everywhere else widen(moments, MARGIN_MS)
            needles = self._next_needles(steps, with_mailboxes=not everywhere)
            if not needles.texts:
                break
            self._look(needles, window)
            everywhere = False
        result.traced = self._tell(wanted)
        return result

    def _find_window(self) -> Window | None:
        """Return the span of time in the settings."""
        since, until = self._times.since, self._times.until
        if since is None and until is None:
            return None
        return Window(0 if since is None else since, INT64_MAX if until is None else until)

    # --- which rows are of the message ------------------------------------------------------------

    def _select(self, wanted: set[str]) -> list[list[Step]]:
        """Return the groups of rows that are asked for, and those of notices about them."""
        groups = join(self._places)
        chosen = [group for group in groups if wanted & {find_key(step) for step in group}]
        ids = {step.message for group in chosen for step in group} - {""}
        notices = [group for group in groups if group not in chosen and _is_about(group, ids)]
        return chosen + notices

    def _next_needles(self, steps: Sequence[Step], *, with_mailboxes: bool) -> Needles:
        sessions = find_sessions(steps, self._beside, {step.message for step in steps if step.message})
        ids = [make_needle(text) for step in steps for text in (step.network, step.message)]
        ids += [step.submission.encode() for step in steps]
        ids += [make_needle(session) for session in sorted(sessions)]
        ids += [make_needle(request) for request in self._find_requests(steps)]
        if with_mailboxes:
            ids += [find_mailbox(step).encode() for step in steps]
        texts = [text for text in ids if len(text) >= _SHORT] + [_delimit(step.internal) for step in steps]
        new = [text for text in dict.fromkeys(texts) if text and text not in self._asked]
        return Needles(tuple(new))

    def _find_requests(self, steps: Iterable[Step]) -> Iterator[str]:
        """Yield the requests to the submitting mailbox shortly before it submitted."""
        moments = [step.time for step in steps if step.submission]
        for row in self._beside:
            if row.log == "http_proxy" and row.session and _is_shortly_before(row, moments):
                yield row.session

    def _tell(self, wanted: set[str]) -> list[Traced]:
        groups = join(self._places)
        loose = [step for step in self._places if not find_key(step) and step.submission]
        traced = []
        for group in groups:
            if not wanted & {find_key(step) for step in group}:
                continue
            submissions = {step.submission for step in group} - {""}
            steps = [*group, *(step for step in loose if step.submission in submissions)]
            ids = {step.message for step in steps} - {""}
            about = [other for other in groups if other is not group and _is_about(other, ids)]
            notices = tuple(tell(other) for other in about)
            names = [name for notice in notices for name in notice.message_ids]
            story = tell(steps, names)
            beside = self._choose_beside(story)
            traced.append(Traced(story, beside, {step: self._places[step] for step in story.steps}, notices))
        return traced

    def _choose_beside(self, story: Story) -> tuple[Beside, ...]:
        ids = {*story.message_ids, *(name.strip("<>") for name in story.message_ids)}
        sessions = find_sessions(story.steps, self._beside, ids)
        moments = [step.time for step in story.steps if step.submission]
        names = [*ids, *story.network_ids]
        rows = [
            row
            for row, raw in self._beside.items()
            if (row.session and row.session in sessions)
            or (row.log in _WEB and _is_shortly_before(row, moments))
            or any(name in raw for name in names)
        ]
        return tuple(choose(rows, sessions, ids))

    # --- reading ----------------------------------------------------------------------------------

    def _look(
        self,
        needles: Needles,
        window: Window | None,
        advance: Callable[[LogFile], object] = lambda file: None,
        only: Callable[[Step], bool] | None = None,
    ) -> None:
        self._asked.update(needles.texts)
        for file in self._files:
            try:
                for record in self._read(file, needles, window):
                    self._take(record, only)
            except self._errors as error:
                if self._fail is None:
                    raise
                self._kinds[file.name] = None
                self._fail(file, error)
            advance(file)

    def _take(self, record: Record, only: Callable[[Step], bool] | None) -> None:
        """Keep a row; with ``only``, of message tracking alone, and of that what it says yes to."""
        if record.time is None or self._times.find_rule(record.time):
            return
        if is_tracking(record):
            step = read_step(record)
            if only is None or only(step):
                self._places.setdefault(step, (record.path, record.line_number))
        elif only is None:
            self._beside.setdefault(read_beside(record), record.raw[:_RAW_TEXT])
        if len(self._places) + len(self._beside) > MOST_ROWS:
            raise NormalizerError(f"more than {MOST_ROWS} rows hold what is asked for; name one message's id")

    def _read(self, file: LogFile, needles: Needles, window: Window | None) -> Iterator[Record]:
        if file.name not in self._kinds:
            self._kinds[file.name] = self._is_by_line(file)
        is_by_line = self._kinds[file.name]
        if is_by_line is None:
            return
        stream = self._normalizer.stream(file.name)
        if not is_by_line:
            for record in self._read_whole(file, stream):
                if needles.find(record.raw.encode("utf-8", "surrogatepass")):
                    yield record
            return
        finder = self._finders.setdefault(file.name, Finder(file))
        for found in finder.find(needles, window):
            yield from self._parse(found, stream)

    def _parse(self, found: FoundLine, stream: Stream) -> Iterator[Record]:
        for item in self._normalizer.parse((found.line,), stream):
            if isinstance(item, Record):
                item.line_number = found.number
                yield item

    def _read_whole(self, file: LogFile, stream: Stream) -> Iterator[Record]:
        for block in file.blocks():
            yield from self._records(stream.cut(block), stream)
        yield from self._records(stream.finish(), stream)
        for item in self._normalizer.drain(stream):
            if isinstance(item, Record):
                yield item

    def _records(self, lines: list[bytes], stream: Stream) -> Iterator[Record]:
        for item in self._normalizer.parse(lines, stream):
            if isinstance(item, Record):
                yield item

    def _is_by_line(self, file: LogFile) -> bool | None:
        """Return whether the rows of a file can be read one by one; ``None`` for a file that is not a log."""
        settings, stream = self._normalizer.settings, self._normalizer.stream(file.name)
        first = next(file.blocks(), b"")
        if not first:
            return None
        if settings.encoding or settings.strip_syslog or begins_utf16([first], stream):
            return False
        lines = [*stream.cut(first), *([] if b"\n" in first else stream.finish())][:_HEAD_LINES]
        for _ in self._normalizer.parse(lines, stream):
            pass
        if stream.source is None:
            return None
        return stream.source.name in BY_LINE


def _is_about(group: Sequence[Step], ids: set[str]) -> bool:
    """Return whether rows are of a delivery status notification about a message."""
    return any(
        step.event == "DSN" and ids & {reference.strip() for reference in members(step.reference)}
        for step in group
    )


def _is_shortly_before(row: Beside, moments: Iterable[int]) -> bool:
    return any(0 <= moment - row.time <= BEFORE_SUBMISSION_MS for moment in moments)


def _delimit(internal: str) -> bytes:
    """Return an internal id as a whole cell, so that it is not found inside other numbers."""
    return f",{internal},".encode() if internal else b""
