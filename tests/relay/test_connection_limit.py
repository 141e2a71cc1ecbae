from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from exnorm.relay import connection_limit as gate_module
from exnorm.relay.connection_limit import Bounds, Gate, Guest

WAIT = 10.0


class House:
    """A gate whose guests are kept, and who it refused."""

    def __init__(self, bounds: Bounds) -> None:
        self.refused: list[tuple[str, int]] = []
        self.guests: list[Guest] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.gate = Gate(self.make, bounds, None, self.refuse)
        self.port = 0

    def refuse(self, peer: str, reason: str, times: int) -> None:
        self.refused.append((reason, times))

    def make(self, guest: Guest) -> asyncio.Protocol:
        self.guests.append(guest)
        return asyncio.Protocol()

    async def connect(self, host: str = "127.0.0.1") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection; once it is inside, or gone again."""
        before = len(self.guests)
        reader, writer = await asyncio.open_connection(host, self.port)
        self.writers.append(writer)
        while len(self.guests) == before and not reader.at_eof():
            await asyncio.sleep(0.001)
        return reader, writer


def run(bounds: Bounds, talk: Callable[[House], Awaitable[None]]) -> House:
    async def main() -> House:
        house = House(bounds)
        house.port = await house.gate.open_tcp("127.0.0.1", 0)
        await asyncio.wait_for(talk(house), WAIT)
        house.gate.close()
        for writer in house.writers:
            writer.close()
        for writer in house.writers:
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        while house.gate.count:
            await asyncio.sleep(0.001)
        return house

    return asyncio.run(main())


async def is_closed(reader: asyncio.StreamReader) -> bool:
    try:
        return not await asyncio.wait_for(reader.read(1), WAIT)
    except ConnectionError:
        return True


def test_the_oldest_stranger_leaves_for_a_newcomer() -> None:
    async def talk(house: House) -> None:
        readers = [(await house.connect())[0] for _ in range(3)]
        house.guests[0].is_known = True
        await house.connect()
        assert await is_closed(readers[1])
        assert house.gate.count == 3
        assert house.guests[0] in house.gate._guests

    house = run(Bounds(3), talk)
    assert house.refused == [("more than 3 connections, this one sent nothing", 1)]


def test_a_known_sender_leaves_only_after_it_was_quiet_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    async def talk(house: House) -> None:
        readers = [(await house.connect())[0] for _ in range(2)]
        for guest in house.guests:
            guest.is_known = True
        refused, _ = await house.connect()
        assert await is_closed(refused)
        assert house.refused == [("more than 2 connections", 1)]
        house.guests[0].rest()
        house.guests[1].since -= 1000
        await house.connect()
        assert await is_closed(readers[1])

    run(Bounds(2), talk)


def test_who_is_at_work_stays_however_long_it_takes() -> None:
    async def talk(house: House) -> None:
        await house.connect()
        house.guests[0].is_known = True
        house.guests[0].work()
        house.guests[0].since -= 1000
        refused, _ = await house.connect()
        assert await is_closed(refused)
        assert house.guests[0] in house.gate._guests

    run(Bounds(1), talk)


def test_a_stranger_and_a_quiet_sender_are_closed_after_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate_module, "_SWEEP_SECONDS", 0.01)

    async def talk(house: House) -> None:
        readers = [(await house.connect())[0] for _ in range(3)]
        for guest in house.guests[1:]:
            guest.is_known = True
            guest.since -= 75
        house.guests[2].work()
        house.guests[0].since -= 30
        assert await is_closed(readers[0])
        assert await is_closed(readers[1])
        assert house.gate.count == 1

    house = run(Bounds(9, stranger_seconds=30, quiet_seconds=75), talk)
    assert house.refused == [("no request within 30 seconds", 1)]


def test_a_connection_that_ends_gives_its_place_back() -> None:
    async def talk(house: House) -> None:
        for _ in range(5):
            _, writer = await house.connect()
            writer.close()
            while house.gate.count:
                await asyncio.sleep(0.001)

    house = run(Bounds(1), talk)
    assert house.refused == []
    assert len(house.guests) == 5


def test_without_file_descriptors_somebody_quiet_leaves_and_the_gate_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def talk(house: House) -> None:
        first, _ = await house.connect()
        loop = asyncio.get_running_loop()
        accept: Any = loop.sock_accept
        failures = [errno.ECONNABORTED, errno.EMFILE]

        async def sock_accept(listener: socket.socket) -> Any:
            if failures:
                raise OSError(failures.pop(), "no")
            return await accept(listener)

        monkeypatch.setattr(loop, "sock_accept", sock_accept)
        await house.connect()  # the accept that was waiting already
        await house.connect()
        assert await is_closed(first)
        assert failures == []

    run(Bounds(9), talk)


def test_every_address_of_a_name_has_the_same_port() -> None:
    async def talk(house: House) -> None:
        house.port = await house.gate.open_tcp("localhost", 0)
        found = await asyncio.get_running_loop().getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)
        hosts = {str(item[4][0]) for item in found}
        for host in hosts:
            await house.connect(host)
        assert len(house.guests) == len(hosts)

    run(Bounds(9), talk)


def test_a_closed_gate_lets_nobody_in_and_sends_nobody_away() -> None:
    async def talk(house: House) -> None:
        reader, _ = await house.connect()
        house.gate.close()
        with pytest.raises(OSError):  # noqa: PT011  refused or reset, as the system likes
            await asyncio.open_connection("127.0.0.1", house.port)
        assert house.gate.count == 1
        assert not reader.at_eof()

    run(Bounds(9), talk)
