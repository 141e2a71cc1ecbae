"""Write Fluent Bit configs from one description, as YAML and in the classic format."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Union

from exnorm.errors import SettingsError, quote, suggest

Word = Union[str, int, bool]

STATES: Mapping[str, str] = {"linux": "/var/lib/fluent-bit", "windows": "C:/ProgramData/exnorm/fluent-bit"}
"""The systems that a config may be for, each with where Fluent Bit keeps offsets and spool there."""

TAG = "exchange"
PREFIX = "normalized."
UNPARSED_TAG = "unparsed"
LEFT_ALONE = "exnorm_left_alone"
"""A key of records that go to the unparsed output; those that did not parse have their reason beside it."""
PATTERN = "MSGTRK*.LOG"
FORMATS: Mapping[str, str] = {"cef": "arcsight", "leef": "jsa", "wincollect": "jsa", "json": ""}
"""The formats a destination may get, each with the taxonomy it belongs to."""
RAW = "raw"
"""Lines as they are, for another exnorm behind Kafka."""

_MODES = {"tcp": "syslog over TCP", "tls": "syslog over TLS", "file": "a file", "kafka": "Kafka"}
_DEFAULT_PORTS = {"tcp": 514, "tls": 6514}
_SYSLOG_BYTES = 262144
_KAFKA_BYTES = 4000000
_BROKERS = re.compile(r"//([A-Za-z0-9._:\[\]-]+(?:,[A-Za-z0-9._:\[\]-]+)*)/([A-Za-z0-9._-]{1,200})")
# Finds the id that all rows of one message share, in a finished line: Kafka's key.
_KEYS = {
    "cef": "string.match(r['cef'], ' devicePayloadId=([^ ]+)')",
    "leef": r"string.match(r['leef'], '\tcorrelationId=([^\t]+)')",
    "wincollect": r"string.match(r['wincollect'], '\tnetwork%-message%-id=([^\t]+)')",
    "json": "r['devicePayloadId'] or r['correlationId']",
    RAW: "'${HOSTNAME}:' .. r['filename']",
}


@dataclass(frozen=True)
class Destination:
    """A destination of lines: ``mode`` is ``tcp``, ``tls``, ``file`` or ``kafka``.

    For Kafka ``host`` are the brokers, each with its port, and ``path`` is the topic.
    """

    mode: str
    host: str = ""
    port: int = 0
    path: str = ""

    @property
    def title(self) -> str:
        """A description for comments."""
        if self.mode == "kafka":
            return f"Kafka, topic {self.path} at {self.host}"
        return f"{_MODES[self.mode]}, {self.path or f'{self.host}:{self.port}'}"

    @property
    def address(self) -> tuple[str, int]:
        """The address that must accept connections: for Kafka, the first broker."""
        if self.mode != "kafka":
            return self.host, self.port
        host, colon, port = self.host.split(",")[0].rpartition(":")
        return (host.strip("[]"), int(port)) if colon and port.isdecimal() else (self.host, 9092)


@dataclass(frozen=True)
class ConfigPlan:
    """The purpose of a config.

    ``patterns`` are the wildcards of every folder but those that have their own under ``own_patterns``.
    ``plugin`` is the filter's shared object; where it is empty, the config sends to a service at
    ``service`` and takes the answer at ``back``. ``settings`` are exnorm's, by name. ``queue`` is a topic
    of Kafka to read in the place of folders, by the consumer group ``group``. Where it ``normalizes``
    nothing, lines are passed on as they are: raw ones to Kafka, finished ones from it. ``on`` is the
    system that Fluent Bit runs on, a key of ``STATES``.
    """

    folders: tuple[str, ...]
    destination: Destination
    format: str
    patterns: tuple[str, ...] = (PATTERN,)
    own_patterns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    plugin: str = ""
    service: tuple[str, int] = ("127.0.0.1", 24330)
    back: tuple[str, int] = ("127.0.0.1", 24331)
    state: str = STATES["linux"]
    on: str = "linux"
    hostname: str = "exnorm"
    ca: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    queue: Destination | None = None
    group: str = "exnorm"
    normalizes: bool = True

    @property
    def needs_service(self) -> bool:
        """Whether ``exnorm fluentbit serve`` must run beside it."""
        return self.normalizes and not self.plugin

    @property
    def line_key(self) -> str:
        """The key of a record that has the line to deliver."""
        if self.normalizes:
            return self.format
        return "payload" if self.queue is not None else "log"


@dataclass(frozen=True)
class Line:
    """One setting, with a remark for the reader."""

    key: str
    value: Word
    why: str = ""


@dataclass(frozen=True)
class Section:
    """One section: ``kind`` is ``service``, ``plugins``, ``inputs``, ``filters`` or ``outputs``."""

    kind: str
    title: str
    lines: tuple[Line, ...]


_OF_ANY_SERVER = frozenset((
    "c:", "d:", "e:", "mnt", "srv", "var", "opt", "data", "home", "tmp", "log", "logs", "logging", "logfiles",
    "messagetracking", "transportroles", "protocollog", "smtpreceive", "smtpsend", "connectivity", "agentlog",
    "hub", "edge", "mailbox", "frontend", "microsoft", "exchange server", "program files", "v14", "v15",
    "inetpub", "w3svc1", "w3svc2", "httperr", "httpproxy", "exchange",
))  # fmt: skip
"""Folders, in lower case, that lie on many servers alike: they name none."""


def read_destination(text: str) -> Destination:
    """Read ``tcp://host:514``, ``tls://host:6514``, ``file:/path`` or ``kafka://broker:9092/topic``.

    Raises ``SettingsError``.
    """
    mode, colon, rest = text.partition(":")
    if not colon or mode not in _MODES:
        raise SettingsError(
            f"to: got {quote(text)}; expected tcp://host:port, tls://host:port, file:/path "
            f"or kafka://broker:port/topic{suggest(mode, _MODES) if colon else ''}"
        )
    if mode == "kafka":
        return _read_kafka("to", text)
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


def read_queue(text: str) -> Destination:
    """Read ``kafka://broker:9092,broker:9092/topic``. Raises ``SettingsError``."""
    return _read_kafka("from", text)


