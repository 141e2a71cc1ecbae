"""Access to services: addresses, passwords, TLS. Secrets are read here and never shown."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, NamedTuple, Protocol
from urllib.parse import urlsplit

from exnorm.errors import SettingsError, quote

SECRET_BYTES = 4096


class Words(NamedTuple):
    """The name of a secret in messages, and the options that give it."""

    what: str
    one: str
    listen: str
    forward: str


PASSWORDS = Words(
    "password",
    "a password",
    "--auth-user and --auth-password-file",
    "--forward-user and --forward-password-file",
)
TOKENS = Words("access token", "an access token", "--auth-token-file", "--forward-token-file")


@dataclass(frozen=True)
class Address:
    """An address to listen on."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it; a name other than localhost may resolve to any address."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def read_address(text: str, example: str = "127.0.0.1:9801") -> Address:
    """Read ``127.0.0.1:9801``, ``[::1]:9801`` or ``:9801``, which means every address of the machine."""
    host, colon, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if (
        not colon
        or not port.isascii()
        or not port.isdigit()
        or int(port) > 65535
        or (":" in bare) != (bare != host)
    ):
        raise SettingsError(f"listen: got {quote(text)}; expected address:port, such as {example}")
    return Address(bare or "0.0.0.0", int(port))


def check_url(
    url: str, has_secret: bool, words: Words = PASSWORDS, example: str = "http://127.0.0.1:9800"
) -> str:
    """Return the next hop's address; raises ``SettingsError`` where a secret would go to another machine
    unencrypted.
    """
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  raises for a port that is no number
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(f"forward: got {quote(_hide(url))}; expected a URL such as {example}")
    if parts.username is not None or parts.password is not None:
        raise SettingsError(
            f"forward: a URL with a password can be read in the list of processes; use {words.forward}"
        )
    if has_secret and parts.scheme == "http" and not Address(parts.hostname, 0).is_loopback:
        raise SettingsError(
            f"forward: {quote(url)} would carry the {words.what} in the clear; expected https"
        )
    return url


def _hide(url: str) -> str:
    """Return a URL without the part before its ``@``, which may be a password."""
    head, at, tail = url.rpartition("@")
    return f"...@{tail}" if at and head else url


class Secret(Protocol):
    """The secret that a request must have in ``Authorization``, or that we send to the next hop."""

    what: ClassVar[str]
    """What it is called."""
    challenge: ClassVar[str]
    """The value of ``WWW-Authenticate``."""

    @property
    def header(self) -> str:
        """Return the value of ``Authorization``."""

    def match(self, header: str) -> bool:
        """Return whether a request's ``Authorization`` is this one, in constant time."""


def check_exposure(address: Address, has_tls: bool, has_secret: bool, words: Words = PASSWORDS) -> None:
    """Raise ``SettingsError`` for an address other than loopback without TLS and a secret."""
    if address.is_loopback or (has_tls and has_secret):
        return
    missing = [
        *(() if has_tls else ("--tls-cert and --tls-key",)),
        *(() if has_secret else (words.listen,)),
    ]
    raise SettingsError(
        f"listen: {address} can be reached from other machines, which needs TLS and {words.one}; "
        f"give {' and '.join(missing)}, or listen on 127.0.0.1"
    )


# --- passwords and tokens ------------------------------------------------------------------------


@dataclass(frozen=True)
class Credentials:
    """A user name and a password for basic authentication."""

    what: ClassVar[str] = "user name or password"
    challenge: ClassVar[str] = 'Basic realm="exnorm"'

    username: str
    password: str = field(repr=False)

    @property
    def header(self) -> str:
        """Return the value of ``Authorization``."""
        return "Basic " + base64.b64encode(self._pair()).decode("ascii")

    def match(self, header: str) -> bool:
        """Return whether a request's ``Authorization`` is this one, in constant time."""
        scheme, _, given = header.partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            pair = base64.b64decode(given.strip().encode("utf-8", "replace"), validate=True)
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(pair, self._pair())

    def _pair(self) -> bytes:
        return f"{self.username}:{self.password}".encode()


