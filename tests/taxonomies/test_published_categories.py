"""The categories that our event tables name are ones that the products have."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from exnorm.plugins.manager import Plugins

FACTS = Path(__file__).parents[3] / "shared" / "facts"
OURS = (
    "http-proxy",
    "imap-pop",
    "agent-log",
    "connectivity",
    "owa",
    "smtpsvc",
    "httperr",
    "rps-cmdlet",
    "rps-http",
    "ews",
    "audit-export",
)
MAPPINGS = Plugins(discover=False).registry.mappings

pytestmark = pytest.mark.skipif(
    not FACTS.is_dir(), reason="the published lists are not beside the repository"
)


def read(name: str) -> list[dict[str, str]]:
    with (FACTS / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


@pytest.mark.parametrize("name", OURS)
def test_every_category_of_jsa_has_its_published_id_and_name(name: str) -> None:
    published = {(row["llc_id"], row["llc_name"]) for row in read("qradar_categories.tsv")}
    events = MAPPINGS[f"jsa-{name}"].events
    named = [event for event in events.values() if "category" in event]
    assert {(str(event["categoryId"]), str(event["category"])) for event in named} <= published
    assert {int(event["severity"]) for event in events.values()} <= set(range(1, 11))


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize(
    "field",
    [
        "categoryObject",
        "categoryBehavior",
        "categoryOutcome",
        "categorySignificance",
        "categoryDeviceGroup",
        "categoryTechnique",
    ],
)
def test_every_category_of_arcsight_is_a_known_value(name: str, field: str) -> None:
    known = {row["value"] for row in read("arcsight_categories_values.tsv") if row["field"] == field}
    events = MAPPINGS[f"arcsight-{name}"].events
    assert known
    assert {str(event.get(field, "")) for event in events.values()} - {""} <= known
    assert {int(event["severity"]) for event in events.values() if "severity" in event} <= set(range(11))
