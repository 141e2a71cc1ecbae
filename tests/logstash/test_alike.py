from __future__ import annotations

import json
from typing import Any

import pytest
import tracking_rows

from exnorm.codecs import logstash_json
from exnorm.logstash import EventNormalizer, JSONCodec
from exnorm.logstash.alike import Alike, read_alike, read_template
from exnorm.pipeline import Normalizer
from exnorm.rows import prepare
from exnorm.settings import Settings
from exnorm.taxonomies.arcsight.fields import ARCSIGHT

AnyEvent = dict[str, Any]

NAMES = frozenset(("sourceAddress",))
BESIDE: AnyEvent = {
    "@timestamp": "2026-01-01T00:00:00.000Z", "log": {"offset": 7, "file": {"path": "MSGTRK1.LOG"}},
    "host": {"name": "EX01"}, "@version": "1",
}  # fmt: skip


def line_of(message: str, **others: Any) -> bytes:
    return json.dumps({**BESIDE, **others, "message": message}).encode()


def read(*lines: bytes) -> Alike | None:
    template = read_template(lines[0], NAMES)
    return None if template is None else read_alike(b"\n".join(lines), template)


def test_messages_and_the_pairs_beside_them_are_read_where_time_numbers_and_rows_differ() -> None:
    alike = read(
        line_of('a,"b",c\\d,é'),
        line_of(
            "x",
            log={"offset": 12345, "file": {"path": "MSGTRK1.LOG"}},
            **{"@timestamp": "2026-01-02T00:00:00Z"},
        ),
    )
    assert alike is not None
    assert alike.messages == ['a,"b",c\\d,é', "x"]
    assert alike.rows == ['a,"b",c\\\\d,Ã©', "x"]  # the backslash escaped, the bytes of é each one character
    assert alike.starts == ["{", "{"]
    assert alike.pairs == [
        f',"log":{{"offset":{offset},"file":{{"path":"MSGTRK1.LOG"}}}},"host":{{"name":"EX01"}},"@version":"1"'
        for offset in (7, 12345)
    ]


def test_numbers_may_stand_before_the_time() -> None:
    alike = read(
        *(b'{"n":%d,"@timestamp":"2026-01-01T00:00:00Z","message":"a","m":-%d}' % (n, n) for n in (1, 20))
    )
    assert alike is not None
    assert alike.starts == ['{"n":1,', '{"n":20,']
    assert alike.pairs == [',"m":-1,"@version":"1"', ',"m":-20,"@version":"1"']


@pytest.mark.parametrize("order", [("message", "event"), ("event", "message")])
def test_the_message_may_stand_twice_as_event_original(order: tuple[str, str]) -> None:
    lines = []
    for n, text in enumerate(("a", 'b"c\\', "\u00e9")):
        values = {"message": text, "event": {"original": text, "n": n}}
        lines.append(json.dumps({**BESIDE, **{name: values[name] for name in order}}).encode())
    alike = read(*lines)
    assert alike is not None
    assert alike.messages == ["a", 'b"c\\', "é"]
    assert [json.loads(f"{{{pairs[1:]}}}".encode("latin-1"))["event"] for pairs in alike.pairs] == [
        {"original": "a", "n": 0}, {"original": 'b"c\\', "n": 1}, {"original": "é", "n": 2},
    ]  # fmt: skip


def test_lines_are_alike_up_to_the_first_that_differs_in_more() -> None:
    alike = read(line_of("a"), line_of("b"), line_of("c", host={"name": "EX02"}), line_of("d"))
    assert alike is not None
    assert alike.messages == ["a", "b"]


def test_lines_of_another_form_are_none_of_a_template() -> None:
    path = {"file": {"path": "MSGTRK1.LOG"}}
    template = read_template(line_of("a", log={"offset": 7, "inode": 8, **path}), NAMES)
    assert template is not None
    for log in ({"inode": 8, "offset": 7}, {"offset": 7, "device": 8}, {"offset": 7}):
        assert read_alike(line_of("a", log={**log, **path}), template) is None
    assert read_alike(b"", template) is None