def _read_kafka(name: str, text: str) -> Destination:
    found = _BROKERS.fullmatch(text.removeprefix("kafka:"))
    if not text.startswith("kafka:") or found is None:
        raise SettingsError(f"{name}: got {quote(text)}; expected kafka://broker:9092/topic")
    return Destination("kafka", found.group(1), path=found.group(2))


def check_plan(plan: ConfigPlan) -> None:
    """Raise ``SettingsError`` for a plan whose config would mean something else."""
    if not plan.folders and plan.queue is None:
        raise SettingsError("config: no folder given; expected the folder of each server's logs")
    if plan.on == "windows" and plan.plugin:
        raise SettingsError("via: the filter is for Linux; on Windows exnorm fluentbit serve does its work")
    if plan.folders and plan.queue is not None:
        raise SettingsError("from: folders are given too; expected one or the other")
    if plan.queue is not None and plan.needs_service:
        raise SettingsError("from: lines of Kafka are normalized by the filter only, not by the service")
    patterns = (*plan.patterns, *(pattern for own in plan.own_patterns.values() for pattern in own))
    for name, values in (
        ("folder", plan.folders),
        ("pattern", patterns),
        ("plugin", (plan.plugin,)),
        ("state", (plan.state,)),
        ("hostname", (plan.hostname,)),
        ("ca", (plan.ca,)),
        ("group", (plan.group,)),
        ("settings", tuple(plan.settings.values())),
    ):
        for value in values:
            _check_text(name, value)
    for folder in plan.folders:
        if is_of_windows(folder) and set("*?") & set(folder):
            raise SettingsError(f"folder: got {quote(folder)}; no folder of Windows has * or ? in its name")
        if not is_of_windows(folder) and "\\" in folder:
            raise SettingsError(
                f"folder: got {quote(folder)}; Fluent Bit takes a backslash in a path for an escape"
            )
    for value in (*plan.folders, *patterns):
        if "," in value:
            raise SettingsError(f"got {quote(value)}; Fluent Bit takes a comma in a path for the next path")
    _check_format(plan)


