from __future__ import annotations

import glob
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from exnorm.cli import run
from exnorm.errors import SettingsError
from exnorm.fluentbit.build import FILE_NAME, BuildError, build, site_path
from exnorm.fluentbit.configs import (
    READY_PLUGIN,
    ConfigPlan,
    Destination,
    name_servers,
    quote_word,
    read_destination,
    render_classic,
    render_ready,
    render_yaml,
    serve_command,
)

ROOT = Path(__file__).parents[2]
BINARY = os.environ.get("FLUENT_BIT") or shutil.which("fluent-bit")
KAFKA = Destination("kafka", "a:9092", path="exchange.events")
TCP = Destination("tcp", "siem.example", 514)
needs_fluent_bit = pytest.mark.skipif(BINARY is None, reason="no Fluent Bit: set FLUENT_BIT or PATH")


def load(plan: ConfigPlan) -> Any:
    return yaml.safe_load(render_yaml(plan))


def part(config: Any, kind: str, name: str) -> list[Any]:
    return [section for section in config["pipeline"][kind] if section["name"] == name]


def read_classic(text: str) -> list[tuple[str, dict[str, str]]]:
    """A classic config as Fluent Bit's documents describe it: [SECTION], then a key and its value a line."""
    sections: list[tuple[str, dict[str, str]]] = []
    for line in text.splitlines():
        if line.startswith("["):
            sections.append((line.strip("[]"), {}))
        elif line.strip() and not line.strip().startswith("#"):
            key, value = line.split(None, 1)
            sections[-1][1][key] = value
    return sections


# --- what it says --------------------------------------------------------------------------------


def test_each_server_has_an_input_with_its_own_wildcard_tag_and_offsets() -> None:
    config = load(
        ConfigPlan(("/mnt/ex01", "/mnt/ex02"), TCP, "cef", patterns=("MSGTRK*.LOG", "MSGTRKMD*.LOG"))
    )
    tails = part(config, "inputs", "tail")
    assert [t["path"] for t in tails] == [
        "/mnt/ex01/MSGTRK*.LOG,/mnt/ex01/MSGTRKMD*.LOG",
        "/mnt/ex02/MSGTRK*.LOG,/mnt/ex02/MSGTRKMD*.LOG",
    ]
    assert [t["tag"] for t in tails] == ["exchange.ex01", "exchange.ex02"]
    assert len({t["db"] for t in tails}) == 2


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        (("/mnt/ex01/TransportRoles/Logs/MessageTracking",), ["ex01"]),
        ((r"C:\Program Files\Microsoft\Exchange Server\V15\TransportRoles\Logs",), ["server01"]),
        ((r"\\EX01.corp\logs$", r"\\EX02.corp\logs$"), ["ex01-corp", "ex02-corp"]),
        (
            ("/mnt/ex01/Logs/A", "/mnt/ex01/Logs/B", "/mnt/ex02/Logs/A"),
            ["ex01-logs-a", "ex01-logs-b", "ex02-logs-a"],
        ),
        (("/mnt/EX 01/", "/mnt/ex-01"), ["ex-01", "ex-01-02"]),
        (("/logs", "/logs/ex02"), ["server01", "ex02"]),
        (("/",), ["server01"]),
        ((), []),
    ],
)
def test_a_server_is_named_by_what_tells_its_folder_from_others(
    folders: tuple[str, ...], names: list[str]
) -> None:
    assert name_servers(folders) == names


def test_a_relative_folder_is_taken_as_the_whole_path(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["fluentbit", "config", "ex01", r"D:\ex02", "--to", "tcp://siem:514"]) == 0
    out = capsys.readouterr().out
    assert f"path: {tmp_path}/ex01/MSGTRK*.LOG" in out
    assert r"D:\ex02\MSGTRK*.LOG" in out


