from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from exnorm.relay.readiness import FRESH_SECONDS, Readiness, connect_once


class Hop:
    """A next hop that can be away, and counts who looks."""

    def __init__(self) -> None:
        self.away = False
        self.asked = 0

    async def probe(self) -> None:
        self.asked += 1
        if self.away:
            raise ConnectionRefusedError


def answers(story: Callable[[Hop, Readiness, list[float]], Iterator[None]]) -> list[str]:
    """What a readiness says each time the story yields."""

    async def run() -> list[str]:
        hop, now = Hop(), [0.0]
        readiness = Readiness(hop.probe, lambda: now[0])
        return [await readiness.explain() for _ in story(hop, readiness, now)]

    return asyncio.run(run())


def test_before_the_first_delivery_the_next_hop_is_looked_for() -> None:
    def story(hop: Hop, readiness: Readiness, now: list[float]) -> Iterator[None]:
        yield
        hop.away, now[0] = True, 5.0
        yield

    assert answers(story) == ["", "next hop: connection"]


def test_a_fresh_delivery_says_more_than_a_connection() -> None:
    def story(hop: Hop, readiness: Readiness, now: list[float]) -> Iterator[None]:
        readiness.note("503")
        yield
        assert hop.asked == 0
        readiness.note("")
        yield

    assert answers(story) == ["next hop: 503", ""]


def test_a_failure_is_forgotten_when_nobody_sends_so_that_senders_may_come_back() -> None:
    def story(hop: Hop, readiness: Readiness, now: list[float]) -> Iterator[None]:
        readiness.note("timeout")
        yield
        now[0] = FRESH_SECONDS + 1
        yield

    assert answers(story) == ["next hop: timeout", ""]


def test_many_questions_are_one_connection_a_second() -> None:
    def story(hop: Hop, readiness: Readiness, now: list[float]) -> Iterator[None]:
        for _ in range(50):
            yield
        assert hop.asked == 1
        now[0] = 1.5
        yield
        assert hop.asked == 2

    assert answers(story) == [""] * 51


def test_what_is_about_to_stop_is_not_ready() -> None:
    def story(hop: Hop, readiness: Readiness, now: list[float]) -> Iterator[None]:
        readiness.stop()
        yield

    assert answers(story) == ["stopping"]


def test_without_a_next_hop_there_is_nothing_to_wait_for() -> None:
    async def run() -> str:
        return await Readiness(None).explain()

    assert asyncio.run(run()) == ""


def test_a_probe_opens_a_connection_and_raises_where_nobody_listens() -> None:
    async def run() -> None:
        came = asyncio.Event()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            came.set()
            writer.close()

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        await connect_once("127.0.0.1", port)
        await asyncio.wait_for(came.wait(), 10)
        server.close()
        await server.wait_closed()
        with pytest.raises(OSError, match=r"Connect call failed"):
            await connect_once("127.0.0.1", port)

    asyncio.run(run())
