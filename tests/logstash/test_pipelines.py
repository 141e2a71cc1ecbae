"""The pipelines that ``exnorm logstash config`` prints, and the copies of them in logstash/."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from exnorm import Normalizer
from exnorm.cli import run
from exnorm.logstash.kafka import KEYS, render_key_filter
from exnorm.logstash.pipelines import FORMATS, INPUTS, WAYS, Choice, render_folder, render_pipelines
from exnorm.taxonomies.arcsight.fields import ARCSIGHT
from exnorm.testing import read_cef

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "logstash"
FIELDS_OF_THE_CODEC = ROOT.parent / "shared" / "facts" / "logstash_cef_codec_fields.tsv"
CHOICES = [Choice(read, send, way) for read in INPUTS for send in FORMATS for way in WAYS]
CHOICES += [Choice(read, send, to="kafka") for read in INPUTS for send in KEYS]
CHOICES += [Choice("beats", way="none", to="kafka"), *(Choice("kafka", send, "none") for send in KEYS)]


def test_the_copies_are_what_the_command_writes() -> None:
    copies = {
        path.name: path.read_text(encoding="utf-8")
        for path in FOLDER.iterdir()
        if path.suffix not in (".md", ".service")
    }
    assert copies == render_folder(), "stale: run tox -e generate"


def config(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert run(["logstash", "config", *arguments]) == 0
    sys.stdout.flush()
    return capsys.readouterr().out


def test_every_file_is_printed_under_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    text = config(capsys, "--input", "file", "--format", "leef")
    assert re.findall(r"^# ==> (.*) <==$", text, re.MULTILINE) == [
        "pipelines.yml",
        "exchange-in-file.conf",
        "exchange-out-leef.conf",
    ]


def test_files_are_written_with_the_siem_in_them(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert config(capsys, "--siem", "10.1.2.3:6514", "--write", str(tmp_path / "new")) == ""
    text = (tmp_path / "new" / "exchange-out-cef.conf").read_text(encoding="utf-8")
    assert 'host => "10.1.2.3"\n      port => 6514\n' in text


@pytest.mark.parametrize("siem", ["siem", "siem:", ":514", "siem:0", "siem:65536", 'a" }:514', "siem:5 14"])
def test_a_siem_that_is_no_host_and_port_is_refused(capsys: pytest.CaptureFixture[str], siem: str) -> None:
    assert run(["logstash", "config", "--siem", siem]) == 2
    assert "siem: got" in capsys.readouterr().err


def test_an_unknown_format_is_refused_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["logstash", "config", "--format", "csv"]) == 2
    assert "wincollect" in capsys.readouterr().err


# --- what is in them -----------------------------------------------------------------------------


def without_comments(text: str) -> str:
    """Texts in quotes and comments taken out, so that only the structure is left."""
    return re.sub(r""""[^"\n]*"|=> '[^']*'|#[^\n]*""", "", text)


@pytest.mark.parametrize(
    "choice", CHOICES, ids=lambda choice: f"{choice.read}-{choice.send}-{choice.way}-{choice.to}"
)
def test_a_pipeline_is_whole(choice: Choice) -> None:
    files = render_pipelines(choice)
    named = [Path(entry["path.config"]).name for entry in yaml.safe_load(files["pipelines.yml"])]
    assert sorted([*named, "pipelines.yml"]) == sorted(files)
    for name in named:
        structure = without_comments(files[name])
        assert structure.count("{") == structure.count("}")
        assert structure.count("[") == structure.count("]")
        assert '"' not in structure
        assert not re.search("@[A-Z]+@", files[name])  # no place left to fill in
        depth = 0
        for line in structure.splitlines():
            if depth == 0 and line.strip():
                assert re.fullmatch(r"(input|filter|output) \{", line), line
            depth += line.count("{") - line.count("}")


@pytest.mark.parametrize("way", WAYS)
def test_the_queue_on_disk_is_on_in_every_pipeline(way: str) -> None:
    for entry in yaml.safe_load(render_pipelines(Choice(way=way))["pipelines.yml"]):
        assert entry["queue.type"] == "persisted"
        assert entry["pipeline.workers"] == 1
        assert entry["pipeline.ordered"] == "true"  # a text: Logstash refuses a boolean here


