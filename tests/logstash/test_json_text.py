from __future__ import annotations

import json
import math
import sys
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from exnorm.logstash.json_text import JSONText, _Reading, keep_valid, read_first, write

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    SCALARS | TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=20
)


def slow(text: str) -> Any:
    return _Reading(text).read(0)


@given(VALUES)
def test_a_value_that_is_written_is_read_back(value: Any) -> None:
    written = write(value).decode()
    assert read_first(written) == (value, len(written))


@given(VALUES)
def test_the_reader_without_recursion_reads_what_the_standard_library_writes(value: Any) -> None:
    for text in (json.dumps(value), json.dumps(value, indent=1, ensure_ascii=False)):
        assert slow(text) == (value, len(text))


@settings(max_examples=300)
@given(st.text('{}[]",:0 1-.eE+tnu\\\n', max_size=12))
def test_both_readers_agree_on_what_is_json(text: str) -> None:
    def outcome(read: Any) -> Any:
        try:
            return repr(read(text))
        except JSONText:
            return "refused"

    assert outcome(read_first) == outcome(lambda t: _Reading(t).read(len(t) - len(t.lstrip(" \n"))))


@pytest.mark.parametrize(
    "text",
    [
        '{"a":01}', '{"a":+1}', '{"a":.5}', '{"a":1.}', '{"a":1e}', '{"a":-}', '{"a":NaN}', '{"a":Infinity}',
        '{"a":-Infinity}', '{"a":1/*x*/}', "{'a':1}", "{a:1}", '{"a":1,}', "[1,]", '{"a" 1}', '{"a":"x\ty"}',
        '{"a":"x\ny"}', '{"a\t":1}', '{"a":"\\x41"}', '{"a":"\\u12"}', '{"a":"\\u00g0"}', '{"a":"x', '{"a":',
        "{", "[", "", "\x00{}", "\x0b{}", "\ufeff{}", "\xa0{}", '{"a":tru}', '{"a":True}', '{"a":1}}'[:6],
    ],
)  # fmt: skip
def test_what_is_no_json_is_refused_by_both_readers(text: str) -> None:
    for read in (read_first, slow):
        with pytest.raises(JSONText):
            read(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a":1,"a":2}', {"a": 2}),
        ('{"":{"":[]}}', {"": {"": []}}),
        (r'{"a":"\/\b\f\n\r\t\"\\\u00e9\ud83d\ude00"}', {"a": '/\b\f\n\r\t"\\é\U0001f600'}),
        ('{"a":1.0E20,"b":-0,"c":1e400,"d":2e-3}', {"a": 1e20, "b": 0, "c": "Infinity", "d": 0.002}),
        ('{"a":123456789012345678901234567890}', {"a": 123456789012345678901234567890}),
        ('{"a":"\x7f\u2028"}', {"a": "\x7f\u2028"}),
        ('\t\r\n {"a" :\t1 }', {"a": 1}),
    ],
)
def test_what_is_json_is_read_by_both_readers(text: str, value: Any) -> None:
    assert read_first(text) == (value, len(text))
    assert slow(text.lstrip()) == (value, len(text.lstrip()))


def test_text_after_the_first_value_is_left_alone() -> None:
    assert read_first('{"a":1} xyz') == ({"a": 1}, 7)
    assert read_first('{"a":1}{"b":2}', 7) == ({"b": 2}, 14)


@pytest.mark.parametrize("opening", ['{"a":', "["])
def test_a_thousand_levels_are_read_and_one_more_is_not(opening: str) -> None:
    closing = "}" if opening == '{"a":' else "]"
    value, _ = read_first(opening * 1000 + "1" + closing * 1000)
    for _level in range(1000):
        value = value["a"] if opening != "[" else value[0]
    assert value == 1
    with pytest.raises(JSONText, match="nested deeper than 1000 levels"):
        read_first(opening * 1001 + "1" + closing * 1001)


def test_brackets_in_strings_are_no_levels() -> None:
    assert read_first('{"a":"' + "[" * 2000 + '\\""}')[0]["a"] == "[" * 2000 + '"'


def test_depth_does_not_depend_on_how_much_stack_is_left() -> None:
    def deeper(levels: int) -> Any:
        return deeper(levels - 1) if levels else read_first("[" * 900 + "]" * 900)

    assert deeper(sys.getrecursionlimit() // 2)[1] == 1800


@pytest.mark.parametrize(
    "number", ["9" * 10_000, "-" + "9" * 10_000, "1." + "0" * 9_999, "1" * 9_997 + "e100"]
)
def test_a_number_of_ten_thousand_characters_is_read(number: str) -> None:
    value, end = read_first(f'{{"a":{number}}}')
    assert end == len(number) + 6
    assert value["a"] != 0


@pytest.mark.parametrize(
    "number", ["9" * 10_001, "-" + "9" * 10_001, "1." + "0" * 10_000, "1" * 9_998 + "e100"]
)
def test_a_longer_number_is_refused(number: str) -> None:
    with pytest.raises(JSONText, match="expected at most 10000"):
        read_first(f'{{"a":{number}}}')


def test_an_integer_of_any_size_is_exact_both_ways() -> None:
    number = 10**9_999 + 7
    text = "1" + "0" * 9_998 + "7"
    assert read_first(text)[0] == number
    assert write({"a": number, "b": -number}) == f'{{"a":{text},"b":-{text}}}'.encode()


def test_a_name_of_more_than_fifty_thousand_characters_is_refused() -> None:
    assert read_first('{"' + "n" * 50_000 + '":1}')[0] == {"n" * 50_000: 1}
    with pytest.raises(JSONText, match="a name is longer"):
        read_first('{"' + "n" * 50_001 + '":1}')


def test_what_json_cannot_say_is_written_as_logstash_does() -> None:
    value = {"a": math.nan, "b": [math.inf, -math.inf], "c": Decimal("1.50"), "d": b"x\xff", "e": (1, None)}
    assert json.loads(write(value)) == {
        "a": "NaN",
        "b": ["Infinity", "-Infinity"],
        "c": 1.5,
        "d": "x\\xff",
        "e": [1, None],
    }


def test_a_short_text_ends_before_half_of_a_pair_and_a_long_one_has_a_question_mark() -> None:
    assert keep_valid("x\ud83dy") == "x"
    assert keep_valid("é\U0001f600") == "é\U0001f600"
    assert keep_valid("a" * 1023 + "\ud83d") == "a" * 1023
    assert keep_valid("a" * 1023 + "\ud83dy") == "a" * 1023 + "?y"
    assert write({"a": "x\ud83dy"}) == b'{"a":"x"}'


def test_what_is_deep_is_written_without_recursion() -> None:
    value: Any = 1
    for _level in range(999):
        value = {"a": [value, 2]}
    assert write(value) == b'{"a":[' * 999 + b"1" + b",2]}" * 999
