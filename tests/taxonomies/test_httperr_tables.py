from __future__ import annotations

from pathlib import Path

import pytest

from exnorm.model import Event
from exnorm.pipeline.normalizer import Normalizer
from exnorm.sources.httperr import REASONS
from exnorm.taxonomies.arcsight.httperr import EVENTS as ARCSIGHT_EVENTS
from exnorm.taxonomies.jsa.httperr import EVENTS as JSA_EVENTS

SAMPLE = Path(__file__).parent.parent / "samples" / "httperr" / "httperr1.log"
ZONED = SAMPLE.with_name("httperr2.log")


def events(taxonomy: str) -> list[Event]:
    found = list(Normalizer(taxonomy, discover_plugins=False).normalize(SAMPLE.read_bytes()))
    assert all(isinstance(event, Event) for event in found)
    return found  # type: ignore[return-value]


def test_a_row_in_the_fields_of_arcsight() -> None:
    found = events("arcsight")[2]
    assert dict(found) == {
        "deviceVendor": "Microsoft",
        "deviceProduct": "Exchange Server",
        "deviceVersion": "HTTP API 2.0",
        "deviceEventClassId": "QueueFull",
        "name": "QueueFull",
        "severity": 7,
        "eventOutcome": "failure",
        "deviceEventCategory": "HTTPERR",
        "deviceReceiptTime": 1772617260000,  # 2026-03-04T09:41:00Z
        "deviceCustomIPv6Address2": "2001:db8::7",
        "deviceCustomIPv6Address2Label": "Source IPv6 Address",
        "sourcePort": 51400,
        "deviceCustomIPv6Address3": "2001:db8::10",
        "deviceCustomIPv6Address3Label": "Destination IPv6 Address",
        "destinationPort": 444,
        "deviceCustomIPv6Address1": "2001:db8::10",
        "deviceCustomIPv6Address1Label": "Device IPv6 Address",
        "applicationProtocol": "HTTP/2.0",
        "requestMethod": "POST",
        "requestUrl": "/EWS/Exchange.asmx?x=1",
        "reason": "QueueFull",
        "deviceCustomNumber1": 503,
        "deviceCustomNumber1Label": "HTTP Status",
        "deviceCustomString1": "MSExchangeServicesAppPool",
        "deviceCustomString1Label": "Request Queue",
        "deviceFacility": "2",
    }
    assert found.additional == {"streamid": "5"}


def test_the_zone_of_an_address_is_lost_in_its_field_so_the_column_stays() -> None:
    found = list(Normalizer("arcsight", discover_plugins=False).normalize(ZONED.read_bytes()))[1]
    assert isinstance(found, Event)
    assert found["deviceCustomIPv6Address2"] == "2001:db8::7"
    assert found.additional == {"c-ip": "2001:db8::7%0", "s-ip": "2001:db8::10%0"}


def test_a_row_in_the_fields_of_jsa() -> None:
    found = events("jsa")[1]
    assert dict(found) == {
        "vendor": "Microsoft",
        "product": "Exchange Server",
        "version": "HTTP API 2.0",
        "eventId": "Forbidden",
        "src": "198.51.100.9",
        "dst": "192.0.2.10",
        "srcPort": 51322,
        "dstPort": 443,
        "devTime": 1772617212000,  # 2026-03-04T09:40:12Z
        "cat": "Access Denied",
        "sev": 5,
        "url": "/owa/..%2f..%2fweb.config",
        "method": "GET",
        "status": 403,
    }
    assert found.additional == {"cs-version": "HTTP/1.1"}


def test_an_idle_connection_is_neither_success_nor_failure_and_of_no_weight() -> None:
    found = events("arcsight")[0]
    assert found["severity"] == 0
    assert "eventOutcome" not in found
    assert events("jsa")[0]["sev"] == 1


@pytest.mark.parametrize("table", [ARCSIGHT_EVENTS, JSA_EVENTS])
def test_every_documented_reason_is_in_the_event_table(table: dict[str, object]) -> None:
    assert set(table) == set(REASONS)
