"""What became of a request, who asked, and what the query says, for IIS and HttpProxy alike."""

from __future__ import annotations

import base64

import pytest

from exnorm.sources.web_requests import (
    find_account,
    find_long_query,
    join_url,
    make_find_client,
    name_answer,
    read_device,
    read_query,
)

EAS = "/Microsoft-Server-ActiveSync/default.eas"


@pytest.mark.parametrize(
    ("method", "path", "query", "status", "outcome"),
    [
        # the form answers a redirect to right and wrong passwords
        ("POST", "/owa/auth.owa", "", "302", "LOGON-ATTEMPT"),
        ("post", "/OWA/Auth.owa", "", "302", "LOGON-ATTEMPT"),
        ("POST", "/owa/auth/owaauth.dll", "", "302", "LOGON-ATTEMPT"),
        ("POST", "/exchweb/bin/auth/owaauth.dll", "", "302", "LOGON-ATTEMPT"),
        ("POST", "/owa/auth.owa", "", "200", "LOGON-ATTEMPT"),
        ("POST", "/owa/auth.owa", "", "500", "SERVER-ERROR"),
        ("GET", "/owa/auth.owa", "", "302", "REDIRECT"),
        ("GET", "/owa/auth/logon.aspx", "url=x&reason=2", "200", "LOGON-FAILURE"),
        ("GET", "/owa/auth/logon.aspx", "url=x&reason=0", "200", "REQUEST"),
        ("GET", "/owa/logoff.owa", "", "302", "LOGOFF"),
        ("GET", "/owa/auth/expiredpassword.aspx", "", "200", "PASSWORD-EXPIRED"),
        ("GET", "/owa/", "", "200", "REQUEST"),
        ("GET", "/owa/x.js", "", "304", "REQUEST"),
        ("GET", "/owa/", "", "302", "REDIRECT"),
        ("GET", "/ews/", "", "401", "AUTH-CHALLENGE"),
        ("GET", "/ecp/", "", "403", "ACCESS-DENIED"),
        ("GET", "/ecp/", "", "404", "CLIENT-ERROR"),
        ("GET", "/owa/", "", "440", "SESSION-EXPIRED"),
        ("POST", EAS, "Cmd=Sync", "449", "PROVISIONING"),
        ("GET", "/ecp/", "", "503", "SERVER-ERROR"),
        # no status
        ("GET", "/ecp/", "", "", "STATUS-UNKNOWN"),
        ("GET", "/ecp/", "", "abc", "STATUS-UNKNOWN"),
        ("GET", "/ecp/", "", "0", "STATUS-UNKNOWN"),
        ("GET", "/ecp/", "", "999", "STATUS-UNKNOWN"),
        # ActiveSync says refusals in its part of the query
        ("POST", EAS, "Cmd=Sync&Log=V161_Error:UserDisabledForSync_As:BlockedG_", "200", "ACCESS-DENIED"),
        ("POST", EAS, "Cmd=Sync&Log=V161_Error:DeviceNotProvisioned_", "200", "PROVISIONING"),
        ("POST", EAS, "Cmd=Sync&Log=V161_Error:MailboxGone_", "200", "APPLICATION-ERROR"),
        ("POST", EAS, "Cmd=Sync&Log=V161_As:BlockedG_", "200", "ACCESS-DENIED"),
        ("POST", EAS, "Cmd=Sync&Log=V161_As:AllowedG_", "200", "REQUEST"),
        ("POST", EAS, "Cmd=Sync&Log=fine&User=x&Log=V161_Error:MailboxGone_", "200", "APPLICATION-ERROR"),
        ("GET", "/owa/", "Log=V161_Error:MailboxGone_", "200", "REQUEST"),
    ],
)
def test_the_answer_and_the_page_say_what_became_of_a_request(
    method: str, path: str, query: str, status: str, outcome: str
) -> None:
    assert name_answer(method, path, query, status) == outcome


