from __future__ import annotations

import hashlib
import json

from exnorm import Record, Schema
from exnorm.identity import exnorm_id
from exnorm.sources.message_tracking import MESSAGE_TRACKING
from exnorm.testing import normalizer

HEADER = b"#Fields: date-time,event-id,recipient-address,recipient-status\r\n"
ONE = b"2018-11-27T22:40:02.966Z,SEND,a@x.test;b@x.test,250 ok;550 no\r\n"
TWO = b"2018-11-27T22:40:03.000Z,SEND,c@x.test,250 ok\r\n"


def identify(path: str = "MSGTRK1.LOG", raw: str = "row", part: str = "", line_number: int = 1) -> str:
    record = Record(MESSAGE_TRACKING, Schema("2016", ()), {}, raw=raw, path=path, part=part)
    record.line_number = line_number
    return exnorm_id(record)


def ids(*batches: list[bytes] | bytes, path: str = "MSGTRK1.LOG", **settings: object) -> list[str]:
    running = normalizer(format="json", source="message_tracking", **settings)
    stream = running.stream(path)
    return [json.loads(p)["exnorm_id"] for batch in batches for p in running.encode(batch, stream)]


def test_it_is_a_digest_of_file_name_part_and_row() -> None:
    # 16 bytes of BLAKE2b over the three, NUL between them
    digest = hashlib.blake2b(b"MSGTRK1.LOG\0002\000row", digest_size=16).hexdigest()
    assert identify(part="2") == digest


def test_it_is_the_same_in_whatever_batch_the_row_comes() -> None:
    assert ids([HEADER, ONE, TWO]) == ids([HEADER], [ONE], [TWO]) == ids(HEADER + ONE + TWO)
    assert len(set(ids([HEADER, ONE, TWO]))) == 2


def test_it_is_the_same_whatever_the_line_end_and_the_encoding_of_the_file() -> None:
    utf16 = (HEADER + ONE + TWO).decode().encode("utf-16")
    unix = (HEADER + ONE + TWO).replace(b"\r\n", b"\n")
    assert ids(utf16) == ids(unix) == ids(HEADER + ONE + TWO)


def test_it_is_the_same_wherever_the_file_lies_and_on_whatever_line() -> None:
    here = identify("MSGTRK1.LOG", line_number=7)
    assert here == identify("/var/log/MSGTRK1.LOG") == identify("C:\\logs\\MSGTRK1.LOG")


def test_it_differs_by_file_row_and_part() -> None:
    found = {identify(), identify(path="MSGTRK2.LOG"), identify(raw="row2"), identify(part="1")}
    assert len(found) == 4


def test_it_differs_for_each_recipient_and_is_the_same_each_time() -> None:
    first = ids([HEADER, ONE], per_recipient=True)
    assert len(set(first)) == 2
    assert ids([HEADER, ONE], per_recipient=True) == first


def test_a_lone_surrogate_in_the_row_or_the_name_is_no_obstacle() -> None:
    assert len({identify(raw="\udcff"), identify(raw="\udcfe"), identify(path="\udcff")}) == 3
