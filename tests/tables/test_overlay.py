# ruff: noqa: E501 (each mistake beside its message)
from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from exnorm import Event, Mapping, Normalizer, SettingsError, hookimpl, row
from exnorm.pipeline.explanation import Explanation, explain
from exnorm.plugins.manager import Plugins
from exnorm.settings import CHOICES, make_settings, read_config
from exnorm.tables.overlay import READINGS, Overlaid, lay_over
from exnorm.testing import events, normalizer

PAGE = Path(__file__).parents[2] / "docs" / "overlays.md"
REGISTRY = Plugins(discover=False).registry
HEADER = (
    "#Fields: date-time,client-ip,source-context,event-id,reference,recipient-status,message-subject,"
    "sender-address,return-path,directionality,custom-data,x-verdict"
)
CUSTOM = "S:IsProbe=true;S:ProxiedClientIPAddress=192.0.2.7;S:IsProbe=false"
ROW = (
    "2018-11-27T22:40:02.966Z,10.1.2.3,\"MDB:1, ClientType:OWA, Seq:5\",SENDEXTERNAL,<ref@x>,550 5.1.1 no,Hi,"
    f"a@example.test,b@example.test,Incoming,{CUSTOM},clean"
)  # fmt: skip


def read(changes: str, table: str = "arcsight-2016") -> dict[str, Any]:
    """The layer of a file whose line 3 is the first of ``changes``."""
    indented = "".join(f"    {line}\n" for line in changes.splitlines()) or "    {}\n"
    return read_config(f"tables:\n  {table}:\n{indented}", "site.yaml")


def one_event(changes: str, table: str = "arcsight-2016", /, **settings: Any) -> Event:
    settings = {"source": "message_tracking", "schema": "", "mapping": "arcsight-2016", **settings}
    (event,) = events([HEADER, ROW], **read(changes, table), **settings)
    assert isinstance(event, Event)
    return event


def lay(layer: dict[str, Any]) -> Overlaid:
    return lay_over(layer["tables"], REGISTRY.mappings, REGISTRY.sources, REGISTRY.taxonomies)


def faults(changes: str, table: str = "arcsight-2016") -> list[str]:
    return lay(read(changes, table)).faults


def explained(changes: str, *plugins: object) -> Explanation:
    running = normalizer(*plugins, source="message_tracking", mapping="arcsight-2016", **read(changes))
    (record,) = running.parse([HEADER, ROW], running.stream())
    (explanation,) = explain(record, running)
    return explanation


def rules(explanation: Explanation) -> dict[str, str]:
    return {field.field: field.rule for field in explanation.fields}


# --- what it can do ------------------------------------------------------------------------------


def test_a_member_of_custom_data_is_lifted_and_the_column_stays_whole() -> None:
    event = one_event("add:\n- {field: Flex String 2, from: custom-data, member: IsProbe, label: Probe}")
    assert (event["flexString2"], event["flexString2Label"]) == ("true", "Probe")  # the first of the two
    assert event.additional["custom-data"] == CUSTOM


def test_a_lifted_member_is_read_as_the_type_of_its_field() -> None:
    change = "add:\n- {field: Device Translated Address, from: custom-data, member: %s}"
    assert one_event(change % "ProxiedClientIPAddress")["deviceTranslatedAddress"] == "192.0.2.7"
    assert "deviceTranslatedAddress" not in one_event(change % "IsProbe")  # "true" is no address


def test_a_member_that_the_row_does_not_have_gives_nothing() -> None:
    assert "reason" not in one_event("add:\n- {field: Reason, from: custom-data, member: Probe}")


def test_a_part_of_a_column_is_what_the_group_finds() -> None:
    event = one_event("add:\n- field: Reason\n  from: source-context\n  match: 'ClientType:(\\w+)'")
    assert event["reason"] == "OWA"
    assert event["deviceCustomString5"] == "MDB:1, ClientType:OWA, Seq:5"


def test_a_pattern_without_a_group_gives_all_that_it_finds() -> None:
    assert (
        one_event("add:\n- {field: Reason, from: recipient-status, match: '5\\.\\d\\.\\d'}")["reason"]
        == "5.1.1"
    )


