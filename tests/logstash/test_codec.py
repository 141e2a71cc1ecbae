"""The bare codecs. Expected events are those that a real Logstash 9.3 gave, or follow its sources."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from exnorm.errors import SettingsError
from exnorm.logstash import JSONCodec, LineTooLong

VECTORS = sorted((Path(__file__).parents[2].parent / "shared" / "vectors").glob("logstash_codec*.jsonl"))
"""What a real Logstash gave, in the order in which it was recorded."""

OTHERS = {
    # refused there when the pipeline starts, here when the codec is made
    "N74 charset in small letters is refused or read",
}
FRAMINGS = {"json": "whole", "json_lines": "lines"}
NOW = "<now>"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def codec(framing: str = "lines", **options: Any) -> JSONCodec:
    return JSONCodec(None, framing, **options)


def timeless(events: Iterable[dict[str, Any]], like: Iterable[dict[str, Any]] = ()) -> list[dict[str, Any]]:
    """Events with ``<now>`` for a time of decoding: one that ``like``, or nobody, says otherwise."""
    wanted = list(like)
    shown = [dict(event) for event in events]
    for number, event in enumerate(shown):
        given = wanted[number].get("@timestamp", NOW) if number < len(wanted) else NOW
        if given == NOW and _TIME.fullmatch(event["@timestamp"]):
            event["@timestamp"] = NOW
    return shown


def decode(text: str | bytes, framing: str = "lines", **options: Any) -> list[dict[str, Any]]:
    """The events of a line or a document, without what every event has."""
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    events = codec(framing, **options).decode(data + (b"\n" if framing == "lines" else b""))
    for event in events:
        assert _TIME.fullmatch(event.pop("@timestamp"))
        assert event.pop("@version") == "1"
    return events


def failure(text: str) -> list[dict[str, Any]]:
    return [{"message": text, "tags": ["_jsonparsefailure"]}]


# --- what was recorded ---------------------------------------------------------------------------


def recorded(op: str) -> list[dict[str, Any]]:
    lines = [line for path in VECTORS for line in path.read_text(encoding="utf-8").split("\n")]
    vectors = [v for v in map(json.loads, filter(None, lines)) if v["op"] == op and v["codec"] in FRAMINGS]
    return [vector for vector in vectors if vector["id"] not in OTHERS]


@pytest.mark.skipif(not VECTORS, reason="the vectors lie beside the repository")
def test_every_recorded_decoding_comes_out_the_same() -> None:
    vectors = recorded("decode")
    assert len(vectors) in (78, 167)  # of one recording, or of both
    for vector in vectors:
        subject = codec(FRAMINGS[vector["codec"]], **vector["opts"])
        events, raised = [], 0
        for chunk in vector["chunks_b64"]:
            try:
                events += subject.decode(base64.b64decode(chunk))
            except LineTooLong:
                raised += 1
        events += subject.flush() if vector["flush"] else []
        metadata = [event.pop("@metadata", None) for event in events]
        expected = [item["event"] for item in vector["expect"]]
        assert is_same(timeless(events, expected), expected), vector["id"]
        assert metadata == [item.get("metadata") for item in vector["expect"]], vector["id"]
        assert raised == len(vector.get("raises", ())), vector["id"]


def is_same(found: Any, expected: Any) -> bool:
    """Equality without recursion, for events of any depth; numbers are of the same type too."""
    waiting = [(found, expected)]
    while waiting:
        one, other = waiting.pop()
        if type(one) is not type(other):
            return False
        if isinstance(one, dict) and one.keys() == other.keys():
            waiting += [(one[name], other[name]) for name in one]
        elif isinstance(one, list) and len(one) == len(other):
            waiting += zip(one, other)
        elif isinstance(one, (dict, list)) or one != other:
            return False
    return True


@pytest.mark.skipif(not VECTORS, reason="the vectors lie beside the repository")
def test_every_recorded_encoding_comes_out_the_same() -> None:
    vectors = recorded("encode")
    assert len(vectors) in (8, 22)
    for vector in vectors:
        subject = codec(FRAMINGS[vector["codec"]], **vector["opts"])
        written = subject.encode(json.loads(vector["event_json"])).decode()
        assert written.endswith(vector["expect_suffix"]), vector["id"]
        event = json.loads(written.removesuffix(vector["expect_suffix"]))
        assert timeless([event], [vector["expect_json"]]) == [vector["expect_json"]], vector["id"]
        assert "\n" not in written.removesuffix(vector["expect_suffix"])


# --- documents -----------------------------------------------------------------------------------


@pytest.mark.parametrize("framing", ["lines", "whole"])
@pytest.mark.parametrize(
    ("text", "events"),
    [
        ('{"a":1}', [{"a": 1}]),
        ("{}", [{}]),
        ('[{"a":1},{"a":2}]', [{"a": 1}, {"a": 2}]),
        ("[]", []),
        ("", []),
        (" \t\r", []),
        ("\x0b\x0c\x1c\u2003\u3000", []),
        ("[{},null]", [{}, {}]),
        ('{"a":1}{"b":2}', [{"a": 1}]),
        ('{"a":1}]', [{"a": 1}]),
        ('{"a":{"b":[null,true,1.5,"x"]}}', [{"a": {"b": [None, True, 1.5, "x"]}}]),
    ],
)
def test_an_object_is_an_event_and_an_array_one_for_each_object(
    text: str, events: list[Any], framing: str
) -> None:
    assert decode(text, framing, ecs_compatibility="disabled") == events


@pytest.mark.parametrize("framing", ["lines", "whole"])
@pytest.mark.parametrize(
    "text",
    ["null", "1", '"x"', "nope", '{"a":1', "[1]", '[{"a":1},1]', "[[]]", '["x"]', "\xa0", "\u2007", "\x00",
     '\ufeff{"a":1}', "{'a':1}", '{"@metadata":1}', '{"@metadata":null}', '{"@metadata":[]}',
     '[{"a":1},{"@metadata":"x"}]'],
)  # fmt: skip
def test_anything_else_is_one_event_with_the_whole_text(text: str, framing: str) -> None:
    assert decode(text, framing) == failure(text)


def test_bytes_that_are_not_utf_8_make_the_line_a_text_even_where_json_could_be_read_of_it() -> None:
    assert decode(b"[]\xff") == failure("[]\\xFF")
    assert decode(b'{}\xe9"') == failure('{}\\xE9\\"')


def test_half_of_a_surrogate_pair_ends_a_short_text() -> None:
    assert decode(r'{"a":"x\ud83dy","b":["\ude00",{"c":"ok\ud83d\ude00"}]}') == [
        {"a": "x", "b": ["", {"c": "ok\U0001f600"}]}
    ]


# --- what every event has ------------------------------------------------------------------------


def test_metadata_is_a_key_of_the_event_and_an_empty_one_is_none() -> None:
    assert decode('{"@metadata":{"k":"v"},"a":1}') == [{"@metadata": {"k": "v"}, "a": 1}]
    assert decode('{"@metadata":{},"a":1}') == [{"a": 1}]


@pytest.mark.parametrize("version", ["7", 2, None, ["x"]])
def test_a_version_that_is_there_stays(version: Any) -> None:
    [event] = codec().decode(json.dumps({"@version": version}).encode() + b"\n")
    assert event["@version"] == version


@pytest.mark.parametrize("tags", ["x", [], ["a", "b"], ["a", "a"]])
def test_tags_are_text_or_a_list_of_texts(tags: Any) -> None:
    assert decode(json.dumps({"tags": tags})) == [{"tags": tags}]


@pytest.mark.parametrize("tags", [5, None, True, {"a": 1}, ["a", 1], [None], [["a"]]])
def test_other_tags_are_put_aside(tags: Any) -> None:
    assert decode(json.dumps({"tags": tags})) == [{"_tags": [tags], "tags": ["_tagsparsefailure"]}]


@pytest.mark.parametrize("stamp", [5, 1.5, True, "", "foo", [], {"a": 1}, "2024-05-06 07:08:09"])
def test_a_bad_timestamp_is_put_aside_and_the_event_is_of_now(stamp: Any) -> None:
    assert decode(json.dumps({"@timestamp": stamp})) == [
        {"_@timestamp": stamp, "tags": ["_timestampparsefailure"]}
    ]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("x", ["x", "_timestampparsefailure"]),
        (["x"], ["x", "_timestampparsefailure"]),
        (["_timestampparsefailure"], ["_timestampparsefailure"]),
    ],
)
def test_the_tag_of_a_bad_timestamp_joins_the_others(tags: Any, expected: list[str]) -> None:
    assert decode(json.dumps({"@timestamp": "foo", "tags": tags})) == [
        {"_@timestamp": "foo", "tags": expected}
    ]


def test_bad_tags_and_a_bad_timestamp_are_both_told() -> None:
    assert decode('{"tags":1,"@timestamp":1}') == [
        {"_tags": [1], "_@timestamp": 1, "tags": ["_tagsparsefailure", "_timestampparsefailure"]}
    ]


def test_a_timestamp_is_written_in_utc() -> None:
    [event] = codec().decode(b'{"@timestamp":"2024-05-06T09:08:09.5+02:00"}\n')
    assert event == {"@timestamp": "2024-05-06T07:08:09.500Z", "@version": "1"}


# --- framing -------------------------------------------------------------------------------------


def test_a_line_may_come_in_any_pieces_and_the_last_one_with_the_flush() -> None:
    subject = codec()
    events = [event for byte in b'{"a":1}\r\n{"a":2}\n{"a":3}' for event in subject.decode(bytes([byte]))]
    assert [event["a"] for event in events] == [1, 2]
    assert [event["a"] for event in subject.flush()] == [3]
    assert subject.flush() == []
    assert [event["a"] for event in subject.decode(b'{"a":4}\n')] == [4]


def test_a_delimiter_is_taken_literally_and_found_across_pieces() -> None:
    subject = codec(delimiter="@@")
    events = subject.decode(b'{"a":1}\n{"b":0}@') + subject.decode(b'@{"a":"@"}@@@@')
    assert [event["a"] for event in events] == [1, "@"]


def test_a_line_break_in_a_document_is_white_space_for_whole_only() -> None:
    document = b'{"a":\n1}\n'
    assert decode(document, "whole", ecs_compatibility="disabled") == [{"a": 1}]
    assert [event["message"] for event in codec().decode(document)] == ['{"a":', "1}"]


def test_a_document_is_whole_with_every_call() -> None:
    subject = codec("whole", ecs_compatibility="disabled")
    assert [event["a"] for event in subject.decode(b'{"a":1}') + subject.decode(b'{"a":2}')] == [1, 2]
    assert subject.flush() == []


def test_a_line_beyond_the_limit_is_refused_and_what_is_around_it_is_not_lost() -> None:
    subject = codec(decode_size_limit_bytes=20)
    with pytest.raises(LineTooLong, match="longer than decode_size_limit_bytes, 20"):
        subject.decode(b'{"a":1}\n' + b"x" * 21 + b'\n{"a":2}\n{"a":3')
    assert [event["a"] for event in subject.decode(b"}\n")] == [1, 2, 3]


def test_a_line_of_the_limit_exactly_is_read() -> None:
    assert decode('{"a":"12345"}', decode_size_limit_bytes=13) == [{"a": "12345"}]
    with pytest.raises(LineTooLong):
        decode('{"a":"123456"}', decode_size_limit_bytes=13)


def test_a_line_without_an_end_takes_bounded_memory() -> None:
    subject = codec(decode_size_limit_bytes=1000)
    for _piece in range(1000):
        assert subject.decode(b"x" * 500) == []
    assert len(subject._frames.peek()) <= 1500
    with pytest.raises(LineTooLong):
        subject.flush()
    assert [event["a"] for event in subject.decode(b'{"a":1}\n')] == [1]


@given(
    st.lists(st.binary(max_size=12).filter(lambda line: b"\n" not in line and len(line) <= 12)),
    st.integers(1, 7),
)
def test_pieces_of_any_size_give_the_same_events(lines: list[bytes], step: int) -> None:
    data = b"\n".join(lines)
    whole, cut = codec(), codec()
    expected = timeless(whole.decode(data) + whole.flush())
    events = [event for at in range(0, len(data), step) for event in cut.decode(data[at : at + step])]
    assert timeless(events + cut.flush()) == expected


# --- options -------------------------------------------------------------------------------------


def test_a_target_holds_the_document_as_it_is() -> None:
    document = '{"a":1,"@timestamp":"x","tags":5,"@metadata":1}'
    inside = {"a": 1, "@timestamp": "x", "tags": 5, "@metadata": 1}
    for framing in ("lines", "whole"):
        assert decode(document, framing, target="doc", ecs_compatibility="disabled") == [{"doc": inside}]
    assert decode('[{"a":1},null]', target="[x][y]") == [{"x": {"y": {"a": 1}}}, {"x": {"y": None}}]
    assert decode("nope", target="[x]") == failure("nope")
    assert decode('{"a":1}', target="[@metadata][doc]") == [{"@metadata": {"doc": {"a": 1}}}]


@pytest.mark.parametrize("target", ["tags", "[tags][x]", "@timestamp", "[@timestamp][x]", "[@version][x]"])
def test_a_target_that_cannot_hold_an_object_fails(target: str) -> None:
    assert decode('{"a":1}', target=target) == failure('{"a":1}')


def original(text: str, ecs: str = "v8") -> Any:
    return decode(text, "whole", ecs_compatibility=ecs)


def test_a_document_with_one_event_is_kept_in_ecs_modes() -> None:
    for ecs in ("v1", "v8"):
        assert original('{"a":1}\n', ecs) == [{"a": 1, "event": {"original": '{"a":1}\n'}}]
    assert original('[{"event":{"x":1}}]') == [{"event": {"x": 1, "original": '[{"event":{"x":1}}]'}}]
    assert original('{"event":{"original":null}}') == [{"event": {"original": None}}]
    assert original('[{"a":1},{"a":2}]') == [{"a": 1}, {"a": 2}]
    assert original('{"event":[1]}') == [{"event": [1]}]
    assert original('{"a":1}', "disabled") == [{"a": 1}]


@pytest.mark.parametrize("scalar", ['"login"', "5", "null", "true"])
def test_a_scalar_event_leaves_no_place_for_the_document(scalar: str) -> None:
    text = f'{{"event":{scalar}}}'
    assert original(text) == failure(text)
    assert original(text, "disabled") == [{"event": json.loads(scalar)}]


def test_lines_never_keep_the_document() -> None:
    assert decode('{"a":1}', ecs_compatibility="v8") == [{"a": 1}]


@pytest.mark.parametrize(
    ("framing", "options", "message"),
    [
        ("line", {}, "framing: got 'line'; did you mean 'lines'?"),
        ("lines", {"delimeter": "x"},
         "unknown option 'delimeter' of framing lines; did you mean 'delimiter'?"),
        ("whole", {"delimiter": "x"}, "unknown option 'delimiter' of framing whole; expected one of "),
        ("lines", {"delimiter": ""}, "delimiter: got ''"),
        ("lines", {"delimiter": 5}, "delimiter: got '5'; expected text"),
        ("lines", {"charset": "UTF-9"}, "charset: got 'UTF-9'; did you mean 'UTF-"),
        ("lines", {"ecs_compatibility": "v9"},
         "ecs_compatibility: got 'v9'; expected one of disabled, v1, v8"),
        ("lines", {"decode_size_limit_bytes": 0},
         "decode_size_limit_bytes: got '0'; expected a number of bytes"),
        ("lines", {"decode_size_limit_bytes": "many"}, "decode_size_limit_bytes: got 'many'"),
        ("lines", {"decode_size_limit_bytes": True}, "decode_size_limit_bytes: got 'True'"),
        ("lines", {"target": "[a"}, "target: got '[a'"),
        ("lines", {"target": "a[b]"}, "target: got 'a[b]'"),
        ("lines", {"target": "[a]b"}, "target: got '[a]b'"),
        ("lines", {"target": "[]"}, "target: got '[]'"),
        ("lines", {"target": 7}, "target: got '7'; expected text"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_refused_with_the_nearest_right_name(
    framing: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        JSONCodec(None, framing, **options)
    assert str(caught.value).startswith(message)


# --- encoding ------------------------------------------------------------------------------------


def test_an_event_is_one_line_with_what_every_event_has_and_without_metadata() -> None:
    written = codec().encode({"@timestamp": "2024-05-06T07:08:09Z", "a": "x\ny", "@metadata": {"k": 1}})
    assert written.endswith(b"\n")
    assert written.count(b"\n") == 1
    assert json.loads(written) == {"@timestamp": "2024-05-06T07:08:09.000Z", "a": "x\ny", "@version": "1"}
    assert codec(delimiter="\r\n").encode({}).endswith(b"}\r\n")
    assert codec("whole").encode({}).endswith(b"}")


def test_encoding_leaves_the_event_as_it_is() -> None:
    event = {"@metadata": {"k": 1}, "tags": 5}
    codec().encode(event)
    assert event == {"@metadata": {"k": 1}, "tags": 5}


def test_a_time_of_python_is_a_timestamp() -> None:
    moment = datetime(2024, 5, 6, 7, 8, 9, 123000, timezone.utc)
    assert json.loads(codec().encode({"@timestamp": moment}))["@timestamp"] == "2024-05-06T07:08:09.123Z"


def test_no_byte_order_mark_no_nan_and_no_half_of_a_pair_is_written() -> None:
    written = codec().encode({"a": "x\ud83dy", "n\ud83d": float("nan"), "u": "é\U0001f600\u2028"})
    assert written.startswith(b"{")
    fields = json.loads(written.decode("utf-8"))
    assert (fields["a"], fields["n"], fields["u"]) == ("x", "NaN", "é\U0001f600\u2028")


KEYS = st.text(st.characters(exclude_categories=["Cs"])).filter(lambda name: not name.startswith("@"))
FIELDS = st.dictionaries(
    KEYS.filter(lambda name: name != "tags"),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | KEYS,
        lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
        max_leaves=8,
    ),
)


@given(FIELDS, st.lists(KEYS))
def test_what_is_encoded_is_decoded_the_same(fields: dict[str, Any], tags: list[str]) -> None:
    event = {**fields, "tags": tags, "@timestamp": "2024-05-06T07:08:09.123Z", "@version": "1"}
    for framing in ("lines", "whole"):
        subject = codec(framing, ecs_compatibility="disabled")
        assert subject.decode(subject.encode(event)) == [event]


@given(st.binary(max_size=60))
def test_no_input_raises_and_every_event_can_be_encoded(data: bytes) -> None:
    for framing in ("lines", "whole"):
        subject = codec(framing)
        for event in subject.decode(data) + subject.flush():
            assert json.loads(subject.encode(event))["@timestamp"] == event["@timestamp"]


def test_the_bare_codec_converts_the_rest_too() -> None:
    subject = codec("lines")
    assert subject.convert(b'{"a":1}\n{"b":2}')[0].endswith(b"\n")
    (rest,) = subject.convert_rest()
    assert json.loads(rest)["b"] == 2


def test_a_number_beyond_all_numbers_is_a_text_as_logstash_writes_it() -> None:
    assert decode('{"a":1e9999999999,"b":[-1e400],"c":1.5e3}') == [
        {"a": "Infinity", "b": ["-Infinity"], "c": 1500.0}
    ]
