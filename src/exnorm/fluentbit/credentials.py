"""Read secrets and certificates at the start; they are never shown."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path

from exnorm.errors import SettingsError, quote

LISTEN_SECRET = "EXNORM_LISTEN_SECRET"
FORWARD_SECRET = "EXNORM_FORWARD_SECRET"


def read_secret(path: str | None, variable: str, environ: Mapping[str, str], name: str) -> bytes:
    """Return a shared key from a file, else from the environment, else an empty one.

    A line end at the file's end is not part of it. Raises ``SettingsError``, which never quotes it.
    """
    if path is None:
        return environ.get(variable, "").encode()
    try:
        secret = Path(path).read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise SettingsError(f"{name}: cannot read {quote(path)}: {error.strerror}") from None
    if not secret or b"\0" in secret:
        raise SettingsError(f"{name}: {quote(path)} holds no key: expected one line of text")
    return secret


def make_server_context(cert: str | None, key: str | None, ca: str | None) -> ssl.SSLContext | None:
    """Return TLS for the listener; with ``ca`` a client needs a certificate of it. Raises
    ``SettingsError``.
    """
    if cert is None:
        for value, name in ((key, "--listen-key"), (ca, "--listen-ca")):
            if value is not None:
                raise SettingsError(f"{name} needs --listen-cert")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_chain(context, cert, key, "listen-cert")
    if ca is not None:
        _load_ca(context, ca, "listen-ca")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def make_client_context(
    wanted: bool, ca: str | None, cert: str | None, key: str | None
) -> ssl.SSLContext | None:
    """Return TLS for the next hop, whose certificate and name are always verified. Raises
    ``SettingsError``.
    """
    if not wanted:
        for value, name in ((ca, "--forward-ca"), (cert, "--forward-cert"), (key, "--forward-key")):
            if value is not None:
                raise SettingsError(f"{name} needs --forward-tls")
        return None
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca is not None:
        _load_ca(context, ca, "forward-ca")
    if cert is not None:
        _load_chain(context, cert, key, "forward-cert")
    elif key is not None:
        raise SettingsError("--forward-key needs --forward-cert")
    return context


def _load_chain(context: ssl.SSLContext, cert: str, key: str | None, name: str) -> None:
    try:
        context.load_cert_chain(cert, key, password=_no_password)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise SettingsError(f"{name}: cannot use {quote(cert)}: {_explain(error)}") from None


def _load_ca(context: ssl.SSLContext, ca: str, name: str) -> None:
    try:
        context.load_verify_locations(ca)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{name}: cannot use {quote(ca)}: {_explain(error)}") from None


def _explain(error: OSError | ValueError) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or "not a certificate or key in PEM form"
    return getattr(error, "strerror", None) or str(error)


def _no_password() -> str:
    """Raise an error instead of asking for a password, because nobody could answer a service."""
    raise ValueError("the key is encrypted; give one without a password")