def test_a_replaced_row_gives_its_old_column_to_the_additional_data() -> None:
    event = one_event("replace:\n- {field: suser, from: return-path, as: mailbox}")
    assert event["sourceUserName"] == "b@example.test"
    assert event.additional["sender-address"] == "a@example.test"


def test_a_field_may_be_replaced_by_several_rows_that_never_hold_together() -> None:
    changes = (
        "replace:\n"
        "- {field: Message, from: return-path, when: {event: [SEND, SENDEXTERNAL]}}\n"
        "- {field: Message, from: message-subject, when: {event-not: [SEND, SENDEXTERNAL]}}"
    )
    assert one_event(changes)["message"] == "b@example.test"


def test_a_removed_row_gives_its_column_to_the_additional_data() -> None:
    event = one_event("remove: [Flex String 1]")
    assert "flexString1" not in event
    assert event.additional["directionality"] == "Incoming"


def test_a_row_of_additional_data_is_removed_by_its_column_and_the_column_is_still_kept() -> None:
    event = one_event("remove:\n- {field: Additional data, from: recipient-status}")
    assert event.additional["recipient-status"] == "550 5.1.1 no"


def test_a_column_that_nobody_knows_is_made_known_and_used() -> None:
    event = one_event("columns: [x-verdict]\nadd:\n- {field: Reason, from: x-verdict}")
    assert event["reason"] == "clean"
    assert "x-verdict" not in event.additional


def test_the_first_column_with_a_value_counts() -> None:
    event = one_event("add:\n- {field: Reason, from: [tenant-id, reference, message-subject]}")
    assert event["reason"] == "<ref@x>"


def test_a_fixed_text_has_the_type_of_its_field() -> None:
    event = one_event("add:\n- {field: deviceFacility, value: perimeter}\n- {field: cnt, value: 1}")
    assert (event["deviceFacility"], event["baseEventCount"]) == ("perimeter", 1)


def test_a_row_holds_only_when_it_says_so() -> None:
    rows = (
        "add:\n"
        "- {field: Reason, value: in, when: {column: directionality, is: [incoming]}}\n"
        "- {field: Device Facility, value: out, when: {column: directionality, is-not: incoming}}"
    )
    event = one_event(rows)
    assert event["reason"] == "in"
    assert "deviceFacility" not in event


def test_labels_severities_and_categories_are_set() -> None:
    changes = (
        "labels: {Device Custom String 3: Related}\n"
        "events:\n"
        "  sendexternal: {severity: 7, categoryOutcome: /Attempt}"
    )
    event = one_event(changes, categories=True)
    assert event["deviceCustomString3Label"] == "Related"
    assert (event["severity"], event["categoryOutcome"]) == (7, "/Attempt")


def test_an_added_field_without_a_label_is_labelled_with_its_column() -> None:
    table = lay(read("add:\n- {field: cn2, from: total-bytes}")).mappings["arcsight-2016"]
    assert table.rows[-1].label == "total-bytes"


def test_several_tables_are_changed_at_once_and_every_other_one_is_left_alone() -> None:
    done = lay(read("remove: [Message]", "arcsight-2016, arcsight-2010"))
    without = {
        name
        for name, table in done.mappings.items()
        if table.taxonomy == "arcsight" and not any(entry.field == "Message" for entry in table.rows)
    }
    before = {
        name
        for name, table in REGISTRY.mappings.items()
        if table.taxonomy == "arcsight" and not any(entry.field == "Message" for entry in table.rows)
    }
    assert without - before == {"arcsight-2016", "arcsight-2010"}


def test_a_row_takes_the_place_of_one_that_is_written_on_request_only() -> None:
    event = one_event("add:\n- {field: Category Object, value: /Mail}", categories=True)
    assert event["categoryObject"] == "/Mail"


def test_the_same_may_be_given_in_python() -> None:
    running = Normalizer(tables={"arcsight-2016": {"remove": ["Message"]}}, discover_plugins=False)
    assert running.settings.tables.file == "tables"
    with pytest.raises(SettingsError, match=r"^tables: unknown table 'x'; expected one of "):
        Normalizer(tables={"x": {}}, discover_plugins=False)


