"""``exnorm logstash config``: print or write complete pipelines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from exnorm.cli import OK, say
from exnorm.cli.click_types import FILE, FOLDER
from exnorm.cli.options import on_option, this_system
from exnorm.errors import SettingsError, quote
from exnorm.logstash.kafka import BROKERS
from exnorm.logstash.pipelines import (
    FORMATS,
    INPUTS,
    WAYS,
    WITHOUT,
    Choice,
    read_siem,
    render_folder,
    render_pipelines,
)

_WAYS_TEXT = "; ".join(f"{name} is {text}" for name, text in WAYS.items())


@click.command("config")
@click.option(
    "--input", "read", type=click.Choice(list(INPUTS)), default="beats", show_default=True,
    help="Where Logstash gets the logs.",
)  # fmt: skip
@click.option(
    "--format", "send", type=click.Choice(list(FORMATS)), default="cef", show_default=True,
    help="The SIEM's format: finished lines, or JSON for Logstash's own codec => cef.",
)  # fmt: skip
@click.option(
    "--way", type=click.Choice([*WAYS, WITHOUT]), default="native", show_default=True,
    help=f"How Logstash and exnorm connect: {_WAYS_TEXT}; none: raw lines to Kafka, or finished from it.",
)  # fmt: skip
@click.option(
    "--to", type=click.Choice(["siem", "kafka"]), default="siem", show_default=True,
    help="The destination of finished lines: the SIEM, or a topic of Kafka.",
)  # fmt: skip
@click.option(
    "--brokers", metavar="HOST:PORT,...", help="The brokers of Kafka.  [default: kafka.example.com:9092]"
)
@click.option("--siem", metavar="HOST:PORT", help="The address of the SIEM.  [default: siem.example.com:514]")
@click.option(
    "--path", "paths", multiple=True, metavar="WILDCARD",
    help="With --input file: the logs to read; may be given again.",
)  # fmt: skip
@click.option(
    "--sincedb", metavar="FILE", type=FILE,
    help="With --input file: the file for Logstash's positions; its user must be able to write there.",
)  # fmt: skip
@click.option(
    "--write", metavar="FOLDER", type=FOLDER, help="Write each file into FOLDER instead of printing it."
)
@on_option
@click.option("--all", "everything", is_flag=True, help="Every input, format and way, as in logstash/.")
def command(
    read: str,
    send: str,
    way: str,
    to: str,
    brokers: str | None,
    siem: str | None,
    paths: tuple[str, ...],
    sincedb: str | None,
    write: str | None,
    on: str | None,
    everything: bool,
) -> int:
    """Print complete pipelines for Logstash, with the persistent queue on.

    It prints several files, each under a line with its name; their comments name the pitfalls. The last line
    of each head is the command of exnorm that must run beside it.
    """
    choice = Choice(read, send, way, on=on or this_system(), to=to, brokers=brokers or BROKERS)
    if (paths or sincedb) and read != "file":
        raise SettingsError(f"--path and --sincedb are for --input file; got --input {read}")
    if paths:
        choice = replace(choice, paths=paths)
    if sincedb:
        choice = replace(choice, sincedb=sincedb)
    if write is not None:
        choice = replace(choice, folder=Path(write).resolve().as_posix())
    if siem is not None:
        choice = read_siem(siem, choice)
    files = render_folder() if everything else render_pipelines(choice)
    if write is None:
        click.echo("\n".join(f"# ==> {name} <==\n{text}" for name, text in files.items()), nl=False)
        return OK
    folder = Path(write)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise SettingsError(f"--write: cannot write {quote(write)}: {error.strerror}") from None
    say(f"written into {folder}: {', '.join(files)}")
    return OK
