from __future__ import annotations

import pytest

from exnorm.errors import SettingsError
from exnorm.fluentbit.addresses import Address, is_local, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:24224", Address("127.0.0.1", 24224)),
        ("[::1]:1", Address("::1", 1)),
        ("host.example:0", Address("host.example", 0)),
        ("unix:/run/x.sock", Address(path="/run/x.sock")),
        ("unix:///run/x.sock", Address(path="/run/x.sock")),
    ],
)
def test_an_address_is_read(text: str, address: Address) -> None:
    assert parse_address(text, "listen") == address


@pytest.mark.parametrize(
    "text", ["", ":1", "h", "h:", "h:x", "h:65536", "h:-1", "h:²", "::1:5", "unix:", "unix:x"]
)
def test_what_is_no_address_is_refused_with_the_options_name(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^listen: got "):
        parse_address(text, "listen")


def test_an_address_is_shown_as_it_is_written() -> None:
    for text in ("127.0.0.1:24224", "[::1]:1", "unix:/run/x.sock"):
        assert str(parse_address(text, "listen")) == text


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("127.0.0.1:1", True),
        ("127.9.9.9:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("unix:/x", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("192.0.2.1:1", False),
        ("no-such-name.invalid:1", False),
    ],
)
def test_only_loopback_and_unix_sockets_are_local(text: str, local: bool) -> None:
    assert is_local(parse_address(text, "listen")) is local
