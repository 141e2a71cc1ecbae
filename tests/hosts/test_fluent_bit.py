"""The filter inside a real Fluent Bit: the program ``FLUENT_BIT`` names, or ``fluent-bit`` on PATH."""

from __future__ import annotations

import contextlib
import copy
import csv
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import pytest
import yaml

import exnorm
from exnorm.fluentbit import build as builder
from exnorm.fluentbit.configs import READY_PLUGIN
from exnorm.fluentbit.embedded import find_version
from exnorm.fluentbit.options import KNOWN_NAMES

FLUENT_BIT = os.environ.get("FLUENT_BIT") or shutil.which("fluent-bit")
pytestmark = pytest.mark.skipif(
    FLUENT_BIT is None, reason="no Fluent Bit: set FLUENT_BIT to its program, or put fluent-bit on PATH"
)

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "examples" / "MSGTRK2018112722-1.LOG"
LINES = SAMPLE.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").split("\n")
HEADER, ROWS = LINES[:5], [line for line in LINES[5:] if line]
WAIT = 15.0  # seconds until a test gives up; nothing waits that long when all is well

PLUGINS_INSIDE = (3, 2)
"""The first release that takes plugins in the configuration itself; older ones take a ``plugins_file``."""

KEEPS_LAST_LINES = (4, 0)
"""Before it, Fluent Bit may end before it has written the last lines of its log."""

Body = dict[str, Any]


@lru_cache(maxsize=1)
def find_release() -> tuple[int, int]:
    assert FLUENT_BIT is not None
    said = subprocess.run([FLUENT_BIT, "--version"], capture_output=True, text=True, check=True).stdout
    found = find_version(said)
    assert found is not None
    return found


def load_plugin(content: Body, plugin: Path, folder: Path, by_yaml: bool | None = None) -> Body:
    """The configuration with the filter to load named in the form that this release knows."""
    if find_release() >= PLUGINS_INSIDE if by_yaml is None else by_yaml:
        return {**content, "plugins": [str(plugin)]}
    path = folder / "plugins.conf"
    path.write_text(f"[PLUGINS]\n    Path {plugin}\n")
    return {**content, "service": {**content["service"], "plugins_file": str(path)}}


