from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from exnorm import Event
from exnorm.cli import OK, run
from exnorm.plugins.manager import Plugins
from exnorm.sources.iis import IIS
from exnorm.sources.smtpsvc import SMTPSVC
from exnorm.tables.categorizer import CATEGORIES, render_categorizer
from exnorm.testing import events

REGISTRY = Plugins(discover=False).registry
HEADER = (
    "event.deviceEventClassId,set.event.categoryObject,set.event.categoryBehavior,"
    "set.event.categoryTechnique,set.event.categoryDeviceGroup,set.event.categorySignificance,"
    "set.event.categoryOutcome"
)


def read(content: str) -> dict[str, dict[str, str]]:
    rows = list(csv.DictReader(io.StringIO(content)))
    found = {row.pop("event.deviceEventClassId"): row for row in rows}
    assert len(found) == len(rows), "one line for each class id"
    return found


def categorizer() -> dict[str, dict[str, str]]:
    return read(render_categorizer(REGISTRY.mappings.values(), REGISTRY.sources)[0])


def test_the_first_line_is_the_one_that_arcsight_expects(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["mappings", "message_tracking", "--categorizer"]) == OK
    shown = capsys.readouterr()
    assert shown.out.splitlines()[0] == HEADER
    assert shown.err == ""
    assert (
        len(shown.out.splitlines()) == 1 + 43 + 2
    )  # the events of Microsoft's lists, and two fates that a trace does not know yet


def test_an_event_has_its_six_categories() -> None:
    assert categorizer()["POISONMESSAGE"] == {
        "set.event.categoryObject": "/Host/Application/Service/Email",
        "set.event.categoryBehavior": "/Found",
        "set.event.categoryTechnique": "",
        "set.event.categoryDeviceGroup": "/Application",
        "set.event.categorySignificance": "/Suspicious",
        "set.event.categoryOutcome": "/Failure",
    }


def test_class_ids_are_spelt_as_the_events_bear_them() -> None:
    found = categorizer()
    assert {
        "SENDEXTERNAL",
        "OWA:LOGON-FAILURE",
        "RCPT:REJECTED",
        "OUTBOUND-REPLY:DELAYED",
        "RejectMessage",
    } <= set(found)
    assert "REJECTMESSAGE" not in found


def test_what_the_file_sets_is_what_categories_writes() -> None:
    lines = [
        "#Software: Microsoft Internet Information Services 10.0",
        "#Fields: date time cs-method cs-uri-stem sc-status sc-win32-status",
        "2022-09-19 15:02:29 POST /owa/auth.owa 401 1326",
    ]
    (event,) = events(lines, categories=True)
    assert isinstance(event, Event)
    line = categorizer()[str(event["deviceEventClassId"])]
    assert {name: line[f"set.event.{name}"] for name in CATEGORIES} == {
        name: event.get(name, "") for name in CATEGORIES
    }
    assert event["categoryOutcome"] == "/Failure"


def test_the_finer_names_are_a_closed_list() -> None:
    assert len(IIS.variants) == 10 * 15  # ten applications, fifteen outcomes
    assert set(IIS.variants.values()) == set(IIS.events)
    assert set(SMTPSVC.variants.values()) == set(SMTPSVC.events)


def test_of_two_tables_that_disagree_the_first_is_followed_and_both_are_named() -> None:
    content, clashes = render_categorizer(REGISTRY.mappings.values(), REGISTRY.sources)
    assert (
        "class id REDIRECT has other categories in arcsight-http-proxy; those of arcsight-2016 are written"
        in clashes
    )
    assert read(content)["REDIRECT"]["set.event.categoryBehavior"] == "/Substitute"


def test_the_file_is_written_where_it_is_installed(tmp_path: Path) -> None:
    assert run(["mappings", "--categorizer", "--write", str(tmp_path)]) == OK
    written = tmp_path / "microsoft" / "exchange_server.csv"
    assert written.read_text("utf-8").startswith(HEADER + "\n")


def test_a_sites_own_categories_are_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = tmp_path / "site.yaml"
    site.write_text("tables: {arcsight-2016: {events: {SCANNED: {categoryBehavior: /Found}}}}")
    assert run(["mappings", "message_tracking", "--categorizer", "--config", str(site)]) == OK
    assert "\nSCANNED,,/Found,,,,\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "event", "expected"),
    [
        # published: 18000 Application, 18005 Mail Denied; 3000 Authentication, 3009 Mail Service Login Failed
        ("jsa-message-tracking", "DROP", (18005, "Mail Denied", "Application")),
        ("jsa-smtp", "AUTH-FAILURE", (3009, "Mail Service Login Failed", "Authentication")),
        ("jsa-message-tracking", "POISONMESSAGE", (7018, "Mail Protocol Anomaly", "Suspicious Activity")),
    ],
)
def test_jsas_categories_have_number_name_and_high_level(
    name: str, event: str, expected: tuple[int, str, str]
) -> None:
    found = REGISTRY.mappings[name].events[event]
    assert (found["categoryId"], found["category"], found["highLevelCategory"]) == expected


@pytest.mark.parametrize("name", [n for n, m in REGISTRY.mappings.items() if m.taxonomy == "jsa"])
def test_every_table_of_jsa_writes_them_on_request(name: str) -> None:
    rows = {row.field: row for row in REGISTRY.mappings[name].rows}
    for field in ("categoryId", "highLevelCategory"):
        assert str(rows[field].when) == "setting categories is true"


def test_jsa_writes_the_numbers_only_when_asked() -> None:
    lines = ["#Fields: date-time,event-id,message-subject", "2018-11-27T22:40:02.966Z,DROP,Hi"]
    for asked in (False, True):
        (event,) = events(lines, taxonomy="jsa", source="message_tracking", categories=asked)
        assert isinstance(event, Event)
        assert event["cat"] == "Mail Denied"
        assert event.get("categoryId") == (18005 if asked else None)
        assert event.get("highLevelCategory") == ("Application" if asked else None)
