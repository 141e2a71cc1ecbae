from __future__ import annotations

import pytest

from exnorm import Counts, Event, Record, Schema, Settings
from exnorm.codecs.cef import CEF
from exnorm.model import Value
from exnorm.sources.message_tracking import MESSAGE_TRACKING
from exnorm.taxonomies.arcsight.fields import ARCSIGHT
from exnorm.testing import normalizer

HEADER: dict[str, Value] = {
    "deviceVendor": "Microsoft",
    "deviceProduct": "Exchange Server",
    "deviceVersion": "15.01",
    "deviceEventClassId": "SEND",
    "name": "SEND",
    "severity": 1,
}
START = b"CEF:0|Microsoft|Exchange Server|15.01|SEND|SEND|1|"


def encode(
    fields: dict[str, Value],
    additional: dict[str, str] | None = None,
    counts: Counts | None = None,
    **options: object,
) -> bytes:
    record = Record(MESSAGE_TRACKING, Schema("2016", ()), {})
    event = Event(ARCSIGHT, {**HEADER, **fields}, additional or {}, record)
    return CEF.build(ARCSIGHT, Settings(**options), counts or Counts())(event)  # type: ignore[arg-type]


def test_an_event_without_extension_is_the_header_alone() -> None:
    assert encode({}) == START


def test_a_pipe_and_a_backslash_in_the_header_are_escaped_and_an_equals_sign_is_not() -> None:
    payload = encode({"name": "a|b\\c=d"})
    assert payload == b"CEF:0|Microsoft|Exchange Server|15.01|SEND|a\\|b\\\\c=d|1|"


def test_line_ends_in_the_header_are_shown_and_counted() -> None:
    counts = Counts()
    payload = encode({"name": "a\r\nb\tc"}, counts=counts)
    start = b"CEF:0|Microsoft|Exchange Server|15.01|SEND|a<CR><LF>b\tc|1|"
    assert payload == start + b"ad.exnormReplaced=name"
    assert counts.replaced == {"name": 1}


def test_a_header_field_that_tokens_made_too_long_is_cut_before_a_token_and_kept_whole() -> None:
    counts = Counts()
    text = "x" * 26 + "\n\n"  # 26 + 4 + 4 = 34 bytes, the limit is 31: the second token goes whole
    payload = encode({"deviceVersion": text}, counts=counts)
    start = b"CEF:0|Microsoft|Exchange Server|" + b"x" * 26 + b"<LF>|SEND|SEND|1|"
    pairs = b"ad.deviceVersion=" + b"x" * 26 + b"\\n\\n ad.exnormReplaced=deviceVersion"
    assert payload == start + pairs
    assert counts.cut == {"deviceVersion": 1}


def test_an_event_without_a_severity_is_of_severity_unknown() -> None:
    record = Record(MESSAGE_TRACKING, Schema("2016", ()), {})
    event = Event(ARCSIGHT, {"name": "SEND"}, {}, record)
    assert CEF.build(ARCSIGHT, Settings(), Counts())(event) == b"CEF:0|||||SEND|Unknown|"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a=b", b"a\\=b"),
        ("a\\b", b"a\\\\b"),
        ("\\=", b"\\\\\\="),
        ("a\nb\rc\r\n", b"a\\nb\\rc\\r\\n"),
        ("\\n", b"\\\\n"),
        ("a|b", b"a|b"),
        ("a\tb\x7fc\x9b", b"a\tb\x7fc\xc2\x9b"),
        ("Grüße \U0001f4e7", "Grüße \U0001f4e7".encode()),
        ("\udcff", b"?"),
    ],
)
def test_a_value_of_the_extension_is_escaped_backslash_first(text: str, written: bytes) -> None:
    assert encode({"message": text}) == START + b"msg=" + written


CONTROLS = "\0\x1b\v\f\x1c\x85\u2028\u2029"


def test_controls_in_a_value_become_tokens_and_additional_data_names_the_keys() -> None:
    counts = Counts()
    payload = encode({"message": f"a{CONTROLS}b", "name": "\0"}, {"custom-data": "\a"}, counts)
    assert payload == (
        b"CEF:0|Microsoft|Exchange Server|15.01|SEND|<NUL>|1|msg=a<NUL><ESC><VT><FF><FS><NEL><LS><PS>b "
        b"ad.custom-data=<BEL> ad.exnormReplaced=name,msg,ad.custom-data"
    )
    assert counts.replaced == {"name": 1, "message": 1, "ad.custom-data": 1}


def test_controls_stay_where_the_setting_says_so() -> None:
    assert encode({"message": CONTROLS}, control="keep") == START + b"msg=" + CONTROLS.encode()


