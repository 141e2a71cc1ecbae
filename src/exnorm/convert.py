"""Convert text of a log column to a typed value, one small function each.

Every function takes the column's text, which is not empty, and returns ``None`` where it is not of that kind;
the mapping then keeps the text as additional data, so nothing is lost.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Union

Read = Callable[[str], Union[str, int, None]]
"""Reads a text as a value; ``None`` says that the text is not of that kind."""

INT64_MAX = 2**63 - 1
INT_DIGITS = 4000
"""Digits of an integer that int() and str() take whatever the interpreter's own limit is."""
ADDRESS_LONGEST = 100
"""Characters; a longer text is no address, and is not remembered as one that was looked at."""
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.(\d{1,7}))?Z", re.ASCII)
_GMT = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2}) (\d{1,2}):(\d{1,2}):(\d{1,2}) GMT", re.ASCII)
_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,19}")


def text(value: str) -> str:
    """Return the text unchanged."""
    return value


def upper(value: str) -> str:
    """Return the text in upper case, as event names are compared and written."""
    return value.upper()


def lower(value: str) -> str:
    """Return the text in lower case, for sites whose rules compare names so."""
    return value.lower()


def ipv4(value: str) -> str | None:
    """Return an IPv4 address; an IPv4-mapped one (``::ffff:a.b.c.d``) counts as IPv4."""
    version, address = _read_address(value)
    return address if version == 4 else None


def ipv6(value: str) -> str | None:
    """Return an IPv6 address without its ``%zone``; ``None`` for an IPv4-mapped one."""
    version, address = _read_address(value)
    return address if version == 6 else None


def ip(value: str) -> str | None:
    """Return an IPv4 or IPv6 address without its ``%zone``."""
    return _read_address(value)[1]


def is_plain_ipv4(value: str) -> bool:
    """Return whether a text is an IPv4 address in the usual form; faster than reading it."""
    return _IPV4.fullmatch(value) is not None


def _read_address(value: str) -> tuple[int, str | None]:
    if is_plain_ipv4(value):
        return 4, value
    return _read_short_address(value) if len(value) <= ADDRESS_LONGEST else (0, None)


@lru_cache(maxsize=65536)
def _read_short_address(value: str) -> tuple[int, str | None]:
    """Return the version of an address, and the address in its usual form."""
    try:
        address = ipaddress.ip_address(value.partition("%")[0])
    except ValueError:
        return 0, None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    elif "%" in value and address.version == 4:
        return 0, None
    return address.version, str(address)


def integer(value: str) -> int | None:
    """Return a number that is not negative and fits 64 bits signed."""
    if not _DIGITS.fullmatch(value):
        return None
    number = int(value)
    return number if number <= INT64_MAX else None


def size_bytes(value: str) -> int | None:
    """Return a size in bytes."""
    return integer(value)


def count(value: str) -> int | None:
    """Return a number of things."""
    return integer(value)


def port(value: str) -> int | None:
    """Return a TCP port, 0 to 65535."""
    number = integer(value)
    return number if number is not None and number <= 65535 else None


def used_port(value: str) -> int | None:
    """Return the TCP port of a connection; ``None`` for 0, which means no port."""
    return port(value) or None


def _second(year: str, month: str, day: str, hour: str, minute: str, second: str) -> int | None:
    try:
        moment = datetime(
            int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=timezone.utc
        )
    except ValueError:
        return None
    return (moment - _EPOCH) // timedelta(seconds=1)


def utc_ms(value: str) -> int | None:
    """Return a time ``yyyy-MM-ddTHH:mm:ss[.fff]Z`` as epoch milliseconds UTC; digits past the
    third are cut.
    """
    found = _TIME.fullmatch(value)
    if found is None:
        return None
    seconds = _read_second(value[:19])
    if seconds is None:
        return None
    return seconds * 1000 + int((found.group(1) or "0").ljust(3, "0")[:3])


def second_utc_ms(value: str) -> int | None:
    """Return another time than the row's own, as ``utc_ms`` does; generated code reads the row's time only
    once.
    """
    return utc_ms(value)


@lru_cache(maxsize=4096)  # many rows share a second
def _read_second(value: str) -> int | None:
    return _second(value[:4], value[5:7], value[8:10], value[11:13], value[14:16], value[17:])


def gmt_ms(value: str) -> int | None:
    """Return a time ``yyyy-M-d H:m:s GMT``, as Exchange 2003 writes it, as epoch milliseconds UTC."""
    found = _GMT.fullmatch(value)
    seconds = None if found is None else _second(*found.group(1, 2, 3, 4, 5, 6))
    return None if seconds is None else seconds * 1000


def moment_ms(value: str) -> int | None:
    """Return an ISO 8601 date, or date and time, as epoch milliseconds; UTC where it names no zone."""
    try:
        moment = datetime.fromisoformat(value.strip().replace("Z", "+00:00").replace("z", "+00:00"))
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return (aware - _EPOCH) // timedelta(milliseconds=1)


