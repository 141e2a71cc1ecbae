"""``exnorm doctor``: check that this installation has what it needs, and say what to do where it does not."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import click
import msgspec

from exnorm.cli import OK, UNPARSED
from exnorm.cli.click_types import FILE, FOLDER
from exnorm.cli.config import examine
from exnorm.cli.doctor_host import check_host
from exnorm.cli.findings import BAD, FINE, NOTE, Finding
from exnorm.cli.inputs import Input, InputError, expand, explain_refusal
from exnorm.cli.options import this_system
from exnorm.engine.kernel import load_kernel
from exnorm.errors import NormalizerError, SettingsError, quote, show
from exnorm.extras import EXTRAS, find_missing, is_installed, write_command
from exnorm.fluentbit import build as builder
from exnorm.fluentbit.addresses import Address, parse_address
from exnorm.fluentbit.configs import read_destination
from exnorm.pipeline.normalizer import Normalizer
from exnorm.plugins.manager import Plugins

PORTS: Mapping[str, str] = {
    "127.0.0.1:24330": "exnorm fluentbit serve --listen",
    "127.0.0.1:24331": "input forward of Fluent Bit",
    "127.0.0.1:9801": "exnorm logstash serve --listen",
    "127.0.0.1:4318": "exnorm otlp serve --listen",
    "127.0.0.1:9800": "input of Logstash's second pipeline",
}
"""What listens where unless told otherwise."""

OLDEST_FLUENT_BIT = (2, 2)
USUAL_FLUENT_BIT = {
    "linux": "/opt/fluent-bit/bin/fluent-bit",
    "windows": "C:/Program Files/fluent-bit/bin/fluent-bit.exe",
}[this_system()]
PATIENCE = 30.0
QUIET_HOURS = 24
LOW_SPACE = 1 << 30


@click.command("doctor")
@click.argument("paths", nargs=-1, metavar="[PATH|GLOB]...", type=FILE)
@click.option("--config", metavar="FILE", type=FILE, help="Also check this settings file.")
@click.option("--state", metavar="FOLDER", type=FOLDER, help="The folder for offsets, spool or rejects.")
@click.option(
    "--to",
    metavar="DEST",
    help="Check that the SIEM accepts connections: tcp://HOST:PORT or tls://HOST:PORT.",
)
@click.option(
    "--host", "hosts", multiple=True, metavar="URL",
    help="A running Fluent Bit (http://127.0.0.1:2020), Logstash (:9600) or exnorm logstash serve (:9801): "
    "its version, its config, and a sample through it; may be given again.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    paths: tuple[str, ...],
    config: str | None,
    state: str | None,
    to: str | None,
    hosts: tuple[str, ...],
    as_json: bool,
) -> int:
    """Check this installation and your log folders, and say what to fix.

    It checks Python, the native kernel, plugins, extras, the filter for Fluent Bit and whether a Fluent Bit
    loads it, the ports that exnorm listens on, and what the options name. It changes nothing, and sends
    nothing but the sample of --host, which comes back and is not delivered. Exit status 1: something must be
    fixed; a note works without a fix.
    """
    findings = []
    for found in examine_all(paths, config, state, to, hosts):
        findings.append(found)
        if not as_json:
            _print(found)
    bad = any(found.state == BAD for found in findings)
    if as_json:
        entries = [asdict(found) for found in findings]
        click.echo(msgspec.json.encode({"ok": not bad, "findings": entries}).decode())
    return UNPARSED if bad else OK


def examine_all(
    paths: Sequence[str], config: str | None, state: str | None, to: str | None, hosts: Sequence[str] = ()
) -> Iterator[Finding]:
    """Yield the findings on everything to be checked, one after the other."""
    yield from check_python()
    yield check_kernel(load_kernel() is not None, os.environ)
    yield from check_plugins()
    yield from check_extras(is_installed)
    yield from check_fluent_bit()
    for text, owner in PORTS.items():
        yield check_port(parse_address(text, "port"), owner)
    if config is not None:
        yield from check_config(config)
    if state is not None:
        yield from check_state(Path(state))
    if to is not None:
        yield check_destination(to)
    for host in hosts:
        yield from check_host(host)
    for path in paths:
        yield check_logs(path)


def _print(found: Finding) -> None:
    click.echo(f"{found.state:<5}{found.subject:<12}{show(found.found)}")
    if found.todo:
        click.echo(f"{'':<5}{'':<12}-> {show(found.todo)}")


# --- this installation ---------------------------------------------------------------------------


def check_python() -> Iterator[Finding]:
    """Report the interpreter and exnorm itself."""
    where = f"{platform.python_implementation()} {platform.python_version()} at {sys.executable}"
    yield Finding(FINE, "python", where)
    yield Finding(FINE, "exnorm", f"{metadata.version('exnorm')} at {builder.site_path()}")


def read_origin() -> str | None:
    """Return pip's record of exnorm's origin (direct_url.json); ``None`` where it was installed by name."""
    return metadata.distribution("exnorm").read_text("direct_url.json")


def check_kernel(
    is_there: bool, environ: Mapping[str, str], origin: Callable[[], str | None] = read_origin
) -> Finding:
    """Check whether rows go through the native kernel; ``origin`` is called where the kernel
    must be built.
    """
    if is_there:
        return Finding(FINE, "kernel", "the native kernel is in use")
    if environ.get("EXNORM_KERNEL") == "0":
        todo = "unset EXNORM_KERNEL to use it"
        return Finding(NOTE, "kernel", "switched off by EXNORM_KERNEL=0; generated Python is in use", todo)
    return Finding(
        NOTE, "kernel", "not built; generated Python is in use, which is slower",
        f"install a C compiler and Python's headers, then {write_reinstall(origin())}",
    )  # fmt: skip


class _Origin(msgspec.Struct):
    url: str = ""
    dir_info: dict[str, Any] | None = None


def write_reinstall(origin: str | None) -> str:
    """Return the command that reinstalls exnorm, from its checkout if it came from one."""
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    try:
        known = msgspec.json.decode(origin or "{}", type=_Origin)
    except msgspec.MsgspecError:
        known = _Origin()
    folder = url2pathname(urlsplit(known.url).path)
    if known.dir_info is None or not os.path.isdir(folder):
        return "pip install --force-reinstall exnorm"
    editable = "-e " if known.dir_info.get("editable") else ""
    return f"pip install --force-reinstall {editable}{shlex.quote(folder)}"


_SLOW = "where speed matters, see docs/plugins.md, Processors of columns"


def check_plugins() -> Iterator[Finding]:
    """Check every installed plugin, and whether they all fit together."""
    try:
        for plugin in Plugins().listing():
            yield Finding(FINE, "plugin", f"{plugin.name} ({plugin.distribution})")
        slow = Normalizer().routes.slow_plugins
        if slow:
            yield Finding(NOTE, "plugin", f"rows go record by record for {', '.join(slow)}", _SLOW)
    except NormalizerError as error:
        yield Finding(BAD, "plugin", str(error), "mend or uninstall it, or leave it out with --block-plugin")


def check_extras(has: Callable[[str], bool]) -> Iterator[Finding]:
    """Check which extras are installed; ``has`` returns whether a module is there."""
    for extra in EXTRAS:
        missing = find_missing(extra, has=has)
        if missing:
            todo = f"if you need it: {write_command(extra)}"
            yield Finding(NOTE, "extra", f"{extra}: {' and '.join(missing)} not installed", todo)
        else:
            yield Finding(FINE, "extra", extra)


# --- Fluent Bit ----------------------------------------------------------------------------------


def check_fluent_bit() -> Iterator[Finding]:
    """Check the filter's file, find a Fluent Bit, and check whether it loads the filter."""
    plugin = builder.filter_path()
    if this_system() == "windows":
        yield Finding(FINE, "filter", "for Linux only; here exnorm fluentbit serve does its work")
    elif plugin.is_file():
        yield Finding(FINE, "filter", str(plugin))
    else:
        yield _explain_filter()
    program = find_fluent_bit(os.environ)
    if program is None:
        yield Finding(
            NOTE, "fluent-bit", f"not on PATH, not at {USUAL_FLUENT_BIT}, and FLUENT_BIT is not set",
            "if you need it: install Fluent Bit, or set FLUENT_BIT to its path",
        )  # fmt: skip
        return
    version = check_version(program)
    yield version
    if version.state != BAD and plugin.is_file():
        yield check_loading(program, plugin)