def test_what_was_not_normalized_goes_to_a_file_and_not_to_the_siem() -> None:
    for send in FORMATS:
        text = render_pipelines(Choice(send=send))[f"exchange-out-{send}.conf"]
        assert '  if "_exnormparsefailure" in [tags] or ![' in text


def test_the_command_in_the_head_is_one_that_exnorm_takes(capsys: pytest.CaptureFixture[str]) -> None:
    for text in render_folder().values():
        if "exnorm does not run beside it" in text:
            continue
        command = re.search(r"^# Runs beside: exnorm (.*)$", text, re.MULTILINE)
        assert command is not None
        # the last option is wrong, so that it stops after the others were read
        assert run([*command.group(1).split(), "--answer-within", "0"]) == 2
        assert "answer-within: got" in capsys.readouterr().err


@pytest.mark.parametrize(("taxonomy", "send"), [("arcsight", "cef"), ("jsa", "leef"), ("jsa", "wincollect")])
def test_the_key_of_a_finished_line_is_what_the_rows_of_its_message_share(taxonomy: str, send: str) -> None:
    lines = (ROOT / "examples" / "MSGTRK2018112722-1.LOG").read_bytes().splitlines()
    normalizer = Normalizer(taxonomy=taxonomy, format=send, correlation=True)
    (payload,) = normalizer.encode(lines[:6], normalizer.stream("MSGTRK2018112722-1.LOG"))
    mark = re.search(f'"{send}" => "(.*)%{{NOTSPACE', render_key_filter(send))
    assert mark is not None
    found = re.search(mark.group(1) + r"(\S+)", payload.decode())  # grok's NOTSPACE
    assert found is not None
    assert found.group(1) == lines[5].decode().split(",")[11]  # network-message-id


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--to", "kafka", "--format", "codec-cef"), "kafka takes finished lines"),
        (("--way", "none"), "none sends raw lines to Kafka"),
        (("--way", "none", "--input", "kafka", "--to", "kafka"), "none sends raw lines to Kafka"),
        (("--input", "kafka", "--brokers", 'a" }'), "brokers: got"),
    ],
)
def test_a_pipeline_of_kafka_that_makes_no_sense_is_refused(
    capsys: pytest.CaptureFixture[str], options: tuple[str, ...], message: str
) -> None:
    assert run(["logstash", "config", *options]) == 2
    assert message in capsys.readouterr().err


TRAPS = [  # a trap, and the word on the line at which it bites
    ("exchange-in-beats.conf", "WITHOUT multiline", "port => 5044"),
    ("exchange-in-beats.conf", "TLS is the default", "ssl_enabled => false"),
    ("exchange-in-beats.conf", "drops the", "ssl_enabled => false"),
    ("exchange-in-beats.conf", "@metadata does not go", "ssl_enabled => false"),
    ("exchange-in-file.conf", "backslashes", "path => ["),
    ("exchange-in-file.conf", 'The default, "end"', 'start_position => "beginning"'),
    ("exchange-in-file.conf", "Windows cannot delete", "close_older"),
    ("exchange-in-file.conf", "no acknowledgement", "close_older"),
    ("exchange-out-cef.conf", "the default is every address", 'host => "127.0.0.1"'),
    ("exchange-out-cef.conf", "no acknowledgement", "port => 514"),
    ("exchange-out-cef.conf", "escape it twice", "codec => line"),
    ("exchange-out-leef.conf", "machine Logstash runs on", "codec => line"),
    ("exchange-out-codec-cef.conf", "without it the keys are full names", "reverse_mapping => true"),
    ("exchange-out-codec-cef.conf", "without it all events are one line", "delimiter =>"),
    ("exchange-out-codec-cef.conf", "cannot read itself", "fields => ["),
    ("exchange-inline-beats-cef.conf", "mandatory in ECS mode", "target_body =>"),
    ("exchange-inline-beats-cef.conf", "never tried again", "retry_non_idempotent => true"),
    ("exchange-inline-beats-cef.conf", "TypeError", "ruby {"),
    ("exchange-in-beats-http.conf", "one request for each event", 'format => "json_batch"'),
    ("exchange-out-cef-http.conf", "one event of a whole batch", "codec => json_lines"),
    ("exchange-in-kafka.conf", "whatever became of the records", "enable_auto_commit => false"),
    ("exchange-in-kafka.conf", "only with this", "decorate_events"),
    ("exchange-out-cef-kafka.conf", "adds a time and a host", "codec => plain"),
    ("exchange-out-cef-kafka.conf", "logged and dropped", "max_request_size"),
    ("pipelines.yml", "off by default", "queue.type: persisted"),
    ("pipelines.yml", "before their own header", "pipeline.workers: 1"),
]


