from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import msgpack
import pytest

from exnorm.fluentbit.addresses import Address
from exnorm.fluentbit.forward import Message
from exnorm.fluentbit.sender import AckSender, NextHop, NextHopError

MESSAGE = Message("t", msgpack.packb([1, {"a": "b"}]), b"id")
Talk = Callable[[socket.socket], None]
Serve = Callable[..., NextHop]


def take(connection: socket.socket) -> object:
    unpacker = msgpack.Unpacker()
    while True:
        data = connection.recv(65536)
        if not data:
            return None
        unpacker.feed(data)
        for message in unpacker:
            return message


def acknowledge(connection: socket.socket) -> None:
    while take(connection) is not None:
        connection.sendall(msgpack.packb({"ack": "id"}))


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A next hop that does what it is told on each connection, one after the other."""
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(*talks: Talk, timeout: float = 10.0) -> NextHop:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def run() -> None:
            for talk in talks:
                connection, _ = listener.accept()
                with connection:
                    talk(connection)

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        return NextHop(Address("127.0.0.1", listener.getsockname()[1]), timeout)

    yield start
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    for listener in listeners:
        listener.close()


def test_a_chunk_is_sent_packed_and_its_acknowledgement_waited_for(serve: Serve) -> None:
    got: list[object] = []

    def talk(connection: socket.socket) -> None:
        got.append(take(connection))
        connection.sendall(msgpack.packb({"ack": "id"}))

    with AckSender(serve(talk)) as sender:
        sender.send_packed(MESSAGE, 1)
    assert got == [["t", MESSAGE.events, {"chunk": "id", "size": 1}]]


def test_an_acknowledgement_in_pieces_is_put_together(serve: Serve) -> None:
    def talk(connection: socket.socket) -> None:
        take(connection)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in msgpack.packb({"ack": "id"}):
            connection.sendall(bytes([byte]))

    with AckSender(serve(talk)) as sender:
        sender.send_packed(MESSAGE)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (msgpack.packb({"ack": "other"}), "acknowledgement of another chunk"),
        (b"", "closed without an acknowledgement"),
        (b"\xc1", "not msgpack"),
        (b"\xdb\x00\x01\x00\x00" + b"x" * 9000, "the answer is too long"),
    ],
)
def test_an_answer_that_is_no_acknowledgement_is_an_error(serve: Serve, answer: bytes, reason: str) -> None:
    def talk(connection: socket.socket) -> None:
        take(connection)
        connection.sendall(answer)

    with AckSender(serve(talk)) as sender, pytest.raises(NextHopError, match=reason):
        sender.send_packed(MESSAGE)


def test_silence_ends_at_the_timeout(serve: Serve) -> None:
    done = threading.Event()

    def talk(connection: socket.socket) -> None:
        take(connection)
        done.wait(10)

    with AckSender(serve(talk, timeout=0.2)) as sender, pytest.raises(NextHopError, match="timed out"):
        sender.send_packed(MESSAGE)
    done.set()


def test_a_connection_closed_while_it_lay_idle_is_opened_anew(serve: Serve) -> None:
    closed = threading.Event()

    def once(connection: socket.socket) -> None:
        take(connection)
        connection.sendall(msgpack.packb({"ack": "id"}))
        connection.shutdown(socket.SHUT_RDWR)
        closed.set()

    with AckSender(serve(once, acknowledge)) as sender:
        sender.send_packed(MESSAGE)
        assert closed.wait(10)
        sender.send_packed(MESSAGE)


def test_after_an_error_the_next_chunk_gets_a_new_connection(serve: Serve) -> None:
    def hang_up(connection: socket.socket) -> None:
        take(connection)

    with AckSender(serve(hang_up, acknowledge)) as sender:
        with pytest.raises(NextHopError):
            sender.send_packed(MESSAGE)
        assert sender.pendings is None
        sender.send_packed(MESSAGE)


def test_nobody_there_is_an_error_that_names_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with AckSender(NextHop(Address("127.0.0.1", port), 5)) as sender, pytest.raises(NextHopError) as caught:
        sender.send_packed(MESSAGE)
    assert str(caught.value) == f"127.0.0.1:{port}: connection refused"


def test_a_single_event_is_acknowledged_too_and_never_kept_back(serve: Serve) -> None:
    def talk(connection: socket.socket) -> None:
        message = take(connection)
        assert isinstance(message, list)
        connection.sendall(msgpack.packb({"ack": message[2]["chunk"]}))

    with AckSender(serve(talk)) as sender:
        assert sender.emit_with_time("label", 1, {"a": "b"}) is True
        assert sender.pendings is None


def test_a_closed_sender_sends_nothing(serve: Serve) -> None:
    sender = AckSender(NextHop(Address("127.0.0.1", 9), 1))
    sender.close()
    with pytest.raises(NextHopError, match="the sender is closed"):
        sender.send_packed(MESSAGE)


def test_an_acknowledgement_that_comes_twice_harms_neither_its_chunk_nor_the_next(serve: Serve) -> None:
    connections: list[socket.socket] = []

    def talk(connection: socket.socket) -> None:
        connections.append(connection)
        take(connection)
        first = msgpack.packb({"ack": "id"})
        connection.sendall(first + first[:2])  # the second one comes in two pieces
        take(connection)
        connection.sendall(first[2:] + first + msgpack.packb({"ack": "next"}))
        take(connection)

    with AckSender(serve(talk)) as sender:
        sender.send_packed(MESSAGE)
        sender.send_packed(Message("t", MESSAGE.events, b"next"))
    assert len(connections) == 1


def test_an_acknowledgement_of_a_chunk_before_the_last_is_one_of_another_chunk(serve: Serve) -> None:
    def talk(connection: socket.socket) -> None:
        for _ in range(3):
            message = take(connection)
            assert isinstance(message, list)
            chunk = message[2]["chunk"]
            connection.sendall(msgpack.packb({"ack": "0" if chunk == "2" else chunk}))

    with AckSender(serve(talk)) as sender:
        for name in (b"0", b"1"):
            sender.send_packed(Message("t", MESSAGE.events, name))
        with pytest.raises(NextHopError, match="acknowledgement of another chunk"):
            sender.send_packed(Message("t", MESSAGE.events, b"2"))


def test_closing_ends_what_another_thread_waits_for(serve: Serve) -> None:
    taken = threading.Event()

    def talk(connection: socket.socket) -> None:
        take(connection)
        taken.set()
        take(connection)

    sender = AckSender(serve(talk, timeout=30.0))
    raised: list[NextHopError] = []

    def send() -> None:
        try:
            sender.send_packed(MESSAGE)
        except NextHopError as error:
            raised.append(error)

    thread = threading.Thread(target=send)
    thread.start()
    assert taken.wait(10)
    sender.close()
    thread.join(10)
    assert not thread.is_alive()
    assert len(raised) == 1
