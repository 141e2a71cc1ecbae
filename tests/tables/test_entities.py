"""One name for each thing: the same field in every log, or a reason; and the page says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from exnorm.pipeline.normalizer import Normalizer
from exnorm.plugins.manager import Plugins
from exnorm.tables.entities import DEVIATIONS, ENTITIES, FIELDS, check, find_fields, find_places, render
from exnorm.tables.mapping import row

REGISTRY = Plugins(discover=False).registry
TABLES = list(REGISTRY.mappings.values())
PAGE = Path(__file__).parents[2] / "docs" / "entities.md"
SAMPLES = Path(__file__).parents[1] / "samples"


def test_every_thing_stands_in_its_field_in_every_log_or_has_a_reason() -> None:
    assert check(TABLES) == []
    assert all(DEVIATIONS.values())


def test_the_page_is_what_the_tables_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(TABLES), (
        "stale: python docs/entities.py docs/entities.md"
    )


def test_what_stands_elsewhere_without_a_reason_is_found() -> None:
    moved = replace(
        REGISTRY.mappings["arcsight-ews"],
        rows=tuple(
            replace(entry, field="Destination User Name") if entry.field == "Source User Name" else entry
            for entry in REGISTRY.mappings["arcsight-ews"].rows
        ),
    )
    tables = [moved if table.name == "arcsight-ews" else table for table in TABLES]
    assert check(tables) == ["arcsight-ews: user stands in Destination User Name"]


def test_every_origin_is_one_of_its_source() -> None:
    for logs in ENTITIES.values():
        for source, origins in logs.items():
            known = {*REGISTRY.sources[source].columns, *REGISTRY.sources[source].derived}
            assert not known.isdisjoint(origins), (source, origins)


def test_every_thing_has_a_field_in_both_taxonomies() -> None:
    for taxonomy, fields in FIELDS.items():
        assert set(fields) == set(ENTITIES)
        labels = {field.label for field in REGISTRY.taxonomies[taxonomy].fields}
        assert {label for names in fields.values() for label in names} <= labels


def test_a_row_of_additional_data_is_no_field() -> None:
    table = replace(REGISTRY.mappings["arcsight-ews"], rows=(row("Additional data", "Ring"),))
    assert find_fields(table, ("Ring",)) == ()
    assert any(place.entity == "user" for place in find_places(TABLES, "arcsight"))


@pytest.mark.parametrize(("taxonomy", "field"), [("arcsight", "externalId"), ("jsa", "requestId")])
def test_a_request_is_followed_from_iis_to_http_proxy_by_one_field(taxonomy: str, field: str) -> None:
    iis = (
        "#Software: Microsoft Internet Information Services 10.0\n"
        "#Fields: date time cs-method cs-uri-stem cs-uri-query c-ip sc-status\n"
        "2026-03-04 09:00:00 POST /owa/auth.owa &CorrelationID=<empty>;&cafeReqId=5e58f5e5-1ddc;&encoding=; "
        "192.0.2.1 302\n"
    )
    proxy = "#Log-type: HttpProxy Logs\n#Fields: DateTime,RequestId\n2026-03-04T09:00:00.001Z,5e58f5e5-1ddc\n"
    normalizer = Normalizer(taxonomy, discover_plugins=False)
    (one,) = normalizer.normalize(iis)
    (other,) = normalizer.normalize(proxy)
    assert one[field] == other[field] == "5e58f5e5-1ddc"


@pytest.mark.parametrize(("taxonomy", "field"), [("arcsight", "devicePayloadId"), ("jsa", "correlationId")])
def test_with_correlation_rows_of_a_session_are_joined_in_every_log(taxonomy: str, field: str) -> None:
    for name in (
        "smtp_protocol/SEND2024030509-1.LOG",
        "connectivity/CONNECTLOG2024031508-1.LOG",
        "agent_log/AgentLog20220913-1.LOG",
    ):
        normalizer = Normalizer(taxonomy, correlation=True, discover_plugins=False)
        found = list(normalizer.normalize((SAMPLES / name).read_bytes(), normalizer.stream(name)))
        assert found
        # one row of the connectivity log says something of the service, and is of no session
        without = [event for event in found if field not in event]
        assert len(without) == (1 if name.startswith("connectivity") else 0), name
