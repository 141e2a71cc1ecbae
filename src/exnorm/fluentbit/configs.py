"""Configs of Fluent Bit, written from one description as YAML and in the classic format."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Union

from exnorm.errors import SettingsError, quote, suggest

Word = Union[str, int, bool]

TAG = "exchange"
PREFIX = "normalized."
UNPARSED_TAG = "unparsed"
PATTERN = "MSGTRK*.LOG"
FORMATS: Mapping[str, str] = {"cef": "arcsight", "leef": "jsa", "wincollect": "jsa", "json": ""}
"""The formats a destination may get, each with the taxonomy it belongs to."""

_MODES = {"tcp": "syslog over TCP", "tls": "syslog over TLS", "file": "a file"}
_DEFAULT_PORTS = {"tcp": 514, "tls": 6514}
_SYSLOG_BYTES = 262144


@dataclass(frozen=True)
class Destination:
    """Where the finished lines go: ``mode`` is ``tcp``, ``tls`` or ``file``."""

    mode: str
    host: str = ""
    port: int = 0
    path: str = ""

    @property
    def title(self) -> str:
        """For comments."""
        return f"{_MODES[self.mode]}, {self.path or f'{self.host}:{self.port}'}"


@dataclass(frozen=True)
class Plan:
    """What a config is to do.

    ``patterns`` are the wildcards of every folder but those that have their own under ``own_patterns``.
    ``plugin`` is the filter's shared object; where it is empty, the config sends to a service at
    ``service`` and takes the answer at ``back``. ``settings`` are exnorm's, by name.
    """

    folders: tuple[str, ...]
    destination: Destination
    format: str
    patterns: tuple[str, ...] = (PATTERN,)
    own_patterns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    plugin: str = ""
    service: tuple[str, int] = ("127.0.0.1", 24330)
    back: tuple[str, int] = ("127.0.0.1", 24331)
    state: str = "/var/lib/fluent-bit"
    hostname: str = "exnorm"
    ca: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """One setting, with what a reader should know of it."""

    key: str
    value: Word
    why: str = ""


@dataclass(frozen=True)
class Section:
    """One section: ``kind`` is ``service``, ``plugins``, ``inputs``, ``filters`` or ``outputs``."""

    kind: str
    title: str
    lines: tuple[Line, ...]


def read_destination(text: str) -> Destination:
    """``tcp://host:514``, ``tls://host:6514`` or ``file:/path``. Raises ``SettingsError``."""
    mode, colon, rest = text.partition(":")
    if not colon or mode not in _MODES:
        raise SettingsError(
            f"to: got {quote(text)}; expected tcp://host:port, tls://host:port or file:/path"
            f"{suggest(mode, _MODES) if colon else ''}"
        )
    if mode == "file":
        path = rest.removeprefix("//")
        folder, name = _split_path(path)
        if not name or not folder:
            raise SettingsError(f"to: got {quote(text)}; expected file: and the path of a file")
        _check_text("to", path)
        return Destination("file", path=path)
    found = re.fullmatch(r"//(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?/?", rest)
    port = int(found.group(2) or _DEFAULT_PORTS[mode]) if found else 0
    if found is None or not 0 < port < 65536:
        raise SettingsError(f"to: got {quote(text)}; expected {mode}://host:port")
    return Destination(mode, found.group(1).strip("[]"), port)


def check_plan(plan: Plan) -> None:
    """Refuse what would make another config than the one that was meant. Raises ``SettingsError``."""
    if not plan.folders:
        raise SettingsError("config: no folder given; expected the folder of each server's logs")
    patterns = (*plan.patterns, *(pattern for own in plan.own_patterns.values() for pattern in own))
    for name, values in (
        ("folder", plan.folders),
        ("pattern", patterns),
        ("plugin", (plan.plugin,)),
        ("state", (plan.state,)),
        ("hostname", (plan.hostname,)),
        ("ca", (plan.ca,)),
        ("settings", tuple(plan.settings.values())),
    ):
        for value in values:
            _check_text(name, value)
    for value in (*plan.folders, *patterns):
        if "," in value:
            raise SettingsError(f"got {quote(value)}; Fluent Bit takes a comma in a path for the next path")
    if plan.format not in FORMATS:
        raise SettingsError(f"format: got {quote(plan.format)}{suggest(plan.format, FORMATS)}")
    if plan.format == "json" and plan.destination.mode != "file":
        raise SettingsError("format: json goes to a file; over syslog expected cef, leef or wincollect")


