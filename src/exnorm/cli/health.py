"""``exnorm health``: ask a running service for its state, for health checks of containers."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from urllib.parse import urlsplit

import click

from exnorm.cli import OK, say
from exnorm.cli.click_types import FILE
from exnorm.errors import SettingsError, quote

VARIABLE = "EXNORM_HEALTH"
SICK = 1
SECONDS = 5.0
_ANSWER_BYTES = 65536
_EXPECTED = "expected host:port, unix:/path or a URL with a port"


@click.command("health")
@click.argument("address", metavar="[ADDR]", required=False, envvar=VARIABLE)
@click.option("--ready", is_flag=True, help="Check that it can take events now, not only that it runs.")
@click.option(
    "--tls-ca", metavar="FILE", type=FILE, help="The certificates to trust for an ADDR with https://."
)
def command(address: str | None, ready: bool, tls_ca: str | None) -> int:
    """Check that a running service answers: exit status 0, else 1.

    ADDR is the address given to --metrics of fluentbit serve or to --listen of logstash serve or otlp serve:
    host:port or unix:/path, or a URL; without it the variable EXNORM_HEALTH is read. It needs no shell, no
    curl and no password.
    """
    if address is None:
        raise click.UsageError(f"missing argument 'ADDR', and {VARIABLE} is not set; {_EXPECTED}")
    path = "/readyz" if ready else "/healthz"
    try:
        status, content = ask(_connect(address, tls_ca), path)
    except (OSError, http.client.HTTPException) as error:
        say(f"health: {address}: {getattr(error, 'strerror', None) or error or type(error).__name__}")
        return SICK
    if status != 200:
        say(f"health: {address}{path} answered {status}: {content.get('reason', 'no reason')}")
        return SICK
    click.echo(content.get("status", "ok"))
    return OK


def ask(connection: http.client.HTTPConnection, path: str) -> tuple[int, dict[str, str]]:
    """Return the answer's status and its JSON object, empty for any other answer. Raises ``OSError``."""
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read(_ANSWER_BYTES)
    finally:
        connection.close()
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    return answer.status, content if isinstance(content, dict) else {}


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket's file."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(SECONDS)
        self.sock.connect(self._path)


def _connect(address: str, ca: str | None) -> http.client.HTTPConnection:
    if address.startswith("unix:/"):
        return _UnixConnection(address.removeprefix("unix:"))
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if not host or port is None or parts.scheme not in ("http", "https"):
        raise SettingsError(f"health: got {quote(address)}; {_EXPECTED}")
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=SECONDS)
    try:
        context = ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise SettingsError(f"tls-ca: cannot read {quote(ca)}: {error.strerror or error}") from None
    return http.client.HTTPSConnection(host, port, timeout=SECONDS, context=context)
