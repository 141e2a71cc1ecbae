from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable

import pytest

pytest.importorskip("aiohttp", reason="aiohttp is not installed")

from exnorm.relay.next_hop import NextHop, Verdict

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def deliver(talk: Talk, times: int, between: Callable[[], None] = lambda: None) -> list[Verdict]:
    """What a next hop that talks so is taken to have said to batches, one after the other."""

    async def deliver_one(hop: NextHop) -> Verdict:
        verdict = await hop.deliver(b"batch")
        between()
        for _ in range(100):  # what is written now has arrived before the next batch goes
            await asyncio.sleep(0)
        return verdict

    async def main() -> list[Verdict]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await talk(reader, writer)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        hop = NextHop(f"http://127.0.0.1:{port}", None, None, 4)
        await hop.open()
        try:
            return [await deliver_one(hop) for _ in range(times)]
        finally:
            await hop.close()
            server.close()
            await server.wait_closed()

    return asyncio.run(main())


async def read_request(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(5)


def test_an_answer_too_much_does_not_acknowledge_the_next_batch() -> None:
    heads: list[bytes] = []
    writers: list[asyncio.StreamWriter] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await read_request(reader))
        if len(heads) == 1:  # any other batch is not answered at all
            writers.append(writer)
            writer.write(ANSWER)
            await reader.read(1)

    first, second = deliver(talk, 2, lambda: writers[0].write(ANSWER))
    assert (first.status, second.status) == (200, 503)
    assert len(heads) == 2
    assert b"\r\nConnection: close\r\n" in heads[0]


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        ANSWER[:9], ANSWER[:17], ANSWER[:-6], b"", b"garbage\r\n\r\n", ANSWER[:-1], ANSWER[:-2],
        HEAD + b"Content-Length: 10\r\n\r\nok",
        HEAD + b"Content-Length: 200000\r\n\r\n" + b"x" * 100_000,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nok",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\nzz\r\n",
    ],
)  # fmt: skip
def test_half_an_answer_is_none(answer: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)

    (verdict,) = deliver(talk, 1)
    assert (verdict.status, verdict.failure) == (503, "connection")


@pytest.mark.parametrize(
    "answer",
    [
        ANSWER,
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
    ],
)
def test_a_whole_answer_counts(answer: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)

    (verdict,) = deliver(talk, 1)
    assert verdict.status == 200


def test_out_of_descriptors_is_said_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: object, **more: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    async def main() -> Verdict:
        hop = NextHop("http://127.0.0.1:9", None, None, 1)
        await hop.open()
        try:
            monkeypatch.setattr(socket, "socket", refuse)
            return await hop.deliver(b"batch")
        finally:
            monkeypatch.undo()
            await hop.close()

    verdict = asyncio.run(main())
    assert (verdict.status, verdict.failure) == (503, "descriptors")
    assert "out of file descriptors" in verdict.explanation
