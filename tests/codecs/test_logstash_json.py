from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from exnorm import Counts, Event, Record, Schema, Settings, SettingsError, Taxonomy, Unparsed
from exnorm.codecs.logstash_json import JSON, dump
from exnorm.model import Value
from exnorm.sources.message_tracking import MESSAGE_TRACKING
from exnorm.taxonomies.arcsight.fields import ARCSIGHT
from exnorm.taxonomies.jsa.fields import JSA

FACTS = Path(__file__).parents[3] / "shared" / "facts" / "logstash_cef_codec_fields.tsv"
TIME = 1543358402966  # 2018-11-27T22:40:02.966Z
FIELDS: dict[str, Value] = {
    "deviceVendor": "Microsoft",
    "deviceVersion": "15.01",
    "deviceEventClassId": "SEND",
    "name": "SEND",
    "severity": 1,
    "deviceReceiptTime": TIME,
    "sourceAddress": "10.4.11.100",
    "bytesOut": 7249,
    "deviceCustomString1Label": "Internal Message ID",
    "deviceCustomString1": "64441689310559",
    "flexString1Label": "Directionality",
    "flexString1": "Originating",
    "message": "Receipt",
}


def encode(
    fields: dict[str, Value],
    additional: dict[str, str] | None = None,
    /,
    time: int | None = TIME,
    taxonomy: Taxonomy = ARCSIGHT,
    **options: object,
) -> Any:
    record = Record(MESSAGE_TRACKING, Schema("2016", ()), {}, time=time, raw="2018,SEND")
    event = Event(taxonomy, fields, additional or {}, record)
    settings = Settings(**options)  # type: ignore[arg-type]
    content = json.loads(JSON.build(taxonomy, settings, Counts())(event))
    assert len(content.pop("exnorm_id")) == 32
    return content


def test_the_full_shape_has_the_full_names_at_top_level() -> None:
    assert encode(FIELDS, {"custom-data": "S:x"}) == {
        "@timestamp": "2018-11-27T22:40:02.966Z",
        **FIELDS,
        "additionalData": {"custom-data": "S:x"},
    }


def test_the_key_shape_has_the_short_keys() -> None:
    assert encode(FIELDS, {"custom-data": "S:x"}, fields="key") == {
        "@timestamp": "2018-11-27T22:40:02.966Z",
        "deviceVendor": "Microsoft",
        "deviceVersion": "15.01",
        "deviceEventClassId": "SEND",
        "name": "SEND",
        "severity": 1,
        "rt": TIME,
        "src": "10.4.11.100",
        "out": 7249,
        "cs1Label": "Internal Message ID",
        "cs1": "64441689310559",
        "flexString1Label": "Directionality",
        "flexString1": "Originating",
        "msg": "Receipt",
        "additionalData": {"custom-data": "S:x"},
    }


def test_the_ecs_shape_nests_the_names_of_logstashs_cef_codec() -> None:
    # flexString1 has no ECS name in that codec and keeps its own; rt is @timestamp
    assert encode(FIELDS, {"custom-data": "S:x"}, fields="ecs") == {
        "@timestamp": "2018-11-27T22:40:02.966Z",
        "observer": {"vendor": "Microsoft", "version": "15.01"},
        "event": {"code": "SEND", "severity": 1},
        "cef": {
            "name": "SEND",
            "device_custom_string_1": {"label": "Internal Message ID", "value": "64441689310559"},
        },
        "source": {"ip": "10.4.11.100"},
        "destination": {"bytes": 7249},
        "flexString1Label": "Directionality",
        "flexString1": "Originating",
        "message": "Receipt",
        "additionalData": {"custom-data": "S:x"},
    }


@pytest.mark.skipif(not FACTS.exists(), reason="the table of that codec's names lies beside the repository")
def test_every_ecs_name_is_that_of_logstashs_cef_codec() -> None:
    with FACTS.open(encoding="utf-8", newline="") as file:
        theirs = {
            line["cef_full_name_and_disabled_mode_field"]: line["ecs_dotted"]
            for line in csv.DictReader(file, delimiter="\t")
        }
    theirs["reason"] = theirs.pop("Reason")  # spelt so in that codec only
    ours = {field.name: field.ecs for field in ARCSIGHT.fields if not field.name.startswith("category")}
    assert {name: ecs for name, ecs in ours.items() if ecs} == {
        name: theirs[name] for name in ours if name in theirs
    }


def test_fields_that_share_an_ecs_name_are_both_kept() -> None:
    fields: dict[str, Value] = {"destinationDnsDomain": "x.test", "destinationNtDomain": "X"}
    assert encode(fields, fields="ecs", time=None) == {
        "destination": {"registered_domain": "x.test"},
        "destinationNtDomain": "X",
    }


def test_a_field_that_the_taxonomy_does_not_have_keeps_its_name_in_every_shape() -> None:
    fields: dict[str, Value] = {"message": "m", "message.risk": 7}
    for shape, message in (("full", "message"), ("key", "msg"), ("ecs", "message")):
        assert encode(fields, fields=shape, time=None) == {message: "m", "message.risk": 7}


def test_the_original_line_is_kept_on_request() -> None:
    assert encode({}, keep_original=True, time=None) == {"event": {"original": "2018,SEND"}}
    assert encode({"deviceEventClassId": "SEND"}, keep_original=True, fields="ecs", time=None) == {
        "event": {"code": "SEND", "original": "2018,SEND"}
    }
    assert encode({}, time=None) == {}


def test_the_timestamp_is_the_rows_own_time_with_three_digits() -> None:
    assert encode({}, time=1543358402000) == {"@timestamp": "2018-11-27T22:40:02.000Z"}
    assert encode({}, time=0) == {"@timestamp": "1970-01-01T00:00:00.000Z"}


def test_jsa_has_the_names_of_leef() -> None:
    fields: dict[str, Value] = {"eventId": "SEND", "usrName": "a@x.test", "devTime": TIME}
    for shape in ("full", "key"):
        assert encode(fields, taxonomy=JSA, fields=shape, time=None) == fields


def test_a_taxonomy_without_ecs_names_refuses_that_shape() -> None:
    with pytest.raises(SettingsError, match="fields: 'ecs' is not there for taxonomy jsa"):
        JSON.build(JSA, Settings(taxonomy="jsa", fields="ecs"), Counts())


def test_hostile_text_is_escaped_and_comes_back() -> None:
    text = '\n\r\t\x00\x0b"\\\x85\u2028\u2029é\U0001f4e7'
    record = Record(MESSAGE_TRACKING, Schema("2016", ()), {})
    payload = JSON.build(ARCSIGHT, Settings(), Counts())(Event(ARCSIGHT, {"message": text}, {}, record))
    assert len(payload.decode().splitlines()) == 1
    assert b"\\u0085\\u2028\\u2029" in payload
    assert json.loads(payload)["message"] == text


def test_a_lone_surrogate_becomes_a_question_mark_in_values_and_in_names() -> None:
    content = encode({"message": "a\udcffb"}, {"co\udcfflumn": "\ud800"}, time=None)
    assert content == {"message": "a?b", "additionalData": {"co?lumn": "?"}}
    assert dump({"tags": ["\udcff"]}) == b'{"tags":["?"]}'


def test_a_line_that_did_not_parse_is_message_tags_and_reason() -> None:
    assert JSON.unparsed is not None
    payload = JSON.unparsed(Unparsed("a,b\udcff", "width", "row has 2 fields"))
    assert json.loads(payload) == {
        "message": "a,b?",
        "tags": ["_exnormparsefailure"],
        "error": {"reason": "row has 2 fields"},
    }
