"""``exnorm otlp serve`` in a process of its own, between a sender and a next hop on the loopback."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from tests.otlp.kit import (
    FILE,
    HEADER,
    TAG,
    WAIT,
    Exnorm,
    NextHop,
    attributes,
    fields_of,
    numbers_of,
    request_of,
    row,
)

from exnorm.cli import run

BOTH = [*HEADER, row(1), row(2)]


@pytest.fixture
def hop() -> Iterator[NextHop]:
    found = NextHop()
    yield found
    found.close()


@pytest.fixture
def exnorm(hop: NextHop) -> Iterator[Exnorm]:
    found = Exnorm("--forward", hop.url)
    yield found
    assert found.stop() == 0


def test_logs_arrive_at_the_next_hop_before_the_answer(exnorm: Exnorm, hop: NextHop) -> None:
    status, headers, answer = exnorm.post(request_of(BOTH).SerializeToString())
    assert (status, headers["Content-Type"], answer) == (200, "application/x-protobuf", b"")
    assert hop.paths == ["/v1/logs"]
    assert numbers_of(hop.taken) == [1, 2]


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_compressed_logs_are_read(exnorm: Exnorm, hop: NextHop, encoding: str) -> None:
    if encoding == "zstd":
        zstandard = pytest.importorskip("zstandard")
        body = zstandard.ZstdCompressor().compress(request_of(BOTH).SerializeToString())
    else:
        body = gzip.compress(request_of(BOTH).SerializeToString())
    assert exnorm.post(body, Content_Encoding=encoding)[0] == 200
    assert numbers_of(hop.taken) == [1, 2]
    assert exnorm.post(body[:-9], Content_Encoding=encoding)[0] == 400


def test_json_is_answered_with_json(exnorm: Exnorm, hop: NextHop) -> None:
    body = json_format.MessageToJson(request_of(BOTH)).encode()
    status, headers, answer = exnorm.post(body, "application/json; charset=utf-8")
    assert (status, headers["Content-Type"].split(";")[0], answer) == (200, "application/json", b"{}")
    assert numbers_of(hop.taken) == [1, 2]
    status, _, answer = exnorm.post(b"{", "application/json")
    assert (status, json.loads(answer)["code"]) == (400, 3)


def test_header_lines_alone_need_no_next_hop(exnorm: Exnorm, hop: NextHop) -> None:
    hop.decide = lambda request: 503
    assert exnorm.send(HEADER) == 200
    hop.decide = lambda request: 200
    assert exnorm.send([row(1)]) == 200
    assert fields_of(hop.taken[0])["deviceVersion"] == "15.01.2507.006"


@pytest.mark.parametrize(("given", "answered"), [(429, 429), (503, 503), (500, 503), (400, 503), (302, 503)])
def test_what_the_next_hop_does_not_take_stays_with_its_sender(
    exnorm: Exnorm, hop: NextHop, given: int, answered: int
) -> None:
    hop.decide, hop.headers = lambda request: given, {"Retry-After": "17"}
    status, headers, answer = exnorm.post(request_of(BOTH).SerializeToString())
    assert status == answered
    assert headers["Retry-After"] == "17"
    assert b"the next hop did not take it" in answer
    assert hop.taken == []
    hop.decide = lambda request: 200
    assert exnorm.send(BOTH) == 200
    assert numbers_of(hop.taken) == [1, 2]


def test_a_next_hop_that_is_away_is_503_with_a_time_to_wait(hop: NextHop) -> None:
    away = hop.url
    hop.close()
    exnorm = Exnorm("--forward", away)
    status, headers, _ = exnorm.post(request_of(BOTH).SerializeToString())
    assert (status, headers["Retry-After"]) == (503, "1")
    assert exnorm.get("/readyz")[0] == 503
    assert exnorm.get("/healthz")[0] == 200
    assert exnorm.stop() == 0


def test_a_next_hop_that_takes_too_long_is_429(hop: NextHop) -> None:
    go_on = threading.Event()
    hop.decide = lambda request: 200 if go_on.wait(WAIT) else 500
    exnorm = Exnorm("--forward", hop.url, "--answer-within", "0.3")
    try:
        assert exnorm.send(BOTH) == 429
    finally:
        go_on.set()
        assert exnorm.stop() == 0


def test_a_partial_success_of_the_next_hop_is_told_to_the_sender(exnorm: Exnorm, hop: NextHop) -> None:
    hop.answer.partial_success.rejected_log_records = 1
    hop.answer.partial_success.error_message = "too old"
    status, _, answer = exnorm.post(request_of(BOTH).SerializeToString())
    assert status == 200
    assert ExportLogsServiceResponse.FromString(answer) == hop.answer
    metrics = exnorm.get("/metrics")[1]
    assert 'exnorm_next_hop_failures_total{reason="rejected"} 1.0' in metrics
    assert "exnorm_events_out_total 1.0" in metrics


def test_what_does_not_parse_goes_on_and_to_the_rejects(hop: NextHop, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.ndjson"
    exnorm = Exnorm("--forward", hop.url, "--rejects", rejects)
    assert exnorm.send([*BOTH, row(3) + ",one too many"]) == 200
    assert exnorm.stop() == 0
    assert fields_of(hop.taken[2])["tags"] == [TAG]
    (line,) = rejects.read_text("utf-8").splitlines()
    assert json.loads(line)["path"] == FILE


def test_the_columns_of_a_log_are_known_after_a_kill(hop: NextHop, tmp_path: Path) -> None:
    path = "C:\\inetpub\\u_ex240506.log"
    header = [
        "#Software: Microsoft Internet Information Services 10.0",
        "#Fields: date time cs-method c-ip cs-uri-stem sc-status",
    ]
    first = Exnorm("--forward", hop.url, "--state", tmp_path / "state")
    assert first.send(header, file=path) == 200
    first.kill()
    second = Exnorm("--forward", hop.url, "--state", tmp_path / "state")
    assert second.send(["2024-05-06 07:08:09 GET 10.2.2.2 /owa 200"], file=path) == 200
    assert second.stop() == 0
    assert fields_of(hop.taken[0])["sourceAddress"] == "10.2.2.2"


def test_a_service_that_is_killed_before_the_answer_has_lost_nothing(hop: NextHop) -> None:
    killed = Exnorm("--forward", hop.url)
    go_on = threading.Event()
    hop.decide = lambda request: 503 if go_on.wait(WAIT) else 500
    failures: list[BaseException] = []

    def send() -> None:
        try:
            killed.send(BOTH)
        except OSError as error:
            failures.append(error)

    sender = threading.Thread(target=send)
    sender.start()
    assert hop.arrived.acquire(timeout=WAIT)
    killed.kill()
    sender.join(WAIT)
    go_on.set()
    assert failures, "it was answered though the next hop had not taken it"
    hop.decide = lambda request: 200
    again = Exnorm("--forward", hop.url)
    assert again.send(BOTH) == 200
    assert again.stop() == 0
    assert numbers_of(hop.taken) == [1, 2]


def test_a_stop_finishes_what_is_in_flight(hop: NextHop) -> None:
    exnorm = Exnorm("--forward", hop.url)
    go_on = threading.Event()
    hop.decide = lambda request: 200 if go_on.wait(WAIT) else 500
    statuses: list[int] = []
    sender = threading.Thread(target=lambda: statuses.append(exnorm.send(BOTH)))
    sender.start()
    assert hop.arrived.acquire(timeout=WAIT)
    exnorm.process.terminate()
    go_on.set()
    sender.join(WAIT)
    assert exnorm.stop() == 0
    assert statuses == [200]
    assert numbers_of(hop.taken) == [1, 2]


def test_only_who_brings_the_token_is_let_in(hop: NextHop, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("s3cr3t-token\n")
    environ = {"EXNORM_OTLP_FORWARD_TOKEN": "onward-token"}
    exnorm = Exnorm("--forward", hop.url, "--auth-token-file", token, environ=environ)
    body = request_of(BOTH).SerializeToString()
    for header in ("", "Bearer wrong", "Basic s3cr3t-token", "s3cr3t-token"):
        status, headers, answer = exnorm.post(body, Authorization=header)
        assert (status, headers["WWW-Authenticate"]) == (401, 'Bearer realm="exnorm"'), header
        assert b"wrong access token" in answer
    assert exnorm.post(body, Authorization="Bearer s3cr3t-token")[0] == 200
    assert hop.given[0]["Authorization"] == "Bearer onward-token"
    assert exnorm.get("/metrics")[0] == 401
    assert exnorm.get("/healthz")[0] == 200
    assert exnorm.stop() == 0
    assert "s3cr3t" not in json.dumps(exnorm.lines)
    assert "onward-token" not in json.dumps(exnorm.lines)


def test_bounds_are_answered_with_413(hop: NextHop) -> None:
    exnorm = Exnorm("--forward", hop.url, "--max-batch-events", "3", "--max-unpacked-bytes", "20000")
    assert exnorm.send(["a", "b", "c"], file="") == 200
    status, _, answer = exnorm.post(request_of("abcd").SerializeToString())
    assert status == 413
    assert b"more than 3 events" in answer
    assert exnorm.post(gzip.compress(b"\0" * 1_000_000), Content_Encoding="gzip")[0] == 413
    assert exnorm.stop() == 0


def test_other_signals_and_types_are_not_taken(exnorm: Exnorm) -> None:
    assert exnorm.post(b"", path="/v1/traces")[0] == 404
    assert exnorm.post(b"", "text/plain")[0] == 415
    assert exnorm.get("/v1/logs")[0] == 405


def test_a_long_line_of_json_is_not_too_long(exnorm: Exnorm, hop: NextHop) -> None:
    request = request_of(["not ours"], file="")
    record = request.resource_logs[0].scope_logs[0].log_records[0]
    record.attributes.extend(attributes({str(number): "x" * 1_000_000 for number in range(22)}))
    body = json_format.MessageToJson(request, indent=None).encode()
    assert b"\n" not in body
    assert exnorm.post(body, "application/json")[0] == 200
    assert hop.taken == [record]


def test_a_format_that_is_asked_for_is_the_body(hop: NextHop) -> None:
    exnorm = Exnorm("--forward", f"{hop.url}/custom/path", "--taxonomy", "jsa", "--format", "leef")
    assert exnorm.send(BOTH) == 200
    assert exnorm.stop() == 0
    assert hop.paths == ["/custom/path"]
    assert hop.taken[0].body.string_value.startswith("LEEF:2.0|Microsoft|")
    assert fields_of(hop.taken[0])["eventId"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--listen", "0.0.0.0:0"),
            "needs TLS and an access token; give --tls-cert and --tls-key and --auth-token-file",
        ),
        (("--listen", "4318"), "listen: got '4318'; expected address:port, such as 127.0.0.1:4318"),
        (("--forward", "127.0.0.1:4318"), "expected a URL such as http://127.0.0.1:4318"),
        (("--auth-token-file", "/no/such"), "auth-token-file: cannot read '/no/such'"),
    ],
)
def test_wrong_settings_stop_the_start(
    arguments: tuple[str, ...], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["otlp", "serve", "--listen", "127.0.0.1:0", *arguments]) == 2
    assert message in capfd.readouterr().err


def test_a_token_never_goes_to_another_machine_in_the_clear(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EXNORM_OTLP_FORWARD_TOKEN", "s3cr3t")
    assert run(["otlp", "serve", "--listen", "127.0.0.1:0", "--forward", "http://next.example.com"]) == 2
    error = capfd.readouterr().err
    assert "would carry the access token in the clear; expected https" in error
    assert "s3cr3t" not in error
