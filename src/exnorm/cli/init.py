"""``exnorm init``: turn log folders, a shipper and a destination into a config that is ready to run."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

import click

from exnorm.cli import NEXT_HOP, OK, UNPARSED, say, tell
from exnorm.cli.click_types import FOLDER, Words
from exnorm.cli.inputs import (
    BLOCK_BYTES,
    Input,
    InputError,
    expand,
    explain_refusal,
    find_compression,
    read_blocks,
)
from exnorm.cli.options import load_settings, this_system
from exnorm.cli.summary import summarize
from exnorm.errors import SettingsError, quote, show as show_text, suggest
from exnorm.fluentbit import configs
from exnorm.fluentbit.build import filter_path
from exnorm.logstash import pipelines
from exnorm.pipeline.normalizer import Normalizer

SINCEDB = {
    "linux": "/var/lib/logstash/exnorm.sincedb",  # its user may write there, as its packages make it
    "windows": "C:/ProgramData/logstash/exnorm.sincedb",
}
T = TypeVar("T")

SHIPPERS = ("fluentbit", "logstash")
SIEMS: Mapping[str, str] = {"arcsight": "cef", "jsa": "leef"}
"""The SIEMs that are asked for, each with the format it gets unless another is given."""

FORMATS = tuple(name for name, owner in configs.FORMATS.items() if owner)

SETTINGS_FILE = "exnorm.yaml"
FLUENT_BIT_FILE = "fluent-bit.yaml"
SAMPLE_BYTES = 64 * 1024 * 1024
SHOWN_EVENTS = 3

_OVERLAY = """\
# exnorm's settings and this site's changes to its tables, written by exnorm init.
# Right or not:           exnorm config check {file}
# Where each field lands: exnorm explain --config {file} --limit 1 LOG
taxonomy: {taxonomy}
format: {format}

# Which events to keep: all, arcsight-guide or security. What is left out is counted by event.
profile: all

