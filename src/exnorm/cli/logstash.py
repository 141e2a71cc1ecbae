"""``exnorm logstash``: the commands that run beside a Logstash."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import IO

import click

from exnorm.cli import NEXT_HOP, OK, UNPARSED, say
from exnorm.cli.click_types import FILE
from exnorm.cli.http_serve import Parts
from exnorm.cli.inputs import STDIN, Input, InputError, read_blocks
from exnorm.cli.logstash_config import command as config
from exnorm.cli.logstash_serve import command as serve
from exnorm.cli.options import host_key_option, settings_options
from exnorm.errors import ParseError, quote
from exnorm.logstash import LINE_LIMIT, EventNormalizer, JSONCodec, LineTooLong
from exnorm.logstash.unpack import unpack
from exnorm.malloc import hold_freed_memory
from exnorm.model import Unparsed
from exnorm.pipeline.normalizer import Normalizer
from exnorm.settings import Settings

SHOWN_LINES = 100


@click.group("logstash", cls=Parts)
def command() -> None:
    """Normalize the events of a Logstash."""


command.add_command(serve)
command.add_command(config)


# --- pipe ----------------------------------------------------------------------------------------


@command.command("pipe")
@settings_options
@host_key_option
@click.option(
    "--on-error",
    metavar="tag|skip|stop",
    help="Tag a line that does not parse, skip it, or stop.  [default: tag]",
)
@click.option(
    "--path", metavar="FILE", type=FILE, default=STDIN, help="The path of the log that raw lines are from."
)
@click.option(
    "--charset", metavar="NAME", default="UTF-8", help="The character set of the input.  [default: UTF-8]"
)
@click.option(
    "--decode-size-limit-bytes",
    "limit",
    metavar="N",
    default=str(LINE_LIMIT),
    help=f"Discard longer lines.  [default: {LINE_LIMIT}]",
)
@click.option("--quiet", "-q", is_flag=True, help="Print errors only.")
def pipe(settings: Settings, path: str, charset: str, limit: str, quiet: bool) -> int:
    """Read events or log lines on standard input, write JSON lines.

    The input is JSON lines, JSON objects one after the other, arrays, or the raw lines of a log; gzip and
    UTF-16 are recognized by their first bytes. An event whose message is a line of an Exchange log, or that
    has its columns, is normalized; any other is passed on unchanged; a header line gives nothing. A line that
    does not parse keeps its event and gets the tag _exnormparsefailure and error.reason.

    --format cef, leef or wincollect puts the finished line into a field of that name instead of the
    event's fields.
    """
    hold_freed_memory()
    report = Report(quiet or settings.on_error == "skip")
    format_name = settings.format or "json"
    normalizer = Normalizer.from_settings(replace(settings, format=format_name))
    events = EventNormalizer(
        normalizer, raw_name=path, finished=format_name != "json", on_unparsed=report.show
    )
    codec = JSONCodec(events, charset=charset, decode_size_limit_bytes=limit)
    status = OK
    try:
        for block in unpack(read_blocks(Input(STDIN))):
            _write(_convert(codec, block, report))
            _write(codec.convert_whole())
        _write(_convert_rest(codec, report))
        _write(map(codec.encode, events.finish()))
    except (ParseError, InputError) as error:
        _write(codec.take_written())
        say(str(error))
        status = UNPARSED
    except OutputError as error:
        say(str(error))
        return NEXT_HOP
    if not quiet:
        counts = normalizer.counts
        say(
            f"{counts.events} normalized, {events.untouched} untouched, {events.unparsed} not parsed, "
            f"{counts.header} header or blank"
        )
    return UNPARSED if events.unparsed or report.refused else status


class OutputError(Exception):
    """The output could not be written."""


class Report:
    """Reports unreadable input on standard error; after ``SHOWN_LINES``, only once that there is more."""

    def __init__(self, quiet: bool) -> None:
        self.refused = 0
        self._quiet = quiet
        self._shown = 0

    def show(self, line: Unparsed) -> None:
        """Report a line that did not parse."""
        where = f"{line.path or STDIN}:{line.line_number}"
        self._say(f"{where}: {line.reason}: {quote(line.raw)}")

    def refuse(self, error: ParseError) -> None:
        """Report input that is not an event."""
        self.refused += 1
        self._say(str(error))

    def _say(self, text: str) -> None:
        self._shown += 1
        if self._quiet or self._shown > SHOWN_LINES + 1:
            return
        say(text if self._shown <= SHOWN_LINES else "more lines did not parse; they are tagged in the output")


def _convert(codec: JSONCodec, block: bytes, report: Report) -> list[bytes]:
    """Return the result of a block; a line beyond the limit is reported and skipped."""
    while True:
        try:
            return codec.convert(block)
        except LineTooLong as error:
            report.refuse(error)
            block = b""


def _convert_rest(codec: JSONCodec, report: Report) -> list[bytes]:
    while True:
        try:
            return codec.convert_rest()
        except LineTooLong as error:
            report.refuse(error)


def _write(lines: Iterable[bytes]) -> None:
    """Write the lines of a block and flush them."""
    out: IO[bytes] = sys.stdout.buffer
    try:
        for line in lines:
            out.write(line)
        out.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"the output cannot be written: {error.strerror or error}") from None
