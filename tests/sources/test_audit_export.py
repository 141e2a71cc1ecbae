from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import msgpack
import pytest

from exnorm.fluentbit import ChunkFilter, read_options
from exnorm.logstash import EventNormalizer
from exnorm.model import Confidence, Head, Record, Unparsed
from exnorm.pipeline.normalizer import Normalizer
from exnorm.sources.audit_export import (
    AUDIT_EXPORT,
    COLUMNS,
    MANY_ITEMS,
    find_kind,
    find_operation_case,
    hide_secrets,
    name_logon,
    read_items,
    read_pairs,
    redact,
    takes,
)

SAMPLES = Path(__file__).parent.parent / "samples" / "audit_export"
UNIFIED = [json.loads(line) for line in (SAMPLES / "unified.ndjson").read_text().splitlines()]


def parse(text: str | bytes, **settings: Any) -> list[Record | Unparsed]:
    normalizer = Normalizer("arcsight", discover_plugins=False, **settings)
    stream = normalizer.stream("")
    return [*normalizer.parse(text, stream), *normalizer.drain(stream)]


def records(text: str | bytes) -> list[Record]:
    found = parse(text)
    assert all(isinstance(item, Record) and item.source.name == "audit_export" for item in found), found
    return found  # type: ignore[return-value]


def sample(name: str) -> list[Record]:
    return records((SAMPLES / name).read_bytes())


def test_records_of_unified_audit_say_who_did_what_to_which_mailbox() -> None:
    read, rule, deleted, made, new = sample("unified.ndjson")
    # 2026-03-04 is day 20516 of the epoch
    assert read.time == (20516 * 86400 + 10 * 3600 + 5 * 60) * 1000
    assert (read.derived["case"], read.derived["message-id"]) == ("MAIL-READ", "<m1@example.test>")
    assert (read.derived["folder"], read.derived["access-type"]) == ("\\Inbox", "Bind")
    assert (rule.derived["client"], rule.derived["client-port"]) == ("203.0.113.5", "63070")
    assert rule.derived["parameters"] == '-ForwardTo "drop@mail.example.test" -Name "R1"'
    assert (rule.derived["server"], rule.derived["build"]) == ("EX01", "15.02.1544.004")
    assert deleted.derived["client"] == "2001:db8::5"
    assert (deleted.derived["logon-type"], deleted.derived["mailbox"]) == ("Delegate", "olga@example.test")
    assert (deleted.derived["item-count"], deleted.derived["subject"]) == ("2", "Security alert")
    assert (deleted.derived["outcome"], deleted.derived["reason"]) == ("success", "PartiallySucceeded")
    assert deleted.derived["file"] == "a.pdf"
    assert (made.derived["user-name"], made.derived["host-program"]) == ("SYSTEM", "MSExchangeHMHost")
    assert made.derived["weight"] == "MAILBOX-MADE/ROUTINE"
    assert new.derived["case"] == "RUN"


def test_an_operation_that_no_table_knows_passes_and_is_counted() -> None:
    normalizer = Normalizer("jsa", discover_plugins=False)
    events = list(normalizer.normalize((SAMPLES / "unified.ndjson").read_bytes()))
    assert len(events) == 5
    assert dict(normalizer.counts.unknown_events) == {"SOMETHINGNEW": 1}


def test_rows_of_search_unified_audit_log_hold_the_record_as_json() -> None:
    assert [found.derived["event"] for found in sample("searched.csv")] == ["New-InboxRule", "New-Mailbox"]
    assert [found.time for found in sample("searched.csv")] == [
        found.time for found in sample("unified.ndjson") if found.derived["event"].startswith("New-")
    ]


def test_the_server_own_log_has_the_time_of_the_row_and_not_that_of_the_record() -> None:
    (found,) = sample("audit20230111-1.LOG")
    # 2023-01-11T15:56:33.189Z, while CreationTime inside says 16:56:11
    assert found.time == 1673452593189
    assert found.derived["user-name"] == "Système"
    assert found.derived["target"].endswith("/HealthMailboxXXX")
    assert found.derived["parameters"].endswith('-Password "<Secure Information Omitted>"')


