"""Logs in UTF-16, with and without a byte order mark, whole and cut into lines by a shipper."""

from __future__ import annotations

import codecs

import pytest

from exnorm.model import Record
from exnorm.pipeline.normalizer import Normalizer

TEXT = (
    "#Software: Microsoft Exchange Server\r\n"
    "#Log-type: SMTP Receive Protocol Log\r\n"
    "#Fields: date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,"
    "event,data,context\r\n"
    "2026-03-17T09:00:00.000Z,Прием,08DE77AA00000001,0,192.0.2.40:25,198.51.100.77:40112,+,,\r\n"
    "2026-03-17T09:00:01.001Z,Прием,08DE77AA00000001,1,192.0.2.40:25,198.51.100.77:40112,<,EHLO a.test,\r\n"
)
MARKS = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
ENCODINGS = [(name, mark) for name in MARKS for mark in (b"", MARKS[name])]


def connectors(found: list[object]) -> list[str]:
    assert all(isinstance(item, Record) for item in found), found
    return [item.values["connector-id"] for item in found if isinstance(item, Record)]


@pytest.mark.parametrize("text", [TEXT, TEXT.replace("\r", ""), TEXT.rstrip()])
@pytest.mark.parametrize(("encoding", "mark"), ENCODINGS)
def test_a_log_in_utf_16_is_read_in_blocks_of_any_size(encoding: str, mark: bytes, text: str) -> None:
    data = mark + text.encode(encoding)
    for size in (1, 3, 64, len(data)):
        normalizer = Normalizer(discover_plugins=False)
        stream = normalizer.stream()
        lines = [line for at in range(0, len(data), size) for line in stream.cut(data[at : at + size])]
        found = list(normalizer.parse([*lines, *stream.finish()], stream))
        assert connectors(list(found)) == ["Прием", "Прием"]


@pytest.mark.parametrize("keeps_end", [True, False])
@pytest.mark.parametrize(("encoding", "mark"), ENCODINGS)
def test_a_log_in_utf_16_is_read_from_lines_that_were_cut_at_the_byte_of_lf(
    encoding: str, mark: bytes, keeps_end: bool
) -> None:
    *lines, rest = (mark + TEXT.encode(encoding)).split(b"\n")
    lines = [*(line + b"\n" * keeps_end for line in lines), rest]
    normalizer = Normalizer(discover_plugins=False)
    found = list(normalizer.parse(lines, normalizer.stream()))
    assert connectors(list(found)) == ["Прием", "Прием"]


def test_a_line_in_utf_16_that_came_as_text_is_read() -> None:
    lines = TEXT.replace("Прием", "EX1").encode("utf-16-le").split(b"\n")
    normalizer = Normalizer(discover_plugins=False)
    found = list(normalizer.parse([line.decode("latin-1") for line in lines], normalizer.stream()))
    assert connectors(list(found)) == ["EX1", "EX1"]


def test_a_block_of_nul_behind_a_row_makes_no_utf_16() -> None:
    rows = TEXT.encode().split(b"\r\n")
    normalizer = Normalizer(discover_plugins=False)
    found = list(normalizer.parse([*rows[:-2], rows[-2] + b"\0" * 400], normalizer.stream()))
    assert connectors(list(found)) == ["Прием", "Прием"]


@pytest.mark.parametrize("encoding", MARKS)
def test_lines_that_end_in_cr_alone_are_said_to_where_they_do(encoding: str) -> None:
    normalizer = Normalizer(discover_plugins=False)
    data = TEXT.replace("\n", "").encode(encoding)
    assert "lines end in CR alone" in normalizer.explain_refusal("x.log", data)
    assert normalizer.explain_refusal("x.log", TEXT.encode(encoding)) == ""
