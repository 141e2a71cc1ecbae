"""Who decided a field: the guide, exnorm, a plugin's row, a plugin's processor (overlays: test_overlay)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from exnorm import Event, Mapping, Record, hookimpl, row
from exnorm.cli.explain import render
from exnorm.pipeline.explanation import Explanation, explain
from exnorm.testing import normalizer

HEADER = "#Fields: date-time,event-id,message-subject,sender-address"
ROW = "2018-11-27T22:40:02.966Z,SEND,Receipt,a@example.test"


def plugin(name: str, **hooks: Any) -> Any:
    made = {hook: hookimpl(specname=hook)(lambda given=given: given) for hook, given in hooks.items()}
    return SimpleNamespace(name=name, **made)


def explained(*plugins: object, **settings: Any) -> Explanation:
    running = normalizer(*plugins, source="message_tracking", **settings)
    (record,) = running.parse([HEADER, ROW], running.stream())
    (explanation,) = explain(record, running)
    return explanation


def rules(explanation: Explanation) -> dict[str, str]:
    return {field.field: field.rule for field in explanation.fields}


def test_a_row_is_the_guides_or_exnorms() -> None:
    found = rules(explained())
    assert found["message"] == "guide"
    assert found["severity"] == "exnorm"  # the guide has no row for it


def test_a_column_that_a_field_reads_by_way_of_another_name_is_kept_for_want_of_a_value_that_fits() -> None:
    # "Anonymous" is IIS's word for nobody; Source User Name reads the column by way of its user.
    head = "#Fields: date time s-ip cs-method cs-uri-stem cs-username c-ip sc-status"
    running = normalizer(source="iis")
    lines = [head, "2022-09-19 15:02:29 10.0.0.5 GET /owa/ Anonymous 10.0.0.9 200"]
    (record,) = running.parse(lines, running.stream())
    (explanation,) = explain(record, running)
    assert [(kept.column, kept.reason) for kept in explanation.additional if kept.value == "Anonymous"] == [
        ("cs-username", "no value fit for Source User Name, or it was cut")
    ]


def test_a_plugins_row_bears_its_name_whether_it_extends_replaces_or_is_its_own() -> None:
    new = row("Reason", "sender-address", ours="our reason")
    ends: dict[str, Any] = {"source": "message_tracking", "taxonomy": "arcsight", "rows": (new,)}
    ways: tuple[dict[str, Any], ...] = (
        {"extends": "arcsight-2010"},
        {"replaces": "arcsight-2010", "rest": "kept"},
        {"rest": "kept"},
    )
    for how in ways:
        made = Mapping("mine", **ends, **how)
        pinned = {} if len(how) == 2 or "extends" in how else {"mapping": "mine"}
        assert rules(explained(plugin("acme", register_mappings=[made]), **pinned))["reason"] == "plugin acme"


def test_an_entry_of_the_event_table_bears_the_plugins_name_only_for_its_event() -> None:
    def severity(event: str) -> str:
        made = Mapping(
            "m", "message_tracking", "arcsight", (), extends="arcsight-2010", events={event: {"severity": 9}}
        )
        return rules(explained(plugin("acme", register_mappings=[made])))["severity"]

    assert severity("send") == "plugin acme"
    assert severity("RECEIVE") == "exnorm"


def shout(record: Record) -> Record:
    record.values["message-subject"] = record.values["message-subject"].upper()
    return record


def drop_sender(event: Event) -> Event:
    del event.fields["sourceUserName"]
    return event


def test_a_changed_field_names_the_plugin_that_changed_it_last() -> None:
    first = plugin("first", record_processors=[shout])
    second = plugin("second", event_processors=[drop_sender])
    explanation = explained(first, second)
    assert explanation.changed == {
        "message": "RECEIPT (plugin first)",
        "sourceUserName": "(removed) (plugin second)",
    }
    text = "\n".join(render(explanation))
    assert "changed by plugin first: message = 'RECEIPT'" in text
    assert "changed by plugin second: sourceUserName = '(removed)'" in text


def test_a_row_that_a_plugin_left_out_says_so() -> None:
    assert explained(plugin("acme", record_processors=[lambda record: None])).dropped == "by plugin acme"
    assert explained(profile="security").dropped == ""


def test_the_rule_stands_in_text_and_json() -> None:
    explanation = explained()
    line = next(line for line in render(explanation) if "message (msg)" in line)
    assert [cell.strip() for cell in line.split("|")][2:4] == ["message-subject", "guide"]
    (field,) = (field for field in explanation.as_dict()["fields"] if field["field"] == "message")
    assert field["rule"] == "guide"