def test_objects_of_the_administrator_audit_log_are_read_printed_over_many_lines() -> None:
    first, second = sample("admin.json")
    assert (first.derived["case"], first.derived["outcome"]) == ("MAILBOX-FORWARDING", "success")
    assert (second.derived["outcome"], second.derived["reason"]) == ("failure", "Not found")
    assert (second.derived["user-domain"], second.derived["user-name"]) == ("EXAMPLE", "adm.ines")
    assert second.time == 1772619735000


def test_rows_of_the_mailbox_audit_log_are_read() -> None:
    bind, sent = sample("mailbox.csv")
    # 11:05 in a zone an hour ahead of UTC
    assert bind.time == (20516 * 86400 + 10 * 3600 + 5 * 60) * 1000
    assert (bind.derived["case"], bind.derived["folder"]) == ("OTHERS-MAIL-READ", "\\Brouillons")
    assert (sent.derived["case"], sent.derived["outcome"]) == ("SENT-AS-OTHER", "failure")
    assert sent.derived["subject"] == "Hello, you"


def test_pages_and_arrays_are_taken_apart() -> None:
    assert len(records(json.dumps({"value": UNIFIED}))) == len(UNIFIED)
    assert len(records(json.dumps(UNIFIED))) == len(UNIFIED)
    assert len(records(json.dumps(UNIFIED, indent=1))) == len(UNIFIED)


def test_a_record_of_another_workload_is_refused_with_its_name() -> None:
    (found,) = parse(json.dumps({**UNIFIED[0], "Workload": "SharePoint"}))
    assert isinstance(found, Unparsed)
    assert (found.kind, found.reason) == (
        "unknown-type",
        "a record of workload 'SharePoint'; expected Exchange",
    )


def test_a_local_time_without_a_zone_needs_the_setting() -> None:
    admin = json.loads((SAMPLES / "admin.json").read_text())[0]
    text = json.dumps({**admin, "RunDate": "3/14/2026 10:02:15 AM"})
    (found,) = parse(text)
    assert isinstance(found, Unparsed)
    assert found.kind == "timezone"
    (found,) = parse(text, tz="UTC")
    assert isinstance(found, Record)


@pytest.mark.parametrize("name", ["unified.ndjson", "searched.csv"])
def test_a_secret_is_gone_from_every_property_and_from_the_raw_text(name: str) -> None:
    for found in sample(name):
        assert "Sommer-2026!" not in str(found.values) + str(found.derived) + found.raw


@pytest.mark.parametrize("name", ["unified.ndjson", "searched.csv"])
def test_a_secret_is_gone_from_a_row_that_does_not_parse(name: str) -> None:
    line = next(text for text in (SAMPLES / name).read_text().splitlines() if "Sommer" in text)
    assert "Sommer-2026!" not in redact(line)
    assert "Sommer-2026!" not in redact(line[: line.index("Sommer") + 8])
    head = (SAMPLES / name).read_text().splitlines()[0]
    for item in parse(f"{head}\n{line[:-4]}"):
        assert "Sommer-2026!" not in (item.raw if isinstance(item, Unparsed) else str(item.values))


def test_old_and_new_values_of_a_secret_property_are_hidden_too() -> None:
    given = {"ModifiedProperties": [{"Name": "UserPassword", "OldValue": "old1", "NewValue": "new1"}]}
    assert hide_secrets(given) == {
        "ModifiedProperties": [{"Name": "UserPassword", "OldValue": "*****", "NewValue": "*****"}]
    }
    assert hide_secrets({"Parameters": '-Password "x y" -Name "n"'}) == {
        "Parameters": '-Password "*****" -Name "n"'
    }


