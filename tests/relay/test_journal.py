from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest

from exnorm.rate_limit import KINDS, Rarely
from exnorm.relay.journal import Journal, LibraryLog

CANARY = "Geheime Übernahme"


def lines(stream: io.BytesIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_its_time_level_and_event() -> None:
    stream = io.BytesIO()
    Journal(stream)("info", "listening", listen="127.0.0.1:1", in_flight=2)
    (line,) = lines(stream)
    assert line.pop("time").endswith("Z")
    assert line == {"level": "info", "event": "listening", "listen": "127.0.0.1:1", "in_flight": 2}


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_value_can_begin_a_second_line(form: str) -> None:
    stream = io.BytesIO()
    Journal(stream, form)("error", "failed", reason='a\r\nb\u2028c\x85d\x1b[0m "e"=f \ud800 \0')
    text = stream.getvalue().decode("ascii")
    assert text.endswith("\n")
    assert text[:-1].isprintable()


def test_text_is_for_people() -> None:
    stream = io.BytesIO()
    Journal(stream, "text")("info", "traffic", messages=3, listen="127.0.0.1:1", reason="timed out", kept="")
    _, _, rest = stream.getvalue().decode().partition(" ")
    assert rest == 'info traffic: messages=3 listen=127.0.0.1:1 reason="timed out" kept=""\n'


def test_details_are_written_at_debug_only() -> None:
    for level in ("info", "warning", "error"):
        stream = io.BytesIO()
        Journal(stream, level=level)("error", "failed", {"reason": CANARY}, kind="width")
        assert lines(stream)[0]["kind"] == "width"
        assert "details" not in lines(stream)[0]
    stream = io.BytesIO()
    Journal(stream, level="debug")("error", "failed", {"reason": CANARY})
    assert lines(stream)[0]["details"] == {"reason": CANARY}


def test_lines_below_the_level_are_not_written() -> None:
    stream = io.BytesIO()
    journal = Journal(stream, level="warning")
    for level in ("debug", "info", "warning", "error"):
        journal(level, level)
        journal.repeat(level, level, "kind")
    assert [line["event"] for line in lines(stream)] == ["warning", "warning", "error", "error"]


def test_what_repeats_is_said_once_a_minute_with_how_often_it_was() -> None:
    now = [0.0]
    stream = io.BytesIO()
    journal = Journal(stream, clock=lambda: now[0])
    for _ in range(1000):
        journal.repeat("warning", "a line does not parse", "width")
    journal.repeat("warning", "a line does not parse", "quote")
    assert [line["kind"] for line in lines(stream)] == ["width", "quote"]
    now[0] = 61.0
    journal.repeat("warning", "a line does not parse", "width")
    assert lines(stream)[-1]["times"] == 1000


def test_any_number_of_kinds_takes_bounded_memory_and_lines() -> None:
    rarely = Rarely(clock=lambda: 0.0)
    said = [number for number in range(10_000) if rarely.count(f"kind {number}")]
    assert len(said) == KINDS + 1


def test_a_stream_that_is_gone_costs_the_line_only() -> None:
    stream = io.BytesIO()
    stream.close()
    Journal(stream)("info", "listening")


def test_words_of_libraries_are_details_too() -> None:
    stream = io.BytesIO()
    logger = logging.Logger("library")
    logger.addHandler(LibraryLog(Journal(stream)))
    try:
        raise ValueError(CANARY)
    except ValueError:
        logger.exception("cannot handle %s", CANARY)
    (line,) = lines(stream)
    assert (line["library"], line["kind"], line["level"]) == ("library", "ValueError", "error")
    assert CANARY not in json.dumps(line, ensure_ascii=False)