def iso_utc(epoch_ms: int) -> str:
    """Return epoch milliseconds as ``yyyy-MM-ddTHH:mm:ss.fffZ``. Raises ``OverflowError`` after the year
    9999.
    """
    second, milliseconds = divmod(epoch_ms, 1000)
    return f"{_write_second(second)}.{milliseconds:03}Z"


@lru_cache(maxsize=4096)
def _write_second(epoch: int) -> str:
    return (_EPOCH + timedelta(seconds=epoch)).isoformat().removesuffix("+00:00")


def members(value: str) -> list[str]:
    """Return the members of a list joined by ``;``, each possibly wrapped in ``'...'``.

    A wrapped member may itself contain ``;``; an apostrophe inside a word wraps nothing.
    """
    if "'" not in value:
        return value.split(";")
    found: list[str] = []
    start = 0
    while start <= len(value):
        closing = value.find("';", start + 1) if value.startswith("'", start) else -1
        if closing < 0 and value.startswith("'", start) and value.endswith("'", start + 1):
            closing = len(value) - 1
        if closing >= 0:
            found.append(value[start + 1 : closing])
            start = closing + 2
        else:
            end = value.find(";", start)
            end = len(value) if end < 0 else end
            found.append(value[start:end])
            start = end + 1
    return found


def addresses(value: str) -> str:
    """Return a recipient list joined by ``;``, without ``'...'`` around members where that loses nothing."""
    if "'" not in value:
        return value
    found = members(value)
    return value if any(";" in member for member in found) else ";".join(found)


def mailbox(value: str) -> str | None:
    """Return an address that may serve as a user name: ``None`` for the null sender ``<>``."""
    return None if value == "<>" else addresses(value)


def account(value: str) -> str | None:
    """Return an account that may serve as a user name: ``None`` for ``Anonymous``."""
    return None if value.lower() == "anonymous" else value


def plus_as_blank(value: str) -> str:
    """Return the text of a request header, in which IIS writes ``+`` for a blank."""
    return value.replace("+", " ")


def address_list(value: str) -> str | None:
    """Return a list as the agents write it, without the ``;`` after its last member."""
    return addresses(value.removesuffix(";")) or None


def mailbox_list(value: str) -> str | None:
    """Return a list as ``address_list`` does, where it may serve as a user name."""
    return mailbox(value.removesuffix(";")) or None


def host(value: str) -> str | None:
    """Return a host's name: ``None`` for an address, or a literal such as ``[192.0.2.1]``."""
    return None if value.startswith("[") or ip(value) is not None else value


def _has_zone(value: str) -> bool:
    return "%" in value


def _has_plus(value: str) -> bool:
    return "+" in value


LOSSES: tuple[tuple[Read, Callable[[str], bool]], ...] = (
    (ipv4, _has_zone),
    (ipv6, _has_zone),
    (ip, _has_zone),
    (plus_as_blank, _has_plus),  # a blank, or a + that the client sent
)
"""Functions whose values may no longer hold all of a text, and of which texts that is so.

The mapping then keeps the text as additional data beside the value.
"""


def cut_utf8(value: str, max_bytes: int) -> str:
    """Return the longest beginning of at most ``max_bytes`` UTF-8 bytes that ends between two characters."""
    if len(value) <= max_bytes // 4:
        return value
    if value.isascii():
        return value[:max_bytes]
    return value.encode("utf-8", "surrogatepass")[:max_bytes].decode("utf-8", "ignore")


# --- parts of a column ---------------------------------------------------------------------------


def member(key: str, read: Read = text) -> Read:
    """Return a function that reads the first member ``key`` of ``S:key=value;S:key=value``, as in
    ``custom-data``.

    A row with it is ``partial``: the column itself stays additional data.
    """
    return _read_part(f"member {key}", lambda value: find_member(value, key), read)


def match(pattern: str, read: Read = text) -> Read:
    """Return a function that reads the first group of a regular expression, or the whole match without a
    group.

    A row with it is ``partial``: the column itself stays additional data.
    """
    compiled = re.compile(pattern)

    def find(value: str) -> str:
        found = compiled.search(value)
        return (found.group(1 if compiled.groups else 0) or "") if found else ""

    return _read_part(f"match {pattern}", find, read)


def find_member(value: str, key: str) -> str:
    """Return the value of the first member of that name in ``S:key=value;S:key=value``; empty where there is
    none.
    """
    for item in members(value):
        name, equal, found = item.partition("=")
        if equal and name.rpartition(":")[2].strip() == key:
            return found
    return ""


def _read_part(name: str, find: Callable[[str], str], read: Read) -> Read:
    def read_part(value: str) -> str | int | None:
        found = find(value)
        return read(found) if found else None

    read_part.__name__ = name if read is text else f"{name}, {getattr(read, '__name__', 'read')}"
    return read_part


def digits(number: int) -> str:
    """Return a number of any size as text; Python refuses to convert very long ones at once."""
    sign, number = ("-", -number) if number < 0 else ("", number)
    pieces: list[str] = []
    base = 10**INT_DIGITS
    while number >= base:
        number, rest = divmod(number, base)
        pieces.append(str(rest).rjust(INT_DIGITS, "0"))
    pieces.append(str(number))
    return sign + "".join(reversed(pieces))
