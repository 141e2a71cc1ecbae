"""The keys that CEF 1.2 added are fields of the taxonomy."""

from __future__ import annotations

import pytest

from exnorm.taxonomies.arcsight.fields import ARCSIGHT

# Key, and how many bytes it may have; 0 for numbers. Typed from the CEF implementation standard.
ADDED = {
    "agentTranslatedZoneKey": 0,
    "agentZoneKey": 0,
    "customerKey": 0,
    "dTranslatedZoneKey": 0,
    "dZoneKey": 0,
    "deviceTranslatedZoneKey": 0,
    "deviceZoneKey": 0,
    "sTranslatedZoneKey": 0,
    "sZoneKey": 0,
    "reportedDuration": 0,
    "reportedResourceGroupName": 128,
    "reportedResourceID": 256,
    "reportedResourceName": 64,
    "reportedResourceType": 64,
    "frameworkName": 256,
    "threatActor": 40,
    "threatAttackID": 32,
}


@pytest.mark.parametrize("key", ADDED)
def test_each_key_of_cef_1_2_is_a_field_of_its_length(key: str) -> None:
    (found,) = [field for field in ARCSIGHT.fields if field.key == key]
    assert found.max_bytes == ADDED[key]
    assert found.type == ("text" if ADDED[key] else "integer")


def test_there_are_17_of_them_and_no_key_stands_twice() -> None:
    assert len(ADDED) == 17
    keys = [field.key for field in ARCSIGHT.fields]
    assert len(set(keys)) == len(keys)
