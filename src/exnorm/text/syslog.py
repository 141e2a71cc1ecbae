"""Find the syslog header before a line: RFC 3164, RFC 5424, or as rsyslog writes it into files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_LONGEST = 1024  # characters of a header without its structured data
_COUNT = re.compile(r"[1-9]\d{0,7} (?=<\d{1,3}>)", re.ASCII)
_TIME = (
    r"(?:[A-Z][a-z]{2} [ \d]\d (?:\d{4} )?\d\d:\d\d:\d\d"  # Mar 17 08:01:05, with a year too
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d))"
)
# A program name ending in a colon may follow the host; none of our rows or header lines begins so.
_RFC_3164 = re.compile(
    rf"(?:<\d{{1,3}}>)?{_TIME} (?P<host>[\w.:-]{{1,255}}) "
    r"(?:(?!(?:Software|Version|Log-type|Date|Fields):)"
    r"(?P<app>[A-Za-z][\w./-]{0,63})(?:\[[^\]\s]{0,64}\])?: ?)?",
    re.ASCII,
)
_RFC_5424 = re.compile(
    rf"<\d{{1,3}}>1 (?:-|{_TIME}) (?P<host>[!-~]{{1,255}}) (?P<app>[!-~]{{1,48}}) "
    r"[!-~]{1,128} [!-~]{1,32} "
    r'(?:-|(?:\[(?:[^"\]\\]|"(?:[^"\\]|\\.)*")*\])+)(?: \ufeff?|$)',
    re.ASCII,
)


class Header(NamedTuple):
    """A syslog header: its text, and the sender's host and program."""

    text: str
    host: str
    app: str


def find_header(line: str) -> Header | None:
    """Return the syslog header of a line, with an octet count before it if there is one; ``None`` for no
    header.
    """
    count = _COUNT.match(line)
    begin = 0 if count is None else count.end()
    found = _RFC_5424.match(line, begin) or _RFC_3164.match(line, begin, begin + _LONGEST)
    if found is None:
        return None
    return Header(line[: found.end()], found["host"], found["app"] or "")


def cut_frames(line: str) -> Iterator[str]:
    """Yield the messages of a line: messages with an octet count may follow each other without a line end."""
    while (count := _COUNT.match(line)) is not None:
        octets = line[count.end() :].encode("utf-8", "surrogatepass")
        size = int(count.group())
        if size >= len(octets) or _COUNT.match(octets[size:].decode("utf-8", "replace")) is None:
            break
        yield octets[:size].decode("utf-8", "replace").rstrip("\r\n")
        line = octets[size:].decode("utf-8", "surrogatepass")
    yield line
