from __future__ import annotations

import json
from typing import Any

import exnorm_ecs
import pytest

from exnorm.testing import check_plugin, normalizer

TRACKING = (
    "#Fields: date-time,client-ip,client-hostname,server-ip,server-hostname,source-context,source,event-id,"
    "message-id,network-message-id,recipient-address,recipient-status,total-bytes,message-subject,"
    "sender-address,directionality,custom-data"
)
ROW = (
    "2022-09-19T15:02:29.339Z,192.0.2.1,peer.test,2001:db8::1,ex01,ctx;1,SMTP,Receive,<m@x>,n-1,"
    "a@example.test;b@example.test,,4711,Hi,list@example.test,Incoming,"
    "S:OriginalFromAddress=boss@example.test"
)


def encode(lines: list[str], **settings: Any) -> list[dict[str, Any]]:
    running = normalizer(exnorm_ecs, taxonomy="ecs", **settings)
    return [json.loads(payload) for payload in running.encode(lines)]


def test_the_plugin_is_sound() -> None:
    assert check_plugin(exnorm_ecs) == []


def test_a_row_of_message_tracking_has_the_names_of_elastics_integration() -> None:
    (event,) = encode([TRACKING, ROW])
    assert event["@timestamp"] == "2022-09-19T15:02:29.339Z"
    assert event["client"] == {"ip": "192.0.2.1", "domain": "peer.test"}
    assert event["server"] == {"ip": "2001:db8::1", "domain": "ex01"}
    assert event["email"] == {
        "message_id": "<m@x>",
        "local_id": "n-1",
        "from": {"address": ["boss@example.test"]},
        "sender": {"address": "list@example.test"},
        "to": {"address": ["a@example.test", "b@example.test"]},
        "subject": "Hi",
        "direction": "inbound",
    }
    assert event["network"] == {"bytes": 4711}
    assert (event["event"]["action"], event["event"]["code"]) == ("receive", "RECEIVE")
    assert (event["event"]["outcome"], event["event"]["category"]) == ("success", ["email"])


def test_what_ecs_has_no_field_for_is_kept_under_its_own_name() -> None:
    (event,) = encode([TRACKING, ROW])
    assert event["microsoft"]["exchange"] == {
        "sourcecontext": "ctx;1",
        "customdata": "S:OriginalFromAddress=boss@example.test",
    }


def test_addresses_users_and_hosts_are_related() -> None:
    (event,) = encode([TRACKING, ROW])
    assert event["related"] == {
        "ip": ["192.0.2.1", "2001:db8::1"],
        "hosts": ["peer.test", "ex01"],
        "user": ["list@example.test", "boss@example.test", "a@example.test", "b@example.test"],
    }


def test_without_an_original_sender_the_sender_is_from() -> None:
    (event,) = encode([TRACKING, ROW.replace("S:OriginalFromAddress=boss@example.test", "")])
    assert event["email"]["from"] == {"address": ["list@example.test"]}


def test_every_log_type_with_a_table_of_arcsight_has_one_of_ecs() -> None:
    mappings = normalizer(exnorm_ecs, taxonomy="ecs").plugins.registry.mappings.values()
    sources = {
        taxonomy: {m.source for m in mappings if m.taxonomy == taxonomy} for taxonomy in ("arcsight", "ecs")
    }
    assert sources["ecs"] == sources["arcsight"]


def test_a_web_request_is_one() -> None:
    (event,) = encode(
        [
            "#Software: Microsoft Internet Information Services 10.0",
            "#Fields: date time c-ip s-ip s-port cs-username cs(User-Agent) cs-method cs-uri-stem sc-status "
            "sc-win32-status time-taken",
            "2022-09-19 15:02:29 192.0.2.1 10.0.0.1 443 DOM\\eve Tool/5+(X) POST /owa/auth.owa 401 1326 15",
        ]
    )
    assert event["user"] == {"name": "eve", "domain": "DOM"}
    assert event["user_agent"] == {"original": "Tool/5 (X)"}
    assert event["http"] == {"request": {"method": "POST"}, "response": {"status_code": 401}}
    assert event["event"]["outcome"] == "failure"
    assert event["event"]["duration"] == 15_000_000  # 15 ms in nanoseconds
    assert event["source"] == {"ip": "192.0.2.1"}
    assert event["destination"] == {"ip": "10.0.0.1", "port": 443}


def test_an_smtp_command_is_one() -> None:
    header = (
        "#Fields: date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,"
        "data,context"
    )
    row = (
        "2022-09-19T15:02:29.339Z,EX\\Default,08D9,3,10.0.0.1:25,192.0.2.1:4321,<,MAIL FROM:<a@example.test>,"
    )
    (event,) = encode(["#Log-type: SMTP Receive Protocol Log", header, row])
    assert event["client"] == {"ip": "192.0.2.1", "port": 4321}
    assert event["server"] == {"ip": "10.0.0.1", "port": 25, "domain": "EX"}  # of the connector
    assert event["email"] == {"sender": {"address": "a@example.test"}}
    assert event["transaction"] == {"id": "08D9"}


def test_a_line_that_does_not_parse_is_an_event_of_the_pipeline() -> None:
    _, broken = encode([TRACKING, ROW, ROW + ",more"])
    assert broken["event"] == {"original": ROW + ",more", "kind": "pipeline_error"}
    assert broken["tags"] == ["_exnormparsefailure"]


def test_the_raw_line_is_there_on_request() -> None:
    (event,) = encode([TRACKING, ROW], keep_original=True)
    assert event["event"]["original"] == ROW


@pytest.mark.parametrize("subject", ['a""b', "\ud800", "\u2028|=\\"])
def test_hostile_text_stays_one_line_of_json(subject: str) -> None:
    running = normalizer(exnorm_ecs, taxonomy="ecs")
    (payload,) = running.encode([TRACKING, ROW.replace(",Hi,", f',"{subject}",')])
    assert b"\n" not in payload
    assert json.loads(payload)["email"]["subject"] == subject.replace('""', '"').replace("\ud800", "?")


def test_two_columns_that_would_have_one_name_are_both_kept() -> None:
    (event,) = encode([TRACKING + ",x-y,xy", ROW + ",1,2"])
    assert event["microsoft"]["exchange"]["xy"] == "1"
    assert event["microsoft"]["exchange"]["xy2"] == "2"


def test_an_array_has_no_empty_members() -> None:
    header = "#Fields: Timestamp,P1FromAddress,P2FromAddresses,EnteredOrgFromIP,Recipient,Action"
    row = "2022-09-19T15:02:29.339Z,a@example.test,a@x.test;,,b@x.test;c@x.test;,AcceptMessage"
    (event,) = encode([header, row])
    assert event["email"]["from"] == {"address": ["a@x.test"]}
    assert event["email"]["to"] == {"address": ["b@x.test", "c@x.test"]}
    assert event["event"]["dataset"] == "exchange.agent"
