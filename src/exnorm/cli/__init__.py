"""The command line: ``exnorm COMMAND``. Each command is imported when it is called."""

from __future__ import annotations

import contextlib
import errno
import importlib
import io
import os
import sys
from collections.abc import Iterator, Sequence
from typing import IO, Any

import click

from exnorm.errors import NormalizerError, SettingsError, show, suggest
from exnorm.malloc import collect_rarely, keep_what_is_there

COMMANDS = {
    "init": "exnorm.cli.init",
    "convert": "exnorm.cli.convert",
    "explain": "exnorm.cli.explain",
    "pipe": "exnorm.cli.pipe",
    "report": "exnorm.cli.report",
    "trace": "exnorm.cli.trace",
    "compare": "exnorm.cli.compare",
    "fluentbit": "exnorm.cli.fluentbit",
    "health": "exnorm.cli.health",
    "mappings": "exnorm.cli.mappings",
    "plugins": "exnorm.cli.plugins",
    "config": "exnorm.cli.config",
    "logstash": "exnorm.cli.logstash",
    "otlp": "exnorm.cli.otlp",
    "doctor": "exnorm.cli.doctor",
    "completion": "exnorm.cli.completion",
}

OK, UNPARSED, USAGE, NEXT_HOP = 0, 1, 2, 3
"""Exit statuses: all well, some records did not parse, wrong usage or settings, the output failed."""

INTERRUPTED = 130
_GARBAGE_AFTER = 100_000  # objects made since garbage was looked for

COMPLETE_VARIABLE = "_EXNORM_COMPLETE"
"""Set to ``SHELL_complete`` by a shell, it makes exnorm answer what could be typed next."""


class Commands(click.Group):
    """Finds a command's module by its name, and suggests the nearest name for an unknown one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of ``--help``."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(COMMANDS[cmd_name]).command
        assert isinstance(command, click.Command)
        _keep_whole(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve a command as click does, with our own message for an unknown name."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            ctx.fail(f"no such command '{args[0]}'{suggest(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a reader that closes the pipe is no error."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            _abandon(sys.stdout)
            return OK


def _keep_whole(command: click.Command) -> None:
    """Show the first paragraph of a command's help in lists; click would cut it to one line."""
    if command.short_help is None and command.help is not None:
        command.short_help = " ".join(command.help.partition("\n\n")[0].split())
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        _keep_whole(below)


def _tell_slow_plugins() -> str:
    """Return a remark on installed plugins that need every row as a record; empty for none or a
    broken one.
    """
    from exnorm.plugins.installed import find_entry_points
    from exnorm.plugins.manager import GROUP

    if not list(find_entry_points(GROUP)):
        return ""
    from exnorm.errors import NormalizerError
    from exnorm.pipeline.normalizer import Normalizer

    try:
        slow = Normalizer().routes.slow_plugins
    except NormalizerError:  # doctor says why
        return ""
    return f"; record by record for {', '.join(slow)}" if slow else ""


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from exnorm.engine.kernel import describe_path
        from exnorm.plugins.installed import find_version

        click.echo(f"exnorm {find_version('exnorm')} ({describe_path()}{_tell_slow_plugins()})")
        ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_print_version,
    help="Print the version and stop.",
)  # fmt: skip
def cli() -> None:
    """Microsoft Exchange logs for ArcSight and JSA.

    Exit status: 0 all well, 1 some records did not parse, 2 wrong usage or settings, 3 the output
    failed. Data goes to standard output, everything else to standard error.
    """


def walk(context: click.Context | None = None) -> Iterator[click.Context]:
    """Yield a command, by default exnorm itself, and every command below it, as click would run them."""
    context = context or click.Context(cli, info_name="exnorm")
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            below = context.command.get_command(context, name)
            assert below is not None
            yield from walk(click.Context(below, info_name=name, parent=context))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit; the one place where errors become messages."""
    # Nearly all objects live to the end of the run, so searching for garbage costs more than it frees.
    collect_rarely(_GARBAGE_AFTER)
    status = run(arguments)
    keep_what_is_there()
    sys.exit(status)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    _replace_closed_streams()
    if COMPLETE_VARIABLE in os.environ:
        from exnorm.cli.completion import answer_shells

        answer_shells()
    try:
        status = cli.main(
            args=None if arguments is None else list(arguments),
            prog_name="exnorm",
            standalone_mode=False,
        )
        sys.stdout.flush()
    except (click.ClickException, NormalizerError) as error:
        _complain(error)
        return USAGE
    except (KeyboardInterrupt, click.Abort):
        _abandon(sys.stdout)
        return INTERRUPTED
    except BrokenPipeError:
        _abandon(sys.stdout)
        return OK
    except OSError as error:  # what could not be read was said where it was read
        _abandon(sys.stdout)
        if is_closed_pipe(error):
            return OK
        place = "the output" if error.filename is None else show(str(error.filename))
        say(f"{place} cannot be written: {error.strerror or error}")
        return NEXT_HOP
    return status if isinstance(status, int) else OK


def is_closed_pipe(error: OSError) -> bool:
    """Return whether a write failed because the reader closed the pipe; Windows reports this as
    ``EINVAL``.
    """
    if isinstance(error, BrokenPipeError):
        return True
    return sys.platform == "win32" and error.errno == errno.EINVAL and error.filename is None


def _complain(error: click.ClickException | NormalizerError) -> None:
    """Write one line for each fault; the help itself where no command was given."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        tell(error.format_message())
        return
    message = str(error)
    if isinstance(error, click.ClickException):
        message = " ".join(error.format_message().split())
    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx else "exnorm"
        message = f"{message[:1].lower()}{message[1:].rstrip('.')}; see {command} --help"
    for fault in error.args if isinstance(error, SettingsError) else (message,):
        say(str(fault))


def say(message: str) -> None:
    """Write one line for people to standard error."""
    tell(f"exnorm: {show(message)}")


def tell(text: str) -> None:
    """Write text to standard error; failures are ignored, because nobody could be told."""
    try:
        click.echo(text, err=True)
    except OSError:
        _abandon(sys.stderr)


def _replace_closed_streams() -> None:
    """Replace standard streams that the caller closed: input is empty, writing to standard output is an
    error.

    Characters that a terminal cannot show are written as escapes.
    """
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _abandon(stream: IO[str]) -> None:
    """Redirect a stream to nothing, so that the interpreter's last flush does not fail."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