@pytest.mark.parametrize(
    ("operation", "logon", "properties", "items", "case"),
    [
        ("MailItemsAccessed", "Owner", {"MailAccessType": "Bind"}, 1, "MAIL-READ"),
        ("MailItemsAccessed", "Owner", {"MailAccessType": "Sync"}, 1, "MAIL-SYNCED"),
        ("MailItemsAccessed", "Owner", {"IsThrottled": "True"}, 1, "MAIL-SYNCED"),
        ("MessageBind", "Owner", {}, 0, "MAIL-USED"),
        ("MessageBind", "Admin", {}, 0, "OTHERS-MAIL-READ"),
        ("HardDelete", "Owner", {}, 1, "MAIL-DELETED"),
        ("HardDelete", "Owner", {}, MANY_ITEMS, "MAIL-DELETED-IN-BULK"),
        ("SoftDelete", "Delegate", {}, 1, "MAIL-DELETED-IN-BULK"),
        ("UpdateInboxRules", "Owner", {}, 0, "INBOX-RULE"),
        ("Create", "Owner", {}, 1, "MAIL-USED"),
        ("Set-Mailbox", "", {}, 0, ""),
    ],
)
def test_what_was_done_to_a_mailbox(
    operation: str, logon: str, properties: dict[str, str], items: int, case: str
) -> None:
    assert find_operation_case(operation, logon, properties, items) == case


def test_properties_are_read_as_json_or_as_text() -> None:
    assert read_pairs('[{"Name":"A","Value":"1"},{"Key":"B","Value":[2,3]}]') == [("A", "1"), ("B", "2;3")]
    assert read_pairs('{"A":"1"}') == [("A", "1")]
    assert read_pairs("{A=1, B=2}") == [("A", "1"), ("B", "2")]
    assert read_pairs('-A "1"') == [("A", "1")]
    assert read_items("none", "[", "{}").number == 0
    assert (name_logon("2"), name_logon("Delegated"), name_logon("9")) == ("Delegate", "Delegate", "9")


def test_many_nested_objects_take_no_longer_than_their_length_says() -> None:
    began = time.process_time()
    read_items(json.dumps([[{"Id": "x", "Inner": [{}] * 9}] * 999] * 99))
    assert time.process_time() - began < 10


def test_an_export_is_known_by_the_names_of_its_properties() -> None:
    assert find_kind(UNIFIED[0]) is not None
    assert find_kind(["Operation", "Workload"]) is None
    assert AUDIT_EXPORT.recognize(Head("", {}, json.dumps(UNIFIED[0]))) is Confidence.HEADER
    assert AUDIT_EXPORT.recognize(Head("", {"log-type": "audit"})) is Confidence.HEADER
    assert AUDIT_EXPORT.recognize(Head("", {"log-type": "Agent Log"}, "x")) is Confidence.NO
    assert AUDIT_EXPORT.recognize(Head("", {}, '{"a": 1}')) is Confidence.NO
    assert AUDIT_EXPORT.recognize(Head("", {}, "a,b,c")) is Confidence.NO
    assert len(set(COLUMNS)) == len(COLUMNS)


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_export_holds_nothing(text: str) -> None:
    assert parse(text) == []


@pytest.mark.parametrize("cut", [10, 200, -1])
def test_an_object_or_a_row_that_is_cut_off_is_unparsed(cut: int) -> None:
    line = json.dumps(UNIFIED[0])
    assert any(isinstance(item, Unparsed) for item in parse(f"{line}\n{line[:cut]}"))
    head, row, _ = (SAMPLES / "mailbox.csv").read_text().splitlines()
    assert isinstance(parse(f"{head}\n{row[:cut]}")[0], Unparsed)


# --- in the hosts --------------------------------------------------------------------------------


def test_both_hosts_take_the_record_and_leave_one_of_another_workload() -> None:
    foreign = {**UNIFIED[0], "Workload": "AzureActiveDirectory"}
    assert takes(foreign) is None
    assert takes({"Operation": "x"}) == frozenset()
    events = EventNormalizer(Normalizer("arcsight", "json", discover_plugins=False))
    assert events.normalize(foreign) == [foreign]
    (found,) = events.normalize({**UNIFIED[1], "env": "prod"})
    assert (found["deviceEventClassId"], found["env"]) == ("New-InboxRule", "prod")
    chunk = b"".join(msgpack.packb([[1, {}], event]) for event in (UNIFIED[1], foreign))
    made = ChunkFilter(read_options({"format": "cef"}, {})).filter("tag", chunk)
    assert made is not None
    first, second = (event for _, event in msgpack.Unpacker(io.BytesIO(made)))
    assert first["cef"].startswith("CEF:0|Microsoft|Exchange Server|15.02.1544.004|New-InboxRule|")
    assert second == foreign
