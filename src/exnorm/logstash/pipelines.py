"""Complete Logstash pipelines, ready to copy, with each pitfall beside the line it concerns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from exnorm.errors import SettingsError, quote
from exnorm.logstash import kafka
from exnorm.model import Field
from exnorm.taxonomies.arcsight.fields import ARCSIGHT

FOLDER = "/etc/logstash/exnorm"
_ON_WINDOWS = {"/etc/logstash/": "C:/logstash/config/", "/var/log/logstash/": "C:/ProgramData/logstash/"}
"""The places of a package of Linux, and the same where Logstash for Windows was unpacked."""


@dataclass(frozen=True)
class Choice:
    """The choices for a pipeline.

    ``read`` is where the logs come from (a key of ``INPUTS``), ``send`` what the SIEM gets (a key of
    ``FORMATS``), ``way`` how Logstash and exnorm talk (a key of ``WAYS``). ``paths`` are the wildcards of
    the file input, ``sincedb`` where it keeps its positions, ``folder`` where the files will lie. Where
    ``to`` is ``kafka``, finished lines go to a topic in the place of the SIEM. ``on`` is the system that
    Logstash runs on, ``linux`` or ``windows``.
    """

    read: str = "beats"
    send: str = "cef"
    way: str = "native"
    siem_host: str = "siem.example.com"
    siem_port: int = 514
    paths: tuple[str, ...] = (
        "C:/Program Files/Microsoft/Exchange Server/V15/TransportRoles/Logs/MessageTracking/*.LOG",
    )
    sincedb: str = "C:/ProgramData/logstash/exnorm.sincedb"
    folder: str = FOLDER
    on: str = "linux"
    to: str = "siem"
    brokers: str = kafka.BROKERS


@dataclass(frozen=True)
class Format:
    """One format for a SIEM: the settings of exnorm, and the output that sends it."""

    title: str
    options: str
    output: str


WAYS: Mapping[str, str] = {
    "native": "the logstash output and input, Logstash 8.11 and newer",
    "http": "the http output and input, Logstash 8.0 to 8.10",
    "filter": "one request for each event, for low volume",
}

WITHOUT = "none"
"""The way without exnorm: raw lines to Kafka, or finished ones from it to the SIEM."""

# --- where the logs come from --------------------------------------------------------------------

INPUTS: Mapping[str, str] = {
    "beats": """\
input {
  beats {
    host => "0.0.0.0"
    port => 5044
    # Without TLS anybody on the network can read your mail logs, and write to them:
    #   ssl_enabled => true
    #   ssl_certificate => "/etc/logstash/beats.crt"
    #   ssl_key => "/etc/logstash/beats.key"
    # Filebeat: one `filestream` over ...\\Exchange Server\\V15\\TransportRoles\\Logs, WITHOUT multiline,
    # include_lines, exclude_lines or a dissect processor: exnorm needs every line as it is, the header
    # lines that begin with # too (they name the columns).
  }
}
""",
    "file": """\
input {
  file {
    # Forward slashes on Windows too; with backslashes nothing is ever found, and nothing says so.
    path => @PATHS@
    mode => "tail"
    # The default, "end", skips what is in a file when it is found first: its header and its first rows.
    start_position => "beginning"
    # Without a path of its own, two pipelines with the same `path` overwrite each other's positions.
    sincedb_path => @SINCEDB@
    # Exchange begins a file every hour: close the old ones, or Windows cannot delete them.
    close_older => "1 hour"
    # This input gets no acknowledgement: rows read but not yet in the persistent queue are lost when
    # Logstash is killed. Filebeat with the beats input loses none.
  }
}
""",
    "kafka": "",  # made by kafka.render_input
}

# --- to exnorm and back --------------------------------------------------------------------------

_TO_EXNORM = {
    "native": """\
output {
  logstash {
    hosts => ["127.0.0.1:9801"]  # `exnorm logstash serve`
    # TLS is the default; without this line nothing arrives. exnorm serves TLS with --tls-cert and --tls-key,
    # and takes nothing else on an address that other machines can reach.
    ssl_enabled => false
    # 429, 500, 502, 503, 504 and a lost connection are tried again, for ever. Any other 4xx drops the
    # batch for good: a wrong password (401) here is lost mail logs, so try it before you rely on it.
    # @metadata does not go over this connection: copy what you need into a field first.
  }
}
""",
    "http": """\