@pytest.mark.parametrize("plugin", ["", "/x/flb-filter_exchange.so"])
def test_what_the_delivery_depends_on_is_switched_on(plugin: str) -> None:
    config = load(ConfigPlan(("/mnt/ex01",), TCP, "cef", plugin=plugin))
    assert config["service"]["storage.path"]
    for section in config["pipeline"]["inputs"]:
        assert section["storage.type"] == "filesystem"
    for section in config["pipeline"]["outputs"]:
        assert section["retry_limit"] == "no_limits"
    tail = part(config, "inputs", "tail")[0]
    assert (tail["buffer_max_size"], tail["buffer_chunk_size"], tail["path_key"]) == (
        "2m",
        "512k",
        "filename",
    )
    if not plugin:
        assert part(config, "outputs", "forward")[0]["require_ack_response"] is True
        assert part(config, "inputs", "forward")[0]["buffer_max_size"] == "64m"


def test_what_comes_back_matches_no_rule_that_sends() -> None:
    config = load(ConfigPlan(("/mnt/ex01",), TCP, "cef"))
    sends = part(config, "outputs", "forward")[0]["match"]
    back = "normalized." + part(config, "inputs", "tail")[0]["tag"]
    assert not re.fullmatch(re.escape(sends).replace(r"\*", ".*"), back)
    delivers = part(config, "outputs", "syslog")[0]["match"]
    assert re.fullmatch(re.escape(delivers).replace(r"\*", ".*"), back)


@pytest.mark.parametrize(("form", "taxonomy"), [("cef", "arcsight"), ("leef", "jsa"), ("wincollect", "jsa")])
def test_the_format_brings_its_taxonomy_and_is_the_message(form: str, taxonomy: str) -> None:
    config = load(ConfigPlan(("/mnt/ex01",), TCP, form, plugin="/x/flb-filter_exchange.so"))
    found = part(config, "filters", "exchange")[0]
    assert (found["taxonomy"], found["format"]) == (taxonomy, form)
    syslog = part(config, "outputs", "syslog")[0]
    assert (syslog["syslog_message_key"], syslog["mode"], syslog["port"]) == (form, "tcp", 514)
    assert syslog["syslog_maxsize"] >= 65536


def test_tls_is_verified() -> None:
    plan = ConfigPlan(("/mnt/ex01",), Destination("tls", "siem.example", 6514), "cef", ca="/etc/ca.pem")
    syslog = part(load(plan), "outputs", "syslog")[0]
    assert (syslog["tls"], syslog["tls.verify"], syslog["tls.verify_hostname"]) == (True, True, True)
    assert syslog["tls.ca_file"] == "/etc/ca.pem"


@pytest.mark.parametrize(("form", "key"), [("cef", "cef"), ("leef", "leef"), ("json", "exnorm_id")])
def test_what_has_nothing_to_deliver_goes_to_the_unparsed_output(form: str, key: str) -> None:
    plan = ConfigPlan(
        ("/mnt/ex01",), Destination("file", path="/a/b"), form, plugin="/x/flb-filter_exchange.so"
    )
    filters = load(plan)["pipeline"]["filters"]
    assert [section["name"] for section in filters] == ["exchange", "modify", "rewrite_tag"]
    assert filters[1]["condition"] == f"Key_does_not_exist {key}"
    assert filters[1]["add"].split() == filters[2]["rule"].lstrip("$").split()[:2]
    assert filters[2]["rule"].split()[2:] == ["unparsed.$TAG", "false"]


@pytest.mark.parametrize("name", ["logs", "logs [1]", "what?", "all*", "[a-z]", "]", "a[!b]c"])
def test_the_pattern_of_a_folder_matches_that_folder_and_no_other(name: str, tmp_path: Path) -> None:
    for folder in (name, "logs 1", "whatx", "allx", "q"):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "MSGTRK1.LOG").write_text("")
    tail = part(load(ConfigPlan((str(tmp_path / name),), TCP, "cef")), "inputs", "tail")[0]
    assert glob.glob(tail["path"]) == [str(tmp_path / name / "MSGTRK1.LOG")]


def test_a_folder_of_windows_is_written_as_it_is() -> None:
    tail = part(load(ConfigPlan((r"D:\logs [1]",), TCP, "cef")), "inputs", "tail")[0]
    assert tail["path"] == r"D:\logs [1]\MSGTRK*.LOG"