@dataclass(frozen=True)
class Token:
    """An access token for ``Authorization: Bearer``."""

    what: ClassVar[str] = "access token"
    challenge: ClassVar[str] = 'Bearer realm="exnorm"'

    token: str = field(repr=False)

    @property
    def header(self) -> str:
        """Return the value of ``Authorization``."""
        return f"Bearer {self.token}"

    def match(self, header: str) -> bool:
        """Return whether a request's ``Authorization`` is this one, in constant time."""
        scheme, _, given = header.partition(" ")
        given_bytes = given.strip().encode("utf-8", "replace")
        return scheme.lower() == "bearer" and hmac.compare_digest(given_bytes, self.token.encode())


def read_credentials(
    username: str | None, password_file: str | None, environ: Mapping[str, str], *, option: str, variable: str
) -> Credentials | None:
    """Return a name with its password from a file or from the environment; never from the command line.

    ``option`` is the prefix of the options' names, ``variable`` the password's variable.
    """
    password = (
        _read_secret(password_file, f"{option}password-file") if password_file else environ.get(variable)
    )
    if not username and not password:
        return None
    if not username:
        raise SettingsError(f"{option}user: not given, but there is a password")
    if ":" in username:
        raise SettingsError(f"{option}user: got {quote(username)}; expected a name without a colon")
    if not password:
        raise SettingsError(
            f"{option}password-file: not given; expected a file, or the password in {variable}"
        )
    for name, text in (("user", username), ("password-file", password)):
        if not text.isascii():
            raise SettingsError(
                f"{option}{name}: holds a character beyond ASCII, for which Logstash sends '?': no request "
                "would ever be let in; expected letters, digits and signs of ASCII"
            )
    return Credentials(username, password)


def read_token(path: str | None, environ: Mapping[str, str], *, option: str, variable: str) -> Token | None:
    """Return an access token from a file, else from the environment; never from the command line."""
    token = _read_secret(path, option) if path else environ.get(variable)
    if not token:
        return None
    if not token.isascii() or not token.isprintable() or " " in token:
        raise SettingsError(f"{option}: expected printable ASCII without blanks, which a header can carry")
    return Token(token)


def _read_secret(path: str, name: str) -> str:
    try:
        with Path(path).open("rb") as file:
            content = file.read(SECRET_BYTES + 1)
        text = content.decode("utf-8")
    except OSError as error:
        raise SettingsError(f"{name}: cannot read {quote(path)}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{name}: {quote(path)} is not UTF-8") from None
    secret = text.rstrip("\r\n")
    if not secret or len(content) > SECRET_BYTES or "\n" in secret:
        raise SettingsError(f"{name}: expected one line of at most {SECRET_BYTES} bytes in {quote(path)}")
    return secret


# --- TLS -----------------------------------------------------------------------------------------


def serve_tls(cert: str | None, key: str | None) -> ssl.SSLContext | None:
    """Return TLS 1.2 or newer with this certificate; ``None`` where none is given."""
    if not cert and not key:
        return None
    if not cert or not key:
        raise SettingsError("tls-cert and tls-key: expected both or none")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_certificate(context, cert, key)
    return context


def load_certificate(context: ssl.SSLContext, cert: str, key: str) -> None:
    """Use a certificate for new connections; open ones keep theirs."""
    try:
        context.load_cert_chain(cert, key, password=_refuse_passphrase)
    except (OSError, ssl.SSLError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingsError(f"tls-cert {quote(cert)}, tls-key {quote(key)}: {reason}") from None


def _refuse_passphrase() -> str:
    """Refuse an encrypted key: without this, OpenSSL would ask on the terminal and wait."""
    raise ValueError("the key has a passphrase; expected a key without one")


def trust_tls(ca: str | None) -> ssl.SSLContext:
    """Return TLS 1.2 or newer that trusts the certificates in ``ca``, else those of the system."""
    try:
        context = ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"tls-ca: cannot read {quote(ca)}: {error.strerror or error}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