@pytest.mark.parametrize(
    ("text", "proxies", "client"),
    [
        ("203.0.113.1,+198.51.100.99", (), ("198.51.100.99", "")),
        ("203.0.113.6,+198.51.100.95,+192.0.2.11", ("192.0.2.0/24",), ("198.51.100.95", "")),
        ("203.0.113.6, 198.51.100.95", ("192.0.2.11", "198.51.100.95"), ("203.0.113.6", "")),
        ("203.0.113.7:51234", (), ("203.0.113.7", "51234")),
        ("10.0.0.9, [2001:db8::1]:443", (), ("2001:db8::1", "443")),
        ("2001:db8::1", (), ("2001:db8::1", "")),
        ("10.0.0.9, fe80::1%7", ("fe80::/10",), ("10.0.0.9", "")),
        ("203.0.113.1, unknown", (), ("", "")),
        ("unknown", (), ("", "")),
        ("", ("192.0.2.0/24",), ("", "")),
    ],
)
def test_the_client_is_the_last_address_that_is_no_proxy_of_the_site(
    text: str, proxies: tuple[str, ...], client: tuple[str, str]
) -> None:
    assert make_find_client(proxies)(text) == client


def test_of_a_repeated_parameter_the_first_counts_and_a_plus_stays() -> None:
    assert read_query("&User=a%5Cb&user=c&x&Note=1+1") == {"user": "a\\b", "note": "1+1"}


@pytest.mark.parametrize("mark", ["", "?"])
def test_the_query_of_activesync_names_user_and_device(mark: str) -> None:
    query = f"{mark}Cmd=Ping&User=D%5Cnora&DeviceId=DEV1&DeviceType=iPad"
    assert read_device(EAS, query) == ("D\\nora", "DEV1", "iPad", "Ping")
    assert read_device("/owa/", query) == ("", "", "", "")


@pytest.mark.parametrize(
    ("user", "parts"),
    [
        ("", ("EXAMPLE", "", "nora", "")),
        ("Anonymous", ("EXAMPLE", "", "nora", "")),
        ("OTHER\\olga", ("OTHER", "olga", "", "")),
        ("olga", ("", "olga", "", "")),  # never with the domain of another spelling
    ],
)
def test_who_logged_on_is_the_user_else_whom_activesync_names(user: str, parts: tuple[str, ...]) -> None:
    assert find_account(user, EAS, "User=EXAMPLE%5Cnora") == parts


def test_a_query_that_the_field_would_cut_stands_by_itself() -> None:
    assert find_long_query("/x", "a" * (1023 - len("/x?"))) == ""
    assert find_long_query("/x", "a" * (1024 - len("/x?"))) == "a" * 1021
    assert find_long_query("/x", "\u00e9" * 511) == "\u00e9" * 511  # two bytes each


def test_the_query_follows_the_path_with_one_question_mark() -> None:
    assert join_url("/a", "?b=1") == "/a?b=1"
    assert join_url("/a", "b=1") == "/a?b=1"
    assert join_url("/a", "") == "/a"


DEVICE = bytes((141, 17, 0x09, 0x04))  # version 14.1, Settings, English


@pytest.mark.parametrize(
    ("query", "device"),
    [
        # the example of [MS-ASHTTP]: version 14.0, Sync, no key
        ("jAAJBAp2MTQwRGV2aWNlAApTbWFydFBob25l", ("", "v140Device", "SmartPhone", "Sync")),
        ("?jAAJBAp2MTQwRGV2aWNlAApTbWFydFBob25l&Log=V140_Ty:Em_", ("", "v140Device", "SmartPhone", "Sync")),
        # a device that is no text, a key of four bytes, the parameters 7 (options) and 8 (user)
        (
            DEVICE
            + b"\x04\xde\xad\xbe\xef"
            + b"\x04KEY1"
            + b"\x06iPhone"
            + b"\x07\x01\x01"
            + b"\x08\x04nora",
            ("nora", "DEADBEEF", "iPhone", "Settings"),
        ),
        # not of this form: a length behind the end, another version, another command, no base64
        (DEVICE + b"\x63abc", ("", "", "", "")),
        (b"\x01\x00\x09\x04\x01a\x00\x01b", ("", "", "", "")),
        (b"\x8c\x63\x09\x04\x01a\x00\x01b", ("", "", "", "")),
        ("jAAJBA", ("", "", "", "")),
        ("x", ("", "", "", "")),
        ("", ("", "", "", "")),
        ("A" * 5000, ("", "", "", "")),
    ],
)
def test_a_query_of_activesync_in_base64_names_device_and_command(
    query: str | bytes, device: tuple[str, ...]
) -> None:
    text = query if isinstance(query, str) else base64.b64encode(query).decode()
    assert read_device(EAS, text) == device
    assert read_device("/owa/", text) == ("", "", "", "")