# --- what it says --------------------------------------------------------------------------------


def test_explain_names_the_overlay_the_plugin_and_the_guide() -> None:
    class Plugin:
        name = "acme"

        @staticmethod
        @hookimpl
        def register_mappings() -> list[Mapping]:
            new = row("Device Facility", "reference", ours="we look there")
            events = {"SENDEXTERNAL": {"categoryObject": "/Mail"}}
            return [
                Mapping("m", "message_tracking", "arcsight", (new,), extends="arcsight-2016", events=events)
            ]

    changes = "add:\n- {field: Reason, from: reference}\nevents:\n  SENDEXTERNAL:\n    severity: 7"
    found = rules(explained(changes, Plugin()))
    assert found["message"] == "guide"
    assert rules(explained(""))["severity"] == "exnorm"
    assert found["deviceFacility"] == "plugin acme"
    assert found["reason"] == "overlay site.yaml:4"
    assert found["severity"] == "overlay site.yaml:7"


def test_explain_says_why_a_column_is_additional_data_now() -> None:
    kept = {column.column: column.reason for column in explained("remove: [Message]").additional}
    expected = "its row is removed by overlay site.yaml:3; kept as additional data"
    assert kept["message-subject"] == expected


def test_a_label_that_was_changed_names_whose_row_it_is_and_whose_label() -> None:
    found = rules(explained("labels: {cs3: Related}"))
    assert found["deviceCustomString3"] == "guide, label by overlay site.yaml:3"


def test_what_was_changed_is_listed_with_its_line() -> None:
    done = lay(read("remove: [Message]\nadd:\n- {field: Reason, from: reference}"))
    assert done.changes == [
        "arcsight-2016: Message removed (site.yaml:3)",
        "arcsight-2016: Reason added (site.yaml:5)",
    ]