def test_a_file_gets_the_bare_line() -> None:
    plan = ConfigPlan(("/mnt/ex01",), Destination("file", path="/var/log/exchange.cef"), "cef")
    file = next(s for s in part(load(plan), "outputs", "file") if "template" in s)
    assert (file["path"], file["file"], file["template"]) == ("/var/log", "exchange.cef", "{cef}")


def test_both_formats_say_the_same() -> None:
    plan = ConfigPlan(("/mnt/ex 01's", r"C:\logs\a"), TCP, "leef", plugin="/x/flb-filter_exchange.so")
    config = load(plan)
    sections = [
        ("SERVICE", config["service"]),
        ("PLUGINS", {config["plugins"][0]: "on"}),
        *(("INPUT", section) for section in config["pipeline"]["inputs"]),
        *(("FILTER", section) for section in config["pipeline"]["filters"]),
        *(("OUTPUT", section) for section in config["pipeline"]["outputs"]),
    ]
    words = {True: "on", False: "off"}
    expected = [
        (name, {k: words[v] if isinstance(v, bool) else str(v) for k, v in section.items()})
        for name, section in sections
    ]
    assert read_classic(render_classic(plan)) == expected


def test_the_heading_has_the_command_of_the_service_with_the_settings() -> None:
    plan = ConfigPlan(("/mnt/ex01",), TCP, "leef", settings={"profile": "security", "tz": "a b"})
    command = serve_command(plan)
    assert command == (
        "exnorm fluentbit serve --listen 127.0.0.1:24330 --forward 127.0.0.1:24331"
        " --taxonomy jsa --format leef --profile security --tz 'a b'"
    )
    assert f"#   {command}\n" in render_yaml(plan)


def test_a_plugin_with_capitals_in_its_path_is_named_on_the_command_line_for_classic() -> None:
    text = render_classic(ConfigPlan(("/mnt/ex01",), TCP, "cef", plugin="/Opt/flb-filter_exchange.so"))
    assert "[PLUGINS]" not in text
    assert "fluent-bit --dry-run -e /Opt/flb-filter_exchange.so -c FILE" in text


def test_a_topic_keeps_every_event_and_its_messages_in_order() -> None:
    config = load(ConfigPlan(("/mnt/ex01",), KAFKA, "leef", plugin="/x/flb-filter_exchange.so"))
    for output in part(config, "outputs", "kafka"):
        assert (output["retry_limit"], output["queue_full_retries"]) == ("no_limits", 0)
        assert output["rdkafka.message.timeout.ms"] == 0
        assert output["rdkafka.enable.idempotence"] == "true" or output["rdkafka.enable.idempotence"] is True
        assert output["rdkafka.partitioner"] == "murmur2_random"
    assert part(config, "filters", "exchange")[0]["correlation"]
    assert part(config, "outputs", "kafka")[0]["message_key_field"] == "key"
    assert [output["topics"] for output in part(config, "outputs", "kafka")] == [
        "exchange.events",
        "exchange.events.unparsed",
    ]


def test_raw_lines_are_keyed_by_server_and_path_and_no_exnorm_is_in_that_config() -> None:
    text = render_yaml(ConfigPlan(("/mnt/ex01",), KAFKA, "raw", normalizes=False))
    assert "'${HOSTNAME}:' .. r['filename']" in text.replace("''", "'")
    assert "exnorm fluentbit serve" not in text
    assert part(yaml.safe_load(text), "filters", "exchange") == []


@pytest.mark.parametrize(
    ("brokers", "address"),
    [("a:9093,b:9092", ("a", 9093)), ("[::1]:9093", ("::1", 9093)), ("a", ("a", 9092))],
)
def test_the_address_of_kafka_is_that_of_the_first_broker(brokers: str, address: tuple[str, int]) -> None:
    assert Destination("kafka", brokers, path="t").address == address


