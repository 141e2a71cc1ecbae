"""The shared key handshake of the forward protocol, HELO, PING, PONG, without sockets.

The key itself is never sent nor part of a message of ours; digests are compared in constant time.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import msgpack

from exnorm.errors import quote
from exnorm.fluentbit.forward import ForwardError

MAX_BYTES = 8192
"""What one message of the handshake may hold: names and digests, never data."""

NONCE_BYTES = 16
# Fluent Bit packs and expects nonce, salt and digest as str, whatever bytes they hold.
_pack_text = msgpack.Packer(use_bin_type=False).pack
_pack = msgpack.Packer(use_bin_type=True).pack


def digest(salt: bytes, name: bytes, nonce: bytes, key: bytes) -> bytes:
    """Return the proof that a side knows the key: hexadecimal SHA-512 of salt, its own name,
    nonce and key.
    """
    return hashlib.sha512(salt + name + nonce + key).hexdigest().encode()


def encode_helo(nonce: bytes) -> bytes:
    """Return the server's first message, which requests no user authentication."""
    packed: bytes = _pack(["HELO", {"nonce": nonce, "auth": b"", "keepalive": True}])
    return packed


def decode_helo(raw: bytes) -> bytes:
    """Return the nonce of a server's HELO. Raises ``ForwardError``, also where it requests a user name."""
    parts = _decode(raw, b"HELO", 2)
    options = parts[1]
    if not isinstance(options, dict) or not isinstance(options.get(b"nonce"), bytes):
        raise ForwardError("HELO without a nonce")
    nonce: bytes = options[b"nonce"]
    return nonce


def encode_ping(name: bytes, salt: bytes, nonce: bytes, key: bytes) -> bytes:
    """Return the client's proof, without user name and password."""
    packed: bytes = _pack_text([b"PING", name, salt, digest(salt, name, nonce, key), b"", b""])
    return packed


def check_ping(raw: bytes, nonce: bytes, key: bytes) -> tuple[bytes, str]:
    """Return the client's salt, and why it is refused (empty: it is not). Raises ``ForwardError``."""
    _, name, salt, given, _, _ = _decode(raw, b"PING", 6)
    if not (isinstance(name, bytes) and isinstance(salt, bytes) and isinstance(given, bytes)):
        raise ForwardError("PING: expected texts")
    good = hmac.compare_digest(given, digest(salt, name, nonce, key))
    return salt, "" if good else "shared_key mismatch"


def encode_pong(reason: str, name: bytes, salt: bytes, nonce: bytes, key: bytes) -> bytes:
    """Return the server's answer: its own proof, or why the client is refused."""
    proof = b"" if reason else digest(salt, name, nonce, key)
    parts = [b"PONG", not reason, reason.encode(), b"" if reason else name, proof]
    packed: bytes = _pack_text(parts)
    return packed


def check_pong(raw: bytes, salt: bytes, nonce: bytes, key: bytes) -> None:
    """Raise ``ForwardError`` unless the server accepted our proof and gave its own."""
    _, taken, reason, name, given = _decode(raw, b"PONG", 5)
    if taken is not True:
        shown = quote(reason.decode("utf-8", "replace")) if isinstance(reason, bytes) else "no reason"
        raise ForwardError(f"the next hop refused the shared key: {shown}")
    if not (isinstance(name, bytes) and isinstance(given, bytes)):
        raise ForwardError("PONG: expected texts")
    if not hmac.compare_digest(given, digest(salt, name, nonce, key)):
        raise ForwardError("the next hop does not know the shared key")


def _decode(raw: bytes, word: bytes, length: int) -> list[Any]:
    try:
        parts = msgpack.unpackb(raw, raw=True, strict_map_key=False)
    except Exception as error:  # what msgpack makes of hostile bytes is of several families
        raise ForwardError(f"handshake: not msgpack: {type(error).__name__}") from None
    if not isinstance(parts, list) or len(parts) != length or parts[0] != word:
        raise ForwardError(f"handshake: expected {word.decode()} with {length} parts")
    return parts
