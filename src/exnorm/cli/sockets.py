"""``--to``: payloads sent to a syslog receiver, for a test or a backfill.

Framing ``syslog`` puts an RFC 5424 header before each payload: one datagram each over UDP, counted octets
(RFC 6587) over TCP and TLS. ``lines`` has the same header and ends each message with LF. ``bare`` sends the
payload alone.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from exnorm.cli.click_types import FILE, Words
from exnorm.cli.conversion import guard
from exnorm.convert import iso_utc
from exnorm.errors import SettingsError, quote, suggest

if TYPE_CHECKING:
    import socket

F = TypeVar("F", bound=Callable[..., Any])
SCHEMES = ("udp", "tcp", "tls")
FRAMINGS = ("syslog", "lines", "bare")
_PORTS = {"udp": 514, "tcp": 514, "tls": 6514}
_PRIORITY = 134  # local0, informational: exnorm's severity stands in the payload
_CONNECT_SECONDS = 10
_SEND_SECONDS = 60


def socket_options(function: F) -> F:
    """Give a command ``--to``, ``--framing`` and ``--ca``, for ``read_destination``."""
    to = click.option(
        "--to",
        metavar="URL",
        help="Send to a syslog receiver: udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT.",
    )
    framing = click.option(
        "--framing",
        metavar="syslog|lines|bare",
        type=Words(FRAMINGS),
        default="syslog",
        show_default=True,
        help="With --to: an RFC 5424 header and octet counts, the same header and a LF, or the payload "
        "alone.",
    )
    ca = click.option("--ca", metavar="FILE", type=FILE, help="With --to tls://: the certificates to trust.")
    return to(framing(ca(function)))


@dataclass(frozen=True)
class Destination:
    """Where to send: ``tcp://HOST:PORT`` taken apart. ``ca`` is a file of certificates to trust, for TLS."""

    scheme: str
    host: str
    port: int
    framing: str = "syslog"
    ca: str | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def read_destination(url: str, framing: str, ca: str | None) -> Destination:
    """The destination that a URL names; raises ``SettingsError``."""
    from urllib.parse import urlsplit

    expected = "expected udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise SettingsError(f"--to: got {quote(url)}; {expected}") from None
    if parts.scheme not in SCHEMES or not parts.hostname or parts.path or parts.query or parts.username:
        raise SettingsError(f"--to: got {quote(url)}; {expected}")
    if framing not in FRAMINGS:
        raise SettingsError(f"--framing: got {quote(framing)}{suggest(framing, FRAMINGS)}")
    if framing == "lines" and parts.scheme == "udp":
        raise SettingsError("--framing: lines is for tcp and tls; over udp each message is a datagram")
    if ca is not None and parts.scheme != "tls":
        raise SettingsError(f"--ca: goes with tls://; got {quote(url)}")
    return Destination(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], framing, ca)


def open_sink(destination: Destination) -> SocketSink:
    """A sink that is connected; raises ``OutputError``."""
    sinks: list[SocketSink] = []
    guard(lambda: sinks.append(SocketSink(destination)))
    return sinks[0]


class SocketSink:
    """Sends each payload of the blocks that are written, in order.

    ``sent`` counts the payloads handed to the system; over UDP, and for the last ones before a connection
    breaks, that does not say that they arrived. Errors are ``OSError`` and name the destination.
    """

    def __init__(self, destination: Destination) -> None:
        import socket  # most runs open none

        self.destination = destination
        self.sent = 0
        self._is_broken = False
        self._hostname = socket.gethostname().encode("ascii", "replace").replace(b" ", b"-") or b"-"
        try:
            self._socket = self._connect()
        except OSError as error:
            raise self._explain(error, "cannot be reached") from None

    def _connect(self) -> socket.socket:
        import socket
        import ssl

        to = self.destination
        if to.scheme == "udp":
            family, kind, protocol, _, address = socket.getaddrinfo(to.host, to.port, type=socket.SOCK_DGRAM)[
                0
            ]
            udp = socket.socket(family, kind, protocol)
            udp.connect(address)
            return udp
        connection = socket.create_connection((to.host, to.port), timeout=_CONNECT_SECONDS)
        if to.scheme == "tls":
            connection = ssl.create_default_context(cafile=to.ca).wrap_socket(
                connection, server_hostname=to.host
            )
        connection.settimeout(_SEND_SECONDS)
        return connection

    def is_closed(self) -> bool:
        """Return whether the receiver has closed the connection, as far as is known here."""
        if self.destination.scheme == "udp":
            return False
        import select
        import ssl

        try:
            ready, _, _ = select.select((self._socket,), (), (), 0)
            if not ready:
                return False
            self._socket.settimeout(0)
            return not self._socket.recv(4096)
        except (BlockingIOError, ssl.SSLWantReadError):  # words of TLS alone
            return False
        except (OSError, ValueError):
            return True
        finally:
            self._socket.settimeout(_SEND_SECONDS)

    def fileno(self) -> int:
        """There is none to write to directly: payloads need their frames."""
        raise io.UnsupportedOperation("payloads are framed before they are sent")

    def write(self, block: bytes | memoryview, /) -> None:
        """Send the payloads of a block, each of which ends in LF."""
        payloads = bytes(block).split(b"\n")[:-1]
        to = self.destination
        try:
            if to.scheme == "udp":
                for payload in payloads:
                    self._socket.send(self._frame(payload))
                    self.sent += 1
                return
            for begin in range(0, len(payloads), 256):
                some = payloads[begin : begin + 256]
                self._socket.sendall(b"".join(map(self._frame, some)))
                self.sent += len(some)
        except OSError as error:
            raise self._explain(error, "broke") from None

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Say that no more comes, and wait until the receiver has closed or has taken what was sent."""
        try:
            if self.destination.scheme == "tcp" and not self._is_broken:
                import socket

                self._socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise self._explain(error, "broke") from None
        finally:
            self._socket.close()

    def _frame(self, payload: bytes) -> bytes:
        to = self.destination
        if to.framing == "bare":
            return payload if to.scheme == "udp" else payload + b"\n"
        stamp = iso_utc(int(time.time() * 1000)).encode()
        message = b"<%d>1 %s %s exnorm - - - %s" % (_PRIORITY, stamp, self._hostname, payload)
        if to.scheme == "udp":
            return message
        return message + b"\n" if to.framing == "lines" else b"%d %s" % (len(message), message)

    def _explain(self, error: OSError, what: str) -> OSError:
        self._is_broken = True
        reason = error.strerror or str(error) or type(error).__name__
        sent = f" after {self.sent} events were sent" if self.sent or what == "broke" else ""
        hint = ""
        if self.destination.scheme == "udp" and "too long" in reason.lower():
            hint = "; --max-payload 65000 shortens events to what a datagram holds"
        elif what == "broke" and self.destination.scheme != "udp":
            hint = "; the last of them may not have arrived"
        return OSError(error.errno or 0, f"{what}{sent}: {reason}{hint}", str(self.destination))
