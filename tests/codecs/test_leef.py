from __future__ import annotations

import pytest

from exnorm import Counts, Event, Record, Schema, Settings
from exnorm.codecs.leef import LEEF
from exnorm.model import Value
from exnorm.sources.message_tracking import MESSAGE_TRACKING
from exnorm.taxonomies.jsa.fields import JSA

HEADER: dict[str, Value] = {
    "vendor": "Microsoft",
    "product": "Exchange Server",
    "version": "15.01",
    "eventId": "SEND",
}
START = b"LEEF:2.0|Microsoft|Exchange Server|15.01|SEND|x09|"


def encode(
    fields: dict[str, Value],
    additional: dict[str, str] | None = None,
    counts: Counts | None = None,
    **options: object,
) -> bytes:
    record = Record(MESSAGE_TRACKING, Schema("2016", ()), {})
    event = Event(JSA, {**HEADER, **fields}, additional or {}, record)
    return LEEF.build(JSA, Settings(taxonomy="jsa", **options), counts or Counts())(event)  # type: ignore[arg-type]


def test_leef_2_names_its_delimiter_and_leef_1_does_not() -> None:
    fields: dict[str, Value] = {"src": "10.4.11.100", "devTime": 1543358402966}
    pairs = b"src=10.4.11.100\tdevTime=1543358402966"
    assert encode(fields) == START + pairs
    assert encode(fields, leef=1) == b"LEEF:1.0|Microsoft|Exchange Server|15.01|SEND|" + pairs


def test_a_field_that_is_missing_from_the_header_leaves_its_place_empty() -> None:
    event = Event(JSA, {"eventId": "SEND"}, {}, Record(MESSAGE_TRACKING, Schema("2016", ()), {}))
    assert LEEF.build(JSA, Settings(taxonomy="jsa"), Counts())(event) == b"LEEF:2.0||||SEND|x09|"


def test_a_pipe_in_the_header_becomes_a_slash_and_the_event_says_so() -> None:
    counts = Counts()
    payload = encode({"eventId": "A|B"}, counts=counts)
    assert payload == b"LEEF:2.0|Microsoft|Exchange Server|15.01|A/B|x09|exnormReplaced=eventId"
    assert counts.replaced == {"eventId": 1}


def test_a_pipe_and_an_equals_sign_in_an_attribute_stay() -> None:
    assert encode({"messageSubject": "a|b=c"}) == START + b"messageSubject=a|b=c"


def test_what_would_cut_a_value_in_two_becomes_tokens_and_the_event_names_the_keys() -> None:
    counts = Counts()
    payload = encode({"messageSubject": "a\tb\nc\rd"}, {"custom-data": "\t"}, counts)
    assert payload == (
        START
        + b"messageSubject=a<TAB>b<LF>c<CR>d\tcustomData=<TAB>\texnormReplaced=messageSubject,customData"
    )
    assert counts.replaced == {"messageSubject": 1, "customData": 1}


def test_an_event_whose_values_were_not_changed_says_nothing_of_it() -> None:
    assert b"exnormReplaced" not in encode({"messageSubject": "a\x7fb\u202e<NUL>"})


CONTROLS = "\0\x1b\v\f\x1c\x85\u2028\u2029"


def test_controls_become_tokens_and_stay_where_the_setting_says_so() -> None:
    shown = b"messageSubject=<NUL><ESC><VT><FF><FS><NEL><LS><PS>\texnormReplaced=messageSubject"
    assert encode({"messageSubject": CONTROLS}) == START + shown
    kept = encode({"messageSubject": CONTROLS}, control="keep")
    assert kept == START + b"messageSubject=" + CONTROLS.encode()


def test_a_tab_becomes_a_token_whatever_the_setting_says() -> None:
    shown = START + b"messageSubject=<TAB>\texnormReplaced=messageSubject"
    assert encode({"messageSubject": "\t"}, control="keep") == shown


def test_a_field_that_tokens_made_too_long_is_cut_before_a_token_and_kept_whole() -> None:
    counts = Counts()
    text = "x" * 250 + "\t\t"  # 250 + 5 + 5 = 260 characters, the limit is 255
    payload = encode({"eventId": text}, counts=counts)
    assert payload == (
        b"LEEF:2.0|Microsoft|Exchange Server|15.01|" + b"x" * 250 + b"<TAB>|x09|"
        b"adEventId=" + b"x" * 250 + b"<TAB><TAB>\texnormReplaced=eventId,adEventId"
    )
    assert counts.cut == {"eventId": 1}


@pytest.mark.parametrize(
    ("column", "key"),
    [
        ("custom-data", b"customData"),
        ("related-recipient-address", b"relatedRecipientAddress"),
        ("cs(User-Agent)", b"csUserAgent"),
        ("x", b"x"),
        ("---", b"column"),
    ],
)
def test_a_column_becomes_a_single_word_of_letters_and_digits(column: str, key: bytes) -> None:
    assert encode({}, {column: "v"}) == START + key + b"=v"


@pytest.mark.parametrize(
    ("column", "key"),
    [
        ("src", b"adSrc"),
        ("usr-name", b"adUsrName"),
        ("ident-src", b"adIdentSrc"),  # an identity attribute, which the DSM does not send
        ("srcMAC", b"adSrcMAC"),
        ("event-id", b"adEventId"),
        ("exnormReplaced", b"adExnormReplaced"),
    ],
)
def test_a_column_never_takes_a_key_that_leef_or_the_taxonomy_uses(column: str, key: bytes) -> None:
    assert encode({}, {column: "v"}) == START + key + b"=v"


def test_columns_whose_keys_would_be_the_same_get_numbers_so_that_each_key_is_there_once() -> None:
    assert encode({}, {"a-b": "1", "aB": "2", "a_b": "3"}) == START + b"aB=1\taB2=2\taB3=3"


def test_a_field_that_the_taxonomy_does_not_have_is_a_custom_attribute() -> None:
    counts = Counts()
    assert encode({"riskScore": 7}, counts=counts) == START + b"riskScore=7"
    assert counts.refused == {"riskScore": 1}
    assert encode({"riskScore": 7}, additional_data="none") == START


def test_a_lone_surrogate_becomes_a_question_mark() -> None:
    assert encode({"messageSubject": "a\udcffb"}) == START + b"messageSubject=a?b"