@pytest.mark.parametrize(("name", "trap", "bite"), TRAPS)
def test_a_trap_is_written_beside_the_line_where_it_bites(name: str, trap: str, bite: str) -> None:
    lines = render_folder()[name].splitlines()
    written = [number for number, line in enumerate(lines) if trap in line]
    bitten = [number for number, line in enumerate(lines) if bite in line]
    assert min(abs(one - other) for one in written for other in bitten) <= 5


# --- codec => cef --------------------------------------------------------------------------------


def codec_options(send: str) -> tuple[dict[str, str], list[str]]:
    """The options of ``codec => cef`` in a pipeline, and its list of fields."""
    text = render_pipelines(Choice(send=send))[f"exchange-out-{send}.conf"]
    block = text[text.index("codec => cef {") :]
    options = dict(re.findall(r'^ +(\w+) => "?([^"\n]*?)"?(?: +#.*)?$', block, re.MULTILINE))
    listed = re.search(r"fields => \[(.*?)\n +\]", block, re.DOTALL)
    assert listed is not None
    return options, re.findall(r'"([^"]+)"', listed.group(1))


SHORTENED = ("ZoneKey", "TranslatedZoneKey")


def test_the_codec_lists_every_field_once_and_no_header_field() -> None:
    for send in ("codec-cef", "codec-cef-ecs"):
        options, fields = codec_options(send)
        # the codec does not know the four keys of zones that CEF 1.2 adds and shortens
        known = [item for item in ARCSIGHT.fields if not item.header and item.key[1:] not in SHORTENED]
        assert len(fields) == len(set(fields)) == len(known)
        assert "deviceReceiptTime" in fields
        assert "@timestamp" not in fields
        assert options["reverse_mapping"] == "true"
        assert options["delimiter"] == "\\n"
    assert codec_options("codec-cef")[0]["signature"] == "%{deviceEventClassId}"
    assert codec_options("codec-cef-ecs")[0]["signature"] == "%{[event][code]}"


# A few of the names that the codec itself has, by key: the field with ECS switched off, and in ECS.
NAMES_OF_THE_CODEC = {
    "src": ("sourceAddress", "[source][ip]"),
    "suser": ("sourceUserName", "[source][user][name]"),
    "cs1": ("deviceCustomString1", "[cef][device_custom_string_1][value]"),
    "cs1Label": ("deviceCustomString1Label", "[cef][device_custom_string_1][label]"),
    "cn1": ("deviceCustomNumber1", "[cef][device_custom_number_1][value]"),
    "in": ("bytesIn", "[source][bytes]"),
    "cat": ("deviceEventCategory", "[cef][category]"),
    "dvchost": ("deviceHostName", "[observer][hostname]"),
    "msg": ("message", "message"),
}


@pytest.mark.parametrize("key", NAMES_OF_THE_CODEC)
def test_the_names_are_those_of_the_codec(key: str) -> None:
    full, ecs = NAMES_OF_THE_CODEC[key]
    assert full in codec_options("codec-cef")[1]
    assert ecs in codec_options("codec-cef-ecs")[1]


@pytest.mark.skipif(not FIELDS_OF_THE_CODEC.exists(), reason="the list of the codec's names is not here")
def test_every_name_that_is_written_is_one_the_codec_knows() -> None:
    rows = [line.split("\t") for line in FIELDS_OF_THE_CODEC.read_text(encoding="utf-8").splitlines()[1:]]
    full, ecs = {row[1]: row[0] for row in rows}, {row[4].strip() for row in rows}
    own = {field.name: field.key for field in ARCSIGHT.fields}
    for name in codec_options("codec-cef")[1]:
        # a name that the codec does not know it writes as it is, which is right where it is the key
        assert full.get(name, name) == own[name], name
    for name in codec_options("codec-cef-ecs")[1]:
        assert name in ecs or full.get(name, name) == own[name], name