# --- what it refuses -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (ConfigPlan((), TCP, "cef"), "no folder given"),
        (ConfigPlan(("/a,b",), TCP, "cef"), "takes a comma in a path for the next path"),
        (ConfigPlan(("/a\n[OUTPUT]",), TCP, "cef"), "no control characters"),
        (ConfigPlan(("/a${HOME}",), TCP, "cef"), "no '${' in a config"),
        (ConfigPlan(("/a",), TCP, "cfe"), "did you mean 'cef'"),
        (ConfigPlan(("/a",), TCP, "json"), "json goes to a file"),
        (ConfigPlan(("/a",), TCP, "raw", normalizes=False), "raw lines go from folders to Kafka only"),
        (ConfigPlan(("/a",), KAFKA, "raw"), "raw lines go from folders to Kafka only"),
        (
            ConfigPlan((), TCP, "raw", queue=KAFKA, normalizes=False),
            "raw lines go from folders to Kafka only",
        ),
        (ConfigPlan(("/a",), TCP, "cef", normalizes=False), "none passes on finished lines from Kafka"),
        (ConfigPlan(("/a",), TCP, "cef", queue=KAFKA, plugin="/x"), "expected one or the other"),
        (ConfigPlan((), TCP, "cef", queue=KAFKA), "by the filter only, not by the service"),
        (ConfigPlan(("/a ",), TCP, "cef"), "blanks at the ends"),
        (ConfigPlan((r"D:\what?",), TCP, "cef"), "no folder of Windows has * or ?"),
        (ConfigPlan((r"/mnt/a\b",), TCP, "cef"), "takes a backslash in a path for an escape"),
    ],
)
def test_a_config_that_would_say_something_else_is_refused(plan: ConfigPlan, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        render_yaml(plan)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "destination"),
    [
        ("tcp://h", Destination("tcp", "h", 514)),
        ("tls://h", Destination("tls", "h", 6514)),
        ("tls://[2001:db8::1]:99", Destination("tls", "2001:db8::1", 99)),
        ("file:/a/b", Destination("file", path="/a/b")),
        ("kafka://a:9092/exchange.events", KAFKA),
        ("kafka://a:1,[::1]:2/t", Destination("kafka", "a:1,[::1]:2", path="t")),
        ("file:///a/b", Destination("file", path="/a/b")),
    ],
)
def test_a_destination_is_read(text: str, destination: Destination) -> None:
    assert read_destination(text) == destination


@pytest.mark.parametrize(
    "text",
    [
        "h:514",
        "udp://h",
        "tcp:h",
        "tcp://",
        "tcp://h:0",
        "tcp://h:70000",
        "file:",
        "x",
        "kafka://a:9092",
        "kafka:a/t",
        "kafka://a/t/u",
        "kafka:///t",
    ],
)
def test_what_is_no_destination_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^to: got "):
        read_destination(text)


# --- the command ---------------------------------------------------------------------------------