def _check_text(name: str, text: str) -> None:
    if any(ord(character) < 32 or ord(character) == 127 for character in text) or "${" in text:
        raise SettingsError(f"{name}: got {quote(text)}; no control characters and no '${{' in a config")
    if text != text.strip():
        raise SettingsError(f"{name}: got {quote(text)}; blanks at the ends do not survive in a config")


# --- the configs that lie ready in the folder fluentbit of a checkout ----------------------------

READY_PLUGIN = "/usr/local/lib/exnorm/flb-filter_exchange.so"
_READY = {
    "cef-tcp": ("cef", "tcp://arcsight.example:514"),
    "cef-tls": ("cef", "tls://arcsight.example:6514"),
    "leef-tcp": ("leef", "tcp://jsa.example:514"),
    "leef-tls": ("leef", "tls://jsa.example:6514"),
    "native-tcp": ("wincollect", "tcp://jsa.example:514"),
    "cef-file": ("cef", "file:/var/log/exchange.cef"),
}
_READY_FOLDERS = tuple(f"/mnt/{server}/TransportRoles/Logs/MessageTracking" for server in ("ex01", "ex02"))


def render_ready() -> dict[str, str]:
    """Each ready config by its path: two servers, every destination, both ways, both formats."""
    files = {}
    for name, (form, to) in _READY.items():
        for way, plugin in (("filter", READY_PLUGIN), ("service", "")):
            plan = Plan(_READY_FOLDERS, read_destination(to), form, plugin=plugin)
            files[f"{way}/{name}.yaml"] = render_yaml(plan)
            files[f"{way}/{name}.conf"] = render_classic(plan)
    return files


# --- what the config says ------------------------------------------------------------------------


def describe(plan: Plan) -> tuple[Section, ...]:
    """The sections of a config. Raises ``SettingsError``."""
    check_plan(plan)
    match = f"{TAG}.*" if plan.plugin else f"{PREFIX}{TAG}.*"
    return (
        _service(plan),
        *([Section("plugins", "exnorm's filter", (Line("path", plan.plugin),))] if plan.plugin else []),
        *([] if plan.plugin else [_back(plan)]),
        *(_tail(plan, number, folder) for number, folder in enumerate(plan.folders, 1)),
        *([_filter(plan)] if plan.plugin else []),
        _set_apart(plan, match),
        *([] if plan.plugin else [_to_service(plan)]),
        _deliver(plan, match),
        _keep_unparsed(plan),
    )


def _service(plan: Plan) -> Section:
    return Section(
        "service",
        "The filesystem buffer below is the spool: what was read and not delivered waits there.",
        (
            Line("flush", 1),
            Line("log_level", "info"),
            Line("grace", 30, "seconds to deliver what is in flight when Fluent Bit is stopped"),
            Line("storage.path", _join(plan.state, "storage"), "must survive a restart"),
            Line("storage.sync", "normal"),
            Line("storage.max_chunks_up", 64, "chunks in memory, of about 2 MB each"),
            Line("storage.backlog.mem_limit", "32M", "the same for what a restart finds in the buffer"),
            Line("scheduler.base", 1),
            Line("scheduler.cap", 30, "try again every 30 s at the latest, not after half an hour"),
        ),
    )


def _tail(plan: Plan, number: int, folder: str) -> Section:
    name = f"server{number:02d}"
    patterns = plan.own_patterns.get(folder, plan.patterns)
    return Section(
        "inputs",
        f"Server {number}: its folder of logs. One input for each server.",
        (
            Line("name", "tail"),
            Line("tag", f"{TAG}.{name}"),
            Line("path", ",".join(_join(folder, pattern) for pattern in patterns)),
            Line("path_key", "filename", "exnorm keeps the logs of several files apart by it"),
            Line("db", _join(plan.state, f"tail-{name}.db"), "where reading goes on after a restart"),
            Line("read_from_head", True),
            Line("refresh_interval", 10, "seconds until a new file is seen"),
            Line("buffer_chunk_size", "512k"),
            Line("buffer_max_size", "2m", "a large distribution group is a long line; the default is 32k"),
            Line("skip_long_lines", True, "leave out a line above that, not the rest of its file"),
            Line("storage.type", "filesystem", "the spool"),
        ),
    )