output {
  http {
    url => "http://127.0.0.1:9801/"  # `exnorm logstash serve`
    http_method => "post"
    format => "json_batch"           # the default, "json", is one request for each event
    http_compression => true
    # 429, 500, 502, 503 and 504 are tried again by default. Leave retryable_codes alone: exnorm answers
    # 503 while the next hop is away, and a code that is not in the list drops the batch.
    retry_failed => true
  }
}
""",
}

_FROM_EXNORM = {
    "native": """\
input {
  logstash {
    host => "127.0.0.1"   # the default is every address of the machine
    port => 9800          # `exnorm logstash serve --forward http://127.0.0.1:9800`
    ssl_enabled => false  # TLS is the default and asks for a certificate; without this line it does not start
  }
}
""",
    "http": """\
input {
  http {
    host => "127.0.0.1"  # the default is every address of the machine
    port => 9800         # `exnorm logstash serve --forward http://127.0.0.1:9800`
    # The default, plain, would make one event of a whole batch.
    codec => json_lines
    additional_codecs => {}
    # In ECS mode this input writes its own url, user_agent and http fields over the event's.
    ecs_compatibility => "disabled"
    remote_host_target_field => "[@metadata][remote_host]"
    request_headers_target_field => "[@metadata][request_headers]"
  }
}
""",
}

_UNPARSED = """\
    # Nothing is thrown away: what did not parse is here as it came, with the reason in [error][reason],
    # and so is what was not of Exchange at all.
    file {
      path => "/var/log/logstash/exnorm-unparsed-%{+YYYY-MM-dd}.ndjson"
      codec => json_lines
    }
"""

_OUTAGE = """\
if "_httprequestfailure" in [tags] {
    # exnorm did not answer: nothing is wrong with these rows, and they have not reached the SIEM. The way
    # back, once it runs again: exnorm logstash pipe @OPTIONS@ < FILE
    # and what that writes goes to the SIEM. The native way needs no such file: there the queue waits.
    file {
      path => "/var/log/logstash/exnorm-outage-%{+YYYY-MM-dd}.ndjson"
      codec => json_lines
    }
  } else \
"""

_TCP = """\
    tcp {
      host => "@HOST@"
      port => @PORT@
      # This output gets no acknowledgement: what is in the socket when the SIEM goes away is lost, and
      # no queue can know. Keep the SIEM's collector on this machine or near it.
@CODEC@    }
"""

_LINE_CEF = """\
      # The line is finished. `codec => cef` would write it a second time, and escape it twice.
      codec => line { format => "%{cef}" }
      # A receiver that wants a syslog header before it:
      #   codec => line { format => "<13>%{+MMM dd HH:mm:ss} %{[host][name]} %{cef}" }
"""
_LINE_JSA = """\
      # JSA finds the log source by the host in the syslog header: without one, every event is of the
      # machine Logstash runs on. The line itself is finished; any other codec would write it anew.
      codec => line { format => "<13>%{+MMM dd HH:mm:ss} %{[host][name]} %{@FIELD@}" }
"""


def _write_codec(names: Iterable[str], header: Mapping[str, str], ecs: str) -> str:
    """Return ``codec => cef`` over our JSON; ``names`` are the fields it writes, ``header`` those of its
    header.
    """
    options = "\n".join(f'        {key} => "%{{{name}}}"' for key, name in header.items())
    fields = "\n".join(f'          "{name}",' for name in names).rstrip(",")
    return f"""\
      codec => cef {{
        ecs_compatibility => "{ecs}"
        reverse_mapping => true   # without it the keys are full names, which ArcSight does not read
        delimiter => "\\n"         # without it all events are one line
{options}
        # The codec writes only what is listed here, and @timestamp in a form that it cannot read itself:
        # deviceReceiptTime (rt) is the time.
        fields => [
{fields}
        ]
      }}
"""


def _reference(dotted: str) -> str:
    """Return ``source.ip`` as Logstash's reference ``[source][ip]``; a name at top level as it is."""
    return "".join(f"[{part}]" for part in dotted.split(".")) if "." in dotted else dotted


_HEADER_OPTIONS = ("vendor", "product", "version", "signature", "name", "severity")

_KEEP_HOST = """\
filter {
  # A %{reference} to a field that is not there is written as it stands.
  if ![host][name] { mutate { add_field => { "[host][name]" => "exchange" } } }
}
"""