# Changes to a table need no code. Take the # away, and see docs/overlays.md for all there is.
# tables:
#   {table}:
#     add:
#       - field: {field}
#         from: custom-data
#         member: ProxiedClientHostname{label}
#     events:
#       SENDEXTERNAL: {{severity: 4}}
"""
_EXAMPLES: Mapping[str, tuple[str, str, str]] = {
    "arcsight": ("arcsight-2016, arcsight-2010", "Flex String 2", "\n#         label: Proxied Client"),
    "jsa": ("jsa-message-tracking", "realm", ""),
}


@dataclass(frozen=True)
class Answers:
    """The options and answers; ``folders`` contain logs, ``to`` is the destination of finished lines."""

    folders: tuple[str, ...]
    shipper: str
    taxonomy: str
    format: str
    to: str


@dataclass(frozen=True)
class FoundLogs:
    """The contents of the folders: logs and their wildcards by folder, and files of other types."""

    logs: Mapping[str, tuple[Input, ...]]
    patterns: Mapping[str, tuple[str, ...]]
    refused: tuple[str, ...]


@click.command("init")
@click.argument("folders", nargs=-1, metavar="[FOLDER]...", type=FOLDER)
@click.option(
    "--shipper", metavar="|".join(SHIPPERS), type=Words(SHIPPERS), help="The program that ships the logs."
)
@click.option(
    "--taxonomy", metavar="|".join(SIEMS), type=Words(SIEMS), help="The SIEM that receives the events."
)
@click.option(
    "--format", "form", metavar="|".join(FORMATS), type=Words(FORMATS),
    help="The format: by default cef for arcsight, leef for jsa; wincollect is JSA's native payload.",
)  # fmt: skip
@click.option(
    "--to", metavar="DEST",
    help="The destination: tcp://HOST:PORT, tls://HOST:PORT or file:/PATH; Logstash: tcp:// only.",
)  # fmt: skip
@click.option(
    "--into",
    default="exnorm-config",
    show_default=True,
    metavar="FOLDER",
    type=FOLDER,
    help="The folder for the files.",
)
@click.option(
    "--state",
    metavar="FOLDER",
    type=FOLDER,
    help="The folder for offsets and spool of Fluent Bit.  [default: INTO/state]",
)
@click.option("--force", is_flag=True, help="Overwrite existing files.")
def command(
    folders: tuple[str, ...],
    shipper: str | None,
    taxonomy: str | None,
    form: str | None,
    to: str | None,
    into: str,
    state: str | None,
    force: bool,
) -> int:
    """Write a shipper's config for your log folders, and try it on the logs.

    On a terminal you are asked for what is not given. It writes the shipper's config and exnorm.yaml, the
    file for settings and changes to tables. Then it reads the logs as a dry run, at most the newest 64 MB of
    each folder, and shows the first three events on standard output, and what to do next.
    """
    answers = _ask(folders, shipper, taxonomy, form, to)
    target = Path(into).absolute()
    settings_file = target / SETTINGS_FILE
    overlay = render_settings(answers, settings_file)
    found = survey(answers.folders, Normalizer(taxonomy=answers.taxonomy, format=answers.format))
    for refusal in found.refused:
        say(refusal)
    if not found.logs:
        raise SettingsError(f"no log of a known type below {', '.join(map(quote, answers.folders))}")
    state_folder = Path(state).absolute() if state else target / "state"
    make = {"fluentbit": _plan_fluent_bit, "logstash": _plan_logstash}[answers.shipper]
    files, following = make(answers, found, settings_file, state_folder)
    files = {SETTINGS_FILE: overlay, **files}
    if not force:
        _refuse_existing(target, files)
    status = _write(target, files, state_folder if answers.shipper == "fluentbit" else None)
    if status == OK:
        status = _try_out(settings_file, found)
        tell("\n".join(("", "next:", *(f"  {line}" for line in following))))
    return status


# --- what is wanted ------------------------------------------------------------------------------


def _ask(
    folders: Sequence[str], shipper: str | None, taxonomy: str | None, form: str | None, to: str | None
) -> Answers:
    """Return all answers, checked; missing ones are asked for, in this order."""
    question = "folder of logs (several with a comma)"
    named = _read_folders(folders) if folders else _prompt("FOLDER", question, _split_folders)
    shipper = _choose("shipper", shipper, SHIPPERS, "shipper")
    if taxonomy is None and form is not None:
        taxonomy = configs.FORMATS.get(form) or None
    taxonomy = _choose("taxonomy", taxonomy, tuple(SIEMS), "SIEM")
    formats = tuple(name for name, owner in configs.FORMATS.items() if owner == taxonomy)
    form = _choose("format", form or SIEMS[taxonomy], formats, "format")
    asked = "destination (tcp://host:port, tls://host:port or file:/path)"
    check = partial(_check_destination, shipper)
    question = asked if shipper == "fluentbit" else "destination (tcp://host:port)"
    to = check(to) if to else _prompt("--to", question, check)
    return Answers(named, shipper, taxonomy, form, to)


def _split_folders(answer: str) -> tuple[str, ...]:
    return _read_folders(answer.split(","))


def _read_folders(given: Sequence[str]) -> tuple[str, ...]:
    """Return folders by their absolute paths; raises ``SettingsError`` for a missing one."""
    named = tuple(str(Path(folder.strip()).absolute()) for folder in given if folder.strip())
    for folder in named:
        if not os.path.isdir(folder):
            raise SettingsError(
                f"FOLDER: {quote(folder)} is no folder; expected the folder of a server's logs"
            )
    if not named:
        raise SettingsError("FOLDER: got nothing; expected the folder of a server's logs")
    return named


def _check_destination(shipper: str, to: str) -> str:
    if configs.read_destination(to).mode != "tcp" and shipper == "logstash":
        raise SettingsError(f"to: got {quote(to)}; the pipelines for Logstash send to tcp://host:port")
    return to


def _choose(name: str, value: str | None, choices: Sequence[str], what: str) -> str:
    def check(word: str) -> str:
        if word not in choices:
            raise SettingsError(f"{name}: got {quote(word)}{suggest(word, choices)}")
        return word

    return (
        check(value) if value else _prompt(f"--{name}", f"{what} ({' or '.join(choices)})", check, choices[0])
    )


def _prompt(option: str, question: str, check: Callable[[str], T], default: str | None = None) -> T:
    """Ask on a terminal until the answer is valid; elsewhere raise ``SettingsError``."""
    if sys.stdin is None or not sys.stdin.isatty():
        raise SettingsError(f"{option}: not given, and there is no terminal to ask on; expected {question}")
    while True:
        try:
            return check(str(click.prompt(question, default=default, err=True)).strip())
        except SettingsError as error:
            say(str(error))


# --- what there is -------------------------------------------------------------------------------


def survey(folders: Sequence[str], normalizer: Normalizer) -> FoundLogs:
    """Return the logs below folders, by the folder of each, newest last."""
    logs: dict[str, list[Input]] = {}
    refused: list[str] = []
    compressed: dict[str, int] = {}
    for item in expand(folders, may_be_empty=True):
        if find_compression(item):
            folder = os.path.dirname(item.name)
            compressed[folder] = compressed.get(folder, 0) + 1
            continue
        try:
            refusal = explain_refusal(item, normalizer)
        except InputError as error:
            refused.append(str(error))
            continue
        if refusal or not item.size:
            refused += [f"{item.shown}: {refusal}; the file is left out"] if refusal else []
            continue
        logs.setdefault(os.path.dirname(item.name), []).append(item)
    refused += [
        f"{folder}: {count} compressed, left out: shippers read plain logs (exnorm convert reads both)"
        for folder, count in compressed.items()
    ]
    ordered = {folder: tuple(sorted(items, key=_age)) for folder, items in logs.items()}
    return FoundLogs(ordered, {folder: _patterns(items) for folder, items in ordered.items()}, tuple(refused))


def _patterns(items: Sequence[Input]) -> tuple[str, ...]:
    """Return wildcards that match these files, without those covered by another."""
    patterns = sorted({_pattern(os.path.basename(item.name)) for item in items})
    return tuple(
        one for one in patterns if not any(fnmatchcase(one, other) for other in patterns if other != one)
    )


def _pattern(name: str) -> str:
    """Return the wildcard for a file's log: Exchange begins the names of each type with letters."""
    stem, suffix = os.path.splitext(name)
    letters = stem[: len(stem) - len(stem.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"))]
    return f"{letters}*{suffix}"


def _age(item: Input) -> tuple[float, str]:
    try:
        return os.path.getmtime(item.name), item.name
    except OSError:
        return 0.0, item.name


# --- what is written -----------------------------------------------------------------------------


def render_settings(answers: Answers, file: Path) -> str:
    """Return the settings file, with an example of a change to a table in comments."""
    table, field, label = _EXAMPLES[answers.taxonomy]
    return _OVERLAY.format(
        file=_word(file), taxonomy=answers.taxonomy, format=answers.format,
        table=table, field=field, label=label,
    )  # fmt: skip


def _plan_fluent_bit(
    answers: Answers, found: FoundLogs, settings_file: Path, state: Path
) -> tuple[dict[str, str], list[str]]:
    """Return Fluent Bit's config, and the commands that check and run it."""
    on = this_system()
    plugin = filter_path()
    plan = configs.ConfigPlan(
        folders=tuple(found.logs),
        destination=configs.read_destination(answers.to),
        format=answers.format,
        own_patterns=found.patterns,
        plugin=str(plugin) if on != "windows" and plugin.is_file() else "",
        state=state.as_posix(),
        on=on,
        hostname=socket.gethostname(),
        settings={"config": settings_file.as_posix()},
    )
    config = _word(settings_file.with_name(FLUENT_BIT_FILE))
    following = [f"fluent-bit --dry-run -c {config}", f"fluent-bit -c {config}"]
    if not plan.plugin:
        following.insert(1, f"{configs.serve_command(plan)}{_BESIDE[on]}")
    return {FLUENT_BIT_FILE: configs.render_yaml(plan)}, following


# How a command of POSIX or PowerShell is left running beside the next one.
_BESIDE = {
    "linux": " &   # the filter is not built here",
    "windows": "  # in a window of its own, or as a service: docs/windows.md",
}


def _word(path: Path) -> str:
    """A path as a word of a command of this system, with forward slashes."""
    return configs.quote_word(path.as_posix(), this_system())


def _plan_logstash(
    answers: Answers, found: FoundLogs, settings_file: Path, state: Path
) -> tuple[dict[str, str], list[str]]:
    """Return the pipelines, with the folders in their file input, and the commands that run them."""
    on = this_system()
    destination = configs.read_destination(answers.to)
    choice = pipelines.Choice(
        "file",
        answers.format,
        paths=tuple(f"{folder}/{pattern}" for folder, own in found.patterns.items() for pattern in own),
        folder=settings_file.parent.as_posix(),
        sincedb=SINCEDB[on],
        on=on,
    )
    siem = f"[{destination.host}]" if ":" in destination.host else destination.host
    files = pipelines.render_pipelines(pipelines.read_siem(f"{siem}:{destination.port}", choice))
    serve = (
        f"exnorm logstash serve --forward http://127.0.0.1:9800 --config {_word(settings_file)} "
        f"--state {_word(settings_file.with_name('headers.json'))}"
    )
    return files, [*_run_logstash(on, serve, _word(settings_file.with_name("pipelines.yml")))]


def _run_logstash(on: str, serve: str, made: str) -> Iterator[str]:
    """The commands that start exnorm, and Logstash with the pipelines that were made."""
    if on == "windows":
        yield f"{serve}{_BESIDE[on]}"
        yield f"Get-Content {made} | Add-Content C:/logstash/config/pipelines.yml"
    else:
        yield f"{serve} &"
        yield f"cat {made} >> /etc/logstash/pipelines.yml"
    yield f"# its positions go to {SINCEDB[on]}: the user of Logstash must be able to write there"
    yield "Restart-Service logstash" if on == "windows" else "systemctl restart logstash"


def _refuse_existing(folder: Path, names: Mapping[str, str]) -> None:
    for name in names:
        if (folder / name).exists():
            raise SettingsError(f"into: {quote(folder / name)} is there already; --force writes over it")


def _write(folder: Path, files: Mapping[str, str], state: Path | None) -> int:
    """Write each file and name it on standard error."""
    try:
        for needed in (folder, state):
            if needed is not None:
                needed.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_bytes(text.encode("utf-8"))
            say(f"written: {folder / name}")
    except OSError as error:
        say(f"cannot write {quote(error.filename or folder)}: {error.strerror}")
        return NEXT_HOP
    return OK


# --- the dry run ---------------------------------------------------------------------------------


def _try_out(settings_file: Path, found: FoundLogs) -> int:
    """Read the logs with the written settings; print the first events and the counts."""
    settings = load_settings(str(settings_file), {})
    normalizer = Normalizer.from_settings(settings)
    items = [item for logs in found.logs.values() for item in _newest(logs)]
    shown = 0
    for item in items:
        for payload in _convert(normalizer, item):
            if shown < SHOWN_EVENTS:
                click.echo(show_text(payload.decode("utf-8", "replace")))
                shown += 1
    tell(summarize(normalizer.counts, settings, len(items), 0, 0, as_json=False))
    return UNPARSED if normalizer.counts.unparsed else OK


def _newest(logs: Sequence[Input]) -> Iterator[Input]:
    """Yield the newest logs of a folder, as many as fit into ``SAMPLE_BYTES``, and at least one."""
    budget = SAMPLE_BYTES
    for number, item in enumerate(reversed(logs)):
        budget -= item.size
        if budget < 0 and number:
            return
        yield item


def _convert(normalizer: Normalizer, item: Input) -> Iterator[bytes]:
    """Yield the payloads of a file's first ``SAMPLE_BYTES``; the counts have the unparsed lines by reason."""
    stream = normalizer.stream(item.shown)
    try:
        for block in islice(read_blocks(item), SAMPLE_BYTES // BLOCK_BYTES):
            yield from normalizer.encode(stream.cut(block), stream)
    except InputError as error:
        say(str(error))
    yield from normalizer.encode(stream.finish(), stream)
    yield from normalizer.encode_records(normalizer.drain(stream))