def test_the_command_prints_the_config(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--via", "service", "--hostname", "ex", "--profile", "security")
    assert run(["fluentbit", "config", "/mnt/ex01", "--to", "tcp://siem.example", *options]) == 0
    plan = ConfigPlan(("/mnt/ex01",), TCP, "cef", hostname="ex", settings={"profile": "security"})
    assert capsys.readouterr().out == render_yaml(plan)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--to", "tcp://h", "--via", "filtre"), "did you mean 'filter'"),
        (("--to", "tcp://h", "--format", "cef", "--taxonomy", "jsa"), "cef is for taxonomy arcsight"),
        (("--to", "tcp://h", "--via", "service", "--plugin", "/x"), "loads none"),
        (("--to", "tcp://h", "--via", "service", "--back-address", "unix:/x"), "expected host:port"),
        ((), "to: not given"),
    ],
)
def test_wrong_usage_prints_no_config(
    capsys: pytest.CaptureFixture[str], options: tuple[str, ...], message: str
) -> None:
    assert run(["fluentbit", "config", "/mnt/ex01", *options]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err


# --- the ready ones ------------------------------------------------------------------------------


def test_the_folder_fluentbit_holds_what_the_command_writes() -> None:
    ready = render_ready()
    base = ROOT / "fluentbit"
    written = {
        path.relative_to(base).as_posix(): path.read_text(encoding="utf-8")
        for way in ("filter", "service", "kafka")
        for path in (base / way).iterdir()
    }
    assert sorted(written) == sorted(ready)
    for name, text in ready.items():
        assert written[name] == text, f"{name} is stale: run tox -e generate"


@needs_fluent_bit
@pytest.mark.parametrize("name", [name for name in render_ready() if name.startswith("service/")])
def test_fluent_bit_accepts_every_ready_config_of_the_service(name: str) -> None:
    assert_accepted(ROOT / "fluentbit" / name)


@pytest.fixture(scope="module")
def plugin() -> Iterator[Path]:
    """The filter, built where the path has no capitals, as the ready configs have it."""
    with tempfile.TemporaryDirectory(prefix="exnorm-") as folder:
        target = Path(folder).resolve() / FILE_NAME
        if str(target) != str(target).lower():
            pytest.skip("the folder for temporary files has capitals in its path")
        try:
            build(target, site=site_path())
        except BuildError as error:
            pytest.skip(f"the filter cannot be built here: {error}")
        yield target


@needs_fluent_bit
@pytest.mark.parametrize("name", [name for name in render_ready() if name.startswith("filter/")])
def test_fluent_bit_accepts_every_ready_config_of_the_filter(name: str, tmp_path: Path, plugin: Path) -> None:
    config = tmp_path / Path(name).name
    config.write_text(render_ready()[name].replace(READY_PLUGIN, str(plugin)), encoding="utf-8")
    assert_accepted(config)


def assert_accepted(config: Path) -> None:
    assert BINARY is not None
    done = subprocess.run(
        [BINARY, "--dry-run", "-c", str(config)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "configuration test is successful" in done.stdout + done.stderr


# --- on Windows ----------------------------------------------------------------------------------

EXCHANGE = "C:/Program Files/Microsoft/Exchange Server/V15/TransportRoles/Logs/MessageTracking"


def config_on_windows(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    assert (
        run(["fluentbit", "config", EXCHANGE, "--to", "tcp://siem.example:514", "--on", "windows", *options])
        == 0
    )
    return capsys.readouterr().out


def test_on_windows_tail_gets_backslashes_and_everything_else_forward_slashes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Behind a slash the tail of Windows finds no wildcard: it goes back to the last backslash."""
    text = config_on_windows(capsys)
    config = yaml.safe_load(text)
    (tail,) = part(config, "inputs", "tail")
    folder = r"C:\Program Files\Microsoft\Exchange Server\V15\TransportRoles\Logs\MessageTracking"
    assert tail["path"] == rf"{folder}\MSGTRK*.LOG"
    assert tail["db"] == "C:/ProgramData/exnorm/fluent-bit/tail-server01.db"
    assert config["service"]["storage.path"] == "C:/ProgramData/exnorm/fluent-bit/storage"
    assert text.count("\\") == tail["path"].count("\\")


def test_on_windows_a_state_with_backslashes_becomes_one_with_forward_slashes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = yaml.safe_load(config_on_windows(capsys, "--state", r"D:\spool\fb"))
    assert config["service"]["storage.path"] == "D:/spool/fb/storage"


def test_on_windows_it_goes_through_the_service_since_there_is_no_filter(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = config_on_windows(capsys)
    assert "exnorm fluentbit serve --listen 127.0.0.1:24330 --forward 127.0.0.1:24331" in text
    assert "plugins" not in yaml.safe_load(text)
    words = ["fluentbit", "config", EXCHANGE, "--to", "tcp://a:1", "--on", "windows"]
    assert run([*words, "--via", "filter"]) == 2
    assert "the filter is for Linux" in capsys.readouterr().err
    assert run([*words, "--plugin", "/x/flb-filter_exchange.so"]) == 2
    assert "the filter is for Linux" in capsys.readouterr().err


def test_a_word_of_a_command_is_quoted_as_its_shell_reads_it() -> None:
    assert quote_word("C:/a", "windows") == "C:/a"
    assert quote_word("C:/it's here", "windows") == "'C:/it''s here'"
    assert quote_word("@a", "windows") == "'@a'"  # splatting
    assert quote_word("/it's", "linux") == "'/it'\\''s'"