def _codec_filter(version: str, wants_time: bool) -> str:
    time = """\
  # In ECS shape the event's time is @timestamp alone; CEF needs it as milliseconds.
  ruby { code => 'event.set("deviceReceiptTime", (event.timestamp.time.to_r * 1000).to_i)' }
"""
    return f"""\
filter {{
  # A log without a header names no version; the codec would write "%{{...}}", or its own version 1.0.
  if !{version} {{ mutate {{ add_field => {{ "{version}" => "unknown" }} }} }}
{time if wants_time else ""}}}
"""


def _list_names(ecs: bool) -> list[str]:
    """Return the fields that ``codec => cef`` must write.

    Of two fields with one ECS name, our JSON writes the later one under its own name.
    """
    names: list[str] = []
    for field in ARCSIGHT.fields:
        if not field.header and field.key not in _UNKNOWN_TO_THE_CODEC:
            name = _ecs_name(field) if ecs else field.name
            names.append(field.name if name in names else name)
    return names


# Keys of CEF 1.2 that Logstash's codec would write under their full names, which no receiver knows.
_UNKNOWN_TO_THE_CODEC = ("dTranslatedZoneKey", "dZoneKey", "sTranslatedZoneKey", "sZoneKey")


def _list_header(ecs: bool) -> dict[str, str]:
    fields = sorted((field for field in ARCSIGHT.fields if field.header), key=lambda field: field.header)
    return {
        option: _reference(field.ecs) if ecs else field.name for option, field in zip(_HEADER_OPTIONS, fields)
    }


def _ecs_name(field: Field) -> str:
    return _reference(field.ecs) if field.ecs and not field.ecs.startswith("@") else field.name


FORMATS: Mapping[str, Format] = {
    "cef": Format("CEF lines for ArcSight", "--taxonomy arcsight --format cef", _LINE_CEF),
    "leef": Format(
        "LEEF lines for JSA", "--taxonomy jsa --format leef", _LINE_JSA.replace("@FIELD@", "leef")
    ),
    "wincollect": Format(
        "the native payload for JSA's Exchange DSM",
        "--taxonomy jsa --format wincollect",
        _LINE_JSA.replace("@FIELD@", "wincollect"),
    ),
    "codec-cef": Format(
        "JSON in the shape `full`, written as CEF by Logstash's own codec",
        "--taxonomy arcsight --format json --fields full",
        _write_codec(_list_names(ecs=False), _list_header(ecs=False), "disabled"),
    ),
    "codec-cef-ecs": Format(
        "JSON in the shape `ecs`, written as CEF by Logstash's own codec",
        "--taxonomy arcsight --format json --fields ecs",
        _write_codec(_list_names(ecs=True), _list_header(ecs=True), "v8"),
    ),
}

_FILTERS = {
    "codec-cef": _codec_filter("[deviceVersion]", wants_time=False),
    "codec-cef-ecs": _codec_filter("[observer][version]", wants_time=True),
}

_FILTER_HTTP = """\
filter {
  http {
    url => "http://127.0.0.1:9801/v1/normalize"  # `exnorm logstash serve`; --forward is not needed
    verb => "POST"
    body_format => "json"
    body => {
      "message" => "%{message}"
      # A %{reference} to a field that is not there is sent as it stands: with the file input and
      # ECS switched off, write %{path}.
      "filename" => "%{[log][file][path]}"
      "host" => { "name" => "%{[host][name]}" }
    }
    target_body => "[@metadata][exnorm]"  # mandatory in ECS mode
    target_headers => "[@metadata][exnorm_headers]"
    retry_non_idempotent => true  # without it a POST is never tried again
    automatic_retries => 3
    # One request at a time for each worker: some hundred events a second. For more, take the native way.
  }
  if "_httprequestfailure" not in [tags] {
    # with --per-recipient an array comes back: one event for each
    if [@metadata][exnorm][0] { split { field => "[@metadata][exnorm]" } }
    if "_exnormdropped" in [@metadata][exnorm][tags] { drop {} }  # a header line, or left out by the profile
    ruby {
      # @timestamp cannot be set to a text (it raises TypeError): the date filter below does that.
      code => '
        event.remove("message")
        event.get("[@metadata][exnorm]").each do |name, value|
          next if name.start_with?("@") || ["host", "filename"].include?(name)  # the event has its own
          name == "tags" ? value.each { |tag| event.tag(tag) } : event.set(name, value)
        end
      '
    }
    date { match => ["[@metadata][exnorm][@timestamp]", "ISO8601"] }
  }
}
"""

# What an event has when, and only when, exnorm made it; otherwise it is the finished line itself.
_MARKS = {"codec-cef": "[deviceEventClassId]", "codec-cef-ecs": "[cef][name]"}