def _explain_filter() -> Finding:
    try:
        builder.find_libpython()
        builder.find_compiler()
    except builder.BuildError as error:
        todo = "use exnorm fluentbit serve, which needs none of this; or mend it, then exnorm fluentbit build"
        return Finding(NOTE, "filter", f"not built: {error}", todo)
    return Finding(NOTE, "filter", "not built", "exnorm fluentbit build")


def find_fluent_bit(environ: Mapping[str, str]) -> str | None:
    """Return ``FLUENT_BIT`` from the environment, else the one on PATH, else the usual place of packages."""
    return environ.get("FLUENT_BIT") or shutil.which("fluent-bit") or shutil.which(USUAL_FLUENT_BIT)


def check_version(program: str) -> Finding:
    """Check whether the filter supports this Fluent Bit."""
    try:
        ran = _run([program, "--version"])
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = getattr(error, "strerror", None) or "gave no version in time"
        return Finding(
            BAD, "fluent-bit", f"{program}: {reason}", "install it anew, or set FLUENT_BIT to another"
        )
    found = re.search(r"v(\d+)\.(\d+)\.\d+", ran.stdout)
    if found is None:
        return Finding(
            BAD, "fluent-bit", f"{program}: got {quote(ran.stdout, 60)}; expected a version",
            "set FLUENT_BIT to another",
        )  # fmt: skip
    if (int(found[1]), int(found[2])) < OLDEST_FLUENT_BIT:
        oldest = ".".join(map(str, OLDEST_FLUENT_BIT))
        return Finding(
            BAD, "fluent-bit", f"{program}: {found[0]}; expected {oldest} or later", "update Fluent Bit"
        )
    return Finding(FINE, "fluent-bit", f"{found[0]} at {program}")


