from __future__ import annotations

import json
from typing import Any

from hypothesis import given, strategies as st

from exnorm.logstash.documents import ObjectEnds, read_documents

OBJECTS = st.lists(st.dictionaries(st.text('{}[]"\\ a\né'), st.text('{}[]"\\ a\né')), min_size=1, max_size=6)


def values(text: str) -> list[Any] | None:
    found = read_documents(text)
    return None if found is None else [text if value is None else value for value, text in found]


def test_objects_may_follow_each_other_without_a_separator() -> None:
    assert values('{"a":1}{"b":2} [{"c":3}]') == [{"a": 1}, {"b": 2}, [{"c": 3}]]


def test_other_text_after_an_object_is_left_out_as_logstash_does() -> None:
    assert values('{"a":1} xyz') == [{"a": 1}]


def test_an_object_that_was_cut_off_after_whole_ones_is_kept_as_text() -> None:
    assert values('{"a":1}{"b":') == [{"a": 1}, '{"b":']


def test_a_piece_of_a_broken_object_before_the_first_whole_one_is_kept_as_text() -> None:
    assert values('er":"x"}{"a":1}{"b":2}') == ['er":"x"}', {"a": 1}, {"b": 2}]
    assert values('{"a":tr}{"b":2}') == ['{"a":tr}', {"b": 2}]


def test_a_line_of_text_is_none_even_with_braces_in_it() -> None:
    assert values("2018-11-27T22:40:02.966Z,{x}{y},") is None
    assert values('a}{"b":1} and more') is None
    assert values('"a" {"b":1}') is None
    assert values("") is None


def ends(line: bytes, *sizes: int) -> list[int]:
    """What is found while a line grows to these sizes."""
    finder = ObjectEnds()
    return [finder.find(bytearray(line[:size])) for size in sizes]


def test_the_end_of_an_object_is_found_when_the_next_one_begins() -> None:
    line = b'{"a":"}{"} [{"b":1}]{'
    assert ends(line, 5, 10, 12, 20, 21) == [0, 0, 10, 0, 20]


def test_a_backslash_at_the_end_of_a_piece_escapes_what_comes_next() -> None:
    line = b'{"a":"\\"}{"}{'
    assert ends(line, 7, 8, len(line)) == [0, 0, 12]


def test_a_line_that_begins_with_text_has_no_objects() -> None:
    assert ends(b'a {"b":1}{"c":2}', 1, 16) == [0, 0]


@given(OBJECTS, st.integers(1, 9))
def test_objects_behind_each_other_are_cut_where_they_end_whatever_pieces_they_come_in(
    objects: list[dict[str, str]], step: int
) -> None:
    line = "".join(json.dumps(item, ensure_ascii=False) for item in objects).encode()
    buffer, finder, found = bytearray(), ObjectEnds(), []
    for at in range(0, len(line), step):
        buffer += line[at : at + step]
        end = finder.find(buffer)
        if end:
            found += [value for value, _ in read_documents(buffer[:end].decode()) or []]
            del buffer[:end]
            finder = ObjectEnds()
    found += [value for value, _ in read_documents(buffer.decode()) or []]
    assert found == objects
