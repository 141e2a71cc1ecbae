from __future__ import annotations

from collections.abc import Callable

import msgpack
import pytest

from exnorm.fluentbit.forward import ForwardError, Message
from exnorm.fluentbit.relay import Carrier, SenderGoneError
from exnorm.fluentbit.sender import NextHopError


def event(text: str) -> bytes:
    packed: bytes = msgpack.packb([1, {"log": text}])
    return packed


def forward(tag: str, *events: bytes, **options: object) -> bytes:
    packed: bytes = msgpack.packb([tag, b"".join(events), options])
    return packed


class FakeFilter:
    def __init__(self, made: Callable[[bytes], bytes | None]) -> None:
        self.made = made
        self.seen: list[bytes] = []

    def filter(self, tag: str, chunk: bytes) -> bytes | None:
        self.seen.append(chunk)
        return self.made(chunk)


class FakeSender:
    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.fails = False
        self.closed = False

    def send_packed(self, message: Message, count: int | None = None) -> None:
        if self.fails:
            raise NextHopError("away")
        self.sent.append(message)

    def close(self) -> None:
        self.closed = True


def carrier(
    made: Callable[[bytes], bytes | None], sender: FakeSender, send_bytes: int = 1000, prefix: str = "n."
) -> Carrier:
    return Carrier(FakeFilter(made), [sender], tag_prefix=prefix, send_bytes=send_bytes, max_bytes=100_000)


def test_a_chunk_is_acknowledged_after_its_normalized_form_was_sent() -> None:
    sender = FakeSender()
    acks = carrier(bytes.upper, sender).carry([forward("t", event("a"), chunk="id1")])
    assert [(m.tag, m.events) for m in sender.sent] == [("n.t", event("a").upper())]
    assert acks == [b"\x81\xa3ack\xa3id1"]


def test_where_the_next_hop_is_away_nothing_is_acknowledged() -> None:
    sender = FakeSender()
    sender.fails = True
    with pytest.raises(NextHopError):
        carrier(bytes.upper, sender).carry([forward("t", event("a"), chunk="id1")])


def test_a_sender_that_failed_is_used_again() -> None:
    sender = FakeSender()
    work = carrier(bytes.upper, sender)
    sender.fails = True
    for _ in range(3):
        with pytest.raises(NextHopError):
            work.carry([forward("t", event("a"))])
    sender.fails = False
    work.carry([forward("t", event("a"))])
    assert len(sender.sent) == 1


def test_a_chunk_without_an_id_is_sent_on_with_one_of_ours() -> None:
    sender = FakeSender()
    assert carrier(bytes.upper, sender).carry([forward("t", event("a"))]) == []
    assert sender.sent[0].chunk


def test_the_same_chunk_sent_again_has_the_same_id_and_another_one_has_not() -> None:
    sender = FakeSender()
    work = carrier(bytes.upper, sender)
    for chunk in ("one", "one", "two"):
        work.carry([forward("t", event("a"), chunk=chunk)])
    ids = [m.chunk for m in sender.sent]
    assert ids[0] == ids[1] != ids[2]


def test_a_chunk_whose_sender_hung_up_is_left_to_be_sent_again() -> None:
    sender, normalize = FakeSender(), FakeFilter(bytes.upper)
    work = Carrier(normalize, [sender], tag_prefix="n.", send_bytes=1000, max_bytes=100_000)
    with pytest.raises(SenderGoneError):
        work.carry([forward("t", event("a"), chunk="x")], lambda: True)
    assert (sender.sent, normalize.seen) == ([], [])
    work.carry([forward("t", event("a"), chunk="x")])
    assert len(sender.sent) == 1


def test_a_chunk_that_nobody_would_send_again_is_carried_whether_its_sender_hung_up_or_not() -> None:
    sender = FakeSender()
    assert carrier(bytes.upper, sender).carry([forward("t", event("a"))], lambda: True) == []
    assert len(sender.sent) == 1


def test_a_chunk_that_the_filter_empties_is_acknowledged_and_nothing_is_sent() -> None:
    sender = FakeSender()
    assert carrier(lambda chunk: b"", sender).carry([forward("t", event("#"), chunk="x")])
    assert sender.sent == []


def test_a_chunk_that_the_filter_leaves_alone_goes_on_as_it_is() -> None:
    sender = FakeSender()
    carrier(lambda chunk: None, sender).carry([forward("t", event("a"), event("b"))])
    assert sender.sent[0].events == event("a") + event("b")


def test_what_grows_is_sent_in_pieces_between_events_each_with_an_id_of_its_own() -> None:
    sender = FakeSender()
    big = [event(c * 600) for c in "abc"]
    carrier(lambda chunk: None, sender).carry([forward("t", *big, chunk="x")])
    assert [m.events for m in sender.sent] == big
    assert len({m.chunk for m in sender.sent}) == 3


def test_an_event_larger_than_a_piece_is_sent_alone_and_whole() -> None:
    sender = FakeSender()
    events = [event("a"), event("b" * 5000), event("c")]
    carrier(lambda chunk: None, sender).carry([forward("t", *events)])
    assert [m.events for m in sender.sent] == events


def test_a_poison_event_in_the_middle_passes_as_it_is_and_its_neighbours_are_normalized() -> None:
    def made(chunk: bytes) -> bytes:
        if b"poison" in chunk:
            raise RuntimeError("a bug")
        return chunk.replace(b"ok", b"OK")

    sender = FakeSender()
    work = carrier(made, sender)
    acks = work.carry([forward("t", event("ok1"), event("poison"), event("ok2"), chunk="x")])
    assert sender.sent[0].events == event("OK1") + event("poison") + event("OK2")
    assert len(acks) == 1
    assert work.traffic.failures == {"RuntimeError": 2}


def test_a_tag_that_bears_the_prefix_already_is_refused_as_a_loop() -> None:
    sender = FakeSender()
    with pytest.raises(ForwardError, match=r"loop: a tag bears the prefix 'n\.' already"):
        carrier(bytes.upper, sender).carry([forward("n.t", event("a"))])
    assert sender.sent == []


def test_what_is_no_log_is_handed_on_without_the_filter() -> None:
    sender = FakeSender()
    carrier(bytes.upper, sender).carry([forward("t", b"metrics", fluent_signal=1)])
    assert [(m.events, m.signal) for m in sender.sent] == [(b"metrics", 1)]


def test_messages_of_one_tag_that_came_at_once_go_on_as_one_and_are_acknowledged_one_by_one() -> None:
    sender = FakeSender()
    messages = [
        forward("t", event("a"), chunk="1"),
        forward("t", event("b"), chunk="2"),
        forward("u", event("c")),
    ]
    acks = carrier(lambda chunk: None, sender).carry(messages)
    assert [(m.tag, m.events) for m in sender.sent] == [("n.t", event("a") + event("b")), ("n.u", event("c"))]
    assert acks == [b"\x81\xa3ack\xa11", b"\x81\xa3ack\xa12"]


def test_another_filter_may_take_the_place_of_the_first() -> None:
    sender = FakeSender()
    work = carrier(bytes.upper, sender)
    work.replace_filter(FakeFilter(lambda chunk: chunk.replace(b"a", b"z")))
    work.carry([forward("t", event("a"))])
    assert sender.sent[0].events == event("z")
    work.close()
    assert sender.closed