def _check_format(plan: ConfigPlan) -> None:
    if plan.format not in (*FORMATS, RAW):
        raise SettingsError(f"format: got {quote(plan.format)}{suggest(plan.format, FORMATS)}")
    if plan.format == RAW and (plan.destination.mode != "kafka" or plan.normalizes or plan.queue is not None):
        raise SettingsError("format: raw lines go from folders to Kafka only, to be normalized behind it")
    if not plan.normalizes and plan.format != RAW and plan.queue is None:
        raise SettingsError("via: none passes on finished lines from Kafka, or raw ones (--format raw) to it")
    if plan.format == "json" and plan.destination.mode not in ("file", "kafka"):
        raise SettingsError(
            "format: json goes to a file or to Kafka; over syslog expected cef, leef or wincollect"
        )


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
_BROKER = "kafka.example:9092"
_EVENTS, _RAW = f"kafka://{_BROKER}/exchange.events", f"kafka://{_BROKER}/exchange.raw"
_READY_FOLDERS = tuple(f"/mnt/{server}/TransportRoles/Logs/MessageTracking" for server in ("ex01", "ex02"))


def render_ready() -> dict[str, str]:
    """Return each ready config by its path: two servers, every destination, both ways, both formats."""
    files = {}
    for name, (form, to) in _READY.items():
        for way, plugin in (("filter", READY_PLUGIN), ("service", "")):
            plan = ConfigPlan(_READY_FOLDERS, read_destination(to), form, plugin=plugin)
            files[f"{way}/{name}.yaml"] = render_yaml(plan)
            files[f"{way}/{name}.conf"] = render_classic(plan)
    for name, plan in _plan_kafka():
        files[f"kafka/{name}.yaml"] = render_yaml(plan)
        files[f"kafka/{name}.conf"] = render_classic(plan)
    return files


def _plan_kafka() -> Iterator[tuple[str, ConfigPlan]]:
    """Yield the configs before Kafka and after it."""
    raw = ConfigPlan(_READY_FOLDERS, read_destination(_RAW), RAW, normalizes=False)
    yield "raw-to-kafka", raw
    for name, (form, to) in _READY.items():
        if not name.endswith("-tcp"):
            continue
        siem = read_destination(to)
        short = name.removesuffix("-tcp")
        yield (
            f"{short}-to-kafka",
            ConfigPlan(_READY_FOLDERS, read_destination(_EVENTS), form, plugin=READY_PLUGIN),
        )
        yield f"kafka-{short}-to-tcp", ConfigPlan((), siem, form, queue=read_queue(_EVENTS), normalizes=False)
        yield (
            f"kafka-raw-to-{short}-tcp",
            ConfigPlan((), siem, form, queue=read_queue(_RAW), plugin=READY_PLUGIN),
        )


# --- what the config says ------------------------------------------------------------------------


def describe(plan: ConfigPlan) -> tuple[Section, ...]:
    """Return the sections of a config. Raises ``SettingsError``."""
    check_plan(plan)
    match = f"{PREFIX}{TAG}.*" if plan.needs_service else f"{TAG}.*"
    filters = plan.normalizes and plan.plugin
    return (
        _service(plan),
        *([Section("plugins", "exnorm's filter", (Line("path", plan.plugin),))] if filters else []),
        *([_back(plan)] if plan.needs_service else []),
        *(_tail(plan, name, folder) for name, folder in zip(name_servers(plan.folders), plan.folders)),
        *([_take(plan, plan.queue)] if plan.queue is not None else []),
        *([_filter(plan)] if filters else []),
        *([_mark(plan, match), _set_apart(plan, match)] if plan.normalizes else []),
        *([_find_key(plan, match)] if plan.destination.mode == "kafka" else []),
        *([_to_service(plan)] if plan.needs_service else []),
        _deliver(plan, match),
        *([_keep_unparsed(plan)] if plan.normalizes else []),
    )


