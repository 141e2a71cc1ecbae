"""JSON text that comes line by line."""

from __future__ import annotations

import json

import pytest

from exnorm.sources.json_objects import MAX_DEPTH, Found, JsonObjects, read_object


def feed(*lines: str, max_bytes: int = 1 << 20) -> list[Found]:
    objects = JsonObjects(max_bytes)
    return [found for line in lines for found in objects.feed(line)] + list(objects.finish())


def whole(found: list[Found]) -> list[object]:
    return [json.loads(text) for text, refusal in found if refusal is None]


OBJECTS = [{"a": 'x } ] { "y" \\'}, {"b": [{"c": []}, 1]}]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(OBJECTS),
        json.dumps(OBJECTS, indent=4),
        json.dumps(OBJECTS, indent="\t"),
        json.dumps(OBJECTS, indent=0),
        "\n".join(json.dumps(item) for item in OBJECTS),
        "\n".join(json.dumps(item, indent=2) for item in OBJECTS),
        "[\n" + ",\n".join(json.dumps(item) for item in OBJECTS) + "\n]",
        "".join(json.dumps(item) for item in OBJECTS),
    ],
)
def test_objects_are_the_same_however_they_are_printed(text: str) -> None:
    found = feed(*text.split("\n"))
    assert [refusal for _, refusal in found] == [None, None]
    assert whole(found) == OBJECTS


def test_an_object_comes_as_soon_as_it_is_closed() -> None:
    objects = JsonObjects(1000)
    assert list(objects.feed("[")) == []
    assert list(objects.feed('{"a": 1')) == []
    assert objects.waiting
    assert list(objects.feed("},")) == [('{"a": 1\n}', None)]
    assert not objects.waiting


def test_a_line_cut_off_in_a_string_is_refused_and_the_next_is_unharmed() -> None:
    found = feed('{"a": "b', '{"a": 2}')
    assert found == [
        ('{"a": "b', ("syntax", "not JSON: a string is left open at line 1, character 7")),
        ('{"a": 2}', None),
    ]


def test_a_line_cut_off_between_values_is_refused_and_the_next_is_unharmed() -> None:
    found = feed('{"a":', '{"a": 2}')
    assert found == [
        ('{"a":', ("syntax", "the object is cut off: another begins before it is closed")),
        ('{"a": 2}', None),
    ]


def test_an_object_of_many_lines_cut_off_is_refused_and_the_next_is_unharmed() -> None:
    found = feed("[", "  {", '    "a": [', "      1,", "  {", '    "a": 2', "  }", "]")
    assert [refusal and refusal[0] for _, refusal in found] == ["syntax", None]
    assert whole(found) == [{"a": 2}]


def test_an_object_open_at_the_end_is_refused() -> None:
    assert feed("{", '  "a": 1') == [
        ('{\n  "a": 1', ("syntax", "the object is cut off: the log ends before it is closed"))
    ]


def test_what_is_no_object_is_refused_with_its_position() -> None:
    assert feed('[{"a": 1}, true]') == [
        ('{"a": 1}', None),
        ("true]", ("syntax", "not JSON: expected an object at character 12, got 't'")),
    ]


def test_an_object_longer_than_the_limit_is_refused_in_parts_and_nothing_is_lost() -> None:
    lines = ["{", *(f'  "{number:04}": 1,' for number in range(1000)), '  "z": 1', "}", '{"a": 1}']
    objects = JsonObjects(1024)
    found = [item for line in lines for item in objects.feed(line)]
    *parts, last = found
    assert last == ('{"a": 1}', None)
    assert {refusal for _, refusal in parts} == {("too-long", "object is longer than max_line_bytes, 1024")}
    assert max(len(text) for text, _ in parts) <= 1024
    assert "\n".join(text for text, _ in parts) == "\n".join(lines[:-1])


def test_an_object_of_exactly_the_limit_is_whole() -> None:
    text = '{"a": "' + "x" * 1015 + '"}'
    assert len(text) == 1024
    assert feed(text, max_bytes=1024) == [(text, None)]


def test_a_lost_line_spoils_only_the_object_it_belonged_to() -> None:
    objects = JsonObjects(1000)
    objects.miss()
    found = list(objects.feed("{"))
    objects.miss()
    found += objects.feed("}")
    found += objects.feed("{}")
    assert found == [("{\n}", ("syntax", "line 2 of the object could not be read")), ("{}", None)]


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 100_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    text = '{"a":' + "[" * (depth - 1) + "]" * (depth - 1) + "}"
    [(shown, refusal)] = feed(text)
    assert shown == text
    assert refusal == ("syntax", "JSON is nested deeper than 32 levels")


def test_the_deepest_allowed_nesting_is_read() -> None:
    text = '{"a":' + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1) + "}"
    assert feed(text) == [(text, None)]
    assert isinstance(read_object(text), dict)


@pytest.mark.parametrize("text", ['{"a": [1,,2]}', '{"a" 1}', '{"a": 1 "b": 2}', '{"a": tru}', '{"a": [}]'])
def test_malformed_json_is_refused_with_its_position(text: str) -> None:
    found = read_object(text)
    assert isinstance(found, tuple)
    assert found[0] == "syntax"
    assert found[1].startswith("not JSON: ")
    assert " at line 1, character " in found[1]


def test_a_number_keeps_its_digits() -> None:
    digits = "123456789012345678901234567890"
    found = read_object(f'{{"a": {digits}, "b": 1.50, "c": 1e999, "d": -0, "e": 7}}')
    assert isinstance(found, dict)
    assert [str(value) for value in found.values()] == [digits, "1.50", "1e999", "-0", "7"]


def test_a_huge_number_is_refused() -> None:
    found = read_object('{"a": ' + "9" * 5000 + "}")
    assert found == ("syntax", "a number is 5000 characters long; expected at most 64")


def test_a_property_that_stands_twice_is_refused() -> None:
    assert read_object('{"b": 1, "a": 1, "a": 2}') == (
        "syntax",
        "not JSON to rely on: property 'a' stands twice",
    )


def test_half_a_surrogate_pair_is_refused_and_a_whole_one_is_read() -> None:
    assert read_object('{"a": "\\ud83d"}') == ("encoding", "a string holds one half of a surrogate pair")
    assert read_object('{"a": "\\ud83d\\ude00"}') == {"a": "\U0001f600"}
