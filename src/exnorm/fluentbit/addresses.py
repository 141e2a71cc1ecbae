"""Addresses of the service and of its next hop: ``host:port``, ``[v6]:port``, ``unix:/path``."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

from exnorm.errors import SettingsError, quote


@dataclass(frozen=True, slots=True)
class Address:
    """A TCP address, or with ``path`` a unix socket."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str, name: str) -> Address:
    """Return an address from text; ``name`` is the option's, for messages. Raises ``SettingsError``."""
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        path = path.removeprefix("//") if path.startswith("///") else path
        if not path.startswith("/"):
            raise SettingsError(f"{name}: got {quote(text)}; expected unix: and an absolute path")
        return Address(path=path)
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise SettingsError(f"{name}: got {quote(text)}; an IPv6 address stands in brackets, as [::1]:24224")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise SettingsError(f"{name}: got {quote(text)}; expected host:port or unix:/path")
    return Address(host, int(port))


def is_local(address: Address) -> bool:
    """Return whether only this machine can reach the address: a unix socket, or a name of loopback addresses
    only.
    """
    if address.path:
        return True
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError:
        return False  # what cannot be resolved is not known to be local
    hosts = [str(item[4][0]).partition("%")[0] for item in found]
    return bool(hosts) and all(ipaddress.ip_address(host).is_loopback for host in hosts)