def _filter(plan: Plan) -> Section:
    return Section(
        "filters",
        f"exnorm: each line becomes a record with the finished line under '{plan.format}'.",
        (
            Line("name", "exchange"),
            Line("match", f"{TAG}.*"),
            *(Line(name, value) for name, value in _settings(plan).items()),
        ),
    )


def _set_apart(plan: Plan, match: str) -> Section:
    return Section(
        "filters",
        "Lines that did not parse carry a reason. They must not reach the SIEM as empty messages.",
        (
            Line("name", "rewrite_tag"),
            Line("match", match),
            Line("rule", f"$error['reason'] .+ {UNPARSED_TAG}.$TAG false"),
            Line("emitter_name", "unparsed"),
            Line("emitter_storage.type", "filesystem"),
        ),
    )


def _to_service(plan: Plan) -> Section:
    host, port = plan.service
    return Section(
        "outputs",
        "To exnorm, which acknowledges a chunk only when it is back here (input forward).",
        (
            Line("name", "forward"),
            Line("match", f"{TAG}.*", "never the normalized ones: they would go round for ever"),
            Line("host", host),
            Line("port", port),
            Line("require_ack_response", True, "without it everything in flight is lost with the service"),
            Line("retry_limit", "no_limits", "the default drops a chunk that was refused twice"),
            Line("net.io_timeout", "300s", "a chunk may wait its turn; the default waits for ever"),
        ),
    )


def _back(plan: Plan) -> Section:
    host, port = plan.back
    return Section(
        "inputs",
        "Back from exnorm, under the same tags with a prefix. First, so that a backlog does not hold it up.",
        (
            Line("name", "forward"),
            Line("listen", host),
            Line("port", port),
            Line("buffer_chunk_size", "1m"),
            Line("buffer_max_size", "64m", "records grow; the default, 6 MB, closes on larger chunks"),
            Line("storage.type", "filesystem", "it acknowledges what it stored, so it must store on disk"),
        ),
    )


def _deliver(plan: Plan, match: str) -> Section:
    to = plan.destination
    title = f"{plan.format.upper()} to {to.title}"
    if to.mode == "file":
        folder, name = _split_path(to.path)
        form = (Line("format", "plain"),) if plan.format == "json" else (
            Line("format", "template"), Line("template", "{" + plan.format + "}"),
        )  # fmt: skip
        lines = (Line("name", "file"), Line("match", match), Line("path", folder), Line("file", name), *form)
        return Section("outputs", title, (*lines, Line("retry_limit", "no_limits")))
    return Section(
        "outputs",
        title,
        (
            Line("name", "syslog"),
            Line("match", match),
            Line("host", to.host),
            Line("port", to.port),
            Line("mode", to.mode),
            *_tls(plan),
            Line("syslog_format", "rfc3164", "rfc5424 would put a BOM before the line"),
            Line("syslog_hostname_preset", plan.hostname, "host in the header: the log source in JSA"),
            Line("syslog_message_key", plan.format),
            Line("syslog_maxsize", _SYSLOG_BYTES, "default: cut at 1024; let the receiver take it"),
            Line("retry_limit", "no_limits"),
        ),
    )  # fmt: skip


def _tls(plan: Plan) -> Iterator[Line]:
    if plan.destination.mode == "tls":
        yield Line("tls", True)
        yield Line("tls.verify", True)
        yield Line("tls.verify_hostname", True)
        if plan.ca:
            yield Line("tls.ca_file", plan.ca)


def _keep_unparsed(plan: Plan) -> Section:
    return Section(
        "outputs",
        "What did not parse, each line unchanged and with its reason. Have a look at it now and then.",
        (
            Line("name", "file"),
            Line("match", f"{UNPARSED_TAG}.*"),
            Line("path", plan.state),
            Line("file", "unparsed.ndjson"),
            Line("format", "plain"),
            Line("retry_limit", "no_limits"),
        ),
    )


def _settings(plan: Plan) -> dict[str, str]:
    """exnorm's settings: whose fields and which format first, then what was asked for."""
    taxonomy = FORMATS[plan.format]
    first = {"taxonomy": taxonomy} if taxonomy else {}
    return {**first, "format": plan.format, **plan.settings}


