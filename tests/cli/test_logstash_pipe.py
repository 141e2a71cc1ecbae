from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from tests.sources.test_smtp_order import HEADER, NAME, Delivery

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "examples" / "MSGTRK2018112722-1.LOG"
RAW = SAMPLE.read_bytes()
ROW = RAW.decode("utf-8-sig").split("\n")[5]
TORN = "2018-11-27T22:40:02.966Z,too,short"
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("EXNORM_")}


class Result:
    def __init__(self, status: int, out: bytes, err: bytes) -> None:
        self.status = status
        self.events: list[dict[str, Any]] = [json.loads(line) for line in out.split(b"\n")[:-1]]
        self.err = err.decode()


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "exnorm", *(str(argument) for argument in arguments)]


def pipe(data: bytes, *arguments: object) -> Result:
    found = subprocess.run(
        command("logstash", "pipe", *arguments), input=data, capture_output=True, env=ENVIRONMENT, check=False
    )
    return Result(found.returncode, found.stdout, found.stderr)


def convert(*arguments: object) -> list[dict[str, Any]]:
    found = subprocess.run(
        command("convert", "-q", "--format", "json", *arguments),
        input=RAW,
        capture_output=True,
        env=ENVIRONMENT,
        check=True,
    )
    return [{"@version": "1", **json.loads(line)} for line in found.stdout.splitlines()]


def bare(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {name: event[name] for name in event if name not in ("@timestamp", "@version")} for event in events
    ]


def test_the_raw_lines_of_a_log_come_out_as_convert_writes_them_ids_and_all() -> None:
    result = pipe(RAW)
    assert result.events == convert("-")
    assert result.status == 0
    assert result.err == "exnorm: 4 normalized, 0 untouched, 0 not parsed, 5 header or blank\n"


def test_with_the_path_of_the_file_the_ids_are_those_of_the_file() -> None:
    assert pipe(RAW, "--path", SAMPLE.name).events == convert(SAMPLE)


def test_events_in_json_are_normalized_and_others_go_through() -> None:
    lines = [
        {"message": ROW, "host": {"name": "EX01"}, "@metadata": {"k": 1}},
        {"message": "hello"},
        {"a": 1},
    ]
    result = pipe("".join(json.dumps(line) for line in lines).encode())
    assert result.status == 0
    assert bare(result.events[1:]) == [{"message": "hello"}, {"a": 1}]
    assert result.events[0]["host"] == {"name": "EX01"}
    assert result.events[0]["name"] == "SENDEXTERNAL"
    assert "@metadata" not in result.events[0]
    assert "1 normalized, 2 untouched" in result.err


UTF_16 = RAW.decode("utf-8-sig").encode("utf-16")


@pytest.mark.parametrize(
    "packed", [gzip.compress(RAW), UTF_16, gzip.compress(UTF_16)], ids=["gzip", "utf-16", "both"]
)
def test_gzip_and_utf_16_are_seen_by_their_first_bytes(packed: bytes) -> None:
    assert pipe(packed).events == convert("-")


def test_a_line_that_does_not_parse_is_tagged_told_and_makes_status_1() -> None:
    result = pipe(RAW + TORN.encode() + b"\n")
    assert result.status == 1
    assert bare(result.events[-1:]) == [
        {
            "message": TORN,
            "tags": ["_exnormparsefailure"],
            "error": {"reason": "row has 3 fields; #Fields names 30"},
        }
    ]
    assert (
        "exnorm: -:10: row has 3 fields; #Fields names 30: '2018-11-27T22:40:02.966Z,too,short'" in result.err
    )


def test_on_error_stop_ends_with_status_1_after_what_came_before() -> None:
    result = pipe(RAW + TORN.encode() + b"\n" + ROW.encode() + b"\n", "--on-error", "stop")
    assert result.status == 1
    assert result.events == convert("-")
    assert "exnorm: -:10: row has 3 fields" in result.err


def test_a_line_beyond_the_limit_is_told_and_what_follows_is_read() -> None:
    data = b'{"a":1}\n{"message":"' + b"x" * 300 + b'"}\n{"a":2}\n'
    result = pipe(data, "--decode-size-limit-bytes", 200)
    assert bare(result.events) == [{"a": 1}, {"a": 2}]
    assert result.status == 1
    assert "a line is longer than decode_size_limit_bytes, 200" in result.err