def _service(plan: ConfigPlan) -> Section:
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


def name_servers(folders: Sequence[str]) -> list[str]:
    """A name for the server of each folder: what tells the folders apart, else ``server01`` and so on."""
    paths = [[part for part in re.split(r"[\\/]+", folder) if part not in ("", ".")] for folder in folders]
    if len(paths) == 1:
        telling = [part for part in paths[0] if part.lower() not in _OF_ANY_SERVER]
        parts = [telling[-1:]]
    else:
        begin = _count_common(paths)
        end = _count_common([path[begin:][::-1] for path in paths])
        parts = [path[begin : len(path) - end] for path in paths]
    names: list[str] = []
    for number, part in enumerate(parts, 1):
        name = re.sub(r"[^a-z0-9]+", "-", "-".join(part).lower()).strip("-")[:40] or f"server{number:02d}"
        names.append(name if name not in names else f"{name}-{number:02d}")
    return names


def _count_common(paths: Sequence[Sequence[str]]) -> int:
    """How many parts all paths begin with."""
    shortest = min(map(len, paths), default=0)
    return next((at for at in range(shortest) if len({path[at] for path in paths}) > 1), shortest)


def _tail(plan: ConfigPlan, name: str, folder: str) -> Section:
    patterns = plan.own_patterns.get(folder, plan.patterns)
    return Section(
        "inputs",
        f"Server {name}: its folder of logs. One input for each server.",
        (
            Line("name", "tail"),
            Line("tag", f"{TAG}.{name}"),
            _log_paths(plan, [_join(_escape(folder), pattern) for pattern in patterns]),
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


def _log_paths(plan: ConfigPlan, paths: Sequence[str]) -> Line:
    """Return the paths that tail reads, in the form of the plan's system."""
    if plan.on != "windows":
        return Line("path", ",".join(paths))
    why = "backslashes: on Windows tail takes what stands before a wildcard from the last one"
    return Line("path", ",".join(path.replace("/", "\\") for path in paths), why)


def _take(plan: ConfigPlan, queue: Destination) -> Section:
    return Section(
        "inputs",
        "From Kafka. Every instance of the group gets partitions of its own.",
        (
            Line("name", "kafka"),
            Line("tag", f"{TAG}.kafka"),
            Line("brokers", queue.host),
            Line("topics", queue.path),
            Line(
                "group_id", plan.group, "where reading goes on after a restart is kept by Kafka for this name"
            ),
            Line("format", "none", "the line is under 'payload', its key under 'key'"),
            Line("rdkafka.auto.offset.reset", "earliest", "a new group begins with what is there already"),
            Line("storage.type", "filesystem", "the spool; an offset is committed once the record is there"),
        ),
    )


def _filter(plan: ConfigPlan) -> Section:
    return Section(
        "filters",
        f"exnorm: each line becomes a record with the finished line under '{plan.format}'.",
        (
            Line("name", "exchange"),
            Line("match", f"{TAG}.*"),
            *(_read_queued() if plan.queue is not None else ()),
            *(Line(name, value) for name, value in _settings(plan).items()),
        ),
    )


def _read_queued() -> Iterator[Line]:
    yield Line("key_name", "payload")
    yield Line("file_key", "key", "server and path: exnorm keeps the logs of several files apart by it")
    yield Line("read_header", False, "the file is on another machine")


def _find_key(plan: ConfigPlan, match: str) -> Section:
    what = "server and path, so that the lines of a log stay in their order" if plan.format == RAW else (
        "what all rows of one message share, so that they meet in one partition"
    )  # fmt: skip
    return Section(
        "filters",
        f"Kafka's key: {what}.",
        (
            Line("name", "lua"),
            Line("match", match),
            Line("call", "set_key"),
            Line(
                "code",
                f"function set_key(tag, time, r) r['key'] = {_KEYS[plan.format]} return 2, time, r end",
            ),
        ),
    )


def _mark(plan: ConfigPlan, match: str) -> Section:
    return Section(
        "filters",
        "What exnorm left alone (a wrong key, a broken reload, an error) has nothing to deliver.",
        (
            Line("name", "modify"),
            Line("match", match),
            Line("condition", f"Key_does_not_exist {_finished_key(plan)}"),
            Line("add", f"{LEFT_ALONE} yes"),
        ),
    )


def _finished_key(plan: ConfigPlan) -> str:
    """Return a key that only records finished by exnorm have."""
    return "exnorm_id" if plan.format == "json" else plan.format


def _set_apart(plan: ConfigPlan, match: str) -> Section:
    return Section(
        "filters",
        "That, and lines that did not parse, must not reach the SIEM as empty messages.",
        (
            Line("name", "rewrite_tag"),
            Line("match", match),
            Line("rule", f"${LEFT_ALONE} yes {UNPARSED_TAG}.$TAG false"),
            Line("emitter_name", "unparsed"),
            Line("emitter_storage.type", "filesystem"),
        ),
    )


def _to_service(plan: ConfigPlan) -> Section:
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


def _back(plan: ConfigPlan) -> Section:
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


def _deliver(plan: ConfigPlan, match: str) -> Section:
    to = plan.destination
    title = f"{plan.format.upper()} to {to.title}"
    if to.mode == "kafka":
        return Section("outputs", title, (*_produce(match, to.host, to.path), *_shape_message(plan)))
    if to.mode == "file":
        folder, name = _split_path(to.path)
        form = (Line("format", "plain"),) if plan.format == "json" else (
            Line("format", "template"), Line("template", "{" + plan.line_key + "}"),
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
            Line("syslog_message_key", plan.line_key),
            Line("syslog_maxsize", _SYSLOG_BYTES, "default: cut at 1024; let the receiver take it"),
            Line("retry_limit", "no_limits"),
        ),
    )  # fmt: skip


def _shape_message(plan: ConfigPlan) -> Iterator[Line]:
    if plan.format == "json":
        yield Line("format", "json")
        yield Line("timestamp_key", "shipped", "the event has an @timestamp of its own")
    else:
        yield Line("format", "raw")
        yield Line("raw_log_key", plan.line_key)


def _produce(match: str, brokers: str, topic: str) -> Iterator[Line]:
    """Yield the lines of an output to a topic of Kafka, except its format."""
    yield Line("name", "kafka")
    yield Line("match", match)
    yield Line("brokers", brokers)
    yield Line("topics", topic)
    yield Line("message_key_field", "key")
    yield Line("queue_full_retries", 0, "wait for room; the default gives a record up after ten tries")
    yield Line("rdkafka.message.timeout.ms", 0, "the default drops what was not sent for five minutes")
    yield Line("rdkafka.enable.idempotence", "true", "acknowledged by every replica, in order, once")
    yield Line("rdkafka.partitioner", "murmur2_random", "as Logstash and Java do: one key, one partition")
    yield Line("rdkafka.message.max.bytes", _KAFKA_BYTES, "the topic's max.message.bytes must be as large")
    yield Line("retry_limit", "no_limits")


def _tls(plan: ConfigPlan) -> Iterator[Line]:
    if plan.destination.mode == "tls":
        yield Line("tls", True)
        yield Line("tls.verify", True)
        yield Line("tls.verify_hostname", True)
        if plan.ca:
            yield Line("tls.ca_file", plan.ca)


def _keep_unparsed(plan: ConfigPlan) -> Section:
    if plan.destination.mode == "kafka":
        topic = f"{plan.destination.path}.unparsed"
        return Section(
            "outputs",
            "What did not parse, each line unchanged and with its reason.",
            (*_produce(f"{UNPARSED_TAG}.*", plan.destination.host, topic), Line("format", "json")),
        )
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


def _settings(plan: ConfigPlan) -> dict[str, str]:
    """Return exnorm's settings: taxonomy and format first, then the requested ones."""
    taxonomy = FORMATS[plan.format]
    first = {"taxonomy": taxonomy} if taxonomy else {}
    if plan.destination.mode == "kafka":
        first["correlation"] = "on"
    return {**first, "format": plan.format, **plan.settings}


def serve_command(plan: ConfigPlan) -> str:
    """Return the command that runs the service which a config without the plugin needs."""
    settings = _settings(plan).items()
    options = "".join(f" --{name.replace('_', '-')} {quote_word(value, plan.on)}" for name, value in settings)
    return (
        f"exnorm fluentbit serve --listen {_address(plan.service)} --forward {_address(plan.back)}{options}"
    )


def _address(pair: tuple[str, int]) -> str:
    host, port = pair
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def quote_word(text: str, on: str) -> str:
    """A word of a command: for a shell of POSIX, or, where ``on`` is ``windows``, for PowerShell."""
    if re.fullmatch(r"[A-Za-z0-9_./:@-]+", text) and not text.startswith("@"):
        return text
    return "'" + text.replace("'", "''" if on == "windows" else "'\\''") + "'"


def _join(folder: str, name: str) -> str:
    slash = "\\" if "\\" in folder and "/" not in folder else "/"
    return folder.rstrip(slash) + slash + name


def is_of_windows(folder: str) -> bool:
    """Whether a path is one of Windows, wherever the config is made."""
    return re.match(r"[A-Za-z]:|\\\\", folder) is not None or ("\\" in folder and "/" not in folder)


def _escape(folder: str) -> str:
    """Return a folder as a pattern of glob(3) that matches it alone; on Windows only ``*`` and ``?`` are
    special.
    """
    return folder if is_of_windows(folder) else re.sub(r"[*?[]", r"[\g<0>]", folder)


def _split_path(path: str) -> tuple[str, str]:
    at = max(path.rfind("/"), path.rfind("\\"))
    return path[: at or 1] if at >= 0 else "", path[at + 1 :]


# --- the two formats -----------------------------------------------------------------------------


def render_yaml(plan: ConfigPlan) -> str:
    """Return the config as YAML (Fluent Bit 2.2 and later)."""
    sections = describe(plan)
    lines = _heading(plan, "yaml")
    for section in sections:
        if section.kind == "service":
            lines += [f"# {section.title}", "service:", *_yaml_lines(section.lines, "  ", "  ")]
        elif section.kind == "plugins":
            lines += ["", "plugins:", f"  - {_yaml_word(section.lines[0].value)}"]
    lines += ["", "pipeline:"]
    for kind in ("inputs", "filters", "outputs"):
        if any(section.kind == kind for section in sections):
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


def render_classic(plan: ConfigPlan) -> str:
    """Return the config in the classic format."""
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


def _classic_plugins(plan: ConfigPlan) -> Iterable[str]:
    if _fits_classic(plan.plugin):
        return ("# exnorm's filter", "[PLUGINS]", f"    {plan.plugin} on", "")
    return ()


def _fits_classic(path: str) -> bool:
    """Return whether a path works as a key of the classic format, which lower-cases keys and ends them at a
    blank.
    """
    return path == path.lower() and " " not in path


def _classic_word(value: Word) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def _heading(plan: ConfigPlan, form: str) -> list[str]:
    loads = plan.normalizes and bool(plan.plugin)
    extra = form == "classic" and loads and not _fits_classic(plan.plugin)
    load = f" -e {quote_word(plan.plugin, plan.on)}" if extra else ""
    what = "normalized by exnorm, as " if plan.normalizes else ""
    origin = f" from {plan.queue.title}" if plan.queue is not None else ""
    lines = [
        f"# Microsoft Exchange logs{origin}, {what}{plan.format.upper()} to {plan.destination.title}.",
        f"# Written by: exnorm fluentbit config. Check it: fluent-bit --dry-run{load} -c FILE",
        f"# The folder {plan.state} must be there, and Fluent Bit must be able to write to it.",
    ]
    if plan.needs_service:
        lines += ["# Beside it runs the service, kept running by the system:", f"#   {serve_command(plan)}"]
    return [*lines, ""]
