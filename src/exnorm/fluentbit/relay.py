"""Take one message through the service: decode, normalize, send on, and only then acknowledge."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import groupby
from queue import SimpleQueue
from typing import Protocol

from exnorm.errors import quote
from exnorm.fluentbit.forward import (
    ForwardError,
    Message,
    count_events,
    decode_message,
    encode_ack,
    split_events,
)
from exnorm.pipeline.counts import Tally

FILTER_BYTES = 1024 * 1024
FILTER_EVENTS = 4096
"""What is unpacked at a time: a few bytes of msgpack can be hundreds in memory."""


class SenderGoneError(Exception):
    """The sender that waits for the acknowledgement is gone and will send the chunk again; continuing would
    duplicate it.
    """


class Filter(Protocol):
    """Normalizes chunks of events."""

    def filter(self, tag: str, chunk: bytes) -> bytes | None:
        """Return the events that replace ``chunk``; ``None`` leaves it as it is."""


class Sender(Protocol):
    """Sends chunks to the next hop and returns once they are acknowledged there."""

    def send_packed(self, message: Message, count: int | None = None) -> None:
        """Send, wait, or raise ``NextHopError``."""

    def close(self) -> None:
        """Close the connection."""


@dataclass
class Traffic:
    """The amounts that passed through since the start."""

    events_in: int = 0
    events_out: int = 0
    messages: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    chunks_out: int = 0
    failures: Tally = field(default_factory=Tally)


class Carrier:
    """Relays messages to the next hop; called from as many threads as it has senders.

    ``send_bytes`` is the size of the chunks that it sends (a single event may be larger); ``max_bytes``
    limits a message's events after decompression.
    """

    def __init__(
        self,
        normalize: Filter,
        senders: Iterable[Sender],
        *,
        tag_prefix: str,
        send_bytes: int,
        max_bytes: int,
    ) -> None:
        self.traffic = Traffic()
        self._filter = normalize
        self._filter_lock = threading.Lock()
        self._idle: SimpleQueue[Sender] = SimpleQueue()
        self._senders = tuple(senders)
        for sender in self._senders:
            self._idle.put(sender)
        self._tag_prefix = tag_prefix
        self._send_bytes = send_bytes
        self._max_bytes = max_bytes

    def replace_filter(self, normalize: Filter) -> None:
        """Normalize with other settings from the next piece on."""
        with self._filter_lock:
            self._filter = normalize

    def carry(self, raw_messages: list[bytes], gone: Callable[[], bool] = lambda: False) -> list[bytes]:
        """Relay whole messages; return the acknowledgements for their sender, in order.

        Messages of one tag that came together are sent on as one. ``gone`` returns whether their sender has
        hung up. Raises ``ForwardError`` for an invalid message, ``NextHopError`` where the next hop did not
        acknowledge, and ``SenderGoneError``.
        """
        messages = [decode_message(raw, self._max_bytes) for raw in raw_messages]
        for (tag, signal), group in groupby(messages, lambda message: (message.tag, message.signal)):
            self._carry_group(tag, signal, list(group), gone)
        with self._filter_lock:
            self.traffic.messages += len(messages)
            self.traffic.bytes_in += sum(map(len, raw_messages))
        return [encode_ack(message.chunk) for message in messages if message.chunk is not None]

    def close(self) -> None:
        """Close every connection to the next hop."""
        for sender in self._senders:
            sender.close()

    def _carry_group(self, tag: str, signal: int, group: list[Message], gone: Callable[[], bool]) -> None:
        if self._tag_prefix and tag.startswith(self._tag_prefix):
            raise ForwardError(
                f"loop: a tag bears the prefix {quote(self._tag_prefix)} already; "
                "let the rule that sends to this service match only the tags of your logs",
                tag=tag,
            )
        comes_again = all(message.chunk is not None for message in group)

        def check_sender() -> None:
            if comes_again and gone():
                raise SenderGoneError

        digest = blake2b(digest_size=16)  # the same for the same chunks, so that a repeat can be told
        for message in group:
            digest.update(message.chunk or message.events)
        if signal:
            chunks: Iterable[bytes] = (message.events for message in group)
        else:
            events = b"".join(message.events for message in group)
            chunks = self._join(self._normalize(tag, events, check_sender))
        sender = self._idle.get()
        try:
            for number, made in enumerate(chunks):
                check_sender()
                chunk = f"{digest.hexdigest()}-{number}".encode()
                count = None if signal else count_events(made)
                sender.send_packed(Message(self._tag_prefix + tag, made, chunk, signal), count)
                with self._filter_lock:
                    self.traffic.events_out += count or 0
                    self.traffic.bytes_out += len(made)
                    self.traffic.chunks_out += 1
        finally:
            self._idle.put(sender)

    def _join(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Join pieces, and cut them again between events, to chunks of ``send_bytes``."""
        waiting: list[bytes] = []
        size = 0
        for piece in pieces:
            for part in self._cut(piece):
                if size and size + len(part) > self._send_bytes:
                    yield b"".join(waiting)
                    waiting, size = [], 0
                waiting.append(part)
                size += len(part)
        if size:
            yield b"".join(waiting)

    def _cut(self, piece: bytes) -> Iterable[bytes]:
        if len(piece) <= self._send_bytes:
            return (piece,)
        return split_events(piece, self._send_bytes, FILTER_EVENTS)

    def _normalize(self, tag: str, events: bytes, check_sender: Callable[[], None]) -> Iterator[bytes]:
        for piece in split_events(events, FILTER_BYTES, FILTER_EVENTS):
            check_sender()  # after a shipper's crash many chunks are of nobody, and come again
            with self._filter_lock:
                self.traffic.events_in += count_events(piece)
                made = self._filter_piece(tag, piece)
            yield made  # outside the lock: the other slots normalize while this one is sent

    def _filter_piece(self, tag: str, piece: bytes) -> bytes:
        """Return the filtered piece; an event that makes the filter fail is passed on unchanged, alone."""
        try:
            return _filtered(self._filter.filter, tag, piece)
        except Exception as error:  # whatever it is, the events must not be lost
            self.traffic.failures.add(type(error).__name__)
        single = []
        for event in split_events(piece, 0, 1):
            try:
                single.append(_filtered(self._filter.filter, tag, event))
            except Exception as error:  # as above
                self.traffic.failures.add(type(error).__name__)
                single.append(event)
        return b"".join(single)


def _filtered(process: Callable[[str, bytes], bytes | None], tag: str, chunk: bytes) -> bytes:
    made = process(tag, chunk)
    return chunk if made is None else made