class FluentBit:
    """A running Fluent Bit whose stdout output is read as events, and its log as lines."""

    def __init__(
        self, *arguments: object, environ: dict[str, str] | None = None, program: Path | None = None
    ) -> None:
        assert FLUENT_BIT is not None
        self.process = subprocess.Popen(
            [str(program or FLUENT_BIT), *(str(argument) for argument in arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **(environ or {})},
        )
        self.seen: queue.Queue[Body] = queue.Queue()
        self.said: queue.Queue[str] = queue.Queue()
        self.log = ""
        self.readers = [
            threading.Thread(target=self._read_events, args=(self.process.stdout,)),
            threading.Thread(target=self._read_log, args=(self.process.stderr,)),
        ]
        for reader in self.readers:
            reader.start()

    def _read_events(self, pipe: IO[bytes]) -> None:
        with pipe:
            for line in pipe:
                if line.startswith(b"{"):
                    self.seen.put(json.loads(line))

    def _read_log(self, pipe: IO[bytes]) -> None:
        with pipe:
            for line in pipe:
                text = line.decode("utf-8", "replace")
                self.log += text
                self.said.put(text)

    def events(self, count: int) -> list[Body]:
        """The next events, without the key ``date`` of the output."""
        found = []
        for _ in range(count):
            try:
                found.append(self.seen.get(timeout=WAIT))
            except queue.Empty:
                raise AssertionError(f"only {len(found)} of {count} events came; log:\n{self.log}") from None
        return [{key: value for key, value in event.items() if key != "date"} for event in found]

    def wait_for(self, text: str) -> str:
        """The next line of the log with a text."""
        while True:
            try:
                line = self.said.get(timeout=WAIT)
            except queue.Empty:
                raise AssertionError(f"the log never said {text!r}:\n{self.log}") from None
            if text in line:
                return line

    def finish(self) -> int:
        """The exit status, once it ended by itself."""
        status = self.process.wait(timeout=WAIT)
        for reader in self.readers:
            reader.join(timeout=WAIT)
        return status

    def stop(self) -> int:
        """End it as an operator does; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.finish()

    def rest(self) -> list[Body]:
        """The events that came and were not asked for, once it has ended."""
        return self.events(self.seen.qsize())


@contextlib.contextmanager
def running(
    *arguments: object, environ: dict[str, str] | None = None, program: Path | None = None
) -> Iterator[FluentBit]:
    host = FluentBit(*arguments, environ=environ, program=program)
    try:
        yield host
    finally:
        if host.process.poll() is None:
            host.process.kill()
        host.finish()


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_for(builder.site_path(), tmp_path_factory.mktemp("filter"))


def build_for(site: Path, folder: Path) -> Path:
    target = folder / builder.FILE_NAME
    try:
        builder.build(target, site=site)
    except builder.BuildError as error:
        pytest.skip(f"the filter cannot be built here: {error}")
    return target


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    logs = tmp_path / "logs"
    logs.mkdir()
    return logs


@pytest.fixture
def configure(tmp_path: Path, folder: Path, shim: Path) -> Callable[..., Path]:
    """Writes a configuration that tails ``folder``; what is given goes over its parts."""

    def write(
        *filters: Body,
        tail: Body | None = None,
        service: Body | None = None,
        once: bool = False,
        plugin: Path = shim,
        name: str = "fluent-bit.yaml",
    ) -> Path:
        source: Body = {
            "name": "tail", "tag": "exchange.log", "path": str(folder / "*.LOG"), "path_key": "filename",
            "read_from_head": True, "refresh_interval": 1, **({"exit_on_eof": True} if once else {}),
            **(tail or {}),
        }  # fmt: skip
        content = {
            "service": {"flush": 0.1, "grace": 1, "log_level": "info", **(service or {})},
            "pipeline": {
                "inputs": [source],
                "filters": [{"name": "exchange", "match": "exchange.*", **given} for given in filters],
                "outputs": [{"name": "stdout", "match": "*", "format": "json_lines"}],
            },
        }
        path = tmp_path / name
        path.write_text(yaml.safe_dump(load_plugin(content, plugin, tmp_path), sort_keys=False))
        return path

    return write


def put(path: Path, *lines: str) -> Path:
    """Append lines to a log, as Exchange does."""
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write("".join(line + "\r\n" for line in lines))
    return path


def converted(path: Path, *options: str) -> list[Body]:
    """What ``exnorm convert --format json`` writes for a file."""
    ran = subprocess.run(
        [sys.executable, "-m", "exnorm", "convert", path, "--format", "json", "--quiet", *options],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(builder.site_path())},
        check=False,
    )
    return [json.loads(line) for line in ran.stdout.splitlines()]


# --- the three ways to load it, and the same records by all of them --------------------------------


@pytest.mark.parametrize("way", ["-e", "plugins_file", "plugins"])
def test_each_way_to_load_it_gives_the_records_of_convert(
    way: str, tmp_path: Path, folder: Path, configure: Callable[..., Path], shim: Path
) -> None:
    log = Path(shutil.copy(SAMPLE, folder))
    if way == "plugins" and find_release() < PLUGINS_INSIDE:
        pytest.skip("this release does not know plugins in YAML")
    path = configure({"taxonomy": "arcsight"}, once=True)
    arguments: list[object] = ["-c", path]
    content = yaml.safe_load(path.read_text())
    content.pop("plugins", None)
    content["service"].pop("plugins_file", None)
    if way != "-e":
        content = load_plugin(content, shim, tmp_path, way == "plugins")
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    if way == "-e":
        arguments = ["-e", shim, "-c", path]
    with running(*arguments) as host:
        assert host.finish() == 0
        assert host.rest() == converted(log)
    assert len(ROWS) > 1


def test_a_row_that_does_not_parse_goes_on_unchanged_with_the_tag(
    folder: Path, configure: Callable[..., Path]
) -> None:
    log = put(
        folder / "MSGTRK2018112722-1.LOG", *HEADER, ROWS[0], "2018-11-27T22:40:02.966Z,too,short", ROWS[1]
    )
    with running("-c", configure({}, once=True)) as host:
        first, bad, second = host.events(3)
    assert [first, second] == [event for event in converted(log) if "tags" not in event]
    assert bad == {
        "filename": str(log),
        "log": "2018-11-27T22:40:02.966Z,too,short",
        "tags": ["_exnormparsefailure"],
        "error": {"reason": "row has 3 fields; #Fields names 30"},
    }


def test_the_time_of_the_record_is_the_time_of_the_event(
    folder: Path, configure: Callable[..., Path]
) -> None:
    put(folder / "MSGTRK2018112722-1.LOG", *HEADER, ROWS[0])
    with running("-c", configure({}, once=True)) as host:
        event = host.seen.get(timeout=WAIT)
    # 2018-11-27T22:40:02.966Z
    assert event["@timestamp"] == "2018-11-27T22:40:02.966Z"
    assert event["date"] == 1543358402.966


def test_records_of_no_exchange_log_pass_as_they_are(configure: Callable[..., Path]) -> None:
    dummy = {"name": "dummy", "dummy": '{"cpu": 1, "note": "no log of Exchange"}', "samples": 2}
    path = configure({})
    content = yaml.safe_load(path.read_text())
    content["pipeline"]["inputs"] = [{"tag": "exchange.cpu", **dummy}]
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    with running("-c", path) as host:
        assert host.events(2) == [{"cpu": 1, "note": "no log of Exchange"}] * 2
        assert host.stop() == 0
    assert "0 out" not in host.log
    assert "2 not of Exchange" in host.log or find_release() < KEEPS_LAST_LINES


# --- more than one of it ---------------------------------------------------------------------------


def test_two_filters_with_different_settings_each_do_their_own(
    folder: Path, configure: Callable[..., Path]
) -> None:
    log = Path(shutil.copy(SAMPLE, folder))
    path = configure(
        {"match": "exchange.a", "taxonomy": "arcsight"}, {"match": "exchange.b", "taxonomy": "jsa"}, once=True
    )
    content = yaml.safe_load(path.read_text())
    (source,) = content["pipeline"]["inputs"]
    del source["exit_on_eof"]
    content["pipeline"]["inputs"] = [{**source, "tag": tag} for tag in ("exchange.a", "exchange.b")]
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    with running("-c", path) as host:
        events = host.events(2 * len(ROWS))
        assert host.stop() == 0
    assert [event for event in events if "deviceVendor" in event] == converted(log)
    assert [event for event in events if "usrName" in event or "deviceVendor" not in event] == converted(
        log, "--taxonomy", "jsa"
    )


@pytest.mark.parametrize("threaded", [False, True])
def test_as_a_processor_of_an_input_it_gives_the_same_records(
    threaded: bool, folder: Path, configure: Callable[..., Path]
) -> None:
    log = Path(shutil.copy(SAMPLE, folder))
    processors = {"logs": [{"name": "exchange", "taxonomy": "jsa"}]}
    path = configure(tail={"threaded": threaded, "processors": processors})
    content = yaml.safe_load(path.read_text())
    (source,) = content["pipeline"]["inputs"]
    content["pipeline"]["inputs"] = [
        source,
        copy.deepcopy({**source, "tag": "exchange.other"}),
    ]  # two inputs, two threads
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    with running("-c", path) as host:
        events = host.events(2 * len(ROWS))
        assert host.stop() == 0
    expected = converted(log, "--taxonomy", "jsa")
    assert sorted(events, key=lambda e: str(e["exnorm_id"])) == sorted(
        expected * 2, key=lambda e: str(e["exnorm_id"])
    )


def test_a_threaded_input_gives_the_same_records(folder: Path, configure: Callable[..., Path]) -> None:
    log = Path(shutil.copy(SAMPLE, folder))
    with running("-c", configure({}, tail={"threaded": True})) as host:
        assert host.events(len(ROWS)) == converted(log)
        assert host.stop() == 0


# --- settings --------------------------------------------------------------------------------------

# Each key, a value for it, and what must then hold for the bodies of the sample's records.
Check = Callable[[list[Body]], bool]
RECIPIENTS = [row[12].split(";") for row in csv.reader(ROWS)]  # recipient-address of 2016


def every(test: Callable[[Body], bool]) -> Check:
    return lambda bodies: bool(bodies) and all(test(body) for body in bodies)


# fmt: off
CASES: dict[str, tuple[Body, Check]] = {
    "taxonomy": ({"taxonomy": "jsa"}, every(lambda b: "eventId" in b and "deviceVendor" not in b)),
    "format": ({"format": "cef"}, every(lambda b: list(b) == ["cef"] and b["cef"].startswith("CEF:0|M"))),
    "mapping": ({"mapping": "arcsight-2010"}, lambda bodies: bodies != converted(SAMPLE)),
    "profile": ({"profile": "arcsight-guide"}, every(lambda b: b["name"] in ("SEND", "RECEIVE"))),
    "fields": ({"fields": "key"}, every(lambda b: "destinationHostName" not in b and "dhost" in b)),
    "leef": (
        {"taxonomy": "jsa", "format": "leef", "leef": "1"},
        every(lambda b: b["leef"].startswith("LEEF:1.0|")),
    ),
    "cef": ({"format": "cef", "cef": "1"}, every(lambda b: b["cef"].startswith("CEF:1|"))),
    "source_ip": (
        {"taxonomy": "jsa", "format": "wincollect", "source_ip": "192.0.2.7"},
        every(lambda b: "SourceIp=192.0.2.7\t" in b["wincollect"]),
    ),
    "direction": ({"direction": "on"}, every(lambda b: b["flexString2Label"] == "Mail Direction")),
    "accepted_domains": (
        {"direction": "on", "accepted_domains": "corp.example"},
        # sent outside; received from and delivered for a partner; from inside to a customer
        lambda bodies: [b["flexString2"] for b in bodies] == ["outbound", "inbound", "inbound", "outbound"],
    ),
    "trusted_proxies": ({"trusted_proxies": "192.0.2.0/24"}, lambda bodies: bodies == converted(SAMPLE)),
    "correlation": ({"correlation": "on"}, every(lambda b: "devicePayloadId" in b)),
    "categories": ({"categories": "on"}, every(lambda b: "categoryObject" in b)),
    "additional_data": (
        {"format": "cef", "additional_data": "none"},
        every(lambda b: " ad." not in b["cef"]),
    ),
    "per_recipient": (
        {"per_recipient": "on"},
        lambda bodies: len(bodies) == sum(map(len, RECIPIENTS)) > len(ROWS),
    ),
    "username": ({"taxonomy": "jsa", "username": "sender"}, lambda bodies: bodies == converted(
        SAMPLE, "--taxonomy", "jsa", "--username", "sender"
    ) != converted(SAMPLE, "--taxonomy", "jsa")),
    "on_error": ({"on_error": "skip", "schema": "2007"}, lambda bodies: bodies == []),
    "source": ({"source": "iis"}, every(lambda b: b["tags"] == ["_exnormparsefailure"])),
    "schema": (
        {"schema": "2007"},
        every(lambda b: b["error"]["reason"].startswith("row has 30 fields; schema 2007 has 21")),
    ),
    "keep_original": (
        {"keep_original": "on"},
        lambda bodies: [b["event"]["original"] for b in bodies] == ROWS,
    ),
    "tz": ({"tz": "Europe/Berlin"}, lambda bodies: bodies == converted(SAMPLE)),
    "max_line_bytes": (
        {"max_line_bytes": "1024"},
        lambda bodies: len(bodies) == len(ROWS)
        and [("error" in b) for b in bodies] == [len(row.encode()) > 1024 for row in ROWS],
    ),
    "config": ({"config": "SETTINGS"}, every(lambda b: list(b) == ["leef"])),
    "key_name": ({"key_name": "other"}, every(lambda b: "log" in b and "tags" not in b)),
    "file_key": (
        {"file_key": "other"},  # without the file's name, exnorm_id is another
        lambda bodies: all(
            {**got, "exnorm_id": ""} == {**right, "exnorm_id": ""} and got["exnorm_id"] != right["exnorm_id"]
            for got, right in zip(bodies, converted(SAMPLE), strict=True)
        ),
    ),
    "reserve_data": (
        {"reserve_data": "on"},
        every(lambda b: "filename" in b and "log" not in b and "name" in b),
    ),
    "event_time": ({"event_time": "off"}, lambda bodies: bodies == converted(SAMPLE)),
    "host_key": ({"host_key": "fields.server"}, lambda bodies: bodies == converted(SAMPLE)),
    # the sample has no syslog header and is UTF-8: read as it is
    "strip_syslog": ({"strip_syslog": "on"}, lambda bodies: bodies == converted(SAMPLE)),
    "encoding": ({"encoding": "UTF-8"}, lambda bodies: bodies == converted(SAMPLE)),
    "state": ({"state": "HEADERS"}, lambda bodies: bodies == converted(SAMPLE)),
    "engine": ({"engine": "table"}, lambda bodies: bodies == converted(SAMPLE)),
    "web_secrets": ({"web_secrets": "keep"}, lambda bodies: bodies == converted(SAMPLE)),
    "control": ({"control": "keep"}, lambda bodies: bodies == converted(SAMPLE)),
    "max_payload": (
        {"format": "cef", "max_payload": "1024"},
        every(lambda b: len(b["cef"].encode()) <= 1024),
    ),
    "since": ({"since": "2018-11-27T22:41:00Z"}, lambda bodies: bodies == converted(SAMPLE)[1:]),
    "until": ({"until": "2018-11-27T22:41:00Z"}, lambda bodies: bodies == converted(SAMPLE)[:1]),
    "events": ({"events": "RECEIVE"}, every(lambda b: b["name"] == "RECEIVE")),
    "where": ({"where": "event-id=RECEIVE"}, every(lambda b: b["name"] == "RECEIVE")),
    "read_header": ({"read_header": "off"}, lambda bodies: bodies == converted(SAMPLE)),
    "log_details": ({"log_details": "on"}, lambda bodies: bodies == converted(SAMPLE)),
    "report_every": ({"report_every": "0"}, lambda bodies: bodies == converted(SAMPLE)),
    "host_check": ({"host_check": "off"}, lambda bodies: bodies == converted(SAMPLE)),
}
# fmt: on


REFUSED: list[tuple[Body, str]] = [
    ({"taxonmy": "jsa"}, "unknown key 'taxonmy'; did you mean 'taxonomy'?"),
    ({"Reserve-Dat": "on"}, "unknown key 'reserve_dat'; did you mean 'reserve_data'?"),
    ({"taxonomy": "jas"}, "taxonomy: got 'jas'; did you mean 'jsa'?"),
    ({"format": "leef"}, "format: 'leef' cannot carry taxonomy arcsight; expected one of cef, json"),
    ({"profile": "securty"}, "profile: got 'securty'; did you mean 'security'?"),
    ({"reserve_data": "perhaps"}, "reserve_data: got 'perhaps'; expected on or off"),
    ({"report_every": "soon"}, "report_every: got 'soon'; expected a number of seconds"),
    ({"on_error": "stop"}, "on_error: got 'stop'; a filter never stops the shipper: expected tag or skip"),
    ({"config": "/nowhere/x.yaml"}, "config: cannot read '/nowhere/x.yaml': No such file or directory"),
    ({"tables": "x"}, "tables: got 'x'; expected changes by table"),
    ({"plugins": "x"}, "plugins: got 'x'; expected settings by plugin name"),
    ({"block_plugins": "nobody"}, "cannot block plugin 'nobody'; expected one of exnorm"),
]


@pytest.fixture(scope="module")
def outcomes(shim: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Body]]:
    """What each case gave: one Fluent Bit with a filter for each, and a file for each tag."""
    base = tmp_path_factory.mktemp("cases")
    (base / "settings.yaml").write_text("taxonomy: jsa\nformat: leef\n")
    log = Path(shutil.copy(SAMPLE, base))
    inputs, filters = [], []
    for name, (given, _) in CASES.items():
        inputs.append({
            "name": "tail", "tag": f"exchange.{name}", "path": str(log), "path_key": "filename",
            "read_from_head": True,
        })  # fmt: skip
        places = {"SETTINGS": str(base / "settings.yaml"), "HEADERS": str(base / "headers.state")}
        settings = {k: places.get(v, v) for k, v in given.items()}
        filters.append({"name": "exchange", "match": f"exchange.{name}", **settings})
    outputs = [{"name": "file", "match": "*", "path": str(base), "format": "plain"}]
    config = base / "fluent-bit.yaml"
    content = {
        "service": {"flush": 0.1, "grace": 1, "log_level": "info"},
        "pipeline": {"inputs": inputs, "filters": filters, "outputs": outputs},
    }
    config.write_text(yaml.safe_dump(load_plugin(content, shim, base), sort_keys=False))
    last = base / f"exchange.{list(CASES)[-1]}"
    with running("-c", config) as host:
        deadline = time.monotonic() + WAIT
        while not last.exists() and host.process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(queue.Empty):
                host.said.get(timeout=0.2)
        host.stop()
        assert last.exists(), host.log
    assert b"#fields" in (base / "headers.state").read_bytes()
    return {name: read_plain(base / f"exchange.{name}") for name in CASES}


def read_plain(path: Path) -> list[Body]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_no_key_of_the_filter_is_left_out_of_these_cases() -> None:
    refused = {name for given, _ in REFUSED for name in given}
    assert {*KNOWN_NAMES, "host_check"} <= {*CASES, *refused}


@pytest.mark.parametrize("name", CASES)
def test_the_key_does_what_it_says(name: str, outcomes: dict[str, list[Body]]) -> None:
    given, holds = CASES[name]
    assert holds(outcomes[name]), f"{given}: {outcomes[name][:2]}"


@pytest.mark.parametrize(("given", "message"), REFUSED)
def test_a_wrong_setting_stops_the_start_with_a_clear_word(
    given: Body, message: str, configure: Callable[..., Path]
) -> None:
    with running("-c", configure(given)) as host:
        assert host.finish() != 0
    assert f"[filter:exchange:exchange.0] {message}" in host.log


def test_a_key_that_is_set_twice_is_refused(shim: Path) -> None:
    keys = ["-p", "taxonomy=jsa", "-p", "taxonomy=arcsight"]
    with running("-e", shim, "-i", "dummy", "-F", "exchange", "-m", "*", *keys, "-o", "null") as host:
        assert host.finish() != 0
    assert "key 'taxonomy' is set twice" in host.log


# --- what the header is when it is not seen --------------------------------------------------------


@pytest.mark.parametrize("seen_before", [5, 7], ids=["between header and first row", "in mid-file"])
def test_a_restart_changes_no_field(
    seen_before: int, tmp_path: Path, folder: Path, configure: Callable[..., Path]
) -> None:
    log = folder / "MSGTRK2018112722-1.LOG"
    lines = [*HEADER, *ROWS]
    put(log, *lines[:seen_before])
    path = configure({}, tail={"db": str(tmp_path / "tail.db"), "db.sync": "full"})
    with running("-c", path) as host:
        if seen_before > len(HEADER):
            before = host.events(seen_before - len(HEADER))
        else:
            before = []
            put(log)  # nothing; the header is read when the file is found
            host.wait_for("inotify_fs_add")
        assert host.stop() == 0
    put(log, *lines[seen_before:])
    with running("-c", path) as host:
        after = host.events(len(lines) - seen_before)
        assert host.stop() == 0
    assert before + after == converted(log)
    assert "columns from the header 0, the file 1, the state 0, the width 0" in host.log


def test_without_the_files_path_the_width_and_schema_version_give_the_columns(
    tmp_path: Path, folder: Path, configure: Callable[..., Path]
) -> None:
    log = folder / "MSGTRK2018112722-1.LOG"
    put(log, *HEADER, ROWS[0])
    path = configure({}, tail={"db": str(tmp_path / "tail.db"), "path_key": None})
    content = yaml.safe_load(path.read_text())
    del content["pipeline"]["inputs"][0]["path_key"]
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    with running("-c", path) as host:
        host.events(1)
        assert host.stop() == 0
    put(log, *ROWS[1:])
    with running("-c", path) as host:
        after = host.events(len(ROWS) - 1)
        assert host.stop() == 0
    assert [{**event, "exnorm_id": ""} for event in after] == [
        {**event, "exnorm_id": ""} for event in converted(log)[1:]
    ]
    assert "columns from the header 0, the file 0, the state 0, the width 1" in host.log


def test_a_log_that_is_renamed_and_begun_anew_loses_and_changes_nothing(
    folder: Path, configure: Callable[..., Path]
) -> None:
    log = folder / "MSGTRK2018112722-1.LOG"
    put(log, *HEADER, ROWS[0])
    expected = converted(log)
    with running("-c", configure({})) as host:
        first = host.events(1)
        old = log.rename(folder / "MSGTRK2018112722-1.LOG.1")
        put(old, ROWS[1])  # the writer still has it open
        second = host.events(1)
        put(log, *HEADER, ROWS[2])
        third = host.events(1)
        assert host.stop() == 0
    assert [event["@timestamp"] for event in first + second + third] == [
        row.split(",")[0] for row in ROWS[:3]
    ]
    assert first == expected
    assert third == converted(log)


def test_a_log_that_is_copied_and_truncated_keeps_its_columns_without_a_header(
    folder: Path, configure: Callable[..., Path]
) -> None:
    log = folder / "MSGTRK2018112722-1.LOG"
    put(log, *HEADER, ROWS[0])
    with running("-c", configure({}, service={"log_level": "debug"})) as host:
        first = host.events(1)
        expected = converted(log)
        shutil.copy(log, folder / "copy-of-it")
        os.truncate(log, 0)
        host.wait_for("file truncated")
        put(log, ROWS[1])
        second = host.events(1)
        assert host.stop() == 0
    put(log.with_name("whole.LOG"), *HEADER, ROWS[1])
    right = converted(log.with_name("whole.LOG"))
    assert first == expected
    assert [{**e, "exnorm_id": ""} for e in second] == [{**e, "exnorm_id": ""} for e in right]


def test_a_file_that_appears_later_is_read_from_its_header_on(
    folder: Path, configure: Callable[..., Path]
) -> None:
    with running("-c", configure({})) as host:
        host.wait_for("stdout:stdout.0] worker #0 started")
        log = put(folder / "MSGTRK2018112722-1.LOG", *HEADER, *ROWS)
        assert host.events(len(ROWS)) == converted(log)
        assert host.stop() == 0


# --- errors, reloads, the end ----------------------------------------------------------------------

BREAKER = """
import exnorm.fluentbit.chunk as chunk

def fail(self, tag, data):
    raise RuntimeError("broken on purpose")

chunk.ChunkFilter._filter = fail
"""


def test_an_error_in_python_leaves_the_chunks_unchanged_and_is_said_once(
    tmp_path: Path, folder: Path, configure: Callable[..., Path]
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "exnorm").symlink_to(builder.site_path() / "exnorm")
    (site / "breaker.py").write_text(BREAKER)
    (site / "breaker.pth").write_text("import breaker\n")
    log = put(folder / "MSGTRK2018112722-1.LOG", *HEADER)
    with running("-c", configure({}, plugin=build_for(site, tmp_path))) as host:
        assert [event["log"] for event in host.events(5)] == HEADER
        for row in ROWS[:3]:  # a chunk each
            put(log, row)
            assert host.events(1) == [{"filename": str(log), "log": row}]
        assert host.stop() == 0
    assert "broken on purpose" not in host.log  # an error's words may quote a record
    assert host.log.count("RuntimeError in fail, line 5; the chunk is left unchanged") == 1
    assert "chunks unchanged after an error" in host.log


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("def start(*given): raise SystemError('no')", "Failed initialize filter"),
        ("def start(*given): return 5", "Failed initialize filter"),
        ("raise ImportError('half installed')", "cannot import exnorm: half installed"),
        ("import no_such_module", "cannot import exnorm: No module named 'no_such_module'"),
    ],
)
def test_an_exnorm_that_cannot_start_is_said_and_ends_no_process_by_a_crash(
    body: str, said: str, tmp_path: Path, configure: Callable[..., Path]
) -> None:
    plugin = build_for(fake_exnorm(tmp_path / "site", body), tmp_path)
    with running("-c", configure({}, plugin=plugin)) as host:
        assert host.finish() > 0
    assert said in host.log
    assert "Traceback" not in host.log


@pytest.mark.parametrize("result", ["'text'", "5", "[b'']", "1 / 0", "bytearray(b'x')"])
def test_what_is_no_bytes_leaves_the_chunk_unchanged(
    result: str, tmp_path: Path, folder: Path, configure: Callable[..., Path]
) -> None:
    body = (
        "class Filter:\n"
        f"    def filter(self, tag, chunk): return {result}\n"
        "    def close(self): raise ValueError\n"
        "def start(*given): return Filter()\n"
    )
    plugin = build_for(fake_exnorm(tmp_path / "site", body), tmp_path)
    put(folder / "x.LOG", "a line")
    with running("-c", configure({}, once=True, plugin=plugin)) as host:
        assert host.finish() == 0
        assert [event["log"] for event in host.rest()] == ["a line"]


def fake_exnorm(site: Path, embedded: str) -> Path:
    package = site / "exnorm" / "fluentbit"
    package.mkdir(parents=True)
    for place in (package, package.parent):
        (place / "__init__.py").write_text("")
    (package / "embedded.py").write_text(embedded)
    return site


def test_a_hot_reload_takes_the_new_settings_and_goes_on(
    tmp_path: Path, folder: Path, configure: Callable[..., Path]
) -> None:
    log = put(folder / "MSGTRK2018112722-1.LOG", *HEADER, ROWS[0])
    options = {"tail": {"db": str(tmp_path / "tail.db")}, "service": {"hot_reload": True}}
    path = configure({"taxonomy": "arcsight"}, **options)
    with running("-c", path) as host:
        first = host.events(1)
        for number, row in enumerate(ROWS[1:4]):
            configure({"taxonomy": ("jsa", "arcsight")[number % 2]}, **options)
            host.process.send_signal(signal.SIGHUP)
            host.wait_for("records in, ")  # the old one's last word
            put(log, row)
            first += host.events(1)
        assert host.stop() == 0
    arcsight, jsa = converted(log), converted(log, "--taxonomy", "jsa")
    assert first == [arcsight[0], jsa[1], arcsight[2], jsa[3]]


def test_a_wrong_setting_at_a_hot_reload_keeps_those_before_and_can_be_put_right(
    tmp_path: Path, folder: Path, configure: Callable[..., Path]
) -> None:
    log = put(folder / "MSGTRK2018112722-1.LOG", *HEADER, ROWS[0])
    options = {"tail": {"db": str(tmp_path / "tail.db")}, "service": {"hot_reload": True}}
    path = configure({}, **options)
    with running("-c", path) as host:
        host.events(1)
        configure({"taxonmy": "jsa"}, **options)
        host.process.send_signal(signal.SIGHUP)
        assert "did you mean 'taxonomy'?" in host.wait_for("unknown key")
        host.wait_for("not reloaded: goes on with the settings before")
        host.wait_for("inotify_fs_add()")
        put(log, ROWS[1])
        assert host.events(1) == converted(log)[1:2]
        configure({"taxonomy": "jsa"}, **options)
        host.process.send_signal(signal.SIGHUP)
        host.wait_for("inotify_fs_add()")
        put(log, ROWS[2])
        assert host.events(1) == converted(log, "--taxonomy", "jsa")[2:3]
        assert host.stop() == 0


def test_another_virtual_environment_at_a_hot_reload_is_said_and_the_one_before_goes_on(
    tmp_path: Path, folder: Path, configure: Callable[..., Path]
) -> None:
    log = put(folder / "MSGTRK2018112722-1.LOG", *HEADER, ROWS[0])
    options = {"tail": {"db": str(tmp_path / "tail.db")}, "service": {"hot_reload": True}}
    path = configure({}, **options)
    (tmp_path / "other").mkdir()
    other = build_for(fake_exnorm(tmp_path / "site", "raise ImportError('wrong one')"), tmp_path / "other")
    with running("-c", path) as host:
        host.events(1)
        configure({}, plugin=other, **options)
        host.process.send_signal(signal.SIGHUP)
        host.wait_for("another virtual environment needs a restart of Fluent Bit")
        host.wait_for("inotify_fs_add()")
        put(log, ROWS[1])
        assert host.events(1) == converted(log)[1:2]
        assert host.stop() == 0


def test_a_release_that_was_not_tried_is_said_and_starts(
    tmp_path: Path, folder: Path, configure: Callable[..., Path]
) -> None:
    """The program itself, with another number in its place, as long as the right one."""
    assert FLUENT_BIT is not None
    content = Path(FLUENT_BIT).read_bytes()
    said = subprocess.run([FLUENT_BIT, "--version"], capture_output=True, check=True).stdout
    version = said.split(b"Fluent Bit v")[1].split()[0]
    newer = tmp_path / "fluent-bit"
    newer.write_bytes(content.replace(version, b"9" + version[1:]))
    newer.chmod(0o755)
    log = put(folder / "MSGTRK2018112722-1.LOG", *HEADER, *ROWS)
    with running("-c", configure({}, once=True), program=newer) as host:
        assert host.finish() == 0
        assert host.rest() == converted(log)
    assert host.log.count("was not tried with this filter") == 1


def test_it_ends_cleanly_and_says_what_became_of_everything(
    folder: Path, configure: Callable[..., Path]
) -> None:
    put(folder / "MSGTRK2018112722-1.LOG", *HEADER, *ROWS, "not a row of anything")
    with running("-c", configure({})) as host:
        host.events(len(ROWS) + 1)
        assert host.stop() == 0
    records = 5 + len(ROWS) + 1
    assert (
        f"[filter:exchange:exchange.0] {records} records in, {len(ROWS) + 1} out; "
        f"{len(ROWS)} events, 5 header lines; 1 not parsed, 0 left out; 0 not of Exchange; "
        "columns from the header 1, the file 0, the state 0, the width 0"
    ) in host.log or find_release() < KEEPS_LAST_LINES


@pytest.mark.parametrize(
    "environ",
    [{"LC_ALL": "C"}, {"PYTHONHOME": "/nowhere", "PYTHONPATH": "/nowhere"}, {"PYTHONUTF8": "0", "LANG": "C"}],
    ids=lambda environ: "+".join(environ),
)
def test_the_environment_of_the_host_does_not_matter(
    environ: dict[str, str], folder: Path, configure: Callable[..., Path]
) -> None:
    log = put(folder / "MSGTRK2018112722-1.LOG", *HEADER, ROWS[0].replace("admin3", "ädmin3"))
    with running("-c", configure({}, once=True), environ=environ) as host:
        assert host.finish() == 0
        assert host.rest() == converted(log)


def test_a_virtual_environment_is_found_from_where_the_filter_lies(
    tmp_path: Path, folder: Path, configure: Callable[..., Path]
) -> None:
    """A venv that has exnorm in its site-packages, and what exnorm needs, but is not the one of the tests."""
    root = tmp_path / "venv with blank"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root], check=True)
    (packages,) = root.glob("lib/python*/site-packages")
    shutil.copytree(
        builder.site_path() / "exnorm", packages / "exnorm", ignore=shutil.ignore_patterns("*.so")
    )
    for name in ("click", "msgpack", "msgspec", "pluggy", "yaml"):
        module = __import__(name)
        (packages / name).symlink_to(Path(str(module.__file__)).parent)
    plugin = packages / "exnorm" / "fluentbit" / builder.FILE_NAME
    try:
        builder.build(plugin)
    except builder.BuildError as error:
        pytest.skip(f"the filter cannot be built here: {error}")
    log = Path(shutil.copy(SAMPLE, folder))
    with running("-c", configure({}, once=True, plugin=plugin)) as host:
        assert host.finish() == 0
        assert host.rest() == converted(log)


def test_the_records_are_those_of_the_library() -> None:
    normalizer = exnorm.Normalizer(format="json")
    lines = normalizer.encode(SAMPLE.read_bytes(), normalizer.stream(SAMPLE.name))
    assert [json.loads(line) for line in lines] == converted(SAMPLE)


def place_ready(example: str, folder: Path, shim: Path, port: int) -> list[object]:
    """Put a configuration to copy beside ``folder``, with the places of the test; how to start it."""
    place = folder.parent
    text = (ROOT / "fluentbit" / "filter" / example).read_text()
    arguments: list[object] = ["-c", place / example]
    if find_release() < PLUGINS_INSIDE:
        text = text.replace(f"plugins:\n  - {READY_PLUGIN}\n", "")
        text = text.replace(f"[PLUGINS]\n    {READY_PLUGIN} on\n", "")
        arguments = ["-e", shim, *arguments]
    for found, instead in (
        (READY_PLUGIN, str(shim)),
        ("/mnt/ex01/TransportRoles/Logs/MessageTracking", str(folder)),
        ("/mnt/ex02/TransportRoles/Logs/MessageTracking", str(place / "empty")),
        ("/var/lib/fluent-bit", str(place)),
        ("arcsight.example", "127.0.0.1"),
        ("jsa.example", "127.0.0.1"),
        ("514", str(port)),
    ):
        text = text.replace(found, instead)
    (place / example).write_text(text)
    return arguments


class Syslog:
    """The lines that come to a server, over as many connections as its sender likes."""

    def __init__(self, server: socket.socket) -> None:
        self.lines: queue.Queue[str] = queue.Queue()
        self.server = server
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.server.accept()
                threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        with connection, connection.makefile(encoding="utf-8") as lines, contextlib.suppress(OSError):
            for line in lines:
                self.lines.put(line)

    def take(self, count: int) -> list[str]:
        return [self.lines.get(timeout=WAIT) for _ in range(count)]

    def rest(self) -> list[str]:
        return [self.lines.get_nowait() for _ in range(self.lines.qsize())]

    def close(self) -> None:
        self.server.close()


@pytest.mark.parametrize(
    ("example", "beginning"),
    [
        ("cef-tcp.yaml", "CEF:0|Microsoft|Exchange Server|"),
        ("leef-tcp.conf", "LEEF:2.0|Microsoft|Exchange Server|"),
    ],
)
def test_the_configurations_to_copy_send_the_events_over_syslog(
    example: str, beginning: str, tmp_path: Path, folder: Path, shim: Path
) -> None:
    shutil.copy(SAMPLE, folder)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(WAIT)
        arguments = place_ready(example, folder, shim, server.getsockname()[1])
        with running(*arguments) as host:
            connection, _ = server.accept()
            connection.settimeout(WAIT)
            with connection, connection.makefile(encoding="utf-8") as lines:
                sent = [next(lines) for _ in ROWS]
            host.stop()
    assert all(beginning in line for line in sent)
    assert [row.split(",")[8] in line for row, line in zip(ROWS, sent, strict=True)] == [True] * len(ROWS)


@pytest.mark.parametrize(
    ("example", "right", "wrong", "section", "reload"),
    [
        ("cef-tcp.yaml", " taxonomy: arcsight\n", " taxonmy: arcsight\n", "service:\n", "  hot_reload: on\n"),
        ("cef-tcp.yaml", " taxonomy: arcsight\n", " taxonomy: ark\n", "service:\n", "  hot_reload: on\n"),
        ("leef-tcp.conf", " taxonomy jsa\n", " taxonomy jsb\n", "[SERVICE]\n", "    hot_reload on\n"),
    ],
)  # fmt: skip
def test_a_broken_reload_of_a_configuration_to_copy_loses_no_row_and_sends_no_empty_message(
    example: str, right: str, wrong: str, section: str, reload: str, folder: Path, shim: Path
) -> None:
    beginning = "CEF:0|" if example.startswith("cef") else "LEEF:2.0|"
    log = put(folder / "MSGTRK2018112722-1.LOG", *HEADER, ROWS[0])
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(WAIT)
        arguments = place_ready(example, folder, shim, server.getsockname()[1])
        path = folder.parent / example
        good = path.read_text().replace(section, section + reload, 1)
        good = good.replace("refresh_interval: 10", "refresh_interval: 1")
        assert right in good
        path.write_text(good)
        sent: list[str] = []
        with running(*arguments) as host, contextlib.closing(Syslog(server)) as syslog:
            sent += syslog.take(1)
            path.write_text(good.replace(right, wrong))
            host.process.send_signal(signal.SIGHUP)
            host.wait_for("not reloaded: goes on with the settings before")
            put(log, *ROWS[1:3])
            sent += syslog.take(2)
            path.write_text(good)
            host.process.send_signal(signal.SIGHUP)
            host.wait_for("records in, ")  # the old one's last word
            put(log, ROWS[3])
            sent += syslog.take(1)
            host.stop()
            sent += syslog.rest()
    assert all(beginning in line for line in sent), sent
    assert [row.split(",")[8] in line for row, line in zip(ROWS, sent, strict=True)] == [True] * len(ROWS)
    assert not list(folder.parent.glob("**/unparsed.ndjson"))