def serve_command(plan: Plan) -> str:
    """The command that runs the service that a config without the plugin needs."""
    options = "".join(f" --{name.replace('_', '-')} {_shell(v)}" for name, v in _settings(plan).items())
    return (
        f"exnorm fluentbit serve --listen {_address(plan.service)} --forward {_address(plan.back)}{options}"
    )


def _address(pair: tuple[str, int]) -> str:
    host, port = pair
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _shell(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z0-9_./:@-]+", text) else "'" + text.replace("'", "'\\''") + "'"


def _join(folder: str, name: str) -> str:
    slash = "\\" if "\\" in folder and "/" not in folder else "/"
    return folder.rstrip(slash) + slash + name


def _split_path(path: str) -> tuple[str, str]:
    at = max(path.rfind("/"), path.rfind("\\"))
    return path[: at or 1] if at >= 0 else "", path[at + 1 :]


# --- the two formats -----------------------------------------------------------------------------


def render_yaml(plan: Plan) -> str:
    """The config as YAML (Fluent Bit 2.2 and later)."""
    sections = describe(plan)
    lines = _heading(plan, "yaml")
    for section in sections:
        if section.kind == "service":
            lines += [f"# {section.title}", "service:", *_yaml_lines(section.lines, "  ", "  ")]
        elif section.kind == "plugins":
            lines += ["", "plugins:", f"  - {_yaml_word(section.lines[0].value)}"]
    lines += ["", "pipeline:"]
    for kind in ("inputs", "filters", "outputs"):
        lines.append(f"  {kind}:")
        for section in sections:
            if section.kind == kind:
                lines += [f"    # {section.title}", *_yaml_lines(section.lines, "    - ", "      "), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _yaml_lines(lines: Sequence[Line], first: str, other: str) -> Iterator[str]:
    for number, line in enumerate(lines):
        if line.why:
            yield f"{other}# {line.why}"
        indent = other if number else first
        if line.key == "rule":
            yield f"{indent}rule: {_yaml_word(line.value)}"
        else:
            yield f"{indent}{line.key}: {_yaml_word(line.value)}"


def _yaml_word(value: Word) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if re.fullmatch(r"[A-Za-z0-9_/][A-Za-z0-9_./*-]*", text) and not re.fullmatch(r"[0-9._]+|0x.*", text):
        return text
    return text if isinstance(value, int) else "'" + text.replace("'", "''") + "'"


def render_classic(plan: Plan) -> str:
    """The config in the classic format."""
    lines = _heading(plan, "classic")
    names = {"inputs": "INPUT", "filters": "FILTER", "outputs": "OUTPUT", "service": "SERVICE"}
    for section in describe(plan):
        if section.kind == "plugins":
            lines += _classic_plugins(plan)
            continue
        lines += [f"# {section.title}", f"[{names[section.kind]}]"]
        width = max(len(line.key) for line in section.lines)
        for line in section.lines:
            if line.why:
                lines.append(f"    # {line.why}")
            lines.append(f"    {line.key:<{width}} {_classic_word(line.value)}")
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def _classic_plugins(plan: Plan) -> Iterable[str]:
    if _fits_classic(plan.plugin):
        return ("# exnorm's filter", "[PLUGINS]", f"    {plan.plugin} on", "")
    return ()


def _fits_classic(path: str) -> bool:
    """Whether a path survives as a key of the classic format: those are lower-cased and end at a blank."""
    return path == path.lower() and " " not in path


def _classic_word(value: Word) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def _heading(plan: Plan, form: str) -> list[str]:
    extra = form == "classic" and bool(plan.plugin) and not _fits_classic(plan.plugin)
    load = f" -e {_shell(plan.plugin)}" if extra else ""
    lines = [
        "# Microsoft Exchange logs, normalized by exnorm, as "
        f"{plan.format.upper()} to {plan.destination.title}.",
        f"# Written by: exnorm fluentbit config. Check it: fluent-bit --dry-run{load} -c FILE",
        f"# The folder {plan.state} must be there, and Fluent Bit must be able to write to it.",
    ]
    if not plan.plugin:
        lines += ["# Beside it runs the service, kept running by the system:", f"#   {serve_command(plan)}"]
    return [*lines, ""]
