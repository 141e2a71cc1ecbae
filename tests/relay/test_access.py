from __future__ import annotations

import base64
from pathlib import Path

import pytest

from exnorm.errors import SettingsError
from exnorm.relay.access import (
    Address,
    Credentials,
    check_exposure,
    check_url,
    read_address,
    read_credentials,
)


@pytest.mark.parametrize(
    ("text", "address", "is_loopback"),
    [
        ("127.0.0.1:9801", Address("127.0.0.1", 9801), True),
        ("127.9.9.9:0", Address("127.9.9.9", 0), True),
        ("localhost:1", Address("localhost", 1), True),
        ("[::1]:9801", Address("::1", 9801), True),
        (":9801", Address("0.0.0.0", 9801), False),
        ("[::]:9801", Address("::", 9801), False),
        ("10.0.0.1:9801", Address("10.0.0.1", 9801), False),
        ("localhost.example.com:9801", Address("localhost.example.com", 9801), False),
    ],
)
def test_an_address_is_read_and_known_to_be_loopback_or_not(
    text: str, address: Address, is_loopback: bool
) -> None:
    assert read_address(text) == address
    assert address.is_loopback is is_loopback


def test_an_address_is_written_as_it_stands_in_a_url() -> None:
    assert str(Address("::1", 9801)) == "[::1]:9801"
    assert str(Address("127.0.0.1", 9801)) == "127.0.0.1:9801"


@pytest.mark.parametrize(
    "text", ["", "9801", "127.0.0.1", "127.0.0.1:", "::1:9801", "[127.0.0.1]:1", "a:-1", "a:٣"]
)
def test_what_is_no_address_and_port_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="expected address:port"):
        read_address(text)


def test_only_what_is_missing_is_asked_for() -> None:
    open_to_all = Address("0.0.0.0", 9801)
    check_exposure(open_to_all, has_tls=True, has_secret=True)
    check_exposure(Address("127.0.0.1", 9801), has_tls=False, has_secret=False)
    with pytest.raises(SettingsError, match="give --tls-cert and --tls-key, or listen"):
        check_exposure(open_to_all, has_tls=False, has_secret=True)
    with pytest.raises(SettingsError, match="give --auth-user and --auth-password-file, or listen"):
        check_exposure(open_to_all, has_tls=True, has_secret=False)


def test_a_password_may_go_to_the_loopback_or_over_tls() -> None:
    for url in (
        "http://127.0.0.1:9800",
        "http://[::1]:9800/",
        "http://localhost",
        "https://next.example.com",
    ):
        assert check_url(url, has_secret=True) == url
    assert check_url("http://next.example.com", has_secret=False) == "http://next.example.com"


@pytest.mark.parametrize(
    "url", ["", "next:9800", "http://", "http://a:b", "http://[::1", "file:///etc/passwd"]
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="forward: got"):
        check_url(url, has_secret=False)


def header(pair: bytes) -> str:
    return "Basic " + base64.b64encode(pair).decode()


def test_only_the_very_same_name_and_password_match() -> None:
    mine = Credentials("me", "gehe:im ß")
    assert mine.match(header("me:gehe:im ß".encode()))
    assert mine.match(mine.header.replace("Basic", "basic"))
    for other in (
        b"",
        b"me",
        b"me:",
        b"me:gehe",
        "me:gehe:im ß ".encode(),
        "Me:gehe:im ß".encode(),
        b"\xff:\xff",
    ):
        assert not mine.match(header(other))
    for text in ("", "Basic", "Basic !!!", "Basic \u20ac", mine.header.replace("Basic", "Digest")):
        assert not mine.match(text)


def test_a_password_is_not_in_the_text_of_its_object() -> None:
    assert "s3cret" not in repr(Credentials("me", "s3cret"))


def read(username: str | None, file: Path | None, **environ: str) -> Credentials | None:
    return read_credentials(
        username, str(file) if file else None, environ, option="auth-", variable="PASSWORD"
    )


def test_a_password_comes_from_its_file_or_from_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("from the file\r\n", newline="")
    assert read(None, None) is None
    assert read("me", file) == Credentials("me", "from the file")
    assert read("me", None, PASSWORD="from there") == Credentials("me", "from there")
    assert read("me", file, PASSWORD="from there") == Credentials("me", "from the file")


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines", b"\xff\xfe", b"x" * 5000])
def test_a_file_that_holds_no_password_is_refused_without_showing_it(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "password"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match="auth-password-file: ") as refused:
        read("me", file)
    assert "lines" not in str(refused.value)


def test_a_name_needs_a_password_and_a_password_a_name(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match="auth-password-file: not given; expected a file, or the password in PASSWORD"
    ):
        read("me", None)
    with pytest.raises(SettingsError, match="auth-user: not given, but there is a password"):
        read(None, None, PASSWORD="x")
    with pytest.raises(SettingsError, match="expected a name without a colon"):
        read("a:b", None, PASSWORD="x")


@pytest.mark.parametrize(("user", "password"), [("müller", "x"), ("a", "geheimnüs")])
def test_what_logstash_cannot_send_is_refused_at_the_start(user: str, password: str) -> None:
    with pytest.raises(SettingsError, match="beyond ASCII, for which Logstash sends"):
        read_credentials(user, None, {"P": password}, option="auth-", variable="P")
