"""``exnorm pipe``: read lines of another program, write finished lines, and confirm each if requested."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Protocol

import click
import msgspec

from exnorm.cli import NEXT_HOP, OK, UNPARSED, say
from exnorm.cli.click_types import FILE, Words
from exnorm.cli.conversion import SHOWN_LINES, OutputError, put
from exnorm.cli.options import host_key_option, settings_options
from exnorm.cli.sockets import Destination, SocketSink, open_sink, read_destination, socket_options
from exnorm.errors import SettingsError, quote, suggest
from exnorm.files.rejects import RejectFile
from exnorm.malloc import hold_freed_memory
from exnorm.model import Unparsed
from exnorm.origin import HOST_KEYS, find_text, list_paths
from exnorm.pipeline.normalizer import Normalizer
from exnorm.relay.headers import Headers
from exnorm.settings import Settings
from exnorm.syslogng.lines import Lines

LINE_LIMIT = 20 * 1024 * 1024
"""Bytes of a line; what is longer comes in pieces, which go on as they are."""
BLOCK_BYTES = 64 * 1024
FILE_KEYS = list_paths(("log.file.path", "filename", "file"))
CONFIRMED = ("rsyslog",)
BEGIN, COMMIT = b"BEGIN TRANSACTION", b"COMMIT TRANSACTION"


@click.command("pipe")
@settings_options
@click.option(
    "--on-error", metavar="tag|skip", help="Tag a line that does not parse, or skip it.  [default: tag]"
)
@click.option(
    "--path", metavar="FILE", type=FILE, default="-", help="The path of the log that lines are from."
)
@host_key_option
@socket_options
@click.option(
    "--output", "-o", metavar="FILE", type=FILE, help="Append to FILE instead of writing to standard output."
)
@click.option(
    "--confirm", metavar="rsyslog", type=Words(CONFIRMED),
    help="Confirm each line on standard output in the form of rsyslog's omprog. Needs --to or -o.",
)  # fmt: skip
@click.option("--state", metavar="FILE", type=FILE, help="The file that keeps header lines of logs.")
@click.option(
    "--rejects", metavar="FILE", type=FILE, help="Also write lines that do not parse to FILE, as NDJSON."
)
@click.option("--quiet", "-q", is_flag=True, help="Print errors only.")
def command(
    settings: Settings,
    path: str,
    to: str | None,
    framing: str,
    ca: str | None,
    output: str | None,
    confirm: str | None,
    state: str | None,
    rejects: str | None,
    quiet: bool,
) -> int:
    """Read lines from another program, write one finished line for each.

    A line is a row of a log, or a JSON object with the row as message and, so that logs are told apart, with
    log.file.path and host. A header line gives nothing. A line that does not parse, or is not Exchange's, is
    passed on unchanged. With --confirm rsyslog each line, or each transaction, is confirmed after it was
    passed on.
    """
    if confirm not in (None, *CONFIRMED):
        raise SettingsError(f"--confirm: got {quote(confirm)}{suggest(confirm or '', CONFIRMED)}")
    if confirm and not (to or output):
        raise SettingsError("--confirm: standard output is for the confirmations; give --to or --output")
    if to and output:
        raise SettingsError("--output: cannot go with --to")
    if settings.on_error == "stop":
        raise SettingsError("--on-error: got 'stop'; expected 'tag' or 'skip'")
    hold_freed_memory()
    report = Report(quiet or settings.on_error == "skip", rejects)
    headers = Headers(Path(state) if state else None, say)
    lines = Lines(Normalizer.from_settings(settings), headers, report.show, report.note)
    hosts = list_paths(settings.host_key or HOST_KEYS)
    target: Target = SocketTarget(read_destination(to, framing, ca)) if to else FileTarget(output)
    reader = Reader(lines, path, hosts)
    try:
        if confirm:
            converse(sys.stdin.buffer, sys.stdout.buffer, reader, target)
        else:
            for block in read_blocks(sys.stdin.buffer):
                target.deliver(b"".join(reader.take(line) for line in block))
    except OutputError as error:
        say(str(error))
        return NEXT_HOP
    finally:
        with suppress(OutputError):
            target.close()
    return UNPARSED if report.unparsed else OK


def converse(given: IO[bytes], answers: IO[bytes], reader: Reader, target: Target) -> None:
    """Confirm each line, or each transaction, after it was passed on; else answer why not, and it comes
    again.
    """

    def answer(text: str) -> None:
        answers.write(text.encode("utf-8", "replace") + b"\n")
        answers.flush()

    answer("OK")  # ready
    waiting: list[bytes] | None = None
    for block in read_blocks(given):
        for line in block:
            if line == BEGIN:
                waiting = []
                answer("OK")
                continue
            if line == COMMIT:
                made, waiting = b"".join(waiting or ()), None
            elif waiting is not None:
                waiting.append(reader.take(line))
                answer("DEFER_COMMIT")
                continue
            else:
                made = reader.take(line)
            try:
                target.deliver(made)
            except OutputError as error:
                answer(f"exnorm: {error}")
            else:
                answer("OK")


class Reader:
    """Turns a line into its finished line, with its LF; a header line gives nothing."""

    def __init__(self, lines: Lines, path: str, hosts: tuple[tuple[str, ...], ...]) -> None:
        self._lines = lines
        self._path = "" if path == "-" else path
        self._hosts = hosts

    def take(self, line: bytes) -> bytes:
        """Return the finished line for ``line``, which has no line end."""
        if not line.strip():
            return b""
        text, path, host = self._read(line)
        found = self._lines.take(text, path, host)
        texts = [text] if found is None else [one.text for one in found]
        return b"".join(_end(one) for one in texts)

    def _read(self, line: bytes) -> tuple[str, str, str]:
        record: Any = None
        if line.startswith(b"{"):
            with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                record = msgspec.json.decode(line)
        if not isinstance(record, dict) or not isinstance(record.get("message"), str):
            return line.decode("utf-8", "surrogateescape"), self._path, ""
        return record["message"], find_text(record, FILE_KEYS) or self._path, find_text(record, self._hosts)


def _end(text: str) -> bytes:
    """Return a line of output: line ends inside a text that is passed on unchanged become blanks."""
    one = " ".join(text.splitlines()) if "\n" in text or "\r" in text else text
    try:
        return one.encode("utf-8", "surrogateescape") + b"\n"
    except UnicodeEncodeError:  # half of a surrogate pair out of JSON
        return one.encode("utf-8", "replace") + b"\n"


def read_blocks(given: IO[bytes]) -> Iterator[list[bytes]]:
    """Yield the lines that came together, without their ends."""
    rest = b""
    while block := given.read1(BLOCK_BYTES):  # type: ignore[attr-defined]
        *lines, rest = (rest + block).split(b"\n")
        if len(rest) > LINE_LIMIT:
            lines.append(rest)
            rest = b""
        if lines:
            yield [line.removesuffix(b"\r") for line in lines]
    if rest:
        yield [rest.removesuffix(b"\r")]


class Target(Protocol):
    """The target of finished lines."""

    def deliver(self, block: bytes) -> None:
        """Pass on lines, each with its LF. Raises ``OutputError``: they must come again."""

    def close(self) -> None:
        """Close it after the last line."""


class FileTarget:
    """Standard output, or a file that is appended to."""

    def __init__(self, path: str | None) -> None:
        try:
            self._file: IO[bytes] = sys.stdout.buffer if path is None else open(path, "ab")  # noqa: SIM115
        except OSError as error:
            raise SettingsError(f"--output: cannot write {quote(path)}: {error.strerror}") from None
        self._path = path

    def deliver(self, block: bytes) -> None:
        """Write all of it, and flush."""
        if block:
            put(self._file, block)

    def close(self) -> None:
        """Close the file if it was opened here."""
        if self._path is not None:
            self._file.close()


class SocketTarget:
    """A syslog receiver; a broken connection is opened again for the next lines."""

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        self._sink: SocketSink | None = None

    def deliver(self, block: bytes) -> None:
        """Send it, on a connection that the receiver has not closed."""
        if not block:
            return
        if self._sink is not None and self._sink.is_closed():
            self._sink = None
        sink = self._sink or open_sink(self._destination)
        self._sink = None
        put(sink, block)
        self._sink = sink

    def close(self) -> None:
        """Close the connection."""
        if self._sink is not None:
            with suppress(OSError):
                self._sink.close()


class Report:
    """Reports unreadable input on standard error; after ``SHOWN_LINES``, only once that there is more."""

    def __init__(self, quiet: bool, rejects: str | None) -> None:
        self.unparsed = 0
        self._quiet = quiet
        self._rejects = RejectFile(Path(rejects), say) if rejects else None

    def show(self, line: Unparsed) -> None:
        """Report a line that did not parse."""
        self.unparsed += 1
        if self._rejects is not None:
            self._rejects.add(line)
        if self.unparsed == SHOWN_LINES + 1:
            self._say("more lines did not parse")
        elif self.unparsed <= SHOWN_LINES:
            self._say(f"{line.path or '-'}:{line.line_number}: {line.reason}: {quote(line.raw)}")

    def note(self, error: Exception) -> None:
        """Report a line that raised an error and is passed on unchanged."""
        say(f"a line is left as it came: {type(error).__name__}: {quote(error)}")

    def _say(self, text: str) -> None:
        if not self._quiet:
            say(text)