def check_loading(program: str, plugin: Path) -> Finding:
    """Check whether a Fluent Bit, started for a moment, passes a line through the filter."""
    with tempfile.TemporaryDirectory(prefix="exnorm-") as folder:
        config = Path(folder, "probe.yaml")
        config.write_text(_PROBE.format(plugin=plugin, folder=folder), encoding="utf-8")
        try:
            ran = _run([program, "-c", str(config)])
        except subprocess.TimeoutExpired:
            return Finding(BAD, "loading", f"{program} did not end within {PATIENCE:g} s", _TRY_BY_HAND)
        with contextlib.suppress(OSError):
            if "_exnormparsefailure" in Path(folder, "probe.out").read_text(encoding="utf-8"):
                return Finding(FINE, "loading", f"{program} loads the filter, and the filter answers")
    reasons = [line for line in ran.stderr.splitlines() if "[error]" in line or "exchange" in line]
    last = re.sub(r"^.*?\] ", "", re.sub("\x1b\\[[0-9;]*m", "", reasons[-1])) if reasons else "no answer"
    return Finding(BAD, "loading", f"{program} cannot use the filter: {last}", _TRY_BY_HAND)


# A line that is not a log: the filter returns it with a tag that nothing else writes.
_PROBE = """\
service:
  flush: 0.2
  grace: 1
  log_level: info
plugins:
  - {plugin}
pipeline:
  inputs:
    - name: dummy
      dummy: '{{"log": "2018-11-27T22:40:02.966Z,probe", "filename": "MSGTRK2018112722-1.LOG"}}'
      samples: 1
      tag: probe
  filters:
    - name: exchange
      match: probe
      source: message_tracking
  outputs:
    - name: file
      match: probe
      path: {folder}
      file: probe.out
    - name: exit
      match: probe
      flush_count: 1
"""
_TRY_BY_HAND = (
    'exnorm fluentbit build, then try fluent-bit -e "$(exnorm fluentbit path)" with your own config'
)


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=PATIENCE, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


# --- ports, files, the SIEM ----------------------------------------------------------------------