# --- what it refuses -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ("colums: [a]", "3: table arcsight-2016: unknown key 'colums'; did you mean 'columns'?"),
        ("remove: [Mesage]", "3: unknown field 'Mesage' of arcsight; did you mean 'Message'?"),
        ("remove: [suzer]", "3: unknown field 'suzer' of arcsight; did you mean 'suser'?"),
        ("remove: [Reason]", "3: remove: table arcsight-2016 has no row for Reason"),
        ("remove: [Severity]", "3: remove: Severity stands in the format's header; replace its row instead"),
        ("columns: [client-ip]", "3: columns: 'client-ip' is a column of message_tracking already"),
        (
            "replace:\n- {field: Message, from: message-subjet}",
            "4: unknown column 'message-subjet' of message_tracking; did you mean 'message-subject'?",
        ),
        ("replace:\n- {field: Reason, from: reference}", "4: replace: table arcsight-2016 has no row for Reason; add it instead"),
        ("replace:\n- {field: Additional data, from: reference}", "4: replace: Additional data has many rows; remove one, or add one"),
        ("replace:\n- {field: Message}", "4: row Message: expected either from (a column) or value (a fixed text)"),
        ("add:\n- {from: reference}", "4: row: no field"),
        ("add:\n- Message", "4: row: got 'Message'; expected field, from, value, member, match, as, label, when, why"),
        ("add:\n- {field: Reason, frm: reference}", "4: row: unknown key 'frm'; did you mean 'from'?"),
        (
            "add:\n- {field: Source Address, from: client-ip}",
            "4: add: Source Address has a row already, from original-client-ip; write it under replace, or give both a when",
        ),
        (
            "add:\n- {field: Reason, from: reference}\n- {field: Reason, from: tenant-id}",
            "5: add: Reason has a row already, from reference (overlay site.yaml:4); write it under replace, or give both a when",
        ),
        ("add:\n- {field: Reason, from: reference, as: ipv}", "4: row Reason: as: unknown reading 'ipv'; did you mean 'ipv6'?"),
        (
            "add:\n- {field: dst, from: reference, as: text}",
            "4: row Destination Address: as: got 'text', but the field takes ipv4; expected ipv4",
        ),
        ("add:\n- {field: Reason, from: reference, as: port}", "4: row Reason: as: got 'port', which gives a number, but the field takes text"),
        ("add:\n- {field: cn2, value: many}", "4: row Device Custom Number 2: value: got 'many'; the field takes long"),
        ("add:\n- {field: Reason, value: x, as: upper}", "4: row Reason: as goes with from, not with value"),
        ("add:\n- {field: Reason, from: reference, match: '(a'}", "4: match: '(a' is no regular expression: missing ), unterminated subpattern at position 0"),
        ("add:\n- {field: Reason, from: reference, match: '(a)(b)'}", "4: match: '(a)(b)' has several groups; expected one, or none"),
        ("add:\n- {field: Reason, from: reference, label: x}", "4: Reason of arcsight has no label"),
        ("add:\n- {field: Reason, from: reference, when: {evnt: x}}", "4: when: unknown key 'evnt'; did you mean 'event'?"),
        (
            "add:\n- {field: Reason, from: reference, when: {event: x, column: y}}",
            "4: when: expected event, or event-not, or column with is or is-not, and one of these only",
        ),
        ("labels: {cn2: x}", "3: labels: table arcsight-2016 has no row for Device Custom Number 2"),
        ("events:\n  SEND: {severity: 11}", "4: severity: got '11'; expected a number from 0 to 10"),
        ("events:\n  SEND: {severity: high}", "4: severity: got 'high'; expected a number from 0 to 10"),
        ("events:\n  SEND: {severty: 1}", "4: events: 'SEND': unknown key 'severty'; did you mean 'severity'?"),
        ("events:\n  SEND: 7", "4: events: 'SEND': got '7'; expected {severity: ...}"),
        ("events: [SEND]", "3: events: got a list; expected a map"),
        ('labels: {cs3: "a\\nb"}', "3: labels: Device Custom String 3: got 'a\\nb', which holds U+000A (LF); expected plain text"),
        ('add:\n- {field: cs6, from: reference, label: "a\\tsrc=6.6.6.6"}', "4: label: got 'a\\tsrc=6.6.6.6', which holds U+0009 (TAB); expected plain text"),
        ('add:\n- {field: Reason, value: "\\0x"}', "4: value: got '\\x00x', which holds U+0000 (NUL); expected plain text"),
        ('events:\n  SEND: {categoryOutcome: "/A\\L/B"}', "4: categoryOutcome: got '/A\\u2028/B', which holds U+2028 (LS); expected plain text"),
        ('columns: ["a\\rb"]', "3: columns: got 'a\\rb', which holds U+000D (CR); expected plain text"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_with_its_line_and_the_nearest_right_name(changes: str, fault: str) -> None:
    assert faults(changes) == [f"site.yaml:{fault}"]
    with pytest.raises(SettingsError, match="^" + re.escape(f"site.yaml:{fault}") + "$"):
        normalizer(**read(changes))


def test_jsa_has_severities_from_1() -> None:
    assert faults("events: {SEND: {severity: 0}}", "jsa-message-tracking") == [
        "site.yaml:3: severity: got '0'; expected a number from 1 to 10"
    ]


def test_an_unknown_table_names_the_nearest() -> None:
    assert faults("remove: [Message]", "arcsight-2106") == [
        "site.yaml:2: unknown table 'arcsight-2106'; did you mean 'arcsight-2016'?"
    ]


def test_who_names_a_product_or_a_log_type_is_told_its_tables() -> None:
    assert faults("remove: [Message]", "imap_pop") == [
        "site.yaml:2: 'imap_pop' is a log type; expected one of its tables: arcsight-imap-pop, jsa-imap-pop"
    ]
    (fault,) = faults("remove: [Message]", "arcsight")
    assert fault.startswith(
        "site.yaml:2: 'arcsight' is a taxonomy; expected one of its tables: arcsight-2016, "
    )


def test_two_rows_for_a_field_that_can_hold_together_are_refused() -> None:
    changes = "replace:\n- {field: Message, from: reference, when: {event: SEND}}\n- {field: Message, from: tenant-id}"
    assert faults(changes) == [
        "site.yaml:5: Message is written here and in line 4, and both can hold at once"
    ]


def test_every_mistake_is_told_at_once_and_stops_the_run() -> None:
    changes = "labels: {cs9: x}\nadd:\n- {field: Reson, from: reference}\nremove: [Mesage]"
    assert [fault.split(":")[1] for fault in faults(changes)] == ["3", "5", "6"]
    with pytest.raises(SettingsError) as caught:
        normalizer(**read(changes))
    assert list(caught.value.args) == faults(changes)
    assert str(caught.value) == "; ".join(faults(changes))


def test_a_new_event_is_taken_and_noted_with_the_nearest_known_one() -> None:
    done = lay(read("events: {RECIEVE: {severity: 1}}"))
    assert done.faults == []
    assert done.notes == ["site.yaml:3: event 'RECIEVE' is new to message_tracking; did you mean 'RECEIVE'?"]


# --- the page ------------------------------------------------------------------------------------


def test_the_file_of_the_page_is_all_well_and_does_what_it_says() -> None:
    block, *_ = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    done = lay(read_config(block, "site.yaml"))
    assert done.faults == []
    layer = read_config(block, "site.yaml")
    (event,) = events([HEADER, ROW], source="message_tracking", mapping="arcsight-2016", **layer)
    assert isinstance(event, Event)
    assert event["reason"] == "clean"
    assert event["severity"] == 4
    assert event["sourceUserName"] == "b@example.test"


def test_the_mistakes_of_the_page_are_worded_as_it_says() -> None:
    page = PAGE.read_text("utf-8")
    assert faults("\ncolums: [a]")[0] in page
    assert faults("\n\n\n\nreplace:\n- {field: Message, from: message-subjet}")[0] in page
    assert faults("\n\n\n\n\nremove:\n- Mesage")[0] in page


def test_the_page_lists_every_reading() -> None:
    page = PAGE.read_text("utf-8")
    assert [name for name in READINGS if f"`{name}`" not in page] == []


def test_an_empty_list_of_changes_changes_nothing() -> None:
    for text in ("tables:", "tables: {}", "tables: {arcsight-2016: {}}"):
        layer = read_config(text, "site.yaml")
        assert make_settings(layer).profile in CHOICES["profile"]
        assert lay(layer).mappings == REGISTRY.mappings


# --- rows left out, severities by pattern, names of additional data ------------------------------


@pytest.mark.parametrize(
    ("changes", "stays"),
    [
        ("drop: [{event: SENDEXTERNAL}]", False),
        ("drop: [{event: [FAIL, DSN]}]", True),
        ("drop: [{event-not: SENDEXTERNAL}]", True),
        ("drop: [{column: message-subject, is: hi}]", False),
        ("drop: [{column: message-subject, is-not: hi}]", True),
        ("drop: [{column: recipient-status, pattern: '^5\\d\\d 5\\.7'}]", True),
        ("drop: [{column: recipient-status, pattern: '^5\\d\\d 5\\.1'}]", False),
        ("drop: [{event: SENDEXTERNAL, column: message-subject, is: other}]", True),
        ("drop: [{event: FAIL}, {column: reference, pattern: ref@}]", False),
        ("keep: [{event: FAIL}]", False),
        ("keep: [{event: FAIL}, {column: sender-address, pattern: '@example'}]", True),
        (
            "keep: [{event: SENDEXTERNAL}]\ndrop: [{column: x-verdict, is: clean}]\ncolumns: [x-verdict]",
            False,
        ),
    ],
)
def test_rows_are_left_out_by_event_column_and_pattern(changes: str, stays: bool) -> None:
    settings = {"source": "message_tracking", "mapping": "arcsight-2016", **read(changes)}
    running = normalizer(**settings)
    found = [*running.normalize([HEADER, ROW], running.stream())]
    assert len(found) == stays
    assert sum(running.counts.filtered.values()) == (not stays)
    assert [*running.encode([HEADER, ROW] * 40, running.stream())] == [
        *normalizer(**{**settings, "tables": {}}).encode([HEADER, ROW] * 40, running.stream())
    ] * stays


def test_a_row_that_is_left_out_is_counted_and_explained_by_its_line() -> None:
    assert explained("drop:\n- {event: DSN}\n- {event: SENDEXTERNAL}").dropped == "by overlay site.yaml:5"


def test_the_last_severity_that_matches_counts() -> None:
    changes = """\
severity:
- {match: {event: SENDEXTERNAL}, set: 4}
- {match: {column: recipient-status, pattern: '^550'}, set: 8}
- {match: {column: recipient-status, pattern: '^4'}, set: 2}"""
    assert one_event(changes)["severity"] == 8
    assert explained(changes).changed == {"severity": "8 (overlay site.yaml:5)"}


def test_additional_data_gets_the_name_that_the_site_gives_it() -> None:
    event = one_event("rename: {recipient-status: smtpAnswer}")
    assert event.additional["smtpAnswer"] == "550 5.1.1 no"
    assert "recipient-status" not in event.additional


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ("drop: [{evnt: FAIL}]", "3: drop: unknown key 'evnt'; did you mean 'event'?"),
        ("drop: [{column: recipient-stats, is: x}]", "3: unknown column 'recipient-stats' of message_tracking; did you mean 'recipient-status'?"),
        ("drop: [{column: reference}]", "3: drop: a column goes with one of is, is-not and pattern"),
        ("keep: [{is: x}]", "3: keep: a column goes with one of is, is-not and pattern"),
        ("keep: [{}]", "3: keep: expected event, event-not, or column with is, is-not or pattern"),
        ("drop: [{column: reference, pattern: '('}]", "3: pattern: '(' is no regular expression: missing ), unterminated subpattern at position 0"),
        ("severity: [{match: {event: FAIL}}]", "3: severity: no set"),
        ("severity: [{match: {event: FAIL}, set: 11}]", "3: severity: got '11'; expected a number from 0 to 10"),
        ("rename: {refrence: x}", "3: unknown column 'refrence' of message_tracking; did you mean 'reference'?"),
    ],
)  # fmt: skip
def test_a_mistake_in_them_is_told_with_its_line(changes: str, fault: str) -> None:
    assert faults(changes) == [f"site.yaml:{fault}"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ("add:\n- {feild: Mesage, from: message-subjct, as: integr}",
         ["row: unknown key 'feild'; did you mean 'field'?",
          "unknown field 'Mesage' of arcsight; did you mean 'Message'?",
          "unknown column 'message-subjct' of message_tracking; did you mean 'message-subject'?",
          "row: as: unknown reading 'integr'; did you mean 'integer'?"]),
        ("replace:\n- {field: Message, from: message-subjct, why: '', when: {colum: reference, is: x}}",
         ["unknown column 'message-subjct' of message_tracking; did you mean 'message-subject'?",
          "when: unknown key 'colum'; did you mean 'column'?",
          "why: got ''; expected a text"]),
        ("events:\n  FAIL: {severity: 99, severty: 2}",
         ["severity: got '99'; expected a number from 0 to 10",
          "events: 'FAIL': unknown key 'severty'; did you mean 'severity'?"]),
        ("remove:\n- {field: Mesage, from: message-subjct}",
         ["unknown field 'Mesage' of arcsight; did you mean 'Message'?",
          "unknown column 'message-subjct' of message_tracking; did you mean 'message-subject'?"]),
        ("drop:\n- {colunm: message-subjct, is: x}",
         ["drop: unknown key 'colunm'; did you mean 'column'?",
          "unknown column 'message-subjct' of message_tracking; did you mean 'message-subject'?"]),
        ("severity:\n- {match: {column: message-subjct, is: x}, set: 99}",
         ["unknown column 'message-subjct' of message_tracking; did you mean 'message-subject'?",
          "severity: got '99'; expected a number from 0 to 10"]),
        ("rename:\n  message-subjct: ''",
         ["rename: message-subjct: got ''; expected a text",
          "unknown column 'message-subjct' of message_tracking; did you mean 'message-subject'?"]),
    ],
)  # fmt: skip
def test_all_that_is_wrong_in_one_entry_is_told_at_once(changes: str, told: list[str]) -> None:
    found = faults(changes)
    assert [fault.split(": ", 1)[1] for fault in found] == told
    assert len({fault.split(": ", 1)[0] for fault in found}) == 1
