"""Inputs made from seeds: the same ones for the same number, on every machine and every Python."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

LONGEST = 8192
TOKENS = (
    # what ends lines and cells, and what looks as if it did
    b"\n", b"\r\n", b"\r", b"\t", b"\0", b"\v", b"\f", b"\x1b", b"\x1c", b"\xc2\x85", b"\xe2\x80\xa8",
    b"\xe2\x80\xa9", b"|", b"=", b"\\", b'"', b'""', b'",', b',"', b",", b";", b"'", b"';'", b" ", b"  ",
    b"<>", b"+", b"%", b"%zz", b"-", b"#", b":", b"::", b"[", b"]", b"{", b"}", b"(", b")", b"*", b">", b"<",
    # headers and envelopes
    b"#Fields: ", b"#Software: Microsoft Exchange Server\n", b"#Version: 15.0.0.0\n", b"#Date: ", b"#TYPE ",
    b"Fields: date-time,", b"AgentDevice=", b"AgentLogFormat=MSGTRK\t", b"CEF:0|a|b|1|x|y|9|", b"LEEF:2.0|",
    b"<13>Jan  1 00:00:00 h ", b"AUTH LOGIN\n", b"334 VXNlcm5hbWU6",
    # numbers, times, addresses
    b"0", b"-1", b"1e999", b"9223372036854775808", b"18446744073709551616", b"9" * 70, b"1" * 5000,
    b"0000-00-00T00:00:00.000Z", b"9999-12-31T23:59:59.9999999Z", b"2016-02-30T24:60:61Z", b"1.2.3.4:65536",
    b"[::ffff:1.2.3.4%25]:25", b"fe80::1%eth0", b"\xd9\xa1\xd9\xa2",
    # text that is no text, and text of many sorts
    b"\xff", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
    b"\xf0\x9f\x93\xa7", b"\xe2\x80\xae", b"\xc4\xb0", b"\xef\xac\x81",
    # JSON and YAML
    b"null", b"true", b"NaN", b'{"', b'":', b"[[[[[[[[", b"]]]]]]]]", b"\\u0000", b"\\ud800",
    b"\\ud83d\\udce7", b"&a ", b"*a", b"!!python/object ", b"<<: ", b"? ", b"- ", b"\n  ", b"|\n",
    # msgpack: claims of many, extensions, what is not used
    b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff",
    b"\xc9\xff\xff\xff\xff\x00", b"\xc1", b"\x92", b"\x80", b"\x81", b"\xa0", b"\xc0", b"\xcf" + b"\xff" * 8,
    b"\xd7\x00" + b"\xff" * 8, b"\xd7\xff" + b"\0" * 8, b"\xca\x7f\xc0\x00\x00", b"\x1f\x8b\x08",
)  # fmt: skip

Change = Callable[[bytearray, random.Random], None]


def mutate(seeds: Sequence[bytes], chance: random.Random) -> bytes:
    """One of the seeds, changed in one to four places."""
    made = bytearray(chance.choice(seeds))
    for _ in range(chance.choice((1, 1, 2, 3, 4))):
        if chance.random() < 0.08:
            _splice(made, chance.choice(seeds), chance)
        else:
            chance.choice(_CHANGES)(made, chance)
    return bytes(made[:LONGEST])


def _place(made: bytearray, chance: random.Random) -> int:
    return chance.randrange(len(made) + 1)


def _part(made: bytearray, chance: random.Random) -> slice:
    begin = _place(made, chance)
    return slice(begin, begin + chance.choice((1, 2, 4, 8, 32, 128)))


def _flip(made: bytearray, chance: random.Random) -> None:
    if made:
        made[chance.randrange(len(made))] ^= 1 << chance.randrange(8)


def _set(made: bytearray, chance: random.Random) -> None:
    if made:
        made[chance.randrange(len(made))] = chance.randrange(256)


def _insert_token(made: bytearray, chance: random.Random) -> None:
    at = _place(made, chance)
    made[at:at] = chance.choice(TOKENS)


def _replace_by_token(made: bytearray, chance: random.Random) -> None:
    made[_part(made, chance)] = chance.choice(TOKENS)


def _repeat_token(made: bytearray, chance: random.Random) -> None:
    at = _place(made, chance)
    made[at:at] = (chance.choice(TOKENS) * chance.choice((3, 40, 300)))[:1024]


def _delete(made: bytearray, chance: random.Random) -> None:
    del made[_part(made, chance)]


def _double(made: bytearray, chance: random.Random) -> None:
    part = _part(made, chance)
    made[part.start : part.start] = made[part] * chance.choice((1, 1, 20))


def _move(made: bytearray, chance: random.Random) -> None:
    part = _part(made, chance)
    moved = made[part]
    del made[part]
    at = _place(made, chance)
    made[at:at] = moved


def _cut_end(made: bytearray, chance: random.Random) -> None:
    del made[_place(made, chance) :]


def _cut_beginning(made: bytearray, chance: random.Random) -> None:
    del made[: _place(made, chance)]


def _splice(made: bytearray, other: bytes, chance: random.Random) -> None:
    at = chance.randrange(len(other) + 1)
    made[_place(made, chance) :] = other[at:]


_CHANGES: tuple[Change, ...] = (
    _flip, _flip, _set, _insert_token, _insert_token, _insert_token, _replace_by_token, _replace_by_token,
    _repeat_token, _delete, _delete, _double, _move, _cut_end, _cut_beginning,
)  # fmt: skip