def check_port(address: Address, owner: str) -> Finding:
    """Check whether an address is still free to listen on."""
    subject, shown = "port", f"{address} ({owner})"
    try:
        with socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address.host, address.port))
    except OSError as error:
        todo = f"right if that runs already; else choose another (see: ss -ltnp 'sport = :{address.port}')"
        return Finding(NOTE, subject, f"{shown}: {error.strerror}", todo)
    return Finding(FINE, subject, f"{shown} is free")


def check_config(file: str) -> Iterator[Finding]:
    """Report everything that is wrong in a settings file, as ``exnorm config check``."""
    report = examine(file)
    for fault in report.faults:
        yield Finding(BAD, "config", fault, f"mend it, then exnorm config check {file}")
    if not report.faults:
        found = f"{file}: {len(report.settings)} settings, {len(report.changes)} changes to tables"
        yield Finding(FINE, "config", found)


def check_state(folder: Path) -> Iterator[Finding]:
    """Check whether a folder exists, can be written to and has room."""
    if not folder.is_dir():
        yield Finding(BAD, "state", f"{folder} is no folder", f"mkdir -p {folder}")
        return
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        todo = f"give {_account()} the right to write there"
        yield Finding(BAD, "state", f"{folder}: {error.strerror}", todo)
        return
    free = shutil.disk_usage(folder).free
    if free < LOW_SPACE:
        todo = "make room: the spool holds what the SIEM did not take yet"
        yield Finding(NOTE, "state", f"{folder}: {free >> 20} MB free", todo)
    else:
        yield Finding(FINE, "state", f"{folder} can be written to, {free >> 30} GB free")


def check_destination(text: str) -> Finding:
    """Check whether a connection is accepted there; nothing is sent. Raises ``SettingsError``."""
    to = read_destination(text)
    if to.mode == "file":
        raise SettingsError("to: a file has no port; --state checks a folder")
    host, port = to.address
    try:
        with socket.create_connection(to.address, timeout=5):
            return Finding(FINE, "siem", f"{host}:{port} takes connections")
    except OSError as error:
        return Finding(
            BAD, "siem", f"{host}:{port}: {error.strerror or error}",
            "is the receiver started, and does a firewall let this machine through?",
        )  # fmt: skip


def check_logs(path: str) -> Finding:
    """Check whether logs can be read, are of a known type, and are still being written."""
    try:
        items = expand((path,))
    except SettingsError as error:
        todo = "is the share mounted, and the path spelled as there? expected a folder, a file or a wildcard"
        return Finding(BAD, "logs", str(error), todo)
    normalizer = Normalizer(discover_plugins=False)
    known: list[Input] = []
    refused: list[Input] = []
    closed: list[str] = []
    for item in items:
        try:
            (refused if explain_refusal(item, normalizer) else known).append(item)
        except InputError as error:
            closed.append(str(error))
    if closed:
        more = f" and {len(closed) - 1} more" if len(closed) > 1 else ""
        return Finding(BAD, "logs", closed[0] + more, f"give {_account()} the right to read it")
    if not known:
        found = f"{path}: {len(items)} files, none of a known type" if items else f"{path}: no files"
        return Finding(BAD, "logs", found, "exnorm explain FILE says why a file is not known")
    newest = max(os.path.getmtime(item.name) for item in known)
    hours = max(0.0, time.time() - newest) / 3600
    found = f"{path}: {len(known)} logs, the newest written {_ago(hours)}"
    found += f"; {len(refused)} files of other types" if refused else ""
    if hours > QUIET_HOURS:
        return Finding(NOTE, "logs", found, "if the server is busy: is logging on, and is this its folder?")
    return Finding(FINE, "logs", found)


def _ago(hours: float) -> str:
    return f"{hours * 60:.0f} minutes ago" if hours < 2 else f"{hours:.0f} hours ago" if hours < 48 else (
        f"{hours / 24:.0f} days ago"
    )  # fmt: skip


def _account() -> str:
    """Return the account that runs this, which on a share must be the shipper's."""
    import getpass

    try:
        return f"account {getpass.getuser()}"
    except (KeyError, OSError):
        return "this account"
