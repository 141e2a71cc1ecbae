"""``exnorm fluentbit config``: write a complete config of Fluent Bit for folders of logs and
a destination.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import click

from exnorm.cli import NEXT_HOP, OK, say
from exnorm.cli.click_types import FILE, FOLDER
from exnorm.cli.options import on_option, setting_flags, this_system
from exnorm.errors import SettingsError, quote, suggest
from exnorm.fluentbit import configs
from exnorm.fluentbit.addresses import parse_address
from exnorm.fluentbit.build import filter_path

_WAYS = ("auto", "filter", "service", "none")


@click.command("config")
@click.argument("folders", nargs=-1, metavar="FOLDER...", type=FOLDER)
@click.option(
    "--to",
    "destination",
    metavar="DEST",
    help="The destination of the lines: tcp://HOST:PORT or tls://HOST:PORT (syslog), file:/PATH, or "
    "kafka://BROKER:PORT/TOPIC.",
)
@click.option(
    "--from",
    "queue",
    metavar="TOPIC",
    help="Read lines of kafka://BROKER:PORT/TOPIC instead of folders; --via none for finished lines.",
)
@click.option(
    "--group", default="exnorm", metavar="NAME", help="The consumer group of --from.  [default: exnorm]"
)
@click.option(
    "--pattern",
    "patterns",
    multiple=True,
    metavar="WILDCARD",
    help="The files to read in each folder; may be given again.  [default: MSGTRK*.LOG]",
)
@click.option("--classic", is_flag=True, help="Write the classic format instead of YAML.")
@click.option(
    "--via",
    default="auto",
    metavar="auto|filter|service|none",
    help="Normalize in Fluent Bit (the plugin of exnorm fluentbit build) or in exnorm fluentbit serve. "
    "auto: filter where the plugin is built. none: pass finished lines of --from on.  [default: auto]",
)
@click.option(
    "--plugin",
    metavar="FILE",
    type=FILE,
    help="The filter's shared object, if it is not where build puts it.",
)
@click.option(
    "--service-address",
    default="127.0.0.1:24330",
    metavar="ADDR",
    help="--listen of the service.  [default: 127.0.0.1:24330]",
)
@click.option(
    "--back-address",
    default="127.0.0.1:24331",
    metavar="ADDR",
    help="--forward of the service.  [default: 127.0.0.1:24331]",
)
@click.option(
    "--state",
    metavar="FOLDER",
    type=FOLDER,
    help="Offsets, the spool, lines that did not parse.  "
    f"[default: {configs.STATES['linux']}; {configs.STATES['windows']}]",
)
@on_option
@click.option("--hostname", metavar="NAME", help="Host in the syslog header.  [default: this machine's]")
@click.option(
    "--ca",
    default="",
    metavar="FILE",
    type=FILE,
    help="TLS: a CA of the destination, in addition to the system's.",
)
@click.option("--output", "-o", metavar="FILE", type=FILE, help="Write to FILE instead of standard output.")
@click.option(
    "--write-ready",
    metavar="FOLDER",
    type=FOLDER,
    help="Write the ready configs of the folder fluentbit there.",
)
@setting_flags
def command(
    folders: tuple[str, ...],
    destination: str | None,
    queue: str | None,
    group: str,
    patterns: tuple[str, ...],
    classic: bool,
    via: str,
    plugin: str | None,
    service_address: str,
    back_address: str,
    state: str | None,
    on: str | None,
    hostname: str | None,
    ca: str,
    output: str | None,
    write_ready: str | None,
    **given: Any,
) -> int:
    """Print a complete, commented config of Fluent Bit.

    FOLDER is the folder of one server's logs; give one for each server. --format is the format for the
    destination: cef (ArcSight), leef or wincollect (JSA; wincollect is the native payload of its Exchange
    DSM), json (a file or Kafka), raw (unchanged lines, to Kafka). Other settings of exnorm go into the config
    as they are given.
    """
    if write_ready is not None:
        return _write_files(Path(write_ready), configs.render_ready())
    if destination is None:
        raise SettingsError(
            "to: not given; expected tcp://host:port, tls://host:port, file:/path or kafka://broker:port/topic"
        )
    settings = {name: value for name, value in given.items() if value not in (None, (), False)}
    form = _choose_format(settings)
    normalizes = form != configs.RAW and via != "none"
    system = on or this_system()
    plan = configs.ConfigPlan(
        folders=tuple(map(_resolve, folders)),
        destination=configs.read_destination(destination),
        queue=None if queue is None else configs.read_queue(queue),
        group=group,
        normalizes=normalizes,
        format=form,
        patterns=patterns or (configs.PATTERN,),
        plugin=_choose_plugin(via, plugin, system) if normalizes else "",
        service=_tcp(service_address, "service_address"),
        back=_tcp(back_address, "back_address"),
        state=_write_path(state or configs.STATES[system], system),
        on=system,
        hostname=socket.gethostname() if hostname is None else hostname,
        ca=_write_path(ca, system),
        settings={name: _as_text(value) for name, value in settings.items()},
    )
    text = configs.render_classic(plan) if classic else configs.render_yaml(plan)
    if output is None:
        click.echo(text, nl=False)
        return OK
    return _write_files(Path(output).parent, {Path(output).name: text})


def _resolve(folder: str) -> str:
    """The whole path of a folder, as init takes it: Fluent Bit may be started anywhere."""
    is_elsewhere = configs.is_of_windows(folder) and os.name != "nt"
    return folder if is_elsewhere else str(Path(folder).absolute())


def _write_files(folder: Path, files: dict[str, str]) -> int:
    for name, text in files.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode("utf-8"))
        except OSError as error:
            say(f"cannot write {quote(path)}: {error.strerror}")
            return NEXT_HOP
    return OK


def _choose_format(settings: dict[str, Any]) -> str:
    """Return the format, removed from the settings, and set the taxonomy that it implies."""
    name = settings.pop("format", None) or {"jsa": "leef"}.get(settings.get("taxonomy", ""), "cef")
    if name == configs.RAW:
        return configs.RAW
    if name not in configs.FORMATS:
        raise SettingsError(f"format: got {quote(name)}{suggest(name, configs.FORMATS)}")
    taxonomy = configs.FORMATS[name]
    if taxonomy and settings.pop("taxonomy", taxonomy) != taxonomy:
        raise SettingsError(f"format: {name} is for taxonomy {taxonomy}; got another with --taxonomy")
    return str(name)


def _write_path(path: str, on: str) -> str:
    """A path as a config says it: with forward slashes on Windows too, where both are taken."""
    return path.replace("\\", "/") if on == "windows" else path


def _choose_plugin(via: str, plugin: str | None, on: str) -> str:
    """Return the path of the filter's shared object; empty for the service."""
    if via not in _WAYS:
        raise SettingsError(f"via: got {quote(via)}{suggest(via, _WAYS)}")
    if via == "service":
        if plugin is not None:
            raise SettingsError("plugin: --via service loads none")
        return ""
    if on == "windows" and via == "auto" and plugin is None:
        return ""  # no filter there
    found = plugin or ("" if on == "windows" else _find_built())
    if on == "windows" and via == "filter" and not found:
        raise SettingsError("via: the filter is for Linux; on Windows exnorm fluentbit serve does its work")
    if not found and via == "filter":
        raise SettingsError("via: the filter is not built yet; run exnorm fluentbit build, or give --plugin")
    if not found:
        say("the filter is not built here (exnorm fluentbit build); the config is for exnorm fluentbit serve")
    return found


def _find_built() -> str:
    target = filter_path()
    return str(target) if target.is_file() else ""


def _tcp(text: str, name: str) -> tuple[str, int]:
    address = parse_address(text, name)
    if address.path or not address.port:
        raise SettingsError(f"{name}: got {quote(text)}; expected host:port")
    return address.host, address.port


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return ",".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)
