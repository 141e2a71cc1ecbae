from __future__ import annotations

import pytest

from exnorm import Counts, Event, Record, Schema, Settings
from exnorm.codecs.wincollect import WINCOLLECT
from exnorm.sources.message_tracking import MESSAGE_TRACKING
from exnorm.taxonomies.jsa.fields import JSA


def encode(
    values: dict[str, str], path: str = "MSGTRK1.LOG", counts: Counts | None = None, **options: object
) -> bytes:
    record = Record(MESSAGE_TRACKING, Schema("2016", ()), values, path=path)
    settings = Settings(taxonomy="jsa", **options)  # type: ignore[arg-type]
    return WINCOLLECT.build(JSA, settings, counts or Counts())(Event(JSA, {}, {}, record))


def test_the_envelope_comes_first_and_then_every_column_in_file_order_the_empty_ones_too() -> None:
    values = {"date-time": "2018-11-27T22:40:02.966Z", "client-ip": "", "event-id": "SEND"}
    assert encode(values, path="C:\\logs\\MSGTRK2018112722-1.LOG", source_ip="10.91.5.110") == (
        b"SourceIp=10.91.5.110\tAgentDevice=WindowsExchange\tAgentLogFile=MSGTRK2018112722-1.LOG\t"
        b"AgentLogFormat=MSGTRK\tdate-time=2018-11-27T22:40:02.966Z\tclient-ip=\tevent-id=SEND"
    )


def test_an_unknown_collector_and_an_unknown_file_are_not_made_up() -> None:
    assert encode({}, path="-") == b"AgentDevice=WindowsExchange\tAgentLogFile=\tAgentLogFormat=MSGTRK"


def test_what_would_cut_a_value_in_two_becomes_tokens_and_the_payload_names_the_columns() -> None:
    counts = Counts()
    payload = encode({"message-subject": "a\tb\nc\rd=e|f"}, counts=counts)
    assert payload.endswith(b"\tmessage-subject=a<TAB>b<LF>c<CR>d=e|f\texnorm-replaced=message-subject")
    assert counts.replaced == {"message-subject": 1}


@pytest.mark.parametrize(("column", "key"), [("a=b", b"a_b"), ("a\tb", b"a<TAB>b"), ("a b", b"a b")])
def test_a_column_name_cannot_pass_for_a_value(column: str, key: bytes) -> None:
    assert encode({column: "v"}).endswith(b"\t" + key + b"=v")


def test_a_lone_surrogate_becomes_a_question_mark() -> None:
    assert encode({"x": "a\udcffb"}).endswith(b"\tx=a?b")
