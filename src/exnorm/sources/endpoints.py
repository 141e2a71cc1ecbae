"""Split endpoints as Exchange writes them: ``a.b.c.d:port``, ``[v6]:port``, or an address alone."""

from __future__ import annotations

from functools import lru_cache

from exnorm.convert import ADDRESS_LONGEST, ip, port
from exnorm.text.patterns import compile_later

_LONGEST = ADDRESS_LONGEST + len("[]:65535")

_ENDPOINT = compile_later(r"(?:\[([^\]]+)\]|([^:\[\]]+))(?::([0-9]{1,5}))?")


def split_endpoint(text: str) -> tuple[str, str]:
    """Return address and port (empty where missing); both are empty where the text is not an endpoint.

    A bare IPv6 address is read as a whole, never as an address with a port. A text with a masked address or a
    port over 65535 is not an endpoint. An address keeps its ``%zone``.
    """
    return _split_short(text) if len(text) <= _LONGEST else ("", "")


@lru_cache(maxsize=4096)  # the rows of a session share two
def _split_short(text: str) -> tuple[str, str]:
    alone = _read_address(text)
    if alone:
        return alone, ""
    found = _ENDPOINT.fullmatch(text)
    address = _read_address(found.group(1) or found.group(2)) if found is not None else ""
    if found is None or not address:
        return "", ""
    if found.group(3) is not None and port(found.group(3)) is None:
        return "", ""
    return address, found.group(3) or ""


def _read_address(text: str) -> str:
    address = ip(text)
    return "" if address is None else "".join((address, *text.partition("%")[1:]))


def split_host(text: str) -> tuple[str, str, str]:
    """The name, the address and the port of a host that a client asked for; of the first two, one."""
    address, number = split_endpoint(text)
    if address:
        return "", address, number
    name, colon, number = text.rpartition(":")
    return (name, "", number) if colon and name and port(number) is not None else (text, "", "")


def describe_endpoint(derived: dict[str, str], text: str, address: str, port_name: str) -> None:
    """Add the parts of an endpoint under their derived names; add nothing for any other text."""
    found, number = split_endpoint(text)
    if found:
        derived[address] = found
    if number:
        derived[port_name] = number