# --- putting them together -----------------------------------------------------------------------


def render_pipelines(choice: Choice) -> dict[str, str]:
    """Return every file of a choice, by file name: ``pipelines.yml`` first, then the files it names."""
    files = _render_pipelines(choice)
    return files if choice.on == "linux" else {name: _move(text) for name, text in files.items()}


def _move(text: str) -> str:
    """A file with the places of Windows."""
    for place, there in _ON_WINDOWS.items():
        text = text.replace(place, there)
    return text


def _render_pipelines(choice: Choice) -> dict[str, str]:
    if choice.to == "kafka" and choice.send not in kafka.KEYS:
        raise SettingsError(f"to: kafka takes finished lines, {', '.join(kafka.KEYS)}; got {choice.send}")
    if choice.way == WITHOUT:
        return _render_without(choice)
    if choice.way == "filter":
        inline = _render_inline(choice)
        name = f"exchange-inline-{choice.read}-{choice.send}.conf"
        return {"pipelines.yml": _render_yml(choice, [("exchange-inline", name)]), name: inline}
    suffix = "-http" if choice.way == "http" else ""
    target = "-kafka" if choice.to == "kafka" else ""
    names = f"exchange-in-{choice.read}{suffix}.conf", f"exchange-out-{choice.send}{suffix}{target}.conf"
    receiver = "Kafka" if choice.to == "kafka" else "the SIEM"
    return {
        "pipelines.yml": _render_yml(choice, list(zip(("exchange-in", "exchange-out"), names))),
        names[0]: _head(choice, f"Exchange logs from {choice.read} to exnorm.")
        + _render_input(choice)
        + "\n"
        + _TO_EXNORM[choice.way],
        names[1]: _head(choice, f"From exnorm to {receiver}: {FORMATS[choice.send].title}.")
        + _FROM_EXNORM[choice.way]
        + "\n"
        + _render_filter(choice)
        + "\n"
        + _render_output(choice),
    }


def render_folder() -> dict[str, str]:
    """Return the files of logstash/: every input and format for the native way, and one for each
    other way.
    """
    files: dict[str, str] = {}
    for choice in [
        *(Choice(read, send) for read in INPUTS for send in FORMATS),
        *(Choice(way=way) for way in WAYS if way != "native"),
        *(Choice(send=send, to="kafka") for send in kafka.KEYS),
        Choice(way=WITHOUT, to="kafka"),
        *(Choice("kafka", send, WITHOUT) for send in kafka.KEYS),
    ]:
        for name, text in render_pipelines(choice).items():
            files.setdefault(name, text)
    return files


def _render_without(choice: Choice) -> dict[str, str]:
    """Return pipelines for raw lines to Kafka, or for finished ones from it to the SIEM."""
    head = f"Written by `exnorm logstash config --way {WITHOUT}`; exnorm does not run beside it.\n\n"
    if choice.to == "kafka" and choice.read != "kafka":
        name, what = (
            f"exchange-{choice.read}-raw-to-kafka.conf",
            "Raw lines to Kafka, to be normalized behind it.",
        )
        text = _render_input(choice) + "\n" + kafka.render_raw_output(choice.brokers)
    elif choice.to != "kafka" and choice.read == "kafka" and choice.send in kafka.KEYS:
        name = f"exchange-kafka-to-siem-{choice.send}.conf"
        what = f"From Kafka to the SIEM: {FORMATS[choice.send].title}."
        text = "\n".join(
            (
                kafka.render_input(choice.brokers, kafka.EVENTS_TOPIC),
                kafka.render_finished_filter(choice.send),
                _KEEP_HOST,
                _render_output(choice),
            )
        )
    else:
        raise SettingsError("way: none sends raw lines to Kafka, or finished ones from Kafka to the SIEM")
    return {
        "pipelines.yml": _render_yml(choice, [(name.removesuffix(".conf"), name)]),
        name: f"# {what} {head}{text}",
    }


def _render_filter(choice: Choice) -> str:
    if choice.to == "kafka":
        return kafka.render_key_filter(choice.send)
    return _FILTERS.get(choice.send, _KEEP_HOST)


def read_siem(text: str, choice: Choice) -> Choice:
    """Return the choice with the SIEM's ``host:port`` in it."""
    host, _, port = text.rpartition(":")
    if (
        not host
        or not port.isascii()
        or not port.isdigit()
        or not 0 < int(port) < 65536
        or not _is_plain(host)
    ):
        raise SettingsError(f"siem: got {quote(text)}; expected host:port, such as siem.example.com:514")
    return replace(choice, siem_host=host, siem_port=int(port))