def test_without_additional_data_controls_become_tokens_and_no_key_is_named() -> None:
    assert encode({"message": "a\0b"}, additional_data="none") == START + b"msg=a<NUL>b"


def test_a_field_that_tokens_made_too_long_is_cut_before_a_token_and_kept_whole() -> None:
    counts = Counts()
    text = "x" * 1017 + "\0\0"  # 1017 + 5 + 5 bytes, the limit is 1023: the second token goes whole
    payload = encode({"message": text}, counts=counts)
    whole = b"x" * 1017 + b"<NUL>"
    assert (
        payload
        == START + b"msg=" + whole + b" ad.message=" + whole + b"<NUL> ad.exnormReplaced=msg,ad.message"
    )
    assert counts.cut == {"message": 1}


def test_a_column_cannot_pass_for_the_list_of_changed_keys() -> None:
    additional = {"exnormReplaced": "a\0"}
    assert encode({}, additional) == START + b"ad.exnormReplaced2=a<NUL> ad.exnormReplaced=ad.exnormReplaced2"


def test_pairs_stand_one_blank_apart_in_the_order_of_the_event() -> None:
    fields: dict[str, Value] = {"deviceReceiptTime": 1543358402966, "sourceUserName": "a@b.test"}
    assert encode(fields) == START + b"rt=1543358402966 suser=a@b.test"


def test_a_label_stands_before_its_value_and_only_with_it() -> None:
    header = "#Fields: date-time,event-id,recipient-count,message-id,reference"
    row = "2018-11-27T22:40:02.966Z,SEND,1,<m@x.test>,"
    (payload,) = normalizer(source="message_tracking").encode([header, row])
    assert payload == (
        b"CEF:0|Microsoft|Exchange Server||SEND|SEND|1|cn1Label=Recipient Count cn1=1 "
        b"cs2Label=Message ID cs2=<m@x.test> rt=1543358402966 outcome=success"
    )


def test_additional_data_is_written_as_ad_with_the_columns_name() -> None:
    assert (
        encode({}, {"custom-data": "S:a=1", "a b|c=d": "x"}) == START + b"ad.custom-data=S:a\\=1 ad.a_b_c_d=x"
    )


def test_additional_data_can_be_written_under_keys_that_a_producer_may_use() -> None:
    additional = {"custom-data": "S:a=1", "x": "y"}
    assert encode({}, additional, additional_data="user") == START + b"adCustomData=S:a\\=1 adX=y"


def test_columns_whose_keys_would_be_the_same_get_numbers_so_that_each_key_is_there_once() -> None:
    additional = {"a b": "1", "a_b": "2", "a|b": "3"}
    assert encode({}, additional) == START + b"ad.a_b=1 ad.a_b2=2 ad.a_b3=3"
    assert encode({}, additional, additional_data="user") == START + b"adAB=1 adAB2=2 adAB3=3"


LARGE = 2147483648  # 2 to the 31st: one more than CEF 0 calls an Integer


def test_cef_0_writes_the_largest_integer_that_it_allows() -> None:
    assert encode({"bytesOut": LARGE - 1}) == START + b"out=2147483647"


def test_cef_0_writes_a_larger_integer_as_additional_data_and_counts_it() -> None:
    counts = Counts()
    assert encode({"bytesOut": LARGE}, counts=counts) == START + b"ad.bytesOut=2147483648"
    assert counts.refused == {"bytesOut": 1}


def test_cef_1_writes_a_larger_integer_in_its_field() -> None:
    assert encode({"bytesOut": LARGE}, cef=1) == b"CEF:1" + START[5:] + b"out=2147483648"


def test_a_custom_number_is_a_long_in_both_versions() -> None:
    assert encode({"deviceCustomNumber1": LARGE}) == START + b"cn1=2147483648"


def test_without_additional_data_a_refused_value_is_only_counted() -> None:
    counts = Counts()
    assert encode({"bytesOut": LARGE}, counts=counts, additional_data="none") == START
    assert counts.refused == {"bytesOut": 1}


def test_a_field_that_the_taxonomy_does_not_have_is_additional_data() -> None:
    counts = Counts()
    assert encode({"riskScore": 7}, counts=counts) == START + b"ad.riskScore=7"
    assert counts.refused == {"riskScore": 1}


def test_nothing_but_the_named_setting_leaves_additional_data_out() -> None:
    header = "#Fields: date-time,event-id,custom-data"
    row = "2018-11-27T22:40:02.966Z,SEND,S:x"
    (kept,) = normalizer(source="message_tracking").encode([header, row])
    (left_out,) = normalizer(source="message_tracking", additional_data="none").encode([header, row])
    assert kept == left_out + b" ad.custom-data=S:x"