def test_damaged_gzip_is_told_with_status_1() -> None:
    result = pipe(gzip.compress(RAW * 50)[:-40])
    assert result.status == 1
    assert "the gzip data ends in the middle" in result.err


@pytest.mark.parametrize(
    ("arguments", "name", "beginning"),
    [
        (("--format", "cef"), "cef", "CEF:0|Microsoft|Exchange Server|"),
        (("--taxonomy", "jsa", "--format", "leef"), "leef", "LEEF:2.0|Microsoft|Exchange Server|"),
        (("--taxonomy", "jsa", "--format", "wincollect"), "wincollect", "AgentDevice="),
    ],
)
def test_a_finished_line_comes_in_a_field(arguments: tuple[str, ...], name: str, beginning: str) -> None:
    result = pipe(RAW, *arguments)
    assert len(result.events) == 4
    for event in result.events:
        assert sorted(event) == sorted(["@timestamp", "@version", "exnorm_id", name])
        assert event[name].startswith(beginning)


def test_settings_are_those_of_convert() -> None:
    arguments = ("--taxonomy", "jsa", "--profile", "arcsight-guide", "--per-recipient", "--keep-original")
    assert pipe(RAW, *arguments).events == convert("-", *arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--charset", "UTF8x"), "charset: got 'UTF8x'; did you mean 'UTF"),
        (("--decode-size-limit-bytes", "none"), "decode_size_limit_bytes: got 'none'"),
        (("--fields", "ful"), "fields: got 'ful'; did you mean 'full'?"),
        (("--taxonomy", "jsa", "--format", "cef"), "cannot carry taxonomy jsa"),
        (("--nope",), "no such option"),
    ],
)
def test_wrong_usage_is_status_2_before_anything_is_read(arguments: tuple[str, ...], message: str) -> None:
    result = pipe(RAW, *arguments)
    assert result.status == 2
    assert result.events == []
    assert message in result.err


def test_an_unknown_part_names_the_nearest() -> None:
    found = subprocess.run(command("logstash", "pip"), capture_output=True, env=ENVIRONMENT, check=False)
    assert found.returncode == 2
    assert found.stderr.decode() == (
        "exnorm: no such command 'pip'; did you mean 'pipe'?; see exnorm logstash --help\n"
    )


def test_each_event_is_handed_on_while_the_input_stays_open() -> None:
    with subprocess.Popen(
        command("logstash", "pipe", "-q"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(3):
            process.stdin.write(b'{"a":%d}\n' % number)
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["a"] == number
        process.stdin.close()
        assert process.stdout.read() == b""
        assert process.wait() == 0


def test_a_reader_that_closed_the_pipe_is_no_error() -> None:
    with subprocess.Popen(
        command("logstash", "pipe", "-q"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.write(RAW)
        process.stdin.close()
        assert process.wait() == 0
        assert process.stderr.read() == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_an_output_that_cannot_be_written_is_status_3() -> None:
    with open("/dev/full", "wb") as full:
        found = subprocess.run(
            command("logstash", "pipe"),
            input=RAW,
            stdout=full,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
            check=False,
        )
    assert found.returncode == 3
    assert b"exnorm: the output cannot be written: " in found.stderr


def test_the_last_object_is_given_without_a_separator_behind_it() -> None:
    command = [sys.executable, "-m", "exnorm", "logstash", "pipe", "--quiet"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(b'{"a": 1}')
        running.stdin.flush()
        assert json.loads(running.stdout.readline())["a"] == 1  # the input is still open
        running.stdin.write(b'\n{"b": 2}{"c": [{"d": "}"}')
        running.stdin.flush()
        assert json.loads(running.stdout.readline())["b"] == 2
        running.stdin.write(b"]}")
        running.stdin.close()
        assert json.loads(running.stdout.readline())["c"] == [{"d": "}"}]
    assert running.returncode == 0


@pytest.mark.parametrize("seed", [3, 4])
def test_rows_in_a_wrong_order_mix_no_sessions(seed: int) -> None:
    delivery = Delivery(seed)
    lines = [*HEADER, *chain(*delivery.first, *delivery.order, *delivery.again)]
    events = [{"message": line, "filename": NAME} for line in lines]
    data = "".join(json.dumps(event) + "\n" for event in events).encode()
    found = pipe(data, "--fields", "key").events
    size = len(delivery.rows)
    delivery.check(*(found[begin : begin + size] for begin in range(0, 3 * size, size)))
