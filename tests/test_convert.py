"""Text of a log column -> typed value."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, strategies as st

from exnorm.convert import (
    INT64_MAX,
    addresses,
    count,
    cut_utf8,
    ip,
    ipv4,
    ipv6,
    is_plain_ipv4,
    iso_utc,
    mailbox,
    members,
    port,
    size_bytes,
    text,
    upper,
    utc_ms,
)


def test_text_is_given_on_as_it_is() -> None:
    assert text(" a\u2028b ") == " a\u2028b "


def test_event_names_are_written_in_upper_case() -> None:
    assert upper("sendExternal") == "SENDEXTERNAL"


# --- addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "v4", "v6"),
    [
        ("10.4.11.100", "10.4.11.100", None),
        ("2001:db8::25", None, "2001:db8::25"),
        ("2001:0DB8:0:0:0:0:0:25", None, "2001:db8::25"),
        ("fe80::1234:5678:4321:1010%3", None, "fe80::1234:5678:4321:1010"),
        ("fe80::1%Ethernet 2", None, "fe80::1"),
        ("::ffff:10.20.0.16", "10.20.0.16", None),
        ("::FFFF:10.20.0.16", "10.20.0.16", None),
        ("::1", None, "::1"),
    ],
)
def test_an_address_is_either_ipv4_or_ipv6_without_its_zone_and_a_mapped_one_is_ipv4(
    value: str, v4: str | None, v6: str | None
) -> None:
    assert (ipv4(value), ipv6(value)) == (v4, v6)
    assert ip(value) == (v4 or v6)


@pytest.mark.parametrize(
    "value",
    [
        "testHostName",
        "1234:5678:4321:1010%3",  # four groups only, as in a real log that was masked
        "10.4.11",
        "10.4.11.256",
        "010.4.11.100",
        "10.4.11.100:25",
        "10.4.11.100%3",
        "[2001:db8::25]",
        "fe80::1;fe80::2",
        "167772161",
        " 10.4.11.100",
        "\u0661.2.3.4",  # an Arabic digit
        "%3",
        "0" * 5000,
    ],
)
def test_a_text_that_is_no_address_is_read_as_none(value: str) -> None:
    assert (ipv4(value), ipv6(value), ip(value)) == (None, None, None)


@given(
    st.one_of(
        st.ip_addresses().map(str), st.from_regex(r"[0-9.]{1,16}"), st.text("0123456789.\n", max_size=16)
    )
)
def test_a_plain_ipv4_address_is_what_the_standard_library_takes_for_one(value: str) -> None:
    try:
        expected = ipaddress.ip_address(value).version == 4
    except ValueError:
        expected = False
    assert is_plain_ipv4(value) is expected


# --- numbers -------------------------------------------------------------------------------------


def test_a_count_or_size_is_digits_that_fit_64_bits_signed() -> None:
    assert size_bytes("7249") == 7249
    assert count("0") == 0
    assert size_bytes("9223372036854775807") == INT64_MAX == 9223372036854775807
    assert size_bytes("9223372036854775808") is None


@pytest.mark.parametrize(
    "value", ["-1", "+1", "1.0", "1,000", "1e3", "0x10", " 1", "1_000", "\u0661", "1" * 20]
)
def test_what_is_not_plain_digits_is_no_number(value: str) -> None:
    assert size_bytes(value) is None
    assert count(value) is None


def test_a_port_is_at_most_65535() -> None:
    assert port("65535") == 65535
    assert port("65536") is None
    assert port("smtp") is None


# --- times ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [
        ("1970-01-01T00:00:00.000Z", 0),
        # date -u -d 2018-11-27T22:40:02Z +%s gives 1543358402
        ("2018-11-27T22:40:02.966Z", 1543358402966),
        ("2018-11-27T22:40:02Z", 1543358402000),
        ("2018-11-27T22:40:02.9Z", 1543358402900),
        ("2018-11-27T22:40:02.9669999Z", 1543358402966),
        # 2024 is a leap year: 19782 days after 1970-01-01
        ("2024-02-29T00:00:00.000Z", 19782 * 86_400_000),
        ("1969-12-31T23:59:59.999Z", -1),
    ],
)
def test_a_time_is_epoch_milliseconds_utc_and_further_digits_are_cut(value: str, milliseconds: int) -> None:
    assert utc_ms(value) == milliseconds


@pytest.mark.parametrize(
    "value",
    [
        "2022-02-30T10:00:00.000Z",
        "2023-02-29T10:00:00.000Z",
        "2022-13-01T10:00:00.000Z",
        "2022-00-01T10:00:00.000Z",
        "2022-01-01T24:00:00.000Z",
        "2022-01-01T10:60:00.000Z",
        "2022-01-01T10:00:60.000Z",
        "0000-01-01T10:00:00.000Z",
        "2022-01-01T10:00:00.000",
        "2022-01-01T10:00:00.000+01:00",
        "2022-01-01 10:00:00.000Z",
        "2022-1-1T10:00:00.000Z",
        "2022-01-01T10:00:00.Z",
        "2022-01-01T10:00:00.12345678Z",
        "2022-01-01T10:00:00.000Z\n",
        "\u0662022-01-01T10:00:00.000Z",
        "",
    ],
)
def test_a_day_that_is_not_in_the_calendar_or_another_form_is_no_time(value: str) -> None:
    assert utc_ms(value) is None


def test_milliseconds_are_written_as_the_log_writes_them() -> None:
    assert iso_utc(1543358402966) == "2018-11-27T22:40:02.966Z"
    assert iso_utc(0) == "1970-01-01T00:00:00.000Z"
    assert iso_utc(-1) == "1969-12-31T23:59:59.999Z"
    assert iso_utc(253402300799999) == "9999-12-31T23:59:59.999Z"


def test_there_is_no_way_to_write_a_time_beyond_the_year_9999() -> None:
    with pytest.raises(OverflowError):
        iso_utc(253402300800000)


# --- lists ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("a@x.example", ["a@x.example"]),
        ("a@x.example;b@x.example", ["a@x.example", "b@x.example"]),
        ("'a@x.example';'b@x.example'", ["a@x.example", "b@x.example"]),
        ("'a@x.example'", ["a@x.example"]),
        (
            "'550 4.4.7 QUEUE.Expired;timeout';250 2.1.5 Ok",
            ["550 4.4.7 QUEUE.Expired;timeout", "250 2.1.5 Ok"],
        ),
        ("250 2.1.5 Ok;'550 4.4.7 a;b'", ["250 2.1.5 Ok", "550 4.4.7 a;b"]),
        ("o'brien@x.example;d'arcy@x.example", ["o'brien@x.example", "d'arcy@x.example"]),
        ("'left open;b@x.example", ["'left open", "b@x.example"]),
        ("a;;b", ["a", "", "b"]),
        ("'a';", ["a", ""]),
        ("'';'b'", ["", "b"]),
    ],
)
def test_members_are_split_at_semicolons_outside_of_quotes(value: str, found: list[str]) -> None:
    assert members(value) == found


def test_quotes_are_taken_off_addresses_where_that_loses_nothing() -> None:
    assert addresses("'a@x.example';'b@x.example'") == "a@x.example;b@x.example"
    assert addresses("o'brien@x.example") == "o'brien@x.example"
    # without its quotes this would read as three members
    assert addresses("'a;b@x.example';'c@x.example'") == "'a;b@x.example';'c@x.example'"


def test_the_null_sender_is_no_user_name() -> None:
    assert mailbox("<>") is None
    assert mailbox("'a@x.example'") == "a@x.example"


# --- lengths -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "limit", "shown"),
    [
        ("abcdef", 4, "abcd"),
        ("abcd", 4, "abcd"),
        ("äbc", 3, "äb"),  # ä has two bytes
        ("aä", 2, "a"),
        ("東京", 5, "東"),  # three bytes each
        ("a😀", 4, "a"),  # four bytes
        ("a😀", 5, "a😀"),
        ("😀", 3, ""),
    ],
)
def test_a_text_is_cut_between_two_characters_and_never_longer_than_the_limit(
    value: str, limit: int, shown: str
) -> None:
    assert cut_utf8(value, limit) == shown
    assert len(shown.encode()) <= limit