def write_as_the_codec_does(event: dict[str, Any], send: str) -> str:
    """One event as Logstash's codec writes it with the pipeline's options (its rules, from recorded runs)."""
    options, fields = codec_options(send)

    def get(reference: str) -> Any:
        value: Any = event
        for part in re.findall(r"\[([^\]]+)\]", reference) or [reference]:
            value = value.get(part) if isinstance(value, dict) else None
        return value

    def fill(text: str) -> str:
        return re.sub(r"%\{([^}]+)\}", lambda found: str(get(found.group(1))), text)

    escape = str.maketrans({"\\": "\\\\", "=": "\\=", "\n": "\\n", "\r": "\\n"})
    head = [
        fill(options[name]).replace("\\", "\\\\").replace("|", "\\|")
        for name in ("vendor", "product", "version", "signature", "name", "severity")
    ]
    keys = {field.name: field.key for field in ARCSIGHT.fields}
    keys |= {
        f"[{']['.join(field.ecs.split('.'))}]": field.key
        for field in reversed(ARCSIGHT.fields)
        if "." in field.ecs
    }
    pairs = [
        f"{keys[name]}={str(get(name)).replace(chr(13) + chr(10), chr(10)).translate(escape)}"
        for name in fields
        if get(name) is not None
    ]
    return "CEF:0|" + "|".join(head) + "|" + " ".join(pairs)


@pytest.mark.parametrize(("shape", "send"), [("full", "codec-cef"), ("ecs", "codec-cef-ecs")])
def test_the_codec_writes_the_fields_that_exnorm_itself_writes(
    capfdbinary: pytest.CaptureFixture[bytes], shape: str, send: str
) -> None:
    log = str(ROOT / "examples" / "MSGTRK2018112722-1.LOG")
    output = []
    for options in (
        ("--format", "json", "--fields", shape),
        ("--format", "cef", "--additional-data", "none"),
    ):
        capfdbinary.readouterr()
        run(["convert", log, "--quiet", *options])
        sys.stdout.flush()
        output.append(capfdbinary.readouterr().out.decode().splitlines())
    assert len(output[0]) == len(output[1]) > 2
    for text, line in zip(*output):
        event = json.loads(text)
        if shape == "ecs":  # what the pipeline's ruby filter sets
            moment = re.search(r" rt=(\d+)", line)
            assert moment is not None
            event["deviceReceiptTime"] = int(moment.group(1))
        assert read_cef(write_as_the_codec_does(event, send).encode()) == read_cef(line.encode())


def test_rows_of_an_outage_have_a_file_of_their_own_with_the_way_back() -> None:
    files = render_pipelines(Choice(send="leef", way="filter"))
    text = files["exchange-inline-beats-leef.conf"]
    outage = text.index('if "_httprequestfailure" in [tags] {\n    # exnorm did not answer')
    assert text.index("exnorm-outage-") > outage
    assert "exnorm logstash pipe --taxonomy jsa --format leef < FILE" in text
    assert text.index('} else if "_exnormparsefailure" in [tags]') > outage
    assert '"_httprequestfailure"' not in render_pipelines(Choice())["exchange-out-cef.conf"]


def test_an_array_that_comes_back_is_split() -> None:
    text = render_pipelines(Choice(way="filter"))["exchange-inline-beats-cef.conf"]
    assert 'if [@metadata][exnorm][0] { split { field => "[@metadata][exnorm]" } }' in text


@pytest.mark.parametrize("way", ["native", "http", "filter"])
def test_on_windows_no_file_names_a_place_of_linux(way: str) -> None:
    for read in ("beats", "file"):
        files = render_pipelines(Choice(read, way=way, on="windows"))
        for name, text in files.items():
            assert re.findall(r"/(?:etc|var|opt|usr)/\S*", text) == [], name
        assert "C:/ProgramData/logstash/exnorm-unparsed-" in "".join(files.values())
        entries = yaml.safe_load(files["pipelines.yml"])
        assert {Path(entry["path.config"]).parent.as_posix() for entry in entries} == {
            "C:/logstash/config/exnorm"
        }
