"""Who may connect to the services, and what they may learn; the secret of the tests must show up nowhere."""

from __future__ import annotations

import base64
import http.client
import shutil
import signal
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("fluent.sender", reason="fluent-logger is not installed")
pytest.importorskip("aiohttp", reason="aiohttp is not installed")
pytest.importorskip("prometheus_client", reason="prometheus-client is not installed")
pytest.importorskip("resource", reason="the services are stopped by POSIX signals")

from delivery_faults import (
    SECRET,
    SECURED_FAULTS,
    SERVICES,
    SHORT,
    Door,
    Ledger,
    Rig,
    basic,
    make_certificate,
    make_old_tls,
    run_fault,
)

from exnorm.cli import run
from exnorm.fluentbit import handshake
from exnorm.relay import access

WAIT = 20.0
LOUD = {"PYTHONASYNCIODEBUG": "1", "PYTHONDEVMODE": "1"}
"""Everything that Python and asyncio can be made to say."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not there to make a certificate")
    return make_certificate(tmp_path_factory.mktemp("certificate"))


def secure(service: str, folder: Path, certificate: Path) -> Rig:
    """A service with TLS and a secret that says all it can."""
    loud = ("--log-level", "debug")
    return Rig(service, folder, *loud, certificate=certificate, timeout=2.0, environ=LOUD)


@pytest.fixture(params=SERVICES)
def secured(request: pytest.FixtureRequest, tmp_path: Path, certificate: Path) -> Iterator[Rig]:
    """One for a test that ends it, or that reads in its log what it says once a minute."""
    with secure(request.param, tmp_path, certificate) as made:
        yield made


@pytest.fixture(scope="module", params=SERVICES)
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, certificate: Path
) -> Iterator[Rig]:
    """One for the tests that leave it as it was."""
    with secure(request.param, tmp_path_factory.mktemp("shared"), certificate) as made:
        yield made


def send(rig: Rig, door: Door) -> bool:
    """Whether the service acknowledges a chunk that comes through this door."""
    door.port = rig.door.port
    ledger = Ledger(50_000_000)
    client = type(rig.make_client())(door)
    try:
        return bool(client.send(ledger, ledger.take_chunk()))
    except OSError:
        return False
    finally:
        client.close()


# --- who may come in -----------------------------------------------------------------------------


def fail_to_start(capfd: pytest.CaptureFixture[str], service: str, *options: object) -> str:
    """What a service says that does not start."""
    forward = ("--forward", "127.0.0.1:9" if service == "fluentbit" else "http://127.0.0.1:9")
    assert run([service, "serve", *forward, *map(str, options)]) == 2
    out, err = capfd.readouterr()
    return out + err


@pytest.mark.parametrize("service", SERVICES)
def test_without_options_a_service_listens_on_the_loopback(
    service: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run([service, "serve", "--help"]) == 0
    assert "[default: 127.0.0.1:" in " ".join(capfd.readouterr().out.split())


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:9801"])
def test_any_other_address_is_refused_without_tls_and_a_secret(
    service: str, address: str, certificate: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    if service == "fluentbit":
        tls: tuple[str, ...] = ("--listen-cert", str(certificate))
        key: tuple[str, ...] = ("--listen-secret-file", str(secret))
    else:
        tls = ("--tls-cert", str(certificate), "--tls-key", str(certificate))
        key = ("--auth-user", "shipper", "--auth-password-file", str(secret))
    for options in ((), tls, key):
        said = fail_to_start(capfd, service, "--listen", address, *options)
        assert said.startswith("exnorm: listen: ")
        assert "listen on 127.0.0.1" in said  # what to do instead
        assert SECRET not in said


def test_the_right_secret_over_tls_comes_in_and_nothing_else_does(shared: Rig) -> None:
    assert send(shared, Door(shared.door.tls))
    assert not send(shared, Door(shared.door.tls, SECRET + "x"))
    assert not send(shared, Door(shared.door.tls, SECRET[:-1]))
    assert not send(shared, Door(shared.door.tls, ""))
    assert not send(shared, Door())  # plain text on the port of TLS
    assert not send(shared, Door(make_old_tls()))
    assert send(shared, Door(shared.door.tls))


def test_no_tls_older_than_1_2_is_spoken(secured: Rig) -> None:
    with pytest.raises(ssl.SSLError):
        make_old_tls().wrap_socket(socket.create_connection(("127.0.0.1", secured.door.port), WAIT))
    secured.process.wait_for_line("unsupported protocol")


@pytest.mark.parametrize("name", SECURED_FAULTS)
def test_who_should_not_come_in_keeps_nobody_out(shared: Rig, name: str) -> None:
    plan = replace(SHORT, seconds=0.2, idle=300)
    result = run_fault(shared, name, SECURED_FAULTS[name], plan)
    assert result.problems == []
    assert (result.lost, result.refused, result.wrongly_repeated, result.not_normalized) == (0, 0, 0, 0)
    assert result.events > 0
    assert [line for line in shared.process.lines if SECRET in line] == []


# --- what they may learn -------------------------------------------------------------------------


@pytest.mark.parametrize("right", [True, False])
def test_a_proof_is_judged_by_a_comparison_in_constant_time_alone(
    monkeypatch: pytest.MonkeyPatch, right: bool
) -> None:
    asked: list[int] = []

    def compare(a: bytes, b: bytes) -> bool:
        asked.append(1)
        return not right

    monkeypatch.setattr("hmac.compare_digest", compare)
    nonce, salt, key = b"n" * 16, b"s" * 16, b"key"
    given = key if right else b"another"
    assert bool(handshake.check_ping(handshake.encode_ping(b"x", salt, nonce, given), nonce, key)[1]) is right
    credentials = access.Credentials("user", "key")
    pair = base64.b64encode(b"user:" + given).decode()
    assert credentials.match(f"Basic {pair}") is not right
    assert len(asked) == 2


def test_a_secret_stands_in_no_log_answer_metric_or_reject(secured: Rig) -> None:
    encoded = base64.b64encode(f"shipper:{SECRET}".encode()).decode()
    shown: list[bytes] = []
    with secured.sending(2000.0, 0.05, bad_every=3) as ledger:
        ledger.wait_for_acks(3)
        for door in (Door(secured.door.tls, SECRET + "!"), Door(), Door(make_old_tls())):
            send(secured, door)
        if secured.service == "logstash":
            shown += ask_over_http(secured)
        secured.config.write_text("format: cfe\n")
        secured.process.process.send_signal(signal.SIGHUP)
        secured.process.wait_for_line("reload failed")
        secured.receiver.mode = "hang up"
        ledger.wait_for(lambda: max(ledger.attempts.values()) > 1, "a repeat")
        secured.receiver.mode = "ok"
    assert secured.process.end(signal.SIGTERM) == 0
    shown.append("\n".join(secured.process.lines).encode())
    shown += [path.read_bytes() for path in secured.folder.iterdir() if path.name != "secret"]
    assert secured.rejects.stat().st_size > 0
    assert len(secured.process.lines) > 5
    leaked = [text for text in shown if SECRET.encode() in text or encoded.encode() in text]
    assert leaked == []


def ask_over_http(rig: Rig) -> list[bytes]:
    """What it answers to good and bad requests, metrics among them."""
    right = basic(SECRET)
    answers = []
    for method, path, headers, body in (
        ("GET", "/metrics", right, b""),
        ("GET", "/healthz", right, b""),
        ("GET", "/nowhere", right, b""),
        ("POST", "/", {**right, "Content-Encoding": "gzip"}, b"no gzip"),
        ("POST", "/v1/normalize", right, b"{"),
        ("POST", "/", {"Authorization": f"Bearer {SECRET}"}, b""),
        ("POST", "/", {**right, "Bad\x01Header": SECRET}, b""),
    ):
        connection = http.client.HTTPConnection("localhost", rig.door.port, timeout=WAIT)
        connection.sock = rig.door.connect(WAIT)
        connection.putrequest(method, path)
        connection._buffer += [f"{name}: {value}".encode() for name, value in headers.items()]  # type: ignore[attr-defined]
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        answers.append(answer.read() + str(answer.headers).encode())
        connection.close()
    assert b"exnorm_events_in_total" in answers[0]
    assert answers[-1].startswith(b"the request cannot be read\n")
    return answers


@pytest.mark.parametrize("service", SERVICES)
def test_a_secret_stands_in_no_error_at_the_start(
    service: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    no_key = tmp_path / "no-key"
    no_key.write_bytes(f"{SECRET}\0\n{SECRET}\n".encode() + b"x" * access.SECRET_BYTES)
    user = ("--auth-user", "x") if service == "logstash" else ()
    option = "--auth-password-file" if service == "logstash" else "--listen-secret-file"
    said = [fail_to_start(capfd, service, *user, option, no_key)]
    for variable in ("EXNORM_LISTEN_SECRET", "EXNORM_LOGSTASH_PASSWORD"):
        monkeypatch.setenv(variable, SECRET)
    said.append(fail_to_start(capfd, service, *user, "--listen", "0.0.0.0:0"))
    said.append(fail_to_start(capfd, service, *user, "--format", "cfe"))
    assert [text for text in said if SECRET in text or not text] == []
