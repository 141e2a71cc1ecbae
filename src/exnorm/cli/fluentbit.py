"""``exnorm fluentbit``: the filter for Fluent Bit, its path and its build."""

from __future__ import annotations

from pathlib import Path

import click

from exnorm.cli import OK, USAGE, say
from exnorm.cli.click_types import FILE
from exnorm.cli.fluentbit_config import command as config
from exnorm.cli.fluentbit_serve import command as serve
from exnorm.errors import SettingsError, quote
from exnorm.fluentbit import build as builder


@click.group("fluentbit", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Use exnorm as a filter of Fluent Bit, or as a service beside it."""


command.add_command(config)
command.add_command(serve)


@command.command("path")
def path() -> int:
    """Print the path of the built filter, for Fluent Bit's config.

    The path goes after -e, into plugins_file, or under the YAML key plugins. Exit status 2: the filter is not
    built yet.
    """
    target = builder.filter_path()
    if not target.is_file():
        say(f"the filter is not built: no {target}; run exnorm fluentbit build")
        return USAGE
    click.echo(target)
    return OK


@command.command("build")
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    type=FILE,
    help=f"The file or folder to build it in; the file's name must stay {builder.FILE_NAME}.",
)
def build(output: str | None) -> int:
    """Build the filter for this Python, and print its path.

    It needs a C compiler (CC, or cc, gcc or clang on PATH) and no headers. No package contains it, because it
    works only with the Python that builds it. Where its folder is not writable, --output builds it elsewhere.
    """
    try:
        target = _choose_target(output)
        builder.build(target, site=None if output is None else builder.site_path())
    except builder.BuildError as error:
        raise SettingsError(f"fluentbit build: {error}") from None
    click.echo(target)
    return OK


def _choose_target(output: str | None) -> Path:
    if output is None:
        return builder.filter_path()
    target = Path(output).absolute()
    if target.is_dir():
        return target / builder.FILE_NAME
    if target.name != builder.FILE_NAME:
        raise SettingsError(
            f"--output {quote(output)}: Fluent Bit knows a filter by its file name; "
            f"expected a folder or a file named {builder.FILE_NAME}"
        )
    return target
