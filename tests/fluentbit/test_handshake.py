from __future__ import annotations

import hashlib

import msgpack
import pytest

from exnorm.fluentbit import handshake
from exnorm.fluentbit.forward import ForwardError

KEY, NONCE, SALT = b"secret", b"n" * 16, b"s" * 16


def test_the_digest_is_sha512_of_salt_name_nonce_and_key() -> None:
    expected = hashlib.sha512(b"s" * 16 + b"host" + b"n" * 16 + b"secret").hexdigest().encode()
    assert handshake.digest(SALT, b"host", NONCE, KEY) == expected


def test_two_sides_with_the_same_key_come_together() -> None:
    assert handshake.decode_helo(handshake.encode_helo(NONCE)) == NONCE
    ping = handshake.encode_ping(b"client", SALT, NONCE, KEY)
    assert handshake.check_ping(ping, NONCE, KEY) == (SALT, "")
    handshake.check_pong(handshake.encode_pong("", b"server", SALT, NONCE, KEY), SALT, NONCE, KEY)


def test_a_client_without_the_key_is_refused() -> None:
    ping = handshake.encode_ping(b"client", SALT, NONCE, b"another")
    salt, reason = handshake.check_ping(ping, NONCE, KEY)
    assert reason == "shared_key mismatch"
    pong = handshake.encode_pong(reason, b"server", salt, NONCE, KEY)
    with pytest.raises(ForwardError, match="refused the shared key: 'shared_key mismatch'"):
        handshake.check_pong(pong, SALT, NONCE, KEY)


def test_a_refusal_gives_no_proof_away() -> None:
    pong = handshake.encode_pong("shared_key mismatch", b"server", SALT, NONCE, KEY)
    assert msgpack.unpackb(pong) == ["PONG", False, "shared_key mismatch", "", ""]


def test_a_server_that_says_yes_without_the_key_is_not_believed() -> None:
    pong = handshake.encode_pong("", b"server", SALT, NONCE, b"another")
    with pytest.raises(ForwardError, match="does not know the shared key"):
        handshake.check_pong(pong, SALT, NONCE, KEY)


def test_an_old_ping_is_of_no_use_with_another_nonce() -> None:
    ping = handshake.encode_ping(b"client", SALT, NONCE, KEY)
    assert handshake.check_ping(ping, b"m" * 16, KEY)[1] == "shared_key mismatch"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xc1",
        b"GET / HTTP/1.1\r\n",
        msgpack.packb(["PING"]),
        msgpack.packb(["PONG", "a", "b", "c", "d", "e"]),
        msgpack.packb(["PING", 1, 2, 3, 4, 5]),
        msgpack.packb({"PING": 1}),
    ],
)
def test_what_is_no_ping_is_refused(raw: bytes) -> None:
    with pytest.raises(ForwardError):
        handshake.check_ping(raw, NONCE, KEY)


def test_a_helo_without_a_nonce_is_refused() -> None:
    for options in ({}, {"nonce": 1}, None):
        with pytest.raises(ForwardError):
            handshake.decode_helo(msgpack.packb(["HELO", options]))