@pytest.mark.parametrize(
    "line",
    [
        b'{"message":"a","@timestamp":"2026-01-01T00:00:00Z","n":1,"n":2}',
        b'{"message":"a","@timestamp":"2026-01-01T00:00:00Z","message":"b"}',
        b'{"message":"a","@timestamp":"2026-01-01T00:00:00Z","a\\u0062":1}',
        b'{"mess\\u0061ge":"a","@timestamp":"2026-01-01T00:00:00Z"}',
        b'{"message":"a","@timestamp":"2026-01-01T00:00:00Z","n":1.5}',
        b'{"message":"a","@timestamp":"2026-01-01T00:00:00Z","sourceAddress":"x"}',
        b'{"message":"a","@timestamp":"2026-01-01T00:00:00Z","host":"EX01"}',
        b'{"message":"a","@timestamp":"2026-01-01T00:00:00Z","n":-0}',
        b'{"message":"a","@timestamp":"2026-01-01T00:00:00Z","n":[1%b]}' % (b",1" * 1000),
        b'{"message":"a"}',
        b"{}", b"", b"\xff", b'{"message":"a","@timestamp":"2026-01-01T00:00:00Z"',
    ],
)  # fmt: skip
def test_an_event_that_may_be_written_otherwise_has_no_template(line: bytes) -> None:
    assert read_template(line, NAMES) is None


@pytest.mark.parametrize(
    "odd",
    [
        line_of("x").replace(b'"x"', b'"x","a":"y"'),
        line_of("x").replace(b'"x"', b'"x"y"'),
        line_of("x").replace(b'"x"', b'"\x01"'),
        line_of("x").replace(b'"x"', b'"\xff"'),
        line_of("x").replace(b'"x"', b'"\\ud800"'),
        line_of("x").replace(b'"x"', b'"\\"'),
        line_of("x").replace(b"2026-01", b"2026-13"),
        line_of("x").replace(b'"x"', b'"' + b"x" * 60_000 + b'"'),
    ],
)
def test_lines_with_a_value_that_is_none_are_looked_at_one_by_one(odd: bytes) -> None:
    assert read(line_of("a"), odd) is None


@pytest.mark.parametrize("number", [b"01", b"1.5", b"1e5", b"9" * 19, b"-0", b"true", b'"7"', b""])
def test_a_number_that_would_not_be_written_as_it_came_ends_what_is_alike(number: bytes) -> None:
    odd = line_of("b").replace(b'"offset": 7', b'"offset": ' + number)
    alike = read(line_of("a"), odd)
    assert alike is None or alike.messages == ["a"]


@pytest.mark.parametrize("text", ["a\r", "\ufeffa", ""])
def test_a_message_that_event_original_would_not_be_is_looked_at_by_itself(text: str) -> None:
    assert read(line_of("a", event={}), line_of(text, event={})) is None


def test_rows_are_those_that_lines_are_prepared_to() -> None:
    texts = ["a", 'b,"c ""d""",e', "C\\n\\\\x", "é,\u2028,\U0001f600", "/", "\x7f", "a=|b", ""]
    wire = logstash_json.describe(ARCSIGHT, Settings())
    assert wire is not None
    for ensure_ascii in (True, False):
        lines = [
            json.dumps({**BESIDE, "message": text}, ensure_ascii=ensure_ascii).encode() for text in texts
        ]
        alike = read(*lines)
        assert alike is not None
        assert alike.rows == prepare("".join(f"{text}\n" for text in texts).encode(), wire, 4096)


@pytest.mark.parametrize("text", ["a\tb", "a\x00", "\x1f", "a\nb", "\\\\\r"])
def test_there_are_no_rows_where_one_has_a_control_character(text: str) -> None:
    alike = read(line_of("a"), line_of(text))
    assert alike is not None
    assert alike.rows is None
    assert alike.messages == ["a", text]


def test_events_as_shippers_give_them_go_together_and_lose_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXNORM_KERNEL", "0")
    taken = []

    class Watched(EventNormalizer):
        def encode_alike(self, *given: Any) -> tuple[list[bytes], int]:
            made, done = super().encode_alike(*given)
            taken.append(done)
            return made, done

    header, rows = tracking_rows.header().lstrip("\ufeff").splitlines(), list(tracking_rows.make_rows(300))
    events = Watched(Normalizer(format="json", discover_plugins=False))
    lines = [
        line_of(row, log={"offset": 700 * n, "file": {"path": "MSGTRK1.LOG"}}, event={"original": row})
        for n, row in enumerate((*header, *rows))
    ]
    made = [json.loads(line) for line in JSONCodec(events).convert(b"\n".join((*lines, b"")))]
    assert [event["log"]["offset"] for event in made] == [700 * n for n in range(len(header), len(lines))]
    assert [event["event"]["original"] for event in made] == rows
    assert sum(taken) == 299  # all but the first, which shows that these are its log's rows