def _is_plain(host: str) -> bool:
    return all(character.isalnum() or character in ".-:[]_" for character in host)


def _head(choice: Choice, title: str) -> str:
    return f"# {title} Written by `exnorm logstash config`.\n# Runs beside: {_serve_command(choice)}\n\n"


def _serve_command(choice: Choice) -> str:
    forward = "" if choice.way == "filter" else " --forward http://127.0.0.1:9800"
    options = FORMATS[choice.send].options + (" --correlation" if choice.to == "kafka" else "")
    return f"exnorm logstash serve --listen 127.0.0.1:9801{forward} {options}"


def _render_input(choice: Choice) -> str:
    if choice.read == "kafka":
        return kafka.render_input(choice.brokers, kafka.RAW_TOPIC)
    paths = [_quote_path("paths", path.replace("\\", "/")) for path in choice.paths]
    listed = "[ " + ", ".join(paths) + " ]"
    if len(paths) > 1:
        listed = "[\n" + ",\n".join(f"      {path}" for path in paths) + "\n    ]"
    sincedb = _quote_path("sincedb", choice.sincedb.replace("\\", "/"))
    return INPUTS[choice.read].replace("@PATHS@", listed).replace("@SINCEDB@", sincedb)


def _quote_path(name: str, path: str) -> str:
    """Return a path as a text of a pipeline, which has no escapes by default and expands ``${NAME}``."""
    if '"' in path or "${" in path or not path.isprintable():
        raise SettingsError(
            f"{name}: got {quote(path)}; no quotes, control characters and '${{' in a pipeline"
        )
    return f'"{path}"'


def _render_output(choice: Choice) -> str:
    tcp = (
        _TCP.replace("@CODEC@", FORMATS[choice.send].output)
        .replace("@HOST@", choice.siem_host)
        .replace("@PORT@", str(choice.siem_port))
    )
    if choice.to == "kafka":
        tcp = kafka.render_events_output(choice.brokers, choice.send)
    failed = '"_exnormparsefailure" in [tags]'
    outage = _OUTAGE.replace("@OPTIONS@", FORMATS[choice.send].options) if choice.way == "filter" else ""
    failed += f" or !{_MARKS.get(choice.send, f'[{choice.send}]')}"
    return f"output {{\n  {outage}if {failed} {{\n{_UNPARSED}  }} else {{\n{tcp}  }}\n}}\n"


def _render_inline(choice: Choice) -> str:
    return (
        _head(choice, f"Exchange logs from {choice.read}, normalized in line, to the SIEM.")
        + "\n".join((_render_input(choice), _FILTER_HTTP, _FILTERS.get(choice.send, _KEEP_HOST)))
        + "\n"
        + _render_output(choice)
    )


def _render_yml(choice: Choice, pipelines: list[tuple[str, str]]) -> str:
    beside = "" if choice.way == WITHOUT else f"# Runs beside: {_serve_command(choice)}\n"
    head = f"""\
# Append this to /etc/logstash/pipelines.yml; the files it names go to {choice.folder}.
{beside}# Logstash reads this file only when it is started without -e, -f and path.config.
"""
    entries = (_render_pipeline(choice.folder, number, *named) for number, named in enumerate(pipelines))
    return head + "\n".join(entries)


_TRAPS = (
    ("queue.type: persisted", "off by default: what is in memory is lost when Logstash is killed"),
    ("queue.max_bytes: 4gb", "when it is full Logstash stops reading: room for the longest outage"),
    (
        "queue.checkpoint.writes: 32",
        "1024 by default: so many events may be lost at a power cut; 1 costs three quarters of the rate",
    ),
    ("pipeline.workers: 1", "several workers swap batches: rows would come before their own header"),
    ('pipeline.ordered: "true"', "refuses to start rather than swap, should somebody raise the workers"),
    ("pipeline.ecs_compatibility: v8", "the file's name is then in [log][file][path]"),
)


def _render_pipeline(folder: str, number: int, name: str, file: str) -> str:
    lines = [f"- pipeline.id: {name}", f'  path.config: "{folder}/{file}"']
    for setting, trap in _TRAPS:
        lines.append(f"  {setting}  # {trap}" if number == 0 else f"  {setting}")
    return "\n".join(lines) + "\n"
