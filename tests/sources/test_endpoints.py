from __future__ import annotations

import pytest

from exnorm.sources.endpoints import describe_endpoint, split_endpoint


@pytest.mark.parametrize(
    ("text", "address", "port"),
    [
        ("192.0.2.10:993", "192.0.2.10", "993"),
        ("10.10.10.10", "10.10.10.10", ""),
        ("[2001:db8::10]:993", "2001:db8::10", "993"),
        ("[2001:db8::10]", "2001:db8::10", ""),
        ("2001:db8::10", "2001:db8::10", ""),
        ("fe80::1%3", "fe80::1%3", ""),
        ("[fe80::1%3]:25", "fe80::1%3", "25"),
        ("[::ffff:192.0.2.1]:25", "192.0.2.1", "25"),
    ],
)
def test_an_endpoint_is_taken_apart(text: str, address: str, port: str) -> None:
    assert split_endpoint(text) == (address, port)


@pytest.mark.parametrize(
    "text",
    ["", "x.x.x.x:25", "192.0.2.10:", "192.0.2.10:65536", "192.0.2.300:25", "[192.0.2.1", ":25", "a:b:c"],
)
def test_a_text_that_is_no_endpoint_gives_nothing(text: str) -> None:
    assert split_endpoint(text) == ("", "")


def test_a_bare_ipv6_address_that_could_end_in_a_port_is_an_address() -> None:
    assert split_endpoint("2001:db8::5:25") == ("2001:db8::5:25", "")


def test_an_endpoint_without_a_port_leaves_no_port_behind() -> None:
    derived: dict[str, str] = {}
    describe_endpoint(derived, "10.10.10.10", "server-address", "server-port")
    assert derived == {"server-address": "10.10.10.10"}
